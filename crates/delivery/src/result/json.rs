//! The pieces of JSON that results are made of, appended to a buffer without detours.

use std::io::Write as _;
use std::net::SocketAddr;

use base::Timestamp;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a quoted text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    put_escaped(out, text);
    out.push(b'"');
}

/// Looks at 16 bytes at a time, which the compiler makes one step: most texts need none.
fn first_to_escape(bytes: &[u8]) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks::<16>();
    let is_plain = |chunk: &&[u8; 16]| {
        !chunk
            .iter()
            .fold(false, |any, byte| any | needs_escape(*byte))
    };
    let plain = 16 * chunks.iter().take_while(is_plain).count();
    let rest = bytes.get(plain..)?;
    Some(plain + rest.iter().position(|byte| needs_escape(*byte))?)
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// A text as the content of a JSON string: what must be escaped (RFC 8259, section 7), and nothing more.
pub(crate) fn put_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = first_to_escape(rest) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else {
            return;
        };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                out.extend_from_slice(b"\\u00");
                put_hex_byte(out, *other);
            }
        }
        rest = tail;
    }
    out.extend_from_slice(rest);
}

fn put_hex_byte(out: &mut Vec<u8>, byte: u8) {
    for nibble in [byte >> 4, byte & 0xf] {
        out.push(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    }
}

/// Appends 16 hex digits in quotes.
pub(super) fn put_key(out: &mut Vec<u8>, key: u64) {
    out.push(b'"');
    for byte in key.to_be_bytes() {
        put_hex_byte(out, byte);
    }
    out.push(b'"');
}

/// Appends a whole number.
pub(super) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [b'0'; 20];
    let mut len = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
        len += 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - len..).unwrap_or_default());
}

/// Appends an address and its port in quotes.
pub(super) fn put_address(out: &mut Vec<u8>, address: SocketAddr) {
    out.push(b'"');
    match address {
        SocketAddr::V4(address) => {
            for (place, octet) in address.ip().octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                put_number(out, octet.into());
            }
            out.push(b':');
            put_number(out, address.port().into());
        }
        // Writing into a Vec does not fail.
        SocketAddr::V6(address) => drop(write!(out, "{address}")),
    }
    out.push(b'"');
}

/// Appends a time in quotes, such as `"2026-11-23T05:03:10.250Z"`.
pub(super) fn put_time(out: &mut Vec<u8>, at: Timestamp) {
    let millis = at.as_millis();
    let days = millis / 86_400_000;
    if days > 2_932_896 {
        // Beyond the year 9999 the form has no place.
        out.extend_from_slice(b"\"9999-12-31T23:59:59.999Z\"");
        return;
    }
    let (year, month, day) = date_of(days);
    let in_day = millis % 86_400_000;
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, milli) = (in_day / 1000 % 60, in_day % 1000);
    let digit = |value: u64| b'0' + (value % 10) as u8;
    #[rustfmt::skip]
    let text = [
        b'"', digit(year / 1000), digit(year / 100), digit(year / 10), digit(year),
        b'-', digit(month / 10), digit(month), b'-', digit(day / 10), digit(day),
        b'T', digit(hour / 10), digit(hour), b':', digit(minute / 10), digit(minute),
        b':', digit(second / 10), digit(second),
        b'.', digit(milli / 100), digit(milli / 10), digit(milli), b'Z', b'"',
    ];
    out.extend_from_slice(&text);
}

/// Year, month and day of a count of days since the epoch, in the Gregorian calendar.
///
/// Years begin in March here, so that the leap day is a year's last: an era of 400 years has 146,097 days.
fn date_of(days: u64) -> (u64, u64, u64) {
    let from_march_0000 = days + 719_468;
    let era = from_march_0000 / 146_097;
    let day_of_era = from_march_0000 % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for millis in (0..4_000_000_000_000u64)
            .step_by(86_399_877_123 / 7)
            .chain([951_782_400_000, 1_709_164_800_123])
        {
            let at = Timestamp::from_millis(millis);
            let mut out = Vec::new();
            put_time(&mut out, at);
            assert_eq!(String::from_utf8(out).unwrap(), format!("\"{at}\""));
        }
        let mut out = Vec::new();
        put_time(&mut out, Timestamp::MAX);
        assert_eq!(out, b"\"9999-12-31T23:59:59.999Z\"");
    }

    proptest::proptest! {
        #[test]
        fn addresses_are_written_as_the_library_does(address: SocketAddr) {
            let mut out = Vec::new();
            put_address(&mut out, address);
            proptest::prop_assert_eq!(String::from_utf8(out).unwrap(), format!("\"{address}\""));
        }

        #[test]
        fn texts_and_numbers_are_what_a_json_reader_reads(text in "\\PC{0,40}[\\x00-\\x22\\\\]{0,5}.{0,9}", number: u64) {
            let mut out = Vec::new();
            put_text(&mut out, &text);
            proptest::prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
            out.clear();
            put_number(&mut out, number);
            proptest::prop_assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
