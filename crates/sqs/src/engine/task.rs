//! Message move tasks: from a dead-letter queue back, or elsewhere, at a rate.
//!
//! A task is journaled at its start and at each change of its status; how many it has moved follows from the moves.

use base::Timestamp;
use serde::{Deserialize, Serialize};
use store::record::{MessageKey, MoveCause, QueueId, Record, Touched};

use super::pick::Bounds;
use super::{Engine, ids, json};
use crate::Error;

/// Finished tasks that are kept for each source queue, as the listing shows at most 10.
pub(crate) const KEPT_MAX: usize = 10;

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Running,
    Completed,
    Cancelled,
    Failed,
}

impl Status {
    /// As the API calls it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }
}

/// A message move task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    /// Number of the queue whose messages are moved.
    pub(crate) source: u32,
    pub(crate) source_arn: String,
    /// `None`: back to the queues that they came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) destination: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) destination_arn: Option<String>,
    /// Messages a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<u32>,
    pub(crate) status: Status,
    pub(crate) started_ms: u64,
    /// How many messages there were at its start.
    pub(crate) to_move: u64,
    /// Counted from the moves.
    #[serde(default)]
    pub(crate) moved: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}

/// Why a task failed; LocalStack's tests recorded both on 2024-01-03.
const NO_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";
const NO_SOURCE: &str = "CouldNotDetermineMessageSource";

/// How a task goes on.
#[derive(Debug)]
pub(crate) enum Progress {
    /// With these moves, and what was met and has expired; none when it does not run.
    Moves(Vec<Record<'static>>),
    /// Not at all: this is its last state.
    Ended(Task),
}

impl Progress {
    fn failed(task: Task, why: &str) -> Self {
        Self::Ended(Task {
            status: Status::Failed,
            failure: Some(why.to_owned()),
            ..task
        })
    }
}

impl Engine {
    pub(crate) fn decide_start_move(
        &mut self,
        source_arn: &str,
        destination_arn: Option<&str>,
        rate: Option<u32>,
        at: Timestamp,
    ) -> Result<(u32, Task), Error> {
        let not_found = |arn: &str| Error::NotFound {
            what: "queue",
            name: arn.to_owned(),
        };
        let source = self
            .queue_of_arn(source_arn)
            .ok_or_else(|| not_found(source_arn))?;
        let destination = match destination_arn {
            Some(arn) => Some(self.queue_of_arn(arn).ok_or_else(|| not_found(arn))?),
            None => None,
        };
        if self.sources_of(source).is_empty() {
            let right = "the source queue must be the dead-letter queue of another queue";
            return Err(Error::parameter("SourceArn", source_arn, right));
        }
        if destination == Some(source) {
            return Err(Error::parameter(
                "DestinationArn",
                source_arn,
                "it differs from SourceArn",
            ));
        }
        if rate.is_some_and(|rate| !(1..=500).contains(&rate)) {
            let given = rate.unwrap_or_default().to_string();
            return Err(Error::parameter(
                "MaxNumberOfMessagesPerSecond",
                given,
                "it is an integer from 1 to 500",
            ));
        }
        let is_running = |task: &Task| task.source == source.0 && task.status == Status::Running;
        if self.tasks.values().any(is_running) {
            return Err(Error::Unsupported {
                why: "there is already a task running: only one is allowed for a source queue at a time".to_owned(),
            });
        }
        if let Some(to) = destination {
            let (from, to) = (self.queue(source)?.is_fifo(), self.queue(to)?.is_fifo());
            if from != to {
                let right = "source and destination are both FIFO queues or both standard queues";
                return Err(Error::parameter(
                    "DestinationArn",
                    destination_arn.unwrap_or_default(),
                    right,
                ));
            }
        }
        let queue = self.queue_mut(source)?;
        queue.advance(at);
        let task = Task {
            source: source.0,
            source_arn: source_arn.to_owned(),
            destination: destination.map(|id| id.0),
            destination_arn: destination_arn.map(str::to_owned),
            rate,
            status: Status::Running,
            started_ms: at.as_millis(),
            to_move: queue.visible(),
            moved: 0,
            failure: None,
        };
        Ok((self.next_task, task))
    }

    /// The next moves of a running task, at most `max` messages, or its end.
    pub(crate) fn decide_move(
        &mut self,
        number: u32,
        at: Timestamp,
        durable: u64,
        max: usize,
    ) -> Progress {
        let Some(task) = self
            .tasks
            .get(&number)
            .filter(|task| task.status == Status::Running)
            .cloned()
        else {
            return Progress::Moves(Vec::new());
        };
        let from = QueueId(task.source);
        let Ok(queue) = self.queue_mut(from) else {
            return Progress::failed(task, NO_QUEUE);
        };
        queue.advance(at);
        let left = usize::try_from(task.to_move.saturating_sub(task.moved)).unwrap_or(usize::MAX);
        let mut picked = queue.pick(Bounds {
            at,
            durable,
            max: max.min(left),
            dead_after: None,
        });
        let expired = picked.expired_record(from);
        let messages: Vec<Touched> = picked.messages.iter().map(|each| each.message).collect();
        if messages.is_empty() && expired.is_some() {
            return Progress::Moves(expired.into_iter().collect());
        }
        if messages.is_empty() {
            return Progress::Ended(Task {
                status: Status::Completed,
                ..task
            });
        }
        let cause = MoveCause::Task { task: number };
        let mut moves: Vec<(QueueId, Vec<Touched>)> = Vec::new();
        let mut has_target = false;
        let Ok(queue) = self.queue(from) else {
            return Progress::Moves(Vec::new());
        };
        for message in messages {
            let to = task
                .destination
                .map(QueueId)
                .or_else(|| queue.sources.get(&message.key).map(|source| source.queue));
            has_target |= to.is_some();
            let Some(to) = to.filter(|to| self.queues.contains_key(to)) else {
                continue;
            };
            match moves.iter_mut().find(|(other, _)| *other == to) {
                Some((_, list)) => list.push(message),
                None => moves.push((to, vec![message])),
            }
        }
        if moves.is_empty() {
            return Progress::failed(task, if has_target { NO_QUEUE } else { NO_SOURCE });
        }
        let moves = moves.into_iter().map(|(to, messages)| Record::Moved {
            from,
            to,
            cause,
            messages,
        });
        Progress::Moves(expired.into_iter().chain(moves).collect())
    }

    /// The handle by which a task is cancelled.
    pub(crate) fn task_handle(&self, number: u32, task: &Task) -> String {
        use base64::Engine as _;
        let key = MessageKey(u64::MAX - u64::from(number));
        let id = self
            .seed
            .map(|seed| ids::message_id(seed, key))
            .unwrap_or_default();
        let text = format!(r#"{{"taskId":"{id}","sourceArn":"{}"}}"#, task.source_arn);
        base64::engine::general_purpose::STANDARD.encode(text)
    }
}

/// The source in what looks like a task's handle.
pub(crate) fn source_of_handle(handle: &str) -> Option<String> {
    use base64::Engine as _;
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Content {
        #[serde(rename = "taskId")]
        _task_id: String,
        source_arn: String,
    }
    let text = base64::engine::general_purpose::STANDARD
        .decode(handle)
        .ok()?;
    let content: Content = serde_json::from_slice(&text).ok()?;
    Some(content.source_arn)
}

/// A task's state as it is journaled.
pub(crate) fn task_json(task: &Task) -> Vec<u8> {
    json(task)
}
