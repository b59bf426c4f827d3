//! From an attempt to a verdict: the class of the failure, when to try again, when to give up.
//!
//! Waits are drawn from zero to the schedule's bound (full jitter), are never shorter than a `Retry-After` within
//! its bounds, and never reach beyond the notification's age or deadline. A redirect is a failure with a name.
//!
//! A wait that might cross the deadline is drawn from the time that is left before it instead, less a whole attempt, so that
//! one more attempt comes and can end in time; what shares a deadline stays spread. A `Retry-After` beyond it is an expiry.

use std::time::Duration;

use base::Timestamp;

use crate::config::DestinationRules;
use crate::port::{Attempt, FailureClass, Reason, Verdict};
use crate::random::Random;

/// What is known of a notification when its attempt ends.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Now.
    pub at: Timestamp,
    /// When it was first accepted.
    pub accepted_at: Timestamp,
    /// Its deadline.
    pub expires_at: Option<Timestamp>,
    /// How long it is tried.
    pub retry_for: Duration,
}

/// The class of a failure; `None` for a success.
#[must_use]
pub fn class(attempt: &Attempt, rules: &DestinationRules) -> Option<FailureClass> {
    let Some(status) = attempt.status else {
        return Some(
            attempt
                .error
                .map_or(FailureClass::Server, |error| error.failure_class()),
        );
    };
    // An answer that broke off or ran out of time after its head is judged by the error.
    if let Some(error) = attempt.error {
        return Some(error.failure_class());
    }
    match status {
        300..=399 => Some(FailureClass::Redirect),
        _ if rules.is_success(status) => None,
        429 => Some(FailureClass::Limited),
        503 if attempt.retry_after.is_some() => Some(FailureClass::Limited),
        408 | 425 | 500..=599 => Some(FailureClass::Server),
        _ => Some(FailureClass::Client),
    }
}

/// What is to be done after `attempt`.
#[must_use]
pub fn judge(
    attempt: &Attempt,
    rules: &DestinationRules,
    case: &Case,
    random: &mut Random,
) -> Verdict {
    let Some(class) = class(attempt, rules) else {
        return Verdict::Delivered;
    };
    if class == FailureClass::Policy {
        let detail = attempt.detail.clone();
        return dead(Reason::Refused { detail });
    }
    let Some(bound) = rules.retry.schedule(class).bound(attempt.number) else {
        let detail = describe(attempt);
        return dead(Reason::Final { class, detail });
    };
    let gives_up_at = case.accepted_at.plus(case.retry_for);
    if case.at >= gives_up_at {
        let attempts = attempt.number;
        return dead(Reason::TooOld { attempts, class });
    }
    let bound = within_deadline(bound, class, rules, case);
    let at = case
        .at
        .plus(wait(attempt, bound, rules, random))
        .min(gives_up_at);
    match case.expires_at {
        Some(end) if at >= end => Verdict::Expired {
            deadline: rules.deadline.set_by(end, case.accepted_at),
        },
        _ => Verdict::RetryAt { at, class },
    }
}

/// The bound of a wait, less where a deadline comes before it: a whole attempt is to fit in between. No less than the
/// schedule's first, so that no receiver is tried faster and faster as the deadline comes near.
fn within_deadline(
    bound: Duration,
    class: FailureClass,
    rules: &DestinationRules,
    case: &Case,
) -> Duration {
    let Some(end) = case.expires_at else {
        return bound;
    };
    let room = end.since(case.at).saturating_sub(rules.timeout_total);
    let least = rules.retry.schedule(class).bound(1).unwrap_or(bound);
    bound.min(room.max(least))
}

/// How long a receiver that limits us is to be left alone.
#[must_use]
pub fn retry_after(attempt: &Attempt, rules: &DestinationRules) -> Option<Duration> {
    let asked = attempt.retry_after?;
    Some(
        asked
            .max(rules.retry.retry_after_min)
            .min(rules.retry.retry_after_max),
    )
}

fn wait(
    attempt: &Attempt,
    bound: Duration,
    rules: &DestinationRules,
    random: &mut Random,
) -> Duration {
    let jittered = random.span(bound);
    match retry_after(attempt, rules) {
        // A tenth more at most, so that all those refused at once do not come back at once.
        Some(asked) => jittered.max(asked + random.span(asked / 10)),
        None => jittered,
    }
}

fn dead(reason: Reason) -> Verdict {
    Verdict::Dead { reason }
}

fn describe(attempt: &Attempt) -> String {
    match (attempt.status, attempt.error) {
        (Some(status), _) if attempt.detail.is_empty() => format!("status {status}"),
        (Some(status), _) => format!("status {status}: {}", attempt.detail),
        (None, Some(error)) => format!("{error}: {}", attempt.detail),
        (None, None) => attempt.detail.clone(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::{Schedule, Statuses};
    use crate::deadline::{By, Deadline};
    use crate::port::{ErrorClass, Timings};
    use bytes::Bytes;

    pub(crate) fn attempt(status: Option<u16>, error: Option<ErrorClass>) -> Attempt {
        Attempt {
            number: 1,
            started: Timestamp::from_secs(1_000),
            address: None,
            http: None,
            status,
            error,
            detail: String::new(),
            timings: Timings::default(),
            excerpt: Bytes::new(),
            retry_after: None,
            sent: true,
            beside: None,
        }
    }

    fn case(age_secs: u64) -> Case {
        Case {
            at: Timestamp::from_secs(1_000 + age_secs),
            accepted_at: Timestamp::from_secs(1_000),
            expires_at: None,
            retry_for: Duration::from_secs(86_400),
        }
    }

    fn verdict(attempt: &Attempt, case: &Case) -> Verdict {
        judge(
            attempt,
            &DestinationRules::default(),
            case,
            &mut Random::of_seed(1),
        )
    }

    #[test]
    fn every_status_and_error_has_its_class() {
        use FailureClass::{Client, Limited, Network, Policy, Redirect, Server, Timeout};
        let rules = DestinationRules::default();
        for (status, expected) in [
            (200, None),
            (204, None),
            (101, Some(Client)),
            (302, Some(Redirect)),
            (304, Some(Redirect)),
            (400, Some(Client)),
            (408, Some(Server)),
            (425, Some(Server)),
            (429, Some(Limited)),
            (500, Some(Server)),
            (503, Some(Server)),
        ] {
            assert_eq!(
                class(&attempt(Some(status), None), &rules),
                expected,
                "{status}"
            );
        }
        for (error, expected) in [
            (ErrorClass::Dns, Network),
            (ErrorClass::Closed, Network),
            (ErrorClass::TotalTimeout, Timeout),
            (ErrorClass::Protocol, Server),
            (ErrorClass::Address, Policy),
        ] {
            assert_eq!(
                class(&attempt(None, Some(error)), &rules),
                Some(expected),
                "{error}"
            );
        }
        // Whatever its status, that says no more than the rules do.
        let not_recorded = attempt(Some(200), Some(ErrorClass::NotRecorded));
        assert_eq!(class(&not_recorded, &rules), Some(FailureClass::Unrecorded));
        let verdict = verdict(&not_recorded, &case(0));
        assert!(
            matches!(verdict, Verdict::Dead { reason } if reason.to_string() == "final unrecorded: status 200")
        );
        let mut busy = attempt(Some(503), None);
        busy.retry_after = Some(Duration::from_secs(7));
        assert_eq!(class(&busy, &rules), Some(Limited));
        assert_eq!(
            class(&attempt(Some(200), Some(ErrorClass::TotalTimeout)), &rules),
            Some(Timeout)
        );
    }

    #[test]
    fn the_classes_stand_in_their_order() {
        let places = FailureClass::ALL.map(|class| class as usize);
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_redirect_is_never_a_success_even_if_the_rules_say_so() {
        let rules = DestinationRules {
            success: vec![Statuses::range(200, 399)],
            ..DestinationRules::default()
        };
        assert_eq!(
            class(&attempt(Some(301), None), &rules),
            Some(FailureClass::Redirect)
        );
    }

    #[test]
    fn final_classes_give_up_at_once_and_say_why() {
        let Verdict::Dead { reason } = verdict(&attempt(Some(302), None), &case(0)) else {
            panic!("a redirect is final");
        };
        assert_eq!(reason.to_string(), "final redirect: status 302");
        assert!(matches!(
            verdict(&attempt(Some(404), None), &case(0)),
            Verdict::Dead { .. }
        ));
        let refused = attempt(None, Some(ErrorClass::Address));
        assert!(matches!(
            verdict(&refused, &case(0)),
            Verdict::Dead {
                reason: Reason::Refused { .. }
            }
        ));
    }

    #[test]
    fn age_gives_up_and_the_last_wait_ends_at_it() {
        let failed = Attempt {
            number: 99,
            ..attempt(Some(500), None)
        };
        for age in (0..86_400).step_by(977) {
            let Verdict::RetryAt { at, .. } = verdict(&failed, &case(age)) else {
                panic!("still young at {age}");
            };
            assert!(at <= Timestamp::from_secs(1_000 + 86_400));
        }
        assert!(matches!(
            verdict(&failed, &case(86_400)),
            Verdict::Dead {
                reason: Reason::TooOld { attempts: 99, .. }
            }
        ));
    }

    #[test]
    fn a_retry_beyond_the_own_deadline_is_an_expiry() {
        let case = Case {
            expires_at: Some(Timestamp::from_secs(1_000)),
            ..case(0)
        };
        let deadline = Deadline {
            at: Timestamp::from_secs(1_000),
            by: By::Line,
        };
        assert_eq!(
            verdict(&attempt(Some(500), None), &case),
            Verdict::Expired { deadline }
        );
        let mut limited = attempt(Some(429), None);
        limited.retry_after = Some(Duration::from_secs(60));
        let case = Case {
            expires_at: Some(Timestamp::from_secs(1_030)),
            ..case
        };
        assert!(matches!(verdict(&limited, &case), Verdict::Expired { .. }));
    }

    /// An hour's waits before a deadline in ten minutes, at a receiver that may take 15 s: the next attempt ends in time.
    #[test]
    fn the_last_wait_leaves_time_for_an_attempt_before_the_deadline() {
        let rules = DestinationRules::default();
        let mut random = Random::of_seed(3);
        let failed = Attempt {
            number: 6,
            ..attempt(Some(500), None)
        };
        let case = Case {
            expires_at: Some(Timestamp::from_secs(1_600)),
            ..case(0)
        };
        let (mut early, mut late) = (0, 0);
        for _ in 0..1000 {
            let Verdict::RetryAt { at, .. } = judge(&failed, &rules, &case, &mut random) else {
                panic!("there is time");
            };
            assert!(at <= Timestamp::from_secs(1_585), "{at}");
            early += u32::from(at < Timestamp::from_secs(1_100));
            late += u32::from(at > Timestamp::from_secs(1_485));
        }
        assert!(early > 100 && late > 100, "spread: {early} and {late}");
    }

    /// With less time than a first wait and an attempt, no receiver is hurried: chance says whether one more fits.
    #[test]
    fn a_near_deadline_makes_no_storm() {
        let rules = DestinationRules::default();
        let mut random = Random::of_seed(3);
        let failed = attempt(Some(500), None);
        let case = Case {
            expires_at: Some(Timestamp::from_secs(1_001)),
            ..case(0)
        };
        let again = (0..1000).filter(|_| {
            let verdict = judge(&failed, &rules, &case, &mut random);
            matches!(verdict, Verdict::RetryAt { .. })
        });
        let again = again.count();
        assert!((150..250).contains(&again), "a fifth of 5 s: {again}");
    }

    #[test]
    fn jitter_is_full_and_even() {
        let rules = DestinationRules::default();
        let mut random = Random::of_seed(7);
        let mut quarters = [0u32; 4];
        for _ in 0..10_000 {
            let failed = Attempt {
                number: 3,
                ..attempt(Some(500), None)
            };
            let Verdict::RetryAt { at, .. } = judge(&failed, &rules, &case(0), &mut random) else {
                panic!("retried");
            };
            // The third wait is drawn from 0 to 120 s.
            let secs = at.since(Timestamp::from_secs(1_000)).as_secs();
            quarters[usize::try_from(secs / 30).unwrap().min(3)] += 1;
        }
        assert!(
            quarters.iter().all(|count| (2_350..2_650).contains(count)),
            "{quarters:?}"
        );
    }

    #[test]
    fn retry_after_is_obeyed_within_its_bounds() {
        for (asked, least, most) in [(0, 1, 5), (60, 60, 66), (999_999, 3_600, 3_960)] {
            let mut limited = attempt(Some(429), None);
            limited.retry_after = Some(Duration::from_secs(asked));
            let Verdict::RetryAt { at, class } = verdict(&limited, &case(0)) else {
                panic!("retried");
            };
            let wait = at.since(Timestamp::from_secs(1_000));
            assert_eq!(class, FailureClass::Limited);
            assert!(
                wait >= Duration::from_secs(least) && wait <= Duration::from_secs(most),
                "{asked}: {wait:?}"
            );
        }
    }

    #[test]
    fn a_class_of_its_own_schedule_goes_by_it() {
        let mut rules = DestinationRules::default();
        rules.retry.client = Schedule::of_secs(&[1]);
        let verdict = judge(
            &attempt(Some(404), None),
            &rules,
            &case(0),
            &mut Random::of_seed(1),
        );
        assert!(matches!(
            verdict,
            Verdict::RetryAt {
                class: FailureClass::Client,
                ..
            }
        ));
    }
}
