package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// Rechecked is what a night's judging again found, as the ledger has it.
type Rechecked struct {
	At     store.Moment   `json:"-"` // when it ended; zero when there was none yet
	Checks int            `json:"checks"`
	Judged int            `json:"judged"`
	Differ int            `json:"differ"`
	Where  map[string]int `json:"where,omitempty"` // by check: how many of its answers differed
}

// rechecked is the action under which the ledger has it.
const rechecked = "check.rechecked"

// Night judges everything again, apart from all that was kept of the judging before, and notes what came of it. Answers that
// differ are then corrected, and the correction is marked as any other.
func (m *Monitor) Night(ctx context.Context, progress func(check string, done int)) (Recheck, error) {
	if _, err := m.Evaluate(ctx, Options{}); err != nil {
		return Recheck{}, err
	}
	found, err := m.Recheck(ctx, RecheckOptions{Progress: progress})
	if err != nil {
		return found, err
	}
	noted := Rechecked{Checks: found.Checks, Judged: found.Judged, Differ: found.Differ}
	for _, d := range found.Differences {
		if noted.Where == nil {
			noted.Where = map[string]int{}
		}
		noted.Where[d.Check]++
	}
	err = m.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Act(ctx, rechecked, "job:check", "workspace", noted)
		return err
	})
	if err != nil || found.Differ == 0 {
		return found, err
	}
	_, err = m.Evaluate(ctx, Options{Full: true})
	return found, err
}

// LastNight is what the last judging again found.
func (m *Monitor) LastNight(ctx context.Context) (Rechecked, error) {
	type row struct {
		At     store.Moment `db:"at"`
		Detail []byte       `db:"detail"`
	}
	r, err := store.One[row](ctx, m.Book.DB, "SELECT at, detail FROM action WHERE subject = 'workspace' AND verb = $1 ORDER BY entry DESC LIMIT 1", rechecked)
	if errors.Is(err, store.ErrNotFound) {
		return Rechecked{}, nil
	}
	if err != nil {
		return Rechecked{}, fmt.Errorf("read what judging again found: %w", err)
	}
	out := Rechecked{At: r.At}
	return out, json.Unmarshal(r.Detail, &out)
}
