//! Times as signatures write them: `20150830T123600Z`.

use base::Timestamp;

/// Reads `20150830T123600Z`; `None` when it is not one.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let is_in_form = text.len() == 16
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !is_in_form {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to);
    let long = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(9, 11)?,
        part(11, 13)?,
        part(13, 15)?,
    );
    Timestamp::parse_rfc3339(&long)
}

/// Writes `20150830T123600Z`.
pub(super) fn format(at: Timestamp) -> String {
    let mut text: String = Timestamp::from_secs(at.as_secs())
        .rfc3339()
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .take(15)
        .collect();
    text.push('Z');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_there_and_back() {
        let text = "20150830T123600Z";
        assert_eq!(format(parse(text).unwrap()), text);
        for wrong in [
            "",
            "2015-08-30T12:36:00Z",
            "20150830T123600",
            "20151330T123600Z",
            "20150830T1236é0Z",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
