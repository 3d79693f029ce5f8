package check

import (
	"cmp"
	"fmt"
	"slices"

	"tickmark/internal/store"
)

// A record of what left its scope, or of a connection that was removed, stays as it was last seen, and nobody looks whether it is
// still so. That it is not read is no gap, for nothing of it is missed; so it must not be found either where an answer would stand
// by it. A pass that needs such a record is unknown. That a failure rests on one is told as it is of any outage.

// unvouched is the moment from which nobody vouches for what stands in a lane: when it left, or always, when it was never read
// completely and nobody is to read it. Forever when somebody does, or should: where they do not, that is a gap.
func (c *cover) unvouched(l lane) store.Moment {
	if k := c.m.Words.kinds[l.kind]; k == nil || !k.Collected {
		return store.Forever
	}
	if l = c.of(l); c.lanes[l] == nil && c.never[l] == "" {
		return 0
	}
	return c.left(l)
}

// of is the lane by which a record is covered: its own, or that of the whole connection.
func (c *cover) of(l lane) lane {
	if c.lanes[l] == nil && c.never[l] == "" {
		l.scope = ""
	}
	return l
}

// leaves are the moments after one and up to another at which something that a check looks up by a name left.
func (c *cover) leaves(name string, after, upto store.Moment) (out []store.Moment) {
	for _, k := range c.m.Words.Kinds(name) {
		for _, l := range c.kinds[k.Name] {
			if left := c.left(l); l.part == "" && left > after && left <= upto {
				out = append(out, left)
			}
		}
	}
	return out
}

// vouched are the lanes of what the last judgement looked up for which nobody vouched at a moment, and when the first of the others leaves.
func (r *round) vouched(source *lookups, at store.Moment) (lost []lane, next store.Moment) {
	if r.cover == nil {
		return nil, 0
	}
	for l := range source.from {
		switch until := r.cover.unvouched(l); {
		case until <= at:
			lost = append(lost, l)
		case until != store.Forever && (next == 0 || until < next):
			next = until
		}
	}
	slices.SortFunc(lost, func(a, b lane) int {
		return cmp.Or(cmp.Compare(r.cover.unvouched(a), r.cover.unvouched(b)), cmp.Compare(a.connection, b.connection), cmp.Compare(a.kind, b.kind), cmp.Compare(a.scope, b.scope))
	})
	return lost, next
}

// without says why an answer cannot stand by what was known of a lane.
func (r *round) without(l lane, s Status) string {
	c := r.cover
	why := fmt.Sprintf("The %s were never read completely from %s.", c.what(l), l.connection)
	if rows := c.lanes[c.of(l)]; len(rows) > 0 {
		why = c.why(c.of(l), &rows[len(rows)-1], 0)
	}
	if s == NotApplicable {
		return why + " That the check does not apply rests on what was known of them before."
	}
	return why + " A pass would rest on what was known of them before."
}

// forsaken are the times in which answers of a series stand about records that nobody vouches for any more. That such records are
// not read is missed by nobody, and yet what was said of them says nothing of now.
func (m *Monitor) forsaken(c *cover, check *Check, s Series, from, to store.Moment) (out []Gap) {
	for _, k := range m.Words.Kinds(check.For) {
		for _, l := range c.kinds[k.Name] {
			left := c.left(l)
			if l.part != "" || left >= to {
				continue
			}
			args, scope := []any{k.Name, l.connection, left}, ""
			if l.scope != "" {
				args, scope = append(args, l.scope), " AND v.scope = $4"
			}
			held := "FROM record rc JOIN kind k ON k.id = rc.kind JOIN version v ON v.record = rc.id WHERE k.name = $1 AND rc.source = $2 AND v.valid_to > $3" + scope
			n, err := c.held(l, held, args)
			if err == nil && n {
				at := len(args) + 1
				args = append(args, s.ID, max(left, from), to, store.Forever)
				n, err = c.any(fmt.Sprintf("SELECT a.id FROM result a WHERE a.series = $%d AND a.valid_to > $%d AND a.valid_from < $%d AND a.superseded = $%d AND a.status > 0 AND a.record IN (SELECT rc.id %s) LIMIT 1", at, at+1, at+2, at+3, held), args)
			}
			if err != nil && c.failed == nil {
				c.failed = fmt.Errorf("see what is said of what left %s: %w", l.connection, err)
			}
			if n || err != nil {
				out = append(out, c.holes(l, check.MaxGap, max(from, left), to)...)
			}
		}
	}
	return out
}

// held reports whether records of a lane that left are still held, which is asked once.
func (c *cover) held(l lane, from string, args []any) (held bool, err error) {
	held, ok := c.holds[l]
	if !ok {
		if held, err = c.any("SELECT v.id "+from+" LIMIT 1", args); err == nil {
			c.holds[l] = held
		}
	}
	return held, err
}

func (c *cover) any(sql string, args []any) (bool, error) {
	n, err := store.All[int64](c.ctx, c.q, sql, args...)
	return len(n) > 0, err
}
