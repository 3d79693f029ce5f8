package web

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/content"
	"tickmark/internal/check"
	"tickmark/internal/fault"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

func (s *site) checks(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	l := CheckList{Current: q.Get("status"), Broken: s.Monitor.Set.Problems()}
	if l.Night, err = s.Monitor.LastNight(ctx); err != nil {
		return err
	}
	severity := part.Choice{Name: "severity", Label: "Severity", Value: q.Get("severity"), Options: []part.Option{{Value: "", Text: "Any severity"}, {Value: "critical", Text: "Critical"}, {Value: "high", Text: "High"}, {Value: "medium", Text: "Medium"}, {Value: "low", Text: "Low"}}}
	for _, c := range st.checks {
		l.Counts.Add(c.counted())
		row := checkRow(s, c)
		if l.Current != "" && l.Current != string(c.counted()) || severity.Value != "" && severity.Value != c.Severity || !fits(q.Get("q"), c.ID, c.Title, row.For, strings.Join(c.Controls, " ")) {
			continue
		}
		l.Rows = append(l.Rows, row)
	}
	l.Filter = part.Filter{Action: "/checks", Q: q.Get("q"), Hint: "Filter by text, id or kind", Found: fmt.Sprintf("%d of %d", len(l.Rows), len(st.checks)), Groups: []part.Choice{part.StatusChoice(l.Current), severity}}
	if l.Counts.Unconnected > 0 {
		l.Filter.Groups[0].Options = append(l.Filter.Groups[0].Options, part.Option{Value: string(part.Unconnected), Text: part.Unconnected.Word()})
	}
	p := Page{Title: "Checks", Section: "/checks", Crumbs: []part.Crumb{{Text: "Program"}, {Text: "Checks"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return checksPage(p, l) })
}

func checkRow(s *site, c checkState) CheckRow {
	row := CheckRow{ID: c.ID, Title: c.Title, Href: part.Path("checks", c.ID), For: s.subject(c.For), Severity: c.Severity, Status: c.status, Why: c.Reason, Results: countsOf(c), Controls: c.Controls}
	if c.Evaluated != 0 {
		row.Since = c.Evaluated.Time()
	}
	return row
}

// countsOf are a check's records by status; failures inside the due date are attention like the check itself.
func countsOf(c checkState) part.Counts {
	n := part.Counts{Passing: int(c.Counts.Pass), Failing: int(c.Counts.Fail), Unknown: int(c.Counts.Unknown), NotApplicable: int(c.Counts.NotApplicable)}
	if c.status == part.Attention {
		n.Attention, n.Failing = n.Failing, 0
	}
	return n
}

// subject is the plural of a kind, or the name of a view in words.
func (s *site) subject(name string) string {
	if k, err := s.Book.Kinds.Named(name); err == nil {
		return cmp.Or(k.Plural, k.Title, name)
	}
	return part.Sentence(name) + "s of every source"
}

func (s *site) check(w http.ResponseWriter, r *http.Request) error {
	ctx, id, tab := r.Context(), segment(r, "id"), r.PathValue("tab")
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	if !contains([]string{"", "records", "time", "backtest", "logic", "versions"}, tab) {
		return noPage(r)
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	c, ok := st.byCheck[id]
	if !ok {
		_, err := s.Monitor.Set.Get(id)
		if err == nil {
			err = fault.New(fault.NotFound, "There is no check %q.", id)
		}
		return err
	}
	for _, k := range s.Monitor.Words.Kinds(c.For) {
		if err := s.may(ctx, k.Name); err != nil {
			return err
		}
	}
	v := CheckPage{ID: c.ID, Title: c.Title, Severity: c.Severity, For: s.subject(c.For), Tab: tab, Why: c.Why, Counts: countsOf(c), Hash: hex.EncodeToString(c.Hash[:]),
		Where: c.Where, Expect: c.Expect, Because: c.Because}
	if _, err := s.Book.Kinds.Named(c.For); err == nil {
		v.ForHref = part.Path("records", c.For)
	}
	v.Manual = manualOfCheck(c.ID)
	if c.finding != "" {
		v.Finding = part.Path("findings", c.finding)
	}
	criteria := map[string]bool{}
	for _, ctl := range c.Controls {
		i := slices.IndexFunc(st.controls, func(x controlState) bool { return x.ID == ctl })
		l := part.Link{Text: ctl, Href: "/catalogue?q=" + ctl}
		if i >= 0 {
			l.Href = part.Path("controls", st.controls[i].Key)
			for _, k := range st.controls[i].Criteria {
				criteria[k] = true
			}
		} else if item, ok := starter(ctl); ok {
			for _, k := range item.Criteria {
				criteria[k] = true
			}
		}
		v.Controls = append(v.Controls, l)
	}
	for _, k := range slices.Sorted(keysOf(criteria)) {
		v.Criteria = append(v.Criteria, part.Link{Text: k, Href: part.Path("criteria", k)})
	}
	for _, f := range c.Fix {
		v.Fix = append(v.Fix, Fix{Where: f.Where, Text: f.How})
	}
	for _, x := range c.Settings {
		v.Settings = append(v.Settings, part.Say(part.Sentence(x.Name), fmt.Sprint(x.Value)))
	}
	switch tab {
	case "logic":
		s.checkLogic(&v, c.Check)
	case "time":
		v.Time, err = s.checkTime(ctx, r, id)
	case "backtest":
		v.Trial, err = s.checkTrial(ctx, r, id)
	case "versions":
		err = s.checkVersions(ctx, &v, id)
	default:
		err = s.checkResults(ctx, &v, c, r)
	}
	if err != nil {
		return err
	}
	if err := s.answerCheck(ctx, &v, c); err != nil {
		return err
	}
	p := Page{Title: c.ID + " " + c.Title, Section: "/checks", Crumbs: []part.Crumb{{Text: "Checks", Href: "/checks"}, {Text: c.ID}}}
	return s.show(w, r, p, func(p Page) templ.Component { return checkPage(p, v) })
}

// checkResults fills in the records, worst first, and on the overview their intervals over the last weeks.
func (s *site) checkResults(ctx context.Context, v *CheckPage, c checkState, r *http.Request) error {
	q := r.URL.Query()
	if v.Tab == "records" {
		status := q.Get("status")
		choice := part.StatusChoice(status)
		f := check.Filter{Check: c.ID, Status: stored(part.Status(status)), AsOf: at(ctx), After: q.Get("after"), Limit: 50}
		v.Filter = part.Filter{Action: part.Path("checks", c.ID, "records"), NoWords: true, Groups: []part.Choice{choice}, Found: part.Count(v.Counts.Total(), "record")}
		if f.Status == check.Fail && part.Status(status) != c.status { // attention and failing are one stored answer, and this is the other word
			return nil
		}
		page, err := s.Monitor.Results(ctx, f)
		if err != nil {
			return err
		}
		for _, x := range page.Results {
			v.Results = append(v.Results, s.resultRow(ctx, x, c))
		}
		v.Pager = pagerOf(r, len(v.Results), page.Next, "")
		return nil
	}
	const most = 10
	for _, status := range []check.Status{check.Fail, check.Unknown, check.Pass} {
		if len(v.Results) >= most {
			break
		}
		page, err := s.Monitor.Results(ctx, check.Filter{Check: c.ID, Status: status, AsOf: at(ctx), Limit: most - len(v.Results)})
		if err != nil {
			return err
		}
		for _, x := range page.Results {
			v.Results = append(v.Results, s.resultRow(ctx, x, c))
		}
		if err := s.checkWindow(ctx, v, c, page.Results); err != nil {
			return err
		}
	}
	v.Window.Hidden = max(0, int(c.Counts.Pass+c.Counts.Fail+c.Counts.Unknown)-len(v.Window.Rows))
	return nil
}

// stored is the stored answer behind a word; attention is how a fail inside its due date is shown.
func stored(s part.Status) check.Status {
	switch s {
	case part.Passing:
		return check.Pass
	case part.Failing, part.Attention:
		return check.Fail
	case part.Unknown:
		return check.Unknown
	case part.NotApplicable:
		return check.NotApplicable
	}
	return ""
}

const windowRows, windowDays = 8, 30

// checkWindow adds the intervals of some records over the last weeks, until enough rows are drawn.
func (s *site) checkWindow(ctx context.Context, v *CheckPage, c checkState, list []check.Interval) error {
	now := part.Of(ctx).Moment()
	if v.Window.To.IsZero() {
		v.Window = Window{From: now.AddDate(0, 0, -windowDays), To: now, Now: now}
		series, err := s.Monitor.SeriesOf(ctx, c.ID)
		if err != nil {
			return err
		}
		if len(series) > 0 { // begin where anything is known, with a little air
			if first := series[0].Started.Time(); first.After(v.Window.From) {
				v.Window.From = first.Add(-now.Sub(first)/10 - time.Second)
			}
		}
	}
	for _, x := range list {
		if len(v.Window.Rows) >= windowRows {
			return nil
		}
		row := WindowRow{Label: cmp.Or(x.Label, x.Key), Href: recordPath(x.Kind, x.Key)}
		page, err := s.Monitor.Results(ctx, check.Filter{Check: c.ID, Kind: x.Kind, Key: x.Key, Source: x.Source, From: store.At(v.Window.From), To: store.At(v.Window.To) + 1, Limit: 200})
		if err != nil {
			return err
		}
		row.Spans = spansOf(page.Results, c)
		v.Window.Rows = append(v.Window.Rows, row)
	}
	return nil
}

func spansOf(list []check.Interval, c checkState) []Span {
	var out []Span
	for _, x := range list {
		if x.Status == check.NotApplicable {
			continue
		}
		sp := Span{From: x.From.Time(), Status: shownAs(x.Status, c), Reason: x.Reason}
		if x.To != store.Forever {
			sp.To = x.To.Time()
		}
		out = append(out, sp)
	}
	return out
}

// shownAs is the word for a record's answer: a fail is attention while the check's finding is inside its due date.
func shownAs(s check.Status, c checkState) part.Status {
	if s == check.Fail && c.status == part.Attention {
		return part.Attention
	}
	return statusOf(s)
}

func (s *site) resultRow(ctx context.Context, x check.Interval, c checkState) ResultRow {
	row := ResultRow{Text: cmp.Or(x.Label, x.Key), Href: recordPath(x.Kind, x.Key), Note: part.Short(x.Key, 60), Status: shownAs(x.Status, c), Reason: x.Reason, Since: x.From.Time()}
	if x.Status == check.Fail && !c.due.IsZero() {
		row.Due = c.due
	}
	return row
}

func (s *site) answerCheck(ctx context.Context, v *CheckPage, c checkState) error {
	a := part.Answer{Status: c.status}
	total := int(c.Counts.Pass + c.Counts.Fail + c.Counts.Unknown)
	switch {
	case c.Counts.Fail > 0:
		a.Why = fmt.Sprintf("%s of %s %s.", part.Number(c.Counts.Fail), part.Count(total, "record"), plural(c.Counts.Fail, "fails", "fail"))
		for _, x := range v.Results {
			if x.Status == part.Failing || x.Status == part.Attention {
				a.Why += " " + x.Reason
				break
			}
		}
	case c.Reason != "":
		a.Why = c.Reason
	case c.Counts.Unknown > 0:
		a.Why = fmt.Sprintf("%s of %s could not be judged.", part.Number(c.Counts.Unknown), part.Count(total, "record"))
		for _, x := range v.Results {
			if x.Status == part.Unknown && x.Reason != "" {
				a.Why += " " + x.Reason
				break
			}
		}
	default:
		a.Why = fmt.Sprintf("Every one of %s passes.", part.Count(total, "record"))
		if total == 1 {
			a.Why = "The one record there is passes."
		}
	}
	if c.Off {
		a.Why = "The check is turned off. " + c.Setup.Reason
	}
	if c.Fault != "" {
		a.Why += " " + c.Fault
	}
	page, err := s.Monitor.Results(ctx, check.Filter{Check: c.ID, Status: c.Status, AsOf: at(ctx), Limit: 1})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if len(page.Results) > 0 && c.Status != check.NotApplicable {
		a.Since = page.Results[0].From.Time()
	} else if c.Evaluated != 0 {
		a.Since = c.Evaluated.Time()
	}
	for _, k := range s.Monitor.Words.Kinds(c.For) {
		a.From = append(a.From, part.Link{Text: cmp.Or(k.Plural, k.Title), Href: part.Path("records", k.Name)})
	}
	if len(a.From) > 4 {
		a.From = append(a.From[:4], part.Link{Text: fmt.Sprintf("and %d more kinds", len(a.From)-4)})
	}
	switch {
	case c.finding != "":
		l := part.Link{Text: "Fix it: open the finding", Href: part.Path("findings", c.finding)}
		if !c.due.IsZero() {
			l.Note = "due " + part.Relative(c.due, part.Of(ctx).Moment())
		}
		a.Next = []part.Link{l}
	case c.Status == check.Fail:
		a.Next = []part.Link{{Text: "See how to fix it below"}}
	case c.Status == check.Unknown && c.Evaluated == 0:
		a.Next = []part.Link{{Text: "Run the checks", Note: "tickmark check run"}}
	case c.Status == check.Unknown:
		a.Next = []part.Link{{Text: "See what the sources could not show", Href: "/sources"}}
	}
	v.Answer = a
	return nil
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func (s *site) checkLogic(v *CheckPage, c *check.Check) {
	for _, e := range c.Examples {
		v.Examples = append(v.Examples, Example{Name: e.Name, Body: string(e.Record), Expect: statusOf(e.Expect)})
	}
	if c.Own {
		if b, err := os.ReadFile(c.File); err == nil && len(b) <= part.MaxShown {
			v.Source = string(b)
		}
	} else if b, err := content.Check.ReadFile(c.File); err == nil {
		v.Source = string(b)
	}
}

func (s *site) checkVersions(ctx context.Context, v *CheckPage, id string) error {
	series, err := s.Monitor.SeriesOf(ctx, id)
	if err != nil {
		return err
	}
	for i := len(series) - 1; i >= 0; i-- {
		x := series[i]
		if m := at(ctx); m != 0 && x.Started > m {
			continue
		}
		row := CheckSeries{Hash: hex.EncodeToString(x.Hash), From: x.Started.Time(), Why: x.Reason, Current: x.Ended == store.Forever}
		if !row.Current {
			row.To = x.Ended.Time()
		}
		if x.Evaluated != 0 {
			row.Evaluated = x.Evaluated.Time()
		}
		v.Series = append(v.Series, row)
	}
	return nil
}

// pagerOf leads to the next page of the list that r shows.
func pagerOf(r *http.Request, shown int, next, note string) part.Pager {
	p := part.Pager{Shown: shown, Note: note}
	u := *r.URL
	q := u.Query()
	if q.Get("after") != "" {
		q.Del("after")
		u.RawQuery = q.Encode()
		p.First = u.RequestURI()
	}
	if next != "" {
		q.Set("after", next)
		u.RawQuery = q.Encode()
		p.Next = u.RequestURI()
	}
	return p
}
