//! What a macro does to its value.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use serde::de::IgnoredAny;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512};

use super::error::Unfilled;
use super::escape::{component, utf8};
use super::name::Name;
use super::value::Value;

/// A step on a value's way.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Filter {
    Url,
    Raw,
    Lower,
    Upper,
    Trim,
    Md5,
    Sha1,
    Sha256,
    Sha512,
    HmacSha1(Key),
    HmacSha256(Key),
    HmacSha512(Key),
    Hex,
    Base64,
    Base64Url,
    Json,
    /// What stands in for nothing.
    Default(Value<'static>),
}

/// The key of an HMAC.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key(Box<[u8]>);

impl Key {
    pub(super) fn new(secret: &str) -> Self {
        Self(secret.as_bytes().into())
    }
}

/// How a filter is made of its argument.
#[derive(Clone, Copy)]
pub(super) enum Make {
    /// It has none.
    Plain(fn() -> Filter),
    /// The name of a secret.
    Keyed(fn(Key) -> Filter),
    /// A text in quotes, or JSON as it is.
    Valued(fn(Value<'static>) -> Filter),
}

/// Every filter by its name, in the order in which they are explained.
pub(super) const FILTERS: &[(&str, Make)] = &[
    ("default", Make::Valued(Filter::Default)),
    ("trim", Make::Plain(|| Filter::Trim)),
    ("lower", Make::Plain(|| Filter::Lower)),
    ("upper", Make::Plain(|| Filter::Upper)),
    ("url", Make::Plain(|| Filter::Url)),
    ("raw", Make::Plain(|| Filter::Raw)),
    ("json", Make::Plain(|| Filter::Json)),
    ("md5", Make::Plain(|| Filter::Md5)),
    ("sha1", Make::Plain(|| Filter::Sha1)),
    ("sha256", Make::Plain(|| Filter::Sha256)),
    ("sha512", Make::Plain(|| Filter::Sha512)),
    ("hmac_sha1", Make::Keyed(Filter::HmacSha1)),
    ("hmac_sha256", Make::Keyed(Filter::HmacSha256)),
    ("hmac_sha512", Make::Keyed(Filter::HmacSha512)),
    ("hex", Make::Plain(|| Filter::Hex)),
    ("base64", Make::Plain(|| Filter::Base64)),
    ("base64url", Make::Plain(|| Filter::Base64Url)),
];

impl Filter {
    /// What `value` becomes. Nothing stays nothing for all but `default`: a hash of nothing would look like something.
    pub(super) fn apply<'a>(
        &self,
        value: Option<Value<'a>>,
        name: &Name,
    ) -> Result<Option<Value<'a>>, Unfilled> {
        match (self, value) {
            (Self::Default(default), None) => Ok(Some(default.clone())),
            (_, None) => Ok(None),
            (Self::Trim, Some(value)) => {
                let trimmed = trim(value, name)?;
                Ok(Some(trimmed).filter(|value| !value.is_nothing()))
            }
            (_, Some(value)) => self.of(value, name).map(Some),
        }
    }

    fn of<'a>(&self, value: Value<'a>, name: &Name) -> Result<Value<'a>, Unfilled> {
        let text = |text: String| Ok(Value::owned(text));
        match self {
            Self::Default(_) | Self::Raw | Self::Trim => Ok(value),
            Self::Lower => text(utf8(&value.as_text(), name)?.to_lowercase()),
            Self::Upper => text(utf8(&value.as_text(), name)?.to_uppercase()),
            Self::Url => text(component(&value.as_text()).into_owned()),
            Self::Json => json(value, name),
            Self::Md5 => Ok(digest::<Md5>(&value)),
            Self::Sha1 => Ok(digest::<Sha1>(&value)),
            Self::Sha256 => Ok(digest::<Sha256>(&value)),
            Self::Sha512 => Ok(digest::<Sha512>(&value)),
            Self::HmacSha1(key) => Ok(hmac::<Hmac<Sha1>>(key, &value)),
            Self::HmacSha256(key) => Ok(hmac::<Hmac<Sha256>>(key, &value)),
            Self::HmacSha512(key) => Ok(hmac::<Hmac<Sha512>>(key, &value)),
            Self::Hex => text(hex::encode(value.as_bytes())),
            Self::Base64 => text(STANDARD.encode(value.as_bytes())),
            Self::Base64Url => text(URL_SAFE_NO_PAD.encode(value.as_bytes())),
        }
    }
}

fn trim<'a>(value: Value<'a>, name: &Name) -> Result<Value<'a>, Unfilled> {
    let Value::Text(bytes) = value else {
        return Ok(value);
    };
    let trimmed = match &bytes {
        Cow::Borrowed(bytes) => return Ok(Value::text(utf8(bytes, name)?.trim())),
        Cow::Owned(bytes) => utf8(bytes, name)?.trim().to_owned(),
    };
    Ok(Value::owned(trimmed))
}

/// The text as the JSON that it says it is.
fn json<'a>(value: Value<'a>, name: &Name) -> Result<Value<'a>, Unfilled> {
    if matches!(value, Value::Json(_)) {
        return Ok(value);
    }
    let bytes = value.as_text();
    let text = utf8(&bytes, name)?.trim();
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(IgnoredAny) => Ok(Value::Json(Cow::Owned(text.to_owned()))),
        Err(error) => Err(Unfilled::NotJson {
            name: name.to_string(),
            detail: error.to_string(),
        }),
    }
}

/// Of the text: the digest of a digest is that of its hex, as peers and receivers have it.
fn digest<D: Digest>(value: &Value<'_>) -> Value<'static> {
    Value::Digest(D::digest(value.as_text()).to_vec())
}

fn hmac<M: Mac + KeyInit>(key: &Key, value: &Value<'_>) -> Value<'static> {
    // Any length of key is one (RFC 2104, section 2).
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(&key.0) else {
        return Value::Digest(Vec::new());
    };
    mac.update(&value.as_text());
    Value::Digest(mac.finalize().into_bytes().to_vec())
}
