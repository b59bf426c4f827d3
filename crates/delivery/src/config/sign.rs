//! `[destinations."host".sign]`: how requests are signed, and how that becomes a [`Signer`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::destination::key_of;
use super::secret::{self, SecretText, Secrets};
use super::{Invalid, Problems};
use crate::format::check_static_header;
use crate::masking::MASK;
use crate::sign::{Algorithm, Encoding, Hmac, KEYS_MAX, Scheme, Signer, Standard, Stripe, Written};

/// `[destinations."host".sign]`: how HTTP requests are signed, at each attempt anew. It takes the place of the whole table of
/// `*`; no header of a line or of `headers` can stand in for one of a signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// `"standard-webhooks"`, `"stripe"`, `"hmac"`, or `"none"` where `*` signs and this one does not. Required.
    pub kind: SignKind,
    /// What signs, the newest first: 1 to 4. One that is `"${secret:NAME}"` and nothing else brings `NAME.previous` along
    /// while there is one. Required but for `none`.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// For `standard-webhooks`: what the headers' names begin with, such as `svix`. Default `webhook`.
    pub prefix: Option<String>,
    /// For `stripe`: the header. Default `stripe-signature`.
    pub header: Option<String>,
    /// For `hmac`: `"sha1"`, `"sha256"` or `"sha512"`. Default `sha256`.
    pub algorithm: Option<Algorithm>,
    /// For `hmac`: `"hex"` or `"base64"`. Default `hex`.
    pub encoding: Option<Encoding>,
    /// For `hmac`: what is signed, as a template of built-ins such as `{@time.unix}.{@body}`. Default `{@body}`.
    pub content: Option<String>,
    /// For `hmac`: how one signature is written, as a template of `{digest}`. Default `{digest}`.
    pub signature: Option<String>,
    /// For `hmac`: what stands between the signatures of several secrets. Default none: only the newest secret signs.
    pub join: Option<String>,
    /// For `hmac`: the headers that are written, names and templates; one of them holds `{signatures}`. Required there.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// How requests are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignKind {
    /// Not at all.
    None,
    /// See [`Standard`].
    StandardWebhooks,
    /// See [`Stripe`].
    Stripe,
    /// See [`Hmac`].
    Hmac,
}

impl SignKind {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::StandardWebhooks => "standard-webhooks",
            Self::Stripe => "stripe",
            Self::Hmac => "hmac",
        }
    }
}

/// What is wrong with a key of the table.
type Wrong = (String, String);

impl Sign {
    /// The signer, `None` for `none`, and what of it must be hidden.
    ///
    /// # Errors
    /// [`Invalid`] when a secret cannot be read or used.
    pub(super) fn resolve(
        &self,
        name: &str,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
    ) -> Result<(Option<Arc<Signer>>, Vec<String>), Invalid> {
        let at = |(key, detail): Wrong| Invalid::new(&key_of(name, &format!("sign.{key}")), detail);
        if self.kind == SignKind::None {
            return Ok((None, Vec::new()));
        }
        let live = self.live(named, secrets).map_err(at)?;
        let signer = self.signer(&live, named, secrets).map_err(at)?;
        let bare = |secret: &SecretText| {
            let text = secret.expose();
            let bare = text.split_once('_').map_or(text, |(_, bare)| bare);
            [text.to_owned(), bare.to_owned()]
        };
        Ok((Some(Arc::new(signer)), live.iter().flat_map(bare).collect()))
    }

    /// Adds what is wrong without looking at any secret; `headers` are those of the destination.
    pub(super) fn check(
        &self,
        name: &str,
        headers: &BTreeMap<String, String>,
        problems: &mut Problems,
    ) {
        for (key, detail) in self.wrong() {
            problems.push(&key_of(name, &format!("sign.{key}")), detail);
        }
        let own = self.names();
        let is_own = |header: &&String| own.iter().any(|own| own.eq_ignore_ascii_case(header));
        for header in headers.keys().filter(is_own) {
            problems.push(
                &key_of(name, &format!("headers.{header}")),
                "is written by `sign`; leave one of them out",
            );
        }
    }

    /// The headers that it writes.
    fn names(&self) -> Vec<String> {
        match self.kind {
            SignKind::None => Vec::new(),
            SignKind::Stripe => vec![self.header.as_deref().unwrap_or(STRIPE).to_owned()],
            SignKind::Hmac => self.headers.keys().cloned().collect(),
            SignKind::StandardWebhooks => {
                let prefix = self.prefix.as_deref().unwrap_or(PREFIX);
                ["id", "timestamp", "signature"]
                    .map(|name| format!("{prefix}-{name}"))
                    .into()
            }
        }
    }

    /// Adds what cannot be read, or used as a secret.
    pub(super) fn check_sources(
        &self,
        name: &str,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
        problems: &mut Problems,
    ) {
        if self.wrong().is_empty()
            && let Err(Invalid { key, detail }) = self.resolve(name, named, secrets)
        {
            problems.push(&key, detail);
        }
    }

    /// As it may be shown: literal secrets are hidden.
    pub(super) fn hide(&mut self) {
        for secret in self.secrets.iter_mut().filter(|text| !text.contains("${")) {
            MASK.clone_into(secret);
        }
    }

    fn live(
        &self,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
    ) -> Result<Vec<SecretText>, Wrong> {
        let at = |error: secret::Error| ("secrets".to_owned(), error.to_string());
        let mut live = Vec::new();
        for text in &self.secrets {
            live.extend(secret::live(text, named, secrets).map_err(at)?);
        }
        if live.iter().any(|secret| secret.expose().is_empty()) {
            return Err(("secrets".to_owned(), "a secret is empty".to_owned()));
        }
        if live.len() > KEYS_MAX {
            let detail = format!(
                "{} are live, previous ones included; {KEYS_MAX} at most",
                live.len()
            );
            return Err(("secrets".to_owned(), detail));
        }
        Ok(live)
    }

    fn signer(
        &self,
        live: &[SecretText],
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
    ) -> Result<Signer, Wrong> {
        let texts = || live.iter().map(SecretText::expose);
        let scheme: Box<dyn Scheme> = match self.kind {
            SignKind::Stripe | SignKind::None => Box::new(Stripe::new(
                self.header.as_deref().unwrap_or(STRIPE),
                texts(),
            )),
            SignKind::StandardWebhooks => {
                let prefix = self.prefix.as_deref().unwrap_or(PREFIX);
                let standard = Standard::new(prefix, texts());
                Box::new(standard.map_err(|detail| ("secrets".to_owned(), detail))?)
            }
            SignKind::Hmac => {
                let reveal = |reference: &str| {
                    let found = secret::expand(&format!("${{{reference}}}"), named, secrets);
                    found.map(|text| text.expose().to_owned())
                };
                Box::new(self.templated(texts(), &reveal)?)
            }
        };
        let mut made_of = format!("{self:?}");
        for text in texts() {
            made_of.push('\n');
            made_of.push_str(text);
        }
        Ok(Signer::new(scheme, SecretText::new(made_of)))
    }

    fn templated<'a>(
        &'a self,
        texts: impl Iterator<Item = &'a str>,
        reveal: crate::template::Reveal<'_>,
    ) -> Result<Hmac, Wrong> {
        let written = Written {
            algorithm: self.algorithm.unwrap_or_default(),
            encoding: self.encoding.unwrap_or_default(),
            content: self.content.as_deref().unwrap_or("{@body}"),
            signature: self.signature.as_deref().unwrap_or("{digest}"),
            join: self.join.as_deref(),
        };
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        Hmac::new(written, headers, texts, reveal)
    }

    fn wrong(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut push = |key: &str, detail: String| wrong.push((key.to_owned(), detail));
        let count = self.secrets.len();
        if self.kind != SignKind::None && !(1..=KEYS_MAX).contains(&count) {
            let detail = format!(
                "{count} are given; 1 to {KEYS_MAX} are needed, such as `[\"${{secret:NAME}}\"]`"
            );
            push("secrets", detail);
        }
        let is_set = |is_set: bool, key: &'static str, kind| {
            (is_set && self.kind != kind).then_some((key, kind))
        };
        for (key, kind) in [
            is_set(self.prefix.is_some(), "prefix", SignKind::StandardWebhooks),
            is_set(self.header.is_some(), "header", SignKind::Stripe),
            is_set(self.algorithm.is_some(), "algorithm", SignKind::Hmac),
            is_set(self.encoding.is_some(), "encoding", SignKind::Hmac),
            is_set(self.content.is_some(), "content", SignKind::Hmac),
            is_set(self.signature.is_some(), "signature", SignKind::Hmac),
            is_set(self.join.is_some(), "join", SignKind::Hmac),
            is_set(!self.headers.is_empty(), "headers", SignKind::Hmac),
        ]
        .into_iter()
        .flatten()
        {
            let detail = format!(
                "is of kind `{}`, and this is `{}`",
                kind.name(),
                self.kind.name()
            );
            push(key, detail);
        }
        let prefix = self
            .prefix
            .as_ref()
            .map(|prefix| ("prefix", format!("{prefix}-id")));
        let header = self.header.as_ref().map(|name| ("header", name.clone()));
        for (key, name) in prefix.into_iter().chain(header) {
            if let Err(detail) = check_static_header(&name, "") {
                push(key, detail);
            }
        }
        for name in self.headers.keys() {
            if let Err(detail) = check_static_header(name, "") {
                push(&format!("headers.{name}"), detail);
            }
        }
        if self.kind == SignKind::Hmac
            && let Err((key, detail)) = self.templated(std::iter::empty(), &|_| Ok(String::new()))
        {
            push(&key, detail);
        }
        wrong
    }
}

/// The header of Stripe itself.
const STRIPE: &str = "stripe-signature";
/// The prefix that the specification gives.
const PREFIX: &str = "webhook";
