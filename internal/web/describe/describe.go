// Package describe is the pages of the company's description of its system: what each description criterion lacks, the texts, and the
// approval. The one rule: facts come from the registers and are shown as they stand; people write the texts and nothing else.
package describe

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/description"
	"tickmark/internal/fault"
	"tickmark/internal/markdown"
	"tickmark/internal/record"
	"tickmark/internal/report/document"
	"tickmark/internal/report/examination"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// Section is the sidebar's entry.
const Section = "/descriptions"

// Site is what the pages need.
type Site struct {
	shell.Site
	Book  *record.Book
	Paper *document.Renderer // nil where this server makes no PDFs
}

// Routes are the addresses.
func (s *Site) Routes() shell.Routes {
	return shell.Routes{
		"GET /descriptions":                    s.home,
		"POST /descriptions":                   s.begin,
		"GET /descriptions/{id}":               s.one,
		"GET /descriptions/{id}/parts/{part}":  s.edit,
		"POST /descriptions/{id}/parts/{part}": s.save,
		"POST /descriptions/{id}/move/{move}":  s.move,
		"GET /descriptions/{id}/file/{format}": s.file,
	}
}

// Home is every description.
type Home struct {
	Rows    []Row
	Systems []part.Link // Href is the key
	May     bool
	Wrong   string
	Typed   map[string][]string
}

// Row is a description in the list.
type Row struct {
	ID, Name, Href, System, Days string
	State                        part.Status
	Lacks                        int
}

// One is a description.
type One struct {
	Row
	Criteria []Criterion
	Moves    []form.Move
	Record   string
	Lists    string // where the lists and answers are filled in
	Unread   string // why it cannot be assembled
	Files    []part.Link
	Sum      string
	AsOf     time.Time
	By       string
	Wrong    string
}

// Criterion is a description criterion with its parts and what it lacks.
type Criterion struct {
	DC, Title string
	Missing   []string
	Parts     []PartRow
}

// PartRow is one part of the text.
type PartRow struct {
	Name, Title, Help, Text string
	Shown                   string // as safe HTML
	Warnings                []string
	Edit                    string
	Open                    bool // it may stay without a text
}

// Editing is the form of one part.
type Editing struct {
	ID, Title, DC, Help, Text, Action, Back, Seen, Wrong string
	Missing, Warnings                                    []string
	Template                                             string
}

func (s *Site) may(ctx context.Context, verb string) error {
	k, err := s.Book.Kinds.Named(description.Name)
	if err != nil {
		return err
	}
	return s.Who(ctx).May(ctx, verb, k)
}

func (s *Site) look(ctx context.Context) record.Look { return s.Book.LookAt(ctx, part.Of(ctx).AsOf) }

func bodyOf(v record.Version) (b map[string]any, err error) { return b, json.Unmarshal(v.Body, &b) }

func text(b map[string]any, f string) string { t, _ := b[f].(string); return t }

func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, access.Read); err != nil {
		return err
	}
	look := s.look(ctx)
	all, err := look.All(description.Name)
	if err != nil {
		return err
	}
	h := Home{May: s.may(ctx, access.Write) == nil && !part.Past(ctx)}
	for _, v := range all {
		row, _, _, err := s.row(look, v)
		if err != nil {
			return err
		}
		h.Rows = append(h.Rows, row)
	}
	systems, err := look.All("system")
	if err != nil {
		return err
	}
	for _, v := range systems {
		h.Systems = append(h.Systems, part.Link{Text: cmp.Or(v.Label, v.Key), Href: v.Key})
	}
	code := http.StatusOK
	if why := refused(ctx); why.At == "begin" {
		h.Wrong, h.Typed, code = why.Sentence, why.Typed, why.Status
	}
	return s.Show(w, r, code, shell.Page{Title: "System description", Section: Section, Crumbs: []part.Crumb{{Text: "System description"}}}, HomeView(h))
}

// row is a description with what it lacks; the file is nil where it cannot be assembled, and why says so.
func (s *Site) row(look record.Look, v record.Version) (Row, *description.File, string, error) {
	b, err := bodyOf(v)
	if err != nil {
		return Row{}, nil, "", err
	}
	out := Row{ID: v.Key, Name: cmp.Or(v.Label, v.Key), Href: part.Path("descriptions", v.Key), System: text(b, "system"), Days: text(b, "to"), State: part.Status(text(b, record.StateField))}
	if from := text(b, "from"); from != "" {
		out.Days = from + " to " + out.Days
	}
	f, err := description.Assemble(look, b)
	if err != nil {
		var no *fault.Fault
		if !errors.As(err, &no) {
			return out, nil, "", err
		}
		return out, nil, strings.TrimSpace(no.Message + " " + no.Next), nil
	}
	for _, i := range f.Complete() {
		out.Lacks += len(i.Missing)
	}
	return out, f, "", nil
}

// begin makes a description with the template's words in each part, as tickmark description new does.
func (s *Site) begin(w http.ResponseWriter, r *http.Request) error {
	if err := s.may(r.Context(), access.Write); err != nil {
		return err
	}
	if err := s.Read(w, r); err != nil {
		return err
	}
	ctx, in := r.Context(), r.PostForm
	id := strings.TrimSpace(in.Get("id"))
	body, err := description.Begun(id, in.Get("system"), in.Get("from"), in.Get("to"), in["category"])
	if err == nil {
		if _, err = s.Book.Get(ctx, description.Name, id, 0); err == nil {
			err = fault.New(fault.Conflict, "There is a description %s already.", id).WithNext("Go on with that one, or choose another id.")
		} else if fault.Is(err, fault.NotFound) {
			_, err = s.Book.Put(ctx, s.Who(ctx), record.Change{Kind: description.Name, Key: id, Body: body})
		}
	}
	return s.tried(w, r, s.home, "begin", err, part.Path("descriptions", id), "The description is begun. Write its parts.")
}

func (s *Site) get(r *http.Request) (record.Version, map[string]any, error) {
	if err := s.may(r.Context(), access.Read); err != nil {
		return record.Version{}, nil, err
	}
	v, err := s.look(r.Context()).Get(description.Name, part.Segment(r.PathValue("id")))
	if err != nil {
		return v, nil, err
	}
	b, err := bodyOf(v)
	return v, b, err
}

func (s *Site) one(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, b, err := s.get(r)
	if err != nil {
		return err
	}
	row, f, why, err := s.row(s.look(ctx), v)
	if err != nil {
		return err
	}
	o := One{Row: row, Unread: why, Record: part.Path("records", description.Name, v.Key), Sum: text(b, "file"), By: text(b, "approved_by")}
	o.AsOf, _ = time.Parse(time.RFC3339Nano, text(b, "as_of"))
	if s.may(ctx, access.Write) == nil && !part.Past(ctx) {
		o.Lists = o.Record + "/edit"
	}
	warnings := map[string][]string{}
	if f != nil {
		list, err := f.Warnings()
		if err != nil {
			return err
		}
		for _, x := range list {
			warnings[x.Part] = append(warnings[x.Part], x.Says)
		}
		for _, i := range f.Complete() {
			o.Criteria = append(o.Criteria, Criterion{DC: i.DC, Title: i.Title, Missing: i.Missing})
		}
	}
	for _, p := range description.Parts() {
		i := slices.IndexFunc(o.Criteria, func(c Criterion) bool { return c.DC == p.DC })
		if i < 0 {
			continue
		}
		one := PartRow{Name: p.Name, Title: p.Title, Help: p.Help, Text: text(b, p.Name), Warnings: warnings[p.Title], Open: p.Open}
		if one.Text != "" {
			one.Shown = markdown.HTML(one.Text)
		}
		if o.Lists != "" {
			one.Edit = part.Path("descriptions", v.Key, "parts", p.Name)
		}
		o.Criteria[i].Parts = append(o.Criteria[i].Parts, one)
	}
	if o.Moves, err = s.Moves(ctx, v); err != nil {
		return err
	}
	if f != nil {
		formats := []string{"html", "docx"}
		if s.Paper != nil {
			formats = append(formats, "pdf")
		}
		for _, x := range formats {
			o.Files = append(o.Files, part.Link{Text: strings.ToUpper(x), Href: part.Path("descriptions", v.Key, "file", x)})
		}
		if o.Sum != "" {
			o.Files = append(o.Files, part.Link{Text: "For the firm (JSON)", Href: part.Path("descriptions", v.Key, "file", "json")})
		}
	}
	code := http.StatusOK
	if why := refused(ctx); why.At != "" {
		o.Wrong, code = why.Sentence, why.Status
	}
	return s.Show(w, r, code, shell.Page{Title: o.Name, Section: Section, Crumbs: []part.Crumb{{Text: "System description", Href: Section}, {Text: o.Name}}}, OneView(o))
}

func (s *Site) partOf(r *http.Request) (description.Part, error) {
	for _, p := range description.Parts() {
		if p.Name == r.PathValue("part") {
			return p, nil
		}
	}
	return description.Part{}, fault.New(fault.NotFound, "The description has no part %q.", r.PathValue("part")).WithNext("Choose one on its page.")
}

func (s *Site) edit(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, access.Write); err != nil {
		return err
	}
	p, err := s.partOf(r)
	if err != nil {
		return err
	}
	v, b, err := s.get(r)
	if err != nil {
		return err
	}
	e := Editing{ID: v.Key, Title: p.Title, DC: p.DC, Help: p.Help, Text: text(b, p.Name), Action: part.Path("descriptions", v.Key, "parts", p.Name), Back: part.Path("descriptions", v.Key), Seen: part.Stamp(v.From.Time())}
	if _, f, _, err := s.row(s.look(ctx), v); err != nil {
		return err
	} else if f != nil {
		for _, i := range f.Complete() {
			if i.DC == p.DC {
				e.Missing = i.Missing
			}
		}
		list, err := f.Warnings()
		if err != nil {
			return err
		}
		for _, x := range list {
			if x.Part == p.Title {
				e.Warnings = append(e.Warnings, x.Says)
			}
		}
	}
	code := http.StatusOK
	if why := refused(ctx); why.At == "save" {
		e.Wrong, e.Text, code = why.Sentence, strings.Join(why.Typed["text"], ""), why.Status
	}
	crumbs := []part.Crumb{{Text: "System description", Href: Section}, {Text: cmp.Or(v.Label, v.Key), Href: e.Back}, {Text: p.Title}}
	return s.Show(w, r, code, shell.Page{Title: p.Title, Section: Section, Crumbs: crumbs}, EditView(e))
}

// save writes one part; whoever changed the description since it was looked at is not overwritten.
func (s *Site) save(w http.ResponseWriter, r *http.Request) error {
	if err := s.may(r.Context(), access.Write); err != nil {
		return err
	}
	p, err := s.partOf(r)
	if err != nil {
		return err
	}
	if err := s.Read(w, r); err != nil {
		return err
	}
	v, b, err := s.get(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	err = func() error {
		if r.PostForm.Get("seen") != part.Stamp(v.From.Time()) {
			return fault.New(fault.Conflict, "%s changed the description since you began to write, so nothing was saved.", part.Who(ctx, v.Actor)).WithNext("Your text stands below: compare it with the description as it is now, and save it again.")
		}
		written := strings.TrimSpace(strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n"))
		if written == "" {
			delete(b, p.Name)
		} else {
			b[p.Name] = written
		}
		raw, err := json.Marshal(b)
		if err != nil {
			return err
		}
		from := v.From
		_, err = s.Book.Put(ctx, s.Who(ctx), record.Change{Kind: description.Name, Key: v.Key, Body: raw, Reason: strings.TrimSpace(r.PostForm.Get("reason")), If: &from})
		return err
	}()
	return s.tried(w, r, s.edit, "save", err, part.Path("descriptions", v.Key)+"#"+part.ID("part", p.Name), p.Title+" is saved.")
}

func (s *Site) move(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	v, _, err := s.get(r)
	if err != nil {
		return err
	}
	k, err := s.Book.Kinds.Named(description.Name)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(k.States.Moves, func(m record.Move) bool { return m.Name == r.PathValue("move") })
	if i < 0 {
		return fault.New(fault.NotFound, "There is no step %q.", r.PathValue("move"))
	}
	m := k.States.Moves[i]
	err = func() error {
		if err := s.Who(r.Context()).May(r.Context(), access.Act, k); err != nil {
			return err
		}
		if seen := r.PostForm.Get("_seen"); seen != "" && seen != part.Stamp(v.From.Time()) {
			return fault.New(fault.Conflict, "%s changed the description since you looked at it, so nothing was done.", part.Who(r.Context(), v.Actor)).WithNext("Look at it again and decide anew.")
		}
		body, typed, ok := form.Parse(m.Fields, r.PostForm, nil)
		if !ok {
			return fault.New(fault.Invalid, "The form is not filled in.").WithNext("Fill in what is asked for.")
		}
		from := v.From
		c := record.Change{Kind: description.Name, Key: v.Key, Move: m.Name, Reason: typed.Reason, If: &from}
		if err := json.Unmarshal(body, &c.Said); err != nil {
			return err
		}
		_, err := s.Book.Put(r.Context(), s.Who(r.Context()), c)
		return err
	}()
	return s.tried(w, r, s.one, "move", err, part.Path("descriptions", v.Key), "Done: "+strings.ToLower(m.Title)+".")
}

// file hands out the description: for the firm the text that was approved, to read the text as it stands, marked as a draft.
func (s *Site) file(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, b, err := s.get(r)
	if err != nil {
		return err
	}
	format := r.PathValue("format")
	approved := text(b, record.StateField) == "approved"
	var f *description.File
	if approved {
		f, err = description.Approved(ctx, s.Book.LookAt, b)
	} else if format == "json" {
		err = fault.New(fault.Conflict, "The description is not approved, and the firm takes no draft.").WithNext("Let another person approve it.")
	} else {
		f, err = description.Assemble(s.look(ctx), b)
	}
	if err != nil {
		return err
	}
	var out []byte
	switch {
	case format == "json":
		out, err = f.Bytes()
	case format == "docx":
		out, err = document.DOCX(examination.DescriptionDocument(f, !approved), document.A4)
	case format == "html":
		out, err = document.HTML(ctx, examination.DescriptionDocument(f, !approved))
	case format == "pdf" && s.Paper != nil:
		out, err = s.Paper.PDF(ctx, examination.DescriptionDocument(f, !approved), document.A4)
	default:
		return fault.New(fault.NotFound, "The description is not written as %q here.", format).WithNext("Choose one of the formats on its page.")
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "description-" + v.Key + "." + format}))
	h.Set("Content-Length", strconv.Itoa(len(out)))
	_, err = bytes.NewReader(out).WriteTo(w)
	return err
}

// refusal is what was just refused on this page.
type refusal struct {
	At, Sentence string
	Typed        map[string][]string
	Status       int
}

type refusedKey struct{}

func refused(ctx context.Context) refusal {
	r, _ := ctx.Value(refusedKey{}).(refusal)
	return r
}

func (s *Site) tried(w http.ResponseWriter, r *http.Request, page func(http.ResponseWriter, *http.Request) error, at string, err error, to, said string) error {
	var f *fault.Fault
	switch {
	case err == nil:
		return s.Done(w, r, to, said)
	case errors.As(err, &f) && fault.Status(f) < 500 && f.Kind != fault.SignIn:
		why := refusal{At: at, Sentence: strings.TrimSpace(f.Message + " " + f.Next), Typed: r.PostForm, Status: fault.Status(f)}
		return page(w, r.WithContext(context.WithValue(r.Context(), refusedKey{}, why)))
	}
	return err
}
