package agent

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/fault"
)

// Where a server listens for machines.
const (
	EnrolPath    = "/agents/enrol"
	ReadingsPath = "/agents/%s/readings" // with the machine's name
)

// The headers of a signed message.
const (
	headerKey       = "Tickmark-Key"
	headerSequence  = "Tickmark-Sequence"
	headerTime      = "Tickmark-Time"
	headerSignature = "Tickmark-Signature"
)

// Message is one of a reading, which is sent in one or more of them as a run is (docs/push.md): the last says how many items
// there are in all, and what the machine vouches for.
type Message struct {
	Run       string             `json:"run"`
	Kinds     []string           `json:"kinds"`
	Batch     string             `json:"batch,omitempty"`
	Items     []json.RawMessage  `json:"items,omitempty"`
	Complete  *int64             `json:"complete,omitempty"`
	Statement *collect.Statement `json:"statement,omitempty"`
}

// Enrolment is what a machine says to join a group.
type Enrolment struct {
	Token    string `json:"token"`
	Machine  string `json:"machine"` // a digest of its id
	Hostname string `json:"hostname"`
	System   string `json:"system"` // linux, darwin, windows
	Key      string `json:"key"`    // the public key, Ed25519, in base64
}

// Enrolled is the answer to it.
type Enrolled struct {
	Name  string `json:"name"`  // of the machine as a source
	Group string `json:"group"` // that it joined
	State string `json:"state"` // StateEnrolled or StateWaiting
}

// Answer is what a message is answered with.
type Answer struct {
	State    string   `json:"state"`
	Received []string `json:"received,omitempty"` // the batches that arrived
}

// Refused is why a message was not taken, by a name that programs can tell apart.
type Refused struct {
	Why    string `json:"refused"`
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"`

	status int
}

func (r *Refused) Error() string { return strings.TrimSpace(r.Detail + " " + r.Next) }

// The names of refusals.
const (
	WhyToken    = "token"       // the enrolment token is unknown, used up, expired or revoked
	WhyUnknown  = "unknown_key" // no such machine, or not its key
	WhyWaiting  = "waiting"     // its new key waits to be approved
	WhyRevoked  = "revoked"     // an administrator revoked the machine
	WhyAltered  = "altered"     // the signature is not over what arrived
	WhyExpired  = "expired"     // signed too long ago
	WhyAhead    = "ahead"       // signed in what is the future here
	WhyReplayed = "replayed"    // it arrived before, or a later one did
	WhyOld      = "old_reading" // the reading is old, or older than one that arrived
	WhyForeign  = "foreign"     // it speaks of another machine
	WhyContent  = "content"     // what it says is not what a reading is
)

func refuse(status int, why, format string, args ...any) *Refused {
	return &Refused{Why: why, Detail: fmt.Sprintf(format, args...), status: status}
}

func (r *Refused) with(format string, args ...any) *Refused {
	r.Next = fmt.Sprintf(format, args...)
	return r
}

// Fingerprint names a public key.
func Fingerprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:])
}

// Short is as much of a fingerprint as is said to people.
func Short(fingerprint string) string { return fingerprint[:min(16, len(fingerprint))] }

// parseKey reads a public key in base64.
func parseKey(text string) (ed25519.PublicKey, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, fault.New(fault.Invalid, "The key is no Ed25519 public key in base64.")
	}
	return b, nil
}

// signedText is what a signature is over.
func signedText(method, path string, body []byte, key string, sequence int64, at string) []byte {
	sum := sha256.Sum256(body)
	return fmt.Appendf(nil, "tickmark agent 1\n%s %s\n%x\n%s\n%d\n%s\n", method, path, sum, key, sequence, at)
}

// Sign puts the signature of a message into its headers. Sequence numbers of one key only rise.
func Sign(r *http.Request, body []byte, key ed25519.PrivateKey, sequence int64, now time.Time) {
	name, at := Fingerprint(key.Public().(ed25519.PublicKey)), now.UTC().Format(time.RFC3339Nano)
	r.Header.Set(headerKey, name)
	r.Header.Set(headerSequence, strconv.FormatInt(sequence, 10))
	r.Header.Set(headerTime, at)
	r.Header.Set(headerSignature, base64.StdEncoding.EncodeToString(ed25519.Sign(key, signedText(r.Method, r.URL.EscapedPath(), body, name, sequence, at))))
}

// proof is what the headers of a message say.
type proof struct {
	key       string
	sequence  int64
	at        time.Time
	signature []byte
	text      []byte
}

func readProof(r *http.Request, body []byte) (proof, error) {
	p := proof{key: r.Header.Get(headerKey)}
	var err error
	if p.sequence, err = strconv.ParseInt(r.Header.Get(headerSequence), 10, 64); err != nil || p.sequence < 1 {
		return p, refuse(http.StatusUnauthorized, WhyAltered, "The message has no sequence number.")
	}
	at := r.Header.Get(headerTime)
	if p.at, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return p, refuse(http.StatusUnauthorized, WhyAltered, "The message does not say when it was signed.")
	}
	if p.signature, err = base64.StdEncoding.DecodeString(r.Header.Get(headerSignature)); err != nil {
		return p, refuse(http.StatusUnauthorized, WhyAltered, "The message has no signature.")
	}
	p.text = signedText(r.Method, r.URL.EscapedPath(), body, p.key, p.sequence, at)
	return p, nil
}

// Drift is by how much a machine's clock may differ from the server's.
const Drift = 5 * time.Minute

// by checks a message's signature and time; now is the server's.
func (p proof) by(key ed25519.PublicKey, now time.Time) error {
	if p.key != Fingerprint(key) {
		return refuse(http.StatusUnauthorized, WhyUnknown, "The message is signed with a key that is not this machine's.").with("Enrol the machine again.")
	}
	if !ed25519.Verify(key, p.text, p.signature) {
		return refuse(http.StatusUnauthorized, WhyAltered, "The signature is not over the message that arrived.")
	}
	switch apart := now.Sub(p.at); {
	case apart > Drift:
		return refuse(http.StatusUnauthorized, WhyExpired, "The message was signed %s ago by this server's clock, and %s is the most.", apart.Round(time.Second), Drift).with("Set the machine's clock; here it is %s.", now.UTC().Format(time.RFC3339))
	case apart < -Drift:
		return refuse(http.StatusUnauthorized, WhyAhead, "The message was signed %s ahead of this server's clock, and %s is the most.", (-apart).Round(time.Second), Drift).with("Set the machine's clock; here it is %s.", now.UTC().Format(time.RFC3339))
	}
	return nil
}
