package room

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/opinion"
	"tickmark/internal/record"
	"tickmark/internal/request"
	"tickmark/internal/store"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
	"tickmark/internal/workpaper"
)

// Form makes or edits one record of an engagement.
type Form struct {
	Title, Help    string
	Form           form.Form
	Action, Cancel string
	Seen           string // the version that is edited; empty for a new one
	Reason         bool   // a reason is needed
}

// sections are the parts in which a paper is written, each with its fields: one form of everything would be too long to answer for.
var sections = map[string]struct {
	title  string
	fields []string
}{
	"plan":       {"Risk and objective", []string{"reference", "objective", "risk", "risk_reason"}},
	"procedures": {"Procedures and design", []string{"procedures", "walkthrough", "design", "design_reason", "configurations"}},
	"test":       {"Population and attributes", []string{"population", "attributes", "planned"}},
	"conclusion": {"Conclusion", []string{"result", "result_reason", "compensating", "concentrated", "concentrated_reason", "persistent", "persistent_reason", "softer_reason"}},
}

// fieldsOf are the fields of a kind that a form of the room asks for. The grid has a page of its own, and the engagement is the one
// that the reader is in.
func fieldsOf(k *record.Kind, section string) []record.Field {
	return slices.DeleteFunc(slices.Clone(k.Fields), func(f record.Field) bool {
		if k.Name == workpaper.Name && (f.Name == "grid" || section != "" && !slices.Contains(sections[section].fields, f.Name)) {
			return true
		}
		return f.Name == engagement.Name || f.Fixed || k.Name == request.Name && f.Name == "items"
	})
}

// writable is a kind of the room of which the reader may write records.
func (s *Site) writable(r *http.Request) (*record.Kind, error) {
	ctx, name := r.Context(), segment(r, "kind")
	if !slices.Contains(written, name) {
		return nil, fault.New(fault.NotFound, "Records of kind %q are not written here.", name)
	}
	if part.Past(ctx) {
		return nil, fault.New(fault.Conflict, "The past cannot be changed.").WithNext("Go back to now, and do it there.")
	}
	if err := s.may(ctx, access.Write, name); err != nil {
		return nil, err
	}
	return s.Desk.Book.Kinds.Named(name)
}

// written are the kinds that the room's forms write. A nonce is made by the desk alone.
var written = []string{engagement.Name, engagement.MatrixName, engagement.IndependenceName, workpaper.Name, workpaper.PopulationName, workpaper.SampleName, workpaper.DeviationName, workpaper.NoteName,
	opinion.Name, opinion.CriterionName, opinion.MatterName, opinion.InquiryName, opinion.LetterName, request.Name, request.QuestionnaireName}

func (s *Site) begin(w http.ResponseWriter, r *http.Request) error {
	k, err := s.writable(r)
	if err != nil {
		return err
	}
	f, err := s.open(r)
	if err != nil {
		return err
	}
	b, err := json.Marshal(asked(k, r.URL.Query()))
	if err != nil {
		return err
	}
	return s.formPage(w, r, http.StatusOK, f, k, Form{Form: form.New(fieldsOf(k, ""), b), Cancel: f.page(k.Name, "", asked(k, r.URL.Query()))})
}

// asked is what an address fills in of a new record.
func asked(k *record.Kind, q url.Values) map[string]any {
	out := map[string]any{}
	for _, f := range k.Fields {
		v := q[f.Name]
		switch {
		case len(v) == 0 || v[0] == "" || f.Fixed || f.Type == record.Object:
		case f.List:
			list := make([]any, len(v))
			for i := range v {
				list[i] = v[i]
			}
			out[f.Name] = list
		default:
			out[f.Name] = v[0]
		}
	}
	return out
}

func (s *Site) create(w http.ResponseWriter, r *http.Request) error {
	k, err := s.writable(r)
	if err != nil {
		return err
	}
	f, err := s.open(r)
	if err != nil {
		return err
	}
	if err := s.Read(w, r); err != nil {
		return err
	}
	keep, err := json.Marshal(map[string]any{engagement.Name: f.Key})
	if err != nil {
		return err
	}
	body, typed, ok := form.Parse(fieldsOf(k, ""), r.PostForm, keep)
	shown := Form{Form: typed, Cancel: f.page(k.Name, "", asked(k, r.PostForm))}
	if !ok {
		return s.formPage(w, r, http.StatusUnprocessableEntity, f, k, shown)
	}
	if k.Name == request.Name {
		if body, err = s.itemised(r.Context(), f, body); said(err) {
			shown.Form.Wrong = sentence(err)
			return s.formPage(w, r, fault.Status(err), f, k, shown)
		} else if err != nil {
			return err
		}
	}
	none := store.Moment(0)
	out, err := s.Desk.Book.Put(r.Context(), s.Who(r.Context()), record.Change{Kind: k.Name, Body: body, Reason: typed.Reason, If: &none})
	if said(err) {
		shown.Form.Wrong = sentence(err)
		return s.formPage(w, r, fault.Status(err), f, k, shown)
	}
	if err != nil {
		return err
	}
	e, err := entryOf(out[0])
	if err != nil {
		return err
	}
	return s.done(w, r, f.page(k.Name, e.Key, e.Body), k.Title+" is saved.")
}

func (s *Site) edit(w http.ResponseWriter, r *http.Request) error {
	k, f, e, err := s.editable(r)
	if err != nil {
		return err
	}
	return s.formPage(w, r, http.StatusOK, f, k, Form{Form: form.New(fieldsOf(k, r.URL.Query().Get("part")), e.V.Body), Seen: part.Stamp(e.V.From.Time()), Cancel: f.page(k.Name, e.Key, e.Body)})
}

func (s *Site) editable(r *http.Request) (*record.Kind, *file, entry, error) {
	k, err := s.writable(r)
	if err != nil {
		return nil, nil, entry{}, err
	}
	f, err := s.open(r)
	if err != nil {
		return nil, nil, entry{}, err
	}
	e, err := s.within(f, k.Name, segment(r, "key"))
	return k, f, e, err
}

// within is a record of the engagement; what belongs to another one is not here.
func (s *Site) within(f *file, kind, key string) (entry, error) {
	if kind == engagement.Name && key == f.Key {
		return f.entry, nil
	}
	v, err := f.look.Get(kind, key)
	if err != nil {
		return entry{}, err
	}
	e, err := entryOf(v)
	if err == nil && e.text(engagement.Name) != f.Key {
		err = fault.New(fault.NotFound, "%s has no such record.", f.text("name"))
	}
	return e, err
}

func (s *Site) save(w http.ResponseWriter, r *http.Request) error {
	k, f, e, err := s.editable(r)
	if err != nil {
		return err
	}
	if err := s.Read(w, r); err != nil {
		return err
	}
	base, err := seen(r)
	if err != nil {
		return err
	}
	body, typed, ok := form.Parse(fieldsOf(k, r.URL.Query().Get("part")), r.PostForm, e.V.Body)
	shown := Form{Form: typed, Seen: r.PostForm.Get("_seen"), Cancel: f.page(k.Name, e.Key, e.Body)}
	if !ok {
		return s.formPage(w, r, http.StatusUnprocessableEntity, f, k, shown)
	}
	_, err = s.Desk.Book.Put(r.Context(), s.Who(r.Context()), record.Change{Kind: k.Name, Key: e.Key, Body: body, Reason: typed.Reason, If: &base})
	if said(err) {
		shown.Form.Wrong = sentence(err)
		return s.formPage(w, r, fault.Status(err), f, k, shown)
	}
	if err != nil {
		return err
	}
	return s.done(w, r, f.page(k.Name, e.Key, e.Body), k.Title+" is saved.")
}

// seen is the version that a form was made from.
func seen(r *http.Request) (store.Moment, error) {
	at, err := time.Parse(time.RFC3339Nano, r.PostForm.Get("_seen"))
	if err != nil {
		return 0, fault.New(fault.Usage, "The form does not say which version it changes.").WithNext("Open the page again and do it there.")
	}
	return store.At(at), nil
}

func (s *Site) formPage(w http.ResponseWriter, r *http.Request, status int, f *file, k *record.Kind, shown Form) error {
	if err := s.Options(r, shown.Form.Inputs); err != nil {
		return err
	}
	verb := "New "
	if shown.Seen != "" {
		verb = "Edit "
	}
	shown.Title, shown.Help, shown.Action = verb+strings.ToLower(k.Title), k.Help, r.URL.RequestURI()
	if sec, ok := sections[r.URL.Query().Get("part")]; ok && k.Name == workpaper.Name {
		shown.Title = sec.title
	}
	return s.Show(w, r, status, shell.Page{Title: shown.Title, Section: Section, Crumbs: f.crumbs(part.Crumb{Text: shown.Title})}, formView(shown))
}

// page is where a record of the engagement is shown.
func (f *file) page(kind, key string, body map[string]any) string {
	switch kind {
	case workpaper.Name, workpaper.DeviationName:
		return f.path("papers", text(body, "control"))
	case workpaper.NoteName:
		if v, err := f.look.Get(workpaper.Name, text(body, "paper")); err == nil {
			if p, err := entryOf(v); err == nil {
				return f.path("papers", p.text("control"))
			}
		}
	case workpaper.PopulationName:
		if key != "" {
			return f.path("populations", key)
		}
		return f.path("samples")
	case workpaper.SampleName:
		if p := text(body, workpaper.PopulationName); p != "" {
			return f.path("populations", p)
		}
		return f.path("samples")
	case request.QuestionnaireName:
		if key != "" {
			return f.path("questionnaires", key)
		}
		return f.path("requests")
	case request.Name:
		if key != "" {
			return f.path("requests", key)
		}
		return f.path("requests")
	case workpaper.NonceName:
		return f.path("samples")
	case opinion.Name, opinion.CriterionName, opinion.MatterName, opinion.InquiryName, opinion.LetterName:
		return f.path("opinion")
	}
	return f.path()
}

// shownOn is the page on which a record stands, as a handler with what its address says.
func (s *Site) shownOn(r *http.Request, href string) func(http.ResponseWriter, *http.Request) error {
	parts := strings.Split(strings.TrimPrefix(href, "/"), "/")
	at := func(name string) { r.SetPathValue(name, parts[len(parts)-1]) }
	if len(parts) > 2 {
		switch parts[2] {
		case "papers":
			at("control")
			return s.paper
		case "populations":
			at("key")
			return s.population
		case "samples":
			return s.samples
		case "questionnaires":
			at("key")
			return s.questionnaire
		case "requests":
			if len(parts) > 3 {
				at("key")
				return s.request
			}
			return s.requests
		case "opinion":
			return s.opinion
		}
	}
	return s.overview
}

// move takes a step of a record's life cycle and goes back to its page; a refusal stands there beside the step.
func (s *Site) move(w http.ResponseWriter, r *http.Request) error {
	ctx, kind, name := r.Context(), segment(r, "kind"), r.PathValue("move")
	if err := s.may(ctx, access.Act, kind); err != nil {
		return err
	}
	f, err := s.open(r)
	if err != nil {
		return err
	}
	k, err := s.Desk.Book.Kinds.Named(kind)
	if err != nil {
		return err
	}
	e, err := s.within(f, kind, segment(r, "key"))
	if err != nil {
		return err
	}
	if err := s.Read(w, r); err != nil {
		return err
	}
	if k.States == nil {
		return fault.New(fault.NotFound, "Records of kind %s have no life cycle.", kind)
	}
	i := slices.IndexFunc(k.States.Moves, func(m record.Move) bool { return m.Name == name })
	if i < 0 {
		return fault.New(fault.NotFound, "There is no step %q.", name)
	}
	href := f.page(kind, e.Key, e.Body)
	why := refusal{At: kind + "/" + e.Key + "/" + name}
	body, typed, ok := form.Parse(k.States.Moves[i].Fields, r.PostForm, nil)
	if why.Form = typed; !ok {
		why.Sentence, why.Status = "The form is not filled in.", http.StatusUnprocessableEntity
		return s.again(w, r, s.shownOn(r, href), why)
	}
	change := record.Change{Kind: kind, Key: e.Key, Move: name, Reason: typed.Reason}
	if err := json.Unmarshal(body, &change.Said); err != nil {
		return err
	}
	if r.PostForm.Get("_seen") != "" {
		base, err := seen(r)
		if err != nil {
			return err
		}
		if e.V.From != base {
			why.Sentence = part.Who(ctx, e.V.Actor) + " changed this since you looked at it, so nothing was done. Look at it again and decide anew."
			why.Status = http.StatusConflict
			return s.again(w, r, s.shownOn(r, href), why)
		}
		change.If = &base
	}
	if _, err := s.Desk.Book.Put(ctx, s.Who(ctx), change); said(err) {
		why.Sentence, why.Status = sentence(err), fault.Status(err)
		return s.again(w, r, s.shownOn(r, href), why)
	} else if err != nil {
		return err
	}
	return s.done(w, r, href, "Done: "+strings.ToLower(cmp.Or(k.States.Moves[i].Title, words(name)))+".")
}

func (s *Site) done(w http.ResponseWriter, r *http.Request, to, said string) error {
	return s.Done(w, r, to, said)
}
