//! One-time codes of virtual MFA devices: RFC 6238 with SHA-1, 6 digits, 30 seconds.

use base::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Seconds of a step.
pub const STEP_SECS: u64 = 30;
/// How many steps a device's clock may be off at sign-in. Chosen, as RFC 6238 advises: one.
const DRIFT: u64 = 1;
/// How many steps it may be off when it is enabled or set right. Chosen: ten minutes.
const DRIFT_FIRST: u64 = 20;
/// Bytes of a seed: 64 letters of base 32, as AWS's have.
pub const SEED_BYTES: usize = 40;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A seed, drawn, as letters of base 32.
#[must_use]
pub fn new_seed() -> String {
    base32(&base::id::random_bytes::<SEED_BYTES>())
}

/// The step at a moment.
#[must_use]
pub fn step_at(at: Timestamp) -> u64 {
    at.as_secs() / STEP_SECS
}

/// The step of `code` where it is one of those around `at`, later than `last_step`.
#[must_use]
pub fn step_of(seed: &str, code: &str, at: Timestamp, last_step: u64) -> Option<u64> {
    let key = from_base32(seed)?;
    let now = step_at(at);
    let mut steps = now.saturating_sub(DRIFT)..=now + DRIFT;
    steps.find(|step| *step > last_step && is_same(&code_at(&key, *step), code))
}

/// The step of `second` where `first` and `second` are codes of two steps in a row not far from `at`.
#[must_use]
pub fn step_of_two(seed: &str, first: &str, second: &str, at: Timestamp) -> Option<u64> {
    let key = from_base32(seed)?;
    let now = step_at(at);
    let mut steps = now.saturating_sub(DRIFT_FIRST)..=now + DRIFT_FIRST;
    let is_pair = |step: &u64| {
        is_same(&code_at(&key, *step), first) && is_same(&code_at(&key, *step + 1), second)
    };
    steps.find(is_pair).map(|step| step + 1)
}

/// The code of a step, as the device shows it; `None` when `seed` is not base 32.
#[must_use]
pub fn code(seed: &str, step: u64) -> Option<String> {
    Some(code_at(&from_base32(seed)?, step))
}

/// The code of a step, 6 digits.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn code_at(key: &[u8], step: u64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("any length");
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest.last().copied().unwrap_or_default() & 0x0f);
    let chosen = digest.iter().skip(offset).take(4);
    let number = chosen.fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// Whether two codes are the same, without telling by the time where they differ.
fn is_same(right: &str, given: &str) -> bool {
    let (right, given) = (right.as_bytes(), given.as_bytes());
    let differ = right
        .iter()
        .zip(given)
        .fold(0, |differ, (a, b)| differ | (a ^ b));
    right.len() == given.len() && differ == 0
}

/// Letters of base 32 (RFC 4648), without padding: five bytes are eight letters.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter(held >> bits));
        }
    }
    if bits > 0 {
        text.push(letter(held << (5 - bits)));
    }
    text
}

fn letter(bits: u32) -> char {
    let letter = BASE32.get((bits & 31) as usize).copied();
    char::from(letter.unwrap_or_default())
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for letter in text.trim_end_matches('=').bytes() {
        let value = BASE32
            .iter()
            .position(|known| *known == letter.to_ascii_uppercase())?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, SHA-1: the last six of eight digits.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        let key = b"12345678901234567890";
        for (secs, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(key, step_at(Timestamp::from_secs(secs))), code);
        }
    }

    /// RFC 4648, section 10.
    #[test]
    fn base_32_is_that_of_the_rfc() {
        for (plain, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), text);
            assert_eq!(from_base32(text).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(from_base32("1"), None);
        assert_eq!(new_seed().len(), 64);
    }

    #[test]
    fn a_code_is_taken_once_and_near_its_time() {
        let seed = base32(b"12345678901234567890");
        let at = Timestamp::from_secs(1_111_111_111);
        let step = step_at(at);
        assert_eq!(step_of(&seed, "050471", at, 0), Some(step));
        assert_eq!(step_of(&seed, "050471", at, step), None, "used");
        assert_eq!(step_of(&seed, "081804", at, 0), Some(step - 1));
        assert_eq!(step_of(&seed, "050472", at, 0), None);
        assert_eq!(step_of(&seed, "50471", at, 0), None);
        let late = Timestamp::from_secs(1_111_111_111 + 2 * STEP_SECS);
        assert_eq!(step_of(&seed, "050471", late, 0), None);
        assert_eq!(step_of_two(&seed, "081804", "050471", late), Some(step));
        assert_eq!(step_of_two(&seed, "050471", "081804", late), None);
    }
}
