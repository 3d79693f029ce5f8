package guide

import (
	"slices"

	"tickmark/internal/period"
	"tickmark/internal/record"
)

// Suggested are promises that companies like this one usually make, for the chosen categories. One counts only when the
// organisation says where it makes it.
func (s *State) Suggested() []Commitment {
	var out []Commitment
	for _, c := range []Commitment{
		{Category: "security", Title: "Customer data is protected", Statement: "We protect customer data against access by anyone who does not need it.", Criteria: []string{"CC6.1", "CC6.3"}, Controls: []string{"AC-01", "AC-02"}},
		{Category: "security", Title: "Data is encrypted", Statement: "Customer data is encrypted where it is kept and while it travels.", Criteria: []string{"CC6.1", "CC6.7"}, Controls: []string{"CRY-01", "CRY-02"}},
		{Category: "security", Title: "Incidents are told", Statement: "We tell customers about incidents that concern their data within the agreed time.", Criteria: []string{"CC7.4", "CC2.3"}, Controls: []string{"INC-01", "INC-06"}},
		{Category: "availability", Title: "The service is up", Statement: "The service is available for the share of each month that the agreement states.", Criteria: []string{"A1.1"}, Controls: []string{"AVL-01"}},
		{Category: "availability", Title: "Data can be restored", Statement: "We back up customer data and can restore it within the agreed time.", Criteria: []string{"A1.2", "A1.3"}, Controls: []string{"BKP-01", "BKP-02"}},
		{Category: "processing_integrity", Title: "Processing is complete and right", Statement: "What customers send is processed completely, correctly and in time.", Criteria: []string{"PI1.3"}, Controls: []string{"PI-01"}},
		{Category: "confidentiality", Title: "Confidential data is deleted", Statement: "We delete confidential data when the agreement ends.", Criteria: []string{"C1.2"}, Controls: []string{"CON-02", "CON-03"}},
		{Category: "privacy", Title: "Personal data is used as told", Statement: "We use personal data only for what our notice says.", Criteria: []string{"P1.1", "P4.1"}, Controls: []string{"PRV-01"}},
	} {
		there := slices.ContainsFunc(s.Commitments, func(x Commitment) bool { return x.Title == c.Title })
		if slices.Contains(s.Categories(), c.Category) && !there {
			c.Sort = "service_commitment"
			out = append(out, c)
		}
	}
	return out
}

// Said is what was answered so far, as the steps show it again. What was never answered is proposed.
func (s *State) Said() Answers {
	a := Answers{Report: "soc_2", Type: "type_2", Categories: s.Categories(), Window: s.ProposedWindow("type_2"), Organisation: s.Organisation, Commitments: s.Commitments, Team: map[string]string{}}
	if a.Organisation.TimeZone == "" {
		a.Organisation.TimeZone = "UTC"
	}
	if p := s.Period; p != nil {
		a.Objective, a.Report, a.Type = p.Objective, p.Report, p.Type
		a.Window = Window{From: p.From, To: p.To, Fieldwork: p.Fieldwork}
		a.Policies = p.Policies
		for _, m := range p.Team {
			a.Team[m.Role] = m.Person
		}
		for _, l := range p.LeftOut {
			a.LeaveOut = append(a.LeaveOut, LeftOut{l.Control, l.Reason})
		}
	}
	if x := s.System; x != nil {
		a.System = System{ID: x.Key, Name: x.Name, Description: x.Description, Services: x.Services, Inside: x.Inside, Outside: x.Outside, Locations: x.Locations, Owner: x.Owner, Components: x.Components, Data: x.Data}
	}
	return a
}

// Following plans the examination after the current one: the same report, system, team and control set, in the twelve months
// that follow without a day between. Its steps are to be looked at again.
func (s *State) Following() ([]record.Change, error) {
	p := s.Period
	next := &State{Today: s.Today, bodies: s.bodies, from: s.from}
	fields := map[string]any{}
	for _, f := range []string{"objective", "report", "categories", "system", "stage", "team", "left_out", "policies"} {
		if v, ok := s.bodies["period/"+p.Key][f]; ok {
			fields[f] = v
		}
	}
	if to, ok := day(p.To); ok {
		last := to.AddDate(0, 12, 0)
		fields["type"], fields["from"], fields["to"], fields["fieldwork"] = "type_2", to.AddDate(0, 0, 1).Format("2006-01-02"), last.Format("2006-01-02"), last.AddDate(0, 0, 15).Format("2006-01-02")
		fields["name"] = name(fields["to"].(string), "type_2")
	}
	return one(next.onPeriod(period.Steps()[0], fields))
}
