// Package part holds the pieces that every page is made of: chips, tables, forms, timelines. The one rule: a part knows how
// something looks and nothing of where it came from, and every link it makes keeps the moment the reader is looking at.
package part

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// View is how the reader looks at the site: at which moment, in which zone.
type View struct {
	AsOf time.Time      // the past moment shown; zero for now
	Now  time.Time      // the clock of this answer
	Zone *time.Location // the organisation's zone; UTC when nil

	Name  func(key string) string // a person's name by key; nil where nobody is known
	Saved *Saved                  // the views saved of the list that is shown; nil where there is none
}

// Past says that the reader looks at an earlier moment, where nothing can be changed.
func (v View) Past() bool { return !v.AsOf.IsZero() }

// Moment is the moment that pages speak of: AsOf, or Now.
func (v View) Moment() time.Time {
	if v.Past() {
		return v.AsOf
	}
	return v.Now
}

type viewKey struct{}

// With puts the view into the context that the templates read.
func With(ctx context.Context, v View) context.Context {
	if v.Zone == nil {
		v.Zone = time.UTC
	}
	return context.WithValue(ctx, viewKey{}, v)
}

// Of is the view in ctx; without one, now and UTC.
func Of(ctx context.Context) View {
	if v, ok := ctx.Value(viewKey{}).(View); ok {
		return v
	}
	return View{Now: time.Now(), Zone: time.UTC}
}

// Who names an actor for people to read: a person by name, an account that is nobody's by its key, a job or connection as it is.
func Who(ctx context.Context, actor string) string {
	if key, ok := strings.CutPrefix(actor, "person:"); ok {
		if name := Of(ctx).Name; name != nil {
			return name(key)
		}
		return key
	}
	return strings.TrimPrefix(actor, "user:")
}

// People names people by their keys.
func People(ctx context.Context, keys ...string) string {
	var names []string
	for _, key := range keys {
		if !strings.Contains(key, ":") { // else a job, or a user who is nobody's
			key = "person:" + key
		}
		names = append(names, Who(ctx, key))
	}
	return strings.Join(names, ", ")
}

// Past says whether the reader looks at an earlier moment.
func Past(ctx context.Context) bool { return Of(ctx).Past() }

// AsOfName is the query parameter that carries the moment.
const AsOfName = "as_of"

// To is a link within the site that keeps the reader's moment. query is name, value, name, value...; empty values are left out.
func To(ctx context.Context, path string, query ...string) templ.SafeURL {
	path, frag, _ := strings.Cut(path, "#")
	path, old, _ := strings.Cut(path, "?")
	q, _ := url.ParseQuery(old)
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" {
			q.Set(query[i], query[i+1])
		}
	}
	if v := Of(ctx); v.Past() && !q.Has(AsOfName) {
		q.Set(AsOfName, Stamp(v.AsOf))
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	if frag != "" {
		path += "#" + frag
	}
	return templ.SafeURL(path)
}

// Stamp writes a moment as it stands in addresses: RFC 3339 in UTC, microseconds only where there are any.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z") }

// Path joins segments to an address, escaping each. Segments that browsers and routers take for something else, such as the key
// "/" of a mount, are written with a tilde in front; Segment reads them back.
func Path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		switch {
		case s == "/":
			s = "~slash"
		case s == ".":
			s = "~dot"
		case s == "..":
			s = "~dots"
		case strings.HasPrefix(s, "~"):
			s = "~" + s
		}
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// Segment is what a segment of an address that Path made stands for.
func Segment(s string) string {
	switch {
	case s == "~slash":
		return "/"
	case s == "~dot":
		return "."
	case s == "~dots":
		return ".."
	}
	return strings.TrimPrefix(s, "~")
}
