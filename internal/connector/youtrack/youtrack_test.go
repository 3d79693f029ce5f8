package youtrack

import (
	"strings"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
)

func suite(t *testing.T) connectortest.Suite {
	return connectortest.Suite{Now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Cassette: connectortest.Load(t, "testdata/cassette.json"), Secrets: []string{"perm:SECRET-token-of-youtrack"},
		Values: connector.Values{"site": "example.youtrack.cloud", "projects": "OPS", "token": "perm:SECRET-token-of-youtrack", "fields": "risk = Risk\nrollback = Rollback\ntests = Tests"}}
}

func TestYouTrackConforms(t *testing.T) { connectortest.Run(t, Connector(), suite(t)) }

func tickets(t *testing.T, s connectortest.Suite) map[string]string {
	out := map[string]string{}
	for _, it := range connectortest.Play(t, Connector(), s).Items(kindIssue) {
		for _, p := range it.Parts {
			if p.Name == "ticket" {
				out[it.Label] = string(p.JSON) + p.Gap
			}
		}
	}
	return out
}

func TestWhoApprovedComesFromTheHistory(t *testing.T) {
	got := tickets(t, suite(t))
	for name, wants := range map[string][]string{
		"OPS-2": {`"type":"change"`, `"approver":"1-1"`, `"approver_email":"ada@example.com"`, `"approved_at":"2026-01-06T10:00:00Z"`, `"closed":"2026-01-07T10:00:00Z"`, `"requester":"1-2"`,
			`"assignee":"1-2"`, `"filled":["risk"]`, `"empty":["rollback","tests"]`, `"due":"2026-01-31"`, `"severity":"critical"`, `"emergency":true`},
		"OPS-1": {`"type":"incident"`, `"approver":null`, `"closed":null`, `"assignee":null`},
	} {
		for _, want := range wants {
			if !strings.Contains(got[name], want) {
				t.Errorf("%s lacks %s: %s", name, want, got[name])
			}
		}
	}
}

func TestAnIssueWhoseStateIsNotSeenMakesNoTicket(t *testing.T) {
	s := suite(t)
	for request, reply := range s.Cassette {
		reply.Body = strings.Replace(reply.Body, `"name": "State"`, `"name": "Stage"`, 1)
		s.Cassette[request] = reply
	}
	r := connectortest.Play(t, Connector(), s)
	if got := tickets(t, s)["OPS-2"]; !strings.Contains(got, "no field that says its state") || r.Whole() {
		t.Errorf("%s, %v", got, r.Gaps())
	}
}
