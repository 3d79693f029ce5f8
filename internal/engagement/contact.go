package engagement

import (
	"slices"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// IsContact reports whether a person answers for the company in an engagement. From when its file is closed nobody does.
func IsContact(body map[string]any, person string) bool {
	return !slices.Contains(access.Closed(), Text(body, record.StateField)) && person != "" && slices.Contains(List(body, "contacts"), person) && RoleOf(body, person) == ""
}

// Contact refuses an act for the company by anybody whom the engagement does not name as one of its contacts, and any act on
// what belongs to an engagement that stands still. It returns the engagement's body.
func Contact(look record.Look, id string, actor record.Actor, act string) (map[string]any, error) {
	v, err := look.Get(Name, id)
	if err != nil {
		return nil, err
	}
	body, err := Body(v)
	if err != nil {
		return nil, err
	}
	switch {
	case still(body):
		return nil, fault.New(fault.Conflict, "%s is %s, and nothing more is answered in it.", named(body), Text(body, record.StateField))
	case !IsContact(body, actor.Person):
		return nil, fault.New(fault.Denied, "Only a contact of the company can %s, and %s is none in %s.", act, actor.Stamp(), named(body)).WithNext("Let the firm name the person under contacts of the engagement. Nobody of its team can be one.")
	}
	return body, nil
}

// Answerable refuses what comes for an engagement that stands still.
func Answerable(look record.Look, id string) error {
	v, err := look.Get(Name, id)
	if err != nil {
		return err
	}
	body, err := Body(v)
	if err == nil && still(body) {
		err = fault.New(fault.Conflict, "%s is %s, and nothing more is answered in it.", named(body), Text(body, record.StateField))
	}
	return err
}

// still reports whether what belongs to an engagement stands still.
func still(body map[string]any) bool {
	return slices.Contains([]string{"proposed", "declined", "withdrawn", "suspended", "issued", "archived"}, Text(body, record.StateField))
}

// answering refuses contacts who are on the team: nobody asks and answers.
func answering(body map[string]any) error {
	for _, p := range List(body, "contacts") {
		if RoleOf(body, p) != "" {
			return fault.New(fault.Invalid, "%s is on the team and named as a contact of the company, and nobody asks and answers.", p).WithNext("Take the person out of one of them.")
		}
	}
	return nil
}

// outside refuses contacts who may read papers here: their account would show the company what is found about it. Access refuses the
// role to whoever is a contact already.
func outside(look record.Look, before, after map[string]any) error {
	if len(List(after, "contacts")) == 0 {
		return nil
	}
	if _, err := look.Kind(access.UserKind); err != nil {
		return nil // nobody signs in here
	}
	for _, p := range List(after, "contacts") {
		if slices.Contains(List(before, "contacts"), p) && Text(before, record.StateField) == Text(after, record.StateField) {
			continue
		}
		users, err := look.Find(access.UserKind, "person", p)
		if err != nil {
			return err
		}
		for _, v := range users {
			body, err := Body(v)
			if err != nil {
				return err
			}
			if body["disabled"] != true && slices.Contains(List(body, "roles"), string(access.Auditor)) {
				return fault.New(fault.Conflict, "%s is to answer for the company, and the account %s of that person has the role %s here, by which it reads the firm's papers.", p, v.Key, access.Auditor).
					WithNext("Take the role from the account, or name another contact.")
			}
		}
	}
	return nil
}
