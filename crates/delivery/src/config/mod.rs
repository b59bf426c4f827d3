//! The settings of delivery: `[routes.*]`, `[destinations."host"]`, `[notifier]`, `[scaler]`, `[results]`, `[secrets]`.
//!
//! Unknown keys are refused. [`Settings::problems`] says of every wrong value which key it is, what is wrong and
//! what would be right.
//!
//! - [`value`]: spans, rates, sizes, statuses, schedules
//! - [`secret`]: secrets by reference
//! - [`destination`]: the rules for receivers
//! - [`route`]: queue, format and rules of a route
//! - [`work`]: notifier, scaler, results
//! - [`keys`]: the table of all keys, for the generated reference

pub mod destination;
pub mod keys;
pub mod route;
pub mod secret;
pub mod value;
pub mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use destination::{Destination, DestinationRules, Retry, RetryRules};
pub use route::{FormatKind, Route, RouteFormat, RouteMask};
pub use secret::{SecretText, Secrets, SystemSecrets};
pub use value::{Rate, Schedule, Size, Span, Statuses};
pub use work::{Notifier, Results, Scaler};

/// All settings of delivery. The binary flattens them into its own file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The routes by name: 1 to 80 of `a-z`, `A-Z`, `0-9`, `-` and `_`. At most 1,000.
    pub routes: BTreeMap<String, Route>,
    /// The rules for receivers by host, the most specific first: exact, longest `*.domain`, `*`. At most 10,000.
    pub destinations: BTreeMap<String, Destination>,
    /// How notifiers work.
    pub notifier: Notifier,
    /// How many notifiers run.
    pub scaler: Scaler,
    /// Where results are kept.
    pub results: Results,
    /// Where secrets lie: `NAME = "env:VARIABLE"` or `"file:/path"`.
    pub secrets: BTreeMap<String, String>,
}

/// A setting that cannot be used: which one, what is wrong, what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {detail}")]
pub struct Invalid {
    /// The key as written in the file, such as `routes.s2s.retry_for`.
    pub key: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Invalid {
    /// An invalid setting.
    #[must_use]
    pub fn new(key: &str, detail: impl fmt::Display) -> Self {
        Self {
            key: key.to_owned(),
            detail: detail.to_string(),
        }
    }
}

/// What is wrong with settings, gathered.
#[derive(Clone, Debug, Default)]
pub struct Problems(Vec<Invalid>);

impl Problems {
    fn push(&mut self, key: &str, detail: impl fmt::Display) {
        self.0.push(Invalid::new(key, detail));
    }

    fn span(&mut self, key: &str, span: Option<Span>, min: Duration, max: Duration) {
        if let Some(value) = span.filter(|span| span.get() < min || span.get() > max) {
            let (min, max) = (Span(min), Span(max));
            self.push(key, format!("{value} is out of range: {min} to {max}"));
        }
    }

    fn count(&mut self, key: &str, count: Option<u32>, min: u32, max: u32) {
        if let Some(value) = count.filter(|count| !(min..=max).contains(count)) {
            self.push(key, format!("{value} is out of range: {min} to {max}"));
        }
    }

    fn size(&mut self, key: &str, size: Option<Size>, max: u64) {
        if let Some(value) = size.filter(|size| size.0.get() > max) {
            let max = base::ByteCount::new(max);
            self.push(key, format!("{value} is out of range: 0B to {max}"));
        }
    }

    fn share(&mut self, key: &str, share: f64) {
        if !(share > 0.0 && share <= 1.0) {
            self.push(key, format!("{share} is out of range: over 0.0 to 1.0"));
        }
    }
}

impl Settings {
    /// Everything that is wrong with these settings, without any I/O. Empty when they can be used.
    #[must_use]
    pub fn problems(&self) -> Vec<Invalid> {
        let mut problems = Problems::default();
        for (name, route) in &self.routes {
            route.check(name, &mut problems);
        }
        for (name, destination) in &self.destinations {
            destination.check(name, &mut problems);
        }
        if self.routes.len() > 1_000 {
            problems.push(
                "routes",
                "more than 1000 routes; split them over several servers",
            );
        }
        if self.destinations.len() > 10_000 {
            problems.push(
                "destinations",
                "more than 10000 destinations; use `*.domain`",
            );
        }
        self.notifier.check(&mut problems);
        self.scaler.check(&mut problems);
        self.results.check(&mut problems);
        problems.0
    }

    /// The first thing that is wrong, as an error.
    ///
    /// # Errors
    /// [`Invalid`] as [`Settings::problems`] lists them.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.problems().into_iter().next().map_or(Ok(()), Err)
    }
}
