package record

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

// A rule of retention may drop the body of a version that ended long ago, and nothing else of it: interval, label, origin, hash,
// salt and entry stay, and the index by which it is found. In the place of the bytes stand their salted hashes, of which the
// version's commitment is made, so that its proof goes on verifying and a copy kept elsewhere can still be proved.

// droppedBody begins what stands where a body or the source's own bytes were: the salted hash and, with the body, the number of
// the ledger entry by which they went.
const droppedBody = 4

// DropVerb is the verb of the action by which bodies were dropped.
const DropVerb = "record.dropped"

// Dropping is what the ledger says of bodies that were dropped together.
type Dropping struct {
	Kind     string  `json:"kind"`
	Rule     string  `json:"rule"`       // key of the rule's record
	Says     int64   `json:"rule_entry"` // ledger entry of the version of the rule
	Days     int     `json:"days"`       // after the end of a version
	Versions int     `json:"versions"`
	Bytes    int64   `json:"bytes"`
	Entries  []int64 `json:"entries"` // of the versions, rising

	Answers [][2]int64 `json:"answers"` // whose bytes went with them: run and number, rising
}

// Dropped is how the body of a version went.
type Dropped struct {
	Entry int64        // of the action in the ledger
	At    store.Moment // when
	Rule  string       // the rule's key
	Days  int
}

// String is why nothing is known of the body, as a sentence.
func (d *Dropped) String() string {
	return fmt.Sprintf("What it said then is no longer kept: it was dropped on %s by the retention rule for %s (%d days).", d.At.Time().UTC().Format("2 January 2006"), d.Rule, d.Days)
}

// ErrDropped is about a version whose body was dropped.
type ErrDropped struct {
	Version Version
}

func (e *ErrDropped) Error() string {
	return fmt.Sprintf("of the %s %s of then nothing can be told: %s", e.Version.Kind, e.Version.Label, lowered(e.Version.Dropped.String()))
}

func lowered(s string) string { return string(bytes.ToLower([]byte(s[:1]))) + s[1:len(s)-1] }

// isDropped reads what stands in the place of a body; nil when the body is there.
func isDropped(body, raw []byte, salt []byte) (*merkle.Dropped, error) {
	if len(body) == 0 || body[0] != droppedBody {
		return nil, nil
	}
	by, n := int64(0), 0
	if len(body) > 33 {
		x, k := binary.Uvarint(body[33:])
		by, n = int64(x), k
	}
	if n <= 0 || len(body) != 33+n {
		return nil, fmt.Errorf("what stands for a dropped body has %d bytes", len(body))
	}
	d := &merkle.Dropped{Body: body[1:33], By: by}
	switch {
	case len(raw) == 33 && raw[0] == droppedBody:
		d.Raw = raw[1:]
	case raw == nil:
		none := merkle.Hide(salt, "raw", nil)
		d.Raw = none[:]
	default:
		return nil, fmt.Errorf("the body was dropped and the source's own bytes were not")
	}
	return d, nil
}

// droppedBy is the action that dropped bodies, read once.
func (b *Book) droppedBy(entry int64) (*Dropped, error) {
	b.mu.RLock()
	d := b.drops[entry]
	b.mu.RUnlock()
	if d != nil {
		return d, nil
	}
	a, err := store.One[ledger.Action](context.Background(), b.DB, "SELECT entry, at, verb, actor, subject, detail, salt FROM action WHERE entry = $1", entry)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("read how a body was dropped: %w", err)
	}
	var said Dropping
	if a.Verb != DropVerb || json.Unmarshal(a.Detail, &said) != nil {
		return nil, fmt.Errorf("ledger entry %d is said to have dropped a body, and did not", entry)
	}
	d = &Dropped{Entry: entry, At: a.At, Rule: said.Rule, Days: said.Days}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drops == nil || len(b.drops) > 10_000 {
		b.drops = map[int64]*Dropped{}
	}
	b.drops[entry] = d
	return d, nil
}

// Ended is a version that ended and whose body is there.
type Ended struct {
	ID     int64        `db:"id"`
	Record int64        `db:"record"`
	Key    string       `db:"key"`
	Source string       `db:"source"`
	Scope  string       `db:"scope"`
	Label  string       `db:"label"`
	From   store.Moment `db:"valid_from"`
	To     store.Moment `db:"valid_to"`
	Entry  int64        `db:"entry"`
	Bytes  int64        `db:"bytes"` // as they are packed, with the source's own
}

// EndedBy returns versions of a kind with a number above after that ended at or before a moment, the lowest number first.
func (b *Book) EndedBy(ctx context.Context, q store.Q, kind string, before store.Moment, after int64, limit int) ([]Ended, error) {
	ki, err := b.kind(kind)
	if err != nil {
		return nil, err
	}
	list, err := store.All[Ended](ctx, q, `SELECT v.id, v.record, r.key, r.source, v.scope, v.label, v.valid_from, v.valid_to, v.entry, length(v.body) + coalesce(length(v.raw), 0) AS bytes
		FROM version v JOIN record r ON r.id = v.record
		WHERE v.kind = $1 AND v.id > $2 AND v.valid_to <= $3 AND v.salt IS NOT NULL AND substr(v.body, 1, 1) <> $4 ORDER BY v.id LIMIT $5`, ki.id, after, before, []byte{droppedBody}, limit)
	if err != nil {
		return nil, fmt.Errorf("find %s that ended: %w", ki.Plural, err)
	}
	return list, nil
}

// Drop drops the bodies of versions that ended, all of one kind that is collected, and writes down by which rule; from is the
// rule, of which Kind, Rule, Says and Days count. A version that holds, that ended less than the rule's days ago, whose record is
// under a legal hold, or whose bytes are not those that the ledger committed to, refuses all of it. What went is returned.
func (b *Book) Drop(ctx context.Context, tx *ledger.Tx, actor string, from Dropping, versions []Ended) (Dropping, error) {
	ki, err := b.kind(from.Kind)
	if err != nil {
		return from, err
	}
	if !ki.Collected {
		return from, fault.New(fault.Denied, "%s are written by people and are kept.", ki.Plural)
	}
	oldest := tx.Now - store.Moment(time.Duration(from.Days)*24*time.Hour/time.Microsecond)
	from.Versions, from.Bytes, from.Entries = 0, 0, nil
	left := map[int64]Sealed{}
	for rest := versions; len(rest) > 0; {
		n := min(len(rest), 200)
		args := []any{ki.id}
		for _, v := range rest[:n] {
			args = append(args, v.ID)
		}
		list, err := b.committed(ctx, tx, "v.kind = $1 AND v.id IN ("+store.Marks(2, n)+") ORDER BY v.entry", args...)
		if err != nil {
			return from, err
		}
		leaves, err := b.leavesOf(ctx, tx, list)
		if err != nil {
			return from, err
		}
		for _, s := range list {
			switch leaf, ok := leaves[s.Entry]; {
			case s.Salt == nil || s.Dropped != nil: // meanwhile
				continue
			case s.To > oldest:
				return from, fault.New(fault.Denied, "%s %s holds, or ended less than %d days ago: its body is kept.", ki.Title, s.Key, from.Days)
			case !ok || leaf.Type != merkle.LeafVersion || leaf.Commitment != Commitment(s.Committed):
				return from, broken("%s %s from %s: its content is not what ledger entry %d committed to, and is kept as it is.", s.Kind, s.Key, store.Moment(s.From), s.Entry)
			}
			if reason, err := b.held(ctx, tx, from.Kind, s.Key); err != nil {
				return from, err
			} else if reason != "" {
				return from, fault.New(fault.Denied, "%s %s is under a legal hold (%s): its body is kept.", ki.Title, s.Key, reason)
			}
			left[s.ID] = s
			from.Entries = append(from.Entries, s.Entry)
		}
		rest = rest[n:]
	}
	if len(from.Entries) == 0 {
		return from, nil
	}
	for _, v := range versions {
		if _, ok := left[v.ID]; ok {
			from.Versions++
			from.Bytes += v.Bytes
		}
	}
	spent, err := b.answersSpent(ctx, tx, slices.Collect(maps.Keys(left)))
	if err != nil {
		return from, err
	}
	from.Answers = named(spent)
	by, err := b.destroyed(ctx, tx, DropVerb, actor, from.Kind, from.Entries, &from)
	if err != nil {
		return from, err
	}
	for id, s := range left {
		hidden := s.Hidden()
		var raw any
		if len(s.Raw) > 0 {
			raw = append([]byte{droppedBody}, hidden.Raw[:]...)
		}
		body := binary.AppendUvarint(append([]byte{droppedBody}, hidden.Body[:]...), uint64(by))
		if _, err := tx.Exec(ctx, "UPDATE version SET body = $1, raw = $2 WHERE id = $3", body, raw, id); err != nil {
			return from, fmt.Errorf("drop the body of version %d: %w", id, err)
		}
	}
	return from, b.destroyAnswers(ctx, tx, spent, by)
}

// DropCount is how many versions of a kind have no body any more by a rule, and of how many bytes.
type DropCount struct {
	Versions, Bytes int64
	Last            store.Moment
}

// DroppedSoFar are the droppings of all time by kind.
func (b *Book) DroppedSoFar(ctx context.Context, q store.Q) (map[string]DropCount, error) {
	out := map[string]DropCount{}
	err := store.Each(ctx, q, func(a ledger.Action) error {
		var d Dropping
		if err := json.Unmarshal(a.Detail, &d); err != nil {
			return fmt.Errorf("read the dropping in entry %d: %w", a.Entry, err)
		}
		c := out[d.Kind]
		out[d.Kind] = DropCount{c.Versions + int64(d.Versions), c.Bytes + d.Bytes, max(c.Last, a.At)}
		return nil
	}, "SELECT entry, at, verb, actor, subject, detail, salt FROM action WHERE verb = $1", DropVerb)
	return out, err
}

// Whole refuses a page of a list of which nobody can tell what belongs to it, for a file that must be complete.
func (p Page) Whole() error {
	if p.Untold == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "Of %d records of then the body was dropped by a rule of retention, and nobody can tell whether they fit the filter.", p.Untold).
		WithNext("Leave the filter out, or filter by fields that are indexed.")
}

// Row is the body as a file of a list has it: where it was dropped, that is said in its place.
func (v Version) Row() json.RawMessage {
	if v.Dropped == nil {
		return v.Body
	}
	b, _ := json.Marshal(map[string]string{"body_dropped": v.Dropped.String()}) // a text always is JSON
	return b
}
