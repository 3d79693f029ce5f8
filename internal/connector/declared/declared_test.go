package declared_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/connector/declared"
	"tickmark/internal/record"
)

func okta(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("testdata/okta.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestADeclaredConnectorConforms(t *testing.T) {
	text := okta(t)
	if n := strings.Count(text, "\n"); n > 65 {
		t.Errorf("Okta takes %d lines", n)
	}
	if manual, err := os.ReadFile("../../../docs/connectors.md"); err != nil || !strings.Contains(string(manual), text) {
		t.Errorf("docs/connectors.md does not show it as it is: %v", err)
	}
	c, err := declared.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	connectortest.Run(t, c, connectortest.Suite{Values: connector.Values{"domain": "acme.okta.com", "token": "planted-secret-1"}, Secrets: []string{"planted-secret-1"},
		Cassette: connectortest.Cassette{
			"/api/v1/users?limit=200": {Header: http.Header{"Link": {`<{{base}}/api/v1/users?limit=200&after=u1>; rel="next"`}},
				Body: `[{"id":"u1","status":"ACTIVE","lastLogin":"2026-01-02T03:04:05.000Z","profile":{"login":"one@example.org","email":"one@example.org"}}]`},
			"/api/v1/users?limit=200&after=u1":  {Body: `[{"id":"u2","status":"SUSPENDED","lastLogin":null,"profile":{"login":"two@example.org","email":"two@example.org"}}]`},
			"/api/v1/users/u1/factors":          {Body: `[{"factorType":"webauthn","status":"ACTIVE"}]`},
			"/api/v1/users/u2/factors":          {Body: `[]`},
			"/api/v1/groups?limit=200":          {Body: `[{"id":"g1","profile":{"name":"Everyone"}}]`},
			"/api/v1/groups/g1/users?limit=200": {Body: `[{"id":"u1"}]`},
		}})
}

// Each is refused, with the line where YAML has one, and says what is wrong.
func TestWhatAFileMayNotSayIsRefused(t *testing.T) {
	for name, c := range map[string][3]string{
		"a method":                    {"    path: /api/v1/users?limit=200\n", "    path: /api/v1/users?limit=200\n    method: DELETE\n", "line 50: nothing is called method there"},
		"a word that there is not":    {"title: Okta,", "titel: Okta,", "line 2: nothing is called titel there"},
		"another scheme":              {"https://{settings.domain}", "http://{settings.domain}", "does not begin with https://"},
		"a file":                      {"https://{settings.domain}", "file:///etc/passwd", "does not begin with https://"},
		"a setting not declared":      {"SSWS {settings.token}", "SSWS {settings.tokem}", `names the setting "tokem"`},
		"a secret in an address":      {"path: /api/v1/users?limit=200", "path: /api/v1/users?key={settings.token}", "its address holds the secret token"},
		"another host":                {"path: /api/v1/users?limit=200", "path: https://elsewhere.example/x", "does not begin with /"},
		"a header that is none":       {"  Authorization: SSWS", "  Host: SSWS", "not a header that may carry a credential"},
		"a type that there is not":    {"{name: status, type: text, indexed: true}", "{name: status, type: colour}", `field "status" of small_okta_user`},
		"a kind without a list":       {"for: small_okta_group", "for: small_okta_user", ""},
		"a parent that is not listed": {"for: small_okta_group", "for: small_okta_members", "not listed before it"},
		"two ways to go on":           {"next: {link: true}\n    parts", "next: {link: true, offset: o}\n    parts", "more than one way"},
		"a name with a path":          {"name: small_okta\n", "name: ../x\n", "not in small letters"},
		"two documents":               {"", "---\nname: x\n", "more than one document"},
	} {
		text := okta(t)
		if c[0] == "" {
			text += c[1]
		} else if !strings.Contains(text, c[0]) {
			t.Fatalf("%s: the file has no %q", name, c[0])
		} else {
			text = strings.Replace(text, c[0], c[1], 1)
		}
		_, err := declared.Parse([]byte(text))
		if c[2] == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestABrokenFileStopsNoOther(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.yaml": okta(t), "b.yaml": "name: [", "c.yaml": okta(t), "d.yml": strings.NewReplacer("small_okta", "other_okta").Replace(okta(t)), "e.txt": "no", "f.yaml": strings.Replace(okta(t), "name: small_okta\n", "name: third\n", 1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, wrong := declared.Load(dir, nil, nil)
	if len(all) != 2 || all[0].Name != "small_okta" || all[1].Name != "other_okta" || len(wrong) != 3 {
		t.Errorf("%d connectors, %v", len(all), wrong)
	}
	for i, says := range []string{"b.yaml: It is not a connector: line 1", "c.yaml: There is a connector small_okta already", "f.yaml: There is a kind small_okta_user already"} {
		if i < len(wrong) && !strings.Contains(wrong[i].Error(), says) {
			t.Errorf("%v", wrong[i])
		}
	}
	if all, wrong := declared.Load(dir, []connector.Connector{{Name: "small_okta"}}, []*record.Kind{{Name: "other_okta_group"}}); len(all) != 1 || all[0].Name != "third" || len(wrong) != 4 {
		t.Errorf("beside a connector and a kind of their names: %d, %v", len(all), wrong)
	}
	if all, wrong := declared.Load(filepath.Join(dir, "none"), nil, nil); len(all) != 0 || len(wrong) != 0 {
		t.Errorf("a folder that is not there: %v %v", all, wrong)
	}
}
