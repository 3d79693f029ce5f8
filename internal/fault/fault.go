// Package fault holds the kinds of error that Tickmark tells people about. The one rule: an error that reaches a user is a
// Fault, a sentence that names what and where and, in Next, what to do; anything else is shown as an internal error and logged.
package fault

import (
	"errors"
	"fmt"
)

// Kind is what sort of failure a Fault is; it decides the HTTP status and the exit code.
type Kind string

// The kinds of fault.
const (
	Internal    Kind = "internal"    // a defect or a broken machine: 500, exit 1
	Invalid     Kind = "invalid"     // the input is wrong: 422, exit 1
	Usage       Kind = "usage"       // the command line is wrong: 400, exit 2
	NotFound    Kind = "not-found"   // there is no such thing: 404, exit 1
	Denied      Kind = "denied"      // the user may not: 403, exit 1
	SignIn      Kind = "sign-in"     // nobody is signed in: 401, exit 1
	Conflict    Kind = "conflict"    // it changed meanwhile, or exists already: 409, exit 1
	TooLarge    Kind = "too-large"   // over a stated limit: 413, exit 1
	Unavailable Kind = "unavailable" // in use, full, locked, unreachable: 503, exit 1
	Incomplete  Kind = "incomplete"  // done, but a source could not be read: exit 3
)

// Fault is an error for a user.
type Fault struct {
	Kind    Kind
	Message string // a sentence: what is wrong, and where (file, line, column, field)
	Next    string // what to do about it; may be empty
	Err     error  // the cause, for the operator's log only
}

func (f *Fault) Error() string {
	if f.Next == "" {
		return f.Message
	}
	return f.Message + " " + f.Next
}

func (f *Fault) Unwrap() error { return f.Err }

// New makes a Fault; an error among the arguments given with %w is kept as its cause.
func New(k Kind, format string, args ...any) *Fault {
	err := fmt.Errorf(format, args...)
	return &Fault{Kind: k, Message: err.Error(), Err: errors.Unwrap(err)}
}

// WithNext returns the fault with the sentence that says what to do.
func (f *Fault) WithNext(format string, args ...any) *Fault {
	f.Next = fmt.Sprintf(format, args...)
	return f
}

// KindOf returns the kind of the first Fault in err's chain, or Internal.
func KindOf(err error) Kind {
	var f *Fault
	if errors.As(err, &f) {
		return f.Kind
	}
	return Internal
}

// Is reports whether err is a Fault of kind k.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// Status is the HTTP status for err.
func Status(err error) int {
	switch KindOf(err) {
	case Invalid:
		return 422
	case Usage:
		return 400
	case NotFound:
		return 404
	case Denied:
		return 403
	case SignIn:
		return 401
	case Conflict:
		return 409
	case TooLarge:
		return 413
	case Unavailable:
		return 503
	}
	return 500
}

// Exit is the process exit code for err: 0 done, 1 failed, 2 usage, 3 done but incomplete.
func Exit(err error) int {
	if err == nil {
		return 0
	}
	switch KindOf(err) {
	case Usage:
		return 2
	case Incomplete:
		return 3
	}
	return 1
}
