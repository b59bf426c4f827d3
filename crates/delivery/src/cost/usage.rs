//! What was used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fact::Fact;

/// What something was used for. Each has its price in one [`Fact`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// Requests that sent messages to the queue.
    Sends,
    /// Requests that received messages.
    Receives,
    /// Requests that found none.
    EmptyReceives,
    /// Requests that deleted messages.
    Deletes,
    /// Requests that sent on what is to be tried again, handed back what was not sent, or changed when it is visible.
    Retries,
    /// Time × memory of notifiers.
    NotifierTime,
    /// Starts of notifiers.
    NotifierStarts,
    /// Time × memory of the scaler.
    ScalerTime,
    /// Starts of the scaler.
    ScalerStarts,
    /// Time × memory of other functions.
    FunctionTime,
    /// Starts of other functions.
    FunctionStarts,
    /// Objects with results that were written.
    ResultObjects,
    /// Results that are kept.
    StoredResults,
    /// Writes of the scaler's state.
    StateWrites,
    /// Reads of the scaler's state.
    StateReads,
    /// Objects by which notifiers tell that they live.
    ReportWrites,
    /// Listings of these, one for each plan of a route.
    ReportLists,
    /// Reads of these.
    ReportReads,
    /// Bytes to receivers.
    DataOut,
    /// NAT gateways that are there.
    NatHours,
    /// Bytes through them.
    NatBytes,
    /// Logs of functions.
    Logs,
    /// Alarms.
    Alarms,
    /// Dashboards.
    Dashboards,
    /// Figures that the scaler asks for.
    MetricRequests,
}

/// What belongs together on a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The queue.
    Queue,
    /// What trying again adds to the queue's requests.
    Retries,
    /// Functions, and what shows that they live.
    Functions,
    /// Results.
    Results,
    /// NAT.
    Nat,
    /// Monitoring.
    Monitoring,
    /// What leaves for the internet.
    DataOut,
}

impl Part {
    /// All of them, in the order of a bill.
    pub const ALL: [Self; 7] = [
        Self::Queue,
        Self::Retries,
        Self::Functions,
        Self::Results,
        Self::Nat,
        Self::Monitoring,
        Self::DataOut,
    ];

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Retries => "retries",
            Self::Functions => "functions",
            Self::Results => "results",
            Self::Nat => "NAT",
            Self::Monitoring => "monitoring",
            Self::DataOut => "data out",
        }
    }
}

impl Use {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sends => "sends",
            Self::Receives => "receives",
            Self::EmptyReceives => "empty receives",
            Self::Deletes => "deletes",
            Self::Retries => "retries and hand-backs",
            Self::NotifierTime => "notifiers' time",
            Self::NotifierStarts => "notifiers' starts",
            Self::ScalerTime => "scaler's time",
            Self::ScalerStarts => "scaler's starts",
            Self::FunctionTime => "functions' time",
            Self::FunctionStarts => "functions' starts",
            Self::ResultObjects => "result objects",
            Self::StoredResults => "stored results",
            Self::StateWrites => "scaler's state written",
            Self::StateReads => "scaler's state read",
            Self::ReportWrites => "notifiers' reports written",
            Self::ReportLists => "notifiers' reports listed",
            Self::ReportReads => "notifiers' reports read",
            Self::DataOut => "data out",
            Self::NatHours => "NAT gateways",
            Self::NatBytes => "NAT data",
            Self::Logs => "logs",
            Self::Alarms => "alarms",
            Self::Dashboards => "dashboards",
            Self::MetricRequests => "figures asked for",
        }
    }

    /// What it is priced by, on standard queues.
    #[must_use]
    pub const fn fact(self) -> Fact {
        match self {
            Self::Sends | Self::Receives | Self::EmptyReceives | Self::Deletes | Self::Retries => {
                Fact::QueueRequest
            }
            Self::NotifierTime | Self::ScalerTime | Self::FunctionTime => Fact::FunctionGbSecond,
            Self::NotifierStarts | Self::ScalerStarts | Self::FunctionStarts => {
                Fact::FunctionRequest
            }
            Self::ResultObjects | Self::StateWrites | Self::ReportWrites | Self::ReportLists => {
                Fact::ObjectWrite
            }
            Self::StateReads | Self::ReportReads => Fact::ObjectRead,
            Self::StoredResults => Fact::StoredGbMonth,
            Self::DataOut => Fact::DataOutGb,
            Self::NatHours => Fact::NatHour,
            Self::NatBytes => Fact::NatGb,
            Self::Logs => Fact::LogGb,
            Self::Alarms => Fact::AlarmMonth,
            Self::Dashboards => Fact::DashboardMonth,
            Self::MetricRequests => Fact::MetricRequest,
        }
    }

    /// Where it stands on a bill.
    #[must_use]
    pub const fn part(self) -> Part {
        match self {
            Self::Sends | Self::Receives | Self::EmptyReceives | Self::Deletes => Part::Queue,
            Self::Retries => Part::Retries,
            Self::NotifierTime
            | Self::NotifierStarts
            | Self::ScalerTime
            | Self::ScalerStarts
            | Self::FunctionTime
            | Self::FunctionStarts
            | Self::ReportWrites
            | Self::ReportLists
            | Self::ReportReads => Part::Functions,
            Self::ResultObjects | Self::StoredResults | Self::StateWrites | Self::StateReads => {
                Part::Results
            }
            Self::NatHours | Self::NatBytes => Part::Nat,
            Self::Logs | Self::Alarms | Self::Dashboards | Self::MetricRequests => Part::Monitoring,
            Self::DataOut => Part::DataOut,
        }
    }

    /// Whether it is paid by time alone, however much is sent.
    #[must_use]
    pub const fn is_standing(self) -> bool {
        matches!(
            self,
            Self::ScalerTime
                | Self::ScalerStarts
                | Self::StateWrites
                | Self::StateReads
                | Self::ReportLists
                | Self::NatHours
                | Self::Alarms
                | Self::Dashboards
                | Self::MetricRequests
        )
    }
}

/// Quantities by what they were used for, each in the unit of its [`Fact`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage(BTreeMap<(Use, Fact), f64>);

impl Usage {
    /// Adds so much. What is no number or below zero adds nothing.
    pub fn add(&mut self, what: Use, quantity: f64) {
        self.put(what, what.fact(), quantity);
    }

    fn put(&mut self, what: Use, fact: Fact, quantity: f64) {
        if quantity.is_finite() && quantity > 0.0 {
            *self.0.entry((what, fact)).or_default() += quantity;
        }
    }

    /// With so much more.
    #[must_use]
    pub fn with(mut self, what: Use, quantity: f64) -> Self {
        self.add(what, quantity);
        self
    }

    /// The same on FIFO queues.
    #[must_use]
    pub fn on_fifo(self) -> Self {
        let priced = |fact| match fact {
            Fact::QueueRequest => Fact::FifoRequest,
            other => other,
        };
        let mut fifo = Self::default();
        for ((what, fact), quantity) in self.0 {
            fifo.put(what, priced(fact), quantity);
        }
        fifo
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        for ((what, fact), quantity) in &other.0 {
            self.put(*what, *fact, *quantity);
        }
    }

    /// `part` times as much of each.
    #[must_use]
    pub fn times(&self, part: f64) -> Self {
        self.times_each(|_| part)
    }

    /// As much of each as `part` says.
    #[must_use]
    pub fn times_each(&self, part: impl Fn(Use) -> f64) -> Self {
        let mut scaled = Self::default();
        for ((what, fact), quantity) in &self.0 {
            scaled.put(*what, *fact, quantity * part(*what));
        }
        scaled
    }

    /// Only what `wanted` says.
    #[must_use]
    pub fn only(&self, wanted: impl Fn(Use) -> bool) -> Self {
        self.times_each(|what| if wanted(what) { 1.0 } else { 0.0 })
    }

    /// How much of it.
    #[must_use]
    pub fn of(&self, what: Use) -> f64 {
        let all = self.0.iter().filter(|((it, _), _)| *it == what);
        all.map(|(_, quantity)| quantity).sum()
    }

    /// All of them, in the order of a bill.
    pub fn iter(&self) -> impl Iterator<Item = (Use, Fact, f64)> + '_ {
        let all = self.0.iter();
        all.map(|((what, fact), quantity)| (*what, *fact, *quantity))
    }
}
