//! The binary as it is built: servers, notifiers and commands in processes of their own, on a directory of their own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests stop at the first surprise"
)]

mod backup;
mod check_data;
mod door;
mod faults;
mod flow;
mod full_disk;
mod house;
mod notifier;
mod place;
mod route_test;
mod ship;
mod templates;
