package demo

import (
	"fmt"
	"time"

	"tickmark/internal/connector/demo"
	"tickmark/internal/control"
	"tickmark/internal/framework"
)

// plan plans everything that people do on a day of their own choosing; duties are what the records call for.
func (s *story) plan() {
	s.comings()
	s.scope()
	s.controls()
	s.settings()
	s.exceptions()
	s.reports()
	s.mended()
	s.policies()
	s.requirements()
	s.tasks()
}

// Window is the time that the examination is to cover: it began nine months ago, on the first of a month, and runs for twelve.
func (s *story) window() (from, to time.Time) {
	from = time.Date(s.End.Year(), s.End.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, -8, 0)
	if from.Before(s.Begin) {
		from = time.Date(s.Begin.Year(), s.Begin.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, 1, 0)
	}
	return from, from.AddDate(1, 0, -1)
}

// scope is what the guided start asks: the system, the commitments, the period and its team.
func (s *story) scope() {
	ids := func(places ...int) []string {
		var out []string
		for _, i := range places {
			out = append(out, s.People[i].ID)
		}
		return out
	}
	first := workday(s.Begin)
	s.on(first, func() error {
		return s.put(demo.SecurityLead, "system", "parcels", object{"id": "parcels", "name": "Saltmarsh parcel service", "description": "Customers book parcels, print labels and follow deliveries.",
			"services": []string{"Booking and labels", "Tracking", "Customer API"}, "inside": "The machines that serve booking, labels and tracking, their databases, the code that runs on them, and the people who run both.",
			"outside":   "The carriers' own systems and the customers' shops. What they send and receive is theirs.",
			"locations": []string{"Example hosting, Frankfurt"}, "owner": ids(demo.EngineeringLead)[0],
			"components": []object{
				{"type": "infrastructure", "name": "Machines", "source": MachinesName, "kinds": []string{"host", "host_account"}, "from": date(first)},
				{"type": "software", "name": "Parcel software", "source": RepositoriesName, "kinds": []string{"git_repository", "git_commit"}, "from": date(first)},
				{"type": "people", "name": "Engineering and operations", "kinds": []string{"person"}, "from": date(first)},
				{"type": "third_party", "name": "Example hosting", "description": "Where the machines stand.", "from": date(first)},
			},
			"data": []object{{"name": "Addresses of senders and recipients", "class": "confidential", "personal": true, "where": "database-1", "retention": "13 months"},
				{"name": "Parcel events", "class": "internal", "where": "database-1", "retention": "36 months"}}}, "The boundary, as agreed.")
	})
	s.on(first.AddDate(0, 0, 2), func() error { return s.move(demo.Director, "system", "parcels", "approve", nil) })
	s.on(first.AddDate(0, 0, 3), func() error {
		for _, c := range []struct {
			id, title, sort, category, statement string
			criteria, controls                   []string
		}{
			{"SC-01", "Parcel data is kept confidential", "service_commitment", "confidentiality", "We show addresses only to those who need them to deliver a parcel.", []string{"C1.1"}, []string{"CON-01", "AC-10", "CRY-02"}},
			{"SC-02", "The service is there 99.8 percent of each month", "service_commitment", "availability", "Booking, labels and tracking answer 99.8 percent of each calendar month.", []string{"A1.1", "A1.2"}, []string{"AVL-01", "AVL-04", "BKP-03"}},
			{"SC-03", "Access is limited to those who need it", "service_commitment", "security", "We give access to customer data by role, and take it away on the last working day.", []string{"CC6.1", "CC6.2"}, []string{"AC-01", "AC-03", "AC-05"}},
			{"SR-01", "Disks with customer data are encrypted", "system_requirement", "security", "Every disk that holds customer data is encrypted at rest.", []string{"CC6.1"}, []string{"CRY-02"}},
		} {
			if err := s.put(demo.Analyst, "commitment", c.id, object{"id": c.id, "title": c.title, "sort": c.sort, "category": c.category, "statement": c.statement, "made_in": "Terms of service, section 7",
				"criteria": c.criteria, "controls": c.controls, "since": date(first.AddDate(-1, 0, 0))}, "from the contracts"); err != nil {
				return err
			}
		}
		return nil
	})
	s.on(first.AddDate(0, 0, 4), func() error {
		from, to := s.window()
		var team []object
		for role, i := range owners() {
			team = append(team, object{"role": role, "person": s.People[i].ID})
		}
		sortBy(team, "role")
		return s.put(demo.SecurityLead, "period", "type-2", object{"id": "type-2", "name": "SOC 2 Type II " + fmt.Sprint(to.Year()), "objective": "Two large customers ask for the report before they sign.",
			"report": "soc_2", "type": "type_2", "categories": []string{framework.Security, "availability", "confidentiality"}, "system": "parcels", "from": date(from), "to": date(to),
			"fieldwork": date(to.AddDate(0, 0, 15)), "stage": "startup", "team": team, "policies": templateIDs(),
			"answered": []string{"objective", "report", "type", "categories", "window", "organisation", "boundary", "commitments", "team", "controls", "policies", "plan"}}, "as decided")
	})
	s.on(first.AddDate(0, 0, 5), func() error { return s.move(demo.Director, "period", "type-2", "begin", nil) })
}

// owners are who answers for what, by the roles of the starter controls.
func owners() map[string]int {
	return map[string]int{
		"chief_executive": demo.Director, "compliance_manager": demo.Analyst, "engineering_lead": demo.EngineeringLead, "finance_lead": demo.Manager, "general_counsel": demo.Director,
		"hr_lead": demo.PeopleLead, "it_lead": demo.ITLead, "office_manager": demo.Manager, "privacy_lead": demo.Analyst, "product_lead": demo.Manager, "security_lead": demo.SecurityLead,
		"support_lead": demo.Manager, "vendor_owner": demo.Manager,
	}
}

// controls are put in order family by family: an owner is named by one, another approves, and later they go into operation. A few
// lag behind, and some are of a category that was not chosen.
func (s *story) controls() {
	items, err := control.Catalogue()
	if err != nil {
		items = nil // the workspace itself could not have been set up
	}
	n := 0
	for _, i := range items {
		if i.Stage != control.Stages()[0] {
			continue
		}
		n++
		own := n%9 == 0 // a text made one's own
		day := workday(s.Begin).AddDate(0, 0, 6+n/4)
		owner := owners()[i.OwnerRole]
		writer := s.but([]int{demo.Analyst, demo.SecurityLead})
		approver := s.but([]int{demo.SecurityLead, demo.Director})
		s.on(day, func() error {
			fields := object{"owner": s.People[owner].ID}
			if days := map[string]int{"weekly": 4, "monthly": 8, "quarterly": 15, "semiannual": 20, "annual": 30}[i.Frequency]; days > 0 {
				fields["grace_days"] = days
			}
			switch i.ID { // what a machine does each day is looked at less often by people
			case "BKP-01":
				fields["frequency"], fields["grace_days"] = "weekly", 4
			case "BKP-02":
				fields["frequency"], fields["grace_days"] = "monthly", 8
			}
			if own {
				fields["statement"] = i.Statement + " At Saltmarsh this is noted in the work log of the team."
			}
			return s.change(writer, "control", i.ID, fields, "an owner was named")
		})
		if i.Family == "privacy" || i.Family == "processing_integrity" {
			s.on(day.AddDate(0, 0, 3), func() error {
				return s.move(demo.SecurityLead, "control", i.ID, "retire", object{"retired_reason": "The category it serves is not in the report. It is looked at again before the next window."})
			})
			continue
		}
		if n%19 == 0 && len(i.Criteria) > 2 {
			continue // stays a draft
		}
		s.on(day.AddDate(0, 0, 3), func() error { return s.move(approver, "control", i.ID, "approve", nil) })
		if n%17 == 0 && len(i.Criteria) > 2 {
			continue // approved, and waiting
		}
		s.on(day.AddDate(0, 0, 5), func() error { return s.move(approver, "control", i.ID, "activate", nil) })
		if (i.Frequency == "continuous" || i.Events != nil && (i.Events.Waits != "" || i.Type == "automated")) && s.Chance("required", i.ID) > 0.15 {
			s.standing = append(s.standing, i)
		}
		if i.Type != "automated" && (i.Frequency == "annual" || i.Frequency == "semiannual") {
			s.on(day.AddDate(0, 0, 8+n%30), func() error {
				return s.hand(owner, "before-"+i.ID, i.Title+", before the programme began", i.ID, "", day.AddDate(-1, 0, 0), day)
			})
		}
	}
}
