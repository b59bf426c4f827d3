//! What is checked, how its answers are read, and what they add up to.
//!
//! - [`config`]: the file that says what is checked
//! - [`range`]: Nagios' ranges of values
//! - [`plugin`]: what Nagios, Mackerel and Munin plugins write
//! - [`run`]: running checks on a host, built-in ones among them
//! - [`state`]: soft and hard states, flapping, what is told: pure
//! - [`board`]: the states of all hosts' checks, durable, on the server
//!
//! An agent runs checks and retries; the states that people are told about are the server's.

pub mod board;
pub mod config;
pub mod plugin;
pub mod range;
pub mod run;
pub mod state;

use serde::{Deserialize, Serialize};

use crate::datum::Measured;

/// Bytes of a check's text and long text each that go to the server; the rest is cut. Source: Nagios Core keeps 8 KiB.
pub const TEXT_MAX: usize = 8 * 1024;

/// What a check says. The numbers are the exit codes of Nagios plugins.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// All is well.
    #[default]
    Ok,
    /// It should be looked at.
    Warning,
    /// It is broken.
    Critical,
    /// It cannot be said.
    Unknown,
}

impl Status {
    /// Of an exit code; all that are none of 0 to 3 are unknown.
    #[must_use]
    pub const fn of_exit(code: i32) -> Self {
        match code {
            0 => Self::Ok,
            1 => Self::Warning,
            2 => Self::Critical,
            _ => Self::Unknown,
        }
    }

    /// The exit code, and the value of the metric `State`.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// As plugins write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The worse of two: critical, then unknown, then warning. Source: Nagios Plugin Development Guidelines, `max_state_alt`.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        match self.weight() < other.weight() {
            true => other,
            false => self,
        }
    }

    const fn weight(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Unknown => 2,
            Self::Critical => 3,
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one run of a check found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its status.
    pub status: Status,
    /// One line for people. At most [`TEXT_MAX`] bytes.
    pub text: String,
    /// More lines, if any. At most [`TEXT_MAX`] bytes.
    pub long: String,
    /// What it measured.
    pub metrics: Vec<Measured>,
    /// What the plugin says of its graphs.
    pub graphs: Vec<plugin::Graph>,
}

impl Outcome {
    /// An outcome of a line alone.
    #[must_use]
    pub fn of(status: Status, text: impl Into<String>) -> Self {
        Self {
            status,
            text: cut(&text.into(), TEXT_MAX).to_owned(),
            ..Self::default()
        }
    }

    /// The check could not be made, because of `text`.
    #[must_use]
    pub fn unknown(text: impl Into<String>) -> Self {
        Self::of(Status::Unknown, text)
    }
}

/// The beginning of `text`, whole letters, at most `max` bytes.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let end = text.floor_char_boundary(max);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_states_and_others_are_unknown() {
        let told: Vec<_> = [0, 1, 2, 3, 4, 127, -1].map(Status::of_exit).to_vec();
        let unknown = Status::Unknown;
        assert_eq!(
            told,
            [
                Status::Ok,
                Status::Warning,
                Status::Critical,
                unknown,
                unknown,
                unknown,
                unknown
            ]
        );
        assert_eq!(Status::Critical.worse(unknown), Status::Critical);
        assert_eq!(Status::Warning.worse(unknown), unknown);
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(cut("日本", 4), "日");
        assert_eq!(cut("abc", 8), "abc");
    }
}
