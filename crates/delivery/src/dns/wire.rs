//! Questions and answers of DNS as bytes (RFC 1035, section 4). No I/O here; the bytes may be hostile.
//!
//! INVARIANT: a name in an answer is read with at most [`JUMPS_MAX`] jumps, each to a place before it, so that no bytes make
//! the reading long.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a name, its dots included (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// Jumps within one name (chosen: compressors make one).
const JUMPS_MAX: usize = 16;

/// Records of an answer that are read (chosen: more than fit a receiver's needs).
const RECORDS_MAX: usize = 256;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    A,
    Aaaa,
}

impl Kind {
    fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
        }
    }
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    Address(IpAddr),
    Alias(String),
}

/// One record of the answer section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// In lower case.
    pub(super) name: String,
    pub(super) ttl_secs: u32,
    pub(super) data: Data,
}

/// How the server took a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    NoError,
    NoSuchName,
    /// Any other: it could not or would not answer.
    Failed(u8),
}

/// An answer to the question that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: Code,
    pub(super) is_truncated: bool,
    pub(super) records: Vec<Record>,
    /// How long the absence of records holds (RFC 2308, section 5).
    pub(super) negative_secs: Option<u32>,
}

/// The bytes of a question, `None` of what is no name.
pub(super) fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return None;
    }
    let mut bytes = id.to_be_bytes().to_vec();
    // Recursion desired, one question.
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let length = u8::try_from(label.len())
            .ok()
            .filter(|n| (1..=63).contains(n))?;
        bytes.push(length);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(kind.number().to_be_bytes());
    bytes.extend(1_u16.to_be_bytes());
    Some(bytes)
}

/// The answer to `question` in `bytes`; `None` where they are none, or one to another question.
pub(super) fn answer(bytes: &[u8], question: &[u8]) -> Option<Answer> {
    let mut reader = Reader { all: bytes, at: 0 };
    let (id, flags) = (reader.u16()?, reader.u16()?);
    let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
    let [questions, answers, authorities, _] = counts;
    let is_answer = flags & 0x8000 != 0 && flags & 0x7800 == 0 && questions == 1;
    if id.to_be_bytes() != *question.get(..2)? || !is_answer {
        return None;
    }
    // A server gives the question back as it was, but for the case of letters.
    let asked = question.get(12..)?;
    let given = reader.bytes(asked.len())?;
    if !given.eq_ignore_ascii_case(asked) {
        return None;
    }
    let mut found = Answer {
        code: match flags & 0xf {
            0 => Code::NoError,
            3 => Code::NoSuchName,
            code => Code::Failed(u8::try_from(code).unwrap_or_default()),
        },
        is_truncated: flags & 0x200 != 0,
        records: Vec::new(),
        negative_secs: None,
    };
    // The rest is read as far as it is well formed: of a truncated answer nothing is used.
    let read = reader.records(usize::from(answers), usize::from(authorities), &mut found);
    (read.is_some() || found.is_truncated).then_some(found)
}

struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let bytes = self.all.get(self.at..)?.get(..count)?;
        self.at += count;
        Some(bytes)
    }

    fn u8(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn records(&mut self, answers: usize, authorities: usize, found: &mut Answer) -> Option<()> {
        if answers + authorities > RECORDS_MAX {
            return None;
        }
        for place in 0..answers + authorities {
            let name = self.name()?;
            let (kind, class, ttl_secs) = (self.u16()?, self.u16()?, self.u32()?);
            let length = usize::from(self.u16()?);
            let end = self.at + length;
            let content = self.all.get(self.at..end)?;
            // RFC 2181, section 8: a TTL with its highest bit set is none.
            let ttl_secs = if ttl_secs > i32::MAX.unsigned_abs() {
                0
            } else {
                ttl_secs
            };
            let data = match (class, kind) {
                (1, 1) => Some(Data::Address(
                    Ipv4Addr::from(<[u8; 4]>::try_from(content).ok()?).into(),
                )),
                (1, 28) => Some(Data::Address(
                    Ipv6Addr::from(<[u8; 16]>::try_from(content).ok()?).into(),
                )),
                (1, 5) => Some(Data::Alias(self.name()?)),
                _ => None,
            };
            if place >= answers && (class, kind) == (1, 6) {
                let minimum = content
                    .last_chunk()
                    .map(|bytes| u32::from_be_bytes(*bytes))?;
                found.negative_secs = Some(ttl_secs.min(minimum));
            }
            if let Some(data) = data.filter(|_| place < answers) {
                found.records.push(Record {
                    name,
                    ttl_secs,
                    data,
                });
            }
            self.at = end;
        }
        Some(())
    }

    /// A name in lower case, its labels joined by dots. Bytes that no host has make it one that is never asked for.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut reader = Reader {
            all: self.all,
            at: self.at,
        };
        let mut limit = self.at;
        let mut jumps = 0;
        loop {
            match reader.u8()? {
                0 => break,
                length @ 1..=63 => {
                    let label = reader.bytes(usize::from(length))?;
                    let is_plain = label
                        .iter()
                        .all(|byte| byte.is_ascii_graphic() && *byte != b'.');
                    if name.len() + label.len() + 1 > NAME_BYTES_MAX + 1 {
                        return None;
                    }
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.push_str(if is_plain {
                        std::str::from_utf8(label).ok()?
                    } else {
                        "?"
                    });
                }
                high @ 0xc0..=0xff => {
                    let to = usize::from(high & 0x3f) << 8 | usize::from(reader.u8()?);
                    if jumps == 0 {
                        self.at = reader.at;
                    }
                    jumps += 1;
                    if to >= limit || jumps > JUMPS_MAX {
                        return None;
                    }
                    (limit, reader.at) = (to, to);
                }
                _ => return None,
            }
        }
        if jumps == 0 {
            self.at = reader.at;
        }
        name.make_ascii_lowercase();
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer for `www.example.com` of RFC 1035's form: an alias with a jump, then an address of the alias.
    fn with_alias(id: u16) -> Vec<u8> {
        let mut bytes = question(id, "www.example.com", Kind::A).unwrap();
        bytes[2..4].copy_from_slice(&[0x81, 0x80]);
        bytes[7] = 2;
        // At 16 stands `example.com`; the alias is `a.example.com`, at 45.
        bytes.extend(b"\xc0\x0c\0\x05\0\x01\0\0\x01\x2c\0\x04\x01a\xc0\x10");
        bytes.extend(b"\xc0\x2d\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07");
        bytes
    }

    #[test]
    fn an_alias_and_its_address_are_read() {
        let asked = question(7, "www.example.com.", Kind::A).unwrap();
        let found = answer(&with_alias(7), &asked).unwrap();
        assert_eq!((found.code, found.is_truncated), (Code::NoError, false));
        let record = |name: &str, ttl_secs, data| Record {
            name: name.to_owned(),
            ttl_secs,
            data,
        };
        assert_eq!(
            found.records,
            [
                record(
                    "www.example.com",
                    300,
                    Data::Alias("a.example.com".to_owned())
                ),
                record("a.example.com", 60, Data::Address([192, 0, 2, 7].into())),
            ]
        );
    }

    #[test]
    fn only_the_answer_to_the_question_is_taken() {
        let asked = question(7, "www.example.com", Kind::A).unwrap();
        assert_eq!(answer(&with_alias(8), &asked), None, "another id");
        let other = question(7, "www.example.org", Kind::A).unwrap();
        assert_eq!(answer(&with_alias(7), &other), None, "another name");
        let other = question(7, "www.example.com", Kind::Aaaa).unwrap();
        assert_eq!(answer(&with_alias(7), &other), None, "another kind");
        assert_eq!(answer(&asked, &asked), None, "a question");
        let mut upper = with_alias(7);
        upper[13..16].make_ascii_uppercase();
        assert!(answer(&upper, &asked).is_some(), "case is nothing");
    }

    #[test]
    fn what_is_no_name_is_not_asked_for() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = ["a"; 128].join(".");
        for name in ["", ".", "a..b", &long, &longer] {
            assert_eq!(question(1, name, Kind::A), None, "{name}");
        }
        assert!(question(1, &["a"; 127].join("."), Kind::A).is_some());
    }

    #[test]
    fn a_name_that_points_at_itself_is_no_answer() {
        let asked = question(7, "www.example.com", Kind::A).unwrap();
        for to in [33, 34, 200] {
            let mut bytes = with_alias(7);
            bytes[34] = to;
            assert_eq!(answer(&bytes, &asked), None, "{to}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_reading(rest in proptest::collection::vec(proptest::num::u8::ANY, 0..300), at in 0..70_usize, byte: u8) {
            let asked = question(7, "www.example.com", Kind::A).unwrap();
            let mut mixed = with_alias(7);
            if let Some(place) = mixed.get_mut(at) {
                *place = byte;
            }
            let _ = answer(&mixed, &asked);
            let mut bytes = with_alias(7)[..33].to_vec();
            bytes[7] = byte;
            bytes.extend(rest);
            let _ = answer(&bytes, &asked);
        }
    }
}
