package check

import "context"

func (m *Monitor) findings(ctx context.Context, r *round) error { return nil }
