package engagement

import (
	"slices"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
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

func TestSignaturesAreAskedForWhereTheEngagementRequiresThem(t *testing.T) {
	reviewed := record.Version{Key: "w", Body: []byte(`{"engagement":"e","state":"reviewed","reviewed_by":"mara","reviewed_at":"2026-07-10T09:00:00Z"}`)}
	var signatures []record.Version
	look := record.Look{Find: func(kind, field string, value any) ([]record.Version, error) {
		switch kind {
		case "workpaper":
			return []record.Version{reviewed}, nil
		case "auditor_signature":
			return signatures, nil
		}
		return nil, nil
	}}
	signature := func(person, act, day string) record.Version {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		return record.Version{From: store.At(at), Body: []byte(`{"of_kind":"workpaper","of":"w","person":"` + person + `","act":"` + act + `"}`)}
	}
	if err := signed(look, valid(nil)); err != nil {
		t.Errorf("signatures are asked for though nobody requires them: %v", err)
	}
	e := valid(map[string]any{"require_signatures": true})
	for name, list := range map[string][]record.Version{"none": nil, "another's": {signature("pete", "reviewed", "2026-07-11")}, "of another act": {signature("mara", "prepared", "2026-07-11")}, "from before the act": {signature("mara", "reviewed", "2026-07-09")}} {
		if signatures = list; !fault.Is(signed(look, e), fault.Conflict) {
			t.Errorf("the report may be issued with signatures: %s", name)
		}
	}
	if signatures = []record.Version{signature("mara", "reviewed", "2026-07-11")}; signed(look, e) != nil {
		t.Errorf("signed, and refused: %v", signed(look, e))
	}
	issued := valid(map[string]any{"require_signatures": true, "report_date": "2026-07-20", "archive_file": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "kept_until": "2034-01-01", "issued_by": "paula", "issued_at": "2026-07-20T09:00:00Z"})
	if !fault.Is(assembled(look, issued), fault.Conflict) {
		t.Error("a file is archived whose issue nobody signed")
	}
}

func TestWhatIsKeptIsNotErased(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		with  map[string]any
		keeps bool
	}{
		"proposed":                     {map[string]any{"state": "proposed"}, false},
		"in fieldwork":                 {map[string]any{"state": "fieldwork_final"}, true},
		"issued, not archived":         {map[string]any{"state": "issued"}, true},
		"archived":                     {map[string]any{"state": "archived", "kept_until": "2033-07-20"}, true},
		"archived, and over":           {map[string]any{"state": "archived", "kept_until": "2029-12-31"}, false},
		"archived, over, and held":     {map[string]any{"state": "archived", "kept_until": "2029-12-31", "held": true, "held_reason": "a court asks"}, true},
		"released again":               {map[string]any{"state": "archived", "kept_until": "2029-12-31", "held": false}, false},
		"withdrawn":                    {map[string]any{"state": "withdrawn", "ended_at": "2026-01-01T00:00:00Z"}, true},
		"withdrawn long ago":           {map[string]any{"state": "withdrawn", "ended_at": "2022-01-01T00:00:00Z"}, false},
		"withdrawn, nobody knows when": {map[string]any{"state": "withdrawn"}, true},
	} {
		if why := Keeps(valid(c.with), now); (why != "") != c.keeps {
			t.Errorf("%s: kept because %q", name, why)
		}
	}
	for years, want := range map[any]int{nil: 7, 9.0: 9, 2.0: 5, 0.0: 7} {
		b := valid(map[string]any{"firm": map[string]any{"name": "F", "retention_years": years}})
		if got := retention(b); got != want {
			t.Errorf("with %v years it is %d, want %d", years, got, want)
		}
	}
}
