package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"tickmark/internal/record"
)

// policyFields are what a policy document becomes: the document, and its statements in one form, whichever of the many that the
// language allows it was written in.
func policyFields() []record.Field {
	texts := func(name, help string) record.Field {
		return record.Field{Name: name, Type: record.Text, List: true, Help: help}
	}
	return []record.Field{
		{Name: "document", Type: record.JSON, Help: "As it was written."},
		{Name: "statements", Type: record.Object, List: true, Help: "The same, each value a list.", Fields: []record.Field{
			{Name: "sid", Type: record.Text},
			{Name: "effect", Type: record.Text, Help: "Allow or Deny."},
			{Name: "principals", Type: record.Text, List: true, Help: "TYPE:NAME, such as AWS:arn:aws:iam::111122223333:root; * for everyone."},
			texts("not_principals", ""), texts("actions", "As written."), texts("not_actions", ""), texts("resources", ""), texts("not_resources", ""),
			{Name: "conditions", Type: record.Object, List: true, Fields: []record.Field{
				{Name: "operator", Type: record.Text, Help: "In lower case."},
				{Name: "key", Type: record.Text, Help: "In lower case."},
				texts("values", ""),
			}},
			{Name: "unconditional", Type: record.Bool, Help: "True without a condition. Empty with one: whom it lets through is not worked out."},
		}},
	}
}

// decodePolicy reads a policy document, which IAM gives percent-encoded.
func decodePolicy(v any) (any, error) {
	if s, ok := v.(string); ok {
		if strings.HasPrefix(s, "%") {
			plain, err := url.PathUnescape(s)
			if err != nil {
				return nil, errors.New("a policy document is encoded in a way that is not known")
			}
			s = plain
		}
		var err error
		if v, err = decode([]byte(s)); err != nil {
			return nil, fmt.Errorf("a policy document cannot be read: %w", err)
		}
	}
	document, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("a policy document is not an object")
	}
	list, ok := document["Statement"].([]any)
	if one, single := document["Statement"].(map[string]any); single {
		list, ok = []any{one}, true
	}
	if !ok {
		return nil, errors.New("a policy document has no statements")
	}
	out := make([]any, 0, len(list))
	for _, x := range list {
		m, ok := x.(map[string]any)
		if !ok {
			return nil, errors.New("a statement of a policy is not an object")
		}
		s, err := statement(m)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return map[string]any{"document": document, "statements": out}, nil
}

func statement(m map[string]any) (map[string]any, error) {
	out := map[string]any{"effect": m["Effect"]}
	if m["Sid"] != nil {
		out["sid"] = m["Sid"]
	}
	for name, as := range map[string]string{"Action": "actions", "NotAction": "not_actions", "Resource": "resources", "NotResource": "not_resources"} {
		if v, there := m[name]; there {
			list, err := texts(v)
			if err != nil {
				return nil, err
			}
			out[as] = list
		} else {
			out[as] = []any{}
		}
	}
	for name, as := range map[string]string{"Principal": "principals", "NotPrincipal": "not_principals"} {
		list := []any{}
		switch v := m[name].(type) {
		case nil:
		case string:
			list = append(list, v)
		case map[string]any:
			for _, kind := range slices.Sorted(maps.Keys(v)) {
				names, err := texts(v[kind])
				if err != nil {
					return nil, err
				}
				for _, n := range names {
					if n == "*" && kind == "AWS" {
						list = append(list, "*")
						continue
					}
					list = append(list, kind+":"+n.(string))
				}
			}
		default:
			return nil, errors.New("a statement names whom it speaks of in a form that is not known")
		}
		out[as] = list
	}
	conditions := []any{}
	if v, there := m["Condition"]; there {
		operators, ok := v.(map[string]any)
		if !ok {
			return nil, errors.New("a condition of a policy is not an object")
		}
		for _, operator := range slices.Sorted(maps.Keys(operators)) {
			keys, ok := operators[operator].(map[string]any)
			if !ok {
				return nil, errors.New("a condition of a policy is not an object")
			}
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				values, err := texts(keys[key])
				if err != nil {
					return nil, err
				}
				conditions = append(conditions, map[string]any{"operator": strings.ToLower(operator), "key": strings.ToLower(key), "values": values})
			}
		}
	}
	if out["conditions"] = conditions; len(conditions) == 0 {
		out["unconditional"] = true
	}
	return out, nil
}

// texts is a value or a list of values as a list of texts.
func texts(v any) ([]any, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := make([]any, len(list))
	for i, x := range list {
		switch x := x.(type) {
		case string:
			out[i] = x
		case bool:
			out[i] = fmt.Sprint(x)
		case json.Number:
			out[i] = x.String()
		default:
			return nil, errors.New("a policy holds a value that is neither text, number nor true or false")
		}
	}
	return out, nil
}
