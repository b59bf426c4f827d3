//! Percent-encoding of labels and parameters, strictly: a `%` has two digits behind it, and the text is UTF-8.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::error::Problem;

/// What is not encoded: letters, digits, `-`, `.`, `_`, `~`.
///
/// Source: RFC 3986, 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same with the slash, for labels of several segments.
const SEGMENTS: &AsciiSet = &UNRESERVED.remove(b'/');

pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

pub(super) fn encode_segments(text: &str) -> String {
    utf8_percent_encode(text, SEGMENTS).to_string()
}

/// The text of a label.
pub(super) fn decode(raw: &str) -> Result<String, Problem> {
    const EXPECTED: &str = "percent-encoded UTF-8";
    let mut rest = raw;
    while let Some((_, behind)) = rest.split_once('%') {
        let digits = behind.as_bytes().get(..2).unwrap_or_default();
        if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(Problem::Malformed { expected: EXPECTED });
        }
        rest = behind;
    }
    let text = percent_decode_str(raw).decode_utf8();
    let text = text.map_err(|_| Problem::Malformed { expected: EXPECTED })?;
    Ok(text.into_owned())
}

/// The text of a parameter; `+` is a blank.
pub(super) fn decode_parameter(raw: &str) -> Result<String, Problem> {
    if raw.contains('+') {
        return decode(&raw.replace('+', " "));
    }
    decode(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_text_with_whole_escapes() {
        for (raw, expected) in [
            ("plain", Some("plain")),
            ("arn%3Aaws%3alambda", Some("arn:aws:lambda")),
            ("a%2Fb", Some("a/b")),
            ("%E6%97%A5", Some("日")),
            ("a+b", Some("a+b")),
            ("%2525", Some("%25")),
            ("%", None),
            ("a%2", None),
            ("%zz", None),
            ("%+1", None),
            ("%ff", None),
            ("%é", None),
        ] {
            assert_eq!(decode(raw).ok().as_deref(), expected, "{raw}");
        }
        assert_eq!(decode_parameter("a+b%2B").as_deref(), Ok("a b+"));
        assert_eq!(encode("a/b c~é"), "a%2Fb%20c~%C3%A9");
        assert_eq!(encode_segments("a/b c"), "a/b%20c");
    }
}
