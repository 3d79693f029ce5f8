package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// linkRow is an answer's place among those of its question.
type linkRow struct {
	ID     int64  `db:"id"`
	Before int64  `db:"before"`
	Link   int64  `db:"link"`
	Kind   int64  `db:"kind"`
	Live   int64  `db:"live"`
	Body   []byte `db:"body"`
}

// linksOf are the answers of a question whose bytes are there, the newest first.
func linksOf(ctx context.Context, q store.Q, newest int64) ([]linkRow, error) {
	return store.All[linkRow](ctx, q, `WITH RECURSIVE chain (id, before, link, kind, live) AS (
			SELECT id, before, link, kind, live FROM answer WHERE id = $1
			UNION ALL SELECT a.id, a.before, a.link, a.kind, a.live FROM answer a JOIN chain c ON a.id = c.before)
		SELECT id, before, link, kind, live FROM chain ORDER BY id DESC`, newest)
}

// going are the answers of one question that are to be destroyed, among all of it, the newest first.
type going struct {
	question    questionRow
	links, goes []linkRow
}

// named are the answers as an entry of the ledger names those that it destroyed: run and number, rising.
func named(list []going) [][2]int64 {
	out := [][2]int64{}
	for _, g := range list {
		for _, l := range g.goes {
			out = append(out, [2]int64{l.ID >> answerShift, l.ID & (1<<answerShift - 1)})
		}
	}
	slices.SortFunc(out, func(a, b [2]int64) int { return slices.Compare(a[:], b[:]) })
	return out
}

// answersHolding are the answers that held a record, or may have: all of a question that ever held it, from the run on that first
// brought it, and those of runs that ended before they had said all that their answers held. A legal hold on another record in them
// refuses. That the questions held it is forgotten.
func (b *Book) answersHolding(ctx context.Context, tx *ledger.Tx, record int64) (all []going, err error) {
	type origin struct {
		Source string `db:"source"`
		First  int64  `db:"first"`
	}
	o, err := store.One[origin](ctx, tx, "SELECT r.source, coalesce(min(v.run), 0) AS first FROM record r JOIN version v ON v.record = r.id WHERE r.id = $1 AND v.run > 0 GROUP BY r.source", record)
	if err != nil {
		return nil, ifFound(err)
	}
	held, err := b.heldRecords(ctx, tx)
	if err != nil {
		return nil, err
	}
	questions, err := store.All[questionRow](ctx, tx, "SELECT id, newest, links, holds FROM question WHERE source = $1", o.Source)
	if err != nil {
		return nil, fmt.Errorf("find the answers that held a record: %w", err)
	}
	open, err := store.All[int64](ctx, tx, "SELECT DISTINCT a.question FROM answer a JOIN question q ON q.id = a.question WHERE a.whole = 0 AND q.source = $1", o.Source)
	if err != nil {
		return nil, fmt.Errorf("find the answers that held a record: %w", err)
	}
	for _, q := range questions {
		holds, err := risen(q.Holds)
		if err != nil {
			return nil, err
		}
		_, is := slices.BinarySearch(holds, record)
		if !is && !slices.Contains(open, q.ID) {
			continue
		}
		links, err := linksOf(ctx, tx, q.Newest)
		if err != nil {
			return nil, err
		}
		goes := links[:0:0]
		for _, l := range links {
			whole := int64(1)
			if !is {
				if whole, err = store.One[int64](ctx, tx, "SELECT whole FROM answer WHERE id = $1", l.ID); err != nil {
					return nil, err
				}
			}
			if is && l.ID>>answerShift >= o.First || whole == 0 {
				goes = append(goes, l)
			}
		}
		if len(goes) == 0 {
			continue
		}
		for _, other := range holds {
			if reason, is := held[other]; is && other != record {
				return nil, fault.New(fault.Denied, "An answer of %s that holds it also holds a record under a legal hold (%s), so that it cannot be erased.", o.Source, reason).WithNext("End that hold first.")
			}
		}
		all = append(all, going{q, links, goes})
		if is {
			has, _ := rising(slices.DeleteFunc(holds, func(r int64) bool { return r == record })).([]byte)
			if has == nil {
				has = []byte{}
			}
			if _, err := tx.Exec(ctx, "UPDATE question SET holds = $1 WHERE id = $2", has, q.ID); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func ifFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// heldRecords are the numbers of the records under a legal hold, with its reason.
func (b *Book) heldRecords(ctx context.Context, q store.Q) (map[int64]string, error) {
	out := map[int64]string{}
	if b.info[holdKind] == nil {
		return out, nil
	}
	err := b.EachOpen(ctx, q, holdKind, func(v Version) error {
		if v.Erased {
			return nil
		}
		m, err := decode(v.Body)
		if err != nil {
			return err
		}
		on, _ := m["on"].(string)
		kind, key, _ := strings.Cut(on, "/")
		ki := b.info[kind]
		if ki == nil {
			return nil
		}
		ids, err := store.All[int64](ctx, q, "SELECT id FROM record WHERE kind = $1 AND key = $2", ki.id, key)
		for _, id := range ids {
			out[id] = v.Label
		}
		return err
	})
	return out, err
}

// answersSpent counts down the answers that brought versions, and returns those that brought nothing else.
func (b *Book) answersSpent(ctx context.Context, tx *ledger.Tx, versions []int64) (all []going, err error) {
	type link struct {
		Run     int64  `db:"run"`
		Answers []byte `db:"answers"`
	}
	less := map[int64]int64{}
	for part := range slices.Chunk(versions, 200) {
		args := make([]any, len(part))
		for i, id := range part {
			args[i] = id
		}
		list, err := store.All[link](ctx, tx, "SELECT run, answers FROM version WHERE answers IS NOT NULL AND id IN ("+store.Marks(1, len(part))+")", args...)
		if err != nil {
			return nil, err
		}
		for _, l := range list {
			ns, err := risen(l.Answers)
			if err != nil {
				return nil, err
			}
			for _, n := range ns {
				less[l.Run<<answerShift|n]++
			}
		}
	}
	spent := map[int64][]int64{} // by question
	for id, n := range less {
		type row struct {
			Question int64 `db:"question"`
			Live     int64 `db:"live"`
			Has      int64 `db:"has"`
		}
		r, err := store.One[row](ctx, tx, "UPDATE answer SET live = live - $1 WHERE id = $2 RETURNING question, live, CASE WHEN body IS NULL THEN 0 ELSE 1 END AS has", n, id)
		if err != nil {
			if err = ifFound(err); err != nil {
				return nil, fmt.Errorf("count what an answer brought: %w", err)
			}
			continue
		}
		if r.Live <= 0 && r.Has == 1 {
			spent[r.Question] = append(spent[r.Question], id)
		}
	}
	for question, ids := range spent {
		q, err := store.One[questionRow](ctx, tx, "SELECT id, newest, links, holds FROM question WHERE id = $1", question)
		if err != nil {
			return nil, err
		}
		links, err := linksOf(ctx, tx, q.Newest)
		if err != nil {
			return nil, err
		}
		goes := slices.DeleteFunc(slices.Clone(links), func(l linkRow) bool { return !slices.Contains(ids, l.ID) })
		all = append(all, going{q, links, goes})
	}
	return all, nil
}

// destroyAnswers destroys the bytes of some answers of a question. What was told by one of them is told anew, by the newest that is
// left before it, or kept whole. The ledger's entry names them.
func (b *Book) destroyAnswers(ctx context.Context, tx *ledger.Tx, all []going, entry int64) error {
	for _, g := range all {
		if err := b.destroyAnswersTo(ctx, tx, g, entry); err != nil {
			return err
		}
	}
	return nil
}

func (b *Book) destroyAnswersTo(ctx context.Context, tx *ledger.Tx, g going, entry int64) error {
	q, links := g.question, g.links
	gone := map[int64]bool{}
	for _, l := range g.goes {
		gone[l.ID] = true
	}
	var before linkRow // the newest that stays so far, from the oldest on
	for i := len(links) - 1; i >= 0; i-- {
		l := links[i]
		if gone[l.ID] {
			continue
		}
		if l.Before != before.ID {
			if l.Link > 0 { // its bytes are told by what goes
				body, err := b.unpackAnswer(ctx, tx, l.ID)
				if err != nil {
					return err
				}
				var base []byte
				if before.ID != 0 && before.Link < maxLinks {
					if base, err = b.unpackAnswer(ctx, tx, before.ID); err != nil {
						return err
					}
				}
				ki := b.byNumber[l.Kind]
				if ki == nil {
					return fmt.Errorf("an answer is of the unknown kind number %d", l.Kind)
				}
				packed, told := ki.pack(body, base)
				if l.Link = 0; told {
					l.Link = before.Link + 1
				}
				if _, err := tx.Exec(ctx, "UPDATE answer SET body = $1 WHERE id = $2", packed, l.ID); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(ctx, "UPDATE answer SET before = $1, link = $2 WHERE id = $3", before.ID, l.Link, l.ID); err != nil {
				return err
			}
		} else if l.Link > 0 && l.Link != before.Link+1 {
			l.Link = before.Link + 1
			if _, err := tx.Exec(ctx, "UPDATE answer SET link = $1 WHERE id = $2", l.Link, l.ID); err != nil {
				return err
			}
		}
		before = l
	}
	for id := range gone {
		if _, err := tx.Exec(ctx, "UPDATE answer SET body = NULL, edited = '', gone = $1 WHERE id = $2", entry, id); err != nil {
			return fmt.Errorf("destroy an answer: %w", err)
		}
	}
	_, err := tx.Exec(ctx, "UPDATE question SET newest = $1, links = $2 WHERE id = $3", before.ID, before.Link, q.ID)
	return err
}
