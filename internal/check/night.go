package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// Rechecked is what a night's judging again found, as the ledger has it.
type Rechecked struct {
	At        store.Moment   `json:"-"` // when it ended; zero when there was none yet
	Checks    int            `json:"checks"`
	Judged    int            `json:"judged"`
	Differ    int            `json:"differ"`
	Where     map[string]int `json:"where,omitempty"`      // by check: how many of its answers differed
	Behind    time.Duration  `json:"behind,omitempty"`     // how far the clock was behind what was recorded
	Altered   int            `json:"altered,omitempty"`    // answers that the ledger does not back, also those set aside before
	AlteredIn map[string]int `json:"altered_in,omitempty"` // by check
	Records   int            `json:"records,omitempty"`    // versions that the ledger does not back, on which what differs rests: nothing was corrected
}

// Changed says what somebody changed in the database, and what came of it.
func (r Rechecked) Changed() string {
	var where []string
	for _, id := range slices.Sorted(maps.Keys(r.AlteredIn)) {
		where = append(where, fmt.Sprintf("%s (%d)", id, r.AlteredIn[id]))
	}
	said := fmt.Sprintf("Found on %s. ", r.At)
	if r.Altered > 0 {
		said += fmt.Sprintf("The ledger does not back %d answers: %s. They are kept as they were found and count no more; what they spoke for was judged again, or is unknown. ", r.Altered, strings.Join(where, ", "))
	}
	if r.Records > 0 {
		said += fmt.Sprintf("The ledger does not back %d versions of records on which answers rest; no answer was corrected by them. ", r.Records)
	}
	return said + "Run tickmark ledger verify, find out who could write to the database, and restore a backup from before."
}

// rechecked is the action under which the ledger has it.
const rechecked = "check.rechecked"

// Night judges everything again, apart from all that was kept of the judging before, and notes what came of it. Answers that
// differ are then corrected, and the correction is marked as any other. What the ledger does not back is set aside as it is; and
// where a record itself was changed in the database, nothing is corrected by it.
func (m *Monitor) Night(ctx context.Context, progress func(check string, done int)) (Recheck, error) {
	if _, err := m.Evaluate(ctx, Options{}); err != nil {
		return Recheck{}, err
	}
	found, err := m.Recheck(ctx, RecheckOptions{Progress: progress})
	if err != nil {
		return found, err
	}
	changed, err := m.tampered(ctx)
	if err != nil {
		return found, err
	}
	noted := Rechecked{Checks: found.Checks, Judged: found.Judged, Differ: found.Differ, Behind: m.Book.Log.Behind(), Altered: len(changed.rows), AlteredIn: changed.where()}
	found.Altered, noted.Where = noted.Altered, map[string]int{}
	for _, d := range found.Differences {
		noted.Where[d.Check]++
	}
	if noted.Records, err = m.Book.Altered(ctx, m.Book.DB, found.rests); err != nil {
		return found, err
	}
	err = m.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Act(ctx, rechecked, "job:check", "workspace", noted)
		return err
	})
	if err != nil {
		return found, err
	}
	aside, err := m.setAside(ctx, changed)
	if err != nil || found.Differ+aside == 0 || noted.Records > 0 {
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
