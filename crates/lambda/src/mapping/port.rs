//! What mappings need of others beyond the ports of all; the binary wires it.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::fleet::{Fleet, Refused};
use crate::function::Runnable;
use crate::sandbox::Call;

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ran {
    /// The function answered.
    Answered(Bytes),
    /// It failed.
    Failed,
    /// It was not let in; it may be later.
    Throttled,
    /// Nothing is run any more.
    Stopping,
}

/// Runs functions and waits for them.
#[async_trait]
pub trait Invoke: Send + Sync + fmt::Debug {
    /// Runs `runnable` with `payload`.
    async fn invoke(&self, runnable: &Runnable, payload: Bytes) -> Ran;
}

#[async_trait]
impl Invoke for Fleet {
    async fn invoke(&self, runnable: &Runnable, payload: Bytes) -> Ran {
        let call = Call {
            request_id: base::id::uuid(),
            payload,
            client_context: None,
            trace: None,
        };
        match Self::invoke(self, runnable, call).await {
            Ok(outcome) if outcome.error.is_none() => Ran::Answered(outcome.payload),
            Ok(_) => Ran::Failed,
            Err(Refused::Stopping) => Ran::Stopping,
            Err(Refused::Throttled(_) | Refused::Role(_) | Refused::Package(_)) => Ran::Throttled,
        }
    }
}
