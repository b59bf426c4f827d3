#!/usr/bin/env python3
"""Writes crates/wire/tests/golden/: what requests and answers of three protocols are on the wire.

rpc-v2-cbor.txt: CloudWatch; requests and answers are written by botocore, whose serializer is the same for both.
ec2.txt: EC2; requests are written by botocore, answers by moto's serializer.
rest-json.txt: Lambda; the same, each a JSON object of method, target, headers and body, or of status, headers and body.

All from botocore's service models; nothing in the files comes from this project. Each answer is read back by botocore's
parser before it is written down. Run it with the environment of tests/compat after taking a newer botocore:

    .venv/bin/python scripts/wire-golden.py
"""

import base64
import json
import pathlib
import re
import types
import urllib.parse
from datetime import datetime, timezone

import botocore
import botocore.session
import moto
from botocore.awsrequest import HeadersDict, prepare_request_dict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from moto.core.serialize import EC2Serializer, RestJSONSerializer
from moto.core.utils import get_service_model

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "crates" / "wire" / "tests" / "golden"
SESSION = botocore.session.get_session()
# With a fraction, since botocore writes whole seconds as an integer and others as a double.
AT = datetime(2018, 1, 9, 20, 51, 21, 123000, tzinfo=timezone.utc)
# Of EC2's, which moto writes without.
LAUNCHED = AT.replace(microsecond=0)
TEXT = '<web> & "é+ ~日'

CLOUDWATCH = {
    "PutMetricData": (
        {
            "Namespace": TEXT,
            "MetricData": [
                {
                    "MetricName": "Latency",
                    "Dimensions": [{"Name": "Host", "Value": TEXT}, {"Name": "Zone", "Value": "a"}],
                    "Timestamp": AT,
                    "Value": 0.1,
                    "Unit": "Milliseconds",
                    "StorageResolution": 60,
                },
                {
                    "MetricName": "Sizes",
                    "StatisticValues": {"SampleCount": 4.0, "Sum": -1e300, "Minimum": 0.0, "Maximum": 5e-324},
                    "Values": [float(value) for value in range(30)],
                    "Counts": [1.5] * 30,
                    "StorageResolution": 1,
                },
            ],
            "StrictEntityValidation": False,
        },
        None,
    ),
    "GetMetricData": (
        {
            "MetricDataQueries": [{"Id": "m1", "Expression": TEXT, "ReturnData": True, "Period": 86400}],
            "StartTime": AT,
            "EndTime": AT,
            "NextToken": "n" * 300,
            "MaxDatapoints": 100_000,
        },
        {
            "MetricDataResults": [
                {
                    "Id": "m1",
                    "Label": TEXT,
                    "Timestamps": [AT] * 24,
                    "Values": [value / 8 for value in range(24)],
                    "StatusCode": "Complete",
                },
                {"Id": "m2", "Timestamps": [], "Values": []},
            ],
            "NextToken": "x" * 70_000,
        },
    ),
}

EC2 = {
    "DescribeInstances": (
        {
            "InstanceIds": ["i-1", "i-2"],
            "DryRun": False,
            "Filters": [
                {"Name": "tag:Name", "Values": ["web*", TEXT]},
                {"Name": "instance-state-code", "Values": ["16"]},
            ],
            "MaxResults": 1000,
        },
        {
            "NextToken": TEXT,
            "Reservations": [
                {
                    "ReservationId": "r-1",
                    "OwnerId": "123456789012",
                    "Groups": [],
                    "Instances": [
                        {
                            "InstanceId": "i-1",
                            "EbsOptimized": True,
                            "LaunchTime": LAUNCHED,
                            "State": {"Code": 16, "Name": "running"},
                            "Tags": [{"Key": "Name", "Value": TEXT}, {"Key": "empty", "Value": ""}],
                        }
                    ],
                }
            ],
        },
    ),
    "CreateTags": ({"Resources": ["i-1"], "Tags": [{"Key": "Name", "Value": TEXT}]}, None),
    "RunInstances": (
        {
            "ImageId": "ami-1",
            "MaxCount": 2,
            "MinCount": 1,
            "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "DeleteOnTermination": True}}],
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
        },
        None,
    ),
    "DescribeInstanceStatus": ({}, {"InstanceStatuses": []}),
}

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:resize"
LAMBDA = {
    "Invoke": (
        {
            "FunctionName": FUNCTION + ":live",
            "InvocationType": "RequestResponse",
            "LogType": "Tail",
            "Payload": TEXT.encode(),
            "Qualifier": "a b+c/d",
        },
        {
            "StatusCode": 200,
            "FunctionError": "Unhandled",
            "LogResult": "U1RBUlQ=",
            "Payload": b'{"errorMessage": "no"}',
            "ExecutedVersion": "$LATEST",
        },
    ),
    "CreateFunction": (
        {
            "FunctionName": "resize",
            "Role": "arn:aws:iam::123456789012:role/r",
            "Code": {"ZipFile": b"PK\x05\x06"},
            "Timeout": 3,
            "Publish": True,
            "Environment": {"Variables": {"KEY": TEXT}},
        },
        {"FunctionName": "resize", "CodeSize": 22, "Timeout": 3},
    ),
    "ListFunctions": ({"MaxItems": 50}, {"Functions": [{"FunctionName": "resize"}]}),
    "UntagResource": ({"Resource": FUNCTION, "TagKeys": ["team", TEXT]}, None),
    "ListTags": ({"Resource": FUNCTION}, {"Tags": {"team": "ads"}}),
    "DeleteFunction": ({"FunctionName": "resize", "Qualifier": "1"}, {"StatusCode": 204}),
    "ListDurableExecutionsByFunction": (
        {
            "FunctionName": "resize",
            "Statuses": ["RUNNING", "FAILED"],
            "StartedAfter": LAUNCHED,
            "ReverseOrder": True,
        },
        {"NextMarker": TEXT},
    ),
    "SendDurableExecutionCallbackFailure": (
        {"CallbackId": "a/b", "Error": {"ErrorMessage": TEXT, "StackTrace": ["one", "two"]}},
        {},
    ),
    "PutFunctionConcurrency": (
        {"FunctionName": "resize", "ReservedConcurrentExecutions": 7},
        {"ReservedConcurrentExecutions": 7},
    ),
}


def plain(given):
    """As JSON has it: moments as seconds."""
    if isinstance(given, dict):
        return {key: plain(inner) for key, inner in given.items()}
    if isinstance(given, list):
        return [plain(inner) for inner in given]
    if isinstance(given, bytes):
        return base64.b64encode(given).decode()
    return given.timestamp() if isinstance(given, datetime) else given


def read_back(protocol, body, operation, given, headers=None, status=200):
    """Checks that botocore reads what was given in `body`."""
    response = {"headers": HeadersDict(headers or {}), "status_code": status, "body": body}
    read = create_parser(protocol).parse(response, operation.output_shape)
    read.pop("ResponseMetadata", None)
    # A payload of bytes is read as a text, or as a stream.
    read = {name: value.read() if hasattr(value, "read") else value for name, value in read.items()}
    read = {name: value.encode() if isinstance(given[name], bytes) else value for name, value in read.items()}
    assert plain(read) == plain(given), (read, given)


def cbor(service):
    serializer = create_serializer("smithy-rpc-v2-cbor", include_validation=False)
    for name, (given, answered) in CLOUDWATCH.items():
        operation = service.operation_model(name)
        body = b""
        if answered is not None:
            body = serializer._serialize_body_params(answered, operation.output_shape)
            read_back("smithy-rpc-v2-cbor", body, operation, answered)
        yield [name, given, serializer.serialize_to_request(given, operation)["body"].hex(), answered, body.hex()]


def ec2(service):
    theirs = get_service_model("ec2")
    for name, (given, answered) in EC2.items():
        operation = service.operation_model(name)
        request = create_serializer("ec2", include_validation=False).serialize_to_request(given, operation)
        context = types.SimpleNamespace(request_id="REQUEST")
        body = EC2Serializer(theirs.operation_model(name), context).serialize(answered or {})["body"]
        if answered is not None:
            read_back("ec2", body.encode(), operation, answered)
        # Empty elements as a pair of tags.
        xml = re.sub(r"<(\w+)/>", r"<\1></\1>", body).split("\n", 1)[-1]
        yield [name, given, urllib.parse.urlencode(request["body"]), answered, xml]


def rest(service):
    theirs = get_service_model("lambda")
    for name, (given, answered) in LAMBDA.items():
        operation = service.operation_model(name)
        request = create_serializer("rest-json", include_validation=False).serialize_to_request(given, operation)
        prepare_request_dict(request, "https://lambda")
        body = request["body"] or b""
        sent = {
            "method": request["method"],
            "target": request["url"].removeprefix("https://lambda"),
            "headers": {key: value for key, value in request["headers"].items() if key != "User-Agent"},
            "body": body.decode() if isinstance(body, bytes) else body,
        }
        context = types.SimpleNamespace(request_id="REQUEST")
        answer = RestJSONSerializer(theirs.operation_model(name), context).serialize(answered or {})
        status = (answered or {}).get("StatusCode", operation.http["responseCode"])
        headers = {key.lower(): value for key, value in answer["headers"].items() if key.lower() != "content-type"}
        headers.pop("x-amzn-requestid", None)
        body = answer["body"] if isinstance(answer["body"], bytes) else answer["body"].encode()
        if status == 204:
            body = b""
        if answered is not None:
            read_back("rest-json", body, operation, answered, headers, status)
        back = {"status": status, "headers": headers, "body": body.decode()}
        yield [name, given, json.dumps(sent, ensure_ascii=False), answered, json.dumps(back, ensure_ascii=False)]


def write(file, rows, who):
    lines = [
        f"# Written by scripts/wire-golden.py with {who}.",
        "# Five lines each: operation, request as JSON, as sent, answer as JSON, as sent.",
    ]
    for name, given, request, answered, answer in rows:
        lines += [name, json.dumps(plain(given), ensure_ascii=False), request]
        lines += [json.dumps(plain(answered or {}), ensure_ascii=False), answer]
    (FOLDER / file).write_text("\n".join(lines) + "\n")


def main():
    mine = f"botocore {botocore.__version__}"
    write("rpc-v2-cbor.txt", cbor(SESSION.get_service_model("cloudwatch")), mine)
    write("rest-json.txt", rest(SESSION.get_service_model("lambda")), f"{mine} and moto {moto.__version__}")
    write("ec2.txt", ec2(SESSION.get_service_model("ec2")), f"{mine} and moto {moto.__version__}")


main()
