//! Where a notification came from, as `ship` writes it and results show it.
//!
//! # Format
//! The text that travels with a message is one JSON object with short names:
//! `{"h":"web-1","f":"/var/log/s2s.log","o":1048576,"t":1795410190250}`; whoever sends otherwise may write any text.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A place in a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The host that shipped it.
    #[serde(rename = "h")]
    pub host: String,
    /// The file, as it was named then.
    #[serde(rename = "f")]
    pub file: String,
    /// Where the line, or the first line of its message, begins in the file, in bytes.
    #[serde(rename = "o")]
    pub offset: u64,
    /// When it was shipped, in milliseconds since the epoch.
    #[serde(rename = "t")]
    pub shipped_at_ms: u64,
}

impl Origin {
    /// The text that travels with a message.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads that text; `None` when it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.starts_with('{')
            .then(|| serde_json::from_str(text).ok())
            .flatten()
    }
}

/// The same without copies, for the hot path.
#[derive(Deserialize)]
pub(super) struct OriginRef<'a> {
    #[serde(rename = "h", borrow)]
    pub(super) host: Cow<'a, str>,
    #[serde(rename = "f", borrow)]
    pub(super) file: Cow<'a, str>,
    #[serde(rename = "o")]
    pub(super) offset: u64,
    #[serde(rename = "t")]
    pub(super) shipped_at_ms: u64,
}

impl<'a> OriginRef<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        text.starts_with('{')
            .then(|| serde_json::from_str(text).ok())
            .flatten()
    }
}
