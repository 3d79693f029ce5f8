package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/klauspost/compress/flate"

	"tickmark/internal/report/archive"
	"tickmark/internal/report/verify"
)

func vector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func judge(t testing.TB, b []byte, key string) verify.Verdict {
	t.Helper()
	v, err := verify.Archive(context.Background(), bytes.NewReader(b), int64(len(b)), verify.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// FuzzVerify: whatever the bytes, verifying ends with a verdict, and nothing but the package itself verifies.
func FuzzVerify(f *testing.F) {
	original, key := vector(f, "v2.zip"), string(vector(f, "v2.key"))
	f.Add(original)
	f.Add(original[:len(original)-1])
	f.Add([]byte("PK\x05\x06" + string(make([]byte, 18))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v := judge(t, b, key); v.OK && !bytes.Equal(b, original) {
			t.Error("another package verifies")
		}
	})
}

// FuzzContent: whatever stands in one of its files, listed in the manifest as it is, verifying ends with a verdict, and that
// verdict is no.
func FuzzContent(f *testing.F) {
	original, key := vector(f, "v2.zip"), string(vector(f, "v2.key"))
	a, err := archive.Open(bytes.NewReader(original), int64(len(original)))
	if err != nil {
		f.Fatal(err)
	}
	contents := make([][]byte, len(a.Members))
	for i, m := range a.Members {
		if contents[i], err = io.ReadAll(a.Open(m)); err != nil {
			f.Fatal(err)
		}
		f.Add(i, contents[i])
	}
	pack, _ := flate.NewWriter(nil, 5)
	f.Fuzz(func(t *testing.T, n int, b []byte) {
		n = int(uint(n) % uint(len(contents)))
		changed := slices.Clone(contents)
		changed[n] = b
		listed := listed(t, a, changed, n)
		var out bytes.Buffer
		w := archive.NewWriter(&out)
		for i, m := range a.Members {
			c := changed[i]
			if m.Name == verify.ManifestFile && i != n {
				c = listed
			}
			m.Size, m.CRC = int64(len(c)), archive.CRC(c)
			if m.Method == archive.Deflated {
				var z bytes.Buffer
				pack.Reset(&z)
				pack.Write(c)
				pack.Close()
				c = z.Bytes()
			}
			m.Packed = int64(len(c))
			if err := w.Add(m, bytes.NewReader(c)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if v := judge(t, out.Bytes(), key); v.OK && !bytes.Equal(b, contents[n]) {
			t.Errorf("%s verifies as %q", a.Members[n].Name, b)
		}
	})
}

// listed is the manifest with the sums of a changed file; its seal no longer fits, and the rest is judged all the same.
func listed(t *testing.T, a *archive.Reader, contents [][]byte, n int) []byte {
	var m verify.Manifest
	for i, x := range a.Members {
		if x.Name == verify.ManifestFile && i != n {
			if err := json.Unmarshal(contents[i], &m); err != nil {
				t.Fatal(err)
			}
		}
	}
	sum := sha256.Sum256(contents[n])
	for i := range m.Files {
		if f := &m.Files[i]; f.Path == a.Members[n].Name {
			f.Size, f.SHA256 = int64(len(contents[n])), hex.EncodeToString(sum[:])
		}
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// FuzzProof: nothing but the proof itself verifies.
func FuzzProof(f *testing.F) {
	original, key := vector(f, "v2.json"), string(vector(f, "v2.key"))
	f.Add(original)
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := verify.Proof(b, verify.Options{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		if v.OK && !bytes.Equal(b, original) {
			t.Errorf("another proof verifies: %q", b)
		}
	})
}
