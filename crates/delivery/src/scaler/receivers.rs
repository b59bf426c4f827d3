//! How many notifiers the receivers' limits can use.

use crate::port::Receiver;

/// A receiver has no more of a notifier's slots than it leaves free: half, where it is alone.
const LEFT_FREE: f64 = 2.0;

/// The most notifiers that there is anything to do for: what the limits of each receiver let through, divided by what one
/// notifier manages. None where a receiver is not limited, or none is known.
///
/// `per_minute`: what one notifier manages; `slots`: its sends at once.
#[must_use]
pub fn usable(receivers: &[Receiver], per_minute: f64, slots: u32) -> Option<u32> {
    let each = |receiver: &Receiver| of_one(receiver, per_minute, slots);
    let all: Option<f64> = receivers.iter().map(each).sum();
    all.filter(|_| !receivers.is_empty()).map(up)
}

/// What one receiver can use, in notifiers and parts of one.
fn of_one(receiver: &Receiver, per_minute: f64, slots: u32) -> Option<f64> {
    let by_rate = receiver
        .rate_per_minute
        .map(|rate| rate / per_minute.max(1.0));
    let by_places = receiver
        .in_flight_max
        .map(|places| f64::from(places) * LEFT_FREE / f64::from(slots.max(1)));
    match (by_rate, by_places) {
        (Some(rate), Some(places)) => Some(rate.min(places)),
        (rate, places) => rate.or(places),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and what is beyond u32 is no limit"
)]
fn up(notifiers: f64) -> u32 {
    (notifiers - 1e-6).ceil().max(0.0) as u32
}
