package access

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"image/png"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/secret"
	"tickmark/internal/store"
)

const (
	totpPeriod    = 30 // seconds
	totpSkew      = 1  // steps of clock drift to either side
	recoveryCodes = 10
)

// Enrolment is what a user puts into an authenticator app. It prints as [secret].
type Enrolment struct {
	Secret secret.Value // base32, to type
	URL    secret.Value // otpauth://…
	QR     secret.Value // the URL as a PNG
}

// BeginPassword makes the secret of the codes that go with a password, for the user who signed in within the hour. Nothing
// holds before FinishPassword; a password that stands stays until then.
func (g *Gate) BeginPassword(ctx context.Context) (Enrolment, error) {
	s, err := g.recently(ctx)
	if err != nil {
		return Enrolment{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Tickmark", AccountName: s.User.Email, Period: totpPeriod, SecretSize: 20})
	if err != nil {
		return Enrolment{}, fmt.Errorf("make a secret for codes: %w", err)
	}
	img, err := key.Image(240, 240)
	if err != nil {
		return Enrolment{}, fmt.Errorf("draw the secret for codes: %w", err)
	}
	var qr bytes.Buffer
	if err := png.Encode(&qr, img); err != nil {
		return Enrolment{}, fmt.Errorf("draw the secret for codes: %w", err)
	}
	sealed, err := g.keys.Seal(totpPlace(s.User.Key), secret.Of(key.Secret()))
	if err != nil {
		return Enrolment{}, err
	}
	if err := g.begin(ctx, toSetPassword, s.User.Key, sealed); err != nil {
		return Enrolment{}, err
	}
	return Enrolment{secret.Of(key.Secret()), secret.Of(key.URL()), secret.Of(qr.String())}, nil
}

// FinishPassword sets the password once the app's code shows that it holds the secret, ends the user's other sessions, and
// returns ten recovery codes that are shown once. A wrong code or a weak password leaves the ceremony open.
func (g *Gate) FinishPassword(ctx context.Context, password, code string) ([]string, error) {
	s, err := g.recently(ctx)
	if err != nil {
		return nil, err
	}
	sealed, consume, err := g.begun(ctx, toSetPassword, s.User.Key)
	if err != nil {
		return nil, err
	}
	if err := acceptable(password, s.User); err != nil {
		return nil, err
	}
	v, err := g.keys.Open(totpPlace(s.User.Key), sealed)
	if err != nil {
		return nil, err
	}
	step, ok := g.step(v, code, 0)
	if !ok {
		return nil, fault.New(fault.Invalid, "The code is not the one that the app shows now.").WithNext("Wait for the next code and enter it; check that this machine and the phone agree on the time.")
	}
	hash, err := g.hashPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	codes, rows := newRecovery(s.User.Key)
	err = g.log.Write(ctx, func(tx *ledger.Tx) error {
		if err := consume(tx); err != nil {
			return err
		}
		err := store.InsertOr(ctx, tx, "password", []string{"user_key", "hash", "totp", "last_step", "created"},
			"ON CONFLICT (user_key) DO UPDATE SET hash = excluded.hash, totp = excluded.totp, last_step = excluded.last_step, created = excluded.created",
			[][]any{{s.User.Key, hash, sealed, step, store.At(g.now())}})
		if err != nil {
			return fmt.Errorf("keep the password: %w", err)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM recovery_code WHERE user_key = $1", s.User.Key); err != nil {
			return fmt.Errorf("replace the recovery codes: %w", err)
		}
		if err := store.Insert(ctx, tx, "recovery_code", []string{"user_key", "hash"}, rows); err != nil {
			return fmt.Errorf("keep the recovery codes: %w", err)
		}
		if err := endSessions(ctx, tx, s.User.Key, s.id, g.now(), false); err != nil {
			return err
		}
		if err := dropLinks(ctx, tx, s.User.Key); err != nil {
			return err
		}
		_, err = tx.Act(ctx, "password.set", s.Actor().Name, s.User.subject(), nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	g.enrolled(ctx)
	return codes, nil
}

// Attempt is what someone entered to sign in.
type Attempt struct {
	Email    string
	Password secret.Value
	Code     secret.Value // six digits, or a recovery code
	Address  string       // the client's IP address
}

// credentials are what an attempt is judged by.
type credentials struct {
	user     User
	Hash     string `db:"hash"`
	TOTP     []byte `db:"totp"`
	LastStep int64  `db:"last_step"`
	sealed   string // the user key the secret is sealed for
	real     bool   // there is such a user, enabled, with a password
}

// SignInByPassword signs in by email, password and code together, so that no answer tells which of them was wrong. An
// unknown email takes the same steps as a known one: the same reads, one password hash, one code compared, one write.
func (g *Gate) SignInByPassword(ctx context.Context, a Attempt) (User, error) {
	if err := g.inside(ctx); err != nil {
		return User{}, err
	}
	try, err := g.count(ctx, "email "+folded(a.Email), a.Address)
	if err != nil {
		return User{}, err
	}
	c, who, err := g.credentials(ctx, a.Email)
	if err != nil {
		return User{}, err
	}
	password, stale, err := g.checkPassword(ctx, c.Hash, a.Password.Reveal())
	if err != nil {
		return User{}, err
	}
	fresh := ""
	if stale && password {
		if fresh, err = g.hashPassword(ctx, a.Password.Reveal()); err != nil {
			return User{}, err
		}
	}
	v, err := g.keys.Open(totpPlace(c.sealed), c.TOTP)
	if err != nil {
		return User{}, err
	}
	step, code := g.step(v, a.Code.Reveal(), c.LastStep)
	recovery := recoveryHash(a.Code.Reveal())
	var why error
	err = g.log.Write(ctx, func(tx *ledger.Tx) error {
		how := "code"
		n, err := tx.Exec(ctx, "UPDATE password SET last_step = $1 WHERE user_key = $2 AND last_step < $3 AND $4 = 1", step, c.user.Key, step, flag(c.real && password && code))
		if err == nil && n == 0 {
			how = "recovery code"
			n, err = tx.Exec(ctx, "DELETE FROM recovery_code WHERE user_key = $1 AND hash = $2 AND $3 = 1", c.user.Key, recovery, flag(c.real && password && !code))
		}
		if err != nil {
			return fmt.Errorf("use the code: %w", err)
		}
		if n != 1 {
			why = refused(errors.New(reason(c, password, code)))
			return g.noteFailed(ctx, tx, who, a.Address, why, try.locks)
		}
		if fresh != "" {
			if _, err := tx.Exec(ctx, "UPDATE password SET hash = $1 WHERE user_key = $2", fresh, c.user.Key); err != nil {
				return fmt.Errorf("renew the password hash: %w", err)
			}
		}
		if err := try.succeeded(ctx, tx); err != nil {
			return err
		}
		return g.noteSignedIn(ctx, tx, c.user, ByPassword, a.Address, map[string]any{"second": how})
	})
	if err != nil {
		return User{}, err
	}
	if why != nil {
		return User{}, why
	}
	return c.user, g.enter(ctx, c.user, ByPassword)
}

// credentials returns what the email's user signs in with, or the decoy; who is the user's key when there is one.
func (g *Gate) credentials(ctx context.Context, email string) (c credentials, who string, err error) {
	decoy, err := g.decoy()
	if err != nil {
		return c, "", err
	}
	who, err = store.One[string](ctx, g.db, "SELECT user_key FROM login WHERE email = $1", g.emailDigest(email))
	if err != nil && !missing(err) {
		return c, "", fmt.Errorf("read whose address it is: %w", err)
	}
	u, err := g.User(ctx, who)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return c, "", err
	}
	c, err = store.One[credentials](ctx, g.db, "SELECT hash, totp, last_step FROM password WHERE user_key = $1", who)
	if err != nil && !missing(err) {
		return c, "", fmt.Errorf("read the password of %s: %w", who, err)
	}
	if missing(err) || u.Key == "" || u.Disabled {
		return decoy, who, nil
	}
	c.user, c.sealed, c.real = u, u.Key, true
	return c, who, nil
}

// newDecoy is a password and a secret that nobody knows, at the cost of real ones.
func (g *Gate) newDecoy() (credentials, error) {
	hash, err := g.hashPassword(context.Background(), rand.Text())
	if err != nil {
		return credentials{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Tickmark", AccountName: "nobody", Period: totpPeriod, SecretSize: 20})
	if err != nil {
		return credentials{}, fmt.Errorf("make a secret for codes: %w", err)
	}
	sealed, err := g.keys.Seal(totpPlace(""), secret.Of(key.Secret()))
	return credentials{Hash: hash, TOTP: sealed}, err
}

// step returns the time step whose code this is, if it is within the allowed drift and later than the last one used.
func (g *Gate) step(seed secret.Value, code string, last int64) (step int64, ok bool) {
	code = strings.Join(strings.Fields(code), "")
	now := g.now().Unix() / totpPeriod
	for s := now - totpSkew; s <= now+totpSkew; s++ {
		want, err := hotp.GenerateCodeCustom(seed.Reveal(), uint64(s), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > last {
			step, ok = s, true
		}
	}
	return step, ok
}

// noteFailed records the refusal, and that the account must wait now.
func (g *Gate) noteFailed(ctx context.Context, tx *ledger.Tx, who, address string, why error, locks bool) error {
	if err := g.note(ctx, tx, who, ByPassword, address, why); err != nil || !locks {
		return err
	}
	subject := ""
	if who != "" {
		subject = User{Key: who}.subject()
	}
	_, err := tx.Act(ctx, "user.locked", "nobody", subject, map[string]any{"address": address})
	return err
}

// reason is for the ledger, which owners read; the person who failed is not told.
func reason(c credentials, password, code bool) string {
	switch {
	case !c.real:
		return "no such user with a password, or disabled"
	case !password:
		return "wrong password"
	case !code:
		return "wrong code"
	}
	return "code used before"
}

// newRecovery makes recovery codes of 80 random bits: as text, and as rows of hashes.
func newRecovery(key string) (codes []string, rows [][]any) {
	for range recoveryCodes {
		b := make([]byte, 10)
		rand.Read(b)
		s := strings.ToLower(base32.StdEncoding.EncodeToString(b)) // 16 letters
		code := s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
		codes = append(codes, code)
		rows = append(rows, []any{key, recoveryHash(code)})
	}
	return codes, rows
}

// recoveryHash forgives how a code was typed.
func recoveryHash(code string) []byte {
	s := strings.NewReplacer("-", "", " ", "", "0", "o", "1", "l", "8", "b").Replace(folded(code))
	return hashed("recovery " + s)
}

// RecoveryLeft is how many recovery codes a user still has.
func (g *Gate) RecoveryLeft(ctx context.Context, key string) (int64, error) {
	return store.One[int64](ctx, g.db, "SELECT count(*) FROM recovery_code WHERE user_key = $1", key)
}

// Password says when the user set a password, or reports false.
func (g *Gate) Password(ctx context.Context, key string) (time.Time, bool, error) {
	at, err := store.One[store.Moment](ctx, g.db, "SELECT created FROM password WHERE user_key = $1", key)
	if missing(err) {
		return time.Time{}, false, nil
	}
	return at.Time(), err == nil, err
}

// RemovePassword takes one's own password and its codes away and ends one's other sessions.
func (g *Gate) RemovePassword(ctx context.Context) error {
	s, err := g.recently(ctx)
	if err != nil {
		return err
	}
	return g.log.Write(ctx, func(tx *ledger.Tx) error {
		if err := dropPassword(ctx, tx, s.User.Key); err != nil {
			return err
		}
		if none, err := unenrolled(ctx, tx, s.User.Key); err != nil {
			return err
		} else if none {
			return fault.New(fault.Conflict, "Without the password you could not sign in any more.").WithNext("Add a passkey first.")
		}
		if err := endSessions(ctx, tx, s.User.Key, s.id, g.now(), false); err != nil {
			return err
		}
		_, err := tx.Act(ctx, "password.removed", s.Actor().Name, s.User.subject(), nil)
		return err
	})
}

func dropPassword(ctx context.Context, tx store.Q, key string) error {
	for _, query := range []string{"DELETE FROM password WHERE user_key = $1", "DELETE FROM recovery_code WHERE user_key = $1"} {
		if _, err := tx.Exec(ctx, query, key); err != nil {
			return fmt.Errorf("remove the password of %s: %w", key, err)
		}
	}
	return nil
}

func totpPlace(user string) secret.Place {
	return secret.Place{Connection: "user:" + user, Setting: "totp"}
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
