package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/retention"
)

func TestACheckIsTurnedOffOnlyWithAReasonAndSetOnlyToWhatItTakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	var with *check.Check
	for _, c := range w.Monitor.Set.Checks() {
		for _, x := range c.Settings {
			if _, ok := x.Default.(int64); ok && with == nil {
				with = c
				_ = x
			}
		}
	}
	if with == nil {
		t.Fatal("no check has a number to set")
	}
	name := ""
	for _, x := range with.Settings {
		if _, ok := x.Default.(int64); ok {
			name = x.Name
		}
	}
	path := "/settings/checks/" + with.ID
	if status, page := w.post(t, path, url.Values{"off": {"true"}}); status != http.StatusUnprocessableEntity || !strings.Contains(page, "Say why") {
		t.Errorf("without a reason it answers %d", status)
	}
	if status, page := w.post(t, path, url.Values{"set." + name: {"soon"}, "reason": {"we agreed"}}); status != http.StatusUnprocessableEntity || !strings.Contains(page, "was not saved") {
		t.Errorf("a word for a number answers %d", status)
	}
	// What it would have answered is seen before it is set, and sets nothing.
	_, page := w.get(t, path+"/preview?"+url.Values{"set." + name: {"7"}, "reason": {"we agreed so in May"}}.Encode())
	if said := plainText(page); !strings.Contains(said, "7 instead of ") || !strings.Contains(said, "we agreed so in May") || !strings.Contains(said, "What was judged") || !strings.Contains(said, "would have") {
		t.Errorf("the preview says %s", said)
	}
	for field, value := range map[string]string{"set." + name: "7", "reason": "we agreed so in May"} {
		if !strings.Contains(page, `name="`+field+`" value="`+value+`"`) {
			t.Errorf("the form of the preview does not send %s", field)
		}
	}
	if status, _ := w.get(t, path+"/preview?off=true"); status != http.StatusUnprocessableEntity {
		t.Errorf("a preview without a reason answers %d", status)
	}
	if _, page := w.get(t, path+"/preview?off=true&reason=unused"); !strings.Contains(plainText(page), "answers nothing") {
		t.Error("the preview does not say what turning it off means")
	}
	// The form of the records leads there too.
	form := url.Values{"check": {with.ID}, "off": {"true"}, "settings": {fmt.Sprintf(`{%q: 7}`, name)}, "reason": {"we agreed so in May"}}
	if status, page := w.post(t, "/new/check_setting", form); status != 200 || !strings.Contains(plainText(page), "Before "+with.ID+" is set") || !strings.Contains(plainText(page), "7 instead of ") || !strings.Contains(page, `name="off" value="true"`) {
		t.Errorf("the form of the records answers %d: %s", status, plainText(page))
	}
	form.Set("settings", `{"no_such_threshold": 7}`)
	if status, page := w.post(t, "/new/check_setting", form); status != http.StatusUnprocessableEntity || !strings.Contains(page, "no_such_threshold") {
		t.Errorf("a threshold that there is not answers %d", status)
	}
	if _, err := w.Book.Get(t.Context(), check.SettingKind, with.ID, 0); err == nil {
		t.Error("a preview set the check")
	}
	if status, page := w.post(t, path, url.Values{"set." + name: {"7"}, "off": {"true"}, "reason": {"we agreed so in May"}}); status != 200 || !strings.Contains(page, "we agreed so in May") {
		t.Fatalf("it answers %d: %s", status, plainText(page))
	}
	if status, _ := w.post(t, path, url.Values{"reason": {"a second tab, opened before"}}); status != http.StatusConflict {
		t.Errorf("a stale form answers %d", status)
	}
	form.Set("settings", fmt.Sprintf(`{%q: 9}`, name))
	form.Set("_reason", "we agreed otherwise in June")
	if now, err := w.Book.Get(t.Context(), check.SettingKind, with.ID, 0); err != nil {
		t.Fatal(err)
	} else {
		form.Set("_seen", now.From.Time().Format(time.RFC3339Nano))
	}
	if status, page := w.post(t, "/records/check_setting/"+with.ID+"/edit", form); status != 200 || !strings.Contains(plainText(page), "9 instead of 7") || !strings.Contains(page, `name="_seen" value="`+form.Get("_seen")+`"`) {
		t.Errorf("the form of the records answers %d: %s", status, plainText(page))
	}
	v, err := w.Book.Get(t.Context(), check.SettingKind, with.ID, 0)
	if err != nil || !strings.Contains(string(v.Body), `"off":true`) || !strings.Contains(string(v.Body), `"`+name+`":7`) {
		t.Errorf("it is set to %s (%v)", v.Body, err)
	}
	if n := w.rows(t, "/settings/checks?show=off"); n != 1 {
		t.Errorf("%d checks are listed as off", n)
	}
	if _, page := w.get(t, "/settings/history"); !strings.Contains(page, "we agreed so in May") {
		t.Error("the history does not say why")
	}
}

func TestARuleOfRetentionIsSeenBeforeItIsSet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	const path = "/settings/retention"
	draft := url.Values{"kind": {"git_commit"}, "days": {"400"}, "reason": {"old ones are in the repository"}}
	if _, page := w.get(t, path); !strings.Contains(plainText(page), "Every body is kept for ever") {
		t.Error("without a rule it does not say that everything is kept")
	}
	_, page := w.get(t, path+"?"+draft.Encode())
	if said := plainText(page); !strings.Contains(said, "This rule would drop nothing now") || !strings.Contains(said, "Nothing is set yet") {
		t.Errorf("the preview says %s", said)
	}
	for field, value := range draft {
		if !strings.Contains(page, `<input type="hidden" name="`+field+`" value="`+value[0]+`"`) {
			t.Errorf("the form of the preview does not send %s", field)
		}
	}
	if rules, err := retention.Rules(t.Context(), w.Book, 0); err != nil || len(rules) != 0 {
		t.Errorf("a preview set %+v (%v)", rules, err)
	}
	for _, bad := range []url.Values{{"kind": {"git_commit"}, "days": {"30"}, "reason": {"r"}}, {"kind": {"git_commit"}, "days": {"soon"}, "reason": {"r"}}, {"kind": {"git_commit"}, "days": {"400"}}, {"kind": {"person"}, "days": {"400"}, "reason": {"r"}}} {
		if status, page := w.post(t, path, bad); status < 400 || status >= 500 || !strings.Contains(page, "That was not done") {
			t.Errorf("%v answers %d", bad, status)
		}
		if bad.Get("reason") == "" {
			continue
		}
		if status, page := w.get(t, path+"?"+bad.Encode()); status != http.StatusUnprocessableEntity || !strings.Contains(page, "That was not done") {
			t.Errorf("the preview of %v answers %d", bad, status)
		}
	}
	if status, page := w.post(t, path, draft); status != 200 || !strings.Contains(page, "old ones are in the repository") || !strings.Contains(page, "400 days") {
		t.Fatalf("it answers %d: %s", status, plainText(page))
	}
	if _, page := w.get(t, path+"?look=1"); !strings.Contains(plainText(page), "0 bodies") {
		t.Error("it does not say what would go")
	}
	if _, page := w.get(t, "/settings/history"); !strings.Contains(page, "old ones are in the repository") {
		t.Error("the history does not say why")
	}
	if status, _ := w.post(t, path+"/end", url.Values{"kind": {"git_commit"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("an end without a reason answers %d", status)
	}
	if status, page := w.post(t, path+"/end", url.Values{"kind": {"git_commit"}, "reason": {"it is cheap"}}); status != 200 || !strings.Contains(plainText(page), "Every body is kept for ever") {
		t.Errorf("it answers %d", status)
	}
}
