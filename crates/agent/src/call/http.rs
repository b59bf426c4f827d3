//! HTTP/1.1 connections to one endpoint: signed, kept, as many as calls are under way at once.

use std::time::Duration;

use anyhow::Context;
use base::{Clock, SystemClock, Timestamp};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wire::sigv4::{PathStyle, Signer};

use super::{Credentials, Endpoint, Error, Keys};

/// Longest time to connect, TLS included. Chosen.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Longest time for an answer: a long poll (20 s) and a slow disk. Chosen.
const ANSWER_TIME: Duration = Duration::from_secs(60);
/// Largest answer: ten messages of 1 MiB with escapes. Chosen.
const ANSWER_BYTES: usize = 32 << 20;
/// Temporary keys are fetched again so long before they end. Chosen.
const FETCH_BEFORE_END: Duration = Duration::from_secs(300);
/// Idle connections that are kept. Chosen.
const IDLE_CONNECTIONS: usize = 64;

/// An answer with any status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body, at most 32 MiB.
    pub body: Bytes,
}

/// What is asked of an endpoint.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: &'a str,
    /// What stands behind the `?`, or nothing.
    pub query: &'a str,
    /// Headers beside those of the signature.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Calls one endpoint.
pub struct Http {
    endpoint: Endpoint,
    service: &'static str,
    host: HeaderValue,
    tls: Option<TlsConnector>,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    /// The chain's key and when it ends.
    fetched: tokio::sync::Mutex<Option<(Credentials, Option<Timestamp>)>>,
    clock: SystemClock,
    /// Longest time for an answer.
    pub answer_time: Duration,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("url", &self.endpoint.url.as_str())
            .finish_non_exhaustive()
    }
}

impl Http {
    /// Calls `endpoint`, signing for `service`.
    ///
    /// # Errors
    /// Where the endpoint's host or its trust cannot be used.
    pub fn new(endpoint: Endpoint, service: &'static str) -> anyhow::Result<Self> {
        let url = &endpoint.url;
        let host = url.host_str().context("the endpoint has no host")?;
        let authority = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let own = endpoint.own_certificate.as_deref();
        let tls = (url.scheme() == "https")
            .then(|| super::tls::connector(own))
            .transpose()?;
        Ok(Self {
            host: HeaderValue::from_str(&authority)
                .context("the endpoint's host cannot stand in a header")?,
            endpoint,
            service,
            tls,
            idle: Mutex::new(Vec::new()),
            fetched: tokio::sync::Mutex::default(),
            clock: SystemClock::new(),
            answer_time: ANSWER_TIME,
        })
    }

    /// The endpoint's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        self.endpoint.url.as_str()
    }

    /// Posts `body` to `path` with `headers`, signed.
    ///
    /// # Errors
    /// [`Error::Unavailable`]. An answer of any status is none.
    pub async fn post(&self, path: &str, headers: HeaderMap, body: Bytes) -> Result<Answer, Error> {
        self.send(&Call {
            method: Method::POST,
            path,
            query: "",
            headers,
            body,
        })
        .await
    }

    /// Does `call`, signed.
    ///
    /// # Errors
    /// [`Error::Unavailable`]. An answer of any status is none.
    pub async fn send(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let kept = self.take_idle();
        let was_kept = kept.is_some();
        match self.send_over(kept, call).await {
            // The other side closed the kept connection before it had the request: nothing happened there.
            Err(Failure::NotSent) if was_kept => self
                .send_over(None, call)
                .await
                .map_err(|failure| self.unavailable(failure)),
            other => other.map_err(|failure| self.unavailable(failure)),
        }
    }

    async fn send_over(
        &self,
        kept: Option<SendRequest<Full<Bytes>>>,
        call: &Call<'_>,
    ) -> Result<Answer, Failure> {
        let key = self.key().await?;
        let request = self.request(&key, call)?;
        let mut connection = match kept {
            Some(connection) => connection,
            None => tokio::time::timeout(CONNECT_TIME, self.connect())
                .await
                .map_err(|_| {
                    Failure::Other(format!("no connection within {}s", CONNECT_TIME.as_secs()))
                })?
                .map_err(|error| Failure::Other(format!("{error:#}")))?,
        };
        let answer = tokio::time::timeout(self.answer_time, exchange(&mut connection, request))
            .await
            .map_err(|_| {
                Failure::Other(format!("no answer within {}s", self.answer_time.as_secs()))
            })??;
        self.keep(connection);
        Ok(answer)
    }

    /// The key to sign with now.
    async fn key(&self) -> Result<Credentials, Failure> {
        let chain = match &self.endpoint.keys {
            Keys::Fixed(key) => return Ok(key.clone()),
            Keys::Chain(chain) => chain,
        };
        let mut fetched = self.fetched.lock().await;
        let is_good = |ends_at: Option<Timestamp>| {
            ends_at.is_none_or(|end| end.since(self.clock.now()) > FETCH_BEFORE_END)
        };
        if let Some((key, ends_at)) = fetched.as_ref()
            && is_good(*ends_at)
        {
            return Ok(key.clone());
        }
        let (key, ends_at) = chain.fetch().await.map_err(Failure::Other)?;
        *fetched = Some((key.clone(), ends_at));
        Ok(key)
    }

    fn request(
        &self,
        credentials: &Credentials,
        call: &Call<'_>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let mut headers = call.headers.clone();
        headers.insert(header::HOST, self.host.clone());
        let mut signer = Signer::new(
            &credentials.key_id,
            &credentials.secret,
            &self.endpoint.region,
            self.service,
        );
        signer.token = credentials.token.as_deref();
        if self.service == "s3" {
            signer.path = PathStyle::OBJECT;
        }
        let (method, path, query) = (&call.method, call.path, call.query);
        let now = self.clock.now();
        signer
            .sign(method.as_str(), path, query, &mut headers, &call.body, now)
            .map_err(|error| Failure::Other(error.to_string()))?;
        let target = match query {
            "" => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        let uri: Uri = target
            .parse()
            .map_err(|_| Failure::Other(format!("`{target}` is not a path")))?;
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let url = &self.endpoint.url;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = url.port_or_known_default().unwrap_or(80);
        let stream = TcpStream::connect((host, port))
            .await
            .with_context(|| format!("cannot connect to {host}:{port}"))?;
        stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;
        match &self.tls {
            None => handshake(stream).await,
            Some(tls) => {
                let name =
                    ServerName::try_from(host.to_owned()).context("the host is no name for TLS")?;
                handshake(tls.connect(name, stream).await.context("TLS failed")?).await
            }
        }
    }

    fn take_idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock();
        while let Some(connection) = idle.pop() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    fn keep(&self, connection: SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock();
        if !connection.is_closed() && idle.len() < IDLE_CONNECTIONS {
            idle.push(connection);
        }
    }

    fn unavailable(&self, failure: Failure) -> Error {
        let detail = match failure {
            Failure::NotSent => "the connection was closed".to_owned(),
            Failure::Other(detail) => detail,
        };
        Error::Unavailable {
            url: self.url().to_owned(),
            detail,
        }
    }
}

enum Failure {
    /// No byte of the request was taken.
    NotSent,
    Other(String),
}

async fn exchange(
    connection: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Failure> {
    connection.ready().await.map_err(|_| Failure::NotSent)?;
    let response = connection.send_request(request).await.map_err(|error| {
        if error.is_canceled() {
            Failure::NotSent
        } else {
            Failure::Other(error.to_string())
        }
    })?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES)
        .collect()
        .await
        .map_err(|error| Failure::Other(error.to_string()))?
        .to_bytes();
    Ok(Answer {
        status: head.status.as_u16(),
        body,
    })
}

async fn handshake<S>(stream: S) -> anyhow::Result<SendRequest<Full<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .context("HTTP failed")?;
    // Ends with the connection, whose other end is `sender`.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
    });
    Ok(sender)
}
