//! What gateways and hosts say of private networks, and what they are told: they ask with what they have, and wait until it
//! is to be something else.

use std::time::Duration;

use net::{GatewayPlan, GatewayReport, HostPlan, HostReport};

use super::{Error, Instances};
use crate::engine::InstanceId;
use crate::engine::network::refused::Recent;
use crate::engine::network::report::{GatewaySays, Heard, HostSays};
use crate::engine::network::{ResourceId, VpcId};

impl Instances {
    /// Takes what the gateway of a network says, and gives its plan as soon as that is of another generation than it has
    /// carried out; `None` where it is not within `wait`.
    ///
    /// # Errors
    /// When there is no such network, another gateway serves it, its key is another's, or what it says is out of bounds.
    pub async fn serve_network(
        &self,
        report: GatewayReport,
        wait: Duration,
    ) -> Result<Option<GatewayPlan>, Error> {
        let vpc: VpcId = report.network.parse().map_err(|_| Error::Form {
            what: "a network's id is such as `vpc-0f1e2d3c4b5a69788`",
        })?;
        let (id, has) = (vpc.clone(), report.generation);
        let says = GatewaySays { vpc, report };
        let is_noted = self.inventory.lock().gateway_again(self.now(), &says);
        if !is_noted {
            self.change(says).await?;
        }
        let plan = || {
            let plan = self.inventory.lock().gateway_plan(&id);
            plan.map_err(crate::engine::Error::from)
        };
        let news = |plan: &GatewayPlan| plan.generation != has;
        self.wait_for(wait, plan, news).await
    }

    /// Takes what a host's agent says of its link, and gives its plan as soon as that is of another generation than it has
    /// carried out; `None` where it is not within `wait`. `access_key_id`: the key that has signed.
    ///
    /// # Errors
    /// When the key is not the one that the instance's agent has, or the host's own key is another's.
    pub async fn serve_host(
        &self,
        instance: &InstanceId,
        access_key_id: &str,
        report: HostReport,
        wait: Duration,
    ) -> Result<Option<HostPlan>, Error> {
        let has = report.generation;
        let says = HostSays {
            id: instance.clone(),
            access_key_id: access_key_id.to_owned(),
            report,
        };
        let is_noted = self.inventory.lock().host_again(self.now(), &says)?;
        if !is_noted {
            self.change(says).await?;
        }
        let plan = || self.inventory.lock().host_plan(instance);
        self.wait_for(wait, plan, |plan| plan.generation != has)
            .await
    }

    /// The plan as soon as it is news.
    async fn wait_for<P>(
        &self,
        wait: Duration,
        plan: impl Fn() -> Result<P, crate::engine::Error>,
        is_news: impl Fn(&P) -> bool,
    ) -> Result<Option<P>, Error> {
        let mut generations = self.generations.subscribe();
        let wait_on = async {
            loop {
                generations.mark_unchanged();
                let now = plan()?;
                if is_news(&now) {
                    return Ok(Some(now));
                }
                if generations.changed().await.is_err() {
                    return Ok(None);
                }
            }
        };
        let mut ending = self.is_ending.subscribe();
        tokio::select! {
            biased;
            found = wait_on => found,
            _ = ending.wait_for(|is_ending| *is_ending) => Ok(None),
            () = tokio::time::sleep(wait) => Ok(None),
        }
    }

    /// Answers those that wait for a plan, and lets nobody wait from now on: the server stops.
    pub fn end_waits(&self) {
        self.is_ending.send_replace(true);
    }

    /// Wakes those that wait for a plan, where any has changed.
    pub(super) fn tell_generation(&self) {
        let now = self.inventory.lock().networks().generation();
        self.generations.send_if_modified(|before| {
            let is_later = now > *before;
            *before = now.max(*before);
            is_later
        });
    }

    /// What a network's gateway has said last, since the start.
    #[must_use]
    pub fn gateway_report(&self, vpc: &VpcId) -> Option<Heard<GatewayReport>> {
        self.inventory.lock().reports().gateway(vpc).cloned()
    }

    /// What a network's gateway refused last, the newest first.
    #[must_use]
    pub fn refused_last(&self, vpc: &VpcId) -> Vec<Recent> {
        self.inventory.lock().refused_last(vpc)
    }

    /// What a host has said last of its link, since the start.
    #[must_use]
    pub fn host_report(&self, instance: &InstanceId) -> Option<Heard<HostReport>> {
        self.inventory.lock().reports().host(instance).cloned()
    }

    /// The ARN on which `shukuba:ServeLink` is allowed to a network's gateway.
    #[must_use]
    pub fn network_arn(&self, vpc: &str) -> base::Arn {
        self.place.arn(&format!("{}/{vpc}", VpcId::KIND))
    }
}
