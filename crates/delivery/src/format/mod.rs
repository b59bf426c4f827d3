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

use std::sync::Arc;

use base::Timestamp;
use bytes::Bytes;

use self::origin::LastOrigin;

use crate::config::hidden::{hide, with_more};
use crate::config::route::{BodyKind, FIELDS};
use crate::config::{FormatKind, RouteFormat};
use crate::making::{Facts, Fields, OfRoute};
use crate::port::{Reason, Request};
use crate::template::Unfilled;

pub(crate) use self::fields::content_type;
pub(crate) use self::json::{members as json_members, text_of as json_text};
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
    /// A macro of the route's `request` gives nothing for it.
    #[error("{0}")]
    Unresolved(String),
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        match error {
            Error::Unparsable(detail) => Self::Unparsable { detail },
            Error::Refused(detail) => Self::Refused { detail },
            Error::Unresolved(detail) => Self::Unresolved { detail },
        }
    }
}

impl From<Unfilled> for Error {
    fn from(unfilled: Unfilled) -> Self {
        match unfilled.is_unresolved() {
            true => Self::Unresolved(unfilled.to_string()),
            false => Self::Refused(unfilled.to_string()),
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

/// A name that no field of a line has: a label, a group and a macro cannot hold it.
const NO_NAME: &str = "\0";

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

    /// Where the request is made from other fields: those that have a meaning of their own all the same. The rest has
    /// names that no line has.
    fn of_made(settings: &RouteFormat) -> Self {
        let mut all = Self::new(settings);
        for (field, name) in ALL.iter().zip(&mut all.names) {
            if !matches!(field, Field::Id | Field::ExpiresAt) {
                NO_NAME.clone_into(name);
            }
        }
        all
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
    /// How the request is made, where not as the line says.
    request: Option<Arc<OfRoute>>,
    /// The secrets in it.
    hidden: Arc<[String]>,
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
        Self::with_request(settings, None)
    }

    /// A reader of lines of this form, from whose fields `request` makes the request.
    ///
    /// # Errors
    /// What is wrong with the settings and what would be right.
    pub fn with_request(settings: &RouteFormat, request: Option<OfRoute>) -> Result<Self, String> {
        let is_made = request.as_ref().is_some_and(OfRoute::is_whole);
        let mut format = Self::of(settings, is_made)?;
        if let Some(request) = request {
            format.hidden = with_more(&format.hidden, request.secrets().collect());
            format.request = Some(Arc::new(request));
        }
        Ok(format)
    }

    /// Whether lines of this form can be read. `is_made`: whether the request is made by templates.
    ///
    /// # Errors
    /// As [`Format::new`].
    pub(crate) fn check(settings: &RouteFormat, is_made: bool) -> Result<(), String> {
        Self::of(settings, is_made).map(drop)
    }

    fn of(settings: &RouteFormat, is_made: bool) -> Result<Self, String> {
        let names = if is_made {
            Names::of_made(settings)
        } else {
            Names::new(settings)
        };
        let kind = match settings.kind {
            FormatKind::Url => Kind::Url,
            FormatKind::Json => Kind::Json(json::Paths::new(&names)),
            FormatKind::Ltsv => Kind::Ltsv,
            FormatKind::Regex => Kind::Regex(regex::Pattern::new(
                settings.pattern.as_deref().unwrap_or_default(),
                &names,
                is_made,
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
            request: None,
            hidden: Arc::default(),
        })
    }

    /// The request that a line asks for. `line` has no line end.
    ///
    /// # Errors
    /// [`Error`] with what is wrong and what would be right.
    pub fn parse(&self, line: &Bytes) -> Result<Parsed, Error> {
        self.find(line)?.build(self)
    }

    /// The same, for a message of which `facts` are known: [`Format::parse`] is enough where there is no
    /// [`Format::request`].
    ///
    /// # Errors
    /// As [`Format::parse`], and [`Error::Unresolved`] where a macro gives nothing.
    pub fn parse_with(&self, line: &Bytes, facts: &Facts<'_>) -> Result<Parsed, Error> {
        let mut found = self.find(line)?;
        if let Some(request) = &self.request {
            let made = request.make(&self.fields(line), facts, found.id.as_deref())?;
            found.take_made(made, request.method.as_deref());
        }
        found.build(self)
    }

    /// How the request is made from the fields of a line, where not as the line says.
    #[must_use]
    pub fn request(&self) -> Option<&OfRoute> {
        self.request.as_deref()
    }

    /// The text without the secrets of templates.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        String::from_utf8_lossy(&hide(&self.hidden, text.as_bytes())).into_owned()
    }

    pub(crate) fn hidden(&self) -> &Arc<[String]> {
        &self.hidden
    }

    /// The fields of a line by their names, for macros.
    pub(crate) fn fields<'l>(&'l self, line: &'l Bytes) -> Fields<'l> {
        let trimmed = lines::trim(line);
        let whole = lines::to_end(line, trimmed);
        match &self.kind {
            Kind::Url => Fields::None,
            Kind::Json(_) => json::fields(trimmed).map_or(Fields::None, Fields::Json),
            Kind::Ltsv => Fields::Ltsv(whole),
            Kind::Regex(pattern) => pattern.captures(whole).map_or(Fields::None, Fields::Regex),
        }
    }

    /// What a line that is refused says all the same: its id, and where it should have gone. `None` without a URL.
    #[must_use]
    pub fn bearing(&self, line: &Bytes) -> Option<Parsed> {
        let mut found = self.find(line).ok()?;
        if let Some(request) = &self.request {
            let url = request.shown_url(&self.fields(line), found.id.as_deref());
            found.url = url.or(found.url);
        }
        found.bearing(self)
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
