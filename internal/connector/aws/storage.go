package aws

import (
	"context"
	"strings"

	"tickmark/internal/record"
)

var (
	s3Service        = &service{prefix: "s3", protocol: restXML}
	s3ControlService = &service{prefix: "s3", protocol: restXML, host: "{account}.s3-control"}

	listBuckets    = &call{service: s3Service, op: "ListBuckets", action: "ListAllMyBuckets", path: "/", in: "continuation-token", out: "ContinuationToken", limit: "max-buckets", most: 1000}
	bucketLocation = &call{service: s3Service, op: "GetBucketLocation", path: "/{Name}?location"}

	bucketEncryption = ofBucket("GetBucketEncryption", "GetEncryptionConfiguration", "encryption", "ServerSideEncryptionConfigurationNotFoundError")
	bucketBlock      = ofBucket("GetPublicAccessBlock", "GetBucketPublicAccessBlock", "publicAccessBlock", "NoSuchPublicAccessBlockConfiguration")
	bucketPolicy     = ofBucket("GetBucketPolicy", "", "policy", "NoSuchBucketPolicy")
	bucketACL        = ofBucket("GetBucketAcl", "", "acl", "")
	bucketVersioning = ofBucket("GetBucketVersioning", "", "versioning", "")
	bucketLock       = ofBucket("GetObjectLockConfiguration", "GetBucketObjectLockConfiguration", "object-lock", "ObjectLockConfigurationNotFoundError")
	bucketLifecycle  = ofBucket("GetBucketLifecycleConfiguration", "GetLifecycleConfiguration", "lifecycle", "NoSuchLifecycleConfiguration")
	bucketTags       = ofBucket("GetBucketTagging", "", "tagging", "NoSuchTagSet")

	accountBlock = &call{service: s3ControlService, op: "GetPublicAccessBlock", action: "GetAccountPublicAccessBlock", path: "/v20180820/configuration/publicAccessBlock",
		absent: []string{"NoSuchPublicAccessBlockConfiguration"}}
)

func ofBucket(op, action, question, absent string) *call {
	c := &call{service: s3Service, op: op, action: action, path: "/{Name}?" + question}
	if absent != "" {
		c.absent = []string{absent}
	}
	return c
}

var storageLists = []list{
	{kind: "aws_s3_account", call: whoAmI, items: ".", key: "{account}", global: true, parts: []part{
		{name: "public_access_block", calls: []*call{accountBlock}, at: "."},
	}},
	{kind: "aws_s3_bucket", call: listBuckets, items: "Buckets", key: "arn:{partition}:s3:::{Name}", label: "{Name}", global: true,
		ready: bucketRegion, asks: []*call{bucketLocation}, parts: []part{
			{name: "encryption", calls: []*call{bucketEncryption}, at: ".", region: "region"},
			{name: "public_access_block", calls: []*call{bucketBlock}, at: ".", region: "region"},
			{name: "account_public_access_block", calls: []*call{accountBlock}, at: ".", shared: true},
			{name: "policy", calls: []*call{bucketPolicy}, at: ".", as: decodePolicy, region: "region"},
			{name: "acl", calls: []*call{bucketACL}, at: ".", region: "region"},
			{name: "versioning", calls: []*call{bucketVersioning}, at: ".", region: "region"},
			{name: "object_lock", calls: []*call{bucketLock}, at: ".", region: "region"},
			{name: "lifecycle", calls: []*call{bucketLifecycle}, at: ".", region: "region"},
			{name: "tags", calls: []*call{bucketTags}, at: "TagSet", region: "region"},
		}},
}

// bucketRegion finds out where a bucket is, because only there it answers.
func bucketRegion(ctx context.Context, a *asking, body map[string]any) error {
	if name := text(body, "BucketRegion"); name != "" {
		body["region"] = name
		return nil
	}
	got, f, err := a.page(ctx, bucketLocation, body)
	if f != nil {
		return f
	}
	if err != nil {
		return err
	}
	name := ""
	if got.root != nil && got.root.name == "LocationConstraint" {
		name = strings.TrimSpace(got.root.text)
	}
	switch name {
	case "": // the oldest region has no name here
		name = "us-east-1"
	case "EU":
		name = "eu-west-1"
	}
	body["region"] = name
	return nil
}

func storageKinds() []record.Kind {
	block := func(name, help string) record.Field {
		f := object(name, field("BlockPublicAcls", record.Bool, ""), field("IgnorePublicAcls", record.Bool, ""), field("BlockPublicPolicy", record.Bool, ""), field("RestrictPublicBuckets", record.Bool, ""))
		f.Help = help
		return f
	}
	account := kind("aws_s3_account", "S3 settings", "S3 settings", "What holds for all buckets of an account.", "",
		shown("Account", "Number"), volatile("UserId", record.Text), volatile("Arn", record.Text), block("public_access_block", "Empty where none was set."))
	bucket := kind("aws_s3_bucket", "S3 bucket", "S3 buckets", "A bucket, with who may read it and how it is kept.", "Name",
		shown("Name", ""), field("CreationDate", record.Time, "Created"), hidden("BucketRegion", record.Text), hidden("BucketArn", record.Text),
		object("encryption", objects("Rule", object("ApplyServerSideEncryptionByDefault", field("SSEAlgorithm", record.Text, ""), field("KMSMasterKeyID", record.Text, "")), field("BucketKeyEnabled", record.Bool, ""))),
		block("public_access_block", "The bucket's own; empty where none was set."), block("account_public_access_block", "The account's."),
		object("policy", policyFields()...),
		object("acl", object("Owner", field("ID", record.Text, "")), objects("AccessControlList",
			object("Grantee", field("type", record.Text, ""), field("URI", record.Text, ""), field("ID", record.Text, "")), field("Permission", record.Text, ""))),
		object("versioning", field("Status", record.Text, ""), field("MfaDelete", record.Text, "")),
		object("object_lock", field("ObjectLockEnabled", record.Text, "")),
		object("lifecycle", objects("Rule", field("ID", record.Text, ""), field("Status", record.Text, ""), field("Prefix", record.Text, ""), object("Filter"),
			object("Expiration", field("Days", record.Integer, ""), field("Date", record.Text, "")),
			object("NoncurrentVersionExpiration", field("NoncurrentDays", record.Integer, "")))),
		tags("tags", "Key", "Value"),
	)
	bucket.Views = []record.View{{Name: "data_store", Fields: map[string]string{
		"id": `r.Name`, "name": `r.Name`, "type": `"s3 bucket"`,
		"encrypted":          `r.encryption.Rule.exists(e, e.ApplyServerSideEncryptionByDefault.SSEAlgorithm != "")`,
		"deletion_protected": `r.object_lock != null && r.object_lock.ObjectLockEnabled == "Enabled"`,
	}}}
	return []record.Kind{account, bucket}
}
