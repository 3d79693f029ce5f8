package demo

import (
	"encoding/json"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/collect"
	"tickmark/internal/connector/demo"
	"tickmark/internal/organisation"
	"tickmark/internal/record"
)

// Name is the invented organisation's.
const Name = "Saltmarsh Parcels (demonstration)"

// roles of those who have more to do in the workspace than everybody.
func roles() map[int]access.Role {
	return map[int]access.Role{
		demo.SecurityLead: access.Owner, demo.Director: access.Owner, demo.EngineeringLead: access.Lead, demo.ITLead: access.Lead, demo.PeopleLead: access.Lead,
		demo.PlatformEngineer: access.Engineer, demo.Developer: access.Engineer, demo.Analyst: access.Lead, demo.Manager: access.Lead,
	}
}

// found makes the organisation: its first user, its people and their users, and its two connections.
func (s *story) found() error {
	lead := s.People[demo.SecurityLead]
	first, err := s.w.Gate.FirstUser(s.ctx, access.NewUser{Key: lead.Login, Name: lead.Name, Email: lead.Email})
	if err != nil {
		return err
	}
	if _, err := s.w.Setup(s.ctx); err != nil {
		return err
	}
	body, err := json.Marshal(object{"name": Name, "legal_name": "Saltmarsh Parcels Example Ltd (demonstration)", "website": "https://saltmarsh.example", "time_zone": "UTC", "demo": true})
	if err != nil {
		return err
	}
	if _, err := s.w.Book.Put(s.ctx, record.Job("job:demo"), record.Change{Kind: organisation.Kind().Name, Key: organisation.Key, Body: body, Reason: "A demonstration: invented people and systems."}); err != nil {
		return err
	}
	s.users = map[int]access.Session{demo.SecurityLead: {User: first, Method: access.ByLocal, Started: s.now}}
	var there []int
	for i, p := range s.People {
		if !p.Start.After(s.Begin) {
			there = append(there, i)
		}
	}
	if err := s.hire(demo.SecurityLead, there...); err != nil {
		return err
	}
	if first, err = s.w.Gate.SetPerson(s.ctx, s.users[demo.SecurityLead], first.Key, lead.ID, "the head of security"); err != nil {
		return err
	}
	s.users[demo.SecurityLead] = access.Session{User: first, Method: access.ByLocal, Started: s.now}
	for _, i := range there {
		if err := s.user(i); err != nil {
			return err
		}
	}
	for _, c := range []collect.Connection{
		{Name: MachinesName, Connector: demo.Machines, Title: "Demonstration: invented machines"},
		{Name: RepositoriesName, Connector: demo.Repositories, Title: "Demonstration: invented repositories"},
	} {
		c.Every, c.Settings = "24h", s.Plan.Values()
		if _, err := s.w.Collect.Add(s.ctx, s.users[demo.SecurityLead], c, nil); err != nil {
			return err
		}
	}
	return nil
}

// hire writes people down, all or none.
func (s *story) hire(who int, places ...int) error {
	var changes []record.Change
	for _, i := range places {
		b, err := json.Marshal(s.person(i, false))
		if err != nil {
			return err
		}
		changes = append(changes, record.Change{Kind: "person", Key: s.People[i].ID, Body: b, Origin: record.Uploaded, Reason: "from the personnel file"})
	}
	_, err := s.w.Book.Put(s.ctx, s.users[who], changes...)
	return err
}

// person is somebody's record; leaves says whether the last day is known yet.
func (s *story) person(i int, leaves bool) object {
	p := s.People[i]
	b := object{"id": p.ID, "name": p.Name, "email": p.Email, "start": date(p.Start), "title": p.Title, "employment": "employee", "terms_signed": date(p.Start.AddDate(0, 0, -9)),
		"screened": date(p.Start.AddDate(0, 0, -5)), "role_description": p.Title + ", as the book of roles has it."}
	if p.Engineer {
		b["accounts"] = []string{p.Login}
	}
	if p.Other != "" {
		b["other_emails"] = []string{p.Other}
	}
	switch {
	case i == demo.Director:
		b["leads"], b["employment"] = true, "director"
	case p.Contractor:
		b["employment"], b["sponsor"] = "contractor", s.People[p.Manager].ID
		fallthrough
	default:
		b["manager"] = s.People[p.Manager].ID
	}
	if leaves || p.Contractor {
		b["end"] = date(p.End)
	}
	return b
}

// user lets somebody sign in. Only these few do more than everybody must.
func (s *story) user(i int) error {
	if _, ok := s.users[i]; ok {
		return nil
	}
	role, ok := roles()[i]
	if !ok {
		role = access.Employee
	}
	p := s.People[i]
	u, err := s.w.Gate.CreateUser(s.ctx, s.users[demo.SecurityLead], access.NewUser{Key: p.Login, Name: p.Name, Email: p.Email, Roles: []access.Role{role}, Person: p.ID})
	if err != nil {
		return err
	}
	s.users[i] = access.Session{User: u, Method: access.ByPasskey, Started: s.now}
	return nil
}

// comings plans who joins and who leaves.
func (s *story) comings() {
	for i, p := range s.People {
		if p.Start.After(s.Begin) {
			s.on(p.Start.AddDate(0, 0, -7), func() error { return s.hire(demo.PeopleLead, i) })
			s.on(p.Start, func() error { return s.user(i) })
		}
		if p.End.IsZero() || p.Contractor || !p.End.Before(s.End) {
			continue
		}
		s.on(later(p.End.AddDate(0, 0, -14), p.Start), func() error {
			return s.change(demo.PeopleLead, "person", p.ID, object{"end": date(p.End)}, "notice was given")
		})
		s.on(p.End.Add(24*time.Hour), func() error {
			_, err := s.w.Gate.SetDisabled(s.ctx, s.users[demo.SecurityLead], p.Login, true, "left on "+date(p.End))
			return err
		})
	}
}
