package corpus

import (
	"fmt"
	"math/rand/v2"
	"time"

	"tickmark/internal/record"
)

// facets are the parts of an object that change apart from each other; a revision changes two of them.
const facets = 6

// kindOf is the kind of object i.
func kindOf(i int) string { return kindNames[i%len(kindNames)] }

var kindNames = []string{"cloud_bucket", "cloud_user", "cloud_firewall", "cloud_instance", "directory_user", "code_repository"}

// Key is the key of object i.
func Key(i int) string {
	switch i % 6 {
	case 0:
		return fmt.Sprintf("arn:aws:s3:::example-data-%07d", i)
	case 1:
		return fmt.Sprintf("arn:aws:iam::%012d:user/user.%07d", 100_000_000_000+i%37, i)
	case 2:
		return fmt.Sprintf("sg-%017x", i)
	case 3:
		return fmt.Sprintf("i-%017x", i)
	case 4:
		return fmt.Sprintf("00u%017x", i)
	}
	return fmt.Sprintf("example/service-%07d", i)
}

var began = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// dice make the values of one facet of one object.
type dice struct{ *rand.Rand }

func (d dice) in(percent int) bool { return d.IntN(100) < percent }

func (d dice) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[d.IntN(16)]
	}
	return string(b)
}

func (d dice) ago(days int) string {
	return began.Add(-time.Duration(d.IntN(days*86400)) * time.Second).Format(time.RFC3339)
}

func (d dice) either(percent int, yes, no string) string {
	if d.in(percent) {
		return yes
	}
	return no
}

// Body is object i at its rev-th change, as its source states it: 0.9 to 1.8 KB of JSON, the same bytes every time.
func Body(i, rev int) []byte {
	var last [facets]uint64 // by facet: the revision that it stands at
	for k := 1; k <= rev; k++ {
		r := rand.New(rand.NewPCG(uint64(i), uint64(k)))
		last[r.IntN(facets)], last[r.IntN(facets)] = uint64(k), uint64(k)
	}
	d := func(facet int) dice { return dice{rand.New(rand.NewPCG(uint64(i*facets+facet), last[facet]))} }
	account := fmt.Sprintf("%012d", 100_000_000_000+i%37)
	region := []string{"us-east-1", "eu-west-1", "us-west-2", "ap-southeast-2"}[i/6%4]
	f0, f1, f2, f3, f4, f5 := d(0), d(1), d(2), d(3), d(4), d(5)
	tags := fmt.Sprintf(`{"Name":"n-%07d","cost-center":"%d","env":%q,"terraform":"%s"%s}`, i, 1000+f0.IntN(40), []string{"production", "staging", "test"}[f0.IntN(3)], f0.hex(8),
		f0.either(92, fmt.Sprintf(`,"owner":"team-%02d@example.com"`, f0.IntN(60)), ""))
	key := Key(i)
	b := make([]byte, 0, 2048)
	switch i % 6 {
	case 0:
		b = fmt.Appendf(b, `{"arn":%q,"name":"example-data-%07d","region":%q,"account_id":%q,"creation_date":%q,`, key, i, region, account, dice{rand.New(rand.NewPCG(uint64(i), 1<<40))}.ago(1500))
		b = fmt.Appendf(b, `"encryption":{"algorithm":%q,"key":"arn:aws:kms:%s:%s:key/%s","bucket_key":%t},`, f1.either(97, f1.either(70, "aws:kms", "AES256"), "none"), region, account, f1.hex(32), f1.in(50))
		b = fmt.Appendf(b, `"versioning":{"status":%q,"mfa_delete":"Disabled","since":%q},`, f2.either(90, "Enabled", "Suspended"), f2.ago(900))
		b = fmt.Appendf(b, `"logging":{"target_bucket":%q,"target_prefix":"%s/"},`, f3.either(85, "example-logs-"+account, ""), f3.hex(8))
		b = fmt.Appendf(b, `"public_access_block":{"block_public_acls":%t,"ignore_public_acls":true,"block_public_policy":true,"restrict_public_buckets":true,"since":%q},`, f4.in(96), f4.ago(900))
		b = fmt.Appendf(b, `"policy":{"Version":"2012-10-17","Statement":[{"Sid":"AllowApp","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:role/app-%s"},"Action":["s3:GetObject","s3:PutObject","s3:ListBucket"],"Resource":[%q,"%s/*"]},{"Sid":"DenyInsecure","Effect":"Deny","Principal":"*","Action":["s3:*"],"Resource":[%q],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]},`, account, f5.hex(6), key, key, key)
		b = fmt.Appendf(b, `"acl":{"owner":%q,"grants":[{"grantee":"CanonicalUser","permission":"FULL_CONTROL"}]},"lifecycle_rules":[{"id":"expire-noncurrent","status":"Enabled","days":90},{"id":"abort-uploads","status":"Enabled","days":7}],"tags":%s}`, f5.hex(40), tags)
	case 1:
		mfa := f1.in(93)
		b = fmt.Appendf(b, `{"arn":%q,"user_name":"user.%07d","user_id":"AIDA%016X","account_id":%q,"region":%q,"email":"p%d@example.com","create_date":%q,`, key, i, i, account, region, i/6, dice{rand.New(rand.NewPCG(uint64(i), 1<<40))}.ago(1500))
		b = fmt.Appendf(b, `"password_enabled":%t,"password_last_changed":%q,"mfa_active":%t,"mfa_devices":[%s],`, f1.in(60), f1.ago(300), mfa,
			map[bool]string{true: fmt.Sprintf(`{"serial_number":"arn:aws:iam::%s:mfa/user.%07d","enable_date":%q}`, account, i, f1.ago(900))}[mfa])
		b = fmt.Appendf(b, `"access_keys":[{"id":"AKIA%s","status":%q,"create_date":%q,"service":"s3"},{"id":"AKIA%s","status":"Inactive","create_date":%q,"service":"sts"}],`, f2.hex(16), f2.either(60, "Active", "Inactive"), f2.ago(110), f2.hex(16), f2.ago(400))
		b = append(b, `"attached_policies":[`...)
		for k := range 4 {
			name := f3.either(99, fmt.Sprintf("example-policy-%02d", f3.IntN(50)), "AdministratorAccess")
			b = fmt.Appendf(b, `%s{"name":%q,"arn":"arn:aws:iam::%s:policy/%s"}`, comma(k), name, account, name)
		}
		b = fmt.Appendf(b, `],"groups":["engineering","squad-%d","on-call-%d","list-%s"],"inline_policies":[%s],"console_session":%q,"tags":%s}`, f4.IntN(30), f4.IntN(8), f4.hex(6), f5.either(95, "", fmt.Sprintf(`"inline-%s"`, f5.hex(6))), f5.ago(90), tags)
	case 2:
		b = fmt.Appendf(b, `{"group_id":%q,"group_name":%q,"vpc_id":"vpc-%017x","account_id":%q,"region":%q,"description":"managed by terraform, module network, revision %s","ingress":[`, key, f1.either(92, fmt.Sprintf("app-%07d", i), "default"), i/40, account, region, f1.hex(10))
		for k, f := range []dice{f2, f3, f4} {
			port := []int{22, 443, 5432, 8080, 3389, 6379}[f.IntN(6)]
			b = fmt.Appendf(b, `%s{"protocol":%q,"from_port":%d,"to_port":%d,"ranges":[{"cidr":%q,"description":"rule %s"},{"cidr":"172.16.%d.0/24","description":"vpn"}],"groups":["sg-%s"]}`, comma(k), f.either(99, "tcp", "-1"), port, port,
				f.either(96, fmt.Sprintf("10.%d.0.0/16", f.IntN(255)), "0.0.0.0/0"), f.hex(6), f.IntN(255), f.hex(17))
		}
		b = fmt.Appendf(b, `],"egress":[{"protocol":"-1","from_port":0,"to_port":0,"ranges":[{"cidr":%q,"description":""}],"groups":[]}],"flow_logs":%t,"flow_log_id":"fl-%s","tags":%s}`, f5.either(80, "0.0.0.0/0", "10.0.0.0/8"), f5.in(88), f5.hex(17), tags)
	case 3:
		b = fmt.Appendf(b, `{"instance_id":%q,"image_id":"ami-%s","instance_type":"m7i.xlarge","account_id":%q,"region":%q,"zone":"%sa","launch_time":%q,"state":%q,"private_ip":"10.%d.%d.%d","public_ip":%q,`, key, f1.hex(17), account, region, region,
			f1.ago(400), f1.either(90, "running", "stopped"), i>>16&255, i>>8&255, i&255, f2.either(95, "", fmt.Sprintf("203.0.113.%d", f2.IntN(255))))
		b = fmt.Appendf(b, `"subnet_id":"subnet-%017x","profile":%q,"metadata":{"state":"applied","http_tokens":%q,"hop_limit":2,"endpoint":"enabled"},"monitoring":%q,"changed":%q,"volumes":[`, i/30, f2.either(95, "arn:aws:iam::"+account+":instance-profile/app-"+f2.hex(6), ""), f3.either(93, "required", "optional"), f3.either(88, "enabled", "disabled"), f3.ago(60))
		for k := range 3 {
			b = fmt.Appendf(b, `%s{"device":"/dev/sd%c","volume_id":"vol-%s","encrypted":%t,"delete_on_termination":true,"status":"attached","attached":%q}`, comma(k), 'a'+k, f4.hex(17), f4.in(97), f4.ago(300))
		}
		b = fmt.Appendf(b, `],"interfaces":[{"id":"eni-%s","source_dest_check":true,"status":"in-use","attachment":"eni-attach-%s"}],"security_groups":[{"id":"sg-%s","name":"app"},{"id":"sg-%s","name":"ssh"}],"tags":%s}`, f5.hex(17), f5.hex(17), f5.hex(17), f5.hex(17), tags)
	case 4:
		b = fmt.Appendf(b, `{"id":%q,"status":%q,"created":%q,"last_updated":%q,"password_changed":%q,"profile":{"login":"p%d@%s","email":"p%d@example.com","first_name":"First%d","last_name":"Last%d","department":"dept-%d","title":%q,"manager":"p%d@example.com","employee_number":"%d","cost_center":"%d","country":"US","time_zone":"America/Los_Angeles","badge":%q},`, key,
			f1.either(88, "ACTIVE", "DEPROVISIONED"), dice{rand.New(rand.NewPCG(uint64(i), 1<<40))}.ago(1200), f1.ago(30), f2.ago(200), i/6, f2.either(98, "example.com", "vendor.example"), i/6, i, i, f3.IntN(20), f3.either(70, "Engineer", "Analyst"), f3.IntN(1000), i, 1000+f3.IntN(40), f3.hex(8))
		b = append(b, `"credentials":{"provider":{"type":"DIRECTORY","name":"directory"}},"factors":[`...)
		for k, t := range []string{"totp", "push", f4.either(92, "webauthn", "sms")} {
			b = fmt.Appendf(b, `%s{"id":"opf%s","type":%q,"provider":"DIRECTORY","status":%q,"created":%q}`, comma(k), f4.hex(17), t, f4.either(90, "ACTIVE", "PENDING_ACTIVATION"), f4.ago(900))
		}
		b = fmt.Appendf(b, `],"groups":["Everyone","squad-%d","list-%d","Code-Users","Cloud-ReadOnly"%s%s],"region":%q,"account_id":%q,"tags":%s,"links":{"self":"https://directory.example.com/api/v1/users/%s"}}`, f5.IntN(30), f5.IntN(4000), f5.either(6, `,"Deployers"`, ""), f5.either(15, `,"Approvers"`, ""), region, account, tags, key)
	default:
		private := f1.in(95)
		b = fmt.Appendf(b, `{"id":%d,"node_id":"R_%011d","full_name":%q,"description":"service %s of the example platform, owned by squad %s","private":%t,"visibility":%q,"archived":%t,"fork":false,"default_branch":"main","created_at":%q,"region":%q,"account_id":%q,"html_url":"https://code.example.com/%s","clone_url":"https://code.example.com/%s.git","language":"Go",`, 100_000_000+i, i, key,
			f1.hex(10), f1.hex(2), private, map[bool]string{true: "private", false: "public"}[private], f1.in(8), dice{rand.New(rand.NewPCG(uint64(i), 1<<40))}.ago(1500), region, account, key, key)
		b = fmt.Appendf(b, `"branch_protection":{"reviews":{"count":%d,"dismiss_stale":%t,"code_owners":%t,"since":%q},"enforce_admins":%t,"checks":{"strict":%t,"contexts":["ci/build","ci/test","security/scan-%s"]},"force_pushes":%t,"deletions":false,"linear_history":%t,"rule":"%s"},`, min(1, f2.IntN(14)), f2.in(80), f2.in(60), f2.ago(600), f2.in(85), f3.in(70), f3.hex(2), f3.in(3), f3.in(50), f3.hex(8))
		b = fmt.Appendf(b, `"security":{"secret_scanning":%q,"push_protection":"enabled","updates":%q,"checked":%q},"topics":["go","service","tier-%d"],"pushed":%q,"collaborators":[`, f4.either(94, "enabled", "disabled"), f4.either(80, "enabled", "disabled"), f4.ago(60), f5.IntN(4), f5.ago(60))
		for k := range 3 {
			b = fmt.Appendf(b, `%s{"login":"dev-%s","id":%d,"role":"write","admin":false,"push":true,"pull":true}`, comma(k), f5.hex(6), f5.IntN(9_999_999))
		}
		b = fmt.Appendf(b, `],"tags":%s}`, tags)
	}
	return b
}

func comma(k int) string {
	if k == 0 {
		return ""
	}
	return ","
}

// Kinds are the six kinds of the objects, declared as a connector declares them.
func Kinds() []record.Kind {
	text := func(name string) record.Field { return record.Field{Name: name, Type: record.Text} }
	indexed := func(f record.Field) record.Field { f.Indexed = true; return f }
	flag := func(name string) record.Field { return record.Field{Name: name, Type: record.Bool} }
	object := func(name string, fields ...record.Field) record.Field {
		return record.Field{Name: name, Type: record.Object, Fields: fields}
	}
	list := func(f record.Field) record.Field { f.List = true; return f }
	common := []record.Field{indexed(text("account_id")), indexed(text("region")), object("tags", text("Name"), text("env"), text("owner"), text("cost-center"))}
	kind := func(name, label string, fields ...record.Field) record.Kind {
		return record.Kind{Name: name, Group: "Cloud", Label: label, Collected: true, Fields: append(fields, common...)}
	}
	return []record.Kind{
		kind("cloud_bucket", "name", text("arn"), text("name"), record.Field{Name: "creation_date", Type: record.Time},
			object("encryption", text("algorithm"), text("key"), flag("bucket_key")), object("versioning", text("status"), text("mfa_delete"), text("since")),
			object("logging", text("target_bucket"), text("target_prefix")), object("public_access_block", flag("block_public_acls"), flag("ignore_public_acls"), flag("block_public_policy"), flag("restrict_public_buckets")),
			record.Field{Name: "policy", Type: record.JSON}, record.Field{Name: "acl", Type: record.JSON}, record.Field{Name: "lifecycle_rules", Type: record.JSON}),
		kind("cloud_user", "user_name", text("arn"), indexed(text("user_name")), text("user_id"), indexed(record.Field{Name: "email", Type: record.Email, Personal: true}), record.Field{Name: "create_date", Type: record.Time},
			indexed(flag("password_enabled")), record.Field{Name: "password_last_changed", Type: record.Time}, indexed(flag("mfa_active")), list(object("mfa_devices", text("serial_number"), text("enable_date"))),
			list(object("access_keys", text("id"), text("status"), record.Field{Name: "create_date", Type: record.Time}, text("service"))), list(object("attached_policies", text("name"), text("arn"))), list(text("groups")), list(text("inline_policies"))),
		kind("cloud_firewall", "group_id", text("group_id"), indexed(text("group_name")), indexed(text("vpc_id")), text("description"),
			list(object("ingress", text("protocol"), record.Field{Name: "from_port", Type: record.Integer}, record.Field{Name: "to_port", Type: record.Integer}, list(object("ranges", text("cidr"), text("description"))), list(text("groups")))),
			list(object("egress", text("protocol"), list(object("ranges", text("cidr"), text("description"))), list(text("groups")))), flag("flow_logs")),
		kind("cloud_instance", "instance_id", text("instance_id"), text("image_id"), text("instance_type"), text("zone"), record.Field{Name: "launch_time", Type: record.Time}, indexed(record.Field{Name: "state", Type: record.Choice, Choices: []string{"running", "stopped"}}),
			text("private_ip"), indexed(text("public_ip")), text("subnet_id"), text("profile"), object("metadata", text("state"), text("http_tokens"), text("endpoint")), text("monitoring"),
			list(object("volumes", text("device"), text("volume_id"), flag("encrypted"), text("status"), text("attached"))), record.Field{Name: "interfaces", Type: record.JSON}, list(object("security_groups", text("id"), text("name")))),
		kind("directory_user", "id", text("id"), indexed(record.Field{Name: "status", Type: record.Choice, Choices: []string{"ACTIVE", "DEPROVISIONED"}}), record.Field{Name: "created", Type: record.Time}, record.Field{Name: "last_updated", Type: record.Time}, record.Field{Name: "password_changed", Type: record.Time},
			object("profile", record.Field{Name: "login", Type: record.Text, Personal: true}, record.Field{Name: "email", Type: record.Email, Personal: true}, record.Field{Name: "first_name", Type: record.Text, Personal: true}, record.Field{Name: "last_name", Type: record.Text, Personal: true}, text("department"), text("title"), text("manager")),
			list(object("factors", text("id"), text("type"), text("provider"), text("status"), text("created"))), list(indexed(text("groups")))),
		kind("code_repository", "full_name", record.Field{Name: "id", Type: record.Integer}, text("node_id"), text("full_name"), text("description"), indexed(flag("private")), text("visibility"), indexed(flag("archived")), text("default_branch"), record.Field{Name: "created_at", Type: record.Time},
			object("branch_protection", object("reviews", record.Field{Name: "count", Type: record.Integer}, flag("dismiss_stale"), flag("code_owners")), flag("enforce_admins"), object("checks", flag("strict"), list(text("contexts"))), flag("force_pushes"), flag("deletions")),
			object("security", text("secret_scanning"), text("push_protection"), text("updates")), list(text("topics")), list(object("collaborators", text("login"), text("role")))),
	}
}
