//! The lines of a message's body.
//!
//! Lines end with `\n`; a `\r` before it and an empty last line do not count. An empty line in the middle is a
//! line (and a dead notification), so that every part counts the same.

use bytes::Bytes;

/// The most lines of a body; one with more counts as a single line (which no format knows). Chosen: a body of
/// 1 MiB with lines of 52 bytes.
pub(super) const LINES_MAX: usize = 20_000;

/// How many lines a body has, 1 or more.
#[must_use]
pub fn count(body: &[u8]) -> u32 {
    let ends = memchr::memchr_iter(b'\n', body).count();
    let lines = ends + usize::from(body.last() != Some(&b'\n'));
    match u32::try_from(lines.max(1)) {
        Ok(count) if lines <= LINES_MAX => count,
        _ => 1,
    }
}

/// The lines of a body in order, without their ends; as many as [`count`] says. They share the body's memory.
pub fn split(body: &Bytes) -> impl Iterator<Item = Bytes> {
    let end = body.len() - usize::from(body.last() == Some(&b'\n'));
    let is_single = count(body) == 1;
    let mut rest = Some(body.slice(..end));
    std::iter::from_fn(move || {
        let mut line = rest.take()?;
        if !is_single && let Some(at) = memchr::memchr(b'\n', &line) {
            let tail = line.split_off(at);
            rest = Some(tail.slice(1..));
        }
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Some(line)
    })
}

/// A line without a byte order mark and white space around it.
pub(super) fn trim(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    line.strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(line)
        .trim_ascii()
}

/// The line from where `trimmed`, a part of it, begins: a body at its end keeps its white space.
pub(super) fn to_end<'a>(line: &'a [u8], trimmed: &[u8]) -> &'a [u8] {
    let begin = (trimmed.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
    line.get(begin..).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_and_count_agree() {
        for (body, lines) in [
            ("", vec![""]),
            ("a", vec!["a"]),
            ("a\n", vec!["a"]),
            ("a\r\nb", vec!["a", "b"]),
            ("a\n\nb\n", vec!["a", "", "b"]),
            ("\n", vec![""]),
        ] {
            let found: Vec<Bytes> = split(&Bytes::from(body)).collect();
            assert_eq!(found, lines, "{body:?}");
            assert_eq!(count(body.as_bytes()) as usize, lines.len(), "{body:?}");
        }
    }

    #[test]
    fn a_body_with_too_many_lines_is_one_line() {
        let body = Bytes::from("\n".repeat(LINES_MAX + 1));
        assert_eq!((count(&body), split(&body).count()), (1, 1));
        let body = Bytes::from("\n".repeat(LINES_MAX));
        assert_eq!(
            (count(&body) as usize, split(&body).count()),
            (LINES_MAX, LINES_MAX)
        );
    }
}
