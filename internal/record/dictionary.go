package record

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tickmark/internal/store"
)

// dictionary is what bodies of the kind have in common: the names of its fields, in canonical order, as JSON writes them.
func dictionary(k *Kind) []byte {
	var b bytes.Buffer
	var write func(fields []Field)
	write = func(fields []Field) {
		b.WriteByte('{')
		for i, f := range fields {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%q:", f.Name)
			switch f.Type {
			case Object:
				write(f.Fields)
			case Bool:
				b.WriteString("false,true")
			case Integer, Number:
				b.WriteString("0")
			case Time:
				b.WriteString(`"2026-01-01T00:00:00Z"`)
			case Choice:
				for _, c := range f.Choices {
					fmt.Fprintf(&b, "%q", c)
				}
			default:
				b.WriteString(`""`)
			}
		}
		b.WriteByte('}')
	}
	write(k.Fields)
	for b.Len() < 64 {
		b.WriteString(`{"id":"","name":""}`)
	}
	return b.Bytes()
}

// whatIsLearnt is all that is known of a kind's bodies. Each dictionary and order is kept for ever: old bodies need it.
func whatIsLearnt(ctx context.Context, q store.Q, kind string) (learnt, error) {
	const every = "SELECT value FROM meta WHERE name = $1 OR name >= $2 AND name < $3 ORDER BY name"

	var has learnt
	all := map[string][][]byte{}
	for _, what := range []string{"dictionary:", "order:"} {
		var err error
		if all[what], err = store.All[[]byte](ctx, q, every, what+kind, what+kind+":", what+kind+";"); err != nil {
			return has, err
		}
	}
	has.dictionaries = all["dictionary:"]
	for _, b := range all["order:"] {
		o := &order{}
		if err := json.Unmarshal(b, o); err != nil {
			return has, fmt.Errorf("read the order of a %s: %w", kind, err)
		}
		o.ready()
		has.orders = append(has.orders, o)
	}
	return has, nil
}

// Learn makes a dictionary of what the newest bodies of a kind have in common, and an order of how their source writes them,
// if the kind has only the dictionary of its declared names and the new one spares an eighth. It reports whether it did.
func (b *Book) Learn(ctx context.Context, kind string) (bool, error) {
	ki, err := b.kind(kind)
	if err != nil {
		return false, err
	}
	if _, _, has := ki.squeeze.now(); len(has.dictionaries) > 1 {
		return false, nil
	}
	type row struct {
		Body []byte `db:"body"`
		Raw  []byte `db:"raw"`
	}
	rows, err := store.All[row](ctx, b.DB, "SELECT body, raw FROM version WHERE kind = $1 AND body IS NOT NULL AND substr(body, 1, 1) <> $2 ORDER BY id DESC LIMIT $3", ki.id, []byte{droppedBody}, learnFrom)
	if err != nil || len(rows) < learnFrom {
		return false, err
	}
	bodies, raws := make([][]byte, len(rows)), [][]byte{}
	for i, r := range rows {
		if bodies[i], err = ki.squeeze.open(r.Body); err != nil {
			return false, err
		}
		raw, err := ki.squeeze.openRaw(r.Raw, bodies[i])
		if err != nil {
			return false, err
		}
		if len(raw) == len(bodies[i]) {
			raws = append(raws, raw)
		}
	}
	dict, err := learn(ki.Kind, bodies)
	if err != nil || len(dict) < 64 {
		return false, err
	}
	trial, err := newSqueezer(learnt{dictionaries: [][]byte{dict}}, nil)
	if err != nil {
		return false, err
	}
	before, after := 0, 0
	for i, body := range bodies {
		before, after = before+len(rows[i].Body), after+len(trial.squeeze(body))
	}
	if after > before*7/8 {
		return false, nil
	}
	news := [][]any{{"dictionary:" + kind + ":0002", dict}}
	if len(raws) >= learnFrom/2 {
		if o, err := learnOrder(raws); err == nil { // otherwise they are no JSON
			j, err := json.Marshal(o)
			if err != nil {
				return false, err
			}
			news = append(news, []any{"order:" + kind + ":0001", j})
		}
	}
	err = b.DB.Write(ctx, func(tx *store.Tx) error {
		has, err := whatIsLearnt(ctx, tx, kind)
		if err != nil || len(has.dictionaries) > 1 { // another process was faster
			return err
		}
		return store.Insert(ctx, tx, "meta", []string{"name", "value"}, news)
	})
	if err != nil {
		return false, err
	}
	return true, ki.squeeze.refresh()
}

// Learning a dictionary from bodies.
const (
	learnFrom     = 500     // bodies
	learnShared   = 25      // a name, or how a text begins, is learnt when so many bodies have it: it is nobody's alone
	maxDictionary = 8 << 10 // bytes
)

// learn makes a dictionary of what many bodies of a kind have in common: names, and how texts begin. It takes nothing of a
// field that is declared personal or secret, and nothing that fewer than learnShared of the bodies have.
func learn(k *Kind, bodies [][]byte) ([]byte, error) {
	l := &learner{names: map[string]int{}, texts: map[string]map[string]int{}, shared: map[string][]string{}}
	docs := make([]map[string]any, len(bodies))
	for i, body := range bodies {
		m, err := decode(body)
		if err != nil {
			return nil, err
		}
		impersonal(k.Fields, m)
		docs[i] = m
		l.seen = map[string]bool{}
		l.look("", m)
	}
	for path, texts := range l.texts {
		l.shared[path] = beginnings(texts)
	}
	var out [][]byte
	size := 0
	known := map[string]bool{}
	for i := 0; i < len(docs) && size < maxDictionary; i += max(1, len(docs)/40) {
		var doc []byte
		for _, name := range slices.Sorted(maps.Keys(docs[i])) {
			if l.names["."+name] < learnShared {
				continue
			}
			member := l.write(nil, "."+name, docs[i][name])
			if s := name + string(member); !known[s] {
				known[s] = true
				doc = append(append(fmt.Appendf(doc, "%q:", name), member...), ',')
			}
		}
		out = append(out, doc)
		size += len(doc)
	}
	slices.Reverse(out) // what is nearest costs least: the first, which is whole, stands last
	b := bytes.Join(out, nil)
	if len(b) > maxDictionary {
		b = b[len(b)-maxDictionary:]
	}
	return b, nil
}

// impersonal takes out what is declared personal or secret.
func impersonal(fields []Field, m map[string]any) {
	for _, f := range fields {
		if f.Personal || f.Secret {
			delete(m, f.Name)
			continue
		}
		switch v := m[f.Name].(type) {
		case map[string]any:
			impersonal(f.Fields, v)
		case []any:
			for _, e := range v {
				if o, ok := e.(map[string]any); ok {
					impersonal(f.Fields, o)
				}
			}
		}
	}
}

type learner struct {
	names  map[string]int            // by path: in how many bodies
	texts  map[string]map[string]int // by path and value: in how many bodies
	seen   map[string]bool           // in the body under way
	shared map[string][]string       // by path: how many texts begin, the longest first
}

func (l *learner) look(path string, v any) {
	once := func(s string) bool { was := l.seen[s]; l.seen[s] = true; return !was }
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			p := path + "." + name
			if once(p) {
				l.names[p]++
			}
			l.look(p, e)
		}
	case []any:
		for _, e := range v {
			l.look(path+"[]", e)
		}
	default:
		s := scalar(v)
		if once(path + "\x00" + s) {
			if l.texts[path] == nil {
				l.texts[path] = map[string]int{}
			}
			l.texts[path][s]++
		}
	}
}

func scalar(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// beginnings are the longest texts with which at least learnShared of the values begin.
func beginnings(texts map[string]int) []string {
	var all []string
	for s, n := range texts {
		for range min(n, learnShared) {
			all = append(all, s)
		}
	}
	slices.Sort(all)
	found := map[string]bool{}
	for i := 0; i+learnShared <= len(all); i++ {
		if s := common(all[i], all[i+learnShared-1]); len(s) > 2 || s == all[i] {
			found[s] = true
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b string) int { return len(b) - len(a) })
}

func common(a, b string) string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// write is a value with only what is shared of it.
func (l *learner) write(b []byte, path string, v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		b = append(b, '{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if p := path + "." + name; l.names[p] >= learnShared {
				b = l.write(fmt.Appendf(b, "%q:", name), p, v[name])
				b = append(b, ',')
			}
		}
		return append(bytes.TrimSuffix(b, []byte(",")), '}')
	case []any:
		b = append(b, '[')
		for _, e := range v {
			b = append(l.write(b, path+"[]", e), ',')
		}
		return append(bytes.TrimSuffix(b, []byte(",")), ']')
	}
	s := scalar(v)
	for _, begin := range l.shared[path] {
		if strings.HasPrefix(s, begin) {
			return append(b, begin...)
		}
	}
	return b
}
