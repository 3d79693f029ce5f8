package aws

import (
	"context"

	"tickmark/internal/record"
)

var (
	ssmService         = &service{prefix: "ssm", protocol: json11, version: "AmazonSSM"}
	autoScalingService = &service{prefix: "autoscaling", version: "2011-01-01"}
	ecrService         = &service{prefix: "ecr", protocol: json11, version: "AmazonEC2ContainerRegistry_V20150921", host: "api.ecr"}

	describeInstances = ofEC2("DescribeInstances", 1000)
	describeVolumes   = ofEC2("DescribeVolumes", 500)
	describeSnapshots = &call{service: ec2Service, op: "DescribeSnapshots", params: map[string]any{"Owner.1": "self"}, in: "NextToken", out: "nextToken", limit: "MaxResults", most: 1000}
	snapshotSharing   = &call{service: ec2Service, op: "DescribeSnapshotAttribute", params: map[string]any{"SnapshotId": "{snapshotId}", "Attribute": "createVolumePermission"}}
	ebsDefault        = &call{service: ec2Service, op: "GetEbsEncryptionByDefault"}

	describeGroups = &call{service: autoScalingService, op: "DescribeAutoScalingGroups", in: "NextToken", out: "NextToken", limit: "MaxRecords", most: 100}

	managedInstances = &call{service: ssmService, op: "DescribeInstanceInformation", in: "NextToken", out: "NextToken", limit: "MaxResults", most: 50}
	patchStates      = &call{service: ssmService, op: "DescribeInstancePatchStates", params: map[string]any{"InstanceIds": []any{"{InstanceId}"}}}

	describeRepositories = &call{service: ecrService, op: "DescribeRepositories", in: "nextToken", out: "nextToken", limit: "maxResults", most: 1000}
	registryScanning     = &call{service: ecrService, op: "GetRegistryScanningConfiguration"}
)

var computeLists = []list{
	{kind: "aws_ec2_instance", call: describeInstances, items: "reservationSet.instancesSet", key: "arn:{partition}:ec2:{region}:{account}:instance/{instanceId}", label: "{instanceId}",
		keep: func(_ place, b map[string]any) bool { return text(b, "instanceState.name") != "terminated" }, // shown for an hour after its end
		parts: []part{
			{name: "managed", calls: []*call{managedInstances}, read: func(ctx context.Context, a *asking, body map[string]any) (any, error) {
				all, err := a.every(ctx, managedInstances, nil, "InstanceInformationList")
				for _, o := range all {
					if text(o.value, "InstanceId") == text(body, "instanceId") {
						a.note(o)
						return o.value, err
					}
				}
				return nil, err
			}},
			{name: "patches", calls: []*call{patchStates}, when: func(b map[string]any) bool { return b["managed"] != nil },
				read: func(ctx context.Context, a *asking, body map[string]any) (any, error) {
					return a.patches(ctx, text(body, "instanceId"))
				}},
		}},
	{kind: "aws_ebs_volume", call: describeVolumes, items: "volumeSet", key: "arn:{partition}:ec2:{region}:{account}:volume/{volumeId}", label: "{volumeId}", parts: []part{
		{name: "default_encryption", calls: []*call{ebsDefault}, at: "ebsEncryptionByDefault", shared: true},
	}},
	{kind: "aws_ebs_snapshot", call: describeSnapshots, items: "snapshotSet", key: "arn:{partition}:ec2:{region}:{account}:snapshot/{snapshotId}", label: "{snapshotId}",
		keep: func(p place, b map[string]any) bool { return text(b, "ownerId") == p.account }, parts: []part{
			{name: "shared_with", calls: []*call{snapshotSharing}, at: "createVolumePermission"},
		}},
	{kind: "aws_autoscaling_group", call: describeGroups, items: "AutoScalingGroups", key: "{AutoScalingGroupARN}", label: "{AutoScalingGroupName}"},
	{kind: "aws_ssm_instance", call: managedInstances, items: "InstanceInformationList", key: "{account}/{region}/{InstanceId}", label: "{InstanceId}", parts: []part{
		{name: "patches", calls: []*call{patchStates}, read: func(ctx context.Context, a *asking, body map[string]any) (any, error) {
			return a.patches(ctx, text(body, "InstanceId"))
		}},
	}},
	{kind: "aws_ecr_repository", call: describeRepositories, items: "repositories", key: "{repositoryArn}", label: "{repositoryName}", parts: []part{
		{name: "registry_scanning", calls: []*call{registryScanning}, at: "scanningConfiguration", shared: true},
	}},
}

// patches is the state of a machine's patches; nothing when it was never scanned.
func (a *asking) patches(ctx context.Context, id string) (any, error) {
	all, err := a.every(ctx, patchStates, map[string]any{"InstanceId": id}, "InstancePatchStates")
	for _, o := range all {
		if text(o.value, "InstanceId") == id {
			a.note(o)
			return o.value, err
		}
	}
	return nil, err
}

func computeKinds() []record.Kind {
	patches := func() record.Field {
		count := func(name string) record.Field { return field(name, record.Integer, "") }
		f := object("patches", field("PatchGroup", record.Text, ""), field("BaselineId", record.Text, ""), count("MissingCount"), count("FailedCount"),
			count("CriticalNonCompliantCount"), count("SecurityNonCompliantCount"), count("OtherNonCompliantCount"), count("InstalledPendingRebootCount"), count("InstalledRejectedCount"),
			field("Operation", record.Text, ""), volatile("OperationStartTime", record.Time), volatile("OperationEndTime", record.Time),
			volatile("SnapshotId", record.Text), volatile("LastNoRebootInstallOperationTime", record.Time))
		f.Help = "Of the last scan; empty where there was none."
		return f
	}
	agent := []record.Field{field("PingStatus", record.Text, ""), volatile("LastPingDateTime", record.Time), field("AgentVersion", record.Text, ""), field("PlatformType", record.Text, ""),
		field("PlatformName", record.Text, ""), field("PlatformVersion", record.Text, ""), field("ComputerName", record.Text, ""), volatile("LastAssociationExecutionDate", record.Time),
		volatile("LastSuccessfulAssociationExecutionDate", record.Time), volatile("IPAddress", record.Text)}
	instance := kind("aws_ec2_instance", "Instance", "Instances", "A virtual machine.", "instanceId",
		shown("instanceId", "Instance"), object("instanceState", field("name", record.Text, "")), field("instanceType", record.Text, "Type"), hidden("imageId", record.Text),
		field("ipAddress", record.Text, "Public address"), hidden("privateIpAddress", record.Text), hidden("vpcId", record.Text), hidden("subnetId", record.Text), field("launchTime", record.Time, "Launched"),
		hidden("platformDetails", record.Text),
		object("metadataOptions", field("httpTokens", record.Text, ""), field("httpEndpoint", record.Text, ""), field("state", record.Text, ""), field("httpPutResponseHopLimit", record.Integer, "")),
		objects("networkInterfaceSet", field("networkInterfaceId", record.Text, ""), objects("ipv6AddressesSet", field("ipv6Address", record.Text, "")),
			object("association", field("publicIp", record.Text, ""))),
		tags("tagSet", "key", "value"),
		object("managed", append([]record.Field{field("InstanceId", record.Text, "")}, agent...)...), patches())
	volume := kind("aws_ebs_volume", "Volume", "Volumes", "A disk of virtual machines.", "volumeId",
		shown("volumeId", "Volume"), record.Field{Name: "encrypted", Type: record.Bool, Indexed: true}, field("size", record.Integer, "Size (GB)"), field("volumeType", record.Text, "Type"), field("status", record.Text, ""), hidden("kmsKeyId", record.Text),
		hidden("createTime", record.Time), objects("attachmentSet", field("instanceId", record.Text, ""), field("device", record.Text, "")), tags("tagSet", "key", "value"),
		record.Field{Name: "default_encryption", Type: record.Bool, Hidden: true, Help: "New volumes of the region are encrypted."})
	volume.Views = []record.View{{Name: "data_store", Fields: map[string]string{"id": `r.volumeId`, "name": `r.volumeId`, "type": `"ebs volume"`, "encrypted": `r.encrypted`}}}
	snapshot := kind("aws_ebs_snapshot", "Snapshot", "Snapshots", "A copy of a disk.", "snapshotId",
		shown("snapshotId", "Snapshot"), field("volumeId", record.Text, "Volume"), field("encrypted", record.Bool, ""), field("startTime", record.Time, "Made"), hidden("status", record.Text), volatile("progress", record.Text),
		hidden("kmsKeyId", record.Text), field("description", record.Text, ""), tags("tagSet", "key", "value"),
		objects("shared_with", field("group", record.Text, ""), field("userId", record.Text, "")))
	scaling := kind("aws_autoscaling_group", "Scaling group", "Scaling groups", "Machines that are added and removed by load.", "AutoScalingGroupName",
		shown("AutoScalingGroupName", "Name"), hidden("AutoScalingGroupARN", record.Text), field("MinSize", record.Integer, "Least"), field("MaxSize", record.Integer, "Most"),
		record.Field{Name: "DesiredCapacity", Type: record.Integer, Title: "Wanted"}, many(field("AvailabilityZones", record.Text, "Zones")), hidden("CreatedTime", record.Time),
		objects("Instances", field("InstanceId", record.Text, ""), field("AvailabilityZone", record.Text, ""), field("HealthStatus", record.Text, ""), field("ProtectedFromScaleIn", record.Bool, "")),
		tags("Tags", "Key", "Value"))
	managed := kind("aws_ssm_instance", "Managed machine", "Managed machines", "A machine that Systems Manager knows.", "InstanceId",
		append(append([]record.Field{shown("InstanceId", "Machine"), field("ResourceType", record.Text, "")}, agent...), patches())...)
	managed.Views = []record.View{{Name: "device", Fields: map[string]string{
		"id": `r.InstanceId`, "name": `r.ComputerName`, "os": `r.PlatformName`, "os_version": `r.PlatformVersion`, "managed": `r.PingStatus == "Online"`}}}
	repository := kind("aws_ecr_repository", "Image repository", "Image repositories", "Where images of containers are kept.", "repositoryName",
		shown("repositoryName", "Name"), hidden("repositoryArn", record.Text), object("imageScanningConfiguration", field("scanOnPush", record.Bool, "")),
		field("imageTagMutability", record.Text, "Tags"), hidden("createdAt", record.Time), object("encryptionConfiguration", field("encryptionType", record.Text, "")),
		object("registry_scanning", field("scanType", record.Text, ""), objects("rules", field("scanFrequency", record.Text, ""),
			objects("repositoryFilters", field("filter", record.Text, ""), field("filterType", record.Text, "")))))
	return []record.Kind{instance, volume, snapshot, scaling, managed, repository}
}
