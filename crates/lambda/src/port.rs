//! What functions need of others; the binary wires it.

use std::fmt;

use async_trait::async_trait;
use base::Timestamp;
use bytes::Bytes;

/// Why another part did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It may work later: busy, away, no space.
    #[error("{0}")]
    Passing(String),
    /// It will not work as it is: not there, not allowed.
    #[error("{0}")]
    Lasting(String),
}

/// The credentials that a function finds in its environment.
#[derive(Clone, PartialEq, Eq)]
pub struct RoleKeys {
    /// The access key's id, `ASIA…`.
    pub access_key_id: String,
    /// Its secret.
    pub secret: String,
    /// The session's token.
    pub token: String,
    /// Until when they hold.
    pub until: Timestamp,
}

/// Gives functions the credentials of their roles.
#[async_trait]
pub trait Roles: Send + Sync + fmt::Debug {
    /// A session of `role` (an ARN) called `session`, as `lambda.amazonaws.com` or `events.amazonaws.com` (`service`) assumes
    /// it: the role's trust policy decides.
    ///
    /// # Errors
    /// [`Trouble::Lasting`] where there is no such role or it does not trust `service`.
    async fn assume(&self, role: &str, service: &str, session: &str) -> Result<RoleKeys, Trouble>;

    /// Whether a session of `role` may do `action` (such as `sqs:SendMessage`) to `resource`.
    ///
    /// # Errors
    /// As [`Roles::assume`].
    async fn may(&self, role: &str, action: &str, resource: &str) -> Result<bool, Trouble>;
}

/// A message that was received from a queue, with all that an event shows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMessage {
    /// Its id.
    pub id: String,
    /// By which it is deleted.
    pub receipt: String,
    /// Its body.
    pub body: String,
    /// `SentTimestamp`, `ApproximateReceiveCount`, `MessageGroupId` and the others.
    pub attributes: Vec<(String, String)>,
    /// Its own attributes as SQS's JSON writes them: name, then `{"DataType", "StringValue", …}`.
    pub message_attributes: Vec<(String, QueueAttribute)>,
}

/// One attribute of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueAttribute {
    /// `String`, `Number`, `Binary`, or one of these with a label behind a dot.
    pub data_type: String,
    /// The value where it is a text.
    pub string: Option<String>,
    /// The value where it is bytes.
    pub binary: Option<Bytes>,
}

/// Queues as sources of events and as destinations.
#[async_trait]
pub trait QueuePort: Send + Sync + fmt::Debug {
    /// Sends `body` to the queue `arn`, in `group` where it is FIFO.
    ///
    /// # Errors
    /// [`Trouble::Lasting`] where the queue is not there or does not take it.
    async fn send(&self, arn: &str, body: String, group: Option<&str>) -> Result<(), Trouble>;

    /// At most `max` (1 to 10) messages, after waiting for the first of them for at most `wait`.
    ///
    /// # Errors
    /// [`Trouble::Lasting`] where the queue is not there.
    async fn receive(
        &self,
        arn: &str,
        max: u32,
        wait: std::time::Duration,
    ) -> Result<Vec<QueueMessage>, Trouble>;

    /// Deletes those of `receipts`.
    ///
    /// # Errors
    /// When they may still be there.
    async fn delete(&self, arn: &str, receipts: Vec<String>) -> Result<(), Trouble>;

    /// Makes those of `receipts` visible after `seconds`.
    ///
    /// # Errors
    /// When they stay hidden until their timeout.
    async fn give_back(
        &self,
        arn: &str,
        receipts: Vec<String>,
        seconds: u32,
    ) -> Result<(), Trouble>;

    /// The queue's visibility timeout in seconds and whether it is FIFO; `None` where it is not there.
    async fn facts(&self, arn: &str) -> Option<QueueFacts>;
}

/// What a mapping must know of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFacts {
    /// Seconds for which a received message is hidden.
    pub visibility_secs: u32,
    /// Whether its groups are kept in order.
    pub is_fifo: bool,
}

/// Takes what functions print. Calls are cheap and never block; a line that finds no room is counted and left out.
pub trait Lines: Send + Sync + fmt::Debug {
    /// One line of a stream (`2026/11/29/[$LATEST]0123456789abcdef0123456789abcdef`) of a group (`/aws/lambda/NAME`).
    fn line(&self, group: &str, stream: &str, at: Timestamp, line: &str);
}

impl fmt::Debug for RoleKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleKeys")
            .field("access_key_id", &self.access_key_id)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
