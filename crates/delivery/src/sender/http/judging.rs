//! The rest of an answer whose status is a success but whose headers or body must say that it was recorded.
//!
//! Only where a destination has such rules: the body is then kept up to `response_bytes_max` until it is judged. It is
//! judged as it came: no encoding is asked for, none is undone.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::answer::{self, Head};
use super::connect::Failure;
use super::connection::{Connection, Ended};
use super::read_body;
use crate::config::DestinationRules;
use crate::port::{Attempt, ErrorClass};
use crate::recorded::{Read, Recorded};

/// More bytes than this are looked at on a thread that may block; below it, it is done sooner than handed over. Chosen:
/// an expression looks at some hundred bytes in a microsecond.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// Reads the body and judges the answer; what is said against it stands in the attempt.
pub(super) async fn read_and_judge(
    recorded: &Arc<Recorded>,
    connection: &mut Connection,
    head: Head,
    rules: &DestinationRules,
    end: Instant,
    attempt: &mut Attempt,
) -> Result<Ended, Failure> {
    let headers = answer::headers(&std::mem::take(&mut connection.head_bytes), |all| {
        recorded.judge_headers(all)
    });
    let ended = read_body(connection, head, kept(rules), rules, end, attempt).await;
    let body = take_body(rules, attempt);
    let ended = ended?;
    let read = match ended {
        Ended::Whole => Read::Whole,
        Ended::Capped => Read::Cut,
        Ended::Unsure => Read::Unsure,
    };
    judge(recorded, headers, body, read, attempt).await;
    Ok(ended)
}

/// Bytes of the body that are kept until it is judged.
pub(super) fn kept(rules: &DestinationRules) -> usize {
    let excerpt = rules.response_excerpt_bytes;
    match &rules.recorded {
        Some(recorded) if recorded.reads_body() => excerpt.max(rules.response_bytes_max),
        _ => excerpt,
    }
}

/// The body that was kept; the attempt is left its excerpt.
pub(super) fn take_body(rules: &DestinationRules, attempt: &mut Attempt) -> Bytes {
    let body = attempt.excerpt.clone();
    // A copy: a part of the whole would keep all of it in memory until the result is stored.
    if let Some(start) = body.get(..rules.response_excerpt_bytes) {
        attempt.excerpt = Bytes::copy_from_slice(start);
    }
    body
}

/// Judges an answer. `headers`: what the rules say of its headers.
pub(super) async fn judge(
    recorded: &Arc<Recorded>,
    headers: Result<(), String>,
    body: Bytes,
    read: Read,
    attempt: &mut Attempt,
) {
    let judged = match headers {
        Ok(()) => judge_body(recorded, body, read).await,
        against => against,
    };
    if let Err(against) = judged {
        attempt.error = Some(ErrorClass::NotRecorded);
        attempt.detail = against;
    }
}

async fn judge_body(recorded: &Arc<Recorded>, body: Bytes, read: Read) -> Result<(), String> {
    if recorded.work(&body) <= INLINE_BYTES_MAX {
        return recorded.judge_body(&body, read);
    }
    let recorded = Arc::clone(recorded);
    let judging = tokio::task::spawn_blocking(move || recorded.judge_body(&body, read));
    judging
        .await
        .unwrap_or_else(|_| Err("the answer could not be judged: the program ends".to_owned()))
}
