package entitlement

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/entitlement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

func (s *Site) reviews(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, entitlement.Review); err != nil {
		return err
	}
	t := Table{Title: "Access reviews", Sentence: "Everybody's access looked at line by line by who owns the system. What is removed is proved at the source, in ten working days.", Icon: "eye",
		Heads: []string{"Review", "State", "Of", "Due", ">Lines", ">Not decided", ">To remove or change", "Lead"}, None: "No review yet", NoneSay: "Plan one for each quarter and all systems in scope; several may run at once."}
	if s.writes(ctx, entitlement.Review) {
		t.Buttons = []part.Link{{Text: "Plan a review", Href: "/new/access_review"}}
		t.First = t.Buttons[0]
	}
	n := map[string]int64{}
	total := 0
	show := q.Get("show")
	type dated struct {
		at  string
		row Row
	}
	var rows []dated
	err := each(ctx, s, entitlement.Review, func(v record.Version, c entitlement.Campaign) error {
		total++
		over := c.State == "completed" || c.State == "cancelled"
		switch {
		case over:
			n["over"]++
		default:
			n["open"]++
		}
		late := c.Overdue != "" && !over
		if late {
			n["late"]++
		}
		if show == "open" && over || show == "over" && !over || show == "late" && !late || !fits(q.Get("q"), c.Title, v.Key, strings.Join(c.Matrices, " ")) {
			return nil
		}
		due := say(c.Due)
		if c.Overdue != "" {
			due.Marks = []Mark{{part.Bad, "clock", "Overdue since " + c.Overdue}}
		}
		first := link(c.Title, part.Path("access-reviews", v.Key)).with(c.From + " to " + c.To)
		if len(c.Gaps) > 0 {
			first.Marks = []Mark{{part.Unsure, "circle-question-mark", "The extract lacks something"}}
		}
		count := func(n int) Cell { return Cell{Text: part.Number(int64(n)), End: true} }
		rows = append(rows, dated{c.To, Row{first, chip(c.State), say(part.Sentence(c.Sort)).with(strings.Join(c.Matrices, ", ")), due, count(c.Lines), count(c.Pending), count(c.Removed + c.Modified), {Person: c.Owner}}})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(rows, func(a, b dated) int { return strings.Compare(b.at, a.at) })
	for _, d := range rows {
		t.Rows = append(t.Rows, d.row)
	}
	t.Cards = []part.Stat{{Word: "Under way", Icon: "clock", N: n["open"], Href: "/access-reviews?show=open", Current: show == "open"}, {Word: "Overdue", Icon: "circle-x", N: n["late"], Href: "/access-reviews?show=late", Current: show == "late"}, {Word: "Over", Icon: "circle-check", N: n["over"], Href: "/access-reviews?show=over", Current: show == "over"}}
	t.Filter = part.Filter{Action: "/access-reviews", Q: q.Get("q"), Hint: "Filter by review or system", Found: fmt.Sprintf("%d of %d", len(t.Rows), total), Keep: map[string]string{"show": show}}
	return s.table(w, r, Reviews, t)
}

// perPage is how many lines one page of the grid shows; the filter goes over all of them.
const perPage = 100

// Grid is a review with one page of its lines.
type Grid struct {
	Key, Title, Record, Act string
	State                   part.Status
	Sort                    string
	Overdue                 string
	Extract                 bool // the reader can take the extract now
	May                     bool // lines can be decided
	Cards                   []part.Stat
	Filter                  part.Filter
	Rows                    []GridLine
	Found, Mine             int
	Query                   string // the filter, for deciding on everything that fits it
	Pager                   part.Pager
	Extracts                []entitlement.Extract
	Gaps, Unresolved        []string
	File                    string
	Facts                   []part.Fact
	Acts                    []ActRow
	Fastest                 int // lines kept in the busiest minute
	Changes                 []Row
	Wrong                   string
	Moves                   []form.Move
	Targets                 []part.Option
	Typed                   url.Values
}

// GridLine is one line with what may be done with it.
type GridLine struct {
	entitlement.Line
	Marks      []Mark
	May        bool
	NeedsWhy   bool
	PersonName string
}

// ActRow is one act of deciding.
type ActRow struct {
	At             time.Time
	By, Decision   string
	Count          int
	Bulk           bool
	Reason, Passed string // since the act before
}

func (s *Site) review(w http.ResponseWriter, r *http.Request) error { return s.grid(w, r, "", nil) }

func (s *Site) grid(w http.ResponseWriter, r *http.Request, wrong string, typed url.Values) error {
	ctx := r.Context()
	if err := s.may(ctx, entitlement.Review, entitlement.Decision, entitlement.Right); err != nil {
		return err
	}
	key := part.Segment(r.PathValue("key"))
	look := s.Desk.Book.LookAt(ctx, part.Of(ctx).AsOf)
	v, err := look.Get(entitlement.Review, key)
	if err != nil {
		return err
	}
	c, err := entitlement.CampaignOf(v.Body)
	if err != nil {
		return err
	}
	actor := s.Who(ctx).Actor()
	g := Grid{Key: key, Title: c.Title, Record: recordPath(v.Kind, key), Act: part.Path("access-reviews", key), State: status(c.State), Sort: c.Sort, Overdue: c.Overdue, Gaps: c.Gaps, Unresolved: c.Unresolved, Extracts: c.Extracts, File: c.File, Wrong: wrong, Typed: typed,
		Extract: (c.State == "planned" || c.State == "collecting") && actor.Person == c.Owner && c.Owner != "" && !part.Past(ctx), May: c.State == "in_review" && !part.Past(ctx)}
	if g.Moves, err = s.Moves(ctx, v); err != nil {
		return err
	}
	g.Moves = slices.DeleteFunc(g.Moves, func(m form.Move) bool { return m.Name == "collect" || m.Name == "open" })
	g.Facts = []part.Fact{part.Say("Span", c.From+" to "+c.To), part.Say("Due", c.Due), part.Say("Lead", person(ctx, c.Owner)), part.Say("Systems", strings.Join(c.Matrices, ", ")), part.Say("Compared with", c.Previous), part.Say("Decisions ended", day(ctx, c.DecidedAt)), part.Say("Signed off by", person(ctx, c.SignedBy))}
	if c.File == "" || part.Past(ctx) {
		return s.show(w, r, g.Title, Reviews, ReviewView(g), part.Crumb{Text: "Access reviews", Href: Reviews}, part.Crumb{Text: g.Title})
	}
	lines, err := s.Desk.Lines(ctx, key, c)
	if err != nil {
		return err
	}
	matrices, err := s.Desk.Matrices(ctx, c)
	if err != nil {
		return err
	}
	chosen := filter(lines, r.URL.Query(), actor, matrices)
	g.count(lines, actor, matrices, r.URL.Query())
	g.Found, g.Query = len(chosen), r.URL.RawQuery
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	from = max(0, min(from, len(chosen)))
	page := chosen[from:min(len(chosen), from+perPage)]
	for _, l := range page {
		row := GridLine{Line: *l, Marks: marked(l.Flags...), May: g.May && entitlement.MayDecide(actor, matrices[l.System], *l), NeedsWhy: l.NeedsReason()}
		if l.Person != "" {
			row.PersonName = part.People(ctx, l.Person)
		}
		if l.Delta != "" {
			row.Marks = append(marked(l.Delta), row.Marks...)
		}
		if l.Bulk {
			row.Marks = append(row.Marks, marks["bulk"])
		}
		g.Rows = append(g.Rows, row)
	}
	g.pages(r, from, len(page), len(chosen))
	for _, m := range matrices {
		for _, x := range m.Roles {
			g.Targets = append(g.Targets, part.Option{Value: x.ID, Text: m.Name + ": " + x.Name})
		}
	}
	slices.SortFunc(g.Targets, func(a, b part.Option) int { return strings.Compare(a.Text, b.Text) })
	if err := s.acts(ctx, &g); err != nil {
		return err
	}
	if err := s.changed(ctx, &g); err != nil {
		return err
	}
	return s.show(w, r, g.Title, Reviews, ReviewView(g), part.Crumb{Text: "Access reviews", Href: Reviews}, part.Crumb{Text: g.Title})
}

func person(ctx context.Context, key string) string {
	if key == "" {
		return ""
	}
	return part.People(ctx, key)
}

// filter are the lines that fit the address: text, system, mark, decision, and those that the reader decides on.
func filter(lines []entitlement.Line, q url.Values, actor record.Actor, matrices map[string]entitlement.Roles) []*entitlement.Line {
	text, system, flag, decision, mine := q.Get("q"), q.Get("system"), q.Get("flag"), q.Get("decision"), q.Get("mine") != ""
	var out []*entitlement.Line
	for i := range lines {
		l := &lines[i]
		switch {
		case system != "" && l.System != system, decision == "pending" && l.Decision != "", decision != "" && decision != "pending" && l.Decision != decision:
		case flag == "none" && len(l.Flags) > 0, flag == "new" && l.Delta == "", flag != "" && flag != "none" && flag != "new" && !slices.Contains(l.Flags, flag):
		case mine && !entitlement.MayDecide(actor, matrices[l.System], *l):
		case text != "" && !fits(text, l.Account, l.Name, l.Person, l.Role, l.RoleName, l.Machine, l.Position):
		default:
			out = append(out, l)
		}
	}
	return out
}

func (g *Grid) count(lines []entitlement.Line, actor record.Actor, matrices map[string]entitlement.Roles, q url.Values) {
	n := map[string]int64{}
	decided := map[string]int64{}
	systems := map[string]bool{}
	for _, l := range lines {
		systems[l.System] = true
		if decided[cmp.Or(l.Decision, "pending")]++; l.Decision == "" && entitlement.MayDecide(actor, matrices[l.System], l) {
			g.Mine++
		}
		for _, f := range l.Flags {
			n[f]++
		}
		if l.Delta != "" {
			n["new"]++
		}
	}
	for _, d := range []struct{ word, icon, v string }{{"Not decided", "circle-dot", "pending"}, {"Kept", "check", "keep"}, {"To change", "pencil", "modify"}, {"To remove", "circle-minus", "remove"}} {
		g.Cards = append(g.Cards, part.Stat{Word: d.word, Icon: d.icon, N: decided[d.v], Href: g.Act + "?decision=" + d.v, Current: q.Get("decision") == d.v})
	}
	flags := []part.Option{{Value: "", Text: "Every mark"}, {Value: "none", Text: "Without a mark"}, {Value: "new", Text: fmt.Sprintf("New or changed (%d)", n["new"])}}
	for _, f := range []string{entitlement.Privileged, entitlement.Leaver, entitlement.Dormant, entitlement.Conflicting, entitlement.NoOwner, entitlement.NoFactor, entitlement.NoRequest, entitlement.Unfit, entitlement.Typed} {
		if n[f] > 0 {
			flags = append(flags, part.Option{Value: f, Text: fmt.Sprintf("%s (%d)", marks[f].Word, n[f])})
		}
	}
	g.Filter = part.Filter{Action: g.Act, Q: q.Get("q"), Hint: "Filter by account, person or role", Groups: []part.Choice{{Name: "flag", Label: "Mark", Value: q.Get("flag"), Options: flags},
		{Name: "decision", Label: "Decision", Value: q.Get("decision"), Options: []part.Option{{Value: "", Text: "Every decision"}, {Value: "pending", Text: "Not decided"}, {Value: "keep", Text: "Kept"}, {Value: "modify", Text: "To change"}, {Value: "remove", Text: "To remove"}}},
		{Name: "mine", Label: "Whose", Value: q.Get("mine"), Options: []part.Option{{Value: "", Text: "Everybody's"}, {Value: "yes", Text: "That I decide on"}}}}}
	if len(systems) > 1 {
		list := []part.Option{{Value: "", Text: "Every system"}}
		for _, e := range g.Extracts {
			list = append(list, part.Option{Value: e.System, Text: e.System})
		}
		g.Filter.Groups = append([]part.Choice{{Name: "system", Label: "System", Value: q.Get("system"), Options: list}}, g.Filter.Groups...)
	}
}

func (g *Grid) pages(r *http.Request, from, shown, all int) {
	g.Filter.Found = fmt.Sprintf("%s lines", part.Number(int64(all)))
	q := r.URL.Query()
	if from > 0 {
		q.Del("from")
		g.Pager.First = g.Act + "?" + q.Encode()
	}
	if from+shown < all {
		q.Set("from", strconv.Itoa(from+shown))
		g.Pager.Next = g.Act + "?" + q.Encode()
	}
	g.Pager.Shown, g.Pager.Note = shown, fmt.Sprintf("of %s", part.Number(int64(all)))
}

// acts shows who decided how much when, the newest first, and how many lines were kept in the busiest minute: who keeps hundreds in one
// looked at none.
func (s *Site) acts(ctx context.Context, g *Grid) error {
	acts, err := s.Desk.Acts(ctx, g.Key)
	if err != nil {
		return err
	}
	begin, kept := 0, 0
	for i, a := range acts {
		if a.Decision == "keep" {
			kept += a.Count
		}
		for ; instant(a.At).Sub(instant(acts[begin].At)) >= time.Minute; begin++ {
			if acts[begin].Decision == "keep" {
				kept -= acts[begin].Count
			}
		}
		g.Fastest = max(g.Fastest, kept)
		row := ActRow{At: instant(a.At), By: a.By, Decision: a.Decision, Count: a.Count, Bulk: a.Bulk, Reason: a.Reason}
		if i > 0 {
			row.Passed = instant(a.At).Sub(instant(acts[i-1].At)).Round(time.Second).String()
		}
		g.Acts = append(g.Acts, row)
	}
	slices.Reverse(g.Acts)
	g.Acts = g.Acts[:min(len(g.Acts), 20)]
	return nil
}

// changed shows what was decided to be removed or changed, and what the sources show of it.
func (s *Site) changed(ctx context.Context, g *Grid) error {
	found, err := s.Desk.Book.Find(ctx, s.Desk.Book.DB, entitlement.Removal, "review", g.Key, at(ctx))
	if err != nil {
		return err
	}
	for _, v := range found {
		var b struct {
			Title, State, Due, Snapshot, Exception, Decision string
			Overdue                                          string `json:"overdue_since"`
			ExecutedAt                                       string `json:"executed_at"`
			Days                                             int
			EndedReason                                      string `json:"ended_reason"`
		}
		if err := readBody(v, &b); err != nil {
			return err
		}
		if b.State == "not_needed" {
			continue
		}
		state, shown := chip(b.State), Cell{Text: "Nothing yet"}
		if b.Overdue != "" {
			state.Marks = []Mark{{part.Bad, "clock", "Overdue since " + b.Overdue}}
		}
		if b.Snapshot != "" {
			shown = say(b.Snapshot).with(fmt.Sprintf("after %d working days", b.Days))
		} else if b.Exception != "" {
			shown = link("Exception "+b.Exception, recordPath("exception", b.Exception))
		}
		g.Changes = append(g.Changes, Row{link(b.Title, recordPath(v.Kind, v.Key)).with(part.Sentence(b.Decision)), state, say(b.Due), shown})
	}
	g.Changes = g.Changes[:min(len(g.Changes), 200)]
	return nil
}

func (s *Site) extract(w http.ResponseWriter, r *http.Request) error {
	key := part.Segment(r.PathValue("key"))
	c, err := s.Desk.Extract(r.Context(), s.Who(r.Context()), key)
	if said(err) {
		return s.grid(w, r, sentence(err), nil)
	}
	if err != nil {
		return err
	}
	return s.Done(w, r, part.Path("access-reviews", key), part.Count(c.Lines, "line")+" taken from the sources and kept as they are.")
}

// decide takes decisions: of single rows, of the rows that are ticked, or of all that fit the filter.
func (s *Site) decide(w http.ResponseWriter, r *http.Request) error {
	if err := s.Read(w, r); err != nil {
		return err
	}
	ctx, key, f := r.Context(), part.Segment(r.PathValue("key")), r.PostForm
	back := part.Path("access-reviews", key)
	if q := f.Get("_query"); q != "" {
		back += "?" + q
	}
	r.URL.RawQuery = f.Get("_query")
	acts, err := s.acting(ctx, key, f)
	if err != nil && !said(err) {
		return err
	}
	n := 0
	for _, a := range acts {
		if err != nil {
			break
		}
		if _, err = s.Desk.Decide(ctx, s.Who(ctx), key, a); err == nil {
			n += len(a.Lines)
		}
	}
	if said(err) {
		what := sentence(err)
		if n > 0 {
			what = fmt.Sprintf("%s decided before: %s", part.Count(n, "line was", "lines were"), what)
		}
		return s.grid(w, r, what, f)
	}
	if err != nil {
		return err
	}
	return s.Done(w, r, back, part.Count(n, "line")+" decided.")
}

func (s *Site) acting(ctx context.Context, key string, f url.Values) ([]entitlement.Act, error) {
	if f.Get("scope") == "rows" {
		type same struct{ decision, reason, target string }
		by := map[same][]int{}
		for name, v := range f {
			n, ok := strings.CutPrefix(name, "d.")
			line, err := strconv.Atoi(n)
			if !ok || err != nil || v[0] == "" {
				continue
			}
			k := same{v[0], strings.TrimSpace(f.Get("why." + n)), ""}
			if k.decision == "modify" {
				k.target = f.Get("target")
			}
			by[k] = append(by[k], line)
		}
		var out []entitlement.Act
		for k, lines := range by {
			slices.Sort(lines)
			out = append(out, entitlement.Act{Lines: lines, Decision: k.decision, Reason: k.reason, Target: k.target, Each: true})
		}
		slices.SortFunc(out, func(a, b entitlement.Act) int { return cmp.Compare(a.Lines[0], b.Lines[0]) })
		if len(out) == 0 {
			return nil, fault.New(fault.Invalid, "No row has a decision.").WithNext("Choose keep, modify or remove in a row, then save.")
		}
		return out, nil
	}
	a := entitlement.Act{Decision: f.Get("decision"), Reason: strings.TrimSpace(f.Get("reason")), Target: f.Get("target")}
	if a.Decision != "modify" {
		a.Target = ""
	}
	if f.Get("scope") == "all" {
		v, err := s.Desk.Book.Get(ctx, entitlement.Review, key, 0)
		if err != nil {
			return nil, err
		}
		c, err := entitlement.CampaignOf(v.Body)
		if err != nil {
			return nil, err
		}
		lines, err := s.Desk.Lines(ctx, key, c)
		if err != nil {
			return nil, err
		}
		matrices, err := s.Desk.Matrices(ctx, c)
		if err != nil {
			return nil, err
		}
		q, err := url.ParseQuery(f.Get("_query"))
		if err != nil {
			return nil, fault.New(fault.Invalid, "The filter cannot be read.").WithNext("Go back to the review and filter again.")
		}
		for _, l := range filter(lines, q, s.Who(ctx).Actor(), matrices) {
			a.Lines = append(a.Lines, l.N)
		}
	} else {
		for _, n := range f["line"] {
			if line, err := strconv.Atoi(n); err == nil {
				a.Lines = append(a.Lines, line)
			}
		}
	}
	if f.Get("confirm") != "" {
		a.Confirmed, _ = strconv.Atoi(strings.NewReplacer(",", "", " ", "").Replace(f.Get("confirm")))
	}
	return []entitlement.Act{a}, nil
}
