package github

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
)

const (
	adaToken = "ghp_ada0000000000001"
	boToken  = "ghp_bo00000000000001"
)

// emulate is what npm installs for the emulator: itself, and the node it needs, which is newer than most systems'.
var emulate = []string{"emulate@0.12.2", "node@24.21.0"}

// modules is the folder node_modules with the emulator. A heavy run installs it once, into the user's cache.
func modules(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("TICKMARK_TEST_EMULATE"); given != "" {
		return given
	}
	if os.Getenv("TICKMARK_TEST_HEAVY") == "" {
		t.Skip("TICKMARK_TEST_HEAVY is not set, and TICKMARK_TEST_EMULATE is not the folder node_modules of npm install " + strings.Join(emulate, " "))
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("npm is not installed, which brings the emulator")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	dir := filepath.Join(cache, "tickmark-test", strings.Join(emulate, "-"))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// All of it is there only when npm has ended well, which its own note says.
	if done := filepath.Join(dir, "whole"); !exists(done) {
		c := exec.CommandContext(t.Context(), npm, append([]string{"install", "--prefix", dir, "--no-audit", "--no-fund"}, emulate...)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("npm install %s: %v\n%s", strings.Join(emulate, " "), err, out)
		}
		if err := os.WriteFile(done, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "node_modules")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// emulator starts the npm package emulate, which plays a GitHub with a state, and returns its address.
func emulator(t *testing.T) string {
	t.Helper()
	modules := modules(t)
	seed, err := filepath.Abs("testdata/seed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	cmd := exec.Command(filepath.Join(modules, "node", "bin", "node"), filepath.Join(modules, "emulate", "dist", "index.js"), "start", "-p", port, "-s", "github", "--seed", seed)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 600 {
		if resp, err := http.Get("http://localhost:" + port + "/meta"); err == nil {
			resp.Body.Close()
			return "http://localhost:" + port
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the emulator did not answer within a minute")
	return ""
}

// do asks the emulator for something, and fails the test unless it is done.
func do(t *testing.T, token, method, address, body string) map[string]any {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s, %v %v", method, address, resp.Status, out, err)
	}
	return out
}

// A change made, tested, approved and merged in the emulator is read as that. It has no list of an organisation's repositories,
// so that a list of its own repository stands before it; and what it lacks otherwise must be a gap.
func TestAChangeAtTheEmulatorIsReadAsItHappened(t *testing.T) {
	at := emulator(t)
	repo := at + "/repos/acme/web"
	do(t, adaToken, "PUT", repo+"/branches/main/protection", `{"required_status_checks":{"strict":true,"contexts":["test"]},"enforce_admins":true,
		"required_pull_request_reviews":{"required_approving_review_count":1,"dismiss_stale_reviews":true},"restrictions":null}`)
	main := do(t, adaToken, "GET", repo+"/git/ref/heads/main", "")["object"].(map[string]any)["sha"]
	do(t, adaToken, "POST", repo+"/git/refs", fmt.Sprintf(`{"ref":"refs/heads/change","sha":%q}`, main))
	do(t, adaToken, "PUT", repo+"/contents/a.txt", `{"message":"add a","content":"YQ==","branch":"change"}`)
	head := do(t, adaToken, "POST", repo+"/pulls", `{"title":"add a","head":"change","base":"main"}`)["head"].(map[string]any)["sha"]
	do(t, adaToken, "POST", repo+"/check-runs", fmt.Sprintf(`{"name":"test","head_sha":%q,"status":"completed","conclusion":"success"}`, head))
	do(t, adaToken, "POST", repo+"/pulls/1/reviews", `{"event":"APPROVE"}`)
	do(t, boToken, "POST", repo+"/pulls/1/reviews", `{"event":"APPROVE"}`)
	merged := do(t, boToken, "PUT", repo+"/pulls/1/merge", `{}`)["sha"]

	var front *httptest.Server
	front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, list := r.URL.RequestURI(), r.URL.Path == "/orgs/acme/repos"
		if list {
			path = "/repos/acme/web"
		}
		req, err := http.NewRequest(r.Method, at+path, nil)
		if err != nil {
			t.Error(err)
			return
		}
		req.Header = r.Header.Clone()
		req.Header.Del("Accept-Encoding")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
			return
		}
		if list {
			body = append(append([]byte("["), body...), ']')
		}
		if link := resp.Header.Get("Link"); link != "" {
			w.Header().Set("Link", strings.ReplaceAll(link, at, front.URL))
		}
		w.WriteHeader(resp.StatusCode)
		w.Write(bytes.ReplaceAll(body, []byte(at), []byte(front.URL)))
	}))
	defer front.Close()
	r := &connectortest.Recorder{}
	if err := Connector().Read(t.Context(), connector.Values{"org": "acme", "token": adaToken, "endpoint": front.URL}, r); err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems(Connector()) {
		t.Error(p)
	}
	words := vocabulary(t)
	got := seen(t, words, r, "change", KindPull, "acme/web#1", nil)
	if got["title"] != "add a" || got["merged_by"] != "bo-elm" || got["commit"] != merged || fmt.Sprint(got["approvers"]) != "[ada-oak bo-elm]" {
		t.Errorf("the change is seen as %v", got)
	}
	if v, said := got["independent"]; said {
		t.Errorf("the emulator links no commit to an account, and yet independent is %v", v)
	}
	if b := r.Body(KindRepository, "acme/web"); b["protection"].(map[string]any)["enforce_admins"].(map[string]any)["enabled"] != true {
		t.Errorf("the protection is %v", b["protection"])
	}
	owners := []string{}
	for _, it := range r.Items(KindMember) {
		if connectortest.Decode(it)["owner"] == true {
			owners = append(owners, it.Label)
		}
	}
	if !slices.Equal(owners, []string{"ada-oak"}) || r.Count(KindMember) != 2 {
		t.Errorf("owners %v of %d members", owners, r.Count(KindMember))
	}
	if r.Completed(KindPush, "acme/web") || r.Completed(KindDependabot, "") || !r.Completed(KindPull, "acme/web") {
		t.Errorf("what the emulator lacks counts as read: %+v", r.Gaps())
	}
}
