//! The services of the platform as reports name them, with their actions.

use api::AnyOperation;

use crate::Iam;

/// A service as reports name it.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Before the colon of its actions, such as `sqs`.
    pub namespace: &'static str,
    /// As AWS calls it.
    pub name: &'static str,
    actions: &'static [&'static str],
    operations: &'static [&'static dyn AnyOperation<Iam>],
}

impl Known {
    const fn of(
        namespace: &'static str,
        name: &'static str,
        actions: &'static [&'static str],
    ) -> Self {
        Self {
            namespace,
            name,
            actions,
            operations: &[],
        }
    }

    /// Its actions without namespace, such as `SendMessage`.
    pub fn actions(&self) -> impl Iterator<Item = &'static str> {
        let spoken = self.operations.iter().map(|operation| operation.name());
        self.actions.iter().copied().chain(spoken)
    }
}

/// The services of the platform, by namespace. Names and actions are those of the Service Authorization Reference; of S3's
/// actions those that its operations here ask for.
pub static KNOWN: &[Known] = &[
    Known {
        operations: crate::analyzer::OPERATIONS,
        ..Known::of("access-analyzer", "AWS IAM Access Analyzer", &[])
    },
    Known::of(
        "cloudtrail",
        "AWS CloudTrail",
        &[
            "AddTags",
            "CreateTrail",
            "DeleteTrail",
            "DescribeTrails",
            "GetEventSelectors",
            "GetInsightSelectors",
            "GetTrail",
            "GetTrailStatus",
            "ListPublicKeys",
            "ListTags",
            "ListTrails",
            "LookupEvents",
            "PutEventSelectors",
            "RemoveTags",
            "StartLogging",
            "StopLogging",
            "UpdateTrail",
        ],
    ),
    Known::of(
        "cloudwatch",
        "Amazon CloudWatch",
        &[
            "DeleteAlarmMuteRule",
            "DeleteAlarms",
            "DeleteAnomalyDetector",
            "DeleteDashboards",
            "DescribeAlarmContributors",
            "DescribeAlarmHistory",
            "DescribeAlarms",
            "DescribeAlarmsForMetric",
            "DescribeAnomalyDetectors",
            "DisableAlarmActions",
            "EnableAlarmActions",
            "GetAlarmMuteRule",
            "GetDashboard",
            "GetMetricData",
            "GetMetricStatistics",
            "GetMetricWidgetImage",
            "ListAlarmMuteRules",
            "ListDashboards",
            "ListMetrics",
            "ListTagsForResource",
            "PutAlarmMuteRule",
            "PutAnomalyDetector",
            "PutCompositeAlarm",
            "PutDashboard",
            "PutMetricAlarm",
            "PutMetricData",
            "SetAlarmState",
            "TagResource",
            "UntagResource",
        ],
    ),
    Known::of(
        "ec2",
        "Amazon EC2",
        &[
            "AcceptVpcPeeringConnection",
            "AssociateRouteTable",
            "AttachClassicLinkVpc",
            "AuthorizeSecurityGroupEgress",
            "AuthorizeSecurityGroupIngress",
            "CreateRoute",
            "CreateRouteTable",
            "CreateSecurityGroup",
            "CreateSubnet",
            "CreateTags",
            "CreateVpc",
            "CreateVpcPeeringConnection",
            "DeleteRoute",
            "DeleteRouteTable",
            "DeleteSecurityGroup",
            "DeleteSubnet",
            "DeleteTags",
            "DeleteVpc",
            "DeleteVpcPeeringConnection",
            "DescribeAccountAttributes",
            "DescribeAvailabilityZones",
            "DescribeClassicLinkInstances",
            "DescribeInstanceAttribute",
            "DescribeInstanceStatus",
            "DescribeInstanceTypes",
            "DescribeInstances",
            "DescribeNetworkAcls",
            "DescribeNetworkInterfaces",
            "DescribeRegions",
            "DescribeRouteTables",
            "DescribeSecurityGroupRules",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeTags",
            "DescribeVpcAttribute",
            "DescribeVpcClassicLink",
            "DescribeVpcClassicLinkDnsSupport",
            "DescribeVpcPeeringConnections",
            "DescribeVpcs",
            "DetachClassicLinkVpc",
            "DisableVpcClassicLink",
            "DisableVpcClassicLinkDnsSupport",
            "DisassociateRouteTable",
            "EnableVpcClassicLink",
            "EnableVpcClassicLinkDnsSupport",
            "ModifyInstanceAttribute",
            "ModifySecurityGroupRules",
            "ModifySubnetAttribute",
            "ModifyVpcAttribute",
            "ModifyVpcPeeringConnectionOptions",
            "MonitorInstances",
            "RebootInstances",
            "RejectVpcPeeringConnection",
            "ReplaceRoute",
            "ReplaceRouteTableAssociation",
            "RevokeSecurityGroupEgress",
            "RevokeSecurityGroupIngress",
            "RunInstances",
            "StartInstances",
            "StopInstances",
            "TerminateInstances",
            "UnmonitorInstances",
            "UpdateSecurityGroupRuleDescriptionsEgress",
            "UpdateSecurityGroupRuleDescriptionsIngress",
        ],
    ),
    Known {
        operations: crate::ops::OPERATIONS,
        ..Known::of("iam", "AWS Identity and Access Management", &[])
    },
    Known::of(
        "s3",
        "Amazon S3",
        &[
            "AbortMultipartUpload",
            "CreateBucket",
            "DeleteBucket",
            "DeleteBucketPolicy",
            "DeleteObject",
            "DeleteObjectTagging",
            "GetBucketAcl",
            "GetBucketLocation",
            "GetBucketPolicy",
            "GetBucketTagging",
            "GetLifecycleConfiguration",
            "GetObject",
            "GetObjectAttributes",
            "GetObjectTagging",
            "ListAllMyBuckets",
            "ListBucket",
            "ListBucketMultipartUploads",
            "ListMultipartUploadParts",
            "PutBucketPolicy",
            "PutBucketTagging",
            "PutLifecycleConfiguration",
            "PutObject",
            "PutObjectTagging",
        ],
    ),
    Known::of("shukuba", "Shukuba", &["TakeFromRoute"]),
    Known::of(
        "sqs",
        "Amazon SQS",
        &[
            "AddPermission",
            "CancelMessageMoveTask",
            "ChangeMessageVisibility",
            "CreateQueue",
            "DeleteMessage",
            "DeleteQueue",
            "GetQueueAttributes",
            "GetQueueUrl",
            "ListDeadLetterSourceQueues",
            "ListMessageMoveTasks",
            "ListQueueTags",
            "ListQueues",
            "PurgeQueue",
            "ReceiveMessage",
            "RemovePermission",
            "SendMessage",
            "SetQueueAttributes",
            "StartMessageMoveTask",
            "TagQueue",
            "UntagQueue",
        ],
    ),
    Known::of(
        "sts",
        "AWS Security Token Service",
        &[
            "AssumeRole",
            "DecodeAuthorizationMessage",
            "GetAccessKeyInfo",
            "GetCallerIdentity",
            "GetFederationToken",
            "GetSessionToken",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_and_actions_are_there_once_in_order() {
        assert!(KNOWN.is_sorted_by_key(|known| known.namespace));
        for known in KNOWN {
            let actions: Vec<_> = known.actions().collect();
            let is_strict = actions.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(is_strict && !actions.is_empty(), "{}", known.namespace);
        }
    }
}
