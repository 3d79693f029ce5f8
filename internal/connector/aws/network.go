package aws

import (
	"context"
	"strings"

	"tickmark/internal/record"
)

var (
	elbService        = &service{prefix: "elasticloadbalancing", version: "2015-12-01"}
	acmService        = &service{prefix: "acm", protocol: json11, version: "CertificateManager"}
	wafService        = &service{prefix: "wafv2", protocol: json11, version: "AWSWAF_20190729"}
	globalWAFService  = &service{prefix: "wafv2", protocol: json11, version: "AWSWAF_20190729", home: "us-east-1", host: "wafv2.us-east-1"}
	cloudFrontService = &service{prefix: "cloudfront", protocol: restXML, home: "us-east-1"}
	apiGatewayService = &service{prefix: "apigateway", protocol: restJSON}

	describeSecurityGroups = ofEC2("DescribeSecurityGroups", 1000)
	describeVPCs           = ofEC2("DescribeVpcs", 1000)
	describeFlowLogs       = ofEC2("DescribeFlowLogs", 1000)
	describeRouteTables    = ofEC2("DescribeRouteTables", 100)

	describeBalancers = &call{service: elbService, op: "DescribeLoadBalancers", in: "Marker", out: "NextMarker", limit: "PageSize", most: 400}
	describeListeners = &call{service: elbService, op: "DescribeListeners", params: map[string]any{"LoadBalancerArn": "{LoadBalancerArn}"}, in: "Marker", out: "NextMarker"}
	describeRules     = &call{service: elbService, op: "DescribeRules", params: map[string]any{"ListenerArn": "{ListenerArn}"}, in: "Marker", out: "NextMarker"}
	describeTLS       = &call{service: elbService, op: "DescribeSSLPolicies", params: map[string]any{"Names.member.1": "{SslPolicy}"}}

	aclOfResource = &call{service: wafService, op: "GetWebACLForResource", params: map[string]any{"ResourceArn": "{arn}"}, absent: []string{"WAFNonexistentItemException"}}
	globalACL     = &call{service: globalWAFService, op: "GetWebACL", params: map[string]any{"Name": "{acl_name}", "Id": "{acl_id}", "Scope": "CLOUDFRONT"}}

	listCertificates = &call{service: acmService, op: "ListCertificates", params: map[string]any{"Includes": map[string]any{
		"keyTypes": []any{"RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"}}}, in: "NextToken", out: "NextToken", limit: "MaxItems", most: 1000}
	describeCertificate = &call{service: acmService, op: "DescribeCertificate", params: map[string]any{"CertificateArn": "{CertificateArn}"}, absent: []string{"ResourceNotFoundException"}}

	listDistributions = &call{service: cloudFrontService, op: "ListDistributions", path: "/2020-05-31/distribution", in: "Marker", out: "NextMarker", limit: "MaxItems", most: 100}
	listAPIs          = &call{service: apiGatewayService, op: "GetRestApis", action: "GET", path: "/restapis", in: "position", out: "position", limit: "limit", most: 500}
	listStages        = &call{service: apiGatewayService, op: "GetStages", action: "GET", path: "/restapis/{id}/stages"}
)

func ofEC2(op string, most int) *call {
	return &call{service: ec2Service, op: op, in: "NextToken", out: "nextToken", limit: "MaxResults", most: most}
}

var networkLists = []list{
	{kind: "aws_security_group", call: describeSecurityGroups, items: "securityGroupInfo", key: "arn:{partition}:ec2:{region}:{account}:security-group/{groupId}", label: "{groupName} ({groupId})"},
	{kind: "aws_vpc", call: describeVPCs, items: "vpcSet", key: "arn:{partition}:ec2:{region}:{account}:vpc/{vpcId}", label: "{vpcId}", parts: []part{
		{name: "flow_logs", calls: []*call{describeFlowLogs}, read: func(ctx context.Context, a *asking, body map[string]any) (any, error) {
			all, err := a.every(ctx, describeFlowLogs, nil, "flowLogSet")
			out := []any{}
			for _, o := range all {
				if id := text(o.value, "resourceId"); id != "" && id == text(body, "vpcId") {
					a.note(o)
					out = append(out, o.value)
				}
			}
			return out, err
		}},
	}},
	{kind: "aws_elbv2_load_balancer", call: describeBalancers, items: "LoadBalancers", key: "{LoadBalancerArn}", label: "{LoadBalancerName}", parts: []part{
		{name: "web_acl", calls: []*call{aclOfResource}, when: func(b map[string]any) bool { return b["Type"] == "application" },
			read: func(ctx context.Context, a *asking, body map[string]any) (any, error) {
				return a.acl(ctx, text(body, "LoadBalancerArn"))
			}},
	}},
	{kind: "aws_elbv2_listener", call: describeListeners, items: "Listeners", over: "aws_elbv2_load_balancer", above: "load_balancer", key: "{ListenerArn}",
		label: "{load_balancer.LoadBalancerName}:{Port}", parts: []part{
			{name: "ssl_policy", calls: []*call{describeTLS}, at: "SslPolicies", shared: true, when: func(b map[string]any) bool { return text(b, "SslPolicy") != "" }},
			{name: "rules", calls: []*call{describeRules}, when: func(b map[string]any) bool { return b["Protocol"] == "HTTP" },
				read: func(ctx context.Context, a *asking, body map[string]any) (any, error) {
					out := []any{}
					all, told, err := a.visit.every(ctx, a.kind, describeRules, body, "Rules")
					a.told(told)
					for _, o := range all {
						a.note(o)
						out = append(out, o.value)
					}
					return out, err
				}},
		}},
	{kind: "aws_acm_certificate", call: listCertificates, items: "CertificateSummaryList", key: "{CertificateArn}", label: "{DomainName}",
		detail: &detail{call: describeCertificate, at: "Certificate"}},
	{kind: "aws_cloudfront_distribution", call: listDistributions, items: "Items", empty: "Quantity", key: "{ARN}", label: "{DomainName}", global: true, parts: []part{
		{name: "web_acl", calls: []*call{globalACL}, when: func(b map[string]any) bool {
			return text(b, "WebACLId") == "" || strings.HasPrefix(text(b, "WebACLId"), "arn:")
		},
			read: func(ctx context.Context, a *asking, body map[string]any) (any, error) {
				at := strings.Split(text(body, "WebACLId"), "/") // arn:aws:wafv2:us-east-1:111122223333:global/webacl/NAME/ID
				if len(at) < 4 {
					return nil, nil
				}
				o, err := a.single(ctx, globalACL, map[string]any{"acl_name": at[len(at)-2], "acl_id": at[len(at)-1]})
				if err != nil || o.value == nil {
					return nil, err
				}
				return o.value.(map[string]any)["WebACL"], nil
			}},
	}},
	{kind: "aws_apigateway_rest_api", call: listAPIs, items: "item", key: "arn:{partition}:apigateway:{region}::/restapis/{id}", label: "{name}"},
	{kind: "aws_apigateway_stage", call: listStages, items: "item", over: "aws_apigateway_rest_api", above: "rest_api",
		key: "arn:{partition}:apigateway:{region}::/restapis/{rest_api.id}/stages/{stageName}", label: "{rest_api.name} {stageName}", parts: []part{
			{name: "web_acl", calls: []*call{aclOfResource}, read: func(ctx context.Context, a *asking, body map[string]any) (any, error) {
				if text(body, "webAclArn") == "" {
					return nil, nil
				}
				return a.acl(ctx, "arn:"+a.partition+":apigateway:"+a.region+"::/restapis/"+text(body, "rest_api.id")+"/stages/"+text(body, "stageName"))
			}},
		}},
}

// acl is the web rule set before a resource; nothing when there is none.
func (a *asking) acl(ctx context.Context, arn string) (any, error) {
	o, err := a.single(ctx, aclOfResource, map[string]any{"arn": arn})
	if err != nil || o.value == nil {
		return nil, err
	}
	return o.value.(map[string]any)["WebACL"], nil
}

func networkKinds() []record.Kind {
	rules := func(name string) record.Field {
		return objects(name, field("ipProtocol", record.Text, ""), field("fromPort", record.Integer, ""), field("toPort", record.Integer, ""),
			objects("ipRanges", field("cidrIp", record.Text, ""), field("description", record.Text, "")),
			objects("ipv6Ranges", field("cidrIpv6", record.Text, ""), field("description", record.Text, "")),
			objects("groups", field("groupId", record.Text, ""), field("userId", record.Text, "")),
			objects("prefixListIds", field("prefixListId", record.Text, ""), record.Field{Name: "open", Type: record.Bool, Help: "Not told: what stands in a prefix list is not read."}))
	}
	group := kind("aws_security_group", "Security group", "Security groups", "Which traffic comes in and goes out where it is attached.", "groupName",
		shown("groupName", "Name"), shown("groupId", "Group"), field("vpcId", record.Text, "Network"), field("groupDescription", record.Text, "Description"), hidden("ownerId", record.Text),
		rules("ipPermissions"), rules("ipPermissionsEgress"), tags("tagSet", "key", "value"))
	vpc := kind("aws_vpc", "Virtual network", "Virtual networks", "A network of an account in a region, with its flow logs.", "vpcId",
		shown("vpcId", "Network"), field("cidrBlock", record.Text, "Addresses"), field("isDefault", record.Bool, "Made by AWS"), hidden("state", record.Text), tags("tagSet", "key", "value"),
		objects("flow_logs", field("flowLogId", record.Text, ""), field("flowLogStatus", record.Text, ""), field("trafficType", record.Text, ""),
			field("logDestinationType", record.Text, ""), field("logDestination", record.Text, ""), field("resourceId", record.Text, ""), volatile("deliverLogsStatus", record.Text)))
	acl := object("web_acl", field("Name", record.Text, ""), field("ARN", record.Text, ""), object("DefaultAction", object("Allow"), object("Block")),
		objects("Rules", field("Name", record.Text, ""), field("Priority", record.Integer, ""), object("Action", object("Allow"), object("Block"), object("Count"), object("Captcha"), object("Challenge")),
			object("OverrideAction", object("None"), object("Count")), object("Statement")), volatile("Capacity", record.Integer))
	acl.Help = "The web rule set before it; empty where there is none."
	blocking := `r.web_acl != null && (has(r.web_acl.DefaultAction.Block) || r.web_acl.Rules.exists(w, has(w.Action) && has(w.Action.Block) || has(w.OverrideAction) && has(w.OverrideAction.None)))`
	balancer := kind("aws_elbv2_load_balancer", "Load balancer", "Load balancers", "Where traffic comes in before it is handed on.", "LoadBalancerName",
		shown("LoadBalancerName", "Name"), hidden("LoadBalancerArn", record.Text), shown("Scheme", ""), field("Type", record.Text, ""), hidden("VpcId", record.Text), hidden("DNSName", record.Text),
		field("CreatedTime", record.Time, "Created"), many(hidden("SecurityGroups", record.Text)), object("State", field("Code", record.Text, "")), acl)
	balancer.Views = []record.View{{Name: "entry_point", Where: `r.Type == "application"`, Fields: map[string]string{
		"id": `r.LoadBalancerArn`, "name": `r.LoadBalancerName`, "type": `"load balancer"`, "public": `r.Scheme == "internet-facing"`, "web_firewall": blocking}}}
	listener := kind("aws_elbv2_listener", "Listener", "Listeners", "A port of a load balancer, and by which TLS it answers.", "ListenerArn",
		hidden("ListenerArn", record.Text), hidden("LoadBalancerArn", record.Text), field("Port", record.Integer, ""), shown("Protocol", ""), field("SslPolicy", record.Text, "TLS policy"),
		objects("Certificates", field("CertificateArn", record.Text, "")), objects("DefaultActions", field("Type", record.Text, ""), object("RedirectConfig", field("Protocol", record.Text, ""), field("StatusCode", record.Text, ""))),
		object("load_balancer", field("LoadBalancerName", record.Text, ""), field("Scheme", record.Text, ""), field("Type", record.Text, "")),
		objects("rules", field("Priority", record.Text, ""), field("IsDefault", record.Bool, ""), objects("Actions", field("Type", record.Text, ""), object("RedirectConfig", field("Protocol", record.Text, "")))),
		objects("ssl_policy", field("Name", record.Text, ""), many(field("SslProtocols", record.Text, ""))))
	certificate := kind("aws_acm_certificate", "Certificate", "Certificates", "A certificate that AWS keeps.", "DomainName",
		shown("DomainName", "Domain"), hidden("CertificateArn", record.Text), shown("Status", ""), field("Type", record.Text, ""), field("NotAfter", record.Time, "Expires"), hidden("NotBefore", record.Time),
		hidden("CreatedAt", record.Time), hidden("IssuedAt", record.Time), hidden("ImportedAt", record.Time), many(hidden("InUseBy", record.Text)), hidden("RenewalEligibility", record.Text), hidden("KeyAlgorithm", record.Text))
	certificate.Views = []record.View{{Name: "certificate", Fields: map[string]string{"id": `r.CertificateArn`, "name": `r.DomainName`, "not_after": `r.NotAfter`}}}
	distribution := kind("aws_cloudfront_distribution", "Distribution", "Distributions", "What CloudFront serves to the public.", "DomainName",
		shown("DomainName", "Domain"), hidden("Id", record.Text), hidden("ARN", record.Text), field("Enabled", record.Bool, ""), hidden("WebACLId", record.Text), hidden("Status", record.Text),
		object("ViewerCertificate", field("MinimumProtocolVersion", record.Text, "")), volatile("LastModifiedTime", record.Text), acl)
	distribution.Views = []record.View{{Name: "entry_point", Where: `r.Enabled`, Fields: map[string]string{
		"id": `r.ARN`, "name": `r.DomainName`, "type": `"distribution"`, "public": `true`, "web_firewall": blocking}}}
	api := kind("aws_apigateway_rest_api", "API", "APIs", "An API that API Gateway answers for.", "name",
		shown("name", ""), hidden("id", record.Text), field("createdDate", record.Time, "Created"), object("endpointConfiguration", many(field("types", record.Text, ""))))
	stage := kind("aws_apigateway_stage", "API stage", "API stages", "A deployed stage of an API.", "stageName",
		shown("stageName", "Stage"), hidden("webAclArn", record.Text), volatile("lastUpdatedDate", record.Time), hidden("createdDate", record.Time),
		object("rest_api", field("id", record.Text, ""), field("name", record.Text, ""), object("endpointConfiguration", many(field("types", record.Text, "")))), acl)
	stage.Views = []record.View{{Name: "entry_point", Fields: map[string]string{
		"id": `r.webAclArn`, "name": `r.rest_api.name + " " + r.stageName`, "type": `"API stage"`, "public": `!r.rest_api.endpointConfiguration.types.exists(t, t == "PRIVATE")`, "web_firewall": blocking}}}
	delete(stage.Views[0].Fields, "id")
	return []record.Kind{group, vpc, balancer, listener, certificate, distribution, api, stage}
}
