package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/blob"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

const (
	commentKind    = "comment"
	attachmentKind = "attachment"
	evidenceKind   = "evidence"
	filesPath      = "/api/v1/files"
)

// Said is a comment on a record, as it is written.
type Said struct {
	Text string `json:"text" minLength:"1" doc:"Markdown."`
}

// Kept is a file that was handed over and that no record names yet.
type Kept struct {
	SHA256 string `json:"sha256" doc:"Name it in the field sha256 of the record that the file belongs to."`
	Size   int64  `json:"size"`
}

// keepsFile reports whether records of the kind have a file that is kept here. What a source calls sha256 is of a file there.
func keepsFile(k *record.Kind) bool {
	_, sum := k.FieldNamed("sha256")
	_, name := k.FieldNamed("file_name")
	return sum && (name || !k.Collected)
}

// aboutRoutes are the comments and files of records of a kind. What is said in a room of its own stays in that room's kinds.
func (s *server) aboutRoutes(k *record.Kind) []route {
	var routes []route
	base := recordsPath + "/" + k.Name + "/{key}"
	if keepsFile(k) {
		routes = append(routes, route{method: "GET", path: base + "/file", id: "file-of-" + k.Name, tag: k.Name, summary: "Its file",
			query: []param{asOf()}, media: []string{"application/octet-stream"}, serve: func(x *call) (any, error) { return x.ownFile(k) }})
	}
	if about(k) || k.Room != record.Company {
		return routes
	}
	if c, err := s.Book.Kinds.Named(commentKind); err == nil {
		one := s.recordOf(c)
		routes = append(routes,
			route{method: "GET", path: base + "/comments", id: "list-comments-on-" + k.Name, tag: k.Name, summary: "What people said on it, oldest first",
				query: []param{asOf()}, answer: listOf(one), serve: func(x *call) (any, error) { return x.about(k, c) }},
			route{method: "POST", path: base + "/comments", id: "comment-on-" + k.Name, tag: k.Name, summary: "Say something on it", status: http.StatusCreated,
				body: s.schemaOf(Said{}), answer: one, etag: true, serve: func(x *call) (any, error) { return x.comment(k) }})
	}
	if a, err := s.Book.Kinds.Named(attachmentKind); err == nil {
		one := s.recordOf(a)
		routes = append(routes,
			route{method: "GET", path: base + "/attachments", id: "list-attachments-of-" + k.Name, tag: k.Name, summary: "Its files, oldest first",
				query: []param{asOf()}, answer: listOf(one), serve: func(x *call) (any, error) { return x.about(k, a) }},
			route{method: "POST", path: base + "/attachments", id: "attach-to-" + k.Name, tag: k.Name, summary: "Keep a file with it", status: http.StatusCreated,
				help: "The body is the file itself, 32 MiB at most.", query: []param{needed("name", "the file's name.")}, file: []string{"application/octet-stream", "*/*"},
				answer: one, etag: true, serve: func(x *call) (any, error) { return x.attach(k) }},
			route{method: "GET", path: base + "/attachments/{attachment}", id: "attachment-of-" + k.Name, tag: k.Name, summary: "One of its files",
				query: []param{asOf()}, media: []string{"application/octet-stream"}, serve: func(x *call) (any, error) { return x.attachment(k) }})
	}
	return routes
}

// fileRoutes take files that a record will name.
func (s *server) fileRoutes() []route {
	k, err := s.Book.Kinds.Named(evidenceKind)
	if err != nil {
		return nil
	}
	return []route{{method: "POST", path: filesPath, id: "keep-file", tag: "Files", summary: "Hand over a file for evidence", status: http.StatusCreated,
		help: "The body is the file itself, 32 MiB at most. Then write the evidence that names its sha256.", file: []string{"application/octet-stream", "*/*"}, answer: s.schemaOf(Kept{}),
		serve: func(c *call) (any, error) {
			if err := c.who.May(c.r.Context(), access.Write, k); err != nil {
				return nil, err
			}
			h, n, err := s.Blobs.Put(c.r.Context(), c.r.Body, fileLimit)
			return Kept{h.String(), n}, err
		}}}
}

// about lists the comments or attachments of a record at a moment.
func (c *call) about(k, what *record.Kind) (any, error) {
	if err := c.reads(what); err != nil {
		return nil, err
	}
	v, err := c.version(k)
	if err != nil {
		return nil, err
	}
	at, err := c.moment("as_of")
	if err != nil {
		return nil, err
	}
	list, err := c.s.on(c.r.Context(), what.Name, k.Name+"/"+v.Key, at)
	if err != nil {
		return nil, err
	}
	out := make([]Record, len(list))
	for i, v := range list {
		out[i] = answerOf(v)
	}
	return out, nil
}

// on finds the records of a kind that belong to another. The index shortens long values, so the body decides.
func (s *server) on(ctx context.Context, kind, on string, at store.Moment) ([]record.Version, error) {
	list, err := s.Book.Find(ctx, s.Book.DB, kind, "on", on, at)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(v record.Version) bool { return inBody(v, "on") != on })
	slices.SortFunc(list, func(x, y record.Version) int { return cmp.Compare(x.From, y.From) })
	return list, nil
}

// inBody is a text field of a version's body.
func inBody(v record.Version, field string) string {
	var m map[string]json.RawMessage
	var s string
	if json.Unmarshal(v.Body, &m) == nil {
		json.Unmarshal(m[field], &s)
	}
	return s
}

func (c *call) comment(k *record.Kind) (any, error) {
	v, err := c.version(k)
	if err != nil {
		return nil, err
	}
	var said Said
	if err := c.decode(&said); err != nil {
		return nil, err
	}
	return c.say(commentKind, map[string]any{"on_kind": k.Name, "on": k.Name + "/" + v.Key, "text": said.Text})
}

// say writes a comment or attachment.
func (c *call) say(kind string, body map[string]any) (any, error) {
	k, err := c.s.Book.Kinds.Named(kind)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	none := store.Moment(0)
	v, err := c.change(record.Change{Kind: kind, Body: b, If: &none}, k)
	if err != nil {
		return nil, err
	}
	return c.written(v), nil
}

func (c *call) attach(k *record.Kind) (any, error) {
	a, err := c.s.Book.Kinds.Named(attachmentKind)
	if err != nil {
		return nil, err
	}
	v, err := c.version(k)
	if err != nil {
		return nil, err
	}
	if err := c.who.May(c.r.Context(), access.Write, a); err != nil { // before anything is kept
		return nil, err
	}
	h, n, err := c.s.Blobs.Put(c.r.Context(), c.r.Body, fileLimit)
	if err != nil {
		return nil, err
	}
	media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		media = "application/octet-stream"
	}
	return c.say(attachmentKind, map[string]any{"on_kind": k.Name, "on": k.Name + "/" + v.Key, "name": c.text("name"),
		"sha256": h.String(), "size": n, "media_type": media})
}

func (c *call) attachment(k *record.Kind) (any, error) {
	a, err := c.s.Book.Kinds.Named(attachmentKind)
	if err != nil {
		return nil, err
	}
	if err := c.reads(a); err != nil {
		return nil, err
	}
	v, err := c.version(k)
	if err != nil {
		return nil, err
	}
	at, err := c.moment("as_of")
	if err != nil {
		return nil, err
	}
	id := c.r.PathValue("attachment")
	f, err := c.s.Book.GetFrom(c.r.Context(), attachmentKind, id, record.Program, at, a.Room)
	if err != nil {
		return nil, err
	}
	if inBody(f, "on") != k.Name+"/"+v.Key {
		return nil, fault.New(fault.NotFound, "%s %s has no file %q.", k.Title, v.Key, id)
	}
	return c.serveFile(f, "name")
}

func (c *call) ownFile(k *record.Kind) (any, error) {
	v, err := c.version(k)
	if err != nil {
		return nil, err
	}
	name := "file_name"
	if k.Name == attachmentKind {
		name = "name"
	}
	return c.serveFile(v, name)
}

// serveFile sends the bytes that a version names by their SHA-256, to be kept and never shown or run.
func (c *call) serveFile(v record.Version, name string) (any, error) {
	sum := inBody(v, "sha256")
	if sum == "" {
		return nil, fault.New(fault.NotFound, "%s has no file.", v.Label)
	}
	h, err := blob.Parse(sum)
	if err != nil {
		return nil, err
	}
	r, size, err := c.s.Blobs.Open(h)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c.inert(cmp.Or(inBody(v, name), sum), size)
	c.w.Header().Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(h[:])+":")
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return streamed{}, nil
	}
	if n, err := io.Copy(c.w, r); err != nil || n != size {
		if c.r.Context().Err() == nil { // else the caller went away
			c.s.log.ErrorContext(c.r.Context(), "api: send a file", "sha256", sum, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	return streamed{}, nil
}

// address is the path of a record.
func address(kind, key string) string {
	return strings.Join([]string{recordsPath, kind, url.PathEscape(key)}, "/")
}
