//! Templates: text with macros that are filled in from a line, its message and the time, escaped for where they stand.
//!
//! Pure: no clock, no I/O. A text is read once ([`Template::parse`]) and filled in many times ([`Template::render`]).
//!
//! INVARIANT: a macro that gives nothing is an error, never an empty place; and what a macro gives cannot leave its
//! place: it ends no header, no JSON string and no parameter, unless it says `raw`.
//!
//! # Format
//! ```text
//! https://api.example.com/{app}/event?gaid={gaid|lower}&hash={email|trim|lower|sha256}&cur={currency|default:"USD"}
//! {{"id":"{@id}","price":{price},"sent":{@time.unix},"from":"{@attr.campaign}","key":"${secret:KEY}"}}
//! ```
//! `{name|filter|filter:argument}`; `{{` and `}}` are braces. A bare name is a field of the line, and a `.` in it steps
//! into JSON; built-ins begin with `@` ([`Builtin`]). `${secret:NAME}` and its relatives are as in
//! [`secret`](crate::config::secret): what they give is never read as a template, and is escaped as a value is.
//!
//! To add a filter: a variant of `Filter`, its line in `FILTERS`, its arm in `Filter::apply`.

mod error;
mod escape;
mod filter;
mod json;
mod name;
mod parse;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;

use self::escape::Escape;
use self::filter::Filter;

pub use self::error::{At, Invalid, Unfilled};
pub(crate) use self::escape::component;
pub(crate) use self::name::nearest;
pub use self::name::{BUILTINS, Builtin, Name, Path, TimeForm};
pub use self::value::Value;

/// The longest text of a template, in bytes; chosen.
pub const TEMPLATE_BYTES_MAX: usize = 64 << 10;

/// The most macros and secrets in a template; chosen.
pub const MACROS_MAX: usize = 256;

/// The most filters of a macro; chosen.
pub const FILTERS_MAX: usize = 8;

/// The most bytes that a template may become, and that a value may become on its way through the filters: the largest
/// body that a destination may allow.
pub const RENDERED_BYTES_MAX: usize = 1 << 20;

/// Where a text stands, which says how what is filled in is escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A whole URL: each value is percent-encoded so that it is one component (RFC 3986, section 2.3: all but the
    /// unreserved characters).
    Url,
    /// The value of one query parameter: the text around the macros is percent-encoded as well.
    Query,
    /// The value of a header: a value with CR, LF, NUL or another control character is refused.
    Header,
    /// A JSON text. Inside quotes a value is escaped as the content of a string; outside it is a whole JSON value,
    /// numbers with the digits that they came with.
    Json,
    /// `application/x-www-form-urlencoded`: each value is encoded as one part of it.
    Form,
    /// Anything else: nothing is escaped.
    Raw,
}

/// What is known when a template is filled in, which says which built-ins it may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A line and its message: the request is only being made.
    Line,
    /// The request as well.
    Request,
}

/// What a name stands for.
pub trait Lookup {
    /// The value of `name`; `None` where there is none. What is empty or `null` counts as none.
    fn value(&self, name: &Name) -> Option<Value<'_>>;
}

/// Reads what stands in `${…}`, such as `secret:NAME`.
pub type Reveal<'a> = &'a dyn Fn(&str) -> Result<String, crate::config::secret::Error>;

/// A text with macros, read.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// What references gave, as it came and as it is written, so that it can be hidden.
    secrets: Vec<String>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    /// Written as it is.
    Text(Box<str>),
    /// Boxed: most parts are text.
    Macro(Box<Macro>),
}

#[derive(Clone, PartialEq, Eq)]
struct Macro {
    name: Name,
    filters: Vec<Filter>,
    escape: Escape,
}

impl Template {
    /// Reads `text`, which will stand at `place`.
    ///
    /// # Errors
    /// [`Invalid`] with the position of what is wrong and what would be right.
    pub fn parse(
        text: &str,
        place: Place,
        scope: Scope,
        reveal: Reveal<'_>,
    ) -> Result<Self, Invalid> {
        parse::parse(text, place, scope, reveal)
    }

    /// The text where it is the same for every line.
    #[must_use]
    pub fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The names in it, in their order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.macros().map(|found| &found.name)
    }

    /// What its secrets gave, as it came and as it is written; for hiding alone.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    /// The text with everything filled in, after what stands in `out`. What is in `out` after an error says nothing.
    ///
    /// # Errors
    /// [`Unfilled`] for the first macro that cannot be filled in.
    pub fn render_into(&self, lookup: &dyn Lookup, out: &mut Vec<u8>) -> Result<(), Unfilled> {
        let begun = out.len();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Macro(found) => found.render_into(lookup, out)?,
            }
            if out.len() - begun > RENDERED_BYTES_MAX {
                return Err(Unfilled::TooLarge);
            }
        }
        Ok(())
    }

    /// The bytes with everything filled in.
    ///
    /// # Errors
    /// As [`Template::render_into`].
    pub fn render(&self, lookup: &dyn Lookup) -> Result<Vec<u8>, Unfilled> {
        let mut out = Vec::new();
        self.render_into(lookup, &mut out)?;
        Ok(out)
    }

    /// The text with everything filled in.
    ///
    /// # Errors
    /// As [`Template::render_into`], and where it is no UTF-8.
    pub fn render_text(&self, lookup: &dyn Lookup) -> Result<String, Unfilled> {
        String::from_utf8(self.render(lookup)?).map_err(|_| Unfilled::NotText {
            name: self
                .names()
                .map(Name::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// The text with everything filled in that can be, and the other macros as `{name}`: for what is shown and not sent.
    #[must_use]
    pub fn render_shown(&self, lookup: &dyn Lookup) -> String {
        let mut out = Vec::new();
        for part in &self.parts {
            let end = out.len();
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Macro(found) => {
                    if found.render_into(lookup, &mut out).is_err() {
                        out.truncate(end);
                        out.extend_from_slice(format!("{{{}}}", found.name).as_bytes());
                    }
                }
            }
            if out.len() > RENDERED_BYTES_MAX {
                break;
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    fn macros(&self) -> impl Iterator<Item = &Macro> {
        self.parts.iter().filter_map(|part| match part {
            Part::Macro(found) => Some(&**found),
            Part::Text(_) => None,
        })
    }
}

/// Without its texts: they may hold secrets.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.names().map(Name::to_string).collect();
        f.debug_struct("Template")
            .field("names", &names)
            .finish_non_exhaustive()
    }
}

impl Macro {
    fn render_into(&self, lookup: &dyn Lookup, out: &mut Vec<u8>) -> Result<(), Unfilled> {
        let found = lookup.value(&self.name);
        let mut nothing = self.nothing(found.as_ref());
        let mut value = found.filter(|value| !value.is_nothing());
        for filter in &self.filters {
            value = filter.apply(value, &self.name)?;
            match &value {
                Some(value) if value.len() > RENDERED_BYTES_MAX => return Err(Unfilled::TooLarge),
                // Only `trim` leaves nothing of something.
                None => nothing = nothing.or(Some("is empty")),
                Some(_) => {}
            }
        }
        match value {
            Some(value) => self.escape.write(&value, &self.name, out),
            None => Err(Unfilled::Nothing {
                name: self.name.to_string(),
                why: nothing.unwrap_or("is empty"),
                would_be: self.name.would_be(),
            }),
        }
    }

    /// In which way the value is nothing.
    fn nothing(&self, found: Option<&Value<'_>>) -> Option<&'static str> {
        match found {
            None => Some(self.name.is_missing()),
            Some(Value::Json(text)) if text.as_ref() == "null" => Some("is null"),
            Some(value) if value.is_nothing() => Some("is empty"),
            Some(_) => None,
        }
    }
}
