//! Decimal numbers, compared exactly.

/// A number with 18 digits behind the point, as a whole number of 10⁻¹⁸.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(i128);

/// Digits behind the point.
const SCALE: i32 = 18;

impl Number {
    /// Reads `-12.5e3`; `None` when it is no number, or has more than 20 digits before the point or 18 behind it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (is_negative, digits) = match mantissa.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || digits.ends_with('.') || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let behind = i32::try_from(fraction.trim_end_matches('0').len()).ok()?;
        let value = format!("{whole}{}", fraction.trim_end_matches('0'))
            .trim_start_matches('0')
            .parse::<i128>()
            .or_else(|_| zero(whole, fraction))
            .ok()?;
        let shift = SCALE.checked_sub(behind)?.checked_add(exponent)?;
        let value = shifted(value, shift)?;
        Some(Self(if is_negative {
            value.checked_neg()?
        } else {
            value
        }))
    }
}

/// Zero has no digits left once its zeros are gone.
fn zero(whole: &str, fraction: &str) -> Result<i128, ()> {
    let is_zero = whole
        .bytes()
        .chain(fraction.bytes())
        .all(|byte| byte == b'0');
    is_zero.then_some(0).ok_or(())
}

fn shifted(value: i128, shift: i32) -> Option<i128> {
    if value == 0 {
        return Some(0);
    }
    let power = 10_i128.checked_pow(shift.unsigned_abs())?;
    if shift >= 0 {
        value.checked_mul(power)
    } else {
        (value.checked_rem(power)? == 0).then_some(value.checked_div(power)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_exactly() {
        let number = |text| Number::parse(text).unwrap();
        for (one, other) in [
            ("10", "10.0"),
            ("-0", "0"),
            ("1e3", "1000"),
            ("12.5E-1", "1.25"),
            ("007", "7"),
            ("0.000000000000000001", "1e-18"),
        ] {
            assert_eq!(number(one), number(other), "{one} {other}");
        }
        for (less, more) in [
            ("-3", "-2.9"),
            ("9007199254740992", "9007199254740993"),
            ("0.1", "0.10000000000000001"),
            ("99999999999999999999", "100000000000000000000"),
        ] {
            assert!(number(less) < number(more), "{less} {more}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "1,000",
            "abc",
            "0x10",
            "+1",
            "1e",
            "--1",
            " 1",
            "1e400",
            "0.0000000000000000001",
            "1000000000000000000000000",
        ] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }
}
