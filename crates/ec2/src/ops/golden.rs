//! Requests and answers on the wire against what others write: `scripts/ec2-golden.py` says who.

use std::collections::BTreeSet;

use api::Act;
use wire::{Envelope, Protocol, Shape};

use super::{
    FACTS, account, attribute, classic_link, instance, lifecycle, monitoring, network_acl,
    network_interface, peering, place, route, route_table, run, security_group,
    security_group_rule, security_group_traffic, status, subnet, tags, types, vpc,
};
use crate::Instances;

const TEXT: &str = include_str!("../../models/golden-ec2-2016-11-15.txt");

/// What is on the wire for one operation: its name, request as JSON and as sent, answer as JSON and as sent.
pub(super) type Row = [&'static str; 5];

pub(super) fn rows() -> Vec<Row> {
    let lines: Vec<_> = TEXT.lines().filter(|line| !line.starts_with('#')).collect();
    lines.chunks(5).map(|row| row.try_into().unwrap()).collect()
}

/// An element with what is in it. The order of elements with different names has no meaning.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Element {
    name: String,
    text: String,
    inner: Vec<Element>,
}

/// Reads elements until the end of the one around them.
fn elements(rest: &mut &str) -> (Vec<Element>, String) {
    let (mut all, mut text) = (Vec::new(), String::new());
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let end = rest.find('>').unwrap();
        let tag = rest[at + 1..end].to_owned();
        *rest = &rest[end + 1..];
        if tag.starts_with('/') {
            break;
        }
        let (inner, text) = elements(rest);
        let name = tag.split(' ').next().unwrap().to_owned();
        all.push(Element { name, text, inner });
    }
    // Of one name they keep their order.
    all.sort_by(|a, b| a.name.cmp(&b.name));
    (all, text)
}

fn tree(xml: &str) -> Vec<Element> {
    // A quotation mark need not be escaped in a text, and may be.
    let xml = xml.replace("&quot;", "\"");
    elements(&mut xml.as_str()).0
}

/// The form is read as the request, and the answer is written as the XML.
fn check<R: Act<Instances>>(rows: &[Row], seen: &mut BTreeSet<&'static str>) {
    let name = R::ACTION.split_once(':').unwrap().1;
    let row = rows.iter().find(|row| row[0] == name).unwrap();
    let [_, request_json, form, answer_json, xml] = row;
    let read: R = wire::decode_request(Protocol::Ec2Query, form.as_bytes()).unwrap();
    let meant: R = wire::decode_request(Protocol::Json11, request_json.as_bytes()).unwrap();
    assert_eq!(json(&read), json(&meant), "{name}");
    assert_ne!(json(&read), "{}", "{name}");
    let answer: R::Output =
        wire::decode_response(Protocol::Json11, answer_json.as_bytes()).unwrap();
    let envelope = Envelope {
        operation: name,
        request_id: "REQUEST",
        version: "2016-11-15",
        xml_namespace: FACTS.xml_namespace,
    };
    let written = wire::encode_response(Protocol::Ec2Query, &answer, &envelope);
    let written = String::from_utf8(written).unwrap();
    let written = written.split_once("?>").unwrap().1;
    let mut expected = tree(xml);
    if !R::Output::SCHEMA.is_output() {
        // moto leaves it out where the model has no output; EC2 does not.
        expected[0].inner.push(Element {
            name: "return".to_owned(),
            text: "true".to_owned(),
            inner: Vec::new(),
        });
    }
    assert_eq!(tree(written), expected, "{name}");
    seen.insert(name);
}

fn json(shape: &impl Shape) -> String {
    let envelope = Envelope {
        operation: "",
        request_id: "",
        version: "",
        xml_namespace: "",
    };
    let bytes = wire::encode_request(Protocol::Json11, shape, &envelope);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn requests_and_answers_are_what_others_read_and_write() {
    let rows = rows();
    let mut seen = BTreeSet::new();
    macro_rules! each {
        ($($request:path),+ $(,)?) => { $(check::<$request>(&rows, &mut seen);)+ };
    }
    each!(
        peering::AcceptVpcPeeringConnectionRequest,
        route_table::AssociateRouteTableRequest,
        classic_link::AttachClassicLinkVpcRequest,
        security_group_traffic::AuthorizeSecurityGroupEgressRequest,
        security_group_traffic::AuthorizeSecurityGroupIngressRequest,
        route::CreateRouteRequest,
        route_table::CreateRouteTableRequest,
        security_group::CreateSecurityGroupRequest,
        subnet::CreateSubnetRequest,
        tags::CreateTagsRequest,
        peering::CreateVpcPeeringConnectionRequest,
        vpc::CreateVpcRequest,
        route::DeleteRouteRequest,
        route_table::DeleteRouteTableRequest,
        security_group::DeleteSecurityGroupRequest,
        subnet::DeleteSubnetRequest,
        tags::DeleteTagsRequest,
        peering::DeleteVpcPeeringConnectionRequest,
        vpc::DeleteVpcRequest,
        account::DescribeAccountAttributesRequest,
        place::DescribeAvailabilityZonesRequest,
        classic_link::DescribeClassicLinkInstancesRequest,
        attribute::DescribeInstanceAttributeRequest,
        status::DescribeInstanceStatusRequest,
        types::DescribeInstanceTypesRequest,
        instance::DescribeInstancesRequest,
        network_acl::DescribeNetworkAclsRequest,
        network_interface::DescribeNetworkInterfacesRequest,
        place::DescribeRegionsRequest,
        route_table::DescribeRouteTablesRequest,
        security_group_rule::DescribeSecurityGroupRulesRequest,
        security_group::DescribeSecurityGroupsRequest,
        subnet::DescribeSubnetsRequest,
        tags::DescribeTagsRequest,
        vpc::DescribeVpcAttributeRequest,
        classic_link::DescribeVpcClassicLinkDnsSupportRequest,
        classic_link::DescribeVpcClassicLinkRequest,
        peering::DescribeVpcPeeringConnectionsRequest,
        vpc::DescribeVpcsRequest,
        classic_link::DetachClassicLinkVpcRequest,
        classic_link::DisableVpcClassicLinkDnsSupportRequest,
        classic_link::DisableVpcClassicLinkRequest,
        route_table::DisassociateRouteTableRequest,
        classic_link::EnableVpcClassicLinkDnsSupportRequest,
        classic_link::EnableVpcClassicLinkRequest,
        attribute::ModifyInstanceAttributeRequest,
        security_group_rule::ModifySecurityGroupRulesRequest,
        subnet::ModifySubnetAttributeRequest,
        vpc::ModifyVpcAttributeRequest,
        peering::ModifyVpcPeeringConnectionOptionsRequest,
        monitoring::MonitorInstancesRequest,
        lifecycle::RebootInstancesRequest,
        peering::RejectVpcPeeringConnectionRequest,
        route::ReplaceRouteRequest,
        route_table::ReplaceRouteTableAssociationRequest,
        security_group_traffic::RevokeSecurityGroupEgressRequest,
        security_group_traffic::RevokeSecurityGroupIngressRequest,
        run::RunInstancesRequest,
        lifecycle::StartInstancesRequest,
        lifecycle::StopInstancesRequest,
        lifecycle::TerminateInstancesRequest,
        monitoring::UnmonitorInstancesRequest,
        security_group_rule::UpdateSecurityGroupRuleDescriptionsEgressRequest,
        security_group_rule::UpdateSecurityGroupRuleDescriptionsIngressRequest,
    );
    assert_eq!(seen.len(), super::OPERATIONS.len());
    assert_eq!(seen.len(), rows.len());
}

#[test]
fn what_is_refused_is_noticed_in_a_form_by_what_lies_in_it() {
    let run = "Action=RunInstances&Version=2016-11-15&MinCount=1&MaxCount=1";
    let read = |more: &str| {
        let form = format!("{run}&{more}");
        wire::decode_request::<run::RunInstancesRequest>(Protocol::Ec2Query, form.as_bytes())
    };
    for more in [
        "LaunchTemplate.LaunchTemplateId=lt-1",
        "SecurityGroup.1=web",
        "IamInstanceProfile.Name=p",
        "NetworkInterface.1.DeviceIndex=0",
        "PrivateIpAddress=10.0.0.7",
        "CpuOptions.CoreCount=2",
        "InstanceMarketOptions.MarketType=spot",
    ] {
        let refused = read(more).unwrap_err().to_string();
        assert!(refused.contains("not support"), "{more}: {refused}");
    }
    assert!(
        read("BlockDeviceMapping.1.Ebs.VolumeSize=8&MetadataOptions.HttpTokens=required").is_ok()
    );
}
