package entitlement

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Words are the views by which sources are asked in the same words: check.Vocabulary.
type Words interface {
	Kinds(view string) []*record.Kind
	Values(view, kind string, doc *expr.Doc, fields ...string) ([]any, expr.Value)
}

// accountView is the view that every source of accounts offers.
const accountView = "account"

// Account is an account of a source with whose it is.
type Account struct {
	person.Account
	Name            string
	Kind, Key       string // of its record
	Person, Machine string
	People          int
	Enabled, Admin  *bool
	MFA             *bool
	LastUsed        time.Time
	NeverUsed       bool
	Created         string
	UsedKnown       bool
	Read            store.Moment // when its source was last read completely
	Unread          store.Moment // since when it was not; zero while it is read
	Version         record.Version
}

// Address tells accounts apart: SOURCE/ID, and where an id is a name on one machine, SOURCE/RECORD.
func (a Account) Address() string {
	if a.Local {
		return a.Source + "/" + a.Key
	}
	return person.Link(a.Account)
}

// Register reads the company's access as it stands now.
type Register struct {
	Book  *record.Book
	Words Words
}

// State is what is known of access at one moment.
type State struct {
	At       time.Time
	Day      string // in the organisation's zone
	Matrices []Roles
	Rights   []Held
	People   map[string]who
	Requests map[string][]request // by person
	reads    map[[2]string]stretch
	left     map[string]store.Moment // since when a scope is no longer read, by connection, kind and scope
	register *Register
	dir      *person.Directory
	print    hash.Hash // of all that who has what follows from, the accounts themselves told by when they were read
}

type request struct {
	Key string
	Asked
}

// stretch is how a kind of a connection is read now: all of its scopes.
type stretch struct {
	read   store.Moment // the earliest of the last reads of its scopes
	unread store.Moment // since when one of its scopes is not read
	run    int64
	known  bool
}

// Load reads everything that says who has what.
func (g *Register) Load(ctx context.Context) (*State, error) {
	s, err := g.begin(ctx)
	if err != nil {
		return nil, err
	}
	return s, s.look(ctx)
}

// look reads the rights from what the sources show.
func (s *State) look(ctx context.Context) error {
	for _, m := range s.Matrices {
		for _, r := range m.Roles {
			if r.Kind == "" {
				continue
			}
			if err := s.holders(ctx, m, r); err != nil {
				return err
			}
		}
	}
	s.compare()
	slices.SortFunc(s.Rights, func(a, b Held) int { return strings.Compare(a.Key(), b.Key()) })
	return nil
}

// begin reads all but the accounts.
func (g *Register) begin(ctx context.Context) (*State, error) {
	s := &State{At: g.Book.Log.Now(), People: map[string]who{}, Requests: map[string][]request{}, reads: map[[2]string]stretch{}, left: map[string]store.Moment{}, register: g, dir: &person.Directory{}, print: sha256.New()}
	look := g.Book.LookAt(ctx, time.Time{})
	s.Day = s.At.In(zone(look)).Format(time.DateOnly)
	s.print.Write([]byte(s.At.UTC().Format("2006-01-02T15")))
	note := func(v record.Version) { s.print.Write(v.Hash) }
	err := g.Book.EachAt(ctx, g.Book.DB, Version, 0, func(v record.Version) error {
		note(v)
		m, err := RolesOf(v)
		if err == nil && m.Until == "" {
			s.Matrices = append(s.Matrices, m)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(s.Matrices, func(a, b Roles) int { return strings.Compare(a.Matrix, b.Matrix) })
	err = g.Book.EachBody(ctx, g.Book.DB, "person", 0, func(v record.Version) error {
		note(v)
		if v.Erased {
			return nil
		}
		var p who
		if err := json.Unmarshal(v.Body, &p); err != nil {
			return fmt.Errorf("read person %s: %w", v.Key, err)
		}
		p.Key = v.Key
		s.People[v.Key] = p
		s.dir.Add(v.Key, append([]string{p.Email}, p.OtherEmails...), p.Accounts)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = g.Book.EachBody(ctx, g.Book.DB, "machine_identity", 0, func(v record.Version) error {
		note(v)
		var b struct{ Accounts []string }
		if v.Erased {
			return nil
		}
		err := json.Unmarshal(v.Body, &b)
		s.dir.AddMachine(v.Key, b.Accounts)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = g.Book.EachBody(ctx, g.Book.DB, Request, 0, func(v record.Version) error {
		note(v)
		if v.Erased {
			return nil
		}
		a, err := AskedOf(v.Body)
		s.Requests[a.Beneficiary] = append(s.Requests[a.Beneficiary], request{v.Key, a})
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, s.cover(ctx)
}

// cover tells how each kind of each connection is read now.
func (s *State) cover(ctx context.Context) error {
	rows, err := collect.CoverageOf(ctx, s.register.Book.DB, collect.CoverageQuery{})
	if err != nil {
		return err
	}
	type lane struct{ connection, kind, scope, part string }
	last := map[lane]collect.Coverage{} // parts too: a right may be told by one, and one that is refused leaves the record as it was
	for _, c := range rows {
		l := lane{c.Connection, c.Kind, c.Scope, c.Part}
		if old, ok := last[l]; !ok || c.From >= old.From {
			last[l] = c
		}
	}
	now := store.At(s.At)
	for _, l := range slices.SortedFunc(maps.Keys(last), func(a, b lane) int {
		return cmp.Or(cmp.Compare(a.connection, b.connection), cmp.Compare(a.kind, b.kind), cmp.Compare(a.scope, b.scope), cmp.Compare(a.part, b.part))
	}) {
		c := last[l]
		fmt.Fprintln(s.print, l, c.LastRead, c.LastRun, c.To <= now, c.Ended)
		k := [2]string{l.connection, l.kind}
		x, ok := s.reads[k]
		if collect.Left(c.Ended) {
			if l.part == "" {
				s.left[l.connection+"\n"+l.kind+"\n"+l.scope] = c.To
			}
			continue // no longer in scope, so nothing of it is missed; and what stands in it, nobody vouches for
		}
		if !ok || c.LastRead < x.read {
			x.read = c.LastRead
		}
		x.run = max(x.run, c.LastRun)
		if c.To <= now && (x.unread == 0 || c.To < x.unread) {
			x.unread = c.To
		}
		x.known = true
		s.reads[k] = x
	}
	return nil
}

// holders are those whom the source shows with a role.
func (s *State) holders(ctx context.Context, m Roles, r Role) error {
	book := s.register.Book
	q := record.Query{Kind: r.Kind, Where: r.Where, Source: r.Source, Limit: 1000, Latest: true}
	for {
		page, err := book.List(ctx, q)
		if err != nil {
			return fmt.Errorf("read who has %s of %s: %w", r.ID, m.Matrix, err)
		}
		for _, v := range page.Versions {
			if v.Erased || v.Dropped != nil || len(m.Sources) > 0 && !slices.Contains(m.Sources, v.Source) {
				continue
			}
			a, ok, err := s.account(v)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			s.Rights = append(s.Rights, s.held(m, r, a))
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}

func (s *State) held(m Roles, r Role, a Account) Held {
	h := Held{Matrix: m.Matrix, Version: m.Key, Role: r.ID, RoleName: r.Name, Sensitivity: r.Sensitivity, Account: a.Address(), Person: a.Person, Machine: a.Machine, People: a.People, Positions: r.Positions,
		Enabled: a.Enabled, MFA: a.MFA, Source: a.Source, OfKind: a.Kind, OfKey: a.Key}
	h.Title = fmt.Sprintf("%s of %s: %s", r.Name, m.Name, cmp.Or(s.People[a.Person].Name, a.Name, a.ID))
	p := s.People[a.Person]
	h.Position = p.Title
	if a.Unread > 0 {
		h.Unread = a.Unread.Time().UTC().Format(time.RFC3339Nano)
	}
	if q, ok := s.asked(a.Person, m.Matrix, r.ID); ok {
		h.Request = q.Key
	}
	if fits, known := r.Fits(p.Title); r.Birthright && fits && known {
		h.Birthright = true
	}
	return h
}

// asked is the newest request for a role of a person that was approved and not taken back.
func (s *State) asked(who, matrix, role string) (found request, ok bool) {
	for _, q := range s.Requests[who] {
		if who != "" && q.Matrix == matrix && q.Role == role && q.Allowed() && q.ApprovedAt > found.ApprovedAt {
			found, ok = q, true
		}
	}
	return found, ok
}

// compare notes which rights of one person exclude each other, across systems.
func (s *State) compare() {
	has := map[string]map[[2]string]bool{}
	of := func(h Held) string { return cmp.Or(h.Person, "account "+h.Account) }
	for _, h := range s.Rights {
		if h.Enabled != nil && !*h.Enabled {
			continue
		}
		if has[of(h)] == nil {
			has[of(h)] = map[[2]string]bool{}
		}
		has[of(h)][[2]string{h.Matrix, h.Role}] = true
	}
	for i := range s.Rights {
		h := &s.Rights[i]
		for _, m := range s.Matrices {
			for _, c := range m.Conflicts {
				one, other := [2]string{m.Matrix, c.A}, [2]string{or(c.Of, m.Matrix), c.B}
				if one != [2]string{h.Matrix, h.Role} {
					one, other = other, one
				}
				if one == [2]string{h.Matrix, h.Role} && has[of(*h)][other] && has[of(*h)][one] {
					h.Conflicts = append(h.Conflicts, other[0]+"/"+other[1])
				}
			}
		}
		h.Conflicts = distinct(h.Conflicts)
	}
}

// account shows a record as the account it is or belongs to. Kinds without the view of accounts, such as members of a group, name it
// in fields of their own.
func (s *State) account(v record.Version) (Account, bool, error) {
	a := Account{Kind: v.Kind, Key: v.Key, Version: v}
	a.Source = v.Source
	if r := s.reads[[2]string{v.Source, v.Kind}]; r.known {
		a.Read, a.Unread = r.read, r.unread
	} else {
		a.Unread = v.From
	}
	if left, ok := s.left[v.Source+"\n"+v.Kind+"\n"+v.Scope]; ok {
		a.Unread = left
	}
	var doc expr.Doc
	if err := doc.Parse(v.Full()); err != nil {
		return a, false, err
	}
	seen, in := s.register.Words.Values(accountView, v.Kind, &doc, "id", "email", "local", "name", "enabled", "admin", "mfa", "created", "last_used", "never_used")
	if in.Answer == expr.True && seen != nil {
		a.ID, a.Email, a.Name, a.Created = word(seen[0]), word(seen[1]), word(seen[3]), word(seen[7])
		a.Local, _ = seen[2].(bool)
		a.Enabled, a.Admin, a.MFA = truth(seen[4]), truth(seen[5]), truth(seen[6])
		a.LastUsed, a.UsedKnown = moment(seen[8])
		if never, ok := seen[9].(bool); ok && never {
			a.NeverUsed, a.UsedKnown = true, true
		}
	} else {
		var b map[string]any
		if err := json.Unmarshal(v.Full(), &b); err != nil {
			return a, false, err
		}
		profile, _ := b["profile"].(map[string]any)
		a.ID = cmp.Or(plain(b, "account"), plain(b, "login"), plain(b, "username"), plain(b, "user"), plain(b, "id"), plain(b, "email"), plain(b, "name"))
		a.Email = cmp.Or(plain(b, "email"), plain(b, "mail"), plain(profile, "email"))
		a.Name = cmp.Or(plain(b, "name"), plain(b, "displayName"), plain(profile, "displayName"), plain(profile, "login"))
	}
	if a.ID == "" {
		a.ID = v.Key
	}
	a.Name = cmp.Or(a.Name, a.Email, a.ID)
	owners, machines := s.dir.Owners(a.Account), s.dir.Machines(a.Account)
	switch a.People = len(owners); {
	case len(machines) == 1 && len(owners) == 0:
		a.Machine = machines[0]
	case len(owners) == 1 && len(machines) == 0:
		a.Person = owners[0]
	case len(machines) > 0:
		a.People += len(machines)
	}
	return a, true, nil
}

// Accounts hands over every account that a matrix's sources show.
func (s *State) Accounts(ctx context.Context, sources []string, fn func(Account) error) error {
	for _, k := range s.register.Words.Kinds(accountView) {
		if !k.Collected {
			continue
		}
		for _, source := range sources {
			q := record.Query{Kind: k.Name, Source: source, Limit: 1000, Latest: true}
			for {
				page, err := s.register.Book.List(ctx, q)
				if err != nil {
					return err
				}
				for _, v := range page.Versions {
					if v.Erased || v.Dropped != nil {
						continue
					}
					a, ok, err := s.account(v)
					if err != nil {
						return err
					}
					if !ok {
						continue
					}
					if err := fn(a); err != nil {
						return err
					}
				}
				if page.Next == "" {
					break
				}
				q.After = page.Next
			}
		}
	}
	return nil
}

// Settle writes what the sources show: rights that began and ended, requests that were fulfilled, verified, expired or taken away,
// changes that a review decided on and that are done. It returns how many records it wrote.
func (g *Register) Settle(ctx context.Context) (int, error) {
	s, err := g.begin(ctx)
	if err != nil {
		return 0, err
	}
	open, err := g.Book.Find(ctx, g.Book.DB, Removal, record.StateField, "open", 0)
	if err != nil {
		return 0, err
	}
	for _, v := range open {
		s.print.Write(v.Hash)
	}
	print := hex.EncodeToString(s.print.Sum(nil))
	last, err := store.One[[]byte](ctx, g.Book.DB, "SELECT value FROM meta WHERE name = $1", settled)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	if string(last) == print {
		return 0, nil // nothing was read or written since that bears on it
	}
	n, err := s.settle(ctx)
	if err != nil {
		return n, err
	}
	return n, g.Book.DB.Write(ctx, func(tx *store.Tx) error {
		return store.InsertOr(ctx, tx, "meta", []string{"name", "value"}, "ON CONFLICT (name) DO UPDATE SET value = excluded.value", [][]any{{settled, []byte(print)}})
	})
}

// settled is the mark of what was settled last.
const settled = "access:settled"

func (s *State) settle(ctx context.Context) (int, error) {
	g := s.register
	if err := s.look(ctx); err != nil {
		return 0, err
	}
	changes, err := s.rights(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for part := range slices.Chunk(changes, 500) {
		if _, err := g.Book.Put(ctx, record.Job("job:access"), part...); err != nil {
			return n, err
		}
		n += len(part)
	}
	for _, step := range []func(context.Context) ([]record.Change, error){s.requests, s.removals} {
		moves, err := step(ctx)
		if err != nil {
			return n, err
		}
		for _, c := range moves {
			switch _, err := g.Book.Put(ctx, record.Job("job:access"), c); {
			case err == nil:
				n++
			case fault.Is(err, fault.Conflict): // somebody changed it meanwhile: the next time
			default:
				return n, err
			}
		}
	}
	return n, nil
}

// rights are the changes that make the kept rights those that the sources show. A right that is no longer shown ends only when its
// source was read completely since; until then it says since when it is not known.
func (s *State) rights(ctx context.Context) ([]record.Change, error) {
	kept := map[string]record.Version{}
	if err := s.register.Book.EachOpen(ctx, s.register.Book.DB, Right, func(v record.Version) error { kept[v.Key] = v; return nil }); err != nil {
		return nil, err
	}
	var out []record.Change
	for _, h := range s.Rights {
		b, err := json.Marshal(h)
		if err != nil {
			return nil, err
		}
		old, had := kept[h.Key()]
		delete(kept, h.Key())
		if had && alike(old.Body, b) {
			continue
		}
		out = append(out, record.Change{Kind: Right, Key: h.Key(), Body: b, Reason: "the source shows it", Origin: record.Collected})
	}
	for _, key := range slices.Sorted(maps.Keys(kept)) {
		v := kept[key]
		var h Held
		if err := read(v.Body, &h); err != nil {
			return nil, err
		}
		r := s.reads[[2]string{h.Source, h.OfKind}]
		if r.known && r.unread == 0 {
			out = append(out, record.Change{Kind: Right, Key: key, Delete: true, Reason: "the source no longer shows it", Origin: record.Collected})
		} else if h.Unread == "" {
			h.Unread = s.At.UTC().Format(time.RFC3339Nano)
			b, err := json.Marshal(h)
			if err != nil {
				return nil, err
			}
			out = append(out, record.Change{Kind: Right, Key: key, Body: b, Reason: "the source is not read", Origin: record.Collected})
		}
	}
	return out, nil
}

func alike(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

// requests are the moves that time and the sources make of requests.
func (s *State) requests(ctx context.Context) ([]record.Change, error) {
	shown := map[string][]Held{}
	for _, h := range s.Rights {
		if h.Person != "" && (h.Enabled == nil || *h.Enabled) {
			shown[h.Person] = append(shown[h.Person], h)
		}
	}
	var out []record.Change
	for _, who := range slices.Sorted(maps.Keys(s.Requests)) {
		for _, q := range s.Requests[who] {
			moves, err := s.fulfil(ctx, q, shown[who])
			if err != nil {
				return nil, err
			}
			out = append(out, moves...)
		}
	}
	return out, nil
}

func (s *State) fulfil(ctx context.Context, q request, shown []Held) ([]record.Change, error) {
	move := func(name, why string, said map[string]any) record.Change {
		return record.Change{Kind: Request, Key: q.Key, Move: name, Said: said, Reason: why, Origin: record.Collected}
	}
	if q.State == "submitted" {
		if at, err := time.Parse(time.RFC3339Nano, q.RequestedAt); err == nil && !s.At.Before(at.AddDate(0, 0, DecideDays)) {
			return []record.Change{move("expire", "nobody decided in time", nil)}, nil
		}
		return nil, nil
	}
	if !q.Allowed() || !q.Read {
		return nil, nil
	}
	var mine *Held
	var others []string
	for i, h := range shown {
		if h.Matrix != q.Matrix {
			continue
		}
		if h.Role == q.Role {
			mine = &shown[i]
		} else if h.Request == "" && !h.Birthright {
			others = append(others, h.RoleName)
		}
	}
	if mine == nil {
		if q.State == "approved" {
			return nil, nil
		}
		at, ok := s.gone(q)
		if !ok {
			return nil, nil
		}
		return []record.Change{move("revoke", "the source no longer shows it", map[string]any{"ended_reason": "The source no longer shows it, read on " + at.UTC().Format(time.RFC3339) + "."})}, nil
	}
	approved, err := time.Parse(time.RFC3339Nano, q.ApprovedAt)
	if err != nil {
		return nil, nil
	}
	read := s.reads[[2]string{mine.Source, mine.OfKind}]
	if mine.Unread != "" || !read.known || read.unread > 0 || !read.read.Time().After(approved) {
		return nil, nil // the next collected state is still to come
	}
	began, err := s.since(ctx, *mine)
	if err != nil {
		return nil, err
	}
	before, err := s.shownAt(ctx, *mine, approved)
	if err != nil {
		return nil, err
	}
	if before || began.Before(approved) {
		return nil, nil // it was there before: the grant is for JOIN-03 to judge
	}
	proof := fmt.Sprintf("%s %s of %s, run %d, read %s", mine.OfKind, mine.OfKey, mine.Source, read.run, read.read.Time().UTC().Format(time.RFC3339))
	var out []record.Change
	if q.State == "approved" {
		out = append(out, move("provision", "the source shows it", map[string]any{"granted_at": began.UTC().Format(time.RFC3339Nano), "granted_by": "as " + mine.Source + " shows", "actual_role": q.GrantedAs, "snapshot": proof}))
	}
	if q.State != "verified" && len(others) == 0 {
		out = append(out, move("confirm", "the source shows exactly it", map[string]any{"snapshot": proof}))
	}
	return out, nil
}

// gone reports when the source of a role was read without the request's right in it.
func (s *State) gone(q request) (time.Time, bool) {
	for _, m := range s.Matrices {
		if m.Matrix != q.Matrix {
			continue
		}
		r, ok := m.Role(q.Role)
		if !ok || !r.Read() {
			return time.Time{}, false
		}
		var at store.Moment
		for k, x := range s.reads {
			if k[1] != r.Kind || r.Source != "" && k[0] != r.Source || len(m.Sources) > 0 && !slices.Contains(m.Sources, k[0]) {
				continue
			}
			if x.unread > 0 {
				return time.Time{}, false
			}
			if at == 0 || x.read < at {
				at = x.read
			}
		}
		given, _ := time.Parse(time.RFC3339Nano, q.GrantedAt)
		return at.Time(), at > 0 && at.Time().After(given)
	}
	return time.Time{}, false
}

// since is when the right was first shown: when its record began, where that kept; else when the account's record began to say so.
func (s *State) since(ctx context.Context, h Held) (time.Time, error) {
	v, err := s.register.Book.Get(ctx, Right, h.Key(), 0)
	if fault.Is(err, fault.NotFound) {
		return s.At, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	history, err := s.register.Book.History(ctx, Right, h.Key())
	if err != nil {
		return time.Time{}, err
	}
	slices.SortFunc(history, func(a, b record.Version) int { return cmp.Compare(b.From, a.From) })
	first := v.From
	for _, x := range history { // back through versions that follow one another without a gap
		if x.To == first {
			first = x.From
		}
	}
	return first.Time(), nil
}

// shownAt reports whether the source's record showed the role at a moment already, whenever somebody wrote a matrix about it.
func (s *State) shownAt(ctx context.Context, h Held, at time.Time) (bool, error) {
	for _, m := range s.Matrices {
		r, ok := m.Role(h.Role)
		if m.Matrix != h.Matrix || !ok {
			continue
		}
		q := record.Query{Kind: r.Kind, Where: r.Where, Source: h.Source, AsOf: store.At(at), Limit: 1000}
		for {
			page, err := s.register.Book.List(ctx, q)
			if err != nil {
				return false, err
			}
			if slices.ContainsFunc(page.Versions, func(v record.Version) bool { return v.Key == h.OfKey }) {
				return true, nil
			}
			if page.Next == "" {
				return false, nil
			}
			q.After = page.Next
		}
	}
	return false, nil
}

func word(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	return ""
}

func truth(v any) *bool {
	b, ok := v.(bool)
	if !ok {
		return nil
	}
	return &b
}

func moment(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case string:
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t, true
		}
		if t, err := time.Parse(time.DateOnly, v); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func plain(b map[string]any, field string) string {
	switch v := b[field].(type) {
	case string:
		return v
	case float64:
		return fmt.Sprintf("%.0f", v)
	}
	return ""
}
