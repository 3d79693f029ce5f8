package record

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The index keeps, for each indexed field, intervals of (value, order, record). Values are text that sorts as the values
// do; order is the record's place in its kind's default list, so that filtering keeps the list sorted.

// Index names beside the declared fields.
const (
	indexAll  = "_all"  // every record of the kind, in default order
	indexWord = "_word" // the words of the label and key of kinds that are states, for search
)

const (
	maxValue = 180 // bytes of an index value; longer ones end in a hash
	maxOrder = 60
	maxLabel = 300
	absent   = "" // the record has no such value
)

// indexValue encodes a JSON scalar so that text order is value order within a type.
func indexValue(f Field, v any) string {
	switch v := v.(type) {
	case nil:
		return absent
	case bool:
		if v {
			return "b1"
		}
		return "b0"
	case json.Number:
		n, err := v.Float64()
		if err != nil {
			return absent
		}
		return indexNumber(n)
	case float64:
		return indexNumber(v)
	case int64:
		return indexNumber(float64(v))
	case time.Time:
		return indexTime(v)
	case string:
		if f.Type == Time {
			if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
				return indexTime(t)
			}
		}
		return "s" + clip(v, maxValue)
	}
	return absent
}

func indexNumber(n float64) string {
	b := math.Float64bits(n)
	if b>>63 == 1 {
		b = ^b
	} else {
		b |= 1 << 63
	}
	return fmt.Sprintf("n%016x", b)
}

func indexTime(t time.Time) string { return fmt.Sprintf("t%016x", uint64(t.UnixMicro())^1<<63) }

// clip bounds s; what is cut off is represented by its hash, so that equal stays equal and different stays different.
func clip(s string, limit int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) <= limit {
		return s
	}
	h := sha256.Sum256([]byte(s))
	cut := limit - 17
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "~" + hex.EncodeToString(h[:8])
}

// fold is what sorting and searching by name compare: lower case, single spaces. Text ends, it is not hashed.
func fold(s string) string {
	s = strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")), " "))
	if len(s) > maxOrder {
		cut := maxOrder
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	return s
}

// order is the record's place in the default list: events by time, states by label.
func (v *draft) order() string {
	if v.kind.Occurred != "" && v.occurred != nil {
		return indexTime(v.occurred.Time())
	}
	return "s" + fold(v.label)
}

type indexRow struct {
	field int64
	value string
	order string
}

// rows are the index rows of a body, sorted and unique.
func (ki *kindInfo) rows(d *draft, body map[string]any) []indexRow {
	order := d.order()
	out := make([]indexRow, 0, len(ki.indexed)+2)
	out = append(out, indexRow{ki.fields[indexAll], absent, order})
	for _, f := range ki.indexed {
		id := ki.fields[f.Name]
		v := body[f.Name]
		list, isList := v.([]any)
		if !isList || len(list) == 0 {
			if isList {
				v = nil
			}
			out = append(out, indexRow{id, indexValue(f, v), order})
			continue
		}
		for _, e := range list {
			out = append(out, indexRow{id, indexValue(f, e), order})
		}
	}
	if ki.Occurred == "" {
		for _, w := range wordsOf(d.label + " " + d.key) {
			out = append(out, indexRow{ki.fields[indexWord], w, order})
		}
	}
	slices.SortFunc(out, func(a, b indexRow) int {
		if a.field != b.field {
			return int(a.field - b.field)
		}
		return strings.Compare(a.value, b.value)
	})
	return slices.Compact(out)
}

// wordsOf splits text into at most 16 searchable words.
func wordsOf(s string) []string {
	all := strings.FieldsFunc(fold2(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	slices.Sort(all)
	all = slices.Compact(all)
	out := all[:0]
	for _, w := range all {
		if len(w) > 1 && len(out) < 16 {
			out = append(out, clip(w, 40))
		}
	}
	return out
}

func fold2(s string) string {
	s = strings.ToLower(strings.ToValidUTF8(s, " "))
	if len(s) > 400 {
		s = s[:400]
	}
	return strings.ToValidUTF8(s, " ")
}
