package report_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"tickmark/internal/anchor"
	"tickmark/internal/blob"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/finding"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/report"
	"tickmark/internal/report/verify"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

const multiFactor = `id: HOST-01
title: People have multi-factor
for: host_user
where: r.human
expect: r.mfa
because: '"user " + r.name + " can sign in without a second factor"'
severity: critical
controls: [AC-06]
why: A password alone can be stolen.
fix: {cli: enrol the user}
examples:
  - {name: no device, record: {name: bob, human: true, mfa: false}, expect: fail}
  - {name: device, record: {name: bob, human: true, mfa: true}, expect: pass}
  - {name: not read, record: {name: bob, human: true}, expect: unknown}
`

func kinds(t testing.TB) *record.Kinds {
	t.Helper()
	all := append(append(append(record.Builtin(), anchor.Kinds()...), collect.Kinds()...), check.Kind(), finding.Kind(), siteUser, siteGroup,
		record.Kind{Name: "host_user", Collected: true, Fields: []record.Field{{Name: "name", Type: record.Text}, {Name: "human", Type: record.Bool}, {Name: "mfa", Type: record.Bool}}},
		record.Kind{Name: "person", Key: "id", Label: "name", Fields: []record.Field{{Name: "id", Type: record.Text}, {Name: "name", Type: record.Text, Personal: true}}},
		record.Kind{Name: "paper", Room: record.Auditor, Fields: []record.Field{{Name: "text", Type: record.Text}}},
		record.Kind{Name: "meeting", Occurred: "held", Fields: []record.Field{{Name: "held", Type: record.Time}, {Name: "note", Type: record.Long}}},
		record.Kind{Name: "control", Fields: []record.Field{{Name: "id", Type: record.Text}}}, record.Kind{Name: "exception", Fields: []record.Field{{Name: "id", Type: record.Text}}})
	ks, err := record.NewKinds(all...)
	if err != nil {
		t.Fatal(err)
	}
	return ks
}

var me = record.Job("job:test")

// workspace is a small company with everything in it that a package must carry.
type workspace struct {
	testing.TB
	ctx   context.Context
	book  *record.Book
	blobs blob.Store
	m     *check.Monitor
	file  blob.Hash
	dir   string // of the ledger's key
}

func empty(t testing.TB, db *store.DB) *workspace {
	t.Helper()
	w := &workspace{TB: t, ctx: context.Background(), dir: t.TempDir()}
	log, err := ledger.Open(w.ctx, db, w.dir)
	if err != nil {
		t.Fatal(err)
	}
	if w.book, err = record.OpenBook(w.ctx, log, kinds(t), func(_ string, v []byte) string { return fmt.Sprint(len(v)) }); err != nil {
		t.Fatal(err)
	}
	if w.blobs, err = blob.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	words, err := check.NewVocabulary(w.book.Kinds.All()...)
	if err != nil {
		t.Fatal(err)
	}
	set, err := check.Load(words, nil, fstest.MapFS{"a.yaml": &fstest.MapFile{Data: []byte(multiFactor)}}, "")
	if err != nil {
		t.Fatal(err)
	}
	w.m = check.NewMonitor(w.book, words, set)
	return w
}

func (w *workspace) put(c record.Change) record.Version {
	w.Helper()
	v, err := w.book.Put(w.ctx, me, c)
	if err != nil {
		w.Fatal(err)
	}
	return v[0]
}

func (w *workspace) evaluate() {
	w.Helper()
	if _, err := w.m.Evaluate(w.ctx, check.Options{}); err != nil {
		w.Fatal(err)
	}
}

func (w *workspace) see(items ...string) {
	w.Helper()
	err := w.book.Log.Write(w.ctx, func(tx *ledger.Tx) error {
		known, err := w.book.Known(w.ctx, "host_user", "host")
		if err != nil {
			return err
		}
		var list []*record.Observed
		for i := 0; i < len(items); i += 2 {
			o, err := w.book.Observe(record.Collection{Run: 1, Source: "host", Origin: record.Collected, Actor: "connection:host"},
				record.Observation{Kind: "host_user", Key: items[i], Label: items[i] + "\xff", Raw: []byte(items[i+1])}, known[items[i]])
			if err != nil {
				return err
			}
			if o != nil {
				list = append(list, o)
			}
		}
		return w.book.Keep(w.ctx, tx, list)
	})
	if err != nil {
		w.Fatal(err)
	}
}

func full(t testing.TB, db *store.DB) *workspace {
	t.Helper()
	w := empty(t, db)
	h, n, err := w.blobs.Put(w.ctx, strings.NewReader("minutes of the meeting"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	w.file = h
	if db.Engine == store.Postgres {
		w.put(record.Change{Kind: "host_user", Key: "ada", Source: "host", Body: json.RawMessage(`{"name":"ada","human":true,"mfa":true}`)})
		w.put(record.Change{Kind: "host_user", Key: "bob", Source: "host", Body: json.RawMessage(`{"name":"bob","human":true,"mfa":false}`)})
	} else { // a source's own spelling, and a label that is not UTF-8
		w.see("ada", "{\"name\": \"ada\",\n \"human\": true, \"mfa\": true}", "bob", `{"name":"bob","human":true,"mfa":false}`)
	}
	w.put(record.Change{Kind: "person", Key: "ada", Body: json.RawMessage(`{"id":"ada","name":"Ada"}`)})
	w.put(record.Change{Kind: "person", Key: "bob", Body: json.RawMessage(`{"id":"bob","name":"=cmd()|\"Bob\", the <second>"}`)})
	w.put(record.Change{Kind: "paper", Key: "p", Body: json.RawMessage(`{"text":"the auditor thinks that"}`)})
	w.put(record.Change{Kind: "meeting", Key: "m1", Body: json.RawMessage(`{"held":"2026-03-01T09:00:00+02:00","note":"a\nb"}`)})
	w.put(record.Change{Kind: "attachment", Body: json.RawMessage(fmt.Sprintf(`{"on_kind":"meeting","on":"meeting/m1","name":"minutes.txt","sha256":%q,"size":%d}`, h, n))})
	w.put(record.Change{Kind: check.SettingKind, Key: "NET-01", Body: json.RawMessage(`{"check":"NET-01","off":true,"reason":"no network here"}`)})
	w.evaluate()
	w.put(record.Change{Kind: "host_user", Key: "bob", Source: "host", Body: json.RawMessage(`{"name":"bob","human":true,"mfa":true}`)})
	w.put(record.Change{Kind: "person", Key: "bob", Delete: true, Reason: "left"})
	w.put(record.Change{Kind: "person", Key: "bob", Body: json.RawMessage(`{"id":"bob","name":"Bob is back"}`)})
	w.put(record.Change{Kind: "meeting", Key: "m2", Body: json.RawMessage(`{"held":"2026-04-01T09:00:00Z"}`)})
	w.put(record.Change{Kind: "meeting", Key: "m2", Delete: true, Reason: "cancelled"})
	if err := w.book.Erase(w.ctx, me, "meeting", "m2", "asked to"); err != nil {
		t.Fatal(err)
	}
	w.evaluate()
	err = w.book.Log.Write(w.ctx, func(tx *ledger.Tx) error {
		if _, err := tx.Act(w.ctx, "user.signed_in", "person:ada", "user:ada", map[string]any{"from": "127.0.0.1"}); err != nil {
			return err
		}
		return store.Insert(w.ctx, tx, "coverage", []string{"id", "connection", "kind", "part", "scope", "valid_from", "valid_to", "last_read", "reads", "first_run", "last_run", "ended"},
			[][]any{{1, "host", "host_user", "", "", tx.Now, store.Forever, tx.Now, 1, 1, 1, ""}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`{"name":"cid","human":false}`, `{"name":"cid","human":false,"mfa":true}`} { // the first of which is dropped
		w.put(record.Change{Kind: "host_user", Key: "cid", Source: "host", Body: json.RawMessage(body)})
	}
	w.drop("cid", 0)
	return w
}

// drop drops the body of the first version of a user.
func (w *workspace) drop(key string, days int) {
	w.Helper()
	list, err := w.book.EndedBy(w.ctx, w.book.DB, "host_user", store.Forever-1, 0, 100)
	if err != nil {
		w.Fatal(err)
	}
	list = slices.DeleteFunc(list, func(e record.Ended) bool { return e.Key != key })
	err = w.book.Log.Write(w.ctx, func(tx *ledger.Tx) error {
		d, err := w.book.Drop(w.ctx, tx, "job:retention", record.Dropping{Kind: "host_user", Rule: "host_user", Days: days}, list)
		if err == nil && d.Versions != 1 {
			err = fmt.Errorf("%d bodies were dropped", d.Versions)
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
}

func (w *workspace) options() report.Options {
	return report.Options{Book: w.book, Blobs: w.blobs, By: me, Release: "1.2.3", Temp: w.TempDir()}
}

func (w *workspace) pack(o report.Options) []byte {
	w.Helper()
	var b bytes.Buffer
	if _, err := report.Package(w.ctx, o, &b); err != nil {
		w.Fatal(err)
	}
	return b.Bytes()
}

func judge(t testing.TB, b []byte, o verify.Options) verify.Verdict {
	t.Helper()
	v, err := verify.Archive(context.Background(), bytes.NewReader(b), int64(len(b)), o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func say(v verify.Verdict) string {
	var b strings.Builder
	for _, c := range v.Claims {
		fmt.Fprintf(&b, "%v %s\n     %s\n", c.OK, c.Claim, c.Detail)
	}
	return b.String() + strings.Join(v.Limits, "\n")
}

func TestAPackageVerifiesWithNothingButItsKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := full(t, db)
		path := filepath.Join(t.TempDir(), "p.zip")
		m, v, err := report.PackageFile(w.ctx, w.options(), path)
		if err != nil {
			t.Fatal(err)
		}
		if !v.OK || m.Counts.Files != 1 || m.Counts.Results != 3 || m.Counts.Erased != 2 || m.Counts.Dropped != 1 || !strings.Contains(say(v), "Without a body: 1 version of host_user, dropped on ") || m.Counts.Withheld != 1 || len(m.Checks) != 1 || !m.Checks[0].Off {
			t.Errorf("%+v\n%s", m, say(v))
		}
		t.Log(say(v))
		v, err = report.Verify(w.ctx, path, w.book.Log.VKey)
		if err != nil || !v.OK {
			t.Errorf("%v\n%s", err, say(v))
		}
		if v, err = report.Verify(w.ctx, path, ""); err != nil || !v.OK || !strings.Contains(v.Claims[1].Detail, "Nobody but the package") {
			t.Errorf("without a key: %v\n%s", err, say(v))
		}
		if _, err = w.book.Verify(w.ctx, nil); err != nil {
			t.Error(err)
		}
		z, err := zip.OpenReader(path) // any zip program reads it
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, r); err != nil || n != int64(f.UncompressedSize64) {
				t.Errorf("%s: %d bytes, %v", f.Name, n, err)
			}
		}
		left, _ := os.ReadDir(filepath.Dir(path))
		if len(left) != 1 {
			t.Errorf("something was left behind: %v", left)
		}
		// The next package carries the seal of the first as an action.
		again := w.pack(w.options())
		if v := judge(t, again, verify.Options{Key: w.book.Log.VKey}); !v.OK {
			t.Error(say(v))
		}
	})
}

func TestAnEmptyWorkspaceHasAPackage(t *testing.T) {
	w := empty(t, storetest.SQLite(t))
	if v := judge(t, w.pack(w.options()), verify.Options{Key: w.book.Log.VKey}); !v.OK {
		t.Error(say(v))
	}
}

func TestWhatIsLeftOutIsProvedAndSaid(t *testing.T) {
	w := full(t, storetest.SQLite(t))
	redacted, only := w.options(), w.options()
	redacted.Redact = true
	only.Kinds = []string{"meeting"}
	for name, c := range map[string]struct {
		o     report.Options
		never []string
		says  string
	}{
		"redacted": {redacted, []string{"Ada", "Bob", "minutes.txt", "127.0.0.1"}, "They hold personal data"},
		"only":     {only, []string{"Ada", "mfa", "minutes", "127.0.0.1", "second factor"}, "made for other kinds"},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.pack(c.o)
			v := judge(t, b, verify.Options{Key: w.book.Log.VKey})
			if !v.OK || !strings.Contains(strings.Join(v.Limits, "\n"), c.says) || !strings.Contains(say(v), "withheld") {
				t.Error(say(v))
			}
			for _, f := range unzip(t, b) {
				if f.name == verify.ChecksFile {
					continue // the check's own words
				}
				for _, word := range append(c.never, "auditor thinks") {
					// As a word by itself: three letters stand in a hash by chance.
					if regexp.MustCompile(`(^|[^A-Za-z0-9+/])` + regexp.QuoteMeta(word) + `($|[^A-Za-z0-9+/=])`).Match(f.b) {
						t.Errorf("%s holds %q", f.name, word)
					}
				}
			}
		})
	}
	o := w.options()
	o.Kinds = []string{"paper"}
	if _, err := report.Package(w.ctx, o, &bytes.Buffer{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("another room's kind: %v", err)
	}
}

func TestAMissingFileIsSaidAndStillVerifies(t *testing.T) {
	w := full(t, storetest.SQLite(t))
	if err := w.blobs.Remove(w.file); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	m, err := report.Package(w.ctx, w.options(), &b)
	if err != nil || len(m.Missing) != 1 {
		t.Fatalf("%+v %v", m.Missing, err)
	}
	v := judge(t, b.Bytes(), verify.Options{Key: w.book.Log.VKey})
	if !v.OK || !strings.Contains(say(v), "could not be put") {
		t.Error(say(v))
	}
}

func TestAWorkspaceThatDisagreesWithItsLedgerMakesNoPackage(t *testing.T) {
	for _, change := range []string{
		"UPDATE version SET body = (SELECT body FROM version WHERE id = 2) WHERE id = 1",
		"DELETE FROM version WHERE id = 3",
		"UPDATE action SET actor = 'person:nobody' WHERE verb = 'user.signed_in'",
		"DELETE FROM action WHERE verb = 'record.closed'",
		"UPDATE result SET reason = 'because' WHERE id = 1",
		"UPDATE result SET status = 1",
		"DELETE FROM result WHERE id = 2",
		"UPDATE series SET content = settings",
		"UPDATE entry SET leaf = (SELECT leaf FROM entry WHERE idx = 4) WHERE idx = 5",
		"UPDATE version SET salt = NULL WHERE id = 1",
	} {
		w := full(t, storetest.SQLite(t))
		if err := w.book.DB.Write(w.ctx, func(tx *store.Tx) error { _, err := tx.Exec(w.ctx, change); return err }); err != nil {
			t.Fatal(err)
		}
		if _, err := report.Package(w.ctx, w.options(), &bytes.Buffer{}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", change, err)
		}
	}
}

func TestAPackageIsComparedWithCheckpointsThatOutsidersKept(t *testing.T) {
	w := full(t, storetest.SQLite(t))
	kept, err := w.book.Log.Checkpoint(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	b := w.pack(w.options())
	w.put(record.Change{Kind: "person", Key: "dan", Body: json.RawMessage(`{"name":"Dan"}`)})
	later, err := w.book.Log.Checkpoint(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	key := w.book.Log.VKey
	if v := judge(t, b, verify.Options{Key: key, Anchors: [][]byte{kept}}); !v.OK || !strings.Contains(say(v), "exactly those that you knew") {
		t.Error(say(v))
	}
	if v := judge(t, b, verify.Options{Key: key, Anchors: [][]byte{kept, later}}); v.OK || !strings.Contains(say(v), "it is older") {
		t.Error(say(v))
	}
	other := empty(t, storetest.SQLite(t))
	stranger, _ := other.book.Log.Checkpoint(w.ctx)
	if v := judge(t, b, verify.Options{Key: key, Anchors: [][]byte{stranger}}); v.OK {
		t.Error(say(v))
	}
}

func TestOneVersionIsProvedAlone(t *testing.T) {
	w := full(t, storetest.SQLite(t))
	f, err := report.Prove(w.ctx, w.book, me, "host_user", "bob", 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bob.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := report.Verify(w.ctx, path, w.book.Log.VKey)
	if err != nil || !v.OK {
		t.Fatalf("%v\n%s", err, say(v))
	}
	t.Log(say(v))
	for i := range b {
		for _, bit := range []byte{1, 0x20, 0x80} {
			c := bytes.Clone(b)
			c[i] ^= bit
			if v, err := verify.Proof(c, verify.Options{Key: w.book.Log.VKey}); err != nil || v.OK {
				t.Fatalf("byte %d (%q to %q) was not noticed: %v", i, b[i], c[i], err)
			}
		}
	}
	if _, err := report.Prove(w.ctx, w.book, me, "meeting", "m2", 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("an erased record: %v", err)
	}
}
