//! The members that travel outside of the body, as texts.

use http::HeaderMap;

use super::{header, percent};
use crate::error::{DecodeError, Problem};
use crate::schema::{Kind, Location, Member, Schema, TimestampForm};

/// What a message has besides its body.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// Labels of the path, as sent.
    pub(super) labels: Vec<(&'static str, &'a str)>,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    /// Of an answer.
    pub(super) status: Option<u16>,
}

/// A member and what was found of it: one text, those of a list, or keys with texts of a map.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) index: usize,
    pub(super) member: &'static Member,
    pub(super) texts: Vec<(String, String)>,
}

/// All that `message` has, in the order of the members. Nothing is found of members that the body holds.
pub(super) fn gather(
    schema: &'static Schema,
    message: &Message<'_>,
) -> Result<Vec<Found>, DecodeError> {
    let mut all = Vec::new();
    for (index, member) in schema.members.iter().enumerate() {
        let failed = |problem| DecodeError::new(member.name.to_owned(), problem);
        let texts = texts(member, message).map_err(failed)?;
        if texts.len() > 1 && !is_many(member) {
            return Err(failed(Problem::Duplicate));
        }
        if !texts.is_empty() {
            all.push(Found {
                index,
                member,
                texts,
            });
        }
    }
    Ok(all)
}

/// Whether a member may have several texts.
pub(super) fn is_many(member: &Member) -> bool {
    matches!(member.kind, Kind::List(_) | Kind::Map(_))
}

fn texts(member: &Member, message: &Message<'_>) -> Result<Vec<(String, String)>, Problem> {
    let texts = match member.location {
        Location::Uri => label(member, message)?,
        Location::QueryString => parameters(member, message)?,
        Location::Header => in_headers(member, message)?,
        Location::Headers => return with_prefix(member, message),
        Location::StatusCode => message.status.iter().map(u16::to_string).collect(),
        Location::Body | Location::Payload => Vec::new(),
    };
    Ok(texts
        .into_iter()
        .map(|text| (String::new(), text))
        .collect())
}

fn label(member: &Member, message: &Message<'_>) -> Result<Vec<String>, Problem> {
    let mut labels = message.labels.iter();
    let found = labels.find(|(name, _)| *name == member.query_name());
    found
        .map(|(_, raw)| percent::decode(raw))
        .into_iter()
        .collect()
}

fn parameters(member: &Member, message: &Message<'_>) -> Result<Vec<String>, Problem> {
    let pairs = message
        .query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let is_ours = |name: &str| {
        name == member.query_name()
            || percent::decode_parameter(name).is_ok_and(|name| name == member.query_name())
    };
    pairs
        .filter(|(name, _)| is_ours(name))
        .map(|(_, raw)| percent::decode_parameter(raw))
        .collect()
}

fn in_headers(member: &Member, message: &Message<'_>) -> Result<Vec<String>, Problem> {
    let mut all = Vec::new();
    for value in message.headers.get_all(member.query_name()) {
        let text = text(value)?;
        match member.kind {
            Kind::List(of) => all.extend(header::items(&text, commas(member, of))?),
            _ => all.push(text),
        }
    }
    Ok(all)
}

/// How many commas an item of a list in a header has.
fn commas(member: &Member, of: &Kind) -> usize {
    let form = member.timestamp.unwrap_or(TimestampForm::HttpDate);
    usize::from(matches!(of, Kind::Timestamp) && form == TimestampForm::HttpDate)
}

fn with_prefix(member: &Member, message: &Message<'_>) -> Result<Vec<(String, String)>, Problem> {
    let prefix = member.query_name().to_ascii_lowercase();
    let mut all = Vec::new();
    for (name, value) in message.headers {
        if let Some(key) = name.as_str().strip_prefix(&prefix) {
            all.push((key.to_owned(), text(value)?));
        }
    }
    Ok(all)
}

fn text(value: &http::HeaderValue) -> Result<String, Problem> {
    let text = std::str::from_utf8(value.as_bytes());
    let text = text.map_err(|_| Problem::Malformed { expected: "UTF-8" })?;
    Ok(text.trim().to_owned())
}
