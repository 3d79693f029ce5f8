// Package chart draws small SVG charts. The one rule: colours come only from classes in the stylesheet, so that charts
// follow the theme, print, and pass a policy without inline style; every mark has its title and, on paper or without
// colour, its hatch.
package chart

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Series is one kind of mark: Class is pass, attention, fail, unknown, not-applicable or accent.
type Series struct {
	Name, Class string
	Values      []float64
}

type drawing struct{ strings.Builder }

func (d *drawing) p(format string, args ...any) { fmt.Fprintf(d, format, args...) }

func esc(s string) string { return html.EscapeString(s) }

func (d *drawing) open(class, title string, w, h float64) {
	d.p(`<svg class="chart %s" viewBox="0 0 %g %g" role="img" aria-label="%s">`, class, w, h, esc(title))
}

// Patterns are the hatches that charts on a page share; the layout places them once.
const Patterns = `<svg class="vh" width="0" height="0" aria-hidden="true"><defs>` +
	`<pattern id="hatch-fail" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0V6"/></pattern>` +
	`<pattern id="hatch-attention" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><path class="hatch" d="M0 0V6"/></pattern>` +
	`<pattern id="hatch-unknown" width="5" height="5" patternUnits="userSpaceOnUse"><circle class="speck" cx="2.5" cy="2.5" r="1.1"/></pattern>` +
	`</defs></svg>`

// rect draws a mark in its colour and its hatch.
func (d *drawing) rect(class string, x, y, w, h, r float64) {
	d.p(`<rect class="fill %s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%g"/>`, class, x, y, w, h, r)
	switch class {
	case "fail", "attention", "unknown":
		d.p(`<rect fill="url(#hatch-%s)" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%g"/>`, class, x, y, w, h, r)
	}
}

// Swatch is the mark beside a word in a legend.
func Swatch(class string) string {
	var d drawing
	d.p(`<svg class="swatch chart %s" viewBox="0 0 10 10" aria-hidden="true">`, class)
	d.rect(class, 0, 0, 10, 10, 3)
	d.p(`</svg>`)
	return d.String()
}

// nice rounds a maximum up so that its four parts are whole and read well.
func nice(v float64) float64 {
	if v <= 4 {
		return 4
	}
	e := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 12} {
		if most := math.Round(m * e); v <= most && math.Mod(most, 4) == 0 {
			return most
		}
	}
	return v
}

const width, height, left, right, top, bottom = 640.0, 200.0, 36.0, 8.0, 8.0, 22.0

func yAt(v, most float64) float64 { return top + (height-top-bottom)*(1-v/most) }

func (d *drawing) axis(most float64, unit string) {
	for k := range 5 {
		v := most * float64(k) / 4
		d.p(`<path class="rule" d="M%g %.1fH%g"/><text class="ax" x="%g" y="%.1f" text-anchor="end">%g%s</text>`, left, yAt(v, most), width-right, left-7, yAt(v, most)+3.5, v, esc(unit))
	}
}

func (d *drawing) labels(labels []string, x func(int) float64) {
	step := (len(labels) + 6) / 7
	for i := 0; i < len(labels); i += step {
		d.p(`<text class="ax" x="%.1f" y="%g" text-anchor="middle">%s</text>`, x(i), height-6, esc(labels[i]))
	}
}

// Stack draws stacked columns, one per label, the first series at the bottom. Where there are links, each column leads to its
// own, over its whole height, so that low columns are no harder to hit.
func Stack(title string, labels, links []string, series ...Series) string {
	n := len(labels)
	if n == 0 {
		return ""
	}
	most := 0.0
	for i := range n {
		sum := 0.0
		for _, s := range series {
			sum += s.Values[i]
		}
		most = math.Max(most, sum)
	}
	most = nice(most)
	step := (width - left - right) / float64(n)
	bar := math.Min(step*.76, 34)
	x := func(i int) float64 { return left + step*(float64(i)+.5) }
	var d drawing
	if links == nil {
		d.open("stacked", title, width, height)
	} else {
		d.p(`<svg class="chart stacked" viewBox="0 0 %g %g" role="group" aria-label="%s">`, width, height, esc(title))
	}
	d.axis(most, "")
	for i := range n {
		said := labels[i]
		for _, s := range series {
			said += fmt.Sprintf(" · %s %g", s.Name, s.Values[i])
		}
		if links == nil {
			d.p(`<g class="col"><title>%s</title>`, esc(said))
		} else {
			d.p(`<a class="col" href="%s" aria-label="%s"><title>%s</title><rect class="hit" x="%.1f" y="%g" width="%.1f" height="%g"/>`, esc(links[i]), esc(said), esc(said), x(i)-step/2, top, step, height-top-bottom)
		}
		sum := 0.0
		for _, s := range series {
			v := s.Values[i]
			if v > 0 {
				h := yAt(sum, most) - yAt(sum+v, most)
				d.rect(s.Class, x(i)-bar/2, yAt(sum+v, most), bar, math.Max(.6, h-.8), 1.5)
			}
			sum += v
		}
		if links == nil {
			d.p(`</g>`)
		} else {
			d.p(`</a>`)
		}
	}
	d.labels(labels, x)
	d.p(`</svg>`)
	return d.String()
}

// Donut draws a ring of parts with words in the middle. Nothing at all is a ring of nothing, not of good.
func Donut(title, middle, below string, series ...Series) string {
	const r, c = 52.0, 64.0
	total, parts := 0.0, 0
	for _, s := range series {
		total += s.Values[0]
		if s.Values[0] > 0 {
			parts++
		}
	}
	var d drawing
	d.open("donut", title, 128, 128)
	if total == 0 {
		d.p(`<circle class="arc none" cx="64" cy="64" r="52"/>`)
	}
	gap := .05
	if parts == 1 {
		gap = 0
	}
	a := -math.Pi / 2
	for _, s := range series {
		v := s.Values[0]
		if v == 0 {
			continue
		}
		if parts == 1 {
			d.p(`<circle class="arc %s" cx="64" cy="64" r="52"><title>%s %g</title></circle>`, s.Class, esc(s.Name), v)
			continue
		}
		turn := 2 * math.Pi * v / total
		e := a + math.Max(turn-gap, .02)
		large := 0
		if e-a > math.Pi {
			large = 1
		}
		d.p(`<path class="arc %s" d="M%.2f %.2fA%g %g 0 %d 1 %.2f %.2f"><title>%s %g</title></path>`, s.Class, c+r*math.Cos(a), c+r*math.Sin(a), r, r, large, c+r*math.Cos(e), c+r*math.Sin(e), esc(s.Name), v)
		a += turn
	}
	d.p(`<text class="mid" x="64" y="68" text-anchor="middle">%s</text><text class="ax" x="64" y="84" text-anchor="middle">%s</text></svg>`, esc(middle), esc(below))
	return d.String()
}

// Share draws how a whole divides, as one thin bar.
func Share(title string, series ...Series) string {
	total := 0.0
	for _, s := range series {
		total += s.Values[0]
	}
	var d drawing
	d.p(`<svg class="share chart" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="%s"><title>%s</title>`, esc(title), esc(title))
	if total == 0 {
		d.p(`<rect class="fill none" width="100" height="6"/>`)
	}
	x := 0.0
	for _, s := range series {
		w := 0.0
		if total > 0 {
			w = 100 * s.Values[0] / total
		}
		if w > 0 {
			d.p(`<rect class="fill %s" x="%.2f" width="%.2f" height="6"/>`, s.Class, x, w)
			x += w
		}
	}
	d.p(`</svg>`)
	return d.String()
}
