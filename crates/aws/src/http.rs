//! One HTTP/1.1 client for everything that leaves this crate: rustls with ring, a pool, bounds on time.
//!
//! The SDK and the object store bring clients of their own only with another TLS provider; both take ours through
//! their traits. Trusted are the machine's authorities, or those in the file that `AWS_CA_BUNDLE` names.
//!
//! Not read: `HTTPS_PROXY`. A notifier that must go through a proxy uses an endpoint that is one.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::{Request, Response, Uri};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::counting::Counts;

/// Longest time to connect, TLS included. Chosen.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// Longest time to the head of an answer: a long poll of 20 s and a slow disk. Chosen.
const HEAD_TIME: Duration = Duration::from_secs(40);

/// Longest time from the head of an answer of the SDK's calls to its end. Chosen: 10 MiB at 4 Mbit/s.
const BODY_TIME: Duration = Duration::from_secs(20);

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No trusted authorities, or a file of them that cannot be used.
    #[error("TLS cannot be used: {0}")]
    Trust(String),
    /// No connection.
    #[error("no connection: {0}")]
    Connect(#[source] hyper_util::client::legacy::Error),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[source] hyper_util::client::legacy::Error),
    /// No head of an answer in time.
    #[error("no answer in {} s", HEAD_TIME.as_secs())]
    Late,
}

/// The client. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: hyper_util::client::legacy::Client<Connector, Full<Bytes>>,
    counts: Option<Arc<Counts>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    /// A client with an empty pool.
    ///
    /// # Errors
    /// [`Error::Trust`] when `AWS_CA_BUNDLE` names a file that cannot be used.
    pub fn new() -> Result<Self, Error> {
        let tls = Arc::new(tls_config(std::env::var_os("AWS_CA_BUNDLE").as_deref())?);
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(32)
            .build(Connector { tls });
        Ok(Self {
            inner: client,
            counts: None,
        })
    }

    /// The same, and every call is counted.
    #[must_use]
    pub fn counting(mut self, counts: Arc<Counts>) -> Self {
        self.counts = Some(counts);
        self
    }

    /// Calls and gives the head of the answer; its body is read by the caller.
    ///
    /// # Errors
    /// [`Error`] when there is no answer.
    pub async fn call(&self, request: Request<Bytes>) -> Result<Response<Incoming>, Error> {
        if let Some(counts) = &self.counts {
            counts.add(&request);
        }
        match timeout(HEAD_TIME, self.inner.request(request.map(Full::new))).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.is_connect() => Err(Error::Connect(error)),
            Ok(Err(error)) => Err(Error::Broken(error)),
            Err(_) => Err(Error::Late),
        }
    }
}

fn tls_config(bundle: Option<&std::ffi::OsStr>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    match bundle {
        Some(file) => {
            let wrong = |error: &dyn fmt::Display| {
                Error::Trust(format!("AWS_CA_BUNDLE `{}`: {error}", file.display()))
            };
            for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Trust(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[derive(Clone)]
struct Connector {
    tls: Arc<ClientConfig>,
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let tls = Arc::clone(&self.tls);
        Box::pin(async move {
            let connected = timeout(CONNECT_TIME, connect(&uri, tls)).await;
            connected
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                .map(TokioIo::new)
        })
    }
}

async fn connect(uri: &Uri, tls: Arc<ClientConfig>) -> io::Result<Stream> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    if !is_tls {
        return Ok(Stream(Box::pin(stream)));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let stream = tokio_rustls::TlsConnector::from(tls)
        .connect(name, stream)
        .await?;
    Ok(Stream(Box::pin(stream)))
}

trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// Plain or TLS.
struct Stream(Pin<Box<dyn Duplex>>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(cx)
    }
}

/// The same client as the SDK wants it.
pub(crate) mod sdk {
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::body::SdkBody;
    use http_body_util::{BodyExt, Limited};

    use super::{BODY_TIME, Bytes, Client, Duration, Error, Future, timeout};

    /// The largest answer of an API call: ten messages of 1 MiB, escaped, and room. Chosen.
    const ANSWER_BYTES_LIMIT: usize = 64 << 20;

    /// `client` for an SDK configuration.
    pub(crate) fn client(client: Client) -> SharedHttpClient {
        http_client_fn(move |settings, _| {
            SharedHttpConnector::new(Sdk {
                client: client.clone(),
                read_time: settings.read_timeout(),
            })
        })
    }

    #[derive(Debug)]
    struct Sdk {
        client: Client,
        read_time: Option<Duration>,
    }

    impl HttpConnector for Sdk {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let client = self.client.clone();
            let calling = call(client, request);
            HttpConnectorFuture::new(within(self.read_time, calling))
        }
    }

    async fn within(
        limit: Option<Duration>,
        calling: impl Future<Output = Result<HttpResponse, ConnectorError>>,
    ) -> Result<HttpResponse, ConnectorError> {
        match limit {
            Some(limit) => timeout(limit, calling)
                .await
                .unwrap_or_else(|late| Err(ConnectorError::timeout(late.into()))),
            None => calling.await,
        }
    }

    async fn call(client: Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?;
        let (head, body) = request.into_parts();
        let Some(body) = body.bytes().map(Bytes::copy_from_slice) else {
            return Err(ConnectorError::user("a body that is not in memory".into()));
        };
        let answer = client.call(::http::Request::from_parts(head, body)).await;
        let (head, body) = answer.map_err(failed)?.into_parts();
        let body = timeout(BODY_TIME, Limited::new(body, ANSWER_BYTES_LIMIT).collect()).await;
        let body = body.map_err(|late| ConnectorError::timeout(late.into()))?;
        let body = body.map_err(ConnectorError::io)?.to_bytes();
        let answer = ::http::Response::from_parts(head, SdkBody::from(body));
        HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
    }

    fn failed(error: Error) -> ConnectorError {
        match error {
            Error::Late => ConnectorError::timeout(error.into()),
            Error::Connect(_) => ConnectorError::io(error.into()).never_connected(),
            Error::Broken(_) => ConnectorError::io(error.into()),
            Error::Trust(_) => ConnectorError::user(error.into()),
        }
    }
}
