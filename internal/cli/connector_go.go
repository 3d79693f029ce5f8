package cli

// goPackage and goTest are a connector in Go to begin from.
const goPackage = `// Package PKG reads users and groups of NAME. The one rule: nothing but reading is asked.
package PKG

import (
	"net/http"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

const (
	kindUser   = "NAME_user"
	kindGroup  = "NAME_group"
	kindMember = "NAME_member"

	readUsers  = "users.read"
	readGroups = "groups.read"
)

// Connector declares the connector. Name it in internal/workspace.
func Connector() connector.Connector {
	return connector.Connector{
		Name: "NAME", Title: "NAME",
		Help: "Users, groups and who is in them.",
		Settings: []connector.Setting{
			{Name: "domain", Title: "Domain", Required: true, Help: "The service's host, such as api.example.com."},
			{Name: "token", Title: "API token", Required: true, Secret: true, Help: "Of an account that may only read."},
			{Name: "endpoint", Title: "Endpoint", Help: "The whole address, where it is not https:// and the domain."},
		},
		Permissions: []connector.Permission{
			{Name: readUsers, Why: "Who can sign in.", Kinds: []string{kindUser}},
			{Name: readGroups, Why: "Groups, and who is in them.", Kinds: []string{kindGroup, kindMember}},
		},
		Tried: "Tested against replies written by hand. It never ran against the real service.",
		Kinds: kinds(),
		Read:  service().Read,
	}
}

// service says where each list is asked for and how it goes on.
func service() connector.Service {
	return connector.Service{
		Base: func(v connector.Values) string { return "https://" + v["domain"] },
		Sign: func(v connector.Values, h http.Header) error {
			if v["token"] == "" {
				return fault.New(fault.Invalid, "The connection has no token.").WithNext("Give an API token of an account that may only read.")
			}
			h.Set("Authorization", "Bearer "+v["token"])
			return nil
		},
		Lists: []connector.List{
			{Kind: kindUser, Path: "/v1/users?limit=100", Items: "users", Key: "id", Label: "email", Needs: readUsers, Next: connector.CursorPages("next", "cursor")},
			{Kind: kindGroup, Path: "/v1/groups", Items: "groups", Key: "id", Label: "name", Needs: readGroups},
			{Kind: kindMember, For: kindGroup, Path: "/v1/groups/{id}/members", Items: "members", Key: "{parent}/{id}", Needs: readGroups},
		},
	}
}

func kinds() []record.Kind {
	id := record.Field{Name: "id", Type: record.Text, Required: true}
	user := record.Kind{Name: kindUser, Title: "User", Help: "Somebody who can sign in.", Group: "NAME", Label: "email", Collected: true, Fields: []record.Field{
		id,
		{Name: "email", Type: record.Email, Personal: true, Indexed: true},
		{Name: "active", Type: record.Bool, Indexed: true},
		{Name: "seen", Type: record.Time, Volatile: true, Title: "Last seen"},
	}}
	// A view is a question asked of every provider in the same words: with it the checks of accounts judge these users too.
	user.Views = []record.View{{Name: "account", Fields: map[string]string{"id": "r.id", "name": "r.email", "email": "r.email", "enabled": "r.active"}}}
	group := record.Kind{Name: kindGroup, Title: "Group", Help: "A group of users.", Group: "NAME", Label: "name", Collected: true, Fields: []record.Field{id, {Name: "name", Type: record.Text}}}
	member := record.Kind{Name: kindMember, Title: "Member of a group", Plural: "Members of groups", Help: "That a user is in a group.", Group: "NAME", Label: "id", Collected: true, Fields: []record.Field{id}}
	return []record.Kind{user, group, member}
}
`

const goTest = `package PKG

import (
	"testing"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
)

func TestItConforms(t *testing.T) {
	connectortest.Run(t, Connector(), connectortest.Suite{
		Cassette: connectortest.Load(t, "testdata/cassette.json"),
		Values:   connector.Values{"domain": "api.example.com", "token": "planted-secret-1"},
		Secrets:  []string{"planted-secret-1"},
	})
}
`
