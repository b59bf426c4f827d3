//! Event patterns: which events a rule, or a mapping's filter, is for.
//!
//! ```text
//! {"source": ["my.app"], "detail": {"state": [{"anything-but": "idle"}], "count": [{"numeric": [">", 0, "<=", 5]}]}}
//! ```
//!
//! A field of a pattern holds further fields or a list of which one must match; all fields must. A list in the event matches where one
//! of its items does. Spoken are exact values, `prefix`, `suffix`, `equals-ignore-case`, `wildcard`, `anything-but`, `numeric`,
//! `exists` and `$or`; `cidr` is refused.
//!
//! Source: EventBridge User Guide, "Comparison operators for use in event patterns".

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest pattern. Source: EventBridge API Reference, `EventPattern`; quotas.
pub const PATTERN_CHARS_MAX: usize = 4096;
/// Deepest nesting. Chosen.
const DEPTH_MAX: usize = 32;

/// A pattern with the text that it was read from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    node: Node,
}

/// All of these must hold.
#[derive(Clone, Debug, PartialEq)]
struct Node(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// A field that holds fields.
    Within(String, Node),
    /// A field of which one test must hold.
    OneOf(String, Vec<Test>),
    /// One of these must hold.
    Or(Vec<Node>),
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Equals(Value),
    Text(TextTest),
    /// None of these.
    NotEquals(Vec<Value>),
    /// A text of which none of these holds.
    NotText(Vec<TextTest>),
    Numeric(Vec<(Comparison, f64)>),
    Exists,
    Absent,
}

#[derive(Clone, Debug, PartialEq)]
enum TextTest {
    Prefix(String),
    PrefixAnyCase(String),
    Suffix(String),
    SuffixAnyCase(String),
    AnyCase(String),
    /// The pieces between the stars.
    Wildcard(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

/// A pattern that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPattern(String);

impl Pattern {
    /// The pattern as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is for `event`.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        self.node.matches(Some(event))
    }
}

impl Node {
    fn matches(&self, event: Option<&Value>) -> bool {
        match event {
            // One item of a list must be right in itself.
            Some(Value::Array(items)) if !items.is_empty() => {
                items.iter().any(|item| self.matches(Some(item)))
            }
            other => {
                let fields = other.and_then(Value::as_object);
                self.0.iter().all(|part| part.matches(fields))
            }
        }
    }
}

impl Part {
    fn matches(&self, fields: Option<&Map<String, Value>>) -> bool {
        let field = |name: &str| fields.and_then(|fields| fields.get(name));
        match self {
            Self::Within(name, node) => node.matches(field(name)),
            Self::OneOf(name, tests) => tests.iter().any(|test| test.matches_field(field(name))),
            Self::Or(nodes) => nodes
                .iter()
                .any(|node| node.0.iter().all(|part| part.matches(fields))),
        }
    }
}

impl Test {
    fn matches_field(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Exists, value) => value.is_some_and(is_leaf),
            (Self::Absent, value) => !value.is_some_and(is_leaf),
            (_, None) => false,
            (_, Some(Value::Array(items))) => items.iter().any(|item| self.matches_one(item)),
            (_, Some(value)) => self.matches_one(value),
        }
    }

    fn matches_one(&self, value: &Value) -> bool {
        match self {
            Self::Equals(wanted) => wanted == value,
            Self::Text(test) => value.as_str().is_some_and(|text| test.matches(text)),
            Self::NotEquals(unwanted) => is_leaf(value) && !unwanted.contains(value),
            Self::NotText(tests) => value
                .as_str()
                .is_some_and(|text| !tests.iter().any(|test| test.matches(text))),
            Self::Numeric(bounds) => value.as_f64().is_some_and(|number| {
                bounds
                    .iter()
                    .all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            Self::Exists | Self::Absent => false,
        }
    }
}

impl TextTest {
    fn matches(&self, text: &str) -> bool {
        let lower = || text.to_lowercase();
        match self {
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::PrefixAnyCase(prefix) => lower().starts_with(prefix),
            Self::Suffix(suffix) => text.ends_with(suffix),
            Self::SuffixAnyCase(suffix) => lower().ends_with(suffix),
            Self::AnyCase(wanted) => lower() == *wanted,
            Self::Wildcard(pieces) => is_made_of(pieces, text),
        }
    }
}

impl Comparison {
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Equal => number.total_cmp(&bound).is_eq() || number == bound,
            Self::GreaterOrEqual => number >= bound,
            Self::Greater => number > bound,
        }
    }
}

/// Only leaves exist.
fn is_leaf(value: &Value) -> bool {
    !value.is_object()
}

/// Whether `text` is the pieces in their order with anything between them.
fn is_made_of(pieces: &[String], text: &str) -> bool {
    let [first, rest @ ..] = pieces else {
        return false;
    };
    let Some((last, between)) = rest.split_last() else {
        return first == text;
    };
    let Some(mut left) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    for piece in between {
        match left.split_once(piece.as_str()) {
            Some((_, behind)) => left = behind,
            None => return false,
        }
    }
    left.ends_with(last.as_str())
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        if text.chars().count() > PATTERN_CHARS_MAX {
            return Err(invalid(format!(
                "it has more than {PATTERN_CHARS_MAX} characters"
            )));
        }
        let value: Value = serde_json::from_str(text)
            .map_err(|error| invalid(format!("it is no JSON: {error}")))?;
        let fields = value
            .as_object()
            .ok_or_else(|| invalid("it must be an object"))?;
        Ok(Self {
            node: node(fields, 0)?,
            text: text.to_owned(),
        })
    }
}

fn node(fields: &Map<String, Value>, depth: usize) -> Result<Node, InvalidPattern> {
    if fields.is_empty() {
        return Err(invalid("Empty objects are not allowed"));
    }
    if depth >= DEPTH_MAX {
        return Err(invalid(format!("it is nested deeper than {DEPTH_MAX}")));
    }
    let parts = fields.iter().map(|(name, value)| part(name, value, depth));
    Ok(Node(parts.collect::<Result<_, _>>()?))
}

fn part(name: &str, value: &Value, depth: usize) -> Result<Part, InvalidPattern> {
    match value {
        Value::Array(nodes) if name == "$or" => {
            if nodes.len() < 2 {
                return Err(invalid("`$or` holds two patterns or more"));
            }
            let nodes = nodes.iter().map(|value| match value {
                Value::Object(fields) => node(fields, depth + 1),
                _ => Err(invalid("`$or` holds objects")),
            });
            Ok(Part::Or(nodes.collect::<Result<_, _>>()?))
        }
        Value::Array(tests) if tests.is_empty() => {
            Err(invalid(format!("Empty arrays are not allowed: `{name}`")))
        }
        Value::Array(tests) => {
            let tests = tests.iter().map(test).collect::<Result<_, _>>()?;
            Ok(Part::OneOf(name.to_owned(), tests))
        }
        Value::Object(fields) => Ok(Part::Within(name.to_owned(), node(fields, depth + 1)?)),
        _ => Err(invalid(format!("\"{name}\" must be an object or an array"))),
    }
}

fn test(value: &Value) -> Result<Test, InvalidPattern> {
    let Value::Object(fields) = value else {
        return match value {
            Value::Array(_) => Err(invalid("an array stands within an array")),
            exact => Ok(Test::Equals(exact.clone())),
        };
    };
    let mut fields = fields.iter();
    let (Some((name, value)), None) = (fields.next(), fields.next()) else {
        return Err(invalid("Only one key allowed in match expression"));
    };
    match name.as_str() {
        "exists" => match value.as_bool() {
            Some(true) => Ok(Test::Exists),
            Some(false) => Ok(Test::Absent),
            None => Err(invalid("`exists` is true or false")),
        },
        "numeric" => numeric(value),
        "anything-but" => anything_but(value),
        name => Ok(Test::Text(text_test(name, value)?)),
    }
}

fn text_test(name: &str, value: &Value) -> Result<TextTest, InvalidPattern> {
    if let ("prefix" | "suffix", Some(inner)) = (name, value.get("equals-ignore-case")) {
        let text = text(name, inner)?.to_lowercase();
        return Ok(match name {
            "prefix" => TextTest::PrefixAnyCase(text),
            _ => TextTest::SuffixAnyCase(text),
        });
    }
    let given = |value| text(name, value).map(str::to_owned);
    match name {
        "prefix" => Ok(TextTest::Prefix(given(value)?)),
        "suffix" => Ok(TextTest::Suffix(given(value)?)),
        "equals-ignore-case" => Ok(TextTest::AnyCase(given(value)?.to_lowercase())),
        "wildcard" => {
            let text = given(value)?;
            if text.contains("**") || text.contains('\\') {
                return Err(invalid("a wildcard holds no `**` and no `\\` here"));
            }
            Ok(TextTest::Wildcard(
                text.split('*').map(str::to_owned).collect(),
            ))
        }
        other => Err(invalid(format!("Unrecognized match type {other}"))),
    }
}

fn anything_but(value: &Value) -> Result<Test, InvalidPattern> {
    match value {
        Value::Array(values) if !values.is_empty() && values.iter().all(is_scalar) => {
            Ok(Test::NotEquals(values.clone()))
        }
        Value::Object(fields) => {
            let mut fields = fields.iter();
            let (Some((name, value)), None) = (fields.next(), fields.next()) else {
                return Err(invalid("Only one key allowed in match expression"));
            };
            let values = match value {
                Value::Array(values) => values.as_slice(),
                one => std::slice::from_ref(one),
            };
            let tests = values.iter().map(|value| text_test(name, value));
            Ok(Test::NotText(tests.collect::<Result<_, _>>()?))
        }
        value if is_scalar(value) => Ok(Test::NotEquals(vec![value.clone()])),
        _ => Err(invalid(
            "`anything-but` holds a text, a number, a list of them, or one further test",
        )),
    }
}

fn numeric(value: &Value) -> Result<Test, InvalidPattern> {
    let wrong = || invalid("`numeric` holds a list such as [\">\", 0, \"<=\", 5]");
    let items = value.as_array().ok_or_else(wrong)?;
    if !matches!(items.len(), 2 | 4) {
        return Err(wrong());
    }
    let pairs = items.chunks_exact(2).map(|pair| {
        let [comparison, bound] = pair else {
            return Err(wrong());
        };
        let comparison = match comparison.as_str() {
            Some("<") => Comparison::Less,
            Some("<=") => Comparison::LessOrEqual,
            Some("=") => Comparison::Equal,
            Some(">=") => Comparison::GreaterOrEqual,
            Some(">") => Comparison::Greater,
            _ => return Err(wrong()),
        };
        Ok((comparison, bound.as_f64().ok_or_else(wrong)?))
    });
    Ok(Test::Numeric(pairs.collect::<Result<_, _>>()?))
}

fn is_scalar(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

fn text<'a>(name: &str, value: &'a Value) -> Result<&'a str, InvalidPattern> {
    value
        .as_str()
        .ok_or_else(|| invalid(format!("{name} match pattern must be a string")))
}

fn invalid(why: impl Into<String>) -> InvalidPattern {
    InvalidPattern(why.into())
}

impl TryFrom<String> for Pattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn matches(pattern: &Value, event: &Value) -> bool {
        let pattern: Pattern = pattern.to_string().parse().unwrap();
        pattern.matches(event)
    }

    /// The event of the guide's page on patterns.
    fn event() -> Value {
        json!({
            "version": "0", "id": "3e3c153a-8339-4e30-8c35-687ebef853fe",
            "detail-type": "EC2 Instance Launch Successful", "source": "aws.autoscaling",
            "account": "123456789012", "time": "2015-11-11T21:31:47Z", "region": "us-east-1",
            "resources": ["arn:aws:autoscaling:a", "arn:aws:ec2:b"],
            "detail": {
                "eventVersion": "", "c-count": 5, "d-count": 3, "x-limit": 301.8, "state": "Running", "nothing": null,
                "source-ip": "10.0.0.33", "parts": [{"name": "a", "size": 1}, {"name": "b", "size": 2}], "file": "a/b/c.PNG"
            }
        })
    }

    #[test]
    fn the_operators_of_the_guide_do_what_it_says() {
        let cases = [
            (json!({"source": ["aws.autoscaling"]}), true),
            (json!({"source": ["aws.ec2", "aws.autoscaling"]}), true),
            (json!({"source": ["aws.ec2"]}), false),
            (json!({"source": ["AWS.autoscaling"]}), false),
            (json!({"resources": ["arn:aws:ec2:b"]}), true),
            (json!({"detail": {"eventVersion": [""]}}), true),
            (json!({"detail": {"nothing": [null]}}), true),
            (json!({"detail": {"absent": [null]}}), false),
            (json!({"detail": {"state": [{"prefix": "Run"}]}}), true),
            (
                json!({"detail": {"state": [{"prefix": {"equals-ignore-case": "rUN"}}]}}),
                true,
            ),
            (json!({"detail": {"file": [{"suffix": ".png"}]}}), false),
            (
                json!({"detail": {"file": [{"suffix": {"equals-ignore-case": ".png"}}]}}),
                true,
            ),
            (
                json!({"detail": {"state": [{"equals-ignore-case": "rUNNING"}]}}),
                true,
            ),
            (json!({"detail": {"file": [{"wildcard": "a/*/c.*"}]}}), true),
            (
                json!({"detail": {"file": [{"wildcard": "a/*/d.*"}]}}),
                false,
            ),
            (json!({"detail": {"file": [{"wildcard": "*PNG"}]}}), true),
            (
                json!({"detail": {"state": [{"anything-but": "initializing"}]}}),
                true,
            ),
            (
                json!({"detail": {"state": [{"anything-but": ["stopped", "Running"]}]}}),
                false,
            ),
            (
                json!({"detail": {"x-limit": [{"anything-but": [100, 200, 300]}]}}),
                true,
            ),
            (
                json!({"detail": {"state": [{"anything-but": {"prefix": "Run"}}]}}),
                false,
            ),
            (
                json!({"detail": {"absent": [{"anything-but": "x"}]}}),
                false,
            ),
            (
                json!({"detail": {"c-count": [{"numeric": [">", 0, "<=", 5]}], "d-count": [{"numeric": ["<", 10]}], "x-limit": [{"numeric": ["=", 301.8]}]}}),
                true,
            ),
            (
                json!({"detail": {"c-count": [{"numeric": [">", 5]}]}}),
                false,
            ),
            (json!({"detail": {"state": [{"numeric": [">", 5]}]}}), false),
            (json!({"detail": {"c-count": [{"exists": true}]}}), true),
            (json!({"detail": {"absent": [{"exists": false}]}}), true),
            (json!({"nowhere": {"absent": [{"exists": false}]}}), true),
            (json!({"detail": {"c-count": [{"exists": false}]}}), false),
            (
                json!({"detail": {"parts": {"name": ["a"], "size": [1]}}}),
                true,
            ),
            // Both must hold of one item.
            (
                json!({"detail": {"parts": {"name": ["a"], "size": [2]}}}),
                false,
            ),
            (
                json!({"detail": {"$or": [{"c-count": [4]}, {"d-count": [3]}]}}),
                true,
            ),
            (
                json!({"detail": {"$or": [{"c-count": [4]}, {"d-count": [4]}]}}),
                false,
            ),
            (
                json!({"source": ["aws.autoscaling"], "detail": {"state": ["Stopped"]}}),
                false,
            ),
        ];
        for (pattern, expected) in cases {
            assert_eq!(matches(&pattern, &event()), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_a_reason() {
        let cases = [
            ("", "no JSON"),
            ("[]", "object"),
            ("{}", "Empty objects"),
            (r#"{"source": []}"#, "Empty arrays"),
            (r#"{"source": "a"}"#, "must be an object or an array"),
            (r#"{"source": [["a"]]}"#, "array"),
            (r#"{"source": [{"prefix": 1}]}"#, "must be a string"),
            (
                r#"{"source": [{"prefix": "a", "suffix": "b"}]}"#,
                "Only one key",
            ),
            (
                r#"{"source": [{"like": "a"}]}"#,
                "Unrecognized match type like",
            ),
            (
                r#"{"source": [{"cidr": "10.0.0.0/8"}]}"#,
                "Unrecognized match type cidr",
            ),
            (r#"{"n": [{"numeric": [">"]}]}"#, "numeric"),
            (r#"{"n": [{"numeric": ["~", 1]}]}"#, "numeric"),
            (r#"{"n": [{"exists": 1}]}"#, "exists"),
            (r#"{"n": [{"anything-but": []}]}"#, "anything-but"),
            (r#"{"$or": [{"a": [1]}]}"#, "$or"),
        ];
        for (text, why) in cases {
            let refused = text.parse::<Pattern>().unwrap_err().to_string();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn wildcards_are_as_slow_matching_says(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            fn slow(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern.split_first(), text.split_first()) {
                    (None, None) => true,
                    (Some((b'*', rest)), _) => slow(rest, text) || text.split_first().is_some_and(|(_, left)| slow(pattern, left)),
                    (Some((one, rest)), Some((other, left))) => one == other && slow(rest, left),
                    _ => false,
                }
            }
            let pieces: Vec<_> = pattern.split('*').map(str::to_owned).collect();
            prop_assert_eq!(is_made_of(&pieces, &text), slow(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn no_text_breaks_it(text in "[{}\\[\\]\":,a-z0-9$]{0,60}") {
            let _ = text.parse::<Pattern>();
        }
    }
}
