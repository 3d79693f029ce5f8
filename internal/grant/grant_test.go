package grant

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/engagement"
	"tickmark/internal/exchange"
	"tickmark/internal/fault"
	"tickmark/internal/issue"
	"tickmark/internal/ledger"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

type who record.Actor

func (w who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor                             { return record.Actor(w) }

var ada, bob = who{User: "ada", Person: "ada", Name: "person:ada"}, who{User: "bob", Person: "bob", Name: "person:bob"}

func TestARestrictedReportGoesOnlyToWhomItMay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		dir := t.TempDir()
		log, err := ledger.Open(t.Context(), db, dir)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
		log.Clock = func() time.Time { now = now.Add(time.Second); return now }
		kinds, err := record.NewKinds(append(append(append(append(append(Kinds(), exchange.Kinds()...), engagement.Kinds()...), issue.Kinds()...), record.Builtin()...), person.Kind())...)
		if err != nil {
			t.Fatal(err)
		}
		book, err := record.OpenBook(t.Context(), log, kinds, func(p string, v []byte) string { return p })
		if err != nil {
			t.Fatal(err)
		}
		blobs, err := blob.OpenAt(filepath.Join(dir, "files"), "")
		if err != nil {
			t.Fatal(err)
		}
		d := &Desk{Book: book, Blobs: blobs}
		put := func(by record.Authority, c record.Change) error { _, err := book.Put(t.Context(), by, c); return err }
		write := func(by record.Authority, kind, key string, b map[string]any, source string) error {
			raw, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			return put(by, record.Change{Kind: kind, Key: key, Body: raw, Source: source})
		}
		for _, p := range []string{"ada", "bob"} {
			if err := write(ada, "person", p, map[string]any{"id": p, "name": p, "email": p + "@acme.example"}, ""); err != nil {
				t.Fatal(err)
			}
		}
		report, _, err := blobs.Put(t.Context(), bytes.NewReader(classic()), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		third, _, err := blobs.Put(t.Context(), bytes.NewReader(modern()), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for form, h := range map[string]string{issue.SOC2: report.String(), issue.SOC3: third.String()} {
			if err := write(record.Job("job:exchange"), exchange.FirmItem, "e.issued_report."+form, map[string]any{"engagement": "e", "sort": exchange.IssuedReport, "of": form, "title": "2026-1", "content": map[string]any{"form": form, "number": "2026-1", "dated": "2027-02-12"}, "sha256": h, "file_name": "x.pdf"}, "firm:e"); err != nil {
				t.Fatal(err)
			}
		}
		ask := func(key string, with map[string]any) map[string]any {
			b := map[string]any{"recipient": "Rita Reader", "company": "Customer Ltd", "email": "rita@customer.example", "class": "user_entity", "purpose": "Their yearly review.", "report": report.String(), "agreement": "filed as NDA 7", "agreed_on": "2027-01-10", "expires": "2027-03-31"}
			for k, v := range with {
				b[k] = v
			}
			if err := write(ada, Name, key, b, ""); err != nil {
				t.Fatal(err)
			}
			return b
		}
		act := func(by who, key, move string, said map[string]any) error {
			return put(by, record.Change{Kind: Name, Key: key, Move: move, Said: said})
		}
		if err := write(ada, Name, "unknown", map[string]any{"recipient": "R", "company": "C", "email": "r@c.example", "class": "user_entity", "purpose": "x", "report": strings.Repeat("a", 64)}, ""); !fault.Is(err, fault.Invalid) {
			t.Errorf("a report that nobody issued: %v", err)
		}
		for name, c := range map[string]struct {
			with  map[string]any
			words string
		}{
			"nobody that it may go to":     {map[string]any{"class": "other"}, "none of the parties"},
			"no agreement":                 {map[string]any{"agreement": "", "agreed_on": nil}, "No confidentiality agreement"},
			"an agreement that is to come": {map[string]any{"agreed_on": "2027-03-09"}, "has not come yet"},
			"no end":                       {map[string]any{"expires": nil}, "until when"},
			"an end that is over":          {map[string]any{"expires": "2027-02-28"}, "until when"},
		} {
			key := strings.ReplaceAll(name, " ", "-")
			b := map[string]any{}
			for k, v := range c.with {
				b[k] = v
			}
			full := map[string]any{"recipient": "R", "company": "C", "email": "r@c.example", "class": "user_entity", "purpose": "x", "report": report.String(), "agreement": "filed", "agreed_on": "2027-01-10", "expires": "2027-03-31"}
			for k, v := range b {
				if full[k] = v; v == nil || v == "" {
					delete(full, k)
				}
			}
			if err := write(ada, Name, key, full, ""); err != nil {
				t.Fatal(err)
			}
			if err := act(bob, key, "approve", nil); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%s: %v", name, err)
			}
		}
		ask("g", nil)
		if err := act(ada, "g", "approve", nil); !fault.Is(err, fault.Denied) {
			t.Errorf("approved by who asked: %v", err)
		}
		if _, err := d.Give(t.Context(), bob, "g"); !fault.Is(err, fault.Conflict) {
			t.Errorf("given before it was approved: %v", err)
		}
		if err := act(ada, "g", "ask_agreement", nil); err != nil {
			t.Fatal(err)
		}
		if err := act(bob, "g", "approve", nil); err != nil {
			t.Fatal(err)
		}
		secret, err := d.Give(t.Context(), bob, "g")
		if err != nil {
			t.Fatal(err)
		}
		open := func(secret string) ([]byte, error) {
			in, _, _, err := d.Open(t.Context(), secret, "192.0.2.1")
			if err != nil {
				return nil, err
			}
			defer in.Close()
			return io.ReadAll(in)
		}
		got, err := open(secret)
		v, _ := book.Get(t.Context(), Name, "g", 0)
		b, _ := engagement.Body(v)
		if err != nil || !bytes.Contains(got, []byte("Copy "+engagement.Text(b, "mark")+" for Rita Reader, Customer Ltd.")) || strings.Contains(string(v.Body), secret) {
			t.Errorf("the copy: %d bytes, %v, %s", len(got), err, v.Body)
		}
		downloads := func() (n int) {
			book.EachOpen(t.Context(), book.DB, DownloadName, func(record.Version) error { n++; return nil })
			return n
		}
		for _, s := range []string{"", "x", secret[1:]} {
			if _, err := open(s); !fault.Is(err, fault.NotFound) {
				t.Errorf("opened by %q: %v", s, err)
			}
		}
		if downloads() != 1 {
			t.Errorf("%d downloads are on record", downloads())
		}
		if err := act(bob, "g", "expire", nil); !fault.Is(err, fault.Denied) {
			t.Errorf("a person ends it as the calendar does: %v", err)
		}
		if err := put(record.Job("job:grant"), record.Change{Kind: Name, Key: "g", Move: "expire"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("ended before its last day is over: %v", err)
		}
		now = time.Date(2027, 4, 1, 0, 0, 1, 0, time.UTC)
		if _, err := open(secret); !fault.Is(err, fault.NotFound) {
			t.Errorf("opened after its last day: %v", err)
		}
		if err := put(record.Job("job:grant"), record.Change{Kind: Name, Key: "g", Move: "expire"}); err != nil {
			t.Fatal(err)
		}
		// Revoked, its link opens nothing.
		ask("h", map[string]any{"expires": "2027-12-31"})
		if err := act(bob, "h", "approve", nil); err != nil {
			t.Fatal(err)
		}
		if secret, err = d.Give(t.Context(), bob, "h"); err != nil {
			t.Fatal(err)
		}
		if err := act(bob, "h", "revoke", map[string]any{"reason": "No customer any more."}); err != nil {
			t.Fatal(err)
		}
		if _, err := open(secret); !fault.Is(err, fault.NotFound) {
			t.Errorf("opened after it was revoked: %v", err)
		}
		// A SOC 3 is for anybody.
		if err := write(ada, Name, "public", map[string]any{"recipient": "Anybody", "company": "The press", "email": "a@press.example", "class": "other", "purpose": "x", "report": third.String()}, ""); err != nil {
			t.Fatal(err)
		}
		if err := act(ada, "public", "approve", nil); err != nil {
			t.Errorf("a SOC 3 behind a gate: %v", err)
		}
		if _, err := d.Give(t.Context(), ada, "public"); err != nil {
			t.Errorf("a SOC 3 is not given: %v", err)
		}
	})
}
