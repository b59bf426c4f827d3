//! Texts of policies: whether one may be kept.

use policy::{Document, Kind};

use super::Error;

/// The most bytes of a text that is read at all, as the API has it (`PolicyDocument`, 131,072).
pub const DOCUMENT_BYTES_MAX: usize = 131_072;

/// The characters that count: all but white space.
///
/// Source: IAM User Guide, quotas: "IAM does not count white space when calculating the size of a policy".
#[must_use]
pub fn chars(text: &str) -> usize {
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .count()
}

/// Refuses a text that is no policy of `kind`.
///
/// # Errors
/// [`Error::Malformed`] with the first thing that is wrong and its place.
pub fn check(text: &str, kind: Kind) -> Result<(), Error> {
    if text.len() > DOCUMENT_BYTES_MAX {
        let what = "it has more than 131,072 bytes".to_owned();
        return Err(Error::Malformed { what });
    }
    let Err(problems) = Document::parse(text, kind) else {
        return Ok(());
    };
    let first = problems.first().map(ToString::to_string);
    Err(Error::Malformed {
        what: first.unwrap_or_default(),
    })
}
