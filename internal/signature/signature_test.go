package signature

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/opinion"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workpaper"
)

type who record.Actor

func (w who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor                             { return record.Actor(w) }

var paula, pete = who{User: "paula", Person: "paula", Name: "person:paula"}, who{User: "pete", Person: "pete", Name: "person:pete"}

const passphrase = "four words and more"

func TestAKeyOpensOnlyWithItsPassphrase(t *testing.T) {
	if _, _, err := NewKey("short"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a short passphrase: %v", err)
	}
	b, public, err := NewKey(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	private, err := OpenKey(b, passphrase)
	if err != nil || strings.Contains(string(b), string(private.Seed())) {
		t.Fatal(err)
	}
	if got, err := PublicOf(b); err != nil || got != public {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := OpenKey(b, passphrase+"!"); !fault.Is(err, fault.Denied) {
		t.Errorf("another passphrase: %v", err)
	}
	_, other, err := NewKey(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey([]byte(strings.Replace(string(b), public, other, 1)), passphrase); !fault.Is(err, fault.Denied) {
		t.Errorf("another public half: %v", err)
	}
	s := Sign(private, "e", "reviewed", "workpaper", "k", "h", "paula")
	if !Holds(public, s, "e", "reviewed", "workpaper", "k", "h", "paula") {
		t.Error("it does not hold")
	}
	for i := range 6 {
		said := []string{"e", "reviewed", "workpaper", "k", "h", "paula"}
		said[i] += "x"
		if Holds(public, s, said[0], said[1], said[2], said[3], said[4], said[5]) {
			t.Errorf("it holds over %v too", said)
		}
	}
	if Holds(other, s, "e", "reviewed", "workpaper", "k", "h", "paula") {
		t.Error("it holds by another key")
	}
}

func TestNobodySignsForAnother(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log, err := ledger.Open(t.Context(), db, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
		log.Clock = func() time.Time { now = now.Add(time.Second); return now }
		kinds, err := record.NewKinds(append(append(append(append(append(engagement.Kinds(), workpaper.Kinds()...), opinion.Kinds()...), record.Builtin()...), Kinds()...), person.Kind())...)
		if err != nil {
			t.Fatal(err)
		}
		book, err := record.OpenBook(t.Context(), log, kinds, func(p string, _ []byte) string { return p })
		if err != nil {
			t.Fatal(err)
		}
		try := func(by who, c record.Change) error {
			_, err := book.Put(t.Context(), by, c)
			return err
		}
		put := func(by who, kind, key, body string) {
			t.Helper()
			if err := try(by, record.Change{Kind: kind, Key: key, Body: json.RawMessage(body)}); err != nil {
				t.Fatalf("%s %s: %v", kind, key, err)
			}
		}
		for _, p := range []string{"paula", "pete"} {
			put(paula, "person", p, `{"id":"`+p+`","name":"`+p+`","email":"`+p+`@firm.example"}`)
		}
		put(paula, "engagement", "e", `{"id":"e","name":"E","company":"Acme","operator":"company","type":"type_1","categories":["security"],"system":"S","to":"2026-06-30","zone":"UTC","require_signatures":true,
			"team":[{"person":"paula","role":"partner","credential":"CPA"},{"person":"pete","role":"preparer","credential":"CPA"}],"firm":{"name":"F","licence":"1","jurisdiction":"NY","licensed_to":"2027-01-01","peer_reviewed":"2025-01-01","peer_review":"pass"}}`)
		for _, p := range []who{paula, pete} {
			put(p, "independence", p.Person, `{"engagement":"e","person":"`+p.Person+`","stage":"acceptance","interests":"None."}`)
			if err := try(p, record.Change{Kind: "independence", Key: p.Person, Move: "confirm"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := try(paula, record.Change{Kind: "engagement", Key: "e", Move: "accept", Said: map[string]any{"competence": "x", "integrity": "x", "letter": strings.Repeat("ab", 32), "sponsor": "x"}}); err != nil {
			t.Fatal(err)
		}
		put(pete, "workpaper", "w", `{"engagement":"e","reference":"R","control":"AC-03","objective":"x","design":"suitable","design_reason":"x","procedures":[{"sort":"inspection","text":"x","aim":"design"}]}`)
		if err := try(pete, record.Change{Kind: "workpaper", Key: "w", Move: "prepare"}); err != nil {
			t.Fatal(err)
		}
		keys := map[string]ed25519.PrivateKey{}
		for _, p := range []who{paula, pete} {
			b, public, err := NewKey(passphrase)
			if err != nil {
				t.Fatal(err)
			}
			if keys[p.Person], err = OpenKey(b, passphrase); err != nil {
				t.Fatal(err)
			}
			body := `{"person":"` + p.Person + `","key":"` + public + `"}`
			if err := try(map[string]who{"paula": pete, "pete": paula}[p.Person], record.Change{Kind: KeyName, Key: p.Person, Body: json.RawMessage(body)}); !fault.Is(err, fault.Denied) {
				t.Errorf("somebody else adds a key: %v", err)
			}
			put(p, KeyName, p.Person, body)
		}
		v, err := book.GetFrom(t.Context(), "workpaper", "w", "", 0, record.Auditor)
		if err != nil {
			t.Fatal(err)
		}
		sign := func(by who, with, key, act, kind, of, hash string) error {
			s := Sign(keys[with], "e", act, kind, of, hash, by.Person)
			raw, _ := json.Marshal(map[string]any{"engagement": "e", "act": act, "of_kind": kind, "of": of, "hash": hash, "person": by.Person, "key": key, "signature": s})
			return try(by, record.Change{Kind: Name, Body: raw})
		}
		h := Hash(v.Body)
		for name, c := range map[string]struct {
			want fault.Kind
			err  error
		}{
			"who did not prepare it":    {fault.Conflict, sign(paula, "paula", "paula", "prepared", "workpaper", "w", h)},
			"with another's key":        {fault.Denied, sign(pete, "paula", "paula", "prepared", "workpaper", "w", h)},
			"by another's private half": {fault.Invalid, sign(pete, "paula", "pete", "prepared", "workpaper", "w", h)},
			"over another version":      {fault.Conflict, sign(pete, "pete", "pete", "prepared", "workpaper", "w", strings.Repeat("0", 64))},
			"what is not signed so":     {fault.Invalid, sign(pete, "pete", "pete", "issued", "workpaper", "w", h)},
		} {
			if !fault.Is(c.err, c.want) {
				t.Errorf("%s: %v", name, c.err)
			}
		}
		review := record.Change{Kind: "workpaper", Key: "w", Move: "begin_review"}
		if err := try(paula, review); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "without that person's own signature") {
			t.Errorf("a paper that its preparer did not sign is reviewed, though signatures are required: %v", err)
		}
		if err := sign(pete, "pete", "pete", "prepared", "workpaper", "w", h); err != nil {
			t.Errorf("his own: %v", err)
		}
		if err := try(paula, record.Change{Kind: "person", Key: "strange", Body: json.RawMessage(`{"id":"strange","name":"Strange","email":"strange@firm.example"}`)}); err != nil {
			t.Fatal(err)
		}
		stranger := who{User: "strange", Person: "strange", Name: "person:strange"}
		if err := try(stranger, record.Change{Kind: KeyName, Key: "pete", Move: "revoke", Said: map[string]any{"revoked_reason": "x"}}); !fault.Is(err, fault.Denied) {
			t.Errorf("somebody who leads no engagement of his revokes it: %v", err)
		}
		if err := try(paula, record.Change{Kind: KeyName, Key: "pete", Move: "revoke"}); err == nil {
			t.Error("revoked without a reason")
		}
		if err := try(paula, record.Change{Kind: KeyName, Key: "pete", Move: "revoke", Said: map[string]any{"revoked_reason": "Lost."}}); err != nil {
			t.Fatal(err)
		}
		if err := sign(pete, "pete", "pete", "prepared", "workpaper", "w", h); !fault.Is(err, fault.Denied) {
			t.Errorf("with a revoked key: %v", err)
		}
		if err := try(paula, review); err != nil { // what was signed before the key was revoked stands
			t.Errorf("a signed paper is not reviewed: %v", err)
		}
		if v, err := Verify(t.Context(), book); err != nil || v.Signatures != 1 {
			t.Errorf("%+v, %v", v, err)
		}
		// Whoever goes past the rules is found by looking again.
		wild := kind()
		wild.Check = nil
		list := append(append(append(append(append(engagement.Kinds(), workpaper.Kinds()...), opinion.Kinds()...), record.Builtin()...), keyKind(), wild), person.Kind())
		kinds, err = record.NewKinds(list...)
		if err != nil {
			t.Fatal(err)
		}
		loose, err := record.OpenBook(t.Context(), log, kinds, func(p string, _ []byte) string { return p })
		if err != nil {
			t.Fatal(err)
		}
		forged := func(words string, b map[string]any) {
			t.Helper()
			raw, _ := json.Marshal(b)
			if _, err := loose.Put(t.Context(), paula, record.Change{Kind: Name, Key: "forged", Body: raw}); err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(t.Context(), loose); err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("a forged signature: %v, want %q", err, words)
			}
		}
		other := strings.Repeat("ab", 32)
		b := map[string]any{"engagement": "e", "act": "prepared", "of_kind": "workpaper", "of": "w", "hash": h, "person": "paula", "key": "paula", "signature": Sign(keys["pete"], "e", "prepared", "workpaper", "w", h, "paula")}
		forged("not that of its key", b)
		b["hash"], b["signature"] = other, Sign(keys["paula"], "e", "prepared", "workpaper", "w", other, "paula")
		forged("no version of that record", b)
		b["key"] = "pete"
		forged("its key is one of pete", b)
		b["person"], b["hash"], b["signature"] = "pete", h, Sign(keys["pete"], "e", "prepared", "workpaper", "w", h, "pete")
		forged("was revoked before", b)
	})
}
