// Package prometheus reads a Prometheus and its Alertmanager: targets, alerting rules, alerts, silences and, from the blackbox
// exporter, how much of each day what is probed was up. The one rule: a minute without a measurement counts as no minute up.
package prometheus

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/record"
)

// Connector declares the connector.
func Connector() connector.Connector {
	return connector.Connector{
		Limits: connector.Limits{PerMinute: 300, AtOnce: 4},
		Name:   "prometheus", Title: "Prometheus",
		Help: "Targets, alerting rules, alerts and silences of a Prometheus with its Alertmanager, and availability by day from the blackbox exporter.",
		Settings: []connector.Setting{
			{Name: "endpoint", Title: "Prometheus", Required: true, Help: "Its address, such as https://prometheus.acme.example."},
			{Name: "alertmanager", Title: "Alertmanager", Help: "Its address. Empty: alerts and silences are not read."},
			{Name: "user", Title: "User", Help: "Where they ask for a name and password; the same for both."},
			{Name: "password", Title: "Password", Secret: true, Help: "That user's."},
			{Name: "token", Title: "Token", Secret: true, Help: "Where they ask for a bearer token instead; the same for both."},
		},
		Permissions: []connector.Permission{
			{Name: query, Why: "Targets, rules and measurements.", Kinds: []string{kindServer, kindServer + ".rules", kindTarget, kindDay}},
			{Name: manager, Why: "Alerts and silences.", Kinds: []string{kindAlert, kindSilence}},
		},
		Grant: grant,
		Tried: "Tested against replies recorded from Debian's Prometheus 2.42, with measurements that were made up, and replies of Alertmanager written by hand " +
			"after its published description. It never ran against a Prometheus in use.",
		Kinds: []record.Kind{serverKind(), targetKind(), dayKind(), alertKind(), silenceKind()},
		Read:  read,
	}
}

const (
	query   = "Prometheus HTTP API (GET /api/v1)"
	manager = "Alertmanager API (GET /api/v2)"
)

const grant = `Prometheus and Alertmanager know no rights of their own: who reaches them may do everything that is switched on. Let
Tickmark reach them through a proxy that lets only GET through, to /api/v1/alertmanagers, /api/v1/rules, /api/v1/targets and
/api/v1/query_range of Prometheus, and /api/v2/alerts and /api/v2/silences of Alertmanager.
`

// kept is how far back days are read at first: less than Prometheus keeps when nobody says otherwise, for the first day would be half gone.
const kept = 14 * day

const day = 24 * time.Hour

// measured is, for each target and whole day in UTC, the minutes of it for which there is a measurement, ten thousand for each,
// and the minutes at which the probe succeeded.
const measured = "10000 * count_over_time(probe_success[1d:1m]) + sum_over_time(probe_success[1d:1m])"

func read(ctx context.Context, v connector.Values, out connector.Sink) error {
	if err := service(v, out).Read(ctx, v, &days{out}); err != nil {
		return err
	}
	if v["alertmanager"] == "" {
		for _, kind := range []string{kindAlert, kindSilence} {
			out.Missing(connector.Gap{Kind: kind, Reason: "The connection names no Alertmanager."})
		}
		return nil
	}
	at := connector.Values{}
	for name, value := range v {
		at[name] = value
	}
	at["endpoint"] = v["alertmanager"]
	return alertmanager().Read(ctx, at, out)
}

// failed finds Prometheus' own error.
func failed(body []byte) (string, bool) {
	var said struct{ Status, Error string }
	if json.Unmarshal(body, &said) == nil && said.Status == "error" {
		return said.Error, false
	}
	return "", false
}

func sign(v connector.Values, h http.Header) error {
	switch {
	case v["token"] != "":
		h.Set("Authorization", "Bearer "+v["token"])
	case v["user"] != "":
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(v["user"]+":"+v["password"])))
	}
	return nil
}

func service(v connector.Values, out connector.Sink) connector.Service {
	now := out.Now().UTC()
	last := now.Truncate(day) // the end of the last whole day
	first := last
	since := out.Since(kindDay, "")
	if since.IsZero() {
		since = now.Add(-kept)
	}
	if from := since.UTC().Truncate(day).Add(day); from.Before(last) {
		first = from
	}
	span := url.Values{"query": {measured}, "start": {first.Format(time.RFC3339)}, "end": {last.Format(time.RFC3339)}, "step": {"1d"}}
	return connector.Service{
		Base: func(v connector.Values) string { return v["endpoint"] }, Sign: sign, Failed: failed,
		Lists: []connector.List{
			{Kind: kindServer, Path: "/api/v1/alertmanagers", Items: ".", Key: "status", Needs: query, Parts: []connector.Call{
				{Name: "rules", Path: "/api/v1/rules?type=alert", Member: "data.groups", Needs: query}}},
			{Kind: kindTarget, Path: "/api/v1/targets?state=active", Items: "data.activeTargets", Key: "{scrapePool} {scrapeUrl}", Label: "scrapeUrl", Needs: query},
			{Kind: kindDay, Path: "/api/v1/query_range?" + span.Encode(), Items: "data.result", Key: "{metric.job} {metric.instance}", Kept: kept, Needs: query},
		},
	}
}

func alertmanager() connector.Service {
	return connector.Service{
		Base: func(v connector.Values) string { return v["endpoint"] }, Sign: sign,
		Lists: []connector.List{
			{Kind: kindAlert, Path: "/api/v2/alerts", Key: "fingerprint", Label: "labels.alertname", Needs: manager},
			{Kind: kindSilence, Path: "/api/v2/silences", Key: "id", Label: "comment", Needs: manager},
		},
	}
}

// days makes a record of each day of a series.
type days struct{ connector.Sink }

func (d *days) Item(it connector.Item) error {
	if it.Kind != kindDay {
		return d.Sink.Item(it)
	}
	var series struct {
		Metric map[string]string
		Values [][2]json.RawMessage
	}
	err := json.Unmarshal(it.Raw, &series)
	if err == nil && series.Values == nil {
		err = errors.New("it has no values")
	}
	for _, v := range series.Values {
		if err != nil {
			break
		}
		var one connector.Item
		if one, err = ofDay(it, series.Metric, v); err == nil {
			if err := d.Sink.Item(one); err != nil {
				return err
			}
		}
	}
	if err != nil {
		d.Missing(connector.Gap{Kind: kindDay, Reason: fmt.Sprintf("The measurements of %s are not as expected: %v.", it.Key, err)})
	}
	return nil
}

// ofDay is the day that ended at the moment of a value.
func ofDay(it connector.Item, metric map[string]string, v [2]json.RawMessage) (connector.Item, error) {
	var at float64
	var said string
	if err := errors.Join(json.Unmarshal(v[0], &at), json.Unmarshal(v[1], &said)); err != nil {
		return it, err
	}
	n, err := strconv.ParseFloat(said, 64)
	if err != nil || n < 0 || n != float64(int64(n)) {
		return it, fmt.Errorf("%q counts no minutes", said)
	}
	minutes, up := int64(n)/10000, int64(n)%10000
	down := minutes - up
	if down < 0 || minutes > 1441 {
		return it, fmt.Errorf("%q counts no minutes of a day", said)
	}
	minutes = min(minutes, 1440) // older releases count both ends of the day
	began := time.Unix(int64(at), 0).UTC().Add(-day)
	body, err := json.Marshal(map[string]any{"job": metric["job"], "instance": metric["instance"], "day": began.Format(time.DateOnly), "ended": began.Add(day), "metric": metric,
		"measured": minutes, "up": max(minutes-down, 0)})
	it.Key, it.Label, it.Body, it.Occurred = it.Key+" "+began.Format(time.DateOnly), metric["instance"], body, began.Add(day)
	return it, err
}
