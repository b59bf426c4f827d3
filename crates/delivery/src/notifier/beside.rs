//! Results of copies for a second URL: waited for and counted before their messages are settled.
//!
//! A settle of the others is not held up by them: what is under way is settled on its own, later.

use base::MetricSink;

use super::action::MessageKey;
use crate::port::{Attempt, Beside, Compared, Outcome};
use crate::sender::beside::Kind;

/// Messages, and what became of them.
pub(super) type Batch = (Vec<MessageKey>, Vec<Outcome>);

/// Those that can be settled now, and those of which a copy is under way.
pub(super) fn split((keys, outcomes): Batch) -> (Batch, Batch) {
    let all = keys.into_iter().zip(outcomes);
    let (late, ready): (Vec<_>, Vec<_>) = all.partition(|(_, outcome)| is_underway(outcome));
    (ready.into_iter().unzip(), late.into_iter().unzip())
}

fn is_underway(outcome: &Outcome) -> bool {
    let mut attempts = outcome
        .lines
        .iter()
        .filter_map(|line| line.attempt.as_ref());
    attempts.any(|attempt| attempt.beside.as_ref().is_some_and(|one| one.is_underway()))
}

/// Waits until all copies have ended, as long as the longest of them may take.
pub(super) async fn ended(outcomes: &mut [Outcome]) {
    // They are tasks of their own: one after the other takes no longer than the last one.
    for one in besides(outcomes) {
        one.ended().await;
    }
}

fn besides(outcomes: &mut [Outcome]) -> impl Iterator<Item = &mut Beside> {
    let lines = outcomes.iter_mut().flat_map(|outcome| &mut outcome.lines);
    let attempts = lines.filter_map(|line| line.attempt.as_deref_mut());
    attempts.filter_map(|attempt: &mut Attempt| attempt.beside.as_deref_mut())
}

/// Counts what came of them.
pub(super) fn count(metrics: &dyn MetricSink, route: &str, outcomes: &[Outcome]) {
    for line in outcomes.iter().flat_map(|outcome| &outcome.lines) {
        let attempt = line.attempt.as_deref();
        let Some(beside) = attempt.and_then(|attempt| attempt.beside.as_deref()) else {
            continue;
        };
        let Some(compared) = beside.compared() else {
            continue;
        };
        beside.second.count(compared);
        let dimensions = [("Route", route), ("Destination", &*line.destination)];
        metrics.add(
            "Shukuba",
            name(beside.second.kind(), compared),
            &dimensions,
            1.0,
        );
    }
}

fn name(kind: Kind, compared: Compared) -> &'static str {
    match (kind, compared) {
        (_, Compared::Delivered) => "CanaryDelivered",
        (Kind::Canary, Compared::Skipped) => "CanarySkipped",
        (Kind::Canary, _) => "CanaryFailed",
        (Kind::Shadow, Compared::Agrees) => "ShadowAgreed",
        (Kind::Shadow, Compared::Differs) => "ShadowDiffered",
        (Kind::Shadow, Compared::Alone) => "ShadowUncompared",
        (Kind::Shadow, Compared::Failed) => "ShadowFailed",
        (Kind::Shadow, Compared::Skipped) => "ShadowSkipped",
    }
}
