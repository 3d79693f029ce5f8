package web

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/access"
	"tickmark/internal/anchor"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

const entriesShown = 25

func (s *site) ledger(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	log := s.Book.Log
	head, err := log.Head(ctx, s.Book.DB)
	if err != nil {
		return err
	}
	l := LedgerPage{Origin: log.Origin, Size: head.Size, Root: hex.EncodeToString(head.Root[:]), Key: log.VKey, Asked: q.Get("entry")}
	if m := at(ctx); m != 0 {
		if head.Size, err = s.sizeAt(ctx, head.Size, m); err != nil {
			return err
		}
		l.Size, l.Root = head.Size, ""
	}
	signed, when, err := s.checkpointAt(ctx, at(ctx))
	switch {
	case err == nil:
		l.Checkpoint, l.Signed = string(signed), when.Time()
	case errors.Is(err, store.ErrNotFound):
		l.Checkpoint = "None is signed yet."
	default:
		return err
	}
	if err := s.anchors(ctx, &l); err != nil {
		return err
	}
	end := head.Size
	if n, err := strconv.ParseInt(q.Get("before"), 10, 64); err == nil && n > 0 && n < end {
		end = n
	}
	start := max(0, end-entriesShown)
	if l.Recent, err = s.entries(ctx, start, end); err != nil {
		return err
	}
	if start > 0 {
		l.Older = fmt.Sprintf("/ledger?before=%d", start)
	}
	if l.Asked != "" {
		if err := s.askedEntry(ctx, &l, head.Size); err != nil {
			return err
		}
	}
	p := Page{Title: "Ledger", Section: "/ledger", Crumbs: []part.Crumb{{Text: "Assurance"}, {Text: "Ledger"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return ledgerPage(p, l) })
}

// anchors fills in who outside has seen the ledger, as of the page's moment.
func (s *site) anchors(ctx context.Context, l *LedgerPage) error {
	last, ok, err := anchor.Last(ctx, s.Book, "", at(ctx))
	if err != nil {
		return err
	}
	if ok {
		l.Anchor = last.At
	}
	if at(ctx) != 0 {
		return nil // how authorities stand is a matter of now
	}
	k, err := s.Book.Kinds.Named(anchor.AuthorityKind)
	if err != nil {
		return err
	}
	l.MayAnchor = session(ctx).May(ctx, access.Write, k) == nil
	states, err := (&anchor.Keeper{Book: s.Book}).States(ctx)
	if err != nil {
		return err
	}
	for _, a := range states {
		row := AnchorRow{Title: a.Title, Href: recordPath(anchor.AuthorityKind, a.Key), Last: a.Last.At, Size: a.Last.Size, Paused: a.Paused, Late: a.Late(s.Book.Log.Clock()), Fork: a.Fork, Why: a.Why}
		if a.Last.At.After(l.Anchor) {
			l.Anchor = a.Last.At
		}
		if row.Mirror = a.Method == anchor.ByMirror; a.Last.Size > 0 && !row.Mirror {
			row.Stamp = recordPath(anchor.StampKind, a.Last.Key())
		}
		l.Anchors = append(l.Anchors, row)
	}
	return nil
}

func anchorsLink(l LedgerPage) part.Link {
	if !l.MayAnchor {
		return part.Link{}
	}
	return part.Link{Text: "Add one", Href: part.Path("new", anchor.AuthorityKind)}
}

// sizeAt is how many entries the ledger had at a moment; recorded time never goes back, so it is found by halving.
func (s *site) sizeAt(ctx context.Context, size int64, m store.Moment) (int64, error) {
	low, high := int64(0), size
	for low < high {
		mid := (low + high) / 2
		leaf, err := s.Book.Log.Leaf(ctx, mid)
		if err != nil {
			return 0, err
		}
		if store.Moment(leaf.At) <= m {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

// checkpointAt is the newest checkpoint that was signed by a moment; zero is now.
func (s *site) checkpointAt(ctx context.Context, m store.Moment) ([]byte, store.Moment, error) {
	if m == 0 {
		return s.Book.Log.LastCheckpoint(ctx)
	}
	type row struct {
		Note []byte       `db:"note"`
		At   store.Moment `db:"at"`
	}
	r, err := store.One[row](ctx, s.Book.DB, "SELECT note, at FROM checkpoint WHERE at <= $1 ORDER BY size DESC LIMIT 1", m)
	return r.Note, r.At, err
}

func (s *site) askedEntry(ctx context.Context, l *LedgerPage, size int64) error {
	n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(l.Asked), ",", ""), 10, 64)
	if err != nil || n < 0 || n >= size {
		l.Wrong = fmt.Sprintf("The ledger has %s, numbered from 0.", part.Count(int(size), "entry", "entries"))
		return nil
	}
	rows, err := s.entries(ctx, n, n+1)
	if err != nil {
		return err
	}
	l.Entry = &rows[0]
	l.Proof, err = s.prove(ctx, n)
	return err
}

// entries are the leaves from start up to end, the newest first, with what they commit to where it is cheap to say.
func (s *site) entries(ctx context.Context, start, end int64) ([]EntryRow, error) {
	leaves, err := s.Book.Log.Entries(ctx, s.Book.DB, start, end)
	if err != nil {
		return nil, err
	}
	type action struct {
		Entry   int64  `db:"entry"`
		Verb    string `db:"verb"`
		Actor   string `db:"actor"`
		Subject string `db:"subject"`
	}
	acts, err := store.All[action](ctx, s.Book.DB, "SELECT entry, verb, actor, subject FROM action WHERE entry >= $1 AND entry < $2", start, end)
	if err != nil {
		return nil, err
	}
	did := map[int64]action{}
	for _, a := range acts {
		did[a.Entry] = a
	}
	written := map[int64]record.Version{}
	versions, err := s.Book.FromEntry(ctx, start, int(end-start))
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		if s.may(ctx, v.Kind) == nil {
			written[v.Entry] = v
		}
	}
	out := make([]EntryRow, 0, len(leaves))
	for i := len(leaves) - 1; i >= 0; i-- {
		leaf, err := merkle.ParseLeaf(leaves[i])
		if err != nil {
			return nil, err
		}
		h := tlog.RecordHash(leaves[i])
		row := EntryRow{Index: start + int64(i), What: leafWords(leaf.Type), At: store.Moment(leaf.At).Time(), Hash: hex.EncodeToString(h[:])}
		if a, ok := did[row.Index]; ok {
			row.What, row.By = part.Sentence(strings.NewReplacer(".", ": ", "_", " ").Replace(a.Verb))+" "+a.Subject, part.Who(ctx, a.Actor)
		}
		if v, ok := written[row.Index]; ok {
			e := s.event(v)
			row.What, row.Href, row.By = "Version of "+strings.ToLower(e.What[:1])+e.What[1:], hrefOf(v), part.Who(ctx, v.Actor)
		}
		out = append(out, row)
	}
	return out, nil
}

func leafWords(kind string) string {
	switch kind {
	case merkle.LeafVersion:
		return "Version of a record"
	case merkle.LeafClose:
		return "End of a record"
	case merkle.LeafRun:
		return "Run of a connection"
	case merkle.LeafResults:
		return "Changed answers of a check"
	case merkle.LeafErasure:
		return "Erasure, or bodies dropped by a rule"
	case merkle.LeafManifest:
		return "Package made"
	}
	return "Action"
}

// prove walks from an entry to the newest signed checkpoint, and checks each step before it is shown.
func (s *site) prove(ctx context.Context, entry int64) (*Proof, error) {
	log := s.Book.Log
	leaves, err := log.Entries(ctx, s.Book.DB, entry, entry+1)
	if err != nil {
		return nil, err
	}
	if len(leaves) == 0 {
		return nil, nil
	}
	leaf, err := merkle.ParseLeaf(leaves[0])
	if err != nil {
		return nil, err
	}
	hash := tlog.RecordHash(leaves[0])
	p := &Proof{Entry: entry, Commitment: hex.EncodeToString(leaf.Commitment[:]), Leaf: hex.EncodeToString(hash[:]), At: store.Moment(leaf.At).Time(), Key: log.VKey}
	signed, _, err := log.LastCheckpoint(ctx)
	if errors.Is(err, store.ErrNotFound) {
		p.Pending = true
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := merkle.OpenCheckpoint(signed, log.VKey)
	if err != nil {
		p.Wrong = "The newest checkpoint does not verify with the workspace's key: " + err.Error() + "."
		return p, nil
	}
	if c.Size <= entry {
		p.Pending = true
		return p, nil
	}
	path, err := log.ProveEntry(ctx, s.Book.DB, c.Size, entry)
	if err == nil {
		err = tlog.CheckRecord(path, c.Size, c.Root, entry, hash)
	}
	if err != nil {
		p.Wrong = "The stored tree does not lead from this entry to the signed root: " + err.Error() + "."
		return p, nil
	}
	p.Size, p.Root, p.Checkpoint = c.Size, hex.EncodeToString(c.Root[:]), string(signed)
	for _, h := range path {
		p.Path = append(p.Path, hex.EncodeToString(h[:]))
	}
	if seen, ok, err := anchor.Covering(ctx, s.Book, entry); err != nil {
		return nil, err
	} else if ok {
		p.Anchor, p.AnchorBy, p.AnchorHref = seen.At, seen.Authority, recordPath(anchor.StampKind, seen.Key())
	}
	return p, nil
}
