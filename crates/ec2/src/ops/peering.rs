//! Peerings of networks: asked for, accepted, rejected, deleted, described, and what their sides allow.

use api::{Access, Fault};
use base::Timestamp;
use wire::{List, Shape};

use super::fault;
use super::page::{Asked, Listed};
use super::reach::{on_new, on_target, operations};
use super::shape::{
    Filter, Tag, TagSpecification, Unsupported, is_filter, of_tags, shown, tags_for,
};
use crate::engine::filter::Subject;
use crate::engine::network::peering::{
    CreatePeering, MovePeering, NewOptions, Options, Peering, SetOptions, Side, Stage, Step,
};
use crate::engine::network::{PeeringId, ResourceId};
use crate::instances::new_draw;
use crate::{Instances, Place};

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateVpcPeeringConnectionRequest {
    peer_region: Option<String>,
    #[shape(query = "TagSpecification", item = "item")]
    tag_specifications: Vec<TagSpecification>,
    #[shape(refused)]
    requester_peering_connection_options: Option<Unsupported>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "vpcId", required)]
    vpc_id: String,
    #[shape(query = "peerVpcId")]
    peer_vpc_id: Option<String>,
    #[shape(query = "peerOwnerId")]
    peer_owner_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CreateVpcPeeringConnectionResult {
    #[shape(query = "vpcPeeringConnection")]
    vpc_peering_connection: Option<VpcPeeringConnection>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AcceptVpcPeeringConnectionRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "vpcPeeringConnectionId", required)]
    vpc_peering_connection_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct AcceptVpcPeeringConnectionResult {
    #[shape(query = "vpcPeeringConnection")]
    vpc_peering_connection: Option<VpcPeeringConnection>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RejectVpcPeeringConnectionRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "vpcPeeringConnectionId", required)]
    vpc_peering_connection_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct RejectVpcPeeringConnectionResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteVpcPeeringConnectionRequest {
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "vpcPeeringConnectionId", required)]
    vpc_peering_connection_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DeleteVpcPeeringConnectionResult {
    #[shape(query = "return")]
    r#return: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeVpcPeeringConnectionsRequest {
    next_token: Option<String>,
    max_results: Option<i32>,
    #[shape(query = "dryRun")]
    dry_run: Option<bool>,
    #[shape(query = "VpcPeeringConnectionId", item = "item")]
    vpc_peering_connection_ids: Vec<String>,
    #[shape(query = "Filter", item = "Filter")]
    filters: Vec<Filter>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct DescribeVpcPeeringConnectionsResult {
    #[shape(query = "vpcPeeringConnectionSet", item = "item")]
    vpc_peering_connections: List<VpcPeeringConnection>,
    #[shape(query = "nextToken")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ModifyVpcPeeringConnectionOptionsRequest {
    accepter_peering_connection_options: Option<PeeringConnectionOptionsRequest>,
    dry_run: Option<bool>,
    requester_peering_connection_options: Option<PeeringConnectionOptionsRequest>,
    #[shape(required)]
    vpc_peering_connection_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct ModifyVpcPeeringConnectionOptionsResult {
    #[shape(query = "accepterPeeringConnectionOptions")]
    accepter_peering_connection_options: Option<PeeringConnectionOptions>,
    #[shape(query = "requesterPeeringConnectionOptions")]
    requester_peering_connection_options: Option<PeeringConnectionOptions>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PeeringConnectionOptionsRequest {
    allow_dns_resolution_from_remote_vpc: Option<bool>,
    allow_egress_from_local_classic_link_to_remote_vpc: Option<bool>,
    allow_egress_from_local_vpc_to_remote_classic_link: Option<bool>,
    #[shape(refused)]
    allow_multipath_resilience: Option<bool>,
    #[shape(refused)]
    multipath_resilience_mode: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct PeeringConnectionOptions {
    #[shape(query = "allowDnsResolutionFromRemoteVpc")]
    allow_dns_resolution_from_remote_vpc: Option<bool>,
    #[shape(query = "allowEgressFromLocalClassicLinkToRemoteVpc")]
    allow_egress_from_local_classic_link_to_remote_vpc: Option<bool>,
    #[shape(query = "allowEgressFromLocalVpcToRemoteClassicLink")]
    allow_egress_from_local_vpc_to_remote_classic_link: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct VpcPeeringConnection {
    #[shape(query = "accepterVpcInfo")]
    accepter_vpc_info: Option<VpcPeeringConnectionVpcInfo>,
    #[shape(query = "expirationTime")]
    expiration_time: Option<Timestamp>,
    #[shape(query = "requesterVpcInfo")]
    requester_vpc_info: Option<VpcPeeringConnectionVpcInfo>,
    #[shape(query = "status")]
    status: Option<VpcPeeringConnectionStateReason>,
    #[shape(query = "tagSet", item = "item")]
    tags: Vec<Tag>,
    #[shape(query = "vpcPeeringConnectionId")]
    vpc_peering_connection_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct VpcPeeringConnectionVpcInfo {
    #[shape(query = "cidrBlock")]
    cidr_block: Option<String>,
    #[shape(query = "cidrBlockSet", item = "item")]
    cidr_block_set: List<CidrBlock>,
    #[shape(query = "ownerId")]
    owner_id: Option<String>,
    #[shape(query = "peeringOptions")]
    peering_options: Option<VpcPeeringConnectionOptionsDescription>,
    #[shape(query = "vpcId")]
    vpc_id: Option<String>,
    #[shape(query = "region")]
    region: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct CidrBlock {
    #[shape(query = "cidrBlock")]
    cidr_block: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct VpcPeeringConnectionOptionsDescription {
    #[shape(query = "allowDnsResolutionFromRemoteVpc")]
    allow_dns_resolution_from_remote_vpc: Option<bool>,
    #[shape(query = "allowEgressFromLocalClassicLinkToRemoteVpc")]
    allow_egress_from_local_classic_link_to_remote_vpc: Option<bool>,
    #[shape(query = "allowEgressFromLocalVpcToRemoteClassicLink")]
    allow_egress_from_local_vpc_to_remote_classic_link: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Shape)]
pub(super) struct VpcPeeringConnectionStateReason {
    #[shape(query = "code")]
    code: Option<String>,
    #[shape(query = "message")]
    message: Option<String>,
}

operations! {
    CreateVpcPeeringConnectionRequest: "ec2:CreateVpcPeeringConnection", CreateVpcPeeringConnectionResult, create on new;
    AcceptVpcPeeringConnectionRequest: "ec2:AcceptVpcPeeringConnection", AcceptVpcPeeringConnectionResult, accept on accepted;
    RejectVpcPeeringConnectionRequest: "ec2:RejectVpcPeeringConnection", RejectVpcPeeringConnectionResult, reject on rejected;
    DeleteVpcPeeringConnectionRequest: "ec2:DeleteVpcPeeringConnection", DeleteVpcPeeringConnectionResult, delete on deleted;
    DescribeVpcPeeringConnectionsRequest: "ec2:DescribeVpcPeeringConnections", DescribeVpcPeeringConnectionsResult, describe;
    ModifyVpcPeeringConnectionOptionsRequest: "ec2:ModifyVpcPeeringConnectionOptions", ModifyVpcPeeringConnectionOptionsResult, modify on modified;
}

/// What a state means. Source: VPC Peering Guide, lifecycle, and what EC2 answers.
fn message(peering: &Peering) -> String {
    match peering.stage {
        Stage::PendingAcceptance => format!("Pending Acceptance by {}", peering.accepter.owner),
        Stage::Active => "Active".to_owned(),
        Stage::Failed => {
            "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range".to_owned()
        }
        Stage::Rejected => format!("Rejected by {}", peering.accepter.owner),
        Stage::Expired => format!(
            "Expired: not accepted by {} in 7 days",
            peering.accepter.owner
        ),
        Stage::Deleted => format!("Deleted by {}", peering.requester.owner),
    }
}

impl VpcPeeringConnection {
    fn of(peering: &Peering, place: &Place) -> Self {
        let is_pending = peering.stage == Stage::PendingAcceptance;
        Self {
            accepter_vpc_info: Some(VpcPeeringConnectionVpcInfo::of(
                &peering.accepter,
                peering,
                place,
            )),
            expiration_time: is_pending.then_some(peering.until),
            requester_vpc_info: Some(VpcPeeringConnectionVpcInfo::of(
                &peering.requester,
                peering,
                place,
            )),
            status: Some(VpcPeeringConnectionStateReason {
                code: Some(peering.stage.name().to_owned()),
                message: Some(message(peering)),
            }),
            tags: shown(&peering.tags),
            vpc_peering_connection_id: Some(peering.id.to_string()),
        }
    }
}

impl VpcPeeringConnectionVpcInfo {
    fn of(side: &Side, peering: &Peering, place: &Place) -> Self {
        let range = side.range.map(|range| range.to_string());
        let options = VpcPeeringConnectionOptionsDescription {
            allow_dns_resolution_from_remote_vpc: Some(side.options.has_dns),
            allow_egress_from_local_classic_link_to_remote_vpc: Some(side.options.lets_links_out),
            allow_egress_from_local_vpc_to_remote_classic_link: Some(side.options.reaches_links),
        };
        let block = |cidr_block| CidrBlock {
            cidr_block: Some(cidr_block),
        };
        Self {
            cidr_block: range.clone(),
            cidr_block_set: range.into_iter().map(block).collect(),
            owner_id: Some(side.owner.clone()),
            peering_options: (peering.stage == Stage::Active).then_some(options),
            vpc_id: Some(side.vpc.clone()),
            region: Some(place.region.to_string()),
        }
    }
}

impl From<Options> for PeeringConnectionOptions {
    fn from(options: Options) -> Self {
        Self {
            allow_dns_resolution_from_remote_vpc: Some(options.has_dns),
            allow_egress_from_local_classic_link_to_remote_vpc: Some(options.lets_links_out),
            allow_egress_from_local_vpc_to_remote_classic_link: Some(options.reaches_links),
        }
    }
}

impl From<&PeeringConnectionOptionsRequest> for NewOptions {
    fn from(request: &PeeringConnectionOptionsRequest) -> Self {
        Self {
            dns: request.allow_dns_resolution_from_remote_vpc,
            links_out: request.allow_egress_from_local_classic_link_to_remote_vpc,
            to_links: request.allow_egress_from_local_vpc_to_remote_classic_link,
        }
    }
}

/// Filters for what peerings here have.
const OWN: &[&str] = &[
    "accepter-vpc-info.cidr-block",
    "accepter-vpc-info.owner-id",
    "accepter-vpc-info.vpc-id",
    "expiration-time",
    "requester-vpc-info.cidr-block",
    "requester-vpc-info.owner-id",
    "requester-vpc-info.vpc-id",
    "status-code",
    "status-message",
    "vpc-peering-connection-id",
];

impl Subject for VpcPeeringConnection {
    fn knows(name: &str) -> bool {
        is_filter(name, OWN, &[])
    }

    fn values(&self, name: &str) -> Vec<String> {
        if let Some(found) = of_tags(&self.tags, name) {
            return found;
        }
        let side = |about: &str, side: &Option<VpcPeeringConnectionVpcInfo>| {
            let side = side.as_ref()?;
            match about {
                "cidr-block" => side.cidr_block.clone(),
                "owner-id" => side.owner_id.clone(),
                _ => side.vpc_id.clone(),
            }
        };
        let status = self.status.as_ref();
        let found = match name.split_once("-vpc-info.") {
            Some(("accepter", about)) => side(about, &self.accepter_vpc_info),
            Some((_, about)) => side(about, &self.requester_vpc_info),
            None => match name {
                "expiration-time" => self.expiration_time.map(|at| at.rfc3339()),
                "status-code" => status.and_then(|it| it.code.clone()),
                "status-message" => status.and_then(|it| it.message.clone()),
                _ => self.vpc_peering_connection_id.clone(),
            },
        };
        found.into_iter().collect()
    }
}

impl Listed for VpcPeeringConnection {
    type Id = PeeringId;

    fn id(&self) -> Option<&String> {
        self.vpc_peering_connection_id.as_ref()
    }
}

fn new(request: &CreateVpcPeeringConnectionRequest, instances: &Instances) -> Vec<Access> {
    let action = "ec2:CreateVpcPeeringConnection";
    let place = instances.place();
    let arn = |vpc: &str| place.arn(&format!("vpc/{vpc}")).to_string();
    let peer = request.peer_vpc_id.as_deref().unwrap_or_default();
    let mut all = on_new(
        instances,
        action,
        PeeringId::KIND,
        &request.tag_specifications,
    );
    for access in &mut all {
        access.context.set("ec2:RequesterVpc", arn(&request.vpc_id));
        access.context.set("ec2:AccepterVpc", arn(peer));
    }
    all.push(on_target(instances, action, &request.vpc_id));
    all
}

async fn create(
    request: CreateVpcPeeringConnectionRequest,
    instances: &Instances,
) -> Result<CreateVpcPeeringConnectionResult, Fault> {
    let place = instances.place();
    let owner = place.account.to_string();
    let region = request.peer_region.as_deref();
    let peer = request
        .peer_vpc_id
        .ok_or_else(|| fault::missing("peerVpcId"))?;
    fault::id::<crate::engine::network::VpcId>(&peer)?;
    let made = instances
        .change(CreatePeering {
            draw: new_draw(),
            vpc: fault::id(&request.vpc_id)?,
            peer,
            peer_owner: request.peer_owner_id.unwrap_or_else(|| owner.clone()),
            owner,
            is_elsewhere: region.is_some_and(|region| region != place.region.to_string()),
            tags: tags_for(PeeringId::KIND, &request.tag_specifications)?,
        })
        .await?;
    Ok(CreateVpcPeeringConnectionResult {
        vpc_peering_connection: Some(VpcPeeringConnection::of(&made, place)),
    })
}

/// `action` on a peering, and on the network of ours that accepts it.
fn accepted(request: &AcceptVpcPeeringConnectionRequest, instances: &Instances) -> Vec<Access> {
    let action = "ec2:AcceptVpcPeeringConnection";
    let id = request.vpc_peering_connection_id.as_str();
    let accepter = instances.networks(|networks| {
        let peering = id
            .parse()
            .ok()
            .and_then(|id| networks.peerings.get(&id).ok());
        peering.map(|peering| peering.accepter.vpc.clone())
    });
    let all = std::iter::once(id.to_owned()).chain(accepter);
    all.map(|id| on_target(instances, action, &id)).collect()
}

async fn step(instances: &Instances, id: &str, step: Step) -> Result<VpcPeeringConnection, Fault> {
    let id = fault::id(id)?;
    let moved = instances.change(MovePeering { id, step }).await?;
    Ok(VpcPeeringConnection::of(&moved, instances.place()))
}

async fn accept(
    request: AcceptVpcPeeringConnectionRequest,
    instances: &Instances,
) -> Result<AcceptVpcPeeringConnectionResult, Fault> {
    let moved = step(instances, &request.vpc_peering_connection_id, Step::Accept).await?;
    Ok(AcceptVpcPeeringConnectionResult {
        vpc_peering_connection: Some(moved),
    })
}

fn rejected(request: &RejectVpcPeeringConnectionRequest, instances: &Instances) -> Vec<Access> {
    let id = &request.vpc_peering_connection_id;
    vec![on_target(instances, "ec2:RejectVpcPeeringConnection", id)]
}

async fn reject(
    request: RejectVpcPeeringConnectionRequest,
    instances: &Instances,
) -> Result<RejectVpcPeeringConnectionResult, Fault> {
    step(instances, &request.vpc_peering_connection_id, Step::Reject).await?;
    Ok(RejectVpcPeeringConnectionResult {
        r#return: Some(true),
    })
}

fn deleted(request: &DeleteVpcPeeringConnectionRequest, instances: &Instances) -> Vec<Access> {
    let id = &request.vpc_peering_connection_id;
    vec![on_target(instances, "ec2:DeleteVpcPeeringConnection", id)]
}

async fn delete(
    request: DeleteVpcPeeringConnectionRequest,
    instances: &Instances,
) -> Result<DeleteVpcPeeringConnectionResult, Fault> {
    step(instances, &request.vpc_peering_connection_id, Step::Delete).await?;
    Ok(DeleteVpcPeeringConnectionResult {
        r#return: Some(true),
    })
}

async fn describe(
    request: DescribeVpcPeeringConnectionsRequest,
    instances: &Instances,
) -> Result<DescribeVpcPeeringConnectionsResult, Fault> {
    let place = instances.place();
    let all = instances.networks(|networks| {
        let all = networks.peerings.iter();
        all.map(|it| VpcPeeringConnection::of(it, place)).collect()
    });
    let page = Asked {
        ids: &request.vpc_peering_connection_ids,
        filters: &request.filters,
        max: request.max_results,
        token: request.next_token.as_ref(),
    }
    .of(all)?;
    Ok(DescribeVpcPeeringConnectionsResult {
        vpc_peering_connections: List(page.items),
        next_token: page.next_token,
    })
}

fn modified(
    request: &ModifyVpcPeeringConnectionOptionsRequest,
    instances: &Instances,
) -> Vec<Access> {
    let id = &request.vpc_peering_connection_id;
    vec![on_target(
        instances,
        "ec2:ModifyVpcPeeringConnectionOptions",
        id,
    )]
}

async fn modify(
    request: ModifyVpcPeeringConnectionOptionsRequest,
    instances: &Instances,
) -> Result<ModifyVpcPeeringConnectionOptionsResult, Fault> {
    let requester = request.requester_peering_connection_options.as_ref();
    let accepter = request.accepter_peering_connection_options.as_ref();
    if requester.is_none() && accepter.is_none() {
        return Err(fault::missing(
            "requesterPeeringConnectionOptions or accepterPeeringConnectionOptions",
        ));
    }
    let after = instances
        .change(SetOptions {
            id: fault::id(&request.vpc_peering_connection_id)?,
            requester: requester.map(Into::into),
            accepter: accepter.map(Into::into),
        })
        .await?;
    Ok(ModifyVpcPeeringConnectionOptionsResult {
        accepter_peering_connection_options: accepter.map(|_| after.accepter.options.into()),
        requester_peering_connection_options: requester.map(|_| after.requester.options.into()),
    })
}
