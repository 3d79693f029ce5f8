package doctor

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

// Space is what a kind takes in the database, in bytes as they are packed.
type Space struct {
	Kind     string `json:"kind"`
	Versions int64  `json:"versions"`
	Bodies   int64  `json:"bodies"`  // of the versions that hold now
	History  int64  `json:"history"` // of those that ended
	Dropped  int64  `json:"dropped"` // bodies that a rule of retention dropped so far
	Raw      int64  `json:"raw"`     // the sources' own bytes
	Sources  int64  `json:"sources"` // what the sources answered, unedited
	Indexed  int64  `json:"indexed"`
	Answers  int64  `json:"answers"` // rows
}

func (s Space) all() int64 { return s.Bodies + s.History + s.Raw + s.Sources + s.Indexed }

// Share is what one part of the workspace takes on the disk.
type Share struct {
	What    string `json:"what"`
	Bytes   int64  `json:"bytes"`
	Indexes int64  `json:"indexes"` // of them: the database's own indexes
}

// Explanation is what takes the space, the largest first.
type Explanation struct {
	Parts []Share `json:"parts"`
	Kinds []Space `json:"kinds"`
}

// Explain explains what takes the space: by part on the disk, and by kind within.
func Explain(ctx context.Context, w *workspace.Workspace) (Explanation, error) {
	var out Explanation
	err := w.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if out.Kinds, err = spaces(ctx, tx); err != nil {
			return err
		}
		gone, err := w.Book.DroppedSoFar(ctx, tx)
		if err != nil {
			return err
		}
		for i := range out.Kinds {
			out.Kinds[i].Dropped = gone[out.Kinds[i].Kind].Versions
		}
		out.Parts, err = tables(ctx, tx, w.DB.Engine)
		return err
	})
	if err != nil {
		return out, err
	}
	for what, path := range map[string]string{"files": filepath.Join(w.Data, "files"), "cache": filepath.Join(w.Data, "cache"), "write-ahead log": w.DB.Path() + "-wal"} {
		n, err := onDisk(path)
		if err != nil {
			return out, err
		}
		if n > 0 {
			out.Parts = append(out.Parts, Share{What: what, Bytes: n})
		}
	}
	slices.SortFunc(out.Parts, func(a, b Share) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.What, b.What)) })
	slices.SortFunc(out.Kinds, func(a, b Space) int { return cmp.Or(cmp.Compare(b.all(), a.all()), cmp.Compare(a.Kind, b.Kind)) })
	return out, nil
}

func spaces(ctx context.Context, tx *store.Tx) ([]Space, error) {
	type row struct {
		Kind string `db:"kind"`
		N    int64  `db:"n"`
		A    int64  `db:"a"`
		B    int64  `db:"b"`
		C    int64  `db:"c"`
	}
	all := map[string]*Space{}
	for _, q := range []struct {
		sql  string
		take func(*Space, row)
	}{
		{`SELECT k.name AS kind, x.n, x.a, x.b, x.c FROM (SELECT kind, count(*) AS n, coalesce(sum(CASE WHEN valid_to = 4611686018427387904 THEN length(body) ELSE 0 END), 0) AS a,
			coalesce(sum(CASE WHEN valid_to < 4611686018427387904 THEN length(body) ELSE 0 END), 0) AS b, coalesce(sum(length(raw)), 0) AS c FROM version GROUP BY kind) x JOIN kind k ON k.id = x.kind`,
			func(s *Space, r row) { s.Versions, s.Bodies, s.History, s.Raw = r.N, r.A, r.B, r.C }},
		{`SELECT k.name AS kind, x.n, 0 AS a, 0 AS b, 0 AS c FROM (SELECT kind, coalesce(sum(length(body)), 0) AS n FROM answer GROUP BY kind) x JOIN kind k ON k.id = x.kind`,
			func(s *Space, r row) { s.Sources = r.N }},
		{`SELECT k.name AS kind, x.n, 0 AS a, 0 AS b, 0 AS c FROM (SELECT f.kind, sum(length(v.value) + length(v.ord) + 24) AS n FROM value v JOIN field f ON f.id = v.field GROUP BY f.kind) x JOIN kind k ON k.id = x.kind`,
			func(s *Space, r row) { s.Indexed = r.N }},
		{`SELECT k.name AS kind, x.n, 0 AS a, 0 AS b, 0 AS c FROM (SELECT r.kind, count(*) AS n FROM result a JOIN record r ON r.id = a.record GROUP BY r.kind) x JOIN kind k ON k.id = x.kind`,
			func(s *Space, r row) { s.Answers = r.N }},
	} {
		err := store.Each(ctx, tx, func(r row) error {
			if all[r.Kind] == nil {
				all[r.Kind] = &Space{Kind: r.Kind}
			}
			q.take(all[r.Kind], r)
			return nil
		}, q.sql)
		if err != nil {
			return nil, err
		}
	}
	var out []Space
	for _, s := range all {
		out = append(out, *s)
	}
	return out, nil
}

// part is what a table is for.
func part(table string) string {
	switch table {
	case "record", "version", "volatile":
		return "records and their versions"
	case "value", "tally", "field", "kind":
		return "index of lists and filters"
	case "entry", "tile", "checkpoint", "head", "action":
		return "ledger"
	case "series", "result", "result_tally", "result_history":
		return "answers of checks"
	case "answer", "question":
		return "answers of sources, unedited"
	case "exchange", "coverage", "connection_state", "event_mark", "confirmation", "sending", "sending_batch":
		return "runs and coverage"
	}
	return "everything else"
}

func tables(ctx context.Context, tx *store.Tx, engine store.Engine) ([]Share, error) {
	sql := `SELECT s.tbl_name AS name, sum(d.pgsize) AS bytes, sum(CASE WHEN s.type = 'index' THEN d.pgsize ELSE 0 END) AS indexes
		FROM dbstat d JOIN sqlite_schema s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY s.tbl_name
		UNION ALL SELECT '', freelist_count * page_size, 0 FROM pragma_freelist_count(), pragma_page_size()`
	if engine == store.Postgres {
		sql = `SELECT c.relname::text AS name, pg_total_relation_size(c.oid) AS bytes, pg_indexes_size(c.oid) AS indexes
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'`
	}
	type row struct {
		Name    string `db:"name"`
		Bytes   int64  `db:"bytes"`
		Indexes int64  `db:"indexes"`
	}
	all := map[string]Share{}
	err := store.Each(ctx, tx, func(r row) error {
		what := part(r.Name)
		if r.Name == "" {
			what = "free, for what is written next"
		}
		all[what] = Share{What: what, Bytes: all[what].Bytes + r.Bytes, Indexes: all[what].Indexes + r.Indexes}
		return nil
	}, sql)
	var out []Share
	for _, s := range all {
		if s.Bytes > 0 {
			out = append(out, s)
		}
	}
	return out, err
}

// onDisk is what a file, or everything in a folder, takes; what is not there takes nothing.
func onDisk(path string) (int64, error) {
	var n int64
	err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		return n, nil
	}
	return n, err
}
