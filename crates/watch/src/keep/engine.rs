//! When a process is started, restarted, given up. Pure: what is seen comes in, what to do comes out.
//!
//! INVARIANT: within any `cycles` cycles there are at most `times` restarts of the process's own.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::check::config::{Keep, Often, Share, Size};

/// The longest wait until a process that was given up is tried again.
const AGAIN_MAX: Duration = Duration::from_secs(3600);

/// What a process is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It was started and is not seen yet.
    #[default]
    Starting,
    /// It runs.
    Up,
    /// It waits for what it depends on.
    Waiting,
    /// It was restarted too often and is left alone.
    GivenUp,
    /// Somebody said that it is to be left alone.
    Unwatched,
}

/// What is seen of a process in a cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Whether it runs.
    pub is_running: bool,
    /// Whether the command that starts it still does, within its time.
    pub is_starting: bool,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Its share of one core in percent since the last cycle, where there was one.
    pub cpu: Option<f64>,
    /// Whether its port takes connections; none where it has none.
    pub port: Option<bool>,
    /// Whether all that it depends on is up.
    pub are_needs_up: bool,
    /// Time, of a clock that does not jump.
    pub now: Duration,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Nothing,
    /// Start it: it does not run.
    Start,
    /// Stop it and start it again.
    Restart,
}

/// One kept process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    phase: Phase,
    cycle: u64,
    restarts: VecDeque<u64>,
    over_memory: u32,
    over_cpu: u32,
    port_down: u32,
    /// Whether it was stopped for another's sake: its next start is not its own.
    is_held: bool,
    given_up_at: Option<Duration>,
    /// How often it was given up in a row.
    given_up: u32,
    why: String,
}

impl Service {
    /// What it is in.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// One line of what was done last and why.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Restarts within the cycles that count.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        u32::try_from(self.restarts.len()).unwrap_or(u32::MAX)
    }

    /// A cycle.
    pub fn step(&mut self, rules: &Keep, seen: &Seen) -> Act {
        self.cycle += 1;
        let give_up = rules.give_up();
        self.forget(give_up);
        if !self.is_watched(rules, seen) {
            return Act::Nothing;
        }
        let over = self.limits(rules, seen);
        match (seen.is_running, over) {
            (true, None) => {
                self.rise();
                Act::Nothing
            }
            (true, Some(why)) => self.again(give_up, seen.now, Act::Restart, why),
            (false, _) if !seen.are_needs_up => {
                self.phase = Phase::Waiting;
                "waits for what it depends on".clone_into(&mut self.why);
                Act::Nothing
            }
            (false, _) if seen.is_starting => Act::Nothing,
            (false, _) => self.again(give_up, seen.now, Act::Start, "does not run".to_owned()),
        }
    }

    /// It is stopped because what it depends on is restarted: the start that follows is not counted.
    pub fn hold(&mut self) {
        if !matches!(self.phase, Phase::GivenUp | Phase::Unwatched) {
            self.phase = Phase::Waiting;
            self.is_held = true;
            "was stopped for what it depends on".clone_into(&mut self.why);
        }
    }

    /// It could not be started.
    pub fn failed(&mut self, why: &str) {
        self.why = format!("cannot be started: {why}");
    }

    /// Leaves it alone until [`Service::watch`].
    pub fn unwatch(&mut self) {
        *self = Self {
            phase: Phase::Unwatched,
            why: "is left alone, as was said".to_owned(),
            ..Self::default()
        };
    }

    /// Takes it up again, as if it were new.
    pub fn watch(&mut self) {
        if matches!(self.phase, Phase::Unwatched | Phase::GivenUp) {
            *self = Self::default();
        }
    }

    fn is_watched(&mut self, rules: &Keep, seen: &Seen) -> bool {
        match self.phase {
            Phase::Unwatched => false,
            Phase::GivenUp => {
                let is_time = self.again_at(rules).is_some_and(|at| seen.now >= at);
                let is_well = seen.is_running && seen.port != Some(false);
                if is_well || is_time {
                    self.phase = Phase::Starting;
                    self.restarts.clear();
                }
                is_well || is_time
            }
            _ => true,
        }
    }

    fn again_at(&self, rules: &Keep) -> Option<Duration> {
        let first = rules.again_after?.get();
        let doubled = first.saturating_mul(1 << self.given_up.saturating_sub(1).min(16));
        Some(self.given_up_at? + doubled.min(AGAIN_MAX))
    }

    fn rise(&mut self) {
        if self.phase != Phase::Up {
            self.phase = Phase::Up;
            "runs".clone_into(&mut self.why);
        }
        self.is_held = false;
        if self.restarts.is_empty() {
            self.given_up = 0;
        }
    }

    fn again(&mut self, give_up: Often, now: Duration, act: Act, why: String) -> Act {
        self.over_memory = 0;
        self.over_cpu = 0;
        self.port_down = 0;
        if std::mem::take(&mut self.is_held) {
            self.phase = Phase::Starting;
            "is started after what it depends on".clone_into(&mut self.why);
            return act;
        }
        if self.restarts() >= give_up.times {
            self.phase = Phase::GivenUp;
            self.given_up_at = Some(now);
            self.given_up += 1;
            self.why = format!(
                "{why}; given up after {} restarts in {} cycles",
                give_up.times, give_up.cycles
            );
            return Act::Nothing;
        }
        self.restarts.push_back(self.cycle);
        self.phase = Phase::Starting;
        self.why = format!(
            "{why}; restart {} of {} in {} cycles",
            self.restarts(),
            give_up.times,
            give_up.cycles
        );
        act
    }

    /// Forgets restarts that are too long ago to count.
    fn forget(&mut self, give_up: Often) {
        let from = (self.cycle + 1).saturating_sub(u64::from(give_up.cycles));
        self.restarts.retain(|cycle| *cycle >= from);
    }

    /// Counts cycles over limits, and says which has been over for too long.
    fn limits(&mut self, rules: &Keep, seen: &Seen) -> Option<String> {
        let count = |counter: &mut u32, is_over: bool| {
            *counter = if is_over && seen.is_running {
                counter.saturating_add(1)
            } else {
                0
            };
            *counter >= rules.for_cycles()
        };
        let memory = rules.memory_max.filter(|Size(max)| seen.memory > max.get());
        let cpu = rules
            .cpu_max
            .zip(seen.cpu)
            .filter(|(Share(max), cpu)| cpu > max);
        let port = rules.port.as_ref().filter(|_| seen.port == Some(false));
        let is_over_memory = count(&mut self.over_memory, memory.is_some());
        let is_over_cpu = count(&mut self.over_cpu, cpu.is_some());
        let is_port_down = count(&mut self.port_down, port.is_some());
        let cycles = rules.for_cycles();
        match (memory, cpu, port) {
            (Some(max), _, _) if is_over_memory => Some(format!(
                "has {} bytes, more than {max}, for {cycles} cycles",
                seen.memory
            )),
            (_, Some((max, cpu)), _) if is_over_cpu => Some(format!(
                "takes {cpu:.0}% of a core, more than {max}, for {cycles} cycles"
            )),
            (_, _, Some(port)) if is_port_down => {
                Some(format!("does not answer at {port} for {cycles} cycles"))
            }
            _ => None,
        }
    }
}

/// How long a process that was given up is left alone at first, for people.
#[must_use]
pub fn again_text(rules: &Keep) -> String {
    let after = rules.again_after;
    after.map_or_else(String::new, |after| format!("; tried again after {after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Keep {
        let text = format!("[keep.a]\nprocess = {{ matching = \"a\" }}\nstart = \"a\"\n{text}\n");
        let settings =
            crate::check::config::Settings::parse("t", &text, crate::check::config::Form::Toml);
        settings.unwrap().keep["a"].clone()
    }

    const DOWN: Seen = Seen {
        is_running: false,
        is_starting: false,
        memory: 0,
        cpu: None,
        port: None,
        are_needs_up: true,
        now: Duration::ZERO,
    };
    const UP: Seen = Seen {
        is_running: true,
        ..DOWN
    };

    #[test]
    fn a_dead_process_is_started_in_the_cycle_that_sees_it() {
        let rules = rules("");
        let mut service = Service::default();
        assert_eq!(service.step(&rules, &UP), Act::Nothing);
        assert_eq!(service.step(&rules, &DOWN), Act::Start);
        assert_eq!(service.why(), "does not run; restart 1 of 5 in 10 cycles");
        let starting = Seen {
            is_starting: true,
            ..DOWN
        };
        assert_eq!(service.step(&rules, &starting), Act::Nothing);
        assert_eq!(service.step(&rules, &UP), Act::Nothing);
        assert_eq!(service.phase(), Phase::Up);
    }

    #[test]
    fn it_is_given_up_after_so_many_restarts_in_so_many_cycles() {
        let rules = rules("give_up = \"3 in 5\"");
        let mut service = Service::default();
        for _ in 0..3 {
            assert_eq!(service.step(&rules, &DOWN), Act::Start);
        }
        assert_eq!(service.step(&rules, &DOWN), Act::Nothing);
        assert_eq!(service.phase(), Phase::GivenUp);
        assert_eq!(
            service.why(),
            "does not run; given up after 3 restarts in 5 cycles"
        );
        for _ in 0..20 {
            assert_eq!(
                service.step(&rules, &DOWN),
                Act::Nothing,
                "it is left alone"
            );
        }
        // Somebody has started it.
        assert_eq!(service.step(&rules, &UP), Act::Nothing);
        assert_eq!((service.phase(), service.restarts()), (Phase::Up, 0));
    }

    #[test]
    fn restarts_further_apart_are_not_too_many() {
        let rules = rules("give_up = \"3 in 5\"");
        let mut service = Service::default();
        for _ in 0..20 {
            assert_eq!(service.step(&rules, &DOWN), Act::Start);
            assert_eq!(service.step(&rules, &UP), Act::Nothing);
        }
        assert!(service.restarts() <= 3);
    }

    #[test]
    fn what_was_given_up_is_tried_again_later_and_later() {
        let rules = rules("give_up = \"1 in 5\"\nagain_after = \"10m\"");
        let mut service = Service::default();
        let at = |minutes: u64| Seen {
            now: Duration::from_secs(minutes * 60),
            ..DOWN
        };
        let mut started = Vec::new();
        for minute in 0..200 {
            if service.step(&rules, &at(minute)) == Act::Start {
                started.push(minute);
            }
        }
        // Given up a minute after each start; then 10, 20, 40, 60 minutes.
        assert_eq!(started, [0, 11, 32, 73, 134, 195]);
    }

    #[test]
    fn a_limit_counts_when_it_is_passed_for_so_many_cycles_in_a_row() {
        let rules =
            rules("memory_max = \"1KiB\"\ncpu_max = \"50%\"\nport = \"a:1\"\nfor_cycles = 2");
        let well = Seen {
            port: Some(true),
            cpu: Some(10.0),
            ..UP
        };
        for (over, why) in [
            (
                Seen {
                    memory: 1025,
                    ..well
                },
                "has 1025 bytes, more than 1KiB, for 2 cycles",
            ),
            (
                Seen {
                    cpu: Some(80.0),
                    ..well
                },
                "takes 80% of a core, more than 50%, for 2 cycles",
            ),
            (
                Seen {
                    port: Some(false),
                    ..well
                },
                "does not answer at a:1 for 2 cycles",
            ),
        ] {
            let mut service = Service::default();
            assert_eq!(service.step(&rules, &over), Act::Nothing);
            assert_eq!(service.step(&rules, &well), Act::Nothing);
            assert_eq!(service.step(&rules, &over), Act::Nothing);
            assert_eq!(service.step(&rules, &over), Act::Restart);
            assert!(service.why().starts_with(why), "{}", service.why());
            assert_eq!(service.step(&rules, &over), Act::Nothing, "it counts anew");
        }
    }

    #[test]
    fn it_waits_for_what_it_depends_on_and_a_start_for_its_sake_is_not_counted() {
        let rules = rules("");
        let mut service = Service::default();
        service.step(&rules, &UP);
        service.hold();
        let waiting = Seen {
            are_needs_up: false,
            ..DOWN
        };
        assert_eq!(service.step(&rules, &waiting), Act::Nothing);
        assert_eq!(service.phase(), Phase::Waiting);
        assert_eq!(service.step(&rules, &DOWN), Act::Start);
        assert_eq!(service.restarts(), 0);
    }

    #[test]
    fn what_is_left_alone_is_taken_up_when_somebody_says_so() {
        let rules = rules("");
        let mut service = Service::default();
        service.unwatch();
        assert_eq!(service.step(&rules, &DOWN), Act::Nothing);
        service.watch();
        assert_eq!(service.step(&rules, &DOWN), Act::Start);
    }

    proptest::proptest! {
        #[test]
        fn there_are_never_more_restarts_in_a_window(seen in proptest::collection::vec(0_u8..4, 0..200), times in 1_u32..6, more in 0_u32..10) {
            let cycles = times + more;
            let rules = rules(&format!("give_up = \"{times} in {cycles}\""));
            let mut service = Service::default();
            let mut starts: Vec<bool> = Vec::new();
            for what in seen {
                let seen = Seen {
                    is_running: what == 0,
                    is_starting: what == 1,
                    ..DOWN
                };
                starts.push(service.step(&rules, &seen) == Act::Start);
                if service.phase() == Phase::GivenUp {
                    // Whoever takes it up again begins a new count.
                    break;
                }
            }
            for window in starts.windows(cycles as usize) {
                proptest::prop_assert!(window.iter().filter(|start| **start).count() <= times as usize);
            }
        }
    }
}
