package web

import (
	"context"
	_ "embed"
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
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
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

// What axe looks at. Colours are the same at every width and dear to judge; all else is the same in every colour.
const (
	everything  = ""
	onlyColours = "runOnly:['color-contrast','link-in-text-block'],"
	noColours   = "rules:{'color-contrast':{enabled:false}},"
)

// axeRun reports what axe finds wrong, one line each.
func axeRun(t *testing.T, ctx context.Context, what string) []string {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](axe+`;axe.run(document,{`+what+`resultTypes:['violations']}).then(r=>r.violations.flatMap(x=>x.nodes.slice(0,4).map(n=>x.id+': '+n.target.join(' ')+' '+(n.any[0]?.message??n.all[0]?.message??n.none[0]?.message??''))))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return v
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

// screens are two widths, for what fits, and two colours, for what can be read.
var screens = []struct {
	name          string
	scheme        string
	width, height int64
	axe           string
}{
	{"light-1440", "light", 1440, 900, everything},
	{"dark-1440", "dark", 1440, 900, onlyColours},
	{"light-390", "light", 390, 844, noColours},
}

func TestEveryPageIsAccessibleAtEverySizeAndColour(t *testing.T) {
	ctx, heard := browser(t)
	site := fixtureSite(t)
	for _, s := range screens {
		if err := chromedp.Do(ctx, colours(s.scheme), chromedp.EmulateViewport(s.width, s.height)); err != nil {
			t.Fatal(err)
		}
		for _, f := range fixtures() {
			t.Run(s.name+f.path, func(t *testing.T) {
				if err := chromedp.Do(ctx, chromedp.Navigate(site+f.path)); err != nil {
					t.Fatal(err)
				}
				for _, v := range axeRun(t, ctx, s.axe) {
					t.Error(v)
				}
				wide, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth-document.documentElement.clientWidth`))
				if err != nil {
					t.Fatal(err)
				}
				if wide > 0 {
					t.Errorf("the page is %d pixels wider than the window", wide)
				}
				for _, c := range heard.take() {
					t.Error(c)
				}
				picture(t, ctx, s.name+strings.NewReplacer("/", "_", "?", "_").Replace(f.path))
			})
		}
	}
}

// On paper there is nothing to click, nothing runs off the sheet, and the page says whose it is, as of when and where it stands.
func TestEveryPagePrints(t *testing.T) {
	ctx, _ := browser(t)
	site := fixtureSite(t)
	paper := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		return err
	})
	if err := chromedp.Do(ctx, paper, chromedp.EmulateViewport(703, 990)); err != nil { // A4 within its margins
		t.Fatal(err)
	}
	for _, f := range fixtures() {
		t.Run(f.path, func(t *testing.T) {
			if err := chromedp.Do(ctx, chromedp.Navigate(site+f.path)); err != nil {
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
			for _, w := range wrong {
				t.Error(w)
			}
		})
	}
}
