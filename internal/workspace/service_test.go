package workspace_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

// service is how a connector of a web service is set up to read its cassette, with a secret of our own in each of its secret
// settings. settings that name the service stand for its address.
type service struct {
	connector string            // the connector's name; that of the connection when empty
	settings  map[string]string // {{base}} is the service's address
	secrets   map[string]string
	cassette  string
	again     string // what is asked otherwise after a first run
	now       time.Time
	token     string // the request that asks for one, and what is given
	given     string
	apart     connectortest.Apart
}

var (
	march    = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	december = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
)

// services are the connectors that ask a web service. Who adds a connector adds it here, or to others with the reason why it is not.
func services(t *testing.T) map[string]service {
	key := privateKey(t)
	account, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "reader@example.iam.gserviceaccount.com", "private_key_id": "k1", "private_key": key,
		"token_uri": "https://elsewhere.example/token"})
	if err != nil {
		t.Fatal(err)
	}
	endpoint := func(more ...string) map[string]string {
		s := map[string]string{"endpoint": connectortest.Base}
		for i := 0; i < len(more); i += 2 {
			s[more[i]] = more[i+1]
		}
		return s
	}
	token := func(of string) map[string]string { return map[string]string{"token": "planted/token+of-" + of} }
	return map[string]service{
		"gitea":  {settings: endpoint("org", "acme"), secrets: token("gitea"), cassette: "gitea/testdata/cassette.json", now: march},
		"gitlab": {settings: endpoint("group", "acme"), secrets: token("gitlab"), cassette: "gitlab/testdata/cassette.json", now: march},
		"github": {settings: endpoint("org", "acme", "audit_log", "yes", "app_id", "4242", "installation_id", "77"), secrets: map[string]string{"private_key": key},
			cassette: "github/testdata/cassette.json", now: march, token: "POST /app/installations/77/access_tokens", given: `{"token":"FETCHED","expires_at":"2027-01-01T00:00:00Z"}`},
		"okta": {settings: endpoint("domain", "example.okta.com", "client_id", "0oa1client", "key_id", "k1"), secrets: map[string]string{"private_key": key},
			cassette: "okta/testdata/cassette.json", again: "okta/testdata/again.json", now: march, token: "POST /oauth2/v1/token", given: oauth},
		"google": {settings: endpoint("subject", "ada@example.com", "token_endpoint", connectortest.Base), secrets: map[string]string{"key": string(account)},
			cassette: "google/testdata/cassette.json", again: "google/testdata/again.json", now: march, token: "POST /token", given: oauth},
		"gcp": {settings: endpoint("organization", "111222333444", "token_endpoint", connectortest.Base), secrets: map[string]string{"key": string(account)},
			cassette: "gcp/testdata/cassette.json", now: march, token: "POST /token", given: oauth},
		"entra": {settings: endpoint("tenant", "example.com", "client_id", "00000000-0000-4000-8000-0000000000e2", "token_endpoint", connectortest.Base),
			secrets: map[string]string{"client_secret": "planted~s3cret/of+entra"}, cassette: "entra/testdata/cassette.json", again: "entra/testdata/again.json", now: march,
			token: "POST /example.com/oauth2/v2.0/token", given: oauth},
		"kubernetes": {settings: endpoint("secrets_in", "app"), secrets: token("kubernetes"), cassette: "kubernetes/testdata/cassette.json", now: march},
		"jira": {settings: endpoint("site", "example.atlassian.net", "projects", "ITSM, SEC", "mail", "reader@example.com",
			"fields", "risk = customfield_10050\nrollback = customfield_10051\nsystem = customfield_10060\nrole=customfield_10061\nreason=customfield_10062\ntests = customfield_10052"),
			secrets: token("jira"), cassette: "jira/testdata/cloud.json", now: march},
		"youtrack": {settings: endpoint("site", "example.youtrack.cloud", "projects", "OPS", "fields", "risk = Risk\nrollback = Rollback\ntests = Tests"),
			secrets: token("youtrack"), cassette: "youtrack/testdata/cassette.json", now: march},
		"prometheus": {settings: endpoint("alertmanager", connectortest.Base, "user", "reader"), secrets: map[string]string{"password": "planted/password+of-prometheus"},
			cassette: "prometheus/testdata/cassette.json", again: "prometheus/testdata/again.json", now: march.Add(8 * time.Hour)},
		"github-token": {connector: "github", settings: endpoint("org", "acme", "audit_log", "yes"), secrets: token("github"), cassette: "github/testdata/cassette.json", now: march},
		"okta-token":   {connector: "okta", settings: endpoint("domain", "example.okta.com"), secrets: token("okta"), cassette: "okta/testdata/cassette.json", again: "okta/testdata/again.json", now: march},
		"prometheus-token": {connector: "prometheus", settings: endpoint("alertmanager", connectortest.Base), secrets: token("prometheus"), cassette: "prometheus/testdata/cassette.json",
			again: "prometheus/testdata/again.json", now: march.Add(8 * time.Hour)},
		"aws": {settings: endpoint("regions", "eu-west-1"), cassette: "aws/testdata/few.json", now: december, apart: signedApart},
	}
}

const oauth = `{"token_type":"Bearer","expires_in":3600,"access_token":"FETCHED","scope":"all"}`

// others are the connectors that ask no web service, and what stands in for this test of them.
var others = map[string]string{
	"host": "reads this machine and has no secret", "git": "reads a folder and has no secret", "file": "reads files and has no secret",
	"tls": "shakes hands with servers and has no secret", "push": "is sent to", "agent": "is sent to", "machine": "is sent to", "results": "is given files", "results-folder": "reads files and has no secret",
	"ldap": "TestServersThatSayThePasswordBack", "postgres": "TestServersThatSayThePasswordBack", "sql": "TestServersThatSayThePasswordBack",
}

var signedFor = regexp.MustCompile(`Credential=[^/]+/[0-9]+/([^/]+)/([^/]+)/`)

// signedApart is the region and service that a request to AWS is signed for, and its target.
func signedApart(r *http.Request) string {
	m := signedFor.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return "/unsigned"
	}
	return path.Join("/", m[1], m[2], strings.ReplaceAll(r.Header.Get("X-Amz-Target"), ".", "/"))
}

func privateKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// player is a service that gives the answers of a cassette, until it is told to do otherwise.
type player struct {
	*httptest.Server
	service
	name    string
	fetched string // the token that it gives

	mu       sync.Mutex
	tape     connectortest.Cassette
	before   func(w http.ResponseWriter, r *http.Request, reply connectortest.Reply) bool // true: it has answered
	asked    int
	stranger []string // what was asked and is not on the cassette
}

func (s service) play(t *testing.T, name string) *player {
	t.Helper()
	p := &player{service: s, name: name, fetched: "planted-and-fetched/token+of-" + name, tape: connectortest.Load(t, filepath.Join("../connector", s.cassette))}
	if s.token != "" {
		p.tape[s.token] = connectortest.Reply{Body: strings.ReplaceAll(s.given, "FETCHED", p.fetched)}
	}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Server.Close)
	return p
}

func (p *player) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	reply, known := p.tape.Answer(r, p.apart)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	if p.before != nil && p.before(w, r, reply) {
		return
	}
	if !known {
		p.stranger = append(p.stranger, r.Method+" "+r.URL.String())
		http.Error(w, `{"message":"not found"}`, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", p.now.UTC().Format(http.TimeFormat))
	maps.Copy(w.Header(), reply.Header)
	w.WriteHeader(reply.Status)
	io.WriteString(w, reply.Body)
}

// now does otherwise from now on; nil gives the cassette's answers again.
func (p *player) does(before func(w http.ResponseWriter, r *http.Request, reply connectortest.Reply) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = before
}

// forToken says that a request asks for a token.
func (p *player) forToken(r *http.Request) bool {
	return p.token != "" && p.token == r.Method+" "+r.URL.Path
}

// opened is a workspace whose clock stands.
func openedAt(t *testing.T, at *atomic.Int64) *workspace.Workspace {
	t.Helper()
	w, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Log.Clock = func() time.Time { return time.Unix(0, at.Load()).UTC() }
	for i, c := range w.Collect.Connectors { // none is waited for
		if read := c.Read; read != nil {
			w.Collect.Connectors[i].Read = func(ctx context.Context, v connector.Values, out connector.Sink) error {
				return read(connector.Patience(ctx, time.Millisecond), v, out)
			}
		}
	}
	return w
}

// connect sets the connection up and returns what the service says is secret of it.
func (p *player) connect(t *testing.T, w *workspace.Workspace) []string {
	t.Helper()
	return p.connectAt(t, w, p.URL)
}

// connectAt sets it up for a service at another address.
func (p *player) connectAt(t *testing.T, w *workspace.Workspace, base string) []string {
	t.Helper()
	settings, sealed := map[string]string{connector.PerMinute: "1000000"}, map[string]secret.Value{}
	for name, value := range p.settings {
		settings[name] = strings.ReplaceAll(value, connectortest.Base, base)
	}
	var planted []string
	for name, value := range p.secrets {
		sealed[name] = secret.Of(value)
		planted = append(planted, value)
	}
	if p.token != "" {
		planted = append(planted, p.fetched)
	}
	if p.name == "aws" {
		planted = append(planted, awsSecret, awsSession)
	}
	if _, err := w.Collect.Add(t.Context(), record.Job("person:ada"), collect.Connection{Name: p.name, Connector: cmp.Or(p.connector, p.name), Settings: settings}, sealed); err != nil {
		t.Fatal(err)
	}
	return planted
}

const (
	awsSecret  = "planted/secret+access-key-of-aws"
	awsSession = "planted/session+token-of-aws-which-is-long"
)

func awsCredentials(t *testing.T) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": awsSecret, "AWS_SESSION_TOKEN": awsSession, "AWS_PROFILE": "",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"} {
		t.Setenv(name, value)
	}
}

// Every connector is in the tests of all of them, or it is said why not.
func TestEveryConnectorIsTriedWithHostileServices(t *testing.T) {
	planted := map[string]bool{}
	asks := map[string]bool{}
	for name, s := range services(t) {
		name = cmp.Or(s.connector, name)
		asks[name] = true
		for setting := range s.secrets {
			planted[name+" "+setting] = true
		}
	}
	for _, c := range workspace.Connectors() {
		if c.Demonstration {
			continue
		}
		why, other := others[c.Name]
		if asks[c.Name] == other {
			t.Errorf("%s is in neither or both of the tables services and others", c.Name)
		}
		for _, setting := range c.Settings {
			if setting.Secret && asks[c.Name] && !planted[c.Name+" "+setting.Name] {
				t.Errorf("%s: no secret is planted in its setting %s", c.Name, setting.Name)
			}
			if setting.Secret && !asks[c.Name] && !strings.HasPrefix(why, "Test") {
				t.Errorf("%s has the secret %s, and no test plants one", c.Name, setting.Name)
			}
		}
	}
}

// open are the records of a connection that stand, by kind and key.
func open(t *testing.T, w *workspace.Workspace, c connector.Connector, source string) map[string]store.Moment {
	t.Helper()
	out := map[string]store.Moment{}
	for _, k := range c.Kinds {
		err := w.Book.EachOpen(t.Context(), w.DB, k.Name, func(v record.Version) error {
			if v.Source == source {
				out[v.Kind+" "+v.Key] = v.From
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
