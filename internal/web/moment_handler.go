package web

import (
	"net/http"
	"net/url"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/web/part"
)

// turn turns the whole site to the moment that the date control names, and goes back to the page it stands on.
func (s *site) turn(w http.ResponseWriter, r *http.Request) error {
	typed, zone := r.URL.Query().Get("moment"), part.Of(r.Context()).Zone
	var t time.Time
	var err error
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", time.RFC3339Nano} {
		if t, err = time.ParseInLocation(layout, typed, zone); err == nil {
			break
		}
	}
	if err != nil {
		return fault.New(fault.Usage, "%q is not a moment in time.", typed).WithNext("Give a date and a time.")
	}
	u, err := url.Parse(within(r.URL.Query().Get("to")))
	if err != nil {
		return err
	}
	q := u.Query()
	q.Del(part.AsOfName)
	q.Del("after") // a place in a list of now means nothing then
	if t.Before(part.Of(r.Context()).Now) {
		q.Set(part.AsOfName, part.Stamp(t))
	}
	u.RawQuery = q.Encode()
	http.Redirect(w, r, u.RequestURI(), http.StatusSeeOther)
	return nil
}

// theme keeps light or dark where no script can.
func (s *site) theme(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, 10_000); err != nil {
		return err
	}
	if t := r.PostForm.Get("theme"); t == "light" || t == "dark" {
		http.SetCookie(w, &http.Cookie{Name: "theme", Value: t, Path: "/", MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode})
	}
	http.Redirect(w, r, within(r.PostForm.Get("to")), http.StatusSeeOther)
	return nil
}

func noPage(r *http.Request) error {
	return fault.New(fault.NotFound, "There is no page %s.", r.URL.Path).WithNext("Look for what you need by its name.")
}
