"""CloudWatch Logs by boto3 and aws-cli: groups, streams, events, pages, permissions, the trail, what a kill leaves."""

import json
import subprocess
import time
import uuid

import botocore.session
import pytest
from conftest import BIN, ROOT
from watching import refused, until

AWS = ROOT / ".venv/bin/aws"
MODEL = botocore.session.get_session().get_service_model("logs")


@pytest.fixture(scope="module")
def logs(server):
    return server.client("logs")


@pytest.fixture
def group(logs):
    """A group of the test's own, with a stream `s`."""
    name = f"/test/{uuid.uuid4().hex[:12]}"
    logs.create_log_group(logGroupName=name, tags={"team": "ads"})
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    yield name
    logs.delete_log_group(logGroupName=name)


def now():
    return int(time.time() * 1000)


def put(logs, group, *messages, stream="s"):
    events = [{"timestamp": now(), "message": message} for message in messages]
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def found(logs, group, **more):
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, **more)
    return [event["message"] for page in pages for event in page["events"]]


def test_shapes_are_those_of_the_model():
    answer = subprocess.run([BIN, "api", "schema", "logs"], capture_output=True, text=True, check=True)
    for operation in json.loads(answer.stdout)["operations"]:
        model = MODEL.operation_model(operation["name"])
        for side, shape in (("input", model.input_shape), ("output", model.output_shape)):
            assert {member["name"] for member in operation[side]} == set(shape.members if shape else ()), operation["name"]


def test_what_was_put_is_read_in_pages_from_either_end(logs, group):
    answer = put(logs, group, *(f"line {n}" for n in range(25)))
    assert answer["nextSequenceToken"] and "rejectedLogEventsInfo" not in answer
    assert found(logs, group, PaginationConfig={"PageSize": 10}) == [f"line {n}" for n in range(25)]
    assert found(logs, group, filterPattern='"line 7"') == ["line 7"]
    read, token = [], None
    while True:
        page = logs.get_log_events(
            logGroupName=group, logStreamName="s", limit=10, startFromHead=True, **({"nextToken": token} if token else {})
        )
        if page["nextForwardToken"] == token:
            break
        read += [event["message"] for event in page["events"]]
        token = page["nextForwardToken"]
    assert read == [f"line {n}" for n in range(25)]
    last = logs.get_log_events(logGroupName=group, logStreamName="s", limit=2)["events"]
    assert [event["message"] for event in last] == ["line 23", "line 24"]
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert stream["logStreamName"] == "s" and stream["lastEventTimestamp"] <= now()


def test_what_is_not_in_order_too_old_or_nowhere_is_told(logs, group):
    times = [now(), now() - 1000]
    events = [{"timestamp": at, "message": "x"} for at in times]
    text = "Log events in a single PutLogEvents request must be in chronological order."
    refused("InvalidParameterException", logs.put_log_events, text=text, logGroupName=group, logStreamName="s", logEvents=events)
    old = [{"timestamp": now() - 15 * 86_400_000, "message": "old"}, {"timestamp": now(), "message": "new"}]
    answer = logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=old)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    assert found(logs, group) == ["new"]
    refused(
        "ResourceNotFoundException", logs.filter_log_events, text="The specified log group does not exist.", status=400, logGroupName="/none"
    )
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)


def test_a_policy_names_a_group_with_a_star_at_its_end(server, logs, group):
    """As the User Guide has it, and as roles of functions do."""
    iam = server.client("iam")
    name = f"writer-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["arn"]
    assert arn.endswith(f":log-group:{group}:*")
    statement = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": arn}
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    writer = server.client("logs", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    writer.create_log_stream(logGroupName=group, logStreamName="own")
    put(writer, group, "by the writer", stream="own")
    text = refused("AccessDeniedException", writer.filter_log_events, logGroupName=group)
    assert f"is not authorized to perform: logs:FilterLogEvents on resource: {arn.removesuffix('*')}log-stream:" in text
    refused("AccessDeniedException", put, writer, "/another", "x")
    assert found(logs, group) == ["by the writer"]


def test_changes_are_in_the_trail_and_lines_are_not(server, logs, group):
    put(logs, group, "not for the trail")
    trail = server.client("cloudtrail")

    def events():
        """Of this group; none until its last is there. Two calls a second may be made."""
        answer = trail.lookup_events(LookupAttributes=[{"AttributeKey": "EventSource", "AttributeValue": "logs.amazonaws.com"}])
        told = [json.loads(event["CloudTrailEvent"]) for event in answer["Events"] if group in event["CloudTrailEvent"]]
        return told if any(event["eventName"] == "CreateLogStream" for event in told) else None

    told = until("the record", events, every=1)
    assert {event["eventName"] for event in told} == {"CreateLogGroup", "CreateLogStream"}
    assert "not for the trail" not in json.dumps(told)


def test_aws_cli_and_our_command_read_the_same(server, logs, group):
    put(logs, group, "one", "two", "three")
    command = [AWS, "logs", "filter-log-events", "--log-group-name", group, "--endpoint-url", server.endpoint, "--query", "events[].message"]
    answer = subprocess.run(command, capture_output=True, text=True, env=server.shell_environment(), timeout=120)
    assert answer.returncode == 0 and json.loads(answer.stdout) == ["one", "two", "three"], answer.stderr
    shown = server.run("function", "logs", group, "--filter", "two")
    assert shown.returncode == 0 and shown.stdout.endswith(" s two\n"), shown.stdout + shown.stderr
    none = server.run("function", "logs", "never-printed")
    assert none.returncode == 1 and "no function of that name has printed anything" in none.stderr


def test_following_shows_what_comes(server, logs, group):
    command = [BIN, "function", "logs", group, "--follow", "--output", "json", *server.common()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        try:
            for number in range(3):
                put(logs, group, f"line {number}")
                assert json.loads(following.stdout.readline())["message"] == f"line {number}"
        finally:
            following.terminate()


def test_a_kill_forgets_nothing_that_was_answered(own_server):
    logs = own_server.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    logs.put_retention_policy(logGroupName="g", retentionInDays=7)
    put(logs, "g", *(f"line {n}" for n in range(100)))
    own_server.kill()
    own_server.start()
    logs = own_server.client("logs")
    assert found(logs, "g") == [f"line {n}" for n in range(100)]
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 7
