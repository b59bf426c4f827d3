//! The door: HTTP in, answers out, and nothing unsigned or unallowed in between.
//!
//! - [`door`] has the steps of a request: route, verify, decode, decide, call, encode, record
//! - [`server`] listens, with TLS ([`tls`]) or on loopback, and drains
//! - [`secrets`] has what the operator's receivers are signed and authenticated with, sealed as well
//! - [`admin`] has the port of the operator's API
//! - [`pages`] shows people pages
//! - [`rest`] hands requests over to services that speak HTTP themselves
//! - `intake` hands requests over to ways in that have a form of their own
//! - `forwarded` finds who called through a proxy
//! - [`limits`] has every bound of the door
//! - [`metrics`] has the counts of the process as Prometheus text
//!
//! What a request means is the services' business ([`api::Service`]); this crate knows none of them.

pub mod admin;
mod answer;
mod basic;
mod body;
mod decode;
pub mod door;
mod form;
mod forwarded;
mod guard;
mod intake;
pub mod limits;
pub mod metrics;
pub mod pages;
mod peers;
mod rest;
mod route;
pub mod secrets;
pub mod server;
pub mod tls;
mod told;
mod verify;

pub use admin::{Admin, NoAdmin};
pub use api::{Key, KeyLookup};
pub use door::{Door, DoorParts};
pub use forwarded::Proxies;
pub use limits::Limits;
pub use metrics::Registry;
pub use pages::NoPages;
pub use secrets::SecretStore;
pub use server::{Listen, PlainHttp, Server};
pub use tls::Tls;
