package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tickmark/internal/fault"
)

var token = Place{"github", "token"}

func keys(t *testing.T) *Keys {
	t.Helper()
	k, err := Open(filepath.Join(t.TempDir(), "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func seal(t *testing.T, k *Keys, at Place, s string) []byte {
	t.Helper()
	b, err := k.Seal(at, Of(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealedValueOpensOnlyInItsPlace(t *testing.T) {
	k := keys(t)
	b := seal(t, k, token, "s3cret")
	if v, err := k.Open(token, b); err != nil || v.Reveal() != "s3cret" {
		t.Fatalf("got %q, %v", v.Reveal(), err)
	}
	if bytes.Contains(b, []byte("s3cret")) {
		t.Error("the sealed bytes hold the secret")
	}
	for _, at := range []Place{{"gitlab", "token"}, {"github", "endpoint"}, {"githu", "btoken"}, {"github\x00token", ""}, {}} {
		if _, err := k.Open(at, b); !fault.Is(err, fault.Unavailable) {
			t.Errorf("opened as %q: %v", at, err)
		}
	}
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1
		if _, err := k.Open(token, c); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
	}
}

func TestRotationKeepsOldValuesAndDigests(t *testing.T) {
	k := keys(t)
	old := seal(t, k, token, "one")
	digest := k.Digest("git_commit.token", []byte("v"))
	other, err := Open(k.path) // a server that runs while the CLI rotates
	if err != nil {
		t.Fatal(err)
	}
	if k.Stale(old) {
		t.Error("stale before any rotation")
	}
	if err := k.Rotate(); err != nil {
		t.Fatal(err)
	}
	fresh := seal(t, k, token, "two")
	if !k.Stale(old) || k.Stale(fresh) {
		t.Error("stale is wrong after rotation")
	}
	again, err := Open(k.path)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*Keys{"same": k, "reopened": again, "running": other} {
		for want, b := range map[string][]byte{"one": old, "two": fresh} {
			if v, err := k.Open(token, b); err != nil || v.Reveal() != want {
				t.Errorf("%s: got %q, %v", name, v.Reveal(), err)
			}
		}
		if k.Digest("git_commit.token", []byte("v")) != digest {
			t.Errorf("%s: the digest changed", name)
		}
	}
	info, err := os.Stat(k.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestKeyFileIsPrivate(t *testing.T) {
	k := keys(t)
	info, err := os.Stat(k.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	for _, mode := range []os.FileMode{0o604, 0o640, 0o620, 0o666} {
		if err := os.Chmod(k.path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(k.path); !fault.Is(err, fault.Denied) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestDamagedKeyFileIsRefusedNotReplaced(t *testing.T) {
	k := keys(t)
	whole, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{nil, whole[:len(whole)/2], []byte(`{}`), []byte(`{"sealing":{},"digest":{}}`)} {
		if err := os.WriteFile(k.path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(k.path); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%.20q: %v", b, err)
		}
		if now, _ := os.ReadFile(k.path); !bytes.Equal(now, b) {
			t.Errorf("%.20q: the file was replaced", b)
		}
	}
}

func TestFirstUseByManyMakesOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "secret.key")
	sealed := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range sealed {
		wg.Go(func() {
			k, err := Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			sealed[i] = seal(t, k, token, "x")
		})
	}
	wg.Wait()
	k, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range sealed {
		if _, err := k.Open(token, b); err != nil {
			t.Error(err)
		}
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".keys-*"))
	if len(left) > 0 {
		t.Errorf("temporary files left: %v", left)
	}
}

func TestDigestIsKeyedAndPerPurpose(t *testing.T) {
	a, b := keys(t), keys(t)
	d := a.Digest("p", []byte("v"))
	if d != a.Digest("p", []byte("v")) {
		t.Error("not stable")
	}
	for name, other := range map[string]string{"other key": b.Digest("p", []byte("v")), "other purpose": a.Digest("q", []byte("v")), "other value": a.Digest("p", []byte("w")), "moved border": a.Digest("pv", []byte(""))} {
		if other == d {
			t.Errorf("%s gives the same digest", name)
		}
	}
}

func TestValueNeverPrints(t *testing.T) {
	const hidden = "hunter2-hunter2"
	v := Of(hidden)
	type holder struct {
		V Value
		P *Value
		l Value
	}
	h := holder{v, &v, v}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+verb, v, &v, []Value{v}, map[string]Value{"k": v})
	}
	fmt.Fprintf(&out, "%v %+v", h, &h)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v, "p", &v, "h", h)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v, "p", &v, "h", h)
	j, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	if err := fmt.Errorf("wrap %v", v); err != nil {
		out.WriteString(err.Error())
	}
	for _, leak := range []string{hidden, fmt.Sprintf("%x", hidden), fmt.Sprintf("%X", hidden), "104 117 110"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("printed %q in %s", leak, out.String())
		}
	}
}

func TestErrorsDoNotQuoteTheKeyFile(t *testing.T) {
	k := keys(t)
	b, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Sealing struct {
			Key []struct{ KeyData struct{ Value string } }
		}
	}
	if err := json.Unmarshal(b, &f); err != nil || len(f.Sealing.Key) != 1 {
		t.Fatal(err, len(f.Sealing.Key))
	}
	material := f.Sealing.Key[0].KeyData.Value
	if err := os.WriteFile(k.path, bytes.Replace(b, []byte(`"primaryKeyId"`), []byte(`"primary`+material+`"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(k.path)
	if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), material[:8]) {
		t.Errorf("got %v", err)
	}
}
