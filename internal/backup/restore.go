package backup

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tickmark/internal/blob"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

const (
	maxManifest = 256 << 20
	maxLine     = 256 << 20
	maxFile     = 16 << 30
	batch       = 200
)

// Target is where a workspace is restored to.
type Target struct {
	Data     string // a directory that does not exist or is empty
	Database string // postgres://…, with nothing of a workspace in it; empty: SQLite in Data
	Files    string // s3://…, where evidence and attachments go; empty: the folder files in Data
	Keys     string // directory of ledger.key and secret.key; empty: those in the backup
	Actor    string // who restores
	Progress func(what string, done, total int64)
}

// Restore makes a workspace of a backup. Until everything in it is proved, it stands under another name, so that what was
// begun and not ended leaves nothing that could be taken for a workspace.
func Restore(ctx context.Context, file string, to Target) (m Manifest, err error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return m, fault.New(fault.Invalid, "%s is no whole backup: %w.", file, err).WithNext("A backup that was cut short cannot be restored; take the one before.")
	}
	defer z.Close()
	r := &reader{file: file, to: to, members: map[string]*zip.File{}}
	for _, f := range z.File {
		if r.members[f.Name] != nil {
			return m, r.wrong("it holds %s twice", f.Name)
		}
		r.members[f.Name] = f
	}
	if err := r.manifest(); err != nil {
		return r.m, err
	}
	if left, err := os.ReadDir(to.Data); err == nil && len(left) > 0 {
		return r.m, fault.New(fault.Conflict, "%s is not empty.", to.Data).WithNext("Restore into a new directory; nothing that is there is overwritten.")
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return r.m, fault.New(fault.Unavailable, "%s cannot be used: %w.", to.Data, err)
	}
	work := strings.TrimSuffix(to.Data, string(filepath.Separator)) + ".restoring"
	if err := os.RemoveAll(work); err == nil { // what an interrupted one left
		err = os.MkdirAll(work, 0o700)
	}
	if err != nil {
		return r.m, fault.New(fault.Unavailable, "%s cannot be made: %w.", work, err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(work)
		}
	}()
	if err := r.keys(work); err != nil {
		return r.m, err
	}
	if err := r.files(ctx, work); err != nil {
		return r.m, err
	}
	address := to.Database
	if address == "" {
		address = "sqlite:" + filepath.Join(work, "tickmark.db")
	}
	filled, err := r.tables(ctx, address)
	defer func() {
		if err != nil && filled && to.Database != "" {
			err = errors.Join(err, r.empty(context.WithoutCancel(ctx)))
		}
	}()
	if err != nil {
		return r.m, err
	}
	if err := r.prove(ctx, work); err != nil {
		return r.m, err
	}
	os.Remove(to.Data) // it is empty, or not there
	if err := os.Rename(work, to.Data); err != nil {
		return r.m, fault.New(fault.Unavailable, "The restored workspace cannot be put in place: %w.", err)
	}
	return r.m, nil
}

type reader struct {
	file    string
	to      Target
	m       Manifest
	members map[string]*zip.File
}

func (r *reader) wrong(format string, args ...any) error {
	return fault.New(fault.Invalid, "%s is not sound: %w.", r.file, fmt.Errorf(format, args...)).WithNext("Nothing was restored; take another backup.")
}

func (r *reader) progress(what string, done, total int64) {
	if r.to.Progress != nil {
		r.to.Progress(what, done, total)
	}
}

func (r *reader) manifest() error {
	f := r.members[manifestFile]
	if f == nil {
		return r.wrong("it has no %s", manifestFile)
	}
	b, err := read(f, maxManifest)
	if err != nil {
		return r.wrong("%s: %w", manifestFile, err)
	}
	if err := json.Unmarshal(b, &r.m); err != nil {
		return r.wrong("%s: %w", manifestFile, err)
	}
	if r.m.Format != Format {
		return r.wrong("its format is %q, this program knows %q", r.m.Format, Format)
	}
	newest, err := store.Newest()
	if err != nil {
		return err
	}
	if r.m.Schema > newest || r.m.Schema < 1 {
		return fault.New(fault.Invalid, "%s was made by a newer Tickmark (schema %d; this one knows %d).", r.file, r.m.Schema, newest).WithNext("Install the newer release.")
	}
	known := map[string]bool{manifestFile: true}
	for _, t := range r.m.Tables {
		known["tables/"+t.Name+".jsonl"] = true
	}
	for _, f := range r.m.Files {
		if !local(f.Path) {
			return r.wrong("it holds a file named %q", f.Path)
		}
		known[f.Path] = true
	}
	for name := range known {
		if r.members[name] == nil {
			return r.wrong("%s is missing", name)
		}
	}
	for name := range r.members {
		if !known[name] {
			return r.wrong("its manifest does not list %s", name)
		}
	}
	return nil
}

// local says whether a name is one that a backup gives: a blob, a check, a key.
func local(name string) bool {
	if !filepath.IsLocal(name) || strings.Contains(name, "\\") {
		return false
	}
	return slices.Contains(keyFiles, name) || strings.HasPrefix(name, "checks/") || strings.HasPrefix(name, "files/")
}

func read(f *zip.File, limit int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("it is larger than %d bytes", limit)
	}
	return b, err
}

func (r *reader) keys(work string) error {
	for _, name := range keyFiles {
		var b []byte
		var err error
		switch f := r.members[name]; {
		case r.to.Keys != "":
			b, err = os.ReadFile(filepath.Join(r.to.Keys, name))
		case f != nil:
			b, err = read(f, 1<<20)
		case name == "ledger.key":
			return fault.New(fault.Usage, "The backup holds no keys.").WithNext("Name the directory that holds ledger.key and secret.key with --keys.")
		default:
			continue
		}
		if errors.Is(err, os.ErrNotExist) && name != "ledger.key" {
			continue // a new one is made; credentials must be given again
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(work, name), b, 0o600)
		}
		if err != nil {
			return fault.New(fault.Unavailable, "The key %s cannot be restored: %w.", name, err)
		}
	}
	return nil
}

func (r *reader) files(ctx context.Context, work string) error {
	blobs, err := blob.OpenAt(filepath.Join(work, "files"), r.to.Files)
	if err != nil {
		return err
	}
	for i, f := range r.m.Files {
		r.progress("files", int64(i), int64(len(r.m.Files)))
		if slices.Contains(keyFiles, f.Path) {
			continue
		}
		in, err := r.members[f.Path].Open()
		if err != nil {
			return r.wrong("%s: %w", f.Path, err)
		}
		sum := sha256.New()
		if strings.HasPrefix(f.Path, "files/") {
			_, _, err = blobs.Put(ctx, io.TeeReader(in, sum), maxFile)
		} else {
			err = place(filepath.Join(work, filepath.FromSlash(f.Path)), io.TeeReader(in, sum))
		}
		in.Close()
		if err != nil {
			return r.wrong("%s: %w", f.Path, err)
		}
		if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
			return r.wrong("%s was changed: its SHA-256 is %s, the manifest says %s", f.Path, got, f.SHA256)
		}
	}
	return nil
}

func place(to string, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, io.LimitReader(from, maxFile))
	return errors.Join(err, f.Sync(), f.Close())
}

// tables fills an empty database, in one transaction; filled says that it did.
func (r *reader) tables(ctx context.Context, address string) (filled bool, err error) {
	db, err := store.OpenAt(ctx, address, r.m.Schema)
	if err != nil {
		return false, err
	}
	defer db.Close()
	err = db.Write(ctx, func(tx *store.Tx) error {
		at, err := store.Version(ctx, tx)
		if err != nil {
			return err
		}
		have, err := store.Tables(ctx, tx)
		if err != nil {
			return err
		}
		if at != r.m.Schema {
			return fault.New(fault.Conflict, "The database has the schema %d already, the backup %d.", at, r.m.Schema).WithNext("Restore into an empty database.")
		}
		for _, t := range have {
			n, err := store.One[int64](ctx, tx, "SELECT count(*) FROM "+t.Name)
			if err != nil {
				return err
			}
			if n > 0 {
				return fault.New(fault.Conflict, "The database is not empty: its table %s has %d rows.", t.Name, n).WithNext("Restore into an empty database; nothing that is there is overwritten.")
			}
		}
		for i, t := range r.m.Tables {
			r.progress("tables", int64(i), int64(len(r.m.Tables)))
			at := slices.IndexFunc(have, func(h store.Table) bool { return h.Name == t.Name })
			if at < 0 || !slices.Equal(have[at].Columns, t.Columns) {
				return r.wrong("the table %s is not one of schema %d", t.Name, r.m.Schema)
			}
			if err := r.fill(ctx, tx, t); err != nil {
				return err
			}
		}
		return nil
	})
	return err == nil, err
}

func (r *reader) fill(ctx context.Context, tx *store.Tx, t Table) error {
	in, err := r.members["tables/"+t.Name+".jsonl"].Open()
	if err != nil {
		return r.wrong("the table %s: %w", t.Name, err)
	}
	defer in.Close()
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	sum, n := sha256.New(), int64(0)
	lines := bufio.NewScanner(io.TeeReader(in, sum))
	lines.Buffer(make([]byte, 64<<10), maxLine)
	var rows [][]any
	flush := func() error {
		err := store.Insert(ctx, tx, t.Name, names, rows)
		rows = rows[:0]
		return err
	}
	for lines.Scan() {
		n++
		row, err := decode(lines.Bytes(), t.Columns)
		if err != nil {
			return r.wrong("the table %s, row %d: %w", t.Name, n, err)
		}
		if rows = append(rows, row); len(rows) == batch {
			if err := flush(); err != nil {
				return fmt.Errorf("fill the table %s: %w", t.Name, err)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return r.wrong("the table %s, after row %d: %w", t.Name, n, err)
	}
	if err := flush(); err != nil {
		return fmt.Errorf("fill the table %s: %w", t.Name, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != t.SHA256 || n != t.Rows {
		return r.wrong("the table %s was changed: %d rows with the SHA-256 %s, the manifest says %d and %s", t.Name, n, got, t.Rows, t.SHA256)
	}
	return nil
}

// empty takes out of a PostgreSQL database what was put in.
func (r *reader) empty(ctx context.Context) error {
	db, err := store.Open(ctx, r.to.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Write(ctx, func(tx *store.Tx) error {
		for _, t := range r.m.Tables {
			if _, err := tx.Exec(ctx, "DELETE FROM "+t.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

// prove opens the workspace, which brings its schema up to date, and proves everything in it; then it writes down that, and
// from what, the workspace was restored.
func (r *reader) prove(ctx context.Context, work string) error {
	w, err := workspace.Open(ctx, workspace.Options{Data: work, Database: r.to.Database, Files: r.to.Files})
	if err != nil {
		return err
	}
	defer w.Close()
	size, err := r.m.size()
	if err != nil {
		return r.wrong("its checkpoint: %w", err)
	}
	signed := []byte(r.m.Checkpoint)
	kept, err := store.One[[]byte](ctx, w.DB, "SELECT note FROM checkpoint WHERE size = $1", size)
	if err != nil || !bytes.Equal(kept, signed) || w.Log.VKey != r.m.VKey {
		return r.wrong("its ledger is not the one that its checkpoint states")
	}
	if _, err := w.Book.Verify(ctx, r.progress); err != nil {
		return err
	}
	if _, err := w.Monitor.Verify(ctx, func(done int64) { r.progress("answers", done, 0) }); err != nil {
		return err
	}
	if _, err := w.Collect.VerifyAnswers(ctx, func(done int64) { r.progress("answers of sources", done, 0) }); err != nil {
		return err
	}
	return w.Log.Write(ctx, func(tx *ledger.Tx) error {
		_, err := tx.Act(ctx, "workspace.restored", r.to.Actor, "workspace", map[string]any{"made": r.m.Made, "release": r.m.Release, "engine": r.m.Engine, "size": size})
		return err
	})
}
