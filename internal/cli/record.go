package cli

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tickmark/internal/access"
	"tickmark/internal/api"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

type recordsCommand struct {
	Kind    string `arg:"" optional:"" help:"The kind; without one, every kind and how many records it has."`
	Record  string `arg:"" optional:"" name:"key" help:"Only the record of this key."`
	Where   string `placeholder:"CEL" help:"Filter over r, such as r.signed == false."`
	Sort    string `placeholder:"FIELD" help:"Sort by an indexed field; --sort=-FIELD for descending."`
	AsOf    string `placeholder:"TIME" help:"As of a past moment."`
	From    string `placeholder:"TIME" help:"With --to: every version that held at some time in the window."`
	To      string `placeholder:"TIME" help:"The window's end; a day is inclusive, in UTC."`
	Key     string `help:"The same, as an option."`
	Raw     bool   `help:"Of one record: the source's unedited answers that it was made of, once their hashes were compared with those in the ledger."`
	Answer  int64  `placeholder:"N" help:"With --raw: only the answer of this number."`
	History string `placeholder:"KEY" help:"Every version of one record."`
	Source  string `help:"Only records of this connection."`
	System  string `placeholder:"ID" help:"Only records inside the boundary of this system at the moment, or on a day of the window."`
	Limit   int    `default:"0" help:"At most so many; 0 is all with --json and 100 otherwise."`
}

// fact is a record as the command line's contract shows it.
type fact struct {
	Kind   string          `json:"kind"`
	Key    string          `json:"key"`
	Label  string          `json:"label"`
	Source string          `json:"source"`
	From   store.Moment    `json:"from"`
	To     store.Moment    `json:"to"`
	Entry  int64           `json:"entry"`
	Body   json.RawMessage `json:"body"`
	Actor  string          `json:"actor"`
	Reason string          `json:"reason"`
	Origin string          `json:"origin"`

	Dropped string `json:"dropped,omitempty"` // how the body went, when a rule of retention dropped it
}

func factOf(v record.Version) fact {
	f := fact{v.Kind, v.Key, v.Label, v.Source, v.From, v.To, v.Entry, v.Full(), v.Actor, v.Reason, string(v.Origin), ""}
	if v.Dropped != nil {
		f.Dropped = v.Dropped.String()
	}
	return f
}

func (c *recordsCommand) Run(s *session) error {
	asOf, err := moment("as-of", c.AsOf)
	if err != nil {
		return err
	}
	if c.Key = cmp.Or(c.Record, c.Key); c.Raw && c.Key == "" {
		return fault.New(fault.Usage, "--raw shows what one record was made of.").WithNext("Name its key after its kind.")
	}
	during, err := window(c.From, c.To, time.UTC)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if c.Kind == "" {
			return c.kinds(s, w)
		}
		k, err := w.Book.Kinds.Named(c.Kind)
		if err != nil {
			return err
		}
		if err := me.May(s, "read", k); err != nil {
			return err
		}
		var list []record.Version
		switch {
		case c.History != "":
			list, err = w.Book.HistoryFor(s, c.Kind, c.History, k.Room)
		case c.Key != "":
			var v record.Version
			v, err = w.Book.GetFrom(s, c.Kind, c.Key, c.Source, asOf, k.Room)
			list = []record.Version{v}
		default:
			in, err := s.boundary(w, c.System, asOf, during)
			if err != nil {
				return err
			}
			return c.list(s, w, in, record.Query{Kind: c.Kind, Where: c.Where, Sort: c.Sort, AsOf: asOf, During: during, Source: c.Source, Limit: 500, Room: k.Room, Latest: asOf == 0 && during[1] == 0})
		}
		if err != nil {
			return err
		}
		if c.Raw {
			return c.raw(s, w, list[0])
		}
		return c.print(s, list, true)
	})
}

// raw writes the answers that a version was made of, and says beside them what they are. Each was compared with the ledger before.
func (c *recordsCommand) raw(s *session, w *workspace.Workspace, v record.Version) error {
	list, err := w.Book.SourcesOf(s, w.DB, v.ID)
	if err != nil {
		return err
	}
	if c.Answer != 0 {
		if list = slices.DeleteFunc(list, func(a record.Source) bool { return a.N != c.Answer }); len(list) == 0 {
			return fault.New(fault.NotFound, "%s %s was not made of an answer %d.", v.Kind, v.Key, c.Answer)
		}
	}
	if len(list) == 0 {
		return fault.New(fault.NotFound, "Of %s %s no answer is on record: what it came from is kept with it, or it was read by a release that kept none.", v.Kind, v.Key).
			WithNext("tickmark records %s %s shows what is kept.", v.Kind, v.Key)
	}
	type answer struct {
		record.Source
		SHA256 string `json:"sha256"`
		Kept   string `json:"kept_sha256,omitempty"`
		Body   []byte `json:"body"` // in base64
	}
	var out []answer
	for _, a := range list {
		var body []byte
		if a.Gone == "" {
			if _, body, err = w.Collect.AnswerOf(s, v, a.N); err != nil {
				return err
			}
		}
		if s.flags.JSON {
			out = append(out, answer{a, hex.EncodeToString(a.SHA256), hex.EncodeToString(a.Kept), body})
			continue
		}
		s.say("%s", sourceLine(a))
		if _, err := s.stdout.Write(body); err != nil {
			return err
		}
	}
	if s.flags.JSON {
		return s.writeJSON(out)
	}
	return nil
}

func sourceLine(a record.Source) string {
	line := fmt.Sprintf("Run %d, answer %d: %s answered %s at %s, %d bytes, SHA-256 %x", a.Run, a.N, a.Request, a.Status, a.At, a.Bytes, a.SHA256)
	switch {
	case a.Gone != "":
		return line + ". " + a.Gone
	case len(a.Edited) > 0:
		return line + fmt.Sprintf(". A digest stands in the place of a secret at %s; the bytes below have the SHA-256 %x, as the ledger has it.", strings.Join(a.Edited, ", "), a.Kept)
	}
	return line + ", as the ledger has it."
}

func (c *recordsCommand) list(s *session, w *workspace.Workspace, in *boundary, q record.Query) error {
	limit := c.Limit
	if limit == 0 && !s.flags.JSON {
		limit = 100
	}
	n := 0
	for {
		if limit > 0 {
			q.Limit = min(500, limit-n)
		}
		page, err := w.Book.List(s, q)
		if err != nil {
			return err
		}
		if page.Untold > 0 {
			s.say("%d versions are left out: a rule of retention dropped their bodies, and nobody can tell whether they fit the filter.", page.Untold)
		}
		page.Versions = in.keep(page.Versions)
		if s.flags.JSON {
			for _, v := range page.Versions {
				b, err := json.Marshal(factOf(v))
				if err != nil {
					return err
				}
				fmt.Fprint(s.stdout, word(n > 0, ",\n", "[\n"), string(b))
				n++
			}
		} else {
			n += len(page.Versions)
			if err := c.print(s, page.Versions, q.During[1] != 0); err != nil {
				return err
			}
		}
		if page.Next == "" || limit > 0 && n >= limit {
			if page.Next != "" && !s.flags.JSON {
				s.say("There are more; --limit shows them.")
			}
			in.say(s)
			s.endList(n, "No record matches.")
			return nil
		}
		q.After = page.Next
	}
}

// endList closes a JSON list, which began with its first element; an error leaves it open, so that half a list never looks
// like a whole one.
func (s *session) endList(n int, none string) {
	switch {
	case s.flags.JSON && n == 0:
		s.fact("[]")
	case s.flags.JSON:
		s.fact("\n]")
	case n == 0:
		s.say("%s", none)
	}
}

func (c *recordsCommand) print(s *session, list []record.Version, times bool) error {
	if s.flags.JSON {
		out := make([]fact, len(list))
		for i, v := range list {
			out[i] = factOf(v)
		}
		return s.writeJSON(out)
	}
	var rows [][]string
	for _, v := range list {
		row := []string{v.Key, v.Label, v.Source, v.From.String()}
		if times {
			row = append(row, word(v.Open(), "now", v.To.String()), v.Actor, v.Reason, string(v.Row()))
		}
		rows = append(rows, row)
	}
	head := []string{"key", "label", "source", "from"}
	if times {
		head = append(head, "to", "by", "reason", "body")
	}
	return s.table(head, rows)
}

func (c *recordsCommand) kinds(s *session, w *workspace.Workspace) error {
	totals, err := w.Book.Totals(s)
	if err != nil {
		return err
	}
	type row struct {
		Kind    string `json:"kind"`
		Title   string `json:"title"`
		Records int64  `json:"records"`
		Help    string `json:"help"`
	}
	var out []row
	var lines [][]string
	for _, k := range w.Book.Kinds.All() {
		if k.Room != record.Company {
			continue
		}
		out = append(out, row{k.Name, k.Title, totals[k.Name], k.Help})
		lines = append(lines, []string{k.Name, fmt.Sprint(totals[k.Name]), k.Help})
	}
	if s.flags.JSON {
		return s.writeJSON(out)
	}
	return s.table([]string{"kind", "records", "what"}, lines)
}

type putCommand struct {
	Kind   string `arg:"" help:"The kind, such as control; tickmark records lists them."`
	Key    string `arg:"" optional:"" help:"The key; left out, the kind's own or a new one."`
	File   string `required:"" placeholder:"F" help:"A JSON or YAML file with the whole content; - for standard input."`
	Reason string `help:"Why; it stays on record."`
}

func (c *putCommand) Run(s *session) error {
	body, err := s.readObject(c.File)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		v, err := w.Book.Put(s, me, record.Change{Kind: c.Kind, Key: c.Key, Body: body, Reason: c.Reason})
		if err != nil {
			return err
		}
		return s.written(v[0])
	})
}

func (s *session) written(v record.Version) error {
	if s.flags.JSON {
		return s.writeJSON(factOf(v))
	}
	s.say("%s %s holds since %s (ledger entry %d).", v.Kind, v.Key, v.From, v.Entry)
	return nil
}

// unreadable says of a file that a person named why it cannot be read.
func unreadable(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fault.New(fault.Invalid, "The file %s cannot be read: %w.", path, err).WithNext("Check its name and who may read it.")
}

// readFile reads at most a byte more than the limit, so that what is too large is refused and never held.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return b, err
}

// readObject reads a JSON or YAML file as JSON.
func (s *session) readObject(path string) ([]byte, error) {
	in := s.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, unreadable(path, err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, record.MaxBody+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(b) > record.MaxBody {
		return nil, fault.New(fault.TooLarge, "The file %s is larger than a record may be, %d MB.", path, record.MaxBody>>20).WithNext("Attach it as a file instead.")
	}
	if ext := strings.ToLower(filepath.Ext(path)); ext != ".yaml" && ext != ".yml" {
		var any json.RawMessage
		if bad := (*json.SyntaxError)(nil); errors.As(json.Unmarshal(b, &any), &bad) {
			before := bytes.TrimRight(b[:min(int(bad.Offset), len(b))], "\r\n\t ")
			return nil, fault.New(fault.Invalid, "%s, line %d, column %d: %w.", path, bytes.Count(before, []byte("\n"))+1, len(before)-bytes.LastIndexByte(before, '\n')-1, bad)
		}
		return b, nil
	}
	var n yaml.Node
	if err := yaml.Unmarshal(b, &n); err != nil {
		return nil, fault.New(fault.Invalid, "%s: %s.", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	plainDates(&n)
	var v map[string]any
	if err := n.Decode(&v); err != nil {
		return nil, fault.New(fault.Invalid, "%s: it is not a list of fields and their values: %w.", path, err)
	}
	return json.Marshal(v)
}

// plainDates keeps what YAML would take for a time as it was written; the kind's field says what it is.
func plainDates(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, c := range n.Content {
		plainDates(c)
	}
}

type endCommand struct {
	Kind   string `arg:"" help:"The kind, such as control; tickmark records lists them."`
	Key    string `arg:"" help:"The key of the record, such as AC-01."`
	Reason string `required:"" help:"Why; it stays on record."`
}

func (c *endCommand) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		_, err := w.Book.Put(s, me, record.Change{Kind: c.Kind, Key: c.Key, Delete: true, Reason: c.Reason})
		return err
	})
}

type eraseCommand struct {
	Kind   string `arg:"" help:"The kind, such as control; tickmark records lists them."`
	Key    string `arg:"" help:"The key of the record, such as AC-01."`
	Reason string `required:"" help:"Why; it stays in the ledger."`
	Yes    bool   `help:"Do it; without this nothing happens."`
}

func (c *eraseCommand) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		h, err := w.Book.History(s, c.Kind, c.Key)
		if err != nil {
			return err
		}
		if !c.Yes {
			return fault.New(fault.Usage, "This destroys for good what %s %s says and ever said, in %d %s.", c.Kind, c.Key, len(h), word(len(h) == 1, "version", "versions")).WithNext("Say --yes to do it.")
		}
		return api.Erase(s, w.Book, w.Blobs, me, c.Kind, c.Key, c.Reason)
	})
}
