package record

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

// Proven is what Verify found to hold.
type Proven struct {
	Entries  int64 `json:"entries"`
	Versions int64 `json:"versions"`
	Actions  int64 `json:"actions"`
	Erased   int64 `json:"erased"`
	Dropped  int64 `json:"dropped"` // versions without a body, by a rule of retention; their commitments hold

	gone map[int64][]int64 // by the entry of a dropping: the entries of versions that it is said to have dropped
}

// Committed returns what the ledger committed to for versions above a number, oldest first, with their entries; erased
// versions have no salt. It is what packages and Verify read.
func (b *Book) Committed(ctx context.Context, q store.Q, after int64, limit int) (list []Sealed, err error) {
	return b.committed(ctx, q, "v.id > $1 ORDER BY v.id LIMIT $2", after, limit)
}

// CommittedRecord is Committed for one record.
func (b *Book) CommittedRecord(ctx context.Context, q store.Q, record int64) ([]Sealed, error) {
	return b.committed(ctx, q, "v.record = $1 AND $2 = 0 ORDER BY v.id", record, 0)
}

// Sealed is a version with the entry that commits to it.
type Sealed struct {
	ID     int64 `json:"-"`
	Record int64 `json:"-"`
	Committed
	To     store.Moment `json:"to"`
	Entry  int64        `json:"entry"`
	Closed *int64       `json:"closed,omitempty"`
	Hash   []byte       `json:"-"`
}

func (b *Book) committed(ctx context.Context, q store.Q, where string, args ...any) ([]Sealed, error) {
	type row struct {
		versionRow
		Raw      []byte `db:"raw"`
		Previous int64  `db:"previous"`
	}
	rows, err := store.All[row](ctx, q, `SELECT v.id, v.record, v.kind, r.key, r.source, v.valid_from, v.valid_to, v.entry, v.closed, v.schema_version, v.hash, v.salt, v.body, v.raw,
		v.origin, v.label, v.scope, v.occurred, v.zone, v.actor, v.reason, v.run,
		coalesce((SELECT p.entry FROM version p WHERE p.record = v.record AND p.valid_to = v.valid_from), -1) AS previous
		FROM version v JOIN record r ON r.id = v.record WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	out := make([]Sealed, len(rows))
	for i, r := range rows {
		ki := b.byNumber[r.Kind]
		if ki == nil {
			return nil, fmt.Errorf("version %d is of the unknown kind number %d", r.ID, r.Kind)
		}
		s := Sealed{ID: r.ID, Record: r.Record, To: r.To, Entry: r.Entry, Closed: r.Closed, Hash: r.Hash, Committed: Committed{Kind: ki.Name, Key: r.Key, Source: r.Source,
			Origin: r.Origin, Schema: r.Schema, From: int64(r.From), Occurred: NoTime, Zone: r.Zone, Previous: r.Previous, Run: r.Run, Label: r.Label, Scope: r.Scope,
			Actor: r.Actor, Reason: r.Reason, Salt: r.Salt}}
		if r.Occurred != nil {
			s.Occurred = *r.Occurred
		}
		if r.Salt != nil {
			if s.Dropped, err = isDropped(r.Body, r.Raw, r.Salt); err != nil {
				return nil, fmt.Errorf("version %d: %w", r.ID, err)
			}
		}
		if r.Salt != nil && s.Dropped == nil {
			if s.Body, err = ki.squeeze.open(r.Body); err != nil {
				return nil, fmt.Errorf("version %d: %w", r.ID, err)
			}
			if s.Raw, err = ki.squeeze.openRaw(r.Raw, s.Body); err != nil {
				return nil, fmt.Errorf("version %d: %w", r.ID, err)
			}
		}
		out[i] = s
	}
	return out, nil
}

// Verify re-proves everything the database says against the ledger: the log itself, then each version and each action
// against the leaf that commits to it. The error names the first thing that does not hold.
func (b *Book) Verify(ctx context.Context, progress func(what string, done, total int64)) (Proven, error) {
	p := Proven{gone: map[int64][]int64{}}
	err := b.DB.Read(ctx, func(tx *store.Tx) (err error) {
		p.Entries, err = b.Log.Verify(ctx, tx, func(done, total int64) {
			if progress != nil {
				progress("entries", done, total)
			}
		})
		if err != nil {
			return err
		}
		erased, err := b.Erased(ctx, tx)
		if err != nil {
			return err
		}
		for after := int64(0); ; {
			list, err := b.Committed(ctx, tx, after, 2000)
			if err != nil {
				return fault.New(fault.Invalid, "A version cannot be read back: %w.", err).WithNext("Restore from a backup.")
			}
			if len(list) == 0 {
				break
			}
			leaves, err := b.leavesOf(ctx, tx, list)
			if err != nil {
				return err
			}
			for _, s := range list {
				after = s.ID
				if err := s.holds(leaves, erased); err != nil {
					return err
				}
				if p.Versions++; s.Salt == nil {
					p.Erased++
				}
				if s.Dropped != nil {
					p.Dropped++
					p.gone[s.Dropped.By] = append(p.gone[s.Dropped.By], s.Entry)
				}
			}
			if progress != nil {
				progress("versions", p.Versions, 0)
			}
		}
		if n, err := b.Log.CountLeaves(ctx, tx, merkle.LeafVersion); err != nil {
			return err
		} else if n != p.Versions {
			return broken("the ledger has %d versions, the database %d: some were removed.", n, p.Versions)
		}
		return b.verifyActions(ctx, tx, erased, &p)
	})
	return p, err
}

// holds compares a version with the leaf that commits to it; what was erased keeps its place.
func (s Sealed) holds(leaves map[int64]merkle.Leaf, erased map[int64]bool) error {
	leaf, ok := leaves[s.Entry]
	switch {
	case !ok || leaf.Type != merkle.LeafVersion:
		return broken("%s %s: entry %d is not the entry of a version.", s.Kind, s.Key, s.Entry)
	case leaf.At != s.From:
		return broken("%s %s: it says it holds from %s, the ledger %s.", s.Kind, s.Key, store.Moment(s.From), store.Moment(leaf.At))
	case s.Dropped != nil && s.To == store.Forever:
		return broken("%s %s: the body of the version that holds is gone.", s.Kind, s.Key)
	case s.Salt == nil && !erased[s.Record]:
		return broken("%s %s from %s: its content is gone, and the ledger has no erasure of it.", s.Kind, s.Key, store.Moment(s.From))
	case s.Salt != nil && Commitment(s.Committed) != leaf.Commitment:
		return broken("%s %s from %s: its content is not what ledger entry %d committed to.", s.Kind, s.Key, store.Moment(s.From), s.Entry)
	}
	return nil
}

func (b *Book) leavesOf(ctx context.Context, q store.Q, list []Sealed) (map[int64]merkle.Leaf, error) {
	entries := make([]int64, len(list))
	for i, s := range list {
		entries[i] = s.Entry
	}
	return b.Log.Leaves(ctx, q, entries)
}

// Erased are the numbers of the records that were erased, by what the ledger has of it. Whoever takes away a salt can otherwise
// pass anything off as erased.
func (b *Book) Erased(ctx context.Context, q store.Q) (map[int64]bool, error) {
	list, err := store.All[ledger.Action](ctx, q, "SELECT entry, at, verb, actor, subject, detail, salt FROM action WHERE verb = 'record.erased' AND salt IS NOT NULL")
	if err != nil {
		return nil, fmt.Errorf("read what was erased: %w", err)
	}
	entries := make([]int64, len(list))
	for i, a := range list {
		entries[i] = a.Entry
	}
	leaves, err := b.Log.Leaves(ctx, q, entries)
	if err != nil {
		return nil, fmt.Errorf("read what was erased: %w", err)
	}
	out := map[int64]bool{}
	for _, a := range list {
		leaf, ok := leaves[a.Entry]
		_, number, _ := strings.Cut(a.Subject, " record ")
		id, err := strconv.ParseInt(number, 10, 64)
		out[id] = out[id] || err == nil && ok && leaf.Type == merkle.LeafErasure && leaf.Commitment == a.Commitment()
	}
	return out, nil
}

// Altered counts those of some versions that the ledger does not back.
func (b *Book) Altered(ctx context.Context, q store.Q, versions []int64) (int, error) {
	erased, err := b.Erased(ctx, q)
	if err != nil || len(versions) == 0 {
		return 0, err
	}
	n := 0
	slices.Sort(versions)
	for part := range slices.Chunk(slices.Compact(versions), 200) {
		args := make([]any, len(part))
		for i, id := range part {
			args[i] = id
		}
		list, err := b.committed(ctx, q, "v.id IN ("+store.Marks(1, len(part))+")", args...)
		if err != nil { // one that cannot be read back is none that was written
			n++
			continue
		}
		leaves, err := b.leavesOf(ctx, q, list)
		if err != nil {
			return n, err
		}
		for _, s := range list {
			if s.holds(leaves, erased) != nil {
				n++
			}
		}
	}
	return n, nil
}

func broken(format string, args ...any) error {
	return fault.New(fault.Invalid, format, args...).WithNext("Restore from a backup and find out who had access to the database.")
}

func (b *Book) verifyActions(ctx context.Context, tx *store.Tx, erased map[int64]bool, p *Proven) error {
	for after := int64(-1); ; {
		rows, err := store.All[ledger.Action](ctx, tx, "SELECT entry, at, verb, actor, subject, detail, salt FROM action WHERE entry > $1 ORDER BY entry LIMIT 2000", after)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		entries := make([]int64, len(rows))
		for i, a := range rows {
			entries[i] = a.Entry
		}
		leaves, err := b.Log.Leaves(ctx, tx, entries)
		if err != nil {
			return err
		}
		for _, a := range rows {
			after = a.Entry
			p.Actions++
			leaf, ok := leaves[a.Entry]
			if !ok {
				return broken("the action %s at %s has no ledger entry.", a.Verb, a.At)
			}
			if a.Verb == DropVerb {
				if err := p.dropping(a); err != nil {
					return err
				}
			}
			if a.Salt == nil {
				of, err := store.All[int64](ctx, tx, "SELECT record FROM version WHERE closed = $1", a.Entry)
				if err != nil {
					return err
				}
				if len(of) == 0 || !erased[of[0]] {
					return broken("the action %s at %s has no content, and the ledger has no erasure of it.", a.Verb, a.At)
				}
				p.Erased++
			} else if leaf.Commitment != a.Commitment() || leaf.At != int64(a.At) {
				return broken("the action %s at %s is not what ledger entry %d committed to.", a.Verb, a.At, a.Entry)
			}
		}
	}
	for by, list := range p.gone {
		return broken("the bodies of %d versions are gone, and nothing in the ledger dropped them (entry %d is named).", len(list), by)
	}
	n := int64(0)
	for _, typ := range []string{merkle.LeafAction, merkle.LeafClose, merkle.LeafErasure, merkle.LeafManifest} {
		k, err := b.Log.CountLeaves(ctx, tx, typ)
		if err != nil {
			return err
		}
		n += k
	}
	if n != p.Actions {
		return broken("the ledger has %d actions, the database %d: some were removed.", n, p.Actions)
	}
	return nil
}

// dropping compares what a dropping says that it dropped with what is said to have gone by it.
func (p *Proven) dropping(a ledger.Action) error {
	var d Dropping
	if err := json.Unmarshal(a.Detail, &d); err != nil {
		return broken("the dropping in entry %d does not say what it dropped.", a.Entry)
	}
	for _, entry := range p.gone[a.Entry] {
		if _, ok := slices.BinarySearch(d.Entries, entry); !ok {
			return broken("the body of the version in entry %d is gone, and entry %d did not drop it.", entry, a.Entry)
		}
	}
	delete(p.gone, a.Entry)
	return nil
}
