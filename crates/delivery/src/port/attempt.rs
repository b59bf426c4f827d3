//! One send and what came back: how long it took, what went wrong, and the class by which it is retried.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;

use super::Beside;

/// The classes of failures by which retry schedules are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureClass {
    /// No connection: name, address, TCP, TLS, proxy, reset.
    Network,
    /// A timeout was reached.
    Timeout,
    /// 5xx, 408, 425, and answers that are no HTTP.
    Server,
    /// 429, or 503 with `Retry-After`.
    Limited,
    /// Any other 4xx.
    Client,
    /// 3xx: redirects are not followed.
    Redirect,
    /// A status of success, but the answer says that it was not recorded, or cannot be judged.
    Unrecorded,
    /// Refused by our own rules (address, method, header).
    Policy,
    /// A macro of a template gave nothing: never sent.
    Unresolved,
}

impl FailureClass {
    /// All of them, in their order.
    pub const ALL: [Self; 9] = [
        Self::Network,
        Self::Timeout,
        Self::Server,
        Self::Limited,
        Self::Client,
        Self::Redirect,
        Self::Unrecorded,
        Self::Policy,
        Self::Unresolved,
    ];

    /// The name in results and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Server => "server",
            Self::Limited => "limited",
            Self::Client => "client",
            Self::Redirect => "redirect",
            Self::Unrecorded => "unrecorded",
            Self::Policy => "policy",
            Self::Unresolved => "unresolved",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What went wrong in an attempt, exactly. A status that is no success is no error here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// The name did not resolve.
    Dns,
    /// The address is not allowed (SSRF).
    Address,
    /// The connection was refused or broke while being made.
    Connect,
    /// The connection was not made in time.
    ConnectTimeout,
    /// The handshake or the certificate failed.
    Tls,
    /// The handshake was not done in time.
    TlsTimeout,
    /// The proxy refused or failed.
    Proxy,
    /// No head of an answer in time.
    FirstByteTimeout,
    /// The answer was not complete in time.
    TotalTimeout,
    /// The connection ended before the answer did.
    Closed,
    /// What came back is not the protocol.
    Protocol,
    /// The receiver took the call and asks to try later (SMTP 4yz); counts before the status.
    Deferred,
    /// The receiver took the call and refuses for good (SMTP 5yz); counts before the status.
    Rejected,
    /// The status is a success, but the answer breaks the rules of `success`, or cannot be judged by them.
    NotRecorded,
    /// The notification was refused by the rules before anything was sent.
    Refused,
    /// No token, since its server could not be reached or is not allowed. Nothing was sent without one.
    TokenNetwork,
    /// No token in time.
    TokenTimeout,
    /// No token: its server failed, refused the client, or answered something else.
    TokenServer,
    /// No token: its server asks to be asked later.
    TokenLimited,
    /// The attempt was given up because the notifier ended.
    Cancelled,
}

impl ErrorClass {
    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Address => "address",
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect-timeout",
            Self::Tls => "tls",
            Self::TlsTimeout => "tls-timeout",
            Self::Proxy => "proxy",
            Self::FirstByteTimeout => "first-byte-timeout",
            Self::TotalTimeout => "total-timeout",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::Deferred => "deferred",
            Self::Rejected => "rejected",
            Self::NotRecorded => "not-recorded",
            Self::Refused => "refused",
            Self::TokenNetwork => "token-network",
            Self::TokenTimeout => "token-timeout",
            Self::TokenServer => "token-server",
            Self::TokenLimited => "token-limited",
            Self::Cancelled => "cancelled",
        }
    }

    /// The class by which it is retried.
    #[must_use]
    pub fn failure_class(self) -> FailureClass {
        match self {
            Self::Dns
            | Self::Connect
            | Self::Tls
            | Self::Proxy
            | Self::Closed
            | Self::TokenNetwork => FailureClass::Network,
            Self::ConnectTimeout
            | Self::TlsTimeout
            | Self::FirstByteTimeout
            | Self::TotalTimeout
            | Self::TokenTimeout
            | Self::Cancelled => FailureClass::Timeout,
            Self::Protocol | Self::Deferred | Self::TokenServer => FailureClass::Server,
            Self::TokenLimited => FailureClass::Limited,
            Self::Rejected => FailureClass::Client,
            Self::NotRecorded => FailureClass::Unrecorded,
            Self::Address | Self::Refused => FailureClass::Policy,
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How long each part of an attempt took; zero for what did not happen (a kept connection has no DNS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Resolving the name.
    pub dns: Duration,
    /// Making the TCP connection.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// From the request's start to the answer's head.
    pub first_byte: Duration,
    /// From the attempt's start to its end.
    pub total: Duration,
}

/// One send and what came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// When it began.
    pub started: Timestamp,
    /// The address that was connected to.
    pub address: Option<SocketAddr>,
    /// The version of HTTP that was spoken; `None` for other kinds and where nothing was sent.
    pub http: Option<http::Version>,
    /// The status of the answer (SMTP: the reply code).
    pub status: Option<u16>,
    /// What went wrong where there is no status, or beside it.
    pub error: Option<ErrorClass>,
    /// Words for the operator: the error, or for a refused address the exact line that would allow it.
    pub detail: String,
    /// How long it took.
    pub timings: Timings,
    /// The beginning of the answer's body, capped by the rules.
    pub excerpt: Bytes,
    /// What the receiver asked for by `Retry-After`, from the end of the attempt.
    pub retry_after: Option<Duration>,
    /// Whether any byte of the request may have reached the receiver.
    pub sent: bool,
    /// What became of it at a second URL.
    pub beside: Option<Box<Beside>>,
}
