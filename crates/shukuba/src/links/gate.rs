//! A network's gateway: asks the server what is to be, and has a driver carry it out.
//!
//! The server is asked with the generation that is in place, and answers when there is another one. The last plan is kept: a gateway
//! that starts anew while the server is away carries on with that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use net::plan::PeerReport;
use net::refusal::Refused;
use net::{GatewayPlan, GatewayReport, PublicKey};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use watch::agent::plan::{self, Carry, LastPlan, Silence};

use crate::client::Error;
use crate::client::admin::Admin;

/// How often is looked who is up.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Peers of a report. Chosen: what the server takes; who was heard of last comes first.
const PEERS_MAX: usize = 1_000;

/// What carries a network's links.
#[async_trait]
pub(crate) trait GateDriver: Send + Sync + fmt::Debug {
    /// Brings about what `plan` says and takes away what it does not.
    async fn apply(&self, plan: &GatewayPlan) -> Result<(), String>;

    /// What is known of the peers.
    fn peers(&self) -> Vec<PeerReport>;

    /// What was refused since it began.
    async fn refused(&self) -> Refused;

    /// Waits until it has stopped by itself, and says why.
    async fn failed(&self) -> String;

    /// Takes all away but the rules.
    async fn stop(&self);
}

/// What is said of plans.
#[async_trait]
pub(crate) trait Center: Send + Sync {
    /// Tells how the gateway is, and waits for a plan of another generation than it has; none where there was none for a while.
    async fn ask(&self, report: &GatewayReport) -> anyhow::Result<Option<GatewayPlan>>;
}

/// What the server answers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The plan.
    pub(crate) plan: Option<GatewayPlan>,
}

#[async_trait]
impl Center for Admin {
    async fn ask(&self, report: &GatewayReport) -> anyhow::Result<Option<GatewayPlan>> {
        let answer: Answer = self.call("link-gateway", report).await?;
        Ok(answer.plan)
    }
}

/// A gateway.
pub(crate) struct Gate {
    pub(crate) driver: Arc<dyn GateDriver>,
    pub(crate) center: Box<dyn Center>,
    /// The network's id.
    pub(crate) network: String,
    pub(crate) key: PublicKey,
    /// Where it is reached from outside.
    pub(crate) endpoint: String,
    /// Its address in the network.
    pub(crate) inside: Option<std::net::Ipv4Addr>,
    /// Where the last plan is kept.
    pub(crate) kept: PathBuf,
}

impl Gate {
    /// Works until `stop` comes, or the driver has stopped by itself. Nothing is left then but the rules.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let ended = tokio::select! {
            ended = self.work() => ended,
            why = self.driver.failed() => Err(anyhow::anyhow!("the gateway's tunnel has stopped: {why}")),
            () = stop => Ok(()),
        };
        self.driver.stop().await;
        ended
    }

    async fn work(&self) -> anyhow::Result<()> {
        let kept = self.read()?;
        if let Some(plan) = &kept {
            info!(
                generation = plan.generation,
                "begins with the plan that it had"
            );
        }
        let mut last = LastPlan::begin(self, self.kept.clone(), kept).await;
        let mut is_first = true;
        loop {
            let asked = tokio::time::Instant::now();
            self.remember(&mut last);
            let mut report = self.report(&last).await;
            if std::mem::take(&mut is_first) {
                // The server knows better than a plan that was kept where hosts are.
                report.generation = 0;
            }
            let answer = tokio::select! {
                answer = self.center.ask(&report) => answer,
                () = self.until_others(&report) => continue,
            };
            let pause = match answer {
                Ok(plan) => last.answered(self, asked, plan).await,
                Err(error) if last.plan.is_none() && is_refused(&error) => return Err(error),
                Err(error) => {
                    let silence = match is_refused(&error) {
                        true => Silence::Refused,
                        false => Silence::Away,
                    };
                    last.unanswered(silence, format_args!("{error:#}"))
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Keeps where the peers are with the plan, so that a gateway that starts anew finds them at once.
    fn remember(&self, last: &mut LastPlan<GatewayPlan>) {
        let Some(plan) = &mut last.plan else {
            return;
        };
        let known = self.driver.peers().into_iter();
        let known: BTreeMap<_, _> = known.map(|peer| (peer.key, peer.endpoint)).collect();
        let links = plan.links.iter_mut();
        let links = links.filter_map(|link| Some((link.key?, &mut link.endpoint)));
        let peerings = plan.peerings.iter_mut();
        let peerings = peerings.map(|peering| (peering.key, &mut peering.endpoint));
        let mut is_news = false;
        for (key, endpoint) in links.chain(peerings) {
            let now = known.get(&key).copied().flatten();
            if now.is_some() && *endpoint != now {
                *endpoint = now;
                is_news = true;
            }
        }
        if is_news {
            last.keep();
        }
    }

    /// Until a peer is up or gone that was not: people wait for that, and the question for a plan would wait on.
    async fn until_others(&self, report: &GatewayReport) {
        let up = |peers: &[PeerReport]| -> BTreeSet<PublicKey> {
            let up = peers.iter().filter(|peer| peer.is_up);
            up.map(|peer| peer.key).collect()
        };
        let told = up(&report.peers);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if up(&self.peers()) != told {
                return;
            }
        }
    }

    fn peers(&self) -> Vec<PeerReport> {
        let mut peers = self.driver.peers();
        peers.sort_by_key(|peer| peer.handshake_ms_ago.unwrap_or(u64::MAX));
        peers.truncate(PEERS_MAX);
        peers
    }

    async fn report(&self, last: &LastPlan<GatewayPlan>) -> GatewayReport {
        let refused = self.driver.refused().await;
        GatewayReport {
            network: self.network.clone(),
            key: self.key,
            endpoint: self.endpoint.clone(),
            inside: self.inside,
            generation: last.plan.as_ref().map_or(0, |plan| plan.generation),
            problem: last.problem.clone(),
            peers: self.peers(),
            refused: refused.counts.total(),
            refusals: refused.counts,
            recent: refused.recent,
        }
    }

    fn read(&self) -> anyhow::Result<Option<GatewayPlan>> {
        let plan = plan::kept::<GatewayPlan>(&self.kept)
            .with_context(|| format!("`{}`", self.kept.display()))?;
        // The folder of another network's gateway.
        Ok(plan.filter(|plan| plan.network == self.network))
    }
}

#[async_trait]
impl Carry<GatewayPlan> for Gate {
    async fn carry_out(&self, _: Option<&GatewayPlan>, plan: &GatewayPlan) -> Result<(), String> {
        let done = self.driver.apply(plan).await;
        let (generation, links, peerings) =
            (plan.generation, plan.links.len(), plan.peerings.len());
        match &done {
            Ok(()) => info!(generation, links, peerings, "carried out"),
            Err(problem) => warn!(generation, %problem, "not all is as it should be"),
        }
        done
    }
}

/// Whether the server has answered, and said no.
fn is_refused(error: &anyhow::Error) -> bool {
    let is_usage = error.downcast_ref::<crate::app::Usage>().is_some();
    is_usage || matches!(error.downcast_ref::<Error>(), Some(Error::Refused { .. }))
}

/// The plan that the gateway of `network` had last, in its folder.
pub(crate) fn kept(state: &Path, network: &str) -> Option<GatewayPlan> {
    plan::kept(&file(state, network)).ok().flatten()
}

/// Where it is kept.
pub(crate) fn file(state: &Path, network: &str) -> PathBuf {
    state.join(network).join("plan.json")
}
