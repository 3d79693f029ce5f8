package report_test

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"bytes"
	"github.com/klauspost/compress/flate"
	"io"
	"testing"
	"tickmark/internal/fault"
	"tickmark/internal/report/verify"
	"tickmark/internal/store/storetest"

	"tickmark/internal/report/archive"
)

type file struct {
	name string
	b    []byte
}

func unzip(t testing.TB, b []byte) []file {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out []file
	for _, m := range a.Members {
		c, err := io.ReadAll(a.Open(m))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, file{m.Name, c})
	}
	return out
}

// rezip makes an archive of the same profile, packed as a package packs or stored.
func rezip(t testing.TB, files []file, packed map[string]bool) []byte {
	t.Helper()
	var out bytes.Buffer
	w := archive.NewWriter(&out)
	for _, f := range files {
		m := archive.Member{Name: f.name, CRC: archive.CRC(f.b), Size: int64(len(f.b)), Packed: int64(len(f.b))}
		b := f.b
		if packed[f.name] {
			b = squeeze(f.b)
			m.Method, m.Packed = archive.Deflated, int64(len(b))
		}
		if err := w.Add(m, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func find(t testing.TB, files []file, name string) *file {
	t.Helper()
	for i := range files {
		if files[i].name == name {
			return &files[i]
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

// packedAs tells which files an archive packs.
func packedAs(t testing.TB, b []byte) map[string]bool {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, m := range a.Members {
		out[m.Name] = m.Method == archive.Deflated
	}
	return out
}

// refused checks that a package does not verify, that no claim that speaks of the change holds, and that it is named.
func refused(t *testing.T, what string, b []byte, key string, names ...string) {
	t.Helper()
	v := judge(t, b, verify.Options{Key: key})
	if v.OK {
		t.Errorf("%s was not noticed:\n%s", what, say(v))
		return
	}
	for _, name := range names {
		if !strings.Contains(fails(v), name) {
			t.Errorf("%s: %q is not said of it:\n%s", what, name, fails(v))
		}
	}
}

func fails(v verify.Verdict) string {
	var b strings.Builder
	for _, c := range v.Failed() {
		fmt.Fprintf(&b, "%s\n     %s\n", c.Claim, c.Detail)
	}
	return b.String()
}

func TestOneFlippedBitAnywhereIsNoticed(t *testing.T) {
	w := full(t, storetest.SQLite(t))
	b := w.pack(w.options())
	key := w.book.Log.VKey
	step := 11
	if os.Getenv("TICKMARK_TEST_HEAVY") != "" {
		step = 1
	}
	for _, k := range []string{key, ""} {
		for i := 0; i < len(b); i += step {
			c := bytes.Clone(b)
			c[i] ^= 1 << (i % 8)
			if v := judge(t, c, verify.Options{Key: k}); v.OK || fails(v) == "" {
				t.Fatalf("bit %d of byte %d (of %d) was not noticed", i%8, i, len(b))
			}
		}
		step = max(step, 29)
	}
	t.Logf("%d bytes", len(b))
}

func TestAChangeInsideAnyFileIsNoticedAlthoughThePackageWasZippedAnew(t *testing.T) {
	w := full(t, storetest.SQLite(t))
	b := w.pack(w.options())
	key, packed := w.book.Log.VKey, packedAs(t, b)
	files := unzip(t, b)
	refused(t, "nothing but new packing", rezip(t, files, nil), key, "packed")
	for n, f := range files {
		if len(f.b) == 0 {
			continue
		}
		for _, i := range []int{0, len(f.b) / 3, len(f.b) / 2, len(f.b) - 2, len(f.b) - 1} {
			changed := slices.Clone(files)
			changed[n].b = bytes.Clone(f.b)
			changed[n].b[max(i, 0)] ^= 1
			refused(t, fmt.Sprintf("%s, byte %d", f.name, i), rezip(t, changed, packed), key)
		}
		changed := slices.Clone(files)
		changed[n].b = append(bytes.Clone(f.b), '\n')
		refused(t, f.name+" with a line more", rezip(t, changed, packed), key)
		changed[n].b = f.b[:len(f.b)-1]
		refused(t, f.name+" cut", rezip(t, changed, packed), key)
		refused(t, "without "+f.name, rezip(t, slices.Delete(slices.Clone(files), n, n+1), packed), key, f.name)
	}
	refused(t, "an added file", rezip(t, append(slices.Clone(files), file{"records/extra.jsonl", nil}), packed), key, "records/extra.jsonl was added")
	refused(t, "an added folder's file", rezip(t, append(slices.Clone(files), file{"other/note.txt", []byte("hello")}), packed), key, "other/note.txt was added")
}

func TestAnArchiveThatIsNotWholeIsNamed(t *testing.T) {
	w := full(t, storetest.SQLite(t))
	b := w.pack(w.options())
	key := w.book.Log.VKey
	for n := 0; n < len(b); n += 1 + len(b)/300 {
		refused(t, fmt.Sprintf("cut to %d bytes", n), b[:n], key)
	}
	refused(t, "something after the end", append(bytes.Clone(b), "more"...), key, "4 bytes follow the end")
	refused(t, "something before the beginning", append([]byte("#!/bin/sh\n"), b...), key)
	refused(t, "no zip", []byte(strings.Repeat("hello ", 100)), key, "no package")
	refused(t, "nothing", nil, key, "no package")

	files, packed := unzip(t, b), packedAs(t, b)
	good := rezip(t, append(slices.Clone(files), file{"records/zzzzzz.jsonl", []byte("x")}), packed)
	for name, with := range map[string]string{"twice": "records/person.jsonl", "outside": "../../etc/passwd2345", "absolute": "/etc/cron.d/tickmark", "odd": "records\\zzzzzz.jsonl",
		"case": "records/PERSON.jsonl", "control": "records/zz\x00zzz.jsonl"} {
		if len(with) != len("records/zzzzzz.jsonl") {
			t.Fatalf("%s: %d characters", with, len(with))
		}
		refused(t, "a name "+name, bytes.ReplaceAll(good, []byte("records/zzzzzz.jsonl"), []byte(with)), key)
	}
	refused(t, "a file twice", bytes.ReplaceAll(good, []byte("records/zzzzzz.jsonl"), []byte("records/person.jsonl")), key, "twice")
}

func TestABombIsRefusedBeforeItGoesOff(t *testing.T) {
	w := full(t, storetest.SQLite(t))
	b := w.pack(w.options())
	files, packed := unzip(t, b), packedAs(t, b)
	key := w.book.Log.VKey
	bomb := append(slices.Clone(files), file{"records/bomb.jsonl", make([]byte, 64<<20)})
	packed["records/bomb.jsonl"] = true
	refused(t, "64 MiB of nothing", rezip(t, bomb, packed), key, "would unpack")

	// One that lies about its size: it announces 100 bytes and unpacks to 8 MiB.
	var z bytes.Buffer
	d, _ := flate.NewWriter(&z, 9)
	d.Write(make([]byte, 8<<20))
	d.Close()
	var out bytes.Buffer
	a := archive.NewWriter(&out)
	for _, f := range files {
		m := archive.Member{Name: f.name, CRC: archive.CRC(f.b), Size: int64(len(f.b)), Packed: int64(len(f.b))}
		r := bytes.NewReader(f.b)
		if f.name == verify.ActionsFile {
			m, r = archive.Member{Name: f.name, Method: archive.Deflated, Size: 100, Packed: int64(z.Len())}, bytes.NewReader(z.Bytes())
		}
		if err := a.Add(m, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, "a lie about the size", out.Bytes(), key, "unpacks to more than the 100 bytes")
}

func TestAWrongKeyAndAForeignCheckpointAreNamed(t *testing.T) {
	w, other := full(t, storetest.SQLite(t)), empty(t, storetest.SQLite(t))
	b := w.pack(w.options())
	refused(t, "a wrong key", b, other.book.Log.VKey, "yours is "+other.book.Log.VKey)
	if _, err := verify.Archive(w.ctx, bytes.NewReader(b), int64(len(b)), verify.Options{Key: "nonsense"}); !fault.Is(err, fault.Usage) {
		t.Errorf("a key that is none: %v", err)
	}
	files, packed := unzip(t, b), packedAs(t, b)
	foreign, err := other.book.Log.Checkpoint(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	find(t, files, verify.CheckpointFile).b = foreign
	refused(t, "a foreign checkpoint", rezip(t, files, packed), w.book.Log.VKey, "not signed by")
	find(t, files, verify.KeyFile).b = []byte(other.book.Log.VKey + "\n")
	refused(t, "a foreign checkpoint with its key", rezip(t, files, packed), w.book.Log.VKey, "yours is")
	refused(t, "a foreign checkpoint with its key and no key given", rezip(t, files, packed), "", "the checkpoint states")
}
