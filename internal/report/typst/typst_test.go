package typst

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"tickmark/internal/fault"
	"tickmark/internal/report/typst/typsttest"
)

// shared is one engine for all tests: making its machine code is the dear part.
var shared = sync.OnceValue(func() *Engine { return New(typsttest.Dir(), 2) })

func set(t testing.TB, source string, files map[string][]byte) ([]byte, error) {
	t.Helper()
	packed, err := os.ReadFile("../document/font/Inter-Regular.otf.zst")
	if err != nil {
		t.Fatal(err)
	}
	unpack, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unpack.Close()
	font, err := unpack.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{"/main.typ": []byte(source)}
	for name, b := range files {
		all[name] = b
	}
	return shared().Render(context.Background(), Job{Main: "/main.typ", Files: all, Fonts: [][]byte{font}})
}

func TestTheSameFilesGiveTheSameBytes(t *testing.T) {
	source := `#set document(title: "T", date: datetime(year: 2026, month: 1, day: 2))
#let d = json("data.json")
= #d.title
#lorem(400)`
	data := map[string][]byte{"/data.json": []byte(`{"title":"A #strong[title] \\ $x$"}`)}
	first, err := set(t, source, data)
	if err != nil {
		t.Fatal(err)
	}
	second, err := set(t, source, data)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("%d and %d bytes, %v", len(first), len(second), err)
	}
	if !bytes.HasPrefix(first, []byte("%PDF-1.7")) || !bytes.Contains(first, []byte("/StructTreeRoot")) {
		t.Error("no tagged PDF")
	}
}

func TestARenderingReachesNothingButItsFiles(t *testing.T) {
	here, err := filepath.Abs("typst_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]string{
		"a file of the machine": `#read("/etc/passwd")`,
		"a file beside us":      `#read("` + filepath.ToSlash(here) + `")`,
		"a way up":              `#read("../../etc/passwd")`,
		"a package":             `#import "@preview/cetz:0.3.0": canvas`,
		"a file not given":      `#json("data.json")`,
		"an address":            `#image("https://example.org/a.png")`,
	} {
		if pdf, err := set(t, source, nil); err == nil {
			t.Errorf("%s: %d bytes", name, len(pdf))
		}
	}
	if _, err := set(t, `#assert(datetime.today().year() == 1970)`, nil); err != nil {
		t.Errorf("it knows what day it is: %v", err)
	}
	if _, err := set(t, `#assert(read("/given.txt") == "given")`, map[string][]byte{"/given.txt": []byte("given")}); err != nil {
		t.Errorf("a file that was given: %v", err)
	}
}

func TestAnErrorSaysWhereItIsAndHarmsNothing(t *testing.T) {
	_, err := set(t, "= Title\n#nothing-there", nil)
	if err == nil || !strings.Contains(err.Error(), "unknown variable: nothing-there") {
		t.Errorf("%v", err)
	}
	if _, err := set(t, "= Title", nil); err != nil {
		t.Error(err)
	}
}

func TestAReaderWhoLeavesIsNotKeptAndOthersComeAfterwards(t *testing.T) {
	if err := shared().Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	long := Job{Main: "/main.typ", Files: map[string][]byte{"/main.typ": []byte("#let f(n) = if n < 2 { n } else { f(n - 1) + f(n - 2) }\n#for i in range(6) [#f(20 + calc.rem(i, 2)) ]")}}
	whole := make(chan time.Duration, 1)
	began := time.Now()
	go func() {
		shared().Render(context.Background(), long)
		whole <- time.Since(began)
	}()
	waiting, leave := context.WithCancel(context.Background())
	time.AfterFunc(time.Millisecond, leave)
	if _, err := shared().Render(waiting, long); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	left := time.Since(began)
	if _, err := set(t, "= Afterwards", nil); err != nil {
		t.Error(err)
	}
	if all := <-whole; left > all {
		t.Errorf("left after %v, when %v was the whole", left, all)
	}
}

func TestAnEngineThatSleptWakesAndGivesTheSame(t *testing.T) {
	first, err := set(t, "= Before", nil)
	if err != nil {
		t.Fatal(err)
	}
	<-shared().turn // the last rendering gave its memory back
	shared().turn <- struct{}{}
	shared().sleep()
	if shared().dir != "" && shared().State().Phase != Asleep {
		t.Errorf("%+v", shared().State())
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if again, err := set(t, "= Before", nil); err != nil || !bytes.Equal(first, again) {
				t.Errorf("%d and %d bytes, %v", len(first), len(again), err)
			}
		})
	}
	all.Wait()
}

func TestTooMuchIsRefused(t *testing.T) {
	if _, err := set(t, "= Large", map[string][]byte{"/data.json": make([]byte, maxInput+1)}); !fault.Is(err, fault.TooLarge) {
		t.Errorf("%v", err)
	}
}

func TestADirectoryThatCannotBeWrittenIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e := New(file, 1)
	if err := e.Prepare(context.Background()); !fault.Is(err, fault.Unavailable) || e.State().Phase != Failed {
		t.Errorf("%v %+v", err, e.State())
	}
}

func TestACompilerThatWasMadeIsNotReadUntilItIsNeeded(t *testing.T) {
	if _, err := set(t, "= Made", nil); err != nil {
		t.Fatal(err)
	}
	dir := shared().dir
	if dir == "" {
		t.Skip("this user has no directory for caches")
	}
	e := New(dir, 1)
	if err := e.Make(t.Context()); err != nil || e.State().Phase != Asleep || e.code.module != nil {
		t.Errorf("%+v, %v", e.State(), err)
	}
	other := t.TempDir()
	if New(other, 1).made() {
		t.Error("nothing lies there")
	}
	if err := os.MkdirAll(filepath.Join(other, "typst"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "typst", madeFile), []byte("another release"), 0o600); err != nil {
		t.Fatal(err)
	}
	if New(other, 1).made() {
		t.Error("another release's code was taken for ours")
	}
}
