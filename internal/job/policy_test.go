package job

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

// world is a workspace with three people and a clock that tests set.
type world struct {
	*workspace.Workspace
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ws, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	w := &world{Workspace: ws}
	w.at("2026-01-05")
	w.Log.Clock = func() time.Time { w.now = w.now.Add(time.Microsecond); return w.now }
	for _, p := range []string{"ada", "bob", "cleo"} {
		w.put(t, "ada", "person", p, map[string]any{"id": p, "name": p, "email": p + "@example.org", "start": "2025-01-07", "employment": "employee"})
	}
	w.put(t, "ada", "policy", "access", map[string]any{"id": "access", "title": "Access policy", "sort": "policy", "owner": "ada", "audience": "everyone"})
	return w
}

func (w *world) at(d string) {
	t, err := time.Parse(time.DateOnly, d)
	if err != nil {
		panic(err)
	}
	w.now = t.Add(12 * time.Hour)
}

func (w *world) person(t *testing.T, key, end string) {
	t.Helper()
	body := map[string]any{"id": key, "name": key, "email": key + "@example.org", "start": w.now.Format(time.DateOnly), "employment": "employee"}
	if end != "" {
		body["end"] = end
	}
	w.put(t, "ada", "person", key, body)
}

type person string

func (p person) Actor() record.Actor {
	return record.Actor{User: string(p), Person: string(p), Name: "person:" + string(p)}
}

func (w *world) put(t *testing.T, by, kind, key string, body map[string]any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Book.Put(t.Context(), person(by), record.Change{Kind: kind, Key: key, Body: b}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) act(t *testing.T, by, kind, key, move string) {
	t.Helper()
	if _, err := w.Book.Put(t.Context(), person(by), record.Change{Kind: kind, Key: key, Move: move}); err != nil {
		t.Fatalf("%s %s: %v", key, move, err)
	}
}

func (w *world) due(t *testing.T) {
	t.Helper()
	if _, err := Due(t.Context(), w.Workspace); err != nil {
		t.Fatal(err)
	}
	if n, err := Due(t.Context(), w.Workspace); err != nil || n != 0 {
		t.Fatalf("the second time wrote %d: %v", n, err)
	}
}

// lines are one line a record of a kind.
func (w *world) lines(t *testing.T, kind string, fields ...string) []string {
	t.Helper()
	var out []string
	if err := w.Book.EachOpen(t.Context(), w.DB, kind, func(v record.Version) error {
		var b map[string]any
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return err
		}
		var line []string
		for _, f := range fields {
			line = append(line, fmt.Sprint(b[f]))
		}
		out = append(out, strings.Join(line, " "))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func (w *world) approved(t *testing.T, key, number, effective string) {
	t.Helper()
	w.put(t, "ada", "policy_version", key, map[string]any{"policy": "access", "title": "Access policy", "number": number, "change": "major", "text": "Text " + number, "effective": effective})
	w.act(t, "ada", "policy_version", key, "submit")
	w.act(t, "bob", "policy_version", key, "review")
	w.act(t, "cleo", "policy_version", key, "approve")
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func TestAPolicyIsPublishedOnItsDayAndItsAudienceIsKeptUp(t *testing.T) {
	w := newWorld(t)
	w.approved(t, "v1", "1.0", "2026-02-01")
	w.at("2026-01-31")
	w.due(t)
	expect(t, "the day before", w.lines(t, "policy_version", "number", "state"), "1.0 approved")
	w.at("2026-02-01")
	w.due(t)
	expect(t, "on its day", w.lines(t, "policy_version", "number", "state", "published_by"), "1.0 published job:policy")
	expect(t, "opened", w.lines(t, "acknowledgement", "person", "state", "due"), "ada assigned 2026-03-03", "bob assigned 2026-03-03", "cleo assigned 2026-03-03")

	w.at("2026-02-09") // a Monday
	w.person(t, "dan", "")
	w.person(t, "bob", "2026-02-10")
	w.due(t)
	w.at("2026-02-11")
	w.due(t)
	expect(t, "a joiner has five working days, a leaver none", w.lines(t, "acknowledgement", "person", "state", "due"),
		"ada assigned 2026-03-03", "bob void 2026-03-03", "cleo assigned 2026-03-03", "dan assigned 2026-02-16")

	w.at("2026-03-03")
	w.due(t)
	expect(t, "late", w.lines(t, "acknowledgement", "person", "overdue_since"), "ada <nil>", "bob <nil>", "cleo <nil>", "dan 2026-02-17")
	for _, v := range mustFind(t, w, "dan") {
		w.act(t, "dan", "acknowledgement", v.Key, "acknowledge")
	}
	w.at("2026-03-20")
	w.due(t)
	expect(t, "late stays late", w.lines(t, "acknowledgement", "person", "state", "overdue_since"),
		"ada assigned 2026-03-04", "bob void <nil>", "cleo assigned 2026-03-04", "dan acknowledged 2026-02-17")
}

func mustFind(t *testing.T, w *world, who string) []record.Version {
	t.Helper()
	list, err := w.Book.Find(t.Context(), w.DB, "acknowledgement", "person", who, 0)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAReviewIsAskedForOnceSixtyDaysBeforeTheApprovalIsTooOld(t *testing.T) {
	w := newWorld(t)
	w.approved(t, "v1", "1.0", "2026-01-05")
	w.due(t)
	w.at("2026-11-05")
	w.due(t)
	expect(t, "61 days before", w.lines(t, "task", "title", "due"))
	w.at("2026-11-07")
	w.due(t)
	expect(t, "60 days before", w.lines(t, "task", "title", "due", "owner", "policy"), "Review Access policy 2027-01-05 ada access")
	w.put(t, "bob", "policy_review", "r", map[string]any{"policy": "access", "version": "v1", "note": "Nothing changed."})
	w.act(t, "cleo", "policy_review", "r", "approve")
	if err := w.say(t, "ada", "task", "review-access-2027-01-05", "settle", nil); !fault.Is(err, fault.Denied) {
		t.Errorf("somebody settled it: %v", err)
	}
	w.at("2027-01-10")
	w.due(t)
	expect(t, "after a review without change", w.lines(t, "task", "due", "state", "outcome", "overdue_since"), "2027-01-05 verified Version 1.0 was approved on 7 November 2026. <nil>")
	w.at("2027-11-07")
	w.due(t)
	w.at("2027-11-10")
	w.due(t)
	expect(t, "the next year", w.lines(t, "task", "due", "state"), "2027-01-05 verified", "2027-11-07 open")
	w.put(t, "bob", "policy_review", "r2", map[string]any{"policy": "access", "version": "v1", "note": "Nothing changed."})
	w.act(t, "cleo", "policy_review", "r2", "approve")
	w.due(t)
	expect(t, "held too late", w.lines(t, "task", "due", "state", "overdue_since"), "2027-01-05 verified <nil>", "2027-11-07 verified 2027-11-08")
}

// May grants everything, so that only the rules of the records refuse.
func (p person) May(context.Context, string, *record.Kind) error { return nil }
