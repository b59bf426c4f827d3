//! Names of queues.

use crate::Error;

/// Checks a queue's name: 1 to 80 letters, digits, hyphens and underscores; a FIFO queue's ends with `.fifo`, which counts.
///
/// # Errors
/// [`Error::InvalidParameter`] for any other.
pub fn check(name: &str) -> Result<(), Error> {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !stem.is_empty() && name.len() <= 80 && stem.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(Error::parameter(
        "QueueName",
        name,
        "can only include alphanumeric characters, hyphens, or underscores, 1 to 80 in length; a FIFO queue's ends with `.fifo`",
    ))
}

/// Whether the name says that the queue is FIFO.
#[must_use]
pub fn is_fifo(name: &str) -> bool {
    name.ends_with(".fifo")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_documented() {
        for name in ["a", "A-b_9", "orders.fifo", &"x".repeat(80)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in [
            "",
            ".fifo",
            "a.b",
            "a b",
            "é",
            &"x".repeat(81),
            "a.fifo.fifo",
        ] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
