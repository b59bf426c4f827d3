//! What may go wrong with functions.

use store::tables::Table;

use crate::{code, engine};

/// What may go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command is refused.
    #[error(transparent)]
    Refused(#[from] engine::Error),
    /// The tables cannot be read or take no change.
    #[error("functions cannot be kept")]
    Tables(#[from] store::tables::Error),
    /// The tables take no change any more.
    #[error(transparent)]
    Poisoned(#[from] store::Poisoned),
    /// A row is none of its table.
    #[error("table `{table}` has no row of it under `{key}`")]
    Row {
        /// The table.
        table: Table,
        /// The row's key.
        key: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A package is refused, or cannot be kept.
    #[error(transparent)]
    Code(#[from] code::Error),
    /// The folder of packages cannot be read.
    #[error("packages cannot be read")]
    Packages(#[from] std::io::Error),
}
