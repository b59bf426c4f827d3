//! Plans: what gateways and hosts are to carry out, as a function of what is known.
//!
//! The generation of a network's plan counts up when anything of it has changed, which a digest tells; the one of a host
//! when its own part or its network's has. INVARIANT: they are drawn from one counter, which begins after a start at the
//! highest one that was written down, so that no plan goes back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use net::filter::{Area, Filter, Host, Zone};
use net::plan::{self, GatewayPlan, HostLink, HostPlan};
use net::{Group, Ipv4Net};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::id::ResourceId;
use super::peering::{Peering, Side, Stage};
use super::route::RouteTable;
use super::rule::Rule;
use super::vpc::{Gateway, Vpc};
use super::{Error, Networks, VpcId, group};
use crate::engine::{self, Instance, InstanceId, Inventory};

/// What tells one plan of a network, and those of its hosts, from another.
#[derive(Serialize)]
struct Digested<'a> {
    plan: &'a GatewayPlan,
    gateway: Option<&'a Gateway>,
    /// Where its hosts find all that are outside.
    outside: Option<Ipv4Net>,
    tables: Vec<&'a RouteTable>,
}

/// A peering as one of its networks sees it.
struct Seen<'a> {
    peering: &'a Peering,
    own: &'a Side,
    other: &'a Side,
    vpc: &'a Vpc,
    /// What of the other network the routes here name.
    ranges: Vec<Ipv4Net>,
    /// Hosts that are linked there and may be talked with.
    links: Vec<Ipv4Addr>,
}

impl Inventory {
    /// What the gateway of a network is to carry out.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn gateway_plan(&self, id: &VpcId) -> Result<GatewayPlan, Error> {
        let vpc = self.networks.vpcs.get(id)?;
        let seen = self.peerings_seen(id);
        let link = |(instance, link): (&Arc<Instance>, &super::place::Link)| plan::Link {
            instance: instance.id.to_string(),
            address: link.address,
            is_proxied: link.is_proxied,
            key: instance.place.key,
            endpoint: instance.place.endpoint,
        };
        let peering = |seen: &Seen<'_>| {
            let gateway = seen.vpc.gateway.as_ref()?;
            Some(plan::Peering {
                id: seen.peering.id.to_string(),
                key: gateway.key,
                endpoint: gateway.endpoint.parse().ok(),
                ranges: seen.all_ranges(),
            })
        };
        Ok(GatewayPlan {
            generation: vpc.generation,
            network: id.to_string(),
            ranges: vec![vpc.range],
            links: self.links_of(id).map(link).collect(),
            peerings: seen.iter().filter_map(peering).collect(),
            filter: self.filter(vpc, &seen),
        })
    }

    /// The peerings of a network that are there and to which its routes lead.
    fn peerings_seen(&self, id: &VpcId) -> Vec<Seen<'_>> {
        let networks = &self.networks;
        let active = networks
            .peerings
            .iter()
            .filter(|it| it.stage == Stage::Active);
        let seen = active.filter_map(|peering| {
            let (own, other) = peering.sides(id)?;
            let there: VpcId = other.vpc.parse().ok()?;
            let vpc = networks.vpcs.get(&there).ok()?;
            let tables = networks.tables.iter().filter(|table| table.vpc == *id);
            let mut ranges: Vec<_> = tables
                .flat_map(|table| routed(table, peering, vpc.range))
                .collect();
            ranges.sort_unstable();
            ranges.dedup();
            let may_talk = other.options.lets_links_out || own.options.reaches_links;
            let links = self.links_of(&there).map(|(_, link)| link.address);
            let links = links.filter(|_| may_talk && !ranges.is_empty()).collect();
            Some(Seen {
                peering,
                own,
                other,
                vpc,
                ranges,
                links,
            })
        });
        seen.filter(|seen| !seen.ranges.is_empty()).collect()
    }

    fn filter(&self, vpc: &Vpc, seen: &[Seen<'_>]) -> Filter {
        let mut groups: BTreeMap<_, _> = BTreeMap::new();
        for group in self.networks.groups.iter().filter(|it| it.vpc == vpc.id) {
            groups.insert(group.id.to_string(), rules_of(group));
        }
        let default = self.networks.default_group(&vpc.id);
        let default = default.map(|group| group.id.to_string());
        let mut filter = Filter {
            groups,
            hosts: self.hosts(vpc),
            areas: vec![Area {
                range: vpc.range,
                host: Host {
                    zone: Zone::Inside,
                    groups: default.into_iter().collect(),
                },
            }],
            paths: BTreeSet::from([(Zone::Inside, Zone::Linked), (Zone::Linked, Zone::Inside)]),
        };
        for seen in seen {
            self.add_peering(&mut filter, seen);
        }
        filter
    }

    /// The hosts of a network that are known: linked, and inside.
    fn hosts(&self, vpc: &Vpc) -> BTreeMap<Ipv4Addr, Host> {
        let mut hosts = self.inside(vpc, &Zone::Inside);
        for (_, link) in self.links_of(&vpc.id) {
            hosts.insert(
                link.address,
                Host {
                    zone: Zone::Linked,
                    groups: link.groups.iter().map(ToString::to_string).collect(),
                },
            );
        }
        hosts
    }

    /// The instances inside a network. Of two that say they have one address, which is known from the network's own hosts
    /// alone, the one that was there first has it.
    fn inside(&self, vpc: &Vpc, zone: &Zone) -> BTreeMap<Ipv4Addr, Host> {
        let mut all: Vec<_> = self
            .iter()
            .filter_map(|it| Some((it.place.inside.as_ref()?, it.private_address()?)))
            .filter(|(inside, _)| inside.vpc == vpc.id)
            .collect();
        all.sort_by_key(|(inside, _)| std::cmp::Reverse((inside.since, inside.interface.clone())));
        let host = |(inside, address): (&super::place::Inside, Ipv4Addr)| {
            let groups = inside.groups.iter().map(ToString::to_string).collect();
            let zone = zone.clone();
            (address, Host { zone, groups })
        };
        all.into_iter().map(host).collect()
    }

    fn add_peering(&self, filter: &mut Filter, seen: &Seen<'_>) {
        let remote = Zone::Remote(seen.peering.id.to_string());
        let is_reached = |address: &Ipv4Addr| seen.ranges.iter().any(|it| it.contains(address));
        let known = self.inside(seen.vpc, &remote).into_iter();
        filter
            .hosts
            .extend(known.filter(|(address, _)| is_reached(address)));
        for range in seen.all_ranges() {
            let groups = BTreeSet::new();
            let zone = remote.clone();
            let host = Host { zone, groups };
            filter.areas.push(Area { range, host });
        }
        let mut path = |from: &Zone, to: &Zone| filter.paths.insert((from.clone(), to.clone()));
        path(&Zone::Inside, &remote);
        path(&remote, &Zone::Inside);
        if seen.own.options.lets_links_out {
            path(&Zone::Linked, &remote);
        }
        if seen.other.options.reaches_links {
            path(&remote, &Zone::Linked);
        }
    }

    /// What the agent of an instance is to carry out.
    ///
    /// # Errors
    /// [`engine::Error::NotFound`].
    pub fn host_plan(&self, id: &InstanceId) -> Result<HostPlan, engine::Error> {
        let found = self.all(std::slice::from_ref(id))?;
        let Some(instance) = found.first() else {
            return Ok(HostPlan::default());
        };
        let place = &instance.place;
        let vpc = place.vpc().and_then(|id| self.networks.vpcs.get(id).ok());
        let Some(vpc) = vpc else {
            return Ok(HostPlan {
                generation: place.generation,
                ..HostPlan::default()
            });
        };
        let link = place.link.as_ref().map(|link| HostLink {
            network: vpc.id.to_string(),
            address: link.address,
            key: place.key_before.map(|(key, _)| key).or(place.key),
            gateway: vpc.gateway.as_ref().map(|gateway| plan::Gateway {
                key: gateway.key,
                endpoint: gateway.endpoint.clone(),
            }),
            ranges: self.reached_by_links(vpc),
        });
        Ok(HostPlan {
            generation: place.generation.max(vpc.generation),
            link,
            routes: self.routes_of(instance, vpc),
            outside: self.outside_of(instance, vpc),
        })
    }

    /// What hosts that are linked to a network reach.
    fn reached_by_links(&self, vpc: &Vpc) -> Vec<Ipv4Net> {
        let seen = self.peerings_seen(&vpc.id);
        let may =
            |seen: &&Seen<'_>| seen.own.options.lets_links_out || seen.other.options.reaches_links;
        let beyond = seen.iter().filter(may).flat_map(|seen| seen.ranges.clone());
        std::iter::once(vpc.range).chain(beyond).collect()
    }

    /// The way of an instance inside to all hosts outside, as its route tables show it.
    fn outside_of(&self, instance: &Instance, vpc: &Vpc) -> Option<plan::Outside> {
        let via = gateway_of(instance, vpc)?;
        vpc.routes_outside().then(|| plan::Outside {
            range: self.outside(),
            via,
            own: vec![vpc.range],
        })
    }

    /// The routes of an instance inside: to linked hosts, and to what the table of its subnet names of peered networks.
    fn routes_of(&self, instance: &Instance, vpc: &Vpc) -> Vec<plan::Route> {
        let via = gateway_of(instance, vpc);
        let (Some(inside), Some(via)) = (&instance.place.inside, via) else {
            return Vec::new();
        };
        let links = self.links_of(&vpc.id).filter(|(_, link)| !link.is_proxied);
        let links = links.map(|(_, link)| Ipv4Net::from(link.address));
        let table = self.networks.table_for(&vpc.id, &inside.subnet);
        let seen = self.peerings_seen(&vpc.id);
        let beyond = seen.iter().flat_map(|seen| {
            let named = table.map(|table| routed(table, seen.peering, seen.vpc.range));
            let named: Vec<_> = named.into_iter().flatten().collect();
            let links = seen.links.iter().filter(|_| !named.is_empty());
            let links: Vec<_> = links.map(|address| Ipv4Net::from(*address)).collect();
            named.into_iter().chain(links)
        });
        let mut ranges: Vec<_> = links.chain(beyond).collect();
        ranges.sort_unstable();
        ranges.dedup();
        let route = |range| plan::Route { range, via };
        ranges.into_iter().map(route).collect()
    }

    /// Gives new generations to the networks whose plans have changed.
    pub(in crate::engine) fn settle_plans(&mut self, touched: &BTreeSet<InstanceId>) {
        let mut concerned = self.networks.take_concerned();
        for id in touched {
            concerned.extend(self.get(id).and_then(|it| it.place.vpc()).cloned());
        }
        let mut peered = BTreeSet::new();
        for vpc in &concerned {
            peered.extend(self.networks.peers_of(vpc));
        }
        concerned.append(&mut peered);
        for id in concerned {
            self.settle_plan(&id);
        }
        // What was noted by that is what was just settled.
        self.networks.take_concerned();
    }

    /// The same for all, as after a start with another program than before.
    pub(in crate::engine) fn settle_all_plans(&mut self) {
        let all: Vec<_> = self
            .networks
            .vpcs
            .iter()
            .map(|vpc| vpc.id.clone())
            .collect();
        all.iter().for_each(|id| self.settle_plan(id));
        self.networks.take_concerned();
    }

    fn settle_plan(&mut self, id: &VpcId) {
        let Some(digest) = self.digest(id) else {
            return;
        };
        if self
            .networks
            .vpcs
            .get(id)
            .is_ok_and(|vpc| vpc.digest == digest)
        {
            return;
        }
        let generation = self.networks.next_generation();
        if let Ok(vpc) = self.networks.vpcs.edit(id) {
            vpc.digest = digest;
            vpc.generation = generation;
        }
    }

    fn digest(&self, id: &VpcId) -> Option<String> {
        let vpc = self.networks.vpcs.get(id).ok()?;
        let mut plan = self.gateway_plan(id).ok()?;
        plan.generation = 0;
        // A gateway tells endpoints itself: what it has said is no news to it.
        plan.links.iter_mut().for_each(|link| link.endpoint = None);
        let tables = self.networks.tables.iter().filter(|it| it.vpc == *id);
        let digested = Digested {
            plan: &plan,
            gateway: vpc.gateway.as_ref(),
            outside: vpc.routes_outside().then_some(self.outside()),
            tables: tables.map(AsRef::as_ref).collect(),
        };
        let bytes = serde_json::to_vec(&digested).ok()?;
        Some(hex::encode(Sha256::digest(bytes)))
    }
}

impl Seen<'_> {
    /// What is behind the peering: addresses of the other network, and of hosts linked to it.
    fn all_ranges(&self) -> Vec<Ipv4Net> {
        let links = self.links.iter().map(|address| Ipv4Net::from(*address));
        self.ranges.iter().copied().chain(links).collect()
    }
}

impl Networks {
    /// The networks that one is peered with.
    fn peers_of(&self, id: &VpcId) -> Vec<VpcId> {
        let active = self.peerings.iter().filter(|it| it.stage == Stage::Active);
        active
            .filter_map(|it| it.sides(id)?.1.vpc.parse().ok())
            .collect()
    }
}

/// By which address an instance inside reaches its network's gateway, which needs no route by itself.
fn gateway_of(instance: &Instance, vpc: &Vpc) -> Option<Ipv4Addr> {
    instance.place.inside.as_ref()?;
    let via = vpc.gateway.as_ref()?.inside?;
    (instance.private_address() != Some(via)).then_some(via)
}

/// What of `range` the routes of a table through a peering name.
fn routed(table: &RouteTable, peering: &Peering, range: Ipv4Net) -> impl Iterator<Item = Ipv4Net> {
    let id = peering.id.as_str().to_owned();
    let own = table.routes.iter();
    own.filter(move |route| route.peering.as_str() == id)
        .filter_map(move |route| match route.to {
            to if to.contains(&range) => Some(range),
            to if range.contains(&to) => Some(to),
            _ => None,
        })
}

/// The rules of a group for a filter.
fn rules_of(group: &group::Group) -> Group {
    let rules = |all: &[Rule]| all.iter().filter_map(|rule| rule.spec.rule()).collect();
    Group {
        ingress: rules(&group.ingress),
        egress: rules(&group.egress),
    }
}
