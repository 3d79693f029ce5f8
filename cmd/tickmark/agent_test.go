package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fleet is a server as a process, with a proxy before it at which a test can hold messages.
type fleet struct {
	*testing.T
	data, addr string
	proxy      *httptest.Server
	server     *exec.Cmd
	hold       atomic.Pointer[func(w http.ResponseWriter, r *http.Request, pass http.Handler)] // what becomes of the next message of a reading
}

func (f *fleet) run(args ...string) (string, int) {
	f.Helper()
	c := exec.Command("tickmark", append(args, "--data", f.data)...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	c.Run()
	return out.String(), c.ProcessState.ExitCode()
}

func (f *fleet) must(args ...string) string {
	f.Helper()
	out, code := f.run(args...)
	if code != 0 {
		f.Fatalf("%v ends with %d: %s", args, code, out)
	}
	return out
}

func (f *fleet) start() {
	f.Helper()
	f.server = exec.Command("tickmark", "serve", "--listen", f.addr, "--data", f.data)
	if err := f.server.Start(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { f.server.Process.Kill(); f.server.Wait() })
	for range 300 {
		if c, err := net.Dial("tcp", f.addr); err == nil {
			c.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	f.Fatal("the server does not listen")
}

func (f *fleet) kill() {
	f.server.Process.Kill()
	f.server.Wait()
}

// runs waits until a machine has so many, and gives the outcomes.
func (f *fleet) runs(name string, want int) {
	f.Helper()
	n := 0
	for range 100 {
		var all []struct {
			Body struct{ Connection, Outcome string }
		}
		out, err := exec.Command("tickmark", "records", "run", "--json", "--data", f.data).Output()
		if err == nil {
			err = json.Unmarshal(out, &all)
		}
		if err != nil {
			f.Fatalf("%v: %s", err, out)
		}
		n = 0
		for _, r := range all {
			if r.Body.Connection == name && (r.Body.Outcome == "complete" || r.Body.Outcome == "incomplete") {
				n++
			}
		}
		if n >= want {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	if n != want {
		f.Errorf("%s has %d runs, want %d", name, n, want)
	}
}

// waits is the reading that an agent keeps; "" when none.
func waits(dir string) string {
	var r struct{ Run string }
	b, _ := os.ReadFile(filepath.Join(dir, "reading.json"))
	json.Unmarshal(b, &r)
	return r.Run
}

func TestAnAgentThatIsKilledSendsItsReadingOnce(t *testing.T) {
	if os.Getenv("TICKMARK_TEST_HEAVY") == "" {
		t.Skip("each reading of this machine asks its package manager, some two seconds of work: TICKMARK_TEST_HEAVY")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{T: t, data: filepath.Join(t.TempDir(), "data"), addr: free.Addr().String()}
	free.Close()
	f.must("init")
	f.must("connect", "add", "agent", "--name", "laptops")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(strings.Split(f.must("agent", "token", "add", "laptops", "--uses", "2"), "\n")[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	f.start()
	target, err := url.Parse("http://" + f.addr)
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(target)
	f.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" && strings.HasSuffix(r.URL.Path, "/readings") {
			if hold := f.hold.Swap(nil); hold != nil {
				(*hold)(w, r, pass)
				return
			}
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(f.proxy.CloseClientConnections)
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	f.must("agent", "enrol", f.proxy.URL, "@"+token, "--own-id", "--state", a)
	f.must("agent", "enrol", f.proxy.URL, "@"+token, "--own-id", "--state", b)
	var names []struct{ Name string }
	if err := json.Unmarshal([]byte(f.must("agent", "machines", "--json")), &names); err != nil || len(names) != 2 {
		t.Fatalf("%v: %+v", err, names)
	}
	first, second := names[0].Name, names[1].Name

	// killed runs an agent and kills it while a message of it is held.
	killed := func(held func(w http.ResponseWriter, r *http.Request, pass http.Handler)) {
		t.Helper()
		there := make(chan bool)
		hold := func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			held(w, r, pass)
			close(there)
			<-r.Context().Done()
		}
		f.hold.Store(&hold)
		c := exec.Command("tickmark", "agent", "run", "--once", "--state", a)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-there:
		case <-time.After(2 * time.Minute):
			t.Error("the agent sent nothing")
		}
		c.Process.Kill()
		c.Wait()
	}
	killed(func(http.ResponseWriter, *http.Request, http.Handler) {}) // before the server has it
	kept := waits(a)
	if kept == "" {
		t.Fatal("an agent that was killed lost its reading")
	}
	f.runs(first, 0)
	f.must("agent", "run", "--once", "--state", a)
	f.runs(first, 1)
	if waits(a) != "" {
		t.Error("what was taken waits on")
	}
	killed(func(_ http.ResponseWriter, r *http.Request, pass http.Handler) {
		pass.ServeHTTP(httptest.NewRecorder(), r)
	}) // before it has the answer
	f.runs(first, 2)
	f.must("agent", "run", "--once", "--state", a)
	f.runs(first, 2)

	dies := func(w http.ResponseWriter, r *http.Request, pass http.Handler) { f.kill(); pass.ServeHTTP(w, r) }
	f.hold.Store(&dies)
	out, code := f.run("agent", "run", "--once", "--state", b)
	if kept = waits(b); code == 0 || kept == "" {
		t.Errorf("without a server: %d, %q waits: %s", code, kept, out)
	}
	f.start()
	f.must("agent", "run", "--once", "--state", b)
	f.runs(second, 1)
	f.runs(first, 2)

	f.must("agent", "revoke", second, "--reason", "lost")
	if out, code := f.run("agent", "run", "--once", "--state", b); code != 1 || !strings.Contains(out, "Refused (revoked)") {
		t.Errorf("a revoked machine: %d: %s", code, out)
	}
	f.runs(second, 1)
	if out := f.must("records", "host", "--json"); strings.Count(out, `"forwarded"`) != 2 {
		t.Errorf("two machines are on record: %s", out)
	}
	if out, code := f.run("ledger", "verify"); code != 0 {
		t.Errorf("the ledger: %s", out)
	}
}
