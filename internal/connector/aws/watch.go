package aws

import (
	"context"
	"errors"
	"strings"

	"tickmark/internal/record"
)

var (
	cloudTrailService = &service{prefix: "cloudtrail", protocol: json11, version: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"}
	configService     = &service{prefix: "config", protocol: json11, version: "StarlingDoveService"}
	guardDutyService  = &service{prefix: "guardduty", protocol: restJSON}
	logsService       = &service{prefix: "logs", protocol: json11, version: "Logs_20140328"}
	cloudWatchService = &service{prefix: "cloudwatch", version: "2010-08-01", host: "monitoring", signs: "monitoring"}

	describeTrails = &call{service: cloudTrailService, op: "DescribeTrails", params: map[string]any{"includeShadowTrails": true}}
	trailStatus    = &call{service: cloudTrailService, op: "GetTrailStatus", params: map[string]any{"Name": "{TrailARN}"}}
	trailSelectors = &call{service: cloudTrailService, op: "GetEventSelectors", params: map[string]any{"TrailName": "{TrailARN}"}}

	describeRecorders = &call{service: configService, op: "DescribeConfigurationRecorders"}
	recorderStatus    = &call{service: configService, op: "DescribeConfigurationRecorderStatus"}

	listDetectors = &call{service: guardDutyService, op: "ListDetectors", path: "/detector", in: "nextToken", out: "nextToken", limit: "maxResults", most: 50}
	getDetector   = &call{service: guardDutyService, op: "GetDetector", path: "/detector/{DetectorId}"}
	listFindings  = &call{service: guardDutyService, op: "ListFindings", method: "POST", path: "/detector/{DetectorId}/findings", in: "nextToken", out: "nextToken", limit: "maxResults", most: 50,
		params: map[string]any{"findingCriteria": map[string]any{"criterion": map[string]any{"severity": map[string]any{"gte": 4}}}}}
	getFindings = &call{service: guardDutyService, op: "GetFindings", method: "POST", path: "/detector/{DetectorId}/findings/get", params: map[string]any{"findingIds": "[ids]"}}

	describeLogGroups = &call{service: logsService, op: "DescribeLogGroups", in: "nextToken", out: "nextToken", limit: "limit", most: 50}
	subscriptions     = &call{service: logsService, op: "DescribeSubscriptionFilters", params: map[string]any{"logGroupName": "{logGroupName}"}, in: "nextToken", out: "nextToken"}
	metricFilters     = &call{service: logsService, op: "DescribeMetricFilters", in: "nextToken", out: "nextToken", limit: "limit", most: 50}

	describeAlarms = &call{service: cloudWatchService, op: "DescribeAlarms", in: "NextToken", out: "NextToken", limit: "MaxRecords", most: 100}
)

var watchLists = []list{
	{kind: "aws_cloudtrail_trail", call: describeTrails, items: "trailList", key: "{TrailARN}", label: "{Name}",
		// A trail is shown in every region that it covers, and one of the organisation in every account: it counts where it is at home.
		keep: func(p place, b map[string]any) bool {
			return text(b, "HomeRegion") == p.region && strings.Contains(text(b, "TrailARN"), ":"+p.account+":")
		},
		parts: []part{
			{name: "status", calls: []*call{trailStatus}, at: "."},
			{name: "selectors", calls: []*call{trailSelectors}, at: "."},
		}},
	{kind: "aws_guardduty_detector", call: listDetectors, items: "detectorIds", wrap: "DetectorId", key: "{account}/{region}/{DetectorId}", label: "{region}", detail: &detail{call: getDetector, at: "."}},
	{kind: "aws_guardduty_finding", call: listFindings, items: "findingIds", wrap: "Id", over: "aws_guardduty_detector", key: "{arn}", label: "{title}",
		detail: &detail{call: getFindings, at: "findings", batch: 50, id: "Id"}},
	{kind: "aws_log_group", call: describeLogGroups, items: "logGroups", key: "arn:{partition}:logs:{region}:{account}:log-group:{logGroupName}", label: "{logGroupName}", parts: []part{
		{name: "subscriptions", calls: []*call{subscriptions}, when: func(b map[string]any) bool { return b["retentionInDays"] != nil },
			read: func(ctx context.Context, a *asking, body map[string]any) (any, error) {
				out := []any{}
				all, told, err := a.visit.every(ctx, a.kind, subscriptions, body, "subscriptionFilters")
				a.told(told)
				for _, o := range all {
					a.note(o)
					out = append(out, o.value)
				}
				return out, err
			}},
	}},
	{kind: "aws_log_metric_filter", call: metricFilters, items: "metricFilters", key: "{account}/{region}/{logGroupName}/{filterName}", label: "{filterName}"},
	{kind: "aws_cloudwatch_alarm", call: describeAlarms, items: "MetricAlarms", key: "{AlarmArn}", label: "{AlarmName}"},
}

// accountTrails are the trails that cover every region of an account, with their state; those of an organisation among them.
func accountTrails(ctx context.Context, a *asking, _ map[string]any) (any, error) {
	all, err := a.every(ctx, describeTrails, nil, "trailList")
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, o := range all {
		if text(o.value, "IsMultiRegionTrail") != "true" {
			continue
		}
		a.note(o)
		trail := clone(o.value).(map[string]any)
		for name, c := range map[string]*call{"status": trailStatus, "selectors": trailSelectors} {
			got, err := a.single(ctx, c, o.value)
			if err != nil {
				return nil, err
			}
			trail[name] = got.value
		}
		out = append(out, trail)
	}
	return out, nil
}

func regionDetectors(ctx context.Context, a *asking, _ map[string]any) (any, error) {
	ids, err := a.every(ctx, listDetectors, nil, "detectorIds")
	out := []any{}
	for _, id := range ids {
		got, err := a.single(ctx, getDetector, map[string]any{"DetectorId": id.value})
		if err != nil {
			return nil, err
		}
		out = append(out, got.value)
	}
	return out, err
}

func regionRecorders(ctx context.Context, a *asking, _ map[string]any) (any, error) {
	recorders, err := a.every(ctx, describeRecorders, nil, "ConfigurationRecorders")
	if err != nil {
		return nil, err
	}
	states, err := a.every(ctx, recorderStatus, nil, "ConfigurationRecordersStatus")
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, o := range recorders {
		a.note(o)
		r, ok := clone(o.value).(map[string]any)
		if !ok {
			return nil, &refusal{call: describeRecorders, where: a.scope(), reason: plain(errors.New("a recorder is not an object"))}
		}
		for _, s := range states {
			if text(s.value, "name") == text(r, "name") {
				a.note(s)
				r["status"] = s.value
			}
		}
		out = append(out, r)
	}
	return out, nil
}

func trailFields() []record.Field {
	return []record.Field{
		shown("Name", ""), hidden("TrailARN", record.Text), field("IsMultiRegionTrail", record.Bool, "All regions"), field("LogFileValidationEnabled", record.Bool, "Files validated"), hidden("HomeRegion", record.Text),
		hidden("IsOrganizationTrail", record.Bool), hidden("IncludeGlobalServiceEvents", record.Bool), field("S3BucketName", record.Text, "Bucket"), hidden("KmsKeyId", record.Text), hidden("CloudWatchLogsLogGroupArn", record.Text),
		object("status", field("IsLogging", record.Bool, ""), field("LatestDeliveryError", record.Text, ""), field("StartLoggingTime", record.Time, ""), field("StopLoggingTime", record.Time, ""),
			volatile("LatestDeliveryTime", record.Time), volatile("LatestNotificationTime", record.Time), volatile("LatestCloudWatchLogsDeliveryTime", record.Time), volatile("LatestDigestDeliveryTime", record.Time),
			volatile("LatestDeliveryAttemptTime", record.Text), volatile("LatestNotificationAttemptTime", record.Text), volatile("LatestNotificationAttemptSucceeded", record.Text), volatile("LatestDeliveryAttemptSucceeded", record.Text),
			field("TimeLoggingStarted", record.Text, ""), field("TimeLoggingStopped", record.Text, "")),
		object("selectors", objects("EventSelectors", field("ReadWriteType", record.Text, ""), field("IncludeManagementEvents", record.Bool, ""), many(field("ExcludeManagementEventSources", record.Text, ""))),
			objects("AdvancedEventSelectors", field("Name", record.Text, ""), objects("FieldSelectors", field("Field", record.Text, ""), many(field("Equals", record.Text, ""))))),
	}
}

func detectorFields() []record.Field {
	return []record.Field{{Name: "DetectorId", Type: record.Text, Hidden: true, Title: "Detector"}, field("status", record.Text, "Status"), hidden("findingPublishingFrequency", record.Text), hidden("createdAt", record.Text), volatile("updatedAt", record.Text)}
}

func watchKinds() []record.Kind {
	trail := kind("aws_cloudtrail_trail", "Trail", "Trails", "A record of what was done in an account.", "Name", trailFields()...)
	detector := kind("aws_guardduty_detector", "Detector", "Detectors", "GuardDuty in a region of an account.", "", detectorFields()...)
	finding := kind("aws_guardduty_finding", "GuardDuty finding", "GuardDuty findings", "Something that GuardDuty saw, of medium severity or more.", "title",
		shown("title", ""), hidden("id", record.Text), hidden("arn", record.Text), shown("type", ""), record.Field{Name: "severity", Type: record.Number, Help: "7 and more is high, 4 and more medium."}, field("createdAt", record.Time, "Seen"), volatile("updatedAt", record.Time),
		object("service", field("archived", record.Bool, ""), volatile("count", record.Integer), volatile("eventLastSeen", record.Text), field("eventFirstSeen", record.Text, "")))
	finding.Views = []record.View{{Name: "alert", Fields: map[string]string{
		"id": `r.id`, "title": `r.title`, "severity": `(r.severity >= 9.0 ? "critical" : r.severity >= 7.0 ? "high" : r.severity >= 4.0 ? "medium" : "low")`, "at": `r.createdAt`}}}
	group := kind("aws_log_group", "Log group", "Log groups", "Logs that CloudWatch keeps.", "logGroupName",
		shown("logGroupName", "Name"), field("retentionInDays", record.Integer, "Kept (days)"), volatile("storedBytes", record.Integer), hidden("creationTime", record.Time), hidden("kmsKeyId", record.Text), hidden("arn", record.Text),
		volatile("metricFilterCount", record.Integer), objects("subscriptions", field("filterName", record.Text, ""), field("filterPattern", record.Text, ""), field("destinationArn", record.Text, "")))
	filter := kind("aws_log_metric_filter", "Metric filter", "Metric filters", "What of a log is counted, so that an alarm can ring.", "filterName",
		shown("filterName", "Name"), field("logGroupName", record.Text, "Log"), field("filterPattern", record.Text, "Counts"), hidden("creationTime", record.Time),
		objects("metricTransformations", field("metricName", record.Text, ""), field("metricNamespace", record.Text, "")))
	alarm := kind("aws_cloudwatch_alarm", "Alarm", "Alarms", "What rings when a figure goes beyond its bounds.", "AlarmName",
		shown("AlarmName", "Name"), hidden("AlarmArn", record.Text), record.Field{Name: "MetricName", Type: record.Text, Indexed: true, Title: "Metric"}, hidden("Namespace", record.Text), field("ActionsEnabled", record.Bool, "Rings"), many(hidden("AlarmActions", record.Text)),
		objects("Dimensions", field("Name", record.Text, ""), field("Value", record.Text, "")), hidden("Threshold", record.Number), volatile("StateValue", record.Text), volatile("StateReason", record.Text), volatile("StateReasonData", record.Text),
		volatile("StateUpdatedTimestamp", record.Text), volatile("StateTransitionedTimestamp", record.Text), hidden("AlarmConfigurationUpdatedTimestamp", record.Text))
	return []record.Kind{trail, detector, finding, group, filter, alarm}
}
