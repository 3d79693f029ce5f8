package anchortest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Witness is a small C2SP witness of one log. That a real one agrees with it is tested in interop.
type Witness struct {
	URL, VKey string

	mu   sync.Mutex
	name string
	id   [4]byte
	key  ed25519.PrivateKey
	seen tlog.Tree
}

// StartWitness starts a witness that ends with the test.
func StartWitness(t testing.TB, name string) *Witness {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &Witness{name: name, key: private}
	key := append([]byte{4}, public...)
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	w.id = [4]byte(sum[:4])
	w.VKey = fmt.Sprintf("%s+%x+%s", name, w.id, base64.StdEncoding.EncodeToString(key))
	server := httptest.NewServer(http.HandlerFunc(w.answer))
	t.Cleanup(server.Close)
	w.URL = server.URL
	return w
}

// Cosign signs the text of a checkpoint as of a moment.
func (w *Witness) Cosign(text string, at time.Time) string {
	sig := binary.BigEndian.AppendUint64(w.id[:], uint64(at.Unix()))
	sig = append(sig, ed25519.Sign(w.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at.Unix(), text))...)
	return fmt.Sprintf("— %s %s\n", w.name, base64.StdEncoding.EncodeToString(sig))
}

func (w *Witness) answer(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := io.ReadAll(r.Body)
	head, signed, ok := bytes.Cut(b, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	var old int64
	if n, _ := fmt.Sscanf(lines[0], "old %d", &old); err != nil || !ok || n != 1 || r.URL.Path != "/add-checkpoint" || r.Method != http.MethodPost {
		http.Error(rw, "this is no add-checkpoint", http.StatusBadRequest)
		return
	}
	text, _, _ := strings.Cut(string(signed), "\n\n")
	text += "\n"
	var shown tlog.Tree
	var root string
	fmt.Sscanf(strings.Join(strings.Split(text, "\n")[1:], " "), "%d %s", &shown.N, &root)
	if shown.Hash, err = tlog.ParseHash(root); err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	if old != w.seen.N {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", w.seen.N)
		return
	}
	var proof tlog.TreeProof
	for _, l := range lines[1:] {
		h, err := tlog.ParseHash(l)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		proof = append(proof, h)
	}
	if old > 0 && tlog.CheckTree(proof, shown.N, shown.Hash, old, w.seen.Hash) != nil {
		http.Error(rw, "the proof does not hold", http.StatusUnprocessableEntity)
		return
	}
	w.seen = shown
	io.WriteString(rw, w.Cosign(text, time.Now()))
}
