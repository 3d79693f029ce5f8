package access

import (
	"slices"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Role is what a user is here. A user with several may do what any of them may.
type Role string

// The roles.
const (
	Owner    Role = "owner"    // runs the workspace and says who else may come in
	Lead     Role = "lead"     // the compliance lead: runs the programme
	Engineer Role = "engineer" // connects systems, works on findings and evidence
	Employee Role = "employee" // reads what everybody must know
	Auditor  Role = "auditor"  // examines: reads the company's records, changes none of them
	Viewer   Role = "viewer"   // reads
)

// Roles returns every role, the most powerful first.
func Roles() []Role { return []Role{Owner, Lead, Engineer, Employee, Auditor, Viewer} }

// What may be done.
const (
	Read    = "read"
	Write   = "write"   // make and change content
	Act     = "act"     // move a record through its life cycle
	Erase   = "erase"   // destroy personal data
	Approve = "approve" // decide what another has asked for
	Connect = "connect" // give Tickmark credentials of another system
	Admin   = "admin"   // users, roles, the workspace itself
)

// Verbs returns every verb.
func Verbs() []string { return []string{Read, Write, Act, Erase, Approve, Connect, Admin} }

type verbs uint8

const (
	read verbs = 1 << iota
	write
	act
	erase
	approve
	connect
	admin
)

func verbNamed(name string) verbs {
	if i := slices.Index(Verbs(), name); i >= 0 {
		return 1 << i
	}
	return 0
}

// group is a set of kinds that are granted together.
type group int

const (
	workspace   group = iota // no kind: the ledger, checks, settings, running things
	everyone                 // what everybody who works here must be able to read
	program                  // the programme: everything authored that is in no other group
	keys                     // the right answers of what others are asked
	duty                     // what everybody who works here does for themselves, and the kind's own rules let nobody do for others
	work                     // what engineers produce while the programme runs
	collected                // what sources said; nobody types it
	connections              // how sources are read
	machinery                // what Tickmark writes about itself
	users                    // who may come in
	papers                   // the auditor's room
	asked                    // what the firm asks the company: the company may only act on it, and the kind's own rules leave that to its contacts
	replies                  // what the company writes in answer
	trust                    // what customers see
	groups
)

func groupOf(k *record.Kind) group {
	switch {
	case k == nil:
		return workspace
	case k.Room == record.Auditor && (k.Name == "evidence_request" || k.Name == "questionnaire"):
		return asked
	case k.Room == record.Auditor && k.Name == "questionnaire_answer":
		return replies
	case k.Room == record.Auditor:
		return papers
	case k.Room == record.Trust:
		return trust
	case k.Room != record.Company && k.Room != "":
		return groups // a room nobody was granted
	case k.Name == UserKind:
		return users
	case k.Name == "connection":
		return connections
	case k.Collected:
		return collected
	case k.Name == "organisation":
		return everyone
	case k.Name == "training_key":
		return keys
	case k.Name == "acknowledgement", k.Name == "training_assignment":
		return duty
	case k.Name == "evidence", k.Name == "finding", k.Name == "exception", k.Name == "comment", k.Name == "attachment", k.Name == "saved_view":
		return work
	case k.System:
		return machinery
	}
	return program
}

// grants is the whole of who may do what. What is not in it is refused.
func (r Role) grants() [groups]verbs {
	switch r {
	case Owner:
		return [groups]verbs{
			workspace: read | write | act | approve | connect | admin, everyone: read | write | act | erase | approve,
			program: read | write | act | erase | approve, keys: read | write, duty: read | write | act | erase | approve, work: read | write | act | erase | approve, collected: read | erase,
			connections: read | write | act | erase | connect, machinery: read, users: read | write | erase | admin,
			trust: read | write | act | erase | approve, asked: act, replies: write | act,
		}
	case Lead:
		return [groups]verbs{
			workspace: read | write | act | approve | connect, everyone: read | write | act | approve,
			program: read | write | act | approve, keys: read | write, duty: read | write | act | approve, work: read | write | act | approve, collected: read,
			connections: read | write | act | connect, machinery: read, users: read, trust: read | write | act | approve,
			asked: act, replies: write | act,
		}
	case Engineer:
		return [groups]verbs{
			workspace: read | act | connect, everyone: read, program: read, duty: read | act, work: read | write | act, collected: read,
			connections: read | write | act | connect, machinery: read, trust: read, asked: act, replies: write | act,
		}
	case Employee:
		return [groups]verbs{everyone: read, duty: act, trust: read, asked: act, replies: write | act}
	case Auditor:
		return [groups]verbs{
			workspace: read, everyone: read, program: read, duty: read, work: read, collected: read, connections: read, machinery: read,
			users: read, papers: read | write | act | approve, trust: read, asked: read | write | act | approve, replies: read,
		}
	case Viewer:
		return [groups]verbs{
			workspace: read, everyone: read, program: read, duty: read | act, work: read, collected: read, connections: read, machinery: read, trust: read,
		}
	}
	return [groups]verbs{}
}

// may reports whether any of the roles grants the verb on the kind; k is nil for the workspace itself.
func may(roles []Role, verb string, k *record.Kind) bool {
	v, g := verbNamed(verb), groupOf(k)
	if v == 0 || g == groups {
		return false
	}
	return slices.ContainsFunc(roles, func(r Role) bool { return r.grants()[g]&v != 0 })
}

// compatible refuses roles that one person must not hold together, over all the accounts of that person: who examines
// manages nothing here, and who manages examines nothing.
func compatible(who string, roles []Role) error {
	if !slices.Contains(roles, Auditor) {
		return nil
	}
	for _, r := range []Role{Owner, Lead, Engineer} {
		if slices.Contains(roles, r) {
			return fault.New(fault.Conflict, "%s can't be both %s and %s: who examines the company must not run its programme.", who, Auditor, r).
				WithNext("Give the roles to two people.")
		}
	}
	return nil
}

func validRoles(roles []Role) error {
	if len(roles) == 0 {
		return fault.New(fault.Invalid, "A user needs at least one role.").WithNext("The roles are %s.", joined(Roles()))
	}
	for _, r := range roles {
		if !slices.Contains(Roles(), r) {
			return fault.New(fault.Invalid, "There is no role %q.", r).WithNext("The roles are %s.", joined(Roles()))
		}
	}
	return nil
}

func joined(roles []Role) string {
	var out string
	for i, r := range roles {
		if i > 0 {
			out += ", "
		}
		out += string(r)
	}
	return out
}
