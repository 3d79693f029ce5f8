package collect

import (
	"context"
	"fmt"
	"slices"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Answer gives the bytes that are kept of an answer, once it is proved that they are those that the run's record in the ledger names:
// their SHA-256 is the one on record, and the hashes of all answers that the run kept give the digest in its record, which the
// ledger backs.
func (c *Collector) Answer(ctx context.Context, run, n int64) (s record.Source, body []byte, err error) {
	of, err := c.Book.Get(ctx, RunKind, fmt.Sprint(run), 0)
	if err != nil {
		return s, nil, err
	}
	err = c.Book.DB.Read(ctx, func(tx *store.Tx) error {
		if s, err = c.Book.Source(ctx, tx, run, n); err != nil {
			return err
		}
		if body, err = c.Book.OpenSource(ctx, tx, s); err != nil {
			return err
		}
		return c.backed(ctx, tx, of)
	})
	return s, body, err
}

// AnswerOf is Answer for one of those that a version was made of.
func (c *Collector) AnswerOf(ctx context.Context, v record.Version, n int64) (record.Source, []byte, error) {
	list, err := c.Book.SourcesOf(ctx, c.Book.DB, v.ID)
	if err != nil {
		return record.Source{}, nil, err
	}
	if !slices.ContainsFunc(list, func(s record.Source) bool { return s.N == n }) {
		return record.Source{}, nil, fault.New(fault.NotFound, "%s was not made of an answer %d.", v.Key, n)
	}
	return c.Answer(ctx, v.Run, n)
}

// backed refuses a run whose kept answers are not those that the ledger commits to.
func (c *Collector) backed(ctx context.Context, q store.Q, run record.Version) error {
	s, err := ParseSummary(run)
	if err != nil {
		return err
	}
	if s.Outcome == Running {
		return fault.New(fault.Unavailable, "Run %s goes on, so that the ledger does not name its answers yet.", run.Key).WithNext("Ask again when it has ended.")
	}
	began, err := store.One[int64](ctx, q, "SELECT min(id) FROM version WHERE record = $1", run.Record)
	if err != nil {
		return fmt.Errorf("find when run %s began: %w", run.Key, err)
	}
	holds, err := c.Book.AnswersHold(ctx, q, s.Number, s.commits(), began, run.ID)
	if err != nil {
		return err
	}
	altered, err := c.Book.Altered(ctx, q, []int64{run.ID})
	if err != nil {
		return err
	}
	if !holds || altered > 0 {
		return fault.New(fault.Invalid, "The answers of run %s are not those that the ledger names.", run.Key).WithNext("Restore from a backup and find out who had access to the database.")
	}
	return nil
}

func (s Summary) commits() record.Commits {
	return record.Commits{Running: s.Outcome == Running, Traced: s.Traced, Digest: s.KeptDigest}
}

// VerifyAnswers compares every answer that is kept with what the record of its run commits to; that record itself is a version, which
// Book.Verify compares with the ledger. The error names the first answer or run that is wrong.
func (c *Collector) VerifyAnswers(ctx context.Context, progress func(done int64)) (p record.AnswersVerified, err error) {
	err = c.Book.DB.Read(ctx, func(tx *store.Tx) error {
		runs := map[int64]record.Commits{}
		err := c.Book.EachOpen(ctx, tx, RunKind, func(v record.Version) error {
			s, err := ParseSummary(v)
			if err != nil {
				return err
			}
			runs[s.Number] = s.commits()
			return nil
		})
		if err != nil {
			return err
		}
		p, err = c.Book.VerifyAnswers(ctx, tx, runs, progress)
		return err
	})
	return p, err
}
