//! Links as the server tells of them: what it was told to bring about, and what gateways and hosts say.

use std::net::{Ipv4Addr, SocketAddr};

use net::{RefusedFlow, Way, rule};
use serde::{Deserialize, Serialize};

/// All networks that hosts may be linked to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Links {
    /// By id.
    pub(crate) networks: Vec<Network>,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Network {
    /// Its id.
    pub(crate) id: String,
    /// Its tag Name.
    pub(crate) name: String,
    /// Its ranges.
    pub(crate) ranges: Vec<String>,
    /// Whether hosts may be linked to it.
    pub(crate) is_enabled: bool,
    /// The gateway that was heard of last.
    pub(crate) gateway: Option<Gateway>,
    /// The hosts that are linked to it.
    pub(crate) links: Vec<Link>,
}

/// A gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gateway {
    /// Its key.
    pub(crate) key: String,
    /// Where it is, as `host:port`.
    pub(crate) endpoint: String,
    /// Its address in the network.
    pub(crate) inside: Option<Ipv4Addr>,
    /// When it was heard of last.
    pub(crate) heard: Option<String>,
    /// Whether it is heard of.
    pub(crate) is_up: bool,
    /// Whether it has carried out what there is.
    pub(crate) is_current: bool,
    /// What went wrong, if anything did.
    pub(crate) problem: Option<String>,
    /// Packets that it refused since its start.
    pub(crate) refused: u64,
    /// The same by way and reason.
    #[serde(default)]
    pub(crate) refusals: Vec<Refusal>,
    /// What it refused last, the newest first.
    #[serde(default)]
    pub(crate) recent: Vec<Recent>,
}

/// A flow that was refused lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recent {
    /// The flow, with its packets.
    #[serde(flatten)]
    pub(crate) flow: RefusedFlow,
    /// When the gateway told of its newest packet, where that is known.
    #[serde(default)]
    pub(crate) told: Option<String>,
    /// Which way it was going.
    #[serde(default)]
    pub(crate) way: Option<Way>,
    /// What refuses it by the rules as they are now; nothing where they let it.
    #[serde(default)]
    pub(crate) why: Option<net::Refusal>,
}

/// Packets that were refused for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// Which way they were going.
    pub(crate) way: Way,
    /// Why.
    pub(crate) why: net::Refusal,
    /// How many.
    pub(crate) packets: u64,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Link {
    /// The instance.
    pub(crate) instance: String,
    /// Its tag Name.
    pub(crate) name: String,
    /// Its address in the private network.
    pub(crate) address: Ipv4Addr,
    /// Its groups.
    pub(crate) groups: Vec<String>,
    /// How it is.
    pub(crate) state: State,
    /// What the host says that is wrong.
    pub(crate) problem: Option<String>,
    /// Where the host is, as the gateway sees it.
    pub(crate) endpoint: Option<SocketAddr>,
    /// Milliseconds since the last handshake.
    pub(crate) handshake_ms_ago: Option<u64>,
    /// Bytes from the host.
    pub(crate) received: u64,
    /// Bytes to it.
    pub(crate) sent: u64,
}

impl Recent {
    /// What was asked for, such as `tcp 9090`.
    pub(crate) fn service(&self) -> String {
        let protocol = match self.flow.protocol {
            rule::TCP => "tcp".to_owned(),
            rule::UDP => "udp".to_owned(),
            rule::ICMP => "icmp".to_owned(),
            other => format!("protocol {other}"),
        };
        match self.flow.port {
            Some(port) => format!("{protocol} {port}"),
            None => protocol,
        }
    }
}

impl Network {
    /// What people call it.
    pub(crate) fn name_or_id(&self) -> &str {
        if self.name.is_empty() {
            &self.id
        } else {
            &self.name
        }
    }
}

impl Link {
    /// What people call its host.
    pub(crate) fn name_or_id(&self) -> &str {
        if self.name.is_empty() {
            &self.instance
        } else {
            &self.name
        }
    }
}

/// How a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Packets pass.
    Up,
    /// The host's agent has told no key: it is not there, or carries no links.
    NoAgent,
    /// The network has no gateway that is heard of.
    NoGateway,
    /// The gateway does not know the link yet.
    Waiting,
    /// The gateway hears nothing of the host.
    Unreachable,
}

impl State {
    /// In a word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::NoAgent => "no agent",
            Self::NoGateway => "no gateway",
            Self::Waiting => "waiting",
            Self::Unreachable => "unreachable",
        }
    }

    /// What to do about it.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Up => "",
            Self::NoAgent => {
                "start the agent on that host with --link (as root or with CAP_NET_ADMIN), or with --link rootless"
            }
            Self::NoGateway => {
                "start one in the network: shukuba link gateway --vpc ID --reached-at HOST:PORT"
            }
            Self::Waiting => "the gateway has not carried out its newest plan: shukuba link doctor",
            Self::Unreachable => {
                "no handshake: is the gateway's UDP port reachable from that host? is its agent there?"
            }
        }
    }
}
