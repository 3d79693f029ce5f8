package record

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/store"
)

// validate checks a body against the kind's fields. The first thing wrong is named with its field.
// Without q nothing is asked whether what is referred to is there.
func (b *Book) validate(ctx context.Context, q store.Q, ki *kindInfo, body map[string]any) error {
	for _, f := range ki.Fields {
		if err := b.validField(ctx, q, f, f.Name, body[f.Name]); err != nil {
			return err
		}
	}
	for name, v := range body {
		if _, ok := ki.FieldNamed(name); ok || name == StateField && ki.States != nil {
			continue
		}
		if name == Custom {
			if err := b.validCustom(ctx, q, ki, v); err != nil {
				return err
			}
			continue
		}
		return fault.New(fault.Invalid, "%s has no field %q.", ki.Title, name).WithNext("Its fields are %s.", strings.Join(ki.fieldNames(), ", "))
	}
	return nil
}

func (k *Kind) fieldNames() []string {
	out := make([]string, len(k.Fields))
	for i, f := range k.Fields {
		out[i] = f.Name
	}
	return out
}

func (b *Book) validField(ctx context.Context, q store.Q, f Field, path string, v any) error {
	if blank(v) {
		if f.Required {
			return fault.New(fault.Invalid, "%s is needed.", path).WithNext("%s", f.Help)
		}
		if v == nil {
			return nil
		}
	}
	wrong := func(want string) error {
		raw, _ := json.Marshal(v)
		return fault.New(fault.Invalid, "%s: %s is not %s.", path, clip(string(raw), 80), want)
	}
	if f.List {
		list, ok := v.([]any)
		if !ok {
			return wrong("a list")
		}
		one := f
		one.List, one.Required = false, true
		for i, e := range list {
			if err := b.validField(ctx, q, one, fmt.Sprintf("%s[%d]", path, i), e); err != nil {
				return err
			}
		}
		return nil
	}
	switch f.Type {
	case JSON:
		return nil
	case Object:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong("an object")
		}
		for _, g := range f.Fields {
			if err := b.validField(ctx, q, g, path+"."+g.Name, m[g.Name]); err != nil {
				return err
			}
		}
		for name := range m {
			if len(f.Fields) > 0 && !slices.ContainsFunc(f.Fields, func(g Field) bool { return g.Name == name }) {
				return fault.New(fault.Invalid, "%s has no field %q.", path, name)
			}
		}
		return nil
	case Bool:
		if _, ok := v.(bool); !ok {
			return wrong("true or false")
		}
		return nil
	case Integer, Number:
		n, ok := v.(json.Number)
		if i, isInt := v.(int64); isInt {
			n, ok = json.Number(fmt.Sprint(i)), true
		}
		if !ok {
			if x, isFloat := v.(float64); isFloat {
				n, ok = json.Number(fmt.Sprint(x)), true
			}
		}
		if !ok {
			return wrong("a number")
		}
		if _, err := n.Int64(); f.Type == Integer && err != nil {
			return wrong("a whole number")
		}
		return nil
	}
	s, ok := v.(string)
	if !ok {
		return wrong("text")
	}
	if s == "" {
		return nil
	}
	switch f.Type {
	case Time:
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			return wrong("a time such as 2026-01-31T09:00:00+01:00")
		}
	case Date:
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return wrong("a date such as 2026-01-31")
		}
	case Choice:
		if !slices.Contains(f.Choices, s) {
			return wrong("one of " + strings.Join(f.Choices, ", "))
		}
	case Email:
		if at := strings.LastIndexByte(s, '@'); at < 1 || at == len(s)-1 || strings.ContainsAny(s, " \t\n<>,;") {
			return wrong("an e-mail address")
		}
	case URL:
		if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
			return wrong("an address that begins with https://")
		}
	case Ref:
		if q == nil || f.Refers == "" || f.Fixed && strings.Contains(s, ":") { // who acted may be a job or an account: Actor.Stamp
			return nil
		}
		ki, err := b.kind(f.Refers)
		if err != nil {
			return err
		}
		if batch, _ := ctx.Value(batchKey{}).(map[string]bool); batch[f.Refers+"/"+s] {
			return nil
		}
		n, err := store.One[int64](ctx, q, "SELECT count(*) FROM record WHERE kind = $1 AND key = $2", ki.id, s)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Invalid, "%s: there is no %s %q.", path, strings.ToLower(ki.Title), s).WithNext("Write that record first, or use the key of one that exists.")
		}
	}
	return nil
}

// validCustom checks an organisation's own fields against the custom_field records of the kind.
func (b *Book) validCustom(ctx context.Context, q store.Q, ki *kindInfo, v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return fault.New(fault.Invalid, "custom: an object of your own fields was expected.")
	}
	own, err := b.CustomFields(ctx, q, ki.Name)
	if err != nil {
		return err
	}
	for name, x := range m {
		i := slices.IndexFunc(own, func(f Field) bool { return f.Name == name })
		if i < 0 {
			return fault.New(fault.Invalid, "%s has no custom field %q.", ki.Title, name).WithNext("Declare it with a record of kind custom_field.")
		}
		if err := b.validField(ctx, q, own[i], "custom."+name, x); err != nil {
			return err
		}
	}
	for _, f := range own {
		if f.Required && blank(m[f.Name]) {
			return fault.New(fault.Invalid, "custom.%s is needed.", f.Name)
		}
	}
	return nil
}

// CustomFields are the fields that the organisation added to a kind.
func (b *Book) CustomFields(ctx context.Context, q store.Q, kind string) ([]Field, error) {
	if b.info[customFieldKind] == nil {
		return nil, nil
	}
	list, err := b.Find(ctx, q, customFieldKind, "kind", kind, 0)
	if err != nil {
		return nil, err
	}
	var out []Field
	for _, v := range list {
		var c struct {
			Name, Title, Help, Type string
			Choices                 []string
			Required                bool
		}
		if err := json.Unmarshal(v.Body, &c); err != nil {
			return nil, err
		}
		out = append(out, Field{Name: c.Name, Title: c.Title, Help: c.Help, Type: Type(c.Type), Choices: c.Choices, Required: c.Required})
	}
	slices.SortFunc(out, func(x, y Field) int { return strings.Compare(x.Name, y.Name) })
	return out, nil
}

// Sound checks what another tool sends as a record of a collected kind, before it is kept: the key, that the body is an object
// of fields that the kind declares, of their types, with those that it needs, and that an event says when it happened. What it refers to
// may come after it, or never: a source says what it says.
func (b *Book) Sound(k *Kind, key string, body []byte, occurred time.Time) error {
	ki, err := b.kind(k.Name)
	if err != nil {
		return err
	}
	if err := goodKey(key); err != nil {
		return err
	}
	if len(body) == 0 {
		return fault.New(fault.Invalid, "It has no body.")
	}
	canon, err := Canonical(body)
	if err != nil {
		return err
	}
	m, err := decode(canon)
	if err != nil {
		return err
	}
	if err := b.validate(context.Background(), nil, ki, m); err != nil {
		return err
	}
	if s, _ := m[k.Occurred].(string); k.Occurred != "" && occurred.IsZero() && s == "" {
		return fault.New(fault.Invalid, "It does not say when it happened.").WithNext("Give %s, such as 2026-01-31T09:00:00Z.", k.Occurred)
	}
	return nil
}
