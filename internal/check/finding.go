package check

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// findingKind is the record kind of findings; its package stands after this one.
const findingKind = "finding"

// DueDays is by when a failure is to be fixed, by severity, in days from when its finding opens: what the organisation's
// record says under due_days, and otherwise 7, 30, 90 and 180. A new rule moves no date that stands.
func DueDays(organisation []byte) map[string]int {
	days := map[string]int{"critical": 7, "high": 30, "medium": 90, "low": 180}
	var o struct {
		Days map[string]int `json:"due_days"`
	}
	if len(organisation) > 0 && json.Unmarshal(organisation, &o) == nil {
		for severity, n := range o.Days {
			if _, ok := days[severity]; ok && n > 0 {
				days[severity] = n
			}
		}
	}
	return days
}

// dueDays are the organisation's own, if it says them.
func (m *Monitor) dueDays(ctx context.Context) (map[string]int, error) {
	if _, err := m.Book.Kinds.Named("organisation"); err != nil {
		return DueDays(nil), nil
	}
	var body []byte
	err := m.Book.EachOpen(ctx, m.Book.DB, "organisation", func(v record.Version) error {
		body = v.Body
		return nil
	})
	return DueDays(body), err
}

// maxItems is how many failing records a finding lists; the results have them all.
var maxItems = 200

// item is a time in which a record failed.
type item struct {
	Kind    string `json:"kind"`
	Key     string `json:"key"`
	Label   string `json:"label,omitempty"`
	Reason  string `json:"reason,omitempty"`
	From    string `json:"from"`
	To      string `json:"to,omitempty"`
	EndedAs string `json:"ended_as,omitempty"`
}

// findings opens, continues and marks as fixed the findings of the checks whose answers changed: one a check and connection.
func (m *Monitor) findings(ctx context.Context, r *round) error {
	if _, err := m.Book.Kinds.Named(findingKind); err != nil {
		return nil
	}
	tallies, err := m.tallies(ctx, m.Book.DB, 0)
	if err != nil {
		return err
	}
	for _, u := range r.units {
		t := r.known.checks[u.ID]
		if r.touched[u.ID] || u.fresh {
			delete(r.known.checks, u.ID)
			if u.Title == "" { // a check that was taken away opens none
				continue
			}
			done, queued := false, len(r.lists)
			if t != nil {
				done, err = m.follow(ctx, r, u, t, tallies[[2]int64{u.series.ID, codes[Fail]}])
			}
			if err == nil && !done {
				r.lists = r.lists[:queued]
				t, err = m.findingsOf(ctx, r, u.Check, r.brief[u.ID])
			}
			if err != nil {
				return fmt.Errorf("keep the findings of %s: %w", u.ID, err)
			}
		}
		if t != nil && (r.touched[u.ID] || u.fresh || t.series.ID == u.series.ID && t.series.Upto == u.series.Upto && t.series.Evaluated == u.series.Evaluated) {
			t.series.ID, t.series.Upto, t.series.Evaluated = u.series.ID, r.upto, r.last
			r.known.checks[u.ID] = t
		}
	}
	if err := m.relist(ctx, r.lists); err != nil {
		return err
	}
	for _, t := range r.known.checks {
		for _, l := range t.lists {
			t.findings[l.finding.version.Record] = l.finding.version.ID
		}
	}
	return nil
}

// relisting is a finding that is to list other items, and nothing else of it changes.
type relisting struct {
	finding     *findingBody // gets the version
	items       []item
	description string
	body        map[string]any // as it is to be
	from        store.Moment   // of the version that the body was read of
}

// relist writes what findings list by now, all in one transaction. Where somebody wrote one of them meanwhile, each is read again
// and written by itself, so that nothing of theirs is lost and none hinders the others.
func (m *Monitor) relist(ctx context.Context, lists []relisting) error {
	if len(lists) == 0 {
		return nil
	}
	changes := make([]record.Change, len(lists))
	for i, x := range lists {
		var err error
		if changes[i], err = x.change(); err != nil {
			return err
		}
	}
	written, err := m.Book.Put(ctx, checkJob, changes...)
	if err == nil {
		for i, x := range lists {
			x.finding.version, x.finding.version.Body = written[i], nil
		}
		return nil
	}
	var first error
	for _, x := range lists {
		if err := m.relistOne(ctx, x); err != nil && first == nil {
			first = fmt.Errorf("keep the finding %s: %w", x.finding.version.Key, err)
		}
	}
	return first
}

func (m *Monitor) relistOne(ctx context.Context, x relisting) error {
	v, err := m.Book.ByRecord(ctx, m.Book.DB, x.finding.version.Record, 0)
	if err != nil {
		return err
	}
	x.body, x.from = nil, v.From
	if err := json.Unmarshal(v.Body, &x.body); err != nil {
		return err
	}
	c, err := x.change()
	if err != nil {
		return err
	}
	written, err := m.Book.Put(ctx, checkJob, c)
	if err != nil {
		return err
	}
	now, err := readFinding(written[0])
	if err == nil {
		*x.finding = *now
		x.finding.body, x.finding.version.Body = nil, nil
	}
	return err
}

func (x relisting) change() (record.Change, error) {
	x.body["items"], x.body["description"] = x.items, x.description
	j, err := json.Marshal(x.body)
	return record.Change{Kind: findingKind, Key: x.finding.version.Key, Body: j, Reason: "The answers of the check changed.", If: &x.from}, err
}

// findingsOf keeps those of a check; brief are records that failed for a time that was over before anybody looked. It gives what
// the next evaluation may go on from, or nil.
func (m *Monitor) findingsOf(ctx context.Context, r *round, c *Check, brief []int64) (*tended, error) {
	known, err := m.Book.Find(ctx, m.Book.DB, findingKind, "check", c.ID, 0)
	if err != nil {
		return nil, err
	}
	type failing struct {
		Source string `db:"source"`
		N      int64  `db:"n"`
	}
	sources, err := store.All[failing](ctx, m.Book.DB, `SELECT rc.source, count(*) AS n FROM result a JOIN series s ON s.id = a.series JOIN record rc ON rc.id = a.record
		WHERE s.check_id = $1 AND s.ended = $2 AND a.status = 2 AND a.valid_to = $2 AND a.superseded = $2 GROUP BY rc.source ORDER BY rc.source`, c.ID, store.Forever)
	if err != nil {
		return nil, err
	}
	fails := map[string]int64{}
	for _, s := range sources {
		fails[s.Source] = s.N
	}
	past, err := m.sourcesOf(ctx, brief)
	if err != nil {
		return nil, err
	}
	for source := range past {
		fails[source] += 0
	}
	t := &tended{findings: map[int64]int64{}, fails: fails, lists: map[string]*list{}}
	scopes := map[string]*findingBody{}
	for _, v := range known {
		b, err := readFinding(v)
		if err != nil {
			return nil, err
		}
		if old := scopes[b.Scope]; old == nil || old.final() && (!b.final() || b.version.From > old.version.From) {
			scopes[b.Scope] = b
		}
		if _, ok := fails[b.Scope]; !ok {
			fails[b.Scope] = 0
		}
		t.findings[v.Record] = v.ID
	}
	names := make([]string, 0, len(fails))
	for s := range fails {
		names = append(names, s)
	}
	slices.Sort(names)
	whole := true
	for _, s := range names {
		f := scopes[s]
		if fails[s] == 0 && len(past[s]) == 0 && (f == nil || f.final()) {
			continue
		}
		var before []item
		if f != nil {
			before = f.Items
		}
		l, err := m.items(ctx, c, s, before, past[s], since(f))
		if err != nil {
			return nil, err
		}
		l.finding = f
		kept, err := m.keep(ctx, r, c, s, f, fails[s], past[s], l)
		if err != nil {
			return nil, err
		}
		if !kept {
			whole = false
			continue
		}
		t.lists[s] = l
		t.findings[l.finding.version.Record] = l.finding.version.ID
	}
	if !whole {
		return nil, nil
	}
	return t, nil
}

// sourcesOf are records by their source.
func (m *Monitor) sourcesOf(ctx context.Context, records []int64) (map[string][]int64, error) {
	type row struct {
		ID     int64  `db:"id"`
		Source string `db:"source"`
	}
	out := map[string][]int64{}
	for len(records) > 0 {
		n := min(len(records), 200)
		args := make([]any, n)
		for i, id := range records[:n] {
			args[i] = id
		}
		err := store.Each(ctx, m.Book.DB, func(r row) error { out[r.Source] = append(out[r.Source], r.ID); return nil },
			"SELECT id, source FROM record WHERE id IN ("+store.Marks(1, n)+") ORDER BY id", args...)
		if err != nil {
			return nil, err
		}
		records = records[n:]
	}
	return out, nil
}

// findingBody is a finding as it stands.
type findingBody struct {
	State     string `json:"state"`
	Scope     string `json:"scope"`
	FirstSeen string `json:"first_seen"`
	Items     []item `json:"items"`

	version record.Version
	body    map[string]any
}

func readFinding(v record.Version) (*findingBody, error) {
	b := &findingBody{version: v}
	if err := json.Unmarshal(v.Body, b); err != nil {
		return nil, fmt.Errorf("read the finding %s: %w", v.Key, err)
	}
	return b, json.Unmarshal(v.Body, &b.body)
}

func (f *findingBody) final() bool {
	return f.State == "closed" || f.State == "duplicate" || f.State == "false_positive"
}

var checkJob = record.Job("job:check")

// since is the moment from which failures count as those of a finding, which may be nil, or of the one that follows it.
func since(f *findingBody) store.Moment {
	switch {
	case f == nil:
		return 0
	case f.State == "closed":
		return f.version.From
	case f.final():
		// Somebody decided that these are no findings: only a record they did not see opens another.
		return 0
	}
	if t, err := time.Parse(time.RFC3339Nano, f.FirstSeen); err == nil {
		return store.At(t)
	}
	return 0
}

// keep brings the finding of a check and connection up to date. f is nil when there was none. It reports whether the list is
// what the finding lists by now, and nothing else was done to it: the next evaluation may go on from there.
func (m *Monitor) keep(ctx context.Context, r *round, c *Check, scope string, f *findingBody, fails int64, brief []int64, l *list) (bool, error) {
	items, read := l.items(), since(f)
	if f != nil && f.final() {
		if f.State != "closed" && !slices.ContainsFunc(items, func(i item) bool { return i.To == "" && !mentions(f.Items, i) }) {
			return false, nil
		}
		if len(brief) == 0 {
			items = slices.DeleteFunc(items, func(i item) bool { return i.To != "" })
		}
		f = nil
	}
	if f == nil && len(items) == 0 {
		return false, nil
	}
	if f == nil {
		v, err := m.openFinding(ctx, c, scope, items, fails)
		if err != nil {
			return false, err
		}
		if fails == 0 && proven(items) {
			return false, m.fixed(ctx, c, v.Key)
		}
		return read == 0, l.opened(v)
	}
	kept := true
	var err error
	ends := fails == 0 && (f.State == "open" || f.State == "assigned" || f.State == "in_progress") && len(items) > 0 && proven(items)
	if fails > 0 && (f.State == "fixed" || f.State == "verified") {
		_, err := m.Book.Put(ctx, checkJob, record.Change{Kind: findingKind, Key: f.version.Key, Move: "reopen", Reason: "The check fails again.",
			Said: map[string]any{"reopened_reason": fmt.Sprintf("The check %s fails again for %s.", c.ID, many(fails))}})
		if err != nil {
			return false, err
		}
		kept = false
	}
	now := *f
	now.Items = items
	if now.body = nil; !slices.Equal(f.Items, items) {
		x := relisting{finding: &now, items: items, description: describe(c, fails), body: f.body, from: f.version.From}
		if x.body == nil || !kept {
			v, err := m.Book.ByRecord(ctx, m.Book.DB, f.version.Record, 0)
			if err != nil {
				return false, err
			}
			x.body = nil
			if err := json.Unmarshal(v.Body, &x.body); err != nil {
				return false, fmt.Errorf("read the finding %s: %w", v.Key, err)
			}
			x.from = v.From
		}
		if !kept || ends {
			err = m.relist(ctx, []relisting{x})
		} else {
			r.lists = append(r.lists, x)
		}
		if err != nil {
			return false, err
		}
	}
	now.version.Body = nil
	l.finding = &now
	l.narrow()
	if ends {
		return false, m.fixed(ctx, c, f.version.Key)
	}
	return kept, nil
}

// proven reports whether every failure is over, and not only out of sight.
func proven(items []item) bool {
	return !slices.ContainsFunc(items, func(i item) bool { return i.To == "" || i.EndedAs == "unknown" })
}

func (m *Monitor) fixed(ctx context.Context, c *Check, key string) error {
	_, err := m.Book.Put(ctx, checkJob, record.Change{Kind: findingKind, Key: key, Move: "fix", Reason: "The check no longer fails.",
		Said: map[string]any{"change": "Nobody said what was changed. The check " + c.ID + " no longer fails for any record."}})
	return err
}

func mentions(list []item, i item) bool {
	return slices.ContainsFunc(list, func(o item) bool { return o.Kind == i.Kind && o.Key == i.Key })
}

func many(n int64) string {
	if n == 1 {
		return "one record"
	}
	return fmt.Sprintf("%d records", n)
}

func describe(c *Check, fails int64) string {
	if fails > int64(maxItems) {
		return fmt.Sprintf("%s\n\nIt fails for %d records; the first %d are listed here, the results of %s have all.", c.Why, fails, maxItems, c.ID)
	}
	return c.Why
}

func (m *Monitor) write(ctx context.Context, key string, body map[string]any, reason string) (record.Version, error) {
	j, err := json.Marshal(body)
	if err != nil {
		return record.Version{}, err
	}
	v, err := m.Book.Put(ctx, checkJob, record.Change{Kind: findingKind, Key: key, Body: j, Reason: reason})
	if err != nil {
		return record.Version{}, err
	}
	return v[0], nil
}

func (m *Monitor) openFinding(ctx context.Context, c *Check, scope string, items []item, fails int64) (record.Version, error) {
	now := m.Book.Log.Now().UTC()
	days, err := m.dueDays(ctx)
	if err != nil {
		return record.Version{}, err
	}
	first := now.Format(time.RFC3339Nano)
	for _, i := range items {
		first = min(first, i.From)
	}
	body := map[string]any{"title": c.Title, "description": describe(c, fails), "origin": "check", "check": c.ID, "scope": scope, "severity": c.Severity,
		"due": now.AddDate(0, 0, days[c.Severity]).Format(time.DateOnly), "first_seen": first, "items": items}
	if len(c.Controls) > 0 {
		body["controls"] = c.Controls
	}
	key := strings.ToLower(c.ID) + "-" + scope
	for n := 2; ; n++ {
		_, err := m.Book.Get(ctx, findingKind, key, 0)
		if fault.Is(err, fault.NotFound) {
			break
		}
		if err != nil {
			return record.Version{}, err
		}
		key = fmt.Sprintf("%s-%s-%d", strings.ToLower(c.ID), scope, n)
	}
	return m.write(ctx, key, body, "The check "+c.ID+" fails.")
}

// items are the times in which records of a connection failed, since a moment: of the records that fail now and of those that
// failed briefly, at most maxItems each, and of those listed before.
func (m *Monitor) items(ctx context.Context, c *Check, scope string, before []item, brief []int64, since store.Moment) (*list, error) {
	first, err := m.failing(ctx, c, scope, 0, maxItems)
	if err != nil {
		return nil, err
	}
	ids := slices.Clone(first)
	listed := map[string][]any{}
	for _, i := range before {
		listed[i.Kind] = append(listed[i.Kind], i.Key)
	}
	for kind, keys := range listed {
		for some := range slices.Chunk(keys, 100) {
			old, err := store.All[int64](ctx, m.Book.DB, "SELECT r.id FROM record r JOIN kind k ON k.id = r.kind WHERE k.name = $1 AND r.source = $2 AND r.key IN ("+store.Marks(3, len(some))+")", append([]any{kind, scope}, some...)...)
			if err != nil {
				return nil, err
			}
			ids = append(ids, old...)
		}
	}
	ids = append(ids, brief[:min(maxItems, len(brief))]...)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	l := &list{first: first, times: map[int64][]item{}}
	return l, m.failures(ctx, c, ids, since, l.times)
}

// items are those a finding shows of the list.
func (l *list) items() []item {
	var out []item
	for _, id := range slices.Sorted(maps.Keys(l.times)) {
		out = append(out, l.times[id]...)
	}
	out = latest(out)
	slices.SortStableFunc(out, func(a, b item) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Key, b.Key), strings.Compare(a.From, b.From))
	})
	return out
}

// opened makes it the list of a finding that was just opened, which counts failures since it was first seen.
func (l *list) opened(v record.Version) error {
	f, err := readFinding(v)
	if err != nil {
		return err
	}
	f.body, f.version.Body = nil, nil
	l.finding = f
	for id, times := range l.times {
		l.times[id] = slices.DeleteFunc(times, func(i item) bool {
			to, err := time.Parse(time.RFC3339Nano, i.To)
			return err == nil && store.At(to) <= since(f)
		})
	}
	l.narrow()
	return nil
}

// narrow forgets the records that the finding does not show.
func (l *list) narrow() {
	type name struct{ kind, key string }
	shown := map[name]bool{}
	for _, i := range l.finding.Items {
		shown[name{i.Kind, i.Key}] = true
	}
	maps.DeleteFunc(l.times, func(_ int64, times []item) bool {
		return len(times) == 0 || !shown[name{times[0].Kind, times[0].Key}]
	})
}

// latest keeps every failure that goes on or was never shown to be over, and of the others the maxItems that ended last: a finding that stays open for
// a year would otherwise grow without end. The results have them all, and earlier versions of the finding what they listed.
func latest(list []item) []item {
	ended := func(i item) bool { return i.To != "" && i.EndedAs != string(Unknown) }
	over := 0
	for _, i := range list {
		if ended(i) {
			over++
		}
	}
	if over <= maxItems {
		return list
	}
	slices.SortStableFunc(list, func(a, b item) int { return strings.Compare(a.To, b.To) })
	return slices.DeleteFunc(list, func(i item) bool {
		if !ended(i) || over <= maxItems {
			return false
		}
		over--
		return true
	})
}

// failures puts the times in which the records failed into a map. Answers that differ only in their sentence are one time.
func (m *Monitor) failures(ctx context.Context, c *Check, records []int64, since store.Moment, into map[int64][]item) error {
	for some := range slices.Chunk(records, 100) {
		if err := m.failuresOf(ctx, c, some, since, into); err != nil {
			return err
		}
	}
	return nil
}

func (m *Monitor) failuresOf(ctx context.Context, c *Check, records []int64, since store.Moment, into map[int64][]item) error {
	type row struct {
		Record int64        `db:"record"`
		Status int64        `db:"status"`
		Reason string       `db:"reason"`
		From   store.Moment `db:"valid_from"`
		To     store.Moment `db:"valid_to"`
		Ended  store.Moment `db:"ended"`
		Basis  string       `db:"basis"`
		Kind   string       `db:"kind"`
		Key    string       `db:"key"`
		Label  string       `db:"label"`
	}
	args := []any{c.ID, store.Forever}
	for _, r := range records {
		delete(into, r)
		args = append(args, r)
	}
	rows, err := store.All[row](ctx, m.Book.DB, `SELECT a.record, a.status, a.reason, a.valid_from, a.valid_to, s.ended, a.basis, k.name AS kind, rc.key, v.label
		FROM result a JOIN series s ON s.id = a.series JOIN record rc ON rc.id = a.record JOIN kind k ON k.id = rc.kind JOIN version v ON v.id = a.version
		WHERE s.check_id = $1 AND a.superseded = $2 AND a.record IN (`+store.Marks(3, len(records))+") ORDER BY a.record, a.valid_from, a.id", args...)
	if err != nil {
		return err
	}
	for i := 0; i < len(rows); i++ {
		r := rows[i]
		if r.Status != codes[Fail] {
			continue
		}
		end := min(r.To, r.Ended)
		for i+1 < len(rows) && rows[i+1].Record == r.Record && rows[i+1].Status == codes[Fail] && rows[i+1].From <= end+store.Moment(time.Second/time.Microsecond) {
			i++
			end = min(rows[i].To, rows[i].Ended)
		}
		if end <= since {
			continue
		}
		it := item{Kind: r.Kind, Key: r.Key, Label: r.Label, Reason: rows[i].Reason, From: max(r.From, 0).String()}
		if end != store.Forever {
			it.To = end.String()
			it.EndedAs = "unknown" // the check was turned off or set otherwise, and no answer followed
			if rows[i].To == end {
				it.EndedAs = "not_applicable"
			}
			// What it turned into in the end: unknown only as long as nothing is known.
			for n := i + 1; n < len(rows) && rows[n].Record == r.Record; n++ {
				if rows[n].Status == codes[Unknown] {
					it.EndedAs = string(Unknown)
					continue
				}
				if ended := parseBasis(rows[n].Basis).Ended; ended != "" {
					it.EndedAs = ended
				} else if rows[n].Status == codes[Pass] {
					it.EndedAs = string(Pass)
				}
				break // or it fails again, which is another item: this one was never shown to be fixed
			}
		}
		into[r.Record] = append(into[r.Record], it)
	}
	return nil
}
