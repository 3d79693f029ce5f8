package standing

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tickmark/internal/approval"
	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/control"
	"tickmark/internal/fault"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/requirement"
)

// Operation is what was done for the controls: their occurrences and their evidence, as known at a moment.
type Operation struct {
	Zone   *time.Location
	Today  calendar.Day  // of the moment, in the organisation's zone
	Window calendar.Span // what is judged: the current period, or the twelve months up to today

	Period       *period.Period           // nil without one
	Occurrences  map[string][]Occurrence  // by control, by day
	Requirements map[string][]Requirement // by control, by title
	Evidence     map[string]Evidence      // by key, withdrawn ones too

	bodies    []body
	byControl map[string][]string // keys of evidence that was not withdrawn
	untold    map[string]string   // by control: why nobody knows when it is called for
	silent    map[string]string   // by control: why nobody knows that nothing called for it, when nothing did
}

// body is what a control's own record says.
type body struct {
	key, label string
	approval   approval.Approval
	ID         string         `json:"id"`
	Family     string         `json:"family"`
	Stage      string         `json:"stage"`
	State      string         `json:"state"`
	Criteria   []string       `json:"criteria"`
	Catalogue  string         `json:"catalogue_id"`
	Type       string         `json:"type"`
	Frequency  string         `json:"frequency"`
	Grace      int            `json:"grace_days"`
	Events     control.Events `json:"events"`
	Checks     []string       `json:"checks"`
	Owner      string         `json:"owner"`
	ReviewEach bool           `json:"review_each"`
	ReviewDue  string         `json:"review_due"`
	ApprovedBy string         `json:"approved_by"`
	Reviewer   string         `json:"late_reviewed_by"`
}

func (b body) catalogued() string { return cmp.Or(b.Catalogue, b.key) }

// Occurrence is one due performance.
type Occurrence struct {
	Key         string
	Title       string   `json:"title"`
	Control     string   `json:"control"`
	From        string   `json:"from"`
	To          string   `json:"to"`
	Due         string   `json:"due"`
	Owner       string   `json:"owner"`
	State       string   `json:"state"`
	Occurred    string   `json:"occurred_at"`
	PerformedAt string   `json:"performed_at"`
	PerformedBy string   `json:"performed_by"`
	ReviewedBy  string   `json:"reviewed_by"`
	Evidence    []string `json:"evidence"`
	EventKind   string   `json:"event_kind"`
	EventKey    string   `json:"event_key"`
}

// Requirement is an evidence requirement with its spans.
type Requirement struct {
	Key       string
	Control   string `json:"control"`
	Title     string `json:"title"`
	Help      string `json:"help"`
	Frequency string `json:"frequency"`
	Owner     string `json:"owner"`
	From      string `json:"from"`
	To        string `json:"to"`
	Spans     []requirement.Span
}

// Evidence is one piece of it.
type Evidence struct {
	Key         string
	Title       string   `json:"title"`
	Controls    []string `json:"controls"`
	Requirement string   `json:"requirement"`
	Item        string   `json:"item"`
	From        string   `json:"covers_from"`
	To          string   `json:"covers_to"`
	State       string   `json:"state"`
	Source      string   `json:"source"`
	ReceivedBy  string   `json:"received_by"`
	ReceivedAt  string   `json:"received_at"`
	SHA256      string   `json:"sha256"`
	Link        string   `json:"link"`
	Origin      record.Origin
}

// Load reads what was done for the controls as of a moment; zero is now.
func Load(ctx context.Context, book *record.Book, asOf record.Moment) (*Operation, error) {
	var d done
	if err := d.read(ctx, book, asOf); err != nil {
		return nil, err
	}
	return d.operation(ctx, book, asOf)
}

// done is what grows over a window, by key: performances and evidence. Neither kind is ever deleted.
type done struct {
	occurrences map[string]Occurrence
	evidence    map[string]Evidence
}

func (d *done) read(ctx context.Context, book *record.Book, asOf record.Moment) error {
	d.occurrences, d.evidence = map[string]Occurrence{}, map[string]Evidence{}
	for _, kind := range []string{"occurrence", "evidence"} {
		if err := book.EachAt(ctx, book.DB, kind, asOf, d.keep); err != nil {
			return fmt.Errorf("read every %s: %w", kind, err)
		}
	}
	return nil
}

func (d *done) keep(v record.Version) error {
	switch v.Kind {
	case "occurrence":
		x, err := read[Occurrence](v)
		x.Key = v.Key
		d.occurrences[v.Key] = x
		return err
	case "evidence":
		e, err := read[Evidence](v)
		e.Key, e.Origin = v.Key, v.Origin
		d.evidence[v.Key] = e
		return err
	}
	return nil
}

// operation lays what was done beside what is asked for.
func (d *done) operation(ctx context.Context, book *record.Book, asOf record.Moment) (*Operation, error) {
	o := &Operation{Zone: time.UTC, Occurrences: map[string][]Occurrence{}, Requirements: map[string][]Requirement{}, Evidence: maps.Clone(d.evidence), byControl: map[string][]string{}}
	if v, err := book.Get(ctx, "organisation", organisation.Key, asOf); err == nil {
		o.Zone = organisation.Zone(v.Body)
	} else if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	now := book.Log.Now()
	if asOf != 0 {
		now = asOf.Time()
	}
	o.Today = calendar.Of(now, o.Zone)
	p, ok, err := period.Current(ctx, book, asOf)
	if err != nil {
		return nil, err
	}
	o.Window = calendar.Span{From: o.Today.AddDate(-1, 0, 1), To: o.Today}
	if ok {
		o.Period = &p
		if from, to := calendar.Parse(p.From), calendar.Parse(p.To); !from.IsZero() && !to.Before(from) && !o.Today.Before(from) {
			o.Window = calendar.Span{From: from, To: to}
		}
	}
	for kind, keep := range map[string]func(record.Version) error{"control": o.keepControl, "requirement": o.keepRequirement} {
		if err := book.EachAt(ctx, book.DB, kind, asOf, keep); err != nil {
			return nil, fmt.Errorf("read every %s: %w", kind, err)
		}
	}
	if err := o.listen(ctx, book, asOf); err != nil {
		return nil, err
	}
	for _, x := range d.occurrences {
		o.Occurrences[x.Control] = append(o.Occurrences[x.Control], x)
	}
	for key, e := range d.evidence {
		if e.State != "withdrawn" {
			for _, c := range e.Controls {
				o.byControl[c] = append(o.byControl[c], key)
			}
		}
	}
	for _, list := range o.Occurrences {
		slices.SortFunc(list, func(a, b Occurrence) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Key, b.Key)) })
	}
	grace := map[string]int{}
	for _, b := range o.bodies {
		grace[b.key] = b.Grace
	}
	for key, list := range o.Requirements {
		slices.SortFunc(list, func(a, b Requirement) int { return cmp.Or(cmp.Compare(a.Title, b.Title), cmp.Compare(a.Key, b.Key)) })
		for i, r := range list {
			list[i].Spans = requirement.Spans(requirement.Required{Frequency: r.Frequency, From: calendar.Parse(r.From), To: calendar.Parse(r.To), Grace: grace[key]},
				o.Pieces(r), o.Window.From, o.Window.To, o.Today)
		}
	}
	return o, nil
}

func read[T any](v record.Version) (x T, err error) {
	if err = json.Unmarshal(v.Body, &x); err != nil {
		err = fmt.Errorf("read %s %s: %w", v.Kind, v.Key, err)
	}
	return x, err
}

func (o *Operation) keepControl(v record.Version) error {
	b, err := read[body](v)
	b.key, b.label = v.Key, v.Label
	b.approval = approval.How(b.State, b.ApprovedBy, b.ReviewDue, b.Reviewer)
	o.bodies = append(o.bodies, b)
	return err
}

func (o *Operation) keepRequirement(v record.Version) error {
	r, err := read[Requirement](v)
	r.Key = v.Key
	o.Requirements[r.Control] = append(o.Requirements[r.Control], r)
	return err
}

// listen says of each control that is performed per event why nobody knows whether it was called for, if that is so. An
// empty list is believed where its kind is kept here and something of it is on record: what is read from a source may have
// been read in part. The events of an automated control are judged by its checks, record by record.
func (o *Operation) listen(ctx context.Context, book *record.Book, asOf record.Moment) error {
	o.untold, o.silent = map[string]string{}, map[string]string{}
	kept := map[string]bool{}
	look := book.LookAt(ctx, time.Time{})
	for _, b := range o.bodies {
		e := b.Events
		switch {
		case b.Frequency != "per_event" || b.State == "retired":
			continue
		case e.Waits != "":
			o.untold[b.key] = "Nothing tells when it is called for: it waits for " + e.Waits + "."
			continue
		case b.Type == "automated":
			continue
		case e.Kind == "":
			o.untold[b.key] = "Nothing tells when it is called for: it names no events."
			continue
		}
		k, err := look.Kind(e.Kind)
		if err == nil && e.Where != "" {
			err = look.Fits(e.Kind, e.Where)
		}
		var f *fault.Fault
		switch {
		case errors.As(err, &f):
			o.untold[b.key] = "What calls for it cannot be read: " + f.Error()
		case err != nil:
			return err
		case k.Collected:
			o.silent[b.key] = fmt.Sprintf("No %s called for it, and whether all of them were read is not known.", lower(k.Title))
		default:
			some, known := kept[k.Name]
			if !known {
				page, err := book.List(ctx, record.Query{Kind: k.Name, AsOf: asOf, Limit: 1})
				if err != nil {
					return err
				}
				some = len(page.Versions) > 0
				kept[k.Name] = some
			}
			if !some {
				o.silent[b.key] = fmt.Sprintf("There is no %s on record at all, so nothing shows that it was not called for.", lower(k.Title))
			}
		}
	}
	return nil
}

// EvidenceOf are the keys of a control's evidence that was not withdrawn.
func (o *Operation) EvidenceOf(control string) []string { return o.byControl[control] }

// speaks reports whether evidence speaks for a requirement: it names it, or the item that it asks for. What names neither counts
// only where the control asks for nothing else; which of several items it shows is not guessed.
func (e Evidence) speaks(r Requirement, only bool) bool {
	switch {
	case e.Requirement != "":
		return e.Requirement == r.Key
	case e.Item != "":
		return e.Item == r.Title
	}
	return only
}

// Pieces are the evidence that speaks for a requirement, for the time that each says. What performances by the calendar were
// recorded with speaks for the span that was performed, and whoever reviewed the performance saw it.
func (o *Operation) Pieces(r Requirement) []requirement.Piece {
	only := len(o.Requirements[r.Control]) == 1
	var out []requirement.Piece
	for _, key := range o.byControl[r.Control] {
		if e := o.Evidence[key]; e.speaks(r, only) {
			out = append(out, requirement.Piece{Key: key, Covers: calendar.Span{From: calendar.Parse(e.From), To: calendar.Parse(e.To)}, Reviewed: e.State == "reviewed"})
		}
	}
	for _, x := range o.Occurrences[r.Control] {
		if x.EventKey != "" || x.State != "performed" && x.State != "performed_late" {
			continue
		}
		for _, key := range x.Evidence {
			if e, ok := o.Evidence[key]; ok && e.State != "withdrawn" && e.speaks(r, only) {
				out = append(out, requirement.Piece{Key: key, Covers: o.Span(x), Reviewed: e.State == "reviewed" || x.ReviewedBy != ""})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b requirement.Piece) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

// Missed reports whether the due date of an occurrence is over and it was not done by then, whatever was done since.
func (o *Operation) Missed(x Occurrence) bool {
	return x.State == "missed" || x.State == "performed_late" || x.State == "scheduled" && x.Due < calendar.Text(o.Today)
}

// judged is what an occurrence says of its control now: nothing before it is due; done, also when late, is a pass as long as
// its evidence stands.
func (o *Operation) judged(b body, x Occurrence) (status check.Status, why string) {
	switch x.State {
	case "performed", "performed_late":
		stands := false
		for _, key := range x.Evidence {
			stands = stands || o.Evidence[key].State != "withdrawn"
		}
		switch {
		case !stands:
			return check.Unknown, fmt.Sprintf("%s was recorded as done, and all evidence of it was withdrawn.", o.Span(x).Words())
		case b.ReviewEach && x.ReviewedBy == "":
			return check.Unknown, fmt.Sprintf("%s was recorded as done, and waits for another person's review.", o.Span(x).Words())
		}
		return check.Pass, ""
	}
	if o.Missed(x) {
		return check.Fail, fmt.Sprintf("%s was missed: it was due on %s.", o.Span(x).Words(), calendar.Parse(x.Due).Format("2 January 2006"))
	}
	return "", ""
}

// Span are the days an occurrence is for.
func (o *Operation) Span(x Occurrence) calendar.Span {
	return calendar.Span{From: calendar.Parse(x.From), To: calendar.Parse(x.To)}
}

// Within reports whether an occurrence belongs to what is judged: its span ends in the window.
func (o *Operation) Within(x Occurrence) bool { return o.Window.Has(calendar.Parse(x.To)) }

func (o *Operation) occurrences(b body) Part {
	p := Part{Name: "occurrences", Status: check.NotApplicable, Nothing: true}
	var statuses []check.Status
	var worst Occurrence
	for _, x := range o.Occurrences[b.key] {
		if !o.Within(x) {
			continue
		}
		status, why := o.judged(b, x)
		if status == "" {
			if x.State == "scheduled" {
				p.Open++
			}
			continue
		}
		p.Of++
		if status == check.Fail {
			p.Bad++
		}
		statuses = append(statuses, status)
		if all := check.Worst(statuses...); all != p.Status || p.Nothing {
			p.Status, p.Reason, p.Nothing, worst = all, why, false, x
			p.Since = o.since(x, status)
		} else if all == check.Pass {
			p.Since = o.since(x, status)
		}
	}
	untold, silent := o.untold[b.key], o.silent[b.key]
	switch {
	case untold != "" && (p.Nothing || p.Status == check.Pass):
		p.Status, p.Reason, p.Nothing = check.Unknown, untold, false
	case silent != "" && p.Nothing && p.Open == 0:
		p.Status, p.Reason, p.Nothing = check.Unknown, silent, false
	case p.Nothing && p.Open > 0:
		p.Reason = fmt.Sprintf("None of %s is due yet.", count(p.Open, "scheduled performance", "scheduled performances"))
	case p.Nothing && b.Frequency == "continuous":
		p.Reason = "It works continuously, so nothing is scheduled; its checks and its evidence speak for it."
	case p.Nothing && b.Frequency == "per_event" && b.Type == "automated":
		p.Reason = "Its checks judge every event, so nothing is scheduled."
	case p.Nothing && b.Frequency == "per_event":
		p.Reason = "Nothing called for it in the window, as far as the records say."
	case p.Nothing && b.State != "active":
		p.Reason = "It is not in operation, so nothing is scheduled."
	case p.Nothing:
		p.Reason = "Nothing was due in the window."
	case p.Status == check.Fail && p.Bad > 1:
		p.Reason = fmt.Sprintf("%d of %d were missed, the first for %s.", p.Bad, p.Of, o.Span(worst).Words())
	case p.Status == check.Pass:
		p.Reason = fmt.Sprintf("All %d that were due are on record as done.", p.Of)
		if p.Of == 1 {
			p.Reason = "The one that was due is on record as done."
		}
	}
	return p
}

// since is from when on an occurrence says what it says.
func (o *Operation) since(x Occurrence, status check.Status) time.Time {
	if status == check.Fail {
		return calendar.Ends(calendar.Parse(x.Due), o.Zone)
	}
	t, _ := time.Parse(time.RFC3339Nano, x.PerformedAt)
	return t
}

func (o *Operation) evidence(b body) Part {
	p := Part{Name: "evidence", Status: check.NotApplicable, Nothing: true}
	waiting := 0
	var first requirement.Span
	var title string
	for _, r := range o.Requirements[b.key] {
		for _, s := range r.Spans {
			switch s.State {
			case requirement.Open:
				p.Open++
				continue
			case requirement.Waiting:
				waiting++
			case requirement.Gap:
				if p.Bad++; p.Bad == 1 || s.From.Before(first.From) {
					first, title = s, r.Title
				}
			}
			p.Of++
			p.Nothing = false
		}
	}
	switch {
	case p.Bad > 0:
		p.Status, p.Reason = check.Unknown, fmt.Sprintf("Nothing covers %s of “%s”.", first.Words(), title)
		if p.Bad > 1 {
			p.Reason = fmt.Sprintf("%d spans are not covered, the first %s of “%s”.", p.Bad, first.Words(), title)
		}
		p.Since = calendar.Ends(first.Due, o.Zone)
	case waiting > 0:
		p.Status, p.Reason = check.Unknown, fmt.Sprintf("%s for review by another person than the one who handed it in.", count(waiting, "span waits", "spans wait"))
	case !p.Nothing:
		p.Status, p.Reason = check.Pass, "Reviewed evidence covers everything that was required so far."
	case p.Open > 0:
		p.Reason = fmt.Sprintf("%s not due yet.", count(p.Open, "span is", "spans are"))
	case len(o.Requirements[b.key]) > 0:
		p.Reason = "None is required in the window."
	default:
		p.Reason = "No evidence is required of it yet."
	}
	return p
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n) + " " + many
}
