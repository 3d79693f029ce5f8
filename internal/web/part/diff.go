package part

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// Change is one field that differs between two versions; Before or After is empty where it was absent.
type Change struct {
	Field         string
	Before, After string
	Added, Gone   bool
}

// Compare lists the fields in which two JSON documents differ, by path. Numbers are compared as they are written.
func Compare(before, after []byte) []Change {
	var out []Change
	compare(&out, "", decode(before), decode(after))
	slices.SortStableFunc(out, func(a, b Change) int { return strings.Compare(a.Field, b.Field) })
	return out
}

func decode(doc []byte) any {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if len(doc) == 0 {
		return nil
	}
	if err := d.Decode(&v); err != nil {
		return string(doc)
	}
	return v
}

func compare(out *[]Change, path string, a, b any) {
	am, aok := a.(map[string]any)
	bm, bok := b.(map[string]any)
	if !aok || !bok {
		if !reflect.DeepEqual(a, b) {
			*out = append(*out, Change{Field: path, Before: Plain(a), After: Plain(b)})
		}
		return
	}
	at := func(k string) string {
		if path == "" {
			return k
		}
		return path + "." + k
	}
	for _, k := range sortedKeys(am) {
		if v, ok := bm[k]; ok {
			compare(out, at(k), am[k], v)
		} else {
			*out = append(*out, Change{Field: at(k), Before: Plain(am[k]), Gone: true})
		}
	}
	for _, k := range sortedKeys(bm) {
		if _, ok := am[k]; !ok {
			*out = append(*out, Change{Field: at(k), After: Plain(bm[k]), Added: true})
		}
	}
}

// Plain writes a decoded value for people: lists with commas, objects as JSON, null as such.
func Plain(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		return x
	case json.Number:
		return x.String()
	case bool:
		if x {
			return "yes"
		}
		return "no"
	case []any:
		parts := make([]string, len(x))
		for i, e := range x {
			switch e.(type) {
			case map[string]any, []any:
				return asJSON(v)
			}
			parts[i] = Plain(e)
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		return asJSON(v)
	}
	return fmt.Sprint(v)
}

func asJSON(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// Piece is a run of words that is kept, taken out or put in.
type Piece struct {
	Kind byte // ' ', '-', '+'
	Text string
}

// WordDiff divides two texts into what they share and where they differ, by words. Long texts are compared as wholes.
func WordDiff(before, after string) []Piece {
	a, b := split(before), split(after)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out []Piece
	add := func(kind byte, words []string) {
		if len(words) == 0 {
			return
		}
		text := strings.Join(words, "")
		if n := len(out); n > 0 && out[n-1].Kind == kind {
			out[n-1].Text += text
			return
		}
		out = append(out, Piece{kind, text})
	}
	add(' ', a[:head])
	x, y := a[head:len(a)-tail], b[head:len(b)-tail]
	if len(x)*len(y) > 1<<20 {
		add('-', x)
		add('+', y)
	} else {
		middle(x, y, add)
	}
	add(' ', a[len(a)-tail:])
	return joined(out)
}

// joined takes the spaces between two changes into them, so that a changed phrase reads as one.
func joined(in []Piece) []Piece {
	var out []Piece
	var gone, come string
	flush := func() {
		if gone != "" {
			out = append(out, Piece{'-', gone})
		}
		if come != "" {
			out = append(out, Piece{'+', come})
		}
		gone, come = "", ""
	}
	for i, p := range in {
		switch {
		case p.Kind == '-':
			gone += p.Text
		case p.Kind == '+':
			come += p.Text
		case strings.TrimSpace(p.Text) == "" && i > 0 && i < len(in)-1:
			gone += p.Text
			come += p.Text
		default:
			flush()
			out = append(out, p)
		}
	}
	flush()
	return out
}

// middle finds the longest common run of words by the textbook table.
func middle(x, y []string, add func(byte, []string)) {
	w := len(y) + 1
	table := make([]int32, (len(x)+1)*w)
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				table[i*w+j] = table[(i+1)*w+j+1] + 1
			} else {
				table[i*w+j] = max(table[(i+1)*w+j], table[i*w+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			add(' ', x[i:i+1])
			i++
			j++
		case i < len(x) && (j == len(y) || table[(i+1)*w+j] >= table[i*w+j+1]):
			add('-', x[i:i+1])
			i++
		default:
			add('+', y[j:j+1])
			j++
		}
	}
}

// split cuts a text into words and the spaces between them.
func split(s string) []string {
	var out []string
	start, space := 0, false
	for i, r := range s {
		sp := unicode.IsSpace(r)
		if i > start && sp != space {
			out = append(out, s[start:i])
			start = i
		}
		space = sp
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}
