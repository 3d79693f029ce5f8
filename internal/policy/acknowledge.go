package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// What stands in the standards table too, for policies that say nothing of their own.
const (
	updateDays = 30 // to acknowledge a new version
	newDays    = 5  // working days for somebody who just began
)

// Person is what this room needs to know of somebody.
type Person struct {
	ID         string
	Name       string
	Start, End string
	Employment string
}

// People are those who work here on the day of the look.
func People(look record.Look) ([]Person, error) {
	all, err := look.All("person")
	if err != nil {
		return nil, err
	}
	day := today(look)
	var out []Person
	for _, v := range all {
		if v.Source != record.Program || v.Erased {
			continue
		}
		p := Person{}
		if err := json.Unmarshal(v.Body, &p); err != nil {
			return nil, fmt.Errorf("read person %s: %w", v.Key, err)
		}
		p.ID = v.Key
		if p.Start <= day && (p.End == "" || p.End >= day) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Person) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// Audience are the people who must acknowledge a policy now. Somebody whose employment is not stated counts as employee, so
// that nobody is left out for want of a field.
func Audience(look record.Look, d Document) ([]Person, error) {
	all, err := People(look)
	return d.Audiences(all), err
}

// Audiences are those of the people whom the policy concerns.
func (d Document) Audiences(people []Person) []Person {
	return slices.DeleteFunc(slices.Clone(people), func(p Person) bool { return !concerns(d, p) })
}

func concerns(d Document, p Person) bool {
	switch d.Audience {
	case "employees":
		return p.Employment != "contractor"
	case "contractors":
		return p.Employment == "contractor"
	case "named":
		return slices.Contains(d.Named, p.ID)
	}
	return true
}

// dueFor is the last day on which a person may acknowledge what was assigned on a day.
func dueFor(d Document, p Person, assigned string) string {
	from, err := time.Parse(time.DateOnly, assigned)
	if err != nil {
		return assigned
	}
	days := d.AcknowledgeDays
	if days < 1 {
		days = updateDays
	}
	due := from.AddDate(0, 0, days)
	if start, err := time.Parse(time.DateOnly, p.Start); err == nil && !from.After(start.AddDate(0, 0, 7)) {
		if joiner := workingDays(from, newDays); joiner.Before(due) {
			due = joiner
		}
	}
	return due.Format(time.DateOnly)
}

func workingDays(from time.Time, n int) time.Time {
	for n > 0 {
		from = from.AddDate(0, 0, 1)
		if from.Weekday() != time.Saturday && from.Weekday() != time.Sunday {
			n--
		}
	}
	return from
}

func assign(d Document, v Version, person, day, due, overdue string) record.Change {
	body := map[string]any{"policy": d.Key, "version": v.Key, "person": person, "assigned": day, "due": due}
	if overdue != "" {
		body["overdue_since"] = overdue
	}
	return record.Change{Kind: "acknowledgement", Key: v.Key + "-" + person + "-" + day, Body: encoded(body), Reason: "version " + v.Number + " is in force"}
}

func writeAcknowledgement(before, after map[string]any, actor record.Actor) error {
	if !actor.IsJob() {
		return fault.New(fault.Denied, "Acknowledgements are opened by Tickmark when a version is published or somebody joins.").
			WithNext("Publish the version, or put the person into the audience of the policy.")
	}
	if before != nil && text(before, "overdue_since") != "" {
		after["overdue_since"] = before["overdue_since"] // late stays late
	}
	return nil
}

// acknowledge is for the person alone.
func acknowledge(before, after map[string]any, actor record.Actor) error {
	person := text(before, "person")
	if actor.Person == "" {
		return fault.New(fault.Denied, "Only %s can acknowledge this, and %s is linked to no person.", person, actor.Stamp()).
			WithNext("Ask an owner of the workspace to link the user to a person.")
	}
	if actor.Person != person {
		return fault.New(fault.Denied, "Only %s can acknowledge this.", person).WithNext("Ask them to open their page and read it.")
	}
	return nil
}

// checkAcknowledgement keeps what exactly was accepted, and that it was late where it was.
func checkAcknowledgement(look record.Look, before, after map[string]any, _ record.Actor) error {
	if before == nil || text(after, record.StateField) != "acknowledged" || text(before, record.StateField) == "acknowledged" {
		return nil
	}
	v, err := look.Get("policy_version", text(after, "version"))
	if err != nil {
		return err
	}
	version, err := ReadVersion(v)
	if err != nil {
		return err
	}
	if version.State != "published" {
		return fault.New(fault.Conflict, "Version %s is %s and no longer in force.", version.Number, version.State).WithNext("Read and accept the version that is.")
	}
	after["sha256"] = version.SHA256
	if late := overdue(text(after, "due"), look); text(after, "overdue_since") == "" && late != "" {
		after["overdue_since"] = late
	}
	return nil
}

// overdue is the first day past a due date, when it has come.
func overdue(due string, look record.Look) string {
	last, err := time.Parse(time.DateOnly, due)
	if err != nil {
		return ""
	}
	if first := last.AddDate(0, 0, 1).Format(time.DateOnly); today(look) >= first {
		return first
	}
	return ""
}

// Standing is where one person stands with the version in force.
type Standing struct {
	Person Person
	Ack    Acknowledgement // zero when none was opened yet
}

// lineOf are the acknowledgements, by person, that hold for a version: of it and of those before it with only minor changes
// between. What was accepted goes before what is open.
func lineOf(versions []Version, acks []Acknowledgement, version Version) map[string]Acknowledgement {
	line := map[string]bool{}
	for _, v := range versions {
		line[v.Key] = sameLine(v.Number, version.Number)
	}
	out := map[string]Acknowledgement{}
	for _, a := range acks {
		if line[a.Version] && a.State != "void" && out[a.Person].State != "acknowledged" {
			out[a.Person] = a
		}
	}
	return out
}
