//! Names for what is imported: the destination of a URL, and secrets.

use gateway::secrets::{NAME_BYTES_MAX, PREVIOUS};
use sha2::{Digest as _, Sha256};
use url::Url;

/// The name of the destination that is this URL's alone: host, port where it is not the usual one, and path.
///
/// # Errors
/// Why nothing can be sent there.
pub(super) fn of_url(url: &str) -> Result<String, String> {
    let url = Url::parse(url).map_err(|error| format!("its URL is none: {error}"))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(format!("its URL is `{}`, not http or https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("its URL holds a user or a password: set `[….auth]` by hand".to_owned());
    }
    let path = url.path().trim_end_matches('/');
    Ok(format!("{}{path}", delivery::destinations::authority(&url)))
}

/// The name of a secret of an endpoint: `PRODUCT_ID`, with `.part` behind it. Where that would be no name, or could be mistaken
/// for another's, a hash takes its place.
pub(super) fn of_secret(product: &str, id: &str, part: &str) -> String {
    let name = match part {
        "" => format!("{product}_{id}"),
        part => format!("{product}_{id}.{part}"),
    };
    // A `.` within would read like a part, or like the value before.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if name.len() + PREVIOUS.len() <= NAME_BYTES_MAX && id.bytes().chain(part.bytes()).all(is_plain)
    {
        return name;
    }
    let hash = Sha256::digest(format!("{id}\n{part}").as_bytes());
    let hash = hash
        .iter()
        .take(16)
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    format!("{product}_{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_named_as_urls_are_read() {
        for (url, name) in [
            ("https://H.example", "h.example"),
            ("https://h.example:443/a/b/?q=1#f", "h.example/a/b"),
            ("http://h.example:8080//", "h.example:8080"),
            ("https://h.example/a b/../c\"]\n", "h.example/c%22]"),
            ("https://b\u{fc}cher.example./x", "xn--bcher-kva.example/x"),
        ] {
            let found = of_url(url).unwrap();
            assert_eq!(found, name);
            assert_eq!(delivery::config::check_host(&found), Ok(()), "{found}");
        }
        for (url, says) in [
            ("", "is none"),
            ("mailto:a@b.example", "not http"),
            ("https://u:p@h.example/", "a user or a password"),
        ] {
            assert!(of_url(url).unwrap_err().contains(says), "{url}");
        }
    }

    #[test]
    fn names_of_secrets_never_meet() {
        let long = "x".repeat(80);
        let ids = [
            "ep_1",
            "ep.1",
            "ep_1.previous",
            "ep_1\n",
            "",
            &long,
            "\u{e9}",
            "../a",
            "a",
            "a-b",
        ];
        let mut names: Vec<_> = ids.iter().map(|id| of_secret("SVIX", id, "")).collect();
        names.extend(ids.iter().map(|id| of_secret("SVIX", id, "b")));
        assert_eq!(names[0], "SVIX_ep_1");
        let is_good = |name: &String| {
            name.len() + PREVIOUS.len() <= NAME_BYTES_MAX
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
                && !name.ends_with(PREVIOUS)
        };
        assert!(names.iter().all(is_good), "{names:?}");
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
