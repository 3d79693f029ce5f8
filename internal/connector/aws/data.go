package aws

import (
	"context"
	"slices"
	"strings"

	"tickmark/internal/record"
)

var (
	rdsService     = &service{prefix: "rds", version: "2014-10-31"}
	kmsService     = &service{prefix: "kms", protocol: json11, version: "TrentService"}
	dynamoService  = &service{prefix: "dynamodb", protocol: json10, version: "DynamoDB_20120810"}
	secretsService = &service{prefix: "secretsmanager", protocol: json11, version: "secretsmanager"}
	backupService  = &service{prefix: "backup", protocol: restJSON}

	describeDatabases = &call{service: rdsService, op: "DescribeDBInstances", in: "Marker", out: "Marker", limit: "MaxRecords", most: 100}
	databaseCluster   = &call{service: rdsService, op: "DescribeDBClusters", params: map[string]any{"DBClusterIdentifier": "{DBClusterIdentifier}"}}
	parameters        = &call{service: rdsService, op: "DescribeDBParameters", params: map[string]any{"DBParameterGroupName": "{name}"}, in: "Marker", out: "Marker", limit: "MaxRecords", most: 100}
	clusterParameters = &call{service: rdsService, op: "DescribeDBClusterParameters", params: map[string]any{"DBClusterParameterGroupName": "{name}"}, in: "Marker", out: "Marker", limit: "MaxRecords", most: 100}

	listKeys    = &call{service: kmsService, op: "ListKeys", in: "Marker", out: "NextMarker", limit: "Limit", most: 1000}
	describeKey = &call{service: kmsService, op: "DescribeKey", params: map[string]any{"KeyId": "{KeyId}"}, absent: []string{"NotFoundException"}}
	keyRotation = &call{service: kmsService, op: "GetKeyRotationStatus", params: map[string]any{"KeyId": "{KeyId}"}}

	listTables    = &call{service: dynamoService, op: "ListTables", in: "ExclusiveStartTableName", out: "LastEvaluatedTableName"}
	describeTable = &call{service: dynamoService, op: "DescribeTable", params: map[string]any{"TableName": "{TableName}"}, absent: []string{"ResourceNotFoundException"}}
	tableBackups  = &call{service: dynamoService, op: "DescribeContinuousBackups", params: map[string]any{"TableName": "{TableName}"}}

	listSecrets = &call{service: secretsService, op: "ListSecrets", in: "NextToken", out: "NextToken", limit: "MaxResults", most: 100}

	listVaults = &call{service: backupService, op: "ListBackupVaults", path: "/backup-vaults/", in: "nextToken", out: "NextToken", limit: "maxResults", most: 1000}
	listPoints = &call{service: backupService, op: "ListRecoveryPointsByBackupVault", path: "/backup-vaults/{BackupVaultName}/recovery-points/", in: "nextToken", out: "NextToken", limit: "maxResults", most: 1000}
)

var dataLists = []list{
	{kind: "aws_rds_instance", call: describeDatabases, items: "DBInstances", key: "{DBInstanceArn}", label: "{DBInstanceIdentifier}", parts: []part{
		{name: "cluster", calls: []*call{databaseCluster}, when: func(b map[string]any) bool { return text(b, "DBClusterIdentifier") != "" }, read: databaseClusterOf},
		{name: "routes", calls: []*call{describeRouteTables}, read: subnetRoutes},
		{name: "parameters", calls: []*call{parameters, clusterParameters}, read: tlsParameters},
	}},
	{kind: "aws_kms_key", call: listKeys, items: "Keys", key: "{Arn}", label: "{KeyId}", detail: &detail{call: describeKey, at: "KeyMetadata"}, parts: []part{
		{name: "rotation", calls: []*call{keyRotation}, at: ".", when: func(b map[string]any) bool {
			return b["KeyManager"] == "CUSTOMER" && b["KeySpec"] == "SYMMETRIC_DEFAULT" && b["Origin"] == "AWS_KMS" && b["KeyState"] != "PendingDeletion"
		}},
	}},
	{kind: "aws_dynamodb_table", call: listTables, items: "TableNames", wrap: "TableName", key: "{TableArn}", label: "{TableName}", detail: &detail{call: describeTable, at: "Table"}, parts: []part{
		{name: "continuous_backups", calls: []*call{tableBackups}, at: "ContinuousBackupsDescription"},
	}},
	{kind: "aws_secretsmanager_secret", call: listSecrets, items: "SecretList", key: "{ARN}", label: "{Name}"},
	{kind: "aws_backup_vault", call: listVaults, items: "BackupVaultList", key: "{BackupVaultArn}", label: "{BackupVaultName}"},
	{kind: "aws_backup_recovery_point", call: listPoints, items: "RecoveryPoints", over: "aws_backup_vault", key: "{RecoveryPointArn}", label: "{RecoveryPointArn}"},
}

func databaseClusterOf(ctx context.Context, a *asking, body map[string]any) (any, error) {
	found, err := a.every(ctx, databaseCluster, body, "DBClusters")
	if err != nil || len(found) != 1 {
		return nil, err
	}
	a.note(found[0])
	return found[0].value, nil
}

// subnetRoutes are, for each subnet of a database, the gateways that its route table leads to. A subnet without a table of its own
// has its network's main one.
func subnetRoutes(ctx context.Context, a *asking, body map[string]any) (any, error) {
	tables, err := a.every(ctx, describeRouteTables, nil, "routeTableSet")
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, s := range asList(at(body, "DBSubnetGroup.Subnets")) {
		id := text(s, "SubnetIdentifier")
		var own, main *thing
		for i, t := range tables {
			for _, as := range asList(at(t.value, "associationSet")) {
				if text(as, "subnetId") == id && id != "" {
					own = &tables[i]
				}
				if text(as, "main") == "true" && text(t.value, "vpcId") == text(body, "DBSubnetGroup.VpcId") {
					main = &tables[i]
				}
			}
		}
		if own == nil {
			own = main
		}
		one := map[string]any{"subnet": id, "route_table": nil, "gateways": nil}
		if own != nil {
			a.note(*own)
			gateways := []any{}
			for _, r := range asList(at(own.value, "routeSet")) {
				if g := text(r, "gatewayId"); g != "" && !slices.Contains(gateways, any(g)) {
					gateways = append(gateways, g)
				}
			}
			one["route_table"], one["gateways"] = text(own.value, "routeTableId"), gateways
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// tlsNames are the parameters by which a database refuses connections without TLS.
var tlsNames = []string{"rds.force_ssl", "require_secure_transport"}

func tlsParameters(ctx context.Context, a *asking, body map[string]any) (any, error) {
	out := map[string]any{}
	take := func(c *call, group string) error {
		found, err := a.every(ctx, c, map[string]any{"name": group}, "Parameters")
		for _, o := range found {
			if name := text(o.value, "ParameterName"); slices.Contains(tlsNames, name) && at(o.value, "ParameterValue") != nil {
				a.note(o)
				out[strings.ReplaceAll(name, ".", "_")] = strings.ToLower(text(o.value, "ParameterValue"))
			}
		}
		return err
	}
	for _, g := range asList(body["DBParameterGroups"]) {
		if err := take(parameters, text(g, "DBParameterGroupName")); err != nil {
			return nil, err
		}
	}
	if group := text(body, "cluster.DBClusterParameterGroup"); group != "" {
		if err := take(clusterParameters, group); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func dataKinds() []record.Kind {
	database := kind("aws_rds_instance", "Database", "Databases", "A database that RDS runs.", "DBInstanceIdentifier",
		shown("DBInstanceIdentifier", "Name"), hidden("DBInstanceArn", record.Text), field("Engine", record.Text, ""), field("EngineVersion", record.Text, "Version"), field("DBInstanceStatus", record.Text, "Status"),
		record.Field{Name: "StorageEncrypted", Type: record.Bool, Title: "Encrypted", Indexed: true}, record.Field{Name: "PubliclyAccessible", Type: record.Bool, Title: "Public", Indexed: true}, hidden("KmsKeyId", record.Text), field("BackupRetentionPeriod", record.Integer, "Backup days"),
		field("MultiAZ", record.Bool, "More than one zone"), field("DeletionProtection", record.Bool, "Protected from deletion"), hidden("DBClusterIdentifier", record.Text), hidden("ReadReplicaSourceDBInstanceIdentifier", record.Text),
		hidden("InstanceCreateTime", record.Time), volatile("LatestRestorableTime", record.Time), tags("TagList", "Key", "Value"),
		object("DBSubnetGroup", field("DBSubnetGroupName", record.Text, ""), field("VpcId", record.Text, ""), objects("Subnets", field("SubnetIdentifier", record.Text, ""))),
		objects("DBParameterGroups", field("DBParameterGroupName", record.Text, ""), field("ParameterApplyStatus", record.Text, "")),
		object("cluster", field("DBClusterIdentifier", record.Text, ""), field("MultiAZ", record.Bool, ""), field("DeletionProtection", record.Bool, ""), field("BackupRetentionPeriod", record.Integer, ""),
			field("StorageEncrypted", record.Bool, ""), field("DBClusterParameterGroup", record.Text, ""), volatile("LatestRestorableTime", record.Time), volatile("EarliestRestorableTime", record.Time)),
		objects("routes", field("subnet", record.Text, ""), field("route_table", record.Text, ""), many(field("gateways", record.Text, ""))),
		record.Field{Name: "parameters", Type: record.Object, Hidden: true, Help: "Those by which connections without TLS are refused.", Fields: []record.Field{
			field("rds_force_ssl", record.Text, ""), field("require_secure_transport", record.Text, "")}},
	)
	database.Views = []record.View{{Name: "data_store", Fields: map[string]string{
		"id": `r.DBInstanceArn`, "name": `r.DBInstanceIdentifier`, "type": `r.Engine`, "encrypted": `r.StorageEncrypted`, "public": `r.PubliclyAccessible`,
		"backup_enabled": `r.BackupRetentionPeriod > 0`, "backup_days": `r.BackupRetentionPeriod`, "deletion_protected": `r.DeletionProtection`,
		"recovery_point": `string(has(r.LatestRestorableTime) ? r.LatestRestorableTime : r.cluster.LatestRestorableTime)`}}}
	key := kind("aws_kms_key", "Encryption key", "Encryption keys", "A key that KMS keeps.", "KeyId",
		shown("KeyId", "Key"), hidden("Arn", record.Text), field("Description", record.Text, ""), shown("KeyState", "State"), shown("KeyManager", "Managed by"), field("KeySpec", record.Text, "Sort"), field("KeyUsage", record.Text, "Use"),
		hidden("Origin", record.Text), hidden("Enabled", record.Bool), field("DeletionDate", record.Time, "Deleted on"), hidden("CreationDate", record.Time), hidden("MultiRegion", record.Bool),
		object("rotation", field("KeyRotationEnabled", record.Bool, ""), field("RotationPeriodInDays", record.Integer, ""), volatile("NextRotationDate", record.Time), field("OnDemandRotationStartDate", record.Time, "")))
	table := kind("aws_dynamodb_table", "Table", "Tables", "A table of DynamoDB.", "TableName",
		shown("TableName", "Name"), hidden("TableArn", record.Text), field("TableStatus", record.Text, "Status"), hidden("CreationDateTime", record.Time), volatile("ItemCount", record.Integer), volatile("TableSizeBytes", record.Integer),
		field("DeletionProtectionEnabled", record.Bool, "Protected from deletion"), object("SSEDescription", field("Status", record.Text, ""), field("SSEType", record.Text, ""), field("KMSMasterKeyArn", record.Text, "")),
		object("ProvisionedThroughput", volatile("LastIncreaseDateTime", record.Time), volatile("LastDecreaseDateTime", record.Time), field("ReadCapacityUnits", record.Integer, ""), field("WriteCapacityUnits", record.Integer, ""), field("NumberOfDecreasesToday", record.Integer, "")),
		object("continuous_backups", field("ContinuousBackupsStatus", record.Text, ""), object("PointInTimeRecoveryDescription", field("PointInTimeRecoveryStatus", record.Text, ""),
			field("RecoveryPeriodInDays", record.Integer, ""), volatile("EarliestRestorableDateTime", record.Time), volatile("LatestRestorableDateTime", record.Time))))
	table.Views = []record.View{{Name: "data_store", Fields: map[string]string{
		"id": `r.TableArn`, "name": `r.TableName`, "type": `"dynamodb table"`, "encrypted": `true`, "public": `false`,
		"recovery_point":     `string(r.continuous_backups.PointInTimeRecoveryDescription.LatestRestorableDateTime)`,
		"backup_enabled":     `r.continuous_backups.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == "ENABLED"`,
		"deletion_protected": `r.DeletionProtectionEnabled`}}}
	delete(table.Views[0].Fields, "public") // a table may have a policy, which is not read
	secret := kind("aws_secretsmanager_secret", "Secret", "Secrets", "A secret that Secrets Manager keeps: its name and age, never its value.", "Name",
		shown("Name", ""), hidden("ARN", record.Text), field("RotationEnabled", record.Bool, "Rotated"), field("LastRotatedDate", record.Time, "Last rotated"), field("LastChangedDate", record.Time, "Last changed"),
		field("CreatedDate", record.Time, "Created"), volatile("LastAccessedDate", record.Time), volatile("NextRotationDate", record.Time), hidden("DeletedDate", record.Time), hidden("KmsKeyId", record.Text), field("OwningService", record.Text, "Kept for"),
		object("RotationRules", field("AutomaticallyAfterDays", record.Integer, "")), tags("Tags", "Key", "Value"))
	vault := kind("aws_backup_vault", "Backup vault", "Backup vaults", "Where recovery points are kept.", "BackupVaultName",
		shown("BackupVaultName", "Name"), hidden("BackupVaultArn", record.Text), field("Locked", record.Bool, ""), field("MinRetentionDays", record.Integer, "Kept at least (days)"), field("MaxRetentionDays", record.Integer, "Kept at most (days)"),
		volatile("NumberOfRecoveryPoints", record.Integer), hidden("CreationDate", record.Time), hidden("LockDate", record.Time), hidden("EncryptionKeyArn", record.Text))
	point := kind("aws_backup_recovery_point", "Recovery point", "Recovery points", "A backup of something, which can be restored.", "RecoveryPointArn",
		hidden("RecoveryPointArn", record.Text), shown("ResourceArn", "Of"), shown("BackupVaultName", "Vault"), field("ResourceType", record.Text, ""), shown("Status", ""), field("CreationDate", record.Time, "Begun"), field("CompletionDate", record.Time, "Done"),
		hidden("IsEncrypted", record.Bool), hidden("SourceBackupVaultArn", record.Text), volatile("LastRestoreTime", record.Time), volatile("IndexStatus", record.Text))
	point.Views = []record.View{{Name: "backup", Fields: map[string]string{
		"id": `r.RecoveryPointArn`, "asset": `r.ResourceArn`, "at": `r.CreationDate`, "ok": `r.Status == "COMPLETED"`}}}
	return []record.Kind{database, key, table, secret, vault, point}
}
