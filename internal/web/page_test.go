package web

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"tickmark/internal/check"
	"tickmark/internal/web/part"
)

// walk parses a page and calls visit for each element.
func walk(t *testing.T, page []byte, visit func(*html.Node, map[string]string)) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var step func(*html.Node)
	step = func(n *html.Node) {
		if n.Type == html.ElementNode {
			attrs := map[string]string{}
			for _, a := range n.Attr {
				attrs[a.Key] = a.Val
			}
			visit(n, attrs)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			step(c)
		}
	}
	step(doc)
}

func render(t *testing.T, f fixture, v part.View) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.page().Render(part.With(t.Context(), v), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPagesHoldNothingThatTheContentPolicyRefuses(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures() {
		t.Run(f.path, func(t *testing.T) {
			walk(t, render(t, f, part.View{Now: noon}), func(n *html.Node, a map[string]string) {
				for name, value := range a {
					if name == "style" || strings.HasPrefix(name, "on") || strings.HasPrefix(name, "hx-on") || name == "hx-vals" && strings.HasPrefix(value, "js:") {
						t.Errorf("<%s> has %s=%q", n.Data, name, value)
					}
					if name == "hx-trigger" && strings.Contains(value, "[") {
						t.Errorf("<%s> has a trigger filter, which needs eval: %q", n.Data, value)
					}
				}
				if n.Data == "style" || n.Data == "script" && a["src"] == "" {
					t.Errorf("<%s> stands in the page", n.Data)
				}
			})
		})
	}
}

func TestIdsAreUniqueAndNamedThingsExist(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures() {
		t.Run(f.path, func(t *testing.T) {
			ids, wanted := map[string]int{}, map[string]string{}
			walk(t, render(t, f, part.View{Now: noon}), func(n *html.Node, a map[string]string) {
				if id := a["id"]; id != "" {
					ids[id]++
				}
				for _, name := range []string{"aria-describedby", "aria-labelledby", "aria-controls", "for", "list"} {
					for _, id := range strings.Fields(a[name]) {
						wanted[id] = name
					}
				}
			})
			for id, n := range ids {
				if n > 1 {
					t.Errorf("id %q stands %d times", id, n)
				}
			}
			for id, name := range wanted {
				if ids[id] == 0 {
					t.Errorf("%s names %q, which is not there", name, id)
				}
			}
		})
	}
}

// The one control that turns the whole site must not be lost by any link or form.
func TestEveryLinkKeepsThePastMoment(t *testing.T) {
	t.Parallel()
	past := part.View{Now: noon, AsOf: ago(3 * day)}
	for _, f := range fixtures() {
		if f.alone || strings.HasPrefix(f.path, "/new/") || strings.HasPrefix(f.path, "/import/") || f.path == "/policies/new" || f.path == "/policies/conflict" || strings.HasSuffix(f.path, "/edit") || strings.HasSuffix(f.path, "/secret") || strings.HasPrefix(f.path, "/trials/") { // nobody gets a form at a past moment
			continue
		}
		t.Run(f.path, func(t *testing.T) {
			getForm := false
			walk(t, render(t, f, past), func(n *html.Node, a map[string]string) {
				switch n.Data {
				case "a":
					href, back := a["href"], false
					_, back = a["data-back"]
					if back || !strings.HasPrefix(href, "/") || strings.HasPrefix(href, "/static/") || strings.HasPrefix(href, "/sign-in") || href == "/ledger/checkpoint" {
						return
					}
					if a["class"] == "col" && strings.Contains(href, "as_of=") { // a column of a chart leads to its own moment
						return
					}
					if !strings.Contains(href, "as_of=2026-11-19T12%3A00%3A00Z") {
						t.Errorf("link %s forgets the moment", href)
					}
				case "form":
					getForm = a["method"] != "post"
					if !getForm && a["action"] != "/theme" && a["action"] != "/sign-out" {
						t.Errorf("a form that writes to %s stands on a page of the past", a["action"])
					}
					if getForm && a["action"] != "/as-of" && !hasMoment(n) {
						t.Errorf("form %s forgets the moment", a["action"])
					}
				}
			})
		})
	}
}

func hasMoment(form *html.Node) bool {
	found := false
	var step func(*html.Node)
	step = func(n *html.Node) {
		if n.Data == "input" {
			for _, a := range n.Attr {
				found = found || a.Key == "name" && a.Val == part.AsOfName
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			step(c)
		}
	}
	step(form)
	return found
}

func TestStatusAlwaysHasItsWord(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures() {
		t.Run(f.path, func(t *testing.T) {
			walk(t, render(t, f, part.View{Now: noon}), func(n *html.Node, a map[string]string) {
				if strings.HasPrefix(a["class"], "chip") && strings.TrimSpace(text(n)) == "" {
					t.Errorf("a chip has no word")
				}
			})
		})
	}
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(text(c))
	}
	return b.String()
}

func TestRedirectsStayOnTheSite(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"/checks?status=failing": "/checks?status=failing", "//evil.example": "/", "https://evil.example/": "/", "/\\evil.example": "/", "javascript:alert(1)": "/", "": "/", "/a\r\nb": "/",
	} {
		if got := within(to); got != want {
			t.Errorf("within(%q) = %q, want %q", to, got, want)
		}
	}
}

func TestChecksOfServicesThatAreNotConnectedAreCountedApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	states, err := w.Monitor.Summary(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	counts, apart := check.Tally(states)
	if apart == 0 || counts.Unknown == 0 {
		t.Fatalf("%d apart, %+v", apart, counts)
	}
	count := func(page, status string) (n string) {
		walk(t, []byte(page), func(x *html.Node, a map[string]string) {
			if x.Data == "a" && a["href"] == "/checks?status="+status {
				n = strings.Join(strings.Fields(wordsIn(x)), " ")
			}
		})
		return n
	}
	_, home := w.get(t, "/?home=1")
	_, list := w.get(t, "/checks")
	for name, page := range map[string]string{"home": home, "the list": list} {
		for status, want := range map[string]string{"not-connected": fmt.Sprintf("Not connected %d", apart), "unknown": fmt.Sprintf("Unknown %d", counts.Unknown)} {
			if got := count(page, status); got != want {
				t.Errorf("%s says %q, want %q", name, got, want)
			}
		}
	}
	for status, want := range map[string]int64{"not-connected": apart, "unknown": counts.Unknown} {
		_, page := w.get(t, "/checks?status="+status)
		if !strings.Contains(page, fmt.Sprintf("%d of %d", want, len(states))) {
			t.Errorf("filtered by %s: %s", status, plainText(page)[:300])
		}
	}
}

// wordsIn is the text of an element.
func wordsIn(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data + " "
	}
	out := ""
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		out += wordsIn(c)
	}
	return out
}
