//! Where the package of a request is.

use std::sync::Arc;

use api::{Access, Fault};
use base::Arn;
use bytes::Bytes;

use super::{Lambda, fault};
use crate::code::{Held, OBJECT_BYTES_MAX, PACKAGE_BYTES_MAX};
use crate::port::Trouble;

/// A package, or where it lies.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) operation: &'static str,
    pub(super) zip: Option<&'a Bytes>,
    pub(super) bucket: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) version: Option<&'a str>,
}

impl Source<'_> {
    /// That the caller may read the object: Lambda reads it for the caller.
    pub(super) fn access(&self, lambda: &Lambda) -> Option<Access> {
        let (bucket, key) = self.bucket.zip(self.key)?;
        let action = match self.version {
            Some(_) => "s3:GetObjectVersion",
            None => "s3:GetObject",
        };
        let object = Arn {
            service: "s3".to_owned(),
            region: String::new(),
            account: String::new(),
            resource: format!("{bucket}/{key}"),
        };
        let policy = lambda.functions.ports().objects.policy(bucket);
        Some(Access::new(action, object).with_policy(policy))
    }

    /// Keeps the package.
    pub(super) async fn keep(&self, lambda: &Arc<Lambda>) -> Result<Held, Fault> {
        let bytes = self.read(lambda).await?;
        let kept = lambda.functions.store().put(bytes).await;
        kept.map_err(|error| lambda.told(error))
    }

    async fn read(&self, lambda: &Lambda) -> Result<Bytes, Fault> {
        match (self.zip, self.bucket, self.key) {
            (Some(zip), None, None) => match u64::try_from(zip.len()) {
                Ok(bytes) if bytes <= PACKAGE_BYTES_MAX => Ok(zip.clone()),
                _ => Err(fault::package_too_large(self.operation)),
            },
            (None, Some(bucket), Some(key)) => self.object(lambda, bucket, key).await,
            (None, None, None) => Err(fault::invalid("Please provide a source for function code.")),
            (Some(_), ..) => Err(fault::invalid(
                "Please do not provide other FunctionCode parameters when providing a ZipFile.",
            )),
            (None, ..) => Err(fault::invalid(
                "S3Bucket and S3Key must be provided together.",
            )),
        }
    }

    async fn object(&self, lambda: &Lambda, bucket: &str, key: &str) -> Result<Bytes, Fault> {
        let objects = &lambda.functions.ports().objects;
        let read = objects
            .read(bucket, key, self.version, OBJECT_BYTES_MAX)
            .await;
        read.map_err(|trouble| match trouble {
            Trouble::Passing(text) => {
                Fault::unavailable(format!("The package cannot be read now: {text}"))
            }
            Trouble::Lasting(text) => fault::invalid(format!(
                "Error occurred while GetObject. S3 Error Message: {text}"
            )),
        })
    }
}
