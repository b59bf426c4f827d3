//! Status checks, as DescribeInstanceStatus and the metrics `StatusCheckFailed…` show them.

use base::Timestamp;

use super::{Instance, State};

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// All is well.
    Ok,
    /// It failed.
    Impaired,
    /// It has not been made yet.
    Initializing,
    /// Nobody can say.
    InsufficientData,
    /// There is nothing to check.
    NotApplicable,
}

impl Check {
    /// Such as `ok`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Impaired => "impaired",
            Self::Initializing => "initializing",
            Self::InsufficientData => "insufficient-data",
            Self::NotApplicable => "not-applicable",
        }
    }

    /// What the detail `reachability` shows, where there is one: `passed`, `failed` and so on.
    #[must_use]
    pub const fn reachability(self) -> Option<&'static str> {
        match self {
            Self::Ok => Some("passed"),
            Self::Impaired => Some("failed"),
            Self::Initializing => Some("initializing"),
            Self::InsufficientData => Some("insufficient-data"),
            Self::NotApplicable => None,
        }
    }
}

/// The checks of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// What is below the host: of a silent one nobody can say.
    pub system: Check,
    /// The host itself: whether its agent is heard of.
    pub instance: Check,
    /// Since when it is impaired.
    pub impaired_since: Option<Timestamp>,
}

impl Instance {
    /// Its checks.
    #[must_use]
    pub fn checks(&self) -> Checks {
        let has_reported = self.member.as_ref().is_some_and(|it| it.has_reported);
        let (system, instance) = match (self.state, self.silent_since) {
            (State::Running, Some(_)) => (Check::InsufficientData, Check::Impaired),
            (State::Running, None) if has_reported => (Check::Ok, Check::Ok),
            (State::Running, None) => (Check::Initializing, Check::Initializing),
            _ => (Check::NotApplicable, Check::NotApplicable),
        };
        let is_impaired = instance == Check::Impaired;
        Checks {
            system,
            instance,
            impaired_since: self.silent_since.filter(|_| is_impaired),
        }
    }
}
