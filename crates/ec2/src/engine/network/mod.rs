//! Private networks: what there is of them, and what people do to it.
//!
//! An instance is *inside* a network where it has a subnet. All others are *outside*, as instances of EC2-Classic were, and
//! may be linked to one network. What an instance has of networks lies with the instance, so that its stop and the end of
//! its link are one command; the rest lies in [`Networks`].
//!
//! - [`id`] has the ids, and [`id::Draw`], of which new ones are drawn
//! - [`networks`] has [`Networks`], and [`networks::Rows`] of one kind
//! - [`vpc`], [`subnet`], [`group`] and [`rule`] have these resources and their commands
//! - [`route`] and [`peering`] have route tables and peerings
//! - [`place`] says where an instance is, [`classic`] links it, [`address`] has the addresses of links
//! - [`plan`] is what gateways and hosts are to carry out, [`report`] what they say, [`refused`] what gateways refused last
//! - [`range`](mod@range) says which ranges networks may have
//! - [`tag`] gives tags to any resource
//! - [`error`] is what may be wrong

mod address;
pub mod classic;
pub mod error;
pub mod group;
pub mod id;
pub mod networks;
pub mod peering;
pub mod place;
pub mod plan;
pub mod range;
pub mod refused;
pub mod report;
pub mod route;
pub mod rule;
pub mod subnet;
pub mod tag;
#[cfg(test)]
mod tests;
pub mod vpc;

pub use error::Error;
pub use id::{Draw, GroupId, PeeringId, ResourceId, RuleId, SubnetId, TableId, VpcId};
pub use networks::{Networks, Resource, Row};
