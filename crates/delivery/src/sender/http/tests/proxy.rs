//! Proxies that are spoken with by TLS, and HTTP/2 through any.

use super::*;
use crate::config::Transport;
use crate::config::transport::HttpVersion;

/// A proxy with TLS for `proxy.example`'s loopback address: it joins tunnels to `target` and counts them; a plain request it
/// answers itself.
async fn secure_proxy(
    folder: &tempfile::TempDir,
    target: SocketAddr,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let file = folder.path().join("ca.pem");
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    std::fs::write(&file, known + &made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let tunnels = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tunnels);
    let address = receiver(move |_, stream| {
        let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let asked = read_request(&mut stream).await;
            assert!(
                asked.contains("\r\nproxy-authorization: Basic dTpw\r\n"),
                "{asked}"
            );
            if asked.starts_with("CONNECT ") {
                counted.fetch_add(1, Ordering::SeqCst);
                answer(&mut stream, b"HTTP/1.1 200 x\r\n\r\n").await;
                let mut other = TcpStream::connect(target).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut other).await;
            } else if asked.starts_with("GET http://tracker.example/") {
                answer(&mut stream, OK).await;
            }
        }
    })
    .await;
    (address, tunnels)
}

fn by(proxy: &str, version: HttpVersion, ca_file: std::path::PathBuf) -> DestinationRules {
    DestinationRules {
        proxy: Some(proxy.parse().unwrap()),
        ca_file: Some(ca_file),
        transport: Arc::new(Transport {
            http: version,
            ..Transport::default()
        }),
        ..DestinationRules::default()
    }
}

#[tokio::test]
async fn a_proxy_may_be_spoken_with_by_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (address, file) = tls_receiver(&folder).await;
    let (proxy, tunnels) = secure_proxy(&folder, address).await;
    let rules = by(&format!("https://u:p@{proxy}"), HttpVersion::Auto, file);
    for url in ["https://tracker.example/", "http://tracker.example/"] {
        let attempt = send_once(request(url, Method::GET, ""), rules.clone()).await;
        assert_eq!(attempt.status, Some(200), "{url}: {}", attempt.detail);
        assert_eq!(attempt.address, Some(proxy));
    }
    assert_eq!(tunnels.load(Ordering::SeqCst), 1, "plain HTTP needs none");
    // Its certificate is checked, too.
    let untrusting = DestinationRules {
        ca_file: None,
        ..rules
    };
    let attempt = send_once(
        request("http://tracker.example/", Method::GET, ""),
        untrusting,
    )
    .await;
    assert_eq!(
        (attempt.error, attempt.sent),
        (Some(ErrorClass::Proxy), false),
        "{}",
        attempt.detail
    );
}

#[tokio::test]
async fn http2_without_tls_goes_through_a_tunnel() {
    let folder = tempfile::tempdir().unwrap();
    let (target, seen) = http2::friendly(100).await;
    let (proxy, tunnels) = secure_proxy(&folder, target).await;
    let file = folder.path().join("ca.pem");
    let rules = by(&format!("https://u:p@{proxy}"), HttpVersion::Http2, file);
    let attempt = send_once(request("http://tracker.example/x", Method::GET, ""), rules).await;
    assert_eq!(attempt.status, Some(200), "{}", attempt.detail);
    assert_eq!(attempt.http, Some(::http::Version::HTTP_2));
    assert_eq!(
        (
            tunnels.load(Ordering::SeqCst),
            seen.lock().unwrap().requests.len()
        ),
        (1, 1)
    );
}
