package policy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// A text for two thousand people is published, with an acknowledgement for each, in less than ten seconds.
func TestACampaignToTwoThousandPeople(t *testing.T) {
	if os.Getenv("TICKMARK_TEST_HEAVY") == "" {
		t.Skip("TICKMARK_TEST_HEAVY is not set")
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		const people = 2000
		var all []record.Change
		for i := range people {
			key := fmt.Sprintf("p%04d", i)
			b, _ := json.Marshal(map[string]any{"id": key, "name": key, "email": key + "@example.org", "start": "2024-01-01"})
			all = append(all, record.Change{Kind: "person", Key: key, Body: b})
		}
		if _, err := w.Put(t.Context(), ada, all...); err != nil {
			t.Fatal(err)
		}
		w.put(t, ada, "policy", "big", map[string]any{"id": "big", "title": "Big", "sort": "policy", "owner": "ada", "audience": "everyone"})
		w.put(t, ada, "policy_version", "big-1", map[string]any{"policy": "big", "title": "Big", "number": "1.0", "change": "major", "text": "# Big\n\nEverybody reads this."})
		for _, step := range []struct {
			by   somebody
			move string
		}{{ada, "submit"}, {bob, "review"}, {cleo, "approve"}} {
			if _, err := w.Put(t.Context(), step.by, record.Change{Kind: "policy_version", Key: "big-1", Move: step.move}); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		if _, err := w.Put(t.Context(), cleo, record.Change{Kind: "policy_version", Key: "big-1", Move: "publish"}); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		acks, err := w.Find(t.Context(), w.DB, "acknowledgement", "policy", "big", 0)
		if err != nil || len(acks) < people {
			t.Fatalf("%d acknowledgements: %v", len(acks), err)
		}
		t.Logf("%d acknowledgements opened in %v", len(acks), took)
		if took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// Only a text that is in force covers a criterion; a draft, a retired policy and a control that is gone do not.
func TestACriterionIsCoveredByATextInForce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		of := func(id string) policy.Covered {
			all, err := policy.Coverage(w.LookAt(t.Context(), time.Time{}))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range all {
				if c.Criterion == id {
					return c
				}
			}
			return policy.Covered{}
		}
		if c := of("CC6.1"); len(c.InForce)+len(c.Drafts) > 0 || len(c.Suggested) == 0 {
			t.Errorf("without any policy: %+v", c)
		}
		if c := of("P1.1"); c.Criterion != "" {
			t.Errorf("privacy is not in scope: %+v", c)
		}
		w.put(t, ada, "policy", "auth", map[string]any{"id": "auth", "title": "Factors", "sort": "policy", "owner": "ada", "audience": "everyone", "controls": []string{"AC-06"}})
		w.put(t, ada, "policy_version", "auth-1", map[string]any{"policy": "auth", "title": "Factors", "number": "1.0", "change": "major", "text": "# Factors\n\nTwo of them."})
		if c := of("CC6.1"); len(c.InForce) > 0 || len(c.Drafts) != 1 {
			t.Errorf("a draft: %+v", c)
		}
		for _, step := range []struct {
			by   somebody
			move string
		}{{ada, "submit"}, {bob, "review"}, {cleo, "approve"}, {cleo, "publish"}} {
			if _, err := w.Put(t.Context(), step.by, record.Change{Kind: "policy_version", Key: "auth-1", Move: step.move}); err != nil {
				t.Fatal(err)
			}
		}
		if c := of("CC6.1"); len(c.InForce) != 1 || len(c.Drafts)+len(c.Suggested) > 0 {
			t.Errorf("in force: %+v", c)
		}
		if c := of("CC6.2"); len(c.InForce) > 0 {
			t.Errorf("another criterion: %+v", c)
		}
		if _, err := w.Put(t.Context(), cleo, record.Change{Kind: "policy", Key: "auth", Move: "retire", Said: map[string]any{"retired_reason": "Another says it."}}); err != nil {
			t.Fatal(err)
		}
		if c := of("CC6.1"); len(c.InForce)+len(c.Drafts) > 0 {
			t.Errorf("retired: %+v", c)
		}
	})
}
