package google

import "tickmark/internal/record"

// The kinds this connector hands over.
const (
	kindUser       = "google_workspace_user"
	kindGroup      = "google_workspace_group"
	kindMember     = "google_workspace_group_member"
	kindRole       = "google_workspace_role"
	kindAssignment = "google_workspace_role_assignment"
	kindToken      = "google_workspace_app"
	kindMobile     = "google_workspace_mobile_device"
	kindChrome     = "google_workspace_chrome_device"
	kindPolicy     = "google_workspace_policy"
	kindAlert      = "google_workspace_alert"
	kindEvent      = "google_workspace_event"
)

func kind(name, title, plural, help, label string, fields ...record.Field) record.Kind {
	etag := record.Field{Name: "etag", Type: record.Text, Volatile: true, Hidden: true}
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "Google Workspace", Collected: true, Label: label, Fields: append(fields, etag)}
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

func userKind() record.Kind {
	k := kind(kindUser, "Google Workspace user", "Google Workspace users", "An account of Google Workspace.", "primaryEmail",
		hidden(indexed(text("id", "Id"))), personal(indexed(record.Field{Name: "primaryEmail", Title: "Address", Type: record.Email})),
		personal(object("name", "Name", text("fullName", "Name"), text("givenName", "First name"), text("familyName", "Last name"))),
		indexed(yes("suspended", "Suspended")), yes("archived", "Archived"), indexed(yes("isAdmin", "Super administrator")), yes("isDelegatedAdmin", "Other administrator"),
		yes("isEnrolledIn2Sv", "Second step enrolled"), yes("isEnforcedIn2Sv", "Second step enforced"), text("orgUnitPath", "Unit"), moment("creationTime", "Created"),
		helped(volatile(moment("lastLoginTime", "Last sign-in")), "1970-01-01 is never."),
		personal(hidden(list(text("aliases", "Other addresses")))), personal(hidden(text("recoveryEmail", "Recovery address"))), personal(hidden(text("recoveryPhone", "Recovery telephone"))),
		record.Field{Name: "emails", Type: record.JSON, Personal: true, Hidden: true}, volatile(hidden(text("thumbnailPhotoEtag", "Photo"))), volatile(hidden(text("thumbnailPhotoUrl", "Photo"))))
	k.Views = []record.View{{Name: "account", Fields: map[string]string{
		"id": `r.id`, "name": `r.primaryEmail`, "email": `r.primaryEmail`, "enabled": `!r.suspended && !(has(r.archived) && r.archived)`,
		"admin": `r.isAdmin || r.isDelegatedAdmin`, "mfa": `r.isEnrolledIn2Sv`, "created": `string(r.creationTime)`,
		"last_used":  `[string(r.lastLoginTime)].filter(t, !t.startsWith("1970-"))[0]`,
		"never_used": `string(r.lastLoginTime).startsWith("1970-")`,
	}}}
	return k
}

func groupKind() record.Kind {
	return kind(kindGroup, "Google group", "Google groups", "A group of Google Workspace.", "email",
		hidden(indexed(text("id", "Id"))), text("email", "Address"), text("name", "Name"), text("description", "Description"), yes("adminCreated", "Made by an administrator"),
		volatile(hidden(text("directMembersCount", "Members"))))
}

func memberKind() record.Kind {
	return kind(kindMember, "Google group member", "Google group members", "Who is in a group, with which role in it.", "email",
		indexed(text("id", "Id")), personal(indexed(text("email", "Address"))), text("role", "Role"), helped(text("type", "Sort"), "USER, GROUP, CUSTOMER or EXTERNAL."), text("status", "Status"))
}

func roleKind() record.Kind {
	return kind(kindRole, "Google administrators' role", "Google administrators' roles", "A role in the administration of Google Workspace.", "roleName",
		indexed(text("roleId", "Id")), text("roleName", "Name"), text("roleDescription", "Description"), yes("isSystemRole", "Google's own"), yes("isSuperAdminRole", "Super administrator"))
}

func assignmentKind() record.Kind {
	return kind(kindAssignment, "Google role assignment", "Google role assignments", "Who has which role in the administration.", "roleAssignmentId",
		text("roleAssignmentId", "Id"), indexed(text("roleId", "Role")), indexed(text("assignedTo", "User or group")), text("assigneeType", "Sort"), text("scopeType", "Scope"))
}

func tokenKind() record.Kind {
	return kind(kindToken, "Google third-party application", "Google third-party applications", "An application that a user let in to their data.", "displayText",
		indexed(text("clientId", "Client id")), text("displayText", "Name"), personal(indexed(text("userKey", "User"))), list(text("scopes", "May")), yes("nativeApp", "Installed"), yes("anonymous", "Not registered"))
}

func mobileKind() record.Kind {
	k := kind(kindMobile, "Google mobile device", "Google mobile devices", "A mobile device with an account of the organisation.", "model",
		hidden(text("resourceId", "Id")), text("deviceId", "Device"), text("serialNumber", "Serial number"), text("model", "Model"), text("os", "System"), text("type", "Sort"),
		personal(list(text("email", "Addresses"))), personal(list(hidden(text("name", "Names")))), indexed(text("status", "Status")), text("encryptionStatus", "Encryption"),
		text("devicePasswordStatus", "Screen lock"), text("deviceCompromisedStatus", "Compromised"), volatile(moment("lastSync", "Last seen")), hidden(moment("firstSync", "First seen")),
		personal(hidden(text("imei", "IMEI"))), personal(hidden(text("meid", "MEID"))), personal(hidden(text("wifiMacAddress", "Wi-Fi address"))), volatile(hidden(text("userAgent", "Agent"))))
	k.Views = []record.View{{Name: "device", Fields: map[string]string{
		"id": `r.resourceId`, "name": `r.model`, "os": `r.type.lowerAscii().startsWith("ios") ? "ios" : r.type == "ANDROID" ? "android" : r.type.lowerAscii()`, "os_version": `r.os`,
		"encrypted": `r.encryptionStatus.startsWith("Encrypted")`, "screen_lock": `r.devicePasswordStatus == "On"`, "managed": `r.status == "APPROVED"`,
		"owner_email": `r.email[0].lowerAscii()`, "last_seen": `string(r.lastSync)`,
	}}}
	return k
}

func chromeKind() record.Kind {
	k := kind(kindChrome, "Chrome device", "Chrome devices", "A device with Chrome OS that is enrolled in the organisation.", "serialNumber",
		hidden(text("deviceId", "Id")), text("serialNumber", "Serial number"), text("model", "Model"), helped(indexed(text("status", "Status")), "ACTIVE, DEPROVISIONED, DISABLED and others."),
		text("osVersion", "Version"), text("bootMode", "Boot"), personal(text("annotatedUser", "User")), text("orgUnitPath", "Unit"), volatile(moment("lastSync", "Last seen")),
		moment("supportEndDate", "Supported until"), personal(hidden(text("macAddress", "Network address"))))
	k.Views = []record.View{{Name: "device", Where: `r.status != "DEPROVISIONED"`, Fields: map[string]string{
		"id": `r.deviceId`, "name": `r.serialNumber`, "os": `"chromeos"`, "os_version": `r.osVersion`, "managed": `r.status == "ACTIVE"`, "owner_email": `r.annotatedUser.lowerAscii()`, "last_seen": `string(r.lastSync)`,
	}}}
	return k
}

func policyKind() record.Kind {
	return kind(kindPolicy, "Google Workspace setting", "Google Workspace settings", "A setting as it holds for a unit or group.", "name",
		hidden(text("name", "Id")), indexed(helped(text("type", "Origin"), "SYSTEM: Google's default. ADMIN: set by an administrator.")),
		object("policyQuery", "For", text("orgUnit", "Unit"), text("group", "Group"), text("query", "Condition"), record.Field{Name: "sortOrder", Type: record.Number}),
		record.Field{Name: "setting", Title: "Setting", Type: record.Object, Fields: []record.Field{text("type", "Name"), {Name: "value", Type: record.JSON}}})
}

func alertKind() record.Kind {
	k := kind(kindAlert, "Google Workspace alert", "Google Workspace alerts", "A security alert of Google's Alert Center.", "type",
		hidden(text("alertId", "Id")), indexed(text("type", "What")), text("source", "From"), moment("createTime", "Raised"), hidden(moment("startTime", "Began")), hidden(moment("endTime", "Ended")),
		hidden(volatile(moment("updateTime", "Updated"))), yes("deleted", "Deleted"),
		object("metadata", "Handling", helped(text("status", "Status"), "NOT_STARTED, IN_PROGRESS or CLOSED."), helped(text("severity", "Severity"), "HIGH, MEDIUM or LOW."),
			personal(text("assignee", "Assigned to")), moment("updateTime", "Updated"), volatile(text("etag", "Etag"))),
		record.Field{Name: "data", Type: record.JSON, Personal: true, Hidden: true})
	k.Views = []record.View{{Name: "alert", Where: `!(has(r.deleted) && r.deleted)`, Fields: map[string]string{
		"id": `r.alertId`, "title": `r.type`, "severity": `r.metadata.severity.lowerAscii()`, "at": `r.createTime`,
	}}}
	return k
}

func eventKind() record.Kind {
	k := kind(kindEvent, "Google administration event", "Google administration events", "Something an administrator did.", "",
		object("id", "Id", moment("time", "When"), text("uniqueQualifier", "Number"), text("applicationName", "Log")),
		personal(object("actor", "By", personal(text("email", "Address")), text("profileId", "Id"), text("callerType", "Sort"))),
		list(object("events", "What", text("type", "Sort"), text("name", "Name"), record.Field{Name: "parameters", Type: record.JSON, Personal: true})),
		personal(hidden(text("ipAddress", "From"))))
	what := func(name string) string {
		return `r.events.filter(e, e.name in ["ASSIGN_ROLE", "ADD_GROUP_MEMBER"])[0].parameters.filter(p, p.name == "` + name + `")[0].value`
	}
	k.Views = []record.View{{Name: "grant", Where: `r.events.exists(e, e.name in ["ASSIGN_ROLE", "ADD_GROUP_MEMBER"])`, Fields: map[string]string{
		"id": `string(r.id.time) + "/" + r.id.uniqueQualifier`, "email": `string(` + what("USER_EMAIL") + `)`, "at": `r.id.time`, "by": `r.actor.email`,
		"role":   `string(r.events.exists(e, e.name == "ASSIGN_ROLE") ? ` + what("ROLE_NAME") + ` : ` + what("GROUP_EMAIL") + `)`,
		"system": `"google"`,
	}}}
	return k
}
