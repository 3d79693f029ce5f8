package api

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"slices"
	"strconv"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Record is one version of a record.
type Record struct {
	Kind     string          `json:"kind"`
	Key      string          `json:"key"`
	Label    string          `json:"label"`
	Source   string          `json:"source" doc:"The connection that saw it, or program."`
	From     store.Moment    `json:"from" doc:"Since when this version holds, as recorded."`
	To       store.Moment    `json:"to" nullable:"true" doc:"Until when it held; null while it holds."`
	Entry    int64           `json:"entry" doc:"The ledger entry that commits to it."`
	Body     json.RawMessage `json:"body"`
	Origin   record.Origin   `json:"origin" enum:"collected,forwarded,uploaded,typed" doc:"How it came here."`
	Scope    string          `json:"scope,omitempty" doc:"The parent within the source."`
	Occurred *time.Time      `json:"occurred,omitempty" doc:"When the event happened, in the zone it was stated in."`
	Actor    string          `json:"actor" doc:"Who or what caused the version."`
	Reason   string          `json:"reason,omitempty"`
	Run      int64           `json:"run,omitempty" doc:"The run that read it."`
	Closed   *int64          `json:"closed,omitempty" doc:"The ledger entry of its end, when nothing followed it."`
	Erased   bool            `json:"erased,omitempty" doc:"The content was destroyed; that it was here remains."`
	Dropped  string          `json:"dropped,omitempty" doc:"How the body went, when a rule of retention dropped it: when, and by which rule. Its proof stands."`
	Latest   json.RawMessage `json:"latest,omitempty" doc:"The latest values of fields outside the history, by name."`
	Read     *store.Moment   `json:"latest_read,omitempty" doc:"When those were read."`
}

func answerOf(v record.Version) Record {
	r := Record{Kind: v.Kind, Key: v.Key, Label: v.Label, Source: v.Source, From: v.From, To: v.To, Entry: v.Entry, Body: v.Body, Origin: v.Origin,
		Scope: v.Scope, Actor: v.Actor, Reason: v.Reason, Run: v.Run, Closed: v.Closed, Erased: v.Erased}
	if v.Occurred != nil {
		r.Occurred = &v.Occurred.At
	}
	if v.Dropped != nil {
		r.Dropped = v.Dropped.String()
	}
	if len(v.Volatile) > 0 {
		r.Latest, r.Read = v.Volatile, &v.VolRead
	}
	return r
}

// Page is a part of a list.
type Page struct {
	Records []Record     `json:"records"`
	Next    string       `json:"next" doc:"The after of the next page; empty at the end."`
	Partial bool         `json:"partial" doc:"The budget for reading bodies ended before the page was full; next goes on."`
	Untold  int          `json:"untold,omitempty" doc:"Versions left out because a rule of retention dropped their bodies, and nobody can tell whether they fit the filter."`
	Scanned int          `json:"scanned" doc:"Bodies read because no index serves the filter."`
	AsOf    store.Moment `json:"as_of" doc:"The moment the page tells of; for a window, its end."`
	Count   *Counted     `json:"count,omitempty"`
}

// Counted is how many records a query finds.
type Counted struct {
	N     int64 `json:"n"`
	Exact bool  `json:"exact" doc:"When false there are at least so many."`
}

// Proof ties one version to a signed checkpoint.
type Proof struct {
	Kind       string           `json:"kind"`
	Key        string           `json:"key"`
	Entry      int64            `json:"entry" doc:"The index of its ledger entry."`
	Leaf       string           `json:"leaf" doc:"That entry, base64."`
	Version    record.Committed `json:"version" doc:"What the entry's commitment covers, salt and all."`
	Inclusion  []string         `json:"inclusion" doc:"RFC 6962 inclusion proof from the entry to the checkpoint's root, base64."`
	Checkpoint string           `json:"checkpoint" doc:"C2SP signed checkpoint."`
	VKey       string           `json:"vkey" doc:"The log's verifier key; compare it with one you were given."`
}

func (s *server) recordRoutes(k *record.Kind) []route {
	base, one := recordsPath+"/"+k.Name, s.recordOf(k)
	source := asked("source", "Only what this connection says; program for what was written here.")
	list := route{method: "GET", path: base, id: "list-" + k.Name, tag: k.Name, summary: "List " + lower(k.Plural), help: k.Help,
		query: []param{
			asked("where", "A filter in CEL over r, such as r.name == \"x\". What the filter cannot decide is left out."),
			asked("sort", "An indexed field, - before it for descending."),
			asked("after", "The next of the page before."),
			whole("limit", "Records a page, 50 when left out.", 1, 1000),
			asOf(),
			moment("from", "With to: every version that held in this window."),
			moment("to", "The end of the window; now when left out."),
			source,
			yes("count", "Say how many there are."),
			yes("latest", "With the latest values of fields outside the history."),
		}, answer: s.pageOf(k, one), serve: func(c *call) (any, error) { return c.list(k) }}
	routes := []route{
		list,
		{method: "GET", path: base + "/{key}", id: "get-" + k.Name, tag: k.Name, summary: "One " + lower(k.Title), etag: true, answer: one,
			query: []param{asOf(), source}, serve: func(c *call) (any, error) { return c.get(k) }},
		{method: "GET", path: base + "/{key}/history", id: "history-" + k.Name, tag: k.Name, summary: "Every version, oldest first",
			query: []param{source}, answer: listOf(one), serve: func(c *call) (any, error) { return c.history(k) }},
		{method: "GET", path: base + "/{key}/proof", id: "prove-" + k.Name, tag: k.Name, summary: "The proof that the version stands in the ledger",
			query: []param{asOf(), source}, answer: s.schemaOf(Proof{}), serve: func(c *call) (any, error) { return c.prove(k) }},
		{method: "GET", path: base + "/{key}/raw", id: "raw-" + k.Name, tag: k.Name, summary: "The source's own bytes",
			query: []param{asOf(), source}, media: []string{"application/octet-stream"}, serve: func(c *call) (any, error) { return c.raw(k) }},
	}
	if k.Collected {
		routes = append(routes,
			route{method: "GET", path: base + "/{key}/answers", id: "answers-" + k.Name, tag: k.Name, summary: "The answers of the source that it was made of",
				query: []param{asOf(), source}, answer: listOf(s.schemaOf(SourceAnswer{})), serve: func(c *call) (any, error) { return c.unedited(k) }},
			route{method: "GET", path: base + "/{key}/answers/{n}", id: "answer-" + k.Name, tag: k.Name, summary: "The bytes of one of them, unedited but for secrets, once their hash was compared",
				query: []param{asOf(), source}, media: []string{"application/octet-stream"}, serve: func(c *call) (any, error) { return c.uneditedBytes(k) }})
	}
	return routes
}

func (c *call) list(k *record.Kind) (any, error) {
	if err := c.reads(k); err != nil {
		return nil, err
	}
	q, at, err := c.listed(k)
	if err != nil {
		return nil, err
	}
	q.Sort, q.After, q.Limit, q.Latest = c.text("sort"), c.text("after"), int(c.number("limit", 50)), c.flag("latest")
	if q.Latest && (q.AsOf != 0 || q.During[1] != 0) {
		return nil, fault.New(fault.Invalid, "The latest values are outside the history, so they cannot be had for the past.").WithNext("Leave latest out.")
	}
	ctx := c.r.Context()
	page, err := c.s.Book.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := Page{Records: make([]Record, len(page.Versions)), Next: page.Next, Partial: page.Partial, Untold: page.Untold, Scanned: page.Scanned, AsOf: at}
	for i, v := range page.Versions {
		out.Records[i] = answerOf(v)
	}
	if c.flag("count") {
		n, err := c.s.Book.Count(ctx, q)
		if err != nil {
			return nil, err
		}
		out.Count = &Counted{n.N, n.Exact}
	}
	return out, nil
}

// listed is the part of a query that lists and exports share, and the moment that it tells of.
func (c *call) listed(k *record.Kind) (q record.Query, at store.Moment, err error) {
	q = record.Query{Kind: k.Name, Where: c.text("where"), Source: c.text("source"), Room: k.Room}
	if q.AsOf, err = c.moment("as_of"); err != nil {
		return q, 0, err
	}
	from, err := c.moment("from")
	if err != nil {
		return q, 0, err
	}
	to, err := c.moment("to")
	if err != nil {
		return q, 0, err
	}
	switch {
	case from == 0 && to != 0:
		return q, 0, fault.New(fault.Invalid, "to is given without from.").WithNext("Give both ends of the window, or as_of for one moment.")
	case from != 0 && q.AsOf != 0:
		return q, 0, fault.New(fault.Invalid, "Both as_of and a window are given.").WithNext("Ask for one moment or for one window.")
	}
	if at = q.AsOf; at != 0 {
		return q, at, nil
	}
	head, err := c.s.Book.Log.Head(c.r.Context(), c.s.Book.DB)
	if err != nil {
		return q, 0, err
	}
	at = max(head.At, store.At(c.s.Book.Log.Now()))
	if from != 0 {
		if to != 0 {
			at = to
		}
		q.During = [2]store.Moment{from, at}
	}
	return q, at, nil
}

// version is the version that the path and the query name.
func (c *call) version(k *record.Kind) (record.Version, error) {
	if err := c.reads(k); err != nil {
		return record.Version{}, err
	}
	at, err := c.moment("as_of")
	if err != nil {
		return record.Version{}, err
	}
	v, err := c.s.Book.GetFrom(c.r.Context(), k.Name, c.key(), c.text("source"), at, k.Room)
	if at != 0 {
		v.Volatile = nil
	}
	return v, err
}

// key is the record's key, decoded from its one path segment.
func (c *call) key() string { return c.r.PathValue("key") }

func (c *call) get(k *record.Kind) (any, error) {
	v, err := c.version(k)
	if err != nil {
		return nil, err
	}
	c.w.Header().Set("ETag", etag(v))
	return answerOf(v), nil
}

// etag names a version by its beginning, which If-Match gives back.
func etag(v record.Version) string { return strconv.Quote(strconv.FormatInt(int64(v.From), 10)) }

func (c *call) history(k *record.Kind) (any, error) {
	if err := c.reads(k); err != nil {
		return nil, err
	}
	list, err := c.s.Book.HistoryFor(c.r.Context(), k.Name, c.key(), k.Room)
	if err != nil {
		return nil, err
	}
	if source := c.text("source"); source != "" {
		list = slices.DeleteFunc(list, func(v record.Version) bool { return v.Source != source })
		if len(list) == 0 {
			return nil, fault.New(fault.NotFound, "The source %q never had a %s %q.", source, lower(k.Title), c.key())
		}
	}
	out := make([]Record, len(list))
	for i, v := range list {
		out[i] = answerOf(v)
	}
	return out, nil
}

func (c *call) prove(k *record.Kind) (any, error) {
	v, err := c.version(k)
	if err != nil {
		return nil, err
	}
	ctx, book := c.r.Context(), c.s.Book
	signed, err := book.Log.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	point, err := merkle.OpenCheckpoint(signed, book.Log.VKey)
	if err != nil {
		return nil, err
	}
	p := Proof{Kind: k.Name, Key: v.Key, Entry: v.Entry, Checkpoint: string(signed), VKey: book.Log.VKey, Inclusion: []string{}}
	err = book.DB.Read(ctx, func(tx *store.Tx) error {
		all, err := book.CommittedRecord(ctx, tx, v.Record)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(s record.Sealed) bool { return s.Entry == v.Entry })
		if i < 0 || all[i].Salt == nil {
			return fault.New(fault.NotFound, "The content of this %s was erased, so nothing ties it to its entry any more.", lower(k.Title))
		}
		p.Version = all[i].Committed
		p.Version.Raw = append([]byte{}, p.Version.Raw...) // no null in the answer; the commitment is the same
		leaves, err := book.Log.Entries(ctx, tx, v.Entry, v.Entry+1)
		if err != nil {
			return err
		}
		if len(leaves) != 1 {
			return fmt.Errorf("ledger entry %d of %s is missing", v.Entry, k.Name)
		}
		p.Leaf = base64.StdEncoding.EncodeToString(leaves[0])
		proof, err := book.Log.ProveEntry(ctx, tx, point.Size, v.Entry)
		for _, h := range proof {
			p.Inclusion = append(p.Inclusion, h.String())
		}
		return err
	})
	return p, err
}

func (c *call) raw(k *record.Kind) (any, error) {
	v, err := c.version(k)
	if err != nil {
		return nil, err
	}
	if v.Erased {
		return nil, fault.New(fault.NotFound, "The content of this %s was erased.", lower(k.Title))
	}
	b, err := c.s.Book.Raw(c.r.Context(), v)
	if err != nil {
		return nil, err
	}
	c.inert(cmp.Or(v.Label, v.Key), int64(len(b)))
	c.w.Write(b)
	return streamed{}, nil
}

// inert sets the headers of bytes that a browser must keep, never show or run.
func (c *call) inert(name string, size int64) {
	h := c.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Length", strconv.FormatInt(size, 10))
}
