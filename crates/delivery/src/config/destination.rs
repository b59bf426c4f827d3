//! The rules for a receiver: `[destinations."host"]` as written, and how they become [`DestinationRules`].
//!
//! A key that a destination does not set is taken from `[destinations."*"]`, then from the built-in default.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

use super::auth::{self, Auth};
use super::beside::{Canary, Shadow};
use super::breaker::Breaker;
use super::hidden::{hidden, is_secret_header, joined, with_more};
use super::preset::PresetUse;
use super::request::{DestinationRequest, Read};
use super::retry::Retry;
use super::rules::DestinationRules;
use super::secret::{self, Secrets};
use super::sign::Sign;
use super::success::Success;
use super::transport::{HttpVersion, SourceAddress, TlsVersion};
use super::value::Rate;
use super::{Invalid, Problems, name, proxy};
use super::{Size, Span};
use crate::deadline;
use crate::format::check_static_header;
use crate::masking::{MASK, Masking};
use crate::result::EXCERPT_BYTES_MAX;
use crate::sender::{command, mail};

/// The longest deadline: the longest that a notification is tried.
const EXPIRES_MAX: Duration = Duration::from_secs(14 * 86_400);

/// `[destinations."host"]`: the rules for receivers, matched by host, or by host and the longest path
/// (`"host/path"` is for that path and all below it). Every key may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Destination {
    /// The rules that this receiver documents of itself, by name (`shukuba preset list`, docs/presets.md): what is not set here
    /// is taken from there before `*`. `{ name = "…", without = ["headers.authentication"] }` leaves keys out. Default none.
    pub preset: Option<PresetUse>,
    /// Longest time to make the TCP connection. 10ms to 60s; default 3s.
    pub timeout_connect: Option<Span>,
    /// Longest time for the TLS handshake. 10ms to 60s; default 5s.
    pub timeout_tls: Option<Span>,
    /// Longest time from the request's start to the answer's head. 10ms to 10m; default 10s.
    pub timeout_first_byte: Option<Span>,
    /// Longest time of a whole attempt. 10ms to 15m; default 15s.
    pub timeout_total: Option<Span>,
    /// Sends at once to one host, shared out among the notifiers of all routes: together never more. 1 to 10000; default a
    /// quarter of each notifier's slots.
    pub in_flight_max: Option<u32>,
    /// Sends in a time, all routes together, kept within 2 %. 1/h to 1000000/s; default no limit.
    pub rate: Option<Rate>,
    /// Sends that a destination which stood idle may take at once. 1 to 100000; default a tenth of a second's rate.
    pub rate_burst: Option<u32>,
    /// Its part of what is scarce beside the other destinations' parts: of a notifier's slots, of what it receives ahead, and of
    /// the turns to send. 1 to 100; default 1.
    pub weight: Option<u32>,
    /// The retry schedules by class.
    pub retry: Retry,
    /// Statuses that mean success, outside 3xx; or a table with rules on the answer's headers and body as well. Takes the
    /// place of all that `*` says of it. Default `["200-299"]`.
    pub success: Option<Success>,
    /// How long after its acceptance a notification is worth sending; later it ends as `expired`. 1s to 14d; default for ever.
    pub expires_after: Option<Span>,
    /// How long after the end of the UTC day of its acceptance a notification is worth sending: `"2h"` is until 02:00 UTC of
    /// the next day. The earliest of this, `expires_after` and the line's `expires_at` holds. 0s to 14d; default for ever.
    pub expires_after_day: Option<Span>,
    /// Most bytes of an answer's body that are read; the connection is closed beyond it. 0B to 16MiB; default 64KiB.
    pub response_bytes_max: Option<Size>,
    /// Most bytes of an answer's body that are kept in the result. 0B to 16KiB; default 1KiB.
    pub response_excerpt_bytes: Option<Size>,
    /// Most bytes of a request's body; a larger one is dead. 0B to 1MiB; default 1MiB.
    pub request_bytes_max: Option<Size>,
    /// Headers sent with every HTTP request, never in mails; they replace those of the line. Values are templates
    /// (docs/templates.md) and may hold `${secret:NAME}`, `${env:NAME}` and `${file:/path}`. Default none.
    pub headers: BTreeMap<String, String>,
    /// What is changed in the request by templates.
    pub request: DestinationRequest,
    /// `host:port` to connect to in place of the URL's; TLS and `Host` keep the URL's name. Not beside `proxy`; takes the
    /// place of one in `*`. Default none.
    pub connect_to: Option<String>,
    /// PEM file of the only authorities that are trusted for it. Default the system's.
    pub ca_file: Option<PathBuf>,
    /// The version of HTTP: `"1.1"`, `"2"` (without TLS by prior knowledge), or `"auto"`, which lets the receiver of an https URL
    /// choose. Default `"1.1"`.
    pub http: Option<HttpVersion>,
    /// PEM file of the certificate by which the receiver knows us (mTLS), with those between it and its authority. With
    /// `client_key` alone. Default none.
    pub client_certificate: Option<PathBuf>,
    /// The certificate's key: a PEM file, or PEM by `${secret:NAME}`, `${env:NAME}` or `${file:/path}`. Default none.
    pub client_key: Option<String>,
    /// The oldest TLS that is spoken: `"1.2"` or `"1.3"`. Default `"1.2"`.
    pub tls_version_min: Option<TlsVersion>,
    /// The name that is asked for and that the receiver's certificate must bear, in place of the URL's. Default the URL's.
    pub tls_server_name: Option<String>,
    /// Address of this machine that connections come from: one, or one of each family; a family without one is not connected
    /// to. Empty for any. Default any.
    pub source_address: Option<SourceAddress>,
    /// The shortest time that an address of its name serves, whatever the record says. 0s to 1d; default 5s.
    pub dns_ttl_min: Option<Span>,
    /// The longest. 0s to 1d; default 5m.
    pub dns_ttl_max: Option<Span>,
    /// Networks that are allowed although they are private or special; takes the place of the list of `*`. Default none.
    #[serde(deserialize_with = "networks")]
    pub allow_cidrs: Vec<IpNet>,
    /// Proxy `http://host:port` or `https://user:${secret:PROXY}@host:port` for all requests (CONNECT for https and HTTP/2).
    /// Not beside `connect_to`; takes the place of one in `*`; empty for none. Default none.
    pub proxy: Option<String>,
    /// Idle connections kept open. 0 to 10000; default 64.
    pub idle_connections_max: Option<u32>,
    /// How long an idle connection is kept. 0s to 10m; default 50s.
    pub idle_for: Option<Span>,
    /// Server for `mailto:` such as `smtp://host:587` or `smtps://user:${secret:MAIL}@host`. Default none.
    pub mail_relay: Option<String>,
    /// Sender's address of mails, such as `Shukuba <noreply@example.com>`. Default none.
    pub mail_from: Option<String>,
    /// Program of this machine that `command://HOST/` runs, with the body as its standard input: an absolute path. Not in `*`.
    /// Default none.
    pub command: Option<String>,
    /// How requests are signed. Default not at all.
    pub sign: Option<Sign>,
    /// How requests are authenticated. Default not at all.
    pub auth: Option<Auth>,
    /// Another URL that gets copies. Default none.
    pub shadow: Option<Shadow>,
    /// Another URL that a share is tried at first. Default none.
    pub canary: Option<Canary>,
    /// Header that bears the notification's id, equal in every attempt, so that the receiver can recognise a second one;
    /// one of the line's own is left out; empty for none. Default `x-notification-id`.
    pub id_header: Option<String>,
    /// Whether sends at once and in a time fall when it refuses (429, 503) or slows down, and climb again. With `false` only
    /// `rate`, `in_flight_max` and `Retry-After` hold. Default true.
    pub adaptive: Option<bool>,
    /// When nothing is sent to it for a while because it does not answer; or `"never"`.
    pub breaker: Option<Breaker>,
}

impl Destination {
    /// These rules over `under`, the rules of `[destinations."*"]` or the built-in ones.
    ///
    /// # Errors
    /// [`Invalid`] when a secret cannot be read.
    pub fn resolve(
        &self,
        name: &str,
        under: &DestinationRules,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
    ) -> Result<DestinationRules, Invalid> {
        let at = |key: &str, error: secret::Error| Invalid::new(&key_of(name, key), error);
        let Read {
            mut headers,
            request,
        } = self.resolve_request(name, under, named, secrets)?;
        let mail_relay = match &self.mail_relay {
            Some(text) => Some(
                secret::expand(text, named, secrets).map_err(|error| at("mail_relay", error))?,
            ),
            None => under.mail_relay.clone(),
        };
        let (success, recorded) = match &self.success {
            Some(success) => success.resolve(name)?,
            None => (under.success.clone(), under.recorded.clone()),
        };
        let (connect_to, proxy) = self
            .way(under, named, secrets)
            .map_err(|detail| Invalid::new(&key_of(name, "proxy"), detail))?;
        let (auth, passwords) = match &self.auth {
            Some(auth) => auth.apply(name, named, secrets, &mut headers)?,
            None => (auth::inherited(under, &self.headers), Vec::new()),
        };
        let (sign, keys) = match &self.sign {
            Some(sign) => sign.resolve(name, named, secrets)?,
            None => (under.sign.clone(), Vec::new()),
        };
        if let Some(sign) = &sign {
            headers.retain(|(name, _)| !sign.owns(name));
        }
        let hidden = hidden(&headers, mail_relay.as_ref(), proxy.as_ref());
        let made = request.iter().flat_map(|all| all.secrets());
        let mut hidden = with_more(&hidden, made.chain(keys).chain(passwords).collect());
        let inherits =
            (self.sign.is_none() && sign.is_some()) || (self.auth.is_none() && auth.is_some());
        if inherits {
            hidden = joined(&hidden, &under.hidden);
        }
        let rate_per_sec = self.rate.map(Rate::per_sec).or(under.rate_per_sec);
        Ok(DestinationRules {
            name: Arc::from(name),
            timeout_connect: self
                .timeout_connect
                .map_or(under.timeout_connect, Span::get),
            timeout_tls: self.timeout_tls.map_or(under.timeout_tls, Span::get),
            timeout_first_byte: self
                .timeout_first_byte
                .map_or(under.timeout_first_byte, Span::get),
            timeout_total: self.timeout_total.map_or(under.timeout_total, Span::get),
            in_flight_max: self.in_flight_max.or(under.in_flight_max),
            rate_per_sec,
            rate_burst: self.rate_burst.unwrap_or_else(|| match self.rate {
                Some(rate) => burst_of(rate),
                None => under.rate_burst,
            }),
            weight: self.weight.unwrap_or(under.weight),
            retry: self.retry.resolve(&under.retry),
            success,
            recorded,
            deadline: deadline::Rules {
                after: self.expires_after.map(Span::get).or(under.deadline.after),
                after_day: self
                    .expires_after_day
                    .map(Span::get)
                    .or(under.deadline.after_day),
            },
            response_bytes_max: self
                .response_bytes_max
                .map_or(under.response_bytes_max, Size::get),
            response_excerpt_bytes: self
                .response_excerpt_bytes
                .map_or(under.response_excerpt_bytes, Size::get),
            request_bytes_max: self
                .request_bytes_max
                .map_or(under.request_bytes_max, Size::get),
            headers,
            request,
            connect_to,
            ca_file: self.ca_file.clone().or_else(|| under.ca_file.clone()),
            allow_cidrs: if self.allow_cidrs.is_empty() {
                under.allow_cidrs.clone()
            } else {
                self.allow_cidrs.clone()
            },
            proxy,
            hidden,
            sign,
            auth,
            beside: self.resolve_beside(name)?,
            idle_connections_max: self
                .idle_connections_max
                .unwrap_or(under.idle_connections_max),
            idle_for: self.idle_for.map_or(under.idle_for, Span::get),
            mail_relay,
            mail_from: self.mail_from.clone().or_else(|| under.mail_from.clone()),
            command: self.command.clone(),
            id_header: self
                .id_header
                .as_deref()
                .map_or_else(|| Arc::clone(&under.id_header), Arc::from),
            transport: self.transport(name, &under.transport, named, secrets)?,
            adaptive: self.adaptive.unwrap_or(under.adaptive),
            breaker: match self.breaker {
                Some(own) => own.resolve(under.breaker),
                None => under.breaker,
            },
        })
    }

    /// Where connections go in place of the URL's host: one of the two at most. Its own `connect_to` takes the place of a
    /// `proxy` for all, and the other way round.
    fn way(
        &self,
        under: &DestinationRules,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
    ) -> Result<(Option<String>, Option<Url>), String> {
        Ok(match (&self.connect_to, &self.proxy) {
            (None, None) => (under.connect_to.clone(), under.proxy.clone()),
            (connect_to, None) => (connect_to.clone(), None),
            (connect_to, Some(text)) => (connect_to.clone(), proxy::read(text, named, secrets)?),
        })
    }

    /// Adds what is wrong with these rules to `problems`.
    pub(super) fn check(&self, name: &str, problems: &mut Problems) {
        if let Err(detail) = name::check_pattern(name) {
            problems.push(&format!("destinations.\"{name}\""), detail);
        }
        self.check_ranges(name, problems);
        if let Some(success) = &self.success {
            success.check(name, problems);
        }
        self.check_headers(name, problems);
        self.check_request(name, problems);
        if let Some(sign) = &self.sign {
            sign.check(name, &self.headers, problems);
        }
        if let Some(auth) = &self.auth {
            auth.check(name, &self.headers, problems);
        }
        self.check_beside(name, problems);
        self.check_way(name, problems);
        self.check_transport(name, problems);
        self.check_mail(name, problems);
        self.check_command(name, problems);
        self.retry.check(name, problems);
        if let Some(breaker) = self.breaker {
            breaker.check(name, problems);
        }
    }

    /// Numbers within their bounds.
    fn check_ranges(&self, name: &str, problems: &mut Problems) {
        let key = |key: &str| key_of(name, key);
        let (least, minute) = (Duration::from_millis(10), Duration::from_secs(60));
        let second = Duration::from_secs(1);
        for (field, span, min, max) in [
            ("timeout_connect", self.timeout_connect, least, minute),
            ("timeout_tls", self.timeout_tls, least, minute),
            (
                "timeout_first_byte",
                self.timeout_first_byte,
                least,
                minute * 10,
            ),
            ("timeout_total", self.timeout_total, least, minute * 15),
            ("idle_for", self.idle_for, Duration::ZERO, minute * 10),
            ("expires_after", self.expires_after, second, EXPIRES_MAX),
            (
                "expires_after_day",
                self.expires_after_day,
                Duration::ZERO,
                EXPIRES_MAX,
            ),
        ] {
            problems.span(&key(field), span, min, max);
        }
        for (field, count, min, max) in [
            ("in_flight_max", self.in_flight_max, 1, 10_000),
            ("rate_burst", self.rate_burst, 1, 100_000),
            ("weight", self.weight, 1, super::WEIGHT_MAX),
            ("idle_connections_max", self.idle_connections_max, 0, 10_000),
        ] {
            problems.count(&key(field), count, min, max);
        }
        for (field, size, max) in [
            ("response_bytes_max", self.response_bytes_max, 16 << 20),
            (
                "response_excerpt_bytes",
                self.response_excerpt_bytes,
                EXCERPT_BYTES_MAX as u64,
            ),
            ("request_bytes_max", self.request_bytes_max, 1 << 20),
        ] {
            problems.size(&key(field), size, max);
        }
    }

    /// Headers that a request can have, each once.
    fn check_headers(&self, name: &str, problems: &mut Problems) {
        let mut known: BTreeMap<String, &String> = BTreeMap::new();
        for header in self.headers.keys() {
            let at = key_of(name, &format!("headers.{header}"));
            if let Some(other) = known.insert(header.to_ascii_lowercase(), header) {
                problems.push(
                    &at,
                    format!("is given as `{other}` as well; headers know no case"),
                );
            }
        }
        if let Some(header) = self.id_header.as_deref().filter(|name| !name.is_empty())
            && let Err(detail) = check_static_header(header, "")
        {
            problems.push(&key_of(name, "id_header"), detail);
        }
    }

    /// One place at most that connections go to instead, of its form.
    fn check_way(&self, name: &str, problems: &mut Problems) {
        let connect_to = key_of(name, "connect_to");
        if let Some(target) = &self.connect_to
            && !target.rsplit_once(':').is_some_and(|(host, port)| {
                url::Host::parse(host).is_ok() && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        {
            problems.push(
                &connect_to,
                format!("`{target}` is not `host:port`, such as `10.0.0.5:8443`"),
            );
        }
        if self.connect_to.is_some() && self.proxy.is_some() {
            problems.push(
                &connect_to,
                "stands beside `proxy`, and a connection goes to one of them: leave one out",
            );
        }
        let literal = self.proxy.as_deref().filter(|text| !text.contains("${"));
        if let Some(Err(detail)) = literal.map(proxy::parse) {
            problems.push(&key_of(name, "proxy"), detail);
        }
    }

    /// Relay and sender of mails; a relay with secrets is checked when they are known.
    fn check_mail(&self, name: &str, problems: &mut Problems) {
        let relay = self.mail_relay.as_deref();
        if let Some(relay) = relay.filter(|text| !text.contains("${"))
            && let Err(detail) = mail::check_relay(relay)
        {
            problems.push(&key_of(name, "mail_relay"), detail);
        }
        if let Some(from) = &self.mail_from
            && let Err(detail) = mail::check_from(from)
        {
            problems.push(&key_of(name, "mail_from"), detail);
        }
    }

    fn check_command(&self, name: &str, problems: &mut Problems) {
        let Some(path) = &self.command else { return };
        if name == "*" {
            let detail = "stands under a name of its own: what `*` gave would run for every name";
            problems.push(&key_of(name, "command"), detail);
        } else if let Err(detail) = command::check(path) {
            problems.push(&key_of(name, "command"), detail);
        }
    }

    /// Adds what these rules name and what cannot be read: secrets and files. What [`Destination::check`] says of a
    /// header is not said again.
    pub(super) fn check_sources(
        &self,
        name: &str,
        named: &BTreeMap<String, String>,
        secrets: &dyn Secrets,
        problems: &mut Problems,
    ) {
        let key = |key: &str| key_of(name, key);
        self.check_request_sources(name, named, secrets, problems);
        if let Some(text) = self
            .mail_relay
            .as_deref()
            .filter(|text| text.contains("${"))
        {
            match secret::expand(text, named, secrets) {
                Err(error) => problems.push(&key("mail_relay"), error),
                Ok(relay) => {
                    if let Err(detail) = mail::check_relay(relay.expose()) {
                        problems.push(&key("mail_relay"), detail);
                    }
                }
            }
        }
        let proxy = self.proxy.as_deref().filter(|text| text.contains("${"));
        if let Some(Err(detail)) = proxy.map(|text| proxy::read(text, named, secrets)) {
            problems.push(&key("proxy"), detail);
        }
        if let Some(sign) = &self.sign {
            sign.check_sources(name, named, secrets, problems);
        }
        if let Some(auth) = &self.auth {
            auth.check_sources(name, named, secrets, problems);
        }
        if let Some(path) = &self.ca_file
            && let Err(detail) = crate::sender::http::check_ca_file(path)
        {
            problems.push(&key("ca_file"), detail);
        }
        self.check_transport_sources(name, named, secrets, problems);
    }

    /// These rules as they may be shown: passwords and literal secrets are hidden.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut shown = self.clone();
        if let Some(text) = shown.proxy.as_mut().filter(|text| !text.contains("${")) {
            *text = proxy::shown(text);
        }
        let hides = Masking::default();
        for (name, value) in &mut shown.headers {
            if is_secret_header(&hides, name) && !value.contains("${") {
                MASK.clone_into(value);
            }
        }
        if let Some(sign) = &mut shown.sign {
            sign.hide();
        }
        if let Some(auth) = &mut shown.auth {
            auth.hide();
        }
        if let Some(relay) = &mut shown.mail_relay
            && let Ok(url) = Url::parse(relay)
            && url
                .password()
                .is_some_and(|password| !password.contains("${") && !password.contains("$%7B"))
        {
            *relay = without_password(&url).to_string();
        }
        shown
    }
}

/// Networks, with words for what is none.
///
/// # Errors
/// When a text is no network.
pub fn networks<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let network = |text: &String| {
        text.parse().map_err(|_| {
            serde::de::Error::custom(format!(
                "`{text}` is not a network such as `10.0.0.0/8`, or `10.0.0.1/32` for one address"
            ))
        })
    };
    texts.iter().map(network).collect()
}

/// The URL with `***` in the place of its password.
pub(super) fn without_password(url: &Url) -> Url {
    let mut url = url.clone();
    if url.password().is_some() {
        // Fails for URLs that cannot have a password; this one has.
        let _ = url.set_password(Some(MASK));
    }
    url
}

pub(super) fn key_of(name: &str, key: &str) -> String {
    format!("destinations.\"{name}\".{key}")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a tenth of at most a million, not negative"
)]
fn burst_of(rate: Rate) -> u32 {
    (rate.per_sec() / 10.0).ceil().max(1.0) as u32
}
