//! One rule for a header or the body, and what it says of an answer.

use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder};
use serde_json::{Number, Value};

use super::pointer::Pointer;
use crate::config::{self, HeaderRule};

/// The longest expression and the most memory of its automaton, as for the lines of a route.
const PATTERN_BYTES_MAX: usize = 4 << 10;
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Most values of one `is`; chosen.
const VALUES_MAX: usize = 100;

/// A rule for a header.
#[derive(Clone, Debug)]
pub(super) struct HeaderTest {
    name: String,
    matches: Option<Regex>,
    /// Whether it should be there and match, or not.
    wanted: bool,
}

impl HeaderTest {
    pub(super) fn new(name: &str, rule: &config::HeaderRule) -> Result<Self, String> {
        http::HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{name}` is no name of a header, such as `x-result`"))?;
        let (matches, wanted) = match rule {
            HeaderRule::Matches(pattern) => (Some(compiled(pattern)?), true),
            HeaderRule::Test(rule) => match (&rule.matches, rule.exists) {
                (Some(pattern), None) => (Some(compiled(pattern)?), !rule.not),
                (None, Some(exists)) => (None, exists != rule.not),
                _ => return Err("has not one of `matches` and `exists`".to_owned()),
            },
        };
        Ok(Self {
            name: name.to_owned(),
            matches,
            wanted,
        })
    }

    pub(super) fn judge(&self, all: &[(&str, &[u8])]) -> Result<(), String> {
        let mut own = all
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(&self.name))
            .peekable();
        let is_there = own.peek().is_some();
        let holds = match &self.matches {
            Some(regex) => own.any(|(_, value)| regex.is_match(value.trim_ascii())),
            None => is_there,
        };
        if holds == self.wanted {
            return Ok(());
        }
        let name = &self.name;
        Err(match (&self.matches, self.wanted) {
            (_, true) if !is_there => format!("the answer has no header `{name}`"),
            (Some(regex), true) => format!("header `{name}` does not match `{}`", regex.as_str()),
            (Some(regex), false) => format!("header `{name}` matches `{}`", regex.as_str()),
            (None, _) => format!("the answer has a header `{name}`"),
        })
    }
}

/// A rule for the body, or several of which one must hold.
#[derive(Clone, Debug)]
pub(super) enum BodyTest {
    One(Rule),
    Any(Vec<Rule>, Wanted),
}

/// Whether a test is to hold or not.
type Wanted = bool;

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pointer: Option<(String, Pointer)>,
    test: Test,
    wanted: Wanted,
}

#[derive(Clone, Debug)]
enum Test {
    Is(Vec<Value>),
    Matches(Regex),
    Exists,
    Null,
}

/// What cannot be judged.
struct Unjudged(String);

impl BodyTest {
    /// # Errors
    /// The place within the rule, such as `.pointer`, and what is wrong there.
    pub(super) fn new(rule: &config::BodyRule) -> Result<Self, super::Wrong> {
        if rule.any.is_empty() {
            return Rule::new(rule).map(Self::One);
        }
        let alone = config::BodyRule {
            not: rule.not,
            any: rule.any.clone(),
            ..config::BodyRule::default()
        };
        if *rule != alone {
            let detail = "stands beside `any`, where only `not` may; write it into `any`, or as a rule of its own";
            return Err((String::new(), detail.to_owned()));
        }
        let mut all = Vec::new();
        for (number, one) in rule.any.iter().enumerate() {
            if !one.any.is_empty() {
                let detail = "stands under another `any`; write its rules into that one";
                return Err((format!(".any[{number}].any"), detail.to_owned()));
            }
            let found = Rule::new(one);
            all.push(found.map_err(|(place, detail)| (format!(".any[{number}]{place}"), detail))?);
        }
        Ok(Self::Any(all, !rule.not))
    }

    pub(super) fn judge(&self, body: &[u8]) -> Result<(), String> {
        match self {
            Self::One(rule) => match rule.judge(body) {
                Ok(None) => Ok(()),
                Ok(Some(against)) => Err(against),
                Err(Unjudged(why)) => Err(why),
            },
            Self::Any(rules, wanted) => {
                let mut against = Vec::new();
                for rule in rules {
                    match rule.judge(body) {
                        Ok(None) if *wanted => return Ok(()),
                        Ok(None) => {
                            return Err("one of `any` holds, of which none should".to_owned());
                        }
                        Ok(Some(why)) => against.push(why),
                        Err(Unjudged(why)) if *wanted => against.push(why),
                        Err(Unjudged(why)) => return Err(why),
                    }
                }
                match wanted {
                    true => Err(format!("none of `any` holds: {}", against.join("; "))),
                    false => Ok(()),
                }
            }
        }
    }
}

impl Rule {
    fn new(rule: &config::BodyRule) -> Result<Self, super::Wrong> {
        let at = |key: &str| {
            let place = format!(".{key}");
            move |detail: String| (place, detail)
        };
        let pointer = match &rule.pointer {
            Some(text) => {
                let pointer = Pointer::parse(text).map_err(at("pointer"))?;
                Some((text.clone(), pointer))
            }
            None => None,
        };
        let (key, test, wanted) = match (&rule.is, &rule.matches, rule.exists, rule.null) {
            (Some(is), None, None, None) => ("is", Test::Is(values(is).map_err(at("is"))?), true),
            (None, Some(pattern), None, None) => {
                let regex = compiled(pattern).map_err(at("matches"))?;
                ("matches", Test::Matches(regex), true)
            }
            (None, None, Some(exists), None) => ("exists", Test::Exists, exists),
            (None, None, None, Some(null)) => ("null", Test::Null, null),
            _ => {
                let detail = "has not one of `is`, `matches`, `exists`, `null` and `any`";
                return Err((String::new(), detail.to_owned()));
            }
        };
        if pointer.is_none() && key != "matches" {
            let detail = "is of a value: give its `pointer`, such as `/status`, or \"\" for the whole document";
            return Err(at(key)(detail.to_owned()));
        }
        Ok(Self {
            pointer,
            test,
            wanted: wanted != rule.not,
        })
    }

    /// What is said against it, if anything.
    fn judge(&self, body: &[u8]) -> Result<Option<String>, Unjudged> {
        let Some((place, pointer)) = &self.pointer else {
            let Test::Matches(regex) = &self.test else {
                return Ok(None);
            };
            let how = if self.wanted {
                "does not match"
            } else {
                "matches"
            };
            let against = || format!("the body {how} `{}`", regex.as_str());
            return Ok((regex.is_match(body) != self.wanted).then(against));
        };
        if body.is_empty() {
            return Err(Unjudged(format!(
                "the answer has no body, and `{place}` is to be judged"
            )));
        }
        let body = std::str::from_utf8(body).map_err(|_| {
            Unjudged(format!(
                "the body is no UTF-8, and `{place}` is to be judged"
            ))
        })?;
        let found = pointer.find(body).map_err(|error| {
            Unjudged(format!(
                "the body is no JSON ({error}), and `{place}` is to be judged"
            ))
        })?;
        let holds = match (&self.test, found) {
            (Test::Exists, found) => found.is_some(),
            (_, None) => false,
            (Test::Null, Some(json)) => json == "null",
            (Test::Is(values), Some(json)) => values.iter().any(|value| is(json, value)),
            (Test::Matches(regex), Some(json)) => {
                text(json).is_some_and(|text| regex.is_match(text.as_bytes()))
            }
        };
        Ok((holds != self.wanted).then(|| self.against(place, found)))
    }

    fn against(&self, place: &str, found: Option<&str>) -> String {
        let Some(json) = found else {
            return format!("`{place}` is missing in the body");
        };
        let what = match &self.test {
            Test::Exists => return format!("`{place}` is there"),
            Test::Matches(regex) if self.wanted => format!("does not match `{}`", regex.as_str()),
            Test::Matches(regex) => format!("matches `{}`", regex.as_str()),
            Test::Null if self.wanted => "is not null".to_owned(),
            Test::Null => "is null".to_owned(),
            Test::Is(values) => {
                let values: Vec<_> = values.iter().map(Value::to_string).collect();
                let not = if self.wanted { "is not" } else { "is" };
                format!("{not} `{}`", values.join("` or `"))
            }
        };
        format!("`{place}` {what}: it is {}", kind(json))
    }
}

/// What a value is, in words that do not tell it.
fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "a text",
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b't') => "true",
        Some(b'f') => "false",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The values of `is`: one, or a list of them.
fn values(is: &Value) -> Result<Vec<Value>, String> {
    let all = match is {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    if all.is_empty() || all.len() > VALUES_MAX {
        return Err(format!("is not one value or 1 to {VALUES_MAX} of them"));
    }
    match all
        .iter()
        .find(|value| value.is_array() || value.is_object() || value.is_null())
    {
        Some(_) => Err(
            "holds what is no text, number, `true` or `false`; for null, give `null = true`"
                .to_owned(),
        ),
        None => Ok(all),
    }
}

/// Whether the JSON text of a value means `wanted`.
fn is(json: &str, wanted: &Value) -> bool {
    match wanted {
        Value::String(wanted) => {
            json.starts_with('"') && text(json).is_some_and(|text| text == *wanted)
        }
        Value::Bool(wanted) => json == if *wanted { "true" } else { "false" },
        Value::Number(wanted) => {
            serde_json::from_str(json).is_ok_and(|found: Number| same(&found, wanted))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Equal as numbers: `1.0` and `1` are the same.
fn same(a: &Number, b: &Number) -> bool {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a == b,
        _ => a.as_f64() == b.as_f64(),
    }
}

/// A text without its quotes, `None` for one that no UTF-8 can hold; any other value as it stands.
fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inner {
        None => Some(Cow::Borrowed(json)),
        Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        Some(_) => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

fn compiled(pattern: &str) -> Result<Regex, String> {
    if pattern.is_empty() || pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!(
            "the expression is not 1 to {PATTERN_BYTES_MAX} bytes long"
        ));
    }
    RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|error| format!("is no regular expression: {error}"))
}
