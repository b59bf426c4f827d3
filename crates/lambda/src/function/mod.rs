//! What a function is.
//!
//! - [`name`]: how functions and their versions are called
//! - [`settings`]: what its owner says of it, with the bounds of each
//! - [`Runnable`]: one version with its code, as an invocation finds it

pub mod name;
pub mod settings;

use std::sync::Arc;

pub use name::{FunctionName, InvalidName, Qualifier};
pub use settings::Settings;

/// The SHA-256 of a package's bytes; code lies under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeId(pub [u8; 32]);

/// One version of a function as an invocation finds it. Whoever holds it keeps what it was, whatever is changed meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runnable {
    /// The function.
    pub name: FunctionName,
    /// The version: `$LATEST`, or a number.
    pub version: String,
    /// Its ARN as the caller named it, with the alias or version where there was one.
    pub invoked_arn: String,
    /// Grows with each change of code or settings: environments of an older one get no more invocations.
    pub revision: u64,
    /// What its owner says of it.
    pub settings: Arc<Settings>,
    /// Its code.
    pub code: CodeId,
    /// Most invocations at once that are its own; the others share what nobody reserved.
    pub reserved: Option<u32>,
}
