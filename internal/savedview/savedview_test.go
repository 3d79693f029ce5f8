package savedview

import (
	"testing"
	"time"

	"tickmark/internal/record"
)

func TestAViewLeadsIntoThisSiteAndIsItsKeepersOwn(t *testing.T) {
	k := Kind()
	ada := record.Actor{User: "ada"}
	good := map[string]any{"name": "Mine", "path": "/findings", "query": "state=past&q=ssh", "user": "ada"}
	if _, err := k.Written(nil, good, ada, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change map[string]any
		actor  record.Actor
		before map[string]any
	}{
		"another site":      {map[string]any{"path": "//evil.example.org"}, ada, nil},
		"a script":          {map[string]any{"path": "javascript:alert(1)"}, ada, nil},
		"a backslash":       {map[string]any{"path": `/\evil.example.org`}, ada, nil},
		"a broken filter":   {map[string]any{"query": "%zz"}, ada, nil},
		"another's name":    {map[string]any{"user": "bob"}, ada, nil},
		"a view of another": {map[string]any{"user": "bob"}, record.Actor{User: "bob"}, good},
	} {
		body := map[string]any{}
		for n, v := range good {
			body[n] = v
		}
		for n, v := range c.change {
			body[n] = v
		}
		if _, err := k.Written(c.before, body, c.actor, time.Time{}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
