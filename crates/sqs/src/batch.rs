//! The rules that every batch request shares.

use std::collections::HashSet;

use crate::Error;
use crate::message::{BYTES_MAX, Outgoing};

/// Most entries of a batch.
pub const ENTRIES_MAX: usize = 10;

/// Checks the ids of a batch's entries: 1 to 10 of them, each 1 to 80 letters, digits, `-` and `_`, none twice.
///
/// # Errors
/// The `Batch…` variants of [`Error`].
pub fn check_ids<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Result<(), Error> {
    let count = ids.len();
    if count == 0 {
        return Err(Error::BatchEmpty);
    }
    if count > ENTRIES_MAX {
        return Err(Error::BatchTooMany { count });
    }
    let mut seen = HashSet::with_capacity(count);
    for id in ids {
        if !is_id(id) {
            return Err(Error::BatchIdInvalid {
                id: id.chars().take(100).collect(),
            });
        }
        if !seen.insert(id) {
            return Err(Error::BatchIdRepeated { id: id.to_owned() });
        }
    }
    Ok(())
}

/// Checks the size of a batch, whatever the number of its messages: at most 1 MiB with their attributes.
///
/// # Errors
/// [`Error::BatchTooLong`].
pub fn check_bytes(messages: &[Outgoing]) -> Result<(), Error> {
    let bytes = messages.iter().map(Outgoing::size).sum();
    if bytes > BYTES_MAX {
        return Err(Error::BatchTooLong {
            bytes,
            limit: BYTES_MAX,
        });
    }
    Ok(())
}

fn is_id(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=80).contains(&id.len()) && id.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked_as_documented() {
        let eleven = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
        assert_eq!(check_ids(eleven.into_iter().take(10)), Ok(()));
        assert_eq!(
            check_ids(eleven.into_iter()),
            Err(Error::BatchTooMany { count: 11 })
        );
        assert_eq!(check_ids([].into_iter()), Err(Error::BatchEmpty));
        assert_eq!(
            check_ids(["a", "a"].into_iter()),
            Err(Error::BatchIdRepeated { id: "a".into() })
        );
        for id in ["", "a b", "é", &"a".repeat(81)] {
            assert!(
                matches!(
                    check_ids([id].into_iter()),
                    Err(Error::BatchIdInvalid { .. })
                ),
                "{id}"
            );
        }
    }
}
