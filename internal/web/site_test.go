package web

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tickmark/internal/access"
	"tickmark/internal/check"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
)

// crawl opens every page that pages lead to, a few of each sort, and hands each to look.
func (w *world) crawl(t *testing.T, start string, look func(path string, page []byte)) {
	t.Helper()
	seen, sorts, queue := map[string]bool{start: true}, map[string]int{}, []string{start}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		began := time.Now()
		status, page := w.get(t, path)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Logf("%s took %s", path, took)
		}
		if status != http.StatusOK {
			t.Errorf("%s answers %d: %s", path, status, plainText(page))
			continue
		}
		if !strings.HasPrefix(page, "<!doctype html>") {
			continue
		}
		look(path, []byte(page))
		walk(t, []byte(page), func(n *html.Node, a map[string]string) {
			href := a["href"]
			_, file := a["download"]
			if _, back := a["data-back"]; back {
				return
			}
			if n.Data != "a" || !strings.HasPrefix(href, "/") || file || strings.HasPrefix(href, "/static/") || strings.HasPrefix(href, "/api/") || strings.HasPrefix(href, "/ledger/") {
				return
			}
			href, _, _ = strings.Cut(href, "#")
			if seen[href] || len(seen) > 400 {
				return
			}
			u, err := url.Parse(href)
			if err != nil {
				t.Errorf("%s leads to %q", path, href)
				return
			}
			sort := u.Path
			if f := strings.Split(strings.Trim(u.Path, "/"), "/"); len(f) > 2 {
				f[2] = "*"
				sort = strings.Join(f, "/")
			} else if len(f) == 2 && f[0] != "records" {
				sort = f[0] + "/*"
			}
			if sorts[sort]++; sorts[sort] <= 2 {
				seen[href] = true
				queue = append(queue, href)
			}
		})
	}
	if len(seen) < 60 {
		t.Errorf("only %d pages were found", len(seen))
	}
}

func plainText(page string) string {
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return page
	}
	var main *html.Node
	var find func(*html.Node)
	find = func(n *html.Node) {
		if n.Data == "main" {
			main = n
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			find(c)
		}
	}
	find(doc)
	if main == nil {
		return page
	}
	return strings.Join(strings.Fields(text(main)), " ")
}

func TestEveryLinkOnTheSiteLeadsSomewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.crawl(t, "/", func(path string, page []byte) {
		ids := map[string]int{}
		walk(t, page, func(n *html.Node, a map[string]string) {
			if a["style"] != "" || n.Data == "script" && a["src"] == "" {
				t.Errorf("%s holds what the content policy refuses", path)
			}
			if id := a["id"]; id != "" {
				ids[id]++
			}
		})
		for id, n := range ids {
			if n > 1 {
				t.Errorf("%s has the id %q %d times", path, id, n)
			}
		}
	})
}

func TestEveryLinkOfAnEmptyWorkspaceLeadsSomewhere(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	w.signIn(t)
	w.crawl(t, "/", func(path string, page []byte) {})
}

func TestThePastIsReadOnlyOnEveryPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.put(t, "requirement", "r1", map[string]any{"control": "AC-01", "title": "Signed list", "frequency": "quarterly", "from": "2026-01-01"})
	moment := w.Log.Clock()
	w.put(t, "person", "bob", map[string]any{"id": "bob", "name": "bob", "email": "bob@example.org", "start": "2026-01-01", "employment": "employee"})
	as := "as_of=" + url.QueryEscape(part.Stamp(moment))
	w.crawl(t, "/?"+as, func(path string, page []byte) {
		if !strings.Contains(path, "as_of=") {
			t.Errorf("a link of the past leads to %s", path)
		}
		if strings.Contains(path, "/sign-in") {
			return
		}
		if !strings.Contains(string(page), "Back to now") {
			t.Errorf("%s does not say that it shows the past", path)
		}
		walk(t, page, func(n *html.Node, a map[string]string) {
			if n.Data == "form" && a["method"] == "post" && a["action"] != "/theme" && a["action"] != "/sign-out" {
				t.Errorf("%s offers to change something: %s", path, a["action"])
			}
		})
	})
	if status, page := w.get(t, "/records/person?"+as); status != 200 || strings.Contains(page, "bob@example.org") {
		t.Error("the list of the past shows a person who came later")
	}
	if status, page := w.get(t, "/records/person"); status != 200 || !strings.Contains(page, "bob") {
		t.Error("the list of now lacks a person")
	}
	if status, page := w.post(t, "/catalogue/GOV-01?"+as, nil); status != http.StatusConflict || !strings.Contains(plainText(page), "You look at the past") {
		t.Errorf("a change of the past answers %d: %s", status, plainText(page))
	}
	if status, page := w.get(t, "/work?whose=everyone&"+as); status != 200 || !strings.Contains(page, "Signed list") || !strings.Contains(page, `href="/controls/AC-01/evidence?as_of=`) {
		t.Errorf("what waited to be handed in then leads elsewhere: %s", plainText(page))
	}
	w.seenBy(t, "later", access.Viewer)
	if _, page := w.get(t, "/settings/users"); !strings.Contains(page, "later@example.org") {
		t.Error("the users of now lack one")
	}
	if status, page := w.get(t, "/settings/users?"+as); status != 200 || !strings.Contains(page, "root@localhost") || strings.Contains(page, "later@example.org") {
		t.Errorf("the users of the past are %s", plainText(page))
	}
	if status, _ := w.get(t, "/?as_of="+url.QueryEscape(part.Stamp(time.Now().Add(time.Hour)))); status != http.StatusUnprocessableEntity {
		t.Errorf("a moment to come answers %d", status)
	}
}

func TestNumbersOnHomeLeadToListsOfThatMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	if _, err := w.Monitor.Evaluate(t.Context(), check.Options{}); err != nil {
		t.Fatal(err)
	}
	now := w.numbersOnHome(t, "/")
	before := w.Log.Clock().UTC()
	w.put(t, "organisation", "organisation", map[string]any{"name": "Example Ltd", "time_zone": "UTC"})
	for _, c := range []string{"AC-01", "AC-02", "AC-03"} {
		if _, err := w.Book.Put(t.Context(), w.by, record.Change{Kind: "control", Key: c, Move: "retire", Said: map[string]any{"retired_reason": "Not ours."}}); err != nil {
			t.Fatal(err)
		}
	}
	after := w.numbersOnHome(t, "/")
	if now["/controls?status=unknown"] == after["/controls?status=unknown"] {
		t.Error("retiring controls changed no number")
	}
	past := w.numbersOnHome(t, "/?as_of="+url.QueryEscape(part.Stamp(before)))
	for href, n := range now {
		if past[href] != n {
			t.Errorf("%s said %s, and says %s of that moment afterwards", href, n, past[href])
		}
	}
}

// numbersOnHome compares every number of Home that leads to a list with that list, and returns them by the list's address.
func (w *world) numbersOnHome(t *testing.T, home string) map[string]string {
	t.Helper()
	return w.numbersOnHomeOf(t, home, 20)
}

func (w *world) numbersOnHomeOf(t *testing.T, home string, series int) map[string]string {
	t.Helper()
	status, page := w.get(t, home)
	if status != http.StatusOK {
		t.Fatalf("%s answers %d", home, status)
	}
	out := map[string]string{}
	walk(t, []byte(page), func(node *html.Node, a map[string]string) {
		if node.Data != "a" {
			return
		}
		href := a["href"]
		bare, query, _ := strings.Cut(href, "?")
		q, _ := url.ParseQuery(query)
		q.Del(part.AsOfName)
		said := strings.Fields(numbersIn(text(node)))
		number := said[0]
		switch {
		case bare == "/criteria" && q.Has("series"):
			number = strings.Fields(numbersIn(text(node.FirstChild.LastChild)))[1] // "3 of 5"
		case (bare == "/checks" || bare == "/controls") && q.Has("status"), bare == "/plan" && q.Has("severity"), bare == "/findings" && q.Has("state"):
		default:
			return
		}
		if _, twice := out[bare+"?"+q.Encode()]; twice && out[bare+"?"+q.Encode()] != number {
			t.Errorf("%s: home says %s and %s of the same", href, out[bare+"?"+q.Encode()], number)
		}
		out[bare+"?"+q.Encode()] = number
		_, list := w.get(t, href)
		if found := strings.Fields(numbersIn(foundIn(list)))[0]; found != number {
			t.Errorf("%s says %s and its list says %q", href, number, foundIn(list))
		}
		if rows := w.rows(t, href); fmtInt(rows) != number && rows < gapsShown {
			t.Errorf("%s says %s and its list has %d rows", href, number, rows)
		}
	})
	if len(out) != 6+5+4+series+1 {
		t.Errorf("%s leads to %d lists: %v", home, len(out), out)
	}
	return out
}

// foundIn is what a list's filter bar says it found.
func foundIn(page string) string {
	_, rest, ok := strings.Cut(page, `class="found num"`)
	if !ok {
		return ""
	}
	_, rest, _ = strings.Cut(rest, ">")
	said, _, _ := strings.Cut(rest, "<")
	return said
}

// rows is how many rows a list shows, headings of groups left out.
func (w *world) rows(t *testing.T, path string) int {
	t.Helper()
	n := 0
	_, list := w.get(t, path)
	walk(t, []byte(list), func(x *html.Node, b map[string]string) {
		if x.Data == "tr" && x.Parent != nil && x.Parent.Data == "tbody" && b["class"] != "group-row" {
			n++
		}
	})
	return n
}

func numbersIn(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return ' '
	}, s) + " 0"
}

func fmtInt(n int) string { return strconv.Itoa(n) }

func TestNobodySeesAPageWithoutSigningIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, r := range w.site.routes() {
		method, path, _ := strings.Cut(r.pattern, " ")
		path = strings.NewReplacer("{$}", "", "{kind}", "person", "{key}", "ada", "{id}", "CC6.1", "{tab}", "history", "{name}", "git", "{run}", "1", "{move}", "approve").Replace(path)
		req, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := w.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if strings.Contains(string(body), "ada@example.org") || strings.Contains(string(body), "Example Ltd") {
			t.Errorf("%s shows something to nobody", r.pattern)
		}
		if !r.open && (answer.StatusCode != http.StatusSeeOther || !strings.HasPrefix(answer.Header.Get("Location"), "/sign-in")) {
			t.Errorf("%s answers %d and leads to %q", r.pattern, answer.StatusCode, answer.Header.Get("Location"))
		}
		if got := answer.Header.Get("Content-Security-Policy"); got != Policy {
			t.Errorf("%s has the policy %q", r.pattern, got)
		}
	}
}

func TestAPageOfAnotherSiteChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	req, err := http.NewRequestWithContext(t.Context(), "POST", w.URL+"/sign-out", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	r, err := w.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusForbidden {
		t.Errorf("it answers %d", r.StatusCode)
	}
	if status, page := w.get(t, "/"); status != 200 || !strings.Contains(page, "Where we stand") {
		t.Error("the reader was signed out")
	}
}

func TestPastDaysAreSummedUpBehindTheReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	later := time.Now().AddDate(0, 0, 3)
	w.Log.Clock = func() time.Time { return later }
	w.signIn(t)
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if _, page := w.get(t, "/"); strings.Contains(page, "Checks by status, day by day") && strings.Count(page, `<a class="col"`) == 2*4 {
			w.columnsLead(t, page)
			return
		}
	}
	t.Error("the days never came")
}

// columnsLead compares every column of the charts of a page with the list as of its day that the column leads to.
func (w *world) columnsLead(t *testing.T, page string) {
	t.Helper()
	days := map[string]bool{}
	walk(t, []byte(page), func(n *html.Node, a map[string]string) {
		if n.Data != "a" || a["class"] != "col" {
			return
		}
		days[a["href"]] = true
		said := strings.Split(a["aria-label"], " · ")[1:]
		if len(said) != 5 {
			t.Fatalf("a column says %q", a["aria-label"])
		}
		for i, status := range []part.Status{part.Passing, part.Attention, part.Failing, part.Unknown, part.NotApplicable} {
			u, err := url.Parse(a["href"])
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			q.Set("status", string(status))
			_, list := w.get(t, u.Path+"?"+q.Encode())
			if want := status.Word() + " " + strings.Fields(numbersIn(foundIn(list)))[0]; said[i] != want {
				t.Errorf("the column of %s says %q, and the list %q", a["href"], said[i], want)
			}
		}
	})
	if len(days) != 2*4 {
		t.Errorf("the columns lead to %v", days)
	}
}

func TestNumbersOfACriterionLeadToListsOfThatMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.put(t, "person", "bob", map[string]any{"id": "bob", "name": "Bob", "email": "bob@example.org", "start": "2024-01-01"})
	today := time.Now().UTC().Format(time.DateOnly)
	for i, control := range []string{"AC-01", "AC-01", "AC-02"} {
		key := "r" + strconv.Itoa(i)
		w.put(t, "requirement", key, map[string]any{"control": control, "title": "Proof " + key, "frequency": "once", "from": "2026-01-01"})
		if i == 0 {
			if _, err := w.Book.Put(t.Context(), somebody("ada"), record.Change{Kind: "evidence", Key: "e0", Body: []byte(`{"title":"Proof","sort":"document","link":"https://example.org/proof","controls":["AC-01"],"requirement":"r0","covers_from":"2026-01-01","covers_to":"` + today + `"}`)}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Book.Put(t.Context(), somebody("bob"), record.Change{Kind: "evidence", Key: "e0", Move: "review", Said: map[string]any{"review": "Read it."}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, page := w.get(t, "/criteria")
	numbers := map[string]int{}
	most := map[string]string{}
	walk(t, []byte(page), func(n *html.Node, a map[string]string) {
		href := a["href"]
		path, query, _ := strings.Cut(href, "?")
		if n.Data != "a" || !strings.Contains(a["class"], "link") {
			return
		}
		number := strings.Fields(numbersIn(text(n)))[0]
		switch {
		case strings.HasSuffix(path, "#points"):
			_, own := w.get(t, strings.TrimSuffix(path, "#points"))
			_, points, _ := strings.Cut(own, `id="points"`)
			points, _, _ = strings.Cut(points, "</section>")
			if got := strconv.Itoa(strings.Count(points, "<li>")); got != number {
				t.Errorf("%s says %s points and shows %s", href, number, got)
			}
			numbers["points"]++
		case path == "/evidence" || path == "/controls" || path == "/plan":
			_, list := w.get(t, href)
			if found := strings.Fields(numbersIn(foundIn(list)))[0]; found != number {
				t.Errorf("%s says %s and its list says %q", href, number, foundIn(list))
			}
			q, _ := url.ParseQuery(query)
			numbers[path+q.Get("show")]++
			most[path+q.Get("show")] = max(most[path+q.Get("show")], number)
		}
	})
	if numbers["points"] != 61 || numbers["/evidencecalendar"] == 0 || numbers["/evidenceanswered"] != numbers["/evidencecalendar"] || most["/evidenceanswered"] != "1" || most["/evidencecalendar"] < "2" || numbers["/controls"] == 0 {
		t.Errorf("the numbers were %v, the highest %v", numbers, most)
	}
}
