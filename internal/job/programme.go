package job

import (
	"context"
	"errors"
	"log/slog"

	"tickmark/internal/calendar"
	"tickmark/internal/cycle"
	"tickmark/internal/fault"
	"tickmark/internal/period"
	"tickmark/internal/readiness"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

// programme does what the days make due of it: milestones that passed say since when, approved changes of scope take effect,
// and the window of a programme that is ready begins.
func programme(ctx context.Context, w *workspace.Workspace) (int, error) {
	a, err := newAgenda(ctx, w)
	if err != nil {
		return 0, err
	}
	today := calendar.Text(calendar.Of(w.Log.Now(), a.zone))
	n, err := milestones(ctx, w, today)
	if err != nil {
		return n, err
	}
	noted, err := observations(ctx, w, today)
	if n += noted; err != nil {
		return n, err
	}
	changes, err := w.Book.Find(ctx, w.DB, period.ChangeName, record.StateField, "approved", 0)
	if err != nil {
		return n, err
	}
	for _, v := range changes {
		body, err := content(v)
		if err != nil {
			return n, err
		}
		if from, _ := body["from"].(string); from <= today {
			done, err := begins(ctx, w, record.Change{Kind: v.Kind, Key: v.Key, Move: "apply", Reason: "its day has come"})
			if n += done; err != nil {
				return n, err
			}
		}
	}
	ready, err := w.Book.Find(ctx, w.DB, cycle.Name, record.StateField, "ready", 0)
	if err != nil {
		return n, err
	}
	for _, v := range ready {
		c, err := cycle.Read(v)
		if err != nil {
			return n, err
		}
		pv, err := w.Book.Get(ctx, "period", c.Period, 0)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return n, err
		}
		p, err := period.Read(pv)
		if err != nil {
			return n, err
		}
		if p.Type == "type_2" && p.From != "" && p.From <= today {
			done, err := begins(ctx, w, record.Change{Kind: v.Kind, Key: v.Key, Move: "open_window", Reason: "the first day of the window has come"})
			if n += done; err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// observations past the day that management planned say since when, and go on saying it.
func observations(ctx context.Context, w *workspace.Workspace, today string) (int, error) {
	var late []record.Change
	for _, state := range []string{"planned", "fixed"} {
		list, err := w.Book.Find(ctx, w.DB, readiness.ObservationName, record.StateField, state, 0)
		if err != nil {
			return 0, err
		}
		for _, v := range list {
			body, err := content(v)
			if err != nil {
				return 0, err
			}
			since, ok := readiness.Overdue(body, today)
			if !ok || state == "fixed" {
				continue
			}
			body["overdue_since"] = since
			c, err := rewritten(v, body, "its day passed")
			if err != nil {
				return 0, err
			}
			late = append(late, c)
		}
	}
	return put(ctx, w, record.Job("job:programme"), late)
}

// begins makes one move. One that is refused stands in the way of no other: it is said in the log, and the page shows what waits.
func begins(ctx context.Context, w *workspace.Workspace, c record.Change) (int, error) {
	n, err := put(ctx, w, record.Job("job:programme"), []record.Change{c})
	var f *fault.Fault
	if errors.As(err, &f) {
		slog.WarnContext(ctx, "what is due of the programme is refused", "kind", c.Kind, "key", c.Key, "error", err)
		return 0, nil
	}
	return n, err
}

func milestones(ctx context.Context, w *workspace.Workspace, today string) (int, error) {
	open, err := w.Book.Find(ctx, w.DB, "milestone", record.StateField, "open", 0)
	if err != nil {
		return 0, err
	}
	var late []record.Change
	for _, v := range open {
		body, err := content(v)
		if err != nil {
			return 0, err
		}
		due, _ := body["due"].(string)
		day := calendar.Parse(due)
		if day.IsZero() || body["overdue_since"] != nil || due >= today {
			continue
		}
		body["overdue_since"] = calendar.Text(day.AddDate(0, 0, 1))
		c, err := rewritten(v, body, "its day passed")
		if err != nil {
			return 0, err
		}
		late = append(late, c)
	}
	return put(ctx, w, record.Job("job:programme"), late)
}
