package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/connector/file"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
)

// Import shows the three steps of taking a file: choose it, say which column is which field, look at what it would do.
type Import struct {
	Kind, Title, Plural, Help string
	Fields                    []part.Link // what a file may say: name and help
	File, Staged              string      // its name, and the number it waits under; empty: not chosen yet
	Columns                   []ImportColumn
	Choices                   []part.Option
	Reason                    string
	Wrong                     string
	Problems                  []file.Problem
	More                      bool
	Read, New, Changed, Same  int
	Heads                     []string
	Rows                      [][]string
	Ready                     bool // it can be taken

	Mapping   string        // the kept mapping by which it is read; empty: by the columns as chosen
	Kept      []part.Option // mappings for the kind
	Everybody bool          // the file lists everybody who works here
	People    bool          // the kind is of people, so that it may
	Gone      []part.Link   // who works here as far as is known, and is not in it
	Asked     int           // how many of them were not asked about yet
}

// ImportColumn is a column of the file and the field it is taken for.
type ImportColumn struct{ Name, Field string }

const (
	stagedLife = 30 * time.Minute
	stagedMost = 64 << 20
)

// staged is a file that somebody is about to import. It waits in memory and is forgotten: until it is imported it may hold
// what nobody decided to keep.
type staged struct {
	name, user string
	bytes      []byte
	at         time.Time
}

// stage keeps a file for the next step and makes room by forgetting the oldest.
func (s *site) stage(f staged) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[string]staged{}
	}
	total := len(f.bytes)
	for id, o := range s.waiting {
		if f.at.Sub(o.at) > stagedLife {
			delete(s.waiting, id)
			continue
		}
		total += len(o.bytes)
	}
	for total > stagedMost && len(s.waiting) > 0 {
		oldest := ""
		for id, o := range s.waiting {
			if oldest == "" || o.at.Before(s.waiting[oldest].at) {
				oldest = id
			}
		}
		total -= len(s.waiting[oldest].bytes)
		delete(s.waiting, oldest)
	}
	id := rand.Text()
	s.waiting[id] = f
	return id
}

func (s *site) stagedAs(ctx context.Context, id string) (staged, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.waiting[id]
	if !ok || f.user != session(ctx).User.Key {
		return f, fault.New(fault.NotFound, "The file is no longer at hand.").WithNext("Choose it again; nothing of it was taken.")
	}
	return f, nil
}

func (s *site) importOf(ctx context.Context, k *record.Kind) (Import, error) {
	v := Import{People: k.Name == "person", Kind: k.Name, Title: k.Title, Plural: cmp.Or(k.Plural, k.Title), Help: k.Help}
	for _, f := range k.Fields {
		if f.Fixed || f.Secret {
			continue
		}
		note := f.Help
		if f.Required {
			note = strings.TrimSpace("Needed. " + note)
		}
		v.Fields = append(v.Fields, part.Link{Text: f.Name, Note: note})
		v.Choices = append(v.Choices, part.Option{Value: f.Name, Text: titleOf(f)})
	}
	if k.Key == "" || strings.HasPrefix(k.Key, `"`) {
		v.Choices = append(v.Choices, part.Option{Value: "key", Text: "Id of the record"})
	}
	mappings, err := s.Book.Kinds.Named("import_mapping")
	if err != nil || session(ctx).May(ctx, access.Read, mappings) != nil {
		return v, err
	}
	err = s.Book.EachAt(ctx, s.Book.DB, mappings.Name, 0, func(m record.Version) error {
		if of, _, err := file.ReadKept(m); err == nil && of == k.Name && !m.Erased {
			v.Kept = append(v.Kept, part.Option{Value: m.Key, Text: cmp.Or(m.Label, m.Key)})
		}
		return nil
	})
	return v, err
}

func (s *site) showImport(w http.ResponseWriter, r *http.Request, status int, v Import) error {
	title := "Import " + strings.ToLower(v.Plural)
	p := Page{Title: title, Section: sectionOf(v.Kind), Crumbs: []part.Crumb{{Text: "Records", Href: "/records"}, {Text: v.Plural, Href: listOf(v.Kind)}, {Text: "Import"}}}
	return s.showAs(w, r, status, p, func(p Page) templ.Component { return importPage(p, v) })
}

// listOf is the list of a kind's records.
func listOf(kind string) string {
	switch kind {
	case "person":
		return "/people"
	case "control":
		return "/controls"
	case "finding":
		return "/findings"
	}
	return part.Path("records", kind)
}

// importKinds lets the reader choose what a file holds.
func (s *site) importKinds(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	if part.Past(ctx) {
		return fault.New(fault.Conflict, "The past cannot be changed.").WithNext("Go back to now, and do it there.")
	}
	var l KindList
	for _, k := range s.Book.Kinds.All() {
		if !s.imports(ctx, k) {
			continue
		}
		name := cmp.Or(k.Group, "Other")
		i := slices.IndexFunc(l.Groups, func(g KindGroup) bool { return g.Name == name })
		if i < 0 {
			i, l.Groups = len(l.Groups), append(l.Groups, KindGroup{Name: name})
		}
		l.Groups[i].Kinds = append(l.Groups[i].Kinds, KindRow{Name: k.Name, Title: cmp.Or(k.Plural, k.Title), Help: k.Help})
	}
	slices.SortFunc(l.Groups, func(a, b KindGroup) int { return groupOrder(a.Name, b.Name) })
	for _, g := range l.Groups {
		slices.SortFunc(g.Kinds, func(a, b KindRow) int { return strings.Compare(a.Title, b.Title) })
	}
	p := Page{Title: "Import", Section: "/records", Crumbs: []part.Crumb{{Text: "Records", Href: "/records"}, {Text: "Import"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return importKindsPage(p, l) })
}

// imports says whether the reader may take a file of a kind.
func (s *site) imports(ctx context.Context, k *record.Kind) bool {
	return !part.Past(ctx) && !k.Collected && !k.System && cmp.Or(k.Room, record.Company) == record.Company && session(ctx).May(ctx, access.Write, k) == nil
}

func (s *site) importBegin(w http.ResponseWriter, r *http.Request) error {
	k, err := s.writable(r)
	if err != nil {
		return err
	}
	v, err := s.importOf(r.Context(), k)
	if err != nil {
		return err
	}
	return s.showImport(w, r, http.StatusOK, v)
}

// importLook takes the file, or the file that waits with another mapping, and shows what importing it would do. Nothing is
// written.
func (s *site) importLook(w http.ResponseWriter, r *http.Request) error {
	k, err := s.writable(r)
	if err != nil {
		return err
	}
	if err := submitted(w, r); err != nil {
		return err
	}
	v, err := s.importOf(r.Context(), k)
	if err != nil {
		return err
	}
	v.Reason = strings.TrimSpace(r.Form.Get("_reason"))
	v.Mapping, v.Everybody = r.Form.Get("mapping"), v.People && r.Form.Get("everybody") != ""
	var f staged
	if v.Staged = r.Form.Get("staged"); v.Staged != "" {
		if f, err = s.stagedAs(r.Context(), v.Staged); err != nil {
			v.Staged, v.Wrong = "", sentenceOf(err)
			return s.showImport(w, r, fault.Status(err), v)
		}
	} else {
		in, head, err := r.FormFile("file")
		if err != nil {
			v.Wrong = "No file came with the form. Choose one."
			return s.showImport(w, r, http.StatusUnprocessableEntity, v)
		}
		defer in.Close()
		f = staged{name: path.Base(strings.ReplaceAll(head.Filename, `\`, "/")), user: session(r.Context()).User.Key, at: s.Book.Log.Clock()}
		if f.bytes, err = io.ReadAll(in); err != nil {
			return err
		}
		v.Staged = s.stage(f)
	}
	v.File = f.name
	mapping, err := s.mapped(k, f, r, &v)
	if err != nil {
		v.Staged, v.Wrong = "", sentenceOf(err)
		return s.showImport(w, r, http.StatusUnprocessableEntity, v)
	}
	status := http.StatusOK
	if err := s.tryImport(r.Context(), k, f, mapping, &v); err != nil {
		return err
	}
	if !v.Ready {
		status = http.StatusUnprocessableEntity
	}
	if r.Form.Get("do") == "import" && v.Ready {
		return s.importTake(w, r, k, f, mapping, v)
	}
	return s.showImport(w, r, status, v)
}

// mapped reads which column is which field from the form; at first sight, by their names.
func (s *site) mapped(k *record.Kind, f staged, r *http.Request, v *Import) (file.Mapping, error) {
	if v.Mapping != "" {
		kept, err := s.Book.Get(r.Context(), "import_mapping", v.Mapping, 0)
		if err != nil {
			return file.Mapping{}, err
		}
		of, m, err := file.ReadKept(kept)
		if err == nil && of != k.Name {
			err = fault.New(fault.Invalid, "The mapping %s is for %s.", v.Mapping, of).WithNext("Choose another.")
		}
		return m, err
	}
	columns, err := file.Columns(k, f.name, bytes.NewReader(f.bytes))
	if err != nil || len(columns) == 0 {
		return file.Mapping{}, err
	}
	m := file.Mapping{Fields: map[string]file.Source{}, Ignore: []string{"*"}, Zone: part.Of(r.Context()).Zone.String()}
	first := !r.Form.Has("columns")
	for i, c := range columns {
		name := strings.TrimSpace(c)
		if name == "" {
			continue
		}
		col := ImportColumn{Name: name}
		if first {
			col.Field = file.Named(k, name)
			if declared, ok := k.FieldNamed(col.Field); ok && declared.Fixed {
				col.Field = ""
			}
		} else {
			col.Field = r.Form.Get(fmt.Sprintf("column.%d", i))
		}
		v.Columns = append(v.Columns, col)
		if col.Field == "" {
			m.Ignore = append(m.Ignore, name)
			continue
		}
		if _, twice := m.Fields[col.Field]; twice {
			v.Wrong = "Two columns are taken for " + col.Field + ". Leave one of them out."
			continue
		}
		m.Fields[col.Field] = file.Source{Column: name}
	}
	return m, nil
}

var errLooked = errors.New("only looked")

// tryImport reads the file and writes it in a transaction that is then given up, so that everything that would refuse it does.
func (s *site) tryImport(ctx context.Context, k *record.Kind, f staged, m file.Mapping, v *Import) error {
	if v.Wrong != "" {
		return nil
	}
	rows, err := file.Read(k, f.name, bytes.NewReader(f.bytes), m)
	var bad *file.Refusal
	switch {
	case errors.As(err, &bad):
		v.Problems, v.More = bad.Problems, bad.More
		return nil
	case known(err):
		v.Wrong = sentenceOf(err)
		return nil
	case err != nil:
		return err
	}
	v.Read = len(rows)
	preview(k, rows, v)
	changes, fresh, err := s.rowsOf(ctx, k, rows, v, "looked at")
	if err != nil {
		return err
	}
	v.New = fresh
	err = s.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		out, err := s.Book.PutIn(ctx, tx, session(ctx), changes...)
		if err != nil {
			return err
		}
		for _, x := range out[:len(rows)] {
			if x.From.Time().Before(tx.Now.Time()) {
				v.Same++
			} else {
				v.Changed++
			}
		}
		return errLooked
	})
	var refused *record.Refused
	switch {
	case errors.Is(err, errLooked):
		v.Changed -= v.New
		v.Ready = v.Read > 0
	case errors.As(err, &refused) && refused.Change < len(rows):
		v.Problems = []file.Problem{{Line: rows[refused.Change].Line, Message: strings.TrimSuffix(sentenceOf(refused.Fault), ".")}}
	case known(err):
		v.Wrong = sentenceOf(err)
	default:
		return err
	}
	return nil
}

// rowsOf are the changes that the rows make and, where the file lists everybody, the questions about whom it no longer names.
func (s *site) rowsOf(ctx context.Context, k *record.Kind, rows []file.Row, v *Import, reason string) (changes []record.Change, fresh int, err error) {
	now := s.Book.Log.Clock().In(part.Of(ctx).Zone)
	today := now.Format(time.DateOnly)
	if changes, fresh, err = file.Changes(ctx, s.Book, k, rows, today, reason); err != nil || !v.Everybody {
		return changes, fresh, err
	}
	gone, err := file.Missing(ctx, s.Book, k, rows, today)
	if err != nil {
		return nil, 0, err
	}
	v.Gone = nil
	for _, g := range gone {
		v.Gone = append(v.Gone, part.Link{Text: cmp.Or(g.Label, g.Key), Note: g.Key})
	}
	questions, err := file.Ask(ctx, s.Book, gone, reason, now)
	v.Asked = len(questions)
	return append(changes, questions...), fresh, err
}

// preview fills in the first rows as they would be kept.
func preview(k *record.Kind, rows []file.Row, v *Import) {
	const most, wide = 12, 7
	used := map[string]bool{}
	var bodies []map[string]any
	for i, r := range rows {
		if i == most {
			break
		}
		b := readBody(r.Body)
		bodies = append(bodies, b)
		for name := range b {
			used[name] = true
		}
	}
	var names []string
	for _, f := range k.Fields {
		if used[f.Name] && len(names) < wide {
			names, v.Heads = append(names, f.Name), append(v.Heads, titleOf(f))
		}
	}
	for _, b := range bodies {
		var cells []string
		for _, n := range names {
			cells = append(cells, part.Short(stated(b[n]), 60))
		}
		v.Rows = append(v.Rows, cells)
	}
}

// importTake writes the rows, all or none.
func (s *site) importTake(w http.ResponseWriter, r *http.Request, k *record.Kind, f staged, m file.Mapping, v Import) error {
	rows, err := file.Read(k, f.name, bytes.NewReader(f.bytes), m)
	if err != nil {
		return err
	}
	sum := hashOf(f.bytes)
	reason := cmp.Or(v.Reason, fmt.Sprintf("Imported from %s, SHA-256 %x", f.name, sum))
	changes, _, err := s.rowsOf(r.Context(), k, rows, &v, reason)
	if err != nil {
		return err
	}
	if _, err := s.Book.Put(r.Context(), session(r.Context()), changes...); err != nil {
		if !known(err) {
			return err
		}
		v.Ready, v.Wrong = false, sentenceOf(err)
		return s.showImport(w, r, fault.Status(err), v)
	}
	s.mu.Lock()
	delete(s.waiting, v.Staged)
	s.mu.Unlock()
	return done(w, r, listOf(k.Name), fmt.Sprintf("%s read: %d new, %d changed, %d as they were.", part.Count(v.Read, "row"), v.New, v.Changed, v.Same))
}
