package ledger

import (
	"context"
	"fmt"

	"tickmark/internal/store"
)

// Actions lists what was done, the newest first, below an entry (all of them when it is zero). An action whose record was
// erased keeps its verb and time; its subject, detail and salt are gone.
func (l *Log) Actions(ctx context.Context, q store.Q, below int64, limit int) ([]Action, error) {
	if below <= 0 {
		below = int64(store.Forever)
	}
	list, err := store.All[Action](ctx, q, "SELECT entry, at, verb, actor, subject, detail, salt FROM action WHERE entry < $1 ORDER BY entry DESC LIMIT $2", below, limit)
	if err != nil {
		return nil, fmt.Errorf("list actions: %w", err)
	}
	return list, nil
}
