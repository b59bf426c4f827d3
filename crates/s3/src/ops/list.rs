//! Listings of objects.

use s3s::{S3Request, dto};

use super::bucket::{decoded, encoded};
use super::{Calls, convert};
use crate::error::Error;
use crate::objects::{Page, Paging};
use crate::rows::Object;

pub(super) async fn list_objects(
    calls: &Calls,
    request: S3Request<dto::ListObjectsInput>,
) -> Result<dto::ListObjectsOutput, Error> {
    let input = request.input;
    let encoding = input.encoding_type;
    convert::check_encoding(encoding.as_ref())?;
    let max = convert::page_size("max-keys", input.max_keys)?;
    let paging = Paging {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: input.marker.clone().filter(|marker| !marker.is_empty()),
        max,
    };
    let page = calls.objects.list(&input.bucket, paging).await?;
    let shown = |text: String| convert::shown(text, encoding.as_ref());
    let next = page.next.clone();
    // Without a delimiter the last key says where to go on.
    let next_marker = next.clone().filter(|_| input.delimiter.is_some());
    let owner = Some(calls.owner());
    Ok(dto::ListObjectsOutput {
        is_truncated: Some(next.is_some()),
        common_prefixes: Some(common_prefixes(&page, shown)),
        contents: Some(contents(page, owner.as_ref(), shown)),
        name: Some(input.bucket),
        prefix: Some(shown(input.prefix.unwrap_or_default())),
        marker: Some(shown(input.marker.unwrap_or_default())),
        max_keys: convert::count(max),
        delimiter: input.delimiter.map(shown),
        next_marker: next_marker.map(shown),
        encoding_type: encoding.clone(),
        request_charged: None,
    })
}

pub(super) async fn list_objects_v2(
    calls: &Calls,
    request: S3Request<dto::ListObjectsV2Input>,
) -> Result<dto::ListObjectsV2Output, Error> {
    let input = request.input;
    let encoding = input.encoding_type;
    convert::check_encoding(encoding.as_ref())?;
    let max = convert::page_size("max-keys", input.max_keys)?;
    let wrong = || {
        Error::argument(
            "continuation-token",
            "The continuation token provided is incorrect",
        )
    };
    let went = match input.continuation_token.as_deref() {
        None => None,
        Some(token) => Some(
            decoded(token)
                .filter(|key| !key.is_empty())
                .ok_or_else(wrong)?,
        ),
    };
    let paging = Paging {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: went
            .or_else(|| input.start_after.clone())
            .filter(|key| !key.is_empty()),
        max,
    };
    let page = calls.objects.list(&input.bucket, paging).await?;
    let shown = |text: String| convert::shown(text, encoding.as_ref());
    let next = page.next.clone();
    let owner = (input.fetch_owner == Some(true)).then(|| calls.owner());
    Ok(dto::ListObjectsV2Output {
        is_truncated: Some(next.is_some()),
        key_count: convert::count(page.entries.len() + page.common_prefixes.len()),
        common_prefixes: Some(common_prefixes(&page, shown)),
        contents: Some(contents(page, owner.as_ref(), shown)),
        name: Some(input.bucket),
        prefix: Some(shown(input.prefix.unwrap_or_default())),
        max_keys: convert::count(max),
        continuation_token: input.continuation_token,
        next_continuation_token: next.as_deref().map(encoded),
        delimiter: input.delimiter.map(shown),
        start_after: input.start_after.map(shown),
        encoding_type: encoding.clone(),
        request_charged: None,
    })
}

/// Every object is its own one version, `null`.
pub(super) async fn list_object_versions(
    calls: &Calls,
    request: S3Request<dto::ListObjectVersionsInput>,
) -> Result<dto::ListObjectVersionsOutput, Error> {
    let input = request.input;
    let encoding = input.encoding_type;
    convert::check_encoding(encoding.as_ref())?;
    let max = convert::page_size("max-keys", input.max_keys)?;
    let paging = Paging {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: input.key_marker.clone().filter(|key| !key.is_empty()),
        max,
    };
    let page = calls.objects.list(&input.bucket, paging).await?;
    let shown = |text: String| convert::shown(text, encoding.as_ref());
    let next = page.next.clone();
    let owner = calls.owner();
    let common_prefixes = common_prefixes(&page, shown);
    let version = |(key, object): (String, Object)| dto::ObjectVersion {
        checksum_algorithm: sum_algorithms(&object),
        checksum_type: convert::sum_kind(object.sum.as_ref()),
        e_tag: Some(convert::etag(&object.etag)),
        is_latest: Some(true),
        key: Some(shown(key)),
        last_modified: Some(convert::time(object.modified)),
        owner: Some(owner.clone()),
        size: convert::number(object.bytes),
        storage_class: Some(dto::ObjectVersionStorageClass::from_static(
            dto::ObjectVersionStorageClass::STANDARD,
        )),
        version_id: Some("null".to_owned()),
        ..Default::default()
    };
    Ok(dto::ListObjectVersionsOutput {
        common_prefixes: Some(common_prefixes),
        delimiter: input.delimiter.map(shown),
        is_truncated: Some(next.is_some()),
        key_marker: Some(shown(input.key_marker.unwrap_or_default())),
        max_keys: convert::count(max),
        name: Some(input.bucket),
        next_version_id_marker: next.is_some().then(|| "null".to_owned()),
        next_key_marker: next.map(shown),
        prefix: Some(shown(input.prefix.unwrap_or_default())),
        version_id_marker: input.version_id_marker,
        versions: Some(page.entries.into_iter().map(version).collect()),
        encoding_type: encoding.clone(),
        ..Default::default()
    })
}

pub(super) fn common_prefixes<T>(
    page: &Page<T>,
    shown: impl Fn(String) -> String,
) -> Vec<dto::CommonPrefix> {
    let one = |prefix: &String| dto::CommonPrefix {
        prefix: Some(shown(prefix.clone())),
    };
    page.common_prefixes.iter().map(one).collect()
}

fn contents(
    page: Page<Object>,
    owner: Option<&dto::Owner>,
    shown: impl Fn(String) -> String,
) -> Vec<dto::Object> {
    let one = |(key, object): (String, Object)| dto::Object {
        checksum_algorithm: sum_algorithms(&object),
        checksum_type: convert::sum_kind(object.sum.as_ref()),
        e_tag: Some(convert::etag(&object.etag)),
        key: Some(shown(key)),
        last_modified: Some(convert::time(object.modified)),
        owner: owner.cloned(),
        restore_status: None,
        size: convert::number(object.bytes),
        storage_class: Some(dto::ObjectStorageClass::from_static(
            dto::ObjectStorageClass::STANDARD,
        )),
    };
    page.entries.into_iter().map(one).collect()
}

fn sum_algorithms(object: &Object) -> Option<Vec<dto::ChecksumAlgorithm>> {
    let sum = object.sum.as_ref()?;
    Some(vec![dto::ChecksumAlgorithm::from_static(
        sum.algorithm.as_str(),
    )])
}
