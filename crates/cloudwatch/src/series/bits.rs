//! Numbers in few bytes: of variable length, and packed to a number of bits.
//!
//! # Format
//! A variable-length number has seven bits a byte, the low ones first, the high bit where more follow. Signed ones are
//! folded first: 0, -1, 1, -2, … become 0, 1, 2, 3. Packed ones follow one another without gaps, low bits first.

/// The bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are damaged")]
pub struct Damaged;

/// Writes `number` in one to ten bytes.
pub(super) fn put_number(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Writes a signed number.
pub(super) fn put_signed(into: &mut Vec<u8>, number: i64) {
    put_number(into, fold(number));
}

pub(super) const fn fold(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

pub(super) const fn unfold(number: u64) -> i64 {
    ((number >> 1) as i64) ^ -((number & 1) as i64)
}

/// Writes a double as it is.
pub(super) fn put_double(into: &mut Vec<u8>, value: f64) {
    into.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Writes a text behind its length.
pub(super) fn put_text(into: &mut Vec<u8>, text: &str) {
    put_number(into, text.len() as u64);
    into.extend_from_slice(text.as_bytes());
}

/// Reads what lies one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Damaged> {
        let (first, rest) = self.0.split_first().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Result<u64, Damaged> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damaged)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Damaged> {
        Ok(unfold(self.number()?))
    }

    /// A number of at most `most`.
    pub(super) fn at_most(&mut self, most: usize) -> Result<usize, Damaged> {
        let number = usize::try_from(self.number()?).map_err(|_| Damaged)?;
        (number <= most).then_some(number).ok_or(Damaged)
    }

    pub(super) fn double(&mut self) -> Result<f64, Damaged> {
        let bytes = self.0.first_chunk::<8>().ok_or(Damaged)?;
        let value = f64::from_bits(u64::from_le_bytes(*bytes));
        self.take(8)?;
        Ok(value)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = self.at_most(self.0.len())?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Damaged)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;
        Ok(head)
    }
}

/// Packs numbers to bits.
pub(super) struct Packer<'a> {
    into: &'a mut Vec<u8>,
    waiting: u128,
    used: u32,
}

impl<'a> Packer<'a> {
    pub(super) fn new(into: &'a mut Vec<u8>) -> Self {
        Self {
            into,
            waiting: 0,
            used: 0,
        }
    }

    /// Writes the low `width` bits of `number`, 0 to 64; the others must be zero.
    pub(super) fn put(&mut self, number: u64, width: u32) {
        debug_assert!(width == 64 || number >> width == 0);
        self.waiting |= u128::from(number) << self.used;
        self.used += width;
        if self.used >= 64 {
            self.into
                .extend_from_slice(&(self.waiting as u64).to_le_bytes());
            self.waiting >>= 64;
            self.used -= 64;
        }
    }

    /// Writes what waits; the last byte is filled with zeros.
    pub(super) fn finish(self) {
        let bytes = (self.waiting as u64).to_le_bytes();
        let count = self.used.div_ceil(8) as usize;
        self.into
            .extend_from_slice(bytes.get(..count).unwrap_or(&bytes));
    }
}

/// Reads packed numbers.
pub(super) struct Unpacker<'a> {
    bytes: &'a [u8],
    at: usize,
    waiting: u128,
    has: u32,
}

impl<'a> Unpacker<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            waiting: 0,
            has: 0,
        }
    }

    pub(super) fn get(&mut self, width: u32) -> Result<u64, Damaged> {
        while self.has < width {
            let byte = self.bytes.get(self.at).ok_or(Damaged)?;
            self.waiting |= u128::from(*byte) << self.has;
            self.at += 1;
            self.has += 8;
        }
        let mask = (1_u128 << width) - 1;
        let number = (self.waiting & mask) as u64;
        self.waiting >>= width;
        self.has -= width;
        Ok(number)
    }

    /// How many bytes were begun.
    pub(super) const fn read(&self) -> usize {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_go_there_and_back(numbers: Vec<i64>, values: Vec<f64>) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| put_signed(&mut bytes, *number));
            values.iter().for_each(|value| put_double(&mut bytes, *value));
            let mut reader = Reader(&bytes);
            for number in numbers {
                prop_assert_eq!(reader.signed(), Ok(number));
            }
            for value in values {
                prop_assert_eq!(reader.double().map(f64::to_bits), Ok(value.to_bits()));
            }
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn packed_numbers_go_there_and_back(numbers: Vec<(u64, u8)>) {
            let numbers: Vec<(u64, u32)> = numbers
                .into_iter()
                .map(|(number, width)| (number, u32::from(width % 65)))
                .map(|(number, width)| (if width == 64 { number } else { number & ((1 << width) - 1) }, width))
                .collect();
            let mut bytes = Vec::new();
            let mut packer = Packer::new(&mut bytes);
            numbers.iter().for_each(|(number, width)| packer.put(*number, *width));
            packer.finish();
            let mut unpacker = Unpacker::new(&bytes);
            for (number, width) in numbers {
                prop_assert_eq!(unpacker.get(width), Ok(number));
            }
            prop_assert_eq!(unpacker.read(), bytes.len());
        }
    }
}
