//! The wire as its users see it: derived shapes through the codecs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail as tests do"
)]

// Elsewhere the crate is called `wire` by the workspace; within its own package it has its full name.
extern crate shukuba_wire as wire;

mod cbor;
mod ec2;
mod errors;
mod golden;
mod hostile;
mod json;
mod query;
mod rest;
mod rest_places;
mod schema;
mod shapes;
