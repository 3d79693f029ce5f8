package examination

import (
	"slices"
	"strings"

	"tickmark/internal/report/document"
)

// severity orders opinions, the mildest first.
var severity = []string{"unqualified", "qualified", "adverse", "disclaimer"}

// worst is the most severe of the opinions on the subjects; empty while there is none.
func (r *Report) worst() string {
	out := -1
	if r.Opinion != nil {
		for _, s := range r.Opinion.Subjects {
			out = max(out, slices.Index(severity, s.Opinion))
		}
	}
	if out < 0 {
		return ""
	}
	return severity[out]
}

// span is the day or the period of the report, as a sentence says it.
func (w *writing) span() string {
	if w.r.Type2() {
		return "throughout the period " + day(w.r.From) + " to " + day(w.r.To)
	}
	return "as of " + day(w.r.To)
}

// carved and inclusive are the subservice organisations by method.
func (r *Report) by(method string) []string {
	var out []string
	for _, s := range r.Subservice {
		if s.Method == method {
			out = append(out, s.Name)
		}
	}
	return out
}

// opinion is Section I: the report of the service auditor.
func (w *writing) opinion() document.Section {
	r := w.r
	s := document.Section{ID: "section-1", Title: "Section I. Independent service auditor's report"}
	add := func(title string, blocks ...document.Block) {
		s.Blocks = append(s.Blocks, document.Block{Head: head(title)})
		s.Blocks = append(s.Blocks, blocks...)
	}
	s.Blocks = append(s.Blocks, document.Block{Text: []document.Span{{Text: "To: ", Bold: true}, {Text: r.Addressee}}})
	add("Scope", w.scope()...)
	add("Responsibilities of the service organisation", para("%s is responsible for its service commitments and system requirements, and for designing, putting into operation and operating effective controls in the system, so that there is reasonable assurance that these commitments and requirements were achieved. It wrote the assertion in Section II and the description in Section III, and answers for their completeness and accuracy, for the services that the description covers, for choosing the criteria and stating the controls that relate to them, and for naming the risks that threaten the commitments and requirements.", r.Company))
	add("Responsibilities of the service auditor", w.responsibilities()...)
	add("Inherent limitations", para("The description is written for the common needs of a broad range of users and may not contain every aspect of the system that one of them considers important. Controls, however well they are designed, depend on people and on circumstances, and may not always prevent, or detect and correct, what they are meant for. To project a conclusion to later times is subject to the risk that circumstances change or that controls become inadequate or are followed less."))
	if r.Type2() {
		add("Tests of controls", para("The controls that were tested, the nature, timing and extent of the tests, and their results are listed in Section IV."))
	} else {
		add("Operation was not examined", para("Whether the controls operated effectively was not tested, and no opinion on it is expressed."))
	}
	s.Blocks = append(s.Blocks, w.opinions()...)
	if r.Opinion != nil && r.Opinion.Emphasis != "" {
		add("Emphasis of matter", append(document.Markdown(r.Opinion.Emphasis), para("The opinion is not modified in respect of this."))...)
	}
	add("Restricted use", w.restricted()...)
	s.Blocks = append(s.Blocks, document.Block{Sign: w.signature()})
	return s
}

func (w *writing) scope() []document.Block {
	r := w.r
	subject := "the suitability of the design of the controls stated in it"
	if r.Type2() {
		subject = "the suitability of the design and the operating effectiveness of the controls stated in it"
	}
	out := []document.Block{para("We examined the description by %s of its system %s in Section III, %s, against the criteria for a description of a service organisation's system, and %s %s, so that there is reasonable assurance that its service commitments and system requirements were achieved, based on the trust services criteria relevant to %s.",
		r.Company, r.System, w.span(), subject, w.span(), list(categories(r.Categories)))}
	if len(r.UserControls) > 0 {
		out = append(out, para("The description states that some controls need controls of user entities beside them, and that the criteria can be met only if these are suitably designed and operate. Our examination did not extend to controls of user entities."))
	}
	if c := r.by("carve_out"); len(c) > 0 {
		out = append(out, para("%s uses %s as %s. The description names the controls that are expected there, and leaves out the controls themselves. Our examination did not extend to the services of %s or to controls there.", r.Company, list(c), word(len(c), "a subservice organisation", "subservice organisations"), word(len(c), "that organisation", "those organisations")))
	}
	if c := r.by("inclusive"); len(c) > 0 {
		out = append(out, para("%s uses %s as %s whose relevant controls the description includes. Our examination extended to them, and an assertion of %s own is in Section II.", r.Company, list(c), word(len(c), "a subservice organisation", "subservice organisations"), word(len(c), "its", "their")))
	}
	return append(out, para("The information in Section V is provided by management. It is not part of the description, was not examined, and we express no opinion on it."))
}

func (w *writing) responsibilities() []document.Block {
	r := w.r
	what := "the description and on the suitability of the design of the controls stated in it"
	if r.Type2() {
		what = "the description and on the suitability of the design and the operating effectiveness of the controls stated in it"
	}
	out := []document.Block{para("Our responsibility is to express an opinion on %s, based on our examination. We conducted it in accordance with the attestation standards established by the American Institute of Certified Public Accountants. They require that we plan and perform the examination to obtain reasonable assurance about whether, in all material respects, the description accords with the description criteria and the controls %s. We are independent of %s and met the other ethical responsibilities that apply to the engagement.", what,
		map[bool]string{true: "were suitably designed and operated effectively", false: "were suitably designed"}[r.Type2()], r.Company)}
	steps := []string{"an understanding of the system and of the service commitments and system requirements", "an assessment of the risks that the description does not accord with its criteria and that controls were not suitably designed" + map[bool]string{true: " or did not operate effectively", false: ""}[r.Type2()],
		"procedures on whether the description accords with its criteria and whether the controls were suitably designed"}
	if r.Type2() {
		steps = append(steps, "tests of the operating effectiveness of controls", "an evaluation of the overall presentation of the description")
	} else {
		steps = append(steps, "an evaluation of the overall presentation of the description")
	}
	out = append(out, para("The examination included:"))
	out = append(out, bullets(steps)...)
	if r.worst() == "disclaimer" {
		return append(out, para("For what we disclaim an opinion on below, we were not able to obtain sufficient appropriate evidence. For the rest we believe that the evidence we obtained is sufficient and appropriate for our opinion."))
	}
	return append(out, para("We believe that the evidence we obtained is sufficient and appropriate to provide a reasonable basis for our opinion."))
}

// opinions are the basis of what is modified and the opinion on each subject, as the partner recorded it.
func (w *writing) opinions() []document.Block {
	o := w.r.Opinion
	if o == nil || len(o.Subjects) == 0 {
		return []document.Block{{Head: head("Opinion")}, absent("The partner has not written an opinion.")}
	}
	title := map[string]string{"unqualified": "Opinion", "qualified": "Qualified opinion", "adverse": "Adverse opinion", "disclaimer": "Disclaimer of opinion"}[w.r.worst()]
	var out []document.Block
	modified := slices.ContainsFunc(o.Subjects, func(s Subject) bool { return s.Opinion != "unqualified" })
	if modified {
		out = append(out, document.Block{Head: head("Basis for " + strings.ToLower(title[:1]) + title[1:])})
		for _, s := range o.Subjects {
			if s.Opinion == "unqualified" {
				continue
			}
			out = append(out, document.Block{Text: []document.Span{{Text: subjectTitle(s.Subject) + ". ", Bold: true}}, Refs: w.refs(s.Refs...)})
			out = append(out, document.Markdown(s.Basis)...)
			if len(s.Criteria) > 0 {
				out = append(out, para("%s concerned: %s.", word(len(s.Criteria), "Criterion", "Criteria"), strings.Join(s.Criteria, ", ")))
			}
			if len(s.Commitments) > 0 {
				out = append(out, para("Service commitments and system requirements concerned: %s.", strings.Join(s.Commitments, "; ")))
			}
		}
	}
	out = append(out, document.Block{Head: head(title)})
	if !o.Signed {
		out = append(out, absent("The opinion below is written and not signed."))
	}
	l := document.List{Ordered: true, Start: 1}
	for _, s := range o.Subjects {
		l.Items = append(l.Items, []document.Block{{Text: []document.Span{{Text: subjectTitle(s.Subject) + ". ", Bold: true}, {Text: w.sentence(s)}}, Refs: w.refs(s.Refs...)}})
	}
	return append(out, document.Block{List: &l})
}

func subjectTitle(s string) string {
	return map[string]string{"description": "Description", "design": "Design of the controls", "operation": "Operation of the controls"}[s]
}

// holds is what an unqualified opinion says of a subject, and not what an adverse one says.
func (w *writing) holds(subject string) (holds, fails string) {
	r := w.r
	assumed := ""
	var others []string
	if len(r.by("carve_out")) > 0 {
		others = append(others, "subservice organisations")
	}
	if len(r.UserControls) > 0 {
		others = append(others, "user entities")
	}
	if len(others) > 0 {
		assumed = ", and if " + list(others) + " applied the complementary controls that the design assumes"
	}
	promises := "the service commitments and system requirements of " + r.Company
	measure := " achieved based on the applicable trust services criteria"
	switch subject {
	case "description":
		presents := " the system " + r.System + " that was designed and put into operation " + w.span() + " in accordance with the description criteria"
		return "the description presents" + presents, "the description does not present" + presents
	case "design":
		return "the controls stated in the description were suitably designed " + w.span() + ", so that, if they operated effectively" + assumed + ", there would be reasonable assurance that " + promises + " would be" + measure,
			"the controls stated in the description were not suitably designed " + w.span() + " to give reasonable assurance that " + promises + " would be" + measure
	default:
		if assumed != "" {
			assumed = " " + strings.TrimPrefix(assumed, ", and ") + " and these operated effectively,"
		}
		return "the controls stated in the description operated effectively " + w.span() + ", so that," + assumed + " there was reasonable assurance that " + promises + " were" + measure,
			"the controls stated in the description did not operate effectively " + w.span() + " to give reasonable assurance that " + promises + " were" + measure
	}
}

// sentence states the recorded opinion on a subject.
func (w *writing) sentence(s Subject) string {
	holds, fails := w.holds(s.Subject)
	title := "Basis for " + strings.ToLower(map[string]string{"qualified": "Qualified opinion", "adverse": "Adverse opinion", "disclaimer": "Disclaimer of opinion"}[w.r.worst()])
	switch s.Opinion {
	case "unqualified":
		return "In our opinion, in all material respects, " + holds + "."
	case "qualified":
		what := "the effect of the matter"
		if s.Limited {
			what = "the possible effect of the matter"
		}
		return "In our opinion, except for " + what + " described under " + title + ", in all material respects, " + holds + "."
	case "adverse":
		return "In our opinion, because of the significance of the matter described under " + title + ", " + fails + "."
	case "disclaimer":
		return "Because of the significance of the matter described under " + title + ", we were not able to obtain sufficient appropriate evidence to provide a basis for an opinion. Accordingly, we do not express an opinion on whether " + holds + "."
	}
	return "The partner has not stated an opinion."
}

func (w *writing) restricted() []document.Block {
	r := w.r
	what := "This report"
	if r.Type2() {
		what = "This report, including the tests of controls and their results in Section IV,"
	}
	when := "as of " + day(r.To)
	if r.Type2() {
		when = "during some or all of the period " + day(r.From) + " to " + day(r.To)
	}
	return append([]document.Block{para("%s is intended solely for the information and use of %s, of user entities of the system %s %s, of business partners that are subject to risks from interacting with it, of practitioners who provide services to these, of prospective user entities and business partners, and of regulators, provided that they have sufficient knowledge and understanding of:", what, r.Company, r.System, when)},
		append(bullets([]string{"the nature of the service provided", "how the system interacts with user entities, business partners, subservice organisations and other parties", "internal control and its limitations", "controls of user entities and subservice organisations that complement those of the service organisation",
			"the responsibilities of user entities and how they may affect the use of the services", "the applicable trust services criteria", "the risks that may threaten the service commitments and system requirements, and how controls address them"}),
			para("It is not intended to be, and should not be, used by anyone other than these specified parties."))...)
}

func (w *writing) signature() []document.Fact {
	r := w.r
	signed, dated := r.Firm, "Not dated yet"
	if r.Opinion == nil || !r.Opinion.Signed || r.Date == "" {
		signed = "Not signed"
	}
	if r.Date != "" {
		dated = day(r.Date)
	}
	facts := []document.Fact{{Name: "Service auditor", Value: signed}}
	if r.City != "" {
		facts = append(facts, document.Fact{Name: "Place", Value: r.City})
	}
	return append(facts, document.Fact{Name: "Date", Value: dated})
}
