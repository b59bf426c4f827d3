//! What happened to a destination, as metrics.

use base::MetricSink;

use super::action::Counts;
use crate::port::FailureClass;

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a second, far below 2^53"
)]
pub(super) fn emit(metrics: &dyn MetricSink, route: &str, destination: &str, counts: &Counts) {
    let dimensions = [("Route", route), ("Destination", destination)];
    for (name, count) in [
        ("NotificationsDelivered", counts.delivered),
        ("NotificationsRetried", counts.retried),
        ("NotificationsDead", counts.dead),
        ("NotificationsUnresolved", counts.unresolved),
        ("NotificationsExpired", counts.expired),
        ("NotificationsPutOff", counts.later),
        ("Refusals", counts.refused),
        ("BreakersOpened", counts.opened),
        ("Probes", counts.probes),
        ("Attempts", counts.attempts),
        ("BytesOut", counts.bytes_out),
    ] {
        if count > 0 {
            metrics.add("Shukuba", name, &dimensions, count as f64);
        }
    }
    for (class, count) in FailureClass::ALL.iter().zip(counts.failed) {
        if count > 0 {
            let [route, destination] = dimensions;
            let of_class = [route, destination, ("Class", class.name())];
            metrics.add("Shukuba", "AttemptsFailed", &of_class, count as f64);
        }
    }
    for (seconds, count) in counts.durations.seconds() {
        metrics.record_many("Shukuba", "AttemptSeconds", &dimensions, seconds, count);
    }
}
