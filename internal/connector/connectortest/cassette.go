package connectortest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"

	"tickmark/internal/connector"
)

// Load reads a cassette from a JSON file: by request the answer's body, or {"status": …, "header": {…}, "body": …} where the
// answer is more than that. A text as body is sent as it stands.
func Load(t testing.TB, file string) Cassette {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	out := Cassette{}
	for request, raw := range all {
		var full struct {
			Status int               `json:"status"`
			Header map[string]string `json:"header"`
			Body   json.RawMessage   `json:"body"`
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if d.Decode(&full) != nil || full.Body == nil && full.Status == 0 {
			full.Body, full.Status, full.Header = raw, 0, nil
		}
		reply := Reply{Status: full.Status, Header: http.Header{}, Body: string(full.Body)}
		for name, value := range full.Header {
			reply.Header.Set(name, value)
		}
		var text string
		if json.Unmarshal(full.Body, &text) == nil {
			reply.Body = text
		}
		out[request] = reply
	}
	return out
}

// Described holds every question of a cassette, and every answer of status 200, to the vendor's OpenAPI description, which
// scripts/openapi cuts to what is used. Below is where the description's paths begin on the service's host. What asks for a
// token, and other requests that skip names, are not judged.
func Described(t *testing.T, c Cassette, file, below string, skip ...string) {
	t.Helper()
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	router, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation(), openapi3.DisableSchemaPatternValidation(), openapi3.DisableSchemaDefaultsValidation())
	if err != nil {
		t.Fatal(err)
	}
	judged := map[string]bool{}
	for request, reply := range c {
		method, rest := http.MethodGet, request
		if m, r, ok := strings.Cut(request, " "); ok && !strings.HasPrefix(request, "/") {
			method, rest = m, r
		}
		path, body, _ := strings.Cut(rest, " ")
		skipped := false
		for _, s := range skip {
			skipped = skipped || strings.HasPrefix(request, s)
		}
		if skipped {
			continue
		}
		t.Run(request, func(t *testing.T) {
			req, err := http.NewRequest(method, "https://described.example"+strings.TrimPrefix(apart(doc, path), below), strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body != "" {
				req.Header.Set("Content-Type", "application/json")
			}
			route, params, err := router.FindRoute(req)
			if err != nil {
				t.Fatalf("the description knows no such question: %v", err)
			}
			judged[route.Method+" "+route.Path] = true
			in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route,
				Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, ExcludeRequestBody: body == ""}}
			if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
				t.Errorf("the question is not as described: %v", err)
			}
			if reply.Status != 0 && reply.Status != http.StatusOK {
				return
			}
			out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
				Body: io.NopCloser(strings.NewReader(reply.Body)), Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true}}
			if err := openapi3filter.ValidateResponse(t.Context(), out); err != nil {
				t.Errorf("the answer is not as described: %v", err)
			}
		})
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if !judged[method+" "+path] {
				t.Errorf("the description holds %s %s, which is not asked; cut it again", method, path)
			}
		}
	}
}

// apart writes the verb at the end of a path as a segment of its own, "/projects/a/:getIamPolicy", where the description does:
// routers know no variable with something after it.
func apart(doc *openapi3.T, request string) string {
	path, query, asked := strings.Cut(request, "?")
	before, verb, ok := strings.Cut(path[strings.LastIndex(path, "/")+1:], ":")
	if !ok || !slices.ContainsFunc(doc.Paths.InMatchingOrder(), func(p string) bool { return strings.HasSuffix(p, "/:"+verb) }) {
		return request
	}
	path = path[:strings.LastIndex(path, "/")+1] + before + "/:" + verb
	if asked {
		path += "?" + query
	}
	return path
}

// Play reads a cassette once and returns what was handed over.
func Play(t *testing.T, c connector.Connector, s Suite) *Recorder {
	t.Helper()
	r := s.sink()
	if err := c.Read(t.Context(), s.values(s.serve(t, nil)), r); err != nil {
		t.Fatal(err)
	}
	return r
}
