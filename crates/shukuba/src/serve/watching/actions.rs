//! What alarms do when they change: people are told, functions are started, instances are stopped, started again or taken away.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Timestamp;
use cloudwatch::alarm::{self, ActionCall, Outcome};
use ec2::Instances;
use ec2::engine::command::{Reboot, Stop, Terminate};
use futures_util::future::BoxFuture;
use lambda::port::Trouble;
use watch::notice::event::{Event, Kind, Severity};
use watch::notice::router::{Error, Router};

use crate::serve::functions::Workshop;

/// The target that each change of each alarm is told to, so that routes by label hear of it.
pub(super) const ROUTES: &str = "shukuba:notices";

/// Runs the actions of alarms.
#[derive(Debug)]
pub(super) struct Actions {
    pub(super) router: Arc<Router>,
    pub(super) instances: Arc<Instances>,
    /// Without functions there is none.
    pub(super) workshop: Option<Workshop>,
}

impl alarm::Act for Actions {
    fn act(&self, call: ActionCall) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            match Target::of(&call.target) {
                Target::Routes => self.tell(&call, Vec::new()).await,
                Target::Receiver(name) => self.tell_receiver(&call, name).await,
                Target::Instance(what) => self.instance(&call, what).await,
                Target::Function => self.function(&call).await,
                Target::Unknown => Outcome::Failed(format!(
                    "`{}` cannot be acted on here: topics of SNS name receivers of [notices], functions are started, and EC2's actions act on hosts",
                    call.target
                )),
            }
        })
    }
}

/// What the ARN of an action names.
#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    Routes,
    Receiver(&'a str),
    Instance(&'a str),
    Function,
    Unknown,
}

impl<'a> Target<'a> {
    fn of(arn: &'a str) -> Self {
        if arn == ROUTES {
            return Self::Routes;
        }
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", _, "sns", _, _, topic] => Self::Receiver(topic),
            ["arn", _, "lambda", _, _, _] => Self::Function,
            ["arn", _, "automate", _, "ec2", what] => Self::Instance(what),
            _ => Self::Unknown,
        }
    }
}

impl Actions {
    async fn tell_receiver(&self, call: &ActionCall, name: &str) -> Outcome {
        if !self.router.has_receiver(name).await {
            return Outcome::Failed(format!("there is no receiver `{name}` in [notices]"));
        }
        self.tell(call, vec![name.to_owned()]).await
    }

    async fn tell(&self, call: &ActionCall, to: Vec<String>) -> Outcome {
        match self.router.take(&event(call, to)).await {
            Ok(()) => Outcome::Done,
            Err(Error::Refused(refused)) => Outcome::Failed(refused.to_string()),
            Err(error) => {
                tracing::error!(alarm = %call.alarm, %error, "an alarm could not be told");
                Outcome::Later
            }
        }
    }

    async fn function(&self, call: &ActionCall) -> Outcome {
        let Some(workshop) = &self.workshop else {
            return Outcome::Failed("functions are switched off".to_owned());
        };
        let body = call.lambda_body.clone();
        let started = workshop.start_for_alarm(&call.target, &call.alarm_arn, body);
        match started.await {
            Ok(()) => Outcome::Done,
            Err(Trouble::Lasting(why)) => Outcome::Failed(why),
            Err(Trouble::Passing(why)) => {
                tracing::error!(alarm = %call.alarm, why, "a function could not be started");
                Outcome::Later
            }
        }
    }

    async fn instance(&self, call: &ActionCall, what: &str) -> Outcome {
        let Some(id) = call.instance.as_deref().and_then(|id| id.parse().ok()) else {
            return Outcome::Failed("the alarm's metric has no dimension InstanceId".to_owned());
        };
        let ids = vec![id];
        let is_forced = false;
        let done = match what {
            "stop" => self.instances.change(Stop { ids, is_forced }).await.err(),
            "terminate" => {
                let terminate = Terminate { ids, is_forced };
                self.instances.change(terminate).await.err()
            }
            // A host is recovered by what a restart of its agent brings back.
            "reboot" | "recover" => self.instances.change(Reboot(ids)).await.err(),
            _ => return Outcome::Failed(format!("EC2 has no action `{what}`")),
        };
        match done {
            None => Outcome::Done,
            Some(error) if error.is_ours() => Outcome::Later,
            Some(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// What people are told of a change.
fn event(call: &ActionCall, to: Vec<String>) -> Event {
    let (kind, severity) = match call.state {
        alarm::State::Alarm => (Kind::Problem, Severity::Critical),
        alarm::State::InsufficientData => (Kind::Problem, Severity::Info),
        alarm::State::Ok => (Kind::Recovery, Severity::Critical),
    };
    let tagged = call.labels.get("severity").map(String::as_str);
    let severity = match (severity, tagged) {
        (Severity::Critical, Some("warning")) => Severity::Warning,
        (Severity::Critical, Some("info")) => Severity::Info,
        _ => severity,
    };
    let mut labels: BTreeMap<String, String> = call.labels.clone();
    labels.insert("severity".to_owned(), severity.to_string());
    Event {
        id: call.id.clone(),
        source: call.alarm_arn.clone(),
        kind,
        at: Timestamp::from_millis(call.at_ms),
        severity,
        title: call.subject.clone(),
        detail: call.reason.clone(),
        labels,
        to,
        sns: Some(call.sns_body.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_name_receivers_and_what_is_done_to_hosts() {
        for (arn, expected) in [
            (
                "arn:aws:sns:ap-northeast-1:123456789012:ops",
                Target::Receiver("ops"),
            ),
            (
                "arn:aws:automate:ap-northeast-1:ec2:reboot",
                Target::Instance("reboot"),
            ),
            (ROUTES, Target::Routes),
            (
                "arn:aws:lambda:ap-northeast-1:123456789012:function:f",
                Target::Function,
            ),
            (
                "arn:aws:ssm:ap-northeast-1:123456789012:opsitem:1",
                Target::Unknown,
            ),
            ("ops", Target::Unknown),
        ] {
            assert_eq!(Target::of(arn), expected, "{arn}");
        }
    }
}
