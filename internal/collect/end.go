package collect

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// end writes what is pending, closes what is gone from everything read completely, moves the coverage, and ends the run's
// record, the last of it in one transaction. The caller holds the lock.
func (r *run) end(failed error) error {
	for _, k := range r.kinds {
		if err := r.flush(k); err != nil {
			return err
		}
	}
	if len(r.keep) > 0 || len(r.holding) > 0 {
		if err := r.hand(nil); err != nil {
			return err
		}
	}
	if err := r.drain(); err != nil {
		return err
	}
	for name, k := range r.kinds {
		if k.tally.New > 0 && !k.learnt {
			if _, err := r.c.Book.Learn(r.ctx, name); err != nil {
				return err
			}
		}
	}
	return r.c.Book.Log.Write(r.ctx, func(tx *ledger.Tx) (err error) {
		if err := r.current(tx); err != nil {
			return err
		}
		if err := r.still(); fault.Is(err, fault.Conflict) {
			failed = err
			for _, k := range r.kinds {
				clear(k.complete)
				clear(k.unchanged)
				clear(k.through)
			}
		} else if err != nil {
			return err
		}
		r.settle(failed)
		for _, k := range r.parentsFirst() {
			if err := r.settleKind(tx, k); err != nil {
				return err
			}
		}
		for _, g := range r.gaps {
			if err := r.cut(tx, g); err != nil {
				return err
			}
		}
		if err := r.left(tx, failed); err != nil {
			return err
		}
		if err := store.Insert(r.ctx, tx, "exchange", exchangeColumns, r.unwritten()); err != nil {
			return fmt.Errorf("write down what was asked: %w", err)
		}
		if r.sum.Kept, r.sum.Traced, err = r.c.Book.AnswersEnd(r.ctx, tx, r.sum.Number, r.version); err != nil {
			return err
		}
		r.sum.Kinds = r.tallies()
		r.sum.Scopes = r.spokeFor()
		r.sum.Outcome = Complete
		if len(r.gaps) > 0 {
			r.sum.Outcome = Incomplete
		}
		if failed != nil && r.sum.nothing() {
			r.sum.Outcome = Failed
		}
		if r.state == nil {
			r.state = r.before
		}
		if r.state != nil && r.sum.Outcome == Complete {
			if err := store.InsertOr(r.ctx, tx, "connection_state", []string{"connection", "state"}, "ON CONFLICT (connection) DO UPDATE SET state = excluded.state", [][]any{{r.conn.Name, r.state}}); err != nil {
				return err
			}
		}
		r.sum.Missing = r.gaps
		h := sha256.Sum256(r.answers)
		r.sum.Answers = hex.EncodeToString(h[:])
		r.sum.Ended = tx.Now.Time()
		body, err := json.Marshal(r.sum)
		if err != nil {
			return err
		}
		_, err = r.c.Book.PutIn(r.ctx, tx, record.Job("connection:"+r.conn.Name), record.Change{Kind: RunKind, Key: fmt.Sprint(r.sum.Number), Body: body, Reason: "run ended"})
		return err
	})
}

// still refuses to vouch for what was read when the connection was removed or changed meanwhile. No other writer can come
// between this and the end of the run.
func (r *run) still() error {
	now, err := r.c.Connection(r.ctx, r.conn.Name)
	switch {
	case fault.Is(err, fault.NotFound):
		return fault.New(fault.Conflict, "The connection was removed while it was read.")
	case err != nil:
		return err
	case !r.k.Sent && (now.Connector != r.conn.Connector || !maps.Equal(now.Settings, r.conn.Settings)): // what was sent was sent before
		return fault.New(fault.Conflict, "The connection was changed while it was read.")
	}
	return nil
}
