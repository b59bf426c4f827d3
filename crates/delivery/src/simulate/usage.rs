//! What a simulated deployment used, as it is billed, without prices.

use serde::{Deserialize, Serialize};

use super::number::float;
use crate::cost::deployment::{gb, logs, plans};
use crate::cost::{self, Deployment, Use};

/// Messages of one request of SQS.
pub(super) const BATCH: u64 = 10;
/// SQS bills a request for each so many bytes of it. Source: Amazon SQS pricing, "every 64 KB chunk of a payload is billed as
/// 1 request".
const CHUNK_BYTES: u64 = 65_536;
/// The longest long poll of SQS.
pub(super) const LONG_POLL_SECS: f64 = 20.0;
/// Messages whose results are stored together at most (contract 7).
pub(super) const RESULTS_MAX: u64 = 1_000;
/// How long a plan of the scheduled function takes, and its memory. Chosen: three requests and their answers.
const PLAN_SECS: f64 = 0.5;
const PLAN_GB: f64 = 0.125;
/// Routes of a simulation.
const ROUTES: usize = 1;

/// What was used. Counts are of the whole simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Notifications that were accepted.
    pub notifications: u64,
    /// Messages that bore them.
    pub messages: u64,
    /// Requests that sent them to the queue, in batches of 10, by 64 KiB.
    pub queue_sends: u64,
    /// Requests that received them, by 64 KiB, and those that came back empty.
    pub queue_receives: u64,
    /// Requests that deleted them, in batches of 10.
    pub queue_deletes: u64,
    /// Requests for the queue's attributes and for figures, two for each plan.
    pub metric_requests: u64,
    /// Reads and writes of the scaler's state.
    pub state_reads: u64,
    /// See `state_reads`.
    pub state_writes: u64,
    /// Objects by which notifiers told that they live, and that they ended.
    pub report_writes: u64,
    /// Listings of these, one for each plan.
    pub report_lists: u64,
    /// Reads of these.
    pub report_reads: u64,
    /// Sets of results that were stored, an object each.
    pub result_objects: u64,
    /// Notifiers that were started, or with an event source batches.
    pub notifier_invocations: u64,
    /// Their time × memory.
    pub notifier_gb_seconds: f64,
    /// Plans that a scheduled function made.
    pub scaler_invocations: u64,
    /// Their time × memory.
    pub scaler_gb_seconds: f64,
    /// Minutes of servers that always run.
    pub server_minutes: f64,
    /// Bytes that went to receivers.
    pub bytes_out: u64,
}

impl Usage {
    /// What the sender used for `notifications`.
    pub(super) fn of_sent(notifications: u64, lines: u32, line_bytes: u32) -> Self {
        let messages = notifications.div_ceil(u64::from(lines.max(1)));
        Self {
            notifications,
            messages,
            queue_sends: requests(messages, messages.div_ceil(BATCH), lines, line_bytes),
            queue_deletes: messages.div_ceil(BATCH),
            ..Self::default()
        }
    }

    /// The same in the units of a price list, with what stands beside for so many `hours`. Servers hold their queue and their
    /// results themselves: of them only what goes out is in it.
    #[must_use]
    pub fn priced(&self, hours: f64, deployment: &Deployment) -> cost::Usage {
        let mut used = deployment.usage(hours, self.bytes_out);
        used.add(Use::DataOut, gb(self.bytes_out));
        if self.server_minutes > 0.0 {
            return used.only(|what| matches!(what.part(), cost::Part::DataOut | cost::Part::Nat));
        }
        for (what, count) in [
            (Use::Sends, self.queue_sends),
            (Use::Receives, self.queue_receives),
            (Use::Deletes, self.queue_deletes),
            (Use::NotifierStarts, self.notifier_invocations),
            (Use::ResultObjects, self.result_objects),
            (Use::ReportWrites, self.report_writes),
            (Use::ReportReads, self.report_reads),
        ] {
            used.add(what, float(count));
        }
        used.add(Use::NotifierTime, self.notifier_gb_seconds);
        used.merge(&plans(self.scaler_invocations, ROUTES));
        used.merge(&logs(self.notifier_invocations + self.scaler_invocations));
        used
    }

    /// Notes what plans of a scheduled function used.
    pub(super) fn plan(&mut self, plans: u64) {
        self.metric_requests = plans * 2;
        self.state_reads = plans;
        self.state_writes = plans;
        self.scaler_invocations = plans;
        self.scaler_gb_seconds = float(plans) * PLAN_SECS * PLAN_GB;
    }
}

/// How `messages` in `calls` are billed.
pub(super) fn requests(messages: u64, calls: u64, lines: u32, line_bytes: u32) -> u64 {
    let message = u64::from(lines.max(1)) * u64::from(line_bytes.max(1));
    let in_a_call = messages.div_ceil(calls.max(1)) * message;
    calls * in_a_call.div_ceil(CHUNK_BYTES).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_billed_by_64_kib() {
        // A million of 300 bytes each: 100,000 batches of 3,000 bytes.
        assert_eq!(Usage::of_sent(1_000_000, 1, 300).queue_sends, 100_000);
        // 200 lines of 300 bytes fill a chunk: 5,000 messages, one request each.
        let packed = Usage::of_sent(1_000_000, 200, 300);
        assert_eq!(
            (packed.messages, packed.queue_sends, packed.queue_deletes),
            (5_000, 5_000, 500)
        );
        assert_eq!(Usage::of_sent(0, 1, 300), Usage::default());
    }
}
