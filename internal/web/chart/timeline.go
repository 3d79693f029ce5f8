package chart

import (
	"time"
)

// Interval is a stretch of time in one state. A zero To is still so.
type Interval struct {
	From, To time.Time
	Class    string // pass, attention, fail, unknown, not-applicable, covered
	Title    string // what was so, for the mark's title
	Href     string
}

// Row is one line of a timeline.
type Row struct {
	Label, Href string
	Intervals   []Interval
}

// Timeline draws rows of intervals between from and to; now, when inside, is a dashed line. What no interval covers is left empty:
// nothing was known there.
func Timeline(title string, from, to, now time.Time, zone *time.Location, rows []Row) string {
	if zone == nil {
		zone = time.UTC
	}
	const line, head = 22.0, 6.0
	w, l := 760.0, 168.0
	if len(rows) == 1 && rows[0].Label == "" {
		l = 4
	}
	span := to.Sub(from).Seconds()
	if span <= 0 || len(rows) == 0 {
		return ""
	}
	h := head + line*float64(len(rows)) + 24
	x := func(t time.Time) float64 {
		f := t.Sub(from).Seconds() / span
		return l + (w-l-6)*min(1, max(0, f))
	}
	var d drawing
	d.p(`<svg class="chart strip" viewBox="0 0 %g %g" role="group" aria-label="%s">`, w, h, esc(title))
	for _, t := range ticks(from.In(zone), to.In(zone)) {
		d.p(`<path class="rule" d="M%.1f %gV%.1f"/><text class="ax" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x(t.at), head-4, h-20, min(w-24, max(x(t.at), l+14)), h-6, esc(t.text))
	}
	for i, r := range rows {
		y := head + line*float64(i)
		if r.Label != "" {
			text := short(r.Label, 27)
			d.p(`<text class="lbl" x="0" y="%.1f">%s<title>%s</title></text>`, y+13.5, esc(text), esc(r.Label))
		}
		d.p(`<rect class="rule" x="%.1f" y="%.1f" width="%.1f" height="14" rx="3"/>`, l, y+2, w-l-6)
		for _, v := range r.Intervals {
			end := v.To
			if end.IsZero() || end.After(to) {
				end = to
				if !now.IsZero() && now.Before(to) {
					end = now
				}
			}
			if !end.After(from) || !v.From.Before(to) {
				continue
			}
			x0, x1 := x(v.From), x(end)
			if v.Href != "" {
				d.p(`<a href="%s" aria-label="%s">`, esc(v.Href), esc(v.Title))
			} else {
				d.p(`<g>`)
			}
			d.p(`<title>%s</title>`, esc(v.Title))
			d.rect(v.Class, x0, y+2, max(1.5, x1-x0-.5), 14, 2.5)
			if v.Href != "" {
				d.p(`</a>`)
			} else {
				d.p(`</g>`)
			}
		}
	}
	if !now.IsZero() && now.After(from) && now.Before(to) {
		d.p(`<path class="now" d="M%.1f 2V%.1f"><title>Now</title></path>`, x(now), h-20)
	}
	d.p(`</svg>`)
	return d.String()
}

func short(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

type tick struct {
	at   time.Time
	text string
}

// ticks are at most about eight readable moments between from and to.
func ticks(from, to time.Time) []tick {
	span := to.Sub(from)
	day := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location()) }
	var at time.Time
	var next func(time.Time) time.Time
	format := "2 Jan"
	switch {
	case span <= 3*time.Minute:
		at, format = from.Truncate(30*time.Second), "15:04:05"
		next = func(t time.Time) time.Time { return t.Add(30 * time.Second) }
	case span <= 20*time.Minute:
		at, format = from.Truncate(5*time.Minute), "15:04"
		next = func(t time.Time) time.Time { return t.Add(5 * time.Minute) }
	case span <= 2*time.Hour:
		at, format = from.Truncate(15*time.Minute), "15:04"
		next = func(t time.Time) time.Time { return t.Add(15 * time.Minute) }
	case span <= 10*time.Hour:
		at, format = from.Truncate(2*time.Hour), "15:04"
		next = func(t time.Time) time.Time { return t.Add(2 * time.Hour) }
	case span <= 30*time.Hour:
		at, format = from.Truncate(4*time.Hour), "15:04"
		next = func(t time.Time) time.Time { return t.Add(4 * time.Hour) }
	case span <= 400*24*time.Hour:
		step := int(span.Hours()/24/7) + 1
		at, next = day(from), func(t time.Time) time.Time { return t.AddDate(0, 0, step) }
	default:
		format = "2006"
		at, next = time.Date(from.Year(), 1, 1, 0, 0, 0, 0, from.Location()), func(t time.Time) time.Time { return t.AddDate(int(span.Hours()/24/365/7)+1, 0, 0) }
	}
	var out []tick
	for ; !at.After(to) && len(out) < 20; at = next(at) {
		if !at.Before(from) {
			out = append(out, tick{at, at.Format(format)})
		}
	}
	return out
}
