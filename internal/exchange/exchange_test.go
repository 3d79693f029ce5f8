package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/control"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/framework"
	"tickmark/internal/issue"
	"tickmark/internal/ledger"
	"tickmark/internal/opinion"
	"tickmark/internal/person"
	"tickmark/internal/population"
	"tickmark/internal/record"
	"tickmark/internal/report/archive"
	"tickmark/internal/request"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workpaper"
)

type who record.Actor

func (w who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor                             { return record.Actor(w) }

var paula = who{User: "paula", Person: "paula", Name: "person:paula"}

// planted stands in everything that the firm keeps to itself.
const planted = "SECRET"

func office(t *testing.T, db *store.DB, firm bool) *Office {
	t.Helper()
	dir := t.TempDir()
	log, err := ledger.Open(t.Context(), db, dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 7, 10, 9, 0, 0, 0, time.UTC)
	log.Clock = func() time.Time { now = now.Add(time.Second); return now }
	keys, err := secret.Open(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.OpenAt(filepath.Join(dir, "files"), "")
	if err != nil {
		t.Fatal(err)
	}
	list := append(append(append(append(engagement.Kinds(), workpaper.Kinds()...), opinion.Kinds()...), record.Builtin()...), person.Kind(), control.Kind(), framework.Kind(), population.Kind())
	list = append(append(list, request.Kinds()...), issue.Kinds()...)
	kinds, err := record.NewKinds(append(list, Kinds()...)...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, kinds, keys.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return &Office{Book: book, Keys: keys, Blobs: blobs, Firm: firm}
}

// tell puts what the firm has on record: some of it for the company, and secrets in everything else.
func fill(t *testing.T, o *Office) {
	t.Helper()
	o.write(t, "person", "paula", `{"id":"paula","name":"paula","email":"paula@firm.example"}`)
	o.write(t, "engagement", "e", `{"id":"e","name":"E","company":"Acme","operator":"company","type":"type_2","categories":["security"],"system":"S","from":"2026-01-01","to":"2026-06-30","zone":"UTC","materiality":"SECRET",
		"team":[{"person":"paula","role":"partner","credential":"SECRET"}],"firm":{"name":"F","licence":"1","jurisdiction":"NY","licensed_to":"2027-01-01","peer_reviewed":"2025-01-01","peer_review":"pass"}}`)
	o.write(t, "independence", "paula", `{"engagement":"e","person":"paula","stage":"acceptance","interests":"SECRET"}`)
	o.act(t, "independence", "paula", "confirm", nil)
	o.act(t, "engagement", "e", "accept", map[string]any{"competence": planted, "integrity": planted, "letter": strings.Repeat("ab", 32), "sponsor": planted})
	d := o.desk()
	for _, c := range []string{"AC-03", "AC-04"} {
		p := "list-" + c
		o.write(t, "workpaper", c, `{"engagement":"e","reference":"`+c+`-1","control":"`+c+`","objective":"SECRET","risk":"high","risk_reason":"SECRET","attributes":[{"id":"A","text":"SECRET","deviation":"SECRET","decided_by":"person"}]}`)
		if _, err := d.Commit(t.Context(), paula, "e", c, ""); err != nil {
			t.Fatal(err)
		}
		o.write(t, "population", p, `{"engagement":"e","name":"Leavers","control":"`+c+`","sort":"events","source":"people system","query":"end between","from":"2026-01-01","to":"2026-06-30"}`)
		var b strings.Builder
		b.WriteString("id,left\n")
		for i := range 60 {
			fmt.Fprintf(&b, "L%02d,%s\n", i, time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
		}
		if _, err := d.Deliver(t.Context(), paula, p, strings.NewReader(b.String()), fieldwork.Delivery{Key: "id", At: "left", Extractor: planted, Extracted: time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC), Complete: true}); err != nil {
			t.Fatal(err)
		}
		o.act(t, "population", p, "evaluate", map[string]any{"completeness": planted, "accuracy": planted, "logic": planted, "reliable": "yes"})
		o.act(t, "population", p, "freeze", nil)
		o.write(t, "sample", "s-"+c, `{"engagement":"e","name":"S","control":"`+c+`","population":"`+p+`","method":"random","size":26,"size_reason":"SECRET","reserves":2}`)
		if _, err := d.Draw(t.Context(), paula, "s-"+c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Release(t.Context(), paula, "s-AC-03"); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"told", "asked", "fraud"} {
		o.write(t, "deviation", v, `{"engagement":"e","name":"`+map[bool]string{true: "Late", false: planted}[v == "told"]+`","control":"AC-03","sort":"late","facts":"`+map[bool]string{true: "Nine days.", false: planted}[v == "told"]+`"}`)
	}
	o.act(t, "deviation", "told", "confirm_facts", map[string]any{"confirmed": planted})
	o.act(t, "deviation", "told", "assess", map[string]any{"cause": planted, "cause_sort": "isolated", "episode": planted, "by_design": "no", "harm": planted})
	o.act(t, "deviation", "fraud", "suspect", map[string]any{"fraud": planted})
	o.act(t, "deviation", "fraud", "answer", map[string]any{"fraud_risk": planted, "fraud_evidence": planted, "fraud_representations": planted, "fraud_communication": planted, "fraud_withdrawal": planted})
}

func (o *Office) desk() *fieldwork.Desk {
	return &fieldwork.Desk{Book: o.Book, Keys: o.Keys, Blobs: o.Blobs}
}

func (o *Office) write(t *testing.T, kind, key, body string) {
	t.Helper()
	if _, err := o.Book.Put(t.Context(), paula, record.Change{Kind: kind, Key: key, Body: json.RawMessage(body)}); err != nil {
		t.Fatal(err)
	}
}

func (o *Office) act(t *testing.T, kind, key, move string, said map[string]any) {
	t.Helper()
	if _, err := o.Book.Put(t.Context(), paula, record.Change{Kind: kind, Key: key, Move: move, Said: said}); err != nil {
		t.Fatal(err)
	}
}

// joined are a company and a firm that compared their keys.
func joined(t *testing.T, db func() *store.DB, address string) (company, firm *Office) {
	t.Helper()
	company, firm = office(t, db(), false), office(t, db(), true)
	fill(t, firm)
	in, err := company.Invite(t.Context(), paula, "e", "Acme", "F", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := firm.Accept(t.Context(), paula, in, Fingerprint(firm.Book.Log.VKey)); !fault.Is(err, fault.Conflict) {
		t.Errorf("accepted without the fingerprint of the company's key: %v", err)
	}
	out, err := firm.Accept(t.Context(), paula, in, strings.ToUpper(Fingerprint(company.Book.Log.VKey)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := company.Hand(t.Context(), paula, "e", Deliver{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("sent before the firm's key was confirmed: %v", err)
	}
	if _, err := company.Confirm(t.Context(), paula, out, ""); !fault.Is(err, fault.Conflict) {
		t.Errorf("confirmed without a fingerprint: %v", err)
	}
	if _, err := company.Confirm(t.Context(), paula, out, Fingerprint(firm.Book.Log.VKey)); err != nil {
		t.Fatal(err)
	}
	return company, firm
}

func bytesOf(t *testing.T, o *Office, n int) []byte {
	t.Helper()
	r, _, err := o.Fetch(t.Context(), "e", n)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (o *Office) takes(t *testing.T, b []byte) (Taken, error) {
	t.Helper()
	return o.Take(t.Context(), paula, "e", bytes.NewReader(b), int64(len(b)))
}

func (o *Office) size(t *testing.T) int64 {
	t.Helper()
	h, err := o.Book.Log.Head(t.Context(), o.Book.DB)
	if err != nil {
		t.Fatal(err)
	}
	return h.Size
}

func (o *Office) count(t *testing.T, kind string) (n int) {
	t.Helper()
	if err := o.Book.EachOpen(t.Context(), o.Book.DB, kind, func(record.Version) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheFirmTellsOnlyWhatTheCompanyIsToKnow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		company, firm := joined(t, func() *store.DB {
			if d := db; d != nil {
				db = nil
				return d
			}
			return storetest.SQLite(t)
		}, "")
		sent, err := firm.Tell(t.Context(), paula, "e", "")
		if err != nil {
			t.Fatal(err)
		}
		b := bytesOf(t, firm, 1)
		unsent := firm.body(t, "sample", "s-AC-04")
		for _, secret := range []string{planted, engagement.Text(unsent, "seed"), "sealed", "size", "reserves", "risk", "s-AC-04", "fraud", "targeted", "completeness", "root", "authors", "_by"} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("the parcel holds %q: %s", secret, b)
			}
		}
		if _, err := firm.Tell(t.Context(), paula, "e", ""); !fault.Is(err, fault.Conflict) {
			t.Errorf("told again what was told: %v", err)
		}
		taken, err := company.takes(t, b)
		if err != nil || taken.Items != sent.Items || taken.Items != 6 {
			t.Fatalf("%+v of %+v, %v", taken, sent, err)
		}
		v, err := company.Book.GetFrom(t.Context(), FirmItem, ItemKey("e", ReleasedSample, "s-AC-03"), "firm:e", 0, record.Company)
		if err != nil || v.Origin != record.Forwarded || !bytes.Contains(v.Body, []byte(`"seed"`)) || !bytes.Contains(v.Body, []byte(`"L`)) {
			t.Errorf("the sample as the company has it: %+v, %v", v, err)
		}
		if _, err := company.Book.Put(t.Context(), paula, record.Change{Kind: FirmItem, Key: v.Key, Source: v.Source, Body: v.Body}); !fault.Is(err, fault.Denied) {
			t.Errorf("somebody writes what the firm told: %v", err)
		}
		size := company.size(t)
		if again, err := company.takes(t, b); err != nil || !again.Again || company.size(t) != size {
			t.Errorf("taken twice: %+v, %v", again, err)
		}
		// Later only what is new goes, as another version of what was told.
		firm.act(t, "deviation", "asked", "confirm_facts", map[string]any{"confirmed": "x"})
		if sent, err = firm.Tell(t.Context(), paula, "e", ""); err != nil || sent.Items != 1 || sent.Number != 2 {
			t.Errorf("%+v, %v", sent, err)
		}
		if _, err := company.takes(t, bytesOf(t, firm, 2)); err != nil {
			t.Error(err)
		}
	})
}

// TestNoOtherFieldIsEverTold holds every declared field of every kind that is told of against the list.
func TestNoOtherFieldIsEverTold(t *testing.T) {
	kinds, err := record.NewKinds(append(append(append(append(append(engagement.Kinds(), workpaper.Kinds()...), request.Kinds()...), issue.Kinds()...), record.Builtin()...), person.Kind())...)
	if err != nil {
		t.Fatal(err)
	}
	never := []string{"sealed", "size", "size_reason", "reserves", "targeted", "picked", "runs", "replaced", "tested", "extends_reason", "completeness", "accuracy", "logic", "reliable", "explained", "cause", "cause_sort", "episode",
		"harm", "disposition", "disposition_reason", "factors", "covered_by", "doubt", "fraud", "fraud_risk", "fraud_evidence", "fraud_withdrawal", "suspected", "superseded_reason", "voided_reason", "authors", "again", "by_design", "attributes", "sample", "contact", "obtained_how", "files", "answers"}
	for _, s := range told() {
		k, err := kinds.Named(s.kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range s.fields {
			d, ok := k.FieldNamed(f)
			if !ok || d.Type == record.Object || d.Type == record.JSON || d.Refers == "person" || slices.Contains(never, f) {
				t.Errorf("%s tells the field %s of %s, which is none of its to tell", s.sort, f, s.kind)
			}
		}
		for _, state := range []string{"designed", "drawn", "voided", "identified", "doubted", "suspected_fraud", "not_a_deviation", "draft", "imported"} {
			if slices.Contains(s.states, state) {
				t.Errorf("%s tells of what is %s", s.sort, state)
			}
		}
	}
	c := &Office{}
	for name, i := range map[string]Item{
		"a paper":              {Sort: "workpaper", Key: "x", Content: json.RawMessage(`{}`)},
		"the company's sort":   {Sort: CompanyRecord, Key: "x", Content: json.RawMessage(`{}`)},
		"a rating":             {Sort: PopulationRequest, Key: "x", Content: json.RawMessage(`{"name":"x","risk":"high"}`)},
		"a size":               {Sort: ReleasedSample, Key: "x", Content: json.RawMessage(`{"size":5}`)},
		"a paper's attribute":  {Sort: EvidenceRequest, Key: "x", Content: json.RawMessage(`{"attributes":["A"]}`)},
		"more of an item":      {Sort: EvidenceRequest, Key: "x", Content: json.RawMessage(`{"items":[{"item":"1","targeted":true}]}`)},
		"the company's answer": {Sort: AnswerGiven, Key: "x", Content: json.RawMessage(`{}`)},
		"no object":            {Sort: ReleasedSample, Key: "x", Content: json.RawMessage(`[1]`)},
	} {
		if no, ok := refusal(c.speaks(Parcel{From: Firm, Items: []Item{i}}, "")); !ok || no.Why != WhyContent {
			t.Errorf("%s was taken", name)
		}
	}
}

func (o *Office) body(t *testing.T, kind, key string) map[string]any {
	t.Helper()
	v, err := o.Book.GetFrom(t.Context(), kind, key, "", 0, record.Auditor)
	if err != nil {
		t.Fatal(err)
	}
	b, err := engagement.Body(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// forged writes a parcel as somebody else might, signed by an office.
func forged(t *testing.T, o *Office, p Parcel) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := p.write(&b, o.Book.Log, o.Blobs); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestARefusedParcelChangesNothing(t *testing.T) {
	company, firm := joined(t, func() *store.DB { return storetest.SQLite(t) }, "")
	if _, err := firm.Tell(t.Context(), paula, "e", ""); err != nil {
		t.Fatal(err)
	}
	b := bytesOf(t, firm, 1)
	first, err := open(bytes.NewReader(b), int64(len(b)), firm.Book.Log.VKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := company.takes(t, b); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*Parcel)) Parcel {
		p := Parcel{Format: Format, Engagement: "e", From: Firm, Number: 2, Previous: first.hash, Made: first.Made, Items: []Item{{Sort: NonceCommitment, Key: "n", Title: "n", Content: json.RawMessage(`{"control":"AC-09"}`)}}}
		change(&p)
		return p
	}
	told, cases := company.count(t, FirmItem), 0
	for name, c := range map[string]struct {
		why string
		b   []byte
	}{
		"signed by the company itself":  {WhySignature, forged(t, company, with(func(*Parcel) {}))},
		"of another engagement":         {WhyForeign, forged(t, firm, with(func(p *Parcel) { p.Engagement = "f" }))},
		"from the wrong side":           {WhyForeign, forged(t, firm, with(func(p *Parcel) { p.From = Company }))},
		"one missing":                   {WhyGap, forged(t, firm, with(func(p *Parcel) { p.Number = 3 }))},
		"several missing":               {WhyGap, forged(t, firm, with(func(p *Parcel) { p.Number = 9 }))},
		"number nought":                 {WhyBroken, forged(t, firm, with(func(p *Parcel) { p.Number = 0 }))},
		"another first":                 {WhyChain, forged(t, firm, with(func(p *Parcel) { p.Number, p.Previous = 1, "" }))},
		"after another":                 {WhyChain, forged(t, firm, with(func(p *Parcel) { p.Previous = strings.Repeat("0", 64) }))},
		"a rating":                      {WhyContent, forged(t, firm, with(func(p *Parcel) { p.Items[0].Content = json.RawMessage(`{"risk":"high"}`) }))},
		"another format":                {WhyBroken, forged(t, firm, with(func(p *Parcel) { p.Format = "tickmark parcel v2" }))},
		"the same thing twice":          {WhyBroken, forged(t, firm, with(func(p *Parcel) { p.Items = append(p.Items, p.Items[0]) }))},
		"a file that is not in it":      {WhyBroken, forged(t, firm, with(func(p *Parcel) { p.Items[0].File = strings.Repeat("a", 64) }))},
		"broken off":                    {WhyBroken, forged(t, firm, with(func(*Parcel) {}))[:300]},
		"a byte of its content":         {WhyBroken, changed(forged(t, firm, with(func(*Parcel) {})), "AC-09", "AC-08")},
		"content and checksums":         {WhySignature, retold(t, forged(t, firm, with(func(*Parcel) {})), kept, "AC-09", "AC-08")},
		"a signature of another parcel": {WhySignature, swapped(t, forged(t, firm, with(func(*Parcel) {})), b)},
		"a member that nothing names":   {WhyBroken, added(t, forged(t, firm, with(func(*Parcel) {})), "files/x", "x")},
		"no parcel at all":              {WhyBroken, []byte("hello")},
	} {
		cases++
		_, err := company.takes(t, c.b)
		if no, ok := refusal(err); !ok || no.Why != c.why || !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v, want a refusal named %s", name, err, c.why)
		}
		if items := company.count(t, FirmItem); items != told {
			t.Fatalf("%s: something of it was kept", name)
		}
		if _, err := company.takes(t, c.b); err == nil {
			t.Fatalf("%s: taken the second time", name)
		}
	}
	list, err := company.Parcels(t.Context(), paula, "e")
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, l := range list {
		if l.Direction == "refused" && l.Why != "" && strings.HasSuffix(strings.TrimSpace(l.Detail), ".") && l.By == "person:paula" {
			refused++
		}
	}
	if refused != cases {
		t.Errorf("%d of %d refusals are noted, each once: %+v", refused, cases, list)
	}
	if _, err := company.takes(t, forged(t, firm, with(func(p *Parcel) { p.Number = 9 }))); err == nil || !strings.Contains(err.Error(), "parcels 2 to 8 are missing") {
		t.Errorf("the gap is not named: %v", err)
	}
	if _, err := company.takes(t, forged(t, firm, with(func(*Parcel) {}))); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

// changed replaces some bytes by as many others.
func changed(b []byte, old, new string) []byte {
	return bytes.Replace(bytes.Clone(b), []byte(old), []byte(new), 1)
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

func zipped(t *testing.T, names []string, content map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := archive.NewWriter(&out)
	for _, n := range names {
		c := content[n]
		if err := w.Add(archive.Member{Name: n, CRC: archive.CRC(c), Size: int64(len(c)), Packed: int64(len(c))}, bytes.NewReader(c)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func retold(t *testing.T, b []byte, name, old, new string) []byte {
	names, content := members(t, b)
	content[name] = changed(content[name], old, new)
	return zipped(t, names, content)
}

func swapped(t *testing.T, b, from []byte) []byte {
	names, content := members(t, b)
	_, other := members(t, from)
	content[signature] = other[signature]
	return zipped(t, names, content)
}

func added(t *testing.T, b []byte, name, text string) []byte {
	names, content := members(t, b)
	content[name] = []byte(text)
	return zipped(t, append(names, name), content)
}

func TestTheCompanyHandsOverRecordsWithTheirProofsAndFiles(t *testing.T) {
	company, firm := joined(t, func() *store.DB { return storetest.SQLite(t) }, "")
	company.write(t, "person", "ada", `{"id":"ada","name":"Ada","email":"ada@acme.example"}`)
	path := filepath.Join(t.TempDir(), "leavers.jsonl")
	if err := os.WriteFile(path, []byte("the list"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"user", FirmLink, "workpaper", CompanyItem} {
		if _, err := company.Hand(t.Context(), paula, "e", Deliver{Kinds: []string{kind}}); err == nil {
			t.Errorf("%s are handed over", kind)
		}
	}
	d := Deliver{Records: []string{"person/ada"}, Populations: map[string]string{"list-AC-03": path}}
	if _, err := company.Hand(t.Context(), paula, "e", d); err != nil {
		t.Fatal(err)
	}
	if _, err := company.Hand(t.Context(), paula, "e", d); !fault.Is(err, fault.Conflict) {
		t.Errorf("the same again: %v", err)
	}
	b := bytesOf(t, company, 1)
	names, _ := members(t, b)
	if _, err := firm.takes(t, retold(t, b, names[len(names)-1], "the list", "the lust")); err == nil || !strings.Contains(err.Error(), "another content") {
		t.Errorf("a file of another content: %v", err)
	}
	if _, err := firm.takes(t, b); err != nil {
		t.Fatal(err)
	}
	of := func(sort, key string) map[string]any { return firm.body(t, CompanyItem, ItemKey("e", sort, key)) }
	content, err := json.Marshal(of(CompanyRecord, "person/ada")["content"])
	if err != nil || !bytes.Contains(content, []byte("ada@acme.example")) {
		t.Fatalf("%s, %v", content, err)
	}
	whole := Item{Sort: CompanyRecord, Key: "person/ada", Content: content}
	if err := proved(whole, company.Book.Log.VKey); err != nil {
		t.Errorf("what was taken is not proved: %v", err)
	}
	for name, c := range map[string]struct {
		i   Item
		key string
	}{
		"by another key":    {whole, firm.Book.Log.VKey},
		"another body":      {Item{CompanyRecord, "person/ada", "", changed(content, "ada@acme.example", "eve@acme.example"), "", ""}, company.Book.Log.VKey},
		"under another key": {Item{CompanyRecord, "person/eve", "", content, "", ""}, company.Book.Log.VKey},
		"without proof":     {Item{CompanyRecord, "person/ada", "", []byte(`{"kind":"person","key":"ada","body":{}}`), "", ""}, company.Book.Log.VKey},
	} {
		if no, ok := refusal(proved(c.i, c.key)); !ok || no.Why != WhyContent {
			t.Errorf("a record %s: %v", name, proved(c.i, c.key))
		}
	}
	r, _, err := firm.FileOf(t.Context(), paula, "e", PopulationList, "list-AC-03")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); string(b) != "the list" || err != nil {
		t.Errorf("the list is %q, %v", b, err)
	}
	// The company's items are of the engagement, and seen by its team alone.
	firm.Book.Reader = func(context.Context) (record.Actor, bool) { return record.Actor{User: "pete", Person: "pete"}, true }
	if _, err := firm.Book.GetFrom(t.Context(), CompanyItem, ItemKey("e", CompanyRecord, "person/ada"), "", 0, record.Auditor); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else sees what the company handed over: %v", err)
	}
	if _, err := firm.Tell(t.Context(), who{User: "pete", Person: "pete"}, "e", ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else sends parcels: %v", err)
	}
}

func TestPendingPartsAreGoneOnWithOverHTTPS(t *testing.T) {
	var h http.Handler
	cut := -1 // after how many bytes the next answer or request breaks off
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cut >= 0 && r.Method == "GET" && r.URL.Path != Path {
			n := cut
			cut = -1
			h.ServeHTTP(&short{w, n}, r)
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	company, firm := joined(t, func() *store.DB { return storetest.SQLite(t) }, server.URL)
	desk := &Desk{Office: *company, Dir: t.TempDir()}
	h = desk.Handler()
	dir := t.TempDir()
	big := filepath.Join(t.TempDir(), "big.bin")
	if err := os.WriteFile(big, bytes.Repeat([]byte("0123456789abcdef"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := company.Hand(t.Context(), paula, "e", Deliver{Files: map[string]string{"big": big}}); err != nil {
		t.Fatal(err)
	}
	if _, err := firm.Tell(t.Context(), paula, "e", ""); err != nil {
		t.Fatal(err)
	}
	cut = 1 << 20
	s, err := firm.Sync(t.Context(), paula, server.Client(), "e", dir)
	if err == nil || !slices.Equal(s.Sent, []int{1}) || len(s.Fetched) != 0 {
		t.Fatalf("an answer that breaks off: %+v, %v", s, err)
	}
	parts, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(parts) != 1 {
		t.Fatalf("what arrived is not kept: %v", parts)
	}
	if info, err := os.Stat(parts[0]); err != nil || info.Size() == 0 || info.Size() > 1<<20 {
		t.Fatalf("what arrived is not kept: %v %v", info, err)
	}
	if s, err = firm.Sync(t.Context(), paula, server.Client(), "e", dir); err != nil || len(s.Sent) != 0 || !slices.Equal(s.Fetched, []int{1}) {
		t.Fatalf("the repair: %+v, %v", s, err)
	}
	if s, err = firm.Sync(t.Context(), paula, server.Client(), "e", dir); err != nil || len(s.Sent)+len(s.Fetched) != 0 {
		t.Errorf("once more: %+v, %v", s, err)
	}
	// A parcel of several parts, of which the first arrived before.
	c := &caller{server.Client(), server.URL + Path, tokenOf(t, firm)}
	firm.act(t, "deviation", "asked", "confirm_facts", map[string]any{"confirmed": "x"})
	if _, err := firm.Tell(t.Context(), paula, "e", ""); err != nil {
		t.Fatal(err)
	}
	b := bytesOf(t, firm, 2)
	hash := sum(b)
	if got, err := c.part(t.Context(), hash, 0, int64(len(b)), b[:100]); err != nil || got.Received != 100 || got.Parcel != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := c.part(t.Context(), hash, 200, int64(len(b)), b[200:]); err == nil || !strings.Contains(err.Error(), "100 bytes") {
		t.Errorf("a part after a gap: %v", err)
	}
	if s, err := firm.Sync(t.Context(), paula, server.Client(), "e", dir); err != nil || !slices.Equal(s.Sent, []int{2}) {
		t.Errorf("%+v, %v", s, err)
	}
	if got, err := c.part(t.Context(), hash, 0, int64(len(b)), b); err != nil || got.Parcel == nil || !got.Parcel.Again {
		t.Errorf("the same parcel again: %+v, %v", got, err)
	}
	if _, err := c.part(t.Context(), hash, 0, MaxParcel+1, b[:1]); err == nil {
		t.Error("a parcel that is too large is taken")
	}
	left, _ := filepath.Glob(filepath.Join(desk.Dir, "*"))
	if len(left) != 0 {
		t.Errorf("parts are left: %v", left)
	}
	for _, token := range []string{"", "parcels_x", c.token + "x"} {
		no := &caller{server.Client(), server.URL + Path, token}
		if _, err := no.standing(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "sign-in") {
			t.Errorf("with the token %q: %v", token, err)
		}
		if err := no.get(t.Context(), 1, 0, io.Discard); err == nil {
			t.Errorf("a parcel is handed to the token %q", token)
		}
	}
	// A new invitation ends the token of the one before.
	if _, err := company.Invite(t.Context(), paula, "e", "Acme", "F", server.URL); err != nil {
		t.Fatal(err)
	}
	if _, err := c.standing(t.Context(), ""); err == nil {
		t.Error("the token of the invitation before still works")
	}
	for _, address := range []string{"http://example.org", "ftp://localhost", "nonsense"} {
		if _, err := firm.caller(server.Client(), Link{Address: address}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

type short struct {
	http.ResponseWriter
	left int
}

func (s *short) Write(b []byte) (int, error) {
	n := min(len(b), s.left)
	s.left -= n
	if _, err := s.ResponseWriter.Write(b[:n]); err != nil {
		return 0, err
	}
	if n < len(b) {
		s.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

func tokenOf(t *testing.T, firm *Office) string {
	t.Helper()
	l, err := firm.link(t.Context(), "e")
	if err != nil {
		t.Fatal(err)
	}
	c, err := firm.caller(http.DefaultClient, l)
	if err != nil {
		t.Fatal(err)
	}
	return c.token
}
