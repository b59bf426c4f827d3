//! PutCompositeAlarm.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use wire::Shape;

use super::Desk;
use super::desk::with_request_tags;
use super::fault;
use super::shape::{ActionConfiguration, Tag, as_tags};
use crate::alarm::engine::Settings;
use crate::alarm::engine::settings::{Composite, Kind, Suppressor};

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct PutCompositeAlarmInput {
    actions_enabled: Option<bool>,
    alarm_actions: Vec<String>,
    alarm_description: Option<String>,
    #[shape(required)]
    alarm_name: String,
    #[shape(required)]
    alarm_rule: String,
    insufficient_data_actions: Vec<String>,
    #[shape(name = "OKActions")]
    ok_actions: Vec<String>,
    tags: Vec<Tag>,
    actions_suppressor: Option<String>,
    actions_suppressor_wait_period: Option<i32>,
    actions_suppressor_extension_period: Option<i32>,
    #[shape(refused)]
    action_configuration: Option<ActionConfiguration>,
}

impl Act<Desk> for PutCompositeAlarmInput {
    type Output = Nothing;
    const ACTION: &'static str = "cloudwatch:PutCompositeAlarm";

    /// Of everything, as AWS has it: a permission of a narrower scope is not enough (`PutCompositeAlarm`).
    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        let put = Access::new(Self::ACTION, desk.place().all());
        let put = with_request_tags(put, &self.tags);
        let is_new = desk.alarms.book().alarm(&self.alarm_name).is_none();
        match self.tags.is_empty() || !is_new {
            true => vec![put],
            false => {
                let tag = desk.on_alarm("cloudwatch:TagResource", &self.alarm_name);
                vec![put, with_request_tags(tag, &self.tags)]
            }
        }
    }

    async fn act(mut self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let tags = as_tags(std::mem::take(&mut self.tags));
        let settings = self.settings()?;
        desk.blocking(move |alarms| alarms.put(settings, tags))
            .await?;
        Ok(Nothing {})
    }
}

impl PutCompositeAlarmInput {
    fn settings(self) -> Result<Settings, Fault> {
        let suppressor = self.suppressor()?;
        Ok(Settings {
            name: self.alarm_name,
            description: self.alarm_description,
            actions_enabled: self.actions_enabled.unwrap_or(true),
            ok_actions: self.ok_actions,
            alarm_actions: self.alarm_actions,
            insufficient_data_actions: self.insufficient_data_actions,
            kind: Kind::Composite(Composite {
                rule: self.alarm_rule,
                suppressor,
            }),
        })
    }

    /// The suppressor needs both periods, and they need it.
    fn suppressor(&self) -> Result<Option<Suppressor>, Fault> {
        let periods = [
            (
                "ActionsSuppressorWaitPeriod",
                self.actions_suppressor_wait_period,
            ),
            (
                "ActionsSuppressorExtensionPeriod",
                self.actions_suppressor_extension_period,
            ),
        ];
        let alarm = self
            .actions_suppressor
            .clone()
            .filter(|alarm| !alarm.is_empty());
        let Some(alarm) = alarm else {
            let given = periods.into_iter().find(|(_, period)| period.is_some());
            return match given {
                Some((name, _)) => Err(fault::validation(format!(
                    "{name} is only for alarms that have an ActionsSuppressor."
                ))),
                None => Ok(None),
            };
        };
        let mut secs = periods
            .into_iter()
            .map(|(name, period)| match period.map(u32::try_from) {
                None => Err(fault::missing(name)),
                Some(Err(_)) => Err(fault::validation(format!("{name} must not be negative."))),
                Some(Ok(secs)) => Ok(secs),
            });
        Ok(Some(Suppressor {
            alarm,
            wait_secs: secs.next().transpose()?.unwrap_or_default(),
            extension_secs: secs.next().transpose()?.unwrap_or_default(),
        }))
    }
}
