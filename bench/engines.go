package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/valyala/fastjson"

	"tickmark/internal/check"
	"tickmark/internal/expr"
	"tickmark/internal/record"
)

// perKind is how many checks each kind has. Answers stand in a slice, those of record i from i*perKind.
const perKind = 5

// engine answers every check of every record it is given, from bytes.
type engine struct {
	name  string
	how   string
	most  int                                                               // records; 0: all
	judge func(docs []doc, out []bool) (elsewhere time.Duration, err error) // elsewhere: processor time of other processes
	skip  string                                                            // why it cannot be had
}

func rulesOf(kind string) (out []rule) {
	for _, r := range rules {
		if r.kind == kind {
			out = append(out, r)
		}
	}
	return out
}

// hand is the limit: Go written by hand for each check.
func hand() engine {
	functions := map[string][]func(*fastjson.Value) bool{}
	for _, r := range rules {
		functions[r.kind] = append(functions[r.kind], r.hand)
	}
	var p fastjson.Parser
	return engine{name: "Go written by hand", how: "a function for each check over a fastjson tree; what is missing counts as false", judge: func(docs []doc, out []bool) (time.Duration, error) {
		for i, d := range docs {
			v, err := p.ParseBytes(d.body)
			if err != nil {
				return 0, err
			}
			for j, f := range functions[d.kind] {
				out[i*perKind+j] = f(v)
			}
		}
		return 0, nil
	}}
}

// vocabulary is what the checks may speak of.
func vocabulary() (*check.Vocabulary, error) {
	var all []*record.Kind
	for i := range kinds {
		all = append(all, &kinds[i])
	}
	return check.NewVocabulary(all...)
}

// checks are the product's own, as files, with an example each that passes, fails and is unknown.
func checks(seed uint64) (files [][]byte, err error) {
	for n, r := range rules {
		examples, seen := list{obj{"name": "nothing is known", "record": obj{}, "now": now.Format(time.RFC3339), "expect": "unknown"}}, map[bool]bool{}
		for i := 0; len(seen) < 2; i++ {
			if kinds[i%len(kinds)].Name != r.kind {
				continue
			}
			d := made(i, seed)
			if passes := r.hand(fastjson.MustParseBytes(d.body)); !seen[passes] {
				seen[passes] = true
				examples = append(examples, obj{"name": d.key, "record": json.RawMessage(d.body), "now": now.Format(time.RFC3339), "expect": map[bool]string{true: "pass", false: "fail"}[passes]})
			}
		}
		file, err := json.Marshal(obj{"id": fmt.Sprintf("BENCH-%02d", n+1), "title": r.id, "for": r.kind, "expect": r.cel, "because": `"it fails"`, "severity": "low", "why": "To compare.",
			"fix": obj{"console": "None."}, "examples": examples})
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// tickmark is the product: a body parsed once, and judged by each check at a moment.
func tickmark(words *check.Vocabulary, files [][]byte, at *time.Time, name, how string) (engine, error) {
	of := map[string][]*check.Check{}
	for n, file := range files {
		c, err := check.Read(words, check.Rules{}, rules[n].id, file)
		if err != nil {
			return engine{}, err
		}
		of[c.For] = append(of[c.For], c)
	}
	var parsed expr.Doc
	return engine{name: name, how: how, judge: func(docs []doc, out []bool) (time.Duration, error) {
		for i, d := range docs {
			if err := parsed.Parse(d.body); err != nil {
				return 0, err
			}
			subject := check.Subject{Kind: d.kind, Key: d.key, Doc: &parsed}
			for j, c := range of[d.kind] {
				r := c.Judge(subject, *at, nil)
				if out[i*perKind+j] = r.Status == check.Pass; r.Status != check.Pass && r.Status != check.Fail {
					return 0, fmt.Errorf("%s about %s is %s: %s", c.Title, d.key, r.Status, r.Reason)
				}
			}
		}
		return 0, nil
	}}, nil
}

// module writes the checks of a kind as Rego: one rule each over input; with batch, pass holds what passes of a list of inputs;
// deny, with messages, what fails.
func module(kind string, batch, deny bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "package bench.%s\nimport rego.v1\n%s", kind, regoFunctions)
	for _, r := range rulesOf(kind) {
		if batch {
			fmt.Fprintf(&b, "pass contains [%q, i] if { some i, r in input; %s }\n", r.id, strings.ReplaceAll(r.rego, "$r", "r"))
			continue
		}
		fmt.Fprintf(&b, "%s if { %s }\n", r.id, strings.ReplaceAll(r.rego, "$r", "input"))
		if deny {
			fmt.Fprintf(&b, "deny contains %q if not %s\n", r.id, r.id)
		}
	}
	return b.String()
}

// opa asks prepared Rego: one query for all checks of a kind, or one for each.
func opa(each bool) (engine, error) {
	ctx := context.Background()
	prepared := map[string][]rego.PreparedEvalQuery{}
	for _, k := range kinds {
		queries := []string{"data.bench." + k.Name}
		if each {
			queries = nil
			for _, r := range rulesOf(k.Name) {
				queries = append(queries, "data.bench."+k.Name+"."+r.id)
			}
		}
		for _, q := range queries {
			p, err := rego.New(rego.Query(q), rego.Module(k.Name+".rego", module(k.Name, false, false))).PrepareForEval(ctx)
			if err != nil {
				return engine{}, err
			}
			prepared[k.Name] = append(prepared[k.Name], p)
		}
	}
	e := engine{name: "OPA in process, a query for each kind", how: "prepared Rego, all five checks of a kind in one query", judge: func(docs []doc, out []bool) (time.Duration, error) {
		for i, d := range docs {
			input, err := ast.ValueFromReader(bytes.NewReader(d.body))
			if err != nil {
				return 0, err
			}
			for j, q := range prepared[d.kind] {
				set, err := q.Eval(ctx, rego.EvalParsedInput(input))
				if err != nil {
					return 0, err
				}
				if each {
					out[i*perKind+j] = len(set) > 0 && set[0].Expressions[0].Value == true
					continue
				}
				answers := set[0].Expressions[0].Value.(map[string]any)
				for j, r := range rulesOf(d.kind) {
					out[i*perKind+j] = answers[r.id] == true
				}
			}
		}
		return 0, nil
	}}
	if each {
		e.name, e.how = "OPA in process, a query for each check", "prepared Rego, the input made once for a record"
	}
	return e, nil
}
