//! Functions as they run: `probe/main.rs` as child processes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests; helpers outside of #[test] functions too"
)]

mod bench;
mod concurrency;
mod events;
mod faults;
mod invoke;
mod kill;
mod measure;
