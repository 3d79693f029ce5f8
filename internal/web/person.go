package web

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
)

const (
	peoplePage = 50
	lately     = 30 // days in which somebody counts as having come or gone lately
)

type personBody struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Email       string   `json:"email"`
	Start       string   `json:"start"`
	End         string   `json:"end"`
	Manager     string   `json:"manager"`
	Title       string   `json:"title"`
	Employment  string   `json:"employment"`
	OtherEmails []string `json:"other_emails"`
	Accounts    []string `json:"accounts"`
}

// stateOf is where a person stands on a day: dates are days of the organisation's zone, and the last working day is worked.
func (p personBody) stateOf(today string) part.Status {
	switch {
	case p.End != "" && p.End < today:
		return "left"
	case p.Start != "" && p.Start > today:
		return "joining"
	case p.End != "":
		return "leaving"
	}
	return "current"
}

func today(ctx context.Context, days int) string {
	v := part.Of(ctx)
	return v.Moment().In(v.Zone).AddDate(0, 0, days).Format("2006-01-02")
}

// everyone is every person at the reader's moment, by name.
func (s *site) everyone(ctx context.Context) ([]personBody, error) {
	var all []personBody
	err := s.Book.EachBody(ctx, s.Book.DB, "person", at(ctx), func(v record.Version) error {
		p := personBody{}
		if v.Erased {
			return nil
		}
		if err := json.Unmarshal(v.Body, &p); err != nil {
			return err
		}
		p.ID, p.Name = v.Key, cmp.Or(p.Name, v.Key)
		all = append(all, p)
		return nil
	})
	slices.SortFunc(all, func(a, b personBody) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.ID, b.ID))
	})
	return all, err
}

// peopleFilters are the lists behind the cards, by their name in the address.
func peopleFilters(ctx context.Context) map[string]func(personBody) bool {
	now, before := today(ctx, 0), today(ctx, -lately)
	return map[string]func(personBody) bool{
		"current": func(p personBody) bool { st := p.stateOf(now); return st == "current" || st == "leaving" },
		"joiners": func(p personBody) bool { return p.Start >= before && (p.End == "" || p.End >= now) },
		"leavers": func(p personBody) bool { return p.End != "" && p.End >= before },
		"left":    func(p personBody) bool { return p.stateOf(now) == "left" },
	}
}

func (s *site) people(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, "person"); err != nil {
		return err
	}
	all, err := s.everyone(ctx)
	if err != nil {
		return err
	}
	k, err := s.Book.Kinds.Named("person")
	if err != nil {
		return err
	}
	l := PeopleList{Any: len(all) > 0, Makes: session(ctx).May(ctx, access.Write, k) == nil}
	filters, who := peopleFilters(ctx), q.Get("who")
	for _, c := range []struct{ name, word, icon, small string }{{"current", "Here now", "users", ""}, {"joiners", "Joiners", "plus", "lately or to come"}, {"leavers", "Leavers", "log-out", "lately or to come"}, {"left", "Left", "archive", ""}} {
		n := 0
		for _, p := range all {
			if filters[c.name](p) {
				n++
			}
		}
		st := part.Stat{Word: c.word, Icon: c.icon, N: int64(n), Small: c.small, Href: "/people?who=" + c.name, Current: who == c.name}
		if st.Current {
			st.Href = "/people"
		}
		l.Cards = append(l.Cards, st)
	}
	employment := part.Choice{Name: "employment", Label: "Employment", Value: q.Get("employment"), Options: []part.Option{{Value: "", Text: "Every employment"}}}
	if f, ok := k.FieldNamed("employment"); ok {
		for _, c := range f.Choices {
			employment.Options = append(employment.Options, part.Option{Value: c, Text: part.Sentence(c)})
		}
	}
	state := part.Choice{Name: "who", Label: "Who", Value: who, Segments: true, Options: []part.Option{{Value: "", Text: "All"}, {Value: "current", Text: "Here now"}, {Value: "joiners", Text: "Joiners"}, {Value: "leavers", Text: "Leavers"}, {Value: "left", Text: "Left"}}}
	duties := part.Choice{Name: "duties", Label: "Duties", Value: q.Get("duties"), Options: []part.Option{{Value: "", Text: "Any duties"}, {Value: "open", Text: "Duties open"}, {Value: "late", Text: "Duties late"}}}
	l.Filter = part.Filter{Action: "/people", Q: q.Get("q"), Hint: "Filter by name, address or position", Groups: []part.Choice{state, employment, duties}}
	owed, err := s.owed(ctx, q.Get("duties"))
	if err != nil {
		return err
	}
	var fit []personBody
	for _, p := range all {
		if want := filters[who]; want != nil && !want(p) || employment.Value != "" && p.Employment != employment.Value || !fits(q.Get("q"), p.Name, p.ID, p.Email, p.Title) {
			continue
		}
		if duties.Value != "" && !owed[p.ID] {
			continue
		}
		fit = append(fit, p)
	}
	l.Filter.Found = part.Number(int64(len(fit)))
	if len(fit) != len(all) {
		l.Filter.Found += " of " + part.Number(int64(len(all)))
	}
	shown, next := paged(fit, q.Get("after"), peoplePage)
	l.Pager = pagerOf(r, len(shown), next, "of "+part.Number(int64(len(fit))))
	for _, p := range shown {
		row, err := s.personRow(ctx, p)
		if err != nil {
			return err
		}
		l.ShowsDue = l.ShowsDue || row.Duties > 0
		l.Rows = append(l.Rows, row)
	}
	p := Page{Title: "People", Section: "/people", Crumbs: []part.Crumb{{Text: "Company"}, {Text: "People"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return peoplePageOf(p, l) })
}

// paged cuts a list that is in memory; after is how many came before.
func paged[T any](all []T, after string, size int) (shown []T, next string) {
	from, err := strconv.Atoi(after)
	if err != nil || from < 0 || from > len(all) {
		from = 0
	}
	to := min(from+size, len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return all[from:to], next
}

// owed are the people with acknowledgements that are open, or late; nil when it is not asked.
func (s *site) owed(ctx context.Context, which string) (map[string]bool, error) {
	if which == "" || s.may(ctx, "acknowledgement") != nil {
		return nil, nil
	}
	out, now := map[string]bool{}, today(ctx, 0)
	found, err := s.Book.Find(ctx, s.Book.DB, "acknowledgement", record.StateField, "assigned", at(ctx))
	for _, v := range found {
		var a struct{ Person, Due string }
		if err := json.Unmarshal(v.Body, &a); err != nil {
			return nil, err
		}
		if which == "open" || a.Due < now {
			out[a.Person] = true
		}
	}
	return out, err
}

func (s *site) personRow(ctx context.Context, p personBody) (PersonRow, error) {
	row := PersonRow{Key: p.ID, Name: p.Name, Email: p.Email, Position: p.Title, Employment: part.Sentence(p.Employment), State: p.stateOf(today(ctx, 0)), Start: p.Start, End: p.End, Accounts: len(p.Accounts)}
	duties, err := s.duties(ctx, p.ID)
	for _, d := range duties {
		row.Duties++
		switch {
		case d.State == "acknowledged":
			row.Done++
		case d.Late:
			row.Late++
		}
	}
	return row, err
}

// duties are the policies that a person has to acknowledge, open ones first.
func (s *site) duties(ctx context.Context, person string) ([]DutyRow, error) {
	if s.may(ctx, "acknowledgement") != nil {
		return nil, nil
	}
	found, err := s.Book.Find(ctx, s.Book.DB, "acknowledgement", "person", person, at(ctx))
	if err != nil {
		return nil, err
	}
	var out []DutyRow
	now := today(ctx, 0)
	for _, v := range found {
		var a struct {
			Policy, State, Due string
			At                 time.Time `json:"acknowledged_at"`
		}
		if err := json.Unmarshal(v.Body, &a); err != nil {
			return nil, err
		}
		if a.State == "void" {
			continue
		}
		out = append(out, DutyRow{Policy: a.Policy, Href: recordPath("acknowledgement", v.Key), State: part.Status(a.State), Due: a.Due, Late: a.State == "assigned" && a.Due < now, At: a.At})
	}
	slices.SortStableFunc(out, func(a, b DutyRow) int {
		return cmp.Or(strings.Compare(string(b.State), string(a.State)), strings.Compare(a.Due, b.Due))
	})
	return out, nil
}

func (s *site) person(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), segment(r, "id")
	if err := s.may(ctx, "person"); err != nil {
		return err
	}
	v, err := s.Book.GetFrom(ctx, "person", key, record.Program, at(ctx), record.Company)
	if err != nil {
		return err
	}
	var b personBody
	if err := json.Unmarshal(v.Full(), &b); err != nil && !v.Erased {
		return err
	}
	b.ID, b.Name = v.Key, cmp.Or(b.Name, v.Key)
	k, err := s.Book.Kinds.Named("person")
	if err != nil {
		return err
	}
	d := PersonPage{Record: recordPath("person", key), Editable: session(ctx).May(ctx, access.Write, k) == nil}
	if d.PersonRow, err = s.personRow(ctx, b); err != nil {
		return err
	}
	d.Facts = s.fields(ctx, k, v)
	if d.Duty, err = s.duties(ctx, key); err != nil {
		return err
	}
	for i := range d.Duty {
		if p, err := s.Book.Get(ctx, "policy", d.Duty[i].Policy, at(ctx)); err == nil && p.Label != "" {
			d.Duty[i].Policy = p.Label
		}
	}
	whose, err := s.directory(ctx, []personBody{b})
	if err != nil {
		return err
	}
	if d.Accounts, d.Unseen, err = s.accountsOf(ctx, whose, key, b.Accounts); err != nil {
		return err
	}
	if d.Owned, err = s.ownedBy(ctx, key); err != nil {
		return err
	}
	if d.Changes, d.Commits, err = s.changesBy(ctx, append([]string{b.Email}, b.OtherEmails...)); err != nil {
		return err
	}
	history, err := s.Book.HistoryFor(ctx, "person", key, record.Company)
	if err != nil {
		return err
	}
	for i := len(history) - 1; i >= 0 && len(d.History) < 6; i-- {
		if m := at(ctx); m != 0 && history[i].From > m {
			continue
		}
		e := s.event(history[i])
		if i > 0 {
			e.Changes = compared(ctx, k, history[i-1].Body, history[i].Body)
		}
		d.History = append(d.History, e)
	}
	p := Page{Title: d.Name, Section: "/people", Crumbs: []part.Crumb{{Text: "People", Href: "/people"}, {Text: part.Short(d.Name, 48)}}}
	return s.show(w, r, p, func(p Page) templ.Component { return personPage(p, d) })
}

// doneWith are the states in which nobody has to do anything more about a record.
var doneWith = map[string][]string{
	"task": {"done", "verified", "cancelled"}, "occurrence": {"performed", "performed_late", "not_applicable"},
	"finding": {"closed", "risk_accepted", "duplicate", "false_positive"}, "control": {"retired"}, "policy": {"retired"}, "system": {"retired"},
}

const ownedMost = 8 // of each kind; the list of the kind has all

// ownedBy is what a person answers for and what waits for them: findings, tasks, performances, controls, policies, systems.
func (s *site) ownedBy(ctx context.Context, person string) ([]OwnedRow, error) {
	var out []OwnedRow
	for _, kind := range []string{"finding", "task", "occurrence", "control", "policy", "requirement", "system"} {
		k, err := s.Book.Kinds.Named(kind)
		if err != nil || s.may(ctx, kind) != nil {
			continue
		}
		where := "r.owner == " + quoted(person)
		if k.States != nil {
			var open []string
			for _, state := range k.States.States() {
				if !contains(doneWith[kind], state) {
					open = append(open, state)
				}
			}
			where += " && " + oneOf(record.StateField, open)
		}
		q := record.Query{Kind: kind, AsOf: at(ctx), Where: where, Limit: ownedMost}
		page, err := s.Book.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			var b struct{ State, Due string }
			if err := json.Unmarshal(v.Body, &b); err != nil {
				return nil, err
			}
			out = append(out, OwnedRow{Kind: k.Title, Title: cmp.Or(v.Label, v.Key), Href: s.pathOf(kind, v.Key), State: part.Status(b.State), Due: b.Due})
		}
		if page.Next != "" { // the list says how many: to count them here may take longer than the page
			out = append(out, OwnedRow{Kind: k.Title, Title: "All " + strings.ToLower(cmp.Or(k.Plural, k.Title)), Href: part.Path("records", kind) + "?where=" + url.QueryEscape(where)})
		}
	}
	return out, nil
}

// changesBy are the last changes made under a person's addresses, and how many there are.
func (s *site) changesBy(ctx context.Context, emails []string) (rows []ChangeRow, all string, err error) {
	emails = slices.DeleteFunc(emails, func(e string) bool { return e == "" })
	if len(emails) == 0 {
		return nil, "", nil
	}
	var n record.Count
	n.Exact = true
	for _, k := range s.Monitor.Words.Kinds("change") {
		field := s.Monitor.Words.ViewField("change", k.Name, "author_email")
		if field == "" || s.may(ctx, k.Name) != nil {
			continue
		}
		var or []string
		for _, e := range emails {
			or = append(or, field+" == "+quoted(e))
		}
		q := record.Query{Kind: k.Name, AsOf: at(ctx), Where: strings.Join(or, " || "), Limit: 6}
		page, err := s.Book.List(ctx, q)
		if err != nil {
			return nil, "", err
		}
		c, err := s.Book.Count(ctx, q)
		if err != nil {
			return nil, "", err
		}
		n.N, n.Exact = n.N+c.N, n.Exact && c.Exact
		for _, v := range page.Versions {
			row := ChangeRow{Title: cmp.Or(v.Label, v.Key), Href: hrefOf(v), At: v.From.Time()}
			if v.Occurred != nil {
				row.At = v.Occurred.At
			}
			rows = append(rows, row)
		}
	}
	return rows, counted(n), nil
}

// personAccount adds an account to the person it is said to belong to.
func (s *site) personAccount(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	f := r.PostForm
	ids, person := f["account"], strings.TrimSpace(f.Get("person"))
	if len(ids) == 0 || person == "" {
		return s.showLoose(w, r, http.StatusUnprocessableEntity, "Choose a person, and at least one account.")
	}
	for range 3 { // another may be written to the person at the same time
		v, err := s.Book.GetFrom(ctx, "person", person, record.Program, 0, record.Company)
		if err != nil {
			return err
		}
		var body map[string]any
		if err := json.Unmarshal(v.Body, &body); err != nil {
			return err
		}
		have, _ := body["accounts"].([]any)
		for _, id := range ids {
			if id != "" && !slices.Contains(have, any(id)) {
				have = append(have, id)
			}
		}
		body["accounts"] = have
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		from := v.From
		_, err = s.Book.Put(ctx, session(ctx), record.Change{Kind: "person", Key: person, Body: b, Reason: "The accounts " + strings.Join(ids, ", ") + " are theirs", If: &from})
		if err == nil {
			return done(w, r, "/people/unresolved", part.Count(len(ids), "account")+" of "+s.personName(ctx, person)+" linked.")
		}
		if now, e := s.Book.GetFrom(ctx, "person", person, record.Program, 0, record.Company); e != nil || now.From == from {
			return err
		}
	}
	return s.showLoose(w, r, http.StatusConflict, "Others are writing to this person just now. Try again.")
}

func (s *site) unresolved(w http.ResponseWriter, r *http.Request) error {
	return s.showLoose(w, r, http.StatusOK, "")
}

func (s *site) showLoose(w http.ResponseWriter, r *http.Request, status int, wrong string) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, "person"); err != nil {
		return err
	}
	all, err := s.everyone(ctx)
	if err != nil {
		return err
	}
	whose, err := s.directory(ctx, all)
	if err != nil {
		return err
	}
	byName := map[string]string{}
	for _, p := range all {
		for _, e := range append([]string{p.Email, p.ID}, p.OtherEmails...) {
			local, _, _ := strings.Cut(strings.ToLower(e), "@")
			byName[strings.ToLower(e)], byName[local] = p.ID, p.ID
		}
	}
	which := q.Get("enabled")
	if !q.Has("enabled") {
		which = "may"
	}
	l := LooseAccounts{}
	k, err := s.Book.Kinds.Named("person")
	if err != nil {
		return err
	}
	l.Says = session(ctx).May(ctx, access.Write, k) == nil && !part.Past(ctx)
	seen := map[string]bool{}
	err = s.eachAccount(ctx, func(a person.Account) bool { return len(whose.Machines(a)) == 0 && len(whose.Owners(a)) != 1 }, func(a AccountRow) {
		l.Total++
		if which == "may" && a.Enabled == "No" || !fits(q.Get("q"), a.ID, a.Name, a.Source) {
			return
		}
		a.Suggested = cmp.Or(byName[strings.ToLower(a.ID)], byName[strings.ToLower(a.Name)], byName[strings.ToLower(a.Email)])
		if id := a.Kind + "\x00" + a.ID + "\x00" + a.Source; !seen[id] {
			seen[id] = true
			l.Rows = append(l.Rows, a)
		}
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(l.Rows, func(a, b AccountRow) int {
		return cmp.Or(boolFirst(a.Admin == "Yes", b.Admin == "Yes"), boolFirst(a.Suggested != "", b.Suggested != ""), strings.Compare(a.ID, b.ID))
	})
	l.Filter = part.Filter{Action: "/people/unresolved", Q: q.Get("q"), Hint: "Filter by account or source", Found: part.Number(int64(len(l.Rows))) + " of " + part.Number(int64(l.Total)),
		Groups: []part.Choice{{Name: "enabled", Label: "Accounts", Value: which, Segments: true, Options: []part.Option{{Value: "may", Text: "May sign in"}, {Value: "all", Text: "All"}}}}}
	shown, next := paged(l.Rows, q.Get("after"), peoplePage)
	l.Pager = pagerOf(r, len(shown), next, "of "+part.Number(int64(len(l.Rows))))
	l.Rows = shown
	for _, p := range all {
		if st := p.stateOf(today(ctx, 0)); st != "left" && len(l.People) < 2000 {
			l.People = append(l.People, optionOf(p))
		}
	}
	p := Page{Title: "Accounts of nobody", Section: "/people", Crumbs: []part.Crumb{{Text: "People", Href: "/people"}, {Text: "Accounts of nobody"}}}
	return s.showAs(w, r, status, p, func(p Page) templ.Component { return looseAccountsPage(p, l, wrong) })
}

func boolFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
