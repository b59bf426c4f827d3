//! The one place where facts become codes on the wire.
//!
//! Codes by the service model; texts are AWS's where they are known (from answers that moto's tests and Terraform issues
//! recorded), and say what is wrong where AWS's do not.

use api::Fault;

use super::Desk;
use crate::bucket;
use crate::engine::Error as Refusal;
use crate::trails::Error;

impl Desk {
    /// A trail's error on the wire.
    pub(super) fn fault(&self, error: Error) -> Fault {
        match error {
            Error::Refused(refusal) => self.refused(refusal),
            Error::Bucket(error) => of_bucket(error),
            Error::NotWritten(_) | Error::NotRead(_) | Error::NoKey(_) | Error::Stopped => {
                let error = crate::trails::shown(&error);
                tracing::error!(error, "an operation of the trail failed");
                Fault::internal()
            }
        }
    }

    fn refused(&self, refusal: Refusal) -> Fault {
        let account = &self.place().account;
        let text = refusal.to_string();
        match refusal {
            Refusal::TrailName { .. } => Fault::sender("InvalidTrailNameException", text),
            Refusal::TrailArn { .. } => Fault::sender("CloudTrailARNInvalidException", text),
            Refusal::TrailNotFound { arn } => Fault::sender(
                "TrailNotFoundException",
                format!("Unknown trail: {arn} for the user: {account}"),
            ),
            Refusal::TrailExists { name } => Fault::sender(
                "TrailAlreadyExistsException",
                format!("Trail {name} already exists for customer: {account}"),
            ),
            Refusal::TooManyTrails { count } => Fault::sender(
                "MaximumNumberOfTrailsExceededException",
                format!(
                    "User: {account} already has {count} trails in {}.",
                    self.place().region
                ),
            ),
            Refusal::BucketName { .. } => Fault::sender("InvalidS3BucketNameException", text),
            Refusal::Prefix { .. } => Fault::sender("InvalidS3PrefixException", text),
            Refusal::Combination { .. } => {
                Fault::sender("InvalidParameterCombinationException", text)
            }
            Refusal::Selectors { .. } => Fault::sender("InvalidEventSelectorsException", text),
            Refusal::Tag { .. } => Fault::sender("InvalidTagParameterException", text),
            Refusal::TooManyTags { .. } => Fault::sender("TagsLimitExceededException", text),
        }
    }
}

fn of_bucket(error: bucket::Error) -> Fault {
    match error {
        bucket::Error::NoBucket { bucket } => Fault::sender(
            "S3BucketDoesNotExistException",
            format!("S3 bucket {bucket} does not exist!"),
        ),
        bucket::Error::NotAllowed { bucket, action, on } => {
            let key = match on.as_str() {
                "" => String::new(),
                key => format!("/{key}"),
            };
            Fault::sender(
                "InsufficientS3BucketPolicyException",
                format!(
                    "Incorrect S3 bucket policy is detected for bucket: {bucket}. It does not allow cloudtrail.amazonaws.com {action} on arn:aws:s3:::{bucket}{key}"
                ),
            )
        }
        bucket::Error::Failed { why } => Fault::unavailable(why),
    }
}
