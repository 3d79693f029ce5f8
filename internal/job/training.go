package job

import (
	"context"
	"time"

	"tickmark/internal/record"
	"tickmark/internal/training"
	"tickmark/internal/workspace"
)

// trainings are assigned to who joins and when they are due again, and their due dates are kept up.
func trainings(ctx context.Context, w *workspace.Workspace) (int, error) {
	modules, err := w.Book.Find(ctx, w.DB, "training_module", record.StateField, "published", 0)
	if err != nil || len(modules) == 0 {
		return 0, err
	}
	look := w.Book.LookAt(ctx, time.Time{})
	people, err := training.People(look)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, v := range modules {
		m, err := training.ReadModule(v)
		if err != nil {
			return n, err
		}
		due, err := training.Due(look, m, people)
		if err != nil {
			return n, err
		}
		done, err := putAll(ctx, w, record.Job("job:training"), due)
		if n += done; err != nil {
			return n, err
		}
	}
	return n, nil
}
