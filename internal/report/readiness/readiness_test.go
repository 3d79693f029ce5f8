package readiness_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/report/document"
	"tickmark/internal/report/readiness"
	"tickmark/internal/store"
	"tickmark/internal/wording"
)

func TestEveryLineIsTracedToAVersionAndItsEntry(t *testing.T) {
	w := rich(t)
	r := w.make(readiness.Options{})
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]readiness.Reference{}
	for _, x := range r.References {
		if _, twice := listed[x.Code]; twice {
			t.Errorf("%s stands twice", x.Code)
		}
		listed[x.Code] = x
	}
	for _, m := range regexp.MustCompile(`"R-\d+"`).FindAllString(string(b), -1) {
		if _, ok := listed[strings.Trim(m, `"`)]; !ok {
			t.Errorf("%s is not explained", m)
		}
	}
	for _, x := range r.References {
		if x.Kind == readiness.AnswersKind {
			page, err := w.Monitor.Results(t.Context(), check.Filter{Check: x.Key, From: r.From, To: r.To, Limit: 10000})
			if err != nil || !slices.ContainsFunc(page.Results, func(i check.Interval) bool { return i.Entry == x.Entry }) {
				t.Errorf("%s: entry %d holds no answer of %s, %v", x.Code, x.Entry, x.Key, err)
			}
			continue
		}
		v, err := w.Book.ByEntry(t.Context(), x.Entry)
		if err != nil || v.Kind != x.Kind || v.Key != x.Key || v.From != x.VersionFrom {
			t.Errorf("%+v leads to %s %s of %v: %v", x, v.Kind, v.Key, v.From, err)
		}
	}
	for name, refs := range map[string][]string{"criteria": each(r.Criteria, func(c readiness.Criterion) string { return c.Ref }), "controls": each(r.Controls, func(c readiness.Control) string { return c.Ref }),
		"findings": each(r.Findings, func(f readiness.Finding) string { return f.Ref }), "exceptions": each(r.Exceptions, func(e readiness.Exception) string { return e.Ref }),
		"policies": each(r.Policies, func(p readiness.Policy) string { return p.Ref }), "sources": each(r.Sources, func(s readiness.Source) string { return s.Ref }), "changes": each(r.Changes, func(c readiness.Change) string { return c.Ref })} {
		if len(refs) == 0 || slices.Contains(refs, "") {
			t.Errorf("a line of the %s has no reference: %q", name, refs)
		}
	}
}

func each[T any](list []T, of func(T) string) []string {
	var out []string
	for _, x := range list {
		out = append(out, of(x))
	}
	return out
}

func TestTheCountsAreThoseOfTheLists(t *testing.T) {
	r := rich(t).make(readiness.Options{})
	for name, c := range map[string]struct {
		said readiness.Standing
		list []string
	}{
		"criteria": {r.Counts.Criteria, each(r.Criteria, func(c readiness.Criterion) string { return c.Status })},
		"controls": {r.Counts.Controls, each(r.Controls, func(c readiness.Control) string { return c.Status })},
		"checks":   {r.Counts.Checks, each(r.Checks, func(c readiness.Check) string { return c.Status })},
	} {
		var n readiness.Standing
		for _, s := range c.list {
			n.Add(s)
		}
		if n != c.said || n.Total() == 0 {
			t.Errorf("%s: said %+v, listed %+v", name, c.said, n)
		}
	}
	if r.Counts.Criteria.Total() != 38 || len(r.OutOfScope) != 23 { // 33 common, 3 of availability, 2 of confidentiality
		t.Errorf("%d criteria in scope, %d not", r.Counts.Criteria.Total(), len(r.OutOfScope))
	}
	if len(r.Controls) != 127 || r.Counts.Gaps != len(r.Gaps) {
		t.Errorf("%d controls, %d gaps", len(r.Controls), len(r.Gaps))
	}
}

func TestWhatCannotBeKnownNeverPasses(t *testing.T) {
	w := rich(t) // nothing was read for twenty days
	r := w.make(readiness.Options{})
	for _, c := range r.Checks {
		whole := c.Course.PassHours + c.Course.FailHours + c.Course.UnknownHours + c.Course.NothingHours
		if span := float64(r.To-r.From) / 3600e6; whole < span*0.999 || whole > span*1.001 {
			t.Errorf("%s tells of %.1f hours of %.1f", c.ID, whole, span)
		}
		if strings.HasPrefix(c.ID, "GIT-") && (c.Status == readiness.Passing || c.Course.Covered > 60 || len(c.Course.Gaps) == 0) {
			t.Errorf("%s is %s, covered %.1f%%, though the repository was not read", c.ID, c.Status, c.Course.Covered)
		}
		if c.ID == "HOST-01" && (c.Status == readiness.Passing || !c.Off) {
			t.Errorf("HOST-01 was turned off and is %s", c.Status)
		}
	}
	for _, c := range r.Controls {
		if c.Status == readiness.Passing {
			t.Errorf("%s passes, and nothing shows that people did it", c.ID)
		}
	}
	if len(r.Unwatched.Controls) < 50 || len(r.Unwatched.Criteria) == 0 {
		t.Errorf("%d controls and %d criteria are not watched by a machine", len(r.Unwatched.Controls), len(r.Unwatched.Criteria))
	}
	if len(r.Changes) != 1 || !r.Changes[0].Off || r.Changes[0].Reason != "The hosts are replaced in July." {
		t.Errorf("%+v", r.Changes)
	}
	for _, s := range r.Sources {
		if len(s.Coverage) == 0 {
			t.Errorf("%s vouches for nothing", s.Name)
		}
		for _, k := range s.Coverage {
			if k.Percent > 60 || len(k.Gaps) == 0 {
				t.Errorf("%s of %s: %.1f%% covered", k.Kind, s.Name, k.Percent)
			}
		}
	}
}

func TestAReportOfThePastIsThatOfThen(t *testing.T) {
	w := rich(t)
	w.evaluate()                 // judges the findings that the last one opened
	w.now = w.now.Add(time.Hour) // what is written at one reading of the clock lies some microseconds behind it
	then := store.At(w.now)
	before := w.make(readiness.Options{})
	w.days(3)
	w.put("finding", "f-2", `{"title":"Later","origin":"review","severity":"low"}`)
	w.put("organisation", "organisation", `{"name":"Renamed Ltd","time_zone":"Europe/Berlin"}`)
	w.put("person", "cem", `{"id":"cem","name":"Cem","email":"cem@example.org"}`)
	w.put("control", "OWN-01", `{"id":"OWN-01","title":"Later","statement":"Later.","criteria":["CC1.1"]}`)
	w.evaluate()
	after := w.make(readiness.Options{AsOf: then})
	before.Ledger, after.Ledger = readiness.Ledger{}, readiness.Ledger{}
	a, _ := json.MarshalIndent(before, "", " ")
	b, _ := json.MarshalIndent(after, "", " ")
	if !bytes.Equal(a, b) {
		x, y := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
		for i := range min(len(x), len(y)) {
			if x[i] != y[i] {
				t.Fatalf("line %d: was %s, is %s", i, x[i], y[i])
			}
		}
		t.Fatalf("%d lines were %d", len(y), len(x))
	}
}

func TestTheWindowIsThePeriodOrTheLastDays(t *testing.T) {
	w := open(t)
	r := w.make(readiness.Options{})
	if days := (r.To - r.From).Time().Sub(time.Unix(0, 0)).Hours() / 24; days < 90 || days > 91 || r.Window != "the last 90 days" {
		t.Errorf("%s, %v days", r.Window, days)
	}
	if r.Scope.Chosen || len(r.Criteria) != 33 {
		t.Errorf("%+v, %d criteria", r.Scope, len(r.Criteria))
	}
	w.put("period", "fy26", `{"id":"fy26","name":"FY26","report":"soc_2","type":"type_2","categories":["security"],"from":"2026-05-01","to":"2026-05-20"}`)
	r = w.make(readiness.Options{})
	zone, _ := time.LoadLocation("Europe/Berlin")
	if from, to := r.From.Time().In(zone), r.To.Time().In(zone); from.Format(time.DateTime) != "2026-05-01 00:00:00" || to.Format(time.DateTime) != "2026-05-21 00:00:00" {
		t.Errorf("%v to %v", from, to)
	}
	for name, o := range map[string]readiness.Options{
		"a moment to come":   {AsOf: store.At(begin.AddDate(0, 1, 0))},
		"a window backwards": {From: store.At(begin), To: store.At(begin.AddDate(0, 0, -1))},
		"a window to come":   {From: store.At(begin.AddDate(0, 1, 0)), To: store.At(begin.AddDate(0, 2, 0))},
	} {
		o.Book, o.Monitor = w.Book, w.Monitor
		if _, err := readiness.Make(t.Context(), o); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnInventedOrganisationSaysSoOnEveryPage(t *testing.T) {
	w := open(t)
	r := w.make(readiness.Options{})
	if d := readiness.Document(r, nil); d.Banner != "" {
		t.Errorf("a real one says %q", d.Banner)
	}
	r.Organisation.Demo = true
	if d := readiness.Document(r, nil); d.Banner != readiness.DemoBanner {
		t.Errorf("%q", d.Banner)
	}
}

func TestItsOwnWordsClaimNothing(t *testing.T) {
	for name, r := range map[string]*readiness.Report{"of everything": rich(t).make(readiness.Options{}), "of nothing": open(t).make(readiness.Options{})} {
		b, err := json.Marshal(readiness.Document(r, nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range wording.Check(string(b)) {
			t.Errorf("%s: %q; say %s", name, f.Text, f.Say)
		}
		if m := regexp.MustCompile(`(?i)[^"]{0,40}\b(certifie[sd]|certificates? of compliance|soc ?2 certificates?|compliant|audit.ready|guarantees?)[^"]{0,40}`).FindString(string(b)); m != "" {
			t.Errorf("%s: %q", name, m)
		}
	}
}

func TestWrongWordsOfTheOrganisationAreNamed(t *testing.T) {
	w := open(t)
	noted := func() string {
		for _, b := range readiness.Document(w.make(readiness.Options{}), nil).Sections[1].Blocks {
			if b.Note != nil && strings.Contains(b.Note.Title, "not true of a SOC 2 report") {
				return b.Note.Text
			}
		}
		return ""
	}
	w.put("commitment", "SC-01", `{"id":"SC-01","title":"We keep data safe","sort":"service_commitment","category":"security","statement":"We do.","made_in":"Terms","since":"2026-01-01"}`)
	if got := noted(); got != "" {
		t.Errorf("nothing is wrong, and it says %q", got)
	}
	w.put("commitment", "SC-02", `{"id":"SC-02","title":"We stay SOC 2 certified","sort":"service_commitment","category":"security","statement":"We do.","made_in":"Terms","since":"2026-01-01"}`)
	if got := noted(); !strings.Contains(got, "“SOC 2 certified” say: examined by an independent CPA firm") {
		t.Errorf("%q", got)
	}
}

func TestADocumentLinksToSectionsAndReferencesThatExist(t *testing.T) {
	r := rich(t).make(readiness.Options{})
	d := readiness.Document(r, func(x readiness.Reference) string { return "/" + x.Code })
	ids, codes := map[string]bool{}, map[string]bool{}
	var used []document.Ref
	var walk func([]document.Section)
	walk = func(list []document.Section) {
		for _, s := range list {
			if ids[s.ID] {
				t.Errorf("two sections are %q", s.ID)
			}
			ids[s.ID] = true
			for _, b := range s.Blocks {
				for _, f := range b.Facts {
					if f.Ref != nil {
						used = append(used, *f.Ref)
					}
				}
				if b.Table == nil {
					continue
				}
				for _, row := range b.Table.Rows {
					if row.Ref != "" {
						codes[row.Ref] = true
					}
					if row.Group == "" && len(row.Cells) != len(b.Table.Columns) {
						t.Errorf("%s: a row of %d cells under %d columns", b.Table.Label, len(row.Cells), len(b.Table.Columns))
					}
					for _, c := range row.Cells {
						used = append(used, c.Refs...)
					}
				}
			}
			walk(s.Sections)
		}
	}
	walk(d.Sections)
	for _, t2 := range d.Sections[0].Blocks[0].Tiles {
		if !ids[t2.To] {
			t.Errorf("%s leads to no section %q", t2.Title, t2.To)
		}
	}
	for _, x := range used {
		if !codes[x.Code] || x.Href != "/"+x.Code {
			t.Errorf("%+v is not explained", x)
		}
	}
	if len(used) < 300 {
		t.Errorf("only %d references are used", len(used))
	}
}

func BenchmarkMake(b *testing.B) {
	w := full(b)
	for b.Loop() {
		w.make(readiness.Options{})
	}
}

func BenchmarkPDF(b *testing.B) {
	if err := renderer().Prepare(b.Context()); err != nil {
		b.Fatal(err)
	}
	for name, w := range map[string]*world{"78 checks": rich(b), "200 checks": full(b)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := renderer().PDF(b.Context(), readiness.Document(w.make(readiness.Options{}), nil), document.A4); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestWhatIsShownBelongsToTheWindow: evidence of other times, what the calendar withdrew, requests that were refused and
// findings of a later time are not told of it; one piece of evidence is one, however many controls it proves.
func TestWhatIsShownBelongsToTheWindow(t *testing.T) {
	w := open(t)
	w.adopt()
	proof := func(key, from, to, controls string) {
		w.put("evidence", key, `{"title":"`+key+`","sort":"document","link":"https://example.org/`+key+`","controls":`+controls+`,"covers_from":"`+from+`","covers_to":"`+to+`"}`)
	}
	proof("both", "2026-05-01", "2026-05-31", `["AC-01","AC-02"]`)
	proof("begun-before", "2026-04-01", "2026-05-01", `["AC-01"]`)
	proof("earlier", "2026-04-01", "2026-04-30", `["AC-01"]`)
	proof("later", "2026-06-01", "2026-06-30", `["AC-01"]`)
	exception := func(key, start, end string) {
		w.put("exception", key, `{"title":"`+key+`","control":"AC-01","resources":["build-1"],"reason":"A reason.","risk":"A risk.","compensating":"A measure.","severity":"low","start":"`+start+`","expiry":"`+end+`","beneficiary":"bob"}`)
	}
	exception("asked for", "2026-06-01", "2026-06-30")
	exception("withdrawn", "2026-06-01", "2026-06-30")
	if _, err := w.Book.Put(t.Context(), w.by, record.Change{Kind: "exception", Key: "withdrawn", Move: "withdraw", Said: map[string]any{"ended_reason": "Not needed."}}); err != nil {
		t.Fatal(err)
	}
	w.put("occurrence", "o-1", `{"title":"May","control":"AC-05","from":"2026-05-01","to":"2026-05-31","due":"2026-07-10"}`)
	w.put("occurrence", "o-2", `{"title":"May again","control":"AC-05","from":"2026-05-01","to":"2026-05-31","due":"2026-07-10"}`)
	w.days(1)
	if _, err := w.Book.Put(t.Context(), record.Job("job:calendar"), record.Change{Kind: "occurrence", Key: "o-2", Move: "withdraw"}); err != nil {
		t.Fatal(err)
	}
	day := func(month time.Month, day int) store.Moment {
		zone, _ := time.LoadLocation("Europe/Berlin")
		return store.At(time.Date(2026, month, day, 0, 0, 0, 0, zone))
	}
	r := w.make(readiness.Options{From: day(5, 1), To: day(6, 1)})
	for _, c := range r.Controls {
		want := map[string]int{"AC-01": 2, "AC-02": 1}[c.ID]
		if len(c.Evidence) != want {
			t.Errorf("%s: %d pieces of evidence, want %d: %+v", c.ID, len(c.Evidence), want, c.Evidence)
		}
		if o := c.Occurrences; c.ID == "AC-05" && (o.Due != 1 || o.Open != 1) {
			t.Errorf("AC-05: %+v", o)
		}
	}
	for _, c := range r.Criteria { // both AC-01 and AC-02 serve it
		if c.ID == "CC6.3" && c.Evidence != 2 {
			t.Errorf("CC6.3: %d pieces of evidence", c.Evidence)
		}
	}
	if len(r.Exceptions) != 1 || // what waits for a decision is told of every window, what was withdrawn of none
		r.Exceptions[0].Title != "asked for" || r.Exceptions[0].Control != "AC-01" || !slices.Equal(r.Exceptions[0].Resources, []string{"build-1"}) {
		t.Errorf("May knows %+v", r.Exceptions)
	}
}

// TestEveryRowOfATableCarriesAMark: but for what tells of something that is not on record.
func TestEveryRowOfATableCarriesAMark(t *testing.T) {
	r := rich(t).make(readiness.Options{})
	bare := map[string]bool{} // the first words of lines that have nothing to be traced to
	for _, c := range r.Checks {
		bare[c.ID] = c.Ref == ""
	}
	for _, g := range r.Gaps {
		bare[g.What] = g.Ref == ""
	}
	rows := 0
	var walk func([]document.Section)
	walk = func(list []document.Section) {
		for _, s := range list {
			for _, b := range s.Blocks {
				if b.Table == nil || s.ID == "reading" || s.ID == "references" {
					continue
				}
				for _, row := range b.Table.Rows {
					if row.Group != "" || s.ID == "check-gaps" && !strings.Contains(row.Cells[1].Text, " from ") { // there is no source to name
						continue
					}
					marked, first := false, ""
					for _, c := range row.Cells {
						marked = marked || len(c.Refs) > 0
						if first == "" {
							first = c.Title
						}
					}
					if rows++; !marked && !bare[first] {
						t.Errorf("%s: %q has no mark: %+v", b.Table.Label, first, row.Cells[1:])
					}
				}
			}
			walk(s.Sections)
		}
	}
	walk(readiness.Document(r, nil).Sections)
	if rows < 300 {
		t.Errorf("only %d rows", rows)
	}
}
