package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/store"
)

func TestMomentTakesTimesAndDates(t *testing.T) {
	at := func(y int, m time.Month, d, h, min, s int) store.Moment {
		return store.At(time.Date(y, m, d, h, min, s, 0, time.UTC))
	}
	for text, want := range map[string]store.Moment{
		"":                          0,
		"2026-01-31":                at(2026, 1, 31, 0, 0, 0),
		"2026-01-31T09:30":          at(2026, 1, 31, 9, 30, 0),
		"2026-01-31T09:30:15Z":      at(2026, 1, 31, 9, 30, 15),
		"2026-01-31T09:30:15+02:00": at(2026, 1, 31, 7, 30, 15),
		"2026-01-31T09:30:15.5Z":    at(2026, 1, 31, 9, 30, 15) + 500_000,
	} {
		if got, err := moment("from", text); err != nil || got != want {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"yesterday", "2026-13-01", "2026-02-30", "31.01.2026", "2026", " 2026-01-31"} {
		if _, err := moment("from", text); !fault.Is(err, fault.Usage) || !strings.Contains(err.Error(), "--from") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAsOfIsNeverInTheFuture(t *testing.T) {
	soon := time.Now().Add(time.Minute).Format(time.RFC3339)
	if _, err := moment("as-of", soon); !fault.Is(err, fault.Usage) || !strings.Contains(err.Error(), soon) {
		t.Errorf("%s: %v", soon, err)
	}
	if _, err := moment("to", soon); err != nil {
		t.Errorf("the end of a window may be to come: %v", err)
	}
}

func TestWindowHasTwoEnds(t *testing.T) {
	for _, c := range []struct {
		from, to string
		refused  string
	}{
		{"", "", ""}, {"2026-01-01", "2026-02-01", ""}, {"2026-01-01", "", ""},
		{"", "2026-01-01", "--to needs --from"}, {"2026-02-01", "2026-01-01", "ends before it begins"}, {"2026-02-01", "2026-02-01", ""}, {"2026-02-01", "2026-02-01T00:00", "ends before it begins"},
		{"2026-02-30", "", "--from"}, {"2026-02-01", "soon", "--to"},
	} {
		_, err := window(c.from, c.to, time.UTC)
		if (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%q to %q: %v", c.from, c.to, err)
		}
	}
}

func TestADayOfAWindowIsWholeInTheZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	w, err := window("2026-04-01", "2026-04-30", berlin)
	if err != nil || w[0].String() != "2026-03-31T22:00:00Z" || w[1].String() != "2026-04-30T22:00:00Z" {
		t.Errorf("%v, %v", w, err)
	}
	if w, err = window("2026-04-01T00:00:00Z", "2026-04-30T00:00:00Z", berlin); err != nil || w[1].String() != "2026-04-30T00:00:00Z" {
		t.Errorf("a moment was taken for a day: %v, %v", w, err)
	}
}

func TestPrintableKeepsSourcesFromSteeringTheTerminal(t *testing.T) {
	if got := printable("a\x1b[2Jb\rc\x7fd\u009be\nf é 漢"); got != "a [2Jb c d e f é 漢" {
		t.Errorf("%q", got)
	}
}

func TestReportSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		said string
	}{
		{nil, 0, ""},
		{fault.New(fault.Invalid, "It is wrong.").WithNext("Mend it."), 1, "tickmark: It is wrong.\n  Mend it.\n"},
		{fmt.Errorf("do this: %w", fault.New(fault.NotFound, "It is not there.")), 1, "tickmark: It is not there.\n"},
		{fault.New(fault.Usage, "It is mistyped."), 2, "tickmark: It is mistyped.\n"},
		{fault.New(fault.Incomplete, "Half was read."), 3, "tickmark: Half was read.\n"},
		{fmt.Errorf("read: %w", context.Canceled), 1, "tickmark: Stopped.\n"},
		{errors.New("a defect"), 1, "tickmark: a defect\n"},
	} {
		var said bytes.Buffer
		s := &session{Context: t.Context(), flags: &commands{}, stderr: &said}
		if code := s.report(c.err); code != c.code || said.String() != c.said {
			t.Errorf("%v: exit code %d, %q", c.err, code, said.String())
		}
	}
}

func TestHalfAListInJSONDoesNotLookWhole(t *testing.T) {
	for n, want := range map[int]string{0: "[]\n", 1: "\n]\n"} {
		var out bytes.Buffer
		(&session{Context: t.Context(), flags: &commands{JSON: true}, stdout: &out}).endList(n, "None.")
		if out.String() != want {
			t.Errorf("%d elements end with %q", n, out.String())
		}
	}
}

func TestYAMLKeepsDatesAsWritten(t *testing.T) {
	s := &session{Context: t.Context(), flags: &commands{}}
	path := t.TempDir() + "/p.yaml"
	write(t, path, "id: p1\nstart: 2026-02-01\nat: 2026-02-01T09:00:00Z\nlist: [2026-02-01]\nleads: yes\nn: 7\nnone: ~\n")
	got, err := s.readObject(path)
	if want := `{"at":"2026-02-01T09:00:00Z","id":"p1","leads":"yes","list":["2026-02-01"],"n":7,"none":null,"start":"2026-02-01"}`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	write(t, path, "- a\n- b\n")
	if _, err := s.readObject(path); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), path) {
		t.Errorf("a list: %v", err)
	}
}

func TestBrokenJSONIsNamedByLineAndColumn(t *testing.T) {
	s := &session{Context: t.Context(), flags: &commands{}}
	path := t.TempDir() + "/p.json"
	for text, at := range map[string]string{"{\n \"a\": }\n": "line 2, column 7", "{\"a\": 1": "line 1, column 7", "": "line 1, column 0", "{\"a\": 1}\n}": "line 2, column 1"} {
		write(t, path, text)
		if _, err := s.readObject(path); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), path+", "+at) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAnObjectOverTheLimitIsRefusedBeforeItIsReadWhole(t *testing.T) {
	endless := readerFunc(func(p []byte) (int, error) { clear(p); return len(p), nil })
	s := &session{Context: t.Context(), flags: &commands{}, stdin: endless}
	if _, err := s.readObject("-"); !fault.Is(err, fault.TooLarge) {
		t.Errorf("%v", err)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestEveryExampleOfAHelpCanBeTyped(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"people.csv", "ada.yaml", "start.yaml", "evidence.zip", "ac-01.json", "sample.json", "README.md"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		for line := range strings.Lines(n.Detail) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "tickmark ") {
				continue
			}
			found++
			var args []string // as a shell splits them
			for i, part := range strings.Split(strings.TrimPrefix(line, "tickmark "), "'") {
				if i%2 == 0 {
					for j, word := range strings.Split(part, " ") {
						if j == 0 && i > 0 && len(args) > 0 {
							args[len(args)-1] += word
						} else {
							args = append(args, word)
						}
					}
				} else {
					args[len(args)-1] += part
				}
			}
			args = slices.DeleteFunc(args, func(s string) bool { return s == "" })
			p, err := kong.New(&commands{}, kong.Exit(func(int) {}))
			if err != nil {
				t.Fatal(err)
			}
			if k, err := p.Parse(args); err != nil {
				t.Errorf("%s: %v", line, err)
			} else if got := k.Selected(); got == nil || got.FullPath() != n.FullPath() {
				t.Errorf("%s stands in the help of %s", line, n.FullPath())
			}
		}
		for _, c := range n.Children {
			walk(c)
		}
	}
	p, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	walk(p.Model.Node)
	if found < 30 {
		t.Errorf("only %d examples", found)
	}
}

func TestAReasonIsSaidOnceWithAllThatItKeepsFromBeingRead(t *testing.T) {
	got := unread([]collect.Missing{
		{Kind: "repository", Reason: "/repos answered 404.", Needs: "metadata"},
		{Kind: "ruleset", Reason: "Not all repositories are known."},
		{Kind: "push", Scope: "a", Reason: "Not all repositories are known."},
		{Kind: "push", Scope: "b", Reason: "Not all repositories are known."},
		{Kind: "member", Part: "owner", Reason: "/repos answered 404."},
	})
	want := []string{
		"repository was not read: /repos answered 404. It needs metadata.",
		"ruleset, push were not read: Not all repositories are known.",
		"member (owner) was not read: /repos answered 404.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
