//! The credential report's place: the last one, in memory.

use base::Timestamp;
use parking_lot::Mutex;

/// The last credential report.
#[derive(Debug, Default)]
pub(crate) struct Kept(pub(crate) Mutex<Option<Report>>);

/// A credential report.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// When it was made.
    pub(crate) at: Timestamp,
    /// Its lines.
    pub(crate) csv: String,
}
