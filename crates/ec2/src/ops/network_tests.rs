//! Calls about networks: what they touch, what they refuse, and in which pages they answer.

use serde_json::{Value, json};

use super::testing::Bench;

const OWN: &str = "arn:aws:ec2:ap-northeast-1:123456789012";

impl Bench {
    async fn made(&self, operation: &str, input: Value, path: &str) -> String {
        let answer = self.ok(operation, input).await;
        answer.pointer(path).unwrap().as_str().unwrap().to_owned()
    }

    async fn vpc(&self, range: &str) -> String {
        self.made("CreateVpc", json!({ "CidrBlock": range }), "/Vpc/VpcId")
            .await
    }

    async fn group(&self, vpc: &str, name: &str) -> String {
        let input = json!({ "GroupName": name, "Description": "for a test", "VpcId": vpc });
        self.made("CreateSecurityGroup", input, "/GroupId").await
    }

    /// Action and resource of all that a call touches.
    fn touched(&self, operation: &str, input: &Value) -> Vec<(String, String)> {
        let all = self.access(operation, input).into_iter();
        all.map(|it| {
            let resource = it.resource.to_string();
            let resource = resource.strip_prefix(OWN).unwrap().trim_start_matches(':');
            (it.action.to_owned(), resource.to_owned())
        })
        .collect()
    }
}

/// Keys of a context in any case, with their values.
fn context(access: &api::Access) -> String {
    format!("{:?}", access.context).to_lowercase()
}

#[tokio::test]
async fn what_is_made_with_tags_is_tagged_by_leave() {
    let bench = Bench::new().await;
    let vpc = bench.vpc("172.16.0.0/16").await;
    let tags =
        |kind: &str| json!([{ "ResourceType": kind, "Tags": [{ "Key": "team", "Value": "ads" }] }]);
    let subnet = json!({ "VpcId": vpc, "CidrBlock": "172.16.1.0/24" });
    let action = "ec2:CreateSubnet".to_owned();
    let own = (action.clone(), format!("vpc/{vpc}"));
    let made = (action, "subnet/*".to_owned());
    assert_eq!(
        bench.touched("CreateSubnet", &subnet),
        [made.clone(), own.clone()]
    );
    let mut tagged = subnet;
    tagged["TagSpecifications"] = tags("subnet");
    let tag = ("ec2:CreateTags".to_owned(), "subnet/*".to_owned());
    assert_eq!(bench.touched("CreateSubnet", &tagged), [made, tag, own]);
    let create = context(&bench.access("CreateSubnet", &tagged)[1]);
    for part in [
        "ec2:createaction",
        "createsubnet",
        "aws:requesttag/team",
        "ads",
    ] {
        assert!(create.contains(part), "{part}: {create}");
    }
    tagged["TagSpecifications"] = tags("vpc");
    let fault = bench.fault("CreateSubnet", tagged).await;
    assert_eq!(fault.0, "InvalidParameterValue");
}

#[tokio::test]
async fn a_resource_is_touched_with_its_tags_and_its_network() {
    let bench = Bench::new().await;
    let vpc = bench.vpc("172.16.0.0/16").await;
    let group = bench.group(&vpc, "web").await;
    let tags = json!([{ "Key": "team", "Value": "ads" }]);
    let input = json!({ "Resources": [group], "Tags": tags });
    bench.ok("CreateTags", input.clone()).await;
    let tag = &bench.access("CreateTags", &input)[0];
    assert_eq!(
        tag.resource.to_string(),
        format!("{OWN}:security-group/{group}")
    );
    let delete = &bench.access("DeleteSecurityGroup", &json!({ "GroupId": group }))[0];
    for (key, expected) in [
        ("aws:ResourceTag/team", "ads"),
        ("ec2:ResourceTag/team", "ads"),
        ("ec2:Vpc", &format!("{OWN}:vpc/{vpc}")),
        ("ec2:SecurityGroupID", &group),
    ] {
        let own = context(delete);
        let is_there = own.contains(&key.to_lowercase()) && own.contains(expected);
        assert!(is_there, "{key}: {own}");
    }
    let link = json!({ "InstanceId": "i-1a2b3c4d", "VpcId": vpc, "Groups": [group] });
    let touched = bench.touched("AttachClassicLinkVpc", &link);
    let action = "ec2:AttachClassicLinkVpc".to_owned();
    let on = |resource: &str, id: &str| (action.clone(), format!("{resource}/{id}"));
    let expected = [
        on("instance", "i-1a2b3c4d"),
        on("vpc", &vpc),
        on("security-group", &group),
    ];
    assert_eq!(touched, expected);
    let run = json!({ "MinCount": 1, "MaxCount": 1, "SubnetId": "subnet-1a2b3c4d" });
    let action = "ec2:RunInstances".to_owned();
    let expected = [
        (action.clone(), "instance/*".to_owned()),
        (action, "subnet/subnet-1a2b3c4d".to_owned()),
    ];
    assert_eq!(bench.touched("RunInstances", &run), expected);
}

#[tokio::test]
async fn ids_that_are_out_of_form_or_of_nothing_have_codes_of_their_own() {
    let bench = Bench::new().await;
    for (operation, member, prefix, malformed, missing) in [
        (
            "DescribeVpcs",
            "VpcIds",
            "vpc-",
            "InvalidVpcID.Malformed",
            "InvalidVpcID.NotFound",
        ),
        (
            "DescribeSubnets",
            "SubnetIds",
            "subnet-",
            "InvalidSubnetID.Malformed",
            "InvalidSubnetID.NotFound",
        ),
        (
            "DescribeSecurityGroups",
            "GroupIds",
            "sg-",
            "InvalidGroupId.Malformed",
            "InvalidGroup.NotFound",
        ),
        (
            "DescribeRouteTables",
            "RouteTableIds",
            "rtb-",
            "InvalidRouteTableId.Malformed",
            "InvalidRouteTableID.NotFound",
        ),
        (
            "DescribeVpcPeeringConnections",
            "VpcPeeringConnectionIds",
            "pcx-",
            "InvalidVpcPeeringConnectionId.Malformed",
            "InvalidVpcPeeringConnectionID.NotFound",
        ),
        (
            "DescribeNetworkInterfaces",
            "NetworkInterfaceIds",
            "eni-",
            "InvalidNetworkInterfaceId.Malformed",
            "InvalidNetworkInterfaceID.NotFound",
        ),
    ] {
        let ask = async |id: String| {
            let (code, _) = bench.fault(operation, json!({ member: [id] })).await;
            code
        };
        assert_eq!(ask(format!("{prefix}1")).await, malformed);
        assert_eq!(ask(format!("{prefix}1a2b3c4d")).await, missing);
        let filters = json!({ "Filters": [{ "Name": "no-such", "Values": ["a"] }] });
        let (code, text) = bench.fault(operation, filters).await;
        assert_eq!(
            (code, text.as_str()),
            ("InvalidParameterValue", "The filter 'no-such' is invalid")
        );
    }
}

#[tokio::test]
async fn what_is_found_comes_in_pages() {
    let bench = Bench::new().await;
    let vpc = bench.vpc("172.16.0.0/16").await;
    let mut groups = Vec::new();
    for n in 0..12 {
        groups.push(bench.group(&vpc, &format!("g{n}")).await);
    }
    groups.sort();
    let name = json!([{ "Name": "group-name", "Values": ["g*"] }]);
    let (mut found, mut token) = (Vec::new(), Value::Null);
    loop {
        let mut input = json!({ "Filters": name, "MaxResults": 5 });
        if token.is_string() {
            input["NextToken"] = token;
        }
        let page = bench.ok("DescribeSecurityGroups", input).await;
        let shown = page["SecurityGroups"].as_array().unwrap().iter();
        found.extend(shown.map(|it| it["GroupId"].as_str().unwrap().to_owned()));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(found, groups);
}

#[tokio::test]
async fn what_is_not_here_is_refused_and_not_dropped() {
    let bench = Bench::new().await;
    let vpc = bench.vpc("172.16.0.0/16").await;
    let group = bench.group(&vpc, "web").await;
    let permission = |more: Value| {
        let mut permission = json!({ "IpProtocol": "tcp", "FromPort": 1, "ToPort": 1 });
        permission
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "GroupId": group, "IpPermissions": [permission] })
    };
    let lists = permission(json!({ "PrefixListIds": [{ "PrefixListId": "pl-1" }] }));
    for (operation, input, code) in [
        (
            "AuthorizeSecurityGroupIngress",
            lists,
            "UnsupportedOperation",
        ),
        (
            "AuthorizeSecurityGroupIngress",
            permission(json!({})),
            "MissingParameter",
        ),
        (
            "AuthorizeSecurityGroupIngress",
            permission(json!({ "IpRanges": [{ "CidrIp": "here" }] })),
            "InvalidParameterValue",
        ),
        (
            "AuthorizeSecurityGroupIngress",
            permission(json!({ "UserIdGroupPairs": [{ "GroupName": "web" }] })),
            "MissingParameter",
        ),
        (
            "AuthorizeSecurityGroupIngress",
            json!({ "GroupId": group }),
            "MissingParameter",
        ),
        (
            "CreateVpc",
            json!({ "CidrBlock": "10.0.0.0/16", "InstanceTenancy": "dedicated" }),
            "InvalidParameterValue",
        ),
        (
            "CreateVpc",
            json!({ "CidrBlock": "10.0.0.0/16", "AmazonProvidedIpv6CidrBlock": true }),
            "UnsupportedOperation",
        ),
        (
            "ModifyVpcAttribute",
            json!({ "VpcId": vpc, "EnableDnsSupport": { "Value": true }, "EnableDnsHostnames": { "Value": true } }),
            "InvalidParameterCombination",
        ),
        (
            "DescribeAccountAttributes",
            json!({ "AttributeNames": ["no-such"] }),
            "InvalidParameterValue",
        ),
    ] {
        let (own, text) = bench.fault(operation, input).await;
        assert_eq!(own, code, "{operation}: {text}");
    }
    let gateway = json!({ "RouteTableId": "rtb-1a2b3c4d", "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1" });
    assert!(!bench.is_read("CreateRoute", &gateway));
}
