//! The key that signs statements, and its signatures.

use std::path::Path;

use anyhow::{Context, bail};
use base::{Clock, SystemClock};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde_json::Value;

use super::{Signature, Signed, canonical, digest};
use crate::account;

/// The name under which the key is sealed; the commands for secrets do not show it.
const SECRET: &str = "@statement-key";

const ALGORITHM: &str = "ed25519";

const PUBLIC_KEY_BYTES: usize = 32;

/// What stands before the 32 bytes of a key in its standard form (RFC 8410).
const SPKI_HEAD: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Two calls at once must not make two keys.
static MAKING: Mutex<()> = Mutex::new(());

/// The key of a data directory.
pub(crate) struct Key(Ed25519KeyPair);

impl Key {
    /// The key of `dir`; made and sealed at first use.
    pub(crate) fn open_or_make(dir: &Path) -> anyhow::Result<Self> {
        let _turn = MAKING.lock();
        let secrets = account::secrets(dir)?;
        let kept = match secrets.get(SECRET)? {
            Some(kept) => kept,
            None => {
                let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
                let made = made.map_err(|_| anyhow::anyhow!("no random bytes for a key"))?;
                let made = STANDARD.encode(made.as_ref());
                secrets.set(SECRET, &made, SystemClock::new().now())?;
                made
            }
        };
        let bytes = STANDARD.decode(kept).context("the key for statements")?;
        let key = Ed25519KeyPair::from_pkcs8(&bytes);
        key.map(Self)
            .map_err(|error| anyhow::anyhow!("the key for statements cannot be used: {error}"))
    }

    /// 32 bytes in base64.
    pub(crate) fn public(&self) -> String {
        STANDARD.encode(self.0.public_key().as_ref())
    }

    pub(crate) fn sign(&self, statement: Value) -> Signed {
        let bytes = canonical(&statement);
        Signed {
            signature: Signature {
                algorithm: ALGORITHM.to_owned(),
                public_key: self.public(),
                value: STANDARD.encode(self.0.sign(&bytes).as_ref()),
                sha256: digest(&statement),
            },
            statement,
        }
    }
}

/// A public key as others give it: base64, hexadecimal digits, PEM.
pub(crate) fn parse_key(text: &str) -> anyhow::Result<[u8; PUBLIC_KEY_BYTES]> {
    let is_body = |line: &&str| !line.starts_with("-----");
    let body: String = text.lines().map(str::trim).filter(is_body).collect();
    let bytes = match body.len() {
        64 => hex::decode(&body).ok(),
        _ => STANDARD.decode(&body).ok(),
    };
    let bytes = bytes.unwrap_or_default();
    let key = bytes.strip_prefix(&SPKI_HEAD).unwrap_or(&bytes);
    key.try_into().ok().context(
        "this is no Ed25519 public key: 32 bytes in base64 or hexadecimal digits, or PEM, as `shukuba statement --public-key` prints it",
    )
}

/// A public key as other programs read it.
pub(crate) fn pem(public: &str) -> anyhow::Result<String> {
    let key = parse_key(public)?;
    let body = STANDARD.encode([SPKI_HEAD.as_slice(), &key].concat());
    Ok(format!(
        "-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"
    ))
}

/// Whether a statement is what its key signed.
pub(crate) fn check(signed: &Signed) -> anyhow::Result<()> {
    let signature = &signed.signature;
    if signature.algorithm != ALGORITHM {
        bail!(
            "it is signed by `{}`, which this version does not know; it knows {ALGORITHM}",
            signature.algorithm
        );
    }
    let key = parse_key(&signature.public_key).context("`signature.public_key`")?;
    let value = STANDARD.decode(&signature.value);
    let value = value.context("`signature.value` is not base64")?;
    let is_good = UnparsedPublicKey::new(&ED25519, key)
        .verify(&canonical(&signed.statement), &value)
        .is_ok();
    if !is_good || signature.sha256 != digest(&signed.statement) {
        bail!("the signature is not of this statement: it was changed after it was signed");
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn key() -> Key {
        Key(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap())
    }

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn signatures_are_those_of_rfc_8032() {
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let key = Ed25519KeyPair::from_seed_unchecked(&hex::decode(seed).unwrap()).unwrap();
        let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        assert_eq!(parse_key(public).unwrap(), key.public_key().as_ref());
        assert_eq!(
            hex::encode(key.sign(b"r").as_ref()),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
    }

    #[test]
    fn a_key_is_read_in_each_form() {
        let public = key().public();
        let bytes = parse_key(&public).unwrap();
        assert_eq!(parse_key(&hex::encode(bytes)).unwrap(), bytes);
        assert_eq!(parse_key(&pem(&public).unwrap()).unwrap(), bytes);
        for wrong in ["", "AAAA", "no key", &public[1..]] {
            assert!(parse_key(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_changed_is_found() {
        let signed = key().sign(serde_json::json!({ "delivered": 1, "kind": "x" }));
        assert!(check(&signed).is_ok());
        let mut bad = signed.clone();
        bad.statement["delivered"] = 2.into();
        assert!(check(&bad).unwrap_err().to_string().contains("was changed"));
        let mut bad = signed.clone();
        bad.signature.sha256 = "00".into();
        assert!(check(&bad).is_err());
        let mut bad = signed;
        bad.signature.algorithm = "rsa".into();
        assert!(check(&bad).unwrap_err().to_string().contains("`rsa`"));
    }
}
