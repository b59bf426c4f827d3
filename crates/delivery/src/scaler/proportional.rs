//! The first law, of the articles: in proportion to what was sent.
//!
//! `ceil(sent a minute / what one manages a minute) + ceil(what waits from before / what one manages within drain_within)`.
//! What one manages is a setting; nothing is learned, so that a plan can be foretold with a pencil.

use super::plan::{Demand, Inputs};

pub(super) fn demand(inputs: &Inputs) -> Demand {
    let for_sent = for_sent(inputs);
    let for_backlog = for_backlog(inputs);
    let least = u32::from(inputs.is_any());
    let count = u32::try_from(for_sent + for_backlog).unwrap_or(u32::MAX);
    let sent = inputs.sent_in_words(&for_sent.to_string());
    let backlog = inputs.backlog_in_words(&format!("{for_backlog} more"));
    Demand {
        count: count.max(least),
        needed: count.max(least),
        why: format!(
            "{sent}, {backlog} ({}/min each)",
            inputs.notifier_per_minute
        ),
        bounded: String::new(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rate is not negative, and what is beyond u128 is bounded by `max`"
)]
fn for_sent(inputs: &Inputs) -> u128 {
    let per_minute = inputs.notifier_per_minute.max(1);
    match (inputs.sent, inputs.known_per_minute) {
        (Some(sent), _) => {
            let interval = u128::from(inputs.interval_ms.max(1));
            (u128::from(sent) * 60_000).div_ceil(interval * u128::from(per_minute))
        }
        (None, Some(rate)) => (rate / per_minute as f64).ceil() as u128,
        (None, None) => 0,
    }
}

fn for_backlog(inputs: &Inputs) -> u128 {
    let per_minute = u128::from(inputs.notifier_per_minute.max(1));
    let drain = u128::from(inputs.drain_within_ms.max(1));
    // What was sent in the interval may still wait: it is counted once.
    let old = inputs.backlog.unwrap_or(0);
    let old = u128::from(old.saturating_sub(inputs.sent.unwrap_or(0)));
    (old * 60_000).div_ceil(drain * per_minute)
}
