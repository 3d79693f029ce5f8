package job

import (
	"context"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/record"
	"tickmark/internal/task"
	"tickmark/internal/workspace"
)

// tasks past their due date say since when, and go on saying it after they are done.
func tasks(ctx context.Context, w *workspace.Workspace) (int, error) {
	var late []record.Change
	a, err := newAgenda(ctx, w)
	if err != nil {
		return 0, err
	}
	today := calendar.Text(calendar.Of(w.Log.Now(), a.zone))
	for _, state := range []string{"open", "in_progress"} {
		list, err := w.Book.Find(ctx, w.DB, task.Kind().Name, record.StateField, state, 0)
		if err != nil {
			return 0, err
		}
		for _, v := range list {
			body, err := content(v)
			if err != nil {
				return 0, err
			}
			due, _ := body["due"].(string)
			day, err := time.Parse(time.DateOnly, due)
			if err != nil || body["overdue_since"] != nil || due >= today {
				continue
			}
			body["overdue_since"] = calendar.Text(day.AddDate(0, 0, 1))
			c, err := rewritten(v, body, "its due date passed")
			if err != nil {
				return 0, err
			}
			late = append(late, c)
		}
	}
	return put(ctx, w, record.Job("job:task"), late)
}
