//! The CBOR grammar: a cursor over bytes that knows items, and nothing of shapes.
//!
//! It keeps no memory for what is only announced, and never recurses deeper than its bound, so hostile input costs at most
//! one pass.

use std::borrow::Cow;

use crate::error::Problem;
use crate::nest::DEPTH_LIMIT;

/// Bytes or entries that follow; `None` until a break.
pub(crate) type Length = Option<usize>;

/// The head of an item; what follows is read by its own function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Item {
    Unsigned(u64),
    /// `-1 - n`.
    Negative(u64),
    Bytes(Length),
    Text(Length),
    List(Length),
    Map(Length),
    /// The tagged item follows.
    Tag(u64),
    Boolean(bool),
    /// Null, and undefined, which Smithy reads as null.
    Null,
    Float(f64),
    /// The end of an item of no definite length.
    Break,
}

const BREAK: u8 = 0xff;
const BYTES: u8 = 2;
const TEXT: u8 = 3;

/// A place in a CBOR document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn syntax(&self, expected: &'static str) -> Problem {
        Problem::Syntax {
            offset: self.at,
            expected,
        }
    }

    /// The next item's head, not taken.
    pub(crate) fn peek(&self) -> Result<Item, Problem> {
        let mut ahead = *self;
        ahead.next()
    }

    /// Takes the next item's head.
    pub(crate) fn next(&mut self) -> Result<Item, Problem> {
        let initial = *self
            .bytes
            .get(self.at)
            .ok_or_else(|| self.syntax("one more item"))?;
        let (major, info) = (initial >> 5, initial & 0x1f);
        if major == 7 {
            return self.simple(info);
        }
        let is_open = info == 31 && (BYTES..=5).contains(&major);
        let argument = if is_open {
            self.at += 1;
            None
        } else {
            Some(self.argument(info)?)
        };
        match (major, argument) {
            (0, Some(number)) => Ok(Item::Unsigned(number)),
            (1, Some(number)) => Ok(Item::Negative(number)),
            (BYTES, length) => Ok(Item::Bytes(self.room(length, 1)?)),
            (TEXT, length) => Ok(Item::Text(self.room(length, 1)?)),
            (4, length) => Ok(Item::List(self.room(length, 1)?)),
            (5, length) => Ok(Item::Map(self.room(length, 2)?)),
            (_, Some(tag)) => Ok(Item::Tag(tag)),
            (_, None) => Err(self.syntax("an item")),
        }
    }

    /// The number that an initial byte has in it or behind it.
    fn argument(&mut self, info: u8) -> Result<u64, Problem> {
        let width = match info {
            0..24 => {
                self.at += 1;
                return Ok(u64::from(info));
            }
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(self.syntax("an item that RFC 8949 knows")),
        };
        self.at += 1;
        let digits = self.take(width)?;
        Ok(digits
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A simple value, a float or a break: major type 7.
    fn simple(&mut self, info: u8) -> Result<Item, Problem> {
        let item = match info {
            20 | 21 => Item::Boolean(info == 21),
            22 | 23 => Item::Null,
            // It stays where it is: who meets it in place of an item fails there.
            31 => return Ok(Item::Break),
            25..=27 => return self.float(info),
            _ => return Err(self.syntax("false, true, null or a float")),
        };
        self.at += 1;
        Ok(item)
    }

    fn float(&mut self, info: u8) -> Result<Item, Problem> {
        let bits = self.argument(info)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "as many bytes were read as the float has"
        )]
        let number = match info {
            25 => from_half(bits as u16),
            26 => f64::from(f32::from_bits(bits as u32)),
            _ => f64::from_bits(bits),
        };
        Ok(Item::Float(number))
    }

    /// A length, refused when the document is too short for it at `least` bytes each.
    fn room(&self, length: Option<u64>, least: usize) -> Result<Length, Problem> {
        let Some(length) = length else {
            return Ok(None);
        };
        let left = self.bytes.len().saturating_sub(self.at) / least;
        let length = usize::try_from(length).ok().filter(|many| *many <= left);
        let length = length.ok_or_else(|| self.syntax("as much as the length announces"))?;
        Ok(Some(length))
    }

    fn take(&mut self, many: usize) -> Result<&'a [u8], Problem> {
        let end = self.at.checked_add(many);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.syntax("more bytes"))?;
        self.at += many;
        Ok(taken)
    }

    /// Whether another entry follows in a list or map with `left` entries.
    pub(crate) fn goes_on(&mut self, left: &mut Length) -> bool {
        match left {
            Some(0) => false,
            Some(many) => {
                *many -= 1;
                true
            }
            None => {
                let is_over = self.bytes.get(self.at) == Some(&BREAK);
                self.at += usize::from(is_over);
                !is_over
            }
        }
    }

    /// What a byte string's head announced.
    pub(crate) fn bytes(&mut self, length: Length) -> Result<Cow<'a, [u8]>, Problem> {
        if let Some(length) = length {
            return self.take(length).map(Cow::Borrowed);
        }
        let mut whole = Vec::new();
        while self.goes_on(&mut None) {
            match self.next()? {
                Item::Bytes(Some(length)) => whole.extend_from_slice(self.take(length)?),
                _ => return Err(self.syntax("a piece of a byte string")),
            }
        }
        Ok(Cow::Owned(whole))
    }

    /// What a text's head announced.
    pub(crate) fn text(&mut self, length: Length) -> Result<Cow<'a, str>, Problem> {
        if let Some(length) = length {
            return self.piece(length).map(Cow::Borrowed);
        }
        let mut whole = String::new();
        while self.goes_on(&mut None) {
            match self.next()? {
                Item::Text(Some(length)) => whole.push_str(self.piece(length)?),
                _ => return Err(self.syntax("a piece of a text")),
            }
        }
        Ok(Cow::Owned(whole))
    }

    fn piece(&mut self, length: usize) -> Result<&'a str, Problem> {
        let problem = Problem::Malformed { expected: "UTF-8" };
        std::str::from_utf8(self.take(length)?).map_err(|_| problem)
    }

    /// Takes a whole item that lies `depth` levels deep.
    pub(crate) fn skip(&mut self, depth: usize) -> Result<(), Problem> {
        if depth > DEPTH_LIMIT {
            return Err(Problem::TooDeep { limit: DEPTH_LIMIT });
        }
        match self.next()? {
            Item::Bytes(length) => self.bytes(length).map(drop),
            Item::Text(length) => self.text(length).map(drop),
            Item::List(left) => self.skip_entries(left, 1, depth),
            Item::Map(left) => self.skip_entries(left, 2, depth),
            Item::Tag(_) => self.skip(depth + 1),
            Item::Break => Err(self.syntax("an item in place of a break")),
            _ => Ok(()),
        }
    }

    fn skip_entries(
        &mut self,
        mut left: Length,
        items: usize,
        depth: usize,
    ) -> Result<(), Problem> {
        while self.goes_on(&mut left) {
            for _ in 0..items {
                self.skip(depth + 1)?;
            }
        }
        Ok(())
    }
}

/// The number that 16 bits hold: 1 of sign, 5 of exponent, 10 of fraction.
///
/// Source: RFC 8949, appendix D.
fn from_half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match (bits >> 10) & 0x1f {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (fraction + 1024.0) * 2f64.powi(i32::from(exponent) - 25),
    };
    if bits & 0x8000 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(bytes: &str) -> Result<Item, Problem> {
        Reader::new(&hex::decode(bytes).unwrap()).next()
    }

    // RFC 8949, appendix A.
    #[test]
    fn the_examples_of_the_standard_are_read() {
        let float = |number| Item::Float(number);
        for (bytes, expected) in [
            ("00", Item::Unsigned(0)),
            ("17", Item::Unsigned(23)),
            ("1818", Item::Unsigned(24)),
            ("1903e8", Item::Unsigned(1000)),
            ("1a000f4240", Item::Unsigned(1_000_000)),
            ("1bffffffffffffffff", Item::Unsigned(u64::MAX)),
            ("20", Item::Negative(0)),
            ("3903e7", Item::Negative(999)),
            ("3bffffffffffffffff", Item::Negative(u64::MAX)),
            ("f90000", float(0.0)),
            ("f93c00", float(1.0)),
            ("f93e00", float(1.5)),
            ("f97bff", float(65504.0)),
            ("f90001", float(5.960_464_477_539_063e-8)),
            ("f90400", float(0.000_061_035_156_25)),
            ("f9c400", float(-4.0)),
            ("f97c00", float(f64::INFINITY)),
            ("f9fc00", float(f64::NEG_INFINITY)),
            ("fa47c35000", float(100_000.0)),
            ("fa7f7fffff", float(3.402_823_466_385_288_6e38)),
            ("fb3ff199999999999a", float(1.1)),
            ("fbc010666666666666", float(-4.1)),
            ("fb7e37e43c8800759c", float(1.0e300)),
            ("f4", Item::Boolean(false)),
            ("f5", Item::Boolean(true)),
            ("f6", Item::Null),
            ("f7", Item::Null),
            ("c11a514b67b0", Item::Tag(1)),
            ("40", Item::Bytes(Some(0))),
            ("4401020304", Item::Bytes(Some(4))),
            ("6449455446", Item::Text(Some(4))),
            ("83010203", Item::List(Some(3))),
            ("a201020304", Item::Map(Some(2))),
            ("5f42010243030405ff", Item::Bytes(None)),
            ("9fff", Item::List(None)),
            ("bf6346756ef563416d7421ff", Item::Map(None)),
        ] {
            assert_eq!(item(bytes), Ok(expected), "{bytes}");
            let whole = hex::decode(bytes).unwrap();
            let mut reader = Reader::new(&whole);
            assert_eq!(
                (reader.skip(0), reader.is_at_end()),
                (Ok(()), true),
                "{bytes}"
            );
        }
        for nan in ["f97e00", "f97c01", "fa7fc00000", "fb7ff8000000000000"] {
            assert!(matches!(item(nan), Ok(Item::Float(number)) if number.is_nan()));
        }
    }

    // RFC 8949, appendix F: what is not well-formed.
    #[test]
    fn what_is_not_well_formed_is_refused() {
        for bytes in [
            "",
            "18",
            "19",
            "1a",
            "1b",
            "1901",
            "1a0102",
            "1b01020304050607",
            "38",
            "58",
            "78",
            "98",
            "9a01ff00",
            "b8",
            "d8",
            "f8",
            "f900",
            "fa0000",
            "fb000000", // Cut short.
            "41",
            "61",
            "5affffffff00",
            "5bffffffffffffffff010203",
            "7affffffff00",
            "7b7fffffffffffffff010203", // Strings cut short.
            "81",
            "818181818181818181",
            "8200",
            "a1",
            "a20102",
            "a100",
            "a2000000", // Entries missing.
            "c0",
            "5f4100",
            "7f6100",
            "9f",
            "9f0102",
            "bf",
            "bf01020102",
            "819f",
            "9f8000", // No end.
            "1c",
            "1d",
            "1e",
            "3c",
            "5c",
            "7d",
            "9e",
            "bc",
            "dd",
            "fc",
            "fe", // Reserved.
            "f800",
            "f818",
            "f0", // Simple values that nobody knows.
            "5f00ff",
            "5f21ff",
            "5f6100ff",
            "5f80ff",
            "5fc000ff",
            "5ff5ff",
            "5f5f4100ffff",
            "7f4100ff",
            "7f7f6100ffff", // Pieces of another kind.
            "ff",
            "81ff",
            "8200ff",
            "a1ff",
            "a1ff00",
            "a100ff",
            "bf00ff",
            "bf000000ff", // A break where none may be.
            "1f",
            "3f",
            "df", // No length where there must be one.
            "61ff",
            "7f61ffff", // Not UTF-8.
        ] {
            let whole = hex::decode(bytes).unwrap();
            assert!(Reader::new(&whole).skip(0).is_err(), "{bytes}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        for opening in ["81", "9f", "c1", "a100"] {
            let deep = opening.repeat(DEPTH_LIMIT + 1);
            let fits = format!("{}00", opening.repeat(DEPTH_LIMIT));
            let deep = hex::decode(deep + "00").unwrap();
            let too_deep = Problem::TooDeep { limit: DEPTH_LIMIT };
            assert_eq!(Reader::new(&deep).skip(0), Err(too_deep.clone()));
            let fits = hex::decode(fits).unwrap();
            assert_ne!(Reader::new(&fits).skip(0), Err(too_deep));
        }
    }
}
