package examination_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/description"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/issue"
	"tickmark/internal/ledger"
	"tickmark/internal/opinion"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/report/examination"
	"tickmark/internal/sample"
	"tickmark/internal/store"
	"tickmark/internal/system"
	"tickmark/internal/workpaper"
)

type body = map[string]any

// who acts: an account of a person, to whom access has granted the auditor's room.
type who record.Actor

func (w who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor                             { return record.Actor(w) }

func of(name string) who { return who{User: name, Person: name, Name: "person:" + name} }

var (
	partner, manager, preparer, quality = of("paula"), of("mara"), of("pete"), of("quinn")
	sum                                 = strings.Repeat("0123456789abcdef", 4)
)

// firm is a firm's workspace whose clock the test moves.
type firm struct {
	t     testing.TB
	book  *record.Book
	blobs blob.Store
	now   time.Time
	kind  string // of the engagement
}

func open(t testing.TB, db *store.DB) *firm {
	t.Helper()
	log, err := ledger.Open(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	kinds := append(append(append(append(engagement.Kinds(), workpaper.Kinds()...), opinion.Kinds()...), issue.Kinds()...), person.Kind())
	known, err := record.NewKinds(append(kinds, record.Builtin()...)...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, known, func(p string, v []byte) string { return p })
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &firm{t, book, blobs, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC), engagement.Type2}
	log.Clock = func() time.Time { f.now = f.now.Add(time.Second); return f.now }
	for _, p := range []who{partner, manager, preparer, quality} {
		f.put(p, "person", p.Person, body{"id": p.Person, "name": p.Person, "email": p.Person + "@firm.example"})
	}
	return f
}

func (f *firm) write(by who, kind, key string, b body) error {
	raw, err := json.Marshal(b)
	if err != nil {
		f.t.Fatal(err)
	}
	_, err = f.book.Put(f.t.Context(), by, record.Change{Kind: kind, Key: key, Body: raw})
	return err
}

func (f *firm) put(by who, kind, key string, b body) {
	f.t.Helper()
	if err := f.write(by, kind, key, b); err != nil {
		f.t.Fatalf("%s %s by %s: %v", kind, key, by.Person, err)
	}
}

func (f *firm) move(by who, kind, key, move string, said body) error {
	raw, err := json.Marshal(said)
	if err == nil {
		err = json.Unmarshal(raw, &said)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	_, err = f.book.Put(f.t.Context(), by, record.Change{Kind: kind, Key: key, Move: move, Said: said})
	return err
}

func (f *firm) act(by who, kind, key, move string, said body) {
	f.t.Helper()
	if err := f.move(by, kind, key, move, said); err != nil {
		f.t.Fatalf("%s %s %s by %s: %v", move, kind, key, by.Person, err)
	}
}

func (f *firm) get(kind, key string) body {
	f.t.Helper()
	v, err := f.book.GetFrom(f.t.Context(), kind, key, record.Program, 0, record.Auditor)
	if err != nil {
		f.t.Fatal(err)
	}
	var b body
	if err := json.Unmarshal(v.Body, &b); err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f *firm) change(by who, kind, key string, with body) {
	f.t.Helper()
	b := f.get(kind, key)
	for k, v := range with {
		b[k] = v
	}
	f.put(by, kind, key, b)
}

func (f *firm) keep(text string) string {
	f.t.Helper()
	h, _, err := f.blobs.Put(f.t.Context(), strings.NewReader(text), 1<<24)
	if err != nil {
		f.t.Fatal(err)
	}
	return h.String()
}

func (f *firm) day(s string) {
	f.t.Helper()
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		f.t.Fatal(err)
	}
	f.now = at.Add(9 * time.Hour)
}

func (f *firm) read() *examination.Report {
	f.t.Helper()
	r, err := examination.Read(f.t.Context(), f.book.LookAt(f.t.Context(), time.Time{}), f.blobs, "acme-26")
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// tested is a control of the world, its words, and what its criteria are; the first speaks for all.
type tested struct{ id, text, nature, frequency string }

var controls = []tested{
	{"AC-01", "Access is granted after the owner of the system approved the person and the role.", "manual", "on each event"},
	{"AC-03", "The access of people who leave is removed within one working day.", "manual", "on each event"},
	{"CM-01", "The main branch refuses a change that nobody else reviewed.", "automated", "continuous"},
	{"INC-01", "Security incidents are scoped, contained and closed with a written review.", "manual", "on each event"},
	{"LOG-02", "Alerts of the monitoring are acted on within four hours.", "manual", "on each event"},
}

func security(t testing.TB) []string {
	all, err := framework.Load()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range all {
		if c.InScope([]string{"security"}) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func (f *firm) criteria(id string) []string {
	switch id {
	case "AC-01":
		return security(f.t)
	case "AC-03":
		return []string{"CC6.2", "CC6.3"}
	case "CM-01":
		return []string{"CC8.1"}
	case "INC-01":
		return []string{"CC7.4"}
	}
	return []string{"CC7.2"}
}

// agreed takes an engagement to fieldwork after its window.
func (f *firm) agreed() {
	f.t.Helper()
	e := body{"id": "acme-26", "name": "Acme FY26", "company": "Acme GmbH", "operator": "company", "type": f.kind, "categories": []string{"security"}, "system": "Acme Cloud", "to": "2026-06-30", "zone": "Europe/Berlin",
		"team":          []body{},
		"firm":          body{"name": "Example CPAs LLP", "licence": "12345", "jurisdiction": "NY", "licensed_to": "2027-12-31", "peer_reviewed": "2024-05-01", "peer_review": "pass", "city": "New York, New York"},
		"subservice":    []body{{"name": "Cloud Halls", "services": "Machines and halls", "method": "carve_out", "expected": []string{"Halls are entered by authorised people only.", "Disks are destroyed before they leave."}}},
		"user_controls": []body{{"text": "Users protect their passwords and tell when people leave.", "criteria": []string{"CC6.1"}}}}
	if f.kind == engagement.Type2 {
		e["from"] = "2026-01-01"
	}
	var team []body
	for p, role := range map[string]string{"paula": "partner", "mara": "manager", "pete": "preparer", "quinn": "quality_reviewer"} {
		team = append(team, body{"person": p, "role": role, "credential": "CPA, 2026"})
	}
	e["team"] = team
	f.put(manager, "engagement", "acme-26", e)
	f.independent("acceptance")
	f.act(partner, "engagement", "acme-26", "accept", body{"competence": "Skills and time.", "integrity": "No doubts.", "letter": sum, "sponsor": "Chief executive"})
	f.act(manager, "engagement", "acme-26", "plan", nil)
	m := body{"engagement": "acme-26", "name": "All", "from": "2026-01-01", "to": "2026-06-30"}
	if f.kind == engagement.Type1 {
		m["from"] = "2026-06-30"
	}
	var list []body
	for _, c := range controls {
		list = append(list, body{"id": c.id, "text": c.text, "criteria": f.criteria(c.id), "nature": c.nature, "frequency": c.frequency})
	}
	m["controls"] = list
	f.put(preparer, "control_matrix", "m1", m)
	f.act(manager, "control_matrix", "m1", "freeze", nil)
	for _, c := range controls {
		f.put(preparer, "workpaper", c.id, body{"engagement": "acme-26", "reference": c.id + "-1", "control": c.id, "objective": "As described.", "risk": "moderate", "risk_reason": "RISK-SECRET"})
	}
	f.act(manager, "engagement", "acme-26", "begin_fieldwork", body{"plan": "PLAN-SECRET"})
	f.day("2026-07-10")
	f.act(manager, "engagement", "acme-26", "finalise", nil)
}

func (f *firm) independent(stage string) {
	f.t.Helper()
	for _, p := range []who{partner, manager, preparer, quality} {
		f.put(p, "independence", stage+"-"+p.Person, body{"engagement": "acme-26", "person": p.Person, "stage": stage, "interests": "None."})
		f.act(p, "independence", stage+"-"+p.Person, "confirm", nil)
	}
}

// population freezes a list of a control's occasions.
func (f *firm) population(control, name string, n int) (sample.Nonce, sample.Hash) {
	f.t.Helper()
	nonce := sample.Nonce(sha256.Sum256([]byte(control)))
	root := sample.Hash(sha256.Sum256([]byte("rows " + control)))
	f.put(preparer, "nonce", "n-"+control, body{"engagement": "acme-26", "control": control, "commitment": nonce.Commitment().String()})
	f.put(preparer, "population", "p-"+control, body{"engagement": "acme-26", "name": name, "control": control, "sort": "events", "source": "People system", "query": "QUERY-SECRET", "from": "2026-01-01", "to": "2026-06-30"})
	f.act(preparer, "population", "p-"+control, "deliver", body{"extractor": "tickmark", "extracted_at": f.now.Format(time.RFC3339), "row_count": n, "file": sum, "root": root.String(), "origin": "collected", "complete": true})
	f.act(preparer, "population", "p-"+control, "evaluate", body{"completeness": "The count was compared with payroll", "accuracy": "Five rows were traced to the source", "logic": "Read the query.", "reliable": "yes"})
	f.act(preparer, "population", "p-"+control, "freeze", nil)
	return nonce, root
}

// sampled draws and releases, and returns the items.
func (f *firm) sampled(control, name string, n, size int) []string {
	f.t.Helper()
	nonce, root := f.population(control, name, n)
	draft := body{"engagement": "acme-26", "name": name, "control": control, "population": "p-" + control, "method": "stratified", "size": size, "size_reason": "SIZE-SECRET", "reserves": 2}
	var said body
	if size == n {
		draft["method"] = "all"
	} else {
		seed, err := sample.SeedOf("acme-26", control, root, nonce)
		if err != nil {
			f.t.Fatal(err)
		}
		said = body{"seed": seed.String()}
	}
	f.put(preparer, "sample", "s-"+control, draft)
	f.act(preparer, "sample", "s-"+control, "draw", said)
	f.act(preparer, "nonce", "n-"+control, "reveal", body{"nonce": nonce.String()})
	f.act(preparer, "sample", "s-"+control, "send", nil)
	f.act(preparer, "sample", "s-"+control, "begin_test", nil)
	return workpaper.Items(f.get("sample", "s-"+control))
}

// paper is what a paper says once every cell is marked; the items named deviate.
func paper(control string, items []string, result string, deviating ...string) body {
	var grid []body
	for _, i := range items {
		mark := "met"
		for _, d := range deviating {
			if d == i {
				mark = "deviation"
			}
		}
		grid = append(grid, body{"item": i, "attribute": "A", "mark": mark, "tickmarks": "I", "evidence": []string{sum}})
	}
	b := body{"procedures": []body{{"sort": "inquiry", "text": "Inquired of the head of operations about the process.", "aim": "both"}, {"sort": "inspection", "text": "Inspected, for a sample of the occasions in the period, the record of the system for the time and the person.", "aim": "operation"}},
		"design": "suitable", "design_reason": "DESIGN-SECRET", "result": result, "result_reason": "As tested.", "concentrated": "no", "concentrated_reason": "Different teams.", "persistent": "no", "persistent_reason": "March only."}
	if items != nil {
		b["population"], b["grid"] = "p-"+control, grid
		b["attributes"] = []body{{"id": "A", "text": "Done in time.", "deviation": "Later.", "decided_by": "person"}}
	}
	return b
}

func (f *firm) reviewed(control string) {
	f.t.Helper()
	f.act(preparer, "workpaper", control, "prepare", nil)
	f.act(manager, "workpaper", control, "begin_review", nil)
	f.act(manager, "workpaper", control, "review", nil)
}

func (f *firm) deviates(key, control, item, sort, facts, disposition string) {
	f.t.Helper()
	f.put(preparer, "deviation", key, body{"engagement": "acme-26", "name": key, "control": control, "item": item, "attributes": []string{"A"}, "sort": sort, "facts": facts})
	f.act(preparer, "deviation", key, "confirm_facts", body{"confirmed": "CONFIRMED-SECRET"})
	f.act(preparer, "deviation", key, "assess", body{"cause": "CAUSE-SECRET " + key, "cause_sort": "isolated", "episode": key, "by_design": "no", "factors": "Account was idle.", "slice": "2026-03-01 to 2026-03-31", "harm": "HARM-SECRET"})
	f.act(manager, "deviation", key, "dispose", body{"disposition": disposition, "disposition_reason": "DISPOSITION-SECRET"})
}

// tests takes the papers of a Type II to the wrap-up: one control without exceptions, one with a deviation, one of an automated
// setting, one that had no occasion, one that did not operate effectively.
func (f *firm) tests() {
	f.t.Helper()
	all := f.sampled("AC-01", "Grants of access", 20, 20)
	f.change(preparer, "workpaper", "AC-01", paper("AC-01", all, "effective"))
	f.reviewed("AC-01")
	items := f.sampled("AC-03", "Leavers", 400, 40)
	f.change(preparer, "workpaper", "AC-03", paper("AC-03", items, "effective_with_deviation", items[3]))
	f.deviates("d1", "AC-03", items[3], "late", "The access of one person to one system was removed nine working days after the last day", "effective_with_deviation")
	b := paper("AC-03", items, "effective_with_deviation", items[3])
	b["compensating"] = []string{"AC-01"}
	f.change(preparer, "workpaper", "AC-03", b)
	f.reviewed("AC-03")
	b = paper("CM-01", nil, "effective")
	b["configurations"] = []body{{"name": "Rule of the organisation", "from": "2025-12-31T23:00:00Z", "to": "2026-06-30T22:00:00Z", "shown_by": []string{sum}, "negative": "A change without review was refused."}}
	f.change(preparer, "workpaper", "CM-01", b)
	f.reviewed("CM-01")
	f.population("INC-01", "Incidents", 0)
	b = paper("INC-01", nil, "not_operated")
	b["population"] = "p-INC-01"
	f.change(preparer, "workpaper", "INC-01", b)
	f.reviewed("INC-01")
	items = f.sampled("LOG-02", "Alerts", 12, 12)
	f.change(preparer, "workpaper", "LOG-02", paper("LOG-02", items, "not_effective", items[0], items[1]))
	f.deviates("d2", "LOG-02", items[0], "not_done", "An alert of 3 March was never acted on", "not_effective")
	f.deviates("d3", "LOG-02", items[1], "no_evidence", "Nothing shows what was done about an alert of 9 March", "not_effective")
	f.reviewed("LOG-02")
	for _, c := range []string{"AC-01", "AC-03", "LOG-02"} {
		f.act(preparer, "sample", "s-"+c, "conclude", nil)
	}
}

// concluded signs a conclusion on every criterion; CC7.2 is not met in a Type II.
func (f *firm) concluded() {
	f.t.Helper()
	for _, id := range security(f.t) {
		b := body{"engagement": "acme-26", "criterion": id, "conclusion": "met", "reason": "REASON-SECRET", "controls": []string{"AC-01"}}
		if id == "CC7.2" && f.kind == engagement.Type2 {
			b["conclusion"] = "not_met"
		}
		f.put(preparer, "criterion_conclusion", id, b)
		f.act(preparer, "criterion_conclusion", id, "prepare", nil)
		f.act(manager, "criterion_conclusion", id, "review", nil)
	}
}

// described is management's description as it was handed over.
func (f *firm) described() *description.File {
	d := &description.File{Format: description.Format, AsOf: "2026-07-11T10:00:00Z", Organisation: "Acme", LegalName: "Acme GmbH", Zone: "Europe/Berlin", SystemName: "Acme Cloud", Approved: true, Services: []string{"Invoices for small shops"}, Locations: []string{"Frankfurt"},
		Description: description.Description{ID: "fy26", Name: "Description FY26", System: "prod", Type: f.kind, Categories: []string{"security"}, To: "2026-06-30", NoIncidents: true,
			UserControls: []description.UserControl{{Text: "Users protect their passwords and tell when people leave.", Criteria: []string{"CC6.1"}}},
			Subservice:   []description.Outside{{Name: "Cloud Halls", Services: "Machines and halls", Method: "carve_out", Expected: []string{"Halls are entered by authorised people only.", "Disks are destroyed before they leave."}, Criteria: []string{"CC6.4"}}}},
		Commitments: []description.Commitment{{ID: "SC-01", Title: "Protected", Sort: "service_commitment", Category: "security", Statement: "Data of customers is protected against people who have no business with it.", MadeIn: "Terms of service, section 7"}},
		Positions:   []description.Position{{Title: "Engineer", Employment: "employee", Count: 7}}, Procedures: []description.Procedure{{Title: "Access control", Version: "2.0", Since: "2026-02-01"}},
		Data:       []system.Data{{Name: "Invoices", Class: "confidential", Personal: true, Where: "Database", Retention: "Ten years"}},
		Components: []system.Component{}, OnRecord: []description.Change{{ID: "control LOG-02 from 2026-02-01", On: "2026-02-01", What: "control LOG-02", Before: "Not in operation", After: "Alerts of the monitoring are acted on within four hours."}}}
	if f.kind == engagement.Type2 {
		d.From = "2026-01-01"
	}
	for _, sort := range []string{"infrastructure", "software", "people", "procedure", "data", "third_party"} {
		name := "The " + sort
		if sort == "third_party" {
			name = "Cloud Halls"
		}
		d.Components = append(d.Components, system.Component{Type: sort, Name: name, Description: "Serves " + sort, From: "2025-05-01"})
	}
	for _, p := range description.Parts() {
		if !p.Open {
			d.Texts = append(d.Texts, description.Text{Name: p.Name, Title: p.Title, DC: p.DC, Text: "What is so here about **" + p.Title + "** stands in this paragraph, in the company's own words.\n\n- One point\n- Another point"})
		}
	}
	for _, c := range controls {
		d.Controls = append(d.Controls, description.Control{ID: c.id, Title: c.id, Statement: c.text, Criteria: f.criteria(c.id)})
	}
	return d
}

// taken puts management's texts on file: description, assertion, other information.
func (f *firm) taken(d *description.File) string {
	f.t.Helper()
	raw, err := d.Bytes()
	if err != nil {
		f.t.Fatal(err)
	}
	file := f.keep(string(raw))
	f.put(preparer, "report_text", "description", body{"engagement": "acme-26", "sort": "description", "file": file, "received_from": "Chief executive"})
	assertion := f.keep("We wrote the description of Acme Cloud and assert that:\n\n1. the description presents the system;\n2. the controls were suitably designed;\n3. the controls operated effectively, except for those that Section IV names.")
	f.put(preparer, "report_text", "assertion", body{"engagement": "acme-26", "sort": "assertion", "file": assertion, "received_from": "Chief executive"})
	f.put(preparer, "report_text", "other", body{"engagement": "acme-26", "sort": "other_information", "file": f.keep("We plan a second site for next year."), "received_from": "Chief executive"})
	f.put(manager, "letter", "l1", body{"engagement": "acme-26", "sort": "assertion", "dated": "2026-07-19", "signed_for": []string{"Chief executive"}, "file": assertion})
	f.put(manager, "recommendation", "a1", body{"engagement": "acme-26", "name": "Alerts at night", "priority": "high", "observation": "ADVICE-SECRET Alerts of the night wait for the morning.", "advice": "Name somebody who is called.", "controls": []string{"LOG-02"}})
	return file
}

// opined writes the opinion, unqualified but for the operation of a Type II, agrees and signs.
func (f *firm) opined() {
	f.t.Helper()
	subjects := []body{{"subject": "description", "opinion": "unqualified"}, {"subject": "design", "opinion": "unqualified"}}
	if f.kind == engagement.Type2 {
		subjects = append(subjects, body{"subject": "operation", "opinion": "qualified", "basis": "Alerts of the monitoring were not acted on in two of twelve cases, so that the criterion on the detection of anomalies was not met from March to June."})
		f.put(manager, "matter", "m", body{"engagement": "acme-26", "name": "Monitoring", "subject": "operation", "sort": "departure", "facts": "FACTS-SECRET", "criteria": []string{"CC7.2"}, "commitments": []string{"SC-01"}})
		f.act(partner, "matter", "m", "answer", body{"material": "yes", "pervasive": "no", "judgement": "JUDGEMENT-SECRET"})
	}
	f.put(partner, "opinion", "o", body{"engagement": "acme-26", "name": "Opinion", "subjects": subjects, "aggregate": "AGGREGATE-SECRET"})
	f.act(quality, "opinion", "o", "agree", nil)
	f.act(partner, "opinion", "o", "sign", nil)
}

// ready takes an engagement to the day on which it may be issued.
func (f *firm) ready() {
	f.t.Helper()
	f.agreed()
	if f.kind == engagement.Type2 {
		f.tests()
	} else {
		for _, c := range controls {
			b := paper(c.id, nil, "")
			delete(b, "result")
			delete(b, "result_reason")
			f.change(preparer, "workpaper", c.id, b)
			f.reviewed(c.id)
		}
	}
	f.concluded()
	f.act(manager, "engagement", "acme-26", "wrap_up", nil)
	f.put(manager, "subsequent_inquiry", "q1", body{"engagement": "acme-26", "up_to": "2026-07-10", "asked": "Chief executive", "questions": "Incidents?", "answers": "ANSWERS-SECRET", "bears": "nothing"})
	f.act(manager, "engagement", "acme-26", "draft", nil)
	if f.kind == engagement.Type2 {
		for n, key := range []string{"d1", "d2", "d3"} {
			said := body{"response": fmt.Sprintf("We agree with number %d and tell people about it.", n+1), "responded_for": "Chief executive"}
			if key == "d1" {
				said["remediation"] = "An alert tells of late removals since July 2026."
			}
			f.act(manager, "deviation", key, "respond", said)
		}
	}
	file := f.taken(f.described())
	f.act(manager, "engagement", "acme-26", "hand_over", body{"description": file, "description_by": "Chief executive"})
	f.day("2026-07-20")
	f.independent("issue")
	f.opined()
	f.put(manager, "letter", "l3", body{"engagement": "acme-26", "sort": "representations", "dated": "2026-07-20", "signed_for": []string{"Chief executive"}, "file": sum})
	f.put(manager, "subsequent_inquiry", "q2", body{"engagement": "acme-26", "up_to": "2026-07-20", "asked": "Chief executive", "questions": "Incidents?", "answers": "None.", "bears": "nothing"})
}

// refused holds that something is refused, with a reason that has the words in it.
func refused(t testing.TB, err error, words string) {
	t.Helper()
	if err == nil || !(fault.Is(err, fault.Denied) || fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid)) || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want a refusal with %q", err, words)
	}
}
