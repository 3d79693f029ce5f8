package retention

import (
	"context"
	"fmt"
	"slices"

	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Plan is what the rules would drop now, and what they would keep all the same.
type Plan struct {
	At    store.Moment `json:"at"` // by the ledger's own time
	Rules []RulePlan   `json:"rules"`
}

// RulePlan is what one rule would do, or did.
type RulePlan struct {
	Rule
	Before   store.Moment     `json:"before"`   // what ended by then is old enough; zero: nothing is
	Versions int64            `json:"versions"` // whose bodies go
	Bytes    int64            `json:"bytes"`    // as they are packed
	Kept     map[Reason]int64 `json:"kept"`     // old enough, and kept for a reason
	Young    int64            `json:"young"`    // ended, and not old enough
	Batches  int              `json:"batches"`  // of a run: actions in the ledger
}

// Total sums the lines.
func (p Plan) Total() (versions, bytes int64) {
	for _, l := range p.Rules {
		versions, bytes = versions+l.Versions, bytes+l.Bytes
	}
	return versions, bytes
}

// batch is how many versions are looked at, and at most dropped, in one transaction.
const batch = 500

// Preview says what would be dropped now by the rules in force, and by others that are only tried, in the place of those in force
// for the same kind and source. It writes nothing.
func Preview(ctx context.Context, book *record.Book, tried ...Rule) (Plan, error) {
	rules, err := Rules(ctx, book, 0)
	if err != nil {
		return Plan{}, err
	}
	for _, t := range tried {
		if t, err = valid(ctx, book, t); err != nil {
			return Plan{}, err
		}
		rules = append(slices.DeleteFunc(rules, func(r Rule) bool { return r.Key == t.Key }), t)
	}
	var out Plan
	err = book.DB.Read(ctx, func(tx *store.Tx) error {
		k, err := newKeeper(ctx, book, tx)
		if err != nil {
			return err
		}
		out = Plan{At: k.age.now, Rules: []RulePlan{}}
		for _, r := range rules {
			l, err := k.line(ctx, tx, r, rules)
			if err != nil {
				return err
			}
			err = k.each(ctx, tx, l, rules, func(goes []record.Ended, _ int64) error {
				for _, v := range goes {
					l.Versions, l.Bytes = l.Versions+1, l.Bytes+v.Bytes
				}
				return nil
			})
			if err != nil {
				return err
			}
			out.Rules = append(out.Rules, *l)
		}
		return nil
	})
	return out, err
}

func (k *keeper) line(ctx context.Context, q store.Q, r Rule, rules []Rule) (*RulePlan, error) {
	l := &RulePlan{Rule: r, Kept: map[Reason]int64{}}
	var err error
	if l.Before, err = k.age.before(ctx, q, r.Days); err != nil {
		return nil, err
	}
	type row struct {
		Source string `db:"source"`
		N      int64  `db:"n"`
	}
	err = store.Each(ctx, q, func(x row) error {
		if r.covers(x.Source, rules) {
			l.Young += x.N
		}
		return nil
	}, `SELECT r.source, count(*) AS n FROM version v JOIN kind k ON k.id = v.kind JOIN record r ON r.id = v.record
		WHERE k.name = $1 AND v.valid_to > $2 AND v.valid_to < $3 GROUP BY r.source`, r.Kind, l.Before, store.Forever)
	return l, err
}

// each hands over what a rule drops, batch by batch, with the number of the last version that was looked at. What is kept is counted.
func (k *keeper) each(ctx context.Context, q store.Q, l *RulePlan, rules []Rule, fn func(goes []record.Ended, last int64) error) error {
	for after := int64(0); l.Before != 0; {
		list, err := k.book.EndedBy(ctx, q, l.Kind, l.Before, after, batch)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
		list = slices.DeleteFunc(list, func(v record.Ended) bool { return !l.covers(v.Source, rules) })
		reasons, err := k.reasons(ctx, q, l.Kind, list)
		if err != nil {
			return err
		}
		var goes []record.Ended
		for i, v := range list {
			if reasons[i] == "" {
				goes = append(goes, v)
			} else {
				l.Kept[reasons[i]]++
			}
		}
		if err := fn(goes, after); err != nil {
			return err
		}
	}
	return nil
}

// covers reports whether a rule is for a source: one of the source's own goes before that of the kind.
func (r Rule) covers(source string, rules []Rule) bool {
	if r.Source != "" {
		return r.Source == source
	}
	return !slices.ContainsFunc(rules, func(o Rule) bool { return o.Kind == r.Kind && o.Source == source })
}

// Run drops what the rules in force say, batch by batch, each in a transaction of its own with its action in the ledger, so that
// a run that is cut off has done whole batches and nothing else. Whatever is written meanwhile counts: what a hold, a period or an
// answer keeps when a batch is written is kept.
func Run(ctx context.Context, book *record.Book, progress func(rule string, versions int64)) (Plan, error) {
	ctx = store.Background(ctx)
	rules, err := Rules(ctx, book, 0)
	if err != nil || len(rules) == 0 {
		return Plan{}, err
	}
	k, err := newKeeper(ctx, book, book.DB)
	if err != nil {
		return Plan{}, err
	}
	out := Plan{At: k.age.now}
	for _, r := range rules {
		l, err := k.line(ctx, book.DB, r, rules)
		if err != nil {
			return out, err
		}
		err = k.each(ctx, book.DB, l, rules, func(goes []record.Ended, _ int64) error {
			if len(goes) == 0 {
				return ctx.Err()
			}
			d, err := k.drop(ctx, l.Rule, l.Before, goes)
			if err != nil {
				return err
			}
			if d.Versions > 0 {
				l.Versions, l.Bytes, l.Batches = l.Versions+int64(d.Versions), l.Bytes+d.Bytes, l.Batches+1
			}
			if progress != nil {
				progress(r.Key, l.Versions)
			}
			return ctx.Err()
		})
		out.Rules = append(out.Rules, *l)
		if err != nil {
			return out, fmt.Errorf("apply the retention rule %s: %w", r.Key, err)
		}
	}
	return out, nil
}

// drop drops one batch, unless the rule changed since, of what nothing keeps by now.
func (k *keeper) drop(ctx context.Context, r Rule, before store.Moment, goes []record.Ended) (d record.Dropping, err error) {
	err = k.book.Log.Write(ctx, func(tx *ledger.Tx) error {
		now, err := k.book.Find(ctx, tx, RuleKind, "kind", r.Kind, 0)
		if err != nil {
			return err
		}
		rules := make([]Rule, len(now))
		for i, v := range now {
			if rules[i], err = read(v); err != nil {
				return err
			}
		}
		if !slices.ContainsFunc(rules, func(o Rule) bool { return o.Entry == r.Entry }) {
			return nil
		}
		if err := k.fresh(ctx, tx); err != nil {
			return err
		}
		reasons, err := k.reasons(ctx, tx, r.Kind, goes)
		if err != nil {
			return err
		}
		left := goes[:0:0]
		for i, v := range goes {
			if reasons[i] == "" && v.To <= before && r.covers(v.Source, rules) {
				left = append(left, v)
			}
		}
		d, err = k.book.Drop(ctx, tx, job, record.Dropping{Kind: r.Kind, Rule: r.Key, Says: r.Entry, Days: r.Days}, left)
		return err
	})
	if err == nil && d.Versions > 0 {
		k.age.size++ // our own action
	}
	return d, err
}
