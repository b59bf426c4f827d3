//! The journal from outside: over disks that fail from a seed, and over the machine's own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests; helpers outside of #[test] functions too"
)]

extern crate shukuba_store as store;

mod archive;
mod damage;
mod model;
mod real;
mod room;
mod simulation;
mod tables;
