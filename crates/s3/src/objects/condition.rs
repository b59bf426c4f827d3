//! Conditions of requests on what is there.
//!
//! Source: RFC 9110, 13; Amazon S3 User Guide, "How to prevent object overwrites with conditional writes".

use base::Timestamp;

use crate::error::Error;
use crate::rows::Object;

/// A word about ETags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// `*`: whatever it is.
    Any,
    /// This one, without quotes.
    ETag(String),
}

/// `If-Match` and `If-None-Match`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// There is an object with this ETag.
    pub is: Option<Match>,
    /// There is none with this ETag.
    pub is_not: Option<Match>,
}

/// The conditions of reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadConditions {
    /// By ETag.
    pub matches: Matches,
    /// `If-Modified-Since`
    pub modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`
    pub unmodified_since: Option<Timestamp>,
}

impl Match {
    fn holds(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::ETag(wanted) => wanted == etag,
        }
    }
}

impl Matches {
    /// Whether `found` may be written over, or made.
    ///
    /// # Errors
    /// [`Error::Precondition`]; [`Error::KeyNotFound`] where an object must be there and is not.
    pub(super) fn check_write(&self, key: &str, found: Option<&Object>) -> Result<(), Error> {
        match (&self.is, found) {
            (Some(_), None) => {
                return Err(Error::KeyNotFound {
                    key: key.to_owned(),
                });
            }
            (Some(wanted), Some(object)) if !wanted.holds(&object.etag) => {
                return Err(failed("If-Match"));
            }
            _ => {}
        }
        match (&self.is_not, found) {
            (Some(unwanted), Some(object)) if unwanted.holds(&object.etag) => {
                Err(failed("If-None-Match"))
            }
            _ => Ok(()),
        }
    }
}

impl ReadConditions {
    /// Whether `object` is to be given.
    ///
    /// # Errors
    /// [`Error::Precondition`], [`Error::NotModified`].
    pub(super) fn check_read(&self, object: &Object) -> Result<(), Error> {
        match (&self.matches.is, self.unmodified_since) {
            (Some(wanted), _) if !wanted.holds(&object.etag) => return Err(failed("If-Match")),
            (None, Some(since)) if secs(object.modified) > secs(since) => {
                return Err(failed("If-Unmodified-Since"));
            }
            _ => {}
        }
        match (&self.matches.is_not, self.modified_since) {
            (Some(unwanted), _) if unwanted.holds(&object.etag) => Err(Error::NotModified),
            (None, Some(since)) if secs(object.modified) <= secs(since) => Err(Error::NotModified),
            _ => Ok(()),
        }
    }
}

/// Dates of HTTP have whole seconds.
fn secs(at: Timestamp) -> u64 {
    at.as_secs()
}

fn failed(condition: &'static str) -> Error {
    Error::Precondition { condition }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{About, Content};

    fn object() -> Object {
        Object {
            bytes: 0,
            modified: Timestamp::from_millis(100_500),
            etag: "e".to_owned(),
            content: Content::None,
            about: About::default(),
            tags: Vec::new(),
            sum: None,
        }
    }

    fn etag(text: &str) -> Option<Match> {
        Some(Match::ETag(text.to_owned()))
    }

    /// The order of RFC 9110, 13.2.2.
    #[test]
    fn reads_follow_the_order_of_the_standard() {
        let at = |secs| Some(Timestamp::from_secs(secs));
        for (is, unmodified_since, is_not, modified_since, expected) in [
            (None, None, None, None, "given"),
            (etag("e"), None, None, None, "given"),
            (etag("x"), None, None, None, "failed"),
            (Some(Match::Any), None, None, None, "given"),
            (None, at(100), None, None, "given"),
            (None, at(99), None, None, "failed"),
            (etag("e"), at(99), None, None, "given"),
            (None, None, etag("e"), None, "not modified"),
            (None, None, Some(Match::Any), None, "not modified"),
            (None, None, etag("x"), None, "given"),
            (None, None, None, at(100), "not modified"),
            (None, None, None, at(99), "given"),
            (None, None, etag("x"), at(100), "given"),
            (etag("x"), None, etag("e"), None, "failed"),
        ] {
            let conditions = ReadConditions {
                matches: Matches { is, is_not },
                modified_since,
                unmodified_since,
            };
            let found = match conditions.check_read(&object()) {
                Ok(()) => "given",
                Err(Error::NotModified) => "not modified",
                Err(_) => "failed",
            };
            assert_eq!(found, expected, "{conditions:?}");
        }
    }

    #[test]
    fn writes_make_or_replace_only_what_they_say() {
        let some = object();
        for (is, is_not, found, expected) in [
            (None, None, None, "done"),
            (None, None, Some(&some), "done"),
            (None, Some(Match::Any), None, "done"),
            (None, Some(Match::Any), Some(&some), "failed"),
            (etag("e"), None, Some(&some), "done"),
            (etag("x"), None, Some(&some), "failed"),
            (etag("e"), None, None, "not found"),
        ] {
            let matches = Matches { is, is_not };
            let outcome = match matches.check_write("k", found) {
                Ok(()) => "done",
                Err(Error::KeyNotFound { .. }) => "not found",
                Err(_) => "failed",
            };
            assert_eq!(outcome, expected, "{matches:?} {}", found.is_some());
        }
    }
}
