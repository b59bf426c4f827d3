//! A queue that does not take messages now: told once when it begins, at growing intervals while it lasts, once when it is
//! over. It may last for days, and is tried every few seconds.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::output;

/// The first and the longest wait before a call is tried again. Chosen.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// The first and the longest interval between two words about the same absence. Chosen.
const SAID_EVERY: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

/// An absence that begins anew so soon is the same one. Chosen.
const SAME_WITHIN: Duration = Duration::from_secs(10);

/// Who tells of it; one for all calls to a queue.
#[derive(Debug, Default)]
pub(crate) struct Away(Mutex<Option<Absence>>);

#[derive(Debug)]
struct Absence {
    began: Instant,
    /// When it is told of again.
    say_at: Instant,
    interval: Duration,
    /// Whether somebody was told that it is away, and not yet that it is back.
    is_said: bool,
    ended: Option<Instant>,
}

impl Away {
    /// A call or a message was not taken, and will be tried again.
    pub(crate) fn failed(&self, url: &str, detail: &str) {
        if let Some(away) = self.note_failure(Instant::now()) {
            let away = output::span(away);
            tracing::warn!(%url, %detail, %away, "the queue does not take messages now; trying again");
        }
    }

    /// A call was answered, and all its messages were.
    pub(crate) fn answered(&self) {
        if let Some(away) = self.note_answer(Instant::now()) {
            let away = output::span(away);
            tracing::warn!(%away, "the queue takes messages again");
        }
    }

    /// For how long it has been away, when it is time to say so.
    fn note_failure(&self, now: Instant) -> Option<Duration> {
        let mut known = self.0.lock();
        let is_same = |absence: &Absence| {
            absence
                .ended
                .is_none_or(|ended| now.saturating_duration_since(ended) < SAME_WITHIN)
        };
        if !known.as_ref().is_some_and(is_same) {
            *known = Some(Absence {
                began: now,
                say_at: now,
                interval: SAID_EVERY.0,
                is_said: false,
                ended: None,
            });
        }
        let absence = known.as_mut()?;
        absence.ended = None;
        if now < absence.say_at {
            return None;
        }
        absence.say_at = now + absence.interval;
        absence.interval = (absence.interval * 2).min(SAID_EVERY.1);
        absence.is_said = true;
        Some(now.saturating_duration_since(absence.began))
    }

    /// For how long it was away, when somebody waits to hear that it is back.
    fn note_answer(&self, now: Instant) -> Option<Duration> {
        let mut known = self.0.lock();
        let absence = known.as_mut().filter(|absence| absence.ended.is_none())?;
        absence.ended = Some(now);
        let is_said = std::mem::take(&mut absence.is_said);
        is_said.then(|| now.saturating_duration_since(absence.began))
    }
}

/// How long to wait before try `tries` plus one: doubles up to the longest wait, with full jitter above a half.
pub(crate) fn wait_before(tries: u32) -> Duration {
    let (first, longest) = WAITS;
    let full = first.saturating_mul(1 << tries.min(16)).min(longest);
    let [byte] = base::id::random_bytes::<1>();
    full / 2 + full.mul_f64(f64::from(byte) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_is_told_of_at_its_start_seldom_while_it_lasts_and_at_its_end() {
        let (away, start) = (Away::default(), Instant::now());
        let secs = Duration::from_secs;
        let mut said = Vec::new();
        for second in 0..3600 {
            said.extend(
                away.note_failure(start + secs(second))
                    .map(|for_| for_.as_secs()),
            );
        }
        assert_eq!(said, [0, 10, 30, 70, 150, 310, 630, 1230, 1830, 2430, 3030]);
        assert_eq!(away.note_answer(start + secs(3600)), Some(secs(3600)));
        assert_eq!(away.note_answer(start + secs(3601)), None);
        assert_eq!(away.note_failure(start + secs(4000)), Some(secs(0)));
    }

    #[test]
    fn one_that_comes_and_goes_is_not_told_of_each_time() {
        let (away, start) = (Away::default(), Instant::now());
        let mut said = 0;
        for half in 0..40 {
            let at = start + Duration::from_millis(500 * half);
            said += u32::from(match half % 2 {
                0 => away.note_failure(at).is_some(),
                _ => away.note_answer(at).is_some(),
            });
        }
        assert_eq!(said, 4, "away and back, at first and after ten seconds");
    }
}
