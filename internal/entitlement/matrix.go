package entitlement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Role is what somebody may have in a system, and how the system shows it.
type Role struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Rights      string   `json:"rights"`
	Sensitivity string   `json:"sensitivity"`
	Positions   []string `json:"positions"` // who may have it; empty: nobody said
	Birthright  bool     `json:"birthright"`
	GrantedIn   string   `json:"granted_in"`
	GrantedAs   string   `json:"granted_as"`
	Kind        string   `json:"kind"`
	Where       string   `json:"where"`
	Source      string   `json:"source"`
}

// Read reports whether some source shows who has the role.
func (r Role) Read() bool { return r.Kind != "" }

// Conflict is a pair of roles that nobody has both of. Of is the system of B; empty: the same.
type Conflict struct {
	A   string `json:"a"`
	B   string `json:"b"`
	Of  string `json:"of"`
	Why string `json:"why"`
}

// Approver is the appointment of who confirms access to the system, from its first through its last day.
type Approver struct {
	Person       string `json:"person"`
	From         string `json:"from"`
	To           string `json:"to"`
	Delegate     string `json:"delegate"`
	DelegateFrom string `json:"delegate_from"`
	DelegateTo   string `json:"delegate_to"`
}

// Roles is a matrix as a version of it says.
type Roles struct {
	Key          string     `json:"-"` // of the version
	Matrix       string     `json:"matrix"`
	Name         string     `json:"name"`
	Number       int        `json:"number"`
	Since        string     `json:"since"`
	Until        string     `json:"until"`
	System       string     `json:"system"`
	Owner        string     `json:"owner"`
	Sources      []string   `json:"sources"`
	Roles        []Role     `json:"roles"`
	Conflicts    []Conflict `json:"conflicts"`
	Approvers    []Approver `json:"approvers"`
	ManagerAsks  bool       `json:"manager_may_ask"`
	ReviewMonths int        `json:"review_months"`
}

// Role finds a role by its id.
func (m Roles) Role(id string) (Role, bool) {
	i := slices.IndexFunc(m.Roles, func(r Role) bool { return r.ID == id })
	if i < 0 {
		return Role{}, false
	}
	return m.Roles[i], true
}

// Appointed reports whether a person may confirm access on a day, YYYY-MM-DD, and for whom, where they are a delegate.
func (m Roles) Appointed(person, day string) (ok bool, instead string) {
	within := func(from, to string) bool { return from != "" && from <= day && (to == "" || day <= to) }
	for _, a := range m.Approvers {
		if within(a.From, a.To) && a.Person == person {
			return true, ""
		}
	}
	for _, a := range m.Approvers {
		if within(a.From, a.To) && a.Delegate == person && within(a.DelegateFrom, a.DelegateTo) {
			return true, a.Person
		}
	}
	return false, ""
}

// ApproversOn are those who are appointed on a day, delegates included.
func (m Roles) ApproversOn(day string) []string {
	var out []string
	for _, a := range m.Approvers {
		for _, p := range []string{a.Person, a.Delegate} {
			if ok, _ := m.Appointed(p, day); ok && p != "" && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// Fits reports whether somebody in a position may have the role; known is false where the matrix names no position, or nobody knows
// theirs.
func (r Role) Fits(position string) (fits, known bool) {
	if len(r.Positions) == 0 || position == "" {
		return false, false
	}
	return slices.ContainsFunc(r.Positions, func(p string) bool { return p == "*" || fold(p) == fold(position) }), true
}

const sourceHelp = "Empty where no source shows it: then it is entered by hand, and shown as that."

func roleFields() []record.Field {
	return []record.Field{
		{Name: "id", Type: record.Text, Required: true, Help: "Short and stable, such as billing-reader."},
		{Name: "name", Type: record.Text, Required: true},
		{Name: "rights", Type: record.Text, Required: true, Help: "What it lets somebody do, in a sentence."},
		{Name: "sensitivity", Type: record.Choice, Required: true, Choices: []string{"normal", "sensitive", "privileged"}},
		{Name: "positions", Title: "Allowed positions", Type: record.Text, List: true, Help: "Positions of people who may have it; * for every one."},
		{Name: "birthright", Type: record.Bool, Help: "Everybody in an allowed position gets it on joining: this version and the hire record are its approval."},
		{Name: "granted_in", Title: "System, as its grants say it", Type: record.Text, Help: "Empty: the id of this matrix."},
		{Name: "granted_as", Title: "Role, as its grants say it", Type: record.Text, Help: "Such as the group's name; empty: the role's name."},
		{Name: "kind", Title: "Shown by", Type: record.Text, Help: "The kind of record that shows who has it, such as github_member. " + sourceHelp},
		{Name: "where", Title: "Only where", Type: record.Text, Help: "A condition over r, such as r.role == \"admin\"."},
		{Name: "source", Type: record.Text, Help: "The connection that reads it; empty: any."},
	}
}

func conflictFields() []record.Field {
	return []record.Field{
		{Name: "a", Title: "Role", Type: record.Text, Required: true},
		{Name: "b", Title: "Conflicts with", Type: record.Text, Required: true},
		{Name: "of", Title: "Of system", Type: record.Text, Help: "The other role's matrix; empty: this one."},
		{Name: "why", Type: record.Text, Required: true},
	}
}

func approverFields() []record.Field {
	return []record.Field{
		{Name: "person", Type: record.Ref, Refers: "person", Required: true},
		{Name: "from", Type: record.Date, Required: true},
		{Name: "to", Title: "Through", Type: record.Date, Help: "Empty while the appointment lasts."},
		{Name: "delegate", Type: record.Ref, Refers: "person"},
		{Name: "delegate_from", Type: record.Date}, {Name: "delegate_to", Title: "Delegate through", Type: record.Date},
	}
}

// substance is what is approved of a matrix, and what a version keeps.
func substance() []record.Field {
	return []record.Field{
		{Name: "name", Type: record.Text, Required: true},
		{Name: "system", Title: "Boundary", Type: record.Ref, Refers: "system", Indexed: true, Help: "The system under examination that it belongs to; empty for what is outside."},
		{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true},
		{Name: "sources", Title: "Read by", Type: record.Text, List: true, Help: "The connections that read its accounts. Empty: nobody reads it, and what is said of it is typed."},
		{Name: "roles", Type: record.Object, List: true, Hidden: true, Fields: roleFields()},
		{Name: "conflicts", Title: "Conflict pairs", Type: record.Object, List: true, Hidden: true, Help: "Roles that nobody has both of without an exception.", Fields: conflictFields()},
		{Name: "approvers", Type: record.Object, List: true, Hidden: true, Help: "Who is appointed to confirm access, with first and last day.", Fields: approverFields()},
		{Name: "manager_may_ask", Title: "A manager may ask and approve", Type: record.Bool, Hidden: true, Help: "An appointed approver may confirm what they asked for somebody who reports to them. Never for themselves."},
		{Name: "review_months", Title: "Reviewed every (months)", Type: record.Integer, Hidden: true, Help: "3 for each quarter."},
	}
}

// MatrixKind declares the role matrix of one system: draft, approved, retired. What is in force is its last approved version.
func MatrixKind() record.Kind {
	return record.Kind{
		Name: Matrix, Title: "Role matrix", Plural: "Role matrices", Group: "Program",
		Help: "The roles of one system: what they let somebody do, who may have them, which exclude each other, and who confirms access.",
		Key:  "id", Label: "name",
		Fields: slices.Concat([]record.Field{{Name: "id", Title: "Id", Type: record.Text, Required: true, Help: "Short and stable, such as okta."}}, substance(), []record.Field{
			{Name: "asset", Type: record.Ref, Refers: "asset", Indexed: true, Hidden: true, Help: "The asset that it opens, such as a store of data."},
			{Name: "sign_on", Title: "Signs on by", Type: record.Choice, Hidden: true, Choices: []string{"single_sign_on", "own_password", "key", "certificate", "none"}},
			{Name: "factor", Title: "Second factor", Type: record.Choice, Hidden: true, Choices: []string{"phishing_resistant", "app_or_push", "one_time_code", "none"}},
			{Name: "role_model", Title: "How rights are given", Type: record.Choice, Hidden: true, Choices: []string{"roles", "groups", "single_rights", "all_or_nothing"}},
			{Name: "provisioning", Title: "Accounts are made", Type: record.Choice, Hidden: true, Choices: []string{"automatic", "by_hand", "mixed"}},
			{Name: record.StateField, Type: record.Choice, Choices: matrixMachine().States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true},
			{Name: "approved_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "approved_at", Type: record.Time, Fixed: true, Hidden: true},
		}, approval.Fields(), []record.Field{
			{Name: "retired_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "retired_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "retired_reason", Type: record.Long, Fixed: true, Hidden: true},
		}),
		States: matrixMachine(),
		Guard:  func(_, after map[string]any, _ record.Actor) error { return sound(after) },
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			if err := approval.SmallTeam(look, before, after); err != nil {
				return err
			}
			return shown(look, after)
		},
		Follows: inForce,
	}
}

func matrixMachine() *record.Machine {
	var revises []string
	for _, f := range substance() {
		revises = append(revises, f.Name)
	}
	rules := approval.Rules{From: "draft", To: "approved", Standing: []string{"approved"}, Parties: approval.Authors("matrix", "Write it again, then ask another person to approve it."), Ready: ready}
	return &record.Machine{
		Initial: "draft", Authors: "authors", Revises: revises, Independent: approval.Independent,
		Moves: slices.Concat([]record.Move{
			{Name: "approve", Title: "Approve", From: []string{"draft"}, To: "approved", By: "approved_by", At: "approved_at", Guard: rules.Approve},
		}, rules.Moves(), []record.Move{
			{Name: "retire", Title: "Retire", From: []string{"draft", "approved"}, To: "retired", By: "retired_by", At: "retired_at",
				Fields: []record.Field{{Name: "retired_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why."}}},
		}),
	}
}

// sound refuses a matrix that contradicts itself.
func sound(body map[string]any) error {
	var m Roles
	if err := read(body, &m); err != nil {
		return err
	}
	ids := map[string]bool{}
	for _, r := range m.Roles {
		if ids[r.ID] {
			return fault.New(fault.Invalid, "There are two roles %q.", r.ID).WithNext("Give each its own id.")
		}
		ids[r.ID] = true
		if r.Where != "" && r.Kind == "" {
			return fault.New(fault.Invalid, "The role %q has a condition and no kind of record that it is about.", r.ID).WithNext("Name the kind under Shown by.")
		}
	}
	for _, c := range m.Conflicts {
		if !ids[c.A] || c.Of == "" && !ids[c.B] {
			return fault.New(fault.Invalid, "The conflict of %q and %q names a role that there is none of.", c.A, c.B).WithNext("Write the ids of roles of this matrix, or the other matrix under Of system.")
		}
		if c.A == c.B && c.Of == "" {
			return fault.New(fault.Invalid, "The role %q cannot conflict with itself.", c.A).WithNext("Name another role.")
		}
	}
	for _, a := range m.Approvers {
		switch {
		case a.To != "" && a.To < a.From:
			return fault.New(fault.Invalid, "The appointment of %s would end on %s, before it begins.", a.Person, a.To).WithNext("Write its last day, or leave it empty.")
		case a.Delegate != "" && a.DelegateFrom == "":
			return fault.New(fault.Invalid, "%s stands in for %s from no day.", a.Delegate, a.Person).WithNext("Say from which day, and through which.")
		case a.Delegate == a.Person:
			return fault.New(fault.Invalid, "%s cannot stand in for themselves.", a.Person).WithNext("Name another person, or nobody.")
		}
	}
	return nil
}

// ready is what a matrix needs before anybody approves it.
func ready(before, _ map[string]any, _ record.Actor) error {
	var m struct {
		Owner     string
		Roles     []Role
		Approvers []Approver
	}
	if err := read(before, &m); err != nil {
		return err
	}
	var lacks []string
	if len(m.Roles) == 0 {
		lacks = append(lacks, "roles")
	}
	if len(m.Approvers) == 0 {
		lacks = append(lacks, "an approver")
	}
	if m.Owner == "" {
		lacks = append(lacks, "an owner")
	}
	if len(lacks) > 0 {
		return fault.New(fault.Invalid, "The matrix lacks %s.", strings.Join(lacks, " and ")).WithNext("Fill that in first.")
	}
	return nil
}

// shown refuses a way of reading a role that could never find anybody.
func shown(look record.Look, body map[string]any) error {
	var m Roles
	if err := read(body, &m); err != nil {
		return err
	}
	for _, r := range m.Roles {
		if r.Kind == "" {
			continue
		}
		k, err := look.Kind(r.Kind)
		if err != nil {
			return err
		}
		if !k.Collected {
			return fault.New(fault.Invalid, "The role %q would be shown by %s, which no source says.", r.ID, r.Kind).WithNext("Name a kind that is read from a source, or none.")
		}
		if r.Where != "" {
			if err := look.Fits(r.Kind, r.Where); err != nil {
				return err
			}
		}
	}
	return nil
}

// VersionKind declares a matrix as it was approved; nothing in it changes but that another one follows.
func VersionKind() record.Kind {
	return record.Kind{
		Name: Version, Title: "Role matrix version", Plural: "Role matrix versions", Group: "Program", System: true, Label: "label",
		Help: "A role matrix as it was approved, from when until when it is in force. A request is judged by the one of its day.",
		Fields: slices.Concat([]record.Field{
			{Name: "label", Type: record.Text}, {Name: "matrix", Type: record.Ref, Refers: Matrix, Required: true, Indexed: true},
			{Name: "number", Type: record.Integer}, {Name: "since", Type: record.Time, Indexed: true},
			{Name: "until", Type: record.Time, Help: "Empty while it is in force."}, {Name: "approved_by", Type: record.Ref, Refers: "person"},
			{Name: "approval", Type: record.Text, Help: "How it was approved: by another person, or by its author with a later review."},
			{Name: "birthright", Type: record.Text, List: true, Indexed: true, Hidden: true, Help: "What everybody gets on joining, as system/role/position."},
		}, substance()),
	}
}

// Birthrights are what everybody gets on joining, as grants and hire records say it: system/role/position in lower case.
func (m Roles) Birthrights() []string {
	var out []string
	for _, r := range m.Roles {
		if !r.Birthright {
			continue
		}
		for _, p := range r.Positions {
			out = append(out, fold(r.in(m.Matrix))+"/"+fold(r.as())+"/"+fold(p))
		}
	}
	return distinct(out)
}

func (r Role) in(matrix string) string { return or(r.GrantedIn, matrix) }
func (r Role) as() string              { return or(r.GrantedAs, r.Name) }

func or(a, b string) string {
	if strings.TrimSpace(a) != "" {
		return a
	}
	return b
}

// inForce writes the version that an approval makes, and ends the one before; a matrix that is retired has none.
func inForce(look record.Look, key string, before, after map[string]any) ([]record.Change, error) {
	state := text(after, record.StateField)
	approved := state == "approved" && text(after, "approved_at") != "" && text(after, "approved_at") != text(before, "approved_at")
	retired := state == "retired" && text(before, record.StateField) != "retired"
	if !approved && !retired {
		return nil, nil
	}
	all, err := versions(look, key)
	if err != nil {
		return nil, err
	}
	now := look.At.UTC().Format(time.RFC3339Nano)
	var out []record.Change
	n := 0
	for _, m := range all {
		n = max(n, m.Number)
		if m.Until == "" {
			v, err := look.Get(Version, m.Key)
			if err != nil {
				return nil, err
			}
			var body map[string]any
			if err := read(v.Body, &body); err != nil {
				return nil, err
			}
			body["until"] = now
			c, err := change(Version, m.Key, body, "another is in force")
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	if !approved {
		return out, nil
	}
	body := map[string]any{"matrix": key, "number": n + 1, "since": now, "approved_by": after["approved_by"], "approval": string(approval.Of(after)), "label": fmt.Sprintf("%s, version %d", text(after, "name"), n+1)}
	for _, f := range substance() {
		if v, ok := after[f.Name]; ok {
			body[f.Name] = v
		}
	}
	var m Roles
	if err := read(body, &m); err != nil {
		return nil, err
	}
	if b := m.Birthrights(); len(b) > 0 {
		body["birthright"] = listed(b)
	}
	c, err := change(Version, fmt.Sprintf("%s@%d", key, n+1), body, "approved")
	return append(out, c), err
}

func versions(look record.Look, matrix string) ([]Roles, error) {
	found, err := look.Find(Version, "matrix", matrix)
	if err != nil {
		return nil, err
	}
	var out []Roles
	for _, v := range found {
		m, err := RolesOf(v)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// RolesOf reads a version of a matrix.
func RolesOf(v record.Version) (Roles, error) {
	m := Roles{}
	err := read(v.Body, &m)
	m.Key = v.Key
	return m, err
}

// At is the version of a matrix that is in force at a moment; a fault that is NotFound when none is.
func At(look record.Look, matrix string, at time.Time) (Roles, error) {
	all, err := versions(look, matrix)
	if err != nil {
		return Roles{}, err
	}
	for _, m := range all {
		if m.holds(at) {
			return m, nil
		}
	}
	return Roles{}, fault.New(fault.NotFound, "No approved role matrix of %q is in force.", matrix).WithNext("Write its roles and have another person approve them: role_matrix.")
}

func (m Roles) holds(at time.Time) bool {
	since, err := time.Parse(time.RFC3339Nano, m.Since)
	if err != nil || at.Before(since) {
		return false
	}
	until, err := time.Parse(time.RFC3339Nano, m.Until)
	return m.Until == "" || err == nil && at.Before(until)
}
