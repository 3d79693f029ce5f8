package web

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"tickmark/internal/web/asset"
	"tickmark/internal/web/part"
)

//go:embed testdata/axe.min.js
var axe string

// chromium is the browser the tests drive. They skip only where there is none and none was asked for.
func chromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("TICKMARK_TEST_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium here; set TICKMARK_TEST_CHROMIUM to its path")
	return ""
}

// browser starts one for the test; complaints collects what pages write to the console and what the policy refused.
func browser(t *testing.T) (context.Context, *complaints) {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1440, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	c := &complaints{}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, c.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		if _, err := cdp.Call(ctx, t, cdplog.Enable, cdp.Empty{}); err != nil {
			return cdp.Empty{}, err
		}
		return cdp.Empty{}, nil
	}); err != nil {
		t.Fatal(err)
	}
	ctx, stop = context.WithTimeout(ctx, 15*time.Minute)
	t.Cleanup(stop)
	return ctx, c
}

type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) hear(ev any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := ev.(type) {
	case *cdplog.EventEntryAdded:
		c.list = append(c.list, fmt.Sprintf("%s %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	case *runtime.EventExceptionThrown:
		c.list = append(c.list, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			c.list = append(c.list, fmt.Sprintf("console %s %v", e.Type, e.Args))
		}
	}
}

func (c *complaints) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.list
	c.list = nil
	return out
}

// axeRun reports what axe finds wrong on the whole page, one line each.
func axeRun(t *testing.T, ctx context.Context) []string {
	t.Helper()
	return axeSays(t, ctx, "document", "{resultTypes:['violations']}")
}

// axeSays has axe look at a part of the page; the page need not have it yet.
func axeSays(t *testing.T, ctx context.Context, where, how string) []string {
	t.Helper()
	there, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`typeof axe === 'object'`))
	if err == nil && !there {
		_, err = chromedp.Run(ctx, chromedp.Evaluate[bool](axe+`;true`))
	}
	if err != nil {
		t.Fatal(err)
	}
	v, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`axe.run(`+where+`,`+how+`).then(r=>r.violations.flatMap(x=>x.nodes.slice(0,4).map(n=>x.id+': '+n.target.join(' ')+' '+(n.any[0]?.message??n.all[0]?.message??n.none[0]?.message??''))))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// looks is what text looks like, for each text of the page as one word: its own colour, size and weight, and all that lies behind it.
// Two texts of one look are read equally well, so axe need judge only one of them, on all pages together: colours are dear to judge.
const looks = `(() => {
	const behind = new Map([[null, '']]);
	const under = e => {
		if (!behind.has(e)) {
			const s = getComputedStyle(e);
			behind.set(e, under(e.parentElement) + [s.backgroundColor, s.backgroundImage, s.opacity, s.filter, s.position === 'static' ? '' : e.className].join() + ';');
		}
		return behind.get(e);
	};
	window.looks = new Map();
	for (const e of document.querySelectorAll('body *')) {
		const says = e.matches('input,select,textarea') || [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
		if (!says || !e.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
		const s = getComputedStyle(e), up = e.tagName === 'A' ? getComputedStyle(e.parentElement).color + s.textDecorationLine : '';
		const look = [e.tagName, e.className, s.color, s.fontSize, s.fontWeight, s.textShadow, e.disabled, up, under(e)].join('|');
		if (!window.looks.has(look)) window.looks.set(look, e);
	}
	return [...window.looks.keys()];
})()`

// axeColours has axe judge the looks that seen does not have yet, and adds them to it.
func axeColours(t *testing.T, ctx context.Context, seen map[string]bool) []string {
	t.Helper()
	all, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](looks))
	if err != nil {
		t.Fatal(err)
	}
	var unseen []int
	for i, look := range all {
		if !seen[look] {
			unseen, seen[look] = append(unseen, i), true
		}
	}
	if len(unseen) == 0 {
		return nil
	}
	which, _ := json.Marshal(unseen)
	return axeSays(t, ctx, `{include:(all=>`+string(which)+`.map(i=>[all[i]]))([...window.looks.values()])}`, "{runOnly:['color-contrast','link-in-text-block'],resultTypes:['violations']}")
}

func colours(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	})
}

func scripts(on bool) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	})
}

// picture keeps what the browser shows, when TICKMARK_TEST_PICTURES names a directory.
func picture(t *testing.T, ctx context.Context, name string) {
	dir := os.Getenv("TICKMARK_TEST_PICTURES")
	if dir == "" {
		return
	}
	b, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), b, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

// fixtureSite serves the fixtures under the same headers as the product.
func fixtureSite(t *testing.T) string {
	t.Helper()
	files, err := asset.Load()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", files)
	mux.HandleFunc("GET /reports/document.css", func(w http.ResponseWriter, r *http.Request) { new(site).documentCSS(w, r) })
	for _, f := range fixtures() {
		path, _, _ := strings.Cut(f.path, "?")
		if path == "/" {
			path = "/{$}"
		}
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { // POST too: the policy editor asks for its preview that way
			v := part.View{Now: noon}
			if s := r.URL.Query().Get(part.AsOfName); s != "" {
				v.AsOf, _ = time.Parse(time.RFC3339, s)
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if err := f.page().Render(part.With(r.Context(), v), w); err != nil {
				t.Error(err)
			}
		})
	}
	srv := httptest.NewServer(secured(mux))
	t.Cleanup(srv.Close)
	return srv.URL
}

type screen struct {
	name, scheme  string
	width, height int64
}

// judge says what is wrong with the page that is shown on this screen. Of colours, only what seen does not have yet.
func (s screen) judge(t *testing.T, ctx context.Context, seen map[string]bool) []string {
	t.Helper()
	wrong := axeColours(t, ctx, seen)
	if s.scheme == "light" { // all else is the same in every colour
		wrong = append(wrong, axeSays(t, ctx, "document", "{rules:{'color-contrast':{enabled:false}},resultTypes:['violations']}")...)
	}
	return append(wrong, s.fits(t, ctx)...)
}

// fits says what does not fit this screen: a page wider than the window, and what scrolls sideways by itself and cannot be reached by keyboard.
func (s screen) fits(t *testing.T, ctx context.Context) []string {
	t.Helper()
	wrong, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`(() => {
		const out = [], wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
		if (wide > 0) out.push('the page is ' + wide + ' pixels wider than the window');
		for (const e of document.querySelectorAll('main *')) {
			if (e.scrollWidth <= e.clientWidth + 1 || !['auto', 'scroll'].includes(getComputedStyle(e).overflowX) || !e.checkVisibility()) continue;
			if (e.tabIndex < 0 && !e.querySelector('a[href],button,input,select,textarea,summary,[tabindex="0"]')) out.push(e.tagName + '.' + e.className + ' scrolls sideways, and nobody can do that by keyboard');
		}
		return out;
	})()`))
	if err != nil {
		t.Fatal(err)
	}
	return wrong
}

// fresh says what axe finds wrong with what is seen on this screen and was not on the one before it: remember notes what is seen.
func (s screen) fresh(t *testing.T, ctx context.Context, seen map[string]bool) []string {
	t.Helper()
	wrong := append(axeColours(t, ctx, seen), s.fits(t, ctx)...)
	n, err := chromedp.Run(ctx, chromedp.Evaluate[int](`(window.fresh = [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && !window.before.has(e))).length`))
	if err != nil {
		t.Fatal(err)
	}
	if n > 0 {
		wrong = append(wrong, axeSays(t, ctx, `{include:window.fresh.map(e=>[e])}`, "{rules:{'color-contrast':{enabled:false}},resultTypes:['violations']}")...)
	}
	return wrong
}

const remember = `(window.before = new Set([...document.querySelectorAll('body *')].filter(e => e.checkVisibility()))).size`

// screens are two colours, for what can be read, and two widths, for what fits.
var screens = []screen{
	{"light-1440", "light", 1440, 900},
	{"dark-1440", "dark", 1440, 900},
	{"light-390", "light", 390, 844},
}

// Each page is loaded once, and then seen as on each screen.
func TestEveryPageIsAccessibleAtEverySizeAndColour(t *testing.T) {
	t.Parallel()
	ctx, heard := browser(t)
	site := fixtureSite(t)
	if _, err := chromedp.Run(ctx, func(ctx context.Context, t *chromedp.Target) (page.AddScriptToEvaluateOnNewDocumentResult, error) {
		return cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: axe})
	}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]map[string]bool{"light": {}, "dark": {}}
	for _, f := range fixtures() {
		t.Run(f.path, func(t *testing.T) {
			for i, s := range screens {
				if err := chromedp.Do(ctx, colours(s.scheme), chromedp.EmulateViewport(s.width, s.height)); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					if err := chromedp.Do(ctx, chromedp.Navigate(site+f.path)); err != nil {
						t.Fatal(err)
					}
				}
				judge := s.judge
				if i == 2 { // a narrow window shows little that a wide one does not
					judge = s.fresh
				}
				wrong := judge(t, ctx, seen[s.scheme])
				if i == 0 {
					if _, err := chromedp.Run(ctx, chromedp.Evaluate[int](remember)); err != nil {
						t.Fatal(err)
					}
				}
				for _, w := range append(wrong, heard.take()...) {
					t.Errorf("%s: %s", s.name, w)
				}
				picture(t, ctx, s.name+strings.NewReplacer("/", "_", "?", "_").Replace(f.path))
			}
			for _, w := range printed(t, ctx) {
				t.Errorf("on paper: %s", w)
			}
		})
	}
	for scheme, s := range seen {
		if len(s) < 30 {
			t.Errorf("only %d looks of text were judged in %s", len(s), scheme)
		}
	}
}

// printed says what is wrong with the page when it is printed. On paper there is nothing to click, nothing runs off the sheet, and the page
// says whose it is, as of when and where it stands.
func printed(t *testing.T, ctx context.Context) []string {
	t.Helper()
	paper := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		return err
	})
	if err := chromedp.Do(ctx, paper, chromedp.EmulateViewport(703, 990)); err != nil { // A4 within its margins
		t.Fatal(err)
	}
	wrong, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`(() => {
		const out = [], wide = document.documentElement.scrollWidth - innerWidth, seen = q => [...document.querySelectorAll(q)].some(e => e.checkVisibility());
		if (wide > 0) out.push('it is ' + wide + ' pixels wider than the sheet');
		for (const q of ['.side', '.tools', '.skip', '.filters', '.bulk', '.tabs', '.acts .btn']) if (seen(q)) out.push(q + ' is printed');
		for (const t of document.querySelectorAll('main table')) if (t.getBoundingClientRect().right > innerWidth + 1) out.push('a table is cut off');
		if (document.querySelector('.shell') && !seen('.on-paper')) out.push('it does not say whose it is');
		if (getComputedStyle(document.body).backgroundColor !== 'rgb(255, 255, 255)' || !/^(rgb\(0, 0, 0\))$/.test(getComputedStyle(document.querySelector('main')).color)) out.push('it is not black on white');
		return out;
	})()`))
	if err != nil {
		t.Fatal(err)
	}
	return wrong
}
