//! HTTP Basic: a key's id as the user, its secret as the password. For the ways in whose clients cannot sign; no other
//! request is taken so.
//!
//! Source: RFC 7617.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use http::request::Parts;
use subtle::ConstantTimeEq as _;
use wire::sigv4::SecretKey;

use crate::route;

/// The longest credentials in base64. Chosen: an id of 128 characters and a secret of as many.
const CREDENTIALS_CHARS_MAX: usize = 512;

/// Credentials as they were sent; proven by nothing yet.
pub(crate) struct Basic {
    user: String,
    password: String,
}

impl Basic {
    /// What the head has; `None` where it has no such credentials.
    pub(crate) fn read(head: &Parts) -> Option<Self> {
        let text = route::text(head, header::AUTHORIZATION.as_str());
        let (scheme, sent) = text.split_once(' ')?;
        let sent = sent.trim();
        let is_basic = scheme.eq_ignore_ascii_case("basic") && sent.len() <= CREDENTIALS_CHARS_MAX;
        let decoded = STANDARD.decode(is_basic.then_some(sent)?).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some(Self {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }

    /// Whether a head has such credentials, readable or not.
    pub(crate) fn is_meant(head: &Parts) -> bool {
        let text = route::text(head, header::AUTHORIZATION.as_str());
        text.split(' ')
            .next()
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"))
    }

    /// The key's id.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Whether the password is this secret; how long that takes says only whether they are as long as each other.
    pub(crate) fn is(&self, secret: &SecretKey) -> bool {
        let (sent, known) = (self.password.as_bytes(), secret.expose().as_bytes());
        sent.ct_eq(known).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(authorization: &str) -> Parts {
        let request = http::Request::builder().header(header::AUTHORIZATION, authorization);
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn user_and_password_are_those_of_the_rfc() {
        // RFC 7617, 2: `Aladdin` and `open sesame`.
        let basic = Basic::read(&head("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")).unwrap();
        assert_eq!(basic.user(), "Aladdin");
        assert!(basic.is(&SecretKey::new("open sesame")));
        assert!(!basic.is(&SecretKey::new("open sesamE")));
        assert!(!basic.is(&SecretKey::new("open")));
    }

    #[test]
    fn what_is_not_in_form_is_nothing() {
        let long = format!("Basic {}", "QUFB".repeat(200));
        for text in [
            "",
            "Basic",
            "Basic !",
            "Basic QUFB",
            "Bearer QTpC",
            "Basic /w==",
            &long,
        ] {
            assert!(Basic::read(&head(text)).is_none(), "{text}");
        }
    }
}
