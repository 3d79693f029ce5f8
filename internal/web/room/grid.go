package room

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/web/part"
	"tickmark/internal/workpaper"
)

// Grid is the items of a paper by its attributes. A cell holds one letter of the legend; an empty cell is blank, which is not a pass.
type Grid struct {
	Attributes []Attribute
	Rows       []GridRow
	Blank      int
	Open       int // cells for which evidence is asked
	Action     string
	Seen       string
	May        bool   // the reader may mark
	Wrong      string // why nothing was saved
	Evidence   string // as typed, for cells that are marked now
	Bulk       Bulk   // as typed
}

// Attribute is one column.
type Attribute struct {
	ID, Text, Deviation string
	Machine             bool // a rule decides, and a tester accepts or overrules
}

// GridRow is one item.
type GridRow struct {
	Item, Key, Content, Sample string
	At                         time.Time
	Targeted, Stray            bool // stray: no sample has it
	Cells                      []Cell
}

// Cell is one letter with what stands behind it.
type Cell struct {
	Name, Attribute, Letter, Note, Evidence, Fact string
	Wrong                                         bool
}

// Class is the colour of a cell; the letter says the same.
func (c Cell) Class() string {
	switch m, _ := meaning(c.Letter); m.mark {
	case workpaper.Met:
		return "ok"
	case workpaper.Deviates:
		return "bad"
	case workpaper.NotAsked:
		return "idle"
	case followsUp:
		return "warn"
	}
	return ""
}

// Said is what the cell says in words.
func (c Cell) Said() string {
	m, ok := meaning(c.Letter)
	if !ok {
		return "blank"
	}
	return m.word
}

const followsUp = "open"

// tick is a letter of the legend: its fixed meaning in every paper of every engagement.
type tick struct{ letter, mark, tickmark, word string }

// Legend is every letter that a cell may hold.
var Legend = []tick{
	{"I", workpaper.Met, "inspected", "met, inspected"},
	{"R", workpaper.Met, "reperformed", "met, reperformed"},
	{"O", workpaper.Met, "observed", "met, observed"},
	{"T", workpaper.Met, "traced", "met, traced to its source"},
	{"V", workpaper.Met, "", "met"},
	{"X", workpaper.Deviates, "", "deviates"},
	{"N", workpaper.NotAsked, "", "not applicable, with its reason"},
	{"E", followsUp, "", "evidence is asked for"},
}

func meaning(letter string) (tick, bool) {
	i := slices.IndexFunc(Legend, func(t tick) bool { return t.letter == letter })
	if i < 0 {
		return tick{}, false
	}
	return Legend[i], true
}

// letterOf is the letter of a cell as it is recorded.
func letterOf(c map[string]any) string {
	for _, t := range Legend {
		if t.mark == text(c, "mark") && (t.mark != workpaper.Met || t.tickmark == strings.ToLower(text(c, "tickmarks"))) {
			return t.letter
		}
	}
	if text(c, "mark") == workpaper.Met {
		return "V"
	}
	return ""
}

// cellName is how forms name a cell.
func cellName(item, attribute string) string { return item + "|" + attribute }

func (s *Site) gridOf(ctx context.Context, f *file, e entry) (Grid, error) {
	g := Grid{Action: f.path("papers", e.text("control"), "grid"), Seen: part.Stamp(e.V.From.Time()), May: s.mayWrite(ctx)}
	for _, a := range engagement.Objects(e.Body, "attributes") {
		g.Attributes = append(g.Attributes, Attribute{ID: text(a, "id"), Text: text(a, "text"), Deviation: text(a, "deviation"), Machine: a["decided_by"] == "machine"})
	}
	rows, err := workpaper.Rows(f.look, e.Body)
	if err != nil {
		return g, err
	}
	known, err := s.contents(ctx, f, rows)
	if err != nil {
		return g, err
	}
	cells := map[string]map[string]any{}
	for _, c := range engagement.Objects(e.Body, "grid") {
		cells[cellName(text(c, "item"), text(c, "attribute"))] = c
	}
	why := refused(ctx)
	if why.At == "grid" {
		g.Wrong, g.Evidence, g.Bulk = why.Sentence, first(why.Typed["evidence"]), bulkOf(why.Typed)
	}
	for _, x := range rows {
		row := known[x.Item]
		row.Item, row.Sample, row.Targeted, row.Stray = x.Item, x.Sample, x.Targeted, x.Sample == ""
		for _, a := range g.Attributes {
			name := cellName(x.Item, a.ID)
			c := cells[name]
			cell := Cell{Name: name, Attribute: a.ID, Letter: letterOf(c), Note: text(c, "note"), Evidence: strings.Join(engagement.List(c, "evidence"), " "), Fact: text(c, "fact")}
			if why.At == "grid" {
				cell.typed(why.Typed, why.Sentence)
			}
			switch {
			case cell.Letter == "":
				g.Blank++
			case cell.Letter == "E":
				g.Open++
			}
			row.Cells = append(row.Cells, cell)
		}
		g.Rows = append(g.Rows, row)
	}
	return g, nil
}

// typed puts what was typed over what is recorded, after a refusal.
func (c *Cell) typed(in map[string][]string, sentence string) {
	for prefix, into := range map[string]*string{"c|": &c.Letter, "n|": &c.Note, "e|": &c.Evidence} {
		if v, ok := in[prefix+c.Name]; ok {
			*into = first(v)
		}
	}
	c.Letter = strings.ToUpper(strings.TrimSpace(c.Letter))
	item, attribute, _ := strings.Cut(c.Name, "|")
	c.Wrong = strings.Contains(sentence, fmt.Sprintf("tem %s, attribute %s ", item, attribute))
}

func first(v []string) string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

// contents are what the population says of each item. Where its file cannot be read the grid still stands, with the positions alone.
func (s *Site) contents(ctx context.Context, f *file, rows []workpaper.Row) (map[string]GridRow, error) {
	out := map[string]GridRow{}
	for _, r := range rows {
		if _, done := out[r.Item]; done || r.Sample == "" {
			continue
		}
		e, err := s.within(f, workpaper.SampleName, r.Sample)
		if err != nil {
			return nil, err
		}
		list, err := s.itemsOf(ctx, e)
		if err != nil && !said(err) && !fault.Is(err, fault.Unavailable) {
			return nil, err
		}
		for _, i := range list {
			out[fmt.Sprint(i.Position)] = GridRow{Key: i.Key, At: momentOf(i.At), Content: contentOf(i.Content)}
		}
		if _, ok := out[r.Item]; !ok {
			out[r.Item] = GridRow{}
		}
	}
	return out, nil
}

// Bulk is a mark for many cells at once.
type Bulk struct {
	Attribute, Letter, Note string
	Over                    bool // over what is marked already
}

func bulkOf(in map[string][]string) Bulk {
	return Bulk{Attribute: first(in["bulk.attribute"]), Letter: strings.ToUpper(strings.TrimSpace(first(in["bulk.letter"]))), Note: strings.TrimSpace(first(in["bulk.note"])), Over: first(in["bulk.over"]) != ""}
}

// gridSave takes the letters of a grid. Cells that are not in the form stay as they are; nothing is saved when one of them cannot be.
func (s *Site) gridSave(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, access.Write, workpaper.Name); err != nil {
		return err
	}
	f, err := s.open(r)
	if err != nil {
		return err
	}
	found, err := f.those(workpaper.Name, "control", segment(r, "control"))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fault.New(fault.NotFound, "There is no paper of %s.", segment(r, "control")).WithNext("Begin it first.")
	}
	e := found[0]
	if err := s.Read(w, r); err != nil {
		return err
	}
	base, err := seen(r)
	if err != nil {
		return err
	}
	why := refusal{At: "grid", Typed: r.PostForm}
	rows, err := workpaper.Rows(f.look, e.Body)
	if err != nil {
		return err
	}
	came, err := f.accepted(e.text("control"))
	if err != nil {
		return err
	}
	grid, changed, err := marked(e.Body, rows, r.PostForm, came)
	switch {
	case err == nil && e.V.From != base:
		err = fault.New(fault.Conflict, "%s changed this paper since you opened it, so nothing was saved.", part.Who(ctx, e.V.Actor)).WithNext("Your marks stand below; look at the paper in another window, and save again.")
	case err == nil && changed == 0:
		err = fault.New(fault.Invalid, "No cell changed.")
	case err == nil:
		e.Body["grid"] = grid
		_, err = s.put(ctx, workpaper.Name, e.Key, e.Body, "marked "+part.Count(changed, "cell"), &base)
	}
	if said(err) {
		why.Sentence, why.Status = sentence(err), fault.Status(err)
		return s.again(w, r, s.paper, why)
	}
	if err != nil {
		return err
	}
	return s.done(w, r, f.path("papers", e.text("control"))+"#grid", part.Count(changed, "cell")+" marked.")
}

// marked is a paper's grid with what a form says of its cells, and how many of them changed. A cell that is marked as met without
// evidence of its own rests on what came in for its item, and otherwise on what the form names for all.
func marked(paper map[string]any, rows []workpaper.Row, in map[string][]string, came func(item string) []string) ([]any, int, error) {
	cells := map[string]map[string]any{}
	var order []string
	for _, c := range engagement.Objects(paper, "grid") {
		name := cellName(text(c, "item"), text(c, "attribute"))
		cells[name] = c
		order = append(order, name)
	}
	bulk, picked, all := bulkOf(in), in["pick"], references(first(in["evidence"]))
	if first(in["bulk"]) == "" {
		bulk = Bulk{}
	} else if _, ok := meaning(bulk.Letter); !ok {
		return nil, 0, fault.New(fault.Invalid, "%q is no mark.", bulk.Letter).WithNext("Choose one of the legend.")
	}
	changed := 0
	for _, row := range rows {
		for _, a := range engagement.Objects(paper, "attributes") {
			id := text(a, "id")
			name := cellName(row.Item, id)
			c, has := cells[name]
			letter, note, evidence := letterOf(c), text(c, "note"), engagement.List(c, "evidence")
			before := letter + "\x00" + note + "\x00" + strings.Join(evidence, " ")
			if v, ok := in["c|"+name]; ok {
				letter = strings.ToUpper(strings.TrimSpace(first(v)))
			}
			if v, ok := in["n|"+name]; ok {
				note = strings.TrimSpace(first(v))
			}
			if v, ok := in["e|"+name]; ok {
				evidence = references(first(v))
			}
			if first(in["cell.item"]) == row.Item && first(in["cell.attribute"]) == id && first(in["cell"]) != "" {
				note, evidence = strings.TrimSpace(first(in["cell.note"])), references(first(in["cell.evidence"]))
			}
			if bulk.Letter != "" && (bulk.Attribute == "" || bulk.Attribute == id) && (len(picked) == 0 || slices.Contains(picked, row.Item)) && (letter == "" || bulk.Over) {
				letter = bulk.Letter
				if bulk.Note != "" {
					note = bulk.Note
				}
			}
			m, known := meaning(letter)
			if letter != "" && !known {
				return nil, 0, fault.New(fault.Invalid, "Item %s, attribute %s says %q, which is no mark.", row.Item, id, letter).WithNext("Use a letter of the legend, or leave the cell empty.")
			}
			if m.mark == workpaper.Met && len(evidence) == 0 {
				if evidence = came(row.Item); len(evidence) == 0 {
					evidence = all
				}
			}
			if letter+"\x00"+note+"\x00"+strings.Join(evidence, " ") == before {
				continue
			}
			changed++
			if letter == "" {
				if has {
					delete(cells, name)
				}
				continue
			}
			fresh := map[string]any{"item": row.Item, "attribute": id, "mark": m.mark}
			if f := text(c, "fact"); f != "" {
				fresh["fact"] = f
			}
			switch {
			case letterOf(c) == letter && text(c, "tickmarks") != "":
				fresh["tickmarks"] = text(c, "tickmarks")
			case m.tickmark != "":
				fresh["tickmarks"] = m.tickmark
			}
			if note != "" {
				fresh["note"] = note
			}
			if len(evidence) > 0 {
				fresh["evidence"] = anys(evidence)
			}
			if !has {
				order = append(order, name)
			}
			cells[name] = fresh
		}
	}
	out := []any{}
	for _, name := range order {
		if c, ok := cells[name]; ok {
			out = append(out, c)
			delete(cells, name)
		}
	}
	return out, changed, nil
}

// references are evidence as people type it: hashes or references, apart by spaces, commas or lines.
func references(typed string) []string {
	return strings.FieldsFunc(typed, func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '\n' || r == '\r' || r == '\t' })
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// contentOf is a row's content for people: names and values of a flat record, or the text as it stands.
func contentOf(content string) string {
	d := json.NewDecoder(strings.NewReader(content))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return content
	}
	var out []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return content
		}
		value, err := d.Token()
		if _, nested := value.(json.Delim); err != nil || nested {
			return content
		}
		out = append(out, fmt.Sprintf("%v: %v", name, value))
	}
	return strings.Join(out, ", ")
}

// momentOf leaves out the far moment that stands for none.
func momentOf(t time.Time) time.Time {
	if t.Year() > 3000 {
		return time.Time{}
	}
	return t
}
