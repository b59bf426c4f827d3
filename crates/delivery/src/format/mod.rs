//! From a line to a request: bare URL, JSON, LTSV or a regular expression.
//!
//! Bodies are byte-exact: nothing is re-encoded, numbers keep their digits. What a line must not ask for
//! (CONNECT, CR or LF in a header, hop-by-hop headers) is refused with a reason; what has no known form is
//! unparsable with a reason. Both make a dead notification, never a lost one.
//!
//! # Format
//! The same notification in the four kinds (`\t` is a tab):
//! ```text
//! url    https://app.example.com/e?id=7            or  POST https://app.example.com/e
//! json   {"url":"https://app.example.com/e","method":"POST","headers":{"a":"b"},"body":{"v":1.10},"id":"7"}
//! ltsv   url:https://app.example.com/e\tmethod:POST\theader.a:b\tbody:{"v":1.10}\tid:7
//! regex  ^\S+ (?P<url>https?://\S+)$
//! ```
//! A body that may hold newlines travels in a JSON string or as `body_base64`.
//!
//! To add a kind: one file here, a variant of [`FormatKind`] and of `Kind`, and their lines in [`Format::new`] and
//! `Format::find`.

mod fields;
mod header;
mod json;
mod lines;
mod ltsv;
mod origin;
mod regex;

use base::Timestamp;
use bytes::Bytes;

use self::origin::LastOrigin;

use crate::config::route::{BodyKind, FIELDS};
use crate::config::{FormatKind, RouteFormat};
use crate::port::{Reason, Request};

pub(crate) use self::regex::group_names;
pub use header::{check as check_header, check_static as check_static_header};
pub use lines::{count as count_lines, split as split_lines};

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// What is to be sent.
    pub request: Request,
    /// The line's own id.
    pub id: Option<String>,
    /// The line's own deadline.
    pub expires_at: Option<Timestamp>,
}

/// Why a line is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It has no form that the route's format knows.
    #[error("{0}")]
    Unparsable(String),
    /// It asks for what is not allowed.
    #[error("{0}")]
    Refused(String),
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        match error {
            Error::Unparsable(detail) => Self::Unparsable { detail },
            Error::Refused(detail) => Self::Refused { detail },
        }
    }
}

fn unparsable(detail: impl Into<String>) -> Error {
    Error::Unparsable(detail.into())
}

fn refused(detail: impl Into<String>) -> Error {
    Error::Refused(detail.into())
}

/// The names of the fields in the lines of a route.
#[derive(Clone, Debug)]
struct Names {
    names: Vec<String>,
}

/// A field that a line may have, in the order of [`FIELDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Url,
    Method,
    Headers,
    Body,
    BodyBase64,
    Form,
    Id,
    ExpiresAt,
}

const ALL: [Field; 8] = [
    Field::Url,
    Field::Method,
    Field::Headers,
    Field::Body,
    Field::BodyBase64,
    Field::Form,
    Field::Id,
    Field::ExpiresAt,
];

impl Names {
    fn new(settings: &RouteFormat) -> Self {
        let name = |field: &&str| {
            let own = settings.fields.get(*field);
            own.map_or_else(|| (*field).to_owned(), Clone::clone)
        };
        Self {
            names: FIELDS.iter().map(name).collect(),
        }
    }

    /// The field that `name` stands for.
    fn field(&self, name: &[u8]) -> Option<Field> {
        let index = self.names.iter().position(|own| own.as_bytes() == name)?;
        ALL.get(index).copied()
    }

    /// The name of `field`.
    fn name(&self, field: Field) -> &str {
        self.names.get(field as usize).map_or("", String::as_str)
    }
}

#[derive(Clone, Debug)]
enum Kind {
    Url,
    Json(json::Paths),
    Ltsv,
    Regex(regex::Pattern),
}

/// Reads the lines of one route. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Format {
    kind: Kind,
    names: Names,
    body: BodyKind,
    method: Option<http::Method>,
    line_bytes_max: usize,
    last_origin: LastOrigin,
}

/// Whether a method is one that is sent.
///
/// # Errors
/// Words for the operator.
pub(crate) fn check_method(name: &str) -> Result<(), String> {
    let method = fields::method(name).map(|_| ());
    method.map_err(|error| error.to_string())
}

/// The longest line where the route does not say.
const LINE_BYTES_MAX: usize = 256 << 10;

impl Format {
    /// A reader of lines of this form.
    ///
    /// # Errors
    /// What is wrong with the settings and what would be right.
    pub fn new(settings: &RouteFormat) -> Result<Self, String> {
        let names = Names::new(settings);
        let kind = match settings.kind {
            FormatKind::Url => Kind::Url,
            FormatKind::Json => Kind::Json(json::Paths::new(&names)),
            FormatKind::Ltsv => Kind::Ltsv,
            FormatKind::Regex => Kind::Regex(regex::Pattern::new(
                settings.pattern.as_deref().unwrap_or_default(),
                &names,
            )?),
        };
        let method = match settings.method.as_deref() {
            Some(name) => Some(fields::method(name).map_err(|error| error.to_string())?),
            None => None,
        };
        Ok(Self {
            kind,
            names,
            body: settings.body,
            method,
            line_bytes_max: settings
                .line_bytes_max
                .map_or(LINE_BYTES_MAX, |size| size.get()),
            last_origin: LastOrigin::default(),
        })
    }

    /// The request that a line asks for. `line` has no line end.
    ///
    /// # Errors
    /// [`Error`] with what is wrong and what would be right.
    pub fn parse(&self, line: &Bytes) -> Result<Parsed, Error> {
        self.find(line)?.build(self)
    }

    /// What a line that is refused says all the same: its id, and where it should have gone. `None` without a URL.
    #[must_use]
    pub fn bearing(&self, line: &Bytes) -> Option<Parsed> {
        self.find(line).ok()?.bearing(self)
    }

    /// The id of a line that is refused, as far as it can be read.
    #[must_use]
    pub fn own_id(&self, line: &Bytes) -> Option<String> {
        self.find(line).ok()?.own_id()
    }

    fn find<'l>(&self, line: &'l Bytes) -> Result<fields::Found<'l>, Error> {
        if line.len() > self.line_bytes_max {
            return Err(unparsable(format!(
                "the line has {} bytes, more than line_bytes_max ({})",
                line.len(),
                self.line_bytes_max
            )));
        }
        let trimmed = lines::trim(line);
        if trimmed.is_empty() {
            return Err(unparsable("the line is empty"));
        }
        let whole = lines::to_end(line, trimmed);
        match &self.kind {
            Kind::Url => fields::text(trimmed, "the line").map(fields::Found::of_url_line),
            Kind::Json(paths) => json::read(line, trimmed, paths, self.body),
            Kind::Ltsv => ltsv::read(line, whole, &self.names),
            Kind::Regex(pattern) => pattern.read(line, whole),
        }
    }
}

#[cfg(test)]
mod tests;
