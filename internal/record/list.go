package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/store"
)

// plan is how a list is read: one index walked in order, other conditions probed in the index, the rest asked of bodies.
type plan struct {
	ki     *kindInfo
	at     store.Moment
	clock  time.Time
	desc   bool
	field  int64  // the index walked
	sorted bool   // walk values of the field (a sort), not one value in default order
	value  string // the one value
	low    string // bounds of the values walked, when sorted
	high   string
	probes []probe  // equalities, asked of the index for each record walked
	ranges []probe  // ranges that no walk serves; part of rest too
	narrow *probe   // a condition worth fetching whole and sorting in memory
	part   string   // of the values walked, when sorted: see probe
	labels []string // parts of the label in lower case, which the order in the index tells of; part of rest too
	told   bool     // nothing else is asked but equalities, and the order says for sure which labels have the parts
	asked  certainty
	rest   *expr.Program
	whole  bool // every condition is in probes or ranges
	sortBy Field
	source string
}

// certainty is which labels a walk is after: those that may have the parts, those that surely do, or the others of them.
type certainty int

const (
	perhaps certainty = iota
	surely
	doubtfully
)

// probe is a condition on one index: any of the values, or a range of them, perhaps of those in which a text may be.
type probe struct {
	field    int64
	values   []string
	low, top string // low <= value < top, when values is nil
	part     string // in lower case
}

func (b *Book) plan(ctx context.Context, q Query) (*plan, error) {
	p, err := b.planned(q)
	if err != nil {
		return nil, err
	}
	mine, limited, err := b.visible(ctx, p.ki)
	if limited {
		p.probes = append(p.probes, mine)
	}
	return p, err
}

func (b *Book) planned(q Query) (*plan, error) {
	ki, err := b.readable(q.Kind, q.Room)
	if err != nil {
		return nil, err
	}
	if err := b.past(q.AsOf); err != nil {
		return nil, err
	}
	p := &plan{ki: ki, at: q.AsOf, field: ki.fields[indexAll], source: q.Source, clock: b.Log.Now(), desc: ki.Occurred != "" && q.Sort == ""}
	if q.AsOf != 0 {
		p.clock = q.AsOf.Time()
	}
	if name := strings.TrimPrefix(q.Sort, "-"); name != "" {
		f, ok := ki.FieldNamed(name)
		if !ok || !f.Indexed || f.List {
			return nil, fault.New(fault.Invalid, "%s cannot be sorted by %q.", ki.Plural, name).WithNext("Sort by one of %s.", strings.Join(ki.Sortable(), ", "))
		}
		p.sorted, p.field, p.desc, p.sortBy = true, ki.fields[name], q.Sort[0] == '-', f
	}
	if q.Where == "" {
		return p, nil
	}
	program, err := b.program(ki, q.Where)
	if err != nil {
		return nil, err
	}
	list, all := program.Conjuncts()
	p.told = all
	for _, c := range list {
		f, ok := ki.FieldNamed(c.Field)
		if part := partOf(c); part != "" && ok && ki.labelled(f) {
			all = false
			p.labels = append(p.labels, part)
			p.told = p.told && f.Required && c.Op == "folded" && part == c.Values[0] && strings.IndexFunc(part, unicode.IsSpace) < 0
			continue
		}
		pr, usable := probe{}, false
		if ok && f.Indexed {
			pr, usable = probeOf(ki, f, c)
		}
		if !usable {
			all, p.told = false, false
			continue
		}
		all = all && pr.part == ""
		if pr.values == nil {
			p.ranges = append(p.ranges, pr)
		} else {
			p.probes = append(p.probes, pr)
		}
	}
	p.told = p.told && len(p.labels) > 0 && len(p.ranges) == 0
	p.choose()
	if !all || len(p.ranges) > 0 {
		p.rest = program
	}
	p.whole = all
	return p, nil
}

// Sortable are the names that Query.Sort takes.
func (k *Kind) Sortable() []string {
	var out []string
	for _, f := range k.Fields {
		if f.Indexed && !f.List {
			out = append(out, f.Name)
		}
	}
	return out
}

func probeOf(ki *kindInfo, f Field, c expr.Conjunct) (probe, bool) {
	p := probe{field: ki.fields[f.Name]}
	enc := func(v any) string { return indexValue(f, v) }
	switch {
	case c.Op == "==" && !f.List, c.Op == "in" && !f.List, c.Op == "contains" && f.List:
		for _, v := range c.Values {
			p.values = append(p.values, enc(v))
		}
		return p, len(p.values) > 0
	case c.Op == "prefix" && !f.List:
		s, ok := c.Values[0].(string)
		if !ok || len(s) > maxValue-20 || f.Type == Time {
			return p, false
		}
		p.low, p.top = "s"+s, "s"+s+"\U0010FFFF"
		return p, true
	}
	if part := partOf(c); part != "" && !f.List && f.textual() {
		p.low, p.top, p.part = "s", "t", part
		return p, true
	}
	if f.List || f.Type != Time && f.Type != Integer && f.Type != Number {
		return p, false
	}
	v := enc(c.Values[0])
	if v == absent {
		return p, false
	}
	first, last := v[:1], v[:1]+"~"
	switch c.Op {
	case "<":
		p.low, p.top = first, v
	case "<=":
		p.low, p.top = first, v+"!"
	case ">":
		p.low, p.top = v+"!", last
	case ">=":
		p.low, p.top = v, last
	default:
		return p, false
	}
	return p, true
}

// partOf is the text that a condition looks for within another, in lower case; empty where the index cannot help with it.
func partOf(c expr.Conjunct) string {
	if c.Op != "within" && c.Op != "folded" {
		return ""
	}
	s, _ := c.Values[0].(string)
	if s = strings.ToLower(s); len(s) > maxPart || !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\uFFFD") {
		return ""
	}
	return s
}

const maxPart = 100 // bytes

// labelled reports whether a field is the label of every record of the kind, so that the order in the index begins with it.
func (ki *kindInfo) labelled(f Field) bool {
	return f.Name == ki.Label && f.textual() && !f.List && !ki.Collected && ki.Occurred == ""
}

// textual reports whether the index has the field's own text.
func (f Field) textual() bool {
	return f.Type != Time && f.Type != Integer && f.Type != Number && f.Type != Bool && f.Type != JSON && f.Type != Object
}

func pattern(part string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(part) + "%"
}

// like is the SQL that a text may have a part, given in lower case. The databases fold only ASCII, and a text that was cut off
// does not say what else was in it: both are let through, to be looked at.
func like(column, part string, whole int, arg func(any) string) string {
	p := arg(pattern(part))
	return fmt.Sprintf(`(lower(%[1]s) LIKE %[2]s ESCAPE '\' OR octet_length(%[1]s) <> length(%[1]s) OR octet_length(%[1]s) > %[3]d)`, column, p, whole)
}

// The bytes up to which a text is surely whole: in the order of the index, as a value of it, and as a label.
const (
	wholeOrder = maxOrder - 3
	wholeValue = maxValue - 20
	wholeLabel = maxLabel - 20
)

// choose picks the index to walk: a single equal value keeps the default order for free; a condition on the sort field
// bounds the walk; another condition may be narrow enough to fetch whole.
func (p *plan) choose() {
	for i, pr := range p.ranges {
		if p.sorted && pr.field == p.field {
			p.low, p.high, p.part = pr.low, pr.top, pr.part
			p.ranges = slices.Delete(p.ranges, i, i+1)
			break
		}
	}
	for i, pr := range p.probes {
		if p.sorted && pr.field == p.field && len(pr.values) == 1 && p.high == "" {
			p.low, p.high = pr.values[0], pr.values[0]+"\x01"
			p.probes = slices.Delete(p.probes, i, i+1)
			break
		}
		if !p.sorted && len(pr.values) == 1 {
			p.field, p.value = pr.field, pr.values[0]
			p.probes = slices.Delete(p.probes, i, i+1)
			break
		}
	}
	switch {
	case len(p.probes) > 0:
		p.narrow = &p.probes[0]
	case len(p.ranges) > 0:
		p.narrow = &p.ranges[0]
	}
}

// List answers a query one page at a time.
func (b *Book) List(ctx context.Context, q Query) (Page, error) {
	q.Limit = cmp.Or(q.Limit, 50)
	var page Page
	err := b.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if q.During != [2]store.Moment{} {
			page, err = b.during(ctx, tx, q)
		} else {
			page, err = b.list(ctx, tx, q)
		}
		if err == nil && q.Latest {
			err = b.latest(ctx, tx, page.Versions)
		}
		return err
	})
	return page, err
}

func (b *Book) list(ctx context.Context, tx *store.Tx, q Query) (Page, error) {
	p, err := b.plan(ctx, q)
	if err != nil {
		return Page{}, err
	}
	from, err := parsePosition(q.After)
	if err != nil {
		return Page{}, err
	}
	if p.narrow != nil {
		page, done, err := b.listNarrow(ctx, tx, p, q, from)
		if done || err != nil {
			return page, err
		}
	}
	return b.listWalk(ctx, tx, p, q, from)
}

type walked struct {
	Value  string `db:"value"`
	Order  string `db:"ord"`
	Record int64  `db:"record"`
}

// sql builds the walk from a position; count leaves the order out.
func (p *plan) sql(from position, started bool, limit int, count bool) (string, []any) {
	var args []any
	arg := func(v any) string { args = append(args, v); return fmt.Sprintf("$%d", len(args)) }
	var w strings.Builder
	if count {
		w.WriteString("SELECT count(*) FROM (SELECT 1 AS one FROM value d WHERE d.field = ")
	} else {
		w.WriteString("SELECT d.value, d.ord, d.record FROM value d WHERE d.field = ")
	}
	w.WriteString(arg(p.field))
	if p.at == 0 {
		w.WriteString(" AND d.valid_to = " + arg(store.Forever))
	} else {
		at := arg(p.at)
		w.WriteString(" AND d.valid_from <= " + at + " AND d.valid_to > " + at)
	}
	cols := "d.ord, d.record"
	if p.sorted {
		cols = "d.value, d.ord, d.record"
		if p.high != "" {
			w.WriteString(" AND d.value >= " + arg(p.low) + " AND d.value < " + arg(p.high))
		}
	} else {
		w.WriteString(" AND d.value = " + arg(p.value))
	}
	if started {
		sign := " > "
		if p.desc {
			sign = " < "
		}
		if p.sorted {
			w.WriteString(" AND (" + cols + ")" + sign + "(" + arg(from.Value) + ", " + arg(from.Order) + ", " + arg(from.Record) + ")")
		} else {
			w.WriteString(" AND (" + cols + ")" + sign + "(" + arg(from.Order) + ", " + arg(from.Record) + ")")
		}
	}
	p.labelled(&w, arg)
	if p.part != "" {
		w.WriteString(" AND " + like("d.value", p.part, wholeValue, arg))
	}
	for _, pr := range p.probes {
		w.WriteString(" AND EXISTS (SELECT 1 FROM value e WHERE e.field = " + arg(pr.field) + " AND e.value IN (")
		for i, v := range pr.values {
			if i > 0 {
				w.WriteString(", ")
			}
			w.WriteString(arg(v))
		}
		w.WriteString(") AND e.ord = d.ord AND e.record = d.record")
		if p.at == 0 {
			w.WriteString(" AND e.valid_to = " + arg(store.Forever) + ")")
		} else {
			at := arg(p.at)
			w.WriteString(" AND e.valid_from <= " + at + " AND e.valid_to > " + at + ")")
		}
	}
	if count {
		w.WriteString(" LIMIT " + arg(limit) + ") AS found")
		return w.String(), args
	}
	order := cols
	if p.desc {
		order = strings.ReplaceAll(cols, ",", " DESC,") + " DESC"
	}
	w.WriteString(" ORDER BY " + order + " LIMIT " + arg(limit))
	return w.String(), args
}

// labelled adds which labels the walk is after. The order is the beginning of the label, in lower case and with single spaces;
// what it leaves open, the label tells.
func (p *plan) labelled(w *strings.Builder, arg func(any) string) {
	if len(p.labels) == 0 {
		return
	}
	var sure, perhaps []string
	for _, part := range p.labels {
		in := "substr(d.ord, 2) LIKE " + arg(pattern(strings.Join(strings.Fields(part), " "))) + ` ESCAPE '\'`
		if sure = append(sure, in); p.asked == surely {
			continue
		}
		held := "v.valid_to = "
		if p.at != 0 {
			held = "v.valid_from <= " + arg(p.at) + " AND v.valid_to > "
		}
		held += arg(cmp.Or(p.at, store.Forever))
		perhaps = append(perhaps, fmt.Sprintf("(%s OR octet_length(d.ord) > %d AND EXISTS (SELECT 1 FROM version v WHERE v.record = d.record AND %s AND %s))",
			in, wholeOrder, held, like("v.label", part, wholeLabel, arg)))
	}
	switch p.asked {
	case surely:
		w.WriteString(" AND " + strings.Join(sure, " AND "))
	case doubtfully:
		w.WriteString(" AND NOT (" + strings.Join(sure, " AND ") + ") AND " + strings.Join(perhaps, " AND "))
	default:
		w.WriteString(" AND " + strings.Join(perhaps, " AND "))
	}
}

func (b *Book) listWalk(ctx context.Context, tx *store.Tx, p *plan, q Query, from position) (Page, error) {
	var page Page
	started := q.After != ""
	var doc expr.Doc
	batch := q.Limit + 1
	for {
		sql, args := p.sql(from, started, batch, false)
		rows, err := store.All[walked](ctx, tx, sql, args...)
		if err != nil {
			return Page{}, fmt.Errorf("list %s: %w", p.ki.Plural, err)
		}
		ids := make([]int64, len(rows))
		for i, r := range rows {
			ids[i] = r.Record
		}
		found, err := b.Records(AsProgram(ctx), tx, ids, p.at)
		if err != nil {
			return Page{}, err
		}
		for _, r := range rows {
			v, ok := found[r.Record]
			if !ok {
				return Page{}, fmt.Errorf("list %s: the index names record %d, which has no version then", p.ki.Plural, r.Record)
			}
			if len(page.Versions) == q.Limit {
				page.Next = from.String()
				return page, nil
			}
			from, started = position{r.Value, r.Order, r.Record}, true
			if p.source != "" && v.Source != p.source {
				continue
			}
			if p.rest != nil && v.Dropped != nil {
				page.Untold++
				continue
			}
			if p.rest != nil {
				page.Scanned++
				ok, err := matches(p.rest, &doc, v.Body, p.clock)
				if err != nil {
					return Page{}, err
				}
				if !ok {
					continue
				}
			}
			page.Versions = append(page.Versions, v)
		}
		if len(rows) < batch {
			return page, nil
		}
		if page.Scanned >= cmp.Or(q.budget, scanBudget) {
			page.Partial, page.Next = true, from.String()
			return page, nil
		}
		if p.rest != nil {
			batch = 500
		}
	}
}

// listNarrow fetches the records of the narrowest condition when they are few, and sorts them in memory.
func (b *Book) listNarrow(ctx context.Context, tx *store.Tx, p *plan, q Query, from position) (Page, bool, error) {
	one := plan{ki: p.ki, at: p.at, field: p.narrow.field, part: p.narrow.part, labels: p.labels}
	var rows []walked
	for _, r := range p.narrow.spans() {
		one.sorted, one.low, one.high = true, r[0], r[1]
		sql, args := one.sql(position{}, false, narrowLimit+1-len(rows), false)
		part, err := store.All[walked](ctx, tx, sql, args...)
		if err != nil {
			return Page{}, false, err
		}
		if rows = append(rows, part...); len(rows) > narrowLimit {
			return Page{}, false, nil
		}
	}
	ids := make([]int64, len(rows))
	order := map[int64]string{}
	for i, r := range rows {
		ids[i], order[r.Record] = r.Record, r.Order
	}
	found, err := b.Records(AsProgram(ctx), tx, ids, p.at)
	if err != nil {
		return Page{}, false, err
	}
	whole, err := b.program(p.ki, q.Where)
	if err != nil {
		return Page{}, false, err
	}
	var doc expr.Doc
	var page Page
	type placed struct {
		position
		v Version
	}
	var list []placed
	for _, v := range found {
		if ok, err := b.sees(ctx, tx, v); err != nil || !ok {
			if err != nil {
				return Page{}, false, err
			}
			continue
		}
		if v.Dropped != nil { // the index still tells what it can of it
			return Page{}, false, nil
		}
		page.Scanned++
		ok, err := matches(whole, &doc, v.Body, p.clock)
		if err != nil {
			return Page{}, false, err
		}
		if !ok || p.source != "" && v.Source != p.source {
			continue
		}
		at := position{p.value, order[v.Record], v.Record}
		if p.sorted {
			m, err := decode(v.Body)
			if err != nil {
				return Page{}, false, err
			}
			at.Value = indexValue(p.sortBy, m[p.sortBy.Name])
		}
		list = append(list, placed{at, v})
	}
	compare := func(x, y position) int {
		c := cmp.Or(strings.Compare(x.Value, y.Value), strings.Compare(x.Order, y.Order), cmp.Compare(x.Record, y.Record))
		if p.desc {
			return -c
		}
		return c
	}
	slices.SortFunc(list, func(x, y placed) int { return compare(x.position, y.position) })
	for i, e := range list {
		if q.After != "" && compare(e.position, from) <= 0 {
			continue
		}
		if len(page.Versions) == q.Limit {
			page.Next = list[i-1].position.String()
			break
		}
		page.Versions = append(page.Versions, e.v)
	}
	return page, true, nil
}

// spans are the value ranges of a probe; an equal value is a range of one.
func (p probe) spans() [][2]string {
	if p.values == nil {
		return [][2]string{{p.low, p.top}}
	}
	out := make([][2]string, 0, len(p.values))
	for _, v := range p.values {
		out = append(out, [2]string{v, v + "\x01"})
	}
	return out
}

// Count counts what a query would list.
func (b *Book) Count(ctx context.Context, q Query) (c Count, err error) {
	q.Sort, q.After = "", ""
	if q.During != [2]store.Moment{} && q.Where == "" && q.Source == "" && !b.limited(ctx, q.Kind) {
		return b.countDuring(ctx, q)
	}
	if q.During != [2]store.Moment{} || q.Source != "" {
		return b.countByListing(ctx, q)
	}
	p, err := b.plan(ctx, q)
	if err != nil {
		return c, err
	}
	if p.whole && len(p.ranges) == 1 && p.value == absent && p.field == p.ki.fields[indexAll] {
		p.sorted, p.field, p.low, p.high, p.rest = true, p.ranges[0].field, p.ranges[0].low, p.ranges[0].top, nil
	}
	if p.told {
		return b.countTold(ctx, p)
	}
	if p.rest != nil {
		return b.countByListing(ctx, q)
	}
	if p.at == 0 && !p.sorted && len(p.probes) == 0 && p.ki.tallied[p.field] {
		n, err := store.All[int64](ctx, b.DB, "SELECT n FROM tally WHERE field = $1 AND value = $2", p.field, p.value)
		if err != nil || len(n) == 0 {
			return Count{0, err == nil}, err
		}
		return Count{n[0], true}, nil
	}
	sql, args := p.sql(position{}, false, countLimit+1, true)
	n, err := store.One[int64](ctx, b.DB, sql, args...)
	return Count{min(n, countLimit), n <= countLimit}, err
}

// countTold counts what the order in the index says for sure, and looks at the records of which it does not.
func (b *Book) countTold(ctx context.Context, p *plan) (c Count, err error) {
	err = b.DB.Read(ctx, func(tx *store.Tx) error {
		p.asked = surely
		sql, args := p.sql(position{}, false, countLimit+1, true)
		if c.N, err = store.One[int64](ctx, tx, sql, args...); err != nil || c.N > countLimit {
			c.N = min(c.N, countLimit)
			return err
		}
		p.asked = doubtfully
		sql, args = p.sql(position{}, false, restLimit+1, false)
		rows, err := store.All[walked](ctx, tx, sql, args...)
		if err != nil {
			return err
		}
		ids := make([]int64, len(rows))
		for i, r := range rows {
			ids[i] = r.Record
		}
		found, err := b.Records(AsProgram(ctx), tx, ids[:min(restLimit, len(ids))], p.at)
		if err != nil {
			return err
		}
		var doc expr.Doc
		for _, v := range found {
			ok, err := matches(p.rest, &doc, v.Body, p.clock)
			if err != nil {
				return err
			}
			if ok {
				c.N++
			}
		}
		c.Exact = len(rows) <= restLimit
		return nil
	})
	return c, err
}

func (b *Book) countByListing(ctx context.Context, q Query) (c Count, err error) {
	q.Limit, q.budget = restLimit, restLimit
	scanned, untold := 0, 0
	for {
		page, err := b.List(ctx, q)
		if err != nil {
			return c, err
		}
		untold += page.Untold
		c.N += int64(len(page.Versions))
		scanned += max(page.Scanned, len(page.Versions))
		if page.Next == "" {
			return Count{c.N, untold == 0}, nil
		}
		if scanned >= restLimit {
			return c, nil
		}
		q.After = page.Next
	}
}
