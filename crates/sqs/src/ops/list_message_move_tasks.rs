//! ListMessageMoveTasks: shows the latest message move tasks of a queue.
//!
//! Source: SQS API Reference, ListMessageMoveTasks.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::fault;
use super::state::State;
use crate::{Error, MoveTask};

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ListMessageMoveTasksRequest")]
pub(super) struct Request {
    #[shape(required)]
    source_arn: String,
    max_results: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ListMessageMoveTasksResult")]
pub(super) struct Response {
    #[shape(query = "ListMessageMoveTasksResultEntry", flattened)]
    results: Vec<ResultEntry>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:ListMessageMoveTasks";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        vec![state.access_to_arn(Self::ACTION, &self.source_arn)]
    }

    async fn act(self, state: &Arc<State>, _ctx: &Ctx) -> Result<Response, Fault> {
        let given = self.max_results.unwrap_or(1);
        let max = usize::try_from(given)
            .ok()
            .filter(|max| (1..=10).contains(max));
        let right = "MaxResults must be an integer between 1 and 10";
        let max = max.ok_or_else(|| Error::parameter("MaxResults", given.to_string(), right))?;
        let tasks =
            state
                .queues
                .list_moves(&self.source_arn, max)
                .map_err(|error| match error {
                    Error::NotFound { .. } => fault::no_such_resource("SourceArn"),
                    error => error.into(),
                })?;
        Ok(Response {
            results: tasks.into_iter().map(result_entry).collect(),
        })
    }
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "ListMessageMoveTasksResultEntry")]
pub(super) struct ResultEntry {
    task_handle: Option<String>,
    status: Option<String>,
    source_arn: Option<String>,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<i32>,
    approximate_number_of_messages_moved: Option<i64>,
    approximate_number_of_messages_to_move: Option<i64>,
    failure_reason: Option<String>,
    started_timestamp: Option<i64>,
}

fn result_entry(task: MoveTask) -> ResultEntry {
    ResultEntry {
        task_handle: task.handle,
        status: Some(task.status.to_owned()),
        source_arn: Some(task.source_arn),
        destination_arn: task.destination_arn,
        max_number_of_messages_per_second: task.rate.and_then(|rate| i32::try_from(rate).ok()),
        approximate_number_of_messages_moved: i64::try_from(task.moved).ok(),
        approximate_number_of_messages_to_move: i64::try_from(task.to_move).ok(),
        failure_reason: task.failure,
        started_timestamp: i64::try_from(task.started_at.as_millis()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn a_queue_without_tasks_shows_none() {
        let bench = Bench::with_dead_letters("s2s", "dead").await;
        let source = "arn:aws:sqs:ap-northeast-1:123456789012:dead";
        assert_eq!(
            bench
                .ok("ListMessageMoveTasks", json!({"SourceArn": source}))
                .await,
            json!({})
        );
        for max in [0, 11] {
            let fault = bench
                .fault(
                    "ListMessageMoveTasks",
                    json!({"SourceArn": source, "MaxResults": max}),
                )
                .await;
            assert_eq!(fault.query_code, "InvalidParameterValue");
        }
    }
}
