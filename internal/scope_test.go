package internal

import (
	"testing"
	"time"

	"tickmark/content"
	"tickmark/internal/check"
	"tickmark/internal/expr"
	"tickmark/internal/record"
	"tickmark/internal/scope"
	"tickmark/internal/system"
	"tickmark/internal/workspace"
)

// The boundary is asked twice: by JOIN-09 in the checks' language, which keeps a history, and by lists and gaps in Go.
func TestJOIN09AndTheBoundaryPlaceAlike(t *testing.T) {
	kinds, err := workspace.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	words, err := check.NewVocabulary(kinds.All()...)
	if err != nil {
		t.Fatal(err)
	}
	file := "check/program/JOIN-09.yaml"
	data, err := content.Check.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := check.Read(words, check.Rules{}, file, data)
	if err != nil {
		t.Fatal(err)
	}
	want := map[check.Status]expr.Answer{check.Pass: expr.True, check.Fail: expr.False, check.Unknown: expr.Unknown}
	for _, e := range c.Examples {
		var answers []expr.Answer
		for _, body := range e.Others["system"] {
			s, err := system.Read(record.Version{Kind: "system", Key: "s", Body: body})
			if err != nil {
				t.Fatal(err)
			}
			if s.State == "retired" {
				continue
			}
			b, err := scope.Of(kinds, s)
			if err != nil {
				t.Fatalf("%s: %v", e.Name, err)
			}
			a, _ := b.Placed(record.Version{Kind: e.Kind, Source: e.Source, Body: e.Record}, e.Now.UTC().Format(time.DateOnly))
			answers = append(answers, a)
		}
		if len(answers) == 0 {
			continue // no boundary to agree with
		}
		got := expr.False
		for _, a := range answers {
			if a == expr.True || a == expr.Unknown && got == expr.False {
				got = a
			}
		}
		if got != want[e.Expect] {
			t.Errorf("%s: the boundary says %s, the check %s", e.Name, got, e.Expect)
		}
	}
}

// What a check calls a component can be named by a boundary's rule: it has an id and a name of its own.
func TestEveryComponentHasAnIdAndAName(t *testing.T) {
	kinds, err := workspace.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, k := range kinds.All() {
		for _, v := range k.Views {
			if v.Name != scope.View {
				continue
			}
			found[k.Name] = true
			if v.Fields["id"] == "" || v.Fields["name"] == "" {
				t.Errorf("%s is a component without an id or a name", k.Name)
			}
		}
	}
	for _, name := range []string{"aws_account", "aws_region", "github_organization", "github_repository", "gitlab_group", "gitlab_project", "gitea_organization", "gitea_repository", "okta_org",
		"entra_organization", "ldap_directory", "kubernetes_cluster", "kubernetes_namespace", "postgres_database", "git_repository", "host", "tls_endpoint"} {
		if !found[name] {
			t.Errorf("%s is no component, so that no boundary is asked about it", name)
		}
	}
}
