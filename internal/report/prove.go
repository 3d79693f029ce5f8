package report

import (
	"context"
	"encoding/base64"

	"tickmark/internal/fault"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/report/verify"
	"tickmark/internal/store"
)

// Prove makes the proof of the version of a record that held at a moment (zero: now), over a checkpoint signed now.
func Prove(ctx context.Context, b *record.Book, by record.Authority, kind, key string, asOf store.Moment) (verify.ProofFile, error) {
	f := verify.ProofFile{Format: verify.ProofFormat, Key: b.Log.VKey, Path: []string{}}
	k, err := b.Kinds.Named(kind)
	if err != nil {
		return f, err
	}
	if err := by.May(ctx, "read", k); err != nil {
		return f, err
	}
	v, err := b.Get(ctx, kind, key, asOf)
	if err != nil {
		return f, err
	}
	signed, err := b.Log.Checkpoint(ctx)
	if err != nil {
		return f, err
	}
	point, err := merkle.OpenCheckpoint(signed, b.Log.VKey)
	if err != nil {
		return f, err
	}
	f.Checkpoint = string(signed)
	return f, b.DB.Read(ctx, func(tx *store.Tx) error {
		list, err := b.CommittedRecord(ctx, tx, v.Record)
		if err != nil {
			return err
		}
		for _, s := range list {
			if s.Entry != v.Entry {
				continue
			}
			if s.Salt == nil {
				return fault.New(fault.NotFound, "%s %q was erased; only its place in the log is left.", k.Title, key)
			}
			r := verify.Record{Entry: s.Entry, Version: s.Committed, To: merkle.NoTime}
			line, err := r.AppendJSON(nil)
			if err != nil {
				return err
			}
			f.Version = line[:len(line)-1]
		}
		leaf, err := b.Log.Leaf(ctx, v.Entry)
		if err != nil {
			return err
		}
		f.Leaf = string(leaf.Bytes())
		path, err := b.Log.ProveEntry(ctx, tx, point.Size, v.Entry)
		if err != nil {
			return err
		}
		for _, h := range path {
			f.Path = append(f.Path, base64.StdEncoding.EncodeToString(h[:]))
		}
		return nil
	})
}
