//! What a function is.
//!
//! - [`name`]: how functions and their versions are called
//! - [`settings`]: what its owner says of it, with the bounds of each
//! - [`Runnable`]: one version with its code, as an invocation finds it

pub mod name;
pub mod settings;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use name::{FunctionName, InvalidName, LATEST, Qualifier};
pub use settings::Settings;

/// The SHA-256 of a package's bytes; code lies under it. As text 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CodeId(pub [u8; 32]);

impl fmt::Display for CodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for CodeId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for CodeId {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        text.parse()
    }
}

impl From<CodeId> for String {
    fn from(id: CodeId) -> Self {
        id.to_string()
    }
}

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
