//! Message attributes: their rules, their form in the journal, and their MD5.
//!
//! Source: SQS Developer Guide, "Amazon SQS message metadata".

use std::collections::BTreeMap;

use bytes::Bytes;
use md5::{Digest, Md5};
use store::record::codec::{self, Reader};

use crate::Error;

/// Most attributes of a message.
pub const COUNT_MAX: usize = 10;
/// Longest name and longest data type.
pub const NAME_LEN_MAX: usize = 256;
/// Most significant digits of a number.
const DIGITS_MAX: usize = 38;

const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// A value of a message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of a type `String…` or `Number…`.
    Text(String),
    /// Of a type `Binary…`.
    Binary(Bytes),
}

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// `String`, `Number` or `Binary`, alone or with a label of the sender's: `Number.int`.
    pub data_type: String,
    /// The value, which fits the type.
    pub value: Value,
}

/// The attributes of a message by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// What can be wrong with a message attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// There are too many.
    #[error("there are {count} attributes; a message has at most 10")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// The name is longer than 256 bytes.
    #[error("a name has 1 to 256 characters")]
    NameLength,
    /// The name has other characters.
    #[error("a name consists of letters, digits, hyphens, underscores and periods")]
    NameCharacters,
    /// The name is reserved, or its periods stand where they may not.
    #[error(
        "a name does not begin with `AWS.` or `Amazon.`, does not start or end with a period, and has none twice in a row"
    )]
    NameReserved,
    /// There is no data type.
    #[error("it has a data type")]
    TypeMissing,
    /// The data type is not one.
    #[error(
        "its data type is `String`, `Number` or `Binary`, with a label of at most 256 characters"
    )]
    TypeUnknown,
    /// There is no value, or an empty one.
    #[error("it has a value of type `{data_type}` that is not empty")]
    Empty {
        /// Its data type.
        data_type: String,
    },
    /// The value is text and the type binary, or the reverse; or there are several values.
    #[error("it has one value, which fits its data type: StringValue or BinaryValue")]
    Misfit,
    /// The value is not a number.
    #[error(
        "the value of a `Number` is a decimal number of up to 38 digits, from 10^-128 to 10^126 in size"
    )]
    NotNumber,
    /// The value has characters that are not allowed.
    #[error("its value has characters that are not allowed")]
    Characters,
    /// A system attribute other than the one that can be sent.
    #[error(
        "the only message system attribute that can be sent is AWSTraceHeader, of type `String`"
    )]
    NotSendable,
}

impl Flaw {
    /// The error about the attribute `name`.
    #[must_use]
    pub fn of(self, name: &str) -> Error {
        Error::InvalidMessageAttribute {
            name: name.chars().take(NAME_LEN_MAX).collect(),
            flaw: self,
        }
    }
}

/// Checks the attributes of one message.
///
/// # Errors
/// [`Error::InvalidMessageAttribute`] for the first that breaks a rule.
pub fn check(attributes: &Attributes) -> Result<(), Error> {
    let count = attributes.len();
    if count > COUNT_MAX {
        return Err(Flaw::TooMany { count }.of(""));
    }
    attributes.iter().try_for_each(|(name, attribute)| {
        check_name(name)
            .and_then(|()| check_type(&attribute.data_type))
            .and_then(|()| check_value(attribute))
            .map_err(|flaw| flaw.of(name))
    })
}

fn check_name(name: &str) -> Result<(), Flaw> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !(1..=NAME_LEN_MAX).contains(&name.len()) {
        return Err(Flaw::NameLength);
    }
    if !name.bytes().all(is_allowed) {
        return Err(Flaw::NameCharacters);
    }
    let lower = name.to_ascii_lowercase();
    let has_period_astray = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if has_period_astray || lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return Err(Flaw::NameReserved);
    }
    Ok(())
}

fn kind(data_type: &str) -> &str {
    data_type.split('.').next().unwrap_or_default()
}

fn check_type(data_type: &str) -> Result<(), Flaw> {
    if data_type.is_empty() {
        return Err(Flaw::TypeMissing);
    }
    let is_known = matches!(kind(data_type), "String" | "Number" | "Binary");
    if is_known && data_type.len() <= NAME_LEN_MAX {
        return Ok(());
    }
    Err(Flaw::TypeUnknown)
}

fn check_value(attribute: &Attribute) -> Result<(), Flaw> {
    if value(attribute).is_empty() {
        let data_type = attribute.data_type.clone();
        return Err(Flaw::Empty { data_type });
    }
    match (&attribute.value, kind(&attribute.data_type)) {
        (Value::Text(text), "Number") if !is_number(text) => Err(Flaw::NotNumber),
        (Value::Text(text), "String") if !crate::message::has_allowed_characters(text) => {
            Err(Flaw::Characters)
        }
        (Value::Binary(_), "Binary") | (Value::Text(_), "String" | "Number") => Ok(()),
        _ => Err(Flaw::Misfit),
    }
}

/// A decimal number with sign, fraction and exponent: 38 digits, and 0 or from 10^-128 to 10^126.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (number, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()),
        None => (unsigned, Some(0)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = [whole, fraction].concat();
    let is_decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let Some(exponent) = exponent.filter(|_| is_decimal) else {
        return false;
    };
    let Some(zeros) = digits.bytes().position(|digit| digit != b'0') else {
        return true;
    };
    let significant = digits.trim_matches('0');
    // The power of ten of the first significant digit.
    let power = i64::from(exponent) + whole.len() as i64 - 1 - zeros as i64;
    let is_in_range = (-128..126).contains(&power) || (power == 126 && significant == "1");
    significant.len() <= DIGITS_MAX && is_in_range
}

/// How many bytes the attributes count towards a message's size: names, types and values.
#[must_use]
pub fn size(attributes: &Attributes) -> usize {
    attributes
        .iter()
        .map(|(name, attribute)| name.len() + attribute.data_type.len() + value(attribute).len())
        .sum()
}

fn value(attribute: &Attribute) -> &[u8] {
    match &attribute.value {
        Value::Text(text) => text.as_bytes(),
        Value::Binary(bytes) => bytes,
    }
}

/// The MD5 of the attributes as clients compute it, in hex; `None` when there are none.
///
/// For each in the order of names: length (u32, big-endian) and bytes of the name, the same of the type, a byte 1 for
/// text or 2 for binary, length and bytes of the value.
#[must_use]
pub fn md5_hex(attributes: &Attributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut hash = Md5::new();
    for (name, attribute) in attributes {
        hash_part(&mut hash, name.as_bytes());
        hash_part(&mut hash, attribute.data_type.as_bytes());
        hash.update([if matches!(attribute.value, Value::Text(_)) {
            TEXT
        } else {
            BINARY
        }]);
        hash_part(&mut hash, value(attribute));
    }
    Some(hex::encode(hash.finalize()))
}

fn hash_part(hash: &mut Md5, bytes: &[u8]) {
    hash.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    hash.update(bytes);
}

/// Appends the attributes in the journal's form: for each name, type, kind byte and value.
pub(crate) fn encode(attributes: &Attributes, out: &mut Vec<u8>) {
    for (name, attribute) in attributes {
        codec::put_bytes(out, name.as_bytes());
        codec::put_bytes(out, attribute.data_type.as_bytes());
        out.push(if matches!(attribute.value, Value::Text(_)) {
            TEXT
        } else {
            BINARY
        });
        codec::put_bytes(out, value(attribute));
    }
}

/// Reads what [`encode`] wrote; `None` when it is something else.
pub(crate) fn decode(bytes: &Bytes) -> Option<Attributes> {
    let mut reader = Reader::new(bytes);
    let mut attributes = Attributes::new();
    while reader.left() > 0 {
        let name = reader.text().ok()?.to_owned();
        let data_type = reader.text().ok()?.to_owned();
        let value = match reader.byte().ok()? {
            TEXT => Value::Text(reader.text().ok()?.to_owned()),
            BINARY => Value::Binary(bytes.slice_ref(reader.bytes().ok()?)),
            _ => return None,
        };
        attributes.insert(name, Attribute { data_type, value });
    }
    Some(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(data_type: &str, value: &str) -> Attribute {
        Attribute {
            data_type: data_type.into(),
            value: Value::Text(value.into()),
        }
    }

    #[test]
    fn the_md5_is_the_one_that_clients_compute() {
        // botocore's and the SDKs' own check: length-prefixed name, type, kind and value.
        let attributes =
            Attributes::from([("timestamp".to_owned(), text("Number", "1493147359900"))]);
        // The value that the AWS Java and Go SDKs carry in their tests for this attribute.
        assert_eq!(
            md5_hex(&attributes).unwrap(),
            "235c5c510d26fb653d073faed50ae77c"
        );
        assert_eq!(md5_hex(&Attributes::new()), None);
        // Answers of SQS that LocalStack's tests recorded on 2023-07-06 and 2022-12-22.
        let greeting = Attributes::from([
            ("General".to_owned(), text("String", "Kenobi")),
            ("Hello".to_owned(), text("String", "There")),
            ("Help.Me".to_owned(), text("String", "Me")),
        ]);
        assert_eq!(
            md5_hex(&greeting).unwrap(),
            "4c360f3fdafd970e05fae2f149d997f5"
        );
        let trace = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
        let binary = Attribute {
            data_type: "Binary".into(),
            value: Value::Binary(Bytes::from_static(trace)),
        };
        let attributes = Attributes::from([("attr1".to_owned(), binary)]);
        assert_eq!(
            md5_hex(&attributes).unwrap(),
            "8cbe4db156db8a94db8b801b7addb984"
        );
    }

    #[test]
    fn attributes_go_there_and_back() {
        let binary = Attribute {
            data_type: "Binary.png".into(),
            value: Value::Binary(Bytes::from_static(&[0, 255])),
        };
        let attributes = Attributes::from([
            ("a".to_owned(), text("String", "x")),
            ("b".to_owned(), binary),
        ]);
        let mut bytes = Vec::new();
        encode(&attributes, &mut bytes);
        assert_eq!(decode(&bytes.clone().into()), Some(attributes.clone()));
        assert_eq!(decode(&bytes[..bytes.len() - 1].to_vec().into()), None);
        assert_eq!(size(&attributes), 1 + 6 + 1 + 1 + 10 + 2);
    }

    // Developer Guide, "Message attribute components": up to 38 digits of precision, between 10^-128 and 10^+126.
    #[test]
    fn a_number_has_38_digits_and_a_bounded_size() {
        let nines = "9".repeat(38);
        for good in [
            "0",
            "-0.0",
            "+7",
            ".5",
            "5.",
            "1e126",
            "-1E+126",
            "1e-128",
            "0e999",
            "00012.3400",
            &nines,
            &format!("0.{nines}"),
            &format!("{nines}000"),
            &format!("{nines}e87"),
        ] {
            assert!(is_number(good), "{good}");
        }
        for wrong in [
            "",
            ".",
            "+",
            "e5",
            "1e",
            "1e1.5",
            "--1",
            "0x1",
            "inf",
            "1 ",
            "1_0",
            "2e126",
            "1e127",
            "9e-129",
            "1e99999999999",
            &format!("{nines}9"),
            &format!("1{}1", "0".repeat(37)),
            &format!("{nines}e89"),
        ] {
            assert!(!is_number(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_the_guide_forbids_is_refused() {
        for (name, attribute) in [
            ("AWS.x", text("String", "x")),
            ("amazon.x", text("String", "x")),
            (".x", text("String", "x")),
            ("x.", text("String", "x")),
            ("x..y", text("String", "x")),
            ("", text("String", "x")),
            ("x y", text("String", "x")),
            ("x", text("Strings", "x")),
            ("x", text("Binary", "x")),
            ("x", text("String", "")),
            ("x", text("Number", "one")),
            ("x", text("Number", "nan")),
            ("x", text("String", "\u{1}")),
        ] {
            let attributes = Attributes::from([(name.to_owned(), attribute)]);
            assert!(check(&attributes).is_err(), "{attributes:?}");
        }
        for (name, attribute) in [
            ("x.y-Z_0", text("String.label", "x")),
            ("n", text("Number", "-1.5e3")),
            ("n", text("Number.int", "7")),
        ] {
            assert_eq!(
                check(&Attributes::from([(name.to_owned(), attribute)])),
                Ok(())
            );
        }
        let eleven = (0..11)
            .map(|n| (format!("a{n}"), text("String", "x")))
            .collect();
        assert!(check(&eleven).is_err());
    }
}
