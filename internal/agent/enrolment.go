package agent

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Limits of enrolment tokens.
const (
	tokenMark    = "tickmark_enrol_"
	tokenLife    = 7 * 24 * time.Hour
	tokenLongest = 90 * 24 * time.Hour
	tokenUses    = 1000
)

// Token is an enrolment token as it is kept: never the token itself.
type Token struct {
	ID      string       `db:"id" json:"id"` // its first letters, tickmark_enrol_ID_…
	Group   string       `db:"connection" json:"group"`
	By      string       `db:"made_by" json:"made_by"`
	Created store.Moment `db:"created" json:"created"`
	Expires store.Moment `db:"expires" json:"expires"`
	Uses    int64        `db:"uses" json:"uses" doc:"How many machines may still enrol with it."`
	Used    store.Moment `db:"used" json:"used,omitzero" doc:"When one last did."`
	Revoked store.Moment `db:"revoked" json:"revoked,omitzero"`
}

const tokenColumns = "id, connection, made_by, created, expires, uses, used, revoked"

// Stands reports whether somebody could enrol with it.
func (t Token) Stands(now time.Time) bool {
	return t.Revoked == 0 && t.Uses > 0 && now.Before(t.Expires.Time())
}

// NewToken makes a token with which machines join a group, and returns it in full, once.
func (f *Fleet) NewToken(ctx context.Context, by record.Authority, group string, uses int64, life time.Duration) (string, Token, error) {
	if err := f.May(ctx, by); err != nil {
		return "", Token{}, err
	}
	if life == 0 {
		life = tokenLife
	}
	switch {
	case uses < 1 || uses > tokenUses:
		return "", Token{}, fault.New(fault.Invalid, "A token lets 1 to %d machines enrol.", tokenUses)
	case life < time.Minute || life > tokenLongest:
		return "", Token{}, fault.New(fault.Invalid, "An enrolment token lives from a minute to 90 days.")
	}
	now := f.Book.Log.Clock()
	var id [8]byte
	rand.Read(id[:])
	t := Token{ID: hex.EncodeToString(id[:]), Group: group, By: by.Actor().Name, Created: store.At(now), Expires: store.At(now.Add(life)), Uses: uses}
	plain := tokenMark + t.ID + "_" + strings.ToLower(rand.Text()+rand.Text())
	err := f.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		if _, err := f.group(ctx, group); err != nil {
			return err
		}
		err := store.Insert(ctx, tx, "enrolment", strings.Split("hash, "+tokenColumns, ", "), [][]any{{hashed(plain), t.ID, t.Group, t.By, t.Created, t.Expires, t.Uses, 0, 0}})
		if err != nil {
			return fmt.Errorf("keep the enrolment token: %w", err)
		}
		_, err = tx.Act(ctx, "enrolment.made", t.By, group, map[string]any{"token": t.ID, "uses": uses, "expires": t.Expires})
		return err
	})
	return plain, t, err
}

// Tokens lists those of a group, or all, the newest first.
func (f *Fleet) Tokens(ctx context.Context, group string) ([]Token, error) {
	return store.All[Token](ctx, f.Book.DB, "SELECT "+tokenColumns+" FROM enrolment WHERE connection = $1 OR $1 = '' ORDER BY created DESC, id", group)
}

// RevokeToken ends a token at once. Machines that enrolled with it stay.
func (f *Fleet) RevokeToken(ctx context.Context, by record.Authority, id, reason string) error {
	if err := f.May(ctx, by); err != nil {
		return err
	}
	return f.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		t, err := store.One[Token](ctx, tx, "SELECT "+tokenColumns+" FROM enrolment WHERE id = $1", id)
		if err != nil {
			return fault.New(fault.NotFound, "There is no enrolment token %s.", id).WithNext("tickmark agent token list shows them.")
		}
		if t.Revoked != 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, "UPDATE enrolment SET revoked = $1 WHERE id = $2", tx.Now, id); err != nil {
			return err
		}
		_, err = tx.Act(ctx, "enrolment.revoked", by.Actor().Name, t.Group, map[string]any{"token": id, "reason": reason})
		return err
	})
}

func hashed(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

var (
	machineForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
	hostForm    = regexp.MustCompile(`^[\pL\pN._ -]{1,200}$`)
	notInName   = regexp.MustCompile(`[^a-z0-9-]+`)
)

// Enrol takes a machine into the group of its token. One that is known already by another key waits for an administrator: a
// machine's id is no secret, and whoever knows it must not speak for it.
func (f *Fleet) Enrol(ctx context.Context, r *http.Request, body []byte) (Enrolled, error) {
	var e Enrolment
	if err := strict(body, &e); err != nil {
		return Enrolled{}, refuse(http.StatusUnprocessableEntity, WhyContent, "This is not how a machine enrols: %s.", err)
	}
	key, err := parseKey(e.Key)
	switch {
	case err != nil:
		return Enrolled{}, refuse(http.StatusUnprocessableEntity, WhyContent, "%s", err)
	case !machineForm.MatchString(e.Machine):
		return Enrolled{}, refuse(http.StatusUnprocessableEntity, WhyContent, "The machine's id is not 32 hexadecimal digits.")
	case !hostForm.MatchString(e.Hostname) || !slices.Contains([]string{"linux", "darwin", "windows"}, e.System):
		return Enrolled{}, refuse(http.StatusUnprocessableEntity, WhyContent, "The machine has no usable name, or a system that no agent runs on.")
	}
	p, err := readProof(r, body)
	if err == nil { // that it holds the key it wants to be known by
		err = p.by(key, f.Book.Log.Clock())
	}
	if err != nil {
		return Enrolled{}, err
	}
	var out Enrolled
	err = f.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		t, err := store.One[Token](ctx, tx, "SELECT "+tokenColumns+" FROM enrolment WHERE hash = $1", hashed(e.Token))
		known := t.ID != "" && t.Revoked == 0 && f.Book.Log.Clock().Before(t.Expires.Time())
		if err != nil || !known {
			return refuse(http.StatusUnauthorized, WhyToken, "This enrolment token is unknown, expired or revoked.").with("Ask an administrator for another, made with tickmark agent token add.")
		}
		group, err := f.group(ctx, t.Group)
		if err != nil {
			return refuse(http.StatusUnauthorized, WhyToken, "The group of this token is gone.").with("Ask an administrator for a token of another.")
		}
		conn, there, err := f.same(ctx, e, Fingerprint(key))
		if err != nil {
			return err
		}
		if m, _ := memberOf(conn); there && (m.Key == Fingerprint(key) && m.Revoked == "" || m.Waiting == Fingerprint(key)) { // it asks again
			out = Enrolled{Name: m.Name, Group: m.Group, State: m.State}
			if m.Key == Fingerprint(key) {
				out.State = StateEnrolled
			}
			return nil
		}
		n, err := tx.Exec(ctx, "UPDATE enrolment SET uses = uses - 1, used = $1 WHERE id = $2 AND uses > 0", tx.Now, t.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return refuse(http.StatusUnauthorized, WhyToken, "This enrolment token is used up.").with("Ask an administrator for another, made with tickmark agent token add.")
		}
		if out, err = f.join(ctx, tx, group, conn, there, e, t); err != nil {
			return err
		}
		_, err = tx.Act(ctx, "machine."+map[string]string{StateEnrolled: "enrolled", StateWaiting: "asked"}[out.State], "machine:"+out.Name, out.Name,
			map[string]any{"token": t.ID, "key": Fingerprint(key), "machine": e.Machine, "hostname": e.Hostname})
		return err
	})
	return out, err
}

// same finds the machine with this id, and refuses a key that is another machine's.
func (f *Fleet) same(ctx context.Context, e Enrolment, fingerprint string) (found collect.Connection, there bool, err error) {
	conns, err := f.Collector.Connections(ctx)
	if err != nil {
		return found, false, err
	}
	for _, conn := range conns {
		m, ok := memberOf(conn)
		if !ok {
			continue
		}
		if m.Machine == e.Machine {
			found, there = conn, true
		} else if m.Key == fingerprint || m.Waiting == fingerprint {
			return found, false, refuse(http.StatusConflict, WhyForeign, "This key is another machine's.").with("Was this machine copied from that one? Take the agent's state away and enrol again.")
		}
	}
	return found, there, nil
}

// join makes the connection of a new machine, or notes the key that a known one asks to be known by.
func (f *Fleet) join(ctx context.Context, tx *ledger.Tx, group, conn collect.Connection, there bool, e Enrolment, t Token) (Enrolled, error) {
	if there {
		set(&conn, setWaiting, e.Key)
		return Enrolled{Name: conn.Name, Group: conn.Settings[setGroup], State: StateWaiting}, f.put(ctx, tx, "machine:"+conn.Name, conn, "the machine asks to be known by another key")
	}
	name, err := f.free(ctx, tx, group.Name, e.Hostname)
	if err != nil {
		return Enrolled{}, err
	}
	conn = collect.Connection{Name: name, Connector: MachineConnector, Title: e.Hostname + " (" + group.Name + ")", Every: group.Every, Settings: map[string]string{
		setGroup: group.Name, setMachine: e.Machine, setHostname: e.Hostname, setSystem: e.System, setKey: e.Key}}
	if err := f.put(ctx, tx, "machine:"+name, conn, "the machine enrolled with the token "+t.ID); err != nil {
		return Enrolled{}, err
	}
	err = store.InsertOr(ctx, tx, "machine", strings.Split(rowColumns, ", "), "ON CONFLICT (connection) DO UPDATE SET sequence = 0, heard = 0, began = 0, refused = '', refused_at = 0", [][]any{{name, 0, 0, 0, "", 0}})
	return Enrolled{Name: name, Group: group.Name, State: StateEnrolled}, err
}

// free is a name for a machine that no connection has, nor had: what a removed one said must not be taken for this one's.
func (f *Fleet) free(ctx context.Context, tx *ledger.Tx, group, hostname string) (string, error) {
	base, _, _ := strings.Cut(strings.ToLower(hostname), ".")
	base = strings.Trim(notInName.ReplaceAllString(base, "-"), "-")
	if base = base[:min(len(base), max(0, 50-len(group)))]; base == "" {
		base = "machine"
	}
	for n := 1; n < 10_000; n++ {
		name := group + "." + base
		if n > 1 {
			name += fmt.Sprintf("-%d", n)
		}
		had, err := store.One[int64](ctx, tx, "SELECT count(*) FROM record r JOIN kind k ON k.id = r.kind WHERE k.name = $1 AND r.key = $2", collect.ConnectionKind, name)
		if err != nil {
			return "", err
		}
		if had == 0 {
			return name, nil
		}
	}
	return "", fault.New(fault.Conflict, "There are ten thousand machines called %s.", base)
}
