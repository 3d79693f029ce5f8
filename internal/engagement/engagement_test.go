package engagement

import (
	"slices"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

var partner = record.Actor{User: "paula", Person: "paula"}

func valid(with map[string]any) map[string]any {
	b := map[string]any{"id": "e", "name": "E", "company": "Acme", "operator": "company", "type": Type2, "categories": []any{"security"}, "system": "S", "from": "2026-01-01", "to": "2026-12-31",
		"zone": "Europe/Berlin", "team": []any{map[string]any{"person": "paula", "role": Partner, "credential": "CPA"}}, "firm": map[string]any{"name": "F"}}
	for k, v := range with {
		b[k] = v
	}
	return b
}

func TestEachMoveOfAnEngagementSaysWhoMayMakeIt(t *testing.T) {
	known := steps()
	for _, m := range machine().Moves {
		for _, from := range m.From {
			to := m.To
			if to == "" {
				continue // recall, which leaves the state
			}
			if m.Name == "resume" {
				to = "planning"
			}
			s, ok := known[[2]string{from, to}]
			if !ok || len(s.roles) == 0 {
				t.Errorf("%s from %s to %s has no step, so nobody is asked who makes it", m.Name, from, to)
			}
			if slices.Contains(s.roles, PeerReviewer) || slices.Contains(s.roles, Preparer) {
				t.Errorf("%s may be made by %v", m.Name, s.roles)
			}
		}
	}
}

func TestAnEngagementThatNoExaminationHas(t *testing.T) {
	k := Kind()
	for name, c := range map[string]struct {
		with    map[string]any
		refused bool
	}{
		"as it should be":              {nil, false},
		"three months":                 {map[string]any{"from": "2026-10-01"}, false},
		"no security":                  {map[string]any{"categories": []any{"privacy"}}, true},
		"no first day":                 {map[string]any{"from": ""}, true},
		"a Type I with a window":       {map[string]any{"type": Type1}, true},
		"a Type I":                     {map[string]any{"type": Type1, "from": ""}, false},
		"backwards":                    {map[string]any{"from": "2027-01-01"}, true},
		"no zone":                      {map[string]any{"zone": ""}, true},
		"the server's zone":            {map[string]any{"zone": "Local"}, true},
		"no partner":                   {map[string]any{"team": []any{map[string]any{"person": "p", "role": Manager}}}, true},
		"one person twice":             {map[string]any{"team": []any{map[string]any{"person": "p", "role": Partner}, map[string]any{"person": "p", "role": QualityReviewer}}}, true},
		"a carve-out without controls": {map[string]any{"subservice": []any{map[string]any{"name": "Host", "method": "carve_out"}}}, true},
		"a carve-out with controls":    {map[string]any{"subservice": []any{map[string]any{"name": "Host", "method": "carve_out", "expected": []any{"Guards the doors."}}}}, false},
		"included without assertion":   {map[string]any{"subservice": []any{map[string]any{"name": "Host", "method": "inclusive"}}}, true},
		"users' control, no criteria":  {map[string]any{"user_controls": []any{map[string]any{"text": "Manage accounts."}}}, true},
	} {
		_, err := k.Written(nil, valid(c.with), partner, time.Now())
		if c.refused != fault.Is(err, fault.Invalid) || !c.refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheWindowEndsInTheCompanysZone(t *testing.T) {
	from, to, err := Window(valid(nil))
	if err != nil || from.UTC().Format(time.RFC3339) != "2025-12-31T23:00:00Z" || to.UTC().Format(time.RFC3339) != "2026-12-31T23:00:00Z" {
		t.Errorf("%v to %v, %v", from.UTC(), to.UTC(), err)
	}
	if u := Unusual(valid(map[string]any{"from": "2026-11-01"})); len(u) != 1 {
		t.Errorf("a window of two months: %v", u)
	}
	if u := Unusual(valid(nil)); len(u) != 0 {
		t.Errorf("a window of a year: %v", u)
	}
}

func TestAcceptanceIsGuarded(t *testing.T) {
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	firm := map[string]any{"name": "F", "licence": "1", "jurisdiction": "NY", "licensed_to": "2026-12-31", "peer_reviewed": "2024-01-01", "peer_review": "pass"}
	said := []record.Version{{Body: []byte(`{"person":"paula","stage":"acceptance","state":"confirmed"}`)}}
	look := record.Look{At: now, Find: func(kind, field string, value any) ([]record.Version, error) { return said, nil }}
	sum := "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	with := func(field string, value any) map[string]any {
		f := map[string]any{}
		for k, v := range firm {
			f[k] = v
		}
		if field != "" {
			f[field] = value
		}
		return valid(map[string]any{"firm": f, "letter": sum})
	}
	for name, c := range map[string]struct {
		body    map[string]any
		refused bool
	}{
		"all there":           {with("", nil), false},
		"no licence":          {with("licence", ""), true},
		"licence run out":     {with("licensed_to", "2026-01-04"), true},
		"peer review too old": {with("peer_reviewed", "2021-12-31"), true},
		"peer review failed":  {with("peer_review", "fail"), true},
		"peer review unknown": {with("peer_review", ""), true},
		"the firm runs it":    {func() map[string]any { b := with("", nil); b["operator"] = "firm_or_network"; return b }(), true},
		"no letter":           {func() map[string]any { b := with("", nil); b["letter"] = "yes"; return b }(), true},
		"one of two unconfirmed": {func() map[string]any {
			b := with("", nil)
			b["team"] = append(b["team"].([]any), map[string]any{"person": "mara", "role": Manager})
			return b
		}(), true},
	} {
		if err := acceptable(look, c.body); c.refused != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	said = append(said, record.Version{Body: []byte(`{"person":"paula","stage":"acceptance","state":"impaired","impairment":"owns shares"}`)})
	if acceptable(look, with("", nil)) == nil {
		t.Error("a member who is impaired accepts")
	}
}
