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
	Series     int64  `db:"series"`
	Record     int64  `db:"record"`
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

const committedFlips = `SELECT a.id, a.series, a.record, a.entry, s.check_id, s.hash, a.status, a.valid_from, a.known, a.reason, a.basis, a.salt, a.commitment,
	v.entry AS version_entry FROM result a JOIN series s ON s.id = a.series JOIN version v ON v.id = a.version `

// Flips hands over the rows of results in the order of their numbers, which is that of their ledger entries, for verification and
// packages.
func (m *Monitor) Flips(ctx context.Context, q store.Q, fn func(CommittedFlip) error) error {
	for id := int64(0); ; {
		rows, err := store.All[CommittedFlip](ctx, q, committedFlips+"WHERE a.id > $1 ORDER BY a.id LIMIT 2000", id)
		if err != nil {
			return err
		}
		for _, r := range rows {
			id = r.ID
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
func (m *Monitor) Verify(ctx context.Context, progress func(done int64)) (n int64, err error) {
	err = m.Book.DB.Read(ctx, func(tx *store.Tx) (err error) {
		n, err = m.audit(ctx, tx, progress, func(a altered) error {
			return fault.New(fault.Invalid, "The results do not hold: %s", a.why).WithNext("Compare with a package or backup made before.")
		})
		return err
	})
	return n, err
}

// altered is a row of results that the ledger does not back; rows that are gone have no number.
type altered struct {
	row, series, record int64
	check               string
	end                 bool // only its end is not the one that the next beginning gives
	why                 string
}

// audit hands over every row that the ledger does not back, and gives how many it looked at.
func (m *Monitor) audit(ctx context.Context, q store.Q, progress func(done int64), found func(altered) error) (int64, error) {
	n, entries := int64(0), int64(0)
	erased, err := m.Book.Erased(ctx, q)
	if err != nil {
		return n, err
	}
	var batch []CommittedFlip
	whole := func() error {
		if len(batch) == 0 {
			return nil
		}
		entries++
		first := batch[0]
		ok, err := m.committed(ctx, batch)
		if err != nil {
			return err
		}
		if !ok {
			why := fmt.Sprintf("the answers of %s in entry %d are not those that were committed to.", first.Check, first.Entry)
			for _, f := range batch {
				if err := found(altered{row: f.ID, series: f.Series, record: f.Record, check: f.Check, why: why}); err != nil {
					return err
				}
			}
		}
		if batch = batch[:0]; progress != nil {
			progress(n)
		}
		return nil
	}
	err = m.Flips(ctx, q, func(f CommittedFlip) error {
		if len(batch) > 0 && f.Entry != batch[0].Entry {
			if err := whole(); err != nil {
				return err
			}
		}
		batch = append(batch, f)
		n++
		if f.holds(erased) {
			return nil
		}
		return found(altered{row: f.ID, series: f.Series, record: f.Record, check: f.Check, why: fmt.Sprintf("result %d of %s was changed after it was written.", f.ID, f.Check)})
	})
	if err == nil {
		err = whole()
	}
	if err != nil {
		return n, err
	}
	leaves, err := m.Book.Log.CountLeaves(ctx, q, merkle.LeafResults)
	if err != nil {
		return n, err
	}
	if entries != leaves {
		if err := found(altered{why: fmt.Sprintf("the ledger has %d entries of results, and there are rows for %d.", leaves, entries)}); err != nil {
			return n, err
		}
	}
	return n, m.chains(ctx, q, found)
}

// committed reports whether the rows of an entry are those that the ledger committed to.
func (m *Monitor) committed(ctx context.Context, batch []CommittedFlip) (bool, error) {
	hashes := make([][32]byte, len(batch))
	for i, f := range batch {
		copy(hashes[i][:], f.Commitment)
	}
	leaf, err := m.Book.Log.Leaf(ctx, batch[0].Entry)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return false, err
	}
	return leaf.Type == merkle.LeafResults && leaf.Commitment == FlipsCommitment(batch[0].Check, batch[0].Hash, hashes), nil
}

// backed reports whether one row is what the ledger committed to. The rows of an entry have numbers that follow each other.
func (m *Monitor) backed(ctx context.Context, q store.Q, id int64) (bool, error) {
	batch, err := store.All[CommittedFlip](ctx, q, committedFlips+`WHERE a.id > coalesce((SELECT o.id FROM result o WHERE o.id < $1 AND o.entry <> (SELECT entry FROM result WHERE id = $1) ORDER BY o.id DESC LIMIT 1), 0)
		AND a.id < coalesce((SELECT o.id FROM result o WHERE o.id > $1 AND o.entry <> (SELECT entry FROM result WHERE id = $1) ORDER BY o.id LIMIT 1), $2) ORDER BY a.id`, id, store.Forever)
	if err != nil {
		return false, err
	}
	erased, err := m.Book.Erased(ctx, q)
	if err != nil {
		return false, err
	}
	for _, f := range batch {
		if f.ID == id && f.holds(erased) {
			return m.committed(ctx, batch)
		}
	}
	return false, nil
}

// holds reports whether a row is what its own commitment says; where its record was erased, its words are gone.
func (c CommittedFlip) holds(erased map[int64]bool) bool {
	return len(c.Commitment) == 32 && (c.Salt == nil && erased[c.Record] || c.Salt != nil && c.Flip().Commitment() == [32]byte(c.Commitment))
}

// chains proves the ends of intervals, which no commitment holds, from the beginnings, which are committed to: of the rows
// that stand about a record, each ends where the next begins, and a row was superseded when another was known.
func (m *Monitor) chains(ctx context.Context, q store.Q, found func(altered) error) error {
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
				if err := found(altered{row: r.ID, series: r.Series, record: r.Record, end: true, why: fmt.Sprintf("result %d ends at %s, and the next one about its record begins at %s.", r.ID, r.To, end)}); err != nil {
					return err
				}
			}
			series, record, from = r.Series, r.Record, r.From
		}
		if !full {
			return nil
		}
	}
}
