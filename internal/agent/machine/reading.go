// Package machine is the side of the machine: it reads itself as the host connector does, keeps the reading until a server has
// it, and signs what it sends. The one rule: only the newest reading is ever sent, because it is about what is; and nothing
// that a server answers makes a machine do more than read and send.
package machine

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/agent"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/connector/host"
)

// The size of a message.
const (
	batchItems = 2_000
	batchBytes = 4 << 20
)

// Reading is what a machine found of itself, as it waits to be sent.
type Reading struct {
	Run       string              `json:"run"`
	Kinds     []string            `json:"kinds"`
	Items     int64               `json:"items"`
	Batches   [][]json.RawMessage `json:"batches"`
	Statement collect.Statement   `json:"statement"`
}

// Read reads this machine. given is an id for a machine that has none of its own.
func Read(ctx context.Context, given, release string) (*Reading, error) {
	r := &Reading{Run: time.Now().UTC().Format("20060102T150405.000000") + "-" + strings.ToLower(rand.Text()[:8]), Kinds: host.Reads(),
		Statement: collect.Statement{Began: time.Now().UTC().Truncate(time.Microsecond), Program: collect.Binary(), Release: release}}
	if u, err := user.Current(); err == nil {
		r.Statement.Account = u.Username
	}
	t := &taker{r: r}
	if err := host.Connector().Read(ctx, connector.Values{host.GivenID: given}, t); err != nil {
		return nil, err
	}
	t.end()
	return r, t.wrong
}

// messages are those that a reading is sent in; the last ends it.
func (r *Reading) messages() []agent.Message {
	var out []agent.Message
	for i, items := range r.Batches {
		out = append(out, agent.Message{Run: r.Run, Kinds: r.Kinds, Batch: fmt.Sprint(i + 1), Items: items})
	}
	if len(out) == 0 {
		out = append(out, agent.Message{Run: r.Run, Kinds: r.Kinds})
	}
	last := &out[len(out)-1]
	last.Complete, last.Statement = &r.Items, &r.Statement
	return out
}

// taker is the sink that a reading is made with.
type taker struct {
	r *Reading

	mu    sync.Mutex
	batch []json.RawMessage
	size  int
	wrong error
}

func (t *taker) speaks(kind string) bool { return slices.Contains(t.r.Kinds, kind) }

// Item implements connector.Sink.
func (t *taker) Item(it connector.Item) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.speaks(it.Kind) {
		return nil
	}
	body := it.Body
	if body == nil {
		body = it.Raw
	}
	if it.Kind == host.Machine {
		at, err := json.Marshal(t.r.Statement.Began.Format(time.RFC3339))
		if err != nil {
			return err
		}
		body = append(append(bytes.TrimSuffix(bytes.TrimSpace(body), []byte("}")), `,"last_seen":`...), append(at, '}')...)
	}
	sent := collect.Sent{Kind: it.Kind, Key: it.Key, Scope: it.Scope, Label: it.Label, Body: body}
	if it.Body != nil {
		sent.Raw = it.Raw
	}
	for _, p := range it.Parts {
		sent.Parts = append(sent.Parts, collect.SentPart{Name: p.Name, JSON: p.JSON, Absent: p.Absent, Gap: p.Gap})
	}
	b, err := json.Marshal(sent)
	if err != nil {
		return fmt.Errorf("write down the %s %s: %w", it.Kind, it.Key, err)
	}
	if len(t.batch) >= batchItems || t.size+len(b) > batchBytes {
		t.end()
	}
	t.batch, t.size, t.r.Items = append(t.batch, b), t.size+len(b), t.r.Items+1
	return nil
}

func (t *taker) end() {
	if len(t.batch) > 0 {
		t.r.Batches = append(t.r.Batches, t.batch)
		t.batch, t.size = nil, 0
	}
}

// Complete implements connector.Sink. A machine speaks for itself as a whole: a scope within it would be a mistake.
func (t *taker) Complete(kind, scope string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if st := &t.r.Statement; scope == "" && t.speaks(kind) && !slices.Contains(st.Vouched, kind) {
		st.Vouched = append(st.Vouched, kind)
	}
}

// Missing implements connector.Sink.
func (t *taker) Missing(g connector.Gap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.speaks(g.Kind) {
		t.r.Statement.Missing = append(t.r.Statement.Missing, collect.Missing{Kind: g.Kind, Part: g.Part, Denied: g.Denied, Reason: g.Reason, Needs: g.Needs})
	}
}

// Exchange implements connector.Sink.
func (t *taker) Exchange(e connector.Exchange) connector.Answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	if st := &t.r.Statement; len(st.Asked) < 2_000 {
		st.Asked = append(st.Asked, collect.Question{Kind: e.Kind, Request: e.Request, Status: e.Status, Bytes: e.Bytes, SHA256: e.SHA256[:], At: e.At, Took: e.Took.Microseconds()})
	}
	return nil
}

// What the host connector has no use for: it reads everything each time, and no events.
func (t *taker) Seen(string, string) bool          { return false }
func (t *taker) Unchanged(string, string) bool     { return false }
func (t *taker) Under(string, string)              {}
func (t *taker) Through(string, string, time.Time) {}
func (t *taker) Since(string, string) time.Time    { return time.Time{} }
func (t *taker) Progress(string, int, int)         {}
func (t *taker) State() []byte                     { return nil }
func (t *taker) SetState([]byte)                   {}
func (t *taker) Now() time.Time                    { return time.Now() }
