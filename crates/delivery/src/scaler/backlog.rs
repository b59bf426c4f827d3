//! The second law: what waits stays younger than a target.
//!
//! With `r` notifications a minute sent, `m` what one notifier was seen to manage in a minute, `w` waiting, of which the oldest
//! is `a` old (where nobody knows, as old as the time in which so much came), and `T` the target:
//!
//! ```text
//! time   = min(drain_within, T - a), but T/4 at least
//! wanted = ceil(r × (1 + headroom) / m  +  w / (m × time))
//! ```
//!
//! so that those for the rate keep up with what comes, and those for the backlog have it gone before its oldest passes the
//! target. A backlog whose figure is late has grown since by what came beyond what the running ones manage; that it has shrunk
//! is believed when it is seen. Then, in this order: no more than the receivers' limits can use; no fewer than were wanted
//! within the cool-down; and the bounds.
//!
//! Rejected: a controller with integral and derivative terms. Notifiers are whole numbers that live for minutes, and figures
//! come a minute apart and a minute late: a law that can be read aloud lost nothing against it in the simulator's day.

use super::plan::{Demand, Inputs};

/// The part of the target in which a backlog is worked off that is over it already. Chosen: four times the notifiers for it.
const LEAST_PART: f64 = 0.25;
/// What is less than this is an error of rounding.
const EPSILON: f64 = 1e-6;

pub(super) fn demand(inputs: &Inputs) -> Demand {
    let for_rate = for_rate(inputs);
    let time_ms = time_ms(inputs);
    let for_backlog = for_backlog(inputs, time_ms);
    let needed = up(for_rate + for_backlog).max(u32::from(inputs.is_any()));
    let (used, limited) = match inputs.usable {
        Some(usable) if usable.max(1) < needed => (usable.max(1), true),
        _ => (needed, false),
    };
    let count = used.max(inputs.held);
    let bounded = match (limited, inputs.held > used) {
        (_, true) => format!(", held from before ({used} needed)"),
        (true, false) => format!(", more the receivers' limits cannot use ({needed} needed)"),
        (false, false) => String::new(),
    };
    Demand {
        count,
        needed: used,
        why: why(inputs, for_rate, for_backlog, time_ms),
        bounded,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of notifications")]
fn each(inputs: &Inputs) -> f64 {
    inputs.notifier_per_minute.max(1) as f64
}

/// Notifiers for what comes.
fn for_rate(inputs: &Inputs) -> f64 {
    let rate = inputs.per_minute().unwrap_or(0.0);
    rate * (1.0 + inputs.headroom.max(0.0)) / each(inputs)
}

/// Notifiers for what waits.
fn for_backlog(inputs: &Inputs, time_ms: f64) -> f64 {
    waiting(inputs) * 60_000.0 / (each(inputs) * time_ms)
}

/// What waits by now.
#[expect(clippy::cast_precision_loss, reason = "counts of notifications")]
fn waiting(inputs: &Inputs) -> f64 {
    let Some(seen) = inputs.backlog else {
        return 0.0;
    };
    let rate = inputs.per_minute().unwrap_or(0.0);
    let beyond = (rate - f64::from(inputs.running) * each(inputs)).max(0.0);
    seen as f64 + beyond * inputs.backlog_late_ms as f64 / 60_000.0
}

/// In how many milliseconds what waits should be gone; at least 1.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of at most a day")]
fn time_ms(inputs: &Inputs) -> f64 {
    let target = inputs.target_age_ms as f64;
    let left = target - oldest_ms(inputs).unwrap_or(0.0);
    let least = (target * LEAST_PART).max(1.0);
    left.min(inputs.drain_within_ms as f64).max(least)
}

/// How old the oldest is by now. What waits is what came last: where the figure is late, or nobody has one, it is as old as the
/// time that so much needed to come.
#[expect(clippy::cast_precision_loss, reason = "milliseconds, and counts")]
fn oldest_ms(inputs: &Inputs) -> Option<f64> {
    let rate = inputs.per_minute().filter(|rate| *rate > 0.0);
    let came_in = rate
        .zip(inputs.backlog)
        .map(|(rate, waiting)| waiting as f64 * 60_000.0 / rate);
    let late = inputs.oldest_late_ms as f64;
    match inputs.oldest_ms.map(|oldest| oldest as f64 + late) {
        Some(oldest) if late > 0.0 => Some(came_in.map_or(oldest, |came_in| oldest.min(came_in))),
        seen => seen.or(came_in),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and what is beyond u32 is bounded by `max`"
)]
fn up(needed: f64) -> u32 {
    (needed - EPSILON).ceil().max(0.0) as u32
}

fn why(inputs: &Inputs, for_rate: f64, for_backlog: f64, time_ms: f64) -> String {
    let sent = inputs.sent_in_words(&format!("{for_rate:.1}"));
    let spare = match inputs.headroom > 0.0 {
        true => format!(" with {:.0} % to spare", inputs.headroom * 100.0),
        false => String::new(),
    };
    let waits = inputs.backlog_in_words(&format!("{for_backlog:.1}"));
    let within = match (inputs.backlog, oldest_ms(inputs)) {
        (None | Some(0), _) => String::new(),
        (Some(_), None) => format!(" within {} s", secs(time_ms)),
        (Some(_), Some(oldest)) => format!(
            " within {} s, the oldest is {} s old",
            secs(time_ms),
            secs(oldest)
        ),
    };
    let each = inputs.notifier_per_minute;
    format!("{sent}{spare}, {waits}{within} ({each}/min each)")
}

/// Seconds to a tenth.
fn secs(ms: f64) -> f64 {
    (ms / 100.0).round() / 10.0
}
