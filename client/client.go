// Package client asks a Tickmark server over its HTTP API. The one rule: what the server proves is proven again here, with
// the ledger's key that you were given and not with the one it sends.
//
//	c, err := client.New("https://tickmark.example.org", token)
//	for r, err := range c.List(ctx, "person", client.Query{Where: `r.end == null`}) { … }
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client asks one server. It is safe for concurrent use.
type Client struct {
	HTTP *http.Client // redirects are never followed; the API has none

	base  *url.URL
	token string
}

const answerLimit = 256 << 20 // bytes of one answer

// New makes a client of the server at base, such as https://tickmark.example.org. It refuses to send the token in clear over
// a network.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%q is not the address of a server: give scheme and host, such as https://tickmark.example.org", base)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%s would carry the token in clear: use https", base)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{HTTP: &http.Client{Timeout: 5 * time.Minute, CheckRedirect: stay}, base: u, token: token}, nil
}

// Problem is what the server refused or could not do (RFC 9457).
type Problem struct {
	Type     string  `json:"type"`
	Title    string  `json:"title"`
	Status   int     `json:"status"`
	Detail   string  `json:"detail"`
	Next     string  `json:"next"`     // what to do about it
	Instance string  `json:"instance"` // names this occurrence in the operator's log
	Errors   []Wrong `json:"errors"`
}

// Wrong is one of several things that are wrong.
type Wrong struct {
	Detail   string `json:"detail"`
	Location string `json:"location"`
	Line     int    `json:"line"`
	Column   string `json:"column"`
}

func (p *Problem) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s (%d) %s", p.Detail, p.Status, p.Next))
}

// NotFound reports whether err says that there is no such thing, or none that the token may read.
func NotFound(err error) bool { return is(err, http.StatusNotFound) }

// Changed reports whether err says that another version holds than the one that was seen.
func Changed(err error) bool { return is(err, http.StatusPreconditionFailed) }

func is(err error, status int) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status == status
}

// Record is one version of a record.
type Record struct {
	Kind     string          `json:"kind"`
	Key      string          `json:"key"`
	Label    string          `json:"label"`
	Source   string          `json:"source"`
	From     time.Time       `json:"from"`
	To       *time.Time      `json:"to"` // nil while it holds
	Entry    int64           `json:"entry"`
	Body     json.RawMessage `json:"body"`
	Origin   string          `json:"origin"`
	Scope    string          `json:"scope"`
	Occurred *time.Time      `json:"occurred"`
	Actor    string          `json:"actor"`
	Reason   string          `json:"reason"`
	Erased   bool            `json:"erased"`
	Dropped  string          `json:"dropped"` // how the body went, when a rule of retention dropped it
	Latest   json.RawMessage `json:"latest"`  // values outside the history
}

// ETag names the version, for PutOptions.
func (r Record) ETag() string { return strconv.Quote(strconv.FormatInt(r.From.UnixMicro(), 10)) }

// Query chooses records of a kind; the zero Query is all that hold now.
type Query struct {
	Where  string    // CEL over r
	Sort   string    // an indexed field, "-" before it for descending
	Source string    // only what this connection says
	AsOf   time.Time // as things stood then
	From   time.Time // with To: every version that held in the window
	To     time.Time
	Page   int // records a request, 500 when zero; at most 1000
}

// List hands over every record of a query, asking for page after page. It ends at the first error, which it hands over last.
func (c *Client) List(ctx context.Context, kind string, q Query) iter.Seq2[Record, error] {
	v := url.Values{"limit": {strconv.Itoa(orElse(q.Page, 500))}}
	set(v, "where", q.Where)
	set(v, "sort", q.Sort)
	set(v, "source", q.Source)
	at(v, "as_of", q.AsOf)
	at(v, "from", q.From)
	at(v, "to", q.To)
	return pages(func(after string) ([]Record, string, error) {
		set(v, "after", after)
		var page struct {
			Records []Record `json:"records"`
			Next    string   `json:"next"`
		}
		err := c.get(ctx, address("records", kind), v, &page)
		return page.Records, page.Next, err
	})
}

// Get returns a record as it holds, or as it held then when asOf is not zero.
func (c *Client) Get(ctx context.Context, kind, key string, asOf time.Time) (Record, error) {
	v := url.Values{}
	at(v, "as_of", asOf)
	var r Record
	err := c.get(ctx, address("records", kind, key), v, &r)
	return r, err
}

// History returns every version of a record, oldest first.
func (c *Client) History(ctx context.Context, kind, key string) ([]Record, error) {
	var list []Record
	err := c.get(ctx, address("records", kind, key, "history"), nil, &list)
	return list, err
}

// PutOptions say why something is written and what must stand before.
type PutOptions struct {
	Reason  string
	IfMatch string // the ETag of the version that was seen; "*" for any
	New     bool   // refuse when the record is there already
}

// Put writes the whole content of a record and returns the version that holds then. Content that is there already makes no
// version.
func (c *Client) Put(ctx context.Context, kind, key string, body any, o PutOptions) (Record, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return Record{}, fmt.Errorf("write the content of %s %s: %w", kind, key, err)
	}
	v, head := url.Values{}, http.Header{"Content-Type": {"application/json"}}
	set(v, "reason", o.Reason)
	if o.IfMatch != "" {
		head.Set("If-Match", o.IfMatch)
	}
	if o.New {
		head.Set("If-None-Match", "*")
	}
	var r Record
	err = c.ask(ctx, http.MethodPut, address("records", kind, key), v, head, bytes.NewReader(b), &r)
	return r, err
}

// End ends a record; its history stays.
func (c *Client) End(ctx context.Context, kind, key, reason string) error {
	return c.ask(ctx, http.MethodDelete, address("records", kind, key), url.Values{"reason": {reason}}, nil, nil, nil)
}

// Imported says what an import did.
type Imported struct {
	Read      int `json:"read"`
	Written   int `json:"written"`
	Unchanged int `json:"unchanged"`
}

// Import writes records of a kind from a CSV, XLSX, JSON or JSON lines file, all of them or none. The file's name says which
// it is by its ending.
func (c *Client) Import(ctx context.Context, kind, name string, file io.Reader, reason string) (Imported, error) {
	v := url.Values{"name": {name}}
	set(v, "reason", reason)
	var done Imported
	err := c.ask(ctx, http.MethodPost, address("import", kind), v, http.Header{"Content-Type": {"application/octet-stream"}}, file, &done)
	return done, err
}

// File is a file that the server keeps.
type File struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// Keep hands over a file; then write the evidence that names its SHA-256.
func (c *Client) Keep(ctx context.Context, file io.Reader) (File, error) {
	var f File
	err := c.ask(ctx, http.MethodPost, address("files"), nil, http.Header{"Content-Type": {"application/octet-stream"}}, file, &f)
	return f, err
}

// The answers of checks.
const (
	Pass          = "pass"
	Fail          = "fail"
	Unknown       = "unknown"
	NotApplicable = "not_applicable"
)

// Result is a check's answer about one record over a time.
type Result struct {
	Check  string     `json:"check"`
	Kind   string     `json:"kind"`
	Key    string     `json:"key"`
	Label  string     `json:"label"`
	Status string     `json:"status"`
	Reason string     `json:"reason"`
	From   time.Time  `json:"from"`
	To     *time.Time `json:"to"`
	Source string     `json:"source"`
	Entry  int64      `json:"entry"`
}

// ResultQuery chooses results; the zero value is all that hold now.
type ResultQuery struct {
	Check, Status, Kind, Key string
	AsOf, From, To           time.Time
}

// Results hands over every answer of a query.
func (c *Client) Results(ctx context.Context, q ResultQuery) iter.Seq2[Result, error] {
	v := url.Values{"limit": {"500"}}
	set(v, "check", q.Check)
	set(v, "status", q.Status)
	set(v, "kind", q.Kind)
	set(v, "key", q.Key)
	at(v, "as_of", q.AsOf)
	at(v, "from", q.From)
	at(v, "to", q.To)
	return pages(func(after string) ([]Result, string, error) {
		set(v, "after", after)
		var page struct {
			Results []Result `json:"results"`
			Next    string   `json:"next"`
		}
		err := c.get(ctx, address("results"), v, &page)
		return page.Results, page.Next, err
	})
}

// Status is where the programme stands.
type Status struct {
	AsOf     time.Time `json:"as_of"`
	Criteria []struct {
		ID       string   `json:"id"`
		Title    string   `json:"title"`
		Controls []string `json:"controls"`
		Status   string   `json:"status"`
		Reason   string   `json:"reason"`
	} `json:"criteria"`
	Checks struct {
		Pass          int64 `json:"pass"`
		Fail          int64 `json:"fail"`
		Unknown       int64 `json:"unknown"`
		NotApplicable int64 `json:"not_applicable"`
	} `json:"checks"`
	Coverage float64 `json:"coverage"` // percent of the last 30 days in which checks could speak
}

// Status returns where the programme stands, or stood then when asOf is not zero.
func (c *Client) Status(ctx context.Context, asOf time.Time) (Status, error) {
	v := url.Values{}
	at(v, "as_of", asOf)
	var s Status
	err := c.get(ctx, address("status"), v, &s)
	return s, err
}

// pages hands over the items of page after page.
func pages[T any](page func(after string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for after := ""; ; {
			items, next, err := page(after)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, x := range items {
				if !yield(x, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			if next == after {
				yield(zero, fmt.Errorf("the server names the page %q as the one after itself", next))
				return
			}
			after = next
		}
	}
}

// address is a path of the API; each part is one segment.
func address(parts ...string) string {
	out := "/api/v1"
	for _, p := range parts {
		out += "/" + url.PathEscape(p)
	}
	return out
}

func set(v url.Values, name, value string) {
	if value != "" {
		v.Set(name, value)
	}
}

func at(v url.Values, name string, t time.Time) {
	if !t.IsZero() {
		v.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

func (c *Client) get(ctx context.Context, path string, v url.Values, into any) error {
	return c.ask(ctx, http.MethodGet, path, v, nil, nil, into)
}

// ask sends a request and reads the answer's JSON into a value, or the problem into an error.
func (c *Client) ask(ctx context.Context, method, path string, v url.Values, head http.Header, body io.Reader, into any) error {
	u := strings.TrimSuffix(c.base.Scheme+"://"+c.base.Host+c.base.EscapedPath(), "/") + path
	if len(v) > 0 {
		u += "?" + v.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return fmt.Errorf("ask %s: %w", path, err)
	}
	for name, values := range head {
		r.Header[name] = values
	}
	r.Header.Set("Accept", "application/json, application/problem+json")
	r.Header.Set("Authorization", "Bearer "+c.token)
	a, err := c.HTTP.Do(r)
	if err != nil {
		return fmt.Errorf("ask %s: %w", path, err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(io.LimitReader(a.Body, answerLimit+1))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if len(b) > answerLimit {
		return fmt.Errorf("the answer of %s is larger than %d bytes", path, answerLimit)
	}
	media, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if a.StatusCode < 200 || a.StatusCode > 299 {
		p := &Problem{Status: a.StatusCode, Title: a.Status, Detail: "The server answered " + a.Status + "."}
		if media == "application/problem+json" {
			json.Unmarshal(b, p) // what cannot be read leaves the status
		}
		p.Status = a.StatusCode
		return p
	}
	if into == nil {
		return nil
	}
	if media != "application/json" {
		return fmt.Errorf("%s answered %q, not JSON: is a Tickmark there?", path, media)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}
