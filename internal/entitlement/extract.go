package entitlement

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// DormantDays is how long an account may go unused before a review marks it.
const DormantDays = 90

// The flags of a line.
const (
	Leaver      = "leaver"
	Dormant     = "dormant"
	Conflicting = "conflicting"
	NoOwner     = "no_owner"
	NoFactor    = "no_second_factor"
	NoRequest   = "no_request"
	Privileged  = "privileged"
	Unfit       = "not_for_position"
	Typed       = "typed"
)

// needsReason are the flags that nobody keeps a line with without saying why.
var needsReason = []string{Privileged, Dormant, NoOwner, Conflicting, Leaver}

// Line is one right, or an account without any role of the matrix, as it stood when the extract was taken.
type Line struct {
	N           int      `json:"n"`
	System      string   `json:"system"`
	Role        string   `json:"role,omitempty"`
	RoleName    string   `json:"role_name,omitempty"`
	Sensitivity string   `json:"sensitivity,omitempty"`
	Account     string   `json:"account"`
	Name        string   `json:"name,omitempty"`
	Person      string   `json:"person,omitempty"`
	PersonName  string   `json:"person_name,omitempty"`
	Position    string   `json:"position,omitempty"`
	Manager     string   `json:"manager,omitempty"`
	Machine     string   `json:"machine,omitempty"`
	Enabled     *bool    `json:"enabled,omitempty"`
	Admin       *bool    `json:"admin,omitempty"`
	MFA         *bool    `json:"mfa,omitempty"`
	LastUsed    string   `json:"last_used,omitempty"`
	Request     string   `json:"request,omitempty"`
	Birthright  bool     `json:"birthright,omitempty"`
	Flags       []string `json:"flags,omitempty"`
	Was         string   `json:"was,omitempty"`   // what the review before decided
	Delta       string   `json:"delta,omitempty"` // new, changed; empty for the same
	Source      string   `json:"source,omitempty"`
	Kind        string   `json:"kind,omitempty"`
	Key         string   `json:"key,omitempty"`
	Where       string   `json:"where,omitempty"`

	// of deciding, not of the extract
	Decision string `json:"-"`
	Reason   string `json:"-"`
	Target   string `json:"-"`
	Bulk     bool   `json:"-"`
	By       string `json:"-"`
	At       string `json:"-"`
}

func (l Line) same() string {
	return strings.Join([]string{l.System, l.Role, l.Source, l.Kind, l.Key}, "\x00")
}

// NeedsReason reports whether nobody keeps the line without a reason.
func (l Line) NeedsReason() bool {
	return slices.ContainsFunc(l.Flags, func(f string) bool { return slices.Contains(needsReason, f) })
}

// Desk takes extracts and decides.
type Desk struct {
	Register
	Blobs blob.Store
	shelf shelf
}

const maxExtract = 256 << 20

// Extract takes the extract of a review in the name of its lead, keeps it under its hash, and opens the review.
func (d *Desk) Extract(ctx context.Context, by record.Authority, key string) (Campaign, error) {
	v, err := d.Book.Get(ctx, Review, key, 0)
	if err != nil {
		return Campaign{}, err
	}
	c, err := CampaignOf(v.Body)
	if err != nil {
		return c, err
	}
	if k, err := d.Book.Kinds.Named(Review); err != nil {
		return c, err
	} else if err := by.May(ctx, "write", k); err != nil {
		return c, err
	}
	switch c.State {
	case "planned":
		if _, err := d.Book.Put(ctx, by, record.Change{Kind: Review, Key: key, Move: "collect"}); err != nil {
			return c, err
		}
	case "collecting":
		if err := leads("take the extract")(map[string]any{"owner": c.Owner}, nil, by.Actor()); err != nil {
			return c, err
		}
	default:
		return c, fault.New(fault.Conflict, "The extract of this review was taken on %s, and stays.", c.CollectedAt).WithNext("Plan another review for what is there now.")
	}
	s, err := d.Load(ctx)
	if err != nil {
		return c, err
	}
	lines, extracts, err := s.Lines(ctx, c)
	if err != nil {
		return c, err
	}
	previous, err := d.compare(ctx, c, lines)
	if err != nil {
		return c, err
	}
	file, err := encodeLines(lines)
	if err != nil {
		return c, err
	}
	sum, _, err := d.Blobs.Put(ctx, bytes.NewReader(file), maxExtract)
	if err != nil {
		return c, err
	}
	return d.keep(ctx, key, sum.String(), previous, lines, extracts)
}

func (d *Desk) keep(ctx context.Context, key, file, previous string, lines []Line, extracts []Extract) (Campaign, error) {
	v, err := d.Book.Get(ctx, Review, key, 0)
	if err != nil {
		return Campaign{}, err
	}
	var body map[string]any
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return Campaign{}, err
	}
	var unresolved, gaps []string
	for _, l := range lines {
		if l.Person == "" && l.Machine == "" {
			unresolved = append(unresolved, l.Account)
		}
	}
	for _, e := range extracts {
		for _, g := range e.Gaps {
			gaps = append(gaps, e.System+": "+g)
		}
	}
	body["extracts"], body["file"], body["lines"], body["pending"], body["kept"], body["modified"], body["removed"], body["bulk"] = extracts, file, len(lines), len(lines), 0, 0, 0, 0
	for name, list := range map[string][]string{"unresolved": distinct(unresolved), "gaps": gaps} {
		if delete(body, name); len(list) > 0 {
			body[name] = listed(list)
		}
	}
	if previous != "" {
		body["previous"] = previous
	}
	ch, err := change(Review, key, body, "the extract was taken")
	if err != nil {
		return Campaign{}, err
	}
	ch.If = &v.From
	if _, err := d.Book.Put(ctx, record.Job("job:access"), ch); err != nil {
		return Campaign{}, err
	}
	out, err := d.Book.Put(ctx, record.Job("job:access"), record.Change{Kind: Review, Key: key, Move: "open", Reason: "the extract is kept"})
	if err != nil {
		return Campaign{}, err
	}
	return CampaignOf(out[0].Body)
}

// encodeLines is the file: one line of JSON each.
func encodeLines(lines []Line) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return nil, fmt.Errorf("write an extract: %w", err)
		}
	}
	return b.Bytes(), nil
}

// DecodeLines reads the file of an extract, in as many parts as there are processors.
func DecodeLines(file []byte) ([]Line, error) {
	raws := bytes.Split(bytes.TrimSuffix(file, []byte("\n")), []byte("\n"))
	if len(file) == 0 {
		return nil, nil
	}
	lines := make([]Line, len(raws))
	parts := runtime.GOMAXPROCS(0)
	wrong := make([]error, parts)
	var all sync.WaitGroup
	for p := range parts {
		all.Go(func() {
			for i := p * len(raws) / parts; i < (p+1)*len(raws)/parts && wrong[p] == nil; i++ {
				if err := json.Unmarshal(raws[i], &lines[i]); err != nil {
					wrong[p] = fmt.Errorf("read line %d of an extract: %w", i+1, err)
				}
			}
		})
	}
	all.Wait()
	return lines, errors.Join(wrong...)
}

// Lines are what a review of the campaign's systems looks at, with where they come from. Every account of the systems' sources is in
// them, also those that have none of the matrix's roles: what the matrix does not know must be seen.
func (s *State) Lines(ctx context.Context, c Campaign) ([]Line, []Extract, error) {
	var lines []Line
	var extracts []Extract
	for _, key := range c.Matrices {
		i := slices.IndexFunc(s.Matrices, func(m Roles) bool { return m.Matrix == key })
		if i < 0 {
			return nil, nil, fault.New(fault.Conflict, "No approved role matrix of %q is in force.", key).WithNext("Have it approved first, or leave the system out of this review.")
		}
		part, e, err := s.linesOf(ctx, s.Matrices[i], c.Sort)
		if err != nil {
			return nil, nil, err
		}
		lines, extracts = append(lines, part...), append(extracts, e)
	}
	for i := range lines {
		lines[i].N = i + 1
	}
	return lines, extracts, nil
}

func (s *State) linesOf(ctx context.Context, m Roles, sort string) ([]Line, Extract, error) {
	e := Extract{System: m.Matrix, Version: m.Key}
	var lines []Line
	var all []Account
	accounts := map[string]Account{} // by address; one may have several records
	perKind := map[[2]string]int{}
	err := s.Accounts(ctx, m.Sources, func(a Account) error {
		all = append(all, a)
		accounts[a.Address()] = a
		perKind[[2]string{a.Source, a.Kind}]++
		return nil
	})
	if err != nil {
		return nil, e, err
	}
	has := map[string]bool{}
	for _, h := range s.Rights {
		if h.Matrix != m.Matrix {
			continue
		}
		has[h.Account] = true
		r, _ := m.Role(h.Role)
		l := Line{System: m.Matrix, Role: h.Role, RoleName: h.RoleName, Sensitivity: h.Sensitivity, Account: h.Account, Person: h.Person, Machine: h.Machine, Position: h.Position, Enabled: h.Enabled, MFA: h.MFA, Request: h.Request, Birthright: h.Birthright,
			Source: h.Source, Kind: h.OfKind, Key: h.OfKey, Where: r.Where}
		if a, ok := accounts[h.Account]; ok {
			l.about(a)
		}
		s.flag(&l, h.Conflicts, r, accounts[h.Account])
		lines = append(lines, l)
	}
	for _, a := range all {
		if has[a.Address()] || a.Enabled != nil && !*a.Enabled {
			continue
		}
		l := Line{System: m.Matrix, Account: a.Address(), Person: a.Person, Machine: a.Machine, Enabled: a.Enabled, MFA: a.MFA, Source: a.Source, Kind: a.Kind, Key: a.Key, Position: s.People[a.Person].Title}
		l.about(a)
		s.flag(&l, nil, Role{}, a)
		lines = append(lines, l)
	}
	for _, r := range m.Roles {
		if !r.Read() {
			lines = append(lines, s.typed(m, r)...)
		}
	}
	lines = slices.DeleteFunc(lines, func(l Line) bool {
		return sort == "privileged" && l.Sensitivity != "privileged" && (l.Admin == nil || !*l.Admin) || sort == "service" && (l.Machine == "" && l.Person != "")
	})
	slices.SortFunc(lines, func(a, b Line) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Role, b.Role), strings.Compare(a.Key, b.Key))
	})
	e.Lines, e.Found = len(lines), len(all)
	return lines, e, s.provenance(ctx, m, &e, perKind)
}

func (l *Line) about(a Account) {
	l.Name, l.Admin = a.Name, a.Admin
	if l.Enabled == nil {
		l.Enabled = a.Enabled
	}
	if l.MFA == nil {
		l.MFA = a.MFA
	}
	if !a.LastUsed.IsZero() {
		l.LastUsed = a.LastUsed.UTC().Format(time.DateOnly)
	}
	if a.NeverUsed {
		l.LastUsed = "never"
	}
}

// typed are rights of a role that no source shows: what was asked for, given and entered by hand.
func (s *State) typed(m Roles, r Role) []Line {
	var out []Line
	for who, list := range s.Requests {
		for _, q := range list {
			if q.Matrix != m.Matrix || q.Role != r.ID || q.State != "provisioned" && q.State != "verified" {
				continue
			}
			l := Line{System: m.Matrix, Role: r.ID, RoleName: r.Name, Sensitivity: r.Sensitivity, Account: "typed/" + q.Key, Name: s.People[who].Name, Person: who, Position: s.People[who].Title, Request: q.Key, Kind: Request, Key: q.Key}
			s.flag(&l, nil, r, Account{})
			l.Flags = append(l.Flags, Typed)
			out = append(out, l)
		}
	}
	return out
}

// flag marks what a reviewer must see.
func (s *State) flag(l *Line, conflicts []string, r Role, a Account) {
	p, known := s.People[l.Person]
	l.PersonName, l.Manager = p.Name, p.Manager
	mark := func(on bool, flag string) {
		if on {
			l.Flags = append(l.Flags, flag)
		}
	}
	open := l.Enabled == nil || *l.Enabled
	mark(l.Sensitivity == "privileged" || l.Admin != nil && *l.Admin, Privileged)
	mark(open && known && p.End != "" && p.End < s.Day, Leaver)
	mark(l.Person == "" && l.Machine == "", NoOwner)
	limit := s.At.AddDate(0, 0, -DormantDays)
	created, isCreated := moment(a.Created)
	mark(open && a.UsedKnown && (!a.NeverUsed && a.LastUsed.Before(limit) || a.NeverUsed && (!isCreated || created.Before(limit))), Dormant)
	mark(len(conflicts) > 0, Conflicting)
	mark(open && l.Machine == "" && l.MFA != nil && !*l.MFA, NoFactor)
	mark(l.Role != "" && l.Request == "" && !l.Birthright && l.Machine == "", NoRequest)
	fits, sure := r.Fits(p.Title)
	mark(l.Role != "" && known && sure && !fits, Unfit)
}

// provenance says what was asked, of whom, when it was read, and whether as much is here as the source said it has.
func (s *State) provenance(ctx context.Context, m Roles, e *Extract, perKind map[[2]string]int) error {
	if len(m.Sources) == 0 {
		e.Gaps = append(e.Gaps, "Nobody reads this system: its lines are what was typed in requests.")
	}
	pairs := map[[2]string]bool{}
	for k := range perKind {
		pairs[k] = true
	}
	for _, r := range m.Roles {
		if r.Kind == "" {
			continue
		}
		q := "every " + r.Kind
		if r.Where != "" {
			q += " where " + r.Where
		}
		e.Query = append(e.Query, r.ID+": "+q)
		for _, source := range m.Sources {
			if r.Source == "" || r.Source == source {
				if _, ok := s.reads[[2]string{source, r.Kind}]; ok {
					pairs[[2]string{source, r.Kind}] = true
				}
			}
		}
	}
	if len(m.Sources) > 0 {
		e.Query = append(e.Query, "every account of "+strings.Join(m.Sources, ", "))
	}
	for _, source := range m.Sources {
		any := false
		for k := range pairs {
			any = any || k[0] == source
		}
		if !any {
			e.Gaps = append(e.Gaps, source+" shows no account, or was never read completely.")
		}
	}
	var oldest store.Moment
	list := make([][2]string, 0, len(pairs))
	for k := range pairs {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b [2]string) int { return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1])) })
	for _, k := range list {
		r, ok := s.reads[k]
		if !ok || !r.known {
			e.Gaps = append(e.Gaps, fmt.Sprintf("%s of %s was never read completely.", k[1], k[0]))
			continue
		}
		if r.unread > 0 {
			e.Gaps = append(e.Gaps, fmt.Sprintf("%s of %s is not read since %s.", k[1], k[0], r.unread.Time().UTC().Format(time.RFC3339)))
		}
		if oldest == 0 || r.read < oldest {
			oldest = r.read
		}
		e.Source = append(e.Source, k[0]+"/"+k[1])
		e.Run = append(e.Run, fmt.Sprint(r.run))
		counted, found, err := s.counted(ctx, k, r.run)
		if err != nil {
			return err
		}
		switch {
		case counted < 0:
			e.Gaps = append(e.Gaps, fmt.Sprintf("The run %d of %s does not say how many %s it read.", r.run, k[0], k[1]))
		case counted != found:
			e.Gaps = append(e.Gaps, fmt.Sprintf("%s said it has %d of %s, and %d are here.", k[0], counted, k[1], found))
		}
		if _, isAccount := perKind[k]; isAccount {
			e.Counted += max(counted, 0)
		}
	}
	if oldest > 0 {
		e.Read = oldest.Time().UTC().Format(time.RFC3339)
	}
	return nil
}

// counted is how many records of a kind the source said it has in its last run, or -1, and how many are here.
func (s *State) counted(ctx context.Context, k [2]string, run int64) (said, here int, err error) {
	book := s.register.Book
	q := record.Query{Kind: k[1], Source: k[0], Limit: 1000}
	for {
		page, err := book.List(ctx, q)
		if err != nil {
			return 0, 0, err
		}
		here += len(page.Versions)
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	v, err := book.Get(ctx, collect.RunKind, fmt.Sprint(run), 0)
	if fault.Is(err, fault.NotFound) {
		return -1, here, nil
	}
	if err != nil {
		return 0, 0, err
	}
	sum, err := collect.ParseSummary(v)
	if err != nil {
		return 0, 0, err
	}
	for _, t := range sum.Kinds {
		if t.Kind == k[1] && t.Complete {
			if t.Expected > 0 {
				return int(t.Expected), here, nil
			}
			if t.Unchanged {
				return here, here, nil
			}
			return int(t.Read), here, nil
		}
	}
	return -1, here, nil
}

// compare says of each line what is new since the last finished review of its system, and what was decided then.
func (d *Desk) compare(ctx context.Context, c Campaign, lines []Line) (string, error) {
	var last *Campaign
	var lastKey string
	err := d.Book.EachAt(ctx, d.Book.DB, Review, 0, func(v record.Version) error {
		o, err := CampaignOf(v.Body)
		if err != nil {
			return err
		}
		shares := slices.ContainsFunc(o.Matrices, func(m string) bool { return slices.Contains(c.Matrices, m) })
		if (o.State == "completed" || o.State == "remediating") && o.Sort == c.Sort && shares && (last == nil || o.OpenedAt > last.OpenedAt) {
			last, lastKey = &o, v.Key
		}
		return nil
	})
	if err != nil || last == nil {
		return "", err
	}
	before, err := d.Open(ctx, lastKey, *last)
	if err != nil {
		return "", err
	}
	was := map[string]Line{}
	for _, l := range before {
		was[l.same()] = l
	}
	for i := range lines {
		l := &lines[i]
		if !slices.Contains(last.Matrices, l.System) {
			continue
		}
		o, ok := was[l.same()]
		switch {
		case !ok:
			l.Delta = "new"
		case !slices.Equal(o.Flags, l.Flags) || o.Person != l.Person || o.Sensitivity != l.Sensitivity:
			l.Delta, l.Was = "changed", o.Decision
		default:
			l.Was = o.Decision
		}
	}
	return lastKey, nil
}

// File is the lines of an extract as they were taken, checked against its hash when read.
func (d *Desk) File(c Campaign) ([]Line, error) {
	h, err := blob.Parse(c.File)
	if err != nil {
		return nil, fault.New(fault.Conflict, "There is no extract yet.").WithNext("Take it first.")
	}
	b, err := blob.Get(d.Blobs, h, maxExtract)
	if err != nil {
		return nil, err
	}
	return DecodeLines(b)
}

// Open is the lines of a review with what was decided of each.
func (d *Desk) Open(ctx context.Context, key string, c Campaign) ([]Line, error) {
	lines, err := d.File(c)
	if err != nil {
		return nil, err
	}
	return lines, d.Apply(ctx, key, lines)
}

// Apply notes on lines what was decided of each; of a line the last act holds.
func (d *Desk) Apply(ctx context.Context, key string, lines []Line) error {
	acts, err := d.Acts(ctx, key)
	if err != nil {
		return err
	}
	for _, a := range acts {
		if !EachLine(a.Lines, func(n int) {
			if n > 0 && n <= len(lines) {
				l := &lines[n-1]
				l.Decision, l.Reason, l.Target, l.Bulk, l.By, l.At = a.Decision, a.Reason, a.Target, a.Bulk, a.By, a.At
			}
		}) {
			return fmt.Errorf("the decision %s names no lines: %q", a.Key, a.Lines)
		}
	}
	return nil
}

// Acts are the acts of deciding of a review, the oldest first.
func (d *Desk) Acts(ctx context.Context, key string) ([]Decided, error) {
	found, err := d.Book.Find(ctx, d.Book.DB, Decision, "review", key, 0)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b record.Version) int { return cmp.Compare(a.Entry, b.Entry) })
	out := make([]Decided, len(found))
	for i, v := range found {
		if err := read(v.Body, &out[i]); err != nil {
			return nil, err
		}
		out[i].Key = v.Key
	}
	return out, nil
}
