package workspace

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/record"
)

// A ticket that was listed and could not be understood may be the one that is looked for: that none was found is unknown then, and no
// failure. What does not read that part of tickets is answered as before.
func TestThatNoTicketWasFoundIsUnknownWhileOneWentUnread(t *testing.T) {
	w := opened(t)
	at := time.Now().UTC().Truncate(time.Second).Add(-30 * 24 * time.Hour)
	w.Log.Clock = func() time.Time { return at }
	days := func(n int) string { return at.AddDate(0, 0, n).Format(time.RFC3339) }
	began := days(-20)
	unread, down := "", false
	alerts := []string{"a1"}
	kinds := func(name string) []record.Kind {
		c, err := w.Collect.Connector(name)
		if err != nil {
			t.Fatal(err)
		}
		return c.Kinds
	}
	read := func(name string, each func(out connector.Sink) error) connector.Connector {
		all := kinds(name)
		return connector.Connector{Name: name, Title: name, Kinds: all, Read: func(_ context.Context, _ connector.Values, out connector.Sink) error {
			if err := each(out); err != nil {
				return err
			}
			for _, k := range all {
				if k.Name != "jira_issue" {
					out.Complete(k.Name, "")
				}
			}
			return nil
		}}
	}
	item := func(out connector.Sink, kind, key, scope, body string, parts ...connector.Part) error {
		return out.Item(connector.Item{Kind: kind, Key: key, Scope: scope, Raw: []byte(body), Occurred: at.AddDate(0, 0, -1), Parts: parts})
	}
	w.Collect.Connectors = []connector.Connector{
		read("jira", func(out connector.Sink) error {
			for _, project := range []string{"OPS", "DEV"} {
				if down && project == "DEV" {
					out.Missing(connector.Gap{Kind: "jira_issue", Scope: project, Denied: true, Reason: "The project was refused."})
					continue
				}
				ticket := connector.Part{Name: "ticket", JSON: []byte(`{"type":"other","rejected":false,"filled":["alert"],"empty":[],"alert":"another"}`)}
				if unread == project {
					ticket = connector.Part{Name: "ticket", Gap: "The issue is not as expected."}
				}
				if err := item(out, "jira_issue", project+"1", project, fmt.Sprintf(`{"id":%q,"key":%q,"self":"https://x.example/rest/api/3/issue/1","fields":{"summary":"Something"}}`, project, project+"-1"), ticket); err != nil {
					return err
				}
				out.Through("jira_issue", project, out.Now())
			}
			return nil
		}),
		read("prometheus", func(out connector.Sink) error {
			for _, a := range alerts {
				if err := item(out, "alertmanager_alert", a, "", fmt.Sprintf(`{"fingerprint":%q,"labels":{"alertname":"Down","severity":"critical"},"startsAt":%q}`, a, began)); err != nil {
					return err
				}
			}
			return nil
		}),
		read("okta", func(out connector.Sink) error {
			return item(out, "okta_event", "e1", "", fmt.Sprintf(`{"uuid":"e1","eventType":"application.user_membership.add","published":%q,"outcome":{"result":"SUCCESS"},"actor":{"alternateId":"bob@example.org"},
				"target":[{"id":"00u1","type":"User","alternateId":"ada@example.org","displayName":"Ada"},{"id":"0oa1","type":"AppInstance","displayName":"Billing"}]}`, began))
		}),
	}
	by := record.Job("person:ada")
	if _, err := w.Book.Put(t.Context(), by, record.Change{Kind: "person", Key: "ada", Body: []byte(`{"id":"ada","name":"Ada","email":"ada@example.org"}`)}); err != nil {
		t.Fatal(err)
	}
	for _, c := range w.Collect.Connectors {
		if _, err := w.Collect.Add(t.Context(), by, collect.Connection{Name: c.Name, Connector: c.Name, Every: "24h"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	step := func(what string, want check.Status, says string) {
		t.Helper()
		for _, c := range w.Collect.Connectors {
			if _, err := w.Collect.Run(t.Context(), c.Name, nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, full := range []bool{false, true} {
			if _, err := w.Monitor.Evaluate(t.Context(), check.Options{Full: full}); err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, id := range []string{"JOIN-03", "JOIN-13"} {
				page, err := w.Monitor.Results(t.Context(), check.Filter{Check: id, Limit: 100})
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page.Results {
					if n++; r.Status != want || !strings.Contains(r.Reason, says) {
						t.Errorf("%s: %s about %s is %s, and not %s: %s", what, id, r.Key, r.Status, want, r.Reason)
					}
				}
			}
			if n != 1+len(alerts) {
				t.Errorf("%s: %d answers", what, n)
			}
		}
		if again, err := w.Monitor.Recheck(t.Context(), check.RecheckOptions{Checks: []string{"JOIN-03", "JOIN-13"}}); err != nil || again.Differ > 0 {
			t.Errorf("%s: judged again: %+v %v", what, again.Differences, err)
		}
		at = at.Add(24 * time.Hour)
	}
	step("every ticket was read", check.Fail, "")
	unread = "DEV"
	alerts = append(alerts, "a2")
	step("one ticket went unread", check.Unknown, "ticket of jira issues in DEV")
	unread = ""
	step("every ticket was read again", check.Fail, "")
	down = true
	alerts = append(alerts, "a3")
	step("one project was refused", check.Unknown, "jira issues in DEV")
	down = false
	step("everything was read again", check.Fail, "")
	at = at.Add(90 * time.Hour)
	step("nothing is new, and the parts stand", check.Fail, "")
}
