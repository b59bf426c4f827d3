//! `[trail]`: what is kept of calls, and how often trails deliver.

use std::time::Duration;

use base::ByteCount;
use delivery::config::{Invalid, Size, Span};
use serde::{Deserialize, Serialize};

use super::server::{out_of_size, out_of_time};

/// `[trail]`: what is kept of calls, and how often trails deliver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Trail {
    /// How long management events are kept and can be looked up. 1d to 10y; default 90d.
    pub(crate) keep: Span,
    /// The most bytes of management events that are kept; beyond them the oldest go. 64MiB to 1TiB; default 4GiB.
    pub(crate) history_bytes: Size,
    /// The most bytes of data events that are kept until every trail that wants them has them. 64MiB to 1TiB; default 1GiB.
    pub(crate) data_bytes: Size,
    /// The longest time that an event waits for a log file. 1s to 1h; default 60s.
    pub(crate) file_every: Span,
    /// From how many bytes of events on a log file is put at once. 4KiB to 8MiB; default 4MiB.
    pub(crate) file_bytes: Size,
    /// The time that a digest stands for. 1s to 1h; default 1h.
    pub(crate) digest_every: Span,
    /// How many LookupEvents a second are answered; the rest is told to come later. 1 to 10000; default 2, as AWS.
    pub(crate) lookups_per_second: u32,
}

impl Default for Trail {
    fn default() -> Self {
        Self {
            keep: Span::secs(90 * 86_400),
            history_bytes: Size(ByteCount::new(4 << 30)),
            data_bytes: Size(ByteCount::new(1 << 30)),
            file_every: Span::secs(60),
            file_bytes: Size(ByteCount::mib(4)),
            digest_every: Span::secs(3600),
            lookups_per_second: 2,
        }
    }
}

impl Trail {
    /// What is wrong, without any I/O.
    pub(crate) fn problems(&self) -> Vec<Invalid> {
        let secs = Duration::from_secs;
        let sizes = [
            ("history_bytes", self.history_bytes, 64 << 20, 1 << 40),
            ("data_bytes", self.data_bytes, 64 << 20, 1 << 40),
            ("file_bytes", self.file_bytes, 4 << 10, 8 << 20),
        ];
        let times = [
            ("keep", self.keep, secs(86_400), secs(3650 * 86_400)),
            ("file_every", self.file_every, secs(1), secs(3600)),
            ("digest_every", self.digest_every, secs(1), secs(3600)),
        ];
        let sizes = sizes.into_iter().filter_map(|(key, size, min, max)| {
            out_of_size(&format!("trail.{key}"), size, min, max)
        });
        let times = times.into_iter().filter_map(|(key, span, min, max)| {
            out_of_time(&format!("trail.{key}"), span, min, max)
        });
        let mut found: Vec<Invalid> = sizes.chain(times).collect();
        if !(1..=10_000).contains(&self.lookups_per_second) {
            found.push(Invalid::new(
                "trail.lookups_per_second",
                "is out of range: 1 to 10000",
            ));
        }
        found
    }

    /// As the trail takes it.
    pub(crate) fn options(&self) -> cloudtrail::Options {
        cloudtrail::Options {
            history_bytes: self.history_bytes.0.get(),
            data_bytes: self.data_bytes.0.get(),
            keep: self.keep.get(),
            rules: cloudtrail::engine::Rules {
                file_every: self.file_every.get(),
                file_bytes: self.file_bytes.0.get(),
                digest_every: self.digest_every.get(),
            },
            lookups_per_second: f64::from(self.lookups_per_second),
            ..cloudtrail::Options::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right_and_what_is_out_of_range_is_named() {
        assert_eq!(Trail::default().problems(), []);
        let options = Trail::default().options();
        assert_eq!(options, cloudtrail::Options::default());
        let wrong = Trail {
            keep: Span::secs(1),
            digest_every: Span::secs(7200),
            file_bytes: Size(ByteCount::new(1)),
            lookups_per_second: 0,
            ..Trail::default()
        };
        let keys: Vec<_> = wrong.problems().into_iter().map(|it| it.key).collect();
        let expected = ["file_bytes", "keep", "digest_every", "lookups_per_second"];
        assert_eq!(keys, expected.map(|key| format!("trail.{key}")));
    }
}
