//! Who we are to a receiver that asks: a certificate and its key, read from where the settings say.
//!
//! Only the end of a certificate is read from it here; whether a receiver trusts it is the receiver's to say.

use std::path::Path;
use std::time::Duration;

use base::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::transport::{Identity, PrivateKey};

/// A certificate that ends within so long is warned of. Chosen: time enough to get another.
const ENDS_SOON: Duration = Duration::from_secs(30 * 86_400);

/// A PEM file of a certificate or key may be this long (chosen: a chain of ten certificates is a tenth of it).
const PEM_BYTES_MAX: u64 = 1 << 20;

type Loaded = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The certificate with its chain, and the key.
///
/// # Errors
/// The setting and words for the operator.
pub(super) fn load(identity: &Identity) -> Result<Loaded, (&'static str, String)> {
    let chain = chain(&identity.certificate).map_err(|detail| ("client_certificate", detail))?;
    let key = key(&identity.key).map_err(|detail| ("client_key", detail))?;
    Ok((chain, key))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let name = path.display();
    let pem = read(path).map_err(|error| format!("`{name}` cannot be read: {error}"))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| format!("`{name}` is not PEM: {error}"))?;
    if chain.is_empty() {
        return Err(format!("`{name}` holds no certificate in PEM form"));
    }
    Ok(chain)
}

/// What a secret holds is never shown, nor what a parser says of it.
fn key(key: &PrivateKey) -> Result<PrivateKeyDer<'static>, String> {
    match key {
        PrivateKey::File(path) => {
            let name = path.display();
            let pem = read(path).map_err(|error| format!("`{name}` cannot be read: {error}"))?;
            PrivateKeyDer::from_pem_slice(&pem)
                .map_err(|_| format!("`{name}` holds no private key in PEM form"))
        }
        PrivateKey::Pem(text) => PrivateKeyDer::from_pem_slice(text.expose().as_bytes())
            .map_err(|_| "what the reference gives is no private key in PEM form".to_owned()),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let length = std::fs::metadata(path)?.len();
    if length > PEM_BYTES_MAX {
        return Err(std::io::Error::other(format!(
            "it has {length} bytes, and {PEM_BYTES_MAX} are read at most"
        )));
    }
    std::fs::read(path)
}

/// Words for a pair that TLS does not take.
pub(super) fn unfit(identity: &Identity, error: &rustls::Error) -> String {
    let name = identity.certificate.display();
    match error {
        rustls::Error::InconsistentKeys(_) => {
            format!("the key is not that of the certificate in `{name}`")
        }
        rustls::Error::InvalidCertificate(_) => format!(
            "the certificate in `{name}` is not read by this TLS, which takes X.509 version 3 alone: {error}"
        ),
        other => format!("the certificate in `{name}` cannot be used with its key: {other}"),
    }
}

/// Whether certificate and key can be read and belong together.
///
/// # Errors
/// The setting and words for the operator.
pub(crate) fn check(identity: &Identity) -> Result<(), (&'static str, String)> {
    let (chain, key) = load(identity)?;
    let provider = rustls::crypto::ring::default_provider();
    rustls::sign::CertifiedKey::from_der(chain, key, &provider)
        .map(|_| ())
        .map_err(|error| ("client_key", unfit(identity, &error)))
}

/// Words for the operator when the first certificate of a file ends within [`ENDS_SOON`] of `now`, or has ended. What cannot
/// be read is for [`check`] to say.
pub(crate) fn ends_soon(path: &Path, now: Timestamp) -> Option<String> {
    let chain = chain(path).ok()?;
    let end = not_after(chain.first()?)?;
    let name = path.display();
    let shown = jiff::Timestamp::from_millisecond(i64::try_from(end.as_millis()).ok()?).ok()?;
    let left = end.since(now);
    if left.is_zero() {
        return Some(format!(
            "the certificate in `{name}` ended at {shown}: receivers that ask for it will refuse it"
        ));
    }
    let days = left.as_secs() / 86_400;
    (left < ENDS_SOON).then(|| {
        format!("the certificate in `{name}` ends at {shown}, in {days} days: get another in time")
    })
}

/// The end of a certificate's validity (RFC 5280, section 4.1): `Certificate { tbs { [0] version, serial, algorithm, issuer,
/// validity { begin, END }, … } … }`.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate, _) = element(certificate)?;
    let (_, tbs, _) = element(certificate)?;
    let (tag, _, after_first) = element(tbs)?;
    let mut rest = if tag == 0xa0 { after_first } else { tbs };
    for _serial_algorithm_issuer in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, end) = element(validity)?;
    let (tag, end, _) = element(end)?;
    let text = std::str::from_utf8(end).ok()?.strip_suffix('Z')?;
    let text = match (tag, text.get(..2)?) {
        (0x17, year) if year < "50" => format!("20{text}"),
        (0x17, _) => format!("19{text}"),
        _ => text.to_owned(),
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", &text).ok()?;
    let time = jiff::tz::Offset::UTC.to_timestamp(time).ok()?;
    u64::try_from(time.as_millisecond())
        .ok()
        .map(Timestamp::from_millis)
}

/// One element in DER: its tag, its content, and what comes after it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(year: i32) -> (tempfile::TempDir, Identity) {
        let folder = tempfile::tempdir().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["us.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 3, 4);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("c.pem"), certificate.pem()).unwrap();
        std::fs::write(at("k.pem"), key.serialize_pem()).unwrap();
        let identity = Identity {
            certificate: at("c.pem"),
            key: PrivateKey::File(at("k.pem")),
        };
        (folder, identity)
    }

    #[test]
    fn a_certificate_that_ends_soon_is_warned_of() {
        let at = |text: &str| {
            let time: jiff::Timestamp = text.parse().unwrap();
            Timestamp::from_millis(u64::try_from(time.as_millisecond()).unwrap())
        };
        // Both forms of time: UTCTime before 2050, GeneralizedTime from then on.
        for year in [2031, 2061] {
            let (_folder, identity) = ending(year);
            let said = |now: &str| ends_soon(&identity.certificate, at(&format!("{year}-{now}")));
            assert_eq!(said("01-30T00:00:00Z"), None);
            let soon = said("03-01T00:00:00Z").unwrap();
            assert!(soon.contains("in 3 days"), "{soon}");
            let over = said("03-04T00:00:00Z").unwrap();
            assert!(
                over.contains(&format!("ended at {year}-03-04T00:00:00Z")),
                "{over}"
            );
        }
    }

    #[test]
    fn what_is_no_pair_is_said_with_its_setting() {
        let (folder, good) = ending(2061);
        assert_eq!(check(&good), Ok(()));
        let (_other_folder, other) = ending(2061);
        let says = |identity: &Identity| check(identity).unwrap_err();
        let mixed = Identity {
            key: other.key,
            ..good.clone()
        };
        let (key, detail) = says(&mixed);
        assert!(
            key == "client_key" && detail.contains("not that of the certificate"),
            "{detail}"
        );
        let absent = folder.path().join("absent");
        let (key, detail) = says(&Identity {
            certificate: absent.clone(),
            ..good.clone()
        });
        assert!(
            key == "client_certificate" && detail.contains("cannot be read"),
            "{detail}"
        );
        let (key, detail) = says(&Identity {
            key: PrivateKey::File(absent),
            ..good.clone()
        });
        assert!(
            key == "client_key" && detail.contains("cannot be read"),
            "{detail}"
        );
        let swapped = Identity {
            key: PrivateKey::File(good.certificate.clone()),
            ..good.clone()
        };
        assert!(says(&swapped).1.contains("no private key"));
        let text = crate::config::SecretText::new("TOP-SECRET".to_owned());
        let (_, detail) = says(&Identity {
            key: PrivateKey::Pem(text),
            ..good
        });
        assert!(
            detail.contains("no private key") && !detail.contains("TOP"),
            "{detail}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_reading_of_an_end(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = not_after(&bytes);
        }
    }
}
