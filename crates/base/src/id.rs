//! Random ids in the forms that AWS and the platform use.
#![expect(
    clippy::indexing_slicing,
    reason = "every index is a constant below the array's length or masked to it"
)]

/// The alphabet of AWS's ids: upper-case base 32.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// `N` bytes from the operating system's random source.
///
/// # Panics
/// When the operating system has no random source: nothing can be signed or named then.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "without randomness no id is safe; there is nothing to fall back to"
)]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random version 4 UUID, such as `5fea7756-0ea4-451a-a703-a558b933e274`.
#[must_use]
pub fn uuid() -> String {
    format_uuid(as_version_4(random_bytes()))
}

/// Marks 16 random bytes as a version 4 UUID.
#[must_use]
pub fn as_version_4(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes
}

/// 16 bytes in the form of a UUID.
#[must_use]
pub fn format_uuid(bytes: [u8; 16]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    // The first digit of each byte; a group ends before 9, 14, 19 and 24.
    const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let mut text = [b'-'; 36];
    for (place, byte) in PLACES.into_iter().zip(bytes) {
        text[place] = HEX[usize::from(byte >> 4)];
        text[place + 1] = HEX[usize::from(byte & 0x0f)];
    }
    std::str::from_utf8(&text).unwrap_or_default().to_owned()
}

/// The 16 bytes of a UUID's text; `None` when it is not one.
#[must_use]
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let is_in_form = text.len() == 36
        && [8, 13, 18, 23]
            .iter()
            .all(|at| text.as_bytes().get(*at) == Some(&b'-'));
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let mut bytes = [0; 16];
    (is_in_form && hex::decode_to_slice(&digits, &mut bytes).is_ok()).then_some(bytes)
}

/// A prefix and `len` random letters of AWS's alphabet, such as `AKIA…` with 16.
#[must_use]
pub fn aws_id(prefix: &str, len: usize) -> String {
    let letters = (0..len).map(|_| {
        let [byte] = random_bytes::<1>();
        char::from(BASE32[usize::from(byte & 31)])
    });
    prefix.chars().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_goes_there_and_back() {
        let text = uuid();
        assert_eq!(text.len(), 36);
        assert_eq!(text.as_bytes()[14], b'4');
        assert_eq!(format_uuid(parse_uuid(&text).unwrap()), text);
        assert_eq!(parse_uuid("5fea77560ea4-451a-a703-a558b933e274-"), None);
        assert_eq!(parse_uuid("nonsense"), None);
    }

    #[test]
    fn aws_ids_have_their_prefix_and_length() {
        let id = aws_id("AKIA", 16);
        assert!(id.starts_with("AKIA") && id.len() == 20, "{id}");
    }
}
