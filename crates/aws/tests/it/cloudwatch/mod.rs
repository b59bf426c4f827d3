//! A program on the AWS SDK for Rust, which speaks Smithy RPC v2 with CBOR, against the server as built: what it puts it reads,
//! and what is refused comes to it as the errors that its types name. What is expected stands in the CloudWatch API Reference.

mod alarms;
mod dashboards;
mod metrics;

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::Tag;
use aws_smithy_types::DateTime;
use base::{Clock, SystemClock};

use crate::server::Server;

/// A client of the server's administrator.
fn client(server: &Server) -> Client {
    server.account().cloudwatch(&server.endpoint).unwrap()
}

/// The start of a minute, so many minutes ago.
fn minutes_ago(count: u64) -> DateTime {
    let minute = SystemClock::new().now().as_minutes() - count;
    DateTime::from_secs(i64::try_from(minute * 60).unwrap())
}

fn later(at: DateTime, secs: i64) -> DateTime {
    DateTime::from_secs(at.secs() + secs)
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn pairs(tags: &[Tag]) -> Vec<(&str, &str)> {
    tags.iter()
        .map(|tag| (tag.key().unwrap(), tag.value().unwrap()))
        .collect()
}

/// Asks until the answer is one: a composite alarm follows its children in a moment.
async fn until(what: &str, ask: impl AsyncFn() -> bool) {
    for _ in 0..250 {
        if ask().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what} did not come within 25 s");
}
