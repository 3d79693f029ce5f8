package interop

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/transparency-dev/tessera/client"

	"tickmark/internal/anchor"
	"tickmark/internal/backup"
	"tickmark/internal/blob"
	"tickmark/internal/blob/blobtest"
	"tickmark/internal/bucket"
	"tickmark/internal/doctor"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store/storetest"
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

// ask sends a signed request of which our own code has no need.
func ask(t *testing.T, method, url string, header http.Header) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	none := fmt.Sprintf("%x", sha256.Sum256(nil))
	r.Header.Set("X-Amz-Content-Sha256", none)
	c := aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}
	if err := v4.NewSigner().SignHTTP(t.Context(), c, r, none, "s3", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer
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

func TestAMirrorInABucketUnderLock(t *testing.T) {
	endpoint, root := s3(t)
	if r := ask(t, http.MethodPut, endpoint+"/locked", http.Header{"X-Amz-Bucket-Object-Lock-Enabled": {"true"}}); r.StatusCode != 200 {
		t.Fatal(r.Status)
	}
	address := "s3://locked/log?retain=1d&endpoint=" + endpoint
	l, err := ledger.Open(t.Context(), storetest.SQLite(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	k := keeper(t, l)
	mirror := anchor.Authority{Key: "copy", Title: "Copy", Method: anchor.ByMirror, URL: address}
	body, err := json.Marshal(mirror)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Book.Put(t.Context(), record.Job("job:test"), record.Change{Kind: anchor.AuthorityKind, Key: mirror.Key, Body: body}); err != nil {
		t.Fatal(err)
	}
	for i, more := range []int{3000, 10, 500} {
		grow(t, l, more)
		s, err := k.Stamp(t.Context(), mirror)
		if err != nil {
			t.Fatal(err)
		}
		if err := sound(t, l.VKey, client.FileFetcher{Root: filepath.Join(root, "locked", "log")}); err != nil {
			t.Errorf("the copy of %d entries: %v", s.Size, err)
		}
		acts, err := l.Actions(t.Context(), l.DB, 0, 1)
		if err != nil || acts[0].Verb != "anchor.mirrored" {
			t.Fatal(acts, err)
		}
		var d struct{ Size, Files int64 }
		if err := json.Unmarshal(acts[0].Detail, &d); err != nil || d.Size != s.Size || i > 0 && d.Files > 12 {
			t.Errorf("%d more entries are copied as %+v, %v", more, d, err)
		}
	}
	version := ask(t, http.MethodHead, endpoint+"/locked/log/tile/0/000", nil).Header.Get("X-Amz-Version-Id")
	if version == "" {
		t.Fatal("the bucket keeps no versions")
	}
	if r := ask(t, http.MethodDelete, endpoint+"/locked/log/tile/0/000?versionId="+version, nil); r.StatusCode/100 != 4 {
		t.Errorf("what is under lock was deleted: %s", r.Status)
	}
	k2 := keeper(t, filled(t))
	if _, err := k2.Book.Put(t.Context(), record.Job("job:test"), record.Change{Kind: anchor.AuthorityKind, Key: mirror.Key, Body: body}); err != nil {
		t.Fatal(err)
	}
	if _, err := k2.Stamp(t.Context(), mirror); !fault.Is(err, fault.Conflict) {
		t.Errorf("another log over this one: %v", err)
	}

	// In a bucket that keeps versions, nothing is erased: that is said.
	files, err := blob.OpenAt("", "s3://locked/files?endpoint="+endpoint)
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := files.Put(t.Context(), strings.NewReader("x"), 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := files.Remove(h); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "keeps older versions") {
		t.Errorf("erased from a bucket that keeps versions: %v", err)
	}
}
