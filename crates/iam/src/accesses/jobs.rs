//! Reports on last accesses that wait to be fetched.

use std::collections::VecDeque;

use base::Timestamp;
use parking_lot::Mutex;

/// The most reports that wait; the oldest goes first. Chosen.
const JOBS_MAX: usize = 1_000;

/// A report that was asked for. It is made anew at each look, from what holds then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// A UUID.
    pub(crate) id: String,
    /// The ARN of who asked, who alone may fetch it.
    pub(crate) of: String,
    /// About whom or which policy.
    pub(crate) arn: String,
    /// Whether single actions are told.
    pub(crate) by_action: bool,
    /// When it was asked for.
    pub(crate) at: Timestamp,
}

/// The reports that wait.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<VecDeque<Job>>);

impl Jobs {
    pub(crate) fn add(&self, job: Job) {
        let mut jobs = self.0.lock();
        if jobs.len() >= JOBS_MAX {
            jobs.pop_front();
        }
        jobs.push_back(job);
    }

    /// The report with an id, for who asked for it.
    pub(crate) fn get(&self, id: &str, of: &str) -> Option<Job> {
        let jobs = self.0.lock();
        jobs.iter()
            .find(|job| job.id == id && job.of == of)
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: usize) -> Job {
        Job {
            id: id.to_string(),
            of: "me".to_owned(),
            arn: String::new(),
            by_action: false,
            at: Timestamp::default(),
        }
    }

    #[test]
    fn the_oldest_goes_first_and_only_its_owner_sees_one() {
        let jobs = Jobs::default();
        (0..=JOBS_MAX).for_each(|id| jobs.add(job(id)));
        assert_eq!(jobs.get("0", "me"), None);
        assert_eq!(jobs.get("1", "me"), Some(job(1)));
        assert_eq!(jobs.get("1", "you"), None);
    }
}
