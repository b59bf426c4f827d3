//! Telling destinations and dead letter queues.
//!
//! What cannot be told is counted and left: `DestinationDeliveryFailures`, `DeadLetterErrors`, as AWS does.

use std::time::Duration;

use bytes::Bytes;
use tracing::warn;

use super::Events;
use super::engine::{Condition, Event};
use super::record::{letter, record};
use crate::function::{FunctionName, Qualifier, Runnable};
use crate::port::{EventRules, Trouble};
use crate::sandbox::{Call, Outcome};

/// How often it is tried to tell. Chosen.
const TRIES: u32 = 3;
/// How long is waited before the second try; twice as long before the next. Chosen.
const WAIT: Duration = Duration::from_secs(1);

/// An event that is over.
pub(super) struct Over<'a> {
    pub(super) event: &'a Event,
    pub(super) condition: Condition,
    pub(super) payload: &'a Bytes,
    /// Of the last try, if the function ran.
    pub(super) outcome: Option<&'a Outcome>,
}

impl Events {
    /// Tells whoever wants to know of the end of an event.
    pub(super) async fn tell(&self, over: &Over<'_>, runnable: &Runnable, rules: &EventRules) {
        let is_success = over.condition == Condition::Success;
        let destination = match is_success {
            true => &rules.on_success,
            false => &rules.on_failure,
        };
        if let Some(arn) = destination {
            let now = self.ports.clock.now();
            let record = record(
                over.event,
                over.condition,
                &runnable.invoked_arn,
                over.payload,
                over.outcome,
                now,
            );
            let told = self
                .again(|| self.to_destination(arn, runnable, record.clone()))
                .await;
            self.count(told, over.event, arn, "DestinationDeliveryFailures");
        }
        if let Some(arn) = runnable
            .settings
            .dead_letters
            .as_ref()
            .filter(|_| !is_success)
        {
            let told = self
                .again(|| self.to_dead_letters(arn, runnable, over))
                .await;
            self.count(told, over.event, arn, "DeadLetterErrors");
        }
    }

    fn count(&self, told: Result<(), Trouble>, event: &Event, to: &str, metric: &'static str) {
        if let Err(trouble) = told {
            warn!(%trouble, to, event = %event.id, function = %event.function, "the end of an event was not told");
            self.fleet.counts().event(&event.function, metric);
        }
    }

    async fn again<F>(&self, mut send: impl FnMut() -> F) -> Result<(), Trouble>
    where
        F: Future<Output = Result<(), Trouble>>,
    {
        let mut wait = WAIT;
        for _ in 1..TRIES {
            match send().await {
                Err(Trouble::Passing(_)) => {}
                ended => return ended,
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        send().await
    }

    async fn to_destination(
        &self,
        arn: &str,
        runnable: &Runnable,
        record: String,
    ) -> Result<(), Trouble> {
        if let Some((name, qualifier)) = function_of(arn) {
            self.permitted(runnable, "lambda:InvokeFunction", arn)
                .await?;
            let call = Call {
                request_id: base::id::uuid(),
                payload: record.into(),
                client_context: None,
                trace: None,
            };
            let accepted = self.accept(&name, qualifier.as_ref(), call).await;
            return accepted.map_err(|error| Trouble::Lasting(error.to_string()));
        }
        if !is_queue(arn) {
            return Err(Trouble::Lasting(format!(
                "`{arn}` is neither a queue nor a function"
            )));
        }
        self.permitted(runnable, "sqs:SendMessage", arn).await?;
        self.ports.queues.send(arn, record, None).await
    }

    async fn to_dead_letters(
        &self,
        arn: &str,
        runnable: &Runnable,
        over: &Over<'_>,
    ) -> Result<(), Trouble> {
        if !is_queue(arn) {
            return Err(Trouble::Lasting(format!("`{arn}` is not a queue")));
        }
        self.permitted(runnable, "sqs:SendMessage", arn).await?;
        // A message cannot be empty; an invocation without an event has `{}`.
        let body = match over.payload.is_empty() {
            true => "{}".to_owned(),
            false => String::from_utf8_lossy(over.payload).into_owned(),
        };
        let attributes = letter(over.event, over.outcome);
        self.ports.queues.send_with(arn, body, attributes).await
    }

    async fn permitted(&self, runnable: &Runnable, action: &str, arn: &str) -> Result<(), Trouble> {
        let role = &runnable.settings.role;
        match self.ports.roles.may(role, action, arn).await? {
            true => Ok(()),
            false => Err(Trouble::Lasting(format!(
                "`{role}` is not allowed `{action}` on `{arn}`"
            ))),
        }
    }
}

fn is_queue(arn: &str) -> bool {
    arn.split(':').nth(2) == Some("sqs")
}

/// The function and qualifier of `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`.
fn function_of(arn: &str) -> Option<(FunctionName, Option<Qualifier>)> {
    let mut parts = arn.split(':');
    (parts.nth(2)? == "lambda" && parts.nth(2)? == "function").then_some(())?;
    let name = parts.next()?.parse().ok()?;
    let qualifier = match parts.next() {
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    Some((name, qualifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_queues_are_told_apart() {
        let (name, qualifier) =
            function_of("arn:aws:lambda:ap-northeast-1:123456789012:function:a:live").unwrap();
        assert_eq!(
            (name.as_str(), qualifier),
            ("a", Some(Qualifier::Alias("live".to_owned())))
        );
        let queue = "arn:aws:sqs:ap-northeast-1:123456789012:q";
        assert!(is_queue(queue) && function_of(queue).is_none());
        assert!(!is_queue("arn:aws:sns:ap-northeast-1:123456789012:t"));
        assert!(function_of("arn:aws:lambda:r:1:layer:a").is_none());
    }
}
