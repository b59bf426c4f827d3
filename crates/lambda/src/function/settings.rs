//! What a function's owner says of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Memory of a function in MiB, least and most.
pub const MEMORY_MIB: std::ops::RangeInclusive<u32> = 128..=10_240;
/// How long an invocation may take, in seconds.
pub const TIMEOUT_SECS: std::ops::RangeInclusive<u32> = 1..=900;
/// Space under `/tmp` in MiB.
pub const STORAGE_MIB: std::ops::RangeInclusive<u32> = 512..=10_240;
/// The runtimes of functions: programs that speak the runtime API.
pub const RUNTIMES: &[&str] = &["provided.al2023", "provided.al2"];
/// Longest description, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 256;
/// Longest handler, in characters.
pub const HANDLER_CHARS_MAX: usize = 128;
/// Most bytes of all environment variables together, names and values.
pub const ENVIRONMENT_BYTES_MAX: usize = 4096;

/// A function's settings; the defaults are AWS's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// `provided.al2023` or `provided.al2`: a program that speaks the runtime API.
    pub runtime: String,
    /// What the runtime is told in `_HANDLER`.
    pub handler: String,
    /// The role that it runs as, by ARN.
    pub role: String,
    /// For people; at most 256 characters.
    pub description: String,
    /// Memory in MiB; see [`MEMORY_MIB`]. 128 unless said.
    pub memory_mib: u32,
    /// Seconds until an invocation is ended; see [`TIMEOUT_SECS`]. 3 unless said.
    pub timeout_secs: u32,
    /// Space for files in MiB; see [`STORAGE_MIB`]. 512 unless said.
    pub storage_mib: u32,
    /// `x86_64` or `arm64`: that of this machine.
    pub architecture: String,
    /// What it finds in its environment; at most [`ENVIRONMENT_BYTES_MAX`] bytes.
    pub environment: BTreeMap<String, String>,
    /// The queue that takes events that failed for good, by ARN.
    pub dead_letters: Option<String>,
    /// `PassThrough` or `Active`: told again as it was given, nothing is traced.
    pub tracing: String,
    /// Where its lines are kept: `/aws/lambda/NAME` unless said.
    pub log_group: Option<String>,
}
