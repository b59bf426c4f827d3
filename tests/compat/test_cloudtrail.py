"""The trail of calls, by boto3 and by aws-cli: looked up at once, delivered into a bucket, and validated by `aws cloudtrail
validate-logs`. What is expected stands in the CloudTrail API Reference and User Guide.
"""

import concurrent.futures
import gzip
import json
import pathlib
import subprocess
import sys
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from conftest import Server

AWS = str(pathlib.Path(sys.executable).parent / "aws")
WAIT_SECS_MAX = 60
FAST = {
    "SHUKUBA_TRAIL_FILE_EVERY": "1s",
    "SHUKUBA_TRAIL_DIGEST_EVERY": "2s",
    "SHUKUBA_TRAIL_LOOKUPS_PER_SECOND": "10000",
}


@pytest.fixture(scope="module")
def trailing(tmp_path_factory):
    """A server whose trails deliver every second."""
    running = Server(tmp_path_factory.mktemp("trailing"), surroundings=FAST)
    yield running
    running.stop()


@pytest.fixture
def own(tmp_path):
    """The same for one test, which may kill it."""
    running = Server(tmp_path, surroundings=FAST)
    yield running
    running.stop()


def until(what, ask):
    """Asks until the answer is one."""
    deadline = time.monotonic() + WAIT_SECS_MAX
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.1)


def refused(code, call, **options):
    with pytest.raises(ClientError) as error:
        call(**options)
    assert error.value.response["Error"]["Code"] == code, error.value.response["Error"]


def looked_up(trail, key, value):
    """The records of all events with the attribute, newest first."""
    pages = trail.get_paginator("lookup_events").paginate(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}])
    return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]


def account(server):
    return server.client().create_queue(QueueName="whose")["QueueUrl"].split("/")[-2]


def policy(bucket, account_id):
    """The policy of the user guide."""
    service = {"Service": "cloudtrail.amazonaws.com"}
    acl = {"Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"}
    condition = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    put = {
        "Effect": "Allow",
        "Principal": service,
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/{account_id}/*",
        "Condition": condition,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [acl, put]})


def make_bucket(server):
    s3, name = server.client("s3"), "logs-" + uuid.uuid4().hex[:8]
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=policy(name, account(server)))
    return name


def make_trail(server, **changes):
    """A trail that logs, with its bucket."""
    trail, bucket, name = server.client("cloudtrail"), make_bucket(server), "t-" + uuid.uuid4().hex[:8]
    made = trail.create_trail(**{"Name": name, "S3BucketName": bucket, "EnableLogFileValidation": True, **changes})
    trail.start_logging(Name=name)
    return made["TrailARN"], bucket


def keys(server, bucket, part):
    found = server.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
    return sorted(one["Key"] for one in found if part in one["Key"])


def records(server, bucket):
    """All records in the log files of a bucket."""
    s3, found = server.client("s3"), []
    for key in keys(server, bucket, "/CloudTrail/"):
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        found += json.loads(gzip.decompress(body))["Records"]
    return found


def digested(server, bucket):
    """The log files that stand in the digests of a bucket."""
    s3, found = server.client("s3"), set()
    for key in keys(server, bucket, "/CloudTrail-Digest/"):
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        found |= {one["s3Object"] for one in json.loads(gzip.decompress(body))["logFiles"]}
    return found


def aws(server, *arguments):
    return subprocess.run([AWS, *arguments], capture_output=True, text=True, timeout=180, env=server.shell_environment())


def test_every_call_is_looked_up_at_once(trailing):
    sqs, trail = trailing.client(), trailing.client("cloudtrail")
    name = "seen-" + uuid.uuid4().hex[:8]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    [record] = [one for one in looked_up(trail, "ResourceName", name) if one["eventName"] == "CreateQueue"]
    assert record["eventSource"] == "sqs.amazonaws.com"
    assert record["eventVersion"] == "1.11"
    assert record["requestParameters"]["queueName"] == name
    assert record["responseElements"]["queueUrl"] == url
    assert record["userIdentity"]["type"] == "IAMUser"
    assert record["sourceIPAddress"] == "127.0.0.1"
    assert record["readOnly"] is False
    assert "Boto3" in record["userAgent"]
    sqs.delete_queue(QueueUrl=url)
    names = [one["eventName"] for one in looked_up(trail, "ResourceName", name)]
    assert names[0] == "DeleteQueue"


def test_refused_and_unknown_calls_are_events_too(trailing):
    trail = trailing.client("cloudtrail")
    wrong = trailing.client(aws_secret_access_key="x" * 40)
    refused("SignatureDoesNotMatch", wrong.list_queues)
    key = "AKIA" + uuid.uuid4().hex[:16].upper()
    unknown = trailing.client(aws_access_key_id=key)
    with pytest.raises(ClientError):
        unknown.list_queues()
    [record] = looked_up(trail, "AccessKeyId", key)
    assert record["userIdentity"]["type"] == "Unknown"
    assert record["errorCode"] in ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId")
    with pytest.raises(ClientError):
        trailing.client().get_queue_attributes(QueueUrl=trailing.endpoint + "/123456789012/none-here")
    failed = [one for one in looked_up(trail, "EventName", "GetQueueAttributes") if one.get("errorCode")]
    assert "NonExistent" in failed[0]["errorCode"] or "DoesNotExist" in failed[0]["errorCode"]


def contents(folder):
    """Those of all files; read again where one is renamed meanwhile."""
    while True:
        try:
            found = [file.read_bytes() for file in folder.iterdir()]
        except FileNotFoundError:
            continue
        assert found
        return found


def test_secrets_and_bodies_are_in_no_record(trailing):
    sqs, trail = trailing.client(), trailing.client("cloudtrail")
    url = sqs.create_queue(QueueName="quiet-" + uuid.uuid4().hex[:8])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="s3cr3t-body")
    sqs.receive_message(QueueUrl=url)
    secret = trailing.environment["AWS_SECRET_ACCESS_KEY"].encode()
    for content in contents(trailing.data / "trail"):
        assert b"s3cr3t-body" not in content
        assert secret not in content
    assert looked_up(trail, "EventName", "SendMessage") == []


def test_a_trail_needs_a_bucket_that_lets_it_in(trailing):
    s3, trail, name = trailing.client("s3"), trailing.client("cloudtrail"), "b-" + uuid.uuid4().hex[:8]
    refused("S3BucketDoesNotExistException", trail.create_trail, Name="no-bucket", S3BucketName=name)
    s3.create_bucket(Bucket=name)
    refused("InsufficientS3BucketPolicyException", trail.create_trail, Name="no-bucket", S3BucketName=name)
    s3.put_bucket_policy(Bucket=name, Policy=policy(name, account(trailing)))
    trail.create_trail(Name="with-bucket", S3BucketName=name)
    trail.delete_trail(Name="with-bucket")


def test_the_life_of_a_trail_by_aws_cli(trailing):
    bucket = make_bucket(trailing)

    def run(*arguments):
        answer = aws(trailing, "cloudtrail", *arguments, "--output", "json")
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout or "{}")

    made = run("create-trail", "--name", "by-cli", "--s3-bucket-name", bucket, "--is-multi-region-trail", "--tags-list", "Key=a,Value=1")
    assert made["IsMultiRegionTrail"] and not made["LogFileValidationEnabled"]
    arn = made["TrailARN"]
    assert run("update-trail", "--name", "by-cli", "--enable-log-file-validation")["LogFileValidationEnabled"]
    run("start-logging", "--name", arn)
    assert run("get-trail-status", "--name", "by-cli")["IsLogging"]
    assert run("get-trail", "--name", arn)["Trail"]["S3BucketName"] == bucket
    assert "by-cli" in [one["Name"] for one in run("describe-trails")["trailList"]]
    assert arn in [one["TrailARN"] for one in run("list-trails")["Trails"]]
    chosen = '[{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": true, "DataResources": []}]'
    run("put-event-selectors", "--trail-name", "by-cli", "--event-selectors", chosen)
    assert run("get-event-selectors", "--trail-name", "by-cli")["EventSelectors"][0]["ReadWriteType"] == "WriteOnly"
    assert aws(trailing, "cloudtrail", "get-insight-selectors", "--trail-name", "by-cli").returncode != 0
    run("add-tags", "--resource-id", arn, "--tags-list", "Key=b,Value=2")
    run("remove-tags", "--resource-id", arn, "--tags-list", "Key=a")
    tags = run("list-tags", "--resource-id-list", arn)["ResourceTagList"][0]["TagsList"]
    assert tags == [{"Key": "b", "Value": "2"}]
    run("stop-logging", "--name", "by-cli")
    assert not run("get-trail-status", "--name", "by-cli")["IsLogging"]
    found = run("lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=StopLogging", "--max-items", "1")
    assert found["Events"][0]["Resources"][0]["ResourceName"] == "by-cli"
    run("delete-trail", "--name", "by-cli")


def validate(server, arn):
    return aws(server, "cloudtrail", "validate-logs", "--trail-arn", arn, "--start-time", "2026-01-01T00:00:00Z", "--verbose")


def test_validate_logs_accepts_what_is_whole_and_names_each_tampering(own):
    arn, bucket = make_trail(own)
    sqs, s3, trail = own.client(), own.client("s3"), own.client("cloudtrail")
    for number in range(3):
        before = len(keys(own, bucket, "/CloudTrail-Digest/"))
        sqs.create_queue(QueueName=f"q-{number}")
        until("a digest", lambda: len(keys(own, bucket, "/CloudTrail-Digest/")) >= before + 2)
    trail.stop_logging(Name=arn)
    until("the last event", lambda: "StopLogging" in [one["eventName"] for one in records(own, bucket)])
    until("the last digest", lambda: digested(own, bucket) == set(keys(own, bucket, "/CloudTrail/")))
    stable = [None]

    def is_stable():
        now, stable[0] = stable[0], keys(own, bucket, "/CloudTrail-Digest/")
        time.sleep(2)
        return now == stable[0]

    until("the end of the chain", is_stable)
    names = [one["eventName"] for one in records(own, bucket)]
    assert names.count("CreateQueue") == 3
    assert "StopLogging" in names
    whole = validate(own, arn)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    digests, logs = keys(own, bucket, "/CloudTrail-Digest/"), keys(own, bucket, "/CloudTrail/")
    assert f"{len(digests)}/{len(digests)} digest files valid" in whole.stdout, whole.stdout
    assert f"{len(logs)}/{len(logs)} log files valid" in whole.stdout, whole.stdout
    assert own.run("audit", "verify").returncode == 0

    def changed(key):
        found = s3.get_object(Bucket=bucket, Key=key)
        return gzip.compress(gzip.decompress(found["Body"].read()).replace(b"us", b"US").replace(b"eu", b"EU").replace(b"ap-", b"AP-")), found["Metadata"]

    middle = digests[len(digests) // 2]
    cases = [
        ("deleted log", logs[0], None),
        ("changed log", logs[0], changed),
        ("deleted digest", middle, None),
        ("changed digest", middle, changed),
    ]
    for what, key, change in cases:
        before = s3.get_object(Bucket=bucket, Key=key)
        body, metadata = before["Body"].read(), before["Metadata"]
        if change is None:
            s3.delete_object(Bucket=bucket, Key=key)
        else:
            new, same = change(key)
            s3.put_object(Bucket=bucket, Key=key, Body=new, Metadata=same)
        theirs, ours = validate(own, arn), own.run("audit", "verify")
        assert theirs.returncode == 1, f"{what}: {theirs.stdout}"
        assert key in theirs.stdout + theirs.stderr, f"{what}: {theirs.stdout}"
        assert ours.returncode == 1, f"{what}: {ours.stdout}"
        assert key in ours.stdout, f"{what}: {ours.stdout}"
        s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)
    # What AWS's command cannot see: it begins at the newest digest that is there.
    s3.delete_object(Bucket=bucket, Key=digests[-1])
    assert validate(own, arn).returncode == 0
    ours = own.run("audit", "verify")
    assert ours.returncode == 1
    assert digests[-1] in ours.stdout


def test_data_events_come_by_selector_without_bodies(own):
    arn, bucket = make_trail(own)
    sqs, trail = own.client(), own.client("cloudtrail")
    equals = lambda field, value: {"Field": field, "Equals": [value]}
    fields = [equals("eventCategory", "Data"), equals("resources.type", "AWS::SQS::Queue")]
    trail.put_event_selectors(TrailName=arn, AdvancedEventSelectors=[{"FieldSelectors": fields}])
    url = sqs.create_queue(QueueName="data")["QueueUrl"]
    sent = sqs.send_message(QueueUrl=url, MessageBody="s3cr3t-body")
    found = until("the event", lambda: [one for one in records(own, bucket) if one["eventName"] == "SendMessage"])
    assert found[0]["eventCategory"] == "Data"
    assert found[0]["managementEvent"] is False
    assert found[0]["resources"][0]["ARN"].endswith(":data")
    assert "s3cr3t-body" not in json.dumps(found)
    assert sent["MessageId"]
    assert "CreateQueue" not in [one["eventName"] for one in records(own, bucket)]


def test_calls_do_not_wait_for_the_bucket(own):
    arn, bucket = make_trail(own)
    sqs, s3, trail = own.client(), own.client("s3"), own.client("cloudtrail")
    s3.delete_bucket_policy(Bucket=bucket)
    sqs.create_queue(QueueName="meanwhile")
    error = until("the error", lambda: trail.get_trail_status(Name=arn).get("LatestDeliveryError"))
    assert error.startswith("AccessDenied")
    sqs.create_queue(QueueName="answered")
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, account(own)))
    wanted = {"meanwhile", "answered"}

    def delivered():
        made = [one for one in records(own, bucket) if one["eventName"] == "CreateQueue"]
        return wanted <= {one["requestParameters"]["queueName"] for one in made}

    until("both events", delivered)


def test_no_answered_event_is_lost_by_a_kill(own):
    def make(number):
        names = []
        sqs = own.client()
        try:
            for one in range(1000):
                name = f"k-{number}-{one}"
                sqs.create_queue(QueueName=name)
                names.append(name)
        except Exception:
            return names

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(make, number) for number in range(4)]
        until("some calls", lambda: any(one.done() for one in running) or len(looked_up(own.client("cloudtrail"), "EventName", "CreateQueue")) > 40)
        own.kill()
        answered = {name for one in running for name in one.result()}
    own.start()
    found = {one["requestParameters"]["queueName"] for one in looked_up(own.client("cloudtrail"), "EventName", "CreateQueue")}
    assert answered, "no call was answered before the kill"
    assert answered <= found
    assert own.run("audit", "verify").returncode == 0


def test_search_is_for_people(trailing):
    name = "found-" + uuid.uuid4().hex[:8]
    trailing.client().create_queue(QueueName=name)
    found = trailing.json("audit", "search", "--resource", name, "--writes")
    assert [one["eventName"] for one in found["events"]] == ["CreateQueue"]
    table = trailing.run("audit", "search", "--resource", name, "--service", "sqs")
    assert table.returncode == 0 and "sqs:CreateQueue" in table.stdout, table.stdout
    nothing = trailing.run("audit", "search", "--resource", "no-such-thing")
    assert nothing.returncode == 1 and "no call is like that" in nothing.stdout


def test_a_changed_record_and_a_cut_tail_are_named_without_a_server(own):
    sqs = own.client()
    for number in range(5):
        sqs.create_queue(QueueName=f"q-{number}")
    own.stop()
    whole = own.run("audit", "verify", "--output", "json")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    kept = own.directory / "report.json"
    kept.write_text(whole.stdout)
    [file] = (own.data / "trail").glob("management-*.trail")
    original = file.read_bytes()
    at = original.index(b'"q-2"')
    file.write_bytes(original[:at] + b'"q-7"' + original[at + 5 :])
    changed = own.run("audit", "verify", "--heads", str(kept))
    assert changed.returncode == 1, changed.stdout
    assert file.name in changed.stdout or "record" in changed.stdout, changed.stdout
    cut = original[: original.rindex(b'{"eventVersion"') - 60]
    file.write_bytes(cut + bytes(len(original) - len(cut)))
    missing = own.run("audit", "verify", "--heads", str(kept))
    assert missing.returncode == 1, missing.stdout
    assert "missing" in missing.stdout, missing.stdout
