//! What is to be, as gateways and hosts are told, and what they say back.
//!
//! A plan is whole: whoever gets one brings about what it says and takes away what it does not. Its generation counts up
//! with every change of it; who asks with the generation that it has waits until there is another.

use std::net::{Ipv4Addr, SocketAddr};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{Filter, PublicKey, Refusals, RefusedFlow};

/// What the gateway of a network carries out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayPlan {
    /// Counts the network's plans.
    pub generation: u64,
    /// The network's id.
    pub network: String,
    /// Its ranges.
    pub ranges: Vec<Ipv4Net>,
    /// The hosts outside that are linked to it.
    pub links: Vec<Link>,
    /// The networks that it is peered with.
    pub peerings: Vec<Peering>,
    /// Who may talk with whom.
    pub filter: Filter,
}

/// A host outside that is linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its instance's id.
    pub instance: String,
    /// The address that it has in the private network, of its own or of the network's.
    pub address: Ipv4Addr,
    /// Whether the network's hosts have no route to it, so that the gateway answers for it on their LAN (proxy ARP).
    pub is_proxied: bool,
    /// Its key; `None` until its agent has told one.
    pub key: Option<PublicKey>,
    /// Where it was last, so that a gateway that starts anew finds it at once.
    pub endpoint: Option<SocketAddr>,
}

/// A network that this one is peered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peering {
    /// The peering's id.
    pub id: String,
    /// The other gateway's key.
    pub key: PublicKey,
    /// Where it is.
    pub endpoint: Option<SocketAddr>,
    /// What is behind it: what the routes of this network name, and nothing else.
    pub ranges: Vec<Ipv4Net>,
}

/// What a gateway says, with each question for a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayReport {
    /// The network's id.
    pub network: String,
    /// Its key.
    pub key: PublicKey,
    /// Where it is reached from outside, as `host:port`.
    pub endpoint: String,
    /// Its address in the network, by which hosts inside route; `None` where it answers on their LAN for all.
    pub inside: Option<Ipv4Addr>,
    /// The generation that it has carried out; 0 at first.
    pub generation: u64,
    /// What went wrong with it, if anything did.
    pub problem: Option<String>,
    /// What it knows of its peers.
    pub peers: Vec<PeerReport>,
    /// Packets that it refused since it began.
    pub refused: u64,
    /// The same by cause.
    #[serde(default)]
    pub refusals: Refusals,
    /// What it refused last, the newest first: at most [`RECENT_MAX`](crate::refusal::RECENT_MAX).
    #[serde(default)]
    pub recent: Vec<RefusedFlow>,
}

/// What a gateway knows of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerReport {
    /// Whose key it is.
    pub key: PublicKey,
    /// Where it was last.
    pub endpoint: Option<SocketAddr>,
    /// Milliseconds since the last handshake; `None` where there was none.
    pub handshake_ms_ago: Option<u64>,
    /// Whether it is heard of.
    pub is_up: bool,
    /// Bytes from it.
    pub received: u64,
    /// Bytes to it.
    pub sent: u64,
}

/// What an agent carries out for its host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPlan {
    /// Counts the host's plans.
    pub generation: u64,
    /// Its link, where it is outside and linked to a network.
    pub link: Option<HostLink>,
    /// Its routes to hosts outside that are linked, one each, and to peered networks, where it is inside a network.
    pub routes: Vec<Route>,
    /// Its way to all hosts outside, where it is inside a network that takes links: for who has this one, those of
    /// [`Self::routes`] that lie in it are not needed.
    #[serde(default)]
    pub outside: Option<Outside>,
}

/// The link of a host outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostLink {
    /// The network's id.
    pub network: String,
    /// The host's address there.
    pub address: Ipv4Addr,
    /// The key by which the gateway knows the host: the host's own, or the one that it had before it made another.
    pub key: Option<PublicKey>,
    /// The gateway; `None` where the network has none that has been heard of.
    pub gateway: Option<Gateway>,
    /// What is reached through it.
    pub ranges: Vec<Ipv4Net>,
}

/// A gateway, as a host sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// Its key.
    pub key: PublicKey,
    /// Where it is, as `host:port`.
    pub endpoint: String,
}

/// A route of a host inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where to.
    pub range: Ipv4Net,
    /// By the gateway at this address.
    pub via: Ipv4Addr,
}

/// The way of a host inside to wherever hosts outside may be.
///
/// The range may hold what the host reaches elsewhere: who sets a route for it sees to it that its server and its resolvers
/// stay where they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// Where hosts outside have their addresses.
    pub range: Ipv4Net,
    /// By the gateway at this address.
    pub via: Ipv4Addr,
    /// The network's own ranges, which may lie in that one and stay where they are.
    pub own: Vec<Ipv4Net>,
}

/// What an agent says, with each question for a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// The key that the host has, or wants to have from now on.
    pub key: PublicKey,
    /// The generation that it has carried out; 0 at first.
    pub generation: u64,
    /// What went wrong with it, if anything did.
    pub problem: Option<String>,
    /// Milliseconds since the last handshake with the gateway; `None` where there was none.
    pub handshake_ms_ago: Option<u64>,
}
