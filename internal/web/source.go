package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/agent"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
	"tickmark/internal/web/scope"
)

// connections are those of the reader's moment.
func (s *site) connections(ctx context.Context) ([]collect.Connection, error) {
	var out []collect.Connection
	err := s.each(ctx, record.Query{Kind: collect.ConnectionKind, AsOf: at(ctx)}, func(v record.Version) error {
		c, err := readConnection(v)
		out = append(out, c)
		return err
	})
	slices.SortFunc(out, func(a, b collect.Connection) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

func readConnection(v record.Version) (collect.Connection, error) {
	c := collect.Connection{}
	if err := json.Unmarshal(v.Body, &c); err != nil {
		return c, fmt.Errorf("read connection %s: %w", v.Key, err)
	}
	c.Name = v.Key
	return c, nil
}

// runs are the latest runs of a connection as of the reader's moment, newest first.
func (s *site) runs(ctx context.Context, connection string, most int) ([]collect.Summary, []record.Version, error) {
	page, err := s.Book.List(ctx, record.Query{Kind: collect.RunKind, AsOf: at(ctx), Where: "r.connection == " + quoted(connection), Limit: most})
	if err != nil {
		return nil, nil, err
	}
	var out []collect.Summary
	for _, v := range page.Versions {
		var x collect.Summary
		if err := json.Unmarshal(v.Body, &x); err != nil {
			return nil, nil, fmt.Errorf("read run %s: %w", v.Key, err)
		}
		out = append(out, x)
	}
	return out, page.Versions, nil
}

func (s *site) sourceRows(ctx context.Context) ([]SourceRow, error) {
	list, err := s.connections(ctx)
	if err != nil {
		return nil, err
	}
	var out []SourceRow
	for _, c := range list {
		if c.Connector == agent.MachineConnector && slices.ContainsFunc(list, func(g collect.Connection) bool { return g.Name == c.Settings["group"] }) {
			continue // it stands on the page of its group
		}
		row, _, _, err := s.sourceRow(ctx, c)
		if err == nil && c.Connector == agent.GroupConnector {
			row, err = s.groupRow(ctx, c, row)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

const runsShown = 20

func (s *site) sourceRow(ctx context.Context, c collect.Connection) (SourceRow, []collect.Summary, []record.Version, error) {
	row := SourceRow{Name: c.Name, Connector: cmp.Or(c.Title, c.Connector), Status: "never", Every: c.Interval()}
	if c.Paused {
		row.Every = 0
	}
	if k, err := s.Collector.Connector(c.Connector); err == nil {
		row.Kinds = len(k.Kinds)
	}
	runs, versions, err := s.runs(ctx, c.Name, runsShown)
	if err != nil || len(runs) == 0 {
		return row, runs, versions, err
	}
	last := runs[0]
	row.Status, row.LastRun, row.Gaps = part.Status(last.Outcome), cmpTime(last.Ended, last.Started), len(last.Missing)
	for _, k := range last.Kinds {
		row.Records += int(k.Read)
	}
	for _, x := range runs {
		if x.Outcome == collect.Complete {
			row.Complete = cmpTime(x.Ended, x.Started)
			break
		}
	}
	return row, runs, versions, nil
}

func cmpTime(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

func (s *site) sources(w http.ResponseWriter, r *http.Request) error {
	if err := s.may(r.Context(), collect.ConnectionKind); err != nil {
		return err
	}
	rows, err := s.sourceRows(r.Context())
	if err != nil {
		return err
	}
	p := Page{Title: "Sources", Section: "/sources", Crumbs: []part.Crumb{{Text: "Operations"}, {Text: "Sources"}}}
	return s.show(w, r, p, func(p Page) templ.Component {
		return sourcesPage(p, SourceList{Rows: rows, Connects: s.connecting(r) == nil})
	})
}

func (s *site) source(w http.ResponseWriter, r *http.Request) error { return s.showSource(w, r, "") }

// showSource shows a source, once with the secret of its hook, or the enrolment token, that was just made.
func (s *site) showSource(w http.ResponseWriter, r *http.Request, made string) error {
	ctx, name := r.Context(), segment(r, "name")
	if err := s.may(ctx, collect.ConnectionKind); err != nil {
		return err
	}
	v, err := s.Book.Get(ctx, collect.ConnectionKind, name, at(ctx))
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			return fault.New(fault.NotFound, "There is no source %q.", name).WithNext("The list of sources shows those there are.")
		}
		return err
	}
	c, err := readConnection(v)
	if err != nil {
		return err
	}
	row, runs, versions, err := s.sourceRow(ctx, c)
	if err != nil {
		return err
	}
	d := SourcePage{SourceRow: row, Now: part.Of(ctx).Moment(), Collects: s.Jobs != nil && session(ctx).May(ctx, access.Act, nil) == nil, Changes: s.connecting(r) == nil}
	for _, k := range slices.Sorted(keysOf(c.Settings)) {
		value := c.Settings[k]
		if lines := strings.Count(strings.TrimSpace(value), "\n") + 1; lines > 5 { // a certificate says nothing to a reader
			value = fmt.Sprintf("A text of %d lines", lines)
		}
		d.Settings = append(d.Settings, part.Say(part.Sentence(k), value))
	}
	for _, k := range c.Secrets {
		d.Settings = append(d.Settings, part.Say(part.Sentence(k), "Sealed, never shown"))
	}
	d.Settings = append(d.Settings, part.Fact{Name: "Record", Value: part.LinkTo(part.Link{Text: "History and proof", Href: recordPath(collect.ConnectionKind, name) + "/history"})})
	var missing []collect.Missing
	if len(runs) > 0 {
		missing = runs[0].Missing
	}
	d.Gaps = s.gaps(missing)
	if k, err := s.Collector.Connector(c.Connector); err == nil {
		d.Manual = manualOfConnector(k)
		if scope.Takes(s.Collector, c.Connector) {
			d.Scopes = scope.At(name)
		}
		d.Help, d.Local, d.Tries = k.Help, k.Local, !k.Sent
		d.Secret = slices.ContainsFunc(k.Settings, func(x connector.Setting) bool { return x.Secret })
		if k.Hook != nil && !part.Past(ctx) {
			d.Hook = &HookPart{At: strings.TrimRight(s.BaseURL, "/") + collect.HookPath(name), Setup: k.Hook.Setup, On: c.Webhook, Made: made}
		}
		for _, p := range k.Permissions {
			x := PermissionRow{Name: p.Name, Why: p.Why, Kinds: p.Kinds}
			for _, m := range missing {
				x.Missing = x.Missing || m.Needs == p.Name
			}
			d.Permissions = append(d.Permissions, x)
		}
	}
	for i, x := range runs {
		d.Runs = append(d.Runs, runRow(x, versions[i]))
	}
	if err := s.sourceCoverage(ctx, &d); err != nil {
		return err
	}
	d.Answer = sourceAnswer(d, runs)
	if err := s.machines(ctx, c, &d, made); err != nil {
		return err
	}
	if d.Job, d.Busy = s.jobOf(ctx, "collect", name); d.Busy {
		w.Header().Set("Refresh", "3") // the page comes back by itself until the run has ended
	}
	p := Page{Title: name, Section: "/sources", Crumbs: []part.Crumb{{Text: "Sources", Href: "/sources"}, {Text: name}}}
	if group := c.Settings["group"]; c.Connector == agent.MachineConnector {
		p.Crumbs = slices.Insert(p.Crumbs, 1, part.Crumb{Text: group, Href: part.Path("sources", group)})
	}
	return s.show(w, r, p, func(p Page) templ.Component { return sourcePage(p, d) })
}

func (s *site) titleOfKind(name string) string {
	if k, err := s.Book.Kinds.Named(name); err == nil {
		return cmp.Or(k.Plural, k.Title, name)
	}
	return part.Sentence(name)
}

func (s *site) gaps(list []collect.Missing) []GapRow {
	var out []GapRow
	for _, m := range list {
		out = append(out, GapRow{Kind: m.Kind, Title: s.titleOfKind(m.Kind), Part: m.Part, Scope: m.Scope, Denied: m.Denied, Reason: m.Reason, Needs: m.Needs})
	}
	return out
}

func runRow(x collect.Summary, v record.Version) RunRow {
	row := RunRow{Href: part.Path("sources", x.Connection, "runs", v.Key), Status: part.Status(x.Outcome), Began: x.Started, Ended: x.Ended, Gaps: len(x.Missing), By: v.Actor, Entry: v.Entry}
	row.ID, _ = strconv.ParseInt(v.Key, 10, 64)
	for _, k := range x.Kinds {
		row.Read += int(k.Read)
		row.New += int(k.New)
		row.Changed += int(k.Changed)
		row.Gone += int(k.Closed)
	}
	return row
}

// sourceCoverage fills in for which times the source vouches, kind by kind, over the last weeks.
func (s *site) sourceCoverage(ctx context.Context, d *SourcePage) error {
	d.To = d.Now
	d.From = d.Now.AddDate(0, 0, -windowDays)
	list, err := s.Collector.Coverage(ctx, collect.CoverageQuery{Connection: d.Name, From: store.At(d.From), To: store.At(d.To) + 1})
	if err != nil {
		return err
	}
	first := d.Now
	for _, x := range list {
		from, to := x.From.Time(), d.Now
		if x.To < store.At(d.Now) {
			to = x.To.Time()
		}
		n := len(d.Coverage)
		if n == 0 || d.Coverage[n-1].Kind != x.Kind || d.Coverage[n-1].Part != x.Part || d.Coverage[n-1].Scope != x.Scope {
			d.Coverage = append(d.Coverage, CoverageRow{Kind: x.Kind, Title: s.titleOfKind(x.Kind), Part: x.Part, Scope: x.Scope})
			n++
		}
		row := &d.Coverage[n-1]
		if k := len(row.Spans); k > 0 && row.Spans[k-1].Reason == "" && !row.Spans[k-1].To.IsZero() && from.After(row.Spans[k-1].To) {
			row.Spans = append(row.Spans, CoverageSpan{From: row.Spans[k-1].To, To: from, Reason: cmp.Or(row.Reason, "it was not read in time")})
		}
		row.Spans = append(row.Spans, CoverageSpan{From: from, To: to})
		row.Reason = x.Ended
		if from.Before(first) {
			first = from
		}
	}
	for i := range d.Coverage {
		row := &d.Coverage[i]
		last := row.Spans[len(row.Spans)-1]
		if last.To.Before(d.Now) {
			row.Spans = append(row.Spans, CoverageSpan{From: last.To, To: d.Now, Reason: cmp.Or(row.Reason, "it was not read in time")})
		}
	}
	seen := map[string]bool{}
	for _, c := range d.Coverage {
		seen[c.Kind+"\x00"+c.Part+"\x00"+c.Scope] = true
	}
	begin := first
	if len(d.Runs) > 0 && d.Runs[len(d.Runs)-1].Began.Before(begin) {
		begin = d.Runs[len(d.Runs)-1].Began
	}
	for _, g := range d.Gaps {
		if key := g.Kind + "\x00" + g.Part + "\x00" + g.Scope; !seen[key] {
			seen[key] = true
			d.Coverage = append(d.Coverage, CoverageRow{Kind: g.Kind, Title: g.Title, Part: g.Part, Scope: g.Scope, Spans: []CoverageSpan{{From: begin, To: d.Now, Reason: g.Reason}}})
		}
	}
	if begin.After(d.From) {
		d.From = begin.Add(-d.Now.Sub(begin)/10 - time.Second)
	}
	return nil
}

func sourceAnswer(d SourcePage, runs []collect.Summary) part.Answer {
	a := part.Answer{Status: d.Status, Since: d.LastRun}
	if len(runs) == 0 {
		a.Why = "It was never read, so nothing is known from it."
		a.Next = []part.Link{{Text: "Collect from it", Note: "tickmark collect " + d.Name}}
		return a
	}
	switch d.Status {
	case collect.Complete:
		a.Why = "Every page of every kind in its scope was read in the last run."
	case collect.Running:
		a.Why = "A run is under way."
	default:
		a.Why = part.Count(d.SourceRow.Gaps, "thing") + " in its scope could not be read. What rests on them is unknown."
		if len(d.Gaps) > 0 {
			a.Why += " The first: " + d.Gaps[0].Title + ": " + d.Gaps[0].Reason
		}
	}
	a.From = []part.Link{{Text: "The last run", Href: d.Runs[0].Href}, {Text: part.Count(d.Records, "record") + " read"}}
	needs := map[string]bool{}
	for _, g := range d.Gaps {
		if g.Needs != "" && !needs[g.Needs] {
			needs[g.Needs] = true
			a.Next = append(a.Next, part.Link{Text: "Grant " + g.Needs, Note: "for " + strings.ToLower(g.Title)})
		}
	}
	if len(a.Next) == 0 && d.Status != collect.Complete && d.Status != collect.Running {
		a.Next = []part.Link{{Text: "Put right what is listed below, then collect again"}}
	}
	return a
}

func (s *site) sourceCollect(w http.ResponseWriter, r *http.Request) error {
	ctx, name := r.Context(), segment(r, "name")
	if err := session(ctx).May(ctx, access.Act, nil); err != nil {
		return err
	}
	if s.Jobs == nil {
		return fault.New(fault.Unavailable, "This server does not collect.").WithNext("Run: tickmark collect %s", name)
	}
	if _, err := s.Collector.Connection(ctx, name); err != nil {
		return err
	}
	if _, err := s.Jobs.Ask(ctx, "collect", name, session(ctx).Actor().Name); err != nil {
		return err
	}
	return done(w, r, part.Path("sources", name), "A run of "+name+" is asked for.")
}
