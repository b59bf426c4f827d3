//! Numbers as AWS writes them, which are Java's: `50.0`, `0.6666666666666666`, `1.0E7`.

/// A number in the form of Java's `Double.toString`.
#[must_use]
pub fn java(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&size) || !value.is_finite() {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, power)) if digits.contains('.') => format!("{digits}E{power}"),
        Some((digits, power)) => format!("{digits}.0E{power}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_java_writes_them() {
        for (value, expected) in [
            (50.0, "50.0"),
            (99.501_602_296_934_34, "99.50160229693434"),
            (0.0, "0.0"),
            (-2.5, "-2.5"),
            (10_000_000.0, "1.0E7"),
            (123_456_789.0, "1.23456789E8"),
            (0.000_1, "1.0E-4"),
        ] {
            assert_eq!(java(value), expected);
        }
    }
}
