package entitlement

import (
	"errors"
	"strings"

	"tickmark/internal/fault"
)

// said reports whether an error is a sentence for the reader, which belongs beside its cause.
func said(err error) bool {
	return err != nil && (fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) || fault.Is(err, fault.Denied) || fault.Is(err, fault.NotFound))
}

func sentence(err error) string {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return "It did not work."
	}
	return strings.TrimSpace(f.Message + " " + f.Next)
}
