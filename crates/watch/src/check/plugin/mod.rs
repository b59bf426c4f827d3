//! What plugins write: Nagios', Mackerel's, Munin's.
//!
//! All of it becomes a status, a text and metrics. INVARIANT: no output makes a reader panic; what cannot be read is counted, and
//! the count is told.

pub mod mackerel;
pub mod munin;
pub mod nagios;

use serde::{Deserialize, Serialize};

/// Bytes of a plugin's output that are read; the rest is thrown away. Chosen: Nagios Core reads 8 KiB, Munin plugins write more.
pub const OUTPUT_MAX: usize = 64 * 1024;
/// Values of one output that are taken.
pub const VALUES_MAX: usize = 1_000;

/// What a plugin says of a graph of its values, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// Its name, such as `load` or `memcached.cmd`.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What its values are, such as `bytes`.
    pub unit: String,
    /// Its lines.
    pub series: Vec<Series>,
    /// What the plugin asks for and is not done here, such as `user.cdef`.
    pub ignored: Vec<String>,
}

/// One line of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The metric's name.
    pub name: String,
    /// What people read.
    pub label: String,
    /// Whether it stands on the line before.
    pub is_stacked: bool,
}
