package document_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/report/document"
)

const policyText = `# Access control policy

Who may reach what, and **why**.

## 1. Rules

1. Access is *granted* by role. {#ACP-1 AC-03}
2. It ends within ` + "`one working day`" + `, see [the procedure](https://example.org/p) or ftp://x. {#ACP-2}
   - also for contractors
   - ~~never~~ always

> Keep it small.

### 1.1 Exceptions

| Who | Until |
|---|---|
| Ada | 2026-12-31 |

` + "```\ncode #read(\"/etc/passwd\")\n```" + `

## 2. Records

- [x] kept
- [ ] read

<script>alert(1)</script>

![picture](https://example.org/a.png)
`

func policyVersion() document.PolicyText {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	return document.PolicyText{Title: "Access control policy", Organisation: "Example Ltd", Number: "2.0", State: "published", Effective: "2026-03-02", Text: policyText, SHA256: strings.Repeat("ab", 32), Key: "access-control-2",
		Entry: 512, From: at, Authors: []string{"Ada Example"}, ReviewedBy: "Cem Example", ApprovedBy: "Bob Example", ApprovedAt: at, PublishedAt: at}
}

func TestAPolicysTextIsCutAtItsHeadingsAndLosesNothing(t *testing.T) {
	d := document.Policy(policyVersion())
	b, err := json.Marshal(d.Sections)
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, s := range d.Sections {
		titles = append(titles, s.Title)
	}
	if got := strings.Join(titles, "|"); got != "Access control policy|1. Rules|2. Records|Approval" {
		t.Errorf("%s", got)
	}
	for _, want := range []string{`"Access is "`, `"granted","italic":true`, `"ACP-1","code":true`, `"ACP-2"`, `"one working day","code":true`, `"href":"https://example.org/p"`, "also for contractors", `"never","strike":true`, "Keep it small.",
		"1.1 Exceptions", "2026-12-31", `code #read(\"/etc/passwd\")`, "[x] kept", "[ ] read", "alert(1)", "picture", "Bob Example", strings.Repeat("ab", 32), "512"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is lost", want)
		}
	}
	if strings.Contains(string(b), "{#") || d.Banner != "" {
		t.Errorf("a mark of a clause is left, or %q", d.Banner)
	}
}

func TestATextThatIsNotApprovedSaysSoOnEveryPage(t *testing.T) {
	p := policyVersion()
	p.Alone = "by its author, and by no second person"
	for _, facts := range [][]document.Fact{document.Policy(p).Facts, sign(t, document.Policy(p))} {
		if !slices.ContainsFunc(facts, func(f document.Fact) bool {
			return strings.HasPrefix(f.Name, "Approved") && strings.HasSuffix(f.Value, p.Alone)
		}) {
			t.Errorf("an approval that no second person gave looks like an ordinary one: %v", facts)
		}
	}
	p.Alone = ""
	p.State, p.ApprovedBy, p.ApprovedAt = "in_review", "", time.Time{}
	if d := document.Policy(p); d.Banner != "Not approved: this text is in review and binds nobody." {
		t.Errorf("%q", d.Banner)
	}
}

func TestAPolicyIsSet(t *testing.T) {
	pdf, err := renderer().PDF(t.Context(), document.Policy(policyVersion()), document.A4)
	if err != nil {
		t.Fatal(err)
	}
	if out := os.Getenv("TICKMARK_TEST_PICTURES"); out != "" {
		if err := os.WriteFile(filepath.Join(out, "policy.pdf"), pdf, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"", "# Only a title", "text without a heading", "```\n```", strings.Repeat("- a\n", 2000), "| a |\n|---|\n", strings.Repeat("> ", 200) + "deep"} {
		p := policyVersion()
		p.Text = text
		if _, err := renderer().PDF(t.Context(), document.Policy(p), document.A4); err != nil {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// sign are the facts of the page that is signed.
func sign(t *testing.T, d document.Document) []document.Fact {
	t.Helper()
	for _, b := range d.Sections[len(d.Sections)-1].Blocks {
		if len(b.Sign) > 0 {
			return b.Sign
		}
	}
	t.Fatal("no page is signed")
	return nil
}
