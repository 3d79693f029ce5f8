package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/fault"
	"tickmark/internal/ledger/merkle"
)

// Follower watches a published log from outside, with nothing but its verifier key.
type Follower struct {
	Base string // where its /checkpoint and /tile are
	VKey string
	HTTP *http.Client
}

// Fork is a log that does not go on from what was known of it: the two signed checkpoints cannot both be of one log.
type Fork struct {
	Known, Shown []byte
	Why          string
}

func (f *Fork) Error() string { return f.Why }

// Follow reads the log's checkpoint and proves that it goes on from the one known before; nil for the first. A *Fork says that
// it does not; any other error, that it could not be seen.
func (f *Follower) Follow(ctx context.Context, known []byte) ([]byte, merkle.Checkpoint, error) {
	none := merkle.Checkpoint{}
	signed, err := f.get(ctx, "checkpoint", 64<<10)
	if err != nil {
		return nil, none, err
	}
	c, err := merkle.OpenCheckpoint(signed, f.VKey)
	if err != nil {
		return nil, none, fault.New(fault.Invalid, "%s shows no checkpoint signed by that key: %w.", f.Base, err).WithNext("Compare the key with the one that tickmark ledger checkpoint prints.")
	}
	if known == nil {
		return signed, c, nil
	}
	old, err := merkle.OpenCheckpoint(known, f.VKey)
	if err != nil {
		return nil, none, fault.New(fault.Invalid, "The checkpoint kept from before is not signed by that key: %w.", err)
	}
	fork := func(format string, args ...any) error {
		return &Fork{Known: known, Shown: signed, Why: fmt.Sprintf(format, args...)}
	}
	switch {
	case c.Size < old.Size:
		return nil, c, fork("The log went back: it had %d entries and has %d now.", old.Size, c.Size)
	case c.Size == old.Size && c.Root != old.Root:
		return nil, c, fork("Two signed checkpoints of %d entries have different roots: the log was rewritten.", c.Size)
	case c.Size == old.Size || old.Size == 0:
		return signed, c, nil
	}
	read := &tiles{ctx: ctx, f: f}
	proof, err := tlog.ProveTree(c.Size, old.Size, tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, read))
	if read.err != nil {
		return nil, c, read.err
	}
	if err == nil {
		err = tlog.CheckTree(proof, c.Size, c.Root, old.Size, old.Root)
	}
	if err != nil {
		return nil, c, fork("The %d entries known before are not the first of the %d that the log has now: it was rewritten (%v).", old.Size, c.Size, err)
	}
	return signed, c, nil
}

// tiles reads tiles over HTTP; TileHashReader proves each against the checkpoint before it is used.
type tiles struct {
	ctx context.Context
	f   *Follower
	err error // why one could not be read, which is no verdict on the log
}

func (t *tiles) Height() int                     { return 8 }
func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t *tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(list))
	for i, x := range list {
		b, err := t.f.get(t.ctx, "tile/"+strconv.Itoa(x.L)+"/"+TilePath(x.N, x.W), merkle.Width*tlog.HashSize)
		if err != nil && x.W < merkle.Width { // the part may have become whole meanwhile
			b, err = t.f.get(t.ctx, "tile/"+strconv.Itoa(x.L)+"/"+TilePath(x.N, merkle.Width), merkle.Width*tlog.HashSize)
			if err == nil && len(b) >= x.W*tlog.HashSize {
				b = b[:x.W*tlog.HashSize]
			}
		}
		if err != nil {
			t.err = err
			return nil, err
		}
		out[i] = b
	}
	return out, nil
}

func (f *Follower) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	base, err := url.Parse(f.Base)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fault.New(fault.Usage, "%q is not an address that begins with https:// or http://.", f.Base)
	}
	at := strings.TrimSuffix(f.Base, "/") + "/" + path
	unseen := func(err error) error {
		return fault.New(fault.Incomplete, "%s cannot be read: %w.", at, err).WithNext("Nothing is proved or refuted. Try again when it answers.")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, unseen(err)
	}
	answer, err := f.HTTP.Do(r)
	if err != nil {
		return nil, unseen(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, unseen(errors.New("it answers " + answer.Status))
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("it answers with more than %d bytes", limit)
	}
	if err != nil {
		return nil, unseen(err)
	}
	return b, nil
}

// Evidence is the fork as it is handed to others: both signed checkpoints, one after the other.
func (f *Fork) Evidence() []byte {
	return fmt.Appendf(nil, "%s\n\n-- known before --\n%s\n-- shown now --\n%s\n", f.Why, f.Known, f.Shown)
}
