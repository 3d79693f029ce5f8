package anchor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tickmark/internal/bucket"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// gitSchemes are the remotes that a mirror may be pushed to, after "git+". Others, such as ext::, could run programs.
var gitSchemes = []string{"https://", "ssh://", "file://"}

// goodMirror refuses an address that no copy could go to.
func goodMirror(address string) error {
	if bucket.Is(address) {
		_, err := bucket.Open(address)
		return err
	}
	remote, ok := strings.CutPrefix(address, "git+")
	if !ok || !slices.ContainsFunc(gitSchemes, func(s string) bool {
		return strings.HasPrefix(remote, s) && len(remote) > len(s) && remote[len(s)] != '-'
	}) {
		return fault.New(fault.Invalid, "url: %q is no address that the ledger can be copied to.", address).WithNext("Write it as s3://BUCKET/PREFIX?endpoint=…&retain=30d, or git+https://… or git+ssh://….")
	}
	return nil
}

// copyTo brings a mirror up to date and writes down that it is.
func (k *Keeper) copyTo(ctx context.Context, a Authority) (Stamp, error) {
	var e ledger.Exported
	var err error
	if bucket.Is(a.URL) {
		var b *bucket.Bucket
		if b, err = bucket.Open(a.URL); err == nil {
			e, err = k.Book.Log.ExportTo(ctx, shelf{b}, nil)
		}
	} else {
		e, err = k.push(ctx, a)
	}
	if fault.Is(err, fault.Conflict) {
		var f *fault.Fault
		errors.As(err, &f)
		return Stamp{}, &refusal{strings.TrimSuffix(f.Message, ".")}
	}
	if err != nil {
		return Stamp{}, err
	}
	s := Stamp{Authority: a.URL, Anchor: a.Key, Size: e.Size}
	err = k.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		s.At = tx.Now.Time()
		_, err := tx.Act(ctx, "anchor.mirrored", "job:anchor", AuthorityKind+"/"+a.Key, map[string]any{"size": e.Size, "files": e.Files, "url": a.URL})
		return err
	})
	return s, err
}

// last is when an anchor last saw the ledger, and how much of it; At is zero for never.
func (k *Keeper) last(ctx context.Context, a Authority) (Stamp, error) {
	if a.Method != ByMirror {
		s, _, err := Last(ctx, k.Book, a.Key, 0)
		return s, err
	}
	at, detail, err := k.lastAct(ctx, a, "anchor.mirrored")
	if err != nil || detail == nil {
		return Stamp{}, err
	}
	s := Stamp{Authority: a.URL, Anchor: a.Key, At: at}
	err = json.Unmarshal(detail, &s)
	return s, err
}

// lastAct is the newest action of a verb on an anchor; its detail is nil when there is none.
func (k *Keeper) lastAct(ctx context.Context, a Authority, verb string) (time.Time, []byte, error) {
	type row struct {
		At     store.Moment `db:"at"`
		Detail []byte       `db:"detail"`
	}
	r, err := store.One[row](ctx, k.Book.DB, "SELECT at, detail FROM action WHERE subject = $1 AND verb = $2 ORDER BY entry DESC LIMIT 1", AuthorityKind+"/"+a.Key, verb)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil, nil
	}
	return r.At.Time(), r.Detail, err
}

// shelf is a bucket as a place of a log.
type shelf struct{ b *bucket.Bucket }

func (s shelf) String() string { return s.b.String() }

// Settled: an object is there whole or not at all, and the checkpoint comes last.
func (s shelf) Settled() bool { return true }

func (s shelf) Read(ctx context.Context, name string) ([]byte, error) {
	r, _, err := s.b.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, 16<<20))
}

func (s shelf) Write(ctx context.Context, name string, b []byte) error {
	return s.b.Put(ctx, name, bytes.NewReader(b), int64(len(b)), sha256.Sum256(b), true)
}

// Overtaken leaves the parts of a tile that is full now: under a lock they could not be removed.
func (s shelf) Overtaken(context.Context, string) error { return nil }

// push exports into a working copy of a git repository, commits, and pushes the branch main.
func (k *Keeper) push(ctx context.Context, a Authority) (e ledger.Exported, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	dir := k.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "tickmark-mirror-*"); err != nil {
			return e, err
		}
		defer os.RemoveAll(dir)
	}
	remote := strings.TrimPrefix(a.URL, "git+")
	name := sha256.Sum256([]byte(a.Key + "\x00" + remote))
	work := filepath.Join(dir, hex.EncodeToString(name[:8]))
	if err := os.MkdirAll(work, 0o700); err != nil {
		return e, err
	}
	git := func(args ...string) (string, error) {
		c := exec.CommandContext(ctx, "git", append([]string{"-C", work, "-c", "user.name=Tickmark", "-c", "user.email=tickmark@localhost", "-c", "commit.gpgsign=false",
			"-c", "core.hooksPath=" + os.DevNull, "-c", "core.autocrlf=false", "-c", "protocol.ext.allow=never", "-c", "gc.autoDetach=false", "-c", "maintenance.autoDetach=false"}, args...)...)
		c.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_SSH_COMMAND=ssh -o BatchMode=yes", "LC_ALL=C")
		var wrong bytes.Buffer
		c.Stderr = &wrong
		out, err := c.Output()
		if err != nil {
			if said := strings.TrimSpace(wrong.String()); said != "" {
				err = errors.New(said[strings.LastIndexByte(said, '\n')+1:])
			}
			err = fmt.Errorf("git %s: %w", args[0], err)
		}
		return strings.TrimSpace(string(out)), err
	}
	if _, err := os.Stat(filepath.Join(work, ".git")); err != nil {
		if _, err := git("init", "--quiet"); err != nil {
			return e, err
		}
	}
	// What the remote's branch has is where the copy goes on, whatever a run that was cut off left here.
	const branch = "refs/heads/main"
	there, err := git("ls-remote", "--quiet", remote, branch)
	if err != nil {
		return e, err
	}
	if there != "" {
		for _, args := range [][]string{{"fetch", "--quiet", "--depth", "1", "--no-tags", remote, branch}, {"reset", "--quiet", "--hard", "FETCH_HEAD"}, {"clean", "--quiet", "-fdx"}} {
			if _, err := git(args...); err != nil {
				return e, err
			}
		}
	}
	if e, err = k.Book.Log.Export(ctx, work, nil); err != nil {
		return e, err
	}
	if _, err := git("add", "--all", "."); err != nil {
		return e, err
	}
	if changed, err := git("status", "--porcelain"); err != nil || changed == "" {
		return e, err
	}
	if _, err := git("commit", "--quiet", "-m", fmt.Sprintf("The first %d entries of %s", e.Size, k.Book.Log.Origin)); err != nil {
		return e, err
	}
	_, err = git("push", "--quiet", remote, "HEAD:"+branch)
	return e, err
}
