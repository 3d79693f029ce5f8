package check

import (
	"cmp"
	"slices"

	"tickmark/internal/collect"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// While a source is not read, time passes and other records change, and what the source would say is not known. An answer about
// its records may not turn by that: neither does a failure come of what is out of date, nor does it go. The answer stays as it
// was last known, coverage on reading says that it is unknown, and once the source is read again it is judged from then on.

// unread are times in which something was not read, in order and apart from each other.
type unread []piece

func unreadOf(gaps []Gap) unread {
	return slices.DeleteFunc(cut(gaps, 0, store.Forever), func(p piece) bool { return p.Reason == "" })
}

// around is the whole time without a read that a moment lies in.
func (u unread) around(at store.Moment) (out piece, ok bool) {
	i, found := slices.BinarySearchFunc(u, at, func(p piece, at store.Moment) int { return cmp.Compare(p.From, at) })
	if !found {
		i--
	}
	if i < 0 || u[i].To <= at {
		return out, false
	}
	out = u[i]
	for n := i; n > 0 && u[n-1].To == u[n].From; n-- {
		out.From = u[n-1].From
	}
	for n := i; n+1 < len(u) && u[n+1].From == u[n].To; n++ {
		out.To = u[n+1].To
	}
	return out, true
}

// knownAt is the moment as of which a version is known at another: the same; or, while its source was not read, the last before
// that or the version's first. Until is when the source is read again, zero when it is read.
func (r *round) knownAt(u *unit, v record.Version, at store.Moment) (known, until store.Moment) {
	if r.cover == nil || !u.Clock && len(u.Joins) == 0 {
		return at, 0
	}
	out, ok := r.unread(u, lane{v.Source, v.Kind, "", v.Scope}, true).around(at)
	if !ok {
		return at, 0
	}
	return min(at, max(out.From-1, v.From)), out.To
}

// unread are the times in which the records of a lane were not read; of the subject's lane, with the parts that the check reads.
func (r *round) unread(u *unit, l lane, subject bool) unread {
	kept := &u.unread
	if !subject {
		kept = &u.others
	}
	out, ok := (*kept)[l]
	if ok {
		return out
	}
	switch {
	case subject:
		out = unreadOf(r.cover.subject(u.Check, l.kind, l.connection, l.scope, 0, store.Forever))
	case l.connection == "":
		out = unreadOf(r.cover.looked(u.Check, l.kind, 0, store.Forever))
	default:
		out = unreadOf(r.cover.records(l, u.MaxGap, 0, store.Forever))
	}
	if *kept == nil {
		*kept = map[lane]unread{}
	}
	(*kept)[l] = out
	return out
}

// returned reports whether what a unit rests on was read again, after a time in which it was not, since the last evaluation, or is
// no longer in scope since.
func (r *round) returned(u *unit) bool {
	if !u.Clock && len(u.Joins) == 0 {
		return false
	}
	for _, name := range append([]string{u.For}, u.Joins...) {
		for _, k := range r.m.Words.Kinds(name) {
			for _, l := range r.cover.kinds[k.Name] {
				rows := r.cover.lanes[l]
				if n := len(rows); n > 0 && (rows[n-1].From > u.series.Evaluated || u.MaxGap > 0 && rows[n-1].LastRead > u.series.Evaluated ||
					rows[n-1].To > u.series.Evaluated && collect.Left(rows[n-1].Ended)) {
					return true
				}
			}
		}
	}
	return false
}

// doubt notes why an answer is not known for what it looked up: of a failure that found records, that all of them are out of
// date, and of any other answer that there may be records which were not read.
func (r *round) doubt(u *unit, looked *lookups, at store.Moment, j *judged) {
	if r.cover == nil || j.Status == Unknown {
		return
	}
	var doubts []piece
	for _, name := range joinsOf(j.Result) {
		if out, ok := r.unread(u, lane{kind: name.Name}, false).around(at); ok && (j.Status != Fail || name.Needed) {
			doubts = append(doubts, out)
		}
	}
	if j.Status == Fail && len(doubts) == 0 {
		for l, since := range looked.from {
			if k := r.m.Words.kinds[l.kind]; !k.Collected {
				continue
			}
			out, ok := r.unread(u, l, false).around(at)
			if !ok || out.From <= since {
				return // this one is known
			}
			doubts = append(doubts, out)
		}
	}
	if len(doubts) == 0 {
		return
	}
	slices.SortFunc(doubts, func(a, b piece) int { return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.Reason, b.Reason)) })
	j.doubt = doubts[0].Reason
	if first := doubts[0].To; j.until == 0 || first < j.until {
		j.until = first
	}
}

// believed is what may be answered. A failure does not begin, and does not end, by what was looked up where it was not read:
// until it is, that is unknown. What else rests on it is kept as it was judged, for coverage on reading hides it.
func (r *round) believed(u *unit, v record.Version, j judged) judged {
	if j.doubt == "" || j.Status == Unknown {
		return j
	}
	o := r.current[subjectID{u.series.ID, v.Record}]
	failed := o != nil && o.Status == codes[Fail]
	if j.Status == Fail && failed || j.Status != Fail && !failed && (o == nil || !parseBasis(o.Basis).Waits) {
		return j
	}
	j.Status, j.Reason, j.waits = Unknown, j.doubt, true
	return j
}
