//! Uploads in parts.

use s3s::{S3Request, dto};

use super::convert::{self, about, sent_sum, with_sums};
use super::{Calls, list, object};
use crate::error::Error;
use crate::objects::{Chosen, Complete, NewUpload, Paging, PutPart, UploadEntry};
use crate::sums::{Algorithm, Kind};

pub(super) async fn create_multipart_upload(
    calls: &Calls,
    request: S3Request<dto::CreateMultipartUploadInput>,
) -> Result<dto::CreateMultipartUploadOutput, Error> {
    let mut input = request.input;
    let tags = convert::header_tags(input.tagging.as_deref());
    if !tags.is_empty() {
        calls.decide("s3:PutObjectTagging", Some(&input.bucket), Some(&input.key))?;
    }
    let new = NewUpload {
        by: calls.ctx.caller.arn.to_string(),
        tags,
        sums: asked_sums(
            input.checksum_algorithm.as_ref(),
            input.checksum_type.as_ref(),
        )?,
        about: about!(input),
    };
    let (id, sums) = calls
        .objects
        .begin_upload(&input.bucket, &input.key, new)
        .await?;
    let (algorithm, kind) = sums.unzip();
    Ok(dto::CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        checksum_algorithm: algorithm.map(shown_algorithm),
        checksum_type: kind.map(shown_kind),
        ..Default::default()
    })
}

fn asked_sums(
    algorithm: Option<&dto::ChecksumAlgorithm>,
    kind: Option<&dto::ChecksumType>,
) -> Result<Option<(Algorithm, Option<Kind>)>, Error> {
    let kind = kind.map(|kind| convert::kind(kind.as_str())).transpose()?;
    match (algorithm, kind) {
        (None, None) => Ok(None),
        (Some(name), kind) => Ok(Some((convert::algorithm(name.as_str())?, kind))),
        (None, Some(_)) => Err(Error::argument(
            "x-amz-checksum-type",
            "stands without x-amz-checksum-algorithm",
        )),
    }
}

fn shown_algorithm(algorithm: Algorithm) -> dto::ChecksumAlgorithm {
    dto::ChecksumAlgorithm::from_static(algorithm.as_str())
}

fn shown_kind(kind: Kind) -> dto::ChecksumType {
    dto::ChecksumType::from_static(kind.as_str())
}

pub(super) async fn upload_part(
    calls: &Calls,
    mut request: S3Request<dto::UploadPartInput>,
) -> Result<dto::UploadPartOutput, Error> {
    let sent = sent_sum!(request.input)?;
    let md5 = request.input.content_md5.take();
    let digests = object::digests(&request.headers, sent, md5, request.trailing_headers)?;
    let input = request.input;
    let part = PutPart {
        number: convert::part_number(input.part_number)?,
        length: input
            .content_length
            .and_then(|bytes| u64::try_from(bytes).ok()),
        digests,
    };
    let source = object::source(input.body);
    let piece = calls
        .objects
        .put_part(&input.bucket, &input.key, &input.upload_id, part, source)
        .await?;
    let mut output = dto::UploadPartOutput {
        e_tag: Some(convert::etag(&piece.etag)),
        ..Default::default()
    };
    with_sums!(&mut output, piece.sum.as_ref());
    Ok(output)
}

pub(super) async fn complete_multipart_upload(
    calls: &Calls,
    request: S3Request<dto::CompleteMultipartUploadInput>,
) -> Result<dto::CompleteMultipartUploadOutput, Error> {
    let mut input = request.input;
    let sum = sent_sum!(input)?;
    let parts = input
        .multipart_upload
        .and_then(|upload| upload.parts)
        .unwrap_or_default();
    let kind = input.checksum_type.as_ref();
    let complete = Complete {
        parts: parts.into_iter().map(chosen).collect::<Result<_, _>>()?,
        matches: convert::matches(input.if_match, input.if_none_match),
        sum,
        kind: kind.map(|kind| convert::kind(kind.as_str())).transpose()?,
        bytes: input
            .mpu_object_size
            .and_then(|bytes| u64::try_from(bytes).ok()),
    };
    let object = calls
        .objects
        .complete(&input.bucket, &input.key, &input.upload_id, complete)
        .await?;
    let path =
        percent_encoding::utf8_percent_encode(&input.key, percent_encoding::NON_ALPHANUMERIC);
    let mut output = dto::CompleteMultipartUploadOutput {
        checksum_type: convert::sum_kind(object.sum.as_ref()),
        e_tag: Some(convert::etag(&object.etag)),
        expiration: object::expiration(calls, &input.bucket, &input.key, &object).await,
        location: Some(format!("{}/{}/{path}", calls.ctx.base_url, input.bucket)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        ..Default::default()
    };
    with_sums!(&mut output, object.sum.as_ref());
    Ok(output)
}

fn chosen(mut part: dto::CompletedPart) -> Result<Chosen, Error> {
    let sum = sent_sum!(part)?;
    let missing = |what: &str| Error::Malformed(format!("a part has no {what}"));
    let number = part.part_number.ok_or_else(|| missing("PartNumber"))?;
    let etag = part.e_tag.ok_or_else(|| missing("ETag"))?;
    Ok(Chosen {
        number: convert::part_number(number)?,
        etag: etag.into_value(),
        sum,
    })
}

pub(super) async fn abort_multipart_upload(
    calls: &Calls,
    request: S3Request<dto::AbortMultipartUploadInput>,
) -> Result<dto::AbortMultipartUploadOutput, Error> {
    let input = request.input;
    calls
        .objects
        .abort(&input.bucket, &input.key, &input.upload_id)
        .await?;
    Ok(dto::AbortMultipartUploadOutput::default())
}

pub(super) async fn list_multipart_uploads(
    calls: &Calls,
    request: S3Request<dto::ListMultipartUploadsInput>,
) -> Result<dto::ListMultipartUploadsOutput, Error> {
    let input = request.input;
    let encoding = input.encoding_type;
    convert::check_encoding(encoding.as_ref())?;
    let max = convert::page_size("max-uploads", input.max_uploads)?;
    let paging = Paging {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: input.key_marker.clone().filter(|key| !key.is_empty()),
        max,
    };
    let after_id = input.upload_id_marker.clone().filter(|id| !id.is_empty());
    let found = calls
        .objects
        .list_uploads(&input.bucket, paging, after_id)
        .await?;
    let shown = |text: String| convert::shown(text, encoding.as_ref());
    let owner = calls.owner();
    let one = |(key, entry): (String, UploadEntry)| dto::MultipartUpload {
        checksum_algorithm: entry
            .upload
            .sums
            .map(|(algorithm, _)| shown_algorithm(algorithm)),
        checksum_type: entry.upload.sums.map(|(_, kind)| shown_kind(kind)),
        initiated: Some(convert::time(entry.upload.begun)),
        initiator: Some(initiator(&entry.upload.by)),
        key: Some(shown(key)),
        owner: Some(owner.clone()),
        storage_class: Some(dto::StorageClass::from_static(dto::StorageClass::STANDARD)),
        upload_id: Some(entry.id),
    };
    let page = found.page;
    Ok(dto::ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        common_prefixes: Some(list::common_prefixes(&page, shown)),
        delimiter: input.delimiter.map(shown),
        is_truncated: Some(page.next.is_some()),
        key_marker: Some(shown(input.key_marker.unwrap_or_default())),
        max_uploads: convert::count(max),
        next_key_marker: page.next.map(shown),
        next_upload_id_marker: found.next_id,
        prefix: input.prefix.map(shown),
        upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
        uploads: Some(page.entries.into_iter().map(one).collect()),
        encoding_type: encoding.clone(),
        request_charged: None,
    })
}

fn initiator(by: &str) -> dto::Initiator {
    dto::Initiator {
        display_name: by.rsplit('/').next().map(str::to_owned),
        id: Some(by.to_owned()),
    }
}

pub(super) async fn list_parts(
    calls: &Calls,
    request: S3Request<dto::ListPartsInput>,
) -> Result<dto::ListPartsOutput, Error> {
    let input = request.input;
    let max = convert::page_size("max-parts", input.max_parts)?;
    let marker = input.part_number_marker.unwrap_or_default();
    let after = u16::try_from(marker).map_err(|_| {
        Error::argument(
            "part-number-marker",
            format!("{marker} is no number of a part"),
        )
    })?;
    let page = calls
        .objects
        .list_parts(&input.bucket, &input.key, &input.upload_id, after, max)
        .await?;
    let shown = |piece: &crate::rows::Piece| {
        let mut part = dto::Part {
            e_tag: Some(convert::etag(&piece.etag)),
            last_modified: Some(convert::time(piece.modified)),
            part_number: Some(i32::from(piece.number)),
            size: convert::number(piece.bytes),
            ..Default::default()
        };
        with_sums!(&mut part, piece.sum.as_ref());
        part
    };
    let last = page.parts.last().filter(|_| page.is_truncated);
    let (algorithm, kind) = page.upload.sums.unzip();
    Ok(dto::ListPartsOutput {
        bucket: Some(input.bucket),
        checksum_algorithm: algorithm.map(shown_algorithm),
        checksum_type: kind.map(shown_kind),
        initiator: Some(initiator(&page.upload.by)),
        is_truncated: Some(page.is_truncated),
        key: Some(input.key),
        max_parts: convert::count(max),
        next_part_number_marker: last.map(|piece| i32::from(piece.number)),
        owner: Some(calls.owner()),
        part_number_marker: Some(marker),
        parts: Some(page.parts.iter().map(shown).collect()),
        storage_class: Some(dto::StorageClass::from_static(dto::StorageClass::STANDARD)),
        upload_id: Some(input.upload_id),
        ..Default::default()
    })
}
