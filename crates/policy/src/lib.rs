//! The policy language of IAM: one parser, one evaluator.
//!
//! Enforcement, simulation, reports and validation read the same [`Document`] and ask the same [`decide`], so that
//! they cannot disagree. The crate is pure: no clock, no randomness, no I/O. Times and addresses come in as [`Facts`].
//!
//! - [`position`]: where in a text something stands: [`Position`], [`Span`], [`Problem`]
//! - [`document`]: [`Document`], a policy that was read once and compiled
//! - [`request`]: who asks for what: [`Request`], [`Principal`], [`Facts`], [`Context`]
//! - [`mod@decide`]: [`decide`] and [`explain`], which answer it and say why
//! - [`mod@validate`]: [`validate`], what is wrong, risky or superfluous in a policy
//! - [`report`]: [`could_use`], [`context_keys`]
//! - [`mod@make`]: [`make`], the policy generator
//!
//! Source: the policy reference of the IAM user guide (grammar, evaluation logic, condition operators, variables).
#![forbid(unsafe_code)]

mod action;
mod condition;
pub mod decide;
pub mod document;
pub mod glob;
mod json;
pub mod make;
pub mod position;
mod principal;
pub mod report;
pub mod request;
mod template;
pub mod validate;

pub use decide::{
    Attached, Decision, Explanation, Layer, Matched, Policies, Verdict, decide, explain,
};
pub use document::{Document, Effect, Kind};
pub use make::make;
pub use position::{Position, Problem, Span};
pub use report::{Usable, context_keys, could_use};
pub use request::{Context, Fact, Facts, Principal, Request};
pub use validate::{Finding, FindingKind, Location, PathElement, validate};
