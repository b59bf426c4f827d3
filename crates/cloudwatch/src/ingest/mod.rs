//! Metrics from senders that do not speak CloudWatch: OpenTelemetry's OTLP/HTTP and Prometheus' remote write.
//!
//! A request is read ([`read`]), asked where its metrics belong ([`Sent::namespaces`], for the decision whether its sender may
//! put there), and taken ([`Intake::take`]). What cannot be kept of it is skipped and counted, so that one bad point never
//! holds up the others; the answer says so where the protocol has words for it.
//!
//! INVARIANT: what a sender sends has bounds before memory is taken for it, and never makes anything panic.
//! INVARIANT: a total that has run up counts once: where the data are not put, what they were is new the next time.
//!
//! - [`otlp`], [`remote_write`]: the two senders; [`protobuf`]: their encoding
//! - [`batch`]: what a request comes to; [`skipped`]: what not
//! - [`ledger`]: the last totals; [`spread`]: histograms
//! - [`names`], [`unit`]: CloudWatch's names and units for theirs

mod batch;
mod ledger;
mod names;
mod otlp;
mod protobuf;
mod remote_write;
mod skipped;
mod spread;
#[cfg(test)]
mod tests;
mod unit;

use std::collections::BTreeSet;
use std::time::Duration;

use base::Timestamp;
use parking_lot::Mutex;

use crate::series::Datum;
use batch::Batch;
use ledger::Ledger;
pub use ledger::{CELLS_MAX, SERIES_MAX};
pub use protobuf::Malformed;
use remote_write::Families;
pub use skipped::{REASONS, Reason, Skipped};

/// Points of a request. Chosen: Prometheus sends 2,000 at most by default, the collector 8,192.
pub const POINTS_MAX: usize = 50_000;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// OTLP/HTTP with metrics, in protobuf or JSON, unpacked.
    Otlp,
    /// Prometheus' remote write 1.0, in its block of snappy.
    RemoteWrite,
}

/// A request that was read.
#[derive(Debug)]
pub struct Sent(Body);

#[derive(Debug)]
enum Body {
    Otlp(otlp::Form, otlp::Request),
    RemoteWrite(remote_write::Request),
}

/// Why nothing of a request is taken. Sending it again does not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is none of the forms that are read.
    #[error("the Content-Type `{got}` is not taken here; {takes}")]
    MediaType {
        /// What it says, at most 128 characters.
        got: String,
        /// What it may say.
        takes: &'static str,
    },
    /// It is not one block of snappy.
    #[error("the body is not snappy: {0}")]
    Snappy(String),
    /// It is no protobuf, or another message.
    #[error("the body is not the message it should be: {0}")]
    Protobuf(#[from] Malformed),
    /// It is no JSON, or another object.
    #[error("the body is not the JSON it should be: {0}")]
    Json(String),
    /// It has more of something than a request may have.
    #[error("the request has more than {limit} {what}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many may be.
        limit: usize,
    },
}

/// Why a request was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken<E> {
    /// It is refused.
    #[error(transparent)]
    Refused(Refused),
    /// Its data could not be put.
    #[error("the data were not put")]
    Put(E),
}

/// What goes back to a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Of the body, where there is one.
    pub content_type: Option<&'static str>,
    /// What its clients read.
    pub body: Vec<u8>,
}

/// How a request went that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Data that were put.
    pub data: usize,
    /// What was not.
    pub skipped: Skipped,
    /// To the sender.
    pub answer: Answer,
}

/// Takes requests. There is one, which knows what all senders sent last.
#[derive(Debug)]
pub struct Intake {
    late_max: Duration,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    ledger: Ledger,
    families: Families,
}

impl Refused {
    /// The HTTP status that says so. None of them makes a sender try again.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::MediaType { .. } => 415,
            Self::TooLarge { .. } => 413,
            _ => 400,
        }
    }
}

/// Reads a request.
///
/// `content_type`: as its head has it.
/// `body`: of OTLP without gzip, of remote write as it was sent.
///
/// # Errors
/// [`Refused`] says what is wrong with it.
pub fn read(kind: Kind, content_type: &str, body: &[u8]) -> Result<Sent, Refused> {
    let other = |takes| Refused::MediaType {
        got: content_type.chars().take(128).collect(),
        takes,
    };
    match kind {
        Kind::Otlp => {
            let form = otlp::Form::of(content_type)
                .ok_or_else(|| other("application/x-protobuf and application/json are"))?;
            Ok(Sent(Body::Otlp(form, otlp::read(form, body)?)))
        }
        Kind::RemoteWrite if remote_write::is_type(content_type) => {
            Ok(Sent(Body::RemoteWrite(remote_write::read(body)?)))
        }
        Kind::RemoteWrite => Err(other(
            "application/x-protobuf with the message prometheus.WriteRequest (remote write 1.0) is",
        )),
    }
}

/// The answer to a request that is not taken, for whatever reason.
///
/// `content_type`: the request's; the answer's form follows it.
#[must_use]
pub fn refusal(kind: Kind, content_type: &str, status: u16, message: &str) -> Answer {
    match kind {
        Kind::Otlp => {
            let form = otlp::Form::of(content_type).unwrap_or(otlp::Form::Protobuf);
            otlp::refusal(form, status, message)
        }
        Kind::RemoteWrite => Answer {
            status,
            content_type: Some("text/plain; charset=utf-8"),
            body: format!("{message}\n").into_bytes(),
        },
    }
}

impl Sent {
    /// The namespaces of its metrics; none where there are none.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<String> {
        match &self.0 {
            Body::Otlp(_, request) => request.namespaces(),
            Body::RemoteWrite(request) => request.namespaces(),
        }
    }

    fn convert(&self, families: &mut Families, batch: &mut Batch<'_>) -> Result<(), Refused> {
        match &self.0 {
            Body::Otlp(_, request) => request.convert(batch),
            Body::RemoteWrite(request) => {
                request.learn(families);
                request.convert(families, batch)
            }
        }
    }

    fn accepted(&self, skipped: &Skipped) -> Answer {
        match &self.0 {
            Body::Otlp(form, _) => otlp::accepted(*form, skipped),
            Body::RemoteWrite(_) => Answer {
                status: 204,
                content_type: None,
                body: Vec::new(),
            },
        }
    }
}

impl Intake {
    /// One that has heard nothing yet.
    ///
    /// `since`: now; totals that began before may have been counted by the process before.
    /// `late_max`: how much older than now a point may be, [`Retention::late_max`](crate::series::Retention::late_max).
    #[must_use]
    pub fn new(since: Timestamp, late_max: Duration) -> Self {
        Self {
            late_max,
            memory: Mutex::new(Memory {
                ledger: Ledger::new(since, SERIES_MAX),
                families: Families::default(),
            }),
        }
    }

    /// Takes a request: hands what is new in it to `put`, all at once, and forgets it where that fails. `put` may block on
    /// the disk, and is not called where nothing is new; requests wait for each other, so that no total counts twice.
    ///
    /// # Errors
    /// [`NotTaken`] says whether it was refused here or by `put`.
    pub fn take<E>(
        &self,
        sent: &Sent,
        now: Timestamp,
        put: impl FnOnce(&[Datum]) -> Result<(), E>,
    ) -> Result<Taken, NotTaken<E>> {
        let mut memory = self.memory.lock();
        let Memory { ledger, families } = &mut *memory;
        let mut batch = Batch::new(ledger, now, self.late_max);
        let converted = sent.convert(families, &mut batch);
        let Batch { data, skipped, .. } = batch;
        let done = match converted {
            Err(refused) => Err(NotTaken::Refused(refused)),
            Ok(()) if data.is_empty() => Ok(()),
            Ok(()) => put(&data).map_err(NotTaken::Put),
        };
        if let Err(error) = done {
            ledger.undo();
            return Err(error);
        }
        ledger.settle();
        Ok(Taken {
            data: data.len(),
            answer: sent.accepted(&skipped),
            skipped,
        })
    }

    /// Series whose last total is remembered.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.memory.lock().ledger.len()
    }
}
