// Package examination writes the reports of an examination: SOC 2 Type I and Type II with their five sections, SOC 3, and the
// management letter. The one rule: each statement follows from a record of the firm's file or is management's own text, taken as
// it is. An opinion is the partner's as recorded, and that there were no exceptions is said only where a complete and signed paper
// shows it.
package examination

import (
	"tickmark/internal/description"
	"tickmark/internal/report/readiness"
)

// Format names the shape of the JSON.
const Format = "tickmark examination v1"

// Report is everything that the reports of one engagement say. Lists are in the order of the report.
type Report struct {
	Shared string `json:"shared_mode,omitempty"` // what is said where the firm is a guest in the company's workspace

	Format      string     `json:"format"`
	ID          string     `json:"engagement"`
	Name        string     `json:"name"`
	Company     string     `json:"service_organisation"`
	Addressee   string     `json:"addressee"`
	System      string     `json:"system"`
	Type        string     `json:"type"`
	Categories  []string   `json:"categories"`
	From        string     `json:"from,omitempty"` // first day of a Type II
	To          string     `json:"to"`             // last day, or the day of a Type I
	Zone        string     `json:"zone"`
	Firm        string     `json:"firm"`
	City        string     `json:"city,omitempty"`
	State       string     `json:"state"` // of the engagement
	Number      string     `json:"number,omitempty"`
	Date        string     `json:"date,omitempty"` // of the report
	Opinion     *Opinion   `json:"opinion"`
	Assertion   *Words     `json:"assertion"`
	Others      []Words    `json:"subservice_assertions,omitempty"`
	Other       *Words     `json:"other_information,omitempty"`
	Description *Described `json:"description"`

	Subservice   []Subservice  `json:"subservice_organisations"`
	UserControls []UserControl `json:"user_controls"`
	Criteria     []Criterion   `json:"criteria"`
	Controls     []Control     `json:"controls"`
	Populations  []Population  `json:"populations,omitempty"`
	Deviations   []Deviation   `json:"deviations"`
	Advice       []Advice      `json:"-"` // of the management letter, and of no report

	Missing    []string    `json:"missing,omitempty"` // what stands against its issue
	References []Reference `json:"references,omitempty"`
}

// Reference is a tickmark: what a line was traced to in the firm's file. An issued report has none.
type Reference = readiness.Reference

// Opinion is the partner's, as recorded.
type Opinion struct {
	Signed   bool      `json:"signed"`
	Subjects []Subject `json:"subjects"`
	Emphasis string    `json:"emphasis,omitempty"`
	Ref      string    `json:"ref,omitempty"`
}

// Subject is the opinion on one subject, with what it is modified for.
type Subject struct {
	Subject     string   `json:"subject"`
	Opinion     string   `json:"opinion"`
	Basis       string   `json:"basis,omitempty"`
	Criteria    []string `json:"criteria,omitempty"`
	Commitments []string `json:"commitments,omitempty"`
	Limited     bool     `json:"scope_limitation,omitempty"` // for evidence that could not be obtained
	Refs        []string `json:"refs,omitempty"`
}

// Words is a text of management's.
type Words struct {
	Of     string   `json:"of,omitempty"` // the subservice organisation
	Text   string   `json:"text"`         // Markdown
	SHA256 string   `json:"sha256"`
	Dated  string   `json:"dated,omitempty"`
	Signed []string `json:"signed_for,omitempty"`
	Ref    string   `json:"ref,omitempty"`
}

// Described is management's description.
type Described struct {
	SHA256 string            `json:"sha256"`
	File   *description.File `json:"file,omitempty"`
	Text   string            `json:"text,omitempty"` // Markdown, where the company wrote it elsewhere
	By     string            `json:"approved_by,omitempty"`
	Ref    string            `json:"ref,omitempty"`
}

// Subservice is a subservice organisation as it was agreed.
type Subservice struct {
	Name     string   `json:"name"`
	Services string   `json:"services"`
	Method   string   `json:"method"`
	Expected []string `json:"expected,omitempty"`
}

// UserControl is a control that is expected of user entities.
type UserControl struct {
	Text     string   `json:"text"`
	Criteria []string `json:"criteria"`
}

// Criterion is a criterion in scope with the controls that were examined for it.
type Criterion struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Category    string   `json:"category"`
	Controls    []string `json:"controls"`
	NotRelevant string   `json:"not_relevant,omitempty"` // why
	Conclusion  string   `json:"conclusion,omitempty"`   // the firm's, of a reviewed record; the printed report states it through the opinion
	Refs        []string `json:"refs,omitempty"`
}

// Control is a control as it was examined.
type Control struct {
	ID        string   `json:"id"`
	Worded    []Worded `json:"worded"`
	Criteria  []string `json:"criteria"`
	Nature    string   `json:"nature"`
	Frequency string   `json:"frequency"`
	Tests     []Test   `json:"tests,omitempty"`
	Result    *Result  `json:"result,omitempty"` // of a Type II
	Refs      []string `json:"refs,omitempty"`
}

// Worded is a control's exact words in a part of the window.
type Worded struct {
	From string `json:"from"`
	To   string `json:"to"`
	Text string `json:"text"`
}

// Test is a line of what the firm did.
type Test struct {
	Sort string   `json:"sort"`
	Text string   `json:"text"`
	Refs []string `json:"refs,omitempty"`
}

// What a test came to.
const (
	NoExceptions = "no_exceptions_noted"
	Exceptions   = "exceptions_noted"
	NotSuitable  = "design_not_suitable"
	NotOperated  = "did_not_operate"
	NotTested    = "not_tested"
	Undecided    = "not_concluded" // never in an issued report
)

// Result is what the tests of one control came to. The numbers are said where there are deviations.
type Result struct {
	Sort       string   `json:"sort"`
	Text       string   `json:"text"`
	Tested     int      `json:"tested,omitempty"`
	Deviated   int      `json:"deviated,omitempty"`
	Deviations []string `json:"deviations,omitempty"` // by number
	Refs       []string `json:"refs,omitempty"`
}

// Population says how the completeness of a list was evaluated; it is told once, before the tests.
type Population struct {
	Name         string `json:"name"`
	Source       string `json:"source"`
	Origin       string `json:"origin,omitempty"`
	Complete     bool   `json:"source_read_completely"`
	Completeness string `json:"completeness"`
	Accuracy     string `json:"accuracy"`
	Control      string `json:"control"`
	Ref          string `json:"ref,omitempty"`
}

// Deviation is one that is reported. What was repaired stands beside it.
type Deviation struct {
	Number      string `json:"number"` // D-1
	Control     string `json:"control"`
	Sort        string `json:"sort"`
	Facts       string `json:"facts"`
	Occurred    string `json:"occurred,omitempty"`
	Response    string `json:"response,omitempty"`
	For         string `json:"responded_for,omitempty"`
	Remediation string `json:"remediation,omitempty"`
	Ref         string `json:"ref,omitempty"`
	key         string
	item        string
}

// Advice is a recommendation of the management letter.
type Advice struct {
	Name, Priority, Observation, Advice, Response, Ref string
	Controls                                           []string
}

// Type2 reports whether operation was examined.
func (r *Report) Type2() bool { return r.Type == "type_2" }

// Issued is the report as it leaves the firm: without a reference into the file, without the firm's conclusions on criteria, which
// the opinion states, and with nothing that is not in the printed one.
func (r *Report) Issued() *Report {
	out := *r
	out.References, out.Missing = nil, nil
	clear := func(s *string) { *s = "" }
	if r.Opinion != nil {
		o := *r.Opinion
		o.Ref, o.Subjects = "", append([]Subject{}, o.Subjects...)
		for i := range o.Subjects {
			o.Subjects[i].Refs = nil
		}
		out.Opinion = &o
	}
	for _, w := range []**Words{&out.Assertion, &out.Other} {
		if *w != nil {
			c := **w
			clear(&c.Ref)
			*w = &c
		}
	}
	out.Others = append([]Words{}, r.Others...)
	for i := range out.Others {
		clear(&out.Others[i].Ref)
	}
	if r.Description != nil {
		d := *r.Description
		clear(&d.Ref)
		out.Description = &d
	}
	out.Criteria = append([]Criterion{}, r.Criteria...)
	for i := range out.Criteria {
		out.Criteria[i].Refs, out.Criteria[i].Conclusion = nil, ""
	}
	out.Controls = append([]Control{}, r.Controls...)
	for i, c := range out.Controls {
		out.Controls[i].Refs = nil
		out.Controls[i].Tests = append([]Test(nil), c.Tests...)
		for k := range out.Controls[i].Tests {
			out.Controls[i].Tests[k].Refs = nil
		}
		if c.Result != nil {
			x := *c.Result
			x.Refs = nil
			out.Controls[i].Result = &x
		}
	}
	out.Populations = append([]Population(nil), r.Populations...)
	for i := range out.Populations {
		clear(&out.Populations[i].Ref)
	}
	out.Deviations = append([]Deviation{}, r.Deviations...)
	for i := range out.Deviations {
		clear(&out.Deviations[i].Ref)
	}
	return &out
}
