//! The policy language from outside.
//!
//! - [`naive`]: a second evaluator that is slow and obvious; [`cases`]: random requests and policies
//! - `differential`: both evaluators agree on them; `laws`: what holds for all of them
//! - `examples`: what the user guide says of its own examples

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests; helpers outside of #[test] functions too"
)]

mod cases;
mod differential;
mod examples;
mod laws;
mod naive;
