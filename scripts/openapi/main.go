// Command openapi cuts a vendor's OpenAPI description down to the questions that a connector asks, for its tests:
//
//	go run ./scripts/openapi -from "okta-sdk-golang 5.0.2, Apache-2.0" openapi.yaml "GET /api/v1/users" ... >testdata/openapi.json
//
// Several files are taken as one: what two describe alike is taken from the first. Of an answer's forms only JSON is kept.
// Google's discovery documents are taken too, their paths as the services see them ("GET /compute/v1/projects/{project}"): as
// they are Google's whole word, a member of an answer that they do not name is forbidden, and the schemas of each are kept apart.
//
// Kept are the named operations' parameters, bodies and answers of status 200, 201 and 204 with every schema they refer to, without
// descriptions, examples and patterns, whose dialect is not Go's. What is said to be required or forbidden stays as it is.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"go.yaml.in/yaml/v3"
)

func main() {
	log.SetFlags(0)
	from := flag.String("from", "", "origin and licence of the description")
	flag.Parse()
	if flag.NArg() < 2 || *from == "" {
		log.Fatal("usage: openapi -from ORIGIN FILE... \"METHOD PATH\"...")
	}
	var all map[string]any
	names := flag.Args()
	for ; len(names) > 0 && !strings.Contains(names[0], " "); names = names[1:] {
		data, err := os.ReadFile(names[0])
		if err != nil {
			log.Fatal(err)
		}
		var node yaml.Node
		if err := yaml.Unmarshal(data, &node); err != nil {
			log.Fatal(err)
		}
		more := plain(&node).(map[string]any)
		if more["kind"] == "discovery#restDescription" {
			more = discovered(more)
		}
		if all == nil {
			all = more
		} else {
			join(all, more)
		}
	}
	if all == nil || len(names) == 0 {
		log.Fatal("a file and a question are needed")
	}
	if all["swagger"] == "2.0" {
		all = third(all, names)
	}
	paths := map[string]any{}
	for _, name := range names {
		method, path, _ := strings.Cut(name, " ")
		found, ok := all["paths"].(map[string]any)[path].(map[string]any)
		if !ok || found[strings.ToLower(method)] == nil {
			log.Fatalf("there is no %s", name)
		}
		op := found[strings.ToLower(method)].(map[string]any)
		for status := range op["responses"].(map[string]any) {
			if status != "200" && status != "201" && status != "204" && status != "2XX" {
				delete(op["responses"].(map[string]any), status)
			} else if answer, is := op["responses"].(map[string]any)[status].(map[string]any); is {
				if forms, is := answer["content"].(map[string]any); is && forms["application/json"] != nil {
					answer["content"] = map[string]any{"application/json": forms["application/json"]}
				}
			}
		}
		for _, gone := range []string{"security", "tags", "callbacks"} {
			delete(op, gone)
		}
		at, _ := paths[path].(map[string]any)
		if at == nil {
			at = map[string]any{}
			if p := found["parameters"]; p != nil {
				at["parameters"] = p
			}
		}
		at[strings.ToLower(method)] = op
		paths[path] = at
	}
	trim(paths, false)
	for _, at := range paths {
		for _, op := range at.(map[string]any) {
			op, _ := op.(map[string]any)
			answers, _ := op["responses"].(map[string]any)
			if nothing, ok := answers["204"].(map[string]any); ok && nothing["$ref"] == nil {
				nothing["description"] = ""
			}
		}
	}
	parts := map[string]any{}
	follow(all, paths, parts)
	info := map[string]any{"title": "Cut from " + *from + " by scripts/openapi", "version": fmt.Sprint(all["info"].(map[string]any)["version"])}
	out, err := json.MarshalIndent(map[string]any{"openapi": "3.0.3", "info": info, "paths": paths, "components": parts}, "", " ")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(out))
}

// third is a description of the older format, Swagger 2.0, in that of OpenAPI 3, as far as the named questions go.
func third(all map[string]any, named []string) (out map[string]any) {
	paths := all["paths"].(map[string]any)
	for path := range paths {
		if !slices.ContainsFunc(named, func(n string) bool { return strings.HasSuffix(n, " "+path) }) {
			delete(paths, path)
		}
	}
	var old openapi2.T
	data, err := json.Marshal(all)
	if err == nil {
		err = json.Unmarshal(data, &old)
	}
	if err != nil {
		log.Fatal(err)
	}
	doc, err := openapi2conv.ToV3(&old)
	if err == nil {
		data, err = json.Marshal(doc)
	}
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		log.Fatal(err)
	}
	return out
}

// join adds what a further description has.
func join(all, more map[string]any) {
	for name, v := range more {
		switch has := all[name].(type) {
		case nil:
			all[name] = v
		case map[string]any:
			if v, is := v.(map[string]any); is && !strings.HasPrefix(name, "/") {
				join(has, v)
			}
		}
	}
}

// follow copies every component that a value refers to.
func follow(all map[string]any, v any, parts map[string]any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			follow(all, e, parts)
		}
	case map[string]any:
		for name, e := range v {
			ref, ok := e.(string)
			if name != "$ref" && !(ok && strings.HasPrefix(ref, "#/components/")) || !ok {
				follow(all, e, parts)
				continue
			}
			way := strings.Split(strings.TrimPrefix(ref, "#/components/"), "/")
			section, _ := parts[way[0]].(map[string]any)
			if section == nil {
				section = map[string]any{}
				parts[way[0]] = section
			}
			if len(way) != 2 || section[way[1]] != nil {
				continue
			}
			of, ok := all["components"].(map[string]any)[way[0]].(map[string]any)[way[1]]
			if !ok {
				log.Fatalf("%s leads nowhere", ref)
			}
			trim(of, false)
			section[way[1]] = of
			follow(all, of, parts)
		}
	}
}

// odata says whether a description's entry is about the member @odata.type alone.
func odata(name string, e any) bool {
	switch e := e.(type) {
	case map[string]any:
		return name == "discriminator" && e["propertyName"] == "@odata.type"
	case []any:
		return name == "required" && len(e) == 1 && e[0] == "@odata.type"
	}
	return false
}

// kept are the ways from one thing of Microsoft's to another that are asked for.
var kept = []string{"sponsors", "assignments"}

// trim takes out what judges nothing. Under properties every name is a property.
func trim(v any, properties bool) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			trim(e, false)
		}
	case map[string]any:
		for name, e := range v {
			of, _ := e.(map[string]any)
			switch {
			case !properties && odata(name, e):
				delete(v, name) // every sort of thing there is, and a member that Graph leaves out where it goes without saying
			case properties && of["x-ms-navigationProperty"] == true && !slices.Contains(kept, name):
				delete(v, name) // leads to all else that Microsoft has
			case !properties && (name == "description" || name == "example" || name == "examples" || name == "externalDocs" || name == "deprecated" ||
				name == "default" || name == "pattern" || name == "headers" || name == "summary" || strings.HasPrefix(name, "x-")):
				delete(v, name)
			default:
				trim(e, name == "properties" && !properties)
			}
		}
		if _, answers := v["content"]; answers && !properties && v["required"] == nil {
			v["description"] = "" // the format asks for one
		}
	}
}

// plain is a YAML value as JSON has it: dates stay text, and names are text.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.DocumentNode:
		return plain(n.Content[0])
	case yaml.AliasNode:
		return plain(n.Alias)
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			out[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := []any{}
		for _, e := range n.Content {
			out = append(out, plain(e))
		}
		return out
	}
	if n.ShortTag() == "!!timestamp" {
		return n.Value
	}
	var v any
	if err := n.Decode(&v); err != nil {
		log.Fatalf("line %d: %v", n.Line, err)
	}
	return v
}
