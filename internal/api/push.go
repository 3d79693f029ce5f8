package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
)

// PushPath is where runs of pushed records are looked at; recordsPath takes them.
const PushPath = "/api/v1/pushes"

// Push is one message of a sender. The first of a run begins it; the last says that it is complete. One message may do all.
type Push struct {
	Connection string            `json:"connection" doc:"Which connection is sent to; the token must be made for it."`
	Run        string            `json:"run" doc:"Your own id of this run: one for each time that you send, the same in each message of it."`
	Kinds      []string          `json:"kinds" doc:"What the run sends, in each message the same. A complete run without records of a kind says that there are none."`
	Scopes     []string          `json:"scopes,omitempty" doc:"What a complete run is complete for, such as one machine; everything of the connection when left out."`
	Batch      string            `json:"batch,omitempty" doc:"Your own id of these items. The same batch again is taken once; with other items it is refused."`
	Items      []json.RawMessage `json:"items,omitempty" doc:"At most 10,000, each with kind, key, body, and where they apply scope, label and occurred."`
	Complete   *int64            `json:"complete,omitempty" doc:"How many items the run has in all: nothing more comes. States that were not sent are closed then; events never are."`
}

// Pushed is how far a run is.
type Pushed struct {
	collect.Sending
	Received []string `json:"received,omitempty" doc:"The ids of the batches that arrived."`
}

func (s *server) pushRoutes() []route {
	answer := s.schemaOf(Pushed{})
	return []route{
		{method: "POST", path: recordsPath, id: "push-records", tag: "Push", summary: "Send records of a tool that Tickmark does not read",
			help: "A run is begun by its first message, grows by batches of at most 8 MiB and ends when you say how many items it has. Every message may be sent again: what arrived is not taken twice. " +
				"A run that is never completed closes nothing and vouches for nothing; what arrived of it is kept after a day. It takes a token made for the connection.",
			body: s.schemaOf(Push{}), answer: answer, serve: (*call).push},
		{method: "GET", path: PushPath + "/{connection}/{run}", id: "get-push", tag: "Push", summary: "How far a run of pushed records is, and which batches arrived",
			answer: answer, serve: func(c *call) (any, error) { return c.pushed(c.r.PathValue("connection"), c.r.PathValue("run")) }},
	}
}

// sends refuses everybody but who holds a token made for the connection.
func (c *call) sends(connection string) error {
	if c.who.Method == access.ByToken && c.who.Scope == access.ScopePush+connection && connection != "" && !c.who.User.Disabled {
		return nil
	}
	return fault.New(fault.Denied, "Records are sent to %q with a token made for it.", connection).WithNext("Make one with tickmark token add USER --name NAME --push CONNECTION.")
}

func (c *call) push() (any, error) {
	raw, err := io.ReadAll(c.r.Body)
	if err != nil {
		return nil, err
	}
	var p Push
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, fault.New(fault.Invalid, "The message is not what a push is, near byte %d: %s.", d.InputOffset(), strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fault.New(fault.Invalid, "Something follows the message, at byte %d.", d.InputOffset())
	}
	if err := c.sends(p.Connection); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	got, err := c.s.Collector.Receive(ctx, collect.Delivery{Connection: p.Connection, ID: p.Run, Sender: c.who.Actor().Name, Kinds: p.Kinds, Scopes: p.Scopes, Batch: p.Batch, Items: p.Items, Complete: p.Complete})
	if err != nil {
		return nil, err
	}
	if got.State == collect.Ready {
		if err := c.takeOver(p.Connection); err != nil {
			return nil, err
		}
	}
	if got.State == collect.Open {
		return Pushed{Sending: got}, nil
	}
	return c.pushed(p.Connection, p.Run)
}

// takeOver has what is complete written. That another does so already is no matter: it takes this one too.
func (c *call) takeOver(connection string) error {
	if c.s.TakeOver != nil {
		return c.s.TakeOver(c.r.Context(), connection)
	}
	_, err := c.s.Collector.Run(c.r.Context(), connection, nil)
	if fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Incomplete) {
		return nil
	}
	return err
}

func (c *call) pushed(connection, run string) (any, error) {
	if err := c.sends(connection); err != nil {
		return nil, err
	}
	s, batches, err := c.s.Collector.SendingOf(c.r.Context(), connection, run)
	if err != nil {
		return nil, fmt.Errorf("look at a run: %w", err)
	}
	return Pushed{s, batches}, nil
}
