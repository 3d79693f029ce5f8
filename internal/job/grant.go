package job

import (
	"context"

	"tickmark/internal/grant"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

// grants of reports end after their last day.
func grants(ctx context.Context, w *workspace.Workspace) (int, error) {
	var moves []record.Change
	for _, state := range []string{"approved", "granted"} {
		list, err := w.Book.Find(ctx, w.DB, grant.Name, record.StateField, state, 0)
		if err != nil {
			return 0, err
		}
		for _, v := range list {
			body, err := content(v)
			if err != nil {
				return 0, err
			}
			if grant.Overdue(body, w.Log.Now()) {
				moves = append(moves, record.Change{Kind: v.Kind, Key: v.Key, Move: "expire", Reason: "its last day is over"})
			}
		}
	}
	return put(ctx, w, record.Job("job:grant"), moves)
}
