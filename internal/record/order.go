package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

// order is in which order a source names the members of an object, where the canonical body has them by name. A source's own
// bytes that are the body in that order need not be kept.
type order struct {
	Names []string          `json:"names"`
	In    map[string]*order `json:"in,omitempty"` // of objects in a member, or in a list in it

	rank map[string]int
	seen map[string]int // while it is learnt: by name, in how many bodies
	last map[string]int // the last of them
}

func (o *order) ready() {
	o.rank = make(map[string]int, len(o.Names))
	for i, name := range o.Names {
		o.rank[name] = i
	}
	for _, in := range o.In {
		in.ready()
	}
}

// learnOrder makes an order of bytes as a source sent them. A name that fewer than learnShared of them have is not in it.
func learnOrder(raws [][]byte) (*order, error) {
	top := &order{}
	for i, raw := range raws {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := top.learn(d, i); err != nil {
			return nil, err
		}
	}
	top.forget()
	top.ready()
	return top, nil
}

func (o *order) learn(d *json.Decoder, body int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	before := 0
	switch t {
	case json.Delim('['):
		for d.More() {
			if err := o.learn(d, body); err != nil {
				return err
			}
		}
		_, err = d.Token()
	case json.Delim('{'):
		if o.seen == nil {
			o.seen, o.last, o.In = map[string]int{}, map[string]int{}, map[string]*order{}
		}
		for d.More() {
			t, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := t.(string)
			if at := slices.Index(o.Names, name); at >= 0 {
				before = at + 1
			} else if len(o.Names) < 500 {
				o.Names = slices.Insert(o.Names, before, name)
				before++
			}
			if o.last[name] != body+1 {
				o.last[name] = body + 1
				o.seen[name]++
			}
			if o.In[name] == nil {
				o.In[name] = &order{}
			}
			if err := o.In[name].learn(d, body); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

// forget drops what too few bodies have, and what holds no object.
func (o *order) forget() {
	o.Names = slices.DeleteFunc(o.Names, func(name string) bool { return o.seen[name] < learnShared })
	for name, in := range o.In {
		if in.forget(); o.seen[name] < learnShared || len(in.Names) == 0 {
			delete(o.In, name)
		}
	}
}

var errOrder = errors.New("the body has what the order does not")

// write appends the canonical body in this order to b.
func (o *order) write(b, body []byte) ([]byte, error) {
	b, rest, err := o.value(b, body)
	if err == nil && len(rest) > 0 {
		err = errOrder
	}
	return b, err
}

type member struct {
	rank        int
	name, value []byte
}

func (o *order) value(b, in []byte) (out, rest []byte, err error) {
	if len(in) == 0 {
		return b, in, errOrder
	}
	switch in[0] {
	case '[':
		b, in = append(b, '['), in[1:]
		for len(in) > 0 && in[0] != ']' {
			if in[0] == ',' {
				b, in = append(b, ','), in[1:]
			}
			if b, in, err = o.value(b, in); err != nil {
				return b, in, err
			}
		}
		if len(in) == 0 {
			return b, in, errOrder
		}
		return append(b, ']'), in[1:], nil
	case '{':
		var members []member
		for in = in[1:]; len(in) > 0 && in[0] != '}'; {
			if in[0] == ',' {
				in = in[1:]
			}
			n := span(in)
			if n < 2 || n >= len(in) {
				return b, in, errOrder
			}
			m := member{name: in[:n]}
			var known bool
			if o != nil {
				m.rank, known = o.rank[string(in[1:n-1])]
			}
			if !known {
				return b, in, errOrder
			}
			in = in[n+1:]
			n = span(in)
			m.value, in = in[:n], in[n:]
			members = append(members, m)
		}
		if len(in) == 0 {
			return b, in, errOrder
		}
		slices.SortFunc(members, func(a, b member) int { return a.rank - b.rank })
		b = append(b, '{')
		for i, m := range members {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, m.name...), ':')
			if b, _, err = o.In[o.Names[m.rank]].value(b, m.value); err != nil {
				return b, in, err
			}
		}
		return append(b, '}'), in[1:], nil
	}
	n := span(in)
	if n == 0 {
		return b, in, errOrder
	}
	return append(b, in[:n]...), in[n:], nil
}

// span is how many bytes the JSON value takes that canonical JSON begins with.
func span(in []byte) int {
	depth := 0
	for i := 0; i < len(in); i++ {
		switch in[i] {
		case '"':
			for i++; i < len(in) && in[i] != '"'; i++ {
				if in[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return min(i+1, len(in))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case ',', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return len(in)
}
