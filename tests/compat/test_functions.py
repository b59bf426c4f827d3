"""Functions, rules and queues as their sources, by boto3 and by aws-cli. What is expected stands in the API references and developer guides
of Lambda and EventBridge.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import pytest
from botocore.exceptions import ClientError
from conftest import Server, drain
from functions import ON, SHELL, Function, allowing, make_role, own_server, package, server  # noqa: F401 (fixtures)
from watching import refused, unique, until

AWS = str(pathlib.Path(sys.executable).parent / "aws")


@pytest.fixture(scope="module")
def role(server):
    return make_role(server, unique("runner"), "sqs:*")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("functions")


@pytest.fixture(scope="module")
def echo(server, folder, role):
    return Function(server, folder, unique("echo"), role)


@pytest.fixture(scope="module", autouse=True)
def clock(server, folder, role):
    """A function that a rule starts every minute, begun before the other tests so that the last of them need not wait long."""
    function = Function(server, folder, unique("clock"), role)
    put_rule(server, function, ScheduleExpression="rate(1 minute)")
    return function


def put_rule(server, function, input=None, **rule):
    """A rule that starts the function, which lets it."""
    events, name = server.client("events"), unique("rule")
    arn = events.put_rule(Name=name, **rule)["RuleArn"]
    target = {"Id": "1", "Arn": function.arn, **({"Input": input} if input else {})}
    assert events.put_targets(Rule=name, Targets=[target])["FailedEntryCount"] == 0
    function.client.add_permission(
        FunctionName=function.name, StatementId=name, Action="lambda:InvokeFunction", Principal="events.amazonaws.com", SourceArn=arn
    )
    return name


def make_queue(server, stem, **attributes):
    sqs = server.client()
    url = sqs.create_queue(QueueName=unique(stem), Attributes=attributes)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_a_function_answers_and_its_log_ends_in_a_report(echo):
    answer, body = echo.invoke({"a": 1}, LogType="Tail")
    assert answer["StatusCode"] == 200 and "FunctionError" not in answer and answer["ExecutedVersion"] == "$LATEST"
    assert body == {"echo": {"a": 1}, "arn": echo.arn, "version": "$LATEST"}
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert lines[0].startswith("START RequestId: ") and lines[1] == 'event {"a": 1}'
    assert any(line.startswith("REPORT RequestId: ") and "Billed Duration: " in line for line in lines)


def test_what_functions_print_is_found_in_their_group(server, echo):
    echo.invoke({"printed": "by it"})
    logs = server.client("logs")

    def lines():
        try:
            answer = logs.filter_log_events(logGroupName=f"/aws/lambda/{echo.name}", filterPattern='"by it"')
        except logs.exceptions.ResourceNotFoundException:
            return []  # made when the first line is put
        return [event["message"] for event in answer["events"]]

    until("the line", lambda: 'event {"printed": "by it"}\n' in lines())


def test_errors_ends_and_timeouts_are_told_apart(server, folder, role, echo):
    answer, body = echo.invoke({"do": "fail"})
    assert (answer["StatusCode"], answer["FunctionError"], body["errorType"]) == (200, "Unhandled", "Told")
    answer, body = echo.invoke({"do": "exit"})
    assert (answer["FunctionError"], body["errorType"]) == ("Unhandled", "Runtime.ExitError")
    short = Function(server, folder, unique("short"), role, Timeout=1)
    answer, body = short.invoke({"do": "sleep", "secs": 30})
    assert answer["FunctionError"] == "Unhandled" and "Task timed out after 1.00 seconds" in body["errorMessage"]
    refused("ResourceNotFoundException", echo.client.invoke, FunctionName="nowhere", status=404)


def test_a_role_gives_the_function_what_its_policies_say_and_no_more(server, folder):
    url, arn = make_queue(server, "allowed")
    other, _ = make_queue(server, "other")
    name = unique("sender")
    function = Function(server, folder, name, make_role(server, name, "sqs:SendMessage", resource=arn))
    _, body = function.invoke({"do": "send", "queue": url})
    assert body["who"].endswith(f":assumed-role/{name}/{name}"), body
    assert [message["Body"] for message in drain(server.client(), url, 1)] == ["from a function"]
    _, body = function.invoke({"do": "send", "queue": other})
    assert "AccessDenied" in body["error"], body


def test_a_role_that_does_not_trust_lambda_gives_none(server, folder, echo):
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    arn = server.client("iam").create_role(RoleName=unique("other"), AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    code = {"ZipFile": package()}
    refused(
        "InvalidParameterValueException", echo.client.create_function, FunctionName=unique("f"), Role=arn, Runtime="provided.al2023", Handler="x",
        Code=code, text="The role defined for the function cannot be assumed by Lambda.",
    )


def test_nothing_runs_where_nothing_is_reserved(server, folder, role):
    function = Function(server, folder, unique("none"), role)
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    refused("TooManyRequestsException", function.client.invoke, FunctionName=function.name, status=429)
    function.client.delete_function_concurrency(FunctionName=function.name)
    assert function.invoke({})[0]["StatusCode"] == 200


def test_events_are_run_and_their_ends_are_told_to_queues(server, folder, role):
    (good, good_arn), (bad, bad_arn) = make_queue(server, "good"), make_queue(server, "bad")
    function = Function(server, folder, unique("events"), role)
    function.client.put_function_event_invoke_config(
        FunctionName=function.name, MaximumRetryAttempts=0,
        DestinationConfig={"OnSuccess": {"Destination": good_arn}, "OnFailure": {"Destination": bad_arn}},
    )
    assert function.invoke({"n": 1}, InvocationType="Event")[0]["StatusCode"] == 202
    function.invoke({"do": "fail"}, InvocationType="Event")
    for url, condition, payload in ((good, "Success", {"n": 1}), (bad, "RetriesExhausted", {"do": "fail"})):
        [message] = drain(server.client(), url, 1)
        record = json.loads(message["Body"])
        assert (record["requestContext"]["condition"], record["requestPayload"]) == (condition, payload)
    assert {"n": 1} in function.seen()


def test_versions_aliases_and_packages_in_buckets(server, echo):
    s3, bucket = server.client("s3"), unique("code")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    s3.put_object(Bucket=bucket, Key="f.zip", Body=package())
    echo.client.update_function_code(FunctionName=echo.name, S3Bucket=bucket, S3Key="f.zip")
    version = echo.client.publish_version(FunctionName=echo.name)["Version"]
    echo.client.create_alias(FunctionName=echo.name, Name="live", FunctionVersion=version)
    answer, body = echo.invoke({}, Qualifier="live")
    assert answer["ExecutedVersion"] == version == body["version"] and body["arn"] == echo.arn + ":live"


def test_an_event_starts_what_a_rule_is_for_once_the_function_lets_it(server, folder, role):
    function, events, source = Function(server, folder, unique("rule"), role), server.client("events"), unique("shop")
    put = lambda kind: events.put_events(Entries=[{"Source": source, "DetailType": kind, "Detail": json.dumps({"n": 1})}])
    put_rule(server, function, EventPattern=json.dumps({"source": [source], "detail-type": ["sold"]}))
    assert put("sold")["FailedEntryCount"] == 0 and put("returned")["FailedEntryCount"] == 0
    [seen] = until("the event", function.seen)
    assert (seen["source"], seen["detail-type"], seen["detail"]) == (source, "sold", {"n": 1})
    # Another rule, which the function does not let in: nothing comes of it but what a dead letter queue is told.
    url, arn = make_queue(server, "dead")
    rule = unique("rule")
    rule_arn = events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source + "-2"]}))["RuleArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}}}
    server.client().set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": function.arn, "DeadLetterConfig": {"Arn": arn}}])
    events.put_events(Entries=[{"Source": source + "-2", "DetailType": "x", "Detail": "{}"}])
    [letter] = drain(server.client(), url, 1, MessageAttributeNames=["All"])
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert len(function.seen()) == 1


def test_messages_of_a_queue_are_given_to_a_function_and_deleted(server, folder, role):
    url, arn = make_queue(server, "jobs", VisibilityTimeout="60")
    sqs, function = server.client(), Function(server, folder, unique("worker"), role)
    made = function.client.create_event_source_mapping(EventSourceArn=arn, FunctionName=function.name, BatchSize=5, Tags={"team": "ads"})
    ask = lambda: function.client.get_event_source_mapping(UUID=made["UUID"])
    until("the mapping", lambda: ask()["State"] == "Enabled")
    for number in range(6):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), MessageAttributes={"kind": {"DataType": "String", "StringValue": "job"}})
    records = lambda: [record for event in function.seen() for record in event["Records"]]
    until("the messages", lambda: sorted(record["body"] for record in records()) == [str(number) for number in range(6)])
    [record, *_] = records()
    assert (record["eventSource"], record["eventSourceARN"]) == ("aws:sqs", arn)
    assert record["messageAttributes"]["kind"]["stringValue"] == "job" and record["attributes"]["ApproximateReceiveCount"] == "1"
    counts = lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"])["Attributes"]
    until("the deletes", lambda: set(counts().values()) == {"0"})
    mapping_arn = made["EventSourceMappingArn"]
    function.client.tag_resource(Resource=mapping_arn, Tags={"stage": "live"})
    assert function.client.list_tags(Resource=mapping_arn)["Tags"] == {"team": "ads", "stage": "live"}
    function.client.delete_event_source_mapping(UUID=made["UUID"])
    until("the end", lambda: made["UUID"] not in [it["UUID"] for it in function.client.list_event_source_mappings()["EventSourceMappings"]])


def test_a_queue_that_is_bound_to_a_route_gives_functions_nothing(server, folder, role):
    function = Function(server, folder, unique("bound"), role)
    _, arn = make_queue(server, "any")
    made = function.client.create_event_source_mapping(EventSourceArn=arn.rsplit(":", 1)[0] + ":s2s", FunctionName=function.name)
    ask = lambda: function.client.get_event_source_mapping(UUID=made["UUID"])["LastProcessingResult"]
    until("the refusal", lambda: "bound to route" in ask())
    function.client.delete_event_source_mapping(UUID=made["UUID"])


def test_the_command_line_invokes(server, echo, tmp_path):
    out = tmp_path / "out.json"
    command = [AWS, "lambda", "invoke", "--function-name", echo.name, "--payload", '{"by": "cli"}', str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env=server.shell_environment(), timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["StatusCode"] == 200 and json.loads(out.read_text())["echo"] == {"by": "cli"}


def test_an_alarm_starts_a_function_that_lets_it(server, folder, role):
    cloudwatch, function, name = server.client("cloudwatch"), Function(server, folder, unique("alarmed"), role), unique("alarm")
    cloudwatch.put_metric_alarm(
        AlarmName=name, Namespace="Shop", MetricName=name, Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold", AlarmActions=[function.arn],
    )
    alarm = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["AlarmArn"]

    def set_state(value, reason):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=value, StateReason=reason)

    set_state("ALARM", "nobody is let in")
    history = lambda: cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="Action")["AlarmHistoryItems"]
    until("the refusal", lambda: any("may not" in item["HistorySummary"] + item["HistoryData"] for item in history()))
    function.client.add_permission(
        FunctionName=function.name, StatementId="alarm", Action="lambda:InvokeFunction", Principal="lambda.alarms.cloudwatch.amazonaws.com", SourceArn=alarm
    )
    set_state("OK", "well")
    set_state("ALARM", "too hot")
    [seen] = until("the event", function.seen)
    assert (seen["source"], seen["alarmArn"], seen["alarmData"]["state"]["reason"]) == ("aws.cloudwatch", alarm, "too hot")
    cloudwatch.delete_alarms(AlarmNames=[name])


def test_who_may_not_is_refused(server, echo, role):
    iam, name = server.client("iam"), unique("user")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = server.client("lambda", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    refused("AccessDeniedException", own.invoke, FunctionName=echo.name, status=403)
    rules = server.client("events", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    refused("AccessDeniedException", rules.put_rule, Name="x", ScheduleExpression="rate(1 minute)")
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=allowing("lambda:*"))
    assert own.invoke(FunctionName=echo.name)["StatusCode"] == 200
    # A role is handed over by whom may do that alone.
    text = refused(
        "AccessDeniedException", own.create_function, FunctionName=unique("f"), Role=role, Runtime="provided.al2023", Handler="x", Code={"ZipFile": package()}
    )
    assert "iam:PassRole" in text


def test_the_trail_has_the_record(server, echo):
    trail = server.client("cloudtrail")

    def records():
        found = trail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateFunction"}])["Events"]
        found = [json.loads(event["CloudTrailEvent"]) for event in found]
        return [record for record in found if (record["requestParameters"] or {}).get("functionName") == echo.name]

    [record] = until("the record", records, every=1)
    assert record["eventSource"] == "lambda.amazonaws.com" and "zipFile" not in json.dumps(record["requestParameters"]).replace('"zipFile": "HIDDEN', "")


def left(directory):
    """The processes of functions of the server in `directory`."""
    found = []
    for environ in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            text = environ.read_bytes()
        except OSError:
            continue
        if b"LAMBDA_RUNTIME_DIR=" + os.fsencode(directory) in text:
            found.append(environ.parent.name)
    return found


def test_events_outlive_a_kill_and_processes_do_not_outlive_a_stop(own_server, tmp_path):
    function = Function(own_server, tmp_path, "slow", make_role(own_server, "runner"))
    function.client.put_function_concurrency(FunctionName="slow", ReservedConcurrentExecutions=1)
    for number in range(4):
        function.invoke({"do": "sleep", "secs": 1, "n": number}, InvocationType="Event")
    until("the first", function.seen)
    assert left(own_server.data)
    own_server.kill()
    own_server.start()
    until("all", lambda: {event["n"] for event in function.seen()} == set(range(4)))
    # At another port.
    function.client = own_server.client("lambda")
    function.client.delete_function_concurrency(FunctionName="slow")
    assert function.invoke({"n": 9})[0]["StatusCode"] == 200 and left(own_server.data)
    own_server.stop()
    assert left(own_server.data) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is taken on by root alone")
@pytest.mark.parametrize("account", [None, "65534:65534"])
def test_functions_run_as_the_user_that_they_are_given(tmp_path, account):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        config = tmp_path / "shukuba.toml"
        config.write_text(f'[functions]\nenabled = true\ndir = "{folder}/functions"\n' + (f'account = "{account}"\n' if account else ""))
        server = Server(tmp_path, config=config)
        try:
            functions, secret = server.client("lambda"), str(server.data / "iam.log")
            functions.create_function(
                FunctionName="who", Role=make_role(server, "runner"), Runtime="provided.al2023", Handler="x", Code={"ZipFile": package(SHELL)},
                Environment={"Variables": {"WANTED": secret}},
            )
            answer = functions.invoke(FunctionName="who", LogType="Tail")
            assert json.load(answer["Payload"]) == {"uid": 65534 if account else os.geteuid(), "reads": account is None}
        finally:
            server.stop()


def test_a_data_directory_may_be_named_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = Server(".", surroundings=ON)
    try:
        function = Function(server, tmp_path, "here", make_role(server, "runner"))
        assert function.invoke({"n": 1})[1]["echo"] == {"n": 1}
    finally:
        server.stop()


def test_functions_are_off_by_default(tmp_path):
    server = Server(tmp_path)
    with pytest.raises(ClientError):
        server.client("lambda").list_functions()
    server.stop()


def test_a_backup_has_the_functions(own_server, tmp_path):
    Function(own_server, tmp_path, "kept", make_role(own_server, "runner"))
    copy = tmp_path / "copy"
    done = own_server.run("backup", str(copy), "--with-master-key")
    assert done.returncode == 0, done.stderr
    own_server.stop()
    own_server.data.rename(tmp_path / "gone")
    copy.rename(own_server.data)
    own_server.start()
    answer = own_server.client("lambda").invoke(FunctionName="kept")
    assert answer["StatusCode"] == 200 and "FunctionError" not in answer


def test_a_rate_fires_each_minute(clock):
    [seen, *_] = until("the minute", clock.seen, secs=90)
    assert (seen["source"], seen["detail-type"], seen["detail"]) == ("aws.events", "Scheduled Event", {})


def test_functions_are_measured(server, echo):
    import datetime

    cloudwatch, now = server.client("cloudwatch"), datetime.datetime.now(datetime.timezone.utc)

    def total(name, stat):
        answer = cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda", MetricName=name, Dimensions=[{"Name": "FunctionName", "Value": echo.name}], Statistics=[stat], Period=3600,
            StartTime=now - datetime.timedelta(hours=2), EndTime=now + datetime.timedelta(hours=1),
        )
        return sum(point[stat] for point in answer["Datapoints"])

    until("the count", lambda: total("Invocations", "Sum") >= 3, secs=90, every=1)
    assert total("Errors", "Sum") >= 1 and 0 < total("Duration", "Maximum") < 60_000
