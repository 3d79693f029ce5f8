// Package request holds what the firm asks the company for during an examination: evidence, and questionnaires. The one rule: the
// firm asks and judges, the company answers, and neither does the other's part; what was handed in is never changed, only added to.
package request

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workpaper"
)

// Name is the kind of a request for evidence.
const Name = "evidence_request"

// Kinds are all kinds of this room.
func Kinds() []record.Kind { return []record.Kind{Kind(), QuestionnaireKind(), AnswerKind()} }

// Sorts of what is asked for.
const (
	Population  = "population"
	SampleProof = "sample_proof"
)

// Whether a file was made after it was asked for.
const (
	Yes     = "yes"
	No      = "no"
	Unknown = "unknown"
)

// afterwards says whether a file that speaks for a time before the request was made only after it. Nobody knows it of one that does not say
// when it was made.
func afterwards(b map[string]any, made string) string {
	sent, err := time.Parse(time.RFC3339Nano, engagement.Text(b, "sent_at"))
	asked := sent.UTC().Format(time.DateOnly)
	switch to := engagement.Text(b, "to"); {
	case err != nil || made == "":
		return Unknown
	case made <= asked:
		return No
	case to != "" && to <= asked:
		return Yes
	}
	return Unknown // it may speak for what was after the request
}

// Kind declares the request. Whatever stands in it the company reads once it is sent, so that nothing of the firm's belongs in it: no
// rating, no size, no seed, no paper.
func Kind() record.Kind {
	file := []record.Field{
		{Name: "sha256", Title: "SHA-256", Type: record.Text, Required: true}, {Name: "name", Type: record.Text, Required: true}, {Name: "size", Title: "Bytes", Type: record.Integer}, {Name: "media_type", Type: record.Text},
		{Name: "item", Type: record.Text, Help: "The item that it is for; empty: for all."}, {Name: "made", Title: "Made on", Type: record.Date, Help: "When it was made, as it says itself; empty when it does not."}}
	kept := append(slices.Clone(file), record.Field{Name: "round", Type: record.Integer}, record.Field{Name: "by", Type: record.Text}, record.Field{Name: "at", Type: record.Time}, record.Field{Name: "obtained", Title: "Obtained by the auditor", Type: record.Bool},
		record.Field{Name: "afterwards", Title: "Made after it was asked for", Type: record.Choice, Choices: []string{Yes, No, Unknown}, Help: "About what was before the request."})
	fields := []record.Field{
		{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
		{Name: "name", Type: record.Text, Required: true, Help: "Such as Offboarding tickets of the sampled leavers."},
		{Name: "text", Title: "What is asked for", Type: record.Long, Required: true, Help: "So that whoever never heard of it can hand it in. The company reads it."},
		{Name: "sort", Type: record.Choice, Required: true, Choices: []string{"document", Population, SampleProof, "configuration", "observation", "inquiry"}},
		{Name: "control", Type: record.Text, Indexed: true, Help: "The id of the control."},
		{Name: "attributes", Type: record.Text, List: true, Hidden: true, Help: "Which of the paper's attributes it is for."},
		{Name: "sample", Type: record.Ref, Refers: workpaper.SampleName, Hidden: true, Help: "The released sample whose items are asked about."},
		{Name: "items", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{{Name: "item", Type: record.Text, Required: true}, {Name: "label", Type: record.Text, Help: "What it is, as the company's list has it. Files are matched by it."}}},
		{Name: "from", Title: "First day", Type: record.Date, Hidden: true, Help: "Of the time that it should speak for."},
		{Name: "to", Title: "Last day", Type: record.Date, Hidden: true},
		{Name: "due", Type: record.Date, Indexed: true},
		{Name: "contact", Type: record.Ref, Refers: "person", Indexed: true, Help: "Who of the company answers it, where one person does."},
		{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
		{Name: "authors", Type: record.Text, List: true, Fixed: true, Hidden: true},
		{Name: "files", Type: record.Object, List: true, Fixed: true, Hidden: true, Fields: kept},
		{Name: "answers", Type: record.Object, List: true, Fixed: true, Hidden: true, Fields: []record.Field{{Name: "round", Type: record.Integer}, {Name: "text", Type: record.Long}, {Name: "checked_by", Type: record.Text}, {Name: "by", Type: record.Text}, {Name: "at", Type: record.Time}}},
		{Name: "returns", Title: "Times returned", Type: record.Integer, Fixed: true},
		{Name: "missing", Title: "What is missing", Type: record.Long, Fixed: true, Hidden: true},
		{Name: "overdue_since", Type: record.Date, Fixed: true, Help: "It came, or was refused, after its day; that stays."},
		{Name: "obtained_how", Title: "How the auditor obtained it", Type: record.Long, Fixed: true, Hidden: true},
		{Name: "reason", Type: record.Long, Fixed: true, Hidden: true, Help: "Why it is not available, or was withdrawn."},
		{Name: "source", Title: "System of record", Type: record.Text, Fixed: true, Hidden: true}, {Name: "query", Type: record.Long, Fixed: true, Hidden: true}, {Name: "extractor", Title: "Drawn by", Type: record.Text, Fixed: true, Hidden: true},
		{Name: "extracted_at", Title: "Drawn at", Type: record.Time, Fixed: true, Hidden: true}, {Name: "row_count", Title: "Rows", Type: record.Integer, Fixed: true, Hidden: true},
		// what a step hands over and keep puts away
		{Name: "new_files", Type: record.Object, List: true, Fixed: true, Hidden: true, Fields: file}, {Name: "answer", Type: record.Long, Fixed: true, Hidden: true}, {Name: "checked_by", Type: record.Text, Fixed: true, Hidden: true}, {Name: "drop", Type: record.Text, Fixed: true, Hidden: true},
		{Name: "told_by", Title: "Who of the company handed it in", Type: record.Text, Fixed: true, Hidden: true}, {Name: "told_at", Title: "When it was handed in there", Type: record.Time, Fixed: true, Hidden: true},
	}
	for _, verb := range []string{"drafted", "sent", "attached", "submitted", "begun", "accepted", "returned", "withdrawn", "refused"} {
		fields = append(fields, record.Field{Name: verb + "_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, record.Field{Name: verb + "_at", Type: record.Time, Fixed: true, Hidden: true})
	}
	return record.Kind{Name: Name, Title: "Evidence request", Plural: "Evidence requests", Group: "Examination", Room: record.Auditor, Label: "name",
		Help:   "What the firm asks the company for, what came in, and whether it was enough. Missing evidence is a deviation that a person records.",
		Fields: fields, States: machine(), Guard: written, Check: allowed}
}

func machine() *record.Machine {
	long := func(name, title, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Long, Required: true, Help: help}
	}
	files := record.Field{Name: "new_files", Title: "Files", Type: record.Object, List: true, Fields: []record.Field{{Name: "sha256", Type: record.Text, Required: true}, {Name: "name", Type: record.Text, Required: true}, {Name: "size", Type: record.Integer}, {Name: "media_type", Type: record.Text}, {Name: "item", Type: record.Text}, {Name: "made", Type: record.Date}}}
	asked := []string{"open", "returned"}
	return &record.Machine{Initial: "draft", By: "drafted_by", At: "drafted_at", Authors: "authors", Frozen: []string{"open", "returned", "submitted", "in_auditor_review", "accepted", "not_available"}, Moves: []record.Move{
		{Name: "send", Title: "Send to the company", From: []string{"draft"}, To: "open", By: "sent_by", At: "sent_at"},
		{Name: "attach", Title: "Attach files", From: asked, By: "attached_by", At: "attached_at", Fields: []record.Field{files}, Guard: attached(false)},
		{Name: "detach", Title: "Take a file back", From: asked, By: "attached_by", At: "attached_at", Guard: detached, Fields: []record.Field{{Name: "drop", Title: "SHA-256 of the file", Type: record.Text, Required: true, Help: "Only what was not handed in yet."}}},
		{Name: "submit", Title: "Hand in", From: asked, To: "submitted", By: "submitted_by", At: "submitted_at", Guard: submitted, Fields: []record.Field{
			{Name: "answer", Type: record.Long, Help: "What is handed in, and what is lacking and why."},
			{Name: "checked_by", Title: "Who checked it", Type: record.Text, Help: "Another person of the company, before it goes out."},
			{Name: "source", Title: "System of record", Type: record.Text, Help: "Of a population: where it was drawn from."}, {Name: "query", Type: record.Long, Help: "Of a population: the exact query, filter or menu path."},
			{Name: "extractor", Title: "Drawn by", Type: record.Text, Help: "Of a population."}, {Name: "extracted_at", Title: "Drawn at", Type: record.Time, Help: "Of a population."}, {Name: "row_count", Title: "Rows", Type: record.Integer, Help: "Of a population."}}},
		{Name: "obtain", Title: "Enter what the auditor obtained", From: asked, To: "submitted", By: "submitted_by", At: "submitted_at", Guard: attached(true), Fields: []record.Field{files, long("obtained_how", "How it was obtained", "Say from whom or from what, and when.")}},
		{Name: "decline", Title: "State that it is not available", From: asked, To: "not_available", By: "refused_by", At: "refused_at", Fields: []record.Field{long("reason", "Reason", "Say why it cannot be handed in. The auditor judges what follows.")}},
		{Name: "receive", Title: "Take over from a parcel", From: asked, To: "submitted", By: "submitted_by", At: "submitted_at", Job: true, Guard: received, Fields: append([]record.Field{files,
			{Name: "answer", Type: record.Long}, {Name: "checked_by", Type: record.Text}, {Name: "source", Type: record.Text}, {Name: "query", Type: record.Long}, {Name: "extractor", Type: record.Text}, {Name: "extracted_at", Type: record.Time}, {Name: "row_count", Type: record.Integer}}, told()...)},
		{Name: "receive_refusal", Title: "Take over that it is not available", From: asked, To: "not_available", By: "refused_by", At: "refused_at", Job: true, Guard: byParcel, Fields: append([]record.Field{{Name: "reason", Type: record.Long}}, told()...)},
		{Name: "begin_review", Title: "Begin to look", From: []string{"submitted"}, To: "in_auditor_review", By: "begun_by", At: "begun_at"},
		{Name: "accept", Title: "Accept as sufficient", From: []string{"in_auditor_review"}, To: "accepted", By: "accepted_by", At: "accepted_at"},
		{Name: "return", Title: "Return", From: []string{"in_auditor_review"}, To: "returned", By: "returned_by", At: "returned_at", Fields: []record.Field{long("missing", "What is missing", "Say what is still needed, so that it comes the next time.")},
			Guard: func(before, after map[string]any, _ record.Actor) error {
				after["returns"] = float64(workpaper.Whole(before["returns"]) + 1)
				return nil
			}},
		{Name: "withdraw", Title: "Withdraw", From: []string{"draft", "open", "returned"}, To: "withdrawn", By: "withdrawn_by", At: "withdrawn_at", Fields: []record.Field{long("reason", "Reason", "Say why it is no longer needed.")}},
	}}
}

// Round is which handing-in comes next, from 1.
func Round(b map[string]any) int { return workpaper.Whole(b["returns"]) + 1 }

func written(_, after map[string]any, _ record.Actor) error {
	seen := map[string]bool{}
	for _, i := range engagement.Objects(after, "items") {
		id := engagement.Text(i, "item")
		if seen[id] {
			return fault.New(fault.Invalid, "The item %s is asked about twice.", id)
		}
		seen[id] = true
	}
	if from, to := engagement.Text(after, "from"), engagement.Text(after, "to"); from != "" && to != "" && to < from {
		return fault.New(fault.Invalid, "It should speak for %s to %s, which ends before it begins.", from, to)
	}
	return nil
}

// attached puts the files of a step to those that came before; nothing that is there is changed.
func attached(obtained bool) func(before, after map[string]any, actor record.Actor) error {
	return func(before, after map[string]any, actor record.Actor) error {
		fresh := engagement.Objects(after, "new_files")
		delete(after, "new_files")
		if len(fresh) == 0 {
			if engagement.Text(after, "obtained_how") == "" { // only looking whether the step could be taken
				return nil
			}
			return fault.New(fault.Invalid, "No file came with it.").WithNext("Choose at least one.")
		}
		known := map[string]bool{}
		for _, i := range engagement.Objects(before, "items") {
			known[engagement.Text(i, "item")] = true
		}
		list, _ := before["files"].([]any)
		list = slices.Clone(list)
		for _, f := range fresh {
			item := engagement.Text(f, "item")
			switch {
			case !engagement.IsSum(engagement.Text(f, "sha256")):
				return fault.New(fault.Invalid, "%s has no SHA-256.", engagement.Text(f, "name")).WithNext("Give the 64 hexadecimal digits, or attach it on the request's page.")
			case item != "" && !known[item]:
				return fault.New(fault.Invalid, "Item %s is not asked about.", item).WithNext("Name one of the request's items.")
			}
			kept := map[string]any{"sha256": f["sha256"], "name": f["name"], "size": f["size"], "media_type": f["media_type"], "item": item, "round": float64(Round(before)), "by": actor.Stamp(), "at": after[stampOf(obtained)], "obtained": obtained,
				"afterwards": afterwards(before, engagement.Text(f, "made"))}
			if made := engagement.Text(f, "made"); made != "" {
				kept["made"] = made
			}
			list = append(list, kept)
		}
		after["files"] = list
		return nil
	}
}

func stampOf(obtained bool) string {
	if obtained {
		return "submitted_at"
	}
	return "attached_at"
}

// detached takes back a file that was not handed in yet; what was, stays.
func detached(before, after map[string]any, _ record.Actor) error {
	sum := engagement.Text(after, "drop")
	delete(after, "drop")
	if sum == "" {
		return nil
	}
	list, _ := before["files"].([]any)
	var out []any
	for _, f := range list {
		if o, ok := f.(map[string]any); ok && o["sha256"] == sum && workpaper.Whole(o["round"]) == Round(before) {
			continue
		}
		out = append(out, f)
	}
	if len(out) == len(list) {
		return fault.New(fault.Conflict, "No file of that hash can be taken back; what was handed in stays.").WithNext("Attach what is better; both stay on record.")
	}
	after["files"] = out
	return nil
}

// submitted holds a handing-in to what was asked for.
func submitted(before, after map[string]any, actor record.Actor) error {
	answer, round := engagement.Text(after, "answer"), Round(before)
	checked := engagement.Text(after, "checked_by")
	delete(after, "answer")
	delete(after, "checked_by")
	came := false
	for _, f := range engagement.Objects(before, "files") {
		came = came || workpaper.Whole(f["round"]) == round
	}
	if answer == "" && !came {
		if len(engagement.Objects(before, "files")) == 0 && before["sort"] == "inquiry" {
			return fault.New(fault.Conflict, "Nothing is handed in: the question has no answer.").WithNext("Write the answer.")
		}
		return fault.New(fault.Conflict, "Nothing is handed in: no file was attached, and there is no answer.").WithNext("Attach what is asked for, or say why there is none.")
	}
	if before["sort"] == Population {
		for _, f := range []string{"source", "query", "extractor", "extracted_at"} {
			if engagement.Text(after, f) == "" {
				return fault.New(fault.Invalid, "A population comes with its %s.", strings.ReplaceAll(f, "_", " ")).WithNext("Fill in where it was drawn from, the exact query, who drew it and when, and how many rows it has.")
			}
		}
		if after["row_count"] == nil {
			return fault.New(fault.Invalid, "A population comes with its number of rows.").WithNext("Count them; none is a number too.")
		}
	}
	if lacks := Lacking(before); len(lacks) > 0 && answer == "" {
		return fault.New(fault.Conflict, "Nothing is attached for %s.", strings.Join(lacks, ", ")).WithNext("Attach it, or say in the answer why there is none.")
	}
	if answer != "" {
		list, _ := before["answers"].([]any)
		after["answers"] = append(slices.Clone(list), map[string]any{"round": float64(round), "text": answer, "checked_by": checked, "by": actor.Stamp(), "at": after["submitted_at"]})
	}
	return nil
}

// told are who of the company said something, and when, as its parcel tells it.
func told() []record.Field {
	return []record.Field{{Name: "told_by", Type: record.Text}, {Name: "told_at", Type: record.Time}}
}

// byParcel leaves what comes by parcel to the program that takes parcels.
func byParcel(_, _ map[string]any, actor record.Actor) error {
	if actor.IsJob() {
		return nil
	}
	return fault.New(fault.Denied, "What the company says in its own workspace comes with its parcel, and nobody says it here.").WithNext("Take the company's next parcel.")
}

// received puts what a parcel brought to what came before. The company's workspace held it to what was asked for already; here it is
// taken as it was said, so that no parcel is kept back by it.
func received(before, after map[string]any, actor record.Actor) error {
	if err := byParcel(before, after, actor); err != nil {
		return err
	}
	round, by := float64(Round(before)), engagement.Text(after, "told_by")
	list, _ := before["files"].([]any)
	list = slices.Clone(list)
	for _, f := range engagement.Objects(after, "new_files") {
		list = append(list, map[string]any{"sha256": f["sha256"], "name": f["name"], "size": f["size"], "media_type": f["media_type"], "item": f["item"], "round": round, "by": by, "at": after["told_at"], "obtained": false})
	}
	if len(list) > 0 {
		after["files"] = list
	}
	if answer := engagement.Text(after, "answer"); answer != "" {
		list, _ := before["answers"].([]any)
		after["answers"] = append(slices.Clone(list), map[string]any{"round": round, "text": answer, "checked_by": engagement.Text(after, "checked_by"), "by": by, "at": after["told_at"]})
	}
	for _, f := range []string{"new_files", "answer", "checked_by"} {
		delete(after, f)
	}
	return nil
}

// Lacking are the items of a request for which no file is attached.
func Lacking(b map[string]any) []string {
	has := map[string]bool{}
	for _, f := range engagement.Objects(b, "files") {
		has[engagement.Text(f, "item")] = true
	}
	var out []string
	for _, i := range engagement.Objects(b, "items") {
		if id := engagement.Text(i, "item"); !has[id] {
			out = append(out, id)
		}
	}
	return out
}

// allowed says who may do what: the team asks and judges, a contact of the company answers.
func allowed(look record.Look, before, after map[string]any, actor record.Actor) error {
	was, is, id := engagement.Text(before, record.StateField), engagement.Text(after, record.StateField), engagement.Text(after, engagement.Name)
	asked := was == "open" || was == "returned"
	if asked && actor.IsJob() && (is == "submitted" || is == "not_available") { // by a parcel, which says who answered
		if err := engagement.Answerable(look, id); err != nil {
			return err
		}
		lateOn(engagement.Text(after, "told_at"), after)
		return nil
	}
	obtains := is == "submitted" && fmt.Sprint(before["obtained_how"]) != fmt.Sprint(after["obtained_how"])
	if asked && (is == was || is == "not_available" || is == "submitted" && !obtains) {
		if _, err := engagement.Contact(look, id, actor, "answer its requests"); err != nil {
			return err
		}
		if is != was {
			late(look, after)
		}
		return nil
	}
	e, err := engagement.Member(look, id, actor, "ask the company for evidence", engagement.Workers()...)
	if err != nil {
		return err
	}
	if is == "open" && was == "draft" {
		return sendable(look, e, after)
	}
	if obtains {
		late(look, after)
	}
	return nil
}

// late stamps what comes after its day, for ever.
func late(look record.Look, after map[string]any) {
	lateOn(look.At.UTC().Format(time.DateOnly), after)
}

// lateOn is late for what was handed in at a moment, or on a day.
func lateOn(moment string, after map[string]any) {
	if due := engagement.Text(after, "due"); due != "" && due < day(moment) && engagement.Text(after, "overdue_since") == "" {
		after["overdue_since"] = due
	}
}

// sendable holds a request to what the company needs to answer it, and keeps unreleased samples in the room.
func sendable(look record.Look, e, b map[string]any) error {
	sort := engagement.Text(b, "sort")
	switch {
	case engagement.Text(b, "due") == "":
		return fault.New(fault.Conflict, "Nothing says until when it is needed.").WithNext("Fill in due.")
	case engagement.Text(b, "due") < look.At.UTC().Format(time.DateOnly):
		return fault.New(fault.Conflict, "It would be due on %s, which is over.", engagement.Text(b, "due")).WithNext("Give a day to come.")
	case sort != "inquiry" && sort != "observation" && (engagement.Text(b, "from") == "" || engagement.Text(b, "to") == ""):
		return fault.New(fault.Conflict, "Nothing says for which time it should speak.").WithNext("Fill in first and last day.")
	case engagement.Text(b, "contact") != "" && !engagement.IsContact(e, engagement.Text(b, "contact")):
		return fault.New(fault.Conflict, "%s is no contact of the company in this engagement.", engagement.Text(b, "contact"))
	case sort == SampleProof && (engagement.Text(b, "sample") == "" || len(engagement.Objects(b, "items")) == 0):
		return fault.New(fault.Conflict, "It asks about a sample and names none, or none of its items.").WithNext("Make it from the released sample.")
	case engagement.Text(b, "sample") == "":
		return nil
	}
	v, err := look.Get(workpaper.SampleName, engagement.Text(b, "sample"))
	if err != nil {
		return err
	}
	s, err := engagement.Body(v)
	if err != nil {
		return err
	}
	if s[engagement.Name] != b[engagement.Name] || !slices.Contains([]string{"sent", "testing", "concluded"}, engagement.Text(s, record.StateField)) {
		return fault.New(fault.Conflict, "The sample is not released to the company, and a request would give it away.").WithNext("Release it first.")
	}
	items := workpaper.Items(s)
	for _, i := range engagement.Objects(b, "items") {
		if !slices.Contains(items, engagement.Text(i, "item")) {
			return fault.New(fault.Conflict, "Item %s is none of the sample.", engagement.Text(i, "item"))
		}
	}
	return nil
}

// Overdue reports whether a request waits for the company past its day, written as 2026-12-31.
func Overdue(b map[string]any, today string) bool {
	due := engagement.Text(b, "due")
	return slices.Contains([]string{"open", "returned"}, engagement.Text(b, record.StateField)) && due != "" && due < today
}

// Ended reports whether nothing more comes of a request.
func Ended(b map[string]any) bool {
	return slices.Contains([]string{"accepted", "withdrawn", "not_available"}, engagement.Text(b, record.StateField))
}

// Sent reports whether the company reads a request.
func Sent(b map[string]any) bool {
	return engagement.Text(b, record.StateField) != "draft" && engagement.Text(b, "sent_at") != ""
}

// Unproduced is evidence that was asked for and did not come: a fact that a person may record as a deviation, or answer with a scope
// limitation or another procedure. Nothing is recorded by itself.
type Unproduced struct {
	Name, Item, Facts string
	Attributes        []string
}

// Missing are the items of a request without evidence: of one that is past its day, or that the company cannot answer. Without items it
// is the whole.
func Missing(b map[string]any, today string) []Unproduced {
	refused := b[record.StateField] == "not_available"
	if !refused && !Overdue(b, today) {
		return nil
	}
	facts := fmt.Sprintf("Asked for on %s (%s), due %s; ", day(engagement.Text(b, "sent_at")), engagement.Text(b, "name"), engagement.Text(b, "due"))
	if refused {
		facts += "the company says that it is not available: " + engagement.Text(b, "reason")
	} else {
		facts += "nothing came until " + today + "."
	}
	one := func(item string) Unproduced {
		return Unproduced{engagement.Text(b, "name"), item, facts, engagement.List(b, "attributes")}
	}
	if len(engagement.Objects(b, "items")) == 0 {
		if len(engagement.Objects(b, "files")) > 0 {
			return nil
		}
		return []Unproduced{one("")}
	}
	var out []Unproduced
	for _, i := range Lacking(b) {
		out = append(out, one(i))
	}
	return out
}

func day(moment string) string {
	if len(moment) >= len(time.DateOnly) {
		return moment[:len(time.DateOnly)]
	}
	return moment
}

// Match is the item of a request that a file's name speaks of: the longest label or item that stands in it as a word. It is empty
// when none does, or when two do alike.
func Match(b map[string]any, name string) string {
	words := func(s string) string {
		return " " + strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127)
		}), " ") + " "
	}
	in, best, length, twice := words(name), "", 0, false
	for _, i := range engagement.Objects(b, "items") {
		id := engagement.Text(i, "item")
		for _, label := range []string{engagement.Text(i, "label"), id} {
			w := words(label)
			if strings.TrimSpace(w) == "" || !strings.Contains(in, w) {
				continue
			}
			switch {
			case len(w) > length:
				best, length, twice = id, len(w), false
			case len(w) == length && id != best:
				twice = true
			}
		}
	}
	if twice {
		return ""
	}
	return best
}
