package engagement_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/access"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// who is a person to whom access has granted everything; the kinds' own rules say the rest.
type who string

func (who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor {
	return record.Actor{User: string(w), Person: string(w), Name: "person:" + string(w)}
}

type room struct {
	*testing.T
	book *record.Book
	gate *access.Gate
	body map[string]any
}

func openRoom(t *testing.T, db *store.DB) *room {
	dir := t.TempDir()
	log, err := ledger.Open(t.Context(), db, dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.Open(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := record.NewKinds(slices.Concat(engagement.Kinds(), record.Builtin(), []record.Kind{person.Kind(), access.Kind()})...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, kinds, keys.Digest)
	if err != nil {
		t.Fatal(err)
	}
	gate, err := access.Open(access.Options{Book: book, Log: log, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	r := &room{T: t, book: book, gate: gate, body: map[string]any{"id": "e", "name": "E", "company": "Acme", "operator": "company", "type": "type_2", "categories": []string{"security"}, "system": "S",
		"from": "2026-01-01", "to": "2026-06-30", "zone": "UTC", "firm": map[string]any{"name": "F"},
		"team": []map[string]any{{"person": "paula", "role": "partner", "credential": "CPA"}, {"person": "quinn", "role": "quality_reviewer", "credential": "CPA"}}}}
	for _, p := range []string{"paula", "quinn", "cleo", "carl"} {
		r.do(r.put("paula", "person", p, map[string]any{"id": p, "name": p, "email": p + "@example.org"}))
	}
	if _, err := gate.FirstUser(t.Context(), access.NewUser{Name: "Olga", Email: "olga@example.org"}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *room) put(by who, kind, key string, body map[string]any) error {
	raw, err := json.Marshal(body)
	if err == nil {
		_, err = r.book.Put(r.Context(), by, record.Change{Kind: kind, Key: key, Body: raw})
	}
	return err
}

func (r *room) contacts(people ...string) error {
	r.body["contacts"] = people
	return r.put("paula", "engagement", "e", r.body)
}

func (r *room) do(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *room) refused(err error, says string) {
	r.Helper()
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), says) {
		r.Errorf("it is not refused with %q: %v", says, err)
	}
}

func (r *room) owner() access.Session {
	r.Helper()
	s, err := r.gate.Local(r.Context(), "root")
	r.do(err)
	return s
}

func (r *room) user(key, person string, roles ...access.Role) error {
	_, err := r.gate.CreateUser(r.Context(), r.owner(), access.NewUser{Key: key, Name: key, Email: key + "@example.org", Person: person, Roles: roles})
	return err
}

func TestNobodyAnswersForTheCompanyAndReadsThePapers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r, ctx := openRoom(t, db), t.Context()
		const reads, answers = "reads the firm's papers", "answers for the company in the engagement e"

		r.do(r.user("cleo", "cleo", access.Auditor))
		r.refused(r.contacts("cleo"), reads) // proposed with such a contact
		r.do(r.contacts("carl"))
		r.refused(r.contacts("carl", "cleo"), reads)
		r.do(r.user("cleo-too", "cleo", access.Employee)) // another account of that person does not read papers, and yet she does
		r.refused(r.contacts("carl", "cleo"), reads)

		if _, err := r.gate.SetDisabled(ctx, r.owner(), "cleo", true, "left"); err != nil {
			t.Fatal(err)
		}
		r.do(r.contacts("carl", "cleo"))
		_, err := r.gate.SetDisabled(ctx, r.owner(), "cleo", false, "back")
		r.refused(err, answers)

		r.refused(r.user("carl", "carl", access.Auditor), answers)
		r.do(r.user("carl", "carl", access.Employee))
		_, err = r.gate.SetRoles(ctx, r.owner(), "carl", []access.Role{access.Employee, access.Auditor}, "to look in")
		r.refused(err, answers)
		r.do(r.user("visitor", "", access.Auditor))
		_, err = r.gate.SetPerson(ctx, r.owner(), "visitor", "carl", "it is he")
		r.refused(err, answers)

		r.do(r.contacts("carl"))
		if _, err := r.gate.SetDisabled(ctx, r.owner(), "cleo", false, "back"); err != nil {
			t.Errorf("she answers nothing any more: %v", err)
		}

		_, err = r.book.Put(ctx, who("paula"), record.Change{Kind: "engagement", Key: "e", Move: "decline", Said: map[string]any{"ended_reason": "no time"}})
		r.do(err)
		if _, err := r.gate.SetPerson(ctx, r.owner(), "visitor", "carl", "it is he"); err != nil {
			t.Errorf("nobody answers in what was declined: %v", err)
		}
		v, err := r.book.GetFrom(ctx, "engagement", "e", record.Program, 0, record.Auditor)
		r.do(err)
		body, err := engagement.Body(v)
		r.do(err)
		if s := engagement.Sight(body, who("carl").Actor()); s != record.Hidden {
			t.Errorf("who answered in it sees what was declined: %v", s)
		}
	})
}
