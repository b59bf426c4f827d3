//! Secrets in the forms in which a receiver may send them back, and texts without them.

use std::borrow::Cow;
use std::sync::Arc;

use url::Url;

use super::secret::SecretText;
use crate::masking::{MASK, Masking};

/// The shortest text that is hidden: a shorter one would be found in any answer. Chosen.
const HIDDEN_BYTES_MIN: usize = 4;

/// The secrets of a destination in the forms in which a receiver may send them back, the longest first.
pub(super) fn hidden(
    headers: &[(String, SecretText)],
    mail_relay: Option<&SecretText>,
    proxy: Option<&Url>,
) -> Arc<[String]> {
    let hides = Masking::default();
    let mut all: Vec<String> = Vec::new();
    for (name, value) in headers {
        all.extend(value.values().map(str::to_owned));
        if value.values().next().is_none() && is_secret_header(&hides, name) {
            // `Bearer TOKEN`, `Basic …`: the scheme is none.
            let token = value.expose().trim().rsplit(' ').next();
            all.extend(token.map(str::to_owned));
        }
    }
    all.extend(
        mail_relay
            .iter()
            .flat_map(|relay| relay.values())
            .map(str::to_owned),
    );
    let relay = mail_relay.and_then(|relay| Url::parse(relay.expose()).ok());
    for password in [relay.as_ref(), proxy]
        .into_iter()
        .flatten()
        .filter_map(Url::password)
    {
        let plain = percent_encoding::percent_decode_str(password).decode_utf8_lossy();
        all.extend([password.to_owned(), plain.into_owned()]);
    }
    forms(all)
}

/// These secrets, more of them, in the forms in which they may come back, the longest first.
pub(crate) fn with_more(known: &Arc<[String]>, more: Vec<String>) -> Arc<[String]> {
    if more.is_empty() {
        return Arc::clone(known);
    }
    let known = known.iter().cloned();
    forms(more.into_iter().chain(known).collect())
}

/// What two destinations hide.
pub(super) fn joined(one: &[String], other: &[String]) -> Arc<[String]> {
    sorted(one.iter().chain(other).cloned().collect())
}

/// Texts in the forms in which a receiver may send them back.
pub(crate) fn forms(mut all: Vec<String>) -> Arc<[String]> {
    for secret in all.clone() {
        let in_json = secret
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('/', "\\/");
        let in_url =
            percent_encoding::utf8_percent_encode(&secret, percent_encoding::NON_ALPHANUMERIC);
        all.extend([in_json.replace("\\/", "/"), in_json, in_url.to_string()]);
    }
    sorted(all)
}

fn sorted(mut all: Vec<String>) -> Arc<[String]> {
    all.retain(|secret| secret.len() >= HIDDEN_BYTES_MIN);
    all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    all.dedup();
    all.into()
}

/// The text with the mask for each secret.
pub(crate) fn hide<'a>(hidden: &[String], text: &'a [u8]) -> Cow<'a, [u8]> {
    let mut text = Cow::Borrowed(text);
    for secret in hidden.iter().map(String::as_bytes) {
        if let Some(hidden) = without(&text, secret) {
            text = Cow::Owned(hidden);
        }
    }
    text
}

/// `text` with the mask for each `secret` and for its beginning at the end; `None` where there is neither.
fn without(text: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text;
    let mut is_found = false;
    while let Some(at) = memchr::memmem::find(rest, secret) {
        is_found = true;
        out.extend_from_slice(rest.get(..at)?);
        out.extend_from_slice(MASK.as_bytes());
        rest = rest.get(at + secret.len()..)?;
    }
    let cut = (HIDDEN_BYTES_MIN..secret.len().min(rest.len() + 1))
        .rev()
        .find(|len| {
            secret
                .get(..*len)
                .is_some_and(|begin| rest.ends_with(begin))
        });
    if let Some(len) = cut {
        is_found = true;
        out.extend_from_slice(rest.get(..rest.len() - len)?);
        out.extend_from_slice(MASK.as_bytes());
    } else {
        out.extend_from_slice(rest);
    }
    is_found.then_some(out)
}

/// Headers whose value is a secret though the settings hold it as it is.
pub(crate) fn is_secret_header(hides: &Masking, name: &str) -> bool {
    hides.hides(name.as_bytes())
        || ["cookie", "proxy-authorization", "x-api-key"]
            .iter()
            .any(|own| own.eq_ignore_ascii_case(name))
}
