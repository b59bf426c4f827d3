//! The product: notification lines in, notifications out, a stored result for each.
//!
//! - [`port`]: the joints (queue, results, metrics, invoker, sender) and the facts that pass through
//! - [`config`]: the settings of routes, destinations, notifier, scaler and results
//! - [`format`](mod@format): from a line to a request

pub mod config;
pub mod format;
pub mod port;
