package okta

import "tickmark/internal/record"

// The kinds this connector hands over.
const (
	kindOrg        = "okta_org"
	kindUser       = "okta_user"
	kindGroup      = "okta_group"
	kindMember     = "okta_group_member"
	kindApp        = "okta_app"
	kindAppUser    = "okta_app_user"
	kindAppGroup   = "okta_app_group"
	kindSignOn     = "okta_sign_on_policy"
	kindPassword   = "okta_password_policy"
	kindEnrollment = "okta_enrollment_policy"
	kindAccess     = "okta_access_policy"
	kindToken      = "okta_api_token"
	kindStream     = "okta_log_stream"
	kindEvent      = "okta_event"
)

func kind(name, title, plural, help, label string, fields ...record.Field) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "Okta", Collected: true, Label: label, Fields: fields}
}

func text(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Text}
}

func moment(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Time}
}

func volatile(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Time, Volatile: true, Hidden: true}
}

func object(name, title string, fields ...record.Field) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Object, Hidden: true, Fields: fields}
}

func list(f record.Field) record.Field { f.List = true; return f }

func indexed(f record.Field) record.Field { f.Indexed = true; return f }

func hidden(f record.Field) record.Field { f.Hidden = true; return f }

func helped(f record.Field, help string) record.Field { f.Help = help; return f }

var id = hidden(indexed(text("id", "Id")))

func orgKind() record.Kind {
	return kind(kindOrg, "Okta organisation", "Okta organisations", "The organisation at Okta, and whether it turns suspicious addresses away.", "subdomain",
		id, text("subdomain", "Name"), text("companyName", "Company"), text("status", "Status"),
		object("threat", "Threat protection", helped(text("action", "Action"), "none, audit or block: what becomes of a request from a suspicious address."),
			list(text("excludeZones", "Excluded zones"))))
}

// profile is what the checks and lists need of a user's profile; the rest is kept too.
func profile() record.Field {
	personal := func(f record.Field) record.Field { f.Personal = true; return f }
	f := object("profile", "Profile", personal(text("login", "Signs in as")), personal(record.Field{Name: "email", Type: record.Email}),
		personal(text("firstName", "First name")), personal(text("lastName", "Last name")), personal(text("displayName", "Shown as")),
		personal(text("secondEmail", "Second address")), personal(text("mobilePhone", "Mobile")), text("userType", "Sort of user"))
	f.Personal = true
	return f
}

func userKind() record.Kind {
	k := kind(kindUser, "Okta user", "Okta users", "An account at Okta, with its factors and its roles in Okta itself. Deprovisioned ones are not listed by Okta.", "id",
		id, helped(indexed(text("status", "Status")), "ACTIVE, STAGED, PROVISIONED, RECOVERY, PASSWORD_EXPIRED, LOCKED_OUT, SUSPENDED or DEPROVISIONED."),
		profile(), moment("created", "Created"), hidden(moment("activated", "Activated")), hidden(moment("statusChanged", "Status since")),
		volatile("lastLogin", "Last sign-in"), volatile("lastUpdated", "Last updated"), hidden(moment("passwordChanged", "Password since")),
		list(object("factors", "Factors", text("id", "Id"), text("factorType", "Sort"), text("provider", "Provider"), text("vendorName", "Vendor"), text("status", "Status"),
			moment("created", "Created"), volatile("lastUpdated", "Last updated"), volatile("lastVerified", "Last used"))),
		list(object("roles", "Roles", text("id", "Id"), text("label", "Name"), text("type", "Sort"), text("status", "Status"), helped(text("assignmentType", "Given"), "USER or GROUP."),
			moment("created", "Created"), volatile("lastUpdated", "Last updated"))))
	// A staged, suspended or deprovisioned user cannot sign in; one that is locked out or whose password ran out gets in again by
	// their own hand. Mail and questions are no second factor: Okta enrols the one for everybody, and the other is knowledge.
	enabled := `!(r.status in ["STAGED", "SUSPENDED", "DEPROVISIONED"])`
	k.Views = []record.View{
		{Name: "account", Fields: map[string]string{
			"id": `r.id`, "name": `r.profile.login`, "email": `r.profile.email`, "enabled": enabled,
			"admin":   `r.roles.exists(x, x.status == "ACTIVE" && !(x.type in ["READ_ONLY_ADMIN", "REPORT_ADMIN"]))`,
			"mfa":     `r.factors.exists(f, f.status == "ACTIVE" && !(f.factorType in ["question", "email"]))`,
			"created": `string(r.created)`, "last_used": `string(r.lastLogin)`, "never_used": `has(r.lastLogin) && r.lastLogin == null`,
		}},
		{Name: "okta_super_admin", Where: `r.roles.exists(x, x.status == "ACTIVE" && x.type == "SUPER_ADMIN")`, Fields: map[string]string{
			"id": `r.id`, "login": `r.profile.login`, "email": `r.profile.email`, "enabled": enabled, "whole": `true`,
			"strong": `r.factors.exists(f, f.status == "ACTIVE" && f.factorType in ["webauthn", "u2f", "signed_nonce"])`,
		}},
	}
	return k
}

func groupKind() record.Kind {
	return kind(kindGroup, "Okta group", "Okta groups", "A group of users at Okta.", "id",
		id, helped(indexed(text("type", "Sort")), "OKTA_GROUP, APP_GROUP or BUILT_IN."), moment("created", "Created"), volatile("lastUpdated", "Last updated"),
		hidden(moment("lastMembershipUpdated", "Members since")), object("profile", "Profile", text("name", "Name"), text("description", "Description")))
}

func memberKind() record.Kind {
	return kind(kindMember, "Okta group member", "Okta group members", "A user in a group at Okta.", "id",
		id, indexed(text("status", "Status")), profile(), hidden(moment("created", "Created")), hidden(moment("activated", "Activated")), hidden(moment("statusChanged", "Status since")),
		volatile("lastLogin", "Last sign-in"), volatile("lastUpdated", "Last updated"), hidden(moment("passwordChanged", "Password since")))
}

func appKind() record.Kind {
	return kind(kindApp, "Okta application", "Okta applications", "What users sign in to through Okta.", "label",
		id, text("label", "Name"), helped(text("name", "Sort"), "As Okta's catalogue names it; saasure is Okta's own administration."), indexed(text("status", "Status")),
		text("signOnMode", "Sign-on"), moment("created", "Created"), volatile("lastUpdated", "Last updated"))
}

func appUserKind() record.Kind {
	return kind(kindAppUser, "Okta application user", "Okta application users", "A user who is assigned to an application.", "id",
		id, helped(indexed(text("scope", "Assigned by")), "USER: directly. GROUP: by a group."), indexed(text("status", "Status")), moment("created", "Created"),
		hidden(text("syncState", "Synchronised")), volatile("lastSync", "Last synchronised"), volatile("lastUpdated", "Last updated"), hidden(moment("statusChanged", "Status since")),
		object("credentials", "Credentials", record.Field{Name: "userName", Title: "Signs in as", Type: record.Text, Personal: true}),
		record.Field{Name: "profile", Type: record.JSON, Personal: true, Hidden: true})
}

func appGroupKind() record.Kind {
	return kind(kindAppGroup, "Okta application group", "Okta application groups", "A group whose members are assigned to an application.", "id",
		indexed(text("id", "Group")), record.Field{Name: "priority", Type: record.Integer}, volatile("lastUpdated", "Last updated"))
}

// policy is what all policies have.
func policy(name, title, plural, help string, rules record.Field, more ...record.Field) record.Kind {
	fields := []record.Field{id, text("name", "Name"), indexed(text("status", "Status")), hidden(text("type", "Sort")), record.Field{Name: "priority", Type: record.Integer},
		record.Field{Name: "system", Title: "Okta's own", Type: record.Bool, Hidden: true}, hidden(moment("created", "Created")), volatile("lastUpdated", "Last updated"), rules}
	return kind(name, title, plural, help, "name", append(fields, more...)...)
}

func rules(actions ...record.Field) record.Field {
	return list(object("rules", "Rules", text("id", "Id"), text("name", "Name"), text("status", "Status"), record.Field{Name: "priority", Type: record.Integer}, text("type", "Sort"),
		volatile("lastUpdated", "Last updated"), object("actions", "Actions", actions...)))
}

func signOnPolicyKind() record.Kind {
	return policy(kindSignOn, "Okta sign-on policy", "Okta sign-on policies", "What Okta asks of a session, rule by rule.", rules(object("signon", "Sign-on",
		helped(text("access", "Access"), "ALLOW or DENY."), record.Field{Name: "requireFactor", Title: "Asks a second factor", Type: record.Bool}, text("factorPromptMode", "Asks when"),
		object("session", "Session", record.Field{Name: "maxSessionIdleMinutes", Type: record.Integer},
			record.Field{Name: "maxSessionLifetimeMinutes", Type: record.Integer, Help: "0 is without end."}, record.Field{Name: "usePersistentCookie", Type: record.Bool}))))
}

func accessPolicyKind() record.Kind {
	return policy(kindAccess, "Okta access policy", "Okta access policies", "What Okta asks before an application opens, rule by rule (Identity Engine only).", rules(object("appSignOn", "Sign-on",
		helped(text("access", "Access"), "ALLOW or DENY."), object("verificationMethod", "Verification", helped(text("factorMode", "Factors"), "1FA or 2FA."), text("type", "Sort"), text("reauthenticateIn", "Again after")))))
}

func passwordPolicyKind() record.Kind {
	n := func(name, help string) record.Field {
		return record.Field{Name: name, Type: record.Integer, Help: help}
	}
	return policy(kindPassword, "Okta password policy", "Okta password policies", "What Okta asks of a password.", record.Field{Name: "rules", Type: record.JSON, Hidden: true},
		object("settings", "Settings", object("password", "Password",
			object("complexity", "Complexity", n("minLength", "Characters."), object("dictionary", "Dictionary", object("common", "Common passwords",
				record.Field{Name: "exclude", Title: "Refused", Type: record.Bool}))),
			object("age", "Age", n("historyCount", "Passwords that may not come again."), n("maxAgeDays", "0 is without end.")),
			object("lockout", "Lockout", n("maxAttempts", "Wrong tries before it locks; 0 is never."), n("autoUnlockMinutes", "0 is never by itself.")))))
}

func enrollmentPolicyKind() record.Kind {
	self := object("enroll", "Enrolment", helped(text("self", "By users themselves"), "NOT_ALLOWED, OPTIONAL or REQUIRED."))
	return policy(kindEnrollment, "Okta enrolment policy", "Okta enrolment policies", "Which factors users may or must enrol.", record.Field{Name: "rules", Type: record.JSON, Hidden: true},
		object("settings", "Settings", helped(text("type", "Sort"), "AUTHENTICATORS in the Identity Engine, FACTORS in Classic."),
			list(object("authenticators", "Authenticators", text("key", "Authenticator"), self)),
			record.Field{Name: "factors", Type: record.JSON, Help: "In Classic: by factor."}))
}

func apiTokenKind() record.Kind {
	return kind(kindToken, "Okta API token", "Okta API tokens", "A token with the rights of the user it belongs to. The token itself is never read.", "name",
		id, text("name", "Name"), indexed(text("userId", "User")), text("clientName", "Client"), moment("created", "Created"),
		helped(volatile("expiresAt", "Expires"), "Okta moves it on each time the token is used."), volatile("lastUpdated", "Last used"), hidden(text("tokenWindow", "Lives unused")))
}

func logStreamKind() record.Kind {
	return kind(kindStream, "Okta log stream", "Okta log streams", "Where Okta streams its system log to.", "name",
		id, text("name", "Name"), indexed(text("status", "Status")), text("type", "To"), moment("created", "Created"), volatile("lastUpdated", "Last updated"))
}

func eventKind() record.Kind {
	who := func(name, title string) record.Field {
		f := object(name, title, text("id", "Id"), text("type", "Sort"), record.Field{Name: "alternateId", Title: "Address", Type: record.Text, Personal: true},
			record.Field{Name: "displayName", Title: "Name", Type: record.Text, Personal: true})
		f.Personal = true
		return f
	}
	k := kind(kindEvent, "Okta grant", "Okta grants", "A group, application or role that was given to somebody or taken, from Okta's system log.", "displayMessage",
		hidden(text("uuid", "Id")), text("displayMessage", "What"), indexed(text("eventType", "Sort")), moment("published", "When"), who("actor", "By"), list(who("target", "Whom and what")),
		object("outcome", "Outcome", text("result", "Result"), text("reason", "Reason")),
		object("debugContext", "More", object("debugData", "More", helped(text("privilegeGranted", "Role"), "Of a grant of a role in Okta itself."))))
	k.Occurred = "published"
	user := `r.target.filter(t, t.type == "User")[0]`
	k.Views = []record.View{{Name: "grant", Where: `r.outcome.result == "SUCCESS" && r.eventType in ["group.user_membership.add", "application.user_membership.add", "user.account.privilege.grant"]`,
		Fields: map[string]string{"id": `r.uuid`, "account": user + `.id`, "email": user + `.alternateId`, "at": `r.published`, "by": `r.actor.alternateId`,
			"role": `r.eventType == "user.account.privilege.grant" ? r.debugContext.debugData.privilegeGranted : r.target.filter(t, t.type != "User")[0].displayName`, "system": `"okta"`}}}
	return k
}
