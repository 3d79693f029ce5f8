package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

func (s *site) kinds(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	totals, err := s.Book.Totals(ctx)
	if err != nil {
		return err
	}
	groups := map[string]*KindGroup{}
	var l KindList
	for _, k := range s.Book.Kinds.All() {
		if session(ctx).May(ctx, access.Read, k) != nil {
			continue
		}
		l.Imports = l.Imports || s.imports(ctx, k)
		row := KindRow{Name: k.Name, Title: cmp.Or(k.Plural, k.Title), Help: k.Help, Count: totals[k.Name], Exact: true}
		if part.Past(ctx) {
			n, err := s.Book.Count(ctx, record.Query{Kind: k.Name, AsOf: at(ctx), Room: k.Room})
			if err != nil {
				return err
			}
			row.Count, row.Exact = n.N, n.Exact
		}
		name := cmp.Or(k.Group, "Other")
		if groups[name] == nil {
			groups[name] = &KindGroup{Name: name}
		}
		groups[name].Kinds = append(groups[name].Kinds, row)
		l.Total += row.Count
	}
	for _, name := range slices.SortedFunc(keysOf(groups), groupOrder) {
		slices.SortFunc(groups[name].Kinds, func(a, b KindRow) int { return strings.Compare(a.Title, b.Title) })
		l.Groups = append(l.Groups, *groups[name])
	}
	p := Page{Title: "Records", Section: "/records", Crumbs: []part.Crumb{{Text: "Operations"}, {Text: "Records"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return kindsPage(p, l) })
}

// groupOrder puts what the organisation writes first, what sources say next, and what Tickmark writes last.
func groupOrder(a, b string) int {
	rank := func(s string) int {
		switch s {
		case "Program":
			return 0
		case "System":
			return 2
		case "Other":
			return 3
		}
		return 1
	}
	return cmp.Or(rank(a)-rank(b), strings.Compare(a, b))
}

// readable is a kind that the reader may see.
func (s *site) readable(r *http.Request) (*record.Kind, error) {
	k, err := s.Book.Kinds.Named(r.PathValue("kind"))
	if err != nil {
		return nil, err
	}
	err = session(r.Context()).May(r.Context(), access.Read, k)
	if err != nil && k.Room != record.Company { // whoever may not enter a room is not told what is in it
		return nil, fault.New(fault.NotFound, "There is no kind %q.", k.Name)
	}
	return k, err
}

// columns are the fields that a list shows beside the label: at most six, in the order of their declaration.
func columns(k *record.Kind) []record.Field {
	var out []record.Field
	for _, f := range k.Fields {
		if f.Hidden || f.Name == k.Label || f.Type == record.Long || f.Type == record.JSON || f.Type == record.Object || f.Secret {
			continue
		}
		if out = append(out, f); len(out) == 6 {
			break
		}
	}
	return out
}

// chosenColumns are the columns that the reader asked for, or those of the kind, and everything there is to choose from.
func chosenColumns(k *record.Kind, asked []string) (cols []record.Field, all []ColumnChoice) {
	if cols = columns(k); len(asked) > 0 {
		cols = nil
	}
	for _, f := range k.Fields {
		if f.Name == k.Label || f.Type == record.Long || f.Type == record.JSON || f.Type == record.Object || f.Secret {
			continue
		}
		if contains(asked, f.Name) {
			cols = append(cols, f)
		}
	}
	for _, f := range k.Fields {
		if f.Name == k.Label || f.Type == record.Long || f.Type == record.JSON || f.Type == record.Object || f.Secret {
			continue
		}
		shown := slices.ContainsFunc(cols, func(c record.Field) bool { return c.Name == f.Name })
		all = append(all, ColumnChoice{f.Name, titleOf(f), shown})
	}
	return cols, all
}

func titleOf(f record.Field) string { return cmp.Or(f.Title, part.Sentence(f.Name)) }

func (s *site) records(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	k, err := s.readable(r)
	if err != nil {
		return err
	}
	base := part.Path("records", k.Name)
	l := RecordList{Kind: k.Name, Title: cmp.Or(k.Plural, k.Title), Help: k.Help}
	l.Makes = !k.Collected && !k.System && session(ctx).May(ctx, access.Write, k) == nil
	query := record.Query{Kind: k.Name, AsOf: at(ctx), Sort: q.Get("sort"), After: q.Get("after"), Limit: 50, Source: q.Get("source"), Room: k.Room}
	if err := s.during(ctx, q, &query, &l); err != nil {
		return err
	}
	query.Where, l.Filter.Groups = filters(k, q)
	l.Filtered = query.Where != "" || query.Source != ""
	l.Filter.Action, l.Filter.CEL, l.Filter.Where = base, true, q.Get("where")
	l.Filter.Q, l.Filter.Hint, l.Filter.NoWords = q.Get("q"), "Filter by name", k.Label == ""
	l.Filter.Keep = map[string]string{"sort": query.Sort, "source": query.Source, "from": l.From, "to": l.To}
	l.Filter.Columns = q["col"]
	page, err := s.Book.List(ctx, query)
	if fault.Is(err, fault.Invalid) {
		l.Wrong = sentenceOf(err)
	} else if err != nil {
		return err
	} else {
		n, err := s.Book.Count(ctx, query)
		if err != nil {
			return err
		}
		l.Filter.Found = counted(n)
		if page.Partial {
			l.Partial = fmt.Sprintf("The filter looked at %s and stopped, because it needs every one of them. Go on with Next, or narrow it by a field that can be sorted.", part.Count(page.Scanned, "record"))
		}
		if page.Untold > 0 {
			l.Partial = strings.TrimSpace(l.Partial + " Left out: " + part.Count(page.Untold, "version") + " whose body was dropped by a rule of retention, so that nobody can tell whether it fits the filter.")
		}
		l.Pager = pagerOf(r, len(page.Versions), page.Next, "of "+counted(n))
	}
	cols, choices := chosenColumns(k, q["col"])
	for i, f := range cols { // what a source names may not be known here; the record's own page leads there where it is
		if to, err := s.Book.Kinds.Named(f.Refers); err == nil && to.Collected {
			cols[i].Refers = ""
		}
	}
	l.Shown = choices
	l.Columns = heads(k, cols, base, q)
	if l.From != "" {
		for i := range l.Columns {
			l.Columns[i].Sort, l.Columns[i].Dir = "", ""
		}
		last := len(l.Columns) - 2 // since when, and the quick look
		l.Columns[last].Text = "From"
		l.Columns = slices.Insert(l.Columns, last+1, part.Column{Text: "Until"})
	} else if l.Bulk, err = s.bulkOf(r, k); err != nil {
		return err
	}
	if l.Bulk != nil {
		l.Columns = append([]part.Column{{Text: "Choose", Pick: true}}, l.Columns...)
	}
	for _, v := range page.Versions {
		row := recordRow(k, cols, v)
		if l.From != "" {
			if row.Since = v.From.Time(); !v.Open() {
				row.Until = v.To.Time()
			}
		}
		if l.Bulk != nil && v.Source == record.Program && !v.Erased {
			row.Pick = pickValue(v)
		}
		l.Rows = append(l.Rows, row)
	}
	l.Exports = exports(k.Name, query)
	p := Page{Title: l.Title, Section: sectionOf(k.Name), Crumbs: []part.Crumb{{Text: "Records", Href: "/records"}, {Text: l.Title}}}
	return s.show(w, r, p, func(p Page) templ.Component { return recordsPage(p, l) })
}

// during reads a window of days from the address: every version that held at some time in it is listed, until the reader's moment at
// most.
func (s *site) during(ctx context.Context, q url.Values, query *record.Query, l *RecordList) error {
	from, to := q.Get("from"), q.Get("to")
	if from == "" {
		return nil
	}
	zone, end := part.Of(ctx).Zone, part.Of(ctx).Moment()
	begins, err := time.ParseInLocation(time.DateOnly, from, zone)
	if err == nil && to != "" {
		var last time.Time
		if last, err = time.ParseInLocation(time.DateOnly, to, zone); err == nil {
			end = earlier(end, last.AddDate(0, 0, 1))
		}
	}
	if err != nil || !begins.Before(end) {
		return fault.New(fault.Usage, "The window from %q to %q is none.", from, to).WithNext("Give its first and last day as 2026-01-31, the first not in the future.")
	}
	l.From, l.To = from, to
	query.AsOf, query.Sort, query.During = 0, "", [2]store.Moment{store.At(begins), store.At(end)}
	return nil
}

// sectionOf is the sidebar's entry that records of a kind belong to.
func sectionOf(kind string) string {
	switch kind {
	case "person":
		return "/people"
	case "evidence", "commitment", "system":
		return "/records/" + kind
	case "control":
		return "/controls"
	case "policy", "policy_version", "policy_review", "acknowledgement":
		return "/policies"
	case "finding":
		return "/findings"
	case "criterion":
		return "/criteria"
	}
	return "/records"
}

func counted(c record.Count) string {
	if c.Exact {
		return part.Number(c.N)
	}
	return part.Number(c.N) + " or more"
}

// filters reads the address into one expression, and shows the choices that the kind's indexed fields give.
func filters(k *record.Kind, q url.Values) (where string, groups []part.Choice) {
	var and []string
	if w := strings.TrimSpace(q.Get("where")); w != "" {
		and = append(and, "("+w+")")
	}
	if words := strings.TrimSpace(q.Get("q")); words != "" && k.Label != "" {
		and = append(and, fmt.Sprintf("lower(r.%s).contains(%s)", k.Label, quoted(strings.ToLower(words))))
	}
	for _, f := range k.Fields {
		if !f.Indexed || f.Type != record.Choice && f.Type != record.Bool {
			continue
		}
		name := "f_" + f.Name
		c := part.Choice{Name: name, Label: titleOf(f), Value: q.Get(name), Options: []part.Option{{Value: "", Text: titleOf(f) + ": any"}}}
		if f.Type == record.Bool {
			c.Options = append(c.Options, part.Option{Value: "true", Text: titleOf(f) + ": yes"}, part.Option{Value: "false", Text: titleOf(f) + ": no"})
		}
		for _, o := range f.Choices {
			c.Options = append(c.Options, part.Option{Value: o, Text: part.Status(o).Word()})
		}
		groups = append(groups, c)
		switch {
		case c.Value == "":
		case f.Type == record.Bool && (c.Value == "true" || c.Value == "false"):
			and = append(and, "r."+f.Name+" == "+c.Value)
		case f.Type == record.Choice && f.List:
			and = append(and, quoted(c.Value)+" in r."+f.Name)
		case f.Type == record.Choice:
			and = append(and, "r."+f.Name+" == "+quoted(c.Value))
		}
	}
	return strings.Join(and, " && "), groups
}

// heads are the columns of a list; indexed fields sort by a click, and the other way by another.
func heads(k *record.Kind, cols []record.Field, base string, q url.Values) []part.Column {
	sorted := q.Get("sort")
	link := func(by string) string {
		n := url.Values{}
		for name, v := range q {
			if name != "after" && name != "sort" && name != part.AsOfName {
				n[name] = v
			}
		}
		n.Set("sort", by)
		return base + "?" + n.Encode()
	}
	column := func(title string, f record.Field) part.Column {
		c := part.Column{Text: title, End: number(f)}
		if f.Indexed && !f.List {
			c.Sort = link(f.Name)
			switch sorted {
			case f.Name:
				c.Dir, c.Sort = "ascending", link("-"+f.Name)
			case "-" + f.Name:
				c.Dir = "descending"
			}
		}
		return c
	}
	first := part.Column{Text: k.Title}
	if f, ok := k.FieldNamed(k.Label); ok {
		first = column(k.Title, f)
	}
	out := []part.Column{first}
	for _, f := range cols {
		out = append(out, column(titleOf(f), f))
	}
	when := "Since"
	if k.Occurred != "" {
		when = "When"
	}
	return append(out, part.Column{Text: "Source"}, part.Column{Text: when}, part.Column{Text: "Quick look", Mute: true})
}

func number(f record.Field) bool {
	return !f.List && (f.Type == record.Integer || f.Type == record.Number)
}

// lost says how the body of a version went; empty while it is there.
func lost(v record.Version) string {
	if v.Dropped == nil {
		return ""
	}
	return v.Dropped.String()
}

func recordRow(k *record.Kind, cols []record.Field, v record.Version) RecordRow {
	row := RecordRow{Label: cmp.Or(v.Label, v.Key), Key: v.Key, Href: hrefOf(v), Source: v.Source, Since: v.From.Time()}
	if v.Occurred != nil {
		row.Since = v.Occurred.At
	}
	if v.Erased {
		row.Label = "Erased"
	}
	row.Lost = lost(v)
	body := map[string]json.RawMessage{}
	json.Unmarshal(v.Body, &body) // what cannot be read shows as not stated
	for _, f := range cols {
		row.Cells = append(row.Cells, cellOf(f, body[f.Name]))
	}
	return row
}

// hrefOf is a record's page; a key that several sources may know is told apart by its source.
func hrefOf(v record.Version) string {
	href := recordPath(v.Kind, v.Key)
	if v.Source != record.Program {
		href += "?source=" + url.QueryEscape(v.Source)
	}
	return href
}

// cellOf shows one value of a list. What the record does not say stays empty: absent is not no.
func cellOf(f record.Field, raw json.RawMessage) Cell {
	c := Cell{End: number(f)}
	if len(raw) == 0 || string(raw) == "null" {
		return c
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var x any
	if d.Decode(&x) != nil {
		return c
	}
	text, isText := x.(string)
	switch {
	case f.Name == record.StateField && isText, f.Type == record.Choice && (f.Name == "severity" || f.Name == "outcome") && isText:
		c.Status = part.Status(text)
	case f.Type == record.Time && isText:
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			c.Time = t
		} else {
			c.Text = text
		}
	case f.Type == record.Choice && isText:
		c.Text = part.Sentence(text)
	case f.Type == record.Ref && isText && f.Refers == "person" && strings.Contains(text, ":"): // a job, or a user who is nobody's
		c.Text = strings.TrimPrefix(text, "user:")
	case f.Type == record.Ref && isText && f.Refers != "":
		c.Text, c.Href, c.Person = text, pageOf(f.Refers, text), f.Refers == "person"
	case f.Type == record.Ref && f.List && f.Refers != "":
		var keys []string
		if json.Unmarshal(raw, &keys) == nil {
			c.Links, c.Kind = linksTo(f.Refers, keys), f.Refers
		}
	case f.Type == record.Date && isText:
		c.Text, c.Whole = text, true
	default:
		c.Text = part.Plain(x)
	}
	return c
}

// linksTo lead to records of one kind; a job, or a user who is nobody's, stands in the place of a person without a page.
func linksTo(kind string, keys []string) []part.Link {
	var out []part.Link
	for _, key := range keys {
		l := part.Link{Text: key, Href: pageOf(kind, key)}
		if kind == "person" && strings.Contains(key, ":") {
			l.Href = ""
		}
		out = append(out, l)
	}
	return out
}

// exports lead to the whole list of the filter, in open formats.
func exports(kind string, q record.Query) []part.Link {
	var out []part.Link
	if q.During != [2]store.Moment{} { // files of a kind have no times; the API has
		v := url.Values{"from": {q.During[0].String()}, "to": {q.During[1].String()}, "limit": {"1000"}, "count": {"true"}}
		if q.Where != "" {
			v.Set("where", q.Where)
		}
		if q.Source != "" {
			v.Set("source", q.Source)
		}
		return []part.Link{{Text: "JSON, a thousand a page", Href: "/api/v1/records/" + kind + "?" + v.Encode()}}
	}
	for _, f := range []struct{ name, text string }{{"csv", "CSV"}, {"xlsx", "Excel (XLSX)"}, {"json", "JSON"}, {"jsonl", "JSON lines"}} {
		v := url.Values{"format": {f.name}}
		if q.Where != "" {
			v.Set("where", q.Where)
		}
		if q.Source != "" {
			v.Set("source", q.Source)
		}
		out = append(out, part.Link{Text: f.text, Href: "/api/v1/export/" + kind + "?" + v.Encode()})
	}
	return out
}
