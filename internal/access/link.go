package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

const linkLife = 24 * time.Hour

type linkRow struct {
	User    string       `db:"user_key"`
	Expires store.Moment `db:"expires"`
	Used    store.Moment `db:"used"`
}

// Link makes a one-time sign-in link for a user and returns its whole address, which nothing keeps: the database holds a
// hash. It lives 24 hours and works once; links made for the user before stop working. Needs the right to administer users.
func (g *Gate) Link(ctx context.Context, by record.Authority, key string) (string, error) {
	k := Kind()
	if err := by.May(ctx, Admin, &k); err != nil {
		return "", err
	}
	u, err := g.enabled(ctx, key)
	if err != nil {
		return "", err
	}
	plain, hash := newToken()
	err = g.log.Write(ctx, func(tx *ledger.Tx) error {
		if err := dropLinks(ctx, tx, key); err != nil {
			return err
		}
		now := g.now()
		err := store.Insert(ctx, tx, "sign_in_link", []string{"hash", "user_key", "created", "expires", "used"},
			[][]any{{hash, key, store.At(now), store.At(now.Add(linkLife)), 0}})
		if err != nil {
			return fmt.Errorf("keep the link: %w", err)
		}
		_, err = tx.Act(ctx, "link.made", by.Actor().Name, u.subject(), map[string]any{"expires": now.Add(linkLife).UTC().Format(time.RFC3339)})
		return err
	})
	if err != nil {
		return "", err
	}
	return g.base.Scheme + "://" + g.base.Host + "/sign-in/link?token=" + plain, nil
}

// PeekLink returns whom the link would sign in, and consumes nothing.
func (g *Gate) PeekLink(ctx context.Context, token string) (User, error) {
	u, _, err := g.link(ctx, g.db, token)
	return u, err
}

// SignInByLink consumes the link and signs its user in.
func (g *Gate) SignInByLink(ctx context.Context, token, address string) (User, error) {
	if err := g.inside(ctx); err != nil {
		return User{}, err
	}
	try, err := g.count(ctx, "", address)
	if err != nil {
		return User{}, err
	}
	var u User
	var why error
	err = g.log.Write(ctx, func(tx *ledger.Tx) error {
		var who string
		if u, who, why = g.link(ctx, tx, token); why != nil {
			if !fault.Is(why, fault.SignIn) {
				return why
			}
			return g.note(ctx, tx, who, ByLink, address, why)
		}
		n, err := tx.Exec(ctx, "UPDATE sign_in_link SET used = $1 WHERE hash = $2 AND used = 0", store.At(g.now()), hashed(token))
		if err != nil || n != 1 {
			return fmt.Errorf("use the link (%d rows): %w", n, err)
		}
		if err := try.succeeded(ctx, tx); err != nil {
			return err
		}
		return g.noteSignedIn(ctx, tx, u, ByLink, address, nil)
	})
	if err != nil {
		return User{}, err
	}
	if why != nil {
		return User{}, why
	}
	return u, g.enter(ctx, u, ByLink)
}

// link reads a link that still works; who is its user even when it does not.
func (g *Gate) link(ctx context.Context, q store.Q, token string) (u User, who string, err error) {
	no := fault.New(fault.SignIn, "This link does not sign anyone in: it was used, replaced or is older than 24 hours.").
		WithNext("Ask an owner of the workspace for a new one, or run tickmark user link on its machine.")
	r, err := store.One[linkRow](ctx, q, "SELECT user_key, expires, used FROM sign_in_link WHERE hash = $1", hashed(token))
	if missing(err) {
		return User{}, "", no
	}
	if err != nil {
		return User{}, "", fmt.Errorf("read the link: %w", err)
	}
	if r.Used != 0 || !g.now().Before(r.Expires.Time()) {
		return User{}, r.User, no
	}
	u, err = g.User(ctx, r.User)
	if fault.Is(err, fault.NotFound) || err == nil && u.Disabled {
		return User{}, r.User, no
	}
	return u, r.User, err
}

// dropLinks makes every unused link of the user useless.
func dropLinks(ctx context.Context, tx store.Q, key string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM sign_in_link WHERE user_key = $1 AND used = 0", key); err != nil {
		return fmt.Errorf("withdraw the links of %s: %w", key, err)
	}
	return nil
}

// note records a refused sign-in. Who is the user it was tried for, empty when there is none of that name: what was typed
// is not kept, because people type passwords into the wrong field.
func (g *Gate) note(ctx context.Context, tx *ledger.Tx, who, method, address string, why error) error {
	detail := map[string]any{"method": method, "address": address}
	if f := (*fault.Fault)(nil); errors.As(why, &f) && f.Err != nil {
		detail["why"] = f.Err.Error()
	}
	subject := ""
	if who != "" {
		subject = User{Key: who}.subject()
	}
	_, err := tx.Act(ctx, "user.sign_in_refused", "nobody", subject, detail)
	return err
}

func (g *Gate) noteSignedIn(ctx context.Context, tx *ledger.Tx, u User, method, address string, more map[string]any) error {
	detail := map[string]any{"method": method, "address": address}
	for k, v := range more {
		detail[k] = v
	}
	_, err := tx.Act(ctx, "user.signed_in", u.Actor().Name, u.subject(), detail)
	return err
}
