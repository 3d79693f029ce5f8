package workspace

import (
	"slices"
	"testing"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/store"
)

// A company without AWS is not asked about AWS, and one that connected it is unknown there until it was read.
func TestAControlIsNotAskedAboutServicesThatAreNotConnected(t *testing.T) {
	w := opened(t)
	me, err := w.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state := func(id string) check.State {
		t.Helper()
		if _, err := w.Monitor.Evaluate(t.Context(), check.Options{}); err != nil {
			t.Fatal(err)
		}
		all, err := w.Monitor.Summary(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(s check.State) bool { return s.ID == id })
		if i < 0 {
			t.Fatalf("there is no check %s", id)
		}
		return all[i]
	}
	asked := func(control, id string) bool {
		t.Helper()
		all, err := w.Monitor.Summary(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(check.Control(control, all).Checks, func(s check.State) bool { return s.ID == id })
	}
	if s := state("AWS-42"); !s.Unconnected || s.Status != check.Unknown || asked("AVL-02", "AWS-42") {
		t.Errorf("not connected: %v %s %q, asked %v", s.Unconnected, s.Status, s.Reason, asked("AVL-02", "AWS-42"))
	}
	if s := state("PLT-01"); s.Unconnected {
		t.Error("the programme's own records are said to be not connected")
	}
	then := store.At(w.Log.Now())
	if _, err := w.Collect.Add(t.Context(), me, collect.Connection{Name: "cloud", Connector: "aws"}, nil); err != nil {
		t.Fatal(err)
	}
	if s := state("AWS-42"); s.Unconnected || s.Status != check.Unknown || !asked("AVL-02", "AWS-42") {
		t.Errorf("connected, and not read: %v %s %q", s.Unconnected, s.Status, s.Reason)
	}
	past, err := w.Monitor.Summary(t.Context(), then)
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(past, func(s check.State) bool { return s.ID == "AWS-42" }); !past[i].Unconnected {
		t.Error("as of before, it is said to be connected")
	}
}
