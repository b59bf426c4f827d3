//! DeleteAlarms, SetAlarmState, EnableAlarmActions, DisableAlarmActions.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::Desk;
use super::fault;
use crate::alarm::State;

/// Names of a request. Source: API Reference, `AlarmNames`.
pub(super) const NAMES_MAX: usize = 100;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DeleteAlarmsInput {
    #[shape(required)]
    alarm_names: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct EnableAlarmActionsInput {
    #[shape(required)]
    alarm_names: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct DisableAlarmActionsInput {
    #[shape(required)]
    alarm_names: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct SetAlarmStateInput {
    #[shape(required)]
    alarm_name: String,
    #[shape(required)]
    state_value: String,
    #[shape(required)]
    state_reason: String,
    state_reason_data: Option<String>,
}

/// Checks how many names there are.
pub(super) fn names(names: Vec<String>) -> Result<BTreeSet<String>, Fault> {
    match names.len() {
        0..=NAMES_MAX => Ok(names.into_iter().collect()),
        count => Err(fault::constraint(
            &format!("{count} names"),
            "alarmNames",
            "Member must have length less than or equal to 100",
        )),
    }
}

impl Act<Desk> for DeleteAlarmsInput {
    type Output = Nothing;
    const ACTION: &'static str = "cloudwatch:DeleteAlarms";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        desk.on_alarms(Self::ACTION, &self.alarm_names)
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let names = names(self.alarm_names)?;
        // "If you specify any incorrect alarm names, the alarms you specify with correct names are still deleted." So an unknown
        // name is passed over, although the model still has `ResourceNotFound`: older texts said that then none is deleted.
        desk.blocking(move |alarms| alarms.delete(&names)).await?;
        Ok(Nothing {})
    }
}

impl Act<Desk> for EnableAlarmActionsInput {
    type Output = Nothing;
    const ACTION: &'static str = "cloudwatch:EnableAlarmActions";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        desk.on_alarms(Self::ACTION, &self.alarm_names)
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        switch(desk, self.alarm_names, true).await
    }
}

impl Act<Desk> for DisableAlarmActionsInput {
    type Output = Nothing;
    const ACTION: &'static str = "cloudwatch:DisableAlarmActions";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        desk.on_alarms(Self::ACTION, &self.alarm_names)
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        switch(desk, self.alarm_names, false).await
    }
}

async fn switch(desk: &Desk, given: Vec<String>, is_on: bool) -> Result<Nothing, Fault> {
    let names = names(given)?;
    desk.blocking(move |alarms| {
        alarms.change(|draft| {
            draft.switch_actions(&names, is_on);
            Ok(())
        })
    })
    .await?;
    Ok(Nothing {})
}

impl Act<Desk> for SetAlarmStateInput {
    type Output = Nothing;
    const ACTION: &'static str = "cloudwatch:SetAlarmState";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_alarm(Self::ACTION, &self.alarm_name)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let state = state(&self.state_value)?;
        let data = self.state_reason_data;
        let is_json = |text: &String| serde_json::from_str::<serde_json::Value>(text).is_ok();
        if data.as_ref().is_some_and(|data| !is_json(data)) {
            return Err(fault::format("StateReasonData is not JSON."));
        }
        let (name, reason) = (self.alarm_name, self.state_reason);
        desk.blocking(move |alarms| alarms.set_state(&name, state, reason, data))
            .await?;
        Ok(Nothing {})
    }
}

/// A state; the texts are those of AWS.
pub(super) fn state(text: &str) -> Result<State, Fault> {
    text.parse().map_err(|_| {
        fault::constraint(
            text,
            "stateValue",
            "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]",
        )
    })
}
