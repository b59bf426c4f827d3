//! What every implementation of a port must do: one function for each port, run by all of them.
//!
//! An implementation's test makes a harness ([`QueueHarness`], …) and calls the function; a broken promise panics with what
//! was promised. [`memory`] holds the first implementation of each, for tests of what stands above the ports.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "these functions are tests: they fail by panicking"
)]

mod invoker;
pub mod memory;
mod metric_source;
mod queue;
mod ready;
mod result_store;
mod scaler_memory;
mod sender;

pub use invoker::{InvokerHarness, invoker};
pub use memory::{MemoryQueue, MemoryStore};
pub use metric_source::{MetricHarness, metric_source};
pub use queue::{QueueHarness, outcome, queue};
pub use result_store::result_store;
pub use scaler_memory::scaler_memory;
pub use sender::{SenderHarness, sender};

#[cfg(test)]
mod tests;
