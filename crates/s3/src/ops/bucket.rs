//! Buckets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::{S3Request, dto};

use super::{Calls, convert};
use crate::error::Error;

/// The region that has no name in a location.
const CLASSIC: &str = "us-east-1";
/// The most buckets of a page.
const PAGE_MAX: usize = 10_000;

pub(super) async fn create_bucket(
    calls: &Calls,
    request: S3Request<dto::CreateBucketInput>,
) -> Result<dto::CreateBucketOutput, Error> {
    let input = request.input;
    let ownership = input
        .object_ownership
        .as_ref()
        .map(dto::ObjectOwnership::as_str);
    if ownership.is_some_and(|kind| kind != dto::ObjectOwnership::BUCKET_OWNER_ENFORCED) {
        return Err(Error::Unsupported(
            "object ownership is BucketOwnerEnforced here, without ACLs".to_owned(),
        ));
    }
    check_place(calls, input.create_bucket_configuration)?;
    calls
        .objects
        .create_bucket(&input.bucket, Vec::new())
        .await?;
    Ok(dto::CreateBucketOutput {
        location: Some(format!("/{}", input.bucket)),
    })
}

fn check_place(calls: &Calls, place: Option<dto::CreateBucketConfiguration>) -> Result<(), Error> {
    let Some(place) = place else {
        return Ok(());
    };
    if place.bucket.is_some() || place.location.is_some() {
        return Err(Error::Unsupported(
            "this server has general purpose buckets alone".to_owned(),
        ));
    }
    let asked = place
        .location_constraint
        .as_ref()
        .map(dto::BucketLocationConstraint::as_str);
    match asked {
        Some(asked) if !asked.is_empty() && asked != calls.region.as_str() => Err(Error::Place {
            asked: asked.chars().take(64).collect(),
            region: calls.region.as_str().to_owned(),
        }),
        _ => Ok(()),
    }
}

pub(super) async fn delete_bucket(
    calls: &Calls,
    request: S3Request<dto::DeleteBucketInput>,
) -> Result<dto::DeleteBucketOutput, Error> {
    calls.objects.delete_bucket(&request.input.bucket).await?;
    Ok(dto::DeleteBucketOutput {})
}

pub(super) async fn head_bucket(
    calls: &Calls,
    request: S3Request<dto::HeadBucketInput>,
) -> Result<dto::HeadBucketOutput, Error> {
    calls.objects.bucket(&request.input.bucket).await?;
    Ok(dto::HeadBucketOutput {
        access_point_alias: Some(false),
        bucket_region: Some(calls.region.as_str().to_owned()),
        ..Default::default()
    })
}

pub(super) async fn list_buckets(
    calls: &Calls,
    request: S3Request<dto::ListBucketsInput>,
) -> Result<dto::ListBucketsOutput, Error> {
    let input = request.input;
    let wrong = || Error::argument("continuation-token", "is none of this listing");
    let after = match &input.continuation_token {
        None => String::new(),
        Some(token) => decoded(token).ok_or_else(wrong)?,
    };
    let max = match input.max_buckets {
        None => PAGE_MAX,
        Some(count) => usize::try_from(count)
            .ok()
            .filter(|count| (1..=PAGE_MAX).contains(count))
            .ok_or_else(|| {
                Error::argument(
                    "max-buckets",
                    format!("{count} is not from 1 to {PAGE_MAX}"),
                )
            })?,
    };
    let region = calls.region.as_str();
    if input
        .bucket_region
        .as_deref()
        .is_some_and(|asked| asked != region)
    {
        return Ok(dto::ListBucketsOutput {
            buckets: Some(Vec::new()),
            owner: Some(calls.owner()),
            ..Default::default()
        });
    }
    let prefix = input.prefix.clone().unwrap_or_default();
    let mut found = calls.objects.buckets(&prefix, &after, max + 1).await?;
    let has_more = found.len() > max;
    found.truncate(max);
    let next = found.last().filter(|_| has_more);
    let continuation_token = next.map(|(name, _)| URL_SAFE_NO_PAD.encode(name));
    let shown = |(name, bucket): (String, crate::rows::Bucket)| dto::Bucket {
        bucket_region: Some(region.to_owned()),
        creation_date: Some(convert::time(bucket.created)),
        name: Some(name),
    };
    Ok(dto::ListBucketsOutput {
        buckets: Some(found.into_iter().map(shown).collect()),
        continuation_token,
        owner: Some(calls.owner()),
        prefix: input.prefix,
    })
}

pub(super) async fn get_bucket_location(
    calls: &Calls,
    request: S3Request<dto::GetBucketLocationInput>,
) -> Result<dto::GetBucketLocationOutput, Error> {
    calls.objects.bucket(&request.input.bucket).await?;
    let region = calls.region.as_str();
    let named = (region != CLASSIC).then(|| dto::BucketLocationConstraint::from(region.to_owned()));
    Ok(dto::GetBucketLocationOutput {
        location_constraint: named,
    })
}

/// A token of a listing, which is a key.
pub(super) fn decoded(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes).ok()
}

/// The token that goes on behind `key`.
pub(super) fn encoded(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}
