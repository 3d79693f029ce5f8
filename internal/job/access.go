package job

import (
	"context"

	"tickmark/internal/entitlement"
	"tickmark/internal/workspace"
)

// accessRights follow what the sources show: rights that began and ended, requests that were fulfilled or expired, what a review decided.
func accessRights(ctx context.Context, w *workspace.Workspace) (int, error) {
	g := &entitlement.Register{Book: w.Book, Words: w.Words}
	return g.Settle(ctx)
}
