package check

import (
	"context"
	"fmt"

	"tickmark/internal/fault"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

// CommittedFlip is a row of results with what its commitment covers.
type CommittedFlip struct {
	ID         int64  `db:"id"`
	Entry      int64  `db:"entry"`
	Check      string `db:"check_id"`
	Hash       []byte `db:"hash"`
	Version    int64  `db:"version_entry"`
	Status     int64  `db:"status"`
	From       int64  `db:"valid_from"`
	Known      int64  `db:"known"`
	Reason     string `db:"reason"`
	Basis      string `db:"basis"`
	Salt       []byte `db:"salt"`
	Commitment []byte `db:"commitment"`
}

// Flip is what the commitment covers.
func (c CommittedFlip) Flip() Flip {
	return Flip{Check: c.Check, Hash: c.Hash, Version: c.Version, Status: c.Status, From: c.From, Known: c.Known, Reason: c.Reason, Basis: c.Basis, Salt: c.Salt}
}

// Flips hands over the rows of results in the order of their ledger entries, for verification and packages.
func (m *Monitor) Flips(ctx context.Context, q store.Q, fn func(CommittedFlip) error) error {
	for entry, id := int64(-1), int64(0); ; {
		rows, err := store.All[CommittedFlip](ctx, q, `SELECT a.id, a.entry, s.check_id, s.hash, a.status, a.valid_from, a.known, a.reason, a.basis, a.salt, a.commitment,
			v.entry AS version_entry FROM result a JOIN series s ON s.id = a.series JOIN version v ON v.id = a.version
			WHERE (a.entry, a.id) > ($1, $2) ORDER BY a.entry, a.id LIMIT 2000`, entry, id)
		if err != nil {
			return err
		}
		for _, r := range rows {
			entry, id = r.Entry, r.ID
			if err := fn(r); err != nil {
				return err
			}
		}
		if len(rows) < 2000 {
			return nil
		}
	}
}

// Verify recomputes the commitments of all stored answers and compares them with the ledger. It returns how many answers it
// proved; an error is a fault that names the first that does not hold.
func (m *Monitor) Verify(ctx context.Context, progress func(done int64)) (int64, error) {
	n := int64(0)
	err := m.Book.DB.Read(ctx, func(tx *store.Tx) error {
		var batch [][32]byte
		var first CommittedFlip
		check := func() error {
			if len(batch) == 0 {
				return nil
			}
			leaf, err := m.Book.Log.Leaf(ctx, first.Entry)
			if err != nil {
				return err
			}
			if leaf.Type != merkle.LeafResults || leaf.Commitment != FlipsCommitment(first.Check, first.Hash, batch) {
				return unproved("the answers of %s in entry %d are not those that were committed to.", first.Check, first.Entry)
			}
			if batch = batch[:0]; progress != nil {
				progress(n)
			}
			return nil
		}
		err := m.Flips(ctx, tx, func(f CommittedFlip) error {
			if len(batch) > 0 && f.Entry != first.Entry {
				if err := check(); err != nil {
					return err
				}
			}
			if len(batch) == 0 {
				first = f
			}
			if len(f.Commitment) != 32 {
				return unproved("result %d has no commitment.", f.ID)
			}
			c := [32]byte(f.Commitment)
			if f.Salt != nil && f.Flip().Commitment() != c { // without a salt its words were erased
				return unproved("result %d of %s was changed after it was written.", f.ID, f.Check)
			}
			batch = append(batch, c)
			n++
			return nil
		})
		if err != nil {
			return err
		}
		if err := check(); err != nil {
			return err
		}
		entries, err := store.One[int64](ctx, tx, "SELECT count(DISTINCT entry) FROM result")
		if err != nil {
			return err
		}
		leaves, err := m.Book.Log.CountLeaves(ctx, tx, merkle.LeafResults)
		if err != nil {
			return err
		}
		if entries != leaves {
			return unproved("the ledger has %d entries of results, and there are rows for %d.", leaves, entries)
		}
		return m.chains(ctx, tx)
	})
	return n, err
}

// chains proves the ends of intervals, which no commitment holds, from the beginnings, which are committed to: of the rows
// that stand about a record, each ends where the next begins, and a row was superseded when another was known.
func (m *Monitor) chains(ctx context.Context, q store.Q) error {
	type row struct {
		ID      int64        `db:"id"`
		Series  int64        `db:"series"`
		Record  int64        `db:"record"`
		From    store.Moment `db:"valid_from"`
		To      store.Moment `db:"valid_to"`
		Known   store.Moment `db:"known"`
		Dropped store.Moment `db:"superseded"`
	}
	for series, record, from := int64(0), int64(0), store.Moment(-1<<62); ; {
		rows, err := store.All[row](ctx, q, `SELECT id, series, record, valid_from, valid_to, known, superseded FROM result
			WHERE superseded = $1 AND (series, record, valid_from) > ($2, $3, $4) ORDER BY series, record, valid_from LIMIT 5000`, store.Forever, series, record, from)
		if err != nil {
			return err
		}
		full := len(rows) == 5000
		for i, r := range rows {
			if i+1 == len(rows) && full {
				break // seen again with its successor
			}
			end := store.Forever
			if i+1 < len(rows) && rows[i+1].Series == r.Series && rows[i+1].Record == r.Record {
				end = rows[i+1].From
			}
			if r.To != end {
				return unproved("result %d ends at %s, and the next one about its record begins at %s.", r.ID, r.To, end)
			}
			series, record, from = r.Series, r.Record, r.From
		}
		if !full {
			return nil
		}
	}
}

func unproved(format string, args ...any) error {
	return fault.New(fault.Invalid, "The results do not hold: %s", fmt.Sprintf(format, args...)).WithNext("Compare with a package or backup made before.")
}
