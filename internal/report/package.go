// Package report makes what leaves the house. The one rule: everything in it carries its proof, and what is left out is said
// in it; a package that would not verify is never handed over.
package report

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/anchor"
	"tickmark/internal/blob"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/report/archive"
	"tickmark/internal/report/verify"
	"tickmark/internal/store"
)

// Options say what goes into a package.
type Options struct {
	Book           *record.Book
	Blobs          blob.Store // nil: files are listed as missing
	By             record.Authority
	Release        string                               // of this program
	Kinds          []string                             // only these; empty: every kind of the company's room
	Redact         bool                                 // leave out records of kinds with personal data, and who did what
	WithoutAnswers bool                                 // leave out the unedited answers of sources
	Temp           string                               // where to work; empty: the system's folder for such things
	Progress       func(what string, done, total int64) // may be nil
}

// packing is one package under way.
type packing struct {
	Options
	ctx      context.Context
	tx       *store.Tx
	dir      string
	m        verify.Manifest
	parts    map[string]*part
	index    map[string]*part // by kind
	kinds    map[string]*verify.Kind
	entries  []entry
	erasures map[int64]int64
	drops    map[int64]int64 // by the entry of a version: the dropping of its body
	files    map[string]bool // SHA-256 that records name
	left     map[verify.LeftOut]int64
	row      []byte

	commits map[int64]bool // runs whose record commits to answers
	shown   map[int64]bool // runs whose answers and traces are listed
	traced  []tracedTo
}

type entry struct {
	commitment [32]byte
	typ        string
	taken      bool
	open       bool
}

// Package writes a package of the records as they stand now, with their whole history. Its manifest is sealed by an entry of
// the log before the checkpoint that it carries.
func Package(ctx context.Context, o Options, w io.Writer) (verify.Manifest, error) {
	p := &packing{Options: o, ctx: ctx, parts: map[string]*part{}, index: map[string]*part{}, kinds: map[string]*verify.Kind{}, erasures: map[int64]int64{}, drops: map[int64]int64{},
		files: map[string]bool{}, left: map[verify.LeftOut]int64{}, commits: map[int64]bool{}}
	p.m = verify.Manifest{Format: verify.Format, Origin: o.Book.Log.Origin, By: o.By.Actor().Name, Release: o.Release, Redacted: o.Redact,
		Kinds: []verify.Kind{}, LeftOut: []verify.LeftOut{}, Checks: []verify.Setting{}, Missing: []string{}}
	for _, name := range o.Kinds {
		k, err := o.Book.Kinds.Named(name)
		if err != nil {
			return p.m, err
		}
		if k.Room != record.Company {
			return p.m, fault.New(fault.NotFound, "There is no kind %q.", name)
		}
	}
	for _, k := range o.Book.Kinds.All() {
		if p.withheld(k.Name) == nil {
			if err := o.By.May(ctx, "read", k); err != nil {
				return p.m, err
			}
		}
	}
	var err error
	if p.dir, err = os.MkdirTemp(o.Temp, "tickmark-package-*"); err != nil {
		return p.m, cannotWrite(err)
	}
	defer os.RemoveAll(p.dir)
	if err := o.Book.DB.Read(ctx, p.gather); err != nil {
		return p.m, err
	}
	return p.m, p.deliver(w)
}

// PackageFile writes a package to a path and verifies it with the workspace's own key before it gets its name.
func PackageFile(ctx context.Context, o Options, path string) (m verify.Manifest, v verify.Verdict, err error) {
	if o.Temp == "" {
		o.Temp = filepath.Dir(path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".package-*")
	if err != nil {
		return m, v, cannotWrite(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if m, err = Package(ctx, o, f); err != nil {
		return m, v, err
	}
	if err := f.Sync(); err != nil {
		return m, v, cannotWrite(err)
	}
	if v, err = Verify(ctx, f.Name(), o.Book.Log.VKey); err != nil {
		return m, v, err
	}
	if !v.OK {
		return m, v, fault.New(fault.Internal, "The package does not verify and was not kept: %s", v.Failed()[0].Detail).WithNext("Run tickmark ledger verify.")
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return m, v, cannotWrite(err)
	}
	return m, v, nil
}

// Verify verifies a package or proof against a verifier key; without one, against its own word.
func Verify(ctx context.Context, path, vkey string) (verify.Verdict, error) {
	return verify.File(ctx, path, verify.Options{Key: vkey})
}

// withheld says why records of a kind are left out; nil: they are not.
func (p *packing) withheld(kind string) *verify.LeftOut {
	k, err := p.Book.Kinds.Named(kind)
	switch {
	case err != nil || k.Room != record.Company:
		return &verify.LeftOut{What: "versions of records outside the company's room", Why: "They belong to another room of the workspace."}
	case len(p.Kinds) > 0 && !slices.Contains(p.Kinds, kind) && kind != anchor.StampKind && !(kind == collect.RunKind && p.sources()): // whoever verifies anything asks since when it is unchanged, and runs commit to answers
		return &verify.LeftOut{What: "versions of " + k.Plural + " (" + kind + ")", Why: "The package was made for other kinds."}
	case p.Redact && personal(k.Fields):
		return &verify.LeftOut{What: "versions of " + k.Plural + " (" + kind + ")", Why: "They hold personal data, and the package is redacted."}
	}
	return nil
}

// sources reports whether a package that is made for some kinds has answers of sources behind them.
func (p *packing) sources() bool {
	return !p.WithoutAnswers && !p.Redact && slices.ContainsFunc(p.Kinds, func(name string) bool {
		k, err := p.Book.Kinds.Named(name)
		return err == nil && k.Collected
	})
}

func personal(fields []record.Field) bool {
	return slices.ContainsFunc(fields, func(f record.Field) bool { return f.Personal || personal(f.Fields) })
}

func (p *packing) open(name string) (*part, error) {
	if q := p.parts[name]; q != nil {
		return q, nil
	}
	q, err := newPart(p.dir, name, archive.Deflated)
	if err == nil {
		p.parts[name] = q
	}
	return q, err
}

func (p *packing) write(name string, b []byte) error {
	q, err := p.open(name)
	if err != nil {
		return err
	}
	_, err = q.Write(b)
	return err
}

func (p *packing) progress(what string, done, total int64) {
	if p.Progress != nil {
		p.Progress(what, done, total)
	}
}

// gather packs everything in one snapshot.
func (p *packing) gather(tx *store.Tx) error {
	p.tx = tx
	head, err := p.Book.Log.Head(p.ctx, tx)
	if err != nil {
		return err
	}
	p.m.Entries = head.Size
	if head.Size > 0 {
		p.m.AsOf = head.At.String()
	}
	for _, step := range []func() error{p.leaves, p.actions, p.versions, p.answers, p.results, p.series, p.coverage, p.accounted, p.blobs, p.finish} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// deliver seals the manifest in the log, signs a checkpoint over it and writes the archive.
func (p *packing) deliver(w io.Writer) error {
	manifest, err := json.MarshalIndent(p.m, "", "  ")
	if err != nil {
		return err
	}
	manifest = append(manifest, '\n')
	sum := sha256.Sum256(manifest)
	log := p.Book.Log
	var seal verify.Action
	err = log.Write(p.ctx, func(tx *ledger.Tx) error {
		entry, err := tx.ActAs(p.ctx, merkle.LeafManifest, verify.SealVerb, p.m.By, "package", verify.SealDetail{Manifest: hex.EncodeToString(sum[:]), Entries: p.m.Entries})
		if err != nil {
			return err
		}
		list, err := store.All[ledger.Action](p.ctx, tx, "SELECT entry, at, verb, actor, subject, detail, salt FROM action WHERE entry = $1", entry)
		if err != nil || len(list) != 1 {
			return fmt.Errorf("read the seal back (%d rows): %w", len(list), err)
		}
		seal = verify.Action{Entry: entry, Type: merkle.LeafManifest, Action: list[0].Opening()}
		return nil
	})
	if err != nil {
		return fmt.Errorf("seal the package: %w", err)
	}
	sealed, err := seal.AppendJSON(nil)
	if err != nil {
		return err
	}
	signed, err := log.Checkpoint(p.ctx)
	if err != nil {
		return err
	}
	point, err := merkle.OpenCheckpoint(signed, log.VKey)
	if err != nil {
		return err
	}
	bundle, err := p.bundle(point.Size, point.Root)
	if err != nil {
		return err
	}
	a := archive.NewWriter(w)
	for _, s := range []struct {
		name string
		b    []byte
	}{{verify.ReadmeFile, nil}, {verify.ManifestFile, manifest}, {verify.SealFile, sealed}, {verify.CheckpointFile, signed}, {verify.KeyFile, []byte(log.VKey + "\n")}} {
		if s.b == nil {
			err = p.parts[s.name].into(a)
		} else {
			n := int64(len(s.b))
			err = a.Add(archive.Member{Name: s.name, CRC: archive.CRC(s.b), Size: n, Packed: n}, strings.NewReader(string(s.b)))
		}
		if err != nil {
			return err
		}
	}
	if err := bundle.into(a); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.parts)) {
		if name == verify.ReadmeFile {
			continue
		}
		if err := p.parts[name].into(a); err != nil {
			return err
		}
	}
	if err := a.Close(); err != nil {
		return cannotWrite(err)
	}
	return nil
}

// bundle is the log's leaves up to the checkpoint.
func (p *packing) bundle(size int64, root tlog.Hash) (*part, error) {
	q, err := newPart(p.dir, verify.LogFile, archive.Stored)
	if err != nil {
		return nil, err
	}
	var tree merkle.Tree
	var b []byte
	for from := int64(0); from < size; from += 4096 {
		list, err := p.Book.Log.Entries(p.ctx, p.Book.DB, from, min(from+4096, size))
		if err != nil {
			return nil, fmt.Errorf("read the log: %w", err)
		}
		b = b[:0]
		for _, leaf := range list {
			b = ledger.AppendEntry(b, leaf)
			tree.Add(tlog.RecordHash(leaf), func(merkle.Tile) {})
		}
		if _, err := q.Write(b); err != nil {
			return nil, err
		}
	}
	if tree.N != size || tree.Root() != root {
		return nil, unsound("its entries do not give the root that was signed")
	}
	return q, q.done()
}
