//! JSON pointers (RFC 6901) into a text that a hostile peer may have sent.
//!
//! The text is walked, not built: what a pointer passes by is checked and left where it is, so that an answer costs no
//! memory beyond itself. Of two members of one name the last one counts, as with most parsers.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The longest pointer and the most steps of it; both chosen.
const POINTER_BYTES_MAX: usize = 1 << 10;
const STEPS_MAX: usize = 32;

/// A pointer, its steps unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer(Vec<String>);

impl Pointer {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let Some(steps) = text.strip_prefix('/') else {
            return Err(format!(
                "`{text}` is no JSON pointer: it begins with `/`, such as `/status`, or is empty for the whole document"
            ));
        };
        let steps = steps.split('/').map(unescaped).collect::<Option<Vec<_>>>();
        let Some(steps) = steps else {
            return Err(format!(
                "`{text}` is no JSON pointer: after `~` stands `0` (for `~`) or `1` (for `/`)"
            ));
        };
        if text.len() > POINTER_BYTES_MAX || steps.len() > STEPS_MAX {
            return Err(format!(
                "is longer than {POINTER_BYTES_MAX} bytes or {STEPS_MAX} steps"
            ));
        }
        Ok(Self(steps))
    }

    /// The value's own text, `None` where there is none.
    ///
    /// # Errors
    /// Where `json` is not one JSON text.
    pub(super) fn find<'a>(&self, json: &'a str) -> Result<Option<&'a str>, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let found = Find(&self.0).deserialize(&mut reader)?;
        reader.end()?;
        Ok(found.map(RawValue::get))
    }
}

fn unescaped(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match part.as_bytes().first()? {
            b'0' => ('~', part.get(1..)?),
            b'1' => ('/', part.get(1..)?),
            _ => return None,
        };
        text.push(sign);
        text.push_str(rest);
    }
    Some(text)
}

/// The steps that are left.
struct Find<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            return serde::Deserialize::deserialize(reader).map(Some);
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (name, rest) = self.0.split_first().unzip();
        let (name, rest) = (name.map_or("", String::as_str), rest.unwrap_or_default());
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(Name(name))? {
            if is_it {
                found = map.next_value_seed(Find(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (index, rest) = self.0.split_first().unzip();
        let (mut left, rest) = (
            index.and_then(|text| index_of(text)),
            rest.unwrap_or_default(),
        );
        let mut found = None;
        loop {
            let is_over = if left == Some(0) {
                let next = seq.next_element_seed(Find(rest))?;
                found = next.flatten();
                next.is_none()
            } else {
                seq.next_element::<IgnoredAny>()?.is_none()
            };
            if is_over {
                return Ok(found);
            }
            left = left.and_then(|left| left.checked_sub(1));
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// `0`, or digits that do not begin with it; `-` is the element after the last, of which there is none.
fn index_of(step: &str) -> Option<usize> {
    let is_index =
        step == "0" || step.bytes().all(|byte| byte.is_ascii_digit()) && !step.starts_with('0');
    step.parse().ok().filter(|_| is_index)
}

/// Whether a member has this name, without a copy of it.
struct Name<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The document of RFC 6901, section 5, and what its pointers mean.
    #[test]
    fn pointers_mean_what_rfc_6901_says() {
        let document = r#"{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
            "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8}"#;
        let found = |pointer| Pointer::parse(pointer).unwrap().find(document).unwrap();
        assert_eq!(found(""), Some(document));
        for (pointer, value) in [
            ("/foo", r#"["bar", "baz"]"#),
            ("/foo/0", r#""bar""#),
            ("/", "0"),
            ("/a~1b", "1"),
            ("/c%d", "2"),
            ("/e^f", "3"),
            ("/g|h", "4"),
            ("/i\\j", "5"),
            ("/k\"l", "6"),
            ("/ ", "7"),
            ("/m~0n", "8"),
        ] {
            assert_eq!(found(pointer), Some(value), "{pointer}");
        }
        for absent in [
            "/bar", "/foo/2", "/foo/-", "/foo/00", "/foo/+1", "/foo/0/0", "//x",
        ] {
            assert_eq!(found(absent), None, "{absent}");
        }
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        let deep = "/a".repeat(STEPS_MAX + 1);
        let long = format!("/{}", "a".repeat(POINTER_BYTES_MAX));
        for text in ["status", "#/status", "/~", "/a~2", "/~~0", &deep, &long] {
            assert!(Pointer::parse(text).is_err(), "{text}");
        }
        assert!(Pointer::parse(&"/a".repeat(STEPS_MAX)).is_ok());
    }

    #[test]
    fn the_last_of_two_members_counts_and_what_is_no_json_is_said() {
        let pointer = Pointer::parse("/a/b").unwrap();
        assert_eq!(
            pointer.find(r#"{"a":{"b":1},"a":{"b":2}}"#).unwrap(),
            Some("2")
        );
        assert_eq!(pointer.find(r#"{"a":{"b":1},"a":3}"#).unwrap(), None);
        assert_eq!(pointer.find(r#"{"\u0061":{"b":1}}"#).unwrap(), Some("1"));
        for broken in [
            "",
            "{",
            "{\"a\":{\"b\":1}",
            "{\"a\":{\"b\":1}} x",
            "{'a':1}",
            "ok",
        ] {
            assert!(pointer.find(broken).is_err(), "{broken}");
        }
        // Deep nesting beside the pointer's way is walked without a stack of our own.
        let deep = format!(
            "{{\"x\":{}{},\"a\":{{\"b\":1}}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert_eq!(pointer.find(&deep).unwrap(), Some("1"));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-c~/\"\\\\é]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-c~/0-2]{0,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// `serde_json::Value::pointer` is another implementation of the same RFC.
        #[test]
        fn any_pointer_finds_what_another_implementation_finds(
            value in json(),
            pointer in "(/([a-c0-2]|~0|~1){0,2}){0,4}",
        ) {
            let text = value.to_string();
            let found = Pointer::parse(&pointer).unwrap().find(&text).unwrap();
            let found = found.map(|text| serde_json::from_str::<Value>(text).unwrap());
            prop_assert_eq!(found.as_ref(), value.pointer(&pointer));
        }

        #[test]
        fn no_text_makes_it_panic(pointer in ".{0,20}", json in "[\\[\\]{}\",:0-9a-z\\\\ -]{0,40}") {
            if let Ok(pointer) = Pointer::parse(&pointer) {
                let _ = pointer.find(&json);
            }
        }
    }
}
