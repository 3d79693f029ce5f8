package fieldwork

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/expr"
	"tickmark/internal/workpaper"
)

// TestWhatAMachineDoesNotKnowIsUnknown asks one expression over records that are all there, and over some of them.
func TestWhatAMachineDoesNotKnowIsUnknown(t *testing.T) {
	types, err := expr.NewTypes(expr.Schema{Name: "row", Fields: []expr.Field{{Name: "id", Type: expr.Text}, {Name: "end", Type: expr.Date}}},
		expr.Schema{Name: "account", Fields: []expr.Field{{Name: "owner", Type: expr.Text}, {Name: "off", Type: expr.Bool}}})
	if err != nil {
		t.Fatal(err)
	}
	program := func(kind, source string, vars ...expr.Field) *expr.Program {
		env, err := types.Env(expr.Options{Record: kind, Vars: vars, Timeless: true, Alone: true})
		if err != nil {
			t.Fatal(err)
		}
		p, err := expr.Compile(env, source)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	accounts := expr.Field{Name: "accounts", Type: expr.Object, List: true, Of: "account"}
	for _, c := range []struct {
		name, rule, item, whole, want string
		records                       []string
	}{
		{"found, though there may be more", "accounts.exists(a, a.off)", `{"id":"p"}`, "some may be missing", workpaper.Met, []string{`{"owner":"p","off":true}`}},
		{"not found, and there may be more", "accounts.exists(a, a.off)", `{"id":"p"}`, "some may be missing", workpaper.Unknown, []string{`{"owner":"p","off":false}`}},
		{"not found among all", "accounts.exists(a, a.off)", `{"id":"p"}`, "", workpaper.Deviates, []string{`{"owner":"p","off":false}`, `{"owner":"q","off":true}`}},
		{"all of all", "accounts.all(a, a.off)", `{"id":"p"}`, "", workpaper.Met, []string{`{"owner":"p","off":true}`}},
		{"all of some", "accounts.all(a, a.off)", `{"id":"p"}`, "some may be missing", workpaper.Unknown, []string{`{"owner":"p","off":true}`}},
		{"one of some is wrong", "accounts.all(a, a.off)", `{"id":"p"}`, "some may be missing", workpaper.Deviates, []string{`{"owner":"p","off":false}`}},
		{"nothing on file at all", "accounts.all(a, a.off)", `{"id":"p"}`, "no list", workpaper.Unknown, nil},
		{"one says nothing of itself", "accounts.exists(a, a.off)", `{"id":"p"}`, "", workpaper.Unknown, []string{`{"off":true}`}},
		{"the item says nothing of itself", "accounts.exists(a, a.off)", `{}`, "", workpaper.Unknown, []string{`{"owner":"p","off":true}`}},
		{"the field is missing", `r.end < "2026-01-01"`, `{"id":"p"}`, "", workpaper.Unknown, nil},
		{"the body is gone", `r.end < "2026-01-01"`, `null`, "", workpaper.Unknown, nil},
	} {
		k := link{name: "accounts", theirs: program("account", "r.owner"), ours: program("row", "r.id"), whole: c.whole}
		for i, body := range c.records {
			if err := k.add(fmt.Sprint("account/", i), []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
		m := &machine{attributes: []string{"A"}, rules: map[string]*expr.Program{"A": program("row", c.rule, accounts)}, links: []link{k}}
		f, err := m.says([]byte(c.item), "A")
		if err != nil || f.Says != c.want || f.Says == workpaper.Unknown && !strings.HasSuffix(strings.TrimSpace(f.Reason), ".") {
			t.Errorf("%s: the machine says %s (%s), %v; want %s", c.name, f.Says, f.Reason, err, c.want)
		}
	}
}

// TestEachConfigurationStandsByItself turns the rows of a list into the times in which each setting stood.
func TestEachConfigurationStandsByItself(t *testing.T) {
	at := func(s string) time.Time {
		x, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	row := func(record, from, until string) string {
		if until != "" {
			until = at(until).Format(time.RFC3339Nano)
		}
		return record + " " + at(from).Format(time.RFC3339Nano) + "/" + until
	}
	got, err := stood([]shown{
		{row("forge web", "2025-11-01", "2026-03-01"), "protected"},
		{row("forge web", "2026-03-01", "2026-03-03"), "open"},
		{row("forge web", "2026-03-03", ""), "protected"},
		{row("forge api", "2025-11-01", "2026-02-01"), "protected"}, // and then it was gone
		{row("forge app", "2025-11-01", "2026-02-01"), "protected"}, // something else of it changed
		{row("forge app", "2026-02-01", ""), "protected"},
	}, at("2026-01-01"), at("2027-01-01"))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, h := range got {
		said = append(said, fmt.Sprintf("%s %s %s %s", h.Name, h.Value, h.From.Format(time.DateOnly), h.To.Format(time.DateOnly)))
	}
	want := []string{"forge api protected 2026-01-01 2026-02-01", "forge app protected 2026-01-01 2027-01-01", "forge web protected 2026-01-01 2026-03-01", "forge web open 2026-03-01 2026-03-03", "forge web protected 2026-03-03 2027-01-01"}
	if strings.Join(said, "\n") != strings.Join(want, "\n") {
		t.Errorf("it stood\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
	if _, err := stood([]shown{{"forge web 2026-01-01T00:00:00Z", "protected"}}, at("2026-01-01"), at("2027-01-01")); err == nil {
		t.Error("a row that does not say until when it stood is taken for one that stands")
	}
}
