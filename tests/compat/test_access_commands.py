"""`shukuba access …` on the built binary: what it makes is asked for with boto3, and by the people whom it lets in."""

import csv
import io
import json
import os
import stat
import subprocess
import urllib.request

import boto3
import botocore
import pytest
from moto.server import ThreadedMotoServer

from conftest import BIN, serving

GROUPS = {
    "Admin": {"AdministratorAccess", "IAMUserChangePassword"},
    "Developers": {"PowerUserAccess", "IAMUserChangePassword"},
    "Operators": {"ReadOnlyAccess", "IAMUserChangePassword", "ViewBilling"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The module's own: what an account is set to holds for all who use its server."""
    yield from serving(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def iam(server):
    made = server.run("access", "init", "--no-trail", "--deny-receive")
    assert made.returncode == 0, made.stderr
    return server.client("iam", region_name="us-east-1")


def add(server, path, name, *arguments):
    file = path / f"{name}.csv"
    done = server.run("access", "user", "add", name, *arguments, "--credentials", str(file))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (row,) = csv.DictReader(io.StringIO(file.read_text()))
    assert row["Password"] not in done.stdout + done.stderr
    return row


def as_user(server, row, service):
    keys = {"aws_access_key_id": row["Access key ID"], "aws_secret_access_key": row["Secret access key"]}
    return server.client(service, **keys)


def test_groups_have_their_policies(iam):
    for group, expected in GROUPS.items():
        answer = iam.list_attached_group_policies(GroupName=group)
        assert {policy["PolicyName"] for policy in answer["AttachedPolicies"]} == expected
    assert iam.list_group_policies(GroupName="Operators")["PolicyNames"] == ["DenyReceiveMessage"]
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert policy["MinimumPasswordLength"] == 14 and policy["RequireSymbols"]


def test_a_second_run_and_a_look_change_nothing(server, iam):
    before = iam.get_account_authorization_details(Filter=["Group", "LocalManagedPolicy"])
    for arguments in (["--dry-run"], []):
        steps = server.json("access", "init", "--no-trail", "--deny-receive", *arguments)
        assert {step["Became"] for step in steps} == {"exists"}
    after = iam.get_account_authorization_details(Filter=["Group", "LocalManagedPolicy"])
    for answer in (before, after):
        del answer["ResponseMetadata"]
    assert before == after


def test_somebody_comes_works_and_goes(server, iam, tmp_path, queue):
    row = add(server, tmp_path, "ops", "--group", "Operators", "--key")
    assert row["User name"] == "ops" and row["Console login link"] == server.endpoint + "/_shukuba/"
    assert iam.get_login_profile(UserName="ops")["LoginProfile"]["PasswordResetRequired"] is True
    sqs = as_user(server, row, "sqs")
    assert queue in sqs.list_queues()["QueueUrls"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        sqs.receive_message(QueueUrl=queue)
    assert "with an explicit deny in an identity-based policy" in str(refused.value)
    gone = server.json("access", "offboard", "ops")
    steps = {step["What"]: step["Became"] for step in gone}
    assert steps["out of group Operators"] == "made" and steps["no password"] == "made"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        sqs.list_queues()
    assert refused.value.response["Error"]["Code"] == "InvalidClientTokenId"
    keys = iam.list_access_keys(UserName="ops")["AccessKeyMetadata"]
    assert [key["Status"] for key in keys] == ["Inactive"]


def test_a_password_goes_to_no_pipe_and_a_wrong_group_makes_nobody(server, iam, tmp_path):
    done = server.run("access", "user", "add", "eve", "--group", "Operators")
    assert done.returncode == 2 and "--credentials FILE" in done.stderr
    file = tmp_path / "eve.csv"
    done = server.run("access", "user", "add", "eve", "--group", "Nobody", "--credentials", str(file))
    assert done.returncode == 2 and "no group `Nobody`" in done.stderr
    assert not file.exists()
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_user(UserName="eve")


def test_over_the_wire_the_same_is_made(server, iam, tmp_path):
    url = ["--endpoint", server.endpoint]
    steps = server.json("access", "init", "--no-trail", "--deny-receive", *url)
    assert {step["Became"] for step in steps} == {"exists"}
    row = add(server, tmp_path, "wire", "--group", "Developers", "--key", *url)
    sts = as_user(server, row, "sts")
    assert sts.get_caller_identity()["Arn"].endswith(":user/wire")
    done = server.run("access", "offboard", "wire", *url)
    assert done.returncode == 0, done.stderr
    assert iam.list_groups_for_user(UserName="wire")["Groups"] == []
    assert iam.list_user_policies(UserName="wire")["PolicyNames"] == ["AWSRevokeOlderSessions"]


def test_an_explanation_says_what_enforcement_says(server, iam, tmp_path, queue):
    row = add(server, tmp_path, "dev", "--group", "Developers", "--key")
    sqs = as_user(server, row, "sqs")
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    told = server.json("access", "explain", "dev", "sqs:GetQueueAttributes", arn)
    assert told["IsAllowed"] and told["Statements"][0]["Policy"].endswith(":policy/PowerUserAccess")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        as_user(server, row, "iam").create_user(UserName="mallory")
    told = server.run("access", "explain", "dev", "iam:CreateUser", f"arn:aws:iam::{arn.split(chr(58))[4]}:user/mallory")
    assert told.returncode == 1
    reason = "because no identity-based policy allows the iam:CreateUser action"
    assert reason in told.stdout and reason in str(refused.value)
    who = server.json("access", "who-can", "sqs:SendMessage", arn)
    names = {answer["Principal"].rsplit("/")[-1] for answer in who if answer["IsAllowed"]}
    assert "dev" in names and not names & {"ops", "eve"}


def test_the_policies_of_queues_and_buckets_count(server, tmp_path, queue):
    row = add(server, tmp_path, "guest", "--group", "Operators", "--key")
    sqs = as_user(server, row, "sqs")
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    account = arn.split(":")[4]
    asked = ("access", "explain", "guest", "sqs:SendMessage", arn)
    assert not json.loads(server.run(*asked, "--output", "json").stdout)["IsAllowed"]
    statement = {"Sid": "Guest", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn,
                 "Principal": {"AWS": f"arn:aws:iam::{account}:user/guest"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    server.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    for place in ([], ["--endpoint", server.endpoint]):
        told = server.json(*asked, *place)
        assert told["IsAllowed"] and told["Statements"][0]["Sid"] == "Guest"
    sqs.send_message(QueueUrl=queue, MessageBody="http://127.0.0.1/")
    # Another policy in its place: what would be.
    deny = tmp_path / "deny.json"
    deny.write_text(policy.replace("Allow", "Deny"))
    told = server.run(*asked, "--resource-policy", str(deny))
    assert told.returncode == 1 and "explicit deny in a resource-based policy" in told.stdout
    server.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    s3 = server.client("s3")
    s3.create_bucket(Bucket="of-guests", CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    statement = {**statement, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::of-guests/*"}
    s3.put_bucket_policy(Bucket="of-guests", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    who = server.json("access", "who-can", "s3:PutObject", "arn:aws:s3:::of-guests/a")
    can = {answer["Principal"]: answer["Statements"][0]["Sid"] for answer in who if answer["IsAllowed"] and "Sid" in answer["Statements"][0]}
    assert can[f"arn:aws:iam::{account}:user/guest"] == "Guest"


def test_a_policy_is_made_that_iam_takes(server, iam):
    made = server.run("access", "policy", "make", "--allow", "sqs:SendMessage,sqs:Get*", "--on", "arn:aws:sqs:*:*:s2s")
    assert made.returncode == 0, made.stderr
    document = json.loads(made.stdout)
    assert document["Statement"][0]["Action"] == ["sqs:SendMessage", "sqs:Get*"]
    arn = iam.create_policy(PolicyName="Made", PolicyDocument=made.stdout)["Policy"]["Arn"]
    iam.delete_policy(PolicyArn=arn)
    wrong = server.run("access", "policy", "make", "--allow", "SendMessage", "--on", "*")
    assert wrong.returncode == 2 and "sqs:SendMessage" in wrong.stderr


def test_those_who_never_came_are_idle(server, iam, tmp_path):
    add(server, tmp_path, "never", "--group", "Operators")
    assert "never" in [user["UserName"] for user in server.json("access", "idle", "--days", "0")]
    assert server.json("access", "idle", "--days", "1000") == []


def test_the_bill_is_opened_and_closed(server, iam):
    assert server.json("access", "billing") == {"Billing": "open"}
    assert server.json("access", "billing", "close") == {"Billing": "closed"}
    assert server.json("access", "billing", "open") == {"Billing": "open"}
    url = ["--endpoint", server.endpoint]
    assert server.json("access", "billing", "close", *url) == {"Billing": "closed"}
    assert server.json("access", "billing", "open", *url) == {"Billing": "open"}
    found = server.json("audit", "search", "--event", "UpdateBillingAccess")
    assert len(found["events"]) >= 4


def test_without_a_server_the_files_are_worked_on(tmp_path):
    def run(*arguments):
        command = [BIN, *arguments, "--data", str(tmp_path / "data"), "--output", "json"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert run("env").returncode == 0
    steps = {step["What"]: step["Became"] for step in json.loads(run("access", "init").stdout)}
    assert steps.pop("trail audit with its bucket") == "to_do" and set(steps.values()) == {"made"}
    file = tmp_path / "ops.csv"
    assert run("access", "user", "add", "ops", "--group", "Operators", "--credentials", str(file)).returncode == 0
    told = json.loads(run("access", "explain", "ops", "aws-portal:ViewBilling", "*").stdout)
    assert told["IsAllowed"] and told["Statements"][0]["Policy"].endswith(":policy/ViewBilling")
    gone = json.loads(run("access", "offboard", "ops").stdout)
    assert [step["What"] for step in gone if step["Became"] == "made"] == ["no password", "sessions until now are over", "out of group Operators"]
    assert run("access", "explain", "ops", "aws-portal:ViewBilling", "*").returncode == 1


def check_trail(s3, cloudtrail, bucket):
    s3.head_bucket(Bucket=bucket)
    statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert [statement["Sid"] for statement in statements] == ["AWSCloudTrailAclCheck", "AWSCloudTrailWrite"]
    (trail,) = cloudtrail.describe_trails(trailNameList=["audit"])["trailList"]
    assert (trail["S3BucketName"], trail["IsMultiRegionTrail"], trail["LogFileValidationEnabled"]) == (bucket, True, True)
    assert cloudtrail.get_trail_status(Name="audit")["IsLogging"] is True


def test_a_trail_is_made_with_its_bucket_and_tells_of_it(own_server):
    for expected in ("made", "exists"):
        steps = own_server.json("access", "init")
        assert {step["Became"] for step in steps} == {expected}
    s3, cloudtrail, sts = (own_server.client(service) for service in ("s3", "cloudtrail", "sts"))
    check_trail(s3, cloudtrail, "cloudtrail-" + sts.get_caller_identity()["Account"])
    by_name = [{"AttributeKey": "EventName", "AttributeValue": "CreateGroup"}]
    events = cloudtrail.lookup_events(LookupAttributes=by_name)["Events"]
    assert [event["Username"] for event in events] == ["administrator"] * 3


def test_another_implementation_of_aws_is_brought_there_too(tmp_path, monkeypatch):
    """moto stands for AWS: the calls are those that AWS's own services take."""
    monkeypatch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    moto = ThreadedMotoServer("127.0.0.1", 0)
    moto.start()
    try:
        url = "http://{}:{}".format(*moto.get_host_and_port())
        # All servers of a process share what they keep.
        urllib.request.urlopen(url + "/moto-api/reset", data=b"", timeout=10).close()
        keys = {"AWS_ACCESS_KEY_ID": "AKIDELSEWHERE", "AWS_SECRET_ACCESS_KEY": "elsewhere", "AWS_REGION": "eu-west-1"}

        def run(*arguments):
            command = [BIN, "access", *arguments, "--endpoint", url, "--data", str(tmp_path / "none")]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **keys})
            assert done.returncode == 0, done.stderr
            return done.stdout

        for arguments, expected in ((["--dry-run"], "would_make"), ([], "made"), ([], "exists")):
            steps = json.loads(run("init", "--bucket", "the-trail", *arguments, "--output", "json"))
            assert {step["Became"] for step in steps if "billing" not in step["What"]} == {expected}

        def client(service):
            return boto3.client(service, endpoint_url=url, region_name="eu-west-1", aws_access_key_id="AKIDELSEWHERE", aws_secret_access_key="elsewhere")

        iam = client("iam")
        for group, expected in GROUPS.items():
            answer = iam.list_attached_group_policies(GroupName=group)
            assert {policy["PolicyName"] for policy in answer["AttachedPolicies"]} == expected
        check_trail(client("s3"), client("cloudtrail"), "the-trail")
        run("user", "add", "bob", "--group", "Operators", "--key", "--credentials", str(tmp_path / "bob.csv"))
        run("offboard", "bob")
        assert iam.list_groups_for_user(UserName="bob")["Groups"] == []
        assert [key["Status"] for key in iam.list_access_keys(UserName="bob")["AccessKeyMetadata"]] == ["Inactive"]
    finally:
        moto.stop()


def test_without_an_account_it_says_how_to_get_one(tmp_path):
    done = subprocess.run([BIN, "access", "init", "--data", str(tmp_path / "none")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "has no account" in done.stderr
