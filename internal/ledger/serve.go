package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

// Handler serves the log as C2SP tlog-tiles describes it, for anyone to read: the newest signed checkpoint at /checkpoint,
// hashes at /tile/<level>/<number>[.p/<width>] and leaves at /tile/entries/<number>[.p/<width>].
func (l *Log) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /checkpoint", l.serveCheckpoint)
	mux.HandleFunc("GET /tile/entries/{path...}", l.serveEntries)
	mux.HandleFunc("GET /tile/{level}/{path...}", l.serveTile)
	return mux
}

func (l *Log) serveCheckpoint(w http.ResponseWriter, r *http.Request) {
	signed, _, err := l.LastCheckpoint(r.Context())
	if errors.Is(err, store.ErrNotFound) {
		signed, err = l.Checkpoint(r.Context())
	}
	if err != nil {
		slog.ErrorContext(r.Context(), "serve the ledger's checkpoint", "err", err)
		http.Error(w, "The ledger cannot be read now.", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(signed)
}

func (l *Log) serveTile(w http.ResponseWriter, r *http.Request) {
	level, err := strconv.ParseUint(r.PathValue("level"), 10, 6)
	index, width, ok := tilePath(r.PathValue("path"))
	if err != nil || strconv.FormatUint(level, 10) != r.PathValue("level") || !ok {
		http.NotFound(w, r)
		return
	}
	b, err := l.Tile(r.Context(), l.DB, int64(level), index, width)
	serveBytes(w, r, b, width, err)
}

// serveEntries writes each leaf after its length in two bytes, the big end first.
func (l *Log) serveEntries(w http.ResponseWriter, r *http.Request) {
	index, width, ok := tilePath(r.PathValue("path"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	from := index * merkle.Width
	leaves, err := l.Entries(r.Context(), l.DB, from, from+int64(width))
	if err == nil && len(leaves) < width {
		err = store.ErrNotFound
	}
	var b []byte
	for _, leaf := range leaves {
		b = AppendEntry(b, leaf)
	}
	serveBytes(w, r, b, width, err)
}

// AppendEntry appends a leaf as bundles of entries hold it.
func AppendEntry(b, leaf []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(leaf))), leaf...)
}

func serveBytes(w http.ResponseWriter, r *http.Request, b []byte, width int, err error) {
	if errors.Is(err, store.ErrNotFound) {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		slog.ErrorContext(r.Context(), "serve a tile of the ledger", "path", r.URL.Path, "err", err)
		http.Error(w, "The ledger cannot be read now.", http.StatusServiceUnavailable)
		return
	}
	age := "public, max-age=3600" // a part is overtaken once its tile is full
	if width == merkle.Width {
		age = "public, max-age=31536000, immutable"
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", age)
	w.Write(b)
}

// tilePath reads what C2SP writes for a tile's number and width: "x001/x234/067" is tile 1234067, "x001/x234/067.p/8" its
// first 8 hashes. No other spelling is taken.
func tilePath(path string) (index int64, width int, ok bool) {
	width = merkle.Width
	number, part, isPart := strings.Cut(path, ".p/")
	if isPart {
		w, err := strconv.Atoi(part)
		if err != nil || w < 1 || w >= merkle.Width || strconv.Itoa(w) != part {
			return 0, 0, false
		}
		width = w
	}
	groups := strings.Split(number, "/")
	if len(groups) > 5 {
		return 0, 0, false
	}
	for i, g := range groups {
		if i < len(groups)-1 {
			var more bool
			if g, more = strings.CutPrefix(g, "x"); !more {
				return 0, 0, false
			}
		}
		n, err := strconv.ParseUint(g, 10, 16)
		if err != nil || len(g) != 3 {
			return 0, 0, false
		}
		index = index*1000 + int64(n)
	}
	return index, width, TilePath(index, width) == path
}

// TilePath is the inverse of tilePath: where below /tile/<level>/ the tile stands.
func TilePath(index int64, width int) string {
	p := fmt.Sprintf("%03d", index%1000)
	for index >= 1000 {
		index /= 1000
		p = fmt.Sprintf("x%03d/%s", index%1000, p)
	}
	if width < merkle.Width {
		p += ".p/" + strconv.Itoa(width)
	}
	return p
}
