package web

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

func click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`(()=>{const e=document.querySelector(`+quoted(selector)+`); if(!e) throw new Error('there is no '+`+quoted(selector)+`); e.click(); return true})()`))
		return err
	})
}

// key presses a key that the page takes for itself. Typed through the protocol it would be written as well.
func key(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.activeElement.dispatchEvent(new KeyboardEvent('keydown',{key:`+quoted(name)+`,bubbles:true,cancelable:true}))||true`))
		return err
	})
}

// patience is how long a page may take: a machine that is busy is no fault of the page.
const patience = 2 * time.Minute

// until waits for a condition in the page. That it never came true comes with what the page looks like instead.
func until(condition string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		waiting, stop := context.WithTimeout(ctx, patience)
		defer stop()
		for { // a page that goes away under the question is asked again as the page that came
			_, err := chromedp.Run(waiting, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(patience), chromedp.WithPollingInterval(20*time.Millisecond)))
			if err == nil || ctx.Err() != nil {
				return err
			}
			if waiting.Err() != nil || !strings.Contains(err.Error(), "navigated") && !strings.Contains(err.Error(), "context") {
				return fmt.Errorf("%s never came true: %w\n%s", condition, err, state(ctx))
			}
		}
	})
}

// state is what the page shows and waits for.
func state(ctx context.Context) string {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(() => {
		const list = document.getElementById('palette-list'), asked = performance.getEntriesByType('resource').slice(-8);
		return ['at ' + location.href + ', ' + document.readyState + ', classes "' + document.documentElement.className + '", htmx ' + (typeof htmx),
			'focus on ' + (document.activeElement?.outerHTML ?? 'nothing').slice(0, 200),
			'palette ' + (document.getElementById('palette')?.open ? 'open' : 'closed') + ', its list: ' + (list?.innerHTML ?? 'none').slice(0, 600),
			'requests of htmx under way: ' + [...document.querySelectorAll('.htmx-request')].map(e => e.outerHTML.slice(0, 120)).join(' | '),
			'last read: ' + asked.map(e => e.name + ' ' + Math.round(e.startTime) + '-' + Math.round(e.responseEnd) + ' ms ' + e.responseStatus).join(' | ') + ', now ' + Math.round(performance.now()) + ' ms'].join('\n');
	})()`))
	if err != nil {
		return "the page does not say how it looks: " + err.Error()
	}
	return s
}

// authenticator gives the browser a device that holds passkeys and says yes.
func authenticator() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
		return err
	})
}

func TestFirstHourInABrowser(t *testing.T) {
	t.Parallel()
	ctx, heard := browser(t)
	w := newWorld(t)
	link := w.link(t)
	do := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			at, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href+' '+document.querySelector('main')?.innerText`))
			t.Fatalf("%s: %v\nat %s\n%s", what, err, at, heard.take())
		}
		for _, c := range heard.take() {
			t.Errorf("%s: %s", what, c)
		}
	}
	do("sign in by link", authenticator(), colours("light"), chromedp.Navigate(link), click("form button"), until(`location.pathname==='/sign-in/enrol'`))
	do("enrol a passkey", until(`document.querySelector('[data-passkey] button')?.disabled===false`), click("[data-passkey] button"), until(`location.pathname==='/'`))
	do("sign out", click("form[action='/sign-out'] button"), until(`location.pathname==='/sign-in'`))
	do("sign in by passkey", until(`document.querySelector('[data-passkey] button')?.disabled===false`), click("[data-passkey] button"), until(`location.pathname==='/' && document.documentElement.classList.contains('scripted') && !!document.querySelector('main h1')`))

	do("open the palette", chromedp.KeyEvent("k", chromedp.KeyModifiers(chromedp.ModifierCtrl)), until(`document.getElementById('palette').open && document.querySelectorAll('#palette-list [role=option]').length>3`))
	do("search in it", chromedp.KeyEvent("CC6.1"), until(`document.querySelector('#palette-list [aria-selected=true]')?.innerText.includes('CC6.1')`))
	for _, v := range axeRun(t, ctx) {
		t.Error("palette: ", v)
	}
	picture(t, ctx, "live-palette")
	do("go there", chromedp.KeyEvent("\r"), until(`location.pathname==='/criteria/CC6.1'`))

	do("filter a list by keyboard", chromedp.Navigate(w.URL+"/checks"), until(`document.documentElement.classList.contains('scripted')`), key("/"), until(`document.activeElement.id==='q'`), chromedp.KeyEvent("git"),
		until(`location.search.includes('q=git') && [...document.querySelectorAll('#list tbody tr')].every(r=>/git/i.test(r.innerText)) && document.querySelectorAll('#list tbody tr').length>2 && document.getElementById('found').innerText.startsWith(document.querySelectorAll('#list tbody tr').length+' of ')`))
	do("quick look", click(".peek"), until(`document.getElementById('drawer').open && !!document.querySelector('#drawer-inside h1')`))
	for _, v := range axeRun(t, ctx) {
		t.Error("drawer: ", v)
	}
	picture(t, ctx, "live-drawer")
	do("dark", chromedp.Navigate(w.URL+"/"), until(`document.documentElement.classList.contains('scripted')`), click("[data-theme-form] button"), until(`document.documentElement.dataset.theme==='dark'`), chromedp.Navigate(w.URL+"/checks"), until(`document.documentElement.dataset.theme==='dark'`))
	do("light", click("[data-theme-form] button"), until(`document.documentElement.dataset.theme==='light'`))

	pages := []string{"/", "/criteria", "/criteria/CC6.1", "/controls", "/controls/AC-01", "/catalogue", "/checks", "/findings", "/records", "/records/git_commit", "/records/host_account", "/records/person/ada", "/records/person/ada/history", "/new/person", "/new/evidence", "/sources", "/sources/host", "/sources/git", "/ledger?entry=5", "/search?q=access", "/settings/users", "/settings/tokens", "/settings/me", "/nowhere"}
	first, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`Promise.all(['/checks?status=failing','/checks?status=unknown','/findings','/records/git_commit','/sources/git'].map(u=>fetch(u).then(r=>r.text()).then(h=>new DOMParser().parseFromString(h,'text/html').querySelector('#list td a, .section td.title a')?.getAttribute('href')??'')))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range first {
		if p != "" {
			pages = append(pages, p)
		}
	}
	if commit := first[3]; commit != "" {
		base, query, _ := strings.Cut(commit, "?")
		for _, tab := range []string{"raw", "proof", "results"} {
			pages = append(pages, base+"/"+tab+"?"+query)
		}
	}
	seen := map[string]map[string]bool{"light": {}, "dark": {}}
	for _, s := range screens {
		theme := "document.cookie='theme=" + s.scheme + ";path=/';true"
		do("size", chromedp.EmulateViewport(s.width, s.height), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](theme))
			return err
		}))
		some, judge := pages, s.judge
		switch { // the fixtures of every page were judged in every colour and size; here it is what is on record that must fit
		case s.scheme == "dark":
			some = pages[:min(5, len(pages))]
		case s.width < 1000:
			judge = func(t *testing.T, ctx context.Context, _ map[string]bool) []string { return s.fits(t, ctx) }
		}
		for _, p := range some {
			if err := chromedp.Do(ctx, chromedp.Navigate(w.URL+p)); err != nil {
				t.Fatal(err)
			}
			for _, v := range judge(t, ctx, seen[s.scheme]) {
				t.Errorf("%s %s: %s", s.name, p, v)
			}
			for _, c := range heard.take() {
				if p != "/nowhere" {
					t.Errorf("%s %s: %s", s.name, p, c)
				}
			}
			picture(t, ctx, "live-"+s.name+strings.NewReplacer("/", "_", "?", "_", "%", "_").Replace(p)[:min(60, len(p))])
		}
	}
	do("the sidebar is a drawer on a phone", chromedp.EmulateViewport(390, 844), chromedp.Navigate(w.URL+"/checks"), until(`getComputedStyle(document.getElementById('side')).visibility==='hidden'`), click("a.menu"),
		until(`location.hash==='#side' && getComputedStyle(document.getElementById('side')).visibility==='visible'`))
	picture(t, ctx, "live-phone-menu")
	do("and closes", click("#side a.close"), until(`getComputedStyle(document.getElementById('side')).visibility==='hidden'`))
	do("turn to a past moment", chromedp.EmulateViewport(1440, 900), chromedp.Navigate(w.URL+"/checks?q=git"), until(`document.documentElement.classList.contains('scripted')`), click("form[action='/as-of'] button"), until(`location.search.includes('as_of=') && location.search.includes('q=git') && !!document.querySelector('.past-bar')`))
	picture(t, ctx, "live-past")
	do("and back", click("[data-back]"), until(`!location.search.includes('as_of=') && location.search.includes('q=git')`))
	do("without script", scripts(false), chromedp.EmulateViewport(1440, 900), chromedp.Navigate(w.URL+"/checks?q=git"))
	html, err := chromedp.Run(ctx, chromedp.OuterHTML(chromedp.CSS("#list")))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(html, "<tr>"); n < 3 {
		t.Errorf("without a script the list has %d rows", n)
	}
	picture(t, ctx, "live-without-script")
}
