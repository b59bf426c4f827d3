//! A network's gateway: hosts that are linked and networks that are peered are peers of one tunnel.
//!
//! To each of them there is a route through the tunnel's device, and behind it one to nowhere: when the process is killed, its
//! device is gone and the second is left, so that callers get an error and nothing takes another way.
//!
//! Who is silent, or has no key yet, is answered for by the tunnel itself: an error at once, until it is back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base::time::Clock;
use ipnet::Ipv4Net;
use net::plan::PeerReport;
use net::refusal::Refused;
use net::{GatewayPlan, PublicKey, Refusal, Way};

use super::{Problem, Problems};
use crate::guard::Guard;
use crate::kernel::{Kernel, Route, To};
use crate::key::PrivateKey;
use crate::packet::{Open, TunnelEnd};
use crate::wire::{KEEPALIVE, Peer, PeerState, SILENCE, Wire};
use crate::{Device, Socket, Tun};

/// What a gateway's driver needs.
#[derive(Debug)]
pub struct Settings {
    /// The gateway's key.
    pub key: PrivateKey,
    /// Where it listens. `[::]` is all addresses of IPv6 and IPv4.
    pub listen: SocketAddr,
    /// What is behind the tunnel.
    pub behind: Behind,
    /// What enforces the rules.
    pub guard: Box<dyn Guard>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

/// What is behind a gateway's tunnel.
#[derive(Debug)]
pub enum Behind {
    /// A LAN that the kernel forwards to. Needs CAP_NET_ADMIN.
    Lan {
        /// The name of the tunnel's device: at most 15 bytes.
        device: String,
        /// An address of this machine on the LAN; `None`: the first that is in the network's ranges.
        inside: Option<Ipv4Addr>,
    },
    /// A stack in this process, which needs no privilege.
    Stack(TunnelEnd),
}

/// Carries a network's links and peerings.
#[derive(Debug)]
pub struct GatewayDriver {
    wire: Wire,
    /// `None` where a stack is behind it.
    lan: Option<Lan>,
    state: tokio::sync::Mutex<State>,
}

/// The kernel, which forwards to a LAN.
#[derive(Debug)]
struct Lan {
    kernel: Kernel,
    /// The tunnel's device.
    index: u32,
    inside: Option<Ipv4Addr>,
}

#[derive(Debug)]
struct State {
    guard: Box<dyn Guard>,
    /// Who is a peer, by the id of its instance or peering.
    members: BTreeMap<String, Member>,
    /// Where proxy entries were made, and in which ranges.
    proxied: Option<(u32, Vec<Ipv4Net>)>,
    owner: u32,
}

/// Somebody at the other end of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    key: Option<PublicKey>,
    endpoint: Option<SocketAddr>,
    ranges: Vec<Ipv4Net>,
}

impl GatewayDriver {
    /// Makes the device and the socket. Nothing passes until a plan is carried out.
    ///
    /// Must be called within a runtime of tokio.
    ///
    /// # Errors
    /// [`Problem`] when one of them is not made.
    pub async fn start(settings: Settings) -> Result<Self, Problem> {
        let at = settings.listen;
        let socket = match (at.ip().is_unspecified(), at.is_ipv6()) {
            (true, true) => Socket::any(at.port()),
            _ => Socket::bind(at),
        };
        let socket = socket.map_err(|source| Problem::Socket { at, source })?;
        let (device, lan) = match settings.behind {
            Behind::Stack(end) => (Device::Stack(end), None),
            Behind::Lan { device, inside } => {
                let kernel = Kernel::open().map_err(Problem::Netlink)?;
                let tun = Tun::make(&device)?;
                let index = kernel.index(&device).await?;
                let lan = Lan {
                    kernel,
                    index,
                    inside,
                };
                (Device::Tun(tun), Some(lan))
            }
        };
        let filter = settings.guard.packets().unwrap_or_else(|| Arc::new(Open));
        Ok(Self {
            wire: Wire::start(&settings.key, socket, device, filter, settings.clock),
            lan,
            state: tokio::sync::Mutex::new(State {
                guard: settings.guard,
                members: BTreeMap::new(),
                proxied: None,
                owner: 0,
            }),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn local_address(&self) -> std::io::Result<SocketAddr> {
        self.wire.local_address()
    }

    /// Brings about what `plan` says and takes away what it does not. Who is no longer in it is cut off first, whatever
    /// happens then; who is new comes in only after the rules are in place.
    ///
    /// # Errors
    /// [`Problems`]: all that is not as it says; the rest is.
    pub async fn apply(&self, plan: &GatewayPlan) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let mut state = self.state.lock().await;
        state.owner = owner(&plan.network);
        let members = members(plan, &mut problems);
        self.cut_off(&mut state, &members);
        if problems
            .note(state.guard.apply(&plan.filter).await)
            .is_none()
        {
            return problems.into_result();
        }
        self.let_in(&mut state, &members).await;
        if let Some(lan) = &self.lan {
            let routes = lan.routes(&members, state.owner);
            let set = lan.kernel.set_routes(Some(lan.index), state.owner, &routes);
            problems.note(set.await);
            let proxied = lan.answer_for(&mut state, plan).await;
            problems.0.extend(proxied.err());
            problems.note(is_forwarding());
        }
        problems.into_result()
    }

    /// What is known of the peers.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerReport> {
        self.wire.peers().iter().map(report).collect()
    }

    /// What was refused since it began.
    pub async fn refused(&self) -> Refused {
        let mut refused = self.state.lock().await.guard.refused().await;
        let spoofed = Refusal::Spoofed.going(Way::Inbound);
        refused.counts.add(spoofed, self.wire.spoofed());
        refused
    }

    /// Waits until the tunnel stops by itself, because its device is gone, and says why.
    pub async fn failed(&self) -> String {
        self.wire.failed().await
    }

    /// Takes the tunnel and its routes away. The rules stay.
    ///
    /// # Errors
    /// [`Problems`]: what is left.
    pub async fn stop(&self) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let mut state = self.state.lock().await;
        if let Some(lan) = &self.lan {
            let (owner, nothing) = (state.owner, BTreeSet::new());
            let gone = lan.kernel.set_routes(Some(lan.index), owner, &nothing);
            problems.note(gone.await);
            if let Some((device, ranges)) = state.proxied.take() {
                let none = BTreeSet::new();
                let gone = lan.kernel.set_proxies(device, &ranges, &none);
                problems.note(gone.await);
            }
        }
        self.wire.stop().await;
        problems.into_result()
    }

    /// Removes peers that are not in the plan.
    fn cut_off(&self, state: &mut State, members: &BTreeMap<String, Member>) {
        state.members.retain(|id, member| {
            let stays = members.get(id).is_some_and(|wanted| wanted.key.is_some());
            if let (false, Some(key)) = (stays, member.key) {
                self.wire.remove(&key);
            }
            stays
        });
        let own = state.members.values().chain(members.values());
        let mut needed: BTreeSet<_> = own.filter_map(|member| member.key).collect();
        let peers = self.wire.peers();
        // A key that has not been taken over yet is in use, and may itself wait for another's place.
        let in_use = |needed: &BTreeSet<PublicKey>| {
            let heirs = peers.iter().filter(|peer| needed.contains(&peer.key));
            let mut replaced = heirs.filter_map(|heir| heir.replaces);
            replaced.find(|key| !needed.contains(key))
        };
        while let Some(key) = in_use(&needed) {
            needed.insert(key);
        }
        for peer in peers.iter().filter(|peer| !needed.contains(&peer.key)) {
            self.wire.remove(&peer.key);
        }
    }

    async fn let_in(&self, state: &mut State, members: &BTreeMap<String, Member>) {
        let peers = self.wire.peers().into_iter();
        let heard = peers.filter(|peer| peer.heard.is_some());
        let heard: BTreeSet<_> = heard.map(|peer| peer.key).collect();
        for (id, member) in members {
            let Some(key) = member.key else {
                continue;
            };
            let before = state.members.insert(id.clone(), member.clone());
            let mut peer = Peer {
                key,
                endpoint: member.endpoint,
                ranges: member.ranges.clone(),
                keepalive: Some(KEEPALIVE),
            };
            match before.and_then(|before| before.key) {
                Some(old) if old != key => self.wire.succeed(old, peer),
                Some(_) => {
                    // What it is heard from is newer than the plan.
                    peer.endpoint = peer.endpoint.filter(|_| !heard.contains(&key));
                    self.wire.set(peer);
                }
                None => {
                    self.wire.set(peer);
                    self.wire.greet(&key).await;
                }
            }
        }
    }
}

impl Lan {
    fn routes(&self, members: &BTreeMap<String, Member>, owner: u32) -> BTreeSet<Route> {
        let through = To::Device {
            index: self.index,
            source: None,
        };
        let ranges = members.values().flat_map(|member| &member.ranges);
        let both = ranges.flat_map(|&range| {
            let ways = [(through, 0), (To::Nowhere, owner)];
            ways.map(|(to, metric)| Route { range, to, metric })
        });
        both.collect()
    }

    /// Answers on the network's LAN for hosts that its own have no route to.
    async fn answer_for(&self, state: &mut State, plan: &GatewayPlan) -> Result<(), Problem> {
        let links = plan.links.iter().filter(|link| link.is_proxied);
        let wanted: BTreeSet<_> = links.map(|link| link.address).collect();
        if wanted.is_empty() && state.proxied.is_none() {
            return Ok(());
        }
        let device = self.inside_device(&plan.ranges).await?;
        let set = self.kernel.set_proxies(device, &plan.ranges, &wanted);
        set.await?;
        state.proxied = Some((device, plan.ranges.clone()));
        Ok(())
    }

    async fn inside_device(&self, ranges: &[Ipv4Net]) -> Result<u32, Problem> {
        let addresses = self.kernel.addresses().await?;
        let is_inside = |ip: Ipv4Addr| match self.inside {
            Some(inside) => ip == inside,
            None => ranges.iter().any(|range| range.contains(&ip)),
        };
        let mut devices = addresses.iter().filter(|(index, _)| *index != self.index);
        let found = devices.find(|(_, address)| is_inside(address.addr()));
        found
            .map(|(index, _)| *index)
            .ok_or_else(|| Problem::NoInside {
                wanted: match self.inside {
                    Some(inside) => vec![inside.to_string()],
                    None => ranges.iter().map(Ipv4Net::to_string).collect(),
                },
            })
    }
}

/// The metric of a network's routes to nowhere, by which they are known: a hash of its id (FNV-1a) in the upper half of the
/// numbers, which is behind all that people choose.
fn owner(network: &str) -> u32 {
    let hash = network.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash | 1 << 31
}

fn members(plan: &GatewayPlan, problems: &mut Problems) -> BTreeMap<String, Member> {
    let links = plan.links.iter().map(|link| {
        let member = Member {
            key: link.key,
            endpoint: link.endpoint,
            ranges: vec![link.address.into()],
        };
        (link.instance.clone(), member)
    });
    let peerings = plan.peerings.iter().map(|peering| {
        let member = Member {
            key: Some(peering.key),
            endpoint: peering.endpoint,
            ranges: peering.ranges.clone(),
        };
        (peering.id.clone(), member)
    });
    let mut members = BTreeMap::new();
    let mut owners = BTreeMap::new();
    for (id, member) in links.chain(peerings) {
        let key = member.key.map(|key| format!("the key {key}"));
        let ranges = member
            .ranges
            .iter()
            .map(|range| format!("the range {range}"));
        let own: Vec<String> = key.into_iter().chain(ranges).collect();
        let taken = own.iter().find_map(|what| Some((what, owners.get(what)?)));
        if let Some((what, first)) = taken {
            let (first, what) = (String::clone(first), what.clone());
            let second = id;
            problems.0.push(Problem::Twice {
                first,
                second,
                what,
            });
            continue;
        }
        owners.extend(own.into_iter().map(|what| (what, id.clone())));
        members.insert(id, member);
    }
    members
}

fn report(peer: &PeerState) -> PeerReport {
    PeerReport {
        key: peer.key,
        endpoint: peer.endpoint,
        handshake_ms_ago: peer
            .handshake
            .map(|ago| u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)),
        is_up: peer.heard.is_some_and(|ago| ago < SILENCE),
        received: peer.received,
        sent: peer.sent,
    }
}

fn is_forwarding() -> Result<(), Problem> {
    let said = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward");
    match said.as_deref().map(str::trim) {
        Ok("0") => Err(Problem::ForwardingOff),
        _ => Ok(()),
    }
}
