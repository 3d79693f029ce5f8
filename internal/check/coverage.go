package check

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
	Ended      string       `db:"ended"`
}

type lane struct{ connection, kind, part, scope string }

// cover is the coverage of the kinds that checks speak of.
type cover struct {
	m     *Monitor
	lanes map[lane][]coverRow // by time
	kinds map[string][]lane   // by kind, in order
}

// cover reads coverage; what was known about it since is used, for an outage is found out late.
func (m *Monitor) cover(ctx context.Context, q store.Q) (*cover, error) {
	c := &cover{m: m, lanes: map[lane][]coverRow{}, kinds: map[string][]lane{}}
	rows, err := store.All[coverRow](ctx, q, "SELECT connection, kind, part, scope, valid_from, valid_to, last_read, ended FROM coverage ORDER BY connection, kind, part, scope, valid_from, id")
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
	return c, nil
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
			if l.part == "" {
				out = append(out, c.holes(l, maxGap, from, to)...)
			}
		}
	}
	if !used {
		return []Gap{{Kind: name, From: from, To: to, Reason: fmt.Sprintf("No connection reads any %s.", strings.ReplaceAll(name, "_", " "))}}
	}
	return out
}

// at tells whether a name is covered at a moment.
func (c *cover) at(check *Check, t store.Moment) func(name string) (bool, string) {
	return func(name string) (bool, string) {
		if gaps := c.name(name, check.MaxGap, t, t+1); len(gaps) > 0 {
			return false, gaps[0].Reason
		}
		return true, ""
	}
}
