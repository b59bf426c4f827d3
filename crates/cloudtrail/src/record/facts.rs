//! What is known of services and operations: their names in records, whether they only read, which type an ARN is of.
//!
//! Sources: the CloudTrail user guide for `eventSource` and types, the Service Authorization Reference's access levels
//! (Read and List are read-only) for operations whose name does not tell.

use std::borrow::Cow;

use base::Arn;

/// How the verbs begin that only read.
const READING: &[&str] = &[
    "BatchGet", "Check", "Describe", "Discover", "Filter", "Generate", "Get", "Head", "List",
    "Lookup", "Query", "Read", "Search", "Select", "Simulate", "Test", "Validate", "View",
];

/// Operations that only read although their name does not say so, and the other way round.
const EXCEPTIONS: &[(&str, &str, bool)] = &[
    ("sqs", "ReceiveMessage", true),
    ("sts", "AssumeRole", true),
    ("sts", "AssumeRoleWithSAML", true),
    ("sts", "AssumeRoleWithWebIdentity", true),
    ("sts", "DecodeAuthorizationMessage", true),
];

/// Names in records, where they are not `SERVICE.amazonaws.com` or are asked for at every call.
const SOURCES: &[(&str, &str)] = &[
    ("sqs", "sqs.amazonaws.com"),
    ("s3", "s3.amazonaws.com"),
    ("iam", "iam.amazonaws.com"),
    ("sts", "sts.amazonaws.com"),
    ("cloudtrail", "cloudtrail.amazonaws.com"),
    ("cloudwatch", "monitoring.amazonaws.com"),
    ("monitoring", "monitoring.amazonaws.com"),
    // Our own operator's API is no service of AWS, and nobody shall take it for one.
    ("shukuba", "shukuba.internal"),
    // Nobody could tell for whom the call was.
    ("", "shukuba.internal"),
];

/// Services without a region: their records carry that of the partition's leader.
const GLOBAL: &[&str] = &["iam", "sts", "signin"];

/// The region of records of services that have none.
pub const GLOBAL_REGION: &str = "us-east-1";

/// The types of resources by service and the first part of an ARN's resource, the most specific first.
const TYPES: &[(&str, &str, &str)] = &[
    ("iam", "user/", "AWS::IAM::User"),
    ("iam", "group/", "AWS::IAM::Group"),
    ("iam", "role/", "AWS::IAM::Role"),
    ("iam", "policy/", "AWS::IAM::Policy"),
    ("iam", "mfa/", "AWS::IAM::MfaDevice"),
    ("iam", "instance-profile/", "AWS::IAM::InstanceProfile"),
    ("cloudtrail", "trail/", "AWS::CloudTrail::Trail"),
    ("cloudwatch", "alarm:", "AWS::CloudWatch::Alarm"),
    ("cloudwatch", "dashboard/", "AWS::CloudWatch::Dashboard"),
    ("lambda", "function:", "AWS::Lambda::Function"),
    ("ec2", "instance/", "AWS::EC2::Instance"),
    ("ec2", "vpc/", "AWS::EC2::VPC"),
    ("ec2", "security-group/", "AWS::EC2::SecurityGroup"),
    ("events", "rule/", "AWS::Events::Rule"),
    ("logs", "log-group:", "AWS::Logs::LogGroup"),
    ("sqs", "", "AWS::SQS::Queue"),
];

/// The service's name in records, such as `sqs.amazonaws.com`.
#[must_use]
pub fn event_source(service: &str) -> Cow<'static, str> {
    let known = SOURCES.iter().find(|(name, _)| *name == service);
    known.map_or_else(
        || Cow::Owned(format!("{service}.amazonaws.com")),
        |(_, source)| Cow::Borrowed(*source),
    )
}

/// Whether an operation changes nothing.
#[must_use]
pub fn is_read_only(service: &str, operation: &str) -> bool {
    let exception = EXCEPTIONS
        .iter()
        .find(|(of, name, _)| *name == operation && *of == service);
    // Most verbs are told by their first letter already, and this is asked for every call.
    let begins = |verb: &&str| {
        verb.as_bytes().first() == operation.as_bytes().first() && operation.starts_with(*verb)
    };
    match exception {
        Some((_, _, is_read_only)) => *is_read_only,
        None => READING.iter().any(begins),
    }
}

/// Whether the service's records carry [`GLOBAL_REGION`].
#[must_use]
pub fn is_global(service: &str) -> bool {
    GLOBAL.contains(&service)
}

/// The type of what an ARN names, such as `AWS::SQS::Queue`; `None` where it is not known or names many.
#[must_use]
pub fn resource_type(arn: &Arn) -> Option<&'static str> {
    if arn.resource == "*" || arn.resource == "-" {
        return None;
    }
    if arn.service == "s3" {
        let is_object = arn.resource.contains('/');
        return Some(if is_object {
            "AWS::S3::Object"
        } else {
            "AWS::S3::Bucket"
        });
    }
    TYPES
        .iter()
        .find(|(service, begin, _)| arn.service == *service && arn.resource.starts_with(begin))
        .map(|(_, _, name)| *name)
}

/// The name within its account, such as `alice` of `user/staff/alice`; nothing where it is no other than the ARN.
#[must_use]
pub fn short_name(arn: &str) -> Option<&str> {
    let resource = arn.splitn(6, ':').nth(5)?;
    let is_object = arn.starts_with("arn:aws:s3:");
    let name = if is_object {
        resource
    } else {
        resource.rsplit(['/', ':']).next()?
    };
    (!name.is_empty() && name != "*" && name != "-").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_the_names_that_records_use() {
        for (service, source) in [
            ("sqs", "sqs.amazonaws.com"),
            ("cloudwatch", "monitoring.amazonaws.com"),
            ("shukuba", "shukuba.internal"),
            ("lambda", "lambda.amazonaws.com"),
            ("", "shukuba.internal"),
        ] {
            assert_eq!(event_source(service), source);
        }
        assert!(is_global("iam") && is_global("sts") && !is_global("sqs"));
    }

    #[test]
    fn reading_is_told_by_the_verb_or_by_the_list() {
        for (service, operation, expected) in [
            ("sqs", "ListQueues", true),
            ("sqs", "ReceiveMessage", true),
            ("sqs", "SendMessage", false),
            ("sqs", "PurgeQueue", false),
            ("sts", "AssumeRole", true),
            ("iam", "SimulatePrincipalPolicy", true),
            ("iam", "ChangePassword", false),
            ("cloudtrail", "LookupEvents", true),
            ("cloudtrail", "StopLogging", false),
            ("s3", "HeadObject", true),
            ("s3", "PutObject", false),
        ] {
            assert_eq!(is_read_only(service, operation), expected, "{operation}");
        }
    }

    #[test]
    fn arns_have_types_and_short_names() {
        for (arn, kind, name) in [
            (
                "arn:aws:sqs:eu-west-1:123456789012:s2s",
                Some("AWS::SQS::Queue"),
                Some("s2s"),
            ),
            (
                "arn:aws:iam::123456789012:user/staff/alice",
                Some("AWS::IAM::User"),
                Some("alice"),
            ),
            ("arn:aws:s3:::logs", Some("AWS::S3::Bucket"), Some("logs")),
            (
                "arn:aws:s3:::logs/a/b",
                Some("AWS::S3::Object"),
                Some("logs/a/b"),
            ),
            (
                "arn:aws:cloudtrail:eu-west-1:123456789012:trail/main",
                Some("AWS::CloudTrail::Trail"),
                Some("main"),
            ),
            ("arn:aws:iam::123456789012:thing/x", None, Some("x")),
            ("arn:aws:sqs:eu-west-1:123456789012:*", None, None),
        ] {
            assert_eq!(resource_type(&arn.parse().unwrap()), kind, "{arn}");
            assert_eq!(short_name(arn), name, "{arn}");
        }
    }
}
