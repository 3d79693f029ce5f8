// Package opinion holds what the firm concludes: on each criterion, on each matter that was found, and in the end on the three
// subjects of the report. The one rule: nothing is proposed from silence. What the partner has not answered is blank, every
// opinion that the answers lead to is shown, and the tool never says unqualified.
package opinion

import (
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/record"
)

// Kinds of this room.
const (
	Name           = "opinion"
	CriterionName  = "criterion_conclusion"
	MatterName     = "matter"
	InquiryName    = "subsequent_inquiry"
	LetterName     = "letter"
	Assertion      = "assertion"
	Representation = "representations"
)

// Kinds are all of them.
func Kinds() []record.Kind { return []record.Kind{criterion(), matter(), inquiry(), letter(), kind()} }

// Subjects of a report, in their order. A Type I has no operation.
func Subjects(engagementType string) []string {
	if engagementType == engagement.Type1 {
		return []string{"description", "design"}
	}
	return []string{"description", "design", "operation"}
}

func stamped(verbs ...string) []record.Field {
	var out []record.Field
	for _, v := range verbs {
		out = append(out, record.Field{Name: v + "_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, record.Field{Name: v + "_at", Type: record.Time, Fixed: true, Hidden: true})
	}
	return out
}

func within() record.Field {
	return record.Field{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true}
}

// criterion is the firm's conclusion on one criterion: whether the controls that were tested, together, meet it. Never by count.
func criterion() record.Kind {
	m := &record.Machine{Initial: "draft", Authors: "authors", Revises: []string{"criterion", "conclusion", "reason", "controls"}, Moves: []record.Move{
		{Name: "prepare", Title: "Sign as prepared", From: []string{"draft"}, To: "prepared", By: "prepared_by", At: "prepared_at"},
		{Name: "review", Title: "Sign as reviewed", From: []string{"prepared"}, To: "reviewed", By: "reviewed_by", At: "reviewed_at", Guard: func(before, _ map[string]any, actor record.Actor) error {
			parties := []record.Party{{Role: "the one who prepared it", Stamp: engagement.Text(before, "prepared_by")}}
			for _, a := range engagement.List(before, "authors") {
				parties = append(parties, record.Party{Role: "one of its authors", Stamp: a})
			}
			return record.Apart(actor, "review it", parties...)
		}},
		{Name: "return", Title: "Return", From: []string{"prepared", "reviewed"}, To: "draft"},
	}}
	return record.Kind{
		Name: CriterionName, Title: "Conclusion on a criterion", Plural: "Conclusions on criteria", Group: "Examination", Room: record.Auditor,
		Help: "Whether the controls that were tested, together, meet one criterion; decided by people with reasons, never by count.", Label: "criterion",
		Fields: append([]record.Field{
			within(),
			{Name: "criterion", Type: record.Text, Required: true, Indexed: true},
			{Name: "conclusion", Type: record.Choice, Required: true, Choices: []string{"met", "not_met", "not_concluded"}, Help: "Not concluded: enough evidence could not be obtained."},
			{Name: "reason", Type: record.Long, Required: true},
			{Name: "controls", Type: record.Text, List: true, Required: true, Help: "The controls it rests on, by id."},
			{Name: record.StateField, Type: record.Choice, Choices: m.States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Text, List: true, Fixed: true, Hidden: true},
		}, stamped("prepared", "reviewed")...),
		States: m,
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			roles := engagement.Workers()
			if after[record.StateField] == "reviewed" {
				roles = engagement.Reviewers()
			}
			e, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, "conclude on criteria", roles...)
			if err != nil {
				return err
			}
			return rests(look, e, before, after)
		},
	}
}

// rests refuses a second conclusion on a criterion, and one that says met and rests on no control that was found to do its part.
func rests(look record.Look, e, before, after map[string]any) error {
	if e["type"] == engagement.Readiness {
		return fault.New(fault.Conflict, "A readiness assessment concludes on no criterion.").WithNext("Record observations.")
	}
	known, err := framework.Load()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(known, func(c framework.Criterion) bool {
		return c.ID == after["criterion"] && c.InScope(engagement.List(e, "categories"))
	}) {
		return fault.New(fault.Invalid, "%s is no criterion in the scope of this engagement.", engagement.Text(after, "criterion"))
	}
	if before == nil || before["criterion"] != after["criterion"] {
		all, err := engagement.Found(look, CriterionName, engagement.Name, after[engagement.Name])
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(c map[string]any) bool { return c["criterion"] == after["criterion"] }) {
			return fault.New(fault.Conflict, "There is a conclusion on %s already.", engagement.Text(after, "criterion")).WithNext("Change that one.")
		}
	}
	if after["conclusion"] != "met" || after[record.StateField] == "draft" {
		return nil
	}
	papers, err := engagement.Found(look, "workpaper", engagement.Name, after[engagement.Name])
	if err != nil {
		return err
	}
	matrices, err := engagement.Matrices(look, engagement.Text(after, engagement.Name))
	if err != nil {
		return err
	}
	_, controls := engagement.Controls(matrices)
	sound := false
	for _, id := range engagement.List(after, "controls") {
		c := controls[id]
		if c == nil || !slices.Contains(engagement.List(c, "criteria"), engagement.Text(after, "criterion")) {
			return fault.New(fault.Invalid, "The frozen matrix does not have %s for %s.", id, engagement.Text(after, "criterion"))
		}
		i := slices.IndexFunc(papers, func(p map[string]any) bool { return p["control"] == id })
		if i < 0 || !slices.Contains([]string{"reviewed", "partner_signed"}, engagement.Text(papers[i], record.StateField)) {
			return fault.New(fault.Conflict, "The paper of %s is not reviewed, so nothing rests on it.", id)
		}
		p := papers[i]
		if p["design"] == "suitable" && (e["type"] == engagement.Type1 || slices.Contains([]string{"effective", "effective_with_deviation", "not_operated"}, engagement.Text(p, "result"))) {
			sound = true
		}
	}
	if !sound {
		return fault.New(fault.Conflict, "None of the controls named was found suitable and, in a Type II, effective, so %s is not shown to be met.", engagement.Text(after, "criterion")).
			WithNext("Name a control that was, or conclude not_met or not_concluded.")
	}
	return nil
}

// matter is something the partner must judge: a departure from the criteria, or evidence that could not be obtained.
func matter() record.Kind {
	yesno := []string{"yes", "no"}
	m := &record.Machine{Initial: "open", By: "raised_by", At: "raised_at", Frozen: []string{"answered"}, Moves: []record.Move{
		{Name: "answer", Title: "Answer", From: []string{"open"}, To: "answered", By: "answered_by", At: "answered_at", Fields: []record.Field{
			{Name: "material", Type: record.Choice, Choices: yesno, Required: true, Help: "Would it influence a reasonable user's decision? Yes or no."},
			{Name: "pervasive", Type: record.Choice, Choices: yesno, Help: "Needed for what is material: not confined to particular criteria, a large part of the subject, or fundamental to it."},
			{Name: "judgement", Title: "Reason", Type: record.Long, Required: true, Help: "Say why, by quality first."}},
			Guard: func(_, after map[string]any, _ record.Actor) error {
				if (after["material"] == "yes") != (engagement.Text(after, "pervasive") != "") {
					return fault.New(fault.Invalid, "Whether a matter is pervasive is answered for what is material, and for nothing else.")
				}
				return nil
			}},
		{Name: "reopen", Title: "Reopen", From: []string{"answered"}, To: "open", Guard: func(_, after map[string]any, _ record.Actor) error {
			for _, f := range []string{"material", "pervasive", "judgement"} {
				delete(after, f)
			}
			return nil
		}},
	}}
	return record.Kind{
		Name: MatterName, Title: "Matter", Plural: "Matters", Group: "Examination", Room: record.Auditor,
		Help: "A departure from the criteria, or evidence that could not be obtained, on which the partner judges.", Label: "name",
		Fields: append([]record.Field{
			within(),
			{Name: "name", Type: record.Text, Required: true},
			{Name: "subject", Type: record.Choice, Required: true, Choices: []string{"description", "design", "operation"}},
			{Name: "sort", Type: record.Choice, Required: true, Choices: []string{"departure", "scope_limitation"}},
			{Name: "by_management", Title: "Imposed by management", Type: record.Bool, Help: "A limitation that management imposes points at a disclaimer or withdrawal."},
			{Name: "facts", Type: record.Long, Required: true},
			{Name: "criteria", Type: record.Text, List: true, Help: "The criteria it concerns."},
			{Name: "commitments", Type: record.Text, List: true, Help: "The commitments and requirements that were not assured."},
			{Name: "deviations", Type: record.Ref, Refers: "deviation", List: true},
			{Name: "material", Type: record.Choice, Choices: yesno, Fixed: true},
			{Name: "pervasive", Type: record.Choice, Choices: yesno, Fixed: true},
			{Name: "judgement", Type: record.Long, Fixed: true, Hidden: true},
			{Name: record.StateField, Type: record.Choice, Choices: m.States(), Fixed: true, Indexed: true},
		}, stamped("raised", "answered")...),
		States: m,
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			roles, act := engagement.Workers(), "raise matters"
			if before != nil && (before[record.StateField] == "answered" || after[record.StateField] == "answered") {
				roles, act = []engagement.Role{engagement.Partner}, "judge matters"
			}
			e, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, act, roles...)
			if err != nil {
				return err
			}
			if !slices.Contains(Subjects(engagement.Text(e, "type")), engagement.Text(after, "subject")) {
				return fault.New(fault.Invalid, "A Type I has no operation for a matter to concern.")
			}
			return nil
		},
	}
}

// inquiry is what management was asked of events after the window, up to a day.
func inquiry() record.Kind {
	return record.Kind{
		Name: InquiryName, Title: "Inquiry of subsequent events", Plural: "Inquiries of subsequent events", Group: "Examination", Room: record.Auditor,
		Help: "What management was asked about events after the window, what was read, and what came of it.", Label: "up_to",
		Fields: []record.Field{
			within(),
			{Name: "up_to", Title: "Up to", Type: record.Date, Required: true, Indexed: true, Help: "The day up to which it reaches; in the end the date of the report."},
			{Name: "asked", Title: "Who was asked", Type: record.Text, Required: true},
			{Name: "questions", Type: record.Long, Required: true, Help: "Incidents, changes, complaints, law suits, what was found since; and which lists and minutes were read."},
			{Name: "answers", Type: record.Long, Required: true},
			{Name: "bears", Title: "What it bears on", Type: record.Choice, Required: true, Choices: []string{"nothing", "the_window", "after_the_window"},
				Help: "An event that shows that something was wrong in the window changes conclusions or description; one that is new may need disclosure."},
			{Name: "effect", Type: record.Long, Help: "What was changed or disclosed because of it."},
		},
		Guard: func(_, after map[string]any, _ record.Actor) error {
			if after["bears"] != "nothing" && engagement.Text(after, "effect") == "" {
				return fault.New(fault.Invalid, "It bears on the report, and nothing says what was done about it.").WithNext("Fill in effect.")
			}
			return nil
		},
		Check: func(look record.Look, _, after map[string]any, actor record.Actor) error {
			if _, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, "inquire of subsequent events", engagement.Workers()...); err != nil {
				return err
			}
			if day := look.At.UTC().AddDate(0, 0, 1).Format("2006-01-02"); engagement.Text(after, "up_to") > day {
				return fault.New(fault.Invalid, "%s has not come yet, so nobody was asked about it.", engagement.Text(after, "up_to"))
			}
			return nil
		},
	}
}

// letter is a paper of management's that the report rests on.
func letter() record.Kind {
	m := &record.Machine{Initial: "received", By: "received_by", At: "received_at", Frozen: []string{"received"}, Moves: []record.Move{
		{Name: "replace", Title: "Replaced by a later one", From: []string{"received"}, To: "replaced", By: "replaced_by", At: "replaced_at"},
	}}
	return record.Kind{
		Name: LetterName, Title: "Letter", Plural: "Letters", Group: "Examination", Room: record.Auditor,
		Help: "Management's written assertion, or its written representations, as they were received.", Label: "sort",
		Fields: append([]record.Field{
			within(),
			{Name: "sort", Type: record.Choice, Required: true, Choices: []string{Assertion, Representation}},
			{Name: "dated", Type: record.Date, Required: true, Help: "Representations are dated the day of the report; an assertion not later."},
			{Name: "signed_for", Title: "Signed by", Type: record.Text, List: true, Required: true, Help: "Those of management with knowledge of the matters."},
			{Name: "file", Title: "SHA-256 of the letter", Type: record.Text, Required: true},
			{Name: record.StateField, Type: record.Choice, Choices: m.States(), Fixed: true, Indexed: true},
		}, stamped("received", "replaced")...),
		States: m,
		Guard: func(_, after map[string]any, _ record.Actor) error {
			if !engagement.IsSum(engagement.Text(after, "file")) {
				return fault.New(fault.Invalid, "file must be the 64 hexadecimal digits of the letter's SHA-256.")
			}
			return nil
		},
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			if _, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, "take its letters", engagement.Workers()...); err != nil || before != nil {
				return err
			}
			all, err := engagement.Found(look, LetterName, engagement.Name, after[engagement.Name])
			if err != nil {
				return err
			}
			if slices.ContainsFunc(all, func(l map[string]any) bool { return l["sort"] == after["sort"] && l[record.StateField] == "received" }) {
				return fault.New(fault.Conflict, "There is a letter of that sort already.").WithNext("Mark that one as replaced first; both stay on record.")
			}
			return nil
		},
	}
}

// kind is the firm's opinion on the subjects of the report.
func kind() record.Kind {
	opinions := []string{"unqualified", "qualified", "adverse", "disclaimer"}
	m := &record.Machine{Initial: "draft", Authors: "authors", Revises: []string{"subjects", "aggregate", "basis"}, Moves: []record.Move{
		{Name: "agree", Title: "Agree as quality reviewer", From: []string{"draft"}, To: "agreed", By: "agreed_by", At: "agreed_at"},
		{Name: "return", Title: "Return to draft", From: []string{"agreed", "signed"}, To: "draft", Guard: func(_, after map[string]any, _ record.Actor) error {
			for _, f := range []string{"agreed_by", "agreed_at", "signed_by", "signed_at"} {
				delete(after, f)
			}
			return nil
		}},
		{Name: "sign", Title: "Sign", From: []string{"agreed"}, To: "signed", By: "signed_by", At: "signed_at", Guard: func(before, _ map[string]any, actor record.Actor) error {
			return record.Apart(actor, "sign the opinion", record.Party{Role: "the quality reviewer", Stamp: engagement.Text(before, "agreed_by")})
		}},
	}}
	return record.Kind{
		Name: Name, Title: "Opinion", Plural: "Opinions", Group: "Examination", Room: record.Auditor,
		Help: "The firm's opinion on description, design and, in a Type II, operation, each apart, written by the partner.", Label: "name",
		Fields: append([]record.Field{
			within(),
			{Name: "name", Type: record.Text, Required: true},
			{Name: "subjects", Type: record.Object, List: true, Hidden: true, Required: true, Fields: []record.Field{
				{Name: "subject", Type: record.Choice, Required: true, Choices: []string{"description", "design", "operation"}},
				{Name: "opinion", Type: record.Choice, Required: true, Choices: opinions},
				{Name: "basis", Type: record.Long, Help: "Needed for what is modified: the matter, its effect, and the criteria and commitments concerned."},
			}},
			{Name: "aggregate", Title: "All matters together", Type: record.Long, Required: true, Help: "The partner's own judgement of what is immaterial alone and may be material together; blank until he writes it."},
			{Name: "emphasis", Type: record.Long, Help: "A paragraph that modifies nothing: something important, or controls that had no occasion to operate."},
			{Name: record.StateField, Type: record.Choice, Choices: m.States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Text, List: true, Fixed: true, Hidden: true},
		}, stamped("agreed", "signed")...),
		States: m, Check: opined,
	}
}

// Cell is an opinion that one answered matter leads to, or the question that stands open.
type Cell struct{ Matter, Subject, Opinion, Open string }

// Cells are what the answers of the matters lead to, each by itself: rules.md 6. An empty list says nothing about the subject.
func Cells(matters []map[string]any) []Cell {
	var out []Cell
	for _, m := range matters {
		c := Cell{Matter: engagement.Text(m, "name"), Subject: engagement.Text(m, "subject")}
		switch {
		case m[record.StateField] != "answered":
			c.Open = "The partner has not judged it."
		case m["material"] == "no":
			c.Open = "Not material by itself; it counts in the aggregate judgement."
		case m["pervasive"] == "no":
			c.Opinion = "qualified"
		case m["sort"] == "scope_limitation":
			c.Opinion = "disclaimer"
		default:
			c.Opinion = "adverse"
		}
		out = append(out, c)
	}
	return out
}

// opined says who may write and sign the opinion, and refuses one that is milder than the partner's own answers lead to.
func opined(look record.Look, before, after map[string]any, actor record.Actor) error {
	roles, act := []engagement.Role{engagement.Partner}, "write the opinion"
	if is := after[record.StateField]; is == "agreed" && (before == nil || before[record.StateField] != "agreed") {
		roles, act = []engagement.Role{engagement.QualityReviewer}, "agree to the opinion"
	}
	e, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, act, roles...)
	if err != nil {
		return err
	}
	if e["type"] == engagement.Readiness {
		return fault.New(fault.Conflict, "A readiness assessment gives no opinion.")
	}
	given := map[string]map[string]any{}
	for _, s := range engagement.Objects(after, "subjects") {
		subject := engagement.Text(s, "subject")
		switch {
		case given[subject] != nil:
			return fault.New(fault.Invalid, "There are two opinions on the %s.", subject)
		case !slices.Contains(Subjects(engagement.Text(e, "type")), subject):
			return fault.New(fault.Invalid, "A Type I gives no opinion on the operation.")
		case s["opinion"] != "unqualified" && engagement.Text(s, "basis") == "":
			return fault.New(fault.Invalid, "The opinion on the %s is %s, and no basis is written.", subject, engagement.Text(s, "opinion")).WithNext("Describe the matter, its effect, and the criteria and commitments concerned.")
		}
		given[subject] = s
	}
	if after[record.StateField] == "draft" {
		return nil
	}
	for _, s := range Subjects(engagement.Text(e, "type")) {
		if given[s] == nil {
			return fault.New(fault.Conflict, "There is no opinion on the %s.", s)
		}
	}
	return borne(look, after, given)
}

// Borne refuses an opinion that is milder than the answered matters lead to, or that leaves a criterion that is not met without a matter.
func Borne(look record.Look, body map[string]any) error {
	given := map[string]map[string]any{}
	for _, s := range engagement.Objects(body, "subjects") {
		given[engagement.Text(s, "subject")] = s
	}
	return borne(look, body, given)
}

// borne holds an opinion against the matters and conclusions.
func borne(look record.Look, after map[string]any, given map[string]map[string]any) error {
	matters, err := engagement.Found(look, MatterName, engagement.Name, after[engagement.Name])
	if err != nil {
		return err
	}
	severity := []string{"unqualified", "qualified", "adverse", "disclaimer"}
	for i, c := range Cells(matters) {
		if matters[i][record.StateField] != "answered" {
			return fault.New(fault.Conflict, "The matter %q is not judged.", c.Matter).WithNext("The partner answers whether it is material, and whether pervasive.")
		}
		has := engagement.Text(given[c.Subject], "opinion")
		milder := slices.Index(severity, has) < slices.Index(severity, c.Opinion) || c.Opinion == "adverse" && has == "disclaimer"
		if c.Opinion != "" && milder {
			return fault.New(fault.Conflict, "The matter %q leads to %s on the %s, and the opinion is %s.", c.Matter, c.Opinion, c.Subject, has).WithNext("Change the opinion, or judge the matter again with a reason.")
		}
	}
	conclusions, err := engagement.Found(look, CriterionName, engagement.Name, after[engagement.Name])
	if err != nil {
		return err
	}
	var unmet []string
	for _, c := range conclusions {
		if c["conclusion"] != "met" && !slices.ContainsFunc(matters, func(m map[string]any) bool {
			return slices.Contains(engagement.List(m, "criteria"), engagement.Text(c, "criterion"))
		}) {
			unmet = append(unmet, fmt.Sprintf("%s (%s)", engagement.Text(c, "criterion"), strings.ReplaceAll(engagement.Text(c, "conclusion"), "_", " ")))
		}
	}
	if len(unmet) > 0 {
		return fault.New(fault.Conflict, "No matter speaks of %s.", strings.Join(unmet, ", ")).WithNext("Raise a matter for each criterion that is not concluded as met, and let the partner judge it.")
	}
	return nil
}
