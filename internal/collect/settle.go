package collect

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// settle decides which scopes are complete, and gives every kind that was not read a gap.
func (r *run) settle(failed error) {
	why, denied := "The connector did not say that it read this.", false
	if f := (*fault.Fault)(nil); errors.As(failed, &f) {
		why, denied = reasonOf(failed)
	} else if failed != nil {
		why = "The run failed: " + failed.Error()
	}
	for _, k := range r.k.Kinds {
		whole := r.kinds[k.Name] != nil && r.kinds[k.Name].vouched()
		named := slices.ContainsFunc(r.gaps, func(g Missing) bool { return g.Kind == k.Name && g.Part == "" })
		if !whole && !named {
			r.gap(Missing{Kind: k.Name, Reason: why, Denied: denied})
		}
	}
	if failed != nil && len(r.gaps) == 0 {
		r.gap(Missing{Reason: why, Denied: denied})
	}
	for _, k := range r.kinds {
		for scope := range k.complete {
			if r.missed(k.tally.Kind, scope) {
				delete(k.complete, scope)
			}
		}
	}
}

// vouched says that something of the kind was read to its end.
func (k *reading) vouched() bool { return len(k.complete)+len(k.unchanged)+len(k.through) > 0 }

// missed says that a kind was not wholly read in a scope.
func (r *run) missed(kind, scope string) bool {
	return slices.ContainsFunc(r.gaps, func(g Missing) bool {
		return g.Kind == kind && g.Part == "" && (g.Scope == scope || g.Scope == "")
	})
}

// settleKind closes what is gone and extends coverage for the scopes that are complete.
func (r *run) settleKind(tx *ledger.Tx, k *reading) error {
	gone := map[string][]string{}
	if slices.ContainsFunc(slices.Collect(maps.Keys(k.complete)), func(scope string) bool { return k.unseen[scope] > 0 }) {
		for key, known := range k.known {
			if !known.Seen && k.complete[known.Scope] {
				gone[known.Scope] = append(gone[known.Scope], key)
			}
		}
	}
	for scope := range k.complete {
		if k.found[scope] == 0 && k.before[scope] > 0 {
			n, err := tx.Exec(r.ctx, "DELETE FROM confirmation WHERE connection = $1 AND kind = $2 AND scope = $3", r.conn.Name, k.tally.Kind, scope)
			if err != nil {
				return err
			}
			if n == 0 {
				delete(k.complete, scope)
				r.gap(Missing{Kind: k.tally.Kind, Scope: scope, Confirm: true,
					Reason: fmt.Sprintf("The source listed nothing where it listed %d before. Until somebody confirms that, what it says is unknown.", k.before[scope])})
				continue
			}
		}
		slices.Sort(gone[scope])
		if lasting, err := r.lasting(tx, k, scope, gone[scope]); err != nil {
			return err
		} else if lasting {
			delete(k.complete, scope)
			continue
		}
		c := r.collection()
		c.Reason = "no longer at the source"
		if err := r.c.Book.Vanish(r.ctx, tx, c, k.tally.Kind, gone[scope]); err != nil {
			return err
		}
		k.tally.Closed += int64(len(gone[scope]))
		for _, key := range gone[scope] {
			k.census.went(k.known[key])
			delete(k.known, key)
		}
	}
	if err := r.settleOrphans(tx, k); err != nil {
		return err
	}
	to := r.readAt(tx) + store.Moment(freshFor(r.conn, r.k).Microseconds())
	events := map[string]bool{}
	for scope, until := range k.through {
		if !r.missed(k.tally.Kind, scope) {
			events[scope] = true
		}
		if k.spoilt[scope] {
			continue
		}
		if err := store.InsertOr(r.ctx, tx, "event_mark", []string{"connection", "kind", "scope", "until"},
			"ON CONFLICT (connection, kind, scope) DO UPDATE SET until = excluded.until", [][]any{{r.conn.Name, k.tally.Kind, scope, store.At(until)}}); err != nil {
			return err
		}
	}
	for _, scopes := range []map[string]bool{k.complete, k.unchanged, events} {
		for scope := range scopes {
			if err := r.cover(tx, k.tally.Kind, "", scope, to); err != nil {
				return err
			}
			for at, whole := range k.parts {
				if whole && at[1] == scope {
					if err := r.cover(tx, k.tally.Kind, at[0], scope, to); err != nil {
						return err
					}
				}
			}
			if k.found[scope] > 0 && k.complete[scope] {
				continue
			}
			if err := r.partsStand(tx, k, scope, to); err != nil {
				return err
			}
		}
	}
	k.tally.Complete = k.vouched() && !slices.ContainsFunc(r.gaps, func(g Missing) bool { return g.Kind == k.tally.Kind })
	if len(k.complete)+len(events) > 0 && k.census != nil {
		k.tally.Population = k.census.digest()
	}
	return nil
}

// partsStand extends the coverage of parts that did not have to be read: where nothing is new, they stand as they were read last.
// One that was refused stays so until it is read.
func (r *run) partsStand(tx *ledger.Tx, k *reading, scope string, to store.Moment) error {
	rows, err := store.All[stretch](r.ctx, tx, "SELECT id, kind, part, scope, valid_to, last_read, last_run, ended FROM coverage WHERE connection = $1 AND kind = $2 AND scope = $3 AND part <> '' ORDER BY part, valid_from, id",
		r.conn.Name, k.tally.Kind, scope)
	if err != nil {
		return err
	}
	for i, s := range rows {
		newest := i+1 == len(rows) || rows[i+1].Part != s.Part
		_, met := k.parts[[2]string{s.Part, scope}]
		missed := slices.ContainsFunc(r.gaps, func(g Missing) bool {
			return g.Kind == k.tally.Kind && g.Part == s.Part && (g.Scope == scope || g.Scope == "")
		})
		if !newest || met || missed || s.Ended != "" {
			continue
		}
		if err := r.cover(tx, k.tally.Kind, s.Part, scope, to); err != nil {
			return err
		}
	}
	return nil
}

// lasting reports whether records that are no longer listed stay until somebody confirms that they are to end: of a person who
// vanished from a list nobody knows whether they left, and a leaver whose record is gone is one whose accounts nobody looks for.
func (r *run) lasting(tx *ledger.Tx, k *reading, scope string, gone []string) (bool, error) {
	kind, err := r.c.Book.Kinds.Named(k.tally.Kind)
	if err != nil || !kind.Lasting || len(gone) == 0 {
		return false, err
	}
	n, err := tx.Exec(r.ctx, "DELETE FROM confirmation WHERE connection = $1 AND kind = $2 AND scope = $3", r.conn.Name, k.tally.Kind, scope)
	if err != nil || n > 0 {
		return false, err
	}
	named, more := gone, ""
	if len(gone) > 10 {
		named, more = gone[:10], fmt.Sprintf(" and %d more", len(gone)-10)
	}
	r.gap(Missing{Kind: k.tally.Kind, Scope: scope, Confirm: true, Reason: fmt.Sprintf("No longer listed, and not ended: %s%s. Put who left back with the last working day, or confirm that the records are to end.",
		strings.Join(named, ", "), more)})
	return true, nil
}

// freshFor is how long a complete read vouches for the state.
func freshFor(conn Connection, k connector.Connector) time.Duration {
	return cmp.Or(k.FreshFor, 2*conn.Interval())
}

// readAt is the moment for which a run speaks: now, or what a machine read before it sent it.
func (r *run) readAt(tx *ledger.Tx) store.Moment {
	if r.read.IsZero() {
		return tx.Now
	}
	return min(tx.Now, store.At(r.read))
}

// settleOrphans closes what stands in scopes whose parent is gone: nothing would ever ask for them again.
func (r *run) settleOrphans(tx *ledger.Tx, k *reading) error {
	parents := r.kinds[k.under]
	if parents == nil || parents.known == nil || !parents.vouched() || r.missed(k.tally.Kind, "") ||
		slices.ContainsFunc(r.gaps, func(g Missing) bool { return g.Kind == k.under && g.Part == "" }) {
		return nil
	}
	var gone []string
	for key, known := range k.known {
		if !known.Seen && known.Scope != "" && parents.known[known.Scope] == nil {
			gone = append(gone, key)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	slices.Sort(gone)
	c := r.collection()
	c.Reason = "what it belonged to is no longer at the source"
	if err := r.c.Book.Vanish(r.ctx, tx, c, k.tally.Kind, gone); err != nil {
		return err
	}
	k.tally.Closed += int64(len(gone))
	for _, key := range gone {
		k.census.went(k.known[key])
		delete(k.known, key)
	}
	return nil
}

// parentsFirst are the kinds that were read, each after the one whose keys are its scopes.
func (r *run) parentsFirst() []*reading {
	var out []*reading
	placed := map[string]bool{}
	var place func(name string)
	place = func(name string) {
		if k := r.kinds[name]; k != nil && !placed[name] {
			placed[name] = true
			place(k.under)
			out = append(out, k)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.kinds)) {
		place(name)
	}
	return out
}

// cover extends the coverage of a kind, part and scope, or begins it anew where it had run out.
func (r *run) cover(tx *ledger.Tx, kind, part, scope string, to store.Moment) error {
	if to <= tx.Now { // it was read too long ago to vouch for anything
		return nil
	}
	row, err := r.coverage(tx, kind, part, scope)
	if err == nil && row.To >= tx.Now {
		_, err = tx.Exec(r.ctx, "UPDATE coverage SET valid_to = $1, last_read = $2, reads = reads + 1, last_run = $3 WHERE id = $4", to, r.readAt(tx), r.sum.Number, row.ID)
		return err
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	id, err := store.One[int64](r.ctx, tx, "SELECT coalesce(max(id), 0) + 1 FROM coverage")
	if err != nil {
		return err
	}
	return store.Insert(r.ctx, tx, "coverage", []string{"id", "connection", "kind", "part", "scope", "valid_from", "valid_to", "last_read", "reads", "first_run", "last_run", "ended"},
		[][]any{{id, r.conn.Name, kind, part, scope, tx.Now, to, r.readAt(tx), 1, r.sum.Number, r.sum.Number, ""}})
}

// cut ends the coverage of what could not be read, now.
func (r *run) cut(tx *ledger.Tx, g Missing) error {
	if g.Kind == "" {
		_, err := tx.Exec(r.ctx, "UPDATE coverage SET valid_to = $1, ended = $2 WHERE connection = $3 AND valid_to > $1 AND ended = ''", tx.Now, g.Reason, r.conn.Name)
		return err
	}
	sql, args := "UPDATE coverage SET valid_to = $1, ended = $2 WHERE connection = $3 AND kind = $4 AND valid_to > $1 AND ended = ''", []any{tx.Now, g.Reason, r.conn.Name, g.Kind}
	if g.Part != "" {
		args = append(args, g.Part)
		sql += " AND part = $5"
	}
	if g.Scope != "" {
		args = append(args, g.Scope)
		sql += fmt.Sprintf(" AND scope = $%d", len(args))
	}
	if n, err := tx.Exec(r.ctx, sql, args...); err != nil || n > 0 {
		return err
	}
	// It stands that it is in scope and not read, where it had left before, or was never complete: no later run may make that be
	// forgotten, nor that its scope left. A part that was never read is told by the last run alone.
	ended, err := store.All[string](r.ctx, tx, "SELECT ended FROM coverage WHERE connection = $1 AND kind = $2 AND part = $3 AND scope = $4 ORDER BY valid_from DESC, id DESC LIMIT 1", r.conn.Name, g.Kind, g.Part, g.Scope)
	if err != nil || len(ended) == 0 && g.Part != "" && !r.k.Sent || len(ended) > 0 && !Left(ended[0]) {
		return err
	}
	return mark(r.ctx, tx, r.conn.Name, g.Kind, g.Part, g.Scope, tx.Now, r.sum.Number, g.Reason)
}
