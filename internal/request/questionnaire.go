package request

import (
	"slices"
	"strings"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workpaper"
)

// QuestionnaireName and AnswerName are kinds of this room.
const (
	QuestionnaireName = "questionnaire"
	AnswerName        = "questionnaire_answer"
)

// QuestionnaireKind declares a list of questions that the company answers.
func QuestionnaireKind() record.Kind {
	fields := []record.Field{
		{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
		{Name: "id", Title: "Id", Type: record.Text, Required: true, Help: "Short and stable, such as acme-26-governance."},
		{Name: "name", Type: record.Text, Required: true},
		{Name: "due", Type: record.Date, Indexed: true},
		{Name: "questions", Type: record.Object, List: true, Required: true, Hidden: true, Fields: []record.Field{
			{Name: "id", Type: record.Text, Required: true, Help: "Short, such as 1.2."},
			{Name: "text", Type: record.Long, Required: true},
			{Name: "control", Type: record.Text, Help: "The control that a yes would claim to be in operation."},
		}},
		{Name: record.StateField, Type: record.Choice, Choices: questioning().States(), Fixed: true, Indexed: true},
		{Name: "authors", Type: record.Text, List: true, Fixed: true, Hidden: true},
		{Name: "clarification", Title: "What is to be made clear", Type: record.Long, Fixed: true, Hidden: true},
		{Name: "clarifications", Title: "Times asked again", Type: record.Integer, Fixed: true},
		{Name: "overdue_since", Type: record.Date, Fixed: true},
		{Name: "told_by", Title: "Who of the company handed it in", Type: record.Text, Fixed: true, Hidden: true}, {Name: "told_at", Title: "When it was handed in there", Type: record.Time, Fixed: true, Hidden: true},
	}
	for _, verb := range []string{"imported", "assigned", "begun", "handed", "submitted", "asked", "accepted"} {
		fields = append(fields, record.Field{Name: verb + "_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, record.Field{Name: verb + "_at", Type: record.Time, Fixed: true, Hidden: true})
	}
	return record.Kind{Name: QuestionnaireName, Title: "Questionnaire", Plural: "Questionnaires", Group: "Examination", Room: record.Auditor, Key: "id", Label: "name",
		Help:   "Questions that the company answers, each with its evidence, checked by another person before they go out.",
		Fields: fields, States: questioning(), Check: questioned,
		Guard: func(_, after map[string]any, _ record.Actor) error {
			seen := map[string]bool{}
			for _, q := range engagement.Objects(after, "questions") {
				if seen[engagement.Text(q, "id")] {
					return fault.New(fault.Invalid, "The question %s stands there twice.", engagement.Text(q, "id"))
				}
				seen[engagement.Text(q, "id")] = true
			}
			return nil
		}}
}

func questioning() *record.Machine {
	return &record.Machine{Initial: "imported", By: "imported_by", At: "imported_at", Authors: "authors", Frozen: []string{"assigned", "answering", "internal_review", "submitted", "clarifying", "accepted"}, Moves: []record.Move{
		{Name: "assign", Title: "Send to the company", From: []string{"imported"}, To: "assigned", By: "assigned_by", At: "assigned_at"},
		{Name: "begin", Title: "Begin to answer", From: []string{"assigned"}, To: "answering", By: "begun_by", At: "begun_at"},
		{Name: "hand_over", Title: "Hand over to a reviewer", From: []string{"answering"}, To: "internal_review", By: "handed_by", At: "handed_at"},
		{Name: "return", Title: "Return to the answerer", From: []string{"internal_review"}, To: "answering"},
		{Name: "submit", Title: "Hand in", From: []string{"internal_review"}, To: "submitted", By: "submitted_by", At: "submitted_at"},
		{Name: "receive", Title: "Take over from a parcel", From: waiting(), To: "submitted", By: "submitted_by", At: "submitted_at", Job: true, Guard: byParcel, Fields: told()},
		{Name: "clarify", Title: "Ask for a clarification", From: []string{"submitted"}, To: "clarifying", By: "asked_by", At: "asked_at", Guard: func(before, after map[string]any, _ record.Actor) error {
			after["clarifications"] = float64(Asked(before))
			return nil
		}, Fields: []record.Field{{Name: "clarification", Title: "What is to be made clear", Type: record.Long, Required: true, Help: "Name the questions and what is unclear."}}},
		{Name: "answer_again", Title: "Answer again", From: []string{"clarifying"}, To: "answering"},
		{Name: "accept", Title: "Accept", From: []string{"submitted"}, To: "accepted", By: "accepted_by", At: "accepted_at"},
	}}
}

// waiting are the states in which a questionnaire is the company's to answer.
func waiting() []string { return []string{"assigned", "answering", "clarifying"} }

// Asked is how often a questionnaire was put to the company, from 1.
func Asked(b map[string]any) int { return workpaper.Whole(b["clarifications"]) + 1 }

// companys are the steps that the company takes, by the states that they lead from and to.
var companys = [][2]string{{"assigned", "answering"}, {"answering", "internal_review"}, {"internal_review", "answering"}, {"internal_review", "submitted"}, {"clarifying", "answering"}}

func questioned(look record.Look, before, after map[string]any, actor record.Actor) error {
	step, id := [2]string{engagement.Text(before, record.StateField), engagement.Text(after, record.StateField)}, engagement.Text(after, engagement.Name)
	if actor.IsJob() && step[1] == "submitted" && slices.Contains(waiting(), step[0]) { // by a parcel, which says who answered
		if err := engagement.Answerable(look, id); err != nil {
			return err
		}
		lateOn(engagement.Text(after, "told_at"), after)
		return nil
	}
	if !slices.Contains(companys, step) {
		_, err := engagement.Member(look, id, actor, "ask the company", engagement.Workers()...)
		return err
	}
	if _, err := engagement.Contact(look, id, actor, "answer its questionnaires"); err != nil {
		return err
	}
	if step[1] != "submitted" && step[1] != "internal_review" {
		return nil
	}
	answers, err := answersOf(look, after)
	if err != nil {
		return err
	}
	var parties []record.Party
	for _, q := range engagement.Objects(after, "questions") {
		a := answers[engagement.Text(q, "id")]
		if a == nil {
			return fault.New(fault.Conflict, "The question %s has no answer.", engagement.Text(q, "id")).WithNext("Answer it; that one does not know is an answer.")
		}
		if err := Contradicts(look, q, a); err != nil {
			return err
		}
		for _, p := range engagement.List(a, "authors") {
			parties = append(parties, record.Party{Role: "one who answered", Stamp: p})
		}
	}
	if step[1] == "submitted" {
		late(look, after)
		return record.Apart(actor, "hand it in", parties...)
	}
	return nil
}

// Contradicts refuses a yes to what a control of this workspace does not do, unless the answer says so itself.
func Contradicts(look record.Look, q, a map[string]any) error {
	id := engagement.Text(q, "control")
	if id == "" || a["reply"] != "yes" || engagement.Text(a, "despite") != "" {
		return nil
	}
	v, err := look.Get("control", id)
	if fault.Is(err, fault.NotFound) {
		return nil // the company's controls are elsewhere
	}
	if err != nil {
		return err
	}
	c, err := engagement.Body(v)
	if err != nil {
		return err
	}
	if state := engagement.Text(c, record.StateField); state != "active" {
		return fault.New(fault.Conflict, "The answer to %s is yes, and the control %s is %s.", engagement.Text(q, "id"), id, state).WithNext("Change the answer, or say under despite why it is true all the same.")
	}
	return nil
}

func answersOf(look record.Look, questionnaire map[string]any) (map[string]map[string]any, error) {
	found, err := engagement.Found(look, AnswerName, engagement.Name, questionnaire[engagement.Name])
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]any{}
	for _, a := range found {
		if a[QuestionnaireName] == questionnaire["id"] && a[record.StateField] != "given_up" {
			out[engagement.Text(a, "question")] = a
		}
	}
	return out, nil
}

// AnswerKind declares the answer to one question. It stands still once the questionnaire is handed in.
func AnswerKind() record.Kind {
	m := &record.Machine{Initial: "given", By: "given_by", At: "given_at", Authors: "authors", Moves: []record.Move{{Name: "give_up", Title: "Give up", From: []string{"given"}, To: "given_up", By: "given_up_by", At: "given_up_at"}}}
	return record.Kind{Name: AnswerName, Title: "Answer", Plural: "Answers to questionnaires", Group: "Examination", Room: record.Auditor, Label: "question",
		Help: "The company's answer to one question, with its evidence and where it was taken over from.",
		Fields: []record.Field{
			{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
			{Name: QuestionnaireName, Type: record.Ref, Refers: QuestionnaireName, Required: true, Indexed: true},
			{Name: "question", Type: record.Text, Required: true, Help: "Its id."},
			{Name: "reply", Type: record.Choice, Required: true, Choices: []string{"yes", "no", "partly", "not_applicable", "unknown"}},
			{Name: "text", Type: record.Long, Required: true},
			{Name: "evidence", Type: record.Text, List: true, Help: "By SHA-256 or reference."},
			{Name: "taken_from", Title: "Taken over from", Type: record.Text, Help: "An earlier answer or a document, where it was."},
			{Name: "taken_on", Title: "Of the day", Type: record.Date},
			{Name: "despite", Title: "Why it is true all the same", Type: record.Long, Help: "Where it contradicts the state of a control."},
			{Name: "told_by", Title: "Who of the company said it", Type: record.Text, Fixed: true, Hidden: true}, {Name: "told_at", Title: "When it was handed in there", Type: record.Time, Fixed: true, Hidden: true},
			{Name: record.StateField, Type: record.Choice, Choices: m.States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Text, List: true, Fixed: true, Hidden: true},
			{Name: "given_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, {Name: "given_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "given_up_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, {Name: "given_up_at", Type: record.Time, Fixed: true, Hidden: true},
		},
		States: m,
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			parcel := actor.IsJob() && strings.HasPrefix(actor.Name, "job:")
			if parcel {
				if err := engagement.Answerable(look, engagement.Text(after, engagement.Name)); err != nil {
					return err
				}
			} else if _, err := engagement.Contact(look, engagement.Text(after, engagement.Name), actor, "answer its questionnaires"); err != nil {
				return err
			}
			v, err := look.Get(QuestionnaireName, engagement.Text(after, QuestionnaireName))
			if err != nil {
				return err
			}
			q, err := engagement.Body(v)
			if err != nil {
				return err
			}
			switch {
			case q[engagement.Name] != after[engagement.Name]:
				return fault.New(fault.Invalid, "The questionnaire is of another engagement.")
			case q[record.StateField] != "answering" && !(parcel && slices.Contains(waiting(), engagement.Text(q, record.StateField))):
				return fault.New(fault.Conflict, "The questionnaire is %s, and its answers stand still.", engagement.Text(q, record.StateField)).WithNext("Begin to answer it, or let the reviewer return it.")
			case !slices.ContainsFunc(engagement.Objects(q, "questions"), func(x map[string]any) bool { return x["id"] == after["question"] }):
				return fault.New(fault.Invalid, "The questionnaire has no question %s.", engagement.Text(after, "question"))
			case before != nil && (before["question"] != after["question"] || before[QuestionnaireName] != after[QuestionnaireName]):
				return fault.New(fault.Conflict, "An answer stays that of its question.")
			}
			if before != nil {
				return nil
			}
			answers, err := answersOf(look, q)
			if err == nil && answers[engagement.Text(after, "question")] != nil {
				err = fault.New(fault.Conflict, "The question %s has an answer already.", engagement.Text(after, "question")).WithNext("Change that one.")
			}
			return err
		}}
}
