//! RunInstances: instances as which agents are to join.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use wire::{Envelope, Protocol, Shape};

use super::fault;
use super::instance::Reservation;
use super::page::{self, IDS_MAX};
use super::reach::on_target;
use super::shape::{TagSpecification, Unsupported, given, pairs, tags_for};
use crate::Instances;
use crate::engine::command::Run;
use crate::engine::network::place::Wanted;
use crate::engine::network::{Draw, GroupId};
use crate::engine::state::Wish;
use crate::instances::new_draw;

/// Instances of a request. Chosen.
const COUNT_MAX: i32 = 100;
/// Bytes of user data before base64. Source: RunInstances ("limited to 16 KB").
const USER_DATA_BYTES_MAX: usize = 16 << 10;
/// Characters of an image's id, a type and a key pair's name. Source: CreateKeyPair (255), taken for all.
const NAME_CHARS_MAX: usize = 255;
/// Characters of a client token. Source: "Ensuring idempotency" (64).
const TOKEN_CHARS_MAX: usize = 64;

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RunInstancesRequest {
    /// A host brings its own disks.
    #[shape(query = "BlockDeviceMapping", ignored)]
    block_device_mappings: Vec<Unsupported>,
    image_id: Option<String>,
    instance_type: Option<String>,
    #[shape(refused)]
    ipv6_address_count: Option<i32>,
    #[shape(query = "Ipv6Address", refused)]
    ipv6_addresses: Vec<Unsupported>,
    #[shape(refused)]
    kernel_id: Option<String>,
    key_name: Option<String>,
    #[shape(required)]
    max_count: i32,
    #[shape(required)]
    min_count: i32,
    monitoring: Option<RunInstancesMonitoringEnabled>,
    placement: Option<Placement>,
    #[shape(refused)]
    ramdisk_id: Option<String>,
    #[shape(query = "SecurityGroupId", item = "SecurityGroupId")]
    security_group_ids: Vec<String>,
    #[shape(query = "SecurityGroup", refused)]
    security_groups: Vec<String>,
    subnet_id: Option<String>,
    #[shape(sensitive)]
    user_data: Option<String>,
    #[shape(refused)]
    elastic_gpu_specification: Vec<Unsupported>,
    #[shape(query = "ElasticInferenceAccelerator", refused)]
    elastic_inference_accelerators: Vec<Unsupported>,
    #[shape(query = "TagSpecification", item = "item")]
    tag_specifications: Vec<TagSpecification>,
    #[shape(refused)]
    launch_template: Option<Unsupported>,
    #[shape(refused)]
    instance_market_options: Option<Unsupported>,
    #[shape(ignored)]
    credit_specification: Option<Unsupported>,
    #[shape(refused)]
    cpu_options: Option<Unsupported>,
    #[shape(refused)]
    capacity_reservation_specification: Option<Unsupported>,
    #[shape(refused)]
    hibernation_options: Option<Unsupported>,
    #[shape(query = "LicenseSpecification", refused)]
    license_specifications: Vec<Unsupported>,
    /// There is no metadata service.
    #[shape(ignored)]
    metadata_options: Option<Unsupported>,
    #[shape(refused)]
    enclave_options: Option<Unsupported>,
    /// A host has the name that it has.
    #[shape(ignored)]
    private_dns_name_options: Option<Unsupported>,
    #[shape(ignored)]
    maintenance_options: Option<Unsupported>,
    disable_api_stop: Option<bool>,
    #[shape(refused)]
    enable_primary_ipv6: Option<bool>,
    #[shape(ignored)]
    network_performance_options: Option<Unsupported>,
    #[shape(refused)]
    operator: Option<Unsupported>,
    #[shape(query = "SecondaryInterface", refused)]
    secondary_interfaces: Vec<Unsupported>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "disableApiTermination")]
    disable_api_termination: Option<bool>,
    #[shape(query = "instanceInitiatedShutdownBehavior")]
    instance_initiated_shutdown_behavior: Option<String>,
    #[shape(query = "privateIpAddress", refused)]
    private_ip_address: Option<String>,
    #[shape(query = "clientToken")]
    client_token: Option<String>,
    #[shape(query = "additionalInfo", refused)]
    additional_info: Option<String>,
    #[shape(query = "networkInterface", refused)]
    network_interfaces: Vec<Unsupported>,
    #[shape(query = "iamInstanceProfile", refused)]
    iam_instance_profile: Option<Unsupported>,
    #[shape(query = "ebsOptimized", ignored)]
    ebs_optimized: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RunInstancesMonitoringEnabled {
    #[shape(query = "MetricCategoryId", refused)]
    metric_category_ids: Vec<String>,
    #[shape(query = "enabled", required)]
    enabled: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Placement {
    #[shape(query = "availabilityZoneId", refused)]
    availability_zone_id: Option<String>,
    #[shape(query = "affinity", refused)]
    affinity: Option<String>,
    #[shape(query = "groupName", refused)]
    group_name: Option<String>,
    #[shape(query = "partitionNumber", refused)]
    partition_number: Option<i32>,
    #[shape(query = "hostId", refused)]
    host_id: Option<String>,
    /// A host is what it is.
    #[shape(query = "tenancy", ignored)]
    tenancy: Option<String>,
    #[shape(query = "spreadDomain", refused)]
    spread_domain: Option<String>,
    #[shape(query = "hostResourceGroupArn", refused)]
    host_resource_group_arn: Option<String>,
    #[shape(query = "groupId", refused)]
    group_id: Option<String>,
    #[shape(query = "availabilityZone")]
    availability_zone: Option<String>,
}

impl RunInstancesRequest {
    fn check(&self, instances: &Instances) -> Result<(), Fault> {
        self.check_counts()?;
        let zone = self.placement.as_ref();
        let zone = zone.and_then(|placement| placement.availability_zone.as_ref());
        if let Some(other) = zone.filter(|zone| **zone != instances.place().zone()) {
            return Err(fault::invalid_value(format!(
                "Invalid availability zone: [{other}]"
            )));
        }
        let behavior = self.instance_initiated_shutdown_behavior.as_deref();
        if behavior.is_some_and(|it| it != "stop") {
            return Err(fault::invalid_value(
                "Value for parameter instanceInitiatedShutdownBehavior is invalid. A host that goes down is stopped: `stop`.",
            ));
        }
        self.check_texts()
    }

    fn check_counts(&self) -> Result<(), Fault> {
        for (name, count) in [("minCount", self.min_count), ("maxCount", self.max_count)] {
            if !(1..=COUNT_MAX).contains(&count) {
                return Err(fault::invalid_value(format!(
                    "Value ({count}) for parameter {name} is invalid. Expecting a value from 1 to {COUNT_MAX}."
                )));
            }
        }
        match self.min_count > self.max_count {
            true => Err(fault::combination("minCount may not exceed maxCount")),
            false => Ok(()),
        }
    }

    fn check_texts(&self) -> Result<(), Fault> {
        let names = [
            ("imageId", &self.image_id, NAME_CHARS_MAX),
            ("instanceType", &self.instance_type, NAME_CHARS_MAX),
            ("keyName", &self.key_name, NAME_CHARS_MAX),
            ("clientToken", &self.client_token, TOKEN_CHARS_MAX),
        ];
        for (name, value, limit) in names {
            let count = value.as_ref().map(|value| value.chars().count());
            if count.is_some_and(|count| count == 0 || count > limit) {
                return Err(fault::invalid_value(format!(
                    "Value for parameter {name} is invalid. Expecting 1 to {limit} characters."
                )));
            }
        }
        let Some(data) = &self.user_data else {
            return Ok(());
        };
        match STANDARD.decode(data) {
            Ok(bytes) if bytes.len() <= USER_DATA_BYTES_MAX => Ok(()),
            Ok(_) => Err(fault::invalid_value(format!(
                "User data is limited to {USER_DATA_BYTES_MAX} bytes"
            ))),
            Err(_) => Err(Fault::sender(
                "InvalidUserData.Malformed",
                "Invalid BASE64 encoding of user data.",
            )),
        }
    }

    /// In which network they shall be.
    fn inside(&self) -> Result<Option<(Wanted, Draw)>, Fault> {
        page::check_count(&self.security_group_ids)?;
        let ids = self.security_group_ids.iter();
        let groups: BTreeSet<GroupId> = ids.map(|id| fault::id(id)).collect::<Result<_, _>>()?;
        match &self.subnet_id {
            Some(subnet) => {
                let subnet = fault::id(subnet)?;
                Ok(Some((Wanted { subnet, groups }, new_draw())))
            }
            None if groups.is_empty() => Ok(None),
            // Source: "Error codes", InvalidParameterCombination: groups of a network without a subnet of one.
            None => Err(fault::combination(
                "VPC security groups may not be used for a non-VPC launch: name a subnet too",
            )),
        }
    }

    /// What tells this request from another with the same token.
    fn hash(&self) -> String {
        let envelope = Envelope {
            operation: "RunInstances",
            request_id: "",
            version: "",
            xml_namespace: "",
        };
        let bytes = wire::encode_request(Protocol::Json11, self, &envelope);
        hex::encode(Sha256::digest(bytes))
    }
}

impl Act<Instances> for RunInstancesRequest {
    type Output = Reservation;
    const ACTION: &'static str = "ec2:RunInstances";

    /// Tags that are given at once are allowed as CreateTags is, with `ec2:CreateAction`.
    fn touches(&self, instances: &Instances, _caller: &Caller) -> Vec<Access> {
        let all = instances.place().instance("*");
        let tags = given(&self.tag_specifications);
        let mut run = Access::new(Self::ACTION, all.clone());
        if let Some(kind) = &self.instance_type {
            run = run.with("ec2:InstanceType", kind);
        }
        // Source: Service Authorization Reference: the subnet and the groups too.
        let used = self.subnet_id.iter().chain(&self.security_group_ids);
        let used = used
            .take(IDS_MAX)
            .map(|id| on_target(instances, Self::ACTION, id));
        let mut used: Vec<_> = used.collect();
        if tags.is_empty() {
            used.insert(0, run);
            return used;
        }
        let tag = Access::new("ec2:CreateTags", all).with("ec2:CreateAction", "RunInstances");
        [run, tag]
            .map(|access| access.with_request_tags(pairs(&tags)))
            .into_iter()
            .chain(used)
            .collect()
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(self, instances: &Arc<Instances>, _ctx: &Ctx) -> Result<Reservation, Fault> {
        self.check(instances)?;
        let tags = tags_for("instance", &self.tag_specifications)?;
        let request_hash = self.hash();
        let inside = self.inside()?;
        let run = Run {
            ids: Vec::new(),
            at_least: usize::try_from(self.min_count).unwrap_or_default(),
            reservation: String::new(),
            wish: Wish {
                image_id: self.image_id,
                instance_type: self.instance_type,
                key_name: self.key_name,
                user_data: self.user_data,
                client_token: self.client_token,
                request_hash,
            },
            tags,
            is_detailed: self.monitoring.is_some_and(|it| it.enabled),
            is_termination_protected: self.disable_api_termination.unwrap_or_default(),
            is_stop_protected: self.disable_api_stop.unwrap_or_default(),
            inside,
        };
        let count = usize::try_from(self.max_count).unwrap_or_default();
        let made = instances.run(run, count).await?;
        let place = instances.place();
        Ok(instances.networks(|networks| Reservation::of(&made, networks, place)))
    }
}
