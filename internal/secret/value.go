package secret

import (
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

// Value is a credential in memory. However it is printed, logged or marshalled it says only [secret]; Reveal gives what it
// holds. The zero Value holds nothing.
type Value struct {
	// A function, because fmt prints the bytes of unexported fields of other structs without asking their methods, and
	// tools that dump by reflection follow pointers.
	held func() string
}

// Of wraps a credential.
func Of(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{func() string { return s }}
}

// Reveal returns what the value holds; call it where the credential is used and nowhere earlier.
func (v Value) Reveal() string {
	if v.held == nil {
		return ""
	}
	return v.held()
}

// Empty reports whether nothing is held.
func (v Value) Empty() bool { return v.held == nil }

// String is [secret].
func (v Value) String() string { return redacted }

// GoString is [secret], for %#v.
func (v Value) GoString() string { return redacted }

// Format is [secret] under every verb, %d and %x too.
func (v Value) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue is [secret], for log/slog.
func (v Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [secret], for JSON, YAML and the like.
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }
