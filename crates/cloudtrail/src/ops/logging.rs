//! StartLogging, StopLogging, GetTrailStatus.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use base::Timestamp;
use wire::Shape;

use super::Desk;
use crate::engine::command;
use crate::engine::state::Millis;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct StartLoggingRequest {
    #[shape(required)]
    name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct StopLoggingRequest {
    #[shape(required)]
    name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetTrailStatusRequest {
    #[shape(required)]
    name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct GetTrailStatusResponse {
    is_logging: Option<bool>,
    latest_delivery_error: Option<String>,
    latest_notification_error: Option<String>,
    latest_delivery_time: Option<Timestamp>,
    latest_notification_time: Option<Timestamp>,
    start_logging_time: Option<Timestamp>,
    stop_logging_time: Option<Timestamp>,
    latest_cloud_watch_logs_delivery_error: Option<String>,
    latest_cloud_watch_logs_delivery_time: Option<Timestamp>,
    latest_digest_delivery_time: Option<Timestamp>,
    latest_digest_delivery_error: Option<String>,
    latest_delivery_attempt_time: Option<String>,
    latest_notification_attempt_time: Option<String>,
    latest_notification_attempt_succeeded: Option<String>,
    latest_delivery_attempt_succeeded: Option<String>,
    time_logging_started: Option<String>,
    time_logging_stopped: Option<String>,
}

impl Act<Desk> for StartLoggingRequest {
    type Output = Nothing;
    const ACTION: &'static str = "cloudtrail:StartLogging";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_trail(Self::ACTION, &self.name)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        desk.blocking(move |trails| {
            let at = trails.now();
            trails.change(|state| {
                let from = trails.next_records();
                let events = command::start(state, trails.place(), at, &self.name, from)?;
                Ok(((), events))
            })
        })
        .await?;
        Ok(Nothing {})
    }
}

impl Act<Desk> for StopLoggingRequest {
    type Output = Nothing;
    const ACTION: &'static str = "cloudtrail:StopLogging";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_trail(Self::ACTION, &self.name)]
    }

    async fn act(self, desk: &Arc<Desk>, ctx: &Ctx) -> Result<Nothing, Fault> {
        let request_id = ctx.request_id.to_string();
        desk.blocking(move |trails| {
            let at = trails.now();
            trails.end_by_call(&request_id, |state| {
                command::stop(state, trails.place(), at, &self.name)
            })
        })
        .await?;
        Ok(Nothing {})
    }
}

impl Act<Desk> for GetTrailStatusRequest {
    type Output = GetTrailStatusResponse;
    const ACTION: &'static str = "cloudtrail:GetTrailStatus";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_trail(Self::ACTION, &self.name)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<GetTrailStatusResponse, Fault> {
        let trail = desk.find(&desk.trails.state(), &self.name)?;
        let status = trail.status;
        let time = |at: Option<Millis>| at.map(Timestamp::from);
        // As AWS answers: nothing is an empty text there.
        let text =
            |at: Option<Millis>| Some(time(at).map(Timestamp::rfc3339_secs).unwrap_or_default());
        Ok(GetTrailStatusResponse {
            is_logging: Some(trail.is_logging),
            latest_delivery_error: status.error,
            latest_delivery_time: time(status.delivered_at),
            start_logging_time: time(trail.started_at),
            stop_logging_time: time(trail.stopped_at),
            latest_digest_delivery_time: time(status.digest_at),
            latest_digest_delivery_error: status.digest_error,
            latest_delivery_attempt_time: text(status.tried_at),
            latest_notification_attempt_time: Some(String::new()),
            latest_notification_attempt_succeeded: Some(String::new()),
            latest_delivery_attempt_succeeded: text(status.delivered_at),
            time_logging_started: text(trail.started_at),
            time_logging_stopped: text(trail.stopped_at),
            ..GetTrailStatusResponse::default()
        })
    }
}
