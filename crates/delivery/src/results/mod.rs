//! Results as objects: sealed from the journal, found again, compacted, aged out, forgotten.
//!
//! # Layout
//! ```text
//! route=s2s/dt=2026-11-23/hour=05/00000000000a1000-00000000000b2fff.ndjson.zst   results, readable by zstdcat; behind them
//!                                                raw lines, one per result, and a sidecar: frames, blooms, counts
//! retired.json                                                                   counts of what was removed
//! ```
//! `dt` and `hour` are UTC, of the time of settling. The two numbers are the journal positions of the first result's and
//! the last result's record. A lone notifier has no journal: there the name is a time and a hash of what was settled, and what
//! compaction makes of these has a list beside it, `….replaces.zst`.
//!
//! INVARIANTS
//! - An object is stored whole, by one PUT (`whole`). Of those that were three once, beside which an `….idx` and a
//!   `sources/….src.zst` lie, the `.ndjson.zst` is removed first: where it stands, the others stand.
//! - An object whose span lies within that of another one of its hour, or of the same span in a lower generation
//!   (`.g2.`), has been replaced and is not read.
//! - An object that begins at or after `sealed_up_to` was left behind by a crash: it is not read, and the sealer removes it.
//!
//! - [`name`]: the layout; [`bloom`], [`index`]: the sidecar; [`build`]: writing an object; `whole`: its parts in one
//! - [`object`]: [`ObjectResults`], over `object_store`
//! - [`set`]: the objects that count, and reading them
//! - [`sealing`]: how that stands
//! - [`sealer`]: from the journal; [`direct`]: from outcomes, where there is no journal
//! - [`replaced`]: which of them others stand for
//! - [`compact`], [`retain`], [`forget`]: what happens to them later; [`upkeep`]: without a server

pub mod bloom;
pub mod build;
pub mod compact;
pub mod direct;
pub mod forget;
pub mod index;
pub mod name;
pub mod object;
pub mod replaced;
pub mod retain;
pub mod sealer;
pub mod sealing;
pub mod set;
#[cfg(test)]
pub(crate) mod tests;
pub mod upkeep;
mod whole;

pub use build::{Built, ObjectBuilder};
pub use index::{Counts, Index};
pub use name::{ObjectName, Range};
pub use object::ObjectResults;
pub use sealer::{ResultLog, Sealer};
pub use sealing::Sealing;
pub use set::{Entry, Results};

/// Why results could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::port::Error),
    /// The journal could not be read.
    #[error("could not read the journal")]
    Journal(#[from] store::ReadError),
    /// A record of the journal is malformed.
    #[error("the journal's record at {position} cannot be read")]
    Record {
        /// Where it is.
        position: store::Position,
        /// What was wrong.
        source: store::record::Malformed,
    },
    /// An object is not what its name says.
    #[error("object `{name}` is damaged: {detail}")]
    Damaged {
        /// Its name.
        name: String,
        /// What was found.
        detail: String,
    },
    /// A part of an object is beyond what its length can say.
    #[error("an object of results is larger than 4 GiB")]
    TooLarge,
    /// Compression failed.
    #[error("could not compress results")]
    Compress(#[source] std::io::Error),
    /// A task was cancelled.
    #[error("a task of the results was cancelled")]
    Cancelled,
}

impl Error {
    pub(crate) fn damaged(name: &ObjectName, detail: impl std::fmt::Display) -> Self {
        Self::Damaged {
            name: name.data(),
            detail: detail.to_string(),
        }
    }
}
