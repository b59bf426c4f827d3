//! What never stands in a record, whatever an operation hands over.
//!
//! Operations mask their sensitive members themselves; this is the second lock on the same door. Members are hidden by
//! name at any depth, and of every URL at any place the query string and the user part.

use std::borrow::Cow;

/// What stands where something is hidden. Source: the CloudTrail user guide, userIdentity.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Members that are hidden, in small letters.
///
/// Passwords, secrets of keys and sessions, seeds and codes of second factors, bodies and attributes of messages, and the
/// parts of signed requests.
pub const MEMBERS: &[&str] = &[
    "password",
    "oldpassword",
    "newpassword",
    "secretaccesskey",
    "sessiontoken",
    "base32stringseed",
    "qrcodepng",
    "authenticationcode1",
    "authenticationcode2",
    "tokencode",
    "messagebody",
    "body",
    "stringvalue",
    "binaryvalue",
    "stringlistvalues",
    "binarylistvalues",
    "authorization",
    "cookie",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-credential",
];

/// Whether a member of this name is hidden.
#[must_use]
pub fn is_hidden(name: &str) -> bool {
    MEMBERS
        .iter()
        .any(|hidden| name.eq_ignore_ascii_case(hidden))
}

/// `text` with the query string and the user part of each URL in it hidden.
#[must_use]
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    // Without a query string and a user part there is nothing to hide. Single letters are looked for first: it is faster.
    if !text.contains(['?', '@']) || !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(ends_url).unwrap_or(after.len());
        let (url, behind) = after.split_at(end);
        push_url(&mut shown, url);
        rest = behind;
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// What stands behind `://`, without its secrets.
fn push_url(shown: &mut String, url: &str) {
    let path_at = url.find(['/', '?', '#']).unwrap_or(url.len());
    let (authority, path) = url.split_at(path_at);
    match authority.rsplit_once('@') {
        Some((_, host)) => {
            shown.push_str(HIDDEN);
            shown.push('@');
            shown.push_str(host);
        }
        None => shown.push_str(authority),
    }
    match path.split_once('?') {
        Some((path, query)) => {
            shown.push_str(path);
            shown.push('?');
            if !query.is_empty() {
                shown.push_str(HIDDEN);
            }
        }
        None => shown.push_str(path),
    }
}

fn ends_url(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || matches!(letter, '"' | '\'' | '`' | '<' | '>')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_keep_their_place_and_lose_their_secrets() {
        for (text, shown) in [
            (
                "https://a.example/x?token=1",
                "https://a.example/x?HIDDEN_DUE_TO_SECURITY_REASONS",
            ),
            (
                "https://a.example?token=1#f",
                "https://a.example?HIDDEN_DUE_TO_SECURITY_REASONS",
            ),
            (
                "https://u:p@a.example/x",
                "https://HIDDEN_DUE_TO_SECURITY_REASONS@a.example/x",
            ),
            (
                "no answer from `http://a/?k=v` or http://b/?k=v2 today",
                "no answer from `http://a/?HIDDEN_DUE_TO_SECURITY_REASONS` or http://b/?HIDDEN_DUE_TO_SECURITY_REASONS today",
            ),
            ("https://a.example/x", "https://a.example/x"),
            ("what? nothing", "what? nothing"),
            ("http://a?", "http://a?"),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }

    proptest! {
        #[test]
        fn a_query_string_is_never_left(
            before in "[a-z `\"]{0,8}",
            host in "[a-z.]{1,12}",
            path in "(/[a-z]{0,4}){0,3}",
            secret in "[A-Z0-9=&/?:@%]{4,16}",
            after in "[a-z `\"]{0,8}",
        ) {
            let text = format!("{before}https://{host}{path}?q{secret} {after}");
            let shown = without_secrets(&text);
            let secret = format!("q{secret}");
            prop_assert!(!shown.contains(&secret), "{shown}");
            prop_assert!(shown.contains(&host));
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".*") {
            let _ = without_secrets(&text);
        }
    }
}
