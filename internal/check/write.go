package check

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

var resultColumns = []string{"id", "series", "record", "status", "reason", "valid_from", "valid_to", "known", "superseded", "version", "basis", "entry", "salt", "commitment", "ended"}

// Flip is what the ledger holds of one changed answer, hidden where it may be personal.
type Flip struct {
	Check   string // id
	Hash    []byte // of the series
	Version int64  // ledger entry of the judged version
	Status  int64  // 0 an end, 1 pass, 2 fail, 3 unknown
	From    int64  // microseconds
	Known   int64  // microseconds
	Reason  string
	Basis   string
	Salt    []byte
}

// Commitment is the leaf of a flip in the tree over an evaluation's flips.
func (f Flip) Commitment() [32]byte {
	reason, basis := merkle.Hide(f.Salt, "reason", []byte(f.Reason)), merkle.Hide(f.Salt, "basis", []byte(f.Basis))
	return merkle.Commit([]byte("tickmark result v1"), []byte(f.Check), f.Hash, merkle.Int(f.Version), merkle.Int(f.Status),
		merkle.Int(f.From), merkle.Int(f.Known), reason[:], basis[:])
}

// FlipsCommitment is what the ledger entry of a batch of flips commits to: the check, its hash, their number and the root of
// the RFC 6962 tree over their commitments, in order of their ids.
func FlipsCommitment(check string, hash []byte, flips [][32]byte) [32]byte {
	var t merkle.Tree
	for _, f := range flips {
		t.Add(tlog.RecordHash(f[:]), func(merkle.Tile) {})
	}
	root := t.Root()
	return merkle.Commit([]byte("tickmark results v1"), []byte(check), hash, merkle.Int(int64(len(flips))), root[:])
}

// write stores a unit's flips with one ledger entry, closes what they replace, and keeps the tallies.
func (u *unit) write(ctx context.Context, tx *ledger.Tx, m *Monitor, next int64) (int64, error) {
	for _, o := range u.ended {
		var err error
		if o.drop {
			_, err = tx.Exec(ctx, "UPDATE result SET superseded = $1 WHERE series = $2 AND record = $3 AND superseded = $4 AND valid_from >= $5", tx.Now, o.Series, o.Record, store.Forever, o.cut)
		} else {
			_, err = tx.Exec(ctx, "UPDATE result SET valid_to = $1, ended = $2 WHERE id = $3", o.To, tx.Now, o.ID)
		}
		if err != nil {
			return next, err
		}
	}
	rows := make([][]any, 0, len(u.flips))
	hashes := make([][32]byte, 0, len(u.flips))
	for _, a := range u.flips {
		if a.copy != 0 { // what somebody changed in the database is not committed to a second time
			ok, err := m.backed(ctx, tx, a.copy)
			if err != nil {
				return next, err
			}
			if !ok {
				if a.To == store.Forever {
					u.delta[a.Status]--
					u.delta[codes[Unknown]]++
				}
				a.Status, a.Reason, a.Basis = codes[Unknown], wasAltered, basis{Corrects: a.copy, Altered: true}.text()
			}
		}
		f := Flip{Check: u.ID, Hash: u.series.Hash, Version: a.Entry, Status: a.Status, From: int64(a.From), Known: int64(tx.Now),
			Reason: a.Reason, Basis: a.Basis, Salt: merkle.NewSalt()}
		c := f.Commitment()
		hashes = append(hashes, c)
		next++
		a.ID, a.Known = next, tx.Now
		ended := store.Forever // not 0: a row that does not grow stays where it is when it ends
		if a.To != store.Forever {
			ended = tx.Now
		}
		rows = append(rows, []any{a.ID, a.Series, a.Record, a.Status, a.Reason, a.From, a.To, a.Known, store.Forever, a.Version, a.Basis, int64(0), f.Salt, c[:], ended})
	}
	if len(rows) > 0 {
		entry := tx.Append(merkle.LeafResults, FlipsCommitment(u.ID, u.series.Hash, hashes))
		for _, r := range rows {
			r[11] = entry
		}
		if err := store.Insert(ctx, tx, "result", resultColumns, rows); err != nil {
			return next, err
		}
	}
	return next, u.tally(ctx, tx)
}

// tally keeps the present counts of a series, and what they were when.
func (u *unit) tally(ctx context.Context, tx *ledger.Tx) error {
	var counts, history [][]any
	for status, n := range u.delta {
		if n == 0 || status == 0 {
			continue
		}
		counts = append(counts, []any{u.series.ID, status, n})
		had, err := store.All[int64](ctx, tx, "SELECT n FROM result_tally WHERE series = $1 AND status = $2", u.series.ID, status)
		if err != nil {
			return err
		}
		if len(had) > 0 {
			n += had[0]
		}
		history = append(history, []any{u.series.ID, status, tx.Now, n})
	}
	if err := store.InsertOr(ctx, tx, "result_tally", []string{"series", "status", "n"}, "ON CONFLICT (series, status) DO UPDATE SET n = result_tally.n + excluded.n", counts); err != nil {
		return err
	}
	return store.Insert(ctx, tx, "result_history", []string{"series", "status", "at", "n"}, history)
}
