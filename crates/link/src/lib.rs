//! The private link's data plane: what carries packets between a host outside, a network's gateway and its peers, and what
//! lets them through.
//!
//! - [`packet`]: the way of a packet between a tunnel and what is behind it
//! - [`guard`]: [`Guard`], what enforces a network's rules
//! - [`filter`]: the guards: nftables, and a filter in this process
//! - [`driver`]: [`HostDriver`] and [`GatewayDriver`], which carry out plans
//! - [`kernel`]: addresses, routes and proxy ARP
//! - [`key`]: [`PrivateKey`], which stays on its host
//! - [`io`]: a tunnel's socket and device
//! - [`rootless`]: a host without privileges: a network stack in place of a device
//! - [`wire`]: [`Wire`], a tunnel of WireGuard
#![forbid(unsafe_code)]

pub mod driver;
pub mod filter;
pub mod guard;
pub mod io;
pub mod kernel;
pub mod key;
pub mod packet;
pub mod rootless;
pub mod wire;

pub use driver::gateway::GatewayDriver;
pub use driver::host::HostDriver;
pub use guard::{Guard, Refused};
pub use io::{Device, Socket, Tun};
pub use key::PrivateKey;
pub use packet::{Direction, MTU, PacketFilter};
pub use wire::{Peer, PeerState, Wire};
