//! Standard Webhooks 1.0 (standardwebhooks.com): `PREFIX-id`, `PREFIX-timestamp` and `PREFIX-signature`.
//!
//! # Format
//! ```text
//! webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek
//! webhook-timestamp: 1614265330
//! webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1a,tQ9V…
//! ```
//! Signed is `ID.TIMESTAMP.BODY`. A secret `whsec_BASE64` signs by HMAC-SHA256 (`v1`), a key `whsk_BASE64` by ed25519
//! (`v1a`): its 32 bytes of seed, or these and the 32 of the public key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{HMAC_SHA256, Key as Mac};
use ring::signature::Ed25519KeyPair;

use super::{Facts, Scheme};

/// The shortest HMAC key. The specification asks for 24 to 64 bytes; its own examples, and keys of services from before
/// it, are shorter.
const MAC_BYTES_MIN: usize = 16;

/// Signs as Standard Webhooks says.
#[derive(Debug)]
pub struct Standard {
    names: [Box<str>; 3],
    keys: Vec<Key>,
}

#[derive(Debug)]
enum Key {
    Mac(Mac),
    Pair(Box<Ed25519KeyPair>),
}

impl Standard {
    /// A signer that writes headers with `prefix`, such as `webhook` or `svix`.
    ///
    /// # Errors
    /// What is wrong with a secret, without the secret.
    pub fn new<'a>(
        prefix: &str,
        secrets: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, String> {
        let names = ["id", "timestamp", "signature"];
        Ok(Self {
            names: names.map(|name| format!("{}-{name}", prefix.to_ascii_lowercase()).into()),
            keys: secrets.into_iter().map(key).collect::<Result<_, _>>()?,
        })
    }
}

fn key(secret: &str) -> Result<Key, String> {
    if let Some(text) = secret.strip_prefix("whsk_") {
        let bytes = decoded(text)?;
        let pair = match bytes.split_first_chunk::<32>() {
            Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
            Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            None => {
                return Err(format!(
                    "a key `whsk_…` holds 32 bytes in base64, or 64 with its public key; this one has {}",
                    bytes.len()
                ));
            }
        };
        let wrong = |_| "a key `whsk_…` has a public key that is not its own".to_owned();
        return pair.map(|pair| Key::Pair(Box::new(pair))).map_err(wrong);
    }
    if secret.starts_with("whpk_") {
        return Err(
            "`whpk_…` is the public key, for the receiver; give the private one, `whsk_…`"
                .to_owned(),
        );
    }
    let bytes = decoded(secret.strip_prefix("whsec_").unwrap_or(secret))?;
    if bytes.len() < MAC_BYTES_MIN {
        return Err(format!(
            "a secret `whsec_…` has {} bytes; at least {MAC_BYTES_MIN} are needed, 32 are usual",
            bytes.len()
        ));
    }
    Ok(Key::Mac(Mac::new(HMAC_SHA256, &bytes)))
}

fn decoded(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|_| {
        "is not `whsec_` or `whsk_` and base64, such as `openssl rand -base64 32` writes".to_owned()
    })
}

impl Scheme for Standard {
    fn names(&self) -> &[Box<str>] {
        &self.names
    }

    fn sign(&self, facts: &Facts<'_>, put: &mut dyn FnMut(&str, &str)) -> Result<(), String> {
        let [id_name, time_name, signature_name] = &self.names;
        let id = &*facts.notification.id;
        let time = facts.at.as_secs().to_string();
        let body = &*facts.notification.request.body;
        let parts = [id.as_bytes(), b".", time.as_bytes(), b".", body];
        let mut signatures = String::new();
        for key in &self.keys {
            if !signatures.is_empty() {
                signatures.push(' ');
            }
            match key {
                Key::Mac(key) => {
                    signatures.push_str("v1,");
                    STANDARD.encode_string(mac(key, &parts), &mut signatures);
                }
                Key::Pair(pair) => {
                    signatures.push_str("v1a,");
                    STANDARD.encode_string(pair.sign(&parts.concat()), &mut signatures);
                }
            }
        }
        put(id_name, id);
        put(time_name, &time);
        put(signature_name, &signatures);
        Ok(())
    }
}

/// The code of all `parts`, one after the other.
pub(super) fn mac(key: &Mac, parts: &[&[u8]]) -> ring::hmac::Tag {
    let mut context = ring::hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    context.sign()
}
