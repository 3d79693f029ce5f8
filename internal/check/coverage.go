package check

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Gap is a time in which something was not known to be read completely.
type Gap struct {
	Kind   string       `json:"kind"`
	Source string       `json:"source,omitempty"` // the connection; empty when no connection reads the kind
	Scope  string       `json:"scope,omitempty"`
	Part   string       `json:"part,omitempty"`
	From   store.Moment `json:"from"`
	To     store.Moment `json:"to"`
	Reason string       `json:"reason"`
}

// coverRow is a stretch of complete reads of one kind, part and scope by one connection: from the first of them until the
// last no longer vouches for the state, or until a read failed, with the reason in Ended.
type coverRow struct {
	Connection string       `db:"connection"`
	Kind       string       `db:"kind"`
	Part       string       `db:"part"`
	Scope      string       `db:"scope"`
	From       store.Moment `db:"valid_from"`
	To         store.Moment `db:"valid_to"`
	LastRead   store.Moment `db:"last_read"`
	Reads      int64        `db:"reads"`
	FirstRun   int64        `db:"first_run"`
	LastRun    int64        `db:"last_run"`
	Ended      string       `db:"ended"`
}

type lane struct{ connection, kind, part, scope string }

// cover is the coverage of the kinds that checks speak of.
type cover struct {
	m     *Monitor
	ctx   context.Context
	q     store.Q
	lanes map[lane][]coverRow // by time
	kinds map[string][]lane   // by kind, in order
	never map[lane]string     // what the last run could not read and no run before it could: why
	holds map[lane]bool       // of what left: whether records of it are still held
	runs  map[string][]read   // by connection: its finished runs, read when they are asked for

	failed error // the runs could not be read, so that what they tell is missing
}

// cover reads coverage; what was known about it since is used, for an outage is found out late.
func (m *Monitor) cover(ctx context.Context, q store.Q) (*cover, error) {
	c := &cover{m: m, ctx: ctx, q: q, holds: map[lane]bool{}, runs: map[string][]read{}, lanes: map[lane][]coverRow{}, kinds: map[string][]lane{}, never: map[lane]string{}}
	rows, err := store.All[coverRow](ctx, q, "SELECT connection, kind, part, scope, valid_from, valid_to, last_read, reads, first_run, last_run, ended FROM coverage ORDER BY connection, kind, part, scope, valid_from, id")
	if err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	for _, r := range rows {
		l := lane{r.Connection, r.Kind, r.Part, r.Scope}
		if c.lanes[l] == nil {
			c.kinds[r.Kind] = append(c.kinds[r.Kind], l)
		}
		c.lanes[l] = append(c.lanes[l], r)
	}
	return c, c.neverRead(ctx)
}

// neverRead adds what was in scope of the last run of each connection and could not be read, then or before. Coverage knows
// nothing of it, and it must not look like a service that the organisation does not use.
func (c *cover) neverRead(ctx context.Context) error {
	if _, err := c.m.Book.Kinds.Named(collect.RunKind); err != nil {
		return nil
	}
	return c.m.Book.EachOpen(ctx, c.m.Book.DB, collect.ConnectionKind, func(conn record.Version) error {
		page, err := c.m.Book.List(ctx, record.Query{Kind: collect.RunKind, Where: fmt.Sprintf("r.connection == %q", conn.Key), Limit: 2})
		if err != nil {
			return fmt.Errorf("read the last run of %s: %w", conn.Key, err)
		}
		for _, v := range page.Versions {
			var run collect.Summary
			if err := json.Unmarshal(v.Body, &run); err != nil {
				return fmt.Errorf("read the run %s: %w", v.Key, err)
			}
			if run.Outcome == collect.Running {
				continue
			}
			for _, g := range run.Missing {
				l := lane{conn.Key, g.Kind, g.Part, g.Scope}
				if c.lanes[l] == nil && c.never[l] == "" {
					c.never[l] = g.Reason
					c.kinds[g.Kind] = append(c.kinds[g.Kind], l)
				}
			}
			break
		}
		return nil
	})
}

// holes are the gaps of one lane within [from, to). A max gap ends the trust in each read early.
func (c *cover) holes(l lane, maxGap time.Duration, from, to store.Moment) []Gap {
	var out []Gap
	at := from
	gap := func(end store.Moment, why func() string) {
		if end = min(end, to); end > at {
			out = append(out, Gap{Kind: l.kind, Source: l.connection, Scope: l.scope, Part: l.part, From: at, To: end, Reason: why()})
			at = end
		}
	}
	var before *coverRow
	outside := func() string { return c.why(l, before, maxGap) }
	for i, r := range c.lanes[l] {
		gap(r.From, outside)
		for _, p := range c.pauses(r, maxGap, at, to) {
			at = max(at, p.from)
			gap(p.to, func() string { return c.whyPaused(l, p, maxGap) })
		}
		end := r.To
		if maxGap > 0 {
			end = min(end, max(r.LastRead, r.From)+span(maxGap))
		}
		at = max(at, end)
		before = &c.lanes[l][i]
		if at >= to {
			return out
		}
	}
	gap(to, outside)
	return out
}

func span(d time.Duration) store.Moment { return store.Moment(d / time.Microsecond) }

// pause is a time between two reads of a stretch in which the first was longer ago than a max gap.
type pause struct{ from, to store.Moment }

// read is when a run of a connection began and ended, and which kinds and scopes it was of, where it was sent; no scope: all.
type read struct {
	run           int64
	began, done   store.Moment
	kinds, scopes []string
}

// of reports whether a run may have read a kind in a scope.
func (x read) of(kind, scope string) bool {
	return (len(x.kinds) == 0 || slices.Contains(x.kinds, kind)) && (len(x.scopes) == 0 || slices.Contains(x.scopes, scope))
}

// pauses are those of a stretch that lie within [from, to). A stretch goes on as long as each read still vouches when the
// next comes, which may be longer than a check's max gap. When the reads in between were is told by the runs; if these do
// not account for every read, nothing between the first and the last is trusted beyond the max gap.
func (c *cover) pauses(r coverRow, maxGap time.Duration, from, to store.Moment) []pause {
	gap := span(maxGap)
	if maxGap <= 0 || r.Reads < 2 || r.LastRead-r.From <= gap || max(from, r.From+gap) >= min(to, r.LastRead) {
		return nil
	}
	reads := c.readsOf(r)
	if r.Reads > 2 && int64(len(reads)) != r.Reads {
		return []pause{{r.From + gap, r.LastRead}}
	}
	var out []pause
	last := r.From
	for i := int64(1); i < r.Reads; i++ {
		next := r.LastRead
		if i < r.Reads-1 {
			next = reads[i].done
		}
		if last+gap < next {
			out = append(out, pause{last + gap, next})
		}
		if i < r.Reads-1 {
			last = reads[i].began // what was read may have been read at its beginning
		}
	}
	return out
}

// readsOf are the finished runs of a stretch, in order. What cannot be read counts as none.
func (c *cover) readsOf(r coverRow) []read {
	all, ok := c.runs[r.Connection]
	if !ok {
		found, err := c.m.Book.Find(c.ctx, c.q, collect.RunKind, "connection", r.Connection, 0)
		if err != nil && c.failed == nil {
			c.failed = fmt.Errorf("read the runs of %s: %w", r.Connection, err)
		}
		if err == nil {
			for _, v := range found {
				s, err := collect.ParseSummary(v)
				if err == nil && (s.Outcome == collect.Complete || s.Outcome == collect.Incomplete) {
					x := read{run: s.Number, began: store.At(s.Started), done: store.At(s.Ended), scopes: s.Scopes}
					for _, k := range s.Kinds {
						x.kinds = append(x.kinds, k.Kind)
					}
					all = append(all, x)
				}
			}
		}
		slices.SortFunc(all, func(a, b read) int { return cmp.Compare(a.run, b.run) })
		c.runs[r.Connection] = all
	}
	var out []read
	for _, x := range all {
		if x.run >= r.FirstRun && x.run <= r.LastRun && x.of(r.Kind, r.Scope) {
			out = append(out, x)
		}
	}
	return out
}

func (c *cover) whyPaused(l lane, p pause, maxGap time.Duration) string {
	const form = "2006-01-02 15:04 MST"
	return fmt.Sprintf("The %s were not read from %s between %s and %s, which is longer than the check allows.", c.what(l), l.connection,
		(p.from - span(maxGap)).Time().Format(form), p.to.Time().Format(form))
}

// what names what a lane is about.
func (c *cover) what(l lane) string {
	what := c.m.plural(l.kind)
	if l.part != "" {
		what = strings.ReplaceAll(l.part, "_", " ") + " of " + what
	}
	if l.scope != "" {
		what += " in " + l.scope
	}
	return what
}

func (c *cover) why(l lane, last *coverRow, maxGap time.Duration) string {
	what := c.what(l)
	switch {
	case c.never[l] != "":
		return fmt.Sprintf("The %s could not be read completely from %s: %s", what, l.connection, sentence(c.never[l]))
	case last == nil:
		return fmt.Sprintf("The %s were not yet read completely from %s.", what, l.connection)
	case collect.Left(last.Ended):
		return fmt.Sprintf("The %s are no longer read from %s since %s: %s", what, l.connection, last.To.Time().Format("2006-01-02 15:04 MST"), sentence(last.Ended))
	case last.Ended != "" && (maxGap == 0 || last.To <= last.LastRead+span(maxGap)):
		return fmt.Sprintf("The %s could not be read completely from %s: %s", what, l.connection, sentence(last.Ended))
	}
	return fmt.Sprintf("The %s were last read completely from %s at %s, and what they are since is not known.", what, l.connection, last.LastRead.Time().Format("2006-01-02 15:04 MST"))
}

func (m *Monitor) plural(kind string) string {
	if k := m.Words.kinds[kind]; k != nil && k.Plural != "" {
		return lowerFirst(k.Plural)
	}
	return strings.ReplaceAll(kind, "_", " ")
}

// subject are the gaps in what is known of a record: those of its kind in its scope, and of each part that the check reads.
// Records that are not collected, or were written by hand or from a file, have none.
func (c *cover) subject(check *Check, kind, source, scope string, from, to store.Moment) []Gap {
	k := c.m.Words.kinds[kind]
	if k == nil {
		return []Gap{{Kind: kind, From: from, To: to, Reason: fmt.Sprintf("Records of kind %s are no longer known.", kind)}}
	}
	if !k.Collected {
		return nil
	}
	out := c.records(lane{source, kind, "", scope}, check.MaxGap, from, to)
	for _, l := range c.kinds[kind] {
		if l.connection == source && l.part != "" && (l.scope == scope || l.scope == "") && c.reads(check, kind, l.part) {
			out = append(out, c.holes(l, check.MaxGap, from, to)...)
		}
	}
	return out
}

// records are the gaps in what is known of the records of a lane, apart from their parts.
func (c *cover) records(l lane, maxGap time.Duration, from, to store.Moment) []Gap {
	if k := c.m.Words.kinds[l.kind]; k == nil || !k.Collected {
		return nil
	}
	return c.holes(c.of(l), maxGap, from, to)
}

// reads reports whether a check reads a part of a kind; a view, or logic that is no longer understood, hides which fields it takes, so that every part counts.
func (c *cover) reads(check *Check, kind, part string) bool {
	return check.vague || check.For != kind || slices.Contains(check.Fields, part)
}

// name are the gaps in what is known of all records behind a kind or view, apart from their parts. A kind that no connection ever
// read is left out when another kind behind the view is there: the organisation does not use that service.
func (c *cover) name(name string, maxGap time.Duration, from, to store.Moment) []Gap {
	return c.behind(name, maxGap, from, to, func(lane) bool { return false })
}

// looked are the gaps in what a check knows of the records that it looks up by a name: those of name, and of each part that it reads.
// That a part of one record was not read is a gap in that part of all in its scope: what stands there may be out of date.
func (c *cover) looked(check *Check, name string, from, to store.Moment) []Gap {
	return c.behind(name, check.MaxGap, from, to, func(l lane) bool { return check.readsPart(name, l.kind, l.part) })
}

func (c *cover) behind(name string, maxGap time.Duration, from, to store.Moment, reads func(lane) bool) []Gap {
	var out []Gap
	used, ended := false, store.Moment(0) // ended: when the last connection that reads it was removed
	for _, k := range c.m.Words.Kinds(name) {
		if !k.Collected {
			used = true
			continue
		}
		for _, l := range c.kinds[k.Name] {
			left := c.left(l)
			if rows := c.lanes[l]; left == store.Forever || rows[len(rows)-1].Ended != collect.Removed {
				used = true
			} else {
				ended = max(ended, left)
			}
			if l.part != "" && !reads(l) {
				continue
			}
			for _, g := range c.holes(l, maxGap, from, min(to, left)) {
				out = append(out, g)
			}
		}
	}
	if used {
		return out
	}
	reason := fmt.Sprintf("No connection reads any %s.", strings.ReplaceAll(name, "_", " "))
	if ended > 0 {
		reason = fmt.Sprintf("No connection reads any %s since %s.", strings.ReplaceAll(name, "_", " "), ended.Time().Format("2006-01-02 15:04 MST"))
	}
	if from = max(from, ended); from < to {
		out = append(out, Gap{Kind: name, From: from, To: to, Reason: reason})
	}
	return out
}

// left is the moment from which something is no longer in scope, so that nothing of it is missed; Forever when it still is. That it
// was silent since is none: it must have been said.
func (c *cover) left(l lane) store.Moment {
	rows := c.lanes[l]
	if len(rows) == 0 || c.never[l] != "" || !collect.Left(rows[len(rows)-1].Ended) {
		return store.Forever
	}
	return rows[len(rows)-1].To
}
