package web

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	examination "tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
	"tickmark/internal/work"
)

func (s *site) home(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	me := reader(ctx, session(ctx))
	me.Firm = s.Firm
	if to := landing(me, s.has); to != "/" && r.URL.Query().Get("home") == "" {
		http.Redirect(w, r, string(part.To(ctx, to)), http.StatusSeeOther)
		return nil
	}
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	now, zone := part.Of(ctx).Moment(), part.Of(ctx).Zone
	h := Home{Missing: len(st.gaps), Series: seriesCards(st.inScope())}
	for _, c := range st.checks {
		h.Checks.Add(c.counted())
	}
	for _, c := range st.controls {
		h.Controls.Add(c.status)
	}
	h.Title, h.Sentence = headOf(st.scope.Period, now, zone)
	h.New = st.scope.Period == nil
	if h.Resume, h.Answered, h.Steps = resume(st.scope.Period); part.Past(ctx) {
		h.Resume = ""
	}
	for _, m := range severityMarks {
		h.Severity = append(h.Severity, SeverityCount{Severity: m.Severity, Class: m.Class})
	}
	for _, g := range st.gaps {
		for i := range h.Severity {
			if h.Severity[i].Severity == g.Severity {
				h.Severity[i].N++
			}
		}
		if len(h.Gaps) < 5 {
			h.Gaps = append(h.Gaps, s.gapLine(st, g, zone))
		}
	}
	if h.Findings, h.Open, err = s.dueFirst(ctx, st, 5); err != nil {
		return err
	}
	if h.Sources, err = s.sourceRows(ctx); err != nil {
		return err
	}
	if h.History, err = s.history(ctx, st); err != nil {
		return err
	}
	if h.Needs, err = s.needs(ctx, st, 6); err != nil {
		return err
	}
	h.Since = visit(w, r, session(ctx).User.Key, now)
	if h.Recent, err = s.recent(ctx, 8, h.Since); err != nil {
		return err
	}
	h.Next = steps(st, h, now)
	return s.show(w, r, Page{Title: "Home", Section: "/"}, func(p Page) templ.Component { return homePage(p, h) })
}

// headOf says what the organisation works towards and how far the window is.
func headOf(p *examination.Period, now time.Time, zone *time.Location) (title, sentence string) {
	if p == nil {
		return "Where we stand", "No examination is planned yet."
	}
	from, to := p.Days(zone)
	last := to.AddDate(0, 0, -1)
	if p.From == "" {
		title = p.Title() + " · as of " + last.Format("2 Jan 2006")
	} else if from.Year() == last.Year() {
		title = p.Title() + " · " + from.Format("2 Jan") + " – " + last.Format("2 Jan 2006")
	} else {
		title = p.Title() + " · " + from.Format("2 Jan 2006") + " – " + last.Format("2 Jan 2006")
	}
	day, total := p.Day(now, zone)
	switch {
	case day == 0 && p.From == "":
		sentence = "The day is " + inDays(last, now, zone) + "."
	case day == 0:
		sentence = "The window begins " + inDays(from, now, zone) + "."
	case day > total:
		sentence = "The window is over."
	case p.From == "":
		sentence = "The day is today."
	default:
		sentence = fmt.Sprintf("Day %d of %d.", day, total)
	}
	if p.State == "planned" {
		sentence = "Planned. " + sentence
	}
	if f, err := time.ParseInLocation(time.DateOnly, p.Fieldwork, zone); err == nil {
		if now.Before(f) {
			sentence += " Fieldwork starts " + inDays(f, now, zone) + "."
		} else {
			sentence += " Fieldwork started on " + f.Format("2 January") + "."
		}
	}
	return title, sentence
}

// inDays says how many calendar days a day is ahead.
func inDays(day, now time.Time, zone *time.Location) string {
	n := now.In(zone)
	a := time.Date(n.Year(), n.Month(), n.Day(), 0, 0, 0, 0, time.UTC)
	b := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
	switch d := int(b.Sub(a) / (24 * time.Hour)); d {
	case 0:
		return "today"
	case 1:
		return "tomorrow"
	default:
		return fmt.Sprintf("in %d days", d)
	}
}

// resume is where the guided start goes on.
func resume(p *examination.Period) (step string, answered, of int) {
	all := examination.Steps()
	if p == nil {
		return all[0], 0, len(all)
	}
	if p.State == "current" {
		return "", len(all), len(all)
	}
	for _, s := range all {
		if slices.Contains(p.Answered, s) {
			answered++
		} else if step == "" {
			step = s
		}
	}
	return step, answered, len(all)
}

// A visit ends half an hour after its last look at Home; the next one then shows what changed since. The two times are kept in
// a cookie of the reader's browser, for they serve nobody else.
const visitEnds = 30 * time.Minute

// visit is when the reader's visit before this one ended; zero when the browser knows of none. Looking at the past is no visit.
func visit(w http.ResponseWriter, r *http.Request, user string, now time.Time) time.Time {
	before, last := time.Time{}, time.Time{}
	if c, err := r.Cookie("visit"); err == nil {
		f := strings.Split(c.Value, ".")
		if len(f) == 3 && f[0] == visitor(user) {
			before, last = unix(f[1]), unix(f[2])
		}
	}
	if part.Past(r.Context()) {
		return time.Time{}
	}
	if now.Sub(last) > visitEnds {
		before = last
	}
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return "0"
		}
		return strconv.FormatInt(t.Unix(), 10)
	}
	http.SetCookie(w, &http.Cookie{Name: "visit", Value: visitor(user) + "." + stamp(before) + "." + stamp(now), Path: "/", MaxAge: 90 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return before
}

func unix(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return time.Unix(n, 0)
}

// visitor tells one reader of a browser from another without saying who it is.
func visitor(user string) string {
	sum := hashOf([]byte(user))
	return hex.EncodeToString(sum[:6])
}

// needs are what waits for the reader, as My work lists it.
func (s *site) needs(ctx context.Context, st *standing, most int) ([]Need, error) {
	me := session(ctx).Actor().Person
	if me == "" || st.whole.Operation == nil {
		return nil, nil
	}
	list, err := work.Of(ctx, s.Book, st.whole.Operation, me, at(ctx))
	if err != nil {
		return nil, err
	}
	var out []Need
	for _, i := range list {
		if len(out) == most {
			break
		}
		if s.may(ctx, i.Kind) != nil {
			continue
		}
		n := Need{Icon: needIcon(i.Kind), Text: i.Act + ": " + i.Label, Href: s.pathOf(i.Kind, i.Key), Due: endOfDay(i.Due, part.Of(ctx).Zone)}
		if i.Overdue {
			n.Tone = part.Bad
		}
		out = append(out, n)
	}
	return out, nil
}

func needIcon(kind string) string {
	if icon, ok := map[string]string{"finding": "flag", "task": "list-checks", "control": "shield-check", "evidence": "folder-check", "policy_version": "file-text", "acknowledgement": "file-check", "exception": "scale", "occurrence": "calendar-clock"}[kind]; ok {
		return icon
	}
	return "circle-dot"
}

// inScope are the criteria that the period covers; all of them while there is no period.
func (st *standing) inScope() []criterionState {
	p := st.scope.Period
	if p == nil {
		return st.criteria
	}
	return slices.DeleteFunc(slices.Clone(st.criteria), func(c criterionState) bool { return !p.InScope(c.Criterion) })
}

func seriesCards(all []criterionState) []SeriesCard {
	var out []SeriesCard
	for _, c := range all {
		if len(out) == 0 || out[len(out)-1].ID != c.Series {
			out = append(out, SeriesCard{ID: c.Series, Name: seriesName(c.Series)})
		}
		out[len(out)-1].Criteria.Add(c.status)
	}
	return out
}

// seriesName is a series in plain words.
func seriesName(id string) string {
	return map[string]string{
		"CC1": "Control environment", "CC2": "Communication and information", "CC3": "Risk assessment", "CC4": "Monitoring", "CC5": "Control activities",
		"CC6": "Logical and physical access", "CC7": "System operations", "CC8": "Change management", "CC9": "Risk mitigation",
		"A1": "Availability", "PI1": "Processing integrity", "C1": "Confidentiality",
		"P1": "Notice", "P2": "Choice and consent", "P3": "Collection", "P4": "Use, retention, disposal", "P5": "Access", "P6": "Disclosure", "P7": "Quality", "P8": "Monitoring of privacy",
	}[id]
}

// steps are the three most useful things to do next: what a source could not show, what fails and is due first, what no
// control covers.
func steps(st *standing, h Home, now time.Time) []part.Step {
	var out []part.Step
	for _, f := range h.Findings {
		why := part.Status(f.Severity).Word()
		if !f.Due.IsZero() {
			why += ", due " + part.Relative(f.Due, now)
		}
		out = append(out, part.Step{Text: "Fix: " + f.Title, Why: why + ".", Href: f.Href, Action: "Open"})
		break
	}
	gaps := slices.Clone(h.Sources)
	slices.SortFunc(gaps, func(a, b SourceRow) int { return cmp.Compare(b.Gaps, a.Gaps) })
	for _, g := range gaps {
		if g.Gaps > 0 {
			out = append(out, part.Step{Text: "Let " + g.Name + " be read completely", Why: fmt.Sprintf("%s in scope could not be read.", part.Count(g.Gaps, "thing")), Href: part.Path("sources", g.Name), Action: "See how"})
			break
		}
		if g.Status == "never" {
			out = append(out, part.Step{Text: "Collect from " + g.Name, Why: "It was never read.", Href: part.Path("sources", g.Name), Action: "Open"})
			break
		}
	}
	without := 0
	for _, c := range st.criteria {
		if len(c.controls) == 0 && c.status != part.NotApplicable {
			without++
		}
	}
	if without > 0 {
		out = append(out, part.Step{Text: "Adopt controls from the catalogue", Why: part.Count(without, "criterion has", "criteria have") + " none.", Href: "/catalogue", Action: "Catalogue"})
	}
	for _, c := range st.controls {
		if len(out) >= 3 {
			break
		}
		if c.Owner == "" {
			out = append(out, part.Step{Text: "Name an owner for " + c.ID, Why: c.Title + " has none.", Href: part.Path("controls", c.ID), Action: "Open"})
			break
		}
	}
	return out[:min(3, len(out))]
}

// recent are the latest changes that people made; since a moment, when there is one.
func (s *site) recent(ctx context.Context, most int, since time.Time) ([]part.Event, error) {
	list, err := s.Book.Recent(ctx, at(ctx), most, func(k *record.Kind) bool { return !k.Collected && k.Name != "run" && s.may(ctx, k.Name) == nil })
	if err != nil {
		return nil, err
	}
	var out []part.Event
	for _, v := range list {
		if v.From.Time().After(since) {
			out = append(out, s.event(v))
		}
	}
	return out, nil
}

// event is a version told as something that happened.
func (s *site) event(v record.Version) part.Event {
	title := v.Kind
	if k, err := s.Book.Kinds.Named(v.Kind); err == nil {
		title = k.Title
	}
	return part.Event{What: title + ": " + cmp.Or(v.Label, v.Key), Href: s.pathOf(v.Kind, v.Key), By: v.Actor, Reason: v.Reason, At: v.From.Time()}
}

// pathOf is the best page about a record: its own, where its kind has one.
func (s *site) pathOf(kind, key string) string { return pageOf(kind, key) }

// pageOf is the page of a record: its own where its kind has one.
func pageOf(kind, key string) string {
	switch kind {
	case "employment_change":
		return part.Path("people", "changes", key)
	case "training_module":
		return part.Path("training", key)
	case "person":
		return part.Path("people", key)
	case "control":
		return part.Path("controls", key)
	case "criterion":
		return part.Path("criteria", key)
	case "finding":
		return part.Path("findings", key)
	case "occurrence":
		return part.Path("occurrences", key)
	case "policy":
		return part.Path("policies", key)
	case "connection":
		return part.Path("sources", key)
	case "system":
		return part.Path("systems", key)
	case "engagement":
		return part.Path("engagements", key)
	case "user":
		return "/settings/users"
	}
	return recordPath(kind, key)
}
