//! Which event is tried when, and when it is given up. Pure.
//!
//! An error of the function is answered by at most two more tries, one and two minutes later; an event that finds no room is tried again
//! after 1 s, 2 s, 4 s and so on to 5 minutes, as long as it is not too old. Source: Lambda Developer Guide, "How Lambda handles errors and
//! retries with asynchronous invocation".

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::function::FunctionName;
use crate::port::EventRules;

/// Events that wait or run. Chosen: some 400 bytes of memory each.
pub const EVENTS_MAX: usize = 100_000;
/// Bytes of their payloads on disk. Chosen.
pub const EVENTS_BYTES_MAX: u64 = 1 << 30;
/// Events of one function that are run at once, so that the others have their turn. Chosen.
pub(super) const FUNCTION_RUNNING_MAX: usize = 128;
/// How long an event waits after each error of the function.
const AFTER_ERROR: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
/// How long an event waits that found no room, at first.
const AFTER_THROTTLE: Duration = Duration::from_secs(1);
/// How long it waits at most.
const AFTER_THROTTLE_MAX: Duration = Duration::from_secs(300);

/// An event, as it is kept; its payload lies beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Event {
    /// The request id.
    pub(super) id: String,
    pub(super) function: FunctionName,
    /// The version or alias that was named.
    pub(super) qualifier: Option<String>,
    pub(super) accepted: Timestamp,
    /// Tries that the function ended.
    pub(super) tries: u32,
    /// Tries that found no room since.
    pub(super) throttles: u32,
    /// When it is tried next.
    pub(super) due: Timestamp,
    /// Of its payload.
    pub(super) bytes: u64,
    pub(super) client_context: Option<String>,
    pub(super) trace: Option<String>,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// The function answered.
    Answered,
    /// The function failed.
    Failed,
    /// There was no room, or the server could not run it.
    Throttled,
    /// Its owner lets it not run at all.
    Forbidden,
    /// There was no try, the event being too old.
    TooOld,
    /// There is no such function any more.
    Gone,
    /// The server stopped; nothing is known.
    CutOff,
}

/// Why an event is over, as records say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
}

impl Condition {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
        }
    }
}

/// What happens to events.
#[derive(Debug)]
pub(super) enum Command<'a> {
    /// One is there, durably.
    Accept(Event),
    /// So many may be begun.
    Start { free: usize },
    /// A try has ended.
    Tried {
        id: &'a str,
        tried: Tried,
        rules: &'a EventRules,
    },
    /// One is over, durably.
    Forget { id: &'a str },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Try it.
    Run(Event),
    /// It waits again: keep what it is now.
    Keep(Event),
    /// It is over: tell whoever wants to know, then forget it.
    Over(Event, Condition),
}

/// All events.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    events: BTreeMap<String, Event>,
    waiting: BTreeMap<FunctionName, BTreeSet<(Timestamp, String)>>,
    running: BTreeMap<FunctionName, usize>,
    bytes: u64,
    /// The function that was served last.
    last: Option<FunctionName>,
}

impl Backlog {
    /// Whether one more may be taken.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.events.len() < EVENTS_MAX && self.bytes.saturating_add(bytes) <= EVENTS_BYTES_MAX
    }

    /// How many there are, those included that run.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// When the next one is due, of those that may be begun.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let open = self.waiting.iter().filter(|(name, _)| self.is_open(name));
        open.filter_map(|(_, waiting)| waiting.first().map(|(due, _)| *due))
            .min()
    }

    /// Applies `command` at `at`, and says what is to be done.
    pub(super) fn apply(&mut self, at: Timestamp, command: Command<'_>) -> Vec<Effect> {
        match command {
            Command::Accept(event) => {
                self.bytes = self.bytes.saturating_add(event.bytes);
                self.wait(event);
                Vec::new()
            }
            Command::Start { free } => self.start(at, free),
            Command::Tried { id, tried, rules } => {
                self.tried(at, id, tried, rules).into_iter().collect()
            }
            Command::Forget { id } => {
                if let Some(event) = self.events.remove(id) {
                    self.bytes = self.bytes.saturating_sub(event.bytes);
                    self.stopped(&event.function);
                }
                Vec::new()
            }
        }
    }

    /// Functions take turns.
    fn start(&mut self, at: Timestamp, free: usize) -> Vec<Effect> {
        let mut begun = Vec::new();
        while begun.len() < free
            && let Some(name) = self.next_function(at)
        {
            let due = self
                .waiting
                .get_mut(&name)
                .and_then(|waiting| waiting.pop_first());
            if self.waiting.get(&name).is_some_and(BTreeSet::is_empty) {
                self.waiting.remove(&name);
            }
            if let Some(event) = due.and_then(|(_, id)| self.events.get(&id)) {
                *self.running.entry(name.clone()).or_default() += 1;
                begun.push(Effect::Run(event.clone()));
            }
            self.last = Some(name);
        }
        begun
    }

    fn next_function(&self, at: Timestamp) -> Option<FunctionName> {
        let is_due = |(name, waiting): &(&FunctionName, &BTreeSet<(Timestamp, String)>)| {
            self.is_open(name) && waiting.first().is_some_and(|(due, _)| *due <= at)
        };
        let after = self
            .waiting
            .iter()
            .filter(|(name, _)| self.last.as_ref().is_none_or(|last| *name > last));
        let (name, _) = after.chain(&self.waiting).find(is_due)?;
        Some(name.clone())
    }

    fn is_open(&self, name: &FunctionName) -> bool {
        self.running.get(name).copied().unwrap_or_default() < FUNCTION_RUNNING_MAX
    }

    fn tried(
        &mut self,
        at: Timestamp,
        id: &str,
        tried: Tried,
        rules: &EventRules,
    ) -> Option<Effect> {
        let mut event = self.events.get(id)?.clone();
        let over = verdict(&mut event, tried, rules, at);
        self.events.insert(event.id.clone(), event.clone());
        if let Some(condition) = over {
            return Some(Effect::Over(event, condition));
        }
        self.stopped(&event.function);
        self.wait(event.clone());
        (tried != Tried::CutOff).then_some(Effect::Keep(event))
    }

    fn wait(&mut self, event: Event) {
        let waiting = self.waiting.entry(event.function.clone()).or_default();
        waiting.insert((event.due, event.id.clone()));
        self.events.insert(event.id.clone(), event);
    }

    fn stopped(&mut self, name: &FunctionName) {
        if let Some(count) = self.running.get_mut(name) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.running.remove(name);
            }
        }
    }
}

/// When an event is too old.
pub(super) fn too_old_at(event: &Event, rules: &EventRules) -> Timestamp {
    let age = Duration::from_secs(rules.age_secs.into());
    event.accepted.plus(age)
}

/// Takes note of a try: the event waits again, or is over.
fn verdict(
    event: &mut Event,
    tried: Tried,
    rules: &EventRules,
    at: Timestamp,
) -> Option<Condition> {
    let wait = match tried {
        Tried::Answered | Tried::Failed => {
            event.tries += 1;
            event.throttles = 0;
            if tried == Tried::Answered {
                return Some(Condition::Success);
            }
            let retry = usize::try_from(event.tries - 1).unwrap_or(usize::MAX);
            match AFTER_ERROR
                .get(retry)
                .filter(|_| event.tries <= rules.retries)
            {
                Some(wait) => *wait,
                None => return Some(Condition::RetriesExhausted),
            }
        }
        Tried::Throttled => {
            let doubled = AFTER_THROTTLE * 2_u32.saturating_pow(event.throttles.min(16));
            event.throttles = event.throttles.saturating_add(1);
            doubled.min(AFTER_THROTTLE_MAX)
        }
        Tried::Forbidden | Tried::Gone => return Some(Condition::RetriesExhausted),
        Tried::TooOld => return Some(Condition::EventAgeExceeded),
        Tried::CutOff => return None,
    };
    // It is given up when it becomes too old, not later.
    event.due = at.plus(wait).min(too_old_at(event, rules)).max(at);
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(secs: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + secs)
    }

    fn event(id: &str, function: &str) -> Event {
        Event {
            id: id.to_owned(),
            function: function.parse().unwrap(),
            qualifier: None,
            accepted: secs(0),
            tries: 0,
            throttles: 0,
            due: secs(0),
            bytes: 10,
            client_context: None,
            trace: None,
        }
    }

    fn start(backlog: &mut Backlog, at: u64) -> Vec<String> {
        let effects = backlog.apply(secs(at), Command::Start { free: 10 });
        let ids = effects.into_iter().map(|effect| match effect {
            Effect::Run(event) => event.id,
            other => panic!("{other:?}"),
        });
        ids.collect()
    }

    fn tried(backlog: &mut Backlog, at: u64, tried: Tried, rules: &EventRules) -> Effect {
        let effects = backlog.apply(
            secs(at),
            Command::Tried {
                id: "a",
                tried,
                rules,
            },
        );
        effects[0].clone()
    }

    #[test]
    fn an_error_is_followed_by_two_tries_after_one_and_two_minutes() {
        let (mut backlog, rules) = (Backlog::default(), EventRules::default());
        backlog.apply(secs(0), Command::Accept(event("a", "f")));
        assert_eq!(start(&mut backlog, 0), ["a"]);
        assert!(matches!(
            tried(&mut backlog, 3, Tried::Failed, &rules),
            Effect::Keep(_)
        ));
        assert_eq!(backlog.next_due(), Some(secs(63)));
        assert!(start(&mut backlog, 62).is_empty());
        assert_eq!(start(&mut backlog, 63), ["a"]);
        tried(&mut backlog, 64, Tried::Failed, &rules);
        assert_eq!(backlog.next_due(), Some(secs(184)));
        assert_eq!(start(&mut backlog, 184), ["a"]);
        let over = tried(&mut backlog, 185, Tried::Failed, &rules);
        let Effect::Over(event, Condition::RetriesExhausted) = over else {
            panic!("{over:?}");
        };
        assert_eq!(event.tries, 3);
        backlog.apply(secs(185), Command::Forget { id: "a" });
        assert_eq!((backlog.len(), backlog.bytes), (0, 0));
    }

    #[test]
    fn owners_may_have_fewer_tries() {
        for (retries, tries) in [(0, 1), (1, 2)] {
            let rules = EventRules {
                retries,
                ..EventRules::default()
            };
            let mut event = event("a", "f");
            let mut count = 1;
            while verdict(&mut event, Tried::Failed, &rules, secs(1)).is_none() {
                count += 1;
            }
            assert_eq!(count, tries);
        }
    }

    #[test]
    fn without_room_it_is_tried_until_it_is_too_old() {
        let (rules, mut event) = (EventRules::default(), event("a", "f"));
        let mut waits = Vec::new();
        let mut now = secs(0);
        while now < too_old_at(&event, &rules) {
            assert_eq!(verdict(&mut event, Tried::Throttled, &rules, now), None);
            waits.push(event.due.since(now).as_secs());
            now = event.due;
        }
        assert_eq!(waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert!(waits.iter().all(|wait| *wait <= 300));
        assert_eq!(now, secs(6 * 60 * 60));
        assert_eq!(
            verdict(&mut event, Tried::TooOld, &rules, now),
            Some(Condition::EventAgeExceeded)
        );
    }

    #[test]
    fn a_function_that_may_not_run_gives_its_events_up_at_once() {
        let mut event = event("a", "f");
        let over = verdict(
            &mut event,
            Tried::Forbidden,
            &EventRules::default(),
            secs(1),
        );
        assert_eq!(over, Some(Condition::RetriesExhausted));
        assert_eq!(event.tries, 0);
    }

    #[test]
    fn a_try_that_was_cut_off_is_made_again_and_counts_for_nothing() {
        let (mut backlog, rules) = (Backlog::default(), EventRules::default());
        backlog.apply(secs(0), Command::Accept(event("a", "f")));
        start(&mut backlog, 0);
        let command = Command::Tried {
            id: "a",
            tried: Tried::CutOff,
            rules: &rules,
        };
        assert!(backlog.apply(secs(5), command).is_empty());
        assert_eq!(backlog.events["a"], event("a", "f"));
        assert_eq!(start(&mut backlog, 5), ["a"]);
    }

    #[test]
    fn functions_take_turns_and_one_cannot_have_all_places() {
        let mut backlog = Backlog::default();
        for index in 0..200 {
            backlog.apply(
                secs(0),
                Command::Accept(event(&format!("a{index}"), "busy")),
            );
        }
        backlog.apply(secs(0), Command::Accept(event("b", "other")));
        let two = backlog.apply(secs(0), Command::Start { free: 2 });
        let functions: BTreeSet<String> = two
            .iter()
            .map(|effect| match effect {
                Effect::Run(event) => event.function.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(functions.len(), 2);
        let more = backlog.apply(secs(0), Command::Start { free: 1_000 });
        assert_eq!(more.len(), FUNCTION_RUNNING_MAX - 1);
        assert_eq!(backlog.next_due(), None);
    }

    #[test]
    fn the_backlog_is_bounded() {
        let mut backlog = Backlog::default();
        assert!(backlog.has_room(EVENTS_BYTES_MAX));
        backlog.apply(secs(0), Command::Accept(event("a", "f")));
        assert!(!backlog.has_room(EVENTS_BYTES_MAX));
    }

    proptest! {
        /// Whatever happens, an event is in one place, and only the end of it takes it away.
        #[test]
        fn no_event_is_lost(steps in prop::collection::vec((0_u8..8, 0_u8..6, 0_u64..200), 0..400)) {
            let rules = EventRules { age_secs: 600, ..EventRules::default() };
            let mut backlog = Backlog::default();
            let (mut running, mut known, mut now) = (Vec::new(), 0, 0);
            for (index, (what, which, passes)) in steps.into_iter().enumerate() {
                now += passes;
                match what {
                    0..3 => {
                        let mut event = event(&index.to_string(), &format!("f{which}"));
                        (event.accepted, event.due) = (secs(now), secs(now));
                        backlog.apply(secs(now), Command::Accept(event));
                        known += 1;
                    }
                    3..5 => running.extend(start(&mut backlog, now)),
                    _ if running.is_empty() => {}
                    _ => {
                        let id = running.remove(usize::from(which) % running.len());
                        let ways = [Tried::Answered, Tried::Failed, Tried::Throttled, Tried::TooOld, Tried::CutOff, Tried::Gone];
                        let tried = ways[usize::from(which)];
                        for effect in backlog.apply(secs(now), Command::Tried { id: &id, tried, rules: &rules }) {
                            if let Effect::Over(event, _) = effect {
                                backlog.apply(secs(now), Command::Forget { id: &event.id });
                                known -= 1;
                            }
                        }
                    }
                }
                let waiting: usize = backlog.waiting.values().map(BTreeSet::len).sum();
                prop_assert_eq!(waiting + running.len(), known);
                prop_assert_eq!(backlog.len(), known);
                prop_assert_eq!(backlog.running.values().sum::<usize>(), running.len());
            }
        }
    }
}
