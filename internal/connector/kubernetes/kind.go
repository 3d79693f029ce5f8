package kubernetes

import "tickmark/internal/record"

// The kinds this connector hands over.
const (
	kindCluster            = "kubernetes_cluster"
	kindNamespace          = "kubernetes_namespace"
	kindNode               = "kubernetes_node"
	kindDeployment         = "kubernetes_deployment"
	kindDaemonSet          = "kubernetes_daemon_set"
	kindStatefulSet        = "kubernetes_stateful_set"
	kindCronJob            = "kubernetes_cron_job"
	kindPod                = "kubernetes_pod"
	kindService            = "kubernetes_service"
	kindPolicy             = "kubernetes_network_policy"
	kindRole               = "kubernetes_role"
	kindClusterRole        = "kubernetes_cluster_role"
	kindRoleBinding        = "kubernetes_role_binding"
	kindClusterRoleBinding = "kubernetes_cluster_role_binding"
	kindServiceAccount     = "kubernetes_service_account"
	kindSecret             = "kubernetes_secret"
)

func kind(name, title, plural, help string, fields ...record.Field) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "Kubernetes", Collected: true, Fields: append([]record.Field{metadataField()}, fields...)}
}

func text(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Text}
}

func whole(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Integer}
}

func yes(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Bool}
}

func object(name, title string, fields ...record.Field) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Object, Hidden: true, Fields: fields}
}

// anything is kept and not looked into.
func anything(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.JSON, Hidden: true}
}

func list(f record.Field) record.Field     { f.List = true; return f }
func volatile(f record.Field) record.Field { f.Volatile, f.Hidden = true, true; return f }
func secret(f record.Field) record.Field   { f.Secret, f.Hidden = true, true; return f }

func helped(f record.Field, help string) record.Field { f.Help = help; return f }

func state() record.Field { return volatile(anything("status", "State")) }

// metadataField is what every object has. What was applied last is the whole object again, with its secrets.
func metadataField() record.Field {
	f := object("metadata", "Metadata", text("name", "Name"), text("namespace", "Namespace"), text("uid", "Id"),
		record.Field{Name: "creationTimestamp", Title: "Created", Type: record.Time}, anything("labels", "Labels"),
		object("annotations", "Annotations", secret(text("kubectl.kubernetes.io/last-applied-configuration", "Applied"))),
		list(object("ownerReferences", "Made by", text("kind", "Kind"), text("name", "Name"), text("uid", "Id"))),
		volatile(text("resourceVersion", "Version")), volatile(whole("generation", "Generation")), volatile(anything("managedFields", "Managed by")))
	f.Hidden = false
	return f
}

func clusterKind() record.Kind {
	return kind(kindCluster, "Kubernetes cluster", "Kubernetes clusters", "The cluster, known by the id of its namespace kube-system, and its release.",
		object("version", "Release", helped(text("gitVersion", "Release"), "Of the API server."), text("platform", "Platform")), anything("spec", "Spec"), anything("status", "State"))
}

func namespaceKind() record.Kind {
	return kind(kindNamespace, "Kubernetes namespace", "Kubernetes namespaces", "A part of the cluster.", anything("spec", "Spec"), object("status", "State", text("phase", "Phase")))
}

const zone = "topology.kubernetes.io/zone"

func nodeKind() record.Kind {
	k := kind(kindNode, "Kubernetes node", "Kubernetes nodes", "A machine that the cluster runs on.",
		object("spec", "Spec", yes("unschedulable", "Takes nothing new"), text("providerID", "Id at its provider"), anything("taints", "Taints")),
		object("status", "State", object("nodeInfo", "Machine", text("kubeletVersion", "Release"), text("osImage", "System"), text("kernelVersion", "Kernel"), text("containerRuntimeVersion", "Runtime"),
			text("architecture", "Architecture"), volatile(text("bootID", "Start"))),
			volatile(anything("conditions", "Conditions")), volatile(anything("images", "Images")), volatile(anything("volumesInUse", "Volumes in use")), volatile(anything("volumesAttached", "Volumes")),
			anything("addresses", "Addresses")))
	// Where workloads can run; the machines of the control plane take none.
	k.Views = []record.View{{Name: "kubernetes_zone", Where: `has(r.metadata.labels) && "` + zone + `" in r.metadata.labels && !("node-role.kubernetes.io/control-plane" in r.metadata.labels)` +
		` && !(has(r.spec.unschedulable) && r.spec.unschedulable)`, Fields: map[string]string{"zone": `string(r.metadata.labels["` + zone + `"])`, "whole": `true`}}}
	return k
}

// container is how one program is run. The values of its environment and of headers may be secrets.
func container(name, title string) record.Field {
	request := object("httpGet", "Request", list(object("httpHeaders", "Headers", text("name", "Name"), secret(text("value", "Value")))))
	return list(object(name, title, text("name", "Name"), text("image", "Image"), list(text("command", "Command")), list(text("args", "Arguments")),
		list(object("env", "Environment", text("name", "Name"), secret(text("value", "Value")))),
		object("securityContext", "Rights", yes("privileged", "Privileged"), yes("allowPrivilegeEscalation", "May gain rights"), yes("runAsNonRoot", "Not as root"), whole("runAsUser", "As user"),
			yes("readOnlyRootFilesystem", "Root read-only"), object("capabilities", "Capabilities", list(text("add", "Added")), list(text("drop", "Dropped"))), windows()),
		object("resources", "Resources", object("limits", "Limits", text("memory", "Memory"), text("cpu", "Processor")), object("requests", "Requests", text("memory", "Memory"), text("cpu", "Processor"))),
		object("livenessProbe", "Liveness", request), object("readinessProbe", "Readiness", request), object("startupProbe", "Start", request),
		object("lifecycle", "Life", object("postStart", "After start", request), object("preStop", "Before end", request))))
}

func windows() record.Field {
	return object("windowsOptions", "Windows", yes("hostProcess", "Of the machine"))
}

func podSpec() record.Field {
	selector := object("labelSelector", "Of", anything("matchLabels", "Labels"), anything("matchExpressions", "Expressions"))
	return object("spec", "Spec", container("containers", "Containers"), container("initContainers", "First"), container("ephemeralContainers", "For debugging"),
		yes("hostNetwork", "Network of the machine"), yes("hostPID", "Processes of the machine"), yes("hostIPC", "Memory of the machine"),
		object("securityContext", "Rights", yes("runAsNonRoot", "Not as root"), whole("runAsUser", "As user"), windows()),
		list(object("volumes", "Volumes", text("name", "Name"), object("hostPath", "Path of the machine", text("path", "Path"), text("type", "Sort")))),
		text("serviceAccountName", "Account"), text("nodeName", "Machine"),
		list(object("topologySpreadConstraints", "Spread", text("topologyKey", "Over"), whole("maxSkew", "Unevenness"), text("whenUnsatisfiable", "Else"), selector)),
		object("affinity", "Placement", object("podAntiAffinity", "Apart", list(object("requiredDuringSchedulingIgnoredDuringExecution", "Required", text("topologyKey", "Over"), selector)))))
}

func template() record.Field {
	return object("template", "Template", object("metadata", "Metadata", anything("labels", "Labels")), podSpec())
}

// workload answers what is asked of what should survive the loss of one machine or zone. Only what is enforced counts as spread:
// with an unevenness of more than one, or as a wish, all replicas may stand in one zone.
func workload() []record.View {
	const own = `has(x.labelSelector) && has(x.labelSelector.matchLabels) && size(x.labelSelector.matchLabels) > 0 && !has(x.labelSelector.matchExpressions)` +
		` && x.labelSelector.matchLabels.all(l, l in r.spec.template.metadata.labels && r.spec.template.metadata.labels[l] == x.labelSelector.matchLabels[l])`
	const pod, apart = `r.spec.template.spec`, `requiredDuringSchedulingIgnoredDuringExecution`
	return []record.View{{Name: "kubernetes_workload", Fields: map[string]string{
		"id": `r.metadata.namespace + "/" + r.metadata.name`, "name": `r.metadata.name`, "namespace": `r.metadata.namespace`, "replicas": `r.spec.replicas`,
		"limited": `size(` + pod + `.containers) > 0 && ` + pod + `.containers.all(c, has(c.resources) && has(c.resources.limits) && has(c.resources.limits.memory))`,
		"probed":  `size(` + pod + `.containers) > 0 && ` + pod + `.containers.all(c, has(c.readinessProbe))`,
		"spread": `size(` + pod + `.containers) > 0 && (has(` + pod + `.topologySpreadConstraints) && ` + pod + `.topologySpreadConstraints.exists(x, x.topologyKey == "` + zone + `" && x.maxSkew == 1 && x.whenUnsatisfiable == "DoNotSchedule" && ` + own + `)` +
			` || has(` + pod + `.affinity) && has(` + pod + `.affinity.podAntiAffinity) && has(` + pod + `.affinity.podAntiAffinity.` + apart + `) && ` +
			pod + `.affinity.podAntiAffinity.` + apart + `.exists(x, x.topologyKey == "` + zone + `" && ` + own + `))`,
	}}}
}

func deploymentKind() record.Kind {
	k := kind(kindDeployment, "Kubernetes deployment", "Kubernetes deployments", "What is to run, in how many replicas.", object("spec", "Spec", whole("replicas", "Replicas"), template()), state())
	k.Views = workload()
	return k
}

func statefulSetKind() record.Kind {
	k := kind(kindStatefulSet, "Kubernetes stateful set", "Kubernetes stateful sets", "What is to run with its own storage.", object("spec", "Spec", whole("replicas", "Replicas"), template()), state())
	k.Views = workload()
	return k
}

func daemonSetKind() record.Kind {
	return kind(kindDaemonSet, "Kubernetes daemon set", "Kubernetes daemon sets", "What is to run on each machine.", object("spec", "Spec", template()), state())
}

func cronJobKind() record.Kind {
	return kind(kindCronJob, "Kubernetes cron job", "Kubernetes cron jobs", "What is to run at times.", object("spec", "Spec", text("schedule", "When"), yes("suspend", "Suspended"),
		object("jobTemplate", "Job", object("spec", "Spec", template()))), state())
}

func podKind() record.Kind {
	k := kind(kindPod, "Kubernetes pod", "Kubernetes pods", "What runs on a machine now. Pods that ended are not read.", podSpec(), state())
	k.Views = []record.View{{Name: "kubernetes_apiserver", Where: `r.metadata.namespace == "kube-system" && has(r.metadata.labels) && "component" in r.metadata.labels && r.metadata.labels["component"] == "kube-apiserver"`,
		Fields: map[string]string{"id": `r.metadata.name`, "whole": `true`,
			"flags": `r.spec.containers.filter(c, c.name == "kube-apiserver").map(c, (has(c.command) ? c.command : []) + (has(c.args) ? c.args : []))[0]`}}}
	return k
}

func serviceKind() record.Kind {
	return kind(kindService, "Kubernetes service", "Kubernetes services", "An address in front of pods.", object("spec", "Spec", helped(text("type", "Sort"), "ClusterIP within the cluster; NodePort and LoadBalancer from outside too."),
		list(text("externalIPs", "Addresses outside")), list(text("loadBalancerSourceRanges", "From")), anything("ports", "Ports"), anything("selector", "Of")), anything("status", "State"))
}

func policyKind() record.Kind {
	selector := func(name, title string) record.Field {
		return object(name, title, anything("matchLabels", "Labels"), anything("matchExpressions", "Expressions"))
	}
	k := kind(kindPolicy, "Kubernetes network policy", "Kubernetes network policies", "Which traffic of some pods is let through.", object("spec", "Spec", selector("podSelector", "Pods"), list(text("policyTypes", "Of traffic")),
		list(object("ingress", "In", list(object("from", "From", selector("namespaceSelector", "Namespaces"), selector("podSelector", "Pods"), object("ipBlock", "Addresses", text("cidr", "Addresses")))), anything("ports", "Ports"))),
		anything("egress", "Out")))
	// A policy over every pod of its namespace denies what none allows. Rules add up: one without a sender lets in everybody.
	every := `(!has(r.spec.podSelector.matchLabels) || size(r.spec.podSelector.matchLabels) == 0) && (!has(r.spec.podSelector.matchExpressions) || size(r.spec.podSelector.matchExpressions) == 0)`
	k.Views = []record.View{{Name: "kubernetes_inbound", Where: `"Ingress" in r.spec.policyTypes`, Fields: map[string]string{
		"id": `r.metadata.name`, "namespace": `r.metadata.namespace`, "every": every,
		"open": `has(r.spec.ingress) && r.spec.ingress != null && r.spec.ingress.exists(i, !has(i.from) || size(i.from) == 0 || i.from.exists(f, has(f.ipBlock) || has(f.namespaceSelector)` +
			` && (!has(f.namespaceSelector.matchLabels) || size(f.namespaceSelector.matchLabels) == 0)))`,
	}}}
	return k
}

func rules() record.Field {
	return list(object("rules", "Rules", list(text("apiGroups", "Groups")), list(text("resources", "Resources")), list(text("verbs", "Verbs")), list(text("resourceNames", "Names")), list(text("nonResourceURLs", "Addresses"))))
}

// rights are what a role allows. Without groups of its own the core group, which holds secrets and pods, is all that matters.
func rights(id, builtin string) []record.View {
	return []record.View{{Name: "kubernetes_rights", Fields: map[string]string{"id": id, "builtin": builtin,
		"everything": `r.rules != null && r.rules.exists(x, "*" in x.verbs && has(x.resources) && "*" in x.resources && (!has(x.resourceNames) || size(x.resourceNames) == 0) && ("*" in x.apiGroups || "" in x.apiGroups))`}}}
}

const (
	inNamespace = `r.metadata.namespace + "/" + r.metadata.name`
	ofCluster   = `r.metadata.name`
)

func roleKind() record.Kind {
	k := kind(kindRole, "Kubernetes role", "Kubernetes roles", "What may be done in a namespace.", rules())
	k.Views = rights(inNamespace, `false`)
	return k
}

func clusterRoleKind() record.Kind {
	k := kind(kindClusterRole, "Kubernetes cluster role", "Kubernetes cluster roles", "What may be done, in the whole cluster or where it is bound.", rules(), anything("aggregationRule", "Gathered from"))
	k.Views = rights(ofCluster, `r.metadata.name == "cluster-admin"`)
	return k
}

// binding says who has a role. Who is written as Kubernetes sorts them: Group:…, User:… or ServiceAccount:namespace/name.
func binding(name, title, plural, help, id string) record.Kind {
	k := kind(name, title, plural, help, object("roleRef", "Role", text("kind", "Kind"), text("name", "Name")),
		list(object("subjects", "Who", text("kind", "Kind"), text("name", "Name"), text("namespace", "Namespace"))))
	k.Views = []record.View{{Name: "kubernetes_administration", Where: `r.roleRef.kind == "ClusterRole" && r.roleRef.name == "cluster-admin" && has(r.subjects) && r.subjects != null && size(r.subjects) > 0`,
		Fields: map[string]string{"id": id, "who": `r.subjects.map(s, s.kind + ":" + (s.kind == "ServiceAccount" ? s.namespace + "/" : "") + s.name)`}}}
	return k
}

func roleBindingKind() record.Kind {
	return binding(kindRoleBinding, "Kubernetes role binding", "Kubernetes role bindings", "Who has a role in a namespace.", inNamespace)
}

func clusterRoleBindingKind() record.Kind {
	return binding(kindClusterRoleBinding, "Kubernetes cluster role binding", "Kubernetes cluster role bindings", "Who has a role in the whole cluster.", ofCluster)
}

func serviceAccountKind() record.Kind {
	return kind(kindServiceAccount, "Kubernetes service account", "Kubernetes service accounts", "An account that programs use in the cluster.", yes("automountServiceAccountToken", "Token in each pod"),
		list(object("secrets", "Tokens", text("name", "Name"))), anything("imagePullSecrets", "For images"))
}

func secretKind() record.Kind {
	return kind(kindSecret, "Kubernetes secret", "Kubernetes secrets", "The name and age of a secret, in the namespaces that the connection names. What is in it is never asked for.")
}
