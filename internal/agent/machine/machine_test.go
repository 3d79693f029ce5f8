package machine

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tickmark/internal/agent"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/store/storetest"
)

func TestTheAgentCompilesForEverySystem(t *testing.T) {
	if os.Getenv("TICKMARK_TEST_HEAVY") == "" {
		t.Skip("it compiles everything below the agent for two other systems, some minutes: TICKMARK_TEST_HEAVY")
	}
	for _, system := range []string{"windows", "darwin"} {
		c := exec.Command("go", "vet", ".", "../../connector/host")
		c.Env = append(os.Environ(), "GOOS="+system, "GOARCH=arm64", "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", system, err, out)
		}
	}
}

// What is handed over by half is sent by half: the kinds that were not read whole are not vouched for.
func TestAReadingIsWhatTheConnectorHandsOver(t *testing.T) {
	r := &Reading{Kinds: []string{"host", "host_account", "host_mount"}}
	r.Statement.Began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := &taker{r: r}
	for _, it := range []connector.Item{
		{Kind: "host", Key: "m", Raw: []byte("# raw"), Body: []byte(`{"machine":"m"}`), Parts: []connector.Part{{Name: "encrypted", Gap: "Refused."}, {Name: "updated", JSON: []byte("true")}}},
		{Kind: "host_account", Key: "ada", Raw: []byte(`{"name":"ada"}`)},
		{Kind: "host_sshd", Key: "sshd", Raw: []byte(`{}`)}, // not read on this system
	} {
		if err := s.Item(it); err != nil {
			t.Fatal(err)
		}
	}
	s.Complete("host", "")
	s.Complete("host", "")
	s.Complete("host_account", "a part of it")
	s.Complete("host_sshd", "")
	s.Missing(connector.Gap{Kind: "host_mount", Denied: true, Reason: "Refused.", Needs: "root"})
	s.Missing(connector.Gap{Kind: "host_sshd", Reason: "Not read."})
	s.end()
	if st := r.Statement; len(st.Vouched) != 1 || st.Vouched[0] != "host" || len(st.Missing) != 1 || st.Missing[0].Needs != "root" {
		t.Errorf("%+v", st)
	}
	if r.Items != 2 || len(r.Batches) != 1 {
		t.Fatalf("%+v", r)
	}
	if got := string(r.Batches[0][0]); !strings.Contains(got, `"last_seen":"2026-03-01T12:00:00Z"`) || !strings.Contains(got, `"raw":"IyByYXc="`) || !strings.Contains(got, `{"name":"encrypted","gap":"Refused."}`) {
		t.Errorf("%s", got)
	}
	m := r.messages()
	if last := m[len(m)-1]; last.Complete == nil || *last.Complete != 2 || last.Statement == nil {
		t.Errorf("%+v", last)
	}
	many := &taker{r: &Reading{Kinds: []string{"host_account"}}}
	for i := range batchItems + 1 {
		if err := many.Item(connector.Item{Kind: "host_account", Key: string(rune('a' + i)), Raw: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
	}
	many.end()
	if m := many.r.messages(); len(m) != 2 || m[0].Complete != nil || *m[1].Complete != batchItems+1 {
		t.Errorf("%d messages", len(m))
	}
}

func TestSequenceNumbersRiseWhateverTheClockSays(t *testing.T) {
	s := &State{Dir: t.TempDir()}
	last := time.Now().Add(time.Hour).UnixMicro() // the clock was an hour ahead when it was last used
	if err := write(filepath.Join(s.Dir, sequenceFile), []byte("0")); err != nil {
		t.Fatal(err)
	}
	if n, err := s.sequence(); err != nil || n < time.Now().Add(-time.Minute).UnixMicro() {
		t.Errorf("%d, %v", n, err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, sequenceFile), []byte(strconv.FormatInt(last, 10)), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		n, err := s.sequence()
		if err != nil || n != last+1 {
			t.Fatalf("%d after %d, %v", n, last, err)
		}
		last = n
	}
}

// A copied state speaks for the machine it was copied from; the agent itself refuses, before anything is read.
func TestACopiedStateIsRefusedOnAnotherMachine(t *testing.T) {
	o := open(t, storetest.SQLite(t))
	s := o.laptop()
	s.Given, s.Machine = false, ownID()
	err := (&Runner{State: s, Interval: time.Hour, Say: func(string, ...any) {}}).Once(context.Background())
	if !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "not the machine that enrolled") {
		t.Errorf("%v", err)
	}
}

func TestWhatCouldNotBeSentWaitsAndIsReadAnewWhenItIsOld(t *testing.T) {
	o := open(t, storetest.SQLite(t))
	s := o.laptop()
	r := &Runner{State: s, Interval: time.Hour, Say: func(string, ...any) {}}
	kept := reading(s, "ada")
	if err := s.keep(kept); err != nil {
		t.Fatal(err)
	}
	address := s.URL
	s.URL = "http://127.0.0.1:1"
	if err := r.Once(o.ctx); !fault.Is(err, fault.Unavailable) || s.waiting() == nil || s.waiting().Run != kept.Run {
		t.Errorf("%v, %+v", err, s.waiting())
	}
	s.URL = address
	if err := r.Once(o.ctx); err != nil || s.waiting() != nil || s.Last == "" {
		t.Errorf("%v, %+v", err, s)
	}
	if got := o.accounts(s.Name); got != "ada" {
		t.Errorf("%s", got)
	}
	if err := o.Revoke(o.ctx, ada, s.Name, "lost"); err != nil {
		t.Fatal(err)
	}
	if err := s.keep(reading(s, "eve")); err != nil {
		t.Fatal(err)
	}
	var no *agent.Refused
	if err := r.Once(o.ctx); !errors.As(err, &no) || no.Why != agent.WhyRevoked {
		t.Errorf("%v", err)
	}
	if again, err := Open(s.Dir); err != nil || again.Refused == "" {
		t.Errorf("what was refused is not said: %v", err)
	}
}

func TestUnitsAreWhatEachSystemReads(t *testing.T) {
	for _, system := range []string{"darwin", "windows"} {
		u, err := UnitFor(system, "/opt/a&b/tickmark", "/var/a b", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(strings.NewReader(u.Text))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", system, err)
			}
		}
		if !strings.Contains(u.Text, "/opt/a&amp;b/tickmark") || !strings.Contains(u.Text, "/var/a b") || u.Then == "" {
			t.Errorf("%s: %s", system, u.Text)
		}
	}
	for _, bad := range []string{`/a"b`, "/a\nb", "/a%n", "/a$b"} {
		if _, err := UnitFor("linux", bad, "/state", time.Hour); !fault.Is(err, fault.Usage) {
			t.Errorf("%q in a unit: %v", bad, err)
		}
	}
	if _, err := UnitFor("plan9", "/t", "/s", time.Hour); !fault.Is(err, fault.Usage) {
		t.Errorf("%v", err)
	}
	u := Unit{Path: filepath.Join(t.TempDir(), "none", "x"), Text: "x"}
	if err := u.Write(); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
}
