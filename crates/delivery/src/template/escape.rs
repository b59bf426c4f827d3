//! How a value is written so that it cannot leave its place.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::error::Unfilled;
use super::name::Name;
use super::value::Value;
use crate::result::put_escaped;

/// How a macro's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// As one component of a URL.
    Component,
    /// As one component of a URL's path, where `.` and `..` have a meaning.
    PathComponent,
    /// As one part of a form.
    Form,
    /// As the content of a JSON string.
    JsonContent,
    /// As a whole JSON value.
    JsonValue,
    /// As it is, without control characters.
    Header,
    /// As it is.
    None,
}

/// All but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Percent-encoded so that it is one component of a URL.
pub(crate) fn component(bytes: &[u8]) -> Cow<'_, str> {
    percent_encode(bytes, RESERVED).into()
}

impl Escape {
    /// Writes `value` after what stands in `out`.
    pub(super) fn write(
        self,
        value: &Value<'_>,
        name: &Name,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfilled> {
        let text = value.as_text();
        match self {
            Self::None => out.extend_from_slice(&text),
            Self::Header if text.iter().any(|byte| is_control(*byte)) => {
                return Err(Unfilled::Control {
                    name: name.to_string(),
                });
            }
            Self::Header => out.extend_from_slice(utf8(&text, name)?.as_bytes()),
            Self::PathComponent if matches!(&*text, b"." | b"..") => {
                return Err(Unfilled::Dots {
                    name: name.to_string(),
                });
            }
            Self::Component | Self::PathComponent => {
                percent_encode(&text, RESERVED)
                    .for_each(|part| out.extend_from_slice(part.as_bytes()));
            }
            Self::Form => {
                url::form_urlencoded::byte_serialize(&text)
                    .for_each(|part| out.extend_from_slice(part.as_bytes()));
            }
            Self::JsonContent => put_escaped(out, utf8(&text, name)?),
            Self::JsonValue => match value {
                Value::Json(text) => out.extend_from_slice(text.as_bytes()),
                Value::Text(_) | Value::Digest(_) => {
                    out.push(b'"');
                    put_escaped(out, utf8(&text, name)?);
                    out.push(b'"');
                }
            },
        }
        Ok(())
    }
}

/// The text of `bytes`, for a macro where only text can stand.
pub(super) fn utf8<'a>(bytes: &'a [u8], name: &Name) -> Result<&'a str, Unfilled> {
    std::str::from_utf8(bytes).map_err(|_| Unfilled::NotText {
        name: name.to_string(),
    })
}

/// What ends a header or is no field (RFC 9110, section 5.5).
fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}
