package interop

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"tickmark/internal/anchor"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store/storetest"
)

// litewitness builds the real witness, at the version that go.mod names, lets it know a log, and starts it.
func litewitness(t *testing.T, origin, key string) (url, vkey string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "w") // the path of a socket may have 100 letters
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	build := exec.Command("go", "build", "-o", dir+"/", "filippo.io/torchwood/cmd/litewitness", "filippo.io/torchwood/cmd/witnessctl")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build litewitness: %v: %s", err, out)
	}
	for _, args := range [][]string{{"add-log", "-db", dir + "/db", "-origin", origin}, {"add-key", "-db", dir + "/db", "-origin", origin, "-key", key}} {
		if out, err := exec.Command(filepath.Join(dir, "witnessctl"), args...).CombinedOutput(); err != nil {
			t.Fatalf("witnessctl %s: %v: %s", args, err, out)
		}
	}
	// Its key is in an agent, as SSH has them.
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := agent.NewKeyring()
	if err := keys.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", dir+"/agent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		for {
			c, err := socket.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(keys, c)
		}
	}()
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := free.Addr().String()
	free.Close()
	c := exec.Command(filepath.Join(dir, "litewitness"), "-name", "witness.example/loopback", "-db", dir+"/db", "-ssh-agent", dir+"/agent", "-listen", listen, "-key", ssh.FingerprintSHA256(public))
	said, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	lines := bufio.NewScanner(said)
	all := ""
	for vkey == "" && lines.Scan() {
		all += lines.Text() + "\n"
		if m := regexp.MustCompile(`vkey=(\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			vkey = strings.Trim(m[1], `"`)
		}
	}
	if vkey == "" {
		t.Fatalf("litewitness says no key: %s", all)
	}
	go func() {
		for lines.Scan() {
		}
	}()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		r, err := http.Get("http://" + listen + "/")
		if err == nil {
			r.Body.Close()
			return "http://" + listen, vkey
		}
		if time.Since(begun) > 2*time.Minute {
			t.Fatal(err)
		}
	}
}

func keeper(t *testing.T, l *ledger.Log) *anchor.Keeper {
	t.Helper()
	kinds, err := record.NewKinds(append(record.Builtin(), anchor.Kinds()...)...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), l, kinds, func(string, []byte) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return &anchor.Keeper{Book: book}
}

func TestARealWitnessCosignsUsAndRefusesAFork(t *testing.T) {
	dir := t.TempDir()
	l, err := ledger.Open(t.Context(), storetest.SQLite(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	url, vkey := litewitness(t, l.Origin, l.VKey)
	seer := anchor.Authority{Key: "seer", Title: "Seer", Method: anchor.ByWitness, URL: url, VKey: vkey}
	body, err := json.Marshal(seer)
	if err != nil {
		t.Fatal(err)
	}
	again := seer
	again.Key = "again"
	configure := func(k *anchor.Keeper) *anchor.Keeper {
		t.Helper()
		for _, key := range []string{seer.Key, again.Key} {
			if _, err := k.Book.Put(t.Context(), record.Job("job:test"), record.Change{Kind: anchor.AuthorityKind, Key: key, Body: body}); err != nil {
				t.Fatal(err)
			}
		}
		return k
	}
	k := configure(keeper(t, l))
	for _, more := range []int{0, 1, 300, 66000} {
		if more > 0 {
			grow(t, l, more)
		}
		s, err := k.Stamp(t.Context(), seer)
		if err != nil {
			t.Fatalf("after %d more entries: %v", more, err)
		}
		if h, err := l.Head(t.Context(), l.DB); err != nil || s.Size != h.Size-1 || s.Authority != "witness.example/loopback" {
			t.Errorf("%+v of %d entries, %v", s, h.Size, err)
		}
	}
	if _, err := k.Stamp(t.Context(), again); err != nil {
		t.Errorf("a workspace that forgot what the witness saw: %v", err)
	}

	// The same key signs another, longer log.
	secret, err := os.ReadFile(filepath.Join(dir, "ledger.key"))
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "ledger.key"), secret, 0o600); err != nil {
		t.Fatal(err)
	}
	forked, err := ledger.Open(t.Context(), storetest.SQLite(t), other)
	if err != nil {
		t.Fatal(err)
	}
	f := configure(keeper(t, forked))
	if _, err := f.Stamp(t.Context(), seer); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "went back") {
		t.Errorf("a shorter log: %v", err)
	}
	grow(t, forked, 100_000)
	if _, err := f.Stamp(t.Context(), seer); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "rewritten") {
		t.Errorf("another log: %v", err)
	}
	states, err := f.States(t.Context())
	if err != nil || len(states) != 2 {
		t.Fatal(states, err)
	}
	for _, st := range states {
		if st.Fork != (st.Key == seer.Key) || st.Last.Size != 0 {
			t.Errorf("%s stands as %+v", st.Key, st)
		}
	}

	stranger, err := ledger.Open(t.Context(), storetest.SQLite(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := configure(keeper(t, stranger)).Stamp(t.Context(), seer); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), stranger.VKey) {
		t.Errorf("a log that the witness does not know: %v", err)
	}
}
