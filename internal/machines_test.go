package internal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/risk"
	"tickmark/internal/workspace"
)

// Every state is tried with every move by every sort of actor: what the life cycle does not name is refused, connections
// may do nothing, and jobs only what is declared for them.
func TestEveryMoveThatIsNotDeclaredIsRefused(t *testing.T) {
	actors := []record.Actor{{User: "ada", Person: "p1"}, {User: "ada-admin", Person: "p1"}, {User: "bob", Person: "p2"}, {User: "guest"}, {Name: "job:check"}, {Name: "connection:host"}}
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tried, made := 0, map[string]bool{}
	kinds, err := workspace.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds.All() {
		if k.States == nil {
			if _, err := k.Moved(map[string]any{}, "approve", nil, actors[0], noon); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s has no states and can be approved: %v", k.Name, err)
			}
			continue
		}
		for _, state := range k.States.States() {
			for _, m := range append(k.States.Moves, record.Move{Name: "no_such_move"}) {
				for n, a := range slices.Concat(actors, actors) {
					tried++
					days := map[string]any{"from": "2026-02-01", "due": "2026-03-31", "start": "2026-03-01", "expiry": "2026-04-30"}
					if n >= len(actors) { // once more, when its days are over
						days = map[string]any{"from": "2026-02-01", "due": "2026-02-20", "start": "2026-02-01", "expiry": "2026-02-20"}
					}
					after, err := k.Moved(map[string]any{record.StateField: state, "authors": []any{"p1"}, "requested_by": "p1", "fixed_by": "p1", "done_by": "p1", "performed_by": "p1", "received_by": "p1", "claimed_by": "p1", "reviewer": "p1",
						"approved_by": "p1", "approved_at": "2026-02-01T12:00:00Z", "review_due": "2026-06-01", "person": "p1", "from": days["from"], "due": days["due"], "start": days["start"], "expiry": days["expiry"], "expires": days["expiry"],
						"beneficiary": "p1", "owner": "p1", "frequency": "annual", "evidence": []any{"e1"}, "text": "# Access\n\nNobody shares an account.", "title": "Access", "number": "1.0", "change": "major", "policy": "access",
						"to": "2026-12-31", "commitment": commitment, "reliable": "yes", "method": "stratified", "size": 1.0, "runs": []any{map[string]any{"items": []any{1.0}, "reserves": []any{2.0}}},
						"response": responseFor(m.Name), "sort": sortFor(m.Name), "accepted_until": "2026-02-20", "cause": "c", "assets": []any{"a"}, "threats": []any{"t"}, "weaknesses": []any{"w"}, "affects": []any{"integrity"}, "likelihood": 4.0, "impact": 5.0, "inherent": 20.0,
						"roles": []any{map[string]any{"id": "reader", "name": "Reader"}}, "approvers": []any{map[string]any{"person": "p1", "from": "2026-01-01"}}, "requested_at": "2026-02-01T12:00:00Z", "granted_as": "Because.", "file": commitment,
						"charter": "c", "charter_authors": []any{"p1"}, "sponsor": "p2", "controls": []any{"c"}, "weight": "minor", "participants": []any{"p1", "p2"}, "held": true, "growth": "g", "changes": "c", "fraud": frauds, "files": []any{map[string]any{"sha256": commitment, "round": 1.0}}, "design": "suitable", "design_reason": "Covers it.", "procedures": []any{map[string]any{"sort": "inspection", "aim": "both"}}}, m.Name, said(m), a, noon)
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
					if apart := []string{"approve", "verify", "review", "confirm_false", "late_review"}; err == nil && slices.Contains(apart, m.Name) && (a.Person == "p1" || a.Person == "") {
						t.Errorf("%s was made by the one who had a part in it, or by nobody in particular", what)
					}
					// What is its own author's, or its own person's, nobody else does in their name.
					if own := []string{approval.Own, "acknowledge"}; err == nil && (slices.Contains(own, m.Name) || k.Name == "training_assignment" && m.Name == "hand_in") && a.Person != "p1" {
						t.Errorf("%s was made by somebody else", what)
					}
					if made[k.Name+" "+m.Name] = made[k.Name+" "+m.Name] || err == nil; err != nil {
						var f *fault.Fault
						if !errors.As(err, &f) || f.Next == "" || strings.Contains(f.Error(), "%!") {
							t.Errorf("%s is refused without a word on what to do: %v", what, err)
						}
					}
				}
			}
		}
	}
	if tried < 2000 {
		t.Errorf("only %d combinations were tried", tried)
	}
	for move, was := range made {
		if !was && !strings.HasSuffix(move, "no_such_move") {
			t.Errorf("nobody could ever make %s, so that this test says nothing of it", move)
		}
	}
}

// sortFor is the change of somebody's employment that a move is for.
func sortFor(move string) string {
	if move == "confirm" {
		return "mover"
	}
	return "joiner"
}

// responseFor is the response to a risk that a move is for.
func responseFor(move string) string {
	return map[string]string{"transfer": "share", "avoid": "avoid"}[move]
}

// frauds are what an assessment of risks must have looked at.
var frauds = func() (out []any) {
	for _, s := range risk.Scenarios {
		out = append(out, map[string]any{"scenario": s})
	}
	return out
}()

// commitment is SHA-256 of 32 bytes that are zero, which said gives as a nonce.
const commitment = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"

// said is something for each field that a move asks for.
func said(m record.Move) map[string]any {
	out := map[string]any{}
	for _, f := range m.Fields {
		switch out[f.Name] = any("Because."); {
		case f.Name == "new_files":
			out[f.Name] = []any{map[string]any{"sha256": commitment, "name": "minutes.pdf"}}
		case f.Name == "drop":
			out[f.Name] = commitment
		case f.List:
			out[f.Name] = []any{"e1"}
		case f.Name == "nonce":
			out[f.Name] = strings.Repeat("00", 32)
		case f.Name == "file" || f.Name == "root" || f.Name == "copy" || f.Name == "link":
			out[f.Name] = commitment
		case f.Type == record.Integer:
			out[f.Name] = 1.0
		case f.Type == record.Bool:
			delete(out, f.Name)
		case f.Type == record.Date:
			out[f.Name] = "2026-06-01"
		case f.Type == record.Time:
			out[f.Name] = "2026-03-01T09:00:00Z"
		case f.Type == record.Choice:
			out[f.Name] = f.Choices[0]
		}
	}
	return out
}

// The API names an operation by its verb and the kind: a move that has one of its own verbs would keep every server from starting.
func TestEveryMoveHasANameThatTheAPIHasNot(t *testing.T) {
	kinds, err := workspace.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	own := strings.Fields("list get history prove create put end erase import export")
	for _, k := range kinds.All() {
		if k.States == nil {
			continue
		}
		for _, m := range k.States.Moves {
			if slices.Contains(own, m.Name) {
				t.Errorf("%s has a move named %s, which the API has already", k.Name, m.Name)
			}
		}
	}
}
