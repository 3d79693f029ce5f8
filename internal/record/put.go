package record

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	more, err := d.kind.Follows(b.look(ctx, tx, tx.Now.Time(), 0), d.key, d.before, d.after)
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
		if err := ki.Check(b.look(ctx, tx, tx.Now.Time(), 0), before, after, p.actor); err != nil {
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
	d.label = clip(ki.labelOf(d.body, d.key), 300)
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

// validate checks a body against the kind's fields. The first thing wrong is named with its field.
func (b *Book) validate(ctx context.Context, q store.Q, ki *kindInfo, body map[string]any) error {
	for _, f := range ki.Fields {
		if err := b.validField(ctx, q, f, f.Name, body[f.Name]); err != nil {
			return err
		}
	}
	for name, v := range body {
		if _, ok := ki.FieldNamed(name); ok || name == StateField && ki.States != nil {
			continue
		}
		if name == Custom {
			if err := b.validCustom(ctx, q, ki, v); err != nil {
				return err
			}
			continue
		}
		return fault.New(fault.Invalid, "%s has no field %q.", ki.Title, name).WithNext("Its fields are %s.", strings.Join(ki.fieldNames(), ", "))
	}
	return nil
}

func (k *Kind) fieldNames() []string {
	out := make([]string, len(k.Fields))
	for i, f := range k.Fields {
		out[i] = f.Name
	}
	return out
}

func (b *Book) validField(ctx context.Context, q store.Q, f Field, path string, v any) error {
	if blank(v) {
		if f.Required {
			return fault.New(fault.Invalid, "%s is needed.", path).WithNext("%s", f.Help)
		}
		if v == nil {
			return nil
		}
	}
	wrong := func(want string) error {
		raw, _ := json.Marshal(v)
		return fault.New(fault.Invalid, "%s: %s is not %s.", path, clip(string(raw), 80), want)
	}
	if f.List {
		list, ok := v.([]any)
		if !ok {
			return wrong("a list")
		}
		one := f
		one.List, one.Required = false, true
		for i, e := range list {
			if err := b.validField(ctx, q, one, fmt.Sprintf("%s[%d]", path, i), e); err != nil {
				return err
			}
		}
		return nil
	}
	switch f.Type {
	case JSON:
		return nil
	case Object:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong("an object")
		}
		for _, g := range f.Fields {
			if err := b.validField(ctx, q, g, path+"."+g.Name, m[g.Name]); err != nil {
				return err
			}
		}
		for name := range m {
			if len(f.Fields) > 0 && !slices.ContainsFunc(f.Fields, func(g Field) bool { return g.Name == name }) {
				return fault.New(fault.Invalid, "%s has no field %q.", path, name)
			}
		}
		return nil
	case Bool:
		if _, ok := v.(bool); !ok {
			return wrong("true or false")
		}
		return nil
	case Integer, Number:
		n, ok := v.(json.Number)
		if i, isInt := v.(int64); isInt {
			n, ok = json.Number(fmt.Sprint(i)), true
		}
		if !ok {
			if x, isFloat := v.(float64); isFloat {
				n, ok = json.Number(fmt.Sprint(x)), true
			}
		}
		if !ok {
			return wrong("a number")
		}
		if _, err := n.Int64(); f.Type == Integer && err != nil {
			return wrong("a whole number")
		}
		return nil
	}
	s, ok := v.(string)
	if !ok {
		return wrong("text")
	}
	if s == "" {
		return nil
	}
	switch f.Type {
	case Time:
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			return wrong("a time such as 2026-01-31T09:00:00+01:00")
		}
	case Date:
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return wrong("a date such as 2026-01-31")
		}
	case Choice:
		if !slices.Contains(f.Choices, s) {
			return wrong("one of " + strings.Join(f.Choices, ", "))
		}
	case Email:
		if at := strings.LastIndexByte(s, '@'); at < 1 || at == len(s)-1 || strings.ContainsAny(s, " \t\n<>,;") {
			return wrong("an e-mail address")
		}
	case URL:
		if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
			return wrong("an address that begins with https://")
		}
	case Ref:
		if f.Refers == "" || f.Fixed && strings.Contains(s, ":") { // who acted may be a job or an account: Actor.Stamp
			return nil
		}
		ki, err := b.kind(f.Refers)
		if err != nil {
			return err
		}
		if batch, _ := ctx.Value(batchKey{}).(map[string]bool); batch[f.Refers+"/"+s] {
			return nil
		}
		n, err := store.One[int64](ctx, q, "SELECT count(*) FROM record WHERE kind = $1 AND key = $2", ki.id, s)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Invalid, "%s: there is no %s %q.", path, strings.ToLower(ki.Title), s).WithNext("Write that record first, or use the key of one that exists.")
		}
	}
	return nil
}

// validCustom checks an organisation's own fields against the custom_field records of the kind.
func (b *Book) validCustom(ctx context.Context, q store.Q, ki *kindInfo, v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return fault.New(fault.Invalid, "custom: an object of your own fields was expected.")
	}
	own, err := b.CustomFields(ctx, q, ki.Name)
	if err != nil {
		return err
	}
	for name, x := range m {
		i := slices.IndexFunc(own, func(f Field) bool { return f.Name == name })
		if i < 0 {
			return fault.New(fault.Invalid, "%s has no custom field %q.", ki.Title, name).WithNext("Declare it with a record of kind custom_field.")
		}
		if err := b.validField(ctx, q, own[i], "custom."+name, x); err != nil {
			return err
		}
	}
	for _, f := range own {
		if f.Required && blank(m[f.Name]) {
			return fault.New(fault.Invalid, "custom.%s is needed.", f.Name)
		}
	}
	return nil
}

// CustomFields are the fields that the organisation added to a kind.
func (b *Book) CustomFields(ctx context.Context, q store.Q, kind string) ([]Field, error) {
	if b.info[customFieldKind] == nil {
		return nil, nil
	}
	list, err := b.Find(ctx, q, customFieldKind, "kind", kind, 0)
	if err != nil {
		return nil, err
	}
	var out []Field
	for _, v := range list {
		var c struct {
			Name, Title, Help, Type string
			Choices                 []string
			Required                bool
		}
		if err := json.Unmarshal(v.Body, &c); err != nil {
			return nil, err
		}
		out = append(out, Field{Name: c.Name, Title: c.Title, Help: c.Help, Type: Type(c.Type), Choices: c.Choices, Required: c.Required})
	}
	slices.SortFunc(out, func(x, y Field) int { return strings.Compare(x.Name, y.Name) })
	return out, nil
}
