//! CloudWatch's interface on the wire. Its operations fall into parts that know nothing of each other's state; each
//! is a table of its own, and [`joined`] makes one service of them.

pub mod alarms;
pub mod anomaly;
pub mod dashboards;
pub mod data;
pub mod metrics;

use std::fmt;
use std::sync::Arc;

use api::{Call, Service, ServiceFacts};
use base::{AccountId, Arn, Region};
use wire::{DecodeError, Protocol};

/// What the gateway routes to CloudWatch by.
pub static FACTS: ServiceFacts = ServiceFacts {
    // The name in signatures and actions.
    name: "monitoring",
    json_target: Some("GraniteServiceVersion20100801"),
    json_protocol: Protocol::Json10,
    rpc_service: Some("GraniteServiceVersion20100801"),
    query_version: Some("2010-08-01"),
    query_protocol: Protocol::Query,
    xml_namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
    error_namespace: "com.amazonaws.cloudwatch",
    is_query_compatible: true,
    query_url_member: None,
    is_global: false,
};

/// Where this CloudWatch is, for ARNs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its region.
    pub region: Region,
    /// Its account.
    pub account: AccountId,
}

impl Place {
    /// The ARN of an alarm: `arn:aws:cloudwatch:ap-northeast-1:123456789012:alarm:web-CPUUtilization`.
    #[must_use]
    pub fn alarm(&self, name: &str) -> Arn {
        self.arn(&format!("alarm:{name}"))
    }

    /// The ARN of a mute rule of alarms.
    #[must_use]
    pub fn mute_rule(&self, name: &str) -> Arn {
        self.arn(&format!("alarm-mute-rule:{name}"))
    }

    /// The ARN of a dashboard, which belongs to no region: `arn:aws:cloudwatch::123456789012:dashboard/web`.
    #[must_use]
    pub fn dashboard(&self, name: &str) -> Arn {
        Arn {
            region: String::new(),
            ..self.arn(&format!("dashboard/{name}"))
        }
    }

    /// What actions without a resource act on.
    #[must_use]
    pub fn all(&self) -> Arn {
        self.arn("*")
    }

    fn arn(&self, resource: &str) -> Arn {
        Arn::new("cloudwatch", &self.region, &self.account, resource)
    }
}

/// The name, request and answer of every operation.
pub fn schemas() -> impl Iterator<Item = api::Shapes> {
    api::operation::shapes(alarms::OPERATIONS)
        .chain(api::operation::shapes(anomaly::OPERATIONS))
        .chain(api::operation::shapes(dashboards::OPERATIONS))
        .chain(api::operation::shapes(data::OPERATIONS))
        .chain(api::operation::shapes(metrics::OPERATIONS))
}

/// One service of several tables of operations.
#[must_use]
pub fn joined(parts: Vec<Arc<dyn Service>>) -> Arc<dyn Service> {
    Arc::new(Joined(parts))
}

struct Joined(Vec<Arc<dyn Service>>);

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl Service for Joined {
    fn facts(&self) -> &'static ServiceFacts {
        &FACTS
    }

    fn operations(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.0.iter().flat_map(|part| part.operations()).collect();
        names.sort_unstable();
        names
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|part| part.has(name))
    }

    fn decode(
        &self,
        name: &str,
        protocol: Protocol,
        body: &[u8],
    ) -> Option<Result<Box<dyn Call>, DecodeError>> {
        self.0
            .iter()
            .find_map(|part| part.decode(name, protocol, body))
    }
}
