package chart

import "strings"

// Cell is one stretch of a row of cells. An empty class is a cell in which nothing was judged.
type Cell struct {
	Class string // pass, attention, fail, unknown, not-applicable, planned, or empty
	Title string
	Href  string
	Span  float64 // its share of the row; zero counts as one
}

// Mark is a label under a row of cells, at its share of the row between 0 and 1.
type Mark struct {
	At   float64
	Text string
}

// Cells draws one row of cells, each with its title and, where it leads somewhere, as a link. With labels below it stands
// alone; without, it is a line in a table.
func Cells(title string, cells []Cell, marks []Mark, now float64) string {
	const w, line = 760.0, 22.0
	total := 0.0
	for _, c := range cells {
		total += share(c)
	}
	if total == 0 {
		return ""
	}
	h := line
	if len(marks) > 0 {
		h += 20
	}
	var d drawing
	d.p(`<svg class="chart strip cells" viewBox="0 0 %g %g" role="group" aria-label="%s">`, w, h, esc(title))
	for _, m := range marks {
		x := w * m.At
		d.p(`<path class="rule" d="M%.1f 0V%g"/><text class="ax" x="%.1f" y="%g">%s</text>`, x, line+4, min(x+2, w-30), h-3, esc(m.Text))
	}
	x := 0.0
	for _, c := range cells {
		cw := w * share(c) / total
		gap := min(1.5, cw/5)
		open, end := `<g>`, `</g>`
		if c.Href != "" {
			open, end = `<a href="`+esc(c.Href)+`" aria-label="`+esc(c.Title)+`">`, `</a>`
		}
		d.WriteString(open)
		if c.Title != "" {
			d.p(`<title>%s</title>`, esc(c.Title))
		}
		class := c.Class
		if class == "" {
			class = "none"
		}
		d.rect(class, x+gap/2, 1, max(1, cw-gap), line-2, min(3, cw/4))
		d.WriteString(end)
		x += cw
	}
	if now > 0 && now < 1 {
		d.p(`<path class="now" d="M%.1f 0V%g"><title>Now</title></path>`, w*now, line)
	}
	d.p(`</svg>`)
	return d.String()
}

func share(c Cell) float64 {
	if c.Span == 0 {
		return 1
	}
	return c.Span
}

// Run is a stretch of equal cells.
type Run struct {
	Class, Title string
	Cells        int
}

// Line draws a thin row of cells for a table: stretches of the same state are one mark, so that many rows stay small.
func Line(title string, runs []Run) string {
	total := 0
	for _, r := range runs {
		total += r.Cells
	}
	if total == 0 {
		return ""
	}
	w := 600.0
	var d drawing
	d.p(`<svg class="chart line" viewBox="0 0 %g 16" preserveAspectRatio="none" role="img" aria-label="%s">`, w, esc(title))
	x := 0.0
	for _, r := range runs {
		cw := w * float64(r.Cells) / float64(total)
		class := r.Class
		if class == "" {
			class = "none"
		}
		d.p(`<g><title>%s</title>`, esc(strings.TrimSpace(r.Title)))
		d.rect(class, x, 0, max(1, cw-1.5), 16, 2)
		d.p(`</g>`)
		x += cw
	}
	d.p(`</svg>`)
	return d.String()
}

// Weeks draws the last stretches of a control as small squares side by side.
func Weeks(title string, classes []string) string {
	if len(classes) == 0 {
		return ""
	}
	var d drawing
	d.p(`<svg class="chart weeks" viewBox="0 0 %d 14" role="img" aria-label="%s"><title>%s</title>`, 8*len(classes), esc(title), esc(title))
	for i, c := range classes {
		if c == "" {
			c = "none"
		}
		d.rect(c, float64(8*i), 0, 6.5, 14, 1.5)
	}
	d.p(`</svg>`)
	return d.String()
}
