//! What travels with a notification when its message is sent again: the attributes of messages.
//!
//! # Format
//! ```text
//! shukuba.id      the base of the ids of its lines: line n is `<base>/n`
//! shukuba.lines   how many lines, such as `200`
//! shukuba.origin  where it came from, as the sender wrote it
//! shukuba.replay  the replay that sent it again
//! shukuba.new-id  its lines do not keep the ids that they bear themselves
//! shukuba.retry   attempts, first acceptance (ms), time not to try before (ms), line numbers as first sent:
//!                 `attempt=2 first=1795410190250 not-before=1795410250000 lines=3,7-9`
//! ```
//! The attributes of the sender's own stay on the message, as far as the ten of SQS allow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use base::Timestamp;

/// What the names of all attributes here begin with; the sender's own do not.
pub const OURS: &str = "shukuba.";
/// The attribute with the base of the lines' ids.
pub const ID: &str = "shukuba.id";
/// The attribute with the number of lines.
pub const LINES: &str = "shukuba.lines";
/// The attribute that says where the message came from.
pub const ORIGIN: &str = "shukuba.origin";
/// The attribute that names a replay.
pub const REPLAY: &str = "shukuba.replay";
/// The attribute of a message whose lines do not keep their own ids.
pub const NEW_ID: &str = "shukuba.new-id";
/// The attribute with the state of a retry.
pub const RETRY: &str = "shukuba.retry";

/// SQS takes at most ten attributes a message.
const ATTRIBUTES_MAX: usize = 10;

/// The state of a retry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// Attempts made.
    pub attempt: u32,
    /// When its notifications were first accepted.
    pub first: Option<Timestamp>,
    /// Not to be tried before.
    pub not_before: Option<Timestamp>,
    /// The numbers of its lines in the message as first sent; empty: 1, 2, 3 and so on.
    pub lines: Vec<u32>,
}

impl Retry {
    /// Reads the attribute; what cannot be read is left at its default, since losing a hint loses no notification.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut retry = Self::default();
        for (name, value) in text.split(' ').filter_map(|pair| pair.split_once('=')) {
            let time = || value.parse().ok().map(Timestamp::from_millis);
            match name {
                "attempt" => retry.attempt = value.parse().unwrap_or_default(),
                "first" => retry.first = time(),
                "not-before" => retry.not_before = time(),
                "lines" => retry.lines = parse_numbers(value),
                _ => {}
            }
        }
        retry
    }

    /// The attribute's text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("attempt={}", self.attempt);
        let mut add = |name: &str, time: Option<Timestamp>| {
            if let Some(time) = time {
                let _ = write!(text, " {name}={}", time.as_millis());
            }
        };
        add("first", self.first);
        add("not-before", self.not_before);
        if !self.lines.is_empty() {
            text.push_str(" lines=");
            write_numbers(&mut text, &self.lines);
        }
        text
    }
}

/// The id of line `line` (from 1) of a message: its base and the line's number.
#[must_use]
pub fn line_id(base: &str, line: u32) -> Arc<str> {
    let mut id = String::with_capacity(base.len() + 4);
    id.push_str(base);
    id.push('/');
    let _ = write!(id, "{line}");
    Arc::from(id)
}

/// The part of a notification id that its message id is, when it has that form.
#[must_use]
pub fn without_line(id: &str) -> Option<&str> {
    with_line(id).map(|(message, _)| message)
}

/// The number of the line that a notification id of that form names.
#[must_use]
pub fn line_number(id: &str) -> Option<u32> {
    with_line(id)?.1.parse().ok()
}

fn with_line(id: &str) -> Option<(&str, &str)> {
    let (message, line) = id.rsplit_once('/')?;
    let is_number = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((message, line))
}

/// Whether a notification is a line of the message that was accepted as `message`, also where it has gone on in another one.
/// Only for ids that queues give: what a sender calls `order/7` need not be a part of its `order`.
#[must_use]
pub fn is_line_of(notification: &str, message: &str) -> bool {
    is_message_id(message) && without_line(notification) == Some(message)
}

fn is_message_id(id: &str) -> bool {
    let is_in_place = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    id.len() == 36 && id.bytes().enumerate().all(is_in_place)
}

/// The attributes as SQS takes them: none that is empty, and no character that it refuses (it takes `#x9 #xA #xD #x20` to
/// `#xD7FF`, `#xE000` to `#xFFFD` and beyond `#x10000`). What came in a line may hold any; a message whose lines cannot go
/// on would come back for ever.
pub fn sendable(attributes: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, String)> {
    let is_taken = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    let clean = move |c| if is_taken(c) { c } else { '\u{fffd}' };
    attributes
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(move |(name, value)| (name, value.chars().map(clean).collect()))
}

/// The type that SQS is told of an attribute.
#[must_use]
pub fn data_type(name: &str) -> &'static str {
    if name == LINES { "Number" } else { "String" }
}

/// The attributes of a message that carries lines on.
///
/// `attributes`: those of the message it comes from. `base`: of the lines' ids.
#[must_use]
pub fn carry(
    attributes: &BTreeMap<String, String>,
    base: &str,
    lines: u32,
    retry: &Retry,
) -> BTreeMap<String, String> {
    let mut carried: BTreeMap<String, String> = attributes.clone();
    carried.insert(ID.to_owned(), base.to_owned());
    carried.insert(LINES.to_owned(), lines.to_string());
    carried.insert(RETRY.to_owned(), retry.text());
    while carried.len() > ATTRIBUTES_MAX {
        let Some(last) = carried.keys().rfind(|key| !key.starts_with(OURS)).cloned() else {
            break;
        };
        carried.remove(&last);
    }
    carried
}

/// Numbers such as `3,7-9`; at most 100,000 of them.
fn parse_numbers(text: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) {
            numbers.extend((first..=last).take(100_000 - numbers.len().min(100_000)));
        }
    }
    numbers
}

fn write_numbers(text: &mut String, numbers: &[u32]) {
    let mut rest = numbers.iter().copied().peekable();
    let mut separator = "";
    while let Some(first) = rest.next() {
        let mut last = first;
        while let Some(next) = rest.next_if(|next| last.checked_add(1) == Some(*next)) {
            last = next;
        }
        let _ = if first == last {
            write!(text, "{separator}{first}")
        } else {
            write!(text, "{separator}{first}-{last}")
        };
        separator = ",";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqs_refuses_does_not_travel() {
        let attributes = BTreeMap::from([
            ("empty".to_owned(), String::new()),
            ("id".to_owned(), "a\u{fffe}\u{1}\tb\u{10ffff}é".to_owned()),
        ]);
        let sent: Vec<(&str, String)> = sendable(&attributes)
            .map(|(name, value)| (name.as_str(), value))
            .collect();
        assert_eq!(sent, [("id", "a\u{fffd}\u{fffd}\tb\u{10ffff}é".to_owned())]);
    }

    #[test]
    fn the_state_of_a_retry_goes_there_and_back() {
        let retry = Retry {
            attempt: 2,
            first: Some(Timestamp::from_millis(1_795_410_190_250)),
            not_before: Some(Timestamp::from_millis(1_795_410_250_000)),
            lines: vec![3, 7, 8, 9, 11],
        };
        let text = "attempt=2 first=1795410190250 not-before=1795410250000 lines=3,7-9,11";
        assert_eq!(retry.text(), text);
        assert_eq!(Retry::parse(text), retry);
    }

    #[test]
    fn nonsense_is_no_state() {
        assert_eq!(
            Retry::parse("attempt=x lines=5-1,a first=9-9 foo"),
            Retry::default()
        );
        assert_eq!(Retry::parse("lines=1-4000000000").lines.len(), 100_000);
    }

    #[test]
    fn a_carry_keeps_within_ten_attributes_and_loses_none_of_ours() {
        let own: BTreeMap<_, _> = (0..10).map(|n| (format!("x{n}"), String::new())).collect();
        let carried = carry(&own, "base", 3, &Retry::default());
        assert_eq!(carried.len(), 10);
        assert!(
            [ID, LINES, RETRY]
                .iter()
                .all(|key| carried.contains_key(*key))
        );
    }

    #[test]
    fn a_line_number_is_taken_off() {
        assert_eq!(without_line("m-1/12"), Some("m-1"));
        assert_eq!(without_line("m-1/x"), None);
        assert_eq!(without_line("m-1/"), None);
        assert_eq!(without_line("m-1"), None);
        assert_eq!(line_number("m-1/12"), Some(12));
        assert_eq!(line_number("m-1"), None);
        let message = "5fea7756-0ea4-451a-a703-a558b933e274";
        assert!(is_line_of(&format!("{message}/2"), message));
        assert!(!is_line_of(message, message));
        assert!(!is_line_of("order/2", "order"));
    }
}
