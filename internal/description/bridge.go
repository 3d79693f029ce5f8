package description

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// BridgeName is the kind of a bridge letter: management's own word on the time since a report, which nobody examined.
const BridgeName = "bridge_letter"

// BridgeKind declares the bridge letter. It cannot say that nothing changed while the records show otherwise: each change, incident
// and grave finding since the report is disclosed, or a named person judged it not material.
func BridgeKind() record.Kind {
	rules := approval.Rules{From: "draft", To: "approved", Standing: []string{"approved"}, Parties: approval.Authors("letter", "Write it again, then ask another person to approve it.")}
	revises := []string{"system", "report", "firm", "report_to", "until", "next", "recipients", "disclosed", "judged"}
	m := &record.Machine{Initial: "draft", Authors: "authors", Revises: revises, Independent: approval.Independent, Moves: slices.Concat([]record.Move{
		{Name: "approve", Title: "Approve for management", From: []string{"draft"}, To: "approved", By: "approved_by", At: "approved_at", Guard: rules.Approve},
	}, rules.Moves(), []record.Move{{Name: "return", Title: "Return to draft", From: []string{"approved"}, To: "draft"}})}
	return record.Kind{
		Name: BridgeName, Title: "Bridge letter", Plural: "Bridge letters", Group: "Program", Key: "id", Label: "name",
		Help: "Management's own statement on the time between a report's period and a customer's date. Nobody examined it, and it replaces no report.",
		Fields: append([]record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Help: "Short and stable, such as q3-2026."},
			{Name: "name", Type: record.Text, Required: true},
			{Name: "system", Type: record.Ref, Refers: "system", Required: true, Indexed: true},
			{Name: "report", Title: "The report", Type: record.Text, Required: true, Help: "Its title and number."},
			{Name: "firm", Title: "The firm", Type: record.Text, Required: true, Help: "Who issued it."},
			{Name: "report_to", Title: "Last day of its period", Type: record.Date, Required: true},
			{Name: "until", Title: "Bridged until", Type: record.Date, Required: true, Help: "The day that has passed, up to which the letter speaks; usually at most three months after the period."},
			{Name: "next", Title: "Next report expected", Type: record.Date, Required: true},
			{Name: "recipients", Type: record.Text, Required: true, Help: "For whom it is."},
			{Name: "disclosed", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
				{Name: "what", Type: record.Text, Required: true, Help: "The id of what the records show, or words for what they do not."}, {Name: "text", Type: record.Long, Required: true, Help: "What the letter says of it."}}},
			{Name: "judged", Title: "Judged not material", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
				{Name: "what", Type: record.Text, Required: true, Help: "The id of what the records show."}, {Name: "by", Type: record.Ref, Refers: "person", Required: true}, {Name: "reason", Type: record.Text, Required: true}}},
			{Name: record.StateField, Type: record.Choice, Choices: m.States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true},
			{Name: "approved_by", Type: record.Ref, Refers: "person", Fixed: true},
			{Name: "approved_at", Type: record.Time, Fixed: true},
		}, approval.Fields()...),
		States: m,
		Guard: func(_, after map[string]any, _ record.Actor) error {
			b, err := ReadBridge(after)
			if err == nil && b.Until <= b.ReportTo {
				err = fault.New(fault.Invalid, "The letter speaks until %s, and the report's period ends on %s.", b.Until, b.ReportTo).WithNext("Name a day after the period.")
			}
			return err
		},
		Check: bridged,
	}
}

// Bridge is what the record of a letter says.
type Bridge struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	System     string     `json:"system"`
	Report     string     `json:"report"`
	Firm       string     `json:"firm"`
	ReportTo   string     `json:"report_to"`
	Until      string     `json:"until"`
	Next       string     `json:"next"`
	Recipients string     `json:"recipients"`
	Disclosed  []Said     `json:"disclosed,omitempty"`
	Judged     []Judgment `json:"judged,omitempty"`
	State      string     `json:"state"`
	ApprovedBy string     `json:"approved_by"`
	ApprovedAt string     `json:"approved_at"`
}

// Said is what a letter says of something.
type Said struct {
	What string `json:"what"`
	Text string `json:"text"`
}

// Judgment is that a person took something for not material.
type Judgment struct {
	What   string `json:"what"`
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// ReadBridge reads a record's body.
func ReadBridge(body map[string]any) (Bridge, error) {
	var b Bridge
	raw, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(raw, &b)
	}
	if err != nil {
		return b, fault.New(fault.Invalid, "The letter cannot be read: %w.", err)
	}
	return b, nil
}

// Since is what the records show since the report: changes of system, controls and commitments, incidents, and findings that are
// critical or high and were opened since or are open still.
func (b Bridge) Since(look record.Look) (*File, []Change, error) {
	f, err := Assemble(look, map[string]any{"id": b.ID, "name": b.Name, "system": b.System, "type": "type_2", "from": b.ReportTo, "to": b.Until,
		"categories": []any{"security", "availability", "processing_integrity", "confidentiality", "privacy"}})
	if err != nil {
		return nil, nil, err
	}
	out := append([]Change{}, f.OnRecord...)
	for _, c := range f.Reported {
		if c.On > b.ReportTo && c.On <= b.Until {
			out = append(out, c)
		}
	}
	a := &assembling{look: look, zone: time.UTC, f: f}
	if z, err := time.LoadLocation(f.Zone); err == nil {
		a.zone = z
	}
	err = each(a, "finding", func(v record.Version, x struct {
		Title, Severity, State, Opened string
		First                          string `json:"first_seen"`
	}) error {
		day := a.day(x.Opened)
		open := !slices.Contains([]string{"closed", "verified", "duplicate", "false_positive"}, x.State)
		grave := x.Severity == "critical" || x.Severity == "high"
		known := slices.ContainsFunc(out, func(c Change) bool { return c.ID == "finding "+v.Key })
		if grave && !known && x.State != "duplicate" && x.State != "false_positive" && day <= b.Until && (day > b.ReportTo || open) {
			out = append(out, Change{ID: "finding " + v.Key, On: day, What: x.Title})
		}
		return nil
	})
	slices.SortStableFunc(out, func(x, y Change) int { return strings.Compare(x.On, y.On) })
	return f, out, err
}

// Open are those of the changes that the letter neither discloses nor has a judgement on.
func (b Bridge) Open(changes []Change) []Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c Change) bool {
		return slices.ContainsFunc(b.Disclosed, func(s Said) bool { return s.What == c.ID }) || slices.ContainsFunc(b.Judged, func(j Judgment) bool { return j.What == c.ID })
	})
}

// bridged refuses the approval of a letter that is silent on what the records show.
func bridged(look record.Look, before, after map[string]any, actor record.Actor) error {
	if err := approval.SmallTeam(look, before, after); err != nil {
		return err
	}
	was, err := ReadBridge(before)
	if err != nil {
		return err
	}
	is, err := ReadBridge(after)
	if err != nil {
		return err
	}
	for _, j := range is.Judged {
		if !slices.Contains(was.Judged, j) && (actor.Person == "" || j.By != actor.Person) {
			return fault.New(fault.Denied, "Only %s can say that %s is not material in the name of %s.", j.By, j.What, j.By).WithNext("Whoever judges it writes it.")
		}
	}
	if after[record.StateField] != "approved" || before[record.StateField] == "approved" {
		return nil
	}
	b, err := ReadBridge(after)
	if err != nil {
		return err
	}
	f, changes, err := b.Since(look)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(f.Zone)
	if err != nil {
		zone = time.UTC
	}
	if today := look.At.In(zone).Format(time.DateOnly); b.Until > today {
		return fault.New(fault.Conflict, "The letter speaks until %s, which has not passed yet.", b.Until).WithNext("Nobody knows what will happen; choose a day that has passed.")
	}
	if open := b.Open(changes); len(open) > 0 {
		var said []string
		for _, c := range open[:min(len(open), 8)] {
			said = append(said, fmt.Sprintf("%s of %s (%s)", c.ID, c.On, c.What))
		}
		return fault.New(fault.Conflict, "The letter is silent on %d things that the records show: %s.", len(open), strings.Join(said, "; ")).WithNext("Disclose each, or let a named person say under judged why it is not material.")
	}
	return nil
}
