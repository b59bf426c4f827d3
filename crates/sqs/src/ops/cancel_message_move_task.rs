//! CancelMessageMoveTask: stops a running message move task.
//!
//! Source: SQS API Reference, CancelMessageMoveTask.

use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use wire::Shape;

use super::fault;
use super::state::State;
use crate::Error;

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "CancelMessageMoveTaskRequest")]
pub(super) struct Request {
    #[shape(required)]
    task_handle: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
#[shape(name = "CancelMessageMoveTaskResult")]
pub(super) struct Response {
    approximate_number_of_messages_moved: Option<i64>,
}

impl Act<State> for Request {
    type Output = Response;
    const ACTION: &'static str = "sqs:CancelMessageMoveTask";

    fn touches(&self, state: &State, _caller: &Caller) -> Vec<Access> {
        // The handle names a task, not a queue.
        vec![state.access_to(Self::ACTION, "*")]
    }

    async fn act(self, state: &Arc<State>, _ctx: &Ctx) -> Result<Response, Fault> {
        let moved = state
            .queues
            .cancel_move(&self.task_handle)
            .await
            .map_err(refused)?;
        Ok(Response {
            approximate_number_of_messages_moved: i64::try_from(moved).ok(),
        })
    }
}

/// In SQS's own words, where they are known.
fn refused(error: Error) -> Fault {
    match error {
        Error::NotFound { what: "queue", .. } => fault::no_such_resource("SourceArn"),
        Error::NotFound { .. } => {
            Fault::sender("ResourceNotFoundException", "Task does not exist.").with_status(404)
        }
        Error::InvalidParameter {
            name: "TaskHandle", ..
        } => fault::invalid_value("Value for parameter TaskHandle is invalid."),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use crate::ops::testing::Bench;

    #[tokio::test]
    async fn a_task_that_is_none_is_not_found() {
        let bench = Bench::with_dead_letters("s2s", "dead").await;
        let handle = |name: &str| {
            let arn = format!("arn:aws:sqs:ap-northeast-1:123456789012:{name}");
            STANDARD.encode(json!({"taskId": "x", "sourceArn": arn}).to_string())
        };
        let broken = (
            "InvalidParameterValue",
            "Value for parameter TaskHandle is invalid.",
            400,
        );
        for (handle, expected) in [
            ("x".to_owned(), broken),
            (STANDARD.encode("{}"), broken),
            (
                handle("none"),
                (
                    "ResourceNotFoundException",
                    "The resource that you specified for the SourceArn parameter doesn't exist.",
                    404,
                ),
            ),
            (
                handle("dead"),
                ("ResourceNotFoundException", "Task does not exist.", 404),
            ),
        ] {
            let fault = bench
                .fault("CancelMessageMoveTask", json!({"TaskHandle": handle}))
                .await;
            let got = (fault.query_code, fault.message.as_ref(), fault.status);
            assert_eq!(got, expected, "{handle}");
        }
    }
}
