"""Private networks by boto3 and by aws-cli: VPCs, subnets, security groups, routes, peerings and ClassicLink. What is expected stands in
the EC2 API Reference, the VPC User Guide and the last guide to ClassicLink (EC2 User Guide for Linux, 2022).
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from watching import Agent, by_name, new_token, refused, tags, unique, until

AWS = str(pathlib.Path(sys.executable).parent / "aws")


@pytest.fixture(scope="module")
def ec2(server):
    return server.client("ec2")


@pytest.fixture
def network(ec2):
    """Makes networks, and takes away what is left of them."""
    made = []

    def make(cidr="172.16.0.0/16", **more):
        vpc = ec2.create_vpc(CidrBlock=cidr, **more)["Vpc"]["VpcId"]
        made.append(vpc)
        return vpc

    yield make
    for vpc in made:
        destroy(ec2, vpc)


def of(vpc):
    return [{"Name": "vpc-id", "Values": [vpc]}]


def destroy(ec2, vpc):
    """All of a network that is there, in the order in which it may go."""
    if not ec2.describe_vpcs(Filters=of(vpc))["Vpcs"]:
        return
    for link in ec2.describe_classic_link_instances(Filters=of(vpc))["Instances"]:
        ec2.detach_classic_link_vpc(InstanceId=link["InstanceId"], VpcId=vpc)
    instances = ec2.describe_instances(Filters=of(vpc))["Reservations"]
    left = [instance["InstanceId"] for one in instances for instance in one["Instances"]]
    if left:
        ec2.terminate_instances(InstanceIds=left)
    for pcx in ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]:
        sides = (pcx["RequesterVpcInfo"]["VpcId"], pcx["AccepterVpcInfo"]["VpcId"])
        if vpc in sides and pcx["Status"]["Code"] in ("active", "pending-acceptance"):
            ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx["VpcPeeringConnectionId"])
    for table in ec2.describe_route_tables(Filters=of(vpc))["RouteTables"]:
        for held in table["Associations"]:
            if not held["Main"]:
                ec2.disassociate_route_table(AssociationId=held["RouteTableAssociationId"])
        if not any(held["Main"] for held in table["Associations"]):
            ec2.delete_route_table(RouteTableId=table["RouteTableId"])
    for subnet in ec2.describe_subnets(Filters=of(vpc))["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    groups = [group for group in ec2.describe_security_groups(Filters=of(vpc))["SecurityGroups"] if group["GroupName"] != "default"]
    for group in groups:
        if group["IpPermissions"]:
            ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    for group in groups:
        ec2.delete_security_group(GroupId=group["GroupId"])
    ec2.delete_vpc(VpcId=vpc)


def tcp(port, **peer):
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}


def cidr(*blocks):
    return {"IpRanges": [{"CidrIp": block} for block in blocks]}


def group_of(*groups):
    return {"UserIdGroupPairs": [{"GroupId": group} for group in groups]}


def make_group(ec2, vpc, name="web"):
    return ec2.create_security_group(GroupName=name, Description="for a test", VpcId=vpc)["GroupId"]


def aws(server, *arguments, expected=0):
    """aws-cli; what it answers."""
    environment = {**os.environ, **server.environment}
    answer = subprocess.run([AWS, "ec2", *arguments, "--output", "json"], capture_output=True, text=True, env=environment, timeout=120)
    assert answer.returncode == expected, answer.stdout + answer.stderr
    return json.loads(answer.stdout) if expected == 0 and answer.stdout.strip() else answer.stderr


@pytest.fixture(scope="module")
def outside(server, ec2, tmp_path_factory):
    """A host outside that runs: an agent of this machine."""
    name = unique("outside")
    agent = Agent(server, tmp_path_factory.mktemp("outside"), name, token=new_token(server))
    found = until("a host that runs", lambda: by_name(ec2, name, "running").get(name))
    yield found["InstanceId"]
    agent.stop()


# --- Networks, subnets, groups ---


def test_a_network_is_made_with_what_every_one_has(ec2, server):
    assert [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["IsDefault"]] == []
    answer = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "本"}]}])
    vpc = answer["Vpc"]
    account = server.client("sts").get_caller_identity()["Account"]
    assert re.fullmatch(r"vpc-[0-9a-f]{17}", vpc["VpcId"])
    assert (vpc["CidrBlock"], vpc["InstanceTenancy"], vpc["IsDefault"], vpc["OwnerId"]) == ("10.0.0.0/16", "default", False, account)
    assert tags(vpc) == {"Name": "本"}
    [shown] = ec2.describe_vpcs(VpcIds=[vpc["VpcId"]])["Vpcs"]
    assert shown == vpc and shown["State"] == "available"
    [group] = ec2.describe_security_groups(Filters=of(vpc["VpcId"]))["SecurityGroups"]
    assert (group["GroupName"], group["Description"]) == ("default", "default VPC security group")
    assert group["IpPermissions"] == [
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"UserId": account, "GroupId": group["GroupId"]}], "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []}
    ]
    assert group["IpPermissionsEgress"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    [table] = ec2.describe_route_tables(Filters=[*of(vpc["VpcId"]), {"Name": "association.main", "Values": ["true"]}])["RouteTables"]
    assert [(route["DestinationCidrBlock"], route["GatewayId"], route["State"]) for route in table["Routes"]] == [("10.0.0.0/16", "local", "active")]
    [acl] = ec2.describe_network_acls(Filters=[*of(vpc["VpcId"]), {"Name": "default", "Values": ["true"]}])["NetworkAcls"]
    assert sorted((entry["Egress"], entry["RuleNumber"], entry["RuleAction"]) for entry in acl["Entries"]) == [
        (False, 100, "allow"), (False, 32767, "deny"), (True, 100, "allow"), (True, 32767, "deny")
    ]
    attribute = lambda name: ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=name)[name[0].upper() + name[1:]]["Value"]
    assert (attribute("enableDnsSupport"), attribute("enableDnsHostnames")) == (True, False)
    ec2.modify_vpc_attribute(VpcId=vpc["VpcId"], EnableDnsHostnames={"Value": True})
    assert attribute("enableDnsHostnames") is True
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc["VpcId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    ec2.delete_vpc(VpcId=vpc["VpcId"])
    refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[vpc["VpcId"]], text=f"The vpc ID '{vpc['VpcId']}' does not exist", status=400)


def test_ranges_are_as_the_guide_says(ec2, network):
    for block in ("10.0.0.0/15", "10.0.0.0/29"):
        refused("InvalidVpc.Range", ec2.create_vpc, CidrBlock=block, text=f"The CIDR '{block}' is invalid.")
    refused("InvalidParameterValue", ec2.create_vpc, CidrBlock="10.0.0.0")
    vpc = network()
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="172.16.1.0/24")["Subnet"]
    # Five addresses of a subnet are no host's.
    assert (subnet["AvailableIpAddressCount"], subnet["State"], subnet["VpcId"]) == (251, "available", vpc)
    assert subnet["SubnetArn"].endswith(f":subnet/{subnet['SubnetId']}")
    refused("InvalidSubnet.Conflict", ec2.create_subnet, VpcId=vpc, CidrBlock="172.16.1.128/25", text="The CIDR '172.16.1.128/25' conflicts with another subnet")
    refused("InvalidSubnet.Range", ec2.create_subnet, VpcId=vpc, CidrBlock="172.17.0.0/24", text="The CIDR '172.17.0.0/24' is invalid.")
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    assert ec2.describe_subnets(Filters=[{"Name": "cidr-block", "Values": ["172.16.1.*"]}, *of(vpc)])["Subnets"] == [subnet]
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    refused("InvalidSubnetID.NotFound", ec2.delete_subnet, SubnetId=subnet["SubnetId"])


def test_rules_of_a_group_come_and_go(ec2, network):
    vpc = network()
    web, app = make_group(ec2, vpc), make_group(ec2, vpc, "app")
    refused("InvalidGroup.Duplicate", make_group, ec2, vpc, text=f"The security group 'web' already exists for VPC '{vpc}'")
    shown = lambda: ec2.describe_security_groups(GroupIds=[web])["SecurityGroups"][0]
    permission = tcp(22, IpRanges=[{"CidrIp": "192.168.0.0/24", "Description": "office"}], **group_of(app))
    made = ec2.authorize_security_group_ingress(GroupId=web, IpPermissions=[permission])["SecurityGroupRules"]
    assert [(rule["IsEgress"], rule["FromPort"], rule.get("CidrIpv4"), rule.get("ReferencedGroupInfo", {}).get("GroupId")) for rule in made] == [
        (False, 22, "192.168.0.0/24", None), (False, 22, None, app)
    ]
    refused(
        "InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=web, IpPermissions=[tcp(22, **cidr("192.168.0.0/24"))],
        text='the specified rule "peer: 192.168.0.0/24, TCP, from port: 22, to port: 22, ALLOW" already exists',
    )
    [one] = shown()["IpPermissions"]
    assert one["IpRanges"] == [{"CidrIp": "192.168.0.0/24", "Description": "office"}] and one["UserIdGroupPairs"][0]["GroupId"] == app
    refused("DependencyViolation", ec2.delete_security_group, GroupId=app)
    ec2.authorize_security_group_ingress(GroupId=web, IpProtocol="icmp", FromPort=-1, ToPort=-1, CidrIp="10.0.0.0/8")
    ec2.modify_security_group_rules(
        GroupId=web,
        SecurityGroupRules=[{"SecurityGroupRuleId": made[0]["SecurityGroupRuleId"], "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 81, "CidrIpv4": "0.0.0.0/0"}}],
    )
    [rule] = ec2.describe_security_group_rules(SecurityGroupRuleIds=[made[0]["SecurityGroupRuleId"]])["SecurityGroupRules"]
    assert (rule["FromPort"], rule["ToPort"], rule["CidrIpv4"]) == (80, 81, "0.0.0.0/0")
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [web]}])["SecurityGroupRules"]
    assert len(rules) == 4 and sum(rule["IsEgress"] for rule in rules) == 1
    refused(
        "InvalidPermission.NotFound", ec2.revoke_security_group_ingress, GroupId=web, IpPermissions=[tcp(443, **cidr("0.0.0.0/0"))],
        text="The specified rule does not exist in this security group.",
    )
    gone = ec2.revoke_security_group_ingress(GroupId=web, SecurityGroupRuleIds=[made[1]["SecurityGroupRuleId"]])
    assert gone["Return"] and gone["RevokedSecurityGroupRules"][0]["ReferencedGroupId"] == app
    ec2.delete_security_group(GroupId=app)
    default = ec2.describe_security_groups(Filters=[*of(vpc), {"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][0]["GroupId"]
    refused("CannotDelete", ec2.delete_security_group, GroupId=default, text=f'the specified group: "{default}" name: "default" cannot be deleted by a user')
    refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=[app], text=f"The security group '{app}' does not exist")
    refused("VPCIdNotSpecified", ec2.create_security_group, GroupName="web", Description="nowhere")


def test_every_kind_of_resource_is_tagged(ec2, network):
    vpc = network()
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="172.16.1.0/24")["Subnet"]["SubnetId"]
    group = make_group(ec2, vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    mark = unique("mark")
    resources = {vpc: "vpc", subnet: "subnet", group: "security-group", table: "route-table"}
    ec2.create_tags(Resources=list(resources), Tags=[{"Key": "mark", "Value": mark}])
    found = ec2.describe_tags(Filters=[{"Name": "value", "Values": [mark]}])["Tags"]
    assert {tag["ResourceId"]: tag["ResourceType"] for tag in found} == resources
    by_mark = [{"Name": "tag:mark", "Values": [mark]}]
    assert [one["VpcId"] for one in ec2.describe_vpcs(Filters=by_mark)["Vpcs"]] == [vpc]
    assert [one["GroupId"] for one in ec2.describe_security_groups(Filters=by_mark)["SecurityGroups"]] == [group]
    ec2.delete_tags(Resources=list(resources), Tags=[{"Key": "mark"}])
    assert ec2.describe_tags(Filters=[{"Name": "value", "Values": [mark]}])["Tags"] == []
    refused("InvalidVpcID.NotFound", ec2.create_tags, Resources=["vpc-0f1e2d3c4b5a69788"], Tags=[{"Key": "a", "Value": ""}])
    refused("InvalidID", ec2.create_tags, Resources=["vol-0f1e2d3c4b5a69788"], Tags=[{"Key": "a", "Value": ""}])


def test_an_instance_is_run_inside(ec2, network):
    vpc = network()
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="172.16.1.0/24")["Subnet"]["SubnetId"]
    group = make_group(ec2, vpc)
    [made] = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[group])["Instances"]
    assert (made["VpcId"], made["SubnetId"], made["SecurityGroups"]) == (vpc, subnet, [{"GroupId": group, "GroupName": "web"}])
    [interface] = made["NetworkInterfaces"]
    [shown] = ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [made["InstanceId"]]}])["NetworkInterfaces"]
    assert (shown["NetworkInterfaceId"], shown["VpcId"], shown["Status"]) == (interface["NetworkInterfaceId"], vpc, "in-use")
    ids = lambda *filters: [it["InstanceId"] for one in ec2.describe_instances(Filters=list(filters))["Reservations"] for it in one["Instances"]]
    for name, value in (("vpc-id", vpc), ("subnet-id", subnet), ("instance.group-id", group), ("network-interface.vpc-id", vpc)):
        assert ids({"Name": name, "Values": [value]}) == [made["InstanceId"]], name
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"] == 250
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnet)
    refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
    refused("InvalidParameterCombination", ec2.run_instances, ImageId="ami-1", MinCount=1, MaxCount=1, SecurityGroupIds=[group])
    other = make_group(ec2, network("172.17.0.0/16"))
    refused("InvalidParameter", ec2.run_instances, ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[other])
    refused("InvalidSubnetID.NotFound", ec2.run_instances, ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId="subnet-0f1e2d3c4b5a69788")
    default = ec2.describe_security_groups(Filters=[*of(vpc), {"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][0]["GroupId"]
    ec2.modify_instance_attribute(InstanceId=made["InstanceId"], Groups=[default])
    assert ids({"Name": "instance.group-name", "Values": ["default"]}, *of(vpc)) == [made["InstanceId"]]
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    assert ids(*of(vpc)) == []


def test_the_account_has_both_platforms(server):
    answer = aws(server, "describe-account-attributes", "--attribute-names", "supported-platforms", "default-vpc")
    values = {one["AttributeName"]: [value["AttributeValue"] for value in one["AttributeValues"]] for one in answer["AccountAttributes"]}
    assert values == {"supported-platforms": ["EC2", "VPC"], "default-vpc": ["none"]}


# --- Peerings and routes ---


def test_networks_are_peered_and_routed(ec2, server, network):
    one, other, same = network("172.16.0.0/16"), network("172.17.0.0/16"), network("172.16.128.0/20")
    account = server.client("sts").get_caller_identity()["Account"]
    asked = ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=other)["VpcPeeringConnection"]
    pcx = asked["VpcPeeringConnectionId"]
    assert asked["Status"] == {"Code": "pending-acceptance", "Message": f"Pending Acceptance by {account}"}
    span = asked["ExpirationTime"].timestamp() - asked["ExpirationTime"].now(asked["ExpirationTime"].tzinfo).timestamp()
    assert 7 * 86400 - 600 < span <= 7 * 86400
    refused("OperationNotPermitted", ec2.modify_vpc_peering_connection_options, VpcPeeringConnectionId=pcx, RequesterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True})
    refused("VpcPeeringConnectionAlreadyExists", ec2.create_vpc_peering_connection, VpcId=other, PeerVpcId=one)
    active = ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)["VpcPeeringConnection"]
    assert active["Status"] == {"Code": "active", "Message": "Active"} and active["AccepterVpcInfo"]["CidrBlock"] == "172.17.0.0/16"
    failed = ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=same)["VpcPeeringConnection"]
    assert failed["Status"] == {"Code": "failed", "Message": "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"}
    refused("InvalidStateTransition", ec2.accept_vpc_peering_connection, VpcPeeringConnectionId=failed["VpcPeeringConnectionId"])
    table = ec2.describe_route_tables(Filters=of(one))["RouteTables"][0]["RouteTableId"]
    assert ec2.create_route(RouteTableId=table, DestinationCidrBlock="172.17.0.0/16", VpcPeeringConnectionId=pcx)["Return"]
    refused("RouteAlreadyExists", ec2.create_route, RouteTableId=table, DestinationCidrBlock="172.17.0.0/16", VpcPeeringConnectionId=pcx, text="The route identified by 172.17.0.0/16 already exists.")
    route = lambda: {it["DestinationCidrBlock"]: it for it in ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]}["172.17.0.0/16"]
    assert route() == {"DestinationCidrBlock": "172.17.0.0/16", "Origin": "CreateRoute", "State": "active", "VpcPeeringConnectionId": pcx}
    web, db = make_group(ec2, one), make_group(ec2, other, "db")
    ec2.authorize_security_group_ingress(GroupId=web, IpPermissions=[tcp(6001, **group_of(db))])
    [pair] = ec2.describe_security_groups(GroupIds=[web])["SecurityGroups"][0]["IpPermissions"][0]["UserIdGroupPairs"]
    assert (pair["VpcId"], pair["VpcPeeringConnectionId"], pair["PeeringStatus"]) == (other, pcx, "active")
    options = ec2.modify_vpc_peering_connection_options(VpcPeeringConnectionId=pcx, RequesterPeeringConnectionOptions={"AllowEgressFromLocalClassicLinkToRemoteVpc": True})
    assert options["RequesterPeeringConnectionOptions"]["AllowEgressFromLocalClassicLinkToRemoteVpc"]
    refused("DependencyViolation", ec2.delete_vpc, VpcId=other)
    assert ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)["Return"]
    assert route()["State"] == "blackhole"
    [gone] = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[pcx])["VpcPeeringConnections"]
    assert gone["Status"]["Code"] == "deleted"
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="172.17.0.0/16")
    refused("InvalidRoute.NotFound", ec2.delete_route, RouteTableId=table, DestinationCidrBlock="172.17.0.0/16")
    again = ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=other)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    assert ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=again)["Return"]
    refused("InvalidStateTransition", ec2.accept_vpc_peering_connection, VpcPeeringConnectionId=again)


# --- ClassicLink ---


def test_a_host_outside_is_linked_and_unlinked_by_aws_cli(server, ec2, network, outside):
    vpc = network()
    web, app = make_group(ec2, vpc), make_group(ec2, vpc, "app")
    message = aws(server, "attach-classic-link-vpc", "--instance-id", outside, "--vpc-id", vpc, "--groups", web, expected=255)
    assert "InvalidInstanceID.NotLinkable" in message and "not enabled" in message
    assert aws(server, "enable-vpc-classic-link", "--vpc-id", vpc) == {"Return": True}
    assert aws(server, "describe-vpc-classic-link", "--vpc-ids", vpc)["Vpcs"][0]["ClassicLinkEnabled"] is True
    enabled = aws(server, "describe-vpc-classic-link", "--filter", "Name=is-classic-link-enabled,Values=true")["Vpcs"]
    assert vpc in [one["VpcId"] for one in enabled]
    [table] = ec2.describe_route_tables(Filters=of(vpc))["RouteTables"]
    assert ("10.0.0.0/8", "local") in [(route["DestinationCidrBlock"], route.get("GatewayId")) for route in table["Routes"]]
    assert aws(server, "attach-classic-link-vpc", "--instance-id", outside, "--vpc-id", vpc, "--groups", web, app) == {"Return": True}
    [link] = aws(server, "describe-classic-link-instances")["Instances"]
    assert (link["InstanceId"], link["VpcId"]) == (outside, vpc)
    assert sorted(group["GroupName"] for group in link["Groups"]) == ["app", "web"]
    for name, value in (("vpc-id", vpc), ("group-id", app), ("instance-id", outside), ("tag:Name", "outside-*")):
        found = aws(server, "describe-classic-link-instances", "--filters", f"Name={name},Values={value}")["Instances"]
        assert [one["InstanceId"] for one in found] == [outside], name
    # A linked instance is not part of the network.
    assert ec2.describe_instances(Filters=of(vpc))["Reservations"] == []
    [instance] = ec2.describe_instances(InstanceIds=[outside])["Reservations"][0]["Instances"]
    assert "VpcId" not in instance and instance["PrivateIpAddress"].startswith("10.")
    message = aws(server, "disable-vpc-classic-link", "--vpc-id", vpc, expected=255)
    assert "DependencyViolation" in message
    assert aws(server, "detach-classic-link-vpc", "--instance-id", outside, "--vpc-id", vpc) == {"Return": True}
    assert aws(server, "describe-classic-link-instances")["Instances"] == []
    assert aws(server, "disable-vpc-classic-link", "--vpc-id", vpc) == {"Return": True}
    [table] = ec2.describe_route_tables(Filters=of(vpc))["RouteTables"]
    assert [route["DestinationCidrBlock"] for route in table["Routes"]] == ["172.16.0.0/16"]
    for operation, is_on in (("enable", True), ("disable", False)):
        assert aws(server, f"{operation}-vpc-classic-link-dns-support", "--vpc-id", vpc) == {"Return": True}
        [shown] = aws(server, "describe-vpc-classic-link-dns-support", "--vpc-ids", vpc)["Vpcs"]
        assert shown == {"ClassicLinkDnsSupported": is_on, "VpcId": vpc}


def test_links_have_the_rules_of_the_guide(ec2, network, outside):
    one, other = network("172.16.0.0/16"), network("172.17.0.0/16")
    web, stranger = make_group(ec2, one), make_group(ec2, other)
    ec2.enable_vpc_classic_link(VpcId=one)
    ec2.enable_vpc_classic_link(VpcId=other)
    attach = lambda vpc, *groups, **more: ec2.attach_classic_link_vpc(**{"InstanceId": outside, "VpcId": vpc, "Groups": list(groups), **more})
    refused("InvalidParameter", attach, one, stranger)
    refused("InvalidGroup.NotFound", attach, one, "sg-0f1e2d3c4b5a69788")
    refused("InvalidInstanceID.NotFound", attach, one, web, InstanceId="i-0f1e2d3c4b5a69788")
    refused("InvalidInstanceID.Malformed", attach, one, web, InstanceId="web-1")
    refused("DryRunOperation", attach, one, web, DryRun=True, status=412)
    attach(one, web)
    address = ec2.describe_instances(InstanceIds=[outside])["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
    # One network at a time, and its groups stay as long as the link.
    refused("InvalidInstanceID.NotLinkable", attach, other, stranger)
    default = ec2.describe_security_groups(Filters=[*of(one), {"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][0]["GroupId"]
    refused("InvalidInstanceID.NotLinkable", attach, one, default)
    refused("DependencyViolation", ec2.delete_security_group, GroupId=web)
    refused("InvalidParameterValue", ec2.detach_classic_link_vpc, InstanceId=outside, VpcId=other)
    ec2.detach_classic_link_vpc(InstanceId=outside, VpcId=one)
    attach(other, stranger)
    again = ec2.describe_instances(InstanceIds=[outside])["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
    assert again == address
    # One that does not run cannot be linked, nor one that is inside.
    subnet = ec2.create_subnet(VpcId=one, CidrBlock="172.16.1.0/24")["Subnet"]["SubnetId"]
    [inside] = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"]
    [waiting] = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)["Instances"]
    for instance in (inside, waiting):
        refused("InvalidInstanceID.NotLinkable", attach, one, web, InstanceId=instance["InstanceId"])
    ec2.terminate_instances(InstanceIds=[waiting["InstanceId"]])


def test_a_network_among_the_hosts_outside_is_not_enabled(ec2, network):
    for block, is_right in (("10.0.0.0/16", True), ("10.1.0.0/16", True), ("10.9.0.0/16", False)):
        vpc = network(block)
        if is_right:
            assert ec2.enable_vpc_classic_link(VpcId=vpc)["Return"]
        else:
            refused("InvalidVpc.Range", ec2.enable_vpc_classic_link, VpcId=vpc)
            # Unless it gives its links addresses of its own.
            ec2.create_tags(Resources=[vpc], Tags=[{"Key": "shukuba:link-address", "Value": "network"}])
            assert ec2.enable_vpc_classic_link(VpcId=vpc)["Return"]


def test_a_link_is_lost_when_its_host_stops_and_must_be_made_again(own_server, tmp_path):
    ec2 = own_server.client("ec2")
    agent = Agent(own_server, tmp_path, "web", token=new_token(own_server))
    running = lambda: by_name(ec2, "web", "running").get("web")
    host = until("a host that runs", running)["InstanceId"]
    vpc = ec2.create_vpc(CidrBlock="172.16.0.0/16")["Vpc"]["VpcId"]
    group = make_group(ec2, vpc)
    ec2.enable_vpc_classic_link(VpcId=vpc)
    attach = lambda: ec2.attach_classic_link_vpc(InstanceId=host, VpcId=vpc, Groups=[group])
    linked = lambda: ec2.describe_classic_link_instances()["Instances"]
    attach()
    assert linked()[0]["InstanceId"] == host
    agent.stop()
    until("a host that has stopped", lambda: by_name(ec2, "web", "stopped"))
    assert linked() == []
    refused("InvalidInstanceID.NotLinkable", attach)
    agent = Agent(own_server, tmp_path, "web")
    until("a host that runs again", running)
    assert linked() == []
    attach()
    assert linked()[0]["InstanceId"] == host
    ec2.stop_instances(InstanceIds=[host])
    until("a host that was stopped", lambda: by_name(ec2, "web", "stopped"))
    assert linked() == []
    agent.stop()
    ec2.start_instances(InstanceIds=[host])
    agent = Agent(own_server, tmp_path, "web")
    until("a host that runs once more", running)
    attach()
    # One that says nothing any more stays linked, and a restart of the server forgets nothing.
    agent.kill()
    own_server.stop()
    own_server.start()
    ec2 = own_server.client("ec2")
    assert linked()[0]["Groups"] == [{"GroupId": group, "GroupName": "web"}]
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)


def test_a_host_that_joins_by_a_token_of_a_subnet_is_inside(own_server, tmp_path):
    ec2 = own_server.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="172.16.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="172.16.1.0/24")["Subnet"]["SubnetId"]
    agent = Agent(own_server, tmp_path, "within", token=new_token(own_server, "--subnet", subnet))
    host = until("a host that runs", lambda: by_name(ec2, "within", "running").get("within"))
    agent.stop()
    assert (host["VpcId"], host["SubnetId"]) == (vpc, subnet)
    assert [group["GroupName"] for group in host["SecurityGroups"]] == ["default"]
    wrong = own_server.run("host", "token", "--subnet", "subnet-0123456789abcdef0")
    assert wrong.returncode == 2 and "subnet-0123456789abcdef0" in wrong.stderr, wrong.stderr


# --- Who may, and what is recorded ---


def test_who_may_is_said_by_resource_tag_and_network(server, ec2, network):
    iam = server.client("iam")
    one, other = network("172.16.0.0/16"), network("172.17.0.0/16")
    ec2.create_tags(Resources=[one], Tags=[{"Key": "team", "Value": "ads"}])
    region, account = server.environment["AWS_DEFAULT_REGION"], server.client("sts").get_caller_identity()["Account"]
    own = f"arn:aws:ec2:{region}:{account}"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["ec2:EnableVpcClassicLink", "ec2:CreateSubnet"], "Resource": f"{own}:vpc/*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "ads"}}},
            {"Effect": "Allow", "Action": "ec2:CreateSubnet", "Resource": f"{own}:subnet/*"},
            {"Effect": "Allow", "Action": "ec2:AuthorizeSecurityGroupIngress", "Resource": f"{own}:security-group/*", "Condition": {"ArnEquals": {"ec2:Vpc": f"{own}:vpc/{one}"}}},
            {"Effect": "Allow", "Action": "ec2:AuthorizeSecurityGroupIngress", "Resource": f"{own}:security-group-rule/*"},
            {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"},
        ],
    }
    user = unique("linker")
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    try:
        theirs = server.client("ec2", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
        assert theirs.enable_vpc_classic_link(VpcId=one)["Return"]
        refused("UnauthorizedOperation", theirs.enable_vpc_classic_link, VpcId=other, status=403)
        theirs.create_subnet(VpcId=one, CidrBlock="172.16.1.0/24")
        refused("UnauthorizedOperation", theirs.create_subnet, VpcId=other, CidrBlock="172.17.1.0/24")
        web, stranger = make_group(ec2, one), make_group(ec2, other)
        theirs.authorize_security_group_ingress(GroupId=web, IpPermissions=[tcp(80, **cidr("0.0.0.0/0"))])
        refused("UnauthorizedOperation", theirs.authorize_security_group_ingress, GroupId=stranger, IpPermissions=[tcp(80, **cidr("0.0.0.0/0"))])
        refused("UnauthorizedOperation", theirs.create_vpc, CidrBlock="10.0.0.0/16")
        tagged = [{"ResourceType": "subnet", "Tags": [{"Key": "a", "Value": "b"}]}]
        refused("UnauthorizedOperation", theirs.create_subnet, VpcId=one, CidrBlock="172.16.2.0/24", TagSpecifications=tagged)
        assert theirs.describe_vpcs(VpcIds=[other])["Vpcs"]
    finally:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName=user, PolicyName="p")
        iam.delete_user(UserName=user)


def test_what_was_done_is_recorded(server, ec2, network):
    vpc = network()
    ec2.enable_vpc_classic_link(VpcId=vpc)
    trail = server.client("cloudtrail")
    mine = lambda name: [
        event
        for event in (json.loads(found["CloudTrailEvent"]) for found in trail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])["Events"])
        if vpc in json.dumps(event)
    ]
    [enabled] = until("a record", lambda: mine("EnableVpcClassicLink"))
    assert enabled["eventSource"] == "ec2.amazonaws.com" and enabled["requestParameters"]["vpcId"] == vpc
    [made] = until("a record", lambda: mine("CreateVpc"))
    assert made["responseElements"]["vpc"]["vpcId"] == vpc
