//! Our own client of SQS and of the admin API: signed JSON over kept HTTP/1.1 connections.
//!
//! Not the SDK: `ship` runs beside applications on every host, and a call through the SDK costs several times the CPU
//! of one that writes its bytes once, signs them and reads the answer. Credentials beyond variables, profiles and the
//! data directory (instance roles, web identity) come through the crate `aws`.
//!
//! - [`endpoint`]: where to, as which key, in which region
//! - [`http`]: connections; [`tls`]: whom they trust; both are the crate `agent`'s, which makes the same calls
//! - [`sqs`]: the calls of a sender
//! - [`admin`]: the operator's calls
//! - [`service`]: any other service, one call after the other, [`json`] of one that takes JSON; [`cloudwatch`] and [`ec2`] are two

pub(crate) mod admin;
pub(crate) mod cloudwatch;
pub(crate) mod ec2;
pub(crate) mod endpoint;
pub(crate) mod json;
pub(crate) mod service;
pub(crate) mod sqs;

pub(crate) use agent::call::{Error, http, tls};

use futures_util::future::BoxFuture;

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Text that the queue takes.
    pub(crate) body: Vec<u8>,
    /// How many notifications it holds.
    pub(crate) lines: u32,
    /// The attribute `shukuba.id`; none leaves it to the message id.
    pub(crate) id: Option<String>,
    /// The attribute `shukuba.origin`.
    pub(crate) origin: Option<String>,
    /// The group in a FIFO queue, with `id` as the deduplication id.
    pub(crate) group: Option<String>,
}

impl Message {
    /// Bytes that count towards the limits of a message: the body, and names, types and values of the attributes.
    pub(crate) fn size(&self) -> usize {
        let attribute = |value: &Option<String>| value.as_ref().map_or(0, |text| text.len() + 20);
        self.body.len() + attribute(&self.id) + attribute(&self.origin) + 30
    }
}

/// What a queue says of one message of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is on disk there.
    Accepted { message_id: String },
    /// It is not; the same message may be accepted later.
    Later { code: String, detail: String },
    /// It never will be.
    Refused { code: String, detail: String },
}

/// A queue that messages are sent to.
pub(crate) trait QueueClient: Send + Sync {
    /// Sends 1 to 10 messages of at most 1 MiB together; one answer each, in order.
    fn send_batch<'a>(
        &'a self,
        messages: &'a [Message],
    ) -> BoxFuture<'a, Result<Vec<Answer>, Error>>;
}
