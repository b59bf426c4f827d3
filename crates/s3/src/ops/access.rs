//! What each operation needs, and how it is recorded: one table.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; CloudTrail's data events by
//! "Amazon S3 CloudTrail events".

use api::Audit;
use base::Arn;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
use policy::Context;

use super::convert;

use Audit::{Data, Management};
use On::{All, Bucket, Each, Object};

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// All buckets.
    All,
    /// The bucket in its path.
    Bucket,
    /// The object in its path.
    Object,
    /// Each object in its body; decided when that has been read.
    Each,
}

/// An operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// As s3s and CloudTrail name it.
    pub(super) name: &'static str,
    /// What must be allowed.
    pub(super) action: &'static str,
    /// On what.
    pub(super) on: On,
    /// How it is recorded.
    pub(super) audit: Audit,
}

const fn line(name: &'static str, action: &'static str, on: On, audit: Audit) -> Line {
    Line {
        name,
        action,
        on,
        audit,
    }
}

/// All operations that there are here, by name.
pub(super) const LINES: &[Line] = &[
    line(
        "AbortMultipartUpload",
        "s3:AbortMultipartUpload",
        Object,
        Data,
    ),
    line("CompleteMultipartUpload", "s3:PutObject", Object, Data),
    line("CopyObject", "s3:PutObject", Object, Data),
    line("CreateBucket", "s3:CreateBucket", Bucket, Management),
    line("CreateMultipartUpload", "s3:PutObject", Object, Data),
    line("DeleteBucket", "s3:DeleteBucket", Bucket, Management),
    line("DeleteBucketCors", "s3:PutBucketCORS", Bucket, Management),
    line(
        "DeleteBucketEncryption",
        "s3:PutEncryptionConfiguration",
        Bucket,
        Management,
    ),
    line(
        "DeleteBucketLifecycle",
        "s3:PutLifecycleConfiguration",
        Bucket,
        Management,
    ),
    line(
        "DeleteBucketOwnershipControls",
        "s3:PutBucketOwnershipControls",
        Bucket,
        Management,
    ),
    line(
        "DeleteBucketPolicy",
        "s3:DeleteBucketPolicy",
        Bucket,
        Management,
    ),
    line(
        "DeleteBucketReplication",
        "s3:PutReplicationConfiguration",
        Bucket,
        Management,
    ),
    line(
        "DeleteBucketTagging",
        "s3:PutBucketTagging",
        Bucket,
        Management,
    ),
    line(
        "DeleteBucketWebsite",
        "s3:DeleteBucketWebsite",
        Bucket,
        Management,
    ),
    line("DeleteObject", "s3:DeleteObject", Object, Data),
    line(
        "DeleteObjectTagging",
        "s3:DeleteObjectTagging",
        Object,
        Data,
    ),
    line("DeleteObjects", "s3:DeleteObject", Each, Data),
    line(
        "DeletePublicAccessBlock",
        "s3:PutBucketPublicAccessBlock",
        Bucket,
        Management,
    ),
    line(
        "GetBucketAccelerateConfiguration",
        "s3:GetAccelerateConfiguration",
        Bucket,
        Management,
    ),
    line("GetBucketAcl", "s3:GetBucketAcl", Bucket, Management),
    line("GetBucketCors", "s3:GetBucketCORS", Bucket, Management),
    line(
        "GetBucketEncryption",
        "s3:GetEncryptionConfiguration",
        Bucket,
        Management,
    ),
    line(
        "GetBucketLifecycleConfiguration",
        "s3:GetLifecycleConfiguration",
        Bucket,
        Management,
    ),
    line(
        "GetBucketLocation",
        "s3:GetBucketLocation",
        Bucket,
        Management,
    ),
    line(
        "GetBucketLogging",
        "s3:GetBucketLogging",
        Bucket,
        Management,
    ),
    line(
        "GetBucketNotificationConfiguration",
        "s3:GetBucketNotification",
        Bucket,
        Management,
    ),
    line(
        "GetBucketOwnershipControls",
        "s3:GetBucketOwnershipControls",
        Bucket,
        Management,
    ),
    line("GetBucketPolicy", "s3:GetBucketPolicy", Bucket, Management),
    line(
        "GetBucketPolicyStatus",
        "s3:GetBucketPolicyStatus",
        Bucket,
        Management,
    ),
    line(
        "GetBucketReplication",
        "s3:GetReplicationConfiguration",
        Bucket,
        Management,
    ),
    line(
        "GetBucketRequestPayment",
        "s3:GetBucketRequestPayment",
        Bucket,
        Management,
    ),
    line(
        "GetBucketTagging",
        "s3:GetBucketTagging",
        Bucket,
        Management,
    ),
    line(
        "GetBucketVersioning",
        "s3:GetBucketVersioning",
        Bucket,
        Management,
    ),
    line(
        "GetBucketWebsite",
        "s3:GetBucketWebsite",
        Bucket,
        Management,
    ),
    line("GetObject", "s3:GetObject", Object, Data),
    line("GetObjectAcl", "s3:GetObjectAcl", Object, Data),
    line("GetObjectAttributes", "s3:GetObject", Object, Data),
    line(
        "GetObjectLockConfiguration",
        "s3:GetBucketObjectLockConfiguration",
        Bucket,
        Management,
    ),
    line("GetObjectTagging", "s3:GetObjectTagging", Object, Data),
    line(
        "GetPublicAccessBlock",
        "s3:GetBucketPublicAccessBlock",
        Bucket,
        Management,
    ),
    line("HeadBucket", "s3:ListBucket", Bucket, Data),
    line("HeadObject", "s3:GetObject", Object, Data),
    line("ListBuckets", "s3:ListAllMyBuckets", All, Management),
    line(
        "ListMultipartUploads",
        "s3:ListBucketMultipartUploads",
        Bucket,
        Data,
    ),
    line("ListObjectVersions", "s3:ListBucketVersions", Bucket, Data),
    line("ListObjects", "s3:ListBucket", Bucket, Data),
    line("ListObjectsV2", "s3:ListBucket", Bucket, Data),
    line("ListParts", "s3:ListMultipartUploadParts", Object, Data),
    line(
        "PutBucketAccelerateConfiguration",
        "s3:PutAccelerateConfiguration",
        Bucket,
        Management,
    ),
    line("PutBucketAcl", "s3:PutBucketAcl", Bucket, Management),
    line(
        "PutBucketLifecycleConfiguration",
        "s3:PutLifecycleConfiguration",
        Bucket,
        Management,
    ),
    line(
        "PutBucketLogging",
        "s3:PutBucketLogging",
        Bucket,
        Management,
    ),
    line(
        "PutBucketNotificationConfiguration",
        "s3:PutBucketNotification",
        Bucket,
        Management,
    ),
    line(
        "PutBucketOwnershipControls",
        "s3:PutBucketOwnershipControls",
        Bucket,
        Management,
    ),
    line("PutBucketPolicy", "s3:PutBucketPolicy", Bucket, Management),
    line(
        "PutBucketRequestPayment",
        "s3:PutBucketRequestPayment",
        Bucket,
        Management,
    ),
    line(
        "PutBucketTagging",
        "s3:PutBucketTagging",
        Bucket,
        Management,
    ),
    line(
        "PutBucketVersioning",
        "s3:PutBucketVersioning",
        Bucket,
        Management,
    ),
    line("PutObject", "s3:PutObject", Object, Data),
    line("PutObjectAcl", "s3:PutObjectAcl", Object, Data),
    line("PutObjectTagging", "s3:PutObjectTagging", Object, Data),
    line(
        "PutPublicAccessBlock",
        "s3:PutBucketPublicAccessBlock",
        Bucket,
        Management,
    ),
    line("UploadPart", "s3:PutObject", Object, Data),
    line("UploadPartCopy", "s3:PutObject", Object, Data),
];

/// The line of an operation.
pub(super) fn find(name: &str) -> Option<&'static Line> {
    let at = LINES.binary_search_by(|line| line.name.cmp(name));
    at.ok().and_then(|at| LINES.get(at))
}

/// A bucket, such as `arn:aws:s3:::b`, or one of its objects, `arn:aws:s3:::b/k`; without both, all.
pub(super) fn resource(bucket: Option<&str>, key: Option<&str>) -> Arn {
    let resource = match (bucket, key) {
        (Some(bucket), Some(key)) => format!("{bucket}/{key}"),
        (Some(bucket), None) => bucket.to_owned(),
        (None, _) => "*".to_owned(),
    };
    Arn {
        service: "s3".to_owned(),
        region: String::new(),
        account: String::new(),
        resource,
    }
}

/// What the head of a request says that policies may ask for.
///
/// Source: Service Authorization Reference, "Condition keys for Amazon S3".
pub(super) fn context(headers: &HeaderMap, uri: &Uri) -> Context {
    let mut context = Context::new();
    for (header, key) in IN_HEADERS {
        if let Some(value) = headers.get(*header).and_then(|value| value.to_str().ok()) {
            context.set(key, value);
        }
    }
    for pair in uri.query().unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let Some((_, key)) = IN_QUERY.iter().find(|(known, _)| *known == name) {
            context.set(key, decoded(value));
        }
    }
    let kind = match headers.contains_key(AUTHORIZATION) {
        true => Some("REST-HEADER"),
        false => is_presigned(uri).then_some("REST-QUERY-STRING"),
    };
    if let Some(kind) = kind {
        context.set("s3:authType", kind);
        context.set("s3:signatureversion", "AWS4-HMAC-SHA256");
    }
    let tags = headers
        .get("x-amz-tagging")
        .and_then(|value| value.to_str().ok());
    let tags = convert::header_tags(tags);
    for tag in &tags {
        context.set(
            &format!("s3:RequestObjectTag/{}", tag.key),
            tag.value.clone(),
        );
    }
    if !tags.is_empty() {
        context.set_many(
            "s3:RequestObjectTagKeys",
            tags.into_iter().map(|tag| tag.key),
        );
    }
    context
}

const IN_HEADERS: &[(&str, &str)] = &[
    ("x-amz-acl", "s3:x-amz-acl"),
    ("x-amz-content-sha256", "s3:x-amz-content-sha256"),
    ("x-amz-copy-source", "s3:x-amz-copy-source"),
    ("x-amz-metadata-directive", "s3:x-amz-metadata-directive"),
    ("x-amz-storage-class", "s3:x-amz-storage-class"),
    ("if-match", "s3:if-match"),
    ("if-none-match", "s3:if-none-match"),
];
const IN_QUERY: &[(&str, &str)] = &[
    ("prefix", "s3:prefix"),
    ("delimiter", "s3:delimiter"),
    ("max-keys", "s3:max-keys"),
    ("versionId", "s3:VersionId"),
];

fn is_presigned(uri: &Uri) -> bool {
    uri.query()
        .is_some_and(|query| query.contains("X-Amz-Signature="))
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_encoding::percent_decode_str(&text)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_found() {
        assert!(LINES.is_sorted_by(|a, b| a.name < b.name));
        assert!(LINES.iter().all(|line| find(line.name).is_some()));
        assert!(find("SelectObjectContent").is_none());
    }

    #[test]
    fn resources_are_named_as_policies_name_them() {
        let shown = |bucket, key| resource(bucket, key).to_string();
        assert_eq!(shown(Some("b"), Some("a/k")), "arn:aws:s3:::b/a/k");
        assert_eq!(shown(Some("b"), None), "arn:aws:s3:::b");
        assert_eq!(shown(None, None), "arn:aws:s3:::*");
    }
}
