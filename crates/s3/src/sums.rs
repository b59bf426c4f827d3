//! Checksums of objects and parts.
//!
//! Every object has one: the caller's choice, else CRC-64/NVME as S3 does. Of an object made of parts it is either of all its
//! bytes ([`Kind::Full`], which for the CRCs follows from those of the parts) or of the parts' checksums ([`Kind::Composite`]).
//!
//! Source: Amazon S3 User Guide, "Checking object integrity".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::error::Error;

/// Which checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// CRC-32/ISO-HDLC.
    #[serde(rename = "CRC32")]
    Crc32,
    /// CRC-32/ISCSI.
    #[serde(rename = "CRC32C")]
    Crc32c,
    /// CRC-64/NVME.
    #[serde(rename = "CRC64NVME")]
    Crc64Nvme,
    /// SHA-1.
    #[serde(rename = "SHA1")]
    Sha1,
    /// SHA-256.
    #[serde(rename = "SHA256")]
    Sha256,
}

/// What the checksum of an object is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Of all its bytes.
    #[serde(rename = "FULL_OBJECT")]
    Full,
    /// Of the checksums of its parts.
    #[serde(rename = "COMPOSITE")]
    Composite,
}

/// A checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Which.
    pub algorithm: Algorithm,
    /// In base64; a composite one with `-` and the number of parts at its end.
    pub value: String,
    /// Of what.
    pub kind: Kind,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// As the API names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header that carries it, such as `x-amz-checksum-crc32`.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// By its name in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let named = |one: &Self| one.as_str().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(named)
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    const fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// What an upload's object gets where its maker does not say.
    #[must_use]
    pub const fn usual_kind(self) -> Kind {
        match self {
            Self::Crc64Nvme => Kind::Full,
            _ => Kind::Composite,
        }
    }

    /// Whether an upload's object can have it so.
    #[must_use]
    pub const fn can_be(self, kind: Kind) -> bool {
        match kind {
            Kind::Full => self.crc().is_some(),
            Kind::Composite => !matches!(self, Self::Crc64Nvme),
        }
    }

    /// Refuses what is no checksum of this kind.
    ///
    /// # Errors
    /// [`Error::NotDigest`].
    pub fn check(self, value: &str) -> Result<(), Error> {
        let decoded = STANDARD.decode(value);
        match decoded.is_ok_and(|bytes| bytes.len() == self.bytes()) {
            true => Ok(()),
            false => Err(Error::NotDigest {
                algorithm: self.as_str(),
                value: value.chars().take(128).collect(),
            }),
        }
    }

    /// Of all of `bytes`, in base64.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> String {
        let mut running = Running::new(self);
        running.update(bytes);
        running.end()
    }
}

impl Kind {
    /// As the API names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// A checksum of what has come so far.
enum Running {
    Crc(crc_fast::Digest, usize),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Running {
    fn new(algorithm: Algorithm) -> Self {
        match (algorithm.crc(), algorithm) {
            (Some(crc), _) => Self::Crc(crc_fast::Digest::new(crc), algorithm.bytes()),
            (None, Algorithm::Sha1) => Self::Sha1(Sha1::new()),
            (None, _) => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(digest, _) => digest.update(bytes),
            Self::Sha1(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
        }
    }

    fn end(self) -> String {
        match self {
            Self::Crc(digest, bytes) => crc_text(digest.finalize(), bytes),
            Self::Sha1(digest) => STANDARD.encode(digest.finalize()),
            Self::Sha256(digest) => STANDARD.encode(digest.finalize()),
        }
    }
}

fn crc_text(value: u64, bytes: usize) -> String {
    let all = value.to_be_bytes();
    STANDARD.encode(all.get(all.len() - bytes..).unwrap_or(&all))
}

fn crc_value(text: &str) -> Option<u64> {
    let bytes = STANDARD.decode(text).ok()?;
    let value = bytes
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    Some(value)
}

/// MD5 and checksum of a body while it comes.
pub(crate) struct Hashing {
    md5: Md5,
    algorithm: Algorithm,
    sum: Running,
}

impl Hashing {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self {
            md5: Md5::new(),
            algorithm,
            sum: Running::new(algorithm),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.sum.update(bytes);
    }

    pub(crate) fn end(self) -> Hashed {
        Hashed {
            md5: self.md5.finalize().into(),
            sum: Sum {
                algorithm: self.algorithm,
                value: self.sum.end(),
                kind: Kind::Full,
            },
        }
    }
}

/// MD5 and checksum of a whole body.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    pub(crate) md5: [u8; 16],
    pub(crate) sum: Sum,
}

impl Hashed {
    /// The ETag of what was put in one piece.
    pub(crate) fn etag(&self) -> String {
        hex::encode(self.md5)
    }

    /// Refuses a body that is not the one that was sent.
    ///
    /// `md5`: `Content-MD5`. `sum`: what was sent as the checksum.
    pub(crate) fn check(&self, md5: Option<&str>, sum: Option<&str>) -> Result<(), Error> {
        let computed = STANDARD.encode(self.md5);
        if let Some(sent) = md5 {
            check_md5_form(sent)?;
            if sent != computed {
                return Err(differs("Content-MD5", computed));
            }
        }
        match sum {
            Some(sent) if sent != self.sum.value => {
                self.sum.algorithm.check(sent)?;
                Err(differs(self.sum.algorithm.as_str(), self.sum.value.clone()))
            }
            _ => Ok(()),
        }
    }
}

fn differs(algorithm: &'static str, computed: String) -> Error {
    Error::Digest {
        algorithm,
        computed,
    }
}

/// Refuses a `Content-MD5` that is none.
pub(crate) fn check_md5_form(sent: &str) -> Result<(), Error> {
    match STANDARD.decode(sent).is_ok_and(|bytes| bytes.len() == 16) {
        true => Ok(()),
        false => Err(Error::NotDigest {
            algorithm: "Content-MD5",
            value: sent.chars().take(128).collect(),
        }),
    }
}

/// The ETag of an object made of parts with these ETags.
pub(crate) fn etag_of_parts<'e>(etags: impl ExactSizeIterator<Item = &'e str>) -> String {
    let count = etags.len();
    let mut md5 = Md5::new();
    for etag in etags {
        md5.update(hex::decode(etag).unwrap_or_default());
    }
    format!("{}-{count}", hex::encode(md5.finalize()))
}

/// The checksum of an object made of parts with these, in their order; `None` where one has none, or another algorithm's.
///
/// `parts`: the checksum of each and how many bytes it is of.
pub(crate) fn sum_of_parts(
    algorithm: Algorithm,
    kind: Kind,
    parts: &[(Option<&Sum>, u64)],
) -> Option<Sum> {
    let values = parts.iter().map(|(sum, bytes)| {
        let sum = sum.filter(|sum| sum.algorithm == algorithm)?;
        Some((sum.value.as_str(), *bytes))
    });
    let values: Vec<(&str, u64)> = values.collect::<Option<_>>()?;
    let value = match (kind, algorithm.crc()) {
        (Kind::Full, Some(crc)) => combined(crc, algorithm.bytes(), &values)?,
        (Kind::Full, None) => return None,
        (Kind::Composite, _) => composite(algorithm, &values),
    };
    Some(Sum {
        algorithm,
        value,
        kind,
    })
}

fn combined(crc: CrcAlgorithm, bytes: usize, values: &[(&str, u64)]) -> Option<String> {
    let mut whole: Option<u64> = None;
    for (value, length) in values {
        let value = crc_value(value)?;
        whole = Some(match whole {
            None => value,
            Some(so_far) => crc_fast::checksum_combine(crc, so_far, value, *length),
        });
    }
    whole.map(|value| crc_text(value, bytes))
}

fn composite(algorithm: Algorithm, values: &[(&str, u64)]) -> String {
    let all: Vec<u8> = values
        .iter()
        .flat_map(|(value, _)| STANDARD.decode(value).unwrap_or_default())
        .collect();
    format!("{}-{}", algorithm.of(&all), values.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRCs by the catalogue of parametrised CRC algorithms (`check` of "123456789"), hashes by FIPS 180.
    #[test]
    fn checksums_are_the_published_ones() {
        for (algorithm, expected) in [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (
                Algorithm::Sha256,
                "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
            ),
        ] {
            let value = algorithm.of(b"123456789");
            assert_eq!(hex::encode(STANDARD.decode(&value).unwrap()), expected);
            assert!(algorithm.check(&value).is_ok());
            assert!(algorithm.check("AAA=").is_err(), "{algorithm:?}");
            assert_eq!(
                Algorithm::parse(&algorithm.as_str().to_lowercase()),
                Some(algorithm)
            );
        }
    }

    #[test]
    fn the_crc_of_a_whole_follows_from_its_parts() {
        let whole: Vec<u8> = (0..100_000_u32).map(|at| (at * 7 % 251) as u8).collect();
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let sums: Vec<(Sum, u64)> =
                [&whole[..33_333], &whole[33_333..33_334], &whole[33_334..]]
                    .into_iter()
                    .map(|part| {
                        let sum = Sum {
                            algorithm,
                            value: algorithm.of(part),
                            kind: Kind::Full,
                        };
                        (sum, part.len() as u64)
                    })
                    .collect();
            let parts: Vec<_> = sums
                .iter()
                .map(|(sum, bytes)| (Some(sum), *bytes))
                .collect();
            let sum = sum_of_parts(algorithm, Kind::Full, &parts).unwrap();
            assert_eq!(sum.value, algorithm.of(&whole), "{algorithm:?}");
        }
    }

    /// The form of the composite checksum and of the ETag: computed with Python's hashlib over the digests of the parts.
    #[test]
    fn a_composite_is_of_the_digests_of_the_parts() {
        let sum = |text: &[u8]| Sum {
            algorithm: Algorithm::Sha256,
            value: Algorithm::Sha256.of(text),
            kind: Kind::Full,
        };
        let (one, two) = (sum(b"one"), sum(b"two"));
        let parts = [(Some(&one), 3), (Some(&two), 3)];
        let composite = sum_of_parts(Algorithm::Sha256, Kind::Composite, &parts).unwrap();
        assert_eq!(
            composite.value,
            "EZFMGaKKmMV9EvPM5sMreUR4T0tHgacGwk6x3ChOKFY=-2"
        );
        assert_eq!(sum_of_parts(Algorithm::Sha256, Kind::Full, &parts), None);
        assert_eq!(sum_of_parts(Algorithm::Sha1, Kind::Composite, &parts), None);
        let etags = [
            "f97c5d29941bfb1b2fdab0874906ab82",
            "b8a9f715dbb64fd5c56e7783c6820a61",
        ];
        assert_eq!(
            etag_of_parts(etags.into_iter()),
            "1397b7ee3222e3980d0d20f23a871b02-2"
        );
    }
}
