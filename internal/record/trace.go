package record

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

// When a run ends, its record gets a digest over its answers and over which version was made of which of them. So the ledger commits to
// both, and whoever has the answers can tell that none was changed, swapped or taken away.

// Kept is an answer of which something was made, without its bytes.
type Kept struct {
	Run int64
	merkle.Answer
	Kind   string   // by whose dictionary it is packed: that of the first thing that was made of it
	Holds  string   // what its question is known to hold, packed; "" for an answer that was not kept
	Bytes  int64    // of the unedited answer
	Edited []string // where a digest stands in the place of a secret
	Gone   int64    // the ledger entry by which its bytes were destroyed; 0: by none
	There  bool     // its bytes are
	Whole  bool     // everything that it held was noted
}

// Hash is the SHA-256 of the bytes that are kept.
func (k Kept) Hash() [32]byte {
	if k.Kept != [32]byte{} {
		return k.Kept
	}
	return k.SHA256
}

// HoldsOnly reports whether everything that answers to its question ever held is among some records, as far as that was noted.
func (k Kept) HoldsOnly(records map[int64]bool) (bool, error) {
	holds, err := risen([]byte(k.Holds))
	if err != nil {
		return false, fmt.Errorf("read what answer %d of run %d holds: %w", k.N, k.Run, err)
	}
	return k.Whole && !slices.ContainsFunc(holds, func(r int64) bool { return !records[r] }), nil
}

type answeredRow struct {
	ID      int64        `db:"id"`
	Kind    int64        `db:"kind"`
	SHA     []byte       `db:"sha256"`
	Kept    []byte       `db:"kept"`
	Request string       `db:"request"`
	Status  string       `db:"status"`
	At      store.Moment `db:"at"`
	Bytes   int64        `db:"bytes"`
	Why     string       `db:"why"`
	Edited  string       `db:"edited"`
	Gone    int64        `db:"gone"`
	Has     int64        `db:"has"`
	Whole   int64        `db:"whole"`
	Holds   []byte       `db:"holds"`
}

const answeredSelect = `SELECT a.id, a.kind, e.sha256, a.kept, coalesce(e.request, '') AS request, coalesce(e.status, '') AS status, coalesce(e.at, 0) AS at, coalesce(e.bytes, 0) AS bytes,
	a.why, a.edited, a.gone, CASE WHEN a.body IS NULL THEN 0 ELSE 1 END AS has, a.whole, q.holds
	FROM answer a LEFT JOIN exchange e ON e.run = a.id / 16777216 AND e.n = a.id % 16777216 LEFT JOIN question q ON q.id = a.question `

func (b *Book) keptOf(r answeredRow) (Kept, error) {
	k := Kept{Run: r.ID >> answerShift, Bytes: r.Bytes, Gone: r.Gone, There: r.Has == 1, Whole: r.Whole == 1, Holds: string(r.Holds)}
	k.Answer = merkle.Answer{N: r.ID & (1<<answerShift - 1), Request: r.Request, Status: r.Status, At: int64(r.At), Unkept: r.Why}
	if ki := b.byNumber[r.Kind]; ki != nil {
		k.Kind = ki.Name
	}
	if copy(k.SHA256[:], r.SHA) != 32 || copy(k.Kept[:], r.Kept)%32 != 0 {
		return k, broken("of answer %d of run %d it is not on record what was asked, or no hash of it.", k.N, k.Run)
	}
	if r.Edited != "" {
		if err := json.Unmarshal([]byte(r.Edited), &k.Edited); err != nil {
			return k, broken("it cannot be read where answer %d of run %d was edited: %w.", k.N, k.Run, err)
		}
	}
	return k, nil
}

// EachAnswer hands over the answers of which something was made, by run and number.
func (b *Book) EachAnswer(ctx context.Context, q store.Q, fn func(Kept) error) error {
	return store.Each(ctx, q, func(r answeredRow) error {
		k, err := b.keptOf(r)
		if err != nil {
			return err
		}
		return fn(k)
	}, answeredSelect+"ORDER BY a.id")
}

type traceRow struct {
	Run     int64  `db:"run"`
	Entry   int64  `db:"entry"`
	Answers []byte `db:"answers"`
}

func (r traceRow) trace() (merkle.Trace, error) {
	ns, err := risen(r.Answers)
	if err != nil {
		return merkle.Trace{}, broken("it cannot be read of which answers the version in ledger entry %d was made: %w.", r.Entry, err)
	}
	return merkle.Trace{Entry: r.Entry, Answers: ns}, nil
}

// EachTrace hands over of which answers versions were made, by run and entry.
func (b *Book) EachTrace(ctx context.Context, q store.Q, fn func(run int64, t merkle.Trace) error) error {
	return store.Each(ctx, q, func(r traceRow) error {
		t, err := r.trace()
		if err != nil {
			return err
		}
		return fn(r.Run, t)
	}, "SELECT run, entry, answers FROM version WHERE answers IS NOT NULL ORDER BY run, entry")
}

func (b *Book) keptBy(ctx context.Context, q store.Q, run int64) ([]Kept, error) {
	rows, err := store.All[answeredRow](ctx, q, answeredSelect+"WHERE a.id BETWEEN $1 AND $2 ORDER BY a.id", run<<answerShift, (run+1)<<answerShift-1)
	if err != nil {
		return nil, fmt.Errorf("read the answers of run %d: %w", run, err)
	}
	out := make([]Kept, len(rows))
	for i, r := range rows {
		if out[i], err = b.keptOf(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Traced is the number of the answers that a run kept, and the digest over its answers and what was made of them, in hexadecimal, as
// merkle.Traced has it; "" where nothing names an answer. The run wrote all its versions above one number and below another.
func (b *Book) Traced(ctx context.Context, q store.Q, run, above, below int64) (kept int64, digest string, err error) {
	list, err := b.keptBy(ctx, q, run)
	if err != nil || len(list) == 0 {
		return 0, "", err
	}
	var answers [][32]byte
	for _, k := range list {
		answers = append(answers, k.Commitment())
		if k.Unkept == "" {
			kept++
		}
	}
	sum, err := b.traces(ctx, q, run, above, below, answers, "id")
	if errors.Is(err, errUnordered) {
		sum, err = b.traces(ctx, q, run, above, below, answers, "entry")
	}
	if err != nil {
		return 0, "", fmt.Errorf("read what was made of the answers of run %d: %w", run, err)
	}
	return kept, hex.EncodeToString(sum[:]), nil
}

var errUnordered = errors.New("entries do not rise")

// traces goes through the versions of a run by their numbers, which rise as their entries do and need no sorting, or, where somebody
// numbered them otherwise, by their entries.
func (b *Book) traces(ctx context.Context, q store.Q, run, above, below int64, answers [][32]byte, by string) (sum [32]byte, err error) {
	rows, err := q.Query(ctx, "SELECT entry, answers FROM version WHERE id > $1 AND id < $2 AND run = $3 AND answers IS NOT NULL ORDER BY "+by, above, below, run)
	if err != nil {
		return sum, err
	}
	defer rows.Close()
	t, last := merkle.Tracing(run, answers), int64(-1)
	var packed sql.RawBytes
	for rows.Next() {
		r := traceRow{Run: run}
		if err := rows.Scan(&r.Entry, &packed); err != nil {
			return sum, err
		}
		if r.Entry < last {
			return sum, errUnordered
		}
		r.Answers, last = packed, r.Entry
		v, err := r.trace()
		if err != nil {
			return sum, err
		}
		t.Add(v)
	}
	return t.Sum(), rows.Err()
}

// EachAnswerBody hands over the kept bytes of answers, those to one question together and the oldest first, each unpacked once. Bytes
// that cannot be unpacked are an error that names the answer; whether they are those of the hash on record is not looked at.
func (b *Book) EachAnswerBody(ctx context.Context, q store.Q, fn func(run, n int64, body []byte) error) error {
	type place struct {
		ID     int64 `db:"id"`
		Before int64 `db:"before"`
		Kind   int64 `db:"kind"`
		Link   int64 `db:"link"`
	}
	list, err := store.All[place](ctx, q, "SELECT id, before, kind, link FROM answer WHERE question > 0 AND body IS NOT NULL ORDER BY question, id")
	if err != nil {
		return fmt.Errorf("read which answers are kept: %w", err)
	}
	type bytesOf struct {
		ID   int64  `db:"id"`
		Body []byte `db:"body"`
	}
	last, before := int64(0), []byte(nil)
	for part := range slices.Chunk(list, 32) { // some of which may have megabytes
		args := make([]any, len(part))
		for i, p := range part {
			args[i] = p.ID
		}
		rows, err := store.All[bytesOf](ctx, q, "SELECT id, body FROM answer WHERE id IN ("+store.Marks(1, len(part))+")", args...)
		if err != nil {
			return fmt.Errorf("read answers: %w", err)
		}
		packed := map[int64][]byte{}
		for _, r := range rows {
			packed[r.ID] = r.Body
		}
		for _, p := range part {
			run, n := p.ID>>answerShift, p.ID&(1<<answerShift-1)
			ki := b.byNumber[p.Kind]
			if ki == nil {
				return fmt.Errorf("answer %d of run %d is of the unknown kind number %d", n, run, p.Kind)
			}
			body, err := ki.squeeze.open(packed[p.ID])
			if err == nil && p.Link > 0 {
				if p.Before != last {
					err = errors.New("the one that it is told by is not there")
				} else {
					body, err = unlike(body, before)
				}
			}
			if err != nil {
				return broken("answer %d of run %d cannot be read back: %w.", n, run, err)
			}
			if err := fn(run, n, body); err != nil {
				return err
			}
			last, before = p.ID, body
		}
	}
	return nil
}

// RecordsOf are the numbers of all records of some kinds.
func (b *Book) RecordsOf(ctx context.Context, q store.Q, kinds []string) (map[int64]bool, error) {
	out := map[int64]bool{}
	for _, name := range kinds {
		ki, err := b.kind(name)
		if err != nil {
			return nil, err
		}
		ids, err := store.All[int64](ctx, q, "SELECT id FROM record WHERE kind = $1", ki.id)
		if err != nil {
			return nil, fmt.Errorf("list the records of the kind %s: %w", name, err)
		}
		for _, id := range ids {
			out[id] = true
		}
	}
	return out, nil
}

// AnswersVerified is what VerifyAnswers found to hold.
type AnswersVerified struct {
	Runs    int64 `json:"runs"`     // whose record commits to answers
	Answers int64 `json:"answers"`  // of which the bytes are there
	Gone    int64 `json:"gone"`     // of which an erasure or a rule of retention destroyed them
	Unkept  int64 `json:"unkept"`   // of which none were ever kept
	Traces  int64 `json:"versions"` // that were made of answers
	Going   int64 `json:"going"`    // runs that have not ended, so that nothing commits to theirs yet
}

// Commits is what the ledgered record of a run says of its answers.
type Commits struct {
	Running bool
	Traced  string // as Book.Traced has it; of a run of an earlier release empty
	Digest  string // as AnswerDigest has it, of a run of an earlier release
}

// VerifyAnswers compares the kept bytes of each answer with the hash on record, and these, with what was asked and which version was
// made of them, with what the record of each run commits to. The error names the first answer or run that is wrong.
func (b *Book) VerifyAnswers(ctx context.Context, q store.Q, runs map[int64]Commits, progress func(done int64)) (p AnswersVerified, err error) {
	type key struct{ run, n int64 }
	all := map[key]Kept{}
	byRun := map[int64][]Kept{}
	err = b.EachAnswer(ctx, q, func(k Kept) error {
		all[key{k.Run, k.N}] = k
		byRun[k.Run] = append(byRun[k.Run], k)
		switch {
		case k.There:
			p.Answers++
		case k.Gone != 0:
			p.Gone++
		case k.Unkept != "":
			p.Unkept++
		default:
			return broken("the bytes of answer %d of run %d (%s) are not there, and nothing says how they went.", k.N, k.Run, k.Request)
		}
		return nil
	})
	if err != nil {
		return p, err
	}
	if err := b.destroyedSo(ctx, q, byRun); err != nil {
		return p, err
	}
	traces := map[int64][]merkle.Trace{}
	err = b.EachTrace(ctx, q, func(run int64, t merkle.Trace) error {
		p.Traces++
		traces[run] = append(traces[run], t)
		for _, n := range t.Answers {
			if _, ok := slices.BinarySearchFunc(byRun[run], n, func(k Kept, n int64) int { return int(k.N - n) }); !ok {
				return broken("the version in ledger entry %d is said to be made of answer %d of run %d, which is not on record.", t.Entry, n, run)
			}
		}
		return nil
	})
	if err != nil {
		return p, err
	}
	for run, c := range runs {
		list := byRun[run]
		delete(byRun, run)
		switch {
		case c.Running:
			if len(list) > 0 {
				p.Going++
			}
			continue
		case c.Traced == "" && c.Digest == "" && len(list) == 0:
			continue
		case c.Traced == "" && digestOf(list) == c.Digest: // of an earlier release
		default:
			var answers [][32]byte
			for _, k := range list {
				answers = append(answers, k.Commitment())
			}
			if sum := merkle.Traced(run, answers, traces[run]); hex.EncodeToString(sum[:]) != c.Traced {
				return p, broken("the answers of run %d, or which version was made of which of them, are not what its record in the ledger names.", run)
			}
		}
		p.Runs++
	}
	for run := range byRun {
		return p, broken("there are answers of run %d, which is not on record.", run)
	}
	done := int64(0)
	err = b.EachAnswerBody(ctx, q, func(run, n int64, body []byte) error {
		k := all[key{run, n}]
		if is, want := sha256.Sum256(body), k.Hash(); is != want {
			return broken("answer %d of run %d (%s) is not what was received: its SHA-256 is %x, and %x stands on record.", n, run, k.Request, is, want)
		}
		if done++; progress != nil && done%256 == 0 {
			progress(done)
		}
		return nil
	})
	return p, err
}

// digestOf is the digest that a run of an earlier release has in its record: the SHA-256, in hexadecimal, over the answers kept, the
// number of each in eight bytes, the highest first, the hash of the unedited answer, and that of the kept bytes, or zeros; "" for none.
func digestOf(list []Kept) string {
	h, some := sha256.New(), false
	for _, k := range list {
		if k.Unkept == "" {
			some = true
			h.Write(slices.Concat(merkle.Int(k.N), k.SHA256[:], k.Kept[:]))
		}
	}
	if !some {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// AnswersHold says whether the answers of one run, and what was made of them, are what its record commits to. The run wrote all its
// versions above one number and below another.
func (b *Book) AnswersHold(ctx context.Context, q store.Q, run int64, c Commits, above, below int64) (bool, error) {
	if c.Traced != "" || c.Digest == "" {
		_, digest, err := b.Traced(ctx, q, run, above, below)
		return digest == c.Traced, err
	}
	list, err := b.keptBy(ctx, q, run)
	return digestOf(list) == c.Digest, err
}

// destroyedSo refuses answers that are said to be gone by an entry of the ledger that destroyed nothing, or not them.
func (b *Book) destroyedSo(ctx context.Context, q store.Q, byRun map[int64][]Kept) error {
	names := map[int64]map[[2]int64]bool{} // by the entry; nil: of an earlier release, which did not name answers
	for _, list := range byRun {
		for _, k := range list {
			if k.Gone == 0 {
				continue
			}
			named, read := names[k.Gone]
			if !read {
				a, err := store.One[ledger.Action](ctx, q, "SELECT entry, at, verb, actor, subject, detail, salt FROM action WHERE entry = $1", k.Gone)
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("read how answers went: %w", err)
				}
				var d struct {
					Answers [][2]int64 `json:"answers"`
				}
				if err != nil || a.Verb != EraseVerb && a.Verb != DropVerb || json.Unmarshal(a.Detail, &d) != nil {
					return broken("answer %d of run %d is said to be gone by ledger entry %d, which destroyed nothing.", k.N, k.Run, k.Gone)
				}
				if strings.Contains(string(a.Detail), `"answers"`) {
					named = map[[2]int64]bool{}
				}
				for _, x := range d.Answers {
					named[x] = true
				}
				names[k.Gone] = named
			}
			if named != nil && !named[[2]int64{k.Run, k.N}] {
				return broken("answer %d of run %d (%s) is said to be gone by ledger entry %d, which destroyed others.", k.N, k.Run, k.Request, k.Gone)
			}
		}
	}
	return nil
}
