//! The proxy of a destination: a URL whose password may be a reference.

use std::collections::BTreeMap;

use url::Url;

use super::destination::without_password;
use super::secret::{self, Secrets};

/// The proxy of a text, with its references replaced; `None` of an empty one. A secret stands in the URL as URLs are written:
/// `@`, `/` and the like percent-encoded.
///
/// # Errors
/// Words for the operator, without a secret.
pub(super) fn read(
    text: &str,
    named: &BTreeMap<String, String>,
    secrets: &dyn Secrets,
) -> Result<Option<Url>, String> {
    if !text.contains("${") {
        return parse(text);
    }
    let expanded = secret::expand(text, named, secrets).map_err(|error| error.to_string())?;
    parse(expanded.expose()).map_err(|_| {
        format!("`{text}` does not become a URL such as `http://user:password@host:port`; percent-encode the secret")
    })
}

/// The proxy of a text without references.
///
/// # Errors
/// Words for the operator, without a password.
pub(super) fn parse(text: &str) -> Result<Option<Url>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let right = "`http://host:port` or `https://host:port`";
    let proxy = Url::parse(text).map_err(|error| format!("is no URL ({error}); give {right}"))?;
    let is_right = matches!(proxy.scheme(), "http" | "https")
        && proxy.host_str().is_some()
        && proxy.path() == "/"
        && proxy.query().is_none()
        && proxy.fragment().is_none();
    if !is_right {
        return Err(format!("`{}` is not {right}", without_password(&proxy)));
    }
    Ok(Some(proxy))
}

/// The text of a proxy without references, as it may be shown.
pub(super) fn shown(text: &str) -> String {
    Url::parse(text).map_or_else(
        |_| text.to_owned(),
        |proxy| without_password(&proxy).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Destination, DestinationRules};

    struct Password(&'static str);

    impl Secrets for Password {
        fn env(&self, _: &str) -> Result<String, String> {
            Ok(self.0.to_owned())
        }
        fn file(&self, _: &str) -> Result<String, String> {
            Err("no file".to_owned())
        }
    }

    #[test]
    fn a_password_may_be_a_secret_and_is_never_shown() {
        let none = BTreeMap::new();
        let text = "https://us:${env:PROXY}@proxy.example:3129";
        let proxy = read(text, &none, &Password("p%40ss")).unwrap().unwrap();
        assert_eq!(proxy.as_str(), "https://us:p%40ss@proxy.example:3129/");
        let error = read(text, &none, &Password("top/secret@x")).unwrap_err();
        assert!(
            error.contains("percent-encode") && !error.contains("top"),
            "{error}"
        );
        assert!(read("http://${file:/x}@h", &none, &Password("")).is_err());
        assert_eq!(shown("http://u:SECRET@h/"), "http://u:***@h/");
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        for (text, says) in [
            ("h:3128", "is not `http://host:port`"),
            ("socks5://h:1", "is not `http://host:port`"),
            ("//h", "is no URL"),
            ("http://h/path", "`http://h/path` is not"),
            ("http://h/?q", "is not"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn an_empty_one_takes_the_place_of_that_for_all() {
        let none = BTreeMap::new();
        let of = |text: &str| Destination {
            proxy: Some(text.to_owned()),
            ..Destination::default()
        };
        let resolve = |own: Destination, under: &DestinationRules| {
            own.resolve("h", under, &none, &Password("")).unwrap().proxy
        };
        let all = DestinationRules {
            proxy: resolve(of("http://p:1"), &DestinationRules::default()),
            ..DestinationRules::default()
        };
        assert!(resolve(Destination::default(), &all).is_some());
        assert_eq!(resolve(of(""), &all), None);
    }
}
