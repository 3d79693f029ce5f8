package exchange

import (
	"slices"
	"strings"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/request"
	"tickmark/internal/workpaper"
)

// FirmAnswer is the kind of what the company answers to one thing that the firm asked by parcel.
const FirmAnswer = "firm_answer"

// largestAnswer is how many bytes the files of one answer come to at most, so that it fits into a parcel.
const largestAnswer = MaxParcel - 64<<20

// replies are the choices of an answer to a question, as the firm's questionnaires have them.
var replies = []string{"yes", "no", "partly", "not_applicable", "unknown"}

// answerKind declares the company's answer: one record for each round, which stands still once it is handed in. The firm takes it over
// from the next parcel.
func answerKind() record.Kind {
	file := []record.Field{{Name: "sha256", Title: "SHA-256", Type: record.Text, Required: true}, {Name: "name", Type: record.Text, Required: true}, {Name: "size", Title: "Bytes", Type: record.Integer}, {Name: "media_type", Type: record.Text},
		{Name: "item", Type: record.Text, Help: "The item that it is for; empty: for all."}}
	reply := []record.Field{{Name: "question", Type: record.Text, Required: true}, {Name: "reply", Type: record.Choice, Choices: replies, Required: true}, {Name: "text", Type: record.Long, Required: true},
		{Name: "evidence", Type: record.Text, List: true}, {Name: "taken_from", Type: record.Text}, {Name: "taken_on", Type: record.Date}, {Name: "despite", Type: record.Long}}
	m := &record.Machine{Initial: "draft", By: "begun_by", At: "begun_at", Authors: "authors", Frozen: []string{"in_review", "handed_in", "not_available"}, Moves: []record.Move{
		{Name: "hand_over", Title: "Hand over to a reviewer", From: []string{"draft"}, To: "in_review", By: "handed_over_by", At: "handed_over_at", Guard: answered},
		{Name: "return", Title: "Return to the answerer", From: []string{"in_review"}, To: "draft", By: "returned_by", At: "returned_at"},
		{Name: "hand_in", Title: "Hand in", From: []string{"draft", "in_review"}, To: "handed_in", By: "handed_in_by", At: "handed_in_at", Guard: handedIn},
		{Name: "decline", Title: "State that it is not available", From: []string{"draft"}, To: "not_available", By: "handed_in_by", At: "handed_in_at", Fields: []record.Field{{Name: "reason", Type: record.Long, Required: true, Help: "Say why it cannot be handed in. The auditor judges what follows."}},
			Guard: func(before, _ map[string]any, _ record.Actor) error {
				if before["sort"] == QuestionnaireSent {
					return fault.New(fault.Conflict, "A questionnaire is answered question by question.").WithNext("That one does not know is an answer.")
				}
				return nil
			}},
	}}
	fields := []record.Field{
		{Name: engagement.Name, Type: record.Text, Required: true, Indexed: true, Help: "The id of the engagement."},
		{Name: "sort", Title: "What was asked", Type: record.Choice, Choices: []string{EvidenceRequest, QuestionnaireSent}, Required: true},
		{Name: "of", Title: "Key of the request", Type: record.Text, Required: true, Indexed: true},
		{Name: "name", Type: record.Text, Required: true},
		{Name: "round", Type: record.Integer, Required: true},
		{Name: "text", Title: "Answer", Type: record.Long, Help: "What is handed in, and what is lacking and why."},
		{Name: "files", Type: record.Object, List: true, Hidden: true, Fields: file},
		{Name: "replies", Title: "Answers to the questions", Type: record.Object, List: true, Hidden: true, Fields: reply},
		{Name: "source", Title: "System of record", Type: record.Text, Hidden: true, Help: "Of a population: where it was drawn from."}, {Name: "query", Type: record.Long, Hidden: true}, {Name: "extractor", Title: "Drawn by", Type: record.Text, Hidden: true},
		{Name: "extracted_at", Title: "Drawn at", Type: record.Time, Hidden: true}, {Name: "row_count", Title: "Rows", Type: record.Integer, Hidden: true},
		{Name: "checked_by", Title: "Who checked it", Type: record.Text, Hidden: true, Help: "Another person, before it goes out."},
		{Name: "reason", Title: "Why it is not available", Type: record.Long, Fixed: true, Hidden: true},
		{Name: record.StateField, Type: record.Choice, Choices: m.States(), Fixed: true, Indexed: true},
		{Name: "authors", Type: record.Text, List: true, Fixed: true, Hidden: true},
	}
	for _, verb := range []string{"begun", "handed_over", "returned", "handed_in"} {
		fields = append(fields, record.Field{Name: verb + "_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, record.Field{Name: verb + "_at", Type: record.Time, Fixed: true, Hidden: true})
	}
	return record.Kind{Name: FirmAnswer, Title: "Answer to the firm", Plural: "Answers to the firm", Group: "Examination", Label: "name",
		Help:   "What the company answers to one request or questionnaire of the firm, each round a record of its own. It goes with the next parcel once it is handed in.",
		Fields: fields, States: m, Check: answers}
}

// handedIn holds an answer to what was asked for, as far as it says so itself.
func handedIn(before, after map[string]any, actor record.Actor) error {
	if before["sort"] == QuestionnaireSent {
		if before[record.StateField] != "in_review" {
			return fault.New(fault.Conflict, "A questionnaire is handed in by somebody who answered none of it.").WithNext("Hand it over to a reviewer first.")
		}
		var parties []record.Party
		for _, p := range engagement.List(before, "authors") {
			parties = append(parties, record.Party{Role: "one who answered", Stamp: p})
		}
		return record.Apart(actor, "hand it in", parties...)
	}
	return answered(before, after, actor)
}

// answered refuses an answer that says nothing.
func answered(before, _ map[string]any, _ record.Actor) error {
	size := 0
	for _, f := range engagement.Objects(before, "files") {
		size += workpaper.Whole(f["size"])
	}
	switch {
	case size > largestAnswer:
		return fault.New(fault.TooLarge, "Its files come to %d bytes, and one answer has at most %d.", size, largestAnswer).WithNext("Hand in a part now and the rest when it is returned, or make the files smaller.")
	case before["sort"] == EvidenceRequest && engagement.Text(before, "text") == "" && len(engagement.Objects(before, "files")) == 0:
		return fault.New(fault.Conflict, "Nothing is handed in: no file was attached, and there is no answer.").WithNext("Attach what is asked for, or say why there is none.")
	case before["sort"] == QuestionnaireSent && len(engagement.Objects(before, "replies")) == 0:
		return fault.New(fault.Conflict, "Nothing is answered yet.").WithNext("Answer the questions; that one does not know is an answer.")
	}
	return nil
}

// answers holds an answer to what the firm asks by now.
func answers(look record.Look, before, after map[string]any, _ record.Actor) error {
	asked, err := askedOf(look, engagement.Text(after, engagement.Name), engagement.Text(after, "sort"), engagement.Text(after, "of"))
	if err != nil {
		return err
	}
	was, is := engagement.Text(before, record.StateField), engagement.Text(after, record.StateField)
	if before != nil {
		for _, f := range []string{engagement.Name, "sort", "of"} {
			if before[f] != after[f] || workpaper.Whole(before["round"]) != workpaper.Whole(after["round"]) {
				return fault.New(fault.Conflict, "An answer stays that of its request and round.").WithNext("Write another answer.")
			}
		}
	} else {
		found, err := engagement.Found(look, FirmAnswer, "of", after["of"])
		if err != nil {
			return err
		}
		if slices.ContainsFunc(found, func(b map[string]any) bool {
			return b[engagement.Name] == after[engagement.Name] && b["sort"] == after["sort"] && workpaper.Whole(b["round"]) == workpaper.Whole(after["round"])
		}) {
			return fault.New(fault.Conflict, "There is an answer of this round already.").WithNext("Go on with that one.")
		}
	}
	if round := asked.Round(); workpaper.Whole(after["round"]) != round && (before == nil || was != is) {
		return fault.New(fault.Conflict, "It would be the answer of round %d, and the firm waits for round %d.", workpaper.Whole(after["round"]), round).WithNext("Answer what the firm asks by now.")
	}
	if !asked.Open() && (before == nil || was != is) {
		return fault.New(fault.Conflict, "What the firm asked is %s, and it waits for no answer.", strings.ReplaceAll(asked.Told(), "_", " ")).WithNext("Nothing is to be done here until the firm asks again.")
	}
	items := map[string]bool{"": true}
	for _, i := range engagement.Objects(asked.Content, "items") {
		items[engagement.Text(i, "item")] = true
	}
	for _, f := range engagement.Objects(after, "files") {
		switch {
		case !engagement.IsSum(engagement.Text(f, "sha256")):
			return fault.New(fault.Invalid, "%s has no SHA-256.", engagement.Text(f, "name")).WithNext("Give the 64 hexadecimal digits, or attach it on the request's page.")
		case !items[engagement.Text(f, "item")]:
			return fault.New(fault.Invalid, "Item %s is not asked about.", engagement.Text(f, "item")).WithNext("Name one of the request's items.")
		}
	}
	if after["sort"] == QuestionnaireSent {
		return repliesFit(look, asked.Content, after, was != is && is != "draft")
	}
	if is == "handed_in" && was != is {
		return handsIn(asked.Content, after)
	}
	return nil
}

// handsIn holds what is handed in to the request.
func handsIn(asked, b map[string]any) error {
	if asked["sort"] == request.Population {
		for _, f := range []string{"source", "query", "extractor", "extracted_at"} {
			if engagement.Text(b, f) == "" {
				return fault.New(fault.Invalid, "A population comes with its %s.", strings.ReplaceAll(f, "_", " ")).WithNext("Fill in where it was drawn from, the exact query, who drew it and when, and how many rows it has.")
			}
		}
		if b["row_count"] == nil {
			return fault.New(fault.Invalid, "A population comes with its number of rows.").WithNext("Count them; none is a number too.")
		}
	}
	with := map[string]any{"items": asked["items"], "files": b["files"]}
	if lacks := request.Lacking(with); len(lacks) > 0 && engagement.Text(b, "text") == "" {
		return fault.New(fault.Conflict, "Nothing is attached for %s.", strings.Join(lacks, ", ")).WithNext("Attach it, or say in the answer why there is none.")
	}
	return nil
}

// repliesFit refuses answers to questions that nobody asked, and, before they go out, questions without an answer and a yes to what a
// control does not do.
func repliesFit(look record.Look, asked, b map[string]any, goes bool) error {
	of := map[string]map[string]any{}
	for _, r := range engagement.Objects(b, "replies") {
		if of[engagement.Text(r, "question")] != nil {
			return fault.New(fault.Invalid, "The question %s is answered twice.", engagement.Text(r, "question")).WithNext("Answer it once.")
		}
		of[engagement.Text(r, "question")] = r
	}
	for _, q := range engagement.Objects(asked, "questions") {
		r := of[engagement.Text(q, "id")]
		delete(of, engagement.Text(q, "id"))
		if !goes {
			continue
		}
		if r == nil {
			return fault.New(fault.Conflict, "The question %s has no answer.", engagement.Text(q, "id")).WithNext("Answer it; that one does not know is an answer.")
		}
		if err := request.Contradicts(look, q, r); err != nil {
			return err
		}
	}
	for id := range of {
		return fault.New(fault.Invalid, "The questionnaire has no question %s.", id).WithNext("Answer the questions that it has.")
	}
	return nil
}
