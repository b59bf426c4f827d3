//! The rules for a receiver with all defaults filled in.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::breaker::BreakerRules;
#[cfg(doc)]
use super::destination::Destination;
use super::hidden::hide;
use super::secret::SecretText;
use super::transport::Transport;
use super::value::{Schedule, Statuses};
use crate::deadline;
use crate::making::OfDestination;
use crate::port::FailureClass;
use crate::recorded::Recorded;
use crate::sender::beside::Second;
use crate::sender::http::token::Authorizer;
use crate::sign::Signer;

/// The rules for one receiver with nothing left open.
#[derive(Clone, Debug, PartialEq)]
pub struct DestinationRules {
    /// The pattern that they stand under, such as `*.appsflyer.com`; `*` for the defaults.
    pub name: Arc<str>,
    /// See [`Destination::timeout_connect`].
    pub timeout_connect: Duration,
    /// See [`Destination::timeout_tls`].
    pub timeout_tls: Duration,
    /// See [`Destination::timeout_first_byte`].
    pub timeout_first_byte: Duration,
    /// See [`Destination::timeout_total`].
    pub timeout_total: Duration,
    /// See [`Destination::in_flight_max`].
    pub in_flight_max: Option<u32>,
    /// Sends a second.
    pub rate_per_sec: Option<f64>,
    /// Sends at once after a rest.
    pub rate_burst: u32,
    /// See [`Destination::weight`].
    pub weight: u32,
    /// When to try again.
    pub retry: RetryRules,
    /// When its notifications are no longer worth sending.
    pub deadline: deadline::Rules,
    /// See [`Destination::success`].
    pub success: Vec<Statuses>,
    /// What an answer of such a status must say besides.
    pub recorded: Option<Arc<Recorded>>,
    /// See [`Destination::response_bytes_max`].
    pub response_bytes_max: usize,
    /// See [`Destination::response_excerpt_bytes`].
    pub response_excerpt_bytes: usize,
    /// See [`Destination::request_bytes_max`].
    pub request_bytes_max: usize,
    /// Names and values, secrets filled in; those with macros are in `request`.
    pub headers: Vec<(String, SecretText)>,
    /// See [`Destination::connect_to`].
    pub connect_to: Option<String>,
    /// See [`Destination::ca_file`].
    pub ca_file: Option<PathBuf>,
    /// See [`Destination::allow_cidrs`].
    pub allow_cidrs: Vec<IpNet>,
    /// See [`Destination::proxy`].
    pub proxy: Option<Url>,
    /// See [`Destination::idle_connections_max`].
    pub idle_connections_max: u32,
    /// See [`Destination::idle_for`].
    pub idle_for: Duration,
    /// See [`Destination::mail_relay`].
    pub mail_relay: Option<SecretText>,
    /// See [`Destination::mail_from`].
    pub mail_from: Option<String>,
    /// See [`Destination::command`].
    pub command: Option<String>,
    /// See [`Destination::id_header`]; empty for none.
    pub id_header: Arc<str>,
    /// How connections are made.
    pub transport: Arc<Transport>,
    /// What is changed in requests by templates: [`Destination::request`], and [`Destination::headers`] with macros.
    pub request: Option<Arc<OfDestination>>,
    /// See [`Destination::sign`].
    pub sign: Option<Arc<Signer>>,
    /// See [`Destination::auth`]; what never changes is one of the headers.
    pub auth: Option<Arc<Authorizer>>,
    /// See [`Destination::adaptive`].
    pub adaptive: bool,
    /// See [`Destination::breaker`]; none where it never opens.
    pub breaker: Option<BreakerRules>,
    /// See [`Destination::shadow`] and [`Destination::canary`].
    pub beside: Option<Arc<Second>>,
    /// What no result may hold: the values of secrets, and of headers that are secrets.
    pub hidden: Arc<[String]>,
}

/// When to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryRules {
    /// After [`FailureClass::Network`].
    pub network: Schedule,
    /// After [`FailureClass::Timeout`].
    pub timeout: Schedule,
    /// After [`FailureClass::Server`].
    pub server: Schedule,
    /// After [`FailureClass::Limited`].
    pub limited: Schedule,
    /// After [`FailureClass::Client`].
    pub client: Schedule,
    /// After [`FailureClass::Redirect`].
    pub redirect: Schedule,
    /// After [`FailureClass::Unrecorded`].
    pub unrecorded: Schedule,
    /// See [`Retry::retry_after_min`].
    pub retry_after_min: Duration,
    /// See [`Retry::retry_after_max`].
    pub retry_after_max: Duration,
}

/// The built-in schedule: 5 s, 30 s, 2 min, 10 min, 30 min, then each hour.
pub(super) const RETRY_SECS: [u64; 6] = [5, 30, 120, 600, 1800, 3600];

static NEVER: Schedule = Schedule::Never;

impl RetryRules {
    /// The schedule for a class; what our own rules refuse is never tried again.
    #[must_use]
    pub fn schedule(&self, class: FailureClass) -> &Schedule {
        match class {
            FailureClass::Network => &self.network,
            FailureClass::Timeout => &self.timeout,
            FailureClass::Server => &self.server,
            FailureClass::Limited => &self.limited,
            FailureClass::Client => &self.client,
            FailureClass::Redirect => &self.redirect,
            FailureClass::Unrecorded => &self.unrecorded,
            FailureClass::Policy | FailureClass::Unresolved => &NEVER,
        }
    }
}

impl Default for DestinationRules {
    fn default() -> Self {
        let schedule = Schedule::of_secs(&RETRY_SECS);
        Self {
            name: Arc::from("*"),
            timeout_connect: Duration::from_secs(3),
            timeout_tls: Duration::from_secs(5),
            timeout_first_byte: Duration::from_secs(10),
            timeout_total: Duration::from_secs(15),
            in_flight_max: None,
            rate_per_sec: None,
            rate_burst: 1,
            weight: 1,
            retry: RetryRules {
                network: schedule.clone(),
                timeout: schedule.clone(),
                server: schedule.clone(),
                limited: schedule,
                client: Schedule::Never,
                redirect: Schedule::Never,
                unrecorded: Schedule::Never,
                retry_after_min: Duration::from_secs(1),
                retry_after_max: Duration::from_secs(3600),
            },
            deadline: deadline::Rules::default(),
            success: vec![Statuses::range(200, 299)],
            recorded: None,
            response_bytes_max: 64 << 10,
            response_excerpt_bytes: 1 << 10,
            request_bytes_max: 1 << 20,
            headers: Vec::new(),
            connect_to: None,
            ca_file: None,
            allow_cidrs: Vec::new(),
            proxy: None,
            idle_connections_max: 64,
            idle_for: Duration::from_secs(50),
            mail_relay: None,
            mail_from: None,
            command: None,
            id_header: Arc::from("x-notification-id"),
            transport: Arc::default(),
            request: None,
            sign: None,
            auth: None,
            adaptive: true,
            breaker: Some(BreakerRules::default()),
            beside: None,
            hidden: Arc::default(),
        }
    }
}

impl DestinationRules {
    /// Whether they are those of `*`, under which each host is a destination of its own.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        &*self.name == "*"
    }

    /// Whether `status` means success.
    #[must_use]
    pub fn is_success(&self, status: u16) -> bool {
        self.success.iter().any(|range| range.contains(status))
    }

    /// The rules by which an answer of this status is judged further.
    #[must_use]
    pub fn recorded_by(&self, status: u16) -> Option<&Arc<Recorded>> {
        self.recorded.as_ref().filter(|_| self.is_success(status))
    }

    /// The text with `***` for each secret; a secret that the end of the text cuts is hidden too.
    #[must_use]
    pub fn hide<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        hide(&self.hidden, text)
    }
}
