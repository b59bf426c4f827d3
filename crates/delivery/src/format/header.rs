//! Which headers a line or a setting may ask for.

/// Headers that belong to a connection, not to a request (RFC 9110 section 7.6.1), and those that the sender makes.
const OURS: [&str; 10] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether a setting may give every request this header; what depends on the request is made by the sender.
///
/// # Errors
/// What is wrong with it, in words for the operator.
pub fn check_static(name: &str, value: &str) -> Result<(), String> {
    check(name, value)?;
    if ["host", "content-length"]
        .iter()
        .any(|own| own.eq_ignore_ascii_case(name))
    {
        return Err(format!(
            "header `{name}` is made for each request and cannot be set; leave it out (another address for the same name: `connect_to`)"
        ));
    }
    Ok(())
}

/// Whether a header may be sent.
///
/// # Errors
/// What is wrong with it, in words for the operator.
pub fn check(name: &str, value: &str) -> Result<(), String> {
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(format!("`{}` is no name of a header", name.escape_debug()));
    }
    if value
        .bytes()
        .any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f)
    {
        return Err(format!(
            "header `{name}` holds CR, LF or another control character"
        ));
    }
    if OURS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err(format!(
            "header `{name}` belongs to the connection and cannot be set"
        ));
    }
    Ok(())
}
