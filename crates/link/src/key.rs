//! The private key of a device. It stays on its host: it is neither shown nor sent, and wiped when it goes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gotatun::x25519::{self, StaticSecret};
use net::PublicKey;

/// A private key of X25519.
#[derive(Clone)]
pub struct PrivateKey(StaticSecret);

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes for a private key")]
pub struct NoRandomness(#[source] getrandom::Error);

/// A text is not a private key. What it was is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a private key: 32 bytes in base64, 44 characters that end with `=`")]
pub struct Malformed;

impl PrivateKey {
    /// A new one.
    ///
    /// # Errors
    /// [`NoRandomness`] when the system gives none.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(NoRandomness)?;
        Ok(Self::new(bytes))
    }

    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(StaticSecret::from(bytes))
    }

    /// Reads what [`Self::reveal`] wrote.
    ///
    /// # Errors
    /// [`Malformed`] for all else.
    pub fn read(text: &str) -> Result<Self, Malformed> {
        let bytes = STANDARD.decode(text.trim()).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self::new).ok_or(Malformed)
    }

    /// It as WireGuard's own tools write it, for a file that only its owner reads.
    #[must_use]
    pub fn reveal(&self) -> String {
        STANDARD.encode(self.0.to_bytes())
    }

    /// The key that others know it by.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey::new(x25519::PublicKey::from(&self.0).to_bytes())
    }

    pub(crate) const fn secret(&self) -> &StaticSecret {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `wg genkey | tee /dev/stderr | wg pubkey` of wireguard-tools printed.
    #[test]
    fn a_public_key_is_what_wireguards_own_tool_says() {
        let private = PrivateKey::read("YAnzzTgUr+Kyx9RMm8SwJRu1VwJ3zhPOzHMg+OGIm0o=").unwrap();
        let public = private.public().to_string();
        assert_eq!(public, "fNBdnWt+oNimCKUy/Wf9q9so2TmYJNwMF1EBj7/zXwA=");
    }

    #[test]
    fn a_key_survives_its_file_and_does_not_show_itself() {
        let key = PrivateKey::generate().unwrap();
        let read = PrivateKey::read(&format!("{}\n", key.reveal())).unwrap();
        assert_eq!(read.public(), key.public());
        assert!(!format!("{key:?}").contains(&key.reveal()));
        for text in ["", "AAAA", &key.reveal()[1..]] {
            assert_eq!(PrivateKey::read(text).unwrap_err(), Malformed);
        }
    }
}
