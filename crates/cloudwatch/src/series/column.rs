//! A column of doubles in few bytes, bit for bit.
//!
//! What people measure are mostly decimals of few digits: scaled by ten to the number of digits they are whole numbers,
//! kept as distance from the least, or as the step from one to the next, in the bits that the greatest takes. Others are
//! kept as the bits in which they differ from the one before, or as they are.
//!
//! # Format
//! The first byte has the form in its low three bits and the digits behind the point in the others:
//! ```text
//! 0  as they are: 8 bytes each
//! 1  all the same: 8 bytes
//! 2  from the least: signed the least, 1 byte width, packed distances
//! 3  steps: signed the first, signed the least step, 1 byte width, packed distances of the steps from the least
//! 4  differences: 8 bytes the first, then packed for each: 0 no difference; 10 and the bits within the last bounds;
//!    11, 6 bits leading zeros, 6 bits length - 1 and the bits
//! ```

use super::bits::{Damaged, Packer, Reader, Unpacker, put_double, put_signed};

/// Digits behind the point that are tried. Chosen: prices and per cents have two, milliseconds in seconds three.
const DIGITS_MAX: usize = 6;
const POWERS: [f64; DIGITS_MAX + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
/// Whole numbers up to here are exact as doubles.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

const RAW: u8 = 0;
const SAME: u8 = 1;
const LEAST: u8 = 2;
const STEPS: u8 = 3;
const DIFFERENCES: u8 = 4;

/// Writes `values`, which may be none.
pub(super) fn encode(into: &mut Vec<u8>, values: &[f64], scratch: &mut Vec<i64>) {
    let Some((first, rest)) = values.split_first() else {
        return;
    };
    if let Some(digits) = scaled(values, scratch) {
        return encode_whole(into, digits, scratch);
    }
    if rest.iter().all(|value| value.to_bits() == first.to_bits()) {
        into.push(SAME);
        return put_double(into, *first);
    }
    let before = into.len();
    encode_differences(into, *first, rest);
    if into.len() - before > 1 + 8 * values.len() {
        into.truncate(before);
        into.push(RAW);
        values.iter().for_each(|value| put_double(into, *value));
    }
}

/// The least number of digits with which all values are whole, and those in `whole`.
fn scaled(values: &[f64], whole: &mut Vec<i64>) -> Option<usize> {
    let mut digits = 0;
    for value in values {
        while as_whole(*value, POWERS.get(digits)?).is_none() {
            digits += 1;
        }
    }
    let power = POWERS.get(digits)?;
    whole.clear();
    for value in values {
        whole.push(as_whole(*value, power)?);
    }
    Some(digits)
}

/// The whole number that gives `value` again when it is divided by `power`.
fn as_whole(value: f64, power: &f64) -> Option<i64> {
    let scaled = value * power;
    if scaled.is_nan() || scaled.abs() >= WHOLE_MAX {
        return None;
    }
    let whole = (scaled + 0.5_f64.copysign(scaled)) as i64;
    let back = whole as f64 / power;
    (back.to_bits() == value.to_bits()).then_some(whole)
}

fn encode_whole(into: &mut Vec<u8>, digits: usize, whole: &[i64]) {
    let Some(first) = whole.first().copied() else {
        return;
    };
    let digits = (digits as u8) << 3;
    let (least, width) = bounds(whole.iter().copied());
    let steps = || whole.iter().zip(whole.iter().skip(1)).map(|(a, b)| b - a);
    let (least_step, step_width) = bounds(steps());
    let distance = |number: i64, least: i64| number.wrapping_sub(least) as u64;
    // A step more takes about three bytes more in front.
    let bits = |width: u32, count: usize| width as usize * count;
    if bits(width, whole.len()) <= bits(step_width, whole.len() - 1) + 16 {
        into.push(digits | LEAST);
        put_signed(into, least);
        into.push(width as u8);
        let mut packer = Packer::new(into);
        whole
            .iter()
            .for_each(|number| packer.put(distance(*number, least), width));
        packer.finish();
    } else {
        into.push(digits | STEPS);
        put_signed(into, first);
        put_signed(into, least_step);
        into.push(step_width as u8);
        let mut packer = Packer::new(into);
        steps().for_each(|step| packer.put(distance(step, least_step), step_width));
        packer.finish();
    }
}

/// The least number, and the bits that the greatest distance from it takes.
fn bounds(numbers: impl Iterator<Item = i64>) -> (i64, u32) {
    let fold = |(least, most): (i64, i64), number: i64| (least.min(number), most.max(number));
    let (least, most) = numbers.fold((i64::MAX, i64::MIN), fold);
    if least > most {
        return (0, 0);
    }
    let width = 64 - (most.wrapping_sub(least) as u64).leading_zeros();
    (least, width)
}

fn encode_differences(into: &mut Vec<u8>, first: f64, rest: &[f64]) {
    into.push(DIFFERENCES);
    put_double(into, first);
    let mut packer = Packer::new(into);
    let mut before = first.to_bits();
    let (mut leading, mut length) = (64, 0);
    for value in rest {
        let difference = before ^ value.to_bits();
        before = value.to_bits();
        if difference == 0 {
            packer.put(0, 1);
            continue;
        }
        let (zeros, tail) = (difference.leading_zeros(), difference.trailing_zeros());
        let fits = length > 0 && zeros >= leading && tail >= 64 - leading - length;
        // New bounds cost twelve bits.
        if fits && length <= 64 - zeros - tail + 12 {
            packer.put(0b01, 2);
        } else {
            (leading, length) = (zeros, 64 - zeros - tail);
            packer.put(0b11, 2);
            packer.put(u64::from(leading), 6);
            packer.put(u64::from(length - 1), 6);
        }
        packer.put(difference >> (64 - leading - length), length);
    }
    packer.finish();
}

/// Reads `count` values.
pub(super) fn decode(reader: &mut Reader<'_>, count: usize) -> Result<Vec<f64>, Damaged> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let form = reader.byte()?;
    let power = POWERS.get(usize::from(form >> 3));
    match form & 7 {
        RAW => (0..count).map(|_| reader.double()).collect(),
        SAME => Ok(vec![reader.double()?; count]),
        LEAST => {
            let power = power.ok_or(Damaged)?;
            let (least, width) = (reader.signed()?, reader.byte()?);
            unpack(reader, count, width, |distance| {
                least.wrapping_add(distance as i64) as f64 / power
            })
        }
        STEPS => {
            let power = power.ok_or(Damaged)?;
            let mut last = reader.signed()?;
            let (least, width) = (reader.signed()?, reader.byte()?);
            let first = last as f64 / power;
            let rest = unpack(reader, count - 1, width, |distance| {
                last = last.wrapping_add(least).wrapping_add(distance as i64);
                last as f64 / power
            })?;
            Ok(std::iter::once(first).chain(rest).collect())
        }
        DIFFERENCES => decode_differences(reader, count),
        _ => Err(Damaged),
    }
}

fn unpack(
    reader: &mut Reader<'_>,
    count: usize,
    width: u8,
    mut value: impl FnMut(u64) -> f64,
) -> Result<Vec<f64>, Damaged> {
    let width = u32::from(width);
    if width > 64 {
        return Err(Damaged);
    }
    let bytes = reader.take((count * width as usize).div_ceil(8))?;
    let mut unpacker = Unpacker::new(bytes);
    (0..count)
        .map(|_| unpacker.get(width).map(&mut value))
        .collect()
}

fn decode_differences(reader: &mut Reader<'_>, count: usize) -> Result<Vec<f64>, Damaged> {
    let mut bits = reader.double()?.to_bits();
    let mut values = Vec::with_capacity(count);
    values.push(f64::from_bits(bits));
    let mut unpacker = Unpacker::new(reader.0);
    let (mut leading, mut length) = (64, 0);
    for _ in 1..count {
        if unpacker.get(1)? == 1 {
            if unpacker.get(1)? == 1 {
                leading = unpacker.get(6)? as u32;
                length = unpacker.get(6)? as u32 + 1;
            }
            if length == 0 || leading + length > 64 {
                return Err(Damaged);
            }
            bits ^= unpacker.get(length)? << (64 - leading - length);
        }
        values.push(f64::from_bits(bits));
    }
    let read = unpacker.read();
    reader.take(read)?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(values: &[f64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&mut bytes, values, &mut Vec::new());
        bytes
    }

    #[test]
    fn the_bytes_are_golden() {
        for (values, bytes) in [
            (&[][..], &[][..]),
            // Constant: digits 0, form 2, least 7 folded, width 0.
            (&[7.0, 7.0, 7.0], &[0x02, 14, 0]),
            // 1.25 to 1.28: digits 2, form 2, least 125 folded (250), width 2, 0 3 1.
            (&[1.25, 1.28, 1.26], &[0x12, 0xfa, 0x01, 2, 0b01_11_00]),
            (&[-0.0, -0.0], &[0x01, 0, 0, 0, 0, 0, 0, 0, 0x80]),
        ] {
            assert_eq!(encoded(values), bytes, "{values:?}");
        }
        let counter: Vec<f64> = (0..60).map(|n| 1e9 + f64::from(n) * 1000.0).collect();
        // Form 3, first 1e9 folded in five bytes, least step 1000 folded in two, width 0.
        assert_eq!(encoded(&counter).len(), 9);
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        let bits = any::<u64>().prop_map(f64::from_bits);
        let decimal = (-1_000_000_i32..1_000_000).prop_map(|n| f64::from(n) / 100.0);
        let near = (0_u32..1000).prop_map(|n| 1.0 / 3.0 + f64::from(n));
        prop_oneof![
            prop::collection::vec(bits, 0..80),
            prop::collection::vec(decimal, 0..80),
            prop::collection::vec(near, 0..80),
            prop::collection::vec(any::<i64>().prop_map(|n| n as f64), 0..80),
        ]
    }

    proptest! {
        #[test]
        fn columns_go_there_and_back(values in values()) {
            let bytes = encoded(&values);
            let mut reader = Reader(&bytes);
            let back = decode(&mut reader, values.len()).unwrap();
            prop_assert!(reader.is_empty());
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&values));
            prop_assert!(bytes.len() <= 1 + 8 * values.len());
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>, count in 0_usize..5000) {
            let _ = decode(&mut Reader(&bytes), count);
        }
    }
}
