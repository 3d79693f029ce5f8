package ledger_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/ledger"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// outsider is a reader of the log that knows its address and key and uses no code of the ledger.
type outsider struct {
	t     *testing.T
	base  string
	vkey  string
	plain bool // served by a web server that knows nothing of logs
	got   int
}

func (o *outsider) get(path string) []byte {
	o.t.Helper()
	res, err := http.Get(o.base + path)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		o.t.Fatalf("%s: %s %v", path, res.Status, err)
	}
	if full := !o.plain && !strings.Contains(path, ".p/") && path != "/checkpoint"; full != strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
		o.t.Errorf("%s is served with %q", path, res.Header.Get("Cache-Control"))
	}
	o.got++
	return b
}

func (o *outsider) tree() tlog.Tree {
	o.t.Helper()
	v, err := note.NewVerifier(o.vkey)
	if err != nil {
		o.t.Fatal(err)
	}
	n, err := note.Open(o.get("/checkpoint"), note.VerifierList(v))
	if err != nil {
		o.t.Fatal(err)
	}
	lines := strings.Split(n.Text, "\n")
	if lines[0] != v.Name() {
		o.t.Fatalf("the origin is %q", lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		o.t.Fatal(err)
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		o.t.Fatal(err)
	}
	return tlog.Tree{N: size, Hash: root}
}

// Height, ReadTiles and SaveTiles make the outsider a tlog.TileReader.
func (o *outsider) Height() int                     { return 8 }
func (o *outsider) SaveTiles([]tlog.Tile, [][]byte) {}
func (o *outsider) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		out[i] = o.get("/" + strings.Replace(t.Path(), "tile/8/", "tile/", 1))
	}
	return out, nil
}

func (o *outsider) leaf(tree tlog.Tree, i int64) []byte {
	tile := tlog.Tile{H: 8, L: 0, N: i / 256, W: int(min(256, tree.N-i/256*256))}
	path := strings.Replace(strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1), "tile/8/", "tile/", 1)
	b := o.get("/" + path)
	for range i % 256 {
		b = b[2+binary.BigEndian.Uint16(b):]
	}
	return b[2 : 2+binary.BigEndian.Uint16(b)]
}

func TestAStrangersReaderProvesInclusionAndConsistencyOverHTTP(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		l, err := ledger.Open(ctx, db, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(http.StripPrefix("/ledger", l.Handler()))
		defer s.Close()
		o := &outsider{t: t, base: s.URL + "/ledger", vkey: l.VKey}
		if empty := o.tree(); empty.N != 0 {
			t.Errorf("the empty log has %d entries", empty.N)
		}
		var before tlog.Tree
		for round := range 4 {
			fill(t, l, 3, 97+round)
			if _, err := l.Checkpoint(ctx); err != nil {
				t.Fatal(err)
			}
			tree := o.tree()
			hashes := tlog.TileHashReader(tree, o)
			for _, i := range []int64{0, 1, 255, 256, tree.N / 2, tree.N - 1} {
				if i >= tree.N {
					continue
				}
				p, err := tlog.ProveRecord(tree.N, i, hashes)
				if err != nil {
					t.Fatal(err)
				}
				if err := tlog.CheckRecord(p, tree.N, tree.Hash, i, tlog.RecordHash(o.leaf(tree, i))); err != nil {
					t.Errorf("entry %d of %d: %v", i, tree.N, err)
				}
			}
			if before.N > 0 {
				p, err := tlog.ProveTree(tree.N, before.N, hashes)
				if err != nil {
					t.Fatal(err)
				}
				if err := tlog.CheckTree(p, tree.N, tree.Hash, before.N, before.Hash); err != nil {
					t.Errorf("%d is no prefix of %d: %v", before.N, tree.N, err)
				}
			}
			before = tree
		}
	})
}

func TestOnlyThePathsOfTheSpecificationAreServed(t *testing.T) {
	ctx := context.Background()
	l, err := ledger.Open(ctx, storetest.SQLite(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	fill(t, l, 1, 300)
	for path, want := range map[string]int{
		"/tile/0/000": 200, "/tile/0/001.p/44": 200, "/tile/0/001.p/7": 200, "/tile/1/000.p/1": 200, "/tile/entries/000": 200, "/tile/entries/001.p/44": 200,
		"/tile/0/001": 404, "/tile/0/001.p/45": 404, "/tile/0/002.p/1": 404, "/tile/0/0": 404, "/tile/00/000": 404, "/tile/8/0/000": 404,
		"/tile/0/x000/000": 404, "/tile/0/000.p/0": 404, "/tile/0/000.p/256": 404, "/tile/0/001.p/044": 404, "/tile/64/000": 404,
		"/tile/-1/000": 404, "/tile/entries/001": 404, "/tile/entries/x001/x001/x001/x001/x001/001": 404, "/": 404, "/tile/0/-01": 404,
	} {
		w := httptest.NewRecorder()
		l.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	w := httptest.NewRecorder()
	l.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/checkpoint", nil))
	if w.Code != 405 {
		t.Errorf("POST: %d", w.Code)
	}
	if got := ledger.TilePath(1234067, 8); got != "x001/x234/067.p/8" {
		t.Error(fmt.Sprint(got))
	}
}
