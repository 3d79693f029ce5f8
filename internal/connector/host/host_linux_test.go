package host

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tickmark/internal/connector/connectortest"
)

// comesAndGoes are kinds whose objects other programs on a test machine may add and remove between two reads.
var comesAndGoes = []string{kindSocket, kindService}

func TestReadingThisMachineTwiceGivesTheSame(t *testing.T) {
	c := Connector()
	first := &connectortest.Recorder{}
	begun := time.Now()
	if err := c.Read(t.Context(), nil, first); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	second := first.Next()
	if err := c.Read(t.Context(), nil, second); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*connectortest.Recorder{first, second} {
		for _, p := range r.Problems(c) {
			t.Error(p)
		}
	}
	volatile := map[string][]string{}
	for _, k := range c.Kinds {
		for _, f := range k.Fields {
			if f.Volatile {
				volatile[k.Name] = append(volatile[k.Name], f.Name)
			}
		}
	}
	same := 0
	for _, it := range first.Items("") {
		again, ok := second.Find(it.Kind, it.Key)
		if !ok {
			if !slices.Contains(comesAndGoes, it.Kind) {
				t.Errorf("%s %s was there once", it.Kind, it.Key)
			}
			continue
		}
		a, b := connectortest.Decode(it), connectortest.Decode(again)
		for _, f := range volatile[it.Kind] {
			delete(a, f)
			delete(b, f)
		}
		if x, y := string(encode(a)), string(encode(b)); x != y {
			t.Errorf("%s %s differs:\n%s\n%s", it.Kind, it.Key, x, y)
		}
		same++
	}
	if _, ok := first.Find(kindAccount, "root"); !ok || same < 30 || first.Count(kindHost) != 1 || first.Count(kindMount) == 0 {
		t.Errorf("only %d objects were read", same)
	}
	t.Logf("%d objects, %d questions in %s; not read: %+v", len(first.Items("")), len(first.Exchanges()), took, first.Gaps())
}

func TestNoPasswordHashLeavesThisMachine(t *testing.T) {
	shadow, err := os.ReadFile("/etc/shadow")
	if err != nil {
		t.Skip("only root reads the hashes to look for")
	}
	m := &machine{ctx: t.Context(), out: &connectortest.Recorder{}, base: "/", kernel: thisKernel()}
	if err := m.people(); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines(shadow) {
		f := strings.Split(line, ":")
		if len(f) > 1 && len(f[1]) > 4 {
			if where := m.out.(*connectortest.Recorder).Leaks(f[1]); len(where) > 0 {
				t.Errorf("the hash of %s is in %v", f[0], where)
			}
		}
	}
}

// A refusal must show as one. Under root the thread that reads takes the file rights of nobody.
func TestWhatIsRefusedIsMissingAndNeverNo(t *testing.T) {
	m := newMachine(t, "/usr/sbin/sshd")
	m.user = 65534
	m.answers["/usr/sbin/sshd -T"] = answer{exit: 1, err: []byte("sshd: no hostkeys available -- exiting.\n")}
	for _, p := range []string{"/etc/shadow", "/etc/sudoers"} {
		if err := os.Chmod(m.path(p), 0); err != nil {
			t.Fatal(err)
		}
	}
	m.write(t, "/proc/77/comm", "sshd\n")
	m.write(t, "/proc/77/fd/x", "")
	if err := os.Chmod(m.path("/proc/77/fd"), 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(m.path("/proc/77/fd"), 0o755)
	if err := os.Chmod(filepath.Dir(m.base), 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setfsuid(0)
	}
	for _, section := range []func() error{m.people, m.ssh, m.sockets} {
		if err := section(); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range [][2]string{{kindAccount, "password"}, {kindAccount, "rights"}, {kindSudoRule, ""}, {kindSSHD, ""}, {kindSocket, "programs"}} {
		g := m.gap(want[0], want[1])
		if g == nil || !g.Denied || g.Needs != "root" {
			t.Errorf("%v: %+v", want, g)
		}
	}
	ada := m.body(t, kindAccount, "ada")
	for _, part := range []string{"password", "rights"} {
		if v, there := ada[part]; there {
			t.Errorf("%s was refused, and the account says %v", part, v)
		}
	}
	if _, there := m.body(t, kindSocket, "tcp:0.0.0.0:22")["programs"]; there {
		t.Error("who holds the socket was refused, and the socket says")
	}
	if m.sink.Completed(kindSudoRule, "") || m.sink.Completed(kindSSHD, "") {
		t.Error("what was refused is not complete")
	}
	if !m.sink.Completed(kindAccount, "") || !m.sink.Completed(kindGroup, "") || !m.sink.Completed(kindSocket, "") {
		t.Error("what everyone may read is complete")
	}
}

func TestTheKernelAnswers(t *testing.T) {
	if _, err := kernelClock(); err != nil {
		t.Error(err)
	}
	n, err := nftTables()
	if err != nil && os.Geteuid() == 0 {
		t.Error(err)
	}
	t.Logf("%d nftables tables, %v", n, err)
}
