#!/usr/bin/env python3
"""Writes crates/wire/tests/golden/: what requests and answers of two protocols are on the wire.

rpc-v2-cbor.txt: CloudWatch; requests and answers are written by botocore, whose serializer is the same for both.
ec2.txt: EC2; requests are written by botocore, answers by moto's serializer.

All from botocore's service models; nothing in the files comes from this project. Each answer is read back by botocore's
parser before it is written down. Run it with the environment of tests/compat after taking a newer botocore:

    .venv/bin/python scripts/wire-golden.py
"""

import json
import pathlib
import re
import types
import urllib.parse
from datetime import datetime, timezone

import botocore
import botocore.session
import moto
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from moto.core.serialize import EC2Serializer
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


def plain(given):
    """As JSON has it: moments as seconds."""
    if isinstance(given, dict):
        return {key: plain(inner) for key, inner in given.items()}
    if isinstance(given, list):
        return [plain(inner) for inner in given]
    return given.timestamp() if isinstance(given, datetime) else given


def read_back(protocol, body, operation, given):
    """Checks that botocore reads what was given in `body`."""
    response = {"headers": {}, "status_code": 200, "body": body}
    read = create_parser(protocol).parse(response, operation.output_shape)
    read.pop("ResponseMetadata", None)
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
    write("ec2.txt", ec2(SESSION.get_service_model("ec2")), f"{mine} and moto {moto.__version__}")


main()
