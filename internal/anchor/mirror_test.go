package anchor_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tickmark/internal/anchor"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/store/storetest"
)

func git(t *testing.T, args ...string) string {
	t.Helper()
	c := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "gc.auto=0"}, args...)...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestAMirrorInGitGoesOnOnceADayAndRefusesAnotherLog(t *testing.T) {
	dir, bare, out := t.TempDir(), filepath.Join(t.TempDir(), "mirror.git"), filepath.Join(t.TempDir(), "out")
	git(t, "init", "-q", "--bare", "-b", "main", bare)
	k := open(t, storetest.SQLite(t))
	k.Dir = dir
	clock := time.Now()
	k.Book.Log.Clock = func() time.Time { return clock }
	a := anchor.Authority{Title: "Copy", Method: anchor.ByMirror, URL: "git+file://" + bare}
	if err := configure(t, k, a); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds that nothing is due
		if err := k.Due(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first := only(t, k)
	if first.Last.Size == 0 || first.Late(clock) || first.Why != "" {
		t.Fatalf("%+v", first)
	}
	if err := os.RemoveAll(dir); err != nil { // another server, which has no working copy yet
		t.Fatal(err)
	}
	clock = clock.Add(25 * time.Hour)
	if err := k.Due(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := only(t, k); s.Last.Size <= first.Last.Size || !s.Last.At.After(first.Last.At) {
		t.Errorf("%+v after %+v", s.Last, first.Last)
	}
	git(t, "clone", "-q", bare, out)
	if n := git(t, "-C", out, "rev-list", "--count", "HEAD"); n != "2" {
		t.Errorf("%s commits", n)
	}
	if s := git(t, "-C", out, "log", "-1", "--format=%s"); !strings.HasPrefix(s, "The first ") || !strings.HasSuffix(s, k.Book.Log.Origin) {
		t.Error(s)
	}
	site := httptest.NewServer(http.FileServer(http.Dir(out)))
	defer site.Close()
	f := &ledger.Follower{Base: site.URL, VKey: k.Book.Log.VKey, HTTP: site.Client()}
	if _, c, err := f.Follow(t.Context(), nil); err != nil || c.Size != only(t, k).Last.Size {
		t.Errorf("the copy has %d entries, %v", c.Size, err)
	}

	other := open(t, storetest.SQLite(t))
	if err := configure(t, other, a); err != nil {
		t.Fatal(err)
	}
	before := git(t, "-C", bare, "rev-parse", "main")
	if _, err := other.Stamp(t.Context(), only(t, other).Authority); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "holds another log") {
		t.Errorf("another workspace's mirror: %v", err)
	}
	if s := only(t, other); !s.Fork || git(t, "-C", bare, "rev-parse", "main") != before {
		t.Errorf("%+v", s)
	}
	for url, want := range map[string]string{
		"git+file:///nowhere/at/all": "git ls-remote", "s3://x": "no name of a bucket", "s3://acme?endpoint=http://s3.example.org": "not encrypted", "s3://acme?retain=1y": "number of days",
		"git+ext::sh -c id": "no address", "git+ssh://-oProxyCommand=id/x": "no address", "file:///etc": "no address", "https://example.org": "no address", "git+file://": "no address",
	} {
		err := configure(t, k, anchor.Authority{Title: "x", Method: anchor.ByMirror, URL: url})
		if err == nil {
			_, err = k.Stamp(t.Context(), only(t, k).Authority)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if s := only(t, k); s.Fork || !strings.Contains(s.Why, "has no new copy") {
		t.Errorf("%+v", s)
	}
}
