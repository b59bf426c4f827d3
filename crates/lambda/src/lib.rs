//! Functions on custom runtimes, run as processes of this machine, and what starts them.
//!
//! - [`function`]: what a function is: its name, its settings, one version of it that can run
//! - [`engine`]: all functions with versions, aliases, policies; pure
//! - [`code`]: their packages
//! - [`functions`]: both on disk
//! - [`ops`]: the operations of Lambda on the wire
//! - [`sandbox`]: one execution environment: one process that speaks the runtime API
//! - [`fleet`]: all environments, and which of them runs an invocation
//! - [`events`]: asynchronous invocations, kept until they have run
//! - [`mapping`]: queues as sources of events
//! - [`rules`]: EventBridge: what is started at certain times and by events
//! - [`schedule`]: when `rate(…)` and `cron(…)` fire
//! - [`port`]: what the binary gives: credentials of roles, queues, a place for what functions print

pub mod code;
pub mod engine;
pub mod events;
pub mod fleet;
pub mod function;
pub mod functions;
pub mod mapping;
pub mod ops;
pub mod port;
pub mod rules;
pub mod sandbox;
pub mod schedule;

use store::tables::Table;

pub use fleet::Fleet;
pub use function::{FunctionName, Qualifier, Runnable, Settings};
pub use functions::{Functions, Place};
pub use ops::Lambda;
pub use sandbox::{Call, Outcome};

/// The tables of this crate, which whoever opens the tables opens too.
pub const TABLES: &[Table] = &[
    events::EVENTS,
    events::PAYLOADS,
    functions::FUNCTIONS,
    functions::VERSIONS,
    rules::RULES,
    rules::DELIVERIES,
    mapping::MAPPINGS,
];
