package web

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

const (
	exchangesShown = 100
	writtenShown   = 100
)

// RunPage shows one run: counts a kind, what was missing, what was asked.
type RunPage struct {
	RunRow
	Source    string
	Kinds     []RunKind
	Gaps      []GapRow
	Asked     int
	Exchanges []ExchangeRow
	Pager     part.Pager
	Unkept    int // questions beyond those that are kept one by one
	About     []part.Fact
	Job       JobRow // while it goes on
	Busy      bool
}

// RunKind is what a run did for one kind.
type RunKind struct {
	Kind, Title              string
	Notes                    []string // what made its reading longer or shorter
	Status                   part.Status
	Seen, New, Changed, Gone int
	Expected                 string // as the service counts; "" where it does not
	Asked, Pages             int
	Took                     time.Duration
	Changes                  string // where the records that it changed are listed; "" when there are none
}

// ExchangeRow is one question asked of the source.
type ExchangeRow struct {
	Kind, Request, Status, SHA256 string
	Bytes                         int64
	At                            time.Time
	Took                          time.Duration
}

// RunChanges lists the records of a kind that a run changed.
type RunChanges struct {
	Source, Run, Title string
	Rows               []ChangedRow
	Pager              part.Pager
}

// ChangedRow is one record that a run changed.
type ChangedRow struct {
	Title, Key, Href, Proof string
	What                    string // New, Changed, Gone
	At                      time.Time
	Entry                   int64
}

// runOf is a run of a connection as it stands at the reader's moment.
func (s *site) runOf(ctx context.Context, connection, key string) (x collect.Summary, v record.Version, err error) {
	if err := s.may(ctx, collect.RunKind); err != nil {
		return x, v, err
	}
	if v, err = s.Book.Get(ctx, collect.RunKind, key, at(ctx)); err != nil {
		return x, v, err
	}
	if err := json.Unmarshal(v.Body, &x); err != nil {
		return x, v, fmt.Errorf("read run %s: %w", key, err)
	}
	if x.Connection != connection {
		return x, v, fault.New(fault.NotFound, "Run %s is none of %s.", key, connection)
	}
	return x, v, nil
}

func (s *site) run(w http.ResponseWriter, r *http.Request) error {
	ctx, name, key := r.Context(), segment(r, "name"), r.PathValue("run")
	x, v, err := s.runOf(ctx, name, key)
	if err != nil {
		return err
	}
	d := RunPage{RunRow: runRow(x, v), Source: name, Gaps: s.gaps(x.Missing), Asked: int(x.Requests)}
	for _, k := range x.Kinds {
		d.Kinds = append(d.Kinds, s.runKind(x, k, d.Href))
	}
	after, err := strconv.ParseInt(cmp.Or(r.URL.Query().Get("after"), "-1"), 10, 64)
	if err != nil {
		return noPage(r)
	}
	list, err := s.Collector.Exchanges(ctx, d.ID, after, exchangesShown+1)
	if err != nil {
		return err
	}
	next := ""
	if len(list) > exchangesShown {
		list = list[:exchangesShown]
		next = strconv.FormatInt(list[len(list)-1].N, 10)
	} else if len(list) > 0 {
		d.Unkept = max(0, int(x.Requests-list[len(list)-1].N))
	}
	for _, e := range list {
		d.Exchanges = append(d.Exchanges, ExchangeRow{Kind: e.Kind, Request: e.Request, Status: e.Status, Bytes: e.Bytes, SHA256: hex.EncodeToString(e.SHA256), At: e.At.Time(), Took: time.Duration(e.Took) * time.Microsecond})
	}
	d.Pager = pagerOf(r, len(list), next, "of "+part.Number(x.Requests))
	d.About = []part.Fact{
		part.Say("Ran as", x.Account), part.Say("Release", x.Release), part.Say("Clock", x.Clock), {Name: "Collector's SHA-256", Value: part.Hash(x.Collector, 17)},
		part.Say("Asked", part.Count(int(x.Requests), "question")), part.Say("Answers", part.Bytes(x.Bytes)), {Name: "Digest of the answers", Value: part.Hash(x.Answers, 17)},
		{Name: "Record", Value: part.LinkTo(part.Link{Text: "History and proof", Href: recordPath(collect.RunKind, key) + "/proof"})},
	}
	if x.Outcome == collect.Running {
		if d.Job, d.Busy = s.jobOf(ctx, "collect", name); d.Busy {
			w.Header().Set("Refresh", "3") // the page comes back by itself until the run has ended
		}
	}
	p := Page{Title: "Run " + key + " of " + name, Section: "/sources", Crumbs: []part.Crumb{{Text: "Sources", Href: "/sources"}, {Text: name, Href: part.Path("sources", name)}, {Text: "Run " + key}}}
	return s.show(w, r, p, func(p Page) templ.Component { return runPage(p, d) })
}

func (s *site) runKind(x collect.Summary, k collect.Tally, run string) RunKind {
	row := RunKind{Kind: k.Kind, Title: s.titleOfKind(k.Kind), Status: "incomplete", Seen: int(k.Read), New: int(k.New), Changed: int(k.Changed), Gone: int(k.Closed),
		Asked: int(k.Questions), Pages: int(k.Pages), Took: time.Duration(k.Took) * time.Millisecond}
	denied := slices.ContainsFunc(x.Missing, func(m collect.Missing) bool { return m.Kind == k.Kind && m.Part == "" && m.Denied })
	switch {
	case k.Complete:
		row.Status = "complete"
	case denied && k.Read == 0:
		row.Status = "denied"
	}
	if k.Expected > 0 {
		row.Expected = part.Number(k.Expected)
	}
	if k.Unchanged {
		row.Notes = append(row.Notes, "Proven unchanged by the source")
	}
	if k.Denied > 0 {
		var needs []string
		for _, m := range x.Missing {
			if m.Kind == k.Kind && m.Needs != "" && !slices.Contains(needs, m.Needs) {
				needs = append(needs, m.Needs)
			}
		}
		said := "Denied"
		if k.Denied > 1 {
			said += " " + part.Number(k.Denied) + " times"
		}
		for i, n := range needs {
			said += map[bool]string{true: ": needs ", false: ", "}[i == 0] + n
		}
		row.Notes = append(row.Notes, said)
	}
	if k.Throttled > 0 {
		row.Notes = append(row.Notes, fmt.Sprintf("Throttled %s, %s waited", part.Count(int(k.Throttled), "time"), part.Span(time.Duration(k.Waited)*time.Millisecond)))
	}
	if k.New+k.Changed+k.Closed > 0 {
		row.Changes = run + "/changed/" + part.Segment(k.Kind)
	}
	return row
}

// runChanged lists the records of a kind that a run wrote or closed.
func (s *site) runChanged(w http.ResponseWriter, r *http.Request) error {
	ctx, name, key, kind := r.Context(), segment(r, "name"), r.PathValue("run"), segment(r, "kind")
	x, v, err := s.runOf(ctx, name, key)
	if err != nil {
		return err
	}
	if err := s.may(ctx, kind); err != nil {
		return err
	}
	after, err := strconv.ParseInt(cmp.Or(r.URL.Query().Get("after"), "0"), 10, 64)
	if err != nil {
		return noPage(r)
	}
	writing, err := s.writing(ctx, x, v)
	if err != nil {
		return err
	}
	list, err := s.Book.WrittenBy(ctx, kind, writing, after, writtenShown+1)
	if err != nil {
		return err
	}
	next := ""
	if len(list) > writtenShown {
		list = list[:writtenShown]
		next = strconv.FormatInt(list[len(list)-1].ID, 10)
	}
	d := RunChanges{Source: name, Run: key, Title: s.titleOfKind(kind), Pager: pagerOf(r, len(list), next, "")}
	for _, x := range list {
		row := ChangedRow{Title: cmp.Or(x.Label, x.Key), Key: x.Key, Href: recordPath(kind, x.Key) + "/history?source=" + part.Segment(x.Source), What: "Changed", At: x.From.Time(), Entry: x.Entry}
		switch {
		case x.Gone:
			row.What, row.At = "Gone", x.To.Time()
			if x.Closed != nil {
				row.Entry = *x.Closed
			}
		case x.New:
			row.What = "New"
		}
		row.Proof = fmt.Sprintf("/ledger?entry=%d", row.Entry)
		d.Rows = append(d.Rows, row)
	}
	here := part.Path("sources", name, "runs", key)
	p := Page{Title: d.Title + " that run " + key + " changed", Section: "/sources", Crumbs: []part.Crumb{{Text: "Sources", Href: "/sources"}, {Text: name, Href: part.Path("sources", name)}, {Text: "Run " + key, Href: here}, {Text: d.Title}}}
	return s.show(w, r, p, func(p Page) templ.Component { return runChangesPage(p, d) })
}

// writing is where among the versions a run wrote.
func (s *site) writing(ctx context.Context, x collect.Summary, v record.Version) (record.Writing, error) {
	w := record.Writing{Source: x.Connection, Began: store.At(x.Started), End: store.At(s.Book.Log.Now())}
	var err error
	if w.Run, err = strconv.ParseInt(v.Key, 10, 64); err != nil {
		return w, fmt.Errorf("read the number of run %s: %w", v.Key, err)
	}
	history, err := s.Book.HistoryFor(ctx, collect.RunKind, v.Key, record.Company)
	if err != nil {
		return w, err
	}
	for i, h := range history {
		if i == 0 || h.ID < w.Below {
			w.Below = h.ID
		}
		if !x.Ended.IsZero() {
			w.Above = max(w.Above, h.ID)
		}
	}
	if !x.Ended.IsZero() {
		w.End = store.At(x.Ended)
	}
	return w, nil
}
