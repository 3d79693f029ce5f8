package room

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/record"
	"tickmark/internal/request"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
	"tickmark/internal/workpaper"
)

// Lists is every population and sample of an engagement, by control.
type Lists struct {
	Name     string
	Tabs     []part.Tab
	Rows     []ListRow
	Controls []string // for which a commitment may be made
	Commit   string   // where it is made; empty where the reader may not
	Request  string
	Wrong    string // why nothing was committed to
	Control  string // as typed
	Again    string
}

// ListRow is one control.
type ListRow struct {
	Control     string
	Href        string
	Commitments []Commitment
	Populations []PopulationCard
	Samples     []SampleLine
	Request     string
}

// Commitment is the firm's to a nonce.
type Commitment struct {
	Hash, Again string
	State       part.Status
	At          time.Time
}

func (s *Site) samples(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := s.open(r)
	if err != nil {
		return err
	}
	l := Lists{Name: f.text("name")}
	if l.Tabs, err = f.tabs("Populations and samples"); err != nil {
		return err
	}
	ids, _, err := f.controls()
	if err != nil {
		return err
	}
	populations, err := f.all(workpaper.PopulationName)
	if err != nil {
		return err
	}
	nonces, err := f.all(workpaper.NonceName)
	if err != nil {
		return err
	}
	for _, e := range slices.Concat(populations, nonces) {
		if c := e.text("control"); !slices.Contains(ids, c) {
			ids = append(ids, c)
		}
	}
	if s.mayWrite(ctx) {
		l.Commit, l.Request, l.Controls = f.path("commit"), f.path("new", workpaper.PopulationName), ids
	}
	for _, id := range ids {
		row := ListRow{Control: id, Href: f.path("papers", id)}
		if l.Request != "" {
			row.Request = l.Request + "?control=" + url.QueryEscape(id) + "&from=" + f.text("from") + "&to=" + f.text("to")
		}
		row.Commitments = commitments(nonces, id)
		for _, p := range populations {
			if p.text("control") != id {
				continue
			}
			row.Populations = append(row.Populations, PopulationCard{Name: p.text("name"), Href: f.path("populations", p.Key), State: part.Status(p.state()), Facts: whole(p)[:1]})
			drawn, err := f.those(workpaper.SampleName, workpaper.PopulationName, p.Key)
			if err != nil {
				return err
			}
			for _, d := range drawn {
				row.Samples = append(row.Samples, f.sampleLine(d))
			}
		}
		l.Rows = append(l.Rows, row)
	}
	if why := refused(ctx); why.At == "commit" {
		l.Wrong, l.Control, l.Again = why.Sentence, first(why.Typed["control"]), first(why.Typed["again"])
	}
	return s.Show(w, r, status(ctx), shell.Page{Title: "Populations and samples", Section: Section, Crumbs: f.crumbs(part.Crumb{Text: "Populations and samples"})}, ListsView(l))
}

func commitments(nonces []entry, control string) []Commitment {
	var out []Commitment
	for _, n := range nonces {
		if n.text("control") == control {
			out = append(out, Commitment{Hash: n.text("commitment"), Again: n.text("again"), State: part.Status(n.state()), At: n.at("committed_at")})
		}
	}
	slices.SortFunc(out, func(a, b Commitment) int { return a.At.Compare(b.At) })
	return out
}

// acts opens an engagement and a form for whoever may do something with records of a kind.
func (s *Site) acts(w http.ResponseWriter, r *http.Request, verb, kind string) (*file, error) {
	if err := s.may(r.Context(), verb, kind); err != nil {
		return nil, err
	}
	f, err := s.open(r)
	if err != nil {
		return nil, err
	}
	return f, s.Read(w, r)
}

// tried ends an act: on the page that it was done on when it was refused, and otherwise at its address with what was done.
func (s *Site) tried(w http.ResponseWriter, r *http.Request, page func(http.ResponseWriter, *http.Request) error, at string, err error, to, did string) error {
	if said(err) {
		return s.again(w, r, page, refusal{At: at, Sentence: sentence(err), Status: fault.Status(err), Typed: r.PostForm})
	}
	if err != nil {
		return err
	}
	return s.done(w, r, to, did)
}

func (s *Site) commit(w http.ResponseWriter, r *http.Request) error {
	f, err := s.acts(w, r, access.Write, workpaper.NonceName)
	if err != nil {
		return err
	}
	control := strings.TrimSpace(r.PostForm.Get("control"))
	if control == "" {
		err = fault.New(fault.Invalid, "Nothing says for which control.").WithNext("Choose one.")
	} else {
		_, err = s.Desk.Commit(r.Context(), s.Who(r.Context()), f.Key, control, strings.TrimSpace(r.PostForm.Get("again")))
	}
	return s.tried(w, r, s.samples, "commit", err, f.path("samples"), "Committed to a nonce for "+control+". Now its population may be delivered.")
}

// PopulationPage is one list: where it came from, what shows that it is whole, and what was drawn from it.
type PopulationPage struct {
	Name, Control, Help string
	Paper               string // its control's page
	State               part.Status
	Tabs                []part.Tab
	Record, Act         string
	Moves               []form.Move
	Facts               []part.Fact
	Columns             []string
	Gaps                []string
	Late                bool
	Given               string // why it was superseded
	Commitments         []Commitment
	Deliver             string // where it is delivered; empty where it cannot be
	Delivery            Delivery
	Edit                string
	New                 string // where a sample is designed
	Samples             []SamplePage
}

// Delivery is the form of a delivery as typed.
type Delivery struct {
	Key, At, Location, By, Drawn, Gaps string
	Complete                           bool
	Wrong                              string
}

// SamplePage is one draw with its items.
type SamplePage struct {
	SampleLine
	ID                       string
	Act, Draw, Release, File string
	Wrong                    string // why it was not drawn or released
	Moves                    []form.Move
	Seed                     string
	Items                    []fieldwork.Item
	Unread                   string // why its items cannot be shown
	Replacements             []string
	Record, Edit             string
	Ask                      string // where its evidence is asked for, once it is released
}

func (s *Site) population(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := s.open(r)
	if err != nil {
		return err
	}
	e, err := s.within(f, workpaper.PopulationName, segment(r, "key"))
	if err != nil {
		return err
	}
	late, _ := e.Body["late"].(bool)
	p := PopulationPage{Name: e.text("name"), Control: e.text("control"), Paper: f.path("papers", e.text("control")), State: part.Status(e.state()), Record: part.Path("records", workpaper.PopulationName, e.Key), Act: f.record(e), Facts: whole(e),
		Columns: engagement.List(e.Body, "columns"), Gaps: engagement.List(e.Body, "gaps"), Late: late, Given: e.text("superseded_reason")}
	if p.Tabs, err = f.tabs("Populations and samples"); err != nil {
		return err
	}
	if p.Moves, err = s.movesOf(ctx, e, "deliver"); err != nil {
		return err
	}
	nonces, err := f.all(workpaper.NonceName)
	if err != nil {
		return err
	}
	p.Commitments = commitments(nonces, p.Control)
	rows := workpaper.Whole(e.Body["row_count"])
	if s.mayWrite(ctx) {
		switch e.state() {
		case "requested":
			p.Deliver, p.Edit = f.path("populations", e.Key, "deliver"), f.path("edit", workpaper.PopulationName, e.Key)
		case "frozen":
			p.New = f.path("new", workpaper.SampleName) + "?control=" + url.QueryEscape(p.Control) + "&population=" + url.QueryEscape(e.Key) + "&name=" + url.QueryEscape(p.Name)
			if rows <= workpaper.ReadAll {
				p.New += fmt.Sprintf("&method=all&size=%d&size_reason=%s", rows, url.QueryEscape("All of them are read."))
			}
		}
	}
	if why := refused(ctx); why.At == "deliver" {
		in := why.Typed
		p.Delivery = Delivery{Key: first(in["key_column"]), At: first(in["time_column"]), Location: first(in["location_column"]), By: first(in["by"]), Drawn: first(in["drawn"]), Gaps: first(in["gaps"]), Complete: first(in["complete"]) != "", Wrong: why.Sentence}
	}
	drawn, err := f.those(workpaper.SampleName, workpaper.PopulationName, e.Key)
	if err != nil {
		return err
	}
	for _, d := range drawn {
		x, err := s.samplePage(ctx, f, d)
		if err != nil {
			return err
		}
		p.Samples = append(p.Samples, x)
	}
	crumbs := f.crumbs(part.Crumb{Text: "Populations and samples", Href: f.path("samples")}, part.Crumb{Text: p.Name})
	return s.Show(w, r, status(ctx), shell.Page{Title: p.Name, Section: Section, Crumbs: crumbs}, PopulationView(p))
}

func (s *Site) samplePage(ctx context.Context, f *file, d entry) (SamplePage, error) {
	x := SamplePage{SampleLine: f.sampleLine(d), ID: part.ID("sample", d.Key), Act: f.record(d), Seed: d.text("seed"), Record: part.Path("records", workpaper.SampleName, d.Key)}
	var err error
	if x.Moves, err = s.movesOf(ctx, d, "draw", "send"); err != nil {
		return x, err
	}
	if s.mayWrite(ctx) {
		switch d.state() {
		case "designed":
			x.Draw, x.Edit = f.path("samples", d.Key, "draw"), f.path("edit", workpaper.SampleName, d.Key)
		case "sent", "testing":
			x.Ask = f.path("new", request.Name) + "?" + url.Values{"sort": {request.SampleProof}, "sample": {d.Key}, "control": {d.text("control")}, "name": {"Evidence of " + d.text("name")}, "from": {f.text("from")}, "to": {f.text("to")}}.Encode()
		case "drawn":
			x.Release = f.path("samples", d.Key, "release")
		}
	}
	if d.state() == "designed" || d.state() == "voided" && d.Body["tested"] == nil {
		x.Wrong = wrongAt(ctx, d)
		return x, nil
	}
	x.File, x.Wrong = f.path("samples", d.Key, "file"), wrongAt(ctx, d)
	for _, o := range engagement.Objects(d.Body, "replaced") {
		x.Replacements = append(x.Replacements, fmt.Sprintf("Item %d by %d: %s, %s", workpaper.Whole(o["item"]), workpaper.Whole(o["by"]), words(text(o, "why")), text(o, "reason")))
	}
	if x.Items, err = s.itemsOf(ctx, d); err != nil {
		if !said(err) && !fault.Is(err, fault.Unavailable) {
			return x, err
		}
		x.Unread, err = sentence(err), nil
	}
	return x, err
}

// wrongAt is why the last act on a sample was refused.
func wrongAt(ctx context.Context, d entry) string {
	if why := refused(ctx); why.At == workpaper.SampleName+"/"+d.Key {
		return why.Sentence
	}
	return ""
}

func (s *Site) deliver(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), segment(r, "key")
	f, err := s.acts(w, r, access.Act, workpaper.PopulationName)
	if err != nil {
		return err
	}
	if _, err := s.within(f, workpaper.PopulationName, key); err != nil {
		return err
	}
	in := r.PostForm
	how := fieldwork.Delivery{Key: strings.TrimSpace(in.Get("key_column")), At: strings.TrimSpace(in.Get("time_column")), Location: strings.TrimSpace(in.Get("location_column")), Extractor: strings.TrimSpace(in.Get("by")), Complete: in.Get("complete") != ""}
	for line := range strings.Lines(in.Get("gaps")) {
		if line = strings.TrimSpace(line); line != "" {
			how.Gaps = append(how.Gaps, line)
		}
	}
	rows := 0
	err = func() error {
		if typed := strings.TrimSpace(in.Get("drawn")); typed != "" {
			at, err := time.Parse(time.RFC3339, typed)
			if err != nil {
				return fault.New(fault.Invalid, "%q is no moment.", typed).WithNext("Write it as 2027-01-05T10:00:00Z.")
			}
			how.Extracted = at
		}
		list, _, err := r.FormFile("list")
		if err != nil {
			return fault.New(fault.Invalid, "No list came with the form.").WithNext("Choose the file that the company delivered.")
		}
		defer list.Close()
		v, err := s.Desk.Deliver(ctx, s.Who(ctx), key, list, how)
		if err != nil {
			return err
		}
		b, err := engagement.Body(v)
		rows = workpaper.Whole(b["row_count"])
		return err
	}()
	return s.tried(w, r, s.population, "deliver", err, f.path("populations", key), part.Count(rows, "row")+" delivered. Say next why the list is complete and accurate.")
}

func (s *Site) draw(w http.ResponseWriter, r *http.Request) error {
	return s.onSample(w, r, "The sample is drawn.", s.Desk.Draw)
}

func (s *Site) release(w http.ResponseWriter, r *http.Request) error {
	return s.onSample(w, r, "The sample is released, and its nonce revealed.", s.Desk.Release)
}

// onSample does an act of the desk on a sample of the engagement.
func (s *Site) onSample(w http.ResponseWriter, r *http.Request, did string, do func(context.Context, record.Authority, string) (record.Version, error)) error {
	ctx, key := r.Context(), segment(r, "key")
	f, err := s.acts(w, r, access.Act, workpaper.SampleName)
	if err != nil {
		return err
	}
	e, err := s.within(f, workpaper.SampleName, key)
	if err != nil {
		return err
	}
	_, err = do(ctx, s.Who(ctx), key)
	page := f.path("populations", e.text(workpaper.PopulationName))
	return s.tried(w, r, s.shownOn(r, page), workpaper.SampleName+"/"+key, err, page+"#"+part.ID("sample", key), did)
}

// sampleFile hands out the file by which anybody draws the sample again.
func (s *Site) sampleFile(w http.ResponseWriter, r *http.Request) error {
	f, err := s.open(r)
	if err != nil {
		return err
	}
	e, err := s.within(f, workpaper.SampleName, segment(r, "key"))
	if err != nil {
		return err
	}
	out, err := s.Desk.File(r.Context(), s.Who(r.Context()), e.Key)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := out.Write(&b); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="sample-`+part.ID(e.Key)+`.json"`)
	_, err = w.Write(b.Bytes())
	return err
}
