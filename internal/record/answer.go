package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// A version names the answers of its source that it was made of, and those are kept, byte for byte. What is asked in every run (a
// page of a list, the details of an object) is one *question*; each of its kept answers but the first is told by the one before, so
// that an answer in which one object of a hundred changed takes some bytes. A question knows the records that its answers ever
// held, so that an erasure finds them.

const (
	answerShift = 24  // an answer's number is its run's, so many bits higher, and its own in the run
	maxLinks    = 128 // answers that are told one by the other, before one is kept whole again
	maxKept     = 16 << 20

	// MostAnswers is above the number that the last answer of a run can have to be kept.
	MostAnswers = 1 << answerShift
)

// Answer is an answer of a source, about to be kept.
type Answer struct {
	Run, N int64
	Source string
	Kind   string   // by whose dictionary it is packed
	Place  string   // what its question is called in every run
	Body   []byte   // the bytes that are kept; nil: none are
	Why    string   // then why
	Edited []string // where, as JSON pointers, a digest stands in the place of a secret

	question int64 // once it is written
}

func (a *Answer) id() int64 { return a.Run<<answerShift | a.N }

// Said are the answers that are kept with some observations.
type Said struct {
	New   []*Answer           // to be written
	Holds map[*Answer][]int64 // numbers of records that answers hold besides those that are written now; the answers are written, or New
}

// numbersOf are the numbers of answers in their run, packed: the first, and then by how much each is higher.
func numbersOf(from []*Answer) any {
	var ns []int64
	for _, a := range from {
		ns = append(ns, a.N)
	}
	slices.Sort(ns)
	return rising(slices.Compact(ns))
}

// rising packs numbers that rise; nil when there are none.
func rising(ns []int64) any {
	if len(ns) == 0 {
		return nil
	}
	var b []byte
	last := int64(0)
	for _, n := range ns {
		b, last = binary.AppendUvarint(b, uint64(n-last)), n
	}
	return b
}

// risen unpacks what rising packed.
func risen(b []byte) ([]int64, error) {
	var out []int64
	for last := int64(0); len(b) > 0; {
		d, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errors.New("a list of numbers ends in the middle")
		}
		last += int64(d)
		out, b = append(out, last), b[n:]
	}
	return out, nil
}

type questionRow struct {
	ID     int64  `db:"id"`
	Newest int64  `db:"newest"`
	Links  int64  `db:"links"`
	Holds  []byte `db:"holds"`
}

// keepAnswers writes answers, after the versions that they brought, and notes what they hold.
func (b *Book) keepAnswers(ctx context.Context, tx *ledger.Tx, drafts []*draft, said Said) error {
	for _, a := range said.New {
		if err := b.keepAnswer(ctx, tx, a); err != nil {
			return fmt.Errorf("keep what was answered: %w", err)
		}
	}
	live, holds := map[int64]int64{}, map[int64][]int64{}
	for _, d := range drafts {
		for _, a := range d.from {
			live[a.id()]++
			if a.question != 0 {
				holds[a.question] = append(holds[a.question], d.record)
			}
		}
	}
	for a, records := range said.Holds {
		if a.question != 0 {
			holds[a.question] = append(holds[a.question], records...)
		}
	}
	for id, n := range live {
		if _, err := tx.Exec(ctx, "UPDATE answer SET live = live + $1 WHERE id = $2", n, id); err != nil {
			return fmt.Errorf("count what an answer brought: %w", err)
		}
	}
	for id, more := range holds {
		if err := b.hold(ctx, tx, id, more); err != nil {
			return fmt.Errorf("note what an answer holds: %w", err)
		}
	}
	return nil
}

// hold notes that answers of a question hold records.
func (b *Book) hold(ctx context.Context, tx *ledger.Tx, question int64, more []int64) error {
	had, err := store.One[[]byte](ctx, tx, "SELECT holds FROM question WHERE id = $1", question)
	if err != nil {
		return err
	}
	all, err := risen(had)
	if err != nil {
		return err
	}
	all = append(all, more...)
	slices.Sort(all)
	has, _ := rising(slices.Compact(all)).([]byte)
	if bytes.Equal(had, has) {
		return nil
	}
	_, err = tx.Exec(ctx, "UPDATE question SET holds = $1 WHERE id = $2", has, question)
	return err
}

func (b *Book) keepAnswer(ctx context.Context, tx *ledger.Tx, a *Answer) error {
	ki, err := b.kind(a.Kind)
	if err != nil {
		return err
	}
	if len(a.Body) > maxKept {
		a.Body, a.Why, a.Edited = nil, fmt.Sprintf("It has more than %d MB.", maxKept>>20), nil
	}
	if a.Body == nil {
		return store.Insert(ctx, tx, "answer", answerColumns, [][]any{{a.id(), 0, ki.id, 0, 0, 0, 1, 0, a.Why, "", nil, nil}})
	}
	place := xxh3.HashString128(a.Kind + "\x00" + a.Place).Bytes()
	q, err := store.One[questionRow](ctx, tx, "SELECT id, newest, links, holds FROM question WHERE source = $1 AND place = $2", a.Source, place[:])
	switch {
	case errors.Is(err, store.ErrNotFound):
		if q.ID, err = store.One[int64](ctx, tx, "SELECT coalesce(max(id), 0) + 1 FROM question"); err != nil {
			return err
		}
		if err := store.Insert(ctx, tx, "question", []string{"id", "source", "place", "newest", "links", "holds"}, [][]any{{q.ID, a.Source, place[:], 0, 0, []byte{}}}); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	var before []byte
	if q.Newest != 0 && q.Links < maxLinks {
		if before, err = b.unpackAnswer(ctx, tx, q.Newest); err != nil {
			return err
		}
	}
	body, told := ki.pack(a.Body, before)
	link := int64(0)
	if told {
		link = q.Links + 1
	}
	var edited string
	var kept []byte
	if len(a.Edited) > 0 {
		at, err := json.Marshal(a.Edited)
		if err != nil {
			return err
		}
		h := sha256.Sum256(a.Body)
		edited, kept = string(at), h[:]
	}
	err = store.Insert(ctx, tx, "answer", answerColumns, [][]any{{a.id(), q.ID, ki.id, q.Newest, link, 0, 0, 0, "", edited, kept, body}})
	if err != nil {
		return err
	}
	a.question = q.ID
	_, err = tx.Exec(ctx, "UPDATE question SET newest = $1, links = $2 WHERE id = $3", a.id(), link, q.ID)
	return err
}

var answerColumns = []string{"id", "question", "kind", "before", "link", "live", "whole", "gone", "why", "edited", "kept", "body"}

// pack is an answer as it is stored: told by the one before where that spares enough, or whole.
func (ki *kindInfo) pack(body, before []byte) (packed []byte, told bool) {
	if before != nil {
		packed = ki.squeeze.squeeze(alike(nil, body, before))
		if len(packed) <= len(body)/64 {
			return packed, true
		}
	}
	whole := ki.squeeze.squeeze(body)
	if before != nil && len(packed) < len(whole)*3/4 {
		return packed, true
	}
	return whole, false
}

// unpackAnswer gives the kept bytes of an answer back.
func (b *Book) unpackAnswer(ctx context.Context, q store.Q, id int64) ([]byte, error) {
	type row struct {
		Kind int64  `db:"kind"`
		Link int64  `db:"link"`
		Body []byte `db:"body"`
	}
	chain, err := store.All[row](ctx, q, `WITH RECURSIVE chain (id, before, kind, link, body) AS (
			SELECT id, before, kind, link, body FROM answer WHERE id = $1
			UNION ALL SELECT a.id, a.before, a.kind, a.link, a.body FROM answer a JOIN chain c ON a.id = c.before WHERE c.link > 0)
		SELECT kind, link, body FROM chain ORDER BY id DESC`, id)
	if err != nil {
		return nil, fmt.Errorf("read an answer: %w", err)
	}
	if len(chain) == 0 || chain[len(chain)-1].Link != 0 {
		return nil, fmt.Errorf("the answer %d of run %d does not begin with a whole one", id&(1<<answerShift-1), id>>answerShift)
	}
	var body []byte
	for i := len(chain) - 1; i >= 0; i-- {
		ki := b.byNumber[chain[i].Kind]
		if ki == nil || chain[i].Body == nil {
			return nil, fmt.Errorf("an answer before answer %d of run %d is not there", id&(1<<answerShift-1), id>>answerShift)
		}
		told, err := ki.squeeze.open(chain[i].Body)
		if err != nil {
			return nil, err
		}
		if chain[i].Link == 0 {
			body = told
		} else if body, err = unlike(told, body); err != nil {
			return nil, fmt.Errorf("answer %d of run %d: %w", id&(1<<answerShift-1), id>>answerShift, err)
		}
	}
	return body, nil
}

// AnswersEnd says that a run handed over all that its answers hold, in its last transaction. It returns what Traced does; above is the
// number of the version by which the run's record began.
func (b *Book) AnswersEnd(ctx context.Context, tx *ledger.Tx, run, above int64) (kept int64, traced string, err error) {
	if _, err := tx.Exec(ctx, "UPDATE answer SET whole = 1 WHERE whole = 0 AND id BETWEEN $1 AND $2", run<<answerShift, (run+1)<<answerShift-1); err != nil {
		return 0, "", fmt.Errorf("end the answers of a run: %w", err)
	}
	return b.Traced(ctx, tx, run, above, int64(store.Forever))
}

// Source is an answer of a source that a version was made of.
type Source struct {
	Run     int64        `json:"run"`
	N       int64        `json:"n"`
	Request string       `json:"request"`
	Status  string       `json:"status"`
	At      store.Moment `json:"at"`
	Bytes   int64        `json:"bytes"`            // of the unedited answer
	SHA256  []byte       `json:"-"`                // of it
	Edited  []string     `json:"edited,omitempty"` // where a digest stands in the place of a secret
	Kept    []byte       `json:"-"`                // SHA-256 of the kept bytes, when it was edited
	Gone    string       `json:"gone,omitempty"`   // why its bytes are not there: a sentence

	id int64
}

// SourcesOf are the answers that a version was made of; none where its connector does not tell.
func (b *Book) SourcesOf(ctx context.Context, q store.Q, version int64) ([]Source, error) {
	type link struct {
		Run     int64  `db:"run"`
		Answers []byte `db:"answers"`
	}
	l, err := store.One[link](ctx, q, "SELECT run, answers FROM version WHERE id = $1", version)
	if err != nil {
		return nil, fmt.Errorf("read of what version %d was made: %w", version, err)
	}
	ns, err := risen(l.Answers)
	if err != nil {
		return nil, fmt.Errorf("read of what version %d was made: %w", version, err)
	}
	var out []Source
	for _, n := range ns {
		s, err := b.Source(ctx, q, l.Run, n)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Source is one answer of a run.
func (b *Book) Source(ctx context.Context, q store.Q, run, n int64) (Source, error) {
	type row struct {
		Request string       `db:"request"`
		Status  string       `db:"status"`
		Bytes   int64        `db:"bytes"`
		SHA     []byte       `db:"sha256"`
		At      store.Moment `db:"at"`
		Has     int64        `db:"has"`
		Gone    int64        `db:"gone"`
		Why     string       `db:"why"`
		Edited  string       `db:"edited"`
		Kept    []byte       `db:"kept"`
	}
	id := run<<answerShift | n
	r, err := store.One[row](ctx, q, `SELECT e.request, e.status, e.bytes, e.sha256, e.at, CASE WHEN a.body IS NULL THEN 0 ELSE 1 END AS has,
		coalesce(a.gone, 0) AS gone, coalesce(a.why, '') AS why, coalesce(a.edited, '') AS edited, a.kept
		FROM exchange e LEFT JOIN answer a ON a.id = $1 WHERE e.run = $2 AND e.n = $3`, id, run, n)
	if errors.Is(err, store.ErrNotFound) || n <= 0 || n >= 1<<answerShift {
		return Source{}, fault.New(fault.NotFound, "Run %d has no answer %d on record.", run, n)
	}
	if err != nil {
		return Source{}, fmt.Errorf("read answer %d of run %d: %w", n, run, err)
	}
	s := Source{Run: run, N: n, Request: r.Request, Status: r.Status, At: r.At, Bytes: r.Bytes, SHA256: r.SHA, Kept: r.Kept, Gone: r.Why, id: id}
	if r.Edited != "" {
		if err := json.Unmarshal([]byte(r.Edited), &s.Edited); err != nil {
			return s, fmt.Errorf("read answer %d of run %d: %w", n, run, err)
		}
	}
	switch {
	case r.Gone != 0:
		s.Gone, err = b.goneBy(ctx, q, r.Gone)
	case r.Has == 0 && s.Gone == "":
		s.Gone = "It brought nothing new, so that only its hash is kept."
	}
	return s, err
}

// goneBy is why the bytes of an answer went.
func (b *Book) goneBy(ctx context.Context, q store.Q, entry int64) (string, error) {
	a, err := store.One[ledger.Action](ctx, q, "SELECT entry, at, verb, actor, subject, detail, salt FROM action WHERE entry = $1", entry)
	if err != nil {
		return "", fmt.Errorf("read how an answer went: %w", err)
	}
	day := a.At.Time().UTC().Format("2 January 2006")
	if a.Verb == DropVerb {
		var d Dropping
		if err := json.Unmarshal(a.Detail, &d); err != nil {
			return "", fmt.Errorf("read how an answer went: %w", err)
		}
		return fmt.Sprintf("Its bytes are no longer kept: everything that it brought was dropped by %s by the retention rule for %s (%d days).", day, d.Rule, d.Days), nil
	}
	return fmt.Sprintf("Its bytes were destroyed on %s: they held a record that was erased.", day), nil
}

// OpenSource gives the kept bytes of an answer. Bytes that are not those of the hash on record are an error.
func (b *Book) OpenSource(ctx context.Context, q store.Q, s Source) ([]byte, error) {
	if s.Gone != "" {
		return nil, fault.New(fault.NotFound, "The bytes of answer %d of run %d are not there. %s", s.N, s.Run, s.Gone)
	}
	body, err := b.unpackAnswer(ctx, q, s.id)
	if err != nil {
		return nil, fault.New(fault.Invalid, "Answer %d of run %d cannot be read back: %w.", s.N, s.Run, err).WithNext("Restore from a backup.")
	}
	want := s.SHA256
	if s.Kept != nil {
		want = s.Kept
	}
	if h := sha256.Sum256(body); !bytes.Equal(h[:], want) {
		return nil, broken("answer %d of run %d is not what was received: its SHA-256 is %x, and %x stands on record.", s.N, s.Run, h, want)
	}
	return body, nil
}
