package cli

import "strings"

// examples are lines to copy, as they stand below the description in a command's help.
func examples(lines ...string) string {
	return "Such as\n\n    " + strings.Join(lines, "\n    ")
}

func (upCommand) Help() string {
	return examples("tickmark up", "tickmark up --once", "tickmark up --repo ../our-service --listen 127.0.0.1:9000")
}

func (demoCommand) Help() string {
	return examples("tickmark demo --data ./demo", "tickmark demo --data ./small --people 30 --months 6")
}

func (recordsCommand) Help() string {
	return examples("tickmark records", "tickmark records control --where 'r.state == \"draft\"'", "tickmark records person --as-of 2026-01-31", "tickmark records control --history AC-01")
}

func (resultsCommand) Help() string {
	return examples("tickmark results --status fail", "tickmark results --check HOST-26 --from 2026-03-01 --to 2026-03-31")
}

func (statusCommand) Help() string {
	return examples("tickmark status", "tickmark status --as-of 2026-01-31", "tickmark status --from 2026-03-01 --to 2026-03-31 --json")
}

func (gapsCommand) Help() string {
	return examples("tickmark gaps", "tickmark gaps --severity high", "tickmark gaps --sort policy --json")
}

func (actCommand) Help() string {
	return examples("tickmark act control AC-01", "tickmark act control AC-01 approve", "tickmark act control PHY-01 retire --say retired_reason='There is no office.'")
}

func (putCommand) Help() string {
	return examples("tickmark put person --file ada.yaml", "tickmark put commitment SC-02 --file - --reason 'as agreed with customers'")
}

func (importCommand) Help() string {
	return examples("tickmark import people.csv --kind person")
}

func (exportCommand) Help() string {
	return examples("tickmark export programme", "tickmark export --kind person --out people.xlsx", "tickmark export --kind finding --format json")
}

func (applyCommand) Help() string {
	return examples("tickmark apply programme", "tickmark apply programme --yes --reason 'owners named'")
}

func (startCommand) Help() string {
	return examples("tickmark start --file start.yaml --draft", "tickmark start --file start.yaml")
}

func (policyNewCommand) Help() string {
	return examples("tickmark policy new access-control", "tickmark policy new access --template access-control")
}

func (wordingCommand) Help() string {
	return examples("tickmark wording README.md site/*.html")
}

func (checkTest) Help() string {
	return examples("tickmark check test", "tickmark check test tickmark-data/checks")
}

func (reportReadiness) Help() string {
	return examples("tickmark report readiness --out report.pdf", "tickmark report readiness --from 2026-01-01 --to 2026-12-31 --out year.html")
}

func (packageCommand) Help() string {
	return examples("tickmark package --out evidence.zip", "tickmark package --out evidence.zip --redact")
}

func (verifyCommand) Help() string {
	return examples("tickmark verify evidence.zip --key 'tickmark/…'", "tickmark verify ac-01.json")
}

func (auditSampleRedraw) Help() string {
	return examples("tickmark audit sample redraw sample.json", "tickmark audit sample redraw sample.json --json")
}

func (ledgerConsistency) Help() string {
	return examples("tickmark ledger consistency 812", "tickmark ledger consistency 812 4096 --json")
}

func (ledgerProve) Help() string {
	return examples("tickmark ledger prove control AC-01 --out ac-01.json", "tickmark ledger prove finding F-7 --as-of 2026-01-31")
}

func (userAdd) Help() string {
	return examples("tickmark user add ada --name 'Ada Example' --email ada@example.com --role lead --person p1")
}
