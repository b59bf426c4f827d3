//! The canonical request: the one text that signer and verifier must both arrive at.
//!
//! ```text
//! GET
//! /
//! Param1=value1&Param2=value2
//! host:example.amazonaws.com
//! x-amz-date:20150830T123600Z
//!
//! host;x-amz-date
//! e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
//! ```

use std::borrow::Cow;

use http::HeaderMap;

/// The parts of a request that a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'a> {
    /// Such as `POST`.
    pub method: &'a str,
    /// As sent, such as `/123456789012/s2s`.
    pub path: &'a str,
    /// As sent, without the `?`.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
}

/// How the path goes into the canonical request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathStyle {
    /// Whether dot segments and doubled slashes are resolved.
    pub is_normalised: bool,
    /// Whether what is already escaped is escaped again.
    pub is_double_encoded: bool,
}

impl PathStyle {
    /// Every service but S3.
    pub const SERVICE: Self = Self {
        is_normalised: true,
        is_double_encoded: true,
    };
    /// S3, where a path names an object byte by byte.
    pub const OBJECT: Self = Self {
        is_normalised: false,
        is_double_encoded: false,
    };
}

/// The query parameter that a canonical query leaves out.
const SIGNATURE: &str = "X-Amz-Signature";

/// Writes the canonical request: text, but for values of headers that are none, which stay as they came. Read as text, values
/// that differ would become the same.
///
/// `signed_headers`: lower case, in order. `payload`: the hash in hex, or what stands in for it.
#[must_use]
pub fn request(
    parts: &RequestParts<'_>,
    style: PathStyle,
    signed_headers: &[&str],
    payload: &str,
) -> Vec<u8> {
    let mut text = String::with_capacity(768);
    text.push_str(parts.method);
    text.push('\n');
    push_path(&mut text, parts.path, style);
    text.push('\n');
    push_query(&mut text, parts.query);
    text.push('\n');
    let mut bytes = text.into_bytes();
    for name in signed_headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b':');
        push_values(&mut bytes, parts.headers, name);
        bytes.push(b'\n');
    }
    bytes.push(b'\n');
    push_joined(&mut bytes, signed_headers);
    bytes.push(b'\n');
    bytes.extend_from_slice(payload.as_bytes());
    bytes
}

fn push_joined(bytes: &mut Vec<u8>, names: &[&str]) {
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            bytes.push(b';');
        }
        bytes.extend_from_slice(name.as_bytes());
    }
}

fn push_path(text: &mut String, path: &str, style: PathStyle) {
    let path = if style.is_normalised {
        normalise(path)
    } else {
        Cow::Borrowed(path)
    };
    if path.is_empty() {
        text.push('/');
        return;
    }
    let bytes = path.as_bytes();
    if bytes
        .iter()
        .all(|byte| *byte == b'/' || is_unreserved(*byte))
    {
        text.push_str(&path);
        return;
    }
    for (at, byte) in bytes.iter().enumerate() {
        let is_escape = *byte == b'%' && !style.is_double_encoded && is_escape_at(bytes, at);
        if *byte == b'/' || is_escape {
            text.push(char::from(*byte));
        } else {
            push_encoded(text, *byte);
        }
    }
}

fn is_escape_at(bytes: &[u8], at: usize) -> bool {
    bytes
        .get(at + 1..at + 3)
        .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Resolves `.`, `..` and empty segments; a slash at the end stays.
fn normalise(path: &str) -> Cow<'_, str> {
    let is_plain = path.starts_with('/') && !path.contains("//") && !path.contains("/.");
    if is_plain {
        return Cow::Borrowed(path);
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    let is_folder =
        ["/", "/.", "/.."].iter().any(|end| path.ends_with(end)) && !segments.is_empty();
    let mut joined = format!("/{}", segments.join("/"));
    if is_folder {
        joined.push('/');
    }
    Cow::Owned(joined)
}

fn push_query(text: &mut String, query: &str) {
    if query.is_empty() {
        return;
    }
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != SIGNATURE)
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
}

/// Decodes what is escaped and escapes again, so that every way to write it gives the same text.
fn encoded(part: &str) -> String {
    let mut text = String::with_capacity(part.len() + 8);
    for byte in percent_encoding::percent_decode_str(part) {
        push_encoded(&mut text, byte);
    }
    text
}

/// Escapes all but the unreserved characters of RFC 3986.
pub(super) fn push_encoded(text: &mut String, byte: u8) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    if is_unreserved(byte) {
        text.push(char::from(byte));
        return;
    }
    text.push('%');
    for digit in [byte >> 4, byte & 0x0f] {
        text.push(HEX.get(usize::from(digit)).copied().unwrap_or('0'));
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// All values of a header with outer blanks cut and inner ones made one, joined by commas.
fn push_values(bytes: &mut Vec<u8>, headers: &HeaderMap, name: &str) {
    for (index, value) in headers.get_all(name).iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        push_value(bytes, value.as_bytes());
    }
}

fn push_value(bytes: &mut Vec<u8>, value: &[u8]) {
    let words = value
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            bytes.push(b' ');
        }
        bytes.extend_from_slice(word);
    }
}
