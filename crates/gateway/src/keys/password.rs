//! The root password: kept as an argon2id hash, checked at sign-in.
//!
//! Parameters: 19 MiB, 2 passes, 1 lane (OWASP Password Storage Cheat Sheet). One check takes tens of milliseconds:
//! call it on a blocking thread.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};

/// The shortest password that is taken.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// The longest password that is taken, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// A password that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password must have {PASSWORD_CHARS_MIN} characters to {PASSWORD_BYTES_MAX} bytes")]
pub struct NotTaken;

fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The hash to keep, such as `$argon2id$v=19$m=19456,t=2,p=1$…`.
pub(super) fn hash(password: &str) -> Result<String, NotTaken> {
    let is_taken =
        password.chars().count() >= PASSWORD_CHARS_MIN && password.len() <= PASSWORD_BYTES_MAX;
    if !is_taken {
        return Err(NotTaken);
    }
    let salt = base::id::random_bytes::<16>();
    let hash = argon2()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|_| NotTaken)?;
    Ok(hash.to_string())
}

/// Whether `password` is the one that `hash` was made of; in constant time for equal parameters.
pub(super) fn is_right(password: &str, hash: &str) -> bool {
    password.len() <= PASSWORD_BYTES_MAX
        && PasswordHash::new(hash)
            .is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_opens() {
        let hash = hash("correct horse battery").unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(is_right("correct horse battery", &hash));
        assert!(!is_right("correct horse batterz", &hash));
        assert!(!is_right("correct horse battery", "nonsense"));
        assert_eq!(super::hash("short"), Err(NotTaken));
    }
}
