//! Private networks: who may talk with whom, and what gateways and hosts carry out.
//!
//! What decides (the control plane) and what does (the data plane) agree on these types and on nothing else. The crate is
//! pure: no clock, no randomness, no I/O.
//!
//! - [`rule`]: [`Rule`], one rule of a security group
//! - [`filter`]: [`Filter`], who may open a flow to whom in one network: one pure function that explains itself, which every
//!   filter that is faster must agree with
//! - [`key`]: [`PublicKey`], by which gateways and hosts know one another
//! - [`refusal`]: [`Refusals`], what a gateway refuses and why
//! - [`plan`]: [`GatewayPlan`] and [`HostPlan`], what is to be, and what is said back
#![forbid(unsafe_code)]

pub mod filter;
pub mod key;
pub mod plan;
pub mod refusal;
pub mod rule;

pub use filter::{Area, Filter, Flow, Group, Host, Verdict, Zone};
pub use ipnet::Ipv4Net;
pub use key::PublicKey;
pub use plan::{GatewayPlan, GatewayReport, HostPlan, HostReport};
pub use refusal::{Refusal, Refusals, RefusedFlow, Way};
pub use rule::{Peer, Ports, Rule, Traffic};
