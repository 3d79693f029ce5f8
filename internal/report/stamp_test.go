package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tickmark/internal/anchor"
	"tickmark/internal/anchor/anchortest"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/stamp"
	"tickmark/internal/record"
	"tickmark/internal/report"
	"tickmark/internal/report/verify"
	"tickmark/internal/store/storetest"
)

func stamped(t *testing.T, w *workspace, tsa *anchortest.Authority, name string) anchor.Stamp {
	t.Helper()
	a := anchor.Authority{Key: name, Title: name, URL: tsa.URL, Certificates: string(tsa.Roots)}
	body, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	w.put(record.Change{Kind: anchor.AuthorityKind, Key: name, Body: body})
	s, err := (&anchor.Keeper{Book: w.book}).Stamp(w.ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAPackageProvesSinceWhenAnOutsiderKnewIt(t *testing.T) {
	tsa, other, stranger := anchortest.Start(t), anchortest.Start(t), anchortest.Start(t)
	roots := func(tsa *anchortest.Authority) verify.Options {
		pool, err := stamp.Roots(tsa.Roots)
		if err != nil {
			t.Fatal(err)
		}
		return verify.Options{Authorities: pool}
	}
	w := full(t, storetest.SQLite(t))
	key := w.book.Log.VKey
	try := func(what string, b []byte, o verify.Options, ok bool, words string) {
		t.Helper()
		o.Key = key
		v := judge(t, b, o)
		for _, l := range v.Limits {
			v.Claims = append(v.Claims, verify.Claim{OK: true, Claim: l})
		}
		if v.OK != ok || !strings.Contains(say(v), words) {
			t.Errorf("%s: %v\n%s", what, v.OK, say(v))
		}
	}
	try("without any stamp, an authority given", w.pack(w.options()), roots(tsa), false, "has no stamp")
	s := stamped(t, w, tsa, "tsa")
	stamped(t, w, other, "other")
	w.put(record.Change{Kind: "person", Key: "dan", Body: json.RawMessage(`{"name":"Dan"}`)})
	b := w.pack(w.options())
	try("nobody trusted", b, verify.Options{}, true, "2 stamps")
	try("nobody trusted", b, verify.Options{}, true, "Give the authority's root with --authority")
	try("one of two trusted", b, roots(tsa), true, "1 stamp, the first of")
	try("one of two trusted", b, roots(tsa), true, "no outsider has seen yet")
	try("somebody else trusted", b, roots(stranger), false, "2 stamps are in the package, and none leads to a root or key you gave")
	narrow := w.options()
	narrow.Kinds = []string{"person"}
	try("a package of people alone", w.pack(narrow), roots(tsa), true, "1 stamp")

	seer, other2 := anchortest.StartWitness(t, "witness.example/a"), anchortest.StartWitness(t, "witness.example/a")
	trust := func(o verify.Options, keys ...string) verify.Options {
		for _, k := range keys {
			w, err := stamp.ParseWitness(k)
			if err != nil {
				t.Fatal(err)
			}
			o.Witnesses = append(o.Witnesses, w)
		}
		return o
	}
	try("a witness trusted that cosigned nothing", b, trust(verify.Options{}, seer.VKey), false, "none leads to a root or key you gave")
	cosigned := anchor.Authority{Key: "seer", Title: "Seer", Method: anchor.ByWitness, URL: seer.URL, VKey: seer.VKey}
	w.put(record.Change{Kind: anchor.AuthorityKind, Key: "seer", Body: json.RawMessage(must(json.Marshal(cosigned)))})
	seen, err := (&anchor.Keeper{Book: w.book}).Stamp(w.ctx, cosigned)
	if err != nil {
		t.Fatal(err)
	}
	b = w.pack(w.options())
	try("a witness trusted", b, trust(verify.Options{}, seer.VKey), true, "witness.example/a stated on")
	try("a witness and an authority trusted", b, trust(roots(tsa), seer.VKey), true, "2 stamps")
	try("another key of that name trusted", b, trust(verify.Options{}, other2.VKey), false, "none leads to a root or key you gave")
	try("nobody trusted, a witness too", b, verify.Options{}, true, "3 stamps")

	// Who holds the key writes another log and takes the stamp over: it is a stamp of the first log and not of this one.
	db, dir := storetest.SQLite(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ledger.key"), keyOf(t, w), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := ledger.Open(w.ctx, db, dir)
	if err != nil {
		t.Fatal(err)
	}
	forged := &workspace{TB: t, ctx: w.ctx, blobs: w.blobs}
	if forged.book, err = record.OpenBook(w.ctx, log, kinds(t), func(string, []byte) string { return "" }); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		forged.put(record.Change{Kind: "person", Body: json.RawMessage(`{"name":"Nobody"}`)})
	}
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	forged.put(record.Change{Kind: anchor.AuthorityKind, Key: "tsa", Body: json.RawMessage(must(json.Marshal(anchor.Authority{Title: "t", URL: tsa.URL, Certificates: string(tsa.Roots)})))})
	forged.put(record.Change{Kind: anchor.StampKind, Key: "tsa-1", Body: body})
	var out bytes.Buffer
	if _, err := report.Package(w.ctx, report.Options{Book: forged.book, Blobs: forged.blobs, By: me, Release: "1.2.3", Temp: t.TempDir()}, &out); err != nil {
		t.Fatal(err)
	}
	try("a log written anew", out.Bytes(), roots(tsa), false, "it was rewritten since")
	s.Token = strings.Replace(s.Token, s.Token[40:44], "AAAA", 1)
	body = must(json.Marshal(s))
	w.put(record.Change{Kind: anchor.StampKind, Key: "tsa-2", Body: body})
	try("a stamp that was changed", w.pack(w.options()), verify.Options{}, false, "The stamp tsa-2 does not hold")
	text, _, _ := strings.Cut(seen.Checkpoint, "\n\n")
	seen.Token = other2.Cosign(text+"\n", seen.At)
	w.put(record.Change{Kind: anchor.StampKind, Key: "seer-2", Body: json.RawMessage(must(json.Marshal(seen)))})
	try("a cosignature by another under its key", w.pack(w.options()), trust(verify.Options{}, seer.VKey), false, "The stamp seer-2 does not hold")
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// keyOf reads the signing key back from the directory that the workspace's ledger was opened in.
func keyOf(t *testing.T, w *workspace) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "ledger.key"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
