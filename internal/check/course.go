package check

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"tickmark/internal/store"
)

// Stretch is a time in which a check as a whole stood the same.
type Stretch struct {
	From   store.Moment `json:"from"`
	To     store.Moment `json:"to"`
	Status Status       `json:"status"`           // the worst answer about any record
	Reason string       `json:"reason,omitempty"` // why it is unknown, when no record says so
}

// Courses are how each check stood over a time in which it was in use: as its answers were known at each moment, worse where
// it was found out later that a record failed then, with what was not covered put over them. Where something was not read it is
// unknown, save that a failure stands of what was read all the same. The time after the check was turned off is unknown: that
// must not hide how it had failed. The end is cut at now.
func (m *Monitor) Courses(ctx context.Context, from, to store.Moment) (map[string][]Stretch, error) {
	to = min(to, store.At(m.Book.Log.Now()))
	out := map[string][]Stretch{}
	if to <= from {
		return out, nil
	}
	setups, err := m.setups(ctx)
	if err != nil {
		return nil, err
	}
	err = m.Book.DB.Read(ctx, func(tx *store.Tx) error {
		f, err := m.following(ctx, tx, nil, from, to, 0)
		if err != nil {
			return err
		}
		for _, c := range setups {
			if c.Off && len(f.series[c.ID]) == 0 {
				continue
			}
			if out[c.ID], _, err = f.course(ctx, c.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("follow the checks over a time: %w", err)
	}
	return out, nil
}

// following is what courses of checks are made of, read once for all of them.
type following struct {
	m        *Monitor
	q        store.Q
	cover    *cover
	from, to store.Moment
	known    store.Moment // what was known of it then counts; Forever: what is known now
	series   map[string][]Series
	turns    map[int64][]turn
	late     map[int64][]spell
	bad      map[int64][]bad // by series, when some checks are followed: every answer that is a failure or unknown
}

// bad is an answer that a record failed or is unknown.
type bad struct {
	ID     int64        `db:"id"`
	Record int64        `db:"record"`
	Status int64        `db:"status"`
	From   store.Moment `db:"valid_from"`
	To     store.Moment `db:"valid_to"`
	Known  store.Moment `db:"known"`
}

// following reads what is needed of some checks, all when none is named, as it was known at a moment; zero is now. The end is cut
// at that moment.
func (m *Monitor) following(ctx context.Context, q store.Q, checks []string, from, to, asOf store.Moment) (*following, error) {
	f := &following{m: m, q: q, from: from, to: to, known: store.Forever, series: map[string][]Series{}}
	if asOf != 0 {
		f.to, f.known = min(to, asOf), asOf
	}
	var err error
	if f.cover, err = m.cover(ctx, q); err != nil {
		return nil, err
	}
	where, args := "started < $1 AND ended > $2", []any{f.to, f.from}
	if checks != nil {
		where += " AND check_id IN (" + store.Marks(3, len(checks)) + ")"
		for _, id := range checks {
			args = append(args, id)
		}
	}
	series, err := store.All[Series](ctx, q, "SELECT "+seriesColumns+" FROM series WHERE "+where+" ORDER BY check_id, started, id", args...)
	if err != nil {
		return nil, err
	}
	for _, s := range series {
		f.series[s.Check] = append(f.series[s.Check], s)
	}
	if f.turns, err = f.readTurns(ctx, series, checks == nil); err != nil {
		return nil, err
	}
	if checks == nil {
		f.late, err = f.foundLate(ctx, series)
		return f, err
	}
	f.bad, f.late = map[int64][]bad{}, map[int64][]spell{}
	for _, s := range series {
		spells := map[spell]bool{}
		err := store.Each(ctx, q, func(b bad) error {
			f.bad[s.ID] = append(f.bad[s.ID], b)
			if x := (spell{s.ID, b.Status, b.From, b.To}); b.Known > b.From+late && !spells[x] {
				spells[x] = true
				f.late[s.ID] = append(f.late[s.ID], x)
			}
			return nil
		}, "SELECT id, record, status, valid_from, valid_to, known FROM result WHERE series = $1 AND status IN (2, 3) AND valid_to > $2 AND valid_from < $3 AND superseded >= $4 AND known <= $5", s.ID, f.from, f.to, f.stands(), f.known)
		if err != nil {
			return nil, fmt.Errorf("read what failed of %s: %w", s.Check, err)
		}
	}
	return f, nil
}

// late is how long after an answer began it may be known and still be in the counts of its time.
const late = minute

// stands is the least that superseded is of an answer that no other had taken the place of, as far as was known.
func (f *following) stands() store.Moment { return min(f.known, store.Forever-1) + 1 }

// course is how a check stood, and what was not covered.
func (f *following) course(ctx context.Context, id string) ([]Stretch, []Gap, error) {
	own := f.series[id]
	var course []Stretch
	for _, s := range own {
		course = append(course, counted(s, f.turns[s.ID], f.from, f.to)...)
	}
	course = found(course, f.late, own, f.from, f.to)
	gaps := f.m.unspoken(f.cover, own, f.from, f.to)
	pieces := cut(slices.Clone(gaps), f.from, f.to)
	known, err := f.failing(ctx, own, course, pieces)
	if err != nil {
		return nil, nil, fmt.Errorf("follow %s: %w", id, err)
	}
	return covered(course, pieces, known), gaps, nil
}

// turn is a moment at which the number of answers of one status became another.
type turn struct {
	Series int64        `db:"series"`
	Status int64        `db:"status"`
	At     store.Moment `db:"at"`
	N      int64        `db:"n"`
}

// readTurns are those of a time, by series, with the last before it.
func (f *following) readTurns(ctx context.Context, series []Series, all bool) (map[int64][]turn, error) {
	out := map[int64][]turn{}
	keep := func(r turn) error { out[r.Series] = append(out[r.Series], r); return nil }
	const before = `SELECT h.series, h.status, h.at, h.n FROM result_history h JOIN (SELECT series, status, max(at) AS at FROM result_history WHERE at <= $1%s GROUP BY series, status) AS l
		ON l.series = h.series AND l.status = h.status AND l.at = h.at WHERE h.status > 0 UNION ALL SELECT series, status, at, n FROM result_history WHERE at > $1 AND at < $2 AND status > 0%s ORDER BY 3`
	if all {
		return out, store.Each(ctx, f.q, keep, fmt.Sprintf(before, "", ""), f.from, f.to)
	}
	for len(series) > 0 {
		n := min(len(series), 200)
		args := []any{f.from, f.to}
		for _, s := range series[:n] {
			args = append(args, s.ID)
		}
		these := " AND series IN (" + store.Marks(3, n) + ")"
		if err := store.Each(ctx, f.q, keep, fmt.Sprintf(before, these, these), args...); err != nil {
			return nil, err
		}
		series = series[n:]
	}
	return out, nil
}

// spell is a time in which some record failed or was unknown.
type spell struct {
	Series int64        `db:"series"`
	Status int64        `db:"status"`
	From   store.Moment `db:"valid_from"`
	To     store.Moment `db:"valid_to"`
}

// foundLate are the spells that were answered more than a minute after they began, by what is known now, by series: the counts
// of their time do not have them.
func (f *following) foundLate(ctx context.Context, series []Series) (map[int64][]spell, error) {
	out := map[int64][]spell{}
	for len(series) > 0 {
		n := min(len(series), 200)
		args := []any{f.stands(), f.to, f.from, f.known}
		for _, s := range series[:n] {
			args = append(args, s.ID)
		}
		err := store.Each(ctx, f.q, func(s spell) error { out[s.Series] = append(out[s.Series], s); return nil },
			`SELECT DISTINCT a.series, a.status, a.valid_from, a.valid_to FROM result a WHERE a.series IN (`+store.Marks(5, n)+`) AND a.status IN (2, 3) AND a.valid_to > $3
			AND a.superseded >= $1 AND a.known <= $4 AND a.valid_from < $2 AND a.known > a.valid_from + `+fmt.Sprint(int64(late)), args...)
		if err != nil {
			return nil, fmt.Errorf("read what was found late: %w", err)
		}
		series = series[n:]
	}
	return out, nil
}

// found puts what was found out late over a course.
func found(course []Stretch, late map[int64][]spell, own []Series, from, to store.Moment) []Stretch {
	type change struct{ fails, unknowns int }
	changes := map[store.Moment]change{}
	at := func(when store.Moment, status int64, by int) {
		c := changes[when]
		if status == codes[Fail] {
			c.fails += by
		} else {
			c.unknowns += by
		}
		changes[when] = c
	}
	for _, s := range own {
		for _, x := range late[s.ID] {
			begins, ends := max(x.From, s.Started, from), min(x.To, s.Ended, to)
			if begins < ends {
				at(begins, x.Status, 1)
				at(ends, x.Status, -1)
			}
		}
	}
	if len(changes) == 0 {
		return course
	}
	for _, x := range course {
		changes[x.From], changes[x.To] = changes[x.From], changes[x.To]
	}
	cuts := slices.Sorted(maps.Keys(changes))
	var out []Stretch
	fails, unknowns, k := 0, 0, 0
	for i := 0; i+1 < len(cuts); i++ {
		fails, unknowns = fails+changes[cuts[i]].fails, unknowns+changes[cuts[i]].unknowns
		for k < len(course) && course[k].To <= cuts[i] {
			k++
		}
		if k == len(course) || course[k].From > cuts[i] {
			continue
		}
		x := Stretch{From: cuts[i], To: cuts[i+1], Status: course[k].Status, Reason: course[k].Reason}
		switch {
		case fails > 0:
			x.Status, x.Reason = Fail, ""
		case unknowns > 0 && x.Status != Fail:
			x.Status = Unknown
		}
		if n := len(out); n > 0 && out[n-1].To == x.From && out[n-1].Status == x.Status && out[n-1].Reason == x.Reason {
			out[n-1].To = x.To
			continue
		}
		out = append(out, x)
	}
	return out
}

// counted is how a series stood by its counts alone; before its first answer there is none.
func counted(s Series, turns []turn, from, to store.Moment) []Stretch {
	var out []Stretch
	first, last := max(from, s.Started), min(to, s.Ended)
	n := map[int64]int64{}
	add := func(at store.Moment) {
		status := NotApplicable
		switch {
		case n[codes[Fail]] > 0:
			status = Fail
		case n[codes[Unknown]] > 0:
			status = Unknown
		case n[codes[Pass]] > 0:
			status = Pass
		}
		at = min(max(at, first), last)
		if k := len(out) - 1; k >= 0 && out[k].From == at {
			out[k].Status = status
		} else if k < 0 || out[k].Status != status {
			if k >= 0 {
				out[k].To = at
			}
			out = append(out, Stretch{From: at, To: last, Status: status})
		}
	}
	add(first)
	for _, t := range turns {
		n[t.Status] = t.N
		add(t.At)
	}
	return slices.DeleteFunc(out, func(x Stretch) bool { return x.To <= x.From })
}

// covered puts what was not covered over a course; known are the times in which a failure stands nevertheless.
func covered(course []Stretch, pieces []piece, known []piece) []Stretch {
	var out []Stretch
	add := func(x Stretch) {
		if x.To <= x.From {
			return
		}
		if n := len(out); n > 0 && out[n-1].To == x.From && out[n-1].Status == x.Status && out[n-1].Reason == x.Reason {
			out[n-1].To = x.To
			return
		}
		out = append(out, x)
	}
	for _, p := range pieces {
		at := p.From
		for _, x := range course {
			a, b := max(x.From, at), min(x.To, p.To)
			if b <= a {
				continue
			}
			if p.Reason == "" {
				add(Stretch{a, b, x.Status, x.Reason})
				at = b
				continue
			}
			add(Stretch{at, a, Unknown, p.Reason})
			for at = a; x.Status == Fail && len(known) > 0 && known[0].From < b; known = known[1:] {
				k := known[0]
				add(Stretch{at, max(at, k.From), Unknown, p.Reason})
				add(Stretch{max(at, k.From), min(k.To, b), Fail, ""})
				if at = max(at, min(k.To, b)); k.To > b {
					break // the rest of it lies in what follows
				}
			}
			add(Stretch{at, b, Unknown, p.Reason})
			at = b
		}
		if p.Reason != "" {
			add(Stretch{at, p.To, Unknown, p.Reason})
		}
	}
	return out
}

// failing are the times, in order and apart, in which a record failed that was read, looked for only where a course fails and
// something was not read.
func (f *following) failing(ctx context.Context, own []Series, course []Stretch, pieces []piece) ([]piece, error) {
	from, to := store.Forever, store.Moment(0)
	for _, p := range pieces {
		for _, x := range course {
			if a, b := max(x.From, p.From), min(x.To, p.To); p.Reason != "" && x.Status == Fail && a < b {
				from, to = min(from, a), max(to, b)
			}
		}
	}
	if from >= to {
		return nil, nil
	}
	type row struct {
		From    store.Moment `db:"valid_from"`
		To      store.Moment `db:"valid_to"`
		Known   store.Moment `db:"known"`
		Dropped store.Moment `db:"superseded"`
		Basis   string       `db:"basis"`
		Kind    string       `db:"kind"`
		Source  string       `db:"source"`
		Scope   string       `db:"scope"`
	}
	type place struct {
		lane
		joins string
	}
	var spans []piece
	for _, s := range own {
		c, broken, read := f.m.checkOf(s), f.m.unanswered(s), map[place][]piece{}
		err := store.Each(ctx, f.q, func(r row) error {
			b := parseBasis(r.Basis)
			joins, _ := json.Marshal(b.Joins)
			at := place{lane{r.Source, r.Kind, "", r.Scope}, string(joins)}
			if read[at] == nil {
				read[at] = slices.DeleteFunc(cut(append(f.m.gapsOver(f.cover, c, codes[Fail], r.Kind, r.Source, r.Scope, b, from, to), broken...), from, to), func(p piece) bool { return p.Reason != "" })
			}
			if r.Dropped <= f.known && r.Dropped != store.Forever { // another answer took its place
				r.From, r.To = max(r.From, r.Known), min(r.To, r.Dropped)
			}
			for _, p := range read[at] {
				if a, b := max(r.From, p.From), min(r.To, p.To); a < b {
					spans = append(spans, piece{From: a, To: b})
				}
			}
			return nil
		}, `SELECT a.valid_from, a.valid_to, a.known, a.superseded, a.basis, k.name AS kind, rc.source, v.scope FROM result a JOIN record rc ON rc.id = a.record
			JOIN kind k ON k.id = rc.kind JOIN version v ON v.id = a.version WHERE a.series = $1 AND a.status = 2 AND a.valid_from < $2 AND a.valid_to > $3 AND a.known <= $4`, s.ID, to, from, f.known)
		if err != nil {
			return nil, fmt.Errorf("read what failed: %w", err)
		}
	}
	slices.SortFunc(spans, func(a, b piece) int { return cmp.Compare(a.From, b.From) })
	var out []piece
	for _, p := range spans {
		if n := len(out); n > 0 && p.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, p.To)
		} else {
			out = append(out, p)
		}
	}
	return out, nil
}
