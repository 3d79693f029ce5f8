package job

import (
	"context"
	"encoding/json"

	"tickmark/internal/employment"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

// employments are opened from people's records, compared with what the sources show, and given their steps.
func employments(ctx context.Context, w *workspace.Workspace) (int, error) {
	by := record.Job("job:employment")
	r, err := employment.NewRound(ctx, w.Book)
	if err != nil {
		return 0, err
	}
	due, err := r.Events()
	if err != nil {
		return 0, err
	}
	n, err := put(ctx, w, by, due)
	if err != nil {
		return n, err
	}
	open, err := r.Open()
	if err != nil || len(open) == 0 {
		return n, err
	}
	changes, about := make([]employment.Change, len(open)), map[string]bool{}
	for i, v := range open {
		if changes[i], err = employment.Read(v); err != nil {
			return n, err
		}
		if r.Waits(changes[i]) {
			about[changes[i].Person] = true
		}
	}
	var sources *employment.Sources
	if len(about) > 0 {
		if sources, err = employment.Look(ctx, w.Book, w.Words, w.Collect, about); err != nil {
			return n, err
		}
	}
	for i, v := range open {
		c := changes[i]
		if about[c.Person] && r.Waits(c) {
			looked, err := r.Looked(v, c, sources)
			if err != nil {
				return n, err
			}
			now := employment.Change{}
			if err := json.Unmarshal(looked.Body, &now); err != nil {
				return n, err
			}
			if now.Key = c.Key; r.Differs(c, now) {
				done, err := put(ctx, w, by, []record.Change{looked})
				if n += done; err != nil {
					return n, err
				}
			}
			c = now
		}
		steps, err := r.Steps(c, sources)
		if err != nil {
			return n, err
		}
		done, err := put(ctx, w, by, steps)
		if n += done; err != nil {
			return n, err
		}
	}
	return n, nil
}
