//! What runs beside the notifications and is paid by time.

use serde::{Deserialize, Serialize};

use super::usage::{Usage, Use};
use super::{HOURS_OF_MONTH, float};

/// Time of a plan of the scheduled function, and its memory. Chosen: three requests and their answers.
const PLAN_SECS: f64 = 0.5;
const PLAN_GB: f64 = 0.125;
/// What a function writes into its log for each start. Chosen: START, END, REPORT and our own two lines.
const LOG_BYTES: u64 = 1_000;

/// The standing parts of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Alarms on one metric each.
    pub alarms: u32,
    /// Dashboards.
    pub dashboards: u32,
    /// NAT gateways that notifications go out through.
    pub nat_gateways: u32,
}

impl Deployment {
    /// What it uses in so many hours, in which so many bytes go out.
    #[must_use]
    pub fn usage(&self, hours: f64, bytes_out: u64) -> Usage {
        let months = hours / HOURS_OF_MONTH;
        let through_nat = match self.nat_gateways {
            0 => 0.0,
            _ => gb(bytes_out),
        };
        Usage::default()
            .with(Use::Alarms, f64::from(self.alarms) * months)
            .with(Use::Dashboards, f64::from(self.dashboards) * months)
            .with(Use::NatHours, f64::from(self.nat_gateways) * hours)
            .with(Use::NatBytes, through_nat)
    }
}

/// What so many invocations of a scheduled function use that plans for so many routes: the state is one object for all of them,
/// figures are asked for and reports listed for each.
#[must_use]
pub fn plans(count: u64, routes: usize) -> Usage {
    let of_routes = float(count.saturating_mul(u64::try_from(routes).unwrap_or(u64::MAX)));
    let count = float(count);
    Usage::default()
        .with(Use::ScalerStarts, count)
        .with(Use::ScalerTime, count * PLAN_SECS * PLAN_GB)
        .with(Use::StateReads, count)
        .with(Use::StateWrites, count)
        .with(Use::MetricRequests, of_routes * 2.0)
        .with(Use::ReportLists, of_routes)
}

/// What so many starts write into logs.
#[must_use]
pub fn logs(starts: u64) -> Usage {
    Usage::default().with(Use::Logs, gb(starts.saturating_mul(LOG_BYTES)))
}

/// GB as AWS bills them: 2^30 bytes.
#[must_use]
pub fn gb(bytes: u64) -> f64 {
    float(bytes) / (1u64 << 30) as f64
}
