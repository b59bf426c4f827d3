//! The watch over hosts: the agent, checks, supervision of processes, and the router of notices to people.
//!
//! - [`notice`]: who is told what and when

pub mod notice;
