//! Whether a composite alarm's actions are kept back.
//!
//! Source: CloudWatch User Guide, "Composite alarm action suppression", whose six timelines are the tests. A change of the
//! composite first waits for the suppressor to come; while the suppressor is in `ALARM`, and for the extension after it,
//! nothing runs; at the end of a wait or extension the actions of the state of that moment run, if anything was kept back.

use std::time::Duration;

use base::Timestamp;
use serde::{Deserialize, Serialize};

/// What keeps actions back, and whether any are kept back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// What, now.
    pub phase: Phase,
    /// Whether the composite changed and nothing ran for it.
    pub is_owed: bool,
}

/// What keeps actions back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing.
    #[default]
    None,
    /// The wait for the suppressor, until this many milliseconds since 1970.
    Wait(u64),
    /// The suppressor.
    Alarm,
    /// The time after it, until this many milliseconds since 1970.
    Extension(u64),
}

/// Whether the actions of the composite's state are to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Now {
    /// They are.
    Run,
    /// They are not, or there are none.
    Keep,
}

impl Suppression {
    /// The composite changed at `at`; `is_suppressing` says whether the suppressor is in `ALARM`.
    pub fn composite_changed(
        &mut self,
        at: Timestamp,
        is_suppressing: bool,
        wait: Duration,
    ) -> Now {
        self.is_owed = true;
        self.phase = match self.phase {
            _ if is_suppressing => Phase::Alarm,
            extension @ Phase::Extension(_) => extension,
            _ => Phase::Wait(at.plus(wait).as_millis()),
        };
        self.tick(at)
    }

    /// The suppressor went into `ALARM`.
    pub const fn suppressor_came(&mut self) {
        self.phase = Phase::Alarm;
    }

    /// The suppressor left `ALARM` at `at`.
    pub fn suppressor_left(&mut self, at: Timestamp, extension: Duration) -> Now {
        self.phase = Phase::Extension(at.plus(extension).as_millis());
        self.tick(at)
    }

    /// Time passed.
    pub fn tick(&mut self, at: Timestamp) -> Now {
        if self.due().is_none_or(|until| at < until) {
            return Now::Keep;
        }
        self.phase = Phase::None;
        match std::mem::take(&mut self.is_owed) {
            true => Now::Run,
            false => Now::Keep,
        }
    }

    /// When [`Suppression::tick`] has something to do.
    #[must_use]
    pub const fn due(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Wait(until) | Phase::Extension(until) => Some(Timestamp::from_millis(until)),
            Phase::None | Phase::Alarm => None,
        }
    }

    /// By what actions are kept back, as the API names it; none where none are.
    #[must_use]
    pub const fn by(&self) -> Option<&'static str> {
        match self.phase {
            _ if !self.is_owed => None,
            Phase::None => None,
            Phase::Wait(_) => Some("WaitPeriod"),
            Phase::Alarm => Some("Alarm"),
            Phase::Extension(_) => Some("ExtensionPeriod"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::engine::vectors;

    /// Plays a timeline of the vectors and gives when what state was acted on.
    fn play(case: &serde_json::Value, wait: u64, extension: u64) -> Vec<(u64, String)> {
        let mut suppression = Suppression::default();
        let mut state = "OK".to_owned();
        let mut is_suppressing = false;
        let mut acted = Vec::new();
        for at in 0..20 {
            let time = Timestamp::from_secs(at);
            let mut note = |now: Now, state: &str| {
                if now == Now::Run {
                    acted.push((at, state.to_owned()));
                }
            };
            note(suppression.tick(time), &state);
            for event in case["events"].as_array().unwrap() {
                if event[0].as_u64() != Some(at) {
                    continue;
                }
                let to = event[2].as_str().unwrap();
                let now = match (event[1].as_str().unwrap(), to) {
                    ("composite", to) => {
                        state = to.to_owned();
                        suppression.composite_changed(
                            time,
                            is_suppressing,
                            Duration::from_secs(wait),
                        )
                    }
                    (_, "ALARM") => {
                        is_suppressing = true;
                        suppression.suppressor_came();
                        Now::Keep
                    }
                    _ => {
                        is_suppressing = false;
                        suppression.suppressor_left(time, Duration::from_secs(extension))
                    }
                };
                note(now, &state);
            }
        }
        acted
    }

    #[test]
    fn actions_run_as_in_the_documented_timelines() {
        let vectors = vectors::read();
        let suppression = &vectors["composite_suppression"];
        let number = |name: &str| suppression[name].as_u64().unwrap();
        let cases = suppression["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 6);
        for case in cases {
            let expected: Vec<(u64, String)> =
                serde_json::from_value(case["actions"].clone()).unwrap();
            let acted = play(case, number("wait"), number("extension"));
            assert_eq!(acted, expected, "{}", case["id"]);
        }
    }

    #[test]
    fn without_wait_and_extension_actions_run_at_once() {
        let at = Timestamp::from_secs(5);
        let mut suppression = Suppression::default();
        let now = suppression.composite_changed(at, false, Duration::ZERO);
        assert_eq!(now, Now::Run);
        suppression.suppressor_came();
        let now = suppression.composite_changed(at, true, Duration::ZERO);
        assert_eq!((now, suppression.by()), (Now::Keep, Some("Alarm")));
        assert_eq!(suppression.suppressor_left(at, Duration::ZERO), Now::Run);
        assert_eq!(suppression, Suppression::default());
    }
}
