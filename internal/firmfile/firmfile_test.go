package firmfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/control"
	"tickmark/internal/engagement"
	"tickmark/internal/exchange"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/framework"
	"tickmark/internal/ledger"
	"tickmark/internal/opinion"
	"tickmark/internal/person"
	"tickmark/internal/population"
	"tickmark/internal/record"
	"tickmark/internal/report/archive"
	"tickmark/internal/report/verify"
	"tickmark/internal/secret"
	"tickmark/internal/signature"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workpaper"
)

type who record.Actor

func (w who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor                             { return record.Actor(w) }

func of(name string) who { return who{User: name, Person: name, Name: "person:" + name} }

var paula, pete, quinn = of("paula"), of("pete"), of("quinn")

// world is a workspace, and its book with kinds that refuse nothing, as a firm that changed its program would have it.
type world struct {
	t     *testing.T
	book  *record.Book
	loose *record.Book
	keys  *secret.Keys
	blobs blob.Store
	now   time.Time
}

func open(t *testing.T, db *store.DB) *world {
	t.Helper()
	dir := t.TempDir()
	log, err := ledger.Open(t.Context(), db, dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)}
	log.Clock = func() time.Time { w.now = w.now.Add(time.Second); return w.now }
	if w.keys, err = secret.Open(filepath.Join(dir, "secret.key")); err != nil {
		t.Fatal(err)
	}
	if w.blobs, err = blob.OpenAt(filepath.Join(dir, "files"), ""); err != nil {
		t.Fatal(err)
	}
	list := append(append(append(append(engagement.Kinds(), workpaper.Kinds()...), opinion.Kinds()...), record.Builtin()...), person.Kind(), control.Kind(), framework.Kind(), population.Kind())
	list = append(append(list, exchange.Kinds()...), signature.Kinds()...)
	for _, into := range []**record.Book{&w.book, &w.loose} {
		kinds, err := record.NewKinds(list...)
		if err != nil {
			t.Fatal(err)
		}
		if *into, err = record.OpenBook(t.Context(), log, kinds, w.keys.Digest); err != nil {
			t.Fatal(err)
		}
		loose := make([]record.Kind, len(list))
		for i, k := range list {
			k.Check, k.Guard, k.Follows, k.States = nil, nil, nil, nil
			k.Fields = append([]record.Field{}, k.Fields...)
			for j := range k.Fields {
				k.Fields[j].Fixed = false
			}
			loose[i] = k
		}
		list = loose
	}
	return w
}

func (w *world) put(by who, kind, key, body string) {
	w.t.Helper()
	if _, err := w.book.Put(w.t.Context(), by, record.Change{Kind: kind, Key: key, Body: json.RawMessage(body)}); err != nil {
		w.t.Fatalf("%s %s: %v", kind, key, err)
	}
}

func (w *world) act(by who, kind, key, move string, said map[string]any) {
	w.t.Helper()
	if _, err := w.book.Put(w.t.Context(), by, record.Change{Kind: kind, Key: key, Move: move, Said: said}); err != nil {
		w.t.Fatalf("%s %s %s: %v", move, kind, key, err)
	}
}

func (w *world) body(kind, key string) (map[string]any, string) {
	w.t.Helper()
	v, err := w.book.GetFrom(w.t.Context(), kind, key, "", 0, record.Auditor)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := engagement.Body(v)
	if err != nil {
		w.t.Fatal(err)
	}
	return b, v.Source
}

// rewrite writes a record past all rules.
func (w *world) rewrite(kind, key, source string, body map[string]any) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.loose.Put(w.t.Context(), record.Job("job:wrong"), record.Change{Kind: kind, Key: key, Source: source, Body: raw}); err != nil {
		w.t.Fatalf("%s %s: %v", kind, key, err)
	}
}

func (w *world) office(firm bool) *exchange.Office {
	return &exchange.Office{Book: w.book, Keys: w.keys, Blobs: w.blobs, Firm: firm}
}

// examined is a firm that took a list of the company's in a parcel, sampled it, reviewed a paper and agreed to an opinion.
func examined(t *testing.T, db *store.DB) *world {
	t.Helper()
	w, company := open(t, db), open(t, storetest.SQLite(t))
	company.now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 60 {
		company.put(paula, "person", fmt.Sprintf("p%02d", i), fmt.Sprintf(`{"id":"p%02d","name":"P%02d","email":"p%02d@acme.example"}`, i, i, i))
	}
	for _, p := range []who{paula, pete, quinn} {
		w.put(p, "person", p.Person, `{"id":"`+p.Person+`","name":"`+p.Person+`","email":"`+p.Person+`@firm.example"}`)
	}
	w.now, company.now = time.Date(2026, 7, 10, 9, 0, 0, 0, time.UTC), time.Date(2026, 7, 9, 9, 0, 0, 0, time.UTC)
	w.put(paula, "engagement", "e", `{"id":"e","name":"E","company":"Acme","operator":"company","type":"type_2","categories":["security"],"system":"S","from":"2026-01-01","to":"2026-06-30","zone":"UTC",
		"team":[{"person":"paula","role":"partner","credential":"CPA"},{"person":"pete","role":"preparer","credential":"CPA"},{"person":"quinn","role":"quality_reviewer","credential":"CPA"}],
		"firm":{"name":"F","licence":"1","jurisdiction":"NY","licensed_to":"2027-01-01","peer_reviewed":"2025-01-01","peer_review":"pass"}}`)
	for _, p := range []who{paula, pete, quinn} {
		w.put(p, "independence", p.Person, `{"engagement":"e","person":"`+p.Person+`","stage":"acceptance","interests":"None."}`)
		w.act(p, "independence", p.Person, "confirm", nil)
	}
	w.act(paula, "engagement", "e", "accept", map[string]any{"competence": "x", "integrity": "x", "letter": strings.Repeat("ab", 32), "sponsor": "x"})
	d := &fieldwork.Desk{Book: w.book, Keys: w.keys, Blobs: w.blobs}
	if _, err := d.Commit(t.Context(), pete, "e", "AC-03", ""); err != nil {
		t.Fatal(err)
	}
	w.put(pete, "population", "p", `{"engagement":"e","name":"People","control":"AC-03","sort":"configuration","source":"people system","query":"all","from":"2026-01-01","to":"2026-06-30"}`)
	firm := w.office(true)
	in, err := company.office(false).Invite(t.Context(), paula, "e", "Acme", "F", "")
	if err != nil {
		t.Fatal(err)
	}
	out, err := firm.Accept(t.Context(), paula, in, exchange.Fingerprint(company.book.Log.VKey))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := company.office(false).Confirm(t.Context(), paula, out, exchange.Fingerprint(w.book.Log.VKey)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "people.jsonl")
	var list bytes.Buffer
	if _, err := population.Draw(t.Context(), company.book, paula, population.Query{Kind: "person", From: "2026-01-01", To: "2026-06-30", Zone: time.UTC}, &list); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, list.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, deliver := range []exchange.Deliver{{Populations: map[string]string{"p": path}}, {Records: []string{"person/p07"}}} {
		sent, err := company.office(false).Hand(t.Context(), paula, "e", deliver)
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := company.office(false).Fetch(t.Context(), "e", sent.Number)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := firm.Take(t.Context(), pete, "e", bytes.NewReader(b), int64(len(b))); err != nil {
			t.Fatal(err)
		}
	}
	r, _, err := firm.FileOf(t.Context(), pete, "e", exchange.PopulationList, "p")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := d.Deliver(t.Context(), pete, "p", r, fieldwork.Delivery{}); err != nil {
		t.Fatal(err)
	}
	w.act(pete, "population", "p", "evaluate", map[string]any{"completeness": "x", "accuracy": "x", "logic": "x", "reliable": "yes"})
	w.act(pete, "population", "p", "freeze", nil)
	w.put(pete, "sample", "s", `{"engagement":"e","name":"S","control":"AC-03","population":"p","method":"stratified","size":26,"size_reason":"Table.","reserves":1}`)
	if _, err := d.Draw(t.Context(), pete, "s"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Release(t.Context(), pete, "s"); err != nil {
		t.Fatal(err)
	}
	w.act(pete, "sample", "s", "begin_test", nil)
	s, _ := w.body("sample", "s")
	var grid []string
	for _, i := range workpaper.Items(s) {
		grid = append(grid, `{"item":"`+i+`","attribute":"A","mark":"met","evidence":["E1"]}`)
	}
	w.put(pete, "workpaper", "AC-03", `{"engagement":"e","reference":"R","control":"AC-03","objective":"x","risk":"low","population":"p","attributes":[{"id":"A","text":"x","deviation":"x","decided_by":"person"}],
		"procedures":[{"sort":"inspection","text":"x","aim":"operation"}],"design":"suitable","design_reason":"x","result":"not_effective","result_reason":"x","grid":[`+strings.Join(grid, ",")+`]}`)
	w.act(pete, "workpaper", "AC-03", "prepare", nil)
	w.act(paula, "workpaper", "AC-03", "begin_review", nil)
	w.act(paula, "workpaper", "AC-03", "review", nil)
	w.put(paula, "opinion", "o", `{"engagement":"e","name":"O","aggregate":"x","subjects":[{"subject":"description","opinion":"unqualified"},{"subject":"design","opinion":"unqualified"},{"subject":"operation","opinion":"unqualified"}]}`)
	w.act(quinn, "opinion", "o", "agree", nil)
	w.act(paula, "opinion", "o", "sign", nil)
	sealed, public, err := signature.NewKey("four words and more")
	if err != nil {
		t.Fatal(err)
	}
	private, err := signature.OpenKey(sealed, "four words and more")
	if err != nil {
		t.Fatal(err)
	}
	w.put(paula, signature.KeyName, "k", `{"person":"paula","key":"`+public+`"}`)
	v, err := w.book.GetFrom(t.Context(), "opinion", "o", "", 0, record.Auditor)
	if err != nil {
		t.Fatal(err)
	}
	h := signature.Hash(v.Body)
	w.put(paula, signature.Name, "sig", `{"engagement":"e","act":"signed","of_kind":"opinion","of":"o","hash":"`+h+`","person":"paula","key":"k","signature":"`+signature.Sign(private, "e", "signed", "opinion", "o", h, "paula")+`"}`)
	return w
}

func (w *world) make() []byte {
	w.t.Helper()
	var b bytes.Buffer
	m := &Maker{Book: w.book, Blobs: w.blobs, Desk: &fieldwork.Desk{Book: w.book, Keys: w.keys, Blobs: w.blobs}}
	if _, err := m.Make(w.t.Context(), paula, "e", &b); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// dishonest is the file as the records stand, with the samples of the honest one: the maker itself writes none that the records belie.
func (w *world) dishonest(honest map[string][]byte) []byte {
	w.t.Helper()
	var b bytes.Buffer
	if _, err := (&Maker{Book: w.book, Blobs: w.blobs}).Make(w.t.Context(), paula, "e", &b); err != nil {
		w.t.Fatal(err)
	}
	names, content := members(w.t, b.Bytes())
	for n, c := range honest {
		if strings.HasPrefix(n, "samples/") || strings.HasPrefix(n, "tables/") {
			names, content[n] = append(names, n), c
		}
	}
	return resigned(w.t, w, zipped(w.t, names, content, "", nil, nil), func(map[string][]byte) {})
}

func (w *world) verify(b []byte) verify.Verdict {
	w.t.Helper()
	v, err := Verify(bytes.NewReader(b), int64(len(b)), w.book.Log.VKey)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func TestTheFileIsPerformedAgainAndEachTamperIsSeen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := examined(t, db)
		b := w.make()
		if v := w.verify(b); !v.OK || len(v.Claims) != 10 {
			t.Fatalf("the honest file: %+v", v.Claims)
		} else {
			t.Log(v.Claims)
		}
		if !Is(bytes.NewReader(b), int64(len(b))) {
			t.Error("it is not told apart from a package")
		}
		if _, err := (&Maker{Book: w.book, Blobs: w.blobs}).Make(t.Context(), of("strange"), "e", io.Discard); !fault.Is(err, fault.Denied) {
			t.Errorf("a stranger assembles the file: %v", err)
		}
		// Whoever has no key changes the file.
		names, content := members(t, b)
		population := "files/" + text(w, "population", "p", "file")
		for name, c := range map[string]struct {
			claim int
			b     []byte
		}{
			"a changed member":     {0, zipped(t, names, content, proofsName, bytes.Replace(content[proofsName], []byte("E-"), []byte("F-"), 1), []byte("x"))},
			"a member left out":    {0, zipped(t, names[:len(names)-1], content, "", nil, nil)},
			"another signature":    {0, zipped(t, names, content, signName, nil, []byte("— x y\n"))},
			"broken off":           {0, b[:len(b)-100]},
			"signed by a stranger": {0, resigned(t, open(t, storetest.SQLite(t)), b, func(map[string][]byte) {})},
			"a record rewritten": {1, resigned(t, w, b, func(m map[string][]byte) {
				m[proofsName] = bytes.Replace(m[proofsName], []byte(`\"suitable\"`), []byte(`\"unsuited\"`), 1)
				m[proofsName] = bytes.Replace(m[proofsName], []byte(`"suitable"`), []byte(`"unsuited"`), 1)
			})},
			"a version left out": {1, resigned(t, w, b, func(m map[string][]byte) {
				lines := bytes.SplitAfter(m[proofsName], []byte("\n"))
				for i, l := range lines {
					if bytes.Contains(l, []byte(`"workpaper"`)) {
						m[proofsName] = bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil)
						return
					}
				}
			})},
			"a list left out":     {2, resigned(t, w, b, func(m map[string][]byte) { delete(m, population) })},
			"no file of a sample": {4, resigned(t, w, b, func(m map[string][]byte) { delete(m, "samples/"+named("p")+".json") })},
			"another sample's row": {4, resigned(t, w, b, func(m map[string][]byte) {
				n := "samples/" + named("p") + ".json"
				m[n] = bytes.Replace(m[n], []byte(`"nonce":"`), []byte(`"nonce":"0`), 1)
			})},
		} {
			fails(t, w, name, c.b, c.claim)
		}
		// Whoever has the firm's key and another program writes what its rules refuse.
		for name, c := range map[string]struct {
			claim     int
			kind, key string
			change    func(b map[string]any)
		}{
			"the population's hash":       {3, "population", "p", func(b map[string]any) { b["root"] = strings.Repeat("0", 64) }},
			"the population's rows":       {3, "population", "p", func(b map[string]any) { b["row_count"] = 59 }},
			"a nonce after the delivery":  {4, "nonce", "", func(b map[string]any) { b["committed_at"] = "2026-12-01T00:00:00Z" }},
			"another commitment":          {4, "nonce", "", func(b map[string]any) { b["commitment"] = strings.Repeat("0", 64) }},
			"other items":                 {4, "sample", "s", func(b map[string]any) { l := b["tested"].([]any); l[0] = l[1] }},
			"another seed":                {4, "sample", "s", func(b map[string]any) { b["seed"] = strings.Repeat("0", 64) }},
			"a blank cell":                {5, "workpaper", "AC-03", func(b map[string]any) { b["grid"] = b["grid"].([]any)[1:] }},
			"a review by the preparer":    {5, "workpaper", "AC-03", func(b map[string]any) { b["reviewed_by"] = "pete" }},
			"one who agrees with himself": {6, "opinion", "o", func(b map[string]any) { b["agreed_by"] = "paula" }},
			"a matter that leads to more": {6, "matter", "m", func(b map[string]any) {
				for k, v := range map[string]any{"engagement": "e", "name": "M", "subject": "design", "sort": "departure", "facts": "x", "state": "answered", "material": "yes", "pervasive": "yes"} {
					b[k] = v
				}
			}},
			"issued without a letter": {7, "engagement", "e", func(b map[string]any) {
				b["state"], b["issued_at"], b["report_date"] = "issued", "2026-07-20T00:00:00Z", "2026-07-20"
			}},
			"a signature for another":        {9, signature.Name, "sig", func(b map[string]any) { b["person"] = "quinn" }},
			"a signature of another act":     {9, signature.Name, "sig", func(b map[string]any) { b["act"] = "issued" }},
			"a version that nobody wrote":    {9, signature.Name, "sig", func(b map[string]any) { b["hash"] = strings.Repeat("0", 64) }},
			"a key put under another's name": {9, signature.KeyName, "k", func(b map[string]any) { b["person"] = "quinn" }},
			"a parcel of another hash":       {8, "company_parcel", "e.taken.0002", func(b map[string]any) { b["hash"] = strings.Repeat("0", 64) }},
			"a parcel less":                  {8, "company_parcel", "e.taken.0001", func(b map[string]any) { b["direction"] = "sent" }},
			"another key of the company's":   {8, "company_link", "e", func(b map[string]any) { b["key"] = w.book.Log.VKey }},
			"something that nobody told": {8, "company_item", "e.record.person/eve", func(b map[string]any) {
				b["engagement"], b["sort"], b["of"], b["title"] = "e", "record", "person/eve", "Eve"
			}},
		} {
			key := c.key
			if key == "" {
				key = text(w, "population", "p", "nonce")
			}
			good, source := map[string]any{}, ""
			if c.key != "m" && !strings.HasSuffix(c.key, "eve") {
				good, source = w.body(c.kind, key)
			}
			wrong := map[string]any{}
			raw, _ := json.Marshal(good)
			json.Unmarshal(raw, &wrong)
			c.change(wrong)
			w.rewrite(c.kind, key, source, wrong)
			fails(t, w, name, w.dishonest(content), c.claim)
			if len(good) > 0 {
				w.rewrite(c.kind, key, source, good)
				continue
			}
			if _, err := w.loose.Put(t.Context(), record.Job("job:wrong"), record.Change{Kind: c.kind, Key: key, Source: source, Delete: true, Reason: "again"}); err != nil {
				t.Fatal(err)
			}
		}
		if v := w.verify(w.make()); !v.OK {
			t.Errorf("put right again: %+v", v.Failed())
		}
	})
}

// A list that came as a table, and that nobody drew from, is frozen again with the key that was committed to before.
func TestATableWithoutASampleIsFrozenAgainAndARowThatWasChangedIsNamed(t *testing.T) {
	w := examined(t, storetest.SQLite(t))
	d := &fieldwork.Desk{Book: w.book, Keys: w.keys, Blobs: w.blobs}
	if _, err := d.Commit(t.Context(), pete, "e", "AC-04", ""); err != nil {
		t.Fatal(err)
	}
	w.put(pete, "population", "t", `{"engagement":"e","name":"Tickets","control":"AC-04","sort":"events","source":"tracker","query":"all","from":"2026-01-01","to":"2026-06-30"}`)
	const list = "id,closed,team\nT-1,2026-01-02,a\nT-2,2026-02-03,b\nT-3,2026-06-30,a\n"
	if before, _ := w.body("population", "t"); true {
		if _, err := d.Salting(t.Context(), before); !fault.Is(err, fault.Conflict) {
			t.Errorf("the key is told before the list is there: %v", err)
		}
	}
	if _, err := d.Deliver(t.Context(), pete, "t", strings.NewReader(list), fieldwork.Delivery{Key: "id", At: "closed", Location: "team", Extractor: "the tracker", Extracted: w.now}); err != nil {
		t.Fatal(err)
	}
	honest := w.make()
	v := w.verify(honest)
	if !v.OK || !strings.Contains(v.Claims[3].Detail, "1 tables with the keys") {
		t.Fatalf("the honest file: %+v", v.Claims)
	}
	_, content := members(t, honest)
	table := "tables/" + named("t") + ".json"
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"another key": {resigned(t, w, honest, func(m map[string][]byte) {
			m[table] = bytes.Replace(m[table], []byte(`"salting":"`), []byte(`"salting":"00`), 1)
		}), "not the one that was committed to"},
		"no table": {resigned(t, w, honest, func(m map[string][]byte) { m[table] = []byte("{}") }), "cannot be read"},
	} {
		if v := w.verify(c.b); v.OK || v.Claims[3].OK || !strings.Contains(v.Claims[3].Detail, c.says) {
			t.Errorf("%s: %+v", name, v.Claims)
		}
	}
	// Whoever has the firm's key puts another list in the place of the one that was delivered.
	good, source := w.body("population", "t")
	for name, c := range map[string]struct{ list, says string }{
		"a row changed":  {strings.Replace(list, "T-2,2026-02-03", "T-2,2026-02-04", 1), `1 were changed or added, and 1 of those that were delivered are not there. Changed or added: "T-2".`},
		"a row left out": {strings.Replace(list, "T-3,2026-06-30,a\n", "", 1), "0 were changed or added, and 1 of those that were delivered are not there."},
		"a row more":     {list + "T-4,2026-06-30,b\n", `1 were changed or added, and 0 of those that were delivered are not there. Changed or added: "T-4".`},
	} {
		hash, _, err := w.blobs.Put(t.Context(), strings.NewReader(c.list), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		wrong := maps.Clone(good)
		wrong["file"] = hash.String()
		w.rewrite("population", "t", source, wrong)
		if v := w.verify(w.dishonest(content)); v.OK || v.Claims[3].OK || !strings.Contains(v.Claims[3].Detail, c.says) {
			t.Errorf("%s: %+v", name, v.Claims)
		}
	}
}

func fails(t *testing.T, w *world, name string, b []byte, claim int) {
	t.Helper()
	if v := w.verify(b); v.OK || len(v.Claims) <= claim || v.Claims[claim].OK {
		t.Errorf("%s is not seen by claim %d: %+v", name, claim, v.Claims)
	}
}

func text(w *world, kind, key, field string) string {
	b, _ := w.body(kind, key)
	return engagement.Text(b, field)
}

func members(t *testing.T, b []byte) (names []string, content map[string][]byte) {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	content = map[string][]byte{}
	for _, m := range a.Members {
		names = append(names, m.Name)
		if content[m.Name], err = a.All(m.Name, 1<<30); err != nil {
			t.Fatal(err)
		}
	}
	return names, content
}

// zipped writes members, one of them otherwise: with changed bytes, or these where nothing changed.
func zipped(t *testing.T, names []string, content map[string][]byte, other string, changed, otherwise []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := archive.NewWriter(&out)
	for _, n := range names {
		c := content[n]
		if n == other {
			if c = changed; bytes.Equal(c, content[n]) || c == nil {
				c = otherwise
			}
		}
		if err := w.Add(archive.Member{Name: n, CRC: archive.CRC(c), Size: int64(len(c)), Packed: int64(len(c))}, bytes.NewReader(c)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// resigned changes members and signs the manifest anew, as only who has the firm's key can.
func resigned(t *testing.T, w *world, b []byte, change func(map[string][]byte)) []byte {
	t.Helper()
	names, content := members(t, b)
	change(content)
	var man Manifest
	if err := json.Unmarshal(content[manifestName], &man); err != nil {
		t.Fatal(err)
	}
	man.Members, man.Versions = nil, bytes.Count(content[proofsName], []byte("\n"))
	var left []string
	for _, n := range names {
		c, ok := content[n]
		if !ok {
			continue
		}
		left = append(left, n)
		if n != manifestName && n != signName {
			sum := sha256.Sum256(c)
			man.Members = append(man.Members, Member{n, hex.EncodeToString(sum[:]), int64(len(c))})
		}
	}
	raw, err := json.Marshal(man)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	content[manifestName] = raw
	if content[signName], err = w.book.Log.Statement(Format + "\n" + hex.EncodeToString(sum[:]) + "\n"); err != nil {
		t.Fatal(err)
	}
	return zipped(t, left, content, "", nil, nil)
}
