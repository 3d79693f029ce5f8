package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/fault"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

// Exported is what Export wrote.
type Exported struct {
	Size  int64 `json:"size"`  // entries in the directory now
	Files int   `json:"files"` // written by this call
}

// Export writes the log into a directory as C2SP tlog-tiles lays it out, for any web server or disk: what is there stays, what is
// new is added, the checkpoint comes last. A directory that holds another log, or more of this one, is refused unchanged.
func (l *Log) Export(ctx context.Context, dir string, progress func(done, total int64)) (Exported, error) {
	var e Exported
	signed, err := l.Checkpoint(ctx)
	if err != nil {
		return e, err
	}
	c, err := merkle.OpenCheckpoint(signed, l.VKey)
	if err != nil {
		return e, err
	}
	if err := l.continues(ctx, dir, c); err != nil {
		return e, err
	}
	e.Size = c.Size
	for level := int64(0); c.Size>>(8*level) > 0; level++ {
		hashes := c.Size >> (8 * level)
		for index := int64(0); index*merkle.Width < hashes; index++ {
			width := int(min(merkle.Width, hashes-index*merkle.Width))
			wrote, err := l.exportTile(ctx, dir, level, index, width)
			if err == nil && level == 0 {
				var more int
				more, err = l.exportBundle(ctx, dir, index, width)
				wrote += more
			}
			if err != nil {
				return e, err
			}
			if e.Files += wrote; progress != nil && level == 0 && index%16 == 0 {
				progress(min(c.Size, (index+1)*merkle.Width), c.Size)
			}
		}
	}
	if err := WriteWhole(filepath.Join(dir, "checkpoint"), signed, true); err != nil {
		return e, cannotExport(dir, err)
	}
	e.Files++
	return e, nil
}

// continues refuses a directory whose log does not lead to c.
func (l *Log) continues(ctx context.Context, dir string, c merkle.Checkpoint) error {
	b, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return cannotExport(dir, err)
	}
	old, err := merkle.OpenCheckpoint(b, l.VKey)
	if err != nil {
		return fault.New(fault.Conflict, "%s holds another log: %w.", dir, err).WithNext("Name an empty directory.")
	}
	if old.Size > c.Size {
		return fault.New(fault.Conflict, "%s holds %d entries of this log, the workspace has %d.", dir, old.Size, c.Size).WithNext("The workspace lost entries, as a restored backup does. Keep that directory, and name another.")
	}
	root := (&merkle.Tree{}).Root()
	if old.Size > 0 {
		if root, err = tlog.TreeHash(old.Size, l.reader(ctx, l.DB, old.Size)); err != nil {
			return fmt.Errorf("compute the ledger's root at %d entries: %w", old.Size, err)
		}
	}
	if root != old.Root {
		return fault.New(fault.Conflict, "The first %d entries in %s are not those of this workspace: one of the two was rewritten.", old.Size, dir).WithNext("Keep that directory: it is the evidence. Name another.")
	}
	return nil
}

func (l *Log) exportTile(ctx context.Context, dir string, level, index int64, width int) (int, error) {
	path := filepath.Join(dir, "tile", strconv.FormatInt(level, 10), filepath.FromSlash(TilePath(index, width)))
	if info, err := os.Stat(path); err == nil && info.Size() == int64(width)*tlog.HashSize {
		return 0, nil
	}
	b, err := l.Tile(ctx, l.DB, level, index, width)
	if err != nil {
		return 0, fmt.Errorf("read tile %d/%d of the ledger: %w", level, index, err)
	}
	return 1, l.place(dir, path, b, width)
}

func (l *Log) exportBundle(ctx context.Context, dir string, index int64, width int) (int, error) {
	path := filepath.Join(dir, "tile", "entries", filepath.FromSlash(TilePath(index, width)))
	if b, err := os.ReadFile(path); err == nil && bundleOf(b, width) {
		return 0, nil
	}
	from := index * merkle.Width
	leaves, err := l.Entries(ctx, l.DB, from, from+int64(width))
	if err == nil && len(leaves) < width {
		err = store.ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("read the ledger's entries from %d: %w", from, err)
	}
	var b []byte
	for _, leaf := range leaves {
		b = AppendEntry(b, leaf)
	}
	return 1, l.place(dir, path, b, width)
}

// place writes a tile; a full one takes the place of its parts.
func (l *Log) place(dir, path string, b []byte, width int) error {
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = WriteWhole(path, b, false)
	}
	if err == nil && width == merkle.Width {
		err = os.RemoveAll(path + ".p")
	}
	if err != nil {
		return cannotExport(dir, err)
	}
	return nil
}

// bundleOf says whether b holds exactly n entries: one that a crash cut short is written again.
func bundleOf(b []byte, n int) bool {
	for ; n > 0; n-- {
		if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
			return false
		}
		b = b[2+int(binary.BigEndian.Uint16(b)):]
	}
	return len(b) == 0
}

func cannotExport(dir string, err error) error {
	return fault.New(fault.Unavailable, "The ledger cannot be written to %s: %w.", dir, err).WithNext("Free some space or name another directory, and run it again: it goes on where it stopped.")
}
