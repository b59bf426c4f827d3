//! Objects in buckets: S3's interface over files and tables of the data directory.
//!
//! - [`objects`]: [`Objects`], buckets and objects without wire, callers or permissions; what parts of this process use
//! - [`ops`]: S3's interface, which the gateway holds as a [`Service`]
//! - [`rows`]: how they lie in the tables
//! - [`files`]: the files that hold the bytes
//! - [`sums`] has checksums
//! - [`limits`]: every bound
//! - [`error`]: what can go wrong

pub mod error;
pub mod files;
pub mod limits;
pub mod objects;
pub mod ops;
mod policy;
pub mod rows;
pub mod sums;

pub use error::Error;
pub use limits::Limits;
pub use objects::Objects;
pub use ops::Service;
