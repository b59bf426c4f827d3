//! What agents say, and what they are told.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Error, Instances, new_draw, new_id, new_reservation};
use crate::engine::join::{Doubt, Given, Join};
use crate::engine::state::Order;
use crate::engine::sync::{Answer, Goodbye, RUN_CHARS_MAX, Sync};
use crate::engine::{Facts, InstanceId, State, Task};

/// Characters of an agent's secret: 32 random bytes in hexadecimal digits.
const SECRET_CHARS: usize = 64;
/// Orders that a report may say are done. Chosen: there are never more than three.
const DONE_MAX: usize = 16;

/// An agent asks to join. It made `secret` before it asked first, and keeps it with the answer.
#[derive(Clone, Serialize, Deserialize)]
pub struct JoinRequest {
    /// 64 hexadecimal digits, random, by which the agent is known for good.
    pub secret: String,
    /// Names the agent's process: 1 to 64 characters, drawn at each start and never written down.
    pub run: String,
    /// What it says about its host.
    pub facts: Facts,
    /// What happens where another host is known as this machine.
    #[serde(default)]
    pub doubt: Doubt,
}

/// It has joined.
#[derive(Clone, Serialize, Deserialize)]
pub struct JoinAnswer {
    /// Its instance.
    pub instance: InstanceId,
    /// Whether it was never there before.
    pub is_new: bool,
    /// The id of its key.
    pub access_key_id: String,
    /// The secret of its key.
    pub secret_access_key: String,
    /// How often it shall report, in seconds.
    pub every_secs: u64,
}

/// An agent reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncRequest {
    /// Names the agent's process.
    pub run: String,
    /// What it says about its host: with the first report of a process, and when that has changed.
    #[serde(default)]
    pub facts: Option<Facts>,
    /// The orders that it has done, at most 16.
    #[serde(default)]
    pub done: Vec<u64>,
}

/// What an agent is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentAnswer {
    /// What it shall do. Told until it says that it is done.
    pub orders: Vec<AgentOrder>,
    /// How often it shall report and send metrics, in seconds.
    pub every_secs: u64,
    /// The tags of its instance, by key; checks are given out by `Role`.
    pub tags: Vec<(String, String)>,
    /// The state of its instance.
    pub state: State,
}

/// A task for an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentOrder {
    /// What names it in [`SyncRequest::done`].
    pub id: u64,
    /// What.
    pub task: Task,
}

impl Instances {
    /// Lets an agent join by the enrolment with the key `key_id`, which has signed. Asked again with the same secret it
    /// answers with the same instance and new credentials.
    ///
    /// # Errors
    /// When the enrolment is not one, is used or over; when the host is another's copy; when what it says is out of bounds;
    /// when credentials cannot be made.
    pub async fn join(&self, key_id: &str, request: JoinRequest) -> Result<JoinAnswer, Error> {
        check_run(&request.run)?;
        let is_digit = |byte: u8| byte.is_ascii_hexdigit();
        if request.secret.len() != SECRET_CHARS || !request.secret.bytes().all(is_digit) {
            return Err(Error::Form {
                what: "an agent's secret is 64 hexadecimal digits",
            });
        }
        let secret_hash = hex::encode(Sha256::digest(request.secret.as_bytes()));
        let join = Join {
            key_id: key_id.to_owned(),
            new_id: new_id(),
            reservation: new_reservation(),
            draw: new_draw(),
            secret_hash: secret_hash.clone(),
            run: request.run,
            facts: request.facts,
            doubt: request.doubt,
        };
        let joined = self.change(join).await?;
        let issued = self.credentials.issue(&joined.id).await?;
        let given = Given {
            id: joined.id.clone(),
            secret_hash,
            access_key_id: issued.access_key_id.clone(),
        };
        self.change(given).await?;
        let every = {
            let inventory = self.inventory.lock();
            inventory.get(&joined.id).map(|it| inventory.every(it))
        };
        tracing::info!(instance = %joined.id, is_new = joined.is_new, "a host joined");
        Ok(JoinAnswer {
            instance: joined.id,
            is_new: joined.is_new,
            access_key_id: issued.access_key_id,
            secret_access_key: issued.secret,
            every_secs: every.map_or(0, |every| every.as_secs()),
        })
    }

    /// Takes the report of an agent as `instance`. `access_key_id`: the key that has signed it.
    ///
    /// # Errors
    /// When the key is not the one that this instance's agent has, or the agent is a copy of another.
    pub async fn sync(
        &self,
        instance: &InstanceId,
        access_key_id: &str,
        request: SyncRequest,
    ) -> Result<AgentAnswer, Error> {
        check_run(&request.run)?;
        if request.done.len() > DONE_MAX {
            return Err(Error::Form {
                what: "a report names at most 16 orders that are done",
            });
        }
        let sync = Sync {
            id: instance.clone(),
            access_key_id: access_key_id.to_owned(),
            run: request.run,
            facts: request.facts,
            done: request.done,
        };
        // Most reports say that all is as it was: no disk for them.
        let quick = self.inventory.lock().heard_again(self.clock.now(), &sync);
        match quick {
            Some(answer) => Ok(answer.into()),
            None => Ok(self.change_and_finish(sync).await?.into()),
        }
    }

    /// An agent ends: its instance stops, or leaves if it was told to.
    ///
    /// # Errors
    /// As [`Instances::sync`].
    pub async fn goodbye(
        &self,
        instance: &InstanceId,
        access_key_id: &str,
        run: &str,
    ) -> Result<(), Error> {
        check_run(run)?;
        self.change_and_finish(Goodbye {
            id: instance.clone(),
            access_key_id: access_key_id.to_owned(),
            run: run.to_owned(),
        })
        .await
    }
}

fn check_run(run: &str) -> Result<(), Error> {
    let count = run.chars().count();
    match (1..=RUN_CHARS_MAX).contains(&count) {
        true => Ok(()),
        false => Err(Error::Form {
            what: "the name of an agent's process is 1 to 64 characters",
        }),
    }
}

impl From<Answer> for AgentAnswer {
    fn from(answer: Answer) -> Self {
        let order = |order: Order| AgentOrder {
            id: order.id,
            task: order.task,
        };
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Self {
            orders: answer.orders.into_iter().map(order).collect(),
            every_secs: answer.every.as_secs(),
            tags: answer.tags.iter().map(owned).collect(),
            state: answer.state,
        }
    }
}

impl std::fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinRequest")
            .field("run", &self.run)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for JoinAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinAnswer")
            .field("instance", &self.instance)
            .field("is_new", &self.is_new)
            .finish_non_exhaustive()
    }
}
