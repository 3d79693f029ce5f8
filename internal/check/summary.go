package check

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Counts are numbers of records by answer.
type Counts struct {
	Pass          int64 `json:"pass"`
	Fail          int64 `json:"fail"`
	Unknown       int64 `json:"unknown"`
	NotApplicable int64 `json:"not_applicable"`
}

func (c *Counts) add(s Status, n int64) {
	switch s {
	case Pass:
		c.Pass += n
	case Fail:
		c.Fail += n
	case Unknown:
		c.Unknown += n
	case NotApplicable:
		c.NotApplicable += n
	}
}

// State is how a check stands at a moment.
type State struct {
	Setup
	Status    Status // the worst answer about any record; unknown when there is nothing to judge
	Reason    string // why it is unknown, when no record says so
	Counts    Counts
	Evaluated store.Moment // the recorded time up to which it was judged; zero before the first evaluation
	Series    int64        // zero when it had none then

	// Unconnected says that no connection could tell it anything, and nothing ever did: a check of a service that the
	// organisation did not connect. It is unknown, and stands for no control, as though it were not there.
	Unconnected bool
}

// Tally counts checks by how they stand: those that are off are left out, and those of services that are not connected are
// counted apart from what is unknown.
func Tally(states []State) (c Counts, unconnected int64) {
	for _, s := range states {
		switch {
		case s.Off:
		case s.Unconnected:
			unconnected++
		default:
			c.add(s.Status, 1)
		}
	}
	return c, unconnected
}

// Summary is every check of the set as it stands, or stood as known then, sorted by id.
func (m *Monitor) Summary(ctx context.Context, asOf store.Moment) ([]State, error) {
	setups, err := m.setups(ctx)
	if err != nil {
		return nil, err
	}
	totals, err := m.Book.Totals(ctx)
	if err != nil {
		return nil, err
	}
	connected, err := m.connected(ctx, asOf)
	if err != nil {
		return nil, err
	}
	var out []State
	err = m.Book.DB.Read(ctx, func(tx *store.Tx) error {
		cover, err := m.cover(ctx, tx)
		if err != nil {
			return err
		}
		l := &listing{m: m, f: Filter{AsOf: asOf}, q: tx, cover: cover}
		if err := l.inUse(ctx); err != nil {
			return err
		}
		tallies, err := m.tallies(ctx, tx, asOf)
		if err != nil {
			return err
		}
		for _, s := range setups {
			i := slices.IndexFunc(l.series, func(x Series) bool { return x.Check == s.ID })
			st := State{Setup: s}
			switch {
			case i < 0 && s.Off:
				st.Status, st.Reason = Unknown, by("The check is turned off", s)
			case asOf == 0 && s.Broken != "" && !s.Off:
				st.Status, st.Reason = Unknown, s.Broken
				if i >= 0 {
					st.Evaluated, st.Series = l.series[i].Evaluated, l.series[i].ID
					for _, code := range codes {
						if code != codes[NotApplicable] {
							st.Counts.Unknown += tallies[[2]int64{st.Series, code}]
						}
					}
				}
			case i < 0 || asOf == 0 && l.series[i].Evaluated == 0:
				st.Status, st.Reason = Unknown, "The check was not yet evaluated."
			default:
				if st, err = m.state(ctx, l, s, l.series[i], totals, tallies); err != nil {
					return fmt.Errorf("sum up %s: %w", s.ID, err)
				}
			}
			records := int64(0)
			if asOf == 0 {
				for _, k := range m.Words.Kinds(s.For) {
					records += totals[k.Name]
				}
			} else if i >= 0 {
				records = tallies[[2]int64{l.series[i].ID, total}]
			}
			if records == 0 && m.apart(s.Check, connected) && st.Status == Unknown {
				st.Unconnected, st.Reason = true, "No source that could tell is connected."
			}
			out = append(out, st)
		}
		return nil
	})
	return out, err
}

// connected are the kinds that the connections there were may hand over; nil when that is not known.
func (m *Monitor) connected(ctx context.Context, asOf store.Moment) (map[string]bool, error) {
	if m.Offers == nil {
		return nil, nil
	}
	out := map[string]bool{}
	return out, m.Book.EachAt(ctx, m.Book.DB, "connection", asOf, func(v record.Version) error {
		var b struct{ Connector string }
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return fmt.Errorf("read the connection %s: %w", v.Key, err)
		}
		for _, kind := range m.Offers(b.Connector) {
			out[kind] = true
		}
		return nil
	})
}

// apart says that a check judges only what is read from sources, and that no connection reads any of it.
func (m *Monitor) apart(c *Check, connected map[string]bool) bool {
	kinds := m.Words.Kinds(c.For)
	if connected == nil || len(kinds) == 0 {
		return false
	}
	for _, k := range kinds {
		if !k.Collected || connected[k.Name] {
			return false
		}
	}
	return true
}

// tallies are the counts of answers by series and status, as they were known.
func (m *Monitor) tallies(ctx context.Context, q store.Q, asOf store.Moment) (map[[2]int64]int64, error) {
	type row struct {
		Series int64 `db:"series"`
		Status int64 `db:"status"`
		N      int64 `db:"n"`
	}
	out := map[[2]int64]int64{}
	keep := func(r row) error { out[[2]int64{r.Series, r.Status}] = r.N; return nil }
	if asOf == 0 {
		return out, store.Each(ctx, q, keep, "SELECT series, status, n FROM result_tally")
	}
	return out, store.Each(ctx, q, keep, `SELECT h.series, h.status, h.n FROM result_history h JOIN (SELECT series, status, max(at) AS at FROM result_history WHERE at <= $1 GROUP BY series, status) AS l
		ON l.series = h.series AND l.status = h.status AND l.at = h.at`, asOf)
}

// total stands for all records of the kinds that a check is about, beside the codes of its answers.
const total = int64(0)

func (m *Monitor) state(ctx context.Context, l *listing, s Setup, series Series, totals map[string]int64, tallies map[[2]int64]int64) (State, error) {
	st := State{Setup: s, Evaluated: series.Evaluated, Series: series.ID}
	c := m.checkOf(series)
	t := l.f.AsOf
	if t == 0 {
		t = store.At(m.Book.Log.Now())
	}
	read, all := "", tallies[[2]int64{series.ID, total}]
	if l.f.AsOf == 0 {
		all = 0
		for _, k := range m.Words.Kinds(c.For) {
			all += totals[k.Name]
		}
	}
	if gaps := l.cover.name(c.For, c.MaxGap, t, t+1); len(gaps) > 0 {
		read = gaps[0].Reason
	}
	if c.Broken != "" {
		read = c.Broken
	}
	if !m.anyGap(l, c, t) {
		for status, code := range codes {
			if code != 0 {
				st.Counts.add(status, tallies[[2]int64{series.ID, code}])
			}
		}
	} else if m.allGap(l, c, t) {
		for _, code := range codes {
			if code != 0 {
				st.Counts.Unknown += tallies[[2]int64{series.ID, code}]
			}
		}
	} else if err := m.count(ctx, l, c, series, t, &st.Counts); err != nil {
		return st, err
	}
	st.Counts.NotApplicable = max(0, all-st.Counts.Pass-st.Counts.Fail-st.Counts.Unknown)
	switch {
	case st.Counts.Fail > 0:
		st.Status = Fail
	case st.Counts.Unknown > 0:
		st.Status, st.Reason = Unknown, read
	case read != "":
		st.Status, st.Reason = Unknown, read
	case st.Counts.Pass > 0:
		st.Status = Pass
	case st.Counts.NotApplicable > 0 && m.doubtful(l, c, t) != "":
		st.Status, st.Reason = Unknown, m.doubtful(l, c, t)
	case st.Counts.NotApplicable > 0:
		st.Status, st.Reason = NotApplicable, "It applies to none of the records there are."
	default:
		st.Status, st.Reason = Unknown, "There is nothing to judge."
	}
	return st, nil
}

// doubtful says why it cannot be told which records a check applies to: what its where looks up was not read completely.
func (m *Monitor) doubtful(l *listing, c *Check, t store.Moment) string {
	for _, name := range c.asked() {
		if gaps := l.cover.looked(c, name, t, t+1); len(gaps) > 0 {
			return gaps[0].Reason
		}
	}
	return ""
}

// anyGap reports whether anything that the check rests on is not covered now; if nothing is, the tallies are the answer.
func (m *Monitor) anyGap(l *listing, c *Check, t store.Moment) bool {
	if c.vague {
		return true
	}
	for _, k := range m.Words.Kinds(c.For) {
		if !k.Collected {
			continue
		}
		for _, lane := range l.cover.kinds[k.Name] {
			if (lane.part == "" || l.cover.reads(c, k.Name, lane.part)) && len(l.cover.holes(lane, c.MaxGap, t, t+1)) > 0 {
				return true
			}
		}
		if len(l.cover.kinds[k.Name]) == 0 {
			return true
		}
	}
	for _, j := range c.Joins {
		if len(l.cover.looked(c, j, t, t+1)) > 0 {
			return true
		}
	}
	return false
}

// allGap reports whether no record that the check judges is covered now, so that every answer is unknown.
func (m *Monitor) allGap(l *listing, c *Check, t store.Moment) bool {
	if c.vague {
		return false
	}
	for _, k := range m.Words.Kinds(c.For) {
		if !k.Collected {
			return false
		}
		for _, lane := range l.cover.kinds[k.Name] {
			if lane.part == "" && len(l.cover.holes(lane, c.MaxGap, t, t+1)) == 0 {
				return false
			}
		}
	}
	return true
}

// count counts answers with coverage over them, grouped where rows are alike.
func (m *Monitor) count(ctx context.Context, l *listing, c *Check, s Series, t store.Moment, out *Counts) error {
	type group struct {
		Status int64  `db:"status"`
		Kind   string `db:"kind"`
		Source string `db:"source"`
		Scope  string `db:"scope"`
		Basis  string `db:"basis"`
		N      int64  `db:"n"`
	}
	where, args := "a.valid_to = $2 AND a.superseded = $2 AND a.status IN (1, 2, 3)", []any{s.ID, store.Forever}
	if l.f.AsOf != 0 {
		where, args[1] = stood("$2")+" AND a.status > 0", l.f.AsOf
	}
	basisColumn := "''"
	if len(c.Joins) > 0 || c.vague {
		basisColumn = "a.basis"
	}
	return store.Each(ctx, l.q, func(g group) error {
		status, _, _ := m.under(l.cover, c, g.Status, "", g.Kind, g.Source, g.Scope, parseBasis(g.Basis), t)
		out.add(status, g.N)
		return nil
	}, `SELECT a.status, k.name AS kind, rc.source, v.scope, `+basisColumn+` AS basis, count(*) AS n FROM result a JOIN record rc ON rc.id = a.record JOIN kind k ON k.id = rc.kind
		JOIN version v ON v.id = a.version WHERE a.series = $1 AND `+where+" GROUP BY a.status, k.name, rc.source, v.scope, "+groupBasis(basisColumn), args...)
}

func groupBasis(column string) string {
	if column == "''" {
		return "a.series"
	}
	return column
}

// Worst is the status of what several statuses are about: fail before unknown before pass; with nothing to judge, unknown.
func Worst(statuses ...Status) Status {
	worst := Status("")
	for _, s := range statuses {
		switch {
		case s == Fail:
			return Fail
		case s == Unknown:
			worst = Unknown
		case s == Pass && worst != Unknown:
			worst = Pass
		}
	}
	if worst == "" {
		return Unknown
	}
	return worst
}

// ControlState is how a control stands by its checks.
type ControlState struct {
	Control string
	Status  Status
	Reason  string
	Checks  []State // those that give evidence for it
}

// Control sums up a control from the states of Summary. A check that applies to nothing neither helps nor harms; a control
// without a check that judged something is unknown. A check that no source is connected for is left out. Its checks are those about it and those that it names itself.
func Control(id string, states []State, named ...string) ControlState {
	c := ControlState{Control: id}
	var all []Status
	apart := false
	for _, s := range states {
		if slices.Contains(s.Controls, id) || slices.Contains(named, s.ID) {
			if s.Unconnected {
				apart = true
				continue
			}
			c.Checks = append(c.Checks, s)
			if s.Status != NotApplicable {
				all = append(all, s.Status)
			}
			if s.Status == Unknown && c.Reason == "" {
				c.Reason = s.ID + ": " + s.Reason
			}
		}
	}
	c.Status = Worst(all...)
	switch {
	case len(c.Checks) == 0 && apart:
		c.Reason = "Its checks read sources that are not connected."
	case len(c.Checks) == 0:
		c.Reason = "No check is about this control."
	case len(all) == 0:
		c.Reason = "Its checks apply to none of the records there are."
	case c.Status != Unknown:
		c.Reason = ""
	}
	return c
}

// Window is how much of a time a check can speak for.
type Window struct {
	Check    string       `json:"check"`
	From     store.Moment `json:"from"`
	To       store.Moment `json:"to"`
	Percent  float64      `json:"percent"` // of the time, in which everything the check rests on was read and the check was in use
	Gaps     []Gap        `json:"gaps"`
	PassTime float64      `json:"pass_hours"` // record-hours by answer
	FailTime float64      `json:"fail_hours"`
	Unsure   float64      `json:"unknown_hours"`
	Partial  bool         `json:"partial"` // there are more answers than were summed
}

// Window measures a check over a time; the end is cut at now.
func (m *Monitor) Window(ctx context.Context, check string, from, to store.Moment) (Window, error) {
	if _, err := m.Set.Get(check); err != nil {
		return Window{}, err
	}
	to = min(to, store.At(m.Book.Log.Now()))
	w := Window{Check: check, From: from, To: to}
	if to <= from {
		return w, nil
	}
	cover, err := m.cover(ctx, m.Book.DB)
	if err != nil {
		return w, err
	}
	series, err := m.SeriesOf(ctx, check)
	if err != nil {
		return w, err
	}
	w.Gaps = m.unspoken(cover, series, from, to)
	known := store.Moment(0)
	for _, p := range cut(slices.Clone(w.Gaps), from, to) {
		if p.Reason == "" {
			known += p.To - p.From
		}
	}
	w.Percent = 100 * float64(known) / float64(to-from)
	for after, n := "", 0; ; n++ {
		page, err := m.Results(ctx, Filter{Check: check, From: from, To: to, After: after, Limit: 1000})
		if err != nil {
			return w, err
		}
		for _, r := range page.Results {
			hours := float64(min(r.To, to)-max(r.From, from)) / hour
			switch r.Status {
			case Pass:
				w.PassTime += hours
			case Fail:
				w.FailTime += hours
			default:
				w.Unsure += hours
			}
		}
		if page.Next == "" {
			return w, nil
		}
		if after = page.Next; n >= 200 {
			w.Partial = true
			return w, nil
		}
	}
}

// hour is an hour in microseconds.
const hour = 3600 * 1e6

// unspoken are the gaps in what the series of a check could speak about, each by the logic it had.
func (m *Monitor) unspoken(cover *cover, series []Series, from, to store.Moment) []Gap {
	out := idle(series, from, to)
	for _, s := range series {
		from, to := max(from, s.Started), min(to, s.Ended)
		if from >= to {
			continue
		}
		c := m.checkOf(s)
		if c.Broken != "" {
			out = append(out, Gap{From: from, To: to, Reason: c.Broken})
			continue
		}
		for _, g := range m.unanswered(s) {
			if g.From = max(g.From, from); g.From < to {
				g.To = to
				out = append(out, g)
			}
		}
		out = append(out, cover.name(c.For, c.MaxGap, from, to)...)
		out = append(out, m.forsaken(cover, c, s, from, to)...)
		for _, k := range m.Words.Kinds(c.For) {
			for _, l := range cover.kinds[k.Name] {
				if l.part != "" && cover.reads(c, k.Name, l.part) {
					out = append(out, cover.holes(l, c.MaxGap, from, to)...)
				}
			}
		}
		for _, j := range c.Joins {
			out = append(out, cover.looked(c, j, from, to)...)
		}
	}
	return out
}

// idle are the times in which the check was not in use.
func idle(series []Series, from, to store.Moment) []Gap {
	var out []Gap
	at := from
	gap := func(end store.Moment) {
		if end = min(end, to); end > at {
			out = append(out, Gap{From: at, To: end, Reason: "The check was not in use."})
		}
	}
	for _, s := range series {
		gap(s.Started)
		at = max(at, s.Ended)
	}
	gap(to)
	return out
}
