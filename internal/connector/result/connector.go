package result

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Connector returns the connector of files that are imported one by one, on the command line or over the API.
func Connector() connector.Connector {
	return connector.Connector{
		Name: "results", Title: "Results of other tools", Sent: true, Origin: record.Uploaded, Kinds: Kinds(),
		Help:  "Takes what scanners and other tools wrote, file by file, with tickmark import or over the API. Each file speaks for its own scan: one tool on one target.",
		Tried: tried,
		Read: func(context.Context, connector.Values, connector.Sink) error {
			return fault.New(fault.Invalid, "Nothing is read from a connection whose files are imported.")
		},
	}
}

const tried = "Results that OpenSCAP 1.3.7, gitleaks 8.30.1 and go-junit-report 2.1.0 wrote; for the other formats, files written by hand after their published descriptions."

// Folder returns the connector of a folder in which tools leave their files. library are the mappings of this release.
func Folder(library Mapping) connector.Connector {
	return connector.Connector{
		Name: "results-folder", Title: "A folder of results", Local: true, Any: true, Origin: record.Uploaded,
		Help: "Reads every file of a folder in which scanners and other tools leave their results, each time it is collected. Of two files by one tool on one target the newer counts; a scan whose file is gone is closed.",
		Settings: []connector.Setting{{Name: "path", Title: "Folder", Required: true, Help: "On this machine."},
			{Name: "map", Title: "Mapping", Help: "A YAML file that names the controls of rules, before those that Tickmark knows."}},
		Tried: tried,
		Read: func(ctx context.Context, v connector.Values, out connector.Sink) error {
			m := library
			if v["map"] != "" {
				b, err := os.ReadFile(v["map"])
				if err != nil {
					return fault.New(fault.NotFound, "The mapping %s cannot be read: %w.", v["map"], err)
				}
				own, err := ReadMapping(nil, NamedFile{filepath.Base(v["map"]), b})
				if err != nil {
					return err
				}
				m = append(own, library...)
			}
			return readFolder(ctx, v["path"], m, out)
		},
	}
}

func readFolder(ctx context.Context, path string, m Mapping, out connector.Sink) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fault.New(fault.NotFound, "The folder %s cannot be read: %w.", path, err).WithNext("Check the setting path and who may read there.")
	}
	newest := map[string]*File{} // by scope
	said := map[string]bool{}
	for _, k := range Kinds() {
		said[k.Name] = true
	}
	said[testRun] = false
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		f, err := FromDisk(ctx, filepath.Join(path, e.Name()), Options{Mapping: m}, out)
		if err != nil {
			for kind := range said { // what it would have said is not known
				out.Missing(connector.Gap{Kind: kind, Reason: err.Error()})
			}
			return err
		}
		for scope, s := range f.scans {
			if old := newest[scope]; old == nil || s.At.After(old.scans[scope].At) {
				newest[scope] = f
			}
		}
	}
	handed := map[*File]bool{}
	for scope, f := range newest {
		for other := range f.scans {
			if newest[other] != f {
				return fault.New(fault.Conflict, "%s and %s both speak of %s, and each of others too.", f.o.Name, newest[other].o.Name, scope).WithNext("Take the older file away.")
			}
		}
		handed[f] = true
	}
	files := make([]*File, 0, len(handed))
	for f := range handed {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b *File) int { return strings.Compare(a.o.Name, b.o.Name) })
	for _, f := range files {
		if err := f.Hand(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

// FromDisk understands a file on this machine; with out, that it was read is noted.
func FromDisk(ctx context.Context, path string, o Options, out connector.Sink) (*File, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fault.New(fault.NotFound, "%s cannot be read: %w.", path, err)
	case !info.Mode().IsRegular():
		return nil, fault.New(fault.Invalid, "%s is not a file.", path)
	case info.Size() > MaxBytes:
		return nil, fault.New(fault.TooLarge, "%s is larger than %d MiB.", path, MaxBytes>>20).WithNext("Scan fewer targets at once, or let the tool write several files.")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.NotFound, "%s cannot be read: %w.", path, err)
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	f.Close()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "%s cannot be read: %w.", path, err)
	}
	if o.Name == "" {
		o.Name = filepath.Base(path)
	}
	o.SHA256, o.Size = hex.EncodeToString(h.Sum(nil)), info.Size()
	if o.At.IsZero() {
		o.At = info.ModTime().UTC()
	}
	if out != nil {
		e := connector.Exchange{Request: "read " + path, Status: "ok", Bytes: info.Size(), At: out.Now()}
		h.Sum(e.SHA256[:0])
		out.Exchange(e)
	}
	file, err := Read(ctx, func() (io.ReadCloser, error) { return os.Open(path) }, o)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return file, nil
}
