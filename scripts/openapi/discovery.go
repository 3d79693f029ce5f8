package main

import "strings"

// discovered is one of Google's discovery documents as OpenAPI has it.
func discovered(doc map[string]any) map[string]any {
	prefix := doc["name"].(string) + "."
	common := []any{}
	for name, p := range object(doc["parameters"]) {
		common = append(common, parameter(name, object(p)))
	}
	paths := map[string]any{}
	methods(doc, func(m map[string]any) {
		path, _ := m["flatPath"].(string)
		if path == "" {
			path = m["path"].(string)
		}
		path = strings.Replace("/"+doc["servicePath"].(string)+path, "}:", "}/:", 1) // a verb after a name; connectortest.Described writes it so too
		op := map[string]any{"parameters": common, "responses": map[string]any{"200": answer(m["response"], prefix)}}
		params := append([]any{}, common...)
		for name, p := range object(m["parameters"]) {
			if object(p)["location"] == "query" {
				params = append(params, parameter(name, object(p)))
			}
		}
		for _, part := range strings.Split(path, "{")[1:] {
			name, _, _ := strings.Cut(part, "}")
			params = append(params, map[string]any{"name": name, "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
		}
		op["parameters"] = params
		if body := m["request"]; body != nil {
			op["requestBody"] = map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": schema(object(body), prefix)}}}
		}
		at := object(paths[path])
		at[strings.ToLower(m["httpMethod"].(string))] = op
		paths[path] = at
	})
	schemas := map[string]any{}
	for name, s := range object(doc["schemas"]) {
		schemas[prefix+name] = schema(object(s), prefix)
	}
	return map[string]any{"info": map[string]any{"version": doc["revision"]}, "paths": paths, "components": map[string]any{"schemas": schemas}}
}

func object(v any) map[string]any {
	if o, ok := v.(map[string]any); ok {
		return o
	}
	return map[string]any{}
}

// methods goes through those of a document or of a resource in it.
func methods(of map[string]any, each func(map[string]any)) {
	for _, m := range object(of["methods"]) {
		each(object(m))
	}
	for _, r := range object(of["resources"]) {
		methods(object(r), each)
	}
}

func answer(response any, prefix string) map[string]any {
	return map[string]any{"description": "", "content": map[string]any{"application/json": map[string]any{"schema": schema(object(response), prefix)}}}
}

func parameter(name string, p map[string]any) map[string]any {
	s := schema(p, "")
	if p["repeated"] == true {
		s = map[string]any{"type": "array", "items": s}
	}
	return map[string]any{"name": name, "in": "query", "schema": s}
}

// schema is one of Google's as OpenAPI has it. What is not named as a member is forbidden.
func schema(s map[string]any, prefix string) map[string]any {
	out := map[string]any{}
	if ref, ok := s["$ref"].(string); ok {
		return map[string]any{"$ref": "#/components/schemas/" + prefix + ref}
	}
	if t := s["type"]; t != nil && t != "any" {
		out["type"] = t
	}
	if e := s["enum"]; e != nil {
		out["enum"] = e
	}
	if items := s["items"]; items != nil {
		out["items"] = schema(object(items), prefix)
	}
	members := map[string]any{}
	for name, m := range object(s["properties"]) {
		members[name] = schema(object(m), prefix)
	}
	if len(members) > 0 {
		out["properties"] = members
	}
	if more := s["additionalProperties"]; more != nil {
		out["additionalProperties"] = schema(object(more), prefix)
	} else if out["type"] == "object" {
		out["additionalProperties"] = false
	}
	return out
}
