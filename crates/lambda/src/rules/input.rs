//! What a target is given: the event, a part of it, a text of its own, or a text with parts of the event.
//!
//! Paths are `$`, `$.name`, `$.name[0].other`; other forms of JSONPath are refused.
//!
//! Source: EventBridge User Guide, "Amazon EventBridge input transformation".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest `Input` and `InputTemplate`. Source: EventBridge API Reference, Target.
pub const INPUT_CHARS_MAX: usize = 8192;
/// Longest path. Source: as above.
pub const PATH_CHARS_MAX: usize = 256;
/// Most variables of a template. Source: API Reference, InputTransformer.
pub const VARIABLES_MAX: usize = 100;

/// What becomes of an event on its way to a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// The event as it is.
    #[default]
    Event,
    /// This JSON, whatever happens.
    Constant(String),
    /// A part of the event.
    Path(String),
    /// A template with parts of the event.
    Transformed {
        /// Variables and their paths.
        paths: BTreeMap<String, String>,
        /// Text with `<variable>`.
        template: String,
    },
}

/// An input that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInput {
    /// It is too long.
    #[error("`{what}` has more than {max} characters")]
    TooLong {
        /// Such as `Input`.
        what: &'static str,
        /// How many it may have.
        max: usize,
    },
    /// The constant is no JSON.
    #[error("JSON syntax error in input")]
    NoJson,
    /// A path of a form that is not spoken.
    #[error("the path `{path}` is not `$`, `$.name` or `$.name[0]` and such behind each other")]
    Path {
        /// The path.
        path: String,
    },
    /// The template names a variable that has no path.
    #[error("InputTemplate contains placeholder `{name}` that is not in InputPathsMap")]
    Variable {
        /// Its name.
        name: String,
    },
    /// There are too many variables, or one has no right name.
    #[error(
        "InputPathsMap has at most {VARIABLES_MAX} keys of letters, digits, `-` and `_` that do not begin with `AWS`"
    )]
    Variables,
}

/// What is known of an event beyond its text.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The rule's ARN.
    pub rule_arn: &'a str,
    /// The rule's name.
    pub rule: &'a str,
    /// When the event came in, as RFC 3339.
    pub ingested: &'a str,
}

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

impl Input {
    /// Whether it can be.
    ///
    /// # Errors
    /// [`InvalidInput`].
    pub fn check(&self) -> Result<(), InvalidInput> {
        match self {
            Self::Event => Ok(()),
            Self::Constant(text) => {
                bounded("Input", text, INPUT_CHARS_MAX)?;
                let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
                is_json.then_some(()).ok_or(InvalidInput::NoJson)
            }
            Self::Path(path) => check_path("InputPath", path),
            Self::Transformed { paths, template } => {
                bounded("InputTemplate", template, INPUT_CHARS_MAX)?;
                if paths.len() > VARIABLES_MAX || !paths.keys().all(|name| is_variable(name)) {
                    return Err(InvalidInput::Variables);
                }
                for path in paths.values() {
                    check_path("InputPathsMap", path)?;
                }
                let unknown = pieces(template).find_map(|piece| match piece {
                    Piece::Variable(name)
                        if !name.starts_with("aws.events.") && !paths.contains_key(name) =>
                    {
                        Some(name.to_owned())
                    }
                    _ => None,
                });
                unknown.map_or(Ok(()), |name| Err(InvalidInput::Variable { name }))
            }
        }
    }

    /// What the target is given for the event `text`, which is `event`.
    #[must_use]
    pub fn apply(&self, text: &str, event: &Value, about: &About<'_>) -> String {
        match self {
            Self::Event => text.to_owned(),
            Self::Constant(constant) => constant.clone(),
            Self::Path(path) => {
                find(event, path).map_or_else(|| "null".to_owned(), Value::to_string)
            }
            Self::Transformed { paths, template } => {
                let of = |name: &str| match name {
                    "aws.events.rule-arn" => Some(Value::from(about.rule_arn)),
                    "aws.events.rule-name" => Some(Value::from(about.rule)),
                    "aws.events.event.ingestion-time" => Some(Value::from(about.ingested)),
                    "aws.events.event" | "aws.events.event.json" => Some(event.clone()),
                    name => paths.get(name).and_then(|path| find(event, path)).cloned(),
                };
                fill(template, of)
            }
        }
    }
}

/// Puts values into a template. Within quotes a text stands as it is and other values as their JSON with quotes escaped; outside every
/// value is its JSON. What is not there is nothing within quotes, and `null` outside.
fn fill(template: &str, of: impl Fn(&str) -> Option<Value>) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut is_quoted = false;
    for piece in pieces(template) {
        match piece {
            Piece::Text(text) => {
                is_quoted = quoted_after(text, is_quoted);
                filled.push_str(text);
            }
            Piece::Variable(name) => {
                let value = of(name);
                match (is_quoted, value) {
                    (false, value) => filled.push_str(&value.unwrap_or_default().to_string()),
                    (true, None) => {}
                    (true, Some(Value::String(text))) => filled.push_str(&within_quotes(&text)),
                    (true, Some(value)) => filled.push_str(&within_quotes(&value.to_string())),
                }
            }
        }
    }
    filled
}

/// A text as it stands between the quotes of JSON.
fn within_quotes(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    let inner = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}

/// Whether the end of `text` stands within quotes.
fn quoted_after(text: &str, mut is_quoted: bool) -> bool {
    let mut is_escaped = false;
    for char in text.chars() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
    }
    is_quoted
}

/// A template's texts and variables in turn. A `<` that begins no variable is text.
fn pieces(template: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut left = template;
    std::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        if let Some((name, behind)) = variable_at(left) {
            left = behind;
            return Some(Piece::Variable(name));
        }
        let starts = left.char_indices().skip(1);
        let next = starts
            .filter(|(_, char)| *char == '<')
            .find_map(|(at, _)| left.get(at..).and_then(variable_at).map(|_| at));
        let (text, behind) = left.split_at_checked(next.unwrap_or(left.len()))?;
        left = behind;
        Some(Piece::Text(text))
    })
}

fn variable_at(text: &str) -> Option<(&str, &str)> {
    let (name, behind) = text.strip_prefix('<')?.split_once('>')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| is_word(byte) || byte == b'.');
    is_name.then_some((name, behind))
}

fn is_variable(name: &str) -> bool {
    (1..=PATH_CHARS_MAX).contains(&name.len())
        && name.bytes().all(is_word)
        && !name
            .get(..3)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws"))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn bounded(what: &'static str, text: &str, max: usize) -> Result<(), InvalidInput> {
    match text.chars().count() <= max {
        true => Ok(()),
        false => Err(InvalidInput::TooLong { what, max }),
    }
}

fn check_path(what: &'static str, path: &str) -> Result<(), InvalidInput> {
    bounded(what, path, PATH_CHARS_MAX)?;
    let is_spoken = steps(path).is_some();
    is_spoken.then_some(()).ok_or_else(|| InvalidInput::Path {
        path: path.to_owned(),
    })
}

/// One step of a path.
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut left = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !left.is_empty() {
        if let Some(behind) = left.strip_prefix('.') {
            let end = behind.find(['.', '[']).unwrap_or(behind.len());
            let (name, rest) = behind.split_at_checked(end)?;
            let is_plain = !name.is_empty() && !name.contains(['*', '?', '@', ']', '\'', '"', ' ']);
            steps.push(is_plain.then_some(Step::Name(name))?);
            left = rest;
        } else {
            let (inside, rest) = left.strip_prefix('[')?.split_once(']')?;
            let is_number = !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_digit());
            steps.push(match is_number {
                true => Step::Index(inside.parse().ok()?),
                false => Step::Name(inside.strip_prefix('\'')?.strip_suffix('\'')?),
            });
            left = rest;
        }
    }
    Some(steps)
}

fn find<'a>(event: &'a Value, path: &str) -> Option<&'a Value> {
    steps(path)?
        .into_iter()
        .try_fold(event, |at, step| match step {
            Step::Name(name) => at.get(name),
            Step::Index(index) => at.get(index),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ABOUT: About<'static> = About {
        rule_arn: "arn:aws:events:us-east-1:123456789012:rule/r",
        rule: "r",
        ingested: "2026-11-29T20:47:52Z",
    };

    /// The event of the guide's page on input transformation.
    fn event() -> Value {
        json!({
            "version": "0", "id": "7bf73129-1428-4cd3-a780-95db273d1602", "detail-type": "EC2 Instance State-change Notification",
            "source": "aws.ec2", "account": "123456789012", "time": "2015-11-11T21:29:54Z", "region": "us-east-1",
            "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
            "detail": {"instance-id": "i-0123456789", "state": "RUNNING", "say": "a \"b\""}
        })
    }

    fn applied(input: &Input) -> String {
        input.check().unwrap();
        let event = event();
        input.apply(&event.to_string(), &event, &ABOUT)
    }

    fn transformed(paths: &[(&str, &str)], template: &str) -> Input {
        let own = |(name, path): &(&str, &str)| ((*name).to_owned(), (*path).to_owned());
        Input::Transformed {
            paths: paths.iter().map(own).collect(),
            template: template.to_owned(),
        }
    }

    #[test]
    fn the_examples_of_the_guide_come_out_as_it_says() {
        let paths = [
            ("timestamp", "$.time"),
            ("instance", "$.detail.instance-id"),
            ("state", "$.detail.state"),
            ("resource", "$.resources[0]"),
            ("none", "$.detail.none"),
        ];
        let cases = [
            (
                "\"instance <instance> is in <state>\"",
                "\"instance i-0123456789 is in RUNNING\"",
            ),
            (
                "{\"instance\" : <instance>, \"status\": <state>}",
                "{\"instance\" : \"i-0123456789\", \"status\": \"RUNNING\"}",
            ),
            (
                "{\"instance\" : \"<instance>\", \"status\": \"<state> \\\"<state>\\\"\"}",
                "{\"instance\" : \"i-0123456789\", \"status\": \"RUNNING \\\"RUNNING\\\"\"}",
            ),
            (
                "{\"at\": <timestamp>, \"on\": <resource>}",
                "{\"at\": \"2015-11-11T21:29:54Z\", \"on\": \"arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111\"}",
            ),
            (
                "{\"rule\": \"<aws.events.rule-name>\", \"at\": <aws.events.event.ingestion-time>}",
                "{\"rule\": \"r\", \"at\": \"2026-11-29T20:47:52Z\"}",
            ),
            (
                "{\"a\": <none>, \"b\": \"<none>\", \"c\": \"1 < 2\"}",
                "{\"a\": null, \"b\": \"\", \"c\": \"1 < 2\"}",
            ),
        ];
        for (template, expected) in cases {
            assert_eq!(applied(&transformed(&paths, template)), expected);
        }
        let quoted = transformed(&[("say", "$.detail.say")], "\"<say>\"");
        assert_eq!(applied(&quoted), "\"a \\\"b\\\"\"");
    }

    #[test]
    fn a_path_takes_a_part() {
        let path = |path: &str| applied(&Input::Path(path.to_owned()));
        assert_eq!(path("$.detail.state"), "\"RUNNING\"");
        assert_eq!(path("$['detail']['state']"), "\"RUNNING\"");
        assert_eq!(path("$.resources[1]"), "null");
        assert_eq!(serde_json::from_str::<Value>(&path("$")).unwrap(), event());
        assert_eq!(
            applied(&Input::Constant("{\"a\": 1}".to_owned())),
            "{\"a\": 1}"
        );
        assert_eq!(applied(&Input::Event), event().to_string());
    }

    #[test]
    fn what_cannot_be_applied_is_refused() {
        let refused = [
            Input::Constant("{".to_owned()),
            Input::Constant(format!("\"{}\"", "a".repeat(INPUT_CHARS_MAX))),
            Input::Path("detail".to_owned()),
            Input::Path("$..state".to_owned()),
            Input::Path("$.a[*]".to_owned()),
            Input::Path("$.".to_owned()),
            transformed(&[], "<a>"),
            transformed(&[("AWSx", "$")], "<AWSx>"),
            transformed(&[("a", "x")], "<a>"),
        ];
        for input in refused {
            assert!(input.check().is_err(), "{input:?}");
        }
    }
}
