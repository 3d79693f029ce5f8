package cycle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Adviser is one as its record says it.
type Adviser struct {
	Key       string   `json:"key"`
	Firm      string   `json:"firm"`
	Sort      string   `json:"sort"`
	People    []string `json:"people"`
	Agreement string   `json:"agreement"`
	From      string   `json:"from"`
	To        string   `json:"to"`
}

// AdviserKind declares somebody from outside who helps the company with its programme and works on its side.
func AdviserKind() record.Kind {
	return record.Kind{
		Name: "adviser", Title: "Adviser", Plural: "Advisers", Group: "Program",
		Help:  "A firm or person from outside who helps with the programme, on the company's side. Who advises does not examine.",
		Label: "firm",
		Fields: []record.Field{
			{Name: "firm", Title: "Firm or name", Type: record.Text, Required: true},
			{Name: "sort", Type: record.Choice, Required: true, Choices: []string{"programme", "technical", "legal", "penetration_test", "readiness", "other"}},
			{Name: "people", Type: record.Ref, Refers: "person", List: true, Indexed: true, Help: "Those who can sign in here, each also a person on record, with an end."},
			{Name: "agreement", Type: record.Text, Required: true, Hidden: true, Help: "The contract with its date, and where it is kept."},
			{Name: "scope", Title: "What they do", Type: record.Long, Required: true, Hidden: true},
			{Name: "from", Title: "From", Type: record.Date, Required: true, Indexed: true},
			{Name: "to", Title: "Through", Type: record.Date, Required: true, Indexed: true, Help: "Their last day. Their access ends with it."},
		},
		Guard: func(_, after map[string]any, _ record.Actor) error {
			if text(after, "to") < text(after, "from") {
				return fault.New(fault.Invalid, "It ends on %s, before it begins on %s.", text(after, "to"), text(after, "from"))
			}
			return nil
		},
		Check: func(look record.Look, _, after map[string]any, _ record.Actor) error {
			raw, err := json.Marshal(after)
			if err != nil {
				return err
			}
			var a Adviser
			if err := json.Unmarshal(raw, &a); err != nil {
				return fmt.Errorf("read an adviser: %w", err)
			}
			cycles, err := all[Cycle](look, Name)
			if err != nil {
				return err
			}
			for _, c := range cycles {
				if c.State != "ended" && c.State != "abandoned" {
					if err := a.apart(c.Name, c.Firm, c.Auditors); err != nil {
						return err
					}
				}
			}
			engagements, err := all[struct {
				Name, State string
				Firm        struct{ Name string }
				Team        []struct{ Person string }
			}](look, "engagement")
			if err != nil {
				return err
			}
			for _, e := range engagements {
				var team []string
				for _, m := range e.Team {
					team = append(team, m.Person)
				}
				if !slices.Contains([]string{"declined", "withdrawn", "archived"}, e.State) {
					if err := a.apart(e.Name, e.Firm.Name, team); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

// apart refuses an adviser who also examines: the same firm, or the same person whichever firm they come from.
func (a Adviser) apart(what, firm string, auditors []string) error {
	if same(a.Firm, firm) {
		return fault.New(fault.Denied, "%s examines %s, and who examines does not advise.", firm, what).WithNext("Name another adviser, or another firm for the examination.")
	}
	for _, p := range a.People {
		if slices.Contains(auditors, p) {
			return fault.New(fault.Denied, "%s is among those who examine %s, and who examines does not advise.", p, what).WithNext("Name another person.")
		}
	}
	return nil
}

// apart refuses a firm or auditors of the cycle who advise the company. An adviser whose time is over counts too: what they
// helped to build is what would be examined.
func (c Cycle) apart(look record.Look) error {
	if c.Firm == "" && len(c.Auditors) == 0 {
		return nil
	}
	advisers, err := all[Adviser](look, "adviser")
	if err != nil {
		return err
	}
	for _, a := range advisers {
		if err := a.apart(c.Name, c.Firm, c.Auditors); err != nil {
			return err
		}
	}
	for _, p := range c.Auditors {
		if p == c.Sponsor || p == c.Owner {
			return fault.New(fault.Denied, "%s runs the programme and cannot be among those who examine it.", p).WithNext("Take the person out of auditors.")
		}
	}
	return nil
}

// same compares firms by their letters and figures, without what law puts behind a name.
func same(a, b string) bool {
	fold := func(s string) string {
		var out strings.Builder
		for _, w := range strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if !slices.Contains([]string{"and", "the", "llp", "llc", "inc", "ltd", "limited", "gmbh", "ag", "plc", "pc", "co", "corp", "lp", "pllc"}, w) {
				out.WriteString(w)
			}
		}
		return out.String()
	}
	x, y := fold(a), fold(b)
	return x != "" && x == y
}
