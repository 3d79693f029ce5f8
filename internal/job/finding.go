package job

import (
	"context"
	"encoding/json"
	"time"

	"tickmark/internal/exception"
	"tickmark/internal/fault"
	"tickmark/internal/finding"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

// exceptions begin on their first day and expire after their last.
func exceptions(ctx context.Context, w *workspace.Workspace) (int, error) {
	var moves []record.Change
	now := w.Log.Now()
	for _, state := range []string{"approved", "active"} {
		list, err := w.Book.Find(ctx, w.DB, exception.Kind().Name, record.StateField, state, 0)
		if err != nil {
			return 0, err
		}
		for _, v := range list {
			body, err := content(v)
			if err != nil {
				return 0, err
			}
			if move := exception.Next(body, now); move != "" {
				moves = append(moves, record.Change{Kind: v.Kind, Key: v.Key, Move: move, Reason: "its dates"})
			}
		}
	}
	return put(ctx, w, record.Job("job:exception"), moves)
}

// findings past their due date say since when, and go on saying it after they are fixed.
func findings(ctx context.Context, w *workspace.Workspace) (int, error) {
	var late []record.Change
	now := w.Log.Now()
	for _, state := range []string{"open", "assigned", "in_progress", "claimed_false"} {
		list, err := w.Book.Find(ctx, w.DB, finding.Kind().Name, record.StateField, state, 0)
		if err != nil {
			return 0, err
		}
		for _, v := range list {
			body, err := content(v)
			if err != nil {
				return 0, err
			}
			if !finding.Overdue(body, now) {
				continue
			}
			text, _ := body["due"].(string)
			due, err := time.Parse(time.DateOnly, text)
			if err != nil {
				return 0, err
			}
			since := due.AddDate(0, 0, 1)
			escalated, err := escalate(ctx, w, body, since, now)
			if err != nil {
				return 0, err
			}
			if body["overdue_since"] != nil && !escalated {
				continue
			}
			if body["overdue_since"] == nil {
				body["overdue_since"] = since.Format(time.DateOnly)
			}
			c, err := rewritten(v, body, "its due date passed")
			if err != nil {
				return 0, err
			}
			late = append(late, c)
		}
	}
	return put(ctx, w, record.Job("job:finding"), late)
}

// escalate records that a late finding was due to be told to the manager of its owner, once for each of the days that
// finding names. It reports whether there was something to record.
func escalate(ctx context.Context, w *workspace.Workspace, body map[string]any, since, now time.Time) (bool, error) {
	list, _ := body["escalations"].([]any)
	said := map[int]bool{}
	for _, e := range list {
		m, _ := e.(map[string]any)
		n, _ := m["after_days"].(float64)
		said[int(n)] = true
	}
	added := false
	for _, days := range finding.EscalateAfter() {
		if said[days] || now.Before(since.AddDate(0, 0, days)) {
			continue
		}
		e := map[string]any{"after_days": days, "at": now.UTC().Format(time.RFC3339)}
		if owner, _ := body["owner"].(string); owner != "" {
			var p struct{ Manager string }
			v, err := w.Book.Get(ctx, "person", owner, 0)
			if err == nil {
				err = json.Unmarshal(v.Body, &p)
			}
			if err != nil && !fault.Is(err, fault.NotFound) {
				return false, err
			}
			if p.Manager != "" {
				e["to"] = p.Manager
			}
		}
		list, added = append(list, e), true
	}
	if added {
		body["escalations"] = list
	}
	return added, nil
}

// accepted findings are open again once the exception that allowed them has ended: what was accepted for a time fails again.
func accepted(ctx context.Context, w *workspace.Workspace) (int, error) {
	list, err := w.Book.Find(ctx, w.DB, finding.Kind().Name, record.StateField, "risk_accepted", 0)
	if err != nil {
		return 0, err
	}
	var moves []record.Change
	for _, v := range list {
		body, err := content(v)
		if err != nil {
			return 0, err
		}
		key, _ := body["exception"].(string)
		x, err := w.Book.Get(ctx, exception.Kind().Name, key, 0)
		if err != nil {
			return 0, err
		}
		allowed, err := content(x)
		if err != nil {
			return 0, err
		}
		switch state, _ := allowed[record.StateField].(string); state {
		case "requested", "approved", "active":
		default:
			moves = append(moves, record.Change{Kind: v.Kind, Key: v.Key, Move: "reopen", Reason: "its exception ended",
				Said: map[string]any{"reopened_reason": "The exception " + key + " is " + state + "."}})
		}
	}
	return put(ctx, w, record.Job("job:finding"), moves)
}

func content(v record.Version) (map[string]any, error) {
	var body map[string]any
	return body, json.Unmarshal(v.Body, &body)
}

// rewritten is the change that gives a record new content, unless somebody else changed it meanwhile.
func rewritten(v record.Version, body map[string]any, reason string) (record.Change, error) {
	b, err := json.Marshal(body)
	return record.Change{Kind: v.Kind, Key: v.Key, Body: b, Reason: reason, If: &v.From}, err
}

// put writes the changes one by one: what a person changed meanwhile is left for the next time and stops nothing else.
func put(ctx context.Context, w *workspace.Workspace, by record.Authority, changes []record.Change) (int, error) {
	n := 0
	for _, c := range changes {
		switch _, err := w.Book.Put(ctx, by, c); {
		case err == nil:
			n++
		case fault.Is(err, fault.Conflict):
		default:
			return n, err
		}
	}
	return n, nil
}
