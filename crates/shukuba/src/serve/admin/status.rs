//! `status`: how things stand, in one answer.

use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use delivery::ledger::{Detail, QueueReport};
use delivery::sender::beside::Figures;
use serde::{Deserialize, Serialize};
use store::Room;

use super::{Answer, Desk, read, write};
use crate::serve::routes::LiveRoute;

/// Rates are those of this span.
const RATE_SPAN: Duration = Duration::from_secs(10);
/// Destinations that are shown, the worst first; and those of a route whose limits are.
const WORST: usize = 10;
const LIMITS: usize = 20;
/// Destinations with a second URL that are shown, by name.
const BESIDES: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {}

/// How a route stands.
#[derive(Debug, Serialize)]
struct RouteStatus {
    route: String,
    queue: String,
    /// Its queues that were deleted: it goes on when they are created again.
    missing_queues: Vec<String>,
    is_paused: bool,
    notifiers: u32,
    // These count messages, of which one may hold many lines.
    waiting: u64,
    in_flight: u64,
    delayed: u64,
    retry_wait: u64,
    /// Age of the oldest message in seconds; none when the queue is empty.
    oldest_age_secs: Option<u64>,
    // These count notifications.
    accepted: i64,
    delivered: u64,
    dead: u64,
    expired: u64,
    open: i64,
    accepted_per_sec: f64,
    delivered_per_sec: f64,
}

/// What a destination came to.
#[derive(Debug, Serialize)]
struct DestinationStatus {
    route: String,
    destination: String,
    delivered: u64,
    retries: u64,
    dead: u64,
    expired: u64,
}

/// How the limits of a destination stand, all notifiers of the route together.
#[derive(Debug, Serialize)]
struct LimitStatus {
    route: String,
    destination: String,
    /// `closed`, `half-open` or `open`: the worst of the notifiers.
    breaker: &'static str,
    /// Since when it has been open.
    open_since: Option<String>,
    in_flight: u32,
    /// Sends at once: now, and at most.
    window: u32,
    window_max: u32,
    /// Sends a second: what refusals taught, and what is configured.
    learned_per_sec: Option<f64>,
    rate_per_sec: Option<f64>,
    /// Sends that it refused, in the lives of the notifiers that run.
    refused: u64,
}

/// What came of a destination's second URL since the server started, all routes together.
#[derive(Debug, Serialize)]
struct BesideStatus {
    destination: String,
    kind: &'static str,
    to: String,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Debug, Serialize)]
struct Disk {
    /// `normal`, `low`, `reserve` or `full`.
    room: &'static str,
    journal_bytes: u64,
    journal_segments: usize,
    free_bytes: Option<u64>,
    /// Places in the journal where something that lives could not be read since the start; at most 1,000.
    unreadable: usize,
}

/// How results are stored.
#[derive(Debug, Serialize)]
struct Results {
    /// For how many seconds they could not be; 0 and no error while they can. They wait in the journal.
    not_stored_secs: u64,
    error: Option<String>,
}

pub(super) async fn status(desk: &Desk, input: Bytes) -> Answer {
    let Input {} = read(&input)?;
    let now = desk.work.clock.now();
    let routes: Vec<_> = desk.notifiers.routes.read().values().cloned().collect();
    let mut shown = Vec::new();
    let mut destinations = Vec::new();
    let mut limits = Vec::new();
    for route in &routes {
        let report = desk.ledger.report(Some(route.queue.name()), Detail::Totals);
        let book = report.queues.into_iter().next();
        destinations.extend(book.iter().flat_map(|book| of_destinations(route, book)));
        limits.extend(limits_of(desk, route));
        shown.push(of_route(desk, route, book.as_ref(), now));
    }
    destinations
        .sort_by_key(|one| std::cmp::Reverse((one.dead + one.expired, one.retries, one.delivered)));
    destinations.truncate(WORST);
    write(&serde_json::json!({
        "at": now.rfc3339(),
        "routes": shown,
        "destinations": destinations,
        "limits": limits,
        "beside": besides(desk),
        "pauses": desk.ledger.pauses(),
        "disk": disk(desk),
        "results": results(desk),
        "archive": desk.archiving.as_ref().map(|archiving| archiving.standing()),
    }))
}

fn of_route(
    desk: &Desk,
    route: &LiveRoute,
    book: Option<&QueueReport>,
    now: Timestamp,
) -> RouteStatus {
    let counts = desk.queues.counts(&route.queue).unwrap_or_default();
    let rates = desk.work.counts.rates(&route.name, now, RATE_SPAN);
    let row = book.map(|book| book.total).unwrap_or_default();
    RouteStatus {
        route: route.name.to_string(),
        queue: route.queue.name().to_owned(),
        missing_queues: route.missing(&desk.queues).map(str::to_owned).collect(),
        is_paused: desk.ledger.is_route_paused(&route.name),
        notifiers: desk.notifiers.count(&route.name),
        waiting: counts.visible,
        in_flight: counts.in_flight,
        delayed: counts.delayed,
        retry_wait: counts.retry,
        oldest_age_secs: counts.oldest.map(|oldest| now.since(oldest).as_secs()),
        accepted: row.accepted,
        delivered: row.cell.delivered,
        dead: row.cell.dead,
        expired: row.cell.expired,
        open: row.cell.open,
        accepted_per_sec: rates.accepted,
        delivered_per_sec: rates.delivered,
    }
}

fn of_destinations(route: &LiveRoute, book: &QueueReport) -> Vec<DestinationStatus> {
    let of = |one: &delivery::ledger::report::DestinationReport| DestinationStatus {
        route: route.name.to_string(),
        destination: one.destination.clone(),
        delivered: one.total.delivered,
        retries: one.total.retries,
        dead: one.total.dead,
        expired: one.total.expired,
    };
    book.destinations.iter().map(of).collect()
}

fn limits_of(desk: &Desk, route: &LiveRoute) -> impl Iterator<Item = LimitStatus> {
    let route = route.name.to_string();
    let limits = desk.notifiers.limits(&route).into_iter().take(LIMITS);
    limits.map(move |one| LimitStatus {
        route: route.clone(),
        destination: one.destination.to_string(),
        breaker: one.breaker.name(),
        open_since: one.open_since.map(|since| since.rfc3339().to_string()),
        in_flight: one.in_flight,
        window: one.window,
        window_max: one.window_max,
        learned_per_sec: one.learned_per_sec,
        rate_per_sec: one.rate_per_sec,
        refused: one.refused,
    })
}

fn besides(desk: &Desk) -> Vec<BesideStatus> {
    let now = desk.live.now();
    let mut all: Vec<_> = now
        .destinations
        .seconds()
        .map(|(rules, second)| BesideStatus {
            destination: rules.name.to_string(),
            kind: second.kind().name(),
            to: second.to().to_string(),
            figures: second.figures(),
        })
        .collect();
    all.sort_by(|a, b| a.destination.cmp(&b.destination));
    all.truncate(BESIDES);
    all
}

fn results(desk: &Desk) -> Results {
    let failing = desk.work.sealing.failing();
    Results {
        not_stored_secs: failing
            .as_ref()
            .map_or(0, |failing| failing.lasts.as_secs()),
        error: failing.map(|failing| failing.error),
    }
}

fn disk(desk: &Desk) -> Disk {
    let journal = desk.queues.journal();
    let segments = journal.segments();
    let room = match journal.room() {
        Room::Normal => "normal",
        Room::Low { .. } => "low",
        Room::Reserve { .. } => "reserve",
        Room::Full => "full",
    };
    let free = rustix::fs::statvfs(&desk.dir)
        .ok()
        .map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    Disk {
        room,
        journal_bytes: segments.iter().map(store::SegmentInfo::bytes).sum(),
        journal_segments: segments.len(),
        free_bytes: free,
        unreadable: journal.unreadable().len(),
    }
}
