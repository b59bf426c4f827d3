//! Where an instance is: inside a network, or outside and perhaps linked to one.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use base::Timestamp;
use net::PublicKey;
use serde::{Deserialize, Serialize};

use super::id::{AttachmentId, InterfaceId};
use super::{GroupId, SubnetId, VpcId};

/// What an instance has of networks. Of one that is outside and was never linked it is empty.
///
/// INVARIANT: it is inside a network, or linked to one, or neither; never both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// The network that it is in.
    pub inside: Option<Inside>,
    /// The network that it is linked to.
    pub link: Option<Link>,
    /// Its address among those outside, which it keeps for life; `None` until it is linked first.
    pub outside: Option<Ipv4Addr>,
    /// Its key; `None` until its agent has told one.
    pub key: Option<PublicKey>,
    /// The key that it had before, and has until its gateway has carried out this generation.
    pub key_before: Option<(PublicKey, u64)>,
    /// Where its gateway has heard of it last.
    pub endpoint: Option<SocketAddr>,
    /// Counts what its agent is to carry out, with that of its network.
    pub generation: u64,
}

/// An instance is in a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// The network.
    pub vpc: VpcId,
    /// The part of it.
    pub subnet: SubnetId,
    /// Its groups: one at least.
    pub groups: BTreeSet<GroupId>,
    /// Its interface.
    pub interface: InterfaceId,
    /// What holds that at it.
    pub attachment: AttachmentId,
    /// Since when.
    pub since: Timestamp,
}

/// An instance outside is linked to a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The network.
    pub vpc: VpcId,
    /// Its groups there: one at least. They stay as long as the link.
    pub groups: BTreeSet<GroupId>,
    /// Its address there.
    pub address: Ipv4Addr,
    /// Whether that is one of the network's own, for which the gateway answers.
    pub is_proxied: bool,
    /// Since when.
    pub since: Timestamp,
}

impl Place {
    /// The network that it is in or linked to.
    #[must_use]
    pub fn vpc(&self) -> Option<&VpcId> {
        let linked = || self.link.as_ref().map(|it| &it.vpc);
        self.inside.as_ref().map(|it| &it.vpc).or_else(linked)
    }

    /// The subnet that it is in.
    #[must_use]
    pub fn subnet(&self) -> Option<&SubnetId> {
        self.inside.as_ref().map(|it| &it.subnet)
    }

    /// Its groups, of the network that it is in or linked to.
    pub fn groups(&self) -> impl Iterator<Item = &GroupId> {
        let inside = self.inside.iter().flat_map(|it| &it.groups);
        inside.chain(self.link.iter().flat_map(|it| &it.groups))
    }
}
