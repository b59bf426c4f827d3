//! The ports of this crate, and the SDK, against servers that serve: ours, as built, and moto's.
//!
//! Each port keeps its contract (`delivery::contract`) on both. Where moto does other than AWS documents, the harness says so
//! beside its quotation, for moto alone.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

// Elsewhere the crate is called `aws` by the workspace; within its own package it has its full name.
extern crate shukuba_aws as aws;

mod cloudwatch;
mod door;
mod functions;
mod memory;
mod metrics;
mod queue;
mod results;
mod server;
