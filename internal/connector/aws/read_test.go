package aws

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
)

// empty answers every question with an empty list, for one account by key.
func empty(r *http.Request, body string) string {
	target := r.Header.Get("X-Amz-Target")
	_, op, _ := strings.Cut(target, ".")
	if i := strings.LastIndex(target, "."); i >= 0 {
		op = target[i+1:]
	}
	lists := map[string]string{"DescribeTrails": "trailList", "DescribeConfigurationRecorders": "ConfigurationRecorders", "DescribeConfigurationRecorderStatus": "ConfigurationRecordersStatus",
		"ListKeys": "Keys", "ListTables": "TableNames", "ListSecrets": "SecretList", "ListCertificates": "CertificateSummaryList", "DescribeInstanceInformation": "InstanceInformationList",
		"DescribeRepositories": "repositories", "DescribeLogGroups": "logGroups", "DescribeMetricFilters": "metricFilters"}
	switch path := r.URL.Path; {
	case lists[op] != "":
		return `{"` + lists[op] + `":[]}`
	case path == "/detector":
		return `{"detectorIds":[]}`
	case path == "/backup-vaults/":
		return `{"BackupVaultList":[]}`
	case path == "/restapis":
		return `{"item":[]}`
	case strings.HasSuffix(path, "/distribution"):
		return `<DistributionList><Quantity>0</Quantity></DistributionList>`
	case path == "/":
		form := strings.Split(body, "&")
		action := ""
		for _, f := range form {
			if a, ok := strings.CutPrefix(f, "Action="); ok {
				action = a
			}
		}
		if action == "" {
			return `<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>`
		}
		inner := map[string]string{"GetAccountSummary": "<SummaryMap><entry><key>Users</key><value>0</value></entry></SummaryMap>", "ListAccountAliases": "<AccountAliases/>",
			"GetAccountPasswordPolicy": "<PasswordPolicy><MinimumPasswordLength>14</MinimumPasswordLength></PasswordPolicy>", "GenerateCredentialReport": "<State>COMPLETE</State>",
			"GetCredentialReport":            "<Content>" + base64.StdEncoding.EncodeToString([]byte("user,arn,password_enabled,mfa_active,access_key_1_active,access_key_2_active,password_last_used\n<root_account>,arn:root,not_supported,true,false,false,no_information\n")) + "</Content>",
			"GetAccountAuthorizationDetails": "<UserDetailList/><GroupDetailList/><Policies/>", "DescribeLoadBalancers": "<LoadBalancers/>", "DescribeDBInstances": "<DBInstances/>",
			"DescribeAutoScalingGroups": "<AutoScalingGroups/>", "DescribeAlarms": "<MetricAlarms/>"}
		if s, ok := inner[action]; ok {
			return fmt.Sprintf("<%sResponse><%sResult>%s</%sResult></%sResponse>", action, action, s, action, action)
		}
		sets := map[string]string{"DescribeSecurityGroups": "securityGroupInfo", "DescribeVpcs": "vpcSet", "DescribeInstances": "reservationSet", "DescribeVolumes": "volumeSet", "DescribeSnapshots": "snapshotSet"}
		if s := sets[action]; s != "" {
			return fmt.Sprintf("<%sResponse><%s/></%sResponse>", action, s, action)
		}
		if action == "DescribeRegions" {
			return `<DescribeRegionsResponse><regionInfo><item><regionName>eu-west-1</regionName><optInStatus>opt-in-not-required</optInStatus></item><item><regionName>af-south-1</regionName><optInStatus>not-opted-in</optInStatus></item></regionInfo></DescribeRegionsResponse>`
		}
		if action == "GetEbsEncryptionByDefault" {
			return `<GetEbsEncryptionByDefaultResponse><ebsEncryptionByDefault>true</ebsEncryptionByDefault></GetEbsEncryptionByDefaultResponse>`
		}
	case strings.HasPrefix(path, "/v20180820"):
		return `<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>`
	}
	return ""
}

// organisation answers for accounts, of which one does not let anybody in, and one is suspended.
func organisation(t testing.TB, extra func(r *http.Request, account, body string) string) *httptest.Server {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body := string(b)
		_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		account, _, _ := strings.Cut(rest, "/")
		if account == "AKIDEXAMPLE" {
			account = "100000000001"
		}
		say := func(status int, text string) {
			w.WriteHeader(status)
			io.WriteString(w, text)
		}
		switch {
		case strings.Contains(body, "Action=GetCallerIdentity"):
			say(200, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>`+account+`</Account><Arn>arn:aws:sts::`+account+`:x</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		case strings.Contains(body, "Action=AssumeRole&") && strings.Contains(body, "100000000003"):
			say(403, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`)
		case strings.Contains(body, "Action=AssumeRole&"):
			_, role, _ := strings.Cut(body, "iam%3A%3A")
			if !strings.Contains(body, "role%2Freader") || !strings.Contains(body, "ExternalId=meadow") {
				t.Errorf("a role is asked for by %s", body)
			}
			say(200, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>`+role[:12]+`</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
		case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListAccounts"):
			say(200, `{"Accounts":[{"Id":"100000000001","Name":"first","Status":"ACTIVE"},{"Id":"100000000002","Name":"second","Status":"ACTIVE"},{"Id":"100000000003","Name":"third","Status":"ACTIVE"},{"Id":"100000000004","Name":"old","Status":"SUSPENDED"}]}`)
		default:
			text := ""
			if extra != nil {
				text = extra(r, account, body)
			}
			if text == "" {
				text = empty(r, body)
			}
			if text == "" {
				t.Errorf("no answer to %s %s %s %s", r.Method, r.URL, r.Header.Get("X-Amz-Target"), body)
			}
			say(200, text)
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestAnAccountThatRefusesIsAGapAndTheOthersAreRead(t *testing.T) {
	credentials(t)
	srv := organisation(t, nil)
	r := &connectortest.Recorder{Clock: clock}
	v := connector.Values{"endpoint": srv.URL, "accounts": "organization", "member_role": "reader", "external_id": "meadow"}
	if err := read(t.Context(), v, r); err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems(Connector()) {
		t.Error(p)
	}
	for _, g := range r.Gaps() {
		if !strings.HasPrefix(g.Scope, "100000000003") || !g.Denied || g.Needs != "sts:AssumeRole" {
			t.Errorf("%+v", g)
		}
	}
	for _, k := range kinds() {
		global := slices.ContainsFunc(lists, func(l list) bool { return l.kind == k.Name && l.global })
		for account, complete := range map[string]bool{"100000000001": true, "100000000002": true, "100000000003": false, "100000000004": false} {
			scope := account
			if !global {
				scope += "/eu-west-1"
			}
			if r.Completed(k.Name, scope) != complete {
				t.Errorf("%s in %s: complete is %v", k.Name, scope, !complete)
			}
			gap := slices.ContainsFunc(r.Gaps(), func(g connector.Gap) bool { return g.Kind == k.Name && g.Scope == scope })
			if gap != (account == "100000000003") {
				t.Errorf("%s in %s: a gap is %v", k.Name, scope, gap)
			}
		}
	}
	if r.Count("aws_account") != 2 || text(r.Body("aws_account", "100000000002"), "member.Name") != "second" {
		t.Errorf("%d accounts, %v", r.Count("aws_account"), r.Body("aws_account", "100000000002"))
	}
	if r.Count("aws_region") != 2 {
		t.Errorf("%d regions: one that is not enabled is none", r.Count("aws_region"))
	}
	if root := r.Body("aws_iam_account", "100000000001")["root"]; at(root, "mfa_active") != true || at(root, "last_used") != nil {
		t.Errorf("%v", root)
	}
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	for name, v := range map[string]connector.Values{
		"a role":     {"role_arn": "tickmark"},
		"a region":   {"regions": "eu-west-1, Frankfurt"},
		"an account": {"accounts": "12345"},
		"a member":   {"member_role": "a b"},
		"plain HTTP": {"endpoint": "http://aws.example.org"},
		"a password": {"endpoint": "https://me:secret@example.org"},
	} {
		if _, err := parseSettings(v); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPolicyIsOneFormWhicheverItWasWrittenIn(t *testing.T) {
	const full = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["*","arn:aws:iam::1:root"],"Service":"s3.amazonaws.com"},"Action":"s3:*","NotResource":["a"],"Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8"]},"Bool":{"aws:SecureTransport":true}}}}`
	encoded := strings.NewReplacer(`{`, "%7B", `}`, "%7D", `"`, "%22", " ", "%20").Replace(full)
	var bodies []string
	for _, v := range []any{full, encoded} {
		got, err := decodePolicy(v)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := marshal(at(got, "statements"))
		bodies = append(bodies, string(b))
	}
	want := `[{"actions":["s3:*"],"conditions":[{"key":"aws:securetransport","operator":"bool","values":["true"]},{"key":"aws:sourceip","operator":"ipaddress","values":["10.0.0.0/8"]}],"effect":"Allow","not_actions":[],"not_principals":[],"not_resources":["a"],"principals":["*","AWS:arn:aws:iam::1:root","Service:s3.amazonaws.com"],"resources":[]}]`
	if bodies[0] != want || bodies[1] != want {
		t.Errorf("%s\n%s", bodies[0], bodies[1])
	}
	for _, wrong := range []string{`{}`, `[]`, `{"Statement":["x"]}`, `{"Statement":{"Condition":[]}}`, `{"Statement":{"Action":{}}}`, `{"Statement":{"Principal":7}}`, `half {`} {
		if got, err := decodePolicy(wrong); err == nil {
			t.Errorf("%s is read as %v", wrong, got)
		}
	}
}

func TestOneElementIsAListToo(t *testing.T) {
	for text, want := range map[string]string{
		`<r><tagSet><item><key>a</key><value>b</value></item></tagSet></r>`:                 `{"tagSet":[{"key":"a","value":"b"}]}`,
		`<r><Subnets><Subnet><SubnetIdentifier>x</SubnetIdentifier></Subnet></Subnets></r>`: `{"Subnets":[{"SubnetIdentifier":"x"}]}`,
		`<r><Rule><ID>1</ID></Rule></r>`:                                                    `{"Rule":[{"ID":"1"}]}`,
		`<r><Rule><ID>1</ID></Rule><Rule><ID>2</ID></Rule></r>`:                             `{"Rule":[{"ID":"1"},{"ID":"2"}]}`,
		`<r><Buckets/></r>`: `{"Buckets":[]}`,
		`<r><SummaryMap><entry><key>Users</key><value>3</value></entry></SummaryMap></r>`: `{"SummaryMap":{"Users":"3"}}`,
		`<r xmlns:x="u"><Grantee x:type="Group"><URI>u</URI></Grantee></r>`:               `{"Grantee":{"URI":"u","type":"Group"}}`,
	} {
		n, err := parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := marshal(n.value()); string(b) != want {
			t.Errorf("%s\n%s", text, b)
		}
	}
	for _, wrong := range []string{"", "<r>", "<r></r><s></s>", "{}", "<r><a></r>"} {
		if _, err := parse([]byte(wrong)); err == nil {
			t.Errorf("%q is whole", wrong)
		}
	}
}

func TestThrottlingIsWaitedFor(t *testing.T) {
	credentials(t)
	var mu sync.Mutex
	tried := map[string]int{}
	whole := connectortest.ServeApart(t, connectortest.Load(t, smallCassette), apart)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := apart(r)
		mu.Lock()
		tried[name]++
		n := tried[name]
		mu.Unlock()
		if n > 1 {
			whole.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", "0")
		switch {
		case strings.Contains(name, "/s3"):
			w.WriteHeader(503)
			io.WriteString(w, `<Error><Code>SlowDown</Code></Error>`)
		case strings.Contains(name, "/ec2"):
			w.WriteHeader(503)
			io.WriteString(w, `<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>`)
		default:
			w.WriteHeader(400)
			io.WriteString(w, `{"__type":"com.amazonaws.x#ThrottlingException","message":"slower"}`)
		}
	}))
	defer srv.Close()
	r := &connectortest.Recorder{Clock: clock}
	if err := read(t.Context(), connector.Values{"endpoint": srv.URL, "regions": "eu-west-1"}, r); err != nil {
		t.Fatal(err)
	}
	if !r.Whole() {
		t.Errorf("%v", r.Gaps())
	}
}

// big is an organisation of 20 accounts with 4 regions, and so many groups, and a fifth as many volumes, in each.
func big(b *testing.B, asked *atomic.Int64, changed *atomic.Bool) *httptest.Server {
	var accounts []string
	for i := range 20 {
		accounts = append(accounts, fmt.Sprintf(`{"Id":"1000000000%02d","Name":"a","Status":"ACTIVE"}`, i+10))
	}
	const group = `<item><groupId>sg-%s%s%06d</groupId><groupName>group%d</groupName><groupDescription>made for %s</groupDescription><ownerId>%s</ownerId><vpcId>vpc-1</vpcId>` +
		`<ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>443</fromPort><toPort>443</toPort><groups/><ipRanges><item><cidrIp>10.0.0.0/8</cidrIp></item></ipRanges><ipv6Ranges/><prefixListIds/></item></ipPermissions><ipPermissionsEgress/><tagSet><item><key>team</key><value>%d</value></item></tagSet></item>`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		raw, _ := io.ReadAll(r.Body)
		body := string(raw)
		m := signedFor.FindStringSubmatch(r.Header.Get("Authorization"))
		_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		account, _, _ := strings.Cut(rest, "/")
		if account == "AKIDEXAMPLE" {
			account = "100000000010"
		}
		switch {
		case strings.Contains(body, "Action=GetCallerIdentity"):
			fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>%s</Account><Arn>arn:aws:sts::%s:x</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`, account, account)
		case strings.Contains(body, "Action=AssumeRole&"):
			_, role, _ := strings.Cut(body, "iam%3A%3A")
			fmt.Fprintf(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, role[:12])
		case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListAccounts"):
			io.WriteString(w, `{"Accounts":[`+strings.Join(accounts, ",")+`]}`)
		case strings.Contains(body, "Action=DescribeRegions&All"):
			io.WriteString(w, `<DescribeRegionsResponse><regionInfo>`)
			for _, region := range []string{"eu-west-1", "eu-west-2", "us-east-1", "us-east-2"} {
				fmt.Fprintf(w, `<item><regionName>%s</regionName><optInStatus>opted-in</optInStatus></item>`, region)
			}
			io.WriteString(w, `</regionInfo></DescribeRegionsResponse>`)
		case strings.Contains(body, "Action=DescribeRegions&"):
			fmt.Fprintf(w, `<DescribeRegionsResponse><regionInfo><item><regionName>%s</regionName></item></regionInfo></DescribeRegionsResponse>`, m[1])
		case strings.Contains(body, "Action=DescribeSecurityGroups&"):
			from := 0
			if _, token, ok := strings.Cut(body, "NextToken="); ok {
				fmt.Sscanf(token, "%d", &from)
			}
			io.WriteString(w, `<DescribeSecurityGroupsResponse><securityGroupInfo>`)
			for i := from; i < min(from+1000, perRegion); i++ {
				team := i
				if changed.Load() && i == 0 {
					team = -1
				}
				fmt.Fprintf(w, group, account, m[1], i, i, account, account, team)
			}
			io.WriteString(w, `</securityGroupInfo>`)
			if from+1000 < perRegion {
				fmt.Fprintf(w, `<nextToken>%d</nextToken>`, from+1000)
			}
			io.WriteString(w, `</DescribeSecurityGroupsResponse>`)
		default:
			io.WriteString(w, empty(r, body))
		}
	}))
	b.Cleanup(srv.Close)
	return srv
}

const perRegion = 1250 // of 20 accounts with 4 regions: 100,000

// BenchmarkRead reads 100,000 resources of 20 accounts and 4 regions from a server on this machine.
func BenchmarkRead(b *testing.B) {
	credentials(b)
	var asked atomic.Int64
	var changed atomic.Bool
	srv := big(b, &asked, &changed)
	for b.Loop() {
		r := &connectortest.Recorder{Clock: clock, Light: true}
		if err := read(b.Context(), connector.Values{"endpoint": srv.URL, "accounts": "organization", "member_role": "reader"}, r); err != nil {
			b.Fatal(err)
		}
		if n := r.Count("aws_security_group"); n != 20*4*perRegion || !r.Whole() {
			b.Fatalf("%d read, %d gaps", n, len(r.Gaps()))
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys>>20), "MB")
	b.ReportMetric(float64(asked.Load())/float64(b.N), "requests")
}
