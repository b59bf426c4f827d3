//! Copies of objects and of parts.

use s3s::{S3Request, dto};

use super::convert::{self, about, with_sums};
use super::{Calls, object};
use crate::error::Error;
use crate::objects::{Copy, From, Matches, ReadConditions, Select};

/// What is copied, once the caller may read it.
macro_rules! from {
    ($calls:expr, $input:expr, $select:expr) => {{
        let conditions = ReadConditions {
            matches: convert::matches(
                $input.copy_source_if_match.take(),
                $input.copy_source_if_none_match.take(),
            ),
            modified_since: $input
                .copy_source_if_modified_since
                .as_ref()
                .and_then(convert::from_time),
            unmodified_since: $input
                .copy_source_if_unmodified_since
                .as_ref()
                .and_then(convert::from_time),
        };
        source($calls, &$input.copy_source, $select, conditions)?
    }};
}

fn source(
    calls: &Calls,
    source: &dto::CopySource,
    select: Select,
    conditions: ReadConditions,
) -> Result<From, Error> {
    let dto::CopySource::Bucket {
        bucket,
        key,
        version_id,
    } = source
    else {
        return Err(Error::Unsupported(
            "access points are not there; name a bucket and a key".to_owned(),
        ));
    };
    if let Some(version) = version_id.as_deref().filter(|version| *version != "null") {
        return Err(Error::VersionNotFound {
            version: version.chars().take(128).collect(),
        });
    }
    calls.decide("s3:GetObject", Some(bucket), Some(key))?;
    Ok(From {
        bucket: bucket.to_string(),
        key: key.to_string(),
        select,
        conditions,
    })
}

pub(super) async fn copy_object(
    calls: &Calls,
    request: S3Request<dto::CopyObjectInput>,
) -> Result<dto::CopyObjectOutput, Error> {
    let mut input = request.input;
    let from = from!(calls, input, Select::Whole);
    let metadata = input
        .metadata_directive
        .as_ref()
        .map(dto::MetadataDirective::as_str);
    let about = directive("x-amz-metadata-directive", metadata)?.then(|| about!(input));
    let tagging = input
        .tagging_directive
        .as_ref()
        .map(dto::TaggingDirective::as_str);
    let tags = directive("x-amz-tagging-directive", tagging)?
        .then(|| convert::header_tags(input.tagging.as_deref()));
    if tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
        calls.decide("s3:PutObjectTagging", Some(&input.bucket), Some(&input.key))?;
    }
    let algorithm = input.checksum_algorithm.as_ref();
    let algorithm = algorithm
        .map(|name| convert::algorithm(name.as_str()))
        .transpose()?;
    let copy = Copy {
        about,
        tags,
        algorithm,
        matches: write_matches(&request.headers)?,
    };
    let source_bucket = from.bucket.clone();
    let copied = calls
        .objects
        .copy(&input.bucket, &input.key, from, copy)
        .await;
    let object = copied.map_err(|error| calls.missing(&source_bucket, error))?;
    let mut result = dto::CopyObjectResult {
        checksum_type: convert::sum_kind(object.sum.as_ref()),
        e_tag: Some(convert::etag(&object.etag)),
        last_modified: Some(convert::time(object.modified)),
        ..Default::default()
    };
    with_sums!(&mut result, object.sum.as_ref());
    Ok(dto::CopyObjectOutput {
        copy_object_result: Some(result),
        expiration: object::expiration(calls, &input.bucket, &input.key, &object).await,
        ..Default::default()
    })
}

/// `If-Match` and `If-None-Match` of the copy, which s3s's input does not have yet.
fn write_matches(headers: &http::HeaderMap) -> Result<Matches, Error> {
    let read = |name: &'static str| {
        let value = headers.get(name).map(http::HeaderValue::as_bytes);
        let parsed = value.map(dto::ETagCondition::parse_http_header).transpose();
        parsed.map_err(|_| Error::argument(name, "is neither an ETag in quotes nor `*`"))
    };
    Ok(convert::matches(read("if-match")?, read("if-none-match")?))
}

/// Whether what the request says takes the place of what the source has.
fn directive(name: &'static str, said: Option<&str>) -> Result<bool, Error> {
    match said {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(_) => Err(Error::argument(name, "is neither COPY nor REPLACE")),
    }
}

pub(super) async fn upload_part_copy(
    calls: &Calls,
    request: S3Request<dto::UploadPartCopyInput>,
) -> Result<dto::UploadPartCopyOutput, Error> {
    let mut input = request.input;
    let number = convert::part_number(input.part_number)?;
    let select = match input.copy_source_range.as_deref() {
        None => Select::Whole,
        Some(text) => source_range(text)?,
    };
    let from = from!(calls, input, select);
    let source_bucket = from.bucket.clone();
    let copied = calls
        .objects
        .copy_part(&input.bucket, &input.key, &input.upload_id, number, from)
        .await;
    let piece = copied.map_err(|error| calls.missing(&source_bucket, error))?;
    let mut result = dto::CopyPartResult {
        e_tag: Some(convert::etag(&piece.etag)),
        last_modified: Some(convert::time(piece.modified)),
        ..Default::default()
    };
    with_sums!(&mut result, piece.sum.as_ref());
    Ok(dto::UploadPartCopyOutput {
        copy_part_result: Some(result),
        ..Default::default()
    })
}

fn source_range(text: &str) -> Result<Select, Error> {
    match dto::Range::parse(text) {
        Ok(dto::Range::Int {
            first,
            last: Some(last),
        }) => Ok(Select::From(first, Some(last))),
        _ => Err(Error::argument(
            "x-amz-copy-source-range",
            "is not of the form bytes=first-last",
        )),
    }
}
