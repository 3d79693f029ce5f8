package check

import (
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
	LastRun    int64        `db:"last_run"`
	Ended      string       `db:"ended"`
}

type lane struct{ connection, kind, part, scope string }

// cover is the coverage of the kinds that checks speak of.
type cover struct {
	m     *Monitor
	lanes map[lane][]coverRow // by time
	kinds map[string][]lane   // by kind, in order
	never map[lane]string     // what the last run could not read and no run before it could: why
	last  map[lane]int64      // the newest run of a connection's kind and part, over its scopes
}

// cover reads coverage; what was known about it since is used, for an outage is found out late.
func (m *Monitor) cover(ctx context.Context, q store.Q) (*cover, error) {
	c := &cover{m: m, lanes: map[lane][]coverRow{}, kinds: map[string][]lane{}, never: map[lane]string{}, last: map[lane]int64{}}
	rows, err := store.All[coverRow](ctx, q, "SELECT connection, kind, part, scope, valid_from, valid_to, last_read, last_run, ended FROM coverage ORDER BY connection, kind, part, scope, valid_from, id")
	if err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	for _, r := range rows {
		l := lane{r.Connection, r.Kind, r.Part, r.Scope}
		if c.lanes[l] == nil {
			c.kinds[r.Kind] = append(c.kinds[r.Kind], l)
		}
		c.lanes[l] = append(c.lanes[l], r)
		l.scope = ""
		c.last[l] = max(c.last[l], r.LastRun)
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

// holes are the gaps of one lane within [from, to). A max gap ends the trust in the last read early.
func (c *cover) holes(l lane, maxGap time.Duration, from, to store.Moment) []Gap {
	var out []Gap
	at := from
	var before *coverRow
	gap := func(end store.Moment) {
		if end = min(end, to); end > at {
			out = append(out, Gap{Kind: l.kind, Source: l.connection, Scope: l.scope, Part: l.part, From: at, To: end, Reason: c.why(l, before, maxGap)})
		}
	}
	for i, r := range c.lanes[l] {
		if r.From > at {
			gap(r.From)
			at = max(at, r.From)
		}
		end := r.To
		if maxGap > 0 {
			end = min(end, max(r.LastRead, r.From)+store.Moment(maxGap/time.Microsecond))
		}
		at = max(at, end)
		before = &c.lanes[l][i]
		if at >= to {
			return out
		}
	}
	gap(to)
	return out
}

func (c *cover) why(l lane, last *coverRow, maxGap time.Duration) string {
	what := c.m.plural(l.kind)
	if l.part != "" {
		what = strings.ReplaceAll(l.part, "_", " ") + " of " + what
	}
	if l.scope != "" {
		what += " in " + l.scope
	}
	switch {
	case c.never[l] != "":
		return fmt.Sprintf("The %s could not be read completely from %s: %s", what, l.connection, sentence(c.never[l]))
	case last == nil:
		return fmt.Sprintf("The %s were not yet read completely from %s.", what, l.connection)
	case last.Ended != "" && (maxGap == 0 || last.To <= last.LastRead+store.Moment(maxGap/time.Microsecond)):
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
	if k == nil || !k.Collected {
		return nil
	}
	var out []Gap
	main := lane{source, kind, "", scope}
	if c.lanes[main] == nil {
		main.scope = ""
	}
	out = append(out, c.holes(main, check.MaxGap, from, to)...)
	for _, l := range c.kinds[kind] {
		if l.connection == source && l.part != "" && (l.scope == scope || l.scope == "") && c.reads(check, kind, l.part) {
			out = append(out, c.holes(l, check.MaxGap, from, to)...)
		}
	}
	return out
}

// reads reports whether a check reads a part of a kind; a view hides which fields it takes, so that every part counts.
func (c *cover) reads(check *Check, kind, part string) bool {
	return check.For != kind || slices.Contains(check.Fields, part)
}

// name are the gaps in what is known of all records behind a kind or view. A kind that no connection ever read is left out
// when another kind behind the view is there: the organisation does not use that service.
func (c *cover) name(name string, maxGap time.Duration, from, to store.Moment) []Gap {
	var out []Gap
	used := false
	for _, k := range c.m.Words.Kinds(name) {
		if !k.Collected {
			used = true
			continue
		}
		for _, l := range c.kinds[k.Name] {
			used = true
			if l.part != "" {
				continue
			}
			for _, g := range c.holes(l, maxGap, from, to) {
				if !c.left(l, g) {
					out = append(out, g)
				}
			}
		}
	}
	if !used {
		return []Gap{{Kind: name, From: from, To: to, Reason: fmt.Sprintf("No connection reads any %s.", strings.ReplaceAll(name, "_", " "))}}
	}
	return out
}

// left reports whether a gap is the time after something ceased to be in scope: its connection was removed, or later complete
// runs no longer had that scope.
func (c *cover) left(l lane, g Gap) bool {
	rows := c.lanes[l]
	if len(rows) == 0 || c.never[l] != "" {
		return false
	}
	last := rows[len(rows)-1]
	if g.From < last.From {
		return false
	}
	if last.Ended == removedConnection {
		return true
	}
	l.scope = ""
	return last.Ended == "" && c.last[l] > last.LastRun
}

// removedConnection is how collect says that a connection was removed.
const removedConnection = "the connection was removed"
