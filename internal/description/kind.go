// Package description holds the company's description of its system, Section III of a report: what people write, and what the
// registers say. The one rule: facts come from the records and are never typed again, and management approves exactly the text
// that the sum on the record is of.
package description

import (
	"slices"
	"strings"

	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/record"
)

// Name is the name of the kind.
const Name = "description"

// Part is one part of the description, in the order in which it is read.
type Part struct {
	Name  string // the field that holds its text
	Title string
	DC    string // the description criterion that it answers, such as DC 1
	Help  string
	Type2 bool // only in a Type II
	Open  bool // may stay without a text of its own: the register or a statement speaks
}

// Parts are all of them. What they are to say follows the description criteria, in our own words.
func Parts() []Part {
	return []Part{
		{Name: "services", Title: "The company and its services", DC: "DC 1", Help: "Which kinds of service the system provides, to whom, and how they use it."},
		{Name: "commitments", Title: "Principal service commitments and system requirements", DC: "DC 2", Help: "Where commitments are made and to whom; the table comes from the register."},
		{Name: "infrastructure", Title: "Infrastructure", DC: "DC 3", Help: "Places, machines and networks that the service needs, and what keeps them apart."},
		{Name: "software", Title: "Software", DC: "DC 3", Help: "Programs, the company's own and those of others."},
		{Name: "people", Title: "People", DC: "DC 3", Help: "Who runs the service, by role; the table counts positions and names nobody."},
		{Name: "procedures", Title: "Procedures", DC: "DC 3", Help: "How the work is done, and where that is written."},
		{Name: "data", Title: "Data", DC: "DC 3", Help: "What data is kept or passes through, how it is classed and when it is deleted."},
		{Name: "boundaries", Title: "Boundaries of the system", DC: "DC 3", Help: "Where the system ends, and what is outside and why."},
		{Name: "control_environment", Title: "Control environment", DC: "DC 5", Help: "Oversight, structure, conduct and competence."},
		{Name: "risk_assessment", Title: "Risk assessment", DC: "DC 5", Help: "How risks to the commitments are found, rated and treated."},
		{Name: "information_and_communication", Title: "Information and communication", DC: "DC 5", Help: "What people inside and customers learn, and how they can speak."},
		{Name: "monitoring", Title: "Monitoring", DC: "DC 5", Help: "How the company knows that its controls operate."},
		{Name: "control_activities", Title: "Control activities", DC: "DC 5", Help: "Access, changes, operation, backups, vendors; the table of controls comes from the register."},
		{Name: "incidents", Title: "Incidents", DC: "DC 4", Open: true, Help: "Incidents that came from controls that failed, or that broke a commitment: what happened, when, how far it went, what was done."},
		{Name: "user_controls", Title: "Controls expected of user entities", DC: "DC 6", Open: true, Help: "What customers must do themselves so that the criteria are met."},
		{Name: "subservice", Title: "Subservice organisations", DC: "DC 7", Open: true, Help: "Whose services the system needs to meet the criteria, and how they are treated."},
		{Name: "not_relevant", Title: "Criteria that are not relevant", DC: "DC 8", Open: true, Help: "Which criteria do not apply to the system, and why."},
		{Name: "changes", Title: "Significant changes in the period", DC: "DC 9", Type2: true, Open: true, Help: "What changed in the period, as it was before and after."},
	}
}

// Fields that people fill beside the texts.
const (
	Incidents     = "incident_list"
	UserControls  = "user_control_list"
	Subservice    = "subservice_list"
	Vendors       = "vendor_list"
	NotRelevant   = "not_relevant_list"
	Changes       = "change_list"
	LeftOut       = "left_out"
	NoIncidents   = "no_incidents"
	NoUserControl = "no_user_controls"
	NoChanges     = "no_changes"
)

// Kind declares the description. Whoever changes it after its approval makes it a draft again.
func Kind() record.Kind {
	fields := []record.Field{
		{Name: "id", Title: "Id", Type: record.Text, Required: true, Help: "Short and stable, such as fy26."},
		{Name: "name", Type: record.Text, Required: true, Help: "As people say it, such as Description FY26."},
		{Name: "system", Type: record.Ref, Refers: "system", Required: true, Indexed: true},
		{Name: "type", Type: record.Choice, Required: true, Choices: []string{"type_1", "type_2"}, Help: "Type I is as of a day, Type II speaks of a period."},
		{Name: "categories", Type: record.Choice, List: true, Required: true, Choices: framework.Categories(), Help: "What the report covers. Security is always in it."},
		{Name: "from", Title: "First day", Type: record.Date, Help: "Of the period, inclusive. Empty for a Type I."},
		{Name: "to", Title: "Last day", Type: record.Date, Required: true, Help: "Inclusive; the day of a Type I."},
	}
	revises := []string{"system", "type", "categories", "from", "to"}
	for _, p := range Parts() {
		fields = append(fields, record.Field{Name: p.Name, Title: p.Title, Type: record.Long, Hidden: true, Help: p.DC + ": " + p.Help})
		revises = append(revises, p.Name)
	}
	fields = append(fields,
		record.Field{Name: Incidents, Title: "Incidents to disclose", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
			{Name: "on", Type: record.Date, Required: true}, {Name: "nature", Type: record.Text, Required: true}, {Name: "extent", Type: record.Text, Required: true},
			{Name: "done", Title: "What was done", Type: record.Text, Required: true}, {Name: "finding", Type: record.Ref, Refers: "finding", Help: "The finding that it was recorded as."}}},
		record.Field{Name: NoIncidents, Title: "There was no incident to disclose", Type: record.Bool, Hidden: true},
		record.Field{Name: UserControls, Title: "Controls of user entities", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
			{Name: "text", Type: record.Text, Required: true}, {Name: "criteria", Type: record.Text, List: true, Required: true}}},
		record.Field{Name: NoUserControl, Title: "No control of user entities is needed", Type: record.Bool, Hidden: true},
		record.Field{Name: Subservice, Title: "Subservice organisations, one by one", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
			{Name: "name", Type: record.Text, Required: true, Help: "As the component of the system is named."}, {Name: "services", Type: record.Text, Required: true},
			{Name: "method", Type: record.Choice, Required: true, Choices: []string{"carve_out", "inclusive"}},
			{Name: "expected", Title: "Controls expected of it", Type: record.Text, List: true}, {Name: "criteria", Type: record.Text, List: true, Help: "The criteria that its controls help to meet."}}},
		record.Field{Name: Vendors, Title: "Other third parties", Type: record.Object, List: true, Hidden: true, Help: "Third parties of the system that are no subservice organisation.", Fields: []record.Field{
			{Name: "name", Type: record.Text, Required: true}, {Name: "reason", Type: record.Text, Required: true, Help: "Why no criterion rests on its controls."}}},
		record.Field{Name: NotRelevant, Title: "Criteria that do not apply", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
			{Name: "criterion", Type: record.Text, Required: true}, {Name: "reason", Type: record.Long, Required: true}}},
		record.Field{Name: Changes, Title: "Changes that no register shows", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
			{Name: "on", Type: record.Date, Required: true}, {Name: "what", Type: record.Text, Required: true}, {Name: "before", Type: record.Text, Required: true}, {Name: "after", Type: record.Text, Required: true}}},
		record.Field{Name: LeftOut, Title: "Left out", Type: record.Object, List: true, Hidden: true, Help: "Changes or incidents that the records show and the description leaves out.", Fields: []record.Field{
			{Name: "what", Type: record.Text, Required: true, Help: "Its id, as the completeness check names it."}, {Name: "reason", Type: record.Text, Required: true, Help: "Why it is not significant to those who read the report."}}},
		record.Field{Name: NoChanges, Title: "There was no significant change", Type: record.Bool, Hidden: true},
		record.Field{Name: record.StateField, Type: record.Choice, Choices: machine(nil).States(), Fixed: true, Indexed: true},
		record.Field{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true},
		record.Field{Name: "approved_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
		record.Field{Name: "approved_at", Type: record.Time, Fixed: true},
		record.Field{Name: "file", Title: "SHA-256 of the approved text", Type: record.Text, Fixed: true, Hidden: true, Help: "Of the file that tickmark description file writes."},
		record.Field{Name: "as_of", Title: "Registers as of", Type: record.Time, Fixed: true, Hidden: true},
	)
	fields = append(fields, approval.Fields()...)
	revises = append(revises, Incidents, NoIncidents, UserControls, NoUserControl, Subservice, Vendors, NotRelevant, Changes, LeftOut, NoChanges)
	m := machine(revises)
	return record.Kind{
		Name: Name, Title: "System description", Plural: "System descriptions", Group: "Program",
		Help: "What the report says of the system: texts by people, tables from the registers, approved by management.",
		Key:  "id", Label: "name", Fields: fields, States: m, Guard: written, Check: allowed,
	}
}

func machine(revises []string) *record.Machine {
	rules := approval.Rules{From: "draft", To: "approved", Standing: []string{"approved"}, Parties: approval.Authors("description", "Write it again, then ask another person to approve it.")}
	return &record.Machine{Initial: "draft", Authors: "authors", Revises: revises, Independent: approval.Independent, Moves: slices.Concat([]record.Move{
		{Name: "approve", Title: "Approve for management", From: []string{"draft"}, To: "approved", By: "approved_by", At: "approved_at", Guard: rules.Approve},
	}, rules.Moves(), []record.Move{{Name: "return", Title: "Return to draft", From: []string{"approved"}, To: "draft"}})}
}

// written refuses a description that contradicts itself.
func written(_, after map[string]any, _ record.Actor) error {
	d, err := Read(after)
	if err != nil {
		return err
	}
	switch {
	case !slices.Contains(d.Categories, framework.Security):
		return fault.New(fault.Invalid, "The categories leave out security, which every report covers.").WithNext("Add %q to categories.", framework.Security)
	case (d.Type == "type_2") != (d.From != ""):
		return fault.New(fault.Invalid, "A Type II has a first day and a Type I has none.").WithNext("Fill in from, or leave it empty.")
	case d.From > d.To:
		return fault.New(fault.Invalid, "The period ends on %s, before it begins on %s.", d.To, d.From)
	case d.NoIncidents && len(d.Incidents) > 0:
		return fault.New(fault.Invalid, "It says that there was no incident, and lists %d.", len(d.Incidents)).WithNext("Take one of the two back.")
	case d.NoUserControls && len(d.UserControls) > 0:
		return fault.New(fault.Invalid, "It says that no control of user entities is needed, and lists %d.", len(d.UserControls)).WithNext("Take one of the two back.")
	case d.NoChanges && len(d.Changes) > 0:
		return fault.New(fault.Invalid, "It says that nothing significant changed, and lists %d changes.", len(d.Changes)).WithNext("Take one of the two back.")
	}
	for _, s := range d.Subservice {
		if s.Method == "carve_out" && len(s.Expected) == 0 {
			return fault.New(fault.Invalid, "%s is carved out, and no control is expected of it.", s.Name).WithNext("Fill in the controls that your criteria rest on there.")
		}
	}
	return nil
}

// allowed refuses the approval of a description that lacks something, and keeps the sum of what is approved.
func allowed(look record.Look, before, after map[string]any, actor record.Actor) error {
	if err := approval.SmallTeam(look, before, after); err != nil {
		return err
	}
	if after[record.StateField] != "approved" {
		delete(after, "file")
		delete(after, "as_of")
		return nil
	}
	if before[record.StateField] == "approved" {
		return nil
	}
	f, err := Assemble(look, after)
	if err != nil {
		return err
	}
	var missing []string
	for _, i := range f.Complete() {
		for _, m := range i.Missing {
			missing = append(missing, i.DC+": "+m)
		}
	}
	if len(missing) > 0 {
		return fault.New(fault.Conflict, "The description is not complete: %s", strings.Join(missing[:min(len(missing), 8)], " ")).WithNext("See all of it: tickmark description check %s.", f.ID)
	}
	b, err := f.Bytes()
	if err != nil {
		return err
	}
	after["file"], after["as_of"] = Sum(b), f.AsOf
	return nil
}
