package anchor

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/ledger/merkle"
	"tickmark/internal/ledger/stamp"
)

// refusal is a witness that saw another log than this one. It is no failure to reach it: one of the two logs was rewritten.
type refusal struct{ why string }

func (r *refusal) Error() string { return r.why }

// conflict is how many entries a witness has seen, when it is others than we said.
type conflict struct{ size int64 }

func (c *conflict) Error() string { return fmt.Sprintf("it has seen %d entries", c.size) }

// cosign has a C2SP witness (tlog-witness) sign that it saw the checkpoint and that the log goes on from all that it saw before.
func (k *Keeper) cosign(ctx context.Context, a Authority, signed []byte, c merkle.Checkpoint) (s Stamp, err error) {
	w, err := stamp.ParseWitness(a.VKey)
	if err != nil {
		return s, err
	}
	last, _, err := Last(ctx, k.Book, a.Key, 0)
	if err != nil {
		return s, err
	}
	old := last.Size
	if last.VKey != a.VKey {
		old = 0 // another witness stood here before
	}
	reply, err := k.addCheckpoint(ctx, a, signed, c, old)
	if other := (*conflict)(nil); errors.As(err, &other) { // somebody asked it meanwhile, or it is asked for the first time from here
		if other.size > c.Size {
			return s, &refusal{fmt.Sprintf("it has seen %d entries of this log, which has %d: the log went back", other.size, c.Size)}
		}
		if reply, err = k.addCheckpoint(ctx, a, signed, c, other.size); errors.As(err, &other) {
			err = fmt.Errorf("it says that it has seen %d entries, and refuses the proof from there", other.size)
		}
	}
	if err != nil {
		return s, err
	}
	line, said, err := w.Cosigned(reply, signed)
	if err != nil {
		return s, err
	}
	return Stamp{Authority: said.Authority, Anchor: a.Key, At: said.At, Size: c.Size, Root: hex.EncodeToString(c.Root[:]),
		Checkpoint: string(signed), Token: line, VKey: a.VKey}, nil
}

// addCheckpoint sends the checkpoint with the proof that it goes on from old entries.
func (k *Keeper) addCheckpoint(ctx context.Context, a Authority, signed []byte, c merkle.Checkpoint, old int64) ([]byte, error) {
	var proof tlog.TreeProof
	if old > 0 && old < c.Size {
		var err error
		if proof, err = k.Book.Log.ProveTree(ctx, k.Book.DB, c.Size, old); err != nil {
			return nil, fmt.Errorf("prove the ledger from %d to %d entries: %w", old, c.Size, err)
		}
	}
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", old)
	for _, h := range proof {
		fmt.Fprintf(&body, "%s\n", h)
	}
	body.WriteByte('\n')
	body.Write(signed)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(a.URL, "/")+"/add-checkpoint", &body)
	if err != nil {
		return nil, err
	}
	answer, err := k.client().Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxReply+1))
	if err == nil && len(b) > maxReply {
		err = fmt.Errorf("its answer is longer than %d bytes", maxReply)
	}
	if err != nil {
		return nil, err
	}
	switch answer.StatusCode {
	case http.StatusOK:
		return b, nil
	case http.StatusConflict:
		n, err := strconv.ParseInt(strings.TrimSuffix(string(b), "\n"), 10, 64)
		if err != nil || n < 0 || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/x.tlog.size") {
			return nil, fmt.Errorf("it answered %s without saying how many entries it has seen", answer.Status)
		}
		return nil, &conflict{n}
	case http.StatusUnprocessableEntity:
		return nil, &refusal{fmt.Sprintf("it has seen other entries than the first %d of this log: one of the two was rewritten", old)}
	case http.StatusNotFound, http.StatusForbidden:
		return nil, fmt.Errorf("it answered %s: it does not know this log; its operator enters the log's name, %s, and key, %s", answer.Status, k.Book.Log.Origin, k.Book.Log.VKey)
	}
	return nil, fmt.Errorf("it answered %s", answer.Status)
}

// client asks configured addresses and nothing else: redirects are not followed.
func (k *Keeper) client() *http.Client {
	if k.HTTP != nil {
		return k.HTTP
	}
	return &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
