//! Whether a state changes too often to be told each time.
//!
//! Of the last 21 states there are 20 changes; each that happened counts 0.75 (the oldest) to 1.25 (the newest), in percent of 20.
//! At or above a high threshold flapping begins, at or below a low one it ends. Source: Nagios Core, flapping.c, and "Detection
//! and Handling of State Flapping".

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::check::Status;

/// States that are looked at. Source: Nagios Core, `MAX_STATE_HISTORY_ENTRIES`.
pub const STATES: usize = 21;
const OLDEST: f64 = 0.75;
const NEWEST: f64 = 1.25;

/// The last states of a check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flap {
    /// The last states, oldest first, at most [`STATES`]. What is before them counts as well.
    states: VecDeque<Status>,
    /// Whether it flaps.
    pub is_on: bool,
}

impl Flap {
    /// Takes a state in, and decides by the thresholds `(low, high)`; without them nothing flaps.
    pub fn record(&mut self, status: Status, thresholds: Option<(f64, f64)>) {
        self.states.push_back(status);
        while self.states.len() > STATES {
            self.states.pop_front();
        }
        let percent = self.percent();
        self.is_on = match thresholds {
            None => false,
            Some((low, _)) if percent <= low => false,
            Some((_, high)) if percent >= high => true,
            Some(_) => self.is_on,
        };
    }

    #[expect(clippy::cast_precision_loss, reason = "20 and below")]
    /// The changes among the last states, weighed, in percent.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let changes = (STATES - 1) as f64;
        let step = (NEWEST - OLDEST) / (changes - 1.0);
        let well = std::iter::repeat_n(Status::Ok, STATES - self.states.len());
        let states: Vec<Status> = well.chain(self.states.iter().copied()).collect();
        let pairs = states.iter().zip(states.iter().skip(1)).enumerate();
        let weights = pairs.filter(|(_, (before, after))| before != after);
        let sum: f64 = weights.map(|(index, _)| OLDEST + step * index as f64).sum();
        sum * 100.0 / changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The states of a text: `.` is well, others are not.
    fn of(text: &str) -> Flap {
        let mut flap = Flap::default();
        for letter in text.chars() {
            let status = match letter {
                '.' => Status::Ok,
                'w' => Status::Warning,
                _ => Status::Critical,
            };
            flap.record(status, Some((5.0, 20.0)));
        }
        flap
    }

    #[test]
    fn newer_changes_weigh_more() {
        // 20 changes of weight 1 on average are all of them.
        assert!((of(&".x".repeat(11)).percent() - 100.0).abs() < 1e-9);
        // The newest change alone: 1.25 of 20. The oldest: 0.75 of 20.
        assert!((of(&format!("{}x", ".".repeat(20))).percent() - 6.25).abs() < 1e-9);
        assert!((of(&format!(".{}", "x".repeat(20))).percent() - 3.75).abs() < 1e-9);
        assert!(of(&"x".repeat(21)).percent().abs() < 1e-9);
        // Changes between problems are changes.
        assert!((of(&"xw".repeat(11)).percent() - 100.0).abs() < 1e-9);
    }

    #[test]
    fn flapping_begins_at_the_high_threshold_and_ends_at_the_low_one() {
        // Three of the newest changes are 1.25 + 1.22 + 1.20 of 20 = 18.4 %, four are 24.2 %.
        assert!(!of(".x.x").is_on);
        let four = of(".x.x.");
        assert!(four.is_on);
        let mut flap = four;
        let mut quiet = 0;
        while flap.is_on {
            flap.record(Status::Ok, Some((5.0, 20.0)));
            quiet += 1;
            assert!(flap.is_on == (flap.percent() > 5.0));
        }
        assert_eq!(
            quiet, 19,
            "until all but one of the changes are out of sight"
        );
    }
}
