//! As much of protobuf's wire format as the two senders need: fields one after the other, and a writer for short answers.
//!
//! Nothing is copied and nothing nests by itself: whoever reads a message of a message makes a [`Reader`] of it, so that the
//! depth is that of the code. Groups, which proto3 does not have, are refused.
//!
//! Source: Protocol Buffers documentation, "Encoding".

/// What is no protobuf, or not of the type that its field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends within a field.
    #[error("a field is cut off")]
    Short,
    /// A number of more than 64 bits.
    #[error("a number takes more than ten bytes")]
    Long,
    /// A field's number or kind that proto3 does not have.
    #[error("a field has a tag that proto3 does not have")]
    Tag,
    /// A field of another type than it should have.
    #[error("field {number} has another type than its message gives it")]
    Type {
        /// Of the field.
        number: u32,
    },
    /// A text that is not UTF-8.
    #[error("field {number} is not UTF-8")]
    Text {
        /// Of the field.
        number: u32,
    },
}

/// Reads the fields of one message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

/// One field: its number and what it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    value: Value<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next field; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = u32::try_from(self.varint()?).map_err(|_| Malformed::Tag)?;
        let number = tag >> 3;
        let value = match tag & 7 {
            _ if number == 0 => return Err(Malformed::Tag),
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed64()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Short)?;
                Value::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Value::Fixed32
            }
            _ => return Err(Malformed::Tag),
        };
        Ok(Some(Field { number, value }))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn fixed64(&mut self) -> Result<u64, Malformed> {
        let (taken, rest) = self.0.split_first_chunk::<8>().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*taken))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for place in 0..10_u32 {
            let (byte, rest) = self.0.split_first().ok_or(Malformed::Short)?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if place == 9 && bits > 1 {
                return Err(Malformed::Long);
            }
            number |= bits << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed::Long)
    }
}

impl<'a> Field<'a> {
    const fn wrong(&self) -> Malformed {
        Malformed::Type {
            number: self.number,
        }
    }

    /// `uint32`, `uint64`, `int64`'s bits, an enum.
    pub(super) fn varint(&self) -> Result<u64, Malformed> {
        match self.value {
            Value::Varint(number) => Ok(number),
            _ => Err(self.wrong()),
        }
    }

    /// `int64`.
    pub(super) fn int64(&self) -> Result<i64, Malformed> {
        self.varint().map(u64::cast_signed)
    }

    /// `sint32`.
    pub(super) fn sint32(&self) -> Result<i32, Malformed> {
        let zigzag = u32::try_from(self.varint()?).map_err(|_| self.wrong())?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    /// `fixed64`, or the bits of `sfixed64`.
    pub(super) fn fixed64(&self) -> Result<u64, Malformed> {
        match self.value {
            Value::Fixed64(number) => Ok(number),
            _ => Err(self.wrong()),
        }
    }

    pub(super) fn double(&self) -> Result<f64, Malformed> {
        self.fixed64().map(f64::from_bits)
    }

    pub(super) fn bytes(&self) -> Result<&'a [u8], Malformed> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(self.wrong()),
        }
    }

    pub(super) fn text(&self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed::Text {
            number: self.number,
        })
    }

    pub(super) fn message(&self) -> Result<Reader<'a>, Malformed> {
        self.bytes().map(Reader::new)
    }

    /// Takes all numbers of a `repeated fixed64` (or `double`'s bits), packed or one a field.
    pub(super) fn each_fixed64(
        &self,
        mut each: impl FnMut(u64) -> Result<(), super::Refused>,
    ) -> Result<(), super::Refused> {
        let Value::Bytes(bytes) = self.value else {
            return each(self.fixed64()?);
        };
        let mut packed = Reader::new(bytes);
        while !packed.0.is_empty() {
            each(packed.fixed64()?)?;
        }
        Ok(())
    }

    /// Takes all numbers of a `repeated uint64`, packed or one a field.
    pub(super) fn each_varint(
        &self,
        mut each: impl FnMut(u64) -> Result<(), super::Refused>,
    ) -> Result<(), super::Refused> {
        let Value::Bytes(bytes) = self.value else {
            return each(self.varint()?);
        };
        let mut packed = Reader::new(bytes);
        while !packed.0.is_empty() {
            each(packed.varint()?)?;
        }
        Ok(())
    }
}

/// Writes one message. What is the default of its type is left out, as proto3 does.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, number: u8, value: u64) {
        if value > 0 {
            self.0.push(number << 3);
            self.varint(value);
        }
    }

    pub(super) fn bytes(&mut self, number: u8, value: &[u8]) {
        if !value.is_empty() {
            self.0.push(number << 3 | 2);
            self.varint(value.len() as u64);
            self.0.extend_from_slice(value);
        }
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_documentation_are_read() {
        // "Encoding": `a: 150`; `b: "testing"`; `f: [3, 270, 86942]`.
        let mut reader = Reader::new(&[
            0x08, 0x96, 0x01, 0x12, 0x07, b't', b'e', b's', b't', b'i', b'n', b'g',
        ]);
        let number = reader.next().unwrap().unwrap();
        assert_eq!((number.number, number.varint()), (1, Ok(150)));
        let text = reader.next().unwrap().unwrap();
        assert_eq!((text.number, text.text()), (2, Ok("testing")));
        assert_eq!(text.varint(), Err(Malformed::Type { number: 2 }));
        assert_eq!(reader.next(), Ok(None));

        let mut packed = Reader::new(&[0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]);
        let mut all = Vec::new();
        let field = packed.next().unwrap().unwrap();
        field
            .each_varint(|number| {
                all.push(number);
                Ok(())
            })
            .unwrap();
        assert_eq!(all, [3, 270, 86942]);
    }

    #[test]
    fn zigzag_is_undone_as_the_documentation_has_it() {
        for (sent, meant) in [
            (0, 0),
            (1, -1),
            (2, 1),
            (3, -2),
            (0xffff_fffe, i32::MAX),
            (0xffff_ffff, i32::MIN),
        ] {
            let field = Field {
                number: 1,
                value: Value::Varint(sent),
            };
            assert_eq!(field.sint32(), Ok(meant));
        }
    }

    #[test]
    fn what_is_cut_off_or_has_no_such_tag_is_refused() {
        for (bytes, expected) in [
            (&[0x08][..], Malformed::Short),
            (&[0x12, 0x05, b'a'], Malformed::Short),
            (&[0x09, 1, 2, 3], Malformed::Short),
            (&[0x0d, 1, 2], Malformed::Short),
            (&[0x0b], Malformed::Tag),
            (&[0x00, 0x00], Malformed::Tag),
            (
                &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
                Malformed::Long,
            ),
            (
                &[255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
                Malformed::Long,
            ),
        ] {
            assert_eq!(Reader::new(bytes).next(), Err(expected), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in 1_u64.., text in "[a-z]{1,300}") {
            let mut writer = Writer::default();
            writer.number(1, value);
            writer.number(2, 0);
            writer.bytes(3, text.as_bytes());
            let bytes = writer.done();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.next().unwrap().unwrap().varint(), Ok(value));
            prop_assert_eq!(reader.next().unwrap().unwrap().text(), Ok(&text[..]));
            prop_assert_eq!(reader.next(), Ok(None));
        }
    }
}
