//! One try to deliver, and what follows from it.
//!
//! A target's own policy must let `events.amazonaws.com` in for the rule, or the target's role must be trusted to it and allowed.
//!
//! Source: EventBridge User Guide, "Using dead-letter queues to process undelivered events" (attributes of dead letters, which errors
//! are tried again), "Monitoring Amazon EventBridge" (metrics).

use base::Arn;
use tracing::{error, warn};

use super::Rules;
use super::engine::backlog::{Reason, Tried, Verdict};
use super::engine::{Delivery, TargetKind};
use super::rows::{self, DELIVERIES};
use crate::port::{QueueAttribute, Trouble};

/// The namespace of counts.
pub const NAMESPACE: &str = "AWS/Events";
/// Who reaches targets.
const SERVICE: &str = "events.amazonaws.com";

/// Why a try failed, by AWS's code.
#[derive(Debug)]
struct Failure {
    code: &'static str,
    trouble: Trouble,
}

impl Failure {
    const fn lasting(code: &'static str, why: String) -> Self {
        Self {
            code,
            trouble: Trouble::Lasting(why),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let code = match &trouble {
            Trouble::Passing(_) => "THROTTLING",
            Trouble::Lasting(_) => "NO_RESOURCE",
        };
        Self { code, trouble }
    }
}

impl Rules {
    /// Tries one delivery.
    pub(super) async fn one(&self, delivery: Delivery) {
        let id = delivery.id.clone();
        let (tried, code) = match self.attempt(&delivery).await {
            Ok(()) => (Tried::Delivered, ""),
            Err(failure) => match failure.trouble {
                Trouble::Passing(why) => (Tried::Passing(why), failure.code),
                Trouble::Lasting(why) => (Tried::Lasting(why), failure.code),
            },
        };
        let rule = delivery.rule.clone();
        match delivery.after(self.ports.clock.now(), tried) {
            Verdict::Again(again) => {
                self.keep(&id, Some(again.clone())).await;
                self.backlog.lock().add(again);
                return;
            }
            Verdict::Delivered => self.count("Invocations", &rule),
            Verdict::GivenUp(delivery, reason, why) => {
                warn!(
                    rule,
                    target = delivery.target.arn,
                    why,
                    "an event was not delivered"
                );
                self.count("Invocations", &rule);
                self.count("FailedInvocations", &rule);
                self.to_dead_letters(&delivery, reason, code, &why).await;
            }
        }
        self.keep(&id, None).await;
        self.backlog.lock().remove(&id);
    }

    async fn attempt(&self, delivery: &Delivery) -> Result<(), Failure> {
        let target = &delivery.target;
        let unknown = || Failure::lasting("NO_RESOURCE", format!("`{}` is no target", target.arn));
        let arn: Arn = target.arn.parse().map_err(|_| unknown())?;
        let kind = TargetKind::of(&arn).ok_or_else(unknown)?;
        let action = match kind {
            TargetKind::Function(..) => "lambda:InvokeFunction",
            TargetKind::Queue { .. } => "sqs:SendMessage",
        };
        self.check(delivery, action, &arn).await?;
        match kind {
            TargetKind::Function(name, qualifier) => {
                let body = delivery.body.clone().into();
                let functions = &self.ports.functions;
                functions.start(&name, qualifier.as_ref(), body).await?;
            }
            TargetKind::Queue { .. } => {
                let (body, group) = (delivery.body.clone(), target.group.as_deref());
                self.ports.queues.send(&target.arn, body, group).await?;
            }
        }
        Ok(())
    }

    /// Whether the target may be reached.
    async fn check(&self, delivery: &Delivery, action: &str, arn: &Arn) -> Result<(), Failure> {
        let may = match &delivery.target.role {
            None => self
                .ports
                .policies
                .allow(action, arn, &self.arn(&delivery.rule)),
            Some(role) => {
                let roles = &self.ports.roles;
                let refused = |trouble| match trouble {
                    Trouble::Lasting(why) => Failure::lasting("NO_PERMISSIONS", why),
                    passing => Failure::from(passing),
                };
                let session = roles.assume(role, SERVICE, &delivery.rule).await;
                session.map_err(refused)?;
                roles
                    .may(role, action, &arn.text())
                    .await
                    .map_err(refused)?
            }
        };
        may.then_some(()).ok_or_else(|| {
            let why = format!("{SERVICE} may not do {action} on {arn} for the rule");
            Failure::lasting("NO_PERMISSIONS", why)
        })
    }

    async fn to_dead_letters(&self, delivery: &Delivery, reason: Reason, code: &str, why: &str) {
        let Some(queue) = &delivery.target.dead_letters else {
            return;
        };
        let rule = self.arn(&delivery.rule);
        let arn = queue.parse::<Arn>().ok();
        let may = arn.is_some_and(|arn| self.ports.policies.allow("sqs:SendMessage", &arn, &rule));
        let sent = match may {
            false => Err(Trouble::Lasting("it may not be told".to_owned())),
            true => {
                let letter = letter(&rule, delivery, reason, code, why);
                let queues = &self.ports.queues;
                queues
                    .send_with(queue, delivery.event.clone(), letter)
                    .await
            }
        };
        match sent {
            Ok(()) => self.count("InvocationsSentToDlq", &delivery.rule),
            Err(trouble) => {
                error!(%trouble, queue, rule = delivery.rule, "a dead letter was not sent, and the event is lost");
                self.count("InvocationsFailedToBeSentToDlq", &delivery.rule);
            }
        }
    }

    /// Keeps a delivery, or takes it away.
    async fn keep(&self, id: &str, delivery: Option<Delivery>) {
        let key = id.to_owned();
        let kept = self.tables.change(move |_, changes| {
            rows::put(changes, DELIVERIES, &key, delivery.as_ref());
            Ok::<(), std::convert::Infallible>(())
        });
        if let Err(failed) = kept.await {
            error!(error = %failed, delivery = id, "a delivery cannot be kept; it is made again at the next start");
        }
    }

    pub(super) fn count(&self, name: &'static str, rule: &str) {
        self.ports
            .metrics
            .add(NAMESPACE, name, &[("RuleName", rule)], 1.0);
    }
}

/// The attributes of a dead letter.
fn letter(
    rule: &Arn,
    delivery: &Delivery,
    reason: Reason,
    code: &str,
    why: &str,
) -> Vec<(String, QueueAttribute)> {
    let text = |name: &str, value: String| attribute(name, "String", value);
    let mut letter = vec![
        text("RULE_ARN", rule.text()),
        text("TARGET_ARN", delivery.target.arn.clone()),
        text("ERROR_CODE", code.to_owned()),
        text("ERROR_MESSAGE", why.to_owned()),
        attribute("RETRY_ATTEMPTS", "Number", delivery.tries.to_string()),
    ];
    let exhausted = match reason {
        Reason::Lasting => None,
        Reason::MaximumRetryAttempts => Some("MaximumRetryAttempts"),
        Reason::MaximumEventAgeInSeconds => Some("MaximumEventAgeInSeconds"),
    };
    letter.extend(exhausted.map(|it| text("EXHAUSTED_RETRY_CONDITION", it.to_owned())));
    letter
}

fn attribute(name: &str, data_type: &str, value: String) -> (String, QueueAttribute) {
    let attribute = QueueAttribute {
        data_type: data_type.to_owned(),
        string: Some(value),
        binary: None,
    };
    (name.to_owned(), attribute)
}
