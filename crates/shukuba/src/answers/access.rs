//! What is asked of the identities.

use iam::engine::account::BillingIs;
use serde::{Deserialize, Serialize};

/// Whether users may see the bill where their policies allow it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Billing {
    pub(crate) billing: Switch,
}

/// Open to users whose policies allow it, or to nobody but root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Switch {
    Open,
    Closed,
}

impl From<BillingIs> for Switch {
    fn from(billing: BillingIs) -> Self {
        match billing {
            BillingIs::Open => Self::Open,
            BillingIs::Closed => Self::Closed,
        }
    }
}

impl From<Switch> for BillingIs {
    fn from(billing: Switch) -> Self {
        match billing {
            Switch::Open => Self::Open,
            Switch::Closed => Self::Closed,
        }
    }
}

/// Whether somebody, or who, may do something.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Asked {
    /// A user's name, `role/NAME`, `root`, or an ARN of these; everybody is asked about without.
    pub(crate) principal: Option<String>,
    /// Such as `sqs:SendMessage`.
    pub(crate) action: String,
    /// An ARN, in which `*` may stand for the region and the account, or `*`.
    pub(crate) resource: String,
    /// Values of context keys, each `KEY=VALUE`.
    pub(crate) context: Vec<String>,
    /// A policy to be taken instead of the one that the resource has.
    pub(crate) resource_policy: Option<String>,
}

/// Who has not been here for so many days.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Idle {
    pub(crate) days: u64,
}
