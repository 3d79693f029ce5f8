package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/approval"
	"tickmark/internal/check"
	"tickmark/internal/framework"
	"tickmark/internal/gap"
	"tickmark/internal/record"
	stands "tickmark/internal/standing"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

// standing is how everything judged stands at a moment. It is summed up once for the pages that speak of it and forgotten
// when the ledger grows or after a few seconds, because coverage runs out by itself.
type standing struct {
	checks   []checkState // by id
	byCheck  map[string]checkState
	controls []controlState // adopted and not retired, by id
	criteria []criterionState
	evidence map[string]int    // pieces of evidence by control, withdrawn ones left out
	people   map[string]string // names by key, of the owners that are named
	whole    stands.Summary
	scope    gap.World // the period, the boundary and the people, among others
	gaps     []gap.Gap // the worst first

	size int64 // of the ledger, when it was summed up
	made time.Time
}

func newStanding() *standing {
	return &standing{byCheck: map[string]checkState{}, evidence: map[string]int{}, people: map[string]string{}}
}

const standingLife = 10 * time.Second

type checkState struct {
	check.State
	status  part.Status
	finding string // key of an open finding
	due     time.Time
}

// counted is the word under which a check is counted: apart, when it is of a service that is not connected.
func (c checkState) counted() part.Status {
	if c.Unconnected && !c.Off {
		return part.Unconnected
	}
	return c.status
}

type controlState struct {
	ID, Key, Title, Family, Stage, Frequency, Owner, State string
	Criteria                                               []string
	Approval                                               approval.Approval
	ReviewDue                                              string
	status                                                 part.Status
	why                                                    string
	parts                                                  []stands.Part
	checks                                                 []checkState
	results                                                part.Counts
}

type criterionState struct {
	framework.Criterion
	status   part.Status
	why      string // why it is unknown or does not count, when no control says so
	controls []controlState
	checks   part.Counts
}

// openFindings are the states in which a finding still has to be dealt with.
var openFindings = []string{"open", "assigned", "in_progress", "fixed", "verified", "claimed_false"}

var criteriaOnce = sync.OnceValues(framework.Load)

// stand sums up how things stand at the reader's moment.
func (s *site) stand(ctx context.Context) (*standing, error) {
	m := at(ctx)
	head, err := s.Book.Log.Head(ctx, s.Book.DB)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock() // one sums up, the others wait for it
	if st := s.standing[m]; st != nil && st.size == head.Size && time.Since(st.made) < standingLife {
		return st, nil
	}
	st := newStanding()
	st.size, st.made = head.Size, time.Now()
	if err := s.sum(ctx, m, st); err != nil {
		return nil, fmt.Errorf("sum up how things stand: %w", err)
	}
	if len(s.standing) > 8 {
		clear(s.standing)
	}
	s.standing[m] = st
	return st, nil
}

func (s *site) sum(ctx context.Context, m store.Moment, st *standing) error {
	var whole stands.Summary
	var err error
	if m == 0 {
		whole, err = s.keeper.Now(ctx, s.Book, s.Monitor)
	} else {
		whole, err = stands.At(ctx, s.Book, s.Monitor, m)
	}
	if err != nil {
		return err
	}
	st.whole = whole
	open, err := s.openFindings(ctx, m)
	if err != nil {
		return err
	}
	now := part.Of(ctx).Moment()
	for _, x := range whole.Checks {
		c := checkState{State: x, status: statusOf(x.Status)}
		if f, ok := open[x.ID]; ok && x.Status == check.Fail {
			c.finding, c.due = f.Key, f.due
			if !f.due.IsZero() && now.Before(f.due) {
				c.status = part.Attention
			}
		}
		st.checks = append(st.checks, c)
		st.byCheck[c.ID] = c
	}
	if err := s.sumControls(ctx, m, st, whole); err != nil {
		return err
	}
	if err := sumCriteria(st, whole.Criteria); err != nil {
		return err
	}
	if st.scope, err = gap.Load(ctx, s.Book, s.Monitor, whole, m); err != nil {
		return err
	}
	st.gaps = st.scope.Gaps()
	return nil
}

// statusOf is the word for a stored result; a fail is shown as failing until a due date says otherwise.
func statusOf(s check.Status) part.Status {
	switch s {
	case check.Pass:
		return part.Passing
	case check.Fail:
		return part.Failing
	case check.NotApplicable:
		return part.NotApplicable
	}
	return part.Unknown
}

type openFinding struct {
	Key string
	due time.Time // the end of the day on which it is due; zero when none is set
}

// openFindings are the findings that checks opened and that still stand, by check; of several the one due first.
func (s *site) openFindings(ctx context.Context, m store.Moment) (map[string]openFinding, error) {
	out := map[string]openFinding{}
	err := s.each(ctx, record.Query{Kind: "finding", AsOf: m, Where: oneOf("state", openFindings)}, func(v record.Version) error {
		var f struct{ Check, Due string }
		if err := json.Unmarshal(v.Body, &f); err != nil || f.Check == "" {
			return err
		}
		n := openFinding{Key: v.Key, due: endOfDay(f.Due, part.Of(ctx).Zone)}
		if old, ok := out[f.Check]; !ok || !n.due.IsZero() && (old.due.IsZero() || n.due.Before(old.due)) {
			out[f.Check] = n
		}
		return nil
	})
	return out, err
}

// endOfDay is the moment at which a due date has passed.
func endOfDay(date string, zone *time.Location) time.Time {
	t, err := time.ParseInLocation("2006-01-02", date, zone)
	if err != nil {
		return time.Time{}
	}
	return t.AddDate(0, 0, 1)
}

// oneOf is the expression that a field is one of some words.
func oneOf(field string, words []string) string {
	b, _ := json.Marshal(words)
	return "r." + field + " in " + string(b)
}

// quoted is a text as expressions write it.
func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// each reads a whole list; for kinds of which an organisation has hundreds, never for collected ones.
func (s *site) each(ctx context.Context, q record.Query, fn func(record.Version) error) error {
	q.Limit = 500
	for {
		page, err := s.Book.List(ctx, q)
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			if err := fn(v); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}

func (s *site) sumControls(ctx context.Context, m store.Moment, st *standing, whole stands.Summary) error {
	for _, j := range whole.Controls {
		st.evidence[j.Key] = len(whole.EvidenceOf(j.Key))
		if j.Life == "retired" {
			continue
		}
		c := controlState{ID: j.ID, Key: j.Key, Title: j.Label, Family: j.Family, Stage: j.Stage, Frequency: j.Frequency, Owner: j.Owner, State: j.Life, Criteria: j.Criteria,
			Approval: j.Approval, ReviewDue: j.ReviewDue, why: j.Reason, parts: j.Parts}
		for _, x := range j.Checks {
			k := st.byCheck[x.ID]
			c.checks = append(c.checks, k)
			c.results.Add(k.status)
		}
		c.status = statusOf(j.Status)
		if c.status == part.Failing && c.results.Failing == 0 && !missed(j.Parts) {
			c.status = part.Attention // all that fails is checks inside their due dates
		}
		switch {
		case c.status == part.Passing:
			c.why = whyPassing(j.Parts)
		case len(c.checks) > 0 && (c.status == part.Attention || c.status == part.Failing && !missed(j.Parts) || c.why == ""):
			c.why = whyOf(c.checks)
		}
		st.controls = append(st.controls, c)
	}
	slices.SortFunc(st.controls, func(a, b controlState) int { return cmp.Compare(a.ID, b.ID) })
	for _, c := range st.controls {
		if c.Owner == "" || st.people[c.Owner] != "" {
			continue
		}
		st.people[c.Owner] = c.Owner
		if v, err := s.Book.Get(ctx, "person", c.Owner, m); err == nil && v.Label != "" {
			st.people[c.Owner] = v.Label
		}
	}
	return nil
}

// missed reports whether something other than the checks fails: what was missed has no due date left.
func missed(parts []stands.Part) bool {
	return slices.ContainsFunc(parts, func(p stands.Part) bool { return p.Name != "checks" && p.Status == check.Fail })
}

// whyPassing says what a control passes by.
func whyPassing(parts []stands.Part) string {
	var out []string
	for _, p := range parts {
		if !p.Nothing {
			out = append(out, p.Reason)
		}
	}
	return strings.Join(out, " ")
}

// whyOf says in a sentence how some checks make their control stand.
func whyOf(checks []checkState) string {
	var n part.Counts
	for _, c := range checks {
		n.Add(c.status)
	}
	for _, s := range []part.Status{part.Failing, part.Attention, part.Unknown} {
		if n.Of(s) == 0 {
			continue
		}
		for _, c := range checks {
			if c.status == s {
				return fmt.Sprintf("%d of %s %s: %s.", n.Of(s), part.Count(len(checks), "check"), map[part.Status]string{part.Failing: "fails", part.Attention: "fails inside its due date", part.Unknown: "is unknown"}[s], c.Title)
			}
		}
	}
	return fmt.Sprintf("All that %s judged passes.", part.Count(n.Passing, "check"))
}

// sumCriteria shows each criterion as the programme judges it; a failure that is inside its due date everywhere is attention.
func sumCriteria(st *standing, judged []stands.Criterion) error {
	all, err := criteriaOnce()
	if err != nil {
		return err
	}
	byID := map[string]stands.Criterion{}
	for _, j := range judged {
		byID[j.ID] = j
	}
	for _, c := range all {
		j, ok := byID[c.ID]
		if !ok {
			j.Status, j.Reason = check.Unknown, "The criteria were not in the workspace then."
		}
		k := criterionState{Criterion: c, status: statusOf(j.Status), why: j.Reason}
		counted, failing := map[string]bool{}, false
		for _, x := range st.controls {
			if !slices.Contains(j.Controls, x.Key) {
				continue
			}
			k.controls = append(k.controls, x)
			failing = failing || x.status == part.Failing
			for _, y := range x.checks {
				if !counted[y.ID] {
					counted[y.ID] = true
					k.checks.Add(y.status)
				}
			}
		}
		if k.status == part.Failing && !failing {
			k.status = part.Attention
		}
		st.criteria = append(st.criteria, k)
	}
	return nil
}

// may refuses a page about a kind that the reader may not read.
func (s *site) may(ctx context.Context, kind string) error {
	k, err := s.Book.Kinds.Named(kind)
	if err != nil {
		return err
	}
	return session(ctx).May(ctx, access.Read, k)
}

// mayWorkspace refuses a page about the workspace itself: checks, the ledger.
func (s *site) mayWorkspace(ctx context.Context) error {
	return session(ctx).May(ctx, access.Read, nil)
}

// fits says whether all the words of a filter stand in the texts.
func fits(q string, texts ...string) bool {
	all := strings.ToLower(strings.Join(texts, " "))
	for _, w := range strings.Fields(strings.ToLower(q)) {
		if !strings.Contains(all, w) {
			return false
		}
	}
	return true
}
