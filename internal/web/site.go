package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/blob"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/organisation"
	"tickmark/internal/record"
	"tickmark/internal/report/document"
	"tickmark/internal/secret"
	stands "tickmark/internal/standing"
	"tickmark/internal/store"
	"tickmark/internal/web/asset"
	"tickmark/internal/web/grants"
	"tickmark/internal/web/parcel"
	"tickmark/internal/web/part"
	"tickmark/internal/web/room"
)

// Deps are what the pages stand on.
type Deps struct {
	Book      *record.Book
	Blobs     blob.Store
	Access    *access.Gate
	Monitor   *check.Monitor
	Collector *collect.Collector

	Jobs Jobs // what servers are asked for; nil where this process asks for nothing

	Keys *secret.Keys // seal what the firm commits to
	Firm bool         // the workspace is a firm's that examines

	Parcels string // the directory in which parts of parcels are kept until they are whole

	Paper   *document.Renderer // nil where this process makes no PDFs
	BaseURL string             // where browsers find these pages, for files that link to them
	Release string
	Behind  func(what string, do func(context.Context) error) // does work that outlives a request; nil: in a goroutine of its own
}

// site is the pages over a workspace.
type site struct {
	Deps
	files *asset.Set
	log   *slog.Logger
	cross *http.CrossOriginProtection
	room  *room.Site

	parcels *parcel.Site
	grants  *grants.Site
	pages   map[string]bool // the addresses that are read with GET

	mu       sync.Mutex
	standing map[store.Moment]*standing // what was summed up lately, by moment; zero is now

	waiting    map[string]staged    // files that somebody is about to import
	undos      map[string]undo      // what was done lately and can be undone
	keeper     stands.Keeper        // what the present is summed up from
	waitCounts map[string]waitCount // how much waits, by person

	trials  map[string]*trial   // what a credential may read, lately
	making  []*making           // reports that are being made, or could not be
	past    map[time.Time]Point // how things stood at past moments, which does not change
	summing bool                // past moments are being summed up
}

// New returns the handler of every page. Mount it at /; it signs people in and out itself.
func New(d Deps) (http.Handler, error) {
	h, _, err := newSite(d)
	return h, err
}

func newSite(d Deps) (http.Handler, *site, error) {
	files, err := asset.Load()
	if err != nil {
		return nil, nil, err
	}
	s := &site{Deps: d, files: files, log: slog.Default(), cross: http.NewCrossOriginProtection(), standing: map[store.Moment]*standing{}, past: map[time.Time]Point{}, waitCounts: map[string]waitCount{}, undos: map[string]undo{}}
	mux := http.NewServeMux()
	s.pages = map[string]bool{}
	s.room = &room.Site{Site: s.around("room.css", "grid.js"), Desk: &fieldwork.Desk{Book: s.Book, Keys: s.Keys, Blobs: s.Blobs}}
	s.between()
	for _, r := range s.routes() {
		mux.Handle(r.pattern, s.page(r))
		if path, ok := strings.CutPrefix(r.pattern, "GET "); ok {
			s.pages[strings.TrimSuffix(path, "{$}")] = true
		}
	}
	whole := http.NewServeMux()
	whole.Handle("GET /static/", files)
	whole.Handle("/", d.Access.Sessions(mux))
	return secured(whole), s, nil
}

// handler makes one page or does one thing. An error becomes a page that says what happened and what to do next.
type handler func(w http.ResponseWriter, r *http.Request) error

// page puts around a handler what all of them need: the moment the reader looks at, the session, and the way out of errors.
func (s *site) page(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.fail(w, r, fmt.Errorf("panic: %v", p))
			}
		}()
		now := s.Book.Log.Now()
		ctx := part.With(r.Context(), part.View{Now: now, Zone: s.zone(r.Context())})
		r = r.WithContext(ctx)
		if err := s.cross.Check(r); err != nil {
			s.fail(w, r, fault.New(fault.Denied, "This came from a page of another site, so nothing was done.").WithNext("Do it from Tickmark's own pages."))
			return
		}
		if !rt.open {
			if _, ok := access.FromContext(ctx); !ok {
				s.askToSignIn(w, r)
				return
			}
			at, err := asOf(r, now)
			if err != nil {
				s.fail(w, r, err)
				return
			}
			if !at.IsZero() {
				r = r.WithContext(part.With(ctx, part.View{Now: now, AsOf: at, Zone: part.Of(ctx).Zone}))
			}
			r = s.withNames(r)
			if r.Method == http.MethodGet {
				r = s.withViews(r)
			}
			if part.Past(r.Context()) && r.Method != http.MethodGet && r.Method != http.MethodHead {
				s.fail(w, r, fault.New(fault.Conflict, "The past cannot be changed.").WithNext("Go back to now, and do it there."))
				return
			}
		}
		if err := rt.do(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// zone is the organisation's time zone; UTC until it names one.
func (s *site) zone(ctx context.Context) *time.Location {
	if _, ok := access.FromContext(ctx); !ok {
		return time.UTC
	}
	if z, err := time.LoadLocation(s.organisation(ctx, 0).Zone); err == nil {
		return z
	}
	return time.UTC
}

type company struct {
	Name          string `json:"name"`
	Zone          string `json:"time_zone"`
	Demonstration bool   `json:"demo"`
}

func (s *site) organisation(ctx context.Context, at store.Moment) company {
	var c company
	if v, err := s.Book.Get(ctx, "organisation", organisation.Key, at); err == nil {
		json.Unmarshal(v.Body, &c)
	}
	if c.Name == "" {
		c.Name = "Tickmark"
	}
	return c
}

// at is the moment of a request as the records know it; zero for now.
func at(ctx context.Context) store.Moment {
	if v := part.Of(ctx); v.Past() {
		return store.At(v.AsOf)
	}
	return 0
}

// session is who is signed in; pages that are not open always have one.
func session(ctx context.Context) access.Session {
	who, _ := access.FromContext(ctx)
	return who
}

// frame is what surrounds the pages of one reader.
func (s *site) frame(r *http.Request) Frame {
	ctx := r.Context()
	f := Frame{Organisation: "Tickmark", Theme: theme(r), Here: r.URL, Base: strings.TrimSuffix(s.BaseURL, "/"), Asset: s.files.URL}
	company := s.organisation(ctx, at(ctx))
	f.Demonstration = company.Demonstration
	who, ok := access.FromContext(ctx)
	if !ok {
		return f
	}
	f.Organisation = company.Name
	f.Reader = reader(ctx, who)
	f.Reader.Firm, f.Reader.Asked = s.Firm, s.room.Contact(ctx)
	f.Side = existing(sidebar(), f.Reader, s.has)
	for _, it := range settingPages() {
		if s.has(it.Href) && (f.Reader.Admin || it.Href != "/settings/users") {
			f.Settings = append(f.Settings, it)
		}
	}
	if s.may(ctx, "period") == nil {
		f.Period = s.period(ctx)
	}
	f.Counts = map[string]int{}
	if c, ok := s.waitingCount(ctx); ok {
		f.Counts["/work"], f.Notices, f.Told = c.n, c.fresh, true
	}
	if tallies, err := s.Book.Tallies(ctx, "finding", record.StateField); err == nil && !part.Past(ctx) {
		n := 0
		for _, state := range openFindings {
			n += int(tallies[state])
		}
		f.Counts["/findings"] = n
	}
	if f.Toast = justSaid(r); f.Toast != "" {
		f.Undo = s.canUndo(r, who)
	}
	return f
}

// has says whether there is a page at the address.
func (s *site) has(path string) bool { return s.pages[path] }

func reader(ctx context.Context, who access.Session) Reader {
	r := Reader{Login: who.User.Email, Name: who.User.Name, Admin: who.May(ctx, access.Admin, nil) == nil, Unenrolled: who.Unenrolled, Nobody: who.User.Person == ""}
	r.Portal = who.May(ctx, access.Read, nil) != nil
	r.Examiner = who.May(ctx, access.Read, &record.Kind{Room: record.Auditor}) == nil
	r.Engineer = slices.Contains(who.User.Roles, access.Engineer) && !slices.Contains(who.User.Roles, access.Owner) && !slices.Contains(who.User.Roles, access.Lead)
	return r
}

// period is the name of the period that the organisation works towards; empty when none is current.
func (s *site) period(ctx context.Context) string {
	found, err := s.Book.Find(ctx, s.Book.DB, "period", record.StateField, "current", at(ctx))
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[0].Label
}

// show writes a page, or the fragment of it that a script asked for.
func (s *site) show(w http.ResponseWriter, r *http.Request, p Page, draw func(Page) templ.Component) error {
	return s.showAs(w, r, http.StatusOK, p, draw)
}

func (s *site) showAs(w http.ResponseWriter, r *http.Request, status int, p Page, draw func(Page) templ.Component) error {
	p.Frame = s.frame(r)
	if p.Crumbs == nil {
		p.Crumbs = []part.Crumb{{Text: p.Title}}
	}
	if p.Frame.Toast != "" && fragmentOf(r) == "" { // it is said once
		for _, name := range []string{"said", "undo"} {
			http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1})
		}
	}
	var b bytes.Buffer
	var err error
	if fragment := fragmentOf(r); fragment == "list" {
		err = templ.RenderFragments(r.Context(), &b, draw(p), "exports", "found", fragment)
	} else if fragment != "" {
		err = templ.RenderFragments(r.Context(), &b, draw(p), fragment)
	} else {
		err = draw(p).Render(r.Context(), &b)
	}
	if err != nil {
		return fmt.Errorf("draw %s: %w", r.URL.Path, err)
	}
	s.write(w, status, b.Bytes())
	return nil
}

func (s *site) write(w http.ResponseWriter, status int, html []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "HX-Request")
	h.Add("Vary", "HX-Target")
	w.WriteHeader(status)
	w.Write(html)
}

// fragmentOf names the part of the page that a script asked for; empty for the whole page.
func fragmentOf(r *http.Request) string {
	if r.Header.Get("HX-Request") != "true" {
		return ""
	}
	_, id, _ := strings.Cut(r.Header.Get("HX-Target"), "#")
	switch id {
	case "list":
		return "list"
	case "drawer-inside":
		return "drawer"
	}
	return ""
}

// fail shows an error. What is ours is logged under a number that the page names.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // nobody is there to read it
	}
	number := rand.Text()[:8]
	e := problem(r.Context(), err, number)
	if e.Number != "" {
		s.log.ErrorContext(r.Context(), "page failed", "number", number, "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(e.Status)
		json.NewEncoder(w).Encode(map[string]any{"title": e.Title, "status": e.Status, "detail": strings.TrimSpace(e.Message + " " + e.Next)})
		return
	}
	var b bytes.Buffer
	p := Page{Title: e.Title, Crumbs: []part.Crumb{{Text: e.Title}}}
	if fragmentOf(r) != "" {
		err = problemFragment(e).Render(r.Context(), &b)
	} else if _, ok := access.FromContext(r.Context()); ok {
		p.Frame = s.frame(r)
		err = problemPage(p, e).Render(r.Context(), &b)
	} else {
		p.Frame = s.frame(r)
		err = problemAlone(p, e).Render(r.Context(), &b)
	}
	if err != nil {
		s.log.ErrorContext(r.Context(), "the page of an error failed", "error", err)
	}
	s.write(w, e.Status, b.Bytes())
}

// askToSignIn sends a reader to the sign-in page and back afterwards; a script is told to.
func (s *site) askToSignIn(w http.ResponseWriter, r *http.Request) {
	to := "/sign-in"
	if r.Method == http.MethodGet && r.URL.Path != "/" {
		to += "?to=" + url.QueryEscape(r.URL.RequestURI())
	}
	if r.Header.Get("HX-Request") == "true" {
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// saidLife is for how many seconds the next page may say what was done.
const saidLife = 20

// done redirects after something was done, and says so on the next page.
func done(w http.ResponseWriter, r *http.Request, to, said string) error {
	if said != "" {
		http.SetCookie(w, &http.Cookie{Name: "said", Value: url.QueryEscape(said), Path: "/", MaxAge: saidLife, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// justSaid is what was just done, while its cookie lasts.
func justSaid(r *http.Request) string {
	c, err := r.Cookie("said")
	if err != nil {
		return ""
	}
	text, err := url.QueryUnescape(c.Value)
	if err != nil || len(text) > 300 {
		return ""
	}
	return text
}

func theme(r *http.Request) string {
	if c, err := r.Cookie("theme"); err == nil && (c.Value == "dark" || c.Value == "light") {
		return c.Value
	}
	return ""
}

// address is the client's IP address, for the limits on signing in.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// limited refuses a form larger than limit.
func limited(w http.ResponseWriter, r *http.Request, limit int64) error {
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	var tooLarge *http.MaxBytesError
	err := r.ParseForm()
	if errors.As(err, &tooLarge) {
		return fault.New(fault.TooLarge, "That is more than %s.", part.Bytes(limit)).WithNext("Send less at a time.")
	}
	if err != nil {
		return fault.New(fault.Usage, "The form cannot be read: %w.", err)
	}
	return nil
}
