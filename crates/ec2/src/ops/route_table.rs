//! DescribeRouteTables, and what makes and unmakes tables, and where they count.

use api::{Access, Fault, Nothing};
use wire::{List, Shape};

use super::fault;
use super::page::{Asked, Listed};
use super::reach::{on_new, on_target, operations};
use super::shape::{Filter, Tag, TagSpecification, is_filter, of_tags, shown, tags_for};
use crate::engine::Inventory;
use crate::engine::filter::Subject;
use crate::engine::network::id::AssociationId;
use crate::engine::network::peering::Stage;
use crate::engine::network::route::{
    self, Associate, CreateTable, DeleteTable, Disassociate, Reassociate,
};
use crate::engine::network::{ResourceId, TableId};
use crate::instances::new_draw;
use crate::{Instances, Place};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeRouteTablesRequest {
    next_token: Option<String>,
    max_results: Option<i32>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "RouteTableId", item = "item")]
    route_table_ids: Vec<String>,
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeRouteTablesResult {
    #[shape(query = "routeTableSet", item = "item")]
    route_tables: List<RouteTable>,
    #[shape(query = "nextToken")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateRouteTableRequest {
    #[shape(query = "TagSpecification", item = "item")]
    tag_specifications: Vec<TagSpecification>,
    #[shape(ignored)]
    client_token: Option<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "vpcId", required)]
    vpc_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateRouteTableResult {
    #[shape(query = "routeTable")]
    route_table: Option<RouteTable>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteRouteTableRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "routeTableId", required)]
    route_table_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AssociateRouteTableRequest {
    #[shape(refused)]
    gateway_id: Option<String>,
    #[shape(refused)]
    public_ipv4_pool: Option<String>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "subnetId")]
    subnet_id: Option<String>,
    #[shape(query = "routeTableId", required)]
    route_table_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AssociateRouteTableResult {
    #[shape(query = "associationId")]
    association_id: Option<String>,
    #[shape(query = "associationState")]
    association_state: Option<RouteTableAssociationState>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DisassociateRouteTableRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "associationId", required)]
    association_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ReplaceRouteTableAssociationRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "associationId", required)]
    association_id: String,
    #[shape(query = "routeTableId", required)]
    route_table_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ReplaceRouteTableAssociationResult {
    #[shape(query = "newAssociationId")]
    new_association_id: Option<String>,
    #[shape(query = "associationState")]
    association_state: Option<RouteTableAssociationState>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RouteTable {
    #[shape(query = "associationSet", item = "item")]
    associations: List<RouteTableAssociation>,
    #[shape(query = "routeTableId")]
    route_table_id: Option<String>,
    #[shape(query = "routeSet", item = "item")]
    routes: List<Route>,
    #[shape(query = "tagSet", item = "item")]
    tags: Vec<Tag>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
    #[shape(query = "ownerId")]
    owner_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct Route {
    #[shape(query = "destinationCidrBlock")]
    destination_cidr_block: Option<String>,
    #[shape(query = "gatewayId")]
    gateway_id: Option<String>,
    #[shape(query = "origin")]
    origin: Option<String>,
    #[shape(query = "state")]
    state: Option<String>,
    #[shape(query = "vpcPeeringConnectionId")]
    vpc_peering_connection_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RouteTableAssociation {
    #[shape(query = "main")]
    main: Option<bool>,
    #[shape(query = "routeTableAssociationId")]
    route_table_association_id: Option<String>,
    #[shape(query = "routeTableId")]
    route_table_id: Option<String>,
    #[shape(query = "subnetId")]
    subnet_id: Option<String>,
    #[shape(query = "associationState")]
    association_state: Option<RouteTableAssociationState>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RouteTableAssociationState {
    #[shape(query = "state")]
    state: Option<String>,
}

operations! {
    DescribeRouteTablesRequest: "ec2:DescribeRouteTables", DescribeRouteTablesResult, describe;
    CreateRouteTableRequest: "ec2:CreateRouteTable", CreateRouteTableResult, create on new;
    DeleteRouteTableRequest: "ec2:DeleteRouteTable", Nothing, delete on deleted;
    AssociateRouteTableRequest: "ec2:AssociateRouteTable", AssociateRouteTableResult, associate on associated;
    DisassociateRouteTableRequest: "ec2:DisassociateRouteTable", Nothing, disassociate on disassociated;
    ReplaceRouteTableAssociationRequest: "ec2:ReplaceRouteTableAssociation", ReplaceRouteTableAssociationResult, replace on replaced;
}

impl Route {
    fn local(to: String) -> Self {
        Self {
            destination_cidr_block: Some(to),
            gateway_id: Some("local".to_owned()),
            origin: Some("CreateRouteTable".to_owned()),
            state: Some("active".to_owned()),
            vpc_peering_connection_id: None,
        }
    }

    fn of(route: &route::Route, inventory: &Inventory) -> Self {
        let peering = inventory.networks().peerings.get(&route.peering);
        let is_there = peering.is_ok_and(|it| it.stage == Stage::Active);
        let state = if is_there { "active" } else { "blackhole" };
        Self {
            destination_cidr_block: Some(route.to.to_string()),
            gateway_id: None,
            origin: Some("CreateRoute".to_owned()),
            state: Some(state.to_owned()),
            vpc_peering_connection_id: Some(route.peering.to_string()),
        }
    }
}

fn associated_state() -> Option<RouteTableAssociationState> {
    Some(RouteTableAssociationState {
        state: Some("associated".to_owned()),
    })
}

impl RouteTable {
    fn of(table: &route::RouteTable, inventory: &Inventory, place: &Place) -> Self {
        let vpc = inventory.networks().vpcs.get(&table.vpc).ok();
        let local = vpc.map(|vpc| Route::local(vpc.range.to_string()));
        // Source: "ClassicLink": a route to all instances outside, while the network is enabled for it.
        let outside = vpc.filter(|vpc| vpc.routes_outside());
        let outside = outside.map(|_| Route::local(inventory.outside().to_string()));
        let own = table.routes.iter().map(|route| Route::of(route, inventory));
        let association = |id: &AssociationId, subnet| RouteTableAssociation {
            main: Some(table.main.as_ref() == Some(id)),
            route_table_association_id: Some(id.to_string()),
            route_table_id: Some(table.id.to_string()),
            subnet_id: subnet,
            association_state: associated_state(),
        };
        let main = table.main.iter().map(|id| association(id, None));
        let subnets = table.associations.iter();
        let subnets = subnets.map(|it| association(&it.id, Some(it.subnet.to_string())));
        Self {
            associations: main.chain(subnets).collect(),
            route_table_id: Some(table.id.to_string()),
            routes: local.into_iter().chain(outside).chain(own).collect(),
            tags: shown(&table.tags),
            vpc_id: Some(table.vpc.to_string()),
            owner_id: Some(place.account.to_string()),
        }
    }
}

/// Filters for what tables here have.
const OWN: &[&str] = &[
    "association.main",
    "association.route-table-association-id",
    "association.route-table-id",
    "association.subnet-id",
    "owner-id",
    "route-table-id",
    "route.destination-cidr-block",
    "route.gateway-id",
    "route.origin",
    "route.state",
    "route.vpc-peering-connection-id",
    "vpc-id",
];

/// Those for what they do not have.
const OTHERS: &[&str] = &[
    "association.gateway-id",
    "route.destination-ipv6-cidr-block",
    "route.destination-prefix-list-id",
    "route.egress-only-internet-gateway-id",
    "route.instance-id",
    "route.nat-gateway-id",
    "route.transit-gateway-id",
];

impl Subject for RouteTable {
    fn knows(name: &str) -> bool {
        is_filter(name, OWN, OTHERS)
    }

    fn values(&self, name: &str) -> Vec<String> {
        if let Some(found) = of_tags(&self.tags, name) {
            return found;
        }
        let routes = |of: fn(&Route) -> &Option<String>| {
            let all = self.routes.0.iter();
            all.filter_map(|route| of(route).clone()).collect()
        };
        let associations = |of: fn(&RouteTableAssociation) -> &Option<String>| {
            let all = self.associations.0.iter();
            all.filter_map(|it| of(it).clone()).collect()
        };
        let one = |value: &Option<String>| value.iter().cloned().collect();
        match name {
            "association.main" => {
                let all = self.associations.0.iter();
                all.filter_map(|it| it.main)
                    .map(|main| main.to_string())
                    .collect()
            }
            "association.route-table-association-id" => {
                associations(|it| &it.route_table_association_id)
            }
            "association.route-table-id" => associations(|it| &it.route_table_id),
            "association.subnet-id" => associations(|it| &it.subnet_id),
            "owner-id" => one(&self.owner_id),
            "route-table-id" => one(&self.route_table_id),
            "route.destination-cidr-block" => routes(|it| &it.destination_cidr_block),
            "route.gateway-id" => routes(|it| &it.gateway_id),
            "route.origin" => routes(|it| &it.origin),
            "route.state" => routes(|it| &it.state),
            "route.vpc-peering-connection-id" => routes(|it| &it.vpc_peering_connection_id),
            "vpc-id" => one(&self.vpc_id),
            _ => Vec::new(),
        }
    }
}

impl Listed for RouteTable {
    type Id = TableId;

    fn id(&self) -> Option<&String> {
        self.route_table_id.as_ref()
    }
}

async fn describe(
    request: DescribeRouteTablesRequest,
    instances: &Instances,
) -> Result<DescribeRouteTablesResult, Fault> {
    let place = instances.place();
    let all = instances.inventory(|inventory| {
        let all = inventory.networks().tables.iter();
        all.map(|it| RouteTable::of(it, inventory, place)).collect()
    });
    let page = Asked {
        ids: &request.route_table_ids,
        filters: &request.filters,
        max: request.max_results,
        token: request.next_token.as_ref(),
    }
    .of(all)?;
    Ok(DescribeRouteTablesResult {
        route_tables: List(page.items),
        next_token: page.next_token,
    })
}

fn new(request: &CreateRouteTableRequest, instances: &Instances) -> Vec<Access> {
    let action = "ec2:CreateRouteTable";
    let tags = &request.tag_specifications;
    let mut all = on_new(instances, action, TableId::KIND, tags);
    all.push(on_target(instances, action, &request.vpc_id));
    all
}

async fn create(
    request: CreateRouteTableRequest,
    instances: &Instances,
) -> Result<CreateRouteTableResult, Fault> {
    let made = instances
        .change(CreateTable {
            draw: new_draw(),
            vpc: fault::id(&request.vpc_id)?,
            tags: tags_for(TableId::KIND, &request.tag_specifications)?,
        })
        .await?;
    let place = instances.place();
    let route_table = instances.inventory(|inventory| RouteTable::of(&made, inventory, place));
    Ok(CreateRouteTableResult {
        route_table: Some(route_table),
    })
}

fn deleted(request: &DeleteRouteTableRequest, instances: &Instances) -> Vec<Access> {
    vec![on_target(
        instances,
        "ec2:DeleteRouteTable",
        &request.route_table_id,
    )]
}

async fn delete(request: DeleteRouteTableRequest, instances: &Instances) -> Result<Nothing, Fault> {
    let id = fault::id(&request.route_table_id)?;
    instances.change(DeleteTable(id)).await?;
    Ok(Nothing {})
}

fn associated(request: &AssociateRouteTableRequest, instances: &Instances) -> Vec<Access> {
    let action = "ec2:AssociateRouteTable";
    let subnet = request.subnet_id.iter();
    let all = std::iter::once(&request.route_table_id).chain(subnet);
    all.map(|id| on_target(instances, action, id)).collect()
}

async fn associate(
    request: AssociateRouteTableRequest,
    instances: &Instances,
) -> Result<AssociateRouteTableResult, Fault> {
    let subnet = request
        .subnet_id
        .ok_or_else(|| fault::missing("subnetId"))?;
    let id = instances
        .change(Associate {
            draw: new_draw(),
            table: fault::id(&request.route_table_id)?,
            subnet: fault::id(&subnet)?,
        })
        .await?;
    Ok(AssociateRouteTableResult {
        association_id: Some(id.to_string()),
        association_state: associated_state(),
    })
}

/// The table that an association holds, and the subnet.
fn on_association(instances: &Instances, action: &'static str, id: &str) -> Vec<Access> {
    let held = instances.networks(|networks| {
        let tables = networks.tables.iter();
        let mut held = tables.filter_map(|table| {
            let mut own = table.associations.iter();
            let own = own.find(|it| it.id.as_str() == id);
            let is_main = table.main.as_ref().is_some_and(|main| main.as_str() == id);
            let subnet = own.map(|it| it.subnet.to_string());
            (is_main || own.is_some()).then(|| (table.id.to_string(), subnet))
        });
        held.next()
    });
    let (table, subnet) = held.unwrap_or_else(|| (format!("{}*", TableId::PREFIX), None));
    let all = std::iter::once(table).chain(subnet);
    all.map(|id| on_target(instances, action, &id)).collect()
}

fn disassociated(request: &DisassociateRouteTableRequest, instances: &Instances) -> Vec<Access> {
    let action = "ec2:DisassociateRouteTable";
    on_association(instances, action, &request.association_id)
}

async fn disassociate(
    request: DisassociateRouteTableRequest,
    instances: &Instances,
) -> Result<Nothing, Fault> {
    let id = fault::id(&request.association_id)?;
    instances.change(Disassociate(id)).await?;
    Ok(Nothing {})
}

fn replaced(request: &ReplaceRouteTableAssociationRequest, instances: &Instances) -> Vec<Access> {
    let action = "ec2:ReplaceRouteTableAssociation";
    let mut all = on_association(instances, action, &request.association_id);
    all.push(on_target(instances, action, &request.route_table_id));
    all
}

async fn replace(
    request: ReplaceRouteTableAssociationRequest,
    instances: &Instances,
) -> Result<ReplaceRouteTableAssociationResult, Fault> {
    let id = instances
        .change(Reassociate {
            draw: new_draw(),
            id: fault::id(&request.association_id)?,
            table: fault::id(&request.route_table_id)?,
        })
        .await?;
    Ok(ReplaceRouteTableAssociationResult {
        new_association_id: Some(id.to_string()),
        association_state: associated_state(),
    })
}
