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
	_, digest, err := c.Book.AnswersDigest(ctx, q, s.Number)
	if err != nil {
		return err
	}
	altered, err := c.Book.Altered(ctx, q, []int64{run.ID})
	if err != nil {
		return err
	}
	if digest != s.KeptDigest || altered > 0 {
		return fault.New(fault.Invalid, "The answers of run %s are not those that the ledger names.", run.Key).WithNext("Restore from a backup and find out who had access to the database.")
	}
	return nil
}
