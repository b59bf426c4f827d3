//! The record of one call, as it lies in the spool, in log files and in answers to lookups.
//!
//! # Format
//! One JSON object without white space between its members, in the form of CloudTrail's record version 1.11:
//! ```json
//! {"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDA…","arn":"arn:aws:iam::123456789012:user/alice",
//!  "accountId":"123456789012","accessKeyId":"AKIA…","userName":"alice"},"eventTime":"2026-11-29T06:32:10Z",
//!  "eventSource":"sqs.amazonaws.com","eventName":"CreateQueue","awsRegion":"ap-northeast-1","sourceIPAddress":"127.0.0.1",
//!  "userAgent":"aws-cli/2","requestParameters":{"queueName":"s2s"},"responseElements":null,"requestID":"…","eventID":"…",
//!  "readOnly":false,"resources":[{"ARN":"arn:aws:sqs:…:s2s","accountId":"123456789012","type":"AWS::SQS::Queue"}],
//!  "eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"123456789012","eventCategory":"Management"}
//! ```
//! INVARIANT: nothing of [`redact::MEMBERS`] and no query string of a URL stands in it, and it is no longer than
//! [`EVENT_BYTES_MAX`].
//!
//! Source: CloudTrail user guide, record contents and userIdentity.

pub mod attributes;
mod build;
pub mod facts;
mod object;
mod parameters;
pub mod redact;

pub use attributes::{Attributes, Named};
pub use build::{Place, event, service_event};

/// The most bytes of a record. Source: CloudTrail quotas, event size.
pub const EVENT_BYTES_MAX: usize = 256 << 10;

/// The most bytes of `requestParameters`, and of `responseElements`; what is larger is left out and said to be.
/// Source: CloudTrail user guide, record contents.
pub const PARAMETERS_BYTES_MAX: usize = 100 << 10;

/// The most bytes of `errorMessage` and `userAgent`. Source: CloudTrail user guide, record contents.
pub const TEXT_BYTES_MAX: usize = 1 << 10;

/// The most resources that a record names. Chosen: batches touch one queue, and no call touches more than a few.
pub const RESOURCES_MAX: usize = 32;

#[cfg(test)]
mod tests;
