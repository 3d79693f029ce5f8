package declared

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Check reads one file as the workspace would.
func Check(path string, taken []connector.Connector, kinds []*record.Kind) (connector.Connector, error) {
	_, c, err := load(path)
	if err == nil {
		err = free(c, taken, kinds)
	}
	return c, err
}

// Trial is what a connector did with a cassette.
type Trial struct {
	Read     map[string]int `json:"read"` // objects by kind
	Asked    int            `json:"asked"`
	Problems []string       `json:"problems"`
}

// Try reads a cassette with a connector: all of it, and once more for each question, refused. given are settings; the others are
// their defaults or invented. A cassette is JSON: by request the answer's body, or {"status": …, "body": …}.
func Try(ctx context.Context, c connector.Connector, cassette []byte, given connector.Values) (Trial, error) {
	var answers map[string]json.RawMessage
	if err := json.Unmarshal(cassette, &answers); err != nil {
		return Trial{}, fault.New(fault.Invalid, "The cassette is no JSON object of requests and answers: %w.", err)
	}
	p := &player{answers: map[string]json.RawMessage{}}
	for request, answer := range answers {
		p.answers[inOrder(request)] = answer
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Trial{}, fmt.Errorf("play the cassette: %w", err)
	}
	srv := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go srv.Serve(l)
	defer srv.Close()
	v := connector.Values{}
	for _, s := range c.Settings {
		if v[s.Name] = s.Default; s.Required && s.Default == "" {
			v[s.Name] = "example"
		}
		if s.Secret {
			v[s.Name] = "planted-secret-of-" + s.Name
			p.secrets = append(p.secrets, v[s.Name])
		}
	}
	if _, ok := v[connector.PerMinute]; ok { // a cassette is no service that others use too
		v[connector.PerMinute] = "60000"
	}
	maps.Copy(v, given)
	v["endpoint"] = "http://" + l.Addr().String()

	whole := p.read(ctx, c, v, "")
	t := Trial{Read: whole.read, Asked: len(p.asked), Problems: slices.Clone(p.problems)}
	for _, g := range whole.gaps {
		t.Problems = append(t.Problems, fmt.Sprintf("%s was not read: %s", g.Kind, g.Reason))
	}
	for _, k := range c.Kinds {
		if whole.read[k.Name] == 0 {
			t.Problems = append(t.Problems, "No "+k.Name+" was read.")
		}
	}
	asked := slices.Sorted(maps.Keys(p.asked))
	for _, request := range slices.Sorted(maps.Keys(p.answers)) {
		if !p.asked[request] {
			t.Problems = append(t.Problems, request+" was not asked: a page or a part is not followed.")
		}
	}
	for _, request := range asked {
		r := p.read(ctx, c, v, request)
		i := slices.IndexFunc(r.gaps, func(g connector.Gap) bool { return g.Denied })
		switch {
		case i < 0:
			t.Problems = append(t.Problems, "When "+request+" is refused, nothing is said to be denied.")
		case !slices.ContainsFunc(c.Permissions, func(x connector.Permission) bool { return x.Name == r.gaps[i].Needs }):
			t.Problems = append(t.Problems, fmt.Sprintf("When %s is refused, the permission %q is named, which is not declared.", request, r.gaps[i].Needs))
		}
	}
	return t, ctx.Err()
}

// inOrder writes a request with its query in one order.
func inOrder(request string) string {
	u, err := url.Parse(request)
	if err != nil || strings.Contains(request, " ") || u.RawQuery == "" {
		return request
	}
	return u.EscapedPath() + "?" + u.Query().Encode()
}

// player answers from a cassette.
type player struct {
	answers map[string]json.RawMessage
	secrets []string

	mu       sync.Mutex
	asked    map[string]bool
	denied   string
	problems []string
}

func (p *player) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	request := inOrder(r.URL.RequestURI())
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		request = "POST " + request
		if _, ok := p.answers[request]; !ok {
			request += " " + string(body)
		}
	}
	for _, secret := range p.secrets {
		if strings.Contains(r.URL.String(), url.QueryEscape(secret)) {
			p.problem("The address " + r.URL.Path + " holds a secret.")
		}
	}
	w.Header().Set("Content-Type", "application/json")
	answer, ok := p.answers[request]
	switch {
	case request == p.denied:
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"message":"no"}`)
		return
	case !ok:
		p.problem(request + " is not on the cassette.")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	p.asked[request] = true
	var full struct {
		Status int
		Header map[string]string
		Body   json.RawMessage
	}
	if json.Unmarshal(answer, &full) == nil && full.Status != 0 {
		for name, value := range full.Header {
			w.Header().Set(name, strings.ReplaceAll(value, "{{base}}", "http://"+r.Host))
		}
		w.WriteHeader(full.Status)
		answer = full.Body
	}
	io.WriteString(w, strings.ReplaceAll(string(answer), "{{base}}", "http://"+r.Host))
}

func (p *player) problem(text string) {
	if !slices.Contains(p.problems, text) {
		p.problems = append(p.problems, text)
	}
}

func (p *player) read(ctx context.Context, c connector.Connector, v connector.Values, denied string) *heard {
	p.mu.Lock()
	p.denied = denied
	if denied == "" {
		p.asked = map[string]bool{}
	}
	p.mu.Unlock()
	h := &heard{read: map[string]int{}}
	if err := c.Read(ctx, v, h); err != nil {
		h.gaps = append(h.gaps, connector.Gap{Kind: c.Name, Reason: err.Error()})
	}
	return h
}

// heard is the sink of a trial.
type heard struct {
	mu   sync.Mutex
	read map[string]int
	gaps []connector.Gap
}

// Item implements connector.Sink.
func (h *heard) Item(it connector.Item) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.read[it.Kind]++
	return nil
}

// Missing implements connector.Sink.
func (h *heard) Missing(g connector.Gap) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gaps = append(h.gaps, g)
}

// What a trial has no use for.
func (h *heard) Seen(string, string) bool                     { return false }
func (h *heard) Unchanged(string, string) bool                { return false }
func (h *heard) Complete(string, string)                      {}
func (h *heard) Under(string, string)                         {}
func (h *heard) Through(string, string, time.Time)            {}
func (h *heard) Since(string, string) time.Time               { return time.Time{} }
func (h *heard) Exchange(connector.Exchange) connector.Answer { return nil }
func (h *heard) Progress(string, int, int)                    {}
func (h *heard) State() []byte                                { return nil }
func (h *heard) SetState([]byte)                              {}
func (h *heard) Now() time.Time                               { return time.Now() }
