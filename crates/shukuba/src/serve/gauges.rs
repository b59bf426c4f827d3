//! What is not counted but stands: backlogs, ages, notifiers, room. Read when `/_shukuba/metrics` is asked for.

use std::sync::{Arc, Weak};
use std::time::Duration;

use delivery::ledger::{Detail, Ledger};
use delivery::notifier::{BreakerState, LimitState};
use delivery::results::Sealing;
use gateway::Registry;
use gateway::metrics::{GaugeWriter, Help};
use sqs::Queues;
use store::Room;

use super::archiving::Archiving;
use super::drift::Drifts;
use super::notifiers::Notifiers;

/// What each metric of this process says.
pub(crate) static HELP: &[Help] = &[
    (
        "aws_sqs_number_of_messages_sent_total",
        "Messages accepted by a queue",
    ),
    (
        "aws_sqs_number_of_messages_received_total",
        "Messages that receives answered with, each time",
    ),
    (
        "aws_sqs_number_of_messages_deleted_total",
        "Messages that callers deleted",
    ),
    (
        "aws_sqs_number_of_empty_receives_total",
        "Receives that found nothing",
    ),
    (
        "shukuba_trail_records_total",
        "Calls that became events of the trail",
    ),
    (
        "shukuba_trail_records_lost_total",
        "Calls that the disk did not take as events",
    ),
    (
        "shukuba_trail_files_total",
        "Log files and digests that trails put into buckets",
    ),
    (
        "shukuba_trail_failures_total",
        "Times that a trail could not put a file; it tries again",
    ),
    (
        "shukuba_notifications_delivered_total",
        "Notifications that a receiver took",
    ),
    (
        "shukuba_notifications_retried_total",
        "Attempts that failed and are followed by another",
    ),
    ("shukuba_notifications_dead_total", "Notifications given up"),
    (
        "shukuba_notifications_unresolved_total",
        "Notifications given up because a macro of a template gave nothing",
    ),
    (
        "shukuba_notifications_expired_total",
        "Notifications whose own deadline passed",
    ),
    (
        "shukuba_notifications_put_off_total",
        "Notifications put back untried: a limit, a pause, a slow receiver",
    ),
    (
        "shukuba_refusals_total",
        "Attempts that the receiver refused as too many (429, or `Retry-After`)",
    ),
    (
        "shukuba_breakers_opened_total",
        "Times a destination's breaker opened: it failed again and again",
    ),
    (
        "shukuba_probes_total",
        "Attempts to find out whether a destination that broke still is broken",
    ),
    (
        "shukuba_window",
        "Sends at once that a destination may have now, of all notifiers of the route",
    ),
    (
        "shukuba_window_max",
        "Sends at once that a destination may have at most",
    ),
    (
        "shukuba_learned_rate",
        "Sends a second that a destination's refusals taught; 0 where there is no such limit now",
    ),
    (
        "shukuba_breaker",
        "Breaker of a destination, the worst of the route's notifiers: 0 closed, 1 half-open, 2 open",
    ),
    ("shukuba_attempts_total", "Attempts to send"),
    (
        "shukuba_bytes_out_total",
        "Bytes of the requests that were sent, as HTTP/1.1 writes them",
    ),
    (
        "shukuba_shadow_agreed_total",
        "Copies that were answered as the receiver answered",
    ),
    (
        "shukuba_shadow_differed_total",
        "Copies that were answered otherwise than the receiver answered",
    ),
    (
        "shukuba_shadow_uncompared_total",
        "Copies that were answered while the receiver was not",
    ),
    (
        "shukuba_shadow_failed_total",
        "Copies that were not answered",
    ),
    (
        "shukuba_shadow_skipped_total",
        "Copies left out: too many under way, or with a secret in them",
    ),
    (
        "shukuba_canary_delivered_total",
        "Notifications that a canary took",
    ),
    (
        "shukuba_canary_failed_total",
        "Notifications that a canary did not take, sent to the receiver itself",
    ),
    (
        "shukuba_canary_skipped_total",
        "Notifications for a canary that went to the receiver at once",
    ),
    ("shukuba_attempt_seconds", "How long attempts to send took"),
    ("shukuba_calls_total", "Signed calls by their outcome"),
    (
        "shukuba_root_uses_total",
        "What the account's root did, signing in included",
    ),
    ("shukuba_call_seconds", "How long signed calls took"),
    (
        "shukuba_faults_total",
        "Requests refused before a service had them, by code",
    ),
    (
        "shukuba_messages",
        "Messages in a route's queue by their state",
    ),
    (
        "shukuba_oldest_age_seconds",
        "Age of the oldest message in a route's queue",
    ),
    (
        "shukuba_missing_queues",
        "Queues of a route that were deleted; anything but 0 is an alarm",
    ),
    (
        "shukuba_ingested_total",
        "Points of others' metrics that were kept, by the way they came",
    ),
    (
        "shukuba_ingest_skipped_total",
        "Points of others' metrics that were not kept, and why",
    ),
    (
        "shukuba_ingest_dimensions_left_out_total",
        "Labels of others' metrics that were left out, as a metric has at most 30",
    ),
    ("shukuba_connections", "Connections that are open"),
    ("shukuba_notifiers", "Notifiers that run"),
    (
        "shukuba_lost_notifications",
        "Notifications booked as lost; anything but 0 is an alarm",
    ),
    (
        "shukuba_ledger_balanced",
        "1 while the ledger's states and the queues' counts add up, asked once a minute; 0 is an alarm",
    ),
    (
        "shukuba_ledger_drifts",
        "What did not add up when the ledger was asked last; `shukuba ledger` names it",
    ),
    (
        "shukuba_disk_room",
        "Room for the journal: 0 normal, 1 low, 2 reserve (sends are refused), 3 full",
    ),
    (
        "shukuba_results_not_stored_seconds",
        "For how long results could not be stored; 0 while they can. They wait in the journal",
    ),
    (
        "shukuba_archive_lag_bytes",
        "Bytes of the journal that are durable here and not in the archive",
    ),
    (
        "shukuba_archive_lag_seconds",
        "For how long the oldest of them has been durable here: what a lost disk would lose",
    ),
    (
        "shukuba_archive_failing_seconds",
        "For how long nothing could be archived; 0 while it can",
    ),
];

/// Shows the gauges of this process in `registry`.
#[expect(
    clippy::cast_precision_loss,
    reason = "a count of drifts, far below 2^53"
)]
pub(super) fn show(
    registry: &Registry,
    notifiers: &Arc<Notifiers>,
    queues: &Arc<Queues>,
    ledger: &Arc<Ledger>,
    sealing: &Arc<Sealing>,
    drifts: &Arc<Drifts>,
    archiving: Option<&Arc<Archiving>>,
) {
    registry.describe(HELP);
    // The registry must not keep alive what is to be closed.
    let parts = (
        Arc::downgrade(notifiers),
        Arc::downgrade(queues),
        Arc::downgrade(ledger),
    );
    let (sealing, drifts) = (sealing.clone(), drifts.clone());
    let archiving = archiving.map(Arc::downgrade);
    registry.gauges(move |out| {
        let (notifiers, queues, ledger) = &parts;
        write(out, notifiers, queues, ledger);
        let failing = sealing.failing().map_or(Duration::ZERO, |it| it.lasts);
        let seconds = failing.as_secs_f64();
        out.gauge("shukuba_results_not_stored_seconds", &[], seconds);
        if let Some(archiving) = archiving.as_ref().and_then(Weak::upgrade) {
            archiving.show(out);
        }
        if let Some(count) = drifts.known() {
            let is_balanced = f64::from(u8::from(count == 0));
            out.gauge("shukuba_ledger_balanced", &[], is_balanced);
            out.gauge("shukuba_ledger_drifts", &[], count as f64);
        }
    });
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of messages, far below 2^53"
)]
fn write(
    out: &mut GaugeWriter<'_>,
    notifiers: &Weak<Notifiers>,
    queues: &Weak<Queues>,
    ledger: &Weak<Ledger>,
) {
    let (Some(notifiers), Some(queues), Some(ledger)) =
        (notifiers.upgrade(), queues.upgrade(), ledger.upgrade())
    else {
        return;
    };
    let routes: Vec<_> = notifiers.routes.read().values().cloned().collect();
    let now = notifiers.clock.now();
    let counts: Vec<_> = routes
        .iter()
        .map(|route| (route, queues.counts(&route.queue).unwrap_or_default()))
        .collect();
    for (route, counts) in &counts {
        let states = [
            ("waiting", counts.visible),
            ("in-flight", counts.in_flight),
            ("delayed", counts.delayed),
            ("retry-wait", counts.retry),
        ];
        for (state, count) in states {
            out.gauge(
                "shukuba_messages",
                &[("route", &route.name), ("state", state)],
                count as f64,
            );
        }
    }
    for (route, counts) in &counts {
        let age = counts
            .oldest
            .map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
        out.gauge("shukuba_oldest_age_seconds", &[("route", &route.name)], age);
    }
    for route in &routes {
        out.gauge(
            "shukuba_missing_queues",
            &[("route", &route.name)],
            route.missing(&queues).count() as f64,
        );
    }
    for route in &routes {
        out.gauge(
            "shukuba_notifiers",
            &[("route", &route.name)],
            f64::from(notifiers.count(&route.name)),
        );
    }
    for route in &routes {
        write_limits(out, &route.name, &notifiers.limits(&route.name));
    }
    for route in &routes {
        let report = ledger.report(Some(route.queue.name()), Detail::Totals);
        let lost = report.queues.first().map_or(0, |book| book.total.cell.lost);
        out.gauge(
            "shukuba_lost_notifications",
            &[("route", &route.name)],
            lost as f64,
        );
    }
    let room = match queues.journal().room() {
        Room::Normal => 0.0,
        Room::Low { .. } => 1.0,
        Room::Reserve { .. } => 2.0,
        Room::Full => 3.0,
    };
    out.gauge("shukuba_disk_room", &[], room);
}

/// The limits of a route's destinations that have something to tell.
fn write_limits(out: &mut GaugeWriter<'_>, route: &str, limits: &[LimitState]) {
    type Of = fn(&LimitState) -> f64;
    let gauges: [(&'static str, Of); 4] = [
        ("shukuba_window", |one| f64::from(one.window)),
        ("shukuba_window_max", |one| f64::from(one.window_max)),
        ("shukuba_learned_rate", |one| {
            one.learned_per_sec.unwrap_or(0.0)
        }),
        ("shukuba_breaker", |one| match one.breaker {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        }),
    ];
    for (name, value) in gauges {
        for one in limits {
            let labels = [("route", route), ("destination", &*one.destination)];
            out.gauge(name, &labels, value(one));
        }
    }
}
