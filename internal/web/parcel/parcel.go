// Package parcel is the pages of what the company's workspace and the firm's tell each other: the exchange, its parcels, what the next
// one would tell, and what the firm asked. The one rule: a page shows and asks, and exchange.Office decides, as from the command line.
package parcel

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/exchange"
	"tickmark/internal/fault"
	"tickmark/internal/web/part"
	"tickmark/internal/web/room"
	"tickmark/internal/web/shell"
	"tickmark/internal/workpaper"
)

// Section is the sidebar's entry.
const Section = "/parcels"

// Site is what the pages need.
type Site struct {
	shell.Site
	Office  *exchange.Office
	Company func(ctx context.Context) string // the name of the organisation whose workspace it is
	Client  *http.Client                     // of a firm that sends and fetches over HTTPS
	Dir     string                           // where parts of parcels are kept until they are whole
}

// Routes are the addresses of these pages.
func (s *Site) Routes() shell.Routes {
	return shell.Routes{
		"GET /parcels":                                     s.home,
		"POST /parcels/invite":                             s.invite,
		"POST /parcels/accept":                             s.accept,
		"GET /parcels/preview":                             s.preview,
		"GET /parcels/{id}":                                s.one,
		"POST /parcels/{id}/confirm":                       s.confirm,
		"POST /parcels/{id}/take":                          s.take,
		"POST /parcels/{id}/sync":                          s.sync,
		"POST /parcels/{id}/end":                           s.end,
		"GET /parcels/{id}/next":                           s.next,
		"POST /parcels/{id}/next/file":                     s.addFile,
		"POST /parcels/{id}/send":                          s.send,
		"GET /parcels/{id}/sent/{number}":                  s.copy,
		"GET /parcels/{id}/items/{sort}/{of}":              s.item,
		"GET /parcels/{id}/asked/{sort}/{of}":              s.asked,
		"GET /parcels/{id}/asked/{sort}/{of}/files/{sum}":  s.askedFile,
		"POST /parcels/{id}/asked/{sort}/{of}/attach":      s.attach,
		"POST /parcels/{id}/asked/{sort}/{of}/detach":      s.detach,
		"POST /parcels/{id}/asked/{sort}/{of}/submit":      s.submit,
		"POST /parcels/{id}/asked/{sort}/{of}/decline":     s.decline,
		"POST /parcels/{id}/asked/{sort}/{of}/answer":      s.answer,
		"POST /parcels/{id}/asked/{sort}/{of}/move/{move}": s.step,
	}
}

// Row is an exchange in a list.
type Row struct {
	ID, Name, Href       string
	State                part.Status
	Fingerprint, Address string
	ConfirmedBy          string
	Expires, EndedAt     time.Time
	EndedBy, Reason      string
	Sent, Taken, Refused int
}

// Home is every exchange of the workspace.
type Home struct {
	Firm        bool
	May         bool
	Fingerprint string // of this workspace's key
	Rows        []Row
	Refusal     Refusal
}

// Refusal is what was just refused, so that it stands beside its cause.
type Refusal struct {
	At, Sentence string
	Typed        map[string][]string
	Status       int
}

func (r Refusal) of(at, name string) string {
	if r.At != at {
		return ""
	}
	return strings.Join(r.Typed[name], "\n")
}

// Parcel is one that was sent, taken or refused.
type Parcel struct {
	Number      int
	At          time.Time
	Items       int
	Hash        string
	Tells       []string // sort and key of each thing
	Why, Detail string
	By          string
	Href        string // where it is handed out
}

// Came is something that the other side told.
type Came struct {
	Sort, Of, Title string
	Number          int
	At              time.Time
	Record          string // the page of the record
	File, Href      string
}

// One is an exchange.
type One struct {
	Row
	Firm       bool
	May        bool
	Mine       string // fingerprint of this workspace's key
	Sent       []Parcel
	Taken      []Parcel
	Refused    []Parcel
	Came       []Came
	Asked      []room.RequestRow
	Lists      []room.QuestionnaireRow
	Unapplied  []exchange.Unapplied
	Overview   string // the engagement, at the firm
	Refusal    Refusal
	CanConfirm bool
}

func segment(r *http.Request, name string) string { return part.Segment(r.PathValue(name)) }

func (s *Site) path(id string, more ...string) string {
	return part.Path(append([]string{"parcels", id}, more...)...)
}

func moment(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text)
	return t
}

func (s *Site) row(ctx context.Context, l exchange.Link) (Row, []exchange.Listed, error) {
	out := Row{ID: l.Engagement, Name: l.Name, Href: s.path(l.Engagement), State: part.Status(l.State), Fingerprint: l.Fingerprint, Address: l.Address, ConfirmedBy: l.ConfirmedBy, Expires: moment(l.Expires), EndedAt: moment(l.EndedAt), EndedBy: l.EndedBy, Reason: l.Reason}
	list, err := s.Office.Parcels(ctx, s.Who(ctx), l.Engagement)
	for _, p := range list {
		switch p.Direction {
		case "sent":
			out.Sent++
		case "taken":
			out.Taken++
		case "refused":
			out.Refused++
		}
	}
	return out, list, err
}

// mayAct reports whether the reader may act for this side at all; what of an engagement, the office says.
func (s *Site) mayAct(ctx context.Context) bool {
	if part.Past(ctx) {
		return false
	}
	who := s.Who(ctx)
	if !s.Office.Firm {
		return who.May(ctx, "approve", nil) == nil
	}
	k, err := s.Office.Book.Kinds.Named(exchange.CompanyLink)
	return err == nil && who.May(ctx, "act", k) == nil
}

// preview leads to the preview of the engagement that was typed.
func (s *Site) preview(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, s.path(cmp.Or(strings.TrimSpace(r.URL.Query().Get("id")), "none"), "next"), http.StatusSeeOther)
	return nil
}

func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	links, err := s.Office.Links(ctx, s.Who(ctx))
	if err != nil {
		return err
	}
	h := Home{Firm: s.Office.Firm, May: s.mayAct(ctx), Fingerprint: exchange.Fingerprint(s.Office.Book.Log.VKey), Refusal: refused(ctx)}
	for _, l := range links {
		row, _, err := s.row(ctx, l)
		if err != nil {
			return err
		}
		h.Rows = append(h.Rows, row)
	}
	return s.Show(w, r, status(ctx), shell.Page{Title: "Parcels", Section: Section, Crumbs: []part.Crumb{{Text: "Parcels"}}}, HomeView(h))
}

func (s *Site) one(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), segment(r, "id")
	l, err := s.Office.Link(ctx, s.Who(ctx), id)
	if err != nil {
		return err
	}
	o := One{Firm: s.Office.Firm, May: s.mayAct(ctx), Mine: exchange.Fingerprint(s.Office.Book.Log.VKey), Refusal: refused(ctx)}
	var list []exchange.Listed
	if o.Row, list, err = s.row(ctx, l); err != nil {
		return err
	}
	o.CanConfirm = o.May && !o.Firm && l.State == "invited"
	for _, p := range slices.Backward(list) {
		x := Parcel{Number: p.Number, At: moment(p.Made), Items: p.Items, Hash: p.Hash, Why: p.Why, Detail: p.Detail, By: p.By}
		for _, t := range p.Told {
			if f := strings.Fields(t); len(f) > 2 {
				x.Tells = append(x.Tells, words(f[0])+" "+strings.Join(f[1:len(f)-1], " "))
			}
		}
		switch p.Direction {
		case "sent":
			x.Href = s.path(id, "sent", strconv.Itoa(p.Number))
			o.Sent = append(o.Sent, x)
		case "taken":
			o.Taken = append(o.Taken, x)
		default:
			o.Refused = append(o.Refused, x)
		}
	}
	came, err := s.Office.Came(ctx, s.Who(ctx), id)
	if err != nil {
		return err
	}
	for _, c := range came {
		x := Came{Sort: words(c.Sort), Of: c.Of, Title: c.Title, Number: c.Number, At: c.At, File: c.FileName, Record: part.Path("records", c.Kind, c.Key)}
		if c.File != "" {
			x.Href = s.path(id, "items", c.Sort, c.Of)
			if x.File == "" {
				x.File = "file"
			}
		}
		o.Came = append(o.Came, x)
	}
	if o.Firm {
		o.Overview = part.Path("engagements", id)
		if o.Unapplied, err = s.Office.Unapplied(ctx, id); err != nil {
			return err
		}
	} else if o.Asked, o.Lists, err = s.Told(ctx, id); err != nil {
		return err
	}
	return s.Show(w, r, status(ctx), shell.Page{Title: o.Name, Section: Section, Crumbs: []part.Crumb{{Text: "Parcels", Href: Section}, {Text: o.ID}}}, OneView(o))
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// keep the refusal of an act for the page that the reader acted on.
type refusedKey struct{}

func refused(ctx context.Context) Refusal {
	r, _ := ctx.Value(refusedKey{}).(Refusal)
	return r
}

func status(ctx context.Context) int {
	if r := refused(ctx); r.Status != 0 {
		return r.Status
	}
	return http.StatusOK
}

// tried leads on after an act, or shows its page again with the refusal on it.
func (s *Site) tried(w http.ResponseWriter, r *http.Request, page func(http.ResponseWriter, *http.Request) error, at string, err error, to, said string) error {
	var f *fault.Fault
	switch {
	case err == nil:
		return s.Done(w, r, to, said)
	case errors.As(err, &f) && fault.Status(f) < 500 && f.Kind != fault.SignIn:
		why := Refusal{At: at, Sentence: strings.TrimSpace(f.Message + " " + f.Next), Typed: r.PostForm, Status: fault.Status(f)}
		return page(w, r.WithContext(context.WithValue(r.Context(), refusedKey{}, why)))
	}
	return err
}

// file is the one file of a form, at most so many bytes.
func file(r *http.Request, name string, most int64) ([]byte, error) {
	in, h, err := upload(r, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(b)) > most {
		err = fault.New(fault.TooLarge, "%s is too large to be what it should be.", h.Filename).WithNext("Choose the file that the other side wrote.")
	}
	return b, err
}

func upload(r *http.Request, name string) (multipart.File, *multipart.FileHeader, error) {
	in, h, err := r.FormFile(name)
	if err != nil || h.Filename == "" {
		return nil, nil, fault.New(fault.Invalid, "No file came with the form.").WithNext("Choose the file.")
	}
	return in, h, nil
}

// handOut writes a file that a browser keeps and never shows as a page of ours.
func handOut(w http.ResponseWriter, name string, size int64, in io.Reader) error {
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	if size >= 0 {
		h.Set("Content-Length", strconv.FormatInt(size, 10))
	}
	_, err := io.Copy(w, in)
	return err
}

// invite writes the invitation for the firm as a file.
func (s *Site) invite(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	ctx, id := r.Context(), strings.TrimSpace(r.PostForm.Get("engagement"))
	b, err := s.Office.Invite(ctx, s.Who(ctx), id, s.Company(ctx), strings.TrimSpace(r.PostForm.Get("firm")), strings.TrimSpace(r.PostForm.Get("address")))
	if err != nil {
		return s.tried(w, r, s.home, "invite", err, "", "")
	}
	return handOut(w, "invitation-"+id, int64(len(b)), bytes.NewReader(b))
}

// accept writes the firm's answer as a file.
func (s *Site) accept(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	ctx := r.Context()
	signed, err := file(r, "invitation", 1<<16)
	var answer []byte
	if err == nil {
		answer, err = s.Office.Accept(ctx, s.Who(ctx), signed, r.PostForm.Get("fingerprint"))
	}
	if err != nil {
		return s.tried(w, r, s.home, "accept", err, "", "")
	}
	return handOut(w, "answer", int64(len(answer)), bytes.NewReader(answer))
}

func (s *Site) confirm(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	ctx, id := r.Context(), segment(r, "id")
	signed, err := file(r, "answer", 1<<16)
	if err == nil {
		var a exchange.Acceptance
		if a, err = exchange.ReadAcceptance(signed); err == nil && a.Engagement != id {
			err = fault.New(fault.Conflict, "The answer is of %s.", a.Engagement).WithNext("Confirm it there.")
		}
	}
	if err == nil {
		_, err = s.Office.Confirm(ctx, s.Who(ctx), signed, r.PostForm.Get("fingerprint"))
	}
	return s.tried(w, r, s.one, "confirm", err, s.path(id), "The firm's key is confirmed. Parcels can go both ways.")
}

func (s *Site) take(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	ctx, id, said := r.Context(), segment(r, "id"), ""
	in, h, err := upload(r, "parcel")
	if err == nil {
		defer in.Close()
		var t exchange.Taken
		if t, err = s.Office.Take(ctx, s.Who(ctx), id, in, h.Size); t.Again {
			said = fmt.Sprintf("Parcel %d was taken before, and nothing was changed.", t.Number)
		} else {
			said = fmt.Sprintf("Parcel %d is verified and taken: it tells %s.", t.Number, part.Count(t.Items, "thing"))
		}
	}
	return s.tried(w, r, s.one, "take", err, s.path(id), said)
}

func (s *Site) sync(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), segment(r, "id")
	did, err := s.Office.Sync(ctx, s.Who(ctx), s.Client, id, s.Dir)
	if fault.Is(err, fault.Unavailable) { // the other server's trouble is none of this one
		err = fault.New(fault.Conflict, "%s", err)
	}
	return s.tried(w, r, s.one, "sync", err, s.path(id), fmt.Sprintf("Sent %s, fetched %s.", part.Count(len(did.Sent), "parcel"), part.Count(len(did.Fetched), "parcel")))
}

func (s *Site) end(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	ctx, id := r.Context(), segment(r, "id")
	_, err := s.Office.End(ctx, s.Who(ctx), id, r.PostForm.Get("reason"), r.PostForm.Get("distrust") != "")
	return s.tried(w, r, s.one, "end", err, s.path(id), "The exchange is ended. Nothing more is sent or taken.")
}

// copy hands out a parcel that was made, for whoever carries it.
func (s *Site) copy(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), segment(r, "id")
	n, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return fault.New(fault.NotFound, "There is no parcel %q.", r.PathValue("number"))
	}
	if _, err := s.Office.Parcels(ctx, s.Who(ctx), id); err != nil {
		return err
	}
	in, size, err := s.Office.Fetch(ctx, id, n)
	if err != nil {
		return err
	}
	defer in.Close()
	side := exchange.Company
	if s.Office.Firm {
		side = exchange.Firm
	}
	return handOut(w, fmt.Sprintf("parcel-%s-%s-%d.zip", id, side, n), size, in)
}

// item hands out the file of something that the other side told.
func (s *Site) item(w http.ResponseWriter, r *http.Request) error {
	ctx, id, sort, of := r.Context(), segment(r, "id"), segment(r, "sort"), segment(r, "of")
	in, size, err := s.Office.FileOf(ctx, s.Who(ctx), id, sort, of)
	if err != nil {
		return err
	}
	defer in.Close()
	name := of
	came, err := s.Office.Came(ctx, s.Who(ctx), id)
	if err != nil {
		return err
	}
	for _, c := range came {
		if c.Sort == sort && c.Of == of && c.FileName != "" {
			name = c.FileName
		}
	}
	return handOut(w, name, size, in)
}

// Told is what the firm asked by parcel, as rows of the company's list of requests; of every engagement with an empty id.
func (s *Site) Told(ctx context.Context, id string) (rows []room.RequestRow, lists []room.QuestionnaireRow, err error) {
	if s.Office.Firm {
		return nil, nil, nil
	}
	list, err := s.Office.Asked(ctx, s.Who(ctx), id)
	if fault.Is(err, fault.Denied) {
		return nil, nil, nil
	}
	for _, a := range list {
		if a.Sort == exchange.QuestionnaireSent {
			lists = append(lists, s.listRow(ctx, a))
		} else {
			rows = append(rows, s.requestRow(ctx, a))
		}
	}
	return rows, lists, err
}

// Any reports whether the firm asked anything by parcel, for the sidebar.
func (s *Site) Any(ctx context.Context) bool {
	return s.Office.AnyAsked(ctx, s.Who(ctx))
}

func deadline(ctx context.Context, day string, met bool) room.Deadline {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return room.Deadline{}
	}
	now, _ := time.Parse(time.DateOnly, part.Of(ctx).Moment().UTC().Format(time.DateOnly))
	return room.Deadline{Day: at, Left: int(at.Sub(now).Hours() / 24), Met: met}
}

func whole(v any) int { return workpaper.Whole(v) }
