package demo

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/connector/demo"
	"tickmark/internal/fault"
	"tickmark/internal/job"
	"tickmark/internal/record"
	"tickmark/internal/report"
	"tickmark/internal/report/verify"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

var until = time.Date(2026, 10, 30, 20, 0, 0, 0, time.UTC)

func small(t testing.TB, o Options) *workspace.Workspace {
	t.Helper()
	w, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if err := Make(t.Context(), w, o); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestDemonstration holds a small demonstration to what its story says. What is asked here is what a reader would be misled by
// if it were otherwise.
func TestDemonstration(t *testing.T) {
	o := Options{People: 12, Months: 4, Until: until}
	w := small(t, o)
	end := demo.Day(until)
	world := demo.Make(demo.Plan{Seed: 1, People: 12, Begin: end.AddDate(0, -o.Months, 0), End: end})
	results := func(t *testing.T, f check.Filter) []check.Interval {
		t.Helper()
		f.From, f.To = store.At(world.Begin), store.At(until)
		var out []check.Interval
		for {
			page, err := w.Monitor.Results(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, page.Results...)
			if f.After = page.Next; f.After == "" {
				return out
			}
		}
	}

	t.Run("the same seed makes the same organisation", func(t *testing.T) {
		one, same := content(t, w), content(t, small(t, o))
		for k, v := range one {
			if same[k] != v {
				t.Errorf("%s is\n%s\nand then\n%s", k, v, same[k])
			}
		}
		if len(one) != len(same) || len(one) < 200 {
			t.Errorf("%d records, and then %d", len(one), len(same))
		}
	})
	t.Run("an outage is unknown, from the first read that failed until the next that did not", func(t *testing.T) {
		var gaps [][2]store.Moment
		for _, r := range results(t, check.Filter{Check: "HOST-11", Key: "web-1/sshd"}) {
			if r.Status == check.Unknown && off(r.From, r.To.Time()) { // the first read takes a moment
				gaps = append(gaps, [2]store.Moment{r.From, r.To})
			}
		}
		from, to := world.Outage().From.Add(2*time.Hour), world.Outage().To.Add(2*time.Hour)
		if len(gaps) != 1 || off(gaps[0][0], from) || off(gaps[0][1], to) {
			t.Errorf("it is unknown in %v, and the machines did not answer from %v to %v", gaps, from, to)
		}
	})
	t.Run("nothing turns by the days that pass during the outage", func(t *testing.T) {
		for _, check := range []string{"HOST-31", "HOST-30", "HOST-25"} {
			list, err := w.Book.Find(t.Context(), w.DB, "finding", "check", check, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range list {
				first, err := time.Parse(time.RFC3339Nano, text(body(v), "first_seen"))
				if err != nil || first.After(world.Outage().From.Add(2*time.Hour)) && !first.After(world.Outage().To.Add(2*time.Hour)) {
					t.Errorf("the finding of %s was first seen at %v, when no machine answered: %v", check, first, err)
				}
			}
		}
	})
	t.Run("a part that was denied leaves only what rests on it unknown", func(t *testing.T) {
		at := store.At(world.Denied().From.Add(30 * time.Hour))
		for _, c := range []struct {
			check string
			want  check.Status
		}{{"HOST-06", check.Unknown}, {"HOST-21", check.Pass}} {
			for _, r := range results(t, check.Filter{Check: c.check, Key: "database-1/root"}) {
				if r.From <= at && at < r.To && r.Status != c.want {
					t.Errorf("%s was %v while rights were denied: %s", c.check, r.Status, r.Reason)
				}
			}
		}
	})
	t.Run("the late leaver's account fails until it is gone", func(t *testing.T) {
		p := world.People[demo.LateLeaver]
		removed := demo.Day(world.Gone(demo.LateLeaver)).AddDate(0, 0, 1).Add(2 * time.Hour)
		found := 0
		for _, r := range results(t, check.Filter{Check: "JOIN-02"}) {
			if r.Status == check.Fail && strings.HasSuffix(r.Key, "/"+p.Login) {
				found++
				if off(r.From, p.End.AddDate(0, 0, 1)) || off(r.To, removed) {
					t.Errorf("%s fails from %v to %v; its owner left on %v and it was gone at %v", r.Key, r.From, r.To, p.End, removed)
				}
			}
		}
		if found == 0 {
			t.Error("no account of the late leaver fails")
		}
	})
	t.Run("what was mended stays in view", func(t *testing.T) {
		failed := slices.ContainsFunc(results(t, check.Filter{Check: "HOST-01", Status: check.Fail}), func(r check.Interval) bool {
			return !off(r.From, world.PlainDisk().From.Add(2*time.Hour)) && !off(r.To, world.PlainDisk().To.Add(2*time.Hour))
		})
		if !failed {
			t.Error("the disk without encryption is no longer seen to have failed")
		}
	})
	t.Run("nobody approved what they wrote, and no job approved anything", func(t *testing.T) {
		n := 0
		for _, kind := range []string{"control", "policy_version", "exception", "system"} {
			for _, v := range all(t, w, kind) {
				b := body(v)
				by := text(b, "approved_by")
				if by == "" {
					continue
				}
				n++
				authors, _ := b["authors"].([]any)
				if !strings.HasPrefix(by, "p") || slices.Contains(authors, any(by)) {
					t.Errorf("%s %s was approved by %s and written by %v", kind, v.Key, by, authors)
				}
			}
		}
		if n < 20 {
			t.Errorf("only %d things were approved", n)
		}
	})
	t.Run("the past is smaller than the present", func(t *testing.T) {
		count := func(at store.Moment) int {
			n := 0
			if err := w.Book.EachAt(t.Context(), w.DB, "git_commit", at, func(record.Version) error { n++; return nil }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if then, now := count(store.At(until.AddDate(0, -1, 0))), count(0); then == 0 || then >= now {
			t.Errorf("a month ago there were %d commits, and now there are %d", then, now)
		}
	})
	t.Run("everything is as the ledger committed to it", func(t *testing.T) {
		if _, err := w.Book.Verify(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if _, err := w.Monitor.Verify(t.Context(), func(int64) {}); err != nil {
			t.Error(err)
		}
	})
	t.Run("judging everything anew changes nothing", func(t *testing.T) {
		clock := w.Log.Clock
		defer func() { w.Log.Clock = clock }()
		w.Log.Clock = func() time.Time { return until.Add(time.Minute) }
		if _, err := w.Monitor.Evaluate(t.Context(), check.Options{}); err != nil {
			t.Fatal(err)
		}
		before := stored(t, w)
		if _, err := w.Monitor.Evaluate(t.Context(), check.Options{Full: true}); err != nil {
			t.Fatal(err)
		}
		after := stored(t, w)
		for k, v := range after {
			if before[k] != v {
				t.Errorf("result %d was %+v and is %+v", k, before[k], v)
			}
		}
		if len(before) < 500 || len(before) != len(after) {
			t.Errorf("%d results, and then %d", len(before), len(after))
		}
	})
	t.Run("its package verifies, and says what it is of", func(t *testing.T) {
		me, err := w.Local(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "demo.zip")
		m, _, err := report.PackageFile(t.Context(), report.Options{Book: w.Book, Blobs: w.Blobs, By: me, Release: "test"}, file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(m.Organisation, "demonstration") {
			t.Errorf("it is a package of %q", m.Organisation)
		}
		if v, err := verify.File(t.Context(), file, verify.Options{Key: w.Log.VKey}); err != nil || !v.OK {
			t.Errorf("it does not verify: %v %v", err, v)
		}
	})
	t.Run("it is said to be one, and that cannot be taken back", func(t *testing.T) {
		if done, err := Made(t.Context(), w); !done || err != nil {
			t.Errorf("made %v %v", done, err)
		}
		if !w.Demonstration(t.Context()) {
			t.Error("the workspace does not say that it is a demonstration")
		}
		me, err := w.Local(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for what, fields := range map[string]object{"took the mark away": {"name": Name, "demo": false}, "gave it a name that does not say so": {"name": "Real Ltd"}} {
			b, _ := json.Marshal(fields)
			if _, err := w.Book.Put(t.Context(), me, record.Change{Kind: "organisation", Key: "organisation", Body: b}); !fault.Is(err, fault.Invalid) {
				t.Errorf("an owner %s: %v", what, err)
			}
		}
	})
	t.Run("what was missed stays missed when it is done late", func(t *testing.T) {
		clock := w.Log.Clock
		defer func() { w.Log.Clock = clock }()
		w.Log.Clock = func() time.Time { return until.AddDate(0, 0, 40) }
		if _, err := job.Due(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		missed := all(t, w, "occurrence")
		missed = slices.DeleteFunc(missed, func(v record.Version) bool { return text(body(v), "state") != "missed" })
		if len(missed) == 0 {
			t.Fatal("nobody did anything for 40 days, and nothing was missed")
		}
		me, err := w.Local(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		v := missed[0]
		b := body(v)
		proof, _ := json.Marshal(object{"title": "Late", "sort": "document", "link": "https://example.org/late", "controls": []string{text(b, "control")}, "covers_from": b["from"], "covers_to": b["to"]})
		if _, err := w.Book.Put(t.Context(), me, record.Change{Kind: "evidence", Key: "late", Body: proof}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Book.Put(t.Context(), me, record.Change{Kind: "occurrence", Key: v.Key, Move: "perform_late",
			Said: object{"occurred_at": w.Log.Clock().Add(-time.Hour).Format(time.RFC3339), "evidence": []any{"late"}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := job.Due(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		after, err := w.Book.Get(t.Context(), "occurrence", v.Key, 0)
		if err != nil {
			t.Fatal(err)
		}
		if now := body(after); text(now, "state") != "performed_late" || text(now, "missed_at") != text(b, "missed_at") || text(now, "missed_at") == "" {
			t.Errorf("%s was missed at %q, and is now %s, missed at %q", v.Key, text(b, "missed_at"), text(now, "state"), text(now, "missed_at"))
		}
	})
}

type answer struct {
	From, To, Known, Superseded, Status int64
	Reason, Basis                       string
}

// stored are all rows of results, by their number.
func stored(t *testing.T, w *workspace.Workspace) map[int64]answer {
	t.Helper()
	out := map[int64]answer{}
	type row struct {
		ID         int64  `db:"id"`
		From       int64  `db:"valid_from"`
		To         int64  `db:"valid_to"`
		Known      int64  `db:"known"`
		Superseded int64  `db:"superseded"`
		Status     int64  `db:"status"`
		Reason     string `db:"reason"`
		Basis      string `db:"basis"`
	}
	rows, err := store.All[row](t.Context(), w.DB, "SELECT id, valid_from, valid_to, known, superseded, status, reason, basis FROM result")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		out[r.ID] = answer{r.From, r.To, r.Known, r.Superseded, r.Status, r.Reason, r.Basis}
	}
	return out
}

func all(t *testing.T, w *workspace.Workspace, kind string) []record.Version {
	t.Helper()
	var out []record.Version
	if err := w.Book.EachOpen(t.Context(), w.DB, kind, func(v record.Version) error { out = append(out, v); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// off reports whether a recorded moment is another than a planned one; a run takes a moment itself.
func off(m store.Moment, t time.Time) bool { return m.Time().Sub(t).Abs() > time.Second }

// fractions of a second are not the story's: they tell apart what one second wrote.
var fractions = regexp.MustCompile(`\.[0-9]+Z`)

// content is what a workspace says of some kinds, without fractions of a second.
func content(t *testing.T, w *workspace.Workspace) map[string]string {
	out := map[string]string{}
	for _, kind := range []string{"person", "control", "finding", "exception", "host_account", "git_commit", "policy_version", "evidence"} {
		for _, v := range all(t, w, kind) {
			out[kind+" "+v.Key] = fractions.ReplaceAllString(string(v.Body)+" "+v.From.String(), "Z")
		}
	}
	return out
}

func TestAnotherSeedMakesOtherPeople(t *testing.T) {
	plan := demo.Plan{Seed: 7, People: 12, Begin: until.AddDate(0, -2, 0), End: until}
	seven := demo.Make(plan)
	plan.Seed = 8
	if eight := demo.Make(plan); seven.People[0].Name == eight.People[0].Name && seven.People[1].Name == eight.People[1].Name {
		t.Error("another seed makes the same people")
	}
}

func TestARealWorkspaceIsNotMadeIntoADemonstration(t *testing.T) {
	w, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := Make(t.Context(), w, Options{People: 12, Months: 2}); !fault.Is(err, fault.Conflict) {
		t.Errorf("it was made into one: %v", err)
	}
}
