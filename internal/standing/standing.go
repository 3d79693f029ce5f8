// Package standing says how controls and criteria stand. The one rule: a control's state is the worst of its checks, its
// occurrences and its evidence, and with nothing to judge it is unknown; what is not in operation can fail a criterion and
// never pass it.
package standing

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/approval"
	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/framework"
	"tickmark/internal/record"
)

// Summary is how the programme stands, or stood: each criterion by its controls, each control by its parts.
type Summary struct {
	Criteria []Criterion
	Controls []Control
	Checks   []check.State
	*Operation
}

// Control is how one adopted control stands. Its status is the worst of its parts.
type Control struct {
	Key       string // of the control's record
	ID        string // as people say it; the key when it has none
	Label     string
	Family    string
	Stage     string
	Type      string
	Life      string   // draft, approved, approved_by_author, active, retired
	Criteria  []string // the primary one first
	Frequency string
	Owner     string
	Approval  approval.Approval // how it was approved, if it was
	ReviewDue string            // by when an author's approval is to be reviewed
	Parts     []Part            // checks, occurrences, evidence
	check.ControlState
}

// Part is what one sort of proof says of a control.
type Part struct {
	Name    string // checks, occurrences, evidence
	Status  check.Status
	Reason  string    // a sentence
	Since   time.Time // zero when it was never judged
	Nothing bool      // there is nothing to judge, so it neither helps nor harms
	Of      int       // checks, occurrences that were due, or spans of evidence that were judged
	Bad     int       // of those: failing, missed, or without evidence
	Open    int       // occurrences or spans of evidence that are not due yet
}

// Criterion is how one criterion stands: the worst of its controls in operation; without one it is unknown.
type Criterion struct {
	ID       string
	Title    string
	Status   check.Status
	Reason   string
	Controls []string // keys of the adopted controls that serve it, by key
	Excluded bool     // the organisation said that it is not relevant, or its category is none of the period's
}

// library is read once; it comes with the binary.
var library = sync.OnceValues(framework.Load)

// outside are the criteria that the categories of the period leave out: none while there is no period.
func (o *Operation) outside() (map[string]bool, error) {
	out := map[string]bool{}
	if o.Period == nil {
		return out, nil
	}
	all, err := library()
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		out[c.ID] = !o.Period.InScope(c)
	}
	return out, nil
}

// At computes how everything stands as of a moment; zero is now.
func At(ctx context.Context, book *record.Book, monitor *check.Monitor, asOf record.Moment) (Summary, error) {
	o, err := Load(ctx, book, asOf)
	if err != nil {
		return Summary{}, err
	}
	return o.stand(ctx, book, monitor, asOf)
}

// Keeper computes how everything stands now, again and again, and reads only what was written since the last time. The
// zero value is ready; it is safe for use by several at once.
type Keeper struct {
	mu   sync.Mutex
	done done
	size int64 // of the ledger, up to which everything was read
	made time.Time
}

const (
	keepLife = 5 * time.Minute // then everything is read again: what was erased meanwhile is gone by then
	keepMost = 2_000           // versions read as news; with more, everything is read again
)

// Now is At for now.
func (k *Keeper) Now(ctx context.Context, book *record.Book, monitor *check.Monitor) (Summary, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	head, err := book.Log.Head(ctx, book.DB) // before anything is read, so that what is written meanwhile is news the next time
	if err != nil {
		return Summary{}, err
	}
	whole := k.done.occurrences == nil || time.Since(k.made) > keepLife
	if !whole && head.Size > k.size {
		news, err := book.FromEntry(record.AsProgram(ctx), k.size, keepMost)
		if err != nil {
			return Summary{}, err
		}
		whole = len(news) == keepMost
		for _, v := range news {
			if err := k.done.keep(v); err != nil {
				return Summary{}, err
			}
		}
	}
	if whole {
		if err := k.done.read(ctx, book, 0); err != nil {
			k.done = done{}
			return Summary{}, err
		}
		k.made = time.Now()
	}
	k.size = head.Size
	o, err := k.done.operation(ctx, book, 0)
	if err != nil {
		return Summary{}, err
	}
	return o.stand(ctx, book, monitor, 0)
}

func (o *Operation) stand(ctx context.Context, book *record.Book, monitor *check.Monitor, asOf record.Moment) (Summary, error) {
	s := Summary{Operation: o}
	var err error
	if s.Checks, err = monitor.Summary(ctx, asOf); err != nil {
		return s, err
	}
	serving := map[string][]Control{}
	for _, b := range s.bodies {
		c := s.judge(b, s.Checks)
		s.Controls = append(s.Controls, c)
		if c.Life != "retired" {
			for _, cr := range c.Criteria {
				serving[cr] = append(serving[cr], c)
			}
		}
	}
	slices.SortFunc(s.Controls, func(a, b Control) int { return strings.Compare(a.Key, b.Key) })
	outside, err := o.outside()
	if err != nil {
		return s, err
	}
	err = book.EachAt(ctx, book.DB, "criterion", asOf, func(v record.Version) error {
		var body struct {
			NotRelevant string `json:"not_relevant_reason"`
		}
		if err := json.Unmarshal(v.Body, &body); err != nil {
			return err
		}
		c := Criterion{ID: v.Key, Title: v.Label, Status: check.Unknown, Excluded: body.NotRelevant != "" || outside[v.Key]}
		var statuses []check.Status
		for _, k := range serving[v.Key] {
			c.Controls = append(c.Controls, k.Key)
			if Speaks(k.Life, k.Status) {
				statuses = append(statuses, k.Status)
			}
		}
		slices.Sort(c.Controls)
		switch {
		case outside[v.Key]:
			c.Status, c.Reason = check.NotApplicable, "It is not in the categories of the period."
		case c.Excluded:
			c.Status, c.Reason = check.NotApplicable, "The organisation said that it is not relevant: "+body.NotRelevant
		case len(c.Controls) == 0:
			c.Reason = "No control serves it."
		case len(statuses) == 0:
			c.Reason = "No control that serves it is in operation."
		default:
			c.Status = check.Worst(statuses...)
		}
		s.Criteria = append(s.Criteria, c)
		return nil
	})
	slices.SortFunc(s.Criteria, func(a, b Criterion) int { return compareIDs(a.ID, b.ID) })
	return s, err
}

// judge combines the parts of a control. Passing checks are not enough for what people do: such a control is unknown until
// occurrences or evidence show that they did it. An author's approval that nobody reviewed by its promised day is not enough
// for a pass either.
func (o *Operation) judge(b body, states []check.State) Control {
	c := Control{Key: b.key, ID: cmp.Or(b.ID, b.key), Label: b.label, Family: b.Family, Stage: b.Stage, Type: b.Type, Life: b.State, Criteria: b.Criteria, Frequency: b.Frequency, Owner: b.Owner, Approval: b.approval, ReviewDue: b.ReviewDue}
	c.ControlState = checksOf(b, states)
	c.Parts = []Part{checksPart(c.ControlState), o.occurrences(b), o.evidence(b)}
	c.Status, c.Reason = combine(b.Type, c.Parts)
	if c.Status == check.Pass && b.approval == approval.ByAuthor && b.ReviewDue < calendar.Text(o.Today) {
		c.Status, c.Reason = check.Unknown, fmt.Sprintf("It was approved by its author, and the later review promised for %s was not done.", b.ReviewDue)
	}
	return c
}

// checksOf are the checks of a control: those that name the starter control it was copied from, and those that it names.
func checksOf(b body, states []check.State) check.ControlState {
	return check.Control(b.catalogued(), states, b.Checks...)
}

func checksPart(c check.ControlState) Part {
	p := Part{Name: "checks", Status: c.Status, Reason: c.Reason, Nothing: true}
	for _, s := range c.Checks {
		if s.Status == check.NotApplicable {
			continue
		}
		p.Nothing = false
		p.Of++
		if s.Status == check.Fail {
			p.Bad++
		}
		if s.Status == c.Status && s.Evaluated != 0 && (p.Since.IsZero() || s.Evaluated.Time().Before(p.Since)) {
			p.Since = s.Evaluated.Time()
		}
	}
	switch {
	case p.Nothing:
		p.Status = check.NotApplicable
	case c.Status == check.Fail:
		p.Reason = fmt.Sprintf("%d of %d checks fail.", p.Bad, p.Of)
	case c.Status == check.Pass:
		p.Reason = "Everything that its checks judged passes."
	}
	return p
}

func combine(typ string, parts []Part) (check.Status, string) {
	var all []check.Status
	people := false // something on record shows what people did
	for _, p := range parts {
		if !p.Nothing {
			all = append(all, p.Status)
			people = people || p.Name != "checks"
		}
	}
	if len(all) == 0 {
		return check.Unknown, "There is nothing to judge: " + lower(parts[0].Reason)
	}
	status := check.Worst(all...)
	if status == check.Pass && typ != "automated" && !people {
		return check.Unknown, "Its checks pass, but part of it is done by people, and nothing on record shows that they did it."
	}
	if status == check.Pass {
		return status, ""
	}
	for _, p := range parts {
		if !p.Nothing && p.Status == status {
			return status, p.Reason
		}
	}
	return status, ""
}

func lower(s string) string {
	if s == "" {
		return "nothing on record says whether it works."
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// Speaks says whether a control's status counts for the criteria it serves: what is not in operation can fail a criterion,
// never pass it.
func Speaks(life string, status check.Status) bool { return life == "active" || status == check.Fail }

// compareIDs sorts CC1.1, CC1.2 ... CC1.10, then A1.1, PI1.1, C1.1, P1.1 as the criteria stand in the framework.
func compareIDs(a, b string) int {
	rank := func(id string) (int, string) {
		for i, p := range []string{"CC", "A", "PI", "C", "P"} {
			if rest, ok := strings.CutPrefix(id, p); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
				return i, rest
			}
		}
		return 9, id
	}
	ra, x := rank(a)
	rb, y := rank(b)
	if ra != rb {
		return ra - rb
	}
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(x, y)
}
