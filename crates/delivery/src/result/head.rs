//! The head of a result, read without parsing the rest.

use std::borrow::Cow;

use base::Timestamp;

use super::{Decision, Stored};
use crate::travel;

/// What the sealer and the search need of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// When it was settled.
    pub at: &'a str,
    /// The route.
    pub route: Cow<'a, str>,
    /// The message.
    pub message_id: Cow<'a, str>,
    /// The notification.
    pub notification_id: Cow<'a, str>,
    /// The keyed hash of its URL; 0 when there is none.
    pub url_key: u64,
    /// The destination.
    pub destination: Cow<'a, str>,
    /// What was decided.
    pub decision: Decision,
    /// When the notification was accepted.
    pub queued_at: &'a str,
    /// Whether the lease was lost, so that it is not in the balance.
    pub is_late: bool,
    /// The id that the sender gave, where the line bears another.
    pub accepted_as: Option<Cow<'a, str>>,
}

impl<'a> Head<'a> {
    /// Reads the head of a result as [`super::Writer`] writes it; `None` for anything else.
    #[must_use]
    pub fn read(json: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(json).ok()?;
        let rest = text.strip_prefix("{\"v\":1,\"at\":\"")?;
        let (at, rest) = plain(rest)?;
        let (route, rest) = member(rest, ",\"route\":\"")?;
        let (message_id, rest) = member(rest, ",\"message_id\":\"")?;
        let (notification_id, rest) = member(rest, ",\"notification_id\":\"")?;
        let (url_key, rest) = member(rest, ",\"url_key\":\"")?;
        let (destination, rest) = member(rest, ",\"destination\":\"")?;
        let (verdict, rest) = member(rest, ",\"verdict\":\"")?;
        let (queued_at, rest) = plain(rest.strip_prefix(",\"queued_at\":\"")?)?;
        let (is_late, rest) = match rest.strip_prefix(",\"late\":true") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        Some(Self {
            at,
            route,
            message_id,
            notification_id,
            url_key: u64::from_str_radix(&url_key, 16).ok()?,
            destination,
            decision: Decision::named(&verdict)?,
            queued_at,
            is_late,
            accepted_as: member(rest, ",\"accepted_as\":\"").map(|(id, _)| id),
        })
    }

    /// Whether it is of this message or notification; of a message also where a line has gone on in another one.
    #[must_use]
    pub fn is_of(&self, id: &str) -> bool {
        self.message_id == id
            || self.notification_id == id
            || travel::is_line_of(&self.notification_id, id)
    }

    /// The whole result.
    #[must_use]
    pub fn whole(json: &[u8]) -> Option<Stored> {
        serde_json::from_slice(json).ok()
    }

    /// When the notification was accepted.
    #[must_use]
    pub fn queued_at_time(&self) -> Timestamp {
        Timestamp::parse_rfc3339(self.queued_at).unwrap_or_default()
    }
}

/// The object with `"late":true` behind its head; as it was when it has no head or is late already.
#[must_use]
pub fn marked_late(json: &[u8]) -> Cow<'_, [u8]> {
    let Some(head) = Head::read(json).filter(|head| !head.is_late) else {
        return Cow::Borrowed(json);
    };
    let end_of_head =
        head.queued_at.as_ptr().addr() + head.queued_at.len() + 1 - json.as_ptr().addr();
    match json.split_at_checked(end_of_head) {
        Some((before, after)) => Cow::Owned([before, b",\"late\":true", after].concat()),
        None => Cow::Borrowed(json),
    }
}

/// A text without escapes up to its closing quote, and what follows.
fn plain(text: &str) -> Option<(&str, &str)> {
    text.split_once('"')
        .filter(|(value, _)| !value.contains('\\'))
}

fn member<'a>(text: &'a str, opening: &str) -> Option<(Cow<'a, str>, &'a str)> {
    let rest = text.strip_prefix(opening)?;
    let end = rest
        .bytes()
        .position(|byte| byte == b'"' || byte == b'\\')?;
    if rest.as_bytes().get(end) == Some(&b'"') {
        return Some((Cow::Borrowed(rest.get(..end)?), rest.get(end + 1..)?));
    }
    let end = escaped_end(rest)?;
    let value: String =
        serde_json::from_str(text.get(opening.len() - 1..opening.len() + end + 1)?).ok()?;
    Some((Cow::Owned(value), rest.get(end + 1..)?))
}

/// Where the closing quote of a string with escapes stands.
fn escaped_end(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })
}
