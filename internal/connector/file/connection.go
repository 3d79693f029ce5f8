package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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

// Connector returns the connector that reads files into a kind, each time it is collected. named finds the kind of the
// setting; the connector itself declares none.
func Connector(named func(string) (*record.Kind, error)) connector.Connector {
	return connector.Connector{
		Name: "file", Local: true,
		Title: "Files",
		Any:   true, Origin: record.Uploaded,
		Help: "Reads a CSV, XLSX or JSON file, or every such file of a folder, into a kind of record, each time it is collected. " +
			"What is no longer in the files is closed. A bad row refuses everything.",
		Settings: []connector.Setting{
			{Name: "path", Title: "File or folder", Required: true, Help: "On this machine. Of a folder, files ending in .csv, .tsv, .xlsx, .json, .jsonl or .ndjson are read."},
			{Name: "kind", Title: "Kind", Required: true, Help: "What the rows are, such as person."},
			{Name: "map", Title: "Map file", Help: "A YAML file that says which column gives which field. Without one the columns have the names of the fields."},
		},
		Tried: "Files made by spreadsheets and by hand, and such as are broken on purpose.",
		Read: func(ctx context.Context, v connector.Values, out connector.Sink) error {
			kind, err := named(v["kind"])
			if err != nil {
				return err
			}
			return (&connection{kind: kind, out: out}).read(ctx, v["path"], v["map"])
		},
	}
}

type connection struct {
	kind *record.Kind
	out  connector.Sink
	sum  []byte // of everything read
}

func (c *connection) read(ctx context.Context, path, mapPath string) error {
	if path == "" {
		return fault.New(fault.Invalid, "The connection says no file.").WithNext("Set path to a file or folder.")
	}
	var mapping Mapping
	if mapPath != "" {
		data, err := c.open(mapPath)
		if err != nil {
			return err
		}
		if mapping, err = ReadMapping(filepath.Base(mapPath), data); err != nil {
			return err
		}
	}
	files, err := list(path)
	if err != nil {
		return err
	}
	var contents [][]byte
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := c.open(f)
		if err != nil {
			return err
		}
		contents = append(contents, data)
	}
	state := sha256.Sum256(fmt.Appendf(nil, "1\n%s\n%s\n%x", c.kind.Name, strings.Join(files, "\n"), c.sum))
	now := []byte(hex.EncodeToString(state[:]))
	if bytes.Equal(c.out.State(), now) && c.out.Unchanged(c.kind.Name, "") {
		c.out.SetState(now)
		return nil
	}

	// Every file is understood before the first record is handed over.
	var rows []Row
	from := map[string]string{}
	for i, f := range files {
		more, err := Read(c.kind, f, bytes.NewReader(contents[i]), mapping)
		if err != nil {
			return err
		}
		for _, r := range more {
			at := fmt.Sprintf("line %d of %s", r.Line, filepath.Base(f))
			if r.Key == "" {
				return fault.New(fault.Invalid, "%s names no key, so it could not be found again at the next reading.", strings.ToUpper(at[:1])+at[1:]).
					WithNext("Add a column %s that never changes for a record.", keyColumn(c.kind))
			}
			if before, twice := from[r.Key]; twice {
				return fault.New(fault.Invalid, "%q stands in %s and in %s.", r.Key, before, at).WithNext("Keep one of them.")
			}
			from[r.Key] = at
		}
		rows = append(rows, more...)
	}
	for i, r := range rows {
		if i%1000 == 0 {
			c.out.Progress(c.kind.Name, i, len(rows))
		}
		if err := c.out.Item(connector.Item{Kind: c.kind.Name, Key: r.Key, Raw: r.Body, Label: c.label(r)}); err != nil {
			return err
		}
	}
	c.out.Progress(c.kind.Name, len(rows), len(rows))
	c.out.Complete(c.kind.Name, "")
	c.out.SetState(now)
	return nil
}

// label is the value of the kind's label field.
func (c *connection) label(r Row) string {
	v, err := decodeJSON(r.Body)
	if body, ok := v.(map[string]any); ok && err == nil {
		if s, ok := body[c.kind.Label].(string); ok && s != "" {
			return s
		}
	}
	return r.Key
}

// open reads a regular file within the limit, and records that it did.
func (c *connection) open(path string) ([]byte, error) {
	at := c.out.Now()
	record := func(status string, data []byte) {
		c.out.Exchange(connector.Exchange{Kind: c.kind.Name, Request: "read " + path, Status: status, Bytes: int64(len(data)),
			SHA256: sha256.Sum256(data), At: at, Took: c.out.Now().Sub(at)})
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, fault.New(fault.Invalid, "%s is not a file.", path)
	}
	var data []byte
	if err == nil {
		var f *os.File
		if f, err = os.Open(path); err == nil {
			data, err = io.ReadAll(io.LimitReader(f, MaxBytes+1))
			f.Close()
		}
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		record("not there", nil)
		return nil, fault.New(fault.NotFound, "There is no file %s.", path).WithNext("Put it there, or correct the connection's settings.")
	case errors.Is(err, os.ErrPermission):
		record("permission denied", nil)
		return nil, fault.New(fault.Denied, "The file %s cannot be read by this user.", path).WithNext("Let the user that Tickmark runs as read it.")
	case err != nil:
		record("failed", nil)
		return nil, fault.New(fault.Unavailable, "The file %s could not be read: %w.", path, err)
	case len(data) > MaxBytes:
		return nil, fault.New(fault.TooLarge, "The file %s is larger than %d MB.", path, MaxBytes>>20).WithNext("Divide it into several files.")
	}
	record("ok", data)
	sum := sha256.Sum256(data)
	c.sum = append(c.sum, sum[:]...)
	return data, nil
}

// list is the file, or the files of the folder by name. A folder without any is an error: silence is not an empty list.
func list(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, nil // open says what is wrong with it
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fault.New(fault.Denied, "The folder %s cannot be read: %w.", path, err).WithNext("Let the user that Tickmark runs as read it.")
	}
	var files []string
	for _, e := range entries {
		ending := strings.ToLower(filepath.Ext(e.Name()))
		if slices.Contains([]string{".csv", ".tsv", ".xlsx", ".json", ".jsonl", ".ndjson"}, ending) && !strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(e.Name(), "~$") {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fault.New(fault.NotFound, "The folder %s holds no CSV, XLSX or JSON file.", path).WithNext("Put one there, or correct the connection's path.")
	}
	return files, nil
}
