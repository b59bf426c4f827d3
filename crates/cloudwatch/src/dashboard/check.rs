//! What a body must look like, and what is said of one that does not.
//!
//! The sentences are those of ajv 5, the checker of JSON schemas that AWS answers with, with a capital letter in front.
//! Seen in answers of AWS: `Should have required property 'X'`, `Should be array`, `Should NOT have less than 1 items`, and
//! the two of metric widgets. The others are ajv's for the same kind of fault.
//!
//! What is wrong is an error; what is merely unknown is a warning, and the dashboard is kept.

use serde_json::{Map, Value};

/// Messages of one body. Chosen: nobody reads more.
const MESSAGES_MAX: usize = 100;

/// One thing that is wrong or odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where, as a JSON pointer: `/widgets/9/properties`.
    pub path: String,
    /// What.
    pub text: String,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What keeps a body from being taken.
    pub errors: Vec<Message>,
    /// What does not.
    pub warnings: Vec<Message>,
}

impl Report {
    /// Notes an error.
    pub(crate) fn error(&mut self, path: &str, text: impl Into<String>) {
        note(&mut self.errors, path, text.into());
    }

    /// Notes a warning.
    pub(crate) fn warn(&mut self, path: &str, text: impl Into<String>) {
        note(&mut self.warnings, path, text.into());
    }
}

fn note(list: &mut Vec<Message>, path: &str, text: String) {
    if list.len() < MESSAGES_MAX {
        list.push(Message {
            path: path.to_owned(),
            text,
        });
    }
}

/// What a value must be.
#[derive(Clone, Copy)]
pub(crate) enum Is {
    Any,
    Text,
    Flag,
    Number,
    Whole {
        min: i64,
        max: i64,
    },
    OneOf(&'static [&'static str]),
    Form {
        pattern: &'static str,
        fits: fn(&str) -> bool,
    },
    List {
        items: &'static Is,
        min: usize,
        max: usize,
    },
    Fields(&'static Fields),
    /// What the function says.
    Told(fn(&mut Report, &str, &Value)),
}

/// The members of an object. One that is not among them is warned of.
pub(crate) struct Fields {
    pub(crate) known: &'static [(&'static str, Is)],
    pub(crate) required: &'static [&'static str],
}

/// A colour, such as `#d62728`.
pub(crate) const COLOUR: Is = Is::Form {
    pattern: "^#[0-9a-fA-F]{3,6}$",
    fits: is_colour,
};

pub(crate) fn is_colour(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or_default();
    matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Checks a value at `path`.
pub(crate) fn check(report: &mut Report, path: &str, value: &Value, is: &Is) {
    match is {
        Is::Any => {}
        Is::Text => kind(report, path, value.is_string(), "string"),
        Is::Flag => kind(report, path, value.is_boolean(), "boolean"),
        Is::Number => kind(report, path, value.is_number(), "number"),
        Is::Whole { min, max } => whole(report, path, value, *min, *max),
        Is::OneOf(allowed) => one_of(report, path, value, allowed),
        Is::Form { pattern, fits } => form(report, path, value, pattern, *fits),
        Is::List { items, min, max } => list(report, path, value, items, *min, *max),
        Is::Fields(fields) => members(report, path, value, fields),
        Is::Told(tell) => tell(report, path, value),
    }
}

fn kind(report: &mut Report, path: &str, is_right: bool, name: &str) {
    if !is_right {
        report.error(path, format!("Should be {name}"));
    }
}

fn whole(report: &mut Report, path: &str, value: &Value, min: i64, max: i64) {
    let fraction = value.as_f64().filter(|number| number.fract() == 0.0);
    let Some(number) = fraction else {
        return kind(report, path, false, "integer");
    };
    let (low, high) = (min as f64, max as f64);
    if number < low {
        report.error(path, format!("Should be >= {min}"));
    } else if number > high {
        report.error(path, format!("Should be <= {max}"));
    }
}

fn one_of(report: &mut Report, path: &str, value: &Value, allowed: &[&str]) {
    let is_allowed = value.as_str().is_some_and(|text| allowed.contains(&text));
    if !is_allowed {
        report.error(path, "Should be equal to one of the allowed values");
    }
}

fn form(report: &mut Report, path: &str, value: &Value, pattern: &str, fits: fn(&str) -> bool) {
    match value.as_str() {
        None => kind(report, path, false, "string"),
        Some(text) if fits(text) => {}
        Some(_) => report.error(path, format!("Should match pattern \"{pattern}\"")),
    }
}

fn list(report: &mut Report, path: &str, value: &Value, items: &Is, min: usize, max: usize) {
    let Some(values) = value.as_array() else {
        return kind(report, path, false, "array");
    };
    if values.len() < min {
        report.error(path, format!("Should NOT have less than {min} items"));
    }
    if values.len() > max {
        return report.error(path, format!("Should NOT have more than {max} items"));
    }
    for (index, item) in values.iter().enumerate() {
        check(report, &format!("{path}/{index}"), item, items);
    }
}

fn members(report: &mut Report, path: &str, value: &Value, fields: &Fields) {
    let Some(object) = value.as_object() else {
        return kind(report, path, false, "object");
    };
    require(report, path, object, fields.required);
    for (name, value) in object {
        let known = fields.known.iter().find(|(known, _)| known == name);
        match known {
            Some((_, is)) => check(report, &child(path, name), value, is),
            None => report.warn(&child(path, name), "Should NOT have additional properties"),
        }
    }
}

/// Notes the members that are not there.
pub(crate) fn require(
    report: &mut Report,
    path: &str,
    object: &Map<String, Value>,
    names: &[&str],
) {
    for name in names {
        if !object.contains_key(*name) {
            report.error(path, format!("Should have required property '{name}'"));
        }
    }
}

/// The pointer to a member.
pub(crate) fn child(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}
