// Package grants is the page of who outside may read an issued report. The one rule: it shows and asks, and the kind's own rules decide.
package grants

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/grant"
	"tickmark/internal/issue"
	"tickmark/internal/record"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// Section is the sidebar's entry.
const Section = "/report-access"

// Site is what the page needs.
type Site struct {
	shell.Site
	Desk *grant.Desk
	Base string // where people outside find this server
}

// Routes are the addresses for people of the company.
func (s *Site) Routes() shell.Routes {
	return shell.Routes{
		"GET /report-access":                    s.queue,
		"POST /report-access":                   s.ask,
		"POST /report-access/{key}/move/{move}": s.move,
		"POST /report-access/{key}/give":        s.give,
	}
}

// Received is the address for recipients, who have no account: the link itself opens their copy.
const Received = "GET /received/{secret}"

// Queue is every recipient.
type Queue struct {
	Rows    []Row
	Reports []grant.Issued
	Classes []string
	May     bool
	Wrong   string
	At      string
	Typed   map[string][]string
	Link    string // to be sent, shown once
	For     string
}

// Row is a recipient.
type Row struct {
	Key, Recipient, Company, Email, Class, Purpose string
	Report, Agreement, AgreedOn, Expires, Mark     string
	State                                          part.Status
	Reason, Asked, Approved                        string
	Downloads                                      []Download
	Moves                                          []form.Move
	Act, Record, Edit                              string
}

// Download is one.
type Download struct {
	At   time.Time
	From string
}

func (s *Site) may(ctx context.Context, verb string) error {
	k, err := s.Desk.Book.Kinds.Named(grant.Name)
	if err != nil {
		return err
	}
	return s.Who(ctx).May(ctx, verb, k)
}

var waiting = []string{"requested", "agreement_pending", "approved", "granted"}

func (s *Site) queue(w http.ResponseWriter, r *http.Request) error {
	return s.show(w, r, http.StatusOK, Queue{})
}

func (s *Site) show(w http.ResponseWriter, r *http.Request, code int, q Queue) error {
	ctx := r.Context()
	if err := s.may(ctx, access.Read); err != nil {
		return err
	}
	look := s.Desk.Book.LookAt(ctx, part.Of(ctx).AsOf)
	all, err := look.All(grant.Name)
	if err != nil {
		return err
	}
	if q.Reports, err = grant.Reports(look); err != nil {
		return err
	}
	q.May, q.Classes = s.may(ctx, access.Write) == nil && !part.Past(ctx), append(grant.Classes(), "other")
	for _, v := range all {
		if v.Erased {
			continue
		}
		b, err := engagement.Body(v)
		if err != nil {
			return err
		}
		text := func(f string) string { return engagement.Text(b, f) }
		row := Row{Key: v.Key, Recipient: text("recipient"), Company: text("company"), Email: text("email"), Class: part.Sentence(text("class")), Purpose: text("purpose"), Report: map[string]string{issue.SOC2: "SOC 2", issue.SOC3: "SOC 3"}[text("form")] + ", number " + text("number"),
			Agreement: text("agreement"), AgreedOn: text("agreed_on"), Expires: text("expires"), Mark: text("mark"), State: part.Status(text(record.StateField)), Reason: text("reason"), Asked: text("requested_by"), Approved: text("approved_by"),
			Act: part.Path("report-access", v.Key), Record: part.Path("records", grant.Name, v.Key)}
		if row.Moves, err = s.Moves(ctx, v); err != nil {
			return err
		}
		row.Moves = slices.DeleteFunc(row.Moves, func(m form.Move) bool { return m.Name == "grant" || m.Name == "expire" })
		for i := range row.Moves {
			m := &row.Moves[i]
			m.ID = part.ID(grant.Name, v.Key) + "-"
			for j := range m.Form.Inputs {
				m.Form.Inputs[j].ID = m.ID + m.Name + "-"
			}
		}
		if q.May && (row.State == "requested" || row.State == "agreement_pending") {
			row.Edit = row.Record + "/edit"
		}
		found, err := look.Find(grant.DownloadName, "grant", v.Key)
		if err != nil {
			return err
		}
		for _, d := range found {
			db, err := engagement.Body(d)
			if err != nil {
				return err
			}
			at, _ := time.Parse(time.RFC3339Nano, engagement.Text(db, "at"))
			row.Downloads = append(row.Downloads, Download{at, engagement.Text(db, "from")})
		}
		q.Rows = append(q.Rows, row)
	}
	rank := func(r Row) int {
		if i := slices.Index(waiting, string(r.State)); i >= 0 {
			return i
		}
		return len(waiting)
	}
	slices.SortStableFunc(q.Rows, func(a, b Row) int { return rank(a) - rank(b) })
	return s.Show(w, r, code, shell.Page{Title: "Report recipients", Section: Section, Crumbs: []part.Crumb{{Text: "Report recipients"}}}, QueueView(q))
}

// done leads on, or shows the page again with what was refused.
func (s *Site) done(w http.ResponseWriter, r *http.Request, at string, err error, said string) error {
	var f *fault.Fault
	switch {
	case err == nil:
		return s.Done(w, r, Section, said)
	case errors.As(err, &f) && fault.Status(f) < 500 && f.Kind != fault.SignIn:
		return s.show(w, r, fault.Status(f), Queue{At: at, Wrong: strings.TrimSpace(f.Message + " " + f.Next), Typed: r.PostForm})
	}
	return err
}

func (s *Site) ask(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	b := map[string]any{}
	for _, f := range []string{"recipient", "company", "email", "class", "purpose", "report", "agreement", "agreed_on", "expires"} {
		if v := strings.TrimSpace(r.PostForm.Get(f)); v != "" {
			b[f] = v
		}
	}
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	_, err = s.Desk.Book.Put(r.Context(), s.Who(r.Context()), record.Change{Kind: grant.Name, Body: raw, Reason: "asked for"})
	return s.done(w, r, "ask", err, "It is asked for. Another person approves it.")
}

func (s *Site) move(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	ctx := r.Context()
	k, err := s.Desk.Book.Kinds.Named(grant.Name)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(k.States.Moves, func(m record.Move) bool { return m.Name == r.PathValue("move") })
	if i < 0 || k.States.Moves[i].Name == "grant" {
		return fault.New(fault.NotFound, "There is no step %q.", r.PathValue("move"))
	}
	m := k.States.Moves[i]
	err = func() error {
		body, typed, ok := form.Parse(m.Fields, r.PostForm, nil)
		if !ok {
			return fault.New(fault.Invalid, "The form is not filled in.").WithNext("Fill in what is asked for.")
		}
		c := record.Change{Kind: grant.Name, Key: part.Segment(r.PathValue("key")), Move: m.Name, Reason: typed.Reason}
		if err := json.Unmarshal(body, &c.Said); err != nil {
			return err
		}
		_, err := s.Desk.Book.Put(ctx, s.Who(ctx), c)
		return err
	}()
	return s.done(w, r, "move", err, "Done: "+strings.ToLower(m.Title)+".")
}

// give makes the copy and shows its link once: it is kept nowhere.
func (s *Site) give(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), part.Segment(r.PathValue("key"))
	secret, err := s.Desk.Give(ctx, s.Who(ctx), key)
	if err != nil {
		return s.done(w, r, "give", err, "")
	}
	v, err := s.Desk.Book.Get(ctx, grant.Name, key, 0)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return s.show(w, r, http.StatusOK, Queue{Link: strings.TrimRight(s.Base, "/") + "/received/" + secret, For: v.Label})
}

// Receive hands out the copy that a link belongs to, to whoever has the link.
func (s *Site) Receive(w http.ResponseWriter, r *http.Request) error {
	in, size, name, err := s.Desk.Open(r.Context(), r.PathValue("secret"), r.RemoteAddr)
	if err != nil {
		return err
	}
	defer in.Close()
	h := w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	_, err = io.Copy(w, in)
	return err
}
