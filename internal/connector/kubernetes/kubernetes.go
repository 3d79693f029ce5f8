// Package kubernetes reads a cluster through its API: what runs in it and how, who may do what, and which traffic is let
// through. The one rule: it only lists and gets, and of secrets it asks for names alone, in namespaces that were named.
package kubernetes

import (
	_ "embed"
	"net/http"
	"strings"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Connector declares the connector.
func Connector() connector.Connector {
	return connector.Connector{
		Limits: connector.Limits{PerMinute: 600, AtOnce: 4},
		Name:   "kubernetes", Title: "Kubernetes",
		Help: "What runs in a cluster and how, who may do what in it, network policies, services, nodes and service accounts.",
		Settings: []connector.Setting{
			{Name: "endpoint", Title: "API server", Required: true, Help: "Its address, such as https://cluster.example.com:6443."},
			{Name: "token", Title: "Token", Secret: true, Lines: true, Required: true, Help: "Of the service account that may read what is named below, and nothing else."},
			{Name: "ca", Title: "Authority", Lines: true, Help: "The cluster's certificate authority, in PEM. Leave it empty where the certificate is one that this machine trusts."},
			{Name: "secrets_in", Title: "Secrets in", Help: "Namespaces between commas in which the names of secrets are read. Kubernetes has no right for names alone: who may list secrets may read them. " +
				"Tickmark asks for the names only. No check needs them; leave it empty and do not grant it."},
		},
		Permissions: permissions(),
		Grant:       grant(),
		Tried:       tried,
		Kinds: []record.Kind{connector.Component(clusterKind(), `r.metadata.uid`, `r.metadata.uid`), connector.Component(namespaceKind(), `r.metadata.uid`, `r.metadata.name`), nodeKind(), deploymentKind(), daemonSetKind(), statefulSetKind(), cronJobKind(), podKind(), serviceKind(), policyKind(),
			roleKind(), clusterRoleKind(), roleBindingKind(), clusterRoleBindingKind(), serviceAccountKind(), secretKind()},
		Read: service().Read,
	}
}

const tried = "Tested against replies written by hand after the published description of Kubernetes 1.35.0, which judges every request and reply in the tests. " +
	"A real API server 1.35.0 (with etcd, and neither controllers nor nodes) was read once by the role alone, with 746 objects; never a whole cluster."

// role is the ClusterRole with its binding; a test holds it to what is asked.
//
//go:embed role.yaml
var role string

// secrets is what else is needed for the names of secrets in one namespace.
//
//go:embed secrets.yaml
var secrets string

func grant() string {
	return "A service account that may read just what is asked for, with a token that lasts until it is deleted; `kubectl apply -f` it as `tickmark.yaml`:\n\n```yaml\n" + role + "```\n\n" +
		"Then the address, the authority and the token:\n\n```sh\nkubectl config view --minify -o jsonpath='{.clusters[0].cluster.server}'\n" +
		"kubectl -n tickmark get secret tickmark -o jsonpath='{.data.ca\\.crt}' | base64 -d >ca.pem\n" +
		"kubectl -n tickmark get secret tickmark -o jsonpath='{.data.token}' | base64 -d >token\n```\n\n" +
		"Only where the names of secrets shall be read, and no check needs them: in each such namespace (here `app`) also this. It lets the token read the secrets themselves, " +
		"because Kubernetes has no right for names alone; Tickmark asks for the names.\n\n```yaml\n" + secrets + "```\n"
}

func permissions() []connector.Permission {
	list := func(resource, why string, kinds ...string) connector.Permission {
		return connector.Permission{Name: "list " + resource, Why: why, Kinds: kinds}
	}
	return []connector.Permission{
		{Name: "get namespaces", Why: "Which cluster this is: it is told by the namespace kube-system.", Kinds: []string{kindCluster}},
		{Name: "get /version", Why: "Which release it runs.", Kinds: []string{kindCluster + ".version"}},
		list("namespaces", "How the cluster is divided.", kindNamespace),
		list("nodes", "The machines it runs on, with their release and zone.", kindNode),
		list("deployments.apps", "What is to run.", kindDeployment),
		list("daemonsets.apps", "What is to run on each machine.", kindDaemonSet),
		list("statefulsets.apps", "What is to run with its own storage.", kindStatefulSet),
		list("cronjobs.batch", "What is to run at times.", kindCronJob),
		list("pods", "What runs, with which rights on its machine, and how the API server is set where it is a pod.", kindPod),
		list("services", "What is reachable, and from where.", kindService),
		list("networkpolicies.networking.k8s.io", "Which traffic is let through.", kindPolicy),
		list("roles.rbac.authorization.k8s.io", "What roles in a namespace allow.", kindRole),
		list("clusterroles.rbac.authorization.k8s.io", "What roles of the cluster allow.", kindClusterRole),
		list("rolebindings.rbac.authorization.k8s.io", "Who has which role in a namespace.", kindRoleBinding),
		list("clusterrolebindings.rbac.authorization.k8s.io", "Who has which role in the whole cluster.", kindClusterRoleBinding),
		list("serviceaccounts", "The accounts that programs use.", kindServiceAccount),
		list("secrets", "The names of secrets, only in the namespaces named in *Secrets in*. It allows to read them too; leave it out where you name none.", kindSecret),
	}
}

// metadata asks for what an object is called and nothing of what is in it.
const metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

func service() connector.Service {
	const cluster, namespaced = "metadata.name", "{metadata.namespace}/{metadata.name}"
	list := func(kind, path, key, needs string) connector.List {
		return connector.List{Kind: kind, Path: path + "?limit=500", Items: "items", Key: key, Label: key, Needs: "list " + needs}
	}
	pods := list(kindPod, "/api/v1/pods", namespaced, "pods")
	pods.Path += "&fieldSelector=status.phase!%3DSucceeded%2Cstatus.phase!%3DFailed" // what ended runs no more
	secret := list(kindSecret, "/api/v1/namespaces/{key}/secrets", "{parent}/{metadata.name}", "secrets")
	secret.Each, secret.Optional, secret.Accept = "secrets_in", true, metadata
	const rbac = "rbac.authorization.k8s.io"
	return connector.Service{
		Base:    func(connector.Values) string { return "" }, // the setting endpoint is required
		Sign:    sign,
		Roots:   func(v connector.Values) string { return v["ca"] },
		Next:    connector.CursorPages("metadata.continue", "continue"),
		Expired: http.StatusGone,
		Lists: []connector.List{
			{Kind: kindCluster, Path: "/api/v1/namespaces/kube-system", Items: ".", Key: "metadata.uid", Label: "metadata.uid", Needs: "get namespaces",
				Parts: []connector.Call{{Name: "version", Path: "/version", Needs: "get /version"}}},
			list(kindNamespace, "/api/v1/namespaces", cluster, "namespaces"),
			list(kindNode, "/api/v1/nodes", cluster, "nodes"),
			list(kindDeployment, "/apis/apps/v1/deployments", namespaced, "deployments.apps"),
			list(kindDaemonSet, "/apis/apps/v1/daemonsets", namespaced, "daemonsets.apps"),
			list(kindStatefulSet, "/apis/apps/v1/statefulsets", namespaced, "statefulsets.apps"),
			list(kindCronJob, "/apis/batch/v1/cronjobs", namespaced, "cronjobs.batch"),
			pods,
			list(kindService, "/api/v1/services", namespaced, "services"),
			list(kindPolicy, "/apis/networking.k8s.io/v1/networkpolicies", namespaced, "networkpolicies.networking.k8s.io"),
			list(kindRole, "/apis/"+rbac+"/v1/roles", namespaced, "roles."+rbac),
			list(kindClusterRole, "/apis/"+rbac+"/v1/clusterroles", cluster, "clusterroles."+rbac),
			list(kindRoleBinding, "/apis/"+rbac+"/v1/rolebindings", namespaced, "rolebindings."+rbac),
			list(kindClusterRoleBinding, "/apis/"+rbac+"/v1/clusterrolebindings", cluster, "clusterrolebindings."+rbac),
			list(kindServiceAccount, "/api/v1/serviceaccounts", namespaced, "serviceaccounts"),
			secret,
		},
	}
}

func sign(v connector.Values, h http.Header) error {
	token := strings.TrimSpace(v["token"])
	if token == "" {
		return fault.New(fault.Invalid, "The connection has no token.").WithNext("Give the token of the service account.")
	}
	h.Set("Authorization", "Bearer "+token)
	return nil
}
