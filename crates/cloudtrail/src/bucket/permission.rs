//! Whether a bucket's policy lets the trail in.
//!
//! Source: CloudTrail user guide, S3 bucket policy for CloudTrail: `s3:GetBucketAcl` on the bucket, and `s3:PutObject` on
//! its keys where `s3:x-amz-acl` is `bucket-owner-full-control`; `aws:SourceArn` is the trail.

use policy::{Context, Document, Kind, Policies, Principal, Request, decide};

use super::Error;

/// Who asks, for which trail.
#[derive(Clone, Copy, Debug)]
pub struct Permission<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The trail's ARN.
    pub trail: &'a str,
    /// The account of trail and bucket.
    pub account: &'a str,
}

const SERVICE: &str = "cloudtrail.amazonaws.com";

impl Permission<'_> {
    /// Whether `policy` allows to read the bucket's access list and to put each of `keys`.
    ///
    /// # Errors
    /// [`Error::NotAllowed`]: what it does not allow.
    pub fn check<'k>(
        &self,
        policy: Option<&str>,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> Result<(), Error> {
        let document = policy.and_then(|text| Document::parse(text, Kind::Resource).ok());
        self.ask(document.as_ref(), "s3:GetBucketAcl", "")?;
        keys.into_iter()
            .try_for_each(|key| self.ask(document.as_ref(), "s3:PutObject", key))
    }

    fn ask(&self, policy: Option<&Document>, action: &'static str, key: &str) -> Result<(), Error> {
        let mut facts = Context::new();
        facts.set("aws:SourceArn", self.trail);
        facts.set("aws:SourceAccount", self.account);
        facts.set("aws:PrincipalIsAWSService", "true");
        facts.set("aws:PrincipalServiceName", SERVICE);
        facts.set("aws:SecureTransport", "true");
        let mut resource = format!("arn:aws:s3:::{}", self.bucket);
        if !key.is_empty() {
            facts.set("s3:x-amz-acl", "bucket-owner-full-control");
            resource = format!("{resource}/{key}");
        }
        let request = Request {
            principal: Principal::Service { name: SERVICE },
            action,
            resource: &resource,
            resource_account: self.account,
            facts: &facts,
        };
        let policies = Policies {
            resource: policy,
            ..Policies::default()
        };
        match decide(&request, &policies).is_allowed() {
            true => Ok(()),
            false => Err(Error::NotAllowed {
                bucket: self.bucket.to_owned(),
                action,
                on: key.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERMISSION: Permission<'_> = Permission {
        bucket: "bucket-1",
        trail: "arn:aws:cloudtrail:eu-west-1:123456789012:trail/main",
        account: "123456789012",
    };
    const KEY: &str = "my-prefix/AWSLogs/123456789012/CloudTrail/eu-west-1/x.json.gz";

    /// The policy of the user guide, "Example bucket policy with service principal name".
    const GUIDE: &str = r#"{
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AWSCloudTrailAclCheck20150319",
                "Effect": "Allow",
                "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": "s3:GetBucketAcl",
                "Resource": "arn:aws:s3:::bucket-1"
            },
            {
                "Sid": "AWSCloudTrailWrite20150319",
                "Effect": "Allow",
                "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": "arn:aws:s3:::bucket-1/my-prefix/AWSLogs/123456789012/*",
                "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
            }
        ]
    }"#;

    fn check(policy: Option<&str>) -> Result<(), Error> {
        PERMISSION.check(policy, [KEY])
    }

    #[test]
    fn the_policy_of_the_guide_lets_the_trail_in() {
        assert_eq!(check(Some(GUIDE)), Ok(()));
        let of_this_trail = GUIDE.replace(
            r#""StringEquals": {"#,
            r#""StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:eu-west-1:123456789012:trail/main", "#,
        );
        assert_eq!(check(Some(&of_this_trail)), Ok(()));
    }

    #[test]
    fn what_it_does_not_allow_is_said() {
        let why = |policy: Option<&str>| check(policy).unwrap_err().to_string();
        assert!(why(None).contains("s3:GetBucketAcl"));
        assert!(why(Some("{")).contains("s3:GetBucketAcl"));
        assert!(
            why(Some(
                &GUIDE.replace("s3:GetBucketAcl", "s3:GetBucketTagging")
            ))
            .contains("s3:GetBucketAcl")
        );
        for (from, to) in [
            ("my-prefix", "other"),
            ("123456789012", "210987654321"),
            ("bucket-owner-full-control", "private"),
            ("s3:PutObject", "s3:PutObjectAcl"),
            (
                r#""StringEquals": {"#,
                r#""StringEquals": {"aws:SourceArn": "arn:aws:cloudtrail:eu-west-1:123456789012:trail/other", "#,
            ),
        ] {
            let why = why(Some(&GUIDE.replace(from, to)));
            assert!(
                why.contains("s3:PutObject on") && why.contains(KEY),
                "{from}: {why}"
            );
        }
        let other_service = GUIDE.replace("cloudtrail.amazonaws.com", "config.amazonaws.com");
        assert!(why(Some(&other_service)).contains("cloudtrail.amazonaws.com s3:GetBucketAcl"));
        let denied = GUIDE.replace(
            r#""Statement": ["#,
            r#""Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"},"#,
        );
        assert!(why(Some(&denied)).contains("s3:PutObject"));
    }
}
