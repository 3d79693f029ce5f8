package check

import (
	"context"

	"tickmark/internal/store"
)

// Covered is, for each check of the set that is not turned off, the percentage of a time in which it could speak: what
// Window tells without summing up answers. The end is cut at now.
func (m *Monitor) Covered(ctx context.Context, from, to store.Moment) (map[string]float64, error) {
	to = min(to, store.At(m.Book.Log.Now()))
	setups, err := m.setups(ctx)
	if err != nil {
		return nil, err
	}
	cover, err := m.cover(ctx, m.Book.DB)
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for _, c := range setups {
		if c.Off {
			continue
		}
		if out[c.ID] = 0; to <= from {
			continue
		}
		series, err := m.SeriesOf(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		gaps := m.unspoken(cover, series, from, to)
		known := store.Moment(0)
		for _, p := range cut(gaps, from, to) {
			if p.Reason == "" {
				known += p.To - p.From
			}
		}
		out[c.ID] = 100 * float64(known) / float64(to-from)
	}
	return out, nil
}
