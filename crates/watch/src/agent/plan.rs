//! The last plan of a private network that a host or a gateway was told: kept, taken up at the next start, carried out, tried again.
//!
//! INVARIANT: a plan is on the disk before it is carried out, so that who starts anew finds what is in place.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::private::write_private;
use tokio::time::Instant;
use tracing::warn;

/// The first wait after the server could not be asked, doubled up to [`WAIT_MAX`].
const WAIT: Duration = Duration::from_secs(1);
/// The longest such wait. Chosen: a host is back in its network soon after the server is.
const WAIT_MAX: Duration = Duration::from_secs(15);
/// The least time between two questions that brought nothing, and the wait before a plan that failed is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// Who carries out plans.
#[async_trait]
pub trait Carry<P>: Sync {
    /// Brings about what `plan` says, and logs what is new since the one before: none for the first one, and one that is tried
    /// again.
    ///
    /// # Errors
    /// What is not as it says, for people to read.
    async fn carry_out(&self, before: Option<&P>, plan: &P) -> Result<(), String>;
}

/// The last plan, and what became of it.
#[derive(Debug)]
pub struct LastPlan<P> {
    /// The plan. What its owner learns beside it may be written into it, and is kept by [`Self::keep`].
    pub plan: Option<P>,
    /// What went wrong with it, if anything did.
    pub problem: Option<String>,
    file: PathBuf,
    wait: Duration,
    /// What was logged since the server last answered.
    silence: Option<Silence>,
}

/// Why a server said nothing of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It did not answer.
    Away,
    /// It answered, and refused.
    Refused,
}

impl<P: Serialize + Send> LastPlan<P> {
    /// Begins with the plan that was [`kept`] in `file`, if there was one.
    pub async fn begin(by: &dyn Carry<P>, file: PathBuf, plan: Option<P>) -> Self {
        let mut last = Self {
            plan,
            problem: None,
            file,
            wait: WAIT,
            silence: None,
        };
        last.carry_out(by, None).await;
        last
    }

    async fn carry_out(&mut self, by: &dyn Carry<P>, before: Option<P>) {
        if let Some(plan) = &self.plan {
            self.problem = by.carry_out(before.as_ref(), plan).await.err();
        }
    }

    /// The server was asked at `asked`, and has answered: with another plan, or that there is none, when one that failed is tried
    /// again. Says how long to wait before the next question.
    pub async fn answered(
        &mut self,
        by: &dyn Carry<P>,
        asked: Instant,
        answer: Option<P>,
    ) -> Duration {
        self.wait = WAIT;
        self.silence = None;
        if answer.is_none() {
            if self.problem.is_some() {
                self.carry_out(by, None).await;
            }
            return PAUSE.saturating_sub(asked.elapsed());
        }
        let before = std::mem::replace(&mut self.plan, answer);
        self.keep();
        self.carry_out(by, before).await;
        self.problem.as_ref().map_or(Duration::ZERO, |_| PAUSE)
    }

    /// The server said nothing of a plan, and all stays as it is. Says how long to wait before the next question.
    pub fn unanswered(&mut self, silence: Silence, why: impl Display) -> Duration {
        if self.silence.replace(silence) != Some(silence) {
            match silence {
                Silence::Away => {
                    warn!(%why, "the server does not answer; private networks stay as they are");
                }
                Silence::Refused => {
                    warn!(%why, "the server refuses; private networks stay as they are");
                }
            }
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(WAIT_MAX);
        wait
    }

    /// Keeps it as it is now.
    pub fn keep(&self) {
        let text = serde_json::to_vec(&self.plan).unwrap_or_default();
        if let Err(error) = write_private(&self.file, &text) {
            warn!(%error, path = %self.file.display(), "the plan is not kept");
        }
    }
}

/// The plan that is kept in a file; none where there is no file.
///
/// # Errors
/// Where it cannot be read.
pub fn kept<P: DeserializeOwned>(file: &Path) -> io::Result<Option<P>> {
    match std::fs::read(file) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Nobody;

    #[async_trait]
    impl Carry<u64> for Nobody {
        async fn carry_out(&self, _: Option<&u64>, _: &u64) -> Result<(), String> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_away_is_asked_less_and_less_often_until_it_answers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plan.json");
        let mut last = LastPlan::begin(&Nobody, file.clone(), None).await;
        let mut wait = || last.unanswered(Silence::Away, "away").as_secs();
        assert_eq!([(); 6].map(|()| wait()), [1, 2, 4, 8, 15, 15]);
        let pause = last.answered(&Nobody, Instant::now(), Some(7)).await;
        assert_eq!(pause, Duration::ZERO);
        assert_eq!(last.unanswered(Silence::Away, "away again"), WAIT);
        assert_eq!(kept::<u64>(&file).unwrap(), Some(7));
    }
}
