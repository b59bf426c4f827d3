//! StartMessageMoveTask: begins to move the messages of a dead-letter queue.
//!
//! Source: SQS API Reference, StartMessageMoveTask.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::fault;
use super::state::State;
use crate::Error;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "StartMessageMoveTaskRequest")]
pub(super) struct Request {
    #[shape(required)]
    source_arn: String,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "StartMessageMoveTaskResult")]
pub(super) struct Response {
    task_handle: Option<String>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:StartMessageMoveTask";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        let of_source = [
            Self::ACTION,
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
        ];
        let mut access: Vec<_> = of_source
            .map(|action| state.access_to_arn(action, &self.source_arn))
            .into();
        // Without a destination the messages go back to where they came from, which may be any queue.
        access.push(match &self.destination_arn {
            Some(arn) => state.access_to_arn("sqs:SendMessage", arn),
            None => state.access_to("sqs:SendMessage", "*"),
        });
        access
    }

    async fn act(self, state: &Arc<State>, _ctx: &Ctx) -> Result<Response, Fault> {
        let rate = self
            .max_number_of_messages_per_second
            .map(rate)
            .transpose()?;
        let handle = state
            .queues
            .start_move(&self.source_arn, self.destination_arn.as_deref(), rate)
            .await
            .map_err(|error| refused(error, &self))?;
        Ok(Response {
            task_handle: Some(handle),
        })
    }
}

/// In SQS's own words, where they are known.
fn refused(error: Error, input: &Request) -> Fault {
    match error {
        Error::NotFound { name, .. } if name == input.source_arn => {
            fault::no_such_resource("SourceArn")
        }
        Error::NotFound { .. } => fault::no_such_resource("DestinationArn"),
        Error::InvalidParameter {
            name: "SourceArn", ..
        } => fault::invalid_value("Source queue must be configured as a Dead Letter Queue."),
        Error::Unsupported { why } if why.contains("already a task") => fault::invalid_value(
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
        ),
        error => error.into(),
    }
}

/// 1 to 500 messages a second.
fn rate(given: i32) -> Result<u32, Error> {
    let right = "MaxNumberOfMessagesPerSecond must be an integer between 1 and 500";
    let rate = u32::try_from(given)
        .ok()
        .filter(|rate| (1..=500).contains(rate));
    rate.ok_or_else(|| Error::parameter("MaxNumberOfMessagesPerSecond", given.to_string(), right))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn a_task_needs_a_dead_letter_queue_and_a_fair_rate() {
        let bench = Bench::with_queue("plain").await;
        let arn = |name: &str| format!("arn:aws:sqs:ap-northeast-1:123456789012:{name}");
        for rate in [0, 501] {
            let input = json!({"SourceArn": arn("plain"), "MaxNumberOfMessagesPerSecond": rate});
            assert_eq!(
                bench.fault("StartMessageMoveTask", input).await.query_code,
                "InvalidParameterValue"
            );
        }
        let fault = bench
            .fault("StartMessageMoveTask", json!({"SourceArn": arn("none")}))
            .await;
        assert_eq!(
            (fault.code, fault.status),
            ("ResourceNotFoundException", 404)
        );
        assert_eq!(
            fault.message,
            "The resource that you specified for the SourceArn parameter doesn't exist."
        );
        let fault = bench
            .fault("StartMessageMoveTask", json!({"SourceArn": arn("plain")}))
            .await;
        assert_eq!(fault.query_code, "InvalidParameterValue");
        assert_eq!(
            fault.message,
            "Source queue must be configured as a Dead Letter Queue."
        );
    }

    #[tokio::test]
    async fn a_task_is_started_listed_and_cancelled() {
        let bench = Bench::with_dead_letters("s2s", "dead").await;
        let source = "arn:aws:sqs:ap-northeast-1:123456789012:dead";
        let started = bench
            .ok(
                "StartMessageMoveTask",
                json!({"SourceArn": source, "MaxNumberOfMessagesPerSecond": 1}),
            )
            .await;
        let list = bench
            .ok("ListMessageMoveTasks", json!({"SourceArn": source}))
            .await;
        assert_eq!(list["Results"][0]["Status"], "RUNNING");
        assert_eq!(list["Results"][0]["SourceArn"], source);
        let fault = bench
            .fault("StartMessageMoveTask", json!({"SourceArn": source}))
            .await;
        assert!(
            fault
                .message
                .starts_with("There is already a task running."),
            "{fault}"
        );
        assert_eq!(list["Results"][0]["TaskHandle"], started["TaskHandle"]);
        let cancelled = bench
            .ok(
                "CancelMessageMoveTask",
                json!({"TaskHandle": started["TaskHandle"]}),
            )
            .await;
        assert!(cancelled["ApproximateNumberOfMessagesMoved"].is_number());
    }

    #[test]
    fn the_source_is_read_and_the_destination_is_sent_to() {
        let arn = "arn:aws:sqs:ap-northeast-1:123456789012:dead";
        let access = Bench::access("StartMessageMoveTask", json!({"SourceArn": arn}));
        assert_eq!(
            access.first().unwrap(),
            &format!("sqs:StartMessageMoveTask {arn}")
        );
        assert_eq!(
            access.last().unwrap(),
            "sqs:SendMessage arn:aws:sqs:ap-northeast-1:123456789012:*"
        );
    }
}
