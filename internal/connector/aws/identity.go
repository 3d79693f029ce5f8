package aws

import (
	"context"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/record"
)

var (
	stsService  = &service{prefix: "sts", version: "2011-06-15"}
	iamService  = &service{prefix: "iam", version: "2010-05-08", home: "us-east-1"}
	orgsService = &service{prefix: "organizations", protocol: json11, version: "AWSOrganizationsV20161128", home: "us-east-1", host: "organizations.us-east-1"}
	ec2Service  = &service{prefix: "ec2", version: "2016-11-15"}

	whoAmI       = &call{service: stsService, op: "GetCallerIdentity"}
	assumeRole   = &call{service: stsService, op: "AssumeRole"}
	listAccounts = &call{service: orgsService, op: "ListAccounts", in: "NextToken", out: "NextToken"}

	listAliases      = &call{service: iamService, op: "ListAccountAliases", in: "Marker", out: "Marker"}
	accountSummary   = &call{service: iamService, op: "GetAccountSummary"}
	passwordPolicy   = &call{service: iamService, op: "GetAccountPasswordPolicy", absent: []string{"NoSuchEntity"}}
	generateReport   = &call{service: iamService, op: "GenerateCredentialReport"}
	credentialReport = &call{service: iamService, op: "GetCredentialReport"}
	userDetails      = authorization("User")
	groupDetails     = authorization("Group")
	policyDetails    = authorization("LocalManagedPolicy")

	describeRegions = &call{service: ec2Service, op: "DescribeRegions", params: map[string]any{"AllRegions": "true"}}
	describeRegion  = &call{service: ec2Service, op: "DescribeRegions", params: map[string]any{"RegionName.1": "{region}"}}
)

func authorization(of string) *call {
	return &call{service: iamService, op: "GetAccountAuthorizationDetails", params: map[string]any{"Filter.member.1": of}, in: "Marker", out: "Marker",
		limit: "MaxItems", most: 500}
}

var identityLists = []list{
	{kind: "aws_account", call: whoAmI, items: ".", key: "{account}", label: "{Account}", global: true, parts: []part{
		{name: "member", calls: []*call{listAccounts}, read: memberOf},
		{name: "aliases", calls: []*call{listAliases}, read: func(ctx context.Context, a *asking, _ map[string]any) (any, error) {
			found, err := a.every(ctx, listAliases, nil, "AccountAliases")
			names := []any{}
			for _, o := range found {
				a.note(o)
				names = append(names, o.value)
			}
			return names, err
		}},
		{name: "trails", calls: []*call{describeTrails, trailStatus, trailSelectors}, read: accountTrails},
	}},
	{kind: "aws_region", call: describeRegion, items: "regionInfo", key: "{account}/{region}", label: "{region}", parts: []part{
		{name: "ebs_encryption", calls: []*call{ebsDefault}, at: "ebsEncryptionByDefault"},
		{name: "detectors", calls: []*call{listDetectors, getDetector}, read: regionDetectors},
		{name: "recorders", calls: []*call{describeRecorders, recorderStatus}, read: regionRecorders},
	}},
	{kind: "aws_iam_account", call: accountSummary, items: ".", key: "{account}", global: true, parts: []part{
		{name: "password_policy", calls: []*call{passwordPolicy}, at: "PasswordPolicy"},
		{name: "root", calls: []*call{generateReport, credentialReport}, read: func(ctx context.Context, a *asking, _ map[string]any) (any, error) {
			return a.credentials(ctx, func(row map[string]any) bool { return row["user"] == "<root_account>" })
		}},
	}},
	{kind: "aws_iam_user", call: userDetails, items: "UserDetailList", key: "{Arn}", label: "{UserName}", global: true, parts: []part{
		{name: "credentials", calls: []*call{generateReport, credentialReport}, read: func(ctx context.Context, a *asking, body map[string]any) (any, error) {
			return a.credentials(ctx, func(row map[string]any) bool { return row["arn"] == body["Arn"] })
		}},
		{name: "rights", calls: []*call{groupDetails}, read: rights},
	}},
	{kind: "aws_iam_policy", call: policyDetails, items: "Policies", key: "{Arn}", label: "{PolicyName}", global: true, parts: []part{
		{name: "policy", read: func(_ context.Context, _ *asking, body map[string]any) (any, error) {
			versions, _ := body["PolicyVersionList"].([]any)
			for _, v := range versions {
				if m, ok := v.(map[string]any); ok && (m["IsDefaultVersion"] == true) {
					return policyPart(policyDetails, m["Document"])
				}
			}
			return nil, nil
		}},
	}},
}

// policyPart decodes a policy; one that cannot be read is a refusal, for it may say anything.
func policyPart(c *call, document any) (any, error) {
	v, err := decodePolicy(document)
	if err != nil {
		return nil, &refusal{call: c, where: "this account", reason: plain(err)}
	}
	return v, nil
}

func memberOf(_ context.Context, a *asking, _ map[string]any) (any, error) {
	o, ok := a.members[a.account]
	if !ok {
		return nil, nil
	}
	a.note(o)
	return o.value, nil
}

// credentials is a row of the credential report, as an object; nothing when the report is older than whom it should speak of.
func (a *asking) credentials(ctx context.Context, is func(map[string]any) bool) (any, error) {
	v, by, err := a.share("credential report", func() (any, said, error) {
		of := &asking{visit: a.visit, kind: a.kind}
		rows, err := of.report(ctx)
		return rows, said{from: of.from}, err
	})
	a.told(by.from)
	if err != nil {
		return nil, err
	}
	for _, row := range v.([]map[string]any) {
		if is(row) {
			if raw, err := marshal(row); err == nil {
				a.note(thing{raw: raw, value: row})
			}
			return row, nil
		}
	}
	return nil, nil
}

// report has AWS write the credential report, waits for it and reads it.
func (a *asking) report(ctx context.Context) (any, error) {
	for try := 1; ; try++ {
		got, f, err := a.page(ctx, generateReport, nil)
		if f != nil {
			return nil, f
		}
		if err != nil {
			return nil, err
		}
		if got.text("State") == "COMPLETE" {
			break
		}
		if try == 60 {
			return nil, &refusal{call: generateReport, where: a.scope(), reason: "the credential report is not ready after two minutes"}
		}
		select {
		case <-time.After(8 * a.backoff):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	got, f, err := a.page(ctx, credentialReport, nil)
	if f != nil {
		return nil, f
	}
	if err != nil {
		return nil, err
	}
	rows, err := readReport(got.text("Content"))
	if err != nil {
		return nil, &refusal{call: credentialReport, where: a.scope(), reason: plain(err)}
	}
	return rows, nil
}

// readReport makes objects of the report's rows: true and false are such, and what there is no value for is null. last_used is the
// latest use of the password and both keys.
func readReport(content string) ([]map[string]any, error) {
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(content))
	if err != nil {
		return nil, errors.New("the credential report is not encoded as it should be")
	}
	lines, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(lines) < 2 {
		return nil, errors.New("the credential report is not a whole table")
	}
	for _, needed := range []string{"user", "arn", "password_enabled", "mfa_active", "access_key_1_active", "access_key_2_active"} {
		if !slices.Contains(lines[0], needed) {
			return nil, errors.New("the credential report has no column " + needed)
		}
	}
	var out []map[string]any
	for _, line := range lines[1:] {
		row := map[string]any{}
		last := ""
		for i, name := range lines[0] {
			switch v := line[i]; v {
			case "true", "TRUE":
				row[name] = true
			case "false", "FALSE":
				row[name] = false
			case "N/A", "no_information", "not_supported", "":
				row[name] = nil
			default:
				if t, err := time.Parse(time.RFC3339, v); err == nil {
					v = t.UTC().Format(time.RFC3339)
					if name == "password_last_used" || strings.HasSuffix(name, "_last_used_date") {
						last = max(last, v)
					}
				}
				row[name] = v
			}
		}
		if row["last_used"] = nil; last != "" {
			row["last_used"] = last
		}
		out = append(out, row)
	}
	return out, nil
}

// rights are the policies that a user has by itself and by its groups.
func rights(ctx context.Context, a *asking, body map[string]any) (any, error) {
	attached, inline := []any{}, []any{}
	take := func(by string, policies, documents any) error {
		for _, p := range asList(policies) {
			attached = append(attached, map[string]any{"arn": at(p, "PolicyArn"), "by": by})
		}
		for _, p := range asList(documents) {
			decoded, err := policyPart(userDetails, at(p, "PolicyDocument"))
			if err != nil {
				return err
			}
			inline = append(inline, map[string]any{"name": at(p, "PolicyName"), "by": by, "statements": at(decoded, "statements")})
		}
		return nil
	}
	if err := take("user", body["AttachedManagedPolicies"], body["UserPolicyList"]); err != nil {
		return nil, err
	}
	if len(asList(body["GroupList"])) > 0 {
		groups, err := a.every(ctx, groupDetails, nil, "GroupDetailList")
		if err != nil {
			return nil, err
		}
		for _, name := range asList(body["GroupList"]) {
			i := slices.IndexFunc(groups, func(o thing) bool { return at(o.value, "GroupName") == name })
			if i < 0 {
				return nil, nil // it came meanwhile: what the user may do is not known
			}
			a.note(groups[i])
			if err := take("group "+name.(string), at(groups[i].value, "AttachedManagedPolicies"), at(groups[i].value, "GroupPolicyList")); err != nil {
				return nil, err
			}
		}
	}
	return map[string]any{"attached": attached, "inline": inline}, nil
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

func identityKinds() []record.Kind {
	account := kind("aws_account", "AWS account", "AWS accounts", "An account that the connection reads.", "",
		shown("Account", "Number"), volatile("UserId", record.Text), volatile("Arn", record.Text),
		record.Field{Name: "member", Type: record.Object, Help: "What the organisation says of it; empty where no organisation is read.", Fields: []record.Field{
			field("Name", record.Text, ""), {Name: "Email", Type: record.Email, Personal: true}, field("Status", record.Text, ""), field("Arn", record.Text, ""),
			field("JoinedMethod", record.Text, ""), {Name: "JoinedTimestamp", Type: record.Time}}},
		many(field("aliases", record.Text, "")),
		objects("trails", trailFields()...),
	)
	region := kind("aws_region", "AWS region", "AWS regions", "A region of an account that the connection reads, with what watches it.", "",
		shown("regionName", "Region name"), field("optInStatus", record.Text, "Opted in"),
		field("ebs_encryption", record.Bool, "Volumes encrypted by default"),
		objects("detectors", detectorFields()...),
		objects("recorders", field("name", record.Text, ""), object("recordingGroup", field("allSupported", record.Bool, ""), field("includeGlobalResourceTypes", record.Bool, "")),
			object("status", field("recording", record.Bool, ""), field("lastStatus", record.Text, ""), volatile("lastStartTime", record.Time), volatile("lastStopTime", record.Time),
				volatile("lastStatusChangeTime", record.Time))),
	)
	row := func(name string, more ...record.Field) record.Field {
		f := object(name, append([]record.Field{{Name: "user", Type: record.Text, Personal: true}, field("arn", record.Text, ""),
			field("password_enabled", record.Bool, ""), field("mfa_active", record.Bool, ""), field("password_last_changed", record.Text, ""),
			field("access_key_1_active", record.Bool, ""), field("access_key_1_last_rotated", record.Text, ""),
			field("access_key_2_active", record.Bool, ""), field("access_key_2_last_rotated", record.Text, "")}, more...)...)
		f.Help = "From the credential report, which AWS writes anew every four hours at most."
		return f
	}
	used := []string{"password_last_used", "access_key_1_last_used_date", "access_key_2_last_used_date", "last_used"}
	var kept, passing []record.Field
	for _, name := range used {
		kept = append(kept, field(name, record.Text, ""))
		passing = append(passing, volatile(name, record.Text))
	}
	for _, name := range []string{"access_key_1_last_used_region", "access_key_1_last_used_service", "access_key_2_last_used_region", "access_key_2_last_used_service", "password_next_rotation"} {
		kept = append(kept, volatile(name, record.Text))
		passing = append(passing, volatile(name, record.Text))
	}
	summary := kind("aws_iam_account", "IAM settings", "IAM settings", "What holds for all identities of an account, and its root user.", "",
		object("SummaryMap", field("AccountMFAEnabled", record.Integer, ""), field("AccountAccessKeysPresent", record.Integer, ""),
			field("AccountPasswordPresent", record.Integer, ""), field("Users", record.Integer, ""), field("MFADevices", record.Integer, "")),
		object("password_policy", field("MinimumPasswordLength", record.Integer, ""), field("PasswordReusePrevention", record.Integer, ""),
			field("RequireSymbols", record.Bool, ""), field("RequireNumbers", record.Bool, ""), field("RequireUppercaseCharacters", record.Bool, ""),
			field("RequireLowercaseCharacters", record.Bool, ""), field("ExpirePasswords", record.Bool, ""), field("MaxPasswordAge", record.Integer, ""),
			field("AllowUsersToChangePassword", record.Bool, ""), field("HardExpiry", record.Bool, "")),
		row("root", kept...),
	)
	statements := policyFields()[1]
	policies := func(name string) record.Field {
		return objects(name, field("PolicyName", record.Text, ""), field("PolicyArn", record.Text, ""))
	}
	user := kind("aws_iam_user", "IAM user", "IAM users", "A user of an account, with its password, keys and rights.", "UserName",
		record.Field{Name: "UserName", Type: record.Text, Title: "Name", Indexed: true, Personal: true}, hidden("UserId", record.Text), hidden("Arn", record.Text), hidden("Path", record.Text),
		field("CreateDate", record.Time, "Created"), many(field("GroupList", record.Text, "Groups")),
		objects("UserPolicyList", field("PolicyName", record.Text, ""), field("PolicyDocument", record.Long, "")), policies("AttachedManagedPolicies"),
		tags("Tags", "Key", "Value"), row("credentials", passing...),
		record.Field{Name: "rights", Type: record.Object, Hidden: true, Help: "The policies that it has by itself and by its groups.", Fields: []record.Field{
			objects("attached", field("arn", record.Text, ""), field("by", record.Text, "")),
			objects("inline", field("name", record.Text, ""), field("by", record.Text, ""), statements)}},
	)
	full := `s.effect == "Allow" && s.actions.exists(a, a in ["*", "iam:*"]) && s.resources.exists(x, x == "*")`
	user.Views = []record.View{{Name: "account", Fields: map[string]string{
		"id": `r.Arn`, "name": `r.UserName`, "email": `(r.UserName.contains("@") ? r.UserName : r.email)`,
		"enabled": `r.credentials.password_enabled || r.credentials.access_key_1_active || r.credentials.access_key_2_active`,
		"admin": `(r.rights.attached.exists(p, p.arn.endsWith(":policy/AdministratorAccess") || p.arn.endsWith(":policy/IAMFullAccess")) ||
			r.rights.inline.exists(p, p.statements.exists(s, ` + full + `)) ? true : (r.rights.attached.all(p, p.arn.contains(":iam::aws:")) ? false : r.customer_policies))`,
		"mfa": `r.credentials.mfa_active`, "service": `r.credentials.password_enabled == false`, "external": `false`,
		"created": `r.CreateDate`, "last_used": `r.credentials.last_used`,
	}}}
	user.Fields = append(user.Fields, record.Field{Name: "email", Type: record.Email, Hidden: true, Personal: true, Help: "Not told by AWS where the name is no address."},
		record.Field{Name: "customer_policies", Type: record.Bool, Hidden: true, Help: "Not told: whether policies of the account's own amount to administration is judged for each policy."})
	policy := kind("aws_iam_policy", "IAM policy", "IAM policies", "A policy that the account wrote itself.", "PolicyName",
		shown("PolicyName", "Name"), hidden("Arn", record.Text), field("AttachmentCount", record.Integer, "Attached"), hidden("DefaultVersionId", record.Text),
		field("CreateDate", record.Time, "Created"), field("UpdateDate", record.Time, "Updated"), hidden("IsAttachable", record.Bool),
		objects("PolicyVersionList", field("VersionId", record.Text, ""), field("IsDefaultVersion", record.Bool, ""), field("Document", record.Long, ""), field("CreateDate", record.Time, "")),
		object("policy", policyFields()...),
	)
	return []record.Kind{connector.Component(account, "r.Account", "r.Account"), connector.Component(region, `r.account_id + "/" + r.regionName`, "r.regionName"), summary, user, policy}
}
