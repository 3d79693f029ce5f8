package web

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/blob"
	"tickmark/internal/check"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

func hashOf(b []byte) [32]byte { return sha256.Sum256(b) }

const (
	formLimit = 1 << 20
	fileLimit = 32 << 20
)

// writable is a kind of which the reader may write records.
func (s *site) writable(r *http.Request) (*record.Kind, error) {
	k, err := s.readable(r)
	if err != nil {
		return nil, err
	}
	if part.Past(r.Context()) {
		return nil, fault.New(fault.Conflict, "The past cannot be changed.").WithNext("Go back to now, and do it there.")
	}
	if k.Collected || k.System {
		return nil, fault.New(fault.Denied, "%s are written by Tickmark itself.", cmp.Or(k.Plural, k.Title)).WithNext("Change the thing itself; the next run will see it.")
	}
	return k, session(r.Context()).May(r.Context(), access.Write, k)
}

// fieldsOf are a kind's fields with those that the organisation added.
func (s *site) fieldsOf(r *http.Request, k *record.Kind) ([]record.Field, error) {
	own, err := s.Book.CustomFields(r.Context(), s.Book.DB, k.Name)
	if err != nil || len(own) == 0 {
		return k.Fields, err
	}
	return append(append([]record.Field{}, k.Fields...), record.Field{Name: record.Custom, Title: "Own fields", Type: record.Object, Fields: own}), nil
}

// typed are the fields that a person fills in; what comes from a file is taken from the file and never changes afterwards.
func typed(k *record.Kind, fields []record.Field) []record.Field {
	if k.Name != "evidence" {
		return fields
	}
	return slices.DeleteFunc(slices.Clone(fields), func(f record.Field) bool { return contains(fileFields, f.Name) })
}

var fileFields = []string{"sha256", "file_name", "media_type", "size"}

// options fills in what references may refer to, for the browser to suggest.
func (s *site) options(r *http.Request, in []form.Input) error {
	for i := range in {
		if in[i].Refers != "" {
			k, err := s.Book.Kinds.Named(in[i].Refers)
			if err != nil {
				return err
			}
			page, err := s.Book.List(r.Context(), record.Query{Kind: k.Name, Limit: 200, Room: k.Room})
			if err != nil {
				return err
			}
			for _, v := range page.Versions {
				in[i].Options = append(in[i].Options, form.Option{Key: v.Key, Label: v.Label})
			}
		}
		for _, g := range in[i].Groups {
			if err := s.options(r, g); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *site) recordNew(w http.ResponseWriter, r *http.Request) error {
	k, err := s.writable(r)
	if err != nil {
		return err
	}
	fields, err := s.fieldsOf(r, k)
	if err != nil {
		return err
	}
	start, err := begun(k, r.URL.Query())
	if err != nil {
		return err
	}
	return s.showForm(w, r, http.StatusOK, k, RecordForm{Form: form.New(typed(k, fields), start)})
}

// begun is what an address fills in of a new record: for evidence what it is for, for a requirement its control, for a risk the
// threat that it begins from.
func begun(k *record.Kind, q url.Values) ([]byte, error) {
	body := map[string]any{}
	for kind, names := range map[string][]string{"evidence": {"requirement", "item", "covers_from", "covers_to"}, "requirement": {"control"}, "milestone": {"cycle"}, "risk": {"title", "source"},
		"readiness_result": {"assessment", "criterion"}, "readiness_observation": {"assessment"}} {
		for _, name := range names {
			if value := q.Get(name); value != "" && kind == k.Name {
				body[name] = value
			}
		}
	}
	for _, name := range []string{"threats", "weaknesses", "affects", "findings"} {
		if list := q[name]; k.Name == "risk" && len(list) > 0 {
			body[name] = list
		}
	}
	if k.Name == "evidence" {
		body["sort"] = "document"
		if c := q.Get("control"); c != "" {
			body["controls"] = []string{c}
		}
		if item := q.Get("item"); item != "" {
			body["title"] = item
		}
	}
	return json.Marshal(body)
}

func (s *site) showForm(w http.ResponseWriter, r *http.Request, status int, k *record.Kind, f RecordForm) error {
	if k.Name == "evidence" {
		f.Form.Inputs = slices.DeleteFunc(f.Form.Inputs, func(in form.Input) bool { return contains(fileFields, in.Name) })
	}
	if err := s.options(r, f.Form.Inputs); err != nil {
		return err
	}
	f.Kind, f.Help = k.Name, k.Help
	title := "New " + strings.ToLower(k.Title)
	f.Cancel, f.Action = part.Path("records", k.Name), part.Path("new", k.Name)
	f.TakesKey = k.Key == ""
	f.File = k.Name == "evidence"
	if f.Seen != "" {
		title = "Edit " + strings.ToLower(k.Title) + " " + f.Key
		f.Cancel = s.pathOf(k.Name, f.Key)
		f.Action = recordPath(k.Name, f.Key) + "/edit"
		f.TakesKey, f.File = false, false
	}
	f.Title = title
	p := Page{Title: title, Section: sectionOf(k.Name), Crumbs: []part.Crumb{{Text: "Records", Href: "/records"}, {Text: cmp.Or(k.Plural, k.Title), Href: part.Path("records", k.Name)}, {Text: title}}}
	return s.showAs(w, r, status, p, func(p Page) templ.Component { return formPage(p, f) })
}

// submitted reads a form that may carry a file.
func submitted(w http.ResponseWriter, r *http.Request) error {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return limited(w, r, formLimit)
	}
	r.Body = http.MaxBytesReader(w, r.Body, fileLimit+formLimit)
	err := r.ParseMultipartForm(4 << 20)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fault.New(fault.TooLarge, "The file is larger than %s.", part.Bytes(fileLimit)).WithNext("Keep it elsewhere and give a link, or send a smaller one.")
	}
	if err != nil {
		return fault.New(fault.Usage, "The form cannot be read: %w.", err)
	}
	return nil
}

func (s *site) recordCreate(w http.ResponseWriter, r *http.Request) error {
	k, err := s.writable(r)
	if err != nil {
		return err
	}
	if err := submitted(w, r); err != nil {
		return err
	}
	fields, err := s.fieldsOf(r, k)
	if err != nil {
		return err
	}
	if k.Name == "evidence" {
		if err := s.takeFile(r); err != nil {
			return err
		}
	}
	key := strings.TrimSpace(r.Form.Get("_key"))
	body, filled, ok := form.Parse(fields, r.Form, nil)
	if !ok {
		return s.showForm(w, r, http.StatusUnprocessableEntity, k, RecordForm{Key: key, Form: filled})
	}
	if k.Name == check.SettingKind {
		return s.toPreview(w, r, k, RecordForm{Key: key, Form: filled}, body)
	}
	none := store.Moment(0)
	change := record.Change{Kind: k.Name, Key: key, Body: body, Reason: filled.Reason, If: &none}
	if r.Form.Get("sha256") != "" {
		change.Origin = record.Uploaded
	}
	out, err := s.Book.Put(r.Context(), session(r.Context()), change)
	if known(err) && !fault.Is(err, fault.Denied) {
		filled.Wrong = sentenceOf(err)
		return s.showForm(w, r, fault.Status(err), k, RecordForm{Key: key, Form: filled})
	}
	if err != nil {
		return err
	}
	return done(w, r, s.pathOf(k.Name, out[0].Key), k.Title+" is saved."+wordingNote(k.Name, body))
}

// takeFile keeps the file of a form and puts its name, size and SHA-256 in place of what was typed for them.
func (s *site) takeFile(r *http.Request) error {
	for _, f := range fileFields {
		r.Form.Del(f)
	}
	if r.MultipartForm == nil || len(r.MultipartForm.File["_file"]) == 0 {
		return nil
	}
	kept, err := s.keep(r, "_file")
	if err != nil {
		return err
	}
	r.Form.Set("sha256", kept.sum)
	r.Form.Set("file_name", kept.name)
	r.Form.Set("media_type", kept.media)
	r.Form.Set("size", fmt.Sprint(kept.size))
	return nil
}

type keptFile struct {
	name, sum, media string
	size             int64
}

func (s *site) keep(r *http.Request, field string) (k keptFile, err error) {
	f, head, err := r.FormFile(field)
	if err != nil {
		return k, fault.New(fault.Usage, "No file came with the form.").WithNext("Choose a file.")
	}
	defer f.Close()
	sum, size, err := s.Blobs.Put(r.Context(), f, fileLimit)
	if err != nil {
		return k, err
	}
	media, _, err := mime.ParseMediaType(head.Header.Get("Content-Type"))
	if err != nil {
		media = "application/octet-stream"
	}
	return keptFile{name: path.Base(strings.ReplaceAll(head.Filename, `\`, "/")), sum: sum.String(), media: media, size: size}, nil
}

func (s *site) recordEdit(w http.ResponseWriter, r *http.Request) error {
	k, err := s.writable(r)
	if err != nil {
		return err
	}
	v, err := s.Book.GetFrom(r.Context(), k.Name, segment(r, "key"), record.Program, 0, k.Room)
	if err != nil {
		return err
	}
	fields, err := s.fieldsOf(r, k)
	if err != nil {
		return err
	}
	return s.showForm(w, r, http.StatusOK, k, RecordForm{Key: v.Key, Seen: part.Stamp(v.From.Time()), Form: form.New(typed(k, fields), v.Body)})
}

func (s *site) recordSave(w http.ResponseWriter, r *http.Request) error {
	k, err := s.writable(r)
	if err != nil {
		return err
	}
	if err := submitted(w, r); err != nil {
		return err
	}
	key := segment(r, "key")
	seen, err := time.Parse(time.RFC3339Nano, r.Form.Get("_seen"))
	if err != nil {
		return fault.New(fault.Usage, "The form does not say which version it changes.").WithNext("Open the record again and edit it there.")
	}
	fields, err := s.fieldsOf(r, k)
	if err != nil {
		return err
	}
	fields = typed(k, fields)
	base := store.At(seen)
	v, err := s.Book.GetFrom(r.Context(), k.Name, key, record.Program, 0, k.Room)
	if fault.Is(err, fault.NotFound) {
		return s.savedTooLate(w, r, k, fields, key, base, err)
	}
	if err != nil {
		return err
	}
	body, filled, ok := form.Parse(fields, r.Form, v.Body)
	if filled.Reason == "" && ok {
		filled.Wrong, ok = "A change needs its reason, for the history and the auditor.", false
	}
	if !ok {
		return s.showForm(w, r, http.StatusUnprocessableEntity, k, RecordForm{Key: key, Seen: r.Form.Get("_seen"), Form: filled})
	}
	if v.From != base {
		return s.conflicted(w, r, k, fields, v, base, body, filled.Reason)
	}
	if k.Name == check.SettingKind {
		return s.toPreview(w, r, k, RecordForm{Key: key, Seen: r.Form.Get("_seen"), Form: filled}, body)
	}
	out, err := s.Book.Put(r.Context(), session(r.Context()), record.Change{Kind: k.Name, Key: key, Body: body, Reason: filled.Reason, If: &base})
	if fault.Is(err, fault.Conflict) { // another may have saved between the reading above and the writing
		if now, e := s.Book.GetFrom(r.Context(), k.Name, key, record.Program, 0, k.Room); e == nil && now.From != base {
			return s.conflicted(w, r, k, fields, now, base, body, filled.Reason)
		}
	}
	if known(err) && !fault.Is(err, fault.Denied) {
		filled.Wrong = sentenceOf(err)
		return s.showForm(w, r, fault.Status(err), k, RecordForm{Key: key, Seen: r.Form.Get("_seen"), Form: filled})
	}
	if err != nil {
		return err
	}
	return s.doneUndoable(w, r, s.pathOf(k.Name, key), k.Title+" is saved."+wordingNote(k.Name, body), []undoing{{kind: k.Name, key: key, before: base}}, out)
}

// savedTooLate gives back what was written over a record that was ended in the meantime.
func (s *site) savedTooLate(w http.ResponseWriter, r *http.Request, k *record.Kind, fields []record.Field, key string, base store.Moment, gone error) error {
	v, err := s.Book.GetFrom(r.Context(), k.Name, key, record.Program, base, k.Room)
	if err != nil {
		return gone
	}
	_, filled, _ := form.Parse(fields, r.Form, v.Body)
	filled.Wrong = "It was ended while you were writing, so this cannot be saved. What you wrote stands below: copy what you need, or make a new one with it."
	return s.showForm(w, r, http.StatusConflict, k, RecordForm{Key: key, Seen: r.Form.Get("_seen"), Form: filled})
}

// recordMove takes a step of the life cycle.
func (s *site) recordMove(w http.ResponseWriter, r *http.Request) error {
	k, err := s.readable(r)
	if err != nil {
		return err
	}
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	key, name := segment(r, "key"), r.PathValue("move")
	if k.States == nil {
		return noPage(r)
	}
	var said map[string]any
	for _, m := range k.States.Moves {
		if m.Name != name {
			continue
		}
		body, typed, ok := form.Parse(m.Fields, r.PostForm, nil)
		if !ok {
			for _, in := range typed.Inputs {
				if in.Wrong != "" {
					return fault.New(fault.Invalid, "%s: %s", in.Title, in.Wrong).WithNext("Go back and fill it in.")
				}
			}
			return fault.New(fault.Invalid, "The form is not filled in.").WithNext("Go back and fill it in.")
		}
		if err := json.Unmarshal(body, &said); err != nil {
			return err
		}
	}
	change := record.Change{Kind: k.Name, Key: key, Move: name, Said: said, Reason: strings.TrimSpace(r.PostForm.Get("_reason"))}
	if typed := r.PostForm.Get("_seen"); typed != "" {
		seen, err := time.Parse(time.RFC3339Nano, typed)
		if err != nil {
			return fault.New(fault.Usage, "The form does not say which version it acts on.").WithNext("Open the record again and do it there.")
		}
		base := store.At(seen)
		now, err := s.Book.GetFrom(r.Context(), k.Name, key, record.Program, 0, k.Room)
		if err != nil {
			return err
		}
		if now.From != base {
			return fault.New(fault.Conflict, "%s changed this %s since you looked at it, so nothing was done.", part.Who(r.Context(), now.Actor), strings.ToLower(k.Title)).
				WithNext("Look at what changed in its history, and do it again there.")
		}
		change.If = &base
	}
	if _, err = s.Book.Put(r.Context(), session(r.Context()), change); err != nil {
		return err
	}
	to := s.pathOf(k.Name, key)
	if k.Name == "policy_version" || k.Name == "policy_review" {
		to = s.policyOf(r.Context(), k.Name, key)
	}
	return done(w, r, to, "Done: "+strings.ReplaceAll(name, "_", " ")+".")
}

// open refuses to say something of a record of another room than the company's: comments and attachments are read by management.
func open(k *record.Kind) error {
	if k.Room != record.Company {
		return fault.New(fault.Denied, "Comments and attachments are read by management, and %s are not.", strings.ToLower(cmp.Or(k.Plural, k.Title))).WithNext("Write it in the record itself, or as a review note.")
	}
	return nil
}

func (s *site) recordComment(w http.ResponseWriter, r *http.Request) error {
	k, v, _, err := s.found(r)
	if err != nil {
		return err
	}
	if err := open(k); err != nil {
		return err
	}
	if err := limited(w, r, 100_000); err != nil {
		return err
	}
	text := strings.TrimSpace(r.PostForm.Get("text"))
	if text == "" {
		return fault.New(fault.Invalid, "The comment is empty.").WithNext("Go back and write something.")
	}
	if err := s.put(r, "comment", map[string]any{"on_kind": k.Name, "on": k.Name + "/" + v.Key, "text": text}, record.Typed); err != nil {
		return err
	}
	return done(w, r, recordPath(k.Name, v.Key)+"/comments", "Your comment stands.")
}

func (s *site) recordAttach(w http.ResponseWriter, r *http.Request) error {
	k, v, _, err := s.found(r)
	if err != nil {
		return err
	}
	if err := open(k); err != nil {
		return err
	}
	kind, err := s.Book.Kinds.Named("attachment")
	if err != nil {
		return err
	}
	if err := session(r.Context()).May(r.Context(), access.Write, kind); err != nil {
		return err
	}
	if err := submitted(w, r); err != nil {
		return err
	}
	f, err := s.keep(r, "file")
	if err != nil {
		return err
	}
	err = s.put(r, "attachment", map[string]any{"on_kind": k.Name, "on": k.Name + "/" + v.Key, "name": f.name, "sha256": f.sum, "size": f.size, "media_type": f.media}, record.Uploaded)
	if err != nil {
		return err
	}
	return done(w, r, recordPath(k.Name, v.Key)+"/attachments", f.name+" is attached.")
}

func (s *site) put(r *http.Request, kind string, body map[string]any, origin record.Origin) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = s.Book.Put(r.Context(), session(r.Context()), record.Change{Kind: kind, Body: b, Origin: origin})
	return err
}

// file hands out the file of an attachment or of evidence to whoever may read that record.
func (s *site) file(w http.ResponseWriter, r *http.Request) error {
	_, v, _, err := s.found(r)
	if err != nil {
		return err
	}
	var b struct {
		Name     string `json:"name"`
		FileName string `json:"file_name"`
		SHA256   string `json:"sha256"`
		Size     int64  `json:"size"`
	}
	if err := json.Unmarshal(v.Body, &b); err != nil || b.SHA256 == "" {
		return fault.New(fault.NotFound, "This record has no file.")
	}
	sum, err := blob.Parse(b.SHA256)
	if err != nil {
		return err
	}
	f, size, err := s.Blobs.Open(sum)
	if err != nil {
		return err
	}
	defer f.Close()
	download(w, cmp.Or(b.Name, b.FileName, b.SHA256), size)
	_, err = io.Copy(w, f)
	return err
}
