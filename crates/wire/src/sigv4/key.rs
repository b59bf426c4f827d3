//! Secret keys, the scope of a signature, and the keys derived for it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub(super) type HmacSha256 = Hmac<Sha256>;

/// Where and when a signature holds: `20150830/us-east-1/sqs/aws4_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Eight digits.
    pub day: &'a str,
    /// Such as `us-east-1`.
    pub region: &'a str,
    /// Such as `sqs`.
    pub service: &'a str,
}

impl fmt::Display for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/aws4_request",
            self.day, self.region, self.service
        )
    }
}

/// How many derived keys a secret remembers: two days of two services.
const DERIVED_LIMIT: usize = 4;

/// A secret access key. Never shown; remembers the few signing keys that were derived from it last.
pub struct SecretKey {
    secret: Box<str>,
    derived: Mutex<Vec<Derived>>,
}

struct Derived {
    day: String,
    region: String,
    service: String,
    mac: HmacSha256,
}

impl SecretKey {
    /// A secret as AWS writes it: 40 letters, usually.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self {
            secret: secret.into(),
            derived: Mutex::new(Vec::new()),
        }
    }

    /// The secret itself, for its owner and for sealing. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.secret
    }

    /// The signature of `text` in `scope`.
    #[must_use]
    pub fn sign(&self, scope: &Scope<'_>, text: &str) -> [u8; 32] {
        let mut mac = self.signing_mac(scope);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The keyed state for `scope`, derived once.
    fn signing_mac(&self, scope: &Scope<'_>) -> HmacSha256 {
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = derived.iter().find(|one| one.is_for(scope)) {
            return found.mac.clone();
        }
        let mac = derive(&self.secret, scope);
        derived.truncate(DERIVED_LIMIT - 1);
        derived.insert(0, Derived::new(scope, mac.clone()));
        mac
    }
}

impl Derived {
    fn new(scope: &Scope<'_>, mac: HmacSha256) -> Self {
        Self {
            day: scope.day.to_owned(),
            region: scope.region.to_owned(),
            service: scope.service.to_owned(),
            mac,
        }
    }

    fn is_for(&self, scope: &Scope<'_>) -> bool {
        self.day == scope.day && self.service == scope.service && self.region == scope.region
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

fn derive(secret: &str, scope: &Scope<'_>) -> HmacSha256 {
    let first = format!("AWS4{secret}");
    let day = digest(first.as_bytes(), scope.day);
    let region = digest(&day, scope.region);
    let service = digest(&region, scope.service);
    keyed(&digest(&service, "aws4_request"))
}

fn digest(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = keyed(key);
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn keyed(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes keys of every length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_remembers_few_keys_and_shows_nothing() {
        let secret = SecretKey::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let first = Scope {
            day: "20150830",
            region: "us-east-1",
            service: "iam",
        };
        let expected = secret.sign(&first, "text");
        for day in ["20150831", "20150901", "20150902", "20150903", "20150904"] {
            let _ = secret.sign(&Scope { day, ..first }, "text");
        }
        assert_eq!(secret.derived.lock().unwrap().len(), DERIVED_LIMIT);
        assert_eq!(secret.sign(&first, "text"), expected);
        assert_eq!(format!("{secret:?}"), "SecretKey(…)");
    }

    /// From AWS's page "Deriving the signing key", the `iam` example.
    #[test]
    fn the_documented_key_is_derived() {
        let scope = Scope {
            day: "20120215",
            region: "us-east-1",
            service: "iam",
        };
        let of_day = digest(b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", scope.day);
        let of_service = digest(&digest(&of_day, scope.region), scope.service);
        assert_eq!(
            hex::encode(digest(&of_service, "aws4_request")),
            "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"
        );
    }
}
