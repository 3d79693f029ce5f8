package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
)

// Options are what a Gate stands on.
type Options struct {
	Book    *record.Book // holds the users; its Kinds must include Kind()
	Log     *ledger.Log
	Keys    *secret.Keys
	BaseURL string                                          // where browsers find Tickmark; http://localhost:8420 when empty
	Firm    bool                                            // a firm's own workspace: who runs it may examine too, since nothing of management's is in it
	Failed  func(http.ResponseWriter, *http.Request, error) // shows an error of Sessions; nil: a plain page
}

// Gate knows who may come in and what they may do. It is safe for concurrent use, and by several processes on one
// database: limits, links and sessions live there.
type Gate struct {
	book    *record.Book
	log     *ledger.Log
	db      *store.DB
	keys    *secret.Keys
	base    *url.URL
	firm    bool
	failed  func(http.ResponseWriter, *http.Request, error)
	scs     *scs.SessionManager
	web     *webauthn.WebAuthn // nil where passkeys cannot work, and then noKeys says why
	noKeys  *fault.Fault
	hashing chan struct{}               // a password hash takes 46 MiB: two at a time
	decoy   func() (credentials, error) // what an unknown user's password is compared with; made at the first sign-in by password
}

// Open makes the gate of a workspace.
func Open(o Options) (*Gate, error) {
	if o.BaseURL == "" {
		o.BaseURL = "http://localhost:8420"
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.Path != "" && base.Path != "/" {
		return nil, fault.New(fault.Usage, "%q is not the address of a website.", o.BaseURL).WithNext("Give scheme and host, such as https://tickmark.example.org.")
	}
	g := &Gate{book: o.Book, log: o.Log, db: o.Log.DB, keys: o.Keys, base: base, firm: o.Firm, failed: o.Failed, hashing: make(chan struct{}, 2)}
	if g.failed == nil {
		g.failed = func(w http.ResponseWriter, r *http.Request, err error) {
			slog.ErrorContext(r.Context(), "session", "error", err)
			http.Error(w, "Tickmark cannot read its sessions just now.", http.StatusServiceUnavailable)
		}
	}
	g.scs = newSessions(g)
	if err := g.preparePasskeys(); err != nil {
		return nil, err
	}
	g.decoy = sync.OnceValues(g.newDecoy)
	return g, nil
}

// preparePasskeys derives the relying party from the base address; it leaves passkeys off where browsers refuse them.
func (g *Gate) preparePasskeys() (err error) {
	host := g.base.Hostname()
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	switch {
	case net.ParseIP(host) != nil:
		g.noKeys = fault.New(fault.Invalid, "Passkeys do not work at %s: browsers bind them to a name, never to an IP address.", g.base.Host).
			WithNext("Open Tickmark under a name, such as http://localhost:8420, or sign in with a password.")
		return nil
	case g.base.Scheme == "http" && !local:
		g.noKeys = fault.New(fault.Invalid, "Passkeys do not work at http://%s: browsers offer them over https only.", g.base.Host).
			WithNext("Serve Tickmark over https, or sign in with a password.")
		return nil
	}
	limit := webauthn.TimeoutConfig{Enforce: true, Timeout: ceremonyLife, TimeoutUVD: ceremonyLife}
	g.web, err = webauthn.New(&webauthn.Config{
		RPID:          host,
		RPDisplayName: "Tickmark",
		RPOrigins:     []string{g.base.Scheme + "://" + g.base.Host},
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey:        protocol.ResidentKeyRequirementRequired,
			RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification:   protocol.VerificationRequired,
		},
		AttestationPreference: protocol.PreferNoAttestation,
		Timeouts:              webauthn.TimeoutsConfig{Login: limit, Registration: limit},
	})
	if err != nil {
		return fault.New(fault.Usage, "Passkeys cannot be bound to %q: %w.", host, err).WithNext("Name another address.")
	}
	return nil
}

// now is the gate's clock, the ledger's.
func (g *Gate) now() time.Time { return g.log.Clock() }

// Sweep removes what has lapsed: sessions, ceremonies, links, counted attempts. Run it daily; nothing depends on it.
func (g *Gate) Sweep(ctx context.Context) error {
	now := g.now()
	return g.db.Write(ctx, func(tx *store.Tx) error {
		for query, before := range map[string]time.Time{
			"DELETE FROM session WHERE expires < $1":          now,
			"DELETE FROM sign_in_ceremony WHERE expires < $1": now,
			"DELETE FROM sign_in_link WHERE expires < $1":     now.Add(-30 * 24 * time.Hour),
			"DELETE FROM sign_in_attempt WHERE last < $1":     now.Add(-forgiven),
		} {
			if _, err := tx.Exec(ctx, query, store.At(before)); err != nil {
				return fmt.Errorf("sweep lapsed sign-ins: %w", err)
			}
		}
		return nil
	})
}

// newToken returns 256 random bits as text, and the hash under which the database knows them.
func newToken() (plain string, hash []byte) {
	plain = rand.Text() + rand.Text() // 2 × 130 bits, base32
	return plain, hashed(plain)
}

func hashed(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// refused is the one answer to every sign-in that fails, whatever was wrong; cause is for the operator's log.
func refused(cause error) error {
	f := fault.New(fault.SignIn, "That did not sign you in.").WithNext("Check what you entered, or ask an owner of the workspace for a one-time link.")
	f.Err = cause
	return f
}

func missing(err error) bool { return errors.Is(err, store.ErrNotFound) }
