package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
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

// Place is where a log is copied to, under the names of C2SP tlog-tiles.
type Place interface {
	Read(ctx context.Context, name string) ([]byte, error) // fs.ErrNotExist when there is nothing
	Write(ctx context.Context, name string, b []byte) error
	Overtaken(ctx context.Context, name string) error // the tile is full: its parts may go
	Settled() bool                                    // whether all that a checkpoint there speaks of is there, whole
	String() string
}

// Export writes the log into a directory, for any web server or disk. It looks at every file, so that one that was lost or cut
// short is written again.
func (l *Log) Export(ctx context.Context, dir string, progress func(done, total int64)) (Exported, error) {
	return l.ExportTo(ctx, folder(dir), progress)
}

// ExportTo copies the log as C2SP tlog-tiles lays it out: what is there stays, what is new is added, the checkpoint comes last. A
// place that holds another log, or more of this one, is refused unchanged.
func (l *Log) ExportTo(ctx context.Context, to Place, progress func(done, total int64)) (Exported, error) {
	var e Exported
	signed, err := l.Checkpoint(ctx)
	if err != nil {
		return e, err
	}
	c, err := merkle.OpenCheckpoint(signed, l.VKey)
	if err != nil {
		return e, err
	}
	old, err := l.continues(ctx, to, c)
	if err != nil {
		return e, err
	}
	if !to.Settled() {
		old = 0
	}
	e.Size = c.Size
	for level := int64(0); c.Size>>(8*level) > 0; level++ {
		hashes := c.Size >> (8 * level)
		for index := (old >> (8 * level)) / merkle.Width; index*merkle.Width < hashes; index++ {
			width := int(min(merkle.Width, hashes-index*merkle.Width))
			wrote, err := l.exportTile(ctx, to, level, index, width)
			if err == nil && level == 0 {
				var more int
				more, err = l.exportBundle(ctx, to, index, width)
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
	if err := to.Write(ctx, checkpointFile, signed); err != nil {
		return e, cannotExport(to, err)
	}
	e.Files++
	return e, nil
}

const checkpointFile = "checkpoint"

// continues refuses a place whose log does not lead to c, and returns how many entries are there.
func (l *Log) continues(ctx context.Context, to Place, c merkle.Checkpoint) (int64, error) {
	b, err := to.Read(ctx, checkpointFile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, cannotExport(to, err)
	}
	old, err := merkle.OpenCheckpoint(b, l.VKey)
	if err != nil {
		return 0, fault.New(fault.Conflict, "%s holds another log: %w.", to, err).WithNext("Name a place where nothing is.")
	}
	if old.Size > c.Size {
		return 0, fault.New(fault.Conflict, "%s holds %d entries of this log, the workspace has %d.", to, old.Size, c.Size).WithNext("The workspace lost entries, as a restored backup does. Keep that copy, and name another place.")
	}
	root := (&merkle.Tree{}).Root()
	if old.Size > 0 {
		if root, err = tlog.TreeHash(old.Size, l.reader(ctx, l.DB, old.Size)); err != nil {
			return 0, fmt.Errorf("compute the ledger's root at %d entries: %w", old.Size, err)
		}
	}
	if root != old.Root {
		return 0, fault.New(fault.Conflict, "The first %d entries in %s are not those of this workspace: one of the two was rewritten.", old.Size, to).WithNext("Keep that copy: it is the evidence. Name another place.")
	}
	return old.Size, nil
}

func (l *Log) exportTile(ctx context.Context, to Place, level, index int64, width int) (int, error) {
	name := path.Join("tile", strconv.FormatInt(level, 10), TilePath(index, width))
	b, err := l.Tile(ctx, l.DB, level, index, width)
	if err != nil {
		return 0, fmt.Errorf("read tile %d/%d of the ledger: %w", level, index, err)
	}
	if there, err := to.Read(ctx, name); err == nil && bytes.Equal(there, b) {
		return 0, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, cannotExport(to, err)
	}
	return 1, place(ctx, to, name, b, width)
}

func (l *Log) exportBundle(ctx context.Context, to Place, index int64, width int) (int, error) {
	name := path.Join("tile", "entries", TilePath(index, width))
	if b, err := to.Read(ctx, name); err == nil && bundleOf(b, width) {
		return 0, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, cannotExport(to, err)
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
	return 1, place(ctx, to, name, b, width)
}

// place writes a tile; a full one takes the place of its parts.
func place(ctx context.Context, to Place, name string, b []byte, width int) error {
	err := to.Write(ctx, name, b)
	if err == nil && width == merkle.Width {
		err = to.Overtaken(ctx, name)
	}
	if err != nil {
		return cannotExport(to, err)
	}
	return nil
}

// folder is a directory as a place; it is made when something is written.
type folder string

func (f folder) at(name string) string { return filepath.Join(string(f), filepath.FromSlash(name)) }
func (f folder) String() string        { return string(f) }
func (f folder) Settled() bool         { return false }

func (f folder) Read(_ context.Context, name string) ([]byte, error) { return os.ReadFile(f.at(name)) }

func (f folder) Write(_ context.Context, name string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.at(name)), 0o755); err != nil {
		return err
	}
	return WriteWhole(f.at(name), b, name == checkpointFile)
}

func (f folder) Overtaken(_ context.Context, name string) error {
	return os.RemoveAll(f.at(name) + ".p")
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

func cannotExport(to Place, err error) error {
	return fault.New(fault.Unavailable, "The ledger cannot be written to %s: %w.", to, err).WithNext("Free some space or name another place, and run it again: it goes on where it stopped.")
}
