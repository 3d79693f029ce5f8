package check

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/store"
)

// Filter chooses results. Without From and To it is what holds at AsOf, as it was known then; with them, every interval in the
// window, as it is known now.
type Filter struct {
	Check     string
	Status    Status
	Kind, Key string
	Source    string
	AsOf      store.Moment // zero: now
	From, To  store.Moment
	Known     store.Moment // with From and To: as it was known then; zero: now
	After     string       // Page.Next of the page before
	Limit     int          // zero: 100
}

// Interval is a check's answer about one record over a time, with what is not covered unknown.
type Interval struct {
	Check     string       `json:"check"`
	Kind      string       `json:"kind"`
	Key       string       `json:"key"`
	Label     string       `json:"label"`
	Status    Status       `json:"status"`
	Reason    string       `json:"reason"`
	From      store.Moment `json:"from"`
	To        store.Moment `json:"to"`
	Source    string       `json:"source"`
	Scope     string       `json:"scope"`
	Judged    Status       `json:"judged"`    // the answer before coverage was put over it
	Known     store.Moment `json:"known"`     // when it was answered
	Corrected bool         `json:"corrected"` // it replaced another answer about the same time
	Series    int64        `json:"series"`
	Hash      string       `json:"hash"`    // of the check's logic and settings, hex
	Version   int64        `json:"version"` // the version judged
	Record    int64        `json:"record"`
	Others    []int64      `json:"others,omitempty"` // versions of other records it looked at
	Entry     int64        `json:"entry"`            // ledger entry of the batch it was written in

	lost bool // of a back-test: it is unknown because what it rests on was dropped by a rule
}

// Page is a part of the results, by check and record.
type Page struct {
	Results []Interval
	Next    string
	Partial bool // the scan budget ended before the page was full; Next goes on
}

type resultRow struct {
	answer
	Kind   string `db:"kind"`
	Key    string `db:"key"`
	Source string `db:"source"`
	Label  string `db:"label"`
	Scope  string `db:"scope"`
}

const resultBudget = 50_000 // rows a page may look at

// Results lists answers.
func (m *Monitor) Results(ctx context.Context, f Filter) (Page, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	if f.AsOf > store.At(m.Book.Log.Now()) {
		return Page{}, fault.New(fault.Invalid, "The moment %s has not come yet.", f.AsOf).WithNext("Ask for a time in the past, or leave it out for now.")
	}
	if (f.From != 0 || f.To != 0) && f.To <= f.From {
		return Page{}, fault.New(fault.Invalid, "The window ends at %s, before it begins at %s.", f.To, f.From)
	}
	if f.Status != "" && !slices.Contains(statusWords, string(f.Status)) {
		return Page{}, fault.New(fault.Invalid, "The status %q is none of %s.", f.Status, strings.Join(statusWords, ", "))
	}
	if f.Check != "" {
		if n, err := store.One[int64](ctx, m.Book.DB, "SELECT count(*) FROM series WHERE check_id = $1", f.Check); err != nil {
			return Page{}, err
		} else if n == 0 {
			if _, err := m.Set.Get(f.Check); err != nil {
				return Page{}, err
			}
			return Page{}, nil
		}
	}
	var page Page
	err := m.Book.DB.Read(ctx, func(tx *store.Tx) (err error) {
		cover, err := m.cover(ctx, tx)
		if err != nil {
			return err
		}
		l := &listing{m: m, f: f, q: tx, cover: cover}
		if f.Status == NotApplicable && f.To == 0 {
			page, err = l.notApplicable(ctx)
		} else {
			page, err = l.list(ctx)
		}
		return err
	})
	return page, err
}

// listing is one reading of results.
type listing struct {
	m      *Monitor
	f      Filter
	q      store.Q
	cover  *cover
	series []Series
}

// concerns says whether a series may hold answers about the kind asked for; a check whose logic is another by now may.
func (l *listing) concerns(s Series) bool {
	c, err := l.m.Set.Get(s.Check)
	if l.f.Kind == "" || err != nil || string(c.Hash[:]) != string(s.Hash) {
		return true
	}
	for _, k := range l.m.Words.Kinds(c.For) {
		if k.Name == l.f.Kind {
			return true
		}
	}
	return false
}

// inUse are the series that speak at the moment or in the window.
func (l *listing) inUse(ctx context.Context) error {
	where, args := "ended = $1", []any{store.Forever}
	switch {
	case l.f.To != 0:
		where, args = "started < $1 AND ended > $2", []any{l.f.To, l.f.From}
	case l.f.AsOf != 0:
		where, args = "started <= $1 AND ended > $1", []any{l.f.AsOf}
	}
	if l.f.Check != "" {
		args = append(args, l.f.Check)
		where += fmt.Sprintf(" AND check_id = $%d", len(args))
	}
	var err error
	l.series, err = store.All[Series](ctx, l.q, "SELECT "+seriesColumns+" FROM series WHERE "+where+" ORDER BY check_id, started, id", args...)
	return err
}

// mark is the place in the list: a series and the record in it.
type mark struct{ series, record int64 }

func parseMark(s string) (mk mark, err error) {
	if s == "" {
		return mk, nil
	}
	if n, err := fmt.Sscanf(s, "%d-%d", &mk.series, &mk.record); n != 2 || err != nil {
		return mk, fault.New(fault.Invalid, "The page mark %q is not one of ours.", s).WithNext("Start the list again from its first page.")
	}
	return mk, nil
}

func (l *listing) list(ctx context.Context) (Page, error) {
	var page Page
	from, err := parseMark(l.f.After)
	if err != nil {
		return page, err
	}
	if err := l.inUse(ctx); err != nil {
		return page, err
	}
	records, err := l.records(ctx)
	if err != nil || records != nil && len(records) == 0 {
		return page, err
	}
	scanned := 0
	skip := from.series != 0
	for _, s := range l.series {
		if skip && s.ID != from.series || !l.concerns(s) {
			continue
		}
		after := int64(0)
		if skip {
			after, skip = from.record, false
		}
		for {
			rows, err := l.rows(ctx, s, after, records, l.batch())
			if err != nil {
				return page, fmt.Errorf("read the results of %s: %w", s.Check, err)
			}
			scanned += len(rows)
			whole := len(rows) < l.batch()
			if !whole {
				if rows, err = l.wholeRecords(ctx, s, rows); err != nil {
					return page, err
				}
			}
			for i, r := range rows {
				if i > 0 && rows[i-1].Record != r.Record || i == 0 {
					if len(page.Results) >= l.f.Limit {
						page.Next = fmt.Sprintf("%d-%d", s.ID, after)
						return page, nil
					}
				}
				page.Results = append(page.Results, l.intervals(s, r)...)
				after = r.Record
			}
			if whole {
				break
			}
			if scanned >= resultBudget {
				page.Partial, page.Next = true, fmt.Sprintf("%d-%d", s.ID, after)
				return page, nil
			}
		}
	}
	return page, nil
}

// batch is how many rows are read at a time.
func (l *listing) batch() int {
	if l.f.Status == Unknown {
		return 1000 // most rows may be none
	}
	return min(max(2*l.f.Limit, 50), 1000)
}

// wholeRecords drops the last record's rows, of which more may follow; if it is the only one, it reads all of them.
func (l *listing) wholeRecords(ctx context.Context, s Series, rows []resultRow) ([]resultRow, error) {
	last := rows[len(rows)-1].Record
	i := slices.IndexFunc(rows, func(r resultRow) bool { return r.Record == last })
	if i > 0 {
		return rows[:i], nil
	}
	return l.rows(ctx, s, last-1, []int64{last}, 1_000_000)
}

// records are the record numbers of Kind and Key; nil when the filter names no key.
func (l *listing) records(ctx context.Context) ([]int64, error) {
	if l.f.Key == "" {
		return nil, nil
	}
	query, args := "SELECT r.id FROM record r JOIN kind k ON k.id = r.kind WHERE r.key = $1", []any{l.f.Key}
	if l.f.Kind != "" {
		query += " AND k.name = $2"
		args = append(args, l.f.Kind)
	}
	ids, err := store.All[int64](ctx, l.q, query, args...)
	if ids == nil {
		ids = []int64{}
	}
	return ids, err
}

func (l *listing) rows(ctx context.Context, s Series, after int64, records []int64, limit int) ([]resultRow, error) {
	args := []any{s.ID, after}
	arg := func(v any) string { args = append(args, v); return fmt.Sprintf("$%d", len(args)) }
	where, order := "a.series = $1 AND a.record > $2", "a.record, a.valid_from"
	switch {
	case l.f.To != 0:
		known := store.Forever
		if l.f.Known != 0 {
			known = l.f.Known
		}
		where += " AND a.superseded >= " + arg(min(known, store.Forever-1)+1) + " AND a.known <= " + arg(known) + " AND a.valid_from < " + arg(l.f.To) + " AND a.valid_to > " + arg(l.f.From) + " AND a.status > 0"
	case l.f.AsOf != 0:
		where += " AND " + stood(arg(l.f.AsOf)) + " AND a.status > 0"
	default:
		where += " AND a.valid_to = " + arg(store.Forever) + " AND a.superseded = " + arg(store.Forever)
		order = "a.record"
		switch l.f.Status {
		case Pass, Fail:
			where += " AND a.status = " + arg(codes[l.f.Status])
		default:
			where += " AND a.status IN (1, 2, 3)"
		}
	}
	if records != nil {
		marks := make([]string, len(records))
		for i, r := range records {
			marks[i] = arg(r)
		}
		where += " AND a.record IN (" + strings.Join(marks, ", ") + ")"
	}
	if l.f.Source != "" {
		where += " AND rc.source = " + arg(l.f.Source)
	}
	if l.f.Kind != "" && records == nil {
		where += " AND k.name = " + arg(l.f.Kind)
	}
	return store.All[resultRow](ctx, l.q, `SELECT a.id, a.series, a.record, a.status, a.reason, a.valid_from, a.valid_to, a.known, a.superseded, a.version, a.basis, a.entry,
		k.name AS kind, rc.key, rc.source, v.label, v.scope FROM result a JOIN record rc ON rc.id = a.record JOIN kind k ON k.id = rc.kind JOIN version v ON v.id = a.version
		WHERE `+where+" ORDER BY "+order+" LIMIT "+fmt.Sprint(limit), args...)
}

// stood is the SQL of the answers that stood at a moment, as it was known then: an end that was found out later was not yet
// there. When an end became known is kept since it is; of older rows it counts from when it was.
func stood(t string) string {
	return "a.known <= " + t + " AND a.superseded > " + t + " AND a.valid_to > CASE WHEN a.ended > " + t + " THEN 0 ELSE " + t + " END"
}

// intervals puts coverage over a row: at a moment one interval, in a window one for each stretch.
func (l *listing) intervals(s Series, r resultRow) []Interval {
	b := parseBasis(r.Basis)
	i := Interval{Check: s.Check, Kind: r.Kind, Key: r.Key, Label: r.Label, Source: r.Source, Scope: r.Scope, Status: statusOf[r.Status], Judged: statusOf[r.Status],
		Reason: r.Reason, From: max(r.From, 0), To: min(r.To, s.Ended), Known: r.Known, Corrected: b.Corrects != 0, Series: s.ID, Hash: hex.EncodeToString(s.Hash), Version: r.Version,
		Record: r.Record, Others: b.Versions, Entry: r.Entry}
	check, broken := l.m.checkOf(s), l.m.unanswered(s)
	if l.f.To == 0 {
		t := l.f.AsOf
		if t == 0 {
			t = store.At(l.m.Book.Log.Now())
		} else if i.To <= t {
			i.To = store.Forever // as was known then
		}
		if status, reason, known := l.m.under(l.cover, check, r.Status, r.Reason, r.Kind, r.Source, r.Scope, b, t); len(broken) > 0 && t >= broken[0].From {
			i.Status, i.Reason, i.From = Unknown, broken[0].Reason, max(i.From, broken[0].From)
		} else if !known {
			i.Status, i.Reason = status, reason
			if whole := l.m.gapAround(l.cover, check, r.Kind, r.Source, r.Scope, b, t); whole != nil {
				i.From = max(max(r.From, 0), whole.From)
			}
		}
		if l.f.Status != "" && i.Status != l.f.Status {
			return nil
		}
		return []Interval{i}
	}
	from, to := max(r.From, l.f.From), min(min(r.To, s.Ended), l.f.To)
	if from >= to {
		return nil
	}
	var out []Interval
	for _, piece := range cut(append(l.m.gapsOver(l.cover, check, r.Status, r.Kind, r.Source, r.Scope, b, from, to), broken...), from, to) {
		p := i
		p.From, p.To = piece.From, piece.To
		if piece.From == from {
			p.From = i.From
		}
		if piece.To == to {
			p.To = i.To
		}
		if piece.Reason != "" {
			p.Status, p.Reason = Unknown, piece.Reason
		}
		if l.f.Status == "" || p.Status == l.f.Status {
			out = append(out, p)
		}
	}
	return out
}

// gapsOver are the gaps that make a stored answer unknown: of the record itself, and of what it looked up, save that a failure
// which was found stands.
func (m *Monitor) gapsOver(c *cover, check *Check, status int64, kind, source, scope string, b basis, from, to store.Moment) []Gap {
	if status == codes[Unknown] {
		return nil
	}
	gaps := c.subject(check, kind, source, scope, from, to)
	for _, j := range b.Joins {
		if status == codes[Pass] || j.Needed {
			gaps = append(gaps, c.looked(check, j.Name, from, to)...)
		}
	}
	return gaps
}

// under is a stored answer with coverage over it at a moment; known says that it stands.
func (m *Monitor) under(c *cover, check *Check, status int64, reason, kind, source, scope string, b basis, t store.Moment) (s Status, why string, known bool) {
	gaps := m.gapsOver(c, check, status, kind, source, scope, b, t, t+1)
	if len(gaps) == 0 {
		return statusOf[status], reason, true
	}
	return Unknown, gaps[0].Reason, false
}

// gapAround finds where the gap at t began.
func (m *Monitor) gapAround(c *cover, check *Check, kind, source, scope string, b basis, t store.Moment) *Gap {
	for _, g := range m.gapsOver(c, check, codes[Pass], kind, source, scope, b, 0, t+1) {
		if g.From <= t && t < g.To {
			return &g
		}
	}
	return nil
}

// piece is a stretch of an interval; Reason says why it is unknown, and is empty where the answer stands.
type piece struct {
	From, To store.Moment
	Reason   string
}

// cut splits [from, to) at the gaps; overlapping gaps keep the reason of the one that began first.
func cut(gaps []Gap, from, to store.Moment) []piece {
	slices.SortStableFunc(gaps, func(a, b Gap) int {
		switch {
		case a.From < b.From:
			return -1
		case a.From > b.From:
			return 1
		}
		return 0
	})
	var out []piece
	at := from
	for _, g := range gaps {
		start, end := max(g.From, at), min(g.To, to)
		if start >= end {
			continue
		}
		if start > at {
			out = append(out, piece{From: at, To: start})
		}
		if n := len(out); n > 0 && out[n-1].To == start && out[n-1].Reason == g.Reason {
			out[n-1].To = end
		} else {
			out = append(out, piece{start, end, g.Reason})
		}
		at = end
	}
	if at < to {
		out = append(out, piece{From: at, To: to})
	}
	return out
}

// notApplicable lists the records that a check has no answer about, which is derived and not stored.
func (l *listing) notApplicable(ctx context.Context) (Page, error) {
	var page Page
	if l.f.Check == "" {
		return page, fault.New(fault.Invalid, "What is not applicable is listed for one check.").WithNext("Name the check.")
	}
	from, err := parseMark(l.f.After)
	if err != nil {
		return page, err
	}
	if err := l.inUse(ctx); err != nil || len(l.series) == 0 {
		return page, err
	}
	s := l.series[len(l.series)-1]
	var names []any
	for _, k := range l.m.Words.Kinds(l.m.checkOf(s).For) {
		if l.f.Kind == "" || l.f.Kind == k.Name {
			names = append(names, k.Name)
		}
	}
	if len(names) == 0 {
		return page, nil
	}
	args := []any{s.ID, from.record, store.Forever}
	held, answered := "v.valid_to = $3", "a.valid_to = $3 AND a.superseded = $3"
	if l.f.AsOf != 0 {
		args[2] = l.f.AsOf
		held, answered = "v.valid_from <= $3 AND v.valid_to > $3", stood("$3")
	}
	where := held + " AND v.record > $2 AND k.name IN (" + store.Marks(4, len(names)) + ")"
	args = append(args, names...)
	if l.f.Key != "" {
		args = append(args, l.f.Key)
		where += fmt.Sprintf(" AND rc.key = $%d", len(args))
	}
	args = append(args, s.Upto)
	where += fmt.Sprintf(" AND v.id <= $%d", len(args))
	type row struct {
		Record int64        `db:"record"`
		ID     int64        `db:"id"`
		Kind   string       `db:"kind"`
		Key    string       `db:"key"`
		Source string       `db:"source"`
		Label  string       `db:"label"`
		Scope  string       `db:"scope"`
		From   store.Moment `db:"valid_from"`
	}
	rows, err := store.All[row](ctx, l.q, `SELECT v.record, v.id, k.name AS kind, rc.key, rc.source, v.label, v.scope, v.valid_from FROM version v JOIN record rc ON rc.id = v.record JOIN kind k ON k.id = v.kind
		WHERE `+where+" AND NOT EXISTS (SELECT 1 FROM result a WHERE a.series = $1 AND a.record = v.record AND a.status > 0 AND "+answered+`)
		ORDER BY v.record LIMIT `+fmt.Sprint(l.f.Limit+1), args...)
	if err != nil {
		return page, fmt.Errorf("list what %s does not apply to: %w", s.Check, err)
	}
	for i, r := range rows {
		if i == l.f.Limit {
			page.Next = fmt.Sprintf("%d-%d", s.ID, rows[i-1].Record)
			break
		}
		page.Results = append(page.Results, Interval{Check: s.Check, Kind: r.Kind, Key: r.Key, Label: r.Label, Source: r.Source, Scope: r.Scope, Status: NotApplicable, Judged: NotApplicable,
			From: max(r.From, s.Started), To: store.Forever, Series: s.ID, Hash: hex.EncodeToString(s.Hash), Version: r.ID, Record: r.Record})
	}
	return page, nil
}
