"""Puts an invented account into moto's server: python3 seed.py http://127.0.0.1:5600. What it makes is read by the tests of the connector.
With a second argument, it makes little of everything, in one region."""
import json
import sys
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

endpoint = sys.argv[1]
FEW = len(sys.argv) > 2
REGIONS = ["eu-west-1"] if FEW else ["eu-west-1", "us-east-1"]


def some(n):
    return range(1) if FEW else range(n)


def client(name, region="eu-west-1"):
    return boto3.client(name, region_name=region, endpoint_url=endpoint, aws_access_key_id="testing", aws_secret_access_key="testing",
                        config=Config(retries={"total_max_attempts": 1}))


def statement(**more):
    return json.dumps({"Version": "2012-10-17", "Statement": [more]})


iam = client("iam")
iam.create_account_alias(AccountAlias="meadow")
iam.update_account_password_policy(MinimumPasswordLength=14, PasswordReusePrevention=24)
iam.create_group(GroupName="operators")
iam.attach_group_policy(GroupName="operators", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
iam.create_group(GroupName="readers")
iam.attach_group_policy(GroupName="readers", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
for i in some(12):
    name = f"user{i}@example.org"
    iam.create_user(UserName=name)
    iam.add_user_to_group(UserName=name, GroupName="operators" if i == 0 else "readers")
    iam.create_login_profile(UserName=name, Password="not-a-Real-1-password")
    if i % 3:
        serial = iam.create_virtual_mfa_device(VirtualMFADeviceName=f"mfa{i}")["VirtualMFADevice"]["SerialNumber"]
        iam.enable_mfa_device(UserName=name, SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321")
iam.create_user(UserName="deploy")
iam.create_access_key(UserName="deploy")
iam.put_user_policy(UserName="deploy", PolicyName="push", PolicyDocument=statement(Effect="Allow", Action="ecr:*", Resource="*"))
iam.create_policy(PolicyName="everything", PolicyDocument=statement(Effect="Allow", Action="*", Resource="*"))
iam.create_policy(PolicyName="little", PolicyDocument=statement(Effect="Allow", Action=["s3:GetObject"], Resource="arn:aws:s3:::meadow-logs/*"))

# boto3 would put the account before the server's name.
block = AWSRequest("PUT", endpoint + "/v20180820/configuration/publicAccessBlock", headers={"X-Amz-Account-Id": "123456789012", "Content-Type": "application/xml"}, data=(
    '<PublicAccessBlockConfiguration xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>'
    '<BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>'))
SigV4Auth(Credentials("testing", "testing"), "s3", "us-east-1").add_auth(block)
urllib.request.urlopen(urllib.request.Request(block.url, method="PUT", data=block.data.encode(), headers=dict(block.headers)))

for region in REGIONS:
    s3 = client("s3", region)
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    for i in some(8):
        s3.create_bucket(Bucket=f"meadow-{region}-{i}", **where)
    for i in some(4):
        s3.put_bucket_encryption(Bucket=f"meadow-{region}-{i}", ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
        s3.put_public_access_block(Bucket=f"meadow-{region}-{i}", PublicAccessBlockConfiguration={
            "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True})
        s3.put_bucket_policy(Bucket=f"meadow-{region}-{i}", Policy=statement(
            Sid="tls", Effect="Deny", Principal="*", Action="s3:*", Resource=[f"arn:aws:s3:::meadow-{region}-{i}", f"arn:aws:s3:::meadow-{region}-{i}/*"],
            Condition={"Bool": {"aws:SecureTransport": "false"}}))
    if not FEW:
        s3.put_bucket_acl(Bucket=f"meadow-{region}-6", ACL="public-read")
    s3.put_bucket_policy(Bucket=f"meadow-{region}-{0 if FEW else 5}", Policy=statement(
        Effect="Allow", Principal={"AWS": "*"}, Action=["s3:GetObject"], Resource=f"arn:aws:s3:::meadow-{region}-5/*"))
    s3.put_bucket_versioning(Bucket=f"meadow-{region}-0", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket=f"meadow-{region}-0", Tagging={"TagSet": [{"Key": "purpose", "Value": "backup"}]})
    s3.put_bucket_lifecycle_configuration(Bucket=f"meadow-{region}-{0 if FEW else 1}", LifecycleConfiguration={"Rules": [
        {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 400}}]})

    ec2 = client("ec2", region)
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{i}.0/24", AvailabilityZone=f"{region}{z}")["Subnet"]["SubnetId"] for i, z in enumerate("ab")]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    open_table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=open_table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=open_table, SubnetId=subnets[1])
    ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogDestinationType="s3", LogDestination=f"arn:aws:s3:::meadow-{region}-0")
    groups = [ec2.create_security_group(GroupName=f"group{i}", Description="invented", VpcId=vpc)["GroupId"] for i in some(6)]
    rules = [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 5000, "ToPort": 6000, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
    ]
    for group, rule in zip(groups, rules):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    image = "ami-12c6146b"
    for i in some(4):
        ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnets[i % 2],
                          MetadataOptions={"HttpTokens": "required" if i else "optional", "HttpEndpoint": "enabled"},
                          TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "environment", "Value": "production" if i else "test"}]}])
    for i in some(4):
        volume = ec2.create_volume(AvailabilityZone=region + "a", Size=8, Encrypted=i > 0)["VolumeId"]
        snapshot = ec2.create_snapshot(VolumeId=volume, Description=f"copy {i}")["SnapshotId"]
        if i == 0:
            ec2.modify_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", GroupNames=["all"])
    if region == "eu-west-1":
        ec2.enable_ebs_encryption_by_default()

    rds = client("rds", region)
    rds.create_db_subnet_group(DBSubnetGroupName="data", DBSubnetGroupDescription="invented", SubnetIds=subnets)
    for i in some(4):
        rds.create_db_instance(DBInstanceIdentifier=f"database{i}", DBInstanceClass="db.t3.medium", Engine="postgres", MasterUsername="root", MasterUserPassword="not-a-real-one",
                               AllocatedStorage=20, StorageEncrypted=i > 0, PubliclyAccessible=i == 1, BackupRetentionPeriod=i * 5, MultiAZ=i > 1, DeletionProtection=i > 1,
                               DBSubnetGroupName="data", Tags=[{"Key": "environment", "Value": "production"}])

    kms = client("kms", region)
    keys = [kms.create_key(Description=f"key {i}")["KeyMetadata"]["KeyId"] for i in some(3)]
    kms.enable_key_rotation(KeyId=keys[0])
    if not FEW:
        kms.schedule_key_deletion(KeyId=keys[2], PendingWindowInDays=30)

    logs = client("logs", region)
    for i in some(3):
        logs.create_log_group(logGroupName=f"/app/{i}")
        if i or FEW:
            logs.put_retention_policy(logGroupName=f"/app/{i}", retentionInDays=[7, 30, 400][i])
    logs.put_metric_filter(logGroupName="/app/0", filterName="root", filterPattern="{ $.userIdentity.type = Root }",
                           metricTransformations=[{"metricName": "root", "metricNamespace": "watch", "metricValue": "1"}])
    watch = client("cloudwatch", region)
    watch.put_metric_alarm(AlarmName="root is used", MetricName="root", Namespace="watch", Statistic="Sum", Period=300, EvaluationPeriods=1, Threshold=1,
                           ComparisonOperator="GreaterThanOrEqualToThreshold", AlarmActions=[f"arn:aws:sns:{region}:123456789012:watch"])

    elb = client("elbv2", region)
    balancer = elb.create_load_balancer(Name="front", Subnets=subnets, Scheme="internet-facing")["LoadBalancers"][0]["LoadBalancerArn"]
    target = elb.create_target_group(Name="app", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    certificate = client("acm", region).request_certificate(DomainName="app.example.org")["CertificateArn"]
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTPS", Port=443, SslPolicy="ELBSecurityPolicy-TLS-1-2-2017-01", Certificates=[{"CertificateArn": certificate}],
                        DefaultActions=[{"Type": "forward", "TargetGroupArn": target}])
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80,
                        DefaultActions=[{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}])
    waf = client("wafv2", region)
    acl = waf.create_web_acl(Name="front", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig={"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "front"},
                             Rules=[{"Name": "known", "Priority": 0, "OverrideAction": {"None": {}}, "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}},
                                     "VisibilityConfig": {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "known"}}])["Summary"]["ARN"]
    waf.associate_web_acl(WebACLArn=acl, ResourceArn=balancer)

    client("guardduty", region).create_detector(Enable=region == "eu-west-1")
    config = client("config", region)
    config.put_configuration_recorder(ConfigurationRecorder={"name": "default", "roleARN": "arn:aws:iam::123456789012:role/config", "recordingGroup": {"allSupported": True, "includeGlobalResourceTypes": True}})
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": f"meadow-{region}-0"})
    if region == "eu-west-1":
        config.start_configuration_recorder(ConfigurationRecorderName="default")
    secrets = client("secretsmanager", region)
    for i in some(2):
        secrets.create_secret(Name=f"secret{i}", SecretString="not-a-real-one")
    dynamo = client("dynamodb", region)
    for i in some(2):
        dynamo.create_table(TableName=f"table{i}", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST")
    dynamo.update_continuous_backups(TableName="table0", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    ecr = client("ecr", region)
    ecr.create_repository(repositoryName="app", imageTagMutability="IMMUTABLE", imageScanningConfiguration={"scanOnPush": True})
    ecr.create_repository(repositoryName="old")
    client("backup", region).create_backup_vault(BackupVaultName="vault")
    scaling = client("autoscaling", region)
    scaling.create_launch_configuration(LaunchConfigurationName="app", ImageId=image, InstanceType="t3.small")
    scaling.create_auto_scaling_group(AutoScalingGroupName="app", LaunchConfigurationName="app", MinSize=0, MaxSize=4, DesiredCapacity=0, VPCZoneIdentifier=",".join(subnets),
                                      Tags=[{"Key": "environment", "Value": "production", "PropagateAtLaunch": True}])
    gateway_api = client("apigateway", region)
    api = gateway_api.create_rest_api(name="public")["id"]
    root = gateway_api.get_resources(restApiId=api)["items"][0]["id"]
    gateway_api.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway_api.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    gateway_api.create_deployment(restApiId=api, stageName="live")

origin = {"Id": "site", "DomainName": "meadow.example.org", "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}}
client("cloudfront", "us-east-1").create_distribution(DistributionConfig={
    "CallerReference": "invented", "Comment": "", "Enabled": True, "Origins": {"Quantity": 1, "Items": [origin]},
    "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "https-only"}, "WebACLId": client("wafv2", "us-east-1").create_web_acl(
        Name="site", Scope="CLOUDFRONT", DefaultAction={"Block": {}}, VisibilityConfig={"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "site"})["Summary"]["ARN"]})
trail = client("cloudtrail", "eu-west-1")
trail.create_trail(Name="all", S3BucketName="meadow-eu-west-1-0", IsMultiRegionTrail=True, EnableLogFileValidation=True)
trail.start_logging(Name="all")
trail.put_event_selectors(TrailName="all", EventSelectors=[{"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}])
if not FEW:
    client("cloudtrail", "us-east-1").create_trail(Name="here", S3BucketName="meadow-us-east-1-2")
