"""Scaler and notifiers as functions of our own server: one that is killed is missed after a minute, and another takes its place."""

import json
import os
import signal
import time

import pytest
from conftest import BIN
from functions import make_role, own_server, package  # noqa: F401 (a fixture)

SETTINGS = """
[routes.fn]
queue = "fn"
retry_queue = "fn-retry"

[notifier]
life = "5m"

[scaler]
notifiers_min = 1
notifiers_max = 1
policy = "backlog"

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
rate = "600/m"
"""
# Tells which process it becomes.
BOOTSTRAP = f'#!/bin/sh\necho "$_HANDLER $$" >> "$MARKS"\nexec {BIN}\n'
# A minute of silence, a report of 20 s before it, and what a busy machine takes.
MISSED_SECS_MAX = 150


class Estate:
    """Queues, bucket and both functions."""

    def __init__(self, server, directory):
        self.server, self.marks = server, directory / "marks"
        self.sqs, self.s3, self.functions = server.client("sqs"), server.client("s3"), server.client("lambda")
        self.urls = [self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("fn", "fn-retry")]
        self.s3.create_bucket(Bucket="estate", CreateBucketConfiguration={"LocationConstraint": server.environment["AWS_DEFAULT_REGION"]})
        self.s3.put_object(Bucket="estate", Key="settings.toml", Body=SETTINGS.encode())
        role = make_role(server, "runner", "sqs:*", "s3:*", "cloudwatch:*", "lambda:*")
        for handler in ("scaler", "notifier"):
            environment = {
                "SHUKUBA_CONFIG": "s3://estate/settings.toml", "SHUKUBA_RESULTS": "s3://estate/results", "SHUKUBA_MEMORY": "s3://estate/scaler",
                "SHUKUBA_NOTIFIER": "notifier", "MARKS": str(self.marks),
            }
            self.functions.create_function(
                FunctionName=handler, Role=role, Runtime="provided.al2023", Handler=handler, Code={"ZipFile": package(BOOTSTRAP)}, Timeout=330,
                MemorySize=512, Environment={"Variables": environment},
            )
            self.functions.put_function_event_invoke_config(FunctionName=handler, MaximumRetryAttempts=0, MaximumEventAgeInSeconds=60)

    def plan(self):
        answer = self.functions.invoke(FunctionName="scaler", Payload=b"{}")
        body = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, body
        (plan,) = body["plans"]
        return plan

    def notifiers(self):
        lines = self.marks.read_text().splitlines() if self.marks.exists() else []
        return [int(line.split()[1]) for line in lines if line.startswith("notifier ")]

    def reports(self):
        """Who tells of itself: names by plan and index, with what they say."""
        listed = self.s3.list_objects_v2(Bucket="estate", Prefix="scaler/alive/fn/").get("Contents", [])
        told = {found["Key"]: self.s3.get_object(Bucket="estate", Key=found["Key"])["Body"].read() for found in listed}
        return {key.rsplit("/", 1)[1].split("-", 1)[1]: body and json.loads(body) for key, body in told.items()}

    def state(self):
        return json.loads(self.s3.get_object(Bucket="estate", Key="scaler/state.json")["Body"].read())["state"]["routes"]["fn"]


def until(is_so, secs):
    deadline = time.monotonic() + secs
    while True:
        found = is_so()
        if found:
            return found
        assert time.monotonic() < deadline, "it is not so in time"
        time.sleep(0.5)


@pytest.fixture
def estate(own_server, tmp_path):  # noqa: F811
    made = Estate(own_server, tmp_path)
    yield made
    # The server would wait for those that live until they have ended.
    for process in made.notifiers():
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass


def test_one_that_is_killed_is_replaced_long_before_its_deadline(estate, sink):
    for n in range(3):
        estate.sqs.send_message(QueueUrl=estate.urls[0], MessageBody=f"{sink.url}/ok?n={n}")
    first = estate.plan()
    assert (first["start"], first["inputs"]["lost"]) == (1, 0), first
    name = f"{first['number']}-0"
    # It tells that it lives, and soon whom it has met: with the limit of the settings the plan knows what the receiver can use.
    until(lambda: (estate.reports().get(name) or {}).get("destinations"), 60)
    usable = until(lambda: estate.plan()["inputs"].get("usable"), 30)
    assert usable == 1
    assert sink.stats()["paths"]["/ok"] == 3

    (victim,) = estate.notifiers()
    os.kill(victim, signal.SIGKILL)
    killed_at = time.time()
    # It may only be slow to tell: a plan that comes at once starts nobody.
    early = estate.plan()
    assert (early["inputs"]["running"], early["start"]) == (1, 0), early

    def missed():
        plan = estate.plan()
        return plan if plan["start"] else None

    missing = until(missed, MISSED_SECS_MAX)
    assert (missing["inputs"]["lost"], missing["inputs"]["running"], missing["start"]) == (1, 0, 1), missing
    assert "1 lost" in missing["reason"]
    starts = {(start["plan"], start["index"]): start for start in estate.state()["starts"]}
    old = starts[first["number"], 0]
    assert old["gone"] == "silent" and old["until"] / 1000 > killed_at + MISSED_SECS_MAX, "before its deadline"
    successor = f"{missing['number']}-0"
    until(lambda: estate.reports().get(successor), 60)
    assert len(estate.notifiers()) == 2
    estate.sqs.send_message(QueueUrl=estate.urls[0], MessageBody=f"{sink.url}/ok?after")
    until(lambda: sink.stats()["paths"]["/ok"] == 4, 60)
