package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// route is one operation: what it is called, what it takes, what it answers, and who serves it.
type route struct {
	method, path, id string
	tag, summary     string
	help             string
	query            []param
	headers          []param
	body             *huma.Schema // of JSON; nil when there is none or when file says what it takes
	file             []string     // media types of a body that is not JSON, at most fileLimit bytes
	status           int          // of success; 200 when zero
	answer           *huma.Schema // of JSON; nil with media or for 204
	media            []string     // media types of an answer that is not JSON
	etag             bool         // the answer has an ETag
	creates          bool         // it answers 201 when the record is new
	serve            func(*call) (any, error)
}

// param is a query parameter or a header.
type param struct {
	name, help string
	required   bool
	schema     *huma.Schema
}

// call is one request under way.
type call struct {
	s     *server
	w     http.ResponseWriter
	r     *http.Request
	who   access.Session
	route *route
	query url.Values
	code  int // status of the answer, when not the route's
}

// streamed is the answer of a route that wrote its own.
type streamed struct{}

func (s *server) add(r route) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	op := s.operation(&r)
	s.doc.AddOperation(op)
	s.adapter.Handle(op, func(h huma.Context) {
		req, w := humago.Unwrap(h)
		c := &call{s: s, w: w, r: req, route: &r, code: r.status}
		c.who, _ = req.Context().Value(sessionKey{}).(access.Session)
		answer, err := c.answer()
		switch {
		case err != nil:
			s.fail(w, req, err)
		case answer == nil:
			w.WriteHeader(c.code)
		case answer == (streamed{}):
		default:
			s.send(w, req, c.code, "application/json", answer)
		}
	})
}

func (c *call) answer() (any, error) {
	limit := int64(bodyLimit)
	if len(c.route.file) > 0 {
		limit = fileLimit
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, limit)
	if err := c.readQuery(); err != nil {
		return nil, err
	}
	if err := c.checkMedia(); err != nil {
		return nil, err
	}
	return c.route.serve(c)
}

// readQuery checks the query against the route's parameters. A parameter that nobody knows is refused: a misspelt filter
// would otherwise answer with everything.
func (c *call) readQuery() error {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return fault.New(fault.Invalid, "The query of the address cannot be read: %w.", err).WithNext("Percent-encode what is not a letter or digit.")
	}
	c.query = q
	var wrong []Wrong
	for _, name := range slices.Sorted(keysOf(q)) {
		at := "query." + name
		i := slices.IndexFunc(c.route.query, func(p param) bool { return p.name == name })
		switch {
		case i < 0:
			wrong = append(wrong, Wrong{Detail: fmt.Sprintf("There is no parameter %q here.", name), Location: at})
		case len(q[name]) > 1:
			wrong = append(wrong, Wrong{Detail: fmt.Sprintf("%s is given %d times.", name, len(q[name])), Location: at})
		default:
			if why := misfit(c.route.query[i], q.Get(name)); why != "" {
				wrong = append(wrong, Wrong{Detail: why, Location: at})
			}
		}
	}
	for _, p := range c.route.query {
		if p.required && strings.TrimSpace(q.Get(p.name)) == "" {
			wrong = append(wrong, Wrong{Detail: fmt.Sprintf("%s is needed: %s", p.name, p.help), Location: "query." + p.name})
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "%s", wrong[0].Detail)
	if names := c.route.parameters(); names != "" {
		f.WithNext("The parameters here are %s.", names)
	} else {
		f.WithNext("It takes none.")
	}
	return &problems{f, wrong}
}

func (r *route) parameters() string {
	names := make([]string, len(r.query))
	for i, p := range r.query {
		names[i] = p.name
	}
	return strings.Join(names, ", ")
}

// misfit says what is wrong with a parameter's text, by the schema that the OpenAPI document shows; "" when nothing is.
func misfit(p param, text string) string {
	var v any = text
	switch p.schema.Type {
	case huma.TypeInteger:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Sprintf("%s: %q is not a whole number.", p.name, text)
		}
		v = n
	case huma.TypeBoolean:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Sprintf("%s: %q is not true or false.", p.name, text)
		}
		v = b
	}
	if p.schema.Format == "date-time" {
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
			return fmt.Sprintf("%s: %q is not a time such as 2026-01-31T09:00:00Z (write + as %%2B).", p.name, text)
		}
		return ""
	}
	var res huma.ValidateResult
	huma.Validate(nil, p.schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, v, &res)
	if len(res.Errors) > 0 {
		d, _ := res.Errors[0].(*huma.ErrorDetail)
		return fmt.Sprintf("%s: %s.", p.name, d.Message)
	}
	return ""
}

func keysOf(q url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range q {
			if !yield(k) {
				return
			}
		}
	}
}

// checkMedia refuses a body that says it is something else than the route takes.
func (c *call) checkMedia() error {
	if c.route.body == nil {
		return nil
	}
	said := c.r.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(said)
	if said == "" || err == nil && (media == "application/json" || strings.HasSuffix(media, "+json")) {
		return nil
	}
	return fault.New(fault.Invalid, "The body is %s, and JSON is needed.", said).WithNext("Send Content-Type: application/json.")
}

// text is a query parameter; it was checked.
func (c *call) text(name string) string { return c.query.Get(name) }

func (c *call) number(name string, otherwise int64) int64 {
	n, err := strconv.ParseInt(c.query.Get(name), 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

func (c *call) flag(name string) bool {
	b, _ := strconv.ParseBool(c.query.Get(name))
	return b
}

// moment is a time parameter; zero when it is not given. One in the future is refused.
func (c *call) moment(name string) (store.Moment, error) {
	text := c.query.Get(name)
	if text == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, fault.New(fault.Invalid, "%s: %q is not a time.", name, text)
	}
	m := store.At(t)
	if m > store.At(c.s.Book.Log.Now()) {
		return 0, fault.New(fault.Invalid, "%s: %s has not come yet.", name, text).WithNext("Ask for a time in the past, or leave it out for now.")
	}
	if m == 0 {
		m = -1 // zero means now; nothing was recorded in either of the two
	}
	return m, nil
}

// reads refuses a kind that the caller may not read: one in a foreign room as if it did not exist.
func (c *call) reads(k *record.Kind) error {
	err := c.who.May(c.r.Context(), access.Read, k)
	if err != nil && k.Room != record.Company && fault.Is(err, fault.Denied) {
		return noKind(k.Name)
	}
	return err
}

// workspace refuses who may not do this with what belongs to no kind.
func (c *call) workspace(verb string) error { return c.who.May(c.r.Context(), verb, nil) }

// decode reads the JSON body strictly into v.
func (c *call) decode(v any) error {
	raw, err := c.object()
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return fault.New(fault.Invalid, "The body is not what this takes: %w.", err).WithNext("The reference at %s shows its fields.", referencePath)
	}
	return nil
}

// object reads the body, which must be one JSON object.
func (c *call) object() (json.RawMessage, error) {
	raw, err := io.ReadAll(c.r.Body)
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	canon, err := record.Canonical(raw)
	if err != nil {
		return nil, err
	}
	if canon[0] != '{' {
		return nil, fault.New(fault.Invalid, "The body is JSON, but not an object.")
	}
	return canon, nil
}

// schemaOf is the schema of a Go type, by reference to the document's components.
func (s *server) schemaOf(v any) *huma.Schema {
	return s.doc.Components.Schemas.Schema(reflect.TypeOf(v), true, "")
}
