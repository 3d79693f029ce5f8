package gcp

import _ "embed"

// role is what to allow; a test holds it to the permissions that are declared.
//
//go:embed role.yaml
var role string

func grant() string {
	return "A role that allows just what is asked, to put in a file role.yaml:\n\n```yaml\n" + role + "```\n\n" +
		"A service account in a project of its own, in which the services that are asked through it are switched on, and the role on the organisation (put in its number):\n\n```sh\n" +
		"gcloud services enable cloudasset.googleapis.com cloudresourcemanager.googleapis.com serviceusage.googleapis.com iam.googleapis.com storage.googleapis.com \\\n" +
		"  sqladmin.googleapis.com compute.googleapis.com logging.googleapis.com cloudkms.googleapis.com container.googleapis.com dns.googleapis.com --project PROJECT\n" +
		"gcloud iam service-accounts create tickmark --project PROJECT\n" +
		"gcloud iam roles create tickmark --organization NUMBER --file role.yaml\n" +
		"gcloud organizations add-iam-policy-binding NUMBER --member serviceAccount:tickmark@PROJECT.iam.gserviceaccount.com --role organizations/NUMBER/roles/tickmark\n" +
		"gcloud iam service-accounts keys create key.json --iam-account tickmark@PROJECT.iam.gserviceaccount.com\n```\n\n" +
		"Of Google's own roles `roles/iam.securityReviewer` with `roles/cloudasset.viewer` and `roles/serviceusage.serviceUsageViewer` allow it too, and more. " +
		"Where only some projects are listed the same role on the organisation lets what folders grant be seen; without it that is denied, and what rests on it unknown. " +
		"The key is one that GCP-03 asks to be renewed every 90 days.\n"
}
