//! `[metrics]` and `[watch]`: how long metrics are kept, and where the definitions of checks lie.

use std::path::PathBuf;
use std::time::Duration;

use cloudwatch::series;
use delivery::config::{Invalid, Span};
use serde::{Deserialize, Serialize};

use super::server::out_of_time;

const DAY: u64 = 86_400;

/// `[metrics]`: how long metrics are kept, and how many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Metrics {
    /// How long points of a second are kept, where they were sent with a storage resolution of 1. 1h to 15d; default 3h, as AWS.
    pub(crate) keep_seconds: Span,
    /// How long points of a minute are kept, then five of them as one. 2d to 10y; default 15d, as AWS.
    pub(crate) keep_minutes: Span,
    /// How long points of five minutes are kept, then an hour of them as one. At least as long as minutes; default 63d, as AWS.
    pub(crate) keep_five_minutes: Span,
    /// How long points of an hour are kept. At least as long as five minutes; default 455d, as AWS.
    pub(crate) keep_hours: Span,
    /// Series, which are metrics, once for each unit; a put that would make more is refused. Each takes half a kilobyte of memory. 1000 to 10000000; default 500000.
    pub(crate) series_max: u32,
}

impl Default for Metrics {
    fn default() -> Self {
        let of = series::Retention::default();
        Self {
            keep_seconds: Span(of.seconds),
            keep_minutes: Span(of.minutes),
            keep_five_minutes: Span(of.fives),
            keep_hours: Span(of.hours),
            series_max: 500_000,
        }
    }
}

impl Metrics {
    /// What is wrong, without any I/O.
    pub(crate) fn problems(&self) -> Vec<Invalid> {
        let days = |count: u64| Duration::from_secs(count * DAY);
        let spans = [
            ("keep_seconds", self.keep_seconds, days(1) / 24, days(15)),
            ("keep_minutes", self.keep_minutes, days(2), days(3650)),
            (
                "keep_five_minutes",
                self.keep_five_minutes,
                days(2),
                days(3650),
            ),
            ("keep_hours", self.keep_hours, days(2), days(3650)),
        ];
        let mut found: Vec<Invalid> = spans
            .into_iter()
            .filter_map(|(key, span, min, max)| {
                out_of_time(&format!("metrics.{key}"), span, min, max)
            })
            .collect();
        if !(1000..=10_000_000).contains(&self.series_max) {
            let right = "is out of range: 1000 to 10000000";
            found.push(Invalid::new("metrics.series_max", right));
        }
        if found.is_empty()
            && let Err(error) = self.settings().retention.check()
        {
            found.push(Invalid::new("metrics", error));
        }
        found
    }

    /// As the store takes it.
    pub(crate) fn settings(&self) -> series::Settings {
        series::Settings {
            retention: series::Retention {
                seconds: self.keep_seconds.get(),
                minutes: self.keep_minutes.get(),
                fives: self.keep_five_minutes.get(),
                hours: self.keep_hours.get(),
            },
            series_max: usize::try_from(self.series_max).unwrap_or(usize::MAX),
            ..series::Settings::default()
        }
    }
}

/// `[watch]`: what the server gives agents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Watch {
    /// File of the checks and processes that agents look after, by role (docs/checks.md). Read again when it changes. Default none.
    pub(crate) checks: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_aws_and_what_is_out_of_range_is_named() {
        assert_eq!(Metrics::default().problems(), []);
        assert_eq!(Metrics::default().settings(), series::Settings::default());
        let wrong = Metrics {
            keep_minutes: Span::secs(60),
            series_max: 1,
            ..Metrics::default()
        };
        let keys: Vec<_> = wrong.problems().into_iter().map(|it| it.key).collect();
        assert_eq!(keys, ["metrics.keep_minutes", "metrics.series_max"]);
        let backwards = Metrics {
            keep_hours: Span::secs(3 * DAY),
            ..Metrics::default()
        };
        assert_eq!(backwards.problems()[0].key, "metrics");
    }
}
