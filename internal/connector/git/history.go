package git

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"tickmark/internal/connector"
)

// id is a commit's name in binary: 20 bytes of SHA-1 or 32 of SHA-256.
type id [32]byte

// walk is the result of asking git for history.
type walk struct {
	size int // bytes of an id
	ids  []id
	kept int // of ids, the first so many are on the default branch
}

func (w *walk) hex(i int) string { return hex.EncodeToString(w.ids[i][:w.size]) }

// readCommits hands over each commit of the project's history. One that stood at the last complete run is only said to be
// there still, unless it came to or left the default branch meanwhile: a commit's own bytes never change, its place may.
func (r *reading) readCommits(ctx context.Context) error {
	whole := true
	fail := func(format string, args ...any) {
		whole = false
		r.missing(KindCommit, "", format, args...)
	}
	if r.repo.shallow {
		fail("The clone is shallow: the history before its first commits was not fetched. Fetch it with git fetch --unshallow.")
	}
	if len(r.refs.warnings) > 0 {
		fail("git could not read every branch and tag, so commits may be missing: %s", r.refs.warnings[0])
	}
	w, err := r.walk(ctx, fail)
	if err != nil {
		return err
	}
	moved, known, err := r.moved(ctx)
	if err != nil {
		return err
	}

	var ask []int // places in w.ids of what must be handed over
	for i := range w.ids {
		if i%4096 == 0 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if known && !moved[w.ids[i]] && r.out.Seen(KindCommit, w.hex(i)) {
			continue
		}
		ask = append(ask, i)
	}
	done, unread, first := len(w.ids)-len(ask), 0, ""
	r.out.Progress(KindCommit, done, len(w.ids))
	if r.repo.defaultHead == "" && len(w.ids) > 0 {
		r.missing(KindCommit, "on_default_branch", "No default branch could be found, so which commits are on it is not known. Name it in the setting branch.")
	}
	err = r.git.objects(ctx, KindCommit, len(ask), func(i int) string { return w.hex(ask[i]) }, func(i int, o object) error {
		if done++; done%1000 == 0 {
			r.out.Progress(KindCommit, done, len(w.ids))
		}
		if o.kind != "commit" || o.content == nil {
			if unread++; unread == 1 {
				if first = o.id + " could not be read"; o.content == nil && o.kind != "" {
					first = fmt.Sprintf("%s is larger than %d MB", o.id, maxObject>>20)
				} else if o.why != "" {
					first += " (" + o.why + ")"
				}
			}
			return nil
		}
		body, at := parseCommit(o.id, o.content)
		if r.repo.defaultHead != "" {
			on := ask[i] < w.kept
			body.OnDefault = &on
		}
		made, err := encode(body)
		if err != nil {
			return err
		}
		label := clean(body.Subject)
		if label == "" {
			label = o.id[:12]
		}
		return r.out.Item(connector.Item{Kind: KindCommit, Key: o.id, Raw: o.content, Body: made, Label: cut(label, 200), Occurred: at})
	})
	if err != nil {
		return err
	}
	r.out.Progress(KindCommit, len(w.ids), len(w.ids))
	if unread > 0 {
		fail("%d of %d commits could not be read; the first: %s. Run git fsck to see the damage.", unread, len(w.ids), first)
	}
	if whole {
		r.out.Complete(KindCommit, "")
	}
	return nil
}

// walk lists the commits of the default branch, newest first, and then those that only other names reach. When git stops at
// damage, what it listed before stands and fail says the rest.
func (r *reading) walk(ctx context.Context, fail func(string, ...any)) (*walk, error) {
	w := &walk{size: 20}
	if r.repo.objectFormat == "sha256" {
		w.size = 32
	}
	list := func(tips ...string) (sound bool, err error) {
		w.ids, err = r.git.revisions(ctx, w.ids, w.size, tips...)
		var f *failed
		if errors.As(err, &f) {
			fail("git could not walk the whole history: %s. Run git fsck to see the damage.", firstLine(f.stderr))
			return false, nil
		}
		return err == nil, err
	}
	tips := r.refs.tips()
	if head := r.repo.defaultHead; head != "" {
		sound, err := list(head)
		w.kept = len(w.ids)
		if !sound { // what else there is cannot be told apart from the default branch
			return w, err
		}
		tips = append(tips, "^"+head)
	}
	if r.repo.head != "" {
		tips = append(tips, r.repo.head) // detached, it may be on no branch
	}
	if len(tips) == 0 {
		return w, nil
	}
	_, err := list(tips...)
	return w, err
}

// moved are the commits that came to or left the default branch since the last complete run. known is false when that
// cannot be told, and everything must be handed over.
func (r *reading) moved(ctx context.Context) (moved map[id]bool, known bool, err error) {
	before, now := r.last.Default, r.repo.defaultHead
	if r.last.Version == 0 {
		return nil, false, nil
	}
	if before == now {
		return nil, true, nil
	}
	if before == "" || now == "" {
		return nil, false, nil
	}
	size := len(now) / 2
	var list []id
	for _, span := range [][]string{{now, "^" + before}, {before, "^" + now}} {
		list, err = r.git.revisions(ctx, list, size, span...)
		var f *failed
		if errors.As(err, &f) { // the old head is gone after a forced push
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
	moved = make(map[id]bool, len(list))
	for _, c := range list {
		moved[c] = true
	}
	return moved, true, nil
}

// revisions adds to list the commits that the tips reach and those marked ^ do not.
func (c *command) revisions(ctx context.Context, list []id, size int, tips ...string) ([]id, error) {
	p, err := c.start(ctx, KindCommit, strings.NewReader(strings.Join(tips, "\n")+"\n"), "rev-list", "--stdin")
	if err != nil {
		return list, err
	}
	in := bufio.NewReaderSize(p, 64<<10)
	for {
		line, err := in.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			break
		}
		var next id
		if err == nil {
			var n int
			if n, err = hex.Decode(next[:], line[:len(line)-1]); err == nil && n != size {
				err = fmt.Errorf("a name of %d bytes", n)
			}
		}
		if err != nil {
			p.stop(ctx)
			return list, fmt.Errorf("read git rev-list: %w", err)
		}
		list = append(list, next)
	}
	return list, p.end(ctx)
}
