package record

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
)

// StateField is the field in which a kind with a life cycle keeps its state.
const StateField = "state"

// Stamp is what a record keeps of an actor: the person; "user:…" when the account resolves to no person, and then no
// separation of duties can be shown; the name of a job or connection.
func (a Actor) Stamp() string {
	switch {
	case a.Person != "":
		return a.Person
	case a.User != "":
		return "user:" + a.User
	}
	return a.Name
}

// IsJob reports whether no account stands behind the act.
func (a Actor) IsJob() bool { return a.User == "" && a.Person == "" }

// ours reports whether the program's own work acts, as opposed to a connection, which only passes on what others say.
func (a Actor) ours() bool { return a.IsJob() && strings.HasPrefix(a.Name, "job:") }

// Party is somebody who already had a part in a record, by the stamp the record keeps of them.
type Party struct{ Role, Stamp string }

// Apart refuses an act by somebody who had an excluding part in the record before. It compares people, not accounts, and
// refuses too when it cannot tell who is behind one of the accounts. The parties are said as in "approve", "the author".
func Apart(actor Actor, act string, parties ...Party) error {
	if actor.Person == "" {
		return fault.New(fault.Denied, "Only a person can %s, and %s is not linked to one.", act, actor.Stamp()).
			WithNext("Link the user to a person record first.")
	}
	for _, p := range parties {
		switch {
		case p.Stamp == actor.Person:
			return fault.New(fault.Denied, "%s is %s and so can't %s.", actor.Person, p.Role, act).
				WithNext("Ask another person to do it.")
		case strings.HasPrefix(p.Stamp, "user:"):
			return fault.New(fault.Denied, "%s is the account %s, which is linked to no person, so nobody can be shown to be someone else.",
				p.Role, strings.TrimPrefix(p.Stamp, "user:")).WithNext("Link that user to a person and write the record again.")
		}
	}
	return nil
}

// Written returns the body to store when content is written outside a move. Fixed fields, the state and who acted when keep
// their earlier values: content that says them as they are is a record given back as it was read, and content that says them
// otherwise is refused by name, for it would claim an act that nobody made. A job may set fixed fields, but never the state
// or who acted when, in which it may be overtaken by a person. The life cycle begins or falls back, and the authors are
// kept. before is nil for a new record.
func (k *Kind) Written(before, after map[string]any, actor Actor, at time.Time) (map[string]any, error) {
	after = maps.Clone(after)
	m := k.States
	var fixed []string
	if m != nil {
		fixed = m.stamps()
	}
	for _, f := range k.Fields {
		if f.Fixed && !actor.ours() {
			fixed = append(fixed, f.Name)
		}
	}
	for _, name := range fixed {
		if said, ok := after[name]; ok && !actor.ours() {
			if err := k.standing(name, before, said); err != nil {
				return nil, err
			}
		}
		delete(after, name)
		if v, ok := before[name]; ok {
			after[name] = v
		}
	}
	if before != nil && reflect.DeepEqual(before, after) {
		return after, nil // the same again is no act: it adds no author, and what is frozen may be said again
	}
	if m != nil {
		if err := k.live(before, after, actor, at); err != nil {
			return nil, err
		}
	}
	if k.Guard != nil {
		if err := k.Guard(before, after, actor); err != nil {
			return nil, err
		}
	}
	return after, nil
}

// standing refuses a value for a fixed field that is not the one that stands, and says what sets it.
func (k *Kind) standing(name string, before map[string]any, said any) error {
	held, ok := before[name]
	if ok && reflect.DeepEqual(held, said) || !ok && blank(said) {
		return nil
	}
	m := k.States
	if before == nil && m != nil && name == StateField && said == m.Initial {
		return nil // a new record begins there
	}
	is := "is not set"
	if ok && !blank(held) {
		is = "is " + short(held)
	}
	f := fault.New(fault.Invalid, "%s of this %s %s, and content cannot set it to %s.", name, k.noun(), is, short(said))
	var moves []string
	if m != nil {
		for _, v := range m.Moves {
			if name == StateField || name == v.By || name == v.At || slices.ContainsFunc(v.Fields, func(f Field) bool { return f.Name == name }) {
				moves = append(moves, words(v.Name))
			}
		}
	}
	if len(moves) == 0 {
		return f.WithNext("Tickmark sets it by itself; leave it out, or as it was read.")
	}
	return f.WithNext("Leave it out, or as it was read; a move sets it: %s (tickmark act %s KEY MOVE).", strings.Join(moves, ", "), k.Name)
}

// short is a value for a sentence.
func short(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "another value"
	}
	return clip(string(b), 80)
}

// live begins the life cycle of a new record or lets it fall back, and keeps the authors.
func (k *Kind) live(before, after map[string]any, actor Actor, at time.Time) error {
	m := k.States
	state := m.state(before)
	if before == nil {
		after[StateField] = m.Initial
		stamp(after, m.By, m.At, actor, at)
	} else {
		if slices.Contains(m.Frozen, state) || m.final(state) {
			f := fault.New(fault.Conflict, "This %s is %s, and its content can no longer be changed.", k.noun(), words(state))
			for _, v := range m.MovesFrom(state) {
				if v.To == m.Initial && !v.Job {
					return f.WithNext("Make a new one, or take this one back first: %s.", words(v.Name))
				}
			}
			return f.WithNext("Make a new one instead.")
		}
		after[StateField] = state
		for _, f := range m.Revises {
			if state != m.Initial && !reflect.DeepEqual(before[f], after[f]) {
				after[StateField] = m.Initial
			}
		}
	}
	if m.Authors != "" {
		var authors []any
		begun := before != nil && state != m.Initial && after[StateField] == m.Initial // a new text over one that was approved
		if before != nil && !(begun && m.Independent != nil && m.Independent(before)) {
			authors, _ = before[m.Authors].([]any)
		}
		touched := before == nil || after[StateField] == m.Initial
		if touched && !slices.Contains(authors, any(actor.Stamp())) {
			authors = append(slices.Clone(authors), actor.Stamp())
		}
		after[m.Authors] = authors
	}
	return nil
}

// Moved returns the body to store after the named move, or the fault that refuses it. said holds what the person states
// when acting; only the move's own fields may be in it.
func (k *Kind) Moved(before map[string]any, name string, said map[string]any, actor Actor, at time.Time) (map[string]any, error) {
	return k.moved(before, name, said, actor, at, true)
}

// Refusal is why the actor could not make the move now, whatever they said with it, or nil: for saying so beforehand.
func (k *Kind) Refusal(look Look, before map[string]any, name string, actor Actor) error {
	after, err := k.moved(before, name, nil, actor, look.At, false)
	if err != nil || k.Check == nil {
		return err
	}
	return k.Check(look, before, after, actor)
}

func (k *Kind) moved(before map[string]any, name string, said map[string]any, actor Actor, at time.Time, whole bool) (map[string]any, error) {
	m := k.States
	if m == nil {
		return nil, fault.New(fault.Invalid, "Records of kind %s have no states, so none can %s.", k.Name, words(name))
	}
	i := slices.IndexFunc(m.Moves, func(v Move) bool { return v.Name == name })
	if i < 0 {
		return nil, fault.New(fault.Invalid, "There is no move named %q for records of kind %s.", name, k.Name).
			WithNext("Its moves are %s.", strings.Join(m.names(), ", "))
	}
	move, state := m.Moves[i], m.state(before)
	if !slices.Contains(move.From, state) {
		return nil, fault.New(fault.Conflict, "This %s is %s; %s is possible only from %s.", k.noun(), words(state), words(name), words(strings.Join(move.From, ", "))).
			WithNext("%s", m.onwards(state))
	}
	if actor.IsJob() && !(move.Job && actor.ours()) {
		return nil, fault.New(fault.Denied, "Only a person can %s this %s, and %s is none.", words(name), k.noun(), actor.Name).
			WithNext("Somebody who may act signs in and does it.")
	}
	after := maps.Clone(before)
	for field, v := range said {
		if !slices.ContainsFunc(move.Fields, func(f Field) bool { return f.Name == field }) {
			return nil, fault.New(fault.Invalid, "%s takes no %q.", sentence(name), field).WithNext("%s", takes(move))
		}
		after[field] = v
	}
	for _, f := range move.Fields {
		if whole && f.Required && blank(said[f.Name]) && !actor.IsJob() {
			return nil, fault.New(fault.Invalid, "%s needs %s.", sentence(name), words(f.Name)).WithNext("%s", f.Help)
		}
	}
	if move.To != "" {
		after[StateField] = move.To
	}
	stamp(after, move.By, move.At, actor, at)
	if move.Guard != nil {
		if err := move.Guard(before, after, actor); err != nil {
			return nil, err
		}
	}
	return after, nil
}

// onwards says what can be done from a state.
func (m *Machine) onwards(state string) string {
	var can []string
	for _, v := range m.MovesFrom(state) {
		can = append(can, words(v.Name))
	}
	if len(can) == 0 {
		return "No move leads on from there."
	}
	return "From there it can: " + strings.Join(can, ", ") + "."
}

func takes(m Move) string {
	var names []string
	for _, f := range m.Fields {
		names = append(names, f.Name)
	}
	if len(names) == 0 {
		return "It takes nothing; leave that out."
	}
	return "It takes " + strings.Join(names, ", ") + "."
}

// Ended refuses to end a record that has a life cycle: what it went through must stay in view, and its states say how it ends.
func (k *Kind) Ended() error {
	if k.States == nil {
		return nil
	}
	return fault.New(fault.Conflict, "Records of kind %s are never deleted.", k.Name).WithNext("Its moves are %s.", strings.Join(k.States.names(), ", "))
}

// MovesFrom returns the moves that may be tried from a state; a guard may still refuse one.
func (m *Machine) MovesFrom(state string) []Move {
	var out []Move
	for _, v := range m.Moves {
		if slices.Contains(v.From, state) {
			out = append(out, v)
		}
	}
	return out
}

// States returns every state of the machine, the initial one first, in the order of the moves.
func (m *Machine) States() []string {
	out := []string{m.Initial}
	for _, v := range m.Moves {
		for _, s := range append(slices.Clone(v.From), v.To) {
			if s != "" && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

func (m *Machine) state(body map[string]any) string {
	if s, ok := body[StateField].(string); ok && s != "" {
		return s
	}
	return m.Initial
}

func (m *Machine) final(state string) bool { return len(m.MovesFrom(state)) == 0 }

// stamps are the fields that only the machine itself may set.
func (m *Machine) stamps() []string {
	out := []string{StateField, m.By, m.At, m.Authors}
	for _, v := range m.Moves {
		out = append(out, v.By, v.At)
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

func (m *Machine) names() []string {
	var out []string
	for _, v := range m.Moves {
		out = append(out, v.Name)
	}
	return out
}

func (k *Kind) noun() string {
	if k.Title == "" {
		return words(k.Name)
	}
	return strings.ToLower(k.Title)
}

func stamp(body map[string]any, by, when string, actor Actor, at time.Time) {
	if by != "" {
		body[by] = actor.Stamp()
	}
	if when != "" {
		body[when] = at.UTC().Format(time.RFC3339Nano)
	}
}

func blank(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(v) == ""
	case []any:
		return len(v) == 0
	}
	return false
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func sentence(name string) string {
	w := words(name)
	return strings.ToUpper(w[:1]) + w[1:]
}
