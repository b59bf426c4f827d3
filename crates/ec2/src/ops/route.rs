//! CreateRoute, ReplaceRoute, DeleteRoute: routes to peered networks.

use api::{Access, Fault, Nothing};
use wire::Shape;

use super::fault;
use super::reach::{on_target, operations};
use crate::Instances;
use crate::engine::network::route::{self, Put, PutRoute};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateRouteRequest {
    #[shape(refused)]
    destination_prefix_list_id: Option<String>,
    #[shape(refused)]
    vpc_endpoint_id: Option<String>,
    #[shape(refused)]
    transit_gateway_id: Option<String>,
    #[shape(refused)]
    local_gateway_id: Option<String>,
    #[shape(refused)]
    carrier_gateway_id: Option<String>,
    #[shape(refused)]
    core_network_arn: Option<String>,
    #[shape(refused)]
    odb_network_arn: Option<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "routeTableId", required)]
    route_table_id: String,
    #[shape(query = "destinationCidrBlock")]
    destination_cidr_block: Option<String>,
    #[shape(query = "gatewayId", refused)]
    gateway_id: Option<String>,
    #[shape(query = "destinationIpv6CidrBlock", refused)]
    destination_ipv6_cidr_block: Option<String>,
    #[shape(query = "egressOnlyInternetGatewayId", refused)]
    egress_only_internet_gateway_id: Option<String>,
    #[shape(query = "instanceId", refused)]
    instance_id: Option<String>,
    #[shape(query = "networkInterfaceId", refused)]
    network_interface_id: Option<String>,
    #[shape(query = "vpcPeeringConnectionId")]
    vpc_peering_connection_id: Option<String>,
    #[shape(query = "natGatewayId", refused)]
    nat_gateway_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateRouteResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ReplaceRouteRequest {
    #[shape(refused)]
    destination_prefix_list_id: Option<String>,
    #[shape(refused)]
    vpc_endpoint_id: Option<String>,
    #[shape(refused)]
    local_target: Option<bool>,
    #[shape(refused)]
    transit_gateway_id: Option<String>,
    #[shape(refused)]
    local_gateway_id: Option<String>,
    #[shape(refused)]
    carrier_gateway_id: Option<String>,
    #[shape(refused)]
    core_network_arn: Option<String>,
    #[shape(refused)]
    odb_network_arn: Option<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "routeTableId", required)]
    route_table_id: String,
    #[shape(query = "destinationCidrBlock")]
    destination_cidr_block: Option<String>,
    #[shape(query = "gatewayId", refused)]
    gateway_id: Option<String>,
    #[shape(query = "destinationIpv6CidrBlock", refused)]
    destination_ipv6_cidr_block: Option<String>,
    #[shape(query = "egressOnlyInternetGatewayId", refused)]
    egress_only_internet_gateway_id: Option<String>,
    #[shape(query = "instanceId", refused)]
    instance_id: Option<String>,
    #[shape(query = "networkInterfaceId", refused)]
    network_interface_id: Option<String>,
    #[shape(query = "vpcPeeringConnectionId")]
    vpc_peering_connection_id: Option<String>,
    #[shape(query = "natGatewayId", refused)]
    nat_gateway_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteRouteRequest {
    #[shape(refused)]
    destination_prefix_list_id: Option<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "routeTableId", required)]
    route_table_id: String,
    #[shape(query = "destinationCidrBlock")]
    destination_cidr_block: Option<String>,
    #[shape(query = "destinationIpv6CidrBlock", refused)]
    destination_ipv6_cidr_block: Option<String>,
}

operations! {
    CreateRouteRequest: "ec2:CreateRoute", CreateRouteResult, create on created;
    ReplaceRouteRequest: "ec2:ReplaceRoute", Nothing, replace on replaced;
    DeleteRouteRequest: "ec2:DeleteRoute", Nothing, delete on deleted;
}

async fn put(
    instances: &Instances,
    table: &str,
    to: Option<String>,
    peering: Option<String>,
    put: Put,
) -> Result<(), Fault> {
    let to = to.ok_or_else(|| fault::missing("destinationCidrBlock"))?;
    let peering = peering.ok_or_else(|| fault::missing("vpcPeeringConnectionId"))?;
    instances
        .change(PutRoute {
            table: fault::id(table)?,
            to,
            peering: fault::id(&peering)?,
            put,
        })
        .await?;
    Ok(())
}

fn created(request: &CreateRouteRequest, instances: &Instances) -> Vec<Access> {
    vec![on_target(
        instances,
        "ec2:CreateRoute",
        &request.route_table_id,
    )]
}

async fn create(
    request: CreateRouteRequest,
    instances: &Instances,
) -> Result<CreateRouteResult, Fault> {
    let (to, peering) = (
        request.destination_cidr_block,
        request.vpc_peering_connection_id,
    );
    put(instances, &request.route_table_id, to, peering, Put::New).await?;
    Ok(CreateRouteResult {
        r#return: Some(true),
    })
}

fn replaced(request: &ReplaceRouteRequest, instances: &Instances) -> Vec<Access> {
    vec![on_target(
        instances,
        "ec2:ReplaceRoute",
        &request.route_table_id,
    )]
}

async fn replace(request: ReplaceRouteRequest, instances: &Instances) -> Result<Nothing, Fault> {
    let (to, peering) = (
        request.destination_cidr_block,
        request.vpc_peering_connection_id,
    );
    put(
        instances,
        &request.route_table_id,
        to,
        peering,
        Put::Instead,
    )
    .await?;
    Ok(Nothing {})
}

fn deleted(request: &DeleteRouteRequest, instances: &Instances) -> Vec<Access> {
    vec![on_target(
        instances,
        "ec2:DeleteRoute",
        &request.route_table_id,
    )]
}

async fn delete(request: DeleteRouteRequest, instances: &Instances) -> Result<Nothing, Fault> {
    let to = request.destination_cidr_block;
    let to = to.ok_or_else(|| fault::missing("destinationCidrBlock"))?;
    let table = fault::id(&request.route_table_id)?;
    instances.change(route::DeleteRoute { table, to }).await?;
    Ok(Nothing {})
}
