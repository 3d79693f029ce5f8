package internal

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tickmark/internal/control"
	"tickmark/internal/evidence"
	"tickmark/internal/exception"
	"tickmark/internal/fault"
	"tickmark/internal/finding"
	"tickmark/internal/occurrence"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/requirement"
	"tickmark/internal/system"
	"tickmark/internal/task"
)

// Every state is tried with every move by every sort of actor: what the life cycle does not name is refused, connections
// may do nothing, and jobs only what is declared for them.
func TestEveryMoveThatIsNotDeclaredIsRefused(t *testing.T) {
	actors := []record.Actor{{User: "ada", Person: "p1"}, {User: "ada-admin", Person: "p1"}, {User: "bob", Person: "p2"}, {User: "guest"}, {Name: "job:check"}, {Name: "connection:host"}}
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tried := 0
	for _, k := range []record.Kind{control.Kind(), occurrence.Kind(), exception.Kind(), finding.Kind(), task.Kind(), evidence.Kind(), period.Kind(), system.Kind(), requirement.Kind()} {
		if k.States == nil {
			if _, err := k.Moved(map[string]any{}, "approve", nil, actors[0], noon); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s has no states and can be approved: %v", k.Name, err)
			}
			continue
		}
		for _, state := range k.States.States() {
			for _, m := range append(k.States.Moves, record.Move{Name: "no_such_move"}) {
				for _, a := range actors {
					tried++
					after, err := k.Moved(map[string]any{record.StateField: state, "authors": []any{"p1"}, "requested_by": "p1", "fixed_by": "p1", "done_by": "p1", "performed_by": "p1", "received_by": "p1", "claimed_by": "p1"}, m.Name, nil, a, noon)
					what := fmt.Sprintf("%s: %s from %s by %s", k.Name, m.Name, state, a.Stamp())
					switch {
					case !slices.Contains(m.From, state):
						if err == nil {
							t.Errorf("%s was made", what)
						}
					case a.IsJob() && !(m.Job && a.Name == "job:check"):
						if !fault.Is(err, fault.Denied) {
							t.Errorf("%s: %v, want it denied", what, err)
						}
					case err == nil && m.To != "" && after[record.StateField] != m.To:
						t.Errorf("%s led to %v", what, after[record.StateField])
					case err == nil && m.To == "" && after[record.StateField] != state:
						t.Errorf("%s changed the state to %v", what, after[record.StateField])
					}
					// Whoever had a part in it, through whichever account, verifies and approves nothing of it.
					if apart := []string{"approve", "verify", "review", "confirm_false", "late_review"}; err == nil && slices.Contains(apart, m.Name) && (a.Person == "p1" || a.Person == "") && k.Name != "system" {
						t.Errorf("%s was made by the one who had a part in it, or by nobody in particular", what)
					}
				}
			}
		}
	}
	if tried < 1000 {
		t.Errorf("only %d combinations were tried", tried)
	}
}
