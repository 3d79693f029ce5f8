package training

import (
	"encoding/json"
	"fmt"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Completion is one as its record says it.
type Completion struct {
	Key      string `json:"-"`
	Module   string `json:"module"`
	Person   string `json:"person"`
	On       string `json:"on"`
	Result   string `json:"result"`
	Score    *int   `json:"score"`
	Provider string `json:"provider"`
	Topic    string `json:"topic"`
	Counts   bool   `json:"counts"`
	Here     bool   `json:"here"`
	Edition  int    `json:"edition"`
	State    string `json:"state"`
}

// ReadCompletion reads the record of one.
func ReadCompletion(v record.Version) (Completion, error) {
	c := Completion{}
	if err := json.Unmarshal(v.Body, &c); err != nil {
		return c, fmt.Errorf("read training completion %s: %w", v.Key, err)
	}
	c.Key = v.Key
	return c, nil
}

func encoded(body map[string]any) []byte {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // of strings, numbers and booleans only
	}
	return b
}

// writeCompletion lets nobody record that they were trained themselves.
func writeCompletion(_, after map[string]any, actor record.Actor) error {
	if actor.IsJob() {
		return nil
	}
	return record.Apart(actor, "record this completion", record.Party{Role: "the one who completed it", Stamp: text(after, "person")})
}

func withdraw(before, _ map[string]any, actor record.Actor) error {
	if here, _ := before["here"].(bool); here {
		return fault.New(fault.Conflict, "It was taken here, so that what it says is what happened.").WithNext("Publish the module anew where it has to be taken again.")
	}
	return record.Apart(actor, "withdraw this completion", record.Party{Role: "the one who completed it", Stamp: text(before, "person")})
}

// checkCompletion finds out whether it is enough for its module.
func checkCompletion(look record.Look, before, after map[string]any, _ record.Actor) error {
	if before != nil {
		return nil
	}
	v, err := look.Get("training_module", text(after, "module"))
	if err != nil {
		return err
	}
	m, err := ReadModule(v)
	if err != nil {
		return err
	}
	result, here := text(after, "result"), after["here"] == true
	score := number(after, "score")
	scored := after["score"] != nil
	switch {
	case text(after, "on") > today(look):
		return fault.New(fault.Invalid, "%s has not come yet, so nothing was completed on it.", text(after, "on")).WithNext("Give the day on which it was completed.")
	case scored && (score < 0 || score > 100):
		return fault.New(fault.Invalid, "A score of %d percent cannot be.", score).WithNext("Give it between 0 and 100.")
	case result == "passed" && scored && score < m.Pass() && len(m.Questions) > 0:
		return fault.New(fault.Invalid, "%d percent is below the pass mark of %s, %d, so that it was not passed.", score, m.Title, m.Pass()).WithNext("Record it as failed, or correct the score.")
	}
	after["topic"] = m.Topic
	after["counts"] = here || result == "passed" || result == "attended" && len(m.Questions) == 0
	return nil
}

// afterCompletion closes what the person still had to take of the module, and opens it again when the completion turns out wrong.
func afterCompletion(look record.Look, k string, before, after map[string]any) ([]record.Change, error) {
	all, err := Assignments(look, "person", text(after, "person"))
	if err != nil {
		return nil, err
	}
	var out []record.Change
	for _, a := range all {
		switch {
		case a.Module != text(after, "module"):
		case before == nil && after["counts"] == true && a.State == "assigned" && earliest(look, a) <= text(after, "on"):
			out = append(out, record.Change{Kind: "training_assignment", Key: a.Key, Move: "recognise", Said: map[string]any{"completion": k}, Reason: "completed in " + text(after, "provider")})
		case before != nil && text(after, record.StateField) == "withdrawn" && a.Completion == k && a.State == "completed":
			out = append(out, record.Change{Kind: "training_assignment", Key: a.Key, Move: "reopen", Reason: "the completion was withdrawn"})
		}
	}
	return out, nil
}

// earliest is the first day on which a completion can be of this assignment: one taken long before it was due is of an earlier turn.
func earliest(look record.Look, a Assignment) string {
	v, err := look.Get("training_module", a.Module)
	if err != nil {
		return a.Assigned
	}
	m, err := ReadModule(v)
	if err != nil {
		return a.Assigned
	}
	return m.since(a.Due)
}

// Assignments are those with a value in an indexed field.
func Assignments(look record.Look, field, value string) ([]Assignment, error) {
	list, err := look.Find("training_assignment", field, value)
	if err != nil {
		return nil, err
	}
	var out []Assignment
	for _, v := range list {
		a := Assignment{}
		if v.Erased {
			continue
		}
		if err := json.Unmarshal(v.Body, &a); err != nil {
			return nil, fmt.Errorf("read training assignment %s: %w", v.Key, err)
		}
		a.Key = v.Key
		out = append(out, a)
	}
	return out, nil
}
