//! The ports of delivery on any SQS, S3 and CloudWatch: what a lone notifier needs, and a scaler beside it.
//!
//! - [`account`]: [`Account`], credentials and region by the usual chain, clients from it
//! - [`find`]: from a queue's name to its URL
//! - [`queue`]: [`SqsQueue`], the port `Queue` over SQS
//! - `sources` and `leases`: which queue a message came from, and until when it is held
//! - [`batch`]: what a call takes; [`failure`]: which errors pass
//! - [`outbox`]: [`Outbox`], what replays and retries of dead ones send to
//! - [`objects`]: [`results_at`], the port `ResultStore` over `s3://` and folders; [`memory_at`], the port `Memory` over `s3://`;
//!   [`reports_at`], what notifiers tell of themselves there
//! - [`metrics`]: [`QueueMetrics`], the port `MetricSource` over CloudWatch
//! - [`functions`]: [`Functions`], the port `Invoker` over Lambda
//! - [`trial`]: what a trial of an account makes, and takes away; [`counting`]: what is called, as AWS bills it
//! - [`http`]: one pooled HTTP client for the SDK and the object store
//!
//! Leaves to others: the server (`sqs`), what a notification is (`delivery`), and the sender's own client in `shukuba`,
//! which signs without the SDK.

pub mod account;
pub mod batch;
pub mod counting;
pub mod failure;
pub mod find;
pub mod functions;
pub mod http;
mod leases;
pub mod metrics;
pub mod objects;
pub mod outbox;
pub mod queue;
mod signing;
mod sources;
pub mod trial;

pub use account::Account;
pub use functions::Functions;
pub use metrics::QueueMetrics;
pub use objects::{Place, memory_at, open_results, read_object, reports_at, results_at};
pub use outbox::Outbox;
pub use queue::SqsQueue;
