//! As Stripe signs (docs.stripe.com/webhooks, "Verify webhook signatures manually"): one header with time and signatures.
//!
//! # Format
//! ```text
//! stripe-signature: t=1492774577,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd
//! ```
//! Signed is `TIME.BODY` by HMAC-SHA256; the key is the secret as it reads, `whsec_` included.

use ring::hmac::{HMAC_SHA256, Key};

use super::standard::mac;
use super::{Facts, Scheme};

/// Signs as Stripe does.
#[derive(Debug)]
pub struct Stripe {
    name: Box<str>,
    keys: Vec<Key>,
}

impl Stripe {
    /// A signer that writes the header `name`.
    #[must_use]
    pub fn new<'a>(name: &str, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let key = |secret: &str| Key::new(HMAC_SHA256, secret.as_bytes());
        Self {
            name: name.to_ascii_lowercase().into(),
            keys: secrets.into_iter().map(key).collect(),
        }
    }
}

impl Scheme for Stripe {
    fn names(&self) -> &[Box<str>] {
        std::slice::from_ref(&self.name)
    }

    fn sign(&self, facts: &Facts<'_>, put: &mut dyn FnMut(&str, &str)) -> Result<(), String> {
        let time = facts.at.as_secs().to_string();
        let parts: [&[u8]; 3] = [time.as_bytes(), b".", &facts.notification.request.body];
        let mut value = format!("t={time}");
        for key in &self.keys {
            value.push_str(",v1=");
            value.push_str(&hex::encode(mac(key, &parts)));
        }
        put(&self.name, &value);
        Ok(())
    }
}
