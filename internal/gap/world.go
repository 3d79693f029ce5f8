package gap

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/approval"
	"tickmark/internal/check"
	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/requirement"
	"tickmark/internal/scope"
	"tickmark/internal/standing"
	"tickmark/internal/system"
)

// World is what gaps are found in, as it is or was at one moment.
type World struct {
	Now    time.Time // in the organisation's zone
	Period *period.Period
	System *system.System
	Placed []Placed

	Standing     standing.Summary
	Criteria     []framework.Criterion
	Controls     []Control
	People       map[string]Person // those who own something
	Requirements []Need
	Evidence     []Evidence
	Policies     []Document
	Commitments  []Promise
	Observations []Observation
	Tasks        []task
	Due          map[string]string          // by check: the due date of its open finding
	Readers      func(name string) []string // who could read a kind or view: the groups of its kinds
}

// Control is what gaps ask of a control.
type Control struct {
	Key, ID, Title, Owner, State, Type, Stage, Frequency, Family string
	OwnerRole                                                    string   `json:"owner_role"`
	Grace                                                        int      `json:"grace_days"`
	Catalogue                                                    string   `json:"catalogue_id"`
	Criteria, Checks, Evidence                                   []string `json:",omitempty"`
}

// Person is what gaps ask of a person.
type Person struct{ Name, End string }

// Need is an evidence requirement.
type Need struct {
	Key, Control, Title, Frequency, From, To string
	Pieces                                   []requirement.Piece // the evidence that speaks for it
}

// Evidence is what gaps ask of evidence.
type Evidence struct {
	Key      string
	Controls []string
}

// Document is a policy with the texts of it that are, or are about to be, in force.
type Document struct {
	Key, Title, State, Template string
	Months                      int `json:"review_months"`
	Controls                    []string
	published                   bool
	draft                       string // the state of the newest text that is not in force
	approved                    time.Time
	reviewDue                   string // the later review that an approval by its author promised and that was not done
}

// approved is a text or a review of one, as far as its approval goes.
type approved struct {
	Policy, State string
	By            string    `json:"approved_by"`
	At            time.Time `json:"approved_at"`
	Due           string    `json:"review_due"`
	Late          string    `json:"late_reviewed_by"`
}

// last takes an approval for the policy's when there is none after it.
func (d *Document) last(a approved) {
	if !a.At.After(d.approved) {
		return
	}
	d.approved, d.reviewDue = a.At, ""
	if approval.How(a.State, a.By, a.Due, a.Late) == approval.ByAuthor {
		d.reviewDue = a.Due
	}
}

// Promise is a commitment.
type Promise struct {
	Key, Title, Since, Until string
	Criteria, Controls       []string
}

// Observation is what an assessor noted.
type Observation struct {
	Key, Title, Weight, State, Control, Due string
	Criteria                                []string
}

type task struct {
	Task
	Gap     string
	Overdue string `json:"overdue_since"`
}

// Load reads the world as of a moment; zero is now. Standing is how the controls stand then.
func Load(ctx context.Context, book *record.Book, monitor *check.Monitor, standing standing.Summary, at record.Moment) (World, error) {
	w := World{Now: book.Log.Now(), Standing: standing, People: map[string]Person{}, Due: map[string]string{}, Readers: readers(monitor)}
	if at != 0 {
		w.Now = at.Time()
	}
	zone := time.UTC
	if v, err := book.Get(ctx, "organisation", organisation.Key, at); err == nil {
		zone = organisation.Zone(v.Body)
	} else if !fault.Is(err, fault.NotFound) {
		return w, err
	}
	w.Now = w.Now.In(zone)
	p, ok, err := period.Current(ctx, book, at)
	if err != nil {
		return w, err
	}
	if ok {
		w.Period = &p
		if p.System != "" {
			if v, err := book.Get(ctx, "system", p.System, at); err == nil {
				s, err := system.Read(v)
				if err != nil {
					return w, err
				}
				w.System = &s
			} else if !fault.Is(err, fault.NotFound) {
				return w, err
			}
		}
	}
	if w.Criteria, err = library(); err != nil {
		return w, err
	}
	if err := w.records(ctx, book, at); err != nil {
		return w, err
	}
	w.proof()
	if err := w.place(ctx, book, monitor, at); err != nil {
		return w, err
	}
	return w, w.owners(ctx, book, at)
}

// Placed counts the records of a kind and source that are parts of systems, and names some that no boundary speaks of.
type Placed struct {
	Source, Kind, Title string
	Of, Lost            int
	Names               []string // of the first that are lost
}

const namesShown = 5

// place finds what belongs to no system's boundary and is not said to be outside of one either.
func (w *World) place(ctx context.Context, book *record.Book, monitor *check.Monitor, at record.Moment) error {
	var bounds []*scope.Boundary
	if err := book.EachBody(ctx, book.DB, "system", at, func(v record.Version) error {
		s, err := system.Read(v)
		if err != nil || s.State == "retired" {
			return err
		}
		b, err := scope.Of(book.Kinds, s)
		if err == nil { // one that cannot be asked speaks of nothing, and its own page says so
			bounds = append(bounds, b)
		}
		return nil
	}); err != nil || len(bounds) == 0 {
		return err
	}
	day, found := w.Now.Format(time.DateOnly), map[[2]string]*Placed{}
	for _, k := range monitor.Words.Kinds(scope.View) {
		if err := book.EachBody(ctx, book.DB, k.Name, at, func(v record.Version) error {
			if v.Erased || v.Dropped != nil {
				return nil
			}
			p := found[[2]string{v.Source, k.Name}]
			if p == nil {
				p = &Placed{Source: v.Source, Kind: k.Name, Title: cmp.Or(k.Plural, k.Title)}
				found[[2]string{v.Source, k.Name}] = p
			}
			p.Of++
			for _, b := range bounds {
				if in, _ := b.Placed(v, day); in == expr.True {
					return nil
				}
			}
			if p.Lost++; len(p.Names) < namesShown {
				p.Names = append(p.Names, cmp.Or(v.Label, v.Key))
			}
			return nil
		}); err != nil {
			return err
		}
	}
	for _, p := range found {
		w.Placed = append(w.Placed, *p)
	}
	slices.SortFunc(w.Placed, func(a, b Placed) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Kind, b.Kind))
	})
	return nil
}

// proof takes the evidence and what requires it from how the controls stand, where they are read already.
func (w *World) proof() {
	if w.Standing.Operation == nil {
		return
	}
	for _, list := range w.Standing.Requirements {
		for _, r := range list {
			w.Requirements = append(w.Requirements, Need{Key: r.Key, Control: r.Control, Title: r.Title, Frequency: r.Frequency, From: r.From, To: r.To, Pieces: w.Standing.Pieces(r)})
		}
	}
	for _, e := range w.Standing.Evidence {
		if e.State != "withdrawn" {
			w.Evidence = append(w.Evidence, Evidence{Key: e.Key, Controls: e.Controls})
		}
	}
}

// owners reads the people that own something. There may be thousands of others.
func (w *World) owners(ctx context.Context, book *record.Book, at record.Moment) error {
	var keys []string
	for _, c := range w.Controls {
		keys = append(keys, c.Owner)
	}
	for _, t := range w.Tasks {
		keys = append(keys, t.Owner)
	}
	if w.System != nil {
		keys = append(keys, w.System.Owner, w.System.ApprovedBy)
	}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if key == "" {
			continue
		}
		v, err := book.Get(ctx, "person", key, at)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the person %s: %w", key, err)
		}
		if w.People[key], err = body[Person](v); err != nil {
			return err
		}
	}
	return nil
}

func readers(monitor *check.Monitor) func(string) []string {
	return func(name string) []string {
		var out []string
		seen := map[string]bool{}
		for _, k := range monitor.Words.Kinds(name) {
			if k.Collected && !seen[k.Group] {
				seen[k.Group] = true
				out = append(out, k.Group)
			}
		}
		return out
	}
}

// records reads what the organisation wrote. These kinds hold hundreds of records.
func (w *World) records(ctx context.Context, book *record.Book, at record.Moment) error {
	texts := map[string]Document{}
	for _, read := range []struct {
		kind string
		keep func(v record.Version) error
	}{
		{"control", func(v record.Version) error {
			c, err := body[Control](v)
			c.Key = v.Key
			if c.ID == "" {
				c.ID = v.Key
			}
			w.Controls = append(w.Controls, c)
			return err
		}},
		{"policy_version", func(v record.Version) error {
			t, err := body[approved](v)
			d := texts[t.Policy]
			switch t.State {
			case "published":
				d.published = true
				d.last(t)
			case "superseded", "retired":
			default:
				d.draft = t.State
			}
			texts[t.Policy] = d
			return err
		}},
		{"policy_review", func(v record.Version) error {
			r, err := body[approved](v)
			if d := texts[r.Policy]; r.State == "approved" {
				d.last(r)
				texts[r.Policy] = d
			}
			return err
		}},
		{"policy", func(v record.Version) error {
			d, err := body[Document](v)
			t := texts[v.Key]
			d.Key, d.published, d.draft, d.approved, d.reviewDue = v.Key, t.published, t.draft, t.approved, t.reviewDue
			w.Policies = append(w.Policies, d)
			return err
		}},
		{"commitment", func(v record.Version) error {
			c, err := body[Promise](v)
			c.Key = v.Key
			w.Commitments = append(w.Commitments, c)
			return err
		}},
		{"readiness_observation", func(v record.Version) error {
			o, err := body[Observation](v)
			o.Key = v.Key
			w.Observations = append(w.Observations, o)
			return err
		}},
		{"task", func(v record.Version) error {
			t, err := body[task](v)
			if t.Key = v.Key; t.Gap != "" && t.State != "cancelled" {
				today := w.Now.Format(time.DateOnly)
				open := t.State == "open" || t.State == "in_progress"
				t.Late = t.Overdue != "" || open && t.Due != "" && t.Due < today
				w.Tasks = append(w.Tasks, t)
			}
			return err
		}},
		{"finding", func(v record.Version) error {
			f, err := body[struct{ Check, State, Due string }](v)
			switch f.State {
			case "open", "assigned", "in_progress", "fixed", "verified", "claimed_false":
				if old := w.Due[f.Check]; f.Check != "" && (old == "" || f.Due != "" && f.Due < old) {
					w.Due[f.Check] = f.Due
				}
			}
			return err
		}},
	} {
		if err := book.EachAt(ctx, book.DB, read.kind, at, read.keep); err != nil {
			return fmt.Errorf("read %s: %w", read.kind, err)
		}
	}
	return nil
}

func body[T any](v record.Version) (T, error) {
	var b T
	if err := json.Unmarshal(v.Body, &b); err != nil {
		return b, fmt.Errorf("read %s %s: %w", v.Kind, v.Key, err)
	}
	return b, nil
}
