//! Message move tasks: started, cancelled and listed by callers, carried on by the keeper.

use base::Timestamp;
use store::record::Record;
use store::{Class, Position};

use super::Queues;
use crate::Error;
use crate::engine::Engine;
use crate::engine::task::{Progress, Status, Task, source_of_handle, task_json};

/// Messages a second of a task without a rate; chosen.
const RATE_WITHOUT: u32 = 5_000;
/// Messages of one record.
const RECORD_MESSAGES: usize = 500;

/// A message move task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveTask {
    /// Its handle, while it can be cancelled.
    pub handle: Option<String>,
    /// `RUNNING`, `COMPLETED`, `CANCELLED` or `FAILED`.
    pub status: &'static str,
    /// The queue whose messages are moved.
    pub source_arn: String,
    /// Where to; `None` = to the queues that they came from.
    pub destination_arn: Option<String>,
    /// Messages a second; `None` = as fast as is good.
    pub rate: Option<u32>,
    /// How many were moved.
    pub moved: u64,
    /// How many there were at its start.
    pub to_move: u64,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
}

impl Queues {
    /// Starts to move the messages of a dead-letter queue; returns the task's handle.
    ///
    /// `destination_arn`: `None` = back to the queues that they came from. `rate`: 1 to 500 messages a second.
    ///
    /// # Errors
    /// When a queue does not exist, the source is no dead-letter queue, or a task runs there already.
    pub async fn start_move(
        &self,
        source_arn: &str,
        destination_arn: Option<&str>,
        rate: Option<u32>,
    ) -> Result<String, Error> {
        let (handle, end) = {
            let mut engine = self.engine.lock();
            let at = engine.time(self.now());
            let (number, task) = engine.decide_start_move(source_arn, destination_arn, rate, at)?;
            let end = self.write_task(&mut engine, at, number, &task)?;
            (engine.task_handle(number, &task), end)
        };
        self.journal.committed(end).await?;
        Ok(handle)
    }

    /// Cancels a running task; what was moved stays moved. Returns how many that were.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when it is no handle, [`Error::NotFound`] of a `queue` when there is none of its source,
    /// and of a `move task` when no running task has this handle.
    pub async fn cancel_move(&self, handle: &str) -> Result<u64, Error> {
        let right = "it is a handle that StartMessageMoveTask gave";
        let source_arn = source_of_handle(handle)
            .ok_or_else(|| Error::parameter("TaskHandle", handle, right))?;
        let (moved, end) = {
            let mut engine = self.engine.lock();
            if engine.queue_of_arn(&source_arn).is_none() {
                return Err(Error::NotFound {
                    what: "queue",
                    name: source_arn,
                });
            }
            let at = engine.time(self.now());
            let running = engine
                .tasks()
                .iter()
                .filter(|(_, task)| task.status == Status::Running);
            let found = running.map(|(number, task)| (*number, task.clone()));
            let found = found
                .into_iter()
                .find(|(number, task)| engine.task_handle(*number, task) == handle);
            let (number, task) = found.ok_or_else(|| Error::NotFound {
                what: "move task",
                name: handle.chars().take(256).collect(),
            })?;
            let task = Task {
                status: Status::Cancelled,
                ..task
            };
            let end = self.write_task(&mut engine, at, number, &task)?;
            (task.moved, end)
        };
        self.journal.committed(end).await?;
        Ok(moved)
    }

    /// The tasks of a source queue, newest first. `max`: 1 to 10.
    ///
    /// # Errors
    /// When `max` is another number or the queue does not exist.
    pub fn list_moves(&self, source_arn: &str, max: usize) -> Result<Vec<MoveTask>, Error> {
        if !(1..=10).contains(&max) {
            return Err(Error::parameter(
                "MaxResults",
                max.to_string(),
                "it is an integer from 1 to 10",
            ));
        }
        let engine = self.engine.lock();
        let source = engine
            .queue_of_arn(source_arn)
            .ok_or_else(|| Error::NotFound {
                what: "queue",
                name: source_arn.to_owned(),
            })?;
        let of_source = engine
            .tasks()
            .iter()
            .rev()
            .filter(|(_, task)| task.source == source.0);
        Ok(of_source
            .take(max)
            .map(|(number, task)| shown(&engine, *number, task))
            .collect())
    }

    fn write_task(
        &self,
        engine: &mut Engine,
        at: Timestamp,
        number: u32,
        task: &Task,
    ) -> Result<Position, Error> {
        let state = task_json(task);
        let mut record = Record::TaskChanged {
            task: number,
            state: &state,
        };
        Ok(self.write(engine, Class::Settle, at, &mut record)?.end)
    }

    /// Carries every running task on by one second.
    pub(super) fn move_on(&self) -> Result<(), Error> {
        let numbers: Vec<u32> = {
            let engine = self.engine.lock();
            let running = engine
                .tasks()
                .iter()
                .filter(|(_, task)| task.status == Status::Running);
            running.map(|(number, _)| *number).collect()
        };
        numbers
            .into_iter()
            .try_for_each(|number| self.move_task(number))
    }

    fn move_task(&self, number: u32) -> Result<(), Error> {
        let rate = self
            .engine
            .lock()
            .tasks()
            .get(&number)
            .and_then(|task| task.rate)
            .unwrap_or(RATE_WITHOUT);
        let mut left = rate as usize;
        while left > 0 {
            let mut engine = self.engine.lock();
            let at = engine.time(self.now());
            let durable = self.journal.durable().get();
            let records = match engine.decide_move(number, at, durable, left.min(RECORD_MESSAGES)) {
                Progress::Moves(records) => records,
                Progress::Ended(task) => {
                    self.write_task(&mut engine, at, number, &task)?;
                    return Ok(());
                }
            };
            if records.is_empty() {
                return Ok(());
            }
            for mut record in records {
                let end = self.write(&mut engine, Class::Settle, at, &mut record)?.end;
                self.wake_target(&record, end);
                if let Record::Moved { messages, .. } = &record {
                    left = left.saturating_sub(messages.len());
                }
            }
        }
        Ok(())
    }
}

fn shown(engine: &Engine, number: u32, task: &Task) -> MoveTask {
    MoveTask {
        handle: (task.status == Status::Running).then(|| engine.task_handle(number, task)),
        status: task.status.as_str(),
        source_arn: task.source_arn.clone(),
        destination_arn: task.destination_arn.clone(),
        rate: task.rate,
        moved: task.moved,
        to_move: task.to_move,
        failure: task.failure.clone(),
        started_at: Timestamp::from_millis(task.started_ms),
    }
}
