package collect

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Why coverage ended that nobody misses: what it was of is no longer in scope. Every other end is a gap until the next complete
// read, for what is silent may still be there.
const (
	Gone    = "it is no longer there"
	Removed = "the connection was removed"
	Retired = "it was ended by hand"
)

// Left reports whether coverage ended because what it was of is no longer in scope.
func Left(ended string) bool { return ended == Gone || ended == Removed || ended == Retired }

// stretch is the newest row of coverage of a kind, part and scope.
type stretch struct {
	ID       int64        `db:"id"`
	Kind     string       `db:"kind"`
	Part     string       `db:"part"`
	Scope    string       `db:"scope"`
	To       store.Moment `db:"valid_to"`
	LastRead store.Moment `db:"last_read"`
	Run      int64        `db:"last_run"`
	Ended    string       `db:"ended"`
}

// leave says of everything of a connection that is gone that it left its scope now. Where it had not been read for a while before,
// that time stays a gap: a stretch without length stands for the moment.
func leave(ctx context.Context, tx *ledger.Tx, connection, why string, gone func(stretch) bool) (n int, err error) {
	rows, err := store.All[stretch](ctx, tx, "SELECT id, kind, part, scope, valid_to, last_read, last_run, ended FROM coverage WHERE connection = $1 ORDER BY kind, part, scope, valid_from, id", connection)
	if err != nil {
		return 0, fmt.Errorf("read what %s covered: %w", connection, err)
	}
	for i, s := range rows {
		if i+1 < len(rows) && rows[i+1].Kind == s.Kind && rows[i+1].Part == s.Part && rows[i+1].Scope == s.Scope || Left(s.Ended) || !gone(s) {
			continue
		}
		n++
		if s.To > tx.Now && s.Ended == "" {
			_, err = tx.Exec(ctx, "UPDATE coverage SET valid_to = $1, ended = $2 WHERE id = $3", tx.Now, why, s.ID)
		} else {
			err = mark(ctx, tx, connection, s.Kind, s.Part, s.Scope, s.LastRead, s.Run, why)
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// mark writes a stretch without length, which says only what is from now on.
func mark(ctx context.Context, tx *ledger.Tx, connection, kind, part, scope string, read store.Moment, run int64, why string) error {
	id, err := store.One[int64](ctx, tx, "SELECT coalesce(max(id), 0) + 1 FROM coverage")
	if err != nil {
		return err
	}
	return store.Insert(ctx, tx, "coverage", []string{"id", "connection", "kind", "part", "scope", "valid_from", "valid_to", "last_read", "reads", "first_run", "last_run", "ended"},
		[][]any{{id, connection, kind, part, scope, tx.Now, tx.Now, read, 0, run, run, why}})
}

// left ends the coverage of scopes that a run no longer met. Only who reads everything can tell that: what is sent speaks for the
// scopes that it names and says nothing of those that are silent. Nor does a list tell it that was not read to its end, or whose
// parents were not.
func (r *run) left(tx *ledger.Tx, failed error) error {
	if r.k.Sent || failed != nil {
		return nil
	}
	whole := func(k *reading) bool {
		return k.vouched() && !slices.ContainsFunc(r.gaps, func(g Missing) bool {
			return g.Part == "" && (g.Kind == "" || g.Kind == k.tally.Kind || k.under == "" || g.Kind == k.under)
		})
	}
	_, err := leave(r.ctx, tx, r.conn.Name, Gone, func(s stretch) bool {
		k := r.kinds[s.Kind]
		if k == nil || s.Run >= r.sum.Number || k.complete[s.Scope] || k.unchanged[s.Scope] || !whole(k) {
			return false
		}
		_, read := k.through[s.Scope]
		return !read
	})
	return err
}

// spokeFor are the scopes that a run of what was sent vouched for; none where it was for the connection as a whole, or for more than
// are told.
func (r *run) spokeFor() []string {
	if !r.k.Sent {
		return nil
	}
	scopes := map[string]bool{}
	for _, k := range r.kinds {
		for _, some := range []map[string]bool{k.complete, k.unchanged} {
			maps.Copy(scopes, some)
		}
		for scope := range k.through {
			scopes[scope] = true
		}
	}
	if len(scopes) > 1000 || len(scopes) == 1 && scopes[""] {
		return nil
	}
	return slices.Sorted(maps.Keys(scopes))
}

// Retire says, in a person's name, that what was sent for a scope is no more, such as a machine that was given up: nobody can tell
// that from its silence. What was sent stays as it was last seen.
func (c *Collector) Retire(ctx context.Context, by record.Authority, connection, scope, reason string) error {
	if err := c.mayConnect(ctx, by); err != nil {
		return err
	}
	conn, err := c.Connection(ctx, connection)
	if err != nil {
		return err
	}
	k, err := c.Connector(conn.Connector)
	if err != nil {
		return err
	}
	switch {
	case !k.Sent || k.Enrolled:
		return fault.New(fault.Denied, "What is no longer in %s is seen when it is read.", conn.Name)
	case scope == "":
		return fault.New(fault.Invalid, "A scope is needed.").WithNext("Remove the connection %s when nothing is sent to it any more.", conn.Name)
	case reason == "":
		return fault.New(fault.Invalid, "A reason is needed; it stays on record.")
	}
	return c.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		n, err := leave(ctx, tx, conn.Name, Retired, func(s stretch) bool { return s.Scope == scope })
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.NotFound, "Nothing was sent to %s for the scope %q, or it has ended already.", conn.Name, scope)
		}
		_, err = tx.Act(ctx, "connection.scope_ended", by.Actor().Name, conn.Name, map[string]any{"scope": scope, "reason": reason})
		return err
	})
}

// SentScope is what was sent to a connection for one scope.
type SentScope struct {
	Name  string
	Kinds []string
	Read  store.Moment // when something was last sent that was complete; zero: never
	Until store.Moment // up to when all of it counts as known
	Ended bool         // by hand, or with the connection
}

// SentScopes are the scopes that were ever sent to a connection, by name; none where all was sent for the connection as a whole.
func (c *Collector) SentScopes(ctx context.Context, connection string) ([]SentScope, error) {
	rows, err := store.All[stretch](ctx, c.Book.DB, `SELECT id, kind, part, scope, valid_to, last_read, last_run, ended FROM coverage
		WHERE connection = $1 AND scope <> '' AND part = '' ORDER BY scope, kind, valid_from, id`, connection)
	if err != nil {
		return nil, fmt.Errorf("read what was sent to %s: %w", connection, err)
	}
	var out []SentScope
	for i, s := range rows {
		if i+1 < len(rows) && rows[i+1].Scope == s.Scope && rows[i+1].Kind == s.Kind {
			continue
		}
		if len(out) == 0 || out[len(out)-1].Name != s.Scope {
			out = append(out, SentScope{Name: s.Scope, Until: store.Forever, Ended: true})
		}
		x := &out[len(out)-1]
		x.Kinds, x.Read = append(x.Kinds, s.Kind), max(x.Read, s.LastRead)
		if !Left(s.Ended) {
			x.Ended, x.Until = false, min(x.Until, s.To)
		}
	}
	return out, nil
}
