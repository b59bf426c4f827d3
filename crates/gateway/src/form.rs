//! The few things that the gateway itself reads from and adds to a form: `Action`, `Version`, the URL of a resource.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// The first value of `name` in a form; `+` is a blank.
pub(crate) fn value<'f>(form: &'f [u8], name: &str) -> Option<Cow<'f, str>> {
    pairs(form)
        .find(|(key, _)| *key == name.as_bytes())
        .map(|(_, value)| decoded(value))
}

/// A form without the parameters of a presigned URL.
pub(crate) fn without_signature(query: &str) -> String {
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.starts_with("X-Amz-"))
        .collect();
    kept.join("&")
}

/// The two forms as one.
pub(crate) fn joined(first: String, second: &[u8]) -> Bytes {
    let mut form = first.into_bytes();
    if !form.is_empty() && !second.is_empty() {
        form.push(b'&');
    }
    form.extend_from_slice(second);
    form.into()
}

/// The form with `name` added.
pub(crate) fn with(form: &[u8], name: &str, value: &str) -> Bytes {
    joined(
        format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)),
        form,
    )
}

fn pairs(form: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    form.split(|byte| *byte == b'&').map(|pair| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        )
    })
}

fn decoded(value: &[u8]) -> Cow<'_, str> {
    let is_plain = !value.iter().any(|byte| matches!(byte, b'%' | b'+'));
    if is_plain {
        return String::from_utf8_lossy(value);
    }
    let blanks: Vec<u8> = value
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    Cow::Owned(percent_decode(&blanks).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_gives_its_values() {
        let form = b"Action=Send%4Dessage&Version=2012-11-05&Empty&Text=a+b%2B";
        for (name, expected) in [
            ("Action", Some("SendMessage")),
            ("Version", Some("2012-11-05")),
            ("Empty", Some("")),
            ("Text", Some("a b+")),
            ("Actio", None),
        ] {
            assert_eq!(value(form, name).as_deref(), expected, "{name}");
        }
        assert_eq!(
            &with(b"A=1", "Url", "http://h/a b")[..],
            b"Url=http%3A%2F%2Fh%2Fa%20b&A=1"
        );
        assert_eq!(
            without_signature("Action=X&X-Amz-Date=1&B=2"),
            "Action=X&B=2"
        );
    }
}
