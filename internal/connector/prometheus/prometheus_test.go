package prometheus

import (
	"context"
	"strings"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
)

func suite(t *testing.T) connectortest.Suite {
	return connectortest.Suite{Now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Cassette: connectortest.Load(t, "testdata/cassette.json"), Again: connectortest.Load(t, "testdata/again.json"),
		Secrets: []string{"SECRET-token-of-prometheus"}, Values: connector.Values{"token": "SECRET-token-of-prometheus"}}
}

// both is the connector with the Alertmanager at the address of the Prometheus.
func both() connector.Connector {
	c := Connector()
	read := c.Read
	c.Read = func(ctx context.Context, v connector.Values, out connector.Sink) error {
		v["alertmanager"] = v["endpoint"]
		return read(ctx, v, out)
	}
	return c
}

func TestPrometheusConforms(t *testing.T) { connectortest.Run(t, both(), suite(t)) }

func TestEachProbedDaySaysHowMuchOfItWasUp(t *testing.T) {
	got := map[string]string{}
	for _, it := range connectortest.Play(t, both(), suite(t)).Items(kindDay) {
		got[it.Key] = string(it.Body)
	}
	for key, want := range map[string]string{
		"web https://app.example.com 2026-02-27": `"measured":1440,"metric":{"instance":"https://app.example.com","job":"web"},"up":1440`,
		"web https://old.example.com 2026-02-28": `"measured":1440,"metric":{"instance":"https://old.example.com","job":"web"},"up":1296`, // 144 minutes of it were down
	} {
		if !strings.Contains(got[key], want) {
			t.Errorf("%s: %s", key, got[key])
		}
	}
	if len(got) != 4 {
		t.Errorf("%v", got)
	}
}

func TestWhatCountsNoMinutesIsAGap(t *testing.T) {
	for _, said := range []string{"NaN", "-1", "5.5", "10005", "14430001", "x"} {
		s := suite(t)
		for request, reply := range s.Cassette {
			reply.Body = strings.Replace(reply.Body, `"14411297"`, `"`+said+`"`, 1)
			s.Cassette[request] = reply
		}
		if r := connectortest.Play(t, both(), s); r.Whole() {
			t.Errorf("%s is taken for minutes", said)
		}
	}
}

func TestWithoutAnAlertmanagerAlertsAreMissing(t *testing.T) {
	s := suite(t)
	for _, at := range []string{"/api/v2/alerts", "/api/v2/silences"} {
		delete(s.Cassette, at)
	}
	if r := connectortest.Play(t, Connector(), s); len(r.Gaps()) != 2 || r.Completed(kindAlert, "") {
		t.Errorf("%v", r.Gaps())
	}
}
