package entitlement

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Act is what a reviewer decides at once.
type Act struct {
	Lines     []int // their numbers
	Decision  string
	Reason    string
	Target    string // the role to have instead, for modify
	Confirmed int    // for keeping many at once: how many, said again
	Each      bool   // each line was decided by itself, and they are only saved together
}

// Decide decides on lines of a review, all or none. Who owns the system or manages the person decides, never of their own access; and
// keeping what is marked needs a reason.
func (d *Desk) Decide(ctx context.Context, by record.Authority, key string, act Act) (Campaign, error) {
	for try := 0; ; try++ {
		c, err := d.decide(ctx, by, key, act)
		if !fault.Is(err, fault.Conflict) || try == 3 || !isRace(err) {
			return c, err
		}
	}
}

// isRace reports whether another act was written between reading and writing.
func isRace(err error) bool {
	return fault.Is(err, fault.Conflict) && strings.Contains(err.Error(), "was changed meanwhile")
}

func words(flags []string) string { return strings.ReplaceAll(strings.Join(flags, ", "), "_", " ") }

func (d *Desk) decide(ctx context.Context, by record.Authority, key string, act Act) (Campaign, error) {
	k, err := d.Book.Kinds.Named(Decision)
	if err != nil {
		return Campaign{}, err
	}
	if err := by.May(ctx, "read", k); err != nil {
		return Campaign{}, err
	}
	v, err := d.Book.Get(ctx, Review, key, 0)
	if err != nil {
		return Campaign{}, err
	}
	c, err := CampaignOf(v.Body)
	if err != nil {
		return c, err
	}
	if c.State != "in_review" {
		return c, fault.New(fault.Conflict, "This review is %s; lines are decided while it is in review.", c.State).WithNext("Plan another one for what is there now.")
	}
	lines, err := d.Lines(ctx, key, c)
	if err != nil {
		return c, err
	}
	chosen, err := pick(lines, act)
	if err != nil {
		return c, err
	}
	look := d.Book.LookAt(ctx, time.Time{})
	matrices, err := matricesOf(look, c)
	if err != nil {
		return c, err
	}
	actor := by.Actor()
	for _, l := range chosen {
		if err := mayDecide(actor, matrices[l.System], *l); err != nil {
			return c, err
		}
		if act.Decision == "keep" && act.Reason == "" && l.NeedsReason() {
			return c, fault.New(fault.Invalid, "Line %d, %s, is marked %s, and keeping that needs a reason.", l.N, l.Account, words(l.Flags)).WithNext("Say why it stays, or remove it.")
		}
	}
	changes, err := d.changes(look, key, chosen, act, actor, matrices)
	if err != nil {
		return c, err
	}
	now := look.At.UTC()
	numbers := make([]int, len(chosen))
	for i, l := range chosen {
		numbers[i] = l.N
		l.Decision, l.Reason, l.Target, l.Bulk = act.Decision, act.Reason, act.Target, len(chosen) > 1 && !act.Each
	}
	done := Decided{Review: key, Lines: Spans(numbers), Count: len(numbers), Decision: act.Decision, Reason: act.Reason, Target: act.Target, Bulk: len(numbers) > 1 && !act.Each, By: actor.Person, At: now.Format(time.RFC3339Nano)}
	b, err := json.Marshal(done)
	if err != nil {
		return c, err
	}
	summed, err := summed(v, lines)
	if err != nil {
		return c, err
	}
	reason := "decided by " + actor.Name
	changes = append([]record.Change{{Kind: Decision, Body: b, Reason: reason}, summed}, changes...)
	for i := range changes {
		changes[i].Reason = reason
	}
	out, err := d.Book.Put(ctx, record.Job("job:access"), changes...)
	if err != nil {
		d.forget(key)
		return c, err
	}
	d.know(key, lines, out[0])
	return CampaignOf(out[1].Body)
}

func pick(lines []Line, act Act) ([]*Line, error) {
	switch act.Decision {
	case "keep", "modify", "remove":
	default:
		return nil, fault.New(fault.Invalid, "A line is kept, modified or removed, not %q.", act.Decision).WithNext("Say keep, modify or remove.")
	}
	if act.Decision != "keep" && act.Reason == "" {
		return nil, fault.New(fault.Invalid, "Nothing says why.").WithNext("Give a reason for what is changed or removed.")
	}
	numbers := slices.Clone(act.Lines)
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	if len(numbers) == 0 {
		return nil, fault.New(fault.Invalid, "No line is chosen.").WithNext("Choose the lines that you decide on.")
	}
	var out []*Line
	for _, n := range numbers {
		if n < 1 || n > len(lines) {
			return nil, fault.New(fault.NotFound, "There is no line %d; the extract has %d.", n, len(lines)).WithNext("Look at the review again.")
		}
		out = append(out, &lines[n-1])
	}
	if act.Decision == "keep" && !act.Each && len(out) > 1 && act.Confirmed != len(out) {
		return nil, fault.New(fault.Conflict, "Keeping %d lines at once is marked as that, and needs to be confirmed.", len(out)).WithNext("Confirm that you looked at all %d of them.", len(out))
	}
	return out, nil
}

// Matrices are the role matrices of a review's systems as its extract was judged by, each with who owns it now.
func (d *Desk) Matrices(ctx context.Context, c Campaign) (map[string]Roles, error) {
	return matricesOf(d.Book.LookAt(ctx, time.Time{}), c)
}

func matricesOf(look record.Look, c Campaign) (map[string]Roles, error) {
	out := map[string]Roles{}
	for _, e := range c.Extracts {
		v, err := look.Get(Version, e.Version)
		if err != nil {
			return nil, err
		}
		m, err := RolesOf(v)
		if err != nil {
			return nil, err
		}
		if now, err := At(look, e.System, look.At); err == nil {
			m.Owner = now.Owner // who owns it now decides
		}
		out[e.System] = m
	}
	return out, nil
}

// mayDecide is for the owner of the system and the manager of the person; nobody decides on their own access.
func mayDecide(actor record.Actor, m Roles, l Line) error {
	if err := record.Apart(actor, fmt.Sprintf("decide on line %d", l.N), record.Party{Role: "the one whose access it is", Stamp: l.Person}); err != nil {
		return err
	}
	if actor.Person != m.Owner && (l.Manager == "" || actor.Person != l.Manager) {
		return fault.New(fault.Denied, "Line %d is of %s; %s decides on it, who owns the system, or the manager of its person.", l.N, m.Name, or(m.Owner, "nobody")).
			WithNext("Leave it to them, or name another owner in the role matrix.")
	}
	return nil
}

// MayDecide reports whether somebody may decide on a line.
func MayDecide(actor record.Actor, m Roles, l Line) bool { return mayDecide(actor, m, l) == nil }

// changes are the removals and modifications that are to be proved, and those of an earlier decision that no longer are.
func (d *Desk) changes(look record.Look, key string, chosen []*Line, act Act, actor record.Actor, matrices map[string]Roles) ([]record.Change, error) {
	var out []record.Change
	for _, l := range chosen {
		id := fmt.Sprintf("%s/%d", key, l.N)
		if l.Decision == "remove" || l.Decision == "modify" {
			old, err := d.lastChange(look, key, l.N)
			if err != nil {
				return nil, err
			}
			if state := old.state; state == "executed" || state == "excepted" {
				return nil, fault.New(fault.Conflict, "Line %d was decided as %s, and that is %s already.", l.N, l.Decision, state).WithNext("Have the access asked for again if it is needed.")
			}
			if old.state == "open" {
				out = append(out, record.Change{Kind: Removal, Key: old.key, Move: "drop", Said: map[string]any{"ended_reason": "The line was decided again, as " + act.Decision + "."}})
			}
			id = fmt.Sprintf("%s/%d/%d", key, l.N, old.n+1)
		}
		if act.Decision == "keep" {
			continue
		}
		day := look.At.In(zone(look))
		body := map[string]any{"title": fmt.Sprintf("%s of %s: %s", or(l.RoleName, "Account"), matrices[l.System].Name, or(l.Name, l.Account)), "review": key, "line": l.N, "system": l.System, "role": l.Role, "account": l.Account, "decision": act.Decision,
			"decided_by": actor.Person, "decided_at": look.At.UTC().Format(time.RFC3339Nano), "due": working(day, RemoveDays).Format(time.DateOnly), "of_kind": l.Kind, "of_key": l.Key, "source": l.Source, "where": l.Where}
		if l.Person != "" {
			body["person"] = l.Person
		}
		if act.Decision == "modify" && act.Target != "" {
			r, ok := matrices[l.System].Role(act.Target)
			if !ok {
				return nil, fault.New(fault.Invalid, "The matrix of %s has no role %q.", l.System, act.Target).WithNext("Name one of its roles, or remove this one and have another asked for.")
			}
			body["target"], body["target_kind"], body["target_where"] = act.Target, r.Kind, r.Where
		}
		c, err := change(Removal, id, body, "")
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

type earlier struct {
	key, state string
	n          int
}

func (d *Desk) lastChange(look record.Look, review string, line int) (out earlier, err error) {
	for n := 0; ; n++ {
		key := fmt.Sprintf("%s/%d", review, line)
		if n > 0 {
			key = fmt.Sprintf("%s/%d", key, n)
		}
		v, err := look.Get(Removal, key)
		if fault.Is(err, fault.NotFound) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		var b struct{ State string }
		if err := read(v.Body, &b); err != nil {
			return out, err
		}
		out = earlier{key, b.State, n}
	}
}

// working is n days from Monday to Friday after a day.
func working(day time.Time, n int) time.Time {
	for n > 0 {
		day = day.AddDate(0, 0, 1)
		if wd := day.Weekday(); wd != time.Saturday && wd != time.Sunday {
			n--
		}
	}
	return day
}

// workingBetween is how many days from Monday to Friday lie after one moment up to and with the day of another.
func workingBetween(from, to time.Time) int {
	n := 0
	a, b := from.UTC().Truncate(24*time.Hour), to.UTC().Truncate(24*time.Hour)
	for d := a.AddDate(0, 0, 1); !d.After(b); d = d.AddDate(0, 0, 1) {
		if wd := d.Weekday(); wd != time.Saturday && wd != time.Sunday {
			n++
		}
	}
	return n
}

// summed is the review with how its lines stand.
func summed(v record.Version, lines []Line) (record.Change, error) {
	var body map[string]any
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return record.Change{}, err
	}
	n := map[string]int{}
	bulk := 0
	for _, l := range lines {
		if n[l.Decision]++; l.Bulk {
			bulk++
		}
	}
	body["pending"], body["kept"], body["modified"], body["removed"], body["bulk"] = n[""], n["keep"], n["modify"], n["remove"], bulk
	c, err := change(v.Kind, v.Key, body, "")
	c.If = &v.From
	return c, err
}

// known are the lines of a review as of its last act; an extract does not change, and acts only follow.
type known struct {
	file  string
	last  int64
	lines []Line
}

// shelf keeps the lines of reviews that were opened lately.
type shelf struct {
	mu   sync.Mutex
	kept map[string]known
}

const mostKept = 8

// Lines is Open, quicker for a review that was opened lately.
func (d *Desk) Lines(ctx context.Context, key string, c Campaign) ([]Line, error) {
	found, err := d.Book.Find(ctx, d.Book.DB, Decision, "review", key, 0)
	if err != nil {
		return nil, err
	}
	var last int64
	for _, v := range found {
		last = max(last, v.Entry)
	}
	d.shelf.mu.Lock()
	k, ok := d.shelf.kept[key]
	d.shelf.mu.Unlock()
	if ok && k.file == c.File && k.last == last {
		return slices.Clone(k.lines), nil
	}
	lines, err := d.Open(ctx, key, c)
	if err != nil {
		return nil, err
	}
	d.put(key, known{c.File, last, lines})
	return slices.Clone(lines), nil
}

func (d *Desk) put(key string, k known) {
	d.shelf.mu.Lock()
	defer d.shelf.mu.Unlock()
	if d.shelf.kept == nil || len(d.shelf.kept) >= mostKept && d.shelf.kept[key].lines == nil {
		d.shelf.kept = map[string]known{}
	}
	d.shelf.kept[key] = k
}

// know keeps lines that were decided on just now.
func (d *Desk) know(key string, lines []Line, act record.Version) {
	d.shelf.mu.Lock()
	file := d.shelf.kept[key].file
	d.shelf.mu.Unlock()
	var a Decided
	if read(act.Body, &a) != nil {
		d.forget(key)
		return
	}
	EachLine(a.Lines, func(n int) { lines[n-1].By, lines[n-1].At = a.By, a.At })
	d.put(key, known{file, act.Entry, lines})
}

func (d *Desk) forget(key string) {
	d.shelf.mu.Lock()
	defer d.shelf.mu.Unlock()
	delete(d.shelf.kept, key)
}

// removals are the decided changes that the sources show to be done, and those that are late.
func (s *State) removals(ctx context.Context) ([]record.Change, error) {
	open, err := s.register.Book.Find(ctx, s.register.Book.DB, Removal, record.StateField, "open", 0)
	if err != nil {
		return nil, err
	}
	proof := &prover{s: s, has: map[[3]string]map[string]bool{}}
	var out []record.Change
	for _, v := range open {
		var b decidedChange
		if err := read(v.Body, &b); err != nil {
			return nil, err
		}
		said, when, err := proof.done(ctx, b)
		if err != nil {
			return nil, err
		}
		if said != "" {
			at, _ := time.Parse(time.RFC3339Nano, b.DecidedAt)
			out = append(out, record.Change{Kind: Removal, Key: v.Key, Move: "execute", Said: map[string]any{"snapshot": said, "days": float64(workingBetween(at, when))}, Reason: "the source shows it"})
			continue
		}
		if b.Due < s.Day && b.Overdue == "" {
			var body map[string]any
			if err := json.Unmarshal(v.Body, &body); err != nil {
				return nil, err
			}
			due, err := time.Parse(time.DateOnly, b.Due)
			if err != nil {
				return nil, err
			}
			body["overdue_since"] = due.AddDate(0, 0, 1).Format(time.DateOnly)
			c, err := change(Removal, v.Key, body, "its due date passed")
			if err != nil {
				return nil, err
			}
			c.If = &v.From
			out = append(out, c)
		}
	}
	return s.late(ctx, out)
}

// late are reviews whose day passed: they say since when, and go on saying it.
func (s *State) late(ctx context.Context, out []record.Change) ([]record.Change, error) {
	for _, state := range []string{"planned", "collecting", "in_review", "remediating"} {
		found, err := s.register.Book.Find(ctx, s.register.Book.DB, Review, record.StateField, state, 0)
		if err != nil {
			return nil, err
		}
		for _, v := range found {
			var body map[string]any
			if err := json.Unmarshal(v.Body, &body); err != nil {
				return nil, err
			}
			due, err := time.Parse(time.DateOnly, text(body, "due"))
			if err != nil || text(body, "overdue_since") != "" || text(body, "due") >= s.Day {
				continue
			}
			body["overdue_since"] = due.AddDate(0, 0, 1).Format(time.DateOnly)
			c, err := change(Review, v.Key, body, "its due date passed")
			if err != nil {
				return nil, err
			}
			c.If = &v.From
			out = append(out, c)
		}
	}
	return out, nil
}

type decidedChange struct {
	System, Role, Account, Decision, Due, Source, Where, Target string
	DecidedAt                                                   string `json:"decided_at"`
	OfKind                                                      string `json:"of_kind"`
	OfKey                                                       string `json:"of_key"`
	TargetKind                                                  string `json:"target_kind"`
	TargetWhere                                                 string `json:"target_where"`
	Overdue                                                     string `json:"overdue_since"`
}

// prover asks the sources whether a change is done.
type prover struct {
	s   *State
	has map[[3]string]map[string]bool // by kind, condition and source: the keys of the records that fit
}

// done says what shows that a change is done, and when that was read; nothing while no read after the decision shows it. The role is
// asked for as the extract asked, whatever the matrix says since.
func (p *prover) done(ctx context.Context, b decidedChange) (string, time.Time, error) {
	book := p.s.register.Book
	if b.OfKind == Request {
		v, err := book.Get(ctx, Request, b.OfKey, 0)
		if err != nil {
			return "", time.Time{}, err
		}
		a, err := AskedOf(v.Body)
		if err != nil || a.State != "revoked" || a.EndedAt <= b.DecidedAt {
			return "", time.Time{}, err
		}
		at, err := time.Parse(time.RFC3339Nano, a.EndedAt)
		return "typed, for nobody reads this system: " + a.EndedReason, at, err
	}
	decided, err := time.Parse(time.RFC3339Nano, b.DecidedAt)
	if err != nil {
		return "", time.Time{}, err
	}
	r := p.s.reads[[2]string{b.Source, b.OfKind}]
	if !r.known || r.unread > 0 || !r.read.Time().After(decided) {
		return "", time.Time{}, nil
	}
	when := r.read.Time()
	said := fmt.Sprintf("%s of %s, run %d, read %s: ", b.OfKind, b.Source, r.run, when.UTC().Format(time.RFC3339))
	v, err := book.GetFrom(ctx, b.OfKind, b.OfKey, b.Source, 0, record.Company)
	gone := fault.Is(err, fault.NotFound)
	if err != nil && !gone {
		return "", time.Time{}, err
	}
	off := false
	if !gone {
		a, ok, err := p.s.account(v)
		if err != nil {
			return "", time.Time{}, err
		}
		off = ok && a.Unread == 0 && a.Enabled != nil && !*a.Enabled
	}
	switch {
	case gone:
		said += "it is gone"
	case off:
		said += "the account is off"
	case b.Role == "":
		return "", time.Time{}, nil // the account is to go, and it is there and open
	default:
		holds, err := p.holds(ctx, [3]string{b.OfKind, b.Where, b.Source}, b.OfKey)
		if err != nil || holds {
			return "", time.Time{}, err
		}
		said += "it no longer has " + b.Role
	}
	if b.Decision == "modify" && b.TargetKind == b.OfKind && !gone && !off {
		holds, err := p.holds(ctx, [3]string{b.TargetKind, b.TargetWhere, b.Source}, b.OfKey)
		if err != nil || !holds {
			return "", time.Time{}, err
		}
		said += " and has " + b.Target
	}
	return said, when, nil
}

func (p *prover) holds(ctx context.Context, q [3]string, key string) (bool, error) {
	keys, ok := p.has[q]
	if !ok {
		keys = map[string]bool{}
		list := record.Query{Kind: q[0], Where: q[1], Source: q[2], Limit: 1000}
		for {
			page, err := p.s.register.Book.List(ctx, list)
			if err != nil {
				return false, err
			}
			for _, v := range page.Versions {
				keys[v.Key] = true
			}
			if list.After = page.Next; page.Next == "" {
				break
			}
		}
		p.has[q] = keys
	}
	return keys[key], nil
}
