// Package backup copies a whole workspace into one file and makes a workspace of it again, on the same engine or the other.
// The one rule: a backup is whole or it is refused, and a workspace that came out of one is proved, entry by entry, before
// it takes its place.
package backup

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
	"unicode/utf8"

	"tickmark/internal/blob"
	"tickmark/internal/fault"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

// Format is the first thing a manifest says.
const Format = "tickmark backup v1"

const manifestFile = "manifest.json"

// keyFiles are the workspace's keys: without the first nothing can be restored, without the second credentials are lost.
var keyFiles = []string{"ledger.key", "secret.key"}

// Manifest is what a backup holds. It is the last member of the file, so that a backup that was cut short has none.
type Manifest struct {
	Format     string    `json:"format"`
	Made       time.Time `json:"made"`
	Release    string    `json:"release"`
	Engine     string    `json:"engine"` // it was made from
	Schema     int64     `json:"schema"`
	Origin     string    `json:"origin"` // of the ledger
	VKey       string    `json:"vkey"`
	Checkpoint string    `json:"checkpoint"` // signed; the copy has all its entries
	Tables     []Table   `json:"tables"`
	Files      []File    `json:"files"`
	Keys       bool      `json:"keys"` // the keys are in it
}

// Table is a table in a backup: a JSON array a row.
type Table struct {
	store.Table
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
}

// File is any other member.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Options say what goes into a backup.
type Options struct {
	Keys         bool // the signing key and the key of credentials too: whoever has the file then has them
	WithoutFiles bool // leave out evidence and attachments
	Progress     func(what string, done, total int64)
}

// Write makes a backup of a workspace, also of one that is being served: it is the state of one moment.
func Write(ctx context.Context, w *workspace.Workspace, out io.Writer, o Options) (Manifest, error) {
	b := &writer{zip: zip.NewWriter(out), o: o, m: Manifest{Format: Format, Made: time.Now().UTC().Truncate(time.Second), Release: workspace.Release(), Engine: string(w.DB.Engine),
		Origin: w.Log.Origin, VKey: w.Log.VKey, Keys: o.Keys, Tables: []Table{}, Files: []File{}}}
	signed, err := w.Log.Checkpoint(ctx)
	if err != nil {
		return b.m, err
	}
	b.m.Checkpoint = string(signed)
	if err := w.DB.Read(ctx, func(tx *store.Tx) error { return b.tables(ctx, tx) }); err != nil {
		return b.m, err
	}
	if !o.WithoutFiles {
		if err := b.blobs(ctx, w.Blobs); err != nil {
			return b.m, err
		}
	}
	if err := b.tree(ctx, w.Data, "checks"); err != nil {
		return b.m, err
	}
	if o.Keys {
		for _, name := range keyFiles {
			if err := b.file(filepath.Join(w.Data, name), name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return b.m, err
			}
		}
	}
	text, err := json.MarshalIndent(b.m, "", "  ")
	if err != nil {
		return b.m, err
	}
	m, err := b.zip.Create(manifestFile)
	if err == nil {
		_, err = m.Write(text)
	}
	return b.m, errors.Join(err, b.zip.Close())
}

type writer struct {
	zip *zip.Writer
	m   Manifest
	o   Options
}

// member begins a member and hashes what is written to it.
func (b *writer) member(name string) (io.Writer, hash.Hash, error) {
	w, err := b.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: b.m.Made})
	h := sha256.New()
	if err != nil {
		return nil, nil, err
	}
	return io.MultiWriter(w, h), h, nil
}

func (b *writer) tables(ctx context.Context, tx *store.Tx) error {
	var err error
	if b.m.Schema, err = store.Version(ctx, tx); err != nil {
		return err
	}
	list, err := store.Tables(ctx, tx)
	if err != nil {
		return err
	}
	for i, t := range list {
		if b.o.Progress != nil {
			b.o.Progress("tables", int64(i), int64(len(list)))
		}
		w, sum, err := b.member("tables/" + t.Name + ".jsonl")
		if err != nil {
			return err
		}
		kept := Table{Table: t}
		err = store.Rows(ctx, tx, t, func(row []any) error {
			kept.Rows++
			line, err := encode(row)
			if err == nil {
				_, err = w.Write(line)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("copy the table %s: %w", t.Name, err)
		}
		kept.SHA256 = hex.EncodeToString(sum.Sum(nil))
		b.m.Tables = append(b.m.Tables, kept)
	}
	return nil
}

func (b *writer) blobs(ctx context.Context, from blob.Store) error {
	n := int64(0)
	return from.Each(func(h blob.Hash, _ int64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, size, err := from.Open(h)
		if fault.Is(err, fault.NotFound) {
			return nil // erased a moment ago
		}
		if err != nil {
			return err
		}
		defer r.Close()
		w, _, err := b.member("files/" + h.String())
		if err == nil {
			_, err = io.Copy(w, r)
		}
		if err != nil {
			return fmt.Errorf("copy the file %s: %w", h, err)
		}
		if n++; b.o.Progress != nil {
			b.o.Progress("files", n, 0)
		}
		b.m.Files = append(b.m.Files, File{Path: "files/" + h.String(), Size: size, SHA256: h.String()})
		return nil
	})
}

// tree copies a folder of the workspace; none is no error.
func (b *writer) tree(ctx context.Context, data, name string) error {
	err := filepath.WalkDir(filepath.Join(data, name), func(at string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !e.Type().IsRegular() {
			return errors.Join(err, ctx.Err())
		}
		under, err := filepath.Rel(data, at)
		if err != nil {
			return err
		}
		return b.file(at, filepath.ToSlash(under))
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (b *writer) file(from, name string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	w, sum, err := b.member(path.Clean(name))
	if err != nil {
		return err
	}
	n, err := io.Copy(w, f)
	if err != nil {
		return fmt.Errorf("copy %s: %w", name, err)
	}
	b.m.Files = append(b.m.Files, File{Path: path.Clean(name), Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))})
	return nil
}

// bytesKey marks what JSON cannot hold as a string: a text that is not UTF-8, as a source may give one.
const bytesKey = "base64"

// encode writes a row as a JSON array and a line feed: integers as they are, bytes and strange texts as {"base64": …}.
func encode(row []any) ([]byte, error) {
	out := make([]any, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case []byte:
			out[i] = map[string]string{bytesKey: base64.StdEncoding.EncodeToString(v)}
		case string:
			if out[i] = v; !utf8.ValidString(v) {
				out[i] = map[string]string{bytesKey: base64.StdEncoding.EncodeToString([]byte(v))}
			}
		default:
			out[i] = v
		}
	}
	b, err := json.Marshal(out)
	return append(b, '\n'), err
}

// decode is the inverse of encode for a table's columns.
func decode(line []byte, columns []store.Column) ([]any, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil {
		return nil, err
	}
	if len(raw) != len(columns) {
		return nil, fmt.Errorf("it has %d values, %d were expected", len(raw), len(columns))
	}
	row := make([]any, len(raw))
	for i, c := range columns {
		if string(raw[i]) == "null" {
			continue
		}
		var err error
		switch {
		case c.Type == "integer":
			var n int64
			err = json.Unmarshal(raw[i], &n)
			row[i] = n
		case raw[i][0] == '"' && c.Type == "text":
			var s string
			err = json.Unmarshal(raw[i], &s)
			row[i] = s
		default:
			var b struct {
				Bytes *[]byte `json:"base64"`
			}
			if err = json.Unmarshal(raw[i], &b); err == nil && b.Bytes == nil {
				err = errors.New("bytes were expected")
			}
			if err == nil {
				if row[i] = append([]byte{}, *b.Bytes...); c.Type == "text" {
					row[i] = string(*b.Bytes)
				}
			}
		}
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	return row, nil
}

// size is how many entries the checkpoint states.
func (m Manifest) size() (int64, error) {
	c, err := merkle.OpenCheckpoint([]byte(m.Checkpoint), m.VKey)
	return c.Size, err
}
