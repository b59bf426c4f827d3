//! What was given to a call or answered, as records have it: without secrets, under the names that records use.
//!
//! The JSON is copied in one pass, so that what a call costs does not grow by a tree of values.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::PARAMETERS_BYTES_MAX;
use super::object::{Object, push_json, push_text};
use super::redact::{self, HIDDEN};

/// Depth beyond which nothing is looked at and all is hidden. Chosen: no operation nests half as deep.
const DEPTH_MAX: usize = 64;

/// Members whose own names are the caller's: maps.
const MAPS: &[&str] = &[
    "Attributes",
    "Tags",
    "MessageAttributes",
    "MessageSystemAttributes",
];

/// Names that records have as they are. Source: CloudTrail user guide, console sign-in events.
const KEPT: &[&str] = &["ConsoleLogin"];

/// Writes `json`; what is too large or no JSON is said to be left out, and nothing stands for an empty object.
pub(super) fn write(out: &mut Vec<u8>, json: Option<&[u8]>, what: &str) {
    let begin = out.len();
    let problem = match json {
        None => {
            out.extend_from_slice(b"null");
            return;
        }
        Some(json) if json.len() > PARAMETERS_BYTES_MAX => Some("too large"),
        Some(json) => match copy(json, out) {
            Err(_) => Some("not readable"),
            // What stands where something is hidden may be longer than what stood there.
            Ok(()) if out.len() - begin > PARAMETERS_BYTES_MAX => Some("too large"),
            Ok(()) => None,
        },
    };
    match problem {
        Some(why) => {
            out.truncate(begin);
            Object::write(out, |it| {
                it.value("omitted", true);
                it.value("originalSize", json.map_or(0, <[u8]>::len));
                it.text("reason", &format!("{what} {why}"));
            });
        }
        None if out.get(begin..) == Some(b"{}") => {
            out.truncate(begin);
            out.extend_from_slice(b"null");
        }
        None => {}
    }
}

/// Copies one JSON value to the end of `out`, which holds a part of it where it turns out to be none.
fn copy(json: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let all = Copy {
        out,
        names: Names::OfRecords,
        is_map: false,
        depth: 0,
    };
    all.deserialize(&mut reader)?;
    reader.end()
}

/// How members are named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// `queueName` for `QueueName`.
    OfRecords,
    /// As the caller has them.
    AsTheyAre,
}

/// Copies a value.
struct Copy<'a> {
    out: &'a mut Vec<u8>,
    names: Names,
    /// Whether the names of its own members are the caller's, if it is an object.
    is_map: bool,
    depth: usize,
}

/// Writes a name; what follows from it for the member's value.
struct Name<'a> {
    out: &'a mut Vec<u8>,
    names: Names,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    Plain,
    /// A map, whose own names are the caller's.
    Map,
    Hidden,
}

/// Writes that something is hidden; what is null stays so, since it tells nothing.
struct Hide<'a>(&'a mut Vec<u8>);

impl Copy<'_> {
    fn is_too_deep(&self) -> bool {
        self.depth > DEPTH_MAX
    }

    fn plain<T: serde::Serialize>(self, value: T) {
        match self.is_too_deep() {
            true => push_text(self.out, HIDDEN),
            false => push_json(self.out, &value),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Copy<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Copy<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.plain(());
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.plain(value);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.plain(value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.plain(value);
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.plain(value);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        push_text(self.out, &redact::without_secrets(text));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.is_too_deep() {
            push_text(self.out, HIDDEN);
            return IgnoredAny.visit_seq(items).map(drop);
        }
        let Self {
            out, names, depth, ..
        } = self;
        let mut before = b'[';
        loop {
            let at = out.len();
            out.push(before);
            let item = Copy {
                out: &mut *out,
                names,
                is_map: false,
                depth: depth + 1,
            };
            if items.next_element_seed(item)?.is_none() {
                out.truncate(at);
                break;
            }
            before = b',';
        }
        end(out, before, b"[]");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        if self.is_too_deep() {
            push_text(self.out, HIDDEN);
            return IgnoredAny.visit_map(members).map(drop);
        }
        let Self { out, depth, .. } = self;
        let names = match self.is_map {
            true => Names::AsTheyAre,
            false => self.names,
        };
        let mut before = b'{';
        loop {
            let at = out.len();
            out.push(before);
            let name = Name {
                out: &mut *out,
                names,
            };
            let Some(member) = members.next_key_seed(name)? else {
                out.truncate(at);
                break;
            };
            out.push(b':');
            match member {
                Member::Hidden => members.next_value_seed(Hide(out))?,
                Member::Plain | Member::Map => members.next_value_seed(Copy {
                    out: &mut *out,
                    names,
                    is_map: member == Member::Map,
                    depth: depth + 1,
                })?,
            }
            before = b',';
        }
        end(out, before, b"{}");
        Ok(())
    }
}

/// Ends a list or object, of which nothing is written if it is empty.
fn end(out: &mut Vec<u8>, before: u8, brackets: &[u8; 2]) {
    let [open, close] = *brackets;
    if before == open {
        out.push(open);
    }
    out.push(close);
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Member, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Member, E> {
        let member = match self.names {
            _ if redact::is_hidden(name) => Member::Hidden,
            Names::OfRecords if MAPS.contains(&name) => Member::Map,
            _ => Member::Plain,
        };
        match (self.names, small(name)) {
            (Names::OfRecords, Some((first, rest))) => {
                let begin = self.out.len();
                push_text(self.out, rest);
                // Behind the quotation mark.
                self.out.insert(begin + 1, first);
            }
            _ => push_text(self.out, name),
        }
        Ok(member)
    }
}

/// The first letter made small, and the rest; `None` where records have the name as it is: abbreviations such as
/// `AWSAccountIds` stay.
///
/// Source: SQS developer guide, "Example SQS CloudTrail log entries" (AddPermission has `AWSAccountIds` and `queueUrl`).
fn small(name: &str) -> Option<(u8, &str)> {
    let first = *name.as_bytes().first()?;
    let second = name.chars().nth(1);
    let is_kept = KEPT.contains(&name) || second.is_some_and(char::is_uppercase);
    let rest = name.get(1..)?;
    (first.is_ascii_uppercase() && !is_kept).then(|| (first.to_ascii_lowercase(), rest))
}

impl<'de> DeserializeSeed<'de> for Hide<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        let is_something = Option::<IgnoredAny>::deserialize(from)?.is_some();
        match is_something {
            true => push_text(self.0, HIDDEN),
            false => self.0.extend_from_slice(b"null"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The list that the requirements give, as requests and answers of the services name its members.
    const NEVER: &[&str] = &[
        "Password",
        "OldPassword",
        "NewPassword",
        "SecretAccessKey",
        "SessionToken",
        "Base32StringSeed",
        "QRCodePNG",
        "AuthenticationCode1",
        "AuthenticationCode2",
        "TokenCode",
        "MessageBody",
        "Body",
        "StringValue",
        "BinaryValue",
    ];

    fn written(value: &Value) -> Value {
        let mut out = Vec::new();
        write(&mut out, Some(value.to_string().as_bytes()), "it");
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn each_member_of_the_list_is_hidden_at_any_depth_and_in_any_case() {
        for name in NEVER {
            let small = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
            for name in [(*name).to_owned(), small, name.to_uppercase()] {
                let text = written(&json!({
                    name.clone(): "s3cr3t",
                    "a": {name.clone(): ["s3cr3t"], "b": [{name.clone(): {"c": "s3cr3t"}}, 1]},
                    "Tags": {"c": {name.clone(): "s3cr3t"}},
                    "userName": "alice",
                }))
                .to_string();
                assert!(!text.contains("s3cr3t"), "{text}");
                assert_eq!(text.matches(HIDDEN).count(), 4, "{text}");
                assert!(text.contains("alice"), "{text}");
            }
        }
    }

    #[test]
    fn what_is_null_stays_so_and_what_is_empty_too() {
        let value =
            json!({"password": null, "a": [], "b": {}, "c": [[], {}], "d": ["", 1.5, -3, true]});
        assert_eq!(written(&value), value);
        assert_eq!(written(&json!({})), Value::Null);
    }

    #[test]
    fn names_begin_small_but_in_maps_and_abbreviations() {
        let given = json!({
            "QueueName": 1, "AWSAccountIds": 1, "ConsoleLogin": 1, "A": 1, "Äa": 1, "\"Q": 1, "": 1,
            "Attributes": {"QueueName": {"QueueName": 1}}, "X": {"Attributes": [{"Name": 1}]},
        });
        let as_records = json!({
            "queueName": 1, "AWSAccountIds": 1, "ConsoleLogin": 1, "a": 1, "Äa": 1, "\"Q": 1, "": 1,
            "attributes": {"QueueName": {"QueueName": 1}}, "x": {"attributes": [{"name": 1}]},
        });
        assert_eq!(written(&given), as_records);
    }

    #[test]
    fn what_nests_too_deep_is_hidden() {
        let deep = |levels: usize| (0..levels).fold(json!(7), |inner, _| json!([inner]));
        assert_eq!(written(&deep(DEPTH_MAX)), deep(DEPTH_MAX));
        let text = written(&deep(DEPTH_MAX + 5)).to_string();
        assert!(text.contains(HIDDEN) && !text.contains('7'), "{text}");
    }

    proptest! {
        #[test]
        fn what_has_no_secrets_and_small_names_is_copied(
            names in prop::collection::vec("[a-z]{1,6}x", 0..5),
            texts in prop::collection::vec(any::<String>(), 5),
            number in any::<i64>(),
        ) {
            let members = names.into_iter().zip(texts).map(|(name, text)| (name, Value::from(text.replace("://", ""))));
            let members: serde_json::Map<_, _> = members.collect();
            let value = json!({ "all": [members, number] });
            prop_assert_eq!(written(&value), value);
        }

        #[test]
        fn anything_is_written_as_json(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            write(&mut out, Some(&bytes), "it");
            prop_assert!(serde_json::from_slice::<Value>(&out).is_ok());
        }
    }
}
