package demo

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"
)

// World is an invented organisation: who works there and what its machines and repositories are like at any moment. It
// follows from its plan alone, and goes on after its last planned day.
type World struct {
	Plan
	People       []Person
	Hosts        []Host
	Repositories []string
}

// Plan is what a world follows from. Begin and End are midnights, UTC.
type Plan struct {
	Seed       uint64
	People     int
	Begin, End time.Time
}

// Smallest is the fewest people a world can have: each of the parts in the story is played by another person.
const Smallest = 12

// The places in People of those who have a part.
const (
	Director = iota
	SecurityLead
	EngineeringLead
	ITLead
	PeopleLead
	PlatformEngineer
	Developer
	Analyst
	LateLeaver
	Contractor
	NewHire
	Manager
)

// Person is an invented person.
type Person struct {
	ID, Name, Email, Login string
	Other                  string // a second address, used on some commits
	Title                  string
	Start, End             time.Time // End: last working day; zero while there is none
	Manager                int
	Contractor, Engineer   bool
}

// Here reports whether somebody works here on a day.
func (p Person) Here(day time.Time) bool {
	return !day.Before(p.Start) && (p.End.IsZero() || !day.After(p.End))
}

// Host is an invented machine.
type Host struct {
	Name  string
	Ports []int
	Data  string // a volume beside the system's own
}

// Day is midnight, UTC, of the day of a moment.
func Day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// Make makes the world of a plan.
func Make(p Plan) *World {
	p.People = max(p.People, Smallest)
	w := &World{Plan: p}
	w.people()
	for i := range max(3, min(40, p.People/25)) {
		w.Hosts = append(w.Hosts, w.host(i))
	}
	w.Repositories = []string{"parcel-api", "label-web", "infrastructure"}
	return w
}

// At is the day at a share of the planned time.
func (w *World) At(share float64) time.Time {
	return Day(w.Begin.Add(time.Duration(share * float64(w.End.Sub(w.Begin)))))
}

// Span is a part of the story, from its first moment until it is over.
type Span struct{ From, To time.Time }

// Holds reports whether the moment lies within.
func (s Span) Holds(t time.Time) bool { return !t.Before(s.From) && t.Before(s.To) }

func (w *World) days(share float64, days int) Span {
	from := w.At(share)
	return Span{from, from.AddDate(0, 0, days)}
}

// The story: what goes wrong, and for how long.
func (w *World) Outage() Span       { return w.days(0.55, 4) }  // the machines cannot be read at all
func (w *World) Denied() Span       { return w.days(0.72, 6) }  // one machine does not say who may become root
func (w *World) OpenFirewall() Span { return w.days(0.30, 6) }  // somebody set the first machine's default to accept
func (w *World) PlainDisk() Span    { return w.days(0.20, 19) } // a volume of the database machine is not encrypted
func (w *World) Passwords() Span    { return w.days(0.62, 12) } // the last machine takes passwords over SSH
func (w *World) LatePatches() Span  { return w.days(0.82, 9) }  // security updates wait on two machines
func (w *World) Drift() Span        { return w.days(0.13, 2) }  // one clock follows nothing
func (w *World) Unsigned() Span     { return w.days(0.45, 8) }  // the contractor does not sign
func (w *World) LateAccount() Span  { return w.days(0.40, 9) }  // the late leaver's accounts stay after the last working day
func (w *World) SpareRoot() Span    { return Span{w.At(0.88), w.End.AddDate(10, 0, 0)} }
func (w *World) AwaitsReboot() Span { return Span{w.End.AddDate(0, 0, -3), w.End.AddDate(0, 0, 12)} }

// chance is a source of numbers that follows from the seed and what it is for.
func (w *World) chance(what ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, what...)
	return rand.New(rand.NewPCG(w.Seed, h.Sum64()))
}

// Chance is a number from 0 to below 1 that follows from the seed and what it is for.
func (w *World) Chance(what ...any) float64 { return w.chance(what...).Float64() }

func (w *World) people() {
	r := w.chance("people")
	titles := map[int]string{
		Director: "Managing director", SecurityLead: "Head of security", EngineeringLead: "Head of engineering", ITLead: "Head of IT", PeopleLead: "Head of people",
		PlatformEngineer: "Platform engineer", Developer: "Software engineer", Analyst: "Compliance analyst", LateLeaver: "Software engineer",
		Contractor: "Contract engineer", NewHire: "Support engineer", Manager: "Head of operations",
	}
	engineers := []int{EngineeringLead, ITLead, PlatformEngineer, Developer, LateLeaver, Contractor}
	rest := []string{"Parcel planner", "Customer adviser", "Account manager", "Software engineer", "Warehouse analyst", "Finance officer", "Customer adviser", "Product manager"}
	used := map[string]bool{}
	span := int(w.End.Sub(w.Begin).Hours() / 24)
	for i := range w.Plan.People {
		p := Person{ID: fmt.Sprintf("p%04d", i+1), Manager: w.boss(i)}
		p.Name = w.name(r, used)
		p.Login = strings.ToLower(p.Name[:1]) + fmt.Sprintf("%s%d", strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(p.Name[strings.Index(p.Name, " "):]))[:4], i+1)
		p.Email = strings.ToLower(strings.ReplaceAll(p.Name, " ", ".")) + "@example.com"
		p.Title = titles[i]
		for _, e := range engineers {
			p.Engineer = p.Engineer || e == i
		}
		if p.Title == "" {
			p.Title = rest[(i-Manager)%len(rest)]
			p.Engineer = p.Title == "Software engineer"
		}
		p.Start = w.Begin.AddDate(0, 0, -30-r.IntN(1800))
		joins, leaves := r.IntN(100) < 14, r.IntN(100) < 7
		when, stay := r.IntN(max(1, span-20)), 40+r.IntN(max(1, span))
		switch {
		case i == LateLeaver:
			p.End = workday(w.LateAccount().From)
		case i == Contractor:
			p.Contractor = true
			p.Start, p.End = w.Begin.AddDate(0, 0, -60), w.End.AddDate(0, 3, 0)
			p.Other = strings.ToLower(strings.ReplaceAll(p.Name, " ", "_")) + "@example.org"
		case i == NewHire:
			p.Start = workday(w.At(0.5))
		case i <= Manager:
		case joins:
			p.Start = workday(w.Begin.AddDate(0, 0, when))
		case leaves:
			if end := w.Begin.AddDate(0, 0, stay); end.Before(w.End.AddDate(0, 0, -10)) {
				p.End = workday(end)
			}
		}
		p.Start = workday(p.Start)
		w.People = append(w.People, p)
	}
}

// name puts a new name together.
func (w *World) name(r *rand.Rand, used map[string]bool) string {
	for n := 0; ; n++ {
		name := givenNames[r.IntN(len(givenNames))] + " " + familyNames[r.IntN(len(familyNames))]
		if n > 200 { // of very many people some have a second family name
			name += "-" + strings.Split(familyNames[r.IntN(len(familyNames))], "-")[0]
		}
		if !used[name] {
			used[name] = true
			return name
		}
	}
}

// boss is the place of a person's manager, who stays throughout; the director has none and is their own here.
func (w *World) boss(i int) int {
	switch {
	case i <= EngineeringLead || i == PeopleLead || i == Manager || i == ITLead:
		return Director
	case i == Analyst:
		return SecurityLead
	case i <= Contractor:
		return EngineeringLead
	case (i-Manager)%8 == 3:
		return EngineeringLead
	}
	return Manager
}

// workday is the day itself or the Monday after it.
func workday(t time.Time) time.Time {
	for t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		t = t.AddDate(0, 0, 1)
	}
	return t
}

// Gone is when the accounts of somebody who leaves are removed: the evening of the last working day, if nobody forgets.
func (w *World) Gone(i int) time.Time {
	p := w.People[i]
	switch {
	case p.End.IsZero():
		return time.Time{}
	case i == LateLeaver:
		return p.End.AddDate(0, 0, 9).Add(18 * time.Hour)
	}
	return p.End.Add(18 * time.Hour)
}

// Accounts are the places in People of those who have an account on a machine at a moment.
func (w *World) Accounts(host int, t time.Time) []int {
	var out []int
	for i, p := range w.People {
		if !p.Engineer || t.Before(p.Start.Add(10*time.Hour)) || !p.End.IsZero() && !t.Before(w.Gone(i)) {
			continue
		}
		n := len(w.Hosts)
		if host == i%n || host == (i+1)%n || i == PlatformEngineer || i == ITLead {
			out = append(out, i)
		}
	}
	return out
}
