package prometheus

import "tickmark/internal/record"

// The kinds this connector hands over.
const (
	kindServer  = "prometheus_server"
	kindTarget  = "prometheus_target"
	kindDay     = "prometheus_probe_day"
	kindAlert   = "alertmanager_alert"
	kindSilence = "alertmanager_silence"
)

func kind(name, title, plural, help, label string, fields ...record.Field) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "Prometheus", Collected: true, Label: label, Fields: fields}
}

func field(name, title string, of record.Type) record.Field {
	return record.Field{Name: name, Title: title, Type: of}
}

func text(name, title string) record.Field { return field(name, title, record.Text) }

func object(name, title string, fields ...record.Field) record.Field {
	f := field(name, title, record.Object)
	f.Fields, f.Hidden = fields, true
	return f
}

func list(f record.Field) record.Field { f.List = true; return f }

func volatile(f record.Field) record.Field { f.Volatile, f.Hidden = true, true; return f }

func hidden(f record.Field) record.Field { f.Hidden = true; return f }

func indexed(f record.Field) record.Field { f.Indexed = true; return f }

func serverKind() record.Kind {
	return kind(kindServer, "Prometheus", "Prometheus servers", "A Prometheus: where it sends alerts to, and its alerting rules.", "status",
		hidden(text("status", "Answer")),
		object("data", "Alertmanagers", list(object("activeAlertmanagers", "Sends to", text("url", "Address"))), list(object("droppedAlertmanagers", "Dropped", text("url", "Address")))),
		list(object("rules", "Groups", text("name", "Group"), text("file", "File"), field("interval", "Every (s)", record.Number), field("limit", "Limit", record.Integer),
			volatile(text("lastEvaluation", "Evaluated")), volatile(field("evaluationTime", "Took", record.Number)),
			list(object("rules", "Rules", text("name", "Name"), text("query", "Expression"), field("duration", "For (s)", record.Number), text("health", "Health"), text("type", "Sort"),
				field("labels", "Labels", record.JSON), field("annotations", "Annotations", record.JSON), volatile(text("state", "State")), volatile(field("alerts", "Alerts", record.JSON)),
				volatile(text("lastEvaluation", "Evaluated")), volatile(field("evaluationTime", "Took", record.Number)))))))
}

func targetKind() record.Kind {
	return kind(kindTarget, "Prometheus target", "Prometheus targets", "Something that Prometheus asks for measurements.", "scrapeUrl",
		text("scrapePool", "Job"), text("scrapeUrl", "Address"), indexed(text("health", "Health")), hidden(text("globalUrl", "Address from outside")), hidden(text("lastError", "Last error")),
		volatile(text("lastScrape", "Last asked")), volatile(field("lastScrapeDuration", "Took", record.Number)), hidden(text("scrapeInterval", "Every")), hidden(text("scrapeTimeout", "Time out")),
		hidden(field("labels", "Labels", record.JSON)), hidden(field("discoveredLabels", "Found labels", record.JSON)))
}

func dayKind() record.Kind {
	k := kind(kindDay, "Probed day", "Probed days", "How much of a whole day in UTC something that the blackbox exporter probes was measured, and up.", "instance",
		text("instance", "What"), text("job", "Job"), field("day", "Day", record.Date), hidden(field("ended", "Ended", record.Time)), field("measured", "Minutes measured", record.Integer), field("up", "Minutes up", record.Integer),
		hidden(field("metric", "Labels", record.JSON)))
	k.Occurred = "ended"
	return k
}

func alertKind() record.Kind {
	k := kind(kindAlert, "Firing alert", "Firing alerts", "An alert that stands at Alertmanager.", "fingerprint",
		hidden(indexed(text("fingerprint", "Id"))), object("labels", "Labels", text("alertname", "What"), text("severity", "Severity")), hidden(field("annotations", "Annotations", record.JSON)),
		field("startsAt", "Since", record.Time), volatile(field("endsAt", "Until", record.Time)), volatile(field("updatedAt", "Last heard", record.Time)), hidden(text("generatorURL", "From")),
		object("status", "Status", text("state", "State"), list(text("silencedBy", "Silenced by")), list(text("inhibitedBy", "Inhibited by"))), hidden(field("receivers", "Told to", record.JSON)))
	k.Views = []record.View{{Name: "alert", Fields: map[string]string{"id": `r.fingerprint`, "title": `r.labels.alertname`, "severity": `r.labels.severity.lowerAscii()`, "at": `r.startsAt`}}}
	return k
}

func silenceKind() record.Kind {
	by := text("createdBy", "By")
	by.Personal = true
	return kind(kindSilence, "Silence", "Silences", "A span in which Alertmanager tells nobody of some alerts.", "comment",
		hidden(indexed(text("id", "Id"))), text("comment", "Why"), by, field("startsAt", "From", record.Time), field("endsAt", "Until", record.Time), volatile(field("updatedAt", "Changed", record.Time)),
		object("status", "Status", text("state", "State")), hidden(field("matchers", "Which", record.JSON)))
}
