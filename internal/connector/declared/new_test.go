package declared_test

import (
	"encoding/json"
	"strings"
	"testing"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/connector/declared"
)

func begun(t *testing.T, text string) connector.Connector {
	t.Helper()
	c, err := declared.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAConnectorToBeginFromConforms(t *testing.T) {
	text, answers, err := declared.New("acme_desk")
	if err != nil {
		t.Fatal(err)
	}
	c := begun(t, text)
	var bodies map[string]json.RawMessage
	if err := json.Unmarshal([]byte(answers), &bodies); err != nil {
		t.Fatal(err)
	}
	cassette := connectortest.Cassette{}
	for request, body := range bodies {
		cassette[request] = connectortest.Reply{Body: string(body)}
	}
	connectortest.Run(t, c, connectortest.Suite{Cassette: cassette, Values: connector.Values{"domain": "api.example.com", "token": "planted-secret-1"}, Secrets: []string{"planted-secret-1"}})
	for _, bad := range []string{"", "Acme", "acme desk", "../acme", "acme-desk", strings.Repeat("a", 41)} {
		if _, _, err := declared.New(bad); err == nil {
			t.Errorf("%q can be a connector's name", bad)
		}
	}
}

func TestATrialFindsWhatDoesNotHold(t *testing.T) {
	text, answers, err := declared.New("acme_desk")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(text, answers string) (string, string)
		want  string
	}{
		"as it is": {func(x, a string) (string, string) { return x, a }, ""},
		"no next page": {func(x, a string) (string, string) {
			return strings.Replace(x, ", next: {cursor: next, into: cursor}", "", 1), a
		}, "cursor=p2&limit=100 was not asked"},
		"another permission": {func(x, a string) (string, string) {
			return strings.Replace(x, "needs: users.read", "needs: users.write", 1), a
		}, `the permission "users.write" is named`},
		"one key twice": {func(x, a string) (string, string) {
			return x, strings.Replace(a, `"id": "u2", "email"`, `"id": "u1", "email"`, 1)
		}, `two different objects "u1"`},
		"nothing of a kind": {func(x, a string) (string, string) {
			return x, strings.Replace(a, `[{"id": "u1"}, {"id": "u2"}]`, "[]", 1)
		}, "No acme_desk_member was read"},
		"no list": {func(x, a string) (string, string) { return x, strings.Replace(a, `"groups":`, `"error":`, 1) }, "acme_desk_group was not read"},
		"another path": {func(x, a string) (string, string) {
			return strings.Replace(x, "path: /v1/groups,", "path: /v2/groups,", 1), a
		}, "/v2/groups is not on the cassette"},
	} {
		t.Run(name, func(t *testing.T) {
			x, a := c.spoil(text, answers)
			got, err := declared.Try(t.Context(), begun(t, x), []byte(a), nil)
			said := strings.Join(got.Problems, "\n")
			if err != nil || (c.want == "") != (said == "") || !strings.Contains(said, c.want) {
				t.Errorf("want %q: %v\n%s", c.want, err, said)
			}
			if c.want == "" && (got.Read["acme_desk_user"] != 2 || got.Read["acme_desk_member"] != 2 || got.Asked != 4) {
				t.Errorf("%+v", got)
			}
		})
	}
}
