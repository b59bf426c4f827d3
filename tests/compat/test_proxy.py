"""Behind a proxy that speaks TLS: who called is who the trusted proxy says, and nobody else's word counts."""

import json

import botocore.exceptions
import pytest
from conftest import Server

CONFIG = '[server]\ntrusted_proxies = ["127.0.0.1/32"]\n'
# Only from the office, only by TLS.
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ],
}


def started(directory, config):
    file = directory / "shukuba.toml"
    file.write_text(config)
    return Server(directory, file)


def clerk(server):
    """Calls of a user with the policy, through a proxy that writes these headers."""
    iam = server.client("iam")
    iam.create_user(UserName="clerk")
    iam.put_user_policy(UserName="clerk", PolicyName="Office", PolicyDocument=json.dumps(POLICY))
    key = iam.create_access_key(UserName="clerk")["AccessKey"]

    def call(headers):
        sqs = server.client(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
        sqs.meta.events.register("before-send.sqs", lambda request, **_: request.headers.update(headers))
        return sqs.list_queues()

    return call


def through(address, scheme="https"):
    return {"X-Forwarded-For": address, "X-Forwarded-Proto": scheme}


def test_a_trusted_proxy_says_who_called_and_how(tmp_path):
    server = started(tmp_path, CONFIG)
    try:
        call = clerk(server)
        call(through("192.0.2.7"))
        # What the client made up stands left of what the proxy wrote.
        call(through("198.51.100.1, 192.0.2.7"))
        for headers in [through("192.0.2.7", "http"), through("192.0.2.7, 198.51.100.1"), through("nonsense"), {}]:
            with pytest.raises(botocore.exceptions.ClientError, match="explicit deny in an identity-based policy"):
                call(headers)
        events = server.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ListQueues"}])
        seen = [json.loads(event["CloudTrailEvent"])["sourceIPAddress"] for event in events["Events"]]
        assert sorted(seen) == ["127.0.0.1", "127.0.0.1", "192.0.2.7", "192.0.2.7", "192.0.2.7", "198.51.100.1"]
    finally:
        server.stop()


def test_nobody_else_is_believed(tmp_path):
    server = started(tmp_path, "")
    try:
        with pytest.raises(botocore.exceptions.ClientError, match="explicit deny"):
            clerk(server)(through("192.0.2.7"))
    finally:
        server.stop()
