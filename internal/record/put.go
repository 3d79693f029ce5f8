package record

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// Change is one thing to write: new content, a move along the life cycle, or an end.
type Change struct {
	Kind, Key string
	Source    string          // empty: Program
	Body      json.RawMessage // the whole new content; nil with Move or Delete
	Move      string          // a move of the kind's life cycle
	Said      map[string]any  // what the person states with the move
	Delete    bool            // the record ends; its history stays
	Reason    string
	Origin    Origin        // empty: Typed
	If        *store.Moment // refuse when the version that holds did not begin then; a pointer to zero: refuse when one holds
}

// Put writes changes, all or none, and returns the versions that now hold (for a Delete, the one that ended).
func (b *Book) Put(ctx context.Context, by Authority, changes ...Change) ([]Version, error) {
	var out []Version
	err := b.Log.Write(ctx, func(tx *ledger.Tx) (err error) {
		out, err = b.PutIn(ctx, tx, by, changes...)
		return err
	})
	return out, err
}

// PutIn is Put inside a transaction of the caller's.
func (b *Book) PutIn(ctx context.Context, tx *ledger.Tx, by Authority, changes ...Change) ([]Version, error) {
	batch := map[string]bool{}
	for _, c := range changes {
		if c.Key != "" && c.Body != nil {
			batch[c.Kind+"/"+strings.TrimSpace(c.Key)] = true
		}
	}
	ctx = context.WithValue(ctx, batchKey{}, batch)
	out := make([]Version, 0, len(changes))
	for len(out) < len(changes) {
		done, err := b.putSome(ctx, tx, by, changes[len(out):])
		if at := (*stopped)(nil); errors.As(err, &at) && len(changes) > 1 {
			n := len(out) + at.change
			return nil, within(at.err, n+1, changes[n])
		} else if at != nil {
			return nil, at.err
		}
		if err != nil {
			return nil, err
		}
		out = append(out, done...)
	}
	return out, nil
}

// most is how many changes are read, judged and written together.
const most = 500

// stopped is the first change that is refused, counted from 0.
type stopped struct {
	change int
	err    error
}

func (s *stopped) Error() string { return s.err.Error() }

// putSome writes the first changes that can go together: of one kind and source and of different records, so that none has to
// see what another did; where a kind looks at other records, one by one. What is refused is refused in the order of the
// changes.
func (b *Book) putSome(ctx context.Context, tx *ledger.Tx, by Authority, changes []Change) ([]Version, error) {
	var list []*proposal
	var refused error
	seen := map[string]bool{}
	for i, c := range changes[:min(most, len(changes))] {
		if c.Kind != changes[0].Kind || cmp.Or(c.Source, Program) != cmp.Or(changes[0].Source, Program) {
			break
		}
		p, err := b.propose(ctx, by, c)
		if err != nil {
			refused = &stopped{i, err}
			break
		}
		if seen[p.draft.key] {
			break
		}
		seen[p.draft.key] = true
		list = append(list, p)
		if k := p.draft.kind; k.Check != nil || k.Follows != nil {
			break
		}
	}
	drafts := make([]*draft, len(list))
	for i, p := range list {
		drafts[i] = p.draft
	}
	if err := b.attach(ctx, tx, drafts); err != nil {
		return nil, err
	}
	if len(list) > 1 {
		if err := b.lookUp(ctx, tx, list); err != nil {
			return nil, err
		}
	}
	var fresh []*draft
	var volatiles [][]any
	for i, p := range list {
		var err error
		if p.same, err = b.judge(ctx, tx, p); err != nil {
			return nil, &stopped{i, err}
		}
		switch d := p.draft; {
		case !p.same:
			fresh = append(fresh, d)
		case d.volatile != nil:
			volatiles = append(volatiles, []any{d.record, d.volatile, tx.Now})
		}
	}
	if refused != nil {
		return nil, refused
	}
	if err := b.write(ctx, tx, fresh); err != nil {
		return nil, err
	}
	if err := b.putVolatile(ctx, tx, volatiles); err != nil {
		return nil, err
	}
	for _, d := range fresh {
		if err := b.follow(ctx, tx, d); err != nil {
			return nil, err
		}
	}
	return b.holding(ctx, tx, list)
}

// follow writes what a change brings with it.
func (b *Book) follow(ctx context.Context, tx *ledger.Tx, d *draft) error {
	if d.kind.Follows == nil || d.gone {
		return nil
	}
	more, err := d.kind.Follows(b.look(AsProgram(ctx), tx, tx.Now.Time(), 0), d.key, d.before, d.after)
	if err != nil || len(more) == 0 {
		return err
	}
	_, err = b.PutIn(ctx, tx, Job("job:"+d.kind.Name), more...)
	return err
}

// proposal is a change on its way to be a draft.
type proposal struct {
	Change
	actor   Actor
	content map[string]any
	draft   *draft
	same    bool // nothing would change
}

// holding are the versions that now hold, or ended last, of what was proposed.
func (b *Book) holding(ctx context.Context, tx *ledger.Tx, list []*proposal) ([]Version, error) {
	out := make([]Version, len(list))
	stand := map[int64][]int{}
	var ids []any
	for i, p := range list {
		if !p.same && !p.Delete {
			out[i] = p.draft.made(tx.Now)
			continue
		}
		stand[p.draft.record] = append(stand[p.draft.record], i)
		ids = append(ids, p.draft.record)
	}
	for len(ids) > 0 {
		n := min(200, len(ids))
		rows, err := store.All[versionRow](ctx, tx, versionSelect+"WHERE v.record IN ("+store.Marks(1, n)+") AND v.valid_from = (SELECT max(w.valid_from) FROM version w WHERE w.record = v.record)", ids[:n]...)
		if err != nil {
			return nil, fmt.Errorf("read what holds: %w", err)
		}
		for _, r := range rows {
			for _, i := range stand[r.Record] {
				if out[i], err = b.version(r); err != nil {
					return nil, err
				}
			}
		}
		ids = ids[n:]
	}
	return out, nil
}

// made is the version that a written draft became.
func (d *draft) made(now store.Moment) Version {
	v := Version{ID: d.version, Record: d.record, Kind: d.kind.Name, Key: d.key, Source: d.source, Origin: d.origin, Label: d.label, Scope: d.scope,
		Body: d.body, From: now, To: store.Forever, Actor: d.actor, Reason: d.reason, Entry: d.entry, Run: d.run, Hash: d.hash[:]}
	if d.occurred != nil {
		t := d.occurred.Time()
		if z, err := time.Parse("-07:00", d.zone()); err == nil {
			t = t.In(z.Location())
		}
		v.Occurred = &Occurred{t, d.zone()}
	}
	return v
}

// lookUp finds which of the records that the proposals refer to exist, all at once.
func (b *Book) lookUp(ctx context.Context, tx *ledger.Tx, list []*proposal) error {
	known, _ := ctx.Value(batchKey{}).(map[string]bool)
	wanted := map[string]map[string]bool{}
	for _, p := range list {
		references(p.draft.kind.Fields, p.content, func(kind, key string) {
			if known[kind+"/"+key] {
				return
			}
			if wanted[kind] == nil {
				wanted[kind] = map[string]bool{}
			}
			wanted[kind][key] = true
		})
	}
	for kind, keys := range wanted {
		ki, err := b.kind(kind)
		if err != nil {
			return err
		}
		args := []any{ki.id}
		for key := range keys {
			args = append(args, key)
		}
		for len(args) > 1 {
			n := min(200, len(args)-1)
			found, err := store.All[string](ctx, tx, "SELECT DISTINCT key FROM record WHERE kind = $1 AND key IN ("+store.Marks(2, n)+")", args[:n+1]...)
			if err != nil {
				return fmt.Errorf("find what is referred to: %w", err)
			}
			for _, key := range found {
				known[kind+"/"+key] = true
			}
			args = append([]any{ki.id}, args[n+1:]...)
		}
	}
	return nil
}

// references hands over every reference in a body that may be one.
func references(fields []Field, body map[string]any, found func(kind, key string)) {
	for _, f := range fields {
		list, isList := body[f.Name].([]any)
		if !isList {
			list = []any{body[f.Name]}
		}
		for _, v := range list {
			switch v := v.(type) {
			case string:
				if f.Type == Ref && f.Refers != "" && v != "" {
					found(f.Refers, v)
				}
			case map[string]any:
				if f.Type == Object {
					references(f.Fields, v, found)
				}
			}
		}
	}
}

// batchKey is where PutIn keeps the records that are written together, so that they may refer to one another in any order.
type batchKey struct{}

// Refused is the cause of a refusal among several changes: which of them, counted from 0, and the refusal itself.
type Refused struct {
	Change int
	Fault  *fault.Fault
}

func (r *Refused) Error() string { return r.Fault.Error() }

func (r *Refused) Unwrap() error { return r.Fault }

func within(err error, n int, c Change) error {
	var f *fault.Fault
	if errors.As(err, &f) {
		g := *f
		g.Message = fmt.Sprintf("Record %d (%s %s): %s", n, c.Kind, c.Key, f.Message)
		g.Err = &Refused{n - 1, f}
		return &g
	}
	return fmt.Errorf("record %d (%s %s): %w", n, c.Kind, c.Key, err)
}

// propose reads one change, without looking at the database.
func (b *Book) propose(ctx context.Context, by Authority, c Change) (*proposal, error) {
	ki, err := b.kind(c.Kind)
	if err != nil {
		return nil, err
	}
	actor := by.Actor()
	switch {
	case actor.IsJob():
	case ki.Collected:
		return nil, fault.New(fault.Denied, "%s are read from their source and cannot be edited.", ki.Plural)
	case ki.System:
		return nil, fault.New(fault.Denied, "%s are written by Tickmark itself and cannot be edited.", ki.Plural)
	}
	verb := "write"
	if c.Move != "" {
		verb = "act"
	}
	if err := by.May(ctx, verb, ki.Kind); err != nil {
		return nil, err
	}
	d := &draft{kind: ki, key: strings.TrimSpace(c.Key), source: cmp.Or(c.Source, Program), origin: cmp.Or(c.Origin, Typed), actor: actor.Name, reason: c.Reason}
	p := &proposal{Change: c, actor: actor, draft: d}
	if c.Body != nil {
		canon, err := Canonical(c.Body)
		if err != nil {
			return nil, err
		}
		if p.content, err = decode(canon); err != nil {
			return nil, err
		}
		if own := ki.ownKey(p.content); d.key == "" {
			d.key = cmp.Or(own, strings.ToLower(rand.Text()[:13]))
		} else if own != "" && own != d.key {
			return nil, fault.New(fault.Invalid, "The key of this %s is %q, and its content says %q.", strings.ToLower(ki.Title), d.key, own)
		}
	}
	return p, goodKey(d.key)
}

// judge makes a proposal whose record was found a draft to write. same says that nothing would change.
func (b *Book) judge(ctx context.Context, tx *ledger.Tx, p *proposal) (same bool, err error) {
	d, ki, c := p.draft, p.draft.kind, p.Change
	if c.If != nil && (d.prev == nil && *c.If != 0 || d.prev != nil && d.prev.From != *c.If) {
		return false, fault.New(fault.Conflict, "%s %s was changed meanwhile.", ki.Title, d.key).WithNext("Look at the present version and decide again.")
	}
	var before map[string]any
	if d.prev != nil {
		stored, err := ki.squeeze.open(d.prev.Body)
		if err != nil {
			return false, err
		}
		if before, err = ki.upcast(stored, int(d.prev.Schema)); err != nil {
			return false, err
		}
	}
	if err := b.writable(ctx, tx, ki, d.key, before, p.content, p.actor); err != nil {
		return false, err
	}
	at := tx.Now.Time()
	var after map[string]any
	switch {
	case c.Delete:
		if before == nil {
			return false, fault.New(fault.NotFound, "There is no %s %q to end.", strings.ToLower(ki.Title), d.key)
		}
		if err := ki.Ended(); err != nil {
			return false, err
		}
		if ki.governor != nil && ki.governor.Keeps != nil && ki.States == nil && !p.actor.IsJob() {
			return false, fault.New(fault.Conflict, "Records of kind %s are never deleted.", ki.Name).WithNext("Write another that says what is so now; both stay on record.")
		}
		if strings.TrimSpace(c.Reason) == "" {
			return false, fault.New(fault.Invalid, "Say why %s %s ends.", strings.ToLower(ki.Title), d.key)
		}
		d.gone = true
		return false, nil
	case c.Move != "":
		if before == nil {
			return false, fault.New(fault.NotFound, "There is no %s %q.", strings.ToLower(ki.Title), d.key)
		}
		after, err = ki.Moved(before, c.Move, c.Said, p.actor, at)
	case p.content == nil:
		return false, fault.New(fault.Invalid, "The change of %s %s has neither content nor a move.", ki.Title, d.key)
	default:
		after, err = ki.Written(before, p.content, p.actor, at)
	}
	if err != nil {
		return false, err
	}
	if err := b.validate(ctx, tx, ki, after); err != nil {
		return false, err
	}
	if ki.Check != nil {
		if err := ki.Check(b.look(AsProgram(ctx), tx, tx.Now.Time(), 0), before, after, p.actor); err != nil {
			return false, err
		}
	}
	d.before, d.after = before, after
	canon, err := encode(after)
	if err != nil {
		return false, err
	}
	if d.body, d.volatile, _, err = b.split(ki.Kind, canon); err != nil {
		return false, err
	}
	d.hash = sha256.Sum256(d.body)
	if d.prev != nil && string(d.prev.Hash) == string(d.hash[:]) {
		return true, nil
	}
	d.label = clip(ki.labelOf(d.body, d.key), maxLabel)
	return false, d.happened(after)
}

// happened takes an event's time from its body.
func (d *draft) happened(body map[string]any) error {
	if d.kind.Occurred == "" {
		return nil
	}
	s, _ := body[d.kind.Occurred].(string)
	if s == "" {
		return fault.New(fault.Invalid, "%s needs %s: when it happened.", d.kind.Title, words(d.kind.Occurred))
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		if t, err = time.Parse(time.DateOnly, s); err != nil {
			return fault.New(fault.Invalid, "%s: %q is not a time.", sentence(d.kind.Occurred), s)
		}
	}
	d.occurred, d.zoneText = &moment{store.At(t)}, t.Format("-07:00")
	return nil
}

func goodKey(key string) error {
	if key == "" || len(key) > 300 || strings.ContainsAny(key, "\x00\n\r") || key == "." || key == ".." {
		return fault.New(fault.Invalid, "%q cannot be a record's key.", clip(key, 60)).WithNext("Use 1 to 300 characters on one line.")
	}
	return nil
}

// ownKey is the key that the content itself gives: the declared field's value, or the one key of a kind that has a single
// record, which stands in quotes. Empty: it gives none.
func (k *Kind) ownKey(body map[string]any) string {
	if one, ok := strings.CutPrefix(k.Key, `"`); ok {
		return strings.TrimSuffix(one, `"`)
	}
	s, _ := body[k.Key].(string)
	return s
}
