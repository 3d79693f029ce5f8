// Package person holds who works here. The one rule: a person is not a user and not an account; all of those resolve to a
// person, and separation of duties compares people.
package person

import (
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Kind declares the person. The names of its first eight fields are the header of a CSV of people.
func Kind() record.Kind {
	return record.Kind{
		Name: "person", Title: "Person", Plural: "People", Group: "Program",
		Help: "Somebody who works here, as employee or contractor, with first and last working day.",
		Key:  "id", Label: "name",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "Stable and never given to somebody else, such as a staff number."},
			{Name: "name", Type: record.Text, Required: true, Personal: true},
			{Name: "email", Type: record.Email, Required: true, Personal: true, Indexed: true, Help: "The address that accounts resolve by."},
			{Name: "start", Title: "First day", Type: record.Date, Indexed: true},
			{Name: "end", Title: "Last working day", Type: record.Date, Indexed: true,
				Help: "Empty while the person works here. Set it as soon as it is known; access is judged against it."},
			{Name: "manager", Type: record.Ref, Refers: "person"},
			{Name: "title", Title: "Position", Type: record.Text},
			{Name: "employment", Type: record.Choice, Indexed: true, Choices: []string{"employee", "contractor", "temporary", "director"}},
			{Name: "department", Type: record.Text, Hidden: true, Help: "A change of it is a change of what the person may need."},
			{Name: "groups", Type: record.Choice, List: true, Hidden: true, Choices: []string{"engineering", "administration", "personal_data", "support", "management", "none"},
				Help: "What the person does that training and duties depend on. None says that it was looked at and nothing of it fits."},
			{Name: "role_description", Type: record.Long, Hidden: true, Help: "What the person answers for, or where that is written."},
			{Name: "leads", Title: "Leads the organisation", Type: record.Bool, Hidden: true, Help: "Has no manager because there is nobody above."},
			{Name: "sponsor", Type: record.Ref, Refers: "person", Hidden: true, Help: "Who inside answers for a contractor."},
			{Name: "other_emails", Title: "Other addresses", Type: record.Email, List: true, Personal: true, Indexed: true, Hidden: true,
				Help: "Further verified addresses of the same person, such as the one on commits."},
			{Name: "accounts", Type: record.Text, List: true, Indexed: true, Hidden: true,
				Help: "Accounts that are this person's though no address says so. " + accountHelp + " For an account of a machine its name alone will do, and means that name on every machine."},
			{Name: "last_worked", Title: "Last working time", Type: record.Time, Hidden: true,
				Help: "To the minute and with zone, where access must end at once. Goes before the last working day."},
			{Name: "screened", Title: "Screening cleared", Type: record.Date, Hidden: true},
			{Name: "terms_signed", Title: "Terms signed", Type: record.Date, Hidden: true, Help: "When confidentiality terms were signed."},
		},
		Guard: written, Lasting: true,
	}
}

// fold writes addresses in lower case: accounts and commits resolve by them, and sources write them as they like.
func fold(after map[string]any) {
	if email, ok := after["email"].(string); ok {
		after["email"] = strings.ToLower(email)
	}
	if others, ok := after["other_emails"].([]any); ok {
		lower := make([]any, len(others))
		for i, e := range others {
			lower[i] = e
			if s, ok := e.(string); ok {
				lower[i] = strings.ToLower(s)
			}
		}
		after["other_emails"] = lower
	}
}

func written(_, after map[string]any, _ record.Actor) error {
	fold(after)
	id, _ := after["id"].(string)
	start, _ := after["start"].(string)
	end, _ := after["end"].(string)
	switch {
	case start != "" && end != "" && end < start:
		return fault.New(fault.Invalid, "The last working day of %s, %s, lies before the first, %s.", id, end, start)
	case id != "" && after["manager"] == id:
		return fault.New(fault.Invalid, "%s can't be their own manager.", id).
			WithNext("Leave manager empty and set leads for whoever has nobody above.")
	case id != "" && after["sponsor"] == id:
		return fault.New(fault.Invalid, "%s can't be their own sponsor.", id).WithNext("Name somebody inside who answers for them.")
	}
	return nil
}
