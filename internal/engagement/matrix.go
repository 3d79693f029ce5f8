package engagement

import (
	"cmp"
	"slices"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/record"
)

// MatrixName is the kind of the control matrix.
const MatrixName = "control_matrix"

// MatrixKind declares the control matrix: which controls are examined for which criteria, in the words that stood in a part of
// the window. A frozen one is never changed; a later change of a control is another matrix, from its day on, and the frozen one then ends the day before.
func MatrixKind() record.Kind {
	return record.Kind{
		Name: MatrixName, Title: "Control matrix", Plural: "Control matrices", Group: "Examination", Room: record.Auditor,
		Help:  "The controls that are examined, with their criteria and their exact words in a part of the window.",
		Label: "name",
		Fields: []record.Field{
			{Name: Name, Type: record.Ref, Refers: Name, Required: true, Indexed: true},
			{Name: "name", Type: record.Text, Required: true, Help: "Such as first half."},
			{Name: "from", Title: "First day", Type: record.Date, Required: true, Help: "The first day of the window, or the day from which a change of controls counts."},
			{Name: "to", Title: "Last day", Type: record.Date, Required: true, Help: "Inclusive."},
			{Name: "controls", Type: record.Object, List: true, Required: true, Hidden: true, Fields: []record.Field{
				{Name: "id", Type: record.Text, Required: true},
				{Name: "text", Type: record.Long, Required: true, Help: "Exactly as the description has it."},
				{Name: "criteria", Type: record.Text, List: true, Required: true},
				{Name: "nature", Type: record.Choice, Required: true, Choices: []string{"automated", "manual", "dependent"},
					Help: "Automated by a system, done by people, or done by people with what a system gives them."},
				{Name: "frequency", Type: record.Text, Required: true, Help: "How often it operates, such as quarterly, or on each event."},
				{Name: "performer", Type: record.Text},
				{Name: "version", Title: "The company's record of it", Type: record.Text, Help: "SHA-256 of the body of the version that was frozen."},
			}},
			{Name: "not_relevant", Title: "Criteria that are not relevant", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
				{Name: "criterion", Type: record.Text, Required: true},
				{Name: "reason", Type: record.Long, Required: true},
			}},
			{Name: record.StateField, Type: record.Choice, Choices: frozen().States(), Fixed: true, Indexed: true},
			{Name: "frozen_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "frozen_at", Type: record.Time, Fixed: true},
			{Name: "shortened_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "shortened_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "shortened_reason", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "dropped_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "dropped_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "dropped_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: frozen(), Guard: tabled, Check: agreed,
	}
}

func frozen() *record.Machine {
	return &record.Machine{Initial: "draft", Frozen: []string{"frozen"}, Moves: []record.Move{
		{Name: "freeze", Title: "Freeze", From: []string{"draft"}, To: "frozen", By: "frozen_by", At: "frozen_at"},
		{Name: "shorten", Title: "End it earlier", From: []string{"frozen"}, By: "shortened_by", At: "shortened_at", Guard: shortened, Fields: []record.Field{
			{Name: "to", Title: "Last day", Type: record.Date, Required: true, Help: "The last day before the change; another matrix goes on from the day after."},
			{Name: "shortened_reason", Title: "What changed", Type: record.Long, Required: true, Help: "Say which control changed, was replaced or began, and why that is reasonable."}}},
		{Name: "drop", Title: "Drop", From: []string{"draft"}, To: "dropped", By: "dropped_by", At: "dropped_at",
			Fields: []record.Field{{Name: "dropped_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why."}}},
	}}
}

// shortened lets a frozen matrix only end earlier: what was frozen for its days stands.
func shortened(before, after map[string]any, _ record.Actor) error {
	if to := Text(after, "to"); to >= Text(before, "to") || to < Text(before, "from") {
		return fault.New(fault.Invalid, "The matrix covers %s to %s, so its new last day lies before that and not before its first; %s does not.", Text(before, "from"), Text(before, "to"), to).
			WithNext("Give the day before the change.")
	}
	return nil
}

// tabled refuses a matrix that contradicts itself.
func tabled(_, after map[string]any, _ record.Actor) error {
	if Text(after, "to") < Text(after, "from") {
		return fault.New(fault.Invalid, "The matrix ends on %s, before it begins on %s.", Text(after, "to"), Text(after, "from"))
	}
	known, err := framework.Load()
	if err != nil {
		return err
	}
	exists := func(id string) bool {
		return slices.ContainsFunc(known, func(c framework.Criterion) bool { return c.ID == id })
	}
	seen := map[string]bool{}
	for _, c := range Objects(after, "controls") {
		if seen[Text(c, "id")] {
			return fault.New(fault.Invalid, "The control %s stands in the matrix twice.", Text(c, "id")).WithNext("A control has one text in one part of the window.")
		}
		seen[Text(c, "id")] = true
		for _, id := range List(c, "criteria") {
			if !exists(id) {
				return fault.New(fault.Invalid, "The control %s names %q, and there is no such criterion.", Text(c, "id"), id)
			}
		}
	}
	for _, n := range Objects(after, "not_relevant") {
		if !exists(Text(n, "criterion")) {
			return fault.New(fault.Invalid, "There is no criterion %q that could be not relevant.", Text(n, "criterion"))
		}
	}
	return nil
}

// agreed holds who may write a matrix, and what a frozen one must cover.
func agreed(look record.Look, before, after map[string]any, actor record.Actor) error {
	roles := Workers()
	if after[record.StateField] == "frozen" {
		roles = Reviewers()
	}
	body, err := Member(look, Text(after, Name), actor, "write its control matrix", roles...)
	if err != nil || after[record.StateField] != "frozen" || before[record.StateField] == "frozen" {
		return err
	}
	if Text(after, "from") < cmp.Or(Text(body, "from"), Text(body, "to")) || Text(after, "to") > Text(body, "to") {
		return fault.New(fault.Invalid, "The matrix reaches beyond the window of %s.", named(body))
	}
	if missing, err := Uncovered(body, after); err != nil || len(missing) > 0 {
		if err != nil {
			return err
		}
		return fault.New(fault.Conflict, "No control of the matrix speaks for %s.", strings.Join(missing, ", ")).WithNext("Add a control, or say under not_relevant why the criterion is not.")
	}
	others, err := look.Find(MatrixName, Name, Text(after, Name))
	if err != nil {
		return err
	}
	for _, v := range others {
		o, err := Body(v)
		if err != nil {
			return err
		}
		if o[record.StateField] == "frozen" && Text(o, "from") <= Text(after, "to") && Text(after, "from") <= Text(o, "to") {
			return fault.New(fault.Conflict, "%s is frozen for %s to %s, and a day has one matrix.", Text(o, "name"), Text(o, "from"), Text(o, "to")).
				WithNext("Let that one end earlier: shorten.")
		}
	}
	return nil
}

// Uncovered are the criteria in an engagement's scope that no control of a matrix speaks for and that are not said to be not relevant.
func Uncovered(engagement, matrix map[string]any) ([]string, error) {
	known, err := framework.Load()
	if err != nil {
		return nil, err
	}
	covered := map[string]bool{}
	for _, c := range Objects(matrix, "controls") {
		for _, id := range List(c, "criteria") {
			covered[id] = true
		}
	}
	for _, n := range Objects(matrix, "not_relevant") {
		covered[Text(n, "criterion")] = true
	}
	var out []string
	for _, c := range known {
		if c.InScope(List(engagement, "categories")) && !covered[c.ID] {
			out = append(out, c.ID)
		}
	}
	return out, nil
}

// Matrices are the frozen matrices of an engagement, in order of their days.
func Matrices(look record.Look, id string) ([]map[string]any, error) {
	found, err := look.Find(MatrixName, Name, id)
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	for _, v := range found {
		b, err := Body(v)
		if err != nil {
			return nil, err
		}
		if b[record.StateField] == "frozen" {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b map[string]any) int { return strings.Compare(Text(a, "from"), Text(b, "from")) })
	return out, nil
}

// Controls are the controls of an engagement's frozen matrices by id, each as in the last matrix that has it.
func Controls(matrices []map[string]any) (ids []string, byID map[string]map[string]any) {
	byID = map[string]map[string]any{}
	for _, m := range matrices {
		for _, c := range Objects(m, "controls") {
			if byID[Text(c, "id")] == nil {
				ids = append(ids, Text(c, "id"))
			}
			byID[Text(c, "id")] = c
		}
	}
	return ids, byID
}

// List are the texts of a list of a body.
func List(body map[string]any, field string) []string {
	l, _ := body[field].([]any)
	out := make([]string, 0, len(l))
	for _, v := range l {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
