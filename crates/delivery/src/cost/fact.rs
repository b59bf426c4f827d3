//! What has a price.

use serde::{Deserialize, Serialize};

/// Something that is on a price list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A request to a standard queue, for each 64 KiB of it.
    QueueRequest,
    /// A request to a FIFO queue, for each 64 KiB of it.
    FifoRequest,
    /// The start of a function.
    FunctionRequest,
    /// A function's time × memory.
    FunctionGbSecond,
    /// An object's being written, or objects' being listed: one price, "PUT, COPY, POST, LIST requests" (Amazon S3 pricing).
    ObjectWrite,
    /// An object's being read.
    ObjectRead,
    /// Objects that lie there.
    StoredGbMonth,
    /// What leaves for the internet.
    DataOutGb,
    /// A NAT gateway's being there.
    NatHour,
    /// What passes it.
    NatGb,
    /// Logs that are taken in.
    LogGb,
    /// An alarm on one metric of a minute's resolution.
    AlarmMonth,
    /// A dashboard.
    DashboardMonth,
    /// A request for figures.
    MetricRequest,
}

impl Fact {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::QueueRequest,
        Self::FifoRequest,
        Self::FunctionRequest,
        Self::FunctionGbSecond,
        Self::ObjectWrite,
        Self::ObjectRead,
        Self::StoredGbMonth,
        Self::DataOutGb,
        Self::NatHour,
        Self::NatGb,
        Self::LogGb,
        Self::AlarmMonth,
        Self::DashboardMonth,
        Self::MetricRequest,
    ];

    /// The name in the list.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueRequest => "queue_request",
            Self::FifoRequest => "fifo_request",
            Self::FunctionRequest => "function_request",
            Self::FunctionGbSecond => "function_gb_second",
            Self::ObjectWrite => "object_write",
            Self::ObjectRead => "object_read",
            Self::StoredGbMonth => "stored_gb_month",
            Self::DataOutGb => "data_out_gb",
            Self::NatHour => "nat_hour",
            Self::NatGb => "nat_gb",
            Self::LogGb => "log_gb",
            Self::AlarmMonth => "alarm_month",
            Self::DashboardMonth => "dashboard_month",
            Self::MetricRequest => "metric_request",
        }
    }

    /// The unit that it is priced by.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::QueueRequest
            | Self::FifoRequest
            | Self::FunctionRequest
            | Self::ObjectWrite
            | Self::ObjectRead
            | Self::MetricRequest => "request",
            Self::FunctionGbSecond => "GB-second",
            Self::StoredGbMonth => "GB-month",
            Self::DataOutGb | Self::NatGb | Self::LogGb => "GB",
            Self::NatHour => "hour",
            Self::AlarmMonth | Self::DashboardMonth => "month",
        }
    }

    /// The fact of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fact| fact.name() == name)
    }
}
