package api

import (
	"slices"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

const (
	searchPath = "/api/v1/search"
	mePath     = "/api/v1/me"
)

// Declaration is a kind as it is declared.
type Declaration struct {
	Name      string      `json:"name"`
	Title     string      `json:"title"`
	Plural    string      `json:"plural"`
	Help      string      `json:"help"`
	Group     string      `json:"group"`
	Room      record.Room `json:"room" enum:"company,auditor,trust"`
	Schema    int         `json:"schema" doc:"The version of its body's shape."`
	Key       string      `json:"key,omitempty" doc:"The field that gives a record's key."`
	Label     string      `json:"label,omitempty" doc:"The field shown as a record's name."`
	Occurred  string      `json:"occurred,omitempty" doc:"The field that says when an event happened."`
	Collected bool        `json:"collected" doc:"Read from a source and never written here."`
	System    bool        `json:"system" doc:"Written by Tickmark itself."`
	Views     []string    `json:"views" doc:"The questions it answers in the words of every provider."`
	Fields    []Property  `json:"fields"`
	Custom    []Property  `json:"custom" doc:"Your organisation's own fields."`
	Initial   string      `json:"initial,omitempty" doc:"The state that a new record is in."`
	Moves     []Step      `json:"moves,omitempty"`
	Sort      []string    `json:"sort" doc:"What a list can be sorted by."`
	Records   *int64      `json:"records,omitempty" doc:"How many there are now."`
}

// Property is one declared field.
type Property struct {
	Name     string      `json:"name"`
	Title    string      `json:"title"`
	Help     string      `json:"help,omitempty"`
	Type     record.Type `json:"type"`
	List     bool        `json:"list,omitempty"`
	Required bool        `json:"required,omitempty"`
	Choices  []string    `json:"choices,omitempty"`
	Refers   string      `json:"refers,omitempty"`
	Fields   []Property  `json:"fields,omitempty"`
	Personal bool        `json:"personal,omitempty"`
	Secret   bool        `json:"secret,omitempty"`
	Volatile bool        `json:"volatile,omitempty"`
	Indexed  bool        `json:"indexed,omitempty"`
	Fixed    bool        `json:"fixed,omitempty"`
}

// Step is one move of a kind's life cycle.
type Step struct {
	Name   string     `json:"name"`
	Title  string     `json:"title"`
	From   []string   `json:"from"`
	To     string     `json:"to,omitempty"`
	Fields []Property `json:"fields,omitempty"`
}

// Found is what a search found.
type Found struct {
	Kind   string `json:"kind"`
	Key    string `json:"key"`
	Label  string `json:"label"`
	Source string `json:"source"`
}

// Me is who asks.
type Me struct {
	User   string        `json:"user"`
	Name   string        `json:"name"`
	Person string        `json:"person,omitempty" doc:"The person that the account is."`
	Roles  []access.Role `json:"roles"`
	Method string        `json:"method" doc:"How you came in: token, passkey, password, link or local."`
	Scope  string        `json:"scope,omitempty" doc:"Of a token."`
}

func (s *server) workspaceRoutes() []route {
	tag := "Workspace"
	one := s.schemaOf(Declaration{})
	return []route{
		{method: "GET", path: mePath, id: "me", tag: tag, summary: "Who you are here", answer: s.schemaOf(Me{}), serve: func(c *call) (any, error) {
			u := c.who.User
			return Me{u.Key, u.Name, c.who.Actor().Person, u.Roles, c.who.Method, c.who.Scope}, nil
		}},
		{method: "GET", path: kindsPath, id: "list-kinds", tag: tag, summary: "The kinds of record that you may read", answer: listOf(one), serve: (*call).kinds},
		{method: "GET", path: kindsPath + "/{kind}", id: "get-kind", tag: tag, summary: "One kind as it is declared", answer: one, serve: (*call).kind},
		{method: "GET", path: searchPath, id: "search", tag: tag, summary: "Find records by words of their name or key",
			query:  []param{needed("q", "the words, each as it begins."), asOf(), whole("limit", "Records, 20 when left out.", 1, 100)},
			answer: listOf(s.schemaOf(Found{})), serve: (*call).search},
	}
}

func (c *call) kinds() (any, error) {
	totals, err := c.s.Book.Totals(c.r.Context())
	if err != nil {
		return nil, err
	}
	out := []Declaration{}
	for _, k := range c.s.Book.Kinds.All() {
		if c.reads(k) != nil {
			continue
		}
		d, err := c.declared(k)
		if err != nil {
			return nil, err
		}
		n := totals[k.Name]
		d.Records = &n
		out = append(out, d)
	}
	return out, nil
}

func (c *call) kind() (any, error) {
	k, err := c.s.Book.Kinds.Named(c.r.PathValue("kind"))
	if err != nil {
		return nil, noKind(c.r.PathValue("kind"))
	}
	if err := c.reads(k); err != nil {
		return nil, err
	}
	return c.declared(k)
}

func (c *call) declared(k *record.Kind) (Declaration, error) {
	d := Declaration{Name: k.Name, Title: k.Title, Plural: k.Plural, Help: k.Help, Group: k.Group, Room: k.Room, Schema: k.Schema, Key: k.Key, Label: k.Label,
		Occurred: k.Occurred, Collected: k.Collected, System: k.System, Views: []string{}, Fields: properties(k.Fields), Sort: append([]string{}, k.Sortable()...)}
	for _, v := range k.Views {
		d.Views = append(d.Views, v.Name)
	}
	if m := k.States; m != nil {
		d.Initial = m.Initial
		for _, v := range m.Moves {
			d.Moves = append(d.Moves, Step{v.Name, v.Title, v.From, v.To, properties(v.Fields)})
		}
	}
	own, err := c.s.Book.CustomFields(c.r.Context(), c.s.Book.DB, k.Name)
	d.Custom = properties(own)
	return d, err
}

func properties(fields []record.Field) []Property {
	out := make([]Property, len(fields))
	for i, f := range fields {
		out[i] = Property{Name: f.Name, Title: f.Title, Help: f.Help, Type: f.Type, List: f.List, Required: f.Required, Choices: f.Choices, Refers: f.Refers,
			Fields: properties(f.Fields), Personal: f.Personal, Secret: f.Secret, Volatile: f.Volatile, Indexed: f.Indexed, Fixed: f.Fixed}
	}
	return out
}

// search looks in every room that the caller may enter, and shows only kinds that they may read.
func (c *call) search() (any, error) {
	at, err := c.moment("as_of")
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(c.text("q"))
	if len(text) > 200 {
		return nil, fault.New(fault.Invalid, "q: at most 200 letters.")
	}
	limit := int(c.number("limit", 20))
	out := []Found{}
	for _, room := range []record.Room{record.Company, record.Auditor, record.Trust} {
		if !slices.ContainsFunc(c.s.Book.Kinds.All(), func(k *record.Kind) bool { return k.Room == room && c.reads(k) == nil }) {
			continue
		}
		list, err := c.s.Book.Search(c.r.Context(), text, at, room, searchWide)
		if err != nil {
			return nil, err
		}
		for _, v := range list {
			if k, err := c.s.Book.Kinds.Named(v.Kind); err == nil && c.reads(k) == nil && len(out) < limit {
				out = append(out, Found{v.Kind, v.Key, v.Label, v.Source})
			}
		}
	}
	return out, nil
}

// searchWide is how many records are looked at before those of kinds that the caller may not read are left out.
const searchWide = 500

// moments keeps store.Moment's zero out of JSON where a time may be missing.
func maybe(m store.Moment) *store.Moment {
	if m == 0 {
		return nil
	}
	return &m
}
