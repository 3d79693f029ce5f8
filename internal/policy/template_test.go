package policy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/control"
	"tickmark/internal/framework"
	"tickmark/internal/markdown"
	"tickmark/internal/policy"
	"tickmark/internal/wording"
)

// TestEveryTemplateCanBeUsed holds the library together: what a policy names exists, what it promises has a control, and it
// says nothing untrue of a report.
func TestEveryTemplateCanBeUsed(t *testing.T) {
	library, err := policy.Templates()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(library.Templates); n != 27 {
		t.Errorf("%d templates", n)
	}
	items, err := control.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	controls := map[string]bool{}
	for _, i := range items {
		controls[i.ID] = true
	}
	all, err := framework.Load()
	if err != nil {
		t.Fatal(err)
	}
	criteria := map[string]bool{}
	for _, c := range all {
		criteria[c.ID] = true
	}
	used, ids := map[string]bool{}, map[string]string{}
	sorts, audiences := []string{"policy", "procedure", "standard", "plan"}, []string{"everyone", "employees", "contractors"}
	for _, p := range library.Templates {
		if words := len(strings.Fields(p.Text)); words < 400 || words > 900 {
			t.Errorf("%s has %d words", p.ID, words)
		}
		if !slices.Contains(sorts, p.Sort) || !slices.Contains(audiences, p.Audience) || p.ReviewMonths < 1 || p.ReviewMonths > policy.MaxMonths {
			t.Errorf("%s: %s, %s, %d", p.ID, p.Sort, p.Audience, p.ReviewMonths)
		}
		for _, c := range p.Criteria {
			if !criteria[c] {
				t.Errorf("%s names the criterion %s", p.ID, c)
			}
		}
		for _, v := range policy.Variables(p.Text) {
			used[v] = true
			if _, ok := library.Standard(v); !ok {
				t.Errorf("%s uses {{%s}}, which the standards table does not have", p.ID, v)
			}
		}
		for _, f := range wording.Check(p.Title + "\n" + p.Text) {
			t.Errorf("%s: %+v", p.ID, f)
		}
		performed := map[string]bool{}
		for _, c := range markdown.Clauses(p.Text) {
			if first, twice := ids[c.ID]; twice {
				t.Errorf("%s stands in %s and in %s", c.ID, first, p.ID)
			}
			if ids[c.ID] = p.ID; !strings.HasPrefix(c.ID, p.Prefix+"-") {
				t.Errorf("%s: the clause %s has another prefix", p.ID, c.ID)
			}
			if len(c.Controls) == 0 {
				t.Errorf("%s: nothing carries out %s", p.ID, c.ID)
			}
			for _, x := range c.Controls {
				performed[x] = true
				if !controls[x] {
					t.Errorf("%s: %s names the control %s", p.ID, c.ID, x)
				}
			}
		}
		for _, c := range p.Controls {
			if !performed[c] {
				t.Errorf("%s names %s, and no clause does", p.ID, c)
			}
		}
		must := regexp.MustCompile(`(^|[^*])\bmust\b`)
		for _, b := range markdown.Blocks(p.Text) {
			if must.MatchString(b) && !strings.Contains(b, "{#") && !strings.HasPrefix(b, "|") {
				t.Errorf("%s promises without a clause: %s", p.ID, b)
			}
		}
	}
	for _, s := range library.Standards {
		if !used[s.Name] {
			t.Errorf("no template uses {{%s}}", s.Name)
		}
	}
}

// TestNoClausePromisesMoreThanItsControl: a rhythm or a time that a clause names is one that a control it names has too, in its
// frequency or its statement. What a control leaves to the organisation to promise may be any time.
func TestNoClausePromisesMoreThanItsControl(t *testing.T) {
	library, err := policy.Templates()
	if err != nil {
		t.Fatal(err)
	}
	items, err := control.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	frequency, statement := map[string]string{}, map[string]string{}
	for _, i := range items {
		frequency[i.ID], statement[i.ID] = i.Frequency, plainly(i.Statement)
	}
	rhythms := []struct {
		name string
		says *regexp.Regexp
	}{
		{"daily", regexp.MustCompile(`\b(daily|each day|every day)\b`)}, {"weekly", regexp.MustCompile(`\b(weekly|(each|every|a) week|7 days)\b`)},
		{"monthly", regexp.MustCompile(`\b(monthly|(each|every|a) month)\b`)}, {"quarterly", regexp.MustCompile(`\b(quarterly|(each|every|a) quarter)\b`)},
		{"semiannual", regexp.MustCompile(`\b(every 6 months|half-yearly)\b`)}, {"annual", regexp.MustCompile(`\b(yearly|annual(ly)?|once a year|each year|every 12 months|(each|once every) 12 months)\b`)},
	}
	within := regexp.MustCompile(`\bwithin (\d+) (further )?(working )?(hour|day|month)s?\b`)
	own := regexp.MustCompile(`promised time|time for its severity|legal or contractual clock|inside that time|from the standard|retention time|expiry`)
	named, found := map[string]bool{}, 0
	for _, p := range library.Templates {
		for _, c := range markdown.Clauses(p.Text) {
			text := plainly(filled(library, c.Text))
			anywhere := func(has func(control string) bool) bool { return slices.ContainsFunc(c.Controls, has) }
			for _, x := range c.Controls {
				named[x] = true
			}
			for _, r := range rhythms {
				if !r.says.MatchString(text) {
					continue
				}
				if found++; !anywhere(func(x string) bool { return frequency[x] == r.name || r.says.MatchString(statement[x]) }) {
					t.Errorf("%s is promised %s, and none of %v is: %s", c.ID, r.name, c.Controls, text)
				}
			}
			for _, m := range within.FindAllStringSubmatch(text, -1) {
				time := regexp.MustCompile(`\b` + m[1] + ` (further )?` + m[3] + m[4] + `s?\b`)
				if found++; !anywhere(func(x string) bool { return time.MatchString(statement[x]) || own.MatchString(statement[x]) }) {
					t.Errorf("%s promises %q, and none of %v does: %s", c.ID, m[0], c.Controls, text)
				}
			}
		}
	}
	if found < 80 {
		t.Errorf("only %d rhythms and times are promised", found)
	}
	for _, i := range items {
		if !named[i.ID] {
			t.Errorf("no policy says why %s is done", i.ID)
		}
	}
}

// filled is a text with the defaults of its variables.
func filled(l policy.Library, text string) string {
	for _, name := range policy.Variables(text) {
		s, _ := l.Standard(name)
		text = strings.ReplaceAll(text, "{{"+name+"}}", s.Default)
	}
	return text
}

// plainly writes small numbers as digits, so that times can be compared.
func plainly(s string) string {
	return strings.NewReplacer("within one ", "within 1 ", "six months", "6 months", "three years", "3 years").Replace(strings.ToLower(strings.Join(strings.Fields(s), " ")))
}

func TestAPolicyBegunFromATemplateKnowsTheOrganisationAndItsOtherPolicies(t *testing.T) {
	w := onSQLite(t)
	w.put(t, ada, "organisation", "organisation", map[string]any{"name": "Example Ltd", "legal_name": "Example Limited", "time_zone": "Europe/Berlin"})
	begin := func(id, template string) map[string]any {
		t.Helper()
		changes, err := policy.Begin(w.LookAt(t.Context(), zero), id, template)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Put(t.Context(), ada, changes...); err != nil {
			t.Fatal(err)
		}
		return w.body(t, "policy_version", id+"-1")
	}
	first := begin("code-of-conduct", "code-of-conduct")
	values := first["variables"].(map[string]any)
	if values["company.legal_name"] != nil && values["company.legal_name"] != "Example Limited" || values["company.short_name"] != "Example Ltd" || values["std.ack_days_new"] != "5 working days" {
		t.Errorf("%v", values)
	}
	if gaps := policy.Gaps(first); len(gaps) != 1 || !strings.Contains(gaps[0], "channels.ethics") {
		t.Errorf("the organisation has to say only where to report: %v", gaps)
	}
	values["channels.ethics"], values["std.ack_days_new"] = "ethics@example.org", "3 working days"
	w.put(t, ada, "policy_version", "code-of-conduct-1", map[string]any{"policy": "code-of-conduct", "title": "Code of conduct", "number": "1.0", "change": "major", "text": first["text"], "variables": values})
	w.must(t, ada, "policy_version", "code-of-conduct-1", "submit")
	second := begin("acceptable-use", "acceptable-use")["variables"].(map[string]any)
	if second["std.ack_days_new"] != "3 working days" || second["channels.ethics"] != "ethics@example.org" {
		t.Errorf("a second policy says other numbers: %v", second)
	}
	authentication := w.LookAt(t.Context(), zero)
	changes, err := policy.Begin(authentication, "authentication", "authentication")
	if err != nil || !strings.Contains(string(changes[0].Body), `"controls":["AC-06"]`) {
		t.Errorf("only adopted controls can be referred to: %s %v", changes[0].Body, err)
	}
}
