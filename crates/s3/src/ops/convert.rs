//! Between the interface's values and ours.

use std::time::{Duration, UNIX_EPOCH};

use base::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto;

use crate::error::Error;
use crate::objects::{Match, Matches, Select};
use crate::rows::{About, Tag};
use crate::sums::{Algorithm, Kind, Sum};

/// What stays as it is in `encoding-type=url`.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/');

pub(super) fn time(at: Timestamp) -> dto::Timestamp {
    (UNIX_EPOCH + Duration::from_millis(at.as_millis())).into()
}

pub(super) fn from_time(at: &dto::Timestamp) -> Option<Timestamp> {
    let mut text = Vec::new();
    at.format(dto::TimestampFormat::DateTime, &mut text).ok()?;
    Timestamp::parse_rfc3339(std::str::from_utf8(&text).ok()?)
}

pub(super) fn etag(text: &str) -> dto::ETag {
    dto::ETag::Strong(text.to_owned())
}

pub(super) fn matched(condition: dto::ETagCondition) -> Match {
    match condition.into_etag() {
        None => Match::Any,
        Some(etag) => Match::ETag(etag.into_value()),
    }
}

pub(super) fn matches(
    is: Option<dto::ETagCondition>,
    is_not: Option<dto::ETagCondition>,
) -> Matches {
    Matches {
        is: is.map(matched),
        is_not: is_not.map(matched),
    }
}

pub(super) fn select(range: Option<dto::Range>, part: Option<i32>) -> Result<Select, Error> {
    match (range, part) {
        (None, None) => Ok(Select::Whole),
        (Some(dto::Range::Int { first, last }), None) => Ok(Select::From(first, last)),
        (Some(dto::Range::Suffix { length }), None) => Ok(Select::Last(length)),
        (None, Some(number)) => Ok(Select::Part(part_number(number)?)),
        (Some(_), Some(_)) => Err(Error::argument(
            "partNumber",
            "stands beside a range; one of both can be asked for",
        )),
    }
}

pub(super) fn part_number(number: i32) -> Result<u16, Error> {
    let max = crate::limits::PARTS_MAX;
    let found = u16::try_from(number).ok();
    found
        .filter(|number| (1..=max).contains(number))
        .ok_or_else(|| Error::argument("partNumber", format!("{number} is not from 1 to {max}")))
}

/// How many entries of a page are wanted: at most a thousand.
pub(super) fn page_size(name: &'static str, asked: Option<i32>) -> Result<usize, Error> {
    let max = crate::limits::PAGE_MAX;
    let Some(asked) = asked else {
        return Ok(max);
    };
    let asked = usize::try_from(asked)
        .map_err(|_| Error::argument(name, format!("{asked} is not from 0 to 2147483647")))?;
    Ok(asked.min(max))
}

/// A number of entries or bytes for an answer.
pub(super) fn number<N: TryFrom<u64>>(count: u64) -> Option<N> {
    N::try_from(count).ok()
}

pub(super) fn count(count: usize) -> Option<i32> {
    i32::try_from(count).ok()
}

/// A key in a listing.
pub(super) fn shown(text: String, encoding: Option<&dto::EncodingType>) -> String {
    match encoding {
        Some(kind) if kind.as_str() == dto::EncodingType::URL => {
            utf8_percent_encode(&text, PLAIN).to_string()
        }
        _ => text,
    }
}

pub(super) fn check_encoding(encoding: Option<&dto::EncodingType>) -> Result<(), Error> {
    match encoding {
        Some(kind) if kind.as_str() != dto::EncodingType::URL => Err(Error::argument(
            "encoding-type",
            format!("`{}` is not `url`", kind.as_str()),
        )),
        _ => Ok(()),
    }
}

pub(super) fn from_tags(tags: Vec<dto::Tag>) -> Vec<Tag> {
    let plain = |tag: dto::Tag| Tag {
        key: tag.key.unwrap_or_default(),
        value: tag.value.unwrap_or_default(),
    };
    tags.into_iter().map(plain).collect()
}

pub(super) fn tags(tags: Vec<Tag>) -> Vec<dto::Tag> {
    let shown = |tag: Tag| dto::Tag {
        key: Some(tag.key),
        value: Some(tag.value),
    };
    tags.into_iter().map(shown).collect()
}

/// `x-amz-tagging`: `key=value&key=value`, escaped as in a query.
pub(super) fn header_tags(text: Option<&str>) -> Vec<Tag> {
    let decoded = |part: &str| {
        let part = part.replace('+', " ");
        percent_encoding::percent_decode_str(&part)
            .decode_utf8_lossy()
            .into_owned()
    };
    let pairs = text
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Tag {
                key: decoded(key),
                value: decoded(value),
            }
        })
        .collect()
}

/// The value of `sum` where it is one of `algorithm`.
pub(super) fn sum_of(sum: Option<&Sum>, algorithm: Algorithm) -> Option<String> {
    let sum = sum.filter(|sum| sum.algorithm == algorithm)?;
    Some(sum.value.clone())
}

pub(super) fn sum_kind(sum: Option<&Sum>) -> Option<dto::ChecksumType> {
    sum.map(|sum| dto::ChecksumType::from_static(sum.kind.as_str()))
}

pub(super) fn algorithm(text: &str) -> Result<Algorithm, Error> {
    Algorithm::parse(text).ok_or_else(|| {
        let text: String = text.chars().take(64).collect();
        Error::argument(
            "x-amz-checksum-algorithm",
            format!("`{text}` is not CRC32, CRC32C, CRC64NVME, SHA1 or SHA256"),
        )
    })
}

pub(super) fn kind(text: &str) -> Result<Kind, Error> {
    [Kind::Full, Kind::Composite]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| Error::argument("x-amz-checksum-type", "is not COMPOSITE or FULL_OBJECT"))
}

/// The one checksum among the values of a request.
pub(super) fn one_sum(
    values: [(Algorithm, Option<String>); 5],
) -> Result<Option<(Algorithm, String)>, Error> {
    let mut sent = values
        .into_iter()
        .filter_map(|(algorithm, value)| Some((algorithm, value?)));
    match (sent.next(), sent.next()) {
        (_, Some(_)) => Err(Error::argument(
            "x-amz-checksum",
            "more than one checksum is sent; send one",
        )),
        (one, None) => Ok(one),
    }
}

/// Sets the five members of an output to the value that is of their algorithm.
macro_rules! with_sums {
    ($output:expr, $sum:expr) => {{
        use $crate::sums::Algorithm;
        let sum = $sum;
        let output = $output;
        output.checksum_crc32 = super::convert::sum_of(sum, Algorithm::Crc32);
        output.checksum_crc32c = super::convert::sum_of(sum, Algorithm::Crc32c);
        output.checksum_crc64nvme = super::convert::sum_of(sum, Algorithm::Crc64Nvme);
        output.checksum_sha1 = super::convert::sum_of(sum, Algorithm::Sha1);
        output.checksum_sha256 = super::convert::sum_of(sum, Algorithm::Sha256);
    }};
}

/// The one checksum of the five members of an input.
macro_rules! sent_sum {
    ($input:expr) => {{
        use $crate::sums::Algorithm;
        let input = &mut $input;
        super::convert::one_sum([
            (Algorithm::Crc32, input.checksum_crc32.take()),
            (Algorithm::Crc32c, input.checksum_crc32c.take()),
            (Algorithm::Crc64Nvme, input.checksum_crc64nvme.take()),
            (Algorithm::Sha1, input.checksum_sha1.take()),
            (Algorithm::Sha256, input.checksum_sha256.take()),
        ])
    }};
}

/// What an input says of the object.
macro_rules! about {
    ($input:expr) => {{
        let input = &mut $input;
        $crate::rows::About {
            content_type: input.content_type.take(),
            cache_control: input.cache_control.take(),
            content_disposition: input.content_disposition.take(),
            content_encoding: super::convert::stored_encoding(input.content_encoding.take()),
            content_language: input.content_language.take(),
            expires: input
                .expires
                .take()
                .as_ref()
                .and_then(super::convert::from_time),
            redirect: input.website_redirect_location.take(),
            metadata: input
                .metadata
                .take()
                .unwrap_or_default()
                .into_iter()
                .collect(),
        }
    }};
}

pub(super) use {about, sent_sum, with_sums};

/// `Content-Encoding` without the encoding of the transfer, which is gone when the object lies here.
pub(super) fn stored_encoding(sent: Option<String>) -> Option<String> {
    let sent = sent?;
    let kept: Vec<&str> = sent
        .split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty() && !one.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// The content type that an object has for whom none was said.
pub(super) fn content_type(about: &About) -> String {
    let said = about.content_type.clone();
    said.unwrap_or_else(|| "binary/octet-stream".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_there_and_back() {
        let at = Timestamp::from_millis(1_795_410_190_250);
        assert_eq!(from_time(&time(at)), Some(at));
    }

    #[test]
    fn the_encoding_of_the_transfer_is_not_kept() {
        let stored = |text: &str| stored_encoding(Some(text.to_owned()));
        assert_eq!(stored("aws-chunked"), None);
        assert_eq!(stored("aws-chunked,gzip"), Some("gzip".to_owned()));
        assert_eq!(stored("gzip, AWS-chunked"), Some("gzip".to_owned()));
        assert_eq!(stored("gzip"), Some("gzip".to_owned()));
    }

    #[test]
    fn tags_in_a_header_are_a_query() {
        let tags = header_tags(Some("a=1&b+c=%E3%81%82&d"));
        let pairs: Vec<_> = tags
            .iter()
            .map(|tag| (tag.key.as_str(), tag.value.as_str()))
            .collect();
        assert_eq!(pairs, [("a", "1"), ("b c", "あ"), ("d", "")]);
    }

    /// The example of ListObjectsV2 in the API reference.
    #[test]
    fn keys_are_escaped_as_documented() {
        let url = dto::EncodingType::from_static(dto::EncodingType::URL);
        assert_eq!(
            shown("a/test_file(3).png".to_owned(), Some(&url)),
            "a/test_file%283%29.png"
        );
        assert_eq!(shown("a b+c".to_owned(), Some(&url)), "a%20b%2Bc");
        assert_eq!(shown("a b".to_owned(), None), "a b");
    }
}
