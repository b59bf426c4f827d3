//! What plugins write: Nagios', Mackerel's, Munin's.
//!
//! All of it becomes a status, a text and metrics. INVARIANT: no output makes a reader panic; what cannot be read is counted, and
//! the count is told.

pub mod graph;
pub mod mackerel;
pub mod munin;
pub mod nagios;

pub use graph::{Graph, Series};

/// Bytes of a plugin's output that are read; the rest is thrown away. Chosen: Nagios Core reads 8 KiB, Munin plugins write more.
pub const OUTPUT_MAX: usize = 64 * 1024;
/// Values of one output that are taken.
pub const VALUES_MAX: usize = 1_000;
