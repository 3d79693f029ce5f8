package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/collect"
	"tickmark/internal/connector/result"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

// PushPath is where runs of pushed records are looked at; recordsPath takes them.
const PushPath = "/api/v1/pushes"

// Push is one message of a sender. The first of a run begins it; the last says that it is complete. One message may do all.
type Push struct {
	Connection string            `json:"connection" doc:"Which connection is sent to; the token must be made for it."`
	Run        string            `json:"run" doc:"Your own id of this run: one for each time that you send, the same in each message of it."`
	Kinds      []string          `json:"kinds" doc:"What the run sends, in each message the same. A complete run without records of a kind says that there are none."`
	Scopes     []string          `json:"scopes,omitempty" doc:"What a complete run is complete for, such as one machine; what has no scope when left out."`
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
		{method: "POST", path: PushPath + "/{connection}", id: "push-result", tag: "Push", summary: "Send what a scanner or another tool wrote",
			help:  "The format is known by the content. The file is kept as it is and taken whole or not at all; it speaks for its own scan, one tool on one target, and closes what a scan of the same before found and this one does not. It takes a token made for a connection to results.",
			query: []param{asked("name", "The file's name."), asked("target", "What was scanned, where the file does not say."), asked("command", "How the tool was called."), yes("preview", "Only say what it would change.")},
			file:  []string{"application/octet-stream", "application/json", "application/xml", "text/csv"}, answer: s.schemaOf(ResultTaken{}), serve: (*call).result},
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

// ResultTaken says what a result of another tool changed, or would change.
type ResultTaken struct {
	Format   string          `json:"format"`
	Scans    []result.Scan   `json:"scans"`
	Items    int             `json:"items"`
	Unmapped []string        `json:"unmapped,omitempty" doc:"Rules that no control is named for."`
	SHA256   string          `json:"sha256"`
	Run      int64           `json:"number,omitempty"`
	Kinds    []collect.Tally `json:"kinds"`
}

func (c *call) result() (any, error) {
	name := c.r.PathValue("connection")
	if err := c.sends(name); err != nil {
		return nil, err
	}
	t, err := os.CreateTemp("", "tickmark-result-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(t.Name())
	defer t.Close()
	if _, err := io.Copy(t, c.r.Body); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	f, err := result.FromDisk(ctx, t.Name(), result.Options{Name: cmp.Or(strings.Trim(path.Base(c.text("name")), "./"), "result"), Target: c.text("target"), Command: c.text("command"), At: c.s.Book.Log.Now(), Mapping: workspace.Mapping()}, nil)
	if err != nil {
		return nil, err
	}
	r := f.Report()
	out := ResultTaken{Format: r.Format, Scans: r.Scans, Items: r.Items, Unmapped: r.Unmapped, SHA256: r.Scans[0].SHA256}
	h := collect.Handed{Kinds: r.Kinds, Origin: record.Forwarded, Read: f.Hand}
	if c.flag("preview") {
		sum, err := c.s.Collector.Preview(ctx, name, h)
		out.Kinds = sum.Kinds
		return out, err
	}
	if _, err := t.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if _, _, err := c.s.Blobs.Put(ctx, t, fileLimit); err != nil {
		return nil, err
	}
	sum, err := c.s.Collector.Take(ctx, record.Job("connection:"+name), name, h, nil)
	out.Run, out.Kinds = sum.Number, sum.Kinds
	return out, err
}
