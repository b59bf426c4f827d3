//! TLS towards servers: the system's authorities, those in `AWS_CA_BUNDLE`, and the certificate of our own server.
//!
//! The certificate in our own settings is taken by itself, whatever name it bears and whoever issued it: who answers with
//! it holds its key, so that commands reach the server of their data directory under a private authority as well.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_rustls::TlsConnector;

/// TLS that trusts the authorities, and the first certificate in the file `own`, if it can be read.
///
/// # Errors
/// Where `AWS_CA_BUNDLE` cannot be read.
pub fn connector(own: Option<&Path>) -> anyhow::Result<TlsConnector> {
    let mut roots = system_roots();
    if let Ok(path) = std::env::var("AWS_CA_BUNDLE") {
        let extra = certificates(Path::new(&path))
            .with_context(|| format!("cannot read AWS_CA_BUNDLE `{path}`"))?;
        roots.add_parsable_certificates(extra);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier {
        own: own
            .and_then(|path| certificates(path).ok())
            .and_then(|chain| chain.into_iter().next()),
        // None without any authority.
        others: WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .ok(),
        algorithms: provider.signature_verification_algorithms,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS has no protocol versions")?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

type PemError = rustls::pki_types::pem::Error;

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect)
}

#[derive(Debug)]
struct Verifier {
    own: Option<CertificateDer<'static>>,
    others: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.own.as_ref() == Some(certificate) {
            return Ok(ServerCertVerified::assertion());
        }
        let others = self.others.as_ref();
        others
            .ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?
            .verify_server_cert(certificate, chain, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whom a client must trust to take a chain of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// One of the system's authorities.
    OfTheSystem,
    /// The chain's own last certificate.
    InTheChain,
    /// Somebody who is not at hand.
    Elsewhere,
}

/// Who issued the chain in the file `path`; `None` when it cannot be read.
#[must_use]
pub fn root_of(path: &Path) -> Option<Root> {
    let chain = certificates(path).ok()?;
    let (issuer, subject) = names(chain.last()?)?;
    if issuer == subject {
        return Some(Root::InTheChain);
    }
    let roots = system_roots();
    let is_of_system = roots
        .roots
        .iter()
        .any(|root| root.subject.as_ref() == issuer);
    Some(if is_of_system {
        Root::OfTheSystem
    } else {
        Root::Elsewhere
    })
}

/// Issuer and subject in a certificate: its fields are version (where given), serial, algorithm, issuer, validity, subject.
/// Source: RFC 5280, section 4.1.
fn names(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    const VERSION: u8 = 0xa0;
    let (_, certificate, _) = element(certificate)?;
    let (_, fields, _) = element(certificate)?;
    let (tag, _, behind) = element(fields)?;
    let serial = if tag == VERSION { behind } else { fields };
    let (_, _, rest) = element(serial)?;
    let (_, _, rest) = element(rest)?;
    let (_, issuer, rest) = element(rest)?;
    let (_, _, rest) = element(rest)?;
    let (_, subject, _) = element(rest)?;
    Some((issuer, subject))
}

/// The tag and content of the first element in DER, and what lies behind it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..0x80 => (usize::from(*first), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            // Certificates are far shorter than four digits say.
            let digits = digits.len().le(&4).then_some(digits)?;
            let len = digits
                .iter()
                .fold(0, |len, digit| len << 8 | usize::from(*digit));
            (len, rest)
        }
    };
    let (content, behind) = rest.split_at_checked(len)?;
    Some((*tag, content, behind))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    use super::*;

    /// A certificate for another name than 127.0.0.1, issued by a private authority, without that and with it.
    fn chains() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let mut name = rcgen::DistinguishedName::new();
        name.push(rcgen::DnType::CommonName, "a private authority");
        authority.distinguished_name = name;
        let root = authority.self_signed(&key).unwrap();
        let issuer = Issuer::new(authority, key);
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["sqs.example".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        (leaf.pem(), format!("{}{}", leaf.pem(), root.pem()))
    }

    #[test]
    fn the_root_of_a_chain_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (leaf, chain) = chains();
        for (text, root) in [
            (leaf, Some(Root::Elsewhere)),
            (chain, Some(Root::InTheChain)),
            ("nonsense".to_owned(), None),
        ] {
            let path = dir.path().join("chain.pem");
            std::fs::write(&path, text).unwrap();
            assert_eq!(root_of(&path), root);
        }
    }

    #[test]
    fn our_own_certificate_is_taken_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chain.pem");
        let ((own, _), (other, _)) = (chains(), chains());
        std::fs::write(&path, &own).unwrap();
        let verifier = Verifier {
            own: certificates(&path).unwrap().into_iter().next(),
            others: None,
            algorithms: rustls::crypto::ring::default_provider().signature_verification_algorithms,
        };
        for (text, is_taken) in [(own, true), (other, false)] {
            let certificate = CertificateDer::from_pem_slice(text.as_bytes()).unwrap();
            let name = ServerName::try_from("127.0.0.1").unwrap();
            let verified =
                verifier.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now());
            assert_eq!(verified.is_ok(), is_taken);
        }
    }

    #[test]
    fn names_of_nonsense_are_none() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 0x84, 1, 1],
            &[0x30, 0x88, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(names(bytes), None);
        }
    }
}
