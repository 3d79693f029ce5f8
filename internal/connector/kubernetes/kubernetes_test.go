package kubernetes

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

const token = "eyJhbGciOiJSUzI1NiJ9.SECRET-token-of-kubernetes"

func suite(t testing.TB) connectortest.Suite {
	return connectortest.Suite{Now: now, Cassette: connectortest.Load(t, "testdata/cassette.json"), Secrets: []string{token},
		Values: connector.Values{"token": token + "\n", "secrets_in": "app"}}
}

func TestKubernetesConforms(t *testing.T) { connectortest.Run(t, Connector(), suite(t)) }

func TestKubernetesIsAskedAndAnswersAsDescribed(t *testing.T) {
	connectortest.Described(t, suite(t).Cassette, "testdata/openapi.json", "")
}

// Of secrets nothing but what they are called is asked for, and where nothing is named they are not asked for at all.
func TestSecretsAreAskedForByNameAlone(t *testing.T) {
	for in, want := range map[string]int{"app": 1, "": 0} {
		asked := 0
		all := connectortest.Serve(t, suite(t).Cassette)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if secrets := strings.HasSuffix(r.URL.Path, "/secrets"); secrets != strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") {
				t.Errorf("%s is asked for as %q", r.URL.Path, r.Header.Get("Accept"))
			} else if secrets {
				asked++
			}
			all.ServeHTTP(w, r)
		}))
		sink := &connectortest.Recorder{Clock: now}
		if err := Connector().Read(t.Context(), connector.Values{"token": token, "secrets_in": in, "endpoint": srv.URL}, sink); err != nil || !sink.Whole() || asked != want {
			t.Errorf("%q: %v, %v, secrets were asked for %d times", in, err, sink.Gaps(), asked)
		}
		srv.Close()
	}
}

// The role allows what is asked for, each thing is asked for, and it allows nothing that writes.
func TestTheRoleAllowsJustWhatIsAskedFor(t *testing.T) {
	asked := map[string]bool{}
	for request := range suite(t).Cassette {
		path, _, _ := strings.Cut(request, "?")
		if path == "/version" {
			asked["get "+path] = true
			continue
		}
		parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
		group := ""
		if parts = parts[1:]; strings.HasPrefix(path, "/apis/") {
			group, parts = parts[0], parts[1:]
		}
		switch parts = parts[1:]; len(parts) {
		case 1:
			asked[strings.TrimSuffix("list "+parts[0]+"."+group, ".")] = true
		case 2:
			asked["get "+parts[0]+"/"+parts[1]] = true
		case 3:
			asked["list "+parts[2]+" in "+parts[1]] = true
		}
	}
	allowed := map[string]bool{}
	for _, file := range []string{role, secrets} {
		d := yaml.NewDecoder(strings.NewReader(file))
		for {
			var o struct {
				Kind     string
				Metadata struct{ Namespace string }
				Rules    []struct {
					APIGroups       []string `yaml:"apiGroups"`
					Resources       []string
					ResourceNames   []string `yaml:"resourceNames"`
					NonResourceURLs []string `yaml:"nonResourceURLs"`
					Verbs           []string
				}
			}
			err := d.Decode(&o)
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			for _, r := range o.Rules {
				for _, verb := range r.Verbs {
					for _, at := range r.NonResourceURLs {
						allowed[verb+" "+at] = true
					}
					for _, g := range r.APIGroups {
						for _, what := range r.Resources {
							name := strings.TrimSuffix(verb+" "+what+"."+g, ".")
							for _, n := range r.ResourceNames {
								allowed[name+"/"+n] = true
							}
							if o.Kind == "Role" {
								name += " in " + o.Metadata.Namespace
							}
							if len(r.ResourceNames) == 0 {
								allowed[name] = true
							}
						}
					}
				}
			}
		}
	}
	for a := range asked {
		if !allowed[a] {
			t.Errorf("%s is asked for, and the role does not allow it", a)
		}
	}
	for a := range allowed {
		if !asked[a] {
			t.Errorf("the role allows %s, which is not asked for", a)
		}
		if name, _, _ := strings.Cut(strings.Split(a, " in ")[0], "/kube"); !slices.ContainsFunc(permissions(), func(p connector.Permission) bool { return p.Name == name }) {
			t.Errorf("%s is allowed and no permission says why", name)
		}
	}
}

// What a record keeps is the object without its secret fields; the planted values stand where Kubernetes has such.
func TestValuesOfTheEnvironmentAndOfWhatWasAppliedAreSecret(t *testing.T) {
	r := connectortest.Play(t, Connector(), suite(t))
	kinds, planted := map[string][]record.Field{}, 0
	for _, k := range Connector().Kinds {
		kinds[k.Name] = k.Fields
	}
	for _, it := range r.Items("") {
		var body map[string]any
		if err := json.Unmarshal(it.Raw, &body); err != nil {
			t.Fatal(err)
		}
		planted += strings.Count(string(it.Raw), "PLANTED") + strings.Count(string(it.Raw), "UExBTlRFR")
		conceal(kinds[it.Kind], body)
		left, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(left), "PLANTED") || strings.Contains(string(left), "UExBTlRFR") {
			t.Errorf("%s %s keeps a secret: %s", it.Kind, it.Key, left)
		}
	}
	if planted != 8 {
		t.Errorf("%d secrets were planted, not 8", planted)
	}
}

func conceal(fields []record.Field, body map[string]any) {
	for _, f := range fields {
		if f.Secret {
			delete(body, f.Name)
		}
		each, _ := body[f.Name].([]any)
		for _, e := range append(each, body[f.Name]) {
			if o, is := e.(map[string]any); is {
				conceal(f.Fields, o)
			}
		}
	}
}

func TestWithoutATokenNothingIsAsked(t *testing.T) {
	for name, v := range map[string]connector.Values{
		"no token":  {"endpoint": "http://127.0.0.1:1", "token": " \n"},
		"no server": {"token": token},
		"no PEM":    {"endpoint": "https://127.0.0.1:1", "token": token, "ca": "LS0tLS1CRUdJTg=="},
	} {
		if err := Connector().Read(t.Context(), v, &connectortest.Recorder{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
