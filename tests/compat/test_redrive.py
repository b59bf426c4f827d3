"""Dead-letter queues, redrive permissions and message move tasks."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError
from conftest import attribute, drain

from watching import until


@pytest.fixture
def pair(sqs):
    """A source with a dead-letter queue behind it, after two receives."""
    name = "t-" + uuid.uuid4().hex[:12]
    dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
    arn = attribute(sqs, dead, "QueueArn")
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
    source = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"})["QueueUrl"]
    yield source, dead
    for url in (source, dead):
        sqs.delete_queue(QueueUrl=url)


def fail_until_dead(sqs, source, dead, count):
    for _ in range(20):
        sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10)
        if attribute(sqs, dead, "ApproximateNumberOfMessages") == str(count):
            return
    raise AssertionError("the messages did not become dead letters")


def test_a_message_received_too_often_moves(sqs, pair):
    source, dead = pair
    sent = sqs.send_message(QueueUrl=source, MessageBody="poison")
    fail_until_dead(sqs, source, dead, 1)
    (message,) = drain(sqs, dead, 1, AttributeNames=["All"])
    assert message["MessageId"] == sent["MessageId"]
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == attribute(sqs, source, "QueueArn")
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [source]


def test_a_move_task_brings_them_home(sqs, pair):
    source, dead = pair
    for n in range(12):
        sqs.send_message(QueueUrl=source, MessageBody=str(n))
    fail_until_dead(sqs, source, dead, 12)
    arn = attribute(sqs, dead, "QueueArn")
    assert sqs.start_message_move_task(SourceArn=arn)["TaskHandle"]

    def completed():
        (task,) = sqs.list_message_move_tasks(SourceArn=arn)["Results"]
        return task if task["Status"] == "COMPLETED" else None

    assert until("its end", completed)["ApproximateNumberOfMessagesMoved"] == 12
    assert attribute(sqs, source, "ApproximateNumberOfMessages") == "12"


def test_a_slow_move_task_can_be_cancelled(sqs, pair):
    source, dead = pair
    for n in range(20):
        sqs.send_message(QueueUrl=source, MessageBody=str(n))
    fail_until_dead(sqs, source, dead, 20)
    arn = attribute(sqs, dead, "QueueArn")
    handle = sqs.start_message_move_task(SourceArn=arn, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    with pytest.raises(ClientError):
        sqs.start_message_move_task(SourceArn=arn)
    moved = sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    assert moved < 20


def test_the_dead_letter_queue_may_refuse_a_source(sqs, pair):
    source, dead = pair
    allow = json.dumps({"redrivePermission": "denyAll"})
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": allow})
    policy = json.dumps({"deadLetterTargetArn": attribute(sqs, dead, "QueueArn"), "maxReceiveCount": 5})
    with pytest.raises(ClientError):
        sqs.set_queue_attributes(QueueUrl=source, Attributes={"RedrivePolicy": policy})
