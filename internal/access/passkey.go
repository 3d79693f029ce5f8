package access

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// Passkey is one enrolled authenticator of a user (W3C Web Authentication).
type Passkey struct {
	ID      string       `db:"id" json:"id"`
	Label   string       `db:"label" json:"label"` // as the user named it
	Created store.Moment `db:"created" json:"created"`
	Used    store.Moment `db:"used" json:"used,omitzero"`
}

// BeginPasskey returns the options for navigator.credentials.create, as JSON, for the user who signed in within the hour.
func (g *Gate) BeginPasskey(ctx context.Context) ([]byte, error) {
	s, err := g.recently(ctx)
	if err != nil {
		return nil, err
	}
	if g.noKeys != nil {
		return nil, g.noKeys
	}
	who, err := g.holder(ctx, g.db, s.User)
	if err != nil {
		return nil, err
	}
	options, kept, err := g.web.BeginRegistration(who, webauthn.WithExclusions(webauthn.Credentials(who.credentials).CredentialDescriptors()))
	if err != nil {
		return nil, fmt.Errorf("begin to add a passkey: %w", err)
	}
	return g.ceremony(ctx, toAddPasskey, s.User.Key, options.Response, kept)
}

// FinishPasskey enrols what the browser's navigator.credentials.create answered, under a label of the user's choice.
func (g *Gate) FinishPasskey(ctx context.Context, label string, reply []byte) (Passkey, error) {
	s, err := g.recently(ctx)
	if err != nil {
		return Passkey{}, err
	}
	if g.noKeys != nil {
		return Passkey{}, g.noKeys
	}
	kept, consume, err := g.kept(ctx, toAddPasskey, s.User.Key)
	if err != nil {
		return Passkey{}, err
	}
	who, err := g.holder(ctx, g.db, s.User)
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(reply)
	if err != nil {
		return Passkey{}, unreadable(err)
	}
	c, err := g.web.CreateCredential(who, kept, parsed)
	if err != nil {
		f := fault.New(fault.Invalid, "This passkey was not accepted.").WithNext("Use an authenticator that checks a PIN, finger or face, and try again.")
		f.Err = detailed(err)
		return Passkey{}, f
	}
	b, err := json.Marshal(c)
	if err != nil {
		return Passkey{}, fmt.Errorf("write down the passkey: %w", err)
	}
	if label = strings.TrimSpace(label); label == "" || len(label) > 100 {
		label = "Passkey of " + g.now().UTC().Format(time.DateOnly)
	}
	now := store.At(g.now())
	_, hash := newToken()
	p := Passkey{ID: short(hash), Label: label, Created: now}
	err = g.log.Write(ctx, func(tx *ledger.Tx) error {
		if err := consume(tx); err != nil {
			return err
		}
		err := store.Insert(ctx, tx, "passkey", []string{"id", "credential_id", "user_key", "label", "credential", "created", "used"},
			[][]any{{p.ID, c.ID, s.User.Key, p.Label, b, p.Created, p.Used}})
		if fault.Is(err, fault.Conflict) {
			return fault.New(fault.Conflict, "This passkey is enrolled already.")
		}
		if err != nil {
			return fmt.Errorf("keep the passkey: %w", err)
		}
		if err := dropLinks(ctx, tx, s.User.Key); err != nil {
			return err
		}
		_, err = tx.Act(ctx, "passkey.added", s.Actor().Name, s.User.subject(), map[string]any{"passkey": p.ID})
		return err
	})
	if err != nil {
		return Passkey{}, err
	}
	g.enrolled(ctx)
	return p, nil
}

// BeginPasskeySignIn returns the options for navigator.credentials.get, as JSON. They name no user: the authenticator
// offers the passkeys it holds.
func (g *Gate) BeginPasskeySignIn(ctx context.Context) ([]byte, error) {
	if err := g.inside(ctx); err != nil {
		return nil, err
	}
	if g.noKeys != nil {
		return nil, g.noKeys
	}
	options, kept, err := g.web.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, fmt.Errorf("begin to sign in by passkey: %w", err)
	}
	return g.ceremony(ctx, toSignIn, "", options.Response, kept)
}

// FinishPasskeySignIn signs in whose passkey answered. A counter that did not grow means a copied authenticator: refused.
func (g *Gate) FinishPasskeySignIn(ctx context.Context, reply []byte, address string) (User, error) {
	if err := g.inside(ctx); err != nil {
		return User{}, err
	}
	if g.noKeys != nil {
		return User{}, g.noKeys
	}
	kept, consume, err := g.kept(ctx, toSignIn, "")
	if err != nil {
		return User{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(reply)
	if err != nil {
		return User{}, unreadable(err)
	}
	try, err := g.count(ctx, "", address)
	if err != nil {
		return User{}, err
	}
	var u User
	var why error
	err = g.log.Write(ctx, func(tx *ledger.Tx) error {
		if err := consume(tx); err != nil {
			return err
		}
		var broken error
		var c *webauthn.Credential
		_, c, err := g.web.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			h, err := g.holderOf(ctx, tx, handle)
			if err != nil && !fault.Is(err, fault.NotFound) {
				broken = err
			}
			u = h.user
			return h, err
		}, kept, parsed)
		if broken != nil {
			return broken
		}
		switch {
		case err != nil:
			why = refused(detailed(err))
		case c.Authenticator.CloneWarning:
			why = refused(errors.New("the passkey's counter did not grow: it may have been copied"))
		case u.Disabled:
			why = refused(errors.New("the user is disabled"))
		}
		if why != nil {
			return g.note(ctx, tx, u.Key, ByPasskey, address, why)
		}
		b, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("write down the passkey: %w", err)
		}
		n, err := tx.Exec(ctx, "UPDATE passkey SET credential = $1, used = $2 WHERE credential_id = $3 AND user_key = $4", b, store.At(g.now()), c.ID, u.Key)
		if err != nil || n != 1 {
			return fmt.Errorf("note the use of a passkey (%d rows): %w", n, err)
		}
		if err := try.succeeded(ctx, tx); err != nil {
			return err
		}
		return g.noteSignedIn(ctx, tx, u, ByPasskey, address, nil)
	})
	if err != nil {
		return User{}, err
	}
	if why != nil {
		return User{}, why
	}
	return u, g.enter(ctx, u, ByPasskey)
}

// Passkeys lists a user's passkeys, the oldest first.
func (g *Gate) Passkeys(ctx context.Context, key string) ([]Passkey, error) {
	return store.All[Passkey](ctx, g.db, "SELECT id, label, created, used FROM passkey WHERE user_key = $1 ORDER BY created, id", key)
}

// RemovePasskey takes one of one's own passkeys away and ends one's other sessions.
func (g *Gate) RemovePasskey(ctx context.Context, id string) error {
	s, err := g.recently(ctx)
	if err != nil {
		return err
	}
	return g.log.Write(ctx, func(tx *ledger.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM passkey WHERE id = $1 AND user_key = $2", id, s.User.Key)
		if err != nil {
			return fmt.Errorf("remove the passkey: %w", err)
		}
		if n != 1 {
			return fault.New(fault.NotFound, "You have no passkey %s.", id)
		}
		if none, err := unenrolled(ctx, tx, s.User.Key); err != nil {
			return err
		} else if none {
			return fault.New(fault.Conflict, "Without this passkey you could not sign in any more.").WithNext("Add another passkey or a password first.")
		}
		if err := endSessions(ctx, tx, s.User.Key, s.id, g.now(), false); err != nil {
			return err
		}
		_, err = tx.Act(ctx, "passkey.removed", s.Actor().Name, s.User.subject(), map[string]any{"passkey": id})
		return err
	})
}

// ceremony keeps the library's session data and returns the options for the browser.
func (g *Gate) ceremony(ctx context.Context, purpose, user string, options any, kept *webauthn.SessionData) ([]byte, error) {
	b, err := json.Marshal(kept)
	if err != nil {
		return nil, fmt.Errorf("begin to %s: %w", purpose, err)
	}
	if err := g.begin(ctx, purpose, user, b); err != nil {
		return nil, err
	}
	return json.Marshal(options)
}

func (g *Gate) kept(ctx context.Context, purpose, user string) (webauthn.SessionData, func(store.Q) error, error) {
	var kept webauthn.SessionData
	b, consume, err := g.begun(ctx, purpose, user)
	if err != nil {
		return kept, nil, err
	}
	if err := json.Unmarshal(b, &kept); err != nil {
		return kept, nil, fmt.Errorf("go on to %s: %w", purpose, err)
	}
	kept.Expires = time.Time{} // our own clock judged the row's expiry; the library would ask the machine's
	return kept, consume, nil
}

// holder is a user as the library sees one.
type holder struct {
	user        User
	handle      []byte // 32 random bytes: authenticators hand it to anybody who holds them, so it says nothing
	credentials []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return h.handle }
func (h holder) WebAuthnName() string                       { return h.user.Email }
func (h holder) WebAuthnDisplayName() string                { return h.user.Name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.credentials }

func (g *Gate) holder(ctx context.Context, q store.Q, u User) (holder, error) {
	handle, err := store.One[[]byte](ctx, q, "SELECT handle FROM login WHERE user_key = $1", u.Key)
	if err != nil {
		return holder{}, fmt.Errorf("read the login of %s: %w", u.Key, err)
	}
	h := holder{user: u, handle: handle}
	rows, err := store.All[[]byte](ctx, q, "SELECT credential FROM passkey WHERE user_key = $1 ORDER BY created, id", u.Key)
	if err != nil {
		return holder{}, fmt.Errorf("read the passkeys of %s: %w", u.Key, err)
	}
	for _, b := range rows {
		var c webauthn.Credential
		if err := json.Unmarshal(b, &c); err != nil {
			return holder{}, fmt.Errorf("read a passkey of %s: %w", u.Key, err)
		}
		h.credentials = append(h.credentials, c)
	}
	return h, nil
}

func (g *Gate) holderOf(ctx context.Context, tx store.Q, handle []byte) (holder, error) {
	key, err := store.One[string](ctx, tx, "SELECT user_key FROM login WHERE handle = $1", bytes.Clone(handle))
	if missing(err) {
		return holder{}, fault.New(fault.NotFound, "No user has this passkey.")
	}
	if err != nil {
		return holder{}, fmt.Errorf("read whose passkey it is: %w", err)
	}
	u, err := g.User(ctx, key)
	if err != nil {
		return holder{}, err
	}
	return g.holder(ctx, tx, u)
}

// detailed keeps what the library says only to developers, for the log.
func detailed(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%s: %s %s", e.Type, e.Details, e.DevInfo)
	}
	return err
}

func unreadable(err error) error {
	f := fault.New(fault.Invalid, "The browser's answer could not be read.").WithNext("Try again; if it happens again, use another browser.")
	f.Err = detailed(err)
	return f
}
