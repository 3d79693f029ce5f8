package programme_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/programme"
	"tickmark/internal/record"
	"tickmark/internal/store/storetest"
)

var rule = record.Kind{Name: "rule", Label: "title", Fields: []record.Field{
	{Name: "title", Type: record.Text, Required: true}, {Name: "text", Type: record.Long}, {Name: "since", Type: record.Date}, {Name: "count", Type: record.Integer},
	{Name: "tags", Type: record.Text, List: true}, {Name: "pin", Type: record.Text, Secret: true}, {Name: "state", Type: record.Text, Fixed: true}},
	States: &record.Machine{Initial: "draft", Moves: []record.Move{{Name: "approve", From: []string{"draft"}, To: "approved"}}}}

type clerk struct{}

func (clerk) May(context.Context, string, *record.Kind) error { return nil }
func (clerk) Actor() record.Actor                             { return record.Actor{User: "ada", Person: "p1", Name: "person:p1"} }

func open(t *testing.T) *record.Book {
	t.Helper()
	db := storetest.SQLite(t)
	log, err := ledger.Open(context.Background(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := record.NewKinds(rule)
	if err != nil {
		t.Fatal(err)
	}
	b, err := record.OpenBook(context.Background(), log, kinds, func(string, []byte) string { return "d" })
	if err != nil {
		t.Fatal(err)
	}
	for key, body := range map[string]string{
		"a/b.c": `{"title":"yes","text":"one\n\ttwo: three\n","since":"2026-01-01","count":12345678901234567,"tags":["no","1.0","~"],"pin":"1234"}`,
		"plain": `{"title":"  # odd: [title]","text":"ends without a line feed\nhere"}`,
	} {
		if _, err := b.Put(context.Background(), clerk{}, record.Change{Kind: "rule", Key: key, Body: json.RawMessage(body)}); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = string(b)
	}
	return out
}

func TestWhatIsWrittenAppliesToNothingAndIsWrittenTheSameAgain(t *testing.T) {
	ctx, dir, b := context.Background(), t.TempDir(), open(t)
	if n, err := programme.Write(ctx, b, dir, 0); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	first := tree(t, dir)
	if strings.Contains(first["a%2Fb%2Ec.yaml"], "pin") || !strings.Contains(first["a%2Fb%2Ec.yaml"], "12345678901234567") {
		t.Errorf("%s", first["a%2Fb%2Ec.yaml"])
	}
	list, err := programme.Read(ctx, b, dir)
	if err != nil || len(list) != 0 {
		t.Fatal(list, err)
	}
	if _, err := programme.Write(ctx, b, dir, 0); err != nil {
		t.Fatal(err)
	}
	for name, text := range tree(t, dir) {
		if first[name] != text {
			t.Errorf("%s changed:\n%s\n%s", name, first[name], text)
		}
	}
}

func TestAnEditIsShownAppliedAndWrittenTheSame(t *testing.T) {
	ctx, dir, b := context.Background(), t.TempDir(), open(t)
	if _, err := programme.Write(ctx, b, dir, 0); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "rule", "plain.yaml")
	fresh := filepath.Join(dir, "rule", "new.yaml")
	os.WriteFile(path, []byte(strings.Replace(tree(t, dir)["plain.yaml"], "odd", "even", 1)), 0o644)
	os.WriteFile(fresh, []byte("title: new\nsince: 2026-02-03\n"), 0o644)
	list, err := programme.Read(ctx, b, dir)
	if err != nil || len(list) != 2 || !list[0].New || list[1].Fields[0] != "title" {
		t.Fatalf("%+v %v", list, err)
	}
	if _, err := b.Put(ctx, clerk{}, list[0].Change, list[1].Change); err != nil {
		t.Fatal(err)
	}
	if list, err = programme.Read(ctx, b, dir); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	if v, err := b.Get(ctx, "rule", "new", 0); err != nil || !strings.Contains(string(v.Body), `"2026-02-03"`) {
		t.Errorf("%s %v", v.Body, err)
	}
}

func TestWhatOnlyActsMaySetAndWhatIsWrongIsRefusedByName(t *testing.T) {
	for name, edit := range map[string]func(string) string{
		"cannot be changed here": func(s string) string { return strings.Replace(s, "state: draft", "state: approved", 1) },
		"state cannot be set":    func(s string) string { return "state: approved\n" + s },
		"no field":               func(s string) string { return "titel: x\n" + s },
		"stands there twice":     func(s string) string { return "title: x\n" + s },
		"line":                   func(s string) string { return "title: [\n" + s },
		"only plain values":      func(s string) string { return "tags: !!binary aGk=\n" + s },
	} {
		ctx, dir, b := context.Background(), t.TempDir(), open(t)
		if _, err := programme.Write(ctx, b, dir, 0); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "rule", "plain.yaml")
		os.WriteFile(path, []byte(edit(tree(t, dir)["plain.yaml"])), 0o644)
		if _, err := programme.Read(ctx, b, dir); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "plain.yaml") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
