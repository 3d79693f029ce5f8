package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/connector/file"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/organisation"
	"tickmark/internal/programme"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

type importCommand struct {
	File   string `arg:"" help:"A CSV, XLSX, JSON or JSON lines file; or, without --kind, what a scanner or another tool wrote."`
	Kind   string `help:"The kind that its rows are. Without it the file is the result of a tool, known by its content."`
	Map    string `placeholder:"NAME" help:"With --kind, a mapping from the file's columns to fields: one that the workspace keeps, by its id, or a file; otherwise a file that maps the tool's rules to controls."`
	All    bool   `help:"With --kind person: the file lists everybody who works here. Who is missing in it is asked about by a task; nobody is ended."`
	Reason string `help:"Why; it stays on record."`

	Connection string `default:"results" help:"Of a tool's result: which connection it belongs to; it is made when it is not there."`
	Target     string `help:"Of a tool's result: what was scanned, where the file does not say; a name for the part, where only a part was."`
	Command    string `help:"Of a tool's result: how the tool was called; it stays on record."`
	Preview    bool   `help:"Say what it would change, and change nothing."`
}

func (c *importCommand) Run(s *session) error {
	if c.Kind == "" {
		return s.with(func(w *workspace.Workspace, me access.Session) error { return c.result(s, w, me) })
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		k, err := w.Book.Kinds.Named(c.Kind)
		if err != nil {
			return err
		}
		m, err := c.mapping(s, w)
		if err != nil {
			return err
		}
		f, err := os.Open(c.File)
		if err != nil {
			return unreadable(c.File, err)
		}
		defer f.Close()
		rows, err := file.Read(k, c.File, f, m)
		if err != nil {
			return err
		}
		reason := c.Reason
		if reason == "" {
			reason = "imported from " + filepath.Base(c.File)
		}
		now := w.Log.Clock()
		if v, err := w.Book.Get(s, "organisation", organisation.Key, 0); err == nil {
			now = now.In(organisation.Zone(v.Body))
		}
		today := now.Format(time.DateOnly)
		changes, fresh, err := file.Changes(s, w.Book, k, rows, today, reason)
		if err != nil {
			return err
		}
		var gone []record.Version
		if c.All {
			if gone, err = file.Missing(s, w.Book, k, rows, today); err != nil {
				return err
			}
			questions, err := file.Ask(s, w.Book, gone, reason, now)
			if err != nil {
				return err
			}
			changes = append(changes, questions...)
		}
		changed, asked := 0, len(changes)-len(rows)
		err = w.Log.Write(s, func(tx *ledger.Tx) error {
			out, err := w.Book.PutIn(s, tx, me, changes...)
			if err != nil {
				return err
			}
			for _, v := range out[:len(rows)] {
				if !v.From.Time().Before(tx.Now.Time()) {
					changed++
				}
			}
			if c.Preview {
				return errPreviewed
			}
			return nil
		})
		if refused := (*record.Refused)(nil); errors.As(err, &refused) && refused.Change < len(rows) {
			at := fault.New(refused.Fault.Kind, "Nothing of %s was taken:\n  line %d: %s", c.File, rows[refused.Change].Line, refused.Fault.Message)
			at.Next, at.Err = refused.Fault.Next, err
			return at
		}
		if err != nil && !errors.Is(err, errPreviewed) {
			return err
		}
		if s.flags.JSON {
			missing := []string{}
			for _, v := range gone {
				missing = append(missing, v.Key)
			}
			return s.writeJSON(map[string]any{"rows": len(rows), "new": fresh, "changed": changed, "missing": missing, "asked": asked, "preview": c.Preview})
		}
		for _, v := range gone {
			s.say("Not in the file, and not ended: %s (%s).", v.Label, v.Key)
		}
		if asked > 0 {
			s.say("New tasks that ask what became of them: %d.", asked)
		}
		s.say("%d rows read, %d records new or changed.", len(rows), changed)
		if c.Preview {
			s.say("Nothing was changed.")
		}
		return nil
	})
}

var errPreviewed = errors.New("only previewed")

// mapping is the one that the workspace keeps under the name, else a file.
func (c *importCommand) mapping(s *session, w *workspace.Workspace) (file.Mapping, error) {
	if c.Map == "" {
		return file.Mapping{}, nil
	}
	v, err := w.Book.Get(s, "import_mapping", c.Map, 0)
	if err == nil {
		of, m, err := file.ReadKept(v)
		if err == nil && of != c.Kind {
			err = fault.New(fault.Invalid, "The mapping %s is for %s.", c.Map, of).WithNext("Name another, or another kind.")
		}
		return m, err
	}
	if !fault.Is(err, fault.NotFound) {
		return file.Mapping{}, err
	}
	b, err := readFile(c.Map, 1<<20)
	if err != nil {
		return file.Mapping{}, unreadable(c.Map, err)
	}
	return file.ReadMapping(c.Map, b)
}

type exportCommand struct {
	Dir    string `arg:"" optional:"" type:"path" help:"Write the programme, every record that people write, as YAML into this directory."`
	Kind   string `placeholder:"KIND" help:"Instead: all records of one kind as a table."`
	Out    string `placeholder:"FILE" help:"Where the table goes; standard output when left out. Its ending decides the format."`
	Format string `enum:"csv,xlsx,json,jsonl," default:"" help:"csv, xlsx, json or jsonl."`
	Where  string `placeholder:"CEL" help:"Only these."`
	AsOf   string `placeholder:"TIME" help:"As of a past moment."`
}

func (c *exportCommand) Run(s *session) error {
	asOf, err := moment("as-of", c.AsOf)
	if err != nil {
		return err
	}
	if (c.Dir == "") == (c.Kind == "") {
		return fault.New(fault.Usage, "Say either a directory for the programme, or --kind for a table of one kind.")
	}
	if c.Dir != "" {
		return s.with(func(w *workspace.Workspace, me access.Session) error {
			for _, k := range programme.Kinds(w.Book.Kinds) {
				if err := me.May(s, "read", k); err != nil {
					return err
				}
			}
			n, err := programme.Write(s, w.Book, c.Dir, asOf)
			if err != nil {
				return err
			}
			s.say("%d records are in %s. Change them there, then tickmark apply %s.", n, c.Dir, c.Dir)
			return nil
		})
	}
	format := c.Format
	if format == "" {
		format = strings.TrimPrefix(filepath.Ext(c.Out), ".")
	}
	if format == "" {
		format = "csv"
	}
	if !slices.Contains([]string{"csv", "xlsx", "json", "jsonl"}, format) {
		return fault.New(fault.Usage, "%s ends in none of .csv, .xlsx, .json and .jsonl.", c.Out).WithNext("Say which it is with --format.")
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		k, err := w.Book.Kinds.Named(c.Kind)
		if err != nil {
			return err
		}
		if err := me.May(s, "read", k); err != nil {
			return err
		}
		var rows []file.Row
		q := record.Query{Kind: c.Kind, Where: c.Where, AsOf: asOf, Limit: 1000}
		for {
			page, err := w.Book.List(s, q)
			if err != nil {
				return err
			}
			if err := page.Whole(); err != nil {
				return err
			}
			for _, v := range page.Versions {
				rows = append(rows, file.Row{Key: v.Key, Body: v.Row()})
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		return s.output(c.Out, func(out io.Writer) error {
			return file.Write(k, file.Format(format), out, rows, file.Options{Fixed: k.Collected || k.System})
		})
	})
}

type applyCommand struct {
	Dir    string `arg:"" type:"path" help:"A directory that export wrote."`
	Yes    bool   `help:"Apply what is shown; without this it is only shown."`
	Reason string `help:"Why; it stays on record."`
}

func (c *applyCommand) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		list, err := programme.Read(s, w.Book, c.Dir)
		if err != nil {
			return err
		}
		changes := make([]record.Change, len(list))
		for i, d := range list {
			changes[i] = d.Change
			changes[i].Reason, changes[i].Origin = c.Reason, record.Typed
			s.fact("%s %s/%s: %s", word(d.New, "new    ", "changed"), d.Kind, printable(d.Key), strings.Join(d.Fields, ", "))
		}
		switch {
		case len(list) == 0:
			s.say("Nothing differs.")
			return nil
		case !c.Yes:
			s.say("Nothing was changed yet. Say --yes to apply it.")
			return nil
		}
		if _, err := w.Book.Put(s, me, changes...); err != nil {
			return err
		}
		s.say("%d records were written.", len(changes))
		return nil
	})
}

// output writes a file that is complete or absent, or to standard output.
func (s *session) output(path string, write func(io.Writer) error) error {
	if path == "" {
		return write(s.stdout)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tickmark-*")
	if err != nil {
		return fault.New(fault.Unavailable, "%s cannot be written: %w.", path, err)
	}
	defer os.Remove(f.Name())
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(0o644); err == nil {
		err = f.Sync()
	}
	if err := f.Close(); err != nil {
		return fault.New(fault.Unavailable, "%s cannot be written: %w.", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fault.New(fault.Unavailable, "%s cannot be written: %w.", path, err)
	}
	return nil
}
