package demo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tickmark/internal/connector/demo"
	"tickmark/internal/policy"
	"tickmark/internal/record"
)

// templateIDs are the policies that the organisation wrote, in the order in which it did.
func templateIDs() []string {
	return []string{"information-security", "access-control", "authentication", "acceptable-use", "code-of-conduct", "change-management", "incident-response", "encryption",
		"data-classification", "backup", "continuity", "vendor-management", "vulnerability-management", "logging-monitoring", "risk-management", "people-security"}
}

// filled is what the organisation says where the library has no word of its own.
func filled(name string) string {
	known := map[string]string{
		"service.names":     "Booking and labels, tracking, customer API",
		"locations.offices": "Example Town", "locations.jurisdictions": "the European Union", "hosting.providers": "Example hosting", "privacy.role": "processor",
		"channels.incident": "incidents@example.com", "channels.ethics": "conduct@example.com", "channels.privacy": "privacy@example.com", "channels.security_public": "security@example.com",
	}
	if v, ok := known[name]; ok {
		return v
	}
	return "as the standards table says"
}

// policies are written, reviewed, approved and published one by one. One gets a second version that everybody reads anew, one a
// mended spelling, and the last is still on its way.
func (s *story) policies() {
	ids := templateIDs()
	for n, id := range ids {
		day := workday(s.Begin).AddDate(0, 0, 7+n*4)
		if day.After(s.End.AddDate(0, 0, -20)) {
			return
		}
		s.on(day, func() error { return s.begin(id) })
		v := id + "-1"
		s.on(day.AddDate(0, 0, 2), func() error { return s.move(demo.Analyst, "policy_version", v, "submit", nil) })
		if n == 4 { // it came back once
			s.on(day.AddDate(0, 0, 3), func() error {
				return s.move(demo.SecurityLead, "policy_version", v, "comment", object{"returned_comments": "Say where gifts are noted."})
			})
			s.on(day.AddDate(0, 0, 4), func() error { return s.move(demo.Analyst, "policy_version", v, "submit", nil) })
		}
		s.through(v, day.AddDate(0, 0, 5), n < len(ids)-1)
	}
	s.on(s.At(0.58), func() error {
		return s.revise("access-control", "major", "Access to the label printers' machines is asked for like any other, and reviewed each quarter.")
	})
	s.through("access-control-2", s.At(0.58).AddDate(0, 0, 4), true)
	s.on(s.At(0.66), func() error { return s.revise("acceptable-use", "minor", "Spelling.") })
	s.through("acceptable-use-2", s.At(0.66).AddDate(0, 0, 2), true)
	s.on(s.End.AddDate(0, 0, -9), func() error {
		return s.revise("incident-response", "major", "Who is called at night, after the exercise of this autumn.")
	})
	s.on(s.End.AddDate(0, 0, -5), func() error { return s.move(demo.Analyst, "policy_version", "incident-response-2", "submit", nil) })
	s.on(s.End.AddDate(0, 0, -3), func() error { return s.move(demo.SecurityLead, "policy_version", "incident-response-2", "review", nil) })
}

// through takes a submitted text to publication, by people who did not write it.
func (s *story) through(version string, day time.Time, publish bool) {
	if version == "access-control-2" || version == "acceptable-use-2" {
		s.on(day, func() error { return s.move(demo.Analyst, "policy_version", version, "submit", nil) })
		day = day.AddDate(0, 0, 1)
	}
	s.on(day, func() error { return s.move(demo.SecurityLead, "policy_version", version, "review", nil) })
	s.on(day.AddDate(0, 0, 2), func() error { return s.move(demo.Director, "policy_version", version, "approve", nil) })
	if publish {
		s.on(day.AddDate(0, 0, 3), func() error { return s.move(demo.Analyst, "policy_version", version, "publish", nil) })
	}
}

// begin begins a policy from its template, names its owner and approver, and fills what is left open.
func (s *story) begin(id string) error {
	changes, err := policy.Begin(s.w.Book.LookAt(s.ctx, time.Time{}), id, id)
	if err != nil {
		return err
	}
	out, err := s.w.Book.Put(s.ctx, s.users[demo.Analyst], changes...)
	if err != nil {
		return err
	}
	if err := s.change(demo.Analyst, "policy", id, object{"owner": s.People[demo.SecurityLead].ID, "approver": s.People[demo.Director].ID, "acknowledge_days": 30}, "who answers for it"); err != nil {
		return err
	}
	v, err := policy.ReadVersion(out[1])
	if err != nil {
		return err
	}
	values := v.Variables
	if values == nil {
		values = object{}
	}
	for _, name := range policy.Variables(v.Text) {
		if _, ok := values[name]; !ok {
			values[name] = filled(name)
		}
	}
	return s.change(demo.Analyst, "policy_version", out[1].Key, object{"variables": values}, "what was left open")
}

// revise writes a second text of a policy.
func (s *story) revise(id, change, summary string) error {
	all, err := policy.Versions(s.w.Book.LookAt(s.ctx, time.Time{}), id)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return nil // in a short demonstration it was never written
	}
	last := all[0]
	for _, v := range all {
		if v.State == "published" {
			last = v
		}
	}
	b, err := json.Marshal(object{"policy": id, "title": last.Title, "number": policy.NextNumber(all, change), "change": change, "summary": summary, "variables": last.Variables,
		"text": last.Text + "\n\nAs changed: " + summary + "\n"})
	if err != nil {
		return err
	}
	_, err = s.w.Book.Put(s.ctx, s.users[demo.Analyst], record.Change{Kind: "policy_version", Key: id + "-2", Body: b, Reason: summary})
	return said(err, "revise", "policy", id)
}

// acknowledgements: most people read within two weeks, some late, and a few never.
func (s *story) acknowledgements(day time.Time) []act {
	open := s.in("acknowledgement", "assigned")
	slices.SortFunc(open, func(a, b record.Version) int { // their keys are drawn by chance
		x, y := body(a), body(b)
		return cmp.Or(cmp.Compare(text(x, "policy"), text(y, "policy")), cmp.Compare(text(x, "person"), text(y, "person")))
	})
	var out []act
	for _, v := range open {
		b := body(v)
		i := s.place(text(b, "person"))
		_, ok := s.users[i]
		assigned, err := time.Parse(time.DateOnly, text(b, "assigned"))
		if err != nil || !ok || i < 0 || !s.People[i].Here(day) {
			continue
		}
		if wait := s.patience(i, text(b, "version")); wait < 0 || day.Before(assigned.AddDate(0, 0, wait)) {
			continue
		}
		out = append(out, func() error { return s.move(i, "acknowledgement", v.Key, "acknowledge", nil) })
	}
	return out
}

// patience is after how many days somebody reads what they were asked to; -1 is never.
func (s *story) patience(i int, version string) int {
	n := int(s.Chance("patience", i, version) * 100)
	switch {
	case n < 2 && i > demo.Manager:
		return -1
	case n < 8:
		return 31 + n*3
	}
	return 1 + n%16
}

// place is where a person stands in People, by their id; -1 for nobody.
func (s *story) place(id string) int {
	var n int
	if _, err := fmt.Sscanf(id, "p%d", &n); err != nil || n < 1 || n > len(s.People) {
		return -1
	}
	return n - 1
}
