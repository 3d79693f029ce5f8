package connector

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
)

// Hook says how a service tells that something changed there. What it tells is never taken for a record: it only makes the
// next read come at once.
type Hook struct {
	Setup string // where in the service the address and the secret are entered; a sentence or two

	// Verify reports whether whoever sent the request knows the secret.
	Verify func(secret string, h http.Header, body []byte) bool

	// Challenge answers the question by which a service makes sure, once, that the address is ours; nil where none is asked.
	Challenge func(h http.Header) (answer []byte, ok bool)
}

// SignedHook is a hook whose body is signed: HMAC-SHA256 under the secret, in hex, in a header, after a prefix such as "sha256=".
func SignedHook(header, prefix, setup string) *Hook {
	return &Hook{Setup: setup, Verify: func(secret string, h http.Header, body []byte) bool {
		given, ok := strings.CutPrefix(h.Get(header), prefix)
		sum, err := hex.DecodeString(given)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		return ok && err == nil && hmac.Equal(sum, mac.Sum(nil))
	}}
}

// SharedHook is a hook that shows the secret itself in a header.
func SharedHook(header, setup string) *Hook {
	return &Hook{Setup: setup, Verify: func(secret string, h http.Header, _ []byte) bool {
		return subtle.ConstantTimeCompare([]byte(h.Get(header)), []byte(secret)) == 1
	}}
}

// OktaHook is Okta's: the secret in a header, and a challenge when the address is entered.
func OktaHook(setup string) *Hook {
	hook := SharedHook("Authorization", setup)
	hook.Challenge = func(h http.Header) ([]byte, bool) {
		said := h.Get("X-Okta-Verification-Challenge")
		if said == "" || len(said) > 1000 {
			return nil, false
		}
		b, err := json.Marshal(map[string]string{"verification": said})
		return b, err == nil
	}
	return hook
}
