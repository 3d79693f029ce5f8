package cycle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/calendar"
	turn "tickmark/internal/cycle"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

// WindowPage lays controls over a window.
type WindowPage struct {
	Tabs     []part.Tab
	From, To string // of the window shown
	Wrong    string
	Windows  []WindowRow
	Next     []WindowRow
	Unusual  string
	Flagged  int
	Rows     []PlannedRow
}

// WindowRow is a window on record or a proposed one.
type WindowRow struct {
	Name, Href, Days string
	Months           int
	Warnings         []string
	Current          bool
}

// PlannedRow is how often a control falls due in the window.
type PlannedRow struct {
	ID, Title, Href, Owner, Frequency, Flag string
	State                                   part.Status
	Times                                   int
	First, Last                             string
	Periodic                                bool
}

func (s *Site) window(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, "period", "control"); err != nil {
		return err
	}
	look := s.look(ctx)
	zone, today, err := s.days(ctx, look)
	if err != nil {
		return err
	}
	list, err := s.periods(look)
	if err != nil {
		return err
	}
	d := WindowPage{Tabs: tabs(Section + "/window")}
	shown := turn.Window{From: calendar.Parse(q.Get("from")), To: calendar.Parse(q.Get("to"))}
	asked := q.Get("from") != "" || q.Get("to") != ""
	if asked && (shown.From.IsZero() || shown.To.IsZero() || shown.To.Before(shown.From) || shown.To.After(shown.From.AddDate(3, 0, 0))) {
		d.Wrong, shown, asked = "A window needs a first and a later last day, at most three years apart.", turn.Window{}, false
	}
	if !asked {
		p, ok, err := period.Working(look)
		if err != nil {
			return err
		}
		if from := calendar.Parse(p.From); ok && !from.IsZero() {
			shown = turn.Window{From: from, To: calendar.Parse(p.To)}
		}
	}
	row := func(x turn.Window) WindowRow {
		from, to := calendar.Text(x.From), calendar.Text(x.To)
		return WindowRow{Name: x.Name, Days: calendar.Span{From: x.From, To: x.To}.Words(), Months: x.Months(), Warnings: x.Warnings, Href: Section + "/window?from=" + from + "&to=" + to, Current: x.From.Equal(shown.From) && x.To.Equal(shown.To)}
	}
	for _, x := range turn.Recorded(list) {
		d.Windows = append(d.Windows, row(x))
	}
	for _, x := range turn.Rolling(list, 3) {
		d.Next = append(d.Next, row(x))
	}
	if shown.From.IsZero() || shown.To.IsZero() {
		return s.Show(w, r, http.StatusOK, page("Window"), WindowView(d))
	}
	d.From, d.To, d.Unusual = calendar.Text(shown.From), calendar.Text(shown.To), period.Unusual(shown.From, shown.To)
	planned, err := turn.Plan(look, shown, today, zone)
	if err != nil {
		return err
	}
	for _, p := range planned {
		x := PlannedRow{ID: p.Key, Title: p.Title, Href: part.Path("controls", p.Key), Owner: part.People(ctx, p.Owner), Frequency: part.Sentence(p.Frequency), Flag: p.Flag, State: part.Status(p.State), Times: len(p.Due), Periodic: p.Periodic()}
		if n := len(p.Due); n > 0 {
			x.First, x.Last = calendar.Text(p.Due[0].Due), calendar.Text(p.Due[n-1].Due)
		}
		if p.Owner == "" {
			x.Owner = ""
		}
		if p.Flag != "" {
			d.Flagged++
		}
		d.Rows = append(d.Rows, x)
	}
	slices.SortStableFunc(d.Rows, func(a, b PlannedRow) int {
		flagged := func(r PlannedRow) int {
			if r.Flag != "" {
				return 0
			}
			return 1
		}
		return cmp.Compare(flagged(a), flagged(b))
	})
	return s.Show(w, r, http.StatusOK, page("Window"), WindowView(d))
}

// HeatPage is every performance of a window: controls down, weeks across.
type HeatPage struct {
	Tabs   []part.Tab
	Name   string
	Weeks  []Week
	Rows   []HeatRow
	Counts []part.Stat
	Links  []CalendarLink
	Person bool   // the reader is linked to a person, whose duties a link can show
	Made   string // the address of a link that was just made: shown once
}

// Week is a column.
type Week struct {
	Label, Title string
	Now          bool
	from, to     calendar.Day
}

// HeatRow is a control.
type HeatRow struct {
	ID, Title, Href string
	Cells           []Cell
}

// Cell is the performances of a week.
type Cell struct {
	Tone part.Tone
	Mark string // what stands in it
	Said string // in words
	Href string
}

// CalendarLink is a private address of the reader's calendar.
type CalendarLink struct {
	ID, Name      string
	Made, Expires time.Time
	Used          time.Time
}

// performances are the states of an occurrence, the worst first, with the letter and the tone under which a cell shows them.
var performances = []struct {
	state, mark, word string
	tone              part.Tone
}{
	{"missed", "M", "missed", part.Bad},
	{"performed_late", "L", "done late", part.Warn},
	{"scheduled", "S", "scheduled", part.Info},
	{"performed", "D", "done", part.OK},
	{"not_applicable", "N", "not applicable", part.Idle},
}

func (s *Site) heat(w http.ResponseWriter, r *http.Request) error {
	return s.showHeat(w, r, http.StatusOK, "")
}

func (s *Site) showHeat(w http.ResponseWriter, r *http.Request, status int, made string) error {
	ctx := r.Context()
	if err := s.may(ctx, "period", "control", "occurrence"); err != nil {
		return err
	}
	look := s.look(ctx)
	_, today, err := s.days(ctx, look)
	if err != nil {
		return err
	}
	p, ok, err := period.Working(look)
	if err != nil {
		return err
	}
	d := HeatPage{Tabs: tabs(Section + "/calendar"), Person: s.Who(ctx).Actor().Person != "", Made: made}
	from, to := calendar.Parse(p.From), calendar.Parse(p.To)
	if !ok || from.IsZero() { // a Type I has no window: the year around today
		from, to = today.AddDate(0, -6, 0), today.AddDate(0, 6, 0)
		d.Name = "a year around today"
	} else {
		d.Name = p.Name
	}
	d.Weeks = weeks(from, to, today)
	found, err := s.performances(r, from, to)
	if err != nil {
		return err
	}
	controls, err := look.All("control")
	if err != nil {
		return err
	}
	slices.SortFunc(controls, func(a, b record.Version) int { return cmp.Compare(a.Key, b.Key) })
	total := map[string]int64{}
	for _, c := range controls {
		mine := found[c.Key]
		if len(mine) == 0 {
			continue
		}
		row := HeatRow{ID: c.Key, Title: c.Label, Href: part.Path("controls", c.Key)}
		for _, week := range d.Weeks {
			var in []performance
			for _, x := range mine {
				if on := calendar.Parse(x.To); !on.Before(week.from) && !on.After(week.to) {
					in = append(in, x)
					total[x.State]++
				}
			}
			row.Cells = append(row.Cells, cell(in, week))
		}
		d.Rows = append(d.Rows, row)
	}
	for _, x := range performances {
		d.Counts = append(d.Counts, part.Stat{Status: part.Status(x.state), N: total[x.state], Href: "/records/occurrence?where=" + "r.state+%3D%3D+%22" + x.state + "%22"})
	}
	if d.Links, err = s.links(r); err != nil {
		return err
	}
	return s.Show(w, r, status, page("Calendar"), HeatView(d))
}

type performance struct{ Key, Control, State, To string }

// performances are the occurrences whose span ends in the window, by control; those taken back before they began are none.
func (s *Site) performances(r *http.Request, from, to calendar.Day) (map[string][]performance, error) {
	ctx := r.Context()
	at := store.Moment(0)
	if v := part.Of(ctx); v.Past() {
		at = store.At(v.AsOf)
	}
	out := map[string][]performance{}
	err := s.Book.EachAt(ctx, s.Book.DB, "occurrence", at, func(v record.Version) error {
		var x performance
		if err := json.Unmarshal(v.Body, &x); err != nil {
			return fmt.Errorf("read occurrence %s: %w", v.Key, err)
		}
		x.Key = v.Key
		if on := calendar.Parse(x.To); x.State != "withdrawn" && !on.Before(from) && !on.After(to) {
			out[x.Control] = append(out[x.Control], x)
		}
		return nil
	})
	return out, err
}

// weeks are the weeks of a window from Monday to Sunday, the first and the last cut at its edges.
func weeks(from, to, today calendar.Day) []Week {
	var out []Week
	month := time.Month(0)
	for _, x := range calendar.Over("weekly", from, to) {
		w := Week{from: x.From, to: x.To, Title: x.Words(), Now: x.Has(today)}
		if x.From.Month() != month {
			month = x.From.Month()
			w.Label = x.From.Format("Jan")
		}
		out = append(out, w)
	}
	return out
}

// cell says what happened in a week: the worst of it by colour and letter, the rest in words.
func cell(in []performance, week Week) Cell {
	if len(in) == 0 {
		return Cell{}
	}
	var c Cell
	var said []string
	for _, p := range performances {
		n := 0
		for _, x := range in {
			if x.State == p.state {
				n++
			}
		}
		if n == 0 {
			continue
		}
		if c.Mark == "" {
			c.Tone, c.Mark = p.tone, p.mark
		}
		said = append(said, fmt.Sprintf("%d %s", n, p.word))
	}
	c.Said = week.Title + ": " + strings.Join(said, ", ")
	c.Href = part.Path("occurrences", in[0].Key)
	for _, x := range in { // the worst is what a click is for
		for _, p := range performances {
			if p.mark == c.Mark && x.State == p.state {
				c.Href = part.Path("occurrences", x.Key)
			}
		}
	}
	if len(in) > 1 {
		c.Mark += fmt.Sprint(len(in))
	}
	return c
}

// links are the reader's own links that still work.
func (s *Site) links(r *http.Request) ([]CalendarLink, error) {
	ctx := r.Context()
	list, err := s.Gate.Tokens(ctx, s.Who(ctx).User.Key)
	if err != nil {
		return nil, err
	}
	var out []CalendarLink
	for _, t := range list {
		if t.Scope == access.ScopeCalendar && t.Revoked == 0 && t.Expires.Time().After(part.Of(ctx).Now) {
			l := CalendarLink{ID: t.ID, Name: t.Name, Made: t.Created.Time(), Expires: t.Expires.Time()}
			if t.Used != 0 {
				l.Used = t.Used.Time()
			}
			out = append(out, l)
		}
	}
	return out, nil
}

func (s *Site) linkMade(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	ctx := r.Context()
	who := s.Who(ctx)
	name := cmp.Or(strings.TrimSpace(r.PostForm.Get("name")), "Calendar")
	plain, _, err := s.Gate.NewToken(ctx, who, access.TokenRequest{Name: name, Scope: access.ScopeCalendar, Expires: part.Of(ctx).Now.Add(365 * 24 * time.Hour)})
	if err != nil {
		return err
	}
	return s.showHeat(w, r, http.StatusOK, strings.TrimSuffix(s.Base, "/")+"/calendar/"+plain)
}

func (s *Site) linkRevoked(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.Gate.RevokeToken(ctx, s.Who(ctx), part.Segment(r.PathValue("id"))); err != nil {
		return err
	}
	return s.Done(w, r, Section+"/calendar", "The link no longer works.")
}
