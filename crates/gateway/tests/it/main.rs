//! The door over real sockets on loopback, with a small service of its own.

extern crate shukuba_gateway as gateway;

mod bounds;
mod harness;
mod protocols;
mod tls;
mod way_out;
