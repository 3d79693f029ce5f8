package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"tickmark/internal/fault"
)

// The cost of a password hash: argon2id (RFC 9106) with 46 MiB, two passes, one lane. A hash states its own cost, so these
// may grow; a password is hashed anew when its user next signs in.
const (
	hashPasses  = 2
	hashLanes   = 1
	hashSalt    = 16
	hashLength  = 32
	hashDearest = 1 << 20 // KiB; a stored hash that asks for more is damaged
)

var hashMemory uint32 = 46 << 10 // KiB; only the tests of this room lower it, but for those of the cost itself

const (
	passwordShortest = 12   // characters
	passwordLongest  = 1024 // bytes
	passwordOwn      = 6    // characters that must be left when the guessable parts are taken out
)

//go:embed common.txt
var commonText string

// common are the words and runs that the commonest passwords are made of, the longest first.
func common() []string { return strings.Fields(commonText) }

// acceptable refuses a password that is short or can be guessed from who its user is. There are no rules about kinds of
// character: they make passwords predictable (NIST SP 800-63B, 5.1.1.2).
func acceptable(password string, u User) error {
	no := func(format string, args ...any) error {
		return fault.New(fault.Invalid, format, args...).WithNext("Use a sentence of several words, or let a password manager make one.")
	}
	if !utf8.ValidString(password) || strings.ContainsRune(password, 0) {
		return no("This password holds characters that cannot be typed.")
	}
	if n := utf8.RuneCountInString(prepared(password)); n < passwordShortest {
		return no("A password needs at least %d characters; this one has %d.", passwordShortest, n)
	}
	if len(password) > passwordLongest {
		return no("A password may have at most %d bytes.", passwordLongest)
	}
	left := folded(password)
	whole := distinct(left)
	for _, own := range owned(u) {
		left = strings.ReplaceAll(left, own, "\x00")
	}
	if whole >= passwordOwn && distinct(left) < passwordOwn {
		return no("This password is made of your own name or address.")
	}
	for _, word := range common() {
		left = strings.ReplaceAll(left, word, "\x00")
	}
	if distinct(left) < passwordOwn {
		return no("This password is among the commonest, or repeats itself.")
	}
	return nil
}

// owned are the words of a user's name and address, folded, the longest first.
func owned(u User) []string {
	email := folded(u.Email)
	local, domain, _ := strings.Cut(email, "@")
	name := folded(u.Name)
	out := []string{email, strings.ReplaceAll(name, " ", ""), name, domain, local, folded(u.Key)}
	split := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	for _, s := range []string{name, local, domain} {
		out = append(out, strings.FieldsFunc(s, split)...)
	}
	kept := out[:0]
	for _, s := range out {
		if utf8.RuneCountInString(s) >= 3 {
			kept = append(kept, s)
		}
	}
	return kept
}

// distinct counts the different characters of s, those taken out aside.
func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		if r != 0 && !unicode.IsSpace(r) {
			seen[r] = true
		}
	}
	return len(seen)
}

func folded(s string) string { return strings.ToLower(prepared(strings.TrimSpace(s))) }

// prepared is the one form of a password however it was typed: an é of one keyboard equals that of another (RFC 8265).
func prepared(password string) string { return norm.NFKC.String(password) }

// hashPassword makes the text kept of a password, in the PHC form $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (g *Gate) hashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, hashSalt)
	rand.Read(salt)
	key, err := g.derive(ctx, password, salt, hashPasses, hashMemory, hashLanes, hashLength)
	if err != nil {
		return "", err
	}
	e := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashPasses, hashLanes, e.EncodeToString(salt), e.EncodeToString(key)), nil
}

// checkPassword compares a password with a kept hash; stale says that the hash is cheaper than new ones.
func (g *Gate) checkPassword(ctx context.Context, kept, password string) (ok, stale bool, err error) {
	var version int
	var memory, passes uint32
	var lanes uint8
	part := strings.Split(kept, "$")
	broken := fmt.Errorf("a kept password hash is damaged")
	if len(part) != 6 || part[1] != "argon2id" {
		return false, false, broken
	}
	if n, err := fmt.Sscanf(part[2]+" "+part[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &lanes); n != 4 || err != nil || version != argon2.Version || memory > hashDearest || passes == 0 || lanes == 0 {
		return false, false, broken
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(part[4])
	want, err2 := base64.RawStdEncoding.DecodeString(part[5])
	if err1 != nil || err2 != nil || len(want) < 16 {
		return false, false, broken
	}
	got, err := g.derive(ctx, password, salt, passes, memory, lanes, uint32(len(want)))
	if err != nil {
		return false, false, err
	}
	stale = memory < hashMemory || passes < hashPasses || len(want) < hashLength
	return subtle.ConstantTimeCompare(got, want) == 1, stale, nil
}

// derive waits its turn, because each hash fills memory.
func (g *Gate) derive(ctx context.Context, password string, salt []byte, passes, memory uint32, lanes uint8, length uint32) ([]byte, error) {
	select {
	case g.hashing <- struct{}{}:
		defer func() { <-g.hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(prepared(password)), salt, passes, memory, lanes, length), nil
}
