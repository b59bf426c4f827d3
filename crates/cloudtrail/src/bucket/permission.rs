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
