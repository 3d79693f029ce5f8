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
	now := w.Log.Clock()
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
	now := w.Log.Clock()
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
			if body["overdue_since"] != nil || !finding.Overdue(body, now) {
				continue
			}
			due, err := time.Parse(time.DateOnly, body["due"].(string))
			if err != nil {
				return 0, err
			}
			body["overdue_since"] = due.AddDate(0, 0, 1).Format(time.DateOnly)
			c, err := rewritten(v, body, "its due date passed")
			if err != nil {
				return 0, err
			}
			late = append(late, c)
		}
	}
	return put(ctx, w, record.Job("job:finding"), late)
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
