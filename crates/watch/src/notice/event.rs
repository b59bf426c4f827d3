//! What a source says: that something is wrong, or right again.

use std::collections::BTreeMap;
use std::fmt;

use base::Timestamp;
use serde::{Deserialize, Serialize};

/// One change of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The id of the change: the same id counts once.
    pub id: String,
    /// What it is about, such as the ARN of an alarm, or `check:web-1/disk`.
    pub source: String,
    /// Whether it is wrong or right now.
    pub kind: Kind,
    /// When it changed.
    pub at: Timestamp,
    /// How bad it is.
    pub severity: Severity,
    /// One line for people, such as `web-1-CPUUtilization is in ALARM`.
    pub title: String,
    /// Why, in a sentence or more; may be empty.
    pub detail: String,
    /// What routes, silences and groups look at, such as `Name`, `namespace`, `check`.
    pub labels: BTreeMap<String, String>,
    /// Receivers that the source itself names, as an alarm's actions do.
    pub to: Vec<String>,
    /// What SNS would send as the message, where the source is an alarm.
    pub sns: Option<String>,
}

/// Whether something is wrong or right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It is wrong, or wrong otherwise than before.
    Problem,
    /// It is right again.
    Recovery,
}

/// How bad a problem is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing: nobody can say whether it is wrong, such as an alarm without data.
    Info,
    /// It will be bad.
    Warning,
    /// It is bad.
    #[default]
    Critical,
}

impl Severity {
    /// As settings and labels write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
