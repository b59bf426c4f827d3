//! What a macro may name: fields of the line, attributes of the message, built-ins.

use std::fmt;

use base::Timestamp;

use super::Scope;

/// A name in a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A field of the line.
    Field(Path),
    /// `@attr.NAME`: an attribute of the message.
    Attribute(Box<str>),
    /// `@query.NAME`: a parameter of the URL, decoded.
    Parameter(Box<str>),
    /// Any other name that begins with `@`.
    Builtin(Builtin),
}

/// The name of a field. A field that has this very name comes first; else each `.` steps into a JSON object, or by a number
/// from 0 into a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: Box<str>,
}

/// What is known without being a field of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// `@id`: the notification's id.
    Id,
    /// `@attempt`: the number of this attempt, from 1.
    Attempt,
    /// `@time.…`: when this attempt is made.
    Time(TimeForm),
    /// `@accepted.…`: when the notification was accepted.
    Accepted(TimeForm),
    /// `@method`: the request's method.
    Method,
    /// `@url`: the request's whole URL.
    Url,
    /// `@host`: its host.
    Host,
    /// `@path`: its path.
    Path,
    /// `@query`: its query, without the `?`.
    Query,
    /// `@body`: the request's body.
    Body,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// Whole seconds since 1970, a number.
    Unix,
    /// Milliseconds since 1970, a number.
    UnixMs,
    /// RFC 3339 in UTC, such as `2026-11-23T05:03:10.123Z`.
    Iso,
}

/// Every built-in by its name, in the order in which they are explained.
pub const BUILTINS: &[(&str, Builtin)] = &[
    ("@id", Builtin::Id),
    ("@attempt", Builtin::Attempt),
    ("@time.unix", Builtin::Time(TimeForm::Unix)),
    ("@time.unix_ms", Builtin::Time(TimeForm::UnixMs)),
    ("@time.iso", Builtin::Time(TimeForm::Iso)),
    ("@accepted.unix", Builtin::Accepted(TimeForm::Unix)),
    ("@accepted.unix_ms", Builtin::Accepted(TimeForm::UnixMs)),
    ("@accepted.iso", Builtin::Accepted(TimeForm::Iso)),
    ("@method", Builtin::Method),
    ("@url", Builtin::Url),
    ("@host", Builtin::Host),
    ("@path", Builtin::Path),
    ("@query", Builtin::Query),
    ("@body", Builtin::Body),
];

/// Before the name of an attribute.
const ATTRIBUTE: &str = "@attr.";

/// Before the name of a parameter.
const PARAMETER: &str = "@query.";

impl Path {
    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first name, and those in it.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.text.split('.')
    }
}

impl Builtin {
    fn scope(self) -> Scope {
        match self {
            Self::Id | Self::Attempt | Self::Time(_) | Self::Accepted(_) => Scope::Line,
            Self::Method | Self::Url | Self::Host | Self::Path | Self::Query | Self::Body => {
                Scope::Request
            }
        }
    }
}

impl TimeForm {
    /// `time` in this form.
    #[must_use]
    pub fn of(self, time: Timestamp) -> super::Value<'static> {
        match self {
            Self::Unix => super::Value::number(time.as_secs()),
            Self::UnixMs => super::Value::number(time.as_millis()),
            Self::Iso => super::Value::owned(time.rfc3339()),
        }
    }
}

impl Name {
    /// Whether it is known while the line is read alone, and not of a request.
    pub(crate) fn is_of_line(&self) -> bool {
        match self {
            Self::Field(_) | Self::Attribute(_) => true,
            Self::Parameter(_) => false,
            Self::Builtin(builtin) => matches!(builtin, Builtin::Accepted(_)),
        }
    }

    /// Reads a name as it stands in a macro.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    pub(super) fn parse(text: &str, scope: Scope) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix(ATTRIBUTE) {
            return named(ATTRIBUTE, name).map(Self::Attribute);
        }
        if let Some(name) = text.strip_prefix(PARAMETER) {
            is_known_in(text, scope)?;
            return named(PARAMETER, name).map(Self::Parameter);
        }
        if text.starts_with('@') {
            return Self::builtin(text, scope);
        }
        check_field(text)?;
        Ok(Self::Field(Path { text: text.into() }))
    }

    fn builtin(text: &str, scope: Scope) -> Result<Self, String> {
        let found = BUILTINS.iter().find(|(name, _)| *name == text);
        let Some((_, builtin)) = found else {
            let names = BUILTINS
                .iter()
                .map(|(name, _)| *name)
                .chain(["@attr.NAME", "@query.NAME"]);
            return Err(format!("`{text}` is no built-in; {}", nearest(text, names)));
        };
        if builtin.scope() == Scope::Request {
            is_known_in(text, scope)?;
        }
        Ok(Self::Builtin(*builtin))
    }

    /// Why there is no value.
    pub(super) fn is_missing(&self) -> &'static str {
        match self {
            Self::Field(_) => "is no field of the line",
            Self::Attribute(_) => "is no attribute of the message",
            Self::Parameter(_) => "is no parameter of the URL",
            Self::Builtin(_) => "is not known",
        }
    }

    /// Where a value would come from.
    pub(super) fn would_be(&self) -> &'static str {
        match self {
            Self::Field(_) => "write it into the line",
            Self::Attribute(_) => "send the message with it",
            Self::Parameter(_) => "write it into the URL",
            Self::Builtin(_) => "leave it out",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(path) => f.write_str(&path.text),
            Self::Attribute(name) => write!(f, "{ATTRIBUTE}{name}"),
            Self::Parameter(name) => write!(f, "{PARAMETER}{name}"),
            Self::Builtin(builtin) => {
                let found = BUILTINS.iter().find(|(_, own)| own == builtin);
                f.write_str(found.map_or("@", |(name, _)| name))
            }
        }
    }
}

/// What stands behind `@attr.` and `@query.`; a brace or quote in it is one that was not doubled.
fn named(prefix: &str, name: &str) -> Result<Box<str>, String> {
    if name.is_empty() {
        let what = if prefix == ATTRIBUTE {
            "attribute"
        } else {
            "parameter"
        };
        return Err(format!("`{prefix}` names no {what}; write `{prefix}NAME`"));
    }
    match name
        .chars()
        .all(|c| !c.is_control() && c != '{' && c != '"')
    {
        true => Ok(name.into()),
        false => Err(format!("`{}` is no name", name.escape_debug())),
    }
}

/// What is of the request can be named only where there is one.
fn is_known_in(text: &str, scope: Scope) -> Result<(), String> {
    match scope {
        Scope::Request => Ok(()),
        Scope::Line => Err(format!(
            "`{text}` is of the request, which is only being made here; a destination's `request` and `sign` may name it"
        )),
    }
}

/// A field's name may hold anything but what has a meaning here; most of the rest are braces that were not doubled.
fn check_field(text: &str) -> Result<(), String> {
    let braces = "a brace itself is written `{{` or `}}`";
    if text.is_empty() {
        return Err(format!(
            "`{{}}` names nothing; write `{{name}}`, and {braces}"
        ));
    }
    if text
        .chars()
        .any(|c| c.is_control() || matches!(c, '"' | '{' | ' ' | ':' | ','))
    {
        let shown: String = text.chars().take(20).collect();
        return Err(format!(
            "`{{` begins a macro, and `{}` is no name; {braces}",
            shown.escape_debug()
        ));
    }
    if text.split('.').any(str::is_empty) {
        return Err(format!(
            "`{text}` has a `.` without a name beside it; write such as `user.id`"
        ));
    }
    Ok(())
}

/// The name that was meant, or all there are.
pub(crate) fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    match base::nearest(given, names.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!(
            "those that there are: {}",
            names.collect::<Vec<_>>().join(", ")
        ),
    }
}
