package description_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tickmark/internal/commitment"
	"tickmark/internal/control"
	"tickmark/internal/description"
	"tickmark/internal/fault"
	"tickmark/internal/finding"
	"tickmark/internal/framework"
	"tickmark/internal/ledger"
	"tickmark/internal/organisation"
	"tickmark/internal/person"
	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/system"
)

type body = map[string]any

// who acts: an account of a person, who may.
type who record.Actor

func (w who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor                             { return record.Actor(w) }

func of(name string) who { return who{User: name, Person: name, Name: "person:" + name} }

var ada, ben = of("ada"), of("ben")

// company is a company's workspace whose clock the test moves.
type company struct {
	t    *testing.T
	book *record.Book
	now  time.Time
}

func open(t *testing.T, db *store.DB) *company {
	t.Helper()
	log, err := ledger.Open(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	known, err := record.NewKinds(append([]record.Kind{framework.Kind(), control.Kind(), organisation.Kind(), person.Kind(), system.Kind(), commitment.Kind(), finding.Kind(),
		policy.Kind(), policy.VersionKind(), description.Kind(), description.BridgeKind(), {Name: "exception", Title: "Exception", Plural: "Exceptions", Fields: []record.Field{{Name: "x", Type: record.Text}}}}, record.Builtin()...)...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, known, func(p string, v []byte) string { return p })
	if err != nil {
		t.Fatal(err)
	}
	c := &company{t, book, time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)}
	log.Clock = func() time.Time { c.now = c.now.Add(time.Second); return c.now }
	c.put(ada, "person", "ada", body{"id": "ada", "name": "Ada", "email": "ada@example.com", "title": "Engineer", "start": "2025-01-01", "employment": "employee"})
	c.put(ada, "person", "ben", body{"id": "ben", "name": "Ben", "email": "ben@example.com", "title": "Engineer", "start": "2025-01-01", "employment": "employee"})
	c.put(ada, "organisation", "organisation", body{"name": "Acme", "time_zone": "Europe/Berlin"})
	return c
}

func (c *company) try(by who, ch record.Change) error {
	_, err := c.book.Put(c.t.Context(), by, ch)
	return err
}

func (c *company) put(by who, kind, key string, b body) {
	c.t.Helper()
	raw, err := json.Marshal(b)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.try(by, record.Change{Kind: kind, Key: key, Body: raw}); err != nil {
		c.t.Fatalf("%s %s: %v", kind, key, err)
	}
}

func (c *company) act(by who, kind, key, move string, said body) {
	c.t.Helper()
	if err := c.try(by, record.Change{Kind: kind, Key: key, Move: move, Said: said}); err != nil {
		c.t.Fatalf("%s %s %s: %v", move, kind, key, err)
	}
}

func (c *company) get(key string) body {
	c.t.Helper()
	v, err := c.book.Get(c.t.Context(), description.Name, key, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	var b body
	if err := json.Unmarshal(v.Body, &b); err != nil {
		c.t.Fatal(err)
	}
	return b
}

func (c *company) file(key string) *description.File {
	c.t.Helper()
	f, err := description.Assemble(c.book.LookAt(c.t.Context(), time.Time{}), c.get(key))
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// change writes the description again with some fields otherwise.
func (c *company) change(by who, with body) {
	c.t.Helper()
	b := c.get("fy26")
	for k, v := range with {
		b[k] = v
	}
	c.put(by, description.Name, "fy26", b)
}

// registers fills the registers of a small company over half a year.
func (c *company) registers() {
	c.t.Helper()
	parts := []body{}
	for _, s := range []string{"infrastructure", "software", "procedure", "data"} {
		parts = append(parts, body{"type": s, "name": "The " + s, "from": "2026-01-01"})
	}
	parts = append(parts, body{"type": "third_party", "name": "Cloud", "from": "2026-01-01"})
	c.put(ada, "system", "prod", body{"id": "prod", "name": "Acme Cloud", "services": []string{"Invoices"}, "components": parts})
	c.act(ben, "system", "prod", "approve", nil)
	all, err := framework.Load()
	if err != nil {
		c.t.Fatal(err)
	}
	var ids []string
	for _, x := range all {
		raw, err := json.Marshal(x)
		if err == nil {
			err = c.try(ada, record.Change{Kind: "criterion", Key: x.ID, Body: raw})
		}
		if err != nil {
			c.t.Fatal(err)
		}
		if x.InScope([]string{"security"}) {
			ids = append(ids, x.ID)
		}
	}
	c.put(ada, "commitment", "SC-01", body{"id": "SC-01", "title": "Protected", "sort": "service_commitment", "category": "security", "statement": "Data is protected.", "made_in": "Terms, 7"})
	c.put(ada, "control", "AC-01", body{"id": "AC-01", "title": "Approval", "statement": "Access is approved first.", "criteria": ids, "owner": "ada", "frequency": "per_event", "nature": "preventive", "type": "manual", "evidence": []string{"Tickets."}})
	c.act(ben, "control", "AC-01", "approve", nil)
	c.act(ada, "control", "AC-01", "activate", nil)
	c.now = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	c.put(ada, "control", "AC-02", body{"id": "AC-02", "title": "Reviews", "statement": "Access is reviewed each quarter.", "criteria": []string{"CC6.2"}, "owner": "ada", "frequency": "quarterly", "nature": "preventive", "type": "manual", "evidence": []string{"Tickets."}})
	c.act(ben, "control", "AC-02", "approve", nil)
	c.act(ada, "control", "AC-02", "activate", nil)
	c.now = time.Date(2026, 7, 2, 9, 0, 0, 0, time.UTC)
}

func texts(b body) body {
	for _, p := range description.Parts() {
		if !p.Open {
			b[p.Name] = "How " + p.Title + " is here, told in words of our own making."
		}
	}
	return b
}

func begun() body {
	return body{"id": "fy26", "name": "Description FY26", "system": "prod", "type": "type_2", "categories": []string{"security"}, "from": "2026-01-01", "to": "2026-06-30"}
}

func missing(f *description.File) string {
	var out []string
	for _, i := range f.Complete() {
		for _, m := range i.Missing {
			out = append(out, i.DC+": "+m)
		}
	}
	return strings.Join(out, "\n")
}

// TestADescriptionIsWholeBeforeItIsApproved fills a description item by item, and holds that each lack is named and refuses approval.
func TestADescriptionIsWholeBeforeItIsApproved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		c.registers()
		c.put(ada, description.Name, "fy26", begun())
		says := func(want string, there bool) {
			t.Helper()
			if got := missing(c.file("fy26")); strings.Contains(got, want) != there {
				t.Errorf("%q: %v, want %v in\n%s", want, !there, there, got)
			}
		}
		refuse := func() {
			t.Helper()
			if err := c.try(ben, record.Change{Kind: description.Name, Key: "fy26", Move: "approve"}); !fault.Is(err, fault.Conflict) {
				t.Errorf("an incomplete description was approved: %v", err)
			}
		}
		says(`DC 1: The part "The company and its services" has no text.`, true)
		refuse()
		c.change(ada, texts(body{}))
		c.change(ada, body{"services": "{{company}} sells invoices."})
		says("DC 1: The part \"The company and its services\" still has the variable {{company}}.", true)
		refuse()
		c.change(ada, body{"services": "Acme sends invoices for small shops."})
		says("DC 1", false)
		says("DC 4: No incident is described", true)
		refuse()
		c.put(ada, "finding", "f1", body{"title": "Key leaked", "origin": "incident", "severity": "high"})
		c.change(ada, body{"no_incidents": true})
		says("DC 4: An incident of 2026-07-02 is on record (finding f1, Key leaked)", true)
		refuse()
		c.change(ada, body{"left_out": []body{{"what": "finding f1", "reason": "A key of a test system."}}})
		says("DC 4", false)
		says("DC 6: No control of user entities", true)
		refuse()
		c.change(ada, body{"user_control_list": []body{{"text": "Users protect their passwords.", "criteria": []string{"A1.1"}}}})
		says("DC 6: \"Users protect their passwords.\" names A1.1, which is no criterion in scope.", true)
		c.change(ada, body{"user_control_list": []body{{"text": "Users protect their passwords.", "criteria": []string{"CC6.1"}}}})
		says("DC 7: The third party Cloud is neither", true)
		refuse()
		c.change(ada, body{"subservice_list": []body{{"name": "Cloud", "services": "Machines", "method": "carve_out", "expected": []string{"Guards its halls."}, "criteria": []string{"CC6.4"}}}})
		says("DC 7", false)
		c.change(ada, body{"not_relevant_list": []body{{"criterion": "CC6.1", "reason": "x"}}})
		says("DC 8: CC6.1 is said to be not relevant, and controls speak for it.", true)
		c.change(ada, body{"not_relevant_list": nil, "no_changes": true})
		says("DC 9: It says that nothing significant changed, and the records show: control AC-02 from 2026-04-01", true)
		refuse()
		c.change(ada, body{"no_changes": nil})
		if got := missing(c.file("fy26")); got != "" {
			t.Fatalf("still missing: %s", got)
		}
		if err := c.try(ada, record.Change{Kind: description.Name, Key: "fy26", Move: "approve"}); err == nil {
			t.Error("its author approved it")
		}
		c.act(ben, description.Name, "fy26", "approve", nil)

		// What was approved is assembled again as of then, whatever the registers say by now.
		b := c.get("fy26")
		c.now = c.now.Add(time.Hour)
		c.put(ada, "commitment", "SC-02", body{"id": "SC-02", "title": "More", "sort": "service_commitment", "category": "security", "statement": "More.", "made_in": "Terms, 8"})
		again, err := description.Approved(t.Context(), c.book.LookAt, b)
		if err != nil {
			t.Fatal(err)
		}
		if len(again.Commitments) != 1 || len(again.OnRecord) != 1 || again.OnRecord[0].ID != "control AC-02 from 2026-04-01" {
			t.Errorf("the approved text has %d commitments and the changes %v", len(again.Commitments), again.OnRecord)
		}
		raw, err := again.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		read, err := description.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if second, _ := read.Bytes(); description.Sum(second) != b["file"] {
			t.Error("a file that was read and written is another")
		}
		b["file"] = strings.Repeat("0", 64)
		if _, err := description.Approved(t.Context(), c.book.LookAt, b); !fault.Is(err, fault.Conflict) {
			t.Errorf("another text than the approved one passes for it: %v", err)
		}

		c.change(ada, body{"services": "Acme sends invoices for large shops."})
		if b := c.get("fy26"); b["state"] != "draft" || b["file"] != nil {
			t.Errorf("a changed description is %v with the sum %v", b["state"], b["file"])
		}
	})
}

func TestBoilerplateAndPraiseAreNamed(t *testing.T) {
	templates, err := description.Template()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range description.Parts() {
		if p.Open == (templates[p.Name] != "") {
			t.Errorf("%s: open %v, and its template is %q", p.Name, p.Open, templates[p.Name])
		}
		if p.Open {
			continue
		}
		if len(description.Unfilled(templates[p.Name])) == 0 {
			t.Errorf("the template of %s has no variable", p.Name)
		}
		if s := description.Likeness(templates[p.Name], templates[p.Name]); s != 1 {
			t.Errorf("the template of %s is like itself by %v", p.Name, s)
		}
	}
	f := description.File{Texts: []description.Text{
		{Name: "people", Title: "People", Text: strings.NewReplacer("{{role}}", "The chief executive", "{{teams}}", "Two teams", "{{how often}}", "yearly").Replace(templates["people"])},
		{Name: "data", Title: "Data", Text: "Invoices and the names on them lie in one database; they go after ten years."},
		{Name: "software", Title: "Software", Text: "Our world-class software is SOC 2 certified."},
	}}
	got, err := f.Warnings()
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, w := range got {
		said = append(said, w.Part+": "+w.Says)
	}
	all := strings.Join(said, "\n")
	for _, want := range []string{"People: ", "are the template's words", "Software: \"world-class\" praises", "Software: \"SOC 2 certified\""} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
	if strings.Contains(all, "Data:") {
		t.Errorf("a text of one's own is called boilerplate:\n%s", all)
	}
}

// TestABridgeLetterIsNotSilent holds a letter against what the records show since the report.
func TestABridgeLetterIsNotSilent(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	c.registers()
	c.put(ada, "finding", "f1", body{"title": "Key leaked", "origin": "incident", "severity": "high"})
	c.put(ada, "finding", "f2", body{"title": "Backups fail", "origin": "review", "severity": "critical"})
	c.put(ada, "finding", "f3", body{"title": "A typing slip", "origin": "review", "severity": "low"})
	letter := body{"id": "q2", "name": "Q2", "system": "prod", "report": "SOC 2 Type II, number 1", "firm": "Example CPAs LLP", "report_to": "2026-03-31", "until": "2026-07-02", "next": "2027-02-01", "recipients": "Customers"}
	with := func(by who, b body) error {
		for k, v := range b {
			letter[k] = v
		}
		raw, err := json.Marshal(letter)
		if err != nil {
			t.Fatal(err)
		}
		return c.try(by, record.Change{Kind: description.BridgeName, Key: "q2", Body: raw})
	}
	approve := func(words string) {
		t.Helper()
		err := c.try(ben, record.Change{Kind: description.BridgeName, Key: "q2", Move: "approve"})
		if words == "" && err != nil || words != "" && (!fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), words)) {
			t.Errorf("%v, want %q", err, words)
		}
	}
	if err := with(ada, body{"until": "2026-03-31"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a letter over no time: %v", err)
	}
	if err := with(ada, body{"until": "2026-07-02"}); err != nil {
		t.Fatal(err)
	}
	approve("silent on 3 things that the records show: control AC-02 from 2026-04-01")
	if err := with(ada, body{"disclosed": []body{{"what": "finding f1", "text": "A key leaked and was changed."}}, "judged": []body{{"what": "control AC-02 from 2026-04-01", "by": "ben", "reason": "It was there before, in other words."}}}); !fault.Is(err, fault.Denied) {
		t.Errorf("somebody judged in another's name: %v", err)
	}
	judged := []body{{"what": "control AC-02 from 2026-04-01", "by": "ada", "reason": "It was there before, in other words."}}
	if err := with(ada, body{"judged": judged}); err != nil {
		t.Fatal(err)
	}
	approve("silent on 1 things that the records show: finding f2")
	if err := with(ada, body{"until": "2026-07-03", "judged": append(judged, body{"what": "finding f2", "by": "ada", "reason": "A test system."})}); err != nil {
		t.Fatal(err)
	}
	approve("which has not passed yet")
	c.now = c.now.AddDate(0, 0, 1)
	approve("")
}
