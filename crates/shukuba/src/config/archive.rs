//! `[archive]`: the journal in an object store, continuously.

use std::time::Duration;

use base::ByteCount;
use delivery::config::{Invalid, Size, Span, wrong_place};
use serde::{Deserialize, Serialize};

use super::server::{out_of_size, out_of_time};

/// `[archive]`: the journal in an object store, continuously, so that a lost disk loses a known little.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Archive {
    /// Where to: `s3://bucket/prefix`, or `file:///folder`, which must be there, on another disk. A place for each server. Default none: nothing is archived.
    pub(crate) url: Option<String>,
    /// How long what is durable here waits for more before it is stored there; a lost disk loses about so much, while the place answers. Each costs a put, if there is anything. 100ms to 1h; default 5s.
    pub(crate) interval: Span,
    /// How often a snapshot is stored, which a restore begins with; it costs the size of the queues' state. 1s to 7d; default 1h.
    pub(crate) snapshot_interval: Span,
    /// How far a restore can go back; what nobody needs for that is removed. 1s to 3650d; default 24h.
    pub(crate) retention: Span,
    /// Bytes a second that are stored at most. 64KiB to 16GiB; default 64MiB.
    pub(crate) bytes_per_second: Size,
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            url: None,
            interval: Span::secs(5),
            snapshot_interval: Span::secs(3600),
            retention: Span::secs(86_400),
            bytes_per_second: Size(ByteCount::mib(64)),
        }
    }
}

impl Archive {
    /// What is wrong, without any I/O.
    pub(crate) fn problems(&self) -> Vec<Invalid> {
        let secs = Duration::from_secs;
        let (day, least) = (86_400, Duration::from_millis(100));
        let times = [
            ("interval", self.interval, least, secs(3600)),
            (
                "snapshot_interval",
                self.snapshot_interval,
                secs(1),
                secs(7 * day),
            ),
            ("retention", self.retention, secs(1), secs(3650 * day)),
        ];
        let times = times.into_iter().filter_map(|(key, span, min, max)| {
            out_of_time(&format!("archive.{key}"), span, min, max)
        });
        let key = "archive.bytes_per_second";
        let size = out_of_size(key, self.bytes_per_second, 64 << 10, 16 << 30);
        let place = self.url.as_deref().and_then(wrong_place);
        times
            .chain(size)
            .chain(place.map(|wrong| Invalid::new("archive.url", wrong)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right_and_what_is_out_of_range_is_named() {
        assert_eq!(Archive::default().problems(), []);
        let wrong = Archive {
            url: Some("ftp://there".to_owned()),
            interval: Span::millis(99),
            snapshot_interval: Span::secs(0),
            retention: Span::secs(0),
            bytes_per_second: Size(ByteCount::new(1)),
        };
        let keys: Vec<_> = wrong.problems().into_iter().map(|it| it.key).collect();
        let expected = [
            "interval",
            "snapshot_interval",
            "retention",
            "bytes_per_second",
            "url",
        ];
        assert_eq!(keys, expected.map(|key| format!("archive.{key}")));
    }
}
