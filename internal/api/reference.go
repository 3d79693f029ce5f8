package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

const documentPath = "/api/openapi"

//go:embed reference.html
var referencePage string

// addReference serves the OpenAPI document and a page of the same for people: no script, nothing from elsewhere. Each is
// written when somebody first asks for it, which costs a start nothing.
func (s *server) addReference() {
	serve := func(path, media string, write func() ([]byte, string, error)) {
		type made struct {
			body   []byte
			policy string
		}
		once := sync.OnceValues(func() (made, error) {
			body, policy, err := write()
			return made{body, policy}, err
		})
		s.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			m, err := once()
			if err != nil {
				s.fail(w, r, fmt.Errorf("write %s: %w", path, err))
				return
			}
			w.Header().Set("Content-Type", media)
			if m.policy != "" {
				w.Header().Set("Content-Security-Policy", m.policy)
			}
			w.Write(m.body)
		})
	}
	serve(documentPath+".json", "application/openapi+json", func() ([]byte, string, error) {
		b, err := json.Marshal(s.doc)
		return b, "", err
	})
	serve(documentPath+".yaml", "application/openapi+yaml", func() ([]byte, string, error) {
		b, err := s.doc.YAML()
		return b, "", err
	})
	serve(referencePath, "text/html; charset=utf-8", s.page)
}

type (
	section struct {
		Tag        string
		Operations []described
	}
	described struct {
		*huma.Operation
		Takes, Answers string
	}
	shape struct {
		Name   string
		Schema *huma.Schema
		Fields []property
	}
	property struct {
		Name, Type, Help   string
		Required, ReadOnly bool
	}
)

// page is the reference, and the content security policy that lets its one style sheet in by its hash.
func (s *server) page() (html []byte, policy string, err error) {
	var tags []section
	for _, path := range sortedKeys(s.doc.Paths) {
		item := s.doc.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
			if op == nil {
				continue
			}
			i := slices.IndexFunc(tags, func(x section) bool { return x.Tag == op.Tags[0] })
			if i < 0 {
				tags = append(tags, section{Tag: op.Tags[0]})
				i = len(tags) - 1
			}
			d := described{Operation: op}
			if op.RequestBody != nil {
				d.Takes = contentText(op.RequestBody.Content)
			}
			for _, code := range sortedKeys(op.Responses) {
				if code != "default" && d.Answers == "" {
					d.Answers = strings.TrimSpace(code + " " + contentText(op.Responses[code].Content))
				}
			}
			tags[i].Operations = append(tags[i].Operations, d)
		}
	}
	var shapes []shape
	schemas := s.doc.Components.Schemas.Map()
	for _, name := range sortedKeys(schemas) {
		x := shape{Name: name, Schema: schemas[name]}
		for _, field := range sortedKeys(x.Schema.Properties) {
			f := x.Schema.Properties[field]
			x.Fields = append(x.Fields, property{field, typeText(f), f.Description, slices.Contains(x.Schema.Required, field), f.ReadOnly})
		}
		shapes = append(shapes, x)
	}
	t, err := template.New("reference").Parse(referencePage)
	if err != nil {
		return nil, "", err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{"Info": s.doc.Info, "Tags": tags, "Shapes": shapes, "Problems": sorts}); err != nil {
		return nil, "", err
	}
	_, style, _ := strings.Cut(b.String(), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	return b.Bytes(), "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'", nil
}

func contentText(content map[string]*huma.MediaType) string {
	if m := content["application/json"]; m != nil && len(content) == 1 && m.Schema != nil {
		return typeText(m.Schema)
	}
	return strings.Join(sortedKeys(content), ", ")
}

// typeText is a schema in a few words.
func typeText(s *huma.Schema) string {
	switch {
	case s.Ref != "":
		return strings.TrimPrefix(s.Ref, refs)
	case len(s.AnyOf) > 0:
		return typeText(s.AnyOf[0])
	case s.Type == huma.TypeArray && s.Items != nil:
		return "list of " + typeText(s.Items)
	case len(s.Enum) > 0:
		var words []string
		for _, e := range s.Enum {
			if w, ok := e.(string); ok && w != "" {
				words = append(words, w)
			}
		}
		return "one of " + strings.Join(words, ", ")
	case s.Format != "":
		return s.Format
	case s.Type == "":
		return "anything"
	}
	return s.Type
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
