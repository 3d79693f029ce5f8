package interop

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tickmark/internal/backup"
	"tickmark/internal/blob"
	"tickmark/internal/blob/blobtest"
	"tickmark/internal/bucket"
	"tickmark/internal/doctor"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

// s3 starts a real service of S3, versitygw, over a directory, and returns its address and what makes a bucket there.
func s3(t *testing.T) (endpoint, root string) {
	t.Helper()
	program := os.Getenv("TICKMARK_TEST_VERSITYGW")
	if program == "" {
		t.Skip("TICKMARK_TEST_VERSITYGW names no versitygw; scripts/test builds one")
	}
	root = t.TempDir()
	id, secret := rand.Text(), rand.Text()
	t.Setenv("AWS_ACCESS_KEY_ID", id)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_SESSION_TOKEN", "")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := free.Addr().String()
	free.Close()
	c := exec.Command(program, "--access", id, "--secret", secret, "--port", at, "--quiet", "posix", "--versioning-dir", t.TempDir(), root)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if r, err := http.Get("http://" + at); err == nil {
			r.Body.Close()
			return "http://" + at, root
		}
		if time.Since(begun) > 2*time.Minute {
			t.Fatalf("versitygw does not answer: %s", said.String())
		}
	}
}

func opened(t *testing.T, address string) *bucket.Bucket {
	t.Helper()
	b, err := bucket.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestABucketIsAStoreOfBlobs(t *testing.T) {
	endpoint, root := s3(t)
	n := 0
	blobtest.Run(t, func(t *testing.T) (blob.Store, func(blob.Hash, []byte)) {
		n++
		name := fmt.Sprint("blobs-", n)
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		s, err := blob.OpenAt("", "s3://"+name+"/acme/files?endpoint="+endpoint)
		if err != nil {
			t.Fatal(err)
		}
		return s, func(h blob.Hash, b []byte) {
			if err := opened(t, "s3://"+name+"/acme/files?endpoint="+endpoint).Put(t.Context(), h.String(), bytes.NewReader(b), int64(len(b)), sha256.Sum256(b), false); err != nil {
				t.Fatal(err)
			}
		}
	})
	s, err := blob.OpenAt("", "s3://nowhere?endpoint="+endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Put(t.Context(), strings.NewReader("x"), 10); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("a bucket that there is not: %v", err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	if s, err = blob.OpenAt("", "s3://blobs-1?endpoint="+endpoint); err != nil {
		t.Fatal(err)
	}
	if has, err := s.Has(blob.Of(nil)); err == nil {
		t.Errorf("with a wrong key it says %v", has)
	}
}

func TestManyObjectsAreListedToTheLast(t *testing.T) {
	endpoint, root := s3(t)
	if err := os.Mkdir(filepath.Join(root, "many"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 2500 { // versitygw's buckets are folders; a page of a list has 1,000
		if err := os.WriteFile(filepath.Join(root, "many", fmt.Sprintf("k%04d", i)), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	if err := opened(t, "s3://many?endpoint="+endpoint).Each(t.Context(), func(key string, size int64) error {
		if want := fmt.Sprintf("k%04d", n); key != want || size != 1 {
			t.Errorf("%s with %d bytes stands where %s should", key, size, want)
		}
		n++
		return nil
	}); err != nil || n != 2500 {
		t.Errorf("%d keys, %v", n, err)
	}
}

// A workspace whose files are in a bucket: what a kill leaves is named, and backup and restore carry everything, to a bucket and
// to a directory.
func TestAWorkspaceWithItsFilesInABucket(t *testing.T) {
	endpoint, root := s3(t)
	for _, name := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return "s3://" + name + "/files?endpoint=" + endpoint }
	w, err := workspace.Open(t.Context(), workspace.Options{Data: filepath.Join(t.TempDir(), "data"), Files: at("one"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	said := func(w *workspace.Workspace) string {
		t.Helper()
		lines, err := doctor.Look(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		all := ""
		for _, l := range lines {
			if l.What == "files" {
				all += l.State + " " + l.Said + "\n"
			}
		}
		return all
	}
	h, n, err := w.Blobs.Put(t.Context(), strings.NewReader("minutes"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if all := said(w); !strings.Contains(all, "warn 1 that no record names are kept: "+h.String()) {
		t.Error(all)
	}
	if _, err := w.Book.Put(t.Context(), record.Job("job:test"), record.Change{Kind: "evidence", Key: "e1",
		Body: []byte(fmt.Sprintf(`{"title":"Minutes","sort":"document","file_name":"m.txt","sha256":%q,"size":%d}`, h, n))}); err != nil {
		t.Fatal(err)
	}
	if all := said(w); !strings.Contains(all, "good All that records name are kept: 1") {
		t.Error(all)
	}
	file := filepath.Join(t.TempDir(), "b")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Write(t.Context(), w, f, backup.Options{Keys: true}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, to := range []string{at("two"), ""} {
		dir := filepath.Join(t.TempDir(), "restored")
		if _, err := backup.Restore(t.Context(), file, backup.Target{Data: dir, Files: to, Actor: "person:test"}); err != nil {
			t.Fatalf("to %q: %v", to, err)
		}
		back, err := workspace.Open(t.Context(), workspace.Options{Data: dir, Files: to})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := blob.Get(back.Blobs, h, 100); err != nil || string(b) != "minutes" {
			t.Errorf("from %q: %q, %v", to, b, err)
		}
		if all := said(back); !strings.HasPrefix(all, "good ") {
			t.Error(all)
		}
		back.Close()
	}
	if err := os.Remove(filepath.Join(root, "one", "files", h.String())); err != nil {
		t.Fatal(err)
	}
	if all := said(w); !strings.Contains(all, "bad 1 that records name are missing: "+h.String()+" of evidence e1") {
		t.Error(all)
	}
}
