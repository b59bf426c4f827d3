//! The ports of this crate, and the SDK, against a server that serves: ours, as built.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

// Elsewhere the crate is called `aws` by the workspace; within its own package it has its full name.
extern crate shukuba_aws as aws;

mod cloudwatch;
mod functions;
mod memory;
mod metrics;
mod queue;
mod results;
mod server;
