// Package workpaper holds how the firm tests a control: the paper with its procedures and grid, the population and sample behind
// it, the notes of its review, and the deviations it found. The one rule: nothing is concluded by being left out. A blank cell is
// not a pass, a deviation is never removed, and who reviews never prepared.
package workpaper

import (
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/sample"
)

// Name is the kind of the paper.
const Name = "workpaper"

// Kinds are all kinds of this room.
func Kinds() []record.Kind {
	return []record.Kind{Kind(), NonceKind(), PopulationKind(), SampleKind(), DeviationKind(), NoteKind()}
}

// Results of the operation of a control. A Type I has none.
const (
	Effective              = string(sample.Effective)
	EffectiveWithDeviation = string(sample.EffectiveWithDeviation)
	NotEffective           = string(sample.NotEffective)
	NotOperated            = string(sample.NotOperated)
	NotTested              = string(sample.NotTested)
)

// Marks of a cell. A cell that is not in the grid is blank, which is not a pass.
const (
	Met       = "met"
	Deviates  = "deviation"
	NotAsked  = "not_applicable"
	followsUp = "open" // evidence is asked for
)

// Kind declares the paper of one control.
func Kind() record.Kind {
	return record.Kind{
		Name: Name, Title: "Workpaper", Plural: "Workpapers", Group: "Examination", Room: record.Auditor,
		Help:  "How one control was tested, item by item, with what was concluded on its design and, in a Type II, its operation.",
		Label: "reference",
		Fields: []record.Field{
			{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
			{Name: "reference", Type: record.Text, Required: true, Help: "Its number in the file, such as CC6.2-AC03-1."},
			{Name: "control", Type: record.Text, Required: true, Indexed: true, Help: "The id of the control in the frozen matrix."},
			{Name: "objective", Type: record.Long, Required: true, Help: "What the test is to show."},
			{Name: "risk", Title: "Inherent risk", Type: record.Choice, Choices: []string{"low", "moderate", "high"}, Help: "Sets the extent. The company never sees it."},
			{Name: "risk_reason", Type: record.Long, Hidden: true, Help: "Complexity, judgement, change, history of deviations, ways round it."},
			{Name: "procedures", Type: record.Object, List: true, Hidden: true, Help: "What was done. Inquiry alone never shows that a control operated.", Fields: []record.Field{
				{Name: "sort", Type: record.Choice, Required: true, Choices: []string{"inquiry", "observation", "inspection", "reperformance"}},
				{Name: "text", Type: record.Long, Required: true, Help: "As the report says it: what was inquired, inspected or reperformed."},
				{Name: "on", Type: record.Date},
				{Name: "aim", Type: record.Choice, Required: true, Choices: []string{"design", "operation", "both"}},
			}},
			{Name: "walkthrough", Type: record.Long, Hidden: true, Help: "One instance, followed from beginning to end."},
			{Name: "design", Title: "Conclusion on the design", Type: record.Choice, Choices: []string{"suitable", "not_suitable"}},
			{Name: "design_reason", Type: record.Long, Hidden: true},
			{Name: "configurations", Type: record.Object, List: true, Hidden: true, Help: "For a test of one: each distinct configuration, and what shows that it held.", Fields: []record.Field{
				{Name: "name", Type: record.Text, Required: true},
				{Name: "from", Type: record.Time, Required: true},
				{Name: "to", Type: record.Time, Required: true},
				{Name: "shown_by", Type: record.Text, List: true, Required: true, Help: "Evidence, by SHA-256 or reference."},
				{Name: "negative", Title: "It blocked what it should", Type: record.Text, Required: true},
			}},
			{Name: "population", Type: record.Ref, Refers: PopulationName, Indexed: true, Hidden: true},
			{Name: "attributes", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
				{Name: "id", Type: record.Text, Required: true, Help: "A, B, C."},
				{Name: "text", Type: record.Text, Required: true},
				{Name: "deviation", Type: record.Text, Required: true, Help: "What would be a deviation; said before the test."},
				{Name: "decided_by", Type: record.Choice, Required: true, Choices: []string{"machine", "person"}},
				{Name: "rule", Title: "Expression", Type: record.Text, Help: "CEL over the item and what is linked to it; what it says is a fact that a tester accepts or overrules."},
			}},
			linkField(), factField(),
			{Name: "facts_of", Type: record.Text, Fixed: true, Hidden: true, Help: "SHA-256 of the expressions, links and population that they answer."},
			{Name: "facts_for", Title: "Who asked the machine", Type: record.Text, Fixed: true, Hidden: true}, {Name: "facts_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "grid", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
				{Name: "item", Type: record.Text, Required: true},
				{Name: "attribute", Type: record.Text, Required: true},
				{Name: "mark", Type: record.Choice, Required: true, Choices: []string{Met, Deviates, NotAsked, followsUp}},
				{Name: "tickmarks", Type: record.Text, Help: "From the engagement's legend: inspected, reperformed, observed, traced, footnote."},
				{Name: "note", Type: record.Text, Help: "Needed for what is not applicable, and for what overrules a fact."},
				{Name: "evidence", Type: record.Text, List: true, Help: "By SHA-256 or reference; a met attribute has some."},
				{Name: "fact", Type: record.Choice, Choices: []string{Met, Deviates, "unknown"}, Help: "What a machine says of it."},
			}},
			{Name: "result", Title: "Conclusion on the operation", Type: record.Choice, Indexed: true, Choices: []string{Effective, EffectiveWithDeviation, NotEffective, NotOperated, NotTested}},
			{Name: "result_reason", Type: record.Long, Hidden: true},
			{Name: "compensating", Title: "Compensating controls that were tested", Type: record.Text, List: true, Hidden: true, Help: "By control id; each has a reviewed paper of its own."},
			{Name: "planned", Title: "Deviations planned for", Type: record.Integer, Hidden: true, Help: "For which the size was planned; none in a table's sizes."},
			{Name: "concentrated", Title: "Deviations stand where it defeats the purpose", Type: record.Choice, Choices: []string{"yes", "no"}, Hidden: true},
			{Name: "concentrated_reason", Type: record.Long, Hidden: true},
			{Name: "persistent", Title: "Deviations go on over the window", Type: record.Choice, Choices: []string{"yes", "no"}, Hidden: true},
			{Name: "persistent_reason", Type: record.Long, Hidden: true},
			{Name: "softer_reason", Title: "Why more softly than the rules point at", Type: record.Long, Hidden: true},
			{Name: "rule_output", Title: "What the rules point at", Type: record.Object, List: true, Fixed: true, Hidden: true,
				Help: "Markers that the rules give once causes are recorded, by attribute. They conclude nothing.", Fields: []record.Field{
					{Name: "attribute", Type: record.Text, Required: true}, {Name: "marker", Type: record.Text, Required: true}, {Name: "reason", Type: record.Text, Required: true}}},
			{Name: "partner_reason", Type: record.Long, Fixed: true, Hidden: true, Help: "Why the partner takes a control with deviations beyond the plan for effective."},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Text, List: true, Fixed: true, Hidden: true},
			{Name: "begun_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "begun_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "prepared_by", Type: record.Ref, Refers: "person", Fixed: true},
			{Name: "prepared_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "review_begun_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "review_begun_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "reviewed_by", Type: record.Ref, Refers: "person", Fixed: true},
			{Name: "reviewed_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "signed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "signed_at", Type: record.Time, Fixed: true, Hidden: true},
		},
		States: machine(), Guard: written, Check: allowed,
	}
}

// signatures are what a change after they were given clears.
var signatures = []string{"prepared_by", "prepared_at", "review_begun_by", "review_begun_at", "reviewed_by", "reviewed_at", "signed_by", "signed_at", "partner_reason", "rule_output"}

func machine() *record.Machine {
	return &record.Machine{
		Initial: "in_progress", By: "begun_by", At: "begun_at", Authors: "authors",
		Revises: []string{"reference", "control", "objective", "risk", "risk_reason", "procedures", "walkthrough", "design", "design_reason", "configurations", "population", "attributes", "links",
			"grid", "result", "result_reason", "compensating", "planned", "concentrated", "concentrated_reason", "persistent", "persistent_reason", "softer_reason"},
		Moves: []record.Move{
			takeFacts(),
			{Name: "prepare", Title: "Sign as prepared", From: []string{"in_progress"}, To: "prepared", By: "prepared_by", At: "prepared_at", Guard: whole},
			{Name: "begin_review", Title: "Begin the review", From: []string{"prepared"}, To: "in_review", By: "review_begun_by", At: "review_begun_at", Guard: apart("review it")},
			{Name: "return", Title: "Return to the preparer", From: []string{"prepared", "in_review"}, To: "in_progress", Guard: cleared},
			{Name: "review", Title: "Sign as reviewed", From: []string{"in_review"}, To: "reviewed", By: "reviewed_by", At: "reviewed_at", Guard: apart("review it"),
				Fields: []record.Field{{Name: "partner_reason", Title: "The partner's reason", Type: record.Long,
					Help: "Only for deviations beyond the plan without a tested compensating control: why the control counts as effective with deviation."}}},
			{Name: "reopen", Title: "Reopen", From: []string{"reviewed", "partner_signed"}, To: "in_progress", Guard: cleared},
			{Name: "partner_sign", Title: "Sign as partner", From: []string{"reviewed"}, To: "partner_signed", By: "signed_by", At: "signed_at"},
		},
	}
}

func cleared(_, after map[string]any, _ record.Actor) error {
	for _, f := range signatures {
		delete(after, f)
	}
	return nil
}

func apart(act string) func(before, _ map[string]any, actor record.Actor) error {
	return func(before, _ map[string]any, actor record.Actor) error {
		parties := []record.Party{{Role: "the one who prepared it", Stamp: engagement.Text(before, "prepared_by")}}
		for _, a := range engagement.List(before, "authors") {
			parties = append(parties, record.Party{Role: "one of its authors", Stamp: a})
		}
		return record.Apart(actor, act, parties...)
	}
}

// written refuses a paper that contradicts itself, and clears the signatures of what was changed after them.
func written(before, after map[string]any, actor record.Actor) error {
	if before != nil {
		if before["engagement"] != after["engagement"] {
			return fault.New(fault.Conflict, "A paper never changes its engagement.")
		}
		if after[record.StateField] == "in_progress" && before[record.StateField] != "in_progress" {
			if err := cleared(nil, after, actor); err != nil {
				return err
			}
		}
	}
	known := map[string]bool{}
	for _, a := range engagement.Objects(after, "attributes") {
		if known[engagement.Text(a, "id")] {
			return fault.New(fault.Invalid, "The attribute %s stands in the paper twice.", engagement.Text(a, "id"))
		}
		known[engagement.Text(a, "id")] = true
	}
	agree(after)
	seen := map[string]bool{}
	for _, c := range engagement.Objects(after, "grid") {
		at := fmt.Sprintf("item %s, attribute %s", engagement.Text(c, "item"), engagement.Text(c, "attribute"))
		switch id := engagement.Text(c, "item") + "\x00" + engagement.Text(c, "attribute"); {
		case !known[engagement.Text(c, "attribute")]:
			return fault.New(fault.Invalid, "The grid has %s, and the paper has no such attribute.", at).WithNext("Add it to attributes first.")
		case seen[id]:
			return fault.New(fault.Invalid, "The grid has %s twice.", at)
		case c["mark"] == NotAsked && engagement.Text(c, "note") == "":
			return fault.New(fault.Invalid, "%s is marked as not applicable without a reason.", at).WithNext("Say why in its note.")
		case overruled(c) != nil:
			return overruled(c)
		case c["mark"] == Met && len(engagement.List(c, "evidence")) == 0:
			return fault.New(fault.Invalid, "%s is marked as met without any evidence.", at).WithNext("Name what shows it.")
		default:
			seen[id] = true
		}
	}
	if after["design"] == "not_suitable" && engagement.Text(after, "result") != "" && after["result"] != NotTested {
		return fault.New(fault.Conflict, "The design is not suitable, so its operation is not concluded on.").WithNext("Set result to not_tested.")
	}
	return nil
}

// whole asks of a paper that is signed as prepared what needs no other record.
func whole(before, _ map[string]any, _ record.Actor) error {
	switch {
	case engagement.Text(before, "design") == "" || engagement.Text(before, "design_reason") == "":
		return fault.New(fault.Conflict, "There is no conclusion on the design, or no reason for it.").WithNext("Fill in design and design_reason.")
	case len(engagement.Objects(before, "procedures")) == 0:
		return fault.New(fault.Conflict, "No procedure is on record.").WithNext("Say under procedures what was done.")
	case engagement.Text(before, "result") != "" && engagement.Text(before, "result_reason") == "":
		return fault.New(fault.Conflict, "The conclusion on the operation has no reason.").WithNext("Fill in result_reason.")
	}
	if !slices.Contains([]string{"", NotTested, NotOperated}, engagement.Text(before, "result")) && !slices.ContainsFunc(engagement.Objects(before, "procedures"), func(p map[string]any) bool {
		return p["sort"] != "inquiry" && p["aim"] != "design"
	}) {
		return fault.New(fault.Conflict, "Only inquiry speaks for the operation, and inquiry alone is never sufficient.").WithNext("Inspect, observe or reperform, and write it down under procedures.")
	}
	for _, c := range engagement.Objects(before, "grid") {
		if err := overruled(c); err != nil {
			return err
		}
		if c["mark"] == followsUp {
			return fault.New(fault.Conflict, "Evidence is still asked for: item %s, attribute %s.", engagement.Text(c, "item"), engagement.Text(c, "attribute")).
				WithNext("Where it is not produced, the item deviates with no evidence, unless a reason for a scope limitation is recorded.")
		}
	}
	return nil
}

// allowed says who may write or sign a paper, and holds it against its engagement, population, samples, deviations and notes.
func allowed(look record.Look, before, after map[string]any, actor record.Actor) error {
	was, is := engagement.Text(before, record.StateField), engagement.Text(after, record.StateField)
	act, roles := "write its papers", engagement.Workers()
	switch {
	case was != is && slices.Contains([]string{"in_review", "reviewed"}, is):
		act, roles = "review its papers", engagement.Reviewers()
	case was != is && is == "partner_signed":
		act, roles = "sign its papers as partner", []engagement.Role{engagement.Partner}
	}
	if actor.IsJob() && before != nil && before["facts_at"] != after["facts_at"] { // a machine says something; who asked it is a member, which fieldwork held
		return nil
	}
	e, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, act, roles...)
	if err != nil {
		return err
	}
	if e["type"] == engagement.Type1 && engagement.Text(after, "result") != "" {
		return fault.New(fault.Conflict, "A Type I examines no operation, so a paper of it concludes on none.").WithNext("Leave result empty.")
	}
	if engagement.Text(after, "partner_reason") != engagement.Text(before, "partner_reason") && engagement.Text(after, "partner_reason") != "" {
		if err := engagement.Requires(e, actor, "give the partner's reason", engagement.Partner); err != nil {
			return err
		}
	}
	if err := single(look, before, after); err != nil {
		return err
	}
	if was == "prepared" && is == "in_review" && engagement.RequiresSignatures(e) {
		key, err := keyOf(look, after)
		if err == nil {
			err = engagement.Signed(look, Name, key, before, "prepared")
		}
		if err != nil {
			return err
		}
	}
	if was == is || !slices.Contains([]string{"prepared", "reviewed"}, is) {
		return nil
	}
	if e["type"] != engagement.Type1 && engagement.Text(after, "result") == "" {
		return fault.New(fault.Conflict, "There is no conclusion on the operation.").WithNext("Fill in result and result_reason.")
	}
	if is == "reviewed" {
		open, err := notes(look, after)
		if err != nil {
			return err
		}
		if len(open) > 0 {
			return fault.New(fault.Conflict, "Review notes are open: %s.", strings.Join(open, "; ")).WithNext("Each is answered by the preparer and closed by who wrote it.")
		}
	}
	return supported(look, e, after, actor)
}

// single refuses two papers of one control, for then neither would be the conclusion.
func single(look record.Look, before, after map[string]any) error {
	if before != nil && before["control"] == after["control"] {
		return nil
	}
	all, err := look.Find(Name, engagement.Name, engagement.Text(after, engagement.Name))
	if err != nil {
		return err
	}
	for _, v := range all {
		b, err := engagement.Body(v)
		if err != nil {
			return err
		}
		if b["control"] == after["control"] {
			return fault.New(fault.Conflict, "%s is the paper of %s already.", engagement.Text(b, "reference"), engagement.Text(b, "control")).WithNext("Write in that one: a control has one conclusion.")
		}
	}
	matrices, err := engagement.Matrices(look, engagement.Text(after, engagement.Name))
	if err != nil {
		return err
	}
	if ids, _ := engagement.Controls(matrices); len(matrices) > 0 && !slices.Contains(ids, engagement.Text(after, "control")) {
		return fault.New(fault.Invalid, "The frozen matrix has no control %s.", engagement.Text(after, "control"))
	}
	return nil
}

// keyOf is the key of a control's paper, of which an engagement has one.
func keyOf(look record.Look, paper map[string]any) (string, error) {
	all, err := look.Find(Name, engagement.Name, paper[engagement.Name])
	if err != nil {
		return "", err
	}
	for _, v := range all {
		b, err := engagement.Body(v)
		if err != nil {
			return "", err
		}
		if b["control"] == paper["control"] {
			return v.Key, nil
		}
	}
	return "", fault.New(fault.NotFound, "There is no paper of %s.", engagement.Text(paper, "control"))
}

// supported holds the conclusion on the operation against what the file has: its samples must be marked in every cell, and a
// conclusion is never milder than the deviations allow (rules.md 9, 13 to 16).
func supported(look record.Look, e, paper map[string]any, actor record.Actor) error {
	result := engagement.Text(paper, "result")
	if result == "" || result == NotTested {
		return nil
	}
	population, rows, err := frozenPopulation(look, paper)
	if err != nil {
		return err
	}
	automated := len(engagement.Objects(paper, "configurations")) > 0
	switch {
	case result == NotOperated && population == nil:
		return fault.New(fault.Conflict, "Nothing shows that the control had no occasion to operate.").WithNext("Freeze its population, with no rows and from a source that was read completely.")
	case result == NotOperated && (rows != 0 || population["complete"] != true):
		return fault.New(fault.Conflict, "Its population has %d rows, or its source was not read completely over the window, so it is not shown that the control had no occasion to operate.", rows)
	case result == NotOperated:
		return nil
	case population == nil && !automated:
		return fault.New(fault.Conflict, "The paper has neither a frozen population nor a configuration that held.").WithNext("Name its population, or, for a test of one, its configurations.")
	case population != nil && rows == 0:
		return fault.New(fault.Conflict, "Its population has no rows, so nothing shows that the control operated.").WithNext("Set result to not_operated where the source is complete.")
	}
	if population != nil {
		if err := marked(look, paper); err != nil {
			return err
		}
	}
	if automated && population == nil && result != NotEffective {
		if err := held(paper, e); err != nil {
			return err
		}
	}
	return judged(look, paper, population, rows, actor)
}

// frozenPopulation is the population that the paper rests on.
func frozenPopulation(look record.Look, paper map[string]any) (map[string]any, int, error) {
	key := engagement.Text(paper, "population")
	if key == "" {
		return nil, 0, nil
	}
	v, err := look.Get(PopulationName, key)
	if err != nil {
		return nil, 0, err
	}
	b, err := engagement.Body(v)
	if err != nil {
		return nil, 0, err
	}
	if b[record.StateField] != "frozen" || b["engagement"] != paper["engagement"] {
		return nil, 0, fault.New(fault.Conflict, "The population %s is %s, and only a frozen one of the same engagement supports a conclusion.", engagement.Text(b, "name"), words(engagement.Text(b, record.StateField)))
	}
	return b, Whole(b["row_count"]), nil
}

// marked refuses while a cell of an item of the paper's samples is blank, or while it has no sample.
func marked(look record.Look, paper map[string]any) error {
	samples, err := samplesOf(look, paper)
	if err != nil {
		return err
	}
	if len(samples) == 0 {
		return fault.New(fault.Conflict, "No sample was drawn for %s.", engagement.Text(paper, "control")).WithNext("Draw one from its frozen population.")
	}
	attributes := engagement.Objects(paper, "attributes")
	if len(attributes) == 0 {
		return fault.New(fault.Conflict, "The paper has no attribute that was tested.").WithNext("Fill in attributes, each with what would be a deviation.")
	}
	if err := computed(paper, samples); err != nil {
		return err
	}
	cells := map[string]bool{}
	for _, c := range engagement.Objects(paper, "grid") {
		cells[engagement.Text(c, "item")+"\x00"+engagement.Text(c, "attribute")] = true
	}
	var blank []string
	for _, s := range samples {
		for _, item := range Items(s) {
			for _, a := range attributes {
				if !cells[item+"\x00"+engagement.Text(a, "id")] {
					blank = append(blank, item+" "+engagement.Text(a, "id"))
				}
			}
		}
	}
	if len(blank) > 0 {
		said := blank[:min(len(blank), 5)]
		return fault.New(fault.Conflict, "%d cells of the grid are blank, and a blank cell is not a pass: %s.", len(blank), strings.Join(said, ", ")).WithNext("Mark every attribute of every item.")
	}
	return nil
}
