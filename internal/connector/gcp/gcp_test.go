package gcp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/fault"
)

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

var accountKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func suite(t *testing.T) connectortest.Suite {
	t.Helper()
	key, err := accountKey()
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	account, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "tickmark@acme-audit.iam.gserviceaccount.com", "private_key_id": "k1", "private_key": private,
		"token_uri": "https://elsewhere.example/token"})
	if err != nil {
		t.Fatal(err)
	}
	return connectortest.Suite{Now: now, Cassette: connectortest.Load(t, "testdata/cassette.json"), Tokens: []string{"POST /token"},
		Secrets: []string{"ya29.fetched-token-of-gcp", strings.Split(private, "\n")[1]}, Values: connector.Values{"key": string(account), "organization": "111222333444"}}
}

// The suite refuses each question in turn; one project is enough for that.
func TestGoogleCloudConforms(t *testing.T) {
	s := suite(t)
	s.Cassette[projectsPage+"&pageToken=p2"] = connectortest.Reply{Body: "{}"}
	maps.DeleteFunc(s.Cassette, func(request string, _ connectortest.Reply) bool { return strings.Contains(request, "acme-dev") })
	connectortest.Run(t, Connector(), s)
}

const projectsPage = "/v1/organizations/111222333444/assets?assetTypes=cloudresourcemanager.googleapis.com/Project&contentType=RESOURCE&pageSize=1000"

func TestGoogleCloudIsAskedAndAnswersAsDescribed(t *testing.T) {
	connectortest.Described(t, suite(t).Cassette, "testdata/openapi.json", "", "POST /token")
}

func TestTheRoleAllowsJustWhatIsDeclared(t *testing.T) {
	var declared []string
	for _, p := range permissions() {
		declared = append(declared, "  - "+p.Name)
	}
	slices.Sort(declared)
	_, listed, _ := strings.Cut(role, "includedPermissions:\n")
	if want := strings.Join(declared, "\n") + "\n"; listed != want {
		t.Errorf("role.yaml lists\n%s\nand not\n%s", listed, want)
	}
}

func TestAnOrganisationIsReadWhole(t *testing.T) {
	r := connectortest.Play(t, Connector(), suite(t))
	if !r.Whole() {
		t.Fatalf("gaps: %v", r.Gaps())
	}
	for kind, want := range map[string]int{kindProject: 2, kindFolder: 2, kindPrincipal: 9, kindAccount: 3, kindBucket: 2, kindFirewall: 2, kindFirewallRule: 2, kindInstance: 2, kindKey: 1, kindLogBucket: 3} {
		if r.Count(kind) != want {
			t.Errorf("%d of %s, not %d", r.Count(kind), kind, want)
		}
	}
	for _, kind := range []string{kindDatabase, kindFirewall, kindFirewallRule, kindInstance, kindDisk, kindNetwork, kindSubnet, kindCluster, kindZone, kindBucket, kindAccount, kindKeyRing, kindLogBucket} {
		for _, project := range []string{"acme-prod", "acme-dev"} {
			if !r.Completed(kind, project) {
				t.Errorf("%s of %s is not complete", kind, project)
			}
		}
	}
	for _, kind := range []string{kindProject, kindFolder, kindPrincipal} {
		if !r.Completed(kind, "") {
			t.Errorf("%s is not complete", kind)
		}
	}
}

// What a folder or the organisation says holds in every project below it.
func TestAProjectSaysWhatHoldsFromAbove(t *testing.T) {
	r := connectortest.Play(t, Connector(), suite(t))
	for project, want := range map[string][]any{"acme-prod": {"allServices DATA_READ", "allServices ADMIN_READ"}, "acme-dev": {"allServices ADMIN_READ"}} {
		above := r.Body(kindProject, project)["above"].(map[string]any)
		if got := above["audited"].([]any); !slices.Equal(got, want) {
			t.Errorf("%s: %v is logged from above, not %v", project, got, want)
		}
		sinks := above["sinks"].([]any)
		if len(sinks) != 1 || sinks[0].(map[string]any)["name"] != "org" {
			t.Errorf("%s: sinks from above are %v; only the one for all below is", project, sinks)
		}
	}
	prod := r.Body(kindProject, "acme-prod")
	if sinks := prod["sinks"].([]any); len(sinks) != 2 {
		t.Errorf("sinks %v", sinks)
	}
	if audited := prod["iam"].(map[string]any)["audited"].([]any); !slices.Equal(audited, []any{"allServices DATA_WRITE"}) {
		t.Errorf("audited %v", audited)
	}
}

func TestOfMetadataOnlyHowMachinesAreSignedInToIsKept(t *testing.T) {
	r := connectortest.Play(t, Connector(), suite(t))
	if got := r.Body(kindProject, "acme-prod")["metadata"]; !maps.Equal(got.(map[string]any), map[string]any{"enable-oslogin": "TRUE"}) {
		t.Errorf("metadata %v", got)
	}
	if leaks := r.Leaks("hunter2hunter2"); len(leaks) > 0 {
		t.Errorf("the password in a script stands in %v", leaks)
	}
	if got, there := r.Body(kindProject, "acme-dev")["metadata"]; got != nil || !there {
		t.Errorf("metadata where Compute Engine is switched off: %v", got)
	}
}

func TestServiceAccountsAndPeopleCarryTheirRights(t *testing.T) {
	r := connectortest.Play(t, Connector(), suite(t))
	for account, want := range map[string]string{"build@acme-dev.iam.gserviceaccount.com": "roles/editor on projects/acme-dev", "old@acme-prod.iam.gserviceaccount.com": ""} {
		got := ""
		for _, g := range r.Body(kindAccount, account)["grants"].([]any) {
			g := g.(map[string]any)
			got += g["role"].(string) + " on " + g["resource"].(string)
		}
		if got != want {
			t.Errorf("%s has %q, not %q", account, got, want)
		}
	}
	ada := r.Body(kindPrincipal, "user:ada@example.com") // written Ada@ in one policy
	if n := len(ada["grants"].([]any)); n != 3 || ada["name"] != "ada@example.com" {
		t.Errorf("%v", ada)
	}
}

// Whatever of the policies is not read, nobody is said to have no rights.
func TestRightsAreNotKnownWhileAPolicyIsMissing(t *testing.T) {
	for _, denied := range []string{"/v3/projects/acme-dev:getIamPolicy", "/v2/folders/555000111/sinks?pageSize=500", "/v3/folders/555000111:getIamPolicy", "/v3/organizations/111222333444:getIamPolicy", "/v3/folders/555000111"} {
		s := suite(t)
		for request := range s.Cassette {
			if path, _, _ := strings.Cut(strings.TrimPrefix(request, "POST "), " "); path == denied {
				s.Cassette[request] = connectortest.Reply{Status: 403, Body: `{"error":{"code":403,"status":"PERMISSION_DENIED"}}`}
			}
		}
		r := connectortest.Play(t, Connector(), s)
		if above, there := r.Body(kindProject, "acme-prod")["above"]; there != (denied == "/v3/projects/acme-dev:getIamPolicy") {
			t.Errorf("%s: above is %v", denied, above)
		}
		if denied != "/v3/projects/acme-dev:getIamPolicy" && !slices.ContainsFunc(r.Gaps(), func(g connector.Gap) bool {
			return g.Kind == kindProject && g.Part == "above" && g.Denied && g.Needs != ""
		}) {
			t.Errorf("%s: nothing says what would let it be seen: %v", denied, r.Gaps())
		}
		if strings.Contains(denied, "/sinks") { // which give nobody anything
			if !r.Completed(kindPrincipal, "") {
				t.Errorf("%s: gaps %v", denied, r.Gaps())
			}
			continue
		}
		if r.Count(kindPrincipal) > 0 || r.Completed(kindPrincipal, "") {
			t.Errorf("%s: %d principals", denied, r.Count(kindPrincipal))
		}
		if grants, there := r.Body(kindAccount, "old@acme-prod.iam.gserviceaccount.com")["grants"]; there {
			t.Errorf("%s: the account has the rights %v", denied, grants)
		}
		if !slices.ContainsFunc(r.Gaps(), func(g connector.Gap) bool {
			return g.Kind == kindAccount && g.Part == "grants" && g.Denied && g.Needs != ""
		}) {
			t.Errorf("%s: gaps %v", denied, r.Gaps())
		}
	}
}

func TestWhatIsNoPolicyGrantsNotNothing(t *testing.T) {
	for _, body := range []string{`{}`, `{"error":"internal"}`, `{"etag":"x","bindings":"none"}`, `{"etag":"x","bindings":[{"members":["user:ada@example.com"]}]}`} {
		s := suite(t)
		const request = "/storage/v1/b/acme-site/iam?optionsRequestedPolicyVersion=3"
		s.Cassette[request] = connectortest.Reply{Body: body}
		r := connectortest.Play(t, Connector(), s)
		if iam, there := r.Body(kindBucket, "acme-site")["iam"]; there || !slices.ContainsFunc(r.Gaps(), func(g connector.Gap) bool { return g.Kind == kindBucket && g.Part == "iam" }) {
			t.Errorf("%s: policy %v, gaps %v", body, iam, r.Gaps())
		}
	}
}

const instancesPage = "/compute/v1/projects/acme-prod/aggregated/instances?maxResults=500"

// Google answers a list with what it has and says beside it what it could not reach.
func TestAPartialAnswerIsNeverComplete(t *testing.T) {
	machine := `{"zones/a":{"instances":[{"name":"m","selfLink":"https://x/projects/acme-prod/zones/a/instances/m"}]}%s}`
	for name, c := range map[string]struct{ kind, request, body string }{
		"a zone that did not answer":    {kindInstance, instancesPage, `{"items":` + strings.Replace(machine, "%s", `,"zones/b":{"warning":{"code":"UNREACHABLE","message":"no"}}`, 1) + `}`},
		"a list of those":               {kindInstance, instancesPage, `{"items":` + strings.Replace(machine, "%s", "", 1) + `,"unreachables":["zones/b"]}`},
		"a warning on the whole":        {kindInstance, instancesPage, `{"items":` + strings.Replace(machine, "%s", "", 1) + `,"warning":{"code":"PARTIAL_SUCCESS"}}`},
		"a zone that says nothing else": {kindInstance, instancesPage, `{"items":` + strings.Replace(machine, "%s", `,"zones/b":{"error":"internal"}`, 1) + `}`},
		"a zone with another list":      {kindInstance, instancesPage, `{"items":` + strings.Replace(machine, "%s", `,"zones/b":{"disks":[]}`, 1) + `}`},
		"a warning in a later zone":     {kindFirewall, "/compute/v1/projects/acme-prod/global/firewalls?maxResults=500", `{"items":[],"warning":{"code":"UNREACHABLE"}}`},
		"buckets":                       {kindBucket, "/storage/v1/b?project=acme-prod&projection=noAcl&maxResults=1000", `{"items":[],"unreachable":["projects/_/buckets/a"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := suite(t)
			for request := range s.Cassette {
				if strings.HasPrefix(request, c.request) {
					s.Cassette[request] = connectortest.Reply{Body: c.body}
				}
			}
			r := connectortest.Play(t, Connector(), s)
			if r.Completed(c.kind, "acme-prod") || !r.Completed(c.kind, "acme-dev") {
				t.Errorf("complete; gaps %v", r.Gaps())
			}
		})
	}
	for mark, body := range map[string]string{"/v1/projects/acme-prod/instances?": `{"items":[],"warnings":[{"code":"REGION_UNREACHABLE","region":"europe-west1"}]}`,
		"/v1/projects/acme-prod/locations/-/clusters?": `{"clusters":[],"missingZones":["europe-west1-b"]}`} {
		s := suite(t)
		for request := range s.Cassette {
			if strings.HasPrefix(request, mark) {
				s.Cassette[request] = connectortest.Reply{Body: body}
			}
		}
		if r := connectortest.Play(t, Connector(), s); len(r.Gaps()) != 1 || r.Completed(r.Gaps()[0].Kind, "acme-prod") {
			t.Errorf("%s: gaps %v", mark, r.Gaps())
		}
	}
}

// A service that is switched off has nothing, but only where Google says so of the project that is asked about.
func TestOnlyASwitchedOffServiceOfThatProjectHasNothing(t *testing.T) {
	answer := func(reason, domain, consumer string) string {
		return `{"error":{"code":403,"status":"PERMISSION_DENIED","message":"SERVICE_DISABLED projects/100000000001","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"` + reason +
			`","domain":"` + domain + `","metadata":{"service":"compute.googleapis.com","consumer":"` + consumer + `"}}]}}`
	}
	for name, c := range map[string]struct {
		body  string
		whole bool
	}{
		"by number":                        {answer("SERVICE_DISABLED", "googleapis.com", "projects/100000000001"), true},
		"by id":                            {answer("SERVICE_DISABLED", "googleapis.com", "projects/acme-prod"), true},
		"of the account's own project":     {answer("SERVICE_DISABLED", "googleapis.com", "projects/999"), false},
		"of no project":                    {answer("SERVICE_DISABLED", "googleapis.com", ""), false},
		"a right that is lacking":          {answer("IAM_PERMISSION_DENIED", "iam.googleapis.com", "projects/100000000001"), false},
		"said by somebody else":            {answer("SERVICE_DISABLED", "example.com", "projects/100000000001"), false},
		"no billing":                       {answer("BILLING_DISABLED", "googleapis.com", "projects/100000000001"), false},
		"a plain refusal":                  {`{"error":{"code":403,"message":"SERVICE_DISABLED projects/100000000001"}}`, false},
		"a refusal that cannot be read":    {`SERVICE_DISABLED projects/100000000001`, false},
		"details that are not as expected": {`{"error":{"details":"SERVICE_DISABLED"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := suite(t)
			s.Cassette[instancesPage] = connectortest.Reply{Status: 403, Body: c.body}
			r := connectortest.Play(t, Connector(), s)
			denied := slices.ContainsFunc(r.Gaps(), func(g connector.Gap) bool {
				return g.Kind == kindInstance && g.Scope == "acme-prod" && g.Denied && g.Needs == instancesRead
			})
			if r.Completed(kindInstance, "acme-prod") != c.whole || denied == c.whole {
				t.Errorf("complete %v, gaps %v", r.Completed(kindInstance, "acme-prod"), r.Gaps())
			}
		})
	}
}

// Buckets, service accounts and log buckets outlive their service's being switched off.
func TestWhereThingsOutliveTheirServiceItIsDenied(t *testing.T) {
	s := suite(t)
	s.Cassette["/storage/v1/b?project=acme-dev&projection=noAcl&maxResults=1000"] = s.Cassette["/compute/v1/projects/acme-dev/global/firewalls?maxResults=500"]
	if r := connectortest.Play(t, Connector(), s); r.Completed(kindBucket, "acme-dev") {
		t.Error("buckets are complete")
	}
}

func listed(t *testing.T) connectortest.Suite {
	s := suite(t)
	const inventory = "/assets?assetTypes=cloudresourcemanager.googleapis.com/Project&contentType=RESOURCE&pageSize=1000"
	for project, page := range map[string]string{"acme-prod": projectsPage, "acme-dev": projectsPage + "&pageToken=p2"} {
		var answer map[string]any
		if err := json.Unmarshal([]byte(s.Cassette[page].Body), &answer); err != nil {
			t.Fatal(err)
		}
		delete(answer, "nextPageToken")
		body, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		s.Cassette["/v1/projects/"+project+inventory] = connectortest.Reply{Body: string(body)}
	}
	s.Values["organization"], s.Values["projects"] = "", "acme-prod, acme-dev"
	return s
}

func TestListedProjectsAreReadWithWhatIsAboveThem(t *testing.T) {
	r := connectortest.Play(t, Connector(), listed(t))
	if !r.Whole() || r.Count(kindProject) != 2 || r.Count(kindFolder) != 2 || !r.Completed(kindProject, "acme-dev") || !r.Completed(kindPrincipal, "") {
		t.Errorf("%d projects, %d folders, gaps %v", r.Count(kindProject), r.Count(kindFolder), r.Gaps())
	}
}

func TestAListedProjectThatRefusesTakesNothingFromTheOthers(t *testing.T) {
	for name, reply := range map[string]connectortest.Reply{"refused": {Status: 403, Body: `{"error":{"code":403}}`}, "not there": {Status: 200, Body: `{}`}} {
		s := listed(t)
		for request := range s.Cassette {
			if strings.HasPrefix(request, "/v1/projects/acme-dev/assets?assetTypes=cloudresourcemanager") {
				s.Cassette[request] = reply
			}
		}
		r := connectortest.Play(t, Connector(), s)
		if !r.Completed(kindProject, "acme-prod") || !r.Completed(kindFirewall, "acme-prod") || slices.ContainsFunc(r.Gaps(), func(g connector.Gap) bool { return g.Kind == kindFirewall && g.Scope == "" }) {
			t.Errorf("%s: gaps %v", name, r.Gaps())
		}
		if !slices.ContainsFunc(r.Gaps(), func(g connector.Gap) bool { return g.Kind == kindProject && g.Scope == "acme-dev" }) || r.Completed(kindPrincipal, "") {
			t.Errorf("%s: gaps %v", name, r.Gaps())
		}
	}
}

func TestWhatIsToBeReadMustBeSaid(t *testing.T) {
	for _, v := range []connector.Values{{}, {"organization": "1", "projects": "acme-prod"}, {"organization": "example.com"}, {"projects": "acme-prod, 100000000001"}, {"projects": "../x"}} {
		v["key"], v["endpoint"], v["token_endpoint"] = suite(t).Values["key"], "http://127.0.0.1:1", "http://127.0.0.1:1"
		if err := Connector().Read(t.Context(), v, &connectortest.Recorder{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v: %v", v, err)
		}
	}
}

// What a look at the credential shows is what it may read: nothing is put together of the little that was read then.
func TestALookAtTheCredentialHasNoGapsOfItsOwn(t *testing.T) {
	for name, s := range map[string]connectortest.Suite{"organisation": suite(t), "projects": listed(t)} {
		srv := httptest.NewServer(connectortest.Serve(t, s.Cassette))
		defer srv.Close()
		s.Values["endpoint"], s.Values["token_endpoint"] = srv.URL, srv.URL
		r := &connectortest.Recorder{Clock: now}
		if err := Connector().Read(connector.Glimpse(t.Context()), s.Values, r); err != nil || !r.Whole() {
			t.Errorf("%s: %v, gaps %v", name, err, r.Gaps())
		}
		if above, there := r.Body(kindProject, "acme-prod")["above"]; there || r.Count(kindPrincipal) > 0 {
			t.Errorf("%s: %d principals, above %v", name, r.Count(kindPrincipal), above)
		}
	}
}
