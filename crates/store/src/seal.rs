//! Sealing of secrets: under the master key, or under a data key that is itself sealed under the master key.
//!
//! A sealed secret is base64 of a nonce of 24 bytes and the ciphertext of XChaCha20-Poly1305. What the secret belongs
//! to (key id, name, role) is bound to it, so that a changed role or a swapped secret does not open.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::private;

/// Bytes of a nonce.
const NONCE_BYTES: usize = 24;

/// The name of the master key's file where it lies beside the data.
pub const MASTER_KEY_FILE: &str = "master.key";

/// Where the master key comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum MasterKeySource {
    /// `master.key` in the data directory; made with the first keys, mode 0600.
    BesideTheData,
    /// A file elsewhere, such as one that the service manager hands over. It must exist.
    File(PathBuf),
    /// 64 hexadecimal digits, from the environment.
    Hex(String),
}

impl fmt::Debug for MasterKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BesideTheData => f.write_str("BesideTheData"),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Hex(_) => f.write_str("Hex(…)"),
        }
    }
}

/// 32 bytes that open all secrets. Never shown.
pub struct MasterKey(Cipher);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// 32 random bytes under which secrets are sealed; kept sealed under the master key, so that another master key needs
/// no secret to be sealed anew. Never shown.
pub struct DataKey(Cipher);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// Why a secret does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it was sealed under another master key, or was changed")]
pub struct NotOpened;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Not 64 hexadecimal digits.
    #[error("the master key from {from} is not 64 hexadecimal digits")]
    Form {
        /// Where it came from.
        from: String,
    },
    /// It is gone, and secrets are sealed under it.
    #[error(
        "the master key `{}` is missing, and no other opens `keys.json` and `secrets.json`: put it back there; backups leave it out unless made with --with-master-key",
        path.display()
    )]
    Missing {
        /// Where it belongs.
        path: PathBuf,
    },
    /// Its file cannot be read or made.
    #[error("the master key's file `{}` cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl MasterKey {
    /// Reads the master key, and makes it where it lies beside the data and does not exist: only while nothing is sealed
    /// under it.
    ///
    /// # Errors
    /// When the source has none or it is not in form.
    pub fn load_or_make(data_dir: &Path, source: &MasterKeySource) -> Result<Self, MasterKeyError> {
        let path = data_dir.join(MASTER_KEY_FILE);
        if *source == MasterKeySource::BesideTheData && !path.exists() {
            let text = hex::encode(base::id::random_bytes::<32>());
            private::write_private(&path, text.as_bytes())
                .map_err(|source| MasterKeyError::File { path, source })?;
        }
        Self::load(data_dir, source)
    }

    /// Reads the master key.
    ///
    /// # Errors
    /// When the source has none or it is not in form.
    pub fn load(data_dir: &Path, source: &MasterKeySource) -> Result<Self, MasterKeyError> {
        match source {
            MasterKeySource::Hex(text) => Self::from_hex(text, "the environment"),
            MasterKeySource::File(path) => {
                let text =
                    std::fs::read_to_string(path).map_err(|source| MasterKeyError::File {
                        path: path.clone(),
                        source,
                    })?;
                Self::from_hex(&text, &path.display().to_string())
            }
            MasterKeySource::BesideTheData => Self::beside(&data_dir.join(MASTER_KEY_FILE)),
        }
    }

    fn beside(path: &Path) -> Result<Self, MasterKeyError> {
        let path = path.to_owned();
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::from_hex(&text, &path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(MasterKeyError::Missing { path })
            }
            Err(source) => Err(MasterKeyError::File { path, source }),
        }
    }

    fn from_hex(text: &str, from: &str) -> Result<Self, MasterKeyError> {
        let cipher = Cipher::from_hex(text.trim());
        cipher.map(Self).ok_or_else(|| MasterKeyError::Form {
            from: from.to_owned(),
        })
    }

    /// Draws a data key, and gives it with its sealed form.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "hexadecimal digits of 32 bytes are a key"
    )]
    pub fn make_data_key(&self, belongs_to: &str) -> (DataKey, String) {
        let text = hex::encode(base::id::random_bytes::<32>());
        let cipher = Cipher::from_hex(&text).expect("32 bytes");
        (DataKey(cipher), self.seal(&text, belongs_to))
    }

    /// Opens a data key that is sealed under this master key.
    ///
    /// # Errors
    /// As [`MasterKey::open`].
    pub fn open_data_key(&self, sealed: &str, belongs_to: &str) -> Result<DataKey, NotOpened> {
        let text = self.open(sealed, belongs_to)?;
        Cipher::from_hex(&text).map(DataKey).ok_or(NotOpened)
    }

    /// Seals `secret`, bound to `belongs_to`.
    #[must_use]
    pub fn seal(&self, secret: &str, belongs_to: &str) -> String {
        self.0.seal(secret, belongs_to)
    }

    /// Opens what [`MasterKey::seal`] sealed.
    ///
    /// # Errors
    /// [`NotOpened`] when it was sealed under another key, belongs to something else, or was changed.
    pub fn open(&self, sealed: &str, belongs_to: &str) -> Result<String, NotOpened> {
        self.0.open(sealed, belongs_to)
    }
}

impl DataKey {
    /// As [`MasterKey::seal`].
    #[must_use]
    pub fn seal(&self, secret: &str, belongs_to: &str) -> String {
        self.0.seal(secret, belongs_to)
    }

    /// As [`MasterKey::open`].
    ///
    /// # Errors
    /// As [`MasterKey::open`].
    pub fn open(&self, sealed: &str, belongs_to: &str) -> Result<String, NotOpened> {
        self.0.open(sealed, belongs_to)
    }
}

/// What seals.
struct Cipher(XChaCha20Poly1305);

impl Cipher {
    fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(XChaCha20Poly1305::new(&bytes.into())))
    }

    #[expect(clippy::expect_used, reason = "the cipher fails only beyond 256 GiB")]
    fn seal(&self, secret: &str, belongs_to: &str) -> String {
        let nonce = base::id::random_bytes::<NONCE_BYTES>();
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: belongs_to.as_bytes(),
        };
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is short");
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        STANDARD.encode(bytes)
    }

    fn open(&self, sealed: &str, belongs_to: &str) -> Result<String, NotOpened> {
        let bytes = STANDARD.decode(sealed).map_err(|_| NotOpened)?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(NotOpened)?;
        let payload = Payload {
            msg: ciphertext,
            aad: belongs_to.as_bytes(),
        };
        let secret = self
            .0
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| NotOpened)?;
        String::from_utf8(secret).map_err(|_| NotOpened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_with_its_key_and_for_its_owner() {
        let key = MasterKey::from_hex(&"11".repeat(32), "the test").unwrap();
        let other = MasterKey::from_hex(&"12".repeat(32), "the test").unwrap();
        let sealed = key.seal("secret", "AKIA1/administrator");
        assert_eq!(
            key.open(&sealed, "AKIA1/administrator").as_deref(),
            Ok("secret")
        );
        assert_eq!(key.open(&sealed, "AKIA1/sender"), Err(NotOpened));
        assert_eq!(other.open(&sealed, "AKIA1/administrator"), Err(NotOpened));
        assert_eq!(key.open("AAAA", ""), Err(NotOpened));
        assert!(!sealed.contains("secret") && !format!("{key:?}").contains("11"));
    }

    #[test]
    fn a_master_key_out_of_form_is_refused_without_being_shown() {
        let error = MasterKey::from_hex("abc", "the environment").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the master key from the environment is not 64 hexadecimal digits"
        );
    }

    #[test]
    fn a_data_key_opens_only_under_its_master_key() {
        let key = MasterKey::from_hex(&"11".repeat(32), "the test").unwrap();
        let other = MasterKey::from_hex(&"12".repeat(32), "the test").unwrap();
        let (data, sealed) = key.make_data_key("account");
        let secret = data.seal("secret", "owner");
        let again = key.open_data_key(&sealed, "account").unwrap();
        assert_eq!(again.open(&secret, "owner").as_deref(), Ok("secret"));
        assert!(again.open(&secret, "other").is_err());
        assert!(other.open_data_key(&sealed, "account").is_err());
        assert!(key.open_data_key(&sealed, "other").is_err());
        assert_eq!(format!("{data:?}"), "DataKey(…)");
    }
}
