package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/approval"
	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/control"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/requirement"
	stands "tickmark/internal/standing"
	"tickmark/internal/web/chart"
	"tickmark/internal/web/part"
)

var controlTabs = []struct{ tab, text string }{{"", "Overview"}, {"time", "Over time"}, {"checks", "Checks"}, {"occurrences", "Occurrences"}, {"evidence", "Evidence"}, {"policies", "Policies"}, {"findings", "Findings"}}

// tabs of a control's page; what belongs to its record comes after, history last but the proof.
func controlTabsOf(key, now string, counts map[string]int) []part.Tab {
	var out []part.Tab
	for _, t := range controlTabs {
		href := part.Path("controls", key)
		if t.tab != "" {
			href += "/" + t.tab
		}
		out = append(out, part.Tab{Text: t.text, Href: href, Current: t.tab == now, Count: counts[t.tab]})
	}
	path := recordPath("control", key)
	return append(out, part.Tab{Text: "Comments", Href: path + "/comments"}, part.Tab{Text: "History", Href: path + "/history"}, part.Tab{Text: "Proof", Href: path + "/proof"})
}

// readiness are the four things a control stands on.
func (c *ControlPage) readiness(k controlState, today string) {
	path := part.Path("controls", c.Key)
	for _, x := range []struct{ name, title, icon string }{{"checks", "Checks", "list-checks"}, {"occurrences", "Occurrences", "calendar-clock"}, {"evidence", "Evidence", "folder-check"}} {
		p := partNamed(k.parts, x.name)
		card := ReadyCard{Name: x.title, Icon: x.icon, Href: path + "/" + x.name, Status: statusOf(p.Status), Why: p.Reason}
		if x.name == "checks" && p.Status == check.Fail && k.results.Failing == 0 {
			card.Status = part.Attention
		}
		if p.Nothing {
			card.Status, card.Tone, card.Mark, card.Word = "", part.Idle, "circle-minus", "Nothing to judge"
		} else {
			card.N = fmt.Sprintf("%d of %d", p.Of-p.Bad, p.Of)
		}
		c.Cards = append(c.Cards, card)
	}
	a := ReadyCard{Name: "Approval", Icon: "stamp", Href: recordPath("control", c.Key) + "/history", Tone: part.OK, Mark: "circle-check", Word: "Approved", Why: c.Approval}
	switch {
	case k.Approval == approval.ByAuthor && k.ReviewDue < today:
		a.Tone, a.Mark, a.Word = part.Bad, "circle-x", "Later review overdue"
	case k.Approval == approval.ByAuthor:
		a.Tone, a.Mark, a.Word = part.Warn, "circle-alert", "Approved by its author"
	case k.Approval == approval.LaterReview:
		a.Tone, a.Mark, a.Word = part.Info, "eye", "Approved by its author, reviewed later"
	case k.Approval == "":
		a.Tone, a.Mark, a.Word, a.Why = part.Idle, "circle-dashed", "Not approved", "A control counts only once somebody other than its authors approved it."
	}
	c.Cards = append(c.Cards, a)
}

func partNamed(parts []stands.Part, name string) stands.Part {
	for _, p := range parts {
		if p.Name == name {
			return p
		}
	}
	return stands.Part{Name: name, Nothing: true, Reason: "It is not judged."}
}

// notCounted says what is there and counts for nothing.
func (c *ControlPage) notCounted(k controlState, o *stands.Operation, exceptions []part.Link) {
	path := part.Path("controls", c.Key)
	add := func(text, href, note string) {
		c.NotCounted = append(c.NotCounted, part.Link{Text: text, Href: href, Note: note})
	}
	none := 0
	for _, x := range k.checks {
		if x.status == part.NotApplicable {
			none++
		}
	}
	if none > 0 {
		add(part.Count(none, "check"), path+"/checks", "applies to none of the records there are.")
	}
	if p := partNamed(k.parts, "occurrences"); p.Open > 0 {
		add(part.Count(p.Open, "scheduled performance"), path+"/occurrences", "not due yet.")
	}
	var unseen, nothing, gone int
	for _, key := range o.EvidenceOf(c.Key) {
		e := o.Evidence[key]
		if e.State == "received" {
			unseen++
		}
		if e.From == "" || e.To == "" {
			nothing++
		}
	}
	for _, e := range o.Evidence {
		if e.State == "withdrawn" && contains(e.Controls, c.Key) {
			gone++
		}
	}
	if unseen > 0 {
		add(part.Count(unseen, "piece", "pieces")+" of evidence", path+"/evidence", "not reviewed by another person.")
	}
	if nothing > 0 {
		add(part.Count(nothing, "piece", "pieces")+" of evidence", path+"/evidence", "without a period, so for no span.")
	}
	if gone > 0 {
		add(part.Count(gone, "piece", "pieces")+" of evidence", path+"/evidence", "withdrawn.")
	}
	for _, x := range exceptions {
		x.Note = "an exception; what fails goes on failing."
		c.NotCounted = append(c.NotCounted, x)
	}
	if k.State != "active" {
		add("The control itself", recordPath("control", c.Key), "is not in operation, so it can fail a criterion and never pass it.")
	}
}

// howOften says how often a control of a frequency is tested in a window.
func howOften(frequency string, events control.Events, o *stands.Operation) string {
	from, to := o.Window.From, o.Window.To
	where := "in twelve months"
	if o.Period != nil && calendar.Parse(o.Period.From).Equal(from) {
		where = "in your window"
	} else {
		from, to = o.Today, o.Today.AddDate(1, 0, -1)
	}
	switch n, spans := control.TestedPerWindow(frequency, from, to); {
	case spans && n == 0:
		return "Not tested " + where + ": none of its spans ends in it"
	case spans && n == 1:
		return "Tested once " + where
	case spans:
		return fmt.Sprintf("Tested about %d times %s", n, where)
	case frequency == "per_event" && events.Waits != "":
		return "Not tested until there is " + events.Waits
	case frequency == "per_event":
		return "Tested as often as it is called for " + where
	case frequency == "continuous":
		return "Tested over every day " + strings.Replace(where, "in your", "of your", 1)
	}
	return ""
}

// calledFor says what calls for a control that is performed per event.
func (s *site) calledFor(frequency, manner string, e control.Events) string {
	k, err := s.Book.Kinds.Named(e.Kind)
	what := e.Kind
	if err == nil {
		what = strings.ToLower(k.Title)
	}
	field := func(name string) string {
		if err == nil {
			if f, ok := k.FieldNamed(name); ok {
				return strings.ToLower(titleOf(f))
			}
		}
		return strings.ReplaceAll(name, "_", " ")
	}
	day := func(n int) string { return part.Count(n, "day", "days") }
	switch {
	case frequency != "per_event":
		return ""
	case e.Waits != "":
		return "Waits for " + e.Waits
	case e.Kind == "":
		return "Nothing yet: name its events"
	}
	out := "Each " + what
	switch {
	case e.Changed != "":
		out = "Each change of a " + what + "'s " + field(e.Changed)
	case e.Date != "":
		out += ", by its " + field(e.Date)
	}
	if e.Where != "" {
		out += ", where " + e.Where
	}
	switch {
	case manner == "automated":
		return out + "; its checks judge them"
	case e.Days == 0:
		out += "; due on that day"
	default:
		out += "; due within " + day(e.Days)
	}
	if e.Lead > 0 {
		out += ", from " + day(e.Lead) + " before"
	}
	return out
}

// performances fills in the occurrences over the window.
func (c *ControlPage) performances(ctx context.Context, o *stands.Operation, people func(string) string) {
	zone := part.Of(ctx).Zone
	c.Window = o.Window.Words()
	days := func(a, b calendar.Day) float64 { return b.Sub(a).Hours()/24 + 1 }
	whole := days(o.Window.From, o.Window.To)
	var cells []chart.Cell
	at := o.Window.From
	list := o.Occurrences[c.Key]
	for _, x := range list {
		span := o.Span(x)
		if x.State == "withdrawn" || span.To.Before(o.Window.From) || span.From.After(o.Window.To) {
			continue
		}
		what := span.Words()
		if x.EventKey != "" {
			what = part.Sentence(x.EventKind) + " " + x.EventKey + ", " + what
		}
		row := PerformanceRow{Span: what, Href: part.Path("occurrences", x.Key), State: part.Status(x.State), Due: part.Due{Day: endOfDay(x.Due, zone)}, By: people(x.PerformedBy), Reviewed: people(x.ReviewedBy), Evidence: len(x.Evidence)}
		row.Done, _ = time.Parse(time.RFC3339Nano, x.Occurred)
		class := map[string]string{"performed": "pass", "performed_late": "fail", "missed": "fail", "scheduled": "planned", "not_applicable": "not-applicable"}[x.State]
		switch {
		case x.State == "scheduled" && o.Missed(x):
			row.Due.Overdue, class, row.Act = true, "fail", "Open"
		case x.State == "scheduled" && !span.From.After(o.Today):
			row.Act = "Record as done"
		case x.State == "missed":
			row.Due.Overdue, row.Act = true, "Record as done late"
		}
		c.Done = append(c.Done, row)
		if x.EventKey == "" && !span.From.Before(at) {
			if gap := days(at, span.From) - 1; gap > 0 {
				cells = append(cells, chart.Cell{Span: gap, Title: "Nothing was scheduled"})
			}
			cells = append(cells, chart.Cell{Class: class, Title: span.Words() + ": " + strings.ToLower(row.State.Word()), Href: string(part.To(ctx, row.Href)), Span: days(span.From, span.To)})
			at = span.To.AddDate(0, 0, 1)
		}
	}
	if len(cells) > 0 {
		if rest := days(at, o.Window.To); rest > 0 {
			cells = append(cells, chart.Cell{Span: rest, Title: "Nothing is scheduled"})
		}
		c.Drawing = chart.Cells("Performances from "+c.Window, cells, months(o.Window), (days(o.Window.From, o.Today)-1)/whole)
	}
	slices.Reverse(c.Done)
}

// months are the labels of a window's months.
func months(w calendar.Span) []chart.Mark {
	whole := w.To.Sub(w.From).Hours()/24 + 1
	step := 1 + int(whole/31/13)
	var out []chart.Mark
	for d := calendar.Date(w.From.Year(), w.From.Month(), 1); !d.After(w.To); d = d.AddDate(0, step, 0) {
		if !d.Before(w.From) {
			out = append(out, chart.Mark{At: d.Sub(w.From).Hours() / 24 / whole, Text: d.Format("Jan")})
		}
	}
	return out
}

// required fills in the evidence requirements with their calendars.
func (c *ControlPage) required(ctx context.Context, o *stands.Operation, people func(string) string) {
	titles := map[string]bool{}
	for _, r := range o.Requirements[c.Key] {
		titles[r.Title] = true
		c.Requirements = append(c.Requirements, requirementCard(ctx, o, r, people))
	}
	for _, e := range c.Expected {
		if !titles[e] {
			c.Offers++
		}
	}
}

func requirementCard(ctx context.Context, o *stands.Operation, r stands.Requirement, people func(string) string) RequirementCard {
	card := RequirementCard{Title: r.Title, Help: r.Help, Frequency: r.Frequency, Owner: people(r.Owner), Record: recordPath("requirement", r.Key), Status: part.Unknown}
	var cells []chart.Cell
	var gaps, waiting, met int
	for _, s := range r.Spans {
		class, word, href := "planned", "not due yet", handIn(r.Control, r.Key, r.Title, calendar.Text(s.From), calendar.Text(s.To))
		switch s.State {
		case requirement.Met:
			met++
			class, word, href = "pass", "covered by reviewed evidence", recordPath("evidence", s.Pieces[0])
		case requirement.Waiting:
			waiting++
			class, word, href = "attention", "covered, and waits for review", recordPath("evidence", s.Pieces[0])
		case requirement.Gap:
			gaps++
			class, word = "unknown", "not covered"
		}
		if (s.State == requirement.Gap || s.State == requirement.Open) && card.HandIn == "" && !part.Past(ctx) {
			card.HandIn, card.HandInSpan = href, s.Words()
		}
		if part.Past(ctx) && strings.HasPrefix(href, "/new/") {
			href = ""
		}
		if href != "" {
			href = string(part.To(ctx, href))
		}
		cells = append(cells, chart.Cell{Class: class, Title: s.Words() + ": " + word, Href: href, Span: s.To.Sub(s.From).Hours()/24 + 1})
		for _, key := range s.Pieces {
			if !slices.ContainsFunc(card.Pieces, func(e EvidenceRow) bool { return e.Key == key }) {
				card.Pieces = append(card.Pieces, pieceRow(o.Evidence[key], people))
			}
		}
	}
	if len(cells) > 0 {
		card.Drawing = chart.Cells(r.Title+" over the window", cells, nil, 0)
	}
	switch {
	case gaps > 0:
		card.Why = part.Count(gaps, "span is", "spans are") + " not covered."
	case waiting > 0:
		card.Status, card.Why = part.Attention, part.Count(waiting, "span waits", "spans wait")+" for review."
	case met > 0:
		card.Status, card.Why = part.Passing, "Everything required so far is covered and reviewed."
	default:
		card.Status, card.Why = part.NotApplicable, "Nothing is due yet."
	}
	return card
}

func pieceRow(e stands.Evidence, people func(string) string) EvidenceRow {
	row := EvidenceRow{Key: e.Key, Title: cmp.Or(e.Title, e.Key), Href: recordPath("evidence", e.Key), SHA256: e.SHA256, By: people(e.ReceivedBy), State: part.Status(e.State), Source: cmp.Or(e.Source, part.Sentence(string(e.Origin))), Link: e.Link != ""}
	row.From, row.To = calendar.Parse(e.From), calendar.Parse(e.To)
	row.Received, _ = time.Parse(time.RFC3339Nano, e.ReceivedAt)
	for _, c := range e.Controls {
		row.Controls = append(row.Controls, part.Link{Text: c, Href: part.Path("controls", c)})
	}
	return row
}

// requireRule asks for every item of a control's evidence rule that no requirement asks for yet.
func (s *site) requireRule(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), segment(r, "id")
	k, err := s.Book.Kinds.Named("requirement")
	if err != nil {
		return err
	}
	if err := session(ctx).May(ctx, access.Write, k); err != nil {
		return err
	}
	v, err := s.Book.Get(ctx, "control", key, 0)
	if err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	changes, err := offered(v, st.whole.Operation)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		return fault.New(fault.Conflict, "Every item of its evidence rule is asked for already.")
	}
	if _, err := s.Book.Put(ctx, session(ctx), changes...); err != nil {
		return err
	}
	return done(w, r, part.Path("controls", key)+"/evidence", part.Count(len(changes), "requirement")+" made from its evidence rule.")
}

// offered are the requirements that a control's evidence rule offers and that are not there, from the day it is in
// operation, or from today, and not before the window begins.
func offered(v record.Version, o *stands.Operation) ([]record.Change, error) {
	var b struct {
		requirement.Rule
		Since string `json:"active_since"`
	}
	if err := json.Unmarshal(v.Body, &b); err != nil {
		return nil, fmt.Errorf("read control %s: %w", v.Key, err)
	}
	from := o.Today
	if t, err := time.Parse(time.RFC3339Nano, b.Since); err == nil {
		from = calendar.Of(t, o.Zone)
	}
	if o.Period != nil {
		if begins := calendar.Parse(o.Period.From); begins.After(from) {
			from = begins
		}
	}
	var have []string
	for _, r := range o.Requirements[v.Key] {
		have = append(have, r.Title)
	}
	return requirement.Missing(v.Key, b.Rule, have, from)
}

// controlMap shows how all controls stood over the window.
func (s *site) controlMap(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, "control"); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	span := st.whole.Window
	if st.whole.Today.Before(span.To) {
		span.To = st.whole.Today
	}
	courses, err := stands.Follow(ctx, s.Monitor, st.whole.Operation, span)
	if err != nil {
		return err
	}
	m := ControlMap{Window: span.Words()}
	f := controlFilter(r, st)
	n := int(span.To.Sub(span.From).Hours()/24/7) + 1
	for _, c := range st.controls {
		if !f.fits(st, c) {
			continue
		}
		cells := st.whole.Cells(c.Key, span, courses, n)
		row := MapRow{ID: c.ID, Title: c.Title, Href: part.Path("controls", c.Key), Status: c.status}
		row.Line, row.Said = lineOf(c.ID, cells)
		m.Rows = append(m.Rows, row)
	}
	m.Filter = f.bar("/controls/map", fmt.Sprintf("%d of %d", len(m.Rows), len(st.controls)))
	p := Page{Title: "Controls over the window", Section: "/controls", Crumbs: []part.Crumb{{Text: "Controls", Href: "/controls"}, {Text: "Over the window"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return controlMapPage(p, m) })
}

// classOf is the mark of a judged stretch; empty for none.
func classOf(s check.Status) string {
	if s == "" {
		return ""
	}
	return statusOf(s).Mark()
}

// lineOf draws cells as runs of the same state, and says how many there are of each.
func lineOf(id string, cells []stands.Cell) (drawing, said string) {
	var runs []chart.Run
	var n part.Counts
	none := 0
	for i, c := range cells {
		if c.Status == "" {
			none++
		} else {
			n.Add(statusOf(c.Status))
		}
		word := "Nothing judged"
		if c.Status != "" {
			word = statusOf(c.Status).Word()
		}
		if k := len(runs) - 1; k >= 0 && cells[i-1].Status == c.Status {
			runs[k].Cells++
			continue
		}
		runs = append(runs, chart.Run{Class: classOf(c.Status), Title: strings.TrimSpace(fmt.Sprintf("From %s: %s. %s", c.From.Format("2 Jan 2006"), strings.ToLower(word), c.Reason)), Cells: 1})
	}
	said = part.Said(n)
	if none == len(cells) {
		said = "nothing judged"
	}
	return chart.Line(id+", week by week: "+said, runs), said
}
