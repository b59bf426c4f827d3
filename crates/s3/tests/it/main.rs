//! Buckets and objects from outside: over real files, with a clock that is turned, and through the interface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod backup;
mod bounds;
mod buckets;
mod check;
mod harness;
mod interface;
mod lifecycle;
mod listing;
mod objects;
mod policy;
mod uploads;
