//! `trail-verify` and `trail-search`: is everything as it was written, and what was written.

use base::Timestamp;
use bytes::Bytes;
use cloudtrail::search::Search;
use cloudtrail::verify::Wanted;
use store::Use;

use super::{Answer, Desk, failed, read, write};
use crate::answers::{at_most, trail};

/// How many events are told where nothing is said. Chosen.
const EVENTS_USUAL: usize = 50;

pub(super) async fn verify(desk: &Desk, input: Bytes) -> Answer {
    let input: trail::Verify = read(&input)?;
    let wanted = Wanted {
        trail: input.trail,
        since: input.since.map(Timestamp::from_millis),
        heads: input.heads,
        is_without_buckets: desk.trail.to == Use::Read,
    };
    let trail = &desk.trail;
    let report = trail.trails.verify(&*trail.buckets, &wanted).await;
    let report = report.map_err(|error| failed("the trail cannot be read", &error))?;
    write(&report)
}

pub(super) async fn search(desk: &Desk, input: Bytes) -> Answer {
    let input: trail::Search = read(&input)?;
    let search = Search {
        user: input.user,
        key: input.key,
        event: input.event,
        service: input.service,
        resource: input.resource,
        id: input.id,
        error: input.error,
        is_failed: input.failed,
        is_write: input.writes,
        since: input.since.map_or(Timestamp::EPOCH, Timestamp::from_millis),
        until: input.until.map_or(Timestamp::MAX, Timestamp::from_millis),
        max: at_most(input.max, EVENTS_USUAL)?,
    };
    let found = desk.trail.trails.search(&search);
    let found = found.map_err(|error| failed("the trail cannot be read", &error))?;
    write(&found)
}
