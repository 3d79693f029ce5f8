package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"tickmark/internal/record"
)

type (
	obj  = map[string]any
	list = []any
)

// doc is one record: its kind and its canonical bytes.
type doc struct {
	kind, key string
	body      []byte
}

var now = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// kinds declare what the checks read; complete adds the rest.
var kinds = []record.Kind{
	declare("aws_s3_bucket", "server_side_encryption_configuration.Rules[].ApplyServerSideEncryptionByDefault.SSEAlgorithm:text",
		"public_access_block.BlockPublicAcls:bool", "public_access_block.IgnorePublicAcls:bool", "public_access_block.BlockPublicPolicy:bool", "public_access_block.RestrictPublicBuckets:bool",
		"versioning.Status:text", "logging.TargetBucket:text", "policy.Statement[].Effect:text", "policy.Statement[].Condition:json"),
	declare("aws_iam_user", "password_enabled:bool", "mfa_active:bool", "password_last_used:time", "access_keys[].Status:text", "access_keys[].CreateDate:time",
		"attached_policies[].PolicyName:text", "inline_policies[].PolicyName:text"),
	declare("aws_security_group", "group_name:text", "tags:json", "ip_permissions[].IpProtocol:text", "ip_permissions[].FromPort:integer", "ip_permissions[].ToPort:integer",
		"ip_permissions[].IpRanges[].CidrIp:text"),
	declare("aws_ec2_instance", "metadata_options.HttpTokens:text", "block_device_mappings[].Ebs.Encrypted:bool", "public_ip:text", "state.Name:text", "monitoring.State:text", "iam_instance_profile:text"),
	declare("okta_user", "status:text", "lastLogin:time", "profile.login:text", "factors[].status:text", "factors[].factorType:text", "groups[]:text"),
	declare("github_repo", "archived:bool", "branch_protection.required_pull_request_reviews.required_approving_review_count:integer", "branch_protection.enforce_admins.enabled:bool",
		"branch_protection.allow_force_pushes.enabled:bool", "branch_protection.allow_deletions.enabled:bool", "branch_protection.required_status_checks.strict:bool",
		"branch_protection.required_status_checks.contexts[]:text", "security_and_analysis.secret_scanning.status:text", "security_and_analysis.secret_scanning_push_protection.status:text"),
}

// declare makes a collected kind of paths such as "rules[].port:integer".
func declare(name string, paths ...string) record.Kind {
	k := record.Kind{Name: name, Title: name, Plural: name, Group: "Bench", Collected: true}
	for _, path := range paths {
		path, typ, _ := strings.Cut(path, ":")
		at := &k.Fields
		parts := strings.Split(path, ".")
		for i, part := range parts {
			field := record.Field{Name: strings.TrimSuffix(part, "[]"), List: strings.HasSuffix(part, "[]"), Type: record.Object}
			if i == len(parts)-1 {
				field.Type = record.Type(typ)
			}
			place := -1
			for j, f := range *at {
				if f.Name == field.Name {
					place = j
				}
			}
			if place < 0 {
				*at = append(*at, field)
				place = len(*at) - 1
			}
			at = &(*at)[place].Fields
		}
	}
	return k
}

// complete declares what else the records hold, as anything.
func complete(fields *[]record.Field, v any) {
	switch v := v.(type) {
	case list:
		for _, e := range v {
			complete(fields, e)
		}
	case obj:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			i := slices.IndexFunc(*fields, func(f record.Field) bool { return f.Name == name })
			if i < 0 {
				*fields = append(*fields, record.Field{Name: name, Type: record.JSON})
			} else if (*fields)[i].Type == record.Object {
				complete(&(*fields)[i].Fields, v[name])
			}
		}
	}
}

// corpus makes n records, the kinds in turn; the same seed makes the same records.
func corpus(n int, seed uint64) []doc {
	docs := make([]doc, n)
	for i := range docs {
		docs[i] = made(i, seed)
	}
	return docs
}

func made(i int, seed uint64) doc {
	g := &gen{rand.New(rand.NewPCG(seed, uint64(i)))}
	k := kinds[i%len(kinds)].Name
	key, body := g.record(k, i)
	return doc{k, key, canonical(body)}
}

// canonical is RFC 8785 for what is here: names are ASCII and numbers small and whole.
func canonical(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

type gen struct{ *rand.Rand }

func (g *gen) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[g.IntN(16)]
	}
	return string(b)
}

// in says yes in so many of 100.
func (g *gen) in(percent int) bool { return g.IntN(100) < percent }

func (g *gen) one(percent int, usual, other string) string {
	if g.in(percent) {
		return usual
	}
	return other
}

func (g *gen) ago(days int) string {
	return now.Add(-time.Duration(g.IntN(days*86400)) * time.Second).Format(time.RFC3339)
}

func (g *gen) tags(name string) obj {
	t := obj{"Name": name, "env": []string{"prod", "staging", "dev"}[g.IntN(3)], "cost-center": fmt.Sprint(1000 + g.IntN(40)), "terraform": "true"}
	if g.in(92) {
		t["owner"] = fmt.Sprintf("team-%02d@example.org", g.IntN(60))
	}
	if g.in(33) {
		t["data-classification"] = "confidential"
	}
	return t
}

func (g *gen) record(kind string, i int) (key string, body obj) {
	account, region := fmt.Sprint(100000000000+i%37), []string{"us-east-1", "eu-west-1", "us-west-2", "ap-southeast-2"}[i%4]
	times := func(n int, make func(k int) any) list {
		out := list{}
		for k := range n {
			out = append(out, make(k))
		}
		return out
	}
	switch kind {
	case "aws_s3_bucket":
		name := fmt.Sprintf("example-%s-data-%07d", region, i)
		arn, owner, block := "arn:aws:s3:::"+name, g.hex(64), g.in(96)
		statements := list{obj{"Sid": "AllowApp", "Effect": "Allow", "Principal": obj{"AWS": "arn:aws:iam::" + account + ":role/app-" + g.hex(6)},
			"Action": list{"s3:GetObject", "s3:PutObject", "s3:ListBucket"}, "Resource": list{arn, arn + "/*"}}}
		if g.in(90) {
			statements = append(statements, obj{"Sid": "DenyInsecure", "Effect": "Deny", "Principal": "*", "Action": list{"s3:*"}, "Resource": list{arn, arn + "/*"},
				"Condition": obj{"Bool": obj{"aws:SecureTransport": "false"}}})
		}
		bucket := ""
		if g.in(85) {
			bucket = "example-logs-" + account
		}
		return arn, obj{"arn": arn, "name": name, "region": region, "account_id": account, "creation_date": g.ago(1500),
			"server_side_encryption_configuration": obj{"Rules": list{obj{"ApplyServerSideEncryptionByDefault": obj{"SSEAlgorithm": g.one(97, g.one(70, "aws:kms", "AES256"), "none"),
				"KMSMasterKeyID": "arn:aws:kms:" + region + ":" + account + ":key/" + g.hex(32)}, "BucketKeyEnabled": g.in(50)}}},
			"versioning": obj{"Status": g.one(90, "Enabled", "Suspended"), "MFADelete": "Disabled"}, "logging": obj{"TargetBucket": bucket, "TargetPrefix": name + "/"},
			"public_access_block": obj{"BlockPublicAcls": block, "IgnorePublicAcls": true, "BlockPublicPolicy": block, "RestrictPublicBuckets": true},
			"policy":              obj{"Version": "2012-10-17", "Statement": statements},
			"acl":                 obj{"Owner": obj{"DisplayName": "example-aws", "ID": owner}, "Grants": list{obj{"Grantee": obj{"ID": owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}}},
			"lifecycle_rules":     list{obj{"ID": "expire-noncurrent", "Status": "Enabled", "NoncurrentVersionExpiration": obj{"NoncurrentDays": 90}, "Filter": obj{"Prefix": ""}}},
			"tags":                g.tags(name)}
	case "aws_iam_user":
		name, mfa := fmt.Sprintf("user.%07d", i), g.in(93)
		arn := "arn:aws:iam::" + account + ":user/" + name
		devices, inline := list{}, list{}
		if mfa {
			devices = list{obj{"SerialNumber": "arn:aws:iam::" + account + ":mfa/" + name, "EnableDate": g.ago(900), "UserName": name}}
		}
		if g.in(5) {
			inline = list{obj{"PolicyName": "inline-1"}}
		}
		return arn, obj{"arn": arn, "user_name": name, "user_id": "AIDA" + g.hex(16), "account_id": account, "email": fmt.Sprintf("p%d@example.org", i/6), "create_date": g.ago(1500),
			"password_enabled": g.in(60), "password_last_used": g.ago(60), "password_last_changed": g.ago(300), "mfa_active": mfa, "mfa_devices": devices,
			"access_keys": times(1+g.IntN(2), func(int) any {
				return obj{"AccessKeyId": "AKIA" + g.hex(16), "Status": g.one(60, "Active", "Inactive"), "CreateDate": g.ago(110), "LastUsedDate": g.ago(30), "LastUsedService": "s3", "LastUsedRegion": region}
			}),
			"attached_policies": times(3+g.IntN(3), func(int) any {
				policy := g.one(99, fmt.Sprintf("example-policy-%02d", g.IntN(50)), "AdministratorAccess")
				return obj{"PolicyName": policy, "PolicyArn": "arn:aws:iam::" + account + ":policy/" + policy}
			}),
			"groups": list{"engineering", fmt.Sprintf("squad-%d", g.IntN(30))}, "inline_policies": inline, "tags": g.tags(name)}
	case "aws_security_group":
		id, name := fmt.Sprintf("sg-%017x", i), g.one(92, "app-"+g.hex(8), "default")
		arn, n := "arn:aws:ec2:"+region+":"+account+":security-group/"+id, 2+g.IntN(3)
		if name == "default" && g.in(80) {
			n = 0
		}
		return arn, obj{"arn": arn, "group_id": id, "group_name": name, "vpc_id": "vpc-" + g.hex(17), "owner_id": account, "region": region, "description": "managed by terraform: " + name,
			"ip_permissions": times(n, func(int) any {
				port, cidr := []int{22, 443, 5432, 8080, 3389, 6379}[g.IntN(6)], fmt.Sprintf("10.%d.0.0/16", g.IntN(255))
				if g.in(2) || port == 443 && g.in(50) {
					cidr = "0.0.0.0/0"
				}
				return obj{"IpProtocol": g.one(99, "tcp", "-1"), "FromPort": port, "ToPort": port, "IpRanges": list{obj{"CidrIp": cidr, "Description": "rule " + g.hex(6)},
					obj{"CidrIp": fmt.Sprintf("172.16.%d.0/24", g.IntN(255)), "Description": "vpn"}}, "Ipv6Ranges": list{}, "UserIdGroupPairs": list{obj{"GroupId": "sg-" + g.hex(17), "UserId": account}}}
			}),
			"ip_permissions_egress": list{obj{"IpProtocol": "-1", "FromPort": 0, "ToPort": 0, "IpRanges": list{obj{"CidrIp": "0.0.0.0/0", "Description": ""}}, "Ipv6Ranges": list{}, "UserIdGroupPairs": list{}}},
			"tags":                  g.tags(name)}
	case "aws_ec2_instance":
		id, public, profile := fmt.Sprintf("i-%017x", i), "", ""
		arn, ip := "arn:aws:ec2:"+region+":"+account+":instance/"+id, fmt.Sprintf("10.%d.%d.%d", g.IntN(255), g.IntN(255), g.IntN(255))
		if g.in(5) {
			public = fmt.Sprintf("203.0.113.%d", g.IntN(255))
		}
		if g.in(95) {
			profile = "arn:aws:iam::" + account + ":instance-profile/app-" + g.hex(6)
		}
		return arn, obj{"arn": arn, "instance_id": id, "image_id": "ami-" + g.hex(17), "instance_type": "m7i.xlarge", "region": region, "availability_zone": region + "a", "launch_time": g.ago(400),
			"state": obj{"Name": "running", "Code": 16}, "private_ip": ip, "public_ip": public, "subnet_id": "subnet-" + g.hex(17), "vpc_id": "vpc-" + g.hex(17), "iam_instance_profile": profile,
			"metadata_options": obj{"State": "applied", "HttpTokens": g.one(93, "required", "optional"), "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled"},
			"monitoring":       obj{"State": g.one(88, "enabled", "disabled")},
			"block_device_mappings": times(1+g.IntN(3), func(k int) any {
				return obj{"DeviceName": fmt.Sprintf("/dev/sd%c", 'a'+k), "Ebs": obj{"VolumeId": "vol-" + g.hex(17), "Encrypted": g.in(97), "DeleteOnTermination": true, "Status": "attached", "AttachTime": g.ago(400)}}
			}),
			"network_interfaces": list{obj{"NetworkInterfaceId": "eni-" + g.hex(17), "PrivateIpAddress": ip, "SourceDestCheck": true, "Status": "in-use",
				"Attachment": obj{"AttachmentId": "eni-attach-" + g.hex(17), "DeviceIndex": 0, "DeleteOnTermination": true}}},
			"security_groups": list{obj{"GroupId": "sg-" + g.hex(17), "GroupName": "app"}, obj{"GroupId": "sg-" + g.hex(17), "GroupName": "ssh"}}, "tags": g.tags("i-" + g.hex(6))}
	case "okta_user":
		id, mail := fmt.Sprintf("00u%017x", i), fmt.Sprintf("p%d@example.org", i/6)
		kinds, groups := []string{"token:software:totp", "push"}, list{"Everyone", fmt.Sprintf("squad-%d", g.IntN(30)), "GitHub-Users", "AWS-ReadOnly"}
		if g.in(8) {
			kinds = append(kinds, "sms")
		}
		if g.in(6) {
			groups = append(groups, "Prod-Deployers")
		}
		if g.in(15) {
			groups = append(groups, "Code-Approvers")
		}
		return id, obj{"id": id, "status": g.one(88, "ACTIVE", "DEPROVISIONED"), "created": g.ago(1200), "activated": g.ago(1200), "lastLogin": g.ago(100), "lastUpdated": g.ago(30), "passwordChanged": g.ago(200),
			"profile": obj{"login": g.one(98, mail, "ext@example.com"), "email": mail, "firstName": "First" + g.hex(4), "lastName": "Last" + g.hex(5), "department": fmt.Sprintf("dept-%d", g.IntN(20)), "title": "Engineer",
				"manager": fmt.Sprintf("p%d@example.org", g.IntN(1000)), "employeeNumber": fmt.Sprint(i), "costCenter": fmt.Sprint(1000 + g.IntN(40)), "countryCode": "US", "timezone": "America/Los_Angeles"},
			"credentials": obj{"provider": obj{"type": "OKTA", "name": "OKTA"}},
			"factors": times(len(kinds), func(k int) any {
				return obj{"id": "opf" + g.hex(17), "factorType": kinds[k], "provider": "OKTA", "status": g.one(90, "ACTIVE", "PENDING_ACTIVATION"), "created": g.ago(900)}
			}),
			"groups": groups, "_links": obj{"self": "https://example.okta.com/api/v1/users/" + id, "deactivate": "https://example.okta.com/api/v1/users/" + id + "/lifecycle/deactivate"}}
	}
	name, enabled := fmt.Sprintf("example/service-%07d", i), func(percent int) obj { return obj{"enabled": g.in(percent)} }
	contexts := list{}
	if g.in(92) {
		contexts = list{"ci/build", "ci/test", "security/codeql"}
	}
	reviews := 1
	if g.in(7) {
		reviews = 0
	}
	return name, obj{"id": 100000000 + i, "node_id": "R_kgDO" + g.hex(8), "full_name": name, "description": "service " + g.hex(10) + " of the platform, owned by squad " + g.hex(2), "private": true, "visibility": "private",
		"archived": g.in(8), "fork": false, "default_branch": "main", "pushed_at": g.ago(60), "created_at": g.ago(1500), "html_url": "https://github.com/" + name, "clone_url": "https://github.com/" + name + ".git", "language": "Go",
		"branch_protection": obj{"required_pull_request_reviews": obj{"required_approving_review_count": reviews, "dismiss_stale_reviews": g.in(80), "require_code_owner_reviews": g.in(60)},
			"enforce_admins": enabled(85), "required_status_checks": obj{"strict": g.in(70), "contexts": contexts}, "allow_force_pushes": enabled(3), "allow_deletions": enabled(0), "required_linear_history": enabled(50)},
		"security_and_analysis": obj{"secret_scanning": obj{"status": g.one(94, "enabled", "disabled")}, "secret_scanning_push_protection": obj{"status": "enabled"}, "dependabot_security_updates": obj{"status": "enabled"}},
		"topics":                list{"go", "service", fmt.Sprintf("tier-%d", g.IntN(4))},
		"collaborators": times(3, func(int) any {
			return obj{"login": "dev-" + g.hex(6), "id": g.IntN(9999999), "role_name": "write", "permissions": obj{"admin": false, "push": true, "pull": true}}
		})}
}
