"""Standard queues as boto3 sees them. Expectations: the SQS API Reference and Developer Guide."""

import hashlib
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from conftest import attribute, drain

# So long a message is hidden where a call must not see it: longer than a busy machine takes for two calls.
HIDDEN_SECS = 5


def code(error):
    return error.value.response["Error"]["Code"]


def test_a_message_comes_back_as_it_was_sent(sqs, queue):
    body = "postback éé 通知 \t\r\n <&>\"'"
    sent = sqs.send_message(QueueUrl=queue, MessageBody=body)
    assert sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    (message,) = drain(sqs, queue, 1)
    assert message["Body"] == body
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert attribute(sqs, queue, "ApproximateNumberOfMessagesNotVisible") == "0"


def md5_of_attributes(attributes):
    """The algorithm of the Developer Guide, written from its text."""
    digest = hashlib.md5()
    for name in sorted(attributes):
        value = attributes[name]
        for text in (name, value["DataType"]):
            digest.update(struct.pack(">I", len(text.encode())) + text.encode())
        if "StringValue" in value:
            raw = value["StringValue"].encode()
            digest.update(b"\x01")
        else:
            raw = value["BinaryValue"]
            digest.update(b"\x02")
        digest.update(struct.pack(">I", len(raw)) + raw)
    return digest.hexdigest()


def test_attributes_travel_with_their_md5(sqs, queue):
    attributes = {
        "tool": {"DataType": "String", "StringValue": "adjust"},
        "price": {"DataType": "Number.float", "StringValue": "1.99"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff\n"},
    }
    sent = sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes=attributes)
    assert sent["MD5OfMessageAttributes"] == md5_of_attributes(attributes)
    (message,) = drain(sqs, queue, 1, MessageAttributeNames=["All"])
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]


def test_only_the_attributes_asked_for_come(sqs, queue):
    attributes = {name: {"DataType": "String", "StringValue": name} for name in ("a.one", "a.two", "b")}
    sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes=attributes)
    (message,) = drain(sqs, queue, 1, MessageAttributeNames=["a.*"])
    assert sorted(message["MessageAttributes"]) == ["a.one", "a.two"]
    assert message["MD5OfMessageAttributes"] == md5_of_attributes({k: v for k, v in attributes.items() if k.startswith("a.")})


def test_system_attributes_say_when_and_how_often(sqs, queue):
    before = int(time.time() * 1000)
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    (message,) = drain(sqs, queue, 1, MessageSystemAttributeNames=["All"])
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert before - 1000 <= int(message["Attributes"]["SentTimestamp"]) <= int(time.time() * 1000) + 1000
    assert int(message["Attributes"]["ApproximateFirstReceiveTimestamp"]) >= int(message["Attributes"]["SentTimestamp"])
    assert message["Attributes"]["SenderId"]
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    (again,) = drain(sqs, queue, 1, AttributeNames=["ApproximateReceiveCount"])
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"}


def test_a_trace_header_travels(sqs, queue):
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    value = {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}
    sent = sqs.send_message(QueueUrl=queue, MessageBody="x", MessageSystemAttributes=value)
    assert sent["MD5OfMessageSystemAttributes"] == md5_of_attributes(value)
    (message,) = drain(sqs, queue, 1, MessageSystemAttributeNames=["AWSTraceHeader"])
    assert message["Attributes"]["AWSTraceHeader"] == header


def test_a_received_message_is_hidden_until_its_time(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    (message,) = drain(sqs, queue, 1, VisibilityTimeout=HIDDEN_SECS)
    assert sqs.receive_message(QueueUrl=queue).get("Messages", []) == []
    (again,) = drain(sqs, queue, 1)
    assert again["MessageId"] == message["MessageId"]
    assert again["ReceiptHandle"] != message["ReceiptHandle"]


def test_a_delayed_message_waits(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="later", DelaySeconds=HIDDEN_SECS)
    assert attribute(sqs, queue, "ApproximateNumberOfMessagesDelayed") == "1"
    assert sqs.receive_message(QueueUrl=queue).get("Messages", []) == []
    (message,) = drain(sqs, queue, 1)
    assert message["Body"] == "later"


def test_long_polling_answers_when_a_message_comes(server, sqs, queue, fifo):
    def receive(url):
        answer = server.client().receive_message(QueueUrl=url, WaitTimeSeconds=20)
        return [message["Body"] for message in answer.get("Messages", [])]

    with ThreadPoolExecutor() as threads:
        # Had the second waited to its end, the first would have before it, with nothing.
        first = threads.submit(receive, fifo)
        second = threads.submit(receive, queue)
        timer = threading.Timer(0.5, lambda: sqs.send_message(QueueUrl=queue, MessageBody="now"))
        timer.start()
        assert second.result() == ["now"]
        timer.join()
        sqs.send_message(QueueUrl=fifo, MessageBody="then", MessageGroupId="g", MessageDeduplicationId="d")
        assert first.result() == ["then"]


def test_a_batch_fails_in_parts(sqs, queue):
    entries = [
        {"Id": "good", "MessageBody": "a"},
        {"Id": "late", "MessageBody": "b", "DelaySeconds": 901},
        {"Id": "control", "MessageBody": "\u0000"},
    ]
    answer = sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    failed = {entry["Id"]: entry for entry in answer["Failed"]}
    assert failed["late"]["Code"] == "InvalidParameterValue" and failed["late"]["SenderFault"] is True
    assert failed["control"]["Code"] == "InvalidMessageContents"
    (message,) = drain(sqs, queue, 1)
    handles = [{"Id": "1", "ReceiptHandle": message["ReceiptHandle"]}, {"Id": "2", "ReceiptHandle": "nonsense"}]
    deleted = sqs.delete_message_batch(QueueUrl=queue, Entries=handles)
    assert [entry["Id"] for entry in deleted["Successful"]] == ["1"]
    assert [(entry["Id"], entry["Code"]) for entry in deleted["Failed"]] == [("2", "ReceiptHandleIsInvalid")]


@pytest.mark.parametrize(
    "entries, expected",
    [
        ([], "AWS.SimpleQueueService.EmptyBatchRequest"),
        ([{"Id": str(n), "MessageBody": "x"} for n in range(11)], "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
        ([{"Id": "a", "MessageBody": "x"}, {"Id": "a", "MessageBody": "y"}], "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "MessageBody": "x"}], "AWS.SimpleQueueService.InvalidBatchEntryId"),
        ([{"Id": str(n), "MessageBody": "x" * 300_000} for n in range(4)], "AWS.SimpleQueueService.BatchRequestTooLong"),
    ],
)
def test_a_batch_that_breaks_the_rules_is_refused_whole(sqs, queue, entries, expected):
    with pytest.raises(ClientError) as error:
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    assert code(error) == expected


def test_one_mebibyte_is_the_limit(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x" * 1_048_576)
    (message,) = drain(sqs, queue, 1)
    assert len(message["Body"]) == 1_048_576
    with pytest.raises(ClientError) as error:
        sqs.send_message(QueueUrl=queue, MessageBody="x" * 1_048_577)
    assert code(error) == "InvalidParameterValue"


@pytest.mark.parametrize(
    "call",
    [
        {"MaxNumberOfMessages": 11},
        {"MaxNumberOfMessages": 0},
        {"WaitTimeSeconds": 21},
        {"VisibilityTimeout": 43201},
    ],
)
def test_receive_refuses_what_is_out_of_range(sqs, queue, call):
    with pytest.raises(ClientError) as error:
        sqs.receive_message(QueueUrl=queue, **call)
    assert code(error) in ("InvalidParameterValue", "ReadCountOutOfRange", "AWS.SimpleQueueService.ReadCountOutOfRange")


def test_a_queue_that_is_not_there_is_the_modelled_error(sqs, queue):
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as error:
        sqs.send_message(QueueUrl=queue + "-not", MessageBody="x")
    assert code(error) == "AWS.SimpleQueueService.NonExistentQueue"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_create_again_is_the_same_queue_unless_attributes_differ(sqs, queue):
    name = queue.rsplit("/", 1)[1]
    assert sqs.create_queue(QueueName=name)["QueueUrl"] == queue
    with pytest.raises(ClientError) as error:
        sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "7"})
    assert code(error) == "QueueAlreadyExists"


@pytest.mark.parametrize(
    "name, attributes, expected",
    [
        ("has space", {}, "InvalidParameterValue"),
        ("x" * 81, {}, "InvalidParameterValue"),
        ("no-suffix", {"FifoQueue": "true"}, "InvalidParameterValue"),
        ("attr", {"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
        ("attr", {"MessageRetentionPeriod": "59"}, "InvalidAttributeValue"),
        ("attr", {"DelaySeconds": "soon"}, "InvalidAttributeValue"),
        ("attr", {"Colour": "blue"}, "InvalidAttributeName"),
    ],
)
def test_create_refuses_what_aws_refuses(sqs, name, attributes, expected):
    with pytest.raises(ClientError) as error:
        sqs.create_queue(QueueName=name, Attributes=attributes)
    assert code(error) == expected


def test_attributes_have_the_documented_defaults(server, sqs, queue):
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    expected = {
        "VisibilityTimeout": "30",
        "DelaySeconds": "0",
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "MaximumMessageSize": "1048576",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found["QueueArn"].startswith("arn:aws:sqs:" + server.environment["AWS_DEFAULT_REGION"] + ":")
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "7", "ReceiveMessageWaitTimeSeconds": "1"})
    assert attribute(sqs, queue, "VisibilityTimeout") == "7"


def test_tags_come_and_go(sqs, queue):
    sqs.tag_queue(QueueUrl=queue, Tags={"team": "infra", "tool": "adjust"})
    sqs.untag_queue(QueueUrl=queue, TagKeys=["tool"])
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"team": "infra"}


def test_permissions_become_a_policy(server, sqs, queue):
    account = queue.split("/")[-2]
    sqs.add_permission(QueueUrl=queue, Label="send", AWSAccountIds=[account], Actions=["SendMessage"])
    assert '"send"' in attribute(sqs, queue, "Policy")
    sqs.remove_permission(QueueUrl=queue, Label="send")
    with pytest.raises(ClientError):
        sqs.remove_permission(QueueUrl=queue, Label="send")


def test_purge_empties_once_a_minute(sqs, queue):
    for _ in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody="x")
    sqs.purge_queue(QueueUrl=queue)
    assert sqs.receive_message(QueueUrl=queue).get("Messages", []) == []
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress):
        sqs.purge_queue(QueueUrl=queue)


def test_lists_are_paged(sqs, queue):
    prefix = queue.rsplit("/", 1)[1] + "-page"
    urls = [sqs.create_queue(QueueName=f"{prefix}-{n}")["QueueUrl"] for n in range(5)]
    pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2})
    assert sorted(url for page in pages for url in page.get("QueueUrls", [])) == sorted(urls)
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


def test_a_deleted_queue_is_gone(sqs, queue):
    sqs.delete_queue(QueueUrl=queue)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName=queue.rsplit("/", 1)[1])
