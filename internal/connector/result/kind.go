package result

import (
	"tickmark/internal/record"
)

// Kinds are the kinds of results.
func Kinds() []record.Kind {
	text := func(name, help string) record.Field { return record.Field{Name: name, Type: record.Text, Help: help} }
	ix := func(f record.Field) record.Field { f.Indexed = true; return f }
	tool := ix(text("tool", "Which tool says so."))
	target := ix(text("target", "What it looked at."))
	severity := ix(record.Field{Name: "severity", Type: record.Choice, Choices: []string{"critical", "high", "medium", "low", "info"}, Help: "In Tickmark's words; missing where the tool gave none."})
	controls := record.Field{Name: "controls", Type: record.Text, List: true, Indexed: true, Help: "The controls that the mapping named for the rule when it was imported."}
	return []record.Kind{
		{Name: ScanKind, Title: "Scan", Group: "Results", Label: "target", Collected: true,
			Help: "The last look of one tool at one target, as an imported file says; its history is every scan before.",
			Fields: []record.Field{tool, text("version", "Of the tool."), target, text("profile", "Which set of rules."), text("format", ""), text("command", "How the tool was called, as whoever imported it said."),
				{Name: "at", Title: "Scanned", Type: record.Time, Indexed: true, Help: "When the tool ran."}, {Name: "ok", Type: record.Bool}, {Name: "found", Type: record.Integer, Help: "How many things it said."},
				{Name: "file_name", Title: "File", Type: record.Text}, {Name: "sha256", Title: "SHA-256 of the file", Type: record.Text, Indexed: true, Hidden: true}, {Name: "size", Title: "Bytes", Type: record.Integer, Hidden: true}}},
		{Name: FlawKind, Title: "Vulnerability", Plural: "Vulnerabilities", Group: "Results", Label: "title", Since: "detected", Collected: true,
			Help: "A weakness that a scanner found in something. It is closed when a later scan by the same tool of the same target does not find it.",
			Fields: []record.Field{text("id", ""), tool, target, ix(text("vulnerability", "Its number, such as CVE-2024-3094.")), text("title", ""), severity,
				ix(text("asset", "What has it: a package, a file, a resource.")), text("version", "Installed."), text("fixed_version", "In which it is mended."), {Name: "score", Type: record.Number, Help: "CVSS, as the tool says."},
				{Name: "detected", Type: record.Time, Help: "When the tool first saw it; where it does not say, when it was first imported."}, {Name: "fixed", Type: record.Time},
				ix(record.Field{Name: "state", Type: record.Choice, Choices: []string{"open", "fixed", "dismissed"}}), text("reason", "Why it was dismissed."), {Name: "url", Type: record.Text}},
			Views: []record.View{{Name: "vulnerability", Fields: map[string]string{"id": "r.id", "title": "r.title", "severity": "r.severity", "asset": "r.asset", "detected": "r.detected", "fixed": "r.fixed", "state": "r.state", "tool": "r.tool"}}}},
		{Name: RuleKind, Title: "Rule result", Group: "Results", Label: "title", Collected: true,
			Help: "What another tool's rule answered for one resource.",
			Fields: []record.Field{text("id", ""), tool, target, ix(text("rule", "The tool's id of the rule.")), text("title", ""), ix(text("resource", "")),
				ix(record.Field{Name: "status", Type: record.Choice, Choices: []string{"pass", "fail", "unknown", "not_applicable"}, Help: "In Tickmark's words; what the tool could not tell, or leaves to a person, is unknown."}),
				{Name: "holds", Type: record.Bool, Help: "True when it passed, false when it failed; missing when nobody can tell."}, severity, text("reason", "What the tool says of it."), controls, {Name: "mapped", Type: record.Bool, Indexed: true, Help: "A control is named for the rule."}}},
		{Name: PartKind, Title: "Software component", Group: "Results", Label: "name", Collected: true,
			Help:   "A part of a software, from its bill of materials.",
			Fields: []record.Field{text("id", ""), tool, text("name", ""), text("version", ""), text("type", ""), {Name: "licenses", Type: record.Text, List: true}, text("purl", "Package URL.")}},
		{Name: DeviceKind, Title: "Device in osquery", Plural: "Devices in osquery", Group: "Results", Label: "name", Collected: true,
			Help: "A machine as osquery's scheduled queries describe it.",
			Fields: []record.Field{text("id", "osquery's id of the machine."), tool, text("name", ""), text("os", ""), text("os_version", ""), {Name: "encrypted", Type: record.Bool}, {Name: "firewall", Type: record.Bool},
				{Name: "screen_lock", Type: record.Bool}, {Name: "screen_lock_delay", Type: record.Integer, Help: "Seconds."}, {Name: "removable", Title: "Removable storage", Type: record.Bool, Help: "Some is plugged in."}, {Name: "removable_devices", Type: record.Text, List: true},
				{Name: "last_seen", Type: record.Time, Volatile: true}},
			Views: []record.View{{Name: "device", Fields: map[string]string{"id": "r.id", "name": "r.name", "os": "r.os", "os_version": "r.os_version", "encrypted": "r.encrypted", "firewall": "r.firewall", "screen_lock": "r.screen_lock", "last_seen": "r.last_seen"}}}},
		{Name: RowKind, Title: "Change of a watched file", Plural: "Changes of watched files", Group: "Results", Label: "path", Occurred: "at", Collected: true,
			Help:   "What osquery saw happen to a file that it watches (file_events).",
			Fields: []record.Field{text("id", ""), tool, ix(text("host", "")), ix(text("path", "")), text("action", ""), {Name: "at", Type: record.Time}, text("file_sha256", ""), text("category", "")}},
	}
}
