package api_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/api"
	"tickmark/internal/check"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/standing"
)

func TestAProofHoldsWithoutTheServer(t *testing.T) {
	each(t, func(f *fixture) {
		for i := range 5 {
			f.want(201, f.send("PUT", fmt.Sprintf("/api/v1/records/safe/%d", i), `{"name":"n","pin":"hunter2"}`))
		}
		var old api.Checkpoint
		f.want(200, f.send("GET", "/api/v1/ledger/checkpoint", "")).into(f, &old)
		f.want(201, f.send("PUT", "/api/v1/records/safe/later", `{"name":"later"}`))
		var p api.Proof
		f.want(200, f.send("GET", "/api/v1/records/safe/2/proof", "")).into(f, &p)
		point, err := merkle.OpenCheckpoint([]byte(p.Checkpoint), old.Key)
		if err != nil {
			f.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(p.Leaf)
		if err != nil {
			f.Fatal(err)
		}
		if err := tlog.CheckRecord(hashes(f, p.Inclusion), point.Size, point.Root, p.Entry, tlog.RecordHash(raw)); err != nil {
			f.Error(err)
		}
		leaf, err := merkle.ParseLeaf(raw)
		if err != nil || leaf.Commitment != record.Commitment(p.Version) || p.Version.Key != "2" {
			f.Errorf("the entry does not commit to the version: %v %+v", err, p.Version)
		}
		was, err := merkle.OpenCheckpoint([]byte(old.Checkpoint), old.Key)
		if err != nil {
			f.Fatal(err)
		}
		var c api.Consistency
		f.want(200, f.send("GET", fmt.Sprintf("/api/v1/ledger/consistency?old=%d&size=%d", was.Size, point.Size), "")).into(f, &c)
		if err := tlog.CheckTree(hashes(f, c.Proof), point.Size, point.Root, was.Size, was.Root); err != nil {
			f.Error(err)
		}
		var in api.Inclusion
		f.want(200, f.send("GET", fmt.Sprintf("/api/v1/ledger/inclusion?entry=%d&size=%d", p.Entry, point.Size), "")).into(f, &in)
		if strings.Join(in.Proof, "") != strings.Join(p.Inclusion, "") || in.Leaf != p.Leaf {
			f.Errorf("%+v", in)
		}
		var entries []api.Entry
		f.want(200, f.send("GET", fmt.Sprintf("/api/v1/ledger/entries?from=%d&limit=1", p.Entry), "")).into(f, &entries)
		if len(entries) != 1 || entries[0].Leaf != p.Leaf || entries[0].Type != merkle.LeafVersion {
			f.Errorf("%+v", entries)
		}
		var head api.Head
		if f.want(200, f.send("GET", "/api/v1/ledger", "")).into(f, &head); head.Size != point.Size || head.Key != old.Key {
			f.Errorf("%+v", head)
		}
	})
}

func hashes(f *fixture, text []string) []tlog.Hash {
	f.Helper()
	out := make([]tlog.Hash, len(text))
	for i, s := range text {
		h, err := tlog.ParseHash(s)
		if err != nil {
			f.Fatal(err)
		}
		out[i] = h
	}
	return out
}

func TestActionsAreListedNewestFirst(t *testing.T) {
	each(t, func(f *fixture) {
		f.want(201, f.send("PUT", "/api/v1/records/safe/a", `{"name":"a"}`))
		f.want(204, f.send("DELETE", "/api/v1/records/safe/a?reason=sold", ""))
		var all, first, second api.Actions
		f.want(200, f.send("GET", "/api/v1/actions", "")).into(f, &all)
		if len(all.Actions) < 2 || all.Actions[0].Verb != "record.closed" || all.Actions[0].Subject != "safe/a" || all.Next != 0 {
			f.Fatalf("%+v", all)
		}
		f.want(200, f.send("GET", "/api/v1/actions?limit=1", "")).into(f, &first)
		f.want(200, f.send("GET", fmt.Sprintf("/api/v1/actions?limit=1&below=%d", first.Next), "")).into(f, &second)
		if len(first.Actions) != 1 || first.Actions[0].Entry != all.Actions[0].Entry || second.Actions[0].Entry != all.Actions[1].Entry {
			f.Errorf("%+v %+v", first, second)
		}
	})
}

func TestTheWorkspaceTellsWhatItHoldsAndWhereItStands(t *testing.T) {
	each(t, func(f *fixture) {
		var me api.Me
		if f.want(200, f.send("GET", "/api/v1/me", "")).into(f, &me); me.User != "olga" || me.Scope != "write" {
			f.Errorf("%+v", me)
		}
		f.want(201, f.send("PUT", "/api/v1/records/custom_field/shelf", `{"kind":"safe","name":"shelf","title":"Shelf","type":"integer"}`))
		f.want(201, f.send("PUT", "/api/v1/records/safe/a", `{"name":"Vault","custom":{"shelf":3}}`))
		var kind api.Declaration
		if f.want(200, f.send("GET", "/api/v1/kinds/safe", "")).into(f, &kind); len(kind.Custom) != 1 || kind.Custom[0].Name != "shelf" || len(kind.Fields) == 0 {
			f.Errorf("%+v", kind)
		}
		var kinds []api.Declaration
		f.want(200, f.send("GET", "/api/v1/kinds", "")).into(f, &kinds)
		for _, k := range kinds {
			if k.Name == "safe" && *k.Records != 1 {
				f.Errorf("%d safes", *k.Records)
			}
		}
		var found []api.Found
		if f.want(200, f.send("GET", "/api/v1/search?q=vau", "")).into(f, &found); len(found) != 1 || found[0].Key != "a" {
			f.Errorf("%+v", found)
		}
		var status api.Status
		f.want(200, f.send("GET", "/api/v1/status", "")).into(f, &status)
		if status.Checks.Pass != 0 || status.Checks.Fail != 0 || status.Checks.Unknown == 0 {
			f.Errorf("an empty workspace stands at %+v", status.Checks)
		}
		var checks []api.CheckState
		if f.want(200, f.send("GET", "/api/v1/checks", "")).into(f, &checks); len(checks) == 0 {
			f.Fatal("no checks")
		}
		f.want(200, f.send("GET", "/api/v1/checks/"+checks[0].ID+"/window?from=2026-01-01T00:00:00Z", ""))
		f.want(404, f.send("GET", "/api/v1/checks/nothing/window?from=2026-01-01T00:00:00Z", ""))
		f.want(200, f.send("GET", "/api/v1/results?status=fail", ""))
		f.want(200, f.send("GET", "/api/v1/coverage", ""))
		f.want(404, f.send("GET", "/api/v1/runs/7/exchanges", ""))
	})
}

func TestAnswersOfChecksAreListedAndSummedUp(t *testing.T) {
	each(t, func(f *fixture) {
		f.want(200, f.send("POST", "/api/v1/import/person", "id,name,email,start,manager\nada,Ada,ada@example.org,2025-01-01,\nbob,Bob,bob@example.org,2025-01-01,ada\n", "Content-Type", "text/csv"))
		if _, err := f.monitor.Evaluate(f.Context(), check.Options{}); err != nil {
			f.Fatal(err)
		}
		var all, of api.Results
		f.want(200, f.send("GET", "/api/v1/results?kind=person", "")).into(f, &all)
		if len(all.Results) == 0 {
			f.Fatal("no check answered anything about a person")
		}
		r := all.Results[0]
		f.want(200, f.send("GET", "/api/v1/results?check="+r.Check+"&key="+r.Key+"&from="+url.QueryEscape(r.Known.String()), "")).into(f, &of)
		if len(of.Results) != 1 || of.Results[0].Check != r.Check || of.Results[0].Entry == 0 {
			f.Errorf("%+v", of)
		}
		var first, second api.Results
		f.want(200, f.send("GET", "/api/v1/results?kind=person&limit=1", "")).into(f, &first)
		f.want(200, f.send("GET", "/api/v1/results?kind=person&limit=1&after="+first.Next, "")).into(f, &second)
		if len(first.Results) != 1 || len(second.Results) != 1 || first.Results[0] != all.Results[0] || second.Results[0] != all.Results[1] {
			f.Errorf("%+v, then %+v", first, second)
		}
		from, to := r.Known.Time().Add(-time.Hour).Format(time.RFC3339Nano), r.Known.Time().Format(time.RFC3339Nano)
		var status api.Status
		f.want(200, f.send("GET", "/api/v1/status?from="+from+"&to="+to, "")).into(f, &status)
		var checks []api.CheckState
		f.want(200, f.send("GET", "/api/v1/checks", "")).into(f, &checks)
		sum, n := 0.0, 0.0
		for _, c := range checks {
			if c.Off {
				continue
			}
			var w check.Window
			f.want(200, f.send("GET", "/api/v1/checks/"+c.ID+"/window?from="+from+"&to="+to, "")).into(f, &w)
			sum, n = sum+w.Percent, n+1
		}
		if d := status.Coverage - sum/n; d > 1e-9 || d < -1e-9 {
			f.Errorf("coverage %v, and by each check's window %v", status.Coverage, sum/n)
		}
		if got := status.Checks.Pass + status.Checks.Fail + status.Checks.Unknown + status.Checks.NotApplicable + status.Unconnected; got != int64(n) {
			f.Errorf("%d checks of %v", got, n)
		}
		var went standing.Effect
		f.want(200, f.send("GET", "/api/v1/effectiveness/"+r.Check, "")).into(f, &went)
		if went.Of != "check" || went.ID != r.Check || went.Checked != 1 || went.Coverage >= 100 || len(went.Gaps) == 0 || len(went.Stretches) == 0 || went.Hours.Fail > 0 != (r.Status == check.Fail) {
			f.Errorf("%+v", went)
		}
		f.want(404, f.send("GET", "/api/v1/effectiveness/NOTHING-01", ""))
		f.want(422, f.send("GET", "/api/v1/effectiveness/"+r.Check+"?from=2026-02-01&to=2026-01-01", ""))
		var tested check.Tested
		begun := url.QueryEscape(r.Known.Time().Add(-time.Hour).Format(time.RFC3339Nano))
		f.want(200, f.send("GET", "/api/v1/checks/"+r.Check+"/backtest?from="+begun, "")).into(f, &tested)
		if tested.Check != r.Check || tested.Records != 2 || len(tested.Results) == 0 || tested.Flipped != 0 || len(tested.Pairs) != 1 || tested.Pairs[0].Was != check.Unanswered {
			f.Errorf("the check itself would have answered otherwise: %+v", tested)
		}
		file := "id: NEW-01\ntitle: People are Ada\nfor: person\nexpect: r.id == settings.who\nbecause: '\"no\"'\nseverity: low\nwhy: Tried.\nfix: {console: be Ada}\nsettings: {who: ada}\nexamples:\n  - {name: a, record: {id: ada}, expect: pass}\n  - {name: b, record: {id: bob}, expect: fail}\n"
		tested = check.Tested{}
		f.want(200, f.send("POST", "/api/v1/checks/backtest?from="+begun, file, "Content-Type", "application/yaml")).into(f, &tested)
		if tested.Check != "NEW-01" || len(tested.Results) != 2 || len(tested.Differences) != 2 || len(tested.Pairs) != 2 || tested.Differences[0].Was != check.Unanswered {
			f.Errorf("%+v", tested)
		}
		f.want(422, f.send("POST", "/api/v1/checks/backtest?from="+begun, strings.Replace(file, "expect: fail", "expect: pass", 1), "Content-Type", "application/yaml"))
		f.want(422, f.send("GET", "/api/v1/checks/"+r.Check+"/backtest?from="+begun+"&settings="+url.QueryEscape(`{"nothing":1}`), ""))
		f.want(404, f.send("GET", "/api/v1/checks/NOTHING-01/backtest?from="+begun, ""))
	})
}
