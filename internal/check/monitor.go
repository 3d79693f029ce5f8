package check

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Monitor keeps the answers of checks as intervals. An answer stands for the records as they were written; what is not
// covered is put over it on reading, so that an outage rewrites nothing.
type Monitor struct {
	Book  *record.Book
	Words *Vocabulary
	Set   *Set

	// Offers are the kinds that connections of a connector may hand over. Nil: every kind may come from somewhere.
	Offers func(connector string) []string

	old     sync.Mutex
	revived map[string]*Check // by hash of a series whose logic is no longer in use

	one   sync.Mutex // one evaluation at a time in this process; series.upto guards against another's
	known *memory    // of the last evaluation
}

// NewMonitor makes a monitor of the set's checks over the book.
func NewMonitor(book *record.Book, words *Vocabulary, set *Set) *Monitor {
	return &Monitor{Book: book, Words: words, Set: set}
}

// Series is the answers of one check under one logic and one set of settings. Another hash begins another series; what
// the first one answered stays.
type Series struct {
	ID        int64        `db:"id" json:"id"`
	Check     string       `db:"check_id" json:"check"`
	Hash      []byte       `db:"hash" json:"-"`
	Content   []byte       `db:"content" json:"-"` // canonical JSON of the logic; Hash is SHA-256 of it, a line feed, and Settings
	Settings  string       `db:"settings" json:"settings"`
	Started   store.Moment `db:"started" json:"from"`
	Ended     store.Moment `db:"ended" json:"to"`
	Reason    string       `db:"reason" json:"reason"` // why it began
	Upto      int64        `db:"upto" json:"-"`        // the last version judged
	Evaluated store.Moment `db:"evaluated" json:"evaluated"`
	Flip      store.Moment `db:"flip" json:"-"` // when an answer next changes by itself
}

const seriesColumns = "id, check_id, hash, content, settings, started, ended, reason, upto, evaluated, flip"

// SeriesOf returns every series of a check, oldest first.
func (m *Monitor) SeriesOf(ctx context.Context, check string) ([]Series, error) {
	return store.All[Series](ctx, m.Book.DB, "SELECT "+seriesColumns+" FROM series WHERE check_id = $1 ORDER BY started, id", check)
}

// seriesBegan is the action that says which controls a check was about, besides why it began.
const seriesBegan = "check.series_began"

// turnover is what must happen for every check in use to have one series with its hash, and none else to be open.
type turnover struct {
	right map[string]Series // by check: those that go on
	ended map[string]Series // those that end
	begin []Setup           // those that need one
}

// plan is about the checks of some ids, none for all. Alone says that nobody else is evaluating.
func (m *Monitor) plan(ctx context.Context, q store.Q, setups []Setup, only []string, alone bool) (turnover, error) {
	t := turnover{right: map[string]Series{}, ended: map[string]Series{}}
	open, err := store.All[Series](ctx, q, "SELECT "+seriesColumns+" FROM series WHERE ended = $1", store.Forever)
	if err != nil {
		return t, fmt.Errorf("read the open series: %w", err)
	}
	wanted := func(id string) bool { return len(only) == 0 || slices.Contains(only, id) }
	for _, s := range open {
		if wanted(s.Check) {
			t.ended[s.Check] = s
		}
	}
	for _, s := range setups {
		if s.Off || !wanted(s.ID) {
			continue
		}
		if old, ok := t.ended[s.ID]; ok && string(old.Hash) == string(s.Hash[:]) {
			broken := false
			if old.Evaluated == 0 && alone {
				if broken, err = m.overgrown(ctx, q, s.Check, old); err != nil {
					return t, err
				}
			}
			if !broken {
				t.right[s.ID] = old
				delete(t.ended, s.ID)
				continue
			}
		}
		t.begin = append(t.begin, s)
	}
	return t, nil
}

// overgrown reports whether records changed since a series began whose first judging was broken off: what they were in between
// can no longer be judged in it.
func (m *Monitor) overgrown(ctx context.Context, q store.Q, c *Check, s Series) (bool, error) {
	for _, name := range append([]string{c.For}, c.Joins...) {
		for _, k := range m.Words.Kinds(name) {
			n, err := store.All[int64](ctx, q, "SELECT v.id FROM version v JOIN kind k ON k.id = v.kind WHERE k.name = $1 AND (v.valid_from > $2 OR v.valid_to > $2 AND v.valid_to < $3) LIMIT 1", k.Name, s.Started, store.Forever)
			if err != nil {
				return false, fmt.Errorf("see whether any %s changed since %s began: %w", k.Name, s.Check, err)
			}
			if len(n) > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// align begins and ends series as planned, and returns those in use by check.
func (m *Monitor) align(ctx context.Context, setups []Setup, only []string, alone bool) (map[string]Series, error) {
	t, err := m.plan(ctx, m.Book.DB, setups, only, alone)
	if err != nil || len(t.begin) == 0 && len(t.ended) == 0 {
		return t.right, err
	}
	err = m.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		if t, err = m.plan(ctx, tx, setups, only, alone); err != nil { // another process may have been here
			return err
		}
		for id, s := range t.ended {
			why := "The check is no longer in use."
			for _, c := range setups {
				if c.ID == id {
					why = whyChanged(s, c)
				}
			}
			if _, err := tx.Exec(ctx, "UPDATE series SET ended = $1 WHERE id = $2", tx.Now, s.ID); err != nil {
				return err
			}
			if _, err := tx.Act(ctx, "check.series_ended", "job:check", id, map[string]any{"hash": hex.EncodeToString(s.Hash), "reason": why}); err != nil {
				return err
			}
		}
		next, err := store.One[int64](ctx, tx, "SELECT coalesce(max(id), 0) FROM series")
		if err != nil {
			return err
		}
		for _, c := range t.begin {
			next++
			why := "The check is new."
			if s, ok := t.ended[c.ID]; ok {
				why = whyChanged(s, c)
			} else if n, err := store.One[int64](ctx, tx, "SELECT count(*) FROM series WHERE check_id = $1", c.ID); err != nil {
				return err
			} else if n > 0 {
				why = "The check is in use again."
			}
			s := Series{ID: next, Check: c.ID, Hash: c.Hash[:], Content: c.Logic, Settings: c.SettingsJSON(), Started: tx.Now, Ended: store.Forever, Reason: why}
			if err := store.Insert(ctx, tx, "series", []string{"id", "check_id", "hash", "content", "settings", "started", "ended", "reason", "upto", "evaluated"},
				[][]any{{s.ID, s.Check, s.Hash, s.Content, s.Settings, s.Started, s.Ended, s.Reason, s.Upto, s.Evaluated}}); err != nil {
				return err
			}
			if _, err := tx.Act(ctx, seriesBegan, "job:check", c.ID, map[string]any{"hash": hex.EncodeToString(s.Hash), "reason": why, "title": c.Title, "controls": c.Controls}); err != nil {
				return err
			}
			t.right[c.ID] = s
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("begin a series: %w", err)
	}
	return t.right, nil
}

func whyChanged(s Series, c Setup) string {
	switch {
	case string(s.Hash) == string(c.Hash[:]):
		return "Its first judging was broken off, and what it judges changed since."
	case c.Off:
		return by("The check was turned off", c)
	case c.Broken != "":
		return c.Broken
	case string(s.Content) != string(c.Logic):
		return "The check's logic changed."
	}
	return by("The check's settings changed", c)
}

func by(what string, c Setup) string {
	if c.By != "" {
		what += " by " + c.By
	}
	if c.Reason != "" {
		return what + ": " + c.Reason
	}
	return what + "."
}
