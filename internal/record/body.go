package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fastjson"

	"tickmark/internal/fault"
)

// MaxBody is the largest body of a record, in bytes; larger things are files.
const MaxBody = 8 << 20

// Canonical parses JSON strictly (UTF-8, no duplicate names, one object) and returns its RFC 8785 form; integers keep their
// digits, so that numbers beyond 2^53 are not rounded.
func Canonical(body []byte) ([]byte, error) {
	if len(body) > MaxBody {
		return nil, fault.New(fault.TooLarge, "A record of %d bytes is over the limit of %d.", len(body), MaxBody).WithNext("Attach it as a file instead.")
	}
	v := jsontext.Value(bytes.Clone(body))
	if err := v.Canonicalize(jsontext.CanonicalizeRawInts(false)); err != nil {
		return nil, fault.New(fault.Invalid, "The record is not valid JSON: %s.", strings.TrimPrefix(err.Error(), "jsontext: ")).
			WithNext("Names must be unique and the text UTF-8.")
	}
	if len(v) == 0 || v[0] != '{' {
		return nil, fault.New(fault.Invalid, "A record must be a JSON object.")
	}
	return v, nil
}

// decode reads a canonical body into a map; numbers keep their digits.
func decode(body []byte) (map[string]any, error) {
	p := parsers.Get()
	defer parsers.Put(p)
	if v, err := p.ParseBytes(body); err == nil && v.Type() == fastjson.TypeObject {
		return treeOf(v).(map[string]any), nil
	}
	d := json.NewDecoder(bytes.NewReader(body)) // nested too deeply for the parser, or broken
	d.UseNumber()
	m := map[string]any{}
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("decode a body: %w", err)
	}
	return m, nil
}

var parsers fastjson.ParserPool

// TextOf is the text that a body has under a name; "" where it has none.
func TextOf(body []byte, name string) string {
	p := parsers.Get()
	defer parsers.Put(p)
	if v, err := p.ParseBytes(body); err == nil {
		return string(v.GetStringBytes(name))
	}
	m, _ := decode(body) // nested too deeply for the parser
	s, _ := m[name].(string)
	return s
}

// treeOf is what encoding/json would make of a value, with none of the parser's bytes in it.
func treeOf(v *fastjson.Value) any {
	switch v.Type() {
	case fastjson.TypeObject:
		o := v.GetObject()
		m := make(map[string]any, o.Len())
		o.Visit(func(name []byte, v *fastjson.Value) { m[string(name)] = treeOf(v) })
		return m
	case fastjson.TypeArray:
		list := v.GetArray()
		out := make([]any, len(list))
		for i, e := range list {
			out[i] = treeOf(e)
		}
		return out
	case fastjson.TypeString:
		return string(v.GetStringBytes())
	case fastjson.TypeNumber:
		return json.Number(v.MarshalTo(nil))
	case fastjson.TypeTrue:
		return true
	case fastjson.TypeFalse:
		return false
	}
	return nil
}

func encode(m map[string]any) ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode a body: %w", err)
	}
	return Canonical(b)
}

// split takes the volatile values out of a body and puts digests in the place of secrets. It returns the body that is
// versioned, the volatile part (nil when there is none) and the paths of the secrets.
func (b *Book) split(k *Kind, body []byte) (kept, volatile []byte, secrets []string, err error) {
	if !special(k.Fields) {
		return body, nil, nil, nil
	}
	m, err := decode(body)
	if err != nil {
		return nil, nil, nil, err
	}
	v := map[string]any{}
	b.part(k, k.Fields, m, v, "", &secrets)
	if kept, err = encode(m); err != nil {
		return nil, nil, nil, err
	}
	if len(v) > 0 {
		if volatile, err = encode(v); err != nil {
			return nil, nil, nil, err
		}
	}
	return kept, volatile, secrets, nil
}

func special(fields []Field) bool {
	for _, f := range fields {
		if f.Secret || f.Volatile || special(f.Fields) {
			return true
		}
	}
	return false
}

func (b *Book) part(k *Kind, fields []Field, m, volatile map[string]any, path string, secrets *[]string) {
	for _, f := range fields {
		v, ok := m[f.Name]
		if !ok {
			continue
		}
		at := path + f.Name
		switch {
		case f.Volatile:
			volatile[at] = v
			delete(m, f.Name)
		case f.Secret:
			*secrets = append(*secrets, at)
			m[f.Name] = b.blind(k, f, v)
		case f.Type == Object && f.List:
			list, _ := v.([]any)
			for i, e := range list {
				if o, ok := e.(map[string]any); ok {
					b.part(k, f.Fields, o, volatile, fmt.Sprintf("%s.%d.", at, i), secrets)
				}
			}
		case f.Type == Object:
			if o, ok := v.(map[string]any); ok {
				b.part(k, f.Fields, o, volatile, at+".", secrets)
			}
		}
	}
}

const blinded = "digest:"

// blind is the keyed digest that takes a secret's place: it tells whether the secret changed, and nothing else. A digest
// that comes back in (a form saved unchanged) stays as it is.
func (b *Book) blind(k *Kind, f Field, v any) any {
	switch v := v.(type) {
	case string:
		if v == "" || strings.HasPrefix(v, blinded) {
			return v
		}
		return blinded + b.Digest(k.Name+"."+f.Name, []byte(v))
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = b.blind(k, f, v[i])
		}
		return out
	case nil:
		return nil
	}
	raw, _ := json.Marshal(v)
	return blinded + b.Digest(k.Name+"."+f.Name, raw)
}

// squeezer compresses the bodies of one kind with the newest of its dictionaries, and reads what was compressed with any. A
// stored body begins with one byte: 0 plain, 1 zstd, whose header names the dictionary by its number. The source's own bytes
// may also begin with 2, told by the body beside them, or 3, that body in an order, whose number follows.
type squeezer struct {
	mu    sync.RWMutex
	enc   *zstd.Encoder
	dec   *zstd.Decoder
	has   learnt
	again func() (learnt, error) // what is in the database: another process may have learnt more
}

// learnt is what is known of the bodies of a kind. Their numbers are their places from 1 on.
type learnt struct {
	dictionaries [][]byte
	orders       []*order
}

func newSqueezer(has learnt, again func() (learnt, error)) (*squeezer, error) {
	s := &squeezer{again: again}
	return s, s.use(has)
}

func (s *squeezer) use(has learnt) error {
	dictionaries, newest := has.dictionaries, len(has.dictionaries)
	if newest == 0 {
		return fmt.Errorf("prepare compression: there is no dictionary")
	}
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithEncoderDictRaw(uint32(newest), dictionaries[newest-1]), zstd.WithEncoderCRC(false), zstd.WithWindowSize(64<<10))
	if err != nil {
		return fmt.Errorf("prepare compression: %w", err)
	}
	options := []zstd.DOption{zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(4 * MaxBody)}
	for i, d := range dictionaries {
		options = append(options, zstd.WithDecoderDictRaw(uint32(i+1), d))
	}
	d, err := zstd.NewReader(nil, options...)
	if err != nil {
		return fmt.Errorf("prepare decompression: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enc, s.dec, s.has = e, d, has
	return nil
}

func (s *squeezer) now() (*zstd.Encoder, *zstd.Decoder, learnt) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.enc, s.dec, s.has
}

// refresh takes what another process learnt.
func (s *squeezer) refresh() error {
	has, err := s.again()
	if err != nil {
		return err
	}
	return s.use(has)
}

func (s *squeezer) squeeze(b []byte) []byte {
	if len(b) < 64 {
		return append([]byte{0}, b...)
	}
	enc, _, _ := s.now()
	out := enc.EncodeAll(b, append(make([]byte, 0, len(b)/2+16), 1))
	if len(out) > len(b) {
		return append(append(out[:0], 0), b...)
	}
	return out
}

// squeezeRaw compresses the source's own bytes beside their body.
func (s *squeezer) squeezeRaw(raw, body []byte) []byte {
	if _, _, has := s.now(); len(has.orders) > 0 && len(raw) == len(body) {
		n := len(has.orders)
		if out, err := has.orders[n-1].write(make([]byte, 0, len(body)), body); err == nil && bytes.Equal(out, raw) {
			return []byte{3, byte(n)}
		}
	}
	told := alike(append(make([]byte, 0, len(raw)/4+16), 2), raw, body)
	if len(told) < len(raw)/6 {
		return told
	}
	if out := s.squeeze(raw); len(out) < len(told) {
		return out
	}
	return told
}

func (s *squeezer) open(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, nil
	}
	switch b[0] {
	case 0:
		return b[1:], nil
	case 1:
		_, dec, _ := s.now()
		out, err := dec.DecodeAll(b[1:], nil)
		if errors.Is(err, zstd.ErrUnknownDictionary) {
			if err = s.refresh(); err == nil {
				_, dec, _ = s.now()
				out, err = dec.DecodeAll(b[1:], nil)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("decompress a body: %w", err)
		}
		return out, nil
	}
	return nil, fmt.Errorf("a stored body begins with %d", b[0])
}

// openRaw gives the source's own bytes back; body is the opened body beside them.
func (s *squeezer) openRaw(b, body []byte) ([]byte, error) {
	switch {
	case len(b) > 0 && b[0] == 2:
		return unlike(b[1:], body)
	case len(b) == 2 && b[0] == 3:
		n := int(b[1])
		_, _, has := s.now()
		if n > len(has.orders) {
			if err := s.refresh(); err != nil {
				return nil, err
			}
			_, _, has = s.now()
		}
		if n == 0 || n > len(has.orders) {
			return nil, fmt.Errorf("the order %d of the source's own bytes is not there", n)
		}
		return has.orders[n-1].write(make([]byte, 0, len(body)), body)
	}
	return s.open(b)
}
