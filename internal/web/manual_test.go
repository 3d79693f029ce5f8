package web

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/net/html"

	"tickmark/internal/workspace"
)

func TestTheManualIsServedAndLeadsNowhereThatIsNot(t *testing.T) {
	t.Parallel()
	pages, err := manual()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, d := range pages {
		ids[manualPath(d.Name)] = true
		for _, x := range d.Sections {
			if at := manualPath(d.Name) + "#" + x.ID; ids[at] {
				t.Errorf("%s stands twice", at)
			} else {
				ids[at] = true
			}
		}
	}
	for _, d := range pages {
		for _, x := range append([]ManualSection{{HTML: d.Intro}}, d.Sections...) {
			walk(t, []byte(x.HTML), func(n *html.Node, a map[string]string) {
				href := a["href"]
				if n.Data != "a" || strings.Contains(href, "://") {
					return
				}
				if strings.HasPrefix(href, "#") {
					href = manualPath(d.Name) + href
				}
				if !ids[href] {
					t.Errorf("%s, %s: leads to %s", d.Name, x.Title, href)
				}
			})
		}
	}
}

func TestTheManualIsFoundFromWhereItIsNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	status, page := w.get(t, "/manual")
	if status != 200 || !strings.Contains(page, `href="/manual/push"`) || !strings.Contains(page, `href="/manual/connect/okta"`) {
		t.Errorf("the manual: %d %s", status, plainText(page))
	}
	if status, page = w.get(t, "/manual/checks/git"); status != 200 || !strings.Contains(page, `id="GIT-01"`) {
		t.Errorf("the page of a check: %d", status)
	}
	for _, path := range []string{"/manual/nothing", "/manual/../SECURITY", "/manual/embed.go"} {
		if status, _ = w.get(t, path); status != 404 {
			t.Errorf("%s answers %d", path, status)
		}
	}
	if _, page = w.get(t, "/checks/GIT-01"); !strings.Contains(page, `href="/manual/checks/git#GIT-01"`) {
		t.Error("a check does not lead to its manual")
	}
	if _, page = w.get(t, "/sources/git"); !strings.Contains(page, `href="/manual/sources#git-repository"`) {
		t.Error("a source does not lead to its manual")
	}
	if _, page = w.get(t, "/connect/okta"); !strings.Contains(page, `href="/manual/connect/okta"`) {
		t.Error("the form of a source does not lead to its manual")
	}
	if _, page = w.get(t, "/search?q=sending+records"); !strings.Contains(page, `href="/manual/push"`) {
		t.Errorf("the search: %s", plainText(page))
	}
	if _, page = w.get(t, "/manual?q=spool+pipeline"); !strings.Contains(page, `href="/manual/push#from-a-pipeline"`) {
		t.Errorf("the manual's search: %s", plainText(page))
	}
	for _, c := range w.Monitor.Set.Checks() {
		if manualOfCheck(c.ID) == "" {
			t.Errorf("the manual does not speak of %s", c.ID)
		}
	}
	for _, k := range workspace.Connectors() {
		if !k.Demonstration && len(manualOfConnector(k)) == 0 {
			t.Errorf("the manual does not speak of %s", k.Title)
		}
	}
}

func TestOnlyPlainStructureComesOutOfTheManual(t *testing.T) {
	t.Parallel()
	pages, err := readManual(fstest.MapFS{"a.md": {Data: []byte("# A <b>title\n\nSee [b](b.md#some-part), [outside](../SECURITY.md), ![picture](x.png) and [site](https://example.org/x.md).\n\n```\n## no heading\n```\n\n## `Some` part\n\n<script>alert(1)</script>[x](javascript:alert(1))\n")}, "b.md": {Data: []byte("# B\n")}})
	if err != nil || len(pages) != 2 {
		t.Fatal(err, len(pages))
	}
	d := pages[0]
	if len(d.Sections) != 1 || d.Sections[0].ID != "some-part" || d.Title != "A <b>title" {
		t.Errorf("%+v", d)
	}
	if all := d.Intro + d.Sections[0].HTML; strings.Contains(all, "script") || !strings.Contains(all, `href="/manual/b#some-part"`) || strings.Contains(all, "SECURITY.md") || !strings.Contains(all, `https://example.org/x.md`) || !strings.Contains(all, "## no heading") {
		t.Errorf("%s", all)
	}
	if links := regexp.MustCompile(`href="[^"]*"`).FindAllString(d.Intro+d.Sections[0].HTML, -1); len(links) != 2 || !slices.IsSorted(links) {
		t.Errorf("%q", links)
	}
}
