package training

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Assignment is one person's, as its record says it.
type Assignment struct {
	Key          string    `json:"-"`
	Module       string    `json:"module"`
	Person       string    `json:"person"`
	Because      string    `json:"because"`
	Assigned     string    `json:"assigned"`
	Due          string    `json:"due"`
	OverdueSince string    `json:"overdue_since"`
	State        string    `json:"state"`
	Attempts     []Attempt `json:"attempts"`
	Score        *int      `json:"score"`
	Edition      int       `json:"edition"`
	Completion   string    `json:"completion"`
	CompletedOn  string    `json:"completed_on"`
}

// Attempt is what answers that were handed in were worth.
type Attempt struct {
	At      time.Time `json:"at"`
	Edition int       `json:"edition"`
	Right   int       `json:"right"`
	Of      int       `json:"of"`
	Score   int       `json:"score"`
	Passed  bool      `json:"passed"`
	Wrong   []string  `json:"wrong,omitempty"`
}

func jobOnly(_, _ map[string]any, actor record.Actor) error {
	if !actor.IsJob() {
		return fault.New(fault.Denied, "Tickmark does this itself when what calls for it happens.").WithNext("Take the module on your page, or record a completion of another system.")
	}
	return nil
}

// own is for the person alone: nobody learns in another's name.
func own(before, _ map[string]any, actor record.Actor) error {
	person := text(before, "person")
	if actor.Person == "" {
		return fault.New(fault.Denied, "Only %s can answer this, and %s is linked to no person.", person, actor.Stamp()).WithNext("Ask an owner of the workspace to link the user to a person.")
	}
	if actor.Person != person {
		return fault.New(fault.Denied, "Only %s can answer this.", person).WithNext("Ask them to open their page and take it.")
	}
	return nil
}

func writeAssignment(before, after map[string]any, actor record.Actor) error {
	if !actor.IsJob() {
		return fault.New(fault.Denied, "Training is assigned by Tickmark: when somebody joins, when a module is published, and when it is due again.").
			WithNext("Publish the module, or put the person into its audience.")
	}
	if before != nil && text(before, "overdue_since") != "" {
		after["overdue_since"] = before["overdue_since"] // late stays late
	}
	return nil
}

// checkAssignment marks answers, which completes the assignment when they suffice and leaves it open when they don't; and lets nothing
// but a completion that counts stand for one taken elsewhere.
func checkAssignment(look record.Look, before, after map[string]any, _ record.Actor) error {
	if before == nil {
		return nil
	}
	if after["answered_at"] != before["answered_at"] {
		return mark(look, after)
	}
	switch was, is := text(before, record.StateField), text(after, record.StateField); {
	case was == "assigned" && is == "completed":
		return recognised(look, after)
	case was == "completed" && is == "assigned":
		for _, f := range []string{"completion", "completed_on", "score", "edition", "sha256"} {
			delete(after, f)
		}
	}
	return nil
}

func mark(look record.Look, after map[string]any) error {
	said, _ := after["answers"].([]any)
	delete(after, "answers") // what was answered is nobody's business; what it was worth is kept
	v, err := look.Get("training_module", text(after, "module"))
	if err != nil {
		return err
	}
	m, err := ReadModule(v)
	if err != nil {
		return err
	}
	if m.State != "published" {
		return fault.New(fault.Conflict, "This module is %s now and can't be taken.", strings.ReplaceAll(m.State, "_", " ")).WithNext("Wait until it is published again; whoever owns it knows when.")
	}
	right, err := key(look, m.Key)
	if err != nil {
		return err
	}
	given, err := given(m, said)
	if err != nil {
		return err
	}
	a := Attempt{At: look.At.UTC(), Edition: m.Edition, Of: len(m.Questions)}
	for _, q := range m.Questions {
		if n := right[q.ID]; n > 0 && given[q.ID] == n {
			a.Right++
		} else {
			a.Wrong = append(a.Wrong, q.ID)
		}
	}
	a.Score, a.Passed = 100, true
	if a.Of > 0 {
		a.Score = 100 * a.Right / a.Of
		a.Passed = a.Score >= m.Pass()
	}
	attempts, _ := after["attempts"].([]any)
	one := map[string]any{"at": a.At.Format(time.RFC3339Nano), "edition": a.Edition, "right": a.Right, "of": a.Of, "score": a.Score, "passed": a.Passed}
	if len(a.Wrong) > 0 {
		one["wrong"] = a.Wrong
	}
	after["attempts"] = append(slices.Clone(attempts), one)
	if late := overdue(text(after, "due"), today(look)); text(after, "overdue_since") == "" && late != "" {
		after["overdue_since"] = late
	}
	if !a.Passed {
		return nil
	}
	after[record.StateField], after["edition"], after["sha256"], after["completed_on"] = "completed", a.Edition, m.SHA256, today(look)
	if a.Of > 0 {
		after["score"] = a.Score
	}
	return nil
}

// given are the options that were chosen, by question. A question left out is one answered wrong; one that is not asked is refused.
func given(m Module, said []any) (map[string]int, error) {
	out := map[string]int{}
	for _, s := range said {
		id, n, _ := strings.Cut(fmt.Sprint(s), "=")
		i := slices.IndexFunc(m.Questions, func(q Question) bool { return q.ID == id })
		option, err := strconv.Atoi(n)
		if i < 0 || err != nil || option < 1 || option > len(m.Questions[i].Options) {
			return nil, fault.New(fault.Invalid, "%q answers no question of this module.", fmt.Sprint(s)).WithNext("Give each answer as QUESTION=NUMBER, the options counted from 1.")
		}
		if out[id] != 0 {
			return nil, fault.New(fault.Invalid, "Question %s is answered twice.", id).WithNext("Choose one answer.")
		}
		out[id] = option
	}
	return out, nil
}

// overdue is the first day past a due date, when it has come.
func overdue(due, today string) string {
	last, err := time.Parse(time.DateOnly, due)
	if err != nil {
		return ""
	}
	if first := last.AddDate(0, 0, 1).Format(time.DateOnly); today >= first {
		return first
	}
	return ""
}

// recognised holds the assignment against the completion that is to stand for it.
func recognised(look record.Look, after map[string]any) error {
	v, err := look.Get("training_completion", text(after, "completion"))
	if err != nil {
		return err
	}
	c, err := ReadCompletion(v)
	if err != nil {
		return err
	}
	if !c.Counts || c.State != "recorded" || c.Module != text(after, "module") || c.Person != text(after, "person") {
		return fault.New(fault.Conflict, "That completion does not stand for this assignment.").WithNext("Record one of the same person and module that was passed.")
	}
	after["completed_on"] = c.On
	if c.Score != nil {
		after["score"] = *c.Score
	}
	if late := overdue(text(after, "due"), c.On); text(after, "overdue_since") == "" && late != "" {
		after["overdue_since"] = late
	}
	return nil
}

// afterAssignment writes the completion of what was answered well enough here.
func afterAssignment(look record.Look, _ string, before, after map[string]any) ([]record.Change, error) {
	if before == nil || text(after, record.StateField) != "completed" || text(before, record.StateField) == "completed" || text(after, "completion") != "" {
		return nil, nil
	}
	body := map[string]any{"module": after["module"], "person": after["person"], "on": after["completed_on"], "result": "passed", "provider": "Tickmark", "here": true, "edition": after["edition"]}
	if after["score"] != nil {
		body["score"] = after["score"]
	} else {
		body["result"] = "attended"
	}
	return []record.Change{{Kind: "training_completion", Body: encoded(body), Reason: "taken here"}}, nil
}
