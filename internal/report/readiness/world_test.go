package readiness_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/control"
	"tickmark/internal/record"
	"tickmark/internal/report/document"
	"tickmark/internal/report/readiness"
	"tickmark/internal/report/typst/typsttest"
	"tickmark/internal/workspace"
)

// world is a real workspace that read a real repository, with a clock of its own.
type world struct {
	testing.TB
	*workspace.Workspace
	by  access.Session
	now time.Time
}

var begin = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)

// open makes a workspace with an organisation and its people, on a day in June.
func open(t testing.TB) *world { return opened(t, 0) }

// opened is open with so many checks of its own.
func opened(t testing.TB, own int) *world {
	t.Helper()
	w := &world{TB: t, now: begin}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "checks"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range own {
		text := fmt.Sprintf(`id: OWN-%03d
title: Everybody in team %[1]d has an address with the company
for: person
expect: r.email.endsWith("@example.org") || r.name == "team %[1]d"
because: '"the address of " + r.name + " is foreign"'
severity: medium
controls: [AC-01]
why: Mail to foreign addresses leaves the company.
fix: {console: change the address}
examples:
  - {name: ours, record: {name: Ada, email: a@example.org}, expect: pass}
  - {name: foreign, record: {name: Ada, email: a@b.c}, expect: fail}
  - {name: not said, record: {name: Ada}, expect: unknown}
`, i)
		if err := os.WriteFile(filepath.Join(dir, "checks", fmt.Sprintf("own-%03d.yaml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if w.Workspace, err = workspace.Open(t.Context(), workspace.Options{Data: dir, Create: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	w.Workspace.Log.Clock = func() time.Time { return w.now }
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.by, err = w.Local(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.put("organisation", "organisation", `{"name":"Example Ltd","time_zone":"Europe/Berlin"}`)
	w.put("person", "ada", `{"id":"ada","name":"Ada Example","email":"ada@example.org","start":"2024-01-01","employment":"employee"}`)
	w.put("person", "bob", `{"id":"bob","name":"Bob Example","email":"bob@example.org","start":"2024-01-01","employment":"employee"}`)
	return w
}

func (w *world) put(kind, key, body string) record.Version {
	w.Helper()
	v, err := w.Book.Put(w.Context(), record.Job("job:test"), record.Change{Kind: kind, Key: key, Body: json.RawMessage(body)})
	if err != nil {
		w.Fatal(err)
	}
	return v[0]
}

// days lets time pass.
func (w *world) days(n int) { w.now = w.now.AddDate(0, 0, n) }

func (w *world) evaluate() {
	w.Helper()
	if _, err := w.Monitor.Evaluate(w.Context(), check.Options{}); err != nil {
		w.Fatal(err)
	}
}

// collects reads a repository, as of the clock.
func (w *world) collects() {
	w.Helper()
	if _, err := w.Collect.Connection(w.Context(), "git"); err != nil {
		dir := w.TempDir()
		for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"commit", "-q", "--allow-empty", "-m", "first"}} {
			c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Ada", "-c", "user.email=ada@example.org"}, args...)...)
			if out, err := c.CombinedOutput(); err != nil {
				w.Fatal(string(out), err)
			}
		}
		if _, err := w.Collect.Add(w.Context(), w.by, collect.Connection{Name: "git", Connector: "git", Settings: map[string]string{"path": dir}}, nil); err != nil {
			w.Fatal(err)
		}
	}
	if _, err := w.Collect.Run(w.Context(), "git", nil); err != nil {
		w.Fatal(err)
	}
	w.evaluate()
}

// adopt adopts every control of the catalogue.
func (w *world) adopt() {
	w.Helper()
	items, err := control.Catalogue()
	if err != nil {
		w.Fatal(err)
	}
	for _, i := range items {
		body, err := control.Adopt(i)
		if err != nil {
			w.Fatal(err)
		}
		if _, err := w.Book.Put(w.Context(), record.Job("job:test"), record.Change{Kind: "control", Key: i.ID, Body: body}); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) make(o readiness.Options) *readiness.Report {
	w.Helper()
	o.Book, o.Monitor = w.Book, w.Monitor
	r, err := readiness.Make(w.Context(), o)
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// renderer is one for all tests: making its machine code is the dear part.
var renderer = sync.OnceValue(func() *document.Renderer { return document.New(typsttest.Dir(), 2) })

// rich is a workspace with something in every section of the report.
func rich(t testing.TB) *world {
	return filled(open(t), `["security","availability","confidentiality"]`)
}

// full is the same with every criterion in scope and 200 checks.
func full(t testing.TB) *world {
	return filled(opened(t, 122), `["security","availability","processing_integrity","confidentiality","privacy"]`)
}

func filled(w *world, categories string) *world {
	w.adopt()
	w.put("system", "production", `{"id":"production","name":"Example Cloud","description":"Hosts the customers' data and serves it to them.","services":["Example Cloud","Example API"],"inside":"The hosts, the repository and the people who run them.","outside":"The office network; nothing of the service runs there.","locations":["Frankfurt"],"owner":"ada",
		"components":[{"type":"infrastructure","name":"Hosts","description":"Three virtual machines","from":"2026-06-01"},{"type":"software","name":"Application","from":"2026-06-01","to":"2026-12-31"}],"data":[{"name":"Customer records","class":"confidential","personal":true,"where":"PostgreSQL","retention":"Until 30 days after the contract ends"}]}`)
	w.put("period", "fy26", `{"id":"fy26","name":"FY26 Type II","objective":"Three customers ask for it before they renew.","report":"soc_2","type":"type_2","categories":`+categories+`,"system":"production","from":"2026-06-01","to":"2026-11-30","fieldwork":"2026-12-07","stage":"startup"}`)
	w.put("commitment", "SC-01", `{"id":"SC-01","title":"Customer data is encrypted in transit and at rest","sort":"service_commitment","category":"confidentiality","statement":"We encrypt customer data.","made_in":"Master service agreement, clause 7","controls":["AC-06"],"since":"2026-01-01"}`)
	w.put("requirement", "req-1", `{"control":"AC-06","title":"List of administrators with their second factor","frequency":"quarterly","from":"2026-06-01"}`)
	w.put("finding", "f-1", `{"title":"The restore test of May was not written down","description":"It was done.","origin":"review","severity":"high","due":"2026-06-20"}`)
	w.put("exception", "x-1", `{"title":"The build host keeps root over ssh until it is replaced","resources":["build-1"],"reason":"The new host comes in July.","risk":"Somebody signs in as root.","compensating":"Only from the office network.","severity":"medium","start":"2026-06-05","expiry":"2026-08-31","beneficiary":"bob"}`)
	w.put("policy", "access-control", `{"id":"access-control","title":"Access control policy","sort":"policy","owner":"ada","approver":"bob","audience":"everyone","controls":["AC-06"]}`)
	w.put(check.SettingKind, "HOST-01", `{"check":"HOST-01","off":true,"reason":"The hosts are replaced in July."}`)
	w.collects()
	for range 3 {
		w.days(7)
		w.collects()
	}
	w.days(20)
	w.evaluate()
	return w
}

func TestTheReportAsPicture(t *testing.T) {
	out := os.Getenv("TICKMARK_TEST_PICTURES")
	if out == "" {
		t.Skip("it is drawn where TICKMARK_TEST_PICTURES says")
	}
	r := rich(t).make(readiness.Options{})
	if err := renderer().Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	pdf, err := renderer().PDF(t.Context(), readiness.Document(r, nil), document.A4)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("set in", time.Since(began))
	if err := os.WriteFile(filepath.Join(out, "readiness.pdf"), pdf, 0o644); err != nil {
		t.Fatal(err)
	}
}
