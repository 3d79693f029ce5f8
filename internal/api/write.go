package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tickmark/internal/access"
	"tickmark/internal/blob"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Erasure asks to destroy the content of a record for good.
type Erasure struct {
	Reason string `json:"reason" minLength:"1" doc:"Why; the ledger keeps it."`
}

// writeRoutes are the routes that change records of a kind: none where only Tickmark itself writes.
func (s *server) writeRoutes(k *record.Kind) []route {
	base, one := recordsPath+"/"+k.Name, s.recordOf(k)
	erase := route{method: "POST", path: base + "/{key}/erasure", id: "erase-" + k.Name, tag: k.Name, status: http.StatusNoContent,
		summary: "Destroy the content of every version", help: "The proofs stay intact; a legal hold refuses. What was said on the record and its files go with it.",
		body: s.schemaOf(Erasure{}), serve: func(c *call) (any, error) { return nil, c.erase(k) }}
	if k.Collected || k.System {
		return []route{erase}
	}
	reason := asked("reason", "Why; the version keeps it.")
	match := []param{
		asked("If-Match", "The ETag of the version you saw: refused with 412 when another one holds by now."),
		asked("If-None-Match", "* to refuse with 412 when the record is there already."),
	}
	content := s.content(k)
	routes := []route{
		erase,
		{method: "POST", path: base, id: "create-" + k.Name, tag: k.Name, summary: "Write a new " + lower(k.Title), status: http.StatusCreated,
			help: "The key comes from the content or is made here; 409 when it is taken.", query: []param{reason}, body: content, answer: one, etag: true,
			serve: func(c *call) (any, error) { return c.create(k) }},
		{method: "PUT", path: base + "/{key}", id: "put-" + k.Name, tag: k.Name, summary: "Write the whole content",
			help: "Content that is there already makes no version.", query: []param{reason}, headers: match, body: content, answer: one, etag: true, creates: true,
			serve: func(c *call) (any, error) { return c.put(k) }},
		{method: "DELETE", path: base + "/{key}", id: "end-" + k.Name, tag: k.Name, summary: "End it", status: http.StatusNoContent,
			help: "Nothing is lost: its history stays. Erasure is another route.", query: []param{needed("reason", "why it ends.")}, headers: match[:1],
			serve: func(c *call) (any, error) { return nil, c.end(k) }},
	}
	if k.States == nil {
		return routes
	}
	for _, m := range k.States.Moves {
		routes = append(routes, route{method: "POST", path: base + "/{key}/moves/" + m.Name, id: m.Name + "-" + k.Name, tag: k.Name, summary: m.Title,
			help:  "From " + strings.ReplaceAll(strings.Join(m.From, " or "), "_", " ") + ". It takes a person who signed in: no token can.",
			query: []param{reason}, headers: match[:1], body: said(m), answer: one, etag: true,
			serve: func(c *call) (any, error) { return c.move(k, m.Name) }})
	}
	return routes
}

// said is the schema of what a person states with a move.
func said(m record.Move) *huma.Schema {
	o := object(m.Fields, true)
	o.AdditionalProperties = false
	for name, f := range o.Properties {
		f.ReadOnly = false
		o.Properties[name] = f
	}
	o.Required = nil
	for _, f := range m.Fields {
		if f.Required {
			o.Required = append(o.Required, f.Name)
		}
	}
	return o
}

func (c *call) create(k *record.Kind) (any, error) {
	if err := c.reads(k); err != nil {
		return nil, err
	}
	body, err := c.object()
	if err != nil {
		return nil, err
	}
	none := store.Moment(0)
	v, err := c.change(record.Change{Kind: k.Name, Body: body, Reason: c.text("reason"), If: &none}, k)
	if fault.Is(err, fault.Conflict) {
		key := strings.Trim(k.Key, `"`)
		if key == k.Key {
			var content map[string]any
			json.Unmarshal(body, &content)
			key, _ = content[k.Key].(string)
		}
		if _, e := c.s.Book.GetFrom(c.r.Context(), k.Name, key, record.Program, 0, k.Room); e == nil {
			return nil, fault.New(fault.Conflict, "There is a %s %q already.", lower(k.Title), key).WithNext("PUT its key to write a new version of it.")
		}
	}
	if err != nil {
		return nil, err
	}
	return c.written(v), nil
}

func (c *call) put(k *record.Kind) (any, error) {
	if err := c.reads(k); err != nil {
		return nil, err
	}
	body, err := c.object()
	if err != nil {
		return nil, err
	}
	seen, held, err := c.seen(k)
	if err != nil {
		return nil, err
	}
	v, err := c.change(record.Change{Kind: k.Name, Key: c.key(), Body: body, Reason: c.text("reason"), If: seen}, k)
	if err != nil {
		return nil, err
	}
	if !held {
		c.code = http.StatusCreated
	}
	return c.written(v), nil
}

func (c *call) move(k *record.Kind, name string) (any, error) {
	if err := c.reads(k); err != nil {
		return nil, err
	}
	raw, err := c.object()
	if err != nil {
		return nil, err
	}
	var said map[string]any
	if err := json.Unmarshal(raw, &said); err != nil {
		return nil, err
	}
	seen, _, err := c.seen(k)
	if err != nil {
		return nil, err
	}
	v, err := c.change(record.Change{Kind: k.Name, Key: c.key(), Move: name, Said: said, Reason: c.text("reason"), If: seen}, k)
	if err != nil {
		return nil, err
	}
	return c.written(v), nil
}

func (c *call) end(k *record.Kind) error {
	if err := c.reads(k); err != nil {
		return err
	}
	seen, _, err := c.seen(k)
	if err != nil {
		return err
	}
	_, err = c.change(record.Change{Kind: k.Name, Key: c.key(), Delete: true, Reason: c.text("reason"), If: seen}, k)
	return err
}

func (c *call) erase(k *record.Kind) error {
	if err := c.reads(k); err != nil {
		return err
	}
	if err := c.who.May(c.r.Context(), access.Erase, k); err != nil {
		return err
	}
	var e Erasure
	if err := c.decode(&e); err != nil {
		return err
	}
	return Erase(c.r.Context(), c.s.Book, c.s.Blobs, c.who, k.Name, c.key(), e.Reason)
}

// change writes one change. A conflict with the version that the caller named is told from one with the record's life.
func (c *call) change(ch record.Change, k *record.Kind) (record.Version, error) {
	ctx := c.r.Context()
	verb := access.Write
	if ch.Move != "" {
		verb = access.Act
	}
	if err := c.who.May(ctx, verb, k); err != nil {
		return record.Version{}, err
	}
	if err := c.s.complete(ctx, c.who, ch); err != nil {
		return record.Version{}, err
	}
	out, err := c.s.Book.Put(ctx, c.who, ch)
	if err == nil {
		return out[0], nil
	}
	if ch.If != nil && ch.Key != "" && fault.Is(err, fault.Conflict) {
		now, e := c.s.Book.GetFrom(ctx, k.Name, ch.Key, record.Program, 0, k.Room)
		if e != nil && *ch.If != 0 || e == nil && now.From != *ch.If {
			return record.Version{}, &precondition{err}
		}
	}
	return record.Version{}, err
}

func (c *call) written(v record.Version) Record {
	c.w.Header().Set("ETag", etag(v))
	if c.code == http.StatusCreated {
		c.w.Header().Set("Location", address(v.Kind, v.Key))
	}
	return answerOf(v)
}

// seen reads the version that the caller says they saw, and whether the record holds now.
func (c *call) seen(k *record.Kind) (at *store.Moment, held bool, err error) {
	v, err := c.s.Book.GetFrom(c.r.Context(), k.Name, c.key(), record.Program, 0, k.Room)
	if held = err == nil; !held && !fault.Is(err, fault.NotFound) {
		return nil, false, err
	}
	match, none := c.r.Header.Get("If-Match"), c.r.Header.Get("If-None-Match")
	changed := fault.New(fault.Conflict, "%s %s was changed meanwhile.", k.Title, c.key()).WithNext("Look at the present version and decide again.")
	switch {
	case none != "" && (none != "*" || match != ""):
		return nil, held, fault.New(fault.Invalid, "If-None-Match can only be *, and not beside If-Match.")
	case none == "*" && held:
		return nil, held, &precondition{fault.New(fault.Conflict, "There is a %s %q already.", lower(k.Title), c.key())}
	case none == "*":
		return new(store.Moment), held, nil
	case match == "":
		return nil, held, nil
	case match == "*" && held:
		return &v.From, held, nil
	case match == "*":
		return nil, held, &precondition{changed}
	}
	text, err := strconv.Unquote(match)
	n, err2 := strconv.ParseInt(text, 10, 64)
	if err != nil || err2 != nil {
		return nil, held, fault.New(fault.Invalid, "If-Match: %s is not an ETag of ours.", match).WithNext("Give back the ETag as GET answered it, quotes and all.")
	}
	if !held || n == 0 {
		return nil, held, &precondition{changed}
	}
	m := store.Moment(n)
	return &m, held, nil
}

// complete refuses a change that names what is not there: a file that was not handed over, or a record to say something on
// that is missing or not the caller's to read.
func (s *server) complete(ctx context.Context, who record.Authority, ch record.Change) error {
	if ch.Body == nil {
		return nil
	}
	var b struct {
		SHA256 string `json:"sha256"`
		On     string `json:"on"`
	}
	if json.Unmarshal(ch.Body, &b) != nil {
		return nil // the wrong type of a field is told by the record package
	}
	k, err := s.Book.Kinds.Named(ch.Kind)
	if err != nil {
		return noKind(ch.Kind)
	}
	if _, ok := k.FieldNamed("sha256"); ok && b.SHA256 != "" {
		h, err := blob.Parse(b.SHA256)
		if err != nil {
			return err
		}
		if has, err := s.Blobs.Has(h); err != nil {
			return err
		} else if !has {
			return fault.New(fault.Invalid, "sha256: no file with this SHA-256 was handed over.").WithNext("POST the file to %s first.", filesPath)
		}
	}
	if !about(k) {
		return nil
	}
	name, key, _ := strings.Cut(b.On, "/")
	target, err := s.Book.Kinds.Named(name)
	if err != nil || target.Room != k.Room {
		return fault.New(fault.Invalid, "on: %q is not a record that a %s can belong to.", b.On, lower(k.Title)).WithNext("Write it as kind/key.")
	}
	if err := who.May(ctx, access.Read, target); err != nil {
		return err
	}
	_, err = s.Book.GetFrom(ctx, name, key, "", 0, target.Room)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Invalid, "on: there is no %s %q.", lower(target.Title), key)
	}
	return err
}

// about reports whether records of the kind belong to another record.
func about(k *record.Kind) bool {
	return k.Name == commentKind || k.Name == attachmentKind || k.Name == "hold"
}

func lower(title string) string { return strings.ToLower(title) }
