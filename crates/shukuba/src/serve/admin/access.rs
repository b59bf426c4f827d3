//! `access-…`: who may do what, who has not been here for long, and the switch of the bill.

use base::Arn;
use bytes::Bytes;

use super::{Answer, Desk, refuse};
use crate::access::reports::{Found, Reports};

/// The reports on the identities of `desk`, for `ask`.
fn ask(desk: &Desk, ask: impl FnOnce(Reports<'_>) -> Answer) -> Answer {
    let now = desk.live.now();
    ask(Reports {
        iam: &desk.iam,
        region: &now.config.server.region,
    })
}

pub(super) async fn billing(desk: &Desk, _: Bytes) -> Answer {
    ask(desk, |reports| reports.billing())
}

pub(super) async fn set_billing(desk: &Desk, input: Bytes) -> Answer {
    ask(desk, |reports| reports.set_billing(&input))
}

pub(super) async fn idle(desk: &Desk, input: Bytes) -> Answer {
    ask(desk, |reports| reports.idle(&input))
}

pub(super) async fn who_can(desk: &Desk, input: Bytes) -> Answer {
    ask(desk, |reports| {
        reports.who_can(&input, |resource| policy_of(desk, resource))
    })
}

pub(super) async fn explain(desk: &Desk, input: Bytes) -> Answer {
    ask(desk, |reports| {
        reports.explain(&input, |resource| policy_of(desk, resource))
    })
}

/// The policy of a queue or bucket of this server.
fn policy_of(desk: &Desk, resource: &Arn) -> Found {
    let name = &resource.resource;
    match resource.service.as_str() {
        "sqs" => {
            let queue = desk.queues.queue(name).ok();
            Ok(queue.and_then(|queue| queue.policy()))
        }
        "s3" if name != "*" => {
            let bucket = name.split('/').next().unwrap_or(name);
            let policy = desk.buckets.policy(bucket);
            policy.map_err(|error| refuse(format!("{error:#}")))
        }
        _ => Ok(None),
    }
}
