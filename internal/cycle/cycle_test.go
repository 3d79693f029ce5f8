package cycle_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/commitment"
	"tickmark/internal/cycle"
	"tickmark/internal/finding"
	"tickmark/internal/framework"
	"tickmark/internal/ledger"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/task"
)

type body = map[string]any

type who record.Actor

func (w who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor                             { return record.Actor(w) }

func of(name string) who { return who{User: name, Person: name, Name: "person:" + name} }

var sponsor, owner, other = of("sponsor"), of("owner"), of("other")

// office is a workspace of these kinds alone, whose clock the test moves.
type office struct {
	t    *testing.T
	book *record.Book
	now  time.Time
}

func open(t *testing.T, db *store.DB) *office {
	t.Helper()
	log, err := ledger.Open(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string, fields ...record.Field) record.Kind {
		return record.Kind{Name: name, Title: name, Plural: name, Fields: append(fields, record.Field{Name: "title", Type: record.Text}, record.Field{Name: "state", Type: record.Text})}
	}
	kinds := append(cycle.Kinds(), period.Kind(), period.ChangeKind(), person.Kind(), organisation.Kind(), task.Kind(), finding.Kind(), framework.Kind(), framework.RelevanceKind(), commitment.Kind(),
		named("system", record.Field{Name: "name", Type: record.Text}), named("exception"), named("policy"), named("risk"),
		named("control", record.Field{Name: "criteria", Type: record.Text, List: true}, record.Field{Name: "frequency", Type: record.Text}, record.Field{Name: "active_since", Type: record.Text}, record.Field{Name: "grace_days", Type: record.Integer}, record.Field{Name: "type", Type: record.Text}))
	known, err := record.NewKinds(append(kinds, record.Builtin()...)...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, known, func(p string, v []byte) string { return p })
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t, book, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	log.Clock = func() time.Time { o.now = o.now.Add(time.Second); return o.now }
	for _, p := range []string{"sponsor", "owner", "other", "adviser", "auditor"} {
		o.put(owner, "person", p, body{"id": p, "name": p, "email": p + "@example.org"})
	}
	o.put(owner, "system", "prod", body{"name": "Production", "state": "draft"})
	o.put(owner, "criterion", "CC1.1", body{"id": "CC1.1", "title": "Integrity", "summary": "s", "intent": "i", "series": "CC1", "category": "common", "applies_when": body{"any_category": []string{"security"}}, "version": "test"})
	o.put(owner, "control", "GOV-01", body{"title": "Code", "state": "draft", "criteria": []string{"CC1.1"}, "frequency": "annual"})
	o.put(owner, "commitment", "SC-01", body{"id": "SC-01", "title": "Safe", "sort": "service_commitment", "category": "security", "statement": "s", "made_in": "Terms 4", "controls": []string{"GOV-01"}})
	o.put(owner, "period", "fy26", o.period(nil))
	o.put(owner, "cycle", "fy26", turn(nil))
	return o
}

func (o *office) period(change body) body {
	b := body{"id": "fy26", "name": "FY26 Type II", "report": "soc_2", "type": "type_2", "categories": []string{"security"}, "system": "prod", "from": "2026-04-01", "to": "2026-09-30"}
	for k, v := range change {
		b[k] = v
	}
	return b
}

func turn(change body) body {
	b := body{"id": "fy26", "name": "FY26", "period": "fy26", "sponsor": "sponsor", "owner": "owner", "charter": "To earn the report.", "report_reason": "SOC 2 is asked for", "type_reason": "Operation counts",
		"drivers": []body{{"sort": "customer", "name": "A bank", "wants": "type_2", "by": "2026-10-31"}}}
	for k, v := range change {
		if b[k] = v; v == nil {
			delete(b, k)
		}
	}
	return b
}

func (o *office) at(day string) { o.now = calendar.Parse(day).Add(9 * time.Hour) }

func (o *office) try(by record.Authority, c record.Change) error {
	_, err := o.book.Put(o.t.Context(), by, c)
	return err
}

func (o *office) write(by who, kind, key string, b body) error {
	raw, err := json.Marshal(b)
	if err != nil {
		o.t.Fatal(err)
	}
	return o.try(by, record.Change{Kind: kind, Key: key, Body: raw})
}

func (o *office) put(by who, kind, key string, b body) {
	o.t.Helper()
	if err := o.write(by, kind, key, b); err != nil {
		o.t.Fatalf("%s %s: %v", kind, key, err)
	}
}

func (o *office) move(by record.Authority, kind, key, move string, said body) error {
	raw, err := json.Marshal(said)
	if err == nil {
		err = json.Unmarshal(raw, &said)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return o.try(by, record.Change{Kind: kind, Key: key, Move: move, Said: said})
}

func (o *office) act(by record.Authority, kind, key, move string, said body) {
	o.t.Helper()
	if err := o.move(by, kind, key, move, said); err != nil {
		o.t.Fatalf("%s %s %s: %v", move, kind, key, err)
	}
}

func (o *office) not(err error, words string) {
	o.t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		o.t.Errorf("refused with %v, want %q", err, words)
	}
}

func (o *office) get(kind, key string) body {
	o.t.Helper()
	v, err := o.book.Get(o.t.Context(), kind, key, 0)
	if err != nil {
		o.t.Fatal(err)
	}
	var b body
	if err := json.Unmarshal(v.Body, &b); err != nil {
		o.t.Fatal(err)
	}
	return b
}

func (o *office) blocks() string {
	o.t.Helper()
	look := o.book.LookAt(o.t.Context(), time.Time{})
	v, err := look.Get("cycle", "fy26")
	if err != nil {
		o.t.Fatal(err)
	}
	c, err := cycle.Read(v)
	if err != nil {
		o.t.Fatal(err)
	}
	list, err := cycle.Blocks(look, c)
	if err != nil {
		o.t.Fatal(err)
	}
	var out []string
	for _, b := range list {
		if b.Next == "" {
			o.t.Errorf("%q does not say what to do", b.What)
		}
		out = append(out, b.What)
	}
	return strings.Join(out, "\n")
}

// A programme from its scoping to the next one, and what is refused on the way.
func TestAProgrammeRunsItsCourse(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := open(t, db)
		o.not(o.write(owner, "cycle", "x", turn(body{"id": "x", "owner": "sponsor"})), "both sponsor and compliance owner")
		memo := body{"scope_memo": "All of production."}
		o.not(o.move(owner, "cycle", "fy26", "settle_scope", memo), "charter is not approved")
		o.not(o.move(owner, "cycle", "fy26", "approve_charter", nil), "an author of the charter")
		o.not(o.move(other, "cycle", "fy26", "approve_charter", nil), "Only the sponsor")
		o.act(sponsor, "cycle", "fy26", "approve_charter", nil)
		o.not(o.move(owner, "cycle", "fy26", "settle_scope", memo), "boundary of Production is not approved")
		o.put(owner, "system", "prod", body{"name": "Production", "state": "approved"})
		o.put(owner, "cycle", "fy26", turn(body{"charter": "To earn another report."}))
		if o.get("cycle", "fy26")["charter_approved_by"] != nil {
			t.Error("a changed charter still counts as approved")
		}
		o.act(sponsor, "cycle", "fy26", "approve_charter", nil)
		o.put(owner, "period", "fy26", o.period(body{"categories": []string{"security", "privacy"}}))
		o.not(o.move(owner, "cycle", "fy26", "settle_scope", memo), "no commitment is about privacy")
		o.put(owner, "period", "fy26", o.period(nil))
		o.act(owner, "cycle", "fy26", "settle_scope", memo)
		o.act(owner, "cycle", "fy26", "plan_remediation", body{"gap_outcome": "One control to put into operation"})

		o.act(owner, "period", "fy26", "begin", nil)
		o.put(owner, "finding", "f1", body{"title": "Open door", "origin": "review", "severity": "critical"})
		o.put(owner, "milestone", "m1", body{"title": "Policies out", "cycle": "fy26", "due": "2026-02-28", "blocking": true})
		o.put(owner, "task", "t1", body{"title": "Write the code", "sort": "document", "gap": "criterion:CC1.1", "due": "2026-01-02", "owner": "owner"})
		for _, want := range []string{"CC1.1", "keeps SC-01", "Open door", "Policies out", "Write the code"} {
			if got := o.blocks(); !strings.Contains(got, want) {
				t.Errorf("what blocks leaves out %q:\n%s", want, got)
			}
		}
		o.not(o.move(owner, "cycle", "fy26", "declare_ready", nil), "4 more things block it")
		o.put(owner, "control", "GOV-01", body{"title": "Code", "state": "active", "criteria": []string{"CC1.1"}, "frequency": "annual"})
		o.act(owner, "milestone", "m1", "reach", body{"proof": "They are out"})
		o.act(owner, "task", "t1", "finish", body{"outcome": "Written"})
		o.not(o.move(owner, "cycle", "fy26", "declare_ready", nil), "the critical finding “Open door” is open. One more thing")
	})
}

// The window begins on its day and not before, the report comes after it, and the next window follows on without a day between.
func TestTheWindowTheReportAndTheNextCycle(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := open(t, db)
		o.put(owner, "system", "prod", body{"name": "Production", "state": "approved"})
		o.put(owner, "control", "GOV-01", body{"title": "Code", "state": "active", "criteria": []string{"CC1.1"}, "frequency": "annual"})
		o.act(sponsor, "cycle", "fy26", "approve_charter", nil)
		o.act(owner, "period", "fy26", "begin", nil)
		o.act(owner, "cycle", "fy26", "settle_scope", body{"scope_memo": "s"})
		o.not(o.move(owner, "cycle", "fy26", "open_unready", body{"unready_reason": "late"}), "begins on 2026-04-01")
		if err := o.move(owner, "cycle", "fy26", "declare_ready", nil); err == nil {
			t.Fatal("ready without a gap analysis")
		}
		o.act(owner, "cycle", "fy26", "plan_remediation", body{"gap_outcome": "none"})
		if b := o.blocks(); b != "" {
			t.Fatalf("still blocked by %s", b)
		}
		o.act(owner, "cycle", "fy26", "declare_ready", nil)
		job := record.Job("job:programme")
		o.not(o.move(job, "cycle", "fy26", "open_window", nil), "begins on 2026-04-01")
		o.not(o.move(owner, "cycle", "fy26", "begin_examination", nil), "whose window comes first")
		o.at("2026-04-01")
		o.act(job, "cycle", "fy26", "open_window", nil)

		// since the window began, scope changes only by an approved change from a day on
		o.not(o.write(owner, "period", "fy26", o.period(body{"categories": []string{"security", "availability"}})), "another person approved")
		o.not(o.write(owner, "period", "fy26", o.period(body{"to": "2026-08-31"})), "another person approved")
		o.put(owner, "period", "fy26", o.period(body{"fieldwork": "2026-10-05"})) // says nothing of the scope
		change := body{"title": "Availability too", "period": "fy26", "reason": "Customers ask", "effect": "Three criteria more", "from": "2026-05-01", "categories": []string{"security", "availability"}}
		o.not(o.write(owner, "scope_change", "c0", body{"title": "x", "period": "fy26", "reason": "r", "effect": "e", "from": "2026-03-31", "categories": []string{"security"}}), "never changed backwards")
		o.not(o.write(owner, "scope_change", "c0", body{"title": "x", "period": "fy26", "reason": "r", "effect": "e", "from": "2026-05-31", "categories": []string{"privacy"}}), "leave out security")
		o.put(owner, "scope_change", "c1", change)
		o.not(o.move(owner, "scope_change", "c1", "approve", body{"decision": "fine"}), "an author of this change")
		o.act(sponsor, "scope_change", "c1", "approve", body{"decision": "fine"})
		o.not(o.move(job, "scope_change", "c1", "apply", nil), "takes effect on 2026-05-01")
		o.at("2026-05-01")
		o.act(job, "scope_change", "c1", "apply", nil)
		if got := o.get("period", "fy26")["categories"].([]any); len(got) != 2 {
			t.Errorf("the change that took effect left the categories %v", got)
		}

		o.not(o.move(owner, "cycle", "fy26", "begin_examination", nil), "runs through 2026-09-30")
		o.at("2026-10-01")
		o.not(o.move(owner, "cycle", "fy26", "begin_examination", nil), "which firm examines")
		o.put(owner, "adviser", "a1", body{"firm": "Able & Co", "sort": "programme", "people": []string{"adviser"}, "agreement": "2026", "scope": "Help", "from": "2026-01-01", "to": "2026-06-30"})
		// who advises does not examine, whichever way round it is written down, and however the firm is spelt
		o.not(o.write(owner, "cycle", "fy26", turn(body{"firm": "ABLE and Co., LLP"})), "who examines does not advise")
		o.not(o.write(owner, "cycle", "fy26", turn(body{"firm": "Sums LLP", "auditors": []string{"adviser"}})), "who examines does not advise")
		o.not(o.write(owner, "cycle", "fy26", turn(body{"firm": "Sums LLP", "auditors": []string{"owner"}})), "runs the programme")
		o.put(owner, "cycle", "fy26", turn(body{"firm": "Sums LLP", "auditors": []string{"auditor"}}))
		o.not(o.write(owner, "adviser", "a2", body{"firm": "Sums", "sort": "legal", "agreement": "2026", "scope": "Help", "from": "2026-01-01", "to": "2026-06-30"}), "who examines does not advise")
		o.act(owner, "cycle", "fy26", "begin_examination", nil)
		o.not(o.write(owner, "scope_change", "c9", body{"title": "Longer", "period": "fy26", "reason": "r", "effect": "e", "from": "2026-10-01", "to": "2026-12-31"}), "after the window")
	})
}

// The report is dated after what it speaks of, and the next window follows on without a day between.
func TestTheReportAndTheNextCycle(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := open(t, db)
		o.put(owner, "system", "prod", body{"name": "Production", "state": "approved"})
		o.act(sponsor, "cycle", "fy26", "approve_charter", nil)
		o.act(owner, "period", "fy26", "begin", nil)
		o.act(owner, "cycle", "fy26", "settle_scope", body{"scope_memo": "s"})
		o.at("2026-04-02")
		o.act(owner, "cycle", "fy26", "open_unready", body{"unready_reason": "The customer waits"})
		o.put(owner, "finding", "f1", body{"title": "Open door", "origin": "review", "severity": "high"})
		o.at("2026-10-02")
		o.put(owner, "cycle", "fy26", turn(body{"firm": "Sums LLP"}))
		o.act(owner, "cycle", "fy26", "begin_examination", nil)
		o.not(o.move(owner, "cycle", "fy26", "report", body{"report_date": "2026-09-29", "report_number": "1"}), "can only lie between")
		o.not(o.move(owner, "cycle", "fy26", "report", body{"report_date": "2026-11-29", "report_number": "1"}), "can only lie between")
		o.at("2026-11-30")
		o.act(owner, "cycle", "fy26", "report", body{"report_date": "2026-11-29", "report_number": "1"})
		o.not(o.move(owner, "cycle", "fy26", "roll_forward", body{"next_id": "fy26", "next_name": "x", "next_to": "2027-09-30"}), "There is a period fy26 already")
		o.not(o.move(owner, "cycle", "fy26", "roll_forward", body{"next_id": "fy27", "next_name": "x", "next_to": "2026-09-30"}), "Give a later day")
		o.act(owner, "cycle", "fy26", "roll_forward", body{"next_id": "fy27", "next_name": "FY27 Type II", "next_to": "2027-09-30"})
		o.not(o.move(owner, "cycle", "fy26", "roll_forward", body{"next_id": "fy28", "next_name": "x", "next_to": "2028-09-30"}), "rolled forward to fy27")
		p, c := o.get("period", "fy27"), o.get("cycle", "fy27")
		if p["from"] != "2026-10-01" || p["to"] != "2027-09-30" || p["system"] != "prod" || p["state"] != "planned" {
			t.Errorf("the next period is %v", p)
		}
		if c["previous"] != "fy26" || c["state"] != "scoping" || c["charter_approved_by"] != nil || c["scope_memo"] != nil {
			t.Errorf("the next cycle is %v", c)
		}
		if carried, _ := c["carried"].([]any); len(carried) != 1 || carried[0].(map[string]any)["key"] != "f1" {
			t.Errorf("carried over: %v, want the open finding", c["carried"])
		}
		o.act(owner, "cycle", "fy26", "rest", nil)
		o.act(owner, "cycle", "fy26", "finish", body{"ended_reason": "fy27 goes on"})
	})
}

// A milestone whose day is moved says why, each time.
func TestAMilestoneIsNotMovedInSilence(t *testing.T) {
	o := open(t, storetest.SQLite(t))
	m := body{"title": "Policies out", "cycle": "fy26", "due": "2026-02-28"}
	o.put(owner, "milestone", "m1", m)
	m["due"] = "2026-03-31"
	o.not(o.write(owner, "milestone", "m1", m), "without a word on why")
	m["moved_reason"] = "The lawyer was ill"
	o.put(owner, "milestone", "m1", m)
	m["due"] = "2026-04-30"
	o.not(o.write(owner, "milestone", "m1", m), "without a word on why")
}

// Windows on record abut, or the days between are named; a control that cannot be shown in a window is flagged.
func TestTheWindowIsLaidOut(t *testing.T) {
	o := open(t, storetest.SQLite(t))
	for key, b := range map[string]body{
		"GOV-01": {"title": "Code", "state": "active", "frequency": "annual", "active_since": "2025-01-01T00:00:00Z"},
		"AC-05":  {"title": "Access review", "state": "active", "frequency": "quarterly", "active_since": "2025-01-01T00:00:00Z"},
		"AC-06":  {"title": "Second factor", "state": "active", "frequency": "continuous"},
		"AC-07":  {"title": "Begun late", "state": "active", "frequency": "quarterly", "active_since": "2026-06-30T12:00:00Z"},
		"AC-08":  {"title": "Retired", "state": "retired", "frequency": "annual"},
		"AC-09":  {"title": "No frequency", "state": "draft"},
	} {
		o.put(owner, "control", key, b)
	}
	w := cycle.Window{From: calendar.Parse("2026-04-01"), To: calendar.Parse("2026-06-30")}
	list, err := cycle.Plan(o.book.LookAt(t.Context(), time.Time{}), w, calendar.Parse("2026-01-05"), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]cycle.Planned{}
	for _, p := range list {
		got[p.Key] = p
	}
	if _, there := got["AC-08"]; there || len(got) != 5 {
		t.Errorf("laid out: %v", got)
	}
	if n := len(got["AC-05"].Due); n != 1 || got["AC-05"].Flag != "" {
		t.Errorf("a quarterly control falls due %d times in a quarter: %q", n, got["AC-05"].Flag)
	}
	if f := got["GOV-01"].Flag; !strings.Contains(f, "ends after the window") {
		t.Errorf("a yearly control in a window of three months: %q", f)
	}
	if got["AC-06"].Flag != "" || got["AC-09"].Flag == "" {
		t.Errorf("continuous: %q; without a frequency: %q", got["AC-06"].Flag, got["AC-09"].Flag)
	}

	windows := cycle.Recorded([]period.Period{{Key: "b", Name: "B", Type: "type_2", From: "2026-07-02", To: "2026-12-31"}, {Key: "a", Name: "A", Type: "type_2", From: "2026-04-01", To: "2026-06-30"}, {Key: "c", Name: "C", Type: "type_2", From: "2026-12-31", To: "2027-01-31"}})
	if len(windows) != 3 || !strings.Contains(strings.Join(windows[1].Warnings, " "), "No report covers 1 July 2026") || !strings.Contains(strings.Join(windows[2].Warnings, " "), "begins before B ends") || !strings.Contains(strings.Join(windows[2].Warnings, " "), "shorter than three months") {
		t.Errorf("windows: %+v", windows)
	}
	next := cycle.Rolling([]period.Period{{Type: "type_2", From: "2026-04-01", To: "2026-06-30"}}, 3)
	var said []string
	for _, w := range next {
		said = append(said, calendar.Text(w.From)+" "+calendar.Text(w.To))
	}
	if s := strings.Join(said, ", "); s != "2026-07-01 2026-12-31, 2027-01-01 2027-12-31, 2028-01-01 2028-12-31" {
		t.Errorf("the next windows are %s", s)
	}
}

func TestDatesThatCannotBeMetAreSaid(t *testing.T) {
	c := cycle.Cycle{Wanted: "2026-11-28", Drivers: []cycle.Driver{{Name: "A bank", By: "2026-11-29"}, {Name: "A shop", By: "2026-10-01", Type: "type_2"}}}
	p := period.Period{Type: "type_2", From: "2026-04-01", To: "2026-09-30"}
	got := cycle.Feasible(c, p)
	if len(got) != 2 || !strings.Contains(got[0], "2026-11-29 at the earliest") || !strings.Contains(got[1], "A shop") {
		t.Errorf("said of the dates: %q", got)
	}
	p.Type = "type_1"
	if got := cycle.Feasible(c, p); len(got) != 3 || !strings.Contains(got[2], "wants a Type II") {
		t.Errorf("said of a Type I: %q", got)
	}
}

// A criterion stops counting only when another person agreed that nothing touches it, and counts again once that is withdrawn.
func TestACriterionIsNotRelevantOnceAnotherPersonAgreed(t *testing.T) {
	o := open(t, storetest.SQLite(t))
	direct := o.get("criterion", "CC1.1")
	direct["not_relevant_reason"] = "Nobody needs it"
	o.not(o.write(owner, "criterion", "CC1.1", direct), "counts once another person agreed")
	o.put(owner, "not_relevant", "n1", body{"criterion": "CC1.1", "reason": "The provider does it"})
	o.not(o.write(other, "not_relevant", "n2", body{"criterion": "CC1.1", "reason": "Me too"}), "already")
	if s := o.get("criterion", "CC1.1")["not_relevant_reason"]; s != nil {
		t.Errorf("a reason that nobody agreed to counts: %v", s)
	}
	o.not(o.move(owner, "not_relevant", "n1", "approve", body{"looked_at": "x"}), "the one who wrote it")
	o.act(other, "not_relevant", "n1", "approve", body{"looked_at": "The contract"})
	if s := o.get("criterion", "CC1.1")["not_relevant_reason"]; s != "The provider does it" || strings.Contains(o.blocks(), "serves CC1.1") {
		t.Errorf("the criterion says %v, and what blocks is:\n%s", s, o.blocks())
	}
	o.act(owner, "not_relevant", "n1", "withdraw", body{"ended_reason": "We do it ourselves now"})
	if s := o.get("criterion", "CC1.1")["not_relevant_reason"]; s != nil || !strings.Contains(o.blocks(), "serves CC1.1") {
		t.Errorf("withdrawn, the criterion still says %v", s)
	}
}
