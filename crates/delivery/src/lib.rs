//! The product: notification lines in, notifications out, a stored result for each.
//!
//! - [`port`]: the joints (queue, results, metrics, invoker, sender) and the facts that pass through
//! - [`config`]: the settings of routes, destinations, notifier, scaler and results
//! - [`format`](mod@format): from a line to a request; [`travel`]: what travels with a message
//! - [`notifier`]: receives, sends in parallel, settles
//! - [`cost`]: what it costs, and what a fixed server would
//! - `contract` (feature `contract`): what every implementation of a port must do
//! - [`destinations`]: which rules apply; [`verdict`]: when to try again; [`deadline`]: when no more; [`limit`]: rates; [`random`]: jitter
//! - [`ledger`]: where every accepted notification is, and whether that adds up
//! - [`masking`]: what is hidden in results
//! - [`result`]: the stored record of an attempt; [`results`]: where these records are kept; [`why`]: what became of one
//! - [`presets`]: rules that receivers document of themselves
//! - [`replay`]: sends again what had ended; [`dead`]: dead notifications, kept with their reason
//! - [`recall`]: who is called back when a receiver answers again
//! - [`scaler`]: how many notifiers run; [`share`]: what of every limit each has; [`apportion`]: what
//!   each route has of a destination's; [`allot`]: what each notifier of one process has of its rate
//! - [`simulate`]: what a day of traffic would have been like, with the scaler itself and models of the rest
//! - [`making`]: requests made by templates; [`template`]: text that is filled in from a line, escaped for where it stands
//! - [`mod@sign`]: signatures of requests
//! - [`sender`]: the ways to send, a file per kind; [`dns`]: names to addresses; [`ssrf`]: which addresses may be reached

pub mod allot;
pub mod apportion;
pub mod config;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod cost;
pub mod dead;
pub mod deadline;
pub mod destinations;
pub mod dns;
pub mod format;
pub mod ledger;
pub mod limit;
pub mod making;
pub mod masking;
pub mod notifier;
pub mod places;
pub mod port;
pub mod presets;
pub mod random;
pub mod recall;
pub mod recorded;
pub mod replay;
pub mod result;
pub mod results;
pub mod scaler;
pub mod sender;
pub mod share;
pub mod sign;
pub mod simulate;
pub mod ssrf;
pub mod template;
pub mod travel;
pub mod verdict;
pub mod why;
