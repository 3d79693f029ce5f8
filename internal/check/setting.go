package check

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// SettingKind is the record kind in which the organisation turns checks off and sets their thresholds otherwise: who did so,
// when and why stays on record. Its key is the check's id.
const SettingKind = "check_setting"

// Kind declares it.
func Kind() record.Kind {
	return record.Kind{
		Name: SettingKind, Title: "Check setting", Plural: "Check settings", Group: "Program", Label: "check", Key: "check",
		Help: "Which checks are off and which thresholds differ from the library's, with the reason.",
		Fields: []record.Field{
			{Name: "check", Type: record.Text, Required: true, Help: "The id of the check, such as HOST-01."},
			{Name: "off", Title: "Off", Type: record.Bool, Indexed: true, Help: "An off check gives no answers; what it answered before stays."},
			{Name: "settings", Type: record.JSON, Help: `The thresholds to change, as {"max_age_days": 60}.`},
			{Name: "reason", Type: record.Long, Required: true, Help: "Say why, for the examiner will ask."},
		},
	}
}

// Setup is a check as the organisation uses it.
type Setup struct {
	*Check        // with the settings in effect
	Off    bool   // it is turned off
	Reason string // why it is off or set otherwise
	By     string // who did so
	Fault  string // why the organisation's settings cannot be used; the check is then Broken
}

// setups reads the organisation's settings over the set.
func (m *Monitor) setups(ctx context.Context) ([]Setup, error) {
	changed := map[string]record.Version{}
	if _, err := m.Book.Kinds.Named(SettingKind); err == nil {
		err := m.Book.EachOpen(ctx, m.Book.DB, SettingKind, func(v record.Version) error {
			changed[v.Key] = v
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the settings of checks: %w", err)
		}
	}
	checks := m.Set.Checks()
	out := make([]Setup, 0, len(checks))
	for _, c := range checks {
		s := Setup{Check: c}
		if v, ok := changed[c.ID]; ok {
			s.By = v.Actor
			var body struct {
				Off      bool            `json:"off"`
				Settings json.RawMessage `json:"settings"`
				Reason   string          `json:"reason"`
			}
			if err := json.Unmarshal(v.Body, &body); err != nil {
				return nil, fmt.Errorf("read the setting of %s: %w", c.ID, err)
			}
			s.Off, s.Reason = body.Off, body.Reason
			if len(body.Settings) > 0 && string(body.Settings) != "null" && c.Broken == "" {
				if s.Check, s.Fault = apply(c, body.Settings); s.Fault != "" {
					wrong := *c // what the organisation asked for is not what the library's thresholds would answer
					if err := wrong.breakWith("The settings of the check cannot be used, so that nothing is known: " + s.Fault); err != nil {
						return nil, err
					}
					s.Check = &wrong
				}
			}
		}
		out = append(out, s)
	}
	return m.mourn(ctx, out)
}

func apply(c *Check, settings json.RawMessage) (*Check, string) {
	v, err := decodeExact(settings)
	set, ok := v.(map[string]any)
	if err != nil || !ok {
		return c, fault.New(fault.Invalid, "The settings of %s are not an object of names and values.", c.ID).Error()
	}
	n, err := c.With(set)
	if err != nil {
		return c, err.Error()
	}
	return n, ""
}

// Typed reads a threshold, as people write it, in the type of its default.
func Typed(def any, typed string) (any, error) {
	if _, text := def.(string); text {
		return typed, nil
	}
	var v any
	if _, list := def.([]any); list && !strings.HasPrefix(typed, "[") {
		var out []any
		for _, x := range strings.Split(typed, ",") {
			x = strings.TrimSpace(x)
			var e any = x
			if json.Unmarshal([]byte(x), &e) != nil {
				e = x
			}
			out = append(out, e)
		}
		return out, nil
	}
	if err := json.Unmarshal([]byte(strings.NewReplacer("Yes", "true", "No", "false").Replace(typed)), &v); err != nil {
		return nil, fmt.Errorf("%q is no number, and no true or false", typed)
	}
	return v, nil
}
