package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/web/part"
)

// asOf is the past moment a request asks for; zero for now. A moment to come is refused: nothing is known of it.
func asOf(r *http.Request, now time.Time) (time.Time, error) {
	s := r.URL.Query().Get(part.AsOfName)
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fault.New(fault.Usage, "%q is not a moment in time.", s).WithNext("Give as_of as 2026-11-22T15:00:00Z.")
	}
	if t.After(now) {
		return time.Time{}, fault.New(fault.Invalid, "%s has not come yet, so nothing is known of it.", part.Full(t, nil)).WithNext("Choose a moment that has passed.")
	}
	return t.UTC(), nil
}

// backToNow is the same address without the moment.
func backToNow(here *url.URL) string {
	if here == nil {
		return "/"
	}
	u := *here
	q := u.Query()
	q.Del(part.AsOfName)
	u.RawQuery = q.Encode()
	return u.RequestURI()
}

// within is an address of this site to go back to, or home: a redirect never leaves the site.
func within(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return u.RequestURI()
}
