//! Which invocation may run: reserved and shared concurrency, and how fast functions may scale. Pure.
//!
//! A function with reserved concurrency has that much and no more; all others share what nobody has reserved. Source: Lambda Developer
//! Guide, "Understanding Lambda function scaling", "Lambda scaling behavior".

use std::collections::BTreeMap;
use std::time::Duration;

use crate::function::FunctionName;

/// Invocations at once of the account, unless said. Source: Lambda quotas.
pub const CONCURRENCY: u32 = 1_000;
/// What is left for functions that reserve nothing. Source: as above, "Reserving concurrency".
pub const UNRESERVED_MIN: u32 = 100;
/// Environments of one function that may be started within [`SCALING_WITHIN`]. Source: "Lambda scaling behavior".
const SCALING_STARTS: u32 = 1_000;
/// See [`SCALING_STARTS`].
const SCALING_WITHIN: Duration = Duration::from_secs(10);

/// Why an invocation may not run now; on the wire `TooManyRequestsException`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Throttle {
    /// The function runs as often as it has reserved.
    #[error("the function's reserved concurrency is used up")]
    Reserved,
    /// The account runs as much as it may, or this machine as much as it can.
    #[error("the concurrency that nobody has reserved is used up")]
    Concurrency,
    /// The function starts environments faster than it may.
    #[error("the function scales faster than it may")]
    Scaling,
}

impl Throttle {
    /// AWS's name for it, the member `Reason`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Reserved => "ReservedFunctionConcurrentInvocationLimitExceeded",
            Self::Concurrency => "ConcurrentInvocationLimitExceeded",
            Self::Scaling => "FunctionInvocationRateLimitExceeded",
        }
    }
}

/// An invocation that runs, as it was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    name: FunctionName,
    is_reserved: bool,
}

/// Who runs how often.
#[derive(Debug)]
pub(super) struct Admission {
    concurrency: u32,
    reserved: u32,
    running: BTreeMap<FunctionName, u32>,
    total: u32,
    shared: u32,
    /// Until when the starts of a function are spent, evenly spaced.
    spent: BTreeMap<FunctionName, Duration>,
}

impl Admission {
    pub(super) const fn new(concurrency: u32) -> Self {
        Self {
            concurrency,
            reserved: 0,
            running: BTreeMap::new(),
            total: 0,
            shared: 0,
            spent: BTreeMap::new(),
        }
    }

    /// What all functions together have reserved.
    pub(super) const fn set_reserved(&mut self, total: u32) {
        self.reserved = total;
    }

    /// What functions share that reserve nothing.
    pub(super) const fn unreserved(&self) -> u32 {
        self.concurrency.saturating_sub(self.reserved)
    }

    /// Counts an invocation of a function, if it may run.
    pub(super) fn admit(
        &mut self,
        name: &FunctionName,
        reserved: Option<u32>,
    ) -> Result<Counted, Throttle> {
        let own = self.running(name);
        match reserved {
            Some(most) if own >= most => return Err(Throttle::Reserved),
            None if self.shared >= self.unreserved() => return Err(Throttle::Concurrency),
            Some(_) | None => {}
        }
        *self.running.entry(name.clone()).or_default() += 1;
        self.total += 1;
        self.shared += u32::from(reserved.is_none());
        Ok(Counted {
            name: name.clone(),
            is_reserved: reserved.is_some(),
        })
    }

    /// It has ended.
    pub(super) fn release(&mut self, counted: &Counted) {
        self.total = self.total.saturating_sub(1);
        if !counted.is_reserved {
            self.shared = self.shared.saturating_sub(1);
        }
        if let Some(count) = self.running.get_mut(&counted.name) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.running.remove(&counted.name);
            }
        }
    }

    /// Takes note of a new environment at `now`, if it may be started.
    pub(super) fn start(&mut self, name: &FunctionName, now: Duration) -> Result<(), Throttle> {
        self.spent.retain(|_, until| *until > now);
        let until = self.spent.get(name).copied().unwrap_or(now) + SCALING_WITHIN / SCALING_STARTS;
        if until.saturating_sub(now) > SCALING_WITHIN {
            return Err(Throttle::Scaling);
        }
        self.spent.insert(name.clone(), until);
        Ok(())
    }

    /// How many invocations of a function run.
    pub(super) fn running(&self, name: &FunctionName) -> u32 {
        self.running.get(name).copied().unwrap_or_default()
    }

    /// How many invocations run of functions that reserve nothing.
    pub(super) const fn shared(&self) -> u32 {
        self.shared
    }

    /// How many invocations run.
    pub(super) const fn total(&self) -> u32 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> FunctionName {
        text.parse().unwrap()
    }

    #[test]
    fn reserved_concurrency_is_had_and_not_exceeded() {
        let mut admission = Admission::new(150);
        admission.set_reserved(50);
        let (a, b) = (name("a"), name("b"));
        let own: Vec<_> = (0..50)
            .map(|_| admission.admit(&a, Some(50)).unwrap())
            .collect();
        assert_eq!(admission.admit(&a, Some(50)), Err(Throttle::Reserved));
        let shared: Vec<_> = (0..100)
            .map(|_| admission.admit(&b, None).unwrap())
            .collect();
        assert_eq!(admission.admit(&b, None), Err(Throttle::Concurrency));
        admission.release(&own[0]);
        assert_eq!(admission.admit(&b, None), Err(Throttle::Concurrency));
        admission.release(&shared[0]);
        assert!(admission.admit(&b, None).is_ok());
        assert!(admission.admit(&a, Some(50)).is_ok());
    }

    #[test]
    fn a_function_that_reserves_nothing_at_all_does_not_run() {
        let mut admission = Admission::new(CONCURRENCY);
        assert_eq!(
            admission.admit(&name("a"), Some(0)),
            Err(Throttle::Reserved)
        );
        assert_eq!(admission.total(), 0);
    }

    #[test]
    fn a_function_scales_by_a_thousand_in_ten_seconds() {
        let mut admission = Admission::new(CONCURRENCY);
        let (a, b) = (name("a"), name("b"));
        let now = Duration::from_secs(7);
        for _ in 0..1_000 {
            admission.start(&a, now).unwrap();
        }
        assert_eq!(admission.start(&a, now), Err(Throttle::Scaling));
        assert_eq!(admission.start(&b, now), Ok(()));
        let later = now + Duration::from_secs(1);
        let more = (0..1_000)
            .filter(|_| admission.start(&a, later).is_ok())
            .count();
        assert_eq!(more, 100);
    }

    #[test]
    fn reasons_are_those_of_the_api() {
        assert_eq!(
            Throttle::Reserved.reason(),
            "ReservedFunctionConcurrentInvocationLimitExceeded"
        );
        assert_eq!(
            Throttle::Concurrency.reason(),
            "ConcurrentInvocationLimitExceeded"
        );
    }

    proptest! {
        #[test]
        fn what_runs_is_what_was_admitted_and_not_released(steps in prop::collection::vec((0_u8..3, any::<bool>()), 0..300)) {
            let mut admission = Admission::new(20);
            admission.set_reserved(5);
            let mut running = Vec::new();
            for (who, leaves) in steps {
                if leaves && !running.is_empty() {
                    let counted = running.remove(usize::from(who) % running.len());
                    admission.release(&counted);
                } else {
                    let reserved = (who == 0).then_some(5);
                    running.extend(admission.admit(&name(&format!("f{who}")), reserved));
                }
                let own = running.iter().filter(|counted| counted.is_reserved).count();
                prop_assert!(own <= 5 && running.len() - own <= 15);
                prop_assert_eq!(admission.total() as usize, running.len());
            }
        }
    }
}
