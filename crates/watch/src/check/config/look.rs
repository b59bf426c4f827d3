//! What a check looks at: a page, a port, a certificate, a host, a name, processes, a file, a log.
//!
//! A table whose most important value is one text may be written as that text alone.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use base::setting::Problems;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Pattern, Size, Span};
use crate::check::Status;

/// A page that must answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// `http://` or `https://`.
    pub url: String,
    /// `GET` where it is not said; or `HEAD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The statuses that are well; 200 to 399 where none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// What the body must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<Pattern>,
    /// Headers of the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// A port that must take connections.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tcp {
    /// `host:port`.
    pub address: String,
    /// What is sent after connecting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// What the first 4 KiB of the answer must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<Pattern>,
}

/// A certificate that must be right and not end soon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// `host:port` of a server that speaks TLS from its first byte.
    pub address: String,
    /// The name that is asked for and that the certificate must be for; that of `address` where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A host that must answer echo requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// Its name or address.
    pub host: String,
    /// Requests of one run, a fifth of a second apart: 1 to [`Ping::COUNT_MAX`]; 5 where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u16>,
}

/// A name that must have addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// The name, looked up as every program of the host does.
    pub name: String,
    /// An address that must be among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<std::net::IpAddr>,
}

/// Which processes. Exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table: { matching = \"nginx\" } or { pidfile = \"/run/nginx.pid\" }"
)]
pub struct Process {
    /// Those whose command line matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matching: Option<Pattern>,
    /// The one whose id is in this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pidfile: Option<PathBuf>,
}

/// A file and what must hold of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { path = \"/var/run/backup\", max_age = \"1d\" }"
)]
pub struct File {
    /// Which.
    pub path: PathBuf,
    /// Whether it must be there (the default) or must not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// It must have changed within this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
    /// It must not be larger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Size>,
    /// It must not be smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_bytes: Option<Size>,
    /// Its SHA-256, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// What its first 1 MiB must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<Pattern>,
}

/// Lines of a log that must not be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { path = \"/var/log/app.log\", critical = \"ERROR\" }"
)]
pub struct Log {
    /// The log. Rotated ones are looked for beside it.
    pub path: PathBuf,
    /// Lines that match alert.
    pub pattern: Pattern,
    /// As what.
    #[serde(default, skip_serializing_if = "is_default")]
    pub level: Level,
    /// Lines that match this one, and not `pattern`, are a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning_pattern: Option<Pattern>,
    /// Lines that match are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<Pattern>,
    /// Whether the first run reads what is already there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_start: bool,
}

/// How bad a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// [`Status::Warning`].
    Warning,
    /// [`Status::Critical`].
    #[default]
    Critical,
}

impl Level {
    /// The status that it makes.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Warning => Status::Warning,
            Self::Critical => Status::Critical,
        }
    }
}

/// A table that may be written as its most important value alone.
pub(super) trait OrText: for<'de> Deserialize<'de> {
    const EXPECTED: &'static str;

    fn of_text(text: &str) -> Self;
}

impl OrText for Http {
    const EXPECTED: &'static str = "a URL such as `\"http://127.0.0.1/\"` or a table with `url`";

    fn of_text(text: &str) -> Self {
        Self {
            url: text.to_owned(),
            ..Self::default()
        }
    }
}

impl OrText for Tcp {
    const EXPECTED: &'static str =
        "an address such as `\"127.0.0.1:25\"` or a table with `address`";

    fn of_text(text: &str) -> Self {
        Self {
            address: text.to_owned(),
            ..Self::default()
        }
    }
}

impl OrText for Tls {
    const EXPECTED: &'static str =
        "an address such as `\"www.example.com:443\"` or a table with `address`";

    fn of_text(text: &str) -> Self {
        Self {
            address: text.to_owned(),
            ..Self::default()
        }
    }
}

impl OrText for Ping {
    const EXPECTED: &'static str = "a host such as `\"192.0.2.1\"` or a table with `host`";

    fn of_text(text: &str) -> Self {
        Self {
            host: text.to_owned(),
            ..Self::default()
        }
    }
}

impl OrText for Dns {
    const EXPECTED: &'static str = "a name such as `\"www.example.com\"` or a table with `name`";

    fn of_text(text: &str) -> Self {
        Self {
            name: text.to_owned(),
            ..Self::default()
        }
    }
}

impl OrText for File {
    const EXPECTED: &'static str = "a path such as `\"/etc/hosts\"` or a table with `path`";

    fn of_text(text: &str) -> Self {
        Self {
            path: text.into(),
            ..Self::default()
        }
    }
}

pub(super) fn or_text<'de, D: Deserializer<'de>, T: OrText>(
    from: D,
) -> Result<Option<T>, D::Error> {
    struct Visitor<T>(PhantomData<T>);
    impl<'de, T: OrText> serde::de::Visitor<'de> for Visitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED)
        }

        fn visit_str<E>(self, text: &str) -> Result<T, E> {
            Ok(T::of_text(text))
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    from.deserialize_any(Visitor(PhantomData)).map(Some)
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Whether a text is `host:port`.
pub(super) fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse().is_ok_and(|port: u16| port > 0)
    })
}

impl Http {
    pub(super) fn check(&self, key: &str, problems: &mut Problems) {
        let url = url::Url::parse(&self.url);
        let is_right =
            url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_right {
            problems.push(
                key,
                format!(
                    "`{}` is not a URL that begins with `http://` or `https://`",
                    self.url
                ),
            );
        }
        let has_password = url::Url::parse(&self.url)
            .is_ok_and(|url| !url.username().is_empty() || url.password().is_some());
        if has_password {
            problems.push(
                key,
                "holds a name or a password; give them in `headers`, as `Authorization`",
            );
        }
        let method = self.method.as_deref();
        if method.is_some_and(|method| !matches!(method, "GET" | "HEAD")) {
            problems.push(&format!("{key}.method"), "is `GET` or `HEAD`");
        }
        if self
            .status
            .iter()
            .any(|status| !(100..=599).contains(status))
        {
            problems.push(&format!("{key}.status"), "statuses are 100 to 599");
        }
        for (name, value) in &self.headers {
            let is_header = http::HeaderName::try_from(name).is_ok()
                && http::HeaderValue::try_from(value).is_ok();
            if !is_header {
                problems.push(
                    &format!("{key}.headers"),
                    format!("`{name}` cannot be sent as a header"),
                );
            }
        }
    }
}

impl Tls {
    /// The name that the certificate must be for.
    #[must_use]
    pub fn wanted_name(&self) -> &str {
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
        self.name
            .as_deref()
            .unwrap_or_else(|| host.trim_matches(['[', ']']))
    }

    pub(super) fn check(&self, key: &str, problems: &mut Problems) {
        if !is_address(&self.address) {
            problems.push(key, format!("`{}` is not `host:port`", self.address));
        } else if rustls::pki_types::ServerName::try_from(self.wanted_name()).is_err() {
            let wrong = format!("`{}` is no name of a host", self.wanted_name());
            problems.push(key, wrong);
        }
    }
}

impl Ping {
    /// Requests of one run.
    pub const COUNT_MAX: u16 = 100;
    /// Between two requests. Chosen: the least that ping(8) allows to everybody.
    pub const APART: Duration = Duration::from_millis(200);
    /// How long the last answer is waited for. Chosen: as long as a satellite's, twice.
    pub const WAIT: Duration = Duration::from_millis(1500);
    /// Requests of a run that does not say so. Source: monitoring-plugins, `check_ping`.
    const COUNT: u16 = 5;

    /// Requests of one run.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.count.unwrap_or(Self::COUNT)
    }

    pub(super) fn check(&self, key: &str, timeout: Duration, problems: &mut Problems) {
        check_host(key, &self.host, problems);
        let count = self.count.map(u32::from);
        problems.count(
            &format!("{key}.count"),
            count,
            1,
            u32::from(Self::COUNT_MAX),
        );
        let takes = Self::APART * u32::from(self.count()) + Self::WAIT;
        if takes >= timeout {
            problems.push(
                key,
                format!(
                    "{} requests take up to {} s, and `timeout` is shorter",
                    self.count(),
                    takes.as_secs_f64()
                ),
            );
        }
    }
}

impl Dns {
    pub(super) fn check(&self, key: &str, problems: &mut Problems) {
        check_host(key, &self.name, problems);
    }
}

/// A host is a name or an address, without a port and without brackets.
fn check_host(key: &str, host: &str, problems: &mut Problems) {
    let is_right = host.parse::<std::net::IpAddr>().is_ok()
        || rustls::pki_types::DnsName::try_from(host).is_ok();
    if !is_right {
        problems.push(key, format!("`{host}` is no name or address of a host"));
    }
}

impl Process {
    pub(super) fn check(&self, key: &str, problems: &mut Problems) {
        if self.matching.is_some() == self.pidfile.is_some() {
            problems.push(key, "give `matching` or `pidfile`, one of them");
        }
    }
}
