package requirement

import (
	"slices"

	"tickmark/internal/calendar"
)

// Required is one requirement, as far as its spans go.
type Required struct {
	Frequency string
	From, To  calendar.Day // inclusive; a zero To is still so
	Grace     int          // days after a span in which its evidence may still be handed in
}

// Piece is one piece of evidence that speaks for a requirement. Pieces that were withdrawn are left out before.
type Piece struct {
	Key      string
	Covers   calendar.Span // its own period; one without a period speaks for no span
	Reviewed bool          // by another person
}

// State of a span.
type State string

// The states of a span: met by reviewed evidence; waiting for another person's review; open while it can still be handed in
// in time; a gap when nothing covers it.
const (
	Met     State = "met"
	Waiting State = "waiting"
	Open    State = "open"
	Gap     State = "gap"
)

// Span is one span of a requirement with the evidence that covers it.
type Span struct {
	calendar.Span
	Due    calendar.Day // last day on which its evidence is in time
	State  State
	Pieces []string // keys of what covers it
}

// Spans are those of a requirement that began by today, in order, from the first that is not over before from to the last
// that begins by to. A span is met by a piece that covers all of it, by pieces that together do, or by one that lies within
// it; a piece that only reaches into it from another span covers nothing of it. What is required once is one span from its
// first day on; what is required continuously is cut where its cover begins and ends. What is required per event has no
// spans: its occurrences say what it needs.
func Spans(r Required, pieces []Piece, from, to, today calendar.Day) []Span {
	first, last := r.From, to
	if !r.To.IsZero() && r.To.Before(last) {
		last = r.To
	}
	if today.Before(last) {
		last = today
	}
	switch r.Frequency {
	case "once":
		if first.After(last) {
			return nil
		}
		return []Span{once(r, pieces, last)}
	case "continuous":
		if from.After(first) {
			first = from
		}
		return continuous(pieces, first, last)
	}
	if s, ok := calendar.Around(r.Frequency, from); ok && s.From.After(first) {
		first = s.From
	}
	end := last
	if s, ok := calendar.Around(r.Frequency, last); ok && !first.After(last) {
		end = s.To // the span in progress is shown whole
		if !r.To.IsZero() && r.To.Before(end) {
			end = r.To
		}
	}
	var out []Span
	for _, s := range calendar.Over(r.Frequency, first, end) {
		x := Span{Span: s, Due: s.To.AddDate(0, 0, r.Grace), State: Gap}
		for _, reviewed := range []bool{true, false} {
			if keys := covering(s, pieces, reviewed); len(keys) > 0 {
				x.Pieces, x.State = keys, Waiting
				if reviewed {
					x.State = Met
				}
				break
			}
		}
		if x.State == Gap && !today.After(x.Due) {
			x.State = Open
		}
		out = append(out, x)
	}
	return out
}

// covering are the pieces that meet a span: with reviewed, only reviewed ones.
func covering(s calendar.Span, pieces []Piece, reviewed bool) []string {
	var within, reaching []Piece
	for _, p := range pieces {
		switch {
		case reviewed && !p.Reviewed || p.Covers.From.IsZero() || p.Covers.To.IsZero():
		case s.Has(p.Covers.From) && s.Has(p.Covers.To):
			within = append(within, p)
		case !p.Covers.From.After(s.To) && !p.Covers.To.Before(s.From):
			reaching = append(reaching, p)
		}
	}
	if len(within) > 0 {
		return keys(within)
	}
	at := s.From
	slices.SortFunc(reaching, func(a, b Piece) int { return a.Covers.From.Compare(b.Covers.From) })
	for _, p := range reaching {
		if p.Covers.From.After(at) {
			return nil
		}
		if next := p.Covers.To.AddDate(0, 0, 1); next.After(at) {
			at = next
		}
	}
	if !at.After(s.To) {
		return nil
	}
	return keys(reaching)
}

func keys(pieces []Piece) []string {
	var out []string
	for _, p := range pieces {
		if !slices.Contains(out, p.Key) {
			out = append(out, p.Key)
		}
	}
	return out
}

func once(r Required, pieces []Piece, last calendar.Day) Span {
	x := Span{Span: calendar.Span{From: r.From, To: last}, Due: r.From.AddDate(0, 0, r.Grace), State: Gap}
	for _, p := range pieces {
		if p.Covers.To.IsZero() || p.Covers.To.Before(r.From) || p.Covers.From.After(last) {
			continue
		}
		x.Pieces = append(x.Pieces, p.Key)
		if p.Reviewed {
			x.State = Met
		} else if x.State != Met {
			x.State = Waiting
		}
	}
	if x.State == Gap && !last.After(x.Due) {
		x.State = Open
	}
	return x
}

// continuous cuts the days from first to last where the cover changes.
func continuous(pieces []Piece, first, last calendar.Day) []Span {
	var out []Span
	for d := first; !d.After(last); d = d.AddDate(0, 0, 1) {
		x := Span{Span: calendar.Span{From: d, To: d}, Due: d, State: Gap}
		for _, p := range pieces {
			if p.Covers.From.IsZero() || p.Covers.To.IsZero() || !p.Covers.Has(d) {
				continue
			}
			x.Pieces = append(x.Pieces, p.Key)
			if p.Reviewed {
				x.State = Met
			} else if x.State != Met {
				x.State = Waiting
			}
		}
		if n := len(out) - 1; n >= 0 && out[n].State == x.State && slices.Equal(out[n].Pieces, x.Pieces) {
			out[n].To, out[n].Due = d, d
			continue
		}
		out = append(out, x)
	}
	return out
}
