package examination_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/issue"
	"tickmark/internal/record"
	"tickmark/internal/report/document"
	"tickmark/internal/report/examination"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// walk calls fn with each text of a document and the references beside it.
func walk(d document.Document, fn func(section, text string, refs []document.Ref)) {
	var blocks func(id string, list []document.Block)
	cell := func(id string, c document.Cell) {
		fn(id, c.Title, c.Refs)
		fn(id, c.Text+c.Sub+c.Code+strings.Join(c.Words, " "), c.Refs)
		if c.Status != nil {
			fn(id, c.Status.Word, nil)
		}
		for _, l := range c.Lines {
			fn(id, l.Text, l.Refs)
		}
	}
	facts := func(id string, list []document.Fact) {
		for _, f := range list {
			var refs []document.Ref
			if f.Ref != nil {
				refs = append(refs, *f.Ref)
			}
			fn(id, f.Name+": "+f.Value, refs)
		}
	}
	spans := func(list []document.Span) string {
		var b strings.Builder
		for _, s := range list {
			b.WriteString(s.Text)
		}
		return b.String()
	}
	blocks = func(id string, list []document.Block) {
		for _, b := range list {
			switch {
			case b.Text != nil:
				fn(id, spans(b.Text), b.Refs)
			case b.Head != nil:
				fn(id, spans(b.Head.Spans), nil)
			case b.Note != nil:
				fn(id, b.Note.Title+": "+b.Note.Text, nil)
			case b.List != nil:
				for _, i := range b.List.Items {
					blocks(id, i)
				}
			case b.Table != nil:
				for _, r := range b.Table.Rows {
					fn(id, r.Group, nil)
					for _, c := range r.Cells {
						cell(id, c)
					}
				}
			}
			facts(id, b.Facts)
			facts(id, b.Sign)
		}
	}
	var sections func(list []document.Section)
	sections = func(list []document.Section) {
		for _, s := range list {
			fn(s.ID, s.Title, nil)
			blocks(s.ID, s.Blocks)
			sections(s.Sections)
		}
	}
	fn("", d.Title+d.Subtitle+d.Banner+d.Notice+d.Cover+d.Watermark, nil)
	facts("", d.Facts)
	sections(d.Sections)
}

func textOf(d document.Document) string {
	var b strings.Builder
	walk(d, func(_, text string, _ []document.Ref) { b.WriteString(text + "\n") })
	return b.String()
}

// structure are the titles of a document, indented.
func structure(list []document.Section, depth int) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString(strings.Repeat("  ", depth) + s.Title + "\n" + structure(s.Sections, depth+1))
	}
	return b.String()
}

// secrets are words of the file that stand in no report: ratings, sizes, causes, judgements and reasons are the firm's own.
var secrets = []string{"RISK-SECRET", "PLAN-SECRET", "QUERY-SECRET", "SIZE-SECRET", "DESIGN-SECRET", "CONFIRMED-SECRET", "CAUSE-SECRET", "HARM-SECRET", "DISPOSITION-SECRET", "REASON-SECRET", "FACTS-SECRET", "JUDGEMENT-SECRET", "AGGREGATE-SECRET", "ANSWERS-SECRET", "ADVICE-SECRET"}

func TestATypeIIWithACriterionThatIsNotMet(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db)
		f.ready()
		r := f.read()
		if len(r.Missing) > 0 {
			t.Fatalf("still missing: %s", strings.Join(r.Missing, "\n"))
		}
		results := map[string]string{}
		for _, k := range r.Controls {
			results[k.ID] = k.Result.Text
		}
		for id, want := range map[string]string{
			"AC-01":  "No exceptions noted.",
			"AC-03":  "Exception noted for 1 of 40 items tested. D-1: The access of one person to one system was removed nine working days after the last day.",
			"CM-01":  "No exceptions noted.",
			"INC-01": "The control did not operate: nothing that calls for it occurred in the period. Its operating effectiveness was not tested.",
			"LOG-02": "Exceptions noted for 2 of 12 items tested. D-2: An alert of 3 March was never acted on. D-3: Nothing shows what was done about an alert of 9 March. The control did not operate effectively.",
		} {
			if results[id] != want {
				t.Errorf("%s: %q, want %q", id, results[id], want)
			}
		}

		final := examination.Report2(r, examination.Final, nil)
		const want = `Section I. Independent service auditor's report
Section II. Assertion of management
Section III. Description of the system by management
  The company and its services
  Principal service commitments and system requirements
  Infrastructure
  Software
  People
  Procedures
  Data
  Boundaries of the system
  Control environment
  Risk assessment
  Information and communication
  Monitoring
  Control activities
  Incidents
  Controls expected of user entities
  Subservice organisations
  Criteria that are not relevant
  Significant changes in the period
Section IV. Criteria, controls, tests and results
  How controls were tested
  Criteria and controls
  Controls, tests and results
Section V. Other information provided by management
  Management's responses to exceptions
  Other information
`
		if got := structure(final.Sections, 0); got != want {
			t.Errorf("the report is built as\n%s", got)
		}
		text := textOf(final)
		for _, s := range []string{
			"Qualified opinion", "Basis for qualified opinion", "Alerts of the monitoring were not acted on", "Criterion concerned: CC7.2.", "Service commitments and system requirements concerned: SC-01.",
			"Description. In our opinion, in all material respects, the description presents the system Acme Cloud", "Operation of the controls. In our opinion, except for the effect of the matter described under Basis for qualified opinion, in all material respects, the controls stated in the description operated effectively throughout the period 1 January 2026 to 30 June 2026",
			"if subservice organisations and user entities applied the complementary controls", "Acme GmbH uses Cloud Halls as a subservice organisation", "Our examination did not extend to controls of user entities.", "Signed by: Chief executive", "Not examined", "Corrected since, which changes nothing in the result: An alert tells of late removals since July 2026.",
			"We plan a second site for next year.", "What is so here about", "Halls are entered by authorised people only.", "Control LOG-02",
		} {
			if !strings.Contains(text, s) {
				t.Errorf("the report does not say %q", s)
			}
		}
		out, err := json.Marshal(r.Issued())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(secrets, "DRAFT", "not_met", "R-00", "What stands against") {
			if strings.Contains(text+final.Watermark, s) || strings.Contains(string(out), s) {
				t.Errorf("the issued report gives away %q", s)
			}
		}
		walk(final, func(id, text string, refs []document.Ref) {
			if len(refs) > 0 {
				t.Errorf("the issued report leads into the file: %s %q", id, text)
			}
		})
		everyLineLeadsSomewhere(t, f, r)
	})
}

// everyLineLeadsSomewhere walks the draft: each reference leads to a record as it stands, and each line of Section IV, each part of
// the opinion and each text of management has one.
func everyLineLeadsSomewhere(t *testing.T, f *firm, r *examination.Report) {
	t.Helper()
	draft := examination.Report2(r, examination.Draft, func(x examination.Reference) string { return "/r/" + x.Code })
	if draft.Watermark == "" || draft.Banner == "" {
		t.Error("the draft does not say that it is one")
	}
	known := map[string]bool{}
	for _, x := range r.References {
		v, err := f.book.GetFrom(t.Context(), x.Kind, x.Key, record.Program, 0, record.Auditor)
		if err != nil || v.Entry != x.Entry {
			t.Errorf("%s leads to %s %s, entry %d: %v, entry %d", x.Code, x.Kind, x.Key, x.Entry, err, v.Entry)
		}
		known[x.Code] = true
	}
	lines, signs := 0, 0
	walk(draft, func(id, text string, refs []document.Ref) {
		for _, x := range refs {
			if !known[x.Code] || x.Href == "" {
				t.Errorf("%s %q leads to %v, which the table does not have", id, text, x)
			}
		}
		if id == "section-1" && strings.Contains(text, "n our opinion") {
			signs++
			if len(refs) == 0 {
				t.Errorf("the opinion leads nowhere: %q", text)
			}
		}
	})
	for _, s := range draft.Sections[3].Sections[2].Blocks {
		for _, row := range s.Table.Rows {
			for _, l := range row.Cells[1].Lines {
				lines++
				if len(l.Refs) == 0 {
					t.Errorf("a test leads nowhere: %q", l.Text)
				}
			}
			if len(row.Cells[0].Refs) == 0 || len(row.Cells[2].Refs) == 0 {
				t.Errorf("the row of %s leads nowhere", row.Cells[0].Title)
			}
		}
	}
	for _, s := range draft.Sections[3].Sections[1].Blocks {
		if s.Table != nil {
			for _, row := range s.Table.Rows {
				if row.Cells != nil && len(row.Cells[0].Refs) == 0 {
					t.Errorf("%s leads nowhere", row.Cells[0].Title)
				}
			}
		}
	}
	if lines != 10 || signs != 3 {
		t.Errorf("%d lines of tests and %d opinions were looked at", lines, signs)
	}
	for _, k := range r.Controls {
		i := slices.IndexFunc(r.References, func(x examination.Reference) bool { return x.Code == k.Result.Refs[len(k.Result.Refs)-1] })
		if k.ID == "AC-03" && r.References[i].Kind != "sample" {
			t.Errorf("the result of AC-03 does not lead to its sample but to %v", r.References[i])
		}
	}
}

func TestATypeIStatesNoTestAndNoResult(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.kind = engagement.Type1
	f.ready()
	r := f.read()
	if len(r.Missing) > 0 {
		t.Fatalf("still missing: %s", strings.Join(r.Missing, "\n"))
	}
	text := textOf(examination.Report2(r, examination.Final, nil))
	for _, s := range []string{"SOC 2 Type I report", "as of 30 June 2026", "no opinion on it is expressed", "Design of the controls. In our opinion, in all material respects"} {
		if !strings.Contains(text, s) {
			t.Errorf("the report does not say %q", s)
		}
	}
	for _, s := range append([]string{"No exceptions noted", "operated effectively", "Inspected", "throughout", "Significant changes", "Management's responses"}, secrets...) {
		if strings.Contains(strings.ReplaceAll(text, "if they operated effectively", ""), s) && s != "operated effectively" {
			t.Errorf("a Type I says %q", s)
		}
	}
	if _, err := examination.Report3(r, examination.Draft, nil); err == nil {
		t.Error("there is a SOC 3 of a Type I")
	}
}

// TestNoExceptionsIsNeverSaidFromSilence takes from a paper, one by one, what it rests on.
func TestNoExceptionsIsNeverSaidFromSilence(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.agreed()
	said := func() string {
		for _, k := range f.read().Controls {
			if k.ID == "AC-01" {
				return k.Result.Text
			}
		}
		return ""
	}
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"nothing was done", func() {}},
		{"the sample was drawn", func() { f.sampled("AC-01", "Grants", 20, 20) }},
		{"the grid is marked and concluded, and nobody signed", func() {
			f.change(preparer, "workpaper", "AC-01", paper("AC-01", itemsOf(f), "effective"))
		}},
		{"it is prepared", func() { f.act(preparer, "workpaper", "AC-01", "prepare", nil) }},
		{"it is in review", func() { f.act(manager, "workpaper", "AC-01", "begin_review", nil) }},
	} {
		step.do()
		if got := said(); !strings.HasPrefix(got, "Not concluded: ") {
			t.Errorf("%s, and the report says %q", step.what, got)
		}
	}
	f.act(manager, "workpaper", "AC-01", "review", nil)
	if got := said(); got != "No exceptions noted." {
		t.Errorf("the signed paper says %q", got)
	}
	// A deviation that is recorded after the review stands, whatever the paper concluded.
	f.put(preparer, "deviation", "late", body{"engagement": "acme-26", "name": "late", "control": "AC-01", "sort": "wrong", "facts": "Another role was granted."})
	if got := said(); !strings.HasPrefix(got, "Not concluded: ") {
		t.Errorf("a deviation stands, and the report says %q", got)
	}
}

func itemsOf(f *firm) []string {
	var out []string
	for _, x := range f.get("sample", "s-AC-01")["tested"].([]any) {
		out = append(out, json.Number(jsonOf(x)).String())
	}
	return out
}

func jsonOf(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// TestPartsThatContradictEachOtherAreNamed changes management's description in each way in which it could contradict what was examined.
func TestPartsThatContradictEachOtherAreNamed(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.agreed()
	d := f.described()
	d.Type, d.From = "type_1", ""
	d.SystemName = "Another"
	d.Controls[1].Statement = "Access is removed some day."
	d.Controls = d.Controls[:4]
	d.Subservice[0].Method = "inclusive"
	d.UserControls[0].Text = "Users do nothing."
	d.Texts = d.Texts[1:]
	f.taken(d)
	all := strings.Join(f.read().Missing, "\n")
	for _, want := range []string{`The description says the type "type_1", and the engagement "type_2".`, `the first day "", and the engagement "2026-01-01"`, `the system "Another"`, "The words of AC-03 in the description are not those of the matrix.",
		"The description does not have the control LOG-02.", "The description does not treat Cloud Halls as the engagement does (carve out).", `The description expects of users "Users do nothing."`, `Description, DC 1: The part "The company and its services" has no text.`,
		"There is no reviewed conclusion on CC1.1.", "The partner has written no opinion.", "The paper of AC-01 is in progress and not reviewed."} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not named in\n%s", want, all)
		}
	}
}

// TestAnIssuedVersionNeverChanges issues a report, tries to change it, and issues it again.
func TestAnIssuedVersionNeverChanges(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db)
		f.ready()
		file := f.keep("the report")
		one := body{"engagement": "acme-26", "form": issue.SOC2, "number": "2026-1", "dated": "2026-07-20", "file": file, "file_name": "report.pdf", "size": 10, "made_by": "tickmark"}
		with := func(b body) body {
			out := body{}
			for k, v := range one {
				out[k] = v
			}
			for k, v := range b {
				out[k] = v
			}
			return out
		}
		refused(t, f.write(partner, issue.Name, "v1", one), "nothing of it is issued yet")
		f.act(partner, "engagement", "acme-26", "issue", body{"report_date": "2026-07-20", "report_number": "2026-1", "report_file": file})
		refused(t, f.write(manager, issue.Name, "v1", one), "Only the partner")
		refused(t, f.write(partner, issue.Name, "v1", with(body{"file": sum})), "this is another file, number or day")
		refused(t, f.write(partner, issue.Name, "v1", with(body{"number": "7"})), "this is another file, number or day")
		f.put(partner, issue.Name, "v1", one)
		refused(t, f.write(partner, issue.Name, "v1", with(body{"file": sum})), "can no longer be changed")
		f.day("2026-08-01")
		again := with(body{"file": f.keep("the report again"), "number": "2026-2", "dated": "2026-08-01"})
		refused(t, f.write(partner, issue.Name, "v2", again), "another version needs a reason")
		again["reason"] = "The name of the system was wrong on page 3."
		for field, v := range map[string]body{"was issued already": {"number": "2026-1"}, "That very file": {"file": file}, "which has not come yet": {"dated": "2026-08-02"}, "after this version": {"dated": "2026-07-19"}} {
			b := body{}
			for k, x := range again {
				b[k] = x
			}
			for k, x := range v {
				b[k] = x
			}
			refused(t, f.write(partner, issue.Name, "v2", b), field)
		}
		f.put(partner, issue.Name, "v2", again)
		if a, b := f.get(issue.Name, "v1"), f.get(issue.Name, "v2"); a["version"] != 1.0 || b["version"] != 2.0 || a["file"] != file {
			t.Errorf("the versions are %v and %v", a, b)
		}
		refused(t, f.write(preparer, issue.TextName, "late", body{"engagement": "acme-26", "sort": issue.Other, "file": sum, "received_from": "x"}), "its papers stand still")
	})
}

func TestTheSOC3AndTheLetterSayNothingOfTests(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.ready()
	r := f.read()
	if _, err := examination.Report3(r, examination.Draft, nil); err == nil {
		t.Error("there is a SOC 3 for a qualified opinion")
	}
	letter := textOf(examination.ManagementLetter(r, examination.Final, nil))
	for _, s := range []string{"Alerts at night", "Name somebody who is called.", "None was given yet."} {
		if !strings.Contains(letter, s) {
			t.Errorf("the letter does not say %q", s)
		}
	}
	for i := range r.Opinion.Subjects {
		r.Opinion.Subjects[i].Opinion = "unqualified"
	}
	d, err := examination.Report3(r, examination.Final, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := textOf(d)
	for _, s := range append([]string{"AC-03", "No exceptions noted", "Exception noted", "Inspected"}, secrets...) {
		if strings.Contains(text, s) {
			t.Errorf("the SOC 3 says %q", s)
		}
	}
	for _, s := range []string{"is fairly stated, in all material respects", "Data of customers is protected", "Boundaries of the system", "Users protect their passwords"} {
		if !strings.Contains(text, s) {
			t.Errorf("the SOC 3 does not say %q", s)
		}
	}
}

// TestEachOpinionIsStatedAsRecorded holds the words of every opinion on every subject.
func TestEachOpinionIsStatedAsRecorded(t *testing.T) {
	r := &examination.Report{Company: "100% Acme", System: "Cloud", Type: "type_2", From: "2026-01-01", To: "2026-06-30", Categories: []string{"security"}, Firm: "F"}
	for name, want := range map[string][]string{
		"unqualified": {"In our opinion, in all material respects, the description presents", "were suitably designed", "operated effectively"},
		"qualified":   {"In our opinion, except for the effect of the matter described under Basis for qualified opinion, in all material respects, the description presents", "Qualified opinion"},
		"adverse":     {"because of the significance of the matter described under Basis for adverse opinion, the description does not present", "did not operate effectively", "were not suitably designed", "Adverse opinion"},
		"disclaimer":  {"we do not express an opinion on whether the description presents", "Disclaimer of opinion", "we were not able to obtain sufficient appropriate evidence"},
	} {
		r.Opinion = &examination.Opinion{Signed: true}
		for _, s := range []string{"description", "design", "operation"} {
			r.Opinion.Subjects = append(r.Opinion.Subjects, examination.Subject{Subject: s, Opinion: name, Basis: "Because."})
		}
		text := textOf(examination.Report2(r, examination.Final, nil))
		for _, s := range append(want, "100% Acme") {
			if !strings.Contains(text, s) {
				t.Errorf("%s: %q is not said", name, s)
			}
		}
		if strings.Contains(text, "%!") || name != "unqualified" && strings.Contains(text, "In our opinion, in all material respects") {
			t.Errorf("%s: something else is said:\n%s", name, text)
		}
	}
	if pdf, err := renderer().PDF(t.Context(), examination.Report2(r, examination.Final, nil), document.A4); err != nil || len(pdf) == 0 {
		t.Errorf("a report without an exception is not set: %v", err)
	}
	r.Opinion = nil
	if text := textOf(examination.Report2(r, examination.Draft, nil)); strings.Contains(text, "n our opinion") {
		t.Error("an opinion is stated that nobody wrote")
	}
}

// TestNobodyOutsideTheTeamPutsAnythingInAReport tries each kind of the room as somebody who is not on the team, and as nobody.
func TestNobodyOutsideTheTeamPutsAnythingInAReport(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.agreed()
	for _, by := range []who{of("strange"), {User: "guest", Name: "user:guest"}} {
		for kind, b := range map[string]body{
			issue.TextName:           {"engagement": "acme-26", "sort": issue.Other, "file": sum, "received_from": "x"},
			issue.RecommendationName: {"engagement": "acme-26", "name": "x", "priority": "low", "observation": "x", "advice": "x"},
			issue.Name:               {"engagement": "acme-26", "form": issue.SOC2, "number": "1", "dated": "2026-07-10", "file": sum, "file_name": "x.pdf", "size": 1, "made_by": "firm"},
		} {
			if err := f.write(by, kind, "x", b); !fault.Is(err, fault.Denied) && !fault.Is(err, fault.NotFound) { // to some the engagement is not there
				t.Errorf("%s by %q: %v", kind, by.Person, err)
			}
		}
	}
	// Management's words change only by another text, and the first stays on record.
	f.put(preparer, issue.TextName, "one", body{"engagement": "acme-26", "sort": issue.Other, "file": sum, "received_from": "x"})
	refused(t, f.write(preparer, issue.TextName, "one", body{"engagement": "acme-26", "sort": issue.Other, "file": strings.Repeat("ab", 32), "received_from": "x"}), "can no longer be changed")
	refused(t, f.write(preparer, issue.TextName, "two", body{"engagement": "acme-26", "sort": issue.Other, "file": strings.Repeat("ab", 32), "received_from": "x"}), "There is a text of that sort already")
	f.act(preparer, issue.TextName, "one", "replace", nil)
	f.put(preparer, issue.TextName, "two", body{"engagement": "acme-26", "sort": issue.Other, "file": strings.Repeat("ab", 32), "received_from": "x"})
}

// TestInquiryIsClaimedOnlyWhereItWasMade takes the inquiry from the tests of one control.
func TestInquiryIsClaimedOnlyWhereItWasMade(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.ready()
	r := f.read()
	const claim = "Inquiry was made for every control"
	if text := textOf(examination.Report2(r, examination.Final, nil)); !strings.Contains(text, claim) {
		t.Error("it was made for every control, and the report does not say so")
	}
	r.Controls[2].Tests = slices.DeleteFunc(slices.Clone(r.Controls[2].Tests), func(x examination.Test) bool { return x.Sort == "inquiry" })
	if text := textOf(examination.Report2(r, examination.Final, nil)); strings.Contains(text, claim) || !strings.Contains(text, "Inquiry was never the only test") {
		t.Error("the report claims inquiry for a control that has none")
	}
}

// TestNoReportShowsAScore looks for percentages, grades and counts of what is fulfilled in every form, draft and issued.
func TestNoReportShowsAScore(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.ready()
	r := f.read()
	score := regexp.MustCompile(`(?i)\d\s*(%|percent|per cent)|\bscore|\bgrade\b|\brating|compliance (level|rate)|\d+ (of|out of) \d+ (criteria|controls)`)
	for name, d := range map[string]document.Document{
		"draft": examination.Report2(r, examination.Draft, nil), "issued": examination.Report2(r, examination.Final, nil), "letter": examination.ManagementLetter(r, examination.Final, nil)} {
		if found := score.FindString(textOf(d)); found != "" {
			t.Errorf("the %s says %q", name, found)
		}
	}
	out, err := json.Marshal(r.Issued())
	if err != nil {
		t.Fatal(err)
	}
	if found := score.FindString(string(out)); found != "" {
		t.Errorf("the JSON says %q", found)
	}
	if score.FindString("97 % of controls") == "" || score.FindString("58 of 61 criteria") == "" {
		t.Error("a score would not be found")
	}
}
