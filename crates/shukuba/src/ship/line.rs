//! Which lines may travel: text that a queue takes, within the longest message.
//!
//! What may not is set aside with its reason. Source for the characters: SQS API Reference, SendMessage.

/// Why a line is set aside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Bad {
    /// Longer than a message may be.
    #[error("line of {length} bytes is longer than {limit} bytes, which is what one message holds")]
    TooLong {
        /// Bytes of the line.
        length: u64,
        /// Bytes that would do.
        limit: usize,
    },
    /// Not UTF-8.
    #[error("line is not UTF-8 at byte {at}")]
    NotText {
        /// Bytes before the first wrong one.
        at: usize,
    },
    /// Holds a character that queues refuse.
    #[error("line holds the character U+{code:04X}, which queues refuse")]
    Character {
        /// The character.
        code: u32,
    },
    /// The chosen format does not read it.
    #[error("line is not in the format: {detail}")]
    Format {
        /// What the format says.
        detail: String,
    },
    /// The queue refused it alone, with the other messages of its batch accepted.
    #[error("queue refused the message: {code}: {detail}")]
    Refused {
        /// The queue's code.
        code: String,
        /// The queue's words.
        detail: String,
    },
}

/// Whether a queue takes `line` (without its newline).
pub(crate) fn check(line: &[u8], limit: usize) -> Result<(), Bad> {
    if line.len() > limit {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        return Err(Bad::TooLong { length, limit });
    }
    // The common case is plain ASCII without control characters: one pass, no decoding.
    if line
        .iter()
        .all(|byte| matches!(byte, 0x20..=0x7e | b'\t' | b'\r'))
    {
        return Ok(());
    }
    let text = std::str::from_utf8(line).map_err(|error| Bad::NotText {
        at: error.valid_up_to(),
    })?;
    match text.chars().find(|letter| !is_allowed(*letter)) {
        None => Ok(()),
        Some(letter) => Err(Bad::Character {
            code: u32::from(letter),
        }),
    }
}

/// The characters of SQS: `#x9 | #xA | #xD | #x20-#xD7FF | #xE000-#xFFFD | #x10000-#x10FFFF`.
fn is_allowed(letter: char) -> bool {
    match letter {
        '\t' | '\n' | '\r' => true,
        _ => u32::from(letter) >= 0x20 && !matches!(letter, '\u{fffe}' | '\u{ffff}'),
    }
}

/// `line` without what Windows leaves before the newline.
pub(crate) fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_queues_refuse_are_named() {
        assert_eq!(check("宿場\turl:x".as_bytes(), 100), Ok(()));
        assert_eq!(check(b"", 100), Ok(()));
        assert_eq!(
            check(b"abcd", 3),
            Err(Bad::TooLong {
                length: 4,
                limit: 3
            })
        );
        assert_eq!(check(b"ab\xff", 100), Err(Bad::NotText { at: 2 }));
        assert_eq!(check(b"a\x00", 100), Err(Bad::Character { code: 0 }));
        assert_eq!(
            check("\u{fffe}".as_bytes(), 100),
            Err(Bad::Character { code: 0xfffe })
        );
        assert_eq!(check(b"\x7f", 100), Ok(()));
    }

    #[test]
    fn a_carriage_return_at_the_end_is_not_part_of_the_line() {
        assert_eq!(without_cr(b"a\r"), b"a");
        assert_eq!(without_cr(b"a\rb"), b"a\rb");
    }
}
