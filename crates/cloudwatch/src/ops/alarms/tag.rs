//! TagResource, UntagResource, ListTagsForResource: of alarms and mute rules, and through a port of dashboards.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Arn;
use wire::Shape;

use super::Desk;
use super::desk::with_request_tags;
use super::fault;
use super::shape::{Tag, as_tags};
use crate::alarm::Error;
use crate::alarm::engine::draft::muting;
use crate::alarm::engine::{self};

/// What else than alarms has tags in CloudWatch: dashboards. Calls may wait for the disk and come on threads that may.
pub trait Tagged: Send + Sync + fmt::Debug {
    /// The tags of `arn`; none where there is no such resource.
    fn tags(&self, arn: &Arn) -> Option<BTreeMap<String, String>>;

    /// Adds tags to `arn` and takes others away, at once and durably.
    ///
    /// # Errors
    /// As the wire shows it: `ResourceNotFoundException` where there is no such resource.
    fn change(
        &self,
        arn: &Arn,
        add: BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault>;
}

/// Nothing else has tags.
#[derive(Clone, Copy, Debug)]
pub struct NoOthers;

impl Tagged for NoOthers {
    fn tags(&self, _: &Arn) -> Option<BTreeMap<String, String>> {
        None
    }

    fn change(&self, arn: &Arn, _: BTreeMap<String, String>, _: &[String]) -> Result<(), Fault> {
        Err(fault::no_resource(&format!("{arn} does not exist.")))
    }
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct TagResourceInput {
    #[shape(required, name = "ResourceARN")]
    resource_arn: String,
    #[shape(required)]
    tags: Vec<Tag>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct TagResourceOutput {}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct UntagResourceInput {
    #[shape(required, name = "ResourceARN")]
    resource_arn: String,
    #[shape(required)]
    tag_keys: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct UntagResourceOutput {}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTagsForResourceInput {
    #[shape(required, name = "ResourceARN")]
    resource_arn: String,
}

#[derive(Debug, Clone, Default, PartialEq, Shape)]
pub(super) struct ListTagsForResourceOutput {
    tags: Option<Vec<Tag>>,
}

/// What an ARN names.
enum Named {
    Ours(muting::Tagged),
    Other(Arn),
}

impl Desk {
    fn named(&self, arn: &str) -> Result<Named, Fault> {
        let wrong = || fault::value(format!("Invalid resource ARN: {arn}"));
        let read: Arn = arn.parse().map_err(|_| wrong())?;
        let place = self.place();
        if read.service != "cloudwatch" || read.account != place.account.as_str() {
            return Err(wrong());
        }
        let is_here = read.region == place.region.as_str();
        let (kind, name) = read.resource.split_once(':').unwrap_or_default();
        Ok(match kind {
            "alarm" if is_here => Named::Ours(muting::Tagged::Alarm(name.to_owned())),
            "alarm-mute-rule" if is_here => Named::Ours(muting::Tagged::Mute(name.to_owned())),
            "alarm" | "alarm-mute-rule" => return Err(wrong()),
            _ => Named::Other(read),
        })
    }

    fn on_named(&self, action: &'static str, arn: &str) -> Access {
        match self.named(arn) {
            Ok(Named::Ours(muting::Tagged::Alarm(name))) => self.on_alarm(action, &name),
            Ok(Named::Ours(muting::Tagged::Mute(name))) => self.on_mute(action, &name),
            Ok(Named::Other(arn)) => {
                let tags = self.others.tags(&arn).unwrap_or_default();
                Access::new(action, arn).with_tags("aws:ResourceTag", tags)
            }
            Err(_) => Access::new(action, self.place().all()),
        }
    }

    async fn retag(
        self: &Arc<Self>,
        arn: &str,
        add: BTreeMap<String, String>,
        remove: Vec<String>,
    ) -> Result<(), Fault> {
        let of = match self.named(arn)? {
            Named::Ours(of) => of,
            Named::Other(arn) => {
                let desk = Arc::clone(self);
                let change =
                    move |_: &crate::alarm::Alarms| Ok(desk.others.change(&arn, add, &remove));
                return self.blocking(change).await?;
            }
        };
        let change = move |alarms: &crate::alarm::Alarms| {
            alarms.change(|draft| draft.tag(&of, add, &remove))
        };
        self.alarms
            .blocking(change)
            .await
            .map_err(|error| match error {
                Error::Refused(engine::Error::NoAlarm(_) | engine::Error::NoMute(_)) => {
                    no_resource(arn)
                }
                other => fault::of(other),
            })
    }
}

fn no_resource(arn: &str) -> Fault {
    fault::no_resource(&format!("{arn} does not exist."))
}

impl Act<Desk> for TagResourceInput {
    type Output = TagResourceOutput;
    const ACTION: &'static str = "cloudwatch:TagResource";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        let access = desk.on_named(Self::ACTION, &self.resource_arn);
        vec![with_request_tags(access, &self.tags)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<TagResourceOutput, Fault> {
        desk.retag(&self.resource_arn, as_tags(self.tags), Vec::new())
            .await?;
        Ok(TagResourceOutput {})
    }
}

impl Act<Desk> for UntagResourceInput {
    type Output = UntagResourceOutput;
    const ACTION: &'static str = "cloudwatch:UntagResource";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        let access = desk.on_named(Self::ACTION, &self.resource_arn);
        vec![access.with_many("aws:TagKeys", self.tag_keys.iter().cloned())]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<UntagResourceOutput, Fault> {
        desk.retag(&self.resource_arn, BTreeMap::new(), self.tag_keys)
            .await?;
        Ok(UntagResourceOutput {})
    }
}

impl Act<Desk> for ListTagsForResourceInput {
    type Output = ListTagsForResourceOutput;
    const ACTION: &'static str = "cloudwatch:ListTagsForResource";

    fn touches(&self, desk: &Desk, _caller: &Caller) -> Vec<Access> {
        vec![desk.on_named(Self::ACTION, &self.resource_arn)]
    }

    async fn act(self, desk: &Arc<Desk>, _ctx: &Ctx) -> Result<ListTagsForResourceOutput, Fault> {
        let book = desk.alarms.book();
        let tags = match desk.named(&self.resource_arn)? {
            Named::Ours(muting::Tagged::Alarm(name)) => {
                book.alarm(&name).map(|entry| entry.alarm.tags.clone())
            }
            Named::Ours(muting::Tagged::Mute(name)) => {
                book.mute(&name).map(|mute| mute.stored.tags.clone())
            }
            Named::Other(arn) => {
                let desk_too = Arc::clone(desk);
                desk.blocking(move |_| Ok(desk_too.others.tags(&arn)))
                    .await?
            }
        };
        let tags = tags.ok_or_else(|| no_resource(&self.resource_arn))?;
        let tags = tags.into_iter().map(|(key, value)| Tag { key, value });
        Ok(ListTagsForResourceOutput {
            tags: Some(tags.collect()),
        })
    }
}
