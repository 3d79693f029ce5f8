package requirement

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/record"
)

// Rule is what a control's record says of its evidence.
type Rule struct {
	Frequency string   `json:"frequency"`
	Owner     string   `json:"owner"`
	Evidence  []string `json:"evidence"` // what should exist, item by item
}

// Key names the requirement of a control for an item of its evidence rule, the same whenever it is asked for.
func Key(control, item string) string {
	words := strings.FieldsFunc(strings.ToLower(item), func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9') })
	name := strings.Join(words, "-")
	return control + "." + name[:min(len(name), 80)]
}

// Lightest is how often a piece is due of a control that happens as often as said: what happens all the time is shown by a
// piece each quarter that covers it, what happens each day or week by one each month.
func Lightest(frequency string) string {
	switch frequency {
	case "continuous":
		return "quarterly"
	case "daily", "weekly":
		return "monthly"
	}
	return cmp.Or(frequency, "annual")
}

// Missing are the requirements that a control's evidence rule asks for and that are not there, from a day on.
func Missing(control string, r Rule, have []string, from calendar.Day) ([]record.Change, error) {
	var out []record.Change
	for _, item := range r.Evidence {
		if slices.Contains(have, item) {
			continue
		}
		body := map[string]any{"control": control, "title": item, "frequency": Lightest(r.Frequency), "from": calendar.Text(from)}
		if r.Owner != "" {
			body["owner"] = r.Owner
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("ask for the evidence of %s: %w", control, err)
		}
		none := record.Moment(0)
		out = append(out, record.Change{Kind: Kind().Name, Key: Key(control, item), Body: raw, Reason: "from the evidence rule of its control", If: &none})
		have = append(have, item)
	}
	return out, nil
}

// OfControl are the requirements that follow from a control: it is Kind.Follows of the control. They are made when a person
// adopts it from the catalogue, and what is missing of them when it goes into operation; never when the program lays out the
// starter controls, which nobody chose yet. They begin with the window, or on the day when it is running: what was asked for
// before the control was first in operation begins with that. What is automated is shown by its records, and what is performed
// per event by its performances; of those, items are asked for only by hand.
func OfControl(look record.Look, key string, before, after map[string]any) ([]record.Change, error) {
	was, is := text(before, record.StateField), text(after, record.StateField)
	adopted := before == nil && byPerson(after)
	begins := is == "active" && was != "active"
	if after["catalogue_id"] == nil || after["frequency"] == "per_event" || after["type"] == "automated" || !adopted && !begins {
		return nil, nil
	}
	raw, err := json.Marshal(after)
	if err != nil {
		return nil, err
	}
	var r Rule
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("read the evidence rule of %s: %w", key, err)
	}
	zone := time.UTC
	if v, err := look.Get("organisation", organisation.Key); err == nil {
		zone = organisation.Zone(v.Body)
	} else if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	from := calendar.Of(look.At, zone)
	p, ok, err := period.Working(look)
	if err != nil {
		return nil, err
	}
	if opens := calendar.Parse(p.From); ok && opens.After(from) {
		from = opens
	}
	there, err := look.Find(Kind().Name, "control", key)
	if err != nil {
		return nil, err
	}
	var have []string
	var out []record.Change
	for _, v := range there {
		var body map[string]any
		if err := json.Unmarshal(v.Body, &body); err != nil {
			return nil, fmt.Errorf("read requirement %s: %w", v.Key, err)
		}
		have = append(have, text(body, "title"))
		if begins && before["active_since"] == nil && v.Key == Key(key, text(body, "title")) && text(body, "from") < calendar.Text(from) {
			body["from"] = calendar.Text(from)
			if raw, err = json.Marshal(body); err != nil {
				return nil, err
			}
			out = append(out, record.Change{Kind: v.Kind, Key: v.Key, Body: raw, Reason: "its control went into operation"})
		}
	}
	fresh, err := Missing(key, r, have, from)
	return append(out, fresh...), err
}

// byPerson reports whether somebody, and not only the program, wrote a control.
func byPerson(body map[string]any) bool {
	authors, _ := body["authors"].([]any)
	return slices.ContainsFunc(authors, func(a any) bool { s, _ := a.(string); return s != "" && !strings.HasPrefix(s, "job:") })
}

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return s
}
