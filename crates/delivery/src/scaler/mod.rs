//! The scaler: reads how much was sent and waits, and starts notifiers in proportion.
//!
//! Two laws, chosen by `scaler.policy`:
//!
//! - [`proportional`]: as many as what was sent needs, by the setting of what one manages;
//! - [`backlog`]: as many as keep what waits younger than a target, by what one was seen to manage, and no more than the
//!   receivers' limits can use.
//!
//! Both lie between `notifiers_min` and `notifiers_max`, and give at least one where anything was sent or waits. Started are
//! those that do not run yet; none is ever stopped: each ends by its own deadline. One that only ends what it has in flight
//! does not count as running, so that its successor comes before it is gone.
//!
//! Figures may be late, and **a figure that is missing is not zero**: what was last known holds for [`KNOWN_FOR`], and where
//! nothing at all is known one notifier looks.
//!
//! - [`Scaler::plan`]: the laws, pure; every [`Plan`] says its inputs and its reason
//! - [`State`]: what is kept between plans, and its laws: who lives, what one manages
//! - [`Loop`]: plans each interval for every route, and keeps the last plans; [`InMemory`]: its state in this process;
//!   [`Stored`]: in an object store, for scalers that are another process each time
//! - [`Reports`]: what notifiers that nobody can see tell of themselves there; [`Hearing`]: the ports of a scaler that listens

mod backlog;
mod hearing;
mod learned;
mod looping;
mod memory;
mod plan;
mod proportional;
mod receivers;
mod reports;
mod state;
mod stored;

use std::time::Duration;

pub use hearing::Hearing;
pub use learned::{LEARNED_FACTOR_MAX, Learned};
pub use looping::{Loop, RouteScale, Rules};
pub use memory::InMemory;
pub use plan::{Inputs, Plan, Scaler};
pub use receivers::usable;
pub use reports::{
    ASKED_MAX, HEARD_MAX, Heard, REPORT_EVERY, Reports, TELL_AGAIN, TELL_MAX, reports_in,
};
pub use state::{RAN_MAX, RouteState, SILENT_MAX, Start, State};
pub use stored::{STATE_OBJECT, Stored};

/// How long what was last known of the rate stands for what is not: as late as figures may come, "a delay of up to 15 minutes
/// occurs in CloudWatch metrics when a queue is activated from an inactive state" (SQS Developer Guide, "Available CloudWatch
/// metrics for Amazon SQS").
pub const KNOWN_FOR: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod laws;
#[cfg(test)]
mod losing;
#[cfg(test)]
mod remembering;
#[cfg(test)]
mod tests;
