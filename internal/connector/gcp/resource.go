package gcp

import "tickmark/internal/record"

func bucketKind() record.Kind {
	k := kind(kindBucket, "Cloud Storage bucket", "Cloud Storage buckets", "A bucket, with who may read it and how long what is in it stays.", "name",
		indexed(text("name", "Name")), hidden(text("projectNumber", "Project")), text("location", "Place"), text("storageClass", "Class"), moment("timeCreated", "Created"), volatile(moment("updated", "Updated")),
		volatile(text("etag", "Etag")), volatile(text("metageneration", "Generation of its settings")), labels(),
		object("iamConfiguration", "Access", text("publicAccessPrevention", "Public access prevention"), object("uniformBucketLevelAccess", "Uniform access", yes("enabled", "On"), moment("lockedTime", "Locked from"))),
		object("retentionPolicy", "Retention", text("retentionPeriod", "Seconds"), yes("isLocked", "Locked"), moment("effectiveTime", "From")),
		object("versioning", "Versions", yes("enabled", "Kept")), object("encryption", "Encryption", text("defaultKmsKeyName", "Key")), anything("lifecycle", "Lifecycle"), anything("logging", "Logging"),
		object("softDeletePolicy", "After deletion", text("retentionDurationSeconds", "Seconds"), moment("effectiveTime", "From")), iamField())
	k.Views = []record.View{{Name: "data_store", Fields: map[string]string{
		"id": `r.name`, "name": `r.name`, "type": `"cloud storage bucket"`, "encrypted": `true`,
		"public": `r.iam.grants.exists(g, g.member in ["allUsers", "allAuthenticatedUsers"])`, "deletion_protected": `has(r.retentionPolicy.isLocked) && r.retentionPolicy.isLocked`}},
		policyView(`r.name`, `"bucket"`)}
	return k
}

func databaseKind() record.Kind {
	k := kind(kindDatabase, "Cloud SQL database", "Cloud SQL databases", "A database that Cloud SQL runs.", "name",
		indexed(text("name", "Name")), indexed(text("project", "Project")), text("region", "Region"), indexed(text("state", "State")), text("databaseVersion", "Version"), text("instanceType", "Sort"), hidden(text("masterInstanceName", "Copy of")),
		moment("createTime", "Created"), anything("diskEncryptionConfiguration", "Key"), list(object("ipAddresses", "Addresses", text("type", "Sort"), text("ipAddress", "Address"))),
		object("settings", "Settings", text("availabilityType", "Availability"), yes("deletionProtectionEnabled", "Protected from deletion"), text("tier", "Size"), text("edition", "Edition"), text("connectorEnforcement", "Only by connectors"), anything("userLabels", "Labels"),
			object("ipConfiguration", "Network", yes("ipv4Enabled", "Public address"), yes("requireSsl", "Encrypted (older setting)"), text("sslMode", "Encrypted"), text("privateNetwork", "Network"),
				list(object("authorizedNetworks", "Let in", text("value", "Addresses"), text("name", "Name"), moment("expirationTime", "Until")))),
			object("backupConfiguration", "Backup", yes("enabled", "Daily"), yes("binaryLogEnabled", "Binary log (MySQL)"), yes("pointInTimeRecoveryEnabled", "To a point in time"), whole("transactionLogRetentionDays", "Days of logs"),
				text("startTime", "At"), text("location", "Kept in"), object("backupRetentionSettings", "Kept", whole("retainedBackups", "Number"), text("retentionUnit", "Unit")))))
	k.Views = []record.View{{Name: "data_store", Fields: map[string]string{
		"id": `r.project + "/" + r.name`, "name": `r.name`, "type": `r.databaseVersion`, "encrypted": `true`, "backup_enabled": `r.settings.backupConfiguration.enabled`,
		"deletion_protected": `has(r.settings.deletionProtectionEnabled) && r.settings.deletionProtectionEnabled`}}}
	return k
}

func firewallKind() record.Kind {
	rule := func(name, title string) record.Field {
		return list(object(name, title, text("IPProtocol", "Protocol"), list(text("ports", "Ports"))))
	}
	k := kind(kindFirewall, "Google firewall rule", "Google firewall rules", "Which traffic a network lets in or out.", "name", named(
		text("network", "Network"), indexed(text("direction", "Direction")), indexed(yes("disabled", "Off")), whole("priority", "Priority"), list(text("sourceRanges", "From")), list(hidden(text("destinationRanges", "To"))),
		list(hidden(text("sourceTags", "From tags"))), list(hidden(text("sourceServiceAccounts", "From accounts"))), list(text("targetTags", "For tags")), list(hidden(text("targetServiceAccounts", "For accounts"))),
		rule("allowed", "Lets through"), rule("denied", "Refuses"), object("logConfig", "Logging", yes("enable", "On"), text("metadata", "Details")))...)
	// Without a source of any sort, Google takes any.
	k.Views = []record.View{{Name: "gcp_open_rule", Where: `r.direction == "INGRESS" && !(has(r.disabled) && r.disabled) && has(r.allowed)`, Fields: map[string]string{
		"id": `r.selfLink`, "name": `r.name`, "network": `r.network`, "allows": `r.allowed`,
		"anywhere": `has(r.sourceRanges) && size(r.sourceRanges) > 0 ? r.sourceRanges.exists(a, a.matches("` + wide + `")) : !has(r.sourceTags) && !has(r.sourceServiceAccounts)`,
	}}}
	return k
}

// wide is the end of a range of a hundredth of all addresses or more.
const wide = `/[0-7]$`

func firewallRuleKind() record.Kind {
	k := kind(kindFirewallRule, "Rule of a Google firewall policy", "Rules of Google firewall policies", "A rule of a network's firewall policy. Policies of folders and the organisation are not read.", "", append(named(),
		object("policy", "Policy", text("name", "Name"), text("selfLink", "Address"), anything("associations", "Networks")), text("action", "Does"), indexed(text("direction", "Direction")), yes("disabled", "Off"), whole("priority", "Priority"),
		text("ruleName", "Rule"), yes("enableLogging", "Logged"), volatile(whole("ruleTupleCount", "Size")), list(text("targetResources", "For networks")),
		object("match", "Traffic", list(text("srcIpRanges", "From")), list(text("srcAddressGroups", "From groups of addresses")), list(text("srcFqdns", "From names")), list(text("srcRegionCodes", "From countries")),
			list(text("srcThreatIntelligences", "From lists of threats")), list(text("srcNetworks", "From networks")), anything("srcSecureTags", "From tags"), text("srcNetworkContext", "From context"), text("srcNetworkType", "From sort of network"),
			list(object("layer4Configs", "Lets through", text("ipProtocol", "Protocol"), list(text("ports", "Ports"))))))...)
	// What a list of addresses, names or countries holds is not read.
	k.Views = []record.View{{Name: "gcp_open_rule", Where: `r.direction == "INGRESS" && r.action in ["allow", "apply_security_profile_group"] && !(has(r.disabled) && r.disabled)`, Fields: map[string]string{
		"id": `r.policy.selfLink + "/" + string(r.priority)`, "name": `r.policy.name + " " + string(r.priority)`, "network": `r.policy.name`, "allows": `r.match.layer4Configs`,
		"anywhere": `has(r.match.srcIpRanges) && r.match.srcIpRanges.exists(a, a.matches("` + wide + `")) ? true
			: has(r.match.srcAddressGroups) || has(r.match.srcFqdns) || has(r.match.srcRegionCodes) || has(r.match.srcThreatIntelligences) ? unknown("The rule names a list of addresses, which is not read.")
			: (!has(r.match.srcIpRanges) || size(r.match.srcIpRanges) == 0) && !has(r.match.srcSecureTags) && !has(r.match.srcNetworks)`,
	}}}
	return k
}

func instanceKind() record.Kind {
	card := list(object("networkInterfaces", "Network cards", text("name", "Name"), text("network", "Network"), text("subnetwork", "Subnet"), hidden(text("networkIP", "Address")), volatile(text("fingerprint", "Fingerprint")),
		list(object("accessConfigs", "Public addresses", text("natIP", "Address"), text("type", "Sort"), text("name", "Name"))),
		list(object("ipv6AccessConfigs", "Public addresses, version 6", text("externalIpv6", "Address"), text("type", "Sort"), text("name", "Name")))))
	secret := text("value", "Value")
	secret.Secret = true
	return kind(kindInstance, "Compute Engine machine", "Compute Engine machines", "A virtual machine. The values of its metadata are not kept.", "name", named(
		indexed(text("status", "State")), text("zone", "Zone"), text("machineType", "Size"), labels(), card, yes("canIpForward", "Forwards"), yes("deletionProtection", "Protected from deletion"), hidden(text("hostname", "Name in the network")),
		object("metadata", "Metadata", volatile(text("fingerprint", "Fingerprint")), text("kind", "Sort"), list(object("items", "Items", text("key", "Name"), secret))),
		list(object("serviceAccounts", "Acts as", text("email", "Account"), list(text("scopes", "May")))), anything("tags", "Tags"), anything("disks", "Disks"), anything("scheduling", "Scheduling"), anything("shieldedInstanceConfig", "Shielded"),
		volatile(text("lastStartTimestamp", "Last start")), volatile(text("lastStopTimestamp", "Last stop")), volatile(text("lastSuspendedTimestamp", "Last pause")), volatile(text("statusMessage", "Message")), volatile(anything("resourceStatus", "Where it runs")))...)
}

func diskKind() record.Kind {
	k := kind(kindDisk, "Compute Engine disk", "Compute Engine disks", "A disk of machines. Google encrypts each; which have a key of the organisation's own is said too.", "name", named(
		text("sizeGb", "Size (GB)"), text("status", "State"), text("type", "Sort"), text("zone", "Zone"), labels(), list(hidden(text("users", "Machines"))),
		object("diskEncryptionKey", "Key", text("kmsKeyName", "Key"), text("kmsKeyServiceAccount", "As"), text("sha256", "Hash")), volatile(text("lastAttachTimestamp", "Last attached")), volatile(text("lastDetachTimestamp", "Last detached")),
		volatile(anything("resourceStatus", "Status")))...)
	k.Views = []record.View{{Name: "data_store", Fields: map[string]string{"id": `r.selfLink`, "name": `r.name`, "type": `"compute disk"`, "encrypted": `true`, "public": `false`}}}
	return k
}

func networkKind() record.Kind {
	return kind(kindNetwork, "Google network", "Google networks", "A virtual network of a project.", "name", named(
		yes("autoCreateSubnetworks", "Subnets by themselves"), text("networkFirewallPolicyEnforcementOrder", "Order of firewalls"), list(hidden(text("subnetworks", "Subnets"))), anything("peerings", "Joined to"), anything("routingConfig", "Routing"))...)
}

func subnetKind() record.Kind {
	return kind(kindSubnet, "Google subnet", "Google subnets", "A range of a network in a region, and whether its traffic is logged.", "name", named(
		text("network", "Network"), text("region", "Region"), text("ipCidrRange", "Addresses"), indexed(text("purpose", "For")), yes("privateIpGoogleAccess", "Google without public addresses"), hidden(text("stackType", "Versions of IP")),
		yes("enableFlowLogs", "Flow logs"), object("logConfig", "Flow logs", yes("enable", "On"), text("aggregationInterval", "Every"), record.Field{Name: "flowSampling", Title: "Share", Type: record.Number}, text("metadata", "Details"), text("filterExpr", "Only")))...)
}

func logBucketKind() record.Kind {
	return kind(kindLogBucket, "Google log bucket", "Google log buckets", "Where Cloud Logging keeps logs, and for how long.", "name",
		indexed(text("name", "Name")), text("description", "Description"), whole("retentionDays", "Kept (days)"), yes("locked", "Locked"), text("lifecycleState", "State"), moment("createTime", "Created"), volatile(moment("updateTime", "Updated")),
		yes("analyticsEnabled", "Analytics"), anything("cmekSettings", "Key"), list(hidden(text("restrictedFields", "Restricted"))))
}

func keyRingKind() record.Kind {
	k := kind(kindKeyRing, "Google key ring", "Google key rings", "A ring of encryption keys, with who may use all of them.", "",
		hidden(text("name", "Full name")), hidden(text("assetType", "Sort")), list(hidden(text("ancestors", "Above"))), volatile(moment("updateTime", "Updated")),
		object("resource", "Ring", text("parent", "In"), text("location", "Place"), object("data", "Ring", text("name", "Name"), moment("createTime", "Created"))), iamField())
	k.Views = []record.View{policyView(`r.resource.data.name`, `"key ring"`)}
	return k
}

func keyKind() record.Kind {
	k := kind(kindKey, "Google encryption key", "Google encryption keys", "A key that Cloud KMS keeps, and how often it is renewed.", "name",
		indexed(text("name", "Name")), indexed(text("purpose", "For")), moment("createTime", "Created"), text("rotationPeriod", "Renewed every"), volatile(moment("nextRotationTime", "Next")), labels(), yes("importOnly", "Only imported"),
		hidden(text("destroyScheduledDuration", "Destroyed after")), object("primary", "Version in use", text("name", "Name"), text("state", "State"), text("protectionLevel", "Kept by"), text("algorithm", "Algorithm"), moment("createTime", "Created"), moment("generateTime", "Made"), anything("attestation", "Attestation")),
		object("versionTemplate", "New versions", text("protectionLevel", "Kept by"), text("algorithm", "Algorithm")), iamField())
	k.Views = []record.View{policyView(`r.name`, `"key"`)}
	return k
}

func clusterKind() record.Kind {
	networks := func() record.Field {
		return object("masterAuthorizedNetworksConfig", "Let in", yes("enabled", "Only these"), list(object("cidrBlocks", "Addresses", text("cidrBlock", "Range"), text("displayName", "Name"))),
			yes("gcpPublicCidrsAccessEnabled", "All of Google Cloud"), yes("privateEndpointEnforcementEnabled", "For the private address too"))
	}
	within := networks()
	within.Name = "authorizedNetworksConfig"
	return kind(kindCluster, "Google Kubernetes cluster", "Google Kubernetes clusters", "A cluster that Google Kubernetes Engine runs, and who reaches its control plane.", "name",
		indexed(text("name", "Name")), text("location", "Place"), indexed(text("status", "State")), hidden(text("selfLink", "Address")), moment("createTime", "Created"), text("currentMasterVersion", "Release"), text("network", "Network"), hidden(text("subnetwork", "Subnet")),
		object("releaseChannel", "Release channel", text("channel", "Channel")), object("autopilot", "Autopilot", yes("enabled", "On")), anything("resourceLabels", "Labels"),
		object("privateClusterConfig", "Private", yes("enablePrivateNodes", "Machines"), yes("enablePrivateEndpoint", "Control plane"), hidden(text("publicEndpoint", "Public address")), hidden(text("privateEndpoint", "Private address"))),
		networks(),
		object("controlPlaneEndpointsConfig", "Control plane", object("dnsEndpointConfig", "By name", yes("allowExternalTraffic", "From anywhere"), text("endpoint", "Name")),
			object("ipEndpointsConfig", "By address", yes("enabled", "On"), yes("enablePublicEndpoint", "Public"), hidden(text("publicEndpoint", "Public address")), hidden(text("privateEndpoint", "Private address")), within)),
		list(object("nodePools", "Machines", text("name", "Name"), text("version", "Release"), volatile(text("status", "State")), object("management", "By themselves", yes("autoUpgrade", "Upgraded"), yes("autoRepair", "Repaired")))))
}

func zoneKind() record.Kind {
	return kind(kindZone, "Cloud DNS zone", "Cloud DNS zones", "A zone that Cloud DNS answers for.", "dnsName",
		text("name", "Name"), hidden(text("id", "Id")), text("dnsName", "Zone"), text("description", "Description"), indexed(text("visibility", "Seen by")), object("dnssecConfig", "DNSSEC", text("state", "State")), list(hidden(text("nameServers", "Servers"))), labels(), moment("creationTime", "Created"))
}
