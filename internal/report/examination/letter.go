package examination

import (
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/report/document"
)

// Report3 is the SOC 3 report: for anybody, on management's assertion, with neither controls nor tests. It is written only where the
// opinions on design and operation are unqualified: what a modified one says to the public is for the firm to word.
func Report3(r *Report, c Copy, link func(Reference) string) (document.Document, error) {
	if !r.Type2() {
		return document.Document{}, fault.New(fault.Conflict, "A SOC 3 rests on an examination of Type II, and this one is of Type I.")
	}
	if r.Opinion == nil || slices.ContainsFunc(r.Opinion.Subjects, func(s Subject) bool { return s.Opinion != "unqualified" }) || len(r.Opinion.Subjects) < 3 {
		return document.Document{}, fault.New(fault.Conflict, "The opinion is modified or not written, and a SOC 3 is for readers without the details behind it.").WithNext("Word it in the firm and register the file: tickmark audit issue --form soc_3 --file.")
	}
	if c == Final {
		r = r.Issued()
	}
	w := &writing{r: r, copy: c, link: link}
	d := w.frame("SOC 3 report", "For general use")
	d.Facts = w.facts()
	d.Contents = false
	s := document.Section{ID: "section-1", Title: "Independent service auditor's report"}
	add := func(title string, blocks ...document.Block) {
		s.Blocks = append(append(s.Blocks, document.Block{Head: head(title)}), blocks...)
	}
	s.Blocks = append(s.Blocks, document.Block{Text: []document.Span{{Text: "To: ", Bold: true}, {Text: r.Addressee}}})
	add("Scope", para("We examined the assertion of %s that the controls within its system %s were effective %s, so that there was reasonable assurance that its service commitments and system requirements were achieved, based on the trust services criteria relevant to %s.", r.Company, r.System, w.span(), list(categories(r.Categories))))
	if len(r.UserControls) > 0 {
		add("Controls of user entities", append([]document.Block{para("Some criteria are met only if user entities operate controls of their own, to which our examination did not extend:")}, bullets(texts(r.UserControls))...)...)
	}
	if n := r.by("carve_out"); len(n) > 0 {
		add("Subservice organisations", para("%s uses services of %s. Some criteria are met only if controls there operate, to which our examination did not extend.", r.Company, list(n)))
	}
	add("Responsibilities", para("%s is responsible for its commitments and requirements and for effective controls within the system, and wrote the assertion. Our responsibility is to express an opinion on whether the assertion is fairly stated. We examined in accordance with the attestation standards established by the American Institute of Certified Public Accountants, are independent of %s, and believe that the evidence we obtained is sufficient and appropriate.", r.Company, r.Company))
	add("Inherent limitations", para("Controls depend on people and circumstances and may not always be effective. To project this conclusion to later times is subject to the risk that circumstances or controls change."))
	o := document.Block{Text: document.Plain(fmt.Sprintf("In our opinion, the assertion of management that the controls within the system %s were effective %s, so that there was reasonable assurance that the service commitments and system requirements of %s were achieved based on the applicable trust services criteria, is fairly stated, in all material respects.", r.System, w.span(), r.Company)), Refs: w.refs(r.Opinion.Ref)}
	add("Opinion", o)
	s.Blocks = append(s.Blocks, document.Block{Sign: w.signature()})
	second := w.assertion()
	second.Title = "Assertion of management"
	third := document.Section{ID: "attachment", Title: "Boundaries of the system, commitments and requirements"}
	if r.Description == nil || r.Description.File == nil {
		third.Blocks = []document.Block{absent("Management's description was not received as Tickmark writes it, so its parts cannot be taken from it.")}
	} else {
		for _, x := range Described3(r.Description.File) {
			if slices.Contains([]string{"description-services", "description-boundaries", "description-infrastructure", "description-software", "description-data", "description-commitments"}, x.ID) {
				third.Sections = append(third.Sections, x)
			}
		}
	}
	d.Sections = []document.Section{s, second, third}
	if c != Final {
		d.Sections = append(d.Sections, w.references())
	}
	return d, nil
}

func texts(list []UserControl) []string {
	out := make([]string, len(list))
	for i, u := range list {
		out[i] = u.Text
	}
	return out
}

// ManagementLetter is what the firm advises beside the report. Nothing of it stands in the report.
func ManagementLetter(r *Report, c Copy, link func(Reference) string) document.Document {
	if c == Final {
		advice := append([]Advice(nil), r.Advice...)
		for i := range advice {
			advice[i].Ref = ""
		}
		r = r.Issued()
		r.Advice = advice
	}
	w := &writing{r: r, copy: c, link: link}
	d := w.frame("Letter to management", "For management only")
	d.Facts = []document.Fact{{Name: "To", Value: r.Addressee}, {Name: "From", Value: r.Firm}, {Name: "Examination", Value: r.Name}}
	d.Contents = false
	s := document.Section{ID: "letter", Title: "Recommendations", Blocks: []document.Block{
		para("In the course of our examination of the system %s we noted what follows. It is no part of our report, modifies nothing in it, and is meant for management alone. We did not look for everything that could be improved.", r.System)}}
	if len(r.Advice) == 0 {
		s.Blocks = append(s.Blocks, para("We have no recommendation to make."))
	}
	for i, a := range r.Advice {
		x := document.Section{ID: fmt.Sprintf("advice-%d", i+1), Title: fmt.Sprintf("%d. %s", i+1, a.Name), Follows: true}
		facts := []document.Fact{{Name: "Priority", Value: capital(a.Priority)}}
		if len(a.Controls) > 0 {
			facts = append(facts, document.Fact{Name: "Controls", Value: strings.Join(a.Controls, ", ")})
		}
		if refs := w.refs(a.Ref); len(refs) > 0 {
			facts[0].Ref = &refs[0]
		}
		x.Blocks = append(x.Blocks, document.Block{Facts: facts}, document.Block{Text: []document.Span{{Text: "Observation.", Bold: true}}})
		x.Blocks = append(append(x.Blocks, document.Markdown(a.Observation)...), document.Block{Text: []document.Span{{Text: "Recommendation.", Bold: true}}})
		x.Blocks = append(append(x.Blocks, document.Markdown(a.Advice)...), document.Block{Text: []document.Span{{Text: "Response of management.", Bold: true}}})
		if a.Response == "" {
			x.Blocks = append(x.Blocks, para("None was given yet."))
		} else {
			x.Blocks = append(x.Blocks, document.Markdown(a.Response)...)
		}
		s.Sections = append(s.Sections, x)
	}
	d.Sections = []document.Section{s}
	if c != Final {
		d.Sections = append(d.Sections, w.references())
	}
	return d
}
