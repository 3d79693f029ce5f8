package entra

import "tickmark/internal/record"

// The kinds this connector hands over.
const (
	kindOrganisation = "entra_organization"
	kindUser         = "entra_user"
	kindGuest        = "entra_guest"
	kindGroup        = "entra_group"
	kindMember       = "entra_group_member"
	kindRole         = "entra_role"
	kindConditional  = "entra_conditional_access"
	kindApplication  = "entra_application"
	kindPrincipal    = "entra_service_principal"
	kindDevice       = "intune_device"
	kindCompliance   = "intune_compliance_policy"
	kindEvent        = "entra_audit_event"
)

func kind(group, name, title, plural, help, label string, fields ...record.Field) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: group, Collected: true, Label: label, Fields: fields}
}

func text(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Text}
}

func yes(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Bool}
}

func moment(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Time}
}

func object(name, title string, fields ...record.Field) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Object, Hidden: true, Fields: fields}
}

func list(f record.Field) record.Field     { f.List = true; return f }
func indexed(f record.Field) record.Field  { f.Indexed = true; return f }
func hidden(f record.Field) record.Field   { f.Hidden = true; return f }
func personal(f record.Field) record.Field { f.Personal = true; return f }
func volatile(f record.Field) record.Field { f.Volatile = true; return f }

func helped(f record.Field, help string) record.Field { f.Help = help; return f }

var id = hidden(indexed(text("id", "Id")))

const group, intune = "Microsoft Entra ID", "Microsoft Intune"

func organisationKind() record.Kind {
	return kind(group, kindOrganisation, "Entra tenant", "Entra tenants", "The tenant, and whether Microsoft's security defaults are on.", "displayName",
		id, text("displayName", "Name"), text("tenantType", "Sort"), list(object("verifiedDomains", "Domains", text("name", "Name"), yes("isDefault", "Default"))),
		object("security_defaults", "Security defaults", yes("isEnabled", "On")))
}

func people() []record.Field {
	return []record.Field{id, personal(indexed(text("userPrincipalName", "Signs in as"))), personal(indexed(record.Field{Name: "mail", Title: "Address", Type: record.Email})), personal(text("displayName", "Name")),
		indexed(yes("accountEnabled", "Enabled")), helped(indexed(text("userType", "Sort")), "Member or Guest."), moment("createdDateTime", "Created"),
		helped(hidden(text("externalUserState", "Invitation")), "Of a guest: PendingAcceptance or Accepted."), hidden(yes("onPremisesSyncEnabled", "From a directory of their own"))}
}

func userKind() record.Kind {
	k := kind(group, kindUser, "Entra user", "Entra users", "An account of the tenant, with its second factors and last sign-in as far as the licence tells.", "userPrincipalName", append(people(),
		object("registration", "Second factors", yes("isAdmin", "Administrator"), helped(yes("isMfaCapable", "Can use a second factor"), "One is registered and allowed."), yes("isMfaRegistered", "Registered one"),
			list(text("methodsRegistered", "Methods")), volatile(moment("lastUpdatedDateTime", "Updated"))),
		volatile(object("sign_in", "Last sign-in", object("signInActivity", "Last sign-in", moment("lastSignInDateTime", "Signed in"), moment("lastNonInteractiveSignInDateTime", "By a program")))))...)
	k.Views = []record.View{{Name: "account", Fields: map[string]string{
		"id": `r.id`, "name": `r.userPrincipalName`, "email": `has(r.mail) && r.mail != null ? r.mail : r.userPrincipalName`, "enabled": `r.accountEnabled`,
		"admin": `r.registration.isAdmin`, "mfa": `r.registration.isMfaCapable`, "external": `r.userType == "Guest"`, "created": `string(r.createdDateTime)`,
		"last_used":  `string(r.sign_in.signInActivity.lastSignInDateTime)`,
		"never_used": `has(r.sign_in) && r.sign_in != null && !(has(r.sign_in.signInActivity) && r.sign_in.signInActivity != null)`,
	}}}
	return k
}

func guestKind() record.Kind {
	return kind(group, kindGuest, "Entra guest", "Entra guests", "A guest of the tenant, and who inside answers for them.", "userPrincipalName", append(people(),
		list(object("sponsors", "Sponsors", text("id", "Id"), personal(text("userPrincipalName", "Signs in as")), yes("accountEnabled", "Enabled"))))...)
}

func groupKind() record.Kind {
	return kind(group, kindGroup, "Entra group", "Entra groups", "A group of the tenant.", "displayName",
		id, text("displayName", "Name"), text("description", "Description"), text("mail", "Address"), yes("securityEnabled", "For rights"), list(text("groupTypes", "Sorts")),
		yes("isAssignableToRole", "May hold roles"), moment("createdDateTime", "Created"))
}

func memberKind() record.Kind {
	return kind(group, kindMember, "Entra group member", "Entra group members", "Who is in a group.", "displayName",
		indexed(text("id", "Id")), personal(text("displayName", "Name")), personal(text("userPrincipalName", "Signs in as")))
}

func roleKind() record.Kind {
	return kind(group, kindRole, "Entra role", "Entra roles", "A role in the administration of the tenant, and who holds it now. Who may only ask for it is not among them.", "displayName",
		id, text("displayName", "Name"), text("description", "Description"), indexed(text("roleTemplateId", "Template")),
		list(object("members", "Members", text("id", "Id"), personal(text("displayName", "Name")), personal(text("userPrincipalName", "Signs in as")), personal(text("mail", "Address")))))
}

func conditionalKind() record.Kind {
	return kind(group, kindConditional, "Conditional access policy", "Conditional access policies", "What is asked at sign-in, of whom, where and when.", "displayName",
		id, text("displayName", "Name"), helped(indexed(text("state", "State")), "enabled, disabled or enabledForReportingButNotEnforced."), moment("createdDateTime", "Created"), moment("modifiedDateTime", "Changed"),
		object("conditions", "When", list(text("clientAppTypes", "Programs")), list(text("userRiskLevels", "Risk of the user")), list(text("signInRiskLevels", "Risk of the sign-in")),
			record.Field{Name: "platforms", Type: record.JSON}, record.Field{Name: "locations", Type: record.JSON}, record.Field{Name: "devices", Type: record.JSON},
			object("users", "Who", list(text("includeUsers", "Users")), list(text("excludeUsers", "Not these users")), list(text("includeGroups", "Groups")), list(text("excludeGroups", "Not these groups")),
				list(text("includeRoles", "Roles")), list(text("excludeRoles", "Not these roles")), record.Field{Name: "excludeGuestsOrExternalUsers", Type: record.JSON}),
			object("applications", "What", list(text("includeApplications", "Applications")), list(text("excludeApplications", "Not these applications")))),
		object("grantControls", "Asks", text("operator", "All or one"), list(text("builtInControls", "For")), object("authenticationStrength", "Strength", text("id", "Id"), text("displayName", "Name"))),
		record.Field{Name: "sessionControls", Type: record.JSON, Hidden: true})
}

func credentials() []record.Field {
	one := []record.Field{text("keyId", "Id"), text("displayName", "Name"), moment("startDateTime", "From"), moment("endDateTime", "Until")}
	return []record.Field{list(object("passwordCredentials", "Secrets", append(one, text("hint", "Begins with"))...)), list(object("keyCredentials", "Certificates", append(one, text("type", "Sort"))...))}
}

func applicationKind() record.Kind {
	k := kind(group, kindApplication, "Entra application", "Entra applications", "An application registered in the tenant, and when its credentials expire.", "displayName", append([]record.Field{
		id, indexed(text("appId", "Client id")), text("displayName", "Name"), moment("createdDateTime", "Created"), text("signInAudience", "For whom")}, credentials()...)...)
	// One with a credential signs in by itself, and somebody answers for it.
	k.Views = []record.View{{Name: "account", Where: `size(r.passwordCredentials) + size(r.keyCredentials) > 0`, Fields: map[string]string{
		"id": `r.appId`, "name": `r.displayName`, "enabled": `true`, "service": `true`, "created": `string(r.createdDateTime)`,
	}}}
	return k
}

func principalKind() record.Kind {
	return kind(group, kindPrincipal, "Entra service principal", "Entra service principals", "An application as it may act in the tenant, the organisation's own or another's.", "displayName", append([]record.Field{
		id, indexed(text("appId", "Client id")), text("displayName", "Name"), yes("accountEnabled", "Enabled"), text("servicePrincipalType", "Sort"), text("appOwnerOrganizationId", "Tenant of its owner")}, credentials()...)...)
}

func deviceKind() record.Kind {
	k := kind(intune, kindDevice, "Intune device", "Intune devices", "A device managed by Intune.", "deviceName",
		id, text("deviceName", "Name"), personal(indexed(text("userPrincipalName", "User"))), personal(hidden(text("emailAddress", "Address"))), personal(hidden(text("userDisplayName", "Name of the user"))),
		text("operatingSystem", "System"), text("osVersion", "Version"), yes("isEncrypted", "Encrypted"), indexed(text("complianceState", "Complies")), text("managementAgent", "Managed by"),
		text("managedDeviceOwnerType", "Owned by"), moment("enrolledDateTime", "Enrolled"), volatile(moment("lastSyncDateTime", "Last seen")), text("serialNumber", "Serial number"), text("model", "Model"),
		text("manufacturer", "Maker"), text("jailBroken", "Broken open"), volatile(hidden(record.Field{Name: "freeStorageSpaceInBytes", Title: "Free", Type: record.Integer})),
		personal(hidden(text("phoneNumber", "Number"))), personal(hidden(text("imei", "IMEI"))), personal(hidden(text("wiFiMacAddress", "Wi-Fi address"))),
		volatile(hidden(moment("complianceGracePeriodExpirationDateTime", "Grace ends"))), volatile(hidden(moment("easActivationDateTime", "Exchange since"))))
	// A device is listed while Intune manages it.
	k.Views = []record.View{{Name: "device", Fields: map[string]string{
		"id": `r.id`, "name": `r.deviceName`, "os": `r.operatingSystem == "macOS" ? "darwin" : r.operatingSystem.lowerAscii()`, "os_version": `r.osVersion`, "encrypted": `r.isEncrypted`,
		"managed": `true`, "compliant": `[r.complianceState].filter(s, s != "unknown")[0] == "compliant"`,
		"owner_email": `(has(r.emailAddress) && r.emailAddress != null && r.emailAddress != "" ? r.emailAddress : r.userPrincipalName).lowerAscii()`, "last_seen": `string(r.lastSyncDateTime)`,
	}}}
	return k
}

func complianceKind() record.Kind {
	return kind(intune, kindCompliance, "Intune compliance policy", "Intune compliance policies", "What devices of one system must have to comply, and for whom it holds.", "displayName",
		id, text("displayName", "Name"), hidden(text("description", "Description")), moment("createdDateTime", "Created"), volatile(moment("lastModifiedDateTime", "Changed")), record.Field{Name: "version", Type: record.Integer},
		yes("passwordRequired", "Password"), yes("storageRequireEncryption", "Encryption"), yes("bitLockerEnabled", "BitLocker"), text("osMinimumVersion", "Oldest version"),
		list(object("assignments", "For whom", text("id", "Id"), record.Field{Name: "target", Title: "Whom", Type: record.JSON})))
}

func eventKind() record.Kind {
	k := kind(group, kindEvent, "Entra audit event", "Entra audit events", "A change of roles or groups, from the audit log.", "activityDisplayName",
		hidden(text("id", "Id")), text("activityDisplayName", "What"), indexed(text("category", "Sort")), moment("activityDateTime", "When"), text("result", "Result"), text("operationType", "Act"),
		object("initiatedBy", "By", object("user", "User", text("id", "Id"), personal(text("userPrincipalName", "Signs in as"))), object("app", "Application", text("displayName", "Name"))),
		list(object("targetResources", "Whom and what", text("id", "Id"), text("type", "Sort"), text("displayName", "Name"), personal(text("userPrincipalName", "Signs in as")),
			list(object("modifiedProperties", "Changed", text("displayName", "Name"), text("oldValue", "Before"), text("newValue", "After"))))))
	k.Occurred = "activityDateTime"
	user := `r.targetResources.filter(t, t.type == "User")[0]`
	role := `r.targetResources[0].modifiedProperties.filter(p, p.displayName in ["Role.DisplayName", "Group.DisplayName"])[0].newValue`
	k.Views = []record.View{{Name: "grant", Where: `r.result == "success" && r.activityDisplayName in ["Add member to role", "Add member to group", "Add eligible member to role"]`, Fields: map[string]string{
		"id": `r.id`, "account": user + `.id`, "email": user + `.userPrincipalName`, "at": `r.activityDateTime`, "by": `r.initiatedBy.user.userPrincipalName`,
		"role": role, "system": `"entra"`,
	}}}
	return k
}
