package internal

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"go.yaml.in/yaml/v3"

	"tickmark/content"
	"tickmark/internal/check"
	"tickmark/internal/workspace"
)

// resource is a block of a Terraform configuration: its arguments, and its blocks as lists, under their names.
type resource map[string]any

// resources are those of a text by type, in order.
func resources(file, text string) (map[string][]resource, error) {
	f, diags := hclsyntax.ParseConfig([]byte(text), file, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	out := map[string][]resource{}
	for _, b := range f.Body.(*hclsyntax.Body).Blocks {
		if b.Type == "removed" && len(b.Labels) == 0 {
			out["removed"] = append(out["removed"], nil)
			continue
		}
		if b.Type != "resource" || len(b.Labels) != 2 {
			return nil, fmt.Errorf("%s: a block %s %v is no resource with a type and a name", file, b.Type, b.Labels)
		}
		r, err := blockOf(b.Body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out[b.Labels[0]] = append(out[b.Labels[0]], r)
	}
	return out, nil
}

func blockOf(b *hclsyntax.Body) (resource, error) {
	r := resource{}
	for name, a := range b.Attributes {
		v, diags := a.Expr.Value(standIns(a.Expr))
		if diags.HasErrors() {
			if len(a.Expr.Variables()) > 0 { // what is made of other resources is not known here
				r[name] = "unknown"
				continue
			}
			return nil, diags
		}
		j, err := ctyjson.Marshal(v, v.Type())
		if err != nil {
			return nil, err
		}
		var value any
		if err := json.Unmarshal(j, &value); err != nil {
			return nil, err
		}
		r[name] = value
	}
	for _, inner := range b.Blocks {
		x, err := blockOf(inner.Body)
		if err != nil {
			return nil, err
		}
		list, _ := r[inner.Type].([]any)
		r[inner.Type] = append(list, map[string]any(x))
	}
	return r, nil
}

// standIns are values for what an expression names of other resources: each its own name.
func standIns(e hclsyntax.Expression) *hcl.EvalContext {
	type tree map[string]any
	root := tree{}
	for _, t := range e.Variables() {
		at := root
		for i, step := range t {
			name := ""
			switch s := step.(type) {
			case hcl.TraverseRoot:
				name = s.Name
			case hcl.TraverseAttr:
				name = s.Name
			default:
				continue
			}
			if i == len(t)-1 {
				at[name] = name
				break
			}
			if _, ok := at[name].(tree); !ok {
				at[name] = tree{}
			}
			at = at[name].(tree)
		}
	}
	var value func(tree) map[string]cty.Value
	value = func(t tree) map[string]cty.Value {
		out := map[string]cty.Value{}
		for name, v := range t {
			if inner, ok := v.(tree); ok {
				out[name] = cty.ObjectVal(value(inner))
			} else {
				out[name] = cty.StringVal(v.(string))
			}
		}
		return out
	}
	return &hcl.EvalContext{Variables: value(root), Functions: map[string]function.Function{"jsonencode": stdlib.JSONEncodeFunc}}
}

// get is a value by the names of blocks and arguments, of the first block of each name; what is not said is the provider's default.
func (r resource) get(at string, standard any) any {
	var v any = map[string]any(r)
	for name := range strings.SplitSeq(at, ".") {
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		m, ok := v.(map[string]any)
		if !ok || m[name] == nil {
			return standard
		}
		v = m[name]
	}
	return v
}

// changed is a copy in which an argument is not said, or is another value.
func (r resource) changed(at string, to any) resource {
	j, _ := json.Marshal(r)
	var out map[string]any
	json.Unmarshal(j, &out)
	m := out
	names := strings.Split(at, ".")
	for _, name := range names[:len(names)-1] {
		if m = m[name].([]any)[0].(map[string]any); m == nil {
			return nil
		}
	}
	if to == nil {
		delete(m, names[len(names)-1])
	} else {
		m[names[len(names)-1]] = to
	}
	return out
}

type object = map[string]any

// blocked is the public access block of a bucket or an account, as AWS gives it.
func blocked(r resource) any {
	return object{"BlockPublicAcls": r.get("block_public_acls", false), "IgnorePublicAcls": r.get("ignore_public_acls", false),
		"BlockPublicPolicy": r.get("block_public_policy", false), "RestrictPublicBuckets": r.get("restrict_public_buckets", false)}
}

// statements are those of a policy, as the connector takes them apart.
func statements(text any) any {
	var p struct{ Statement []object }
	json.Unmarshal([]byte(fmt.Sprint(text)), &p)
	list := func(v any) []any {
		switch v := v.(type) {
		case nil:
			return []any{}
		case []any:
			return v
		}
		return []any{v}
	}
	out := []any{}
	for _, s := range p.Statement {
		conditions := []any{}
		for operator, of := range asObject(s["Condition"]) {
			for key, v := range asObject(of) {
				conditions = append(conditions, object{"operator": strings.ToLower(operator), "key": strings.ToLower(key), "values": list(v)})
			}
		}
		out = append(out, object{"effect": s["Effect"], "principals": list(s["Principal"]), "not_principals": list(s["NotPrincipal"]), "actions": list(s["Action"]), "not_actions": list(s["NotAction"]),
			"resources": list(s["Resource"]), "not_resources": list(s["NotResource"]), "conditions": conditions, "unconditional": len(conditions) == 0})
	}
	return object{"statements": out}
}

func asObject(v any) object {
	m, _ := v.(object)
	return m
}

// permission is a rule of a security group.
func permission(r resource) any {
	ranges := []any{}
	if cidr := r.get("cidr_ipv4", nil); cidr != nil {
		ranges = append(ranges, object{"cidrIp": cidr})
	}
	return []any{object{"ipProtocol": r.get("ip_protocol", "-1"), "fromPort": r.get("from_port", 0), "toPort": r.get("to_port", 65535), "ipRanges": ranges, "ipv6Ranges": []any{}, "prefixListIds": []any{}}}
}

func either(v any, yes, no any) any {
	if v == true {
		return yes
	}
	return no
}

func exists(v any, yes any) any {
	if v == nil {
		return nil
	}
	return yes
}

var tls = map[any]any{"ELBSecurityPolicy-TLS13-1-2-2021-06": []any{"TLSv1.2", "TLSv1.3"}, "ELBSecurityPolicy-2016-08": []any{"TLSv1", "TLSv1.1", "TLSv1.2"}}

// ruled is a ruleset as the rules that hold for a branch.
func ruled(r resource) any {
	rules := []any{}
	if r.get("rules.deletion", false) == true {
		rules = append(rules, object{"type": "deletion"})
	}
	if r.get("rules.non_fast_forward", false) == true {
		rules = append(rules, object{"type": "non_fast_forward"})
	}
	if r.get("rules.pull_request", nil) != nil {
		rules = append(rules, object{"type": "pull_request", "parameters": object{"required_approving_review_count": r.get("rules.pull_request.required_approving_review_count", 0),
			"dismiss_stale_reviews_on_push": r.get("rules.pull_request.dismiss_stale_reviews_on_push", false)}})
	}
	if r.get("rules.required_status_checks", nil) != nil {
		contexts, _ := r.get("rules.required_status_checks.required_check", []any{}).([]any)
		rules = append(rules, object{"type": "required_status_checks", "parameters": object{"required_status_checks": contexts,
			"strict_required_status_checks_policy": r.get("rules.required_status_checks.strict_required_status_checks_policy", false)}})
	}
	return rules
}

// made is what a resource makes of a record: the members that it decides.
var made = map[string]func(r resource) object{
	"aws_iam_account_password_policy": func(r resource) object {
		out := object{"MinimumPasswordLength": r.get("minimum_password_length", 6)}
		if n := r.get("password_reuse_prevention", nil); n != nil {
			out["PasswordReusePrevention"] = n
		}
		return object{"password_policy": out}
	},
	"aws_s3_account_public_access_block": func(r resource) object { return object{"public_access_block": blocked(r)} },
	"aws_s3_bucket_public_access_block":  func(r resource) object { return object{"public_access_block": blocked(r)} },
	"aws_s3_bucket_server_side_encryption_configuration": func(r resource) object {
		return object{"encryption": object{"Rule": []any{object{"ApplyServerSideEncryptionByDefault": object{"SSEAlgorithm": r.get("rule.apply_server_side_encryption_by_default.sse_algorithm", "AES256")}}}}}
	},
	"aws_s3_bucket_policy": func(r resource) object { return object{"Name": r["bucket"], "policy": statements(r["policy"])} },
	"aws_iam_policy":       func(r resource) object { return object{"policy": statements(r["policy"])} },
	"aws_s3_bucket_versioning": func(r resource) object {
		return object{"versioning": object{"Status": r.get("versioning_configuration.status", "Suspended")}}
	},
	"aws_s3_bucket_object_lock_configuration": func(r resource) object {
		return object{"object_lock": exists(r.get("rule", nil), object{"ObjectLockEnabled": "Enabled"})}
	},
	"aws_s3_bucket_lifecycle_configuration": func(r resource) object {
		expiration := object{}
		if days := r.get("rule.expiration.days", nil); days != nil {
			expiration["Days"] = days
		}
		return object{"lifecycle": object{"Rule": []any{object{"Status": r.get("rule.status", "Disabled"), "Expiration": expiration}}}}
	},
	"aws_cloudtrail": func(r resource) object {
		selectors := []any{}
		for range min(1, len(r.get("event_selector", []any{}).([]any))) {
			selectors = append(selectors, object{"IncludeManagementEvents": r.get("event_selector.include_management_events", true), "ReadWriteType": r.get("event_selector.read_write_type", "All")})
		}
		return object{"trails": []any{object{"IsMultiRegionTrail": r.get("is_multi_region_trail", false), "LogFileValidationEnabled": r.get("enable_log_file_validation", false),
			"status": object{"IsLogging": r.get("enable_logging", true)}, "selectors": object{"EventSelectors": selectors}}}}
	},
	"aws_guardduty_detector": func(r resource) object {
		return object{"detectors": []any{object{"status": either(r.get("enable", true), "ENABLED", "DISABLED")}}}
	},
	"aws_vpc_security_group_ingress_rule": func(r resource) object { return object{"ipPermissions": permission(r)} },
	"aws_default_security_group": func(r resource) object {
		return object{"ipPermissions": r.get("ingress", []any{}), "ipPermissionsEgress": r.get("egress", []any{})}
	},
	"aws_flow_log": func(r resource) object {
		return object{"flow_logs": []any{object{"flowLogStatus": "ACTIVE", "trafficType": r.get("traffic_type", "")}}}
	},
	"aws_instance": func(r resource) object {
		nic := object{"networkInterfaceId": "eni-1"}
		if r.get("associate_public_ip_address", true) == true { // as the subnet says, which may be so
			nic["association"] = object{"publicIp": "203.0.113.7"}
		}
		return object{"ipAddress": "", "networkInterfaceSet": []any{nic}, "metadataOptions": object{"httpEndpoint": r.get("metadata_options.http_endpoint", "enabled"), "httpTokens": r.get("metadata_options.http_tokens", "optional")}}
	},
	"aws_ebs_volume":                func(r resource) object { return object{"encrypted": r.get("encrypted", false)} },
	"aws_ebs_encryption_by_default": func(r resource) object { return object{"default_encryption": r.get("enabled", true)} },
	"aws_db_instance": func(r resource) object {
		return object{"StorageEncrypted": r.get("storage_encrypted", false), "PubliclyAccessible": r.get("publicly_accessible", false), "BackupRetentionPeriod": r.get("backup_retention_period", 0),
			"MultiAZ": r.get("multi_az", false), "DeletionProtection": r.get("deletion_protection", false)}
	},
	"aws_db_subnet_group": func(r resource) object {
		return object{"routes": []any{object{"subnet": "a", "gateways": []any{"local"}}}}
	},
	"aws_db_parameter_group": func(r resource) object {
		out := object{}
		for _, p := range r.get("parameter", []any{}).([]any) {
			out[strings.NewReplacer(".", "_").Replace(fmt.Sprint(p.(object)["name"]))] = p.(object)["value"]
		}
		return object{"parameters": out}
	},
	"aws_kms_key": func(r resource) object {
		return object{"rotation": object{"KeyRotationEnabled": r.get("enable_key_rotation", false)}}
	},
	"aws_lb_listener": func(r resource) object {
		if r["protocol"] == "HTTPS" {
			return object{"Protocol": "HTTPS", "ssl_policy": []any{object{"SslProtocols": tls[r.get("ssl_policy", "ELBSecurityPolicy-2016-08")]}}}
		}
		return object{}
	},
	"aws_wafv2_web_acl": func(r resource) object {
		rules := []any{}
		for _, x := range r.get("rule", []any{}).([]any) {
			rule := object{"Name": x.(object)["name"]}
			if resource(x.(object)).get("override_action.none", nil) != nil {
				rule["OverrideAction"] = object{"None": object{}}
			} else {
				rule["OverrideAction"] = object{"Count": object{}}
			}
			rules = append(rules, rule)
		}
		return object{"web_acl": object{"DefaultAction": object{"Allow": object{}}, "Rules": rules}}
	},
	"aws_cloudwatch_log_group": func(r resource) object {
		if days := r.get("retention_in_days", 0); days != 0 {
			return object{"retentionInDays": days}
		}
		return object{}
	},
	"aws_autoscaling_group": func(r resource) object {
		return object{"AvailabilityZones": r.get("vpc_zone_identifier", []any{}), "MaxSize": r.get("max_size", 0), "DesiredCapacity": r.get("desired_capacity", r.get("min_size", 0))}
	},
	"aws_ecr_repository": func(r resource) object {
		return object{"imageTagMutability": r.get("image_tag_mutability", "MUTABLE"), "imageScanningConfiguration": object{"scanOnPush": r.get("image_scanning_configuration.scan_on_push", false)}}
	},
	"aws_dynamodb_table": func(r resource) object {
		return object{"continuous_backups": object{"PointInTimeRecoveryDescription": object{"PointInTimeRecoveryStatus": either(r.get("point_in_time_recovery.enabled", false), "ENABLED", "DISABLED")}}}
	},

	"github_organization_settings": func(r resource) object {
		return object{"default_repository_permission": r.get("default_repository_permission", "write")}
	},
	"github_organization_ruleset": func(r resource) object { return object{"rules": ruled(r)} },
	"github_repository_ruleset":   func(r resource) object { return object{"rules": ruled(r)} },
	"github_branch_protection": func(r resource) object {
		out := object{"enforce_admins": object{"enabled": r.get("enforce_admins", false)}}
		if r.get("required_pull_request_reviews", nil) != nil {
			out["required_pull_request_reviews"] = object{"required_approving_review_count": r.get("required_pull_request_reviews.required_approving_review_count", 1),
				"dismiss_stale_reviews": r.get("required_pull_request_reviews.dismiss_stale_reviews", false)}
		}
		return object{"protection": out, "rules": []any{}}
	},
	"github_repository": func(r resource) object {
		on := func(at string) any { return object{"status": r.get(at, "disabled")} }
		return object{"vulnerability_alerts": r.get("vulnerability_alerts", false), "security_and_analysis": object{"secret_scanning": on("security_and_analysis.secret_scanning.status"),
			"secret_scanning_push_protection": on("security_and_analysis.secret_scanning_push_protection.status")}}
	},
	"github_repository_environment": func(r resource) object {
		rules := []any{}
		if r.get("reviewers", nil) != nil {
			rules = append(rules, object{"type": "required_reviewers", "prevent_self_review": r.get("prevent_self_review", false), "reviewers": []any{object{"type": "Team"}}})
		}
		return object{"protection_rules": rules, "deployment_branch_policy": exists(r.get("deployment_branch_policy", nil), object{"protected_branches": true})}
	},
	"github_repository_webhook": func(r resource) object {
		config := object{"url": r.get("configuration.url", ""), "insecure_ssl": either(r.get("configuration.insecure_ssl", false), "1", "0")}
		if r.get("configuration.secret", nil) != nil {
			config["secret"] = "********"
		}
		return object{"active": r.get("active", true), "config": config}
	},

	"google_compute_firewall": func(r resource) object {
		return object{"direction": r.get("direction", "INGRESS"), "disabled": r.get("disabled", false), "sourceRanges": r.get("source_ranges", []any{"0.0.0.0/0"}),
			"allowed": []any{object{"IPProtocol": r.get("allow.protocol", "all"), "ports": r.get("allow.ports", []any{})}}}
	},
	"google_compute_instance": func(r resource) object {
		nic := object{"name": "nic0"}
		if x := r.get("network_interface.access_config", nil); x != nil {
			nic["accessConfigs"] = x
		}
		return object{"networkInterfaces": []any{nic}}
	},
	"google_storage_bucket": func(r resource) object {
		return object{"iamConfiguration": object{"publicAccessPrevention": r.get("public_access_prevention", "inherited"), "uniformBucketLevelAccess": object{"enabled": r.get("uniform_bucket_level_access", false)}}}
	},
	"google_sql_database_instance": func(r resource) object {
		return object{"databaseVersion": r.get("database_version", ""), "settings": object{
			"ipConfiguration": object{"ipv4Enabled": r.get("settings.ip_configuration.ipv4_enabled", true), "sslMode": r.get("settings.ip_configuration.ssl_mode", "ALLOW_UNENCRYPTED_AND_ENCRYPTED"),
				"authorizedNetworks": r.get("settings.ip_configuration.authorized_networks", []any{})},
			"backupConfiguration": object{"enabled": r.get("settings.backup_configuration.enabled", false), "pointInTimeRecoveryEnabled": r.get("settings.backup_configuration.point_in_time_recovery_enabled", false)}}}
	},
	"google_kms_crypto_key": func(r resource) object {
		if p := r.get("rotation_period", nil); p != nil {
			return object{"rotationPeriod": p}
		}
		return object{}
	},
	"google_compute_subnetwork": func(r resource) object {
		return object{"logConfig": object{"enable": r.get("log_config", nil) != nil}, "enableFlowLogs": r.get("log_config", nil) != nil}
	},
	"google_container_cluster": func(r resource) object {
		return object{"releaseChannel": object{"channel": r.get("release_channel.channel", "UNSPECIFIED")}, "privateClusterConfig": object{"enablePrivateEndpoint": r.get("private_cluster_config.enable_private_endpoint", false)}}
	},
	"google_organization_iam_audit_config": func(r resource) object {
		out := []any{}
		for _, c := range r.get("audit_log_config", []any{}).([]any) {
			out = append(out, fmt.Sprintf("%s %s", r["service"], c.(object)["log_type"]))
		}
		return object{"above": object{"audited": out, "exempted": []any{}}, "iam": object{"audited": []any{}, "exempted": []any{}}}
	},
	"google_project_iam_member": func(r resource) object {
		if strings.HasPrefix(fmt.Sprint(r["member"]), "serviceAccount:") {
			return object{"grants": []any{object{"resource": r["project"], "role": r["role"]}}}
		}
		return object{"people": either(strings.HasPrefix(fmt.Sprint(r["member"]), "user:"), []any{r["member"]}, []any{})}
	},
}

// decisive are, by check, the arguments on which a fix rests: each by its type and name, with what it becomes; nil when it is taken
// away.
var decisive = map[string]map[string]any{
	"AWS-07": {"aws_iam_policy.policy": `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`},
	"AWS-08": {"aws_iam_account_password_policy.minimum_password_length": nil, "aws_iam_account_password_policy.password_reuse_prevention": nil},
	"AWS-09": {"aws_s3_account_public_access_block.block_public_acls": nil, "aws_s3_account_public_access_block.ignore_public_acls": nil,
		"aws_s3_account_public_access_block.block_public_policy": nil, "aws_s3_account_public_access_block.restrict_public_buckets": nil},
	"AWS-10": {"aws_s3_bucket_public_access_block.ignore_public_acls": nil},
	"AWS-11": {"aws_s3_bucket_server_side_encryption_configuration.rule.apply_server_side_encryption_by_default.sse_algorithm": nil},
	"AWS-12": {"aws_s3_bucket_policy.policy": nil},
	"AWS-13": {"aws_s3_bucket_versioning.versioning_configuration.status": nil, "aws_s3_bucket_object_lock_configuration.rule": nil},
	"AWS-14": {"aws_s3_bucket_lifecycle_configuration.rule.expiration.days": nil, "aws_s3_bucket_lifecycle_configuration.rule.status": nil},
	"AWS-15": {"aws_cloudtrail.is_multi_region_trail": nil, "aws_cloudtrail.enable_log_file_validation": nil, "aws_cloudtrail.event_selector.read_write_type": "WriteOnly",
		"aws_cloudtrail.event_selector.include_management_events": false, "aws_cloudtrail.enable_logging": false},
	"AWS-18": {"aws_guardduty_detector.enable": false},
	"AWS-20": {"aws_vpc_security_group_ingress_rule.cidr_ipv4": "0.0.0.0/0"},
	"AWS-21": {"aws_vpc_security_group_ingress_rule.cidr_ipv4": "0.0.0.0/0"},
	"AWS-22": {"aws_default_security_group.ingress": []any{object{"protocol": "-1"}}},
	"AWS-23": {"aws_flow_log.traffic_type": "ACCEPT"},
	"AWS-24": {"aws_instance.metadata_options.http_tokens": nil},
	"AWS-25": {"aws_instance.associate_public_ip_address": nil},
	"AWS-26": {"aws_ebs_volume.encrypted": nil, "aws_ebs_encryption_by_default.enabled": false},
	"AWS-28": {"aws_db_instance.storage_encrypted": nil},
	"AWS-29": {"aws_db_instance.publicly_accessible": true},
	"AWS-30": {"aws_db_instance.backup_retention_period": nil},
	"AWS-31": {"aws_db_instance.multi_az": nil, "aws_db_instance.deletion_protection": nil},
	"AWS-32": {"aws_db_parameter_group.parameter.value": "0"},
	"AWS-33": {"aws_kms_key.enable_key_rotation": nil},
	"AWS-35": {"aws_lb_listener.ssl_policy": nil},
	"AWS-37": {"aws_wafv2_web_acl.rule": nil, "aws_wafv2_web_acl.rule.override_action": nil},
	"AWS-38": {"aws_cloudwatch_log_group.retention_in_days": 30},
	"AWS-42": {"aws_autoscaling_group.vpc_zone_identifier": nil, "aws_autoscaling_group.max_size": 2},
	"AWS-43": {"aws_ecr_repository.image_tag_mutability": nil, "aws_ecr_repository.image_scanning_configuration": nil},
	"AWS-44": {"aws_dynamodb_table.point_in_time_recovery": nil},

	"GH-02": {"github_organization_settings.default_repository_permission": "write"},
	"GH-04": {"github_organization_ruleset.rules.pull_request.required_approving_review_count": nil, "github_organization_ruleset.rules.pull_request.dismiss_stale_reviews_on_push": nil},
	"GH-05": {"github_branch_protection.enforce_admins": nil},
	"GH-06": {"github_repository_ruleset.rules.required_status_checks": nil, "github_repository_ruleset.rules.required_status_checks.strict_required_status_checks_policy": nil,
		"github_repository_ruleset.rules.required_status_checks.required_check": nil},
	"GH-07": {"github_repository_ruleset.rules.deletion": nil, "github_repository_ruleset.rules.non_fast_forward": nil},
	"GH-10": {"github_repository.vulnerability_alerts": nil, "github_repository.security_and_analysis.secret_scanning": nil, "github_repository.security_and_analysis.secret_scanning_push_protection": nil},
	"GH-15": {"github_repository_environment.prevent_self_review": nil, "github_repository_environment.reviewers": nil, "github_repository_environment.deployment_branch_policy": nil},
	"GH-16": {"github_repository_webhook.configuration.secret": nil, "github_repository_webhook.configuration.insecure_ssl": true, "github_repository_webhook.configuration.url": "http://pipeline.example.org/hook"},

	"GCP-01": {"google_project_iam_member.member": "user:ada@example.org"},
	"GCP-04": {"google_project_iam_member.role": "roles/owner"},
	"GCP-05": {"google_organization_iam_audit_config.audit_log_config": nil},
	"GCP-07": {"google_compute_firewall.source_ranges": nil},
	"GCP-08": {"google_compute_instance.network_interface.access_config": []any{object{"nat_ip": ""}}},
	"GCP-09": {"google_storage_bucket.public_access_prevention": nil, "google_storage_bucket.uniform_bucket_level_access": nil},
	"GCP-10": {"google_sql_database_instance.settings.ip_configuration.ssl_mode": nil, "google_sql_database_instance.settings.backup_configuration.enabled": nil,
		"google_sql_database_instance.settings.backup_configuration.point_in_time_recovery_enabled": nil},
	"GCP-11": {"google_kms_crypto_key.rotation_period": nil},
	"GCP-12": {"google_compute_subnetwork.log_config": nil},
	"GCP-13": {"google_container_cluster.release_channel": nil, "google_container_cluster.private_cluster_config": nil},
}

// Each fix that is written for Terraform can be read by Terraform. Where a record can be made of its resources, the check passes by
// it, and does not pass without any argument that the fix rests on.
func TestFixesForTerraformPutRight(t *testing.T) {
	kinds, err := workspace.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	words, err := check.ShippedVocabulary(kinds.All()...)
	if err != nil {
		t.Fatal(err)
	}
	parsed, ran, variants := 0, 0, 0
	seen := map[string]bool{}
	err = fs.WalkDir(content.Check, "check", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Ext(file) != ".yaml" {
			return err
		}
		data, err := fs.ReadFile(content.Check, file)
		if err != nil {
			return err
		}
		var c struct {
			ID       string            `yaml:"id"`
			Fix      map[string]string `yaml:"fix"`
			Examples []map[string]any  `yaml:"examples"`
		}
		if err := yaml.Unmarshal(data, &c); err != nil {
			return err
		}
		text, ok := c.Fix["terraform"]
		if !ok {
			return nil
		}
		all, err := resources(file, text)
		if err != nil {
			t.Error(err)
			return nil
		}
		if parsed++; len(all) == 0 {
			t.Errorf("%s: the fix holds no resource", file)
		}
		d, ok := decisive[c.ID]
		if !ok {
			return nil
		}
		ran++
		seen[c.ID] = true
		judge := func(what string, all map[string][]resource, want ...check.Status) {
			t.Helper()
			got := check.Status("")
			for _, s := range want {
				text, err := withRecord(data, all, s)
				if err != nil {
					t.Errorf("%s, %s: %v", c.ID, what, err)
					return
				}
				if _, err = check.Read(words, check.Rules{}, file, text); err == nil {
					return
				}
				got = check.Status(err.Error())
			}
			t.Errorf("%s, %s: %s", c.ID, what, got)
		}
		judge("the fix", all, check.Pass)
		for _, at := range slices.Sorted(maps.Keys(d)) {
			kind, name, _ := strings.Cut(at, ".")
			worse := maps.Clone(all)
			worse[kind] = slices.Clone(all[kind])
			if len(worse[kind]) == 0 {
				t.Errorf("%s: the fix has no %s", c.ID, kind)
				continue
			}
			worse[kind][0] = worse[kind][0].changed(name, d[at])
			variants++
			judge("without "+at, worse, check.Fail, check.Unknown)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for id := range decisive {
		if !seen[id] {
			t.Errorf("%s has no fix for Terraform", id)
		}
	}
	t.Logf("%d fixes are read; %d make a record that passes, and %d variants of them do not", parsed, ran, variants)
}

// withRecord is a check with one example more: the record of one that fails, with what the resources make of it.
func withRecord(data []byte, all map[string][]resource, want check.Status) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	root := doc.Content[0]
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value != "examples" {
			continue
		}
		for _, e := range root.Content[i+1].Content {
			var x map[string]any
			if err := e.Decode(&x); err != nil {
				return nil, err
			}
			if x["expect"] != "fail" {
				continue
			}
			record := object{}
			if old, ok := x["record"].(map[string]any); ok {
				maps.Copy(record, old)
			}
			for _, kind := range slices.Sorted(maps.Keys(all)) {
				for _, r := range slices.Backward(all[kind]) { // the first says the last word
					if make := made[kind]; make != nil {
						maps.Copy(record, make(r))
					}
				}
			}
			x["name"], x["record"], x["expect"] = "by the fix", record, string(want)
			more := &yaml.Node{}
			if err := more.Encode(x); err != nil {
				return nil, err
			}
			root.Content[i+1].Content = append(root.Content[i+1].Content, more)
			return yaml.Marshal(&doc)
		}
	}
	return nil, fmt.Errorf("no example fails")
}
