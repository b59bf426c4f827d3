//! What gateways and hosts say of themselves: keys and endpoints are kept, counts are known until the next start.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use base::Timestamp;
use net::refusal::RECENT_MAX;
use net::{GatewayReport, HostReport, PublicKey, RefusedFlow};

use super::vpc::Gateway;
use super::{Error, VpcId, refused};
use crate::engine::{self, Command, Instance, InstanceId, Inventory, State};

/// How long a gateway that is not heard of keeps its network from others. Chosen: three questions of half a minute that
/// wait for a plan.
pub const GATEWAY_PATIENCE: Duration = Duration::from_secs(90);
/// Peers of a report. Chosen: as many as links and peerings of a network.
pub const PEERS_MAX: usize = super::classic::LINKS_MAX + super::peering::PEERINGS_MAX;
/// Characters of an endpoint. Source: RFC 1035 (253 of a name), and a port.
const ENDPOINT_CHARS_MAX: usize = 259;
/// Characters of what went wrong. Chosen; what is longer is cut.
const PROBLEM_CHARS_MAX: usize = 1024;

/// What was said last.
#[derive(Clone, Debug)]
pub struct Heard<T> {
    /// When.
    pub at: Timestamp,
    /// What.
    pub report: T,
}

/// What gateways and hosts have said since the start.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    gateways: BTreeMap<VpcId, Heard<GatewayReport>>,
    flows: BTreeMap<VpcId, Flows>,
    hosts: BTreeMap<InstanceId, Heard<HostReport>>,
}

/// Flows that were refused, each with when its gateway told of it first as it is; `None`: before the server's start.
pub(super) type Flows = Vec<(RefusedFlow, Option<Timestamp>)>;

impl Reports {
    /// What the gateway of a network has said last.
    #[must_use]
    pub fn gateway(&self, vpc: &VpcId) -> Option<&Heard<GatewayReport>> {
        self.gateways.get(vpc)
    }

    /// What the gateway of a network refused last.
    pub(super) fn flows(&self, vpc: &VpcId) -> &[(RefusedFlow, Option<Timestamp>)] {
        self.flows.get(vpc).map_or(&[], Vec::as_slice)
    }

    /// What a host has said last.
    #[must_use]
    pub fn host(&self, id: &InstanceId) -> Option<&Heard<HostReport>> {
        self.hosts.get(id)
    }
}

/// A gateway has reported.
#[derive(Clone, Debug)]
pub struct GatewaySays {
    /// The network.
    pub vpc: VpcId,
    /// What it says.
    pub report: GatewayReport,
}

/// A host has reported.
#[derive(Clone, Debug)]
pub struct HostSays {
    /// Its instance.
    pub id: InstanceId,
    /// The key of its credentials.
    pub access_key_id: String,
    /// What it says.
    pub report: HostReport,
}

impl GatewaySays {
    fn check(&self, inventory: &Inventory, at: Timestamp) -> Result<(), engine::Error> {
        let vpc = inventory.networks.vpcs.get(&self.vpc)?;
        let is_right = self.report.endpoint.chars().count() <= ENDPOINT_CHARS_MAX;
        if !is_right || self.report.peers.len() > PEERS_MAX {
            return Err(engine::Error::Facts {
                what: "a gateway's endpoint has at most 259 characters, and its report at most 1,050 peers",
            });
        }
        if let Some(gateway) = &vpc.gateway
            && gateway.key != self.report.key
        {
            let heard = inventory.gateway_heard(&self.vpc);
            if at.since(heard) < GATEWAY_PATIENCE {
                let vpc = self.vpc.clone();
                return Err(Error::GatewayTaken { vpc, heard }.into());
            }
        }
        let own = inventory.networks.vpcs.iter().find(|it| {
            let other = it.gateway.as_ref().filter(|_| it.id != self.vpc);
            other.is_some_and(|other| other.key == self.report.key)
        });
        match own.map(|vpc| vpc.id.to_string()) {
            Some(by) => Err(Error::KeyTaken { by }.into()),
            None => inventory
                .check_key(self.report.key, None)
                .map_err(Into::into),
        }
    }

    fn gateway(&self) -> Gateway {
        Gateway {
            key: self.report.key,
            endpoint: self.report.endpoint.clone(),
            inside: self.report.inside,
        }
    }

    /// Where peers are by their keys, each with its place in the report: one look for each link, not one through all peers.
    fn endpoints(&self) -> BTreeMap<PublicKey, (usize, SocketAddr)> {
        let peers = self.report.peers.iter().enumerate();
        let mut endpoints = BTreeMap::new();
        for (place, peer) in peers {
            if let Some(endpoint) = peer.endpoint {
                endpoints.entry(peer.key).or_insert((place, endpoint));
            }
        }
        endpoints
    }

    /// What changes of linked hosts: endpoints, and keys that the gateway now knows.
    fn changes(&self, inventory: &Inventory) -> Vec<(InstanceId, Change)> {
        let links = inventory.links_of(&self.vpc);
        let endpoints = self.endpoints();
        let changed = links.filter_map(|(instance, _)| {
            let place = &instance.place;
            let before = place.key_before.map(|(before, _)| before);
            let keys = place.key.into_iter().chain(before);
            let first = keys.filter_map(|key| endpoints.get(&key)).min();
            let endpoint = first.map(|(_, endpoint)| *endpoint);
            let endpoint = endpoint.filter(|endpoint| place.endpoint != Some(*endpoint));
            let since = place.key_before.map(|(_, since)| since);
            let is_known = since.is_some_and(|since| self.report.generation > since);
            let change = Change { endpoint, is_known };
            (endpoint.is_some() || is_known).then(|| (instance.id.clone(), change))
        });
        changed.collect()
    }
}

/// What changes of a linked host.
struct Change {
    endpoint: Option<SocketAddr>,
    /// Its gateway knows it by its newest key.
    is_known: bool,
}

impl Inventory {
    /// What gateways and hosts have said since the start.
    #[must_use]
    pub const fn reports(&self) -> &Reports {
        &self.reports
    }

    /// When the gateway of a network was heard of last: at the start at the earliest, before which nobody could be.
    fn gateway_heard(&self, vpc: &VpcId) -> Timestamp {
        let heard = self.reports.gateway(vpc).map(|heard| heard.at);
        heard
            .unwrap_or(self.listening_since)
            .max(self.listening_since)
    }

    /// Whether no host but `own` has the key.
    fn check_key(&self, key: PublicKey, own: Option<&InstanceId>) -> Result<(), Error> {
        let has = |it: &Instance| {
            it.place.key == Some(key)
                || it.place.key_before.is_some_and(|(before, _)| before == key)
        };
        let staying = self.iter().filter(|it| it.state != State::Terminated);
        let mut others = staying.filter(|it| Some(&it.id) != own);
        match others.find(|it| has(it)) {
            Some(other) => Err(Error::KeyTaken {
                by: other.id.to_string(),
            }),
            None => Ok(()),
        }
    }

    /// Notes what a gateway has said where nothing of it is to be kept: most reports.
    ///
    /// `false`: give it to [`Inventory::apply`].
    pub fn gateway_again(&mut self, at: Timestamp, says: &GatewaySays) -> bool {
        let vpc = self.networks.vpcs.get(&says.vpc);
        let is_same = vpc.is_ok_and(|vpc| vpc.gateway.as_ref() == Some(&says.gateway()));
        let is_plain = is_same && says.check(self, at).is_ok() && says.changes(self).is_empty();
        if is_plain {
            self.note_gateway(at, says.clone());
        }
        is_plain
    }

    fn note_gateway(&mut self, at: Timestamp, mut says: GatewaySays) {
        cut(&mut says.report.problem);
        says.report.recent.truncate(RECENT_MAX);
        let report = says.report;
        let (reports, known) = (&mut self.reports, &self.networks.vpcs);
        let flows = refused::told(reports.flows.get(&says.vpc), &report.recent, at);
        reports.flows.insert(says.vpc.clone(), flows);
        reports.gateways.insert(says.vpc, Heard { at, report });
        reports.gateways.retain(|vpc, _| known.get(vpc).is_ok());
        reports.flows.retain(|vpc, _| known.get(vpc).is_ok());
    }

    /// Notes what a host has said where nothing of it is to be kept: most reports.
    ///
    /// # Errors
    /// Where the credentials are not those of its agent. `false`: give it to [`Inventory::apply`].
    pub fn host_again(&mut self, at: Timestamp, says: &HostSays) -> Result<bool, engine::Error> {
        let (instance, _) = self.member(&says.id, &says.access_key_id)?;
        let is_plain = instance.place.key == Some(says.report.key);
        if is_plain {
            self.note_host(at, says.clone());
        }
        Ok(is_plain)
    }

    fn note_host(&mut self, at: Timestamp, mut says: HostSays) {
        cut(&mut says.report.problem);
        let report = says.report;
        self.reports.hosts.insert(says.id, Heard { at, report });
        let known = &self.instances;
        self.reports.hosts.retain(|id, _| known.contains_key(id));
    }
}

fn cut(problem: &mut Option<String>) {
    if let Some(text) = problem {
        *text = text.chars().take(PROBLEM_CHARS_MAX).collect();
    }
}

impl Command for GatewaySays {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<(), engine::Error> {
        self.check(inventory, at)?;
        let gateway = Some(self.gateway());
        if inventory.networks.vpcs.get(&self.vpc)?.gateway != gateway {
            inventory.networks.vpcs.edit(&self.vpc)?.gateway = gateway;
        }
        for (id, change) in self.changes(inventory) {
            let generation = change
                .is_known
                .then(|| inventory.networks.next_generation());
            let place = &mut inventory.edit(&id)?.place;
            place.endpoint = change.endpoint.or(place.endpoint);
            if let Some(generation) = generation {
                place.key_before = None;
                place.generation = generation;
            }
        }
        inventory.note_gateway(at, self);
        Ok(())
    }
}

impl Command for HostSays {
    type Outcome = ();

    fn run(self, inventory: &mut Inventory, at: Timestamp) -> Result<(), engine::Error> {
        let (instance, _) = inventory.member(&self.id, &self.access_key_id)?;
        let (key, is_linked) = (instance.place.key, instance.place.link.is_some());
        if key != Some(self.report.key) {
            inventory.check_key(self.report.key, Some(&self.id))?;
            self.check_gateways(inventory)?;
            let generation = inventory.networks.next_generation();
            let place = &mut inventory.edit(&self.id)?.place;
            place.key = Some(self.report.key);
            place.generation = generation;
            // The one that its gateway knows stays until that knows the new one.
            let known = place.key_before.map(|(before, _)| before).or(key);
            let known = known.filter(|known| is_linked && *known != self.report.key);
            place.key_before = known.map(|known| (known, generation));
        }
        inventory.note_host(at, self);
        Ok(())
    }
}

impl HostSays {
    fn check_gateways(&self, inventory: &Inventory) -> Result<(), Error> {
        let has = |gateway: &Gateway| gateway.key == self.report.key;
        let mut all = inventory.networks.vpcs.iter();
        match all.find(|vpc| vpc.gateway.as_ref().is_some_and(has)) {
            Some(vpc) => Err(Error::KeyTaken {
                by: vpc.id.to_string(),
            }),
            None => Ok(()),
        }
    }
}
