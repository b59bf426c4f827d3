//! Passwords that are made up for somebody, to be changed at the first sign-in.

/// The fewest characters. Chosen: some 120 bits, and short enough to be typed once.
const CHARS_MIN: usize = 20;
/// The most that IAM takes.
const CHARS_MAX: usize = 128;

const UPPER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const LOWER: &[u8] = b"abcdefghijkmnopqrstuvwxyz";
const DIGITS: &[u8] = b"23456789";
/// Symbols of IAM's password policy that neither a shell, a sheet nor a form of CSV takes for its own.
const SYMBOLS: &[u8] = b"#%^_+-[]{}";

/// A password of at least `chars_min` characters with letters of all four kinds. The first one is a letter, so that no
/// sheet takes it for a formula; letters that look alike are left out.
pub(crate) fn make(chars_min: usize) -> String {
    let chars = chars_min.clamp(CHARS_MIN, CHARS_MAX);
    loop {
        let password = draw(chars);
        if [UPPER, LOWER, DIGITS, SYMBOLS]
            .iter()
            .all(|kind| password.bytes().any(|letter| kind.contains(&letter)))
        {
            return password;
        }
    }
}

fn draw(chars: usize) -> String {
    let all = [UPPER, LOWER, DIGITS, SYMBOLS].concat();
    let first = [UPPER, LOWER].concat();
    let letters = (0..chars).map(|at| match at {
        0 => one_of(&first),
        _ => one_of(&all),
    });
    letters.map(char::from).collect()
}

/// One letter, each as likely as the other.
fn one_of(letters: &[u8]) -> u8 {
    let whole = 256 - 256 % letters.len();
    loop {
        let [drawn] = base::id::random_bytes::<1>();
        let drawn = usize::from(drawn);
        if drawn < whole
            && let Some(letter) = letters.get(drawn % letters.len())
        {
            return *letter;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iam::engine::{PasswordPolicy, password};

    #[test]
    fn a_password_is_taken_by_the_strictest_policy() {
        let strict = PasswordPolicy {
            chars_min: 128,
            needs_symbol: true,
            needs_number: true,
            needs_upper: true,
            needs_lower: true,
            ..PasswordPolicy::default()
        };
        for _ in 0..50 {
            for (chars_min, expected) in [(0, 20), (20, 20), (33, 33), (128, 128)] {
                let made = make(chars_min);
                assert_eq!(made.chars().count(), expected);
                assert!(made.starts_with(|letter: char| letter.is_ascii_alphabetic()));
                let policy = (chars_min == 128).then_some(&strict);
                assert_eq!(password::check(policy, "alice", &made), Ok(()));
            }
        }
    }
}
