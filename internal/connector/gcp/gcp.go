// Package gcp reads Google Cloud: projects of an organisation or listed ones, who may do what in them, service accounts with
// their keys, storage, databases, machines and networks, logs, keys and clusters. The one rule: what Google says it could not
// list is missing, and a service counts as having nothing only where Google says that it is switched off in that very project.
package gcp

import (
	"context"
	"regexp"
	"strings"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
)

// Connector declares the connector.
func Connector() connector.Connector {
	return connector.Connector{
		Limits: connector.Limits{PerMinute: 600, AtOnce: 4},
		Name:   "gcp", Title: "Google Cloud",
		Help: "Projects of an organisation or listed ones: who may do what, service accounts and their keys, buckets, databases, machines, networks, logs, keys, clusters and zones.",
		Settings: []connector.Setting{
			{Name: "key", Title: "Service account key", Secret: true, Lines: true, Required: true, Help: "The JSON file of a service account's key. The account has the role below and no other."},
			{Name: "organization", Title: "Organisation", Help: "Its number: every project in it is read. gcloud organizations list shows it."},
			{Name: "projects", Title: "Projects", Help: "Instead of the organisation: ids of projects, with commas between."},
			{Name: "endpoint", Title: "Address", Help: "Only to try it with something that answers as all of Google's services do."},
			{Name: "token_endpoint", Title: "Address of tokens", Help: "As above, instead of https://oauth2.googleapis.com."},
		},
		Permissions: permissions(),
		Grant:       grant(),
		Tried: "Tested against replies written by hand after Google's own discovery documents (of google.golang.org/api 0.315.0), which judge every request and " +
			"reply in the tests. It never ran against the real Google Cloud.",
		Kinds: kinds(),
		Read:  read,
	}
}

var (
	organizationNumber = regexp.MustCompile(`^[0-9]+$`)
	projectID          = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
)

// settled checks what is to be read, and writes it in one form.
func settled(v connector.Values) (connector.Values, error) {
	out := connector.Values{}
	for name, value := range v {
		out[name] = value
	}
	organization := strings.TrimPrefix(strings.TrimSpace(v["organization"]), "organizations/")
	ids := strings.FieldsFunc(v["projects"], func(r rune) bool { return r == ',' || r == '\n' || r == ' ' })
	if (organization == "") == (len(ids) == 0) {
		return nil, fault.New(fault.Invalid, "The connection must name either an organisation or projects.").WithNext("Give one of the two settings, organization or projects.")
	}
	if organization != "" && !organizationNumber.MatchString(organization) {
		return nil, fault.New(fault.Invalid, "%q is not the number of an organisation.", organization).WithNext("Give the number that gcloud organizations list shows.")
	}
	for _, id := range ids {
		if !projectID.MatchString(id) {
			return nil, fault.New(fault.Invalid, "%q is not the id of a project.", id).WithNext("Give ids such as my-project, not names or numbers.")
		}
	}
	out["organization"], out["projects"] = organization, strings.Join(ids, ",")
	return out, nil
}

// read reads the projects, then the folders and the organisation above them, and then puts together what only all of these say.
func read(ctx context.Context, v connector.Values, out connector.Sink) error {
	v, err := settled(v)
	if err != nil {
		return err
	}
	r := &reader{Sink: out, glimpse: connector.Glimpsed(ctx), wanted: strings.FieldsFunc(v["projects"], func(c rune) bool { return c == ',' }), above: map[string]*folder{}, told: map[string][]connector.Answer{}}
	if err := service(projects(v)...).Read(ctx, v, r); err != nil {
		return err
	}
	v["folders"], v["organizations"] = r.ancestors(v["organization"])
	for _, l := range []connector.List{folders("folders", foldersGet, foldersPolicy), folders("organizations", organizationsGet, organizationsPolicy)} {
		if err := service(l).Read(ctx, v, r); err != nil {
			return err
		}
	}
	return r.finish()
}

const (
	assetsRead          = "cloudasset.assets.listResource"
	projectsPolicy      = "resourcemanager.projects.getIamPolicy"
	foldersGet          = "resourcemanager.folders.get"
	foldersPolicy       = "resourcemanager.folders.getIamPolicy"
	organizationsGet    = "resourcemanager.organizations.get"
	organizationsPolicy = "resourcemanager.organizations.getIamPolicy"
	servicesRead        = "serviceusage.services.list"
	accountsRead        = "iam.serviceAccounts.list"
	accountsPolicy      = "iam.serviceAccounts.getIamPolicy"
	accountKeys         = "iam.serviceAccountKeys.list"
	bucketsRead         = "storage.buckets.list"
	bucketsPolicy       = "storage.buckets.getIamPolicy"
	databasesRead       = "cloudsql.instances.list"
	computeProject      = "compute.projects.get"
	firewallsRead       = "compute.firewalls.list"
	firewallRules       = "compute.firewallPolicies.list"
	instancesRead       = "compute.instances.list"
	disksRead           = "compute.disks.list"
	networksRead        = "compute.networks.list"
	subnetsRead         = "compute.subnetworks.list"
	sinksRead           = "logging.sinks.list"
	logBucketsRead      = "logging.buckets.list"
	ringsPolicy         = "cloudkms.keyRings.getIamPolicy"
	keysRead            = "cloudkms.cryptoKeys.list"
	keysPolicy          = "cloudkms.cryptoKeys.getIamPolicy"
	clustersRead        = "container.clusters.list"
	zonesRead           = "dns.managedZones.list"
)

func permissions() []connector.Permission {
	above := []string{kindFolder, kindFolder + ".iam", kindPrincipal, kindAccount + ".grants", kindProject + ".above"}
	return []connector.Permission{
		{Name: assetsRead, Why: "Which projects and key rings there are, from Cloud Asset Inventory.", Kinds: []string{kindProject, kindKeyRing}},
		{Name: projectsPolicy, Why: "Who may do what in a project, and what is logged of it.", Kinds: []string{kindProject + ".iam", kindPrincipal, kindAccount + ".grants"}},
		{Name: foldersGet, Why: "The folders above the projects.", Kinds: above},
		{Name: foldersPolicy, Why: "What is granted and logged in everything below a folder.", Kinds: above},
		{Name: organizationsGet, Why: "The organisation above the projects.", Kinds: above},
		{Name: organizationsPolicy, Why: "What is granted and logged in everything below the organisation.", Kinds: above},
		{Name: servicesRead, Why: "Which services are switched on.", Kinds: []string{kindProject + ".services"}},
		{Name: accountsRead, Why: "Service accounts.", Kinds: []string{kindAccount}},
		{Name: accountsPolicy, Why: "Who may act as a service account.", Kinds: []string{kindAccount + ".iam"}},
		{Name: accountKeys, Why: "Keys of service accounts and their age; never the keys themselves.", Kinds: []string{kindAccount + ".keys"}},
		{Name: bucketsRead, Why: "Buckets and their settings.", Kinds: []string{kindBucket}},
		{Name: bucketsPolicy, Why: "Who may read and write a bucket.", Kinds: []string{kindBucket + ".iam"}},
		{Name: databasesRead, Why: "Databases of Cloud SQL and their settings.", Kinds: []string{kindDatabase}},
		{Name: computeProject, Why: "Whether machines are signed in to with accounts of Google (OS Login).", Kinds: []string{kindProject + ".metadata"}},
		{Name: firewallsRead, Why: "Which traffic networks let in.", Kinds: []string{kindFirewall}},
		{Name: firewallRules, Why: "Which traffic policies of networks let in.", Kinds: []string{kindFirewallRule}},
		{Name: instancesRead, Why: "Machines and their addresses.", Kinds: []string{kindInstance}},
		{Name: disksRead, Why: "Disks.", Kinds: []string{kindDisk}},
		{Name: networksRead, Why: "Networks.", Kinds: []string{kindNetwork}},
		{Name: subnetsRead, Why: "Subnets, and whether their traffic is logged.", Kinds: []string{kindSubnet}},
		{Name: sinksRead, Why: "Where logs are sent.", Kinds: []string{kindProject + ".sinks", kindFolder + ".sinks", kindProject + ".above"}},
		{Name: logBucketsRead, Why: "How long logs are kept, and whether that is locked.", Kinds: []string{kindLogBucket}},
		{Name: ringsPolicy, Why: "Who may use every key of a ring.", Kinds: []string{kindKeyRing + ".iam"}},
		{Name: keysRead, Why: "Encryption keys and their rotation; never the keys themselves.", Kinds: []string{kindKey}},
		{Name: keysPolicy, Why: "Who may use a key.", Kinds: []string{kindKey + ".iam"}},
		{Name: clustersRead, Why: "Kubernetes clusters and who reaches them.", Kinds: []string{kindCluster}},
		{Name: zonesRead, Why: "Zones of Cloud DNS.", Kinds: []string{kindZone}},
	}
}
