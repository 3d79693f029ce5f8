package collect

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

type coverageRow struct {
	ID   int64        `db:"id"`
	To   store.Moment `db:"valid_to"`
	Last int64        `db:"last_run"`
}

func (r *run) coverage(q store.Q, kind, part, scope string) (coverageRow, error) {
	return store.One[coverageRow](r.ctx, q, `SELECT id, valid_to, last_run FROM coverage WHERE connection = $1 AND kind = $2 AND part = $3 AND scope = $4 AND ended = ''
		ORDER BY valid_to DESC LIMIT 1`, r.conn.Name, kind, part, scope)
}

// Unchanged implements connector.Sink: true only when the last run read the kind and scope completely.
func (r *run) Unchanged(kind, scope string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.coverage(r.c.Book.DB, kind, "", scope); err != nil || r.before == nil {
		return false
	}
	k := r.kinds[kind]
	if k == nil { // nothing was loaded yet, and nothing needs to be
		k = r.unread(kind)
	}
	k.unchanged[scope] = true
	k.tally.Unchanged = true
	return true
}

// Complete implements connector.Sink.
func (r *run) Complete(kind, scope string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, err := r.reading(kind)
	if err != nil {
		r.broken = cmp.Or(r.broken, err)
		return
	}
	k.complete[scope] = true
}

// Under implements connector.Sink.
func (r *run) Under(kind, parent string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, err := r.reading(kind)
	if err != nil {
		r.broken = cmp.Or(r.broken, err)
		return
	}
	k.under = parent
}

// Through implements connector.Sink.
func (r *run) Through(kind, scope string, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, err := r.reading(kind)
	if err != nil {
		r.broken = cmp.Or(r.broken, err)
		return
	}
	k.through[scope] = until
}

// Since implements connector.Sink.
func (r *run) Since(kind, scope string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, err := store.One[store.Moment](r.ctx, r.c.Book.DB, "SELECT until FROM event_mark WHERE connection = $1 AND kind = $2 AND scope = $3", r.conn.Name, kind, scope)
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) {
			r.broken = cmp.Or(r.broken, err)
		}
		return time.Time{}
	}
	if until.Time().After(r.c.Book.Log.Clock().Add(ledger.Drift)) { // the clock was set back: what happens until then would never be read
		return time.Time{}
	}
	return until.Time()
}

// Missing implements connector.Sink.
func (r *run) Missing(g connector.Gap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gap(Missing{Kind: g.Kind, Scope: g.Scope, Part: g.Part, Denied: g.Denied, Reason: g.Reason, Needs: g.Needs})
}

func (r *run) gap(m Missing) {
	if r.hide != nil {
		m.Reason, m.Needs = r.hide(m.Reason), r.hide(m.Needs)
	}
	if len(r.gaps) < 10_000 && !slices.Contains(r.gaps, m) {
		r.gaps = append(r.gaps, m)
	}
}

// State implements connector.Sink.
func (r *run) State() []byte { return r.before }

// SetState implements connector.Sink.
func (r *run) SetState(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = slices.Clone(b)
	if r.state == nil {
		r.state = []byte{}
	}
}

// Now implements connector.Sink.
func (r *run) Now() time.Time { return r.c.Book.Log.Clock() }
