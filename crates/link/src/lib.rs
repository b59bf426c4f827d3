//! The private link's data plane: what carries packets between a host outside, a network's gateway and its peers, and what
//! lets them through.
//!
//! - [`packet`]: the way of a packet between a tunnel and what is behind it
//! - [`guard`]: [`Guard`], what enforces a network's rules
//! - [`filter`]: a guard that filters in this process
#![forbid(unsafe_code)]

pub mod filter;
pub mod guard;
pub mod packet;

pub use guard::{Guard, Refused};
pub use packet::{Direction, MTU, PacketFilter};
