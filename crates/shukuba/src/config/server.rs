//! `[server]` and `[store]`: the door and the data directory.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use delivery::config::{Invalid, Size, Span};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// `[server]`: how the server is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// Address and port. Port 0 takes a free one. Default `127.0.0.1:5310`.
    pub(crate) listen: SocketAddr,
    /// The account, 12 digits. Default random at the first start, then as the data directory says.
    pub(crate) account_id: Option<String>,
    /// The region in ARNs and signatures. Default `ap-northeast-1`.
    pub(crate) region: String,
    /// The URL that clients use, where it differs from `listen` (containers, proxies), such as `https://sqs.example.com`: scheme, host and port, no path, since signed calls go to `/`. Default made from the address.
    pub(crate) public_url: Option<String>,
    /// PEM file of the certificate chain. Default none: plain HTTP, on loopback only.
    pub(crate) tls_certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key. Required with `tls_certificate`.
    pub(crate) tls_key: Option<PathBuf>,
    /// Whether plain HTTP may leave the machine. Default false.
    pub(crate) insecure_http: bool,
    /// Networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: they say who called (`aws:SourceIp`, the trail, slowed guessing) and whether by TLS (`aws:SecureTransport`). Default none: the other end of the connection called.
    #[serde(deserialize_with = "delivery::config::destination::networks")]
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Threads that answer calls and send. 1 to 256; default one for each processor.
    pub(crate) threads: Option<u32>,
    /// Longest time that running calls and sends get to end after SIGTERM. 0s to 10m; default 30s.
    pub(crate) drain_within: Span,
    /// Bounds for clients.
    pub(crate) limits: Limits,
}

/// `[server.limits]`: bounds for clients; beyond them a client is cut off without harm to others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Open connections. 1 to 1000000; default 10000.
    pub(crate) connections: u32,
    /// Bytes of a request's head, with the empty line at its end. At most 100 headers, and 65534 bytes of URL, whatever this says. 1KiB to 1MiB; default 64KiB.
    pub(crate) head_bytes: Size,
    /// Bytes of a request's body. 64KiB to 64MiB; default 4MiB.
    pub(crate) body_bytes: Size,
    /// Bytes of all bodies beyond 64KiB that have arrived and are being read or worked on; what comes beyond it is refused (503). At least `body_bytes`. 1MiB to 16GiB; default 256MiB.
    pub(crate) bodies_bytes: Size,
    /// Longest time for a request's head. 1s to 10m; default 30s.
    pub(crate) head_time: Span,
    /// Longest time for a request's body. 1s to 10m; default 60s.
    pub(crate) body_time: Span,
    /// How long a connection may be idle. 1s to 1h; default 75s.
    pub(crate) idle_time: Span,
}

/// `[store]`: how the data directory is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    /// Bytes of a journal file. 1MiB to 1GiB; default 64MiB.
    pub(crate) segment_bytes: Size,
    /// Bytes set aside so that results can still be kept on a full disk. 1MiB to 16GiB; default 64MiB, at most a tenth of the disk.
    pub(crate) reserve_bytes: Size,
    /// How long a message that no route has stays in a queue is the queue's own setting (MessageRetentionPeriod). This is
    /// how often what expired is taken out. 1s to 1h; default 10s.
    pub(crate) expire_interval: Span,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 5310)),
            account_id: None,
            region: "ap-northeast-1".to_owned(),
            public_url: None,
            tls_certificate: None,
            tls_key: None,
            insecure_http: false,
            trusted_proxies: Vec::new(),
            threads: None,
            drain_within: Span::secs(30),
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head_bytes: Size(base::ByteCount::kib(64)),
            body_bytes: Size(base::ByteCount::mib(4)),
            bodies_bytes: Size(base::ByteCount::mib(256)),
            head_time: Span::secs(30),
            body_time: Span::secs(60),
            idle_time: Span::secs(75),
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            segment_bytes: Size(base::ByteCount::mib(64)),
            reserve_bytes: Size(base::ByteCount::mib(64)),
            expire_interval: Span::secs(10),
        }
    }
}

impl Server {
    /// What is wrong, without any I/O.
    pub(crate) fn problems(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut push = |key: &str, detail: String| found.push(Invalid::new(key, detail));
        if let Some(Err(error)) = self
            .account_id
            .as_deref()
            .map(str::parse::<base::AccountId>)
        {
            push("server.account_id", error.to_string());
        }
        if let Err(error) = self.region.parse::<base::Region>() {
            push("server.region", error.to_string());
        }
        if let Some(text) = self.public_url.as_deref().filter(|text| !is_base_url(text)) {
            push(
                "server.public_url",
                format!("`{text}` is not `http(s)://host[:port]` without a path"),
            );
        }
        match (&self.tls_certificate, &self.tls_key) {
            (Some(_), None) => push(
                "server.tls_key",
                "is missing; `tls_certificate` needs its key".to_owned(),
            ),
            (None, Some(_)) => push(
                "server.tls_certificate",
                "is missing; `tls_key` needs its certificate".to_owned(),
            ),
            _ => {}
        }
        if self
            .threads
            .is_some_and(|count| !(1..=256).contains(&count))
        {
            push("server.threads", "is out of range: 1 to 256".to_owned());
        }
        if self.drain_within.get() > Duration::from_secs(600) {
            push(
                "server.drain_within",
                format!("{} is out of range: 0s to 10m", self.drain_within),
            );
        }
        found.extend(self.limits.problems());
        found
    }
}

impl Limits {
    fn problems(&self) -> Vec<Invalid> {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let sizes = [
            ("head_bytes", self.head_bytes, 1 << 10, 1 << 20),
            ("body_bytes", self.body_bytes, 64 << 10, 64 << 20),
            ("bodies_bytes", self.bodies_bytes, 1 << 20, 16 << 30),
        ];
        let times = [
            ("head_time", self.head_time, minutes(10)),
            ("body_time", self.body_time, minutes(10)),
            ("idle_time", self.idle_time, minutes(60)),
        ];
        let mut found: Vec<_> = sizes
            .into_iter()
            .filter_map(|(key, size, min, max)| {
                out_of_size(&format!("server.limits.{key}"), size, min, max)
            })
            .collect();
        found.extend(times.into_iter().filter_map(|(key, span, max)| {
            out_of_time(
                &format!("server.limits.{key}"),
                span,
                Duration::from_secs(1),
                max,
            )
        }));
        if self.bodies_bytes.0 < self.body_bytes.0 {
            found.push(Invalid::new(
                "server.limits.bodies_bytes",
                "is less than `body_bytes`: the largest body would never be taken",
            ));
        }
        if !(1..=1_000_000).contains(&self.connections) {
            found.push(Invalid::new(
                "server.limits.connections",
                "is out of range: 1 to 1000000",
            ));
        }
        found
    }
}

impl Store {
    /// What is wrong, without any I/O.
    pub(crate) fn problems(&self) -> Vec<Invalid> {
        let hour = Duration::from_secs(3600);
        [
            out_of_size("store.segment_bytes", self.segment_bytes, 1 << 20, 1 << 30),
            out_of_size("store.reserve_bytes", self.reserve_bytes, 1 << 20, 16 << 30),
            out_of_time(
                "store.expire_interval",
                self.expire_interval,
                Duration::from_secs(1),
                hour,
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

pub(super) fn out_of_size(key: &str, size: Size, min: u64, max: u64) -> Option<Invalid> {
    let range = (base::ByteCount::new(min), base::ByteCount::new(max));
    let is_in = (min..=max).contains(&size.0.get());
    (!is_in).then(|| {
        Invalid::new(
            key,
            format!("{size} is out of range: {} to {}", range.0, range.1),
        )
    })
}

pub(super) fn out_of_time(key: &str, span: Span, min: Duration, max: Duration) -> Option<Invalid> {
    let is_in = (min..=max).contains(&span.get());
    (!is_in).then(|| {
        Invalid::new(
            key,
            format!("{span} is out of range: {} to {}", Span(min), Span(max)),
        )
    })
}

fn is_base_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_scheme_host_and_port() {
        for url in ["https://sqs.example.com", "http://10.0.0.1:5310/"] {
            assert!(is_base_url(url), "{url}");
        }
        for url in [
            "https://sqs.example.com/sqs",
            "https://sqs.example.com/?a=b",
            "https://sqs.example.com/#a",
            "https://u:p@sqs.example.com",
            "ftp://sqs.example.com",
            "sqs.example.com",
        ] {
            assert!(!is_base_url(url), "{url}");
        }
    }
}
