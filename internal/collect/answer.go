package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"tickmark/internal/connector"
	"tickmark/internal/record"
)

// mostKept is how many bytes of answers wait for their batch at most, before it is written whatever else it holds.
const mostKept = 8 << 20

// noted is a question as it is written down, with the run's last words or before.
type noted struct {
	row     []any
	written bool
}

// reply is an answer under way. Its bytes live as long as something may be made of them, and are kept as soon as one thing that is
// new was: so what a run holds in memory does not grow with what it reads.
type reply struct {
	record.Answer
	noted   *noted
	body    []byte
	reveals func([]byte) bool
	kept    bool    // it brought something
	holds   []int64 // records that it holds, and of which that is not written down yet
}

// made are the answers that an object and its parts were made of.
func made(it connector.Item) []*reply {
	var out []*reply
	add := func(from []connector.Answer) {
		for _, a := range from {
			if s, ok := a.(*reply); ok && s.N < record.MostAnswers && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	add(it.From)
	for _, p := range it.Parts {
		add(p.From)
	}
	return out
}

// holds notes that answers hold a record that is known.
func (r *run) holds(from []*reply, record int64) {
	if record == 0 || r.dry {
		return
	}
	for _, s := range from {
		if s.kept && len(s.holds) == 0 {
			r.holding = append(r.holding, s)
		}
		s.holds = append(s.holds, record)
	}
}

// bring keeps the answers of which something new was made.
func (r *run) bring(from []*reply, kind string) []*record.Answer {
	var out []*record.Answer
	for _, s := range from {
		if !s.kept {
			s.kept, s.noted.written = true, true
			s.Kind = kind
			r.edit(s)
			r.keep = append(r.keep, s)
			r.keeping += len(s.Body)
			if len(s.holds) > 0 {
				r.holding = append(r.holding, s)
			}
		}
		out = append(out, &s.Answer)
	}
	return out
}

// answered are the answers to be written with the next batch, and what more others hold.
func (r *run) answered() (record.Said, [][]any) {
	out := record.Said{}
	var rows [][]any
	for _, s := range r.keep {
		out.New = append(out.New, &s.Answer)
		rows = append(rows, s.noted.row)
	}
	if len(r.holding) > 0 {
		out.Holds = map[*record.Answer][]int64{}
	}
	for _, s := range r.holding {
		out.Holds[&s.Answer], s.holds = s.holds, nil
	}
	r.keep, r.holding, r.keeping = nil, nil, 0
	return out, rows
}

// unwritten are the questions that were not written down yet.
func (r *run) unwritten() [][]any {
	var rows [][]any
	for _, x := range r.noted {
		if !x.written {
			rows = append(rows, x.row)
		}
	}
	return rows
}

// edit makes the bytes of an answer what may be kept of them: where a member has the name of one that a kind declares as secret, a
// digest takes the place of its value, and where that cannot be told nothing is kept.
func (r *run) edit(s *reply) {
	body := s.body
	if s.body = nil; body == nil {
		if s.Why == "" {
			s.Why = "Its connector records its hash alone."
		}
		return
	}
	if text := string(body); r.hide(text) != text || s.reveals != nil && s.reveals(body) {
		s.Why = "It holds the connection's credential."
		return
	}
	names := r.secretsOf(s.Kind)
	edited, at, err := conceal(body, names, func(name string, v []byte) string {
		return r.c.Book.Digest(names[name]+"."+name, v)
	})
	if err != nil {
		s.Why = fmt.Sprintf("Its kinds hold secrets, and where they stand in it cannot be told: %v.", err)
		return
	}
	s.Body, s.Edited = edited, at
}

// secretsOf are the names of members that a kind of the connection calls secret, by the kind: kind's own come first.
func (r *run) secretsOf(kind string) map[string]string {
	if has, ok := r.secrets[kind]; ok {
		return has
	}
	kinds := r.k.Kinds
	if r.k.Any {
		kinds = nil
		for _, k := range r.c.Book.Kinds.All() {
			if k.Collected {
				kinds = append(kinds, *k)
			}
		}
	}
	out := map[string]string{}
	var look func(of string, fields []record.Field)
	look = func(of string, fields []record.Field) {
		for _, f := range fields {
			if f.Secret && (out[f.Name] == "" || of == kind) {
				out[f.Name] = of
			}
			look(of, f.Fields)
		}
	}
	for _, k := range kinds {
		look(k.Name, k.Fields)
	}
	if r.secrets == nil {
		r.secrets = map[string]map[string]string{}
	}
	r.secrets[kind] = out
	return out
}

const concealed = "digest:"

// conceal puts digests in the place of the values of members with some names, wherever they stand in JSON, and says where.
func conceal(body []byte, names map[string]string, digest func(name string, value []byte) string) ([]byte, []string, error) {
	if len(names) == 0 {
		return body, nil, nil
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	var out []byte
	var at []string
	done := 0
	for {
		t, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, errors.New("it is not JSON")
		}
		_, n := d.StackIndex(d.StackDepth())
		if t.Kind() != '"' || n%2 == 0 || names[t.String()] == "" { // no name of a member
			continue
		}
		if k, _ := d.StackIndex(d.StackDepth()); k != '{' {
			continue
		}
		name := t.String()
		v, err := d.ReadValue()
		if err != nil {
			return nil, nil, errors.New("it is not JSON")
		}
		var s string
		if json.Unmarshal(v, &s) != nil {
			s = string(v)
		}
		if s == "" || string(v) == "null" || strings.HasPrefix(s, concealed) {
			continue
		}
		end := int(d.InputOffset())
		out = append(out, body[done:end-len(v)]...)
		instead, err := json.Marshal(concealed + digest(name, []byte(s)))
		if err != nil {
			return nil, nil, err
		}
		out, done = append(out, instead...), end
		at = append(at, string(d.StackPointer()))
	}
	if len(at) == 0 {
		return body, nil, nil
	}
	return append(out, body[done:]...), at, nil
}
