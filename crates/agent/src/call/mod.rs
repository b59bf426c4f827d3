//! Signed calls to one endpoint: HTTP/1.1 connections that are kept, keys, and whom TLS trusts.

pub mod http;
pub mod tls;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use base::Timestamp;
use wire::sigv4::SecretKey;

/// A key to sign with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Its public half, such as `AKIA…`.
    pub key_id: String,
    /// Its secret half.
    pub secret: Arc<SecretKey>,
    /// The token of a session, where it is a session's.
    pub token: Option<String>,
}

/// Keys that are fetched, and again before they end.
#[async_trait]
pub trait Chain: fmt::Debug + Send + Sync {
    /// A key, and when it ends.
    ///
    /// # Errors
    /// Why there is none, for people.
    async fn fetch(&self) -> Result<(Credentials, Option<Timestamp>), String>;
}

/// Where keys come from.
#[derive(Clone, Debug)]
pub enum Keys {
    /// One key.
    Fixed(Credentials),
    /// Temporary keys.
    Chain(Arc<dyn Chain>),
}

/// Everything that a signed call needs.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `scheme://host[:port]`.
    pub url: url::Url,
    /// The keys.
    pub keys: Keys,
    /// The region that is signed for.
    pub region: String,
    /// The certificate in our settings, which is trusted by itself.
    pub own_certificate: Option<PathBuf>,
}

/// Why a call failed as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The other side is away, overloaded or full: the same call may succeed later.
    #[error("{url} is not available: {detail}")]
    Unavailable {
        /// Who.
        url: String,
        /// Why.
        detail: String,
    },
    /// The call is wrong or not allowed.
    #[error("{url} refused the call: {code}: {detail}")]
    Refused {
        /// Who.
        url: String,
        /// The error's code.
        code: String,
        /// Its message.
        detail: String,
    },
}

/// `scheme://host[:port]` of a URL.
///
/// # Errors
/// Why a text is none of `http` or `https`.
pub fn base_url(text: &str) -> Result<url::Url, String> {
    let mut url =
        url::Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{text}` is not an http or https URL"));
    }
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// Code and message of an error in AWS's JSON.
#[must_use]
pub fn fault_of(status: u16, body: &[u8]) -> (String, String) {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: [&str; 2]| {
        let mut found = names.iter().filter_map(|name| value.get(*name)?.as_str());
        found.next().map(str::to_owned)
    };
    let code = text(["__type", "code"]).map_or_else(
        || format!("status {status}"),
        |code| code.rsplit('#').next().unwrap_or_default().to_owned(),
    );
    (code, text(["message", "Message"]).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_of_a_url_is_the_endpoint() {
        assert_eq!(
            base_url("http://h:1/a/b?c#d").unwrap().as_str(),
            "http://h:1/"
        );
        assert!(base_url("ftp://h/").is_err());
        assert!(base_url("queue").is_err());
    }

    #[test]
    fn an_error_has_its_code_and_message_or_its_status() {
        let body = br##"{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no"}"##;
        assert_eq!(
            fault_of(400, body),
            ("QueueDoesNotExist".to_owned(), "no".to_owned())
        );
        assert_eq!(
            fault_of(502, b"<html>"),
            ("status 502".to_owned(), String::new())
        );
    }
}
