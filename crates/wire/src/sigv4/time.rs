//! Times as signatures write them: `20150830T123600Z`.

use base::Timestamp;

/// Reads `20150830T123600Z`; `None` when it is not one.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
    let [
        y0,
        y1,
        y2,
        y3,
        mo0,
        mo1,
        d0,
        d1,
        b'T',
        h0,
        h1,
        mi0,
        mi1,
        s0,
        s1,
        b'Z',
    ] = *bytes
    else {
        return None;
    };
    let year = number(&[y0, y1, y2, y3])?;
    let month = number(&[mo0, mo1])?;
    let day = number(&[d0, d1])?;
    let (hour, minute, second) = (number(&[h0, h1])?, number(&[mi0, mi1])?, number(&[s0, s1])?);
    let is_right = year >= 1970
        && (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let secs = ((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    is_right.then(|| Timestamp::from_secs(secs))
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum, digit| {
        digit
            .is_ascii_digit()
            .then(|| sum * 10 + u64::from(digit - b'0'))
    })
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date from then on.
fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let years = year.saturating_sub(1);
    let before_year = years * 365 + leap_days(years);
    let in_year: u64 = (1..month).map(|month| days_of_month(year, month)).sum();
    // 719,162 days lie between 0001-01-01 and 1970-01-01.
    (before_year + in_year + day).saturating_sub(719_163)
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
            "20150229T123600Z",
            "19691231T235959Z",
            "20150830T246000Z",
            "20150830T1236é0Z",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_agree_with_rfc_3339() {
        for (short, long) in [
            ("19700101T000000Z", "1970-01-01T00:00:00Z"),
            ("20000229T235959Z", "2000-02-29T23:59:59Z"),
            ("20261123T190500Z", "2026-11-23T19:05:00Z"),
            ("21000301T000000Z", "2100-03-01T00:00:00Z"),
            ("20241231T120000Z", "2024-12-31T12:00:00Z"),
        ] {
            assert_eq!(parse(short), Timestamp::parse_rfc3339(long), "{short}");
        }
    }
}
