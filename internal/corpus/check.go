package corpus

import (
	"fmt"
	"io/fs"
	"testing/fstest"
)

// checks are five questions about each kind, with a record that passes and one that fails.
var checks = []struct{ kind, expect, pass, fail string }{
	{"cloud_bucket", `r.versioning.status == "Enabled"`, `versioning: {status: Enabled}`, `versioning: {status: Suspended}`},
	{"cloud_user", `!r.password_enabled || r.mfa_active`, `password_enabled: true, mfa_active: true`, `password_enabled: true, mfa_active: false`},
	{"cloud_firewall", `r.ingress.all(i, i.ranges.all(a, a.cidr != "0.0.0.0/0"))`, `ingress: [{ranges: [{cidr: 10.0.0.0/8}]}]`, `ingress: [{ranges: [{cidr: 0.0.0.0/0}]}]`},
	{"cloud_instance", `r.metadata.http_tokens == "required"`, `metadata: {http_tokens: required}`, `metadata: {http_tokens: optional}`},
	{"directory_user", `r.status != "ACTIVE" || r.factors.exists(f, f.status == "ACTIVE")`, `status: ACTIVE, factors: [{status: ACTIVE}]`, `status: ACTIVE, factors: []`},
	{"code_repository", `r.archived || r.branch_protection.reviews.count >= 1`, `archived: false, branch_protection: {reviews: {count: 1}}`, `archived: false, branch_protection: {reviews: {count: 0}}`},

	{"cloud_bucket", `r.encryption.algorithm != "none"`, `encryption: {algorithm: "aws:kms"}`, `encryption: {algorithm: none}`},
	{"cloud_user", `r.access_keys.all(k, k.status != "Active" || k.create_date >= timestamp("2024-10-03T00:00:00Z"))`, `access_keys: []`, `access_keys: [{status: Active, create_date: "2024-01-01T00:00:00Z"}]`},
	{"cloud_firewall", `r.ingress.all(i, i.protocol != "-1")`, `ingress: [{protocol: tcp}]`, `ingress: [{protocol: "-1"}]`},
	{"cloud_instance", `r.volumes.all(v, v.encrypted)`, `volumes: [{encrypted: true}]`, `volumes: [{encrypted: false}]`},
	{"directory_user", `!r.factors.exists(f, f.type == "sms" && f.status == "ACTIVE")`, `factors: [{type: totp, status: ACTIVE}]`, `factors: [{type: sms, status: ACTIVE}]`},
	{"code_repository", `r.archived || r.branch_protection.enforce_admins`, `archived: false, branch_protection: {enforce_admins: true}`, `archived: false, branch_protection: {enforce_admins: false}`},

	{"cloud_bucket", `r.logging.target_bucket != ""`, `logging: {target_bucket: logs}`, `logging: {target_bucket: ""}`},
	{"cloud_user", `!r.attached_policies.exists(p, p.name == "AdministratorAccess")`, `attached_policies: [{name: read}]`, `attached_policies: [{name: AdministratorAccess}]`},
	{"cloud_firewall", `r.group_name != "default" || size(r.ingress) == 0`, `group_name: app`, `group_name: default, ingress: [{protocol: tcp}]`},
	{"cloud_instance", `r.public_ip == ""`, `public_ip: ""`, `public_ip: 203.0.113.1`},
	{"directory_user", `r.profile.login.endsWith("@example.com")`, `profile: {login: ada@example.com}`, `profile: {login: ada@vendor.example}`},
	{"code_repository", `!r.branch_protection.force_pushes && !r.branch_protection.deletions`, `branch_protection: {force_pushes: false, deletions: false}`, `branch_protection: {force_pushes: true, deletions: false}`},

	{"cloud_bucket", `r.public_access_block.block_public_acls && r.public_access_block.block_public_policy`, `public_access_block: {block_public_acls: true, block_public_policy: true}`, `public_access_block: {block_public_acls: false, block_public_policy: true}`},
	{"cloud_user", `size(r.inline_policies) == 0`, `inline_policies: []`, `inline_policies: [a]`},
	{"cloud_firewall", `r.flow_logs`, `flow_logs: true`, `flow_logs: false`},
	{"cloud_instance", `r.state != "running" || r.monitoring == "enabled"`, `state: running, monitoring: enabled`, `state: running, monitoring: disabled`},
	{"directory_user", `!("Deployers" in r.groups && "Approvers" in r.groups)`, `groups: [Approvers]`, `groups: [Approvers, Deployers]`},
	{"code_repository", `r.security.secret_scanning == "enabled" && r.security.push_protection == "enabled"`, `security: {secret_scanning: enabled, push_protection: enabled}`, `security: {secret_scanning: disabled, push_protection: enabled}`},

	{"cloud_bucket", `has(r.tags.owner) && r.tags.owner.endsWith("@example.com")`, `tags: {owner: a@example.com}`, `tags: {owner: a@vendor.example}`},
	{"cloud_user", `has(r.tags.owner) && r.tags.owner.endsWith("@example.com")`, `tags: {owner: a@example.com}`, `tags: {owner: a@vendor.example}`},
	{"cloud_firewall", `r.egress.all(e, e.ranges.all(a, a.cidr != "0.0.0.0/0"))`, `egress: [{ranges: [{cidr: 10.0.0.0/8}]}]`, `egress: [{ranges: [{cidr: 0.0.0.0/0}]}]`},
	{"cloud_instance", `r.profile.startsWith("arn:aws:iam::")`, `profile: "arn:aws:iam::1:instance-profile/a"`, `profile: ""`},
	{"directory_user", `r.profile.title != ""`, `profile: {title: Engineer}`, `profile: {title: ""}`},
	{"code_repository", `r.archived || r.branch_protection.checks.strict && size(r.branch_protection.checks.contexts) > 0`, `archived: false, branch_protection: {checks: {strict: true, contexts: [a]}}`, `archived: false, branch_protection: {checks: {strict: false, contexts: [a]}}`},
}

// Checks are the first n of thirty checks, which go about the kinds in turn: six are one for each kind, thirty five.
func Checks(n int) fs.FS {
	library := fstest.MapFS{}
	for i, c := range checks[:n] {
		library[fmt.Sprintf("%02d.yaml", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, `id: CORPUS-%02d
title: Question %d about a %s
for: %s
expect: %q
because: '"it is not so"'
severity: high
why: It is asked in measurements.
fix: {console: Change the setting.}
examples:
  - {name: good, record: {%s}, expect: pass}
  - {name: bad, record: {%s}, expect: fail}
  - {name: silent, record: {}, expect: unknown}
`, i+1, i+1, c.kind, c.kind, c.expect, c.pass, c.fail)}
	}
	return library
}
