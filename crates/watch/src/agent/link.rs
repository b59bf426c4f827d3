//! The host's part of private networks: asks the server what is to be, and has a driver carry it out.
//!
//! The server is asked with the generation that the host has, and answers when there is another one. What it said last is in the
//! agent's folder: an agent that starts anew while the server is away carries on with that.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use net::{HostPlan, HostReport, PublicKey};
use store::private::write_private;
use tokio::sync::watch;
use tracing::{info, warn};

use super::protocol::{Failed, Joined, LinkRequest, Server, VERSION};

/// The first wait after the server could not be asked, doubled up to [`WAIT_MAX`].
const WAIT: Duration = Duration::from_secs(1);
/// The longest such wait. Chosen: a host is back in its network soon after the server is.
const WAIT_MAX: Duration = Duration::from_secs(15);
/// The wait after a server has said that it does not do this.
const REFUSED_WAIT: Duration = Duration::from_secs(300);
/// The least time between two questions that brought nothing, and the wait before a plan that failed is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// What carries the host's link: keys, device, addresses, routes.
#[async_trait]
pub trait LinkDriver: Send + Sync + fmt::Debug {
    /// The key that the host has, or wants to have from now on. The private one is the driver's own.
    fn key(&self) -> PublicKey;

    /// Comes back when there is something to tell, such as another key.
    async fn changed(&self);

    /// Brings about what `plan` says and takes away what it does not. May be called again with the same plan.
    ///
    /// # Errors
    /// What is missing or does not work, for people to read. What was there before stays as far as it can.
    async fn apply(&self, plan: &HostPlan) -> Result<(), String>;

    /// Milliseconds since the last handshake with the gateway; `None` where there was none.
    fn handshake_ms_ago(&self) -> Option<u64>;

    /// Takes all away.
    async fn stop(&self);
}

/// Asks the server and tells the driver.
#[derive(Debug)]
pub(super) struct Linker {
    pub(super) driver: Arc<dyn LinkDriver>,
    pub(super) server: Arc<dyn Server>,
    pub(super) who: Joined,
    pub(super) run: String,
    /// Where the last plan is kept.
    pub(super) kept: PathBuf,
}

/// What was heard last.
#[derive(Debug, Default)]
struct Heard {
    plan: Option<HostPlan>,
    problem: Option<String>,
}

impl Linker {
    /// Works until `over` says that it is; then nothing is left of the link on the host.
    pub(super) async fn run(self, mut over: watch::Receiver<bool>) {
        tokio::select! {
            () = self.work() => {}
            () = crate::stopped(&mut over) => {}
        }
        self.driver.stop().await;
        // The goodbye that follows ends the link; the next start is told anew.
        if let Err(error) = remove(&self.kept) {
            warn!(%error, path = %self.kept.display(), "the plan of the link is not removed");
        }
    }

    async fn work(&self) {
        let mut heard = Heard::default();
        match read(&self.kept) {
            Ok(Some(plan)) => self.carry_out(&mut heard, plan).await,
            Ok(None) => {}
            Err(error) => {
                warn!(%error, path = %self.kept.display(), "the plan of the link is asked for anew")
            }
        }
        let mut wait = WAIT;
        loop {
            let asked = tokio::time::Instant::now();
            let answer = tokio::select! {
                answer = self.server.link(&self.who, self.request(&heard)) => answer,
                () = self.driver.changed() => continue,
            };
            let pause = match answer {
                Ok(Some(plan)) => {
                    wait = WAIT;
                    self.keep(&plan);
                    self.carry_out(&mut heard, plan).await;
                    heard.problem.as_ref().map_or(Duration::ZERO, |_| PAUSE)
                }
                Ok(None) => {
                    wait = WAIT;
                    self.try_again(&mut heard).await;
                    PAUSE.saturating_sub(asked.elapsed())
                }
                Err(Failed::Refused(why)) => {
                    warn!(%why, "this host takes part in no private network");
                    REFUSED_WAIT
                }
                Err(failed) => {
                    if wait == WAIT {
                        warn!(%failed, "private networks stay as they are");
                    }
                    let pause = wait;
                    wait = (wait * 2).min(WAIT_MAX);
                    pause
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.driver.changed() => {}
            }
        }
    }

    fn request(&self, heard: &Heard) -> LinkRequest {
        LinkRequest {
            version: VERSION,
            instance: self.who.instance_id.clone(),
            run: self.run.clone(),
            report: HostReport {
                key: self.driver.key(),
                generation: heard.plan.as_ref().map_or(0, |plan| plan.generation),
                problem: heard.problem.clone(),
                handshake_ms_ago: self.driver.handshake_ms_ago(),
            },
        }
    }

    async fn carry_out(&self, heard: &mut Heard, plan: HostPlan) {
        let done = self.driver.apply(&plan).await;
        match &done {
            Ok(()) => tell(heard.plan.as_ref(), &plan),
            Err(problem) => warn!(%problem, "the link is not as it should be"),
        }
        heard.problem = done.err();
        heard.plan = Some(plan);
    }

    /// Once more, where it failed.
    async fn try_again(&self, heard: &mut Heard) {
        if heard.problem.is_some()
            && let Some(plan) = heard.plan.take()
        {
            self.carry_out(heard, plan).await;
        }
    }

    fn keep(&self, plan: &HostPlan) {
        let text = serde_json::to_vec(plan).unwrap_or_default();
        if let Err(error) = write_private(&self.kept, &text) {
            warn!(%error, path = %self.kept.display(), "the plan of the link is not kept");
        }
    }
}

/// Says what is new.
fn tell(before: Option<&HostPlan>, now: &HostPlan) {
    let (before, link) = (
        before.and_then(|plan| plan.link.as_ref()),
        now.link.as_ref(),
    );
    match (before, link) {
        (_, Some(link)) if before != Some(link) => {
            info!(network = link.network, address = %link.address, "linked");
        }
        (Some(link), None) => info!(network = link.network, "not linked any more"),
        _ => {}
    }
}

fn read(path: &Path) -> std::io::Result<Option<HostPlan>> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
