package api

import (
	"time"

	"tickmark/internal/agent"
	"tickmark/internal/collect"
)

const (
	machinesPath   = "/api/v1/machines"
	enrolmentsPath = "/api/v1/enrolments"
)

// NewEnrolment asks for a token with which machines join a group.
type NewEnrolment struct {
	Group string `json:"group" doc:"A connection to the connector agent."`
	Uses  int64  `json:"uses" doc:"How many machines may enrol with it, 1 to 1000."`
	Days  int    `json:"days,omitempty" doc:"After how many days it ends by itself; 7 when left out, 90 at most."`
}

// MadeEnrolment is a token in full, once.
type MadeEnrolment struct {
	agent.Token
	Secret string `json:"token" doc:"Shown only now."`
}

// MachineOwner names who answers for a machine.
type MachineOwner struct {
	Person string `json:"person" doc:"The person's id; empty for nobody."`
}

// MachineReason says why a machine is revoked.
type MachineReason struct {
	Reason string `json:"reason" doc:"It stays on record."`
}

// MachineKey is the key by which a machine is to be known.
type MachineKey struct {
	Key string `json:"key" doc:"Its fingerprint, 16 letters or more, as tickmark agent status shows it on the machine."`
}

func (s *server) agentRoutes() []route {
	tag := "Machines"
	member := s.schemaOf(agent.Member{})
	group := asked("group", "Only those of a group.")
	return []route{
		{method: "GET", path: machinesPath, id: "machines", tag: tag, summary: "The machines that enrolled, and when each was heard",
			query: []param{group}, answer: s.schemaOf([]agent.Member{}), serve: (*call).machines},
		{method: "PUT", path: machinesPath + "/{machine}/owner", id: "own-machine", tag: tag, summary: "Name the person who answers for a machine",
			body: s.schemaOf(MachineOwner{}), answer: member, serve: func(c *call) (any, error) {
				var b MachineOwner
				return c.machine(&b, func(f *agent.Fleet, name string) error { return f.SetOwner(c.r.Context(), c.who, name, b.Person) })
			}},
		{method: "POST", path: machinesPath + "/{machine}/approve", id: "approve-machine", tag: tag, summary: "Let a machine be known by another key",
			help: "Compare the fingerprint with what the machine itself shows first: a machine's id is no secret.",
			body: s.schemaOf(MachineKey{}), answer: member, serve: func(c *call) (any, error) {
				var b MachineKey
				return c.machine(&b, func(f *agent.Fleet, name string) error { return f.Approve(c.r.Context(), c.who, name, b.Key) })
			}},
		{method: "POST", path: machinesPath + "/{machine}/revoke", id: "revoke-machine", tag: tag, summary: "End what a machine's key may do",
			help: "What it said before stays; what the machine is from now on is unknown.",
			body: s.schemaOf(MachineReason{}), answer: member, serve: func(c *call) (any, error) {
				var b MachineReason
				return c.machine(&b, func(f *agent.Fleet, name string) error { return f.Revoke(c.r.Context(), c.who, name, b.Reason) })
			}},
		{method: "GET", path: enrolmentsPath, id: "enrolments", tag: tag, summary: "The tokens with which machines join groups",
			query: []param{group}, answer: s.schemaOf([]agent.Token{}), serve: (*call).enrolments},
		{method: "POST", path: enrolmentsPath, id: "new-enrolment", tag: tag, summary: "Make a token with which machines join a group", status: 201,
			body: s.schemaOf(NewEnrolment{}), answer: s.schemaOf(MadeEnrolment{}), serve: (*call).newEnrolment},
		{method: "DELETE", path: enrolmentsPath + "/{id}", id: "end-enrolment", tag: tag, summary: "End a token; machines that enrolled with it stay", status: 204,
			query: []param{asked("reason", "Why; it stays in the ledger.")}, serve: func(c *call) (any, error) {
				return nil, c.fleet().RevokeToken(c.r.Context(), c.who, c.r.PathValue("id"), c.text("reason"))
			}},
	}
}

func (c *call) fleet() *agent.Fleet {
	return &agent.Fleet{Book: c.s.Book, Collector: c.s.Collector}
}

// sources refuses who may not read connections.
func (c *call) sources() error {
	k, err := c.s.Book.Kinds.Named(collect.ConnectionKind)
	if err != nil {
		return err
	}
	return c.reads(k)
}

func (c *call) machines() (any, error) {
	if err := c.sources(); err != nil {
		return nil, err
	}
	list, err := c.fleet().Machines(c.r.Context(), c.text("group"))
	return append([]agent.Member{}, list...), err
}

// machine does something with one, and answers how it stands then.
func (c *call) machine(body any, do func(f *agent.Fleet, name string) error) (any, error) {
	f, name := c.fleet(), c.r.PathValue("machine")
	if err := f.May(c.r.Context(), c.who); err != nil {
		return nil, err
	}
	if err := c.decode(body); err != nil {
		return nil, err
	}
	if err := do(f, name); err != nil {
		return nil, err
	}
	list, err := f.Machines(c.r.Context(), "")
	for _, m := range list {
		if m.Name == name {
			return m, err
		}
	}
	return nil, err
}

func (c *call) enrolments() (any, error) {
	if err := c.sources(); err != nil {
		return nil, err
	}
	list, err := c.fleet().Tokens(c.r.Context(), c.text("group"))
	return append([]agent.Token{}, list...), err
}

func (c *call) newEnrolment() (any, error) {
	var b NewEnrolment
	if err := c.fleet().May(c.r.Context(), c.who); err != nil {
		return nil, err
	}
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	plain, t, err := c.fleet().NewToken(c.r.Context(), c.who, b.Group, b.Uses, time.Duration(b.Days)*24*time.Hour)
	if err != nil {
		return nil, err
	}
	return MadeEnrolment{t, plain}, nil
}
