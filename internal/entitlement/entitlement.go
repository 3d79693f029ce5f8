// Package entitlement is the company's register of access: which roles each system has and who may have them, who asked for one and
// who approved it, which rights the sources show, and the reviews of those. (Who may sign in to Tickmark is internal/access.) The
// one rule: that somebody has a right, and that it is gone, is told by the system that was read, never by the one who says so; where
// nobody reads a system, that is said wherever it is shown.
package entitlement

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/record"
)

// The kinds of this room.
const (
	Matrix   = "role_matrix"
	Version  = "role_matrix_version"
	Request  = "access_request"
	Right    = "access_right"
	Review   = "access_review"
	Decision = "access_decision"
	Removal  = "access_change"
)

// Kinds are the kinds of this room.
func Kinds() []record.Kind {
	return []record.Kind{MatrixKind(), VersionKind(), RequestKind(), RightKind(), ReviewKind(), DecisionKind(), ChangeKind()}
}

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return strings.TrimSpace(s)
}

// read takes a body apart into a struct, however its numbers were decoded.
func read(body any, into any) error {
	b, ok := body.(json.RawMessage)
	if !ok {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return fmt.Errorf("read what a record says: %w", err)
		}
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("read what a record says: %w", err)
	}
	return nil
}

// listed is names as a body keeps them.
func listed(names []string) []any {
	out := make([]any, len(names))
	for i, n := range names {
		out[i] = n
	}
	return out
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// distinct are names without those that come again, in order.
func distinct(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return slices.Compact(out)
}
