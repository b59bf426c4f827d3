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
use tokio::sync::watch;
use tracing::{info, warn};

use super::plan::{self, Carry, LastPlan, Silence};
use super::protocol::{Failed, Joined, LinkRequest, Server, VERSION};

/// The wait after a server has said that it does not do this.
const REFUSED_WAIT: Duration = Duration::from_secs(300);

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
        let kept = plan::kept(&self.kept).unwrap_or_else(|error| {
            warn!(%error, path = %self.kept.display(), "the plan of the link is asked for anew");
            None
        });
        let mut last = LastPlan::begin(self, self.kept.clone(), kept).await;
        loop {
            let asked = tokio::time::Instant::now();
            let answer = tokio::select! {
                answer = self.server.link(&self.who, self.request(&last)) => answer,
                () = self.driver.changed() => continue,
            };
            let pause = match answer {
                Ok(plan) => last.answered(self, asked, plan).await,
                Err(Failed::Refused(why)) => {
                    warn!(%why, "this host takes part in no private network");
                    REFUSED_WAIT
                }
                Err(failed) => last.unanswered(Silence::Away, failed),
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.driver.changed() => {}
            }
        }
    }

    fn request(&self, last: &LastPlan<HostPlan>) -> LinkRequest {
        LinkRequest {
            version: VERSION,
            instance: self.who.instance_id.clone(),
            run: self.run.clone(),
            report: HostReport {
                key: self.driver.key(),
                generation: last.plan.as_ref().map_or(0, |plan| plan.generation),
                problem: last.problem.clone(),
                handshake_ms_ago: self.driver.handshake_ms_ago(),
            },
        }
    }
}

#[async_trait]
impl Carry<HostPlan> for Linker {
    async fn carry_out(&self, before: Option<&HostPlan>, plan: &HostPlan) -> Result<(), String> {
        let done = self.driver.apply(plan).await;
        match &done {
            Ok(()) => tell(before, plan),
            Err(problem) => warn!(%problem, "the link is not as it should be"),
        }
        done
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

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
