//! DescribeInstances, and instances as they are shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Access, Act, Caller, Ctx, Fault};
use base::Timestamp;
use wire::{List, Shape};

use super::fault;
use super::page::{self, RESULTS_MAX, Wanted};
use super::shape::{Filter, GroupIdentifier, InstanceState, Monitoring, Tag, groups_shown, shown};
use crate::engine::Networks;
use crate::engine::filter::Placed;
use crate::{Instances, Place, engine};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeInstancesRequest {
    #[shape(query = "InstanceId", item = "InstanceId")]
    instance_ids: Vec<String>,
    /// None is managed by anybody else.
    #[shape(ignored)]
    include_managed_resources: Option<bool>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
    #[shape(query = "nextToken")]
    next_token: Option<String>,
    #[shape(query = "maxResults")]
    max_results: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeInstancesResult {
    #[shape(query = "nextToken")]
    next_token: Option<String>,
    #[shape(query = "reservationSet", item = "item")]
    reservations: List<Reservation>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Reservation {
    #[shape(query = "reservationId")]
    reservation_id: Option<String>,
    #[shape(query = "ownerId")]
    owner_id: Option<String>,
    #[shape(query = "groupSet", item = "item")]
    groups: List<GroupIdentifier>,
    #[shape(query = "instancesSet", item = "item")]
    instances: List<Instance>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Instance {
    #[shape(query = "instanceId")]
    instance_id: Option<String>,
    #[shape(query = "imageId")]
    image_id: Option<String>,
    #[shape(query = "instanceState")]
    state: Option<InstanceState>,
    #[shape(query = "privateDnsName")]
    private_dns_name: Option<String>,
    #[shape(query = "dnsName")]
    public_dns_name: Option<String>,
    #[shape(query = "reason")]
    state_transition_reason: Option<String>,
    #[shape(query = "keyName")]
    key_name: Option<String>,
    #[shape(query = "amiLaunchIndex")]
    ami_launch_index: Option<i32>,
    #[shape(query = "instanceType")]
    instance_type: Option<String>,
    #[shape(query = "launchTime")]
    launch_time: Option<Timestamp>,
    #[shape(query = "placement")]
    placement: Option<Placement>,
    #[shape(query = "monitoring")]
    monitoring: Option<Monitoring>,
    #[shape(query = "privateIpAddress")]
    private_ip_address: Option<String>,
    #[shape(query = "architecture")]
    architecture: Option<String>,
    #[shape(query = "clientToken")]
    client_token: Option<String>,
    #[shape(query = "ebsOptimized")]
    ebs_optimized: Option<bool>,
    #[shape(query = "groupSet", item = "item")]
    security_groups: List<GroupIdentifier>,
    #[shape(query = "stateReason")]
    state_reason: Option<StateReason>,
    #[shape(query = "tagSet", item = "item")]
    tags: Vec<Tag>,
    #[shape(query = "cpuOptions")]
    cpu_options: Option<CpuOptions>,
    #[shape(query = "platformDetails")]
    platform_details: Option<String>,
    #[shape(query = "ipv6Address")]
    ipv6_address: Option<String>,
    #[shape(query = "subnetId")]
    subnet_id: Option<String>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
    #[shape(query = "networkInterfaceSet", item = "item")]
    network_interfaces: Vec<InstanceNetworkInterface>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InstanceNetworkInterface {
    #[shape(query = "attachment")]
    attachment: Option<InstanceNetworkInterfaceAttachment>,
    #[shape(query = "description")]
    description: Option<String>,
    #[shape(query = "groupSet", item = "item")]
    groups: List<GroupIdentifier>,
    #[shape(query = "networkInterfaceId")]
    network_interface_id: Option<String>,
    #[shape(query = "ownerId")]
    owner_id: Option<String>,
    #[shape(query = "privateDnsName")]
    private_dns_name: Option<String>,
    #[shape(query = "privateIpAddress")]
    private_ip_address: Option<String>,
    #[shape(query = "privateIpAddressesSet", item = "item")]
    private_ip_addresses: List<InstancePrivateIpAddress>,
    #[shape(query = "sourceDestCheck")]
    source_dest_check: Option<bool>,
    #[shape(query = "status")]
    status: Option<String>,
    #[shape(query = "subnetId")]
    subnet_id: Option<String>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
    #[shape(query = "interfaceType")]
    interface_type: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InstanceNetworkInterfaceAttachment {
    #[shape(query = "attachTime")]
    attach_time: Option<Timestamp>,
    #[shape(query = "attachmentId")]
    attachment_id: Option<String>,
    #[shape(query = "deleteOnTermination")]
    delete_on_termination: Option<bool>,
    #[shape(query = "deviceIndex")]
    device_index: Option<i32>,
    #[shape(query = "status")]
    status: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct InstancePrivateIpAddress {
    #[shape(query = "primary")]
    primary: Option<bool>,
    #[shape(query = "privateDnsName")]
    private_dns_name: Option<String>,
    #[shape(query = "privateIpAddress")]
    private_ip_address: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Placement {
    #[shape(query = "groupName")]
    group_name: Option<String>,
    #[shape(query = "tenancy")]
    tenancy: Option<String>,
    #[shape(query = "availabilityZone")]
    availability_zone: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct StateReason {
    #[shape(query = "code")]
    code: Option<String>,
    #[shape(query = "message")]
    message: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CpuOptions {
    #[shape(query = "coreCount")]
    core_count: Option<i32>,
    #[shape(query = "threadsPerCore")]
    threads_per_core: Option<i32>,
}

impl Instance {
    fn of(it: &engine::Instance, networks: &Networks, place: &Place) -> Self {
        let facts = it.facts();
        let inside = it.place.inside.as_ref();
        let interface = InstanceNetworkInterface::of(it, networks, place);
        Self {
            instance_id: Some(it.id.to_string()),
            image_id: it.wish.image_id.clone(),
            state: Some(it.state.into()),
            private_dns_name: facts.map(|facts| facts.hostname.clone()),
            public_dns_name: Some(String::new()),
            state_transition_reason: Some(it.transition()),
            key_name: it.wish.key_name.clone(),
            ami_launch_index: i32::try_from(it.launch_index).ok(),
            instance_type: Some(it.type_name()),
            launch_time: Some(it.launched),
            placement: Some(Placement {
                group_name: Some(String::new()),
                tenancy: Some("default".to_owned()),
                availability_zone: Some(place.zone()),
            }),
            monitoring: Some(Monitoring::of(it)),
            private_ip_address: it.private_address().map(|address| address.to_string()),
            architecture: facts.map(|facts| facts.architecture().to_owned()),
            client_token: Some(it.wish.client_token.clone().unwrap_or_default()),
            ebs_optimized: Some(false),
            security_groups: groups_shown(inside.iter().flat_map(|it| &it.groups), networks),
            state_reason: it.reason().map(|(code, message)| StateReason {
                code: Some(code.to_owned()),
                message: Some(message.to_owned()),
            }),
            tags: shown(&it.tags),
            cpu_options: facts.and_then(cores),
            platform_details: Some("Linux/UNIX".to_owned()),
            ipv6_address: facts.and_then(|facts| Some(facts.ipv6()?.to_string())),
            subnet_id: inside.map(|it| it.subnet.to_string()),
            vpc_id: inside.map(|it| it.vpc.to_string()),
            network_interfaces: interface.into_iter().collect(),
        }
    }
}

impl InstanceNetworkInterface {
    /// That of an instance inside.
    fn of(it: &engine::Instance, networks: &Networks, place: &Place) -> Option<Self> {
        let inside = it.place.inside.as_ref()?;
        let address = it.private_address().map(|address| address.to_string());
        let name = it.facts().map(|facts| facts.hostname.clone());
        let own = address.clone().map(|address| InstancePrivateIpAddress {
            primary: Some(true),
            private_dns_name: name.clone(),
            private_ip_address: Some(address),
        });
        Some(Self {
            attachment: Some(InstanceNetworkInterfaceAttachment {
                attach_time: Some(inside.since),
                attachment_id: Some(inside.attachment.to_string()),
                delete_on_termination: Some(true),
                device_index: Some(0),
                status: Some("attached".to_owned()),
            }),
            description: Some(String::new()),
            groups: groups_shown(&inside.groups, networks),
            network_interface_id: Some(inside.interface.to_string()),
            owner_id: Some(place.account.to_string()),
            private_dns_name: name,
            private_ip_address: address,
            private_ip_addresses: own.into_iter().collect(),
            source_dest_check: Some(true),
            status: Some("in-use".to_owned()),
            subnet_id: Some(inside.subnet.to_string()),
            vpc_id: Some(inside.vpc.to_string()),
            interface_type: Some("interface".to_owned()),
        })
    }
}

/// An agent counts logical processors, each of which is shown as a core.
fn cores(facts: &engine::Facts) -> Option<CpuOptions> {
    let count = i32::try_from(facts.cores).ok().filter(|count| *count > 0)?;
    Some(CpuOptions {
        core_count: Some(count),
        threads_per_core: Some(1),
    })
}

impl Reservation {
    /// Instances of one reservation.
    pub(super) fn of(all: &[Arc<engine::Instance>], networks: &Networks, place: &Place) -> Self {
        Self {
            reservation_id: all.first().map(|it| it.reservation.clone()),
            owner_id: Some(place.account.to_string()),
            groups: List::default(),
            instances: List(
                all.iter()
                    .map(|it| Instance::of(it, networks, place))
                    .collect(),
            ),
        }
    }
}

/// By reservation, in the order in which these come first.
fn reservations(
    all: Vec<Arc<engine::Instance>>,
    networks: &Networks,
    place: &Place,
) -> Vec<Reservation> {
    let mut places = BTreeMap::new();
    let mut groups: Vec<Vec<_>> = Vec::new();
    for instance in all {
        let at = *places
            .entry(instance.reservation.clone())
            .or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(instance),
            None => groups.push(vec![instance]),
        }
    }
    groups
        .iter()
        .map(|group| Reservation::of(group, networks, place))
        .collect()
}

impl Act<Instances> for DescribeInstancesRequest {
    type Output = DescribeInstancesResult;
    const ACTION: &'static str = "ec2:DescribeInstances";

    fn touches(&self, instances: &Instances, _caller: &Caller) -> Vec<Access> {
        vec![Access::on(instances.place().all())]
    }

    fn refusal(&self) -> Option<Fault> {
        fault::dry_run(self.dry_run)
    }

    async fn act(
        self,
        instances: &Arc<Instances>,
        _ctx: &Ctx,
    ) -> Result<DescribeInstancesResult, Fault> {
        if !self.instance_ids.is_empty() && self.max_results.is_some() {
            return Err(fault::combination(
                "The parameter instancesSet cannot be used with the parameter maxResults",
            ));
        }
        let ids = page::ids(&self.instance_ids)?;
        let filters = page::filters::<Placed<'_>>(&self.filters)?;
        let found = instances.describe(&ids, &filters)?;
        let wanted = Wanted {
            max: self.max_results,
            token: self.next_token.as_ref(),
            limit: RESULTS_MAX,
        };
        let page = wanted.of(found, |it| it.id.to_string())?;
        let place = instances.place();
        let shown = instances.networks(|networks| reservations(page.items, networks, place));
        Ok(DescribeInstancesResult {
            next_token: page.next_token,
            reservations: List(shown),
        })
    }
}
