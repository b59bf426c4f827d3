//! Axes of values: their ends, their ticks, and how numbers are written.

use crate::metric::Unit;

/// An axis of values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<f64>,
    step: f64,
}

/// Ends beyond this are cut: nothing greater is a metric's value. Source: CloudWatch API Reference, `MetricDatum` (2^360).
const VALUE_MAX: f64 = 2.4e108;
/// Ticks of an axis.
const TICKS_MAX: usize = 12;

impl Scale {
    /// An axis for values from `low` to `high`, where they are known, whose fixed ends stand; with about `count` ticks.
    pub(super) fn new(
        values: Option<(f64, f64)>,
        fixed: (Option<f64>, Option<f64>),
        count: f64,
    ) -> Self {
        let bounded = |end: f64| end.clamp(-VALUE_MAX, VALUE_MAX);
        let fixed = (fixed.0.map(bounded), fixed.1.map(bounded));
        let (low, high) = ends(
            values.map(|(low, high)| (bounded(low), bounded(high))),
            fixed,
        );
        let step = nice((high - low) / count.max(1.0));
        let low = if fixed.0.is_some() {
            low
        } else {
            (low / step + 1e-9).floor() * step
        };
        let high = if fixed.1.is_some() {
            high
        } else {
            (high / step - 1e-9).ceil() * step
        };
        let first = (low / step - 1e-9).ceil();
        let at = (0_u32..).map(|index| (first + f64::from(index)) * step);
        let ticks = at
            .take_while(|tick| *tick <= high + step * 1e-6)
            .take(TICKS_MAX);
        Self {
            ticks: ticks.map(|tick| tick + 0.0).collect(),
            low,
            high,
            step,
        }
    }

    /// Where a value is, 0 at the low end and 1 at the high one; may lie outside.
    pub(super) fn part(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(-10.0, 10.0)
    }

    /// A tick's number.
    pub(super) fn tick(&self, value: f64) -> String {
        let greatest = self.low.abs().max(self.high.abs());
        let (divisor, suffix) = magnitude(greatest);
        let digits = digits(self.step / divisor);
        let number = format!("{:.digits$}", value / divisor);
        format!(
            "{}{suffix}",
            number
                .strip_prefix('-')
                .filter(|it| is_zero(it))
                .unwrap_or(&number)
        )
    }
}

fn is_zero(number: &str) -> bool {
    number.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

/// The ends of an axis: the fixed ones, else zero and the greatest, or both around values that lie close together.
fn ends(values: Option<(f64, f64)>, fixed: (Option<f64>, Option<f64>)) -> (f64, f64) {
    let (low, high) = values.unwrap_or((0.0, 1.0));
    let span = high - low;
    let from_zero = low >= 0.0 && span > high * 0.25;
    let (auto_low, auto_high) = match (span > 0.0, from_zero) {
        (true, true) => (0.0, high),
        (true, false) => (low - span * 0.1, high + span * 0.1),
        (false, _) if high == 0.0 => (0.0, 1.0),
        (false, _) if high > 0.0 => (0.0, high * 1.25),
        (false, _) => (low * 1.25, 0.0),
    };
    let (low, high) = (fixed.0.unwrap_or(auto_low), fixed.1.unwrap_or(auto_high));
    match (low < high, fixed.1) {
        (true, _) => (low, high),
        (false, Some(high)) if fixed.0.is_none() => (high - high.abs().max(1.0), high),
        (false, _) => (low, low + low.abs().max(1.0)),
    }
}

/// The nice number next above: 1, 2, 2.5 or 5 times a power of ten.
fn nice(raw: f64) -> f64 {
    if !raw.is_finite() || raw <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(raw.log10().floor());
    let found = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|times| raw <= times * power * (1.0 + 1e-9));
    found.unwrap_or(10.0) * power
}

/// What a number is divided by, and its letter.
fn magnitude(greatest: f64) -> (f64, &'static str) {
    match greatest {
        it if it >= 1e15 => (1e15, "P"),
        it if it >= 1e12 => (1e12, "T"),
        it if it >= 1e9 => (1e9, "G"),
        it if it >= 1e6 => (1e6, "M"),
        it if it >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    }
}

/// Digits behind the point that a step needs.
fn digits(step: f64) -> usize {
    let is_whole = |step: f64| (step - step.round()).abs() < 1e-6 * step.abs().max(1e-9);
    (0..9)
        .find(|digits| is_whole(step * 10_f64.powi(*digits)))
        .and_then(|it| usize::try_from(it).ok())
        .unwrap_or(9)
}

/// A number for people: three digits that count and a letter, or all of it.
pub(super) fn number(value: f64, precision: Precision) -> String {
    if precision == Precision::Full || value == 0.0 {
        return grouped(value + 0.0);
    }
    let (divisor, suffix) = magnitude(value.abs());
    let scaled = value / divisor;
    let digits: usize = match scaled.abs() {
        it if it >= 99.95 => 0,
        it if it >= 9.995 => 1,
        it if it >= 0.095 => 2,
        it if it >= 0.001 => 4,
        _ => return format!("{scaled:.2e}"),
    };
    let text = format!("{scaled:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text.as_str(),
    };
    format!("{text}{suffix}")
}

/// How much of a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// Three digits that count.
    Short,
    /// All.
    Full,
}

/// All digits, with commas: `1,234,567.89`.
fn grouped(value: f64) -> String {
    let text = if value.abs() < 1e15 {
        value.to_string()
    } else {
        format!("{value:e}")
    };
    let (whole, rest) = match text.split_once('.') {
        Some((whole, rest)) => (whole, format!(".{rest}")),
        None => (text.as_str(), String::new()),
    };
    if !whole
        .trim_start_matches('-')
        .bytes()
        .all(|byte| byte.is_ascii_digit())
    {
        return text;
    }
    let count = whole.trim_start_matches('-').len();
    let mut out = String::with_capacity(text.len() + 6);
    let mut left = count;
    for letter in whole.chars() {
        if letter.is_ascii_digit() {
            if left < count && left.is_multiple_of(3) {
                out.push(',');
            }
            left = left.saturating_sub(1);
        }
        out.push(letter);
    }
    out + &rest
}

/// A unit as it stands behind a number: `%`, `ms`; nothing for counts and where there is none.
pub(super) fn sign(unit: Option<Unit>) -> &'static str {
    match unit {
        None | Some(Unit::None | Unit::Count) => "",
        Some(Unit::Percent) => "%",
        Some(Unit::Seconds) => "s",
        Some(Unit::Milliseconds) => "ms",
        Some(Unit::Microseconds) => "µs",
        Some(Unit::Bytes) => "B",
        Some(Unit::Kilobytes) => "kB",
        Some(Unit::Megabytes) => "MB",
        Some(Unit::Gigabytes) => "GB",
        Some(Unit::Terabytes) => "TB",
        Some(Unit::BytesPerSecond) => "B/s",
        Some(Unit::KilobytesPerSecond) => "kB/s",
        Some(Unit::MegabytesPerSecond) => "MB/s",
        Some(Unit::GigabytesPerSecond) => "GB/s",
        Some(Unit::TerabytesPerSecond) => "TB/s",
        Some(Unit::CountPerSecond) => "/s",
        Some(other) => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(values: (f64, f64), fixed: (Option<f64>, Option<f64>)) -> Vec<String> {
        let scale = Scale::new(Some(values), fixed, 4.0);
        scale.ticks.iter().map(|tick| scale.tick(*tick)).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        for (values, fixed, expected) in [
            (
                (3.0, 97.0),
                (None, None),
                vec!["0", "25", "50", "75", "100"],
            ),
            (
                (0.0, 100.0),
                (Some(0.0), Some(100.0)),
                vec!["0", "25", "50", "75", "100"],
            ),
            (
                (0.0, 0.7),
                (None, None),
                vec!["0.0", "0.2", "0.4", "0.6", "0.8"],
            ),
            (
                (0.0, 38_000.0),
                (None, None),
                vec!["0k", "10k", "20k", "30k", "40k"],
            ),
            ((5.0, 5.0), (None, None), vec!["0", "2", "4", "6", "8"]),
            ((-3.0, 1.0), (None, None), vec!["-4", "-2", "0", "2"]),
            (
                (0.0, 0.0),
                (None, None),
                vec!["0.00", "0.25", "0.50", "0.75", "1.00"],
            ),
        ] {
            assert_eq!(shown(values, fixed), expected, "{values:?}");
        }
    }

    #[test]
    fn numbers_are_short_or_whole() {
        for (value, short, full) in [
            (0.0, "0", "0"),
            (42.345_678, "42.3", "42.345678"),
            (99.96, "100", "99.96"),
            (1234.0, "1234", "1,234"),
            (-1_234_567.5, "-1.23M", "-1,234,567.5"),
            (0.123_456, "0.12", "0.123456"),
            (0.012_345, "0.0123", "0.012345"),
            (100_000.0, "100k", "100,000"),
            (0.000_012, "1.20e-5", "0.000012"),
        ] {
            assert_eq!(number(value, Precision::Short), short);
            assert_eq!(number(value, Precision::Full), full);
        }
    }

    proptest! {
        #[test]
        fn an_axis_has_few_ticks_and_holds_what_is_not_fixed(
            low in -1e9_f64..1e9, span in 0.0_f64..1e9, min in proptest::option::of(-1e9_f64..1e9), max in proptest::option::of(-1e9_f64..1e9)
        ) {
            let scale = Scale::new(Some((low, low + span)), (min, max), 4.0);
            prop_assert!(scale.low < scale.high);
            prop_assert!(scale.ticks.len() <= TICKS_MAX);
            if min.is_none() && max.is_none() {
                prop_assert!(scale.part(low) >= -1e-9 && scale.part(low + span) <= 1.0 + 1e-9);
                prop_assert!(scale.ticks.len() >= 2);
            }
        }
    }
}
