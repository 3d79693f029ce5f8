package room

import (
	"context"
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

	"tickmark/internal/access"
	"tickmark/internal/blob"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/request"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
	"tickmark/internal/workpaper"
)

// Requests is what the firm asked the company for.
type Requests struct {
	Tabs  []part.Tab
	Cards []part.Stat
	Rows  []RequestRow
	New   string
	Lists []QuestionnaireRow
	Ask   string // where a questionnaire is written
	Act   string // where many are acted on at once; empty where the reader may not
	Wrong string
}

// RequestRow is one request.
type RequestRow struct {
	Key, Name, Href, Sort, Control, Contact string
	State                                   part.Status
	Due                                     Deadline
	Late                                    string // since when it was overdue, for ever
	Returns, Files, Items, Lacking          int
	Engagement                              string
}

// Unproduced is evidence that did not come, with where a person records what follows.
type Unproduced struct {
	request.Unproduced
	Deviation string
}

func (f *file) requestRow(ctx context.Context, e entry) RequestRow {
	x := &file{entry: e, look: f.look}
	x.Body = map[string]any{"due": e.Body["due"], "zone": f.Body["zone"]}
	return RequestRow{Key: e.Key, Name: e.text("name"), Href: f.path("requests", e.Key), Sort: part.Sentence(e.text("sort")), Control: e.text("control"), Contact: e.text("contact"), State: requestState(e.Body, f.today(ctx)), Late: e.text("overdue_since"),
		Due: x.deadline(ctx, "due", request.Ended(e.Body) || slices.Contains([]string{"submitted", "in_auditor_review"}, e.state())), Returns: workpaper.Whole(e.Body["returns"]), Files: len(engagement.Objects(e.Body, "files")), Items: len(engagement.Objects(e.Body, "items")), Lacking: len(request.Lacking(e.Body))}
}

// requestState is overdue while the company lets its day pass.
func requestState(b map[string]any, today string) part.Status {
	if request.Overdue(b, today) {
		return "overdue"
	}
	return part.Status(text(b, record.StateField))
}

func (s *Site) requests(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := s.open(r)
	if err != nil {
		return err
	}
	var l Requests
	if l.Tabs, err = f.tabs("Requests"); err != nil {
		return err
	}
	list, err := f.all(request.Name)
	if err != nil {
		return err
	}
	if s.mayWrite(ctx) {
		l.New, l.Ask, l.Act = f.path("new", request.Name), f.path("new", request.QuestionnaireName), f.path("requests")
	}
	if l.Lists, err = f.questionnaires(ctx, false); err != nil {
		return err
	}
	only := r.URL.Query().Get("state")
	count := map[part.Status]int64{}
	for _, e := range list {
		row := f.requestRow(ctx, e)
		count[row.State]++
		if only == "" || string(row.State) == only {
			l.Rows = append(l.Rows, row)
		}
	}
	for _, state := range []part.Status{"draft", "open", "overdue", "submitted", "returned", "accepted", "not_available"} {
		x := part.Stat{Status: state, N: count[state], Href: f.path("requests") + "?state=" + string(state), Current: only == string(state)}
		if x.Current {
			x.Href = f.path("requests")
		}
		l.Cards = append(l.Cards, x)
	}
	slices.SortStableFunc(l.Rows, func(a, b RequestRow) int { return a.Due.Day.Compare(b.Due.Day) })
	if why := refused(ctx); why.At == "requests" {
		l.Wrong = why.Sentence
	}
	return s.Show(w, r, status(ctx), shell.Page{Title: "Requests", Section: Section, Crumbs: f.crumbs(part.Crumb{Text: "Requests"})}, RequestsView(l))
}

// requestsAct takes one step with every chosen request, or with none of them.
func (s *Site) requestsAct(w http.ResponseWriter, r *http.Request) error {
	f, err := s.acts(w, r, access.Act, request.Name)
	if err != nil {
		return err
	}
	move, picked := r.PostForm.Get("move"), r.PostForm["pick"]
	err = func() error {
		if len(picked) == 0 {
			return fault.New(fault.Invalid, "No request is chosen.").WithNext("Choose some.")
		}
		if !slices.Contains([]string{"send", "begin_review", "accept", "return", "withdraw"}, move) {
			return fault.New(fault.Invalid, "That is no step for many requests.")
		}
		var changes []record.Change
		for _, key := range picked {
			e, err := s.within(f, request.Name, key)
			if err != nil {
				return err
			}
			c := record.Change{Kind: request.Name, Key: e.Key, Move: move}
			if reason := strings.TrimSpace(r.PostForm.Get("reason")); reason != "" && move == "return" {
				c.Said = map[string]any{"missing": reason}
			} else if reason != "" && move == "withdraw" {
				c.Said = map[string]any{"reason": reason}
			}
			changes = append(changes, c)
		}
		_, err := s.Desk.Book.Put(r.Context(), s.Who(r.Context()), changes...)
		return err
	}()
	return s.tried(w, r, s.requests, "requests", err, f.path("requests"), part.Count(len(picked), "request")+": "+words(move)+".")
}

// RequestPage is one request, as the firm or as the company sees it.
type RequestPage struct {
	RequestRow
	Text      string
	Facts     []part.Fact
	Tabs      []part.Tab
	Record    string
	Act       string
	Moves     []form.Move
	Edit      string
	Lines     []RequestLine
	Loose     []HandedIn // files for no item
	Answers   []Answer
	Missing   string // what was missing the last time
	Reason    string
	Obtained  string
	Obtain    string // where the firm enters what it obtained
	Wrong     string
	Typed     map[string][]string
	Company   bool   // the company's side of it
	Base      string // where the company acts
	May       bool
	Proof     bool // a population: it comes with its query
	Unmatched []string
}

// RequestLine is an item that is asked about.
type RequestLine struct {
	Item, Label string
	Files       []HandedIn
}

// HandedIn is a file.
type HandedIn struct {
	Name, Sum, Href, By string
	Size                int64
	Round               int
	At                  time.Time
	Obtained, Pending   bool // pending: attached and not handed in yet
}

// Answer is what the company wrote with a handing-in.
type Answer struct {
	Text, By, Checked string
	Round             int
	At                time.Time
}

func (s *Site) request(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := s.open(r)
	if err != nil {
		return err
	}
	e, err := s.within(f, request.Name, segment(r, "key"))
	if err != nil {
		return err
	}
	p := f.requestPage(ctx, e, f.path("requests", e.Key))
	p.Record, p.Act = part.Path("records", request.Name, e.Key), f.record(e)
	if p.Tabs, err = f.tabs("Requests"); err != nil {
		return err
	}
	if p.Moves, err = s.movesOf(ctx, e, "attach", "detach", "submit", "obtain", "decline", "receive", "receive_refusal"); err != nil {
		return err
	}
	if s.mayWrite(ctx) {
		switch e.state() {
		case "draft":
			p.Edit = f.path("edit", request.Name, e.Key)
		case "open", "returned":
			p.Obtain = f.path("requests", e.Key, "obtain")
		}
	}
	if why := refused(ctx); why.At == "obtain" {
		p.Wrong, p.Typed = why.Sentence, why.Typed
	}
	crumbs := f.crumbs(part.Crumb{Text: "Requests", Href: f.path("requests")}, part.Crumb{Text: p.Name})
	return s.Show(w, r, status(ctx), shell.Page{Title: p.Name, Section: Section, Crumbs: crumbs}, RequestView(p))
}

// requestPage is what both sides see of a request.
func (f *file) requestPage(ctx context.Context, e entry, base string) RequestPage {
	p := RequestPage{RequestRow: f.requestRow(ctx, e), Text: e.text("text"), Missing: e.text("missing"), Reason: e.text("reason"), Obtained: e.text("obtained_how"), Base: base, Proof: e.text("sort") == request.Population}
	span := ""
	if e.text("to") != "" {
		span = windowOf(e.Body)
	}
	p.Facts = []part.Fact{part.Say("Kind", p.Sort), part.Say("Control", p.Control), part.Say("Should speak for", span), {Name: "Due", Value: deadlineView(p.Due)}, {Name: "Sent", Value: part.Date(e.at("sent_at"))}, part.Say("Overdue since", p.Late), part.Say("Times returned", fmt.Sprint(p.Returns))}
	if p.Contact != "" {
		p.Facts = append(p.Facts, part.Fact{Name: "Answered by", Value: part.Person("person:" + p.Contact)})
	}
	if e.text("query") != "" {
		p.Facts = append(p.Facts, part.Say("System of record", e.text("source")), part.Say("Query", e.text("query")), part.Say("Drawn by", e.text("extractor")), part.Say("Rows", fmt.Sprint(workpaper.Whole(e.Body["row_count"]))))
	}
	waiting := slices.Contains([]string{"open", "returned"}, e.state())
	files := map[string][]HandedIn{}
	for _, x := range engagement.Objects(e.Body, "files") {
		at, _ := time.Parse(time.RFC3339Nano, text(x, "at"))
		obtained, _ := x["obtained"].(bool)
		h := HandedIn{Name: text(x, "name"), Sum: text(x, "sha256"), Href: base + "/files/" + text(x, "sha256"), By: text(x, "by"), Size: int64(workpaper.Whole(x["size"])), Round: workpaper.Whole(x["round"]), At: at, Obtained: obtained}
		h.Pending = waiting && h.Round == request.Round(e.Body)
		files[text(x, "item")] = append(files[text(x, "item")], h)
	}
	for _, i := range engagement.Objects(e.Body, "items") {
		p.Lines = append(p.Lines, RequestLine{Item: text(i, "item"), Label: text(i, "label"), Files: files[text(i, "item")]})
	}
	p.Loose = files[""]
	for _, a := range engagement.Objects(e.Body, "answers") {
		at, _ := time.Parse(time.RFC3339Nano, text(a, "at"))
		p.Answers = append(p.Answers, Answer{Text: text(a, "text"), By: text(a, "by"), Checked: text(a, "checked_by"), Round: workpaper.Whole(a["round"]), At: at})
	}
	return p
}

// itemised puts the items of the sample that a request names into it, as the company's own list has them.
func (s *Site) itemised(ctx context.Context, f *file, body []byte) ([]byte, error) {
	var b map[string]any
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, err
	}
	key := text(b, "sample")
	if key == "" {
		return body, nil
	}
	e, err := s.within(f, workpaper.SampleName, key)
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"sent", "testing", "concluded"}, e.state()) {
		return nil, fault.New(fault.Conflict, "The sample %s is not released, and a request would give it away.", e.text("name")).WithNext("Release it first.")
	}
	list, err := s.itemsOf(ctx, e)
	if err != nil {
		return nil, err
	}
	items := []any{}
	for _, i := range list {
		items = append(items, map[string]any{"item": fmt.Sprint(i.Position), "label": i.Key})
	}
	b["items"] = items
	return json.Marshal(b)
}

// accepted are the files that were accepted as sufficient for an item of a control, which cells then rest on.
func (f *file) accepted(control string) (func(item string) []string, error) {
	list, err := f.those(request.Name, "control", control)
	if err != nil {
		return nil, err
	}
	of := map[string][]string{}
	for _, e := range list {
		if e.state() != "accepted" {
			continue
		}
		for _, x := range engagement.Objects(e.Body, "files") {
			of[text(x, "item")] = append(of[text(x, "item")], text(x, "sha256"))
		}
	}
	return func(item string) []string { return of[item] }, nil
}

// requestsOf fills in what was asked for a paper's control, and what did not come.
func (s *Site) requestsOf(ctx context.Context, f *file, p *Paper) error {
	list, err := f.those(request.Name, "control", p.Control)
	if err != nil {
		return err
	}
	if s.mayWrite(ctx) {
		p.NewRequest = f.path("new", request.Name) + "?" + url.Values{"control": {p.Control}, "from": {f.text("from")}, "to": {f.text("to")}}.Encode()
	}
	deviations, err := f.those(workpaper.DeviationName, "control", p.Control)
	if err != nil {
		return err
	}
	for _, e := range list {
		p.Requests = append(p.Requests, f.requestRow(ctx, e))
		for _, m := range request.Missing(e.Body, f.today(ctx)) {
			if slices.ContainsFunc(deviations, func(d entry) bool { return d.text("item") == m.Item && d.text("sort") == "no_evidence" }) {
				continue
			}
			x := Unproduced{Unproduced: m}
			if p.NewDeviation != "" {
				x.Deviation = f.path("new", workpaper.DeviationName) + "?" + url.Values{"control": {p.Control}, "item": {m.Item}, "attributes": m.Attributes, "sort": {"no_evidence"}, "facts": {m.Facts}, "name": {"No evidence: " + m.Name}}.Encode()
			}
			p.Unproduced = append(p.Unproduced, x)
		}
	}
	return nil
}

func (s *Site) requestObtain(w http.ResponseWriter, r *http.Request) error {
	f, err := s.acts(w, r, access.Act, request.Name)
	if err != nil {
		return err
	}
	e, err := s.within(f, request.Name, segment(r, "key"))
	if err != nil {
		return err
	}
	files, unmatched, err := s.taken(r, e.Body)
	if err == nil && len(unmatched) > 0 {
		err = fault.New(fault.Invalid, "These names speak of no item, so nothing was taken: %s.", strings.Join(unmatched, ", ")).WithNext("Name the files after their items, or choose them beside the item.")
	}
	if err == nil {
		_, err = s.Desk.Book.Put(r.Context(), s.Who(r.Context()), record.Change{Kind: request.Name, Key: e.Key, Move: "obtain", Said: map[string]any{"new_files": files, "obtained_how": r.PostForm.Get("how")}})
	}
	return s.tried(w, r, s.request, "obtain", err, f.path("requests", e.Key), "Entered as obtained by the auditor.")
}

// taken keeps the files of a form. One that was chosen beside an item is that item's; of the others the name says whose they are, and
// those that speak of none are named.
func (s *Site) taken(r *http.Request, b map[string]any) (files []any, unmatched []string, err error) {
	if r.MultipartForm == nil {
		return nil, nil, fault.New(fault.Invalid, "No file came with the form.").WithNext("Choose at least one.")
	}
	items := len(engagement.Objects(b, "items")) > 0
	for field, heads := range r.MultipartForm.File {
		for _, h := range heads {
			if h.Filename == "" {
				continue
			}
			name := path.Base(strings.ReplaceAll(h.Filename, `\`, "/"))
			item, beside := strings.CutPrefix(field, "file|")
			if !beside && items {
				if item = request.Match(b, name); item == "" {
					unmatched = append(unmatched, name)
					continue
				}
			} else if !beside {
				item = ""
			}
			in, err := h.Open()
			if err != nil {
				return nil, nil, err
			}
			sum, size, err := s.Desk.Blobs.Put(r.Context(), in, largest)
			in.Close()
			if err != nil {
				return nil, nil, err
			}
			media, _, err := mime.ParseMediaType(h.Header.Get("Content-Type"))
			if err != nil {
				media = "application/octet-stream"
			}
			files = append(files, map[string]any{"sha256": sum.String(), "name": name, "size": float64(size), "media_type": media, "item": item})
		}
	}
	if len(files) == 0 && len(unmatched) == 0 {
		return nil, nil, fault.New(fault.Invalid, "No file came with the form.").WithNext("Choose at least one.")
	}
	return files, unmatched, nil
}

const largest = 1 << 30

// requestFile hands out a file of a request to the firm.
func (s *Site) requestFile(w http.ResponseWriter, r *http.Request) error {
	f, err := s.open(r)
	if err != nil {
		return err
	}
	e, err := s.within(f, request.Name, segment(r, "key"))
	if err != nil {
		return err
	}
	return s.handOut(w, r, e)
}

func (s *Site) handOut(w http.ResponseWriter, r *http.Request, e entry) error {
	for _, x := range engagement.Objects(e.Body, "files") {
		if text(x, "sha256") != r.PathValue("sum") {
			continue
		}
		sum, err := blob.Parse(text(x, "sha256"))
		if err != nil {
			return err
		}
		in, size, err := s.Desk.Blobs.Open(sum)
		if err != nil {
			return err
		}
		defer in.Close()
		h := w.Header() // a browser must not take what somebody uploaded for a page of ours
		h.Set("Content-Type", "application/octet-stream")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": text(x, "name")}))
		h.Set("Content-Length", fmt.Sprint(size))
		_, err = io.Copy(w, in)
		return err
	}
	return fault.New(fault.NotFound, "The request has no such file.")
}

// The company's side: who is a contact of an engagement sees what was sent to it, and nothing else of the room.

// Asked is what the reader's company was asked for.
type Asked struct {
	Rows  []RequestRow
	Lists []QuestionnaireRow
	Cards []part.Stat
	Any   bool
}

func (s *Site) asked(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	found, err := s.contactOf(ctx)
	if err != nil {
		return err
	}
	var a Asked
	var open, late, returned int64
	for _, f := range found {
		list, err := f.all(request.Name)
		if err != nil {
			return err
		}
		for _, e := range list {
			if !request.Sent(e.Body) {
				continue
			}
			row := f.requestRow(ctx, e)
			row.Href, row.Engagement = part.Path("requests", e.Key), f.text("name")
			switch row.State {
			case "open":
				open++
			case "overdue":
				late++
			case "returned":
				returned++
			}
			a.Rows = append(a.Rows, row)
		}
	}
	for _, f := range found {
		list, err := f.questionnaires(ctx, true)
		if err != nil {
			return err
		}
		a.Lists = append(a.Lists, list...)
	}
	if s.Told != nil { // what came by parcel is answered in the company's own workspace
		rows, lists, err := s.Told(ctx, "")
		if err != nil {
			return err
		}
		for _, r := range rows {
			switch r.State {
			case "open":
				open++
			case "overdue":
				late++
			case "returned":
				returned++
			}
		}
		a.Rows, a.Lists = append(a.Rows, rows...), append(a.Lists, lists...)
	}
	a.Any = len(found) > 0 || len(a.Rows)+len(a.Lists) > 0
	a.Cards = []part.Stat{{Status: "open", N: open, Href: "/requests"}, {Status: "overdue", N: late, Href: "/requests"}, {Status: "returned", N: returned, Href: "/requests"}}
	slices.SortStableFunc(a.Rows, func(x, y RequestRow) int {
		if x.Due.Met != y.Due.Met {
			return map[bool]int{true: 1, false: -1}[x.Due.Met]
		}
		return x.Due.Day.Compare(y.Due.Day)
	})
	return s.Show(w, r, http.StatusOK, shell.Page{Title: "Requests", Section: AskedSection, Crumbs: []part.Crumb{{Text: "Requests"}}}, AskedView(a))
}

// AskedSection is the sidebar's entry of what the company was asked for.
const AskedSection = "/requests"

// contactOf are the engagements in which the reader answers for the company.
func (s *Site) contactOf(ctx context.Context) ([]*file, error) {
	me := s.Who(ctx)
	if me.User.Key == "" || me.User.Disabled {
		return nil, fault.New(fault.SignIn, "Nobody is signed in.")
	}
	look := s.look(ctx)
	all, err := look.All(engagement.Name)
	if err != nil {
		return nil, err
	}
	var out []*file
	for _, v := range all {
		e, err := entryOf(v)
		if err != nil {
			return nil, err
		}
		if engagement.IsContact(e.Body, me.User.Person) {
			out = append(out, &file{entry: e, me: me, look: look, kept: map[string][]entry{}})
		}
	}
	return out, nil
}

// Contact reports whether the reader answers for the company in any engagement.
func (s *Site) Contact(ctx context.Context) bool {
	if s.AnyTold != nil && s.AnyTold(ctx) {
		return true
	}
	found, err := s.contactOf(ctx)
	return err == nil && len(found) > 0
}

// askedOf is a request that was sent to the reader's company. What was not sent, or to others, is not there.
func (s *Site) askedOf(r *http.Request) (*file, entry, error) {
	none := fault.New(fault.NotFound, "There is no such request.")
	v, err := s.look(r.Context()).Get(request.Name, segment(r, "key"))
	if fault.Is(err, fault.NotFound) {
		return nil, entry{}, none
	}
	if err != nil {
		return nil, entry{}, err
	}
	e, err := entryOf(v)
	if err != nil {
		return nil, entry{}, err
	}
	found, err := s.contactOf(r.Context())
	if err != nil {
		return nil, entry{}, err
	}
	for _, f := range found {
		if f.Key == e.text(engagement.Name) && request.Sent(e.Body) {
			return f, e, nil
		}
	}
	return nil, entry{}, none
}

func (s *Site) askedOne(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, e, err := s.askedOf(r)
	if err != nil {
		return err
	}
	p := f.requestPage(ctx, e, part.Path("requests", e.Key))
	p.Company, p.Engagement = true, f.text("name")
	p.May = !part.Past(ctx) && slices.Contains([]string{"open", "returned"}, e.state())
	if why := refused(ctx); why.At == "asked" {
		p.Wrong, p.Typed = why.Sentence, why.Typed
	}
	crumbs := []part.Crumb{{Text: "Requests", Href: AskedSection}, {Text: p.Name}}
	return s.Show(w, r, status(ctx), shell.Page{Title: p.Name, Section: AskedSection, Crumbs: crumbs}, RequestView(p))
}

// askedAct takes a step of the company's with a request.
func (s *Site) askedAct(w http.ResponseWriter, r *http.Request, move, did string, say func(entry) (map[string]any, error)) error {
	_, e, err := s.askedOf(r)
	if err != nil {
		return err
	}
	if err := s.Read(w, r); err != nil {
		return err
	}
	said, err := say(e)
	var some partly
	if errors.As(err, &some) { // what could be told apart is taken, and what could not is named
		err = nil
	}
	if err == nil {
		_, err = s.Desk.Book.Put(r.Context(), s.Who(r.Context()), record.Change{Kind: request.Name, Key: e.Key, Move: move, Said: said})
	}
	if err == nil && len(some) > 0 {
		err = some.fault()
	}
	return s.tried(w, r, s.askedOne, "asked", err, part.Path("requests", e.Key), did)
}

// partly are the names of files that speak of no item.
type partly []string

func (p partly) Error() string { return strings.Join(p, ", ") }

func (p partly) fault() error {
	return fault.New(fault.Invalid, "These names speak of no item, and were not attached: %s.", strings.Join(p, ", ")).WithNext("Name the files after their items, or choose them beside the item.")
}

func (s *Site) askedAttach(w http.ResponseWriter, r *http.Request) error {
	return s.askedAct(w, r, "attach", "Attached. It is handed in when you say so.", func(e entry) (map[string]any, error) {
		files, unmatched, err := s.taken(r, e.Body)
		switch {
		case err != nil:
			return nil, err
		case len(files) == 0:
			return nil, partly(unmatched).fault()
		case len(unmatched) > 0:
			return map[string]any{"new_files": files}, partly(unmatched)
		}
		return map[string]any{"new_files": files}, nil
	})
}

func (s *Site) askedDetach(w http.ResponseWriter, r *http.Request) error {
	return s.askedAct(w, r, "detach", "Taken back.", func(entry) (map[string]any, error) {
		return map[string]any{"drop": r.PostForm.Get("sum")}, nil
	})
}

func (s *Site) askedSubmit(w http.ResponseWriter, r *http.Request) error {
	return s.askedAct(w, r, "submit", "Handed in.", func(e entry) (map[string]any, error) {
		k, err := s.Desk.Book.Kinds.Named(request.Name)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(k.States.Moves, func(m record.Move) bool { return m.Name == "submit" })
		body, typed, ok := form.Parse(k.States.Moves[i].Fields, r.PostForm, nil)
		if !ok {
			for _, in := range typed.Inputs {
				if in.Wrong != "" {
					return nil, fault.New(fault.Invalid, "%s: %s", in.Title, in.Wrong)
				}
			}
		}
		said := map[string]any{}
		return said, json.Unmarshal(body, &said)
	})
}

func (s *Site) askedDecline(w http.ResponseWriter, r *http.Request) error {
	return s.askedAct(w, r, "decline", "The firm is told that it is not available.", func(entry) (map[string]any, error) {
		return map[string]any{"reason": strings.TrimSpace(r.PostForm.Get("reason"))}, nil
	})
}

func (s *Site) askedFile(w http.ResponseWriter, r *http.Request) error {
	_, e, err := s.askedOf(r)
	if err != nil {
		return err
	}
	return s.handOut(w, r, e)
}
