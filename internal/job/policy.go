package job

import (
	"context"
	"time"

	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

// policies are published on their first day, and their audience, due dates and reviews are kept up.
func policies(ctx context.Context, w *workspace.Workspace) (int, error) {
	by := record.Job("job:policy")
	active, err := w.Book.Find(ctx, w.DB, policy.Kind().Name, record.StateField, "active", 0)
	if err != nil || len(active) == 0 {
		return 0, err
	}
	people, err := policy.People(w.Book.LookAt(ctx, time.Time{}))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, v := range active {
		doc, err := policy.ReadDocument(v)
		if err != nil {
			return n, err
		}
		version, err := policy.Publication(w.Book.LookAt(ctx, time.Time{}), doc.Key)
		if err != nil {
			return n, err
		}
		if version != "" {
			done, err := put(ctx, w, by, []record.Change{{Kind: policy.VersionKind().Name, Key: version, Move: "publish", Reason: "its first day"}})
			if n += done; err != nil {
				return n, err
			}
		}
		due, err := policy.Due(w.Book.LookAt(ctx, time.Time{}), doc, people)
		if err != nil {
			return n, err
		}
		done, err := put(ctx, w, by, due)
		if n += done; err != nil {
			return n, err
		}
	}
	return n, nil
}
