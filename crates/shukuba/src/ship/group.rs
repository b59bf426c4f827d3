//! Which group a message belongs to on a FIFO queue: what must come one after the other.
//!
//! The file's by default, so that its lines keep their order. With `--group FIELD` the value of a field of the line, such as the
//! device or the user: of an object its member (a `.` steps into objects), of labelled values the label, of a URL the query
//! parameter. A line without the field is in a group of its own: it has no order with any other, and holds up none.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// Which group messages bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// None: the queue is no FIFO queue.
    None,
    /// That of their file, or of standard input.
    ByFile,
    /// That of a field of their line.
    ByField(String),
}

/// The longest group. Source: SQS API Reference, SendMessage, `MessageGroupId`.
const GROUP_BYTES_MAX: usize = 128;

/// What groups of the notifier's own begin with.
const RESERVED: &str = "shukuba.";

impl Grouping {
    /// How messages for a queue are grouped.
    ///
    /// # Errors
    /// When a field is given and the queue keeps no order.
    pub(crate) fn of(field: Option<&str>, is_fifo: bool) -> anyhow::Result<Self> {
        match (field, is_fifo) {
            (None, false) => Ok(Self::None),
            (None, true) => Ok(Self::ByFile),
            (Some(field), true) => Ok(Self::ByField(field.to_owned())),
            (Some(_), false) => Err(crate::app::usage(
                "--group is for FIFO queues, whose name ends with `.fifo`; this queue keeps no order",
            )),
        }
    }

    /// The group of a message of `lines` lines with `body`, sent as `id`, of the file `file`.
    pub(crate) fn group(&self, file: &str, id: &str, lines: u32, body: &[u8]) -> Option<String> {
        match self {
            Self::None => None,
            Self::ByField(field) if lines == 1 => {
                let value = value(body, field).filter(|value| !value.is_empty());
                Some(value.map_or_else(|| id.to_owned(), |value| sendable(&value)))
            }
            // What was packed before `--group` was given goes on as it began.
            Self::ByFile | Self::ByField(_) => Some(file.to_owned()),
        }
    }
}

/// A value as SQS takes it: itself, or its SHA-256 where it is too long or holds other characters.
fn sendable(value: &str) -> String {
    let is_taken = (1..=GROUP_BYTES_MAX).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_graphic())
        && !value.starts_with(RESERVED);
    if is_taken {
        return value.to_owned();
    }
    let digest = Sha256::digest(value.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The value of a field of a line.
fn value<'a>(line: &'a [u8], field: &str) -> Option<Cow<'a, str>> {
    let text = std::str::from_utf8(line).ok()?.trim();
    if text.starts_with('{') {
        return of_object(text, field).map(Cow::Owned);
    }
    let of_label = |part: &'a str| part.strip_prefix(field)?.strip_prefix(':');
    if let Some(value) = text.split('\t').find_map(of_label) {
        return Some(Cow::Borrowed(value));
    }
    let url = text.rsplit([' ', '\t']).next()?;
    let (_, query) = url.split('#').next()?.split_once('?')?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let found = pairs.find(|(name, _)| name == field)?;
    Some(Cow::Owned(found.1.into_owned()))
}

fn of_object(text: &str, field: &str) -> Option<String> {
    let mut object: serde_json::Value = serde_json::from_str(text).ok()?;
    for step in field.split('.') {
        object = object.get_mut(step)?.take();
    }
    match object {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(line: &str, field: &str) -> String {
        let by = Grouping::ByField(field.to_owned());
        by.group("file", "file-2a", 1, line.as_bytes()).unwrap()
    }

    #[test]
    fn each_form_of_a_line_has_its_field() {
        for (line, field) in [
            (r#"{"url":"http://a.b/","user":"u-7"}"#, "user"),
            (
                r#"{"url":"http://a.b/","device":{"id":"u-7"}}"#,
                "device.id",
            ),
            ("url:http://a.b/\tuser:u-7\tid:1", "user"),
            ("https://a.b/install?x=1&user=u-7#f", "user"),
            ("POST https://a.b/install?user=u%2D7", "user"),
        ] {
            assert_eq!(group(line, field), "u-7", "{line}");
        }
        assert_eq!(
            group(r#"{"n":12345678901234567890}"#, "n"),
            "12345678901234567890"
        );
        assert_eq!(group(r#"{"n":true}"#, "n"), "true");
    }

    #[test]
    fn without_the_field_a_line_is_alone() {
        for line in [
            r#"{"url":"http://a.b/"}"#,
            r#"{"user":null}"#,
            r#"{"user":""}"#,
            r#"{"user":{"id":1}}"#,
            r#"{"user":"x""#,
            "url:http://a.b/\tusers:1",
            "https://a.b/install?users=1",
            "https://a.b/",
            "",
        ] {
            assert_eq!(group(line, "user"), "file-2a", "{line}");
        }
        assert_eq!(
            Grouping::ByFile.group("file", "x", 1, b"").as_deref(),
            Some("file")
        );
        assert_eq!(Grouping::None.group("file", "x", 1, b""), None);
        let packed = Grouping::ByField("user".to_owned()).group("file", "x", 2, b"user:1\nuser:2");
        assert_eq!(packed.as_deref(), Some("file"));
    }

    /// FIPS 180-2, appendix B.2, and what the bound is of.
    #[test]
    fn what_sqs_refuses_is_hashed() {
        let long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(group(&format!("user:{long}"), "user"), long);
        let spaced = "url:http://a.b/\tuser:a b";
        assert_eq!(group(spaced, "user").len(), 64);
        let hash = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
        let hex: String = Sha256::digest(long)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, hash);
        let most = "x".repeat(GROUP_BYTES_MAX);
        assert_eq!(group(&format!("user:{most}"), "user"), most);
        assert_eq!(group(&format!("user:{most}x"), "user").len(), 64);
        assert_eq!(group("user:shukuba.parked.1.1", "user").len(), 64);
    }

    #[test]
    fn a_queue_without_order_has_no_groups() {
        let refused = Grouping::of(Some("user"), false).unwrap_err().to_string();
        assert!(refused.contains("`.fifo`"), "{refused}");
        assert_eq!(Grouping::of(None, false).unwrap(), Grouping::None);
        assert_eq!(Grouping::of(None, true).unwrap(), Grouping::ByFile);
    }
}
