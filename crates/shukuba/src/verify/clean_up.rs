//! How what a trial made, or may have made, is taken away: what runs first, then what it runs by, then what it wrote to.

use std::time::Duration;

use delivery::port::Error;

use super::{Check, Package, State, Step, step};
use crate::signal::Stop;

/// Longest time for the clean-up. Chosen.
const CLEANUP_TIME: Duration = Duration::from_secs(120);
/// How often the functions' log groups are taken away, and the time before each: what was printed last comes late, and makes its
/// group anew where that is not AWS but a server of ours.
const GROUP_TRIES: u32 = 2;
const GROUP_EVERY: Duration = Duration::from_secs(2);

/// What was to be taken away, and whether it is gone.
type Gone = Vec<(String, Result<(), Error>)>;

impl Check<'_> {
    /// Takes away what may have been made, and says what is left.
    pub(super) async fn clean_up(&self, steps: &mut Vec<Step>, stop: &mut Stop) -> Vec<String> {
        if self.order.keeps {
            return self.tried();
        }
        let begun = self.clock.monotonic();
        let outcomes = tokio::select! {
            outcomes = self.take_away() => Ok(outcomes),
            () = tokio::time::sleep(CLEANUP_TIME) => Err(format!("not done in {} s", CLEANUP_TIME.as_secs())),
            () = stop.wait() => Err("interrupted".to_owned()),
        };
        let took = self.clock.monotonic().saturating_sub(begun);
        let (left, said): (Vec<String>, Vec<String>) = match outcomes {
            Ok(outcomes) => {
                let failed = outcomes.into_iter();
                let failed =
                    failed.filter_map(|(what, gone)| Some((what, gone.err()?.to_string())));
                failed.unzip()
            }
            Err(why) => (self.tried(), vec![why]),
        };
        let (state, detail) = match said.is_empty() {
            true => (State::Ok, "everything is taken away".to_owned()),
            false => (State::Failed, said.join("; ")),
        };
        steps.push(step("clean-up", state, detail, took));
        left
    }

    /// All that it makes, in words.
    pub(crate) fn all(&self) -> Vec<String> {
        let package = self.order.functions.as_ref();
        self.named(package.is_some_and(Package::makes_role), package.is_some())
    }

    /// All that may be there by now, in words.
    fn tried(&self) -> Vec<String> {
        self.named(self.tried.role, self.tried.functions)
    }

    fn named(&self, role: bool, functions: bool) -> Vec<String> {
        let names = &self.names;
        let mut all = vec![
            format!("queue {}", names.queue),
            format!("queue {}", names.dead),
            format!("bucket {}", names.bucket),
            format!("alarm {}", names.alarm),
        ];
        if role {
            all.push(format!("role {}", names.role));
        }
        if functions {
            for function in [&names.notifier, &names.scaler] {
                all.push(format!("function {function}"));
                all.push(format!("log group /aws/lambda/{function}"));
            }
        }
        all
    }

    async fn take_away(&self) -> Gone {
        let mut gone = Gone::new();
        let (names, trial) = (&self.names, &self.trial);
        if self.tried.functions {
            for function in [&names.notifier, &names.scaler] {
                let what = format!("function {function}");
                gone.push((what, trial.delete_function(function).await));
            }
            self.wait_for_last().await;
        }
        if self.tried.role {
            gone.push((format!("role {}", names.role), trial.delete_role().await));
        }
        let (alarm, queue, dead, bucket) = futures_util::join!(
            trial.delete_alarm(),
            trial.delete_queue(&names.queue),
            trial.delete_queue(&names.dead),
            trial.delete_bucket(),
        );
        gone.extend([
            (format!("alarm {}", names.alarm), alarm),
            (format!("queue {}", names.queue), queue),
            (format!("queue {}", names.dead), dead),
            (format!("bucket {}", names.bucket), bucket),
        ]);
        if self.tried.functions {
            gone.extend(self.delete_log_groups().await);
        }
        gone
    }

    async fn delete_log_groups(&self) -> Gone {
        let mut gone = Gone::new();
        for _ in 0..GROUP_TRIES {
            tokio::time::sleep(GROUP_EVERY).await;
            gone.clear();
            for function in [&self.names.notifier, &self.names.scaler] {
                let what = format!("log group /aws/lambda/{function}");
                gone.push((what, self.trial.delete_log_group(function).await));
            }
        }
        gone
    }
}
