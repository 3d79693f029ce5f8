package workspace_test

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tickmark/internal/backup"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/programme"
	"tickmark/internal/record"
	"tickmark/internal/report"
	"tickmark/internal/workspace"
)

// written are the ways in which a test looks for a secret: as it is, in an address, in JSON, in hexadecimal, and in base64
// wherever in something longer it stands.
func written(secret string) []string {
	quoted, _ := json.Marshal(secret)
	out := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`), hex.EncodeToString([]byte(secret))}
	for _, before := range []string{"", "x", "xx"} {
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			text := e.EncodeToString([]byte(before + secret))
			out = append(out, text[4:len(text)-4])
		}
	}
	return out
}

// said is what a service says of the secrets that it was given, in every form.
func said(secrets []string) string {
	var b strings.Builder
	for _, s := range secrets {
		fmt.Fprintf(&b, "not known: %s, %s, %s, %s, %s, %s. ", s, url.QueryEscape(s), url.PathEscape(s), hex.EncodeToString([]byte(s)),
			base64.StdEncoding.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte("reader:"+s)))
	}
	return b.String()
}

// echoes are the ways in which a service says secrets back. token: also where it is asked for a token.
var echoes = []struct {
	name  string
	token bool
	give  func(w http.ResponseWriter, r *http.Request, secrets []string)
}{
	{"in an error", false, func(w http.ResponseWriter, r *http.Request, secrets []string) { refuse(w, r, 400, said(secrets)) }},
	{"in a refusal", false, func(w http.ResponseWriter, r *http.Request, secrets []string) {
		w.Header().Set("WWW-Authenticate", `Bearer error="`+url.QueryEscape(said(secrets))+`"`)
		refuse(w, r, 403, said(secrets))
	}},
	{"instead of a token", true, func(w http.ResponseWriter, r *http.Request, secrets []string) {
		for _, s := range secrets { // the error is cut somewhere: a piece of a secret is one as well
			refuse(w, r, 400, strings.Repeat("x", max(0, 275-len(s)/2))+s+said(secrets))
			return
		}
	}},
	{"in an error of status 200", false, func(w http.ResponseWriter, r *http.Request, secrets []string) { refuse(w, r, 200, said(secrets)) }},
	{"in JSON that is none", false, func(w http.ResponseWriter, r *http.Request, secrets []string) {
		w.Header().Set("Content-Type", "application/json")
		name, _ := json.Marshal(said(secrets))
		fmt.Fprintf(w, `{%s:1,%s:2}`, name, name)
	}},
	{"in redirects", false, func(w http.ResponseWriter, r *http.Request, secrets []string) {
		n := len(r.URL.Query().Get("n"))
		w.Header().Set("Location", r.URL.Path+"?n="+strings.Repeat("n", n+1)+"&token="+url.QueryEscape(secrets[n%len(secrets)]))
		w.WriteHeader(http.StatusTemporaryRedirect)
	}},
	{"in a redirect elsewhere", false, func(w http.ResponseWriter, r *http.Request, secrets []string) {
		w.Header().Set("Location", "https://user:"+url.QueryEscape(secrets[0])+"@"+hex.EncodeToString([]byte(secrets[len(secrets)-1]))+".example/"+url.QueryEscape(secrets[0]))
		w.WriteHeader(http.StatusTemporaryRedirect)
	}},
}

// refuse answers with an error as most services write it, and as AWS does.
func refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	if strings.HasPrefix(r.Header.Get("Authorization"), "AWS4") && r.Header.Get("X-Amz-Target") == "" {
		w.WriteHeader(status)
		fmt.Fprintf(w, "<ErrorResponse><Error><Code>Bad</Code><Message>%s</Message></Error></ErrorResponse>", strings.ReplaceAll(why, "&", "&amp;"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"message": why, "error": why, "error_description": why, "status": "error", "errors": []any{map[string]string{"message": why}}})
}

// Whatever a service says back of the secrets it was given, in which form and place: they are in nothing that is kept, said or
// handed over. Nor is what the services' own data hold where their kind declares it secret.
func TestPlantedSecretsAreInNothingThatIsKeptOrSaid(t *testing.T) {
	awsCredentials(t)
	var clock atomic.Int64
	clock.Store(march.UnixNano())
	w := openedAt(t, &clock)
	var heard lines
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&heard, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })

	var planted []string
	all := services(t)
	for _, name := range byTime(all) {
		p := all[name].play(t, name)
		clock.Store(p.now.UnixNano())
		secrets := p.connect(t, w)
		c, err := w.Collect.Connector(cmp.Or(p.connector, name))
		if err != nil {
			t.Fatal(err)
		}
		within := p.plant(t, c)
		planted = append(planted, append(secrets, within...)...)
		run := func(echo string) collect.Summary {
			got, err := w.Collect.Run(t.Context(), name, func(connection, kind string, done, total int) { fmt.Fprintln(&heard, connection, kind, done, total) })
			if err != nil {
				t.Fatalf("%s, secrets %s: %v", name, echo, err)
			}
			return got
		}
		if got := run("kept"); got.Outcome != collect.Complete {
			t.Errorf("%s: %+v; strangers %v", name, got.Missing, p.stranger)
		}
		for _, echo := range echoes {
			if echo.token && p.token == "" {
				continue
			}
			p.does(func(w http.ResponseWriter, r *http.Request, _ connectortest.Reply) bool {
				if p.forToken(r) != echo.token {
					return false
				}
				echo.give(w, r, secrets)
				return true
			})
			if got := run(echo.name); got.Outcome == collect.Complete {
				t.Errorf("%s: with secrets %s the run is complete", name, echo.name)
			}
			trial, err := w.Collect.Try(t.Context(), record.Job("person:ada"), name, nil)
			fmt.Fprintln(&heard, trial, err)
		}
	}
	look := func(where, text string) {
		t.Helper()
		for _, s := range planted {
			for _, form := range written(s) {
				if at := strings.Index(text, form); at >= 0 {
					t.Errorf("%s holds a secret: …%q…", where, text[max(0, at-120):min(len(text), at+len(form)+40)])
					return
				}
			}
		}
		for _, s := range planted { // a line of a key, or a piece that a cut left over
			if piece := s[len(s)/2-8 : len(s)/2+8]; strings.Contains(text, piece) {
				t.Errorf("%s holds a piece of a secret: %q", where, piece)
			}
		}
	}
	look("what was logged and said", heard.String())
	everywhere(t, w, look)
}

// everywhere looks through all that a workspace keeps and hands over.
func everywhere(t *testing.T, w *workspace.Workspace, look func(where, text string)) {
	t.Helper()
	for _, k := range w.Book.Kinds.All() {
		err := w.Book.EachVersion(t.Context(), w.DB, k.Name, 0, 1_000_000, func(v record.Version) error {
			raw, err := w.Book.Raw(t.Context(), v)
			look(v.Kind+" "+v.Key, strings.Join([]string{v.Key, v.Label, v.Scope, v.Reason, string(v.Body), string(v.Volatile), string(raw)}, "\n"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if _, err := backup.Write(t.Context(), w, &file, backup.Options{}); err != nil {
		t.Fatal(err)
	}
	unzip(t, "the backup", file.Bytes(), look)
	me, err := w.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file.Reset()
	if _, err := report.Package(t.Context(), report.Options{Book: w.Book, Blobs: w.Blobs, By: me, Release: "test"}, &file); err != nil {
		t.Fatal(err)
	}
	unzip(t, "the package", file.Bytes(), look)
	export := t.TempDir()
	if _, err := programme.Write(t.Context(), w.Book, export, 0); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for what, dir := range map[string]string{"the workspace": w.Data, "the export": export, "a cassette": "../connector"} {
		err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			if err != nil || info.IsDir() || what == "a cassette" && !strings.Contains(path, "testdata") {
				return err
			}
			b, err := os.ReadFile(path)
			look(what+", "+path, string(b))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func unzip(t *testing.T, what string, b []byte, look func(where, text string)) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		look(what+", "+f.Name, string(b))
	}
}

// byTime are the services in the order of their clocks: recorded time does not go back.
func byTime(all map[string]service) []string {
	return slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		if d := all[a].now.Compare(all[b].now); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
}

// plant puts a secret wherever the service's answers hold what a kind declares secret, and returns them.
func (p *player) plant(t *testing.T, c connector.Connector) []string {
	t.Helper()
	var out []string
	for _, k := range c.Kinds {
		for _, name := range secretFields(k.Fields) {
			value, found := "planted-in-the-data/"+p.name+"+"+k.Name+"."+name, false
			for request, reply := range p.tape {
				var v any
				d := json.NewDecoder(strings.NewReader(reply.Body))
				d.UseNumber()
				if !strings.Contains(reply.Body, `"`+name+`"`) || d.Decode(&v) != nil || !put(v, name, value) {
					continue
				}
				b, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				reply.Body, found = string(b), true
				p.tape[request] = reply
			}
			for request, reply := range p.tape { // where the answers leave it out, in each object that they list or are
				var v any
				d := json.NewDecoder(strings.NewReader(reply.Body))
				d.UseNumber()
				if found || strings.HasPrefix(request, "POST ") || d.Decode(&v) != nil {
					continue
				}
				list, ok := v.([]any)
				if !ok {
					list = []any{v}
				}
				for _, x := range list {
					if o, ok := x.(map[string]any); ok && o["id"] != nil {
						o[name] = value
					}
				}
				b, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				reply.Body = string(b)
				p.tape[request] = reply
			}
			out = append(out, value)
		}
	}
	return out
}

func secretFields(fields []record.Field) (out []string) {
	for _, f := range fields {
		if f.Secret {
			out = append(out, f.Name)
		}
		out = append(out, secretFields(f.Fields)...)
	}
	return out
}

// put sets every text of a name in a tree.
func put(v any, name, value string) (found bool) {
	switch v := v.(type) {
	case map[string]any:
		for n, x := range v {
			if _, text := x.(string); n == name && (text || x == nil) {
				v[n], found = value, true
			} else if put(x, name, value) {
				found = true
			}
		}
	case []any:
		for _, x := range v {
			if put(x, name, value) {
				found = true
			}
		}
	}
	return found
}

// lines is what was written, by several goroutines.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
