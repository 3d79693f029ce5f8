package person

import (
	"slices"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

func TestPersonRefusesImpossibleSpells(t *testing.T) {
	k := Kind()
	for name, c := range map[string]struct {
		body    map[string]any
		refused bool
	}{
		"a day's work":    {map[string]any{"start": "2026-01-01", "end": "2026-01-01"}, false},
		"still here":      {map[string]any{"start": "2026-01-01"}, false},
		"left too early":  {map[string]any{"start": "2026-02-01", "end": "2026-01-01"}, true},
		"own manager":     {map[string]any{"manager": "p1"}, true},
		"own sponsor":     {map[string]any{"sponsor": "p1"}, true},
		"another manager": {map[string]any{"manager": "p2"}, false},
	} {
		c.body["id"] = "p1"
		_, err := k.Written(nil, c.body, record.Actor{User: "ada"}, time.Time{})
		if c.refused != fault.Is(err, fault.Invalid) || !c.refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPersonHasTheFieldsOfACSVOfPeople(t *testing.T) {
	k := Kind()
	for i, name := range []string{"id", "name", "email", "start", "end", "manager", "title", "employment"} {
		if k.Fields[i].Name != name {
			t.Errorf("field %d is %s, want %s", i, k.Fields[i].Name, name)
		}
	}
}

func TestAddressesAreKeptInLowerCase(t *testing.T) {
	k := Kind()
	body, err := k.Written(nil, map[string]any{"id": "p1", "email": "Ada@Example.com", "other_emails": []any{"ADA@home.example"}}, record.Actor{User: "ada"}, time.Time{})
	if err != nil || body["email"] != "ada@example.com" || body["other_emails"].([]any)[0] != "ada@home.example" {
		t.Errorf("%v %v", body, err)
	}
}

func TestAMachineIdentityNamesAccountsWithTheirSource(t *testing.T) {
	k := MachineKind()
	for account, good := range map[string]bool{"okta/00u1": true, "ldap/cn=svc,dc=example/x": true, "00u1": false, "/00u1": false, "okta/": false} {
		_, err := k.Written(nil, map[string]any{"id": "m1", "accounts": []any{account}}, record.Actor{User: "ada"}, time.Time{})
		if good != (err == nil) {
			t.Errorf("%s: %v", account, err)
		}
	}
}

func TestAccountsResolveByLinkThenByAddressAndNeverByName(t *testing.T) {
	var d Directory
	d.Add("ada", []string{"Ada@example.com", "ada@home.example"}, []string{"ada", "okta/00u7"})
	d.Add("bob", []string{"bob@example.com", "team@example.com"}, []string{"github/ada"})
	d.Add("eve", []string{"eve@example.com", "team@example.com"}, nil)
	d.AddMachine("backup", []string{"okta/00u9"})
	for name, c := range map[string]struct {
		account Account
		want    []string
	}{
		"by address, whatever its case":         {Account{Source: "okta", ID: "00u1", Email: "ADA@Example.com"}, []string{"ada"}},
		"by another address":                    {Account{Source: "okta", ID: "00u1", Email: "ada@home.example"}, []string{"ada"}},
		"a link goes before the address":        {Account{Source: "okta", ID: "00u7", Email: "bob@example.com"}, []string{"ada"}},
		"an address of two":                     {Account{Source: "okta", ID: "00u2", Email: "team@example.com"}, []string{"bob", "eve"}},
		"a machine's own name":                  {Account{Source: "host", ID: "ada", Local: true}, []string{"ada"}},
		"the same id elsewhere is another":      {Account{Source: "github", ID: "ada"}, []string{"bob"}},
		"the same id elsewhere is nobody":       {Account{Source: "gitlab", ID: "ada"}, nil},
		"nobody":                                {Account{Source: "okta", ID: "00u3", Email: "x@example.com"}, nil},
		"no address is not everybody's address": {Account{Source: "okta", ID: "00u3"}, nil},
	} {
		if got := d.Owners(c.account); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got := d.Machines(Account{Source: "okta", ID: "00u9"}); !slices.Equal(got, []string{"backup"}) {
		t.Errorf("machine identities %v", got)
	}
	if got := d.Machines(Account{Source: "google", ID: "00u9"}); got != nil {
		t.Errorf("machine identities of another source %v", got)
	}
}
