package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// Statement is what a machine that read itself says of its reading: what it vouches for, what it could not read, and what it
// asked. A kind that it neither vouches for nor names as missing is missing.
type Statement struct {
	Began   time.Time  `json:"began"`             // by its own clock, which was near the server's when it was sent
	Vouched []string   `json:"vouched,omitempty"` // kinds that were read completely
	Missing []Missing  `json:"missing,omitempty"`
	Asked   []Question `json:"asked,omitempty"`
	Account string     `json:"account,omitempty"` // who the agent ran as
	Program string     `json:"program,omitempty"` // SHA-256 of the agent
	Release string     `json:"release,omitempty"`
}

// Question is one that the machine was asked, with a digest of its answer.
type Question struct {
	Kind    string    `json:"kind"`
	Request string    `json:"request"`
	Status  string    `json:"status"`
	Bytes   int64     `json:"bytes"`
	SHA256  []byte    `json:"sha256"`
	At      time.Time `json:"at"`
	Took    int64     `json:"took"` // microseconds
}

// SentPart is a connector.Part on its way.
type SentPart struct {
	Name   string          `json:"name"`
	JSON   json.RawMessage `json:"json,omitempty"`
	Absent bool            `json:"absent,omitempty"`
	Gap    string          `json:"gap,omitempty"`
}

const (
	maxQuestions = 2_000
	maxGaps      = 500
)

func (st *Statement) text() string {
	if st == nil {
		return ""
	}
	b, _ := json.Marshal(st) // it was read from JSON
	return string(b)
}

// signed refuses what only a machine that enrolled may send, from anybody else, and the other way round.
func (d Delivery) signed(conn Connection, k connector.Connector) error {
	switch {
	case k.Enrolled && d.Key == "":
		return fault.New(fault.Denied, "To %s only its machine sends, signed with its own key.", conn.Name).WithNext("Run tickmark agent run on that machine.")
	case !k.Enrolled && (d.Key != "" || d.Statement != nil):
		return fault.New(fault.Denied, "%s is no machine that enrolled.", conn.Name)
	case !k.Enrolled:
		return nil
	case len(d.Scopes) != 1 || d.Scopes[0] != "":
		return fault.New(fault.Denied, "The machine %s speaks for itself as a whole, and for nothing else.", conn.Name)
	case (d.Statement != nil) != (d.Complete != nil):
		return fault.New(fault.Invalid, "A reading ends with the statement of what it vouches for.")
	case d.Statement == nil:
		return nil
	case len(d.Statement.Asked) > maxQuestions || len(d.Statement.Missing) > maxGaps:
		return fault.New(fault.TooLarge, "The statement of the reading names more than %d questions or %d gaps.", maxQuestions, maxGaps)
	}
	for _, name := range d.Statement.Vouched {
		if !slices.Contains(d.Kinds, name) {
			return fault.New(fault.Denied, "The reading vouches for %s, which it does not send.", name)
		}
	}
	for _, g := range d.Statement.Missing {
		if !slices.Contains(d.Kinds, g.Kind) || g.Scope != "" || g.Reason == "" || g.Confirm {
			return fault.New(fault.Invalid, "The reading says that %q is missing, which it does not send, or gives no reason.", g.Kind)
		}
	}
	return nil
}

// statement reads that of a sending; nil where there is none.
func (s Sending) statement() (*Statement, error) {
	if s.Statement == "" {
		return nil, nil
	}
	st := &Statement{}
	if err := json.Unmarshal([]byte(s.Statement), st); err != nil {
		return nil, fmt.Errorf("read the statement of %s: %w", s.ID, err)
	}
	return st, nil
}

// stale is the statement of a reading that waited so long to be taken over that it vouches for nothing now.
func (st Statement) stale() *Statement {
	for _, name := range st.Vouched {
		st.Missing = append(slices.Clip(st.Missing), Missing{Kind: name, Reason: "It was read at " + st.Began.UTC().Format(time.RFC3339) + " and taken over too late to say what is now."})
	}
	st.Vouched = nil
	return &st
}

// hand gives a run what the machine said beside its records.
func (st *Statement) hand(out connector.Sink) {
	for _, q := range st.Asked {
		e := connector.Exchange{Kind: q.Kind, Request: q.Request, Status: q.Status, Bytes: q.Bytes, At: q.At, Took: time.Duration(q.Took) * time.Microsecond,
			Unkept: "The answer stayed on the machine, which sent what it made of it."}
		copy(e.SHA256[:], q.SHA256)
		out.Exchange(e)
	}
	for _, g := range st.Missing {
		out.Missing(connector.Gap{Kind: g.Kind, Part: g.Part, Denied: g.Denied, Reason: g.Reason, Needs: g.Needs})
	}
	for _, name := range st.Vouched {
		out.Complete(name, "")
	}
}

// item is one that was sent, as a connector hands it over.
func (c *Collector) item(it Sent, from []connector.Answer) connector.Item {
	out := connector.Item{Kind: it.Kind, Key: it.Key, Scope: it.Scope, Label: it.Label, Occurred: c.happened(it), Raw: it.Body, From: from}
	if len(it.Raw) > 0 {
		out.Raw, out.Body = it.Raw, it.Body
	}
	for _, p := range it.Parts {
		out.Parts = append(out.Parts, connector.Part{Name: p.Name, JSON: p.JSON, Absent: p.Absent, Gap: p.Gap, From: from})
	}
	return out
}

// drop forgets what a connection was sent that is in one of the states.
func drop(ctx context.Context, tx *store.Tx, connection string, states ...string) error {
	for _, state := range states {
		for _, sql := range []string{
			"DELETE FROM sending_batch WHERE connection = $1 AND EXISTS (SELECT 1 FROM sending s WHERE s.connection = sending_batch.connection AND s.id = sending_batch.sending AND s.state = $2)",
			"DELETE FROM sending WHERE connection = $1 AND state = $2",
		} {
			if _, err := tx.Exec(ctx, sql, connection, state); err != nil {
				return fmt.Errorf("drop what %s was sent: %w", connection, err)
			}
		}
	}
	return nil
}

// Cut ends what a machine's readings vouch for, now, and forgets what waits to be taken over.
func (c *Collector) Cut(ctx context.Context, tx *ledger.Tx, connection, why string) error {
	if err := drop(ctx, tx.Tx, connection, Open, Ready); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE coverage SET valid_to = $1, ended = $2 WHERE connection = $3 AND valid_to > $1", tx.Now, why, connection)
	return err
}
