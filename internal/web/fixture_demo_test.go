package web

import (
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"tickmark/internal/record"
	"tickmark/internal/web/part"
)

// invented is the frame of a demonstration, which says so.
func invented(title, section string) Page {
	p := framed(title, section)
	p.Frame.Demonstration = true
	return p
}

func demoFixtures() []fixture {
	return []fixture{
		{path: "/controls-of-a-demonstration", page: func() templ.Component {
			return controlsPage(invented("Controls", "/controls"), ControlList{Rows: fixtureControls(), Offered: 95, Filter: part.Filter{Action: "/controls", Hint: "Filter by text, id or owner", Found: "4 of 4"}})
		}},
		{path: "/sign-in-to-a-demonstration", alone: true, page: func() templ.Component { return signInPage(invented("Sign in", "/sign-in"), SignIn{To: "/"}) }},
	}
}

func TestEveryPageOfADemonstrationSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	look := func(says bool, paths ...string) {
		t.Helper()
		for _, path := range paths {
			if code, html := w.get(t, path); code != 200 || strings.Contains(html, "Demonstration data:") != says {
				t.Errorf("%s (%d) says that it is a demonstration: %v, and should: %v", path, code, !says, says)
			}
		}
	}
	look(false, "/sign-in")
	w.signIn(t)
	look(false, "/controls")
	if _, err := w.Book.Put(t.Context(), record.Job("job:demo"), record.Change{Kind: "organisation", Key: "organisation", Body: []byte(`{"name":"Example (demonstration)","time_zone":"UTC","demo":true}`)}); err != nil {
		t.Fatal(err)
	}
	look(true, "/", "/controls", "/criteria/CC6.1", "/records/person/ada", "/settings/users")
	w.http.Jar, _ = cookiejar.New(nil) // somebody who is not signed in
	look(true, "/sign-in")
}
