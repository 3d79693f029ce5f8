package ledger

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/fault"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

// seenFile keeps, apart from the database, the newest checkpoint that was signed here: a database that does not hold its
// entries is an old copy or another one.
const seenFile = "ledger.seen"

// Loss is what a database lacks of the log that was signed here.
type Loss struct {
	Seen merkle.Checkpoint // the newest that was signed
	Size int64             // of the log in the database
	Note []byte            // the signed checkpoint
}

// Refusal says why the workspace is not opened.
func (l *Loss) Refusal() error {
	if l.Size < l.Seen.Size {
		return fault.New(fault.Conflict, "This database is older than its ledger: a checkpoint over %d entries was signed here, the database has %d.", l.Seen.Size, l.Size).
			WithNext("Put the newer database back. If a backup was restored on purpose, run tickmark ledger accept-restore: what is lost is written down and stays visible.")
	}
	return fault.New(fault.Conflict, "This database holds another ledger than the one that was signed here: its first %d entries are others.", l.Seen.Size).
		WithNext("Put the right database back. If a backup was restored on purpose, run tickmark ledger accept-restore: what is lost is written down and stays visible.")
}

// Lost compares the database with the newest checkpoint that was signed here; nil when the log goes on from it, or none was.
func (l *Log) Lost(ctx context.Context) (*Loss, error) {
	b, err := os.ReadFile(l.seen)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The newest checkpoint cannot be read: %w.", err)
	}
	c, err := merkle.OpenCheckpoint(b, l.VKey)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "%s does not hold a checkpoint of this ledger: %w.", l.seen, err).WithNext("Restore it from the backup. Without it, a database that went back in time is not noticed.")
	}
	h, err := l.Head(ctx, l.DB) // after the file: a writer beside us moves the head first
	if err != nil {
		return nil, err
	}
	loss := &Loss{Seen: c, Size: h.Size, Note: b}
	if h.Size < c.Size {
		return loss, nil
	}
	root := (&merkle.Tree{}).Root()
	if c.Size > 0 {
		if root, err = tlog.TreeHash(c.Size, l.reader(ctx, l.DB, c.Size)); err != nil {
			return nil, fmt.Errorf("compute the ledger's root at %d entries: %w", c.Size, err)
		}
	}
	if root != c.Root {
		return loss, nil
	}
	return nil, nil
}

// Notice keeps the newest checkpoint of the database, whichever server signed it, so that this one too notices when the database
// goes back. It refuses as Lost does.
func (l *Log) Notice(ctx context.Context) error {
	loss, err := l.Lost(ctx)
	if err != nil {
		return err
	}
	if loss != nil {
		return loss.Refusal()
	}
	signed, _, err := l.LastCheckpoint(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the newest checkpoint: %w", err)
	}
	if known, err := os.ReadFile(l.seen); err == nil && bytes.Equal(known, signed) {
		return nil
	}
	return l.remember(signed)
}

// Accept goes on from the database as it is, and writes down which part of the log was lost. An outsider who knew that part
// will see that this log does not go on from it.
func (l *Log) Accept(ctx context.Context, actor string) (*Loss, error) {
	loss, err := l.Lost(ctx)
	if err != nil || loss == nil {
		return loss, err
	}
	err = l.Write(ctx, func(tx *Tx) error {
		_, err := tx.Act(ctx, "ledger.restored", actor, "ledger", map[string]any{"seen_size": loss.Seen.Size, "seen_root": hex.EncodeToString(loss.Seen.Root[:]),
			"seen_checkpoint": string(loss.Note), "size": loss.Size})
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := os.Rename(l.seen, fmt.Sprintf("%s.lost-%d", l.seen, loss.Seen.Size)); err != nil {
		return nil, fault.New(fault.Unavailable, "The lost checkpoint cannot be set aside: %w.", err)
	}
	_, err = l.Checkpoint(ctx)
	return loss, err
}

// remember keeps a signed checkpoint apart from the database; the file is the old one or the new one, whole.
func (l *Log) remember(signed []byte) error {
	if l.seen == "" {
		return nil
	}
	if err := WriteWhole(l.seen, signed, true); err != nil {
		return fault.New(fault.Unavailable, "The newest checkpoint cannot be kept in %s: %w.", l.seen, err)
	}
	return nil
}

// WriteWhole puts a file in place at once; lasting waits until the disk has it.
func WriteWhole(path string, b []byte, lasting bool) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil && lasting {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
