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

/// Writes the canonical request.
///
/// `signed_headers`: lower case, in order. `payload`: the hash in hex, or what stands in for it.
#[must_use]
pub fn request(
    parts: &RequestParts<'_>,
    style: PathStyle,
    signed_headers: &[&str],
    payload: &str,
) -> String {
    let mut text = String::with_capacity(768);
    text.push_str(parts.method);
    text.push('\n');
    push_path(&mut text, parts.path, style);
    text.push('\n');
    push_query(&mut text, parts.query);
    text.push('\n');
    for name in signed_headers {
        text.push_str(name);
        text.push(':');
        push_values(&mut text, parts.headers, name);
        text.push('\n');
    }
    text.push('\n');
    push_joined(&mut text, signed_headers);
    text.push('\n');
    text.push_str(payload);
    text
}

fn push_joined(text: &mut String, names: &[&str]) {
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            text.push(';');
        }
        text.push_str(name);
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
fn push_values(text: &mut String, headers: &HeaderMap, name: &str) {
    for (index, value) in headers.get_all(name).iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        push_value(text, &String::from_utf8_lossy(value.as_bytes()));
    }
}

fn push_value(text: &mut String, value: &str) {
    let value = value.trim_matches(is_blank);
    let mut was_blank = false;
    let is_tidy = value.bytes().all(|byte| {
        let is_double = was_blank && byte == b' ';
        was_blank = byte == b' ';
        !is_double && byte != b'\t'
    });
    if is_tidy {
        text.push_str(value);
        return;
    }
    for (index, word) in value
        .split(is_blank)
        .filter(|word| !word.is_empty())
        .enumerate()
    {
        if index > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}
