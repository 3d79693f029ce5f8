package main

import (
	"strings"

	"github.com/valyala/fastjson"
)

// rule is one check in every language: each says whether the record passes.
type rule struct {
	id, kind string
	cel      string // of Tickmark
	rego     string // $r is the record
	sqlite   string // b is the record as JSONB
	postgres string // b is the record as jsonb
	hand     func(*fastjson.Value) bool
}

// What is older fails: 90 and 45 days before now.
const c90, c45 = "2026-03-03T00:00:00Z", "2026-04-17T00:00:00Z"

func textAt(v *fastjson.Value, path ...string) string { return string(v.GetStringBytes(path...)) }

// A security group that lets everybody in on a port.
func handOpen(v *fastjson.Value, port int) bool {
	for _, p := range v.GetArray("ip_permissions") {
		if string(p.GetStringBytes("IpProtocol")) == "-1" || (p.GetInt("FromPort") <= port && p.GetInt("ToPort") >= port) {
			for _, r := range p.GetArray("IpRanges") {
				if string(r.GetStringBytes("CidrIp")) == "0.0.0.0/0" {
					return false
				}
			}
		}
	}
	return true
}

func celOpen(port string) string {
	return `!r.ip_permissions.exists(p, (p.IpProtocol == "-1" || (p.FromPort <= ` + port + ` && p.ToPort >= ` + port + `)) && p.IpRanges.exists(x, x.CidrIp == "0.0.0.0/0"))`
}

func sqliteOpen(port string) string {
	return `NOT EXISTS (SELECT 1 FROM json_each(b,'$.ip_permissions') p, json_each(p.value,'$.IpRanges') r WHERE (p.value->>'$.IpProtocol'='-1' OR (p.value->>'$.FromPort'<=` + port + ` AND p.value->>'$.ToPort'>=` + port + `)) AND r.value->>'$.CidrIp'='0.0.0.0/0')`
}

func postgresOpen(port string) string {
	return `NOT EXISTS (SELECT 1 FROM jsonb_array_elements(b->'ip_permissions') p, jsonb_array_elements(p->'IpRanges') r WHERE (p->>'IpProtocol'='-1' OR ((p->>'FromPort')::int<=` + port + ` AND (p->>'ToPort')::int>=` + port + `)) AND r->>'CidrIp'='0.0.0.0/0')`
}

const regoFunctions = `
_open(r, port) if { some p in r.ip_permissions; _covers(p, port); some x in p.IpRanges; x.CidrIp == "0.0.0.0/0" }
_covers(p, _) if p.IpProtocol == "-1"
_covers(p, port) if { p.FromPort <= port; p.ToPort >= port }
_nomfa(r) if { r.password_enabled; not r.mfa_active }
_oldkey(k) if { k.Status == "Active"; k.CreateDate < "` + c90 + `" }
_stale(r) if { r.password_enabled; r.password_last_used < "` + c45 + `" }
_defopen(r) if { r.group_name == "default"; count(r.ip_permissions) > 0 }
_unmon(r) if { r.state.Name == "running"; r.monitoring.State != "enabled" }
_nofactor(r) if { r.status == "ACTIVE"; not _anyf(r) }
_anyf(r) if { some f in r.factors; f.status == "ACTIVE" }
_sms(f) if { f.factorType == "sms"; f.status == "ACTIVE" }
_ostale(r) if { r.status == "ACTIVE"; r.lastLogin < "` + c90 + `" }
_both(r) if { "Prod-Deployers" in r.groups; "Code-Approvers" in r.groups }
_rev(r) if r.archived
_rev(r) if r.branch_protection.required_pull_request_reviews.required_approving_review_count >= 1
_adm(r) if r.archived
_adm(r) if r.branch_protection.enforce_admins.enabled
_chk(r) if r.archived
_chk(r) if { r.branch_protection.required_status_checks.strict; count(r.branch_protection.required_status_checks.contexts) > 0 }
`

// rules are five of each kind.
var rules = []rule{
	{id: "s3_encrypted",
		kind:     "aws_s3_bucket",
		rego:     `some x in $r.server_side_encryption_configuration.Rules; x.ApplyServerSideEncryptionByDefault.SSEAlgorithm in {"aws:kms", "AES256"}`,
		cel:      `r.server_side_encryption_configuration.Rules.exists(x, x.ApplyServerSideEncryptionByDefault.SSEAlgorithm in ["aws:kms", "AES256"])`,
		sqlite:   `EXISTS (SELECT 1 FROM json_each(b,'$.server_side_encryption_configuration.Rules') x WHERE x.value->>'$.ApplyServerSideEncryptionByDefault.SSEAlgorithm' IN ('aws:kms','AES256'))`,
		postgres: `EXISTS (SELECT 1 FROM jsonb_array_elements(b#>'{server_side_encryption_configuration,Rules}') x WHERE x#>>'{ApplyServerSideEncryptionByDefault,SSEAlgorithm}' IN ('aws:kms','AES256'))`,
		hand: func(v *fastjson.Value) bool {
			for _, x := range v.GetArray("server_side_encryption_configuration", "Rules") {
				if a := string(x.GetStringBytes("ApplyServerSideEncryptionByDefault", "SSEAlgorithm")); a == "aws:kms" || a == "AES256" {
					return true
				}
			}
			return false
		},
	},
	{id: "s3_public_block",
		kind:     "aws_s3_bucket",
		rego:     `$r.public_access_block.BlockPublicAcls; $r.public_access_block.IgnorePublicAcls; $r.public_access_block.BlockPublicPolicy; $r.public_access_block.RestrictPublicBuckets`,
		cel:      `r.public_access_block.BlockPublicAcls && r.public_access_block.IgnorePublicAcls && r.public_access_block.BlockPublicPolicy && r.public_access_block.RestrictPublicBuckets`,
		sqlite:   `b->>'$.public_access_block.BlockPublicAcls' AND b->>'$.public_access_block.IgnorePublicAcls' AND b->>'$.public_access_block.BlockPublicPolicy' AND b->>'$.public_access_block.RestrictPublicBuckets'`,
		postgres: `(b#>>'{public_access_block,BlockPublicAcls}')::bool AND (b#>>'{public_access_block,IgnorePublicAcls}')::bool AND (b#>>'{public_access_block,BlockPublicPolicy}')::bool AND (b#>>'{public_access_block,RestrictPublicBuckets}')::bool`,
		hand: func(v *fastjson.Value) bool {
			p := v.Get("public_access_block")
			return p.GetBool("BlockPublicAcls") && p.GetBool("IgnorePublicAcls") && p.GetBool("BlockPublicPolicy") && p.GetBool("RestrictPublicBuckets")
		},
	},
	{id: "s3_versioning",
		kind:     "aws_s3_bucket",
		rego:     `$r.versioning.Status == "Enabled"`,
		cel:      `r.versioning.Status == "Enabled"`,
		sqlite:   `b->>'$.versioning.Status'='Enabled'`,
		postgres: `b#>>'{versioning,Status}'='Enabled'`,
		hand:     func(v *fastjson.Value) bool { return string(v.GetStringBytes("versioning", "Status")) == "Enabled" },
	},
	{id: "s3_logging",
		kind:     "aws_s3_bucket",
		rego:     `$r.logging.TargetBucket != ""`,
		cel:      `r.logging.TargetBucket != ""`,
		sqlite:   `b->>'$.logging.TargetBucket'<>''`,
		postgres: `b#>>'{logging,TargetBucket}'<>''`,
		hand:     func(v *fastjson.Value) bool { return len(v.GetStringBytes("logging", "TargetBucket")) > 0 },
	},
	{id: "s3_tls_only",
		kind:     "aws_s3_bucket",
		rego:     `some s in $r.policy.Statement; s.Effect == "Deny"; s.Condition.Bool["aws:SecureTransport"] == "false"`,
		cel:      `r.policy.Statement.exists(s, s.Effect == "Deny" && has(s.Condition) && has(s.Condition.Bool) && s.Condition.Bool["aws:SecureTransport"] == "false")`,
		sqlite:   `EXISTS (SELECT 1 FROM json_each(b,'$.policy.Statement') s WHERE s.value->>'$.Effect'='Deny' AND s.value->>'$.Condition.Bool."aws:SecureTransport"'='false')`,
		postgres: `EXISTS (SELECT 1 FROM jsonb_array_elements(b#>'{policy,Statement}') s WHERE s->>'Effect'='Deny' AND s#>>'{Condition,Bool,aws:SecureTransport}'='false')`,
		hand: func(v *fastjson.Value) bool {
			for _, s := range v.GetArray("policy", "Statement") {
				if textAt(s, "Effect") == "Deny" && textAt(s, "Condition", "Bool", "aws:SecureTransport") == "false" {
					return true
				}
			}
			return false
		},
	},
	{id: "iam_mfa",
		kind:     "aws_iam_user",
		rego:     `not _nomfa($r)`,
		cel:      `!r.password_enabled || r.mfa_active`,
		sqlite:   `NOT (b->>'$.password_enabled') OR (b->>'$.mfa_active')`,
		postgres: `NOT (b->>'password_enabled')::bool OR (b->>'mfa_active')::bool`,
		hand:     func(v *fastjson.Value) bool { return !v.GetBool("password_enabled") || v.GetBool("mfa_active") },
	},
	{id: "iam_key_rotation",
		kind:     "aws_iam_user",
		rego:     `every k in $r.access_keys { not _oldkey(k) }`,
		cel:      `r.access_keys.all(k, k.Status != "Active" || age(k.CreateDate) <= 90)`,
		sqlite:   `NOT EXISTS (SELECT 1 FROM json_each(b,'$.access_keys') k WHERE k.value->>'$.Status'='Active' AND k.value->>'$.CreateDate'<'` + c90 + `')`,
		postgres: `NOT EXISTS (SELECT 1 FROM jsonb_array_elements(b->'access_keys') k WHERE k->>'Status'='Active' AND k->>'CreateDate'<'` + c90 + `')`,
		hand: func(v *fastjson.Value) bool {
			for _, k := range v.GetArray("access_keys") {
				if string(k.GetStringBytes("Status")) == "Active" && string(k.GetStringBytes("CreateDate")) < c90 {
					return false
				}
			}
			return true
		},
	},
	{id: "iam_no_admin",
		kind:     "aws_iam_user",
		rego:     `every p in $r.attached_policies { p.PolicyName != "AdministratorAccess" }`,
		cel:      `!r.attached_policies.exists(p, p.PolicyName == "AdministratorAccess")`,
		sqlite:   `NOT EXISTS (SELECT 1 FROM json_each(b,'$.attached_policies') k WHERE k.value->>'$.PolicyName'='AdministratorAccess')`,
		postgres: `NOT EXISTS (SELECT 1 FROM jsonb_array_elements(b->'attached_policies') k WHERE k->>'PolicyName'='AdministratorAccess')`,
		hand: func(v *fastjson.Value) bool {
			for _, k := range v.GetArray("attached_policies") {
				if string(k.GetStringBytes("PolicyName")) == "AdministratorAccess" {
					return false
				}
			}
			return true
		},
	},
	{id: "iam_no_inline",
		kind:     "aws_iam_user",
		rego:     `count($r.inline_policies) == 0`,
		cel:      `size(r.inline_policies) == 0`,
		sqlite:   `json_array_length(b,'$.inline_policies')=0`,
		postgres: `jsonb_array_length(b->'inline_policies')=0`,
		hand:     func(v *fastjson.Value) bool { return len(v.GetArray("inline_policies")) == 0 },
	},
	{id: "iam_stale",
		kind:     "aws_iam_user",
		rego:     `not _stale($r)`,
		cel:      `!r.password_enabled || age(r.password_last_used) <= 45`,
		sqlite:   `NOT (b->>'$.password_enabled') OR b->>'$.password_last_used'>='` + c45 + `'`,
		postgres: `NOT (b->>'password_enabled')::bool OR b->>'password_last_used'>='` + c45 + `'`,
		hand: func(v *fastjson.Value) bool {
			return !v.GetBool("password_enabled") || string(v.GetStringBytes("password_last_used")) >= c45
		},
	},
	{id: "sg_ssh",
		kind:     "aws_security_group",
		rego:     `not _open($r, 22)`,
		cel:      celOpen("22"),
		sqlite:   sqliteOpen("22"),
		postgres: postgresOpen("22"),
		hand:     func(v *fastjson.Value) bool { return handOpen(v, 22) },
	},
	{id: "sg_rdp",
		kind:     "aws_security_group",
		rego:     `not _open($r, 3389)`,
		cel:      celOpen("3389"),
		sqlite:   sqliteOpen("3389"),
		postgres: postgresOpen("3389"),
		hand:     func(v *fastjson.Value) bool { return handOpen(v, 3389) },
	},
	{id: "sg_db",
		kind:     "aws_security_group",
		rego:     `not _open($r, 5432)`,
		cel:      celOpen("5432"),
		sqlite:   sqliteOpen("5432"),
		postgres: postgresOpen("5432"),
		hand:     func(v *fastjson.Value) bool { return handOpen(v, 5432) },
	},
	{id: "sg_default_closed",
		kind:     "aws_security_group",
		rego:     `not _defopen($r)`,
		cel:      `r.group_name != "default" || size(r.ip_permissions) == 0`,
		sqlite:   `b->>'$.group_name'<>'default' OR json_array_length(b,'$.ip_permissions')=0`,
		postgres: `b->>'group_name'<>'default' OR jsonb_array_length(b->'ip_permissions')=0`,
		hand: func(v *fastjson.Value) bool {
			return textAt(v, "group_name") != "default" || len(v.GetArray("ip_permissions")) == 0
		},
	},
	{id: "sg_owner_tag",
		kind:     "aws_security_group",
		rego:     `endswith($r.tags.owner, "@example.org")`,
		cel:      `has(r.tags.owner) && r.tags.owner.endsWith("@example.org")`,
		sqlite:   `coalesce(b->>'$.tags.owner','') LIKE '%@example.org'`,
		postgres: `coalesce(b#>>'{tags,owner}','') LIKE '%@example.org'`,
		hand:     func(v *fastjson.Value) bool { return strings.HasSuffix(textAt(v, "tags", "owner"), "@example.org") },
	},
	{id: "ec2_imdsv2",
		kind:     "aws_ec2_instance",
		rego:     `$r.metadata_options.HttpTokens == "required"`,
		cel:      `r.metadata_options.HttpTokens == "required"`,
		sqlite:   `b->>'$.metadata_options.HttpTokens'='required'`,
		postgres: `b#>>'{metadata_options,HttpTokens}'='required'`,
		hand:     func(v *fastjson.Value) bool { return textAt(v, "metadata_options", "HttpTokens") == "required" },
	},
	{id: "ec2_ebs_encrypted",
		kind:     "aws_ec2_instance",
		rego:     `every d in $r.block_device_mappings { d.Ebs.Encrypted }`,
		cel:      `r.block_device_mappings.all(d, d.Ebs.Encrypted)`,
		sqlite:   `NOT EXISTS (SELECT 1 FROM json_each(b,'$.block_device_mappings') d WHERE NOT (d.value->>'$.Ebs.Encrypted'))`,
		postgres: `NOT EXISTS (SELECT 1 FROM jsonb_array_elements(b->'block_device_mappings') d WHERE NOT (d#>>'{Ebs,Encrypted}')::bool)`,
		hand: func(v *fastjson.Value) bool {
			for _, d := range v.GetArray("block_device_mappings") {
				if !d.GetBool("Ebs", "Encrypted") {
					return false
				}
			}
			return true
		},
	},
	{id: "ec2_no_public_ip",
		kind:     "aws_ec2_instance",
		rego:     `$r.public_ip == ""`,
		cel:      `r.public_ip == ""`,
		sqlite:   `b->>'$.public_ip'=''`,
		postgres: `b->>'public_ip'=''`,
		hand:     func(v *fastjson.Value) bool { return len(v.GetStringBytes("public_ip")) == 0 },
	},
	{id: "ec2_monitoring",
		kind:     "aws_ec2_instance",
		rego:     `not _unmon($r)`,
		cel:      `r.state.Name != "running" || r.monitoring.State == "enabled"`,
		sqlite:   `b->>'$.state.Name'<>'running' OR b->>'$.monitoring.State'='enabled'`,
		postgres: `b#>>'{state,Name}'<>'running' OR b#>>'{monitoring,State}'='enabled'`,
		hand: func(v *fastjson.Value) bool {
			return textAt(v, "state", "Name") != "running" || textAt(v, "monitoring", "State") == "enabled"
		},
	},
	{id: "ec2_profile",
		kind:     "aws_ec2_instance",
		rego:     `startswith($r.iam_instance_profile, "arn:aws:iam::")`,
		cel:      `r.iam_instance_profile.startsWith("arn:aws:iam::")`,
		sqlite:   `b->>'$.iam_instance_profile' LIKE 'arn:aws:iam::%'`,
		postgres: `b->>'iam_instance_profile' LIKE 'arn:aws:iam::%'`,
		hand: func(v *fastjson.Value) bool {
			return strings.HasPrefix(textAt(v, "iam_instance_profile"), "arn:aws:iam::")
		},
	},
	{id: "okta_mfa",
		kind:     "okta_user",
		rego:     `not _nofactor($r)`,
		cel:      `r.status != "ACTIVE" || r.factors.exists(f, f.status == "ACTIVE")`,
		sqlite:   `b->>'$.status'<>'ACTIVE' OR EXISTS (SELECT 1 FROM json_each(b,'$.factors') f WHERE f.value->>'$.status'='ACTIVE')`,
		postgres: `b->>'status'<>'ACTIVE' OR EXISTS (SELECT 1 FROM jsonb_array_elements(b->'factors') f WHERE f->>'status'='ACTIVE')`,
		hand: func(v *fastjson.Value) bool {
			if textAt(v, "status") != "ACTIVE" {
				return true
			}
			for _, f := range v.GetArray("factors") {
				if textAt(f, "status") == "ACTIVE" {
					return true
				}
			}
			return false
		},
	},
	{id: "okta_no_sms",
		kind:     "okta_user",
		rego:     `every f in $r.factors { not _sms(f) }`,
		cel:      `!r.factors.exists(f, f.factorType == "sms" && f.status == "ACTIVE")`,
		sqlite:   `NOT EXISTS (SELECT 1 FROM json_each(b,'$.factors') f WHERE f.value->>'$.factorType'='sms' AND f.value->>'$.status'='ACTIVE')`,
		postgres: `NOT EXISTS (SELECT 1 FROM jsonb_array_elements(b->'factors') f WHERE f->>'factorType'='sms' AND f->>'status'='ACTIVE')`,
		hand: func(v *fastjson.Value) bool {
			for _, f := range v.GetArray("factors") {
				if textAt(f, "factorType") == "sms" && textAt(f, "status") == "ACTIVE" {
					return false
				}
			}
			return true
		},
	},
	{id: "okta_stale",
		kind:     "okta_user",
		rego:     `not _ostale($r)`,
		cel:      `r.status != "ACTIVE" || age(r.lastLogin) <= 90`,
		sqlite:   `b->>'$.status'<>'ACTIVE' OR b->>'$.lastLogin'>='` + c90 + `'`,
		postgres: `b->>'status'<>'ACTIVE' OR b->>'lastLogin'>='` + c90 + `'`,
		hand:     func(v *fastjson.Value) bool { return textAt(v, "status") != "ACTIVE" || textAt(v, "lastLogin") >= c90 },
	},
	{id: "okta_corp_domain",
		kind:     "okta_user",
		rego:     `endswith($r.profile.login, "@example.org")`,
		cel:      `r.profile.login.endsWith("@example.org")`,
		sqlite:   `b->>'$.profile.login' LIKE '%@example.org'`,
		postgres: `b#>>'{profile,login}' LIKE '%@example.org'`,
		hand:     func(v *fastjson.Value) bool { return strings.HasSuffix(textAt(v, "profile", "login"), "@example.org") },
	},
	{id: "okta_sod",
		kind:     "okta_user",
		rego:     `not _both($r)`,
		cel:      `!("Prod-Deployers" in r.groups && "Code-Approvers" in r.groups)`,
		sqlite:   `NOT (EXISTS (SELECT 1 FROM json_each(b,'$.groups') g WHERE g.value='Prod-Deployers') AND EXISTS (SELECT 1 FROM json_each(b,'$.groups') g WHERE g.value='Code-Approvers'))`,
		postgres: `NOT (b->'groups' ? 'Prod-Deployers' AND b->'groups' ? 'Code-Approvers')`,
		hand: func(v *fastjson.Value) bool {
			a, c := false, false
			for _, g := range v.GetArray("groups") {
				s, _ := g.StringBytes()
				a = a || string(s) == "Prod-Deployers"
				c = c || string(s) == "Code-Approvers"
			}
			return !(a && c)
		},
	},
	{id: "gh_reviews",
		kind:     "github_repo",
		rego:     `_rev($r)`,
		cel:      `r.archived || r.branch_protection.required_pull_request_reviews.required_approving_review_count >= 1`,
		sqlite:   `(b->>'$.archived') OR b->>'$.branch_protection.required_pull_request_reviews.required_approving_review_count'>=1`,
		postgres: `(b->>'archived')::bool OR (b#>>'{branch_protection,required_pull_request_reviews,required_approving_review_count}')::int>=1`,
		hand: func(v *fastjson.Value) bool {
			return v.GetBool("archived") || v.GetInt("branch_protection", "required_pull_request_reviews", "required_approving_review_count") >= 1
		},
	},
	{id: "gh_admins",
		kind:     "github_repo",
		rego:     `_adm($r)`,
		cel:      `r.archived || r.branch_protection.enforce_admins.enabled`,
		sqlite:   `(b->>'$.archived') OR (b->>'$.branch_protection.enforce_admins.enabled')`,
		postgres: `(b->>'archived')::bool OR (b#>>'{branch_protection,enforce_admins,enabled}')::bool`,
		hand: func(v *fastjson.Value) bool {
			return v.GetBool("archived") || v.GetBool("branch_protection", "enforce_admins", "enabled")
		},
	},
	{id: "gh_force_push",
		kind:     "github_repo",
		rego:     `not $r.branch_protection.allow_force_pushes.enabled; not $r.branch_protection.allow_deletions.enabled`,
		cel:      `!r.branch_protection.allow_force_pushes.enabled && !r.branch_protection.allow_deletions.enabled`,
		sqlite:   `NOT (b->>'$.branch_protection.allow_force_pushes.enabled') AND NOT (b->>'$.branch_protection.allow_deletions.enabled')`,
		postgres: `NOT (b#>>'{branch_protection,allow_force_pushes,enabled}')::bool AND NOT (b#>>'{branch_protection,allow_deletions,enabled}')::bool`,
		hand: func(v *fastjson.Value) bool {
			return !v.GetBool("branch_protection", "allow_force_pushes", "enabled") && !v.GetBool("branch_protection", "allow_deletions", "enabled")
		},
	},
	{id: "gh_secret_scanning",
		kind:     "github_repo",
		rego:     `$r.security_and_analysis.secret_scanning.status == "enabled"; $r.security_and_analysis.secret_scanning_push_protection.status == "enabled"`,
		cel:      `r.security_and_analysis.secret_scanning.status == "enabled" && r.security_and_analysis.secret_scanning_push_protection.status == "enabled"`,
		sqlite:   `b->>'$.security_and_analysis.secret_scanning.status'='enabled' AND b->>'$.security_and_analysis.secret_scanning_push_protection.status'='enabled'`,
		postgres: `b#>>'{security_and_analysis,secret_scanning,status}'='enabled' AND b#>>'{security_and_analysis,secret_scanning_push_protection,status}'='enabled'`,
		hand: func(v *fastjson.Value) bool {
			return textAt(v, "security_and_analysis", "secret_scanning", "status") == "enabled" && textAt(v, "security_and_analysis", "secret_scanning_push_protection", "status") == "enabled"
		},
	},
	{id: "gh_checks",
		kind:     "github_repo",
		rego:     `_chk($r)`,
		cel:      `r.archived || (r.branch_protection.required_status_checks.strict && size(r.branch_protection.required_status_checks.contexts) > 0)`,
		sqlite:   `(b->>'$.archived') OR ((b->>'$.branch_protection.required_status_checks.strict') AND json_array_length(b,'$.branch_protection.required_status_checks.contexts')>0)`,
		postgres: `(b->>'archived')::bool OR ((b#>>'{branch_protection,required_status_checks,strict}')::bool AND jsonb_array_length(b#>'{branch_protection,required_status_checks,contexts}')>0)`,
		hand: func(v *fastjson.Value) bool {
			return v.GetBool("archived") || (v.GetBool("branch_protection", "required_status_checks", "strict") && len(v.GetArray("branch_protection", "required_status_checks", "contexts")) > 0)
		},
	},
}
