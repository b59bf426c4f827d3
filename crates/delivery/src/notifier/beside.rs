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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use base::Timestamp;
    use bytes::Bytes;
    use parking_lot::Mutex;

    use super::*;
    use crate::port::{
        Answered, Ended, ErrorClass, Fate, Lease, LineOutcome, Next, Skip, Tried, Underway, Verdict,
    };
    use crate::sender::beside::Second;
    use crate::verdict::tests::attempt;

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<(&'static str, String)>>);

    impl MetricSink for Kept {
        fn add(
            &self,
            _: &'static str,
            name: &'static str,
            dimensions: &[(&'static str, &str)],
            _: f64,
        ) {
            let of = dimensions.iter().map(|(_, value)| *value);
            let of = of.collect::<Vec<_>>().join(" ");
            self.0.lock().push((name, of));
        }

        fn record(&self, _: &'static str, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
    }

    fn outcome(second: &Arc<Second>, fates: Vec<Option<Fate>>) -> Outcome {
        let line = |fate: Option<Fate>| {
            let mut attempt = attempt(Some(200), None);
            attempt.beside = fate.map(|fate| {
                let own = Some(Answered {
                    status: 200,
                    class: None,
                });
                Box::new(Beside {
                    second: Arc::clone(second),
                    was_asked: true,
                    own,
                    fate,
                })
            });
            LineOutcome {
                line: 1,
                notification: "m/1".into(),
                destination: "old.example".into(),
                verdict: Verdict::Delivered,
                number: 1,
                raw: Bytes::new(),
                request: None,
                attempt: Some(Box::new(attempt)),
                tried: Tried::Usual,
            }
        };
        Outcome {
            lease: Lease("l".into()),
            message_id: "m".into(),
            base: "m".into(),
            sent_at: Timestamp::from_secs(1),
            receive_count: 1,
            origin: None,
            replay: None,
            attributes: std::collections::BTreeMap::new(),
            lines: fates.into_iter().map(line).collect(),
            next: Next::Gone,
            carries: Vec::new(),
        }
    }

    fn failed() -> Ended {
        let hung = attempt(None, Some(ErrorClass::TotalTimeout));
        let class = hung.error.map(ErrorClass::failure_class);
        Ended::of(hung, class)
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_under_way_holds_up_its_own_message_alone() {
        let to = "https://new.example".parse().unwrap();
        let second = Second::new(Kind::Shadow, to, 1.0, Duration::from_secs(5), 9);
        let second = Arc::new(second);
        let hanging = || {
            let ends = tokio::time::sleep(Duration::from_secs(5));
            Some(Fate::Underway(Underway::new(tokio::spawn(async {
                ends.await;
                failed()
            }))))
        };
        let key = |slot| MessageKey {
            slot,
            generation: 0,
        };
        let outcomes = vec![
            outcome(&second, vec![None]),
            outcome(&second, vec![None, hanging(), hanging()]),
            outcome(&second, vec![Some(Fate::Skipped(Skip::Busy))]),
        ];
        let begun = tokio::time::Instant::now();
        let (ready, (late, mut outcomes)) = split((vec![key(0), key(1), key(2)], outcomes));
        assert_eq!((ready.0, late), (vec![key(0), key(2)], vec![key(1)]));
        let metrics = Kept::default();
        count(&metrics, "r", &ready.1);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        ended(&mut outcomes).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
        assert!(!is_underway(&outcomes[0]));
        count(&metrics, "r", &outcomes);
        let of = || "r old.example".to_owned();
        let names = ["ShadowSkipped", "ShadowFailed", "ShadowFailed"];
        assert_eq!(*metrics.0.lock(), names.map(|name| (name, of())));
        assert_eq!((second.figures().failed, second.figures().skipped), (2, 1));
    }
}
