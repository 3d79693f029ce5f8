package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

func (s *site) mayAdmin(ctx context.Context) error { return session(ctx).May(ctx, access.Admin, nil) }

func roleNames(roles []access.Role) []string {
	var out []string
	for _, r := range roles {
		out = append(out, string(r))
	}
	return out
}

func rolesOf(names []string) []access.Role {
	var out []access.Role
	for _, n := range names {
		out = append(out, access.Role(n))
	}
	return out
}

func (s *site) users(w http.ResponseWriter, r *http.Request) error {
	return s.showUsers(w, r, http.StatusOK, UserList{})
}

func (s *site) showUsers(w http.ResponseWriter, r *http.Request, status int, l UserList) error {
	ctx := r.Context()
	if err := s.mayAdmin(ctx); err != nil {
		return err
	}
	all, made, err := s.usersThen(ctx)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	l.Roles = roleNames(access.Roles())
	role := part.Choice{Name: "role", Label: "Role", Value: q.Get("role"), Options: []part.Option{{Value: "", Text: "Any role"}}}
	for _, x := range l.Roles {
		role.Options = append(role.Options, part.Option{Value: x, Text: part.Sentence(x)})
	}
	total := len(all)
	all = slices.DeleteFunc(all, func(u access.User) bool {
		return role.Value != "" && !contains(roleNames(u.Roles), role.Value) || !fits(q.Get("q"), u.Name, u.Email)
	})
	l.Filter = part.Filter{Action: "/settings/users", Q: q.Get("q"), Hint: "Filter by name or address", Found: fmt.Sprintf("%d of %d", len(all), total), Groups: []part.Choice{role}}
	all, next := pageAfter(all, q.Get("after"), usersShown, func(u access.User) string { return u.Key })
	here := *r
	here.URL = &url.URL{Path: "/settings/users", RawQuery: r.URL.RawQuery} // not that of a form that shows the list again
	l.Pager = pagerOf(&here, len(all), next, "")
	if l.People, err = s.peopleOptions(ctx); err != nil {
		return err
	}
	for _, u := range all {
		row := UserRow{Key: u.Key, Name: u.Name, Email: u.Email, Person: u.Person, Roles: roleNames(u.Roles), Disabled: u.Disabled, Me: u.Key == session(ctx).User.Key}
		row.Made = made[u.Key]
		if part.Past(ctx) { // ways to sign in are kept without their history
			l.Rows = append(l.Rows, row)
			continue
		}
		keys, err := s.Access.Passkeys(ctx, u.Key)
		if err != nil {
			return err
		}
		_, password, err := s.Access.Password(ctx, u.Key)
		if err != nil {
			return err
		}
		var ways []string
		if len(keys) > 0 {
			ways = append(ways, part.Count(len(keys), "passkey"))
		}
		if password {
			ways = append(ways, "password with a code")
		}
		if row.Ways = strings.Join(ways, ", "); row.Ways == "" {
			row.Ways = "Nothing yet"
		}
		l.Rows = append(l.Rows, row)
	}
	p := Page{Title: "Users", Section: "/settings/users", Crumbs: []part.Crumb{{Text: "Settings"}, {Text: "Users"}}}
	return s.showAs(w, r, status, p, func(p Page) templ.Component { return usersPage(p, l) })
}

// usersShown is how many users a page lists.
const usersShown = 50

// usersThen are the users of the reader's moment, and since when they stand as they do.
func (s *site) usersThen(ctx context.Context) (all []access.User, made map[string]time.Time, err error) {
	made = map[string]time.Time{}
	err = s.each(ctx, record.Query{Kind: access.UserKind, AsOf: at(ctx)}, func(v record.Version) error {
		u := access.User{Key: v.Key}
		if err := json.Unmarshal(v.Body, &u); err != nil {
			return fmt.Errorf("read user %s: %w", v.Key, err)
		}
		made[v.Key] = v.From.Time()
		all = append(all, u)
		return nil
	})
	slices.SortFunc(all, func(a, b access.User) int { return strings.Compare(a.Key, b.Key) })
	return all, made, err
}

func (s *site) userAdd(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	f := r.PostForm
	u, err := s.Access.CreateUser(r.Context(), session(r.Context()), access.NewUser{Name: strings.TrimSpace(f.Get("name")), Email: strings.TrimSpace(f.Get("email")), Roles: rolesOf(f["role"])})
	if known(err) && !fault.Is(err, fault.Denied) {
		return s.showUsers(w, r, fault.Status(err), UserList{Wrong: sentenceOf(err)})
	}
	if err != nil {
		return err
	}
	return s.showLink(w, r, u.Key)
}

func (s *site) userLink(w http.ResponseWriter, r *http.Request) error {
	return s.showLink(w, r, segment(r, "key"))
}

// showLink makes a one-time link and shows it once: it is nowhere else.
func (s *site) showLink(w http.ResponseWriter, r *http.Request, key string) error {
	u, err := s.Access.User(r.Context(), key)
	if err != nil {
		return err
	}
	link, err := s.Access.Link(r.Context(), session(r.Context()), key)
	if err != nil {
		return err
	}
	return s.showUsers(w, r, http.StatusOK, UserList{Link: link, For: u.Name})
}

func (s *site) userRoles(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	u, err := s.Access.SetRoles(r.Context(), session(r.Context()), segment(r, "key"), rolesOf(r.PostForm["role"]), strings.TrimSpace(r.PostForm.Get("reason")))
	return s.userDone(w, r, err, "The roles of "+u.Name+" are set.")
}

func (s *site) userPerson(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	u, err := s.Access.SetPerson(r.Context(), session(r.Context()), segment(r, "key"), strings.TrimSpace(r.PostForm.Get("person")), strings.TrimSpace(r.PostForm.Get("reason")))
	return s.userDone(w, r, err, u.Name+" is linked.")
}

func (s *site) userDisabled(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	off := r.PostForm.Get("disabled") == "true"
	u, err := s.Access.SetDisabled(r.Context(), session(r.Context()), segment(r, "key"), off, strings.TrimSpace(r.PostForm.Get("reason")))
	said := u.Name + " may sign in again."
	if off {
		said = u.Name + " is kept out."
	}
	return s.userDone(w, r, err, said)
}

func (s *site) userSignOut(w http.ResponseWriter, r *http.Request) error {
	return s.userDone(w, r, s.Access.SignOutEverywhere(r.Context(), session(r.Context()), segment(r, "key")), "All their sessions are ended.")
}

func (s *site) userDone(w http.ResponseWriter, r *http.Request, err error, said string) error {
	if known(err) && !fault.Is(err, fault.Denied) {
		return s.showUsers(w, r, fault.Status(err), UserList{Wrong: sentenceOf(err)})
	}
	if err != nil {
		return err
	}
	return done(w, r, "/settings/users", said)
}

func (s *site) tokens(w http.ResponseWriter, r *http.Request) error {
	return s.showTokens(w, r, http.StatusOK, TokenList{})
}

func (s *site) showTokens(w http.ResponseWriter, r *http.Request, status int, l TokenList) error {
	ctx := r.Context()
	who := session(ctx)
	l.Scopes = []part.Option{{Value: access.ScopeRead, Text: "Read"}, {Value: access.ScopeWrite, Text: "Read, and write what people write"}}
	if s.connecting(r) == nil {
		sent, err := s.sentTo(ctx)
		if err != nil {
			return err
		}
		for _, c := range sent {
			l.Scopes = append(l.Scopes, part.Option{Value: access.ScopePush + c.Name, Text: "Send to " + c.Name + ", and nothing else"})
		}
		l.Sends, l.Connects = len(sent) > 0, true
	}
	users := []access.User{who.User}
	if s.mayAdmin(ctx) == nil {
		var err error
		if users, err = s.Access.Users(ctx); err != nil {
			return err
		}
	}
	for _, u := range users {
		list, err := s.Access.Tokens(ctx, u.Key)
		if err != nil {
			return err
		}
		for _, t := range list {
			l.Rows = append(l.Rows, TokenRow{ID: t.ID, Name: t.Name, User: u.Name, Scope: scopeWord(t.Scope), Made: moment(t.Created), Expires: moment(t.Expires), LastUse: moment(t.Used), Revoked: t.Revoked != 0})
		}
	}
	slices.SortStableFunc(l.Rows, func(a, b TokenRow) int { return b.Made.Compare(a.Made) })
	p := Page{Title: "Tokens", Section: "/settings/tokens", Crumbs: []part.Crumb{{Text: "Settings"}, {Text: "Tokens"}}}
	return s.showAs(w, r, status, p, func(p Page) templ.Component { return tokensPage(p, l) })
}

// sentTo are the connections that programs send to.
func (s *site) sentTo(ctx context.Context) ([]collect.Connection, error) {
	list, err := s.Collector.Connections(ctx)
	return slices.DeleteFunc(list, func(c collect.Connection) bool {
		k, err := s.Collector.Connector(c.Connector)
		return err != nil || !k.Sent || k.Borrows
	}), err
}

// scopeWord says what a token may do.
func scopeWord(scope string) string {
	if connection, ok := strings.CutPrefix(scope, access.ScopePush); ok {
		return "Send to " + connection
	}
	return part.Sentence(scope)
}

// moment is a time that may never have been.
func moment(m store.Moment) time.Time {
	if m == 0 || m == store.Forever {
		return time.Time{}
	}
	return m.Time()
}

func (s *site) tokenAdd(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	f := r.PostForm
	req := access.TokenRequest{Name: strings.TrimSpace(f.Get("name")), Scope: f.Get("scope")}
	if d := f.Get("expires"); d != "" {
		end := endOfDay(d, part.Of(r.Context()).Zone)
		if end.IsZero() {
			return s.showTokens(w, r, http.StatusUnprocessableEntity, TokenList{Wrong: "The expiry is not a date."})
		}
		req.Expires = end
	}
	if connection, ok := strings.CutPrefix(req.Scope, access.ScopePush); ok {
		sent, err := s.sentTo(r.Context())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(sent, func(c collect.Connection) bool { return c.Name == connection }) {
			return s.showTokens(w, r, http.StatusUnprocessableEntity, TokenList{Wrong: fmt.Sprintf("Nothing can be sent to %q: it is no connection that programs send to.", connection)})
		}
	}
	plain, _, err := s.Access.NewToken(r.Context(), session(r.Context()), req)
	if known(err) && !fault.Is(err, fault.Denied) {
		return s.showTokens(w, r, fault.Status(err), TokenList{Wrong: sentenceOf(err)})
	}
	if err != nil {
		return err
	}
	return s.showTokens(w, r, http.StatusOK, TokenList{Plain: plain})
}

func (s *site) tokenRevoke(w http.ResponseWriter, r *http.Request) error {
	if err := s.Access.RevokeToken(r.Context(), session(r.Context()), segment(r, "id")); err != nil {
		return err
	}
	return done(w, r, "/settings/tokens", "The token is revoked.")
}

func (s *site) me(w http.ResponseWriter, r *http.Request) error {
	return s.showMe(w, r, http.StatusOK, "")
}

func (s *site) showMe(w http.ResponseWriter, r *http.Request, status int, wrong string) error {
	ctx := r.Context()
	u := session(ctx).User
	m := Me{Name: u.Name, Login: u.Email, Roles: roleNames(u.Roles), Says: s.mayAdmin(ctx) == nil, Wrong: wrong}
	keys, err := s.Access.Passkeys(ctx, u.Key)
	if err != nil {
		return err
	}
	for _, k := range keys {
		m.Passkeys = append(m.Passkeys, PasskeyRow{ID: k.ID, Label: k.Label, Made: moment(k.Created), Used: moment(k.Used)})
	}
	if _, m.Password, err = s.Access.Password(ctx, u.Key); err != nil {
		return err
	}
	if u.Person != "" {
		m.Person = &part.Link{Text: s.personName(ctx, u.Person), Href: s.pathOf("person", u.Person)}
	} else if m.Says {
		if m.People, err = s.peopleOptions(ctx); err != nil {
			return err
		}
	}
	return s.showAs(w, r, status, Page{Title: "My account"}, func(p Page) templ.Component { return mePage(p, m) })
}

// mePerson links the reader's own account to a person: the one named, the one with the account's address, or a new one. Only
// who administers users may, because everything that keeps duties apart rests on it; the ledger keeps who said so.
func (s *site) mePerson(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.mayAdmin(ctx); err != nil {
		return err
	}
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	u := session(ctx).User
	person := strings.TrimSpace(r.PostForm.Get("person"))
	if u.Person != "" {
		return done(w, r, "/settings/me", "")
	}
	if person == "" {
		var err error
		if person, err = s.personAt(ctx, u); err != nil {
			return err
		}
	}
	if _, err := s.Book.GetFrom(ctx, "person", person, record.Program, 0, record.Company); err != nil {
		return s.showMe(w, r, http.StatusUnprocessableEntity, "There is no person "+person+".")
	}
	if _, err := s.Access.SetPerson(ctx, session(ctx), u.Key, person, "Said so of the own account"); err != nil {
		if known(err) && !fault.Is(err, fault.Denied) {
			return s.showMe(w, r, fault.Status(err), sentenceOf(err))
		}
		return err
	}
	return done(w, r, "/settings/me", "You are "+s.personName(ctx, person)+" from now on.")
}

// personAt is the person with the user's address; one is made when there is none.
func (s *site) personAt(ctx context.Context, u access.User) (string, error) {
	for _, field := range []string{"email", "other_emails"} {
		found, err := s.Book.Find(ctx, s.Book.DB, "person", field, u.Email, 0)
		if err != nil {
			return "", err
		}
		if len(found) == 1 {
			return found[0].Key, nil
		}
		if len(found) > 1 {
			return "", fault.New(fault.Conflict, "%d people have the address %s.", len(found), u.Email).WithNext("Choose which of them you are under My account.")
		}
	}
	body, err := json.Marshal(map[string]any{"id": u.Key, "name": u.Name, "email": u.Email})
	if err != nil {
		return "", err
	}
	none := store.Moment(0)
	out, err := s.Book.Put(ctx, session(ctx), record.Change{Kind: "person", Key: u.Key, Body: body, Reason: "The person behind the user " + u.Key, If: &none})
	if err != nil {
		return "", err
	}
	return out[0].Key, nil
}

// personName is a person's name, or the key where there is none.
func (s *site) personName(ctx context.Context, key string) string {
	if v, err := s.Book.Get(ctx, "person", key, at(ctx)); err == nil && v.Label != "" {
		return v.Label
	}
	return key
}

// peopleOptions are the people to choose from.
func (s *site) peopleOptions(ctx context.Context) ([]form.Option, error) {
	var out []form.Option
	page, err := s.Book.List(ctx, record.Query{Kind: "person", Limit: 500})
	for _, v := range page.Versions {
		out = append(out, form.Option{Key: v.Key, Label: cmp.Or(v.Label, v.Key)})
	}
	return out, err
}

func (s *site) passkeyRemove(w http.ResponseWriter, r *http.Request) error {
	if err := s.Access.RemovePasskey(r.Context(), segment(r, "id")); err != nil {
		return err
	}
	return done(w, r, "/settings/me", "The passkey is removed.")
}
