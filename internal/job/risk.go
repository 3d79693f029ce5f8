package job

import (
	"context"
	"time"

	"tickmark/internal/record"
	"tickmark/internal/risk"
	"tickmark/internal/workspace"
)

// risks whose acceptance is over are decided again.
func risks(ctx context.Context, w *workspace.Workspace) (int, error) {
	list, err := w.Book.Find(ctx, w.DB, "risk", record.StateField, "accepted", 0)
	if err != nil {
		return 0, err
	}
	var moves []record.Change
	today := w.Log.Now().UTC().Format(time.DateOnly)
	for _, v := range list {
		body, err := content(v)
		if err != nil {
			return 0, err
		}
		if risk.Lapsed(body, today) {
			moves = append(moves, record.Change{Kind: v.Kind, Key: v.Key, Move: "lapse", Reason: "its acceptance is over"})
		}
	}
	return put(ctx, w, record.Job("job:risk"), moves)
}
