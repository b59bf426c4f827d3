//! What an alarm may act on: ARNs of topics, functions, scaling policies and EC2's four actions.
//!
//! Source: API Reference, `PutMetricAlarm`, `AlarmActions`. Targets of Systems Manager and of Amazon Q are not kept here.

use base::Arn;

use super::settings::{Kind, Settings, Watched};
use crate::ops::Place;

/// Of which kind a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A topic: `arn:aws:sns:<region>:<account>:<topic>`.
    Topic,
    /// A function, maybe with a version or alias: `arn:aws:lambda:<region>:<account>:function:<name>`.
    Function,
    /// A scaling policy: `arn:aws:autoscaling:<region>:<account>:scalingPolicy:…`.
    Scaling,
    /// One of EC2's actions on the instance of the alarm: `arn:aws:automate:<region>:ec2:reboot`.
    Instance(Deed),
}

/// What EC2 does to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It stops it.
    Stop,
    /// It terminates it.
    Terminate,
    /// It starts it again.
    Reboot,
    /// It moves it to sound hardware.
    Recover,
}

/// Why a target is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It is no ARN of a target.
    #[error("Invalid arn syntax: {0}")]
    Syntax(String),
    /// It is in another region.
    #[error("Invalid region {given} specified. Only {own} is supported.")]
    Region {
        /// The target's.
        given: String,
        /// The alarm's.
        own: String,
    },
    /// It is of a service that AWS has and this server has not.
    #[error("Actions of {0} are not supported here: sns, lambda, autoscaling and automate are")]
    Service(String),
    /// A composite alarm cannot do that.
    #[error(
        "Composite alarms cannot have the action {0}: SNS topics and Lambda functions are right"
    )]
    Composite(String),
    /// The alarm is not one of one instance.
    #[error("Unsupported EC2 action {0}: the alarm's metric must have the dimension InstanceId")]
    NoInstance(String),
    /// There are too many for a state.
    #[error(
        "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have length less than or equal to 5"
    )]
    TooMany {
        /// Of which list.
        member: &'static str,
    },
}

/// Actions of a state. Source: API Reference.
const ACTIONS_MAX: usize = 5;
/// Services that AWS takes as targets and this server does not.
const OTHERS: &[&str] = &["ssm", "ssm-incidents", "aiops"];

impl Target {
    /// Of which kind `arn` is.
    ///
    /// # Errors
    /// [`Wrong::Syntax`], [`Wrong::Service`].
    pub fn of(arn: &str) -> Result<Self, Wrong> {
        let syntax = || Wrong::Syntax(arn.to_owned());
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", "aws", "automate", region, "ec2", deed] if !region.is_empty() => {
                Deed::parse(deed).map(Self::Instance).ok_or_else(syntax)
            }
            ["arn", "aws", "swf", _, _, action] => {
                let deed = action.strip_prefix("action/actions/AWS_EC2.InstanceId.");
                let deed = deed.and_then(|rest| rest.strip_suffix("/1.0"));
                let deed = deed.and_then(|deed| Deed::parse(&deed.to_ascii_lowercase()));
                deed.map(Self::Instance).ok_or_else(syntax)
            }
            ["arn", "aws", service, region, account, resource] => {
                if OTHERS.contains(service) {
                    return Err(Wrong::Service((*service).to_owned()));
                }
                let is_whole = !region.is_empty() && !account.is_empty() && !resource.is_empty();
                let is_topic = !resource.contains([':', '/']);
                match *service {
                    "sns" if is_whole && is_topic => Ok(Self::Topic),
                    "lambda" if is_whole && resource.starts_with("function:") => Ok(Self::Function),
                    "autoscaling" if is_whole && resource.starts_with("scalingPolicy:") => {
                        Ok(Self::Scaling)
                    }
                    _ => Err(syntax()),
                }
            }
            _ => Err(syntax()),
        }
    }
}

impl Deed {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "stop" => Self::Stop,
            "terminate" => Self::Terminate,
            "reboot" => Self::Reboot,
            "recover" => Self::Recover,
            _ => return None,
        })
    }
}

/// Checks the actions of an alarm.
///
/// # Errors
/// [`Wrong`].
pub fn check(settings: &Settings, place: &Place) -> Result<(), Wrong> {
    let lists = [
        ("oKActions", &settings.ok_actions),
        ("alarmActions", &settings.alarm_actions),
        (
            "insufficientDataActions",
            &settings.insufficient_data_actions,
        ),
    ];
    for (member, actions) in lists {
        if actions.len() > ACTIONS_MAX {
            return Err(Wrong::TooMany { member });
        }
        actions
            .iter()
            .try_for_each(|arn| check_one(arn, settings, place))?;
    }
    Ok(())
}

fn check_one(arn: &str, settings: &Settings, place: &Place) -> Result<(), Wrong> {
    let target = Target::of(arn)?;
    let region = arn.split(':').nth(3).unwrap_or_default();
    if region != place.region.as_str() {
        return Err(Wrong::Region {
            given: region.to_owned(),
            own: place.region.to_string(),
        });
    }
    match (&settings.kind, target) {
        (Kind::Composite(_), Target::Scaling | Target::Instance(_)) => {
            Err(Wrong::Composite(arn.to_owned()))
        }
        (Kind::Metric(metric), Target::Instance(_)) if instance(&metric.watched).is_none() => {
            Err(Wrong::NoInstance(arn.to_owned()))
        }
        _ => Ok(()),
    }
}

/// The instance of the metric that an alarm watches.
#[must_use]
pub fn instance(watched: &Watched) -> Option<&str> {
    let Watched::One { stat, .. } = watched else {
        return None;
    };
    let found = stat
        .dimensions
        .iter()
        .find(|(name, _)| name == "InstanceId")?;
    Some(&found.1)
}

/// The name of an alarm that is named so or by this ARN; none where the ARN is of another place.
#[must_use]
pub fn alarm_name(reference: &str, place: &Place) -> Option<String> {
    let Some(resource) = reference
        .parse::<Arn>()
        .ok()
        .filter(|arn| arn.service == "cloudwatch")
    else {
        return Some(reference.to_owned());
    };
    let is_ours =
        resource.region == place.region.as_str() && resource.account == place.account.as_str();
    let name = resource.resource.strip_prefix("alarm:")?;
    is_ours.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_by_their_arns() {
        for (arn, expected) in [
            ("arn:aws:sns:eu-west-1:123456789012:ops", Ok(Target::Topic)),
            (
                "arn:aws:lambda:eu-west-1:123456789012:function:f",
                Ok(Target::Function),
            ),
            (
                "arn:aws:lambda:eu-west-1:123456789012:function:f:live",
                Ok(Target::Function),
            ),
            (
                "arn:aws:automate:eu-west-1:ec2:reboot",
                Ok(Target::Instance(Deed::Reboot)),
            ),
            (
                "arn:aws:automate:eu-west-1:ec2:recover",
                Ok(Target::Instance(Deed::Recover)),
            ),
            (
                "arn:aws:swf:eu-west-1:123456789012:action/actions/AWS_EC2.InstanceId.Stop/1.0",
                Ok(Target::Instance(Deed::Stop)),
            ),
            (
                "arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:p:autoScalingGroupName/g:policyName/n",
                Ok(Target::Scaling),
            ),
            ("ops", Err("Invalid arn syntax: ops")),
            (
                "arn:aws:sns:eu-west-1:123456789012:",
                Err("Invalid arn syntax: arn:aws:sns:eu-west-1:123456789012:"),
            ),
            (
                "arn:aws:automate:eu-west-1:ec2:dance",
                Err("Invalid arn syntax: arn:aws:automate:eu-west-1:ec2:dance"),
            ),
            (
                "arn:aws:ssm:eu-west-1:123456789012:opsitem:1",
                Err(
                    "Actions of ssm are not supported here: sns, lambda, autoscaling and automate are",
                ),
            ),
        ] {
            let found = Target::of(arn).map_err(|wrong| wrong.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{arn}");
        }
    }
}
