package interop

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/doctor"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

// TestKeeper is no test: it is the process that TestAKillBetweenBucketAndDatabase kills. It keeps a file and the record that names it.
func TestKeeper(t *testing.T) {
	data, files, text := os.Getenv("TICKMARK_TEST_KEEPER"), os.Getenv("TICKMARK_TEST_KEEPER_FILES"), os.Getenv("TICKMARK_TEST_KEEPER_TEXT")
	if data == "" {
		t.Skip("it is started by another test")
	}
	w, err := workspace.Open(t.Context(), workspace.Options{Data: data, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	h, n, err := w.Blobs.Put(t.Context(), strings.NewReader(text), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Book.Put(t.Context(), record.Job("job:test"), record.Change{Kind: "evidence", Key: text,
		Body: []byte(fmt.Sprintf(`{"title":%q,"sort":"document","file_name":"m.txt","sha256":%q,"size":%d}`, text, h, n))}); err != nil {
		t.Fatal(err)
	}
}

// A process is killed when the bucket has its file and the database nothing of it, because the bucket's answer is still on its way. What
// stands is whole, the file that nobody names is told, and the same again ends with one record and its file.
func TestAKillBetweenBucketAndDatabase(t *testing.T) {
	endpoint, root := s3(t)
	if err := os.Mkdir(filepath.Join(root, "one"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := through(t, strings.TrimPrefix(endpoint, "http://"))
	near, far := "s3://one/files?endpoint="+endpoint, "s3://one/files?endpoint=http://"+p.Listen
	data := filepath.Join(t.TempDir(), "data")
	w, err := workspace.Open(t.Context(), workspace.Options{Data: data, Files: near, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Close()
	keeper := func(text string) (*exec.Cmd, *bytes.Buffer) {
		c := exec.Command(os.Args[0], "-test.run", "^TestKeeper$", "-test.count", "1")
		c.Env = append(os.Environ(), "TICKMARK_TEST_KEEPER="+data, "TICKMARK_TEST_KEEPER_FILES="+far, "TICKMARK_TEST_KEEPER_TEXT="+text)
		said := &bytes.Buffer{}
		c.Stdout, c.Stderr = said, said
		return c, said
	}
	// look opens the workspace as the next start does.
	look := func(fn func(w *workspace.Workspace, files string)) {
		t.Helper()
		w, err := workspace.Open(t.Context(), workspace.Options{Data: data, Files: near})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if _, err := w.Book.Verify(t.Context(), nil); err != nil {
			t.Error(err)
		}
		lines, err := doctor.Look(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		files := ""
		for _, l := range lines {
			if l.What == "files" {
				files += l.State + " " + l.Said + "\n"
			}
		}
		fn(w, files)
	}
	rounds := 2
	if os.Getenv("TICKMARK_TEST_HEAVY") != "" {
		rounds = 30
	}
	for i := range rounds {
		text := fmt.Sprintf("minutes-%d", i)
		h := blob.Of([]byte(text))
		if _, err := p.Toxics.AddToxicJson(strings.NewReader(`{"type":"latency","attributes":{"latency":60000},"name":"late","stream":"downstream"}`)); err != nil {
			t.Fatal(err)
		}
		c, said := keeper(text)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		arrived := filepath.Join(root, "one", "files", h.String())
		for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(arrived); err == nil {
				break
			}
			if time.Since(begun) > 2*time.Minute {
				c.Process.Kill()
				c.Wait()
				t.Fatalf("the file never arrived: %s", said.String())
			}
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err == nil {
			t.Fatal("it ended before it was killed")
		}
		if err := p.Toxics.RemoveToxic(t.Context(), "late"); err != nil {
			t.Fatal(err)
		}
		look(func(w *workspace.Workspace, files string) {
			if _, err := w.Book.Get(t.Context(), "evidence", text, 0); err == nil {
				t.Error("there is a record of what was never acknowledged")
			}
			if !strings.Contains(files, "warn 1 that no record names are kept: "+h.String()) {
				t.Errorf("the file that nobody names is not told: %s", files)
			}
		})
		c, said = keeper(text)
		if err := c.Run(); err != nil {
			t.Fatalf("the same again: %v: %s", err, said.String())
		}
		look(func(w *workspace.Workspace, files string) {
			if _, err := w.Book.Get(t.Context(), "evidence", text, 0); err != nil {
				t.Error(err)
			}
			if b, err := blob.Get(w.Blobs, h, 100); err != nil || string(b) != text {
				t.Errorf("%q, %v", b, err)
			}
			if strings.Contains(files, "warn") || strings.Contains(files, "bad") {
				t.Errorf("afterwards: %s", files)
			}
		})
	}
}
