package api

import (
	"cmp"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tickmark/internal/record"
	"tickmark/internal/store"
)

const (
	recordsPath   = "/api/v1/records"
	importPath    = "/api/v1/import"
	exportPath    = "/api/v1/export"
	kindsPath     = "/api/v1/kinds"
	referencePath = "/api/reference"
	refs          = "#/components/schemas/"
)

// newDocument is the OpenAPI document before its operations.
func newDocument() *huma.OpenAPI {
	schemas := huma.NewMapRegistry(refs, huma.DefaultSchemaNamer)
	schemas.RegisterTypeAlias(reflect.TypeFor[store.Moment](), reflect.TypeFor[time.Time]())
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "Tickmark", Version: "1",
			Description: "Every record of the workspace, now and as of any past moment, with its proof. A key is one path segment, percent-encoded: a slash in it is %2F."},
		Servers: []*huma.Server{{URL: "/"}},
		Components: &huma.Components{Schemas: schemas, SecuritySchemes: map[string]*huma.SecurityScheme{
			"token": {Type: "http", Scheme: "bearer", Description: "An API token: its scope read reads, write also writes content. Decisions (moves, erasure) take a person who signed in."},
		}},
		Security: []map[string][]string{{"token": {}}},
		Paths:    map[string]*huma.PathItem{},
	}
	schemas.Schema(reflect.TypeFor[Problem](), true, "")
	return doc
}

// operation is the route as the OpenAPI document shows it.
func (s *server) operation(r *route) *huma.Operation {
	op := &huma.Operation{Method: r.method, Path: r.path, OperationID: r.id, Summary: r.summary, Description: r.help, Tags: []string{r.tag}, Responses: map[string]*huma.Response{}}
	for segment := range strings.SplitSeq(r.path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: text("")})
		}
	}
	for _, p := range r.query {
		op.Parameters = append(op.Parameters, &huma.Param{Name: p.name, In: "query", Description: p.help, Required: p.required, Schema: p.schema})
	}
	for _, p := range r.headers {
		op.Parameters = append(op.Parameters, &huma.Param{Name: p.name, In: "header", Description: p.help, Schema: p.schema})
	}
	if r.body != nil || len(r.file) > 0 {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		if r.body != nil {
			op.RequestBody.Content["application/json"] = &huma.MediaType{Schema: r.body}
		}
		for _, media := range r.file {
			op.RequestBody.Content[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
		}
	}
	ok := &huma.Response{Description: http.StatusText(r.status)}
	if r.answer != nil || len(r.media) > 0 {
		ok.Content = map[string]*huma.MediaType{}
	}
	if r.answer != nil {
		ok.Content["application/json"] = &huma.MediaType{Schema: r.answer}
	}
	for _, media := range r.media {
		ok.Content[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	if r.etag {
		ok.Headers = map[string]*huma.Param{"ETag": {Schema: text("The version, for If-Match.")}}
	}
	op.Responses[strconv.Itoa(r.status)] = ok
	if r.creates {
		made := *ok
		made.Description = http.StatusText(http.StatusCreated)
		op.Responses["201"] = &made
	}
	op.Responses["default"] = &huma.Response{Description: "A problem", Content: map[string]*huma.MediaType{
		"application/problem+json": {Schema: &huma.Schema{Ref: refs + "Problem"}}}}
	return op
}

// The schemas of parameters.

func text(help string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: help} }

func asked(name, help string) param {
	return param{name: name, help: help, schema: &huma.Schema{Type: huma.TypeString}}
}

func needed(name, help string) param {
	p := asked(name, help)
	p.required = true
	return p
}

func moment(name, help string) param {
	return param{name: name, help: help, schema: &huma.Schema{Type: huma.TypeString, Format: "date-time"}}
}

func day(name, help string) param {
	return param{name: name, help: help, schema: &huma.Schema{Type: huma.TypeString, Format: "date"}}
}

func whole(name, help string, least, most float64) param {
	p := param{name: name, help: help, schema: &huma.Schema{Type: huma.TypeInteger, Minimum: &least}}
	if most > 0 {
		p.schema.Maximum = &most
	}
	p.schema.PrecomputeMessages()
	return p
}

func yes(name, help string) param {
	return param{name: name, help: help, schema: &huma.Schema{Type: huma.TypeBoolean}}
}

func oneOf(name, help string, words ...string) param {
	p := param{name: name, help: help, schema: &huma.Schema{Type: huma.TypeString}}
	for _, w := range words {
		p.schema.Enum = append(p.schema.Enum, w)
	}
	p.schema.PrecomputeMessages()
	return p
}

func asOf() param {
	return moment("as_of", "Answers as things stood at this moment (RFC 3339); now when left out.")
}

// component keeps a schema under a name and returns the reference to it.
func (s *server) component(name string, schema *huma.Schema) *huma.Schema {
	schema.PrecomputeMessages()
	s.doc.Components.Schemas.Map()[name] = schema
	return &huma.Schema{Ref: refs + name}
}

// content is the schema of a kind's body, kept once.
func (s *server) content(k *record.Kind) *huma.Schema {
	if s.doc.Components.Schemas.Map()[k.Name] != nil {
		return &huma.Schema{Ref: refs + k.Name}
	}
	b := object(k.Fields, !k.Collected)
	b.Title, b.Description = k.Title, k.Help
	if k.States != nil && b.Properties[record.StateField] == nil {
		b.Properties[record.StateField] = choice(k.States.States(), true)
		b.Properties[record.StateField].ReadOnly = true
	}
	if !k.Collected {
		b.AdditionalProperties = false
		if b.Properties[record.Custom] == nil {
			b.Properties[record.Custom] = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "Your organisation's own fields."}
		}
	}
	return s.component(k.Name, b)
}

// object is the schema of named fields. What a source hands over may lack anything, so required is said of authored kinds only.
func object(fields []record.Field, authored bool) *huma.Schema {
	o := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, AdditionalProperties: true}
	if authored && len(fields) > 0 {
		o.AdditionalProperties = false
	}
	for _, f := range fields {
		o.Properties[f.Name] = field(f, authored)
		if authored && f.Required && !f.Fixed {
			o.Required = append(o.Required, f.Name)
		}
	}
	slices.Sort(o.Required)
	return o
}

// field is the schema of one field. An optional one may be null or, being text, empty: a form that was left blank.
func field(f record.Field, authored bool) *huma.Schema {
	if !authored && f.Type != record.Object {
		return &huma.Schema{Title: f.Title, Description: help(f)}
	}
	var v *huma.Schema
	optional := !f.Required && !f.List
	switch f.Type {
	case record.Integer:
		v = &huma.Schema{Type: huma.TypeInteger, Format: "int64", Nullable: optional}
	case record.Number:
		v = &huma.Schema{Type: huma.TypeNumber, Nullable: optional}
	case record.Bool:
		v = &huma.Schema{Type: huma.TypeBoolean, Nullable: optional}
	case record.Choice:
		v = choice(f.Choices, optional)
	case record.Object:
		v = object(f.Fields, authored)
		v.Nullable = optional
	case record.JSON:
		v = &huma.Schema{}
	default:
		v = &huma.Schema{Type: huma.TypeString, Nullable: optional}
		v.Format = map[record.Type]string{record.Time: "date-time", record.Date: "date", record.Email: "email", record.URL: "uri"}[f.Type]
	}
	if f.List {
		v = &huma.Schema{Type: huma.TypeArray, Items: v, Nullable: !f.Required}
	}
	v.Title, v.Description, v.ReadOnly = f.Title, help(f), f.Fixed
	return v
}

func choice(words []string, optional bool) *huma.Schema {
	v := &huma.Schema{Type: huma.TypeString, Nullable: optional}
	for _, w := range words {
		v.Enum = append(v.Enum, w)
	}
	if optional {
		v.Enum = append(v.Enum, "", nil)
	}
	return v
}

// help is what a field is for, with what its declaration says of it.
func help(f record.Field) string {
	var more []string
	if f.Help != "" {
		more = append(more, f.Help)
	}
	if f.Refers != "" {
		more = append(more, "The key of a "+strings.ReplaceAll(f.Refers, "_", " ")+".")
	}
	if f.Personal {
		more = append(more, "Personal data.")
	}
	if f.Secret {
		more = append(more, "Never stored: a keyed digest takes its place, and a digest that is written back stays as it is.")
	}
	if f.Volatile {
		more = append(more, "Outside the history: its latest value is in latest.")
	}
	if f.Fixed {
		more = append(more, "Set by Tickmark or by a move; what is written here is left aside.")
	}
	return strings.Join(more, " ")
}

// recordOf is the schema of a record of a kind: what every record has, with the kind's own body.
func (s *server) recordOf(k *record.Kind) *huma.Schema {
	base := *s.doc.Components.Schemas.SchemaFromRef(s.schemaOf(Record{}).Ref)
	base.Properties = maps.Clone(base.Properties)
	base.Properties["kind"] = &huma.Schema{Type: huma.TypeString, Enum: []any{k.Name}}
	base.Properties["body"] = &huma.Schema{AnyOf: []*huma.Schema{s.content(k), {Type: huma.TypeObject, MaxProperties: new(int)}}, Description: "The content; empty when it was erased."}
	base.Title = cmp.Or(k.Title, k.Name) + " record"
	return s.component(k.Name+"_record", &base)
}

// pageOf is the schema of a page of records of a kind.
func (s *server) pageOf(k *record.Kind, one *huma.Schema) *huma.Schema {
	base := *s.doc.Components.Schemas.SchemaFromRef(s.schemaOf(Page{}).Ref)
	base.Properties = maps.Clone(base.Properties)
	base.Properties["records"] = &huma.Schema{Type: huma.TypeArray, Items: one}
	return s.component(k.Name+"_page", &base)
}

func listOf(one *huma.Schema) *huma.Schema { return &huma.Schema{Type: huma.TypeArray, Items: one} }
