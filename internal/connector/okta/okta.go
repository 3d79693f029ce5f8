// Package okta reads an Okta organisation: who can sign in and how, to what, under which policies, and who was given rights.
// The one rule: it asks only for what a read-only administrator may see, and Okta's own words are what is kept.
package okta

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Connector declares the connector.
func Connector() connector.Connector {
	return connector.Connector{
		Limits: connector.Limits{PerMinute: 300, AtOnce: 4, Why: "Okta answers by endpoint, of users 600, and to a token as much of that as its settings say, at first half."},
		Name:   "okta", Title: "Okta",
		Help: "Users with their factors and roles, groups, applications and assignments, policies, API tokens, log streams and grants of rights.",
		Settings: []connector.Setting{
			{Name: "domain", Title: "Domain", Required: true, Help: "Your organisation's host, such as acme.okta.com, without https://."},
			{Name: "token", Title: "API token", Secret: true, Help: "Of a user who is a read-only administrator. Leave it empty to sign in as an application instead."},
			{Name: "client_id", Title: "Client id", Help: "Of an API services application that has the scopes below and the role of a read-only administrator."},
			{Name: "private_key", Title: "Private key", Secret: true, Lines: true, Help: "The application's private key, in PEM."},
			{Name: "endpoint", Title: "Address", Help: "Only where it is not https:// and the domain: a proxy, or something to try it with."},
			{Name: "key_id", Title: "Key id", Help: "The name of that key (kid) at Okta; needed where the application has several."},
		},
		Hook:        connector.OktaHook("Workflow, Event Hooks: the address as URL, the authentication field Authorization, the secret as its value, and the events that matter to you; then verify it."),
		Permissions: permissions(),
		Grant:       grant,
		Tried: "Tested against replies written by hand after Okta's published description (okta-sdk-golang 5.0.2), which judges every request and reply " +
			"in the tests. It never ran against a real Okta organisation.",
		Kinds: []record.Kind{connector.Component(orgKind(), `r.id`, `r.subdomain`), userKind(), groupKind(), memberKind(), appKind(), appUserKind(), appGroupKind(), signOnPolicyKind(), passwordPolicyKind(),
			enrollmentPolicyKind(), accessPolicyKind(), apiTokenKind(), logStreamKind(), eventKind()},
		Read: service().Read,
	}
}

// grant is what the operator does at Okta.
const grant = `As an application (better: nobody's account, no password):

1. Applications, Create App Integration, API Services. Client authentication: public key / private key; add a key and keep
   its private half in PEM. Switch off "Require Demonstrating Proof of Possession (DPoP)".
2. Okta API Scopes: grant okta.users.read, okta.roles.read, okta.groups.read, okta.apps.read, okta.policies.read,
   okta.orgs.read, okta.threatInsights.read, okta.apiTokens.read, okta.logStreams.read and okta.logs.read, nothing else.
3. Admin roles: Read-Only Administrator.

By API token: create a user for it with the role Read-Only Administrator, sign in as that user, and create a token under
Security, API, Tokens. Limit it to the network zone that Tickmark asks from. Okta lets only super administrators read API
tokens and the roles of others by token; with less, those parts are shown as denied.
`

const (
	usersRead    = "okta.users.read"
	rolesRead    = "okta.roles.read"
	groupsRead   = "okta.groups.read"
	appsRead     = "okta.apps.read"
	policiesRead = "okta.policies.read"
	orgsRead     = "okta.orgs.read"
	threatRead   = "okta.threatInsights.read"
	tokensRead   = "okta.apiTokens.read"
	streamsRead  = "okta.logStreams.read"
	logsRead     = "okta.logs.read"
)

func permissions() []connector.Permission {
	return []connector.Permission{
		{Name: usersRead, Why: "Who can sign in, and with which factors.", Kinds: []string{kindUser, kindUser + ".factors"}},
		{Name: rolesRead, Why: "Who administers Okta itself.", Kinds: []string{kindUser + ".roles"}},
		{Name: groupsRead, Why: "Groups and who is in them.", Kinds: []string{kindGroup, kindMember}},
		{Name: appsRead, Why: "Applications and who is assigned to them.", Kinds: []string{kindApp, kindAppUser, kindAppGroup}},
		{Name: policiesRead, Why: "What is asked at sign-on, of passwords and of enrolment.", Kinds: []string{
			kindSignOn, kindSignOn + ".rules", kindPassword, kindPassword + ".rules", kindEnrollment, kindEnrollment + ".rules", kindAccess, kindAccess + ".rules"}},
		{Name: orgsRead, Why: "Which organisation this is.", Kinds: []string{kindOrg}},
		{Name: threatRead, Why: "Whether requests from suspicious addresses are turned away.", Kinds: []string{kindOrg + ".threat"}},
		{Name: tokensRead, Why: "API tokens and whose they are; never the tokens themselves.", Kinds: []string{kindToken}},
		{Name: streamsRead, Why: "Whether the system log is streamed elsewhere.", Kinds: []string{kindStream}},
		{Name: logsRead, Why: "Grants of groups, applications and roles, from the system log.", Kinds: []string{kindEvent}},
	}
}

// grants are the events that give or take rights.
var grants = []string{"group.user_membership.add", "group.user_membership.remove", "application.user_membership.add", "application.user_membership.remove",
	"user.account.privilege.grant", "user.account.privilege.revoke", "group.privilege.grant", "group.privilege.revoke"}

func service() connector.Service {
	var filter []string
	for _, g := range grants {
		filter = append(filter, `eventType eq "`+g+`"`)
	}
	rules := []connector.Call{{Name: "rules", Path: "/api/v1/policies/{id}/rules", Needs: policiesRead}}
	policy := func(kind, of string, told ...connector.Told) connector.List {
		return connector.List{Kind: kind, Path: "/api/v1/policies?type=" + of, Key: "id", Label: "name", Needs: policiesRead, Told: told, Parts: rules}
	}
	return connector.Service{
		Base:  func(v connector.Values) string { return "https://" + v["domain"] },
		Token: token,
		Next:  connector.LinkPages,
		Lists: []connector.List{
			{Kind: kindOrg, Path: "/api/v1/org", Items: ".", Key: "id", Label: "subdomain", Needs: orgsRead, Parts: []connector.Call{
				{Name: "threat", Path: "/api/v1/threats/configuration", Needs: threatRead}}},
			{Kind: kindUser, Path: "/api/v1/users?limit=200", Key: "id", Label: "profile.login", Needs: usersRead, Parts: []connector.Call{
				{Name: "factors", Path: "/api/v1/users/{id}/factors", Needs: usersRead},
				{Name: "roles", Path: "/api/v1/users/{id}/roles", Needs: rolesRead}}},
			{Kind: kindGroup, Path: "/api/v1/groups?limit=200", Key: "id", Label: "profile.name", Needs: groupsRead},
			{Kind: kindMember, For: kindGroup, Path: "/api/v1/groups/{id}/users?limit=200", Key: "{parent}/{id}", Label: "profile.login", Needs: groupsRead},
			{Kind: kindApp, Path: "/api/v1/apps?limit=200", Key: "id", Label: "label", Needs: appsRead},
			{Kind: kindAppUser, For: kindApp, Path: "/api/v1/apps/{id}/users?limit=500", Key: "{parent}/{id}", Label: "credentials.userName", Needs: appsRead},
			{Kind: kindAppGroup, For: kindApp, Path: "/api/v1/apps/{id}/groups?limit=200", Key: "{parent}/{id}", Needs: appsRead},
			policy(kindSignOn, "OKTA_SIGN_ON"),
			policy(kindPassword, "PASSWORD"),
			policy(kindEnrollment, "MFA_ENROLL"),
			policy(kindAccess, "ACCESS_POLICY", connector.Told{Status: http.StatusBadRequest, Says: "E0000001"}), // so answers a Classic organisation, which has none
			{Kind: kindToken, Path: "/api/v1/api-tokens", Key: "id", Label: "name", Needs: tokensRead},
			{Kind: kindStream, Path: "/api/v1/logStreams", Key: "id", Label: "name", Needs: streamsRead},
			{Kind: kindEvent, Path: "/api/v1/logs?limit=1000&sortOrder=ASCENDING&since={since}&until={until}&filter=" + url.QueryEscape(strings.Join(filter, " or ")),
				Key: "uuid", Label: "displayMessage", Occurred: "published", Kept: 90 * 24 * time.Hour, Needs: logsRead, Next: pages},
		},
	}
}

// pages ends at an empty page, for the log always names a next one.
func pages(p connector.Page) (string, error) {
	if p.Items == 0 {
		return "", nil
	}
	return connector.LinkPages(p)
}

// token is an API token as it was given, or what an application gets for its signature.
func token(ctx context.Context, v connector.Values, from *connector.Issuer) (connector.Token, error) {
	switch {
	case v["token"] != "":
		return connector.Token{Header: http.Header{"Authorization": {"SSWS " + v["token"]}}}, nil
	case v["client_id"] == "" || v["private_key"] == "":
		return connector.Token{}, fault.New(fault.Invalid, "The connection has neither an API token nor a client id with its private key.").
			WithNext("Give one of the two.")
	}
	now := from.Now()
	assertion, err := connector.SignJWT(v["private_key"], v["key_id"], map[string]any{"iss": v["client_id"], "sub": v["client_id"], "aud": from.URL("/oauth2/v1/token"),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": rand.Text()})
	if err != nil {
		return connector.Token{}, err
	}
	return from.OAuth(ctx, "/oauth2/v1/token", url.Values{"grant_type": {"client_credentials"}, "client_assertion": {assertion},
		"scope":                 {strings.Join([]string{usersRead, rolesRead, groupsRead, appsRead, policiesRead, orgsRead, threatRead, tokensRead, streamsRead, logsRead}, " ")},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}})
}
