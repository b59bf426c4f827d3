//! Slows down whoever guesses: after a few wrong guesses, each further one must wait longer.
//!
//! Per name and per address, in memory: a restart forgets, which costs a guesser more than it gives.

use std::collections::HashMap;
use std::time::Duration;

use base::Timestamp;
use parking_lot::Mutex;

/// So many wrong guesses in a row cost nothing. Chosen: people mistype.
pub const FREE: u32 = 4;
/// The longest wait. Chosen: 100 guesses a day, and nobody is locked out for long by others.
pub const WAIT_MAX: Duration = Duration::from_secs(900);
/// How many names or addresses are remembered. Chosen.
pub const REMEMBERED: usize = 10_000;

/// Wrong guesses by whom they were made or against whom.
#[derive(Debug, Default)]
pub struct Guesses(Mutex<HashMap<String, Wrong>>);

#[derive(Clone, Copy, Debug)]
struct Wrong {
    count: u32,
    until: Timestamp,
}

impl Guesses {
    /// Asks whether `who` may guess now.
    ///
    /// # Errors
    /// How long to wait.
    pub fn ask(&self, who: &str, at: Timestamp) -> Result<(), Duration> {
        let wrong = self.0.lock();
        match wrong.get(who).map(|wrong| wrong.until.since(at)) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    /// Hears of a wrong guess.
    pub fn was_wrong(&self, who: &str, at: Timestamp) {
        let mut wrong = self.0.lock();
        if wrong.len() >= REMEMBERED && !wrong.contains_key(who) {
            // Whoever fills the table with names loses none that waits still.
            wrong.retain(|_, wrong| wrong.until > at);
        }
        if wrong.len() >= REMEMBERED && !wrong.contains_key(who) {
            return;
        }
        let known = wrong.entry(who.to_owned()).or_insert(Wrong {
            count: 0,
            until: at,
        });
        known.count = known.count.saturating_add(1);
        known.until = at.plus(wait_after(known.count));
    }

    /// Hears of a right one.
    pub fn was_right(&self, who: &str) {
        self.0.lock().remove(who);
    }
}

/// 1 s after the fifth wrong guess, then twice as long each time.
fn wait_after(count: u32) -> Duration {
    let Some(doublings) = count.checked_sub(FREE + 1) else {
        return Duration::ZERO;
    };
    let secs = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
    Duration::from_secs(secs).min(WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_wrong_guess_makes_wait_and_each_further_one_longer() {
        let guesses = Guesses::default();
        let mut at = Timestamp::from_secs(1_795_000_000);
        let mut waits = Vec::new();
        for _ in 0..20 {
            guesses.was_wrong("alice", at);
            let wait = guesses.ask("alice", at).err().unwrap_or_default();
            waits.push(wait.as_secs());
            at = at.plus(wait);
            assert_eq!(guesses.ask("alice", at), Ok(()));
        }
        assert_eq!(waits[..9], [0, 0, 0, 0, 1, 2, 4, 8, 16]);
        assert_eq!(waits[19], WAIT_MAX.as_secs());
        assert_eq!(guesses.ask("bob", at), Ok(()));
        guesses.was_wrong("alice", at);
        guesses.was_right("alice");
        assert_eq!(guesses.ask("alice", at), Ok(()));
    }

    #[test]
    fn whoever_waits_is_remembered_whatever_comes() {
        let guesses = Guesses::default();
        let at = Timestamp::from_secs(1_795_000_000);
        for _ in 0..=FREE {
            guesses.was_wrong("alice", at);
        }
        for number in 0..2 * REMEMBERED {
            guesses.was_wrong(&number.to_string(), at);
        }
        assert!(guesses.0.lock().len() <= REMEMBERED);
        assert!(guesses.ask("alice", at).is_err());
    }
}
