//! How moments and bytes are written as text; the same in every protocol.

use base::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Problem;
use crate::schema::TimestampForm;
use crate::values::Blob;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The moment as text; numbers without quotes.
pub(crate) fn write_timestamp(at: Timestamp, form: TimestampForm) -> String {
    match form {
        TimestampForm::EpochSeconds => epoch_seconds(at),
        TimestampForm::Iso8601 => iso_8601(at),
        TimestampForm::HttpDate => http_date(at).unwrap_or_else(|| at.rfc3339()),
    }
}

/// The moment in a text of one of the three forms.
pub(crate) fn read_timestamp(text: &str) -> Result<Timestamp, Problem> {
    let found = Timestamp::parse_rfc3339(text)
        .or_else(|| parse_http_date(text))
        .or_else(|| text.parse().ok().and_then(from_seconds));
    found.ok_or(Problem::Malformed {
        expected: "a moment, such as 2018-01-09T20:51:21Z or 1515531081.123",
    })
}

/// Seconds since 1970 with a fraction, as a moment; none for negative ones and those beyond the year 9999.
pub(crate) fn from_seconds(seconds: f64) -> Option<Timestamp> {
    let millis = (seconds * 1000.0).round();
    let is_moment = (0.0..=253_402_300_799_999.0).contains(&millis);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked above"
    )]
    is_moment.then(|| Timestamp::from_millis(millis as u64))
}

fn epoch_seconds(at: Timestamp) -> String {
    let (secs, millis) = (at.as_millis() / 1000, at.as_millis() % 1000);
    if millis == 0 {
        return secs.to_string();
    }
    format!("{secs}.{millis:03}")
}

/// Whole seconds are written without a fraction, as IAM and STS do.
fn iso_8601(at: Timestamp) -> String {
    let text = at.rfc3339();
    match text.strip_suffix(".000Z") {
        Some(seconds) => format!("{seconds}Z"),
        None => text,
    }
}

/// `Tue, 09 Jan 2018 20:51:21 GMT`.
fn http_date(at: Timestamp) -> Option<String> {
    let text = at.rfc3339();
    let month: usize = text.get(5..7)?.parse().ok()?;
    let weekday = usize::try_from(at.as_secs() / 86_400 % 7).ok()?;
    Some(format!(
        "{}, {} {} {} {} GMT",
        DAYS.get(weekday)?,
        text.get(8..10)?,
        MONTHS.get(month.checked_sub(1)?)?,
        text.get(..4)?,
        text.get(11..19)?
    ))
}

fn parse_http_date(text: &str) -> Option<Timestamp> {
    let rest = text.get(5..)?.strip_suffix(" GMT")?;
    let name = rest.get(3..6)?;
    let month = MONTHS.iter().position(|month| *month == name)? + 1;
    let (day, year, time) = (rest.get(..2)?, rest.get(7..11)?, rest.get(12..)?);
    Timestamp::parse_rfc3339(&format!("{year}-{month:02}-{day}T{time}Z"))
}

pub(crate) fn write_blob(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn read_blob(text: &str) -> Result<Blob, Problem> {
    let bytes = STANDARD.decode(text).map_err(|_| Problem::Malformed {
        expected: "base64 with padding",
    })?;
    Ok(Blob::from(bytes))
}

/// A number as text: whole ones plainly, those that JSON has no form for by their names.
pub(crate) fn write_double(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    format!("{number}")
}

/// The reverse of [`write_double`]; also the forms with an exponent.
pub(crate) fn read_double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => {
            let starts_as_number =
                text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
            let number: f64 = text.parse().ok()?;
            (starts_as_number && number.is_finite()).then_some(number)
        }
    }
}

/// A number without a fraction as a whole one; `None` where it has one, an error where it is too large to be exact.
pub(crate) fn whole(number: f64) -> Option<Result<i64, ()>> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "within 2^53, where every whole number is exact"
    )]
    let exact = (number.abs() <= 9_007_199_254_740_992.0)
        .then_some(number as i64)
        .ok_or(());
    (number.fract() == 0.0).then_some(exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    // From the Smithy specification's examples of timestamp formats, and RFC 9110.
    #[test]
    fn a_moment_has_three_forms() {
        let at = Timestamp::from_millis(784_111_777_000);
        let cases = [
            (TimestampForm::EpochSeconds, "784111777"),
            (TimestampForm::Iso8601, "1994-11-06T08:49:37Z"),
            (TimestampForm::HttpDate, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ];
        for (form, text) in cases {
            assert_eq!(write_timestamp(at, form), text);
            assert_eq!(read_timestamp(text), Ok(at));
        }
        assert_eq!(read_timestamp(&at.rfc3339()), Ok(at));
        assert_eq!(
            write_timestamp(
                Timestamp::from_millis(1_515_531_081_123),
                TimestampForm::EpochSeconds
            ),
            "1515531081.123"
        );
        for wrong in [
            "",
            "yesterday",
            "-1",
            "1e40",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Süü, 06 Nov",
        ] {
            assert!(read_timestamp(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_are_base64_with_padding() {
        assert_eq!(write_blob(b"hello"), "aGVsbG8=");
        assert_eq!(read_blob("aGVsbG8=").map(|blob| blob.0), Ok("hello".into()));
        assert!(read_blob("aGVsbG8").is_err());
        assert!(read_blob("a*b=").is_err());
    }
}
