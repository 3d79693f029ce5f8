package web

import (
	"encoding/json"
	"testing"

	"github.com/chromedp/chromedp"

	"tickmark/internal/markdown"
	"tickmark/internal/policy"
)

// TestTheRichEditorKeepsEveryTemplate lets a real browser, under the product's content policy, read every template into the
// rich editor and write it again: what readers see must be the same, and names and clauses must mean the same.
func TestTheRichEditorKeepsEveryTemplate(t *testing.T) {
	t.Parallel()
	ctx, heard := browser(t)
	site := fixtureSite(t)
	library, err := policy.Templates()
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(site+"/policies/access-control/edit"), until(`!!document.querySelector('.rich .ProseMirror')`)); err != nil {
		t.Fatal(err, heard.take())
	}
	for _, tp := range library.Templates {
		text, err := json.Marshal(tp.Text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(async()=>{const m=await import(document.querySelector('[data-rich]').dataset.rich);const d=document.createElement('div');document.body.append(d);const e=await m.edit(d,`+string(text)+`,'Text',()=>{});const out=e.text();await e.close();d.remove();return out})()`, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := markdown.HTML(tp.Text), markdown.HTML(got); a != b {
			t.Errorf("%s reads otherwise after the editor:\n%s\n%s", tp.ID, got, firstDifference(a, b))
		}
		if a, b := policy.Variables(tp.Text), policy.Variables(got); len(a) != len(b) {
			t.Errorf("%s had the names %v and has %v", tp.ID, a, b)
		}
	}
	for _, c := range heard.take() {
		t.Error(c)
	}
}

func firstDifference(a, b string) string {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			return a[max(0, i-80):min(len(a), i+80)] + "\n---\n" + b[max(0, i-80):min(len(b), i+80)]
		}
	}
	return "one is longer"
}

func TestWhatIsWrittenInTheRichEditorIsWhatIsSaved(t *testing.T) {
	t.Parallel()
	ctx, heard := browser(t)
	site := fixtureSite(t)
	text := func() string {
		t.Helper()
		v, err := chromedp.Run(ctx, chromedp.Evaluate[string](`new FormData(document.querySelector('[data-editor]')).get('text')`))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(site+"/policies/access-control/edit"), until(`!!document.querySelector('.rich .ProseMirror')`)); err != nil {
		t.Fatal(err, heard.take())
	}
	if got := text(); markdown.HTML(got) != markdown.HTML(policyAfter) || len(got) < len(policyAfter) {
		t.Errorf("looking at a text changed it: %q", got)
	}
	if err := chromedp.Do(ctx, chromedp.Click(".rich li"), chromedp.KeyEvent("Never "), until(`new FormData(document.querySelector('[data-editor]')).get('text').includes('Never ')`)); err != nil {
		t.Fatal(err, heard.take())
	}
	if err := chromedp.Do(ctx, click("[data-mode]"), until(`!document.getElementById('text').hidden && document.getElementById('text').value.includes('Never ')`), click("[data-mode]"), until(`document.getElementById('text').hidden`)); err != nil {
		t.Fatal(err, heard.take())
	}
	for _, v := range axeRun(t, ctx) {
		t.Error(v)
	}
	for _, c := range heard.take() {
		t.Error(c)
	}
	picture(t, ctx, "editor-rich")
}
