//! The operations of EC2 on the wire: requests, answers, what they touch, what they do.
//!
//! One file a noun. To add an operation: its shapes and an [`impl Act`](api::Act) for its request, and a line in [`OPERATIONS`].
//!
//! Shapes follow the service model of 2016-11-15 as botocore carries it. Requests have every member of the model, those
//! without effect marked as ignored or refused; answers have what hosts have.

mod account;
mod attribute;
mod classic_link;
mod fault;
mod fault_network;
mod instance;
mod lifecycle;
mod monitoring;
mod network_acl;
mod network_interface;
mod page;
mod peering;
mod permission;
mod place;
mod reach;
mod route;
mod route_table;
mod run;
mod security_group;
mod security_group_rule;
mod security_group_traffic;
mod shape;
mod status;
mod subnet;
mod tags;
mod types;
mod vpc;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod model;
#[cfg(test)]
mod network_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::{AnyOperation, Catalogue, Op, Service, ServiceFacts};
use wire::Protocol;

use crate::Instances;

/// What the gateway routes to EC2 by.
pub static FACTS: ServiceFacts = ServiceFacts {
    name: "ec2",
    json_target: None,
    json_protocol: Protocol::Json11,
    rpc_service: None,
    query_version: Some("2016-11-15"),
    query_protocol: Protocol::Ec2Query,
    xml_namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
    error_namespace: "com.amazonaws.ec2",
    is_query_compatible: false,
    query_url_member: None,
    is_global: false,
};

/// All operations that are spoken, in the order of names.
static OPERATIONS: &[&dyn AnyOperation<Instances>] = &[
    &Op::<peering::AcceptVpcPeeringConnectionRequest>::NEW,
    &Op::<route_table::AssociateRouteTableRequest>::NEW,
    &Op::<classic_link::AttachClassicLinkVpcRequest>::NEW,
    &Op::<security_group_traffic::AuthorizeSecurityGroupEgressRequest>::NEW,
    &Op::<security_group_traffic::AuthorizeSecurityGroupIngressRequest>::NEW,
    &Op::<route::CreateRouteRequest>::NEW,
    &Op::<route_table::CreateRouteTableRequest>::NEW,
    &Op::<security_group::CreateSecurityGroupRequest>::NEW,
    &Op::<subnet::CreateSubnetRequest>::NEW,
    &Op::<tags::CreateTagsRequest>::NEW,
    &Op::<vpc::CreateVpcRequest>::NEW,
    &Op::<peering::CreateVpcPeeringConnectionRequest>::NEW,
    &Op::<route::DeleteRouteRequest>::NEW,
    &Op::<route_table::DeleteRouteTableRequest>::NEW,
    &Op::<security_group::DeleteSecurityGroupRequest>::NEW,
    &Op::<subnet::DeleteSubnetRequest>::NEW,
    &Op::<tags::DeleteTagsRequest>::NEW,
    &Op::<vpc::DeleteVpcRequest>::NEW,
    &Op::<peering::DeleteVpcPeeringConnectionRequest>::NEW,
    &Op::<account::DescribeAccountAttributesRequest>::NEW,
    &Op::<place::DescribeAvailabilityZonesRequest>::NEW,
    &Op::<classic_link::DescribeClassicLinkInstancesRequest>::NEW,
    &Op::<attribute::DescribeInstanceAttributeRequest>::NEW,
    &Op::<status::DescribeInstanceStatusRequest>::NEW,
    &Op::<types::DescribeInstanceTypesRequest>::NEW,
    &Op::<instance::DescribeInstancesRequest>::NEW,
    &Op::<network_acl::DescribeNetworkAclsRequest>::NEW,
    &Op::<network_interface::DescribeNetworkInterfacesRequest>::NEW,
    &Op::<place::DescribeRegionsRequest>::NEW,
    &Op::<route_table::DescribeRouteTablesRequest>::NEW,
    &Op::<security_group_rule::DescribeSecurityGroupRulesRequest>::NEW,
    &Op::<security_group::DescribeSecurityGroupsRequest>::NEW,
    &Op::<subnet::DescribeSubnetsRequest>::NEW,
    &Op::<tags::DescribeTagsRequest>::NEW,
    &Op::<vpc::DescribeVpcAttributeRequest>::NEW,
    &Op::<classic_link::DescribeVpcClassicLinkRequest>::NEW,
    &Op::<classic_link::DescribeVpcClassicLinkDnsSupportRequest>::NEW,
    &Op::<peering::DescribeVpcPeeringConnectionsRequest>::NEW,
    &Op::<vpc::DescribeVpcsRequest>::NEW,
    &Op::<classic_link::DetachClassicLinkVpcRequest>::NEW,
    &Op::<classic_link::DisableVpcClassicLinkRequest>::NEW,
    &Op::<classic_link::DisableVpcClassicLinkDnsSupportRequest>::NEW,
    &Op::<route_table::DisassociateRouteTableRequest>::NEW,
    &Op::<classic_link::EnableVpcClassicLinkRequest>::NEW,
    &Op::<classic_link::EnableVpcClassicLinkDnsSupportRequest>::NEW,
    &Op::<attribute::ModifyInstanceAttributeRequest>::NEW,
    &Op::<security_group_rule::ModifySecurityGroupRulesRequest>::NEW,
    &Op::<subnet::ModifySubnetAttributeRequest>::NEW,
    &Op::<vpc::ModifyVpcAttributeRequest>::NEW,
    &Op::<peering::ModifyVpcPeeringConnectionOptionsRequest>::NEW,
    &Op::<monitoring::MonitorInstancesRequest>::NEW,
    &Op::<lifecycle::RebootInstancesRequest>::NEW,
    &Op::<peering::RejectVpcPeeringConnectionRequest>::NEW,
    &Op::<route::ReplaceRouteRequest>::NEW,
    &Op::<route_table::ReplaceRouteTableAssociationRequest>::NEW,
    &Op::<security_group_traffic::RevokeSecurityGroupEgressRequest>::NEW,
    &Op::<security_group_traffic::RevokeSecurityGroupIngressRequest>::NEW,
    &Op::<run::RunInstancesRequest>::NEW,
    &Op::<lifecycle::StartInstancesRequest>::NEW,
    &Op::<lifecycle::StopInstancesRequest>::NEW,
    &Op::<lifecycle::TerminateInstancesRequest>::NEW,
    &Op::<monitoring::UnmonitorInstancesRequest>::NEW,
    &Op::<security_group_rule::UpdateSecurityGroupRuleDescriptionsEgressRequest>::NEW,
    &Op::<security_group_rule::UpdateSecurityGroupRuleDescriptionsIngressRequest>::NEW,
];

/// The service for the gateway.
#[must_use]
pub fn service(instances: Arc<Instances>) -> Arc<dyn Service> {
    Arc::new(Catalogue::new(&FACTS, instances, OPERATIONS))
}
