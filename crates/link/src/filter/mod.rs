//! What lets packets through at a network's gateway: [`net::Filter`], enforced by nftables or in this process.
//!
//! Both agree with [`net::Filter::decide`] on what may be opened, and on the rest:
//!
//! - **Whose a packet is.** From the tunnel comes only what has a source outside (linked, or behind a peering); into it goes only
//!   what has a destination outside and a source inside. This is asked of every packet, and so is the path from zone to zone.
//! - **What is open goes on.** A packet of a tracked flow passes. As on AWS, changed rules do not interrupt tracked flows, but TCP and
//!   UDP that were open to all addresses, both ways, end with their rule ([`rules::Rules::keeps`]). Every flow ends with its path,
//!   that is, when an end is detached, deleted or no longer peered.
//! - **What opens.** TCP (a SYN, or an ACK of a connection from before the gateway started, as conntrack's loose mode has it),
//!   UDP, ICMP requests (echo, timestamp, information, address mask), and other protocols by their addresses. Errors of ICMP never open
//!   anything: they pass with the flow that they are about. Redirects never pass.
//!
//! Source: EC2 User Guide, "Amazon EC2 security group connection tracking" (read 2026-11-30).
//!
//! - [`header`]: what a packet's headers say
//! - [`places`]: whose an address is, by binary search
//! - [`rules`]: a filter compiled for speed
//! - [`tcp`]: the states of a connection
//! - [`lists`], [`flows`]: the flows that are open, bounded, with a fair share for each host
//! - [`fragments`]: pieces of packets follow their first one
//! - [`recent`]: the flows that were refused last
//! - [`tracker`]: all of these together, a function of state, time and packet
//! - [`userspace`]: [`Userspace`], the tracker as a guard in this process
//! - [`nft`]: [`Nft`], the same by nftables in the kernel

pub mod flows;
pub mod fragments;
pub mod header;
pub mod lists;
pub mod nft;
pub mod places;
pub mod recent;
pub mod rules;
pub mod tcp;
pub mod tracker;
pub mod userspace;

#[cfg(test)]
pub(crate) mod samples;

pub use flows::Limits;
pub use net::Refusal;
pub use nft::Nft;
pub use tracker::Tracker;
pub use userspace::Userspace;
