//! What functions need of others; the binary wires it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use base::Timestamp;
use bytes::Bytes;

use crate::function::{CodeId, FunctionName, Qualifier, Runnable};
use crate::sandbox::Report;

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

    /// Sends `body` with `attributes` to the standard queue `arn`, as dead letters are sent.
    ///
    /// # Errors
    /// As [`QueuePort::send`]; [`Trouble::Lasting`] from an implementation that sends no attributes.
    async fn send_with(
        &self,
        arn: &str,
        body: String,
        attributes: Vec<(String, QueueAttribute)>,
    ) -> Result<(), Trouble> {
        let _ = (body, attributes);
        Err(Trouble::Lasting(format!(
            "the queue `{arn}` is given no messages with attributes"
        )))
    }

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

/// Objects that hold packages.
#[async_trait]
pub trait Objects: Send + Sync + fmt::Debug {
    /// The bytes of an object, or of one version of it.
    ///
    /// `bytes_max`: a larger one is not read.
    ///
    /// # Errors
    /// [`Trouble::Lasting`] where there is no such object, or it is larger.
    async fn read(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        bytes_max: u64,
    ) -> Result<Bytes, Trouble>;

    /// The policy of the bucket, which bears on whether a caller may read the object.
    fn policy(&self, bucket: &str) -> Option<Arc<policy::Document>> {
        let _ = bucket;
        None
    }
}

/// Takes what functions print. Calls are cheap and never block; a line that finds no room is counted and left out.
pub trait Lines: Send + Sync + fmt::Debug {
    /// One line of a stream (`2026/11/29/[$LATEST]0123456789abcdef0123456789abcdef`) of a group (`/aws/lambda/NAME`).
    fn line(&self, group: &str, stream: &str, at: Timestamp, line: &str);
}

/// Gives the code of functions.
#[async_trait]
pub trait Packages: Send + Sync + fmt::Debug {
    /// The folder with the unpacked code, whose `bootstrap` is started. It stays while what is returned is held: a store that
    /// keeps a copy of each [`Arc`] knows by its count what is in use.
    ///
    /// # Errors
    /// [`Trouble::Lasting`] where there is no such code.
    async fn unpacked(&self, code: &CodeId) -> Result<Arc<Path>, Trouble>;
}

/// What one invocation used.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// The function.
    pub function: FunctionName,
    /// The version that ran.
    pub version: String,
    /// When it ended.
    pub at: Timestamp,
    /// What it took, and what is billed of that.
    pub report: Report,
    /// Whether it failed.
    pub is_error: bool,
}

/// Takes what is billed. Calls are cheap and never block.
pub trait Meter: Send + Sync + fmt::Debug {
    /// One invocation has ended.
    fn used(&self, usage: &Usage);
}

/// Nobody is billed.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMeter;

impl Meter for NoMeter {
    fn used(&self, _: &Usage) {}
}

/// Knows the functions. Calls are cheap and never block.
pub trait Catalog: Send + Sync + fmt::Debug {
    /// The version that `qualifier` means now (`$LATEST` where there is none); none where the function, the version or the alias is
    /// not there.
    fn runnable(&self, name: &FunctionName, qualifier: Option<&Qualifier>) -> Option<Runnable>;

    /// What its owner says of asynchronous invocations of that qualifier; [`EventRules::default`] where nothing was said.
    fn event_rules(&self, name: &FunctionName, qualifier: Option<&Qualifier>) -> EventRules;
}

/// What is done with asynchronous invocations. Source: API reference, PutFunctionEventInvokeConfig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRules {
    /// How often an event is tried again after an error of the function: 0 to 2.
    pub retries: u32,
    /// How old an event may become, in seconds: 60 to 21,600.
    pub age_secs: u32,
    /// Where a record of each event goes that was run: the ARN of a queue or function.
    pub on_success: Option<String>,
    /// Where a record of each event goes that was given up.
    pub on_failure: Option<String>,
}

impl Default for EventRules {
    fn default() -> Self {
        Self {
            retries: 2,
            age_secs: 6 * 60 * 60,
            on_success: None,
            on_failure: None,
        }
    }
}

impl fmt::Debug for RoleKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleKeys")
            .field("access_key_id", &self.access_key_id)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
