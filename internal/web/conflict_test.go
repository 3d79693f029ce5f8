package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"tickmark/internal/record"
)

// filled is a page's form as a browser would send it.
func filled(t *testing.T, page, action string) url.Values {
	t.Helper()
	v := url.Values{}
	within := func(n *html.Node) bool {
		for ; n != nil; n = n.Parent {
			for _, a := range n.Attr {
				if n.Data == "form" && a.Key == "action" && a.Val == action {
					return true
				}
			}
		}
		return false
	}
	walk(t, []byte(page), func(n *html.Node, a map[string]string) {
		if a["name"] == "" || !within(n) {
			return
		}
		_, ticked := a["checked"]
		switch {
		case n.Data == "input" && (a["type"] == "checkbox" || a["type"] == "radio") && !ticked:
		case n.Data == "input":
			v.Add(a["name"], a["value"])
		case n.Data == "textarea":
			v.Add(a["name"], text(n))
		case n.Data == "select":
			for o := n.FirstChild; o != nil; o = o.NextSibling {
				for _, x := range o.Attr {
					if x.Key == "selected" {
						for _, y := range o.Attr {
							if y.Key == "value" {
								v.Set(a["name"], y.Val)
							}
						}
					}
				}
			}
		}
	})
	return v
}

func TestTwoWhoEditAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	const edit = "/records/person/ada/edit"
	_, page := w.get(t, edit)
	first, second := filled(t, page, edit), filled(t, page, edit)
	first.Set("title", "Head of security")
	first.Set("name", "Ada L")
	first.Set("_reason", "promoted")
	if status, page := w.post(t, edit, first); status != 200 {
		t.Fatalf("the first save answers %d: %s", status, plainText(page))
	}
	second.Set("name", "Ada Lovelace")
	second.Set("employment", "director")
	second.Set("_reason", "full name")
	status, page := w.post(t, edit, second)
	if status != http.StatusConflict {
		t.Fatalf("a stale save answers %d", status)
	}
	said := plainText(page)
	for _, x := range []string{"saved this while you were writing", "promoted", "Head of security", "Ada LYours", "Ada Lovelace", "Yours: you choose", "Theirs"} {
		if !strings.Contains(said, x) {
			t.Errorf("the conflict does not say %q: %s", x, said)
		}
	}
	if v, err := w.Book.Get(t.Context(), "person", "ada", 0); err != nil || strings.Contains(string(v.Body), "Lovelace") {
		t.Fatalf("the stale form was saved: %s %v", v.Body, err)
	}
	merged := filled(t, page, edit)
	if merged.Get("title") != "Head of security" || merged.Get("name") != "Ada Lovelace" || merged.Get("employment") != "director" || merged.Get("_reason") != "full name" {
		t.Errorf("the form put together is %v", merged)
	}
	if status, page = w.post(t, edit, merged); status != 200 {
		t.Fatalf("saving it answers %d: %s", status, plainText(page))
	}
	v, err := w.Book.Get(t.Context(), "person", "ada", 0)
	if err != nil || !strings.Contains(string(v.Body), "Head of security") || !strings.Contains(string(v.Body), "Ada Lovelace") {
		t.Errorf("what stands is %s (%v)", v.Body, err)
	}
}

func TestNobodyActsOnAVersionTheyDidNotSee(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	v := w.put(t, "task", "t1", map[string]any{"title": "Write it down", "sort": "document"})
	_, page := w.get(t, "/records/task/t1")
	move := filled(t, page, "/records/task/t1/move/start")
	if move.Get("_seen") == "" {
		t.Fatal("the move is bound to no version")
	}
	body := map[string]any{"title": "Delete the backups", "sort": "document"}
	if w.put(t, "task", "t1", body); v.From == 0 {
		t.Fatal("nothing was written")
	}
	status, page := w.post(t, "/records/task/t1/move/start", move)
	if status != http.StatusConflict || !strings.Contains(plainText(page), "changed this task since you looked") {
		t.Errorf("it answers %d: %s", status, plainText(page))
	}
	if now, _ := w.Book.Get(t.Context(), "task", "t1", 0); !strings.Contains(string(now.Body), `"state":"open"`) {
		t.Errorf("it moved: %s", now.Body)
	}
}

func TestAMoveThatIsRefusedSaysWhyAndWhoCan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.put(t, "task", "t1", map[string]any{"title": "Write it down", "sort": "document"})
	if _, err := w.Book.Put(t.Context(), w.by, record.Change{Kind: "task", Key: "t1", Move: "finish", Said: map[string]any{"outcome": "done"}}); err != nil {
		t.Fatal(err)
	}
	_, page := w.get(t, "/records/task/t1")
	said := plainText(page)
	for _, x := range []string{"Only a person can verify it", "Nobody who signs in here can do it as things stand", "Say which person you are"} {
		if !strings.Contains(said, x) {
			t.Errorf("it does not say %q: %s", x, said)
		}
	}
}

func TestTheFirstUserSaysWhoTheyAreInOneStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	_, page := w.get(t, "/")
	if !strings.Contains(page, "does not know yet which person you are") {
		t.Fatal("home does not say that the reader is linked to no person")
	}
	if status, page := w.post(t, "/settings/me/person", nil); status != 200 || !strings.Contains(page, "from now on") {
		t.Fatalf("it answers %d: %s", status, plainText(page))
	}
	if _, page = w.get(t, "/"); strings.Contains(page, "does not know yet which person you are") {
		t.Error("home still asks")
	}
	u, err := w.Gate.User(t.Context(), w.by.User.Key)
	if err != nil || u.Person == "" {
		t.Errorf("the user is %+v (%v)", u, err)
	}
}

func TestAStaleTabCannotOverwrite(t *testing.T) {
	t.Parallel()
	ctx, heard := browser(t)
	w := newWorld(t)
	one, two := ctx, ctx
	var stop func()
	two, stop = chromedp.NewContext(one)
	t.Cleanup(func() { stop() })
	edit := w.URL + "/records/person/ada/edit"
	set := func(name, value string) chromedp.Action[chromedp.Void] {
		return chromedp.Func(func(c context.Context, tg *chromedp.Target) error {
			_, err := chromedp.Run(c, chromedp.Evaluate[bool](`(()=>{document.querySelector('main [name=`+name+`]').value=`+quoted(value)+`;return true})()`))
			return err
		})
	}
	do := func(tab context.Context, what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(tab, steps...); err != nil {
			t.Fatalf("%s: %v %s", what, err, heard.take())
		}
	}
	do(one, "sign in", chromedp.Navigate(w.link(t)), click("form button"), until(`location.pathname==='/sign-in/enrol'`), chromedp.Navigate(edit))
	do(two, "the second tab", chromedp.Navigate(edit))
	do(one, "the first saves", set("title", "Head of security"), set("_reason", "promoted"), click("main form button.primary"), until(`!location.pathname.endsWith('/edit')`))
	do(two, "the second saves", set("title", "Gardener"), set("_reason", "moved"), click("main form button.primary"), until(`document.body.innerText.includes('saved this while you were writing')`))
	picture(t, two, "live-conflict")
	if v, err := w.Book.Get(t.Context(), "person", "ada", 0); err != nil || !strings.Contains(string(v.Body), "Head of security") {
		t.Errorf("the stale tab overwrote: %s (%v)", v.Body, err)
	}
	do(two, "both are put together and saved", click("main form button.primary"), until(`!location.pathname.endsWith('/edit')`))
	if v, err := w.Book.Get(t.Context(), "person", "ada", 0); err != nil || !strings.Contains(string(v.Body), "Gardener") {
		t.Errorf("what was decided did not stand: %s (%v)", v.Body, err)
	}
}
