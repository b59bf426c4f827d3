//! Signing, for our own clients.

use base::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::canonical::{self, PathStyle, RequestParts};
use super::claim::string_to_sign;
use super::key::{Scope, SecretKey};
use super::{ALGORITHM, hex_digest, sha256, time};

/// Signs requests with one key for one service.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The key's id.
    pub key_id: &'a str,
    /// The key.
    pub secret: &'a SecretKey,
    /// The session token of a temporary key.
    pub token: Option<&'a str>,
    /// Such as `ap-northeast-1`.
    pub region: &'a str,
    /// Such as `sqs`.
    pub service: &'a str,
    /// How the path goes into the canonical request.
    pub path: PathStyle,
}

/// A header value that cannot stand in a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {name} to sign with holds characters that a header cannot")]
pub struct NotSignable {
    /// Which.
    pub name: &'static str,
}

impl<'a> Signer<'a> {
    /// A signer with a long-lived key for a service that is not S3.
    #[must_use]
    pub const fn new(
        key_id: &'a str,
        secret: &'a SecretKey,
        region: &'a str,
        service: &'a str,
    ) -> Self {
        Self {
            key_id,
            secret,
            token: None,
            region,
            service,
            path: PathStyle::SERVICE,
        }
    }

    /// Adds `x-amz-date`, `x-amz-content-sha256`, `x-amz-security-token` and `authorization` to `headers`.
    ///
    /// `headers` must hold `host` already; `host`, `content-type` and all `x-amz-*` are signed.
    ///
    /// # Errors
    /// [`NotSignable`] when the key's id or token holds what a header cannot.
    pub fn sign(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &mut HeaderMap,
        body: &[u8],
        at: Timestamp,
    ) -> Result<(), NotSignable> {
        let signed_at = time::format(at);
        let payload = hex_digest(&sha256(body));
        insert(headers, "x-amz-date", &signed_at)?;
        insert(headers, "x-amz-content-sha256", &payload)?;
        if let Some(token) = self.token {
            insert(headers, "x-amz-security-token", token)?;
        }
        let names = names_to_sign(headers);
        let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
        let parts = RequestParts {
            method,
            path,
            query,
            headers,
        };
        let canonical = canonical::request(&parts, self.path, &names, &payload);
        let scope = self.scope(&signed_at);
        let signature = hex::encode(
            self.secret
                .sign(&scope, &string_to_sign(&signed_at, &scope, &canonical)),
        );
        let value = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
            self.key_id,
            names.join(";"),
        );
        insert(headers, "authorization", &value)
    }

    /// A query string that holds `query` and a signature over it, for a request without body and other headers than `host`.
    ///
    /// `expires_secs`: 1 to 604,800.
    #[must_use]
    pub fn presign(
        &self,
        method: &str,
        host: &HeaderValue,
        path: &str,
        query: &str,
        expires_secs: u32,
        at: Timestamp,
    ) -> String {
        let signed_at = time::format(at);
        let scope = self.scope(&signed_at);
        let mut query = query.to_owned();
        let credential = format!("{}/{scope}", self.key_id);
        for (name, value) in [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &signed_at),
            ("X-Amz-Expires", &expires_secs.to_string()),
            ("X-Amz-SignedHeaders", "host"),
        ] {
            push_pair(&mut query, name, value);
        }
        if let Some(token) = self.token {
            push_pair(&mut query, "X-Amz-Security-Token", token);
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.clone());
        let parts = RequestParts {
            method,
            path,
            query: &query,
            headers: &headers,
        };
        let payload = hex_digest(&sha256(b""));
        let canonical = canonical::request(&parts, self.path, &["host"], &payload);
        let signature = self
            .secret
            .sign(&scope, &string_to_sign(&signed_at, &scope, &canonical));
        push_pair(&mut query, "X-Amz-Signature", &hex_digest(&signature));
        query
    }

    fn scope<'s>(&'s self, signed_at: &'s str) -> Scope<'s> {
        Scope {
            day: signed_at.get(..8).unwrap_or(signed_at),
            region: self.region,
            service: self.service,
        }
    }
}

fn push_pair(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(name);
    query.push('=');
    for byte in value.bytes() {
        canonical::push_encoded(query, byte);
    }
}

fn names_to_sign(headers: &HeaderMap) -> Vec<HeaderName> {
    let is_signed = |name: &&HeaderName| {
        **name == header::HOST
            || **name == header::CONTENT_TYPE
            || name.as_str().starts_with("x-amz-")
    };
    let mut names: Vec<HeaderName> = headers.keys().filter(is_signed).cloned().collect();
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    names
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), NotSignable> {
    let value = HeaderValue::from_str(value).map_err(|_| NotSignable { name })?;
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}
