package access

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/store"
)

// How many failures are free, how long the first wait is, how long the longest. The wait doubles with each failure. A
// success clears the account's count, not the address's.
const (
	accountFree, accountWait, accountLongest = 5, time.Minute, time.Hour
	addressFree, addressWait, addressLongest = 30, 15 * time.Minute, 4 * time.Hour
	forgiven                                 = 24 * time.Hour // after the last failure
)

// attempt is one try to sign in, counted as a failure before it is judged, so that many at once gain nothing.
type attempt struct {
	account, address string // subjects in the database: keyed digests, so that the table says nothing about who and where
	locks            bool   // this try, if it fails, makes the account wait
}

// count refuses a try while its account or address must wait, and else counts it. Account may be empty.
func (g *Gate) count(ctx context.Context, account, address string) (attempt, error) {
	var a attempt
	if account != "" {
		a.account = g.keys.Digest("sign-in account", []byte(account))
	}
	a.address = g.keys.Digest("sign-in address", []byte(network(address)))
	err := g.db.Write(ctx, func(tx *store.Tx) error {
		now := g.now()
		var wait time.Duration
		rows := map[string]tries{}
		for _, subject := range a.subjects() {
			t, err := store.One[tries](ctx, tx, "SELECT failures, last, until FROM sign_in_attempt WHERE subject = $1", subject)
			if err != nil && !missing(err) {
				return fmt.Errorf("read how often sign-in failed: %w", err)
			}
			if now.Sub(t.Last.Time()) > forgiven {
				t = tries{}
			}
			wait = max(wait, t.Until.Time().Sub(now))
			rows[subject] = t
		}
		if wait > 0 {
			return fault.New(fault.Unavailable, "There were too many attempts to sign in.").WithNext("Try again in %s.", minutes(wait))
		}
		for _, subject := range a.subjects() {
			t := rows[subject]
			t.Failures++
			t.Last, t.Until = store.At(now), 0
			if subject == a.account {
				t.Until = until(now, t.Failures, accountFree, accountWait, accountLongest)
				a.locks = t.Until != 0
			} else {
				t.Until = until(now, t.Failures, addressFree, addressWait, addressLongest)
			}
			if err := t.save(ctx, tx, subject); err != nil {
				return err
			}
		}
		return nil
	})
	return a, err
}

// succeeded takes back the count of a try that was right, in the transaction that signs in.
func (a attempt) succeeded(ctx context.Context, tx store.Q) error {
	if a.account != "" {
		if _, err := tx.Exec(ctx, "DELETE FROM sign_in_attempt WHERE subject = $1", a.account); err != nil {
			return fmt.Errorf("clear failed sign-ins: %w", err)
		}
	}
	t, err := store.One[tries](ctx, tx, "SELECT failures, last, until FROM sign_in_attempt WHERE subject = $1", a.address)
	if missing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read how often sign-in failed: %w", err)
	}
	t.Failures = max(0, t.Failures-1)
	if t.Failures < addressFree {
		t.Until = 0
	}
	return t.save(ctx, tx, a.address)
}

func (a attempt) subjects() []string {
	if a.account == "" {
		return []string{a.address}
	}
	return []string{a.account, a.address}
}

type tries struct {
	Failures int64        `db:"failures"`
	Last     store.Moment `db:"last"`
	Until    store.Moment `db:"until"`
}

func (t tries) save(ctx context.Context, tx store.Q, subject string) error {
	err := store.InsertOr(ctx, tx, "sign_in_attempt", []string{"subject", "failures", "last", "until"},
		"ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures, last = excluded.last, until = excluded.until",
		[][]any{{subject, t.Failures, t.Last, t.Until}})
	if err != nil {
		return fmt.Errorf("count a sign-in: %w", err)
	}
	return nil
}

// until is the end of the wait after so many failures; 0 while they are free.
func until(now time.Time, failures, free int64, wait, longest time.Duration) store.Moment {
	if failures < free {
		return 0
	}
	for i := free; i < failures && wait < longest; i++ {
		wait *= 2
	}
	return store.At(now.Add(min(wait, longest)))
}

// network is the address that is counted: of IPv6 the /64, because one machine owns as many addresses in it as it likes.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return p.String()
}

func minutes(d time.Duration) string {
	if m := int((d + time.Minute - 1) / time.Minute); m != 1 {
		return fmt.Sprintf("%d minutes", m)
	}
	return "a minute"
}
