//! `retry` of a destination: when a failed attempt is made again, by class of the failure.
//!
//! A class without a schedule takes that of `default`, then that of `[destinations."*"]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Problems;
use super::Span;
use super::destination::key_of;
use super::rules::RetryRules;
use super::value::Schedule;

/// `[destinations."host".retry]`: the waits after each failure, by class of the failure: `"never"`, or a list of 1 to 50 spans of 1ms
/// to 24h. The first is for the first failed attempt, and the last holds for all that come after it, until the route's
/// `retry_for` is over. Each is an upper bound: the true wait is drawn from zero to it (full jitter), so that what failed together
/// does not come back together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// For every class that is not set here and may be retried. Default 5s, 30s, 2m, 10m, 30m, 1h and so on.
    pub default: Option<Schedule>,
    /// Name, connection, TLS or proxy failed. Default as `default`.
    pub network: Option<Schedule>,
    /// A timeout was reached. Default as `default`.
    pub timeout: Option<Schedule>,
    /// 5xx, 408, 425, or no HTTP. Default as `default`.
    pub server: Option<Schedule>,
    /// 429, or 503 with `Retry-After`. Default as `default`.
    pub limited: Option<Schedule>,
    /// Any other 4xx. Default `never`.
    pub client: Option<Schedule>,
    /// 3xx. Default `never`.
    pub redirect: Option<Schedule>,
    /// A status of success, but the rules of `success` say that it was not recorded. The receiver took the request and
    /// would say the same again, or record it twice: default `never`.
    pub unrecorded: Option<Schedule>,
    /// The shortest `Retry-After` that is obeyed; a shorter one counts as this. 0s to 24h; default 1s.
    pub retry_after_min: Option<Span>,
    /// The longest `Retry-After` that is obeyed; a longer one counts as this. 0s to 24h; default 1h.
    pub retry_after_max: Option<Span>,
}

impl Retry {
    /// These schedules over `under`, the rules of `[destinations."*"]` or the built-in ones.
    pub(super) fn resolve(&self, under: &RetryRules) -> RetryRules {
        let pick = |own: &Option<Schedule>, under: &Schedule| {
            own.clone()
                .or_else(|| self.default.clone())
                .unwrap_or_else(|| under.clone())
        };
        RetryRules {
            network: pick(&self.network, &under.network),
            timeout: pick(&self.timeout, &under.timeout),
            server: pick(&self.server, &under.server),
            limited: pick(&self.limited, &under.limited),
            client: self.client.clone().unwrap_or_else(|| under.client.clone()),
            redirect: self
                .redirect
                .clone()
                .unwrap_or_else(|| under.redirect.clone()),
            unrecorded: self
                .unrecorded
                .clone()
                .unwrap_or_else(|| under.unrecorded.clone()),
            retry_after_min: self
                .retry_after_min
                .map_or(under.retry_after_min, Span::get),
            retry_after_max: self
                .retry_after_max
                .map_or(under.retry_after_max, Span::get),
        }
    }

    /// Adds what is wrong with the waits to `problems`.
    pub(super) fn check(&self, name: &str, problems: &mut Problems) {
        let day = Duration::from_secs(86_400);
        let schedules = [
            ("default", &self.default),
            ("network", &self.network),
            ("timeout", &self.timeout),
            ("server", &self.server),
            ("limited", &self.limited),
            ("client", &self.client),
            ("redirect", &self.redirect),
            ("unrecorded", &self.unrecorded),
        ];
        for (class, schedule) in schedules {
            if let Some(Schedule::Waits(waits)) = schedule {
                for wait in waits {
                    let key = key_of(name, &format!("retry.{class}"));
                    problems.span(&key, Some(*wait), Duration::from_millis(1), day);
                }
            }
        }
        for (key, span) in [
            ("retry.retry_after_min", self.retry_after_min),
            ("retry.retry_after_max", self.retry_after_max),
        ] {
            problems.span(&key_of(name, key), span, Duration::ZERO, day);
        }
        let (min, max) = (self.retry_after_min, self.retry_after_max);
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            problems.push(
                &key_of(name, "retry.retry_after_min"),
                format!("{min} is longer than retry_after_max ({max})"),
            );
        }
    }
}
