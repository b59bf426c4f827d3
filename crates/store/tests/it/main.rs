//! The journal from outside: over disks that fail from a seed, and over the machine's own.

#![allow(missing_docs, reason = "tests")]

extern crate shukuba_store as store;

mod damage;
mod model;
mod real;
mod room;
mod simulation;
