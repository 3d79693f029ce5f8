package api

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"tickmark/internal/access"
	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/standing"
	"tickmark/internal/store"
)

const (
	statusPath   = "/api/v1/status"
	resultsPath  = "/api/v1/results"
	checksPath   = "/api/v1/checks"
	coveragePath = "/api/v1/coverage"
	runsPath     = "/api/v1/runs"

	effectivenessPath = "/api/v1/effectiveness"
)

// Status is where the programme stands.
type Status struct {
	AsOf        store.Moment `json:"as_of"`
	Criteria    []Criterion  `json:"criteria"`
	Controls    []Control    `json:"controls"`
	Checks      check.Counts `json:"checks" doc:"Checks by how they stand; those turned off are left out."`
	Unconnected int64        `json:"not_connected" doc:"Checks of services that are not connected. They are unknown, and counted here alone."`
	Coverage    float64      `json:"coverage" doc:"Percent of the window in which checks could speak, on average; the 30 days before when no window is given."`
}

// Criterion is how one criterion stands.
type Criterion struct {
	ID       string       `json:"id"`
	Title    string       `json:"title"`
	Controls []string     `json:"controls" doc:"The keys of the adopted controls that serve it."`
	Status   check.Status `json:"status" enum:"pass,fail,unknown,not_applicable"`
	Reason   string       `json:"reason,omitempty"`
}

// Control is how one adopted control stands.
type Control struct {
	Key      string       `json:"key"`
	Label    string       `json:"label"`
	State    string       `json:"state" doc:"Where it is in its life: draft, approved, active or retired."`
	Criteria []string     `json:"criteria"`
	Checks   []string     `json:"checks"`
	Status   check.Status `json:"status" enum:"pass,fail,unknown,not_applicable"`
	Reason   string       `json:"reason,omitempty"`
}

// CheckState is a check and how it stands.
type CheckState struct {
	ID        string        `json:"id"`
	Title     string        `json:"title"`
	For       string        `json:"for" doc:"The kind or view that it judges."`
	Severity  string        `json:"severity"`
	Controls  []string      `json:"controls"`
	Why       string        `json:"why"`
	Own       bool          `json:"own" doc:"It is your organisation's own and not of the library."`
	Off       bool          `json:"off"`
	Hash      string        `json:"hash" doc:"SHA-256 of its logic and settings."`
	Status    check.Status  `json:"status" enum:"pass,fail,unknown,not_applicable"`
	Reason    string        `json:"reason,omitempty"`
	Records   check.Counts  `json:"records" doc:"Records by answer."`
	Evaluated *store.Moment `json:"evaluated,omitempty" doc:"The recorded time up to which it judged."`
}

// Result is a check's answer about one record over a time.
type Result struct {
	Check  string       `json:"check"`
	Kind   string       `json:"kind"`
	Key    string       `json:"key"`
	Label  string       `json:"label"`
	Status check.Status `json:"status" enum:"pass,fail,unknown,not_applicable"`
	Reason string       `json:"reason"`
	From   store.Moment `json:"from"`
	To     store.Moment `json:"to" nullable:"true" doc:"Null while it holds."`
	Source string       `json:"source"`
	Known  store.Moment `json:"known" doc:"When it was answered."`
	Entry  int64        `json:"entry" doc:"The ledger entry that commits to it; 0 where it is derived."`
}

// Results is a part of the results.
type Results struct {
	Results []Result `json:"results"`
	Next    string   `json:"next"`
	Partial bool     `json:"partial" doc:"The budget for reading ended before the page was full; next goes on."`
}

// Coverage is a time in which a connection vouches for a kind.
type Coverage struct {
	Connection string       `json:"connection"`
	Kind       string       `json:"kind"`
	Part       string       `json:"part,omitempty"`
	Scope      string       `json:"scope,omitempty"`
	From       store.Moment `json:"from"`
	To         store.Moment `json:"to" nullable:"true" doc:"May lie ahead: until then the last read counts as fresh."`
	LastRead   store.Moment `json:"last_read"`
	Reads      int64        `json:"reads"`
	LastRun    int64        `json:"last_run"`
	Ended      string       `json:"ended,omitempty" doc:"Why it ended before its time."`
}

// Exchange is one question that a run asked of its source.
type Exchange struct {
	N       int64        `json:"n"`
	Kind    string       `json:"kind"`
	Request string       `json:"request"`
	Status  string       `json:"status"`
	Bytes   int64        `json:"bytes"`
	SHA256  string       `json:"sha256" doc:"Of the unedited answer."`
	At      store.Moment `json:"at"`
	Took    int64        `json:"took" doc:"Microseconds."`
}

func (s *server) checkRoutes() []route {
	tag := "Checks and coverage"
	window := []param{moment("from", "The beginning of a window, as it is known now."), moment("to", "The end of the window; now when left out.")}
	return []route{
		{method: "GET", path: statusPath, id: "status", tag: tag, summary: "Where the programme stands", query: append([]param{asOf()}, window...), answer: s.schemaOf(Status{}), serve: (*call).status},
		{method: "GET", path: checksPath, id: "list-checks", tag: tag, summary: "Every check and how it stands", query: []param{asOf()}, answer: listOf(s.schemaOf(CheckState{})), serve: (*call).checks},
		{method: "GET", path: checksPath + "/{check}/window", id: "check-window", tag: tag, summary: "How much of a time a check can speak for",
			query: []param{must(window[0]), window[1]}, answer: s.schemaOf(check.Window{}), serve: (*call).window},
		{method: "GET", path: checksPath + "/{check}/backtest", id: "backtest", tag: tag, summary: "What a check would have answered over a past window, and what otherwise than was answered",
			help:  "It is computed from the versions that are kept; nothing is written. All of it is sent, however much it is.",
			query: []param{must(window[0]), window[1], moment("as_of", "The window ends there at the latest."), asked("settings", `Thresholds other than those in use, as {"max_age_days": 30}.`)}, answer: s.schemaOf(check.Tested{}), serve: (*call).backtest},
		{method: "POST", path: checksPath + "/backtest", id: "backtest-file", tag: tag, summary: "The same of a check that is not in use",
			help: "The body is the check's YAML file, whose examples must hold. It is for those who may set checks.", file: []string{"application/yaml", "*/*"},
			query: []param{must(window[0]), window[1]}, answer: s.schemaOf(check.Tested{}), serve: (*call).backtestFile},
		{method: "GET", path: effectivenessPath + "/{id}", id: "effectiveness", tag: tag, summary: "How a check, a control or a criterion went over a window",
			help:  "Hours in pass, fail and unknown, the longest failure, the time to fix of each finding against its due date, and coverage with its gaps. There is no score.",
			query: []param{day("from", "The first day; the current period when left out, or the last twelve months without one."), day("to", "The last day, inclusive."), asOf()}, answer: s.schemaOf(standing.Effect{}), serve: (*call).effectiveness},
		{method: "GET", path: resultsPath, id: "list-results", tag: tag, summary: "Answers of checks about records", answer: s.schemaOf(Results{}),
			query: append([]param{asked("check", "Only this check."), oneOf("status", "Only these answers.", "pass", "fail", "unknown", "not_applicable"), asked("kind", "Only records of this kind."),
				asked("key", "Only this record."), asked("source", "Only what this connection saw."), asOf(), asked("after", "The next of the page before."),
				whole("limit", "Records a page, 100 when left out.", 1, 1000)}, window...), serve: (*call).results},
		{method: "GET", path: coveragePath, id: "list-coverage", tag: tag, summary: "For which times connections vouch", answer: listOf(s.schemaOf(Coverage{})),
			query: append([]param{asked("connection", "Only this connection."), asked("kind", "Only this kind.")}, window...), serve: (*call).coverage},
		{method: "GET", path: runsPath + "/{run}/exchanges", id: "list-exchanges", tag: tag, summary: "What a run asked of its source", answer: listOf(s.schemaOf(Exchange{})),
			query: []param{whole("after", "Only those after this number.", 0, 0), whole("limit", "Questions, 100 when left out.", 1, 1000)}, serve: (*call).exchanges},
	}
}

func (c *call) status() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	at, err := c.moment("as_of")
	if err != nil {
		return nil, err
	}
	from, to, err := c.during()
	if err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	now := cmp.Or(at, store.At(c.s.Book.Log.Now()))
	if to == 0 {
		from, to = now-30*24*3600*1_000_000, now
	}
	st, err := standing.At(ctx, c.s.Book, c.s.Monitor, at)
	if err != nil {
		return nil, err
	}
	out := Status{AsOf: now, Criteria: []Criterion{}, Controls: []Control{}}
	for _, x := range st.Criteria {
		out.Criteria = append(out.Criteria, Criterion{x.ID, x.Title, list(x.Controls), x.Status, x.Reason})
	}
	for _, x := range st.Controls {
		k := Control{Key: x.Key, Label: x.Label, State: x.Life, Criteria: list(x.Criteria), Checks: []string{}, Status: x.Status, Reason: x.Reason}
		for _, s := range x.Checks {
			k.Checks = append(k.Checks, s.ID)
		}
		out.Controls = append(out.Controls, k)
	}
	out.Checks, out.Unconnected = check.Tally(st.Checks)
	covered, err := c.s.Monitor.Covered(ctx, from, to)
	for _, percent := range covered {
		out.Coverage += percent / float64(len(covered))
	}
	return out, err
}

func list(s []string) []string { return append([]string{}, s...) }

func (c *call) checks() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	at, err := c.moment("as_of")
	if err != nil {
		return nil, err
	}
	states, err := c.s.Monitor.Summary(c.r.Context(), at)
	if err != nil {
		return nil, err
	}
	out := make([]CheckState, len(states))
	for i, s := range states {
		out[i] = CheckState{ID: s.ID, Title: s.Title, For: s.For, Severity: s.Severity, Controls: list(s.Controls), Why: s.Why, Own: s.Own, Off: s.Off,
			Hash: hex.EncodeToString(s.Hash[:]), Status: s.Status, Reason: s.Reason, Records: s.Counts, Evaluated: maybe(s.Evaluated)}
	}
	return out, nil
}

// during reads the window; zero for none.
func (c *call) during() (from, to store.Moment, err error) {
	if from, err = c.moment("from"); err != nil {
		return 0, 0, err
	}
	if to, err = c.moment("to"); err != nil {
		return 0, 0, err
	}
	switch {
	case from == 0 && to != 0:
		return 0, 0, fault.New(fault.Invalid, "to is given without from.").WithNext("Give both ends of the window.")
	case from != 0 && to == 0:
		to = store.At(c.s.Book.Log.Now())
	}
	return from, to, nil
}

func (c *call) window() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	from, to, err := c.during()
	if err != nil {
		return nil, err
	}
	w, err := c.s.Monitor.Window(c.r.Context(), c.r.PathValue("check"), from, to)
	if w.Gaps == nil {
		w.Gaps = []check.Gap{}
	}
	return w, err
}

func (c *call) effectiveness() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	at, err := c.moment("as_of")
	if err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	st, err := standing.At(ctx, c.s.Book, c.s.Monitor, at)
	if err != nil {
		return nil, err
	}
	span := st.Window
	if text := c.text("from"); text != "" {
		span.From = calendar.Parse(text)
	}
	if text := c.text("to"); text != "" {
		span.To = calendar.Parse(text)
	}
	if span.From.IsZero() || span.To.Before(span.From) {
		return nil, fault.New(fault.Invalid, "The window ends before it begins.").WithNext("Give from and to as days, such as 2026-01-31.")
	}
	e, err := st.Effective(ctx, c.s.Book, c.s.Monitor, c.r.PathValue("id"), span, at)
	if err != nil {
		return nil, err
	}
	names := []string{"control", "finding"}
	for _, x := range e.Checks { // what is said of a record is as private as the record
		if l, err := c.s.Monitor.Set.Get(x.Check); err == nil {
			for _, k := range l.Reads() {
				names = append(names, k.Name)
			}
		}
	}
	for _, name := range names {
		k, err := c.s.Book.Kinds.Named(name)
		if err != nil {
			return nil, err
		}
		if err := c.reads(k); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (c *call) backtest() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	x, err := c.s.Monitor.InUse(c.r.Context(), c.r.PathValue("check"))
	if err != nil {
		return nil, err
	}
	if text := c.text("settings"); text != "" {
		var set map[string]any
		if err := json.Unmarshal([]byte(text), &set); err != nil {
			return nil, fault.New(fault.Invalid, "settings: %q is not a JSON object of names and values.", text)
		}
		if x, err = x.With(set); err != nil {
			return nil, err
		}
	}
	return c.test(x)
}

// backtestFile runs what a caller wrote over every record: only for those who may set checks.
func (c *call) backtestFile() (any, error) {
	k, err := c.s.Book.Kinds.Named(check.SettingKind)
	if err != nil {
		return nil, err
	}
	if err := c.who.May(c.r.Context(), access.Write, k); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, bodyLimit))
	if err != nil {
		return nil, err
	}
	x, err := check.Read(c.s.Monitor.Words, check.Rules{}, "check.yaml", b)
	if err != nil {
		return nil, err
	}
	return c.test(x)
}

// test sends what a check would have answered. What it says of a record is as private as the record, and as what it looks up.
func (c *call) test(x *check.Check) (any, error) {
	for _, k := range x.Reads() {
		if err := c.reads(k); err != nil {
			return nil, err
		}
	}
	from, to, err := c.during()
	if err != nil {
		return nil, err
	}
	if at, err := c.moment("as_of"); err != nil {
		return nil, err
	} else if at != 0 {
		to = min(to, at)
	}
	out := &begun{ResponseWriter: c.w}
	c.w.Header().Set("Content-Type", "application/json")
	if _, err := c.s.Monitor.WriteBacktest(c.r.Context(), out, x, from, to); err != nil {
		if !out.begun {
			return nil, err
		}
		c.s.log.ErrorContext(c.r.Context(), "api: a back-test was cut short", "error", cause(err))
		panic(http.ErrAbortHandler) // what was sent must not look whole
	}
	return streamed{}, nil
}

func (c *call) results() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	f := check.Filter{Check: c.text("check"), Status: check.Status(c.text("status")), Kind: c.text("kind"), Key: c.text("key"), Source: c.text("source"),
		After: c.text("after"), Limit: int(c.number("limit", 100))}
	var err error
	if f.AsOf, err = c.moment("as_of"); err != nil {
		return nil, err
	}
	if f.From, f.To, err = c.during(); err != nil {
		return nil, err
	}
	if f.AsOf != 0 && f.To != 0 {
		return nil, fault.New(fault.Invalid, "Both as_of and a window are given.").WithNext("Ask for one moment or for one window.")
	}
	page, err := c.s.Monitor.Results(c.r.Context(), f)
	if err != nil {
		return nil, err
	}
	out := Results{Results: []Result{}, Next: page.Next, Partial: page.Partial}
	for _, r := range page.Results {
		if k, err := c.s.Book.Kinds.Named(r.Kind); err != nil || c.reads(k) != nil {
			continue // what is said of a record is as private as the record
		}
		out.Results = append(out.Results, Result{r.Check, r.Kind, r.Key, r.Label, r.Status, r.Reason, r.From, r.To, r.Source, r.Known, r.Entry})
	}
	return out, nil
}

func (c *call) coverage() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	from, to, err := c.during()
	if err != nil {
		return nil, err
	}
	covered, err := c.s.Collector.Coverage(c.r.Context(), collect.CoverageQuery{Connection: c.text("connection"), Kind: c.text("kind"), From: from, To: to})
	out := make([]Coverage, len(covered))
	for i, x := range covered {
		out[i] = Coverage(x)
	}
	return out, err
}

func (c *call) exchanges() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	ctx, key := c.r.Context(), c.r.PathValue("run")
	k, err := c.s.Book.Kinds.Named(collect.RunKind)
	if err != nil {
		return nil, err
	}
	if err := c.reads(k); err != nil {
		return nil, err
	}
	if _, err := c.s.Book.Get(ctx, collect.RunKind, key, 0); err != nil {
		return nil, err
	}
	run, err := strconv.ParseInt(key, 10, 64)
	if err != nil {
		return nil, fault.New(fault.NotFound, "There is no run %q.", key)
	}
	asked, err := c.s.Collector.Exchanges(ctx, run, c.number("after", 0), int(c.number("limit", 100)))
	out := make([]Exchange, len(asked))
	for i, x := range asked {
		out[i] = Exchange{x.N, x.Kind, x.Request, x.Status, x.Bytes, hex.EncodeToString(x.SHA256), x.At, x.Took}
	}
	return out, err
}
