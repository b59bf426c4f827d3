//! What rules need of others; the binary wires it.

use std::fmt;

use async_trait::async_trait;
use base::Arn;
use bytes::Bytes;

use crate::events::{Events, NotAccepted};
use crate::function::{FunctionName, Qualifier};
use crate::port::Trouble;
use crate::sandbox::Call;

/// Knows the policies of functions and queues. Calls are cheap and never block.
pub trait Policies: Send + Sync + fmt::Debug {
    /// Whether the policy of `resource`, a function (or a version or alias of one) or a queue, lets `events.amazonaws.com` do
    /// `action` (`lambda:InvokeFunction`, `sqs:SendMessage`) where `aws:SourceArn` is `rule`, an ARN, and `aws:SourceAccount` its
    /// account.
    fn allow(&self, action: &str, resource: &Arn, rule: &Arn) -> bool;
}

/// Starts functions.
#[async_trait]
pub trait Start: Send + Sync + fmt::Debug {
    /// Takes `payload` for a function to be run with: it is on disk when this returns.
    ///
    /// # Errors
    /// [`Trouble::Lasting`] where there is no such function or it does not take so much.
    async fn start(
        &self,
        name: &FunctionName,
        qualifier: Option<&Qualifier>,
        payload: Bytes,
    ) -> Result<(), Trouble>;
}

#[async_trait]
impl Start for Events {
    async fn start(
        &self,
        name: &FunctionName,
        qualifier: Option<&Qualifier>,
        payload: Bytes,
    ) -> Result<(), Trouble> {
        let call = Call {
            request_id: base::id::uuid(),
            payload,
            client_context: None,
            trace: None,
        };
        let accepted = self.accept(name, qualifier, call).await;
        accepted.map_err(|error| match error {
            NotAccepted::NotFound(_) | NotAccepted::TooLarge { .. } => {
                Trouble::Lasting(error.to_string())
            }
            NotAccepted::Full | NotAccepted::Kept(_) => Trouble::Passing(error.to_string()),
        })
    }
}
