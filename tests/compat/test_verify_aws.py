"""`shukuba verify-aws` on our own server and on moto's: every step, what it costs, and what it leaves when something goes wrong."""

import concurrent.futures
import json
import os
import signal
import subprocess
import time
import uuid

import boto3
import pytest
from botocore.config import Config
from conftest import BIN
from moto.server import ThreadedMotoServer

STEPS = ["queues", "bucket", "send", "deliver", "results", "ledger", "alarm", "clean-up"]
WAIT_SECS_MAX = 60
# Asked for by AWS's documentation, but not by every run: a message is handed back, or tried again, where a receiver fails.
RARE = {"sqs:ChangeMessageVisibility"}


class Place:
    """Where it is run, and what is there."""

    def __init__(self, environment, directory):
        self.environment, self.directory = environment, directory

    def client(self, service):
        given = self.environment
        return boto3.client(
            service, endpoint_url=given.get("AWS_ENDPOINT_URL_" + service.upper(), given["AWS_ENDPOINT_URL"]),
            region_name=given["AWS_DEFAULT_REGION"], aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"], config=Config(retries={"max_attempts": 0}),
        )

    def start(self, *arguments, **changes):
        surroundings = {**os.environ, **self.environment, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(self.directory), "XDG_DATA_HOME": str(self.directory), **changes}
        command = [BIN, "verify-aws", "--output", "json", *arguments]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings)

    def run(self, *arguments, **changes):
        process = self.start(*arguments, **changes)
        out, said = process.communicate(timeout=WAIT_SECS_MAX * 3)
        return process.returncode, out and json.loads(out), said

    def left(self):
        """What there is of any trial."""
        queues = self.client("sqs").list_queues(QueueNamePrefix="shukuba-verify-").get("QueueUrls", [])
        buckets = [bucket["Name"] for bucket in self.client("s3").list_buckets()["Buckets"] if bucket["Name"].startswith("shukuba-verify-")]
        alarms = self.client("cloudwatch").describe_alarms(AlarmNamePrefix="shukuba-verify-")["MetricAlarms"]
        return [*queues, *buckets, *(alarm["AlarmName"] for alarm in alarms)]


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture(params=["ours", "moto"])
def place(request, server, tmp_path):
    environment = dict(server.environment)
    if request.param == "moto":
        # The SDK speaks CBOR to CloudWatch, and moto does not: the alarm is ours.
        environment["AWS_ENDPOINT_URL_CLOUDWATCH"] = environment["AWS_ENDPOINT_URL"]
        environment["AWS_ENDPOINT_URL"] = request.getfixturevalue("moto")
    made = Place(environment, tmp_path)
    yield made
    assert made.left() == []


@pytest.fixture
def ours(server, tmp_path):
    made = Place(server.environment, tmp_path)
    yield made
    assert made.left() == []


def states(report):
    return {step["step"]: step["state"] for step in report["steps"]}


def test_every_step_goes_well_and_nothing_is_left(place):
    code, report, said = place.run("--yes", "--count", "100")
    assert code == 0 and report["ok"] and report["left"] == [], (report, said)
    assert [step["step"] for step in report["steps"]] == STEPS
    assert set(states(report).values()) == {"ok"}, report
    assert "It costs at most $0.1" in said and "100 notifications" in said, said
    called = {of["kind"]: of["requests"] for of in report["requests"]}
    # Ten batches, at least as many receives and deletes.
    assert 30 <= called["SQS"] <= 650 and called["CloudWatch"] == 6 and called["other"] == 0, called
    assert 0 < report["dollars"] < report["dollars_max"] < 0.12


def test_an_echo_elsewhere_is_sent_to_once_for_each(ours, sink):
    code, report, said = ours.run("--yes", "--count", "7", "--to", sink.url + "/ok?key=a")
    assert code == 0, (report, said)
    assert sink.stats()["paths"]["/ok"] == 7


def test_nothing_is_made_before_somebody_agrees(ours):
    code, report, said = ours.run("--count", "3")
    assert (code, report) == (2, "") and "say --yes" in said and "at most $" in said, said
    for arguments, text in (
        (["--endpoint", "https://sqs.example"], "--to"), (["--count", "1001"], "1..=1000"), (["--count", "0"], "1..=1000"), (["--timeout", "2h"], "an hour"),
    ):
        code, _, said = ours.run("--yes", *arguments)
        assert code == 2 and text in said, said


def test_a_step_that_fails_is_named_and_all_is_taken_away(ours):
    code, report, said = ours.run("--yes", "--count", "3", "--timeout", "6s", "--to", "http://127.0.0.1:9/")
    found = states(report)
    assert code == 1 and not report["ok"] and report["left"] == [], (report, said)
    assert (found["send"], found["deliver"], found["results"], found["alarm"], found["clean-up"]) == ("ok", "failed", "skipped", "skipped", "ok"), report


def test_a_signal_takes_all_away(place, sink):
    process = place.start("--yes", "--count", "3", "--to", sink.url + "/hang")
    deadline = time.monotonic() + WAIT_SECS_MAX
    while sink.stats()["paths"].get("/hang", 0) == 0:
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.05)
    assert len(place.left()) == 3
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=WAIT_SECS_MAX)
    report = json.loads(out)
    (deliver,) = [step for step in report["steps"] if step["step"] == "deliver"]
    assert process.returncode == 1 and deliver["detail"] == "interrupted" and report["left"] == [], (report, said)


def test_what_is_kept_is_named(ours):
    code, report, said = ours.run("--yes", "--count", "2", "--keep")
    assert code == 0 and len(report["left"]) == 4, (report, said)
    (bucket,) = [what.removeprefix("bucket ") for what in report["left"] if what.startswith("bucket ")]
    s3, sqs = ours.client("s3"), ours.client("sqs")
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert tags["shukuba"] == "verify-aws" and bucket == "shukuba-verify-" + tags["shukuba-trial"]
    stored = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert any("manifests/" in key for key in stored) and any("route=verify" in key for key in stored), stored
    for key in stored:
        s3.delete_object(Bucket=bucket, Key=key)
    s3.delete_bucket(Bucket=bucket)
    for url in sqs.list_queues(QueueNamePrefix=bucket)["QueueUrls"]:
        assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == tags
        sqs.delete_queue(QueueUrl=url)
    ours.client("cloudwatch").delete_alarms(AlarmNames=[bucket])


class User:
    """Somebody who may do what a policy says."""

    def __init__(self, server, policy):
        self.iam, self.name = server.client("iam"), "verify-" + uuid.uuid4().hex[:12]
        self.iam.create_user(UserName=self.name)
        self.iam.put_user_policy(UserName=self.name, PolicyName="own", PolicyDocument=json.dumps(policy))
        key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        self.key = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def policy_of(place):
    answer = subprocess.run([BIN, "verify-aws", "--policy"], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


def without(policy, action):
    statements = [{**one, "Action": [name for name in one["Action"] if name != action]} for one in policy["Statement"]]
    return {**policy, "Statement": [one for one in statements if one["Action"]]}


def sweep(place):
    """What a trial that may not delete has left."""
    sqs, s3 = place.client("sqs"), place.client("s3")
    for url in sqs.list_queues(QueueNamePrefix="shukuba-verify-").get("QueueUrls", []):
        sqs.delete_queue(QueueUrl=url)
    for bucket in s3.list_buckets()["Buckets"]:
        if bucket["Name"].startswith("shukuba-verify-"):
            for found in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                s3.delete_object(Bucket=bucket["Name"], Key=found["Key"])
            s3.delete_bucket(Bucket=bucket["Name"])
    alarms = place.client("cloudwatch").describe_alarms(AlarmNamePrefix="shukuba-verify-")["MetricAlarms"]
    if alarms:
        place.client("cloudwatch").delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in alarms])


def test_its_policy_is_enough_and_none_of_it_too_much(server, ours):
    policy = policy_of(ours)
    arguments = ("--yes", "--count", "1", "--timeout", "15s")
    code, report, said = ours.run(*arguments, **User(server, policy).key)
    assert code == 0, (report, said)
    # A queue of another name is none of its business.
    sqs = boto3.client("sqs", endpoint_url=server.endpoint, region_name=server.environment["AWS_DEFAULT_REGION"], **{name.lower(): value for name, value in User(server, policy).key.items()})
    with pytest.raises(sqs.exceptions.ClientError, match="AccessDenied"):
        sqs.create_queue(QueueName="other")

    actions = sorted({action for one in policy["Statement"] for action in one["Action"]} - RARE)

    def run(action):
        return ours.run(*arguments, **User(server, without(policy, action)).key)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        outcomes = dict(zip(actions, pool.map(run, actions)))
    needless = [action for action, (code, _, _) in outcomes.items() if code == 0]
    assert needless == [], "it goes well without"
    # Without permission it fails, not for want of time.
    for action, (_, report, said) in outcomes.items():
        details = " ".join(step["detail"] for step in report["steps"])
        assert "AccessDenied" in details or "403" in details or f"allows the {action} action" in said, (action, details, said)
    # What could not be taken away is named.
    _, report, _ = outcomes["s3:DeleteBucket"]
    assert [what.split()[0] for what in report["left"]] == ["bucket"] and states(report)["clean-up"] == "failed", report
    _, report, _ = outcomes["sqs:DeleteQueue"]
    assert [what.split()[0] for what in report["left"]] == ["queue", "queue"], report
    sweep(ours)
