package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/report"
	"tickmark/internal/report/document"
	"tickmark/internal/report/readiness"
	"tickmark/internal/report/typst"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

// making is a report that is being made behind the reader.
type making struct {
	title, format string
	since         time.Time
	err           error // why it could not be made
}

const (
	keptShown      = 50
	makingPatience = 10 * time.Minute // one report may take that long, and a failure is shown for as long
)

// reports lists what can be made, what is being made, and what was kept.
func (s *site) reports(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	v := part.Of(ctx)
	l := ReportList{Engine: s.engineState(), Today: v.Moment().In(v.Zone).Format(time.DateOnly), Making: s.beingMade()}
	l.Makes, l.Refused = s.makesReports(ctx)
	l.Latest = v.Now.In(v.Zone).Format("2006-01-02T15:04")
	from, to, why, err := readiness.Window(ctx, s.Book, at(ctx))
	if err != nil {
		return err
	}
	l.From, l.To, l.Window = from.Time().In(v.Zone).Format("2 Jan 2006"), (to - 1).Time().In(v.Zone).Format("2 Jan 2006"), why
	page, err := s.Book.List(ctx, record.Query{Kind: report.KeptKind, AsOf: at(ctx), Sort: "-as_of", Limit: keptShown})
	if err != nil {
		return err
	}
	l.More = page.Next != ""
	for _, x := range page.Versions {
		var k struct {
			Title, Format, SHA256 string
			AsOf                  time.Time `json:"as_of"`
			From, To              time.Time
			MadeBy                string `json:"made_by"`
			Size                  int64
		}
		if err := json.Unmarshal(x.Body, &k); err != nil {
			return err
		}
		href := recordPath(x.Kind, x.Key)
		days := k.From.In(v.Zone).Format("2 Jan 2006") + " to " + k.To.Add(-time.Microsecond).In(v.Zone).Format("2 Jan 2006")
		l.Kept = append(l.Kept, KeptRow{Title: k.Title, Href: href, File: href + "/file", Format: k.Format, By: part.People(ctx, k.MadeBy), SHA256: k.SHA256, AsOf: k.AsOf, Window: days, Made: x.From.Time(), Size: k.Size})
	}
	slices.SortStableFunc(l.Kept, func(a, b KeptRow) int { return b.Made.Compare(a.Made) })
	if l.Engine.Preparing || slices.ContainsFunc(l.Making, func(m MakingRow) bool { return m.Error == "" }) {
		w.Header().Set("Refresh", "3") // the page comes back by itself until everything is made
	}
	p := Page{Title: "Reports", Section: "/reports", Crumbs: []part.Crumb{{Text: "Assurance"}, {Text: "Reports"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return reportsPage(p, l) })
}

func (s *site) makesReports(ctx context.Context) (bool, string) {
	switch {
	case part.Past(ctx):
		return false, "A file is made and kept on the page of now; there it can be as of any moment."
	case s.Paper == nil:
		return false, "This server makes no files."
	case session(ctx).May(ctx, access.Act, nil) != nil:
		return false, "An owner, the compliance lead or an engineer can make a file of it and keep it."
	}
	return true, ""
}

func (s *site) engineState() Engine {
	if s.Paper == nil {
		return Engine{}
	}
	x := s.Paper.State()
	return Engine{Ready: s.Paper.Quick(), Preparing: x.Phase == typst.Preparing, Since: time.Since(x.Since).Round(time.Second), Error: x.Error}
}

// beingMade are the reports under way and those that failed lately, newest first.
func (s *site) beingMade() []MakingRow {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []MakingRow
	for _, m := range slices.Backward(s.making) {
		row := MakingRow{Title: m.title, Format: m.format, Since: m.since, Phase: "The pages are being set."}
		if m.format == "pdf" && !s.Paper.Quick() {
			row.Phase = "It waits for the PDF engine."
		}
		if m.err != nil {
			row.Error = problem(context.Background(), m.err, "").Message
		}
		out = append(out, row)
	}
	return out
}

// chosen reads the window and the moment that a reader chose; what is empty is left to the report.
func (s *site) chosen(r *http.Request, value func(string) string) (o readiness.Options, err error) {
	zone := part.Of(r.Context()).Zone
	o = readiness.Options{Book: s.Book, Monitor: s.Monitor, AsOf: at(r.Context())}
	if m := value("moment"); m != "" {
		t, err := time.Parse(time.RFC3339Nano, m)
		if err != nil {
			t, err = time.ParseInLocation("2006-01-02T15:04", m, zone)
		}
		if err != nil {
			return o, fault.New(fault.Usage, "%q is not a moment in time.", m)
		}
		o.AsOf = store.At(t)
	}
	day := func(name string, after int) (store.Moment, error) {
		text := value(name)
		if text == "" {
			return 0, nil
		}
		t, err := time.ParseInLocation(time.DateOnly, text, zone)
		if err != nil {
			return 0, fault.New(fault.Usage, "%q is not a day.", text).WithNext("Write it like 2026-01-31.")
		}
		return store.At(t.AddDate(0, 0, after)), nil
	}
	if o.From, err = day("from", 0); err != nil {
		return o, err
	}
	if o.To, err = day("to", 1); err != nil {
		return o, err
	}
	if o.From == 0 && o.To != 0 {
		return o, fault.New(fault.Usage, "The window has a last day and no first.").WithNext("Choose both, or neither.")
	}
	return o, nil
}

// readiness shows the report on the screen.
func (s *site) readiness(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	o, err := s.chosen(r, r.URL.Query().Get)
	if err != nil {
		return err
	}
	made, err := readiness.Make(ctx, o)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	x := ReportPage{Document: readiness.Document(made, readiness.Path), Style: documentStyle(), From: q.Get("from"), To: q.Get("to"), Moment: made.AsOf.String()}
	x.JSON = string(part.To(ctx, "/reports/readiness.json", "from", x.From, "to", x.To))
	x.Makes, x.Refused = s.makesReports(ctx)
	p := Page{Title: "Readiness report", Section: "/reports", Crumbs: []part.Crumb{{Text: "Reports", Href: "/reports"}, {Text: "Readiness report"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return readinessPage(p, x) })
}

// readinessJSON hands the report out as JSON, without keeping it.
func (s *site) readinessJSON(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	o, err := s.chosen(r, r.URL.Query().Get)
	if err != nil {
		return err
	}
	made, err := readiness.Make(ctx, o)
	if err != nil {
		return err
	}
	file, err := report.Readiness(ctx, made, nil, report.Print{Format: "json"})
	if err != nil {
		return err
	}
	download(w, "readiness-"+made.AsOf.Time().Format("2006-01-02T1504")+".json", int64(len(file)))
	_, err = w.Write(file)
	return err
}

// reportMake computes a report at once and sets and keeps its file behind the reader.
func (s *site) reportMake(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := limited(w, r, 10_000); err != nil {
		return err
	}
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	if ok, why := s.makesReports(ctx); !ok {
		return fault.New(fault.Denied, "%s", why)
	}
	format, paper := r.PostForm.Get("format"), document.Paper(cmp.Or(r.PostForm.Get("paper"), string(document.A4)))
	if !slices.Contains(report.Formats(), format) || paper != document.A4 && paper != document.Letter {
		return fault.New(fault.Usage, "A report cannot be made so.").WithNext("Choose a format and a paper on the page of reports.")
	}
	o, err := s.chosen(r, r.PostForm.Get)
	if err != nil {
		return err
	}
	made, err := readiness.Make(ctx, o)
	if err != nil {
		return err
	}
	m := &making{title: "Readiness report as of " + part.Full(made.AsOf.Time(), part.Of(ctx).Zone), format: format, since: part.Of(ctx).Now}
	s.mu.Lock()
	s.making = append(s.making, m)
	s.mu.Unlock()
	actor := session(ctx).Actor()
	s.behind("make a report", func(ctx context.Context) error {
		ctx, stop := context.WithTimeout(ctx, makingPatience)
		defer stop()
		file, err := report.Readiness(ctx, made, s.Paper, report.Print{Format: format, Paper: paper, Base: s.BaseURL})
		if err == nil {
			_, err = report.Keep(ctx, s.Book, s.Blobs, actor, s.Release, made, format, file)
		}
		s.mu.Lock()
		m.err = err
		if err == nil {
			s.making = slices.DeleteFunc(s.making, func(x *making) bool { return x == m })
		}
		s.mu.Unlock()
		if err != nil {
			time.AfterFunc(makingPatience, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.making = slices.DeleteFunc(s.making, func(x *making) bool { return x == m })
			})
		}
		return err
	})
	return done(w, r, "/reports", "The report is being made. It appears below when it is kept.")
}

// behind does work that outlives the request.
func (s *site) behind(what string, do func(context.Context) error) {
	if s.Behind != nil {
		s.Behind(what, do)
		return
	}
	go func() {
		if err := do(context.Background()); err != nil {
			s.log.Error(what, "error", err)
		}
	}()
}

// keeping draws a document whose links keep the moment that the reader looks at.
func keeping(body templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return body.Render(document.WithLinks(ctx, func(href string) string { return string(part.To(ctx, href)) }), w)
	})
}

// documentStyle is the address of the documents' style sheet, another one whenever it changes.
func documentStyle() string {
	h := fnv.New32a()
	h.Write([]byte(document.CSS))
	return fmt.Sprintf("/reports/document.css?v=%08x", h.Sum32())
}

func (s *site) documentCSS(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	_, err := w.Write([]byte(document.CSS))
	return err
}

// policyPDF is a version of a policy as a PDF with the page that says who approved it. Before the engine is ready it says so,
// and comes back by itself.
func (s *site) policyPDF(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), segment(r, "id")
	if err := s.may(ctx, "policy"); err != nil {
		return err
	}
	look := s.lookAt(ctx)
	sum, err := policy.Summarise(look, key)
	if err != nil {
		return err
	}
	v := shownVersion(sum, r.URL.Query().Get("version"), "")
	if v == nil {
		return fault.New(fault.NotFound, "%s has no text yet.", sum.Title)
	}
	rec, err := s.Book.Get(ctx, "policy_version", v.Key, at(ctx))
	if err != nil {
		return err
	}
	people, err := names(look)
	if err != nil {
		return err
	}
	text, _ := v.Render()
	org := s.organisation(ctx, at(ctx))
	person := func(stamp string) string { return cmp.Or(people[stamp], part.People(ctx, stamp)) }
	x := document.PolicyText{Title: sum.Title, Organisation: org.Name, Number: v.Number, State: v.State, Effective: v.Effective, Text: text, SHA256: v.SHA256,
		Key: v.Key, Entry: rec.Entry, From: rec.From.Time(), Zone: part.Of(ctx).Zone, ReviewedBy: person(v.ReviewedBy), ApprovedBy: person(v.ApprovedBy), ApprovedAt: v.ApprovedAt, Alone: v.Approval().Said(v.ReviewDue, person(v.LateBy)), PublishedAt: v.PublishedAt, Demo: org.Demonstration}
	for _, a := range v.Authors {
		x.Authors = append(x.Authors, person(a))
	}
	name := strings.ToLower(key) + "-" + v.Number
	if r.URL.Query().Get("as") == "docx" {
		file, err := document.DOCX(document.Policy(x), document.Paper(r.URL.Query().Get("paper")))
		if err != nil {
			return err
		}
		download(w, name+".docx", int64(len(file)))
		_, err = w.Write(file)
		return err
	}
	if s.Paper == nil {
		return fault.New(fault.Unavailable, "This server makes no PDFs.").WithNext("Take the DOCX instead.")
	}
	if !s.Paper.Quick() {
		failed := s.Paper.State()
		s.behind("prepare the PDF engine", s.Paper.Prepare)
		wait := Preparing{Title: sum.Title + " as a PDF", Engine: s.engineState()}
		if failed.Phase == typst.Failed {
			wait.Engine.Error = failed.Error
		} else {
			w.Header().Set("Refresh", "2")
		}
		p := Page{Title: wait.Title, Section: "/policies", Crumbs: []part.Crumb{{Text: "Policies", Href: "/policies"}, {Text: sum.Title, Href: part.Path("policies", key)}, {Text: "PDF"}}}
		return s.showAs(w, r, http.StatusOK, p, func(p Page) templ.Component { return preparingPage(p, wait) })
	}
	pdf, err := s.Paper.PDF(ctx, document.Policy(x), document.Paper(r.URL.Query().Get("paper")))
	if err != nil {
		return err
	}
	download(w, name+".pdf", int64(len(pdf)))
	_, err = w.Write(pdf)
	return err
}
