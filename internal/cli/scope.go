package cli

import (
	"slices"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/scope"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

// boundary narrows a list to what belongs to a system; nil lets everything through.
type boundary struct {
	*scope.Boundary
	from, to store.Moment // the last moment excluded
	unsure   int
	why      string
}

// boundary reads the one of a system: as recorded at a moment, or for a window as it is known now.
func (s *session) boundary(w *workspace.Workspace, id string, asOf store.Moment, during [2]store.Moment) (*boundary, error) {
	if id == "" {
		return nil, nil
	}
	at := time.Time{}
	if asOf != 0 {
		at = asOf.Time()
	}
	look := w.Book.LookAt(s, at)
	b, err := scope.At(look, w.Book.Kinds, id)
	if err != nil {
		return nil, err
	}
	in := &boundary{Boundary: b, from: store.At(look.At), to: store.At(look.At) + 1}
	if during[1] != 0 {
		in.from, in.to = during[0], during[1]
	}
	return in, nil
}

func (b *boundary) holds(v record.Version, from, to store.Moment) bool {
	answer, why := b.Holds(v, b.Day(max(from, b.from).Time()), b.Day((min(to, b.to) - 1).Time()))
	if answer == expr.Unknown {
		b.unsure++
		b.why = why
	}
	return answer != expr.False
}

// keep drops the versions that were outside all the time that they held and that is asked for.
func (b *boundary) keep(list []record.Version) []record.Version {
	if b == nil {
		return list
	}
	return slices.DeleteFunc(list, func(v record.Version) bool { return !b.holds(v, v.From, v.To) })
}

// answers drops the answers about records that were outside.
func (b *boundary) answers(s *session, w *workspace.Workspace, list []check.Interval) ([]check.Interval, error) {
	if b == nil {
		return list, nil
	}
	out := list[:0]
	for _, r := range list {
		v, err := w.Book.ByRecord(s, w.DB, r.Record, min(r.To, b.to)-1)
		if fault.Is(err, fault.NotFound) { // it ended before: its last answer is about what it was
			v, err = w.Book.ByRecord(s, w.DB, r.Record, max(r.From, 1))
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		if err != nil || b.holds(v, r.From, r.To) {
			out = append(out, r)
		}
	}
	return out, nil
}

// say tells how many could not be told to be inside.
func (b *boundary) say(s *session) {
	if b != nil && b.unsure > 0 {
		s.say("Of these, %d cannot be told to be inside or outside, and are listed. %s", b.unsure, b.why)
	}
}
