package policy_test

import (
	"strings"
	"testing"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func TestAProcedureCarriesOutClausesThatAreInForceAndLeavesARecord(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		move := func(by somebody, kind, key, name string) error {
			_, err := w.Put(t.Context(), by, record.Change{Kind: kind, Key: key, Move: name})
			return err
		}
		w.put(t, ada, "policy", "access", map[string]any{"id": "access", "title": "Access", "sort": "policy", "owner": "ada", "audience": "everyone"})
		w.put(t, ada, "policy_version", "access-1", map[string]any{"policy": "access", "title": "Access", "number": "1.0", "change": "major", "text": "# Access\n\n1. Leavers lose access. {#ACP-1 AC-06}\n"})
		write := func(clause, leaves string) {
			w.put(t, ada, "procedure", "leaver", map[string]any{"id": "leaver", "title": "Leaver", "policy": "access", "clauses": []string{clause}, "controls": []string{"AC-06"},
				"steps": []map[string]any{{"step": "Disable the account.", "by": "it_lead", "leaves": leaves}}})
		}
		if _, err := w.try(ada, "procedure", "none", map[string]any{"id": "none", "title": "None", "policy": "access", "steps": []any{}}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a procedure without steps: %v", err)
		}
		write("ACP-1", "a task")
		if err := move(bob, "procedure", "leaver", "approve"); !fault.Is(err, fault.Conflict) {
			t.Errorf("of a policy that is not in force: %v", err)
		}
		for _, s := range []struct {
			by   somebody
			name string
		}{{ada, "submit"}, {bob, "review"}, {cleo, "approve"}, {cleo, "publish"}} {
			if err := move(s.by, "policy_version", "access-1", s.name); err != nil {
				t.Fatal(err)
			}
		}
		write("ACP-9", "a task")
		if err := move(bob, "procedure", "leaver", "approve"); !fault.Is(err, fault.Invalid) {
			t.Errorf("of a clause that is not there: %v", err)
		}
		write("ACP-1", "")
		if err := move(bob, "procedure", "leaver", "approve"); !fault.Is(err, fault.Invalid) {
			t.Errorf("that leaves no record: %v", err)
		}
		write("ACP-1", "a task")
		for _, who := range []somebody{ada, adaAdmin} {
			if err := move(who, "procedure", "leaver", "approve"); !fault.Is(err, fault.Denied) {
				t.Errorf("approved by its author %s: %v", who.User, err)
			}
		}
		if err := move(bob, "procedure", "leaver", "approve"); err != nil {
			t.Fatal(err)
		}
		write("ACP-1", "a ticket")
		if v, err := w.Get(t.Context(), "procedure", "leaver", 0); err != nil || len(v.Body) == 0 || !strings.Contains(string(v.Body), `"state":"draft"`) {
			t.Errorf("what was changed is still approved: %s %v", v.Body, err)
		}
	})
}
