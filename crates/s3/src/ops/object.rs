//! Objects.

use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue};
use s3s::{S3Request, dto};

use super::convert::{self, about, sent_sum, with_sums};
use super::{Calls, settings};
use crate::error::Error;
use crate::files::Source;
use crate::limits::{DELETE_MAX, PAGE_MAX};
use crate::objects::{Delete, Digests, Found, Match, Opened, Put, ReadConditions, Select, expiry};
use crate::rows::{Object, Piece};
use crate::sums::{Algorithm, Sum};

pub(super) async fn put_object(
    calls: &Calls,
    mut request: S3Request<dto::PutObjectInput>,
) -> Result<dto::PutObjectOutput, Error> {
    let sent = sent_sum!(request.input)?;
    let digests = digests(
        &request.headers,
        sent,
        request.input.content_md5.take(),
        request.trailing_headers,
    )?;
    let input = &mut request.input;
    let tags = convert::header_tags(input.tagging.as_deref());
    if !tags.is_empty() {
        calls.decide("s3:PutObjectTagging", Some(&input.bucket), Some(&input.key))?;
    }
    let put = Put {
        tags,
        matches: convert::matches(input.if_match.take(), input.if_none_match.take()),
        length: input
            .content_length
            .and_then(|bytes| u64::try_from(bytes).ok()),
        digests,
        about: about!(*input),
    };
    let source = source(input.body.take());
    let object = calls
        .objects
        .put(&input.bucket, &input.key, put, source)
        .await?;
    let mut output = dto::PutObjectOutput {
        e_tag: Some(convert::etag(&object.etag)),
        checksum_type: convert::sum_kind(object.sum.as_ref()),
        expiration: expiration(calls, &input.bucket, &input.key, &object).await,
        ..Default::default()
    };
    with_sums!(&mut output, object.sum.as_ref());
    Ok(output)
}

/// What the head, and the trailer, say of a body.
pub(super) fn digests(
    headers: &HeaderMap,
    sent: Option<(Algorithm, String)>,
    md5: Option<String>,
    trailer: Option<s3s::TrailingHeaders>,
) -> Result<Digests, Error> {
    let named = ["x-amz-sdk-checksum-algorithm", "x-amz-checksum-algorithm"]
        .iter()
        .find_map(|name| headers.get(*name))
        .and_then(|value| value.to_str().ok());
    let named = named.map(convert::algorithm).transpose()?;
    let promised = headers
        .get("x-amz-trailer")
        .and_then(|value| value.to_str().ok());
    let promised = promised.and_then(|names| {
        let is_among = |one: &Algorithm| {
            names
                .split(',')
                .any(|name| name.trim().eq_ignore_ascii_case(one.header()))
        };
        Algorithm::ALL.into_iter().find(is_among)
    });
    let (in_head, sum) = sent.unzip();
    let algorithm = in_head.or(promised).or(named);
    let late = move || {
        let headers = trailer?.take()?;
        let value: &HeaderValue = headers.get(promised?.header())?;
        value.to_str().ok().map(str::to_owned)
    };
    Ok(Digests {
        md5,
        algorithm,
        sum,
        trailer: promised.map(|_| Box::new(late) as Box<_>),
    })
}

pub(super) fn source(body: Option<dto::StreamingBlob>) -> Source {
    match body {
        Some(body) => body.boxed(),
        None => futures_util::stream::empty().boxed(),
    }
}

/// `x-amz-expiration`
pub(super) async fn expiration(
    calls: &Calls,
    bucket: &str,
    key: &str,
    object: &Object,
) -> Option<String> {
    // The object is there; a bucket that cannot be read now only costs this header.
    let bucket = calls.objects.bucket(bucket).await.ok()?;
    shown_expiry(&bucket, key, object)
}

fn shown_expiry(bucket: &crate::rows::Bucket, key: &str, object: &Object) -> Option<String> {
    let (at, rule) = expiry(bucket, key, object)?;
    let mut date = Vec::new();
    let format = dto::TimestampFormat::HttpDate;
    convert::time(at).format(format, &mut date).ok()?;
    let date = String::from_utf8(date).ok()?;
    let rule = percent_encoding::utf8_percent_encode(rule, percent_encoding::NON_ALPHANUMERIC);
    Some(format!("expiry-date=\"{date}\", rule-id=\"{rule}\""))
}

/// The conditions of a read.
macro_rules! read_conditions {
    ($input:expr) => {
        ReadConditions {
            matches: convert::matches($input.if_match.take(), $input.if_none_match.take()),
            modified_since: $input
                .if_modified_since
                .as_ref()
                .and_then(convert::from_time),
            unmodified_since: $input
                .if_unmodified_since
                .as_ref()
                .and_then(convert::from_time),
        }
    };
}

/// What getting and heading an object tell of it.
macro_rules! told {
    ($output:ident, $found:expr, $key:expr, $is_whole:expr, $wants_sum:expr) => {{
        let found: &Found = $found;
        let (object, about) = (&found.object, &found.object.about);
        let sum = object.sum.as_ref().filter(|_| $wants_sum && $is_whole);
        let mut output = dto::$output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: about.cache_control.clone(),
            checksum_type: convert::sum_kind(sum),
            content_disposition: about.content_disposition.clone(),
            content_encoding: about.content_encoding.clone(),
            content_language: about.content_language.clone(),
            content_length: convert::number(found.range.end - found.range.start),
            content_range: (!$is_whole).then(|| range_text(found)),
            content_type: Some(convert::content_type(about)),
            e_tag: Some(convert::etag(&object.etag)),
            expiration: shown_expiry(&found.bucket, $key, object),
            expires: about.expires.map(convert::time),
            last_modified: Some(convert::time(object.modified)),
            metadata: (!about.metadata.is_empty())
                .then(|| about.metadata.clone().into_iter().collect()),
            parts_count: found
                .parts
                .filter(|_| object.etag.contains('-'))
                .map(i32::from),
            website_redirect_location: about.redirect.clone(),
            ..Default::default()
        };
        with_sums!(&mut output, sum);
        output
    }};
}

fn range_text(found: &Found) -> String {
    let last = found.range.end.saturating_sub(1);
    format!("bytes {}-{last}/{}", found.range.start, found.object.bytes)
}

fn wants_sum(mode: Option<&dto::ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == dto::ChecksumMode::ENABLED)
}

pub(super) async fn get_object(
    calls: &Calls,
    request: S3Request<dto::GetObjectInput>,
) -> Result<dto::GetObjectOutput, Error> {
    let mut input = request.input;
    let select = convert::select(input.range, input.part_number)?;
    let conditions = read_conditions!(input);
    let opened = calls
        .objects
        .open_object(&input.bucket, &input.key, select, conditions)
        .await;
    let Opened { found, body } = opened.map_err(|error| calls.missing(&input.bucket, error))?;
    let wants_sum = wants_sum(input.checksum_mode.as_ref());
    let is_whole = is_whole(select, &found);
    let mut output = told!(GetObjectOutput, &found, &input.key, is_whole, wants_sum);
    let tags = i32::try_from(found.object.tags.len()).ok();
    output.tag_count = tags.filter(|count| *count > 0);
    output.body = Some(dto::StreamingBlob::wrap(body));
    Ok(output)
}

/// Whether all of an object is given, and as such: not as a range that happens to be all of it.
fn is_whole(select: Select, found: &Found) -> bool {
    select == Select::Whole || (matches!(select, Select::Part(_)) && found.parts == Some(1))
}

pub(super) async fn head_object(
    calls: &Calls,
    request: S3Request<dto::HeadObjectInput>,
) -> Result<dto::HeadObjectOutput, Error> {
    let mut input = request.input;
    let select = convert::select(input.range, input.part_number)?;
    let conditions = read_conditions!(input);
    let found = calls
        .objects
        .head(&input.bucket, &input.key, select, conditions)
        .await;
    let found = found.map_err(|error| calls.missing(&input.bucket, error))?;
    let wants_sum = wants_sum(input.checksum_mode.as_ref());
    let is_whole = is_whole(select, &found);
    Ok(told!(
        HeadObjectOutput,
        &found,
        &input.key,
        is_whole,
        wants_sum
    ))
}

pub(super) async fn delete_object(
    calls: &Calls,
    request: S3Request<dto::DeleteObjectInput>,
) -> Result<dto::DeleteObjectOutput, Error> {
    let input = request.input;
    let delete = Delete {
        matches: input.if_match.map(convert::matched),
        modified: input
            .if_match_last_modified_time
            .as_ref()
            .and_then(convert::from_time),
        bytes: input
            .if_match_size
            .and_then(|bytes| u64::try_from(bytes).ok()),
        key: input.key,
    };
    calls.objects.delete(&input.bucket, delete).await?;
    Ok(dto::DeleteObjectOutput::default())
}

pub(super) async fn delete_objects(
    calls: &Calls,
    request: S3Request<dto::DeleteObjectsInput>,
) -> Result<dto::DeleteObjectsOutput, Error> {
    let dto::DeleteObjectsInput { bucket, delete, .. } = request.input;
    let all = delete.objects;
    if all.is_empty() || all.len() > DELETE_MAX {
        return Err(Error::Malformed(format!(
            "{} objects; 1 to {DELETE_MAX} can be deleted at once",
            all.len()
        )));
    }
    let mut errors = Vec::new();
    let mut allowed = Vec::new();
    for one in all {
        match check_one(calls, &bucket, &one) {
            Ok(()) => allowed.push(to_delete(one)),
            Err(error) => errors.push(told_error(one.key, error)),
        }
    }
    let keys: Vec<String> = allowed.iter().map(|one| one.key.clone()).collect();
    let outcomes = calls.objects.delete_all(&bucket, allowed).await?;
    let mut deleted = Vec::new();
    for (key, outcome) in keys.into_iter().zip(outcomes) {
        match outcome {
            Ok(_) => deleted.push(dto::DeletedObject {
                key: Some(key),
                ..Default::default()
            }),
            Err(error) => errors.push(told_error(key, error)),
        }
    }
    if delete.quiet == Some(true) {
        deleted.clear();
    }
    Ok(dto::DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: Some(errors),
        request_charged: None,
    })
}

fn check_one(calls: &Calls, bucket: &str, one: &dto::ObjectIdentifier) -> Result<(), Error> {
    calls.decide("s3:DeleteObject", Some(bucket), Some(&one.key))?;
    match one.version_id.as_deref() {
        None | Some("null" | "") => Ok(()),
        Some(version) => Err(Error::VersionNotFound {
            version: version.chars().take(128).collect(),
        }),
    }
}

fn to_delete(one: dto::ObjectIdentifier) -> Delete {
    Delete {
        key: one.key,
        matches: one.e_tag.map(|etag| match etag.into_value() {
            all if all == "*" => Match::Any,
            etag => Match::ETag(etag),
        }),
        modified: one.last_modified_time.as_ref().and_then(convert::from_time),
        bytes: one.size.and_then(|bytes| u64::try_from(bytes).ok()),
    }
}

fn told_error(key: String, error: Error) -> dto::Error {
    let shown = s3s::S3Error::from(error);
    dto::Error {
        code: Some(shown.code().as_str().to_owned()),
        key: Some(key),
        message: shown.message().map(str::to_owned),
        version_id: None,
    }
}

pub(super) async fn get_object_attributes(
    calls: &Calls,
    request: S3Request<dto::GetObjectAttributesInput>,
) -> Result<dto::GetObjectAttributesOutput, Error> {
    let input = request.input;
    calls.decide(
        "s3:GetObjectAttributes",
        Some(&input.bucket),
        Some(&input.key),
    )?;
    let found = calls.objects.pieces(&input.bucket, &input.key).await;
    let (object, pieces) = found.map_err(|error| calls.missing(&input.bucket, error))?;
    // One header may hold several, and each is a header of its own in some clients.
    let wanted: Vec<&str> = input
        .object_attributes
        .iter()
        .flat_map(|names| names.as_str().split(','))
        .map(str::trim)
        .collect();
    let wants = |name: &str| wanted.contains(&name);
    let parts = match pieces.is_empty() || !wants(dto::ObjectAttributes::OBJECT_PARTS) {
        true => None,
        false => Some(shown_parts(
            &pieces,
            input.part_number_marker,
            input.max_parts,
        )?),
    };
    let sum = object
        .sum
        .as_ref()
        .filter(|_| wants(dto::ObjectAttributes::CHECKSUM));
    let class = dto::StorageClass::from_static(dto::StorageClass::STANDARD);
    Ok(dto::GetObjectAttributesOutput {
        checksum: sum.map(shown_sum),
        e_tag: wants(dto::ObjectAttributes::ETAG).then(|| convert::etag(&object.etag)),
        last_modified: Some(convert::time(object.modified)),
        object_parts: parts,
        object_size: convert::number(object.bytes)
            .filter(|_| wants(dto::ObjectAttributes::OBJECT_SIZE)),
        storage_class: wants(dto::ObjectAttributes::STORAGE_CLASS).then_some(class),
        ..Default::default()
    })
}

fn shown_sum(sum: &Sum) -> dto::Checksum {
    let mut shown = dto::Checksum {
        checksum_type: convert::sum_kind(Some(sum)),
        ..Default::default()
    };
    with_sums!(&mut shown, Some(sum));
    shown
}

fn shown_parts(
    pieces: &[Piece],
    after: Option<i32>,
    max: Option<i32>,
) -> Result<dto::GetObjectAttributesParts, Error> {
    let max = convert::page_size("x-amz-max-parts", max)?.min(PAGE_MAX);
    let marker = after.unwrap_or_default();
    let rest: Vec<&Piece> = pieces
        .iter()
        .filter(|piece| i32::from(piece.number) > marker)
        .collect();
    let page = rest.get(..max.min(rest.len())).unwrap_or_default();
    let shown = |piece: &&Piece| {
        let mut part = dto::ObjectPart {
            part_number: Some(i32::from(piece.number)),
            size: convert::number(piece.bytes),
            ..Default::default()
        };
        with_sums!(&mut part, piece.sum.as_ref());
        part
    };
    Ok(dto::GetObjectAttributesParts {
        is_truncated: Some(rest.len() > page.len()),
        max_parts: convert::count(max),
        next_part_number_marker: page.last().map(|piece| i32::from(piece.number)),
        part_number_marker: Some(marker),
        parts: Some(page.iter().map(shown).collect()),
        total_parts_count: convert::count(pieces.len()),
    })
}

pub(super) async fn get_object_tagging(
    calls: &Calls,
    request: S3Request<dto::GetObjectTaggingInput>,
) -> Result<dto::GetObjectTaggingOutput, Error> {
    let input = request.input;
    let tags = calls.objects.tags(&input.bucket, &input.key).await;
    let tags = tags.map_err(|error| calls.missing(&input.bucket, error))?;
    Ok(dto::GetObjectTaggingOutput {
        tag_set: convert::tags(tags),
        version_id: None,
    })
}

pub(super) async fn put_object_tagging(
    calls: &Calls,
    request: S3Request<dto::PutObjectTaggingInput>,
) -> Result<dto::PutObjectTaggingOutput, Error> {
    let input = request.input;
    let tags = convert::from_tags(input.tagging.tag_set);
    calls.objects.tag(&input.bucket, &input.key, tags).await?;
    Ok(dto::PutObjectTaggingOutput::default())
}

pub(super) async fn delete_object_tagging(
    calls: &Calls,
    request: S3Request<dto::DeleteObjectTaggingInput>,
) -> Result<dto::DeleteObjectTaggingOutput, Error> {
    let input = request.input;
    calls
        .objects
        .tag(&input.bucket, &input.key, Vec::new())
        .await?;
    Ok(dto::DeleteObjectTaggingOutput::default())
}

async fn check_there(calls: &Calls, bucket: &str, key: &str) -> Result<(), Error> {
    let found = calls
        .objects
        .head(bucket, key, Select::Whole, ReadConditions::default())
        .await;
    found
        .map(drop)
        .map_err(|error| calls.missing(bucket, error))
}

pub(super) async fn get_object_acl(
    calls: &Calls,
    request: S3Request<dto::GetObjectAclInput>,
) -> Result<dto::GetObjectAclOutput, Error> {
    check_there(calls, &request.input.bucket, &request.input.key).await?;
    let (owner, grants) = settings::owners_grant(calls);
    Ok(dto::GetObjectAclOutput {
        grants: Some(grants),
        owner: Some(owner),
        request_charged: None,
    })
}

pub(super) async fn put_object_acl(
    calls: &Calls,
    request: S3Request<dto::PutObjectAclInput>,
) -> Result<dto::PutObjectAclOutput, Error> {
    let input = request.input;
    check_there(calls, &input.bucket, &input.key).await?;
    settings::check_acl(calls, input.access_control_policy)?;
    Ok(dto::PutObjectAclOutput::default())
}
