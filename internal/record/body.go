package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"

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
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	m := map[string]any{}
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("decode a body: %w", err)
	}
	return m, nil
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

// squeezer compresses the bodies of one kind with a dictionary made from the kind's declared names, which holds no
// personal data. A stored body begins with one byte: 0 plain, 1 zstd with the dictionary.
type squeezer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
	mu  sync.Mutex
}

func newSqueezer(dict []byte) (*squeezer, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderDictRaw(1, dict), zstd.WithEncoderCRC(false), zstd.WithWindowSize(64<<10))
	if err != nil {
		return nil, fmt.Errorf("prepare compression: %w", err)
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderDictRaw(1, dict), zstd.WithDecoderMaxMemory(4*MaxBody))
	if err != nil {
		return nil, fmt.Errorf("prepare decompression: %w", err)
	}
	return &squeezer{enc: e, dec: d}, nil
}

func (s *squeezer) squeeze(b []byte) []byte {
	if len(b) < 64 {
		return append([]byte{0}, b...)
	}
	s.mu.Lock()
	out := s.enc.EncodeAll(b, append(make([]byte, 0, len(b)/2+16), 1))
	s.mu.Unlock()
	if len(out) > len(b) {
		return append(append(out[:0], 0), b...)
	}
	return out
}

func (s *squeezer) open(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, nil
	}
	switch b[0] {
	case 0:
		return b[1:], nil
	case 1:
		out, err := s.dec.DecodeAll(b[1:], nil)
		if err != nil {
			return nil, fmt.Errorf("decompress a body: %w", err)
		}
		return out, nil
	}
	return nil, fmt.Errorf("a stored body begins with %d", b[0])
}

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
