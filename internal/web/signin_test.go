package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pquerna/otp/totp"
	"golang.org/x/net/html"
)

func TestSignInByPasswordWithACode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	status, page := w.get(t, "/sign-in/enrol/password")
	if status != 200 {
		t.Fatalf("the page answers %d", status)
	}
	secret := ""
	walk(t, []byte(page), func(_ *html.Node, a map[string]string) {
		if a["data-copy"] != "" {
			secret = a["data-copy"]
		}
	})
	status, page = w.post(t, "/sign-in/enrol/password", url.Values{"password": {"correct unrelated horses"}, "code": {"000000"}})
	if status == 200 || !strings.Contains(page, "It was not set") {
		t.Fatalf("a wrong code answers %d", status)
	}
	walk(t, []byte(page), func(_ *html.Node, a map[string]string) { // the secret is another one now
		if a["data-copy"] != "" {
			secret = a["data-copy"]
		}
	})
	code, err := totp.GenerateCode(secret, w.Log.Clock())
	if err != nil {
		t.Fatal(err)
	}
	status, page = w.post(t, "/sign-in/enrol/password", url.Values{"password": {"correct unrelated horses"}, "code": {code}})
	if status != 200 {
		t.Fatalf("the right code answers %d: %s", status, plainText(page))
	}
	var recovery []string
	walk(t, []byte(page), func(n *html.Node, a map[string]string) {
		if n.Data == "li" && n.Parent != nil && len(n.Parent.Attr) > 0 && n.Parent.Attr[0].Val == "recovery" {
			recovery = append(recovery, text(n))
		}
	})
	if len(recovery) < 8 {
		t.Fatalf("%d recovery codes are shown", len(recovery))
	}
	w.post(t, "/sign-out", nil)
	form := url.Values{"email": {w.by.User.Email}, "password": {"wrong"}, "code": {recovery[0]}, "to": {"/checks"}}
	status, page = w.post(t, "/sign-in", form)
	if status != http.StatusUnauthorized || !strings.Contains(page, "did not sign you in") || !strings.Contains(page, w.by.User.Email) {
		t.Errorf("a wrong password answers %d: %s", status, plainText(page))
	}
	form.Set("password", "correct unrelated horses")
	status, page = w.post(t, "/sign-in", form)
	if status != 200 || !strings.Contains(page, "<h1>Checks</h1>") {
		t.Errorf("the right password answers %d: %s", status, plainText(page))
	}
}

func TestALinkSignsInOnceAndNotByLooking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link, err := url.Parse(w.link(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // a mail scanner looks
		if status, page := w.get(t, link.RequestURI()); status != 200 || !strings.Contains(page, "Sign in as") {
			t.Fatalf("looking answers %d", status)
		}
	}
	token := url.Values{"token": {link.Query().Get("token")}}
	if status, page := w.post(t, "/sign-in/link", token); status != 200 || !strings.Contains(page, "How will you sign in") {
		t.Fatalf("the first use answers %d", status)
	}
	w.post(t, "/sign-out", nil)
	if status, page := w.post(t, "/sign-in/link", token); status == 200 || !strings.Contains(page, "does not work") {
		t.Errorf("the second use answers %d", status)
	}
	if status, page := w.get(t, link.RequestURI()); status == 200 || !strings.Contains(page, "does not work") {
		t.Errorf("looking afterwards answers %d", status)
	}
}
