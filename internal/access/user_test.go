package access

import (
	"context"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

func TestFirstUserIsTheOnlyOneMadeByNobody(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		if h.ada.Key != "ada" || h.ada.Email != "ada@example.org" || !slices.Equal(h.ada.Roles, []Role{Owner}) {
			t.Errorf("got %+v", h.ada)
		}
		_, err := h.FirstUser(t.Context(), NewUser{Name: "Eve", Email: "eve@example.org"})
		want(t, "a second first user", err, fault.Conflict)
		s := h.local()
		if s.User.Key != "ada" || s.Actor().Name != "person:ada" || s.Actor().Person != "ada" {
			t.Errorf("local is %+v", s.Actor())
		}
		h.sees("user/ada", "user.created")
	})
}

func TestUsersAreHeldToTheirRules(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		by, ctx := h.local(), t.Context()
		good := NewUser{Name: "Bob Example", Email: "bob@example.org", Roles: []Role{Viewer}}
		for name, c := range map[string]struct {
			edit func(*NewUser)
			kind fault.Kind
		}{
			"no name":          {func(n *NewUser) { n.Name = " " }, fault.Invalid},
			"no address":       {func(n *NewUser) { n.Email = "" }, fault.Invalid},
			"no real address":  {func(n *NewUser) { n.Email = "Bob <bob@example.org>" }, fault.Invalid},
			"no role":          {func(n *NewUser) { n.Roles = nil }, fault.Invalid},
			"unknown role":     {func(n *NewUser) { n.Roles = []Role{"root"} }, fault.Invalid},
			"taken key":        {func(n *NewUser) { n.Key = "ada" }, fault.Conflict},
			"taken address":    {func(n *NewUser) { n.Email, n.Key = "ADA@example.org", "ada2" }, fault.Conflict},
			"key with a slash": {func(n *NewUser) { n.Key = "a/b" }, fault.Invalid},
			"capital key":      {func(n *NewUser) { n.Key = "Bob" }, fault.Invalid},
		} {
			n := good
			c.edit(&n)
			_, err := h.CreateUser(ctx, by, n)
			want(t, name, err, c.kind)
		}
		u, err := h.CreateUser(ctx, by, good)
		if err != nil || u.Key != "bob" {
			t.Fatal(u, err)
		}
		got, err := h.User(ctx, "bob")
		if err != nil || got.Name != "Bob Example" || got.Email != u.Email {
			t.Errorf("got %+v, %v", got, err)
		}
		all, err := h.Users(ctx)
		if err != nil || len(all) != 2 || all[0].Key != "ada" {
			t.Errorf("got %+v, %v", all, err)
		}
	})
}

func TestOnlyAdministratorsChangeUsers(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add("bob", Viewer)
		for _, r := range []Role{Lead, Engineer, Employee, Auditor, Viewer} {
			by, ctx := Session{User: User{Key: "x", Roles: []Role{r}}, Method: ByPasskey}, t.Context()
			_, err := h.CreateUser(ctx, by, NewUser{Name: "Eve", Email: "eve@example.org", Roles: []Role{Owner}})
			want(t, string(r)+" creates", err, fault.Denied)
			_, err = h.SetRoles(ctx, by, "bob", []Role{Owner}, "because")
			want(t, string(r)+" promotes", err, fault.Denied)
			_, err = h.SetDisabled(ctx, by, "ada", true, "because")
			want(t, string(r)+" disables", err, fault.Denied)
			_, err = h.Link(ctx, by, "ada")
			want(t, string(r)+" makes a link", err, fault.Denied)
			want(t, string(r)+" resets", h.Reset(ctx, by, "ada", "because"), fault.Denied)
			want(t, string(r)+" signs others out", h.SignOutEverywhere(ctx, by, "ada"), fault.Denied)
			_, _, err = h.NewToken(ctx, by, TokenRequest{User: "ada", Name: "n", Scope: ScopeRead})
			want(t, string(r)+" makes another's token", err, fault.Denied)
		}
		token := Session{User: h.ada, Method: ByToken, Scope: ScopeWrite}
		_, err := h.SetRoles(t.Context(), token, "bob", []Role{Owner}, "because")
		want(t, "an owner's token promotes", err, fault.Denied)
		_, _, err = h.NewToken(t.Context(), token, TokenRequest{Name: "n", Scope: ScopeRead})
		want(t, "a token makes a token", err, fault.Denied)
	})
}

func TestUserRecordCannotBeWrittenAroundTheGate(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, err := h.book.Put(t.Context(), h.local(), record.Change{Kind: UserKind, Key: "eve", Body: []byte(`{"name":"Eve","email":"eve@example.org","roles":["owner"]}`)})
		want(t, "Put of a user", err, fault.Denied)
	})
}

func TestRoleChangeHoldsAtOnceAndIsRecorded(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add("bob", Lead)
		b := h.signIn("bob")
		if _, err := h.SetRoles(t.Context(), h.local(), "bob", []Role{Viewer}, "moved to sales"); err != nil {
			t.Fatal(err)
		}
		b.visit(func(ctx context.Context) {
			s, _ := FromContext(ctx)
			want(t, "writing with the role gone", s.May(ctx, Write, &record.Kind{Name: "control"}), fault.Denied)
		})
		h.sees("user/bob", "user.roles_changed")
		list, err := h.book.History(t.Context(), UserKind, "bob")
		if err != nil || len(list) != 2 {
			t.Fatalf("%d versions, %v", len(list), err)
		}
		if i := slices.IndexFunc(list, record.Version.Open); list[i].Actor != "person:ada" || list[i].Reason != "moved to sales" {
			t.Errorf("by %s, because %s", list[i].Actor, list[i].Reason)
		}
		_, err = h.SetRoles(t.Context(), h.local(), "bob", []Role{Lead}, " ")
		want(t, "no reason", err, fault.Invalid)
	})
}

func TestLastOwnerStays(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		by, ctx := h.local(), t.Context()
		_, err := h.SetRoles(ctx, by, "ada", []Role{Lead}, "because")
		want(t, "demote", err, fault.Conflict)
		_, err = h.SetDisabled(ctx, by, "ada", true, "because")
		want(t, "disable", err, fault.Conflict)
		h.add("bob", Owner)
		if _, err := h.SetDisabled(ctx, by, "ada", true, "left"); err != nil {
			t.Fatal(err)
		}
		if s := h.local(); s.User.Key != "bob" {
			t.Errorf("local is %s", s.User.Key)
		}
		_, err = h.SetDisabled(ctx, h.local(), "bob", true, "because")
		want(t, "disable the second", err, fault.Conflict)
	})
}

func TestDisabledUserIsOutAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add("bob", Lead)
		b := h.signIn("bob")
		plain, _, err := h.NewToken(t.Context(), h.local(), TokenRequest{User: "bob", Name: "ci", Scope: ScopeRead})
		if err != nil {
			t.Fatal(err)
		}
		link := h.link("bob")
		if _, err := h.SetDisabled(t.Context(), h.local(), "bob", true, "left"); err != nil {
			t.Fatal(err)
		}
		if who := b.who(); who != "" {
			t.Errorf("the session is still %s's", who)
		}
		_, err = h.Bearer(t.Context(), plain)
		want(t, "token", err, fault.SignIn)
		want(t, "link", h.browser().byLink(link), fault.SignIn)
		_, err = h.Link(t.Context(), h.local(), "bob")
		want(t, "new link", err, fault.Conflict)
		if _, err := h.SetDisabled(t.Context(), h.local(), "bob", false, "back"); err != nil {
			t.Fatal(err)
		}
		if who := b.who(); who != "" {
			t.Error("the old session came back to life")
		}
		_, err = h.Bearer(t.Context(), plain)
		want(t, "the old token after enabling", err, fault.SignIn)
	})
}

func TestErasedUserFreesTheAddressAndNothingElse(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add("bob", Lead)
		b := h.signIn("bob")
		if err := h.book.Erase(t.Context(), h.local(), UserKind, "bob", "asked for"); err != nil {
			t.Fatal(err)
		}
		if who := b.who(); who != "" {
			t.Errorf("signed in as %s", who)
		}
		all, err := h.Users(t.Context())
		if err != nil || len(all) != 1 {
			t.Errorf("got %v, %v", all, err)
		}
		n := NewUser{Key: "bob", Name: "Bob Other", Email: "bob@example.org", Roles: []Role{Viewer}}
		_, err = h.CreateUser(t.Context(), h.local(), n)
		want(t, "the same key", err, fault.Conflict)
		n.Key = "bob2"
		if _, err = h.CreateUser(t.Context(), h.local(), n); err != nil {
			t.Error(err)
		}
	})
}

func TestAddressIsNotKeptTwice(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.signIn("ada")
		for _, table := range []string{"login", "session", "sign_in_link", "sign_in_attempt"} {
			if dump := h.dump(table); strings.Contains(dump, "example.org") || strings.Contains(dump, "192.0.2.1") {
				t.Errorf("%s: %s", table, dump)
			}
		}
	})
}
