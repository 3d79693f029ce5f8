package fieldwork

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workpaper"
)

// tableRow is what expressions call the rows of a table, which are of no kind: each column is a text.
const tableRow = "row"

// Ask lets expressions look at every item of a paper's samples, and puts what they say on the paper as facts. It marks nothing, and
// what an expression cannot know it calls unknown, with the reason.
func (d *Desk) Ask(ctx context.Context, by record.Authority, key string) ([]workpaper.Fact, error) {
	p, l, err := d.asking(ctx, by, key)
	if err != nil {
		return nil, err
	}
	m, err := d.machine(ctx, p, l)
	if err != nil {
		return nil, err
	}
	look := d.Book.LookAt(ctx, time.Time{})
	rows, err := workpaper.Rows(look, p)
	if err != nil {
		return nil, err
	}
	var out []workpaper.Fact
	for _, r := range rows {
		var at int
		if _, err := fmt.Sscan(r.Item, &at); err != nil || r.Sample == "" || at < 0 || at >= len(l.Order) {
			continue // only the grid names it
		}
		for _, id := range m.attributes {
			f, err := m.says(l.of[l.Order[at]].Content, id)
			if err != nil {
				return nil, fmt.Errorf("item %s: %w", r.Item, err)
			}
			f.Item, f.Attribute = r.Item, id
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Conflict, "There is no item to look at.").WithNext("Draw a sample of the paper's population first.")
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	var said []any
	if err := json.Unmarshal(raw, &said); err != nil {
		return nil, err
	}
	_, err = d.Book.Put(ctx, record.Job("job:fact"), record.Change{Kind: workpaper.Name, Key: key, Move: "take_facts", Said: map[string]any{"facts": said, "facts_for": by.Actor().Person}, Reason: "asked by " + by.Actor().Name})
	return out, err
}

// asking is a paper that may be asked about, with the list that it rests on.
func (d *Desk) asking(ctx context.Context, by record.Authority, key string) (map[string]any, list, error) {
	if err := by.May(ctx, "act", d.kind(workpaper.Name)); err != nil {
		return nil, list{}, err
	}
	p, err := d.body(ctx, workpaper.Name, key)
	if err != nil {
		return nil, list{}, err
	}
	if _, err := engagement.Member(d.Book.LookAt(ctx, time.Time{}), engagement.Text(p, engagement.Name), by.Actor(), "ask a machine about its items", engagement.Workers()...); err != nil {
		return nil, list{}, err
	}
	if len(workpaper.Rules(p)) == 0 {
		return nil, list{}, fault.New(fault.Conflict, "No attribute of %s has an expression that a machine could decide it by.", engagement.Text(p, "reference")).WithNext("Set decided_by to machine, and write the expression under rule.")
	}
	if engagement.Text(p, workpaper.PopulationName) == "" {
		return nil, list{}, fault.New(fault.Conflict, "%s names no population.", engagement.Text(p, "reference")).WithNext("Name the frozen population that its items come from.")
	}
	pop, err := d.body(ctx, workpaper.PopulationName, engagement.Text(p, workpaper.PopulationName))
	if err != nil {
		return nil, list{}, err
	}
	if pop[record.StateField] != "frozen" {
		return nil, list{}, fault.New(fault.Conflict, "The population %s is %s, and its rows may still be others.", engagement.Text(pop, "name"), strings.ReplaceAll(engagement.Text(pop, record.StateField), "_", " ")).WithNext("Freeze it first.")
	}
	l, err := d.kept(ctx, pop)
	return p, l, err
}

// machine is a paper's expressions, compiled, with the records that they may ask about.
type machine struct {
	attributes []string
	rules      map[string]*expr.Program
	links      []link
	until      time.Time
}

// link is one sort of records beside the items.
type link struct {
	name         string
	theirs, ours *expr.Program
	records      []linked
	whole        string // why that something is not among them says nothing; empty when it does
}

type linked struct {
	ref, value string
	doc        *expr.Doc
}

func (d *Desk) machine(ctx context.Context, p map[string]any, l list) (*machine, error) {
	m := &machine{rules: map[string]*expr.Program{}}
	rowKind := l.kind
	schemas := map[string]expr.Schema{}
	add := func(name string) error {
		k, err := d.Book.Kinds.Named(name)
		if err == nil {
			schemas[name] = k.Expr()
		}
		return err
	}
	if rowKind == "" {
		rowKind = tableRow
		s := expr.Schema{Name: tableRow}
		for _, c := range l.columns {
			s.Fields = append(s.Fields, expr.Field{Name: c, Type: expr.Text})
		}
		schemas[tableRow] = s
	} else if err := add(rowKind); err != nil {
		return nil, err
	}
	wanted := engagement.Objects(p, "links")
	for _, x := range wanted {
		if err := add(engagement.Text(x, "kind")); err != nil {
			return nil, err
		}
	}
	var all []expr.Schema
	for _, s := range schemas {
		all = append(all, s)
	}
	types, err := expr.NewTypes(all...)
	if err != nil {
		return nil, err
	}
	compile := func(what, kind, source string, test bool, vars ...expr.Field) (*expr.Program, error) {
		env, err := types.Env(expr.Options{Record: kind, Vars: vars, Timeless: true, Alone: true})
		if err != nil {
			return nil, err
		}
		make := expr.Compile
		if test {
			make = expr.CompileTest
		}
		prog, err := make(env, source)
		if err == nil && !test && !prog.IsText() {
			err = fault.New(fault.Invalid, "it gives no text")
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s cannot be asked: %w.", what, err).WithNext("Mend the expression; r is %s.", kind)
		}
		return prog, nil
	}
	var vars []expr.Field
	for _, x := range wanted {
		kind, name := engagement.Text(x, "kind"), engagement.Text(x, "name")
		k := link{name: name}
		if k.theirs, err = compile("theirs of "+name, kind, engagement.Text(x, "theirs"), false); err != nil {
			return nil, err
		}
		if k.ours, err = compile("ours of "+name, rowKind, engagement.Text(x, "ours"), false); err != nil {
			return nil, err
		}
		if err := d.beside(ctx, p, kind, &k); err != nil {
			return nil, err
		}
		m.links = append(m.links, k)
		vars = append(vars, expr.Field{Name: name, Type: expr.Object, List: true, Of: kind})
	}
	for id, source := range workpaper.Rules(p) {
		if m.rules[id], err = compile("The expression of attribute "+id, rowKind, source, true, vars...); err != nil {
			return nil, err
		}
		m.attributes = append(m.attributes, id)
	}
	slices.Sort(m.attributes)
	return m, nil
}

// beside gathers the records of a kind that are on file: rows of other frozen populations, and records that the company handed over. Only
// a population that was drawn of the whole kind from a source that was read completely shows that there are no more.
func (d *Desk) beside(ctx context.Context, p map[string]any, kind string, k *link) error {
	k.whole = fmt.Sprintf("no list of every %s is on file", kind)
	look := d.Book.LookAt(ctx, time.Time{})
	populations, err := engagement.Found(look, workpaper.PopulationName, engagement.Name, p[engagement.Name])
	if err != nil {
		return err
	}
	for _, pop := range populations {
		if pop[record.StateField] != "frozen" {
			continue
		}
		l, err := d.kept(ctx, pop)
		if err != nil {
			return err
		}
		if l.kind != kind {
			continue
		}
		switch {
		case !l.whole:
			k.whole = fmt.Sprintf("the list %s leaves some out by its filter", engagement.Text(pop, "name"))
		case pop["complete"] != true:
			k.whole = fmt.Sprintf("the source of the list %s was not completely read", engagement.Text(pop, "name"))
		default:
			k.whole = ""
		}
		for _, o := range l.of {
			if err := k.add(kind+" "+o.Key, o.Content); err != nil {
				return err
			}
		}
		if k.whole == "" {
			return nil
		}
	}
	if _, err := d.Book.Kinds.Named("company_item"); err != nil {
		return nil // nothing comes in parcels here
	}
	items, err := engagement.Found(look, "company_item", engagement.Name, p[engagement.Name])
	if err != nil {
		return err
	}
	for _, i := range items {
		c, _ := i["content"].(map[string]any)
		if i["sort"] != "record" || c == nil || c["kind"] != kind {
			continue
		}
		raw, err := json.Marshal(c["body"])
		if err != nil {
			return err
		}
		if err := k.add(engagement.Text(i, "of"), raw); err != nil {
			return err
		}
	}
	return nil
}

// add puts a record among those of a link. One that does not say what links it may belong to any item.
func (k *link) add(ref string, body []byte) error {
	doc, err := expr.Parse(body)
	if err != nil {
		k.whole = "one of them cannot be read"
		return nil
	}
	value, err := k.theirs.Text(doc, nil)
	if err != nil {
		k.whole = fmt.Sprintf("%s does not say to which item it belongs", ref)
		return nil
	}
	k.records = append(k.records, linked{ref, value, doc})
	return nil
}

// says asks one expression of one item.
func (m *machine) says(content []byte, attribute string) (workpaper.Fact, error) {
	item, err := expr.Parse(content)
	if err != nil {
		return workpaper.Fact{Says: workpaper.Unknown, Reason: "The item cannot be read: its body is gone."}, nil
	}
	var f workpaper.Fact
	scope := &expr.Scope{Vars: map[string]any{}}
	for _, k := range m.links {
		rows := expr.Rows{Kind: k.name, Field: "link", Value: k.name}
		value, err := k.ours.Text(item, nil)
		if err != nil {
			rows.Err = err
		}
		for _, r := range k.records {
			if err == nil && r.value == value {
				rows.Docs = append(rows.Docs, r.doc)
				f.Rests = append(f.Rests, r.ref)
			}
		}
		scope.Vars[k.name] = rows
	}
	v := m.rules[attribute].Eval(item, scope)
	switch v.Answer {
	case expr.True:
		f.Says = workpaper.Met
	case expr.False:
		f.Says = workpaper.Deviates
	default:
		f.Says, f.Reason = workpaper.Unknown, v.Reason
	}
	for _, r := range scope.Reads {
		for _, k := range m.links {
			if r.Kind == k.name && r.Absence && k.whole != "" && f.Says != workpaper.Unknown {
				f.Says, f.Reason = workpaper.Unknown, fmt.Sprintf("The answer rests on there being no more %s, and %s.", k.name, k.whole)
			}
		}
	}
	return f, nil
}

// Accept marks the blank cells of a paper's grid as the machine says, as reperformed, in the name of the person who accepts it. What the
// machine does not know stays blank. attribute may be empty for all. It returns how many cells were marked.
func (d *Desk) Accept(ctx context.Context, by record.Authority, key, attribute string) (int, error) {
	v, err := d.Book.GetFrom(ctx, workpaper.Name, key, record.Program, 0, record.Auditor)
	if err != nil {
		return 0, err
	}
	p, err := engagement.Body(v)
	if err != nil {
		return 0, err
	}
	pop, err := d.body(ctx, workpaper.PopulationName, engagement.Text(p, workpaper.PopulationName))
	if err != nil {
		return 0, err
	}
	marked := map[[2]string]bool{}
	grid, _ := p["grid"].([]any)
	for _, c := range engagement.Objects(p, "grid") {
		marked[[2]string{engagement.Text(c, "item"), engagement.Text(c, "attribute")}] = true
	}
	n := 0
	for _, o := range engagement.Objects(p, "facts") {
		f := workpaper.FactsOf(map[string]any{"facts": []any{o}})[[2]string{engagement.Text(o, "item"), engagement.Text(o, "attribute")}]
		if f.Says == workpaper.Unknown || marked[[2]string{f.Item, f.Attribute}] || attribute != "" && attribute != f.Attribute {
			continue
		}
		evidence := []any{engagement.Text(pop, "file")}
		for _, r := range f.Rests {
			evidence = append(evidence, strings.ReplaceAll(r, " ", "_"))
		}
		grid = append(grid, map[string]any{"item": f.Item, "attribute": f.Attribute, "mark": f.Says, "tickmarks": "reperformed", "evidence": evidence})
		n++
	}
	if n == 0 {
		return 0, fault.New(fault.Conflict, "There is nothing to accept: no blank cell has a fact that is known.").WithNext("Mark what is unknown yourself, with what shows it.")
	}
	p["grid"] = grid
	raw, err := json.Marshal(p)
	if err != nil {
		return 0, err
	}
	_, err = d.Book.Put(ctx, by, record.Change{Kind: workpaper.Name, Key: key, Body: raw, If: &v.From, Reason: "accepted what a machine says"})
	return n, err
}

// Held is one configuration over the part of the window in which it stood.
type Held struct {
	Name  string    `json:"name"`  // the record
	Value string    `json:"value"` // what the setting said
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
}

// Configurations are the distinct configurations that a frozen list of settings shows, each with when it stood, by an expression that
// says the setting of a row as text. Each record counts by itself, and a record whose setting changed counts as several.
func (d *Desk) Configurations(ctx context.Context, by record.Authority, population, setting string) ([]Held, error) {
	if err := by.May(ctx, "read", d.kind(workpaper.PopulationName)); err != nil {
		return nil, err
	}
	p, err := d.body(ctx, workpaper.PopulationName, population)
	if err != nil {
		return nil, err
	}
	switch {
	case p[record.StateField] != "frozen":
		return nil, fault.New(fault.Conflict, "The population %s is not frozen.", engagement.Text(p, "name")).WithNext("Evaluate and freeze it first.")
	case p["sort"] != "configuration":
		return nil, fault.New(fault.Conflict, "The population %s is a list of events, which say of no setting how long it stood.", engagement.Text(p, "name")).WithNext("Let the company draw the configuration over the window.")
	case p["complete"] != true:
		return nil, fault.New(fault.Conflict, "The source of %s was not read over the whole window, so nothing shows what stood in the gaps: %s", engagement.Text(p, "name"), strings.Join(engagement.List(p, "gaps"), " ")).
			WithNext("Get the source's own log of changes, or test what happened in the gaps from a population.")
	}
	l, err := d.kept(ctx, p)
	if err != nil {
		return nil, err
	}
	if l.kind == "" {
		return nil, fault.New(fault.Conflict, "The population %s is a table, which says of no setting from when to when it stood.", engagement.Text(p, "name")).WithNext("Let the company draw it from its records.")
	}
	k, err := d.Book.Kinds.Named(l.kind)
	if err != nil {
		return nil, err
	}
	env, err := expr.NewEnv(k.Expr())
	if err != nil {
		return nil, err
	}
	prog, err := expr.Compile(env, setting)
	if err != nil || !prog.IsText() {
		return nil, fault.New(fault.Invalid, "The setting cannot be asked, or is no text: %v.", err).WithNext("Write CEL over r that gives a text, such as string(r.protected).")
	}
	e, err := d.body(ctx, engagement.Name, engagement.Text(p, engagement.Name))
	if err != nil {
		return nil, err
	}
	_, window, err := windowOf(e, p)
	if err != nil {
		return nil, err
	}
	var rows []shown
	for _, o := range l.of {
		value := "not known: its body is gone"
		if doc, err := expr.Parse(o.Content); err == nil {
			if value, err = prog.Text(doc, nil); err != nil {
				value = "not known: " + strings.TrimSuffix(err.Error(), ".")
			}
		}
		rows = append(rows, shown{o.Key, value})
	}
	return stood(rows, window[0], window[1])
}

// shown is a row of a list of settings: its key, and what the setting says.
type shown struct{ key, value string }

// stood is when each setting of each record stood within a window.
func stood(rows []shown, begin, end time.Time) ([]Held, error) {
	type state struct {
		at, until time.Time // until is zero while it stands
		value     string
	}
	states := map[string][]state{}
	for _, r := range rows {
		i := strings.LastIndex(r.key, " ") // source and key, and from and until when it stood
		begun, ended, told := strings.Cut(r.key[i+1:], "/")
		at, err := time.Parse(time.RFC3339Nano, begun)
		if i < 0 || !told || err != nil {
			return nil, fault.New(fault.Conflict, "The row %q does not say until when it stood.", r.key).WithNext("Let the company draw the list again with this release.")
		}
		until, _ := time.Parse(time.RFC3339Nano, ended)
		states[r.key[:i]] = append(states[r.key[:i]], state{at, until, r.value})
	}
	var out []Held
	for _, name := range slices.Sorted(maps.Keys(states)) {
		list := states[name]
		slices.SortFunc(list, func(a, b state) int { return a.at.Compare(b.at) })
		for _, s := range list {
			from, to := s.at, end
			if from.Before(begin) {
				from = begin
			}
			if !s.until.IsZero() && s.until.Before(to) {
				to = s.until
			}
			if !to.After(from) {
				continue
			}
			if n := len(out); n > 0 && out[n-1].Name == name && out[n-1].Value == s.value && out[n-1].To.Equal(from) {
				out[n-1].To = to
				continue
			}
			out = append(out, Held{name, s.value, from.UTC(), to.UTC()})
		}
	}
	return out, nil
}
