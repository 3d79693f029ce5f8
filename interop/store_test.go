package interop

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/blob"
	"tickmark/internal/fault"
)

func trusting(t *testing.T, ca string) *tls.Config {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(ca)) {
		t.Fatal("no certificate")
	}
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
}

// A bad network between the program and a bucket, on the way there and on the way back: what was acknowledged is there whole, what could
// not be kept or read is an error that names the bucket, and no wrong bytes are ever handed over.
func TestABadNetworkBeforeABucket(t *testing.T) {
	endpoint, root := s3(t)
	if err := os.Mkdir(filepath.Join(root, "files"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := through(t, strings.TrimPrefix(endpoint, "http://"))
	near, err := blob.OpenAt("", "s3://files?endpoint="+endpoint)
	if err != nil {
		t.Fatal(err)
	}
	// Each network meets connections of its own: what one broke is no matter of the next.
	far := func() blob.Store {
		s, err := blob.OpenAt("", "s3://files?endpoint=http://"+p.Listen)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	content := func() []byte {
		b := make([]byte, 200_000)
		rand.Read(b)
		return b
	}
	named := func(err error) {
		t.Helper()
		if !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Invalid) {
			t.Errorf("%v", err)
		}
	}
	kept := map[blob.Hash][]byte{}
	for _, stream := range []string{"downstream", "upstream"} {
		for _, bad := range networks {
			if os.Getenv("TICKMARK_TEST_HEAVY") == "" && !slices.Contains([]string{"is slow", "brings half of it"}, bad.name) {
				continue // each question is asked four times, with waits between: a minute for all
			}
			t.Run(stream+" "+bad.name, func(t *testing.T) {
				before := content()
				h, _, err := near.Put(t.Context(), bytes.NewReader(before), 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				kept[h] = before
				if _, err := p.Toxics.AddToxicJson(strings.NewReader(strings.TrimSuffix(bad.toxic, "}") + `,"name":"bad","stream":"` + stream + `"}`)); err != nil {
					t.Fatal(err)
				}
				b, err := blob.Get(far(), h, 1<<20)
				if err == nil && !bytes.Equal(b, before) {
					t.Fatal("other bytes were handed over")
				}
				if err != nil {
					named(err)
				}
				if bad.whole && err != nil {
					t.Errorf("a network that is only slow: %v", err)
				}
				if has, err := far().Has(h); err == nil && !has {
					t.Error("what is there is said not to be")
				}
				fresh := content()
				n, _, err := far().Put(t.Context(), bytes.NewReader(fresh), 1<<20)
				if err == nil {
					kept[n] = fresh
				} else {
					named(err)
				}
				if bad.whole && err != nil {
					t.Errorf("a network that is only slow: %v", err)
				}
				seen := 0
				if err := far().Each(func(blob.Hash, int64) error { seen++; return nil }); err == nil && seen < len(kept) {
					t.Errorf("%d of %d are listed, and that is all it says", seen, len(kept))
				}
				if err := p.Toxics.RemoveToxic(t.Context(), "bad"); err != nil {
					t.Fatal(err)
				}
				if n, _, err = far().Put(t.Context(), bytes.NewReader(fresh), 1<<20); err != nil {
					t.Errorf("over a good network again: %v", err)
				}
				kept[n] = fresh
				for h, want := range kept {
					if got, err := blob.Get(near, h, 1<<20); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s, which was acknowledged: %v", h, err)
					}
				}
			})
		}
	}
}
