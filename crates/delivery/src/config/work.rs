//! `[notifier]`, `[scaler]` and `[results]`: how the work is done.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Problems;
use super::Span;

/// `[notifier]`: how a notifier works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notifier {
    /// Sends at once. 1 to 10000; default 1024.
    pub slots: u32,
    /// The part of the slots that one destination may take. Over 0.0 to 1.0; default 0.25.
    pub destination_share: f64,
    /// Messages received ahead, as a multiple of the free slots. 1.0 to 2.0; default 2.0.
    pub prefetch: f64,
    /// How long a received message is leased; extended at half time. One that is shorter than the longest attempt, the
    /// flush and 30s is made long enough. 10s to 12h; default 2m.
    pub lease: Span,
    /// How long a receive waits for a message. 0s to 20s; default 20s.
    pub receive_wait: Span,
    /// How long a notifier lives; then it hands back what it cannot finish. 1s to 15m; default 5m.
    pub life: Span,
    /// The part of the in-flight bound of a queue elsewhere up to which short retries wait by visibility.
    /// Over 0.0 to 1.0; default 0.7.
    pub visibility_share_max: f64,
    /// The longest retry wait by visibility on a queue elsewhere. 0s to 60s; default 30s.
    pub visibility_wait_max: Span,
}

impl Default for Notifier {
    fn default() -> Self {
        Self {
            slots: 1024,
            destination_share: 0.25,
            prefetch: 2.0,
            lease: Span::secs(120),
            receive_wait: Span::secs(20),
            life: Span::secs(300),
            visibility_share_max: 0.7,
            visibility_wait_max: Span::secs(30),
        }
    }
}

impl Notifier {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.count("notifier.slots", Some(self.slots), 1, 10_000);
        problems.share("notifier.destination_share", self.destination_share);
        problems.share("notifier.visibility_share_max", self.visibility_share_max);
        if !(1.0..=2.0).contains(&self.prefetch) {
            problems.push(
                "notifier.prefetch",
                format!("{} is out of range: 1.0 to 2.0", self.prefetch),
            );
        }
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        problems.span(
            "notifier.lease",
            Some(self.lease),
            second * 10,
            minute * 720,
        );
        problems.span(
            "notifier.receive_wait",
            Some(self.receive_wait),
            Duration::ZERO,
            second * 20,
        );
        problems.span("notifier.life", Some(self.life), second, minute * 15);
        problems.span(
            "notifier.visibility_wait_max",
            Some(self.visibility_wait_max),
            Duration::ZERO,
            minute,
        );
    }
}

/// The law by which the scaler plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// In proportion to what was sent, by `notifier_per_minute`.
    #[default]
    Proportional,
    /// What waits stays younger than `target_age`, by what notifiers were seen to manage.
    Backlog,
}

/// `[scaler]`: how many notifiers run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scaler {
    /// The law: `proportional` to what was sent, or `backlog`, which keeps what waits younger than `target_age`, learns what a
    /// notifier manages, and starts no more than the receivers' limits can use. Default `proportional`.
    pub policy: Policy,
    /// How often it plans. 1s to 1h; default 1m.
    pub interval: Span,
    /// Notifications that one notifier manages in a minute (1,024 slots at receivers that answer within 100ms); measure it
    /// with `status`. With `backlog`: where learning begins, and a tenth and ten times of which bound it. 1 to 100000000; default
    /// 600000.
    pub notifier_per_minute: u32,
    /// Notifiers of a route that always run. 0 to 1000; default 0.
    pub notifiers_min: u32,
    /// Most notifiers of a route. 1 to 1000; default 16.
    pub notifiers_max: u32,
    /// In how much time a backlog should be worked off. 1s to 24h; default 5m.
    pub drain_within: Span,
    /// With `backlog`: how long the oldest that waits should have waited at most. 1s to 24h; default 30s.
    pub target_age: Span,
    /// With `backlog`: what notifiers are held for beyond what was sent, as a part of it. 0.0 to 10.0; default 0.25.
    pub headroom: f64,
    /// With `backlog`: how long what was wanted is held when less is. 0s to 1h; default 2m.
    pub cool_down: Span,
    /// Plans that are kept. 1 to 100000; default 1000.
    pub history: u32,
}

impl Default for Scaler {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            interval: Span::secs(60),
            notifier_per_minute: 600_000,
            notifiers_min: 0,
            notifiers_max: 16,
            drain_within: Span::secs(300),
            target_age: Span::secs(30),
            headroom: 0.25,
            cool_down: Span::secs(120),
            history: 1_000,
        }
    }
}

impl Scaler {
    pub(super) fn check(&self, problems: &mut Problems) {
        let second = Duration::from_secs(1);
        problems.span(
            "scaler.interval",
            Some(self.interval),
            second,
            second * 3600,
        );
        problems.span(
            "scaler.drain_within",
            Some(self.drain_within),
            second,
            second * 86_400,
        );
        problems.span(
            "scaler.target_age",
            Some(self.target_age),
            second,
            second * 86_400,
        );
        problems.span(
            "scaler.cool_down",
            Some(self.cool_down),
            Duration::ZERO,
            second * 3600,
        );
        if !(0.0..=10.0).contains(&self.headroom) {
            let detail = format!("{} is out of range: 0.0 to 10.0", self.headroom);
            problems.push("scaler.headroom", detail);
        }
        problems.count(
            "scaler.notifier_per_minute",
            Some(self.notifier_per_minute),
            1,
            100_000_000,
        );
        problems.count("scaler.notifiers_min", Some(self.notifiers_min), 0, 1_000);
        problems.count("scaler.notifiers_max", Some(self.notifiers_max), 1, 1_000);
        problems.count("scaler.history", Some(self.history), 1, 100_000);
        if self.notifiers_min > self.notifiers_max {
            problems.push(
                "scaler.notifiers_min",
                format!(
                    "{} is more than notifiers_max ({})",
                    self.notifiers_min, self.notifiers_max
                ),
            );
        }
    }
}

/// `[results]`: where results are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Results {
    /// `file:///path`, `s3://bucket/prefix`, or none for `results` in the data directory. Default none.
    pub url: Option<String>,
    /// How long results are kept. 1h to 400d; default 15d.
    pub retention: Span,
    /// How often results are turned from the journal into objects. 100ms to 10m; default 5s.
    pub seal_interval: Span,
    /// How long a lone notifier gathers results before it stores them, where they are fewer than a thousand messages'. Longer writes fewer objects, each of which costs; after a kill so much is sent again. 1s to 10s; default 1s.
    pub gather: Span,
    /// How often local objects are made into large ones. 1m to 24h; default 1h.
    pub compact_interval: Span,
}

impl Default for Results {
    fn default() -> Self {
        Self {
            url: None,
            retention: Span::secs(15 * 86_400),
            seal_interval: Span::secs(5),
            gather: Span::secs(1),
            compact_interval: Span::secs(3600),
        }
    }
}

impl Results {
    pub(super) fn check(&self, problems: &mut Problems) {
        let second = Duration::from_secs(1);
        let day = second * 86_400;
        problems.span(
            "results.retention",
            Some(self.retention),
            second * 3600,
            day * 400,
        );
        problems.span(
            "results.seal_interval",
            Some(self.seal_interval),
            Duration::from_millis(100),
            second * 600,
        );
        problems.span("results.gather", Some(self.gather), second, second * 10);
        problems.span(
            "results.compact_interval",
            Some(self.compact_interval),
            second * 60,
            day,
        );
        if let Some(wrong) = self.url.as_deref().and_then(wrong_place) {
            problems.push("results.url", wrong);
        }
    }
}

/// What is wrong with a place for objects, which is a folder or a bucket with a name; `None` when nothing is.
#[must_use]
pub fn wrong_place(text: &str) -> Option<String> {
    let is_place = url::Url::parse(text).is_ok_and(|url| match url.scheme() {
        "file" => text.starts_with("file:///"),
        "s3" => url.host_str().is_some_and(|bucket| !bucket.is_empty()),
        _ => false,
    });
    (!is_place).then(|| format!("`{text}` is not `file:///path` or `s3://bucket/prefix`"))
}
