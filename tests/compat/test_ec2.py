"""Instances by boto3 and by aws-cli, in EC2's query protocol: run to be joined, described, tagged, terminated. What is expected stands in
the EC2 API Reference and User Guide. (How a host joins and what its states are then: test_agent.py.)
"""

import json
import pathlib
import re
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError, WaiterError

from watching import decoded, now, refused, tags, unique

AWS = str(pathlib.Path(sys.executable).parent / "aws")


@pytest.fixture(scope="module")
def ec2(server):
    return server.client("ec2")


@pytest.fixture
def name(ec2):
    """A Name of the test's own; what is called by it is terminated."""
    name = unique("host")
    yield name
    left = ids(ec2, f"{name}*")
    if left:
        ec2.terminate_instances(InstanceIds=left)


def run(ec2, name, count=1, **more):
    """The ids of new instances with that Name."""
    specification = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}, *more.pop("tags", [])]}]
    answer = ec2.run_instances(**{"ImageId": "ami-12345678", "MinCount": count, "MaxCount": count, "TagSpecifications": specification, **more})
    return [instance["InstanceId"] for instance in answer["Instances"]]


def named(pattern):
    return {"Name": "tag:Name", "Values": [pattern]}


def described(ec2, *filters, **more):
    pages = ec2.get_paginator("describe_instances").paginate(Filters=list(filters), **more)
    return [instance for page in pages for reservation in page["Reservations"] for instance in reservation["Instances"]]


def ids(ec2, pattern, *filters):
    return [instance["InstanceId"] for instance in described(ec2, named(pattern), *filters)]


def test_an_instance_is_run_described_and_terminated(ec2, server, name):
    before = now().replace(microsecond=0)
    answer = ec2.run_instances(ImageId="ami-12345678", InstanceType="t3.micro", KeyName="ops", MinCount=1, MaxCount=1, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}])
    account = server.client("sts").get_caller_identity()["Account"]
    assert answer["OwnerId"] == account and re.fullmatch(r"r-[0-9a-f]{17}", answer["ReservationId"])
    [made] = answer["Instances"]
    assert re.fullmatch(r"i-[0-9a-f]{17}", made["InstanceId"])
    assert made["State"] == {"Code": 0, "Name": "pending"}
    assert (made["ImageId"], made["InstanceType"], made["KeyName"]) == ("ami-12345678", "t3.micro", "ops")
    assert made["LaunchTime"] >= before and made["Placement"]["AvailabilityZone"].startswith(server.environment["AWS_DEFAULT_REGION"])
    answer = ec2.describe_instances(InstanceIds=[made["InstanceId"]])
    assert tags(answer["Reservations"][0]["Instances"][0]) == {"Name": name}
    ec2.get_waiter("instance_exists").wait(InstanceIds=[made["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    with pytest.raises(WaiterError):
        ec2.get_waiter("instance_running").wait(InstanceIds=[made["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    [change] = ec2.terminate_instances(InstanceIds=[made["InstanceId"]])["TerminatingInstances"]
    assert change["InstanceId"] == made["InstanceId"] and change["PreviousState"] == {"Code": 0, "Name": "pending"}
    assert change["CurrentState"] in ({"Code": 48, "Name": "terminated"}, {"Code": 32, "Name": "shutting-down"})
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[made["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    # Terminated instances stay in sight for a while, and terminating them again is no error.
    [gone] = described(ec2, named(name))
    assert gone["State"] == {"Code": 48, "Name": "terminated"}
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])


def test_the_token_to_join_by_is_shown_once_in_the_user_data(ec2, name):
    script = "#!/bin/sh\necho hello"
    [instance] = run(ec2, name, UserData=script)
    shown = lambda: decoded(ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")["UserData"]["Value"])
    first, again = shown(), shown()
    assert first.startswith(script) and re.search(r"shukuba agent --join http://\S+ --region \S+ --token sj_\S+", first), first
    assert again == script
    [other] = run(ec2, name)
    assert "--token sj_" in decoded(ec2.describe_instance_attribute(InstanceId=other, Attribute="userData")["UserData"]["Value"])


def test_filters_have_wildcards_alternatives_and_conditions(ec2, name):
    web1, web2, db = (run(ec2, f"{name}-{kind}", tags=[{"Key": "team", "Value": team}])[0] for kind, team in [("web-1", "ads"), ("web-2", "games"), ("db-1", "ads")])
    star = run(ec2, f"{name}-*")[0]
    assert sorted(ids(ec2, f"{name}-web-*")) == sorted([web1, web2])
    assert sorted(ids(ec2, f"{name}-???-?")) == sorted([web1, web2])
    assert ids(ec2, f"{name}-WEB-1") == []
    # A backslash takes a wildcard's meaning away.
    assert ids(ec2, f"{name}-\\*") == [star]
    assert sorted(instance["InstanceId"] for instance in described(ec2, {"Name": "tag:Name", "Values": [f"{name}-web-1", f"{name}-db-*"]})) == sorted([web1, db])
    assert ids(ec2, f"{name}-*", {"Name": "tag:team", "Values": ["ads"]}, {"Name": "tag:Name", "Values": ["*web*"]}) == [web1]
    assert sorted(ids(ec2, f"{name}*", {"Name": "tag-key", "Values": ["team"]})) == sorted([web1, web2, db])
    assert len(ids(ec2, f"{name}*", {"Name": "instance-state-name", "Values": ["pending"]})) == 4
    assert ids(ec2, f"{name}*", {"Name": "instance-state-name", "Values": ["running", "stopped"]}) == []
    assert len(ids(ec2, f"{name}*", {"Name": "instance-state-code", "Values": ["0"]})) == 4
    assert ids(ec2, f"{name}*", {"Name": "instance-id", "Values": [db]}) == [db]
    refused("InvalidParameterValue", ec2.describe_instances, Filters=[{"Name": "colour", "Values": ["x"]}])


def test_instances_come_in_pages(ec2, name):
    made = [run(ec2, f"{name}-{n}")[0] for n in range(12)]
    pages = list(ec2.get_paginator("describe_instances").paginate(Filters=[named(f"{name}*")], PaginationConfig={"PageSize": 5}))
    sizes = [sum(len(reservation["Instances"]) for reservation in page["Reservations"]) for page in pages]
    assert sizes == [5, 5, 2]
    assert sorted(instance["InstanceId"] for instance in described(ec2, named(f"{name}*"))) == sorted(made)
    for wrong in (4, 0):
        refused("InvalidParameterValue", ec2.describe_instances, MaxResults=wrong)
    # "You cannot specify this parameter and the instance IDs parameter in the same request."
    refused("InvalidParameterCombination", ec2.describe_instances, MaxResults=5, InstanceIds=made[:1])
    with pytest.raises(ClientError) as error:
        ec2.describe_instances(NextToken="no token")
    assert error.value.response["Error"]["Code"] in ("InvalidNextToken", "InvalidParameterValue", "InvalidNextToken.Malformed")


def test_several_are_run_at_once_and_the_same_call_twice_is_one(ec2, name):
    assert len(set(run(ec2, name, count=3))) == 3
    token = unique("token")
    once = run(ec2, name, ClientToken=token)
    assert run(ec2, name, ClientToken=token) == once
    refused("IdempotentParameterMismatch", ec2.run_instances, ImageId="ami-12345678", MinCount=2, MaxCount=2, ClientToken=token)


def test_tags_come_and_go(ec2, name):
    [one] = run(ec2, name)
    ec2.create_tags(Resources=[one], Tags=[{"Key": "team", "Value": "広告 & <b>"}, {"Key": "empty", "Value": ""}])
    ec2.create_tags(Resources=[one], Tags=[{"Key": "empty", "Value": "no more"}])
    pages = ec2.get_paginator("describe_tags").paginate(Filters=[{"Name": "resource-id", "Values": [one]}])
    found = [tag for page in pages for tag in page["Tags"]]
    assert {tag["Key"]: tag["Value"] for tag in found} == {"Name": name, "team": "広告 & <b>", "empty": "no more"}
    assert {(tag["ResourceId"], tag["ResourceType"]) for tag in found} == {(one, "instance")}
    # "If you omit a tag value, the tag is deleted regardless of its value"; another value leaves it.
    ec2.delete_tags(Resources=[one], Tags=[{"Key": "team", "Value": "other"}, {"Key": "empty"}])
    assert set(tags(described(ec2, named(name))[0])) == {"Name", "team"}
    refused("InvalidParameterValue", ec2.create_tags, Resources=[one], Tags=[{"Key": "aws:x", "Value": "y"}], text="Tag keys starting with 'aws:' are reserved for internal use")
    refused("TagLimitExceeded", ec2.create_tags, Resources=[one], Tags=[{"Key": f"k{n}", "Value": ""} for n in range(50)])
    refused("InvalidInstanceID.NotFound", ec2.create_tags, Resources=["i-0123456789abcdef0"], Tags=[{"Key": "k", "Value": ""}])


def test_dry_runs_do_nothing_and_say_what_they_would(ec2, name):
    text = "Request would have succeeded, but DryRun flag is set."
    refused("DryRunOperation", ec2.run_instances, ImageId="ami-12345678", MinCount=1, MaxCount=1, DryRun=True, text=text, status=412)
    refused("DryRunOperation", ec2.describe_instances, DryRun=True, text=text, status=412)
    [one] = run(ec2, name)
    refused("DryRunOperation", ec2.terminate_instances, InstanceIds=[one], DryRun=True, status=412)
    assert described(ec2, named(name))[0]["State"]["Name"] == "pending"


def test_a_dry_run_of_one_who_may_not_is_unauthorized(ec2, server):
    iam, user = server.client("iam"), unique("dry")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    other = server.client("ec2", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    refused("UnauthorizedOperation", other.describe_instances, DryRun=True, status=403)
    refused("UnauthorizedOperation", other.describe_instances, status=403)


def test_what_is_wrong_is_refused_as_ec2_refuses_it(ec2, name):
    unknown = "i-0123456789abcdef0"
    for call in (ec2.describe_instances, ec2.start_instances, ec2.stop_instances, ec2.reboot_instances, ec2.terminate_instances):
        refused("InvalidInstanceID.NotFound", call, InstanceIds=[unknown], text=f"The instance ID '{unknown}' does not exist", status=400)
        refused("InvalidInstanceID.Malformed", call, InstanceIds=["web-1"], text='Invalid id: "web-1" (expecting "i-...")', status=400)
    [one] = run(ec2, name)
    refused("InvalidInstanceID.NotFound", ec2.terminate_instances, InstanceIds=[one, unknown])
    refused("IncorrectInstanceState", ec2.stop_instances, InstanceIds=[one], text=f"This instance '{one}' is not in a state from which it can be stopped.")
    [gone] = run(ec2, f"{name}-gone")
    ec2.terminate_instances(InstanceIds=[gone])
    refused("IncorrectInstanceState", ec2.start_instances, InstanceIds=[gone], text=f"The instance '{gone}' is not in a state from which it can be started.")
    ec2.modify_instance_attribute(InstanceId=one, DisableApiTermination={"Value": True})
    text = f"The instance '{one}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
    refused("OperationNotPermitted", ec2.terminate_instances, InstanceIds=[one], text=text)
    ec2.modify_instance_attribute(InstanceId=one, DisableApiTermination={"Value": False})
    refused("InvalidUserData.Malformed", ec2_raw(ec2, UserData="%%%"))
    with pytest.raises(ClientError):
        ec2.run_instances(ImageId="ami-12345678", MinCount=2, MaxCount=1)
    with pytest.raises(ClientError):
        ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, UserData="x" * 17_000)


def ec2_raw(ec2, **members):
    """RunInstances with user data as they are, which boto3 else encodes."""
    def call():
        handler = lambda params, **_: params["body"].update(members)
        ec2.meta.events.register_first("before-call.ec2.RunInstances", handler)
        try:
            ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, UserData="x")
        finally:
            ec2.meta.events.unregister("before-call.ec2.RunInstances", handler)

    return call


def test_statuses_regions_and_zones_are_told(ec2, server, name):
    region = server.environment["AWS_DEFAULT_REGION"]
    [one] = run(ec2, name)
    assert ec2.describe_instance_status(InstanceIds=[one])["InstanceStatuses"] == [], "only running ones, unless all are asked for"
    [status] = ec2.describe_instance_status(InstanceIds=[one], IncludeAllInstances=True)["InstanceStatuses"]
    assert (status["InstanceId"], status["InstanceState"]) == (one, {"Code": 0, "Name": "pending"})
    assert status["InstanceStatus"]["Status"] == "not-applicable"
    assert region in [found["RegionName"] for found in ec2.describe_regions()["Regions"]]
    [zone] = ec2.describe_availability_zones()["AvailabilityZones"]
    assert zone["RegionName"] == region and zone["State"] == "available"


def test_the_article_s_filter_by_aws_cli(ec2, server, name):
    made = [run(ec2, f"{name}-web{n}")[0] for n in (1, 2)]
    run(ec2, f"{name}-db")
    arguments = ["ec2", "describe-instances", "--filters", f"Name=tag:Name,Values={name}-web*", "--query", "Reservations[].Instances[].InstanceId", "--output", "json"]
    answer = subprocess.run([AWS, *arguments, "--endpoint-url", server.endpoint], capture_output=True, text=True, timeout=60, env=server.shell_environment())
    assert answer.returncode == 0, answer.stderr
    assert sorted(json.loads(answer.stdout)) == sorted(made)
