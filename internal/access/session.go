package access

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// How long a session lives.
const (
	sessionIdle     = 8 * time.Hour
	sessionLife     = 7 * 24 * time.Hour
	anonymousLife   = time.Hour   // a browser that began to sign in
	sessionTouch    = time.Minute // how exact the idle time is; it spares a write on every page
	fresh           = time.Hour   // how long after signing in one may change how one signs in
	ceremonyLife    = 10 * time.Minute
	keyUser         = "user"
	keyMethod       = "method"
	keyStarted      = "started"
	keyUnenrolled   = "unenrolled"
	keyCeremony     = "ceremony"
	bearer          = "Bearer "
	cookieName      = "tickmark"
	cookieNameHTTPS = "__Host-tickmark" // browsers then insist on https, this host and no domain
)

// How a session came to be.
const (
	ByLink     = "link"
	ByPasskey  = "passkey"
	ByPassword = "password"
	ByToken    = "token"
	ByLocal    = "local" // from the machine itself
)

// Session is a user who acts: signed in by a browser, by a token or from the machine itself. It is a record.Authority.
type Session struct {
	User       User
	Method     string    // one of the By constants
	Started    time.Time // when they signed in, or now for a token
	Unenrolled bool      // the user has neither passkey nor password yet: show the page that enrols one
	Scope      string    // of a token: ScopeRead, ScopeWrite, or ScopePush with a connection; empty otherwise
	OSUser     string    // of ByLocal: the account on the machine
	id         string    // under which the database knows it
}

// May refuses with fault.Denied what none of the user's roles grants; k is nil for the workspace itself. A token reads,
// and writes if its scope says so: a decision takes a person who signed in.
func (s Session) May(_ context.Context, verb string, k *record.Kind) error {
	what := "the workspace"
	if k != nil {
		what = strings.ToLower(k.Plural)
		if what == "" {
			what = strings.ReplaceAll(k.Name, "_", " ")
		}
	}
	if s.User.Key == "" || s.User.Disabled {
		return fault.New(fault.SignIn, "Nobody is signed in.").WithNext("Sign in first.")
	}
	if !may(s.User.Roles, verb, k) {
		return fault.New(fault.Denied, "As %s you can't %s %s.", joined(s.User.Roles), verb, what).WithNext("Ask an owner of the workspace.")
	}
	if s.Method == ByToken && s.Scope == ScopeCalendar {
		return fault.New(fault.Denied, "This token can only read a calendar.").WithNext("Use a token of scope %s.", ScopeRead)
	}
	if s.Method == ByToken && strings.HasPrefix(s.Scope, ScopePush) {
		return fault.New(fault.Denied, "This token can only send to %s.", strings.TrimPrefix(s.Scope, ScopePush)).WithNext("Use a token of scope %s.", ScopeRead)
	}
	if s.Method == ByToken && !(verb == Read || verb == Write && s.Scope == ScopeWrite && !(k != nil && k.Name == UserKind)) {
		return fault.New(fault.Denied, "This token can't %s %s.", verb, what).WithNext("Sign in as a person, or use a token of scope %s if it is about content.", ScopeWrite)
	}
	return nil
}

// Actor is who the ledger says acted.
func (s Session) Actor() record.Actor { return s.User.Actor() }

type sessionKey struct{}

// NewContext is a context in which a session acts that no request brought: of a token, or of the machine itself.
func NewContext(ctx context.Context, s Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, &s)
}

// Reader is who asks in a context, for rooms in which not everybody sees everything; nobody where nobody is signed in, and false
// where the context is no request's but the program's own.
func Reader(ctx context.Context) (record.Actor, bool) {
	s, ok := ctx.Value(sessionKey{}).(*Session)
	if !ok {
		return record.Actor{}, false
	}
	if s.User.Key == "" {
		return record.Actor{}, true
	}
	return s.Actor(), true
}

// FromContext returns who is signed in on this request; false when nobody is.
func FromContext(ctx context.Context) (Session, bool) {
	s, ok := ctx.Value(sessionKey{}).(*Session)
	if !ok || s.User.Key == "" {
		return Session{}, false
	}
	return *s, true
}

// Sessions puts the Session of the cookie, or of an "Authorization: Bearer" token, into the request's context. A token that
// is wrong is answered with 401 and never falls back to the cookie.
func (g *Gate) Sessions(next http.Handler) http.Handler {
	withCookie := g.scs.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := g.current(r.Context())
		if err != nil {
			g.failed(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, s)))
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := r.Header.Get("Authorization")
		if head == "" {
			withCookie.ServeHTTP(w, r)
			return
		}
		s := Session{}
		err := fault.New(fault.SignIn, "The Authorization header holds no bearer token.").WithNext("Send \"Authorization: Bearer TOKEN\".")
		if len(head) > len(bearer) && strings.EqualFold(head[:len(bearer)], bearer) {
			var e error
			if s, e = g.Bearer(r.Context(), strings.TrimSpace(head[len(bearer):])); e == nil {
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, &s)))
				return
			} else if !errors.As(e, &err) {
				g.failed(w, r, e)
				return
			}
		}
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, err.Error(), fault.Status(err))
	})
}

// current resolves the loaded cookie to a session. The user is read anew each time, so that a role taken away or an account
// disabled holds from the next request on.
func (g *Gate) current(ctx context.Context) (*Session, error) {
	key := g.scs.GetString(ctx, keyUser)
	if key == "" {
		return &Session{}, nil
	}
	u, err := g.User(ctx, key)
	if fault.Is(err, fault.NotFound) || err == nil && u.Disabled {
		return &Session{}, g.scs.Destroy(ctx)
	}
	if err != nil {
		return nil, err
	}
	return &Session{
		User: u, Method: g.scs.GetString(ctx, keyMethod), Started: time.UnixMicro(g.scs.GetInt64(ctx, keyStarted)).UTC(),
		Unenrolled: g.scs.GetBool(ctx, keyUnenrolled), id: sessionID(g.scs.Token(ctx)),
	}, nil
}

// signedIn returns the session of ctx, refusing when nobody is signed in or when it is no browser's.
func (g *Gate) signedIn(ctx context.Context) (Session, error) {
	s, ok := FromContext(ctx)
	if !ok || s.id == "" {
		return Session{}, fault.New(fault.SignIn, "Nobody is signed in.").WithNext("Sign in first.")
	}
	return s, nil
}

// recently is signedIn within the last hour: an open browser somebody walked away from must not change how its user signs in.
func (g *Gate) recently(ctx context.Context) (Session, error) {
	s, err := g.signedIn(ctx)
	if err == nil && g.now().Sub(s.Started) > fresh {
		return Session{}, fault.New(fault.SignIn, "You signed in more than an hour ago.").WithNext("Sign in again to change how you sign in.")
	}
	return s, err
}

// inside refuses, as the defect it is, a sign-in outside Sessions.
func (g *Gate) inside(ctx context.Context) error {
	if _, ok := ctx.Value(sessionKey{}).(*Session); !ok {
		return errors.New("access: the context did not pass through Gate.Sessions")
	}
	return nil
}

// enter makes ctx's session one of u, under a fresh token that nobody can have planted.
func (g *Gate) enter(ctx context.Context, u User, method string) error {
	unenrolled, err := unenrolled(ctx, g.db, u.Key)
	if err != nil {
		return err
	}
	if err := g.scs.Clear(ctx); err != nil {
		return err
	}
	if err := g.scs.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew the session: %w", err)
	}
	now := g.now()
	g.scs.Put(ctx, keyUser, u.Key)
	g.scs.Put(ctx, keyMethod, method)
	g.scs.Put(ctx, keyStarted, now.UnixMicro())
	g.scs.Put(ctx, keyUnenrolled, unenrolled)
	*ctx.Value(sessionKey{}).(*Session) = Session{User: u, Method: method, Started: now.UTC(), Unenrolled: unenrolled, id: sessionID(g.scs.Token(ctx))}
	return nil
}

func (g *Gate) enrolled(ctx context.Context) {
	g.scs.Put(ctx, keyUnenrolled, false)
	ctx.Value(sessionKey{}).(*Session).Unenrolled = false
}

func unenrolled(ctx context.Context, q store.Q, key string) (bool, error) {
	n, err := store.One[int64](ctx, q, "SELECT (SELECT count(*) FROM passkey WHERE user_key = $1) + (SELECT count(*) FROM password WHERE user_key = $2)", key, key)
	if err != nil {
		return false, fmt.Errorf("read how %s signs in: %w", key, err)
	}
	return n == 0, nil
}

// SignOut ends the session of ctx.
func (g *Gate) SignOut(ctx context.Context) error {
	s, err := g.signedIn(ctx)
	if err != nil {
		return err
	}
	err = g.log.Write(ctx, func(tx *ledger.Tx) error {
		if err := endSessions(ctx, tx.Tx, s.User.Key, s.id, g.now(), true); err != nil {
			return err
		}
		_, err := tx.Act(ctx, "user.signed_out", s.Actor().Name, s.User.subject(), nil)
		return err
	})
	if err != nil {
		return err
	}
	*ctx.Value(sessionKey{}).(*Session) = Session{}
	return g.scs.Destroy(ctx)
}

// SignOutEverywhere ends every session of a user: one's own, or another's with the right to administer users.
func (g *Gate) SignOutEverywhere(ctx context.Context, by record.Authority, key string) error {
	u, err := g.User(ctx, key)
	if err != nil {
		return err
	}
	if err := g.selfOrAdmin(ctx, by, key); err != nil {
		return err
	}
	return g.log.Write(ctx, func(tx *ledger.Tx) error {
		if err := endSessions(ctx, tx.Tx, key, "", g.now(), false); err != nil {
			return err
		}
		_, err := tx.Act(ctx, "user.sessions_ended", by.Actor().Name, u.subject(), nil)
		return err
	})
}

// Signed is one open session of a user, for the list of them.
type Signed struct {
	Method  string       `db:"method"`
	Started store.Moment `db:"created"`
	Seen    store.Moment `db:"seen"` // to the minute
	ID      string       `db:"id"`   // a digest; no credential
}

// Signed lists the open sessions of a user, the latest first.
func (g *Gate) Signed(ctx context.Context, by record.Authority, key string) ([]Signed, error) {
	if err := g.selfOrAdmin(ctx, by, key); err != nil {
		return nil, err
	}
	now := g.now()
	return store.All[Signed](ctx, g.db, "SELECT id, method, created, seen FROM session WHERE user_key = $1 AND ended = 0 AND expires > $2 AND seen > $3 ORDER BY created DESC, id",
		key, store.At(now), store.At(now.Add(-sessionIdle)))
}

func (g *Gate) selfOrAdmin(ctx context.Context, by record.Authority, key string) error {
	k := Kind()
	if s, ok := by.(Session); ok && s.User.Key == key && s.Method != ByToken {
		return s.May(ctx, Read, commonKind())
	}
	return by.May(ctx, Admin, &k)
}

// endSessions ends one session of a user (only), or all but one. An ended row stays until it would have expired, so that a
// request still under way cannot write it back.
func endSessions(ctx context.Context, tx store.Q, key, id string, now time.Time, only bool) error {
	query := "UPDATE session SET ended = $1, data = $2 WHERE user_key = $3 AND ended = 0 AND id <> $4"
	if only {
		query = "UPDATE session SET ended = $1, data = $2 WHERE user_key = $3 AND ended = 0 AND id = $4"
	}
	if _, err := tx.Exec(ctx, query, store.At(now), []byte{}, key, id); err != nil {
		return fmt.Errorf("end the sessions of %s: %w", key, err)
	}
	return nil
}

// sessionID is how scs names a token in the store.
func sessionID(token string) string {
	if token == "" {
		return ""
	}
	h := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// newSessions sets up scs without its idle timeout: that writes the session back on every request, which here would be a
// write to the database for each page. The store keeps the idle time instead, to the minute.
func newSessions(g *Gate) *scs.SessionManager {
	secure := g.base.Scheme == "https"
	name := cookieName
	if secure {
		name = cookieNameHTTPS
	}
	return &scs.SessionManager{
		Lifetime:         sessionLife,
		Store:            sessions{g},
		Codec:            scs.GobCodec{},
		HashTokenInStore: true,
		ErrorFunc:        g.failed,
		Cookie:           scs.SessionCookie{Name: name, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode, Persist: true},
	}
}

// sessions keeps scs's sessions in the database. It sees only hashes of tokens, and trusts its own clock for every limit.
type sessions struct{ g *Gate }

type sessionRow struct {
	User    string       `db:"user_key"`
	Data    []byte       `db:"data"`
	Seen    store.Moment `db:"seen"`
	Expires store.Moment `db:"expires"`
	Ended   store.Moment `db:"ended"`
}

func (s sessions) FindCtx(ctx context.Context, id string) ([]byte, bool, error) {
	r, err := store.One[sessionRow](ctx, s.g.db, "SELECT user_key, data, seen, expires, ended FROM session WHERE id = $1", id)
	if missing(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the session: %w", err)
	}
	now := s.g.now()
	idle := now.Sub(r.Seen.Time())
	if r.Ended != 0 || !now.Before(r.Expires.Time()) || idle >= sessionIdle {
		return nil, false, nil
	}
	if idle >= sessionTouch {
		err := s.g.db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE session SET seen = $1 WHERE id = $2 AND seen < $3", store.At(now), id, store.At(now))
			return err
		})
		if err != nil { // the page can still be shown; the session ends early at worst
			slog.WarnContext(ctx, "note that a session is in use", "error", err)
		}
	}
	return r.Data, true, nil
}

func (s sessions) CommitCtx(ctx context.Context, id string, data []byte, _ time.Time) error {
	_, values, err := s.g.scs.Codec.Decode(data)
	if err != nil {
		return fmt.Errorf("read the session back: %w", err)
	}
	key, _ := values[keyUser].(string)
	method, _ := values[keyMethod].(string)
	now, life := s.g.now(), sessionLife
	if key == "" {
		life = anonymousLife
	}
	err = s.g.db.Write(ctx, func(tx *store.Tx) error {
		return store.InsertOr(ctx, tx, "session", []string{"id", "user_key", "method", "data", "created", "seen", "expires", "ended"},
			"ON CONFLICT (id) DO UPDATE SET data = excluded.data, seen = excluded.seen WHERE session.ended = 0 AND session.user_key = excluded.user_key",
			[][]any{{id, key, method, data, store.At(now), store.At(now), store.At(now.Add(life)), 0}})
	})
	if err != nil {
		return fmt.Errorf("keep the session: %w", err)
	}
	return nil
}

func (s sessions) DeleteCtx(ctx context.Context, id string) error {
	return s.g.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE session SET ended = $1, data = $2 WHERE id = $3 AND ended = 0", store.At(s.g.now()), []byte{}, id)
		return err
	})
}

// scs asks for these beside the three above, and calls them only where those are missing.

func (s sessions) Find(id string) ([]byte, bool, error) { return s.FindCtx(context.Background(), id) }
func (s sessions) Commit(id string, b []byte, t time.Time) error {
	return s.CommitCtx(context.Background(), id, b, t)
}
func (s sessions) Delete(id string) error { return s.DeleteCtx(context.Background(), id) }
