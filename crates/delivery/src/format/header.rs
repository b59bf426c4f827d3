//! Which headers a line or a setting may ask for, for the readers of lines, the settings and the senders alike.
//!
//! INVARIANT: what passes here can end no header, add none, and does not change how a message is framed.

/// Headers that belong to a connection, not to a request (RFC 9110 section 7.6.1, RFC 9112, RFC 9113 section 8.2.2).
const OF_CONNECTION: &[&str] = &[
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that are written for each request; a line may say what they are anyway.
const OF_REQUEST: &[&str] = &["content-length", "host"];

/// Whether every request may have this header; what depends on the request is made by the sender.
///
/// # Errors
/// What is wrong with it, in words for the operator.
pub fn check_static(name: &str, value: &str) -> Result<(), String> {
    check(name, value)?;
    if is_in(OF_REQUEST, name) {
        return Err(format!(
            "header `{name}` is made for each request and cannot be set; leave it out (another address for the same name: `connect_to`)"
        ));
    }
    Ok(())
}

/// Whether a line may have this header.
///
/// # Errors
/// What is wrong with it, in words for the operator.
pub fn check(name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("`{}` is no name of a header", name.escape_debug()));
    }
    if !value.bytes().all(is_field) {
        return Err(format!(
            "header `{name}` holds CR, LF or another control character"
        ));
    }
    if is_in(OF_CONNECTION, name) {
        return Err(format!(
            "header `{name}` belongs to the connection and cannot be set"
        ));
    }
    Ok(())
}

fn is_in(names: &[&str], name: &str) -> bool {
    names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// RFC 9110, section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        )
}

/// Visible characters, space, tab, and bytes of UTF-8 (RFC 9110, section 5.5).
const fn is_field(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
