//! The tags of alarms that were set from here, by which a later run knows them again.
//!
//! Values of tags have letters, digits, blanks and `_.:/=+-@` (source: AWS General Reference, "Tag naming limits"); anything else
//! is written as `=` and its bytes in hexadecimal, so that `web-*` becomes `web-=2A`.

use std::collections::BTreeMap;

use super::naming::{Format, Of};
use super::rule::Rule;
use crate::client::ec2::Instance;

/// Tags by name.
pub(crate) type Tags = BTreeMap<String, String>;

/// Who set it.
pub(crate) const SET_BY: &str = "shukuba:set-by";
/// The value of [`SET_BY`].
pub(crate) const US: &str = "alarm-set";
/// The pattern of its instance's Name.
pub(crate) const PATTERN: &str = "shukuba:pattern";
/// The Name of its instance.
pub(crate) const NAME: &str = "shukuba:instance-name";
/// The id of its instance.
pub(crate) const ID: &str = "shukuba:instance-id";
/// How bad it is; notices are routed by it.
pub(crate) const SEVERITY: &str = "severity";

/// Characters of a tag's value. Source: the API's model.
const VALUE_CHARS_MAX: usize = 256;

/// The tags of an alarm that is set for an instance.
pub(crate) fn tags(pattern: &str, instance: &Instance) -> Tags {
    let pairs = [
        (SET_BY, US.to_owned()),
        (PATTERN, written(pattern)),
        (NAME, written(&instance.name)),
        (ID, written(&instance.id)),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Whether an alarm was set from here by this pattern, this rule and this form of names.
///
/// The form is known by its outcome: another one gives another name for the same instance.
pub(crate) fn is_ours(
    alarm: &str,
    tags: &Tags,
    pattern: &str,
    rule: &Rule,
    format: &Format,
) -> bool {
    let tag = |name: &str| tags.get(name).map(String::as_str).unwrap_or_default();
    let instance = Instance {
        name: read(tag(NAME)),
        id: read(tag(ID)),
    };
    let name = format.of(Of {
        instance: &instance,
        namespace: &rule.namespace,
        metric: &rule.metric,
    });
    tag(SET_BY) == US && tag(PATTERN) == written(pattern) && name == alarm
}

fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, ' ' | '_' | '.' | ':' | '/' | '+' | '-' | '@')
}

/// A text as the value of a tag; what is too long for one is cut off.
fn written(text: &str) -> String {
    let mut out = String::new();
    let mut chars = 0;
    for letter in text.chars() {
        let piece = match is_plain(letter) {
            true => letter.to_string(),
            false => {
                let bytes = letter.to_string().into_bytes();
                bytes.iter().map(|byte| format!("={byte:02X}")).collect()
            }
        };
        chars += piece.chars().count();
        if chars > VALUE_CHARS_MAX {
            break;
        }
        out.push_str(&piece);
    }
    out
}

/// The text of such a value.
fn read(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('=') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match digits {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(b'=');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_no_tag_may_hold_is_written_out() {
        assert_eq!(written("web-*"), "web-=2A");
        assert_eq!(written("a=b? 東京"), "a=3Db=3F 東京");
        assert_eq!(read("web-=2A"), "web-*");
        assert_eq!(read("=zz="), "=zz=");
        assert_eq!(written(&"*".repeat(300)).len(), 255);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in ".{0,20}") {
            let value = written(&text);
            prop_assert!(value.chars().all(|it| is_plain(it) || it == '='));
            prop_assert_eq!(read(&value), text);
        }

        #[test]
        fn no_value_makes_it_panic(value in "[=0-9A-Fé]{0,20}") {
            let _ = read(&value);
        }
    }
}
