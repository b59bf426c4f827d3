//! The key that signs digests: RSA of 2048 bits, PKCS #1 v1.5 with SHA-256.
//!
//! ring signs and verifies; it does not make such keys, for which there is `rsa`, used for nothing else.

use std::fmt;
use std::time::Duration;

use base::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use rsa::pkcs1::EncodeRsaPrivateKey;
use store::seal::MasterKey;

use crate::engine::state::SigningKey;

/// Bits of a key. Source: CloudTrail signs with RSA; the length is that of the sample signatures, 256 bytes.
const BITS: usize = 2048;

/// How long a key signs. Chosen: a year; public halves are kept for good.
pub const VALID_FOR: Duration = Duration::from_secs(365 * 86_400);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// None could be made.
    #[error("no key of {BITS} bits could be made")]
    NotMade(#[source] rsa::Error),
    /// It was made and is not one.
    #[error("the key could not be written down")]
    NotWritten(#[source] rsa::pkcs1::Error),
    /// The private half does not open.
    #[error("the key `{fingerprint}` that signs digests does not open")]
    NotOpened {
        /// Which.
        fingerprint: String,
        /// Why.
        source: store::seal::NotOpened,
    },
    /// What was opened is no key.
    #[error("what is kept as the key `{fingerprint}` that signs digests is none")]
    NoKey {
        /// Which.
        fingerprint: String,
    },
    /// Signing failed.
    #[error("signing with the key `{fingerprint}` failed")]
    NotSigned {
        /// Which.
        fingerprint: String,
    },
}

/// A key with both halves.
pub struct KeyPair {
    pair: RsaKeyPair,
    fingerprint: String,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.fingerprint)
    }
}

impl KeyPair {
    /// Makes a key that signs from `at` on, its private half sealed under `master`. Takes tenths of a second.
    ///
    /// # Errors
    /// When none can be made.
    pub fn make(master: &MasterKey, at: Timestamp) -> Result<SigningKey, Problem> {
        let private =
            rsa::PrivateKey::new(&mut getrandom::SysRng, BITS).map_err(Problem::NotMade)?;
        let der = private.to_pkcs1_der().map_err(Problem::NotWritten)?;
        let text = STANDARD.encode(der.as_bytes());
        let pair = Self::read(&text, "new")?;
        Ok(SigningKey {
            sealed: master.seal(&text, &belongs_to(&pair.fingerprint)),
            public: hex::encode(pair.public_der()),
            fingerprint: pair.fingerprint,
            from: at.into(),
            until: at.plus(VALID_FOR).into(),
        })
    }

    /// Opens a key that was made.
    ///
    /// # Errors
    /// When it was sealed under another key, or is none.
    pub fn open(master: &MasterKey, key: &SigningKey) -> Result<Self, Problem> {
        let text = master
            .open(&key.sealed, &belongs_to(&key.fingerprint))
            .map_err(|source| Problem::NotOpened {
                fingerprint: key.fingerprint.clone(),
                source,
            })?;
        Self::read(&text, &key.fingerprint)
    }

    fn read(text: &str, fingerprint: &str) -> Result<Self, Problem> {
        let no_key = || Problem::NoKey {
            fingerprint: fingerprint.to_owned(),
        };
        let der = STANDARD.decode(text).map_err(|_| no_key())?;
        let pair = RsaKeyPair::from_der(&der).map_err(|_| no_key())?;
        let fingerprint = PublicKey(pair.public().as_ref().to_vec()).fingerprint();
        Ok(Self { pair, fingerprint })
    }

    /// 32 hexadecimal digits that name it.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The public half: `RSAPublicKey` of RFC 8017 in DER.
    #[must_use]
    pub fn public_der(&self) -> &[u8] {
        self.pair.public().as_ref()
    }

    /// The signature of `message` in hexadecimal digits. The same message has the same signature.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn sign(&self, message: &[u8]) -> Result<String, Problem> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
            .map_err(|_| Problem::NotSigned {
                fingerprint: self.fingerprint.clone(),
            })?;
        Ok(hex::encode(signature))
    }
}

/// The public half of a key: `RSAPublicKey` of RFC 8017 in DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(pub Vec<u8>);

impl PublicKey {
    /// 32 hexadecimal digits that name it: the beginning of its SHA-256. For clients it is only a name.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        super::sha256(&self.0).chars().take(32).collect()
    }

    /// Whether `signature`, hexadecimal digits, is that of `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = hex::decode(signature) else {
            return false;
        };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0)
            .verify(message, &signature)
            .is_ok()
    }
}

fn belongs_to(fingerprint: &str) -> String {
    format!("trail/digest/{fingerprint}")
}
