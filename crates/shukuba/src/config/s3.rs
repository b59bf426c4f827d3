//! `[s3]`: objects in buckets.

use std::time::Duration;

use delivery::config::{Invalid, Size, Span};
use serde::{Deserialize, Serialize};

use super::server::{out_of_size, out_of_time};

/// `[s3]`: objects in buckets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct S3 {
    /// Bytes that puts leave free on the disk; beyond them they are refused (507), and deletes go on. 1MiB to 1024GiB; default 128MiB.
    pub(crate) reserve_bytes: Size,
    /// Bodies that are written at a time, each with up to 1MiB of memory; what comes beyond them is told to slow down (503). 1 to 10000; default 256.
    pub(crate) writes: u32,
    /// How often objects and uploads are looked through for what a bucket's lifecycle ends. 1s to 24h; default 1h.
    pub(crate) lifecycle_interval: Span,
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            reserve_bytes: Size(base::ByteCount::mib(128)),
            writes: 256,
            lifecycle_interval: Span::secs(3600),
        }
    }
}

impl S3 {
    /// What is wrong, without any I/O.
    pub(crate) fn problems(&self) -> Vec<Invalid> {
        let day = Duration::from_secs(86_400);
        let mut found: Vec<_> = [
            out_of_size("s3.reserve_bytes", self.reserve_bytes, 1 << 20, 1 << 40),
            out_of_time(
                "s3.lifecycle_interval",
                self.lifecycle_interval,
                Duration::from_secs(1),
                day,
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !(1..=10_000).contains(&self.writes) {
            found.push(Invalid::new("s3.writes", "is out of range: 1 to 10000"));
        }
        found
    }
}
