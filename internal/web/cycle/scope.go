package cycle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/framework"
	"tickmark/internal/record"
	"tickmark/internal/system"
	"tickmark/internal/web/part"
)

// stated is what the records say beside the choice: categories that nothing was promised about, criteria that are said not to be
// relevant, and what the data in the systems speaks for. It proposes and chooses nothing.
func (d *ScopePage) stated(look record.Look, wanted []string) error {
	promises, err := look.All("commitment")
	if err != nil {
		return err
	}
	promised := map[string]bool{}
	for _, v := range promises {
		var b struct{ Category string }
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return fmt.Errorf("read commitment %s: %w", v.Key, err)
		}
		promised[b.Category] = true
	}
	for _, c := range wanted {
		if !promised[c] {
			d.NoPromise = append(d.NoPromise, part.Sentence(c))
		}
	}
	criteria, err := look.All("criterion")
	if err != nil {
		return err
	}
	for _, v := range criteria {
		var c struct {
			framework.Criterion
			Reason string `json:"not_relevant_reason"`
		}
		if err := json.Unmarshal(v.Body, &c); err != nil {
			return fmt.Errorf("read criterion %s: %w", v.Key, err)
		}
		if strings.TrimSpace(c.Reason) != "" {
			d.NotRelevant = append(d.NotRelevant, NotRelevant{c.ID, c.Title, c.Reason, "/records/not_relevant?criterion=" + v.Key})
		}
	}
	systems, err := look.All("system")
	if err != nil {
		return err
	}
	suggest := func(category, why string) {
		if s := part.Sentence(category) + ": " + why; !slices.Contains(wanted, category) && !slices.Contains(d.Suggested, s) {
			d.Suggested = append(d.Suggested, s)
		}
	}
	for _, v := range systems {
		s, err := system.Read(v)
		if err != nil {
			return err
		}
		if s.State == "retired" {
			continue
		}
		for _, x := range s.Data {
			if x.Personal {
				suggest(framework.Privacy, s.Name+" keeps personal data ("+x.Name+"). Privacy is meant for data collected from people directly.")
			}
			if x.Class == "confidential" || x.Class == "restricted" {
				suggest(framework.Confidentiality, s.Name+" keeps "+x.Class+" data ("+x.Name+"). Confidentiality is meant for what customers hand over under such terms.")
			}
		}
	}
	return nil
}
