package readiness

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/gap"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/standing"
	"tickmark/internal/store"
	"tickmark/internal/system"
)

// DefaultDays is the length of the window when there is no period.
const DefaultDays = 90

// Options say of which moment and for which window.
type Options struct {
	Book     *record.Book
	Monitor  *check.Monitor
	AsOf     store.Moment // zero: now
	From, To store.Moment // zero: the current period, or the last 90 days
}

// making is the report while it is being made.
type making struct {
	Options
	ctx   context.Context
	at    store.Moment // of readings: zero is now
	zone  *time.Location
	r     *Report
	known map[[2]string]string // references given, by kind and key
	names map[string]string    // of people, by key
	due   map[string]string    // by check: the due date of its open finding
	state standing.Summary
}

// Make computes the report.
func Make(ctx context.Context, o Options) (*Report, error) {
	now := store.At(o.Book.Log.Now())
	if o.AsOf > now {
		return nil, fault.New(fault.Invalid, "The moment %s has not come yet.", o.AsOf).WithNext("Ask for a time in the past, or leave it out for now.")
	}
	m := &making{Options: o, ctx: ctx, at: o.AsOf, known: map[[2]string]string{}, names: map[string]string{}, due: map[string]string{},
		r: &Report{Format: Format, AsOf: cmp.Or(o.AsOf, now)}}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"the ledger", m.ledger}, {"people", m.people}, {"the organisation", m.organisation}, {"the window", m.window}, {"the scope", m.scope},
		{"findings", m.findings}, {"how things stand", m.stand}, {"criteria", m.criteria}, {"controls", m.controls}, {"checks", m.checks},
		{"gaps", m.gaps}, {"exceptions", m.exceptions}, {"what no check answers", m.unwatched}, {"policies", m.policies}, {"sources", m.sources},
		{"changed checks", m.changes},
	} {
		if err := step.do(); err != nil {
			return nil, fmt.Errorf("read %s: %w", step.name, err)
		}
	}
	return m.r, nil
}

// ref gives a version its reference; the same record has one, wherever it is named.
func (m *making) ref(v record.Version) string {
	id := [2]string{v.Kind, v.Key}
	if code, ok := m.known[id]; ok {
		return code
	}
	return m.refer(id, v.Label, v.From, v.Entry)
}

func (m *making) refer(id [2]string, label string, from store.Moment, entry int64) string {
	code := fmt.Sprintf("R-%04d", len(m.r.References)+1)
	m.known[id] = code
	m.r.References = append(m.r.References, Reference{Code: code, Kind: id[0], Key: id[1], Label: cmp.Or(label, id[1]), VersionFrom: from, Entry: entry})
	return code
}

// each reads every record of a kind as of the moment, in order of key.
func each[T any](m *making, kind string, keep func(v record.Version, body T) error) error {
	var list []record.Version
	err := m.Book.EachAt(m.ctx, m.Book.DB, kind, m.at, func(v record.Version) error {
		list = append(list, v)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b record.Version) int { return strings.Compare(a.Key, b.Key) })
	for _, v := range list {
		var body T
		if err := json.Unmarshal(v.Body, &body); err != nil {
			return fmt.Errorf("read %s %s: %w", v.Kind, v.Key, err)
		}
		if err := keep(v, body); err != nil {
			return err
		}
	}
	return nil
}

func (m *making) ledger() error {
	head, err := m.Book.Log.Head(m.ctx, m.Book.DB)
	if err != nil {
		return err
	}
	m.r.Ledger = Ledger{Origin: m.Book.Log.Origin, Size: head.Size, Root: hex.EncodeToString(head.Root[:])}
	return nil
}

func (m *making) people() error {
	return each(m, "person", func(v record.Version, _ struct{}) error {
		m.names[v.Key] = cmp.Or(v.Label, v.Key)
		return nil
	})
}

// name is who stands behind a person's key or the stamp of an act.
func (m *making) name(stamp string) string {
	if n, ok := m.names[stamp]; ok {
		return n
	}
	if n, ok := m.names[strings.TrimPrefix(stamp, "person:")]; ok {
		return n
	}
	return stamp
}

func (m *making) organisation() error {
	m.zone = time.UTC
	v, err := m.Book.Get(m.ctx, "organisation", organisation.Key, m.at)
	if fault.Is(err, fault.NotFound) {
		m.r.Organisation.Name, m.r.Zone = "An organisation without a name yet", "UTC"
		m.r.Organisation.Demo, err = invented(m.ctx, m.Book)
		return err
	}
	if err != nil {
		return err
	}
	m.zone = organisation.Zone(v.Body)
	m.r.Zone = m.zone.String()
	var o struct {
		Name       string
		Legal      string `json:"legal_name"`
		Demo       bool
		Categories []string
	}
	if err := json.Unmarshal(v.Body, &o); err != nil {
		return err
	}
	m.r.Organisation = Organisation{Name: o.Name, LegalName: o.Legal, Demo: o.Demo, Ref: m.ref(v)}
	m.r.Scope.Categories = o.Categories
	return nil
}

// invented reports whether the workspace is a demonstration now; it is so at every earlier moment too.
func invented(ctx context.Context, book *record.Book) (bool, error) {
	v, err := book.Get(ctx, "organisation", organisation.Key, 0)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	var o struct{ Demo bool }
	if err == nil {
		err = json.Unmarshal(v.Body, &o)
	}
	return o.Demo, err
}

// Zone is the organisation's zone at a moment, in which its days are counted; UTC while it has none.
func Zone(ctx context.Context, book *record.Book, asOf store.Moment) (*time.Location, error) {
	v, err := book.Get(ctx, "organisation", organisation.Key, asOf)
	if fault.Is(err, fault.NotFound) {
		return time.UTC, nil
	}
	if err != nil {
		return nil, err
	}
	return organisation.Zone(v.Body), nil
}

// Window is the window of a report for which nobody chose another: the current period as far as it has gone, or the last days.
// Zero is now.
func Window(ctx context.Context, book *record.Book, asOf store.Moment) (from, to store.Moment, name string, err error) {
	zone, err := Zone(ctx, book, asOf)
	if err != nil {
		return 0, 0, "", err
	}
	end := cmp.Or(asOf, store.At(book.Log.Now()))
	p, ok, err := period.Current(ctx, book, asOf)
	if err != nil {
		return 0, 0, "", err
	}
	if ok && p.From != "" {
		if first, last := p.Days(zone); store.At(first) < end {
			return store.At(first), min(store.At(last), end), "the period " + p.Name, nil
		}
	}
	day := end.Time().In(zone)
	begin := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone).AddDate(0, 0, -DefaultDays)
	return store.At(begin), end, fmt.Sprintf("the last %d days", DefaultDays), nil
}

// window chooses the times, and reads the period.
func (m *making) window() error {
	p, ok, err := period.Current(m.ctx, m.Book, m.at)
	if err != nil {
		return err
	}
	if ok {
		v, err := m.Book.Get(m.ctx, "period", p.Key, m.at)
		if err != nil {
			return err
		}
		m.r.Period = &Period{Period: p, Ref: m.ref(v)}
		if len(p.Categories) > 0 {
			m.r.Scope.Categories = p.Categories
		}
	}
	if m.r.From, m.r.To, m.r.Window, err = Window(m.ctx, m.Book, m.at); err != nil {
		return err
	}
	m.r.To = min(m.r.To, m.r.AsOf)
	if m.From != 0 || m.To != 0 {
		m.r.From, m.r.To, m.r.Window = m.From, min(cmp.Or(m.To, m.r.AsOf), m.r.AsOf), "chosen"
		if m.r.To <= m.r.From {
			return fault.New(fault.Invalid, "The window ends at %s, before it begins at %s.", m.r.To, m.r.From).WithNext("Choose one that has begun.")
		}
	}
	return nil
}

func (m *making) scope() error {
	m.r.Scope.Chosen = len(m.r.Scope.Categories) > 0
	if !m.r.Scope.Chosen {
		m.r.Scope.Categories = []string{framework.Security}
	}
	m.r.Scope.Systems, m.r.Scope.Commitments = []System{}, []Commitment{}
	err := each(m, "system", func(v record.Version, _ struct{}) error {
		s, err := system.Read(v)
		if err != nil || s.State == "retired" {
			return err
		}
		if m.r.Period != nil && m.r.Period.System != "" && m.r.Period.System != s.Key {
			return nil
		}
		m.r.Scope.Systems = append(m.r.Scope.Systems, System{System: s, OwnerName: m.name(s.Owner), ApproverName: m.name(s.ApprovedBy), LateName: m.name(s.LateBy), Ref: m.ref(v)})
		return nil
	})
	if err != nil {
		return err
	}
	day := m.r.AsOf.Time().In(m.zone).Format(time.DateOnly)
	return each(m, "commitment", func(v record.Version, c struct {
		Commitment
		MadeIn       string `json:"made_in"`
		Since, Until string
	}) error {
		if c.Until != "" && c.Until < day {
			return nil
		}
		c.Commitment.ID, c.Commitment.MadeIn, c.Commitment.Ref = v.Key, c.MadeIn, m.ref(v)
		m.r.Scope.Commitments = append(m.r.Scope.Commitments, c.Commitment)
		return nil
	})
}

func (m *making) stand() (err error) {
	m.state, err = standing.At(m.ctx, m.Book, m.Monitor, m.at)
	return err
}

// status is the word for a check's answer: a failure inside the due date of its finding is attention.
func (m *making) status(s check.State) string {
	switch s.Status {
	case check.Pass:
		return Passing
	case check.NotApplicable:
		return NotApplicable
	case check.Fail:
		if due := m.due[s.ID]; due != "" && m.r.AsOf.Time().In(m.zone).Format(time.DateOnly) <= due {
			return Attention
		}
		return Failing
	}
	return Unknown
}

// control is the word for a control: a failure is attention when it is only of checks that are.
func (m *making) control(c standing.Control) string {
	if c.Status != check.Fail {
		return cmp.Or(map[check.Status]string{check.Pass: Passing, check.NotApplicable: NotApplicable}[c.Status], Unknown)
	}
	for _, p := range c.Parts {
		if p.Name != "checks" && p.Status == check.Fail {
			return Failing
		}
	}
	return m.failing(c.Checks)
}

// failing is attention when every check that fails is, and there is one.
func (m *making) failing(checks []check.State) string {
	word := Failing
	for _, c := range checks {
		switch m.status(c) {
		case Failing:
			return Failing
		case Attention:
			word = Attention
		}
	}
	return word
}

// criterion is the word for a criterion: a failure is attention when every control that fails it is.
func (m *making) criterion(c standing.Criterion, byKey map[string]standing.Control) string {
	if c.Status != check.Fail {
		return cmp.Or(map[check.Status]string{check.Pass: Passing, check.NotApplicable: NotApplicable}[c.Status], Unknown)
	}
	word := Failing
	for _, key := range c.Controls {
		if x := byKey[key]; x.Status == check.Fail {
			if word = m.control(x); word == Failing {
				return Failing
			}
		}
	}
	return word
}

func (m *making) criteria() error {
	all, err := framework.Load()
	if err != nil {
		return err
	}
	if len(all) > 0 {
		m.r.Library = all[0].Version
	}
	m.r.Criteria, m.r.OutOfScope = []Criterion{}, []string{}
	byKey := map[string]standing.Control{}
	for _, c := range m.state.Controls {
		byKey[c.Key] = c
	}
	stood := map[string]standing.Criterion{}
	for _, c := range m.state.Criteria {
		stood[c.ID] = c
	}
	for _, c := range all {
		if !c.InScope(m.r.Scope.Categories) {
			m.r.OutOfScope = append(m.r.OutOfScope, c.ID)
			continue
		}
		k := Criterion{ID: c.ID, Title: c.Title, Series: c.Series, Category: c.Category, Status: Unknown, Why: "The criteria were not in the workspace then.", Controls: []string{}, Checks: []string{}}
		if s, ok := stood[c.ID]; ok {
			k.Controls, k.Why = append(k.Controls, s.Controls...), s.Reason
			for _, key := range s.Controls {
				for _, x := range byKey[key].Checks {
					if !slices.Contains(k.Checks, x.ID) {
						k.Checks = append(k.Checks, x.ID)
					}
				}
			}
			slices.Sort(k.Checks)
			k.Status = m.criterion(s, byKey)
			if k.Why == "" {
				k.Why = m.whyCriterion(s, byKey)
			}
			v, err := m.Book.Get(m.ctx, "criterion", c.ID, m.at)
			if err != nil {
				return err
			}
			k.Ref = m.ref(v)
		}
		m.r.Criteria = append(m.r.Criteria, k)
		m.r.Counts.Criteria.Add(k.Status)
	}
	return nil
}

// whyCriterion names the controls that make the criterion stand as it does, each under its own word.
func (m *making) whyCriterion(s standing.Criterion, byKey map[string]standing.Control) string {
	like := map[string][]string{}
	for _, key := range s.Controls {
		if c := byKey[key]; c.Status == s.Status && standing.Speaks(c.Life, c.Status) {
			word := m.control(c)
			like[word] = append(like[word], key)
		}
	}
	var out []string
	for _, word := range []string{Failing, Attention, Unknown, Passing, NotApplicable} {
		if len(like[word]) > 0 {
			out = append(out, plain(word)+": "+list(like[word], 6)+".")
		}
	}
	return strings.Join(out, " ")
}

// list names some of many.
func list(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func (m *making) gaps() error {
	m.r.Gaps = []Gap{}
	world, err := gap.Load(m.ctx, m.Book, m.Monitor, m.state, m.at)
	if err != nil {
		return err
	}
	for _, g := range world.Gaps() {
		x := Gap{Gap: g}
		if g.Task != nil {
			x.Owner = m.name(g.Task.Owner)
		}
		if g.Kind == "check" {
			x.Ref = m.known[[2]string{AnswersKind, g.Key}]
		} else if g.Kind != "" && g.Key != "" {
			v, err := m.Book.Get(m.ctx, g.Kind, g.Key, m.at)
			if err == nil {
				x.Ref = m.ref(v)
			} else if !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		m.r.Gaps = append(m.r.Gaps, x)
	}
	m.r.Counts.Gaps = len(m.r.Gaps)
	return nil
}
