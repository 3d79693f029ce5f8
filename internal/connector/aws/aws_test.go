package aws

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
)

var record_ = flag.Bool("record", false, "record the cassettes anew from moto's server")

// clock is when the cassettes were recorded.
var clock = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

const (
	planted = "planted-secret-access-key"
	moto    = "moto_server 5.2.1"
)

func credentials(t testing.TB) {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": planted, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.(interface{ Setenv(string, string) }).Setenv(name, value)
	}
}

var signedFor = regexp.MustCompile(`Credential=[^/]+/[0-9]+/([^/]+)/([^/]+)/`)

// apart is the region and service that a request is signed for, and its target.
func apart(r *http.Request) string {
	m := signedFor.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return "/unsigned"
	}
	return path.Join("/", m[1], m[2], strings.ReplaceAll(r.Header.Get("X-Amz-Target"), ".", "/"))
}

// startMoto runs moto's server, empty.
func startMoto(t testing.TB) string {
	t.Helper()
	at, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed: pip install 'moto[server]==5.2.1'")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	cmd := exec.Command(at, "-H", "127.0.0.1", "-p", port)
	cmd.Env = append(without("AWS_"), "MOTO_IAM_LOAD_MANAGED_POLICIES=true", "MOTO_EC2_LOAD_DEFAULT_AMIS=false")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	base := "http://127.0.0.1:" + port
	for range 240 {
		if resp, err := http.Get(base + "/moto-api/data.json"); err == nil {
			resp.Body.Close()
			return base
		}
		time.Sleep(250 * time.Millisecond)
	}
	t.Fatal("moto's server does not answer")
	return ""
}

// without is the environment without the variables of a prefix.
func without(prefix string) []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, prefix) })
}

func seed(t testing.TB, base string, more ...string) {
	t.Helper()
	cmd := exec.Command("python3", append([]string{"testdata/seed.py", base}, more...)...)
	cmd.Env = without("AWS_")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// written answers by hand, after the API reference, what moto does not.
func written(r *http.Request, body string) string {
	switch r.Header.Get("X-Amz-Target") {
	case "AmazonSSM.DescribeInstanceInformation":
		return `{"InstanceInformationList":[{"InstanceId":"mi-0123456789abcdef0","PingStatus":"Online","LastPingDateTime":1764590400.0,"AgentVersion":"3.3.40.0","IsLatestVersion":true,"PlatformType":"Linux","PlatformName":"Debian GNU/Linux","PlatformVersion":"12","ResourceType":"ManagedInstance","ComputerName":"rack-1.example.org"}]}`
	case "AmazonSSM.DescribeInstancePatchStates":
		return `{"InstancePatchStates":[{"InstanceId":"mi-0123456789abcdef0","PatchGroup":"servers","BaselineId":"pb-0123456789abcdef0","InstalledCount":210,"MissingCount":0,"FailedCount":0,"CriticalNonCompliantCount":0,"SecurityNonCompliantCount":0,"OtherNonCompliantCount":0,"InstalledPendingRebootCount":0,"InstalledRejectedCount":0,"OperationStartTime":1764590000.0,"OperationEndTime":1764590300.0,"Operation":"Scan"}]}`
	}
	const id = "a4b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5"
	detector := regexp.MustCompile(`^/detector/([0-9a-f]+)/findings`).FindStringSubmatch(r.URL.Path)
	region := strings.Split(apart(r), "/")[1]
	switch {
	case detector != nil && strings.HasSuffix(r.URL.Path, "/get"):
		return fmt.Sprintf(`{"findings":[{"schemaVersion":"2.0","accountId":"123456789012","region":%q,"id":%q,"arn":"arn:aws:guardduty:%s:123456789012:detector/%s/finding/%s","type":"Recon:EC2/PortProbeUnprotectedPort","resource":{"resourceType":"Instance"},"service":{"serviceName":"guardduty","archived":false,"count":3,"eventFirstSeen":"2026-11-20T08:00:00.000Z","eventLastSeen":"2026-11-30T08:00:00.000Z"},"severity":8.0,"createdAt":"2026-11-20T08:05:00.000Z","updatedAt":"2026-11-30T08:05:00.000Z","title":"An unprotected port is being probed."}]}`,
			region, id, region, detector[1], id)
	case detector != nil && !strings.Contains(body, `"nextToken"`):
		return `{"findingIds":["` + id + `"],"nextToken":"more"}`
	case detector != nil:
		return `{"findingIds":[]}`
	case strings.HasSuffix(r.URL.Path, "/recovery-points/"):
		return fmt.Sprintf(`{"RecoveryPoints":[{"RecoveryPointArn":"arn:aws:backup:%s:123456789012:recovery-point:1eb3b5e7-9eb0-435a-a80b-108b488b0d45","BackupVaultName":"vault","ResourceArn":"arn:aws:rds:%s:123456789012:db:database0","ResourceType":"RDS","CreationDate":1764547200.0,"CompletionDate":1764548200.0,"Status":"COMPLETED","IsEncrypted":true}]}`, region, region)
	}
	return ""
}

// tape records what moto answers, without headers that are asked with.
func tape(t *testing.T, base, file string) {
	type answer struct {
		Status int               `json:"status,omitempty"`
		Header map[string]string `json:"header,omitempty"`
		Body   json.RawMessage   `json:"body"`
	}
	var mu sync.Mutex
	all := map[string]answer{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, _ := io.ReadAll(r.Body)
		name := apart(r) + r.URL.EscapedPath()
		if r.URL.RawQuery != "" {
			name += "?" + r.URL.Query().Encode()
		}
		if r.Method != http.MethodGet {
			name = strings.TrimSpace(r.Method + " " + name + " " + string(asked))
		}
		a := answer{Header: map[string]string{}}
		text := written(r, string(asked))
		if text != "" {
			a.Header["X-Written"] = "by hand, after the API reference"
		} else {
			req, _ := http.NewRequest(r.Method, base+r.URL.RequestURI(), bytes.NewReader(asked))
			req.Header = r.Header.Clone()
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if text = string(b); resp.StatusCode != http.StatusOK {
				a.Status = resp.StatusCode
			}
			if kind := resp.Header.Get("X-Amzn-Errortype"); kind != "" {
				a.Header["X-Amzn-Errortype"] = kind
			}
			if resp.StatusCode/100 == 5 {
				t.Errorf("moto answers %d to %s: %s", resp.StatusCode, name, text)
			}
		}
		if a.Body = json.RawMessage(text); !json.Valid(a.Body) || text[0] != '{' {
			a.Body, _ = json.Marshal(text)
		}
		mu.Lock()
		all[name] = a
		mu.Unlock()
		for name, value := range a.Header {
			w.Header().Set(name, value)
		}
		if a.Status != 0 {
			w.WriteHeader(a.Status)
		}
		io.WriteString(w, text)
	}))
	defer srv.Close()
	r := &connectortest.Recorder{Clock: clock}
	if err := read(t.Context(), connector.Values{"endpoint": srv.URL, "regions": regionsOf(file)}, r); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), planted) || strings.Contains(b.String(), "Signature=") {
		t.Fatal("a secret is on the cassette")
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	smallCassette = "testdata/few.json"
	largeCassette = "testdata/many.json"
)

func regionsOf(file string) string {
	if file == smallCassette {
		return "eu-west-1"
	}
	return "eu-west-1, us-east-1"
}

func TestRecord(t *testing.T) {
	if !*record_ {
		t.Skip("with -record, the cassettes are recorded anew from moto's server")
	}
	credentials(t)
	base := startMoto(t)
	for _, file := range []string{smallCassette, largeCassette} {
		resp, err := http.Post(base+"/moto-api/reset", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		var few []string
		if file == smallCassette {
			few = []string{"few"}
		}
		seed(t, base, few...)
		tape(t, base, file)
	}
}

func TestConnectorKeepsTheContract(t *testing.T) {
	credentials(t)
	connectortest.Run(t, Connector(), connectortest.Suite{
		Values: connector.Values{"regions": "eu-west-1"}, Secrets: []string{planted}, Cassette: connectortest.Load(t, smallCassette), Now: clock, Apart: apart,
	})
}

// actions are what a document allows.
func actions(t *testing.T) []string {
	var doc struct {
		Statement []struct {
			Effect string
			Action any
		}
	}
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range doc.Statement {
		if s.Effect != "Allow" {
			t.Errorf("a statement has the effect %q", s.Effect)
		}
		list, err := texts(s.Action)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			out = append(out, a.(string))
		}
	}
	return out
}

func TestPolicyAllowsJustWhatIsAsked(t *testing.T) {
	var table []string
	for _, p := range Connector().Permissions {
		table = append(table, p.Name)
		if len(p.Kinds) == 0 || p.Why == "" {
			t.Errorf("%s says neither why nor for what: %+v", p.Name, p)
		}
	}
	allowed := actions(t)
	slices.Sort(allowed)
	if !slices.Equal(allowed, table) {
		for _, a := range table {
			if !slices.Contains(allowed, a) {
				t.Errorf("%s is asked and not in policy.json", a)
			}
		}
		for _, a := range allowed {
			if !slices.Contains(table, a) || strings.Contains(a, "*") {
				t.Errorf("%s is in policy.json and never asked", a)
			}
		}
		if !t.Failed() {
			t.Error("policy.json names an action twice")
		}
	}
	if len(policy) > 6144 {
		t.Errorf("policy.json has %d characters, more than a managed policy may have", len(policy))
	}
	// Every question of the table is asked when there is something to ask about, and by nothing else than the table.
	credentials(t)
	asked := map[string]bool{}
	for _, file := range []string{smallCassette, largeCassette} {
		for _, x := range replay(t, file).Exchanges() {
			_, rest, _ := strings.Cut(x.Request, " ")
			_, rest, _ = strings.Cut(rest, " ")
			name, _, _ := strings.Cut(rest, " ")
			asked[name] = true
		}
	}
	declared := map[string]bool{}
	all, _ := calls()
	elsewhere := []*call{assumeRole, listAccounts, databaseCluster, clusterParameters, bucketLocation, globalACL} // tests of their own, or not in moto's answers
	for _, c := range all {
		name := cmp.Or(c.service.signs, c.service.prefix) + ":" + c.op
		if !asked[name] && !slices.Contains(elsewhere, c) {
			t.Errorf("%s is declared and never asked", name)
		}
		declared[name] = true
	}
	for name := range asked {
		if !declared[name] {
			t.Errorf("%s is asked and not declared", name)
		}
	}
}

// replay reads a cassette.
func replay(t testing.TB, file string) *connectortest.Recorder {
	t.Helper()
	srv := httptest.NewServer(connectortest.ServeApart(t, connectortest.Load(t, file), apart))
	defer srv.Close()
	r := &connectortest.Recorder{Clock: clock}
	if err := read(t.Context(), connector.Values{"endpoint": srv.URL, "regions": regionsOf(file)}, r); err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems(Connector()) {
		t.Error(p)
	}
	return r
}

func TestReadsEveryResourceOfTwoRegions(t *testing.T) {
	credentials(t)
	r := replay(t, largeCassette)
	if !r.Whole() {
		t.Fatalf("gaps: %v", r.Gaps())
	}
	total := 0
	for _, k := range kinds() {
		total += r.Count(k.Name)
	}
	if total < 120 {
		t.Errorf("%d resources", total)
	}
	for kind, n := range map[string]int{"aws_iam_user": 13, "aws_iam_policy": 2, "aws_s3_bucket": 16, "aws_rds_instance": 8, "aws_ec2_instance": 8, "aws_ebs_snapshot": 8, "aws_cloudtrail_trail": 2,
		"aws_elbv2_listener": 4, "aws_region": 2, "aws_guardduty_finding": 2, "aws_dynamodb_table": 4} {
		if r.Count(kind) != n {
			t.Errorf("%d of %s, not %d", r.Count(kind), kind, n)
		}
	}
	for _, scope := range []string{"123456789012/eu-west-1", "123456789012/us-east-1"} {
		if !r.Completed("aws_vpc", scope) || !r.Completed("aws_guardduty_finding", scope) {
			t.Errorf("%s is not complete", scope)
		}
	}
	bucket := r.Body("aws_s3_bucket", "arn:aws:s3:::meadow-us-east-1-5")
	if bucket["region"] != "us-east-1" || bucket["account_id"] != "123456789012" || at(bucket, "account_public_access_block.IgnorePublicAcls") != true {
		t.Errorf("%v", bucket)
	}
	statements := asList(at(bucket, "policy.statements"))
	if len(statements) != 1 || !slices.Equal(asList(at(statements[0], "principals")), []any{"*"}) || at(statements[0], "unconditional") != true {
		t.Errorf("%v", statements)
	}
	if v, there := r.Body("aws_s3_bucket", "arn:aws:s3:::meadow-us-east-1-7")["policy"]; v != nil || !there {
		t.Errorf("a bucket without a policy says %v, %v", v, there)
	}
	user := r.Body("aws_iam_user", "arn:aws:iam::123456789012:user/user0@example.org")
	if at(user, "credentials.mfa_active") != false || at(user, "credentials.password_enabled") != true || text(asList(at(user, "rights.attached"))[0], "arn") != "arn:aws:iam::aws:policy/AdministratorAccess" {
		t.Errorf("%v", user)
	}
	for _, it := range r.Items("aws_security_group") {
		var raw struct {
			XMLName  xml.Name `xml:"item"`
			ID, Name string
		}
		if err := xml.Unmarshal(it.Raw, &raw); err != nil {
			t.Errorf("what is kept of %s is not the source's own element: %v", it.Key, err)
		}
	}
}

// unsigned are services whose signatures moto does not work out as AWS does, because it leaves the query out.
var unsigned = []string{"apigateway", "cloudfront", "guardduty", "backup"}

// The server itself, its enforcement of policies among it: what the policy leaves out is a denied gap of its kind that names the
// action, and everything else is read.
func TestMotoEnforcesThePolicy(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a server")
	}
	base := startMoto(t)
	seed(t, base, "few")
	var doc map[string]any
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		t.Fatal(err)
	}
	const left = "kms:ListKeys"
	narrowed := strings.Replace(policy, `"`+left+`",`, "", 1)
	if narrowed == policy {
		t.Fatal("the policy does not name " + left)
	}
	// What moto calls otherwise than AWS does.
	narrowed = strings.Replace(narrowed, `"Statement": [`, `"Statement": [{"Effect": "Allow", "Resource": "*", "Action": ["s3:GetBucketEncryption", "s3:GetPublicAccessBlock",
		"s3:ListBucket", "monitoring:DescribeAlarms"]},`, 1)
	cmd := exec.Command("python3", "testdata/reader.py", base)
	cmd.Env, cmd.Stdin = without("AWS_"), strings.NewReader(narrowed)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	credentials(t)
	id, secret, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	t.Setenv("AWS_ACCESS_KEY_ID", id)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	r := &connectortest.Recorder{}
	// What moto does not answer at all is asked of nobody, so that it need not be waited for.
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		if text := written(req, string(body)); text != "" {
			io.WriteString(w, text)
			return
		}
		to, _ := http.NewRequest(req.Method, base+req.URL.RequestURI(), bytes.NewReader(body))
		to.Header, to.Host = req.Header.Clone(), req.Host
		resp, err := http.DefaultClient.Do(to)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		io.Copy(w, resp.Body)
	}))
	defer srv.Close()
	if err := read(t.Context(), connector.Values{"endpoint": srv.URL, "regions": "eu-west-1", "role_arn": "arn:aws:iam::123456789012:role/tickmark", "external_id": "meadow-7"}, r); err != nil {
		t.Fatal(err)
	}
	for _, g := range r.Gaps() {
		if strings.HasSuffix(g.Reason, "(SignatureDoesNotMatch).") && slices.Contains(unsigned, strings.Split(g.Needs, ":")[0]) {
			continue
		}
		if g.Kind != "aws_kms_key" || !g.Denied || g.Needs != left || g.Scope != "123456789012/eu-west-1" {
			t.Errorf("%+v", g)
		}
	}
	if len(r.Gaps()) == 0 || r.Completed("aws_kms_key", "123456789012/eu-west-1") {
		t.Error("what was denied is complete")
	}
	for _, k := range kinds() {
		if slices.ContainsFunc(unsigned, func(s string) bool { return strings.HasPrefix(k.Name, "aws_"+s) }) {
			continue
		}
		if k.Name != "aws_kms_key" && r.Count(k.Name) == 0 {
			t.Errorf("no %s was read", k.Name)
		}
	}
}
