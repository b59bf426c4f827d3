//! Functions on custom runtimes, run as processes of this machine, and what starts them.
//!
//! - [`function`]: what a function is: its name, its settings, one version of it that can run
//! - [`port`]: what the binary gives: credentials of roles, queues, a place for what functions print

pub mod function;
pub mod port;

pub use function::{FunctionName, Qualifier, Runnable, Settings};
