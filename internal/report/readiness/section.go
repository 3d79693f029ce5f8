package readiness

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tickmark/internal/approval"
	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/requirement"
	"tickmark/internal/standing"
	"tickmark/internal/store"
)

// openStates are the states in which a finding still has to be dealt with.
var openStates = []string{"open", "assigned", "in_progress", "fixed", "verified", "claimed_false"}

func (m *making) findings() error {
	m.r.Findings = []Finding{}
	return each(m, "finding", func(v record.Version, f struct {
		Title, Severity, State, Owner, Due, Check string
		Opened                                    time.Time
		Closed                                    time.Time `json:"closed_at"`
		Overdue                                   string    `json:"overdue_since"`
		Controls                                  []string
	}) error {
		open := slices.Contains(openStates, f.State)
		if old := m.due[f.Check]; open && f.Check != "" && f.Due != "" && (old == "" || f.Due < old) {
			m.due[f.Check] = f.Due
		}
		settled := v.From // the last change of what nobody closed, such as an accepted risk
		if !f.Closed.IsZero() {
			settled = store.At(f.Closed)
		}
		if !open && (settled < m.r.From || store.At(f.Opened) > m.r.To) {
			return nil
		}
		m.r.Findings = append(m.r.Findings, Finding{Title: f.Title, Severity: f.Severity, State: f.State, Open: open, Owner: m.name(f.Owner), Opened: f.Opened, Due: f.Due,
			Overdue: f.Overdue, Check: f.Check, Controls: orNone(f.Controls), Ref: m.ref(v)})
		if open {
			m.r.Counts.Findings++
		}
		return nil
	})
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func (m *making) controls() error {
	marks, err := m.operated()
	if err != nil {
		return err
	}
	evidence, err := m.evidence()
	if err != nil {
		return err
	}
	m.r.Controls = []Control{}
	stood := map[string]standing.Control{}
	for _, s := range m.state.Controls {
		stood[s.Key] = s
	}
	err = each(m, "control", func(v record.Version, c struct {
		Title, Statement, Frequency, Type, Owner, State string
		OwnerRole                                       string `json:"owner_role"`
		Criteria                                        []string
	}) error {
		if c.State == "retired" {
			return nil
		}
		x := Control{ID: v.Key, Title: c.Title, Statement: c.Statement, Criteria: orNone(c.Criteria), Owner: m.name(c.Owner), OwnerRole: c.OwnerRole, Frequency: c.Frequency,
			Type: c.Type, State: c.State, Status: Unknown, Parts: []Part{}, Checks: []string{}, Requirements: []Requirement{}, Evidence: append([]Evidence{}, evidence[v.Key]...), Ref: m.ref(v)}
		s := stood[v.Key]
		if x.Status = m.control(s); s.Status != check.Fail {
			x.Why = s.Reason
		}
		for _, p := range s.Parts {
			word := map[check.Status]string{check.Pass: Passing, check.Fail: Failing, check.Unknown: Unknown}[p.Status]
			if p.Nothing || word == "" {
				word = NotApplicable
			}
			if p.Name == "checks" && p.Status == check.Fail {
				word = m.failing(s.Checks)
			}
			x.Parts = append(x.Parts, Part{Name: p.Name, Status: word, Why: p.Reason})
		}
		for _, k := range s.Checks {
			x.Checks = append(x.Checks, k.ID)
		}
		x.Occurrences = m.occurred(v.Key, marks)
		for _, r := range m.state.Requirements[v.Key] {
			x.Requirements = append(x.Requirements, m.required(r, marks))
		}
		x.Why = cmp.Or(x.Why, m.whyParts(s), s.Reason)
		if c.State != "active" && x.Status == Passing {
			x.Why += " It is not in operation, so that it counts for no criterion."
		}
		m.r.Controls = append(m.r.Controls, x)
		m.r.Counts.Controls.Add(x.Status)
		return nil
	})
	if err != nil {
		return err
	}
	for n := range m.r.Criteria {
		kept := map[string]bool{} // a piece may prove several controls
		for _, c := range m.r.Criteria[n].Controls {
			for _, e := range evidence[c] {
				kept[e.Ref] = true
			}
		}
		m.r.Criteria[n].Evidence = len(kept)
	}
	return nil
}

// whyParts says what a control passes by, or what of it fails.
func (m *making) whyParts(s standing.Control) string {
	var why []string
	for _, p := range s.Parts {
		switch {
		case p.Nothing || s.Status == check.Fail && p.Status != check.Fail:
		case p.Name == "checks":
			why = append(why, m.whyChecks(s.Checks))
		default:
			why = append(why, p.Reason)
		}
	}
	return strings.Join(why, " ")
}

// whyChecks says in a sentence how some checks make their control stand.
func (m *making) whyChecks(checks []check.State) string {
	by := map[string][]string{}
	for _, c := range checks {
		s := m.status(c)
		by[s] = append(by[s], c.ID)
	}
	for _, s := range []string{Failing, Attention, Unknown} {
		if n := len(by[s]); n > 0 {
			say := map[string]string{Failing: "fail", Attention: "fail, inside the due date", Unknown: "are unknown"}[s]
			if n == 1 {
				say = map[string]string{Failing: "fails", Attention: "fails, inside its due date", Unknown: "is unknown"}[s]
			}
			return fmt.Sprintf("%d of %s %s: %s.", n, count(len(checks), "check"), say, list(by[s], 5))
		}
	}
	if len(by[Passing]) == 1 {
		return "Its check passes."
	}
	return fmt.Sprintf("Its %d checks pass.", len(by[Passing]))
}

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// operated reads the versions of occurrences and requirements, by kind and key, for their references.
func (m *making) operated() (map[[2]string]record.Version, error) {
	out := map[[2]string]record.Version{}
	for _, kind := range []string{"occurrence", "requirement"} {
		if err := m.Book.EachAt(m.ctx, m.Book.DB, kind, m.at, func(v record.Version) error {
			out[[2]string{kind, v.Key}] = v
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// occurred counts the performances of a control whose span ends in the window, or which were done in it before their span ends.
func (m *making) occurred(control string, marks map[[2]string]record.Version) Occurrences {
	var c Occurrences
	first, last := m.days()
	for _, o := range m.state.Occurrences[control] {
		if done, err := time.Parse(time.RFC3339Nano, o.PerformedAt); o.To < first || o.To > last && (o.From > last || err != nil || store.At(done) >= m.r.To) {
			continue
		}
		if o.State == "withdrawn" {
			continue // the calendar no longer asks for it
		}
		if o.State == "not_applicable" {
			c.NotApplicable++
			continue
		}
		c.Due++
		switch {
		case o.State == "performed":
			c.OnTime++
		case o.State == "performed_late":
			c.Late++
			c.Refs = append(c.Refs, m.ref(marks[[2]string{"occurrence", o.Key}]))
		case m.state.Missed(o):
			c.Missed++
			c.Refs = append(c.Refs, m.ref(marks[[2]string{"occurrence", o.Key}]))
		default:
			c.Open++
		}
	}
	return c
}

// required counts the spans of a requirement that are over and lie in the window; those waiting for a review are not met.
func (m *making) required(r standing.Requirement, marks map[[2]string]record.Version) Requirement {
	x := Requirement{Title: r.Title, Frequency: r.Frequency, Unmet: []Days{}, Ref: m.ref(marks[[2]string{"requirement", r.Key}])}
	first, last := m.days()
	for _, s := range r.Spans {
		from, to := calendar.Text(s.From), calendar.Text(s.To)
		if s.State == requirement.Open || to < first || from > last {
			continue
		}
		x.Spans++
		if s.State == requirement.Met {
			x.Met++
			continue
		}
		x.Unmet = append(x.Unmet, Days{from, to, s.State == requirement.Waiting})
	}
	return x
}

// days are the first and last day of the window in the organisation's zone.
func (m *making) days() (first, last string) {
	return m.r.From.Time().In(m.zone).Format(time.DateOnly), (m.r.To - 1).Time().In(m.zone).Format(time.DateOnly)
}

// evidence reads what speaks for some day of the window, or does not say for which, by control.
func (m *making) evidence() (map[string][]Evidence, error) {
	out := map[string][]Evidence{}
	first, last := m.days()
	return out, each(m, "evidence", func(v record.Version, e struct {
		Title, State, SHA256 string
		Controls             []string
		From                 string `json:"covers_from"`
		To                   string `json:"covers_to"`
		Reviewed             string `json:"reviewed_by"`
	}) error {
		if e.State == "withdrawn" || e.From > last || e.To != "" && e.To < first {
			return nil
		}
		for _, c := range e.Controls {
			out[c] = append(out[c], Evidence{Title: e.Title, State: e.State, Origin: string(v.Origin), From: e.From, To: e.To, Reviewed: m.name(e.Reviewed), SHA256: e.SHA256, Ref: m.ref(v)})
		}
		return nil
	})
}

const hour = 3600 * 1e6 // in microseconds

func (m *making) checks() error {
	m.r.Checks = []Check{}
	courses, err := m.Monitor.Traces(m.ctx, m.r.From, m.r.To)
	if err != nil {
		return err
	}
	went := map[string]check.Trace{}
	for _, c := range courses {
		went[c.Check] = c
	}
	for _, s := range m.state.Checks {
		c := Check{ID: s.ID, Title: s.Title, Severity: s.Severity, Controls: orNone(s.Controls), Status: m.status(s), Why: s.Reason, Off: s.Off, Due: m.due[s.ID],
			Pass: s.Counts.Pass, Fail: s.Counts.Fail, Unknown: s.Counts.Unknown, NA: s.Counts.NotApplicable}
		w := went[s.ID]
		if w.Entry >= 0 {
			c.Ref = m.refer([2]string{AnswersKind, s.ID}, "Answers of "+s.ID, w.From, w.Entry)
		}
		if c.Course, err = m.course(w); err != nil {
			return err
		}
		m.r.Checks = append(m.r.Checks, c)
		m.r.Counts.Checks.Add(c.Status)
	}
	return nil
}

func (m *making) course(w check.Trace) (Course, error) {
	c := Course{Spans: []Span{}, Gaps: []CourseGap{}, Records: [3]int64{w.Pass, w.Fail, w.Unknown}, Covered: w.Percent, Partial: w.Partial}
	for _, s := range w.Stretches {
		word := map[check.Status]string{check.Pass: Passing, check.Fail: Failing, check.Unknown: Unknown}[s.Status]
		if word == "" {
			word = "nothing"
		}
		c.Spans = append(c.Spans, Span{word, s.From, s.To})
		hours := float64(s.To-s.From) / hour
		switch word {
		case Passing:
			c.PassHours += hours
		case Failing:
			c.FailHours += hours
		case Unknown:
			c.UnknownHours += hours
		default:
			c.NothingHours += hours
		}
	}
	for _, g := range w.Gaps {
		x := CourseGap{g.From, g.To, g.Reason}
		if x.To-x.From > 1000 && !slices.Contains(c.Gaps, x) {
			c.Gaps = append(c.Gaps, x)
		}
	}
	slices.SortStableFunc(c.Gaps, func(a, b CourseGap) int { return cmp.Compare(a.From, b.From) })
	f := w.Longest
	if f == nil {
		return c, nil
	}
	c.Longest = &Failure{Kind: f.Kind, Key: f.Key, Label: cmp.Or(f.Label, f.Key), Why: f.Reason, From: f.Began, To: f.To, Goes: f.To >= w.To}
	v, err := m.Book.Get(m.ctx, f.Kind, f.Key, min(f.To-1, m.r.AsOf))
	switch {
	case err == nil:
		c.Longest.Ref = m.ref(v)
	case !fault.Is(err, fault.NotFound):
		return c, err
	}
	return c, nil
}

func (m *making) exceptions() error {
	m.r.Exceptions = []Exception{}
	first, last := m.days()
	return each(m, "exception", func(v record.Version, e struct {
		Title, State, Control, Start, Expiry, Reason string
		Resources                                    []string
		Approved                                     string    `json:"approved_by"`
		Ended                                        time.Time `json:"ended_at"`
	}) error {
		if e.State != "requested" && (e.Start > last || e.Expiry < first) || !e.Ended.IsZero() && (e.Approved == "" || store.At(e.Ended) < m.r.From) {
			return nil // it did not hold in the window, or was refused
		}
		m.r.Exceptions = append(m.r.Exceptions, Exception{Title: e.Title, State: e.State, Control: e.Control, Resources: orNone(e.Resources), From: e.Start, To: e.Expiry, Approved: m.name(e.Approved), Reason: e.Reason, Ref: m.ref(v)})
		return nil
	})
}

// unwatched lists what people alone can answer: no check of it judged anything at the moment.
func (m *making) unwatched() error {
	m.r.Unwatched = Unwatched{Criteria: []string{}, Controls: []string{}}
	judged := map[string]bool{}
	for _, c := range m.r.Checks {
		judged[c.ID] = c.Pass+c.Fail+c.Unknown > 0
	}
	any := func(checks []string) bool {
		return slices.ContainsFunc(checks, func(id string) bool { return judged[id] })
	}
	for _, c := range m.r.Criteria {
		if !any(c.Checks) {
			m.r.Unwatched.Criteria = append(m.r.Unwatched.Criteria, c.ID)
		}
	}
	for _, c := range m.r.Controls {
		if !any(c.Checks) {
			m.r.Unwatched.Controls = append(m.r.Unwatched.Controls, c.ID)
		}
	}
	return nil
}

// policies are told as their page tells them: who is asked to accept a text, and whose acceptance counts for it.
func (m *making) policies() error {
	m.r.Policies = []Policy{}
	look := m.Book.LookAt(m.ctx, m.r.AsOf.Time())
	all, err := policy.Summaries(look)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.State == "retired" {
			continue
		}
		v, err := m.Book.Get(m.ctx, "policy", s.Key, m.at)
		if err != nil {
			return err
		}
		p := Policy{ID: s.Key, Title: s.Title, Sort: s.Sort, Owner: m.name(s.Owner), Ref: m.ref(v)}
		if s.Working != nil {
			p.Draft = strings.ReplaceAll(s.Working.State, "_", " ")
		}
		if t := s.InForce; t != nil {
			if v, err = m.Book.Get(m.ctx, "policy_version", t.Key, m.at); err != nil {
				return err
			}
			p.Version, p.Effective, p.ApprovedBy, p.ApprovedAt, p.SHA256, p.VersionRef = t.Number, t.Effective, m.name(t.ApprovedBy), s.Approval.At, t.SHA256, m.ref(v)
			p.Alone = approval.How(t.State, t.ApprovedBy, t.ReviewDue, t.LateBy).Said(t.ReviewDue, m.name(t.LateBy))
			for _, r := range s.Reviews { // one may have renewed it since
				if r.State == "approved" && r.ApprovedAt.After(t.ApprovedAt) && r.ApprovedAt.Equal(s.Approval.At) {
					p.ApprovedBy, p.Alone = m.name(r.ApprovedBy), approval.How(t.State, r.ApprovedBy, r.ReviewDue, r.LateBy).Said(r.ReviewDue, m.name(r.LateBy))
				}
			}
			if p.Missed, err = policy.Missed(look, s.Document, m.r.From.Time(), m.r.To.Time()); err != nil {
				return err
			}
			p.Assigned, p.Acknowledged, p.Overdue = len(s.Audience), s.Accepted, s.Overdue
		}
		m.r.Policies = append(m.r.Policies, p)
	}
	return nil
}

func (m *making) sources() error {
	m.r.Sources = []Source{}
	spans, err := collect.CoverageOf(m.ctx, m.Book.DB, collect.CoverageQuery{From: m.r.From, To: m.r.To})
	if err != nil {
		return err
	}
	return each(m, collect.ConnectionKind, func(v record.Version, c collect.Connection) error {
		s := Source{Name: v.Key, Title: cmp.Or(c.Title, v.Key), Connector: c.Connector, Paused: c.Paused, Every: c.Every, Coverage: []SourceKind{}, Ref: m.ref(v)}
		if err := m.lastRun(&s); err != nil {
			return err
		}
		for n := 0; n < len(spans); {
			x := spans[n]
			end := n
			for end < len(spans) && spans[end].Connection == x.Connection && spans[end].Kind == x.Kind && spans[end].Part == x.Part && spans[end].Scope == x.Scope {
				end++
			}
			if x.Connection == v.Key {
				s.Coverage = append(s.Coverage, m.covered(spans[n:end]))
			}
			n = end
		}
		m.r.Sources = append(m.r.Sources, s)
		return nil
	})
}

func (m *making) lastRun(s *Source) error {
	page, err := m.Book.List(m.ctx, record.Query{Kind: collect.RunKind, AsOf: m.at, Where: fmt.Sprintf("r.connection == %q", s.Name), Limit: 3})
	if err != nil {
		return err
	}
	for _, v := range page.Versions {
		var run collect.Summary
		if err := json.Unmarshal(v.Body, &run); err != nil {
			return err
		}
		if run.Outcome == collect.Running {
			continue
		}
		s.Last = &Run{Ended: run.Ended, Outcome: run.Outcome, Missing: []string{}, Ref: m.ref(v)}
		for _, g := range run.Missing {
			s.Last.Missing = append(s.Last.Missing, m.title(g.Kind, g.Part, g.Scope)+": "+g.Reason)
		}
		break
	}
	return nil
}

// title is what a kind, a part of it and a scope are called.
func (m *making) title(kind, part, scope string) string {
	t := kind
	if k, err := m.Book.Kinds.Named(kind); err == nil {
		t = cmp.Or(k.Plural, k.Title, kind)
	}
	if part != "" {
		t += ", " + strings.ReplaceAll(part, "_", " ")
	}
	if scope != "" {
		t += " of " + scope
	}
	return t
}

// covered sums up the spans of one kind, part and scope, which are in order of time.
func (m *making) covered(spans []collect.Coverage) SourceKind {
	x := SourceKind{Kind: spans[0].Kind, Title: m.title(spans[0].Kind, spans[0].Part, ""), Scope: spans[0].Scope, Gaps: []CourseGap{}}
	at, known, why := m.r.From, store.Moment(0), "It was not yet read completely."
	for _, s := range spans {
		from, to := max(s.From, at), min(s.To, m.r.To)
		if from > at {
			x.Gaps = append(x.Gaps, CourseGap{at, from, why})
		}
		if to > from {
			known += to - from
			at = to
		}
		if why = "It was not read in time."; s.Ended != "" {
			why = strings.ToUpper(s.Ended[:1]) + s.Ended[1:] + "."
		}
	}
	if at < m.r.To {
		x.Gaps = append(x.Gaps, CourseGap{at, m.r.To, why})
	}
	x.Percent = 100 * float64(known) / float64(m.r.To-m.r.From)
	return x
}

// settings are values of a check in words: max_age = 36h.
func settings(b json.RawMessage) string {
	var all map[string]json.RawMessage
	if json.Unmarshal(b, &all) != nil {
		return string(b)
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, name+" = "+strings.ReplaceAll(strings.Trim(string(all[name]), `"[]`), `","`, ", "))
	}
	return strings.Join(out, "; ")
}

// changes lists every setting of a check that held in the window, also those that were taken back in it.
func (m *making) changes() error {
	m.r.Changes = []Change{}
	q := record.Query{Kind: check.SettingKind, During: [2]store.Moment{m.r.From, m.r.To}, Limit: 500}
	for {
		page, err := m.Book.List(m.ctx, q)
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			var s struct {
				Off      bool
				Settings json.RawMessage
				Reason   string
			}
			if err := json.Unmarshal(v.Body, &s); err != nil {
				return err
			}
			c := Change{Check: v.Key, Off: s.Off, Reason: s.Reason, By: m.name(v.Actor), At: v.From, Ended: v.To}
			switch {
			case s.Off:
				c.What = "Turned off"
			case len(s.Settings) > 0 && string(s.Settings) != "null" && string(s.Settings) != "{}":
				c.What = "Set: " + settings(s.Settings)
			default:
				c.What = "As in the library"
			}
			c.Ref = m.refer([2]string{v.Kind, fmt.Sprintf("%s@%d", v.Key, v.ID)}, v.Label, v.From, v.Entry)
			m.r.References[len(m.r.References)-1].Key = v.Key // each version of a setting is a line of its own
			m.r.Changes = append(m.r.Changes, c)
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
	}
}
