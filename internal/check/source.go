package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/expr"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// lookups answers find, one, beside and let from the book as of one moment. It asks the book's index a few times, and beyond that
// reads the kind once and keeps its bodies by the field's value.
type lookups struct {
	ctx   context.Context
	m     *Monitor
	q     store.Q
	at    store.Moment // zero: now
	asked map[[2]string]int
	built map[[2]string]*hashed
	read  []int64               // versions that the present judgement looked at
	from  map[lane]store.Moment // where they come from, and when the newest of each began
	of    record.Version        // the record that is judged
	less  []lane                // what comes from these is passed over
	whole bool                  // the index is not asked

	annals *annals      // what stood over a window, when more than one moment is asked for
	next   store.Moment // of them: when the present judgement may turn by what it looked up; zero: never

	failed error           // of the database or what it holds: what was judged by it is no answer at all
	lost   *record.Dropped // how a body went that the present judgement would have to know; nil: it knew all
}

// directLookups is how often the index is asked before the kind is read whole: of few records, that is soon cheaper.
const (
	directLookups = 40
	directOfFew   = 4
	few           = 1000
)

// hashed is the records of a kind or view by a field's value.
type hashed struct {
	rows map[any][]held
	view string           // empty for a kind
	size int              // of the bodies in it
	read map[int64][]byte // bodies that were read when they were hit, by version
	odd  error            // a record cannot be told to belong here: a lookup could miss it, so that the answer is unknown
	lost map[int64]error  // by version, of records found by their key: the body was dropped
}

// held is a record that may be hit.
type held struct {
	body    []byte // nil beyond maxHeld
	version int64
	record  int64
	since   store.Moment
	from    *lane
}

// maxHeld is how many bytes of bodies are kept for one field of what is looked up, and mostRead how many bodies of those beyond.
var maxHeld = 16 << 20

const mostRead = 2000

type row struct {
	body    []byte
	version int64
	since   store.Moment
	kind    string
	source  string
	scope   string
}

// near reports whether a record of a source and scope stands beside the one that is judged: it comes from the same source and,
// where that tells of several machines or other parents, belongs to the same one.
func (l *lookups) near(source, scope string) bool {
	return source == l.of.Source && (scope == l.of.Scope || scope == "" || l.of.Scope == "" && scope == l.of.Key)
}

func (m *Monitor) lookups(ctx context.Context, q store.Q, at store.Moment) *lookups {
	return &lookups{ctx: ctx, m: m, q: q, at: at, asked: map[[2]string]int{}, built: map[[2]string]*hashed{}, from: map[lane]store.Moment{}}
}

// Find implements expr.Source. What is unknown by the records is an error to the expression; what could not be read of them is
// kept beside, for it must end the evaluation and not become an answer.
func (l *lookups) Find(name, field string, value any, beside bool) ([]*expr.Doc, error) {
	docs, odd, err := l.find(name, field, value, beside)
	if gone := (*record.ErrDropped)(nil); errors.As(odd, &gone) {
		l.lost = gone.Version.Dropped
	}
	if err == nil {
		return docs, odd
	}
	if l.failed == nil {
		l.failed = fmt.Errorf("look up %s by %s: %w", name, field, err)
	}
	return nil, err
}

func (l *lookups) find(name, field string, value any, beside bool) (docs []*expr.Doc, odd, err error) {
	if l.annals != nil {
		return l.annals.find(l, name, field, value, beside)
	}
	id := [2]string{name, field}
	if h := l.built[id]; h != nil {
		return l.hit(h, value, beside)
	}
	limit := directLookups
	if l.asked[id]++; !l.whole && l.asked[id] > directOfFew && l.asked[id] <= directLookups {
		isFew, err := l.few(name)
		if err != nil {
			return nil, nil, err
		}
		if isFew {
			limit = directOfFew
		}
	}
	if !l.whole && l.asked[id] <= limit && !l.m.Words.IsView(name) {
		k := l.m.Words.kinds[name]
		text, isText := value.(string)
		if field == expr.Key && isText {
			return l.byKey(k, text, beside)
		}
		if f, ok := k.FieldNamed(field); ok && f.Indexed {
			found, err := l.m.Book.Find(l.ctx, l.q, name, field, value, l.at)
			if err != nil {
				return nil, nil, err
			}
			return l.docs(found, beside, func(d *expr.Doc) bool { return d.Holds(field, value) }) // the index rounds large numbers
		}
	}
	h, err := l.build(name, field)
	if err != nil {
		return nil, nil, err
	}
	l.built[id] = h
	return l.hit(h, value, beside)
}

// few reports whether a kind has few records, past ones among them.
func (l *lookups) few(name string) (bool, error) {
	n, err := store.One[int64](l.ctx, l.q, "SELECT count(*) FROM (SELECT 1 AS one FROM record r JOIN kind k ON k.id = r.kind WHERE k.name = $1 LIMIT $2) AS counted", name, few+1)
	return n <= few, err
}

func (l *lookups) docs(found []record.Version, beside bool, is func(*expr.Doc) bool) (out []*expr.Doc, odd, err error) {
	for _, v := range found {
		if beside && !l.near(v.Source, v.Scope) || slices.Contains(l.less, lane{v.Source, v.Kind, "", v.Scope}) {
			continue
		}
		if v.Dropped != nil {
			return nil, &record.ErrDropped{Version: v}, nil
		}
		d, err := expr.Parse(v.Full())
		if err != nil {
			return nil, nil, err
		}
		if is == nil || is(d) {
			l.saw(lane{v.Source, v.Kind, "", v.Scope}, v.ID, v.From)
			out = append(out, d)
		}
	}
	return out, nil, nil
}

// byKey finds the records of all sources that know the key.
func (l *lookups) byKey(k *record.Kind, key string, beside bool) (out []*expr.Doc, odd, err error) {
	cond, args := "v.valid_to = $3", []any{k.Name, key, store.Forever}
	if l.at != 0 {
		cond, args[2] = "v.valid_from <= $3 AND v.valid_to > $3", l.at
	}
	ids, err := store.All[int64](l.ctx, l.q, `SELECT v.record FROM record r JOIN kind k ON k.id = r.kind JOIN version v ON v.record = r.id
		WHERE k.name = $1 AND r.key = $2 AND `+cond+" ORDER BY v.record", args...)
	if err != nil {
		return nil, nil, err
	}
	var found []record.Version
	for _, id := range ids {
		v, err := l.m.Book.ByRecord(l.ctx, l.q, id, l.at)
		if err != nil {
			return nil, nil, err
		}
		if !v.Erased {
			found = append(found, v)
		}
	}
	return l.docs(found, beside, nil)
}

func (l *lookups) hit(h *hashed, value any, beside bool) (out []*expr.Doc, odd, err error) {
	if h.odd != nil {
		return nil, h.odd, nil
	}
	for _, r := range h.rows[hashKey(value)] {
		if beside && !l.near(r.from.connection, r.from.scope) || slices.Contains(l.less, *r.from) {
			continue
		}
		if gone := h.lost[r.version]; gone != nil {
			return nil, gone, nil
		}
		body, err := l.body(h, r)
		if err != nil {
			return nil, nil, err
		}
		d, err := expr.Parse(body)
		if err != nil {
			return nil, nil, err
		}
		l.saw(*r.from, r.version, r.since)
		out = append(out, d)
	}
	return out, nil, nil
}

// body is that of a record that was hit; of a kind with very many it is read now.
func (l *lookups) body(h *hashed, r held) ([]byte, error) {
	if r.body != nil {
		return r.body, nil
	}
	if body := h.read[r.version]; body != nil {
		return body, nil
	}
	v, err := l.m.Book.ByRecord(l.ctx, l.q, r.record, l.at)
	if err != nil {
		return nil, err
	}
	body := []byte(v.Full())
	if h.view != "" {
		var doc expr.Doc
		if err := doc.Parse(body); err != nil {
			return nil, err
		}
		var odd error
		if body, odd, err = l.m.Words.belongs(h.view, v.Kind, v, &doc); err != nil || body == nil {
			return nil, fmt.Errorf("read %s %s again as %s: %w", v.Kind, v.Key, h.view, errors.Join(err, odd))
		}
	}
	if len(h.read) >= mostRead {
		clear(h.read)
	}
	h.read[r.version] = body
	return body, nil
}

// hashKey makes numbers equal by value.
func hashKey(v any) any {
	if f, ok := v.(float64); ok && f > -(1<<53) && f < 1<<53 && f == float64(int64(f)) {
		return int64(f)
	}
	return v
}

func (l *lookups) build(name, field string) (*hashed, error) {
	h := &hashed{rows: map[any][]held{}, read: map[int64][]byte{}}
	view := l.m.Words.IsView(name)
	if view {
		h.view = name
	}
	from := map[lane]*lane{}
	var doc expr.Doc
	for _, k := range l.m.Words.Kinds(name) {
		err := l.m.Book.EachAt(l.ctx, l.q, k.Name, l.at, func(v record.Version) error {
			if v.Erased {
				return nil
			}
			if v.Dropped != nil && (view || field != expr.Key) { // it may be any that is looked for
				if h.odd == nil {
					h.odd = &record.ErrDropped{Version: v}
				}
				return nil
			}
			if v.Dropped != nil {
				if h.lost == nil {
					h.lost = map[int64]error{}
				}
				h.lost[v.ID] = &record.ErrDropped{Version: v}
			}
			body := []byte(v.Full())
			if err := doc.Parse(body); err != nil {
				return fmt.Errorf("%s %s: %w", v.Kind, v.Key, err)
			}
			if view {
				seen, odd, err := l.m.Words.belongs(name, k.Name, v, &doc)
				if h.odd == nil {
					h.odd = odd
				}
				if seen == nil || err != nil {
					return err
				}
				if body = seen; field != expr.Key {
					if err := doc.Parse(body); err != nil {
						return err
					}
				}
			}
			at := lane{v.Source, v.Kind, "", v.Scope}
			if from[at] == nil {
				from[at] = &at
			}
			x := held{nil, v.ID, v.Record, v.From, from[at]}
			if h.size < maxHeld || v.Volatile != nil { // what is kept outside the history is not read one by one
				x.body, h.size = body, h.size+len(body)
			}
			if field == expr.Key {
				h.rows[v.Key] = append(h.rows[v.Key], x)
				return nil
			}
			for _, value := range doc.Scalars(field) {
				key := hashKey(value)
				if list := h.rows[key]; len(list) > 0 && list[len(list)-1].version == v.ID {
					continue
				}
				h.rows[key] = append(h.rows[key], x)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read every %s: %w", k.Name, err)
		}
	}
	return h, nil
}

// belongs gives a record in the fields of a view, nil when it does not belong to it, or, as odd, why that cannot be told.
func (w *Vocabulary) belongs(view, kind string, v record.Version, doc *expr.Doc) (seen []byte, odd, err error) {
	seen, in, err := w.see(view, kind, doc)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the %s %s cannot be read as %s: %w", v.Kind, v.Label, view, err), nil
	case in.Answer == expr.Unknown:
		return nil, fmt.Errorf("the %s %s cannot be told to be a %s or not: %s", v.Kind, v.Label, view, lowerFirst(strings.TrimSuffix(in.Reason, "."))), nil
	case in.Answer != expr.True:
		return nil, nil, nil
	}
	return seen, nil, nil
}

// saw notes that the present judgement looked at a version.
func (l *lookups) saw(from lane, version int64, since store.Moment) {
	l.read = append(l.read, version)
	l.from[from] = max(l.from[from], since)
}

// begin makes ready for a judgement.
func (l *lookups) begin(v record.Version, less ...lane) {
	l.of, l.less, l.read, l.lost = v, less, l.read[:0], nil
	if less == nil { // what is passed over may turn the answer all the same
		l.next = 0
	}
	clear(l.from)
}

// versions gives what the last judgement looked at, sorted.
func (l *lookups) versions() []int64 {
	out := slices.Clone(l.read)
	slices.Sort(out)
	return slices.Compact(out)
}

// basis is what stands beside an answer that looked other records up.
type basis struct {
	Joins    []basisJoin `json:"joins,omitempty"`
	Versions []int64     `json:"versions,omitempty"` // of the records looked up, at most maxBasis
	More     int         `json:"more,omitempty"`     // how many versions beyond those
	Ended    string      `json:"ended,omitempty"`    // status ended: gone or not_applicable
	Waits    bool        `json:"waits,omitempty"`    // unknown until what was looked up is read again
	Corrects int64       `json:"corrects,omitempty"` // the result that this one replaces
	Altered  bool        `json:"altered,omitempty"`  // because the ledger does not back it
}

type basisJoin struct {
	Name   string `json:"name"`
	Needed bool   `json:"needed,omitempty"`
}

const maxBasis = 50

func (b basis) text() string {
	if len(b.Joins) == 0 && len(b.Versions) == 0 && b.Ended == "" && !b.Waits && b.Corrects == 0 && !b.Altered {
		return ""
	}
	j, _ := json.Marshal(b)
	return string(j)
}

func parseBasis(s string) (b basis) {
	if s != "" {
		json.Unmarshal([]byte(s), &b)
	}
	return b
}

// joinsOf is the names a result looked up, each once, needed when any lookup was.
func joinsOf(r Result) []basisJoin {
	var out []basisJoin
	for _, j := range r.Joins {
		i := slices.IndexFunc(out, func(b basisJoin) bool { return b.Name == j.Name })
		if i < 0 {
			out = append(out, basisJoin{j.Name, j.Needed})
		} else {
			out[i].Needed = out[i].Needed || j.Needed
		}
	}
	slices.SortFunc(out, func(a, b basisJoin) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}
