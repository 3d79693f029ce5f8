// Package push is what other tools send: deployments, test runs, backups and restore tests, which no service tells afterwards.
// The one rule: nothing is asked of anybody; a connection of it takes only the kinds it was made for, from whoever holds its
// token, and what it took is forwarded, never collected.
package push

import (
	"context"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// The kinds that only pushing knows.
const (
	Deployment  = "ci_deployment"
	TestRun     = "test_run"
	BackupJob   = "backup_job"
	RestoreTest = "restore_test"
)

// Connector returns the connector. Of its connections, the interval says how often something is expected.
func Connector() connector.Connector {
	return connector.Connector{
		Name: "push", Title: "Push", Sent: true, Origin: record.Forwarded,
		Help: "Takes what other tools send: deployments, test runs, backups, or any kind that is read from sources. Each connection has a token of its own and takes only the kinds it was made for.",
		Settings: []connector.Setting{{Name: "kinds", Title: "Kinds", Required: true,
			Help: "What may be sent, parted by commas, such as ci_deployment, test_run, backup_job, restore_test."}},
		Tried: "Runs of up to a million records over HTTP, with the sender and the server killed in the middle.",
		Kinds: Kinds(),
		Read: func(context.Context, connector.Values, connector.Sink) error {
			return fault.New(fault.Invalid, "Nothing is read from a connection that is sent to.")
		},
	}
}

func field(name string, t record.Type, help string) record.Field {
	return record.Field{Name: name, Type: t, Help: help}
}

func needed(f record.Field) record.Field  { f.Required = true; return f }
func indexed(f record.Field) record.Field { f.Indexed = true; return f }

// Kinds are the events that are sent.
func Kinds() []record.Kind {
	id := needed(field("id", record.Text, "The sender's own id of it; the record's key."))
	at := needed(field("at", record.Time, "When it ended."))
	url := field("url", record.URL, "Where it can be looked at.")
	return []record.Kind{
		{Name: Deployment, Title: "Deployment", Group: "Delivery", Label: "system", Occurred: "at", Collected: true,
			Help: "A version brought to an environment, as the pipeline that did it says.",
			Fields: []record.Field{id, indexed(needed(field("system", record.Text, "What was deployed."))), indexed(needed(field("environment", record.Text, "Such as production."))),
				indexed(needed(field("commit", record.Text, "The commit's full id."))), at, {Name: "by", Title: "Deployed by", Type: record.Text, Personal: true, Help: "The account that began it."},
				indexed(needed(record.Field{Name: "status", Type: record.Choice, Choices: []string{"success", "failure", "cancelled", "rolled_back"}})),
				field("version", record.Text, ""), field("repository", record.Text, ""), field("pipeline", record.Text, ""), url},
			Views: []record.View{{Name: "deployment", Fields: map[string]string{"id": "r.id", "system": "r.system", "environment": "r.environment", "commit": "r.commit", "at": "r.at", "by": "r.by", "status": "r.status"}}}},
		{Name: TestRun, Title: "Test run", Group: "Delivery", Label: "suite", Occurred: "at", Collected: true,
			Help: "One run of a test suite, with its counts, as the pipeline or a JUnit file says.",
			Fields: []record.Field{id, indexed(needed(field("suite", record.Text, "What was run."))), at, indexed(field("commit", record.Text, "The commit that was tested.")), field("repository", record.Text, ""),
				needed(field("tests", record.Integer, "How many there are.")), needed(field("failed", record.Integer, "How many failed or broke.")), field("skipped", record.Integer, "How many were not run."),
				field("seconds", record.Number, "How long it took."), {Name: "failures", Type: record.JSON, Hidden: true, Help: "The names of those that failed."},
				indexed(needed(field("ok", record.Bool, "Nothing failed and something ran."))), url}},
		{Name: BackupJob, Title: "Backup", Group: "Backup", Label: "asset", Occurred: "at", Collected: true,
			Help: "One backup of one store, done or failed.",
			Fields: []record.Field{id, indexed(needed(field("asset", record.Text, "What was backed up."))), at, indexed(needed(field("ok", record.Bool, "It succeeded."))),
				field("reason", record.Text, "Why it failed."), field("bytes", record.Integer, ""), field("recovery_point", record.Time, "The moment that it can bring back."),
				field("elsewhere", record.Bool, "A copy stands in another region, account or place."), field("locked", record.Bool, "Production's administrators cannot delete the copy."),
				field("encrypted", record.Bool, ""), field("ticket", record.Text, "Where a failure is followed up."), url},
			Views: []record.View{{Name: "backup", Fields: map[string]string{"id": "r.id", "asset": "r.asset", "at": "r.at", "ok": "r.ok"}}}},
		{Name: RestoreTest, Title: "Restore test", Group: "Backup", Label: "asset", Occurred: "at", Collected: true,
			Help: "One test that a backup can be restored, with what it took.",
			Fields: []record.Field{id, indexed(needed(field("asset", record.Text, "What was restored."))), at, indexed(needed(field("ok", record.Bool, "It was restored and looked at."))),
				field("minutes", record.Number, "How long it took until it could be used."), field("within_minutes", record.Number, "The recovery time that is promised."),
				field("lost_minutes", record.Number, "How much before the failure the restored state was."), field("lost_within_minutes", record.Number, "The recovery point that is promised."),
				field("follow_up", record.Text, "The action that was begun where it did not hold."), {Name: "by", Title: "Tested by", Type: record.Text, Personal: true}, url}},
	}
}
