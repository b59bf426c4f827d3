//! What a macro gives, on its way from the line to its place.

use std::borrow::Cow;

/// A value, not yet escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text, or bytes that may be none.
    Text(Cow<'a, [u8]>),
    /// JSON other than a string, digit for digit.
    Json(Cow<'a, str>),
    /// A digest: lowercase hex, unless a filter asks for its bytes.
    Digest(Vec<u8>),
}

impl<'a> Value<'a> {
    /// A text.
    #[must_use]
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text.as_bytes()))
    }

    /// A text that was made.
    #[must_use]
    pub fn owned(text: String) -> Self {
        Self::Text(Cow::Owned(text.into_bytes()))
    }

    /// Bytes as they are.
    #[must_use]
    pub fn bytes(bytes: &'a [u8]) -> Self {
        Self::Text(Cow::Borrowed(bytes))
    }

    /// A number; a JSON number in a JSON body.
    #[must_use]
    pub fn number(number: impl Into<u64>) -> Self {
        Self::Json(Cow::Owned(number.into().to_string()))
    }

    /// Whether it is empty or `null`.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Self::Text(bytes) => bytes.is_empty(),
            Self::Json(text) => text.is_empty() || text == "null",
            Self::Digest(_) => false,
        }
    }

    /// Bytes that it takes as text.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(bytes) => bytes.len(),
            Self::Json(text) => text.len(),
            Self::Digest(bytes) => bytes.len() * 2,
        }
    }

    /// As it reads in a text.
    pub(super) fn as_text(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Text(bytes) => Cow::Borrowed(bytes),
            Self::Json(text) => Cow::Borrowed(text.as_bytes()),
            Self::Digest(bytes) => Cow::Owned(hex::encode(bytes).into_bytes()),
        }
    }

    /// What a digest stands for, and of anything else its text.
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(bytes) => bytes,
            Self::Json(text) => text.as_bytes(),
            Self::Digest(bytes) => bytes,
        }
    }
}
