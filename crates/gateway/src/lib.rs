//! The door: HTTP in, answers out, and nothing unsigned or unallowed in between.
//!
//! - [`keys`] has the account and its keys, sealed in the data directory
//! - [`limits`] has every bound of the door
//! - [`metrics`] has the counts of the process as Prometheus text

pub mod keys;
pub mod limits;
pub mod metrics;

pub use keys::{Credentials, Key, KeyLookup, KeyStore, MasterKeySource};
pub use limits::Limits;
pub use metrics::Registry;
