//! DescribeEventBus, ListEventBuses: there is one, `default`.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use wire::Shape;

use super::check;
use super::target::DeadLetterConfig;
use crate::rules::Rules;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeEventBusRequest {
    name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DescribeEventBusResponse {
    name: Option<String>,
    arn: Option<String>,
    description: Option<String>,
    kms_key_identifier: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    policy: Option<String>,
    log_config: Option<LogConfig>,
    managed_by: Option<String>,
    creation_time: Option<Timestamp>,
    last_modified_time: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct LogConfig {
    include_detail: Option<String>,
    level: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListEventBusesRequest {
    name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListEventBusesResponse {
    event_buses: Option<Vec<EventBus>>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct EventBus {
    name: Option<String>,
    arn: Option<String>,
    description: Option<String>,
    policy: Option<String>,
    creation_time: Option<Timestamp>,
    last_modified_time: Option<Timestamp>,
    managed_by: Option<String>,
}

impl Act<Rules> for DescribeEventBusRequest {
    type Output = DescribeEventBusResponse;
    const ACTION: &'static str = "events:DescribeEventBus";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        vec![rules.on_bus()]
    }

    async fn act(self, rules: &Arc<Rules>, _ctx: &Ctx) -> Result<DescribeEventBusResponse, Fault> {
        check::bus(self.name.as_deref())?;
        Ok(DescribeEventBusResponse {
            name: Some("default".to_owned()),
            arn: Some(rules.bus_arn().text()),
            ..DescribeEventBusResponse::default()
        })
    }
}

impl Act<Rules> for ListEventBusesRequest {
    type Output = ListEventBusesResponse;
    const ACTION: &'static str = "events:ListEventBuses";

    fn touches(&self, rules: &Rules, _caller: &Caller) -> Vec<Access> {
        vec![rules.on_all()]
    }

    async fn act(self, rules: &Arc<Rules>, _ctx: &Ctx) -> Result<ListEventBusesResponse, Fault> {
        let prefix = self.name_prefix.unwrap_or_default();
        let all = std::iter::once("default").filter(|name| name.starts_with(&prefix));
        let (page, next_token) =
            check::page(all, |name| name, self.limit, self.next_token.as_deref())?;
        let shown = page.into_iter().map(|name| EventBus {
            name: Some(name.to_owned()),
            arn: Some(rules.bus_arn().text()),
            ..EventBus::default()
        });
        Ok(ListEventBusesResponse {
            event_buses: Some(shown.collect()),
            next_token,
        })
    }
}
