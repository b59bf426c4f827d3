//! DescribeInstanceAttribute, ModifyInstanceAttribute.
//!
//! The user data of an instance that waits for its host shows, once, the command by which a host joins as it: whoever reads
//! it first gets a token that is made then, so that no secret lies about. Who may read attributes may therefore not yet
//! read that one: it is allowed as RunInstances is.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault, Nothing};
use base::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wire::{Blob, Shape};

use super::reach::{on_instances, on_target};
use super::shape::{
    AttributeBooleanValue, AttributeValue, GroupIdentifier, Unsupported, groups_shown,
};
use super::{fault, page};
use crate::Instances;
use crate::engine::command::Protect;
use crate::engine::network::GroupId;
use crate::engine::network::place::SetGroups;
use crate::engine::{self, Instance, InstanceId, State};
use crate::instances::Error;

const USER_DATA: &str = "userData";
const TERMINATION: &str = "disableApiTermination";
const STOP: &str = "disableApiStop";
const BEHAVIOR: &str = "instanceInitiatedShutdownBehavior";

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeInstanceAttributeRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "instanceId", required)]
    instance_id: String,
    #[shape(query = "attribute", required)]
    attribute: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InstanceAttribute {
    #[shape(query = "instanceId")]
    instance_id: Option<String>,
    #[shape(query = "disableApiTermination")]
    disable_api_termination: Option<AttributeBooleanValue>,
    #[shape(query = "disableApiStop")]
    disable_api_stop: Option<AttributeBooleanValue>,
    #[shape(query = "ebsOptimized")]
    ebs_optimized: Option<AttributeBooleanValue>,
    #[shape(query = "enaSupport")]
    ena_support: Option<AttributeBooleanValue>,
    #[shape(query = "sourceDestCheck")]
    source_dest_check: Option<AttributeBooleanValue>,
    #[shape(query = "instanceInitiatedShutdownBehavior")]
    instance_initiated_shutdown_behavior: Option<AttributeValue>,
    #[shape(query = "instanceType")]
    instance_type: Option<AttributeValue>,
    #[shape(query = "kernel")]
    kernel_id: Option<AttributeValue>,
    #[shape(query = "ramdisk")]
    ramdisk_id: Option<AttributeValue>,
    #[shape(query = "rootDeviceName")]
    root_device_name: Option<AttributeValue>,
    #[shape(query = "sriovNetSupport")]
    sriov_net_support: Option<AttributeValue>,
    #[shape(query = "userData", sensitive)]
    user_data: Option<AttributeValue>,
    #[shape(query = "groupSet", item = "item")]
    groups: Option<Vec<GroupIdentifier>>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ModifyInstanceAttributeRequest {
    #[shape(refused)]
    source_dest_check: Option<AttributeBooleanValue>,
    #[shape(refused)]
    enclave_options: Option<Unsupported>,
    disable_api_stop: Option<AttributeBooleanValue>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "instanceId", required)]
    instance_id: String,
    #[shape(query = "attribute")]
    attribute: Option<String>,
    #[shape(query = "value")]
    value: Option<String>,
    #[shape(query = "blockDeviceMapping", refused)]
    block_device_mappings: Vec<Unsupported>,
    #[shape(query = "disableApiTermination")]
    disable_api_termination: Option<AttributeBooleanValue>,
    #[shape(query = "instanceType", refused)]
    instance_type: Option<AttributeValue>,
    #[shape(query = "kernel", refused)]
    kernel: Option<AttributeValue>,
    #[shape(query = "ramdisk", refused)]
    ramdisk: Option<AttributeValue>,
    #[shape(query = "userData", refused, sensitive)]
    user_data: Option<BlobAttributeValue>,
    #[shape(query = "instanceInitiatedShutdownBehavior")]
    instance_initiated_shutdown_behavior: Option<AttributeValue>,
    #[shape(query = "GroupId", item = "groupId")]
    groups: Vec<String>,
    #[shape(query = "ebsOptimized", refused)]
    ebs_optimized: Option<AttributeBooleanValue>,
    #[shape(query = "sriovNetSupport", refused)]
    sriov_net_support: Option<AttributeValue>,
    #[shape(query = "enaSupport", refused)]
    ena_support: Option<AttributeBooleanValue>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
#[shape(name = "SecureBlobAttributeValue")]
pub(super) struct BlobAttributeValue {
    #[shape(query = "value", sensitive)]
    value: Option<Blob>,
}

/// Whether the next to read the user data is shown how to join.
fn shows_token(instance: &Instance) -> bool {
    let waits = instance.state == State::Pending && instance.member.is_none();
    waits && instance.shown.is_none()
}

fn find(instances: &Instances, id: &str) -> Result<Arc<Instance>, Fault> {
    let id: InstanceId = id.parse().map_err(|_| fault::malformed(id))?;
    let missing = engine::Error::NotFound {
        ids: vec![id.clone()],
    };
    instances.get(&id).ok_or_else(|| missing.into())
}

impl Act<Instances> for DescribeInstanceAttributeRequest {
    type Output = InstanceAttribute;
    const ACTION: &'static str = "ec2:DescribeInstanceAttribute";

    fn touches(&self, instances: &Instances, _caller: &Caller) -> Vec<Access> {
        let ids = std::slice::from_ref(&self.instance_id);
        let mut all = on_instances(instances, Self::ACTION, ids);
        if self.attribute == USER_DATA {
            // Decided before it is known who comes first: while it has not been shown, all who ask must be allowed to.
            let known = find(instances, &self.instance_id);
            if known.is_ok_and(|instance| shows_token(&instance)) {
                all.extend(on_instances(instances, "ec2:RunInstances", ids));
            }
        }
        all
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(self, instances: &Arc<Instances>, ctx: &Ctx) -> Result<InstanceAttribute, Fault> {
        let instance = find(instances, &self.instance_id)?;
        let mut shown = InstanceAttribute {
            instance_id: Some(self.instance_id),
            ..InstanceAttribute::default()
        };
        let flag = |value| Some(AttributeBooleanValue { value: Some(value) });
        let text = |value: &str| {
            Some(AttributeValue {
                value: Some(value.to_owned()),
            })
        };
        let none = || Some(AttributeValue { value: None });
        match self.attribute.as_str() {
            TERMINATION => shown.disable_api_termination = flag(instance.is_termination_protected),
            STOP => shown.disable_api_stop = flag(instance.is_stop_protected),
            "ebsOptimized" => shown.ebs_optimized = flag(false),
            "enaSupport" => shown.ena_support = flag(false),
            "sourceDestCheck" => shown.source_dest_check = flag(false),
            BEHAVIOR => shown.instance_initiated_shutdown_behavior = text("stop"),
            "instanceType" => shown.instance_type = text(&instance.type_name()),
            "kernel" => shown.kernel_id = none(),
            "ramdisk" => shown.ramdisk_id = none(),
            "rootDeviceName" => shown.root_device_name = none(),
            "sriovNetSupport" => shown.sriov_net_support = none(),
            "groupSet" => {
                let groups = instance.place.inside.iter().flat_map(|it| &it.groups);
                let groups = instances.networks(|networks| groups_shown(groups, networks));
                shown.groups = Some(groups.0);
            }
            USER_DATA => {
                let value = user_data(instances, &instance, ctx).await?;
                shown.user_data = Some(AttributeValue { value });
            }
            "blockDeviceMapping" | "productCodes" | "enclaveOptions" => {}
            other => return Err(unknown(other)),
        }
        Ok(shown)
    }
}

fn unknown(attribute: &str) -> Fault {
    fault::invalid_value(format!(
        "Value ({attribute}) for parameter attribute is invalid. Unknown attribute."
    ))
}

/// The user data in base64: what was given, and the first time how to join.
async fn user_data(
    instances: &Instances,
    instance: &Instance,
    ctx: &Ctx,
) -> Result<Option<String>, Fault> {
    let given = instance.wish.user_data.clone();
    if shows_token(instance) {
        let (token, until) = match instances.enrol_first(&instance.id).await {
            // Somebody asked at the same moment.
            Err(Error::Refused(engine::Error::Shown { .. })) => return Ok(hidden(given, ctx.at)),
            made => made?,
        };
        let join = format!(
            "shukuba agent --join {} --region {} --token {} # once, until {}\n",
            ctx.base_url,
            instances.place().region,
            token.text(),
            until.rfc3339_secs()
        );
        let before = given.and_then(|given| STANDARD.decode(given).ok());
        let before = before.and_then(|bytes| String::from_utf8(bytes).ok());
        return Ok(Some(STANDARD.encode(with_command(before, &join))));
    }
    match instance.shown {
        Some(at) => Ok(hidden(given, at)),
        None => Ok(given),
    }
}

/// What was given, or when it was shown how to join.
fn hidden(given: Option<String>, at: Timestamp) -> Option<String> {
    let at = at.rfc3339_secs();
    let text = || format!("#!/bin/sh\n# How to join was shown at {at}, and is not shown again.\n");
    given.or_else(|| Some(STANDARD.encode(text())))
}

/// A script and a further line.
fn with_command(script: Option<String>, line: &str) -> String {
    let mut script = script.unwrap_or_else(|| "#!/bin/sh\n".to_owned());
    if !script.is_empty() && !script.ends_with('\n') {
        script.push('\n');
    }
    script.push_str(line);
    script
}

impl ModifyInstanceAttributeRequest {
    /// What is to change, in the form of members and in that of `Attribute` and `Value`.
    fn protect(&self, id: InstanceId) -> Result<Protect, Fault> {
        let flag = |value: &Option<AttributeBooleanValue>| value.as_ref().and_then(|it| it.value);
        let mut protect = Protect {
            id,
            from_termination: flag(&self.disable_api_termination),
            from_stop: flag(&self.disable_api_stop),
        };
        let behavior = self.instance_initiated_shutdown_behavior.as_ref();
        let mut behavior = behavior.and_then(|it| it.value.as_deref());
        let value = self.value.as_deref();
        match self.attribute.as_deref() {
            None => {}
            Some(TERMINATION) => protect.from_termination = Some(truth(value)?),
            Some(STOP) => protect.from_stop = Some(truth(value)?),
            Some(BEHAVIOR) => behavior = Some(value.unwrap_or_default()),
            Some(other) => return Err(unknown(other)),
        }
        if behavior.is_some_and(|it| it != "stop") {
            return Err(fault::invalid_value(
                "A host that goes down is stopped: instanceInitiatedShutdownBehavior is `stop`.",
            ));
        }
        let has_none = protect.from_termination.is_none() && protect.from_stop.is_none();
        match has_none && behavior.is_none() && self.groups.is_empty() {
            true => Err(fault::combination("No attributes specified.")),
            false => Ok(protect),
        }
    }
}

fn truth(value: Option<&str>) -> Result<bool, Fault> {
    match value {
        Some("true" | "True" | "1") => Ok(true),
        Some("false" | "False" | "0") => Ok(false),
        other => {
            let other = other.unwrap_or_default();
            Err(fault::invalid_value(format!(
                "Value ({other}) for parameter value is invalid. Invalid boolean value."
            )))
        }
    }
}

impl Act<Instances> for ModifyInstanceAttributeRequest {
    type Output = Nothing;
    const ACTION: &'static str = "ec2:ModifyInstanceAttribute";

    fn touches(&self, instances: &Instances, _caller: &Caller) -> Vec<Access> {
        let ids = std::slice::from_ref(&self.instance_id);
        let mut all = on_instances(instances, Self::ACTION, ids);
        // Source: Service Authorization Reference: the groups that it gets too.
        let groups = self.groups.iter().take(page::IDS_MAX);
        all.extend(groups.map(|id| on_target(instances, Self::ACTION, id)));
        all
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(self, instances: &Arc<Instances>, _ctx: &Ctx) -> Result<Nothing, Fault> {
        let ids = page::ids(std::slice::from_ref(&self.instance_id))?;
        page::check_count(&self.groups)?;
        let groups = self.groups.iter().map(|id| fault::id(id));
        let groups: BTreeSet<GroupId> = groups.collect::<Result<_, _>>()?;
        for id in ids {
            let protect = self.protect(id.clone())?;
            if !groups.is_empty() {
                let groups = groups.clone();
                instances.change(SetGroups { id, groups }).await?;
            }
            instances.change(protect).await?;
        }
        Ok(Nothing {})
    }
}
