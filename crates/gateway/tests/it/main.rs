//! The door over real sockets on loopback, with a small service of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

extern crate shukuba_gateway as gateway;

mod bounds;
mod cbor;
mod ec2;
mod gzip;
mod harness;
mod intake;
mod mirror;
mod protocols;
mod recorder;
mod rest;
mod rest_json;
mod seams;
mod setup;
mod tls;
mod way_out;
