package room_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"tickmark/internal/engagement"
)

// browser starts Chromium; it skips only where there is none and none was asked for.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := os.Getenv("TICKMARK_TEST_CHROMIUM")
	if path == "" {
		var err error
		if path, err = exec.LookPath("chromium"); err != nil {
			t.Skip("no Chromium here; set TICKMARK_TEST_CHROMIUM to its path")
		}
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1440, 900), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	ctx, stop = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(stop)
	return ctx
}

func do(t *testing.T, ctx context.Context, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func js[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// pressed presses keys that the page takes for itself. Typed through the protocol they would be written as well.
func pressed(keys ...string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, k := range keys {
			expression := fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: %q, bubbles: true, cancelable: true}))`, k)
			if _, err := cdp.Call(ctx, t, runtime.Evaluate, runtime.EvaluateParams{Expression: expression}); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestTheGridIsMarkedByKeyboard(t *testing.T) {
	f := open(t, memory(t))
	f.planned()
	items := f.sampled(120, 30, 3)
	ctx := browser(t)
	const paper = "/engagements/acme-26/papers/AC-03"
	do(t, ctx, "open the paper", chromedp.Navigate(f.URL+paper))
	if n := js[int](t, ctx, `document.querySelectorAll('input.cell[tabindex="0"]').length`); n != 1 {
		t.Errorf("%d cells are stops of the tab key", n)
	}
	js[bool](t, ctx, `document.querySelector('input.cell').focus(), true`)
	do(t, ctx, "mark", pressed("i", "x", "r", "q", "ArrowDown", "ArrowRight", "ArrowLeft", "n"))
	do(t, ctx, "note", pressed("ArrowLeft", "Enter"), chromedp.KeyEvent("A contractor."), pressed("Enter"))
	// after the third letter the focus is in row 2; q is no mark and stays; down: row 3, first cell, where n goes
	if got, want := js[string](t, ctx, `[...document.querySelectorAll('input.cell')].slice(0, 9).map(c => c.value || '-').join('')`), "IXR---N--"; got != want {
		t.Errorf("the cells are %s, want %s", got, want)
	}
	if got := js[string](t, ctx, `document.querySelector('input.cell').className + ' ' + document.querySelector('input.cell').getAttribute('aria-label')`); !strings.Contains(got, "ok") || !strings.HasSuffix(got, ": I") {
		t.Errorf("a marked cell is %q", got)
	}
	js[bool](t, ctx, `document.getElementById('grid-evidence').value='e1', document.querySelector('[data-save]').click(), true`)
	deadline := time.Now().Add(20 * time.Second)
	for len(engagement.Objects(f.get("workpaper", "AC-03"), "grid")) == 0 && time.Now().Before(deadline) {
		js[bool](t, ctx, `new Promise(done => setTimeout(() => done(true), 100)) && true`)
	}
	if wrong := js[string](t, ctx, `document.querySelector('.banner.bad')?.innerText ?? ''`); wrong != "" {
		t.Error(wrong)
	}
	got := ""
	for _, c := range engagement.Objects(f.get("workpaper", "AC-03"), "grid") {
		got += fmt.Sprint(c["item"], c["attribute"], " ", c["mark"], " ", c["note"], "; ")
	}
	for _, want := range []string{items[0] + "A met", items[0] + "B deviation", items[0] + "C met", items[2] + "A not_applicable A contractor."} {
		if !strings.Contains(got, want) {
			t.Errorf("%q was not saved: %s", want, got)
		}
	}
}

// TestPictures keeps pictures of the pages with their data, where TICKMARK_TEST_PICTURES names a directory.
func TestPictures(t *testing.T) {
	dir := os.Getenv("TICKMARK_TEST_PICTURES")
	if dir == "" {
		t.Skip("TICKMARK_TEST_PICTURES names no directory")
	}
	f := open(t, memory(t))
	f.planned()
	f.rich()
	ctx := browser(t)
	for _, s := range []struct {
		scheme string
		width  int64
	}{{"light", 1440}, {"dark", 1440}, {"light", 390}} {
		colours := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}}})
			return err
		})
		do(t, ctx, "screen", colours, chromedp.EmulateViewport(s.width, 900))
		for name, path := range pictured {
			do(t, ctx, name, chromedp.Navigate(f.URL+path))
			if wide := js[int](t, ctx, `document.documentElement.scrollWidth-document.documentElement.clientWidth`); wide > 0 {
				t.Errorf("%s is %d pixels wider than the window at %d", name, wide, s.width)
			}
			b, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%s-%d.png", name, s.scheme, s.width)), b, 0o644)
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
}

var pictured = map[string]string{"home": "/engagements", "overview": "/engagements/acme-26", "paper": "/engagements/acme-26/papers/AC-03", "samples": "/engagements/acme-26/samples", "population": "/engagements/acme-26/populations/p1", "opinion": "/engagements/acme-26/opinion"}

// rich fills the engagement with marks, deviations, notes and matters.
func (f *firm) rich() {
	f.t.Helper()
	items := f.sampled(120, 30, 6)
	p := f.get("workpaper", "AC-03")
	var grid []body
	for i, item := range items[:24] {
		for j, a := range attributes(6) {
			c := body{"item": item, "attribute": a["id"], "mark": "met", "tickmarks": []string{"inspected", "reperformed", "observed", "traced"}[j%4], "evidence": []string{sum}}
			switch {
			case i == 4 && j == 1:
				c = body{"item": item, "attribute": a["id"], "mark": "deviation", "note": "Removed after nine days."}
			case i == 7 && j == 2:
				c = body{"item": item, "attribute": a["id"], "mark": "not_applicable", "note": "A contractor without a badge."}
			case i == 9 && j == 3:
				c = body{"item": item, "attribute": a["id"], "mark": "open"}
			}
			grid = append(grid, c)
		}
	}
	p["grid"], p["procedures"], p["walkthrough"] = grid, []body{{"sort": "inspection", "text": "Inspected the time at which each account was disabled.", "aim": "operation", "on": "2026-07-08"}, {"sort": "inquiry", "text": "Asked IT how leavers are told of.", "aim": "design"}}, "Followed one leaver of March from notice to the last account."
	p["design"], p["design_reason"] = "suitable", "It covers every system in scope."
	f.put("pete", "workpaper", "AC-03", p)
	f.put("pete", "deviation", "d1", body{"engagement": "acme-26", "name": "Late removal", "control": "AC-03", "item": items[4], "attributes": []string{"B"}, "sort": "late", "facts": "The account of a leaver was removed after nine days."})
	f.put("mara", "review_note", "r1", body{"engagement": "acme-26", "paper": "AC-03", "note": "Which zone are the times in?"})
	f.put("pete", "matter", "x1", body{"engagement": "acme-26", "name": "Late removals", "subject": "operation", "sort": "departure", "facts": "Access stayed after leaving in several cases.", "criteria": []string{"CC6.2"}})
	f.act("paula", "matter", "x1", "answer", body{"material": "yes", "pervasive": "no", "judgement": "One criterion alone."})
	f.put("pete", "criterion_conclusion", "c1", body{"engagement": "acme-26", "criterion": "CC6.2", "conclusion": "not_met", "reason": "Removals came late.", "controls": []string{"AC-03"}})
	f.put("paula", "opinion", "o1", body{"engagement": "acme-26", "name": "Opinion", "subjects": []body{{"subject": "operation", "opinion": "qualified", "basis": "CC6.2 was not met."}}, "aggregate": "Nothing else adds up."})
}
