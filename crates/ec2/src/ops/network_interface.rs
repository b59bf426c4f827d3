//! DescribeNetworkInterfaces: each instance inside a network has one.

use api::Fault;
use base::Timestamp;
use wire::{List, Shape};

use super::page::{Asked, Listed};
use super::place::zone_id;
use super::reach::operations;
use super::shape::{Filter, GroupIdentifier, Tag, groups_shown, is_filter, of_tags};
use crate::engine::filter::Subject;
use crate::engine::network::id::InterfaceId;
use crate::engine::{Instance, Networks};
use crate::{Instances, Place};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeNetworkInterfacesRequest {
    next_token: Option<String>,
    max_results: Option<i32>,
    #[shape(ignored)]
    include_managed_resources: Option<bool>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "NetworkInterfaceId", item = "item")]
    network_interface_ids: Vec<String>,
    #[shape(query = "filter", item = "Filter")]
    filters: Vec<Filter>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeNetworkInterfacesResult {
    #[shape(query = "networkInterfaceSet", item = "item")]
    network_interfaces: List<NetworkInterface>,
    #[shape(query = "nextToken")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct NetworkInterface {
    #[shape(query = "attachment")]
    attachment: Option<NetworkInterfaceAttachment>,
    #[shape(query = "availabilityZone")]
    availability_zone: Option<String>,
    #[shape(query = "description")]
    description: Option<String>,
    #[shape(query = "groupSet", item = "item")]
    groups: List<GroupIdentifier>,
    #[shape(query = "interfaceType")]
    interface_type: Option<String>,
    #[shape(query = "networkInterfaceId")]
    network_interface_id: Option<String>,
    #[shape(query = "ownerId")]
    owner_id: Option<String>,
    #[shape(query = "privateDnsName")]
    private_dns_name: Option<String>,
    #[shape(query = "privateIpAddress")]
    private_ip_address: Option<String>,
    #[shape(query = "privateIpAddressesSet", item = "item")]
    private_ip_addresses: List<NetworkInterfacePrivateIpAddress>,
    #[shape(query = "requesterManaged")]
    requester_managed: Option<bool>,
    #[shape(query = "sourceDestCheck")]
    source_dest_check: Option<bool>,
    #[shape(query = "status")]
    status: Option<String>,
    #[shape(query = "subnetId")]
    subnet_id: Option<String>,
    #[shape(query = "tagSet", item = "item")]
    tag_set: List<Tag>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
    #[shape(query = "availabilityZoneId")]
    availability_zone_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct NetworkInterfaceAttachment {
    #[shape(query = "attachTime")]
    attach_time: Option<Timestamp>,
    #[shape(query = "attachmentId")]
    attachment_id: Option<String>,
    #[shape(query = "deleteOnTermination")]
    delete_on_termination: Option<bool>,
    #[shape(query = "deviceIndex")]
    device_index: Option<i32>,
    #[shape(query = "instanceId")]
    instance_id: Option<String>,
    #[shape(query = "instanceOwnerId")]
    instance_owner_id: Option<String>,
    #[shape(query = "status")]
    status: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct NetworkInterfacePrivateIpAddress {
    #[shape(query = "primary")]
    primary: Option<bool>,
    #[shape(query = "privateDnsName")]
    private_dns_name: Option<String>,
    #[shape(query = "privateIpAddress")]
    private_ip_address: Option<String>,
}

operations! {
    DescribeNetworkInterfacesRequest: "ec2:DescribeNetworkInterfaces", DescribeNetworkInterfacesResult, describe;
}

impl NetworkInterface {
    /// That of an instance inside.
    fn of(instance: &Instance, networks: &Networks, place: &Place) -> Option<Self> {
        let inside = instance.place.inside.as_ref()?;
        let address = instance
            .private_address()
            .map(|address| address.to_string());
        let name = instance.facts().map(|facts| facts.hostname.clone());
        let owner = Some(place.account.to_string());
        let own = address
            .clone()
            .map(|address| NetworkInterfacePrivateIpAddress {
                primary: Some(true),
                private_dns_name: name.clone(),
                private_ip_address: Some(address),
            });
        Some(Self {
            attachment: Some(NetworkInterfaceAttachment {
                attach_time: Some(inside.since),
                attachment_id: Some(inside.attachment.to_string()),
                delete_on_termination: Some(true),
                device_index: Some(0),
                instance_id: Some(instance.id.to_string()),
                instance_owner_id: owner.clone(),
                status: Some("attached".to_owned()),
            }),
            availability_zone: Some(place.zone()),
            description: Some(String::new()),
            groups: groups_shown(&inside.groups, networks),
            interface_type: Some("interface".to_owned()),
            network_interface_id: Some(inside.interface.to_string()),
            owner_id: owner,
            private_dns_name: name,
            private_ip_address: address,
            private_ip_addresses: own.into_iter().collect(),
            requester_managed: Some(false),
            source_dest_check: Some(true),
            status: Some("in-use".to_owned()),
            subnet_id: Some(inside.subnet.to_string()),
            tag_set: List::default(),
            vpc_id: Some(inside.vpc.to_string()),
            availability_zone_id: Some(zone_id(place)),
        })
    }
}

/// Filters for what interfaces here have.
const OWN: &[&str] = &[
    "addresses.primary",
    "addresses.private-ip-address",
    "attachment.attachment-id",
    "attachment.delete-on-termination",
    "attachment.device-index",
    "attachment.instance-id",
    "attachment.instance-owner-id",
    "attachment.status",
    "availability-zone",
    "availability-zone-id",
    "description",
    "group-id",
    "group-name",
    "interface-type",
    "network-interface-id",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "requester-managed",
    "source-dest-check",
    "status",
    "subnet-id",
    "vpc-id",
];

/// Those for what they do not have.
const OTHERS: &[&str] = &[
    "addresses.association.",
    "associated-subnet",
    "association.",
    "attachment.attach-time",
    "attachment.nat-gateway-id",
    "ipv6-addresses.",
    "mac-address",
    "operator.",
    "requester-id",
];

impl Subject for NetworkInterface {
    fn knows(name: &str) -> bool {
        is_filter(name, OWN, OTHERS)
    }

    fn values(&self, name: &str) -> Vec<String> {
        if let Some(found) = of_tags(&self.tag_set.0, name) {
            return found;
        }
        let attachment = self.attachment.as_ref();
        let groups = |of: fn(&GroupIdentifier) -> &Option<String>| {
            let all = self.groups.0.iter();
            all.filter_map(|group| of(group).clone()).collect()
        };
        let found = match name {
            "group-id" => return groups(|group| &group.group_id),
            "group-name" => return groups(|group| &group.group_name),
            "addresses.primary" | "source-dest-check" | "attachment.delete-on-termination" => {
                Some(true.to_string())
            }
            "addresses.private-ip-address" | "private-ip-address" => {
                self.private_ip_address.clone()
            }
            "attachment.attachment-id" => attachment.and_then(|it| it.attachment_id.clone()),
            "attachment.device-index" => Some("0".to_owned()),
            "attachment.instance-id" => attachment.and_then(|it| it.instance_id.clone()),
            "attachment.status" => Some("attached".to_owned()),
            "availability-zone" => self.availability_zone.clone(),
            "availability-zone-id" => self.availability_zone_id.clone(),
            "description" => self.description.clone(),
            "interface-type" => self.interface_type.clone(),
            "network-interface-id" => self.network_interface_id.clone(),
            "owner-id" | "attachment.instance-owner-id" => self.owner_id.clone(),
            "private-dns-name" => self.private_dns_name.clone(),
            "requester-managed" => Some(false.to_string()),
            "status" => self.status.clone(),
            "subnet-id" => self.subnet_id.clone(),
            "vpc-id" => self.vpc_id.clone(),
            _ => None,
        };
        found.into_iter().collect()
    }
}

impl Listed for NetworkInterface {
    type Id = InterfaceId;

    fn id(&self) -> Option<&String> {
        self.network_interface_id.as_ref()
    }
}

async fn describe(
    request: DescribeNetworkInterfacesRequest,
    instances: &Instances,
) -> Result<DescribeNetworkInterfacesResult, Fault> {
    let place = instances.place();
    let all = instances.inventory(|inventory| {
        let networks = inventory.networks();
        let all = inventory.iter();
        all.filter_map(|it| NetworkInterface::of(it, networks, place))
            .collect()
    });
    let page = Asked {
        ids: &request.network_interface_ids,
        filters: &request.filters,
        max: request.max_results,
        token: request.next_token.as_ref(),
    }
    .of(all)?;
    Ok(DescribeNetworkInterfacesResult {
        network_interfaces: List(page.items),
        next_token: page.next_token,
    })
}
