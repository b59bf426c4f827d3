#!/usr/bin/env python3
"""Writes crates/ec2/models/: the part of EC2's service model that is spoken here, and what requests and answers are on the wire.

ec2-2016-11-15.txt: operations and members from botocore's service model.
golden-ec2-2016-11-15.txt: requests are written by botocore, answers by moto's serializer.

Nothing in the files comes from this project but the names of what it speaks. Run it with the environment of tests/compat
after taking a newer botocore or more operations:

    .venv/bin/python scripts/ec2-golden.py
"""

import json
import pathlib
import re
import types
import urllib.parse
from datetime import datetime, timezone

import botocore
import botocore.session
import moto
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from moto.core.serialize import EC2Serializer
from moto.core.utils import get_service_model

CRATE = pathlib.Path(__file__).resolve().parent.parent / "crates" / "ec2"
SERVICE = botocore.session.get_session().get_service_model("ec2")
MOTO = get_service_model("ec2")
AT = datetime(2026, 11, 23, 5, 3, 10, tzinfo=timezone.utc)
TEXT = '<web> & "é+ ~日'
ID = "i-0f1e2d3c4b5a69788"
FILTERS = [{"Name": "tag:Name", "Values": ["web*", TEXT]}, {"Name": "instance-state-code", "Values": ["16"]}]
TAGS = [{"Key": "Name", "Value": TEXT}, {"Key": "empty", "Value": ""}]
PAGE = {"MaxResults": 100, "NextToken": TEXT}
RUNNING = {"Code": 16, "Name": "running"}
STEP = [{"InstanceId": ID, "CurrentState": {"Code": 64, "Name": "stopping"}, "PreviousState": RUNNING}]
PASSED = {"Details": [{"ImpairedSince": AT, "Name": "reachability", "Status": "failed"}], "Status": "impaired"}
INTERFACE = {
    "Attachment": {
        "AttachTime": AT,
        "AttachmentId": "eni-attach-1",
        "DeleteOnTermination": True,
        "DeviceIndex": 0,
        "Status": "attached",
    },
    "Description": "",
    "Groups": [{"GroupId": "sg-1", "GroupName": TEXT}],
    "NetworkInterfaceId": "eni-1",
    "OwnerId": "123456789012",
    "PrivateDnsName": TEXT,
    "PrivateIpAddress": "10.0.0.7",
    "PrivateIpAddresses": [{"Primary": True, "PrivateDnsName": TEXT, "PrivateIpAddress": "10.0.0.7"}],
    "SourceDestCheck": True,
    "Status": "in-use",
    "SubnetId": "subnet-1",
    "VpcId": "vpc-1",
    "InterfaceType": "interface",
}
RESERVATION = {
    "ReservationId": "r-0f1e2d3c4b5a69788",
    "OwnerId": "123456789012",
    "Groups": [],
    "Instances": [
        {
            "InstanceId": ID,
            "ImageId": "ami-1",
            "State": RUNNING,
            "PrivateDnsName": TEXT,
            "PublicDnsName": "",
            "StateTransitionReason": TEXT,
            "KeyName": TEXT,
            "AmiLaunchIndex": 1,
            "InstanceType": "t3.micro",
            "LaunchTime": AT,
            "Placement": {"GroupName": "", "Tenancy": "default", "AvailabilityZone": "eu-west-1a"},
            "Monitoring": {"State": "disabled"},
            "PrivateIpAddress": "10.0.0.7",
            "Architecture": "x86_64",
            "ClientToken": "",
            "EbsOptimized": False,
            "SecurityGroups": [{"GroupId": "sg-1", "GroupName": TEXT}],
            "StateReason": {"Code": "Client.UserInitiatedShutdown", "Message": TEXT},
            "Tags": TAGS,
            "CpuOptions": {"CoreCount": 2, "ThreadsPerCore": 1},
            "PlatformDetails": "Linux/UNIX",
            "Ipv6Address": "2001:db8::7",
            "SubnetId": "subnet-1",
            "VpcId": "vpc-1",
            "NetworkInterfaces": [INTERFACE],
        }
    ],
}
ZONE = {
    "OptInStatus": "opt-in-not-required",
    "RegionName": "eu-west-1",
    "ZoneName": "eu-west-1a",
    "ZoneId": "eu-west-1-az1",
    "GroupName": "eu-west-1",
    "NetworkBorderGroup": "eu-west-1",
    "ZoneType": "availability-zone",
    "State": "available",
}
TYPE = {
    "InstanceType": "host.2c4g",
    "CurrentGeneration": True,
    "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
    "VCpuInfo": {"DefaultVCpus": 2},
    "MemoryInfo": {"SizeInMiB": 4096},
    "BurstablePerformanceSupported": False,
    "HibernationSupported": False,
}

VPC = "vpc-0f1e2d3c4b5a69788"
SUBNET = "subnet-0f1e2d3c4b5a69788"
GROUP = "sg-0f1e2d3c4b5a69788"
RULE = "sgr-0f1e2d3c4b5a69788"


def tagged(kind):
    """The tags that something new is given."""
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": TAGS}]}


A_VPC = {
    "OwnerId": "123456789012",
    "InstanceTenancy": "default",
    "CidrBlockAssociationSet": [
        {"AssociationId": "vpc-cidr-assoc-1", "CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}}
    ],
    "IsDefault": False,
    "Tags": TAGS,
    "VpcId": VPC,
    "State": "available",
    "CidrBlock": "10.0.0.0/16",
    "DhcpOptionsId": "default",
}
A_SUBNET = {
    "AvailabilityZoneId": "eu-west-1-az1",
    "MapCustomerOwnedIpOnLaunch": False,
    "OwnerId": "123456789012",
    "AssignIpv6AddressOnCreation": False,
    "Tags": TAGS,
    "SubnetArn": f"arn:aws:ec2:eu-west-1:123456789012:subnet/{SUBNET}",
    "EnableDns64": False,
    "Ipv6Native": False,
    "SubnetId": SUBNET,
    "State": "available",
    "VpcId": VPC,
    "CidrBlock": "10.0.1.0/24",
    "AvailableIpAddressCount": 250,
    "AvailabilityZone": "eu-west-1a",
    "DefaultForAz": False,
    "MapPublicIpOnLaunch": False,
}
SSH = {
    "IpProtocol": "tcp",
    "FromPort": 22,
    "ToPort": 22,
    "UserIdGroupPairs": [{"Description": "from us", "UserId": "123456789012", "GroupId": GROUP}],
    "IpRanges": [{"Description": "office", "CidrIp": "192.168.0.0/24"}, {"CidrIp": "10.0.0.0/8"}],
    "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
}
A_GROUP = {
    "GroupId": GROUP,
    "IpPermissionsEgress": [
        {"IpProtocol": "-1", "UserIdGroupPairs": [], "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [], "PrefixListIds": []}
    ],
    "Tags": TAGS,
    "VpcId": VPC,
    "SecurityGroupArn": f"arn:aws:ec2:eu-west-1:123456789012:security-group/{GROUP}",
    "OwnerId": "123456789012",
    "GroupName": "web",
    "Description": TEXT,
    "IpPermissions": [{**SSH, "PrefixListIds": []}],
}
A_RULE = {
    "SecurityGroupRuleId": RULE,
    "GroupId": GROUP,
    "GroupOwnerId": "123456789012",
    "IsEgress": False,
    "IpProtocol": "tcp",
    "FromPort": 22,
    "ToPort": 22,
    "CidrIpv4": "192.168.0.0/24",
    "Description": TEXT,
    "Tags": TAGS,
    "SecurityGroupRuleArn": f"arn:aws:ec2:eu-west-1:123456789012:security-group-rule/{RULE}",
}
A_RULE_OF_GROUP = {
    **{key: value for key, value in A_RULE.items() if key not in ("CidrIpv4", "Description", "Tags")},
    "ReferencedGroupInfo": {
        "GroupId": GROUP,
        "PeeringStatus": "active",
        "UserId": "123456789012",
        "VpcId": VPC,
        "VpcPeeringConnectionId": "pcx-1",
    },
}
RULES = {"Return": True, "SecurityGroupRules": [A_RULE, A_RULE_OF_GROUP]}
REVOKED = {
    "Return": True,
    "RevokedSecurityGroupRules": [
        {
            "SecurityGroupRuleId": RULE,
            "GroupId": GROUP,
            "IsEgress": True,
            "IpProtocol": "-1",
            "FromPort": -1,
            "ToPort": -1,
            "CidrIpv6": "::/0",
            "Description": TEXT,
        }
    ],
}
DESCRIPTIONS = {
    "GroupId": GROUP,
    "IpPermissions": [SSH],
    "SecurityGroupRuleDescriptions": [{"SecurityGroupRuleId": RULE, "Description": TEXT}],
}
ONE = {"CidrIp": "10.0.0.0/8", "FromPort": 1, "ToPort": 2, "IpProtocol": "udp", "GroupId": GROUP}

TABLE = "rtb-0f1e2d3c4b5a69788"
HELD = "rtbassoc-0f1e2d3c4b5a69788"
PEERING = "pcx-0f1e2d3c4b5a69788"
YES = {"Return": True}
GROUPS = [{"GroupId": GROUP, "GroupName": "web"}]
A_TABLE = {
    "Associations": [
        {
            "Main": False,
            "RouteTableAssociationId": HELD,
            "RouteTableId": TABLE,
            "SubnetId": SUBNET,
            "AssociationState": {"State": "associated"},
        }
    ],
    "RouteTableId": TABLE,
    "Routes": [
        {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"},
        {"DestinationCidrBlock": "10.2.0.0/16", "Origin": "CreateRoute", "State": "blackhole", "VpcPeeringConnectionId": PEERING},
    ],
    "Tags": TAGS,
    "VpcId": VPC,
    "OwnerId": "123456789012",
}
AN_ACL = {
    "Associations": [{"NetworkAclAssociationId": "aclassoc-1", "NetworkAclId": "acl-1", "SubnetId": SUBNET}],
    "Entries": [{"CidrBlock": "0.0.0.0/0", "Egress": True, "Protocol": "-1", "RuleAction": "allow", "RuleNumber": 100}],
    "IsDefault": True,
    "NetworkAclId": "acl-1",
    "VpcId": VPC,
    "OwnerId": "123456789012",
}
AN_INTERFACE = {
    "Attachment": {
        "AttachTime": AT,
        "AttachmentId": "eni-attach-1",
        "DeleteOnTermination": True,
        "DeviceIndex": 0,
        "InstanceId": ID,
        "InstanceOwnerId": "123456789012",
        "Status": "attached",
    },
    "AvailabilityZone": "eu-west-1a",
    "Description": "",
    "Groups": GROUPS,
    "InterfaceType": "interface",
    "NetworkInterfaceId": "eni-1",
    "OwnerId": "123456789012",
    "PrivateDnsName": "web-1",
    "PrivateIpAddress": "10.0.1.7",
    "PrivateIpAddresses": [{"Primary": True, "PrivateDnsName": "web-1", "PrivateIpAddress": "10.0.1.7"}],
    "RequesterManaged": False,
    "SourceDestCheck": True,
    "Status": "in-use",
    "SubnetId": SUBNET,
    "TagSet": TAGS,
    "VpcId": VPC,
    "AvailabilityZoneId": "eu-west-1-az1",
}
SIDE = {
    "CidrBlock": "10.0.0.0/16",
    "CidrBlockSet": [{"CidrBlock": "10.0.0.0/16"}],
    "OwnerId": "123456789012",
    "PeeringOptions": {
        "AllowDnsResolutionFromRemoteVpc": False,
        "AllowEgressFromLocalClassicLinkToRemoteVpc": True,
        "AllowEgressFromLocalVpcToRemoteClassicLink": False,
    },
    "VpcId": VPC,
    "Region": "eu-west-1",
}
A_PEERING = {
    "AccepterVpcInfo": SIDE,
    "ExpirationTime": AT,
    "RequesterVpcInfo": {**SIDE, "CidrBlockSet": []},
    "Status": {"Code": "active", "Message": "Active"},
    "Tags": TAGS,
    "VpcPeeringConnectionId": PEERING,
}
A_LINK = {"Groups": GROUPS, "InstanceId": ID, "Tags": TAGS, "VpcId": VPC}
OPTIONS = {
    "AllowDnsResolutionFromRemoteVpc": True,
    "AllowEgressFromLocalClassicLinkToRemoteVpc": True,
    "AllowEgressFromLocalVpcToRemoteClassicLink": False,
}
ROUTE = {"RouteTableId": TABLE, "DestinationCidrBlock": "10.2.0.0/16", "VpcPeeringConnectionId": PEERING}
ASSOCIATED = {"AssociationState": {"State": "associated"}}

CALLS = {
    "AcceptVpcPeeringConnection": ({"VpcPeeringConnectionId": PEERING}, {"VpcPeeringConnection": A_PEERING}),
    "AssociateRouteTable": ({"RouteTableId": TABLE, "SubnetId": SUBNET}, {"AssociationId": HELD, **ASSOCIATED}),
    "AttachClassicLinkVpc": ({"InstanceId": ID, "VpcId": VPC, "Groups": [GROUP, "sg-1a2b3c4d"]}, YES),
    "CreateRoute": (ROUTE, YES),
    "CreateRouteTable": ({"VpcId": VPC, **tagged("route-table"), "ClientToken": "t"}, {"RouteTable": A_TABLE}),
    "CreateVpcPeeringConnection": (
        {
            "VpcId": VPC,
            "PeerVpcId": "vpc-1a2b3c4d",
            "PeerOwnerId": "123456789012",
            "PeerRegion": "eu-west-1",
            **tagged("vpc-peering-connection"),
        },
        {"VpcPeeringConnection": A_PEERING},
    ),
    "DeleteRoute": ({"RouteTableId": TABLE, "DestinationCidrBlock": "10.2.0.0/16"}, None),
    "DeleteRouteTable": ({"RouteTableId": TABLE}, None),
    "DeleteVpcPeeringConnection": ({"VpcPeeringConnectionId": PEERING}, YES),
    "DescribeAccountAttributes": (
        {"AttributeNames": ["supported-platforms"]},
        {
            "AccountAttributes": [
                {
                    "AttributeName": "supported-platforms",
                    "AttributeValues": [{"AttributeValue": "EC2"}, {"AttributeValue": "VPC"}],
                }
            ]
        },
    ),
    "DescribeClassicLinkInstances": (
        {"InstanceIds": [ID], "Filters": FILTERS, **PAGE},
        {"Instances": [A_LINK], "NextToken": TEXT},
    ),
    "DescribeNetworkAcls": (
        {"NetworkAclIds": ["acl-1"], "Filters": FILTERS, **PAGE},
        {"NetworkAcls": [AN_ACL], "NextToken": TEXT},
    ),
    "DescribeNetworkInterfaces": (
        {"NetworkInterfaceIds": ["eni-1"], "Filters": FILTERS, **PAGE},
        {"NetworkInterfaces": [AN_INTERFACE], "NextToken": TEXT},
    ),
    "DescribeRouteTables": (
        {"RouteTableIds": [TABLE], "Filters": FILTERS, **PAGE},
        {"RouteTables": [A_TABLE], "NextToken": TEXT},
    ),
    "DescribeVpcClassicLink": (
        {"VpcIds": [VPC], "Filters": FILTERS},
        {"Vpcs": [{"ClassicLinkEnabled": True, "Tags": TAGS, "VpcId": VPC}]},
    ),
    "DescribeVpcClassicLinkDnsSupport": (
        {"VpcIds": [VPC], **PAGE},
        {"Vpcs": [{"ClassicLinkDnsSupported": True, "VpcId": VPC}], "NextToken": TEXT},
    ),
    "DescribeVpcPeeringConnections": (
        {"VpcPeeringConnectionIds": [PEERING], "Filters": FILTERS, **PAGE},
        {"VpcPeeringConnections": [A_PEERING], "NextToken": TEXT},
    ),
    "DetachClassicLinkVpc": ({"InstanceId": ID, "VpcId": VPC}, YES),
    "DisableVpcClassicLink": ({"VpcId": VPC}, YES),
    "DisableVpcClassicLinkDnsSupport": ({"VpcId": VPC}, YES),
    "DisassociateRouteTable": ({"AssociationId": HELD}, None),
    "EnableVpcClassicLink": ({"VpcId": VPC, "DryRun": False}, YES),
    "EnableVpcClassicLinkDnsSupport": ({"VpcId": VPC}, YES),
    "ModifyVpcPeeringConnectionOptions": (
        {
            "VpcPeeringConnectionId": PEERING,
            "RequesterPeeringConnectionOptions": OPTIONS,
            "AccepterPeeringConnectionOptions": {"AllowDnsResolutionFromRemoteVpc": False},
        },
        {"RequesterPeeringConnectionOptions": OPTIONS},
    ),
    "RejectVpcPeeringConnection": ({"VpcPeeringConnectionId": PEERING}, YES),
    "ReplaceRoute": (ROUTE, None),
    "ReplaceRouteTableAssociation": (
        {"AssociationId": HELD, "RouteTableId": TABLE},
        {"NewAssociationId": HELD, **ASSOCIATED},
    ),
    "AuthorizeSecurityGroupEgress": (
        {"GroupId": GROUP, "IpPermissions": [SSH], **tagged("security-group-rule")},
        RULES,
    ),
    "AuthorizeSecurityGroupIngress": ({**ONE, "DryRun": True}, RULES),
    "CreateSecurityGroup": (
        {"GroupName": "web", "Description": TEXT, "VpcId": VPC, **tagged("security-group")},
        {"GroupId": GROUP, "Tags": TAGS, "SecurityGroupArn": A_GROUP["SecurityGroupArn"]},
    ),
    "CreateSubnet": (
        {"VpcId": VPC, "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "eu-west-1a", **tagged("subnet")},
        {"Subnet": A_SUBNET},
    ),
    "CreateVpc": (
        {"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "default", "AmazonProvidedIpv6CidrBlock": False, **tagged("vpc")},
        {"Vpc": A_VPC},
    ),
    "DeleteSecurityGroup": ({"GroupId": GROUP}, {"Return": True, "GroupId": GROUP}),
    "DeleteSubnet": ({"SubnetId": SUBNET}, None),
    "DeleteVpc": ({"VpcId": VPC, "DryRun": False}, None),
    "DescribeSecurityGroupRules": (
        {"SecurityGroupRuleIds": [RULE], "Filters": FILTERS, **PAGE},
        {"SecurityGroupRules": [A_RULE, A_RULE_OF_GROUP], "NextToken": TEXT},
    ),
    "DescribeSecurityGroups": (
        {"GroupIds": [GROUP], "GroupNames": ["web"], "Filters": FILTERS, **PAGE},
        {"SecurityGroups": [A_GROUP], "NextToken": TEXT},
    ),
    "DescribeSubnets": ({"SubnetIds": [SUBNET], "Filters": FILTERS, **PAGE}, {"Subnets": [A_SUBNET], "NextToken": TEXT}),
    "DescribeVpcAttribute": (
        {"VpcId": VPC, "Attribute": "enableDnsSupport"},
        {
            "VpcId": VPC,
            "EnableDnsSupport": {"Value": True},
            "EnableDnsHostnames": {"Value": False},
            "EnableNetworkAddressUsageMetrics": {"Value": False},
        },
    ),
    "DescribeVpcs": ({"VpcIds": [VPC], "Filters": FILTERS, **PAGE}, {"Vpcs": [A_VPC], "NextToken": TEXT}),
    "ModifySecurityGroupRules": (
        {
            "GroupId": GROUP,
            "SecurityGroupRules": [
                {
                    "SecurityGroupRuleId": RULE,
                    "SecurityGroupRule": {
                        "IpProtocol": "icmp",
                        "FromPort": 8,
                        "ToPort": -1,
                        "ReferencedGroupId": GROUP,
                        "Description": TEXT,
                    },
                }
            ],
        },
        {"Return": True},
    ),
    "ModifySubnetAttribute": ({"SubnetId": SUBNET, "MapPublicIpOnLaunch": {"Value": False}}, None),
    "ModifyVpcAttribute": ({"VpcId": VPC, "EnableDnsHostnames": {"Value": True}}, None),
    "RevokeSecurityGroupEgress": ({"GroupId": GROUP, "SecurityGroupRuleIds": [RULE]}, REVOKED),
    "RevokeSecurityGroupIngress": ({"GroupId": GROUP, "IpPermissions": [SSH]}, REVOKED),
    "UpdateSecurityGroupRuleDescriptionsEgress": (DESCRIPTIONS, {"Return": True}),
    "UpdateSecurityGroupRuleDescriptionsIngress": (DESCRIPTIONS, {"Return": True}),
    "CreateTags": ({"DryRun": True, "Resources": [ID, "i-1"], "Tags": TAGS}, None),
    "DeleteTags": ({"Resources": [ID], "Tags": [{"Key": "a"}, {"Key": "b", "Value": ""}]}, None),
    "DescribeAvailabilityZones": (
        {"ZoneNames": ["eu-west-1a"], "ZoneIds": ["z"], "AllAvailabilityZones": True, "Filters": FILTERS},
        {"AvailabilityZones": [ZONE]},
    ),
    "DescribeInstanceAttribute": (
        {"InstanceId": ID, "Attribute": "userData", "DryRun": False},
        {
            "InstanceId": ID,
            "DisableApiTermination": {"Value": True},
            "DisableApiStop": {"Value": False},
            "InstanceInitiatedShutdownBehavior": {"Value": "stop"},
            "InstanceType": {"Value": TEXT},
            "UserData": {"Value": "IyEvYmluL3No"},
            "Groups": [],
        },
    ),
    "DescribeInstanceStatus": (
        {"InstanceIds": [ID], "IncludeAllInstances": True, "Filters": FILTERS, **PAGE},
        {
            "InstanceStatuses": [
                {
                    "AvailabilityZone": "eu-west-1a",
                    "InstanceId": ID,
                    "InstanceState": RUNNING,
                    "InstanceStatus": PASSED,
                    "SystemStatus": {"Details": [{"Name": "reachability", "Status": "passed"}], "Status": "ok"},
                }
            ],
            "NextToken": TEXT,
        },
    ),
    "DescribeInstanceTypes": (
        {"InstanceTypes": ["t3.micro", "host.2c4g"], "DryRun": True, "Filters": FILTERS, **PAGE},
        {"InstanceTypes": [TYPE], "NextToken": TEXT},
    ),
    "DescribeInstances": (
        {"InstanceIds": [ID, "i-1"], "DryRun": False, "Filters": FILTERS, **PAGE},
        {"NextToken": TEXT, "Reservations": [RESERVATION, {"ReservationId": "r-1", "Groups": [], "Instances": []}]},
    ),
    "DescribeRegions": (
        {"RegionNames": ["eu-west-1"], "AllRegions": True, "Filters": FILTERS},
        {"Regions": [{"OptInStatus": "opted-in", "RegionName": "eu-west-1", "Endpoint": "127.0.0.1:5310"}]},
    ),
    "DescribeTags": (
        {"Filters": FILTERS, **PAGE},
        {"Tags": [{"Key": TEXT, "ResourceId": ID, "ResourceType": "instance", "Value": ""}], "NextToken": TEXT},
    ),
    "ModifyInstanceAttribute": (
        {
            "InstanceId": ID,
            "DisableApiStop": {"Value": True},
            "DisableApiTermination": {"Value": False},
            "InstanceInitiatedShutdownBehavior": {"Value": "stop"},
            "Attribute": "disableApiStop",
            "Value": "true",
            "Groups": ["sg-1", "sg-2"],
        },
        None,
    ),
    "MonitorInstances": (
        {"InstanceIds": [ID, "i-1"]},
        {"InstanceMonitorings": [{"InstanceId": ID, "Monitoring": {"State": "pending"}}]},
    ),
    "RebootInstances": ({"InstanceIds": [ID], "DryRun": True}, None),
    "RunInstances": (
        {
            "ImageId": "ami-1",
            "InstanceType": "t3.micro",
            "KeyName": TEXT,
            "MinCount": 1,
            "MaxCount": 2,
            "SubnetId": "subnet-1",
            "SecurityGroupIds": ["sg-1", "sg-2"],
            "Monitoring": {"Enabled": True},
            "Placement": {"AvailabilityZone": "eu-west-1a", "Tenancy": "default"},
            "UserData": "#!/bin/sh\n",
            "TagSpecifications": [{"ResourceType": "instance", "Tags": TAGS}],
            "DisableApiStop": True,
            "DisableApiTermination": False,
            "InstanceInitiatedShutdownBehavior": "stop",
            "ClientToken": TEXT,
            "EbsOptimized": True,
        },
        RESERVATION,
    ),
    "StartInstances": ({"InstanceIds": [ID]}, {"StartingInstances": STEP}),
    "StopInstances": ({"InstanceIds": [ID, "i-1"], "Force": True}, {"StoppingInstances": STEP}),
    "TerminateInstances": ({"InstanceIds": [ID], "SkipOsShutdown": True}, {"TerminatingInstances": STEP}),
    "UnmonitorInstances": ({"InstanceIds": [ID]}, {"InstanceMonitorings": []}),
}


def plain(given):
    """As JSON has it: moments as seconds."""
    if isinstance(given, dict):
        return {key: plain(inner) for key, inner in given.items()}
    if isinstance(given, list):
        return [plain(inner) for inner in given]
    return int(given.timestamp()) if isinstance(given, datetime) else given


def request(operation, given):
    """What botocore sends, and what it means: user data in base64, which boto3 adds."""
    meant = dict(given)
    if "UserData" in meant:
        meant["UserData"] = "IyEvYmluL3NoCg=="
    sent = create_serializer("ec2", include_validation=False).serialize_to_request(meant, operation)["body"]
    return meant, urllib.parse.urlencode(sent)


def answer(name, operation, given):
    """What moto answers, which botocore reads back."""
    context = types.SimpleNamespace(request_id="REQUEST")
    body = EC2Serializer(MOTO.operation_model(name), context).serialize(given or {})["body"]
    if given is not None:
        response = {"headers": {}, "status_code": 200, "body": body.encode()}
        read = create_parser("ec2").parse(response, operation.output_shape)
        read.pop("ResponseMetadata", None)
        assert plain(read) == plain(given), (name, read, given)
    return re.sub(r"<(\w+)/>", r"<\1></\1>", body).split("\n", 1)[-1]


def golden():
    """Five lines an operation."""
    for name, (given, answered) in sorted(CALLS.items()):
        operation = SERVICE.operation_model(name)
        meant, sent = request(operation, given)
        yield from [name, json.dumps(plain(meant), ensure_ascii=False), sent]
        yield from [json.dumps(plain(answered or {}), ensure_ascii=False), answer(name, operation, answered)]


def kind(shape):
    """As the schemas here name it."""
    if shape.type_name == "list":
        return f"list<{kind(shape.member)}>"
    return shape.name if shape.type_name == "structure" else shape.type_name


def spoken():
    """The names of the structures that the crate has."""
    texts = [path.read_text() for path in (CRATE / "src" / "ops").glob("*.rs")]
    found = re.findall(r'pub\(super\) struct (\w+)|shape\(name = "(\w+)"\)\]\s+pub', "\n".join(texts))
    return {name for names in found for name in names if name}


def rows():
    """A line for each operation, and for each member of what is spoken."""
    for name in CALLS:
        operation = SERVICE.operation_model(name)
        output = operation.output_shape.name if operation.output_shape else "-"
        yield f"{name} {operation.input_shape.name} {output}"
    for name in spoken() & set(SERVICE.shape_names):
        shape = SERVICE.shape_for(name)
        if shape.type_name != "structure":
            continue
        for key, member in shape.members.items():
            line = f"{name}.{key} {kind(member)} {member.serialization.get('name', key)}"
            if member.type_name == "list" and "name" in member.member.serialization:
                line += f" item={member.member.serialization['name']}"
            yield line + (" required" if key in shape.required_members else "")


def write(file, lines, *head):
    text = "\n".join([*(f"# {line}" for line in head), *lines]) + "\n"
    (CRATE / "models" / file).write_text(text)


def main():
    mine = f"botocore {botocore.__version__}"
    write(
        "ec2-2016-11-15.txt",
        sorted(set(rows())),
        "Written by scripts/ec2-golden.py: the operations of the EC2 API that are spoken here, and the members of their",
        f"shapes, from the service model of 2016-11-15 that {mine} carries (Apache-2.0).",
        "Operation Input Output; then Shape.Member kind locationName [item=locationName of items] [required].",
    )
    write(
        "golden-ec2-2016-11-15.txt",
        golden(),
        f"Written by scripts/ec2-golden.py with {mine} and moto {moto.__version__}.",
        "Five lines each: operation, request as JSON, as sent, answer as JSON, as sent.",
    )


main()
