"""What the door refuses, in the protocol's own words: signatures, unknown calls, malformed input."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import ClientError


def credentials(server, **changes):
    values = server.environment
    secret = changes.get("secret", values["AWS_SECRET_ACCESS_KEY"])
    return botocore.credentials.Credentials(changes.get("key", values["AWS_ACCESS_KEY_ID"]), secret)


def call(server, body, headers, method="POST", path="/", auth=botocore.auth.SigV4Auth, **changes):
    """Signs with botocore and sends; returns (status, headers, body)."""
    url = server.endpoint + path
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=headers)
    auth(credentials(server, **changes), changes.get("service", "sqs"), server.environment["AWS_DEFAULT_REGION"]).add_auth(request)
    prepared = request.prepare()
    changes.get("tamper", lambda _: None)(prepared)
    sending = urllib.request.Request(prepared.url, data=prepared.body, headers=dict(prepared.headers), method=method)
    try:
        with urllib.request.urlopen(sending, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


def json_headers(operation):
    return {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{operation}", "x-amzn-query-mode": "true"}


def test_health_needs_no_signature(server):
    with urllib.request.urlopen(server.endpoint + "/_shukuba/health") as answer:
        assert answer.status == 200


def test_a_wrong_secret_is_refused_with_the_canonical_string(server):
    client = server.client(aws_secret_access_key="wrong")
    with pytest.raises(ClientError) as error:
        client.list_queues()
    assert error.value.response["Error"]["Code"] in ("SignatureDoesNotMatch", "InvalidSignatureException")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert "canonical" in error.value.response["Error"]["Message"].lower()


def test_an_unknown_key_is_refused(server):
    client = server.client(aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
    with pytest.raises(ClientError) as error:
        client.list_queues()
    assert error.value.response["Error"]["Code"] in ("InvalidClientTokenId", "UnrecognizedClientException")


def test_no_signature_is_refused(server):
    request = urllib.request.Request(server.endpoint + "/", data=b"{}", headers=json_headers("ListQueues"))
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.code == 403
    assert b"com.amazon.coral.service#MissingAuthenticationTokenException" in error.value.read()
    assert error.value.headers["x-amzn-query-error"] == "MissingAuthenticationToken;Sender"


def test_a_changed_body_is_refused(server):
    def tamper(prepared):
        prepared.body = b'{"QueueNamePrefix":"b"}'

    status, _, body = call(server, b'{"QueueNamePrefix":"a"}', json_headers("ListQueues"), tamper=tamper)
    assert status == 403, body


def test_json_errors_carry_all_three_names(server):
    status, headers, body = call(server, b'{"QueueName":"not-there"}', json_headers("GetQueueUrl"))
    assert status == 400
    assert json.loads(body)["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"
    assert headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert headers["x-amzn-requestid"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"QueueName":7}', b'{"QueueName":"\xff"}', b"{" * 5000])
def test_malformed_json_is_an_error_and_nothing_more(server, body):
    status, _, answer = call(server, body, json_headers("GetQueueUrl"))
    assert status == 400, answer
    assert "__type" in json.loads(answer)


def test_an_unknown_operation_is_named(server):
    status, _, body = call(server, b"{}", json_headers("FlyToTheMoon"))
    assert status in (400, 404)
    assert json.loads(body)["__type"].endswith("UnknownOperationException")


def query(server, parameters, **options):
    body = urllib.parse.urlencode(parameters).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    status, headers, body = call(server, body, headers, **options)
    return status, ElementTree.fromstring(body)


NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"


def test_the_query_protocol_sends_and_receives(server):
    base = {"Version": "2012-11-05"}
    status, answer = query(server, {**base, "Action": "CreateQueue", "QueueName": "query-door", "Attribute.1.Name": "VisibilityTimeout", "Attribute.1.Value": "5"})
    assert status == 200
    url = answer.find(f".//{NAMESPACE}QueueUrl").text
    sending = {
        **base, "Action": "SendMessage", "QueueUrl": url, "MessageBody": "a & b",
        "MessageAttribute.1.Name": "tool", "MessageAttribute.1.Value.DataType": "String", "MessageAttribute.1.Value.StringValue": "adjust",
    }
    status, answer = query(server, sending)
    assert status == 200 and answer.find(f".//{NAMESPACE}MessageId") is not None
    receiving = {**base, "Action": "ReceiveMessage", "QueueUrl": url, "MessageAttributeName.1": "All", "AttributeName.1": "All"}
    status, answer = query(server, receiving)
    assert answer.find(f".//{NAMESPACE}Body").text == "a & b"
    assert answer.find(f".//{NAMESPACE}MessageAttribute/{NAMESPACE}Name").text == "tool"
    status, answer = query(server, {**base, "Action": "DeleteQueue", "QueueUrl": url})
    assert status == 200


def test_query_errors_are_xml(server):
    status, answer = query(server, {"Version": "2012-11-05", "Action": "GetQueueUrl", "QueueName": "not-there"})
    assert status == 400
    assert answer.find(f".//{NAMESPACE}Code").text == "AWS.SimpleQueueService.NonExistentQueue"
    assert answer.find(f".//{NAMESPACE}Type").text == "Sender"
    status, answer = query(server, {"Version": "2012-11-05", "Action": "Nothing"})
    assert status == 400 and answer.find(".//{*}Code").text == "InvalidAction"


def test_a_presigned_call_works_until_it_is_changed(server):
    parameters = urllib.parse.urlencode({"Action": "ListQueues", "Version": "2012-11-05"})
    request = botocore.awsrequest.AWSRequest(method="GET", url=f"{server.endpoint}/?{parameters}")
    signer = botocore.auth.SigV4QueryAuth(credentials(server), "sqs", server.environment["AWS_DEFAULT_REGION"], expires=60)
    signer.add_auth(request)
    with urllib.request.urlopen(request.url) as answer:
        assert b"ListQueuesResponse" in answer.read()
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request.url.replace("ListQueues", "CreateQueue"))
    assert error.value.code == 403


def test_a_body_that_is_too_large_is_cut_off(server):
    """Signed and in form, but announcing a tebibyte: refused from the head alone."""
    request = botocore.awsrequest.AWSRequest(method="POST", url=server.endpoint + "/", data=b"{}", headers=json_headers("ListQueues"))
    botocore.auth.SigV4Auth(credentials(server), "sqs", server.environment["AWS_DEFAULT_REGION"]).add_auth(request)
    headers = dict(request.prepare().headers)
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.endpoint).netloc, timeout=20)
    connection.putrequest("POST", "/")
    for name, value in {**headers, "Content-Length": str(1 << 40)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
