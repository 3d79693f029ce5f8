package training

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/policy"
	"tickmark/internal/record"
)

// What holds where a module says nothing of its own.
const (
	defaultDays = 30
	defaultPass = 80
)

// Module is a training module as its record says it.
type Module struct {
	Key         string     `json:"-"`
	Title       string     `json:"title"`
	Topic       string     `json:"topic"`
	Owner       string     `json:"owner"`
	Audience    string     `json:"audience"`
	Groups      []string   `json:"groups"`
	Named       []string   `json:"named"`
	Days        int        `json:"days"`
	Months      int        `json:"months"`
	Text        string     `json:"text"`
	Questions   []Question `json:"questions"`
	PassMark    int        `json:"pass_mark"`
	Edition     int        `json:"edition"`
	SHA256      string     `json:"sha256"`
	AnewOn      string     `json:"anew_on"`
	State       string     `json:"state"`
	PublishedAt time.Time  `json:"published_at"`
}

// Question is one of its questions; the right option stands elsewhere.
type Question struct {
	ID       string   `json:"id"`
	Question string   `json:"question"`
	Options  []string `json:"options"`
}

// ReadModule reads the record of one.
func ReadModule(v record.Version) (Module, error) {
	m := Module{}
	if err := json.Unmarshal(v.Body, &m); err != nil {
		return m, fmt.Errorf("read training module %s: %w", v.Key, err)
	}
	m.Key = v.Key
	return m, nil
}

// Pass is how much must be right, in percent.
func (m Module) Pass() int {
	if m.PassMark == 0 {
		return defaultPass
	}
	return m.PassMark
}

func (m Module) days() int {
	if m.Days == 0 {
		return defaultDays
	}
	return m.Days
}

func decode[T any](body map[string]any) (out T, err error) {
	b, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		err = fmt.Errorf("read a record of training: %w", err)
	}
	return out, err
}

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return s
}

func number(body map[string]any, field string) int {
	n := 0
	if v := body[field]; v != nil {
		fmt.Sscan(fmt.Sprint(v), &n)
	}
	return n
}

func writeModule(_, after map[string]any, _ record.Actor) error {
	m, err := decode[Module](after)
	if err != nil {
		return err
	}
	switch {
	case after["days"] != nil && (m.Days < 1 || m.Days > 366):
		return fault.New(fault.Invalid, "Nobody can complete it within %d days.", m.Days).WithNext("Set days between 1 and 366, or leave it empty for %d.", defaultDays)
	case after["months"] != nil && (m.Months < 1 || m.Months > 60):
		return fault.New(fault.Invalid, "It can't be taken again after %d months.", m.Months).WithNext("Set months between 1 and 60, or leave it empty for once.")
	case after["pass_mark"] != nil && (m.PassMark < 1 || m.PassMark > 100):
		return fault.New(fault.Invalid, "A pass mark of %d percent cannot be.", m.PassMark).WithNext("Set pass_mark between 1 and 100.")
	case m.Audience == "groups" && len(m.Groups) == 0:
		return fault.New(fault.Invalid, "The audience is groups, and none is given.").WithNext("Fill in groups, or choose another audience.")
	case m.Audience == "named" && len(m.Named) == 0:
		return fault.New(fault.Invalid, "The audience is named people, and nobody is named.").WithNext("Fill in named, or choose another audience.")
	}
	seen := map[string]bool{}
	for _, q := range m.Questions {
		switch {
		case seen[q.ID] || strings.ContainsAny(q.ID, "= \t"):
			return fault.New(fault.Invalid, "The id %q of a question is there twice, or has a space or an equals sign in it.", q.ID).WithNext("Call them q1, q2 and so on.")
		case len(q.Options) < 2:
			return fault.New(fault.Invalid, "Question %s has fewer than two options.", q.ID).WithNext("Give at least one that is right and one that is wrong.")
		}
		seen[q.ID] = true
	}
	return nil
}

// publish counts the edition and keeps the hash of what people will read.
func publish(before, after map[string]any, actor record.Actor) error {
	if actor.Person == "" {
		return fault.New(fault.Denied, "Only a person can publish a module, and %s is not linked to one.", actor.Stamp()).WithNext("Link the user to a person record first.")
	}
	content, err := json.Marshal([]any{before["title"], before["text"], before["questions"]})
	if err != nil {
		return fmt.Errorf("hash a training module: %w", err)
	}
	sum := sha256.Sum256(content)
	after["edition"], after["sha256"] = float64(number(before, "edition")+1), hex.EncodeToString(sum[:])
	return nil
}

// checkModule refuses to publish what could not be marked, and keeps since when earlier completions no longer count.
func checkModule(look record.Look, before, after map[string]any, _ record.Actor) error {
	if text(after, record.StateField) != "published" || text(before, record.StateField) == "published" {
		return nil
	}
	if anew, _ := after["anew"].(bool); anew {
		after["anew_on"] = today(look)
	}
	delete(after, "anew")
	m, err := decode[Module](after)
	if err != nil {
		return err
	}
	if strings.TrimSpace(m.Text) == "" {
		return fault.New(fault.Invalid, "The module has no text.").WithNext("Write it first.")
	}
	right, err := key(look, text(after, "id"))
	if err != nil {
		return err
	}
	for _, q := range m.Questions {
		if n := right[q.ID]; n < 1 || n > len(q.Options) {
			return fault.New(fault.Conflict, "Nobody said which answer of question %s is right.", q.ID).
				WithNext("Write the record of kind training_key for this module first: one option, counted from 1, for each question.")
		}
	}
	return nil
}

// key are the right options of a module's questions, by the question's id; empty where none is on record.
func key(look record.Look, module string) (map[string]int, error) {
	v, err := look.Get("training_key", module)
	if fault.Is(err, fault.NotFound) {
		return map[string]int{}, nil
	}
	if err != nil {
		return nil, err
	}
	var k struct {
		Right []struct {
			Question string
			Option   int
		}
	}
	if err := json.Unmarshal(v.Body, &k); err != nil {
		return nil, fmt.Errorf("read the answers of %s: %w", module, err)
	}
	out := map[string]int{}
	for _, r := range k.Right {
		out[r.Question] = r.Option
	}
	return out, nil
}

func today(look record.Look) string { return look.At.In(policy.Zone(look)).Format(time.DateOnly) }

// Concerns says whether somebody has to take the module.
func (m Module) Concerns(p Person) bool {
	switch m.Audience {
	case "employees":
		return p.Employment != "contractor" // who is not stated to be one counts, so that nobody is left out for want of a field
	case "contractors":
		return p.Employment == "contractor"
	case "groups":
		return slices.ContainsFunc(p.Groups, func(g string) bool { return slices.Contains(m.Groups, g) })
	case "named":
		return slices.Contains(m.Named, p.ID)
	}
	return true
}
