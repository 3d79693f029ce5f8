package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/calendar"
	"tickmark/internal/notice"
	"tickmark/internal/web/part"
	"tickmark/internal/work"
)

// soonDays is how far ahead "due soon" looks.
const soonDays = 14

func (s *site) work(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	q := r.URL.Query()
	v := WorkPage{Everyone: q.Get("whose") == "everyone"}
	person := session(ctx).Actor().Person
	v.Unlinked = person == "" && !v.Everyone
	var items []work.Item
	var err error
	switch {
	case v.Everyone:
		if err := s.mayWorkspace(ctx); err != nil {
			return err
		}
		if items, err = s.waits(ctx, ""); err != nil {
			return err
		}
	case person != "":
		if items, err = s.waits(ctx, person); err != nil {
			return err
		}
	}
	v.Any = len(items) > 0
	if !v.Everyone {
		if err := s.told(ctx, &v); err != nil {
			return err
		}
	}
	when, act, now := q.Get("when"), q.Get("act"), part.Of(ctx).Moment()
	today := calendar.Of(now, part.Of(ctx).Zone)
	soon := calendar.Text(today.AddDate(0, 0, soonDays))
	stretch := func(i work.Item) string {
		switch {
		case i.Overdue:
			return "overdue"
		case i.Due != "" && i.Due <= soon:
			return "soon"
		case i.Due != "":
			return "later"
		}
		return "none"
	}
	groups := []WorkGroup{{Title: "Overdue", Tone: part.Bad}, {Title: fmt.Sprintf("Due within %d days", soonDays), Tone: part.Warn}, {Title: "Later", Tone: part.Idle}, {Title: "Without a date", Tone: part.Idle}}
	names := []string{"overdue", "soon", "later", "none"}
	counts := map[string]int64{}
	var acts []string
	shown := 0
	people := s.namer(ctx)
	for _, i := range items {
		if !slices.Contains(acts, i.Act) {
			acts = append(acts, i.Act)
		}
		if act != "" && act != i.Act || !fits(q.Get("q"), i.Label, i.Act, i.Why, people(i.For), i.Control) {
			continue
		}
		at := stretch(i)
		counts[at]++
		if when != "" && when != at {
			continue
		}
		shown++
		g := &groups[slices.Index(names, at)]
		g.Rows = append(g.Rows, workRow(ctx, s, i, people))
	}
	for _, g := range groups {
		if len(g.Rows) > 0 {
			v.Groups = append(v.Groups, g)
		}
	}
	keep := url.Values{}
	for name, value := range map[string]string{"whose": q.Get("whose"), "act": act, "q": q.Get("q")} {
		if value != "" {
			keep.Set(name, value)
		}
	}
	for n, c := range []part.Stat{{Icon: "circle-x", Word: "Overdue"}, {Icon: "clock", Word: fmt.Sprintf("Due within %d days", soonDays)}, {Icon: "calendar-clock", Word: "Later"}, {Icon: "circle-dashed", Word: "Without a date"}} {
		to := url.Values{}
		for k, x := range keep {
			to[k] = x
		}
		if c.Current = when == names[n]; !c.Current {
			to.Set("when", names[n])
		}
		c.N, c.Href = counts[names[n]], "/work?"+to.Encode()
		v.Cards = append(v.Cards, c)
	}
	slices.Sort(acts)
	choice := part.Choice{Name: "act", Label: "What to do", Value: act, Options: []part.Option{{Value: "", Text: "Whatever is to be done"}}}
	for _, a := range acts {
		choice.Options = append(choice.Options, part.Option{Value: a, Text: a})
	}
	v.Filter = part.Filter{Action: "/work", Q: q.Get("q"), Hint: "Filter by text or person", Found: fmt.Sprintf("%d of %d", shown, len(items)), Keep: map[string]string{"when": when},
		Groups: []part.Choice{{Name: "whose", Label: "Whose", Value: q.Get("whose"), Segments: true, Options: []part.Option{{Value: "", Text: "Mine"}, {Value: "everyone", Text: "Everyone's"}}}, choice}}
	p := Page{Title: "My work", Section: "/work", Crumbs: []part.Crumb{{Text: "My work"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return workPage(p, v) })
}

// told fills in the notices that the reader has not seen.
func (s *site) told(ctx context.Context, v *WorkPage) error {
	list, fresh, err := s.notices(ctx)
	people := s.namer(ctx)
	for _, n := range list {
		if !fresh[n.ID] {
			continue
		}
		row := NoticeRow{ID: n.ID, Row: workRow(ctx, s, n.Item, people), Level: part.Status("due_soon")}
		switch n.Level {
		case notice.Overdue:
			row.Level = "overdue"
		case notice.Escalated:
			row.Level = "escalated"
			row.Row.Why = "For " + cmp.Or(row.Row.For, "whoever may") + ", " + part.Count(n.Late, "day") + " late"
			if n.Item.Kind == "acknowledgement" {
				row.Row.Href = part.Path("people", n.Item.For)
			}
		}
		v.Notices = append(v.Notices, row)
	}
	return err
}

// waits is what waits for a person, or for everybody; of a person's only what they may do, and of everybody's only what
// the reader may see.
func (s *site) waits(ctx context.Context, person string) ([]work.Item, error) {
	st, err := s.stand(ctx)
	if err != nil {
		return nil, err
	}
	items, err := work.Of(ctx, s.Book, st.whole.Operation, person, at(ctx))
	if err != nil {
		return nil, err
	}
	verb := access.Act
	if person == "" {
		verb = access.Read
	}
	return s.visible(ctx, items, verb), nil
}

// visible are the items that the reader may see, or act on.
func (s *site) visible(ctx context.Context, items []work.Item, verb string) []work.Item {
	who := session(ctx)
	may := map[string]bool{}
	return slices.DeleteFunc(items, func(i work.Item) bool {
		ok, known := may[i.Kind]
		if !known {
			verb, kind := verb, i.Kind
			if kind == "requirement" {
				if kind = "evidence"; verb == access.Act {
					verb = access.Write
				}
			}
			k, err := s.Book.Kinds.Named(kind)
			ok = err == nil && who.May(ctx, verb, k) == nil
			may[i.Kind] = ok
		}
		return !ok
	})
}

func workRow(ctx context.Context, s *site, i work.Item, people func(string) string) WorkRow {
	row := WorkRow{Act: i.Act, Title: i.Label, Why: i.Why, For: people(i.For), Href: s.pathOf(i.Kind, i.Key), Due: part.Due{Day: endOfDay(i.Due, part.Of(ctx).Zone), Overdue: i.Overdue}}
	if i.Control != "" {
		row.Control = part.Link{Text: i.Control, Href: part.Path("controls", i.Control)}
	}
	switch i.Kind {
	case "requirement":
		if row.Href = handIn(i.Control, i.Key, i.Title, i.From, i.To); part.Past(ctx) { // nothing is handed in then
			row.Href = part.Path("controls", i.Control, "evidence")
		}
	case "acknowledgement":
		row.Href = "/me"
	}
	return row
}

// handIn is the form for evidence with what it is for filled in.
func handIn(control, requirement, item, from, to string) string {
	q := url.Values{}
	for name, value := range map[string]string{"control": control, "requirement": requirement, "item": item, "covers_from": from, "covers_to": to} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/new/evidence?" + q.Encode()
}

// namer says people's names by key, as of the reader's moment; each is read once.
func (s *site) namer(ctx context.Context) func(string) string {
	var mu sync.Mutex // parts of a page are read side by side
	known := map[string]string{"": ""}
	return func(key string) string {
		mu.Lock()
		defer mu.Unlock()
		name, ok := known[key]
		if !ok {
			name = key
			if v, err := s.Book.Get(ctx, "person", key, at(ctx)); err == nil {
				name = cmp.Or(v.Label, key)
			}
			known[key] = name
		}
		return name
	}
}

// withNames lets the templates name people.
func (s *site) withNames(r *http.Request) *http.Request {
	view := part.Of(r.Context())
	view.Name = s.namer(r.Context())
	return r.WithContext(part.With(r.Context(), view))
}

// waitingCount is how many things wait for the reader now. It is counted once for a while: every page shows it.
func (s *site) waitingCount(ctx context.Context) (c waitCount, ok bool) {
	person := session(ctx).Actor().Person
	if person == "" || part.Past(ctx) {
		return c, false
	}
	head, err := s.Book.Log.Head(ctx, s.Book.DB)
	if err != nil {
		return c, false
	}
	s.mu.Lock()
	c, ok = s.waitCounts[person]
	s.mu.Unlock()
	if ok && c.size == head.Size && time.Since(c.made) < time.Minute {
		return c, true
	}
	list, err := s.waits(ctx, person)
	if err != nil {
		s.log.ErrorContext(ctx, "count what waits", "error", err)
		return c, false
	}
	_, fresh, err := s.notices(ctx)
	if err != nil {
		s.log.ErrorContext(ctx, "count what is told", "error", err)
		return c, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waitCounts) > 1000 {
		clear(s.waitCounts)
	}
	c = waitCount{fresh: len(fresh), n: len(list), size: head.Size, made: time.Now()}
	s.waitCounts[person] = c
	return c, true
}

// notices are what the reader is told of what waits now, latest first, and how many of it they have not seen.
func (s *site) notices(ctx context.Context) (list []notice.Notice, fresh map[string]bool, err error) {
	person := session(ctx).Actor().Person
	if person == "" || part.Past(ctx) {
		return nil, nil, nil
	}
	st, err := s.stand(ctx)
	if err != nil {
		return nil, nil, err
	}
	items, err := work.Each(ctx, s.Book, st.whole.Operation, 0)
	if err != nil {
		return nil, nil, err
	}
	chain, err := notice.ReadChain(ctx, s.Book, 0)
	if err != nil {
		return nil, nil, err
	}
	seen, err := notice.Seen(ctx, s.Book, session(ctx).User.Key)
	if err != nil {
		return nil, nil, err
	}
	fresh = map[string]bool{}
	for _, n := range notice.Of(s.visible(ctx, items, access.Read), st.whole.Today, chain, person) {
		list = append(list, n)
		if !seen[n.ID] {
			fresh[n.ID] = true
		}
	}
	return list, fresh, nil
}

// noticesSeen keeps that the reader has seen what they are told now.
func (s *site) noticesSeen(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	list, _, err := s.notices(r.Context())
	if err != nil {
		return err
	}
	told := map[string]bool{} // what came in since the page was drawn was not seen
	for _, id := range r.PostForm["notice"] {
		told[id] = true
	}
	seen, err := notice.Seen(r.Context(), s.Book, session(r.Context()).User.Key)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(n notice.Notice) bool { return !told[n.ID] && !seen[n.ID] })
	if err := notice.Mark(r.Context(), s.Book, session(r.Context()).User.Key, list); err != nil {
		return err
	}
	return done(w, r, "/work", "Marked as seen.")
}

type waitCount struct {
	fresh int // notices that were not seen
	n     int
	size  int64 // of the ledger
	made  time.Time
}
