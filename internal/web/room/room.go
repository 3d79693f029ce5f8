// Package room is the pages of a firm that examines: engagements, papers with their grids, populations and samples, requests, the
// partner's page. The one rule: a page shows and asks, and decides nothing; every act goes through the records' own rules and
// through fieldwork.Desk, as it does from the command line.
package room

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/record"
	"tickmark/internal/report/examination"
	"tickmark/internal/request"
	"tickmark/internal/store"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// Site is the room's pages.
type Site struct {
	shell.Site
	Desk  *fieldwork.Desk
	Press *examination.Press

	// What a firm asked by parcel, where this is the company's workspace: all of it, and whether there is any.
	Told    func(ctx context.Context, id string) ([]RequestRow, []QuestionnaireRow, error)
	AnyTold func(ctx context.Context) bool

	mu    sync.Mutex
	items map[string][]fieldwork.Item // of samples, by key and version: what was drawn does not change
}

// Routes is every address of the room.
func (s *Site) Routes() shell.Routes {
	return shell.Routes{
		"GET /engagements":                                        s.home,
		"GET /engagements/{id}":                                   s.overview,
		"GET /engagements/{id}/papers/{control}":                  s.paper,
		"POST /engagements/{id}/papers/{control}/grid":            s.gridSave,
		"GET /engagements/{id}/samples":                           s.samples,
		"POST /engagements/{id}/commit":                           s.commit,
		"GET /engagements/{id}/populations/{key}":                 s.population,
		"POST /engagements/{id}/populations/{key}/deliver":        s.deliver,
		"POST /engagements/{id}/samples/{key}/draw":               s.draw,
		"POST /engagements/{id}/samples/{key}/release":            s.release,
		"GET /engagements/{id}/samples/{key}/file":                s.sampleFile,
		"GET /engagements/{id}/report":                            s.report,
		"GET /engagements/{id}/report/draft/{form}/{format}":      s.reportDraft,
		"GET /engagements/{id}/report/issued/{form}/{number}":     s.reportIssued,
		"POST /engagements/{id}/report/issue":                     s.reportIssue,
		"GET /engagements/{id}/opinion":                           s.opinion,
		"GET /engagements/{id}/requests":                          s.requests,
		"POST /engagements/{id}/requests":                         s.requestsAct,
		"GET /engagements/{id}/requests/{key}":                    s.request,
		"POST /engagements/{id}/requests/{key}/obtain":            s.requestObtain,
		"GET /engagements/{id}/requests/{key}/files/{sum}":        s.requestFile,
		"GET /engagements/{id}/questionnaires/{key}":              s.questionnaire,
		"GET /questionnaires/{key}":                               s.askedQuestionnaire,
		"POST /questionnaires/{key}/answer":                       s.askedAnswer,
		"POST /questionnaires/{key}/move/{move}":                  s.askedStep,
		"GET /requests":                                           s.asked,
		"GET /requests/{key}":                                     s.askedOne,
		"POST /requests/{key}/attach":                             s.askedAttach,
		"POST /requests/{key}/detach":                             s.askedDetach,
		"POST /requests/{key}/submit":                             s.askedSubmit,
		"POST /requests/{key}/decline":                            s.askedDecline,
		"GET /requests/{key}/files/{sum}":                         s.askedFile,
		"GET /engagements/{id}/new/{kind}":                        s.begin,
		"POST /engagements/{id}/new/{kind}":                       s.create,
		"GET /engagements/{id}/edit/{kind}/{key}":                 s.edit,
		"POST /engagements/{id}/edit/{kind}/{key}":                s.save,
		"POST /engagements/{id}/records/{kind}/{key}/move/{move}": s.move,
	}
}

// Section is the sidebar's entry of the room.
const Section = "/engagements"

func text(b map[string]any, field string) string { return engagement.Text(b, field) }

func segment(r *http.Request, name string) string { return part.Segment(r.PathValue(name)) }

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// entry is a record of the room as a page reads it.
type entry struct {
	Key  string
	V    record.Version
	Body map[string]any
}

func (e entry) text(field string) string { return engagement.Text(e.Body, field) }
func (e entry) state() string            { return engagement.Text(e.Body, record.StateField) }

// at is the moment that a field names; zero when there is none.
func (e entry) at(field string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, e.text(field))
	return t
}

func entryOf(v record.Version) (entry, error) {
	b, err := engagement.Body(v)
	return entry{v.Key, v, b}, err
}

// file is the records of one engagement as they stand at the moment that the reader looks at.
type file struct {
	entry
	me   access.Session // who reads
	look record.Look
	kept map[string][]entry
}

// open reads an engagement for whoever may read the room.
func (s *Site) open(r *http.Request) (*file, error) {
	ctx := r.Context()
	if err := s.may(ctx, access.Read, engagement.Name); err != nil {
		return nil, err
	}
	look := s.look(ctx)
	v, err := look.Get(engagement.Name, segment(r, "id"))
	if err != nil {
		return nil, err
	}
	e, err := entryOf(v)
	if err == nil {
		err = s.sees(ctx, e)
	}
	return &file{entry: e, me: s.Who(ctx), look: look, kept: map[string][]entry{}}, err
}

// sees refuses whoever is not on the engagement's team as it stands now, at whatever moment he looks.
func (s *Site) sees(ctx context.Context, e entry) error {
	if part.Past(ctx) {
		v, err := s.Desk.Book.LookAt(ctx, time.Time{}).Get(engagement.Name, e.Key)
		if err != nil {
			return err
		}
		if e, err = entryOf(v); err != nil {
			return err
		}
	}
	if actor := s.Who(ctx).Actor(); engagement.Sight(e.Body, actor) == record.Hidden || engagement.IsContact(e.Body, actor.Person) {
		return fault.New(fault.NotFound, "There is no engagement %q.", e.Key).WithNext("You see those on whose team you are.")
	}
	return nil
}

// may refuses who may not do that with records of a kind. Whoever may not read the room is not told what is in it.
func (s *Site) may(ctx context.Context, verb, kind string) error {
	k, err := s.Desk.Book.Kinds.Named(kind)
	if err != nil {
		return err
	}
	if s.Who(ctx).May(ctx, access.Read, k) != nil {
		return fault.New(fault.NotFound, "There is no such page.").WithNext("Ask whoever sent you here; pages of an examination are for the firm's people.")
	}
	return s.Who(ctx).May(ctx, verb, k)
}

func (s *Site) look(ctx context.Context) record.Look {
	return s.Desk.Book.LookAt(ctx, part.Of(ctx).AsOf)
}

// all are the engagement's records of a kind, the oldest first.
func (f *file) all(kind string) ([]entry, error) {
	if list, ok := f.kept[kind]; ok {
		return list, nil
	}
	found, err := f.look.Find(kind, engagement.Name, f.Key)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b record.Version) int { return strings.Compare(a.Key, b.Key) })
	out := make([]entry, 0, len(found))
	for _, v := range found {
		if v.Erased {
			continue
		}
		e, err := entryOf(v)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	f.kept[kind] = out
	return out, nil
}

// those are the engagement's records of a kind that have a value in a field.
func (f *file) those(kind, field, value string) ([]entry, error) {
	list, err := f.all(kind)
	if err != nil {
		return nil, err
	}
	var out []entry
	for _, e := range list {
		if e.text(field) == value {
			out = append(out, e)
		}
	}
	return out, nil
}

// path is an address within the engagement.
func (f *file) path(segments ...string) string {
	return part.Path(append([]string{"engagements", f.Key}, segments...)...)
}

func (f *file) record(e entry) string { return f.path("records", e.V.Kind, e.Key) }

// crumbs lead to a page of the engagement.
func (f *file) crumbs(more ...part.Crumb) []part.Crumb {
	out := []part.Crumb{{Text: "Engagements", Href: Section}, {Text: f.text("name"), Href: f.path()}}
	if len(more) == 0 {
		out[1].Href = ""
	}
	return append(out, more...)
}

// tabs are the faces of an engagement.
func (f *file) tabs(current string) ([]part.Tab, error) {
	open, err := f.unfinished(request.Name, "accepted", "withdrawn", "not_available")
	if err != nil {
		return nil, err
	}
	var out []part.Tab
	for _, t := range []part.Tab{{Text: "Overview", Href: f.path()}, {Text: "Populations and samples", Href: f.path("samples")}, {Text: "Requests", Href: f.path("requests"), Count: open}, {Text: "Opinion", Href: f.path("opinion")}, {Text: "Report", Href: f.path("report")}} {
		t.Current = t.Text == current
		out = append(out, t)
	}
	return out, nil
}

// today is the day in the company's zone at the moment that the reader looks at.
func (f *file) today(ctx context.Context) string {
	zone, err := time.LoadLocation(f.text("zone"))
	if err != nil {
		zone = time.UTC
	}
	return part.Of(ctx).Moment().In(zone).Format(time.DateOnly)
}

// refusal is what an act was refused for, kept for the page that the reader acted on, so that it stands beside its cause.
type refusal struct {
	At       string // the record and the move, or the name of a form
	Sentence string
	Form     form.Form
	Typed    map[string][]string
	Status   int
}

type refusalKey struct{}

// refused is what was just refused on this page; its zero value when nothing was.
func refused(ctx context.Context) refusal {
	r, _ := ctx.Value(refusalKey{}).(refusal)
	return r
}

// again shows a page with what was refused on it.
func (s *Site) again(w http.ResponseWriter, r *http.Request, page func(http.ResponseWriter, *http.Request) error, why refusal) error {
	return page(w, r.WithContext(context.WithValue(r.Context(), refusalKey{}, why)))
}

// status is the answer's: that of a refusal, where there is one.
func status(ctx context.Context) int {
	if s := refused(ctx).Status; s != 0 {
		return s
	}
	return http.StatusOK
}

// said reports whether an error is a sentence for the reader, which belongs beside its cause.
func said(err error) bool {
	return err != nil && (fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) || fault.Is(err, fault.Denied) || fault.Is(err, fault.Usage) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.TooLarge))
}

// sentence is what a fault says and what to do next.
func sentence(err error) string {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return "It did not work."
	}
	return strings.TrimSpace(f.Message + " " + f.Next)
}

// movesOf are the steps of a record, with a refusal of one of them beside it. Their ids begin with the record's, because a page has several.
func (s *Site) movesOf(ctx context.Context, e entry, leave ...string) ([]form.Move, error) {
	moves, err := s.Moves(ctx, e.V)
	if err != nil {
		return nil, err
	}
	moves = slices.DeleteFunc(moves, func(m form.Move) bool { return slices.Contains(leave, m.Name) || slices.Contains(computed, m.Name) })
	why := refused(ctx)
	for i := range moves {
		m := &moves[i]
		m.ID = part.ID(e.V.Kind, e.Key) + "-"
		if why.At == e.V.Kind+"/"+e.Key+"/"+m.Name && m.Blocked == "" {
			m.Open, m.Form = true, why.Form
			m.Form.Wrong = why.Sentence
		}
		for j := range m.Form.Inputs {
			m.Form.Inputs[j].ID = m.ID + m.Name + "-"
		}
	}
	return moves, nil
}

// computed are steps that only Tickmark takes, and one that says many things at once: tickmark audit facts, audit population reconcile
// and explain.
var computed = []string{"take_facts", "reconcile", "explain"}

// itemsOf are the items of a sample that was drawn, from its population's file. They are kept, because the whole file is read for them.
func (s *Site) itemsOf(ctx context.Context, e entry) ([]fieldwork.Item, error) {
	key := e.Key + "@" + part.Stamp(e.V.From.Time())
	s.mu.Lock()
	kept, ok := s.items[key]
	s.mu.Unlock()
	if ok {
		return kept, s.may(ctx, access.Read, e.V.Kind)
	}
	list, err := s.Desk.Items(ctx, s.Who(ctx), e.Key)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.items) >= keptItems || s.items == nil {
		s.items = map[string][]fieldwork.Item{}
	}
	s.items[key] = list
	return list, nil
}

const keptItems = 200

// put writes a record's body.
func (s *Site) put(ctx context.Context, kind, key string, body map[string]any, reason string, base *store.Moment) (record.Version, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return record.Version{}, err
	}
	out, err := s.Desk.Book.Put(ctx, s.Who(ctx), record.Change{Kind: kind, Key: key, Body: b, Reason: reason, If: base})
	if err != nil {
		return record.Version{}, err
	}
	return out[0], nil
}
