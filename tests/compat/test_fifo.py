"""FIFO queues: order, exclusivity in a group, five minutes of deduplication."""

import pytest
from botocore.exceptions import ClientError
from conftest import drain


def send(sqs, url, body, group, dedup=None):
    return sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=dedup or body)


def test_order_holds_within_a_group(sqs, fifo):
    for n in range(25):
        send(sqs, fifo, str(n), "g")
    seen = []
    while len(seen) < 25:
        messages = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10, WaitTimeSeconds=2).get("Messages", [])
        assert messages, seen
        for message in messages:
            seen.append(int(message["Body"]))
            sqs.delete_message(QueueUrl=fifo, ReceiptHandle=message["ReceiptHandle"])
    assert seen == list(range(25))


def test_a_group_in_flight_is_closed_and_others_are_open(sqs, fifo):
    send(sqs, fifo, "a1", "a")
    send(sqs, fifo, "a2", "a")
    send(sqs, fifo, "b1", "b")
    (first,) = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=1)["Messages"]
    assert first["Body"] == "a1"
    (other,) = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10)["Messages"]
    assert other["Body"] == "b1"
    sqs.delete_message(QueueUrl=fifo, ReceiptHandle=first["ReceiptHandle"])
    (second,) = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10)["Messages"]
    assert second["Body"] == "a2"


def test_a_duplicate_answers_like_the_first_and_is_not_delivered(sqs, fifo):
    first = send(sqs, fifo, "one", "g", "same")
    second = send(sqs, fifo, "two", "g", "same")
    assert second["MessageId"] == first["MessageId"]
    assert second["SequenceNumber"] == first["SequenceNumber"]
    (message,) = drain(sqs, fifo, 1)
    assert message["Body"] == "one"
    sqs.delete_message(QueueUrl=fifo, ReceiptHandle=message["ReceiptHandle"])
    assert sqs.receive_message(QueueUrl=fifo, WaitTimeSeconds=1).get("Messages", []) == []


def test_content_can_be_the_deduplication_id(sqs, fifo):
    with pytest.raises(ClientError) as error:
        sqs.send_message(QueueUrl=fifo, MessageBody="x", MessageGroupId="g")
    assert error.value.response["Error"]["Code"] == "InvalidParameterValue"
    sqs.set_queue_attributes(QueueUrl=fifo, Attributes={"ContentBasedDeduplication": "true"})
    ids = {sqs.send_message(QueueUrl=fifo, MessageBody="x", MessageGroupId="g")["MessageId"] for _ in range(2)}
    assert len(ids) == 1


def test_a_group_is_required(sqs, fifo):
    with pytest.raises(ClientError) as error:
        sqs.send_message(QueueUrl=fifo, MessageBody="x", MessageDeduplicationId="d")
    assert error.value.response["Error"]["Code"] == "MissingParameter"


def test_sequence_numbers_rise(sqs, fifo):
    numbers = [int(send(sqs, fifo, str(n), "g")["SequenceNumber"]) for n in range(3)]
    assert numbers == sorted(set(numbers))
    (message,) = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=1, AttributeNames=["All"])["Messages"]
    assert message["Attributes"]["MessageGroupId"] == "g"
    assert message["Attributes"]["MessageDeduplicationId"] == "0"
    assert message["Attributes"]["SequenceNumber"] == str(numbers[0]) or int(message["Attributes"]["SequenceNumber"]) == numbers[0]


def test_the_same_receive_attempt_gives_the_same_messages(sqs, fifo):
    send(sqs, fifo, "x", "g")
    first = sqs.receive_message(QueueUrl=fifo, ReceiveRequestAttemptId="try-1")["Messages"]
    again = sqs.receive_message(QueueUrl=fifo, ReceiveRequestAttemptId="try-1")["Messages"]
    assert [m["MessageId"] for m in first] == [m["MessageId"] for m in again]


def test_a_message_cannot_be_delayed_alone(sqs, fifo):
    with pytest.raises(ClientError) as error:
        sqs.send_message(QueueUrl=fifo, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="d", DelaySeconds=5)
    assert error.value.response["Error"]["Code"] == "InvalidParameterValue"
