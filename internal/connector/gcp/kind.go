package gcp

import "tickmark/internal/record"

// The kinds this connector hands over.
const (
	kindProject      = "gcp_project"
	kindFolder       = "gcp_folder"
	kindPrincipal    = "gcp_principal"
	kindAccount      = "gcp_service_account"
	kindBucket       = "gcp_storage_bucket"
	kindDatabase     = "gcp_sql_instance"
	kindFirewall     = "gcp_compute_firewall"
	kindFirewallRule = "gcp_compute_firewall_rule"
	kindInstance     = "gcp_compute_instance"
	kindDisk         = "gcp_compute_disk"
	kindNetwork      = "gcp_compute_network"
	kindSubnet       = "gcp_compute_subnet"
	kindLogBucket    = "gcp_log_bucket"
	kindKeyRing      = "gcp_kms_key_ring"
	kindKey          = "gcp_kms_key"
	kindCluster      = "gcp_gke_cluster"
	kindZone         = "gcp_dns_zone"
)

func kinds() []record.Kind {
	return []record.Kind{projectKind(), folderKind(), principalKind(), accountKind(), bucketKind(), databaseKind(), firewallKind(), firewallRuleKind(), instanceKind(), diskKind(), networkKind(),
		subnetKind(), logBucketKind(), keyRingKind(), keyKind(), clusterKind(), zoneKind()}
}

// kind is one of Google's. A record's body is what Google says, under Google's names; further answers and what is put together of
// several have names of one word in lower case.
func kind(name, title, plural, help, label string, fields ...record.Field) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "Google Cloud", Collected: true, Label: label, Fields: fields}
}

func text(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Text}
}

func yes(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Bool}
}

func whole(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Integer}
}

func moment(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Time}
}

func object(name, title string, fields ...record.Field) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Object, Hidden: true, Fields: fields}
}

// anything is kept and may be looked into by name.
func anything(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.JSON, Hidden: true}
}

func list(f record.Field) record.Field     { f.List = true; return f }
func indexed(f record.Field) record.Field  { f.Indexed = true; return f }
func hidden(f record.Field) record.Field   { f.Hidden = true; return f }
func personal(f record.Field) record.Field { f.Personal = true; return f }
func volatile(f record.Field) record.Field { f.Volatile, f.Hidden = true, true; return f }

func helped(f record.Field, help string) record.Field { f.Help = help; return f }

// named are the members by which Compute Engine tells its objects.
func named(fields ...record.Field) []record.Field {
	return append([]record.Field{indexed(text("name", "Name")), hidden(text("id", "Id")), hidden(text("selfLink", "Address")), text("description", "Description"),
		moment("creationTimestamp", "Created"), volatile(text("fingerprint", "Fingerprint")), volatile(text("labelFingerprint", "Fingerprint of labels")), hidden(text("kind", "Sort"))}, fields...)
}

func labels() record.Field { return anything("labels", "Labels") }

// iamField is who may do what.
func iamField() record.Field {
	return helped(object("iam", "Policy",
		volatile(text("etag", "Etag")), hidden(whole("version", "Form")),
		record.Field{Name: "bindings", Type: record.JSON, Personal: true, Hidden: true}, record.Field{Name: "auditConfigs", Type: record.JSON, Personal: true, Hidden: true},
		list(object("grants", "Grants", text("role", "Role"), personal(text("member", "To")), text("type", "Sort"), yes("conditional", "On a condition"))),
		list(text("audited", "Logged")), personal(list(text("exempted", "Exempt from logging")))),
		"The policy as Google has it, its bindings once more one by one (grants), and what is logged as SERVICE TYPE (audited, exempted).")
}

// policyView is how a kind answers for its policy. People are those whom a role is given to by name, or as everybody of a domain.
func policyView(id, level string) record.View {
	who := `r.iam.grants.filter(g, g.role in ["roles/owner", "roles/editor"] && (g.type in ["user", "domain"] || g.type == "principal" && g.member.contains("/workforcePools/")))`
	return record.View{Name: "gcp_iam_policy", Fields: map[string]string{
		"id": id, "level": level,
		"people":   who + `.map(g, g.member)`,
		"roles":    who + `.map(g, g.role)`,
		"everyone": `r.iam.grants.filter(g, g.member in ["allUsers", "allAuthenticatedUsers"]).map(g, g.role + " to " + g.member)`,
	}}
}

func sink(name, title string) record.Field {
	return list(object(name, title, text("name", "Name"), text("resourceName", "Full name"), text("destination", "To"), text("filter", "Only"), yes("disabled", "Off"), yes("includeChildren", "For all below"),
		yes("interceptChildren", "Instead of those below"), list(object("exclusions", "Except", text("name", "Name"), text("filter", "What"), yes("disabled", "Off"))), hidden(text("writerIdentity", "As")),
		moment("createTime", "Created"), moment("updateTime", "Updated")))
}

func projectKind() record.Kind {
	k := kind(kindProject, "Google Cloud project", "Google Cloud projects", "A project, with who may do what in it, what is logged and where that goes.", "",
		hidden(text("name", "Full name")), hidden(text("assetType", "Sort")), list(text("ancestors", "Above")), volatile(moment("updateTime", "Updated")),
		object("resource", "Project", text("parent", "In"), text("version", "Form"), object("data", "Project", text("projectId", "Id"), text("projectNumber", "Number"), text("name", "Name"), text("lifecycleState", "State"),
			moment("createTime", "Created"), labels(), anything("parent", "In"))),
		iamField(), list(object("services", "Services", text("name", "Name"), text("state", "State"))),
		helped(anything("metadata", "Signing in to machines"), "Of the project's metadata what says how machines are signed in to; null where Compute Engine is switched off."),
		sink("sinks", "Sinks"),
		helped(object("above", "Above", list(text("names", "Folders and organisation")), list(text("audited", "Logged")), personal(list(text("exempted", "Exempt from logging"))), sink("sinks", "Sinks")),
			"What the folders and the organisation above it say for all below them."))
	k.Views = []record.View{{Name: "component", Fields: map[string]string{"id": `r.resource.data.projectId`, "name": `r.resource.data.name`}}, policyView(`"projects/" + r.resource.data.projectId`, `"project"`)}
	return k
}

func folderKind() record.Kind {
	k := kind(kindFolder, "Google Cloud folder", "Google Cloud folders", "A folder above projects, or the organisation itself, with what it grants and logs for all below.", "displayName",
		indexed(text("name", "Number")), text("displayName", "Name"), text("parent", "In"), text("state", "State"), moment("createTime", "Created"), volatile(moment("updateTime", "Updated")), volatile(text("etag", "Etag")),
		hidden(text("directoryCustomerId", "Customer")), iamField(), sink("sinks", "Sinks"))
	k.Views = []record.View{policyView(`r.name`, `r.name.startsWith("organizations/") ? "organization" : "folder"`)}
	return k
}

func grantsField() record.Field {
	return list(object("grants", "Rights", text("resource", "On"), text("role", "Role"), hidden(personal(text("member", "To"))), hidden(text("type", "Sort")), yes("conditional", "On a condition")))
}

// administrators are Google's roles that can give themselves every right.
const administrators = `["roles/owner", "roles/editor", "roles/resourcemanager.organizationAdmin", "roles/resourcemanager.folderAdmin", "roles/resourcemanager.projectIamAdmin", ` +
	`"roles/iam.securityAdmin", "roles/iam.organizationRoleAdmin"]`

func principalKind() record.Kind {
	k := kind(kindPrincipal, "Google Cloud principal", "Google Cloud principals", "Somebody, a group or a program that projects, folders or the organisation grant something: their policies turned round.", "name",
		hidden(personal(indexed(text("member", "Member")))), indexed(text("type", "Sort")), personal(text("name", "Name")), grantsField())
	k.Views = []record.View{{Name: "account", Where: `r.type == "user"`, Fields: map[string]string{
		"id": `r.name`, "name": `r.name`, "email": `r.name`, "enabled": `true`, "admin": `r.grants.exists(g, g.role in ` + administrators + `)`,
	}}}
	return k
}

func accountKind() record.Kind {
	k := kind(kindAccount, "Google service account", "Google service accounts", "An account of a program, with its keys and what it may do.", "email",
		indexed(text("email", "Address")), hidden(text("name", "Full name")), indexed(text("projectId", "Project")), text("displayName", "Title"), text("description", "Description"), indexed(yes("disabled", "Off")),
		hidden(text("uniqueId", "Id")), hidden(text("oauth2ClientId", "Client id")), volatile(text("etag", "Etag")), iamField(),
		helped(list(object("keys", "Keys", text("name", "Name"), text("keyType", "Sort"), text("keyOrigin", "Made by"), text("keyAlgorithm", "Algorithm"), yes("disabled", "Off"), moment("validAfterTime", "From"), moment("validBeforeTime", "Until"))),
			"Those that were made for somebody to keep; Google's own are not listed."),
		helped(grantsField(), "On projects, folders and the organisation."))
	k.Views = []record.View{{Name: "account", Fields: map[string]string{
		"id": `r.email`, "name": `r.email`, "email": `r.email`, "enabled": `!(has(r.disabled) && r.disabled)`, "service": `true`, "admin": `r.grants.exists(g, g.role in ` + administrators + `)`,
	}}, policyView(`r.name`, `"service account"`)}
	return k
}
