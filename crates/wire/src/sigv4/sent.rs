//! The parameters of a signature, as the header or the query string has them.

use std::borrow::Cow;

use http::HeaderMap;

use super::ALGORITHM;
use super::canonical::RequestParts;
use super::claim::{Style, header, shown};
use super::refusal::Refusal;

/// The parameters of a signature as they were sent.
#[derive(Debug, Default)]
pub(super) struct Sent<'a> {
    pub(super) credential: Option<Cow<'a, str>>,
    pub(super) signed_headers: Option<Cow<'a, str>>,
    pub(super) signature: Option<Cow<'a, str>>,
    pub(super) date: Option<Cow<'a, str>>,
    pub(super) expires: Option<Cow<'a, str>>,
    pub(super) token: Option<Cow<'a, str>>,
}

impl<'a> Sent<'a> {
    pub(super) fn find(parts: &RequestParts<'a>) -> Result<(Style, Self), Refusal> {
        let in_header = parts.headers.get(http::header::AUTHORIZATION);
        let is_presigned = query_names(parts.query)
            .any(|name| name == "X-Amz-Algorithm" || name == "X-Amz-Signature");
        match (in_header, is_presigned) {
            (Some(_), true) => Err(Refusal::Incomplete(
                "the request is signed both in the Authorization header and in the query string; use one".to_owned(),
            )),
            (Some(value), false) => {
                let value = value.to_str().map_err(|_| {
                    Refusal::Incomplete("the Authorization header holds characters that are not ASCII".to_owned())
                })?;
                Ok((Style::Header, Self::from_header(value, parts.headers)?))
            }
            (None, true) => Ok((Style::Presigned, Self::from_query(parts.query)?)),
            (None, false) => Err(Refusal::Missing),
        }
    }

    fn from_header(value: &'a str, headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let (algorithm, parameters) = value.trim().split_once(' ').unwrap_or((value, ""));
        check_algorithm(algorithm)?;
        let mut sent = Self {
            date: header(headers, "x-amz-date")
                .or_else(|| header(headers, "date"))
                .map(Cow::Borrowed),
            token: header(headers, "x-amz-security-token").map(Cow::Borrowed),
            ..Self::default()
        };
        for parameter in parameters
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let slot = match name {
                "Credential" => &mut sent.credential,
                "SignedHeaders" => &mut sent.signed_headers,
                "Signature" => &mut sent.signature,
                _ => {
                    return Err(Refusal::Incomplete(format!(
                        "Authorization holds the unknown parameter '{}'; Credential, SignedHeaders, Signature are right",
                        shown(name)
                    )));
                }
            };
            set_once(slot, name, Cow::Borrowed(value))?;
        }
        Ok(sent)
    }

    fn from_query(query: &'a str) -> Result<Self, Refusal> {
        let mut sent = Self::default();
        let mut algorithm = None;
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match decoded(name).as_ref() {
                "X-Amz-Algorithm" => &mut algorithm,
                "X-Amz-Credential" => &mut sent.credential,
                "X-Amz-SignedHeaders" => &mut sent.signed_headers,
                "X-Amz-Signature" => &mut sent.signature,
                "X-Amz-Date" => &mut sent.date,
                "X-Amz-Expires" => &mut sent.expires,
                "X-Amz-Security-Token" => &mut sent.token,
                _ => continue,
            };
            set_once(slot, name, decoded(value))?;
        }
        check_algorithm(&required(algorithm, Style::Presigned, "Algorithm")?)?;
        Ok(sent)
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

fn query_names(query: &str) -> impl Iterator<Item = Cow<'_, str>> {
    query
        .split('&')
        .map(|pair| decoded(pair.split_once('=').map_or(pair, |(name, _)| name)))
}

fn set_once<'a>(
    slot: &mut Option<Cow<'a, str>>,
    name: &str,
    value: Cow<'a, str>,
) -> Result<(), Refusal> {
    if slot.is_some() {
        return Err(Refusal::Incomplete(format!(
            "the parameter '{}' stands twice",
            shown(name)
        )));
    }
    *slot = Some(value);
    Ok(())
}

fn check_algorithm(algorithm: &str) -> Result<(), Refusal> {
    if algorithm == ALGORITHM {
        return Ok(());
    }
    Err(Refusal::Incomplete(format!(
        "Unsupported AWS 'algorithm': '{}'; {ALGORITHM} is right",
        shown(algorithm)
    )))
}

pub(super) fn required<'a>(
    value: Option<Cow<'a, str>>,
    style: Style,
    name: &str,
) -> Result<Cow<'a, str>, Refusal> {
    value.filter(|text| !text.is_empty()).ok_or_else(|| {
        Refusal::Incomplete(match style {
            Style::Header => format!("Authorization header requires '{name}' parameter."),
            Style::Presigned => format!("AWS query-string parameters must include 'X-Amz-{name}'."),
        })
    })
}
