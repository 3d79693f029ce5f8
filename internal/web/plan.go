package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/control"
	"tickmark/internal/fault"
	"tickmark/internal/gap"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
)

const gapsShown = 100

// gapFilter is which gaps a list shows; it stands in the address.
type gapFilter struct{ Q, Sort, Status, Severity, Stage, Criterion, Control string }

func gapFilterOf(q url.Values) gapFilter {
	return gapFilter{strings.TrimSpace(q.Get("q")), q.Get("sort"), q.Get("status"), q.Get("severity"), q.Get("stage"), q.Get("criterion"), q.Get("control")}
}

func (f gapFilter) fits(g gap.Gap) bool {
	return (f.Sort == "" || f.Sort == string(g.Sort)) && (f.Status == "" || f.Status == g.Status()) && (f.Severity == "" || f.Severity == g.Severity) &&
		(f.Stage == "" || f.Stage == g.Stage) && (f.Criterion == "" || contains(g.Criteria, f.Criterion)) && (f.Control == "" || f.Control == g.Control) &&
		fits(f.Q, g.ID, g.What, g.Why, g.Control)
}

// path is the address of the list with these filters, and others instead.
func (f gapFilter) path(instead ...string) string {
	q := url.Values{}
	for name, v := range map[string]string{"q": f.Q, "sort": f.Sort, "status": f.Status, "severity": f.Severity, "stage": f.Stage, "criterion": f.Criterion, "control": f.Control} {
		if v != "" {
			q.Set(name, v)
		}
	}
	for i := 0; i+1 < len(instead); i += 2 {
		q.Del(instead[i])
		if instead[i+1] != "" {
			q.Set(instead[i], instead[i+1])
		}
	}
	if len(q) == 0 {
		return "/plan"
	}
	return "/plan?" + q.Encode()
}

// gapOrder is the worst sort first, as lists show them.
func gapOrder(a, b gap.Gap) int {
	return cmp.Compare(slices.Index(gap.Sorts(), a.Sort), slices.Index(gap.Sorts(), b.Sort))
}

func (s *site) planPage(w http.ResponseWriter, r *http.Request) error {
	return s.showPlan(w, r, http.StatusOK, "")
}

func (s *site) showPlan(w http.ResponseWriter, r *http.Request, status int, wrong string) error {
	ctx := r.Context()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	f := gapFilterOf(r.URL.Query())
	v := PlanPage{Any: len(st.gaps) > 0, Here: f.path(), Wrong: wrong}
	n := map[string]int{}
	var shown []gap.Gap
	for _, g := range st.gaps {
		n[g.Status()]++
		if f.fits(g) {
			shown = append(shown, g)
		}
	}
	slices.SortStableFunc(shown, gapOrder)
	for _, c := range []struct{ status, word, icon string }{{"open", "Nobody on it", "circle-dashed"}, {"planned", "Planned", "calendar-clock"}, {"overdue", "Overdue", "circle-x"}, {"done", "Done, still there", "circle-alert"}} {
		card := part.Stat{Word: c.word, Icon: c.icon, N: int64(n[c.status]), Href: f.path("status", c.status), Current: f.Status == c.status}
		card.Href = gapFilter{}.path("status", c.status)
		if card.Current {
			card.Href = "/plan"
		}
		v.Cards = append(v.Cards, card)
	}
	v.Cards[0].Small = fmt.Sprintf("of %s", part.Number(int64(len(st.gaps))))
	v.Shown = len(shown)
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	from = min(max(0, from), len(shown))
	page := shown[from:min(len(shown), from+gapsShown)]
	for _, g := range page {
		if k := len(v.Groups); k == 0 || v.Groups[k-1].Sort != g.Sort {
			v.Groups = append(v.Groups, GapGroup{Sort: g.Sort})
		}
		group := &v.Groups[len(v.Groups)-1]
		group.Rows = append(group.Rows, s.gapLine(st, g, part.Of(ctx).Zone))
	}
	if len(shown) > gapsShown {
		v.Pager = part.Pager{Shown: len(page), Note: "of " + part.Number(int64(len(shown)))}
		if from > 0 {
			v.Pager.First = f.path()
		}
		if from+gapsShown < len(shown) {
			v.Pager.Next = f.path("from", fmt.Sprint(from+gapsShown))
		}
	}
	for _, p := range st.scope.Parts(st.gaps) {
		v.Parts = append(v.Parts, ReadinessRow{p, gapFilter{}.path("sort", string(p.Sort))})
	}
	if v.History, err = s.history(ctx, st); err != nil {
		return err
	}
	if s.may(ctx, "task") == nil {
		tasks, err := s.taskRows(ctx, st)
		if err != nil {
			return err
		}
		for _, t := range tasks {
			if t.open() && len(v.Soon) < 5 {
				v.Soon = append(v.Soon, t)
			}
		}
	}
	v.Filter = gapFilters(f, fmt.Sprintf("%d of %d", len(shown), len(st.gaps)))
	v.Head = "What the examination asks for and is not there yet."
	if p := st.scope.Period; p != nil {
		v.Head = "What " + p.Name + " asks for and is not there yet. A gap closes by itself when its reason is gone."
	}
	v.May, v.Why = s.mayMakeTasks(r)
	if v.May {
		if v.People, err = s.peopleOptions(ctx); err != nil {
			return err
		}
	}
	v.Due = part.Of(ctx).Moment().In(part.Of(ctx).Zone).AddDate(0, 0, 14).Format(time.DateOnly)
	v.Tabs = planTabs(r, len(st.gaps), false)
	p := Page{Title: "Plan", Section: "/plan", Crumbs: []part.Crumb{{Text: "Program"}, {Text: "Plan"}}}
	return s.showAs(w, r, status, p, func(p Page) templ.Component { return planPage(p, v) })
}

func planTabs(r *http.Request, gaps int, tasks bool) []part.Tab {
	return []part.Tab{{Text: "Gaps", Href: "/plan", Count: gaps, Current: !tasks}, {Text: "Tasks", Href: "/plan/tasks", Current: tasks}}
}

func (s *site) gapLine(st *standing, g gap.Gap, zone *time.Location) GapLine {
	l := GapLine{Gap: g}
	switch {
	case g.Kind == "check":
		l.Href = part.Path("checks", g.Key)
	case g.Sort == gap.Criterion:
		l.Href = part.Path("criteria", g.Key)
	case g.Sort == gap.Policy && g.Kind == "":
		l.Href = "/start/policies"
	case g.Kind == "":
		l.Href = "/start"
	default:
		l.Href = s.pathOf(g.Kind, g.Key)
	}
	if g.Task != nil {
		l.Due = endOfDay(g.Task.Due, zone)
		if g.Task.Owner != "" {
			l.Owner = cmp.Or(st.scope.People[g.Task.Owner].Name, g.Task.Owner)
		}
	}
	return l
}

func gapFilters(f gapFilter, found string) part.Filter {
	sorts := part.Choice{Name: "sort", Label: "Sort of gap", Value: f.Sort, Options: []part.Option{{Value: "", Text: "Every sort"}}}
	for _, x := range gap.Sorts() {
		sorts.Options = append(sorts.Options, part.Option{Value: string(x), Text: x.Title()})
	}
	severity := part.Choice{Name: "severity", Label: "Severity", Value: f.Severity, Options: []part.Option{{Value: "", Text: "Every severity"}}}
	for _, x := range severityMarks {
		severity.Options = append(severity.Options, part.Option{Value: x.Severity, Text: part.Status(x.Severity).Word()})
	}
	stage := part.Choice{Name: "stage", Label: "Stage", Value: f.Stage, Options: []part.Option{{Value: "", Text: "Every stage"}}}
	for _, x := range control.Stages() {
		stage.Options = append(stage.Options, part.Option{Value: x, Text: "Needed from " + x})
	}
	criterion := part.Choice{Name: "criterion", Label: "Criterion", Value: f.Criterion, Options: []part.Option{{Value: "", Text: "Every criterion"}}}
	if all, err := criteriaOnce(); err == nil {
		for _, c := range all {
			criterion.Options = append(criterion.Options, part.Option{Value: c.ID, Text: c.ID})
		}
	}
	return part.Filter{Action: "/plan", Q: f.Q, Hint: "Filter by text or id", Found: found, Groups: []part.Choice{sorts, severity, stage, criterion}, Keep: map[string]string{"status": f.Status, "control": f.Control}}
}

func (s *site) mayMakeTasks(r *http.Request) (bool, string) {
	if part.Past(r.Context()) {
		return false, ""
	}
	k, err := s.Book.Kinds.Named("task")
	if err == nil {
		err = session(r.Context()).May(r.Context(), access.Write, k)
	}
	if err != nil {
		return false, sentenceOf(err)
	}
	return true, ""
}

// planTasks makes a task of each chosen gap.
func (s *site) planTasks(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	back, err := url.Parse(r.PostForm.Get("back"))
	if err != nil || back.Path != "/plan" {
		back = &url.URL{Path: "/plan"}
	}
	f, chosen := gapFilterOf(back.Query()), r.PostForm["gap"]
	owner, due := strings.TrimSpace(r.PostForm.Get("owner")), strings.TrimSpace(r.PostForm.Get("due"))
	r.URL.RawQuery = back.RawQuery
	if _, err := time.Parse(time.DateOnly, due); err != nil {
		return s.showPlan(w, r, http.StatusUnprocessableEntity, "Say by which day the tasks are due.")
	}
	if owner != "" {
		if _, err := s.Book.Get(ctx, "person", owner, 0); fault.Is(err, fault.NotFound) {
			return s.showPlan(w, r, http.StatusUnprocessableEntity, "There is no person "+owner+" who could own the tasks.")
		} else if err != nil {
			return err
		}
	}
	var changes []record.Change
	for _, g := range st.gaps {
		if g.Status() != "open" || !contains(chosen, g.ID) && !(r.PostForm.Get("all") == "yes" && f.fits(g)) {
			continue
		}
		body := map[string]any{"title": g.What, "description": g.Why + " " + g.Next, "sort": g.Remedy, "gap": g.ID, "due": due}
		if g.Control != "" {
			body["control"] = g.Control
		}
		if g.Kind == "policy" {
			body["policy"] = g.Key
		}
		if who := cmp.Or(owner, st.ownerOf(g.Control)); who != "" {
			body["owner"] = who
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		changes = append(changes, record.Change{Kind: "task", Body: raw, Reason: "made of the gap " + g.ID})
	}
	if len(changes) == 0 {
		return s.showPlan(w, r, http.StatusUnprocessableEntity, "No gap without a task is chosen. Tick those that somebody shall work on.")
	}
	if _, err := s.Book.Put(ctx, session(ctx), changes...); err != nil {
		return err
	}
	return done(w, r, back.String(), part.Count(len(changes), "task is", "tasks are")+" made.")
}

// ownerOf is who owns a control, if that person is here.
func (st *standing) ownerOf(control string) string {
	for _, c := range st.scope.Controls {
		if _, ok := st.scope.People[c.Owner]; c.Key == control && ok {
			return c.Owner
		}
	}
	return ""
}

func (s *site) planTaskList(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, "task"); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	all, err := s.taskRows(ctx, st)
	if err != nil {
		return err
	}
	now := part.Of(ctx).Moment()
	tests := map[string]func(TaskRow) bool{
		"open":    TaskRow.open,
		"overdue": func(t TaskRow) bool { return t.Status == "overdue" },
		"soon":    func(t TaskRow) bool { return t.open() && now.Before(t.Due) && t.Due.Before(now.AddDate(0, 0, 7)) },
		"alone":   func(t TaskRow) bool { return t.open() && t.Owner == "" },
		"verify":  func(t TaskRow) bool { return t.State == "done" },
		"over":    func(t TaskRow) bool { return t.State == "verified" || t.State == "cancelled" },
	}
	state := q.Get("state")
	if tests[state] == nil && state != "all" {
		state = "open"
	}
	l := TaskList{Any: len(all) > 0, Tabs: planTabs(r, len(st.gaps), true)}
	for _, c := range []struct{ name, word, icon string }{{"open", "Open", "circle-dot"}, {"overdue", "Overdue", "circle-x"}, {"soon", "Due in 7 days", "clock"}, {"alone", "Without owner", "user"}, {"verify", "To be verified", "eye"}, {"over", "Over", "circle-check"}} {
		n := int64(0)
		for _, t := range all {
			if tests[c.name](t) {
				n++
			}
		}
		l.Cards = append(l.Cards, part.Stat{Word: c.word, Icon: c.icon, N: n, Href: "/plan/tasks?state=" + c.name, Current: state == c.name})
	}
	for _, t := range all {
		if (state == "all" || tests[state](t)) && fits(q.Get("q"), t.Title, t.Owner) {
			l.Rows = append(l.Rows, t)
		}
	}
	l.Filter = part.Filter{Action: "/plan/tasks", Q: q.Get("q"), Hint: "Filter by text or owner", Found: fmt.Sprintf("%d of %d", len(l.Rows), len(all)), Keep: map[string]string{"state": q.Get("state")}}
	p := Page{Title: "Tasks", Section: "/plan", Crumbs: []part.Crumb{{Text: "Plan", Href: "/plan"}, {Text: "Tasks"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return tasksPage(p, l) })
}

// taskRows are the tasks of the reader's moment: the open ones first, those due first in front.
func (s *site) taskRows(ctx context.Context, st *standing) ([]TaskRow, error) {
	now := part.Of(ctx).Moment()
	var all []TaskRow
	err := s.each(ctx, record.Query{Kind: "task", AsOf: at(ctx)}, func(v record.Version) error {
		var t struct {
			Title, Sort, State, Owner, Due, Gap string
			Overdue                             string `json:"overdue_since"`
		}
		if err := json.Unmarshal(v.Body, &t); err != nil {
			return fmt.Errorf("read task %s: %w", v.Key, err)
		}
		row := TaskRow{Key: v.Key, Title: t.Title, Href: s.pathOf("task", v.Key), Sort: t.Sort, State: part.Status(t.State), Status: part.Status(t.State), Due: endOfDay(t.Due, part.Of(ctx).Zone)}
		if t.Owner != "" {
			row.Owner = cmp.Or(st.scope.People[t.Owner].Name, t.Owner)
		}
		row.LateSince, _ = time.ParseInLocation(time.DateOnly, t.Overdue, part.Of(ctx).Zone)
		if row.open() && !row.Due.IsZero() && !now.Before(row.Due) {
			row.Status = "overdue"
		}
		if t.Gap != "" {
			row.Gap = part.Link{Text: t.Gap, Href: "/plan?q=" + url.QueryEscape(t.Gap)}
		}
		all = append(all, row)
		return nil
	})
	slices.SortStableFunc(all, func(a, b TaskRow) int {
		if a.open() != b.open() {
			return map[bool]int{true: -1, false: 1}[a.open()]
		}
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Title, b.Title))
	})
	return all, err
}

func (t TaskRow) open() bool { return t.State == "open" || t.State == "in_progress" }

// mayProgram keeps a reader who may not change the programme from a form that would refuse in the end.
func (s *site) mayProgram(r *http.Request) error {
	if part.Past(r.Context()) {
		return fault.New(fault.Conflict, "The past cannot be changed.").WithNext("Go back to now, and do it there.")
	}
	k, err := s.Book.Kinds.Named("period")
	if err != nil {
		return err
	}
	return session(r.Context()).May(r.Context(), access.Write, k)
}
