package access

import (
	"fmt"
	"strings"
	"testing"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// The whole of who may do what, one line a role, written out apart from the code: r read, w write, a act, e erase,
// p approve, c connect, A admin; a dot is nothing.
const matrix = `
          workspace   everyone    program     keys        duty        work        collected   connections machinery   users       papers      trust       strange     asked       replies
owner     rwapcA      rwaep       rwaep       rw          rwaep       rwaep       re          rwaec       r           rweA        .           rwaep       .           a           wa
lead      rwapc       rwap        rwap        rw          rwap        rwap        r           rwac        r           r           .           rwap        .           a           wa
engineer  rac         r           r           .           ra          rwa         r           rwac        r           .           .           r           .           a           wa
employee  .           r           .           .           a           .           .           .           .           .           .           r           .           a           wa
auditor   r           r           r           .           r           r           r           r           r           r           rwap        r           .           rwap        r
viewer    r           r           r           .           ra          r           r           r           r           .           .           r           .           .           .
nobody    .           .           .           .           .           .           .           .           .           .           .           .           .           .           .
`

func TestRoleMatrix(t *testing.T) {
	user := Kind()
	kinds := map[string][]*record.Kind{
		"workspace":   {nil},
		"everyone":    {{Name: "organisation"}},
		"program":     {{Name: "control"}, {Name: "person", Room: record.Company}, {Name: "criterion"}, {Name: "custom_field"}, {Name: "hold"}},
		"keys":        {{Name: "training_key"}},
		"duty":        {{Name: "acknowledgement"}, {Name: "training_assignment"}},
		"work":        {{Name: "evidence"}, {Name: "finding"}, {Name: "exception"}, {Name: "comment"}, {Name: "attachment"}},
		"collected":   {{Name: "git_commit", Collected: true}, {Name: "organisation_unit", Collected: true}},
		"connections": {{Name: "connection", System: true}},
		"machinery":   {{Name: "run", System: true}},
		"users":       {&user},
		"papers":      {{Name: "workpaper", Room: record.Auditor}, {Name: "evidence", Room: record.Auditor}, {Name: "user", Room: record.Auditor}},
		"asked":       {{Name: "evidence_request", Room: record.Auditor}, {Name: "questionnaire", Room: record.Auditor}},
		"replies":     {{Name: "questionnaire_answer", Room: record.Auditor}},
		"trust":       {{Name: "trust_page", Room: record.Trust}},
		"strange":     {{Name: "control", Room: "cellar"}},
	}
	letters := map[string]string{Read: "r", Write: "w", Act: "a", Erase: "e", Approve: "p", Connect: "c", Admin: "A"}
	lines := strings.Split(strings.TrimSpace(matrix), "\n")
	columns := strings.Fields(lines[0])
	seen := map[Role]bool{}
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		role := Role(cells[0])
		seen[role] = true
		for i, column := range columns {
			if len(kinds[column]) == 0 {
				t.Fatalf("no kind for %s", column)
			}
			for _, k := range kinds[column] {
				for _, verb := range append(Verbs(), "", "READ", "drop") {
					granted := letters[verb] != "" && strings.Contains(cells[i+1], letters[verb])
					s := Session{User: User{Key: "x", Roles: []Role{role}}, Method: ByPasskey}
					if err := s.May(t.Context(), verb, k); (err == nil) != granted {
						t.Errorf("%s %q %s: %v", role, verb, column, err)
					} else if err != nil && !fault.Is(err, fault.Denied) {
						t.Errorf("%s %q %s: %v is not a refusal", role, verb, column, err)
					}
					disabled := Session{User: User{Key: "x", Roles: []Role{role}, Disabled: true}, Method: ByPasskey}
					if disabled.May(t.Context(), verb, k) == nil || (Session{User: User{Roles: []Role{role}}}).May(t.Context(), verb, k) == nil {
						t.Errorf("%s %q %s: granted to a disabled or absent user", role, verb, column)
					}
				}
			}
		}
	}
	for _, r := range Roles() {
		if !seen[r] {
			t.Errorf("the matrix lacks %s", r)
		}
	}
}

func TestSeveralRolesAddUp(t *testing.T) {
	s := Session{User: User{Key: "x", Roles: []Role{Employee, Engineer}}}
	if err := s.May(t.Context(), Write, &record.Kind{Name: "evidence"}); err != nil {
		t.Error(err)
	}
	want(t, "neither role", s.May(t.Context(), Write, &record.Kind{Name: "control"}), fault.Denied)
}

func TestTokenDoesNoMoreThanItsScope(t *testing.T) {
	user := Kind()
	for scope, allowed := range map[string]string{ScopeRead: "read", ScopeWrite: "read write", "": "read"} {
		s := Session{User: User{Key: "x", Roles: []Role{Owner}}, Method: ByToken, Scope: scope}
		for _, verb := range Verbs() {
			for _, k := range []*record.Kind{nil, {Name: "evidence"}} {
				if err := s.May(t.Context(), verb, k); (err == nil) != strings.Contains(allowed, verb) {
					t.Errorf("%s %s: %v", scope, verb, err)
				}
			}
		}
		want(t, "a token writes users", s.May(t.Context(), Write, &user), fault.Denied)
	}
}

func TestExaminerManagesNothing(t *testing.T) {
	for _, r := range Roles() {
		err := compatible("ada", []Role{r, Auditor})
		if refused := r == Owner || r == Lead || r == Engineer; (err != nil) != refused {
			t.Errorf("%s with auditor: %v", r, err)
		}
	}
	each(t, func(t *testing.T, h *house) {
		by, ctx := h.local(), t.Context()
		_, err := h.CreateUser(ctx, by, NewUser{Name: "Both", Email: "both@example.org", Roles: []Role{Lead, Auditor}})
		want(t, "one account", err, fault.Conflict)
		_, err = h.CreateUser(ctx, by, NewUser{Name: "Ada again", Email: "ada2@example.org", Roles: []Role{Auditor}, Person: "ada"})
		want(t, "two accounts of one person", err, fault.Conflict)
		h.add("carl", Auditor)
		_, err = h.SetPerson(ctx, by, "carl", "ada", "same human")
		want(t, "linking later", err, fault.Conflict)
		_, err = h.SetPerson(ctx, by, "carl", "bob", "who it is")
		if err != nil {
			t.Error(err)
		}
		_, err = h.SetPerson(ctx, by, "carl", "zoe", "who it is")
		want(t, "a person who is not there", err, fault.Invalid)
		_, err = h.SetRoles(ctx, by, "carl", []Role{Auditor, Engineer}, "more")
		want(t, "roles later", err, fault.Conflict)
	})
}

func TestActorIsThePersonBehindTheAccount(t *testing.T) {
	for _, c := range []struct {
		user User
		want record.Actor
	}{
		{User{Key: "ada-admin", Person: "ada"}, record.Actor{User: "ada-admin", Person: "ada", Name: "person:ada"}},
		{User{Key: "ada-admin"}, record.Actor{User: "ada-admin", Name: "user:ada-admin"}},
	} {
		if got := c.user.Actor(); got != c.want {
			t.Error(fmt.Sprintf("got %+v", got))
		}
	}
}
