package markdown

import (
	"slices"
	"strings"
	"testing"
)

func TestClausesGetTheirIdAndALinkToThemselves(t *testing.T) {
	got := HTML("# Access\n\n1. Accounts are *personal*. {#AC-1}\n2. No shared\n   passwords. {#AC-2 AC-08, AC-12}\n\nA paragraph. {#POL-12}\n")
	for _, want := range []string{`<h2>Access</h2>`, `<li id="AC-1">Accounts are <em>personal</em>.`, `<a href="#AC-1" class="clause">AC-1</a>`, `<li id="AC-2">No shared`, `passwords. <a href="#AC-2"`, `<p id="POL-12">A paragraph.`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "{#") {
		t.Errorf("a mark is left in %s", got)
	}
}

func TestTablesListsAndLinksStay(t *testing.T) {
	got := HTML("| a | b |\n|---|---|\n| 1 | 2 |\n\n- one\n- two\n\n[site](https://example.org) `code`\n")
	for _, want := range []string{"<table>", "<th>a</th>", "<td>2</td>", "<li>one</li>", `href="https://example.org"`, "<code>code</code>"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
}

func TestNothingActiveComesOut(t *testing.T) {
	for _, s := range []string{
		"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![x](https://example.org/a.png)", `<p id="main" style="color:red" onclick="x()">a</p>`,
		"<iframe src=https://example.org></iframe>", "<form action=/x><input name=y></form>", "[x](data:text/html,hi)", "<svg onload=alert(1)>",
	} {
		got := HTML(s)
		for _, bad := range []string{"<script", "<img", "javascript:", "onerror", "onclick", "style=", `id="main"`, "<iframe", "<form", "<input", "data:text", "<svg"} {
			if strings.Contains(got, bad) {
				t.Errorf("%s gave %s", s, got)
			}
		}
	}
}

func TestBlocksAndClausesFollowTheText(t *testing.T) {
	s := "## Rules\nFirst\nstill first\n\n1. one {#A-1}\n2. two\n   more {#A-2}\n\n```\ncode\n\nmore\n```\n"
	if got := Blocks(s); len(got) != 5 || got[1] != "First\nstill first" || got[3] != "2. two\n   more {#A-2}" || !strings.Contains(got[4], "code\n") {
		t.Errorf("%q", got)
	}
	if got := Clauses("1. Never *share* it,\n   not once. {#A-1 AC-08, AC-12}\n2. Two {#A-2}\n3. None\n"); len(got) != 2 || got[0].ID != "A-1" || got[0].Text != "Never *share* it, not once." || !slices.Equal(got[0].Controls, []string{"AC-08", "AC-12"}) || len(got[1].Controls) != 0 {
		t.Errorf("%+v", got)
	}
}
