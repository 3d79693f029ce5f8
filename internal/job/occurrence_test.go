package job

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/control"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/standing"
	"tickmark/internal/store"
)

// operate puts a control of one's own into operation: written by ada, approved by bob.
func (w *world) operate(t *testing.T, key string, body map[string]any) {
	t.Helper()
	whole := map[string]any{"id": key, "title": "Access is reviewed", "statement": "The owner reviews access.", "criteria": []any{"CC6.1"}, "type": "manual",
		"owner": "ada", "evidence": []any{"Signed list"}}
	for k, v := range body {
		whole[k] = v
	}
	w.put(t, "ada", "control", key, whole)
	w.act(t, "bob", "control", key, "approve")
	w.act(t, "ada", "control", key, "activate")
}

func (w *world) say(t *testing.T, by, kind, key, move string, said map[string]any) error {
	t.Helper()
	_, err := w.Book.Put(t.Context(), person(by), record.Change{Kind: kind, Key: key, Move: move, Said: said})
	return err
}

func (w *world) library(t *testing.T) {
	t.Helper()
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
}

var keepers = map[*world]*standing.Keeper{}

// how a control stands, each judged part with its status.
func (w *world) stands(t *testing.T, key string, at store.Moment) string {
	t.Helper()
	s, err := standing.At(t.Context(), w.Book, w.Monitor, at)
	if err != nil {
		t.Fatal(err)
	}
	if at == 0 { // what is kept up to date with each write says the same
		if keepers[w] == nil {
			keepers[w] = &standing.Keeper{}
		}
		kept, err := keepers[w].Now(t.Context(), w.Book, w.Monitor)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(kept.Controls, s.Controls) {
			t.Errorf("kept up to date, the controls stand otherwise: %+v, want %+v", kept.Controls, s.Controls)
		}
	}
	for _, c := range s.Controls {
		if c.Key == key {
			out := []string{string(c.Status)}
			for _, p := range c.Parts {
				if !p.Nothing {
					out = append(out, p.Name+":"+string(p.Status))
				}
			}
			return strings.Join(out, " ")
		}
	}
	t.Fatalf("there is no control %s", key)
	return ""
}

func (w *world) evidence(t *testing.T, key, from, to string) {
	t.Helper()
	w.put(t, "ada", "evidence", key, map[string]any{"title": key, "sort": "document", "link": "https://example.org/" + key, "controls": []any{"X-01"}, "covers_from": from, "covers_to": to})
}

func TestWhatIsMissedFailsAndStaysMissedInTheWindow(t *testing.T) {
	w := newWorld(t)
	w.library(t)
	w.operate(t, "X-01", map[string]any{"frequency": "quarterly", "grace_days": 10})
	w.due(t)
	if got := w.lines(t, "occurrence", "from", "to", "due", "state", "owner"); !slices.Equal(got, []string{
		"2026-01-05 2026-03-31 2026-04-10 scheduled ada", "2026-04-01 2026-06-30 2026-07-10 scheduled ada", "2026-07-01 2026-09-30 2026-10-10 scheduled ada", "2026-10-01 2026-12-31 2027-01-10 scheduled ada"}) {
		t.Fatalf("made %q", got)
	}
	if got := w.stands(t, "X-01", 0); got != "unknown" {
		t.Errorf("before anything is due it stands %s", got)
	}
	w.at("2026-04-10")
	w.due(t)
	if got := w.stands(t, "X-01", 0); got != "unknown" {
		t.Errorf("on its due date it stands %s", got)
	}
	w.at("2026-04-11")
	if got := w.stands(t, "X-01", 0); got != "fail occurrences:fail" {
		t.Errorf("the day after, before the job ran, it stands %s", got)
	}
	w.due(t)
	failing := store.At(w.Log.Clock())
	w.at("2026-04-20")
	w.evidence(t, "e1", "2026-01-01", "2026-03-31")
	if err := w.say(t, "ada", "occurrence", "X-01.2026-01-05", "perform_late", map[string]any{"occurred_at": "2026-04-20T09:00:00Z", "evidence": []any{"e1"}}); err != nil {
		t.Fatal(err)
	}
	if got := w.stands(t, "X-01", 0); got != "pass occurrences:pass" {
		t.Errorf("done late it stands %s", got)
	}
	if got := w.stands(t, "X-01", failing); got != "fail occurrences:fail" {
		t.Errorf("as of the day on which it was missed it stands %s", got)
	}
	s, err := standing.At(t.Context(), w.Book, w.Monitor, 0)
	if err != nil {
		t.Fatal(err)
	}
	var fails []string
	for _, v := range s.Intervals("X-01", calendar.Span{From: calendar.Parse("2026-01-01"), To: calendar.Parse("2026-12-31")}, nil) {
		if v.Part == "occurrences" {
			fails = append(fails, fmt.Sprintf("%s %s %s", v.Status, v.From.Format("01-02"), v.Reason))
		}
	}
	if !slices.Equal(fails, []string{"fail 01-05 5 January to 31 March 2026 was done after its due date, 2026-04-10."}) {
		t.Errorf("the window says %q", fails)
	}
	w.put(t, "bob", "comment", "c1", map[string]any{"on_kind": "control", "on": "control/X-01", "text": "Late."})
	if err := w.say(t, "ada", "evidence", "e1", "withdraw", map[string]any{"withdrawn_reason": "Of another system."}); err != nil {
		t.Fatal(err)
	}
	if got := w.stands(t, "X-01", 0); got != "unknown occurrences:unknown" {
		t.Errorf("with its evidence withdrawn it stands %s", got)
	}
}

func TestANewVersionLeavesWhatHadBegun(t *testing.T) {
	w := newWorld(t)
	w.library(t)
	w.put(t, "ada", "period", "p", map[string]any{"id": "p", "name": "H1", "report": "soc_2", "type": "type_2", "categories": []any{"security"}, "from": "2026-01-01", "to": "2026-06-30"})
	w.operate(t, "X-01", map[string]any{"frequency": "monthly"})
	w.due(t)
	if n := len(w.lines(t, "occurrence", "from")); n != 6 {
		t.Fatalf("%d occurrences are made for half a year", n)
	}
	w.at("2026-03-15")
	w.due(t)
	w.operate(t, "X-01", map[string]any{"frequency": "quarterly", "owner": "bob"})
	w.due(t)
	want := []string{"2026-01-05 2026-01-31 missed ada", "2026-02-01 2026-02-28 missed ada", "2026-03-01 2026-03-31 scheduled bob", "2026-04-01 2026-06-30 scheduled bob", "2026-05-01 2026-05-31 withdrawn ada", "2026-06-01 2026-06-30 withdrawn ada"}
	if got := w.lines(t, "occurrence", "from", "to", "state", "owner"); !slices.Equal(got, want) {
		t.Errorf("after the change: %q", got)
	}
	w.at("2026-04-02")
	w.operate(t, "X-01", map[string]any{"frequency": "monthly", "owner": "bob"})
	w.due(t)
	if got := w.lines(t, "occurrence", "from", "to", "state")[4]; got != "2026-05-01 2026-05-31 scheduled" {
		t.Errorf("asked for again: %s", got)
	}
	w.at("2026-04-20")
	if err := w.say(t, "ada", "control", "X-01", "retire", map[string]any{"retired_reason": "Merged."}); err != nil {
		t.Fatal(err)
	}
	w.due(t)
	for _, line := range w.lines(t, "occurrence", "from", "state") {
		if from, state, _ := strings.Cut(line, " "); from >= "2026-04-01" && state != "withdrawn" {
			t.Errorf("of the retired control %s is %s", from, state)
		}
	}
}

func TestEveryEventAsksForAPerformanceInTheOrganisationsZone(t *testing.T) {
	w := newWorld(t)
	w.library(t)
	w.put(t, "ada", "organisation", "organisation", map[string]any{"name": "Example", "time_zone": "Pacific/Auckland"})
	w.operate(t, "X-01", map[string]any{"frequency": "per_event", "grace_days": 1, "events": map[string]any{"kind": "person", "where": `has(r.end)`, "date": "end", "due_days": 2}})
	w.due(t)
	if got := w.lines(t, "occurrence", "event_key"); len(got) != 0 {
		t.Fatalf("nobody left, and it asks for %q", got)
	}
	w.person(t, "bob", "2026-02-27")
	w.put(t, "ada", "person", "dora", map[string]any{"id": "dora", "name": "Dora", "email": "dora@example.org", "start": "2020-01-01", "end": "2025-12-31"}) // before it was in operation
	w.due(t)
	if got := w.lines(t, "occurrence", "event_key", "from", "to", "due", "zone", "state"); !slices.Equal(got, []string{"bob 2026-02-27 2026-03-01 2026-03-02 Pacific/Auckland scheduled"}) {
		t.Fatalf("made %q", got)
	}
	w.person(t, "bob", "2026-03-05") // stays a week longer
	w.due(t)
	if got := w.lines(t, "occurrence", "from", "due"); !slices.Equal(got, []string{"2026-03-05 2026-03-08"}) {
		t.Errorf("moved with the event: %q", got)
	}
	w.person(t, "bob", "") // stays after all
	w.due(t)
	if got := w.lines(t, "occurrence", "state"); !slices.Equal(got, []string{"withdrawn"}) {
		t.Errorf("without its event it is %q", got)
	}
}

func TestEvidenceIsRequiredInItsTimeAndReviewed(t *testing.T) {
	w := newWorld(t)
	w.library(t)
	w.operate(t, "X-01", map[string]any{"frequency": "continuous"})
	w.put(t, "ada", "requirement", "r1", map[string]any{"control": "X-01", "title": "Signed list", "frequency": "monthly", "from": "2026-01-01"})
	w.at("2026-02-02")
	if got := w.stands(t, "X-01", 0); got != "unknown evidence:unknown" {
		t.Errorf("with a gap it stands %s", got)
	}
	w.evidence(t, "e1", "2026-02-01", "2026-02-02")
	if got := w.stands(t, "X-01", 0); got != "unknown evidence:unknown" {
		t.Errorf("with evidence of another month it stands %s", got)
	}
	w.evidence(t, "e2", "2026-01-20", "2026-01-20")
	if got := w.stands(t, "X-01", 0); got != "unknown evidence:unknown" {
		t.Errorf("with evidence that nobody else looked at it stands %s", got)
	}
	for _, key := range []string{"e1", "e2"} {
		if err := w.say(t, "bob", "evidence", key, "review", map[string]any{"review": "Compared with the system."}); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.stands(t, "X-01", 0); got != "pass evidence:pass" {
		t.Errorf("with reviewed evidence of each month it stands %s", got)
	}
	w.put(t, "ada", "requirement", "r2", map[string]any{"control": "X-01", "title": "Minutes", "frequency": "once", "from": "2026-01-01"})
	if got := w.stands(t, "X-01", 0); got != "unknown evidence:unknown" {
		t.Errorf("evidence that names no requirement met both: it stands %s", got)
	}
}

func TestOnlyASmallTeamApprovesItsOwnAndSaysSo(t *testing.T) {
	w := newWorld(t)
	w.library(t)
	w.put(t, "ada", "control", "X-01", map[string]any{"id": "X-01", "title": "T", "statement": "S", "criteria": []any{"CC6.1"}, "type": "manual", "owner": "ada", "frequency": "daily", "evidence": []any{"List"}})
	own := map[string]any{"review_due": "2026-02-01"}
	if err := w.say(t, "ada", "control", "X-01", "approve_own", own); !fault.Is(err, fault.Denied) {
		t.Fatalf("without the organisation saying so, the author approved: %v", err)
	}
	w.put(t, "ada", "organisation", "organisation", map[string]any{"name": "Example", "small_team": true})
	if err := w.say(t, "ada", "control", "X-01", "approve_own", own); err != nil {
		t.Fatal(err)
	}
	w.act(t, "ada", "control", "X-01", "activate")
	w.due(t)
	w.evidence(t, "e1", "2026-01-05", "2026-01-05")
	if err := w.say(t, "ada", "occurrence", "X-01.2026-01-05", "perform", map[string]any{"occurred_at": w.now.Format("2006-01-02T15:04:05Z"), "evidence": []any{"e1"}}); err != nil {
		t.Fatal(err)
	}
	if got := w.stands(t, "X-01", 0); got != "pass occurrences:pass" {
		t.Fatalf("it stands %s", got)
	}
	for d := calendar.Parse("2026-01-06"); calendar.Text(d) <= "2026-02-02"; d = d.AddDate(0, 0, 1) {
		w.at(calendar.Text(d))
		if err := w.say(t, "ada", "occurrence", "X-01."+calendar.Text(d), "perform", map[string]any{"occurred_at": w.now.Format("2006-01-02T15:04:05Z"), "evidence": []any{"e1"}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.stands(t, "X-01", 0); got != "unknown occurrences:pass" {
		t.Errorf("with the later review overdue it stands %s", got)
	}
	if err := w.say(t, "bob", "control", "X-01", "late_review", map[string]any{"late_review": "Read it."}); err != nil {
		t.Fatal(err)
	}
	if got := w.stands(t, "X-01", 0); got != "pass occurrences:pass" {
		t.Errorf("reviewed by another person it stands %s", got)
	}
}

func TestATaskSaysSinceWhenItIsOverdue(t *testing.T) {
	w := newWorld(t)
	w.put(t, "ada", "task", "t1", map[string]any{"title": "Write it", "sort": "document", "due": "2026-01-10"})
	w.at("2026-01-10")
	w.due(t)
	if got := w.lines(t, "task", "overdue_since"); got[0] != "<nil>" {
		t.Errorf("on its due date it is overdue since %s", got[0])
	}
	w.at("2026-01-15")
	w.due(t)
	if err := w.say(t, "ada", "task", "t1", "finish", map[string]any{"outcome": "Written."}); err != nil {
		t.Fatal(err)
	}
	if got := w.lines(t, "task", "overdue_since", "state"); got[0] != "2026-01-11 done" {
		t.Errorf("done late it says %s", got[0])
	}
}

// Every starter control that is performed per event is put into operation as it stands: it makes performances of what
// happens, is judged by its checks, or says which source it waits for and is unknown, whatever evidence there is.
func TestStarterControlsAreCalledForByTheirEventsOrSayWhatTheyWaitFor(t *testing.T) {
	w := newWorld(t)
	w.library(t)
	w.put(t, "ada", "person", "bob", map[string]any{"id": "bob", "name": "bob", "email": "bob@example.org", "start": "2026-01-05", "employment": "employee", "title": "Engineer"})
	items, err := control.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	waiting := []string{}
	for _, i := range items {
		if i.Frequency != "per_event" {
			continue
		}
		raw, err := control.Adopt(i)
		if err != nil {
			t.Fatal(err)
		}
		var body map[string]any
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Fatal(err)
		}
		body["owner"] = "ada"
		w.put(t, "ada", "control", i.ID, body)
		w.act(t, "bob", "control", i.ID, "approve")
		w.act(t, "ada", "control", i.ID, "activate")
		if i.Events.Waits != "" {
			waiting = append(waiting, i.ID)
		}
	}
	w.at("2026-02-02")
	w.put(t, "ada", "person", "dora", map[string]any{"id": "dora", "name": "Dora", "email": "dora@example.org", "start": "2026-02-09", "employment": "contractor"})
	w.put(t, "ada", "person", "cleo", map[string]any{"id": "cleo", "name": "cleo", "email": "cleo@example.org", "start": "2026-01-05", "end": "2026-02-27"})
	w.put(t, "ada", "person", "bob", map[string]any{"id": "bob", "name": "bob", "email": "bob@example.org", "start": "2026-01-05", "employment": "employee", "title": "Manager"})
	w.put(t, "ada", "exception", "x", map[string]any{"title": "X", "control": "AC-03", "resources": []any{"a"}, "reason": "r", "risk": "r", "compensating": "c", "severity": "low", "start": "2026-02-03", "expiry": "2026-03-03", "beneficiary": "bob"})
	w.due(t)
	made := func() (out []string) {
		for _, l := range w.lines(t, "occurrence", "control", "event_key", "event_on", "from", "due") {
			if !strings.Contains(l, " 2026-01-05 ") { // the three who were there when it began
				out = append(out, l)
			}
		}
		return out
	}
	want := []string{
		"AC-03 cleo 2026-02-27 2026-02-27 2026-03-02", "AC-04 bob 2026-02-02 2026-02-02 2026-02-16", "GOV-03 dora 2026-02-09 2026-02-09 2026-02-16",
		"HR-01 dora 2026-02-09 2025-11-11 2026-02-09", "HR-02 dora 2026-02-09 2025-08-13 2026-02-09", "HR-03 dora 2026-02-09 2025-11-11 2026-02-09",
		"PHY-03 cleo 2026-02-27 2026-02-27 2026-03-13", "POL-03 x 2026-02-02 2026-02-02 2026-05-05"}
	if got := made(); !slices.Equal(got, want) {
		t.Errorf("made %q", got)
	}
	w.due(t)
	if got := made(); len(got) != len(want) {
		t.Errorf("asked again, it made %q", got)
	}
	if len(waiting) < 20 {
		t.Fatalf("only %d starter controls wait for a source", len(waiting))
	}
	for _, id := range []string{"INC-03", "VEN-03"} {
		w.put(t, "ada", "requirement", id, map[string]any{"control": id, "title": "Register", "frequency": "quarterly", "from": "2026-01-01"})
		w.put(t, "ada", "evidence", "of-"+id, map[string]any{"title": id, "sort": "document", "link": "https://example.org/x", "controls": []any{id}, "covers_from": "2026-01-01", "covers_to": "2026-03-31"})
		if err := w.say(t, "bob", "evidence", "of-"+id, "review", map[string]any{"review": "Read it."}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range waiting {
		if got := w.stands(t, id, 0); !strings.HasPrefix(got, "unknown ") || !strings.Contains(got, "occurrences:unknown") {
			t.Errorf("%s waits for a source, and stands %s", id, got)
		}
	}
	w.at("2026-03-05") // HR-03 of dora was missed and is done late: that it was missed stays
	w.due(t)
	w.put(t, "ada", "evidence", "signed", map[string]any{"title": "Signed terms", "sort": "document", "link": "https://example.org/y", "controls": []any{"HR-03"}, "covers_from": "2026-02-01", "covers_to": "2026-02-09"})
	if err := w.say(t, "ada", "occurrence", "HR-03.person.dora", "perform", map[string]any{"occurred_at": "2026-02-01T09:00:00Z", "evidence": []any{"signed"}}); !fault.Is(err, fault.Conflict) {
		t.Errorf("what was missed was done in time after all: %v", err)
	}
	if err := w.say(t, "ada", "occurrence", "HR-03.person.dora", "perform_late", map[string]any{"occurred_at": "2026-02-01T09:00:00Z", "evidence": []any{"signed"}}); err != nil {
		t.Error(err)
	}
	s, err := standing.At(t.Context(), w.Book, w.Monitor, 0)
	if err != nil {
		t.Fatal(err)
	}
	window := calendar.Span{From: calendar.Parse("2026-01-01"), To: calendar.Parse("2026-12-31")}
	missed := false
	for _, v := range s.Intervals("HR-03", window, nil) {
		missed = missed || v.Key == "HR-03.person.dora" && v.Status == check.Fail
	}
	if !missed {
		t.Error("in the window, the terms that were handed in late are no longer missed")
	}
	if cells := s.Cells("INC-03", window, nil, 1); len(cells) != 1 || cells[0].Status != check.Unknown {
		t.Errorf("over the window, a control that waits for a source is %+v", cells)
	}
}

func TestEventsThatCouldNeverBeReadAreRefused(t *testing.T) {
	w := newWorld(t)
	w.library(t)
	for want, events := range map[string]map[string]any{
		`no kind "incident"`:   {"kind": "incident", "date": "start"},
		`no field "leaves"`:    {"kind": "person", "date": "leaves"},
		"filter does not work": {"kind": "person", "where": "r.leaves == 1", "date": "end"},
		"do not say when":      {"kind": "person", "where": "has(r.end)"},
		"names both":           {"kind": "person", "date": "end", "changed": "title"},
		"names no kind":        {"date": "end"},
		"both waits":           {"kind": "person", "date": "end", "waits_for": "a list of people"},
		"are counted from 0":   {"kind": "person", "date": "end", "due_days": -1},
		`no kind "change"`:     {"kind": "change", "date": "merged_at"},
	} {
		body, err := json.Marshal(map[string]any{"id": "X-01", "title": "X", "statement": "x", "criteria": []any{"CC6.1"}, "type": "manual", "frequency": "per_event", "events": events})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Book.Put(t.Context(), person("ada"), record.Change{Kind: "control", Key: "X-01", Body: body})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", events, err, want)
		}
	}
}

func TestNothingIsNoPassUntilTheListOfEventsCanBeBelieved(t *testing.T) {
	w := newWorld(t)
	w.library(t)
	w.operate(t, "X-01", map[string]any{"frequency": "per_event"})
	w.put(t, "ada", "exception", "x", map[string]any{"title": "X", "control": "AC-03", "resources": []any{"a"}, "reason": "r", "risk": "r", "compensating": "c", "severity": "low", "start": "2026-02-03", "expiry": "2026-03-03", "beneficiary": "bob"})
	w.put(t, "ada", "requirement", "r1", map[string]any{"control": "X-01", "title": "Register", "frequency": "quarterly", "from": "2026-01-01"})
	w.evidence(t, "e1", "2026-01-01", "2026-03-31")
	if err := w.say(t, "bob", "evidence", "e1", "review", map[string]any{"review": "Read it."}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why, want string
		events    any
	}{
		{"it names none", "unknown occurrences:unknown evidence:pass", nil},
		{"nobody ever wrote one", "unknown occurrences:unknown evidence:pass", map[string]any{"kind": "task", "date": "due"}},
		{"it is read from a source", "unknown occurrences:unknown evidence:pass", map[string]any{"kind": "git_commit"}},
		{"one is on record, of another time", "pass evidence:pass", map[string]any{"kind": "exception", "date": "approved_at"}},
	} {
		w.put(t, "ada", "control", "X-01", map[string]any{"id": "X-01", "title": "X", "statement": "x", "criteria": []any{"CC6.1"}, "type": "manual", "owner": "ada", "evidence": []any{"a"}, "frequency": "per_event", "events": c.events})
		w.act(t, "bob", "control", "X-01", "approve")
		w.act(t, "ada", "control", "X-01", "activate")
		w.due(t)
		if got := w.stands(t, "X-01", 0); got != c.want {
			t.Errorf("%s: it stands %s, want %s", c.why, got, c.want)
		}
	}
}

func TestAdoptingAControlAsksForItsEvidence(t *testing.T) {
	w := newWorld(t)
	w.library(t)
	if got := w.lines(t, "requirement", "control"); len(got) != 0 {
		t.Fatalf("nobody chose a control, and it asks for %q", got)
	}
	w.put(t, "ada", "period", "p", map[string]any{"id": "p", "name": "2026", "report": "soc_2", "type": "type_2", "categories": []any{"security"}, "from": "2026-03-01", "to": "2026-12-31"})
	items, err := control.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	adopt := func(id, key, owner string) {
		raw, err := control.Adopt(items[slices.IndexFunc(items, func(i control.Item) bool { return i.ID == id })])
		if err != nil {
			t.Fatal(err)
		}
		var body map[string]any
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Fatal(err)
		}
		if owner != "" {
			body["owner"] = owner
		}
		w.put(t, "ada", "control", key, body)
	}
	asked := func(control string) (out []string) {
		for _, l := range w.lines(t, "requirement", "control", "from", "frequency", "title", "to") {
			if rest, ok := strings.CutPrefix(l, control+" "); ok {
				out = append(out, rest)
			}
		}
		return out
	}
	for id, want := range map[string][]string{
		"AVL-02": {"2026-03-01 quarterly Changes raised <nil>", "2026-03-01 quarterly Review notes <nil>", "2026-03-01 quarterly Scaling settings <nil>"},
		"GOV-05": {"2026-03-01 quarterly Channel description and link <nil>", "2026-03-01 quarterly Report log (redacted) <nil>", "2026-03-01 quarterly Yearly test record <nil>"},
		"CHG-08": nil, // automated: its records show it
		"AC-04":  nil, // per event: its performances show it
	} {
		adopt(id, id, "")
		if got := asked(id); !slices.Equal(got, want) {
			t.Errorf("adopting %s asks for %q, want %q", id, got, want)
		}
	}
	w.at("2026-04-02")
	adopt("AVL-02", "AVL-02", "ada")
	w.act(t, "bob", "control", "AVL-02", "approve")
	w.act(t, "ada", "control", "AVL-02", "activate")
	later := []string{"2026-04-02 quarterly Changes raised <nil>", "2026-04-02 quarterly Review notes <nil>", "2026-04-02 quarterly Scaling settings <nil>"}
	if got := asked("AVL-02"); !slices.Equal(got, later) {
		t.Errorf("in operation within the window it asks for %q", got)
	}
	adopt("BKP-03", "BKP-03", "ada") // laid out by the program
	w.act(t, "bob", "control", "BKP-03", "approve")
	w.act(t, "ada", "control", "BKP-03", "activate")
	if got := asked("BKP-03"); !slices.Equal(got, []string{"2026-04-02 quarterly Restore test record with outputs <nil>"}) {
		t.Errorf("a starter control that goes into operation asks for %q", got)
	}
	w.due(t)
	w.at("2026-06-30")
	piece := func(key string, more map[string]any) {
		body := map[string]any{"title": key, "sort": "document", "link": "https://example.org/n", "controls": []any{"AVL-02"}, "covers_from": "2026-06-30", "covers_to": "2026-06-30"}
		maps.Copy(body, more)
		w.put(t, "ada", "evidence", key, body)
	}
	piece("notes", nil)
	piece("settings", map[string]any{"requirement": "AVL-02.scaling-settings"})
	piece("changes", map[string]any{"item": "Changes raised"})
	if err := w.say(t, "ada", "occurrence", "AVL-02.2026-04-02", "perform", map[string]any{"occurred_at": "2026-06-30T09:00:00Z", "evidence": []any{"notes", "settings", "changes"}}); err != nil {
		t.Fatal(err)
	}
	w.at("2026-07-02")
	w.due(t)
	if got := w.stands(t, "AVL-02", 0); got != "unknown occurrences:pass evidence:unknown" {
		t.Errorf("performed, with evidence that nobody else looked at, it stands %s", got)
	}
	if err := w.say(t, "bob", "occurrence", "AVL-02.2026-04-02", "review", map[string]any{"review": "Read all of it."}); err != nil {
		t.Fatal(err)
	}
	if got := w.stands(t, "AVL-02", 0); got != "unknown occurrences:pass evidence:unknown" {
		t.Errorf("with notes that do not say which of three items they are it stands %s", got)
	}
	piece("notes", map[string]any{"requirement": "AVL-02.review-notes"})
	if got := w.stands(t, "AVL-02", 0); got != "pass occurrences:pass evidence:pass" {
		t.Errorf("performed and reviewed it stands %s: what shows a performance is asked for twice", got)
	}
	for _, move := range []string{"retire", "readopt"} {
		said := map[string]any{}
		if move == "retire" {
			said["retired_reason"] = "Not needed."
		}
		if err := w.say(t, "bob", "control", "AVL-02", move, said); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.say(t, "ada", "control", "AVL-02", "activate", nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("adopted again, it went into operation without a new approval: %v", err)
	}
	w.act(t, "cleo", "control", "AVL-02", "approve")
	w.at("2026-08-01")
	w.act(t, "ada", "control", "AVL-02", "activate")
	if got := asked("AVL-02"); !slices.Equal(got, later) {
		t.Errorf("adopted again it asks for %q", got)
	}
	history, err := w.Book.History(t.Context(), "control", "AVL-02")
	if err != nil {
		t.Fatal(err)
	}
	retired := 0
	for _, v := range history {
		if b, err := content(v); err == nil && b["state"] == "retired" && b["retired_reason"] == "Not needed." {
			retired++
		}
	}
	if retired != 1 {
		t.Errorf("its history says %d times that it was retired", retired)
	}
}
