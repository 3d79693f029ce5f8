package access

import (
	"context"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// What a token may do, of what its user may.
const (
	ScopeRead     = "read"
	ScopeWrite    = "write"    // read and write content; decisions take a person who signed in
	ScopeCalendar = "calendar" // read the calendar of its user, and nothing else
	ScopePush     = "push:"    // followed by a connection: send to it, and nothing else
)

const (
	tokenLife    = 90 * 24 * time.Hour
	tokenLongest = 366 * 24 * time.Hour
	tokenTouch   = time.Hour // how exact the time of last use is
	tokenMark    = "tickmark_"
)

// TokenRequest asks for an API token.
type TokenRequest struct {
	User    string    // whose; the maker's own when empty
	Name    string    // what it is for
	Scope   string    // ScopeRead or ScopeWrite
	Expires time.Time // at most 366 days ahead; 90 days when zero
}

// Token is an API token as it is kept: never the token itself.
type Token struct {
	ID      string       `db:"id" json:"id"` // its first letters, tickmark_ID_…
	User    string       `db:"user_key" json:"user"`
	Name    string       `db:"name" json:"name"`
	Scope   string       `db:"scope" json:"scope"`
	Created store.Moment `db:"created" json:"created"`
	Expires store.Moment `db:"expires" json:"expires"`
	Used    store.Moment `db:"used" json:"used,omitzero"`       // to the hour; 0 when never
	Revoked store.Moment `db:"revoked" json:"revoked,omitzero"` // 0 when it stands
}

const tokenColumns = "id, user_key, name, scope, created, expires, used, revoked"

// NewToken makes a token and returns it in full, once. One makes them for oneself; for others it takes the right to
// administer users. A token makes no tokens.
func (g *Gate) NewToken(ctx context.Context, by record.Authority, r TokenRequest) (string, Token, error) {
	if r.User == "" {
		r.User = by.Actor().User
	}
	if err := g.selfOrAdmin(ctx, by, r.User); err != nil {
		return "", Token{}, err
	}
	u, err := g.enabled(ctx, r.User)
	if err != nil {
		return "", Token{}, err
	}
	now := g.now()
	if r.Expires.IsZero() {
		r.Expires = now.Add(tokenLife)
	}
	r.Name = strings.TrimSpace(r.Name)
	switch {
	case r.Name == "" || len(r.Name) > 100:
		return "", Token{}, fault.New(fault.Invalid, "A token needs a name of at most 100 letters.").WithNext("Say what will use it.")
	case strings.HasPrefix(r.Scope, ScopePush):
		if err := g.mayPush(ctx, by, strings.TrimPrefix(r.Scope, ScopePush)); err != nil {
			return "", Token{}, err
		}
	case r.Scope != ScopeRead && r.Scope != ScopeWrite && r.Scope != ScopeCalendar:
		return "", Token{}, fault.New(fault.Invalid, "There is no scope %q.", r.Scope).WithNext("The scopes are %s, %s and %s.", ScopeRead, ScopeWrite, ScopeCalendar)
	case !r.Expires.After(now):
		return "", Token{}, fault.New(fault.Invalid, "The token would expire at once.").WithNext("Name a later day.")
	case r.Expires.After(now.Add(tokenLongest)):
		return "", Token{}, fault.New(fault.Invalid, "A token lives a year at most.").WithNext("Name an earlier day.")
	}
	_, id := newToken()
	key, _ := newToken()
	t := Token{ID: short(id), User: r.User, Name: r.Name, Scope: r.Scope, Created: store.At(now), Expires: store.At(r.Expires)}
	plain := tokenMark + t.ID + "_" + strings.ToLower(key)
	err = g.log.Write(ctx, func(tx *ledger.Tx) error {
		err := store.Insert(ctx, tx, "api_token", []string{"id", "hash", "user_key", "name", "scope", "created", "expires", "used", "revoked"},
			[][]any{{t.ID, hashed(plain), t.User, t.Name, t.Scope, t.Created, t.Expires, 0, 0}})
		if err != nil {
			return fmt.Errorf("keep the token: %w", err)
		}
		_, err = tx.Act(ctx, "token.made", by.Actor().Name, u.subject(), map[string]any{"token": t.ID, "scope": t.Scope, "expires": t.Expires})
		return err
	})
	if err != nil {
		return "", Token{}, err
	}
	return plain, t, nil
}

// mayPush refuses a token for a connection that is not there, or that the maker may not set up.
func (g *Gate) mayPush(ctx context.Context, by record.Authority, connection string) error {
	k, err := g.book.Kinds.Named("connection")
	if err != nil {
		return err
	}
	if err := by.May(ctx, Connect, k); err != nil {
		return err
	}
	if _, err := g.book.Get(ctx, k.Name, connection, 0); fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "There is no connection %q.", connection).WithNext("tickmark connect list shows them.")
	} else if err != nil {
		return err
	}
	return nil
}

// Tokens lists a user's tokens, the newest first, those revoked and expired too.
func (g *Gate) Tokens(ctx context.Context, key string) ([]Token, error) {
	return store.All[Token](ctx, g.db, "SELECT "+tokenColumns+" FROM api_token WHERE user_key = $1 ORDER BY created DESC, id", key)
}

// RevokeToken ends a token at once: one's own, or another's with the right to administer users.
func (g *Gate) RevokeToken(ctx context.Context, by record.Authority, id string) error {
	t, err := store.One[Token](ctx, g.db, "SELECT "+tokenColumns+" FROM api_token WHERE id = $1", id)
	if missing(err) {
		return fault.New(fault.NotFound, "There is no token %s.", id).WithNext("tickmark token list shows them.")
	}
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	if err := g.selfOrAdmin(ctx, by, t.User); err != nil {
		return err
	}
	return g.log.Write(ctx, func(tx *ledger.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE api_token SET revoked = $1 WHERE id = $2 AND revoked = 0", store.At(g.now()), id)
		if err != nil {
			return fmt.Errorf("revoke the token: %w", err)
		}
		if n == 0 {
			return nil // revoked already: its entry stands
		}
		_, err = tx.Act(ctx, "token.revoked", by.Actor().Name, User{Key: t.User}.subject(), map[string]any{"token": id})
		return err
	})
}

// Bearer returns the session of a token. Every token that does not work is the same fault of kind sign-in.
func (g *Gate) Bearer(ctx context.Context, plain string) (Session, error) {
	no := fault.New(fault.SignIn, "This token is unknown, expired or revoked.").WithNext("Make a new one under your name, or with tickmark token add.")
	type row struct {
		Token
		Hash []byte `db:"hash"`
	}
	t, err := store.One[row](ctx, g.db, "SELECT "+tokenColumns+", hash FROM api_token WHERE hash = $1", hashed(plain))
	if missing(err) {
		return Session{}, no
	}
	if err != nil {
		return Session{}, fmt.Errorf("read the token: %w", err)
	}
	now := g.now()
	if subtle.ConstantTimeCompare(t.Hash, hashed(plain)) != 1 || t.Revoked != 0 || !now.Before(t.Expires.Time()) {
		return Session{}, no
	}
	u, err := g.User(ctx, t.User)
	if fault.Is(err, fault.NotFound) || err == nil && u.Disabled {
		return Session{}, no
	}
	if err != nil {
		return Session{}, err
	}
	if now.Sub(t.Used.Time()) >= tokenTouch {
		err := g.db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE api_token SET used = $1 WHERE id = $2", store.At(now), t.ID)
			return err
		})
		if err != nil { // the answer can still be given
			slog.WarnContext(ctx, "note that a token is in use", "error", err)
		}
	}
	return Session{User: u, Method: ByToken, Started: now.UTC(), Scope: t.Scope}, nil
}
