//! How late the handshakes of a host's key have said that it is, over restarts.
//!
//! A handshake bears its time, and whoever answers takes none that is not later than the last (the noise protocol's defence against
//! handshakes that are sent again). The noise protocol's library reads the wall clock when a tunnel begins and counts on from there, so a
//! clock that is set back does nothing to a tunnel that is there. One that begins afterwards would not be answered until the clock is
//! where it was: an hour of silence for an hour set back. So the latest time is kept beside the key; where the clock is behind it, the
//! host makes itself another key, of which no handshake was ever seen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::time::{Clock, Timestamp};
use store::private::write_private;

/// The file that holds the time.
const FILE: &str = "handshakes";

/// How far what is kept may lag behind what was said. Handshakes of a host whose clock was set back by less are not answered for that
/// long at most; the gateway's own, which it begins with who is silent, are.
const KEPT_EVERY: Duration = Duration::from_secs(60);

/// The latest time of a handshake by the key in use.
#[derive(Debug)]
pub(super) struct Stamps {
    path: PathBuf,
    latest: Timestamp,
    /// When `latest` was so, by the clock that is never set.
    seen: Duration,
    kept: Option<Timestamp>,
}

impl Stamps {
    /// What is kept in `folder`. What is not there or cannot be read is no time at all: nothing depends on it but what is said above.
    pub(super) fn open(folder: &Path, clock: &dyn Clock) -> Self {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let kept = Timestamp::parse_rfc3339(text.trim());
        Self {
            path,
            latest: kept.unwrap_or(Timestamp::EPOCH),
            seen: clock.monotonic(),
            kept,
        }
    }

    /// Whether a tunnel that begins now would say what counts as old.
    pub(super) fn is_behind(&self, clock: &dyn Clock) -> bool {
        clock.now() < self.latest
    }

    /// There is another key, of which nobody has seen a handshake.
    pub(super) fn restart(&mut self, clock: &dyn Clock) {
        (self.latest, self.seen, self.kept) = (clock.now(), clock.monotonic(), None);
        self.note(clock);
    }

    /// Notes that handshakes may be begun: to be called when a tunnel is made and from time to time while it is there.
    pub(super) fn note(&mut self, clock: &dyn Clock) {
        let now = clock.monotonic();
        // Tunnels count on from when they began, whatever the wall clock says since.
        let counted = self.latest.plus(now.saturating_sub(self.seen));
        (self.latest, self.seen) = (counted.max(clock.now()), now);
        let is_due = |kept: Timestamp| self.latest.since(kept) >= KEPT_EVERY;
        if !self.kept.is_none_or(is_due) {
            return;
        }
        match write_private(&self.path, self.latest.rfc3339().as_bytes()) {
            Ok(()) => self.kept = Some(self.latest),
            Err(error) => {
                tracing::warn!(%error, path = %self.path.display(), "the time of handshakes is not kept");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use base::time::ManualClock;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn noon() -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-30T12:00:00Z").unwrap()
    }

    #[test]
    fn a_clock_that_was_set_back_is_noticed_over_a_restart_and_another_key_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(noon());
        let mut stamps = Stamps::open(folder.path(), &clock);
        assert!(!stamps.is_behind(&clock), "the first start");
        stamps.note(&clock);
        clock.advance(HOUR);
        stamps.note(&clock);

        let again = Stamps::open(folder.path(), &clock);
        assert!(!again.is_behind(&clock), "the clock goes on");
        clock.jump_to(noon());
        let mut again = Stamps::open(folder.path(), &clock);
        assert!(again.is_behind(&clock));
        again.restart(&clock);
        assert!(!again.is_behind(&clock));
        assert!(!Stamps::open(folder.path(), &clock).is_behind(&clock));
    }

    /// Set back by an hour, it goes on for two: what was said is three hours after the start, the clock says two.
    #[test]
    fn what_a_tunnel_counts_on_to_is_kept_where_the_clock_is_set_back_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(noon());
        let mut stamps = Stamps::open(folder.path(), &clock);
        stamps.note(&clock);
        clock.advance(HOUR);
        stamps.note(&clock);
        clock.jump_to(noon());
        clock.advance(2 * HOUR);
        stamps.note(&clock);
        let again = Stamps::open(folder.path(), &clock);
        assert!(again.is_behind(&clock));
        clock.advance(HOUR);
        assert!(!again.is_behind(&clock), "it is where it was");
    }

    #[test]
    fn what_is_kept_lags_by_its_bound_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(noon());
        let mut stamps = Stamps::open(folder.path(), &clock);
        stamps.note(&clock);
        let kept = |clock: &ManualClock| Stamps::open(folder.path(), clock).latest;
        clock.advance(KEPT_EVERY - Duration::from_millis(1));
        stamps.note(&clock);
        assert_eq!(kept(&clock), noon());
        clock.advance(Duration::from_millis(1));
        stamps.note(&clock);
        assert_eq!(kept(&clock), noon().plus(KEPT_EVERY));
    }

    #[test]
    fn what_is_not_a_time_is_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "torn").unwrap();
        let clock = ManualClock::at(noon());
        assert!(!Stamps::open(folder.path(), &clock).is_behind(&clock));
    }
}
