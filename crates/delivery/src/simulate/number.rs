//! Whole numbers and fractions, from one to the other.

/// The nearest whole number; 0 where it is less.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and what is beyond u64 is no count"
)]
pub(super) fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// The whole number below.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and what is beyond u64 is no count"
)]
pub(super) fn floor(number: f64) -> u64 {
    number.floor() as u64
}

/// As a fraction; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

/// As a place in memory.
pub(super) fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Divides `count` into parts as `up_to` (rising to 1.0) says, on the average of `unit` from 0.0 to 1.0 exactly so: all parts are
/// whole, and their sum is `count`.
pub(super) fn divide(count: u64, up_to: &[f64], unit: f64) -> impl Iterator<Item = u64> {
    let mut before = 0;
    let last = up_to.len().saturating_sub(1);
    up_to.iter().enumerate().map(move |(place, up_to)| {
        let end = match place == last {
            true => count,
            false => floor(float(count) * up_to + unit).clamp(before, count),
        };
        let part = end - before;
        before = end;
        part
    })
}
