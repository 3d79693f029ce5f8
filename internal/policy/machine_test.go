package policy_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/policy"
	"tickmark/internal/record"
)

var zero time.Time

// TestEveryStateMoveAndActor tries every move of the four machines, from every state, by everyone there is. Only what is
// listed is permitted; a move that is added later is tried by itself and must be listed here, or nobody can make it.
func TestEveryStateMoveAndActor(t *testing.T) {
	author, other, reviewer, approver, stranger := ada, adaAdmin, bob, cleo, guest
	actors := map[string]record.Authority{"author": author, "author's other account": other, "reviewer": reviewer, "approver": approver, "another": dan, "stranger": stranger,
		"job": record.Job("job:policy"), "connection": record.Job("connection:git")}
	people := "author, author's other account, reviewer, approver, another, stranger"
	permitted := map[string]string{
		"policy_version draft submit":             people,
		"policy_version in_review comment":        people,
		"policy_version in_review review":         "reviewer, approver, another",
		"policy_version pending_approval approve": "approver",
		"policy_version pending_approval refuse":  "approver",
		"policy_version approved publish":         people + ", job",
		"policy_version published supersede":      "job",
		"policy_version published retire":         "job",
		"policy active retire":                    "approver",
		"acknowledgement assigned acknowledge":    "reviewer",
		"acknowledgement assigned void":           "job",
		"policy_review proposed approve":          "approver",
	}
	// How each state is reached.
	version := []struct {
		state string
		by    record.Authority
		move  string
	}{
		{"draft", nil, ""}, {"in_review", author, "submit"}, {"pending_approval", reviewer, "review"}, {"approved", approver, "approve"}, {"published", author, "publish"},
		{"superseded", record.Job("job:policy"), "supersede"}}
	reach := func(w *world, kind, state string) string {
		w.policy(t, nil)
		switch kind {
		case "policy":
			if state == "retired" {
				w.must(t, approver, "policy", "access", "retire")
			}
			return "access"
		case "policy_version":
			w.put(t, author, kind, "v", draft("1.0", "major", nil))
			for _, step := range version {
				if state == "retired" && step.state == "superseded" {
					w.must(t, record.Job("job:policy"), kind, "v", "retire")
					break
				}
				if step.move != "" {
					w.must(t, step.by, kind, "v", step.move)
				}
				if step.state == state {
					break
				}
			}
			return "v"
		}
		w.publish(t, "v", "1.0", "major")
		if kind == "policy_review" {
			w.put(t, reviewer, kind, "r", map[string]any{"policy": "access", "version": "v", "note": "Nothing changed."})
			if state == "approved" {
				w.must(t, approver, kind, "r", "approve")
			}
			return "r"
		}
		key := w.acks(t, "v")["bob"].Key
		switch state {
		case "acknowledged":
			w.must(t, reviewer, kind, key, "acknowledge")
		case "void":
			w.must(t, record.Job("job:policy"), kind, key, "void")
		}
		return key
	}
	unused := maps.Clone(permitted)
	for _, k := range []record.Kind{policy.Kind(), policy.VersionKind(), policy.AcknowledgementKind(), policy.ReviewKind()} {
		for _, state := range k.States.States() {
			w := onSQLite(t)
			key := reach(w, k.Name, state)
			if got := w.body(t, k.Name, key)["state"]; got != state {
				t.Fatalf("%s was to be %s and is %v", k.Name, state, got)
			}
			for _, m := range k.States.Moves {
				move := fmt.Sprintf("%s %s %s", k.Name, state, m.Name)
				delete(unused, move)
				var may []string
				for _, name := range slices.Sorted(maps.Keys(actors)) {
					before := w.body(t, k.Name, key)
					look := w.LookAt(t.Context(), zero)
					said := k.Refusal(look, before, m.Name, actors[name].Actor())
					if said == nil {
						may = append(may, name)
					}
					if said != nil { // what is said beforehand is what happens
						if err := w.move(actors[name], k.Name, key, m.Name); err == nil {
							t.Errorf("%s by %s: refused beforehand and done nevertheless", move, name)
						}
						if after := w.body(t, k.Name, key); after["state"] != state {
							t.Fatalf("%s by %s changed the state to %v", move, name, after["state"])
						}
					}
				}
				want := strings.Split(permitted[move], ", ")
				if permitted[move] == "" {
					want = nil
				}
				slices.Sort(want)
				if !slices.Equal(may, want) {
					t.Errorf("%s: permitted to %q, want %q", move, may, want)
				}
				for _, name := range may[:min(1, len(may))] { // on a world of its own: it really can
					w := onSQLite(t)
					w.must(t, actors[name], k.Name, reach(w, k.Name, state), m.Name)
				}
			}
		}
	}
	for move := range unused {
		t.Errorf("%s is listed and there is no such move", move)
	}
}
