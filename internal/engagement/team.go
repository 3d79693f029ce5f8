package engagement

import (
	"slices"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Role is what a member of the team is there.
type Role = string

// The roles. A quality reviewer stands outside the work and judges it before issue; a peer reviewer of another firm only reads.
const (
	Partner         Role = "partner"
	Manager         Role = "manager"
	Preparer        Role = "preparer"
	Specialist      Role = "specialist"
	QualityReviewer Role = "quality_reviewer"
	PeerReviewer    Role = "peer_reviewer"
)

// Roles returns every role.
func Roles() []Role {
	return []Role{Partner, Manager, Preparer, Specialist, QualityReviewer, PeerReviewer}
}

// Workers are the roles that prepare papers; the ones that review them are Reviewers.
func Workers() []Role { return []Role{Preparer, Specialist, Manager, Partner} }

// Reviewers are the roles that review what others prepared.
func Reviewers() []Role { return []Role{Manager, Partner} }

// RoleOf is the role of a person in an engagement; empty for nobody of its team.
func RoleOf(body map[string]any, person string) Role {
	for _, m := range Objects(body, "team") {
		if person != "" && m["person"] == person {
			return Text(m, "role")
		}
	}
	return ""
}

// Sight is what somebody may do with an engagement and everything that belongs to it: its team works on it, a peer reviewer reads,
// the company's contacts answer what they are asked, which is all that their roles let them do, and to everybody else it is not there. Who proposed it sees it until it is accepted.
func Sight(body map[string]any, actor record.Actor) record.Sight {
	switch role := RoleOf(body, actor.Person); {
	case role == PeerReviewer:
		return record.Reads
	case role != "", IsContact(body, actor.Person):
		return record.Writes
	case actor.Person != "" && body[record.StateField] == "proposed" && Text(body, "proposed_by") == actor.Person:
		return record.Writes
	}
	return record.Hidden
}

// Requires refuses an act by anybody who is not on the engagement's team in one of the roles. The act is said as in "accept it".
func Requires(body map[string]any, actor record.Actor, act string, roles ...Role) error {
	if actor.Person == "" {
		return fault.New(fault.Denied, "Only a person of the team can %s, and %s is not linked to one.", act, actor.Stamp()).WithNext("Link the user to a person record first.")
	}
	if !slices.Contains(roles, RoleOf(body, actor.Person)) {
		return fault.New(fault.Denied, "Only the %s of %s can %s, and %s is not.", strings.ReplaceAll(strings.Join(roles, " or "), "_", " "), named(body), act, actor.Person).
			WithNext("Ask one of them, or let the partner change the team.")
	}
	return nil
}

// Member refuses an act on a record of an engagement by anybody who is not on its team in one of the roles, and any act on
// what belongs to an engagement that is over. It returns the engagement's body.
func Member(look record.Look, id string, actor record.Actor, act string, roles ...Role) (map[string]any, error) {
	v, err := look.Get(Name, id)
	if err != nil {
		return nil, err
	}
	body, err := Body(v)
	if err != nil {
		return nil, err
	}
	if still(body) {
		return nil, fault.New(fault.Conflict, "%s is %s, and its papers stand still.", named(body), Text(body, record.StateField))
	}
	return body, Requires(body, actor, act, roles...)
}

func named(body map[string]any) string {
	if s := Text(body, "name"); s != "" {
		return s
	}
	return "this engagement"
}

// composed refuses a team that no examination can have.
func composed(body map[string]any) error {
	seen := map[string]bool{}
	partner := false
	for _, m := range Objects(body, "team") {
		p := Text(m, "person")
		if seen[p] {
			return fault.New(fault.Invalid, "%s stands in the team twice.", p).WithNext("Give each person one role: who reviews quality does no other work, and a partner may do all of the rest.")
		}
		seen[p], partner = true, partner || m["role"] == Partner
	}
	if err := answering(body); err != nil {
		return err
	}
	if !partner {
		return fault.New(fault.Invalid, "The team has no partner, who alone can accept it and sign.").WithNext("Add a member whose role is partner.")
	}
	return nil
}

// IndependenceName is the kind in which a member confirms to be independent.
const IndependenceName = "independence"

// The times at which each member confirms.
const (
	AtAcceptance = "acceptance"
	BeforeIssue  = "issue"
)

// IndependenceKind declares what one member of the team says of himself, at acceptance and again before the report is issued.
func IndependenceKind() record.Kind {
	return record.Kind{
		Name: IndependenceName, Title: "Independence", Plural: "Confirmations of independence", Group: "Examination", Room: record.Auditor,
		Help:  "One member's own word on being independent of the company, at acceptance and again before issue.",
		Label: "person",
		Fields: []record.Field{
			{Name: Name, Type: record.Ref, Refers: Name, Required: true, Indexed: true},
			{Name: "person", Type: record.Ref, Refers: "person", Required: true, Indexed: true},
			{Name: "stage", Type: record.Choice, Required: true, Choices: []string{AtAcceptance, BeforeIssue}},
			{Name: "interests", Title: "Interests and relationships", Type: record.Long, Required: true, Help: "Financial interests, family, former employment, advice given; say so when there is none."},
			{Name: "safeguards", Type: record.Long, Help: "What removes or reduces the threats among them."},
			{Name: record.StateField, Type: record.Choice, Choices: independent().States(), Fixed: true, Indexed: true},
			{Name: "confirmed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "confirmed_at", Type: record.Time, Fixed: true},
			{Name: "impaired_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "impaired_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "impairment", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: independent(),
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			v, err := look.Get(Name, Text(after, Name))
			if err != nil {
				return err
			}
			body, err := Body(v)
			if err != nil {
				return err
			}
			if RoleOf(body, Text(after, "person")) == "" {
				return fault.New(fault.Invalid, "%s is not on the team of %s.", Text(after, "person"), named(body)).WithNext("Add the person to the team first.")
			}
			if actor.Person == "" || actor.Person != Text(after, "person") {
				if after[record.StateField] == "impaired" {
					return Requires(body, actor, "say that a member is impaired", Partner, QualityReviewer)
				}
				return fault.New(fault.Denied, "Only %s can say this of %s.", Text(after, "person"), Text(after, "person")).WithNext("Each member confirms for himself.")
			}
			return nil
		},
	}
}

func independent() *record.Machine {
	return &record.Machine{Initial: "draft", Frozen: []string{"confirmed"}, Moves: []record.Move{
		{Name: "confirm", Title: "Confirm", From: []string{"draft"}, To: "confirmed", By: "confirmed_by", At: "confirmed_at"},
		{Name: "impair", Title: "Report an impairment", From: []string{"draft", "confirmed"}, To: "impaired", By: "impaired_by", At: "impaired_at",
			Fields: []record.Field{{Name: "impairment", Type: record.Long, Required: true, Help: "Say what impairs it and since when."}}},
	}}
}

// confirmed refuses while a member of the team has not confirmed at that stage, or is impaired. A peer reviewer only reads.
func confirmed(look record.Look, body map[string]any, stage string) error {
	list, err := look.Find(IndependenceName, Name, Text(body, "id"))
	if err != nil {
		return err
	}
	done := map[string]bool{}
	for _, v := range list {
		said, err := Body(v)
		if err != nil {
			return err
		}
		if said[record.StateField] == "impaired" && RoleOf(body, Text(said, "person")) != "" {
			return fault.New(fault.Conflict, "%s is not independent: %s", Text(said, "person"), Text(said, "impairment")).WithNext("Take the person off the team, and judge what that does to the work done.")
		}
		if said["stage"] == stage && said[record.StateField] == "confirmed" {
			done[Text(said, "person")] = true
		}
	}
	var missing []string
	for _, m := range Objects(body, "team") {
		if p := Text(m, "person"); m["role"] != PeerReviewer && !done[p] {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		return fault.New(fault.Conflict, "Independence was not confirmed (%s) by %s.", stage, strings.Join(missing, ", ")).WithNext("Each of them confirms it: tickmark put independence.")
	}
	return nil
}
