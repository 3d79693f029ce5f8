package gcp

import (
	"net/http"

	"tickmark/internal/connector"
)

const (
	assets  = "https://cloudasset.googleapis.com"
	manager = "https://cloudresourcemanager.googleapis.com"
	usage   = "https://serviceusage.googleapis.com"
	iam     = "https://iam.googleapis.com"
	storage = "https://storage.googleapis.com"
	sql     = "https://sqladmin.googleapis.com"
	compute = "https://compute.googleapis.com"
	logging = "https://logging.googleapis.com"
	kms     = "https://cloudkms.googleapis.com"
	gke     = "https://container.googleapis.com"
	dns     = "https://dns.googleapis.com"
)

// sparse are the members that Google's answers have beside a list, which is left out where it is empty.
var sparse = []string{"kind", "id", "etag", "selfLink", "nextPageToken", "readTime", "totalSize", "warning", "warnings", "unreachable", "unreachables", "missingZones"}

var pages = connector.CursorPages("nextPageToken", "pageToken")

// switchedOff is how a service answers in whose project it is switched off.
var switchedOff = []connector.Told{{Status: http.StatusForbidden, When: disabled}}

func service(lists ...connector.List) connector.Service {
	return connector.Service{
		Base:    func(connector.Values) string { return manager },
		TokenAt: func(connector.Values) string { return "https://oauth2.googleapis.com" },
		Token:   token,
		Next:    pages,
		Sparse:  sparse,
		Partial: partial,
		Lists:   lists,
	}
}

// version3 asks for policies with their conditions.
var version3 = map[string]any{"options": map[string]any{"requestedPolicyVersion": 3}}

func sinks(of string) connector.Call {
	return connector.Call{Name: "sinks", Base: logging, Path: "/v2/" + of + "/sinks?pageSize=500", Items: "sinks", Next: pages, Needs: sinksRead}
}

// projects are the lists of what is in projects. The inventory refuses where not all of an organisation may be seen; a search
// for projects would show some of them and call it all.
func projects(v connector.Values) []connector.List {
	const (
		project = "/assets?assetTypes=cloudresourcemanager.googleapis.com/Project&contentType=RESOURCE&pageSize=1000"
		id      = "resource.data.projectId"
	)
	all := connector.List{Kind: kindProject, Base: assets, Path: "/v1/organizations/{settings.organization}" + project, Items: "assets", Key: id, Label: id, Needs: assetsRead,
		Except: "resource.data.lifecycleState=DELETE_REQUESTED", Parts: []connector.Call{
			{Name: "iam", Base: manager, Path: "/v3/projects/{key}:getIamPolicy", Body: version3, Needs: projectsPolicy},
			{Name: "services", Base: usage, Path: "/v1/projects/{key}/services?filter=state:ENABLED&pageSize=200&fields=nextPageToken,services(name,state)", Items: "services", Next: pages, Needs: servicesRead},
			{Name: "metadata", Base: compute, Path: "/compute/v1/projects/{key}", Told: switchedOff, Needs: computeProject},
			sinks("projects/{key}"),
		}}
	if v["organization"] == "" {
		all.Each, all.Path = "projects", "/v1/projects/{key}"+project
	}
	in := func(kind, base, path, items, key, label, needs string, parts ...connector.Call) connector.List {
		return connector.List{Kind: kind, For: kindProject, Base: base, Path: path, Items: items, Key: key, Label: label, Needs: needs, Parts: parts}
	}
	// perhaps is a list of a service that projects do without by switching it off.
	perhaps := func(l connector.List) connector.List {
		l.Told = switchedOff
		return l
	}
	const (
		named      = "{parent}/{name}"
		global     = "/compute/v1/projects/{key}/global/"
		aggregated = "/compute/v1/projects/{key}/aggregated/"
	)
	return []connector.List{
		all,
		in(kindAccount, iam, "/v1/projects/{key}/serviceAccounts?pageSize=100", "accounts", "email", "email", accountsRead,
			connector.Call{Name: "iam", Base: iam, Path: "/v1/{+name}:getIamPolicy?options.requestedPolicyVersion=3", Body: map[string]any{}, Needs: accountsPolicy},
			connector.Call{Name: "keys", Base: iam, Path: "/v1/{+name}/keys?keyTypes=USER_MANAGED", Items: "keys", Next: one, Needs: accountKeys}),
		in(kindBucket, storage, "/storage/v1/b?project={key}&projection=noAcl&maxResults=1000", "items", "name", "name", bucketsRead,
			connector.Call{Name: "iam", Base: storage, Path: "/storage/v1/b/{name}/iam?optionsRequestedPolicyVersion=3", Needs: bucketsPolicy}),
		perhaps(in(kindDatabase, sql, "/v1/projects/{key}/instances?maxResults=500&fields=nextPageToken,warnings,items("+databaseMask+")", "items", named, "name", databasesRead)),
		perhaps(in(kindFirewall, compute, global+"firewalls?maxResults=500", "items", named, "name", firewallsRead)),
		perhaps(in(kindFirewallRule, compute, aggregated+"firewallPolicies?maxResults=500", "items.*.firewallPolicies", "selfLink", "name", firewallRules)),
		perhaps(in(kindInstance, compute, aggregated+"instances?maxResults=500", "items.*.instances", "selfLink", "name", instancesRead)),
		perhaps(in(kindDisk, compute, aggregated+"disks?maxResults=500", "items.*.disks", "selfLink", "name", disksRead)),
		perhaps(in(kindNetwork, compute, global+"networks?maxResults=500", "items", named, "name", networksRead)),
		perhaps(in(kindSubnet, compute, aggregated+"subnetworks?maxResults=500", "items.*.subnetworks", "selfLink", "name", subnetsRead)),
		in(kindLogBucket, logging, "/v2/projects/{key}/locations/-/buckets?pageSize=500", "buckets", "name", "name", logBucketsRead),
		in(kindKeyRing, assets, "/v1/projects/{key}/assets?assetTypes=cloudkms.googleapis.com/KeyRing&contentType=RESOURCE&pageSize=1000", "assets", "resource.data.name", "resource.data.name", assetsRead,
			connector.Call{Name: "iam", Base: kms, Path: "/v1/{+resource.data.name}:getIamPolicy?options.requestedPolicyVersion=3", Needs: ringsPolicy}),
		{Kind: kindKey, For: kindKeyRing, Base: kms, Path: "/v1/{+resource.data.name}/cryptoKeys?pageSize=1000", Items: "cryptoKeys", Key: "name", Label: "name", Needs: keysRead, Parts: []connector.Call{
			{Name: "iam", Base: kms, Path: "/v1/{+name}:getIamPolicy?options.requestedPolicyVersion=3", Needs: keysPolicy}}},
		perhaps(in(kindCluster, gke, "/v1/projects/{key}/locations/-/clusters?fields=missingZones,clusters("+clusterMask+")", "clusters", "{parent}/{location}/{name}", "name", clustersRead)),
		perhaps(in(kindZone, dns, "/dns/v1/projects/{key}/managedZones?maxResults=500", "managedZones", named, "name", zonesRead)),
	}
}

// Masks name the members that are asked for, where an object also has passwords and private keys.
const (
	databaseMask = "name,project,region,state,databaseVersion,instanceType,masterInstanceName,createTime,diskEncryptionConfiguration,ipAddresses(type,ipAddress)," +
		"settings(ipConfiguration,backupConfiguration,availabilityType,deletionProtectionEnabled,userLabels,tier,edition,connectorEnforcement)"
	clusterMask = "name,location,status,selfLink,createTime,currentMasterVersion,network,subnetwork,releaseChannel,autopilot(enabled),privateClusterConfig,masterAuthorizedNetworksConfig," +
		"controlPlaneEndpointsConfig,resourceLabels,nodePools(name,version,status,management)"
)

// one is a list that is never continued.
func one(connector.Page) (string, error) { return "", nil }

// folders is the list of what stands above projects, of one sort.
func folders(sort, get, policy string) connector.List {
	return connector.List{Kind: kindFolder, Each: sort, Optional: true, Base: manager, Path: "/v3/{+key}", Items: ".", Key: "name", Label: "displayName", Needs: get, Parts: []connector.Call{
		{Name: "iam", Base: manager, Path: "/v3/{+key}:getIamPolicy", Body: version3, Needs: policy},
		sinks("{+key}"),
	}}
}
