package examination_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/description"
	"tickmark/internal/exchange"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/firmfile"
	"tickmark/internal/framework"
	"tickmark/internal/population"
	"tickmark/internal/record"
	"tickmark/internal/report"
	"tickmark/internal/report/examination"
	"tickmark/internal/report/verify"
	"tickmark/internal/sample"
	"tickmark/internal/sample/redraw"
	"tickmark/internal/store"
	"tickmark/internal/workpaper"
	"tickmark/internal/workspace"
)

// The people of the year: a second auditor, and those of the company who write and who approve.
var second, ada, ben = of("sven"), of("ada"), of("ben")

const (
	leavers   = 24
	lateOne   = 13 // of them, whose account stays for nine days
	merges    = 120
	aloneOne  = 77 // of them, which nobody but its author approved
	ownerless = 2  // alerts of the sample that nobody acted on
)

// year is one company and the firm that examines its year.
type year struct {
	t     *testing.T
	c     *firm // the company's workspace
	f     *firm // the firm's
	w, fw *workspace.Workspace
	hr    string // the file of the people system
	out   bool   // the directory does not answer
	desk  *fieldwork.Desk
}

// ours is a workspace whose clock the test moves.
func ours(t *testing.T, firms bool, begin time.Time) (*firm, *workspace.Workspace) {
	t.Helper()
	w, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Create: true, Firm: firms})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	f := &firm{t: t, book: w.Book, blobs: w.Blobs, now: begin, kind: "type_2"}
	w.Log.Clock = func() time.Time { f.now = f.now.Add(time.Second); return f.now }
	return f, w
}

// TestOneWholeYear lives through a Type II: a company sets itself up, its sources are read for a year in which one of them fails for
// three weeks, an account outlives its owner and a change goes in unseen; a firm examines it from a workspace of its own, with nothing
// but parcels between the two, qualifies one criterion and issues the report. Then every claim of it is followed to where it leads.
func TestOneWholeYear(t *testing.T) {
	begin := time.Date(2025, 12, 1, 8, 0, 0, 0, time.UTC)
	y := &year{t: t}
	y.c, y.w = ours(t, false, begin)
	y.f, y.fw = ours(t, true, begin)
	y.desk = &fieldwork.Desk{Book: y.fw.Book, Keys: y.fw.Keys, Blobs: y.fw.Blobs}
	y.settles()
	y.accepted()
	y.lives()
	y.failedAsItDid()
	y.examines()
	y.writes()
	y.resolves()
}

// both moves both clocks to a day.
func (y *year) both(day string) { y.c.day(day); y.f.day(day) }

// settles sets the company up: people, boundary, commitment, controls that somebody else approved, connections.
func (y *year) settles() {
	c := y.c
	for _, p := range []who{ada, ben} {
		c.put(p, "person", p.Person, body{"id": p.Person, "name": p.Person, "email": p.Person + "@acme.example", "title": "Engineer", "start": "2025-01-01", "employment": "employee"})
	}
	c.put(ada, "organisation", "organisation", body{"name": "Acme", "legal_name": "Acme GmbH", "time_zone": "Europe/Berlin"})
	criteria, err := framework.Load()
	y.must(err)
	for _, x := range criteria {
		raw, err := json.Marshal(x)
		y.must(err)
		_, err = c.book.Put(y.t.Context(), ada, record.Change{Kind: "criterion", Key: x.ID, Body: raw})
		y.must(err)
	}
	var parts []body
	for _, s := range []string{"infrastructure", "software", "procedure", "data"} {
		parts = append(parts, body{"type": s, "name": "The " + s, "from": "2025-12-01"})
	}
	parts = append(parts, body{"type": "third_party", "name": "Cloud Halls", "from": "2025-12-01"})
	c.put(ada, "system", "prod", body{"id": "prod", "name": "Acme Cloud", "services": []string{"Invoices for small shops"}, "components": parts})
	c.act(ben, "system", "prod", "approve", nil)
	c.put(ada, "commitment", "SC-01", body{"id": "SC-01", "title": "Protected", "sort": "service_commitment", "category": "security", "statement": "Data of customers is protected.", "made_in": "Terms of service, section 7", "since": "2025-12-01"})
	for _, k := range y.controls() {
		c.put(ada, "control", k.id, body{"id": k.id, "title": k.id, "statement": k.text, "criteria": c.criteria(k.id), "owner": "ada", "frequency": k.frequency, "nature": "preventive", "type": k.nature, "evidence": []string{"What the systems record."}})
		c.act(ben, "control", k.id, "approve", nil)
		c.act(ada, "control", k.id, "activate", nil)
	}
	y.hr = filepath.Join(y.t.TempDir(), "people.csv")
	y.hired("2025-12-02")
	connectors := workspace.Connectors()
	for i, c := range connectors {
		switch c.Name {
		case "okta":
			connectors[i] = connector.Connector{Name: c.Name, Title: c.Title, Kinds: c.Kinds, Read: y.directory}
		case "gitea":
			connectors[i] = connector.Connector{Name: c.Name, Title: c.Title, Kinds: c.Kinds, Read: y.forge}
		}
	}
	y.w.Collect.Connectors = connectors
	for _, c := range []collect.Connection{{Name: "hr", Connector: "file", Every: "168h", Settings: map[string]string{"path": y.hr, "kind": "person"}}, {Name: "directory", Connector: "okta", Every: "168h"}, {Name: "forge", Connector: "gitea", Every: "168h"}} {
		if _, err := y.w.Collect.Add(y.t.Context(), ada, c, nil); err != nil {
			y.t.Fatal(err)
		}
	}
}

// controls are those of the year; the first speaks for every criterion.
func (y *year) controls() []tested {
	return []tested{
		{"AC-01", "Access is granted after the owner of the system approved the person and the role.", "manual", "per_event"},
		{"AC-03", "The access of people who leave is removed within one working day.", "manual", "per_event"},
		{"CM-01", "A change goes into the main branch after somebody else approved its last commit.", "automated", "per_event"},
		{"INC-01", "An emergency change is reviewed within two working days.", "manual", "per_event"},
		{"LOG-02", "Alerts of the monitoring are acted on within four hours.", "manual", "per_event"},
	}
}

// last is the day on which the n-th of those who leave does.
func last(n int) time.Time { return time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC).AddDate(0, 0, 14*n) }

// gone is when that one's account is.
func gone(n int) time.Time {
	if n == lateOne {
		return last(n).AddDate(0, 0, 9).Add(12 * time.Hour)
	}
	return last(n).Add(16 * time.Hour)
}

// hired writes what the people system says on a day: who gave notice has a last day two weeks before it comes.
func (y *year) hired(day string) {
	y.t.Helper()
	var b strings.Builder
	b.WriteString("id,name,email,start,end,employment\n")
	for n := range leavers + 10 {
		end := ""
		if n < leavers && last(n).AddDate(0, 0, -14).Format(time.DateOnly) <= day {
			end = last(n).Format(time.DateOnly)
		}
		fmt.Fprintf(&b, "p%02d,Person %d,p%02d@acme.example,2025-01-01,%s,employee\n", n, n, n, end)
	}
	if err := os.WriteFile(y.hr, []byte(b.String()), 0o600); err != nil {
		y.t.Fatal(err)
	}
}

// directory is what the service of accounts says.
func (y *year) directory(_ context.Context, _ connector.Values, out connector.Sink) error {
	if y.out {
		return fault.New(fault.Unavailable, "The directory does not answer.")
	}
	for n := range leavers + 10 {
		status, since := "ACTIVE", "2025-01-01T08:00:00Z"
		if n < leavers && !gone(n).After(out.Now()) {
			status, since = "SUSPENDED", gone(n).Format(time.RFC3339)
		}
		id := fmt.Sprintf("p%02d", n)
		raw, _ := json.Marshal(body{"id": "00u" + id, "status": status, "created": "2025-01-01T08:00:00Z", "statusChanged": since, "profile": body{"login": id, "email": id + "@acme.example"}, "factors": []any{}, "roles": []any{}})
		if err := out.Item(connector.Item{Kind: "okta_user", Key: "00u" + id, Raw: raw}); err != nil {
			return err
		}
	}
	out.Complete("okta_user", "")
	return nil
}

// merged is when the n-th change was.
func merged(n int) time.Time {
	return time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC).AddDate(0, 0, 3*n)
}

// forge is what the code host says: each change with its approval, and the rule of the branch.
func (y *year) forge(_ context.Context, _ connector.Values, out connector.Sink) error {
	for n := range merges {
		if at := merged(n); !at.After(out.Now()) {
			approver := "eve"
			if n == aloneOne {
				approver = "dan"
			}
			side := body{"ref": "main", "sha": "c1", "repo": body{"full_name": "acme/web", "default_branch": "main"}}
			raw, _ := json.Marshal(body{"number": n + 1, "title": fmt.Sprintf("Change %d", n+1), "merged": true, "merged_at": at.Format(time.RFC3339), "user": body{"login": "dan", "id": 1}, "head": side, "base": side,
				"reviews": []body{{"id": n, "state": "APPROVED", "user": body{"login": approver, "id": 2}, "commit_id": "c1", "submitted_at": at.Add(-time.Hour).Format(time.RFC3339)}}})
			if err := out.Item(connector.Item{Kind: "gitea_pull_request", Key: fmt.Sprintf("acme/web#%d", n+1), Scope: "acme/web", Raw: raw, Occurred: at}); err != nil {
				return err
			}
		}
	}
	out.Through("gitea_pull_request", "acme/web", out.Now())
	return nil
}

// lives reads the sources each week from December to January after, and more often around the late leaver; the directory is out of
// reach for three weeks of August.
func (y *year) lives() {
	y.t.Helper()
	end := time.Date(2027, 1, 7, 0, 0, 0, 0, time.UTC)
	for day := time.Date(2025, 12, 3, 0, 0, 0, 0, time.UTC); day.Before(end); day = day.AddDate(0, 0, 1) {
		near := day.Sub(last(lateOne)).Abs() < 12*24*time.Hour
		if day.Weekday() != time.Wednesday && !near {
			continue
		}
		y.both(day.Format(time.DateOnly))
		y.out = day.Month() == time.August && day.Day() < 22
		y.hired(day.Format(time.DateOnly))
		for _, name := range []string{"hr", "directory", "forge"} {
			if _, err := y.w.Collect.Run(y.t.Context(), name, nil); err != nil {
				y.t.Fatal(err)
			}
		}
		if _, err := y.w.Monitor.Evaluate(y.t.Context(), check.Options{Checks: []string{"JOIN-02"}}); err != nil {
			y.t.Fatal(err)
		}
	}
}

// failedAsItDid holds the year to what happened in it: one account outlived its owner, and of the weeks of the outage nobody knows.
func (y *year) failedAsItDid() {
	y.t.Helper()
	page, err := y.w.Monitor.Results(y.t.Context(), check.Filter{Check: "JOIN-02", From: store.At(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), To: store.At(y.c.now), Limit: 1000})
	if err != nil {
		y.t.Fatal(err)
	}
	failed, unknown := map[string]bool{}, 0
	for _, r := range page.Results {
		switch r.Status {
		case check.Fail:
			failed[r.Key] = true
		case check.Unknown:
			if r.From.Time().Month() == time.August {
				unknown++
			}
		}
	}
	if late := fmt.Sprintf("00up%02d", lateOne); len(failed) != 1 || !failed[late] {
		y.t.Errorf("of %v the account outlived its owner, and it was %s", failed, late)
	}
	if unknown == 0 {
		y.t.Error("nothing is unknown while the directory was out of reach")
	}
	found, err := y.c.book.Find(y.t.Context(), y.c.book.DB, "finding", "check", "JOIN-02", 0)
	if err != nil || len(found) != 1 {
		y.t.Errorf("%d findings of it: %v", len(found), err)
	}
}

// accepted is the engagement from the proposal to the beginning of fieldwork, with the two workspaces linked.
func (y *year) accepted() {
	f := y.f
	all := map[string]string{"paula": "partner", "mara": "manager", "pete": "preparer", "sven": "preparer", "quinn": "quality_reviewer"}
	var team []body
	for p, role := range all {
		f.put(of(p), "person", p, body{"id": p, "name": p, "email": p + "@firm.example"})
		team = append(team, body{"person": p, "role": role, "credential": "CPA, 2026"})
	}
	f.put(manager, "engagement", "acme-26", body{"id": "acme-26", "name": "Acme FY26", "company": "Acme GmbH", "operator": "company", "type": f.kind, "categories": []string{"security"}, "system": "Acme Cloud",
		"from": "2026-01-01", "to": "2026-12-31", "zone": "Europe/Berlin", "team": team,
		"firm":          body{"name": "Example CPAs LLP", "licence": "12345", "jurisdiction": "NY", "licensed_to": "2028-12-31", "peer_reviewed": "2024-05-01", "peer_review": "pass", "city": "New York, New York"},
		"subservice":    []body{{"name": "Cloud Halls", "services": "Machines and halls", "method": "carve_out", "expected": []string{"Halls are entered by authorised people only."}}},
		"user_controls": []body{{"text": "Users protect their passwords.", "criteria": []string{"CC6.1"}}}})
	f.independent("acceptance")
	y.independent("acceptance")
	f.act(partner, "engagement", "acme-26", "accept", body{"competence": "Skills and time.", "integrity": "No doubts.", "letter": sum, "sponsor": "Chief executive"})
	f.act(manager, "engagement", "acme-26", "plan", nil)
	var list []body
	for _, c := range y.controls() {
		list = append(list, body{"id": c.id, "text": c.text, "criteria": f.criteria(c.id), "nature": c.nature, "frequency": c.frequency})
	}
	f.put(preparer, "control_matrix", "m1", body{"engagement": "acme-26", "name": "The year", "from": "2026-01-01", "to": "2026-12-31", "controls": list})
	f.act(manager, "control_matrix", "m1", "freeze", nil)
	for i, c := range y.controls() {
		f.put([]who{preparer, second}[i%2], "workpaper", c.id, body{"engagement": "acme-26", "reference": c.id + "-1", "control": c.id, "objective": "As described.", "risk": "moderate", "risk_reason": "First year."})
	}
	f.act(manager, "engagement", "acme-26", "begin_fieldwork", body{"plan": "Populations after the year; two people test."})
	in, err := y.office(false).Invite(y.t.Context(), ada, "acme-26", "Acme GmbH", "Example CPAs LLP", "")
	y.must(err)
	out, err := y.office(true).Accept(y.t.Context(), manager, in, exchange.Fingerprint(y.w.Log.VKey))
	y.must(err)
	_, err = y.office(false).Confirm(y.t.Context(), ben, out, exchange.Fingerprint(y.fw.Log.VKey))
	y.must(err)
}

func (y *year) independent(stage string) {
	y.f.put(second, "independence", stage+"-sven", body{"engagement": "acme-26", "person": "sven", "stage": stage, "interests": "None."})
	y.f.act(second, "independence", stage+"-sven", "confirm", nil)
}

func (y *year) must(err error) {
	y.t.Helper()
	if err != nil {
		y.t.Fatal(err)
	}
}

func (y *year) office(firms bool) *exchange.Office {
	w := y.w
	if firms {
		w = y.fw
	}
	return &exchange.Office{Book: w.Book, Keys: w.Keys, Blobs: w.Blobs, Firm: firms}
}

// carry takes a parcel from one side to the other.
func (y *year) carry(sent exchange.Sent, fromFirm bool) {
	y.t.Helper()
	r, _, err := y.office(fromFirm).Fetch(y.t.Context(), "acme-26", sent.Number)
	y.must(err)
	b, err := io.ReadAll(r)
	y.must(err)
	y.must(r.Close())
	by := preparer
	if fromFirm {
		by = ada
	}
	_, err = y.office(!fromFirm).Take(y.t.Context(), by, "acme-26", bytes.NewReader(b), int64(len(b)))
	y.must(err)
}

func (y *year) tells() {
	y.t.Helper()
	sent, err := y.office(true).Tell(y.t.Context(), manager, "acme-26", "")
	y.must(err)
	y.carry(sent, true)
}

func (y *year) hands(d exchange.Deliver) {
	y.t.Helper()
	sent, err := y.office(false).Hand(y.t.Context(), ada, "acme-26", d)
	y.must(err)
	y.carry(sent, false)
}

func (y *year) file(name, content string) string {
	y.t.Helper()
	path := filepath.Join(y.t.TempDir(), name)
	y.must(os.WriteFile(path, []byte(content), 0o600))
	return path
}

// wanted are the lists that the firm asks for: drawn from the company's records, or tables from elsewhere.
type wanted struct {
	control, name string
	by            who
	query         *population.Query
	table         string
}

func (y *year) wanted() []wanted {
	table := func(head string, n int, line func(n int, at string) string) string {
		var b strings.Builder
		b.WriteString(head + "\n")
		for i := range n {
			b.WriteString(line(i, time.Date(2026, 1, 4, 7, 0, 0, 0, time.UTC).Add(time.Duration(i)*360*24*time.Hour/time.Duration(n)).Format(time.RFC3339)) + "\n")
		}
		return b.String()
	}
	return []wanted{
		{"AC-01", "Grants of access", preparer, nil, table("id,at,who", 18, func(n int, at string) string { return fmt.Sprintf("G-%d,%s,q%02d", n, at, n) })},
		{"AC-03", "People who left", second, &population.Query{Kind: "person", Source: "hr", Where: `r.end != null && r.end >= "2026-01-01" && r.end <= "2026-12-31"`}, ""},
		{"CM-01", "Changes of the main branch", preparer, &population.Query{Kind: "gitea_pull_request", Source: "forge", Where: `r.base.ref == "main"`}, ""},
		{"INC-01", "Emergency changes", second, &population.Query{Kind: "gitea_pull_request", Source: "forge", Where: `r.title.startsWith("Emergency")`}, ""},
		{"LOG-02", "Alerts", preparer, nil, table("id,at,alert", 90, func(n int, at string) string { return fmt.Sprintf("A-%d,%s,disk", n, at) })},
	}
}

// examines is the fieldwork: commitments before lists, lists in parcels, samples by the nonce, tests by two people.
func (y *year) examines() {
	f, t := y.f, y.t
	y.both("2027-01-08")
	f.act(manager, "engagement", "acme-26", "finalise", nil)
	zone, err := time.LoadLocation("Europe/Berlin")
	y.must(err)
	lists, wants := map[string]string{}, y.wanted()
	for _, p := range wants {
		_, err := y.desk.Commit(t.Context(), p.by, "acme-26", p.control, "")
		y.must(err)
		b := body{"engagement": "acme-26", "name": p.name, "control": p.control, "sort": "events", "source": "As delivered", "query": "All of the year", "from": "2026-01-01", "to": "2026-12-31"}
		if p.control == "AC-03" {
			b["sort"] = "configuration"
		}
		f.put(p.by, "population", "p-"+p.control, b)
	}
	y.tells() // the company learns of the commitments before it hands anything over
	for _, p := range wants {
		if p.query == nil {
			lists["p-"+p.control] = y.file(p.control+".csv", p.table)
			continue
		}
		q := *p.query
		q.Name, q.From, q.To, q.Zone, q.Release, q.Ledger = p.name, "2026-01-01", "2026-12-31", zone, "test", y.w.Log.VKey
		var list bytes.Buffer
		_, err := population.Draw(t.Context(), y.c.book, ada, q, &list)
		y.must(err)
		lists["p-"+p.control] = y.file(p.control+".jsonl", list.String())
	}
	y.hands(exchange.Deliver{Populations: lists})
	for _, p := range wants {
		how := fieldwork.Delivery{}
		if p.query == nil {
			how = fieldwork.Delivery{Key: "id", At: "at", Extractor: "Operations", Extracted: y.c.now, Complete: true}
		}
		r, _, err := y.office(true).FileOf(t.Context(), p.by, "acme-26", exchange.PopulationList, "p-"+p.control)
		y.must(err)
		_, err = y.desk.Deliver(t.Context(), p.by, "p-"+p.control, r, how)
		r.Close()
		y.must(err)
		if p.control == "AC-03" {
			y.reconciled()
		}
		f.act(p.by, "population", "p-"+p.control, "evaluate", body{"completeness": "The count was compared with the source's own", "accuracy": "Five rows were traced to the source", "logic": "Query and release were read.", "reliable": "yes"})
		f.act(p.by, "population", "p-"+p.control, "freeze", nil)
	}
	for control, rows := range map[string]float64{"AC-01": 18, "CM-01": merges, "INC-01": 0, "LOG-02": 90} {
		if p := f.get("population", "p-"+control); p["row_count"] != rows || p["complete"] != true {
			t.Errorf("the list of %s has %v rows, want %v; complete: %v, gaps %v", control, p["row_count"], rows, p["complete"], p["gaps"])
		}
	}
	y.tests()
}

// reconciled compares the list of people who left with another one, of the accounts that were suspended, in which one person is missing
// and a machine's account stands.
func (y *year) reconciled() {
	f, t := y.f, y.t
	var b strings.Builder
	b.WriteString("id,address\nmachine,build@acme.example\n")
	for n := range leavers {
		if n != 3 {
			fmt.Fprintf(&b, "00up%02d,P%02d@acme.example\n", n, n)
		}
	}
	_, err := y.desk.Commit(t.Context(), second, "acme-26", "AC-03", "For the list that it is compared with, of which nothing is drawn.")
	y.must(err)
	f.put(second, "population", "p-accounts", body{"engagement": "acme-26", "name": "Accounts that were suspended", "control": "AC-03", "sort": "configuration", "source": "Directory", "query": "Status is suspended", "from": "2026-01-01", "to": "2026-12-31"})
	_, err = y.desk.Deliver(t.Context(), second, "p-accounts", strings.NewReader(b.String()), fieldwork.Delivery{Key: "id", Extractor: "Operations", Extracted: y.f.now, Complete: true})
	y.must(err)
	_, err = y.desk.Reconcile(t.Context(), second, "p-AC-03", "p-AC-03", "r.email", "r.email")
	refused(t, err, "always agrees with itself")
	r, err := y.desk.Reconcile(t.Context(), second, "p-AC-03", "p-accounts", "r.email", "r.address.lowerAscii()")
	y.must(err)
	if r.Matched != leavers-1 || r.OnlyHere != 1 || r.OnlyThere != 1 || !strings.HasPrefix(r.List[0].Row, "hr p03") || r.List[1].Row != "machine" {
		t.Errorf("the lists stand to each other as %+v", r)
	}
	f.act(second, "population", "p-AC-03", "explain", body{"explanations": []body{{"side": "here", "row": r.List[0].Row, "explained": "The account had been renamed."}, {"side": "there", "row": "machine", "explained": "Belongs to nobody who left."}}})
}

// drawn draws and releases a sample, and gives its items by what names their row.
func (y *year) drawn(by who, control, method string, size int) map[string]string {
	y.t.Helper()
	f, key := y.f, "s-"+control
	f.put(by, "sample", key, body{"engagement": "acme-26", "name": control, "control": control, "population": "p-" + control, "method": method, "size": size, "size_reason": "The firm's table, moderate.", "reserves": 2})
	_, err := y.desk.Draw(y.t.Context(), by, key)
	y.must(err)
	_, err = y.desk.Release(y.t.Context(), by, key)
	y.must(err)
	f.act(by, "sample", key, "begin_test", nil)
	items, err := y.desk.Items(y.t.Context(), by, key)
	y.must(err)
	out := map[string]string{}
	for _, i := range items {
		out[i.Key] = fmt.Sprint(i.Position)
	}
	return out
}

// deviates records a deviation and takes it to the decision.
func (y *year) deviates(by who, key, control, item, sort, facts, disposition string) {
	f := y.f
	f.put(by, "deviation", key, body{"engagement": "acme-26", "name": key, "control": control, "item": item, "attributes": []string{"A"}, "sort": sort, "facts": facts, "occurred": "2026-07-10"})
	f.act(by, "deviation", key, "confirm_facts", body{"confirmed": "Shown to the head of operations; nothing that existed before speaks against it."})
	f.act(by, "deviation", key, "assess", body{"cause": "Reason of " + key, "cause_sort": "isolated", "episode": key, "by_design": "no", "factors": "The account was idle.", "slice": "2026-07-01 to 2026-07-31", "harm": "None was found."})
	f.act(manager, "deviation", key, "dispose", body{"disposition": disposition, "disposition_reason": "As weighed."})
}

// paper is a paper with every cell marked; it is reviewed by the manager, who prepared none.
func (y *year) paper(by who, control string, b body) {
	y.f.change(by, "workpaper", control, b)
	y.f.act(by, "workpaper", control, "prepare", nil)
	refused(y.t, y.f.move(by, "workpaper", control, "begin_review", nil), "")
	y.f.act(manager, "workpaper", control, "begin_review", nil)
	y.f.act(manager, "workpaper", control, "review", nil)
}

// asked lets a machine look at the items of a paper, and accepts what it knows; how often it says what is held against want.
func (y *year) asked(by who, control string, want map[string]int) {
	y.t.Helper()
	facts, err := y.desk.Ask(y.t.Context(), by, control)
	y.must(err)
	got, known := map[string]int{}, 0
	for _, x := range facts {
		got[x.Says]++
		if x.Says != workpaper.Unknown {
			known++
		}
	}
	if !maps.Equal(got, want) {
		y.t.Errorf("of %s the machine says %v, want %v: %+v", control, got, want, facts[0])
	}
	if grid := y.f.get("workpaper", control)["grid"]; grid != nil && len(grid.([]any)) > 0 {
		y.t.Errorf("a fact marked a cell of %s by itself: %v", control, grid)
	}
	n, err := y.desk.Accept(y.t.Context(), by, control, "")
	y.must(err)
	if n != known {
		y.t.Errorf("of %s %d cells were accepted, and %d are known", control, n, known)
	}
}

func (y *year) tests() {
	f := y.f
	values := func(m map[string]string) (out []string) {
		for _, k := range slices.Sorted(func(yield func(string) bool) {
			for k := range m {
				if !yield(k) {
					return
				}
			}
		}) {
			out = append(out, m[k])
		}
		return out
	}
	grants := y.drawn(preparer, "AC-01", "all", 18)
	y.paper(preparer, "AC-01", paper("AC-01", values(grants), "effective"))

	people := y.drawn(second, "AC-03", "all", workpaper.Whole(f.get("population", "p-AC-03")["row_count"]))
	late := ""
	for key, item := range people {
		if strings.HasPrefix(key, fmt.Sprintf("hr p%02d", lateOne)) {
			late = item
		}
	}
	if late == "" {
		y.t.Fatalf("the late leaver is not in the list: %v", people)
	}
	// A machine says of each account that is gone in time; of the late one it cannot know whether another account was gone, for no list of
	// every account of the year is without a gap. The auditor looks, and says what shows it.
	y.hands(exchange.Deliver{Kinds: []string{"okta_user"}})
	b := paper("AC-03", []string{}, "effective_with_deviation")
	delete(b, "grid")
	b["softer_reason"] = "One of many, idle and found by the company itself."
	b["links"] = []body{{"name": "accounts", "kind": "okta_user", "theirs": "r.profile.email", "ours": "r.email"}}
	b["attributes"] = []body{{"id": "A", "text": "The account is suspended within a day.", "deviation": "Later.", "decided_by": "machine",
		"rule": `accounts.exists(a, a.status == "SUSPENDED" && a.statusChanged < timestamp(r.end + "T00:00:00Z") + duration("48h"))`}}
	f.change(second, "workpaper", "AC-03", b)
	y.asked(second, "AC-03", map[string]int{"met": leavers - 1, "unknown": 1})
	refused(y.t, f.move(second, "workpaper", "AC-03", "prepare", nil), "1 cells of the grid are blank")
	cell := body{"item": late, "attribute": "A", "mark": "deviation", "evidence": []string{"okta_user/00up13"}}
	mark := func() error {
		b := f.get("workpaper", "AC-03")
		grid, _ := b["grid"].([]any)
		b["grid"] = append(grid, cell)
		return f.write(second, "workpaper", "AC-03", b)
	}
	refused(y.t, mark(), "the machine says that it is not known")
	cell["note"] = "The directory shows the day of the suspension."
	y.must(mark())
	refused(y.t, f.move(second, "workpaper", "AC-03", "prepare", nil), "no deviation is on record")
	y.deviates(second, "d1", "AC-03", late, "late", "The account of one person was suspended nine days after the last day", "effective_with_deviation")
	y.paper(second, "AC-03", nil)

	changes := y.drawn(preparer, "CM-01", "all", merges)
	alone := changes[fmt.Sprintf("forge acme/web#%d", aloneOne+1)]
	b = paper("CM-01", []string{}, "effective_with_deviation")
	delete(b, "grid")
	b["attributes"] = []body{{"id": "A", "text": "Somebody else approved it before it went in.", "deviation": "Nobody else did.", "decided_by": "machine",
		"rule": `r.reviews.exists(v, v.state == "APPROVED" && v.user.login != r.user.login && v.submitted_at <= r.merged_at)`}}
	f.change(preparer, "workpaper", "CM-01", b)
	y.asked(preparer, "CM-01", map[string]int{"met": merges - 1, "deviation": 1})
	y.deviates(preparer, "d2", "CM-01", alone, "wrong", "One change was approved by nobody but its author", "effective_with_deviation")
	y.paper(preparer, "CM-01", nil)

	b = paper("INC-01", nil, "not_operated")
	b["population"] = "p-INC-01"
	y.paper(second, "INC-01", b)

	alerts := y.drawn(preparer, "LOG-02", "stratified", 10)
	y.tells() // the company sees the items once they are released
	proof := y.file("alerts.txt", "What the monitoring says of eight of ten alerts.")
	y.hands(exchange.Deliver{Files: map[string]string{"alerts": proof}, Records: []string{"control/LOG-02"}})
	open := values(alerts)[:ownerless]
	b = paper("LOG-02", values(alerts), "not_effective", open...)
	f.change(preparer, "workpaper", "LOG-02", b)
	for i, item := range open {
		y.deviates(preparer, fmt.Sprintf("d%d", 3+i), "LOG-02", item, []string{"not_done", "no_evidence"}[i], fmt.Sprintf("Nobody acted on alert %d of the sample", i+1), "not_effective")
	}
	y.paper(preparer, "LOG-02", b)
	for _, c := range []string{"AC-01", "AC-03", "CM-01", "LOG-02"} {
		f.act(preparer, "sample", "s-"+c, "conclude", nil)
	}
	f.concluded()
}

// writes takes the engagement from the conclusions to the issued report.
func (y *year) writes() {
	c, f, t := y.c, y.f, y.t
	y.both("2027-01-25")
	f.act(manager, "engagement", "acme-26", "wrap_up", nil)
	ask := func(key, day string) {
		f.put(manager, "subsequent_inquiry", key, body{"engagement": "acme-26", "up_to": day, "asked": "Chief executive", "questions": "Incidents? Changes?", "answers": "None.", "bears": "nothing"})
	}
	ask("q1", "2027-01-25")
	f.act(manager, "engagement", "acme-26", "draft", nil)
	y.tells() // facts that were confirmed
	if said, err := c.book.Find(t.Context(), c.book.DB, exchange.FirmItem, "sort", exchange.DeviationNotice, 0); err != nil || len(said) != 4 {
		t.Errorf("the company was told of %d deviations: %v", len(said), err)
	}
	for _, d := range []string{"d1", "d2", "d3", "d4"} {
		f.act(manager, "deviation", d, "respond", body{"response": "We agree with " + d + ".", "responded_for": "Chief executive", "remediation": "Mended in January 2027."})
	}
	d := body{"id": "fy26", "name": "Description FY26", "system": "prod", "type": "type_2", "categories": []string{"security"}, "from": "2026-01-01", "to": "2026-12-31", "no_incidents": true, "no_changes": true,
		"user_control_list": []body{{"text": "Users protect their passwords.", "criteria": []string{"CC6.1"}}},
		"subservice_list":   []body{{"name": "Cloud Halls", "services": "Machines and halls", "method": "carve_out", "expected": []string{"Halls are entered by authorised people only."}, "criteria": []string{"CC6.4"}}}}
	for _, p := range description.Parts() {
		if !p.Open {
			d[p.Name] = "How " + p.Title + " is here, told in words of our own making."
		}
	}
	c.put(ada, description.Name, "fy26", d)
	c.act(ben, description.Name, "fy26", "approve", nil)
	v, err := c.book.Get(t.Context(), description.Name, "fy26", 0)
	y.must(err)
	y.must(json.Unmarshal(v.Body, &d))
	approved, err := description.Approved(t.Context(), c.book.LookAt, d)
	y.must(err)
	raw, err := approved.Bytes()
	y.must(err)
	assertion := "We wrote the description of Acme Cloud and assert that:\n\n1. the description presents the system;\n2. the controls were suitably designed;\n3. the controls operated effectively, except for those that Section IV names."
	y.hands(exchange.Deliver{Files: map[string]string{"description": y.file("description.json", string(raw)), "assertion": y.file("assertion.md", assertion)}})
	take := func(sort string) string {
		r, _, err := y.office(true).FileOf(t.Context(), preparer, "acme-26", exchange.CompanyFile, sort)
		y.must(err)
		b, err := io.ReadAll(r)
		y.must(err)
		y.must(r.Close())
		file := f.keep(string(b))
		f.put(preparer, "report_text", sort, body{"engagement": "acme-26", "sort": sort, "file": file, "received_from": "Chief executive"})
		return file
	}
	file := take("description")
	f.put(manager, "letter", "l1", body{"engagement": "acme-26", "sort": "assertion", "dated": "2027-01-25", "signed_for": []string{"Chief executive"}, "file": take("assertion")})
	f.act(manager, "engagement", "acme-26", "hand_over", body{"description": file, "description_by": "ben"})
	y.both("2027-02-12")
	f.independent("issue")
	y.independent("issue")
	f.opined()
	ask("q2", "2027-02-12")
	order := examination.Order{Form: examination.SOC2, Number: "2027-1", Date: "2027-02-12"}
	_, err = f.press().Issue(t.Context(), partner, "acme-26", order)
	refused(t, err, "representations")
	f.put(manager, "letter", "l2", body{"engagement": "acme-26", "sort": "representations", "dated": "2027-02-12", "signed_for": []string{"Chief executive"}, "file": sum})
	if r := f.read(); len(r.Missing) > 0 {
		t.Fatalf("still missing: %s", strings.Join(r.Missing, "\n"))
	}
	_, err = f.press().Issue(t.Context(), partner, "acme-26", order)
	y.must(err)
}

// resolves follows every claim: each line of the draft to a record of the file, each record to its place in the firm's log, each
// sample to the rows it was drawn from, and what the company said to the company's own log.
func (y *year) resolves() {
	f, t := y.f, y.t
	r := f.read()
	everyLineLeadsSomewhere(t, f, r)
	for id, want := range map[string]string{
		"AC-01":  "No exceptions noted.",
		"AC-03":  fmt.Sprintf("Exception noted for 1 of %d items tested. D-1: The account of one person was suspended nine days after the last day.", workpaper.Whole(f.get("population", "p-AC-03")["row_count"])),
		"CM-01":  "Exception noted for 1 of 120 items tested. D-2: One change was approved by nobody but its author.",
		"INC-01": "The control did not operate: nothing that calls for it occurred in the period. Its operating effectiveness was not tested.",
		"LOG-02": "Exceptions noted for 2 of 10 items tested. D-3: Nobody acted on alert 1 of the sample. D-4: Nobody acted on alert 2 of the sample. The control did not operate effectively.",
	} {
		i := slices.IndexFunc(r.Controls, func(k examination.Control) bool { return k.ID == id })
		if i < 0 || r.Controls[i].Result == nil || r.Controls[i].Result.Text != want {
			t.Errorf("of %s the report says %+v, want %q", id, r.Controls[i].Result, want)
		}
	}
	text := textOf(examination.Report2(r, examination.Final, nil))
	for _, s := range []string{"Qualified opinion", "Criterion concerned: CC7.2.", "1 January 2026 to 31 December 2026"} {
		if !strings.Contains(text, s) {
			t.Errorf("the report does not say %q", s)
		}
	}

	var file bytes.Buffer
	_, err := (&firmfile.Maker{Book: y.fw.Book, Blobs: y.fw.Blobs, Desk: y.desk}).Make(t.Context(), partner, "acme-26", &file)
	y.must(err)
	v, err := firmfile.Verify(bytes.NewReader(file.Bytes()), int64(file.Len()), y.fw.Log.VKey)
	y.must(err)
	for _, c := range v.Claims {
		if !c.OK {
			t.Errorf("the firm's file does not prove: %s %s", c.Claim, c.Detail)
		}
	}
	z, err := zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	y.must(err)
	entries, redrawn := map[int64]bool{}, 0
	for _, m := range z.File {
		open, err := m.Open()
		y.must(err)
		b, err := io.ReadAll(open)
		y.must(err)
		switch {
		case m.Name == "records.jsonl":
			for line := range bytes.Lines(b) {
				var p struct{ Version json.RawMessage }
				var at struct{ Entry int64 }
				y.must(json.Unmarshal(line, &p))
				y.must(json.Unmarshal(p.Version, &at))
				entries[at.Entry] = true
			}
		case strings.HasPrefix(m.Name, "samples/"):
			s, err := redraw.Read(bytes.NewReader(b))
			y.must(err)
			known := redraw.Known{Population: y.rooted(s.Control)}
			if s.Control == "LOG-02" {
				known.Commitment = y.committed(s.Control)
			}
			if again := redraw.Draw(s, known); !again.OK {
				t.Errorf("the sample of %s is not drawn again: %v", s.Control, again.Claims)
			}
			redrawn++
		}
	}
	if redrawn != 4 {
		t.Errorf("%d samples were drawn again from the file alone, want 4", redrawn)
	}
	for _, x := range r.References {
		if !entries[x.Entry] {
			t.Errorf("%s leads to entry %d (%s %s), which the firm's file does not have", x.Code, x.Entry, x.Kind, x.Key)
		}
	}

	path := filepath.Join(t.TempDir(), "company.zip")
	_, _, err = report.PackageFile(t.Context(), report.Options{Book: y.w.Book, Blobs: y.w.Blobs, By: ada, Release: "test"}, path)
	y.must(err)
	if p, err := verify.File(t.Context(), path, verify.Options{Key: y.w.Log.VKey}); err != nil || !p.OK {
		t.Errorf("the company's package does not verify: %v %v", err, p)
	}
	for name, w := range map[string]*workspace.Workspace{"company": y.w, "firm": y.fw} {
		if _, err := w.Book.Verify(t.Context(), nil); err != nil {
			t.Errorf("the ledger of the %s: %v", name, err)
		}
	}
}

// committed and rooted are what the company knows by its own ledger: the firm's commitment, which came before the list, and the
// hash of the list that it drew.
func (y *year) committed(control string) *sample.Hash {
	return y.told(exchange.NonceCommitment, control, "commitment")
}

func (y *year) rooted(control string) *sample.Hash {
	y.t.Helper()
	var h sample.Hash
	found, err := y.c.book.Find(y.t.Context(), y.c.book.DB, population.Name, "of", "gitea_pull_request", 0)
	y.must(err)
	if control != "CM-01" { // the others are tables, whose hash the company does not make
		return nil
	}
	for _, v := range found {
		var b struct {
			Name, Root string
		}
		y.must(json.Unmarshal(v.Body, &b))
		if b.Name == "Changes of the main branch" {
			y.must(h.UnmarshalText([]byte(b.Root)))
			return &h
		}
	}
	y.t.Error("the company's ledger does not know the list that it drew")
	return nil
}

func (y *year) told(sort, control, field string) *sample.Hash {
	y.t.Helper()
	found, err := y.c.book.Find(y.t.Context(), y.c.book.DB, exchange.FirmItem, "sort", sort, 0)
	y.must(err)
	for _, v := range found {
		var b struct{ Content map[string]any }
		y.must(json.Unmarshal(v.Body, &b))
		if s, _ := b.Content[field].(string); b.Content["control"] == control {
			var h sample.Hash
			y.must(h.UnmarshalText([]byte(s)))
			return &h
		}
	}
	y.t.Errorf("the company was never told the %s of %s", field, control)
	return nil
}
