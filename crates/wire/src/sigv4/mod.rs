//! AWS Signature Version 4: verify what comes in, sign what goes out.
//!
//! Verification has two steps, so that nobody unknown makes the door read a body:
//! [`Claim::read`] takes the header or presigned form apart and checks everything that needs no body (form, scope,
//! clock, signed headers); [`Claim::verify`] compares the body's hash and the signature, in constant time.
//!
//! Stricter than the protocol: `host` and every `x-amz-*` header must be signed, parameters that decide may not
//! stand twice, signed headers stand in order, and streaming payloads are refused by name until S3 needs them.
//!
//! - [`canonical`]: the canonical request
//! - [`key`] has [`SecretKey`], [`Scope`], derived signing keys
//! - [`claim`] has [`Claim`]
//! - [`refusal`] has [`Refusal`], and the codes that AWS gives them
//! - [`sign`] has [`Signer`]
//!
//! Source: AWS General Reference, "Signature Version 4 signing process"; the vectors in `tests/vectors`.

pub mod canonical;
pub mod claim;
pub mod key;
pub mod refusal;
mod sent;
pub mod sign;
mod time;
#[cfg(test)]
mod vectors;

pub use canonical::{PathStyle, RequestParts};
pub use claim::{Claim, Payload, Rules, Style};
pub use key::{Scope, SecretKey};
pub use refusal::{Dialect, Refusal, RefusalCodes};
pub use sign::Signer;

/// The only algorithm that is taken.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The SHA-256 of a body.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

/// 32 bytes as 64 hexadecimal digits in lower case.
fn hex_digest(bytes: &[u8; 32]) -> String {
    let mut digits = [0; 64];
    // Twice as many digits as bytes always fit.
    let _ = hex::encode_to_slice(bytes, &mut digits);
    String::from_utf8_lossy(&digits).into_owned()
}
