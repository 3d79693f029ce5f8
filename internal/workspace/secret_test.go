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
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tickmark/internal/backup"
	"tickmark/internal/connector"
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
		short := slices.MinFunc(secrets, func(a, b string) int { return len(a) - len(b) })
		refuse(w, r, 400, strings.Repeat("x", max(0, 301-len(short)))+short+said(secrets)) // the error is cut near the end of the first
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
		code := map[int]string{401: "InvalidClientTokenId", 403: "AccessDenied"}[status]
		fmt.Fprintf(w, "<ErrorResponse><Error><Code>"+cmp.Or(code, "Bad")+"</Code><Message>%s</Message></Error></ErrorResponse>", strings.ReplaceAll(why, "&", "&amp;"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"message": why, "error": why, "error_description": why, "status": "error", "errors": []any{map[string]string{"message": why}}})
}

// looker looks for secrets in texts.
type looker struct {
	t      *testing.T
	needle map[[8]byte][]string // how a secret is written, by its beginning
}

func look(t *testing.T, planted, credentials []string) *looker {
	l := &looker{t, map[[8]byte][]string{}}
	add := func(form string) {
		at := [8]byte([]byte(form)[:8])
		if !slices.Contains(l.needle[at], form) {
			l.needle[at] = append(l.needle[at], form)
		}
	}
	for _, s := range planted {
		for _, form := range written(s) {
			add(form)
		}
	}
	for _, s := range credentials {
		add(s[len(s)/2-8 : len(s)/2+8]) // of a line of a key, or a piece that a cut left over
	}
	return l
}

func (l *looker) in(where, text string) {
	b := []byte(text)
	for i := 0; i+8 <= len(b); i++ {
		for _, form := range l.needle[[8]byte(b[i:])] {
			if strings.HasPrefix(text[i:], form) {
				l.t.Errorf("%s holds a secret: …%q…", where, text[max(0, i-120):min(len(text), i+len(form)+40)])
				return
			}
		}
	}
}

// everywhere looks through all that a workspace keeps and hands over; it is closed then.
func (l *looker) everywhere(w *workspace.Workspace) {
	t := l.t
	t.Helper()
	for _, k := range w.Book.Kinds.All() {
		err := w.Book.EachVersion(t.Context(), w.DB, k.Name, 0, 1_000_000, func(v record.Version) error {
			raw, err := w.Book.Raw(t.Context(), v)
			l.in(v.Kind+" "+v.Key, strings.Join([]string{v.Key, v.Label, v.Scope, v.Reason, string(v.Body), string(v.Volatile), string(raw)}, "\n"))
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
	l.unzip("the backup", file.Bytes())
	me, err := w.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file.Reset()
	if _, err := report.Package(t.Context(), report.Options{Book: w.Book, Blobs: w.Blobs, By: me, Release: "test"}, &file); err != nil {
		t.Fatal(err)
	}
	l.unzip("the package", file.Bytes())
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
			l.in(what+", "+path, string(b))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (l *looker) unzip(what string, b []byte) {
	t := l.t
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
		l.in(what+", "+f.Name, string(b))
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
			if at := leftOut[k.Name+"."+name]; !found {
				found = p.add(t, at, name, value)
			}
			if !found {
				t.Errorf("no answer of %s holds %s of %s, which is declared secret", p.name, name, k.Name)
			}
			out = append(out, value)
		}
	}
	return out
}

// leftOut are the requests whose answers may hold what a kind declares secret, where the cassette's do not: services tell it to
// administrators only.
var leftOut = map[string]string{
	"github_repository.temp_clone_token": "/orgs/acme/repos", "gitlab_group.runners_token": "/api/v4/groups/acme", "gitlab_project.runners_token": "/api/v4/groups/acme/projects",
}

// add puts a member into the objects that a request is answered with.
func (p *player) add(t *testing.T, path, name, value string) (found bool) {
	t.Helper()
	for request, reply := range p.tape {
		var list []map[string]any
		if at, _, _ := strings.Cut(request, "?"); at != path || json.Unmarshal([]byte("["+strings.Trim(strings.TrimSpace(reply.Body), "[]")+"]"), &list) != nil {
			continue
		}
		for i := range list {
			list[i][name], found = value, true
		}
		b, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		if reply.Body[0] == '{' {
			b = b[1 : len(b)-1]
		}
		reply.Body = string(b)
		p.tape[request] = reply
	}
	return found
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
