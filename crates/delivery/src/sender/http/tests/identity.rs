//! Receivers that ask who we are, and TLS settings that differ by destination.

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::*;
use crate::config::Transport;
use crate::config::transport::{Identity, PrivateKey, Source, TlsVersion};

/// An authority of its own and an identity that it vouches for, as files.
struct Known {
    _folder: tempfile::TempDir,
    identity: Identity,
    authority: rustls::pki_types::CertificateDer<'static>,
}

fn known() -> Known {
    let folder = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(params, authority_key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["us.example".to_owned()]).unwrap();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("c.pem"), certificate.pem()).unwrap();
    std::fs::write(at("k.pem"), key.serialize_pem()).unwrap();
    Known {
        identity: Identity {
            certificate: at("c.pem"),
            key: PrivateKey::File(at("k.pem")),
        },
        authority: authority.der().clone(),
        _folder: folder,
    }
}

/// A receiver for `tracker.example` that takes those alone whom `authority` vouches for, in these versions of TLS.
/// Answers with the number of the connection; gives its address and the file of its own authority.
async fn asking(
    folder: &tempfile::TempDir,
    authority: &rustls::pki_types::CertificateDer<'static>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> (SocketAddr, std::path::PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["tracker.example".to_owned()]).unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let address = receiver(move |number, stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            while !read_request(&mut stream).await.is_empty() {
                let text = format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}");
                answer(&mut stream, text.as_bytes()).await;
            }
        }
    })
    .await;
    (address, file)
}

fn to(address: SocketAddr, ca_file: std::path::PathBuf, transport: Transport) -> DestinationRules {
    DestinationRules {
        connect_to: Some(address.to_string()),
        ca_file: Some(ca_file),
        transport: Arc::new(transport),
        ..DestinationRules::default()
    }
}

fn who(identity: Option<&Identity>) -> Transport {
    Transport {
        identity: identity.cloned(),
        ..Transport::default()
    }
}

#[tokio::test]
async fn a_receiver_that_asks_who_we_are_takes_those_alone_whom_it_knows() {
    let (ours, theirs) = (known(), known());
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        let folder = tempfile::tempdir().unwrap();
        let (address, file) = asking(&folder, &ours.authority, versions).await;
        let of = |identity: Option<&Identity>| to(address, file.clone(), who(identity));
        let get = || request("https://tracker.example/", Method::GET, "");
        let right = send_once(get(), of(Some(&ours.identity))).await;
        assert_eq!(right.status, Some(200), "{}", right.detail);
        for wrong in [Some(&theirs.identity), None] {
            let attempt = send_once(get(), of(wrong)).await;
            assert_eq!(attempt.error, Some(ErrorClass::Tls), "{}", attempt.detail);
        }
        let PrivateKey::File(path) = &ours.identity.key else {
            unreachable!()
        };
        let text = SecretText::new(std::fs::read_to_string(path).unwrap());
        let by_text = Identity {
            key: PrivateKey::Pem(text),
            ..ours.identity.clone()
        };
        let attempt = send_once(get(), of(Some(&by_text))).await;
        assert_eq!(attempt.status, Some(200), "{}", attempt.detail);
    }
}

#[tokio::test]
async fn a_kept_connection_is_never_used_as_somebody_else() {
    let ours = known();
    let folder = tempfile::tempdir().unwrap();
    let (address, file) = asking(&folder, &ours.authority, &[&rustls::version::TLS13]).await;
    let senders = senders();
    let one = notification(request("https://tracker.example/", Method::GET, ""));
    let mut used = Vec::new();
    let named = |name: &str| Transport {
        tls_server_name: Some(name.to_owned()),
        ..who(Some(&ours.identity))
    };
    let sourced = Transport {
        source: Some(Source {
            v4: Some([127, 0, 0, 1].into()),
            v6: None,
        }),
        ..who(Some(&ours.identity))
    };
    let all = [
        who(Some(&ours.identity)),
        who(Some(&ours.identity)),
        named("tracker.example"),
        sourced,
    ];
    for transport in all {
        let rules = to(address, file.clone(), transport);
        let attempt = senders.send(&one, &rules, Duration::from_secs(5)).await;
        assert_eq!(attempt.status, Some(200), "{}", attempt.detail);
        used.push(String::from_utf8(attempt.excerpt.to_vec()).unwrap());
    }
    assert_eq!(used, ["0", "0", "1", "2"]);
    let nobody = to(address, file.clone(), who(None));
    let attempt = senders.send(&one, &nobody, Duration::from_secs(5)).await;
    assert_eq!(attempt.error, Some(ErrorClass::Tls), "{}", attempt.detail);
}

#[tokio::test]
async fn the_oldest_version_and_the_name_are_those_of_the_rules() {
    let ours = known();
    let folder = tempfile::tempdir().unwrap();
    let (address, file) = asking(&folder, &ours.authority, &[&rustls::version::TLS12]).await;
    let send = |url: &'static str, transport: Transport| {
        send_once(
            request(url, Method::GET, ""),
            to(address, file.clone(), transport),
        )
    };
    let modern = Transport {
        tls_version_min: TlsVersion::V1_3,
        ..who(Some(&ours.identity))
    };
    let attempt = send("https://tracker.example/", modern).await;
    assert_eq!(
        (attempt.error, attempt.sent),
        (Some(ErrorClass::Tls), false)
    );
    let renamed = Transport {
        tls_server_name: Some("tracker.example".to_owned()),
        ..who(Some(&ours.identity))
    };
    let attempt = send("https://other.example/", renamed.clone()).await;
    assert_eq!(attempt.status, Some(200), "{}", attempt.detail);
    let attempt = send("https://192.0.2.1/", renamed).await;
    assert_eq!(attempt.status, Some(200), "{}", attempt.detail);
}

#[tokio::test]
async fn a_family_without_an_address_of_ours_is_not_connected_to() {
    let (address, connections) = always(OK).await;
    let source = Some(Source {
        v4: None,
        v6: Some(std::net::Ipv6Addr::LOCALHOST),
    });
    let rules = DestinationRules {
        transport: Arc::new(Transport {
            source,
            ..Transport::default()
        }),
        ..rules()
    };
    let attempt = send_once(get(address, "/"), rules).await;
    assert_eq!(
        (attempt.error, attempt.sent),
        (Some(ErrorClass::Connect), false)
    );
    assert!(
        attempt
            .detail
            .contains("source_address has no IPv4 address"),
        "{}",
        attempt.detail
    );
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}
