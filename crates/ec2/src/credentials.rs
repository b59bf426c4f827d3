//! The port to whoever gives agents their credentials.

use std::fmt;

use async_trait::async_trait;
use base::Timestamp;

use crate::engine::InstanceId;

/// What an enrolment begins with as text.
const TOKEN_PREFIX: &str = "sj_";

/// Credentials as they are given: an access key and its secret, which is shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The key's id.
    pub access_key_id: String,
    /// Its secret.
    pub secret: String,
}

/// A key that may only join, as text: `sj_AKIAIOSFODNN7EXAMPLE_wJalrXUtnFEMI…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub Issued);

/// Why credentials were not given or taken back; the detail is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Trouble {
    /// What failed, and why.
    pub what: String,
}

/// Gives agents their credentials, and takes them back.
///
/// Every call may be made again after a crash: what is there is replaced, what is gone is no error.
#[async_trait]
pub trait Credentials: Send + Sync + fmt::Debug {
    /// New credentials for the agent of `instance`, which may only report for it and put metrics. Those that it had hold no more.
    ///
    /// # Errors
    /// When they cannot be made.
    async fn issue(&self, instance: &InstanceId) -> Result<Issued, Trouble>;

    /// Takes back all credentials of the agent of `instance`.
    ///
    /// # Errors
    /// When that cannot be known; it is tried again.
    async fn revoke(&self, instance: &InstanceId) -> Result<(), Trouble>;

    /// A key that may only join until `until`: as `instance`, or as any where that is `None`.
    ///
    /// # Errors
    /// When it cannot be made.
    async fn enrolment(
        &self,
        instance: Option<&InstanceId>,
        until: Timestamp,
    ) -> Result<Token, Trouble>;

    /// Takes the key of an enrolment back.
    ///
    /// # Errors
    /// When that cannot be known; it is tried again.
    async fn withdraw(&self, access_key_id: &str) -> Result<(), Trouble>;
}

impl Token {
    /// Reads the text of a token; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (access_key_id, secret) = text.strip_prefix(TOKEN_PREFIX)?.split_once('_')?;
        let is_right = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic());
        (is_right(access_key_id) && is_right(secret)).then(|| {
            Self(Issued {
                access_key_id: access_key_id.to_owned(),
                secret: secret.to_owned(),
            })
        })
    }

    /// Its text. A secret.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{TOKEN_PREFIX}{}_{}", self.0.access_key_id, self.0.secret)
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{TOKEN_PREFIX}{}_***", self.0.access_key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_there_and_back_and_does_not_show_its_secret() {
        let text = "sj_AKIAIOSFODNN7EXAMPLE_wJalr/XUtn_FEMI+K7";
        let token = Token::parse(text).unwrap();
        assert_eq!(token.0.access_key_id, "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(token.text(), text);
        assert_eq!(format!("{token:?}"), "sj_AKIAIOSFODNN7EXAMPLE_***");
        for wrong in ["", "sj_", "sj_A", "sj__b", "AKIA_x", "sj_A_b c"] {
            assert_eq!(Token::parse(wrong), None, "{wrong}");
        }
    }
}
