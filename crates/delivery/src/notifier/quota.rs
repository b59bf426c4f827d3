//! How much a notifier does before the other notifiers of its thread have their turns.
//!
//! The runtime of a thread gives its notifiers turns one after the other. Where all routes weigh the same, a turn is as long as
//! work lasts, up to [`TAKE_MAX`]. Else the heaviest takes [`TAKE_HEAVIEST`] ends of sends in a turn, and each other its part of
//! that (deficit round robin): while the thread is busy, routes get its time by their weights. Who has less to do than that leaves
//! the rest to the others at once, and while the thread rests nobody waits for a turn.

/// Ends of sends that are taken at once before new ones start.
const TAKE_MAX: usize = 64;

/// The same of the heaviest where weights differ; chosen: few enough that a receiver's answers to one turn are there at the next, so
/// that the heaviest can use all of it. Beyond so many times the weight of another it gets no more than that.
const TAKE_HEAVIEST: f64 = 32.0;

/// Rounds in a row without a rest, after which the runtime gets its turn; chosen: a round takes some 100 us.
const ROUNDS_MAX: u32 = 2;

/// What one notifier may take.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quota {
    /// Its part of what the heaviest takes, over 0 up to 1; `None` where all weigh the same.
    part: Option<f64>,
    credit: f64,
}

impl Quota {
    /// Changes its part.
    pub(super) fn set(&mut self, part: Option<f64>) {
        self.part = part;
    }

    /// Ends of sends that may be taken in the round that begins.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and some dozens"
    )]
    pub(super) fn round(&mut self) -> usize {
        let Some(part) = self.part else {
            return TAKE_MAX;
        };
        let more = (part * TAKE_HEAVIEST).clamp(1.0, TAKE_HEAVIEST);
        // What was not used is not saved up, but for the fraction of one.
        self.credit = self.credit.fract() + more;
        self.credit as usize
    }

    /// So many were taken.
    #[expect(clippy::cast_precision_loss, reason = "some dozens")]
    pub(super) fn took(&mut self, ends: usize) {
        self.credit = (self.credit - ends as f64).max(0.0);
    }

    /// Rounds in a row before the runtime gets its turn.
    pub(super) fn rounds_max(self) -> u32 {
        match self.part {
            Some(_) => 1,
            None => ROUNDS_MAX,
        }
    }
}

/// What part of the heaviest's turn each notifier has. `weights`: of a notifier's route, and which part of its route's work is its
/// own.
#[must_use]
pub fn parts(weights: &[(u32, f64)]) -> Vec<Option<f64>> {
    let is_even = weights.windows(2).all(|two| match two {
        [(a, _), (b, _)] => a == b,
        _ => true,
    });
    if is_even {
        return vec![None; weights.len()];
    }
    let own = || {
        weights
            .iter()
            .map(|(weight, share)| f64::from(*weight) * share)
    };
    let most = own().fold(f64::MIN_POSITIVE, f64::max);
    own().map(|own| Some(own / most)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::random::Random;

    /// What an end and the start that follows it cost this thread, and how long a receiver takes.
    const COST: Duration = Duration::from_micros(20);
    const ANSWER_MICROS: u64 = 400;

    struct Task {
        quota: Quota,
        /// When sends in flight are answered.
        answers: BTreeSet<(Duration, u64)>,
        taken: u64,
    }

    /// How many sends each notifier of one thread ends in ten seconds, and the share of the time that it worked. Each notifier
    /// has so many sends in flight all the time.
    fn play(weights: &[(u32, f64)], in_flight: &[u64]) -> (Vec<f64>, f64) {
        let mut random = Random::of_seed(1);
        let mut tasks: Vec<Task> = parts(weights)
            .into_iter()
            .zip(in_flight)
            .map(|(part, count)| Task {
                quota: Quota { part, credit: 0.0 },
                answers: (0..*count).map(|n| (Duration::ZERO, n)).collect(),
                taken: 0,
            })
            .collect();
        let (mut now, mut worked) = (Duration::ZERO, Duration::ZERO);
        while now < Duration::from_secs(10) {
            let begun = now;
            for task in &mut tasks {
                let mut took = 0;
                let most = task.quota.round();
                while took < most
                    && let Some(&(at, n)) = task.answers.first()
                    && at <= now
                {
                    task.answers.pop_first();
                    now += COST;
                    worked += COST;
                    let answer = ANSWER_MICROS / 2 + random.next_u64() % ANSWER_MICROS;
                    task.answers
                        .insert((now + Duration::from_micros(answer), n));
                    took += 1;
                }
                task.quota.took(took);
                task.taken += took as u64;
            }
            if now == begun {
                now += Duration::from_micros(1);
            }
        }
        let taken = tasks.iter().map(|task| task.taken as f64).collect();
        (taken, worked.as_secs_f64() / now.as_secs_f64())
    }

    #[test]
    fn a_busy_thread_is_shared_by_weight() {
        for weights in [
            vec![(1, 1.0), (4, 1.0)],
            vec![(1, 1.0), (2, 1.0), (5, 1.0)],
            // Two notifiers of one route have its weight together.
            vec![(3, 0.5), (3, 0.5), (1, 1.0)],
            vec![(7, 1.0), (7, 1.0)],
            vec![(3, 1.0), (100, 1.0)],
        ] {
            let (taken, used) = play(&weights, &vec![128; weights.len()]);
            assert!(used > 0.99, "{used}");
            let all: f64 = taken.iter().sum();
            let own = |(weight, share): &(u32, f64)| f64::from(*weight) * share;
            let whole: f64 = weights.iter().map(own).sum();
            for (taken, weight) in taken.iter().zip(&weights) {
                let ratio = taken / all / (own(weight) / whole);
                assert!((0.95..1.05).contains(&ratio), "{weights:?}: {ratio}");
            }
        }
    }

    #[test]
    fn who_has_nothing_to_do_leaves_its_part_to_the_others() {
        // A light one alone is as fast as a heavy one alone.
        let (taken, used) = play(&[(1, 1.0), (100, 1.0)], &[128, 0]);
        assert!(used > 0.99 && taken[1] == 0.0, "{used} {taken:?}");
        // A heavy one that waits for its receivers has what it asks for, the light one the rest.
        let (taken, used) = play(&[(1, 1.0), (4, 1.0)], &[128, 4]);
        assert!(used > 0.99, "{used}");
        assert!(taken[0] > taken[1] * 2.0, "{taken:?}");
        // While there is enough for all, weights mean nothing.
        let (taken, used) = play(&[(1, 1.0), (100, 1.0)], &[4, 4]);
        assert!(used < 0.6, "{used}");
        assert!((taken[0] / taken[1] - 1.0).abs() < 0.05, "{taken:?}");
    }

    #[test]
    fn nobody_starves() {
        let (taken, _) = play(&[(1, 0.1), (100, 1.0)], &[128, 128]);
        assert!(taken[0] / taken[1] > 0.03, "{taken:?}");
    }
}
